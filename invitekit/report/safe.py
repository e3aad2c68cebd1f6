"""Small tables to the same tables as they may be handed on: no name of a person, no count that is too small."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from invitekit.progress import EMPTY, OTHER, Progress
from invitekit.progress.cube import By
from invitekit.report.suppression import LEAST, Row, fold, hidden, rate
from invitekit.vocabularies import UNKNOWN

_RATED = ("n", "rate", "low", "high")
_PARTS = ("associated", "failed", "expired")
_WORD = re.compile(r"^[^\W\d_][^\d@_/\\<>]{1,39}$")
"""What a country may look like: words. A file may hold anything there, an address even."""
TRENDS: tuple[By, ...] = ("who_acts", "cause")
"""Trends that a report shows besides that of all together."""


@dataclass(frozen=True, slots=True)
class Names:
    """How groups are called that are people, or may name some: by number, largest first."""

    manager: str = "Manager {n}"
    tag: str = "Tag {n}"


def safe(found: Progress, names: Names | None = None) -> Progress:
    """Give the tables as they may be handed on.

    Account managers and custom tags become numbers; a country that is no word, and every group
    that is too small, is counted among the others. Counts below ten are null, and so is a second
    one where the total would give the first away. Curves rise in steps of ten associations.

    Args:
        found: What ``progress`` gives.
        names: What managers and tags are called.
    """
    called = names or Names()
    return replace(
        found,
        funnel=_made(found.funnel, _funnel(found.funnel.to_dicts())),
        trend=_made(found.trend, _trend(found.trend.to_dicts())),
        trends={by: _made(table, _trend(table.to_dicts())) for by, table in found.trends.items() if by in TRENDS},
        survival=_made(found.survival, _survival(found.survival.to_dicts())),
        ageing=_made(found.ageing, _cells(found.ageing.to_dicts(), "bucket", "status")),
        pareto=_made(found.pareto, _pareto(found.pareto.to_dicts())),
        by_method=_made(found.by_method, _parts(found.by_method.to_dicts())),
        by_type=_made(found.by_type, _parts(found.by_type.to_dicts())),
        by_manager=_made(found.by_manager, _numbered(_parts(found.by_manager.to_dicts()), called.manager)),
        by_country=_made(found.by_country, _parts(_words_only(found.by_country.to_dicts()))),
        by_tag=_made(found.by_tag, _numbered(_parts(found.by_tag.to_dicts()), called.tag)),
        repeats=_made(found.repeats, _repeats(found.repeats.to_dicts())),
        snapshots=_made(found.snapshots, _cells(found.snapshots.to_dicts(), "snapshot_at", "status")),
    )


def _made(table: Any, rows: Iterable[Row]) -> pl.DataFrame:
    return pl.DataFrame([{name: row.get(name) for name in table.columns} for row in rows], schema=table.schema)


def _funnel(rows: list[Row]) -> list[Row]:
    by_stage = {row["stage"]: row for row in rows}
    away = {stage for stage, _ in hidden({(row["stage"], ""): row["n"] for row in rows if row["part_of"] is None})}
    for whole in by_stage:
        members = [row for row in rows if row["part_of"] == whole]
        if whole in away:
            away |= {row["stage"] for row in members}
        else:
            away |= {stage for stage, _ in hidden({(row["stage"], ""): row["n"] for row in members})}
    return [
        _without(row, count=row["stage"] in away, of=row["stage"] in away or row["part_of"] in away) for row in rows
    ]


def _without(row: Row, *, count: bool, of: bool) -> Row:
    return row | (dict.fromkeys(_RATED) if count else {}) | ({"of": None, **dict.fromkeys(_RATED[1:])} if of else {})


def _trend(rows: list[Row]) -> list[Row]:
    """Hide counts of single periods: each period's failures and what is left of it, over groups and over periods."""
    failed = {(row["group"], row["period_start"]): row["n"] for row in rows}
    rest: dict[Any, int] = {}
    for row in rows:
        cell = (row["group"], row["period_start"])
        rest |= {(cell, "failed"): row["n"], (cell, "rest"): row["of"] - row["n"]}
    away = hidden(failed) | {cell for cell, _ in hidden(rest)}
    few = hidden({(row["group"], row["period_start"]): row["of"] for row in rows})
    quiet = {"signal": None} | dict.fromkeys(_RATED)
    unknown = quiet | dict.fromkeys(("of", "lower_limit", "upper_limit"))
    made = []
    for row in rows:
        cell = (row["group"], row["period_start"])
        made.append(row | (unknown if cell in few else quiet if cell in away else {}))
    return made


