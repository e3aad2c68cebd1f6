"""Import files into the workspace: each is loaded on its own, and stored whole or not at all."""

from __future__ import annotations

import dataclasses
import datetime as dt
import glob
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from invitekit.engine.datetimes import as_utc
from invitekit.engine.duckdb import ident, lit, one, registered, rows, run
from invitekit.errors import ArgumentError, Choice, InvitekitError, SchemaError, SourceError, WorkspaceError, many
from invitekit.i18n import Message, _, printable
from invitekit.ingest import Summary, load
from invitekit.ingest.cleaning import REJECTED_COLUMNS
from invitekit.ingest.discover import Source, find_sources
from invitekit.ingest.header_words import word_code
from invitekit.ingest.words import TABLES, Words
from invitekit.io.digest import digest
from invitekit.model import schema
from invitekit.model.unrecognised import unrecognised_texts
from invitekit.workspace.customers import count_orphans
from invitekit.workspace.database import transaction
from invitekit.workspace.queries import RECORD
from invitekit.workspace.validation import now

_KNOWN = (
    "select file_id, source_file, sha256, snapshot_at, rows_read, records, rejects, true from files where sha256 = ? "
    "order by file_id"
)
_SAME_NAME = "source_file = ? and snapshot_at = ? and sha256 <> ?"
_NAMED = 5
_ROWS_AT_ONCE = 50_000


@dataclass(frozen=True, slots=True)
class Added:
    """The result of adding one file; ``rows_read`` is always ``records + rejects``.

    Attributes:
        name: The file's name; for a file that was stored already, the name under which it is stored.
        sha256: The digest of its bytes, which identifies it.
        snapshot_at: When it was exported (UTC); the newest date, if its rows have several.
        rows_read, records, rejects: How many rows of it are stored.
        already_stored: Whether it was stored before, and skipped now.
        superseded_files: Stored files of its name and snapshot that were replaced by it.
        same_name_files: Other stored files of its name and snapshot, of which it may be a corrected version.
        same_content_on: The newest other day for which the same content is stored; None if it is new.
        orphaned_events: Resends and marks whose customer is in no file any more, as files were replaced.
        summary: How the file was read; None for a file that was stored already.
    """

    name: str
    sha256: str
    snapshot_at: dt.datetime
    rows_read: int
    records: int
    rejects: int
    already_stored: bool
    superseded_files: int = 0
    same_name_files: int = 0
    same_content_on: dt.date | None = None
    orphaned_events: int = 0
    summary: Summary | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        counts = f"{many(self.rows_read, 'row')} read = {many(self.records, 'record')} + {many(self.rejects, 'reject')}"
        stored = ", already stored" if self.already_stored else ""
        skipped = ": skipped" if self.already_stored and not self.superseded_files else ""
        sentences = [f"{printable(self.name)}: {counts}, snapshot of {self.snapshot_at:%Y-%m-%d}{stored}{skipped}."]
        if self.superseded_files:
            sentences.append(f"It replaces {many(self.superseded_files, 'file')} of that name and date.")
        if self.same_name_files:
            sentences.append(
                f"{many(self.same_name_files, 'other file')} of that name and date with other content stored: "
                "if this one corrects it, add it again with --supersede (supersede=True)."
            )
        if self.same_content_on:
            sentences.append(
                f"The same content is stored for {self.same_content_on}: "
                "if this is not a new export, take it out with 'invitekit workspace remove'."
            )
        return " ".join([*sentences, *_on_orphans(self.orphaned_events)])


@dataclass(frozen=True, slots=True)
class Removed:
    """The result of removing files.

    Attributes:
        name, day: The files' name, and the day of their snapshot (UTC).
        files, rows_read: How many files were removed, and how many rows had been read from them.
        orphaned_events: Resends and marks whose customer is in no file any more.
    """

    name: str
    day: dt.date
    files: int
    rows_read: int
    orphaned_events: int

    def __str__(self) -> str:
        rows = f"{many(self.files, 'file')} of {self.day} removed, {many(self.rows_read, 'row')}"
        return " ".join([f"{printable(self.name)}: {rows}.", *_on_orphans(self.orphaned_events)])


def _on_orphans(events: int) -> list[str]:
    sentence = f"{events:,} resends and marks belong to no record any more: plans count only their email addresses."
    return [sentence] if events else []


@dataclass(frozen=True, slots=True)
class ReplacePolicy:
    """Which stored files are deleted when a file is added; files stored by this call (from ``first`` on) stay."""

    replace: bool
    supersede: bool
    first: int


