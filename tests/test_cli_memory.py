"""The workspace on the command line: files, batches, marks and outcomes."""

import datetime as dt
import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import invitekit as ik
from invitekit.errors import OutputError
from invitekit.i18n import _
from invitekit.workspace import CHANGES, Workspace
from tests.conftest import Run

pytestmark = pytest.mark.slow  # each makes a database and runs several commands

HEADER = (
    "Customer Full Name,Account Name,Email,Invitation Method,Status,Failure Cause,Invitation Time,Association Time\n"
)
EXPIRED = "The invitation link has expired."
OVERDUE = "Failed to associate with the partner because the customer has overdue payment."
FIRST = (
    f"Ann Secret,ann,ann@example.com,Email,Association failed,{EXPIRED},2026-03-02 09:00:00,\n"
    f"Bea Secret,bea,bea@example.com,Email,Association failed,{EXPIRED},2026-03-02 09:00:00,\n"
    f"Cem Secret,cem,cem@example.com,Email,Association failed,{OVERDUE},2026-03-02 09:00:00,\n"
    "Dot Secret,dot,dot@example.com,Email,Invited,,2026-02-30 09:00:00,\n"
)
SECOND = (
    "Ann Secret,ann,ann@example.com,Email,Associated,,2026-03-21 09:00:00,2026-03-22 09:00:00\n"
    f"Bea Secret,bea,bea@example.com,Email,Association failed,{OVERDUE},2026-03-02 09:00:00,\n"
)
NAMES = ("Secret", "ann@", "bea@", "cem@", "dot@")


@pytest.fixture(scope="module")
def _filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    (folder / "exports").mkdir()
    (folder / "exports" / "history_2026-03-16.csv").write_text(HEADER + FIRST, encoding="utf-8")
    with Workspace(folder / "memory.duckdb") as ws:
        ws.add(folder / "exports")
    return folder


@pytest.fixture
def exports(_filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(_filled / "exports", tmp_path / "exports"))


@pytest.fixture
def memory(_filled: Path, tmp_path: Path) -> Path:
    """A new workspace with the export."""
    return Path(shutil.copy(_filled / "memory.duckdb", tmp_path))


@pytest.fixture(scope="module")
def _planned(_filled: Path) -> tuple[Path, str]:
    path = Path(shutil.copy(_filled / "memory.duckdb", _filled / "planned.duckdb"))
    with Workspace(path) as ws:
        (batch_id,) = ws.record_batches(ws.plan(as_of=dt.date(2026, 3, 20))).values()
    return path, batch_id


@pytest.fixture
def batch_id(_planned: tuple[Path, str], memory: Path) -> str:
    """The ID of the only batch, of Ann and Bea, that the workspace then remembers."""
    shutil.copy(_planned[0], memory)
    return _planned[1]


