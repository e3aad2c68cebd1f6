"""The customer list of Customer Management: which customers are associated with the partner, and since when.

A customer on the list is associated, whatever History Records show. A customer who was associated before the list and
is not on it has left, unless more of these customers are missing than on the list: then it is partial [assumed].
"""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import end_of_day
from invitekit.engine.materialize import count_rows, materialize
from invitekit.model.identity import NEEDED, OPTIONAL, identify

LISTED_AT, LISTED_BY, SINCE, HAS_LEFT = "_ik_listed_at", "_ik_listed_by", "_ik_listed_since", "_ik_has_left"
_OWN, _ROW = "_ik_own", "_ik_list_row"
_TIME = nw.Datetime("us")


def match_customers(records: Any, customer_list: Any) -> Any:
    """Match the customers of the records with the rows of a customer list, by ``identify`` on both together.

    Both are Narwhals frames of one engine: of ``resolve``, and of ``load(..., required="associated_at")``.

    Returns:
        One row for each match: ``customer_id`` of the records, ``source_file`` and ``source_row`` of the list,
        ``_ik_listed_at`` (when the list was exported) and ``_ik_listed_since`` (since when the customer is associated).
    """
    known = records.filter(~nw.col("customer_id").is_null()).with_columns(nw.col("customer_id").alias(_OWN))
    listed = customer_list.with_columns(nw.lit(None, nw.String).alias(_OWN))
    times = {LISTED_AT: "snapshot_at", SINCE: "associated_at"}
    nulls = {name: nw.lit(None, _TIME) for name in times}
    sides = [known.with_columns(**nulls), listed.with_columns(**{name: nw.col(c) for name, c in times.items()})]
    both = materialize(nw.concat([side.select(*_keys(side), "snapshot_at", _OWN, *times) for side in sides]))
    ids = nw.from_native(identify(both.to_native()))
    own = ids.filter(~nw.col(_OWN).is_null()).group_by("customer_id", _OWN).agg().select("customer_id", _OWN)
    rows = ids.filter(nw.col(_OWN).is_null()).select("customer_id", "source_file", "source_row", *times)
    joined = own.join(rows, on="customer_id").select("source_file", "source_row", *times, customer_id=_OWN)
    return materialize(joined)


def _keys(frame: Any) -> list[Any]:
    """Return the columns that identify customers; a missing optional one is null."""
    missing = set(OPTIONAL) - set(frame.collect_schema().names())
    return [nw.lit(None, nw.String).alias(n) if n in missing else nw.col(n) for n in (*NEEDED, *OPTIONAL)]


def with_customer_list(histories: Any, records: Any, customer_list: Any | None) -> Any:
    """Add when the list with the customer was exported, since when the customer is associated, and whether it has left.

    A customer on the list counts as associated (``_ik_association``).

    Returns:
        The same rows with ``_ik_listed_at``, ``_ik_listed_by`` (the end of that day), ``_ik_listed_since`` (if unknown,
        the day of the list) and ``_ik_has_left``.
    """
    if customer_list is None:
        nulls = dict.fromkeys((LISTED_AT, LISTED_BY, SINCE), nw.lit(None, _TIME))
        return histories.with_columns(**nulls, **{HAS_LEFT: nw.lit(value=False)})
    matches = match_customers(records, customer_list).group_by("customer_id")
    matches = matches.agg(nw.col(LISTED_AT).max(), nw.col(SINCE).max())
    newest = customer_list.select(_ik_list_at=nw.col("snapshot_at").max())
    frame = histories.join(matches, left_on="_ik_customer", right_on="customer_id", how="left")
    frame = frame.join(_associated(records), left_on="_ik_customer", right_on="customer_id", how="left")
    frame = frame.join(newest, how="cross")
    frame = frame.with_columns(end_of_day("_ik_list_at").alias(LISTED_BY))
    is_listed = ~nw.col(LISTED_AT).is_null()
    # A newer invitation has no outcome on the list.
    # An association on the list's own day may be newer than the list.
    is_before = nw.when(nw.col("_ik_associated_at").is_null()).then(nw.col("_ik_shown_at") <= nw.col(LISTED_BY))
    was_associated = is_before.otherwise(nw.col("_ik_associated_at") < nw.col("_ik_list_at")).fill_null(value=False)
    was_associated = was_associated & ~(nw.col("_ik_last_at") > nw.col(LISTED_BY)).fill_null(value=False)
    frame = materialize(
        frame.with_columns((was_associated & ~is_listed).alias(HAS_LEFT), _ik_stays=was_associated & is_listed)
    )
    left, stays = (count_rows(frame.filter(nw.col(name))) for name in (HAS_LEFT, "_ik_stays"))
    return frame.with_columns(
        nw.coalesce(SINCE, LISTED_AT).alias(SINCE),
        (nw.col(HAS_LEFT) & nw.lit(value=left <= stays)).alias(HAS_LEFT),
        nw.when(is_listed).then(nw.lit(2)).otherwise(nw.col("_ik_association")).cast(nw.Int64).alias("_ik_association"),
    ).drop("_ik_list_at", "_ik_associated_at", "_ik_shown_at", "_ik_stays")


def _associated(records: Any) -> Any:
    """Return when each customer was associated, and the newest snapshot that shows it."""
    associated = records.filter((nw.col("effective_status") == "associated") & ~nw.col("customer_id").is_null())
    times = {"_ik_associated_at": end_of_day("associated_at"), "_ik_shown_at": nw.col("snapshot_at")}
    return associated.with_columns(**times).group_by("customer_id").agg(nw.col(*times).max())
