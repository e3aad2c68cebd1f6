"""The spine: how long it takes to start, to load and annotate, and how much memory ten million rows need."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from benchmarks.measure import AS_OF, peak

ROUNDS = 5


def start(_folder: Path, _rows: int | None = None) -> None:
    """Time a bare Python, ``import invitekit`` and ``invitekit --help``, each as a process of its own."""
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import invitekit (goal < 1 s)": [sys.executable, "-c", "import invitekit"],
        "invitekit --help (goal < 0.5 s)": [str(Path(sys.executable).with_name("invitekit")), "--help"],
    }
    for name, command in commands.items():
        walls = [_wall(lambda c=command: subprocess.run(c, check=True, capture_output=True)) for _ in range(ROUNDS)]
        print(f"{name:36} median {statistics.median(walls):5.2f} s   min {min(walls):5.2f} s")


def load_and_annotate(folder: Path, rows: int | None = None) -> None:
    """Compare load + annotate with DuckDB's own bare reading of the same file, pair by pair.

    The bare side makes a table of texts. Our side makes typed, checked, counted records and then a
    table of the nine columns that annotate adds; ``with a full copy`` writes every column once more.
    """
    path = one_file(folder, rows or 2_000_000)
    print(f"{path.name}: {path.stat().st_size / 1e6:,.0f} MB")
    sides = {"bare": _bare, "load": _load, "load + annotate": _annotate, "with a full copy": _annotate_copy}
    walls: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS + 1):
        for name, side in sides.items():
            walls[name].append(_wall(lambda s=side: s(path)))
    for name, every in walls.items():
        ratios = [a / b for a, b in zip(every[1:], walls["bare"][1:], strict=True)]
        print(
            f"{name:18} median {statistics.median(every[1:]):6.2f} s   ratio to bare {statistics.median(ratios):5.2f}"
        )
    print("goal: load + annotate within 1.50")


def out_of_core(folder: Path, rows: int | None = None) -> None:
    """Annotate a large CSV to Parquet as a process of its own, and take its peak memory (goal < 3 GB)."""
    path = one_file(folder, rows or 10_000_000)
    target = folder / "annotated.parquet"
    peak("annotate", path, target, "annotated")
    print(f"{target.stat().st_size / 1e6:,.0f} MB of Parquet")


def one_file(folder: Path, rows: int) -> Path:
    """Write one synthetic snapshot of so many rows, once."""
    from invitekit.sample import write_sample  # noqa: PLC0415 - not needed where only the start is timed

    place = folder / f"rows-{rows}"
    if not place.exists():
        write_sample(place, rows=rows, weeks=1, seed=7, dirty=0)
    return next(place.iterdir())


def _wall(run: Callable[[], object]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def _bare(path: Path) -> None:
    with duckdb.connect() as con:
        con.execute("set enable_progress_bar = false")
        con.execute(f"create table t as select * from read_csv('{path}', all_varchar=true)").fetchall()


def _load(path: Path) -> None:
    from invitekit import load  # noqa: PLC0415 - not needed where only the start is timed

    load(path)


def _annotate(path: Path) -> None:
    from invitekit import annotate, load  # noqa: PLC0415 - as below
    from invitekit.model import schema  # noqa: PLC0415 - not needed where only the start is timed

    annotated = annotate(load(path).records, as_of=AS_OF)
    annotated.select(*[column.name for column in schema.ANNOTATED]).create("annotated")


def _annotate_copy(path: Path) -> None:
    from invitekit import annotate, load  # noqa: PLC0415 - not needed where only the start is timed

    annotate(load(path).records, as_of=AS_OF).create("annotated")
