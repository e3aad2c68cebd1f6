"""Customer lists: the customers associated with the partner, from a file of Customer Management or from the portal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import duckdb
import narwhals.stable.v2 as nw
import polars as pl

from invitekit.engine.duckdb import ident, one, registered, rows, run
from invitekit.engine.materialize import count_rows, materialize, temp_tables
from invitekit.errors import SchemaError, SourceError, WorkspaceError, many
from invitekit.i18n import Message, _
from invitekit.ingest import Summary, load
from invitekit.ingest.cleaning import REJECTED_COLUMNS
from invitekit.ingest.shared_ids import NUMBERS, notes_on_leading_zeros
from invitekit.model.annotate import annotate
from invitekit.model.identity import ALONE, identify
from invitekit.model.resolve import resolve
from invitekit.model.vocabularies import RESENDS, UNKNOWN
from invitekit.planning import plan_resends
from invitekit.planning.customer_list import match_customers
from invitekit.workspace.database import transaction
from invitekit.workspace.huawei_api import Page
from invitekit.workspace.queries import BY_AGE, as_relation, on_faster_engine
from invitekit.workspace.validation import now, past_datetime

_SCHEMA = dict.fromkeys(
    ("portal_customer_id", "account_name", "customer_full_name", "email", "mobile", "association_type"), pl.String
) | {"associated_at": pl.Datetime("us")}
COLUMNS = tuple(_SCHEMA)
FRESH = dt.timedelta(hours=1)
"""How long an unfinished list may be continued; later, customers may have changed [assumed]."""
_PASSES = 3
"""How often the pages are read if they have fewer customers than the portal counts."""
NEWEST = f"""
select 'r' || md5(list_id || '|' || position) as record_id, {", ".join(COLUMNS)}, listed_at as snapshot_at,
    source as source_file, position as source_row
from (select *, row_number() over (order by {", ".join(COLUMNS)}) as position
    from (select distinct * from listed_customers))
join customer_lists using (list_id) where is_complete order by position"""
"""The customers of the stored list, each once, with the columns of records that identify a customer."""
_COMPARED = """
with listed as (select customer_id, max(_ik_listed_since) as associated_since from {pairs} group by customer_id),
newest as (
    select p.*, l.associated_since, l.customer_id is not null as is_listed
    from {plans} p left join listed l using (customer_id))
select case
    when reason_code = 'left_us' then 'left_us'
    when not is_listed then if(reason_code = 'vanished', 'vanished', null)
    when reason_before = 'vanished' then 'vanished_is_ours'
    when effective_status = 'associated' then 'associated'
    else 'ours_already' end as finding,
    customer_id, customer_full_name, account_name, email, associated_since, decision_before, decision
from newest where finding is not null order by finding, customer_id"""
"""Compares the newest record of each customer in two plans: one with the list, one without it."""
_UNLISTED = """
select count(*) from {plans} anti join {pairs} using (customer_id)
where reason_code = 'associated' and coalesce(associated_at, snapshot_at - interval 1 day)::date < (
    select max(listed_at)::date from customer_lists where is_complete)"""
"""Counts customers who would have left if the list were not partial."""
FINDINGS = ("associated", "ours_already", "vanished_is_ours", "vanished", "left_us", "not_invited")
"""The findings about customers, in the order of the result."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Reconciliation:
    """What a customer list says about the customers in the workspace; prints counts only.

    Attributes:
        listed_at: When the list was exported (UTC).
        listed: Customers on the list; a row that names no customer counts as one.
        counts: Customers by finding: ``associated`` (on the list, as their records say), ``ours_already`` (on the
            list, although their records do not say so), ``vanished_is_ours`` (vanished from the exports, and on
            the list), ``vanished`` (vanished, and not on the list), ``left_us`` (were associated, and are not on the
            list), ``not_invited`` (on the list, and in no record).
        rejected: Rows of the files that name no customer or cannot be read.
        unidentified: Rows of the list that match no record, because they are masked or have a name only.
        notes: Cells that were changed or may be damaged, so that customers of the list may not be found in the records.
        withheld: Customers whom the plan would invite again without the list.
        unlisted: Customers who are associated by their records, not on the list, and not counted as ``left_us``: more
            of these customers are missing than on the list, so it seems to be partial.
        customers: One row per customer with a finding: ``finding, customer_id``, names, ``associated_since``,
            ``decision_before`` and ``decision``. It contains personal data.
    """

    listed_at: dt.datetime
    listed: int
    counts: dict[str, int]
    rejected: int
    unidentified: int
    notes: tuple[Message, ...]
    withheld: int
    unlisted: int
    customers: duckdb.DuckDBPyRelation

    def __repr__(self) -> str:
        counts = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in self.counts.items())
        return f"Customer list of {self.listed_at:%Y-%m-%d}, {many(self.listed, 'customer')}: {counts}."


