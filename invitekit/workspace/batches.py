"""What was written for the person who clicks: each batch as it was, so that what was sent can be logged by its ID."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import duckdb
import narwhals.stable.v2 as nw

from invitekit.errors import ArgumentError, many
from invitekit.load.sql import rows, run
from invitekit.vocabularies import RESENDS
from invitekit.workspace import resends
from invitekit.workspace.claims import are_texts, moment
from invitekit.workspace.finding import IS_NAMED, listed
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
    batch_ids: Sequence[str],
    *,
    by: str,
    at: dt.datetime | dt.date | None,
    note: str | None,
    leave_out: str | Iterable[str],
    again: bool,
) -> dict[str, int]:
    """Log batches that were written as sent, all or none, and give to how many customers each was sent."""
    claim, names = resends.claimed(by, at, note), listed(leave_out)
    chosen = {batch_id: _without(con, _written(con, batch_id), names) for batch_id in _each_once(batch_ids)}
    with transaction(con):
        for batch_id, batch in chosen.items():
            with resends.registered(con, batch):
                if not again:
                    _refuse_sent_since(con, batch_id)
                resends.check(con)
                resends.insert(con, batch.column_names, batch_id, claim)
    return {batch_id: len(batch) for batch_id, batch in chosen.items()}


def discard(con: duckdb.DuckDBPyConnection, batch_ids: Sequence[str]) -> None:
    """Forget batches that were never sent, all or none."""
    chosen = _each_once(batch_ids)
    for batch_id in chosen:
        _written(con, batch_id)
    with transaction(con):
        asked = "select unnest(?::varchar[])"
        logged = con.execute(
            f"select count(distinct batch_id) from resends where batch_id in ({asked})", [chosen]
        ).fetchall()[0][0]
        if logged:
            raise ArgumentError(
                f"{logged:,} of {len(chosen):,} batches were logged as sent.",
                hint="nothing was discarded; name batches that were not sent.",
            )
        run(con, f"delete from batches where batch_id in ({asked})", [chosen])


def _each_once(batch_ids: Sequence[str]) -> list[str]:
    found = list(dict.fromkeys(batch_ids))
    if not found:
        raise ArgumentError("No batch is named.", hint="give the IDs of batches that were written.")
    if len(found) < len(batch_ids):
        raise ArgumentError("A batch is named twice; nothing was changed.", hint="name each batch once.")
    return found


def _written(con: duckdb.DuckDBPyConnection, batch_id: str) -> Any:
    """Give a batch as it was written; an ID that is not known is not told, for it may be anything."""
    asked = [batch_id if are_texts([batch_id]) else ""]
    batch: Any = con.sql(f"select {', '.join(_ROW)} from batches where batch_id = ?", params=asked).to_arrow_table()
    if not len(batch):
        known = [row[0] for row in rows(con, "select distinct batch_id from batches order by 1 desc limit 10")]
        raise ArgumentError(
            "No batch of that ID was written from this workspace.", hint=f"known: {', '.join(known) or 'none yet'}."
        )
    return batch


def _refuse_sent_since(con: duckdb.DuckDBPyConnection, batch_id: str) -> None:
    """Refuse customers who were invited again, or logged so, since the batch was planned: the plan knew not of it."""
    since = "(select min(written_at) from batches where batch_id = $id)"
    found, others = con.execute(
        "select count(distinct customer_id), string_agg(distinct r.batch_id, ', ' order by r.batch_id) "
        "from ik_batch join resends r using (customer_id) "
        f"where r.batch_id <> $id and (r.sent_at >= {since} or r.logged_at >= {since})",
        {"id": batch_id},
    ).fetchall()[0]
    if found:
        raise ArgumentError(
            f"{many(found, 'customer')} of batch '{batch_id}' {'was' if found == 1 else 'were'} logged as sent to "
            f"since it was written, in {others}.",
            hint="nothing was logged; leave them out, discard the batch if it was not sent, "
            "or say that they were invited once more: --again (again=True).",
        )


def _without(con: duckdb.DuckDBPyConnection, batch: Any, names: list[str]) -> Any:
    """Take out the rows that are named; each name has to lead to one customer."""
    if not names:
        return batch
    if not are_texts(names):
        names = [name if are_texts([name]) else "" for name in names]
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
        left: Any = con.sql(f"select * from ik_kept where not exists ({named})", params=[names]).to_arrow_table()
    finally:
        con.unregister("ik_kept")
    if not len(left):
        raise ArgumentError(
            "Everybody of the batch would be left out; nothing was logged.", hint="discard a batch that was not sent."
        )
    return left
