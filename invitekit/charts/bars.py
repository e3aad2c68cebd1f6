"""Figures in rows: each row has its label above it, so that a long one fits on any screen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from invitekit.charts.chart import Chart, Look, Row, axis, draw
from invitekit.charts.labels import keys_height, shown, wrap
from invitekit.charts.scales import nice

MOST = 20
"""Rows that a figure shows; the others are counted together."""
_LINE, _BAR, _GAP = 17, 16, 16
_DOT = 9


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a bar."""

    value: float
    colour: str
    hover: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of bars: its label, its pieces, and the text behind them."""

    label: str
    parts: tuple[Part, ...]
    text: str = ""

    @property
    def total(self) -> float:
        """The length of all pieces together."""
        return sum(part.value for part in self.parts)


@dataclass(frozen=True, slots=True)
class Dot:
    """One row of a rate: the rate with its interval."""

    label: str
    rate: float
    low: float
    high: float
    text: str
    hover: str
    colour: str
    small: bool = False


def bars(title: str, look: Look, given: list[Bar], legend: Iterable[tuple[str, str]] = (), note: str = "") -> Chart:
    """Draw a row for each bar, its pieces behind each other."""
    names = list(legend)
    middles, labels, height = _places([bar.label for bar in given], _BAR, look)
    most = max((bar.total for bar in given), default=0) or 1
    traces = [
        _piece([(y, bar.parts[number]) for y, bar in zip(middles, given, strict=True) if number < len(bar.parts)])
        for number in range(max((len(bar.parts) for bar in given), default=0))
    ]
    ends = {"type": "scatter", "mode": "text", "x": [bar.total for bar in given], "y": middles, "hoverinfo": "skip",
            "text": [f" {shown([bar.text])}" for bar in given], "textposition": "middle right", "cliponaxis": False,
            "showlegend": False, "textfont": {"color": look.theme.muted}}  # fmt: skip
    layout = {
        "barmode": "stack",
        "xaxis": axis(look.theme, range=[0, most * 1.45], visible=False),
        "annotations": labels,
        **_rows_down(height, look),
        **_head(names),
    }
    return draw(title, look, [*traces, ends, *_keys(names)], _sized(layout, height, names, below=0), note)


def dots(title: str, look: Look, given: list[Dot], mean: float | None, note: str = "") -> Chart:
    """Draw a row for each rate, with its interval, and a line where all together are."""
    middles, labels, height = _places([dot.label for dot in given], _DOT + 4, look)
    most = max([dot.high for dot in given] + ([mean] if mean is not None else []), default=1) or 1
    theme = look.theme
    points = {
        "type": "scatter", "mode": "markers", "x": [dot.rate for dot in given], "y": middles, "cliponaxis": False,
        "showlegend": False, "hovertext": [dot.hover for dot in given], "hoverinfo": "text",
        "marker": {"size": _DOT, "opacity": 1, "color": [theme.paper if dot.small else dot.colour for dot in given],
                   "line": {"width": 1.5, "color": [dot.colour for dot in given]}},
    }  # fmt: skip
    ends = [_end(dot, y, look) for dot, y in zip(given, middles, strict=True) if dot.text]
    spans = [_span(dot, y) for dot, y in zip(given, middles, strict=True)]
    lines = [_mean_line(mean, height, look)] if mean is not None else []
    layout = {
        "xaxis": axis(theme, range=[0, most * 1.45], tickformat=".0%", tickvals=nice(0, min(most * 1.45, 1), 6)),
        "annotations": [label | {"bgcolor": theme.paper} for label in labels] + ends,
        "shapes": [*lines, *spans],
        **_rows_down(height, look),
    }
    return draw(title, look, [points], _sized(layout, height, [], below=26), note)


def _end(dot: Dot, y: float, look: Look) -> Row:
    """Say the rate behind its interval, on the paper's colour: lines run behind it."""
    ours = {"showarrow": False, "bgcolor": look.theme.paper, "font": {"color": look.theme.muted}, "borderpad": 0}
    return {
        "text": shown([dot.text]),
        "x": dot.high,
        "y": y,
        "xanchor": "left",
        "xshift": 8,
        "yanchor": "middle",
        **ours,
    }


def _span(dot: Dot, y: float) -> Row:
    line = {"color": dot.colour, "width": 1.2 if dot.small else 2.5, "dash": "dot" if dot.small else "solid"}
    return {"type": "line", "x0": dot.low, "x1": dot.high, "y0": y, "y1": y, "layer": "between", "line": line}


def _mean_line(mean: float, height: float, look: Look) -> Row:
    return {"type": "line", "x0": mean, "x1": mean, "y0": 0, "y1": height, "layer": "below",
            "line": {"color": look.theme.muted, "width": 1, "dash": "dash"}}  # fmt: skip


def _places(labels: list[str], thick: int, look: Look) -> tuple[list[float], list[Row], float]:
    """Give the middle of each row, the labels above them, and the height of all, in pixels."""
    at = 0.0
    middles, notes = [], []
    for label in labels:
        lines = wrap(label)
        notes.append(
            {"text": shown(lines), "x": 0, "xref": "paper", "xanchor": "left", "y": at, "yanchor": "top",
             "showarrow": False, "align": "left", "font": {"color": look.theme.ink}, "borderpad": 0}
        )  # fmt: skip
        at += len(lines) * _LINE + 4
        middles.append(at + thick / 2)
        at += thick + _GAP
    return middles, notes, max(at - _GAP / 2, 1)


def _piece(rows: list[tuple[float, Part]]) -> Row:
    return {"type": "bar", "orientation": "h", "y": [y for y, _ in rows], "x": [part.value for _, part in rows],
            "width": _BAR, "marker": {"color": [part.colour for _, part in rows], "line": {"width": 0}},
            "hovertext": [part.hover for _, part in rows], "hoverinfo": "text", "showlegend": False,
            "textposition": "none"}  # fmt: skip


def _keys(names: list[tuple[str, str]]) -> list[Row]:
    """Give a key to each colour: a trace without data, in our order."""
    return [
        {"type": "scatter", "mode": "markers", "x": [None], "y": [None], "name": name, "showlegend": True,
         "marker": {"symbol": "square", "size": 11, "color": colour}}
        for name, colour in names
    ]  # fmt: skip


def _head(names: list[tuple[str, str]]) -> Row:
    return {"showlegend": bool(names)}


def _rows_down(height: float, look: Look) -> Row:
    return {"yaxis": axis(look.theme, range=[height, 0], visible=False)}


def _sized(layout: Row, height: float, names: list[tuple[str, str]], *, below: int) -> Row:
    top = 8 + keys_height([name for name, _ in names])
    margin = {"l": 12, "r": 12, "t": top, "b": 8 + below}
    return layout | {"height": int(height) + top + margin["b"], "margin": margin}
