"""Store written batches, and which of their customers were invited again, by whom and when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import duckdb
import narwhals.stable.v2 as nw

from invitekit.engine.duckdb import lit, registered, rows, run
from invitekit.engine.frames import as_narwhals
from invitekit.engine.materialize import temp_tables
from invitekit.errors import ArgumentError, SchemaError
from invitekit.i18n import _, ngettext
from invitekit.model.vocabularies import RESENDS
from invitekit.planning.rules import SETTINGS, settings_of
from invitekit.workspace.customers import as_list, events_of_customers, find_in, find_records, resolved_history
from invitekit.workspace.database import transaction
from invitekit.workspace.validation import are_texts, now, past_datetime, require_name, require_text

_NEEDED = ("record_id", "customer_id", "batch", "decision")
_OPTIONAL = ("failure_code", "invitation_method", "account_name", "email")
"""Columns that are stored if a batch has them: they identify the customer and the cause later."""
_DIGEST_LENGTH = 8
"""Letters of the digest in a batch ID."""
_DIGEST = "md5(string_agg(customer_id, chr(10) order by customer_id))"
"""The SQL of a digest of a batch's customers."""
_ROW = (*_NEEDED, "effective_status", *_OPTIONAL)
_DAY = dt.timedelta(days=1)
"""Times in different zones differ by less than this."""


def record(
    con: duckdb.DuckDBPyConnection, plan: Any, *, folder: str | None, at: dt.datetime | dt.date | None
) -> dict[int, str]:
    """Store the batches of a plan, and return their IDs by number; the same batch of a day is stored once."""
    written_at = past_datetime(at, "at")
    frame: Any = as_narwhals(plan)
    columns = frame.collect_schema().names()
    if missing := [name for name in (*_NEEDED, *SETTINGS) if name not in columns]:
        problem = _("The batch lacks {columns}.", columns=tuple(missing))
        raise SchemaError(problem, hint=_("pass rows of what plan_resends(...) gives."))
    frame = frame.filter(nw.col("decision").is_in(list(RESENDS)))
    frame = frame.sort("rank") if "rank" in columns else frame
    wanted = [name for name in (*_ROW, *SETTINGS) if name in columns]
    table = frame.select(*wanted).lazy().collect("pyarrow").to_native()
    names = ", ".join(wanted)
    with registered(con, "ik_batch", table):
        settings_of(rows(con, f"select distinct {', '.join(SETTINGS)} from ik_batch"))
        if not len(table):
            return {}
        _check(con)
        digests = rows(con, f"select batch, {_DIGEST} from ik_batch group by batch order by batch")
        ids = {number: f"{written_at:%Y-%m-%d}-{digest[:_DIGEST_LENGTH]}" for number, digest in digests}
        with transaction(con):
            for number, batch_id in ids.items():
                run(con, "delete from batches where batch_id = ?", [batch_id])
                run(
                    con,
                    f"insert into batches (batch_id, written_at, folder, {names}) "
                    f"select ?, ?, ?, {names} from ik_batch where batch = ?",
                    [batch_id, written_at, folder, number],
                )
    return ids


def mark_batches_sent(
    con: duckdb.DuckDBPyConnection,
    batch_ids: Sequence[str],
    *,
    by: str,
    at: dt.datetime | dt.date | None,
    note: str | None,
    exclude: str | Iterable[str],
    force: bool,
) -> dict[str, int]:
    """Mark recorded batches as sent, all or none, and return how many customers each was sent to."""
    name, sent_at = require_name(by), past_datetime(at, "at", end=True)  # a day's end: no cool-down ends too early
    remark, excluded = require_text(note, "note"), as_list(exclude, "exclude")
    # The cause of a row is its failure code, or else its effective status.
    failed = "effective_status = 'association_failed' and failure_code is not null"
    names = ", ".join((*_NEEDED, *_OPTIONAL))
    query = (
        f"insert into resends (batch_id, sent_at, sent_by, note, marked_at, cause, {names}) select ?, ?, ?, ?, ?, "
        f"case when {failed} then failure_code else effective_status end, {names} from ik_batch"
    )
    chosen = {batch_id: _without(con, recorded(con, batch_id), excluded) for batch_id in _each_once(batch_ids)}
    with transaction(con):
        for batch_id, batch in chosen.items():
            with registered(con, "ik_batch", batch):
                _require_unmarked(con, batch_id)
                if not force:
                    _require_not_sent_since(con, batch_id)
                    _require_after_invitations(con, batch_id, batch, sent_at)
                run(con, query, [batch_id, sent_at, name, remark, now()])
    return {batch_id: len(batch) for batch_id, batch in chosen.items()}


