"""Where a value stands on paper, and which values an axis names."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from invitekit.charts.labels import percent

_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis of a figure: from values to places.

    Attributes:
        kind: ``linear``, ``date`` or ``category``.
        start, end: The values at both ends, as numbers.
        low, high: Their places.
        names: The categories or days in order.
        tickformat: As plotly has it.
    """

    kind: str
    start: float
    end: float
    low: float
    high: float
    names: tuple[str, ...] = ()
    tickformat: str = ""

    def number(self, value: Any) -> float:
        """Give a value as a number: a day counts days, a category its place."""
        if self.kind == "date":
            return float(dt.date.fromisoformat(str(value)[:10]).toordinal())
        return float(self.names.index(value)) if self.kind == "category" else float(value)

    def place(self, value: Any) -> float:
        """Give the place of a value."""
        span = (self.end - self.start) or 1
        return self.low + (self.number(value) - self.start) / span * (self.high - self.low)

    def ticks(self, most: int, given: Sequence[float] | None = None) -> list[tuple[float, str]]:
        """Give the places that an axis names, with the names: the given values, else so many at most."""
        if self.kind != "linear":
            every = self.names[:: max(1, math.ceil(len(self.names) / most))]
            return [(self.place(name), name) for name in every]
        values = nice(self.start, self.end, most) if given is None else given
        return [(self.place(value), self._name(value)) for value in values]

    def _name(self, value: float) -> str:
        return percent(round(value, 6)) if "%" in self.tickformat else f"{value:,.10g}"


def nice(start: float, end: float, most: int) -> list[float]:
    """Give round values between two, no more than so many.

    >>> nice(0, 0.47, 6)
    [0.0, 0.1, 0.2, 0.30000000000000004, 0.4]
    """
    low, high = sorted((start, end))
    rough = (high - low) / max(most, 1) or 1
    power = 10 ** math.floor(math.log10(rough))
    step = next(one * power for one in _STEPS if one * power >= rough * (1 - 1e-9))
    return [place * step for place in range(math.ceil(low / step), math.floor(high / step + 1e-9) + 1)]
