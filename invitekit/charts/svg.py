"""A figure as SVG, drawn here without a browser: for paper. It knows what our own figures are made of, no more."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from invitekit.charts.chart import FONT, Chart, Row
from invitekit.charts.scales import Scale

_LINE, _KEY = 17, 20
_ANCHORS = {"left": "start", "center": "middle", "right": "end"}


def svg(chart: Chart, width: int = 760) -> str:
    """Give a chart without its title as SVG.

    Args:
        chart: What to draw.
        width: In pixels; the height is the chart's own, and more where the legend needs it.
    """
    found = chart.plain()
    layout, traces = found["layout"], found["data"]
    keys = [trace for trace in traces if trace.get("name") and trace.get("showlegend") is not False] \
        if layout.get("showlegend") is not False else []  # fmt: skip
    margin = layout["margin"]
    top = max(margin["t"], 8 + _KEY * math.ceil(len(keys) / 2) + (21 if _over(layout) else 0))
    height = layout["height"] + top - margin["t"]
    area = (margin["l"], top, width - margin["r"], height - margin["b"])
    paper = _Paper(layout, traces, area)
    parts = [
        f'<rect width="{width}" height="{height}" fill="{layout["paper_bgcolor"]}"/>',
        *paper.grids(),
        *(_shape(shape, paper) for shape in layout.get("shapes") or []),
        *paper.drawn(),
        *(_annotation(note, paper, layout) for note in layout.get("annotations") or []),
        *(_key(trace, place, width, layout) for place, trace in enumerate(keys)),
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return f'{head} font-family="{html.escape(FONT)}" font-size="13">{"".join(parts)}</svg>'


def _over(layout: Row) -> bool:
    return any(
        note.get("yref") == "paper" and note.get("yanchor") == "bottom" for note in layout.get("annotations") or []
    )


class _Paper:
    """The scales of one figure, and its traces on them."""

    def __init__(self, layout: Row, traces: list[Row], area: tuple[float, float, float, float]) -> None:
        self.layout, self.area = layout, area
        self.traces = [trace for trace in traces if any(value is not None for value in trace.get("x") or [])]
        self.x = self._x()
        self.y = {name: self._y(name) for name in dict.fromkeys(["y", *(t.get("yaxis", "y") for t in self.traces)])}

    def _x(self) -> Scale:
        axis, (left, _, right, _) = self.layout["xaxis"], self.area
        kind, tickformat = axis.get("type") or "linear", axis.get("tickformat") or ""
        if kind == "category":
            names = tuple(axis["categoryarray"])
            return Scale(kind, -0.5, len(names) - 0.5, left, right, names)
        days = sorted({str(value) for trace in self.traces for value in trace["x"]}) if kind == "date" else []
        plain = Scale(kind, 0, 1, left, right)
        if axis.get("range"):
            start, end = axis["range"]
        else:
            values = [plain.number(value) for trace in self.traces for value in trace["x"]] or [0.0, 1.0]
            edge = (max(values) - min(values)) * 0.04 or 1
            start, end = min(values) - edge, max(values) + edge
        return Scale(kind, start, end, left, right, tuple(days), tickformat)

    def _y(self, name: str) -> Scale:
        axis = self.layout[f"yaxis{name[1:]}"]
        low, high = axis.get("domain") or (0, 1)
        top, bottom = self.area[1], self.area[3]
        places = [bottom - share * (bottom - top) for share in (low, high)]
        start, end = axis.get("range") or (0, self._tallest() * 1.05)
        return Scale("linear", start, end, places[0], places[1], tickformat=axis.get("tickformat") or "")

    def _tallest(self) -> float:
        sums: dict[Any, float] = {}
        for trace in self.traces:
            for name, value in zip(trace["x"], trace["y"], strict=True):
                sums[name] = sums.get(name, 0) + value
        return max(sums.values(), default=1)

    def grids(self) -> Iterator[str]:
        """Give the lines behind the data, and the names of their values."""
        left, top, right, bottom = self.area
        xaxis = self.layout["xaxis"]
        if not self.traces:
            return
        grid, quiet = xaxis["gridcolor"], xaxis["tickfont"]["color"]
        if xaxis.get("visible") is not False:
            for place, name in self.x.ticks(int(xaxis.get("nticks") or 8), xaxis.get("tickvals")):
                yield _stroke(place, top, place, bottom, grid)
                yield _text(
                    [html.escape("-".join(name.split("<br>")[::-1]))], place, bottom + 16, quiet, anchor="middle"
                )
        for key, scale in self.y.items():
            axis = self.layout[f"yaxis{key[1:]}"]
            if axis.get("visible") is not False:
                for place, name in scale.ticks(int(axis.get("nticks") or 6)):
                    yield _stroke(left, place, right, place, grid)
                    yield _text([html.escape(name)], left - 6, place + 4, quiet, anchor="end")
        title = (xaxis.get("title") or {}).get("text")
        if title:
            yield _text([title], (left + right) / 2, bottom + 36, quiet, anchor="middle")

    def drawn(self) -> Iterator[str]:
        """Give the data."""
        ends: dict[Any, float] = {}
        for place, trace in enumerate(self.traces):
            if trace["type"] == "bar":
                yield from self._bars(trace, ends)
            elif trace["mode"] == "lines":
                yield from self._line(trace, self.traces[place - 1])
            elif trace["mode"] == "markers":
                yield from self._marks(trace)
            else:
                yield from self._words(trace)

    def _bars(self, trace: Row, ends: dict[Any, float]) -> Iterator[str]:
        lying, y = trace.get("orientation") == "h", self.y["y"]
        for place, (one, other) in enumerate(zip(trace["x"], trace["y"], strict=True)):
            name, value = (other, one) if lying else (one, other)
            start = ends.get(name, 0.0)
            ends[name] = start + value
            colour = trace["marker"]["color"]
            fill = colour if isinstance(colour, str) else colour[place]
            if lying:
                x, thick = self.x.place(start), abs(y.place(trace["width"]) - y.place(0))
                yield _box(x, y.place(name) - thick / 2, self.x.place(start + value) - x, thick, fill)
            else:
                thick = (self.x.place(self.x.names[0]) - self.area[0]) * 2 * (1 - self.layout["bargap"])
                top = y.place(start + value)
                yield _box(self.x.place(name) - thick / 2, top, thick, y.place(start) - top, fill)

    def _line(self, trace: Row, before: Row) -> Iterator[str]:
        line, width = trace["line"], trace["line"].get("width", 2)
        if trace.get("fill") == "tonexty":
            for edge, other in zip(self._runs(trace), self._runs(before), strict=True):
                both = " ".join(f"{x:.1f},{y:.1f}" for x, y in [*edge, *other[::-1]])
                yield f'<polygon points="{both}" fill="{trace["fillcolor"]}"/>'
        dash = ' stroke-dasharray="6 5"' if line.get("dash") == "dash" else ""
        for run in self._runs(trace) if width else []:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in run)
            yield f'<polyline points="{path}" fill="none" stroke="{line["color"]}" stroke-width="{width}"{dash}/>'

    def _runs(self, trace: Row) -> list[list[tuple[float, float]]]:
        """Give the points of a line in the runs between what is missing, with its steps."""
        y = self.y[trace.get("yaxis", "y")]
        runs: list[list[tuple[float, float]]] = [[]]
        for one, value in zip(trace["x"], trace["y"], strict=True):
            if value is not None:
                runs[-1].append((self.x.place(one), y.place(value)))
            elif runs[-1]:
                runs.append([])
        return [_stepped(run, trace["line"].get("shape")) for run in runs if run]

    def _marks(self, trace: Row) -> Iterator[str]:
        y, marker = self.y[trace.get("yaxis", "y")], trace["marker"]
        for place, (one, value) in enumerate(zip(trace["x"], trace["y"], strict=True)):
            if value is not None:
                yield _mark(self.x.place(one), y.place(value), {name: _nth(marker[name], place) for name in
                            ("size", "color")} | {"symbol": _nth(marker.get("symbol", "circle"), place),
                            "edge": _nth(marker["line"]["color"], place)})  # fmt: skip

    def _words(self, trace: Row) -> Iterator[str]:
        for one, other, text in zip(trace["x"], trace["y"], trace["text"], strict=True):
            yield _text([text], self.x.place(one) + 3, self.y["y"].place(other) + 4, trace["textfont"]["color"])


def _nth(value: Any, place: int) -> Any:
    return value[place] if isinstance(value, list | tuple) else value


def _stepped(run: list[tuple[float, float]], shape: str | None) -> list[tuple[float, float]]:
    if shape not in ("hv", "hvh") or len(run) == 1:
        return run
    made = [run[0]]
    for (left, low), (right, high) in pairwise(run):
        turn = right if shape == "hv" else (left + right) / 2
        made += [(turn, low), (turn, high), (right, high)]
    return made


_CORNERS: dict[str, list[tuple[float, float]]] = {
    "triangle-up": [(0, -1.1), (1, 0.7), (-1, 0.7)],
    "triangle-down": [(0, 1.1), (1, -0.7), (-1, -0.7)],
    "diamond": [(0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)],
    "square": [(-1, -1), (1, -1), (1, 1), (-1, 1)],
}


def _mark(x: float, y: float, how: Row) -> str:
    half, corners = how["size"] / 2, _CORNERS.get(how["symbol"])
    paint = f'fill="{how["color"]}" stroke="{how["edge"]}" stroke-width="1.6"'
    if corners is None:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{half:.1f}" {paint}/>'
    points = " ".join(f"{x + dx * half:.1f},{y + dy * half:.1f}" for dx, dy in corners)
    return f'<polygon points="{points}" {paint}/>'


def _key(trace: Row, place: int, width: int, layout: Row) -> str:
    """Give one entry of the legend, two in a row."""
    x, y = 14 + (place % 2) * width / 2, 10 + (place // 2) * _KEY
    marker: Row = trace.get("marker") or {"color": trace["line"]["color"]}
    edge = (marker.get("line") or marker)["color"]
    how = {
        "size": marker.get("size", 11),
        "color": marker["color"],
        "symbol": marker.get("symbol", "square"),
        "edge": edge,
    }
    return _mark(x + 4, y, how) + _text(trace["name"].split("<br>"), x + 18, y + 4, layout["font"]["color"])


def _shape(shape: Row, paper: _Paper) -> str:
    y = paper.y["y"]
    ends = (paper.x.place(shape["x0"]), y.place(shape["y0"]), paper.x.place(shape["x1"]), y.place(shape["y1"]))
    line = shape["line"]
    dash = {"dash": "6 5", "dot": "2 3"}.get(line.get("dash", ""), "")
    return _stroke(*ends, line["color"], width=line["width"], dash=dash)


def _annotation(note: Row, paper: _Paper, layout: Row) -> str:
    left, top, right, bottom = paper.area
    lines = str(note["text"]).split("<br>")
    x = left + note["x"] * (right - left) if note.get("xref") == "paper" else paper.x.place(note["x"])
    y = bottom - note["y"] * (bottom - top) if note.get("yref") == "paper" else paper.y["y"].place(note["y"])
    first = {"top": 13, "bottom": 13 - _LINE * len(lines), "middle": 4}.get(note.get("yanchor", "middle"), 4)
    anchor = _ANCHORS[note.get("xanchor", "center")]
    font: Row = note.get("font") or layout["font"]
    colour = font["color"]
    return _text(lines, x + note.get("xshift", 0), y + first, colour, anchor=anchor, halo=note.get("bgcolor", ""))


def _stroke(x0: float, y0: float, x1: float, y1: float, colour: str, *, width: float = 1, dash: str = "") -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    ends = f'x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width}"{dashes}/>'


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}" fill="{colour}"/>'


def _text(lines: list[str], x: float, y: float, colour: str, *, anchor: str = "start", halo: str = "") -> str:
    """Give lines of a text that is escaped already, as figures hold it."""
    ring = f' stroke="{halo}" stroke-width="4" paint-order="stroke"' if halo else ""
    return "".join(
        f'<text x="{x:.1f}" y="{y + place * _LINE:.1f}" fill="{colour}" text-anchor="{anchor}"{ring}>{line}</text>'
        for place, line in enumerate(lines)
    )