def find(sources: Any, workspace: Path, messages: Any = None) -> list[Source]:
    """List the files to add.

    Raises:
        ArgumentError: They are not files, or the workspace is one of them: opening it would release its lock.
        SourceError: A file is missing, empty, binary or of an unknown type.
    """
    paths = [sources] if isinstance(sources, str | os.PathLike) else sources
    if not isinstance(paths, list | tuple | set) or not all(isinstance(path, str | os.PathLike) for path in paths):
        problem = _("A workspace takes files, and this has the type {kind}.", kind=type(sources).__name__)
        raise ArgumentError(problem, hint=_("give paths, folders or globs; write a frame to a file first."))
    read = [*paths, *([messages] if messages is not None else [])]
    if any(path.exists() and path.samefile(workspace) for path in _matched(read)):
        raise ArgumentError(
            _("'{name}' is this workspace itself.", name=workspace.name), hint=_("name the files to add.")
        )
    return find_sources(paths)


def _matched(paths: Sequence[str | os.PathLike[str]]) -> Iterator[Path]:
    for path in paths:
        yield Path(path)
        yield from map(Path, glob.iglob(str(path), recursive=True))  # noqa: PTH207 - absolute patterns


def add(
    con: duckdb.DuckDBPyConnection,
    sources: Sequence[Source],
    how: Mapping[str, Any],
    progress: Callable[[str, int, int], None],
    *,
    replace: bool,
    supersede: bool,
) -> tuple[Added, ...]:
    """Add files one by one, each in a transaction of its own."""
    sizes = [source.size for source in sources]
    policy = ReplacePolicy(replace, supersede, _next(con))
    added: list[Added] = []
    for number, source in enumerate(sources):
        progress(source.path.name, sum(sizes[:number]), sum(sizes))
        try:
            added.append(_add(con, source, how, policy))
        except InvitekitError as error:
            if not added:
                raise
            hint = _stored_before(added, error.hint)
            raise type(error)(error.problem, hint=hint, choice=error.choice) from error
    return tuple(added)


def _stored_before(added: Sequence[Added], hint: Message) -> Message:
    names = ", ".join(file.name for file in added[:_NAMED])
    if len(added) <= _NAMED:
        return _("{hint} Files before it stay stored: {names}.", hint=hint, names=names)
    more = len(added) - _NAMED
    return _("{hint} Files before it stay stored: {names} and {more:,} more.", hint=hint, names=names, more=more)


def _add(con: duckdb.DuckDBPyConnection, source: Source, how: Mapping[str, Any], policy: ReplacePolicy) -> Added:
    state, sha256 = _state(source.path), digest(source.path)
    option = how.get("snapshot_at")
    known = _known(con, sha256, source.snapshot_at if option is None else as_utc(option), policy)
    if known is not None:
        return _superseded(con, known, source.path.name, policy)
    loaded = load(source.path, engine="auto", **how)
    name, summary = source.path.name, loaded.summary
    records, rejects = _relation(con, loaded.records), _relation(con, loaded.rejects)
    snapshot_at = _snapshot(records, name, summary)
    if _state(source.path) != state:
        raise SourceError(
            _("'{name}' was changed while it was read.", name=name), hint=_("add it again when it is finished.")
        )
    rows = summary.rows_read, summary.records, summary.rejects
    added = Added(name, sha256, snapshot_at, *rows, already_stored=False)
    with transaction(con):
        # Check again: another workspace of this process may have been faster, or a column has the date.
        known = _known(con, sha256, snapshot_at, policy)
        if known is None:
            number, before = _next(con), _orphaned_events(con, policy)
            if policy.replace:
                same = "sha256 = ? and (snapshot_at = ? or source_file = ?)"
                _delete(con, policy, same, sha256, snapshot_at, name)
            superseded = _delete(con, policy, _SAME_NAME, *_name_key(added)) if policy.supersede else 0
            _store(con, number, records, rejects, added)
            return dataclasses.replace(
                added,
                superseded_files=superseded,
                same_name_files=_same_name_files(con, added),
                same_content_on=_same_content_on(con, added),
                orphaned_events=max(_orphaned_events(con, policy) - before, 0),
                summary=summary,
            )
    return _superseded(con, known, name, policy)