def _survival(rows: list[Row]) -> list[Row]:
    """Give curves that rise only when ten more are associated; groups with fewer have none."""
    made: list[Row] = []
    waiting: dict[Any, int] = {}
    for row in sorted(rows, key=lambda row: (row["group"] is not None, str(row["group"]), row["days"])):
        group = row["group"]
        waiting[group] = waiting.get(group, 0) + row["associated"]
        plain = row | {"at_risk": None, "associated": None}
        if waiting[group] >= LEAST:
            waiting[group] = 0
            made.append(plain)
        elif row["days"] == 0:
            made.append(plain | {"share": 0.0, "low": None, "high": None})
    risen = {row["group"] for row in made if row["days"] > 0}
    return [row for row in made if row["group"] in risen]


def _cells(rows: list[Row], one: str, other: str) -> list[Row]:
    away = hidden({(row[one], row[other]): row["n"] for row in rows})
    return [row | ({"n": None} if (row[one], row[other]) in away else {}) for row in rows]


def _pareto(rows: list[Row]) -> list[Row]:
    """Fold rare causes among those for whom the same acts, so that who acts still adds up."""
    sizes: dict[tuple[Any, str], int] = {}
    for row in rows:
        sizes[row["who_acts"], ""] = sizes.get((row["who_acts"], ""), 0) + row["n"]
    away = {who for who, _ in hidden(sizes)}
    made = [
        row
        for who, _ in sizes
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
    return {"value": OTHER} | {name: sum(row[name] for row in rows) for name in ("settled", *_PARTS)}


def _parts(rows: list[Row]) -> list[Row]:
    """Fold small groups, then hide small counts; only what is settled is told."""
    settled = [row for row in rows if row["settled"]]
    folded = fold(settled, "settled", _joined, lambda row: bool(row["value"] == OTHER))
    away = hidden({(row["value"], part): row[part] for row in folded for part in _PARTS})
    made = []
    for row in folded:
        counts = {part: None if (row["value"], part) in away else row[part] for part in _PARTS}
        told: Row = {"value": row["value"], "settled": row["settled"], "small": False} | counts
        made.append(told | rate(counts["failed"], row["settled"], "failure_")
                    | rate(counts["associated"], row["settled"], "association_"))  # fmt: skip
    return made


def _numbered(rows: list[Row], name: str) -> list[Row]:
    named = [row for row in rows if row["value"] not in (EMPTY, OTHER)]
    numbers = {row["value"]: name.format(n=place) for place, row in enumerate(named, 1)}
    return [row | {"value": numbers.get(row["value"], row["value"])} for row in rows]


def _repeats(rows: list[Row]) -> list[Row]:
    """Fold rare causes, then hide how few led to an association or did not."""
    folded = fold(rows, "resends", _retold)
    counts: dict[Any, int] = {}
    for row in folded:
        group = (row["failure_code"], row["method"])
        counts |= {(group, "associated"): row["associated"], (group, "rest"): row["resends"] - row["associated"]}
    away = {group for group, _ in hidden(counts)}
    made = []
    for row in folded:
        told = None if (row["failure_code"], row["method"]) in away else row["associated"]
        others = dict.fromkeys(("failed_same", "failed_other", "expired"))
        made.append(row | others | {"associated": told, "small": False} | rate(told, row["resends"]))
    return made


def _retold(rows: list[Row]) -> Row:
    told = {"failure_code": OTHER, "cause": OTHER, "method": OTHER}
    return told | {name: sum(row[name] for row in rows) for name in ("resends", "associated")}