def unmark_sent(con: duckdb.DuckDBPyConnection, batch_ids: Sequence[str]) -> None:
    """Delete the marks of recorded batches as sent, all or none."""
    with transaction(con):
        for batch_id in _each_once(batch_ids):
            recorded(con, batch_id)
            if not con.execute("delete from resends where batch_id = ? returning 1", [batch_id]).fetchall():
                raise ArgumentError(_("The batch was not marked as sent."), hint=_("nothing was changed."))


def discard(con: duckdb.DuckDBPyConnection, batch_ids: Sequence[str]) -> None:
    """Delete batches that were never sent, all or none."""
    chosen = _each_once(batch_ids)
    for batch_id in chosen:
        recorded(con, batch_id)
    with transaction(con):
        ids = "batch_id in (select unnest(?::varchar[]))"
        sent = con.execute(f"select count(distinct batch_id) from resends where {ids}", [chosen]).fetchall()[0][0]
        if sent:
            problem = _("{sent:,} of {batches:,} batches were marked as sent.", sent=sent, batches=len(chosen))
            raise ArgumentError(problem, hint=_("nothing was discarded; name batches that were not sent."))
        run(con, f"delete from batches where {ids}", [chosen])


def _check(con: duckdb.DuckDBPyConnection) -> None:
    """Check that each row of ``ik_batch`` has a customer, and no customer two rows."""
    total, unidentified, distinct = rows(
        con,
        "select count(*), count(*) filter (record_id is null or customer_id is null), count(distinct customer_id) "
        "from ik_batch",
    )[0]
    if unidentified:
        problem = _("{n:,} of {rows:,} rows of the batch have no record_id or customer_id.", n=unidentified, rows=total)
        raise ArgumentError(problem, hint=_("pass rows of what plan_resends(...) gives."))
    if distinct < total:
        problem = _("{n:,} of {rows:,} rows of the batch repeat a customer.", n=total - distinct, rows=total)
        raise ArgumentError(problem, hint=_("mark each customer once."))


def _require_unmarked(con: duckdb.DuckDBPyConnection, batch_id: str) -> None:
    marked = con.execute("select count(*), min(sent_at) from resends where batch_id = ?", [batch_id]).fetchall()
    customers, at = marked[0]
    if customers:
        problem = ngettext(
            "Batch '{batch_id}' was marked as sent already: {n:,} customer at {at} UTC.",
            "Batch '{batch_id}' was marked as sent already: {n:,} customers at {at} UTC.",
            customers,
            batch_id=batch_id,
            at=at,
        )
        raise ArgumentError(problem, hint=_("nothing was marked now; give another batch_id."))


def _each_once(batch_ids: str | Iterable[str]) -> list[str]:
    batch_ids = as_list(batch_ids, "batch_ids")
    distinct = list(dict.fromkeys(batch_ids))
    if not distinct:
        raise ArgumentError(_("No batch is named."), hint=_("give the IDs of batches that were written."))
    if len(distinct) < len(batch_ids):
        raise ArgumentError(_("A batch is named twice; nothing was changed."), hint=_("name each batch once."))
    return distinct


def recorded(con: duckdb.DuckDBPyConnection, batch_id: str) -> Any:
    """Return a batch in the order it was written. The error does not quote an unknown ID, which may be any text."""
    ids = [batch_id if are_texts([batch_id]) else ""]
    batch: Any = con.sql(
        f"select {', '.join(_ROW)} from batches where batch_id = ? order by rowid", params=ids
    ).to_arrow_table()
    if not len(batch):
        known = [row[0] for row in rows(con, "select distinct batch_id from batches order by 1 desc limit 10")]
        raise ArgumentError(
            _("No batch of that ID was written from this workspace."),
            hint=_("known: {batches}.", batches=tuple(known)) if known else _("known: none yet."),
        )
    return batch


