"""Resolve records: the customer and the invitation of each record, and the latest record of each.

Plan, metrics, comparison, outcomes and success rates read these columns; no other module computes them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar, cast

import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import is_day, literal
from invitekit.engine.frames import as_narwhals
from invitekit.engine.materialize import (
    count_rows,
    in_shares,
    join_by_row,
    materialize,
    temp_tables,
    with_positions,
    with_row_numbers,
    with_running_sum,
)
from invitekit.model import schema
from invitekit.model.identity import ALONE, identify, used_keys
from invitekit.model.identity import NEEDED as IDENTIFYING

Frame = TypeVar("Frame")

COLUMNS = ("customer_id", *(column.name for column in schema.RESOLVED))
NOT_INVITED = ("pre_registered", "pending_review", "not_pre_registered")
"""Statuses of a customer without an invitation so far."""
NEEDED = (*IDENTIFYING, "invited_at", "snapshot_at", "effective_status", "failure_code")
_NEVER = literal(dt.datetime(1, 1, 1))  # noqa: DTZ001 - naive UTC, like every time here
"""Replaces an unknown time in sorting, as the earliest time."""
_ALWAYS = literal(dt.datetime(9999, 12, 31))  # noqa: DTZ001 - as above
_USED = ("invited_at", "snapshot_at", "effective_status", "failure_code", "source_file", "source_row")
_ROW, _PART, _GROUP, _AT, _SEEN, _POSITION = "_ik_row", "_ik_part", "_ik_group", "_ik_at", "_ik_seen", "_ik_position"
_IS_DAY = "_ik_is_day"


def resolve(records: Frame) -> Frame:
    """Add the customer and the invitation of each record, from the whole history.

    An invitation is identified by its customer and its time: the same invitation in another weekly file is another
    record of it, whatever its ID there. A time without seconds matches the invitation of that minute, and a time that
    is only a date matches the one of that day. A record without a time belongs to the invitation that its customer had
    at that snapshot; if the customer was not invited yet, to the one that followed in a later snapshot, if any. A
    record with only masked keys cannot be followed, and counts in the newest snapshot only.

    Args:
        records: The result of ``annotate``, of any engine: all snapshots together.

    Returns:
        The same rows on the same engine, with ``customer_id`` (text; null where no key identifies
        the customer), ``invitation_id`` (text), ``invitation_sent_at`` (UTC; null if none was
        sent), ``is_latest_of_invitation`` and ``is_latest_of_customer`` (true for exactly one record
        of each: of a customer, by the time of the invitation first; then by snapshot, file and row),
        ``attempt_no`` (1 for the customer's first invitation; 0 if none was sent),
        ``previous_outcome`` (the outcome of the customer's previous invitation: a failure code
        or an effective status), ``first_seen_at`` and ``last_seen_at`` (snapshots of the invitation,
        UTC), ``in_newest_snapshot`` (whether the invitation is in the newest snapshot).

        Frames that are concatenated afterwards must be resolved again.

    Raises:
        SchemaError: A column that is needed is missing.
    """
    return resolve_parts(records, None)


def resolve_parts(records: Frame, part: str | None, only: Callable[[Any, str], Any] | None = None) -> Frame:
    """Resolve each part of the records separately; customers are identified over all parts together.

    Args:
        records: As for ``resolve``.
        part: A column of text that names the part of each record; None for one history.
        only: Gets the identified records and the name of their column of parts, and returns the records to resolve:
            all records of some customers. The others are left out.
    """
    frame: Any = as_narwhals(records)
    schema.require(frame.collect_schema().names(), NEEDED)
    names = [name for name in frame.collect_schema().names() if name not in COLUMNS]
    with temp_tables() as persist:
        numbered = with_row_numbers(frame.select(*names), _ROW)
        # Only the needed columns are sorted and joined; the others are joined by row number at the end.
        parts = [] if part is None else [nw.col(part).alias(_PART)]
        computed = _compute_columns(
            numbered.select(_ROW, *used_keys(NEEDED, names), *parts), [_PART] if parts else [], only
        )
        joined = join_by_row(numbered, computed, _ROW, complete=only is None).select(*names, *COLUMNS)
        return persist(materialize(cast("Frame", joined.to_native())))


def _compute_columns(narrow: Any, part: list[str], only: Callable[[Any, str], Any] | None) -> Any:
    """Return ``_ik_row`` and ``COLUMNS`` of each record to resolve."""
    identified = materialize(nw.from_native(identify(narrow.to_native())).select(_ROW, *part, "customer_id", *_USED))
    chosen = materialize(only(identified, _PART)) if only else identified
    # Numbers instead of texts: engines sort and join them faster.
    frame = chosen.with_columns(nw.col(_ROW).min().over("customer_id", *part).alias(_GROUP))
    newest = nw.col("snapshot_at").max().alias("_ik_newest")
    # A join, not a window: DuckDB keeps all rows of a window in memory.
    if part:
        frame = frame.join(identified.group_by(part).agg(newest), on=part)
    else:
        frame = frame.join(identified.select(newest), how="cross")
    frame = materialize(_with_days(frame).with_columns(nw.col("snapshot_at").fill_null(_NEVER).alias(_SEEN)))
    return in_shares(frame, _GROUP, lambda records: _of_customers(records, part))


def _of_customers(frame: Any, part: list[str]) -> Any:
    """Return ``_ik_row`` and ``COLUMNS`` of all records of some customers."""
    frame = materialize(_with_positions(_with_invitations(frame)))
    invitations = _invitations(frame)
    frame = frame.join(invitations, on=[_GROUP, _AT], how="left")
    is_known = ~nw.col("customer_id").str.starts_with(ALONE)
    in_newest = nw.col("_ik_newest").is_null() | (nw.col("last_seen_at") == nw.col("_ik_newest"))
    in_newest = in_newest.fill_null(value=False)
    # An unidentified record cannot be followed: it may be any record of a later snapshot.
    counts = is_known | in_newest
    return frame.select(
        _ROW,
        "first_seen_at",
        "last_seen_at",
        "attempt_no",
        "previous_outcome",
        customer_id=nw.when(is_known).then(nw.col("customer_id")),
        invitation_id=nw.concat_str([nw.col("customer_id"), *map(nw.col, part), nw.lit("@"), nw.col("_ik_time")]),
        invitation_sent_at=_sent_at(),
        is_latest_of_invitation=(nw.col(_POSITION) == nw.col("_ik_first")) & counts,
        is_latest_of_customer=(nw.col(_POSITION) == 1) & counts,
        in_newest_snapshot=in_newest,
    )


def latest(records: Frame) -> Frame:
    """Return each invitation once, by its newest state.

    Args:
        records: The result of ``annotate`` or ``resolve``, of any engine: all snapshots together.

    Returns:
        The newest records on the same engine, with the columns of ``resolve``.

    Raises:
        SchemaError: A column that is needed is missing.
    """
    frame: Any = nw.from_native(resolved(records))
    return cast("Frame", frame.filter(nw.col("is_latest_of_invitation")).to_native())


def resolved(records: Frame) -> Frame:
    """Resolve records that are not resolved yet."""
    frame: Any = as_narwhals(records)
    missing = set(COLUMNS) - set(frame.collect_schema().names())
    return resolve(records) if missing else cast("Frame", frame.to_native())


def used_columns(needed: Iterable[str], names: Collection[str]) -> list[str]:
    """Return the columns of ``used_keys``, and those of ``resolve`` if the records are resolved."""
    return list(dict.fromkeys([*used_keys(needed, names), *(COLUMNS if set(COLUMNS) <= set(names) else ())]))


def count_untrackable(records: Any) -> int:
    """Count the unidentified records of older snapshots, which cannot be followed and are not counted elsewhere.

    Args:
        records: The result of ``annotate`` or ``resolve``, of any engine: all snapshots together.

    Raises:
        SchemaError: A column that is needed is missing.
    """
    frame: Any = nw.from_native(resolved(records))
    untrackable = frame.filter(nw.col("customer_id").is_null() & ~nw.col("is_latest_of_invitation"))
    return count_rows(untrackable)


def _sent_at() -> Any:
    return nw.when(nw.col(_AT) != _NEVER).then(nw.col(_AT))


def outcome() -> Any:
    """Build the expression of a record's outcome: the failure code, else the effective status."""
    failed = nw.col("effective_status") == "association_failed"
    return nw.when(failed).then(nw.coalesce("failure_code", "effective_status")).otherwise(nw.col("effective_status"))


def with_contradictions(latest: Any, records: Any) -> Any:
    """Add ``is_contradicted``: whether another record of the invitation and snapshot has another outcome.

    A record without a time does not contradict one with a time.

    Args:
        latest: The latest record of each customer.
        records: The result of ``resolve``, as a Narwhals frame.
    """
    same = ["invitation_id", "_ik_undated"]
    undated = nw.when(nw.col("invited_at").is_null()).then(nw.lit(1)).otherwise(nw.lit(0))
    # The latest record of a customer is in the last snapshot of its invitation.
    columns = ("invitation_id", "invited_at", "snapshot_at", "last_seen_at", "effective_status", "failure_code")
    last = records.select(*columns).filter(
        nw.col("snapshot_at").fill_null(_NEVER) == nw.col("last_seen_at").fill_null(_NEVER)
    )
    outcomes = last.select("invitation_id", _ik_undated=undated, _ik_outcome=outcome().fill_null(""))
    ends = outcomes.group_by(*same).agg(_ik_low=nw.col("_ik_outcome").min(), _ik_high=nw.col("_ik_outcome").max())
    mixed = ends.filter(nw.col("_ik_low") != nw.col("_ik_high")).select(*same, is_contradicted=nw.lit(value=True))
    latest = latest.with_columns(_ik_undated=undated).join(mixed, on=same, how="left")
    return latest.with_columns(nw.col("is_contradicted").fill_null(value=False)).drop("_ik_undated")


def _with_invitations(frame: Any) -> Any:
    """Add the time of each record's invitation (or ``_NEVER``), and ``_ik_own``, the record's own time (or null)."""
    frame = _with_exact_times(frame).with_columns(
        _ik_undated=nw.when(nw.col("_ik_own").is_null()).then(nw.lit(1)).otherwise(nw.lit(0))
    )
    return frame.join(_times_of_undated(frame), on=_ROW, how="left").with_columns(
        nw.coalesce("_ik_own", nw.col(_AT)).fill_null(_NEVER).alias(_AT)
    )


def _times_of_undated(frame: Any) -> Any:
    """Return the invitation time of each record without one, from the customer's other records.

    Within a snapshot, records with a time come first; the others look back to them, or ahead to later snapshots.
    """
    undated = nw.col("_ik_undated")
    ends = frame.group_by(_GROUP).agg(_ik_low=undated.min(), _ik_high=undated.max())
    both = ends.filter(nw.col("_ik_low") != nw.col("_ik_high")).select(_GROUP)
    frame = frame.join(both, on=_GROUP).select(_ROW, _GROUP, _SEEN, "_ik_undated", "_ik_own", "effective_status")
    first_seen = nw.col(_SEEN).min().over(_GROUP, "_ik_own")
    frame = frame.with_columns(
        _ik_earlier=nw.col("_ik_own").fill_null(_NEVER),
        _ik_first_shown=nw.when(nw.col(_SEEN) == first_seen).then(nw.col("_ik_own")).otherwise(None).fill_null(_ALWAYS),
    )
    order = [_SEEN, "_ik_undated"]
    frame = frame.with_columns(
        _ik_back=nw.col("_ik_earlier").cum_max().over(_GROUP, order_by=order),
        _ik_ahead=nw.col("_ik_first_shown").cum_min(reverse=True).over(_GROUP, order_by=order),
    )
    back = nw.when(nw.col("_ik_back") > _NEVER).then(nw.col("_ik_back"))
    ahead = nw.when(nw.col("_ik_ahead") < _ALWAYS).then(nw.col("_ik_ahead"))
    waiting = nw.col("effective_status").is_in(list(NOT_INVITED))
    time = nw.when(waiting).then(ahead).otherwise(nw.coalesce(back, ahead))
    return frame.filter(undated == 1).select(_ROW, time.alias(_AT))


def _with_exact_times(frame: Any) -> Any:
    """Add ``_ik_own``: ``invited_at``, or the latest exact time in the customer's other records for that minute or day.

    A spreadsheet saves times without their seconds, or only dates.
    """
    time, minute, keys = nw.col("invited_at"), nw.col("invited_at").dt.truncate("1m"), [_GROUP, "invited_at"]
    whole = frame.filter(time == minute).select(*keys, _IS_DAY).unique()
    seconds = frame.filter(time != minute).select(_GROUP, invited_at=minute, _ik_exact="invited_at")
    latest = nw.col("_ik_exact").max()
    minutes = seconds.join(whole.select(*keys), on=keys, how="semi").group_by(*keys).agg(latest)
    days = whole.filter(nw.col(_IS_DAY)).select(*keys).join(minutes.select(*keys), on=keys, how="anti")
    times = frame.filter(~nw.col(_IS_DAY)).select(_GROUP, _ik_exact="invited_at")
    in_day = (nw.col("_ik_exact") >= time) & (nw.col("_ik_exact") < time.dt.offset_by("1d"))
    dated = days.join(times, on=_GROUP).filter(in_day).group_by(*keys).agg(latest)
    frame = frame.join(nw.concat([minutes, dated]), on=keys, how="left")
    return frame.with_columns(_ik_own=nw.coalesce("_ik_exact", "invited_at")).drop("_ik_exact", _IS_DAY)


def _with_days(frame: Any) -> Any:
    """Add whether ``invited_at`` is only a date: midnight in UTC, or in the zone of a file that has only dates.

    A file with other times than quarters of an hour has times, and 9:30 is not a date in it.
    """
    frame = frame.with_columns(is_day("invited_at").fill_null(value=False).alias(_IS_DAY))
    timed = frame.filter(~nw.col(_IS_DAY) & ~nw.col("invited_at").is_null()).select("source_file").unique()
    is_midnight = nw.col("invited_at").dt.truncate("1d") == nw.col("invited_at")
    others = frame.filter(nw.col(_IS_DAY) & ~is_midnight).select(_ROW, "source_file")
    others = others.join(timed, on="source_file", how="semi").select(_ROW, _ik_timed=nw.lit(value=True))
    frame = frame.join(others, on=_ROW, how="left")
    return frame.with_columns(nw.col(_IS_DAY) & nw.col("_ik_timed").is_null()).drop("_ik_timed")


def _with_positions(frame: Any) -> Any:
    """Number the records of each customer, the latest first; this also orders the records of an invitation."""
    is_sent = nw.col(_AT) != _NEVER
    frame = frame.with_columns(
        # Within a snapshot, a record that waits for the next invitation is later than one with a sent invitation.
        _ik_stage=nw.when(is_sent).then(1 - nw.col("_ik_undated")).otherwise(nw.lit(2)),
        _ik_last=nw.when(is_sent).then(nw.col(_AT)).otherwise(nw.col("_ik_own").max().over(_GROUP)).fill_null(_NEVER),
    )
    order = ["_ik_last", _SEEN, "_ik_stage", "source_file", "source_row"]
    return with_positions(frame, _POSITION, _GROUP, order)


def _invitations(frame: Any) -> Any:
    """Return one row for each invitation: its snapshots, latest record, attempt number, and the previous outcome."""
    invitations = frame.group_by(_GROUP, _AT).agg(
        first_seen_at=nw.col("snapshot_at").min(),
        last_seen_at=nw.col("snapshot_at").max(),
        _ik_first=nw.col(_POSITION).min(),
    )
    latest = frame.select(_GROUP, _ik_first=nw.col(_POSITION), _ik_outcome=outcome())
    invitations = invitations.join(latest, on=[_GROUP, "_ik_first"]).with_columns(
        attempt_no=nw.when(nw.col(_AT) == _NEVER).then(nw.lit(0)).otherwise(nw.lit(1)).cast(nw.Int64),
        _ik_time=_sent_at().dt.to_string("%Y-%m-%dT%H:%M:%S").fill_null("-"),
    )
    invitations = materialize(with_running_sum(invitations, "attempt_no", _GROUP, _AT))
    before = invitations.filter(nw.col("attempt_no") > 0).select(
        _GROUP, attempt_no=nw.col("attempt_no") + 1, previous_outcome="_ik_outcome"
    )
    return invitations.join(before, on=[_GROUP, "attempt_no"], how="left").drop("_ik_outcome")
