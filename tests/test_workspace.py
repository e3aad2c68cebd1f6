"""The workspace: what it stores and returns, and that no crash, second process or wrong file damages it."""

import datetime as dt
import errno
import gc
import itertools
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

import invitekit as ik
from invitekit.engine.duckdb import rows as fetch
from invitekit.engine.duckdb import run
from invitekit.errors import ArgumentError, SchemaError, SourceError, WorkspaceError
from invitekit.model import schema
from invitekit.model.annotate import EMAIL_LIFE
from invitekit.model.catalogue import read_catalogue
from invitekit.sample import write_sample
from invitekit.workspace import (
    CHANGES,
    SCHEMA_VERSION,
    Workspace,
    batches,
    compare,
    compare_snapshots,
    database,
    import_files,
    migrations,
    queries,
    validation,
)  # fmt: skip
from invitekit.workspace.open_errors import not_opened
from invitekit.workspace.outcomes import by_batch
from tests.conftest import SHAPE, Engine, often

pytestmark = pytest.mark.slow  # each makes a database, and some another process

MESSAGES = {failure.code: failure.messages[0] for failure in read_catalogue().failures}
HEADER = ("Account", "Email", "Status", "Failure Cause", "Invitation Method", "Invitation Time", "Association Time")
MONDAY, NEXT = dt.date(2026, 3, 23), dt.date(2026, 3, 30)
SECRET = "Anna Secret"


def row(account: str | None, status: str = "Invited", **more: Any) -> dict[str, Any]:
    """One line of a file; ``failure`` is a code of the catalogue."""
    found: dict[str, Any] = {"Account": account, "Status": status}
    if "failure" in more:
        found |= {"Status": "Association failed", "Failure Cause": MESSAGES[more.pop("failure")]}
    names = {"email": "Email", "method": "Invitation Method", "invited": "Invitation Time",
             "associated": "Association Time"}  # fmt: skip
    return found | {names.get(name, name): value for name, value in more.items()}


def write(path: Path, *rows: dict[str, Any]) -> Path:
    names = dict.fromkeys([*HEADER, *itertools.chain(*rows)])
    pl.DataFrame([dict.fromkeys(names) | one for one in rows], schema=dict.fromkeys(names, pl.String)).write_csv(path)
    return path


def snapshot(folder: Path, day: dt.date, *rows: dict[str, Any], name: str = "history") -> Path:
    return write(folder / f"{name}_{day}.csv", *rows)


@pytest.fixture(scope="module")
def _empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "memory.duckdb"
    Workspace(path).close()
    return path


