"""Counts to the funnel and to rates by each value of a column: everywhere the same settled, open and not invited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.metrics.aggregate import FAILED, OTHER
from invitekit.metrics.intervals import is_small, rated, wilson

SETTLED = ("associated", FAILED, "expired")
"""Effective statuses of an invitation whose outcome is known."""
OPEN = ("invited",)
NOT_INVITED = ("pre_registered", "pending_review", "not_pre_registered")
_SENT = (*SETTLED, *OPEN)
_STAGES: Mapping[str, tuple[str | None, tuple[str, ...]]] = {
    "all": (None, (*NOT_INVITED, *_SENT, "unknown")),
    "not_invited": ("all", NOT_INVITED),
    "pre_registered": ("not_invited", ("pre_registered",)),
    "pending_review": ("not_invited", ("pending_review",)),
    "not_pre_registered": ("not_invited", ("not_pre_registered",)),
    "unknown": ("all", ("unknown",)),
    "invited": ("all", _SENT),
    "open": ("invited", OPEN),
    "settled": ("invited", SETTLED),
    "associated": ("settled", ("associated",)),
    "failed": ("settled", (FAILED,)),
    "expired": ("settled", ("expired",)),
}
"""Each stage, the stage that it is a part of, and the statuses in it; the parts of a stage add up to it."""
FUNNEL = {
    "stage": nw.String(), "part_of": nw.String(), "n": nw.Int64(), "of": nw.Int64(), "rate": nw.Float64(),
    "low": nw.Float64(), "high": nw.Float64(), "small": nw.Boolean(),
}  # fmt: skip
PARTS = {
    "value": nw.String(), "invited": nw.Int64(), "open": nw.Int64(), "settled": nw.Int64(),
    "associated": nw.Int64(), "failed": nw.Int64(), "expired": nw.Int64(),
    "failure_rate": nw.Float64(), "failure_low": nw.Float64(), "failure_high": nw.Float64(),
    "association_rate": nw.Float64(), "association_low": nw.Float64(), "association_high": nw.Float64(),
    "small": nw.Boolean(),
}  # fmt: skip
MOST_VALUES = 200
"""Values beyond the most frequent ones are counted together."""


def small_table(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, Any]) -> Any:
    """Make a Polars frame of a few rows."""
    every = list(rows)
    values = {name: [row[name] for row in every] for name in columns}
    return nw.from_dict(values, dict(columns), backend="polars").to_native()


def funnel(counts: Any) -> Any:
    """Give each stage with its share of the stage that it is a part of."""
    by_status = dict(counts.group_by("status").agg(nw.col("n").sum()).iter_rows())
    sizes = {stage: sum(by_status.get(status, 0) for status in statuses) for stage, (_, statuses) in _STAGES.items()}
    rows = [
        {"stage": stage, "part_of": whole} | rated(sizes[stage], sizes[whole or stage])
        for stage, (whole, _) in _STAGES.items()
    ]
    return small_table(rows, FUNNEL)


def parts(counts: Any, by: str) -> Any:
    """Give for each value of a column how many were invited, and what became of them; most invited first."""
    sent = counts.filter(nw.col("status").is_in(list(_SENT)))
    found: dict[str, dict[str, int]] = {}
    for value, status, n in sent.group_by(by, "status").agg(nw.col("n").sum()).iter_rows():
        found.setdefault(value, dict.fromkeys(_SENT, 0))[status] += n
    ranked = sorted(found, key=lambda value: (-sum(found[value].values()), value))
    rest = [found[value] for value in ranked[MOST_VALUES:]]
    rows = [_part(value, found[value]) for value in ranked[:MOST_VALUES]]
    if rest:
        rows.append(_part(OTHER, {status: sum(one[status] for one in rest) for status in _SENT}))
    return small_table(rows, PARTS)


def _part(value: str, by_status: Mapping[str, int]) -> dict[str, Any]:
    settled = sum(by_status[status] for status in SETTLED)
    counts = {
        "invited": settled + by_status["invited"],
        "open": by_status["invited"],
        "settled": settled,
        "associated": by_status["associated"],
        "failed": by_status[FAILED],
        "expired": by_status["expired"],
    }
    rates: dict[str, Any] = {}
    for name, n in (("failure", counts["failed"]), ("association", counts["associated"])):
        low, high = wilson(n, settled)
        rates |= {f"{name}_rate": n / settled if settled else None, f"{name}_low": low, f"{name}_high": high}
    return {"value": value, **counts, **rates, "small": is_small(counts["failed"], settled)}
