"""Small tables to the same tables as they may be handed on: no name of a person, no count that is too small."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from invitekit.metrics import EMPTY, OTHER, Progress
from invitekit.metrics.aggregate import By
from invitekit.metrics.intervals import control_limits, signals
from invitekit.model.vocabularies import UNKNOWN
from invitekit.report.audit_lp import Cell
from invitekit.report.curves import curves
from invitekit.report.linked_tables import PARTS, ledger, newest
from invitekit.report.suppression import LEAST, Row, fold, rate

_RATED = ("n", "rate", "low", "high")
_GROUPS = ("by_method", "by_type", "by_manager", "by_country", "by_tag")
_NUMBERED = ("by_manager", "by_tag")
_AT = ("snapshot_at", "status")
_TOGETHER = object()
_WORD = re.compile(r"^[^\W\d_][^\d@_/\\<>]{1,39}$")
"""What a country may look like: words. A file may hold anything there, an address even."""
_UNLIMITED: Row = {"lower_limit": None, "upper_limit": None}
Away = frozenset[Cell]
TRENDS: tuple[By, ...] = ("who_acts", "cause")
"""Trends that a report shows besides that of all together."""


@dataclass(frozen=True, slots=True)
class Names:
    """How groups are called that are people, or may name some: by number, largest first."""

    manager: str = "Manager {n}"
    tag: str = "Tag {n}"


def protect(found: Progress, names: Names | None = None) -> Progress:
    """Give the tables as they may be handed on.

    Account managers and custom tags become numbers; a country that is no word, and every group
    that is too small, is counted among the others. Counts below ten are null, and so are others
    from which one could be worked out, in whatever table of the report they stand; periods older
    than those that a report shows are null altogether. Curves rise in
    steps of ten associations, and only where the counts behind them are shown.

    Args:
        found: What ``progress`` gives.
        names: What managers and tags are called.
    """
    called = names or Names()
    found = replace(found, trends={by: table for by, table in found.trends.items() if by in TRENDS})
    folded = _folded(found)
    away = ledger(found, folded).hidden()
    groups = {name: _parts(name, folded[name], away) for name in _GROUPS}
    groups |= {name: _numbered(groups[name], getattr(called, name.removeprefix("by_"))) for name in _NUMBERED}
    return replace(
        found,
        funnel=_made(found.funnel, _funnel(found.funnel.to_dicts(), away)),
        trend=_made(found.trend, _trend(None, found.trend.to_dicts(), away)),
        trends={by: _made(table, _trend(by, table.to_dicts(), away)) for by, table in found.trends.items()},
        survival=_made(found.survival, curves(found, folded["by_method"], away)),
        ageing=_made(found.ageing, _cells("ageing", found.ageing.to_dicts(), ("bucket", "status"), away)),
        pareto=_made(found.pareto, folded["pareto"]),
        repeats=_made(found.repeats, _repeats(folded["repeats"], away)),
        snapshots=_made(
            found.snapshots, _cells("snapshots", found.snapshots.to_dicts(), ("snapshot_at", "status"), away)
        ),
        by_method=_made(found.by_method, groups["by_method"]),
        by_type=_made(found.by_type, groups["by_type"]),
        by_manager=_made(found.by_manager, groups["by_manager"]),
        by_country=_made(found.by_country, groups["by_country"]),
        by_tag=_made(found.by_tag, groups["by_tag"]),
    )


def _folded(found: Progress) -> dict[str, list[Row]]:
    """Give the rows of groups, repeats and causes, those that are too small merged into one."""
    groups = {name: getattr(found, name).to_dicts() for name in _GROUPS}
    groups["by_country"] = _words_only(groups["by_country"])
    made = {
        name: fold([row for row in rows if row["settled"]], "settled", _joined, lambda row: bool(row["value"] == OTHER))
        for name, rows in groups.items()
    }
    return made | {
        "pareto": _pareto(found.pareto.to_dicts()),
        "repeats": fold(found.repeats.to_dicts(), "resends", _retold),
    }


def _made(table: Any, rows: Iterable[Row]) -> pl.DataFrame:
    return pl.DataFrame([{name: row.get(name) for name in table.columns} for row in rows], schema=table.schema)


def _funnel(rows: list[Row], away: Away) -> list[Row]:
    return [
        _without(row, count=gone, of=gone or ("funnel", row["part_of"]) in away)
        for row in rows
        for gone in [("funnel", row["stage"]) in away]
    ]


def _without(row: Row, *, count: bool, of: bool) -> Row:
    return row | (dict.fromkeys(_RATED) if count else {}) | ({"of": None, **dict.fromkeys(_RATED[1:])} if of else {})


def _trend(by: str | None, rows: list[Row], away: Away) -> list[Row]:
    """Hide counts of single periods; where the centre would tell them, limits come from the shown ones only."""
    shown, made = set(newest(rows)), []
    quiet: Row = {"signal": None} | dict.fromkeys(_RATED)
    for row in rows:
        day, group = row["period_start"], row["group"]
        if day not in shown or ("of", day) in away:
            made.append(row | quiet | _UNLIMITED | {"of": None})
        else:
            made.append(row | (quiet if ("n", by, group, day) in away else {}))
    for group in dict.fromkeys(row["group"] for row in made):
        if ("centre", by, group) in away:
            _limit([row for row in made if row["group"] == group])
    return made


def _limit(rows: list[Row]) -> None:
    """Set the limits of one group from the periods whose counts are shown."""
    mine = [row for row in rows if row["n"] is not None and not row["incomplete"]]
    n, of = [row["n"] for row in mine], [row["of"] for row in mine]
    limits = control_limits(n, of)
    for row in rows:
        row |= _UNLIMITED | {"signal": None, "centre": limits.centre if limits else None}  # noqa: PLW2901 - in place
    if limits is not None:
        told = zip(mine, limits.lower, limits.upper, signals(n, of, limits), strict=True)
        for row, low, high, signal in told:
            row.update({"lower_limit": low, "upper_limit": high, "signal": signal} if row["of"] else {})


def _cells(table: str, rows: list[Row], keys: tuple[str, str], away: Away) -> list[Row]:
    return [row | ({"n": None} if (table, *(row[key] for key in keys)) in away else {}) for row in rows]


def _pareto(rows: list[Row]) -> list[Row]:
    """Fold rare causes among those for whom the same acts, so that who acts still adds up."""
    sizes: dict[Any, int] = {}
    for row in rows:
        sizes[row["who_acts"]] = sizes.get(row["who_acts"], 0) + row["n"]
    few = fold([{"who": who, "n": n} for who, n in sizes.items()], "n", lambda _: {"who": _TOGETHER, "n": LEAST})
    away = sizes.keys() - {row["who"] for row in few}
    made = [
        row
        for who in sizes
        if who not in away
        for row in fold([row for row in rows if row["who_acts"] == who], "n", lambda some: _others(some, some[0]))
    ]
    rest = [row for row in rows if row["who_acts"] in away]
    if sum(row["n"] for row in rest) >= LEAST:
        made.append(_others(rest, {"who_acts": None}))
    made.sort(key=lambda row: (row["failure_code"] == OTHER, -row["n"]))
    total = 0
    return [row | {"cumulative": (total := total + row["n"]) / row["of"]} for row in made]


def _others(rows: list[Row], like: Mapping[str, Any]) -> Row:
    n, of = sum(row["n"] for row in rows), rows[0]["of"]
    told = {"failure_code": OTHER, "cause": OTHER, "who_acts": like["who_acts"], "resend_rule": UNKNOWN}
    return told | {"n": n, "of": of, "share": n / of, "small": False} | rate(n, of)


def _words_only(rows: list[Row]) -> list[Row]:
    odd = [row for row in rows if row["value"] not in (EMPTY, OTHER) and not _WORD.match(row["value"])]
    return [row for row in rows if row not in odd] + ([_joined(odd)] if odd else [])


def _joined(rows: list[Row]) -> Row:
    return {"value": OTHER} | {name: sum(row[name] for row in rows) for name in ("settled", *PARTS)}


def _parts(table: str, rows: list[Row], away: Away) -> list[Row]:
    """Hide small counts of groups; only what is settled is told."""
    made = []
    for row in rows:
        if (table, row["value"], "settled") in away:
            continue
        counts = {part: None if (table, row["value"], part) in away else row[part] for part in PARTS}
        told: Row = {"value": row["value"], "settled": row["settled"], "small": False} | counts
        made.append(told | rate(counts["failed"], row["settled"], "failure_")
                    | rate(counts["associated"], row["settled"], "association_"))  # fmt: skip
    return made


def _numbered(rows: list[Row], name: str) -> list[Row]:
    named = [row for row in rows if row["value"] not in (EMPTY, OTHER)]
    numbers = {row["value"]: name.format(n=place) for place, row in enumerate(named, 1)}
    return [row | {"value": numbers.get(row["value"], row["value"])} for row in rows]


def _repeats(rows: list[Row], away: Away) -> list[Row]:
    """Hide how few led to an association or did not."""
    made = []
    for row in rows:
        told = None if ("repeats", row["failure_code"], row["method"]) in away else row["associated"]
        others = dict.fromkeys(("failed_same", "failed_other", "expired", "not_used"))
        made.append(row | others | {"associated": told, "small": False} | rate(told, row["resends"]))
    return made


def _retold(rows: list[Row]) -> Row:
    told = {"failure_code": OTHER, "cause": OTHER, "method": OTHER}
    return told | {name: sum(row[name] for row in rows) for name in ("resends", "associated")}
