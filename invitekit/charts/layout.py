"""Where the parts of a figure stand, in pixels, for both ways to draw it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from invitekit.charts.labels import width, wrap

if TYPE_CHECKING:
    from invitekit.charts.figure import Mark, Panel, Row, Xy

FONT = "system-ui, 'Segoe UI', 'Noto Sans', 'Noto Sans CJK SC', 'Microsoft YaHei', 'PingFang SC', sans-serif"
WIDTH = 640
"""Pixels of a figure on a page; a notebook draws it as wide as its window."""
LINE, BAR, BETWEEN = 17, 12, 13
"""Pixels: a line of text, a bar, the room between two rows."""
PANEL, SINGLE, BETWEEN_PANELS = 90, 240, 20
"""Pixels: the height of a panel beside others, of a single one, the room between two."""
COLUMN = 7.6
"""Pixels: a column of text, in the widest of the usual fonts."""
_KEY, _STEPS = 32, (1, 2, 2.5, 5, 10)


def row_places(rows: Sequence[Row]) -> tuple[list[tuple[float, float]], float]:
    """Return the top of the label and of the bar of each row, and the height of all, in pixels."""
    at, places = 0.0, []
    for row in rows:
        below = at + len(wrap(row.label)) * LINE + 3
        places.append((at, below))
        at = below + BAR + BETWEEN
    return places, at - BETWEEN / 2


def panel_places(panels: Sequence[Panel]) -> tuple[list[Xy], float]:
    """Return top and bottom of each panel, and the height of all, in pixels."""
    at, places, height = 0.0, [], SINGLE if len(panels) == 1 else PANEL
    for panel in panels:
        at += LINE + 8 if panel.label else 0
        places.append((at, at + height))
        at += height + BETWEEN_PANELS
    return places, at - BETWEEN_PANELS


def key_places(keys: Sequence[Mark]) -> list[tuple[float, int]]:
    """Return where each entry of a legend begins, in pixels, and its line."""
    at, line, places = 0.0, 0, []
    for key in keys:
        wide = _KEY + COLUMN * width(key.hover)
        at, line = (0.0, line + 1) if at and at + wide > WIDTH - 24 else (at, line)
        places.append((at, line))
        at += wide
    return places


def spread(heights: list[float], apart: float) -> list[float]:
    """Move heights away from each other, as little as is needed, so that texts do not cover each other.

    >>> spread([10, 12, 50], 16)
    [3.0, 19.0, 50]
    """
    moved = list(heights)
    order = sorted(range(len(moved)), key=lambda place: moved[place])
    for _ in moved:
        for upper, lower in itertools.pairwise(order):
            lack = apart - (moved[lower] - moved[upper])
            if lack > 0:
                moved[upper], moved[lower] = moved[upper] - lack / 2, moved[lower] + lack / 2
    return moved


def nice(start: float, end: float, most: int) -> list[float]:
    """Return round values between two, no more than so many.

    >>> nice(0, 0.47, 6)
    [0.0, 0.1, 0.2, 0.3, 0.4]
    """
    rough = (end - start) / max(most, 1) or 1
    power = 10 ** math.floor(math.log10(rough))
    step = next(one * power for one in _STEPS if one * power >= rough * (1 - 1e-9))
    places = range(math.ceil(start / step), math.floor(end / step + 1e-9) + 1)
    return [round(place * step, 9) for place in places]
