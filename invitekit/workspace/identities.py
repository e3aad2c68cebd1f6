"""Whose each stored row is: customers are told apart over all that is stored, never by an ID of a file alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import duckdb

from invitekit.annotate import annotate
from invitekit.catalogue import Catalogue
from invitekit.customers import identify
from invitekit.engine.materialize import materialize
from invitekit.load.sql import ident, one
from invitekit.workspace.relations import RECORD, ROWS, drop

_NEWEST = "snapshot_at desc, source_file desc, file_id desc, source_row desc"
"""Of two files of one name and snapshot, the one that was added last speaks."""


def newest_states(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    """Give each invitation's newest row; two customers that share an ID of their files stay two."""
    ranked = identify(con.sql(ROWS)).project(
        f"*, row_number() over (partition by customer_id, record_id order by {_NEWEST}) as ik_newest"
    )
    return ranked.filter("ik_newest = 1").project(", ".join(RECORD))


@contextlib.contextmanager
def identified(con: duckdb.DuckDBPyConnection, catalogue: Catalogue | None = None) -> Iterator[str]:
    """Give the name of a table of all stored rows with ``customer_id`` and ``failure_code``; it is gone afterwards."""
    table = materialize(identify(annotate(con.sql(ROWS), as_of=None, catalogue=catalogue)))
    try:
        yield ident(table.alias)
    finally:
        drop(con, table)


def owned(events: str, known: str) -> str:
    """The SQL of events with the customer whose they are, or null.

    That is the customer that they were noted for; only where no stored row is that customer's, it is
    the one that has the event's record, if it is one only.

    Args:
        events: A table with ``record_id, customer_id``.
        known: What ``identified`` gave.
    """
    owners = (
        f"select record_id, any_value(customer_id) as owner from {known} group by record_id "
        "having count(distinct customer_id) = 1"
    )
    return (
        "select e.* replace (case when c.customer_id is not null then e.customer_id else o.owner end as customer_id) "
        f"from {events} e left join (select distinct customer_id from {known}) c using (customer_id) "
        f"left join ({owners}) o using (record_id)"
    )


def count_lost(con: duckdb.DuckDBPyConnection) -> int:
    """Count logged resends and standing marks that belong to no stored row, so that no plan knows of them."""
    events = (
        "(select record_id, customer_id from resends union all "
        "select record_id, customer_id from marks where undone_at is null)"
    )
    with identified(con) as known:
        return one(con, f"select count(*) from ({owned(events, known)}) where customer_id is null")
