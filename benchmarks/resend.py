"""The resend plan: its time beside one bare window over the same table, and the memory ten million rows take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb

from benchmarks.measure import AS_OF, Spent, compare, peak, timed
from benchmarks.spine import one_file

ROUNDS = 3


def plan(folder: Path, rows: int | None = None) -> None:
    """Compare the plan with a bare ``row_number()`` by customer and time, stored over the same table, pair by pair."""
    stored = annotated(folder, rows or 2_000_000)
    with duckdb.connect() as con:
        con.execute("set enable_progress_bar = false")
        con.execute("set TimeZone = 'UTC'")
        con.execute(f"create table records as from '{stored}'").fetchall()
        shape = con.execute("select count(*), count(distinct account_name) from records").fetchall()[0]
        print(f"{shape[0]:,} records of {shape[1]:,} customers")
        pairs = [(_bare(con), _plan(con)) for _ in range(ROUNDS + 1)][1:]
    compare("plan", pairs, "within 3")


def plan_out_of_core(folder: Path, rows: int | None = None) -> None:
    """Plan a large CSV as a process of its own, and take its peak memory (goal: within 6 GB)."""
    path = one_file(folder, rows or 10_000_000)
    peak("plan", path, folder / "plan.parquet", "planned")


def annotated(folder: Path, rows: int) -> Path:
    """Write the annotated records of one synthetic snapshot as Parquet."""
    from invitekit import annotate, load  # noqa: PLC0415 - not needed where only the start is timed

    stored = folder / "annotated.parquet"
    annotate(load(one_file(folder, rows)).records, as_of=AS_OF).to_parquet(str(stored))
    return stored


def _bare(con: duckdb.DuckDBPyConnection) -> Spent:
    window = "row_number() over (partition by account_name order by invited_at)"
    return _timed(con, lambda: con.execute(f"create table out as select *, {window} as n from records").fetchall())


def _plan(con: duckdb.DuckDBPyConnection) -> Spent:
    from invitekit import plan_resends  # noqa: PLC0415 - not needed where only the start is timed

    return _timed(con, lambda: plan_resends(con.table("records"), as_of=AS_OF).create("out"))


def _timed(con: duckdb.DuckDBPyConnection, run: Callable[[], object]) -> Spent:
    spent = timed(run)
    con.execute("drop table out").fetchall()
    return spent
