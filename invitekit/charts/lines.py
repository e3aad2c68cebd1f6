"""Figures over time: the failure rate by period, and how long an association takes."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from typing import Any

from invitekit.charts.colours import of_code, of_series
from invitekit.charts.figure import LOOK, Curve, Figure, Look, Panel, Values, choice_of, hover, label_for
from invitekit.charts.labels import interval, one_line, percent
from invitekit.charts.svg import Line, Mark, Xy
from invitekit.metrics import OTHER
from invitekit.metrics.aggregate import Period, number_of, start_of
from invitekit.metrics.follow_up import FAILED

MAX_PANELS = 8
"""The most groups that a trend shows, each in its own panel; the note counts the others."""
MAX_PERIODS = 400
"""The most periods in a trend, the newest ones: more would be closer together than pixels."""
MAX_TICKS = 7
"""The most labels of an axis."""
MAX_CURVES = 4
"""The most groups in a figure of survival curves."""
_SIGNS = {"high": ("triangle-up", "alarm"), "low": ("triangle-down", "relief"), "run": ("diamond", "ink")}


def trend(table: Any, by: str | None = None, look: Look = LOOK, *, period: Period = "week") -> Figure:
    """Draw the failure rate of each period, and the range of chance variation.

    A period outside of that range has a mark of its own; the mark of a period whose invitations are still open is
    hollow.

    Args:
        table: ``MetricsReport.trend``, or one of its ``trends``.
        by: The column that made the groups; each gets a panel.
        look: How to draw it.
        period: ``day``, ``week`` or ``month``.
    """
    words = look.words
    title = words["trend_by" if by else "trend"].format(by=words["by"].get(by, ""), period=words["periods"][period])
    rows = sorted((row for row in table.to_dicts() if row["of"] != 0), key=lambda row: row["period_start"])
    if all(row["of"] is None for row in rows):
        return Figure(title, look)
    periods = sorted({row["period_start"] for row in rows})
    shown = periods[-MAX_PERIODS:]
    rows = [row for row in rows if row["period_start"] >= shown[0]]
    names = table["group"].unique(maintain_order=True).to_list()
    with_panel, panels = _with_panel(names), []
    for name in with_panel:
        own = [row for row in rows if row["group"] == name]
        colour = of_code(name) if by == "who_acts" else "accent"
        label = one_line(label_for(name, by, look)) if by else ""
        panels.append(Panel(label, tuple(_lines(own, colour)), tuple(_marks(own, colour, look, period, by))))
    most = max(max(row["rate"] or 0, row["upper_limit"] or 0) for row in rows)
    left_out = {"not_shown": len(names) - len(with_panel), "older": len(periods) - len(shown)}
    notes = [words["of_outcomes"], *(words[name][n != 1].format(n=f"{n:,}") for name, n in left_out.items() if n)]
    margin = max((shown[-1] - shown[0]).days * 0.03, 1)
    return Figure(
        title, look, " · ".join(notes), panels=tuple(panels), keys=tuple(_keys(rows, look)),
        top=min(most * 1.12, 1.02) or 1, ticks=_ticks(shown, period),
        days=(shown[0].toordinal() - margin, shown[-1].toordinal() + margin),
    )  # fmt: skip


def _ticks(days: list[Any], period: Period) -> tuple[tuple[float, str], ...]:
    """Return the first days of the labelled periods with their labels; the first label of a year names the year."""
    days = days[:: -(-len(days) // MAX_TICKS)]
    texts = [f"{day:{'%Y-%m' if period == 'month' else '%m-%d'}}" for day in days]
    if period != "month":
        is_new = [before is None or before.year != day.year for before, day in zip([None, *days], days, strict=False)]
        texts = [f"{text}\n{day:%Y}" if new else text for text, day, new in zip(texts, days, is_new, strict=True)]
    return tuple((day.toordinal(), text) for day, text in zip(days, texts, strict=True))


def _with_panel(names: list[str | None]) -> list[str | None]:
    """Return the groups that have a panel; if there are too many, the first ones and the group of all others."""
    if len(names) <= MAX_PANELS:
        return names
    others = [OTHER] if OTHER in names else []
    return [*[name for name in names if name != OTHER][: MAX_PANELS - len(others)], *others]


def _lines(rows: list[Values], colour: str) -> Iterator[Line]:
    """Yield the lines of one panel: the range of chance variation, its centre, the rates of complete periods."""
    for run in _runs(rows, "lower_limit"):
        upper, lower = (_steps([(_day(row), row[name]) for row in run]) for name in ("upper_limit", "lower_limit"))
        yield Line((*upper, *lower[::-1]), "muted", filled=True)
    for run in _runs(rows, "centre"):
        yield Line(tuple((_day(row), row["centre"]) for row in run), "muted", 1, dashed=True)
    complete = [row | {"rate": None if row["incomplete"] else row["rate"]} for row in rows]
    for run in _runs(complete, "rate"):
        yield Line(tuple((_day(row), row["rate"]) for row in run), colour)


def _runs(rows: list[Values], name: str) -> list[list[Values]]:
    """Split the rows where a value is missing."""
    return [list(run) for known, run in itertools.groupby(rows, lambda row: row[name] is not None) if known]


def _day(row: Values) -> float:
    return float(row["period_start"].toordinal())


def _steps(points: list[Xy]) -> list[Xy]:
    """Return the corners of a step line, which is level around each point."""
    middles = [(left[0] + right[0]) / 2 for left, right in itertools.pairwise(points)]
    starts, ends = [points[0][0], *middles], [*middles, points[-1][0]]
    return [(x, y) for (_, y), start, end in zip(points, starts, ends, strict=True) for x in (start, end)]


def _marks(rows: list[Values], colour: str, look: Look, period: Period, by: str | None) -> Iterator[Mark]:
    """Yield a mark for each period, with the filter of its failed invitations."""
    words = look.words
    for row in (row for row in rows if row["rate"] is not None):
        day = f"{row['period_start']:{'%Y-%m' if period == 'month' else '%Y-%m-%d'}}"
        usual = interval(row["lower_limit"], row["upper_limit"])
        more = [words["expected"].format(range=usual)] * bool(usual)
        more += [words[name] for name in (row["signal"], "incomplete" if row["incomplete"] else None) if name]
        symbol, own = _SIGNS.get(row["signal"] or "", ("circle", colour))
        size = 12 if row["signal"] else 4 if row["small"] else 7
        text = hover(words[period].format(date=day), row, look, *more)
        dates = {"invited_from": row["period_start"], "invited_to": _last_day(row["period_start"], period)}
        choice = choice_of(row["group"], by, status=FAILED, **dates)
        yield Mark(text, own, (_day(row), row["rate"]), symbol, size, hollow=row["incomplete"], choice=choice)


def _last_day(start: dt.date, period: Period) -> dt.date:
    return start_of(period, number_of(period, start) + 1) - dt.timedelta(days=1)


def _keys(rows: list[Values], look: Look) -> Iterator[Mark]:
    """Yield the legend of the marks that are drawn, and of the range."""
    words, drawn = look.words, [row for row in rows if row["rate"] is not None]
    if any(row["lower_limit"] is not None for row in drawn):
        yield Mark(words["limits"], "grid", symbol="square", size=11)
    for name, (symbol, colour) in _SIGNS.items():
        if any(row["signal"] == name for row in drawn):
            yield Mark(words[name], colour, symbol=symbol, size=11)
    if any(row["incomplete"] for row in drawn):
        yield Mark(words["incomplete"], "accent", hollow=True)
    if any(row["small"] for row in drawn):
        yield Mark(words["small"], "accent", size=4)


def survival(table: Any, by: str | None = None, look: Look = LOOK) -> Figure:
    """Draw the share of customers associated within each number of days (1 - Kaplan-Meier).

    Below the curves are the numbers at risk: the customers followed until a day and not associated before it.

    Args:
        table: ``MetricsReport.survival``.
        by: The column that made the groups.
        look: How to draw it.
    """
    words, rows = look.words, sorted(table.to_dicts(), key=lambda row: row["days"])
    if not rows:
        return Figure(words["survival"], look)
    sizes = {row["group"]: row["size"] for row in rows}
    names = sorted(sizes, key=lambda name: (name is not None, -sizes[name], str(name)))[: MAX_CURVES + 1]
    rows = [row for row in rows if row["group"] in names]
    last = max(row["days"] for row in rows)
    ticks = _spaced(sorted({row["days"] for row in rows}), last / MAX_TICKS)
    lines, marks, curves = list[Line](), list[Mark](), list[Curve]()
    for position, name in enumerate(names):
        own = [row for row in rows if row["group"] == name]
        label = label_for(name, by, look) if name else words["all"]
        colour = "ink" if name is None else of_series(str(name), position)
        lines += _curve(own, colour, last, with_band=not lines)
        marks += [_mark_of_curve(row, label, colour, look) for row in own if row["associated"]]
        at_risk = tuple(next((row["at_risk"] for row in own if row["days"] >= day), None) for day in ticks)
        curves.append(Curve(label, colour, own[-1]["share"], at_risk))
    more = len(sizes) - len(names)
    note = words["not_shown"][more != 1].format(n=more) if more else ""
    return Figure(
        words["survival"], look, note, panels=(Panel("", tuple(lines), tuple(marks)),),
        top=min(1.0, max(row["high"] or row["share"] for row in rows) * 1.1) or 1, days=(0, last or 1),
        ticks=tuple((day, f"{day:,}") for day in ticks), curves=tuple(curves),
    )  # fmt: skip


def _spaced(days: list[int], apart: float) -> list[int]:
    """Return the first day, and then each day that is at least ``apart`` after the last one returned."""
    chosen = days[:1]
    for day in days[1:]:
        if day - chosen[-1] >= apart:
            chosen.append(day)
    return chosen


def _curve(rows: list[Values], colour: str, last: int, *, with_band: bool) -> list[Line]:
    """Return the curve of one group, with the area of its interval if ``with_band``; several areas would overlap."""

    def steps(name: str, some: list[Values]) -> list[Xy]:
        ends = [*(row["days"] for row in some[1:]), last]
        return [(day, row[name]) for row, end in zip(some, ends, strict=True) for day in (row["days"], end)]

    known = [row for row in rows if row["low"] is not None]
    outline = (*steps("high", known), *steps("low", known)[::-1]) if known and with_band else ()
    return [*([Line(outline, colour, filled=True)] if outline else []), Line(tuple(steps("share", rows)), colour, 2)]


def _mark_of_curve(row: Values, label: str, colour: str, look: Look) -> Mark:
    words, median = look.words, row["median_days"]
    hover = [label, words["by_day"].format(days=f"{row['days']:,}", share=percent(row["share"]))]
    hover += [f"{words['interval']}: {interval(row['low'], row['high'])}"] * (row["low"] is not None)
    hover.append(words["no_median"] if median is None else words["median"][median != 1].format(days=f"{median:,.0f}"))
    return Mark("\n".join(hover), colour, (row["days"], row["share"]), size=4)