def run_json(run: Run, *words: str | Path) -> dict[str, Any]:
    done = run(*words, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["rows_read"] == found["records"] + found["rejects"]
    return found


def decisions(run: Run, memory: Path, day: str = "2026-03-20") -> dict[str, int]:
    found: dict[str, int] = run_json(run, "plan", "-w", memory, "--as-of", day)["decisions"]
    return {decision: n for decision, n in found.items() if n}


def write_batches(run: Run, memory: Path, folder: Path, day: str = "2026-03-20") -> str:
    """Write batches, and return the ID of the only one."""
    found = run_json(run, "plan", "-w", memory, "--as-of", day, "--batch-dir", folder, "--overwrite")
    (batch_id,) = found["batch_ids"].values()
    return str(batch_id)


def test_files_are_added_once_and_counted(run: Run, memory: Path, exports: Path) -> None:
    made = exports.parent / "made.duckdb"
    assert run("workspace", "add", exports, "-w", made).returncode == 0
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    again = run_json(run, "workspace", "add", exports, "-w", memory)
    assert (again["rows_read"], again["rejects"], again["workspace"]["files"]) == (4, 1, 1)
    assert [file["already_stored"] for file in again["added"]] == [True]
    assert "already stored: skipped" in run("workspace", "add", exports, "-w", memory).stdout
    anew = run_json(run, "workspace", "add", exports, "-w", memory, "--replace")
    assert [file["already_stored"] for file in anew["added"]] == [False]


def test_a_batch_is_planned_marked_as_sent_and_measured(run: Run, memory: Path, exports: Path) -> None:
    assert decisions(run, memory) == {"resend_now": 2, "wait_for_customer": 1}
    batch_id = write_batches(run, memory, exports.parent / "out")
    page = (exports.parent / "out" / "00_read_me_first.txt").read_text("utf-8-sig")
    assert f"invitekit workspace mark-sent {batch_id}" in page
    assert decisions(run, memory) == {"resend_now": 2, "wait_for_customer": 1}, "written is not sent"
    assert "Batches written and not marked as sent: 1." in run("plan", "-w", memory).stdout
    assert "not marked as sent" not in run("trend", "-w", memory).stdout

    logged = run("workspace", "mark-sent", batch_id, "--by", "anna", "--at", "2026-03-20 10:00", "-w", memory)
    assert logged.stdout == f"Batch {batch_id} marked as sent on 2026-03-20: 2 customers invited again.\n"
    assert decisions(run, memory, "2026-03-22") == {"wait_for_cooldown": 2, "wait_for_customer": 1}
    assert "not marked as sent" not in run("plan", "-w", memory).stdout
    assert "2 on 2026-03-20 by anna" in run("workspace", "show", "-w", memory).stdout

    (exports / "history_2026-03-23.csv").write_text(HEADER + SECOND, encoding="utf-8")
    assert run("workspace", "add", exports, "-w", memory).returncode == 0
    answer = run_json(run, "workspace", "outcomes", "-w", memory)
    (outcome,), (batch,) = answer["outcomes"], answer["batches"]
    assert (batch["sent"], batch["associated"], batch["rate"], batch["others"]) == (2, 1, 0.5, 0)
    assert (outcome["cause"], outcome["resent"], outcome["associated"]) == ("link_expired", 2, 1)
    target = exports.parent / "outcomes.parquet"
    told = run("workspace", "outcomes", "-w", memory, "-o", target).stdout
    assert [text in told for text in ("The customer opened", "50% (9% to 91%)", "too few")] == [True] * 3
    assert pl.read_parquet(target)["resent"].to_list() == [2]
    assert run("workspace", "outcomes", "-w", memory, "-o", target).returncode == 1, "it exists already"


def test_a_mark_that_a_batch_was_sent_can_be_taken_back(run: Run, memory: Path, batch_id: str) -> None:
    before = decisions(run, memory, "2026-03-22")
    run("workspace", "mark-sent", batch_id, "--by", "anna", "--at", "2026-03-20", "-w", memory)
    assert decisions(run, memory, "2026-03-22") != before
    assert run("workspace", "unmark-sent", batch_id, "b9", "-w", memory).returncode == 1
    assert decisions(run, memory, "2026-03-22") != before, "all or none"
    undone = run("workspace", "unmark-sent", batch_id, "-w", memory)
    assert (undone.returncode, undone.stdout) == (0, f"No longer marked as sent: {batch_id}.\n")
    assert decisions(run, memory, "2026-03-22") == before
    again = run("workspace", "unmark-sent", batch_id, "-w", memory)
    assert (again.returncode, "was not marked as sent" in again.stderr) == (1, True)


def test_an_excluded_customer_stays_a_candidate(run: Run, memory: Path, batch_id: str) -> None:
    at = ("--at", "2026-03-20 10:00")
    logged = run_json(run, "workspace", "mark-sent", batch_id, "--by", "anna", *at, "--exclude", "Ann", "-w", memory)
    assert logged["sent"] == {batch_id: 1}
    assert decisions(run, memory, "2026-03-22") == {
        "resend_now": 1, "wait_for_cooldown": 1, "wait_for_customer": 1,
    }  # fmt: skip


def test_a_resolved_customer_is_marked_and_unmarked(run: Run, memory: Path) -> None:
    words = ("--by", "anna", "--on", "2026-03-18", "--note", "paid", "-w", memory)
    assert run_json(run, "workspace", "mark-resolved", "cem@example.com", *words)["marks"] == [1]
    assert decisions(run, memory) == {"resend_now": 3}
    assert "Taken back: 1." in run("workspace", "unmark", "1", "1", "--by", "bob", "-w", memory).stdout
    (mark,) = [line for line in run("workspace", "show", "-w", memory).stdout.splitlines() if "2026-03-18" in line]
    assert (mark.split()[0], "by bob" in mark) == ("1", True)
    assert decisions(run, memory) == {"resend_now": 2, "wait_for_customer": 1}


def test_a_customer_is_marked_not_to_be_invited(run: Run, memory: Path) -> None:
    words = ("--by", "anna", "-w", memory)
    assert run_json(run, "workspace", "do-not-invite", "ann@example.com", "--on", "2026-03-18", *words)["marks"] == [1]
    assert decisions(run, memory) == {"resend_now": 1, "wait_for_customer": 1, "blocked": 1}
    assert "do_not_invite" in run("workspace", "show", "-w", memory).stdout
    shown = run("show", "ann@example.com", "-w", memory).stdout
    assert "Marked as not to be invited on 2026-03-18 by anna." in shown
    assert "by number: 2" in run("workspace", "do-not-invite", "ann@example.com", *words).stdout
    assert "Taken back: 1, 2." in run("workspace", "unmark", "2", *words).stdout
    assert decisions(run, memory) == {"resend_now": 2, "wait_for_customer": 1}


def test_your_own_account_is_marked_separately(run: Run, memory: Path) -> None:
    words = ("--by", "anna", "--on", "2026-03-18", "-w", memory)
    assert run_json(run, "workspace", "mark-resolved", "--own-account", *words)["marks"] == [1]
    assert "Taken back: 1." in run("workspace", "unmark", "1", "--by", "bob", "-w", memory).stdout
    for customers in ([], ["ann@example.com", "--own-account"]):
        wrong = run("workspace", "mark-resolved", *customers, *words)
        assert wrong.returncode == 2
        assert "Name customers, or --own-account" in wrong.stderr


def test_two_snapshots_are_compared_from_files_and_from_a_workspace(run: Run, memory: Path, exports: Path) -> None:
    (exports / "history_2026-03-23.csv").write_text(HEADER + SECOND, encoding="utf-8")
    assert run("workspace", "add", exports, "-w", memory).returncode == 0
    expected = dict.fromkeys((*CHANGES, "same"), 0) | {"became_associated": 1, "cause_changed": 1, "vanished": 1}
    for sources in ((exports,), ("-w", memory)):
        found = run_json(run, "compare", *sources)
        assert found["counts"] == expected
        named = run_json(run, "compare", *sources, "--before", "2026-03-16", "--after", "2026-03-23")
        assert named["counts"] == expected
    told = run("compare", exports).stdout
    assert "From 2026-03-16 to 2026-03-23:" in told
    assert not any(name in told for name in NAMES)
    target = exports.parent / "changes.csv"
    said = run("compare", "-w", memory, "-o", target)
    assert "It contains personal data" in said.stdout
    assert sorted(pl.read_csv(target)["change"]) == ["became_associated", "cause_changed", "vanished"]


def test_a_customer_whose_records_contradict_each_other_is_not_compared(run: Run, tmp_path: Path) -> None:
    lines = {"03-16": ["Invited"], "03-23": ["Associated", "Expired"]}
    for day, states in lines.items():
        rows = ["Account,Status,Invitation Time", *(f"acme,{state},2026-03-01" for state in states)]
        (tmp_path / f"history_2026-{day}.csv").write_text("\n".join(rows), encoding="utf-8")
    told = " ".join(run("compare", tmp_path).stdout.split())
    for which in ("earlier", "later"):
        assert f"of the {which} snapshot: 0 records without a customer (masked), 1 customer whose records" in told
    assert "contradict each other in one of the two" in told


@pytest.mark.parametrize(("last", "is_partial"), [(36, False), (35, True)])
def test_a_comparison_says_if_a_snapshot_seems_partial(run: Run, tmp_path: Path, last: int, is_partial: bool) -> None:
    for day, customers in (("2026-03-16", 40), ("2026-03-23", last)):
        rows = "".join(f"a{n},Expired\n" for n in range(customers))
        (tmp_path / f"h_{day}.csv").write_text("Account Name,Status\n" + rows, encoding="utf-8")
    found = run_json(run, "compare", tmp_path)
    assert (found["counts"]["vanished"], found["may_be_partial"]) == (40 - last, is_partial)
    sides = [ik.annotate(ik.load(path).records, as_of=dt.date(2026, 3, 23)) for path in sorted(tmp_path.iterdir())]
    for said in (" ".join(run("compare", tmp_path).stdout.split()), str(ik.compare(*sides))):
        assert ("seems to hold only a part" in said) == is_partial


def test_a_stored_file_is_removed(run: Run, memory: Path) -> None:
    (stored,) = run_json(run, "workspace", "show", "-w", memory)["files"]
    wrong = run("workspace", "remove", "other.csv", "-w", memory)
    assert (wrong.returncode, "No file of this name is stored" in wrong.stderr) == (1, True)
    removed = run_json(run, "workspace", "remove", stored["source_file"], "--snapshot", "2026-03-16", "-w", memory)
    assert (removed["removed"]["files"], removed["rows_read"]) == (1, 0)
    assert run_json(run, "workspace", "show", "-w", memory)["files"] == []


def test_planning_and_queries_change_nothing_and_batches_leave_no_table(run: Run, memory: Path, tmp_path: Path) -> None:
    def tables() -> list[Any]:
        with duckdb.connect(str(memory), read_only=True) as con:
            return sorted(con.execute("show tables").fetchall())

    before, content = tables(), memory.read_bytes()
    for words in (["plan", "-o", tmp_path / "plan.parquet"], ["workspace", "show"], ["workspace", "outcomes"]):
        assert run(*words, "-w", memory).returncode == 0
    assert (memory.read_bytes() == content, pl.read_parquet(tmp_path / "plan.parquet").height) == (True, 3)
    write_batches(run, memory, tmp_path / "out")
    assert tables() == before


def test_a_full_disk_discards_new_batches_and_keeps_earlier_ones(
    run: Run, memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_given: Any, **_how: Any) -> None:
        raise OutputError(_("No space left."), hint=_("nothing was left behind."))

    with monkeypatch.context() as broken:
        broken.setattr("invitekit.batches.write_batches", full)
        assert run("plan", "-w", memory, "--batch-dir", tmp_path / "out").returncode == 1
        assert run_json(run, "workspace", "show", "-w", memory)["batches"] == []
    kept = run_json(run, "plan", "-w", memory, "--batch-dir", tmp_path / "out")["batch_ids"]
    monkeypatch.setattr("invitekit.batches.write_batches", full)
    assert run("plan", "-w", memory, "--batch-dir", tmp_path / "again").returncode == 1
    found = run_json(run, "workspace", "show", "-w", memory)["batches"]
    assert [row["batch_id"] for row in found] == list(kept.values())


def test_a_day_of_sending_means_its_end(run: Run, memory: Path, batch_id: str) -> None:
    assert run("workspace", "mark-sent", batch_id, "--by", "anna", "--at", "20260320", "-w", memory).returncode == 0
    assert "resend_now" not in decisions(run, memory, "2026-03-27 00:01")
    assert decisions(run, memory, "2026-03-28")["resend_now"] == 2


def test_customers_of_two_batches_are_marked_twice_only_with_force(run: Run, memory: Path, batch_id: str) -> None:
    with Workspace(memory) as ws:
        later = ws.record_batches(ws.plan(as_of=dt.date(2026, 3, 20)), at=dt.date(2026, 3, 21))[1]
        ws.mark_batch_sent(batch_id, by="anna", at=dt.date(2026, 3, 20))
    refused = run("workspace", "mark-sent", later, "--by", "anna", "-w", memory)
    assert (refused.returncode, f"invited again since it was written, in {batch_id}" in refused.stderr) == (1, True)
    assert run("workspace", "mark-sent", later, "--by", "anna", "--force", "-w", memory).returncode == 0


def test_a_written_batch_is_discarded(run: Run, memory: Path, batch_id: str) -> None:
    assert "not yet" in run("workspace", "show", "-w", memory).stdout
    assert run("workspace", "discard", batch_id, "-w", memory).stdout == f"Discarded: {batch_id}.\n"
    assert run_json(run, "workspace", "show", "-w", memory)["batches"] == []
    assert "not marked as sent" not in run("plan", "-w", memory).stdout


RESOLVED = ["--by", "a", "--on", "2026-03-18", "-w", "memory.duckdb"]
REFUSALS: dict[str, tuple[list[str], int, str]] = {
    "neither sources nor a workspace": (["plan"], 2, "Name sources or a --workspace."),
    "a way of reading what is not read": (["plan", "-w", "memory.duckdb", "--time-zone", "Asia/Shanghai", "--messages",
        "nothere.csv"], 2, "Invalid value for --time-zone, --messages: no effect without SOURCES"),
    "a day first in what is not read": (["compare", "-w", "memory.duckdb", "--month-first"], 2, "--day-first/--month"),
    "no text": (["workspace", "mark-resolved", os.fsdecode(b"M\xfc"), *RESOLVED], 1, "The name matches no customer"),
    "both": (["plan", "exports", "-w", "memory.duckdb"], 2, "not both"),
    "a workspace that is not there": (["plan", "-w", "other.duckdb", "--batch-dir", "out"], 1,
        "'other.duckdb' does not exist"),
    "a batch in one that is not there": (["workspace", "mark-sent", "b", "--by", "a", "-w", "o"], 1, "does not exist"),
    "nobody's log": (["workspace", "mark-sent", "b9", "-w", "memory.duckdb"], 2, "--by"),
    "several batches with some left out": (["workspace", "mark-sent", "a", "b", "--by", "a", "--exclude", "x", "-w",
        "memory.duckdb"], 2, "one batch at a"),
    "an unknown customer": (["workspace", "mark-resolved", "Secret", *RESOLVED], 1, "The name matches no customer"),
    "no day": (["workspace", "mark-resolved", "ann", "--by", "a", "--on", "soon"], 2, "is not a date"),
    "a file of no snapshot": (["compare", "undated.csv", "exports"], 1,
        "2 of 5 records belong to no snapshot: nothing says when"),
    "only one snapshot": (["compare", "exports"], 1, "no earlier snapshot to compare with"),
    "a snapshot that is not there": (["compare", "exports", "--before", "2026-01-01"], 1, "no snapshot of 2026-01-01"),
    "a source as workspace": (["workspace", "add", "exports", "-w", "exports/history_2026-03-16.csv"], 1,
        "the name of a source"),
    "no snapshot date": (["workspace", "add", "undated.csv", "-w", "memory.duckdb"], 1, "Nothing says when"),
    "a workspace that is none": (["workspace", "show", "-w", "undated.csv"], 1, "the name of a source"),
}  # fmt: skip


@pytest.mark.usefixtures("memory")
def test_an_error_is_one_line_without_names(run: Run, exports: Path) -> None:
    (exports.parent / "undated.csv").write_text(HEADER + SECOND, encoding="utf-8")
    for case, (words, code, said) in REFUSALS.items():
        done = run(*words, cwd=exports.parent)
        assert (done.returncode, done.stdout) == (code, ""), case
        assert said in " ".join(done.stderr.split()), case
        assert code == 2 or done.stderr.count("\n") == 1, case
        assert not any(name in done.stderr for name in NAMES), case
    assert {path.name for path in exports.parent.iterdir()} == {"exports", "memory.duckdb", "undated.csv"}


def test_output_names_no_customer(run: Run, memory: Path) -> None:
    assert "No batches yet" in run("workspace", "show", "-w", memory).stdout
    assert "No batch was marked as sent" in run("workspace", "outcomes", "-w", memory).stdout
    with Workspace(memory) as ws:
        batches = ws.record_batches(ws.plan(as_of=dt.date(2026, 3, 20))).values()
        ws.mark_batches_sent(list(batches), by="anna", at=dt.date(2026, 3, 20))
    for words in (["workspace", "show"], ["workspace", "outcomes"], ["plan"]):
        for more in ([], ["--json"]):
            said = run(*words, "-w", memory, *more).stdout
            assert said
            assert not any(name in said for name in NAMES)
