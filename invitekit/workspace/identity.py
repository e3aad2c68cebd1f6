"""Which customer each stored row and event belongs to, told over all that is stored."""

from __future__ import annotations

import duckdb

from invitekit.engine.materialize import materialize, temp_tables
from invitekit.load.sql import ident, one
from invitekit.model.annotate import annotate
from invitekit.model.catalogue import Catalogue
from invitekit.model.identity import identify
from invitekit.workspace.queries import RECORD, ROWS

_NEWEST = "snapshot_at desc, source_file desc, file_id desc, source_row desc"
"""Of two files of one name and snapshot, the one that was added last counts."""


def newest_states(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    """Return the newest row of each record ID and customer; two customers that share a record ID stay two."""
    ranked = identify(con.sql(ROWS)).project(
        f"*, row_number() over (partition by customer_id, record_id order by {_NEWEST}) as ik_newest"
    )
    return ranked.filter("ik_newest = 1").project(", ".join(RECORD))


def table_of_customers(con: duckdb.DuckDBPyConnection, catalogue: Catalogue | None = None) -> str:
    """Materialize all stored rows with ``customer_id`` and ``failure_code``, and return the table's name."""
    return ident(materialize(identify(annotate(con.sql(ROWS), as_of=None, catalogue=catalogue))).alias)


def assign_customer(events: str, known: str) -> str:
    """Build the SQL of events with the customer that each belongs to, or null.

    An event belongs to the customer that it was stored for. Only where no stored row is of that
    customer any more, it belongs to the one customer that has the event's record.

    Args:
        events: A table with ``record_id, customer_id``.
        known: What ``table_of_customers`` returns.
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


def count_orphans(con: duckdb.DuckDBPyConnection) -> int:
    """Count resends and valid marks that belong to no stored row, so that no plan counts them."""
    events = (
        "(select record_id, customer_id from resends union all "
        "select record_id, customer_id from marks where unmarked_at is null)"
    )
    with temp_tables():
        owned = assign_customer(events, table_of_customers(con))
        return one(con, f"select count(*) from ({owned}) where customer_id is null")
