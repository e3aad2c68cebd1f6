from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from invitekit.cli import main

COMMAND = str(Path(sys.executable).with_name("invitekit"))
CANARY = "canary.person@example.com"
HEADER = "Customer Full Name,Account Name,Email,Invitation Method,Status,Failure Cause,Invitation Time\n"
ROWS = (
    f"Ann Example,ann,{CANARY},Email,Invited,,2026-03-01 09:00:00\n"
    "Bea Example,bea,bea@example.com,Email,Association failed,The invitation link has expired.,2026-03-02 09:00:00\n"
    "Cem Example,cem,cem@example.com,Link,Associated,,2026-03-03 09:00:00\n"
)
REFUSED = f"Dot Example,dot,{CANARY},Email,Invited,,2026-02-30 09:00:00\n"


@dataclass
class Run:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """Run the command line in this process: a start of Python for each would take a minute."""

    def call(*words: str | Path, cwd: Path | None = None) -> Run:
        monkeypatch.setattr(sys, "argv", ["invitekit", *map(str, words)])
        if cwd is not None:
            monkeypatch.chdir(cwd)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        out, err = capsys.readouterr()
        return Run(code if isinstance(code, int) else int(code is not None), out, err)

    return call


def start(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *map(str, words)], capture_output=True, text=True, check=False)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "history_2026-03-30.csv"
    path.write_text(HEADER + ROWS + REFUSED, encoding="utf-8")
    return path


@pytest.mark.parametrize("verb", ["", "check", "annotate", "plan", "sample", "lab", "app"])
def test_every_verb_has_help(run: Callable[..., Run], verb: str) -> None:
    found = run(*([verb] if verb else []), "--help")
    assert found.returncode == 0
    assert "Usage" in found.stdout


def test_the_installed_command_answers(export: Path) -> None:
    assert start("--help").returncode == 0
    assert json.loads(start("check", export, "--json").stdout)["rows_read"] == 4
    assert start("check", "nowhere.csv").returncode == 1
    assert start("invite").returncode == 2


def test_check_says_what_was_read_and_what_was_refused(run: Callable[..., Run], export: Path) -> None:
    found = run("check", export)
    assert found.returncode == 0
    assert "4 rows read = 3 records + 1 rejects" in found.stdout
    assert "1 refused: invited_at is no time that can be read." in found.stdout
    assert "Customer Full Name" in found.stdout


def test_check_prints_one_json_object(run: Callable[..., Run], export: Path) -> None:
    found = json.loads(run("check", export, "--json").stdout)
    assert (found["rows_read"], found["records"], found["rejects"]) == (4, 3, 1)
    assert found["files"][0]["headers"]["Account Name"] == "account_name"
    assert found["files"][0]["snapshot_at"] == "2026-03-30 00:00:00"


def test_check_writes_the_refused_rows_for_their_owner_only(
    run: Callable[..., Run], export: Path, tmp_path: Path
) -> None:
    target = tmp_path / "refused.csv"
    assert run("check", export, "-o", target).returncode == 0
    assert pl.read_csv(target).select("source_row", "column", "reason").row(0) == (
        5,
        "invited_at",
        "is no time that can be read",
    )
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_check_strict_fails_when_a_row_was_refused(run: Callable[..., Run], export: Path) -> None:
    assert run("check", export, "--strict").returncode == 1


@pytest.mark.parametrize("extension", [".parquet", ".csv", ".xlsx"])
def test_annotate_writes_every_record_and_reads_it_back(
    run: Callable[..., Run], export: Path, tmp_path: Path, extension: str
) -> None:
    target = tmp_path / f"annotated{extension}"
    found = run("annotate", export, "--as-of", "2026-03-30", "-o", target, "--json")
    assert json.loads(found.stdout)["by_cause"] == {"link_expired": 1}
    again = json.loads(run("annotate", target, "--as-of", "2026-03-30", "--json").stdout)
    assert again["records"] == 3
    assert again["by_status"] == {"associated": 1, "association_failed": 1, "expired": 1}
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_cell_that_a_spreadsheet_would_run_is_disarmed_and_read_back(run: Callable[..., Run], tmp_path: Path) -> None:
    source = tmp_path / "formulas.csv"
    source.write_text('Account,Mobile,Status\n"=1+1","+49 171 3920000",Invited\n"@sum","-x",Invited\n')
    assert run("annotate", source, "-o", tmp_path / "safe.csv").returncode == 0
    written = pl.read_csv(tmp_path / "safe.csv", infer_schema=False)
    assert written["account_name"].sort().to_list() == ["'=1+1", "'@sum"]
    assert written["mobile"].sort().to_list() == ["'+49 171 3920000", "'-x"]
    assert run("annotate", tmp_path / "safe.csv", "-o", tmp_path / "back.parquet").returncode == 0
    assert pl.read_parquet(tmp_path / "back.parquet")["account_name"].sort().to_list() == ["=1+1", "@sum"]