def _superseded(con: duckdb.DuckDBPyConnection, known: Added, name: str, policy: ReplacePolicy) -> Added:
    """Return a file that is stored already, after deleting the files that it supersedes.

    If its content is stored under another name, it takes the name of the files that it supersedes: the next corrected
    file of that name then replaces it.
    """
    superseded = orphaned = 0
    if policy.supersede:
        with transaction(con):
            before = _orphaned_events(con, policy)
            named = dataclasses.replace(known, name=name)
            superseded = _delete(con, policy, _SAME_NAME, *_name_key(named))
            if superseded:
                _rename(con, known, name)
                known = named
            orphaned = max(_orphaned_events(con, policy) - before, 0)
    others = _same_name_files(con, known)
    return dataclasses.replace(known, superseded_files=superseded, same_name_files=others, orphaned_events=orphaned)


def _rename(con: duckdb.DuckDBPyConnection, file: Added, name: str) -> None:
    which = "file_id in (select file_id from files where source_file = ? and snapshot_at = ? and sha256 = ?)"
    for table in ("records", "rejects", "files"):
        run(con, f"update {table} set source_file = ? where {which}", [name, *_name_key(file)])


def _name_key(file: Added) -> tuple[str, dt.datetime, str]:
    return file.name, file.snapshot_at, file.sha256


def _same_name_files(con: duckdb.DuckDBPyConnection, file: Added) -> int:
    return int(con.execute(f"select count(*) from files where {_SAME_NAME}", [*_name_key(file)]).fetchall()[0][0])


def _same_content_on(con: duckdb.DuckDBPyConnection, file: Added) -> dt.date | None:
    others = "select max(snapshot_at)::date from files where sha256 = ? and snapshot_at <> ?"
    found: dt.date | None = con.execute(others, [file.sha256, file.snapshot_at]).fetchall()[0][0]
    return found


def _orphaned_events(con: duckdb.DuckDBPyConnection, policy: ReplacePolicy) -> int:
    return count_orphans(con) if policy.replace or policy.supersede else 0


def _next(con: duckdb.DuckDBPyConnection) -> int:
    return one(con, "select max(file_id) from files") + 1


def _state(path: Path) -> tuple[int, ...]:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _known(con: duckdb.DuckDBPyConnection, sha256: str, at: dt.datetime | None, policy: ReplacePolicy) -> Added | None:
    """Return the stored file with this content and snapshot date, unless it is to be read again."""
    for number, *file in con.execute(_KNOWN, [sha256]).fetchall():
        known = Added(*file)
        if at in (None, known.snapshot_at) and not (policy.replace and number < policy.first):
            return known
    return None


def _relation(con: duckdb.DuckDBPyConnection, frame: Any) -> duckdb.DuckDBPyRelation:
    """Return loaded records as a relation: a relation as it is, a frame in memory on a new cursor."""
    return frame if isinstance(frame, duckdb.DuckDBPyRelation) else con.cursor().from_arrow(frame.to_arrow())


def _snapshot(records: duckdb.DuckDBPyRelation, name: str, summary: Summary) -> dt.datetime:
    """Return the newest snapshot date of a file; every row needs one."""
    dated = records.aggregate("max(snapshot_at), count(*) - count(snapshot_at)").fetchall()[0]
    newest, undated = dated[0] or summary.files[0].snapshot_at, dated[1]
    if newest is None or undated:
        problem = _("Nothing says when '{name}' was exported: it has no snapshot date.", name=name)
        if undated < summary.records:
            problem = _(
                "Nothing says when '{name}' was exported: {undated:,} of its {records:,} records have no "
                "snapshot date.",
                name=name, undated=undated, records=summary.records,
            )  # fmt: skip
        raise SchemaError(
            problem,
            hint=_(
                "say when (--snapshot, snapshot_at), put the date into the file's name "
                "(history_2026-03-30.csv), or give it a column '{column}'.",
                column=schema.label_in_message("snapshot_at"),
            ),
            choice=Choice("snapshot", name),
        )
    return newest


def remove(con: duckdb.DuckDBPyConnection, name: str, day: dt.date | None) -> Removed:
    """Remove the stored files of a name, all of one day, with their records and rejected rows.

    Raises:
        ArgumentError: No stored file has this name and day, or files of several days have it.
    """
    with transaction(con):
        stored = con.execute("select snapshot_at, rows_read from files where source_file = ?", [name]).fetchall()
        files = [(at, n) for at, n in stored if day is None or at.date() == day]
        days = sorted({at.date() for at, _n in files})
        if not files:
            raise ArgumentError(
                _("No file of this name is stored.") if not stored else _("No file of this name and day is stored."),
                hint=_("'invitekit workspace show' lists the stored files."),
            )
        if len(days) > 1:
            problem = _("Files of this name are stored for several days: {days}.", days=tuple(map(str, days)))
            raise ArgumentError(problem, hint=_("name the day: --snapshot DATE (snapshot_at)."))
        before = count_orphans(con)
        which = "source_file = ? and snapshot_at::date = ?"
        _delete(con, ReplacePolicy(replace=False, supersede=False, first=_next(con)), which, name, days[0])
        orphaned = max(count_orphans(con) - before, 0)
    return Removed(name, days[0], len(files), sum(n for _at, n in files), orphaned)


