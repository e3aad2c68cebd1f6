"""Measure this project against the bare engine, in one run: python -m benchmarks [NAME ...] [--rows N]."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks import commands, screen, spark

BENCHES = {
    "small": commands.small,
    "large": commands.large,
    "out-of-core": commands.out_of_core,
    "screen": screen.screen,
    "spark": spark.spark,
}


def main() -> None:
    """Run the named benchmarks, or all of them, in a folder of their own."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHES], help=", ".join(BENCHES))
    parser.add_argument("--rows", type=int, help="rows, where a benchmark takes a number")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="invitekit-bench-") as folder:
        for name in arguments.names or BENCHES:
            print(f"== {name}", flush=True)
            BENCHES[name](Path(folder), arguments.rows)


if __name__ == "__main__":
    main()