def test_several_snapshots_are_said_to_be_counted_together(run: Callable[..., Run], export: Path) -> None:
    (export.parent / "history_2026-04-06.csv").write_bytes(export.read_bytes())
    assert "records of 2 snapshots" in run("annotate", export.parent, "--as-of", "2026-04-06").stdout
    assert "snapshots" not in run("annotate", export, "--as-of", "2026-04-06").stdout


def test_annotate_speaks_chinese(run: Callable[..., Run], export: Path) -> None:
    assert "伙伴" in run("annotate", export, "--as-of", "2026-03-30", "--language", "zh").stdout


def test_annotate_measures_expiry_at_the_moment_it_is_told(run: Callable[..., Run], export: Path) -> None:
    early = json.loads(run("annotate", export, "--as-of", "2026-03-08T08:59:59", "--json").stdout)
    late = json.loads(run("annotate", export, "--as-of", "2026-03-08T09:00:00", "--json").stdout)
    assert (early["by_status"].get("expired"), late["by_status"].get("expired")) == (None, 1)


def test_an_existing_file_is_kept_unless_told_otherwise(run: Callable[..., Run], export: Path, tmp_path: Path) -> None:
    target = tmp_path / "there.csv"
    target.write_text("mine")
    refused = run("annotate", export, "-o", target)
    assert refused.returncode == 1
    assert target.read_text() == "mine"
    assert run("annotate", export, "-o", target, "--overwrite").returncode == 0
    assert target.read_text() != "mine"


def test_a_source_is_never_written_over(run: Callable[..., Run], export: Path) -> None:
    before = export.read_bytes()
    found = run("annotate", export, "-o", export, "--overwrite")
    assert found.returncode == 1
    assert "is a source" in found.stderr
    assert export.read_bytes() == before


def test_nothing_half_written_is_left_behind(run: Callable[..., Run], export: Path, tmp_path: Path) -> None:
    long = tmp_path / "long.csv"
    long.write_text(HEADER.strip() + ",Remarks\n" + ROWS.splitlines()[0] + "," + "x" * 40_000 + "\n")
    found = run("annotate", long, "-o", tmp_path / "out.xlsx")
    assert found.returncode == 1
    assert "longer than an Excel cell holds" in found.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([export.name, "long.csv"])


BAD = {
    "missing file": ["check", "nowhere.csv"],
    "empty file": ["check", "empty.csv"],
    "binary file": ["check", "binary.csv"],
    "unknown type": ["check", "notes.doc"],
    "no status column": ["check", "no_status.csv"],
    "two columns of one meaning": ["check", "twice.csv"],
    "damaged workbook": ["check", "damaged.xlsx"],
    "damaged parquet": ["check", "damaged.parquet"],
    "no such folder for the output": ["annotate", "good.csv", "-o", "nowhere/out.parquet"],
    "output of an unknown type": ["annotate", "good.csv", "-o", "out.doc"],
    "unknown time zone": ["check", "good.csv", "--time-zone", "Mars/Olympus"],
    "unknown column in a mapping": ["check", "good.csv", "--column", "nothing=Status"],
    "catalogue that is no TOML": ["annotate", "good.csv", "--catalogue", "empty.csv"],
    "rules that are no TOML": ["plan", "good.csv", "--rules", "good.csv"],
    "rules that mean nothing": ["plan", "good.csv", "--rules", "rules.toml"],
    "sample of an unknown format": ["sample", "-o", "samples", "--format", "doc"],
}


@pytest.mark.parametrize("words", BAD.values(), ids=BAD.keys())
def test_a_users_mistake_is_one_clear_line_and_exit_1(
    run: Callable[..., Run], words: list[str], tmp_path: Path
) -> None:
    (tmp_path / "good.csv").write_text(HEADER + ROWS)
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "notes.doc").write_text(CANARY)
    (tmp_path / "no_status.csv").write_text(f"Customer Full Name,Email\nAnn Example,{CANARY}\n")
    (tmp_path / "twice.csv").write_text(f"Email,E-mail,Status\n{CANARY},{CANARY},Invited\n")
    (tmp_path / "rules.toml").write_text("batch_size = 1000\n")
    (tmp_path / "damaged.xlsx").write_bytes(b"PK\x03\x04" + CANARY.encode() * 50)
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1" + CANARY.encode() * 50)
    before = {p.name for p in tmp_path.iterdir()}
    found = run(*words, cwd=tmp_path)
    assert found.returncode == 1
    assert found.stdout == ""
    assert found.stderr.startswith("invitekit: ")
    assert len(found.stderr.splitlines()) == 1
    assert "Hint: " in found.stderr
    assert CANARY not in found.stderr
    assert {p.name for p in tmp_path.iterdir()} == before


