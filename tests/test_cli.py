import csv
import itertools
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from invitekit.ingest import stores
from invitekit.model import schema
from tests.conftest import Run

COMMAND = str(Path(sys.executable).with_name("invitekit"))
CANARY = "canary.person@example.com"
HEADER = "Customer Full Name,Account Name,Email,Invitation Method,Status,Failure Cause,Invitation Time\n"
ROWS = (
    f"Ann Example,ann,{CANARY},Email,Invited,,2026-03-01 09:00:00\n"
    "Bea Example,bea,bea@example.com,Email,Association failed,The invitation link has expired.,2026-03-02 09:00:00\n"
    "Cem Example,cem,cem@example.com,Link,Associated,,2026-03-03 09:00:00\n"
)
REFUSED = f"Dot Example,dot,of.{CANARY},Email,Invited,,2026-02-30 09:00:00\n"


def start(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *map(str, words)], capture_output=True, text=True, check=False)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "history_2026-03-30.csv"
    path.write_text(HEADER + ROWS + REFUSED, encoding="utf-8")
    return path


def test_the_installed_command_prints_one_json_object(export: Path) -> None:
    found = json.loads(start("check", export, "--json").stdout)
    assert (found["rows_read"], found["records"], found["rejects"]) == (4, 3, 1)
    assert found["files"][0]["headers"]["Account Name"] == "account_name"
    assert found["files"][0]["snapshot_at"] == "2026-03-30 00:00:00"


def test_check_prints_what_was_read_and_writes_what_was_refused(run: Run, export: Path, tmp_path: Path) -> None:
    found = run("check", export, "-o", tmp_path / "refused.csv")
    assert found.returncode == 0
    assert "4 rows read = 3 records + 1 reject " in found.stdout
    assert "1 rejected: Invitation Time is not a valid date or time: no such day or time of day." in found.stdout
    assert "Customer Full Name" in found.stdout
    row = pl.read_csv(tmp_path / "refused.csv").select("source_row", "column", "reason").row(0)
    assert row == (5, "invited_at", "is not a valid date or time: no such day or time of day")
    assert stat.S_IMODE((tmp_path / "refused.csv").stat().st_mode) == 0o600
    assert run("check", export, "--strict").returncode == 1


@pytest.mark.parametrize("extension", [".parquet", ".csv", ".xlsx"])
def test_annotate_writes_every_record_and_reads_it_back(run: Run, export: Path, tmp_path: Path, extension: str) -> None:
    target = tmp_path / f"annotated{extension}"
    found = run("annotate", export, "--as-of", "2026-03-30", "-o", target, "--json")
    assert json.loads(found.stdout)["by_cause"] == {"link_expired": 1}
    again = json.loads(run("annotate", target, "--as-of", "2026-03-30", "--json").stdout)
    assert again["records"] == 3
    assert again["by_status"] == {"associated": 1, "association_failed": 1, "expired": 1}
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.parametrize("extension", [".csv", ".xlsx"])
def test_a_header_that_is_a_formula_is_escaped(run: Run, tmp_path: Path, extension: str) -> None:
    link = '"=HYPERLINK(""http://x.example"",""see"")"'
    source = tmp_path / "formulas.csv"
    source.write_text(f"Account,Status,{link},@sum,'@sum,+49\nann,Invited,a,b,c,d\n")
    target = tmp_path / f"safe{extension}"
    assert run("annotate", source, "-o", target).returncode == 0
    headers: tuple[str, ...] | list[str]
    cells: tuple[str, ...] | list[str]
    if extension == ".csv":
        headers, cells = csv.reader(target.read_text("utf-8-sig").splitlines())
    else:
        headers, cells = pl.read_excel(target, has_header=False).rows()
    extras = {"""'=HYPERLINK("http://x.example","see")""": "a", "'@sum": "b", "'@sum (2)": "c", "'+49": "d"}
    assert {h: c for h, c in zip(headers, cells, strict=True) if h not in schema.BY_NAME} == extras
    again = json.loads(run("check", target, "--json").stdout)
    assert (again["records"], again["files"][0]["headers"]["account_name"]) == (1, "account_name")


def test_counts_over_several_snapshots_get_a_note(run: Run, export: Path) -> None:
    (export.parent / "history_2026-04-06.csv").write_bytes(export.read_bytes())
    assert "Records: of 2 snapshots together." in run("annotate", export.parent, "--as-of", "2026-04-06").stdout
    assert "snapshots" not in run("annotate", export, "--as-of", "2026-04-06").stdout