def _delete(con: duckdb.DuckDBPyConnection, policy: ReplacePolicy, which: str, *values: Any) -> int:
    """Delete files that were stored before this call, and return their number."""
    files = con.execute(f"select file_id from files where file_id < ? and {which}", [policy.first, *values]).fetchall()
    for (number,) in files:
        for table in ("records", "rejects", "files"):
            run(con, f"delete from {table} where file_id = {int(number)}")
    return len(files)


def _store(
    con: duckdb.DuckDBPyConnection,
    number: int,
    records: duckdb.DuckDBPyRelation,
    rejects: duckdb.DuckDBPyRelation,
    file: Added,
) -> None:
    run(
        con,
        "insert into files values (?, ?, ?, ?, ?, ?, ?, ?)",
        [number, file.sha256, file.name, file.snapshot_at, file.rows_read, file.records, file.rejects, now()],
    )
    stored = (
        _stream(con, "records", number, _as_stored(records, file), (*RECORD, "extra")),
        _stream(con, "rejects", number, rejects, tuple(REJECTED_COLUMNS)),
    )
    if stored != (file.records, file.rejects):
        problem = _(
            "'{name}': {rows} rows read would be {records} records and {rejects} rejects.",
            name=file.name,
            rows=file.rows_read,
            records=stored[0],
            rejects=stored[1],
        )
        raise WorkspaceError(problem, hint=_("this is a defect of invitekit: nothing was stored; please report it."))


def _as_stored(records: duckdb.DuckDBPyRelation, file: Added) -> duckdb.DuckDBPyRelation:
    """Select the stored columns: those of the schema, and the file's extra columns as one JSON text.

    A record ID that the loader derived from file name and row is derived again from the file's content, sheet and row:
    another file may have the same name.
    """
    sheet = f"substr(source_file, {len(file.name) + 1})"
    own = f"'r' || md5({lit(file.sha256)} || '|' || {sheet} || source_row)"
    named = {name: name for name in RECORD}
    named["record_id"] = f"case when regexp_full_match(record_id, 'r[0-9a-f]{{32}}') then {own} else record_id end"
    extras = [name for name in records.columns if name not in RECORD]
    pairs = ", ".join(f"{lit(name)}: {ident(name)}" for name in extras)
    # Merging into an empty object leaves out null values.
    named["extra"] = f"nullif(json_merge_patch('{{}}', to_json({{{pairs}}}))::varchar, '{{}}')" if extras else "null"
    return records.project(", ".join(f"{value} as {name}" for name, value in named.items()))


def _stream(
    con: duckdb.DuckDBPyConnection, table: str, number: int, rows: duckdb.DuckDBPyRelation, names: Sequence[str]
) -> int:
    columns = ", ".join(ident(name) for name in names)
    with registered(con, "ik_incoming", rows.select(columns).to_arrow_reader(_ROWS_AT_ONCE)):
        return run(con, f"insert into {table} (file_id, {columns}) select {number}, {columns} from ik_incoming")


def teach(con: duckdb.DuckDBPyConnection, words: Words) -> int:
    """Replace the unknown words of stored records by their codes; record IDs stay as they are.

    Returns:
        How many records had one.
    """
    known = {name: words.of(name) for name in TABLES.values()}
    taught = 0
    with transaction(con):
        for (cell,) in rows(con, "select distinct unrecognised from records where unrecognised is not null"):
            codes: dict[str, str] = {}
            left = []
            for name, text in unrecognised_texts(cell):
                code = word_code(text, known[name]) if name in known else None
                if code is None:
                    left.append(f"{name}: {text}")
                else:
                    codes[name] = code
            if codes:
                changes = ", ".join(f"{ident(name)} = ?" for name in (*codes, "unrecognised"))
                values = [*codes.values(), "; ".join(left) or None, cell]
                taught += run(con, f"update records set {changes} where unrecognised = ?", values)
    return taught
