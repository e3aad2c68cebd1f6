"""A figure as SVG: for a web page without a script, and for paper.

Colours are the light ones; the style of the page turns them into the dark ones (``dark_styles``). The text on hovering
is a ``title`` element, which screen readers read too.
"""

from __future__ import annotations

import html
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from invitekit.charts.colours import COLOURS
from invitekit.charts.scene import BAR, FONT, LINE, WIDTH, Box, Item, Line, Mark, Text, Xy, lay_out

if TYPE_CHECKING:
    from invitekit.charts.figure import Figure
    from invitekit.model.filters import Filter

_CORNERS: dict[str, list[Xy]] = {
    "triangle-up": [(0, -1.1), (1, 0.7), (-1, 0.7)],
    "triangle-down": [(0, 1.1), (1, -0.7), (-1, -0.7)],
    "diamond": [(0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)],
    "square": [(-1, -1), (1, -1), (1, 1), (-1, 1)],
}


def draw(figure: Figure, *, clickable: bool = False) -> str:
    """Return the figure without its title.

    Args:
        figure: What is drawn.
        clickable: Make buttons of the bars and points with records behind them: ``data-choice`` is the place in
            ``choices``.
    """
    items, height = lay_out(figure)
    numbers, role = (itertools.count(), "group") if clickable else (None, "img")
    size = f'width="{WIDTH}" height="{height:.0f}" viewBox="0 0 {WIDTH} {height:.0f}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="{role}" aria-label="{html.escape(figure.title)}" '
        f'font-family="{html.escape(FONT)}" font-size="13">{"".join(_element(item, numbers) for item in items)}</svg>'
    )


def choices(figure: Figure) -> list[Filter]:
    """Return the filters of the records behind bars and points, in the order in which they are drawn."""
    return [item.choice for item in lay_out(figure)[0] if isinstance(item, Box | Mark) and item.choice is not None]


def _element(item: Item, numbers: Iterator[int] | None) -> str:
    colour = COLOURS[item.colour][0]
    if isinstance(item, Text):
        return _text(item, colour)
    if isinstance(item, Line):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in item.points)
        if item.filled:
            return f'<polygon points="{path}" fill="{colour}" fill-opacity="0.16"/>'
        dash = ' stroke-dasharray="5 4"' * item.dashed
        return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{item.width:g}"{dash}/>'
    shape = _box(item, colour) if isinstance(item, Box) else _mark(item, colour)
    if not item.hover:
        return shape
    button = ""
    if numbers is not None and item.choice is not None:
        button = f' data-choice="{next(numbers)}" tabindex="0" role="button" aria-pressed="false"'
    return f"<g{button}><title>{html.escape(item.hover)}</title>{shape}</g>"


def _box(box: Box, colour: str) -> str:
    (x, y), length = box.at, box.length
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{length:.1f}" height="{BAR}" fill="{colour}"/>'


def _mark(mark: Mark, colour: str) -> str:
    (x, y), half = mark.at, mark.size / 2
    paint = f'fill="{COLOURS["paper"][0] if mark.hollow else colour}" stroke="{colour}" stroke-width="1.5"'
    if mark.symbol == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{half:.1f}" {paint}/>'
    points = " ".join(f"{x + dx * half:.1f},{y + dy * half:.1f}" for dx, dy in _CORNERS[mark.symbol])
    return f'<polygon points="{points}" {paint}/>'


def _text(text: Text, colour: str) -> str:
    ring = f' stroke="{COLOURS["paper"][0]}" stroke-width="4" paint-order="stroke"' * text.on_paper
    anchor = f' text-anchor="{text.anchor}"' * (text.anchor != "start")
    (x, y) = text.at
    return "".join(
        f'<text x="{x:.1f}" y="{y + number * LINE:.1f}" fill="{colour}"{anchor}{ring}>'
        f"{html.escape(line, quote=False)}</text>"
        for number, line in enumerate(text.lines)
    )
