"""Events that are logged in addition to the records: sent resends and resolved failures."""

from __future__ import annotations

import datetime as dt
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import end_of_day, literal
from invitekit.engine.materialize import count_rows, materialize
from invitekit.model.catalogue import DO_NOT_INVITE
from invitekit.model.identity import key_ids

OWN_ACCOUNT = "prepaid_partner"
"""The failure that the partner's own account causes: a change of the account resolves all of them."""
_LATE = "-3d"
"""The longest time from an invitation to the log entry of its resend [assumed]."""
_EARLY = "1d"
"""The longest time from the log entry of a resend to its invitation [assumed]; a date means midnight."""
BARRED_AT = "_ik_barred_at"
"""The column of when a customer was last marked as not to be invited."""


def assign_customer(records: Any, events: Any) -> Any:
    """Set ``customer_id`` of each event to the customer that it belongs to; null if there is none.

    The ``customer_id`` of an event takes precedence, because a later file may reuse a record ID. If no customer has
    that ID any more, the event belongs to the only customer with the key in it: an account may have a portal ID now.
    Otherwise, it belongs to the only customer with its record ID.

    Records (of ``resolve``) and events, with ``record_id`` and, if known, ``customer_id``, are Narwhals frames of one
    engine.
    """
    names = events.collect_schema().names()
    if "customer_id" not in names:
        events = events.with_columns(customer_id=nw.lit(None, nw.String))
    identified = records.select("record_id", "customer_id").filter(~nw.col("customer_id").is_null())
    customers = identified.group_by("customer_id").agg().select("customer_id", _ik_known="customer_id")
    owners = _only_customers(identified, "record_id", "_ik_owner")
    joined = events.join(customers, on="customer_id", how="left").join(owners, on="record_id", how="left")
    joined = joined.join(_customers_by_key(records, events, customers), on="customer_id", how="left")
    joined = joined.with_columns(customer_id=nw.coalesce("_ik_known", "_ik_named", "_ik_owner"))
    return joined.select(*dict.fromkeys([*names, "customer_id"]))


def _only_customers(pairs: Any, name: str, only: str) -> Any:
    """Return each value of a column that exactly one customer has, with that customer in the column ``only``."""
    ends = pairs.group_by(name).agg(nw.col("customer_id").min().alias(only), _ik_other=nw.col("customer_id").max())
    return ends.filter(nw.col(only) == nw.col("_ik_other")).select(name, only)


def _customers_by_key(records: Any, events: Any, customers: Any) -> Any:
    """Return the only customer with the key in an event's customer ID: ``customer_id`` (of the event), ``_ik_named``.

    Events of ``customers``, those of the records, need no key.
    """
    gone = events.filter(~nw.col("customer_id").is_null()).join(customers, on="customer_id", how="anti")
    gone = materialize(gone.select(_ik_key="customer_id").unique())
    ids = key_ids(records.collect_schema().names()) if count_rows(gone) else []
    if not ids:
        return gone.select(customer_id="_ik_key", _ik_named="_ik_key").head(0)
    keys = nw.concat([records.select("customer_id", _ik_key=one).join(gone, on="_ik_key", how="semi") for one in ids])
    named = _only_customers(keys.filter(~nw.col("customer_id").is_null()), "_ik_key", "_ik_named")
    return named.select("_ik_named", customer_id="_ik_key")


def resolve_logged(records: Any, events: Any, *columns: str) -> Any:
    """Return the distinct events of each customer: ``customer_id`` and the columns. Other events are left out."""
    assigned = assign_customer(records, events).filter(~nw.col("customer_id").is_null())
    return materialize(assigned.group_by("customer_id", *columns).agg().select("customer_id", *columns))


def with_sent(histories: Any, records: Any, sent: Any) -> Any:
    """Add the logged resends (of ``resolve_logged``) that are in no snapshot, by their date, to ``attempts``."""
    logged = sent.group_by("customer_id").agg(_ik_logged=nw.len(), _ik_logged_at=nw.col("sent_at").max())
    logged = logged.join(_count_shown(records, sent), on="customer_id", how="left")
    joined = histories.join(logged, left_on="_ik_customer", right_on="customer_id", how="left")
    unseen = (nw.col("_ik_logged").fill_null(0) - nw.col("_ik_shown").fill_null(0)).cast(nw.Int64)
    return joined.with_columns(
        _ik_last_at=nw.max_horizontal("_ik_logged_at", "_ik_last_at"), attempts=nw.col("attempts") + unseen
    ).drop("_ik_logged", "_ik_logged_at", "_ik_shown")