def add_files(con: duckdb.DuckDBPyConnection, sources: Any, how: dict[str, Any]) -> Summary:
    """Store the customers of files as the newest list, and return what was read.

    Raises:
        SchemaError: It is unknown when the list was exported, or the files are lists of several days, or invitations.
        ArgumentError: It is dated in the future.
    """
    loaded = load(sources, required="associated_at", **how)
    frame: Any = nw.from_native(loaded.records)
    # An unknown status is that of an account (Normal, Frozen), unless nothing says that the row is associated.
    is_account = (nw.col("status") == UNKNOWN) & ~nw.col("associated_at").is_null()
    others = frame.filter((nw.col("status") != "associated") & ~is_account)["status"].len()
    if others:
        raise SchemaError(
            _(
                "{count:,} of {rows:,} rows have another status than associated: these are invitations.",
                count=others,
                rows=frame.shape[0],
            ),
            hint=_("add them with 'invitekit workspace add'; a customer list comes from Customer Management."),
        )
    if frame.shape[0] == 0:
        raise SchemaError(
            _("The customer list has no customers."), hint=_("nothing was stored; export the list again.")
        )
    listed_at = frame["snapshot_at"].max()
    if listed_at is None:
        raise SchemaError(
            _("Nothing says when the customer list was exported."),
            hint=_("give --snapshot (snapshot_at), or put the date into its name (customers_2026-03-30.csv)."),
        )
    days = frame["snapshot_at"].drop_nulls().dt.date().n_unique()
    if days > 1:
        problem = _(
            "The files hold customer lists of {days:,} days: customers who left in between would count as yours.",
            days=days,
        )
        raise SchemaError(problem, hint=_("name the newest list alone."))
    past_datetime(listed_at.date(), "snapshot_at")
    names = nw.coalesce("customer_full_name", "customer_name")
    table = frame.with_columns(customer_full_name=names).select(COLUMNS).to_arrow()
    with transaction(con):
        number = _begin(con, listed_at, "file")
        _insert(con, "listed_customers", number, table)
        # Without a time, rejected rows are not older than any record: they may name a customer who is associated now.
        rejects = nw.from_native(loaded.rejects).with_columns(snapshot_at=nw.lit(None, nw.Datetime("us")))
        _insert(con, "listed_rejects", number, rejects.select(*REJECTED_COLUMNS).to_arrow())
        _finish(con, number)
    return loaded.summary


def add_pages(con: duckdb.DuckDBPyConnection, page: Callable[[int], Page], host: str) -> None:
    """Store the customers that the portal lists, page by page; an unfinished list of the same host is continued.

    Raises:
        SourceError: A page cannot be read, or the pages have fewer customers than the portal counts.
    """
    number, offset = _unfinished(con, host)
    for _pass in range(_PASSES):
        total = offset + 1
        while offset < total:
            customers, total = page(offset)
            if not customers:
                break
            offset += len(customers)
            with transaction(con):
                table = pl.DataFrame(customers, schema=_SCHEMA, orient="row").to_arrow()
                _insert(con, "listed_customers", number, table)
                run(con, "update customer_lists set next_offset = ? where list_id = ?", [offset, number])
        stored = f"select count(distinct portal_customer_id) from listed_customers where list_id = {number}"
        if one(con, stored) >= total:
            with transaction(con):
                return _finish(con, number)
        offset = 0  # a page came twice, or the list changed meanwhile
    problem = _("{host} counts more customers than its pages hold.", host=host)
    raise SourceError(problem, hint=_("the list changes meanwhile; try again later."))


def _unfinished(con: duckdb.DuckDBPyConnection, host: str) -> tuple[int, int]:
    """Return the unfinished list of an earlier run, or a new one, and the offset of its next page."""
    query = "select list_id, next_offset from customer_lists where not is_complete and source = ? and listed_at > ?"
    if unfinished := con.execute(query, [host, now() - FRESH]).fetchall():
        return int(unfinished[0][0]), int(unfinished[0][1])
    with transaction(con):
        return _begin(con, now(), host), 0


def _begin(con: duckdb.DuckDBPyConnection, at: dt.datetime, source: str) -> int:
    newest = listed_at(con)
    if newest is not None and newest > at:
        problem = _(
            "A newer customer list is stored, of {newest:%Y-%m-%d}; this one is of {listed_at:%Y-%m-%d}.",
            newest=newest,
            listed_at=at,
        )
        raise WorkspaceError(problem, hint=_("nothing was stored; export the list again."))
    number = one(con, "select max(list_id) from customer_lists") + 1
    _delete(con, "not is_complete")
    run(con, "insert into customer_lists values (?, ?, ?, 0, false)", [number, at, source])
    return number


