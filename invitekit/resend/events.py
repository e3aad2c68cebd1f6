"""What was noted beside the records: resends that were logged, what was settled; whose it is, for what it counts."""

from __future__ import annotations

import datetime as dt
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.materialize import materialize
from invitekit.moments import literal

_LATE = "-3d"
"""How long after an invitation its log may be written [assumed]."""
_EARLY = "1d"
"""How long before an invitation its log may say that it was sent [assumed]: a day stands for its first second."""


def with_sent(customers: Any, frame: Any, mine: Any) -> Any:
    """Count the logged resends that no snapshot shows: those with no invitation of their time, whenever it was.

    Args:
        customers: One row a customer, with ``_ik_told_last_at`` and ``_ik_told_attempts``.
        frame: The records, with ``customer_id``.
        mine: What ``owned`` gives: ``customer_id, sent_at``.
    """
    logged = mine.group_by("customer_id").agg(_ik_sent=nw.len(), _ik_sent_at=nw.col("sent_at").max())
    shown = materialize(_shown(frame, mine))
    joined = customers.join(logged, on="customer_id", how="left").join(shown, on="customer_id", how="left")
    unseen = (nw.col("_ik_sent").fill_null(0) - nw.col("_ik_shown").fill_null(0)).cast(nw.Int64)
    return joined.with_columns(
        _ik_told_last_at=nw.max_horizontal("_ik_sent_at", "_ik_told_last_at"),
        _ik_told_attempts=nw.col("_ik_told_attempts") + unseen,
    ).drop("_ik_sent", "_ik_sent_at", "_ik_shown")


def _shown(frame: Any, sent: Any) -> Any:
    """Count each customer's invitations that stand for a logged resend; each stands for one."""
    invited = frame.select("customer_id", invited_at="_ik_at").filter(~nw.col("invited_at").is_null())
    pairs = invited.join(sent, on="customer_id").filter(
        (nw.col("invited_at") >= nw.col("sent_at").dt.offset_by(_LATE))
        & (nw.col("invited_at") <= nw.col("sent_at").dt.offset_by(_EARLY))
    )
    nearest = pairs.group_by("customer_id", "sent_at").agg(_ik_at=nw.col("invited_at").max())
    once = nearest.group_by("customer_id", "_ik_at").agg().select("customer_id", "_ik_at")
    return once.group_by("customer_id").agg(_ik_shown=nw.len())


def with_done(frame: Any, done: Any | None, moment: dt.datetime) -> Any:
    """Add when a record's failure was last settled, as known at that moment.

    Args:
        frame: Records with ``customer_id`` and ``failure_code``.
        done: ``record_id, done_at``, and where there are ``customer_id, failure_code``: a mark with
            a failure code counts for that failure only.
        moment: When the plan is for; later marks do not count.

    Returns:
        The same rows with ``_ik_done_at`` and ``_ik_done_by``, the last second that the mark may
        mean: a day is as good as its end.
    """
    if done is None:
        return frame.with_columns(
            _ik_done_at=nw.lit(None, nw.Datetime("us")), _ik_done_by=nw.lit(None, nw.Datetime("us"))
        )
    if "failure_code" not in done.collect_schema().names():
        done = done.with_columns(failure_code=nw.lit(None, nw.String))
    marks = materialize(owned(frame, done.filter(nw.col("done_at") <= literal(moment)), "done_at", "failure_code"))
    ends = nw.when(is_day("done_at")).then(nw.col("done_at").dt.offset_by("1d").dt.offset_by("-1s"))
    marks = marks.with_columns(_ik_by=nw.coalesce(ends, nw.col("done_at")))
    last = {"at": nw.col("done_at").max(), "by": nw.col("_ik_by").max()}
    of_any = marks.filter(nw.col("failure_code").is_null()).group_by("customer_id")
    of_one = marks.filter(~nw.col("failure_code").is_null()).group_by("customer_id", "failure_code")
    frame = frame.join(of_any.agg(**{f"_ik_any_{n}": e for n, e in last.items()}), on="customer_id", how="left")
    frame = frame.join(
        of_one.agg(**{f"_ik_one_{n}": e for n, e in last.items()}), on=["customer_id", "failure_code"], how="left"
    )
    return frame.with_columns(**{f"_ik_done_{n}": nw.max_horizontal(f"_ik_any_{n}", f"_ik_one_{n}") for n in last})


def is_day(name: str) -> Any:
    """The expression of a time that may be a day only: midnight of some zone."""
    return (nw.col(name).dt.minute() % 15 == 0) & (nw.col(name).dt.second() == 0)


def owned(frame: Any, events: Any, *kept: str) -> Any:
    """Find whose events they are; each time once a customer.

    An event that names a customer is that customer's: a record's number may mean another one in
    the next file. Only if no record is of that customer any more, its record says whose it is, where one has it.
    """
    held = frame.select("record_id", "customer_id").join(events.select("record_id"), on="record_id", how="semi")
    if "customer_id" in events.collect_schema().names():
        named = events.rename({"customer_id": "_ik_named"})
        known = (
            frame.select(_ik_named="customer_id").join(named, on="_ik_named", how="semi").group_by("_ik_named").agg()
        )
        ends = held.group_by("record_id").agg(_ik_low=nw.col("customer_id").min(), _ik_high=nw.col("customer_id").max())
        one = ends.filter(nw.col("_ik_low") == nw.col("_ik_high")).select("record_id", "_ik_low")
        found = named.join(known.select("_ik_named", _ik_known="_ik_named"), on="_ik_named", how="left")
        found = found.join(one, on="record_id", how="left")
        owned = found.with_columns(customer_id=nw.coalesce("_ik_known", "_ik_low")).filter(
            ~nw.col("customer_id").is_null()
        )
    else:
        owned = events.join(held, on="record_id")
    return owned.group_by("customer_id", *kept).agg().select("customer_id", *kept)