def _count_shown(records: Any, sent: Any) -> Any:
    """Count each customer's invitations that match a logged resend; each matches at most one."""
    pairs = records.select("customer_id", "invitation_sent_at").join(sent, on="customer_id")
    pairs = pairs.filter(
        (nw.col("invitation_sent_at") >= nw.col("sent_at").dt.offset_by(_LATE))
        & (nw.col("invitation_sent_at") <= nw.col("sent_at").dt.offset_by(_EARLY))
    )
    nearest = pairs.group_by("customer_id", "sent_at").agg(_ik_at=nw.col("invitation_sent_at").max())
    once = nearest.group_by("customer_id", "_ik_at").agg().select("customer_id", "_ik_at")
    return once.group_by("customer_id").agg(_ik_shown=nw.len())


def with_barred(histories: Any, records: Any, resolved: Any | None, moment: dt.datetime) -> Any:
    """Add when a customer was last marked as not to be invited: ``BARRED_AT``, or null."""
    marks = barring(resolved, moment)
    if marks is None:
        return histories.with_columns(nw.lit(None, nw.Datetime("us")).alias(BARRED_AT))
    barred = resolve_logged(records, marks, "resolved_at").group_by("customer_id")
    last = barred.agg(nw.col("resolved_at").max().alias(BARRED_AT))
    return histories.join(last, left_on="_ik_customer", right_on="customer_id", how="left")


def barring(resolved: Any | None, moment: dt.datetime) -> Any | None:
    """Return the marks of customers who must not be invited, up to the time of the plan; None if there can be none."""
    if resolved is None or "failure_code" not in resolved.collect_schema().names():
        return None
    return resolved.filter((nw.col("failure_code") == DO_NOT_INVITE) & (nw.col("resolved_at") <= literal(moment)))


def with_resolutions(newest: Any, records: Any, resolved: Any | None, moment: dt.datetime) -> Any:
    """Add when a record's failure was last marked as resolved.

    The marks are those of ``plan_resends`` until ``moment``; ``DO_NOT_INVITE`` is no failure, see ``with_barred``.

    Returns:
        The rows, one per customer, with ``_ik_resolved_at``, and ``_ik_resolved_by``: for a date, the end of its day.
    """
    if resolved is None:
        never = nw.lit(None, nw.Datetime("us"))
        return newest.with_columns(_ik_resolved_at=never, _ik_resolved_by=never)
    if "failure_code" not in resolved.collect_schema().names():
        resolved = resolved.with_columns(failure_code=nw.lit(None, nw.String))
    past = resolved.filter(nw.col("resolved_at") <= literal(moment))
    marks = resolve_logged(records, past, "resolved_at", "failure_code")
    marks = marks.with_columns(_ik_by=end_of_day("resolved_at"))
    marks = marks.select("customer_id", "resolved_at", "_ik_by", _ik_code="failure_code")
    pairs = newest.select("customer_id", "failure_code").join(marks, on="customer_id")
    pairs = pairs.filter(nw.col("_ik_code").is_null() | (nw.col("_ik_code") == nw.col("failure_code")))
    last = {"at": nw.col("resolved_at").max(), "by": nw.col("_ik_by").max()}
    marked = pairs.group_by("customer_id").agg(**{f"_ik_marked_{n}": e for n, e in last.items()})
    newest = newest.join(marked, on="customer_id", how="left")
    # Without the column, a mark without a record is of no customer.
    is_own = nw.col("customer_id").is_null() if "customer_id" in past.collect_schema().names() else nw.lit(value=False)
    own = past.filter(nw.col("record_id").is_null() & is_own).with_columns(_ik_by=end_of_day("resolved_at"))
    newest = newest.join(own.select(**{f"_ik_own_{n}": e for n, e in last.items()}), how="cross")
    of_own = nw.when(nw.col("failure_code") == OWN_ACCOUNT)
    resolved_at = {
        f"_ik_resolved_{n}": nw.max_horizontal(f"_ik_marked_{n}", of_own.then(nw.col(f"_ik_own_{n}"))) for n in last
    }
    return newest.with_columns(**resolved_at)
