"""Find the customer that an account name, an email address or a record ID means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import duckdb

from invitekit.engine.materialize import temp_tables
from invitekit.errors import ArgumentError
from invitekit.load.sql import lit
from invitekit.model.catalogue import Catalogue
from invitekit.model.schema import MASK_MARKS
from invitekit.workspace.identity import table_of_customers
from invitekit.workspace.validation import are_texts

IS_NAMED = " or ".join(f"lower({column}) = lower(trim(n.name))" for column in ("account_name", "email", "record_id"))
"""The SQL condition that the name ``n.name`` means a row."""
_MATCH = "{'record_id': record_id, 'customer_id': customer_id, 'failure_code': failure_code}"
_NEWEST = "{'at': snapshot_at, 'sent': coalesce(invited_at, timestamp '-infinity'), 'id': record_id}"
_NAMES = "(select unnest(?::varchar[]) as name, unnest(range(len(?::varchar[]))) as position) n"


class Match(NamedTuple):
    """The newest row of a customer: its record, its customer, and why it failed, if it did."""

    record_id: str
    customer_id: str
    failure_code: str | None


def as_list(names: str | Iterable[str]) -> list[str]:
    """Return names as a list; one text is one name."""
    return [names] if isinstance(names, str) else list(names)


def find_customers(
    con: duckdb.DuckDBPyConnection, names: str | Iterable[str], catalogue: Catalogue | None = None
) -> tuple[Match, ...]:
    """Return the newest row of each customer that is named by account, email address or record ID.

    Raises:
        ArgumentError: A name matches no customer, or several, or is masked.
    """
    masked = " or ".join(f"contains(n.name, {lit(mark)})" for mark in MASK_MARKS)
    wanted = as_list(names)
    matches = _lookup(con, wanted, f"({IS_NAMED}) and not ({masked})", "{known}", catalogue)
    wrong = [str(position) for position, match in enumerate(matches, start=1) if match is None]
    if wrong:
        raise ArgumentError(
            f"Of {len(wanted):,} customers named, number {', '.join(wrong)} leads to no single one.",
            hint="name an account, an email address of one account only, or a record ID, as the files have it.",
        )
    return tuple(match for match in matches if match is not None)


def find_records(
    con: duckdb.DuckDBPyConnection, record_ids: Sequence[str], catalogue: Catalogue | None = None
) -> tuple[Match | None, ...]:
    """Return the newest row of each record ID; None where no file has it, or two customers share it there."""
    newest = "(from {known} qualify snapshot_at = max(snapshot_at) over (partition by record_id))"
    return _lookup(con, record_ids, "record_id = n.name", newest, catalogue)


def _lookup(
    con: duckdb.DuckDBPyConnection, names: Sequence[str], condition: str, rows: str, catalogue: Catalogue | None
) -> tuple[Match | None, ...]:
    """Return the newest row for each name, where all of its rows belong to one customer."""
    if not are_texts(names):
        names = [name if are_texts([name]) else "" for name in names]  # invalid text matches nothing
    with temp_tables():
        known = table_of_customers(con, catalogue)
        rows_by_name = con.execute(
            f"select count(distinct customer_id), arg_max({_MATCH}, {_NEWEST}) "
            f"from {_NAMES} left join {rows.format(known=known)} r on {condition} "
            "group by n.position order by n.position",
            [names, names],
        ).fetchall()
    return tuple(Match(**row) if customers == 1 else None for customers, row in rows_by_name)
