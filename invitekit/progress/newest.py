"""Records of several snapshots to one row an invitation: its newest state."""

from __future__ import annotations

import datetime as dt
from typing import Any, TypeVar, cast

import narwhals.stable.v2 as nw

from invitekit.customers import OWN_ID, require
from invitekit.moments import literal

Frame = TypeVar("Frame")

NEEDED = ("record_id", "snapshot_at", "source_file", "source_row")
_ORDER = ["snapshot_at", "source_file", "source_row"]


def newest(records: Frame) -> Frame:
    """Give one row an invitation: its newest state, by snapshot, then file and row.

    A masked row without an ID of its file cannot be followed from one snapshot to the next. Of
    those, only the rows of the newest snapshot are given: else one invitation would count in each.

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
    last = frame.select(nw.col("snapshot_at").max()).lazy().collect("pyarrow")["snapshot_at"].to_list()[0]
    return cast("Frame", newest_of(frame, last).to_native())


def newest_of(frame: Any, last: dt.datetime | None) -> Any:
    """Give the newest state of each invitation, where the time of the newest snapshot is known."""
    if last is not None:
        frame = frame.filter(~outdated(last))
    often = frame.group_by("record_id").agg(_ik_n=nw.len()).filter(nw.col("_ik_n") > 1).select("record_id")
    once = frame.join(often, on="record_id", how="anti")
    # Only what stands more than once is put in order: with one snapshot that is next to nothing.
    several = frame.join(often, on="record_id", how="semi").with_columns(_ik_one=nw.lit(1))
    age = nw.col("_ik_one").cum_sum(reverse=True).over("record_id", order_by=_ORDER)
    spoken = several.with_columns(_ik_age=age).filter(nw.col("_ik_age") == 1)
    return nw.concat([once, spoken.drop("_ik_one", "_ik_age")])


def outdated(last: dt.datetime) -> Any:
    """The expression of a row that nothing follows, in a snapshot that is not the newest."""
    earlier = (nw.col("snapshot_at") < literal(last)).fill_null(value=False)
    return nw.col("record_id").str.contains(OWN_ID).fill_null(value=False) & earlier
