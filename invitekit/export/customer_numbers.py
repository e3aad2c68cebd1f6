"""Number the customers of records to count them; a record without a known customer has no number.

Keys are normalised as for tokens and compared by ``identify``. A relation is copied to a private DuckDB that spills to
disk, so that memory does not limit the number of records.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import replace
from typing import Any

import duckdb
import narwhals.stable.v2 as nw
import polars as pl

from invitekit.engine.duckdb import ident, run
from invitekit.engine.materialize import count_rows
from invitekit.export.prefetch import prefetch
from invitekit.export.source import Source, computed, connection, converted
from invitekit.model import schema
from invitekit.model.filters import COLUMNS as FILTERED
from invitekit.model.filters import SEARCHED, SENT, Filter, where
from invitekit.model.identity import ALONE, NEEDED, OPTIONAL, identify
from invitekit.model.resolve import COLUMNS as RESOLVED
from invitekit.model.resolve import resolve
from invitekit.privacy import normalise
from invitekit.privacy.tokens import each_once, is_ascii

CUSTOMER_NUMBER = "_ik_customer_number"
_OWN = "_ik_of_"
"""The prefix of temporary names of the released columns, because a column may have the name of a key."""
_TIMES = ("invited_at", "snapshot_at")
"""The columns without which records have no history."""
_OUTCOMES = ("effective_status", "failure_code")
_NEWEST = "is_latest_of_invitation"
_Compute = Callable[[Any], Any]


def with_customer_numbers(source: Source, names: Sequence[str]) -> Source:
    """Return some columns of the records, and the number of each record's customer.

    Customers are identified by ``model.identity.identify``; an unidentified record has null.
    """
    return _numbered(source, names, [*NEEDED, *OPTIONAL], identify)


def newest_invitations(source: Source, names: Sequence[str], choice: Filter | None) -> Source:
    """Return some columns of the newest record of each invitation, and the number of its customer.

    The newest record has to match the filter. Resolved records are not resolved again, because they may be a part of
    their history. Records without the columns ``invited_at`` and ``snapshot_at`` have no history: each of them counts
    as an invitation.
    """
    columns = set(source.columns)
    is_resolved, is_dated = columns.issuperset(RESOLVED), columns.issuperset(_TIMES)
    used = {*FILTERED.values(), *SEARCHED, *SENT} if choice else set()
    used |= {_NEWEST} if is_resolved else set()
    own = list(dict.fromkeys([*names, *(name for name in source.columns if name in used)]))
    if is_resolved or not is_dated:
        numbered = _numbered(source, own, [*NEEDED, *OPTIONAL], identify)
    else:
        numbered = _numbered(source, own, [*NEEDED, *OPTIONAL, *_TIMES, *_OUTCOMES], resolve)

    def newest() -> tuple[Any, int]:
        frame: Any = nw.from_native(numbered.native)
        frame = frame.filter(nw.col(_NEWEST)) if is_resolved or is_dated else frame
        matching: Any = nw.from_native(where(frame.to_native(), choice or Filter())).select(*names, CUSTOMER_NUMBER)
        return matching.to_native(), count_rows(matching)

    with contextlib.ExitStack() as after_error:
        after_error.callback(numbered.close)
        native, rows = computed(newest)
        after_error.pop_all()
    return replace(numbered, native=native, columns=(*names, CUSTOMER_NUMBER), rows=rows)


def _numbered(source: Source, names: Sequence[str], keys: Sequence[str], compute: _Compute) -> Source:
    """Return columns of the records and those that ``identify`` or ``resolve`` computes from the keys."""
    if isinstance(source.native, pl.DataFrame):
        known = computed(lambda: _in_memory(source.native, names, keys, compute))
        return replace(source, native=known, columns=tuple(known.columns))
    con, folder = connection()
    relation = computed(lambda: _in_tables(source, names, keys, compute, con))
    return replace(source, native=relation, columns=tuple(relation.columns), con=con, spill=folder)


def _in_memory(records: Any, names: Sequence[str], keys: Sequence[str], compute: _Compute) -> pl.DataFrame:
    own = [pl.col(name).alias(_OWN + name) for name in names]
    present = [name for name in keys if name in records.columns]
    # Most exports have an account in every record, and then no other key is needed.
    if "account_name" in present and not _normalised(records["account_name"].cast(pl.String)).null_count():
        present = [name for name in present if name not in schema.NATURAL_KEY[1:]]
    texts = [pl.col(name) if name in _TIMES else pl.col(name).cast(pl.String) for name in present]
    (keyed,) = _with_keys([records.select(*own, *texts)], keys)
    known = compute(keyed)
    who = pl.when(~pl.col("customer_id").str.starts_with(ALONE)).then(pl.col("customer_id").hash())
    back = [pl.col(_OWN + name).alias(name) for name in names]
    numbered: pl.DataFrame = known.select(*back, who.alias(CUSTOMER_NUMBER), *_added(known.columns, names))
    return numbered


def _in_tables(
    source: Source,
    names: Sequence[str],
    keys: Sequence[str],
    compute: _Compute,
    con: duckdb.DuckDBPyConnection,
) -> duckdb.DuckDBPyRelation:
    """Copy the needed columns into a private table, and number the customer of each record there."""
    records: Any = source.native
    kinds = dict(zip(records.columns, map(str, records.types), strict=True))
    own = [f"{_plain(name, kinds[name])} as {ident(_OWN + name)}" for name in names]
    present = [name for name in keys if name in source.columns]
    texts = [name if name in _TIMES else f"{ident(name)}::varchar as {name}" for name in present]
    taken = replace(source, native=records.project(", ".join([*own, *texts])))
    read = taken.batches([*(_OWN + name for name in names), *present])
    with contextlib.closing(read), contextlib.closing(prefetch(_with_keys(read, keys))) as frames:
        for number, frame in enumerate(frames):
            rows = con.from_arrow(frame.to_arrow())
            rows.insert_into("ik_records") if number else rows.create("ik_records")
    back = [f"{ident(_OWN + name)} as {ident(name)}" for name in names]
    who = f"case when not starts_with(customer_id, '{ALONE}') then hash(customer_id) end as {CUSTOMER_NUMBER}"
    known = compute(con.table("ik_records"))
    known.project(", ".join([*back, who, *_added(known.columns, names)])).create("ik_known")
    run(con, "drop table ik_records")
    return con.table("ik_known")


def _added(computed_columns: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return what ``resolve`` computed and the records do not have."""
    return [name for name in (_NEWEST, SENT[0]) if name in computed_columns and name not in names]


