"""The tables of a report for its audience: exact for the partner's own people, rounded for the public."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

import polars as pl

from invitekit.errors import check_choice
from invitekit.i18n import Language
from invitekit.metrics import EMPTY, OTHER, MetricsReport
from invitekit.metrics.aggregate import By, number_of, start_of
from invitekit.metrics.intervals import control_limits, rated
from invitekit.metrics.survival import SURVIVAL, kaplan_meier
from invitekit.planning import PlanSummary
from invitekit.privacy.disclosure import STEP, Role, merge_groups, round_count, round_table
from invitekit.report.page import words

Row = dict[str, Any]
Audience = Literal["internal", "public"]
AUDIENCES: tuple[Audience, ...] = get_args(Audience)
TRENDS: tuple[By, ...] = ("who_acts", "cause")
"""Groups whose trends a report shows besides the overall trend."""
_WORD = re.compile(r"^[^\W\d_][^\d@_/\\<>]{1,39}$")
"""A country is shown only if it consists of words: the column of a file may contain anything, even an address."""
Roles = dict[str, Role]


def _all(role: Role, *names: str) -> Roles:
    return dict.fromkeys(names, role)


_RATE = _all("derived", "rate", "low", "high", "small")
_LIMITS = _all("derived", "centre", "lower_limit", "upper_limit", "signal")
_TREND: Roles = {"period_start": "key", "incomplete": "key", "n": "size", "of": "whole", **_RATE, **_LIMITS}
_GROUP: Roles = {"value": "group", "followed": "size", "small": "derived",
                 **_all("count", "invited", "open", "associated", "failed", "expired", "not_used"),
                 **_all("count", "followed_associated", "followed_failed"),
                 **_all("derived", "failure_rate", "failure_low", "failure_high"),
                 **_all("derived", "association_rate", "association_low", "association_high")}  # fmt: skip
_SHARE = (("", "n", "of"),)


@dataclass(frozen=True, slots=True)
class Rule:
    """How one table is published.

    Attributes:
        roles: The role of every column.
        rates: The rates to compute again: the prefix of their columns, the column of the count, and that of the whole.
        small_rows: Whether rows with counts below ten stay, with those counts hidden.
    """

    roles: Roles
    rates: tuple[tuple[str, str, str], ...] = ()
    small_rows: bool = False


_OF_GROUP = Rule(
    _GROUP, (("failure_", "followed_failed", "followed"), ("association_", "followed_associated", "followed"))
)
RULES: Mapping[str, Rule] = {
    "funnel": Rule({"stage": "key", "part_of": "key", "n": "size", "of": "whole", **_RATE}, _SHARE, small_rows=True),
    "trend": Rule({"group": "key", **_TREND}, _SHARE, small_rows=True),
    "association_trend": Rule({"group": "key", **_TREND}, _SHARE, small_rows=True),
    "trends": Rule({"group": "group", **_TREND}, _SHARE, small_rows=True),
    "deadlines": Rule({"day": "key", "deadline": "key", "n": "size"}),
    "ageing": Rule({"bucket": "key", "status": "key", "n": "size"}),
    "snapshots": Rule({"snapshot_at": "key", "status": "key", "n": "size"}),
    "pareto": Rule(
        {**_all("group", "failure_code", "cause", "resend_rule"), "who_acts": "key", "n": "size", "of": "whole",
         **_all("derived", "share", "low", "high", "cumulative", "small")},
        _SHARE,
    ),
    "repeats": Rule(
        {**_all("group", "failure_code", "cause", "method"), "resends": "size", **_RATE,
         **_all("count", "associated", "failed_same", "failed_other", "expired", "not_used")},
        (("", "associated", "resends"),),
    ),
    **dict.fromkeys(("by_method", "by_type", "by_manager", "by_country", "by_tag"), _OF_GROUP),
}  # fmt: skip
"""The rule of each table; a table without a rule is not published."""


def for_audience(metrics: MetricsReport, audience: Audience = "internal", language: Language = "en") -> MetricsReport:
    """Return the tables that a report shows to its audience.

    A country that is not a word is counted among the others. For the rest see ``report``; counts below ten are null.
    Account managers and custom tags are numbered by size, the largest first, those of equal rounded size in an order
    that reveals no name.

    Raises:
        ArgumentError: There is no such audience.
        LookupError: A table or a column of it has no rule for the public.
    """
    check_choice("audience", audience, AUDIENCES)
    trends: dict[str, Any] = {by: table for by, table in metrics.trends.items() if by in TRENDS}
    metrics = replace(metrics, trends=trends, by_country=_words_only(metrics.by_country))
    return metrics if audience == "internal" else _public(metrics, language)


def plan_for_audience(plan: PlanSummary, audience: Audience) -> PlanSummary:
    """Return the counts of a plan for its audience: for the public rounded, without counts below ten."""
    if audience == "internal":
        return plan
    by_decision = {name: round_count(n) or 0 for name, n in plan.by_decision.items()}
    by_reason = {name: size for name, n in plan.by_reason.items() if (size := round_count(n))}
    return replace(plan, by_decision=by_decision, by_reason=by_reason)


def publish(table: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    """Return the publishable form of one table.

    Raises:
        LookupError: A column has no role.
    """
    return _rated(round_table(table, rule.roles, small_rows=rule.small_rows), rule)


def _public(metrics: MetricsReport, language: Language) -> MetricsReport:
    tables = {field.name: getattr(metrics, field.name) for field in fields(metrics)}
    frames = {name: table for name, table in tables.items() if isinstance(table, pl.DataFrame) and name != "survival"}
    if unknown := frames.keys() - RULES.keys():
        raise LookupError(f"no rule says how to publish {', '.join(unknown)}")
    rounded: dict[str, Any] = {name: publish(table, RULES[name]) for name, table in frames.items()}
    calendar = _calendar(rounded["trend"], metrics)
    return replace(
        metrics,
        **rounded
        | {
            "trend": _compared(rounded["trend"], calendar),
            "association_trend": _compared(rounded["association_trend"], calendar),
            "trends": {by: _compared(publish(one, RULES["trends"]), calendar) for by, one in metrics.trends.items()},
            "survival": _curves(metrics.survival),
            "pareto": rounded["pareto"].with_columns(
                cumulative=(pl.col("n").cum_sum() / pl.col("of")).clip(upper_bound=1)
            ),
            "by_manager": _numbered(rounded["by_manager"], words(language)["manager"]),
            "by_tag": _numbered(rounded["by_tag"], words(language)["tag"]),
        },
        counts={name: round_count(n or 0) for name, n in metrics.counts.items()},
    )


def _rated(table: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    """Compute the rates of a table again from its counts; rates of hidden counts stay null."""
    rows = table.to_dicts()
    for row in rows:
        row.update({"small": False} if "small" in row else {})
        for prefix, part, whole in rule.rates:
            if row[part] is not None and row[whole] is not None:
                rate = rated(row[part], row[whole])
                names = (f"{prefix}{name}" if f"{prefix}{name}" in row else "share" for name in ("rate", "low", "high"))
                row.update(zip(names, (rate["rate"], rate["low"], rate["high"]), strict=True))
    return pl.DataFrame(rows, schema=table.schema)


def _words_only(countries: pl.DataFrame) -> pl.DataFrame:
    """Count countries that are not words among the others."""
    odd = [name for name in countries["value"] if name not in (EMPTY, OTHER) and not _WORD.match(name)]
    if not odd:
        return countries
    merged = merge_groups(countries, _GROUP, pl.col("value").is_in(odd))
    small = pl.min_horizontal("followed_failed", "followed") < STEP
    return _rated(merged, _OF_GROUP).with_columns(small=small)


def _numbered(groups: pl.DataFrame, name: str) -> pl.DataFrame:
    """Number the groups of a table, the largest first; equal sizes are ordered by a hash, which reveals no name."""
    named = [row for row in groups.to_dicts() if row["value"] not in (EMPTY, OTHER)]
    named.sort(key=lambda row: (-row["followed"], hashlib.sha256(row["value"].encode()).digest()))
    numbers = {row["value"]: number for number, row in enumerate(named, 1)}
    order = pl.col("value").replace_strict(numbers, default=len(numbers) + 1, return_dtype=pl.Int64)
    public_names = {value: name.format(n=number) for value, number in numbers.items()}
    return groups.sort(order, maintain_order=True).with_columns(pl.col("value").replace(public_names))


def _calendar(trend: pl.DataFrame, metrics: MetricsReport) -> pl.DataFrame:
    """Return all periods from the first to the last that has ten or more: a missing row would reveal an empty period.

    All periods after the first incomplete one count as incomplete: a complete one would reveal that it has no link.
    """
    shown = trend.filter(pl.col("of").is_not_null())["period_start"]
    first, last = (number_of(metrics.period, shown[at]) if len(shown) else at for at in (0, -1))
    numbers = list(range(first, last + 1))
    starts = [start_of(metrics.period, number) for number in numbers]
    young: Any = trend.filter("incomplete")["period_start"].min()
    return pl.DataFrame(
        {"period_start": starts, "incomplete": [young is not None and start >= young for start in starts]},
        schema={"period_start": pl.Date, "incomplete": pl.Boolean},
    )


def _compared(trend: pl.DataFrame, calendar: pl.DataFrame) -> pl.DataFrame:
    """Return a trend with a row for every period of the calendar; only periods with shown counts are compared."""
    groups = trend.select("group").unique(maintain_order=True)
    rows = groups.join(calendar, how="cross").join(
        trend.drop("incomplete"), on=["group", "period_start"], how="left", nulls_equal=True, maintain_order="left"
    )
    filled = rows.with_columns(small=pl.lit(False)).select(trend.columns).to_dicts()  # noqa: FBT003 - a literal
    for group in groups["group"]:
        own = [row for row in filled if row["group"] == group]
        compared = [row for row in own if row["n"] is not None and not row["incomplete"]]
        limits = control_limits([row["n"] for row in compared], [row["of"] for row in compared])
        if limits is None:
            continue
        for row, low, high in zip(compared, limits.lower, limits.upper, strict=True):
            # Rounding moves a count by up to half a step: a difference that rounding may explain is not a signal.
            sure_low, sure_high = ((row["n"] + by) / row["of"] for by in (-STEP // 2, STEP // 2))
            signal = "high" if sure_low > high else "low" if sure_high < low else None
            row.update({"lower_limit": low, "upper_limit": high, "signal": signal})
        for row in own:
            row["centre"] = limits.centre
    return pl.DataFrame(filled, schema=trend.schema)


def _curves(table: pl.DataFrame) -> pl.DataFrame:
    """Recompute the curves of groups of ten or more, from rounded cumulative counts."""
    if unknown := table.columns - SURVIVAL.keys():
        raise LookupError(f"no rule says how to publish {', '.join(unknown)}")
    rows: list[Row] = []
    for (group,), points in table.group_by("group", maintain_order=True):
        curve = kaplan_meier(None if group is None else str(group), _rounded_exits(points.to_dicts()))
        if curve and curve[0]["size"] >= STEP and len(curve) > 1:
            rows += [row | {"associated": row["associated"] or None, "small": False} for row in curve]
    return pl.DataFrame(rows, schema=table.schema)


def _rounded_exits(points: list[Row]) -> dict[int, list[int]]:
    """Return how many customers were associated, and how many last seen waiting, on each day, from rounded sums."""
    size = points[0]["size"]
    exits: dict[int, list[int]] = {}
    associated, before = 0, [0, 0]
    for point, after in zip(points, [*points[1:], None], strict=True):
        associated += point["associated"]
        waited = size - associated - (after["at_risk"] if after else 0)
        joined = round_count(associated) or 0
        left = (round_count(waited) or 0) if after else (round_count(size) or 0) - joined
        now = [joined, max(left, before[1])]
        if now != before:
            exits[point["days"]] = [now[0] - before[0], now[1] - before[1]]
        before = now
    return exits
