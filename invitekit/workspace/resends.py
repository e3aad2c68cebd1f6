"""What was resent: one row a customer, with who did it and when."""

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
from invitekit.vocabularies import RESENDS
from invitekit.workspace.claims import moment, now, text, who
from invitekit.workspace.transactions import transaction

NEEDED = ("record_id", "customer_id", "batch", "decision")
KEPT = ("failure_code", "invitation_method", "account_name", "email")
"""Columns that are kept where a batch has them: they follow the customer, and the cause."""
DIGEST = 8
"""Letters of a digest that stand in an ID."""
OF_CUSTOMERS = "md5(string_agg(customer_id, chr(10) order by customer_id))"
"""The SQL of a digest of a batch's customers."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who says that a batch was sent, and when it was."""

    by: str
    sent_at: dt.datetime
    note: str | None


def log(
    con: duckdb.DuckDBPyConnection,
    batch: Any,
    *,
    by: str,
    at: dt.datetime | dt.date | None,
    batch_id: str | None,
    note: str | None,
    again: bool = False,
) -> str:
    """Write a batch into the log, whole or not at all, and give its ID."""
    claim = claimed(by, at, note)
    table = as_table(batch)
    with registered(con, table), transaction(con):
        digest = check(con)
        chosen = f"{claim.sent_at:%Y-%m-%d}-{digest[:DIGEST]}" if batch_id is None else str(text(batch_id, "batch_id"))
        _refuse_logged(con, chosen, given=batch_id is not None)
        if not again:
            _refuse_twice_a_day(con, claim.sent_at)
        insert(con, table.column_names, chosen, claim)
    return chosen


def claimed(by: str, at: dt.datetime | dt.date | None, note: str | None) -> Claim:
    """Give who sent and when; a day means its end, so that no pause ends before its time."""
    return Claim(who(by), moment(at, "at", end=True), text(note, "note"))


@contextlib.contextmanager
def registered(con: duckdb.DuckDBPyConnection, table: Any) -> Iterator[None]:
    """Let a batch be asked about as ``ik_batch`` for a while."""
    con.register("ik_batch", table)
    try:
        yield
    finally:
        con.unregister("ik_batch")


def insert(con: duckdb.DuckDBPyConnection, names: list[str], batch_id: str, claim: Claim) -> None:
    """Write ``ik_batch`` into the log; the caller holds the transaction.

    Raises:
        ArgumentError: A batch of that ID was logged already.
    """
    _refuse_logged(con, batch_id)
    run(con, _insert(names), [batch_id, claim.sent_at, claim.by, claim.note, now()])


def as_table(batch: Any) -> Any:
    """Give what is needed of a batch as an Arrow table."""
    try:
        frame: Any = nw.from_native(batch)
    except TypeError:
        raise ArgumentError(
            f"A batch of type {type(batch).__name__} cannot be read.", hint="give a frame: rows of plan_resends(...)."
        ) from None
    names = frame.collect_schema().names()
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise SchemaError(f"The batch lacks {', '.join(missing)}.", hint="pass rows of what plan_resends(...) gives.")
    wanted = [name for name in (*NEEDED, "effective_status", *KEPT) if name in names]
    return frame.select(*wanted).lazy().collect("pyarrow").to_native()


def check(con: duckdb.DuckDBPyConnection) -> str:
    """Refuse a batch that cannot be what was sent; give the digest of its customers."""
    decisions = ", ".join(f"'{decision}'" for decision in RESENDS)
    total, nobody, distinct, other, digest = rows(
        con,
        "select count(*), count(*) filter (record_id is null or customer_id is null), count(distinct customer_id), "
        f"count(*) filter (decision is null or decision not in ({decisions})), "
        f"{OF_CUSTOMERS} from ik_batch",
    )[0]
    rules: list[tuple[bool, str, str]] = [
        (total == 0, "The batch has no rows.", "pass the customers who were invited again."),
        (nobody > 0, f"{nobody:,} of {total:,} rows of the batch have no record_id or customer_id.",
         "pass rows of what plan_resends(...) gives."),
        (other > 0, f"{other:,} of {total:,} rows of the batch were not to be resent.",
         f"filter the plan first: decision is {' or '.join(RESENDS)}, and the batch that was sent."),
        (distinct < total, f"{total - distinct:,} of {total:,} rows of the batch repeat a customer.",
         "log each customer once."),
    ]  # fmt: skip
    for wrong, problem, hint in rules:
        if wrong:
            raise ArgumentError(problem, hint=hint)
    return str(digest)


def _refuse_twice_a_day(con: duckdb.DuckDBPyConnection, sent_at: dt.datetime) -> None:
    """Refuse customers whom another batch of that day has: nobody is invited twice a day on purpose."""
    found, others = con.execute(
        "select count(distinct customer_id), string_agg(distinct r.batch_id, ', ' order by r.batch_id) "
        "from ik_batch join resends r using (customer_id) where r.sent_at::date = ?::date",
        [sent_at],
    ).fetchall()[0]
    if found:
        raise ArgumentError(
            f"{many(found, 'customer')} of the batch {'was' if found == 1 else 'were'} logged as sent to on that day, "
            f"in {others}.",
            hint="nothing was logged; leave them out, or say that they were invited once more: again=True.",
        )


def _refuse_logged(con: duckdb.DuckDBPyConnection, batch_id: str, *, given: bool = True) -> None:
    if not batch_id.strip():
        raise ArgumentError("batch_id is empty.", hint="name the batch, or leave it out.")
    found = con.execute("select count(*), min(sent_at) from resends where batch_id = ?", [batch_id]).fetchall()[0]
    if found[0]:
        again = "another batch_id" if given else "a batch_id, if the same customers were invited twice on that day"
        raise ArgumentError(
            f"Batch '{batch_id}' was logged already: {many(found[0], 'customer')} at {found[1]} UTC.",
            hint=f"nothing was logged now; give {again}.",
        )


def _insert(names: list[str]) -> str:
    """The SQL that writes the batch; its cause is what stood in the plan: the failure, else the status."""
    kept = {name: name if name in names else "null" for name in KEPT}
    cause = kept["failure_code"]
    if "effective_status" in names:
        failed = f"effective_status = 'association_failed' and {cause} is not null"
        cause = f"case when {failed} then {cause} else effective_status end"
    columns = ", ".join([*NEEDED, "cause", *kept])
    return (
        f"insert into resends (batch_id, sent_at, sent_by, note, logged_at, {columns}) "
        f"select ?, ?, ?, ?, ?, {', '.join(NEEDED)}, {cause}, {', '.join(kept.values())} from ik_batch"
    )
