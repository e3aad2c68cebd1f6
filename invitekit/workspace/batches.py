"""Batches as they were written, so that each can be marked as sent by its ID."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import duckdb
import narwhals.stable.v2 as nw

from invitekit.errors import ArgumentError, many
from invitekit.load.sql import rows, run
from invitekit.model.vocabularies import RESENDS
from invitekit.planning.settings import COLUMNS as SETTINGS
from invitekit.planning.settings import settings_of
from invitekit.workspace import resends
from invitekit.workspace.lookup import IS_NAMED, as_list
from invitekit.workspace.transactions import transaction
from invitekit.workspace.validation import are_texts, past_datetime

_ROW = (*resends.NEEDED, "effective_status", *resends.KEPT)


def record(
    con: duckdb.DuckDBPyConnection, plan: Any, *, folder: str | None, at: dt.datetime | dt.date | None
) -> dict[int, str]:
    """Store the batches of a plan and return each one's ID by its number; the same batch of a day is stored once."""
    written_at = past_datetime(at, "at")
    table = resends.as_table(_candidates(plan), *SETTINGS)
    names = ", ".join(table.column_names)
    with resends.registered(con, table):
        settings_of(rows(con, f"select distinct {', '.join(SETTINGS)} from ik_batch"))
        if not len(table):
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
    return ids


def _candidates(plan: Any) -> Any:
    try:
        frame: Any = nw.from_native(plan)
    except TypeError:
        return plan  # as_table raises the error
    names = frame.collect_schema().names()
    return frame.filter(nw.col("decision").is_in(list(RESENDS))).to_native() if "decision" in names else plan


def _digests(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return rows(con, f"select batch, {resends.OF_CUSTOMERS} from ik_batch group by batch order by batch")


def mark_sent(
    con: duckdb.DuckDBPyConnection,
    batch_ids: Sequence[str],
    *,
    by: str,
    at: dt.datetime | dt.date | None,
    note: str | None,
    exclude: str | Iterable[str],
    force: bool,
) -> dict[str, int]:
    """Mark recorded batches as sent, all or none, and return to how many customers each was sent."""
    sending, excluded = resends.checked(by, at, note), as_list(exclude)
    chosen = {batch_id: _without(con, _recorded(con, batch_id), excluded) for batch_id in _each_once(batch_ids)}
    with transaction(con):
        for batch_id, batch in chosen.items():
            with resends.registered(con, batch):
                if not force:
                    _require_not_sent_since(con, batch_id)
                resends.check(con)
                resends.insert(con, batch.column_names, batch_id, sending)
    return {batch_id: len(batch) for batch_id, batch in chosen.items()}


def discard(con: duckdb.DuckDBPyConnection, batch_ids: Sequence[str]) -> None:
    """Delete batches that were never sent, all or none."""
    chosen = _each_once(batch_ids)
    for batch_id in chosen:
        _recorded(con, batch_id)
    with transaction(con):
        ids = "select unnest(?::varchar[])"
        sent = con.execute(
            f"select count(distinct batch_id) from resends where batch_id in ({ids})", [chosen]
        ).fetchall()[0][0]
        if sent:
            raise ArgumentError(
                f"{sent:,} of {len(chosen):,} batches were marked as sent.",
                hint="nothing was discarded; name batches that were not sent.",
            )
        run(con, f"delete from batches where batch_id in ({ids})", [chosen])


def _each_once(batch_ids: Sequence[str]) -> list[str]:
    distinct = list(dict.fromkeys(batch_ids))
    if not distinct:
        raise ArgumentError("No batch is named.", hint="give the IDs of batches that were written.")
    if len(distinct) < len(batch_ids):
        raise ArgumentError("A batch is named twice; nothing was changed.", hint="name each batch once.")
    return distinct


def _recorded(con: duckdb.DuckDBPyConnection, batch_id: str) -> Any:
    """Return a batch as it was written. The error does not quote an unknown ID: it may be anything."""
    ids = [batch_id if are_texts([batch_id]) else ""]
    batch: Any = con.sql(f"select {', '.join(_ROW)} from batches where batch_id = ?", params=ids).to_arrow_table()
    if not len(batch):
        known = [row[0] for row in rows(con, "select distinct batch_id from batches order by 1 desc limit 10")]
        raise ArgumentError(
            "No batch of that ID was written from this workspace.", hint=f"known: {', '.join(known) or 'none yet'}."
        )
    return batch


def _require_not_sent_since(con: duckdb.DuckDBPyConnection, batch_id: str) -> None:
    """Check that no customer was invited again, or marked so, since the batch was planned without knowing of it."""
    since = "(select min(written_at) from batches where batch_id = $id)"
    customers, others = con.execute(
        "select count(distinct customer_id), string_agg(distinct r.batch_id, ', ' order by r.batch_id) "
        "from ik_batch join resends r using (customer_id) "
        f"where r.batch_id <> $id and (r.sent_at >= {since} or r.marked_at >= {since})",
        {"id": batch_id},
    ).fetchall()[0]
    if customers:
        raise ArgumentError(
            f"{many(customers, 'customer')} of batch '{batch_id}' {'was' if customers == 1 else 'were'} invited again "
            f"since it was written, in {others}.",
            hint="nothing was marked; exclude them, discard the batch if it was not sent, "
            "or say that they were invited once more: --force (force=True).",
        )


def _without(con: duckdb.DuckDBPyConnection, batch: Any, names: list[str]) -> Any:
    """Remove the rows that are named; each name has to match one customer."""
    if not names:
        return batch
    if not are_texts(names):
        names = [name if are_texts([name]) else "" for name in names]
    with resends.registered(con, batch):
        counts = con.execute(
            f"select (select count(*) from ik_batch where {IS_NAMED}) from (select unnest(?::varchar[]) as name) n",
            [names],
        ).fetchall()
        wrong = [str(position) for position, (count,) in enumerate(counts, start=1) if count != 1]
        if wrong:
            raise ArgumentError(
                f"Of {len(names):,} customers to exclude, number {', '.join(wrong)} leads to no single one.",
                hint="nothing was marked; name account, email or record ID as the batch shows it.",
            )
        named = f"from (select unnest(?::varchar[]) as name) n where {IS_NAMED}"
        rest: Any = con.sql(f"select * from ik_batch where not exists ({named})", params=[names]).to_arrow_table()
    if not len(rest):
        raise ArgumentError(
            "Every customer of the batch would be excluded; nothing was marked.",
            hint="discard a batch that was not sent.",
        )
    return rest
