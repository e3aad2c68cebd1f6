"""What was written for the person who clicks: each batch as it was, so that what was sent can be logged by its ID."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import duckdb
import narwhals.stable.v2 as nw

from invitekit.errors import ArgumentError
from invitekit.load.sql import rows, run
from invitekit.vocabularies import RESENDS
from invitekit.workspace import resends
from invitekit.workspace.claims import moment
from invitekit.workspace.finding import IS_NAMED
from invitekit.workspace.transactions import transaction

_ROW = (*resends.NEEDED, "effective_status", *resends.KEPT)


def remember(
    con: duckdb.DuckDBPyConnection, plan: Any, *, folder: str | None, at: dt.datetime | dt.date | None
) -> dict[int, str]:
    """Keep the batches of a plan and give each one's ID by its number; the same batch of a day is kept once."""
    written_at = moment(at, "at")
    table = resends.as_table(_candidates(plan))
    names = ", ".join(table.column_names)
    con.register("ik_batch", table)
    try:
        if not rows(con, "from ik_batch limit 1"):
            return {}
        resends.check(con)
        ids = {number: f"{written_at:%Y-%m-%d}-{digest[: resends.DIGEST]}" for number, digest in _digests(con)}
        with transaction(con):
            for number, batch_id in ids.items():
                run(con, "delete from batches where batch_id = ?", [batch_id])
                run(
                    con,
                    f"insert into batches (batch_id, written_at, folder, {names}) "
                    f"select ?, ?, ?, {names} from ik_batch where batch = ?",
                    [batch_id, written_at, folder, number],
                )
    finally:
        con.unregister("ik_batch")
    return ids


def _candidates(plan: Any) -> Any:
    try:
        frame: Any = nw.from_native(plan)
    except TypeError:
        return plan  # refused, and named, where batches are read
    names = frame.collect_schema().names()
    return frame.filter(nw.col("decision").is_in(list(RESENDS))).to_native() if "decision" in names else plan


def _digests(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return rows(con, f"select batch, {resends.OF_CUSTOMERS} from ik_batch group by batch order by batch")


def log(
    con: duckdb.DuckDBPyConnection,
    batch_id: str,
    *,
    by: str,
    at: dt.datetime | dt.date | None,
    note: str | None,
    leave_out: Iterable[str],
) -> int:
    """Log a batch that was written as sent, without those that are named, and give how many were sent."""
    kept = con.sql(f"select {', '.join(_ROW)} from batches where batch_id = ?", params=[batch_id])
    batch: Any = kept.to_arrow_table()
    if not len(batch):
        known = [row[0] for row in rows(con, "select distinct batch_id from batches order by 1 desc limit 10")]
        raise ArgumentError(
            f"No batch '{batch_id}' was written from this workspace.", hint=f"known: {', '.join(known) or 'none yet'}."
        )
    batch = _without(con, batch, list(leave_out))
    resends.log(con, batch, by=by, at=at, batch_id=batch_id, note=note)
    return len(batch)


def _without(con: duckdb.DuckDBPyConnection, batch: Any, names: list[str]) -> Any:
    """Take out the rows that are named; each name has to lead to one customer."""
    if not names:
        return batch
    con.register("ik_kept", batch)
    try:
        counts = con.execute(
            f"select (select count(*) from ik_kept where {IS_NAMED}) from (select unnest(?::varchar[]) as name) n",
            [names],
        ).fetchall()
        wrong = [str(place) for place, (count,) in enumerate(counts, start=1) if count != 1]
        if wrong:
            raise ArgumentError(
                f"Of {len(names):,} customers to leave out, number {', '.join(wrong)} leads to no single one.",
                hint="nothing was logged; name account, email or record ID as the batch shows it.",
            )
        named = f"from (select unnest(?::varchar[]) as name) n where {IS_NAMED}"
        return con.sql(f"select * from ik_kept where not exists ({named})", params=[names]).to_arrow_table()
    finally:
        con.unregister("ik_kept")