def test_annotate_writes_chinese(run: Run, export: Path) -> None:
    assert "伙伴" in run("annotate", export, "--as-of", "2026-03-30", "--language", "zh").stdout


def test_an_existing_file_is_kept_without_overwrite(run: Run, export: Path, tmp_path: Path) -> None:
    target = tmp_path / "there.csv"
    target.write_text("mine")
    refused = run("annotate", export, "-o", target)
    assert refused.returncode == 1
    assert target.read_text() == "mine"
    assert run("annotate", export, "-o", target, "--overwrite").returncode == 0
    assert target.read_text() != "mine"


def test_a_source_is_never_overwritten(run: Run, export: Path) -> None:
    before = export.read_bytes()
    found = run("annotate", export, "-o", export, "--overwrite")
    assert found.returncode == 1
    assert "is a source" in found.stderr
    assert export.read_bytes() == before


@pytest.mark.parametrize("verb", ["check", "annotate", "plan", "trend", "export"])
def test_no_result_is_written_where_the_next_run_reads(run: Run, export: Path, tmp_path: Path, verb: str) -> None:
    target = export.parent / "result.csv"
    for source in (export.parent, export.parent / "*.csv"):
        found = run(verb, source, "-o", target)
        assert (found.returncode, target.exists()) == (1, False)
        assert "'result.csv' would be read by the next run, as an export." in found.stderr
    (tmp_path / "elsewhere").mkdir()
    assert run(verb, export.parent, "-o", tmp_path / "elsewhere" / "result.csv").returncode == 0


def test_a_page_beside_the_sources_is_only_read_by_a_pattern_of_any_file(run: Run, export: Path) -> None:
    for source in (export.parent, export.parent / "*.csv"):
        page = export.parent / "page.html"
        assert run("check", source, "-o", page, "--overwrite").returncode == 0
    found = run("check", export.parent / "*", "-o", export.parent / "again.html")
    assert "'again.html' would be read by the next run" in found.stderr


def test_batches_are_not_written_where_the_next_run_would_read_them(run: Run, export: Path) -> None:
    found = run("plan", export.parent, "--batch-dir", export.parent)
    assert "'00_read_me_first.txt' would be read by the next run, as an export." in found.stderr
    assert [*export.parent.iterdir()] == [export]
    assert run("plan", export.parent, "--batch-dir", export.parent / "batches").returncode == 0
    assert json.loads(run("check", export.parent, "--json").stdout)["rows_read"] == 4


@pytest.mark.parametrize(
    ("verb", "option"),
    [*itertools.product(["check", "annotate", "plan"], ["--messages", "--catalogue"]), ("plan", "--rules")],
)
def test_other_inputs_are_never_overwritten(run: Run, export: Path, tmp_path: Path, verb: str, option: str) -> None:
    texts = {
        "--rules": "batch_size = 1\n",
        "--messages": "Account,Failure Cause\nann,Something else\n",
        "--catalogue": '[[failure]]\ncode = "holiday"\nmessage_en = "On holiday."\ncause_en = "Away."\n'
        'advice_en = "Wait."\nwho_acts = "customer"\nresend_rule = "after_customer_acts"\n',
    }
    given = tmp_path / "input.csv"
    given.write_text(texts[option])
    (tmp_path / "link.csv").symlink_to(given)
    for target in (given, tmp_path / "link.csv"):
        found = run(verb, export, option, given, "-o", target, "--overwrite")
        assert (found.returncode, len(found.stderr.splitlines())) == (1, 1)
        assert "is a source of this very run" in found.stderr
    assert given.read_text() == texts[option]


def test_signals_while_a_file_is_written_leave_nothing_behind(tmp_path: Path) -> None:
    places = {place: tmp_path / place for place in ("out", "temporary")}
    for place in places.values():
        place.mkdir()
    (tmp_path / "long.csv").write_text(HEADER + ROWS.splitlines(keepends=True)[0] * 40_000)
    words = [COMMAND, "annotate", str(tmp_path / "long.csv"), "-o", str(places["out"] / "out.xlsx")]
    environment = os.environ | {"TMPDIR": str(places["temporary"])}
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment) as process:
        until = time.monotonic() + 60
        while not list(places["out"].glob(".out.xlsx.*.part/*")) and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGHUP)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + signal.SIGHUP
    assert said == "invitekit: stopped by SIGHUP; nothing was left half written.\n"
    assert {name: list(place.iterdir()) for name, place in places.items()} == {"out": [], "temporary": []}