@pytest.fixture
def workspace(_empty: Path, tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(shutil.copy(_empty, tmp_path)) as opened:
        yield opened


@pytest.fixture
def wide_mask() -> Iterator[None]:
    """The usual umask, with which everybody can read new files."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def elsewhere(path: Path, code: str, *modes: str) -> str:
    """Open the workspace ``ws`` in another process, to read it or to write, and run a line; return what it prints."""
    opened = [f"Workspace({str(path)!r}, read_only={mode == 'read'})" for mode in modes or ("write",)]
    lines = ["from invitekit.workspace import Workspace"]
    for each in opened:
        lines += ["try:", f"    ws = {each}", f"    {code}", "    ws.close()",
                  "except Exception as error:", "    print(type(error).__name__, error)"]  # fmt: skip
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def modes(folder: Path) -> dict[str, str]:
    return {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in folder.glob("memory*")}


# ---- one file, private and whole ----------------------------------------------------------------


def test_a_workbook_of_several_sheets_is_one_file(workspace: Workspace, tmp_path: Path) -> None:
    sheets = {"2026-03-23": [row("a*"), row("b")], "2026-03-30": [row("a*", "Associated"), row("b", "Associated")]}
    book = tmp_path / "weeks.xlsx"
    with xlsxwriter.Workbook(book) as target:
        for name, rows in sheets.items():
            pl.DataFrame(rows).write_excel(target, name)
    (added,) = workspace.add(book)
    assert (added.name, added.rows_read, added.records) == ("weeks.xlsx", 4, 4)
    assert workspace.add(book)[0].already_stored
    history = workspace.history().pl()
    assert history["record_id"].n_unique() == 3  # a masked row of each sheet, and b
    assert set(history["snapshot_at"].dt.date()) == {MONDAY, NEXT}
    assert workspace.compare(MONDAY, NEXT).counts["became_associated"] == 1
    assert workspace.remove_file("weeks.xlsx").rows_read == 4


def test_words_that_are_taught_later_are_applied_to_stored_records(tmp_path: Path) -> None:
    rows = ["a,On ice,Fax,Gold", "b,On ice,Email,Reseller", "c,Expired,Fax,Reseller", "d,Thawed,Email,Reseller"]
    rows = ["Account Name,Status,Invitation Method,Association Type", *rows]
    for day in ("2026-03-02", "2026-03-09"):
        (tmp_path / f"history_{day}.csv").write_text("\n".join(rows) + "\n")
    (words := tmp_path / "words.toml").write_text('[status]\n"on ICE" = "expired"\n[method]\nFax = "link"\n')
    with ik.Workspace(tmp_path / "own.duckdb") as workspace:
        workspace.add(tmp_path / "history_2026-03-02.csv")
        workspace.add(tmp_path / "history_2026-03-09.csv", words=words)
        columns = "account_name, status, invitation_method, association_type, unrecognised"
        stored = workspace.history().select(columns).distinct().order("1").fetchall()
        assert workspace.teach(words) == 0, "once"
    assert stored == [
        ("a", "expired", "link", "unknown", "association_type: Gold"),
        ("b", "expired", "email", "reseller", None),
        ("c", "expired", "link", "reseller", None),
        ("d", "unknown", "email", "reseller", "status: Thawed"),
    ]


@pytest.mark.usefixtures("wide_mask")
def test_the_file_and_its_log_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    file = snapshot(tmp_path, MONDAY, row("acme", failure="link_used"))
    with Workspace(tmp_path / "memory.duckdb") as ws:
        ws.add(file)
        ws.mark_resolved(ws.records().fetchall()[0][0], on=MONDAY, by="anna")
        assert modes(tmp_path) == {"memory.duckdb": "0o600", "memory.duckdb.wal": "0o600"}
        ws._con.execute("checkpoint").fetchall()
        ws.outcomes().fetchall()
        mark_sent(ws, batch(ws))
        assert modes(tmp_path) == {"memory.duckdb": "0o600", "memory.duckdb.wal": "0o600"}
    (tmp_path / "memory.duckdb").chmod(0o644)
    Workspace(tmp_path / "memory.duckdb").close()
    assert modes(tmp_path) == {"memory.duckdb": "0o600"}, "it is made private again"
    assert os.umask(0o022) == 0o022


@pytest.mark.usefixtures("wide_mask")
def test_the_file_is_private_from_its_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def look(con: duckdb.DuckDBPyConnection, _version: int) -> None:
        files = [Path(one[0]) for one in fetch(con, "select path from duckdb_databases() where path is not null")]
        seen.extend(stat.S_IMODE(path.stat().st_mode) for file in files for path in (file, file.parent))
        migrate(con, _version)

    migrate = migrations.migrate
    monkeypatch.setattr(migrations, "migrate", look)
    Workspace(tmp_path / "memory.duckdb").close()
    assert seen[:2] == [0o600, 0o700]


@pytest.mark.parametrize("step", [("insert into meta", "nothing was changed"), ("checkpoint", "cannot be made")])
def test_a_failed_creation_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: Any) -> None:
    """DuckDB closes a file even if its last checkpoint failed: its tables would only be in the log."""
    failing, said = step

    def run_or_fail(con: Any, statement: str, *more: Any) -> int:
        if statement.startswith(failing):
            raise duckdb.IOException(SECRET)
        return run(con, statement, *more)

    for module in (database, migrations):
        monkeypatch.setattr(module, "run", run_or_fail)
    with pytest.raises(WorkspaceError, match=said) as caught:
        Workspace(tmp_path / "memory.duckdb")
    assert SECRET not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_no_extension_is_downloaded_and_large_data_spills_to_a_private_folder(workspace: Workspace) -> None:
    names = ("autoinstall_known_extensions", "autoload_known_extensions", "temp_directory")
    asked = ", ".join(f"current_setting('{name}')" for name in names)
    *fetched, spill = fetch(workspace._con, f"select {asked}")[0]
    assert fetched == [False, False]
    assert Path(spill).parent != workspace.path.parent
    assert stat.S_IMODE(Path(spill).stat().st_mode) == 0o700


def test_a_file_created_meanwhile_by_another_process_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "memory.duckdb"
    with Workspace(path) as ws:
        ws.add(snapshot(tmp_path, MONDAY, row("acme")))
    database.create(path)
    with Workspace(path) as ws:
        assert len(ws.history()) == 1


def test_its_repr_has_counts_and_no_person(workspace: Workspace, tmp_path: Path) -> None:
    file = write(tmp_path / "h_2026-03-30.csv", row(SECRET, email="anna@secret.example"), row(None))
    workspace.add(file)
    mark_sent(workspace, batch(workspace), by="boris", note="a note")
    said = repr(workspace)
    assert said == (
        "Workspace 'memory.duckdb': 1 file, 2 rows read = 1 record + 1 reject; "
        "1 batch sent (1 resend), 0 marks, 0 exports"
    )
    assert all(text not in said + workspace._repr_html_() for text in (SECRET, "anna@", "boris", "a note"))
    assert "2 rows read" in workspace._repr_html_()


def test_a_closed_workspace_is_an_error(tmp_path: Path) -> None:
    ws = Workspace(tmp_path / "memory.duckdb")
    ws.close()
    ws.close()
    assert repr(ws) == "Workspace 'memory.duckdb' (closed)"
    with pytest.raises(WorkspaceError, match="is closed"):
        ws.history()
    with pytest.raises(WorkspaceError, match="is closed"):
        ws.add(tmp_path)


# ---- files that cannot be opened ----------------------------------------------------------------


def other_database(path: Path) -> None:
    with duckdb.connect(str(path)) as con:
        con.execute("create table meta (name varchar, value integer); insert into meta values ('kind', 1)")


def truncated(path: Path) -> None:
    Workspace(path).close()
    os.truncate(path, 5000)


def garbled(path: Path) -> None:
    Workspace(path).close()
    content = bytearray(path.read_bytes())
    content[8:12] = b"XXXX"
    path.write_bytes(content)


def spoiled(statement: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        Workspace(path).close()
        with duckdb.connect(str(path)) as con:
            con.execute(statement)

    return make


REFUSED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "text": (lambda path: path.write_text("hello " * 1000), "is not a DuckDB database"),
    "empty": (lambda path: path.touch(), "is not a DuckDB database"),
    "sqlite": (lambda path: path.write_bytes(b"SQLite format 3\0" + b"\0" * 5000), "is not a DuckDB database"),
    "other database": (other_database, "not a workspace"),
    "database without tables": (lambda path: duckdb.connect(str(path)).close(), "not a workspace"),
    "newer": (spoiled("update meta set value = '99' where name = 'schema_version'"),
              rf"tables of version 99, known: {SCHEMA_VERSION}\).*update invitekit"),
    "truncated": (truncated, "(is|may be) damaged"),
    "garbled": (garbled, "is not a DuckDB database"),
    "folder": (lambda path: path.mkdir(), "is a folder"),
    "no version": (spoiled("delete from meta where name <> 'kind'"), "does not say which version"),
    "a version that is none": (spoiled("update meta set value = 'x' where name = 'schema_version'"),
                               "does not say which version"),
    "a table is gone": (spoiled("drop table marks"), "is damaged: it lacks marks"),
    "a link to itself": (lambda path: path.symlink_to(path), "cannot be opened: too many levels"),
    "log left": (lambda path: path.with_name("memory.duckdb.wal").touch(), "left of a file that is gone"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_a_file_that_is_not_a_workspace_is_refused_and_unchanged(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "memory.duckdb"
    make, said = REFUSED[kind]
    make(path)
    before = path.read_bytes() if path.is_file() else None
    if before is not None:
        path.chmod(0o644)
    with pytest.raises(WorkspaceError, match=said) as caught:
        Workspace(path)
    assert before is None or stat.S_IMODE(path.stat().st_mode) == 0o644
    assert caught.value.hint
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert (path.read_bytes() if path.is_file() else None) == before


@pytest.mark.parametrize("name", ["x" * 300 + ".duckdb", "a\0b.duckdb", "m\udcff" * 100 + ".duckdb"])
def test_an_impossible_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(WorkspaceError, match="cannot be opened") as caught:
        Workspace(tmp_path / name)
    assert len(str(caught.value)) < 300
    str(caught.value).encode()


def test_the_error_names_a_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_path: Path, **_how: bool) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "stat", denied)
    with pytest.raises(WorkspaceError, match="cannot be opened: permission denied"):
        Workspace(tmp_path / "memory.duckdb")


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.EIO])
def test_a_file_that_the_system_does_not_open_is_not_called_damaged(code: int) -> None:
    error = duckdb.IOException(f'IO Error: Cannot open file "/mnt/memory.duckdb": {os.strerror(code)}')
    shown = str(not_opened("memory.duckdb", error, read_only=False))
    assert shown.startswith(f"'memory.duckdb' cannot be opened: {os.strerror(code).lower()}. Hint: check the path")


def test_reading_does_not_create_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match=r"does not exist.*adding files to it makes it"):
        Workspace(tmp_path / "memory.duckdb", read_only=True)
    with pytest.raises(WorkspaceError, match=r"The folder of 'memory\.duckdb' does not exist"):
        Workspace(tmp_path / "nowhere" / "memory.duckdb")
    with pytest.raises(ArgumentError, match="name of a source file"):
        Workspace(tmp_path / "memory.csv")
    assert list(tmp_path.iterdir()) == []


# ---- who may open it at the same time -----------------------------------------------------------


def test_a_second_process_learns_who_locks_the_file_and_what_to_do(workspace: Workspace) -> None:
    writer, reader = elsewhere(workspace.path, "print('opened')", "write", "read").splitlines()
    assert writer.startswith(f"WorkspaceError 'memory.duckdb' is open in process {os.getpid()}.")
    assert "close it there" in writer
    assert "helps only if it was opened for reading there" in writer
    assert reader.startswith(f"WorkspaceError 'memory.duckdb' is open for writing in process {os.getpid()}.")
    assert "until then nobody can read it" in reader


def test_several_processes_can_read_together_and_block_a_writer(tmp_path: Path) -> None:
    path = tmp_path / "memory.duckdb"
    Workspace(path).close()
    with Workspace(path, read_only=True):
        reader, writer = elsewhere(path, "print('opened')", "read", "write").splitlines()
        assert (reader, "is open in process" in writer) == ("opened", True)


def test_two_workspaces_of_one_process_share_the_file(tmp_path: Path) -> None:
    path = tmp_path / "memory.duckdb"
    file = snapshot(tmp_path, MONDAY, row("acme"))
    (tmp_path / "link.duckdb").symlink_to(path)
    one, two = Workspace(path), Workspace(tmp_path / "link.duckdb")
    assert not one.add(file)[0].already_stored
    assert two.add(file)[0].already_stored
    one.close()
    assert len(two.history()) == 1
    assert "is open in process" in elsewhere(path, "print('opened')")
    two.close()


def test_a_cell_that_runs_again_opens_the_same_file_again(tmp_path: Path) -> None:
    for _ in range(3):
        ws = Workspace(tmp_path / "memory.duckdb")
    ws.add(snapshot(tmp_path, MONDAY, row("acme")))
    del ws
    gc.collect()
    assert elsewhere(tmp_path / "memory.duckdb", "print(len(ws.history()))") == "1"


def test_a_closed_workspace_releases_the_file_despite_a_live_relation(tmp_path: Path) -> None:
    with Workspace(tmp_path / "memory.duckdb") as ws:
        held = ws.history()
    assert elsewhere(tmp_path / "memory.duckdb", "print('opened')") == "opened"
    with pytest.raises(duckdb.ConnectionException):
        held.fetchall()


def test_read_only_after_a_writer_in_one_process_works_and_the_reverse_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "memory.duckdb"
    with Workspace(path), Workspace(path, read_only=True) as reader:
        assert len(reader.history()) == 0
        with pytest.raises(WorkspaceError, match="reading only"):
            reader.start_export(level="shared")
    refused = pytest.raises(WorkspaceError, match=r"open for reading in this process.*close that")
    with Workspace(path, read_only=True), refused:
        Workspace(path)


def test_the_error_names_the_users_own_connection_and_a_replaced_file(tmp_path: Path) -> None:
    path = tmp_path / "memory.duckdb"
    Workspace(path).close()
    with duckdb.connect(str(path)), pytest.raises(WorkspaceError, match="open in this process already"):
        Workspace(path)
    with Workspace(path):
        path.rename(tmp_path / "away")
        with pytest.raises(WorkspaceError, match="moved or replaced"):
            Workspace(path)


WRITES: dict[str, Callable[[Workspace], Any]] = {
    "add": lambda ws: ws.add(ws.path.parent),
    "record_batches": lambda ws: ws.record_batches(batch(ws)),
    "mark_batch_sent": lambda ws: ws.mark_batch_sent("b1", by="anna"),
    "discard_batches": lambda ws: ws.discard_batches(["b1"]),
    "mark_resolved": lambda ws: ws.mark_resolved("k1", on=MONDAY, by="anna"),
    "mark_do_not_invite": lambda ws: ws.mark_do_not_invite("k1", on=MONDAY, by="anna"),
    "unmark": lambda ws: ws.unmark(1, by="anna"),
    "remove_file": lambda ws: ws.remove_file("history.csv"),
    "start_export": lambda ws: ws.start_export(level="shared"),
    "finish_export": lambda ws: ws.finish_export(1),
}


def test_nothing_is_written_in_read_only_mode(tmp_path: Path) -> None:
    path = tmp_path / "memory.duckdb"
    Workspace(path).close()
    before = path.read_bytes()
    with Workspace(path, read_only=True) as ws:
        assert "(read-only)" in repr(ws)
        for write_something in WRITES.values():
            with pytest.raises(WorkspaceError, match=r"reading only.*open it for writing"):
                write_something(ws)
    assert path.read_bytes() == before


def test_everything_can_be_read_in_read_only_mode(tmp_path: Path) -> None:
    path = tmp_path / "memory.duckdb"
    with Workspace(path) as ws:
        ws.add([snapshot(tmp_path, day, row("acme", **FAILED), row(None)) for day in (MONDAY, NEXT)])
        mark_sent(ws, batch(ws), at=MONDAY)
    with Workspace(path, read_only=True) as ws:
        assert len(ws.outcomes().fetchall()) > 0
        assert ws.compare(MONDAY, NEXT).before.customers > 0
        relations = (ws.files, ws.snapshots, ws.history, ws.records, ws.rejects, ws.resends, ws.sent_events, ws.marks,
                     ws.resolutions, ws.batches, ws.unsent_customers, ws.plan)  # fmt: skip
        assert all(isinstance(relation().fetchall(), list) for relation in relations)


# ---- migrations ---------------------------------------------------------------------------------


def test_an_older_file_is_migrated_once_and_only_for_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, versions = tmp_path / "memory.duckdb", migrations.VERSIONS

    def next_version(*statements: str) -> None:
        monkeypatch.setattr(migrations, "VERSIONS", (*versions, (SCHEMA_VERSION + 1, statements)))
        monkeypatch.setattr(migrations, "SCHEMA_VERSION", SCHEMA_VERSION + 1)

    def found(query: str) -> Any:
        with duckdb.connect(str(path), read_only=True) as con:
            return con.execute(query).fetchall()[0][0]

    with Workspace(path) as ws:
        ws.add(snapshot(tmp_path, MONDAY, row("acme")))
    next_version("create table later (a int)", "insert into nowhere values (1)")
    with pytest.raises(WorkspaceError, match="nothing was changed"):
        Workspace(path)
    next_version("create table later (a int)", "insert into later values (7)")
    with pytest.raises(WorkspaceError, match=rf"tables of version {SCHEMA_VERSION}\).*open it once for writing"):
        Workspace(path, read_only=True)
    assert found("select count(*) from duckdb_tables() where table_name = 'later'") == 0
    for _ in range(2):
        with Workspace(path) as ws:
            assert "1 file, 1 row read = 1 record + 0 rejects" in repr(ws)
    assert found("select sum(a) from later") == 7
    assert found("select value from meta where name = 'schema_version'") == str(SCHEMA_VERSION + 1)


# ---- adding files -------------------------------------------------------------------------------


def test_stored_rows_equal_the_rows_read(workspace: Workspace, tmp_path: Path) -> None:
    files = write_sample(tmp_path / "files", rows=1000).paths
    steps: list[tuple[str, int, int]] = []
    added = workspace.add(tmp_path / "files", progress=lambda *step: steps.append(step))
    assert [one.name for one in added] == [path.name for path in files]
    assert [one.snapshot_at.date() for one in added] == [NEXT - dt.timedelta(weeks=n) for n in (3, 2, 1, 0)]
    assert sum(one.rows_read for one in added) == 1000
    assert sum(one.rejects for one in added) > 0
    order, names = ["source_file", "source_row"], [column.name for column in schema.RECORD]
    loaded = ik.load([str(path) for path in files]).records
    assert workspace.history().pl().sort(order).equals(loaded.select(names).sort(order))
    assert len(workspace.rejects()) == sum(one.rejects for one in added)
    assert [name for name, _, _ in steps] == [path.name for path in files]
    assert [done for _, done, _ in steps] == sorted(done for _, done, _ in steps)
    assert {total for _, _, total in steps} == {sum(path.stat().st_size for path in files)}


def test_relations_are_stored_as_frames(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = snapshot(tmp_path, MONDAY, row("acme", Note="7"), row(None))

    def on_disk(*given: Any, **how: Any) -> Any:
        return ik.load(*given, **how | {"engine": "duckdb"})

    workspace.add(file)
    expected = [fetch(workspace._con, f"select * exclude file_id from {table}") for table in ("records", "rejects")]
    monkeypatch.setattr(import_files, "load", on_disk)
    workspace.add(file, replace=True)
    stored = [fetch(workspace._con, f"select * exclude file_id from {table}") for table in ("records", "rejects")]
    assert stored == expected


def test_known_content_is_skipped_under_any_name(workspace: Workspace, tmp_path: Path) -> None:
    file = snapshot(tmp_path, MONDAY, row("acme"), row(None))
    first = workspace.add(file)[0]
    again = workspace.add(shutil.copy(file, tmp_path / f"copy_{MONDAY}.csv"))[0]
    assert (first.already_stored, again.already_stored) == (False, True)
    assert (again.name, again.snapshot_at, again.sha256) == (first.name, first.snapshot_at, first.sha256)
    assert (again.rows_read, again.records, again.rejects) == (2, 1, 1)
    assert "already stored" in str(again)
    assert len(workspace.files()) == 1


def test_known_content_of_another_day_is_a_separate_snapshot(workspace: Workspace, tmp_path: Path) -> None:
    file = snapshot(tmp_path, MONDAY, row("acme"))
    copy = Path(shutil.copy(file, tmp_path / f"history_{NEXT}.csv"))
    added = [one for _ in range(2) for one in workspace.add([file, copy])]
    assert [one.already_stored for one in added] == [False, False, True, True]
    assert [one.same_content_on for one in added] == [None, MONDAY, None, None]
    assert f"The same content is stored for {MONDAY}" in str(added[1])
    assert workspace.compare().counts["same"] == 1
    workspace.add(copy, replace=True)
    assert [one.already_stored for one in workspace.add(file, snapshot_at=NEXT)] == [True]
    assert workspace.files().pl()["source_file"].to_list() == [file.name, copy.name]


def test_a_known_file_is_read_again_on_request(workspace: Workspace, tmp_path: Path) -> None:
    file = write(tmp_path / "history.csv", row("acme", invited="2026-03-01 10:00:00"), row(None))
    workspace.add(file, snapshot_at=MONDAY)
    assert workspace.add(file)[0].already_stored, "nothing says another date"
    assert not workspace.add(file, snapshot_at=NEXT, replace=True, time_zone="Asia/Shanghai")[0].already_stored
    found = workspace.history().pl().select("snapshot_at", "invited_at").rows()
    assert found == [(dt.datetime(2026, 3, 30), dt.datetime(2026, 3, 1, 2))]
    assert (len(workspace.files()), len(workspace.rejects())) == (1, 1)


def test_a_corrected_file_counts_and_replaces_the_other_on_request(workspace: Workspace, tmp_path: Path) -> None:
    workspace.add(snapshot(tmp_path, MONDAY, row("acme", "Expired"), row("beta")))
    file = snapshot(tmp_path, MONDAY, row("acme", failure="link_used"), row("beta"))
    added = workspace.add(file)[0]
    assert added.same_name_files == 1
    assert "add it again with --supersede" in str(added)
    assert workspace.records().filter("account_name = 'acme'").pl()["status"].to_list() == ["association_failed"]
    again = workspace.add(file, supersede=True)[0]
    assert (again.already_stored, again.same_name_files) == (True, 0)
    assert (len(workspace.files()), len(workspace.history())) == (1, 2)
    third = workspace.add(snapshot(tmp_path, MONDAY, row("acme", "Associated")), supersede=True)[0]
    assert (third.already_stored, third.same_name_files, len(workspace.history())) == (False, 0, 1)


def test_a_corrected_file_under_another_name_replaces_the_wrong_one(workspace: Workspace, tmp_path: Path) -> None:
    """The corrected file is added as a copy with another name first."""
    workspace.add(snapshot(tmp_path, MONDAY, row("acme"), row("wrong"), row(None)))
    file = snapshot(tmp_path, MONDAY, row("acme"), row("beta"), row(None))
    other = tmp_path / file.name.replace(".csv", " corrected.csv")
    shutil.copyfile(file, other)
    workspace.add(other)
    added = workspace.add(file, supersede=True)[0]
    assert (added.name, added.already_stored, added.superseded_files, added.same_name_files) == (file.name, True, 1, 0)
    assert "already stored. It replaces 1 file of that name and date." in str(added)
    assert workspace.files().pl().select("source_file", "records", "rejects").rows() == [(file.name, 2, 1)]
    assert sorted(workspace.records().pl()["account_name"]) == ["acme", "beta"]
    assert set(workspace.history().pl()["source_file"]) | set(workspace.rejects().pl()["source_file"]) == {file.name}
    assert "skipped" in str(workspace.add(other, supersede=True)[0])
    assert workspace.add(snapshot(tmp_path, MONDAY, row("acme")), supersede=True)[0].superseded_files == 1
    assert (len(workspace.files()), len(workspace.history())) == (1, 1)


def test_a_file_that_should_not_be_stored_is_removed_with_its_rows(workspace: Workspace, tmp_path: Path) -> None:
    acme = row("acme", failure="link_used")
    file = snapshot(tmp_path, MONDAY, acme, row("beta"), row(None))
    workspace.add(file)
    workspace.add(file, snapshot_at=NEXT)
    workspace.add(snapshot(tmp_path, NEXT, row("beta"), name="other"))
    workspace.mark_resolved(customers="acme", on=MONDAY, by="anna")
    for name, day, problem in (
        ("nothing.csv", None, "No file of this name is stored"), (file.name, None, f"several days: {MONDAY}, {NEXT}"),
        (file.name, dt.date(2026, 1, 1), "this name and day"),
    ):  # fmt: skip
        with pytest.raises(ArgumentError, match=problem):
            workspace.remove_file(name, snapshot_at=day)
    assert len(workspace.files()) == 3
    assert workspace.remove_file(file.name, snapshot_at=NEXT).orphaned_events == 0
    removed = workspace.remove_file(file.name)
    assert (removed.day, removed.files, removed.rows_read, removed.orphaned_events) == (MONDAY, 1, 3, 1)
    assert str(removed).startswith(f"{file.name}: 1 file of {MONDAY} removed, 3 rows. 1 resends and marks belong")
    counts = workspace.counts()
    assert [counts[name] for name in ("files", "rows_read", "records", "rejects", "marks")] == [1, 1, 1, 0, 1]
    assert workspace.history().pl()["account_name"].to_list() == ["beta"]


def test_files_of_one_name_added_together_do_not_correct_each_other(workspace: Workspace, tmp_path: Path) -> None:
    for region in ("north", "south"):
        (tmp_path / region).mkdir()
        snapshot(tmp_path / region, MONDAY, row(region))
    added = workspace.add([tmp_path / "north", tmp_path / "south"], supersede=True, replace=True)
    assert [one.same_name_files for one in added] == [0, 1]
    assert len(workspace.files()) == 2


def test_reading_again_keeps_marks_and_warns_about_them(workspace: Workspace, tmp_path: Path) -> None:
    acme = row("acme", failure="link_used", invited="2026-03-01 10:00:00")
    file = snapshot(tmp_path, MONDAY, acme, row("beta"))
    workspace.add(file)
    mark_sent(workspace, batch(workspace), at=MONDAY)
    workspace.mark_resolved(customers="acme", on=MONDAY, by="anna")
    assert workspace.add(file, replace=True, time_zone="Asia/Shanghai")[0].orphaned_events == 0
    both = workspace.records().pl().join(workspace.sent_events().pl(), on="record_id")
    assert len(both) == 1, "acme has another ID now"
    corrected = workspace.add(snapshot(tmp_path, MONDAY, row("beta")), supersede=True)[0]
    assert corrected.orphaned_events == 2
    assert "2 resends and marks belong to no record" in str(corrected)


def test_a_file_added_meanwhile_by_another_is_stored_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = snapshot(tmp_path, MONDAY, row("acme"))
    with Workspace(tmp_path / "memory.duckdb") as one, Workspace(tmp_path / "memory.duckdb") as two:

        def slow(*given: Any, **how: Any) -> Any:
            monkeypatch.setattr(import_files, "load", ik.load)
            two.add(file)
            return ik.load(*given, **how)

        monkeypatch.setattr(import_files, "load", slow)
        assert one.add(file)[0].already_stored
        assert len(one.files()) == 1


def test_the_same_content_twice_in_one_call_is_stored_once(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    shutil.copy(snapshot(folder, MONDAY, row("acme")), folder / f"again_{MONDAY}.csv")
    assert [one.already_stored for one in workspace.add(folder)] == [False, True]
    assert [one.already_stored for one in workspace.add(folder, replace=True)] == [False, True]
    assert len(workspace.files()) == 1
    dated = snapshot(tmp_path, NEXT, row("acme", **{"Snapshot Time": "2026-03-23"}))
    assert [workspace.add(dated)[0].already_stored for _ in range(2)] == [False, True], "the column dates it"


def test_custom_columns_are_stored(workspace: Workspace, tmp_path: Path) -> None:
    extras: dict[str, Any] = {"Lucky 'Number\"": "7", "Größe": None}
    file = snapshot(tmp_path, MONDAY, row("acme", **extras), row("beta"))
    workspace.add(file)
    found = dict(fetch(workspace._con, "select account_name, extra from records"))
    assert json.loads(found["acme"]) == {"Lucky 'Number\"": "7"}
    assert found["beta"] is None
    assert workspace.history().columns == [column.name for column in schema.RECORD]


def test_rejected_rows_are_stored_with_their_reason(workspace: Workspace, tmp_path: Path) -> None:
    workspace.add(snapshot(tmp_path, MONDAY, row("acme"), row(None, email=None), row("beta", invited="soon")))
    found = workspace.rejects().pl()
    assert found.columns == ["source_file", "source_row", "column", "reason", "content", "snapshot_at"]
    assert found["source_row"].to_list() == [3, 4]
    assert found["column"].to_list() == [None, "invited_at"]
    assert json.loads(found["content"][1])["invited_at"] == "soon"


def test_every_row_needs_a_snapshot_date(workspace: Workspace, tmp_path: Path) -> None:
    undated = write(tmp_path / "history.csv", row(SECRET))
    with pytest.raises(SchemaError, match=r"'history\.csv' was exported: it has no snapshot date.*say when") as it:
        workspace.add(undated)
    assert SECRET not in str(it.value)
    some = write(tmp_path / "some.csv", row("acme", **{"Snapshot Time": "2026-03-30"}), row("beta"))
    with pytest.raises(SchemaError, match="1 of its 2 records have no snapshot date"):
        workspace.add(some)
    assert len(workspace.files()) == 0
    assert workspace.add(undated, snapshot_at=NEXT)[0].snapshot_at == dt.datetime(2026, 3, 30)


def test_a_file_may_contain_several_snapshots(workspace: Workspace, tmp_path: Path) -> None:
    dates = ("2026-03-23", "2026-03-30 09:00", "2026-03-30 09:00")
    rows = [row(f"a{i}", **{"Snapshot Time": at}) for i, at in enumerate(dates)]
    added = workspace.add(write(tmp_path / "all.csv", *rows))[0]
    assert added.snapshot_at == dt.datetime(2026, 3, 30, 9)
    found = workspace.snapshots().pl()
    assert found["snapshot_at"].to_list() == [dt.datetime(2026, 3, 23), dt.datetime(2026, 3, 30, 9)]
    assert found["records"].to_list() == [1, 2]
    assert workspace.compare(MONDAY, dt.datetime(2026, 3, 30, 9)).counts["appeared"] == 2


def test_a_file_of_rejected_rows_only_is_a_snapshot_too(workspace: Workspace, tmp_path: Path) -> None:
    assert workspace.add(snapshot(tmp_path, MONDAY, row(None)))[0].rejects == 1
    assert workspace.snapshots().pl()["records"].to_list() == [0]


def test_anonymous_rows_of_files_of_one_name_stay_separate(workspace: Workspace, tmp_path: Path) -> None:
    for number, name in enumerate(("T***m", "B***b")):
        folder = tmp_path / str(number)
        folder.mkdir()
        workspace.add(write(folder / "export.csv", row(None, **{"Customer Full Name": name})), snapshot_at=MONDAY)
    assert sorted(workspace.records().pl()["customer_full_name"]) == ["B***b", "T***m"]


def test_records_are_the_newest_state_of_each_invitation(workspace: Workspace, tmp_path: Path) -> None:
    sent = "2026-03-20 10:00:00"
    twice = [row("acme", status, invited=sent) for status in ("Associated", "Expired")]
    workspace.add(snapshot(tmp_path, NEXT, *twice))
    workspace.add(snapshot(tmp_path, MONDAY, row("acme", invited=sent), row("beta"), row("acme", invited="2026-01-01")))
    found = workspace.records().pl().sort("account_name", "invited_at")
    assert found.select("account_name", "status", "source_row").rows() == [
        ("acme", "invited", 4), ("acme", "expired", 3), ("beta", "invited", 3),
    ]  # fmt: skip
    assert len(workspace.history()) == 5


@pytest.fixture(scope="module")
def add_in_order(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[int], set[int]], list[Any]]:
    """Add five files in an order and in portions; return every table of the workspace."""
    folder = tmp_path_factory.mktemp("any")
    paths = []
    for number in range(5):
        (folder / str(number)).mkdir()
        rows = [row("acme", "Invited" if number % 2 else "Expired"), row(None, Mobile="138****1234"), row(None)]
        day = MONDAY + dt.timedelta(weeks=number // 2)
        # The names differ: of two files of one name and day, the one added last would count.
        paths.append(snapshot(folder / str(number), day, *rows, row(f"only {number}"), name=f"history_{number}"))

    def stored(order: list[int], portions: set[int]) -> list[Any]:
        with Workspace(folder / f"{len(list(folder.iterdir()))}.duckdb") as ws:
            for start, end in itertools.pairwise([0, *sorted(portions), len(order)]):
                ws.add([paths[number] for number in order[start:end]])
            relations = (ws.history(), ws.records(), ws.rejects(), ws.snapshots().select("* exclude added_at"))
            return [sorted(map(repr, relation.fetchall())) for relation in relations]

    return stored


@settings(max_examples=often(12), deadline=None)
@given(order=st.permutations(range(5)), cuts=st.sets(st.integers(1, 4)))
def test_the_result_does_not_depend_on_the_order_of_added_files(
    add_in_order: Callable[[list[int], set[int]], list[Any]], order: list[int], cuts: set[int]
) -> None:
    assert add_in_order(order, cuts) == _in_their_order(add_in_order)


@cache
def _in_their_order(stored: Callable[[list[int], set[int]], list[Any]]) -> list[Any]:
    return stored(list(range(5)), set())


def test_a_refused_file_leaves_the_earlier_ones(workspace: Workspace, tmp_path: Path) -> None:
    good = snapshot(tmp_path, MONDAY, row("acme"))
    bad = write(tmp_path / "undated.csv", row("beta"))
    with pytest.raises(SchemaError, match=rf"Files before it stay stored: {good.name}\.$"):
        workspace.add([good, bad])
    assert workspace.files().pl()["source_file"].to_list() == [good.name]
    assert [one.already_stored for one in workspace.add([good, bad], snapshot_at=MONDAY)] == [True, False]


def test_a_file_is_stored_whole_or_not(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = import_files._stream

    def broken(con: Any, table: str, *more: Any) -> int:
        if table == "rejects":
            con.execute(f"select '{SECRET}'::integer").fetchall()
        return stream(con, table, *more)

    file = snapshot(tmp_path, MONDAY, row("acme"), row(None))
    monkeypatch.setattr(import_files, "_stream", broken)
    with pytest.raises(WorkspaceError, match=r"could not be written \(Conversion\).*nothing was changed") as caught:
        workspace.add(file)
    assert SECRET not in str(caught.value)
    assert "0 files, 0 rows read" in repr(workspace)
    assert len(workspace.history()) == 0
    monkeypatch.setattr(import_files, "_stream", stream)
    assert workspace.add(file)[0].rows_read == 2


def test_lost_rows_are_an_error(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_stored = import_files._as_stored
    monkeypatch.setattr(import_files, "_as_stored", lambda *given: as_stored(*given).limit(1))
    with pytest.raises(WorkspaceError, match=r"2 rows read would be 1 records and 0 rejects.*please report"):
        workspace.add(snapshot(tmp_path, MONDAY, row("acme"), row("beta")))
    assert len(workspace.history()) == 0


def test_a_file_changed_while_read_fails(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = snapshot(tmp_path, MONDAY, row("acme"))

    def slow(*given: Any, **how: Any) -> Any:
        loaded = ik.load(*given, **how)
        file.write_text(file.read_text() + "beta,,Invited,,,,\n")
        return loaded

    monkeypatch.setattr(import_files, "load", slow)
    with pytest.raises(SourceError, match="changed while it was read"):
        workspace.add(file)
    assert len(workspace.files()) == 0


def test_the_workspace_itself_is_refused_as_a_source_and_keeps_its_lock(workspace: Workspace) -> None:
    folder = workspace.path.parent
    (folder / "link").symlink_to(workspace.path)
    for name in ("memory.duckdb", "*", "mem*.duckdb", "link"):
        with pytest.raises(ArgumentError, match="this workspace itself"):
            workspace.add(folder / name)
    with pytest.raises(ArgumentError, match="this workspace itself"):
        workspace.add(snapshot(folder, MONDAY, row("acme")), messages=workspace.path)
    assert "is open in process" in elsewhere(workspace.path, "print('opened')")


def test_a_frame_is_not_a_file(workspace: Workspace) -> None:
    with pytest.raises(ArgumentError, match=r"takes files, and this has the type DataFrame.*write a frame to a file"):
        workspace.add(pl.DataFrame({"Account": [SECRET]}))  # type: ignore[arg-type]


# ---- two snapshots ------------------------------------------------------------------------------


def annotated(day: dt.date, *rows: dict[str, Any]) -> pl.DataFrame:
    at = dt.datetime(day.year, day.month, day.day)
    found = []
    for number, one in enumerate(rows):
        code = one.get("failure")
        more = {"status": "association_failed", "failure_message": MESSAGES[code]} if code else {}
        fields = {name: value for name, value in one.items() if name != "failure"}
        place = {"source_file": f"{day}.csv", "source_row": number + 2}
        fixed = {"record_id": f"r{number:032x}", "snapshot_at": at} | place
        found.append(dict.fromkeys(SHAPE) | {"status": "invited"} | fixed | more | fields)
    return ik.annotate(pl.DataFrame(found, schema=SHAPE), as_of=at)


ACME = {"account_name": "acme"}
USED, PREPAID = (ACME | {"failure": code} for code in ("link_used", "prepaid_partner"))
DONE = ACME | {"status": "associated"}
MASKED = {"customer_full_name": "T***m", "mobile": "138****1234"}
OLD, NEW = dt.datetime(2026, 3, 1), dt.datetime(2026, 3, 20)
CASES: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], str]] = {
    "an invitation led to an association": ([ACME], [DONE], "became_associated"),
    "an association failed": ([ACME], [USED], "newly_failed"),
    "an association got lost": ([DONE], [USED], "newly_failed"),
    "the cause is another one": ([USED], [PREPAID], "cause_changed"),
    "the cause is the same": ([USED], [USED], "same"),
    "a failed one is gone": ([USED], [{"account_name": "beta"}], "vanished"),
    "a case of letters is no change": ([ACME], [{"account_name": "ACME"}], "same"),
    "expiry is no change of its own": ([ACME], [ACME | {"status": "expired"}], "same"),
    "the newest invitation speaks": ([USED | {"invited_at": OLD}], [DONE | {"invited_at": NEW},
        USED | {"invited_at": OLD}], "became_associated"),
    "an invitation without a date is the oldest": ([ACME], [USED, DONE | {"invited_at": OLD}], "became_associated"),
    "a later snapshot of the same side speaks": ([ACME], [USED, DONE | {"snapshot_at": NEW}], "newly_failed"),
    # The dated invitation used to decide, so that an older failure was not reported.
    "a pre-registration after a failure is the newer state": ([USED | {"invited_at": OLD},
        ACME | {"status": "pre_registered"}], [USED | {"invited_at": OLD}], "newly_failed"),
    "rows that agree are one": ([ACME, ACME], [DONE] * 2, "became_associated"),
    "an email leads to the account": ([ACME | {"email": "A@b.c"}], [{"email": "a@B.c", "status": "associated"}],
        "became_associated"),
}  # fmt: skip


def test_only_deciding_records_make_a_change() -> None:
    quiet = {"email": "zoe@example.com", "customer_full_name": "Zoe", "invited_at": OLD, "record_id": "z"}
    before = annotated(MONDAY, ACME | quiet, ACME | {"record_id": "a", "invited_at": NEW})
    after = annotated(NEXT, ACME | quiet, ACME | {"record_id": "b", "invited_at": NEW, "failure": "link_used"})
    (change,) = compare(before, after).changes.to_dicts()
    assert (change["change"], change["email"], change["customer_full_name"]) == ("newly_failed", None, None)
    assert [change[f"record_id_{side}"] for side in ("before", "after")] == ["a", "b"]
    assert [change[f"invited_at_{side}"] for side in ("before", "after")] == [NEW, NEW]


def test_a_customer_whose_row_was_rejected_neither_vanished_nor_appeared(tmp_path: Path) -> None:
    head = "Account Name,Email,Status,Invitation Time\n"
    lines = {"2026-03-16": ("acme,a@example.com,Invited,2026-03-01", "beta,b@example.com,Invited,2026-03-02"),
             "2026-03-23": ("acme,a@example.com,Invited,soon", "gone,g@example.com,Invited,2026-03-02"),
             "2026-03-30": ("acme,a@example.com,Invited,2026-03-01",)}  # fmt: skip
    for day, rows in lines.items():
        (tmp_path / f"history_{day}.csv").write_text(head + "\n".join(rows) + "\n")
    expected = {(16, 23): {"beta": "vanished", "gone": "appeared", "acme": "row_rejected"},
                (23, 30): {"gone": "vanished", "acme": "row_rejected"}}  # fmt: skip
    with Workspace(tmp_path / "w.duckdb") as workspace:
        workspace.add(tmp_path / "*.csv")
        for days, changes in expected.items():
            found = workspace.compare(*(dt.date(2026, 3, day) for day in days))
            assert dict(found.changes.select("account_name", "change").fetchall()) == changes


UNMATCHED: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], tuple[int, int], tuple[int, int]]] = {
    "masked rows belong to nobody": ([MASKED, MASKED], [MASKED | {"status": "associated"}], (2, 0), (1, 0)),
    "masked rows beside a known customer": ([ACME, MASKED], [ACME], (1, 0), (0, 0)),
    "rows that contradict each other now": ([ACME], [ACME, DONE], (0, 1), (0, 1)),
    "rows that contradict each other before": ([USED, PREPAID], [ACME], (0, 1), (0, 1)),
    "contradicting rows on one side only": ([ACME, ACME | {"status": "expired"}], [], (0, 1), (0, 0)),
}  # fmt: skip


def test_each_customer_has_one_change_and_unmatched_rows_are_counted(engine: Engine) -> None:
    sides: list[list[dict[str, Any]]] = [[], []]
    expected: dict[str, list[str]] = {name: [] for name in (*CHANGES, "same")}
    for number, case in enumerate([case[:2] for case in CASES.values()] + [case[:2] for case in UNMATCHED.values()]):
        for side, rows in zip(sides, case, strict=True):
            for one in rows:
                own = {name: f"{one[name]}{number}" for name in ("account_name", "email") if one.get(name)}
                side.append(one | own)
    for number, (_, _, change) in enumerate(CASES.values()):
        expected[change].append(f"account:acme{number}")
        expected["appeared"] += [f"account:beta{number}"] * (change == "vanished")
    before, after = (engine(annotated(day, *side)) for day, side in zip((MONDAY, NEXT), sides, strict=True))
    found = compare(before, after)
    expected["same"].append("the customer beside masked rows")
    assert found.counts == {name: len(customers) for name, customers in expected.items()}
    changes = engine.to_polars(found.changes)
    for name in CHANGES:
        assert sorted(changes.filter(change=name)["customer_id"]) == sorted(expected[name]), name
    assert changes.height == sum(map(len, expected.values())) - len(expected["same"])
    unmatched = [case[2] for case in UNMATCHED.values()], [case[3] for case in UNMATCHED.values()]
    for snapshot_side, counts in zip((found.before, found.after), unmatched, strict=True):
        assert (snapshot_side.unidentified, snapshot_side.conflicting) == tuple(map(sum, zip(*counts, strict=True)))


def test_masked_rows_of_the_same_file_name_and_row_are_different_customers() -> None:
    later = annotated(NEXT, MASKED).with_columns(source_file=pl.lit(f"{MONDAY}.csv"))
    found = compare(annotated(MONDAY, MASKED), later)
    assert (found.before.unidentified, found.after.unidentified, found.counts["same"]) == (1, 1, 0)


def test_a_comparison_agrees_with_a_simple_slow_one(workspace: Workspace, tmp_path: Path) -> None:
    workspace.add(write_sample(tmp_path / "files", rows=400, weeks=2, dirty=0).paths)
    found = workspace.compare(MONDAY, NEXT)
    per_day = dict(fetch(workspace._con, "select snapshot_at::date, count(*) from records group by all"))
    assert (found.before.rows, found.after.rows) == (per_day[MONDAY], per_day[NEXT])
    states: list[dict[str, tuple[str, str | None]]] = []
    for day in (MONDAY, NEXT):
        day_rows = workspace.history().filter(f"snapshot_at = '{day}'")
        speak: dict[str, tuple[str, str | None]] = {}
        for one in ik.annotate(day_rows, as_of=day).pl().sort("invited_at", nulls_last=True).iter_rows(named=True):
            speak[one["account_name"]] = (one["effective_status"], one["failure_code"])
        states.append(speak)
    before, after = states
    assert (found.before.customers, found.after.customers) == (len(before), len(after))
    both = before.keys() & after.keys()
    failed = {a for a in both if before[a][0] == after[a][0] == "association_failed"}
    assert found.counts["vanished"] == len(before.keys() - after.keys())
    assert found.counts["appeared"] == len(after.keys() - before.keys())
    reached = {a for a in both if before[a][0] != "associated" == after[a][0]}
    assert found.counts["became_associated"] == len(reached) > 0
    assert found.counts["newly_failed"] == sum(after[a][0] == "association_failed" for a in both - failed)
    assert found.counts["cause_changed"] == sum(before[a][1] != after[a][1] for a in failed)


def test_each_snapshot_is_judged_on_its_own_day(workspace: Workspace, tmp_path: Path) -> None:
    sent = dt.datetime(2026, 3, 23, 12) - EMAIL_LIFE
    for day in (MONDAY, NEXT):
        failed = row("acme", failure="link_used") if day == NEXT else row("acme", method="Email", invited=str(sent))
        workspace.add(snapshot(tmp_path, day, failed))
    found = workspace.compare(MONDAY, NEXT).changes.filter("change = 'newly_failed'").pl().row(0, named=True)
    assert (found["status_before"], found["status_after"]) == ("invited", "association_failed")
    assert (found["failure_code_before"], found["failure_code_after"]) == (None, "link_used")
    assert found["cause_after"]


def test_snapshots_of_a_frame_and_a_workspace_are_compared_alike(workspace: Workspace, tmp_path: Path) -> None:
    workspace.add(write_sample(tmp_path / "files", rows=300, weeks=2).paths)
    expected = workspace.compare()
    parts_of_a_second = pl.col("snapshot_at") + pl.duration(milliseconds=250)
    found = compare_snapshots(workspace.history().pl().with_columns(snapshot_at=parts_of_a_second))
    assert repr(found) == repr(expected)
    assert (found.before, found.after) == (expected.before, expected.after)
    assert min(found.before.rows, found.after.rows) > 0
    with pytest.raises(SchemaError, match="300 of 300 records belong to no snapshot"):
        compare_snapshots(workspace.history().pl().head(300).with_columns(snapshot_at=None))


def test_two_snapshots_of_one_day_cannot_be_compared(workspace: Workspace, tmp_path: Path) -> None:
    for hour in (8, 18):
        file = write(tmp_path / f"{hour}.csv", row("acme", Note=str(hour)))
        workspace.add(file, snapshot_at=dt.datetime(2026, 3, 30, hour))
    for after in (None, dt.datetime(2026, 3, 30, 18)):
        with pytest.raises(ArgumentError, match="no earlier snapshot"):
            workspace.compare(after=after)
    workspace.add(snapshot(tmp_path, MONDAY, row("acme")))
    assert workspace.compare().after.rows == 2, "the newest day is one snapshot"


def test_the_error_for_an_unknown_snapshot_lists_the_known_ones(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"no snapshot of 2026-03-23.*none; add files first"):
        workspace.compare(MONDAY, NEXT)
    workspace.add(snapshot(tmp_path, MONDAY, row("acme")))
    workspace.add(write(tmp_path / "later.csv", row("beta")), snapshot_at=dt.datetime(2026, 3, 30, 9, 30))
    with pytest.raises(ArgumentError, match=r"no snapshot of 2026-03-24.*there are: 2026-03-23, 2026-03-30 09:30:00"):
        workspace.compare(dt.date(2026, 3, 24), NEXT)
    with pytest.raises(ArgumentError, match=r"no snapshot of 2026-03-30\."):
        workspace.compare(MONDAY, dt.datetime(2026, 3, 30))
    east = dt.timezone(dt.timedelta(hours=8))
    assert workspace.compare(MONDAY, dt.datetime(2026, 3, 30, 17, 30, tzinfo=east)).counts["appeared"] == 1
    with pytest.raises(ArgumentError, match="not older"):
        workspace.compare(NEXT, MONDAY)
    with pytest.raises(ArgumentError, match="not older"):
        workspace.compare(NEXT, NEXT)
    with pytest.raises(ArgumentError, match=r"^before has the type str"):
        workspace.compare("2026-03-23", NEXT)  # type: ignore[arg-type]


# ---- resends ------------------------------------------------------------------------------------


def batch(ws: Workspace, *accounts: str, number: int = 1) -> pl.DataFrame:
    """Return the newest record of each customer as one batch, without the time that a plan takes."""
    rows = ws.history().pl().sort("snapshot_at")
    if accounts:
        rows = rows.filter(pl.col("account_name").is_in(accounts))
    made: pl.DataFrame = rows.select(
        "record_id", "account_name", "email", "invitation_method", decision=pl.lit("resend_now"), batch=pl.lit(number),
        customer_id=pl.concat_str(pl.lit("account:"), "account_name"), failure_code=pl.lit(None, pl.String),
        planned_at=pl.lit(dt.datetime(2026, 3, 30)), plan_rules=pl.lit(ik.ResendRules().to_json()),
    ).unique("customer_id", keep="last")  # fmt: skip
    return made


def mark_sent(
    ws: Workspace, plan: Any, *, by: str = "anna", at: Any = None, batch_id: str | None = None, note: str | None = None
) -> str:
    """Record rows of a plan as one batch, mark it as sent, and return its ID, which a test may choose."""
    frame = plan.pl() if isinstance(plan, duckdb.DuckDBPyRelation) else plan
    if "planned_at" not in frame.columns:
        frame = frame.with_columns(planned_at=pl.lit(SENT), plan_rules=pl.lit(ik.ResendRules().to_json()))
    (made,) = ws.record_batches(frame, at=at).values()
    ws.mark_batch_sent(made, by=by, at=at, note=note, force=True)
    for table in ("batches", "resends"):
        run(ws._con, f"update {table} set batch_id = ? where batch_id = ?", [batch_id or made, made])
    return batch_id or made


@pytest.fixture(scope="module")
def _filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    acme = row("acme", failure="link_used", email="a@b.c", invited="2026-03-10")
    with Workspace(folder / "memory.duckdb") as ws:
        ws.add(snapshot(folder, MONDAY, acme, *(row(name, failure="link_used") for name in ("beta", "gamma"))))
    return folder / "memory.duckdb"


@pytest.fixture
def filled(_filled: Path, tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(shutil.copy(_filled, tmp_path)) as opened:
        yield opened


@pytest.mark.parametrize("kind", ["polars", "duckdb", "arrow"])
def test_a_resend_has_one_row_per_customer_with_who_and_when(filled: Workspace, kind: str) -> None:
    frame = batch(filled, "acme", "beta").with_columns(failure_code=pl.lit("link_used"), rank=pl.lit(1))
    with duckdb.connect() as con:
        given = {"polars": frame, "arrow": frame.to_arrow(), "duckdb": con.from_arrow(frame.to_arrow())}[kind]
        east = dt.timezone(dt.timedelta(hours=8))
        at = dt.datetime(2026, 3, 24, 16, 30, 12, 345678, tzinfo=east)
        (made,) = filled.record_batches(given).values()
    assert filled.mark_batch_sent(made, by=" anna ", at=at, note="by hand", force=True) == 2
    found = filled.resends().pl().sort("account_name")
    assert found["account_name"].to_list() == ["acme", "beta"]
    assert found["email"].to_list() == ["a@b.c", None]
    shared = found.select("batch_id", "batch", "sent_at", "sent_by", "note", "decision", "failure_code").unique().rows()
    assert shared == [(made, 1, dt.datetime(2026, 3, 24, 8, 30, 12), "anna", "by hand", "resend_now", "link_used")]
    assert filled.sent_events().columns == ["record_id", "sent_at", "customer_id", "email"]


def test_a_resend_without_a_time_is_now(filled: Workspace) -> None:
    before = dt.datetime.now(dt.UTC).replace(tzinfo=None, microsecond=0)
    mark_sent(filled, batch(filled, "acme"))
    sent_at = filled.sent_events().fetchall()[0][1]
    assert before <= sent_at <= before + dt.timedelta(seconds=30)


BATCHES: dict[str, tuple[Callable[[pl.DataFrame], Any], type[Exception], str]] = {
    "a customer twice": (lambda b: pl.concat([b, b.head(1)]), ArgumentError, "1 of 4 rows .* repeat a customer"),
    "nobody": (lambda b: b.with_columns(customer_id=None), ArgumentError, "3 of 3 rows .* no record_id or customer_id"),
    "a column is missing": (lambda b: b.drop("decision", "batch"), SchemaError, "lacks batch, decision"),
    "a text as batch": (lambda b: b.with_columns(batch=pl.lit(SECRET)), WorkspaceError, "could not be written"),
    "no frame": (lambda _b: {"record_id": [1]}, ArgumentError, "type dict"),
}  # fmt: skip


def test_an_impossible_batch_is_refused_whole(filled: Workspace) -> None:
    right = batch(filled)
    for spoil, kind, said in BATCHES.values():
        with pytest.raises(kind, match=said) as caught:
            filled.record_batches(spoil(right))
        assert "acme" not in str(caught.value)
        assert SECRET not in str(caught.value)
    (made,) = filled.record_batches(right).values()
    for by, wrong, said in (
        (" ", {}, "person is empty"), (None, {}, "person is empty"),
        ("anna", {"at": dt.datetime(2099, 1, 1)}, "in the future"),
        ("anna", {"at": "2026-03-30"}, "at has the type str"),
    ):  # fmt: skip
        with pytest.raises(ArgumentError, match=said):
            filled.mark_batch_sent(made, **({"by": by} | wrong))
    assert len(filled.resends()) == 0


def test_marks_on_a_customer_or_your_account_release_and_are_undone(workspace: Workspace, tmp_path: Path) -> None:
    sent = {"invited": "2026-03-01 10:00:00", "method": "Email"}
    failures = {"acme": "special_contract", "beta": "prepaid_partner", "gamma": "prepaid_partner"}
    workspace.add(snapshot(tmp_path, MONDAY, *(row(name, failure=code, **sent) for name, code in failures.items())))

    def decisions() -> list[str]:
        found = workspace.plan(as_of=NEXT).select("account_name, decision").fetchall()
        return [decision for _, decision in sorted(found)]

    held = ["blocked", "contact_support", "contact_support"]
    assert decisions() == held
    own = workspace.mark_own_account_changed(dt.date(2026, 3, 20), by="anna", note="postpaid now")
    assert decisions() == ["blocked", "resend_now", "resend_now"]
    (mark,) = workspace.mark_resolved(customers="acme", on=dt.date(2026, 3, 21), by="anna")
    assert decisions() == ["resend_now"] * 3
    workspace.unmark([own, mark], by="boris")
    assert decisions() == held
    with pytest.raises(ArgumentError, match="future"):
        workspace.mark_own_account_changed(dt.datetime(2099, 1, 1), by="anna")
    assert workspace.counts()["marks"] == 0


# ---- written batches ----------------------------------------------------------------------------


def planned(ws: Workspace) -> Any:
    return ws.plan(as_of=NEXT)


def test_a_plan_takes_rules_language_and_catalogue(filled: Workspace, tmp_path: Path) -> None:
    rules = ik.ResendRules(cool_down_days=60)
    plan = filled.plan(rules, NEXT, "zh").pl().filter(account_name="acme")
    assert plan["decision"].to_list() == ["wait_for_cooldown"]
    assert plan.select("planned_at", "plan_rules").row(0) == (dt.datetime(2026, 3, 30), rules.to_json())
    assert not plan["reason"][0].isascii()
    own = tmp_path / "mine.toml"
    words = {"code": "link_gone", "message_en": "It went.", "cause_en": "Gone", "advice_en": "Resend.",
             "who_acts": "partner", "resend_rule": "now"}  # fmt: skip
    own.write_text("[[failure]]\n" + "\n".join(f"{name} = '{word}'" for name, word in words.items()))
    gone = row("delta", "Association failed", invited="2026-03-10") | {"Failure Cause": "It went."}
    filled.add(snapshot(tmp_path, NEXT, gone))
    found = filled.plan(as_of=NEXT, catalogue=read_catalogue(own)).pl().filter(account_name="delta")
    assert found["failure_code"].to_list() == ["link_gone"]


def test_the_records_of_a_batch_are_in_rank_order(workspace: Workspace, tmp_path: Path) -> None:
    workspace.add(write_sample(tmp_path / "files", rows=400, weeks=2).paths)
    plan = workspace.plan(as_of=NEXT).filter("batch = 1")
    noted = workspace.record_batches(plan)
    ranked = [record_id for (record_id,) in plan.order("rank").project("record_id").fetchall()]
    assert ranked != [record_id for (record_id,) in plan.project("record_id").fetchall()]
    assert workspace.batch_records(noted[1]) == ranked


def test_two_plans_in_one_frame_and_a_customer_in_two_batches_are_refused(filled: Workspace) -> None:
    one, two = (filled.plan(as_of=day).pl() for day in (NEXT, dt.date(2026, 3, 31)))
    with pytest.raises(ArgumentError, match="The plan mixes 2 plans: their rules or dates differ"):
        filled.record_batches(pl.concat([one, two]))
    with pytest.raises(SchemaError, match="The batch lacks plan_rules"):
        filled.record_batches(one.drop("plan_rules"))
    with pytest.raises(ArgumentError, match="repeat a customer"):
        filled.record_batches(pl.concat([batch(filled), batch(filled, "acme", number=2)]))
    assert filled.batches().fetchall() == []


def test_a_written_batch_is_marked_by_its_id(filled: Workspace) -> None:
    noted = filled.record_batches(planned(filled), folder="out")
    (number, batch_id), *more = noted.items()
    assert (number, more, len(filled.resends())) == (1, [], 0)
    before = filled.batches().pl().row(0, named=True)
    assert (before["batch_id"], before["folder"], before["customers"], before["sent"]) == (batch_id, "out", 1, None)
    assert filled.mark_batch_sent(batch_id, by="anna", at=MONDAY, note="by hand") == 1
    after = filled.batches().pl().row(0, named=True)
    assert (after["sent"], after["sent_by"], after["sent_at"]) == (1, "anna", dt.datetime(2026, 3, 23, 23, 59, 59))
    sent = filled.resends().pl().row(0, named=True)
    assert (sent["account_name"], sent["cause"], sent["note"]) == ("acme", "link_used", "by hand")
    for again in (False, True):
        with pytest.raises(ArgumentError, match="was marked as sent already"):
            filled.mark_batch_sent(batch_id, by="anna", force=again)


def test_a_batch_cannot_have_been_sent_before_the_invitation_that_it_repeats(filled: Workspace, tmp_path: Path) -> None:
    one, two = (filled.record_batches(batch(filled), at=day)[1] for day in (MONDAY, NEXT))
    # A typing error in the day or the year: the pause would be over at once, and the customer invited again.
    for wrong in (dt.date(2026, 3, 8), dt.date(2025, 3, 30)):
        problem = rf"^1 customer of batch '{one}' was invited after {wrong}, before .*day"
        with pytest.raises(ArgumentError, match=problem):
            filled.mark_batch_sent(one, by="anna", at=wrong)
    assert len(filled.resends()) == 0
    # An invitation that only a later export shows may be this very resend.
    filled.add(snapshot(tmp_path, NEXT, row("acme", failure="link_used", email="a@b.c", invited="2026-03-31")))
    assert filled.mark_batch_sent(one, by="anna", at=dt.date(2026, 3, 29)) == 3
    assert filled.mark_batch_sent(two, by="anna", at=dt.date(2026, 3, 9), force=True) == 3


def test_customers_of_two_batches_are_marked_twice_only_with_force(filled: Workspace) -> None:
    one, two = (filled.record_batches(batch(filled), at=day)[1] for day in (MONDAY, NEXT))
    filled.mark_batch_sent(one, by="anna", at=MONDAY)  # before the other was written, but logged since
    with pytest.raises(ArgumentError, match=rf"3 customers of batch '{two}' .* in {one}\..*--force \(force=True\)"):
        filled.mark_batch_sent(two, by="anna", at=NEXT)
    assert len(filled.resends()) == 3
    assert filled.mark_batch_sent(two, by="anna", at=NEXT, force=True) == 3


def test_a_customer_whose_id_changed_is_not_marked_as_sent_twice(filled: Workspace, tmp_path: Path) -> None:
    old = batch(filled, "acme", "beta")
    written = filled.record_batches(batch(filled, "beta", "gamma"), at=MONDAY)[1]
    first = mark_sent(filled, old, at=NEXT)
    filled.add(snapshot(tmp_path, NEXT, row("acme", **{"Customer ID": "0f1"}), row("beta", **{"Customer ID": "0f2"})))
    plan = filled.plan().pl()
    assert not set(plan["customer_id"]) & set(old["customer_id"]), "the portal's ID identifies them now"

    with pytest.raises(ArgumentError, match=rf"^1 customer of batch '{written}' was invited again .* in {first}\."):
        filled.mark_batch_sent(written, by="anna", at=NEXT)
    assert len(filled.resends()) == 2, "nothing of it is logged"
    assert filled.mark_batch_sent(written, by="anna", at=NEXT, exclude="beta") == 1


def test_a_customer_without_stored_rows_is_not_marked_as_sent_twice(filled: Workspace) -> None:
    lost = batch(filled, "acme").with_columns(customer_id=pl.lit("account:lost"), record_id=pl.lit("k0"))
    first = mark_sent(filled, lost, at=MONDAY)
    (again,) = filled.record_batches(lost, at=NEXT).values()
    with pytest.raises(ArgumentError, match=rf"^1 customer of batch '{again}' was invited again .* in {first}\."):
        filled.mark_batch_sent(again, by="anna", at=NEXT)


def test_a_resend_before_the_plan_does_not_block_its_batch(filled: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(validation, "now", lambda: dt.datetime(2026, 3, 23, 9))
        earlier.setattr(batches, "now", validation.now)
        mark_sent(filled, batch(filled), at=MONDAY, batch_id="b1")
    noted = filled.record_batches(batch(filled), at=NEXT)
    assert filled.mark_batch_sent(noted[1], by="anna", at=NEXT) == 3


def test_batches_are_marked_all_or_none(filled: Workspace) -> None:
    noted = filled.record_batches(pl.concat([batch(filled, "acme"), batch(filled, "beta", number=2)]))
    filled.mark_batch_sent(noted[2], by="anna", at=MONDAY)
    for wrong in ([noted[1], noted[2]], [noted[1], "b9"], [noted[1], noted[1]], []):
        with pytest.raises(ArgumentError):
            filled.mark_batches_sent(wrong, by="anna")
    assert filled.resends().pl()["account_name"].to_list() == ["beta"]
    assert filled.mark_batches_sent([noted[1]], by="anna") == {noted[1]: 1}


def test_only_an_unsent_batch_can_be_discarded(filled: Workspace) -> None:
    noted = filled.record_batches(pl.concat([batch(filled, "acme"), batch(filled, "beta", number=2)]))
    filled.mark_batch_sent(noted[2], by="anna", at=MONDAY)
    with pytest.raises(ArgumentError, match=r"1 of 2 batches were marked as sent.*nothing was discarded"):
        filled.discard_batches([noted[1], noted[2]])
    with pytest.raises(ArgumentError, match="No batch of that ID"):
        filled.discard_batches([noted[1], "b9"])
    assert len(filled.batches()) == 2
    filled.discard_batches([noted[1]])
    assert filled.batches().pl()["batch_id"].to_list() == [noted[2]]


def test_the_same_batch_of_a_day_is_stored_once_and_none_without_candidates(filled: Workspace) -> None:
    assert filled.record_batches(planned(filled).filter("decision = 'blocked'")) == {}
    first = filled.record_batches(filled.plan(as_of=MONDAY), folder="a")
    assert filled.record_batches(filled.plan(as_of=NEXT), folder="b") == first
    assert filled.batches().select("folder, planned_at").fetchall() == [("b", dt.datetime(2026, 3, 30))]


def test_a_single_text_is_one_name(workspace: Workspace, tmp_path: Path) -> None:
    workspace.add(snapshot(tmp_path, MONDAY, *(row(f"a{i}", ID=str(i)) for i in (1, 2, 12))))
    noted = workspace.record_batches(batch(workspace))
    assert workspace.find("12") == ("12",)
    assert workspace.mark_batch_sent(noted[1], by="anna", exclude="12") == 2
    assert sorted(workspace.resends().pl()["record_id"]) == ["1", "2"]


@pytest.mark.parametrize("name", ["ACME", "a@B.c ", "record"])
def test_excluded_customers_are_not_marked(filled: Workspace, name: str) -> None:
    rows = batch(filled)
    if name == "record":
        name = rows.filter(account_name="acme")["record_id"][0]
    noted = filled.record_batches(rows)
    assert filled.mark_batch_sent(noted[1], by="anna", at=MONDAY, exclude=[name]) == 2
    assert "acme" not in filled.resends().pl()["account_name"].to_list()


def test_a_reused_record_id_excludes_its_current_customer(workspace: Workspace, tmp_path: Path) -> None:
    workspace.add(snapshot(tmp_path, MONDAY, row("acme", ID="x1"), row("beta", ID="x2")))
    workspace.add(snapshot(tmp_path, NEXT, row("acme", ID="x2"), row("beta", ID="x1")))
    noted = workspace.record_batches(batch(workspace))
    assert workspace.mark_batch_sent(noted[1], by="anna", exclude="x1") == 1
    assert workspace.resends().pl()["account_name"].to_list() == ["acme"]


def test_only_the_excluded_customer_of_a_reused_record_id_is_left_out(workspace: Workspace, tmp_path: Path) -> None:
    old = {"Account Manager": "anna", "ID": "N1", "invited": "2026-03-01"}
    workspace.add(snapshot(tmp_path, MONDAY, row("acme", "Expired", **old)))
    workspace.add(snapshot(tmp_path, NEXT, row("beta", "Expired", **old | {"Account Manager": "ben"})))
    (batch_id,) = workspace.record_batches(workspace.plan(as_of=NEXT)).values()
    assert workspace.mark_batch_sent(batch_id, by="anna", at=NEXT, exclude="acme") == 1
    assert workspace.resends().select("customer_id").fetchall() == [("account:beta",)]


def test_an_unknown_name_to_exclude_is_an_error_and_so_is_the_name_of_everyone(filled: Workspace) -> None:
    noted = filled.record_batches(batch(filled, "acme", "beta"))
    for names in ([SECRET], ["acme", SECRET], ["acme", "beta", ""], ["acme", "gamma"]):
        problem = f"Customer {len(names)} of {len(names)} to exclude is not in the batch"
        if SECRET in names or "" in names:
            n = len(names)
            problem = "The name matches no customer" if n == 1 else f"Name {n} of {n} matches no customer, or several"
        with pytest.raises(ArgumentError, match=problem) as caught:
            filled.mark_batch_sent(noted[1], by="anna", exclude=names)
        assert SECRET not in str(caught.value)
    with pytest.raises(ArgumentError, match="Every customer of the batch would be excluded"):
        filled.mark_batch_sent(noted[1], by="anna", exclude=["acme", "beta"])
    assert len(filled.resends()) == 0


def test_the_error_for_an_unknown_batch_lists_the_known_ones(filled: Workspace) -> None:
    with pytest.raises(ArgumentError, match=r"No batch of that ID was written.*none yet"):
        filled.mark_batch_sent("b9", by="anna")
    noted = filled.record_batches(batch(filled))
    for wrong in (SECRET, os.fsdecode(b"\xff")):
        with pytest.raises(ArgumentError, match=f"known: {noted[1]}") as caught:
            filled.mark_batch_sent(wrong, by="anna")
        assert wrong not in str(caught.value)


# ---- finding a customer -------------------------------------------------------------------------


def test_a_customer_is_found_by_account_email_or_record(workspace: Workspace, tmp_path: Path) -> None:
    acme = [row("acme", email="a@b.c", invited=f"2026-03-{day}") for day in ("01", "20")]
    workspace.add(snapshot(tmp_path, MONDAY, row(None, email="a@b.c")))  # before it had an account
    workspace.add(snapshot(tmp_path, NEXT, *acme, row(None, email="only@b.c")))
    newest = workspace.records().filter("invited_at = '2026-03-20'").pl()["record_id"][0]
    only = workspace.records().filter("email = 'only@b.c'").pl()["record_id"][0]
    assert workspace.find(["Acme", "A@b.c ", newest, "only@b.c"]) == (newest, newest, newest, only)


def test_bytes_that_are_not_text_find_nobody(filled: Workspace) -> None:
    wrong = os.fsdecode(b"M\xfcller")
    with pytest.raises(ArgumentError, match="The name matches no customer, or several"):
        filled.find(wrong)
    for by, note in ((wrong, None), ("anna", wrong)):
        with pytest.raises(ArgumentError, match="write it in UTF-8"):
            filled.mark_resolved(ids(filled)[0], on=MONDAY, by=by, note=note)


def test_an_unknown_ambiguous_or_masked_name_finds_nobody(workspace: Workspace, tmp_path: Path) -> None:
    rows = [row("acme", email="a@b.c"), row("beta", email="a@b.c"), row("m***d", email="x@b.c")]
    workspace.add(snapshot(tmp_path, MONDAY, *rows, row("d@b.c"), row("d", email="d@b.c")))
    for names in ([SECRET], ["a@b.c"], ["d@b.c"], ["m***d"], [""]):
        with pytest.raises(ArgumentError, match="The name matches no customer, or several") as caught:
            workspace.find(names)
        assert SECRET not in str(caught.value)


# ---- marks --------------------------------------------------------------------------------------


def ids(ws: Workspace) -> list[str]:
    return sorted(set(ws.history().pl()["record_id"]))


def test_marks_have_author_and_time_and_stay_stored_when_undone(filled: Workspace) -> None:
    known = ids(filled)
    assert filled.mark_resolved([*known[:2], known[0]], on=MONDAY, by="anna", note="paid") == (1, 2)
    assert filled.mark_resolved(known[2], on=dt.datetime(2026, 3, 24, 9, 30), by="boris") == (3,)
    filled.unmark(2, by="carla")
    found = filled.marks().pl()
    columns = ["mark_id", "record_id", "resolved_at", "marked_at", "marked_by", "note", "unmarked_at", "unmarked_by",
               "customer_id", "failure_code"]  # fmt: skip
    assert found.columns == columns
    assert found["record_id"].to_list() == known
    assert found["marked_by"].to_list() == ["anna", "anna", "boris"]
    assert found["unmarked_by"].to_list() == [None, "carla", None]
    resolved = [(known[0], dt.datetime(2026, 3, 23)), (known[2], dt.datetime(2026, 3, 24, 9, 30))]
    assert sorted(filled.resolutions().select("record_id, resolved_at").fetchall()) == sorted(resolved)
    assert filled.resolutions().columns == ["record_id", "resolved_at", "customer_id", "failure_code", "email"]


def test_a_mark_stores_its_customer_and_its_failure(filled: Workspace) -> None:
    assert filled.mark_resolved(customers=["acme", "A@b.c"], on=MONDAY, by="anna") == (1,)
    filled.mark_resolved(filled.find("beta"), on=MONDAY, by="anna")
    found = filled.resolutions().pl().sort("customer_id").select("customer_id", "failure_code").rows()
    assert found == [("account:acme", "link_used"), ("account:beta", "link_used")]


def test_a_mark_without_an_effect_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    failed = row("acme", failure="overdue_payment", invited="2026-03-10 09:00:00")
    expired = row("old", method="Email", invited="2026-03-01")
    workspace.add(snapshot(tmp_path, MONDAY, failed, row("yours", "Associated"), row("late", "Expired"), expired))
    with pytest.raises(ArgumentError, match="3 of 4 customers have no failure"):
        workspace.mark_resolved(customers=["acme", "yours", "late", "old"], on=MONDAY, by="anna")
    with pytest.raises(ArgumentError, match="1 of 1 customers were invited after 2026-03-09"):
        workspace.mark_resolved(customers="acme", on=dt.date(2026, 3, 9), by="anna")
    assert len(workspace.marks()) == 0
    assert workspace.mark_resolved(customers="acme", on=dt.date(2026, 3, 10), by="anna") == (1,)


def test_taking_a_mark_back_takes_back_all_marks_of_that_failure(workspace: Workspace, tmp_path: Path) -> None:
    names = ("acme", "beta")
    workspace.add(snapshot(tmp_path, MONDAY, *(row(name, failure="overdue_payment", email=name) for name in names)))
    for customers in (["acme"], ["acme", "beta"]):
        workspace.mark_resolved(customers=customers, on=MONDAY, by="anna")
    own = [workspace.mark_own_account_changed(MONDAY, by="anna") for _ in range(2)]
    assert workspace.unmark(2, by="boris") == (1, 2)
    assert workspace.resolutions().select("customer_id").order("1").fetchall() == [("account:beta",), (None,)]
    assert workspace.unmark([own[1], 3], by="boris") == (3, *own)
    assert workspace.counts()["marks"] == 0


def test_an_address_stays_taken_after_a_correction_of_its_account(workspace: Workspace, tmp_path: Path) -> None:
    def rows(*names: str) -> list[dict[str, Any]]:
        addresses = ("sent@x.example", "barred@x.example", "other@x.example")
        return [row(n, "Expired", email=a, invited="2026-03-01") for n, a in zip(names, addresses, strict=True)]

    def reasons(day: dt.date) -> dict[str, str]:
        return dict(workspace.plan(as_of=day).select("account_name, reason_code").fetchall())

    workspace.add(snapshot(tmp_path, MONDAY, *rows("acme", "beta", "carl")))
    mark_sent(workspace, batch(workspace, "acme"), at=MONDAY)
    (mark,) = workspace.mark_do_not_invite(customers="beta", on=MONDAY, by="anna")
    corrected = workspace.add(snapshot(tmp_path, MONDAY, *rows("acme2", "beta2", "carl")), supersede=True)[0]
    assert corrected.orphaned_events == 2
    assert reasons(NEXT) == {"acme2": "same_email", "beta2": "same_email", "carl": "expired"}
    assert reasons(NEXT + dt.timedelta(days=1)) == {"acme2": "expired", "beta2": "same_email", "carl": "expired"}
    workspace.unmark(mark, by="boris")
    assert reasons(NEXT)["beta2"] == "expired"


def test_a_mark_is_undone_with_those_from_before_the_account(workspace: Workspace, tmp_path: Path) -> None:
    acme = {"email": "a@x.example", "failure": "overdue_payment", "invited": "2026-03-01"}
    workspace.add(snapshot(tmp_path, MONDAY, row(None, **acme)))
    workspace.mark_do_not_invite(customers="a@x.example", on=MONDAY, by="anna")
    workspace.mark_resolved(customers="a@x.example", on=MONDAY, by="anna")
    workspace.add(snapshot(tmp_path, NEXT, row("acme", **acme)))
    workspace.mark_do_not_invite(customers="acme", on=NEXT, by="anna")
    workspace.mark_resolved(customers="acme", on=NEXT, by="anna")
    assert list(workspace.marks_of("account:acme")) == [1, 2, 3, 4]
    assert workspace.unmark(3, by="boris") == (1, 3)
    assert workspace.unmark(2, by="boris") == (2, 4)
    assert workspace.marks_of("account:acme") == {}


def test_a_mark_follows_the_account_to_a_file_with_the_portals_id(workspace: Workspace, tmp_path: Path) -> None:
    rows = [row(name, "Expired", invited="2026-03-01 10:00") for name in ("acme", "beta", "gamma")]
    workspace.add(snapshot(tmp_path, MONDAY, *rows))
    workspace.mark_do_not_invite(customers="acme", on=MONDAY, by="anna")
    plan = workspace.plan(as_of=NEXT).filter("account_name = 'beta'")
    mark_sent(workspace, plan, at=MONDAY + dt.timedelta(days=6))

    ids = [{"Customer ID": f"c{number}f", "Invitation Time": "2026-03-01 10:05"} for number in range(3)]
    corrected = snapshot(tmp_path, MONDAY, *(one | more for one, more in zip(rows, ids, strict=True)))
    (added,) = workspace.add(corrected, supersede=True)
    assert added.orphaned_events == 0
    decided = workspace.plan(as_of=NEXT).select("customer_id, reason_code").fetchall()
    assert sorted(decided) == [
        ("customer:c0f", "do_not_invite"), ("customer:c1f", "cooling_down"), ("customer:c2f", "expired"),
    ]  # fmt: skip


def test_a_mark_belongs_to_the_named_customer_even_if_its_id_is_reused(workspace: Workspace, tmp_path: Path) -> None:
    failed = {"failure": "link_used"}
    workspace.add(snapshot(tmp_path, MONDAY, row("acme", ID="N1", **failed), row("beta", ID="N2", **failed)))
    workspace.add(snapshot(tmp_path, NEXT, row("beta", ID="N1", **failed)))
    workspace.mark_resolved(customers="acme", on=MONDAY, by="anna")
    workspace.mark_resolved("N1", on=MONDAY, by="anna")
    assert workspace.marks().pl()["customer_id"].to_list() == ["account:acme", "account:beta"]


def test_a_record_id_of_two_customers_of_the_newest_file_marks_nobody(workspace: Workspace, tmp_path: Path) -> None:
    workspace.add(snapshot(tmp_path, MONDAY, row("acme", ID="N1"), row("beta", ID="N1")))
    with pytest.raises(ArgumentError, match="1 of 1 record IDs are in no file of this workspace, of two customers"):
        workspace.mark_resolved("N1", on=MONDAY, by="anna")
    assert len(workspace.marks()) == 0


def test_a_masked_record_without_an_id_of_its_file_is_not_marked(workspace: Workspace, tmp_path: Path) -> None:
    # A mark follows its customer: on a record that matches no later file it would be lost.
    masked = {"Mobile": "138****1234", "failure": "link_used"}
    workspace.add(snapshot(tmp_path, MONDAY, row(None, **masked), row(None, ID="7", **masked)))
    with_id, without = sorted(ids(workspace), key=len)
    assert workspace.mark_resolved(with_id, on=MONDAY, by="anna") == (1,)
    with pytest.raises(ArgumentError, match="or masked"):
        workspace.mark_resolved(without, on=MONDAY, by="anna")


def test_an_invalid_mark_is_refused(filled: Workspace) -> None:
    right: dict[str, Any] = {"record_ids": ids(filled), "on": MONDAY, "by": "anna"}
    for name, value, said in (
        ("record_ids", [], "record_ids is empty"), ("record_ids", [1], "record_ids has the type int"),
        ("by", "", "The name of the person is empty"),
        ("on", dt.date(2099, 1, 1), "2099-01-01 is in the future"), ("on", None, "on is missing"),
        ("on", "2026-03-30", "on has the type str"),
    ):  # fmt: skip
        with pytest.raises(ArgumentError, match=said):
            filled.mark_resolved(**(right | {name: value}))
    with pytest.raises(ArgumentError, match="2 of 3 record IDs are in no file") as caught:
        filled.mark_resolved([ids(filled)[0], SECRET, "other"], on=MONDAY, by="anna")
    assert SECRET not in str(caught.value)
    assert len(filled.marks()) == 0


def test_a_future_time_is_refused_but_a_day_begun_somewhere_is_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    evening = dt.datetime(2026, 3, 30, 20, 0)
    monkeypatch.setattr(validation, "now", lambda: evening)
    assert validation.past_datetime(dt.date(2026, 3, 30), "on") == dt.datetime(2026, 3, 30)
    assert validation.past_datetime(dt.date(2026, 3, 31), "on") == evening
    assert validation.past_datetime(evening, "on") == evening
    assert validation.past_datetime(dt.date(2026, 3, 29), "at", end=True) == dt.datetime(2026, 3, 29, 23, 59, 59)
    assert validation.past_datetime(dt.date(2026, 3, 30), "at", end=True) == evening
    assert validation.past_datetime(dt.date(2026, 3, 31), "at", end=True) == evening
    assert validation.past_datetime(dt.datetime(2026, 3, 29), "at", end=True) == dt.datetime(2026, 3, 29)
    for later in (dt.date(2026, 4, 1), evening + dt.timedelta(seconds=1)):
        with pytest.raises(ArgumentError, match="in the future"):
            validation.past_datetime(later, "on")


def test_marks_are_undone_all_or_none(filled: Workspace) -> None:
    filled.mark_resolved(ids(filled)[0], on=MONDAY, by="anna")
    wrong: Any
    for wrong in ([2], [1, 2], [], ["1"]):
        with pytest.raises(ArgumentError):
            filled.unmark(wrong, by="anna")
    filled.unmark([1], by="anna")
    with pytest.raises(ArgumentError, match="1 of the marks is unknown"):
        filled.unmark([1], by="anna")


# ---- outcomes -----------------------------------------------------------------------------------

SENT = dt.datetime(2026, 3, 24, 9)
WEEK_AGO = "2026-03-10 10:00:00"
FRESH = "2026-03-24 09:00:00"
FAILED = {"failure": "link_used", "invited": WEEK_AGO}
LATER: dict[str, tuple[list[dict[str, Any]], str]] = {
    "associated with a date": ([{"status": "Associated", "associated": "2026-03-25"}], "associated"),
    "associated the day before it was logged": ([{"status": "Associated", "associated": "2026-03-23 09:00:00"}],
        "associated"),
    "associated without a date": ([{"status": "Associated"}], "associated"),
    "associated by an older invitation": ([{"status": "Associated", "invited": WEEK_AGO},
        {"status": "Invited", "method": "Link", "invited": FRESH}], "associated"),
    "associated before that": ([{"status": "Associated", "associated": "2026-03-23 08:59:59"}], "already_associated"),
    "failed once more": ([{"failure": "link_used", "invited": FRESH}], "failed_again"),
    "failed once more, dated a day before it was logged": ([{"failure": "link_used", "invited": "2026-03-23 09:00:00"}],
        "failed_again"),
    "failed a day before it was logged": ([{"failure": "link_used", "invited": "2026-03-23 08:59:59"}], "not_seen"),
    "failed without a date": ([{"failure": "link_used"}], "failed_again"),
    "failed for another cause": ([{"failure": "prepaid_partner", "invited": WEEK_AGO}], "failed_again"),
    "the old failure only": ([FAILED], "not_seen"),
    "expired": ([{"status": "Expired", "invited": FRESH}], "expired"),
    "expired by its date": ([{"status": "Invited", "method": "Email", "invited": FRESH, "Expires At": "2026-03-30"}],
        "expired"),
    # The dated invitation used to decide, and the change was missed.
    "pre-registered again": ([FAILED, {"status": "Pre-registered"}], "open"),
    "pre-registered again, and listed first": ([{"status": "Pre-registered"}, FAILED], "open"),
    "still invited": ([{"status": "Invited", "method": "Link", "invited": FRESH}], "open"),
    "gone": ([], "not_seen"),
    "associated, then expired": ([{"status": "Expired", "invited": FRESH}], "associated"),
    "invited, then failed": ([{"failure": "link_used", "invited": FRESH}], "failed_again"),
    "associated before, without a date": ([{"status": "Associated"}], "already_associated"),
    "the old expiry only": ([{"status": "Expired", "invited": WEEK_AGO}], "not_seen"),
}  # fmt: skip
BEFORE = {name: LATER[name][0][0] for name in ("associated before, without a date", "the old expiry only")}
"""Who had not failed when the resend was logged."""
BETWEEN = {
    "associated, then expired": {"status": "Associated"},
    "invited, then failed": {"method": "Link", "invited": FRESH},
}
"""What a snapshot of the week in between says."""


def test_a_resend_has_one_of_six_outcomes(workspace: Workspace, tmp_path: Path) -> None:
    before = [row(name, **BEFORE.get(name, FAILED)) for name in LATER]
    workspace.add(snapshot(tmp_path, MONDAY, *before, row("other")))
    kinds = ("associated", "already_associated", "failed_again", "expired", "open", "not_seen")
    expected = {kind: [name for name, (_, outcome) in LATER.items() if outcome == kind] for kind in kinds}
    for kind, names in expected.items():
        mark_sent(workspace, batch(workspace, *names), at=SENT, batch_id=kind)
    workspace.add(snapshot(tmp_path, dt.date(2026, 3, 27), *(row(name, **one) for name, one in BETWEEN.items())))
    rows = [row(name, **one) for name, (later, _) in LATER.items() for one in later]
    workspace.add(snapshot(tmp_path, NEXT, row("other"), *rows))
    found = workspace.outcomes().pl()
    assert found.group_by("batch_id").agg(pl.col(kinds).sum()).sort("batch_id").rows() == [
        (batch, *(len(expected[kind]) * (kind == batch) for kind in kinds)) for batch in sorted(kinds)
    ]
    assert found.group_by("cause").agg(pl.col("resent", "not_resent").sum()).sort("cause").rows() == [
        ("associated", 1, 0), ("expired", 1, 0), ("link_used", len(LATER) - 2, 0),
    ]  # fmt: skip


def test_customers_not_resent_are_compared_with_resent_ones(workspace: Workspace, tmp_path: Path) -> None:
    others = ("other batch", "by another way", "at that moment", "waited", "waited too", "other cause", "fine")
    accounts = ("sent", *others)
    causes = {"other cause": {"failure": "prepaid_partner"}, "fine": {"status": "Associated"}}
    workspace.add(snapshot(tmp_path, MONDAY, *(row(name, **causes.get(name, FAILED)) for name in accounts)))
    mark_sent(workspace, batch(workspace, "sent"), at=SENT, batch_id="b1")
    mark_sent(workspace, batch(workspace, "other batch"), at=SENT + dt.timedelta(days=1), batch_id="b2")
    later = {name: {"status": "Associated"} for name in accounts if name != "waited too"}
    later["by another way"] = {"status": "Associated", "invited": FRESH.replace("09:", "10:")}
    later["at that moment"] = {"status": "Associated", "invited": FRESH}
    later["waited too"] = FAILED
    workspace.add(snapshot(tmp_path, NEXT, *(row(name, **later[name]) for name in accounts)))
    found = workspace.outcomes().pl()
    shown = found.select("batch_id", "cause", "resent", "associated", "not_resent", "not_resent_associated").rows()
    assert shown == [("b1", "link_used", 1, 1, 3, 2), ("b2", "link_used", 1, 1, 4, 3)]


def counted(cause: str, resent: int, associated: int, others: int, others_associated: int) -> dict[str, Any]:
    zeros = dict.fromkeys(("already_associated", "failed_again", "expired", "not_seen"), 0)
    rest = {"resent": resent, "associated": associated, "open": resent - associated}
    return {"batch_id": "b1", "sent_at": SENT, "cause": cause, **zeros, **rest,
            "not_resent": others, "not_resent_associated": others_associated}  # fmt: skip


def test_a_batch_is_compared_with_others_weighted_by_its_causes() -> None:
    # Most of the batch has the hopeless cause; most of the others have the easy one.
    causes = [("hopeless", 90, 9, 100, 5), ("easy", 10, 8, 900, 720), ("rare", 5, 5, 9, 0)]
    (one,) = by_batch([counted(*cause) for cause in causes])
    assert (one.sent, one.associated, one.open, one.compared, one.others) == (105, 22, 83, 100, 1000)
    assert (one.rate, one.compared_rate) == (22 / 105, 17 / 100)
    assert one.others_rate == pytest.approx(0.9 * 0.05 + 0.1 * 0.8)
    assert (one.difference_low, one.difference_high) == pytest.approx((-0.048, 0.143), abs=0.001)
    (alone,) = by_batch([counted("rare", 5, 5, 9, 0)])
    assert (alone.rate, alone.difference_low) == (1, None)


@pytest.mark.parametrize(("apart", "others"), [(30, 1), (31, 2)])
def test_who_was_invited_in_thirty_days_is_left_out(
    workspace: Workspace, tmp_path: Path, apart: int, others: int
) -> None:
    workspace.add(snapshot(tmp_path, MONDAY, *(row(name, **FAILED) for name in ("acme", "beta", "gamma", "delta"))))
    mark_sent(workspace, batch(workspace, "acme"), at=SENT, batch_id="b1")
    mark_sent(workspace, batch(workspace, "beta"), at=SENT + dt.timedelta(days=apart), batch_id="b2")
    workspace.add(snapshot(tmp_path, dt.date(2026, 6, 1), row("acme", **FAILED), row("beta", "Associated"),
                           row("gamma", "Expired", invited="2026-04-23 09:00:00"),
                           row("delta", "Expired", invited="2026-04-23 09:00:01")))  # fmt: skip
    found = {one["batch_id"]: one for one in workspace.outcomes().pl().iter_rows(named=True)}
    assert found["b1"]["not_resent"] == others
    assert found["b1"]["not_resent_associated"] == 0, "it was invited again before it became associated"
    assert (found["b2"]["resent"], found["b2"]["associated"]) == (1, 1)


def test_results_after_the_next_resend_belong_to_that_one(workspace: Workspace, tmp_path: Path) -> None:
    workspace.add(snapshot(tmp_path, MONDAY, row("acme", **FAILED), row("beta", **FAILED)))
    mark_sent(workspace, batch(workspace), at=SENT, batch_id="b1")
    workspace.add(snapshot(tmp_path, NEXT, row("acme", failure="prepaid_partner", invited=FRESH),
                           row("beta", method="Email", invited=FRESH),
                           row("still invited", method="Email", invited=FRESH)))  # fmt: skip
    mark_sent(workspace, batch(workspace, "acme", "beta"), at=dt.datetime(2026, 3, 31), batch_id="b2")
    associated = [row(name, "Associated", associated="2026-04-02") for name in ("acme", "beta")]
    workspace.add(snapshot(tmp_path, dt.date(2026, 4, 6), *associated))
    shown = ("batch_id", "cause", "failed_again", "open", "associated", "not_resent")
    assert workspace.outcomes().pl().select(shown).rows() == [
        ("b1", "link_used", 1, 1, 0, 0), ("b2", "invited", 0, 0, 1, 0), ("b2", "prepaid_partner", 0, 0, 1, 0),
    ]  # fmt: skip


def test_an_association_before_a_resend_belongs_to_the_one_before(workspace: Workspace, tmp_path: Path) -> None:
    workspace.add(snapshot(tmp_path, MONDAY, row("acme", **FAILED), row("beta", **FAILED)))
    mark_sent(workspace, batch(workspace), at=SENT, batch_id="b1")
    mark_sent(workspace, batch(workspace), at=dt.datetime(2026, 4, 2), batch_id="b2")
    dates = {"acme": "2026-03-31", "beta": "2026-04-01"}  # a day before the resend may be due to a time zone
    associated = [row(name, "Associated", associated=day) for name, day in dates.items()]
    workspace.add(snapshot(tmp_path, dt.date(2026, 4, 6), *associated))
    shown = ("batch_id", "associated", "already_associated", "not_seen")
    assert workspace.outcomes().pl().select(shown).rows() == [("b1", 1, 0, 1), ("b2", 1, 1, 0)]


def test_a_resend_is_followed_by_its_account_without_its_record(workspace: Workspace, tmp_path: Path) -> None:
    plan = {"record_id": "k9", "customer_id": "account:acme", "account_name": "Acme", "batch": 1,
            "decision": "resend_now", "effective_status": "expired", "failure_code": "link_used"}  # fmt: skip
    stranger = pl.DataFrame([plan])
    mark_sent(workspace, stranger, at=SENT)
    workspace.add(snapshot(tmp_path, NEXT, row("acme", "Associated")))
    found = workspace.outcomes().pl().row(0, named=True)
    assert (found["cause"], found["resent"], found["associated"]) == ("expired", 1, 1)


def test_a_resend_is_not_followed_by_a_reused_id(workspace: Workspace, tmp_path: Path) -> None:
    workspace.add(snapshot(tmp_path, MONDAY, row("acme", ID="N1"), row("beta", ID="N2"), row("gone", ID="N3")))
    for name in ("acme", "beta"):
        mark_sent(workspace, batch(workspace, name), at=SENT, batch_id=name)
    lost = batch(workspace, "gone").with_columns(customer_id=pl.lit("account:lost"))
    mark_sent(workspace, lost, at=SENT, batch_id="lost")  # its ID is of two other customers
    workspace.add(snapshot(tmp_path, NEXT, row("beta", ID="N1"), row("acme", "Associated", ID="N2"),
                           row("delta", "Associated", ID="N3")))  # fmt: skip
    found = workspace.outcomes().select("batch_id, associated, open, not_seen").fetchall()
    assert sorted(found) == [("acme", 1, 0, 0), ("beta", 0, 1, 0), ("lost", 0, 0, 1)]


def test_a_masked_customer_is_not_followed_by_a_mask(workspace: Workspace, tmp_path: Path) -> None:
    mask = {"Customer Full Name": "T***m", "Mobile": "138****1234"}
    workspace.add(snapshot(tmp_path, MONDAY, row(None, **FAILED, **mask)))
    plan = {"customer_id": pl.col("record_id"), "batch": pl.lit(1), "decision": pl.lit("resend_now")}
    masked = workspace.records().pl().select("record_id", **plan)
    mark_sent(workspace, masked, at=SENT)
    workspace.add(snapshot(tmp_path, NEXT, row(None, "Associated", **mask)))
    shown = ("cause", "resent", "associated", "not_seen")
    assert workspace.outcomes().pl().select(shown).rows() == [("unknown", 1, 0, 1)]


def test_the_status_at_a_time_follows_the_rule_of_annotate(workspace: Workspace, tmp_path: Path) -> None:
    invited = {f"acme{past}": str(SENT - EMAIL_LIFE - dt.timedelta(seconds=past)) for past in (-1, 0, 1)}
    workspace.add(snapshot(tmp_path, MONDAY, *(row(a, method="Email", invited=at) for a, at in invited.items())))
    for account in invited:
        mark_sent(workspace, batch(workspace, account), at=SENT, batch_id=account)
    as_annotated = ik.annotate(workspace.history(), as_of=SENT).select("account_name, effective_status").fetchall()
    assert dict(workspace.outcomes().select("batch_id, cause").fetchall()) == dict(as_annotated)
    assert sorted(status for _, status in as_annotated) == ["expired", "expired", "invited"]


def test_a_large_history_is_on_disk(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(f"a{n}", **FAILED) for n in range(4)]
    workspace.add(snapshot(tmp_path, MONDAY, *rows, row("b", email="b@x.example")))
    mark_sent(workspace, batch(workspace, "a0", "a1"), at=SENT, batch_id="b1")
    workspace.add(snapshot(tmp_path, NEXT, row("a0", "Associated"), row("a1", failure="prepaid_partner"), *rows[2:]))

    def stored() -> list[Any]:
        frames = (workspace.plan(as_of=NEXT), workspace.outcomes(), workspace.records(), workspace.compare().changes)
        assert all(isinstance(frame, duckdb.DuckDBPyRelation) for frame in frames)
        return [*(sorted(map(repr, frame.fetchall())) for frame in frames), workspace.find("b@x.example")]

    in_memory = stored()
    monkeypatch.setattr(queries, "rows_fit", lambda _rows: False)
    assert stored() == in_memory


# ---- exports ------------------------------------------------------------------------------------


def test_an_export_stores_its_start_and_its_end(workspace: Workspace) -> None:
    at = dt.datetime(2026, 3, 30, 9)
    first = workspace.start_export(level="shared", purpose="a talk", file_name="out.parquet", key_id="k7", at=at)
    second = workspace.start_export(level="internal")
    workspace.finish_export(first, rows=12, sha256="ab", at=at)
    workspace.finish_export(second, "failed")
    found = workspace.exports().pl()
    assert found.row(0) == (1, at, at, "completed", "shared", 12, "ab", "k7", "a talk", "out.parquet")
    assert found["status"].to_list() == ["completed", "failed"]
    with pytest.raises(WorkspaceError, match="No export 1 is running"):
        workspace.finish_export(1)
    with pytest.raises(WorkspaceError, match="No export 9 is running"):
        workspace.finish_export(9)
    with pytest.raises(ArgumentError, match="use one of completed, failed"):
        workspace.finish_export(1, "running")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="no level"):
        workspace.start_export(level="")


def test_only_an_export_of_a_dead_process_is_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "memory.duckdb"
    assert elsewhere(path, "print(ws.start_export(level='shared'))") == "1"
    with Workspace(path, read_only=True) as ws:
        assert ws.exports().pl()["status"].to_list() == ["running"]
    with Workspace(path) as ws:
        ws.start_export(level="shared")
        assert ws.exports().pl()["status"].to_list() == ["interrupted", "running"]
    with Workspace(path) as ws:
        assert ws.exports().pl()["status"].to_list() == ["interrupted", "running"]
        ws.finish_export(2)


def test_a_reused_process_id_is_not_the_old_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "memory.duckdb"
    with monkeypatch.context() as earlier, Workspace(path) as ws:
        earlier.setattr("invitekit.workspace.process_start_time", lambda _pid: "1")
        ws.start_export(level="shared")
    with Workspace(path) as ws:
        assert ws.exports().pl()["status"].to_list() == ["interrupted"]
