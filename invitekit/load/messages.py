"""Add failure messages from a second file, by a key that tells records apart."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import duckdb

from invitekit.errors import SchemaError, SourceError
from invitekit.load import cells
from invitekit.load.headers import Headers, map_headers
from invitekit.load.source import find_sources
from invitekit.load.sql import one, run
from invitekit.load.staging import ensure, present, unreadable
from invitekit.load.table import Table
from invitekit.load.tables import open_tables
from invitekit.load.text import Wishes

KEYS = ("record_id", "account_name", "email", "mobile", "customer_full_name")


@dataclass(frozen=True, slots=True)
class MessageFinding:
    """What became of a second file with failure messages.

    Attributes:
        key: The column both sides were matched on, without case, unmasked values only.
        rows: Rows of the second file, refused ones included.
        refused: Rows of it that could not be read.
        added: Records that got a message.
        ambiguous: Keys with more than one message in the second file; none of them was used.
        unmatched: Keys that no record without a message has.
    """

    key: str
    rows: int
    added: int
    ambiguous: int
    unmatched: int
    refused: int = 0

    def __str__(self) -> str:
        said = [f"{self.added:,} records got a message from the second file, by {self.key}"]
        said += [f"{self.refused:,} of its rows could not be read"] if self.refused else []
        said += [f"{self.ambiguous:,} of its keys have several messages and were not used"] if self.ambiguous else []
        said += [f"{self.unmatched:,} of its keys match no failed record"] if self.unmatched else []
        return "; ".join(said) + "."


def add_messages(con: duckdb.DuckDBPyConnection, path: str | os.PathLike[str], key: str | None) -> MessageFinding:
    """Fill the empty failure messages of failed records from a second file.

    Args:
        con: Holds the staging table.
        path: CSV, XLSX, Parquet or JSON with a key column and a failure message column.
        key: The key column's canonical name; else the first of record_id, account_name, email,
            mobile and customer_full_name that the file has.

    Raises:
        SourceError: The file cannot be read.
        SchemaError: It lacks the key or the message.
    """
    sources = find_sources([path])
    if len(sources) > 1:
        raise SourceError(f"'{Path(path).name}' holds {len(sources)} files.", hint="name the one with the messages.")
    tables = open_tables(sources[0], Wishes({}, required="failure_message"))
    if len(tables) > 1:
        raise SourceError(f"'{sources[0].name}' has messages in {len(tables)} sheets.", hint="keep them in one.")
    table = tables[0]
    headers = map_headers(table.headers)
    chosen = _key(headers, key, table.name, present(con))
    if table.careful is not None:
        table = table.careful()
    by, message = (f"c{headers.position_of(n)}::varchar" for n in (chosen, "failure_message"))
    _read(con, table, cells.text(chosen, by), cells.text("failure_message", message))
    return _fill(con, chosen, len(table.refused))


def _read(con: duckdb.DuckDBPyConnection, table: Table, key: str, message: str) -> None:
    for macro in cells.macros(table.white):
        run(con, macro)
    if table.frame is not None:
        con.register("_ik_source", table.frame)
    try:
        run(
            con,
            f"create or replace temp table ik_messages as select lower({key}) as key, {message} as message "
            f"from {table.scan}",
        )
    except duckdb.Error as error:
        raise unreadable(table, error) from None
    finally:
        if table.frame is not None:
            con.unregister("_ik_source")


def _key(headers: Headers, key: str | None, name: str, records: frozenset[str]) -> str:
    """Choose the first column that tells records apart and that both sides have."""
    has = set(headers.canonical.values()) & records
    if key is not None and key not in KEYS:
        raise SchemaError(f"Messages cannot be matched on '{key}'.", hint=f"use one of {', '.join(KEYS)}.")
    found = next((k for k in KEYS if k in has), None) if key is None else key
    if found is None or found not in has:
        raise SchemaError(
            f"The records and '{name}' share no key{f' {key}' if key else ''}.",
            hint=f"add one of {', '.join(KEYS)} to both.",
        )
    return found


def _fill(con: duckdb.DuckDBPyConnection, key: str, refused: int) -> MessageFinding:
    run(
        con,
        "create or replace temp table ik_by_key as select key, any_value(message) as message, "
        "count(distinct message) as n from ik_messages where key is not null and message is not null "
        "and not ik_masked(key) group by key",
    )
    ensure(con, "failure_message")
    open_record = "s.status = 'association_failed' and s.failure_message is null"
    unmatched = one(
        con,
        "select count(*) from ik_by_key m where n = 1 "
        f"and not exists (from ik_staging s where lower(s.{key}) = m.key and {open_record})",
    )
    added = run(
        con,
        f"update ik_staging s set failure_message = m.message from ik_by_key m "
        f"where m.n = 1 and lower(s.{key}) = m.key and {open_record}",
    )
    return MessageFinding(
        key=key,
        rows=one(con, "select count(*) from ik_messages") + refused,
        refused=refused,
        added=added,
        ambiguous=one(con, "select count(*) from ik_by_key where n > 1"),
        unmatched=unmatched,
    )
