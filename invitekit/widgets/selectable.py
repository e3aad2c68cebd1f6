"""A widget whose rows can be selected, with undo."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import duckdb

from invitekit.errors import ArgumentError
from invitekit.i18n import _
from invitekit.widgets import counts
from invitekit.widgets.base import MessageWidget
from invitekit.widgets.selection import Selection
from invitekit.widgets.view import QueryCache, View

_MAX_UNDO = 100
_OF_VIEW = ("add_all", "remove_all", "add_range", "remove_range")
"""Actions on the filter or the positions of one view."""


class Selectable(MessageWidget):
    """A screen of rows that can be selected by key, by range and by filter."""

    can: ClassVar[str] = "true"
    """The SQL condition of the rows that can be chosen."""
    _view: View
    _version: int
    _since = 0
    """The number of the first view of the current rows: keys of an older view belong to other rows."""
    _cache: QueryCache

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._selection, self._before = Selection(), list[Selection]()

    @property
    def selection(self) -> Selection:
        """Which rows are chosen; set it to choose."""
        return self._selection

    @selection.setter
    def selection(self, selection: Selection) -> None:
        self._choose(selection)

    def _about_selection(self, _con: duckdb.DuckDBPyConnection, _selection: Selection) -> dict[str, int]:
        """Return further counts of a selection for the screen."""
        return {}

    def _undo(self) -> dict[str, bool]:
        """Return whether a selection can be undone; called under the lock, so that no click comes in between."""
        return {"can_undo": bool(self._before)}

    def _count_selected(self, con: duckdb.DuckDBPyConnection, view: View, selection: Selection) -> dict[str, int]:
        total, hidden = counts.selected(con, self._cache, selection, view.choice, self.can)
        return {"selected": total, "hidden": hidden, **self._about_selection(con, selection)}

    @contextlib.contextmanager
    def _with_selection(self, query: Callable[[Selection], dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Run a query about the selection, and keep the selection as it is while its result is sent.

        A result that a click has outdated would overwrite the count that the click was answered with.
        """
        while True:
            selection = self._selection
            found = query(selection)
            with self._lock:
                if selection is self._selection:
                    yield found
                    return

    def _select(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._apply(message)

    def _apply(self, message: dict[str, Any]) -> None:
        chosen, keys, choice = self._selection, message.get("keys", []), self._view.choice
        version, action = message["version"], message["action"]
        # Keys are valid as long as the rows are the same; positions and filters only for one view.
        if (action in _OF_VIEW and version != self._version) or (keys and version < self._since):
            raise ArgumentError(_("The rows have changed since."), hint=_("look at them, and choose again."))
        actions: dict[str, Callable[[], Selection]] = {
            "add": lambda: chosen.add(keys),
            "remove": lambda: chosen.remove(keys),
            "add_all": lambda: chosen.add_all(choice, every_row=self._view.every_row),
            "remove_all": lambda: chosen.remove_all(choice, every_row=self._view.every_row),
            "clear": Selection,
        }
        if action == "undo":
            if self._before:
                self._choose(self._before.pop(), undoing=True)
        elif action in {"add_range", "remove_range"}:
            self._choose_range(message.get("start", 0), message.get("end", 0), add=action == "add_range")
        else:
            self._choose(actions[action]())

    def _choose_range(self, start: int, end: int, *, add: bool) -> None:
        """Choose the rows from one position of the current view to another."""
        view, (first, last) = self._view, sorted((start, end))

        def work(con: duckdb.DuckDBPyConnection) -> None:
            keys = self._cache.keys(con, view, first, last - first + 1)
            with self._lock:
                self._choose(self._selection.add(keys) if add else self._selection.remove(keys))

        self._worker.submit("range", work)

    def _choose(self, selection: Selection, *, undoing: bool = False) -> None:
        with self._lock:
            if selection == self._selection:
                return
            if not undoing:
                self._before = [*self._before[-_MAX_UNDO:], self._selection]
            self._selection = selection
            view, number = self._view, self._version

        def work(con: duckdb.DuckDBPyConnection) -> None:
            with self._with_selection(lambda one: self._count_selected(con, view, one)) as selected:
                self._send_message("selected", version=number, **self._undo(), **selected)

        self._worker.submit("selection", work)