def _with_keys(batches: Iterable[pl.DataFrame], wanted: Sequence[str]) -> Generator[pl.DataFrame]:
    """Normalise the keys of records as for tokens, and convert times; a missing column is null."""
    first_row = 0
    for batch in batches:
        missing = [name for name in wanted if name not in batch.columns and name not in OPTIONAL]
        keys = [_normalised(batch[name]) for name in schema.NATURAL_KEY if name in batch.columns]
        times = [converted(batch[name], pl.Datetime("us")) for name in _TIMES if name in batch.columns]
        empty = [pl.lit(None, pl.String).alias(name) for name in missing]
        # ``resolve`` orders records by file and row, so records without row numbers are numbered here.
        places = pl.int_range(first_row, first_row + batch.height, dtype=pl.Int64)
        row = places if "source_row" in missing else pl.col("source_row").cast(pl.Int64, strict=False)
        file = [pl.lit("").alias("source_file")] if "source_file" in missing else []
        first_row += batch.height
        yield batch.with_columns(*keys, *times, *empty).with_columns(row.alias("source_row"), *file)


def _normalised(values: pl.Series) -> pl.Series:
    # Plain ASCII is normalised in less time than repeated values are found.
    return normalise(values) if is_ascii(values) else each_once(values, normalise)


def _plain(name: str, kind: str) -> str:
    """Return the SQL of a column as one type: the enums of two frames may differ."""
    return f"{ident(name)}::varchar" if kind.startswith("ENUM") else ident(name)
