"""The way out: its time beside a bare copy to Parquet of the same table, and the memory ten million rows take."""

from __future__ import annotations

from pathlib import Path

import duckdb

from benchmarks.measure import AS_OF, Spent, compare, peak, timed
from benchmarks.spine import one_file

ROUNDS = 3


def export(folder: Path, rows: int | None = None) -> None:
    """Compare an export with its proof with a bare ``COPY ... TO parquet (zstd)`` of the same table, pair by pair."""
    from invitekit import annotate, load  # noqa: PLC0415 - not needed where only the start is timed

    path = one_file(folder, rows or 2_000_000)
    annotate(load(path).records, as_of=AS_OF).to_parquet(str(folder / "annotated.parquet"))
    with duckdb.connect(str(folder / "records.duckdb")) as con:
        con.execute("set enable_progress_bar = false")
        con.execute(f"create table records as from '{folder / 'annotated.parquet'}'").fetchall()
        pairs = [(_bare(con, folder), _export(con, folder)) for _ in range(ROUNDS + 1)][1:]
    compare("export", pairs, "within 4")


def export_out_of_core(folder: Path, rows: int | None = None) -> None:
    """Export a large CSV as a process of its own, and take its peak memory (goal: within 3 GB)."""
    path = one_file(folder, rows or 10_000_000)
    peak("export", path, folder / "exported.parquet", "exported")


def _bare(con: duckdb.DuckDBPyConnection, folder: Path) -> Spent:
    form = "(format parquet, compression zstd)"
    return timed(lambda: con.execute(f"copy records to '{folder / 'bare.parquet'}' {form}").fetchall())


def _export(con: duckdb.DuckDBPyConnection, folder: Path) -> Spent:
    from invitekit import export as export_records  # noqa: PLC0415 - not needed where only the start is timed

    return timed(lambda: export_records(con.table("records"), folder / "out.parquet", overwrite=True))
