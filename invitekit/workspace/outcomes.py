"""The results of each batch, compared with customers of the same cause who were not invited again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import narwhals.stable.v2 as nw

from invitekit.engine.duckdb import ident
from invitekit.engine.materialize import materialize, temp_tables
from invitekit.metrics.intervals import newcombe, rated
from invitekit.model.annotate import annotate, ends_at
from invitekit.model.catalogue import Catalogue
from invitekit.model.resolve import resolve_parts
from invitekit.planning.customer_list import match_customers
from invitekit.workspace.customer_lists import NEWEST
from invitekit.workspace.customers import events_of_customers
from invitekit.workspace.queries import BY_AGE, as_relation, on_faster_engine

APART_DAYS = 30
"""A comparable customer has no resend within this many days before or after the batch [assumed]."""
MIN_COMPARABLE = 10
"""With fewer comparable customers, nothing is compared [assumed]."""
SLACK = "interval 1 day"
"""An invitation or association may be dated this long before the resend was logged [assumed]."""


def outcomes(con: duckdb.DuckDBPyConnection, catalogue: Catalogue | None) -> duckdb.DuckDBPyRelation:
    """Count the results by batch and cause; see ``Workspace.outcomes``."""
    with temp_tables() as persist:
        # The state of a customer at an earlier time is the one in the snapshot of that time.
        history = on_faster_engine(con, con.sql(f"select *, snapshot_at::varchar as snapshot from ({BY_AGE})"))
        annotated: Any = nw.from_native(annotate(history, catalogue=catalogue))
        annotated = annotated.with_columns(runs_out_at=ends_at()).to_native()
        states = as_relation(con, resolve_parts(annotated, "snapshot"))
        resends = con.sql("select batch_id, sent_at, cause as logged_cause, record_id, customer_id from resends")
        events = events_of_customers(states, resends)
        listed = match_customers(nw.from_native(states), nw.from_native(con.sql(NEWEST))).to_native()
        return persist(materialize(con.sql(_query(ident(states.alias), events, ident(listed.alias)))))


def _effective(row: str, at: str) -> str:
    """Build the SQL of a row's effective status at a time; ``annotate`` knows when an invitation runs out."""
    return f"case when {row}.status = 'invited' and {row}.runs_out_at <= {at} then 'expired' else {row}.status end"


def _cause(row: str, at: str) -> str:
    """Build the SQL of the cause at a time: the failure, else the status."""
    failed = f"{row}.status = 'association_failed' and {row}.failure_code is not null"
    return f"case when {failed} then {row}.failure_code else {_effective(row, at)} end"


