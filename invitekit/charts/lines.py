"""Figures over time: the share that failed by period, and how long an association takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from invitekit.charts.chart import LOOK, Chart, Look, Row, axis, draw, empty, named, rows
from invitekit.charts.colours import ORDER
from invitekit.charts.labels import interval, keys_height, one_line, percent, shown, wrap
from invitekit.metrics import EMPTY, OTHER

PANELS = 8
"""Groups that a trend shows, each in a panel of its own; the others are counted in words."""
MOST_PERIODS = 400
"""Periods that a trend shows, the newest ones: more lie closer together than a screen has points."""
TICKS = 7
"""Periods that the axis of a trend names at most."""
CURVES = 4
"""Groups that a survival curve shows."""
_PANEL, _SINGLE, _BETWEEN, _LINE = 110, 260, 22, 17
_SIGNS = {"high": "triangle-up", "low": "triangle-down", "run": "diamond"}


def trend(table: Any, by: str | None = None, look: Look = LOOK, *, period: str = "week") -> Chart:
    """Draw the share that failed in each period, and the range that chance explains.

    A period outside of that range has a sign of its own; one whose invitations are still open is hollow.

    Args:
        table: ``MetricsReport.trend``: ``period_start, group, n, of, rate, low, high, centre, lower_limit,
            upper_limit, signal, small, incomplete``.
        by: The column that made the groups; each gets a panel.
        look: How to draw it.
        period: ``day``, ``week`` or ``month``.
    """
    words = look.words
    title = words["trend_by"].format(by=words["by"][by]) if by else words["trend"]
    found = sorted((row for row in rows(table) if row["of"] != 0), key=lambda row: row["period_start"])
    if all(row["of"] is None for row in found):
        return empty(title, look)
    found, older = _newest(found)
    names = _ordered(found, by)
    kept = _kept(names)
    heads = [wrap(named(name, by, look)) if by else [] for name in kept]
    tall = _SINGLE if by is None else _PANEL
    places, height = _panels([len(head) for head in heads], tall)
    traces: list[Row] = []
    keys = _legend(found, look)
    top = 10 + keys_height([key["name"] for key in keys]) + 21 * bool(by)
    layout: Row = {"annotations": [], "height": int(height) + top + 44, "margin": {"l": 50, "r": 14, "t": top, "b": 44}}
    most = max(max(row["rate"] or 0, row["upper_limit"] or 0) for row in found)
    for number, (name, head, (low, high)) in enumerate(zip(kept, heads, places, strict=True), 1):
        mine = [row for row in found if row["group"] == name]
        colour = look.theme.series(str(name), 0) if by == "who_acts" else look.theme.accent
        traces += _panel(mine, colour, look, f"y{number}" if number > 1 else "y", period)
        domain = [1 - high / height, 1 - low / height]
        layout[f"yaxis{number if number > 1 else ''}"] = axis(
            look.theme, domain=domain, tickformat=".0%", range=[0, min(most * 1.12, 1.02) or 1],
            nticks=6 if by is None else 3,
        )  # fmt: skip
        layout["annotations"] += [_over(head, domain[1], look)] * bool(head)
    days, said = _ticks(found, period)
    layout["xaxis"] = axis(look.theme, type="date", tickvals=days, ticktext=said, nticks=TICKS, tickangle=0,
                           anchor=f"y{len(kept)}" if len(kept) > 1 else "y")  # fmt: skip
    more = len(names) - len(kept)
    notes = [words[name].format(n=f"{n:,}") for name, n in (("not_shown", more), ("older", older)) if n]
    return draw(title, look, [*traces, *keys], layout, " · ".join(notes))


def _ticks(found: list[Row], period: str) -> tuple[list[str], list[str]]:
    """Give the periods that the axis names, by their first days: plotly would name round days between them."""
    days = sorted({row["period_start"] for row in found})
    days = days[:: -(-len(days) // TICKS)]
    form = "%Y-%m" if period == "month" else "%m-%d"
    said = [f"{day:{form}}" for day in days]
    if period != "month":
        new = [before is None or before.year != day.year for before, day in zip([None, *days], days, strict=False)]
        said = [f"{text}<br>{day:%Y}" if first else text for text, day, first in zip(said, days, new, strict=True)]
    return [f"{day:%Y-%m-%d}" for day in days], said


def _newest(found: list[Row]) -> tuple[list[Row], int]:
    """Give the newest periods, and say how many are older."""
    periods = sorted({row["period_start"] for row in found})
    first = periods[-MOST_PERIODS:][0]
    return [row for row in found if row["period_start"] >= first], max(len(periods) - MOST_PERIODS, 0)


def _kept(names: list[str | None]) -> list[str | None]:
    """Give the groups that have a panel; that of all others is among them, where there is one."""
    rest = [name for name in names if name == OTHER][len(names) <= PANELS :]
    return [*[name for name in names if name not in rest][: PANELS - len(rest)], *rest]


def _ordered(found: list[Row], by: str | None) -> list[str | None]:
    """Give the groups in our order: who acts in its own, others by how many failed."""
    counts: dict[str | None, int] = {}
    for row in found:
        counts[row["group"]] = counts.get(row["group"], 0) + (row["n"] or 0)
    places = {value.code: place for place, value in enumerate(ORDER)}
    if by == "who_acts":
        return sorted(counts, key=lambda name: places.get(str(name), len(places)))
    return sorted(counts, key=lambda name: (name in (EMPTY, OTHER), -counts[name], str(name)))


def _panels(lines: list[int], tall: int) -> tuple[list[tuple[float, float]], float]:
    """Give top and bottom of each panel, and the height of all, in pixels from above."""
    at, places = 0.0, []
    for count in lines:
        at += count * _LINE + (4 if count else 0)
        places.append((at, at + tall))
        at += tall + _BETWEEN
    return places, at - _BETWEEN


def _panel(found: list[Row], colour: str, look: Look, to: str, period: str) -> list[Row]:
    """Give the traces of one panel: the range, its middle, the line, the periods that stand out."""
    theme, days = look.theme, [f"{row['period_start']:%Y-%m-%d}" for row in found]
    shared: Row = {"type": "scatter", "x": days, "yaxis": to, "xaxis": "x", "showlegend": False}
    quiet = shared | {"mode": "lines", "hoverinfo": "skip", "connectgaps": False}
    lower = quiet | {"y": [row["lower_limit"] for row in found], "line": {"width": 0, "shape": "hvh"}}
    upper = lower | {"y": [row["upper_limit"] for row in found], "fill": "tonexty", "fillcolor": _faint(theme.muted)}
    centre = quiet | {"y": [row["centre"] for row in found], "line": {"width": 1, "dash": "dash", "color": theme.muted}}
    whole = [None if row["incomplete"] else row["rate"] for row in found]
    line = quiet | {"y": whole, "line": {"width": 1.8, "color": colour}}
    points = shared | {
        "mode": "markers", "y": [row["rate"] for row in found], "cliponaxis": False,
        "hovertext": [_said(row, look, period) for row in found], "hoverinfo": "text",
        "marker": {
            "symbol": [_SIGNS.get(row["signal"] or "", "circle") for row in found],
            "size": [12 if row["signal"] else 4 if row["small"] else 7 for row in found],
            "color": [theme.paper if row["incomplete"] else _colour(row, colour, look) for row in found],
            "opacity": 1,
            "line": {"width": 1.6, "color": [_colour(row, colour, look) for row in found]},
        },
    }  # fmt: skip
    return [lower, upper, centre, line, points]


def _colour(row: Row, colour: str, look: Look) -> str:
    return {"high": look.theme.alarm, "low": look.theme.relief, "run": look.theme.ink}.get(row["signal"] or "", colour)


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.16)"


def _said(row: Row, look: Look, period: str) -> str:
    if row["n"] is None:
        return ""
    words = look.words
    day = f"{row['period_start']:%Y-%m}" if period == "month" else f"{row['period_start']:%Y-%m-%d}"
    counts = words["of"].format(n=f"{row['n']:,}", of=f"{row['of']:,}")
    lines = [words[period].format(date=day), f"{counts} = {percent(row['rate'])}"]
    if row["low"] is not None:
        lines.append(f"{words['interval']}: {interval(row['low'], row['high'])}")
    if row["lower_limit"] is not None:
        lines.append(words["expected"].format(low=percent(row["lower_limit"]), high=percent(row["upper_limit"])))
    told = [row["signal"], *(name for name in ("incomplete", "small") if row[name])]
    return shown(lines + [words[name] for name in told if name])


def _legend(found: list[Row], look: Look) -> list[Row]:
    """Say what the signs mean: those that are there, and the range."""
    theme, words, drawn = look.theme, look.words, [row for row in found if row["rate"] is not None]
    keys: list[tuple[str, str, str, str]] = [(words["limits"], "square", _faint(theme.muted), theme.grid)]
    present: Mapping[str, bool] = {name: any(row["signal"] == name for row in found) for name in _SIGNS}
    keys += [
        (words[name], _SIGNS[name], _colour({"signal": name}, theme.accent, look), _colour({"signal": name}, "", look))
        for name in _SIGNS
        if present[name]
    ]
    if any(row["incomplete"] for row in drawn):
        keys.append((words["incomplete"], "circle", theme.paper, theme.accent))
    if any(row["small"] for row in drawn):
        keys.append((words["small"], "circle", theme.accent, theme.accent))
    return [
        {"type": "scatter", "mode": "markers", "x": [None], "y": [None], "name": name, "showlegend": True,
         "marker": {"symbol": symbol, "size": 4 if name == words["small"] else 10, "color": colour,
                    "line": {"width": 1.6, "color": edge}}}
        for name, symbol, colour, edge in keys
    ]  # fmt: skip


def _over(lines: list[str], top: float, look: Look) -> Row:
    return {"text": shown(lines), "x": 0, "xref": "paper", "xanchor": "left", "y": top, "yref": "paper",
            "yanchor": "bottom", "showarrow": False, "align": "left", "font": {"color": look.theme.ink}}  # fmt: skip


def survival(table: Any, by: str | None = None, look: Look = LOOK) -> Chart:
    """Draw which share has become associated after so many days; who still waits is counted as waiting.

    Args:
        table: ``MetricsReport.survival``: ``group, days, at_risk, associated, share, low, high, median_days, size``.
        by: The column that made the groups.
        look: How to draw it.
    """
    title, found = look.words["survival"], sorted(rows(table), key=lambda row: row["days"])
    if not found:
        return empty(title, look)
    sizes = {row["group"]: row["size"] for row in found}
    names = sorted(sizes, key=lambda name: (name is not None, -sizes[name], str(name)))[: CURVES + 1]
    traces = [trace for place, name in enumerate(names) for trace in _curve(
        [row for row in found if row["group"] == name], one_line(named(name, by, look)) if name else look.words["all"],
        look.theme.ink if name is None and len(names) > 1 else look.theme.series(str(name), place), look)]  # fmt: skip
    last = max(row["days"] for row in found)
    most = max(row["high"] if row["high"] is not None else row["share"] for row in found)
    top = 10 + keys_height([trace["name"] for trace in traces if "name" in trace])
    layout = {
        "xaxis": axis(look.theme, title=look.words["days"], range=[0, last * 1.04 or 1], nticks=10),
        "yaxis": axis(look.theme, tickformat=".0%", range=[0, min(1.0, most * 1.1) or 1]),
        "height": 360,
        "margin": {"l": 50, "r": 14, "t": top, "b": 46},
    }
    more = len(sizes) - len(names)
    return draw(title, look, traces, layout, look.words["not_shown"].format(n=more) if more else "")


def _curve(found: list[Row], name: str, colour: str, look: Look) -> list[Row]:
    """Give one group's steps with their interval."""
    words, row = look.words, found[-1]
    median = row["median_days"]
    told = words["no_median"] if median is None else words["median"].format(days=f"{median:,.0f}")
    days = [row["days"] for row in found]
    step: Row = {"type": "scatter", "mode": "lines", "x": days, "showlegend": False}
    edge = step | {"hoverinfo": "skip", "line": {"width": 0, "shape": "hv"}}
    hover = [
        shown([name, f"{day:,} {words['day_count']}: {percent(share)}"])
        for day, share in zip(days, [row["share"] for row in found], strict=True)
    ]
    return [
        edge | {"y": [row["low"] for row in found]},
        edge | {"y": [row["high"] for row in found], "fill": "tonexty", "fillcolor": _faint(colour)},
        step | {"y": [row["share"] for row in found], "hovertext": hover, "hoverinfo": "text", "showlegend": True,
                "name": shown([f"{name} ({row['size']:,}): {told}"]),
                "line": {"width": 2, "color": colour, "shape": "hv"}},
    ]  # fmt: skip
