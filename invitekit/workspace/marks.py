"""What a customer, or customer service, is known to have settled; a mark taken back stays as history."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import duckdb

from invitekit.errors import ArgumentError
from invitekit.load.sql import one, run
from invitekit.workspace.claims import moment, now, who
from invitekit.workspace.transactions import transaction


def mark(
    con: duckdb.DuckDBPyConnection,
    record_ids: str | Iterable[str],
    *,
    on: dt.datetime | dt.date,
    by: str,
    note: str | None,
) -> tuple[int, ...]:
    """Mark records as done, all or none, and give the marks' IDs in the order of the records."""
    ids = list(dict.fromkeys([record_ids] if isinstance(record_ids, str) else record_ids))
    if not ids or not all(isinstance(each, str) for each in ids):
        raise ArgumentError("record_ids holds no texts." if ids else "record_ids is empty.", hint="give record IDs.")
    if on is None:
        raise ArgumentError("on is missing.", hint="say on which day it was done.")
    name, done_at = who(by), moment(on, "on")
    with transaction(con):
        _refuse_unknown(con, ids)
        first = one(con, "select max(mark_id) from marks") + 1
        run(
            con,
            "insert into marks (mark_id, record_id, done_at, marked_at, marked_by, note) "
            "select ? + i - 1, (?::varchar[])[i], ?, ?, ?, ? from range(1, len(?::varchar[]) + 1) t(i)",
            [first, ids, done_at, now(), name, note, ids],
        )
    return tuple(range(first, first + len(ids)))


def _refuse_unknown(con: duckdb.DuckDBPyConnection, ids: list[str]) -> None:
    asked = "select unnest(?::varchar[]) as record_id"
    found = con.execute(f"select count(*) from ({asked}) anti join records using (record_id)", [ids]).fetchall()
    if found[0][0]:
        raise ArgumentError(
            f"{found[0][0]:,} of {len(ids):,} record IDs are in no file of this workspace.",
            hint="nothing was marked; take record_id from records(), or add the files first.",
        )


def unmark(con: duckdb.DuckDBPyConnection, mark_ids: int | Iterable[int], *, by: str) -> None:
    """Take marks back, all or none; they stay in the history with who took them back."""
    ids = list(dict.fromkeys([mark_ids] if isinstance(mark_ids, int) else mark_ids))
    if not ids or not all(isinstance(each, int) for each in ids):
        raise ArgumentError(
            "mark_ids holds no numbers." if ids else "mark_ids is empty.", hint="take them from marks()."
        )
    name = who(by)
    with transaction(con):
        numbers = ", ".join(str(each) for each in ids)
        standing = one(con, f"select count(*) from marks where mark_id in ({numbers}) and undone_at is null")
        if standing < len(ids):
            raise ArgumentError(
                f"{len(ids) - standing:,} of {len(ids):,} marks do not stand: unknown, or taken back already.",
                hint="nothing was changed; look at marks().",
            )
        run(con, f"update marks set undone_at = ?, undone_by = ? where mark_id in ({numbers})", [now(), name])
