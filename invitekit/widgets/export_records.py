"""The records of the export panel: annotated, and on a connection that a cell does not use meanwhile."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import narwhals.stable.v2 as nw
import polars as pl

from invitekit.engine.duckdb import apart
from invitekit.engine.frames import as_narwhals
from invitekit.export.source import open_source
from invitekit.i18n import Language
from invitekit.model.annotate import annotate


def taken(records: Any, as_of: dt.datetime | dt.date | None, language: Language) -> tuple[Any, list[str]]:
    """Return the records with causes and effective statuses, and their columns."""
    frame = as_narwhals(records)
    names = frame.collect_schema().names()
    if "effective_status" in names:
        return frame.to_native(), names
    made = annotate(records, as_of=as_of, language=language)
    return made, nw.from_native(made).collect_schema().names()


@contextlib.contextmanager
def lent(
    records: Any, stoppable: Callable[[Callable[[], None]], None]
) -> Iterator[duckdb.DuckDBPyRelation | pl.DataFrame]:
    """Lend records to one export: a relation on a connection of its own, any other frame in memory.

    Args:
        records: A frame of any engine.
        stoppable: Is given what interrupts the relation's connection, from any thread.

    Raises:
        SchemaError: They cannot be computed.
    """
    own, con = apart(records)
    # A relation is counted when it is opened: that may take long. A frame in memory has nothing to interrupt.
    stoppable(con.interrupt if con is not None else lambda: None)
    with contextlib.closing(open_source(own, None)) as source:
        yield source.native


def count(records: Any) -> int:
    """Count records of any engine."""
    frame: Any = nw.from_native(apart(records)[0]).lazy()
    return int(frame.select(nw.len().alias("n")).collect().item(0, "n"))
