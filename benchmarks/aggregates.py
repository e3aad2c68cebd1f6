"""All small tables of a report, beside the bare GROUP BYs that would count the same, over one stored table."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from benchmarks.measure import AS_OF
from benchmarks.resend import annotated
from invitekit import progress

ROUNDS = 3
BY = ("failure_code", "who_acts", "invitation_method", "association_type", "account_manager", "custom_tag", "country")
STATUS, WEEK = "effective_status", "date_trunc('week', invited_at) as week"
BARE = {
    "funnel": STATUS,
    "trend": f"{WEEK}, {STATUS}",
    **{f"trend by {name}": f"{name}, {WEEK}, {STATUS}" for name in BY},
    **{f"by {name}": f"{name}, {STATUS}" for name in BY[2:]},
    "pareto": f"failure_code, cause, who_acts, resend_rule, {STATUS}",
    "survival": f"invitation_method, days_to_associate, age_days, {STATUS}",
    "ageing": f"age_days, {STATUS}",
    "snapshots": f"snapshot_at, {STATUS}",
    "invitations": "record_id",
    "repeats": "account_name",
}
"""For each small table, what a bare GROUP BY of the same records would have to group by."""


def aggregates(folder: Path, rows: int | None = None) -> None:
    """Compare ``progress`` with the sum of the bare GROUP BYs, pair by pair, and count how often it reads the table."""
    stored = annotated(folder, rows or 2_000_000)
    with duckdb.connect() as con:
        con.execute("set enable_progress_bar = false")
        con.execute(f"create table records as from '{stored}'").fetchall()
        pairs = [(_bare(con), _timed(lambda: _progress(con))) for _ in range(ROUNDS + 1)][1:]
        print(f"reads of the annotated table: {_reads(con)}")
    bare, ours = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(ours / bare for bare, ours in pairs)
    print(f"{len(BARE)} bare GROUP BYs {bare:6.2f} s   progress {ours:6.2f} s   ratio {ratio:5.2f}   goal: within 2")


def _bare(con: duckdb.DuckDBPyConnection) -> float:
    """Time them one by one; the counts are summed up, else DuckDB would not count."""
    queries = [f"select sum(n) from (select {keys}, count(*) as n from records group by all)" for keys in BARE.values()]
    return sum(_timed(lambda query=query: con.execute(query).fetchall()) for query in queries)


def _progress(con: duckdb.DuckDBPyConnection) -> None:
    progress(con.table("records"), as_of=AS_OF)


def _reads(con: duckdb.DuckDBPyConnection) -> int:
    """Count the scans of the table in the plans of all queries that ``progress`` runs."""
    con.execute("call enable_logging('QueryLog')").fetchall()
    progress(con.table("records"), as_of=AS_OF)
    con.execute("call disable_logging()").fetchall()
    queries = [
        text for (text,) in con.execute("select message from duckdb_logs where message ilike '%records%'").fetchall()
    ]
    plans = [con.execute(f"explain {query}").fetchall()[0][1] for query in queries]
    return sum(plan.count("Table: memory.main.records") for plan in plans)


def _timed(run: Callable[[], object]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin
