"""A figure laid out in pixels: lines, boxes, marks and texts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from invitekit.charts.labels import one_line, percent, width, wrap

if TYPE_CHECKING:
    from invitekit.charts.figure import Figure
    from invitekit.model.filters import Filter

Xy = tuple[float, float]
FONT = "system-ui, 'Segoe UI', 'Noto Sans', 'Noto Sans CJK SC', 'Microsoft YaHei', 'PingFang SC', sans-serif"
WIDTH = 640
"""Pixels of a figure."""
LINE, BAR, BETWEEN, COLUMN = 17, 12, 13, 7.6
"""Pixels: a line of text, a bar, the room between two rows, a column of text in the widest of the usual fonts."""
_PANEL, _SINGLE, _BETWEEN_PANELS, _NAME = 90, 240, 20, 18
_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Line:
    """Points that are joined; the outline of an area, where it is filled."""

    points: tuple[Xy, ...]
    colour: str
    width: float = 1.8
    dashed: bool = False
    filled: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A point with a symbol, the text on hovering, and the filter of its records where there is one."""

    hover: str
    colour: str
    at: Xy = (0, 0)
    symbol: str = "circle"
    size: float = 7
    hollow: bool = False
    choice: Filter | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a bar: its upper left corner, its length, the text on hovering, and the filter of its records."""

    at: Xy
    length: float
    colour: str
    hover: str
    choice: Filter | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """Lines of text at a place, by their start, middle or end; ``on_paper`` hides the lines of a figure behind them."""

    lines: tuple[str, ...]
    at: Xy
    colour: str = "muted"
    anchor: str = "start"
    on_paper: bool = False


Item = Line | Mark | Box | Text


def lay_out(figure: Figure) -> tuple[list[Item], float]:
    """Return what is drawn, in this order, and the height."""
    keys, top = _keys(figure.keys)
    if figure.rows:
        items, height = _rows(figure, top)
    elif figure.panels:
        items, height = _panels(figure, top)
    else:
        words = figure.look.words["none"].format(what=figure.look.chosen)
        items, height = [_text(words, (WIDTH / 2, 24), anchor="middle")], 60.0
    return [*keys, *items], height


def _keys(keys: Sequence[Mark]) -> tuple[list[Item], float]:
    """Return the legend, as many entries in a line as fit, and its height."""
    items: list[Item] = []
    x, y = 0.0, 10.0
    for key in keys:
        wide = 32 + COLUMN * width(key.hover)
        x, y = (0.0, y + LINE) if x and x + wide > WIDTH else (x, y)
        items += [replace(key, hover="", at=(x + 6, y)), Text((key.hover,), (x + 17, y + 4.5), "ink")]
        x += wide
    return items, y + LINE if keys else 4


def _rows(figure: Figure, top: float) -> tuple[list[Item], float]:
    """Return each row with its label above it and its text after it."""
    most = max(*(row.end for row in figure.rows), figure.mean or 0, 1e-9)
    start = 6 if figure.is_rates else 0
    scale = (WIDTH - start - 14 - COLUMN * max(width(row.text) for row in figure.rows)) / most
    items: list[Item] = []
    at = top
    for row in figure.rows:
        label = _text(row.label, (0, at + 13), "ink", on_paper=figure.is_rates)
        at += len(label.lines) * LINE + 3
        middle, x = at + BAR / 2, float(start)
        items.append(label)
        if row.interval:
            ends = tuple((start + value * scale, middle) for value in row.interval)
            items.append(Line(ends, row.parts[0].colour, 1.4 if row.small else 2.6))
        for part in row.parts:
            box = Box((x, at), part.value * scale, part.colour, part.hover, part.choice)
            x += box.length
            is_dot = row.interval is not None
            dot = Mark(part.hover, part.colour, (x, middle), size=9, hollow=row.small, choice=part.choice)
            items.append(dot if is_dot else box)
        items.append(Text((row.text,), (start + row.end * scale + 7, at + 10.5), on_paper=figure.is_rates))
        at += BAR + BETWEEN
    bottom = at - BETWEEN / 2
    if not figure.is_rates:
        return items, bottom + 2
    behind: list[Item] = []
    for value in nice(0, most, 5):
        x = start + value * scale
        behind.append(Line(((x, top), (x, bottom)), "grid", 1))
        items.append(Text((percent(value),), (x, bottom + 14), anchor="middle" if value else "start"))
    if figure.mean is not None:
        x = start + figure.mean * scale
        behind.append(Line(((x, top), (x, bottom)), "muted", 1, dashed=True))
    return [*behind, *items], bottom + 22


def _panels(figure: Figure, top: float) -> tuple[list[Item], float]:
    """Return the panels with one scale of days below them, and the numbers under it."""
    names = [one_line(label, _NAME) for label, *_ in figure.below]
    left = max((34 + COLUMN * width(name) for name in names), default=46)
    ends = max((width(text) for panel in figure.panels for _, text, _ in panel.ends), default=0)
    right, height = WIDTH - max(14, ends * COLUMN + 16), _SINGLE if len(figure.panels) == 1 else _PANEL
    first, last = figure.days
    items: list[Item] = []
    at = top - _BETWEEN_PANELS

    def place(day: float, value: float = 0) -> Xy:
        x = left + (day - first) / ((last - first) or 1) * (right - left)
        return x, at + height - value / figure.top * height

    for panel in figure.panels:
        at += _BETWEEN_PANELS + (LINE + 8 if panel.label else 0)
        for value in nice(0, figure.top, 5 if len(figure.panels) == 1 else 2):
            y = place(0, value)[1]
            items += [
                Line(((left, y), (right, y)), "grid", 1),
                Text((percent(value),), (left - 6, y + 4), anchor="end"),
            ]
        items += [Text((panel.label,), (0, at - 11), "ink", on_paper=True)] * bool(panel.label)
        items += [replace(line, points=tuple(place(*point) for point in line.points)) for line in panel.lines]
        items += [replace(mark, at=place(*mark.at)) for mark in panel.marks]
        heights = spread([place(0, value)[1] for value, *_ in panel.ends], LINE)
        items += [
            Text((text,), (right + 6, y + 4), colour) for y, (_, text, colour) in zip(heights, panel.ends, strict=True)
        ]
        at += height
    bottom, days = at, [place(day)[0] for day, _ in figure.ticks]
    grid: list[Item] = [Line(((x, top), (x, bottom)), "grid", 1) for x in days]
    items += [
        Text(tuple(text.split("\n")), (x, bottom + 15), anchor="middle")
        for x, (_, text) in zip(days, figure.ticks, strict=True)
    ]
    bottom += 16 + LINE * max(text.count("\n") for _, text in figure.ticks)
    if figure.axis:
        items.append(Text((figure.axis,), ((left + right) / 2, bottom + LINE), anchor="middle"))
        bottom += LINE
    if figure.below:
        bottom += LINE + 6
        items.append(Text((figure.look.words["at_risk"],), (0, bottom)))
    for name, (_, colour, numbers) in zip(names, figure.below, strict=True):
        bottom += LINE
        items.append(Text((name,), (0, bottom), colour))
        items += [Text((number,), (x, bottom), anchor="middle") for x, number in zip(days, numbers, strict=True)]
    return [*grid, *items], bottom + 8


def _text(text: str, at: Xy, colour: str = "muted", anchor: str = "start", *, on_paper: bool = False) -> Text:
    return Text(tuple(wrap(text)), at, colour, anchor, on_paper)


def spread(heights: list[float], apart: float) -> list[float]:
    """Move heights away from each other, as little as is needed, so that texts do not cover each other.

    >>> spread([10, 12, 50], 16)
    [3.0, 19.0, 50]
    """
    moved = list(heights)
    order = sorted(range(len(moved)), key=lambda place: moved[place])
    for _ in moved:
        for upper, lower in pairwise(order):
            lack = apart - (moved[lower] - moved[upper])
            if lack > 0:
                moved[upper], moved[lower] = moved[upper] - lack / 2, moved[lower] + lack / 2
    return moved


def nice(start: float, end: float, most: int) -> Iterator[float]:
    """Return round values between two, no more than so many.

    >>> list(nice(0, 0.47, 6))
    [0.0, 0.1, 0.2, 0.3, 0.4]
    """
    rough = (end - start) / max(most, 1) or 1
    power = 10 ** math.floor(math.log10(rough))
    step = next(one * power for one in _STEPS if one * power >= rough * (1 - 1e-9))
    return (round(n * step, 9) for n in range(math.ceil(start / step), math.floor(end / step + 1e-9) + 1))
