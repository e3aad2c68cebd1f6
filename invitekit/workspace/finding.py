"""Which customer a person means who names one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import duckdb

from invitekit.catalogue import Catalogue
from invitekit.errors import ArgumentError
from invitekit.load.sql import lit
from invitekit.schema import MASK_MARKS
from invitekit.workspace.claims import are_texts
from invitekit.workspace.identities import identified

IS_NAMED = " or ".join(f"lower({column}) = lower(trim(n.name))" for column in ("account_name", "email", "record_id"))
"""The SQL condition that a row is the one that the name ``n.name`` means."""
_FOUND = "{'record_id': record_id, 'customer_id': customer_id, 'failure_code': failure_code}"
_NEWEST = "{'at': snapshot_at, 'sent': coalesce(invited_at, timestamp '-infinity'), 'id': record_id}"
_ASKED = "(select unnest(?::varchar[]) as name, unnest(range(len(?::varchar[]))) as place) n"


class Found(NamedTuple):
    """The newest row of a customer: its record, whose it is, and why it failed, if it did."""

    record_id: str
    customer_id: str
    failure_code: str | None


def listed(names: str | Iterable[str]) -> list[str]:
    """Give names as a list; one text is one name, not its letters."""
    return [names] if isinstance(names, str) else list(names)


def find(
    con: duckdb.DuckDBPyConnection, names: str | Iterable[str], catalogue: Catalogue | None = None
) -> tuple[Found, ...]:
    """Give the newest row of each customer that is named by account, email address or record ID.

    Raises:
        ArgumentError: A name leads to no customer, or to several, or is masked.
    """
    masked = " or ".join(f"contains(n.name, {lit(mark)})" for mark in MASK_MARKS)
    asked = listed(names)
    found = _looked_up(con, asked, f"({IS_NAMED}) and not ({masked})", "{known}", catalogue)
    wrong = [str(place) for place, one in enumerate(found, start=1) if one is None]
    if wrong:
        raise ArgumentError(
            f"Of {len(asked):,} customers named, number {', '.join(wrong)} leads to no single one.",
            hint="name an account, an email address of one account only, or a record ID, as the files have it.",
        )
    return tuple(one for one in found if one is not None)


def by_record(
    con: duckdb.DuckDBPyConnection, record_ids: Sequence[str], catalogue: Catalogue | None = None
) -> tuple[Found | None, ...]:
    """Give the newest row of each record ID; none where it is in no file, or of two customers in the newest one."""
    newest = "(from {known} qualify snapshot_at = max(snapshot_at) over (partition by record_id))"
    return _looked_up(con, record_ids, "record_id = n.name", newest, catalogue)


def _looked_up(
    con: duckdb.DuckDBPyConnection, names: Sequence[str], condition: str, rows: str, catalogue: Catalogue | None
) -> tuple[Found | None, ...]:
    """Give the newest row behind each name, where all rows behind it are of one customer."""
    if not are_texts(names):
        names = [name if are_texts([name]) else "" for name in names]  # what is no text names nobody
    with identified(con, catalogue) as known:
        found = con.execute(
            f"select count(distinct customer_id), arg_max({_FOUND}, {_NEWEST}) "
            f"from {_ASKED} left join {rows.format(known=known)} r on {condition} group by n.place order by n.place",
            [names, names],
        ).fetchall()
    return tuple(Found(**row) if customers == 1 else None for customers, row in found)
