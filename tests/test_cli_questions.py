"""Queries on the command line: filters, search by words, and the history of a customer."""

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import invitekit as ik
from invitekit.errors import ArgumentError
from tests.conftest import Run

HEADER = "Full Name,Account,Email,Mobile,Account Manager,Country,Method,Status,Failure Cause,Invitation Time\n"
FIRST = """\
Müller GmbH,acme,a@acme.example,+49 171 392,mgr.chen,Germany,Email,Failed,The invitation link has expired.,2026-02-20
Bolt AG,bolt,b@bolt.example,,mgr.chen,Chile,Email,Invited,,2026-02-21
深圳云科,yunke,y@yunke.example,,,China,Link,Invited,,2026-02-22
"""
SECOND = """\
Müller GmbH,acme,a@acme.example,+49 171 392,mgr.chen,Germany,Email,Associated,,2026-02-20
Bolt AG,bolt,b@bolt.example,,mgr.chen,Chile,Email,Invited,,2026-02-21
Bolt AG,bolt,b@bolt.example,,mgr.chen,Chile,Link,Failed,The invitation link has expired.,2026-03-01
深圳云科,yunke,y@yunke.example,,,China,Link,Invited,,2026-02-22
"""
DAY = ("--as-of", "2026-03-20")


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports")
    (folder / "history_2026-02-23.csv").write_text(HEADER + FIRST, encoding="utf-8")
    (folder / "history_2026-03-16.csv").write_text(HEADER + SECOND, encoding="utf-8")
    return folder


