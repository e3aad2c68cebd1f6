"""The way out: its time beside a bare copy to Parquet of the same table, and the memory ten million rows take."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from benchmarks.spine import AS_OF, one_file

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
    for name, at in (("wall", 0), ("processor", 1)):
        bare, ours = (statistics.median(side[at] for side in sides) for sides in zip(*pairs, strict=True))
        ratio = statistics.median(b[at] / a[at] for a, b in pairs)
        print(f"{name:10} bare {bare:6.2f} s   export {ours:6.2f} s   ratio {ratio:5.2f}")
    print("goal: within 4")


def export_out_of_core(folder: Path, rows: int | None = None) -> None:
    """Export a large CSV as a process of its own, and take its peak memory (goal: within 3 GB)."""
    path = one_file(folder, rows or 10_000_000)
    command = [str(Path(sys.executable).with_name("invitekit")), "export", str(path), "--as-of", str(AS_OF)]
    command += ["-o", str(folder / "exported.parquet"), "--overwrite", "--json"]
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print(
        f"{path.stat().st_size / 1e9:.2f} GB of CSV exported in {time.perf_counter() - begin:.0f} s, peak {peak:.2f} GB"
    )


def _bare(con: duckdb.DuckDBPyConnection, folder: Path) -> tuple[float, float]:
    form = "(format parquet, compression zstd)"
    return _timed(lambda: con.execute(f"copy records to '{folder / 'bare.parquet'}' {form}").fetchall())


def _export(con: duckdb.DuckDBPyConnection, folder: Path) -> tuple[float, float]:
    from invitekit import export as export_records  # noqa: PLC0415 - not needed where only the start is timed

    return _timed(lambda: export_records(con.table("records"), folder / "out.parquet", overwrite=True))


def _timed(run: Callable[[], object]) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - processor
