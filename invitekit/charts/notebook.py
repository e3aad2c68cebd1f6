"""A figure for a notebook, drawn by plotly: JupyterLab gets it as plain JSON, so that plotly is not imported."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from invitekit.charts.colours import COLOURS
from invitekit.charts.labels import wrap
from invitekit.charts.scene import BAR, FONT, LINE, WIDTH, Box, Line, Mark, Text, lay_out
from invitekit.extras import require_extra
from invitekit.i18n import _

if TYPE_CHECKING:
    from invitekit.charts.figure import Figure

Json = dict[str, Any]
MIME = "application/vnd.plotly.v1+json"
CONFIG = {"displaylogo": False, "responsive": False, "displayModeBar": False}
"""JupyterLab fits a figure to its window itself; a responsive one would lose its height."""
_ANCHORS = {"start": "left", "middle": "center", "end": "right"}


def to_plotly(figure: Figure) -> Any:
    """Return the figure as a ``plotly.graph_objects.Figure``.

    Raises:
        MissingExtraError: plotly is not installed.
    """
    require_extra("lab", _("The figures of a notebook need more libraries."), "plotly")
    from plotly.graph_objects import Figure as PlotlyFigure  # noqa: PLC0415 - half a second, for this alone

    return PlotlyFigure(draw(figure))


def draw(figure: Figure) -> Json:
    """Return traces and layout as plotly takes them, with the title; both axes count pixels of the layout."""
    items, height = lay_out(figure)
    colours = {name: pair[figure.look.dark] for name, pair in COLOURS.items()}
    title, subtitle = wrap(figure.title, 60), wrap(figure.subtitle, 90, 3)
    head = 30 + 20 * len(title) + LINE * len(subtitle)
    axis = {"visible": False, "fixedrange": True}
    layout: Json = {
        "title": {"text": f"<b>{_escaped(title)}</b><br><span style='font-size:12px'>{_escaped(subtitle)}</span>",
                  "x": 0, "xref": "container", "pad": {"l": 12}, "y": 1 - 20 / (height + head + 8), "yanchor": "top",
                  "font": {"size": 16, "color": colours["ink"]}},
        "paper_bgcolor": colours["paper"], "plot_bgcolor": colours["paper"], "dragmode": False, "showlegend": False,
        "font": {"family": FONT, "size": 13, "color": colours["ink"]}, "barmode": "overlay", "hovermode": "closest",
        "hoverlabel": {"bgcolor": colours["paper"], "bordercolor": colours["muted"], "align": "left",
                       "namelength": -1, "font": {"family": FONT, "color": colours["ink"]}},
        "xaxis": {**axis, "range": [0, WIDTH]}, "yaxis": {**axis, "range": [height, 0]},
        "shapes": [_shape(item, colours) for item in items if isinstance(item, Line)],
        "annotations": [_annotation(item, colours) for item in items if isinstance(item, Text)],
        "margin": {"l": 12, "r": 12, "t": head, "b": 8}, "height": int(height) + head + 8,
    }  # fmt: skip
    boxes = [item for item in items if isinstance(item, Box)]
    marks = [item for item in items if isinstance(item, Mark)]
    bars: Json = {
        "type": "bar", "orientation": "h", "width": BAR,
        "marker": {"color": [colours[box.colour] for box in boxes], "line": {"width": 0}},
        "base": [box.at[0] for box in boxes], "x": [box.length for box in boxes],
        "y": [box.at[1] + BAR / 2 for box in boxes], **_hover(boxes),
    }  # fmt: skip
    points: Json = {
        "type": "scatter", "mode": "markers", "x": [mark.at[0] for mark in marks], "y": [mark.at[1] for mark in marks],
        "cliponaxis": False, **_hover(marks), "marker": {
            "symbol": [mark.symbol for mark in marks], "size": [mark.size for mark in marks], "opacity": 1,
            "color": [colours["paper" if mark.hollow else mark.colour] for mark in marks],
            "line": {"width": 1.5, "color": [colours[mark.colour] for mark in marks]},
        },
    }  # fmt: skip
    return {"data": [trace for trace in (bars, points) if trace["x"]], "layout": layout}


def _hover(items: Sequence[Box | Mark]) -> Json:
    return {"hovertext": [_escaped(item.hover.split("\n")) for item in items], "hoverinfo": "text"}


def _shape(line: Line, colours: dict[str, str]) -> Json:
    colour, path = colours[line.colour], " L ".join(f"{x:.1f},{y:.1f}" for x, y in line.points)
    style = {"color": colour, "width": 0 if line.filled else line.width, "dash": "dash" if line.dashed else "solid"}
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    fill = f"rgba({red},{green},{blue},{0.16 if line.filled else 0})"
    return {"type": "path", "path": f"M {path}{' Z' * line.filled}", "line": style, "fillcolor": fill, "layer": "below"}


def _annotation(text: Text, colours: dict[str, str]) -> Json:
    paper = {"bgcolor": colours["paper"]} if text.on_paper else {}
    return {
        "text": _escaped(text.lines), "x": text.at[0], "y": text.at[1] - 12, "xanchor": _ANCHORS[text.anchor],
        "yanchor": "top", "showarrow": False, "borderpad": 0, "align": "left", "font": {"color": colours[text.colour]},
        **paper,
    }  # fmt: skip


def _escaped(lines: Sequence[str]) -> str:
    """Join lines for plotly and escape them: a name that looks like a tag is shown as text."""
    return "<br>".join(html.escape(line, quote=False) for line in lines)