def _query(history: str, resends: str, listed: str) -> str:
    near = f"between b.sent_at - interval {APART_DAYS} day and b.sent_at + interval {APART_DAYS} day"
    soon = f"x.invited_at > b.sent_at and x.invited_at <= b.sent_at + interval {APART_DAYS} day"
    kinds = ("associated", "already_associated", "failed_again", "expired", "open", "not_seen")
    counts = ", ".join(f"count(*) filter (was_resent and outcome = '{kind}') as {kind}" for kind in kinds)
    return f"""
with logged as (  -- each resend with the time of its customer's next resend, to which later results belong
    select l.*, (
        select min(x.sent_at) from {resends} x where x.customer_id = l.customer_id and x.sent_at > l.sent_at) as until
    from {resends} l),
found as (  -- the newest record of each customer in each snapshot; customers of the stored list are associated
    select *, max(case when status = 'associated' then coalesce(associated_at, timestamp 'infinity') end)
        over (partition by customer_id, snapshot) as since
    from {history} where customer_id is not null qualify is_latest_of_customer
    union all by name
    select customer_id, 'associated' as status, _ik_listed_at as snapshot_at, _ik_listed_since as associated_at,
        coalesce(_ik_listed_since, timestamp 'infinity') as since from {listed}),
states as (  -- with an association that any invitation led to, and until when the state is valid
    select * replace (if(since is null, status, 'associated') as status,
            nullif(since, timestamp 'infinity') as associated_at),
        lead(snapshot_at, 1, timestamp 'infinity') over (partition by customer_id order by snapshot_at) as valid_until
    from found),
resent as (  -- each resend with its cause: the stored one, or else that of the snapshot of that time
    select l.batch_id, l.sent_at, l.until, l.customer_id, l.record_id, true as was_resent,
        {_cause("s", "l.sent_at")} as before, coalesce(l.logged_cause, before, 'unknown') as cause
    from logged l left join states s
        on s.customer_id = l.customer_id and s.snapshot_at <= l.sent_at and l.sent_at < s.valid_until),
others as (  -- comparable customers: in the same state as customers of a batch, and not invited again at that time
    select b.batch_id, b.sent_at, (
            select min(x.sent_at) from logged x where x.customer_id = s.customer_id and x.sent_at > b.sent_at) as until,
        s.customer_id, s.record_id, false as was_resent, b.cause as before, b.cause
    from (select distinct batch_id, sent_at, cause from resent) b
    join states s on s.snapshot_at <= b.sent_at and b.sent_at < s.valid_until and {_cause("s", "b.sent_at")} = b.cause
    where {_effective("s", "b.sent_at")} in ('association_failed', 'expired')
        and not exists (from logged x where x.customer_id = s.customer_id and x.sent_at {near})
        and not exists (from {history} x where x.customer_id = s.customer_id and {soon})),
looked_at as (
    select *, least(until, (select max(snapshot_at) from states)) as ends_at
    from (from resent union all from others)),
later as (  -- every later state until the next resend, and an association dated before that
    select k.batch_id, k.customer_id, s.snapshot_at, {_effective("s", "k.ends_at")} as now,
        s.status = 'associated' and coalesce(s.associated_at >= k.sent_at - {SLACK},
            k.before is distinct from 'associated') as since,
        s.invited_at is null or s.invited_at >= k.sent_at - {SLACK}
            or {_cause("s", "k.ends_at")} is distinct from k.before as is_news
    from looked_at k join states s on s.customer_id = k.customer_id and s.snapshot_at > k.sent_at
        and (k.until is null or s.snapshot_at <= k.until
            or s.associated_at >= k.sent_at - {SLACK} and s.associated_at < k.until - {SLACK})),
newest as (
    select k.batch_id, k.sent_at, k.cause, k.was_resent, bool_or(l.since) as since,
        arg_max(l.now, l.snapshot_at) as now, arg_max(l.is_news, l.snapshot_at) as is_news
    from looked_at k left join later l using (batch_id, customer_id)
    group by k.batch_id, k.sent_at, k.cause, k.was_resent, k.customer_id, k.record_id),
ended as (  -- each customer's result: associated at any time, or else the newest state
    select *, case
        when since then 'associated'
        when now = 'associated' then 'already_associated'
        when now = 'association_failed' and is_news then 'failed_again'
        when now = 'expired' and is_news then 'expired'
        when now not in ('association_failed', 'expired') then 'open'
        else 'not_seen' end as outcome
    from newest)
select batch_id, sent_at, cause, count(*) filter (was_resent) as resent, {counts},
    count(*) filter (not was_resent) as not_resent,
    count(*) filter (not was_resent and outcome = 'associated') as not_resent_associated
from ended group by batch_id, sent_at, cause order by sent_at, batch_id, cause"""


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """The results of one batch, and of comparable customers: in the same state, and not invited again.

    Attributes:
        batch_id, sent_at: The batch.
        sent: Customers it was sent to; the sum of the next five counts.
        associated, open, failed, not_used: Associated since; still open; failed again; expired again.
        not_seen: No snapshot shows anything new, or the customer was associated before.
        rate, low, high: Share of the associated among all of them (Wilson, 95%).
        compared: Customers of the batch whose cause at least ``MIN_COMPARABLE`` comparable customers have.
        others: The comparable customers.
        compared_rate, others_rate: The association rates of both; that of the others is weighted by the batch's causes.
        difference_low, difference_high: The interval of the difference (Newcombe, 95%); None without comparable ones.
    """

    batch_id: str
    sent_at: dt.datetime
    sent: int
    associated: int
    open: int
    failed: int
    not_used: int
    not_seen: int
    rate: float | None
    low: float | None
    high: float | None
    compared: int
    others: int
    compared_rate: float | None = None
    others_rate: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None


def by_batch(rows: Iterable[Mapping[str, Any]]) -> list[BatchOutcome]:
    """Sum up the rows of ``Workspace.outcomes`` by batch, in the same order."""
    batches: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        batches.setdefault(row["batch_id"], []).append(row)
    return [_batch_outcome(causes) for causes in batches.values()]


def _batch_outcome(causes: list[Mapping[str, Any]]) -> BatchOutcome:
    sums = {
        name: sum(row[name] for row in causes) for name in causes[0] if name not in ("batch_id", "sent_at", "cause")
    }
    rate = rated(sums["associated"], sums["resent"])
    comparable = [row for row in causes if row["not_resent"] >= MIN_COMPARABLE]
    compared, others = (sum(row[name] for row in comparable) for name in ("resent", "not_resent"))
    values: dict[str, float] = {}
    if compared:
        associated = sum(row["associated"] for row in comparable)
        shares = [(row["resent"] / compared, row) for row in comparable]
        others_rate = sum(share * row["not_resent_associated"] / row["not_resent"] for share, row in shares)
        # The effective sample size: as many customers of a single cause would be as certain.
        size = 1 / sum(share**2 / row["not_resent"] for share, row in shares)
        low, high = newcombe(associated, compared, others_rate * size, size)
        values = {"compared_rate": associated / compared, "others_rate": others_rate}
        values |= {"difference_low": low, "difference_high": high}
    return BatchOutcome(
        batch_id=causes[0]["batch_id"],
        sent_at=causes[0]["sent_at"],
        sent=sums["resent"],
        associated=sums["associated"],
        open=sums["open"],
        failed=sums["failed_again"],
        not_used=sums["expired"],
        not_seen=sums["not_seen"] + sums["already_associated"],
        rate=rate["rate"],
        low=rate["low"],
        high=rate["high"],
        compared=compared,
        others=others,
        **values,
    )
