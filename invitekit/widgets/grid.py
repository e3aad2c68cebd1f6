"""The grid: any number of rows in a notebook, paged from DuckDB and selected by key."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError, wait
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import duckdb
import polars as pl
import traitlets

from invitekit.engine.duckdb import ident
from invitekit.errors import ArgumentError, SourceError
from invitekit.i18n import Language, _
from invitekit.model.catalogue import read_catalogue
from invitekit.model.filters import COLUMNS, Filter
from invitekit.widgets import counts, crossfilter, payloads
from invitekit.widgets.base import Handler, MessageWidget, static
from invitekit.widgets.conditions import both, chosen, matching
from invitekit.widgets.protocol import GridRequest
from invitekit.widgets.saved import SavedView, SavedViews
from invitekit.widgets.selection import Selection
from invitekit.widgets.store import Derive, Store
from invitekit.widgets.view import QueryCache, View
from invitekit.widgets.worker import Work

if TYPE_CHECKING:
    from invitekit.charts import Figure
    from invitekit.widgets.figures import FigureAbove

_QUERY_CHANNELS = ("view", "page", "details", "range", "selection", "sums", "facet")
"""The channels of queries on the rows."""
_PAGE = 100
_SAVED_WAIT = 0.3
"""Seconds that a cell waits for the rows of its saved table; later rows would be missing in a headless run."""
_DEEP = 10_000
"""A page from this row on waits until the order of all rows is stored."""
_MAX_UNDO = 100
_OF_VIEW = ("add_all", "remove_all", "add_range", "remove_range")
"""Actions on the filter or the positions of one view."""
_PAUSE = 0.03
"""Seconds for the first answer to reach the screen, before the next query uses every core."""


class Grid(MessageWidget):
    """Rows on the screen: scroll, sort, filter, select by key, by range and by filter, open one.

    A request is answered by several messages: the page first, then what takes longer. Each has the number of the
    view that it belongs to.
    """

    requests: ClassVar[Any] = GridRequest
    _esm = static("explorer.js")
    _css = static("explorer.css")
    value = traitlets.Dict(help="The filter as plain values; set it to filter.")
    can: ClassVar[str] = "true"
    """The SQL condition of the rows that can be chosen."""
    once: ClassVar[str] = "true"
    """The SQL condition of the stored rows that are shown by default."""
    group: ClassVar[str | None] = None
    """The SQL of the group of a stored row."""
    unit: ClassVar[str] = "rows"
    """The unit of a row that is shown by default: a key of the screen's texts."""
    two_line_columns: ClassVar[tuple[str, ...]] = ()
    """The columns of the two-line layout; without columns the screen has no such layout."""

    def __init__(
        self,
        records: Any,
        *,
        derive: Derive | None = None,
        language: Language = "en",
        columns: list[str] | None = None,
        every_row: bool = False,
        views: str | os.PathLike[str] | None = None,
        **traits: Any,
    ) -> None:
        super().__init__(language=language, **traits)
        self._saved = SavedViews(type(self).__name__, views)
        self._view, self._version, self._unmasked = View(every_row=every_row), 0, False
        self._since = 0  # the first view of the current rows: keys of an older view belong to other rows
        self._selection, self._before = Selection(), list[Selection]()
        self._acked: dict[str, int] = {}
        self._days_sent: Filter | None = None
        self._deep_page: tuple[int, int] | None = None
        self._stored, self._saved_without_rows = Future[None](), False
        self._store = Store(records, derive, once=self.once, group=self.group)
        self._cache = QueryCache(self._store, self._view)
        self._wanted, self._two_lines = columns, bool(self.two_line_columns)
        self._shown = self._columns()
        self.observe(self._set_value, "value")
        if self._store.ready:
            self._set_stored()
        else:
            self._worker.submit("build", self._build)

    def stop(self) -> None:
        """Cancel running answers, and remove the rows from the disk."""
        super().stop()
        self._store.close()

    # Properties and methods for the user of the notebook.

    @property
    def filter(self) -> Filter:
        """Which rows are shown; set it to filter."""
        return self._view.choice

    @filter.setter  # noqa: A003 - as the field calls it
    def filter(self, choice: Filter) -> None:
        self._show(replace(self._view, choice=choice))

    @property
    def every_row(self) -> bool:
        """Whether every row of every file is shown, and not only the newest states; set it to switch."""
        return self._view.every_row

    @every_row.setter
    def every_row(self, every_row: bool) -> None:
        self._show(replace(self._view, every_row=bool(every_row)))

    @property
    def selection(self) -> Selection:
        """The selected rows; assign a selection to replace it."""
        return self._selection

    @selection.setter
    def selection(self, selection: Selection) -> None:
        self._choose(selection)

    def sort(self, by: str | None, *, down: bool = False) -> None:
        """Sort the rows by a column; None is the original order."""
        known = not self._store.ready or by in self._store.names
        self._show(replace(self._view, by=by if known else None, down=down))

    def save_view(self, name: str) -> None:
        """Save the current view under a name: filter, order, columns and layout.

        Raises:
            ArgumentError: The name is blank.
            SourceError: The file of saved views cannot be read.
            OutputError: It cannot be written.
        """
        if not name.strip():
            raise ArgumentError(_("The name of the view is empty."), hint=_("give it a name."))
        view = self._view
        self._saved.save(name.strip(), SavedView(
            filter=view.choice.to_dict(), by=view.by, down=view.down, every_row=view.every_row, grouped=view.grouped,
            two_lines=self._two_lines, columns=self._shown,
        ))  # fmt: skip
        self._send_view()

    def open_view(self, name: str) -> None:
        """Show a saved view again.

        Raises:
            ArgumentError: There is no view of that name.
        """
        views = self._saved.read()
        if name not in views:
            raise ArgumentError(
                _("There is no saved view of that name."),
                hint=_("{count:,} are saved; see 'Saved views'.", count=len(views)),
            )
        shown = views[name]
        self._shown = [column for column in shown["columns"] if column in self._store.names] or self._shown
        self._two_lines = shown["two_lines"]
        self._show(View(
            Filter.from_dict(shown["filter"]), shown["by"] if shown["by"] in self._store.names else None,
            down=shown["down"], every_row=shown["every_row"], grouped=shown["grouped"],
        ))  # fmt: skip
        self._send_view()

    def under(self, figure: Figure) -> FigureAbove:
        """Return a figure with this screen under it: a click on a bar or a point shows its records.

        Args:
            figure: A figure of ``invitekit.charts`` of the same records.
        """
        from invitekit.widgets.figures import FigureAbove  # noqa: PLC0415 - charts are slow to import

        return FigureAbove(figure, self)

    def rows(self, *, selected: bool) -> tuple[pl.DataFrame, bool]:
        """Return the shown or the selected rows in the order of the screen; personal data included.

        Returns:
            The rows with the columns that the screen shows, and whether it shows numbers and addresses.
        """
        if selected:
            where = both(chosen(self._selection), self.can)
        else:
            where = both(self._cache.scope, matching(self._view.choice))
        columns = ", ".join(map(ident, self._shown))
        with self._store.cursor() as con:
            relation = con.sql(f"select {columns} from records where {where} order by {self._view.order()}")
            return relation.pl(), self._unmasked

    # Messages of the screen.

    def _handlers(self) -> dict[str, Handler]:
        return {
            "connect": lambda _m: self._send_init(),
            "set_filter": self._set_filter,
            "set_every_row": lambda m: setattr(self, "every_row", m["every_row"]),
            "set_only_selected": lambda m: self._show_only_selected(on=m["on"]),
            "set_layout": self._set_layout,
            "search_facet": lambda m: self._search_facet(m["name"], m["text"]),
            "sort": lambda m: self.sort(m["by"], down=m["descending"]),
            "get_page": lambda m: self._send_page(m["first"], m["count"]),
            "select": self._select,
            "set_masking": self._set_masking,
            "set_columns": self._set_columns,
            "get_details": lambda m: self._send_details(m["key"]),
            "save_view": lambda m: self.save_view(m["name"]),
            "open_view": lambda m: self.open_view(m["name"]),
            "get_crossfilter": lambda _m: self._send_crossfilter(),
        }

    def _send_message(self, kind: str, **content: Any) -> None:
        """Send a message to every screen; a screen ignores a message whose ``version`` is not that of its view."""
        super()._send_message(kind, **{"version": self._version} | content)

    def _description(self) -> str:
        total = "" if self._store.total is None else f"{self._cache.rows():,} "
        return f"{type(self).__name__}: {total}{'rows' if self.every_row else self.unit}."

    def _saved_table(self) -> str:
        self._saved_without_rows = bool(wait([self._stored], _SAVED_WAIT).not_done)
        if self._saved_without_rows:
            return ""
        with self._store.cursor() as con:
            return payloads.saved_table(con, self._cache, self._view, self._store.names, self._language)

    def when_stored(self, call: Callable[[], None]) -> None:
        """Call a function once the rows are stored, if the saved table was built without them."""
        if self._saved_without_rows:
            self._stored.add_done_callback(lambda _stored: call())

    def _send_progress(self, step: str, number: int, steps: int) -> None:
        self._send_message("progress", step=step, number=number, steps=steps)

    def _send_init(self) -> None:
        hints = {f.code: [f.cause(self._language), f.advice(self._language)] for f in read_catalogue().failures}
        hints |= self._store.causes
        groups = [self._group_text(code) for code in self._store.groups]
        texts = {
            "words": payloads.words(self._language), "hints": hints, "language": self._language, "groups": groups,
        }  # fmt: skip
        state = self._state()
        with self._lock:  # no counts in between: a screen would drop counts before its first state
            self._days_sent = None
            self._send_message("init", **texts)
            self._send_message("state", **state | self._undo())
        self._send_rows()

    def _state(self) -> dict[str, Any]:
        """Return everything about the view except its rows, its counts and ``_undo``.

        It may wait for the workspace, so it is never called under the lock, for which every click waits.
        """
        views: list[str] = []
        # Errors are reported when a view is saved or opened; the records are shown anyway.
        with contextlib.suppress(SourceError):
            views = sorted(self._saved.read())
        return {
            "views": views,
            "columns": [
                {**c, "shown": c["name"] in self._shown} for c in payloads.columns(self._store.names, self._language)
            ],
            "column_order": self._shown,
            "total": self._store.total if self.every_row or self._store.total is None else self._store.once,
            "facts": self._store.facts,
            "every_row": self.every_row,
            "two_lines": self._two_lines,
            "grouped": self._view.grouped,
            "only": self._view.only_name,
            "unit": self.unit,
            "ready": self._store.ready,
            "filter": self._view.choice.to_dict(),
            "acked": self._acked,
            "chips": payloads.chips(self._view.choice, self._language, unmasked=self._unmasked),
            "sort_by": self._view.by,
            "descending": self._view.down,
            "unmasked": self._unmasked,
        }

    def _send_view(self) -> None:
        state = self._state()
        with self._lock:
            self._send_message("state", **state | self._undo())

    # Work that needs the rows.

    def _connect(self) -> duckdb.DuckDBPyConnection:
        return self._store.cursor()  # of the current store, which a new plan replaces

    def _columns(self) -> list[str]:
        """Return the columns that are shown at first: the requested ones, or a default."""
        first = [c["name"] for c in payloads.columns(self._store.names, self._language) if c["shown"]]
        shown = first if self._wanted is None else [name for name in self._wanted if name in self._store.names]
        return self._with_snapshot(shown, every_row=self.every_row) if self._wanted is None else shown

    def _with_snapshot(self, shown: list[str], *, every_row: bool) -> list[str]:
        """Put the snapshot column first if every row is shown, as an invitation then has several rows."""
        others = [name for name in shown if name != "snapshot_at"]
        return ["snapshot_at", *others] if every_row and "snapshot_at" in self._store.names else others

    def _build(self, con: duckdb.DuckDBPyConnection) -> None:
        self._store.build(con)
        self._cache, self._shown = QueryCache(self._store, self._view), self._columns()
        if self._view.by not in self._store.names:
            self._view = replace(self._view, by=None)
        self._send_init()
        self._set_stored()

    def _set_stored(self) -> None:
        """Mark the rows as stored, and call the functions that wait for them."""
        with contextlib.suppress(InvalidStateError):  # a plan was stored before
            self._stored.set_result(None)

    def _cancel_queries(self) -> None:
        """Cancel all queries on the rows, which are about to be replaced."""
        self._deep_page = self._days_sent = None
        self._worker.cancel(*_QUERY_CHANNELS)

    def _show(self, view: View) -> None:
        with self._lock:
            if view == self._view:
                self._send_page(0, _PAGE)  # the screen waits for an answer
                return
            brushed = view.undated() == self._view.undated() and view.choice.text is None
            if (view.every_row, view.only) != (self.every_row, self._view.only):
                self._cache, self._days_sent = QueryCache(self._store, view), None
                self._shown = self._with_snapshot(self._shown, every_row=view.every_row)
            self._view, self._version, self._deep_page = view, self._version + 1, None
        if not self._store.ready:
            self._send_view()
        self._send_rows(with_state=True, brushed=brushed)
        self.set_trait("value", view.choice.to_dict())

    def _set_value(self, change: dict[str, Any]) -> None:
        if change["new"] != self._view.choice.to_dict():
            self.filter = Filter.from_dict(change["new"])

    def _send_rows(self, *, with_state: bool = False, brushed: bool = False) -> None:
        """Send the first page of the view and its counts, then store its order.

        The queries run one after the other, since they would slow each other down. ``with_state`` sends the state
        together with the page, as the screen redraws for each message. While a person brushes the trend, the counts
        come first.
        """
        self._worker.cancel("page")
        if not self._store.ready:
            self._send_page(0, _PAGE)
            return
        view = self._view

        def order(con: duckdb.DuckDBPyConnection) -> None:
            self._cache.sort(con, view)
            with self._lock:
                deep, self._deep_page = self._deep_page, None
            if deep:
                self._send_page(*deep)

        # A search takes longer than the page takes to reach the screen: no pause is needed.
        pause = () if view.choice.text else (lambda _con: time.sleep(_PAUSE),)
        steps = (self._page(0, _PAGE, with_state=with_state), *pause, self._counts(before_page=brushed))
        self._worker.submit("view", *(steps[::-1] if brushed else steps), self._customers(), order)

    def _send_page(self, first: int, count: int) -> None:
        """Send a page; a page far down waits until the order of the view is stored."""
        with self._lock:
            if first >= _DEEP and self._store.ready and not self._cache.ordered(self._view):
                self._deep_page = (first, count)
                return
        self._worker.submit("page", self._page(first, count))

    def _page(self, first: int, count: int, *, with_state: bool = False) -> Work:
        view, number, first = self._view, self._version, first - first % _PAGE

        def work(con: duckdb.DuckDBPyConnection) -> None:
            how: dict[str, Any] = {"language": self._language, "unmasked": self._unmasked}
            shown = self.two_line_columns if self._two_lines else self._shown
            names = [name for name in dict.fromkeys([*shown, *payloads.BADGES]) if name in self._store.names]
            if not self._store.ready:
                preview = payloads.preview(self._store, con, names, count=count, **how)
                self._send_message("preview", version=number, unmasked=how["unmasked"], **preview)
                return
            page = payloads.page(con, self._cache, view, names, first=first, count=min(count, 4 * _PAGE), **how)
            state = self._state() if with_state else None
            with self._with_selection(lambda one: payloads.selected(con, one, page["keys"], self.can)) as flags:
                more = {} if state is None else {"state": state | self._undo()}
                if number == self._version:
                    self._send_message("page", version=number, unmasked=how["unmasked"], **page, **flags, **more)

        return work

    def _counts(self, *, before_page: bool = False) -> Work:
        """Return the work that sends the counts; counts that come before their page also have its filter."""
        view, number = self._view, self._version

        def work(con: duckdb.DuckDBPyConnection) -> None:
            self._cache.search(con, view.choice)
            matched = counts.matched(con, self._cache, view.choice)
            can = matched if self.can == "true" else counts.matched(con, self._cache, view.choice, self.can)
            totals = {"matched": matched, "selectable": can}
            choices = payloads.facets(con, self._cache, view.choice, self._store.causes, self._language)
            more: dict[str, Any] = {"filter": view.choice.to_dict(), "acked": self._acked} if before_page else {}
            if view.grouped:
                more["groups"] = counts.groups(con, self._cache, view.choice)
            undated = view.undated().choice
            if self._days_sent != undated:  # a filter that differs only in dates has the same days
                more["days"] = [[day.isoformat(), *n] for day, *n in counts.trend(con, self._cache, view.choice)]
            more["total"] = self._cache.rows()
            with self._with_selection(lambda one: self._count_selected(con, view, one)) as selected:
                self._send_message("counts", version=number, **totals, **selected, facets=choices, **more)
                if "days" in more:  # if there is a newer view, a screen may have dropped them
                    self._days_sent = undated if number == self._version else None

        return work

    def _customers(self) -> Work:
        """Return the work that sends the number of customers, which is slower: it reads the rows."""
        view, number = self._view, self._version

        def work(con: duckdb.DuckDBPyConnection) -> None:
            self._send_message("customers", version=number, customers=counts.customers(con, self._cache, view.choice))

        return work

    def _send_crossfilter(self) -> None:
        """Send the prefix sums by day; the screen requests them when the mouse is near the trend."""
        view, cache = self._view.undated(), self._cache

        def work(con: duckdb.DuckDBPyConnection) -> None:
            cache.search(con, view.choice)
            choices = payloads.facets(con, cache, view.choice, self._store.causes, self._language)
            message, sums = crossfilter.payload(con, cache, view.choice, choices)
            if cache is self._cache:  # else the rows were replaced meanwhile
                self.send(message, sums)

        if self._store.ready:
            self._worker.submit("sums", work)

    def _send_details(self, key: int) -> None:
        def work(con: duckdb.DuckDBPyConnection) -> None:
            how: dict[str, Any] = {"language": self._language, "unmasked": self._unmasked}
            details = payloads.details(con, int(key), self._store.names, **how)
            if details is None:
                self._send_message("details", unmasked=how["unmasked"], details=None)
                return
            details |= self._about_customer(con, int(key))
            with self._with_selection(lambda one: payloads.selected(con, one, [int(key)], self.can)) as flags:
                details |= {name: bool(values[0]) for name, values in flags.items()}
                self._send_message("details", unmasked=how["unmasked"], details=details)

        if self._store.ready:  # else the keys are those of rows that were replaced
            self._worker.submit("details", work)

    def _about_customer(self, _con: duckdb.DuckDBPyConnection, _key: int) -> dict[str, Any]:
        """Return the fields ``messages`` and ``sent`` of ``protocol.Details``."""
        return {"messages": [], "sent": []}

    def _set_filter(self, message: dict[str, Any]) -> None:
        """Filter, and acknowledge the request of the screen by its number: a later one may be on its way."""
        self._acked = {**self._acked, message["screen"]: message["request"]}
        self.filter = Filter.from_dict(message["filter"])

    def _set_masking(self, message: dict[str, Any]) -> None:
        self._unmasked = message["unmasked"]
        self._send_view()
        self._send_page(message["first"], _PAGE)

    def _show_only_selected(self, *, on: bool) -> None:
        """Show only the rows that are selected now, or all again; a row that is deselected later stays visible."""
        on = on and self._store.ready  # before, no row can be selected
        only, name, choice = (self._selection, "selected", self._whole()) if on else (None, "", self._view.choice)
        self._show(replace(self._view, choice=choice, only=only, only_name=name))

    def _whole(self) -> Filter:
        """Return the filter of all rows that can be selected."""
        return Filter()

    def _set_layout(self, message: dict[str, Any]) -> None:
        """Show rows of two lines or all columns, in groups or not."""
        self._two_lines = message["two_lines"] and bool(self.two_line_columns)
        grouped = message["grouped"] and bool(self._store.groups)
        if grouped != self._view.grouped:
            self._show(replace(self._view, grouped=grouped))
        else:
            self._send_view()
            self._send_page(0, _PAGE)

    def _group_text(self, code: str) -> list[str]:
        """Return the heading of a group, and what to do with its rows."""
        raise NotImplementedError

    def _search_facet(self, name: str, text: str) -> None:
        """Send the values of a facet that contain a text; it may have more values than are listed."""
        view, number = self._view, self._version

        def work(con: duckdb.DuckDBPyConnection) -> None:
            self._cache.search(con, view.choice)
            counted = counts.facet_values(con, self._cache, view.choice, name, text)
            values = payloads.facet_values(name, counted, self._store.causes, self._language)
            self._send_message("facet_values", version=number, name=name, text=text, values=values)

        if self._store.ready and COLUMNS.get(name) in self._store.names:
            self._worker.submit("facet", work)

    def _set_columns(self, message: dict[str, Any]) -> None:
        known = self._store.names
        self._shown = [name for name in message["columns"] if name in known] or self._shown
        self._send_view()
        self._send_page(message["first"], _PAGE)

    # The selection.

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
        version, action, keys = message["version"], message["action"], message.get("keys", [])
        with self._lock:
            # Keys are valid as long as the rows are the same; positions and filters only for one view.
            if (action in _OF_VIEW and version != self._version) or (keys and version < self._since):
                raise ArgumentError(_("The rows have changed since."), hint=_("look at them, and choose again."))
            if action == "undo":
                if self._before:
                    self._choose(self._before.pop(), undoing=True)
            elif action in {"add_range", "remove_range"}:
                self._choose_range(message.get("start", 0), message.get("end", 0), add=action == "add_range")
            elif action == "clear":
                self._choose(Selection())
            elif action in {"add", "remove"}:
                self._choose(getattr(self._selection, action)(keys))
            else:
                matches = getattr(self._selection, action)
                self._choose(matches(self._view.choice, every_row=self.every_row))

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