def _insert(con: duckdb.DuckDBPyConnection, name: str, number: int, table: Any) -> None:
    with registered(con, "ik_incoming", table):
        run(con, f"insert into {name} select {number}, * from ik_incoming")


def _finish(con: duckdb.DuckDBPyConnection, number: int) -> None:
    _delete(con, f"list_id <> {number}")
    run(con, f"update customer_lists set is_complete = true where list_id = {number}")


def _delete(con: duckdb.DuckDBPyConnection, which: str) -> None:
    for name in ("listed_customers", "listed_rejects"):
        run(con, f"delete from {name} where list_id in (select list_id from customer_lists where {which})")
    run(con, f"delete from customer_lists where {which}")


def listed_at(con: duckdb.DuckDBPyConnection) -> dt.datetime | None:
    """Return the time of the complete list that is stored, in UTC; None if there is none."""
    newest: dt.datetime | None = rows(con, "select max(listed_at) from customer_lists where is_complete")[0][0]
    return newest


def reconcile(
    con: duckdb.DuckDBPyConnection,
    inputs: dict[str, duckdb.DuckDBPyRelation],
    moment: dt.datetime,
    *,
    read: Summary | None = None,
) -> Reconciliation:
    """Compare a plan with the stored list, one of the ``inputs`` of a plan, with a plan without it.

    ``read`` is what was read, if the list is from files.
    """
    with temp_tables() as persist:
        history = resolve(annotate(on_faster_engine(con, con.sql(BY_AGE)), as_of=moment))
        known = {name: on_faster_engine(con, relation) for name, relation in inputs.items()}
        with_list = _newest(plan_resends(history, as_of=moment, **known))
        customer_list = nw.from_native(known.pop("customer_list"))
        before = _newest(plan_resends(history, as_of=moment, **known))
        before = before.select("customer_id", decision_before="decision", reason_before="reason_code")
        plans = materialize(with_list.join(before, on="customer_id"))
        pairs = match_customers(nw.from_native(history), customer_list)
        identified = _identified(customer_list, pairs)
        notes = notes_on_leading_zeros(nw.concat([_ids(customer_list), _ids(nw.from_native(history))]).to_native())
        plans, pairs = (as_relation(con, frame.to_native()) for frame in (plans, pairs))
        tables = {"plans": ident(plans.alias), "pairs": ident(pairs.alias)}
        customers = persist(materialize(con.sql(_COMPARED.format(**tables))))
        unlisted = one(con, _UNLISTED.format(**tables))
    findings = ident(customers.alias)
    counts = dict(con.sql(f"select finding, count(*) from {findings} group by finding").fetchall())
    listed_at = con.sql(f"select max(snapshot_at) from ({NEWEST})").fetchall()[0][0]
    resends = ", ".join(f"'{decision}'" for decision in RESENDS)
    withheld = f"decision_before in ({resends}) and decision not in ({resends})"
    counts["not_invited"] = identified["on_list_only"]
    return Reconciliation(
        listed_at=listed_at,
        listed=identified["listed"],
        counts={name: int(counts.get(name, 0)) for name in FINDINGS},
        rejected=read.rejects if read else 0,
        unidentified=identified["unidentified"],
        notes=tuple(dict.fromkeys([*(read.on_cells() if read else ()), *notes])),
        withheld=one(con, f"select count(*) from {findings} where {withheld}"),
        unlisted=0 if counts.get("left_us") else unlisted,
        customers=customers,
    )


def _identified(customer_list: Any, pairs: Any) -> dict[str, int]:
    """Count the customers of the list, those in no record, and the rows that name no customer and match no record."""
    names = nw.from_native(identify(customer_list.to_native())).select("customer_id", "source_row")
    found = names.join(pairs.select("source_row"), on="source_row", how="semi")
    others = names.join(found.select("customer_id"), on="customer_id", how="anti")
    is_alone = nw.col("customer_id").str.starts_with(ALONE)
    parts = {"listed": names, "on_list_only": others.filter(~is_alone), "unidentified": others.filter(is_alone)}
    return {name: count_rows(part.select("customer_id").unique()) for name, part in parts.items()}


def _ids(frame: Any) -> Any:
    """Return the columns of IDs in which a spreadsheet may remove zeros."""
    known = frame.collect_schema().names()
    return frame.select(*(nw.col(n) if n in known else nw.lit(None, nw.String).alias(n) for n in NUMBERS))


def _newest(plan: Any) -> Any:
    """Return the newest record of each customer in a plan."""
    frame: Any = nw.from_native(plan)
    return frame.filter((nw.col("decision") != "superseded") & ~nw.col("customer_id").is_null())
