"""Prepare the records of a screen: add their causes, customers and invitations."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import duckdb
import narwhals.stable.v2 as nw
import polars as pl
import pyarrow as pa

from invitekit.engine.materialize import materialize
from invitekit.engine.memory import rows_fit
from invitekit.i18n import Language
from invitekit.model.annotate import annotate
from invitekit.model.catalogue import Catalogue
from invitekit.model.resolve import resolved
from invitekit.widgets.store import Derive

OnEngine = Callable[[pa.Table], Any]
"""Converts a table to the engine of the records."""
Step = Callable[[Any, OnEngine], Any]
"""Takes records on either engine, and returns them with more columns."""
OnStep = Callable[[str, int, int], None]
"""Receives the name of a step, its number, and the number of steps."""


def annotate_and_resolve(
    records: Any, moment: dt.datetime, *, catalogue: Catalogue | None = None, language: Language = "en"
) -> Any:
    """Return records with the columns of ``annotate`` and ``resolve``; existing columns are not computed again."""
    names = nw.from_native(records).collect_schema().names()
    if "effective_status" not in names:
        records = materialize(annotate(records, as_of=moment, catalogue=catalogue, language=language))
    return resolved(records)


def in_memory(steps: Mapping[str, Step], on_step: OnStep) -> Derive:
    """Return a function that processes the records of a screen as a Polars frame, or in DuckDB if they do not fit.

    Args:
        steps: The steps in order, by the names that the screen's texts have for them.
        on_step: Called when a step begins; the last step, ``store``, is done by the caller.
    """

    def work(records: Any, on_engine: OnEngine) -> Any:
        for at, (name, step) in enumerate(steps.items(), start=1):
            on_step(name, at, len(steps) + 1)
            records = step(records, on_engine)
        on_step("store", len(steps) + 1, len(steps) + 1)
        return records

    def derive(records: duckdb.DuckDBPyRelation, con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        if not rows_fit(records.aggregate("count(*)").fetchall()[0][0]):
            result: duckdb.DuckDBPyRelation = work(records, con.from_arrow)
            return result
        return con.from_arrow(work(records.pl(), pl.from_arrow).to_arrow())

    return derive
