"""Which record a person means who names a customer."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from invitekit.errors import ArgumentError
from invitekit.load.sql import lit
from invitekit.schema import MASK_MARKS

IS_NAMED = " or ".join(f"lower({column}) = lower(trim(n.name))" for column in ("account_name", "email", "record_id"))
"""The SQL condition that a row is the one that the name ``n.name`` means."""
_NEWEST = "{'at': snapshot_at, 'sent': coalesce(invited_at, timestamp '-infinity'), 'id': record_id}"
_ONE = "coalesce(lower(account_name), lower(email), record_id)"


def find(con: duckdb.DuckDBPyConnection, names: Sequence[str]) -> tuple[str, ...]:
    """Give the newest record of each customer that is named by account, email address or record ID.

    Raises:
        ArgumentError: A name leads to no customer, or to several, or is masked.
    """
    masked = " or ".join(f"contains(n.name, {lit(mark)})" for mark in MASK_MARKS)
    found = con.execute(
        f"select n.name, count(distinct {_ONE}), arg_max(record_id, {_NEWEST}) "
        "from (select unnest(?::varchar[]) as name, unnest(range(len(?::varchar[]))) as place) n "
        f"left join records on ({IS_NAMED}) and not ({masked}) group by n.place, n.name order by n.place",
        [list(names), list(names)],
    ).fetchall()
    wrong = [str(place) for place, (_, customers, _) in enumerate(found, start=1) if customers != 1]
    if wrong:
        raise ArgumentError(
            f"Of {len(names):,} customers named, number {', '.join(wrong)} leads to no single one.",
            hint="name an account, an email address of one account only, or a record ID, as the files have it.",
        )
    return tuple(record_id for _, _, record_id in found)
