"""Tables that may be handed on to the sections of a report: how to read it, the figure, the numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from invitekit import charts
from invitekit.charts import Chart, Look
from invitekit.charts.chart import named
from invitekit.charts.colours import STAGES
from invitekit.charts.labels import interval, percent
from invitekit.metrics import EMPTY, OTHER, Progress
from invitekit.report.linked_tables import newest
from invitekit.report.page import Section, Table, words
from invitekit.report.suppression import Ledger, Row
from invitekit.workspace import Comparison

Drawn = Callable[[Look], Chart]
_BY = {
    "by_method": "invitation_method", "by_type": "association_type", "by_country": "country",
    "by_manager": "account_manager", "by_tag": "custom_tag",
}  # fmt: skip
_SHOWN_ROWS = 60
"""Rows of a table in a report."""


def sections(found: Progress, look: Look, change: Comparison | None = None) -> tuple[Section, ...]:
    """Give the sections of a report; one without any number is left out.

    Args:
        found: Tables that may be handed on, as ``protect`` gives them.
        look: How figures are drawn; each is drawn on dark too.
        change: What happened between the two newest snapshots, if there are two.
    """
    made = [
        _section("funnel", look, _funnel(found, look), lambda to: charts.funnel(found.funnel, to)),
        _section("pareto", look, _pareto(found, look), lambda to: charts.pareto(found.pareto, to)),
        *_trends(found, look),
        *(_groups(found, key, by, look) for key, by in _BY.items()),
        _section("survival", look, _survival(found, look),
                 lambda to: charts.survival(found.survival, "invitation_method", to)),
        _section("ageing", look, _ageing(found, look), lambda to: charts.ageing(found.ageing, to)),
        _section("repeats", look, _repeats(found, look), lambda to: charts.repeats(found.repeats, to)),
        _section("snapshots", look, _snapshots(found, look), lambda to: charts.snapshots(found.snapshots, to)),
    ]  # fmt: skip
    changed = [_change(change, look)] if change is not None else []
    return tuple(section for section in [*made, *changed] if section.table.rows)


def _section(key: str, look: Look, table: Table, drawn: Drawn, note: str = "") -> Section:
    told = words(look.language)
    dark = replace(look, dark=True)
    return Section(key, told["section"][key], told["how"][key], table, drawn(look), drawn(dark), note)


def table(look: Look, names: Iterable[str], rows: Iterable[Iterable[Any]], left: int = 1) -> Table:
    """Make a table: numbers with separators, what is hidden as a dot, the first columns to the left.

    Args:
        look: Gives the language.
        names: Of the columns, as the words know them.
        rows: The values, one a column.
        left: So many columns hold words.
    """
    told, headers = words(look.language), list(names)
    every = [tuple(_shown(value, told) for value in row) for row in rows]
    more = len(every) - _SHOWN_ROWS
    rest = [(told["more_rows"].format(n=f"{more:,}"), *[""] * (len(headers) - 1))] if more > 0 else []
    numbers = frozenset(range(left, len(headers)))
    shown = (*every[:_SHOWN_ROWS], *rest)
    return Table(tuple(told["column"].get(name, name) for name in headers), shown, numbers)


def _shown(value: Any, told: Mapping[str, Any]) -> str:
    if value is None:
        return str(told["hidden"])
    return f"{value:,}" if isinstance(value, int) else str(value)


def _rate(row: Row, prefix: str = "") -> str | None:
    """Give a rate with its interval, or nothing where it is hidden."""
    rate, low, high = (row[f"{prefix}{name}"] for name in ("rate", "low", "high"))
    return None if rate is None else f"{percent(rate)} ({interval(low, high)})"


def _funnel(found: Progress, look: Look) -> Table:
    stages = {value.code: value.label(look.language) for value in STAGES}
    rows = [row for row in found.funnel.to_dicts() if row["stage"] in stages and row["n"] != 0]
    cells = [[_stage(row, stages, look), row["n"], None if row["part_of"] is None else _rate(row)] for row in rows]
    return table(look, ["stage", "records", "share"], cells if any(row["n"] for row in rows) else [])


def _stage(row: Row, stages: Mapping[str, str], look: Look) -> str:
    whole = look.words["wholes"].get(row["part_of"])
    return look.words["part_of"].format(part=stages[row["stage"]], whole=whole) if whole else stages[row["stage"]]


def _pareto(found: Progress, look: Look) -> Table:
    rows = found.pareto.to_dicts()
    cells = [
        [
            look.words["other_causes"] if row["failure_code"] == OTHER else row["cause"],
            named(row["who_acts"], "who_acts", look) if row["who_acts"] else "–",
            row["n"],
            _rate(row | {"rate": row["share"]}),
            percent(row["cumulative"]),
        ]
        for row in rows
    ]
    return table(look, ["cause", "who_acts", "records", "share", "cumulative"], cells, left=2)


def _trends(found: Progress, look: Look) -> list[Section]:
    """Give the trend of all together, and those that tell apart where most of their counts can be shown."""
    told, period = words(look.language), found.period
    made, untold = [_trend(found.trend, "trend", None, look, period)], False
    for by, found_by in found.trends.items():
        counts = [row["n"] for row in found_by.to_dicts() if row["n"] != 0]
        if counts and sum(n is not None for n in counts) * 2 > len(counts):
            made.append(_trend(found_by, f"trend_{by}", by, look, period))
        elif counts:
            untold = True
    note = f"{made[0].note} {told['few'].format(period=told[period])}".strip()
    return [replace(made[0], note=note), *made[1:]] if untold else made


def _trend(found: Any, key: str, by: str | None, look: Look, period: str) -> Section:
    told = words(look.language)
    shown = newest(found.to_dicts())
    older = found["period_start"].n_unique() - len(shown)
    note = told["older"].format(n=f"{older:,}", period=told[period]) if older else ""
    found = found.filter(found["period_start"].is_in(shown))
    cells = [
        [
            *([named(row["group"], by, look)] if by else []),
            f"{row['period_start']:{'%Y-%m' if period == 'month' else '%Y-%m-%d'}}",
            row["n"],
            row["of"],
            _rate(row),
            "" if row["lower_limit"] is None else interval(row["lower_limit"], row["upper_limit"]),
            told["signal"].get("incomplete" if row["incomplete"] else row["signal"], ""),
        ]
        for row in found.to_dicts()
        if row["of"] != 0
    ]
    names = [*(["group"] if by else []), "period", "failed", "settled", "share", told["expected"], "signal"]
    told_any = any(row["n"] is not None for row in found.to_dicts())
    cells = (cells[::-1] if by is None else cells) if told_any else []
    numbers = table(look, names, cells, left=2 if by else 1)
    return _section(key, look, numbers, lambda to: charts.trend(found, by, to, period=period), note)


def _groups(found: Progress, key: str, by: str, look: Look) -> Section:
    groups = getattr(found, key)
    cells = [
        [named(row["value"], by, look), row["settled"], row["failed"], _rate(row, "failure_"), row["associated"],
         _rate(row, "association_")]
        for row in groups.to_dicts()
    ]  # fmt: skip
    names = ["group", "settled", "failed", "failed_share", "associated", "associated_share"]
    # One rate compares with nothing.
    numbers = table(look, names, cells if sum(cell[3] is not None for cell in cells) > 1 else [])
    stages = {row["stage"]: row["rate"] for row in found.funnel.to_dicts()}
    return _section(key, look, numbers, lambda to: charts.groups(groups, by, to, overall=stages.get("failed")))


def _survival(found: Progress, look: Look) -> Table:
    rows = {(row["group"], row["days"]): row for row in found.survival.to_dicts()}
    cells = []
    for (group, day), row in rows.items():
        name = named(group, "invitation_method", look) if group else look.words["all"]
        share = percent(row["share"]) if row["low"] is None else _rate(row | {"rate": row["share"]})
        cells += [[name, row["size"], row["median_days"] or "–", day, share]] * (day > 0)
    return table(look, ["group", "size", "median", "days", "share"], cells)


def _ageing(found: Progress, look: Look) -> Table:
    rows = [row for row in found.ageing.to_dicts() if row["n"] != 0]
    cells = [
        [look.words["undated"] if row["bucket"] == EMPTY else row["bucket"].replace("-", "–"),
         named(row["status"], "effective_status", look), row["n"]]
        for row in rows
    ]  # fmt: skip
    return table(look, ["waited", "status", "records"], cells if any(row["n"] for row in rows) else [], left=2)


def _repeats(found: Progress, look: Look) -> Table:
    cells = [
        [named(OTHER, None, look) if row["cause"] == OTHER else row["cause"],
         "–" if row["method"] == OTHER else named(row["method"], "invitation_method", look),
         row["resends"], row["associated"], _rate(row)]
        for row in found.repeats.to_dicts()
    ]  # fmt: skip
    return table(look, ["before", "method", "resends", "associated", "share"], cells, left=2)


def _snapshots(found: Progress, look: Look) -> Table:
    cells = [
        [f"{row['snapshot_at']:%Y-%m-%d}", named(row["status"], "effective_status", look), row["n"]]
        for row in found.snapshots.to_dicts()[::-1]
        if row["n"] != 0 and row["snapshot_at"] is not None
    ]
    several = len({cell[0] for cell in cells}) > 1
    return table(look, ["snapshot", "status", "records"], cells if several else [], left=2)


def _change(change: Comparison, look: Look) -> Section:
    """Give what happened to customers between two snapshots."""
    told = words(look.language)
    counts = Ledger()
    parts = [counts.put(name, n) for name, n in change.counts.items()]
    counts.add_up(counts.put("all", sum(change.counts.values()), counts.fixed), parts)
    away = counts.hidden()
    cells = [[told["change"][name], None if name in away else n] for name, n in change.counts.items()]
    days = [f"{at:%Y-%m-%d}" if at else "–" for at in (change.before_at, change.after_at)]
    how = told["how"]["change"].format(before=days[0], after=days[1])
    numbers = table(look, ["change", "customers"], cells if any(change.counts.values()) else [])
    return Section("change", told["section"]["change"], how, numbers)
