"""The command line can ask: filters of annotate, plan, trend, report and export."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

if TYPE_CHECKING:
    from tests.conftest import Run as Done

Run = Callable[..., "Done"]

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


def asked(run: Run, *words: object) -> dict[str, Any]:
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


def test_a_filter_says_what_it_matches_and_how_many_of_all(run: Run, exports: Path, tmp_path: Path) -> None:
    for words, n, text in MATCHED.values():
        found = asked(run, "annotate", exports, *DAY, *words)
        assert (found["filter"]["words"], found["filter"]["matched"], found["filter"]["of"]) == (text, n, 7)
        assert (sum(found["by_status"].values()), found["records"]) == (n, 7)
    printed = run("annotate", exports, *DAY, "--country", "peru", "-o", tmp_path / "none.csv")
    assert "Filter: Country/Region is peru. Matches 0 of 7 records.\n" in printed.stdout
    assert "No record has Country/Region 'peru'." in printed.stdout
    assert pl.read_csv(tmp_path / "none.csv").height == printed.returncode == 0
    assert "filter" not in asked(run, "annotate", exports, *DAY)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--status", "faild"], "Did you mean association_failed?"),
        (["--method", "pigeon"], "Use one of email, link, qr_code, campaign, unknown."),
        (["--cause", "link_expird"], "Did you mean link_expired"),
        (["--since", "soon"], "'soon' is not a date"),
        (["--decision", "resend"], "No such option"),
    ],
)
def test_a_value_that_means_nothing_is_wrong_usage(run: Run, exports: Path, words: list[str], problem: str) -> None:
    done = run("annotate", exports, *words)
    assert done.returncode == 2
    assert problem in " ".join(done.stderr.split())


def test_a_plan_is_made_of_the_whole_history_and_filtered_afterwards(run: Run, exports: Path, tmp_path: Path) -> None:
    """On its failed record alone, a customer who is associated by now would be invited again."""
    failed = ("plan", exports, *DAY, "--status", "failed")
    assert {d: n for d, n in asked(run, *failed)["decisions"].items() if n} == {"resend_now": 1, "superseded": 1}
    one = asked(
        run, *failed, "--decision", "立即重发", "--batch-dir", tmp_path / "out", "-o", tmp_path / "plan.parquet"
    )
    assert (one["filter"]["matched"], one["filter"]["of"], one["customers"]) == (1, 7, 1)
    assert list(one["batch_files"].values()) == [1, 1]
    assert pl.read_parquet(tmp_path / "plan.parquet").select("account_name", "rank", "batch").row(0) == ("bolt", 1, 1)
    nobody = run("plan", exports, *DAY, "--country", "Peru")
    assert (nobody.returncode, "0 of 0 customers to invite again" in nobody.stdout) == (0, True)


def test_a_trend_counts_invitations_whose_newest_state_matches(run: Run, exports: Path) -> None:
    by_email = asked(run, "trend", exports, *DAY, "--method", "email")
    assert (by_email["filter"]["matched"], by_email["filter"]["of"], by_email["filter"]["unit"]) == (
        2,
        4,
        "invitations",
    )
    assert [(row["n"], row["of"]) for row in by_email["trend"]] == [(0, 2)], "it failed once and is associated now"


def test_a_shared_file_states_its_filter_without_naming_anybody(run: Run, exports: Path, tmp_path: Path) -> None:
    words = ("--text", "müller", "--manager", "mgr.chen", "--country", "germany", "--status", "associated")
    done = asked(run, "export", exports, *DAY, *words, "-o", tmp_path / "out.csv")
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
