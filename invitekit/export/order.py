"""Rows in an order that says nothing: two exports of the same records do not join row by row."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace

import duckdb

from invitekit.export.source import BATCH_ROWS, Source, computed, connection
from invitekit.load.sql import ident, lit

_PLACE = "_ik_place"


def shuffled(source: Source, names: Sequence[str]) -> Source:
    """Give some columns of the records in a new random order, another one each time; they can be read once.

    A private DuckDB sorts them: within its memory, and what is more in its own folder, wherever they come from.

    Raises:
        SchemaError: The records cannot be computed.
    """
    con, folder = connection()
    relation = computed(lambda: _mixed(source, names, con))
    return replace(source, relation=relation, columns=tuple(names), con=con, spill=folder)


def _mixed(source: Source, names: Sequence[str], con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    columns = ", ".join(map(ident, names))
    read = con.from_arrow(source.relation.project(columns).to_arrow_reader(BATCH_ROWS))
    # A seed that somebody set for random() would give the same order twice; this salt is thrown away.
    place = f"hash(random(), {lit(secrets.token_hex(16))}) as {_PLACE}"
    return read.project(f"{columns}, {place}").order(_PLACE).project(columns)
