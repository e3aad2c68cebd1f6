"""A figure with its words: shown in a notebook without a network, or taken apart by a report."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import narwhals.stable.v2 as nw
import plotly.graph_objects as go

from invitekit.charts.colours import DARK, LIGHT, UNKNOWN_VALUE, Theme
from invitekit.charts.labels import shown, wrap
from invitekit.metrics import EMPTY, OTHER
from invitekit.model.catalogue import Catalogue, Language, read_catalogue
from invitekit.model.filters import Filter
from invitekit.model.schema import BY_NAME

Row = dict[str, Any]

MIME = "application/vnd.plotly.v1+json"
FONT = "system-ui, 'Segoe UI', 'Noto Sans', 'Noto Sans CJK SC', 'Microsoft YaHei', 'PingFang SC', sans-serif"
CONFIG = {"displaylogo": False, "responsive": True, "displayModeBar": False}
IN_NOTEBOOK = CONFIG | {"responsive": False}
"""JupyterLab fits a figure to its window itself; one that did so too would lose its height."""
_TITLE_CELLS, _SUBTITLE_CELLS, _TITLE_LINE = 44, 60, 20


@dataclass(frozen=True, slots=True)
class Look:
    """How figures are drawn, and what they say was chosen.

    Attributes:
        choice: The filter that the records were chosen by; each title says it in words.
        language: Of the words: ``en`` or ``zh``.
        dark: On a dark background.
        catalogue: The failures known, whose causes stand in words; else the built-in ones.
    """

    choice: Filter = field(default_factory=Filter)
    language: Language = "en"
    dark: bool = False
    catalogue: Catalogue = field(default_factory=read_catalogue)

    @property
    def theme(self) -> Theme:
        """The colours."""
        return DARK if self.dark else LIGHT

    @property
    def words(self) -> Mapping[str, Any]:
        """The words, in the language."""
        return _words(self.language)

    @property
    def chosen(self) -> str:
        """The choice in words."""
        return str(self.choice) if self.choice else str(self.words["every"])


LOOK = Look()
"""Every record, in English, on a light background."""


@dataclass(frozen=True, slots=True, repr=False)
class Chart:
    """A figure with its title; a notebook shows both.

    Attributes:
        title: What is shown, one line.
        subtitle: Of which records.
        figure: The plotly figure, without the title.
        look: How it was drawn.
    """

    title: str
    subtitle: str
    figure: Any
    look: Look

    def titled(self) -> Any:
        """Give the plotly figure with its title on it."""
        theme, figure = self.look.theme, go.Figure(self.figure)
        title, lines = wrap(self.title, _TITLE_CELLS), wrap(self.subtitle, _SUBTITLE_CELLS, 4)
        head = f"<b>{shown(title)}</b><br><span style='font-size:12px'>{shown(lines)}</span>"
        room = 26 + _TITLE_LINE * len(title) + 17 * len(lines)
        margin = self.figure.layout.margin
        height = self.figure.layout.height + room
        figure.update_layout(
            title={"text": head, "x": 0, "xref": "container", "pad": {"l": 12}, "y": 1 - 20 / height, "yanchor": "top",
                   "font": {"size": 16, "color": theme.ink}},
            margin={"t": margin.t + room}, height=height,
        )  # fmt: skip
        return figure

    def plain(self) -> dict[str, Any]:
        """Give the figure without its title as plain JSON values."""
        found = self.figure.to_plotly_json()
        return {"data": found["data"], "layout": found["layout"]}

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """Give what JupyterLab draws; plotly's own way would import nbformat, for seconds."""
        found = self.titled().to_plotly_json()
        return {MIME: {**found, "config": IN_NOTEBOOK}, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"{self.title} ({self.subtitle})"


def rows(table: Any) -> list[Row]:
    """Give the rows of a small table of any engine."""
    return [dict(row) for row in nw.from_native(table, eager_only=True).iter_rows(named=True)]


def named(value: str | None, by: str | None, look: Look) -> str:
    """Give a group's name for people: a code's label, a cause in words, any other value as it is."""
    if value in (None, EMPTY, OTHER):
        return str(look.words["groups_named"][value or EMPTY])
    if by == "cause":
        failure = look.catalogue.by_code(str(value))
        return failure.cause(look.language) if failure else str(value)
    labels = {one.code: one.label(look.language) for one in (*BY_NAME[by].values, UNKNOWN_VALUE)} if by else {}
    return labels.get(str(value), str(value))


def draw(title: str, look: Look, traces: list[Row], layout: Row, note: str = "") -> Chart:
    """Make a chart in our style.

    Args:
        title: What is shown.
        look: How.
        traces: As plotly takes them.
        layout: What is particular to it; ``height`` is needed.
        note: What else to say below the title.
    """
    figure = go.Figure(traces, {**_style(look.theme), **layout})
    subtitle = " · ".join(filter(None, [look.chosen, note]))
    return Chart(title, subtitle, figure, look)


def empty(title: str, look: Look) -> Chart:
    """Make a chart that says that there is nothing to show, and of what."""
    words = shown(wrap(look.words["none"].format(what=look.chosen), 60, 3))
    note = {"text": words, "xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5, "showarrow": False,
            "font": {"size": 14, "color": look.theme.muted}}  # fmt: skip
    hidden = {"visible": False}
    return draw(title, look, [], {"annotations": [note], "xaxis": hidden, "yaxis": hidden, "height": 120})


def axis(theme: Theme, **more: Any) -> Row:
    """Give an axis in our style."""
    quiet: Row = {"gridcolor": theme.grid, "zerolinecolor": theme.grid, "linecolor": theme.grid, "fixedrange": True,
             "tickfont": {"color": theme.muted}, "title": {"font": {"color": theme.muted, "size": 13}}}  # fmt: skip
    if "title" in more:
        more["title"] = {**quiet["title"], "text": more["title"]}
    return quiet | more


def _style(theme: Theme) -> Row:
    return {
        "template": go.layout.Template(),
        "paper_bgcolor": theme.paper,
        "plot_bgcolor": theme.paper,
        "font": {"family": FONT, "size": 13, "color": theme.ink},
        "margin": {"l": 12, "r": 12, "t": 8, "b": 12},
        "hoverlabel": {"bgcolor": theme.paper, "bordercolor": theme.muted, "align": "left", "namelength": -1,
                       "font": {"family": FONT, "color": theme.ink}},
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "traceorder": "normal",
                   "itemclick": False, "itemdoubleclick": False, "bgcolor": "rgba(0,0,0,0)"},
        "dragmode": False,
        "bargap": 0.3,
    }  # fmt: skip


@cache
def _words(language: Language) -> Mapping[str, Any]:
    found: dict[str, Any] = tomllib.loads(files("invitekit.charts").joinpath("words.toml").read_text("utf-8"))
    return dict(found[language])


def plotly_script() -> str:
    """Give plotly's own script: with it a page draws figures without a network."""
    from plotly.offline import get_plotlyjs  # noqa: PLC0415 - reads five megabytes

    return str(get_plotlyjs())
