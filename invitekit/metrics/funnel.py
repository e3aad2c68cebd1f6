"""Counts by stage, and rates by each value of a column.

Counts use the outcomes so far, as on every screen. Rates use the invitations whose follow-up is over, by their outcomes
within it: of newer invitations, only the used ones have an outcome.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.metrics.aggregate import OTHER
from invitekit.metrics.follow_up import FAILED, NOT_USED, OUTCOMES
from invitekit.metrics.intervals import is_small, rated, wilson

OPEN = ("invited",)
"""Outcome of an unused invitation within its follow-up."""
NOT_INVITED = ("pre_registered", "pending_review", "not_pre_registered")
SENT = (*OUTCOMES, *OPEN)
_STAGES: Mapping[str, tuple[str | None, tuple[str, ...]]] = {
    "all": (None, (*NOT_INVITED, *SENT, "unknown")),
    "not_invited": ("all", NOT_INVITED),
    "pre_registered": ("not_invited", ("pre_registered",)),
    "pending_review": ("not_invited", ("pending_review",)),
    "not_pre_registered": ("not_invited", ("not_pre_registered",)),
    "unknown": ("all", ("unknown",)),
    "invited": ("all", SENT),
    "associated": ("invited", ("associated",)),
    "failed": ("invited", (FAILED,)),
    "expired": ("invited", ("expired",)),
    "not_used": ("invited", (NOT_USED,)),
    "open": ("invited", OPEN),
}
"""Each stage with its parent stage and its outcomes; the parts of a stage add up to it."""
FUNNEL = {
    "stage": nw.String(), "part_of": nw.String(), "n": nw.Int64(), "of": nw.Int64(), "rate": nw.Float64(),
    "low": nw.Float64(), "high": nw.Float64(), "small": nw.Boolean(),
}  # fmt: skip
_COUNTS = ("invited", "open", "associated", "failed", "expired", "not_used", "followed",
           "followed_associated", "followed_failed")  # fmt: skip
_RATES = tuple(f"{rate}_{name}" for rate in ("failure", "association") for name in ("rate", "low", "high"))
PARTS = {
    "value": nw.String(), **dict.fromkeys(_COUNTS, nw.Int64()), **dict.fromkeys(_RATES, nw.Float64()),
    "small": nw.Boolean(),
}  # fmt: skip
_COUNTED = {
    "associated": "associated", FAILED: "failed", "expired": "expired", NOT_USED: "not_used", "invited": "open",
}  # fmt: skip
"""The column of ``PARTS`` that counts an outcome."""
MAX_VALUES = 200
"""The most values with a row; rarer values are counted together."""


def small_table(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, Any]) -> Any:
    """Build a Polars frame of a few rows."""
    listed = list(rows)
    values = {name: [row[name] for row in listed] for name in columns}
    return nw.from_dict(values, dict(columns), backend="polars").to_native()


def funnel(cells: Any) -> Any:
    """Return each stage with its share of its parent stage, by the outcomes so far."""
    by_outcome = dict(cells.group_by("outcome").agg(nw.col("n").sum()).iter_rows())
    sizes = {stage: sum(by_outcome.get(one, 0) for one in outcomes) for stage, (_, outcomes) in _STAGES.items()}
    rows = [
        {"stage": stage, "part_of": whole} | rated(sizes[stage], sizes[whole or stage])
        for stage, (whole, _) in _STAGES.items()
    ]
    return small_table(rows, FUNNEL)


def parts(cells: Any, by: str) -> Any:
    """Return the counts so far and the rates within the follow-up of each value of a column; most invited first."""
    sent = cells.filter(nw.col("outcome").is_in(list(SENT))).group_by(by, "outcome", "followed_outcome")
    values: dict[str, dict[str, int]] = {}
    for value, outcome, followed, n in sent.agg(nw.col("n").sum()).iter_rows():
        counts = values.setdefault(value, dict.fromkeys(_COUNTS, 0))
        for name in ("invited", _COUNTED[outcome]):
            counts[name] += n
        followed_as = {"associated": ["followed_associated"], FAILED: ["followed_failed"]}.get(followed, [])
        for name in ["followed", *followed_as] if followed is not None else []:
            counts[name] += n
    ranked = sorted(values, key=lambda value: (-values[value]["invited"], value))
    rest = [values[value] for value in ranked[MAX_VALUES:]]
    rows = [_part(value, values[value]) for value in ranked[:MAX_VALUES]]
    if rest:
        rows.append(_part(OTHER, {name: sum(one[name] for one in rest) for name in rest[0]}))
    return small_table(rows, PARTS)


def _part(value: str, counts: Mapping[str, int]) -> dict[str, Any]:
    of, rates = counts["followed"], dict[str, Any]()
    for name, n in (("failure", counts["followed_failed"]), ("association", counts["followed_associated"])):
        low, high = wilson(n, of)
        rates |= {f"{name}_rate": n / of if of else None, f"{name}_low": low, f"{name}_high": high}
    return {"value": value, **counts, **rates, "small": is_small(counts["followed_failed"], of)}
