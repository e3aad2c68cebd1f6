"""Whose record is it, as far as counts go: one text for each customer, and none for a record that is nobody's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import duckdb

from invitekit.customers import ALONE, NEEDED, identify
from invitekit.export.source import Source, computed, connection, frame
from invitekit.load.sql import ident, lit

WHO = "_ik_who"
_OWN = "_ik_of_"
"""How the released columns are called meanwhile: one of them may be called as a key is."""
_WIDE = "".join(map(chr, range(0xFF01, 0xFF5F)))
_PLAIN = "".join(map(chr, range(0x21, 0x7F)))
_PERSON = "_ik_person"


def with_who(source: Source, names: Sequence[str]) -> Source:
    """Give some columns of the records, and whose each record is.

    That is the customer as ``identify`` tells them apart. Where several addresses without an account share
    one full name and mobile, all are the same customer. A record that nothing but its row tells is nobody's.

    Raises:
        SchemaError: The records cannot be computed.
    """
    con, folder = connection()
    relation = computed(lambda: _known(source, names, con))
    return replace(source, relation=relation, columns=(*names, WHO), con=con, spill=folder)


def _known(source: Source, names: Sequence[str], con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    own = [f"{ident(name)} as {ident(_OWN + name)}" for name in names]
    keys = [f"{_folded(name) if name in source.columns else 'null::varchar'} as {name}" for name in NEEDED]
    # In memory: as one query, each key would be computed anew for every look at it, dozens of times.
    read = frame(source.relation.project(", ".join([*own, *keys])).to_arrow_table())
    known = con.from_arrow(identify(read).to_arrow())
    back = [f"{ident(_OWN + name)} as {ident(name)}" for name in names]
    who = f"case when not starts_with(customer_id, {lit(ALONE)}) then customer_id end as {WHO}"
    person = f"case when starts_with(customer_id, 'email:') then {_person()} end as {_PERSON}"
    return _joined(known.project(", ".join([*back, who, person])), names)


def _folded(name: str) -> str:
    """The SQL of a key in signs of one width, as tokens are made of it."""
    return f"translate({ident(name)}::varchar, {lit(_WIDE)}, {lit(_PLAIN)})"


def _person() -> str:
    """The SQL of full name and mobile together, null where one of them is missing or masked."""
    name = "lower(regexp_replace(customer_full_name, '\\s+', ' ', 'g'))"
    digits = "right(nullif(regexp_replace(mobile, '[^0-9]', '', 'g'), ''), 10)"
    hidden = "regexp_matches(concat(customer_full_name, mobile), '[*•●]')"
    return f"case when not {hidden} then trim({name}) || '|' || {digits} end"


def _joined(records: duckdb.DuckDBPyRelation, names: Sequence[str]) -> duckdb.DuckDBPyRelation:
    """Put one customer in the place of all whose addresses lead to one full name and mobile."""
    links = records.filter(f"{_PERSON} is not null").project(f"{WHO}, {_PERSON}").distinct()
    first = links.aggregate(f"{_PERSON} as person, min({WHO}) as low", _PERSON)
    led = links.set_alias("l").join(first.set_alias("f"), f"l.{_PERSON} = f.person")
    same = led.aggregate(f"{WHO} as whose, min(low) as low", WHO).filter("low <> whose")
    if not same.limit(1).fetchall():
        return records.project(", ".join([*map(ident, names), WHO]))
    columns = [f"r.{ident(name)}" for name in names]
    both = records.set_alias("r").join(same.set_alias("s"), f"r.{WHO} = s.whose", how="left")
    return both.project(", ".join([*columns, f"coalesce(s.low, r.{WHO}) as {WHO}"]))