WRONG = {
    "no source": ["check"],
    "unknown verb": ["invite"],
    "unknown option": ["check", "x.csv", "--nothing"],
    "date that is none": ["annotate", "x.csv", "--as-of", "soon"],
    "mapping without equals sign": ["check", "x.csv", "--column", "status"],
    "unknown language": ["annotate", "x.csv", "--language", "de"],
    "unknown language of a plan": ["plan", "x.csv", "--language", "de"],
}


@pytest.mark.parametrize("words", WRONG.values(), ids=WRONG.keys())
def test_wrong_usage_is_exit_2(run: Callable[..., Run], words: list[str], tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(HEADER + ROWS)
    found = run(*words, cwd=tmp_path)
    assert found.returncode == 2
    assert "Traceback" not in found.stderr


def test_a_file_that_cannot_be_read_is_one_line(run: Callable[..., Run], export: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    export.chmod(0)
    found = run("check", export)
    assert (found.returncode, len(found.stderr.splitlines())) == (1, 1)


def test_a_reader_that_leaves_early_is_no_error(export: Path) -> None:
    found = subprocess.run(
        ["bash", "-c", f"set -o pipefail; '{COMMAND}' check '{export}' | head -n 1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "4 rows read" in found.stdout
    assert found.stderr == ""


def test_plan_says_what_was_decided_and_why(run: Callable[..., Run], export: Path) -> None:
    said = run("plan", export, "--as-of", "2026-03-30").stdout
    assert "The invitation has expired." in said
    assert "2 of 3 customers to invite again, in 1 batch." in said
    assert "too little history" in said


def test_plan_takes_rules_and_says_them(run: Callable[..., Run], export: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text("cool_down_days = 60\nbatch_size = 1\n")
    found = json.loads(
        run("plan", export, "--as-of", "2026-03-30", "--rules", tmp_path / "rules.toml", "--json").stdout
    )
    assert found["rules"] == "Invite again after 60 days, 3 times at most, in batches of 1."
    assert (found["rows_read"], found["records"], found["rejects"]) == (4, 3, 1)
    assert found["decisions"]["wait_for_cooldown"] == 2
    assert sum(found["decisions"].values()) == sum(r["records"] for r in found["reasons"]) == 3


def test_plan_writes_every_record_with_its_decision(run: Callable[..., Run], export: Path, tmp_path: Path) -> None:
    target = tmp_path / "plan.parquet"
    assert run("plan", export, "--as-of", "2026-03-30", "-o", target).returncode == 0
    written = pl.read_parquet(target).sort("source_row")
    assert written["decision"].to_list() == ["resend_now", "resend_now", "associated"]
    assert target.stat().st_mode & 0o777 == 0o600


def test_plan_says_its_reasons_in_chinese(run: Callable[..., Run], export: Path) -> None:
    assert "邀请已失效" in run("plan", export, "--as-of", "2026-03-30", "--language", "zh").stdout


def test_sample_takes_its_encoding_its_dirt_and_its_day(run: Callable[..., Run], tmp_path: Path) -> None:
    wishes = ["--encoding", "gb18030", "--dirty", "0", "--as-of", "2026-05-04", "--weeks", "1"]
    made = json.loads(run("sample", "--rows", "1500", *wishes, "-o", tmp_path, "--json").stdout)
    assert [Path(name).name for name in made["files"]] == ["history_records_2026-05-04.csv"]
    assert (made["records"], made["rejects"]) == (1500, 0)
    assert "GB18030" in run("check", tmp_path).stdout.upper()


def test_sample_writes_what_check_reads(run: Callable[..., Run], tmp_path: Path) -> None:
    made = json.loads(run("sample", "--rows", "1500", "--seed", "3", "-o", tmp_path / "made", "--json").stdout)
    read = json.loads(run("check", tmp_path / "made", "--json").stdout)
    for count in ("rows_read", "records", "rejects"):
        assert read[count] == made[count]
