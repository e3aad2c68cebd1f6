"""What each customer's whole history says: the newest record, an earlier success, attempts so far."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.materialize import materialize
from invitekit.metrics.success_rates import cause
from invitekit.model.identity import ALONE, address, has_odd
from invitekit.planning.logged_events import assign_customer, is_day, with_sent

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
    if days and times and _any(exact := materialize(_exact(frame))):
        frame = frame.join(exact, on=["customer_id", "invited_at"], how="left")
        frame = frame.with_columns(_ik_at=nw.coalesce("_ik_exact", "_ik_at")).drop("_ik_exact")
    if none and _any(known := materialize(_known(frame))):
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
    """The expression of a record that another one of its customer speaks for."""
    return ~nw.col("_ik_newest")


def logged(frame: Any, sent: Any | None) -> Any | None:
    """Find whose logged resends are; asked of all records, for an ID may mean another customer in some of them.

    Returns:
        ``customer_id, sent_at``, or None where nobody has any.
    """
    mine = None if sent is None else materialize(assign_customer(frame, sent, "sent_at"))
    return mine if mine is not None and _any(mine) else None


def with_history(frame: Any, sent: Any | None) -> Any:
    """Add to each record what all records of its customer say together.

    A customer with one record and no logged resend is that record; only the others are summed up.

    Args:
        frame: Annotated records with ``customer_id`` and what ``with_times`` adds.
        sent: What ``logged`` gives.

    Returns:
        The same rows with ``_ik_records``, ``_ik_newest`` (whether this record speaks for its customer),
        ``_ik_settled`` (2 if any invitation led to an association, 1 if one has only the time of one),
        ``_ik_last_at`` (last invitation, logged ones included), ``attempts`` (invitations at different times),
        ``_ik_split`` (whether records of the newest invitation and snapshot contradict each other).
    """
    told = _summed(frame, sent)
    once = nw.when(nw.col("_ik_at").is_null()).then(nw.lit(0)).otherwise(nw.lit(1)).cast(nw.Int64)
    alone = nw.col("_ik_records").is_null()
    own = {"settled": _success(), "last_at": nw.col("_ik_at"), "attempts": once}
    mixed = {n: nw.when(alone).then(value).otherwise(nw.col(f"_ik_told_{n}")) for n, value in own.items()}
    return (
        frame.join(told, on="customer_id", how="left")
        .with_columns(
            # A choice, not an "or": the place is a long text, and most customers have but one record.
            _ik_newest=nw.when(alone).then(nw.lit(value=True)).otherwise(nw.col("_ik_told_place") == place()),
            _ik_split=~alone & nw.col("_ik_split").fill_null(value=False),
            _ik_settled=mixed["settled"],
            _ik_last_at=mixed["last_at"],
            attempts=mixed["attempts"],
        )
        .drop("_ik_told_place", *(f"_ik_told_{name}" for name in own))
    )


def _success() -> Any:
    """The expression of what a record says of an association: 2 is one, 1 only the time of one."""
    dated = nw.when(nw.col("associated_at").is_null()).then(nw.lit(0)).otherwise(nw.lit(1))
    return nw.when(nw.col("effective_status") == "associated").then(nw.lit(2)).otherwise(dated).cast(nw.Int64)


def _summed(frame: Any, sent: Any | None) -> Any:
    """Sum up, in one row each, the customers with several records or a logged resend."""
    counted = frame.group_by("customer_id").agg(_ik_records=nw.len())
    several = counted.filter(nw.col("_ik_records") > 1).select("customer_id")
    if sent is not None:
        several = nw.concat([several, sent.select("customer_id")])
    narrow = frame.join(several, on="customer_id", how="semi").select(
        "customer_id", "_ik_at", "snapshot_at", _ik_place=place(), _ik_success=_success(), _ik_state=cause()
    )
    seen = narrow.group_by("customer_id", "_ik_at", "snapshot_at").agg(
        _ik_place=nw.col("_ik_place").max(), _ik_settled=nw.col("_ik_success").max(), _ik_records=nw.len(),
        _ik_low=nw.col("_ik_state").min(), _ik_high=nw.col("_ik_state").max(),
    )  # fmt: skip
    split = nw.when(nw.col("_ik_low") != nw.col("_ik_high")).then(nw.lit(_SPLIT)).otherwise(nw.lit(""))
    seen = seen.with_columns(_ik_place=nw.concat_str([nw.col("_ik_place"), split]))
    invitations = seen.group_by("customer_id", "_ik_at").agg(
        nw.col("_ik_place", "_ik_settled").max(), nw.col("_ik_records").sum()
    )
    customers = invitations.group_by("customer_id").agg(
        _ik_records=nw.col("_ik_records").sum(),
        _ik_told_place=nw.col("_ik_place").max(),
        _ik_told_settled=nw.col("_ik_settled").max(),
        _ik_told_last_at=nw.col("_ik_at").max(),
        _ik_told_attempts=nw.col("_ik_at").count().cast(nw.Int64),
    )
    split = nw.col("_ik_told_place").str.ends_with(_SPLIT)
    plain = nw.col("_ik_told_place").str.replace_all(_SPLIT, "", literal=True)
    customers = customers.with_columns(
        _ik_split=split, _ik_told_place=nw.when(split).then(plain).otherwise("_ik_told_place")
    )
    return customers if sent is None else with_sent(customers, frame, sent)


def with_addresses(frame: Any, sent: Any | None, resting: Any) -> Any:
    """Add whether a record's email address is another customer's too, and spoken for.

    Args:
        frame: As for ``with_history``.
        sent: As for ``with_history``.
        resting: The condition that a customer's last invitation is in the pause.

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
    theirs = with_history(frame.join(of_several, on="customer_id", how="semi"), sent)
    spoken_for = theirs.filter((nw.col("_ik_settled") > 0) | resting).select("customer_id")
    of_taken = of_several.join(spoken_for, on="customer_id", how="semi")
    taken = of_taken.group_by("_ik_address").agg().select("_ik_address")
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
