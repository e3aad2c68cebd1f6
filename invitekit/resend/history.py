"""What each customer's whole history says: the newest record, an earlier success, attempts so far."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw

from invitekit.customers import ALONE, key
from invitekit.resend.events import with_sent

_NEVER = "0"
_WIDE = 10**12
"""Added to row numbers, so that they sort as texts."""


def place() -> Any:
    """The expression of a text that sorts a customer's records: by invitation, snapshot, and where they stand."""
    # Each engine writes a time in its own way, and each way sorts; a format costs twice as much.
    times = [nw.col(name).cast(nw.String).fill_null(_NEVER) for name in ("invited_at", "snapshot_at")]
    row = (nw.col("source_row").cast(nw.Int64) + _WIDE).cast(nw.String).fill_null("")
    return nw.concat_str([*times, nw.col("source_file").fill_null(""), row], separator="|")


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
        ``_ik_settled`` (1 if any invitation led to an association), ``_ik_last_at`` (last
        invitation, logged ones included), ``attempts`` (invitations at different times).
    """
    success = nw.when(nw.col("effective_status") == "associated").then(nw.lit(1)).otherwise(nw.lit(0))
    narrow = frame.select("customer_id", "invited_at", _ik_place=place(), _ik_success=success)
    invitations = narrow.group_by("customer_id", "invited_at").agg(
        _ik_newest=nw.col("_ik_place").max(), _ik_settled=nw.col("_ik_success").max(), _ik_records=nw.len()
    )
    customers = invitations.group_by("customer_id").agg(
        _ik_records=nw.col("_ik_records").sum(),
        _ik_newest=nw.col("_ik_newest").max(),
        _ik_settled=nw.col("_ik_settled").max(),
        _ik_last_at=nw.col("invited_at").max(),
        attempts=nw.col("invited_at").count().cast(nw.Int64),
    )
    return with_sent(customers, frame, sent)


def with_addresses(frame: Any, told: Any) -> Any:
    """Add what is known of an email address that several customers have; most have one only.

    Args:
        frame: Records with ``customer_id``.
        told: What ``histories`` gives.

    Returns:
        The same rows with ``_ik_shared`` (true where another customer has the address, else null),
        ``_ik_address_settled`` and ``_ik_address_at`` (of all customers that have it).
    """
    frame = frame.with_columns(_ik_address=nw.col("email").str.to_lowercase())
    held = frame.select("customer_id", "_ik_address")
    ends = held.group_by("_ik_address").agg(_ik_low=nw.col("customer_id").min(), _ik_high=nw.col("customer_id").max())
    shared = ends.filter(nw.col("_ik_low") != nw.col("_ik_high")).filter(~key("_ik_address").is_null())
    # Asked first: in most exports there is none, and what follows takes as long as half of the plan.
    if not len(shared.head(1).lazy().collect("pyarrow")):
        return frame.with_columns(
            _ik_shared=nw.lit(value=False),
            _ik_address_settled=nw.lit(0),
            _ik_address_at=nw.lit(None, nw.Datetime("us")),
        )
    known = held.join(shared, on="_ik_address").join(told, on="customer_id").group_by("_ik_address")
    summed = known.agg(_ik_address_settled=nw.col("_ik_settled").max(), _ik_address_at=nw.col("_ik_last_at").max())
    return frame.join(summed.with_columns(_ik_shared=nw.lit(value=True)), on="_ik_address", how="left")


def alone() -> Any:
    """The expression of a record that cannot be told to belong with any other."""
    return nw.col("customer_id").str.starts_with(ALONE)
