"""What each customer's whole history says: the newest record, an earlier success, attempts so far."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw

from invitekit.chances import cause
from invitekit.customers import ALONE, address, has_odd
from invitekit.resend.events import is_day, with_sent

_NEVER = "0"
_WIDE = 10**12
"""Added to row numbers, so that they sort as texts."""

_FEW = 2_000
"""As many shared addresses are asked for by name."""
_SPLIT = "|!"
"""Ends the place of a record that another one of its invitation and snapshot contradicts."""


def with_times(frame: Any) -> Any:
    """Add when each record's invitation was, as far as the records of its customer say.

    Returns:
        The same rows with ``_ik_at`` (``invited_at``; where that is a day only, the time that
        another record of the customer gives for it) and ``_ik_known_at`` (where it is null, the
        customer's last invitation by other records).
    """
    at, day = nw.col("invited_at"), is_day("invited_at")
    asked = {"none": at.is_null().any(), "day": day.any(), "time": (~day).any()}
    found = frame.select(**{f"_ik_{name}": each for name, each in asked.items()}).lazy().collect("pyarrow")
    none, days, times = (found[f"_ik_{name}"].to_list()[0] for name in asked)
    frame = frame.with_columns(_ik_at=at, _ik_known_at=nw.lit(None, nw.Datetime("us")))
    if days and times and _any(exact := _exact(frame)):
        frame = frame.join(exact, on=["customer_id", "invited_at"], how="left")
        frame = frame.with_columns(_ik_at=nw.coalesce("_ik_exact", "_ik_at")).drop("_ik_exact")
    if none and _any(known := _known(frame)):
        frame = frame.drop("_ik_known_at").join(known, on="customer_id", how="left")
        frame = frame.with_columns(_ik_known_at=nw.when(nw.col("_ik_at").is_null()).then(nw.col("_ik_known_at")))
    return frame


def _exact(frame: Any) -> Any:
    """Find for each day without an hour the invitation of that day that has one."""
    times = frame.filter(~is_day("invited_at")).select("customer_id", _ik_exact="invited_at")
    days = frame.filter(is_day("invited_at")).select("customer_id", "invited_at")
    begin, end = nw.col("invited_at"), nw.col("invited_at").dt.offset_by("1d")
    pairs = days.join(times, on="customer_id").filter((nw.col("_ik_exact") >= begin) & (nw.col("_ik_exact") < end))
    return pairs.group_by("customer_id", "invited_at").agg(nw.col("_ik_exact").max())


def _known(frame: Any) -> Any:
    """Find the last invitation of customers that have records without a time."""
    undated = frame.filter(nw.col("_ik_at").is_null()).select("customer_id")
    dated = frame.select("customer_id", "_ik_at").filter(~nw.col("_ik_at").is_null())
    return (
        dated.join(undated, on="customer_id", how="semi")
        .group_by("customer_id")
        .agg(_ik_known_at=nw.col("_ik_at").max())
    )


def _any(frame: Any) -> bool:
    """Ask whether there is a row: where there is none, a join of all records is spared."""
    return len(frame.head(1).lazy().collect("pyarrow")) > 0


def place() -> Any:
    """The expression of a text that sorts a customer's records: by invitation, snapshot, and where they stand."""
    # Each engine writes a time in its own way, and each way sorts; a format costs twice as much.
    invited = nw.coalesce("_ik_at", "_ik_known_at")
    times = [time.cast(nw.String).fill_null(_NEVER) for time in (invited, nw.col("snapshot_at"))]
    dated = nw.when(nw.col("_ik_at").is_null()).then(nw.lit("0")).otherwise(nw.lit("1"))
    row = (nw.col("source_row").cast(nw.Int64) + _WIDE).cast(nw.String).fill_null("")
    return nw.concat_str([*times, dated, nw.col("source_file").fill_null(""), row], separator="|")


def older() -> Any:
    """The expression of a record that another one of its customer speaks for; most customers have but one."""
    return (nw.col("_ik_records") > 1) & (nw.col("_ik_newest") != place())


def histories(frame: Any, sent: Any | None) -> Any:
    """Sum up each customer's records in one row.

    Args:
        frame: Annotated records with ``customer_id``.
        sent: Resends that were logged (see ``events.with_sent``).

    Returns:
        One row a customer: ``customer_id, _ik_records``, ``_ik_newest`` (the place of the record that speaks),
        ``_ik_settled`` (2 if any invitation led to an association, 1 if one has only the time of one),
        ``_ik_last_at`` (last invitation, logged ones included), ``attempts`` (invitations at different times),
        ``_ik_split`` (whether records of the newest invitation and snapshot contradict each other).
    """
    dated = nw.when(nw.col("associated_at").is_null()).then(nw.lit(0)).otherwise(nw.lit(1))
    success = nw.when(nw.col("effective_status") == "associated").then(nw.lit(2)).otherwise(dated)
    narrow = frame.select(
        "customer_id", "_ik_at", "snapshot_at", _ik_place=place(), _ik_success=success, _ik_state=cause()
    )
    seen = narrow.group_by("customer_id", "_ik_at", "snapshot_at").agg(
        _ik_newest=nw.col("_ik_place").max(), _ik_settled=nw.col("_ik_success").max(), _ik_records=nw.len(),
        _ik_low=nw.col("_ik_state").min(), _ik_high=nw.col("_ik_state").max(),
    )  # fmt: skip
    split = nw.when(nw.col("_ik_low") != nw.col("_ik_high")).then(nw.lit(_SPLIT)).otherwise(nw.lit(""))
    seen = seen.with_columns(_ik_newest=nw.concat_str([nw.col("_ik_newest"), split]))
    invitations = seen.group_by("customer_id", "_ik_at").agg(
        nw.col("_ik_newest", "_ik_settled").max(), nw.col("_ik_records").sum()
    )
    customers = invitations.group_by("customer_id").agg(
        _ik_records=nw.col("_ik_records").sum(),
        _ik_newest=nw.col("_ik_newest").max(),
        _ik_settled=nw.col("_ik_settled").max(),
        _ik_last_at=nw.col("_ik_at").max(),
        attempts=nw.col("_ik_at").count().cast(nw.Int64),
    )
    split = nw.col("_ik_newest").str.ends_with(_SPLIT)
    plain = nw.when(split).then(nw.col("_ik_newest").str.replace_all(_SPLIT, "", literal=True)).otherwise("_ik_newest")
    customers = customers.with_columns(_ik_split=split, _ik_newest=plain)
    return with_sent(customers, frame, sent)


def with_addresses(frame: Any, told: Any, resting: Any) -> Any:
    """Add whether a record's email address is another customer's too, and spoken for.

    Args:
        frame: Records with ``customer_id``.
        told: What ``histories`` gives.
        resting: The condition on ``told`` that a customer's last invitation is in the pause.

    Returns:
        The same rows with ``_ik_address``, and where several customers have it ``_ik_shared`` and
        ``_ik_taken`` (one of them is associated, or was invited lately).
    """
    frame = frame.with_columns(_ik_address=address(odd=has_odd(frame, "email")))
    held = frame.select("customer_id", "_ik_address").filter(~nw.col("_ik_address").is_null())
    ends = held.group_by("_ik_address").agg(_ik_low=nw.col("customer_id").min(), _ik_high=nw.col("customer_id").max())
    several = ends.filter(nw.col("_ik_low") != nw.col("_ik_high")).select("_ik_address")
    shared = several.lazy().collect("pyarrow")["_ik_address"].to_list()
    if not shared:
        return frame.with_columns(_ik_shared=nw.lit(value=False), _ik_taken=nw.lit(value=False))
    few = len(shared) <= _FEW
    of_several = held.filter(nw.col("_ik_address").is_in(shared)) if few else held.join(several, on="_ik_address")
    spoken_for = told.filter((nw.col("_ik_settled") > 0) | resting).select("customer_id")
    taken = of_several.join(spoken_for, on="customer_id").group_by("_ik_address").agg().select("_ik_address")
    if few:
        # Asked now: as joins, an engine takes longer to plan them than to run them.
        found = taken.lazy().collect("pyarrow")["_ik_address"].to_list()
        lists = {"_ik_shared": shared, "_ik_taken": found}
        return frame.with_columns(
            **{n: nw.col("_ik_address").is_in(texts) if texts else nw.lit(value=False) for n, texts in lists.items()}
        )
    for name, rows in (("_ik_shared", several), ("_ik_taken", taken)):
        frame = frame.join(rows.with_columns(nw.lit(value=True).alias(name)), on="_ik_address", how="left")
    return frame


def alone() -> Any:
    """The expression of a record that cannot be told to belong with any other."""
    return nw.col("customer_id").str.starts_with(ALONE)
