"""Customers that were invited again: one row each, with who sent it and when."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import narwhals.stable.v2 as nw

from invitekit.errors import ArgumentError, SchemaError, many
from invitekit.load.sql import rows, run
from invitekit.model.vocabularies import RESENDS
from invitekit.workspace.transactions import transaction
from invitekit.workspace.validation import now, past_datetime, require_name, require_text

NEEDED = ("record_id", "customer_id", "batch", "decision")
KEPT = ("failure_code", "invitation_method", "account_name", "email")
"""Columns that are stored where a batch has them: they follow the customer, and the cause."""
DIGEST = 8
"""Letters of the digest in a batch ID."""
OF_CUSTOMERS = "md5(string_agg(customer_id, chr(10) order by customer_id))"
"""The SQL of a digest of a batch's customers."""


@dataclass(frozen=True, slots=True)
class Sending:
    """Who sent a batch, and when."""

    by: str
    sent_at: dt.datetime
    note: str | None


def mark_sent(
    con: duckdb.DuckDBPyConnection,
    batch: Any,
    *,
    by: str,
    at: dt.datetime | dt.date | None,
    batch_id: str | None,
    note: str | None,
    force: bool = False,
) -> str:
    """Store the customers of a frame as sent to, all or none, and return the batch ID."""
    sending = checked(by, at, note)
    table = as_table(batch)
    with registered(con, table), transaction(con):
        digest = check(con)
        day = f"{sending.sent_at:%Y-%m-%d}"
        new_id = f"{day}-{digest[:DIGEST]}" if batch_id is None else str(require_text(batch_id, "batch_id"))
        _require_unmarked(con, new_id, named=batch_id is not None)
        if not force:
            _require_once_a_day(con, sending.sent_at)
        insert(con, table.column_names, new_id, sending)
    return new_id


def checked(by: str, at: dt.datetime | dt.date | None, note: str | None) -> Sending:
    """Check who sent a batch and when; a day means its end, so that no cool-down ends too early."""
    return Sending(require_name(by), past_datetime(at, "at", end=True), require_text(note, "note"))


@contextlib.contextmanager
def registered(con: duckdb.DuckDBPyConnection, table: Any) -> Iterator[None]:
    """Make a batch available to SQL as ``ik_batch``."""
    con.register("ik_batch", table)
    try:
        yield
    finally:
        con.unregister("ik_batch")


def insert(con: duckdb.DuckDBPyConnection, names: list[str], batch_id: str, sending: Sending) -> None:
    """Store ``ik_batch`` as sent; the caller holds the transaction.

    Raises:
        ArgumentError: A batch of that ID was marked already.
    """
    _require_unmarked(con, batch_id)
    run(con, _insert(names), [batch_id, sending.sent_at, sending.by, sending.note, now()])


def as_table(batch: Any, *more: str) -> Any:
    """Return the needed columns of a batch, and some more, as an Arrow table."""
    try:
        frame: Any = nw.from_native(batch)
    except TypeError:
        raise ArgumentError(
            f"A batch of type {type(batch).__name__} cannot be read.", hint="give a frame: rows of plan_resends(...)."
        ) from None
    names = frame.collect_schema().names()
    missing = [name for name in (*NEEDED, *more) if name not in names]
    if missing:
        raise SchemaError(f"The batch lacks {', '.join(missing)}.", hint="pass rows of what plan_resends(...) gives.")
    wanted = [name for name in (*NEEDED, *more, "effective_status", *KEPT) if name in names]
    return frame.select(*wanted).lazy().collect("pyarrow").to_native()


def check(con: duckdb.DuckDBPyConnection) -> str:
    """Check that ``ik_batch`` can have been sent, and return the digest of its customers.

    Raises:
        ArgumentError: It is empty, repeats a customer, or has rows that were not to be resent.
    """
    decisions = ", ".join(f"'{decision}'" for decision in RESENDS)
    total, unidentified, distinct, other, digest = rows(
        con,
        "select count(*), count(*) filter (record_id is null or customer_id is null), count(distinct customer_id), "
        f"count(*) filter (decision is null or decision not in ({decisions})), "
        f"{OF_CUSTOMERS} from ik_batch",
    )[0]
    rules: list[tuple[bool, str, str]] = [
        (total == 0, "The batch has no rows.", "pass the customers who were invited again."),
        (unidentified > 0, f"{unidentified:,} of {total:,} rows of the batch have no record_id or customer_id.",
         "pass rows of what plan_resends(...) gives."),
        (other > 0, f"{other:,} of {total:,} rows of the batch were not to be resent.",
         f"filter the plan first: decision is {' or '.join(RESENDS)}, and the batch that was sent."),
        (distinct < total, f"{total - distinct:,} of {total:,} rows of the batch repeat a customer.",
         "mark each customer once."),
    ]  # fmt: skip
    for wrong, problem, hint in rules:
        if wrong:
            raise ArgumentError(problem, hint=hint)
    return str(digest)


def _require_once_a_day(con: duckdb.DuckDBPyConnection, sent_at: dt.datetime) -> None:
    """Check that no other batch of that day has one of these customers."""
    customers, others = con.execute(
        "select count(distinct customer_id), string_agg(distinct r.batch_id, ', ' order by r.batch_id) "
        "from ik_batch join resends r using (customer_id) where r.sent_at::date = ?::date",
        [sent_at],
    ).fetchall()[0]
    if customers:
        raise ArgumentError(
            f"{many(customers, 'customer')} of the batch {'was' if customers == 1 else 'were'} invited on that day "
            f"already, in {others}.",
            hint="nothing was marked; exclude them, or say that they were invited once more: force=True.",
        )


def _require_unmarked(con: duckdb.DuckDBPyConnection, batch_id: str, *, named: bool = True) -> None:
    if not batch_id.strip():
        raise ArgumentError("batch_id is empty.", hint="name the batch, or leave it out.")
    customers, at = con.execute("select count(*), min(sent_at) from resends where batch_id = ?", [batch_id]).fetchall()[
        0
    ]
    if customers:
        other = "another batch_id" if named else "a batch_id, if the same customers were invited twice on that day"
        raise ArgumentError(
            f"Batch '{batch_id}' was marked as sent already: {many(customers, 'customer')} at {at} UTC.",
            hint=f"nothing was marked now; give {other}.",
        )


def _insert(names: list[str]) -> str:
    """Build the SQL that stores the batch; its cause is the plan's: the failure, else the status."""
    kept = {name: name if name in names else "null" for name in KEPT}
    cause = kept["failure_code"]
    if "effective_status" in names:
        failed = f"effective_status = 'association_failed' and {cause} is not null"
        cause = f"case when {failed} then {cause} else effective_status end"
    columns = ", ".join([*NEEDED, "cause", *kept])
    return (
        f"insert into resends (batch_id, sent_at, sent_by, note, marked_at, {columns}) "
        f"select ?, ?, ?, ?, ?, {', '.join(NEEDED)}, {cause}, {', '.join(kept.values())} from ik_batch"
    )
