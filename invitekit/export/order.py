"""Rows in an order that says nothing: two exports of the same records do not join row by row."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace

from invitekit.export.source import Source, computed
from invitekit.load.sql import ident, lit

_PLACE = "_ik_place"


def shuffled(source: Source, names: Sequence[str]) -> Source:
    """Give some columns of the records in a new random order, another one each time; DuckDB sorts, on disk if need be.

    Raises:
        SchemaError: The records cannot be computed.
    """
    columns = ", ".join(map(ident, names))
    # A seed that somebody set for random() would give the same order twice; this salt is thrown away.
    place = f"hash(random(), {lit(secrets.token_hex(16))}) as {_PLACE}"
    mixed = computed(lambda: source.relation.project(f"{columns}, {place}").order(_PLACE).project(columns))
    return replace(source, relation=mixed, columns=tuple(names))
