"""A figure above a screen: a click on a bar or a point shows its records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anywidget
import ipywidgets
import traitlets

from invitekit.charts import Figure, svg
from invitekit.model.filters import Filter
from invitekit.widgets.base import show, static

if TYPE_CHECKING:
    from invitekit.widgets.grid import Grid


class ClickableFigure(anywidget.AnyWidget):
    """A figure above a screen: a click on a bar or a point filters the screen to its records."""

    _esm = static("figure.js")
    figure = traitlets.Unicode(help="The figure as XHTML.").tag(sync=True)

    def __init__(self, figure: Figure, screen: Grid) -> None:
        self._screen, self._filter = screen, figure.look.choice
        self._choices = svg.choices(figure)
        super().__init__(figure=svg.draw_with_title(figure, clickable=True))
        self.on_msg(self._open)

    def _open(self, _widget: Any, message: dict[str, Any], _buffers: Any) -> None:
        choice = self._choices[message["choice"]] if message["choice"] is not None else Filter()
        self._screen.filter = Filter.from_dict(self._filter.to_dict() | choice.to_dict())


class FigureAbove(ipywidgets.VBox):  # type: ignore[misc]
    """A figure, and under it the screen that shows the records of the bar or point that is clicked."""

    def __init__(self, figure: Figure, screen: Grid) -> None:
        self._figure, self._screen = figure, screen
        super().__init__([ClickableFigure(figure, screen), screen])

    def _ipython_display_(self) -> None:
        image = svg.draw_with_title(self._figure)
        show(self, repr(self._figure), lambda: image + self._screen.saved_html(), self._screen)
