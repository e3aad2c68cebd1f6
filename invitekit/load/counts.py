"""Count what the summary says, over the staging table."""

from __future__ import annotations

import duckdb

from invitekit.load import cells
from invitekit.load.sql import lit, one, rows
from invitekit.load.staging import kept, present
from invitekit.load.summary import Masked, UnknownMessage
from invitekit.model import schema
from invitekit.model.catalogue import Catalogue


def _from(con: duckdb.DuckDBPyConnection) -> str:
    return f"from ik_staging where {kept(con)}"


def by_file(con: duckdb.DuckDBPyConnection) -> tuple[dict[int, int], dict[str, int]]:
    """Count records by source number and rejects by source name."""
    records = rows(con, f"select _ik_file, count(*) {_from(con)} group by 1")
    rejects = rows(con, "select source_file, count(*) from ik_rejects group by 1")
    return dict(records), dict(rejects)


def reject_reasons(con: duckdb.DuckDBPyConnection) -> dict[tuple[str | None, str], int]:
    """Count rejects by column and reason, most frequent first."""
    found = rows(con, 'select "column", reason, count(*) as n from ik_rejects group by 1, 2 order by n desc, 2')
    return {(column, reason): count for column, reason, count in found}


def masked(con: duckdb.DuckDBPyConnection, signs: frozenset[str]) -> dict[str, Masked]:
    """Count masked values per column that may hold a person's name or contact; empty columns are left out."""
    names = [name for name in schema.MASKABLE if name in present(con)]
    counted = ", ".join(f"{_hidden(n, signs)}, count({n})" for n in names) or "0"
    row = rows(con, f"select {counted} {_from(con)}")[0]
    pairs = zip(names, row[0::2], row[1::2], strict=False)
    return {name: Masked(hidden, filled) for name, hidden, filled in pairs if filled}


def _hidden(name: str, signs: frozenset[str]) -> str:
    """Count a column's masked values by the signs that can be there."""
    possible = sorted({cells.half_width(sign) for sign in signs} if name in cells.CONTACTS else signs)
    return f"count(*) filter ({' or '.join(f'contains({name}, {lit(sign)})' for sign in possible) or 'false'})"


def failed_without_message(con: duckdb.DuckDBPyConnection) -> int:
    """Count failed records whose file gave no message."""
    empty = "and failure_message is null" if "failure_message" in present(con) else ""
    return one(con, f"select count(*) {_from(con)} and status = 'association_failed' {empty}")


def unknown_messages(con: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> tuple[UnknownMessage, ...]:
    """List the failure messages that the catalogue does not know, most frequent first."""
    if "failure_message" not in present(con):
        return ()
    found = rows(
        con,
        f"select failure_message, count(*) as n {_from(con)} and failure_message is not null "
        "group by 1 order by n desc, 1",
    )
    unknown: list[UnknownMessage] = []
    for text, count in found:
        if catalogue.find(text) is None:
            near = catalogue.closest(text) if len(unknown) < 100 else None
            unknown.append(
                UnknownMessage(text, count, near.failure.code, near.similarity) if near else UnknownMessage(text, count)
            )
    return tuple(unknown)
