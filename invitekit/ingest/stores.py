"""Store the clean batches: Polars frames if they fit into memory, else DuckDB in a private temporary folder."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import polars as pl

from invitekit.engine.duckdb import ident, parquet
from invitekit.engine.memory import address_space, free_memory
from invitekit.engine.scratch_dirs import scratch_dir
from invitekit.i18n import Message, _
from invitekit.ingest.batches import Batch
from invitekit.ingest.cleaning import REJECTED_COLUMNS, Cleaned, Cleaner
from invitekit.ingest.datetimes import DateReport, decide_orders
from invitekit.ingest.discover import Source

if TYPE_CHECKING:
    import duckdb

Engine = Literal["polars", "duckdb", "auto"]
ALWAYS_FITS = 1 << 26
"""Bytes of sources that fit into any memory without a limit."""
MEMORY_FACTOR = 12
"""Bytes of memory for each byte of CSV, up to the finished result [measured: 8 for annotate]."""
_UNPACKED = {"xlsx": 8, "xlsb": 8, "ods": 8, "parquet": 8, "json": 2, "json_lines": 2}
"""How many times larger than CSV a source of a format is in memory [assumed]."""
IN_MEMORY = 1 << 28
"""The most bytes of sources for a DuckDB database in memory; its records may spill to disk."""
MEMORY_LIMIT = "2GB"
"""The memory limit of DuckDB."""


class MemoryStore:
    """Stores records with columns of these types, and rejected rows, in memory."""

    def __init__(self, types: Mapping[str, pl.DataType]) -> None:
        self._records, self._rejected = [pl.DataFrame(schema=types)], [pl.DataFrame(schema=REJECTED_COLUMNS)]

    def read(self, cleaner: Cleaner, batches: Iterator[Batch], *, day_first: bool | None) -> list[DateReport]:
        """Clean the batches of a source and store them; return how its time columns were read."""
        first = [cleaner.read_times(batch) for batch in batches]
        orders = decide_orders(cleaner.evidence(), day_first=day_first)
        first.reverse()
        while first:
            clean = cleaner.clean(first.pop(), orders)
            self._records.append(clean.records)
            self._rejected.append(clean.rejected)
        return cleaner.date_reports(orders)

    def close(self) -> None:
        """Do nothing: there are no files to remove."""

    def results(self, nameless: Iterable[str] = ()) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return records in the order of their sources, and rejected rows by source and row.

        Columns without a header are left out if they are empty.
        """
        rejected = pl.concat(self._rejected).sort("source_file", "source_row", maintain_order=True)
        records = pl.concat(self._records, rechunk=True)  # otherwise every later step rechunks
        return records.drop(name for name in nameless if records[name].null_count() == records.height), rejected


class DuckDBStore:
    """Stores records with columns of these types, and rejected rows, in Parquet files that DuckDB reads.

    They are in a private folder, which is removed with the last relation. The database of later steps is there, too, if
    the sources have many bytes.
    """

    def __init__(self, types: Mapping[str, pl.DataType], size: int) -> None:
        import duckdb  # noqa: PLC0415 - not needed for frames in memory

        folder = scratch_dir()
        self._folder = Path(folder.name)
        self._parts: dict[str, list[Path]] = {"records": [], "rejects": []}
        self._con = duckdb.connect(str(self._folder / "records.duckdb") if size > IN_MEMORY else ":memory:")
        self._remove = weakref.finalize(self._con, folder.cleanup)
        self._con.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        self._con.execute("set temp_directory = $1", [str(self._folder / "spill")])
        self._con.execute("set TimeZone = 'UTC'; set enable_progress_bar = false")
        self._insert(Cleaned(pl.DataFrame(schema=types), pl.DataFrame(schema=REJECTED_COLUMNS)))

    def close(self) -> None:
        """Remove all files after an error."""
        self._con.close()
        self._remove()

    def read(self, cleaner: Cleaner, batches: Iterator[Batch], *, day_first: bool | None) -> list[DateReport]:
        """Clean the batches of a source and store them; return how its time columns were read.

        Until the order of day and month is decided, batches are stored in files beside the database.
        """
        waiting = []
        for number, batch in enumerate(batches):
            first = cleaner.read_times(batch)
            waiting.append((self._folder / f"batch_{number}.arrow", first.rejected))
            first.rows.write_ipc(waiting[-1][0], compression="uncompressed")
        orders = decide_orders(cleaner.evidence(), day_first=day_first)
        for path, rejected in waiting:
            with path.open("rb") as file:
                rows = pl.read_ipc(file)
            path.unlink()
            self._insert(cleaner.clean(Batch(rows, rejected), orders))
        return cleaner.date_reports(orders)

    def results(self, nameless: Iterable[str] = ()) -> tuple[duckdb.DuckDBPyRelation, duckdb.DuckDBPyRelation]:
        """Return records in the order of their sources, and rejected rows by source and row.

        Columns without a header are left out if they are empty.
        """
        # Checkpoints write all temporary tables again, which only helps a database that is reopened later.
        self._con.execute("set checkpoint_threshold = '1000TB'")
        files = {name: parquet(*paths) for name, paths in self._parts.items()}
        counted = {name: self._con.sql(f"select count({ident(name)}) from {files['records']}") for name in nameless}
        empty = ", ".join(ident(name) for name, count in counted.items() if count.fetchall() == [(0,)])
        for name, rows in files.items():
            without = f" exclude ({empty})" if empty and name == "records" else ""
            self._con.execute(f"create view {name} as select *{without} from {rows}")
        return self._con.table("records"), self._con.sql("select * from rejects order by source_file, source_row")

    def _insert(self, clean: Cleaned) -> None:
        for (name, paths), rows in zip(self._parts.items(), (clean.records, clean.rejected), strict=True):
            if rows.height or not paths:
                paths.append(self._folder / f"{name}_{len(paths)}.parquet")
                rows.write_parquet(paths[-1], compression="lz4")


Store = MemoryStore | DuckDBStore


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
