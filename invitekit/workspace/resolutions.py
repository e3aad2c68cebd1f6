"""Marks of resolved failures; a mark that is taken back stays in the history."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

import duckdb

from invitekit.engine.duckdb import one, run
from invitekit.errors import ArgumentError
from invitekit.i18n import _
from invitekit.model.catalogue import Catalogue
from invitekit.planning.logged_events import OWN_ACCOUNT
from invitekit.workspace.customers import Match, as_list, find_customers, find_records
from invitekit.workspace.database import transaction
from invitekit.workspace.validation import now, past_datetime, require_name, require_text


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
    """Mark records as resolved, all or none, and return the marks' IDs in the order of the records."""
    matches = _matches(con, as_list(record_ids), as_list(customers), catalogue)
    return _insert(con, matches, on=on, by=by, note=note)


def mark_own_account(con: duckdb.DuckDBPyConnection, *, on: dt.datetime | dt.date, by: str, note: str | None) -> int:
    """Mark that the partner's own account was changed, and return the mark's ID; it has no record and no customer."""
    return _insert(con, [(None, None, OWN_ACCOUNT)], on=on, by=by, note=note)[0]


def _insert(
    con: duckdb.DuckDBPyConnection,
    matches: Sequence[Match | tuple[None, None, str]],
    *,
    on: dt.datetime | dt.date,
    by: str,
    note: str | None,
) -> tuple[int, ...]:
    if on is None:
        raise ArgumentError(_("on is missing."), hint=_("give the day on which it was resolved."))
    name, resolved_at, remark = require_name(by), past_datetime(on, "on"), require_text(note, "note")
    with transaction(con):
        first = one(con, "select max(mark_id) from marks") + 1
        for number, match in enumerate(matches, start=first):
            run(
                con,
                "insert into marks "
                "(mark_id, record_id, customer_id, failure_code, resolved_at, marked_at, marked_by, note) "
                "values (?, ?, ?, ?, ?, ?, ?, ?)",
                [number, *match, resolved_at, now(), name, remark],
            )
    return tuple(range(first, first + len(matches)))


def _matches(
    con: duckdb.DuckDBPyConnection, record_ids: list[str], customers: list[str], catalogue: Catalogue | None
) -> list[Match]:
    """Return the newest record of each named customer, each once."""
    if not record_ids and not customers:
        raise ArgumentError(_("record_ids is empty."), hint=_("give record IDs, or customers by name."))
    if not all(isinstance(each, str) for each in (*record_ids, *customers)):
        raise ArgumentError(_("record_ids holds no texts."), hint=_("give record IDs."))
    records = find_records(con, record_ids, catalogue) if record_ids else ()
    unknown = records.count(None)
    if unknown:
        raise ArgumentError(
            _(
                "{unknown:,} of {records:,} record IDs are in no file of this workspace, of two customers, or masked.",
                unknown=unknown,
                records=len(record_ids),
            ),
            hint=_("nothing was marked; take them from the records, or name the customers."),
        )
    named = find_customers(con, customers, catalogue) if customers else ()
    return list(dict.fromkeys(match for match in (*records, *named) if match is not None))


def unmark(con: duckdb.DuckDBPyConnection, mark_ids: int | Iterable[int], *, by: str) -> None:
    """Undo marks, all or none; they stay in the history, with the person who undid them."""
    ids = list(dict.fromkeys([mark_ids] if isinstance(mark_ids, int) else mark_ids))
    if not ids or not all(isinstance(each, int) for each in ids):
        raise ArgumentError(
            _("mark_ids holds no numbers.") if ids else _("mark_ids is empty."), hint=_("give the numbers of marks.")
        )
    name = require_name(by)
    with transaction(con):
        numbers = ", ".join(str(each) for each in ids)
        valid = one(con, f"select count(*) from marks where mark_id in ({numbers}) and unmarked_at is null")
        if valid < len(ids):
            raise ArgumentError(
                _(
                    "{invalid:,} of {marks:,} marks are unknown, or were taken back already.",
                    invalid=len(ids) - valid,
                    marks=len(ids),
                ),
                hint=_("nothing was changed; name valid marks."),
            )
        run(con, f"update marks set unmarked_at = ?, unmarked_by = ? where mark_id in ({numbers})", [now(), name])
