"""The analyst's screen: search, filter with counts, brush a trend, look at a customer's invitations."""

from __future__ import annotations

import datetime as dt
import inspect
import os
from typing import Any, ClassVar, cast

import duckdb
import narwhals.stable.v2 as nw
import polars as pl

from invitekit.engine.arrow import as_table
from invitekit.engine.datetimes import as_utc
from invitekit.engine.frames import as_frame
from invitekit.engine.materialize import materialize
from invitekit.errors import ArgumentError
from invitekit.i18n import Label, Language, _
from invitekit.model.annotate import annotate
from invitekit.model.catalogue import Catalogue
from invitekit.model.filters import Filter, where
from invitekit.model.resolve import latest, resolved
from invitekit.widgets.conditions import KEY, OWN_COLUMNS, both, chosen, matching
from invitekit.widgets.counts import matched
from invitekit.widgets.grid import Grid
from invitekit.widgets.store import in_steps

_ARGUMENTS = {"records": Label("records", "邀请记录"), "catalogue": Label("catalogue", "失败原因目录")}


class Explorer(Grid):
    """Explore invitations: a click changes ``filter``, and setting ``filter`` changes the screen.

    Each invitation is shown once, by its newest state, as ``latest`` returns it. A customer who is not invited yet
    is shown as an invitation too, and so is each masked row of the newest snapshot; masked rows of earlier snapshots
    are not shown.

    Args:
        records: The whole history, a frame of any engine: what ``annotate``, ``resolve`` or ``plan_resends`` returns,
            or what ``load`` returned; records without causes are annotated first.
        value: The filter as plain values, as ``to_code`` prints it.
        every_row: Whether every row of every file is shown, and not only the newest states.
        as_of: The time for statuses, if records are annotated first; default: now.
        catalogue: The known failure messages, if records are annotated first; default: the built-in ones.
        language: Of labels and words: ``en`` or ``zh``.
        columns: Columns that are shown at first, in their order.
        views: The file of saved views; default: one in the user's settings folder.

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

    once: ClassVar[str] = "is_latest_of_invitation"
    unit: ClassVar[str] = "invitations"

    def __init__(
        self,
        records: Any,
        value: dict[str, Any] | None = None,
        *,
        every_row: bool = False,
        as_of: dt.datetime | dt.date | None = None,
        catalogue: Catalogue | None = None,
        language: Language = "en",
        columns: list[str] | None = None,
        views: str | os.PathLike[str] | None = None,
        **traits: Any,
    ) -> None:
        self._passed = {"records": records, "catalogue": catalogue}
        self._options: dict[str, Any] = {"language": language, "views": views and str(views)}
        self._options["as_of"] = as_utc(as_of) if isinstance(as_of, dt.datetime) else as_of
        self._records = as_frame(records)
        self._moment = as_utc(as_of)
        rows = self._records if isinstance(self._records, duckdb.DuckDBPyRelation) else as_table(self._records)
        # A missing column is an error in the cell, not on the screen.
        self._explain(rows.limit(0).pl() if isinstance(rows, duckdb.DuckDBPyRelation) else pl.from_arrow(rows[:0]))
        derive = in_steps({"resolve": lambda some, _: self._explain(some)}, self._send_progress)
        how: dict[str, Any] = {"language": language, "columns": columns, "every_row": every_row, "views": views}
        super().__init__(rows, derive=derive, **how, **traits)
        if value:
            self.filter = Filter.from_dict(value)

    @property
    def sql(self) -> str:
        """The SQL of the shown rows, from the table ``records`` of this screen."""
        condition = both(self._cache.scope, matching(self.filter))
        return f"select * from records where {condition} order by {self._view.order()}"

    @property
    def count(self) -> int:
        """How many invitations match the filter; with ``every_row`` how many rows."""
        with self._cursor() as con:
            return matched(con, self._cache, self.filter)

    @property
    def df(self) -> pl.DataFrame:
        """The invitations that match the filter, in the order shown, as a Polars frame; personal data included.

        With ``every_row`` the rows that match. Both have the columns of ``annotate`` and ``resolve``.
        """
        return self._frame(self.sql)

    @property
    def selected(self) -> pl.DataFrame:
        """The invitations or rows that are chosen, as a Polars frame; personal data included."""
        return self._frame(f"select * from records where {chosen(self.selection)} order by {KEY}")

    def data(self) -> Any:
        """Return the rows of ``df``, unsorted and on the engine of the records."""
        all_rows = self._explain(self._records)
        return where(all_rows if self.every_row else latest(all_rows), self.filter)

    def to_code(self) -> str:
        """Return the code of a cell that shows the same again: a widget's state is lost with its kernel.

        Raises:
            ArgumentError: No variable of the notebook has the records or the catalogue.
        """
        caller = inspect.currentframe().f_back  # type: ignore[union-attr]
        variables = {**caller.f_globals, **caller.f_locals} if caller else {}
        names = {id(value): name for name, value in variables.items() if name[0] != "_"}
        for name, value in self._passed.items():
            if value is not None and id(value) not in names:
                what = _ARGUMENTS[name]
                raise ArgumentError(
                    _("No variable holds the {what} of this explorer.", what=what),
                    hint=_("assign the {what} to a variable first, and pass that to Explorer.", what=what),
                )
        columns = self._wanted if self._shown == self._columns() else self._shown
        options = {"value": self.filter.to_dict(), "every_row": self.every_row, "columns": columns, **self._options}
        listed = [f"{name}={value!r}" for name, value in options.items() if value not in ({}, False, None, "en")]
        if (catalogue := self._passed["catalogue"]) is not None:
            listed.append(f"catalogue={names[id(catalogue)]}")
        own, records = names.get(id(self), "explorer"), names[id(self._passed["records"])]
        imports = ["import datetime"] * (self._options["as_of"] is not None) + ["import invitekit as ik"]
        sort = [f"{own}.sort({self._view.by!r}, down={self._view.down})"] if self._view.by else []
        return "\n".join([*imports, f"{own} = ik.Explorer({', '.join([records, *listed])})", *sort, own])

    def _explain(self, records: Any) -> Any:
        """Return records with the columns of ``annotate`` and ``resolve``; existing columns are not computed again."""
        if "effective_status" not in nw.from_native(records).collect_schema().names():
            how: dict[str, Any] = {"catalogue": self._passed["catalogue"], "language": self._options["language"]}
            records = materialize(annotate(records, as_of=self._moment, **how))
        return resolved(records)

    def _frame(self, query: str) -> pl.DataFrame:
        with self._cursor() as con:
            table: Any = con.sql(query).to_arrow_table()
        return cast("pl.DataFrame", pl.from_arrow(table)).drop(OWN_COLUMNS)

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        """Open a connection once the rows are stored."""
        if not self._store.ready:
            self._worker.wait()
        return self._store.cursor()
