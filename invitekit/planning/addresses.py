"""Email addresses: those of each customer, and those that must not be invited now.

An invitation goes to an address: whether it may be sent depends on every customer with that address.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.materialize import count_rows, materialize
from invitekit.model.identity import address
from invitekit.planning.logged_events import BARRED_AT, barring
from invitekit.planning.reasons import is_resting
from invitekit.planning.rules import ResendRules


def addresses_of(frame: Any) -> Any:
    """Return the email addresses of each customer in all records: ``_ik_customer, _ik_address``."""
    pairs = frame.select("_ik_customer", "email").filter(~nw.col("email").is_null()).unique()
    pairs = pairs.select("_ik_customer", _ik_address=address()).filter(~nw.col("_ik_address").is_null()).unique()
    return materialize(pairs)


def with_older_addresses(newest: Any, frame: Any) -> Any:
    """Fill an address that the newest record masks or lacks: with the last one that the customer's records show."""
    lacking = materialize(newest.filter(nw.col("_ik_address").is_null()).select("_ik_customer"))
    if not count_rows(lacking):
        return newest
    known = frame.select("_ik_customer", "email", "snapshot_at").join(lacking, on="_ik_customer", how="semi")
    known = known.select("_ik_customer", "snapshot_at", _ik_older=address()).filter(~nw.col("_ik_older").is_null())
    last = known.group_by("_ik_customer").agg(_ik_last=nw.col("snapshot_at").max())
    known = known.join(last, on="_ik_customer").filter(
        nw.col("_ik_last").is_null() | (nw.col("snapshot_at") == nw.col("_ik_last"))
    )
    known = known.group_by("_ik_customer").agg(nw.col("_ik_older").min())
    newest = newest.join(known, on="_ik_customer", how="left")
    return newest.with_columns(_ik_address=nw.coalesce("_ik_address", "_ik_older")).drop("_ik_older")


def taken_addresses(
    addresses: Any,
    histories: Any,
    rules: ResendRules,
    moment: dt.datetime,
    *,
    sent: Any | None = None,
    resolved: Any | None = None,
    customer_list: Any | None = None,
) -> Any:
    """Return the addresses that must not be invited now: ``_ik_address``.

    These are the addresses of customers who are associated, in a pause or marked as not to be invited; those that a
    logged resend or such a mark had, which no record may show any more; and those on the customer list. ``histories``
    have one row per customer: ``_ik_customer, _ik_association, _ik_last_at`` and ``BARRED_AT``; ``sent``, ``resolved``
    and ``customer_list`` have ``email`` if known.
    """
    is_taken = (nw.col("_ik_association") > 0) | ~nw.col(BARRED_AT).is_null() | is_resting(rules, moment)
    customers = histories.filter(is_taken).select("_ik_customer")
    resting = None if sent is None else sent.filter(is_resting(rules, moment, "sent_at"))
    others = [one.select(_ik_address=address()) for one in (resting, barring(resolved, moment), customer_list)
              if one is not None and "email" in one.collect_schema().names()]  # fmt: skip
    own = addresses.join(customers, on="_ik_customer", how="semi").select("_ik_address")
    return nw.concat([own, *others]).filter(~nw.col("_ik_address").is_null()).unique()


def with_sharing(newest: Any, addresses: Any, taken: Any) -> Any:
    """Add whether other customers have a customer's address, and whether it is taken: ``_ik_is_shared, _ik_is_taken``.

    A customer who takes its own address is not invited anyway.
    """
    owners = addresses.group_by("_ik_address").agg(_ik_customers=nw.len())
    joined = newest.join(owners, on="_ik_address", how="left")
    joined = joined.join(taken.with_columns(_ik_is_taken=nw.lit(value=True)), on="_ik_address", how="left")
    return joined.with_columns(
        _ik_is_shared=(nw.col("_ik_customers") > 1).fill_null(value=False),
        _ik_is_taken=nw.col("_ik_is_taken").fill_null(value=False),
    ).drop("_ik_customers")
