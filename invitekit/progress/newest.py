"""Records of several snapshots to one row an invitation: its newest state."""

from __future__ import annotations

import datetime as dt
from typing import Any, TypeVar, cast

import narwhals.stable.v2 as nw

from invitekit.customers import OWN_ID, require
from invitekit.engine.materialize import materialize, temp_tables
from invitekit.moments import literal

Frame = TypeVar("Frame")

NEEDED = ("record_id", "snapshot_at", "source_file", "source_row", "invited_at")
_DERIVED_ID = "^k[0-9a-f]{32}$"
"""A record ID that the loader made from the customer and the time of the invitation."""


def newest(records: Frame) -> Frame:
    """Give one row an invitation: its newest state, by snapshot, then file and row.

    Some rows cannot be followed from one snapshot to the next: masked ones without an ID of their
    file, and those of customers not invited yet, whose ID will be another one once they are. Of
    those, only the rows of the newest snapshot are given: else one customer would count in each.

    Args:
        records: A frame of any engine with the columns of ``schema.RECORD``.

    Returns:
        Those rows on the same engine, with the same columns; no order is promised.

    Raises:
        SchemaError: A column that is needed is missing.

    Example:
        >>> import polars as pl
        >>> from invitekit import load
        >>> rows = {"ID": ["7", "7"], "Status": ["Invited", "Associated"], "Snapshot": ["2026-03-02", "2026-03-09"]}
        >>> newest(load(pl.DataFrame(rows)).records).pl()["status"].to_list()
        ['associated']
    """
    frame: Any = nw.from_native(cast("Any", records))
    require(frame.collect_schema().names(), NEEDED)
    first, last = _span(frame)
    if last is not None and first != last:
        frame = frame.filter(~_outdated(last))
    seen = frame.group_by("record_id").agg(_ik_rows=nw.len(), _ik_last=nw.col("snapshot_at").max())
    several = seen.filter(nw.col("_ik_rows") > 1).select("record_id", "_ik_last")
    with temp_tables() as persist:
        often: Any = materialize(several)
        # One snapshot names each invitation once, and is taken as it is.
        if not often.select(n=nw.len()).lazy().collect("pyarrow")["n"].to_list()[0]:
            return cast("Frame", frame.to_native())
        return persist(materialize(cast("Frame", _spoken(frame, often).to_native())))


def unfollowed(records: Any) -> int:
    """Count the rows of earlier snapshots that ``newest`` leaves out because they cannot be followed.

    Raises:
        SchemaError: A column that is needed is missing.
    """
    frame: Any = nw.from_native(records)
    require(frame.collect_schema().names(), NEEDED)
    first, last = _span(frame)
    if last is None or first == last:
        return 0
    found = frame.filter(_outdated(last)).select(n=nw.len()).lazy().collect("pyarrow")
    return int(found["n"].to_list()[0])


def _span(frame: Any) -> tuple[dt.datetime | None, dt.datetime | None]:
    """Say when the first and the last snapshot were."""
    at = nw.col("snapshot_at")
    first, last = frame.select(first=at.min(), last=at.max()).lazy().collect("pyarrow").rows()[0]
    return first, last


def _spoken(frame: Any, often: Any) -> Any:
    """Keep one row of each invitation that stands more than once."""
    once = frame.join(often, on="record_id", how="anti")
    several = frame.join(often, on="record_id")
    # Only what stands more than once in its newest snapshot is put in order: next to nothing.
    latest = several.filter(nw.col("_ik_last").is_null() | (nw.col("snapshot_at") == nw.col("_ik_last")))
    place = nw.col("_ik_one").cum_sum(reverse=True).over("record_id", order_by=["source_file", "source_row"])
    spoken = latest.with_columns(_ik_one=nw.lit(1)).with_columns(_ik_place=place).filter(nw.col("_ik_place") == 1)
    return nw.concat([once, spoken.drop("_ik_last", "_ik_one", "_ik_place")])


def _outdated(last: dt.datetime) -> Any:
    """The expression of a row that cannot be followed, in a snapshot that is not the newest."""
    name, earlier = nw.col("record_id"), (nw.col("snapshot_at") < literal(last)).fill_null(value=False)
    unsent = nw.col("invited_at").is_null() & name.str.contains(_DERIVED_ID).fill_null(value=False)
    return earlier & (name.str.contains(OWN_ID).fill_null(value=False) | unsent)