def _require_not_sent_since(con: duckdb.DuckDBPyConnection, batch_id: str) -> None:
    """Check that no customer of ``ik_batch`` was invited again, or marked as invited again, since it was written.

    Customers are compared as the history shows them today: a customer's ID changes when a later file shows that two
    accounts are one customer. A customer without stored rows is compared by the ID of that time.
    """
    since = "(select min(written_at) from batches where batch_id = $1)"
    sent: Any = con.sql(
        "select batch_id, record_id, customer_id from resends "
        f"where batch_id <> $1 and (sent_at >= {since} or marked_at >= {since})",
        params=[batch_id],
    ).to_arrow_table()
    if not len(sent):
        return
    with registered(con, "ik_sent", sent), temp_tables():
        events = con.sql(
            "select batch_id, record_id, customer_id, customer_id as stored from ik_sent "
            "union all select null, record_id, customer_id, customer_id from ik_batch"
        )
        assigned = events_of_customers(resolved_history(con), events)
        customers, others = rows(
            con,
            f"with found as (select batch_id, coalesce(customer_id, stored) as customer from {assigned}) "
            "select count(distinct customer), string_agg(distinct s.batch_id, ', ' order by s.batch_id) "
            "from found b join found s using (customer) where b.batch_id is null and s.batch_id is not null",
        )[0]
    if customers:
        raise ArgumentError(
            ngettext(
                "{n:,} customer of batch '{batch_id}' was invited again since it was written, in {others}.",
                "{n:,} customers of batch '{batch_id}' were invited again since it was written, in {others}.",
                customers,
                batch_id=batch_id,
                others=others,
            ),
            hint=_(
                "nothing was marked; exclude them, discard the batch if it was not sent, or say that they "
                "were invited once more: --force (force=True)."
            ),
        )


def _require_after_invitations(con: duckdb.DuckDBPyConnection, batch_id: str, batch: Any, sent_at: dt.datetime) -> None:
    """Check that no customer of a batch was last invited a day or more after the batch is said to be sent.

    A newer invitation than the plan may be this very resend.
    """
    planned_at = rows(con, f"select min(planned_at) from batches where batch_id = {lit(batch_id)}")[0][0]
    if planned_at <= sent_at:
        return
    matches = find_records(con, batch["record_id"].to_pylist())
    invited = [match.invited_at for match in matches if match is not None and match.invited_at is not None]
    if later := sum(sent_at + _DAY <= at <= planned_at for at in invited):
        raise ArgumentError(
            ngettext(
                "{n:,} customer of batch '{batch_id}' was invited after {day:%Y-%m-%d}, before it was planned.",
                "{n:,} customers of batch '{batch_id}' were invited after {day:%Y-%m-%d}, before it was planned.",
                later,
                batch_id=batch_id,
                day=sent_at,
            ),
            hint=_("nothing was marked; check the day, or say that it is right: --force (force=True)."),
        )


def _without(con: duckdb.DuckDBPyConnection, batch: Any, names: list[str]) -> Any:
    """Remove the customers to exclude from a batch; each name must match one of its customers."""
    if not names:
        return batch
    with registered(con, "ik_batch", batch), temp_tables():
        history = resolved_history(con)
        named = {match.customer_id: number for number, match in enumerate(find_in(con, history, names), start=1)}
        events = con.sql("select record_id, customer_id, customer_id as batch_customer from ik_batch")
        owners = events_of_customers(history, events)
        in_batch = dict(rows(con, f"select customer_id, batch_customer from {owners} where customer_id is not null"))
        if absent := [str(number) for customer, number in named.items() if customer not in in_batch]:
            raise ArgumentError(
                _("The customer to exclude is not in the batch.")
                if len(names) == 1
                else ngettext(
                    "Customer {numbers} of {count:,} to exclude is not in the batch.",
                    "Customers {numbers} of {count:,} to exclude are not in the batch.",
                    len(absent),
                    count=len(names),
                    numbers=tuple(absent),
                ),
                hint=_("nothing was marked; name customers of the batch."),
            )
        excluded = [in_batch[customer] for customer in named]
        rest: Any = con.sql(
            "select * from ik_batch where customer_id not in (select unnest(?::varchar[]))", params=[excluded]
        ).to_arrow_table()
    if not len(rest):
        problem = _("Every customer of the batch would be excluded; nothing was marked.")
        raise ArgumentError(problem, hint=_("discard a batch that was not sent."))
    return rest
