"""Whose record is it, as far as counts go: one number for each customer, and none for a record that is nobody's.

A record's keys are folded once and kept as numbers of 64 bits in a private DuckDB that spills: neither the number
of records nor the length of what is written in them fills the memory.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace

import duckdb
import narwhals.stable.v2 as nw
import polars as pl

from invitekit.export.links import EARLIER, KEYS, link
from invitekit.export.prefetch import ahead
from invitekit.export.source import Source, computed, connection
from invitekit.load.sql import ident, run
from invitekit.model import schema
from invitekit.model.identity import OWN_ID, address, has_odd, key
from invitekit.privacy import normalise

WHO = "_ik_who"
_OWN = "_ik_of_"
"""How the released columns are called meanwhile: one of them may be called as a key is."""
_NEEDED = ("record_id", *schema.NATURAL_KEY)
_DIGITS = 10
"""The last digits of a mobile number, which are the same however its country is written."""


def with_who(source: Source, names: Sequence[str]) -> Source:
    """Give some columns of the records, and whose each record is.

    That is the customer as ``customers.identify`` tells them apart. Where several addresses without an account
    share a full name and mobile, all are the same customer, and so is whoever shares one with these. A record
    that nothing but its row tells is nobody's.

    Raises:
        SchemaError: The records cannot be computed.
    """
    con, folder = connection()
    relation = computed(lambda: _known(source, names, con))
    return replace(source, relation=relation, columns=(*names, WHO), con=con, spill=folder)


def _known(source: Source, names: Sequence[str], con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    """Copy what is needed into a table of our own, and tell in it whose each record is."""
    needed = [name for name in _NEEDED if name in source.columns]
    if _all_accounts(source):
        needed = ["account_name"]
    kinds = dict(zip(source.relation.columns, map(str, source.relation.types), strict=True))
    own = [f"{_plain(name, kinds[name])} as {ident(_OWN + name)}" for name in names]
    keys = [f"{ident(name)}::varchar as {name}" for name in needed]
    taken = replace(source, relation=source.relation.project(", ".join([*own, *keys])))
    read = taken.batches([*(_OWN + name for name in names), *needed])
    with contextlib.closing(read), contextlib.closing(ahead(_with_keys(read, needed))) as frames:
        for number, frame in enumerate(frames):
            kept = con.from_arrow(frame.to_arrow())
            kept.insert_into("ik_records") if number else kept.create("ik_records")
    back = [f"r.{ident(_OWN + name)} as {ident(name)}" for name in names]
    if len(needed) == 1:
        return con.table("ik_records").set_alias("r").project(", ".join([*back, f"account as {WHO}"]))
    link(con)
    same = " and ".join(f"r.{name} is not distinct from l.{EARLIER}{name}" for name in KEYS)
    query = f"select {', '.join([*back, f'coalesce(l.who, r.own) as {WHO}'])} from ik_records r left join ik_links l"
    run(con, f"create table ik_known as {query} on {same}")
    run(con, "drop table ik_records")
    return con.table("ik_known")


def _with_keys(batches: Iterable[pl.DataFrame], needed: Sequence[str]) -> Generator[pl.DataFrame]:
    for batch in batches:
        yield batch.drop(needed).hstack(_keys(batch, needed))


def _all_accounts(source: Source) -> bool:
    """Whether every record names its account: then no other key is looked at."""
    if "account_name" not in source.columns:
        return False
    cell = "account_name::varchar"
    hidden = " or ".join(f"contains({cell}, '{mark}')" for mark in schema.MASK_MARKS)
    # Short ones may stand for nothing.
    unnamed = f"account_name is null or length({cell}) <= {max(map(len, schema.NULL_LIKE))} or {hidden}"
    return not source.relation.filter(unnamed).limit(1).fetchall()


def _plain(name: str, kind: str) -> str:
    """The SQL of a column that each small frame has in the same type: the words of an enum are not in all."""
    return f"{ident(name)}::varchar" if kind.startswith("ENUM") else ident(name)


def _keys(batch: pl.DataFrame, needed: Sequence[str]) -> pl.DataFrame:
    """Give the keys of records as numbers, each in the one form in which it is compared; null where there is none."""
    folded = pl.DataFrame(
        [normalise(batch[n]) if n in needed else pl.Series(n, [None] * batch.height, dtype=pl.String) for n in _NEEDED]
    )
    if len(needed) == 1:
        return _hashed(_account(folded))
    digits = key("mobile").str.replace_all("[^0-9]", "").str.tail(_DIGITS)
    shown = nw.from_native(folded, eager_only=True).select(
        key("account_name").alias("account"),
        address().alias("email"),
        key("customer_full_name").alias("name"),
        nw.when(digits != "").then(nw.concat_str([key("customer_full_name"), nw.lit("|"), digits])).alias("person"),
        nw.when(~nw.col("record_id").str.contains(OWN_ID)).then(nw.col("record_id")).alias("own"),
    )
    return _hashed(shown.to_native())


def _account(folded: pl.DataFrame) -> pl.DataFrame:
    frame = nw.from_native(folded, eager_only=True)
    return frame.select(key("account_name", odd=has_odd(frame, "account_name")).alias("account")).to_native()


def _hashed(shown: pl.DataFrame) -> pl.DataFrame:
    return shown.select(
        pl.when(pl.col(name).is_not_null()).then(pl.col(name).hash(seed)).alias(name)
        for seed, name in enumerate(shown.columns)
    )
