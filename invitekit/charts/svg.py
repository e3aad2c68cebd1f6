"""A figure as SVG: for a web page without a script, and for paper.

Colours are those of light paper; the page's own style turns them into the dark ones. A text behind a part is its
``title`` element, which browsers show on hovering and screen readers read.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from invitekit.charts.colours import COLOURS
from invitekit.charts.labels import one_line, percent, width, wrap
from invitekit.charts.layout import BAR, COLUMN, FONT, LINE, WIDTH, key_places, nice, panel_places, row_places, spread

if TYPE_CHECKING:
    from invitekit.charts.figure import Figure, Line, Mark, Xy

_LEFT, _RIGHT, _FOOT = 46.0, 14.0, 24
_CORNERS: dict[str, list[Xy]] = {
    "triangle-up": [(0, -1.1), (1, 0.7), (-1, 0.7)],
    "triangle-down": [(0, 1.1), (1, -0.7), (-1, -0.7)],
    "diamond": [(0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)],
    "square": [(-1, -1), (1, -1), (1, 1), (-1, 1)],
}


def draw(figure: Figure) -> str:
    """Return the figure without its title."""
    head = 10 + LINE * (key_places(figure.keys)[-1][1] + 1) if figure.keys else 4
    if not figure.rows and not figure.panels:
        words = figure.look.words["none"].format(what=figure.look.chosen)
        parts, height = [_text(wrap(words), WIDTH / 2, 24, "muted", "middle")], 60.0
    else:
        body, height = (_rows if figure.rows else _panels)(figure, head)
        parts = [*_keys(figure.keys), *body]
    size = f'width="{WIDTH}" height="{height:.0f}" viewBox="0 0 {WIDTH} {height:.0f}"'
    label = html.escape(figure.title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{label}" '
        f'font-family="{html.escape(FONT)}" font-size="13">{"".join(parts)}</svg>'
    )


def _rows(figure: Figure, top: float) -> tuple[list[str], float]:
    """Return the rows, each a group with its text, and the height."""
    places, height = row_places(figure.rows)
    most = max((*(row.end for row in figure.rows), figure.mean or 0)) or 1
    texts = max(width(row.text) for row in figure.rows) * COLUMN + 14
    start = 6 if figure.is_rates else 0
    scale = (WIDTH - texts - start) / most
    parts = []
    if figure.is_rates:
        parts += [
            part
            for value in nice(0, most, 5)
            for part in (
                _stroke((start + value * scale, top), (start + value * scale, top + height), "grid"),
                _text(
                    [percent(value)], start + value * scale, top + height + 14, "muted", "middle" if value else "start"
                ),
            )
        ]
    if figure.mean is not None:
        x = start + figure.mean * scale
        parts.append(_stroke((x, top), (x, top + height), "muted", dashed=True))
    for row, (label, bar) in zip(figure.rows, places, strict=True):
        y, end = top + bar, start + row.end * scale
        drawn = [_text(wrap(row.label), 0, top + label + 13, "ink", paper=figure.is_rates)]
        if row.interval:
            low, high = (start + value * scale for value in row.interval)
            drawn.append(
                _stroke((low, y + BAR / 2), (high, y + BAR / 2), row.parts[0].colour, 1.4 if row.small else 2.6)
            )
        at = 0.0
        for part in row.parts:
            shape = (
                _sign((start + part.value * scale, y + BAR / 2), "circle", 9, part.colour, hollow=row.small)
                if row.interval
                else _box(at, y, part.value * scale, part.colour)
            )
            drawn.append(_titled(part.hover, shape))
            at += part.value * scale
        drawn.append(_text([row.text], end + 7, y + BAR - 1.5, "muted", paper=figure.is_rates))
        parts.append("".join(drawn))
    return parts, top + height + (22 if figure.is_rates else 2)


def _panels(figure: Figure, top: float) -> tuple[list[str], float]:
    """Return the panels with one scale of days below them, and the numbers under it, and the height."""
    places, height = panel_places(figure.panels)
    bottom = top + height
    ends = max((width(text) for panel in figure.panels for _, text, _ in panel.ends), default=0) * COLUMN
    left, right = _LEFT, WIDTH - max(_RIGHT, ends + 8)
    if figure.below:
        left = max(left, 34 + COLUMN * max(width(one_line(label, 18)) for label, *_ in figure.below))
    first, last = figure.days

    def x(day: float) -> float:
        return left + (day - first) / ((last - first) or 1) * (right - left)

    parts = [_stroke((x(day), top), (x(day), bottom), "grid") for day, _ in figure.ticks]
    for panel, (above, below) in zip(figure.panels, places, strict=True):
        parts.append(_text(wrap(panel.label), 0, top + above - 11, "ink", paper=True) * bool(panel.label))

        def y(value: float, above: float = above, below: float = below) -> float:
            return top + below - value / figure.top * (below - above)

        for value in nice(0, figure.top, 5 if len(figure.panels) == 1 else 2):
            parts += [
                _stroke((left, y(value)), (right, y(value)), "grid"),
                _text([percent(value)], left - 6, y(value) + 4, "muted", "end"),
            ]
        parts += [_line(line, [(x(day), y(value)) for day, value in line.points]) for line in panel.lines]
        parts += [
            _titled(mark.hover, _sign((x(mark.at[0]), y(mark.at[1])), mark.symbol, mark.size, mark.colour, mark.hollow))
            for mark in panel.marks
        ]
        heights = spread([y(value) for value, *_ in panel.ends], LINE)
        parts += [
            _text([text], right + 6, at + 4, colour) for at, (_, text, colour) in zip(heights, panel.ends, strict=True)
        ]
    parts += [_text(text.split("\n"), x(day), bottom + 15, "muted", "middle") for day, text in figure.ticks]
    bottom += _FOOT - 8 + LINE * max((text.count("\n") for _, text in figure.ticks), default=0)
    if figure.axis:
        bottom += LINE
        parts.append(_text([figure.axis], (left + right) / 2, bottom, "muted", "middle"))
    if figure.below:
        bottom += LINE + 6
        parts.append(_text([figure.look.words["at_risk"]], 0, bottom, "muted"))
    for label, colour, numbers in figure.below:
        bottom += LINE
        parts.append(_text([one_line(label, 18)], 0, bottom, colour))
        places_of = zip(figure.ticks, numbers, strict=False)
        parts += [_text([number], x(day), bottom, "muted", "middle") for (day, _), number in places_of]
    return parts, bottom + 8


def _keys(keys: tuple[Mark, ...]) -> Iterator[str]:
    for key, (x, line) in zip(keys, key_places(keys), strict=True):
        y = 10 + LINE * line
        yield _sign((x + 6, y), key.symbol, key.size, key.colour, key.hollow) + _text(
            [key.hover], x + 17, y + 4.5, "ink"
        )


def _line(line: Line, points: Iterable[Xy]) -> str:
    path, colour = " ".join(f"{x:.1f},{y:.1f}" for x, y in points), COLOURS[line.colour][0]
    if line.filled:
        return f'<polygon points="{path}" fill="{colour}" fill-opacity="0.16"/>'
    dash = ' stroke-dasharray="6 5"' * line.dashed
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{line.width:g}"{dash}/>'


def _sign(at: Xy, symbol: str, size: float, colour: str, hollow: bool = False) -> str:  # noqa: FBT001, FBT002
    x, y = at
    half, edge = size / 2, COLOURS[colour][0]
    paint = f'fill="{COLOURS["paper"][0] if hollow else edge}" stroke="{edge}" stroke-width="1.5"'
    if symbol == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{half:.1f}" {paint}/>'
    points = " ".join(f"{x + dx * half:.1f},{y + dy * half:.1f}" for dx, dy in _CORNERS[symbol])
    return f'<polygon points="{points}" {paint}/>'


def _titled(text: str, shape: str) -> str:
    return f"<g><title>{html.escape(text)}</title>{shape}</g>" if text else shape


def _stroke(start: Xy, end: Xy, colour: str, size: float = 1, *, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="5 4"' * dashed
    ends = f'x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"'
    return f'<line {ends} stroke="{COLOURS[colour][0]}" stroke-width="{size:g}"{dash}/>'


def _box(x: float, y: float, width: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{BAR}" fill="{COLOURS[colour][0]}"/>'


def _text(lines: list[str], x: float, y: float, colour: str, anchor: str = "start", *, paper: bool = False) -> str:
    """Return lines of text; on paper of its own where lines run behind it."""
    ring = f' stroke="{COLOURS["paper"][0]}" stroke-width="4" paint-order="stroke"' * paper
    anchored = f' text-anchor="{anchor}"' * (anchor != "start")
    return "".join(
        f'<text x="{x:.1f}" y="{y + number * LINE:.1f}" fill="{COLOURS[colour][0]}"{anchored}{ring}>'
        f"{html.escape(line, quote=False)}</text>"
        for number, line in enumerate(lines)
    )
