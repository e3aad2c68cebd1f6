"""A figure for a notebook, drawn by plotly: JupyterLab takes it as plain JSON, so that plotly is not imported."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from invitekit.charts.colours import COLOURS
from invitekit.charts.labels import one_line, width, wrap
from invitekit.charts.layout import BAR, COLUMN, FONT, LINE, key_places, nice, panel_places, row_places, spread
from invitekit.extras import require_extra

if TYPE_CHECKING:
    from invitekit.charts.figure import Figure, Mark, Panel, Xy

Json = dict[str, Any]
MIME = "application/vnd.plotly.v1+json"
CONFIG = {"displaylogo": False, "responsive": False, "displayModeBar": False}
"""JupyterLab fits a figure to its window itself; a responsive one would lose its height."""


def to_plotly(figure: Figure) -> Any:
    """Return the figure as a ``plotly.graph_objects.Figure``.

    Raises:
        MissingExtraError: plotly is not installed.
    """
    require_extra("lab", "The figures of a notebook need", "plotly")
    from plotly.graph_objects import Figure as PlotlyFigure  # noqa: PLC0415 - half a second, for this alone

    return PlotlyFigure(draw(figure))


def draw(figure: Figure) -> Json:
    """Return traces and layout as plotly takes them, with the title."""
    look = figure.look
    colours = {name: pair[look.dark] for name, pair in COLOURS.items()}
    title, subtitle = wrap(figure.title, 60), wrap(figure.subtitle, 90, 3)
    head = 26 + 20 * len(title) + LINE * len(subtitle)
    head += 12 + 20 * (key_places(figure.keys)[-1][1] + 1) if figure.keys else 6
    if figure.rows:
        traces, layout = _rows(figure, colours)
    elif figure.panels:
        traces, layout = _panels(figure, colours)
    else:
        words = look.words["none"].format(what=look.chosen)
        note = _note(wrap(words), colours["muted"], x=0.5, y=0.5, xref="paper", yref="paper")
        hidden = {"visible": False}
        traces, layout = [], {"annotations": [note], "xaxis": hidden, "yaxis": hidden, "height": 80, "margin": {"b": 0}}
    keys = [
        {"type": "scatter", "mode": "markers", "x": [None], "y": [None], "name": _escaped([key.hover]),
         "showlegend": True, "marker": _marker([key], colours)}
        for key in figure.keys
    ]  # fmt: skip
    ours: Json = {
        "title": {"text": f"<b>{_escaped(title)}</b><br><span style='font-size:12px'>{_escaped(subtitle)}</span>",
                  "x": 0, "xref": "container", "pad": {"l": 12}, "y": 1 - 20 / (layout["height"] + head),
                  "yanchor": "top", "font": {"size": 16, "color": colours["ink"]}},
        "paper_bgcolor": colours["paper"], "plot_bgcolor": colours["paper"], "dragmode": False,
        "showlegend": bool(keys),
        "font": {"family": FONT, "size": 13, "color": colours["ink"]}, "barmode": "stack",
        "hoverlabel": {"bgcolor": colours["paper"], "bordercolor": colours["muted"], "align": "left",
                       "namelength": -1, "font": {"family": FONT, "color": colours["ink"]}},
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "itemclick": False,
                   "itemdoubleclick": False, "bgcolor": "rgba(0,0,0,0)", "traceorder": "normal"},
    }  # fmt: skip
    margin = {"l": 12, "r": 12, **layout["margin"], "t": head}
    return {"data": traces + keys, "layout": {**ours, **layout, "height": layout["height"] + head, "margin": margin}}


def _rows(figure: Figure, colours: dict[str, str]) -> tuple[list[Json], Json]:
    places, height = row_places(figure.rows)
    middles = [bar + BAR / 2 for _, bar in places]
    most = max(*(row.end for row in figure.rows), figure.mean or 0, 1e-9)
    traces: list[Json] = []
    for number in range(max(len(row.parts) for row in figure.rows)):
        parts = [
            (y, row, row.parts[number]) for y, row in zip(middles, figure.rows, strict=True) if number < len(row.parts)
        ]
        hover = [_escaped(part.hover.split("\n")) for *_, part in parts]
        trace: Json = {"x": [part.value for *_, part in parts], "y": [y for y, *_ in parts], "showlegend": False,
                       "hovertext": hover, "hoverinfo": "text"}  # fmt: skip
        paint = [colours[part.colour] for *_, part in parts]
        if figure.is_rates:
            fill = [colours["paper"] if row.small else colour for (_, row, _), colour in zip(parts, paint, strict=True)]
            marker = {"size": 9, "opacity": 1, "color": fill, "line": {"width": 1.5, "color": paint}}
            traces.append(trace | {"type": "scatter", "mode": "markers", "cliponaxis": False, "marker": marker})
        else:
            marker = {"color": paint, "line": {"width": 0}}
            traces.append(trace | {"type": "bar", "orientation": "h", "width": BAR, "marker": marker})
    spans = [
        _shape((row.interval[0], y), (row.interval[1], y), colours[row.parts[0].colour], 1.4 if row.small else 2.6)
        for row, y in zip(figure.rows, middles, strict=True)
        if row.interval
    ]
    mean = (
        [_shape((figure.mean, 0), (figure.mean, height), colours["muted"], 1, "dash")]
        if figure.mean is not None
        else []
    )
    labels = [
        _note(wrap(row.label), colours["ink"], x=0, y=label, xref="paper", xanchor="left", yanchor="top",
              bgcolor=colours["paper"])
        for row, (label, _) in zip(figure.rows, places, strict=True)
    ]  # fmt: skip
    texts = [
        _note([row.text], colours["muted"], x=row.end, y=y, xanchor="left", xshift=6, bgcolor=colours["paper"])
        for row, y in zip(figure.rows, middles, strict=True)
    ]
    axis = _axis(colours, range=[0, most * 1.45], visible=figure.is_rates, tickformat=".0%", tickvals=nice(0, most, 6))
    return traces, {
        "xaxis": axis, "yaxis": _axis(colours, range=[height, 0], visible=False), "shapes": mean + spans,
        "annotations": labels + texts, "height": int(height) + (34 if figure.is_rates else 8),
        "margin": {"b": 34 if figure.is_rates else 8},
    }  # fmt: skip


def _panels(figure: Figure, colours: dict[str, str]) -> tuple[list[Json], Json]:
    places, height = panel_places(figure.panels)
    traces, layout, notes, look = [], dict[str, Any](), [], figure.look.words
    ends = max((width(text) for panel in figure.panels for _, text, _ in panel.ends), default=0) * COLUMN
    for number, (panel, (above, below)) in enumerate(zip(figure.panels, places, strict=True), 1):
        axis = f"y{number}" if number > 1 else "y"
        traces += _panel(panel, axis, colours)
        domain = [1 - below / height, 1 - above / height]
        layout[f"yaxis{axis[1:]}"] = _axis(
            colours, domain=domain, tickformat=".0%", range=[0, figure.top],
            tickvals=nice(0, figure.top, 5 if len(figure.panels) == 1 else 2),
        )  # fmt: skip
        at = {"xref": "paper", "yref": "paper", "xanchor": "left"}
        notes += [_note(wrap(panel.label), colours["ink"], x=0, y=domain[1], yanchor="bottom", **at)] * bool(
            panel.label
        )
        heights = spread([above + (1 - value / figure.top) * (below - above) for value, *_ in panel.ends], LINE)
        notes += [
            _note([text], colours[colour], x=1, xshift=6, y=1 - pixels / height, yanchor="middle", **at)
            for pixels, (_, text, colour) in zip(heights, panel.ends, strict=True)
        ]
    ticks = {
        "tickvals": [day for day, _ in figure.ticks],
        "ticktext": [_escaped(t.split("\n")) for _, t in figure.ticks],
    }
    for number, (label, colour, numbers) in enumerate(figure.below):
        under: Json = {"y": 0, "yref": "paper", "yanchor": "top", "yshift": -62 - LINE * number}
        notes.append(
            _note([one_line(label, 18)], colours[colour], x=0, xref="paper", xanchor="right", xshift=-24, **under)
        )
        places_of = zip(figure.ticks, numbers, strict=False)
        notes += [_note([text], colours["muted"], x=day, xanchor="center", **under) for (day, _), text in places_of]
    words = f"{figure.axis}; {look['at_risk']}" if figure.below else figure.axis
    axis_title = {"title": {"text": _escaped([words]), "font": {"color": colours["muted"]}}} if figure.axis else {}
    anchor = f"y{len(figure.panels)}" if len(figure.panels) > 1 else "y"
    layout["xaxis"] = _axis(colours, range=list(figure.days), anchor=anchor, tickangle=0, **ticks, **axis_title)
    left = max((34 + COLUMN * width(one_line(label, 18)) for label, *_ in figure.below), default=50)
    margin = {"l": left, "r": 14 + ends, "b": 48 + (LINE * len(figure.below) + 14 if figure.below else 0)}
    return traces, {**layout, "annotations": notes, "height": int(height) + margin["b"], "margin": margin}


def _panel(panel: Panel, axis: str, colours: dict[str, str]) -> list[Json]:
    shared: Json = {"type": "scatter", "yaxis": axis, "xaxis": "x", "showlegend": False}
    traces: list[Json] = []
    for line in panel.lines:
        xs, ys = ([point[at] for point in line.points] for at in (0, 1))
        trace = shared | {"mode": "lines", "x": xs, "y": ys, "hoverinfo": "skip"}
        colour = colours[line.colour]
        if line.filled:
            red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
            filled = {"fill": "toself", "fillcolor": f"rgba({red},{green},{blue},0.16)", "line": {"width": 0}}
            traces.append(trace | filled)
        else:
            style = {"width": line.width, "color": colour, "dash": "dash" if line.dashed else "solid"}
            traces.append(trace | {"line": style})
    marks = {
        "mode": "markers", "x": [mark.at[0] for mark in panel.marks], "y": [mark.at[1] for mark in panel.marks],
        "hovertext": [_escaped(mark.hover.split("\n")) for mark in panel.marks], "hoverinfo": "text",
        "cliponaxis": False, "marker": _marker(panel.marks, colours),
    }  # fmt: skip
    return [*traces, shared | marks]


def _marker(marks: list[Mark] | tuple[Mark, ...], colours: dict[str, str]) -> Json:
    return {
        "symbol": [mark.symbol for mark in marks], "size": [mark.size for mark in marks], "opacity": 1,
        "color": [colours["paper" if mark.hollow else mark.colour] for mark in marks],
        "line": {"width": 1.5, "color": [colours[mark.colour] for mark in marks]},
    }  # fmt: skip


def _axis(colours: dict[str, str], **more: Any) -> Json:
    grid = colours["grid"]
    quiet = {"gridcolor": grid, "zerolinecolor": grid, "linecolor": grid, "fixedrange": True}
    return {**quiet, "tickfont": {"color": colours["muted"]}, **more}


def _shape(start: Xy, end: Xy, colour: str, width: float, dash: str = "solid") -> Json:
    line = {"color": colour, "width": width, "dash": dash}
    return {
        "type": "line",
        "x0": start[0],
        "y0": start[1],
        "x1": end[0],
        "y1": end[1],
        "layer": "between",
        "line": line,
    }


def _note(lines: list[str], colour: str, **more: Any) -> Json:
    return {
        "text": _escaped(lines),
        "showarrow": False,
        "align": "left",
        "borderpad": 0,
        "font": {"color": colour},
        **more,
    }


def _escaped(lines: list[str]) -> str:
    """Return lines as plotly takes them: a name can be a tag, and is shown as the text that it is."""
    return "<br>".join(html.escape(line, quote=False) for line in lines)
