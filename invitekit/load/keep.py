"""Compute a lazy result once, where its records lie."""

from __future__ import annotations

import itertools
from typing import Any

import duckdb

_NUMBERS = itertools.count(1)


def keep(records: Any) -> Any:
    """Compute a DuckDB relation once and give it back as a table; any other frame stays as it is.

    A relation is computed anew at each look. The table lies in the relation's own database: in
    what ``load`` opened, it goes with the records, and spills to the same private folder.

    Args:
        records: A frame of any engine, such as ``annotate`` or ``plan_resends`` give.
    """
    if not isinstance(records, duckdb.DuckDBPyRelation):
        return records
    name = f"ik_kept_{next(_NUMBERS)}"
    records.create(name)
    return records._con.table(name)  # noqa: SLF001 - a relation tells its connection nowhere else