def test_a_signal_stops_a_load_on_disk_and_leaves_no_scratch(tmp_path: Path) -> None:
    scratch = tmp_path / "temporary"
    scratch.mkdir()
    (tmp_path / "long.csv").write_text(HEADER + ROWS.splitlines(keepends=True)[0] * 400_000)
    on_disk = (
        "import invitekit.cli as c, invitekit.ingest.stores as s; "
        "s.ALWAYS_FITS = s.IN_MEMORY = 0; s.free_memory = lambda: 0; c.main()"
    )
    words = [sys.executable, "-c", on_disk, "check", str(tmp_path / "long.csv")]
    environment = os.environ | {"TMPDIR": str(scratch)}
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment) as process:
        until = time.monotonic() + 60
        while not list(scratch.glob("invitekit.*/records.duckdb")) and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1].splitlines()
    assert process.returncode == 128 + signal.SIGINT
    assert said == ["invitekit: stopped by SIGINT; nothing was left half written."]
    assert list(scratch.iterdir()) == []


def test_an_ignored_hangup_stays_ignored() -> None:
    ignores = "import os, signal as s, sys; s.signal(s.SIGHUP, s.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    told = "import invitekit.cli as c, signal; c.app = lambda: print(signal.getsignal(signal.SIGHUP).name); c.main()"
    words = [sys.executable, "-c", ignores, sys.executable, "-c", told]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    assert found.stdout == "SIG_IGN\n"


