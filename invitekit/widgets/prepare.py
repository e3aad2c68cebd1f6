"""Prepare the records of a screen: add causes, and the customer and invitation of each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import duckdb
import narwhals.stable.v2 as nw
import polars as pl
import pyarrow as pa

from invitekit.engine.materialize import materialize
from invitekit.i18n import Language
from invitekit.model.annotate import annotate
from invitekit.model.catalogue import Catalogue
from invitekit.model.resolve import resolved
from invitekit.widgets.store import Derive

IN_MEMORY = 1_000_000
"""Up to this many rows are processed as a Polars frame, which is several times faster."""
OnEngine = Callable[[pa.Table], Any]
"""Takes a table to the engine of the records."""
Step = Callable[[Any, OnEngine], Any]
"""Takes records on either engine, and returns them with more columns."""
Tell = Callable[[str, int, int], None]
"""Is called with the name of a step, its number, and the number of steps."""


def explained(
    records: Any, moment: dt.datetime, *, catalogue: Catalogue | None = None, language: Language = "en"
) -> Any:
    """Return records with their causes, annotated first where they are not, and with the columns of ``resolve``."""
    names = nw.from_native(records).collect_schema().names()
    if "effective_status" not in names:
        records = materialize(annotate(records, as_of=moment, catalogue=catalogue, language=language))
    return resolved(records)


def in_memory(steps: Mapping[str, Step], tell: Tell) -> Derive:
    """Return a function that processes the records of a screen as a Polars frame, or in DuckDB if there are too many.

    Args:
        steps: What is done, in its order, by the names that the words of the screen have for it.
        tell: Called with each step when it begins; the last one is to store the result.
    """

    def work(records: Any, on_engine: OnEngine) -> Any:
        for at, (name, step) in enumerate(steps.items(), start=1):
            tell(name, at, len(steps) + 1)
            records = step(records, on_engine)
        tell("store", len(steps) + 1, len(steps) + 1)
        return records

    def derive(records: duckdb.DuckDBPyRelation, con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        if records.aggregate("count(*)").fetchall()[0][0] > IN_MEMORY:
            done: duckdb.DuckDBPyRelation = work(records, con.from_arrow)
            return done
        return con.from_arrow(work(records.pl(), pl.from_arrow).to_arrow())

    return derive
