"""Annotate and plan in Spark on all cores of this machine, in wall time: for the table of sizes in docs/spark.md."""

from __future__ import annotations

import datetime as dt
import os
import time
from pathlib import Path

import invitekit as ik
from benchmarks.commands import AS_OF, sample

MEMORY = "6g"
"""The memory of the driver, the only process of a local Spark."""


def spark(folder: Path, rows: int | None = None) -> None:
    """Annotate and plan a table of records, by default of 500,000 rows, and write both."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - needs Java, which the other benchmarks do not

    # The default of 200 partitions a shuffle costs more than these few rows.
    settings = {"spark.driver.memory": MEMORY, "spark.sql.shuffle.partitions": "8", "spark.ui.enabled": "false"}
    session = SparkSession.builder.config(map=settings).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    session.range(1).count()  # so that the start of Spark is not measured
    table = folder / "records.parquet"
    ik.load(sample(folder, rows or 500_000)).records.write_parquet(table)
    day = dt.date.fromisoformat(AS_OF)

    started = time.monotonic()
    annotated = ik.annotate(session.read.parquet(str(table)), as_of=day)
    annotated.write.parquet(str(folder / "annotated"))
    planning = time.monotonic()
    ik.plan_resends(annotated, as_of=day).write.parquet(str(folder / "plan"))
    ended = time.monotonic()
    print(f"{rows or 500_000:,} rows on {os.cpu_count()} cores: annotate {planning - started:.0f} s, "
          f"plan {ended - planning:.0f} s")  # fmt: skip
    session.stop()