def test_signal_handlers_are_restored(run: Run, export: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    run("check", export)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_the_longest_possible_file_name_works(run: Run, export: Path, tmp_path: Path) -> None:
    assert run("check", export, "-o", tmp_path / ("n" * 251 + ".csv")).returncode == 0


BAD = {
    "missing file": ["check", "nowhere.csv"], "unknown type": ["check", "notes.doc"],
    "no such folder for the output": ["annotate", "good.csv", "-o", "nowhere/out.parquet"],
    "output of an unknown type": ["annotate", "good.csv", "-o", "out.doc"],
    "unknown time zone": ["check", "good.csv", "--time-zone", "Mars/Olympus"],
    "unknown column in a mapping": ["check", "good.csv", "--column", "nothing=Status"],
    "catalogue that is no TOML": ["annotate", "good.csv", "--catalogue", "empty.csv"],
    "rules that are no TOML": ["plan", "good.csv", "--rules", "good.csv"],
    "rules that mean nothing": ["plan", "good.csv", "--rules", "rules.toml"],
    "sample of more weeks than there are": ["sample", "-o", "samples", "--weeks", "200000"],
    "sample of a day that no loader takes": ["sample", "-o", "samples", "--as-of", "2000-01-01"],
    "output of a name that is too long": ["annotate", "good.csv", "-o", "n" * 300 + ".csv"],
    "output in a folder of such a name": ["annotate", "good.csv", "-o", "n" * 300 + "/out.csv"],
    "sample in a folder of such a name": ["sample", "-o", "n" * 300],
}  # fmt: skip


@pytest.mark.parametrize("words", BAD.values(), ids=BAD.keys())
def test_a_users_mistake_is_one_clear_line_and_exit_1(run: Run, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(HEADER + ROWS)
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "notes.doc").write_text(CANARY)
    (tmp_path / "rules.toml").write_text("batch_size = 1000\n")
    before = {p.name for p in tmp_path.iterdir()}
    found = run(*words, cwd=tmp_path)
    assert found.returncode == 1
    assert found.stdout == ""
    assert found.stderr.startswith("invitekit: ")
    assert len(found.stderr.splitlines()) == 1
    assert "Hint: " in found.stderr
    assert "defect" not in found.stderr
    assert CANARY not in found.stderr
    assert {p.name for p in tmp_path.iterdir()} == before


WRONG = {
    "no source": ["check"], "unknown verb": ["invite"], "unknown option": ["check", "x.csv", "--nothing"],
    "date that is none": ["annotate", "x.csv", "--as-of", "soon"],
    "mapping without equals sign": ["check", "x.csv", "--column", "status"],
    "moment that no clock shows in UTC": ["annotate", "x.csv", "--as-of", "0001-01-01T00:00+14:00"],
    "moment in a year that is a typing error": ["plan", "x.csv", "--as-of", "9999-12-31"],
    "snapshot that no clock shows in UTC": ["check", "x.csv", "--snapshot", "9999-12-31T23:00-05:00"],
    "column with two headers": ["check", "x.csv", "--column", "status=A", "--column", "status=B"],
    "header of two columns": ["check", "x.csv", "--column", "status=State", "--column", "custom_tag=State"],
    "header of two columns spelt twice": ["check", "x.csv", "--column", "status=State", "--column", "custom_tag=state"],
    "unknown format of a sample": ["sample", "-o", "samples", "--format", "doc"],
    "unknown language": ["annotate", "x.csv", "--language", "de"],
    "unknown language of a plan": ["plan", "x.csv", "--language", "de"],
}  # fmt: skip


@pytest.mark.parametrize("words", WRONG.values(), ids=WRONG.keys())
def test_wrong_usage_is_exit_2(run: Run, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(HEADER + ROWS)
    found = run(*words, cwd=tmp_path)
    assert found.returncode == 2
    assert "Traceback" not in found.stderr
    assert "defect" not in found.stderr


def test_a_file_that_cannot_be_read_is_one_line(run: Run, export: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    export.chmod(0)
    found = run("check", export)
    assert (found.returncode, len(found.stderr.splitlines())) == (1, 1)


def test_a_closed_pipe_is_no_error(export: Path) -> None:
    words = ["bash", "-c", f"set -o pipefail; '{COMMAND}' check '{export}' | head -n 1"]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "4 rows read" in found.stdout
    assert found.stderr == ""


def test_check_writes_a_page_of_what_was_understood(run: Run, export: Path, tmp_path: Path) -> None:
    with export.open("a", encoding="utf-8") as file:
        file.write("<b>Eve</b>,eve,eve@example.com,Email,Frozen & co,,2026-03-04 09:00:00\n")
    found = run("check", export, "-o", tmp_path / "check.html")
    assert "It contains personal data" in found.stdout
    page = (tmp_path / "check.html").read_text("utf-8")
    for told in (
        "<title>Check of history_2026-03-30.csv</title>",
        "5 rows read = 4 records + 1 reject ",
        "Frozen &amp; co (1)",
        "# &quot;Frozen &amp; co&quot; = &quot;&quot;  # 1 record",
        '<td>history_2026-03-30.csv</td><td class="n">5</td><td>Invitation Time</td>',
        "<td>Failure Cause</td><td>Failure Cause</td>",
        f"of.{CANARY}",
    ):
        assert told in page
    assert "<b>Eve" not in page
    found = run("check", export, "-o", tmp_path / "check.html", "--no-values", "--overwrite")
    assert "It quotes no cell of the files." in found.stdout
    page = (tmp_path / "check.html").read_text("utf-8")
    assert CANARY not in page
    assert "Frozen" not in page
    assert "1 with an unknown status: 1 word." in page
    assert (tmp_path / "check.html").stat().st_mode & 0o777 == 0o600


def test_a_check_page_names_a_tab_between_cells(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "history_2026-03-30.csv"
    path.write_text("Account\tStatus\tInvited At\nacme\tInvited\t2026-03-01\n", encoding="utf-8")
    printed = run("check", path, "-o", tmp_path / "check.html").stdout
    page = (tmp_path / "check.html").read_text("utf-8")
    assert r"csv utf-8 '\t'" in printed
    assert r"csv utf-8 &#x27;\t&#x27;" in page


def test_check_speaks_chinese(run: Run, export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with export.open("a", encoding="utf-8") as file:
        file.write("Eve,eve,eve@example.com; eva@example.com,Email,Frozen,,03/02/2026\n")
    monkeypatch.setattr(stores, "ALWAYS_FITS", 0)
    found = run("check", export, "--language", "zh", "-o", tmp_path / "check.html")
    page = (tmp_path / "check.html").read_text("utf-8")
    for told in (
        "从 1 个来源读取 5 行 = 4 条记录 + 1 行拒收。",
        "1 行拒收：邀请时间不是可读的时间：不存在的日期或时刻。",
        "邮箱：1 个单元格含有多个地址，取第一个。",
        "1 条记录的状态未知：Frozen（1）。请在文件中说明其含义：",
        "history_2026-03-30.csv，邀请时间：1 个时间的日月顺序不明，按日在前读取。如需确定，请设置",
        "4 个时间未注明时区，按 UTC 读取。",
        "日在前，依据：默认顺序（无法判断）",
    ):
        assert told in found.stdout
        assert told in page
    assert "附加列（原样保留）：无。" in found.stdout
    assert found.stderr.startswith("引擎：Polars（使用内存）；约需 ")
    assert "<title>读取结果：history_2026-03-30.csv</title>" in page
    assert "# &quot;Frozen&quot; = &quot;&quot;  # 1 条记录\n" in page
    assert '<td class="n">5</td><td>邀请时间</td><td>不是可读的时间：不存在的日期或时刻</td><td>客户全称: Dot' in page
    said = run("plan", export, "--as-of", "2026-03-30", "--language", "zh").stdout
    assert "邮箱：1 个单元格含有多个地址，取第一个。" in said


def test_plan_prints_reasons_and_writes_every_record_with_its_decision(run: Run, export: Path, tmp_path: Path) -> None:
    said = run("plan", export, "--as-of", "2026-03-30", "-o", tmp_path / "plan.parquet").stdout
    assert "The invitation has expired." in said
    assert "2 of 3 customers to invite again, in 1 batch." in said
    assert "too few earlier resends" in said
    written = pl.read_parquet(tmp_path / "plan.parquet").sort("source_row")
    assert written["decision"].to_list() == ["resend_now", "resend_now", "associated"]
    assert (tmp_path / "plan.parquet").stat().st_mode & 0o777 == 0o600


def test_plan_takes_rules_and_prints_them(run: Run, export: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text("cool_down_days = 60\nbatch_size = 1\n")
    words = ("--as-of", "2026-03-30", "--rules", tmp_path / "rules.toml", "--json")
    found = json.loads(run("plan", export, *words).stdout)
    assert found["rules"] == "Invite again after 60 days, 3 times at most, in batches of 1."
    assert (found["rows_read"], found["records"], found["rejects"]) == (4, 3, 1)
    assert found["decisions"]["wait_for_cooldown"] == 2
    assert sum(found["decisions"].values()) == sum(r["records"] for r in found["reasons"]) == 3


def test_plan_writes_batches_and_first_warns_that_they_name_customers(run: Run, export: Path, tmp_path: Path) -> None:
    said = run("plan", export, "--as-of", "2026-03-30", "--batch-dir", tmp_path / "batches").stdout
    assert said.startswith("PERSONAL DATA: ")
    files = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "batches").iterdir()}
    names = ["00_read_me_first.txt", "batch_01_resend_now.csv", "batch_01_resend_now.xlsx"]
    assert files == dict.fromkeys(names, 0o600)
    extras = ["--by", "account_manager", "--calendar", "counts", "--reminders"]
    assert run("plan", export, "--reminders").returncode == 2
    done = run("plan", export, "--as-of", "2026-03-30", "--batch-dir", tmp_path / "more", *extras)
    assert (done.returncode, "No dates.ics: the plan has no date after today." in done.stdout) == (0, True)
    assert "manager_none.xlsx" in {path.name for path in (tmp_path / "more").iterdir()}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in (tmp_path / "more").iterdir())
    again = run("plan", export, "--as-of", "2026-03-30", "--batch-dir", tmp_path / "batches")
    assert (again.returncode, len(again.stderr.splitlines())) == (1, 1)
    found = run("plan", export, "--as-of", "2026-03-30", "--batch-dir", tmp_path / "batches", "--overwrite", "--json")
    assert json.loads(found.stdout)["batch_files"] == {"batch_01_resend_now.csv": 2, "batch_01_resend_now.xlsx": 2}


def test_sample_has_options_for_encoding_errors_and_day(run: Run, tmp_path: Path) -> None:
    wishes = ["--encoding", "gb18030", "--dirty", "0", "--as-of", "2026-05-04", "--weeks", "1"]
    made = json.loads(run("sample", "--rows", "1500", *wishes, "-o", tmp_path, "--json").stdout)
    assert [Path(name).name for name in made["files"]] == ["history_records_2026-05-04.csv"]
    assert (made["records"], made["rejects"]) == (1500, 0)
    assert "GB18030" in run("check", tmp_path).stdout.upper()


def test_export_prints_its_checks_and_how_many_records_are_unique(run: Run, export: Path) -> None:
    out = export.with_name("out.csv")
    done = run("export", export, "-o", out, "--as-of", "2026-03-30", "--purpose", "spring")
    assert done.returncode == 0, done.stderr
    assert "3 rows, pseudonymised" in done.stdout
    assert "unique by month, manager and status" in done.stdout
    assert "still personal data" in done.stdout
    assert CANARY not in done.stdout + done.stderr + out.read_text("utf-8")
    assert run("verify", out).stdout.startswith("out.csv is the file that was exported on ")
    out.write_text("changed", "utf-8")
    changed = run("verify", out)
    assert (changed.returncode, "sha256" in changed.stderr) == (1, True)


def test_verify_prints_who_signed_an_export(run: Run, export: Path) -> None:
    out, key = export.with_name("out.csv"), export.with_name("key")
    run("export", export, "-o", out)
    assert "It is not signed" in run("verify", out).stdout
    run("key", "new", "--key-file", key)
    run("export", export, "-o", out, "--overwrite", "--key-file", key)
    assert "It is signed by key" in run("verify", out, "--key-file", key).stdout
    assert "was not checked" in json.loads(run("verify", out, "--json").stdout)["signature"]


def test_an_export_of_counts_warns_of_comparing_two_exports(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("Account Name,Status\n" + "".join(f"a{n},Invited\n" for n in range(12)))
    done = run("export", tmp_path / "in.csv", "-o", tmp_path / "out.csv", "--level", "aggregated")
    assert "publish only one" in done.stdout
    assert "still personal data" not in done.stdout


def test_counts_of_two_weekly_files_are_of_invitations(run: Run, tmp_path: Path) -> None:
    for day, status in (("2026-03-16", "Not associated"), ("2026-03-30", "Associated")):
        rows = "".join(f"a{n},{status},Email,2026-03-10\n" for n in range(20))
        (tmp_path / f"h_{day}.csv").write_text("Account Name,Status,Invitation Method,Invited On\n" + rows)
    words = ("export", *sorted(tmp_path.glob("*.csv")), "--level", "aggregated", "--as-of", "2026-03-30")
    told = json.loads(run(*words, "-o", tmp_path / "out.parquet", "--status", "associated", "--json").stdout)
    assert (told["records"], told["exported"], told["rows"]) == (40, 20, 1)
    assert (told["filter"]["unit"], told["filter"]["matched"], told["filter"]["of"]) == ("invitations", 20, 20)
    counts = pl.read_parquet(tmp_path / "out.parquet")
    assert counts.select("effective_status", "invitations", "customers").rows() == [("associated", 20, 20)]
    run("workspace", "add", tmp_path, "-w", tmp_path / "w.duckdb")
    done = run(*words[:1], "-w", tmp_path / "w.duckdb", *words[3:], "-o", tmp_path / "again.parquet")
    assert "1 row, aggregated from 20 invitations, in" in done.stdout
    assert pl.read_parquet(tmp_path / "again.parquet").equals(counts)


def test_export_prints_one_json_object(run: Run, export: Path) -> None:
    out = export.with_name("out.parquet")
    told = json.loads(run("export", export, "-o", out, "--level", "masked", "--json").stdout)
    assert (told["rows_read"], told["records"], told["rejects"]) == (4, 3, 1)
    assert (told["rows"], told["level"], told["key_id"]) == (3, "masked", None)
    verified = json.loads(run("verify", out, "--json").stdout)
    assert verified["sha256"] == told["sha256"]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [([], 2, "-o FILE"), (["--history"], 2, "--workspace"), (["-o", "{export}", "--overwrite"], 1, "is a source"),
     (["-o", "out.csv", "--level", "anonymous"], 2, "'masked', 'pseudonymised', 'aggregated'"),
     (["-o", "out.csv", "--policy", "nowhere.toml"], 1, "nowhere.toml"),
     (["-o", "out.csv", "--key-file", "nowhere"], 1, "nowhere")],
)  # fmt: skip
def test_an_impossible_export_is_one_line(run: Run, export: Path, words: list[str], code: int, told: str) -> None:
    done = run("export", export, *(word.format(export=export) for word in words), cwd=export.parent)
    assert (done.returncode, told in done.stderr) == (code, True), done.stderr
    assert [path.name for path in export.parent.iterdir()] == [export.name]


def test_a_key_is_created_shown_by_its_id_and_rotated(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "key"
    made = run("key", "new", "--key-file", file)
    number = run("key", "show-id", "--key-file", file).stdout.strip()
    digits = file.read_text().strip()
    rotated = run("key", "rotate", "--key-file", file)
    assert number in made.stdout
    assert number in rotated.stdout
    assert run("key", "show-id", "--key-file", file).stdout.strip() != number
    assert digits not in made.stdout + rotated.stdout + rotated.stderr
