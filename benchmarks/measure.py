"""How a benchmark measures: pairs of ours and the bare engine side by side, and the peak memory of a process."""

from __future__ import annotations

import datetime as dt
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

AS_OF = dt.date(2026, 3, 30)
Spent = tuple[float, float]
"""Seconds on the wall and of the processor."""


def timed(run: Callable[[], object]) -> Spent:
    """Give the seconds that a run takes."""
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - processor


def compare(name: str, pairs: Sequence[tuple[Spent, Spent]], goal: str) -> None:
    """Print the medians of the bare side and of ours, and of their ratio, pair by pair."""
    for kind, at in (("wall", 0), ("processor", 1)):
        bare, ours = (statistics.median(side[at] for side in sides) for sides in zip(*pairs, strict=True))
        ratio = statistics.median(b[at] / a[at] for a, b in pairs)
        print(f"{kind:10} bare {bare:6.2f} s   {name} {ours:6.2f} s   ratio {ratio:5.2f}")
    print(f"goal: {goal}")


def peak(verb: str, path: Path, output: Path, done: str) -> None:
    """Run a command over a large CSV as a process of its own, and print its time and its peak memory."""
    command = [str(Path(sys.executable).with_name("invitekit")), verb, str(path), "--as-of", str(AS_OF)]
    wall, _ = timed(lambda: subprocess.run([*command, "-o", str(output), "--overwrite", "--json"], check=True,
                                           capture_output=True))  # fmt: skip
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print(f"{path.stat().st_size / 1e9:.2f} GB of CSV {done} in {wall:.0f} s, peak {most:.2f} GB")
