"""The analyst's screen: search, filter with counts, brush a trend, look at a customer."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from typing import Any, cast

import duckdb
import narwhals.stable.v2 as nw
import polars as pl

from invitekit.engine.frames import as_frame
from invitekit.errors import ArgumentError, SourceError
from invitekit.model.annotate import annotate
from invitekit.model.catalogue import Language
from invitekit.model.filters import Filter, where
from invitekit.widgets.conditions import KEY, OURS, chosen, matching
from invitekit.widgets.counts import matched
from invitekit.widgets.grid import Grid
from invitekit.widgets.saved import SavedViews
from invitekit.widgets.screen import Does
from invitekit.widgets.view import View


class Explorer(Grid):
    """Explore records: what is clicked is a ``Filter``, and what is set shows on the screen.

    Args:
        records: A frame of any engine: what ``annotate`` or ``plan_resends`` give, or what ``load`` returned; records
            that lack a cause are annotated first.
        value: The filter as plain values, as ``to_code`` prints it.
        as_of: The moment that statuses are asked for, where records are annotated first; now, if it is left out.
        language: Of labels and words: ``en`` or ``zh``.
        columns: Columns that are shown at first, in their order.
        views: The file of saved views; else one among the user's settings.

    Raises:
        SchemaError: A column that is needed is missing.

    Example:
        >>> import polars as pl
        >>> from invitekit import load
        >>> rows = pl.DataFrame({"Account": ["Acme", "Beta"], "Status": ["Invited", "Expired"]})
        >>> screen = Explorer(load(rows), value={"status": ["expired"]})
        >>> screen.count, screen.df["account_name"].to_list()
        (1, ['Beta'])
    """

    def __init__(
        self,
        records: Any,
        value: dict[str, Any] | None = None,
        *,
        as_of: dt.datetime | dt.date | None = None,
        language: Language = "en",
        columns: list[str] | None = None,
        views: str | os.PathLike[str] | None = None,
        **traits: Any,
    ) -> None:
        records = as_frame(records)
        frame: Any = nw.from_native(records)
        if "effective_status" not in frame.collect_schema().names():
            records = annotate(records, as_of=as_of, language=language)
        self._records, self._saved = records, SavedViews(views)
        super().__init__(records, language=language, columns=columns, **traits)
        if value:
            self.filter = Filter.from_dict(value)

    @property
    def sql(self) -> str:
        """The SQL of the rows shown; it asks the table ``records`` of this screen."""
        order = View(self.filter, self._view.by, self._view.down).order()
        return f"select * from records where {matching(self.filter)} order by {order}"

    @property
    def count(self) -> int:
        """How many rows the filter leaves."""
        with self._asked() as con:
            return matched(con, self._found, self.filter)

    @property
    def df(self) -> pl.DataFrame:
        """The rows that the filter leaves, in the order shown, as a Polars frame; personal data included."""
        return self._frame(self.sql)

    @property
    def selected(self) -> pl.DataFrame:
        """The rows that are chosen, as a Polars frame; personal data included."""
        return self._frame(f"select * from records where {chosen(self.selection)} order by {KEY}")

    def data(self) -> Any:
        """Give the records that the filter leaves, on the engine that they came on."""
        return where(self._records, self.filter)

    def to_code(self) -> str:
        """Give a cell that shows this filter again: a widget's state does not outlive its kernel."""
        sort = f"\nexplorer.sort({self._view.by!r}, down={self._view.down})" if self._view.by else ""
        return f"explorer = ik.Explorer(records, value={self.filter.to_dict()!r}){sort}\nexplorer"

    def save_view(self, name: str) -> None:
        """Save what is shown now under a name: filter, order and columns."""
        shown = {"filter": self.filter.to_dict(), "by": self._view.by, "down": self._view.down, "columns": self._shown}
        self._saved.save(name, shown)
        self._tell_state()

    def open_view(self, name: str) -> None:
        """Show a saved view again.

        Raises:
            ArgumentError: There is none of that name.
        """
        views = self._saved.read()
        if name not in views:
            raise ArgumentError(
                "There is no saved view of that name.", hint=f"{len(views):,} are saved; see 'Saved views'."
            )
        shown = views[name]
        self._shown = [column for column in shown["columns"] if column in self._store.names] or self._shown
        self._show(View(Filter.from_dict(shown["filter"]), shown["by"], bool(shown["down"])))
        self._tell_state()

    def _state(self) -> dict[str, Any]:
        views: list[str] = []
        # What is wrong is said when a view is saved or opened: the records are shown all the same.
        with contextlib.suppress(SourceError):
            views = sorted(self._saved.read())
        return super()._state() | {"views": views}

    def _does(self) -> dict[str, Does]:
        return super()._does() | {
            "save_view": lambda m: self.save_view(m["name"]),
            "open_view": lambda m: self.open_view(m["name"]),
        }

    def _frame(self, query: str) -> pl.DataFrame:
        with self._asked() as con:
            table: Any = con.sql(query).to_arrow_table()
        return cast("pl.DataFrame", pl.from_arrow(table)).drop(OURS)

    def _asked(self) -> duckdb.DuckDBPyConnection:
        """Open a connection once the rows are stored."""
        if not self._store.ready:
            self._jobs.wait()
        return self._store.cursor()