def run_json(run: Run, *words: object) -> dict[str, Any]:
    done = run(*words, "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


MATCHED: dict[str, tuple[list[str], int, str]] = {
    "a word of people": (["--status", "failed"], 2, "Effective Status is Association failed"),
    "a word of the Chinese portal": (["--status", "关联失败"], 2, "Effective Status is Association failed"),
    "any of several": (["--status", "expired", "--status", "Associated"], 3,
                       "Effective Status is Associated or Expired"),
    "all together": (["--status", "failed", "--method", "hyperlink"], 1,
                     "Effective Status is Association failed, and Invitation Method is Link"),
    "a manager in another case": (["--manager", "MGR.CHEN"], 5, "Account Manager is mgr.chen"),
    "no manager": (["--manager", ""], 2, "Account Manager is empty"),
    "a code of a failure": (["--cause", "link_expired"], 2, "Failure Code is link_expired"),
    "the portal's message": (["--failure", "The invitation link has expired."], 2, "Failure Code is link_expired"),
    "who acts, with a blank": (["--who-acts", "Partner"], 2, "Who Acts is Partner"),
    "text without accents": (["--text", "gmbh muller"], 2, "Text holds 'gmbh muller'"),
    "days, both included": (["--since", "2026-02-21", "--until", "2026-02-22"], 4,
                            "invited from 2026-02-21 on, and invited until 2026-02-22"),
    "a value that no record has": (["--country", "Peru"], 0, "Country/Region is Peru"),
}  # fmt: skip


def test_a_filter_prints_what_it_matches_and_how_many_of_all(run: Run, exports: Path, tmp_path: Path) -> None:
    for words, n, text in MATCHED.values():
        found = run_json(run, "annotate", exports, *DAY, *words)
        assert (found["filter"]["words"], found["filter"]["matched"], found["filter"]["of"]) == (text, n, 7)
        assert (sum(found["by_status"].values()), found["records"]) == (n, 7)
    printed = run("annotate", exports, *DAY, "--country", "peru", "-o", tmp_path / "none.csv")
    assert "Filter: Country/Region is Peru. Matches 0 of 7 records.\n" in printed.stdout
    assert "No record has Country/Region 'Peru'." in printed.stdout
    assert pl.read_csv(tmp_path / "none.csv").height == printed.returncode == 0
    assert "filter" not in run_json(run, "annotate", exports, *DAY)


@pytest.mark.parametrize(
    ("words", "problem"),
    [(["--status", "faild"], "Did you mean association_failed?"), (["--since", "soon"], "'soon' is not a date"),
     (["--method", "pigeon"], "Use one of email, link, qr_code, campaign, unknown."),
     (["--cause", "link_expird"], "Did you mean link_expired"), (["--decision", "resend"], "No such option")],
)  # fmt: skip
def test_an_unknown_value_is_wrong_usage(run: Run, exports: Path, words: list[str], problem: str) -> None:
    done = run("annotate", exports, *words)
    assert done.returncode == 2
    assert problem in " ".join(done.stderr.split())


def test_a_plan_is_made_of_the_whole_history_and_filtered_afterwards(run: Run, exports: Path, tmp_path: Path) -> None:
    """If only the failed record counted, an associated customer would be invited again."""
    failed = ("plan", exports, *DAY, "--status", "failed")
    assert {d: n for d, n in run_json(run, *failed)["decisions"].items() if n} == {"resend_now": 1, "superseded": 1}
    targets = ("--batch-dir", tmp_path / "out", "-o", tmp_path / "plan.parquet")
    one = run_json(run, *failed, "--decision", "立即邀请", *targets)
    assert (one["filter"]["matched"], one["filter"]["of"], one["customers"]) == (1, 7, 1)
    assert list(one["batch_files"].values()) == [1, 1]
    assert pl.read_parquet(tmp_path / "plan.parquet").select("account_name", "rank", "batch").row(0) == ("bolt", 1, 1)
    nobody = run("plan", exports, *DAY, "--country", "Peru")
    assert (nobody.returncode, "0 of 0 customers to invite again" in nobody.stdout) == (0, True)


def test_filtered_customers_are_ranked_and_batched_again(run: Run, tmp_path: Path) -> None:
    rows = "a,Chile,Email,Expired,2026-01-01\nb,Peru,Email,Expired,2026-02-01\n"
    (path := tmp_path / "history_2026-03-16.csv").write_text(f"Account,Country,Method,Status,Invited At\n{rows}")
    assert run("plan", path, *DAY, "--country", "Peru", "-o", tmp_path / "b.csv").returncode == 0
    assert pl.read_csv(tmp_path / "b.csv").select("account_name", "rank", "batch").rows() == [("b", 1, 1)]


def test_a_read_me_of_a_filter_warns_about_the_whole_plan(run: Run, exports: Path, tmp_path: Path) -> None:
    words = ("--as-of", "2026-04-20", "--text", "acme", "--status", "failed", "--batch-dir", tmp_path / "out")
    run_json(run, "plan", exports, *words)
    page = (tmp_path / "out" / "00_read_me_first.txt").read_text("utf-8-sig")
    assert "The newest export is of 2026-03-16, 35 days before 2026-04-20" in page


def test_a_filtered_report_keeps_the_invitation_before_a_resend(run: Run, exports: Path, tmp_path: Path) -> None:
    run_json(run, "report", exports, *DAY, "--method", "link", "--follow-up-days", "10", "-o", tmp_path / "links.md")
    page = (tmp_path / "links.md").read_text(encoding="utf-8")
    changed = page[page.index("## What changed") :].splitlines()
    assert [line.split("|")[2].strip() for line in changed[6:13]] == ["0", "1", "0", "0", "0", "0", "1"]
    assert "| Email " in page[page.index("## Results of resent invitations") :]


def test_a_comparison_and_a_report_pass_over_a_partial_export(run: Run, tmp_path: Path) -> None:
    customers = [f"c{number},{'anna' if number < 5 else 'ben'},Expired,2026-02-20" for number in range(20)]
    returned = [line.replace("Expired", "Associated") if number == 9 else line for number, line in enumerate(customers)]
    weeks = {"03-02": customers, "03-09": customers[:5], "03-16": [*returned, "new,ben,Expired,2026-03-01"]}
    for day, lines in weeks.items():
        content = "\n".join(["Account,Account Manager,Status,Invited At", *lines])
        (tmp_path / f"history_2026-{day}.csv").write_text(content, encoding="utf-8")
    memory, page = tmp_path / "w.duckdb", tmp_path / "report.md"
    files: list[object] = list(tmp_path.glob("*.csv"))
    run_json(run, "workspace", "add", *files, "-w", memory)
    news = "Customers since 2026-03-02: 1 became associated, 1 new in the export."
    for source in (files, ["-w", memory]):
        for chosen in ((), ("--manager", "ben")):
            told = run_json(run, "report", *source, *DAY, *chosen, "-o", page, "--overwrite")["summary"]
            assert news in told
        compared = run_json(run, "compare", *source)
        counts = {name: n for name, n in compared["counts"].items() if n}
        assert counts == {"became_associated": 1, "appeared": 1, "same": 19}
        assert compared["passed_over"] == ["2026-03-09"]
        assert "missing there: 2026-03-09. To compare with it: --before DATE." in run("compare", *source).stdout
        named = run_json(run, "compare", *source, "--before", "2026-03-09")
        assert (named["counts"]["appeared"], named["passed_over"]) == (16, [])


def test_a_report_compares_snapshots_by_the_causes_of_a_custom_catalogue(run: Run, tmp_path: Path) -> None:
    row = "Bolt AG,bolt,b@bolt.example,,mgr.chen,Chile,Email,Failed,{message},2026-02-20\n"
    for day, message in (("02-23", "On holiday."), ("03-16", "Out of office.")):
        content = HEADER + row.format(message=message)
        (tmp_path / f"history_2026-{day}.csv").write_text(content, encoding="utf-8")
    causes = "".join(
        f'[[failure]]\ncode = "{code}"\nmessage_en = "{message}"\ncause_en = "Away."\nadvice_en = "Wait."\n'
        'who_acts = "customer"\nresend_rule = "now"\n'
        for code, message in (("holiday", "On holiday."), ("office", "Out of office."))
    )
    (tmp_path / "mine.toml").write_text(causes, encoding="utf-8")
    memory, page = tmp_path / "w.duckdb", tmp_path / "report.md"
    files: list[object] = list(tmp_path.glob("*.csv"))
    run_json(run, "workspace", "add", *files, "-w", memory)
    for source in (files, ["-w", memory]):
        run_json(run, "report", *source, *DAY, "--catalogue", tmp_path / "mine.toml", "-o", page, "--overwrite")
        assert re.search(r"^\| Failed for another cause +\| +1 \|$", page.read_text("utf-8"), re.MULTILINE)


def test_annotated_records_are_counted_as_records_invitations_and_customers(run: Run, exports: Path) -> None:
    found = run_json(run, "annotate", exports, *DAY)
    units = (found["by_status"], found["invitations"]["by_status"], found["customers"]["by_status"])
    assert [sum(counts.values()) for counts in units] == [7, 4, 3]
    printed = run("annotate", exports, *DAY).stdout
    assert ["All", "7", "4", "3", "100.0%"] in [line.split() for line in printed.splitlines()]


def test_customers_are_found_by_words_and_filters_together(run: Run, exports: Path) -> None:
    def found(*words: str) -> list[str]:
        return [row["account_name"] for row in run_json(run, "find", *words, exports, *DAY)["customers"]]

    assert found("", "--manager", "MGR.CHEN") == ["bolt", "acme"]
    assert found("ag", "--manager", "mgr.chen", "--decision", "resend_now") == ["bolt"]
    nobody = run("find", "", exports, *DAY, "--country", "Peru").stdout
    assert "No record has Country/Region 'Peru'." in nobody


def test_a_trend_counts_invitations_whose_newest_state_matches(run: Run, exports: Path) -> None:
    by_email = run_json(run, "trend", exports, *DAY, "--method", "email")
    assert [by_email["filter"][name] for name in ("matched", "of", "unit")] == [2, 4, "invitations"]
    assert [(row["n"], row["of"]) for row in by_email["trend"]] == [(0, 2)], "it failed once and is associated now"


def test_a_shared_file_states_its_filter_without_names(run: Run, exports: Path, tmp_path: Path) -> None:
    words = ("--text", "müller", "--manager", "mgr.chen", "--country", "germany", "--status", "associated")
    done = run_json(run, "export", exports, *DAY, *words, "-o", tmp_path / "out.csv")
    assert done["rows"] == 1
    manifest = (tmp_path / "out.csv.manifest.json").read_text("utf-8")
    assert json.loads(manifest)["filter"] == (
        "Effective Status is Associated, and Text is not shown here, and Account Manager is not shown here, "
        "and Country/Region is not shown here"
    )
    assert run("verify", tmp_path / "out.csv").returncode == 0
    report = run("report", exports, *DAY, *words, "-o", tmp_path / "out.md")
    assert "Matches 1 of 4 invitations." in report.stdout
    page = (tmp_path / "out.md").read_text("utf-8")
    assert "Effective Status is Associated" in page
    for text in (manifest, page):
        assert "müller" not in text.lower()


def test_customers_are_found_by_words_of_their_whole_history(run: Run, exports: Path, tmp_path: Path) -> None:
    for words, keys in {
        "gmbh MULLER": ["account:acme"], "bolt hyperlink": [], "chen": ["account:bolt", "account:acme"],
        "+4917139": ["account:acme"], "深圳": ["account:yunke"], "y@yunke": ["account:yunke"],
    }.items():  # fmt: skip
        found = run_json(run, "find", words, exports, *DAY)["customers"]
        assert [row["customer_id"] for row in found] == keys, words
    (bolt,) = run_json(run, "find", "bolt", exports, *DAY)["customers"]
    assert (bolt["effective_status"], bolt["attempts"], bolt["decision"]) == ("association_failed", 2, "resend_now")
    printed = run("find", "chen", exports, *DAY, "-o", tmp_path / "found.csv").stdout
    assert "Filter: Text holds 'chen'. Matches 2 of 3 customers.\n" in printed
    assert re.search(r"Bolt AG .* 2026-03-01 ", printed)
    assert "2 customers. For one of them: invitekit show CUSTOMER_KEY." in printed
    assert pl.read_csv(tmp_path / "found.csv")["email"].to_list() == ["a@acme.example", "b@bolt.example"]
    nobody = run("find", "nobody", exports, *DAY)
    assert (nobody.returncode, nobody.stdout.splitlines()[-1]) == (0, "No customer matches.")


def test_a_masked_record_is_found_and_shown_by_its_id(run: Run, tmp_path: Path) -> None:
    rows = "ID,Account,Status,Remarks\nx1,a***e,Expired,call back\nx2,a***e,Expired,\n"
    (tmp_path / "masked_2026-03-16.csv").write_text(rows, encoding="utf-8")
    (found,) = run_json(run, "find", "call", tmp_path, *DAY)["customers"]
    assert found["customer_id"] == "id:x1"
    assert run_json(run, "show", "x2", tmp_path, *DAY)["customer"]["newest"]["record_id"] == "x2"


def test_addresses_and_numbers_are_hidden_until_asked_for(run: Run, exports: Path) -> None:
    for words in (["find", "gmbh", exports], ["show", "acme", exports], ["find", "gmbh", exports, "--json"],
                  ["show", "acme", exports, "--json"]):  # fmt: skip
        hidden, unmasked = (run(*words, *DAY, *more).stdout for more in ([], ["--unmasked"]))
        assert "Müller GmbH" in hidden
        assert "a@acme" not in hidden
        assert "171 392" not in hidden
        assert "--json" not in words and words[0] == "find" or "a@acme" in unmasked


@pytest.mark.parametrize("name", ["account:bolt", "BOLT", " b@Bolt.example"])
def test_a_customer_is_shown_by_each_of_its_names(run: Run, exports: Path, name: str) -> None:
    shown = run_json(run, "show", name, exports, *DAY)["customer"]
    assert (shown["customer_id"], shown["newest"]["decision"]) == ("account:bolt", "resend_now")
    assert [(each["attempt_no"], each["method"], each["effective_status"]) for each in shown["invitations"]] == [
        (2, "link", "association_failed"), (1, "email", "expired"),
    ]  # fmt: skip
    states = [(state["first_seen_at"][:10], state["status"]) for state in shown["invitations"][1]["states"]]
    assert states == [("2026-02-23", "invited")], "two snapshots that state the same are one line"


def test_show_prints_the_decision_the_reason_and_each_snapshot(run: Run, exports: Path) -> None:
    printed = run("show", "acme", exports, *DAY).stdout
    assert "Decision: Associated. The customer is associated with you." in printed
    failed, associated = (next(line for line in printed.splitlines() if day in line) for day in ("02-23", "03-16"))
    assert "Association failed" in failed
    assert "The customer opened the link" in failed
    assert ("Associated" in associated, "Associated" in failed) == (True, False)


def test_an_ambiguous_or_unknown_name_gets_a_hint(run: Run, tmp_path: Path) -> None:
    rows = "Account,Email,Status\nacme,x@x.example,Expired\nbolt,x@x.example,Expired\n"
    (tmp_path / "history_2026-03-16.csv").write_text(rows, encoding="utf-8")
    several = run("show", "x@x.example", tmp_path, *DAY)
    assert (several.returncode, several.stderr.count("\n")) == (1, 1)
    assert "2 customers have that name. Hint: use a customer key of the list" in several.stderr
    assert {"account:acme", "account:bolt"} <= set(several.stdout.split())
    nobody = run("show", "nobody", tmp_path, *DAY)
    assert (nobody.returncode, nobody.stdout) == (1, "")
    assert "'invitekit find WORDS' lists customers" in nobody.stderr


def test_a_workspace_shows_what_was_sent_and_resolved(run: Run, exports: Path, tmp_path: Path) -> None:
    memory, day = tmp_path / "memory.duckdb", dt.date(2026, 3, 18)
    with ik.Workspace(memory) as workspace:
        workspace.add(exports)
        candidates = workspace.plan(as_of=dt.date(2026, 3, 17)).filter("batch is not null")
        (batch_id,) = workspace.record_batches(candidates.filter("account_name = 'bolt'")).values()
        workspace.mark_batch_sent(batch_id, by="anna", at=day)
        workspace.unmark(workspace.mark_resolved(customers="bolt", on=day, by="ben"), by="eve")
    printed = run("show", "bolt", "-w", memory, *DAY).stdout
    assert f"Invited again on 2026-03-18 23:59 by anna, batch {batch_id}." in printed
    assert "Marked as resolved on 2026-03-18 by ben; taken back by eve." in printed
    assert "Decision: Cannot be invited. The customer was invited as often as the rules allow (3)." in printed
    with ik.Workspace(memory, read_only=True) as workspace:
        history = workspace.customer_history("bolt")
        assert ([row["sent_by"] for row in history.sent], len(history.marks)) == (["anna"], 1)
        assert workspace.customer_history("acme").sent == ()
        with pytest.raises(ArgumentError, match="No customer has that name"):
            workspace.customer_history("nobody")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["report", "-o", "x.html", "--audience", "world"],
         "Invalid value for '--audience': 'world' is not one of 'internal', 'public'."),
        (["plan", "--since", "2026-03-02", "--until", "2026-03-01"],
         "The first day, 2026-03-02, is after the last, 2026-03-01."),
    ],
)  # fmt: skip
def test_an_error_quotes_what_was_typed(run: Run, exports: Path, words: list[str], problem: str) -> None:
    printed = " ".join(run(*words, exports).stderr.split())
    assert problem in printed
    assert "Value error" not in printed


def test_the_last_line_of_a_report_is_in_its_language(run: Run, exports: Path, tmp_path: Path) -> None:
    alone = run("report", exports, *DAY, "--language", "zh", "-o", tmp_path / "a.html").stdout.splitlines()[-1]
    each = run("report", exports, *DAY, "--language", "zh", "--by", "account_manager", "-o", tmp_path / "each")
    assert (alone[:5], each.stdout.splitlines()[-1][:4]) == ("报告已写入", "2 份报")
