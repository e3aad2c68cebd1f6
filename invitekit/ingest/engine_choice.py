"""Choose the engine by the size of the sources: Polars in memory if they fit, else DuckDB on disk."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Literal, NamedTuple

from invitekit.engine.memory import address_space, free_memory
from invitekit.i18n import Message, _
from invitekit.ingest.discover import Source

Engine = Literal["polars", "duckdb", "auto"]
ALWAYS_FITS = 1 << 26
"""Bytes of sources that fit into any memory without a limit."""
MEMORY_FACTOR = 12
"""Bytes of memory for each byte of CSV, up to the finished result [measured: 8 for annotate]."""
_UNPACKED = {"xlsx": 8, "xlsb": 8, "ods": 8, "parquet": 8, "json": 2, "json_lines": 2}
"""How many times larger than CSV a source of a format is in memory [assumed]."""


class EngineChoice(NamedTuple):
    """The engine for some sources, and the reason as a sentence; None for small sources."""

    engine: Engine
    reason: Message | None


def choose_engine(sources: Iterable[Source]) -> EngineChoice:
    """Choose DuckDB, on disk, if the sources do not fit into the free memory, else Polars."""
    size = sum(source.size * _UNPACKED.get(source.format, 1) for source in sources)
    needed = size * MEMORY_FACTOR
    if size <= ALWAYS_FITS and (address_space() == sys.maxsize or needed <= free_memory()):
        return EngineChoice("polars", None)
    free = free_memory()
    amounts = {"needed": needed / 1e9, "free": free / 1e9}
    if needed <= free:
        reason = _("Engine: Polars, in memory; about {needed:,.1f} GB are needed, {free:,.1f} GB are free.", **amounts)
        return EngineChoice("polars", reason)
    reason = _(
        "Engine: DuckDB, on disk; for Polars, in memory, about {needed:,.1f} GB are needed, {free:,.1f} GB are free.",
        **amounts,
    )
    return EngineChoice("duckdb", reason)
