"""Two snapshots to what happened in between, customer by customer."""

from __future__ import annotations

from typing import Any, TypeVar

import narwhals.stable.v2 as nw

from invitekit import schema
from invitekit.customers import ALONE, identify, require
from invitekit.engine.materialize import materialize, temp_tables
from invitekit.resend.reasons import first_of
from invitekit.workspace.comparison import CHANGES, SAME, Comparison, Side

Frame = TypeVar("Frame")

_NAMES = ("customer_full_name", "customer_name", "account_name", "email")
_STATES = {
    "record_id": "record_id",
    "status": "effective_status",
    "failure_code": "failure_code",
    "cause": "cause",
    "invited_at": "invited_at",
}
"""Columns that are told for both sides, and what they are called in annotated records."""
COLUMNS = ("change", "customer_id", *_NAMES, *(f"{name}_{side}" for name in _STATES for side in ("before", "after")))
_PLACE = ("source_file", "source_row", "snapshot_at")
_NEEDED = tuple(dict.fromkeys((*_STATES.values(), *_NAMES, *schema.NATURAL_KEY, *_PLACE)))
_SIDE, _AT, _ORDER, _STATE, _UNCLEAR = "_ik_side", "_ik_at", "_ik_order", "_ik_state", "_ik_unclear"
_SPEAKING = ("customer_id", _SIDE, "effective_status", "failure_code", "invited_at", *_PLACE)
"""Columns that say which record speaks, and what of."""
_COUNTED = ("customers_before", "customers_after", "rows_before", "rows_after")
_HERE = {"before": nw.col(_SIDE) == 0, "after": nw.col(_SIDE) == 1}
_WIDE = 10**12


def compare(before: Frame, after: Frame) -> Comparison:
    """Compare two snapshots of annotated records, customer by customer.

    Customers are told apart over both snapshots together (``customers.identify``). In each, the
    newest invitation of a customer speaks (by ``invited_at``, then ``snapshot_at``; an unknown time
    is the oldest). A record that belongs to nobody for certain, and a customer whose newest records
    contradict each other in status or cause, are not matched, but counted.

    Args:
        before: The earlier snapshot: what ``annotate`` gives as of its own date.
        after: The later one, on the same engine; for DuckDB on the same connection.

    Raises:
        SchemaError: A column that is needed is missing.
    """
    both = nw.concat([_side(before, 0), _side(after, 1)])
    with temp_tables() as persist:
        known: Any = nw.from_native(identify(both.to_native()))
        # What happened is found in a few columns; names and states are looked up where something did.
        story: Any = materialize(_happened(_spoken(known.select(*_SPEAKING))))
        found = story.lazy().group_by("change").agg(nw.len().alias("n"), *(nw.col(name).sum() for name in _COUNTED))
        by_change = {row["change"]: row for row in found.collect("pyarrow").rows(named=True)}
        moved = story.filter(nw.col("change").is_in(list(CHANGES))).select("customer_id", "change")
        changes = persist(materialize(_told(_spoken(known.join(moved, on="customer_id"))).to_native()))
    counts = {name: int(by_change[name]["n"]) if name in by_change else 0 for name in (*CHANGES, SAME)}
    return Comparison(counts, _sum_up(by_change, "before"), _sum_up(by_change, "after"), changes)


def _sum_up(by_change: dict[str, Any], side: str) -> Side:
    def total(name: str, *changes: str) -> int:
        return sum(int(by_change[change][f"{name}_{side}"]) for change in changes if change in by_change)

    told = [change for change in by_change if change != "alone"]
    return Side(total("rows", *by_change), total("customers", *told), total("rows", "alone"),
                total("customers", "unclear"))  # fmt: skip


def _side(annotated: Any, number: int) -> Any:
    frame: Any = nw.from_native(annotated)
    require(frame.collect_schema().names(), _NEEDED)
    return frame.select(*_NEEDED).with_columns(nw.lit(number).alias(_SIDE))


