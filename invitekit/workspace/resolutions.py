"""Marks of resolved failures and of customers not to be invited; one that is taken back stays in the history."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

import duckdb

from invitekit.engine.duckdb import one, rows, run
from invitekit.engine.materialize import temp_tables
from invitekit.errors import ArgumentError
from invitekit.i18n import _, ngettext
from invitekit.model.catalogue import Catalogue
from invitekit.workspace.customers import (
    Match,
    as_list,
    events_of_customers,
    find_customers,
    find_records,
    resolved_history,
)
from invitekit.workspace.database import transaction
from invitekit.workspace.validation import now, past_datetime, require_name, require_text

_DAY = dt.timedelta(days=1)


def mark(
    con: duckdb.DuckDBPyConnection,
    record_ids: str | Iterable[str],
    customers: str | Iterable[str],
    *,
    on: dt.datetime | dt.date,
    by: str,
    note: str | None,
    catalogue: Catalogue | None = None,
    failure: str | None = None,
) -> tuple[int, ...]:
    """Mark customers, all or none, and return the marks' IDs in their order.

    Without ``failure``, the mark resolves the failure of each customer's newest record.
    """
    matches = _matches(con, as_list(record_ids, "record_ids"), as_list(customers), catalogue)
    if failure is None and on is not None:
        _check_effect(matches, past_datetime(on, "on"))
    failures = [(m.record_id, m.customer_id, failure or m.failure_code, m.email) for m in matches]
    return insert(con, failures, on=on, by=by, note=note)


def insert(
    con: duckdb.DuckDBPyConnection,
    failures: Sequence[tuple[str | None, ...]],
    *,
    on: dt.datetime | dt.date,
    by: str,
    note: str | None,
) -> tuple[int, ...]:
    """Store marks of record, customer, failure and address, and return their IDs."""
    if on is None:
        raise ArgumentError(_("on is missing."), hint=_("give the day on which it happened."))
    name, resolved_at, remark = require_name(by), past_datetime(on, "on"), require_text(note, "note")
    with transaction(con):
        first = one(con, "select max(mark_id) from marks") + 1
        for number, failure in enumerate(failures, start=first):
            run(
                con,
                "insert into marks "
                "(mark_id, record_id, customer_id, failure_code, email, resolved_at, marked_at, marked_by, note) "
                "values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [number, *failure, resolved_at, now(), name, remark],
            )
    return tuple(range(first, first + len(failures)))


def _check_effect(matches: Sequence[Match], resolved_at: dt.datetime) -> None:
    """Check that a mark can have an effect on each customer.

    Raises:
        ArgumentError: The newest record of a customer has no failure, or its invitation was sent after the mark.
    """
    n = len(matches)
    if count := sum(match.failure_code is None for match in matches):
        problem = _(
            "{count:,} of {customers:,} customers have no failure that could be resolved.", count=count, customers=n
        )
        hint = _("nothing was marked; a mark is for customers whose newest record has a failure.")
        raise ArgumentError(problem, hint=hint)
    # A day means its end.
    if count := sum(match.invited_at is not None and resolved_at + _DAY <= match.invited_at for match in matches):
        problem = _("{count:,} of {customers:,} customers were invited after {day}, and failed again since.",
                    count=count, customers=n, day=resolved_at.date())  # fmt: skip
        hint = _("nothing was marked; give the day on which the failure of the newest invitation was resolved.")
        raise ArgumentError(problem, hint=hint)


def _matches(
    con: duckdb.DuckDBPyConnection, record_ids: list[str], customers: list[str], catalogue: Catalogue | None
) -> list[Match]:
    """Return the newest record of each named customer, each once."""
    if not record_ids and not customers:
        raise ArgumentError(_("record_ids is empty."), hint=_("give record IDs, or customers by name."))
    records = find_records(con, record_ids, catalogue) if record_ids else ()
    unknown = records.count(None)
    if unknown:
        problem = _(
            "{unknown:,} of {records:,} record IDs are in no file of this workspace, of two customers, or masked.",
            unknown=unknown,
            records=len(record_ids),
        )
        raise ArgumentError(problem, hint=_("nothing was marked; take them from the records, or name the customers."))
    named = find_customers(con, customers, catalogue) if customers else ()
    return list(dict.fromkeys(match for match in (*records, *named) if match is not None))


def valid_marks(con: duckdb.DuckDBPyConnection) -> dict[int, tuple[str | None, str | None]]:
    """Return the customer and the failure of each valid mark by its ID, with today's ID of the customer.

    A customer without stored rows has the ID of the time of the mark; the own account has none.
    """
    marks = con.sql("select *, customer_id as stored from marks where unmarked_at is null")
    with temp_tables():
        known = events_of_customers(resolved_history(con), marks)
        found = rows(con, f"select mark_id, coalesce(customer_id, stored), failure_code from {known} order by mark_id")
    return {mark_id: (customer, failure) for mark_id, customer, failure in found}


def unmark(con: duckdb.DuckDBPyConnection, mark_ids: int | Iterable[int], *, by: str) -> tuple[int, ...]:
    """Undo marks and all other marks of the same failures, all or none, and return their IDs.

    They stay in the history, with the person who undid them. With one of two marks, the failure would stay resolved.
    """
    ids = list(dict.fromkeys([mark_ids] if isinstance(mark_ids, int) else mark_ids))
    if not ids or not all(isinstance(each, int) for each in ids):
        raise ArgumentError(
            _("mark_ids holds no numbers.") if ids else _("mark_ids is empty."), hint=_("give the numbers of marks.")
        )
    name = require_name(by)
    with transaction(con):
        numbers = ", ".join(str(each) for each in ids)
        known = one(con, f"select count(*) from marks where mark_id in ({numbers}) and unmarked_at is null")
        if known < len(ids):
            problem = ngettext(
                "{n:,} of the marks is unknown, or was taken back already.",
                "{n:,} of the {marks:,} marks are unknown, or were taken back already.",
                len(ids) - known,
                marks=len(ids),
            )
            raise ArgumentError(problem, hint=_("nothing was changed; name valid marks."))
        valid = valid_marks(con)
        failures = {failure for mark_id, failure in valid.items() if mark_id in ids}
        undone = [mark_id for mark_id, failure in valid.items() if failure in failures]
        numbers = ", ".join(map(str, undone))
        run(con, f"update marks set unmarked_at = ?, unmarked_by = ? where mark_id in ({numbers})", [now(), name])
    return tuple(undone)
