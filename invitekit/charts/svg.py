"""A figure as SVG: laid out in pixels, for a web page without a script, for a notebook and for paper.

Colours are the light ones; the style of the page turns them into the dark ones (``dark_styles``). The text on hovering
is a ``title`` element, which screen readers read too.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from invitekit.charts.colours import COLOURS, dark_styles
from invitekit.charts.labels import one_line, percent, visible, width, wrap

if TYPE_CHECKING:
    from invitekit.charts.figure import Figure, Part
    from invitekit.model.filters import Filter

Xy = tuple[float, float]
FONT = "system-ui, 'Segoe UI', 'Noto Sans', 'Noto Sans CJK SC', 'Microsoft YaHei', 'PingFang SC', sans-serif"
WIDTH = 640
"""Pixels of a figure."""
LINE, BAR, BETWEEN, COLUMN = 17, 12, 13, 7.6
"""Pixels: a line of text, a bar, the room between two rows, a column of text in the widest of the usual fonts."""
_PANEL, _SINGLE, _BETWEEN_PANELS = 90, 240, 20
"""Pixels: the height of one of several panels, of a single one, the room between two."""
_NAME, _END = 18, 14
"""Columns of the name of a curve, before its numbers and at its end."""
_STEPS = (1, 2, 2.5, 5, 10)
_CORNERS: dict[str, list[Xy]] = {
    "triangle-up": [(0, -1.1), (1, 0.7), (-1, 0.7)],
    "triangle-down": [(0, 1.1), (1, -0.7), (-1, -0.7)],
    "diamond": [(0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)],
    "square": [(-1, -1), (1, -1), (1, 1), (-1, 1)],
}
_DARK = ':is([data-jp-theme-light="false"],.vscode-dark,.vscode-high-contrast,.dark)'
"""How JupyterLab, VS Code and marimo mark a dark theme, above the output of a cell."""
_STYLE = (
    f".chart{{margin:8px 0;color:{COLOURS['ink'][0]}}}{_DARK} .chart{{color:{COLOURS['ink'][1]}}}"
    ".chart svg{max-width:100%;height:auto}.chart figcaption b{font-size:16px}"
    ".chart [data-choice]{cursor:pointer}.chart [data-choice]:hover{opacity:.75}"
    ".chart [aria-pressed=true]{stroke:currentColor;stroke-width:2}"
    f"{_DARK}{{{dark_styles()}}}"
)


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
    """A point with a symbol, the text on hovering, and the filter of its records, if there is one."""

    hover: str
    colour: str
    at: Xy = (0, 0)
    symbol: str = "circle"
    size: float = 7
    hollow: bool = False
    choice: Filter | None = None


def draw(figure: Figure, *, clickable: bool = False) -> str:
    """Return the figure without its title.

    If ``clickable``, each bar and point with a filter is a button; ``data-choice`` is its position in ``choices``.
    """
    canvas, height = _lay_out(figure, clickable=clickable)
    size = f'width="{WIDTH}" height="{height:.0f}" viewBox="0 0 {WIDTH} {height:.0f}"'
    role = "group" if clickable else "img"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="{role}" aria-label="{html.escape(figure.title)}" '
        f'font-family="{html.escape(FONT)}" font-size="13">{"".join(canvas.elements)}</svg>'
    )


def draw_with_title(figure: Figure, *, clickable: bool = False) -> str:
    """Return the figure with its title as XHTML for a notebook, in the colours of its theme, light or dark."""
    # A filter may have characters that XHTML does not allow.
    title, subtitle = (html.escape(visible(text)) for text in (figure.title, figure.subtitle))
    return (
        f'<figure class="chart" xmlns="http://www.w3.org/1999/xhtml"><style>{_STYLE}</style>'
        f"<figcaption><b>{title}</b><br/>{subtitle}</figcaption>"
        f"{draw(figure, clickable=clickable)}</figure>"
    )


def choices(figure: Figure) -> list[Filter]:
    """Return the filters of the records behind bars and points, in the order in which they are drawn."""
    return _lay_out(figure)[0].choices


class _Canvas:
    """The elements of an SVG figure, in pixels, and the filters behind them, both in drawing order."""

    def __init__(self, *, clickable: bool) -> None:
        self.elements: list[str] = []
        self.choices: list[Filter] = []
        self._clickable = clickable

    def line(self, line: Line) -> None:
        colour, path = COLOURS[line.colour][0], " ".join(f"{x:.1f},{y:.1f}" for x, y in line.points)
        if line.filled:
            self.elements.append(f'<polygon points="{path}" fill="{colour}" fill-opacity="0.16"/>')
            return
        dash = ' stroke-dasharray="5 4"' * line.dashed
        stroke = f'stroke="{colour}" stroke-width="{line.width:g}"{dash}'
        self.elements.append(f'<polyline points="{path}" fill="none" {stroke}/>')

    def bar(self, part: Part, at: Xy, length: float) -> None:
        (x, y), colour = at, COLOURS[part.colour][0]
        shape = f'<rect x="{x:.1f}" y="{y:.1f}" width="{length:.1f}" height="{BAR}" fill="{colour}"/>'
        self._hoverable(shape, part)

    def mark(self, mark: Mark) -> None:
        (x, y), half, colour = mark.at, mark.size / 2, COLOURS[mark.colour][0]
        paint = f'fill="{COLOURS["paper"][0] if mark.hollow else colour}" stroke="{colour}" stroke-width="1.5"'
        if mark.symbol == "circle":
            shape = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{half:.1f}" {paint}/>'
        else:
            points = " ".join(f"{x + dx * half:.1f},{y + dy * half:.1f}" for dx, dy in _CORNERS[mark.symbol])
            shape = f'<polygon points="{points}" {paint}/>'
        self._hoverable(shape, mark)

    def _hoverable(self, shape: str, item: Part | Mark) -> None:
        """Add a shape with its text on hovering, as a button where the figure is clickable."""
        button = ""
        if item.choice is not None:
            if self._clickable:
                button = f' data-choice="{len(self.choices)}" tabindex="0" role="button" aria-pressed="false"'
            self.choices.append(item.choice)
        titled = f"<g{button}><title>{html.escape(item.hover)}</title>{shape}</g>"
        self.elements.append(titled if item.hover else shape)

    def text(
        self, lines: Sequence[str], at: Xy, colour: str = "muted", anchor: str = "start", *, on_paper: bool = False
    ) -> None:
        """Add lines of text by their start, middle or end; ``on_paper`` hides what is drawn behind them."""
        ring = f' stroke="{COLOURS["paper"][0]}" stroke-width="4" paint-order="stroke"' * on_paper
        side = f' text-anchor="{anchor}"' * (anchor != "start")
        style = f'fill="{COLOURS[colour][0]}"{side}{ring}'
        (x, y) = at
        self.elements += [
            f'<text x="{x:.1f}" y="{y + number * LINE:.1f}" {style}>{html.escape(line, quote=False)}</text>'
            for number, line in enumerate(lines)
        ]


def _lay_out(figure: Figure, *, clickable: bool = False) -> tuple[_Canvas, float]:
    """Return the drawn canvas and its height."""
    canvas = _Canvas(clickable=clickable)
    top = _draw_legend(canvas, figure.keys)
    if figure.rows:
        return canvas, _draw_rows(canvas, figure, top)
    if figure.panels:
        return canvas, _draw_panels(canvas, figure, top)
    nothing = figure.look.words["none"].format(what=figure.look.chosen)
    canvas.text(wrap(nothing), (WIDTH / 2, 24), anchor="middle")
    return canvas, 60


def _draw_legend(canvas: _Canvas, keys: Sequence[Mark]) -> float:
    """Draw the legend, as many entries in a line as fit, and return its height."""
    x, y = 0.0, 10.0
    for key in keys:
        wide = 32 + COLUMN * width(key.hover)
        x, y = (0.0, y + LINE) if x and x + wide > WIDTH else (x, y)
        canvas.mark(replace(key, hover="", at=(x + 6, y)))
        canvas.text([key.hover], (x + 17, y + 4.5), "ink")
        x += wide
    return y + LINE if keys else 4


def _draw_rows(canvas: _Canvas, figure: Figure, top: float) -> float:
    """Draw each row with its label above it and its text after it, and return the height."""
    most = max(*(row.end for row in figure.rows), figure.mean or 0, 1e-9)
    start = 6 if figure.is_rates else 0
    scale = (WIDTH - start - 14 - COLUMN * max(width(row.text) for row in figure.rows)) / most
    labels = [wrap(row.label) for row in figure.rows]
    *tops, end = accumulate((len(label) * LINE + 3 + BAR + BETWEEN for label in labels), initial=top)
    bottom = end - BETWEEN / 2
    values = [(value, start + value * scale) for value in nice(most, 5)] if figure.is_rates else []
    for _, x in values:
        canvas.line(Line(((x, top), (x, bottom)), "grid", 1))
    if figure.mean is not None:
        x = start + figure.mean * scale
        canvas.line(Line(((x, top), (x, bottom)), "muted", 1, dashed=True))
    for row, label, at in zip(figure.rows, labels, tops, strict=True):
        canvas.text(label, (0, at + 13), "ink", on_paper=figure.is_rates)
        y = at + len(label) * LINE + 3
        if row.interval:
            (dot,), middle = row.parts, y + BAR / 2
            ends = tuple((start + value * scale, middle) for value in row.interval)
            canvas.line(Line(ends, dot.colour, 1.4 if row.small else 2.6))
            at_rate = (start + dot.value * scale, middle)
            canvas.mark(Mark(dot.hover, dot.colour, at_rate, size=9, hollow=row.small, choice=dot.choice))
        else:
            x = 0.0
            for part in row.parts:
                canvas.bar(part, (x, y), part.value * scale)
                x += part.value * scale
        canvas.text([row.text], (start + row.end * scale + 7, y + 10.5), on_paper=figure.is_rates)
    for value, x in values:
        canvas.text([percent(value)], (x, bottom + 14), anchor="middle" if value else "start")
    return bottom + (22 if figure.is_rates else 2)


def _draw_panels(canvas: _Canvas, figure: Figure, top: float) -> float:
    """Draw the panels, the days and the numbers at risk below them, and return the height."""
    ends = [f"{one_line(curve.label, _END)} {percent(curve.end)}" for curve in figure.curves]
    left = max((34 + COLUMN * width(one_line(curve.label, _NAME)) for curve in figure.curves), default=46)
    right = WIDTH - max((16 + COLUMN * width(text) for text in ends), default=16)
    height, lines = (_SINGLE, 5) if len(figure.panels) == 1 else (_PANEL, 2)
    above = [_BETWEEN_PANELS + (LINE + 8 if panel.label else 0) for panel in figure.panels]
    bottoms = list(accumulate((each + height for each in above), initial=top - _BETWEEN_PANELS))[1:]
    first, last = figure.days

    def to_pixels(day: float, value: float, base: float) -> Xy:
        return left + (day - first) / ((last - first) or 1) * (right - left), base - value / figure.top * height

    days, bottom = [to_pixels(day, 0, 0)[0] for day, _ in figure.ticks], bottoms[-1]
    for x in days:
        canvas.line(Line(((x, top), (x, bottom)), "grid", 1))
    for panel, base in zip(figure.panels, bottoms, strict=True):
        for value in nice(figure.top, lines):
            _, y = to_pixels(0, value, base)
            canvas.line(Line(((left, y), (right, y)), "grid", 1))
            canvas.text([percent(value)], (left - 6, y + 4), anchor="end")
        if panel.label:
            canvas.text([panel.label], (0, base - height - 11), "ink", on_paper=True)
        for line in panel.lines:
            canvas.line(replace(line, points=tuple(to_pixels(*point, base) for point in line.points)))
        for mark in panel.marks:
            canvas.mark(replace(mark, at=to_pixels(*mark.at, base)))
    heights = spread([to_pixels(0, curve.end, bottom)[1] for curve in figure.curves], LINE)
    for curve, text, y in zip(figure.curves, ends, heights, strict=True):
        canvas.text([text], (right + 6, y + 4), curve.colour)
    return _draw_below(canvas, figure, days, (left + right) / 2, bottom)


def _draw_below(canvas: _Canvas, figure: Figure, days: list[float], middle: float, bottom: float) -> float:
    """Draw the days and the numbers at risk below the panels, and return the height."""
    for x, (_, text) in zip(days, figure.ticks, strict=True):
        canvas.text(text.split("\n"), (x, bottom + 15), anchor="middle")
    bottom += 16 + LINE * max(text.count("\n") for _, text in figure.ticks)
    if figure.curves:
        canvas.text([figure.look.words["days"]], (middle, bottom + LINE), anchor="middle")
        bottom += 2 * LINE + 6
        canvas.text([figure.look.words["at_risk"]], (0, bottom))
    for curve in figure.curves:
        bottom += LINE
        canvas.text([one_line(curve.label, _NAME)], (0, bottom), curve.colour)
        for x, number in zip(days, curve.at_risk, strict=True):
            canvas.text(["–" if number is None else f"{number:,}"], (x, bottom), anchor="middle")
    return bottom + 8


def spread(heights: list[float], apart: float) -> list[float]:
    """Move heights apart, as little as needed, so that texts do not overlap.

    >>> spread([10, 12, 50], 16)
    [3.0, 19.0, 50]
    """
    moved = list(heights)
    order = sorted(range(len(moved)), key=moved.__getitem__)
    for _ in moved:
        for upper, lower in pairwise(order):
            lack = apart - (moved[lower] - moved[upper])
            if lack > 0:
                moved[upper], moved[lower] = moved[upper] - lack / 2, moved[lower] + lack / 2
    return moved


def nice(end: float, most: int) -> Iterator[float]:
    """Return round tick values from 0 to ``end``, at most ``most`` after 0.

    >>> list(nice(0.47, 6))
    [0.0, 0.1, 0.2, 0.3, 0.4]
    """
    rough = end / most
    power = 10 ** math.floor(math.log10(rough))
    step = next(one * power for one in _STEPS if one * power >= rough * (1 - 1e-9))
    return (round(n * step, 9) for n in range(math.floor(end / step + 1e-9) + 1))
