"""Whole commands on weekly files with untidy rows, compared with the best bare engine.

The CPU time (user and system) of a process and its children is divided by that of the bare engine just before it;
the median over the rounds is printed. For small files the bare engine only imports the libraries, for large ones Polars
reads the same files as text.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

AS_OF = "2026-03-30"
DATA = Path(__file__).resolve().parent.parent / "data"
INVITEKIT = str(Path(sys.executable).with_name("invitekit"))
IMPORT = "import duckdb, polars, narwhals, pyarrow"
READ = """import sys, polars as pl
for path in sys.argv[1:]:
    pl.read_csv(path, infer_schema=False, truncate_ragged_lines=True, ignore_errors=True)"""
SMALL = {"check": 1.5, "annotate": 1.5, "plan": 2, "trend": 2, "export": 2.5, "report": 3.5}
LARGE = {"annotate": 6, "plan": 9, "export": 9, "report": 9}
ROUNDS = 7


@dataclass(frozen=True)
class Cost:
    """The cost of a process.

    Attributes:
        processor: Seconds of user and system time.
        peak: The peak of resident memory, in bytes.
    """

    processor: float
    peak: int


def small(folder: Path, _rows: int | None = None) -> None:
    """Run the commands on ``data/``, 2,400 records in four files, compared with importing the engines."""
    _compare("data/, ratio to importing the engines", SMALL, [sys.executable, "-c", IMPORT], [str(DATA)], folder)


def large(folder: Path, rows: int | None = None) -> None:
    """Run the commands on four weekly CSV files, compared with bare Polars that reads them as text."""
    files = sample(folder, rows or 500_000)
    _compare(
        f"{rows or 500_000:,} rows in four files, ratio to bare Polars that reads them as text",
        LARGE, [sys.executable, "-c", READ, *files], files, folder,
    )  # fmt: skip


def out_of_core(folder: Path, rows: int | None = None) -> None:
    """Annotate and plan few rows and ten times as many: memory stays below 3 GB, the cost per row stays the same."""
    most = rows or 10_000_000
    for command in ("annotate", "plan"):
        few, many = (_run(command, sample(folder, n), folder) for n in (most // 10, most))
        ratio = many.processor / few.processor / 10
        print(f"{command:10} {most:,} rows: {many.processor:,.0f} s of processor, peak {many.peak / 1e9:.2f} GB "
              f"(goal < 3); a row costs {ratio:.2f} of what it costs among {most // 10:,} (goal <= 1.15)")  # fmt: skip


def sample(folder: Path, rows: int) -> list[str]:
    """Write four made-up weekly files with this number of rows in all, once, and return their paths."""
    files = folder / f"rows-{rows}"
    if not files.exists():
        command = [INVITEKIT, "sample", "--rows", str(rows), "--seed", "5", "--format", "csv", "-o", str(files)]
        subprocess.run(command, check=True, capture_output=True)
    return sorted(map(str, files.glob("*.csv")))


def cost(command: Sequence[str]) -> Cost:
    """Run a command, and return its cost.

    Raises:
        SystemExit: The command failed.
    """
    # An installed package is compiled. The first run compiles a checkout too, unless this variable forbids it.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device
        process = subprocess.Popen(command, stdout=nowhere, stderr=nowhere, env=environment)
        _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command[:3])} ended with {os.waitstatus_to_exitcode(status)}.")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def _run(command: str, sources: Sequence[str], folder: Path) -> Cost:
    names = {"check": "", "trend": "", "report": "report.html"}
    name = names.get(command, f"{command}.parquet")
    options = ("-o", str(folder / name), "--overwrite") if name else ()
    purpose = ("--purpose", "speed") if command == "export" else ()
    when = () if command == "check" else ("--as-of", AS_OF)
    return cost([INVITEKIT, command, *sources, *when, *purpose, *options])


def _compare(title: str, goals: Mapping[str, float], bare: Sequence[str], sources: Sequence[str], folder: Path) -> None:
    """Run each command after the bare engine, in turns, and print their medians and ratios."""
    base: list[float] = []
    seconds: dict[str, list[float]] = {command: [] for command in goals}
    ratios: dict[str, list[float]] = {command: [] for command in goals}
    for _ in range(ROUNDS):
        for command in goals:  # the bare engine just before each, because the speed of a machine drifts
            base.append(cost(bare).processor)
            seconds[command].append(_run(command, sources, folder).processor)
            ratios[command].append(seconds[command][-1] / base[-1])
    print(f"{title}; bare {statistics.median(base):.2f} s")
    for command, goal in goals.items():
        spent, ratio = statistics.median(seconds[command]), statistics.median(ratios[command])
        print(f"{command:10} {spent:6.2f} s   ratio {ratio:5.2f}   goal {goal}")
