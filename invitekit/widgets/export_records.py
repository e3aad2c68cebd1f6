"""The records of the export panel: annotated, and on a connection that a cell does not use meanwhile."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import narwhals.stable.v2 as nw

from invitekit.annotate import annotate
from invitekit.catalogue import Language
from invitekit.errors import ArgumentError
from invitekit.export.source import open_source
from invitekit.frames import as_frame


def taken(records: Any, as_of: dt.datetime | dt.date | None, language: Language) -> tuple[Any, list[str]]:
    """Give the records with causes and effective statuses, and their columns."""
    records = as_frame(records)
    try:
        names = nw.from_native(records).collect_schema().names()
    except TypeError:
        kind = type(records).__name__
        raise ArgumentError(
            f"Records are of the type {kind}, which is no frame.", hint="pass what load(...) gives."
        ) from None
    if "effective_status" in names:
        return records, names
    made = annotate(records, as_of=as_of, language=language)
    return made, nw.from_native(made).collect_schema().names()


def apart(records: Any) -> Any:
    """Give a relation on a connection of its own, so that a cell may use the other meanwhile; else what was given.

    A relation that hangs on something which only its own connection sees stays where it is.
    """
    if isinstance(records, duckdb.DuckDBPyRelation):
        with contextlib.suppress(duckdb.Error):
            return records._con.cursor().sql(records.sql_query())  # noqa: SLF001 - told nowhere else
    return records


@contextlib.contextmanager
def lent(records: Any, stoppable: Callable[[Callable[[], None]], None]) -> Iterator[duckdb.DuckDBPyRelation]:
    """Lend records to one export as a relation of its own.

    Args:
        records: A frame of any engine.
        stoppable: Is given what interrupts the relation's connection, from any thread.

    Raises:
        SchemaError: They cannot be computed.
    """
    own = apart(records)
    if isinstance(own, duckdb.DuckDBPyRelation):  # they are counted when they are opened: that may take long
        stoppable(own._con.interrupt)  # noqa: SLF001 - told nowhere else
    with contextlib.closing(open_source(own, None)) as source:
        stoppable(source.relation._con.interrupt)  # noqa: SLF001 - as above
        yield source.relation


def count(records: Any) -> int:
    """Count records of any engine."""
    frame: Any = nw.from_native(apart(records)).lazy()
    return int(frame.select(nw.len().alias("n")).collect().item(0, "n"))