def _spoken(frame: Any) -> Any:
    """Keep the record that speaks for each customer on each side, and say whether others contradict it."""
    # Each engine writes a time in its own way, and each way sorts.
    times = [nw.col(name).cast(nw.String).fill_null("0") for name in ("invited_at", "snapshot_at")]
    row = (nw.col("source_row").cast(nw.Int64) + _WIDE).cast(nw.String).fill_null("")
    state = [nw.col(name).fill_null("") for name in ("effective_status", "failure_code")]
    group = ["customer_id", _SIDE]
    frame = frame.with_columns(
        nw.concat_str(times, separator="|").alias(_AT), nw.concat_str(state, separator="|").alias(_STATE)
    ).with_columns(nw.concat_str([nw.col(_AT), nw.col("source_file").fill_null(""), row], separator="|").alias(_ORDER))
    ranked = frame.with_columns(
        _ik_rank=nw.col(_ORDER).rank("ordinal", descending=True).over(*group),
        _ik_rows=nw.col("customer_id").count().over(*group),
        _ik_low=nw.col(_STATE).min().over(*group, _AT),
        _ik_high=nw.col(_STATE).max().over(*group, _AT),
    )
    differ = nw.when(nw.col("_ik_low") != nw.col("_ik_high")).then(nw.lit(1)).otherwise(nw.lit(0))
    return ranked.filter(nw.col("_ik_rank") == 1).with_columns(differ.alias(_UNCLEAR))


def _happened(spoken: Any) -> Any:
    """One row a customer: what happened, and what is counted of both sides."""
    sides = _beside({"status": "effective_status", "failure_code": "failure_code", "rows": "_ik_rows"})
    counted = {f"customers_{side}": nw.when(here).then(nw.lit(1)).otherwise(nw.lit(0)) for side, here in _HERE.items()}
    rows = spoken.select("customer_id", _UNCLEAR, **sides, **counted)
    joined = rows.group_by("customer_id").agg(nw.col(_UNCLEAR, *sides, *counted).max())
    filled = {name: nw.col(name).fill_null(0) for name in ("rows_before", "rows_after")}
    return joined.with_columns(change=_change(), **filled).select("customer_id", "change", *_COUNTED)


def _told(spoken: Any) -> Any:
    """One row a customer: what happened, who it is, and both sides beside each other."""
    sides = _beside(_STATES | {name: name for name in _NAMES})
    joined = spoken.select("customer_id", "change", **sides).group_by("customer_id", "change").agg(nw.col(*sides).max())
    return joined.with_columns(**{name: nw.coalesce(f"{name}_after", f"{name}_before") for name in _NAMES}).select(
        *COLUMNS
    )


def _beside(columns: dict[str, str]) -> dict[str, Any]:
    """Expressions of columns of both sides, null on the rows of the other."""
    return {
        f"{name}_{side}": nw.when(here).then(nw.col(column))
        for side, here in _HERE.items()
        for name, column in columns.items()
    }


def _change() -> Any:
    def status(side: str, code: str) -> Any:
        return (nw.col(f"status_{side}") == code).fill_null(value=False)

    failed = [status(side, "association_failed") for side in ("before", "after")]
    causes = [nw.col(f"failure_code_{side}").fill_null("") for side in ("before", "after")]
    rows = [
        (nw.col("customer_id").str.starts_with(ALONE), "alone"),
        (nw.col(_UNCLEAR) == 1, "unclear"),
        (nw.col("customers_after") == 0, "vanished"),
        (nw.col("customers_before") == 0, "appeared"),
        (status("after", "associated") & ~status("before", "associated"), "became_associated"),
        (failed[1] & ~failed[0], "newly_failed"),
        (failed[0] & failed[1] & (causes[0] != causes[1]), "cause_changed"),
    ]
    return first_of([(condition, nw.lit(name)) for condition, name in rows], nw.lit(SAME))
