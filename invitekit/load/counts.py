"""Count what the summary says, over the staging table."""

from __future__ import annotations

import duckdb

from invitekit import schema
from invitekit.catalogue import Catalogue
from invitekit.load.sql import rows
from invitekit.load.summary import Masked, UnknownMessage

_KEPT = "from ik_staging where _ik_reason is null"


def by_file(con: duckdb.DuckDBPyConnection) -> tuple[dict[int, int], dict[str, int]]:
    """Count records by source number and rejects by source name."""
    records = rows(con, f"select _ik_file, count(*) {_KEPT} group by 1")
    rejects = rows(con, "select source_file, count(*) from ik_rejects group by 1")
    return dict(records), dict(rejects)


def reject_reasons(con: duckdb.DuckDBPyConnection) -> dict[tuple[str | None, str], int]:
    """Count rejects by column and reason, most frequent first."""
    found = rows(con, 'select "column", reason, count(*) as n from ik_rejects group by 1, 2 order by n desc, 2')
    return {(column, reason): count for column, reason, count in found}


def masked(con: duckdb.DuckDBPyConnection) -> dict[str, Masked]:
    """Count masked values per column that may hold a person's name or contact; empty columns are left out."""
    counted = ", ".join(f"count(*) filter (ik_masked({n})), count({n})" for n in schema.MASKABLE)
    row = rows(con, f"select {counted} {_KEPT}")[0]
    pairs = zip(schema.MASKABLE, row[0::2], row[1::2], strict=True)
    return {name: Masked(hidden, filled) for name, hidden, filled in pairs if filled}


def failed_without_message(con: duckdb.DuckDBPyConnection) -> int:
    """Count failed records whose file gave no message."""
    where = "and status = 'association_failed' and failure_message is null"
    return int(rows(con, f"select count(*) {_KEPT} {where}")[0][0])


def unknown_messages(con: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> tuple[UnknownMessage, ...]:
    """List the failure messages that the catalogue does not know, most frequent first."""
    found = rows(
        con,
        f"select failure_message, count(*) as n {_KEPT} and failure_message is not null group by 1 order by n desc, 1",
    )
    unknown: list[UnknownMessage] = []
    for text, count in found:
        if catalogue.find(text) is None:
            near = catalogue.closest(text) if len(unknown) < 100 else None
            unknown.append(
                UnknownMessage(text, count, near.failure.code, near.similarity) if near else UnknownMessage(text, count)
            )
    return tuple(unknown)
