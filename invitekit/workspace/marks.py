"""What a customer, or customer service, is known to have settled; a mark taken back stays as history."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import duckdb

from invitekit.catalogue import Catalogue
from invitekit.errors import ArgumentError
from invitekit.load.sql import one, run
from invitekit.workspace.claims import moment, now, text, who
from invitekit.workspace.finding import Found, by_record, find, listed
from invitekit.workspace.transactions import transaction


def mark(
    con: duckdb.DuckDBPyConnection,
    record_ids: str | Iterable[str],
    customers: str | Iterable[str],
    *,
    on: dt.datetime | dt.date,
    by: str,
    note: str | None,
    catalogue: Catalogue | None = None,
) -> tuple[int, ...]:
    """Mark records as done, all or none, and give the marks' IDs in the order of the records."""
    if on is None:
        raise ArgumentError("on is missing.", hint="say on which day it was done.")
    name, done_at, said = who(by), moment(on, "on"), text(note, "note")
    found = _found(con, listed(record_ids), listed(customers), catalogue)
    with transaction(con):
        first = one(con, "select max(mark_id) from marks") + 1
        for number, row in enumerate(found, start=first):
            run(
                con,
                "insert into marks "
                "(mark_id, record_id, customer_id, failure_code, done_at, marked_at, marked_by, note) "
                "values (?, ?, ?, ?, ?, ?, ?, ?)",
                [number, *row, done_at, now(), name, said],
            )
    return tuple(range(first, first + len(found)))


def _found(
    con: duckdb.DuckDBPyConnection, record_ids: list[str], customers: list[str], catalogue: Catalogue | None
) -> list[Found]:
    """Give whose records they are, each once."""
    if not record_ids and not customers:
        raise ArgumentError("record_ids is empty.", hint="give record IDs, or customers by name.")
    if not all(isinstance(each, str) for each in (*record_ids, *customers)):
        raise ArgumentError("record_ids holds no texts.", hint="give record IDs.")
    records = by_record(con, record_ids, catalogue) if record_ids else ()
    unknown = records.count(None)
    if unknown:
        raise ArgumentError(
            f"{unknown:,} of {len(record_ids):,} record IDs are in no file of this workspace, or of two customers.",
            hint="nothing was marked; take them from the records, or name the customers.",
        )
    named = find(con, customers, catalogue) if customers else ()
    return list(dict.fromkeys(row for row in (*records, *named) if row is not None))


def unmark(con: duckdb.DuckDBPyConnection, mark_ids: int | Iterable[int], *, by: str) -> None:
    """Take marks back, all or none; they stay in the history with who took them back."""
    ids = list(dict.fromkeys([mark_ids] if isinstance(mark_ids, int) else mark_ids))
    if not ids or not all(isinstance(each, int) for each in ids):
        raise ArgumentError(
            "mark_ids holds no numbers." if ids else "mark_ids is empty.", hint="give the numbers of marks."
        )
    name = who(by)
    with transaction(con):
        numbers = ", ".join(str(each) for each in ids)
        standing = one(con, f"select count(*) from marks where mark_id in ({numbers}) and undone_at is null")
        if standing < len(ids):
            raise ArgumentError(
                f"{len(ids) - standing:,} of {len(ids):,} marks do not stand: unknown, or taken back already.",
                hint="nothing was changed; name marks that stand.",
            )
        run(con, f"update marks set undone_at = ?, undone_by = ? where mark_id in ({numbers})", [now(), name])
