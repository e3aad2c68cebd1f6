"""Events that were logged beside the records: resends that were sent, and failures that were resolved."""

from __future__ import annotations

import datetime as dt
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import literal
from invitekit.engine.materialize import materialize

_LATE = "-3d"
"""How long after an invitation its resend may be logged [assumed]."""
_EARLY = "1d"
"""How long before an invitation its resend may be dated [assumed]: a day means its first second."""


def with_sent(customers: Any, frame: Any, sent: Any) -> Any:
    """Count the logged resends that no snapshot shows, because no invitation is dated near them.

    Args:
        customers: One row a customer, with ``_ik_told_last_at`` and ``_ik_told_attempts``.
        frame: The records, with ``customer_id``.
        sent: What ``assign_customer`` returns: ``customer_id, sent_at``.
    """
    logged = sent.group_by("customer_id").agg(_ik_sent=nw.len(), _ik_sent_at=nw.col("sent_at").max())
    shown = materialize(_shown(frame, sent))
    joined = customers.join(logged, on="customer_id", how="left").join(shown, on="customer_id", how="left")
    unseen = (nw.col("_ik_sent").fill_null(0) - nw.col("_ik_shown").fill_null(0)).cast(nw.Int64)
    return joined.with_columns(
        _ik_told_last_at=nw.max_horizontal("_ik_sent_at", "_ik_told_last_at"),
        _ik_told_attempts=nw.col("_ik_told_attempts") + unseen,
    ).drop("_ik_sent", "_ik_sent_at", "_ik_shown")


def _shown(frame: Any, sent: Any) -> Any:
    """Count each customer's invitations that match a logged resend; each matches one."""
    invited = frame.select("customer_id", invited_at="_ik_at").filter(~nw.col("invited_at").is_null())
    pairs = invited.join(sent, on="customer_id").filter(
        (nw.col("invited_at") >= nw.col("sent_at").dt.offset_by(_LATE))
        & (nw.col("invited_at") <= nw.col("sent_at").dt.offset_by(_EARLY))
    )
    nearest = pairs.group_by("customer_id", "sent_at").agg(_ik_at=nw.col("invited_at").max())
    once = nearest.group_by("customer_id", "_ik_at").agg().select("customer_id", "_ik_at")
    return once.group_by("customer_id").agg(_ik_shown=nw.len())


def with_resolutions(frame: Any, resolved: Any | None, moment: dt.datetime) -> Any:
    """Add when a record's failure was last resolved, as known at that time.

    Args:
        frame: Records with ``customer_id`` and ``failure_code``.
        resolved: ``record_id, resolved_at``, and where known ``customer_id, failure_code``: a mark with
            a failure code counts for that failure only.
        moment: The time that the plan is for; later marks do not count.

    Returns:
        The same rows with ``_ik_resolved_at`` and ``_ik_resolved_by``, the last second that the mark
        can mean: a day counts until its end.
    """
    if resolved is None:
        return frame.with_columns(
            _ik_resolved_at=nw.lit(None, nw.Datetime("us")), _ik_resolved_by=nw.lit(None, nw.Datetime("us"))
        )
    if "failure_code" not in resolved.collect_schema().names():
        resolved = resolved.with_columns(failure_code=nw.lit(None, nw.String))
    past = resolved.filter(nw.col("resolved_at") <= literal(moment))
    marks = materialize(assign_customer(frame, past, "resolved_at", "failure_code"))
    ends = nw.when(is_day("resolved_at")).then(nw.col("resolved_at").dt.offset_by("1d").dt.offset_by("-1s"))
    marks = marks.with_columns(_ik_by=nw.coalesce(ends, nw.col("resolved_at")))
    last = {"at": nw.col("resolved_at").max(), "by": nw.col("_ik_by").max()}
    of_any = marks.filter(nw.col("failure_code").is_null()).group_by("customer_id")
    of_one = marks.filter(~nw.col("failure_code").is_null()).group_by("customer_id", "failure_code")
    frame = frame.join(of_any.agg(**{f"_ik_any_{n}": e for n, e in last.items()}), on="customer_id", how="left")
    frame = frame.join(
        of_one.agg(**{f"_ik_one_{n}": e for n, e in last.items()}), on=["customer_id", "failure_code"], how="left"
    )
    return frame.with_columns(**{f"_ik_resolved_{n}": nw.max_horizontal(f"_ik_any_{n}", f"_ik_one_{n}") for n in last})


def is_day(name: str) -> Any:
    """Build the condition of a time that may be a date only: midnight of some time zone."""
    return (nw.col(name).dt.minute() % 15 == 0) & (nw.col(name).dt.second() == 0)


def assign_customer(frame: Any, events: Any, *kept: str) -> Any:
    """Find the customer of each event; equal events of a customer count once.

    An event that names a customer belongs to it: a record ID may mean another customer in the next
    file. Only if no record is of that customer any more, it belongs to the one customer that has its record.
    """
    owners = frame.select("record_id", "customer_id").join(events.select("record_id"), on="record_id", how="semi")
    if "customer_id" in events.collect_schema().names():
        named = events.rename({"customer_id": "_ik_named"})
        known = (
            frame.select(_ik_named="customer_id").join(named, on="_ik_named", how="semi").group_by("_ik_named").agg()
        )
        ends = owners.group_by("record_id").agg(
            _ik_low=nw.col("customer_id").min(), _ik_high=nw.col("customer_id").max()
        )
        one = ends.filter(nw.col("_ik_low") == nw.col("_ik_high")).select("record_id", "_ik_low")
        matched = named.join(known.select("_ik_named", _ik_known="_ik_named"), on="_ik_named", how="left")
        matched = matched.join(one, on="record_id", how="left")
        assigned = matched.with_columns(customer_id=nw.coalesce("_ik_known", "_ik_low")).filter(
            ~nw.col("customer_id").is_null()
        )
    else:
        assigned = events.join(owners, on="record_id")
    return assigned.group_by("customer_id", *kept).agg().select("customer_id", *kept)
