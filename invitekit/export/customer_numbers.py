"""Number the customers of records to count them; a record without a known customer has no number.

Keys are normalised as for tokens and compared by ``identify``. A relation is copied to a private DuckDB that spills to
disk, so that memory does not limit the number of records.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from typing import Any

import duckdb
import polars as pl

from invitekit.engine.duckdb import ident, run
from invitekit.export.prefetch import prefetch
from invitekit.export.source import Source, computed, connection
from invitekit.model import schema
from invitekit.model.identity import ALONE, NEEDED, OPTIONAL, identify
from invitekit.privacy import normalise
from invitekit.privacy.tokens import each_once

CUSTOMER_NUMBER = "_ik_customer_number"
_EMPTY = pl.lit(None, pl.String)
_OWN = "_ik_of_"
"""The prefix of temporary names of the released columns, because a column may have the name of a key."""


def with_customer_numbers(source: Source, names: Sequence[str]) -> Source:
    """Return some columns of the records, and the number of each record's customer.

    Customers are identified by ``model.identity.identify``; an unidentified record has null.

    Raises:
        SchemaError: The records cannot be computed.
    """
    needed = [name for name in (*NEEDED, *OPTIONAL) if name in source.columns]
    if isinstance(source.native, pl.DataFrame):
        known = computed(lambda: _in_memory(source.native, names, needed))
        return Source(known, (*names, CUSTOMER_NUMBER), source.rows)
    con, folder = connection()
    relation = computed(lambda: _in_tables(source, names, needed, con))
    return replace(source, native=relation, columns=(*names, CUSTOMER_NUMBER), con=con, spill=folder)


def _in_memory(records: Any, names: Sequence[str], needed: Sequence[str]) -> pl.DataFrame:
    own = [pl.col(name).alias(_OWN + name) for name in names]
    (keyed,) = _with_keys([records.select(*own, pl.col(needed).cast(pl.String))])
    who = pl.when(~pl.col("customer_id").str.starts_with(ALONE)).then(pl.col("customer_id").hash())
    return identify(keyed).select(*(pl.col(_OWN + name).alias(name) for name in names), who.alias(CUSTOMER_NUMBER))


def _in_tables(
    source: Source, names: Sequence[str], needed: Sequence[str], con: duckdb.DuckDBPyConnection
) -> duckdb.DuckDBPyRelation:
    """Copy the needed columns into a private table, and number the customer of each record there."""
    records: Any = source.native
    kinds = dict(zip(records.columns, map(str, records.types), strict=True))
    own = [f"{_plain(name, kinds[name])} as {ident(_OWN + name)}" for name in names]
    keys = [f"{ident(name)}::varchar as {name}" for name in needed]
    taken = replace(source, native=records.project(", ".join([*own, *keys])))
    read = taken.batches([*(_OWN + name for name in names), *needed])
    with contextlib.closing(read), contextlib.closing(prefetch(_with_keys(read))) as frames:
        for number, frame in enumerate(frames):
            rows = con.from_arrow(frame.to_arrow())
            rows.insert_into("ik_records") if number else rows.create("ik_records")
    back = [f"{ident(_OWN + name)} as {ident(name)}" for name in names]
    who = f"case when not starts_with(customer_id, '{ALONE}') then hash(customer_id) end as {CUSTOMER_NUMBER}"
    query = identify(con.table("ik_records")).project(", ".join([*back, who]))
    query.create("ik_known")
    run(con, "drop table ik_records")
    return con.table("ik_known")


def _with_keys(batches: Iterable[pl.DataFrame]) -> Generator[pl.DataFrame]:
    """Normalise the keys of records as for tokens; a missing column is null."""
    for batch in batches:
        keys = [
            each_once(batch[name], normalise) if name in batch.columns else _EMPTY.alias(name)
            for name in schema.NATURAL_KEY
        ]
        others = [pl.lit(None, pl.String).alias(name) for name in NEEDED if name not in batch.columns]
        yield batch.with_columns(*keys, *(one for one in others if one.meta.output_name() not in schema.NATURAL_KEY))


def _plain(name: str, kind: str) -> str:
    """Return the SQL of a column as one type: the enums of two frames may differ."""
    return f"{ident(name)}::varchar" if kind.startswith("ENUM") else ident(name)
