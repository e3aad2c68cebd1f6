"""A view (a filter and an order), and the query cache that answers its pages."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field, replace
from typing import Any

import duckdb

from invitekit.engine.duckdb import ident, one, rows, run
from invitekit.engine.text import bare_number, search_words
from invitekit.model.filters import Filter
from invitekit.widgets.conditions import COMBINATION, DAY, GROUP, KEY, ONCE, SEARCH, VARIED, both, chosen, matching
from invitekit.widgets.selection import Selection
from invitekit.widgets.store import COMBINATIONS, Store

_NUMBERS = itertools.count(1)
_OLD_TABLES = 2
"""Unused tables that are not dropped yet, as a running query may still read them."""
_FEW_VALUES = 100_000
"""Up to this many distinct values, the values are sorted first and the rows by their numbers, which is faster."""
_NEAR = (50_000, 1_000_000)
"""Rows that are searched for the first page of a text before all others: most texts are in the first ones."""
_SAMPLE = 100_000
"""Rows of the sample that estimates how many rows contain a text."""
_MANY = 300_000
"""If a text is in more rows than this, a longer text is searched in all rows."""


@dataclass(frozen=True, slots=True)
class View:
    """A filter and an order: equal views show the same rows in the same order.

    Attributes:
        choice: The filter.
        by: The column to sort by; None is the order in which rows are stored.
        down: Whether the largest value comes first; empty values always come last.
        every_row: Whether earlier states are shown too: every row of every file.
        grouped: Whether the rows of a group are together, whatever they are sorted by.
        only: Show only rows of this selection; None shows all.
        only_name: The text key of these rows: ``selected``, or a change since the snapshot before.
    """

    choice: Filter = field(default_factory=Filter)
    by: str | None = None
    down: bool = False
    every_row: bool = False
    grouped: bool = False
    only: Selection | None = None
    only_name: str = ""

    def undated(self) -> View:
        """Return the view without a restriction of dates."""
        return replace(self, choice=self.choice.without("invited_from").without("invited_to"))

    def order(self) -> str:
        """Return the SQL of the order; the key, which comes last, follows the stored order and makes it total."""
        by = [] if self.by is None else [f"{ident(self.by)} {'desc' if self.down else 'asc'} nulls last"]
        return ", ".join([*[GROUP] * (self.grouped and bool(by or self.every_row)), *by, KEY])


@dataclass(frozen=True, slots=True)
class _Text:
    """A searched text, and the table of the rows that contain it."""

    text: str
    table: str
    searched: bool
    """Whether a longer text can be searched in the table."""

    @property
    def counts(self) -> str:
        """The table of the combinations of facet values in these rows, with their counts."""
        return f"{self.table}_n"


class QueryCache:
    """Temporary tables for views of one scope: the rows that contain a text, and their order.

    Attributes:
        scope: The SQL condition of the rows that are searched and sorted.
        only: How many rows a selection in scope has; None if all rows are.
    """

    def __init__(self, store: Store, view: View | None = None) -> None:
        view = view or View()
        self._store, self._lock, self._every_row = store, threading.Lock(), view.every_row
        self.scope = "true" if view.every_row else ONCE
        self.only: int | None = None
        if view.only is not None:
            table = f"{store.scratch_schema}.selected_{next(_NUMBERS)}"
            with store.cursor() as con:
                where = both(self.scope, chosen(view.only))
                run(con, f"create table {table} as select {KEY} from records where {where}")
                self.only = one(con, f"select count(*) from {table}")
            self.scope = f"{KEY} in (select {KEY} from {table})"
        self._text: _Text | None = None
        self._order: tuple[View, str] | None = None
        self._old: list[tuple[str, ...]] = []

    def source(self, choice: Filter) -> tuple[str, str]:
        """Return the smallest table that can answer a filter, and the remaining condition."""
        searched = self._text  # read once: another thread may replace it
        if searched and searched.text == choice.text:
            more = f" join {COMBINATIONS} using ({COMBINATION})" if self._store.has_combinations else ""
            return f"{searched.table}{more}", both(self.scope, matching(choice, but=("text",)))
        return "records", both(self.scope, matching(choice))

    def counted(self, choice: Filter) -> str | None:
        """Return the table that counts the rows of a filter's text by all facets but the day, if there is one."""
        searched = self._text
        if searched is None or searched.text != choice.text or not self._store.has_combinations:
            return None
        return searched.counts if self.only is None else None

    def search(self, con: duckdb.DuckDBPyConnection, choice: Filter) -> None:
        """Search a filter's text, and store the rows that contain it.

        A text that continues the last one is searched in the rows of that one, unless these are so many that
        copying their searched text would cost more than it saves.
        """
        with self._lock:  # of two threads with the same text, only one searches it
            text, before = choice.text, self._text
            if text is None or self._knows(text):
                return
            again = before if before and before.searched and _continues(text, before.text) else None
            searched = bool(again) or _about(con, text) <= _MANY
            new = _Text(text, f"{self._store.scratch_schema}.found_{next(_NUMBERS)}", searched)
            facets = [COMBINATION] if self._store.has_combinations else [ident(name) for name in self._store.faceted]
            columns, among = [KEY, DAY, *[SEARCH, VARIED] * searched, *facets], again.table if again else "records"
            where = both("true" if again else self.scope, matching(Filter(text=text)))
            run(con, f"create table {new.table} as select {', '.join(columns)} from {among} where {where}")
            if self._store.has_combinations:
                counted = f"select {COMBINATION}, count(*) as n from {new.table} group by {COMBINATION}"
                counts = f"select m.* replace (c.n as n) from {COMBINATIONS} m join ({counted}) c using ({COMBINATION})"
                run(con, f"create table {new.counts} as {counts}")
            self._text = new
            self._evict(con, *[before.table, before.counts] if before else [])

    def ordered(self, view: View) -> bool:
        """Return whether any page of a view can be read without sorting."""
        return self._as_stored(view) or (self._order is not None and self._order[0] == view)

    def _as_stored(self, view: View) -> bool:
        """Return whether a view shows all rows of the scope in the order of their keys."""
        return view.order() == KEY and not view.choice and view.every_row == self._every_row and self.only is None

    @property
    def names(self) -> list[str]:
        """The columns that the records have."""
        return self._store.names

    @property
    def _end(self) -> int:
        """The key after the last row that can be in scope: rows that are shown by default have the first keys."""
        return (self._store.total if self._every_row else self._store.once) or 0

    def rows(self) -> int:
        """Return how many rows are in scope."""
        return self._end if self.only is None else self.only

    def sort(self, con: duckdb.DuckDBPyConnection, view: View) -> None:
        """Store the keys of a view in order, so that any page can be read without sorting."""
        if self.ordered(view):
            return
        before, name = self._order, f"{self._store.scratch_schema}.ordered_{next(_NUMBERS)}"
        run(con, f"create table {name} as {self._in_order(con, view)}")
        self._order = (view, name)
        self._evict(con, *[before[1]] if before else [])

    def _in_order(self, con: duckdb.DuckDBPyConnection, view: View) -> str:
        """Return the SQL of all keys in order; a few distinct values are sorted first, see ``_FEW_VALUES``."""
        shown = self.rows_of(view.choice, view.by)
        if view.by is None:
            return f"select {KEY} from {shown} order by {view.order()}"
        by, down, groups = ident(view.by), "desc" if view.down else "asc", [GROUP] * view.grouped
        order = ", ".join([*groups, f"ik_number {down} nulls last", KEY])
        if one(con, f"select approx_count_distinct({by}) from {shown}") > _FEW_VALUES:
            return f"select {KEY} from {shown} order by {view.order()}"
        numbers = f"select ik_value, row_number() over (order by ik_value) as ik_number from (select distinct {by} as "
        return (
            f"with ik_numbers as ({numbers} ik_value from {shown})) "
            f"select {KEY} from (select {', '.join([KEY, by, *groups])} from {shown}) "
            f"left join ik_numbers on {by} = ik_value order by {order}"
        )

    def keys(self, con: duckdb.DuckDBPyConnection, view: View, first: int, count: int) -> list[int]:
        """Return the keys of a page: ``count`` rows from the position ``first`` on, from 0."""
        first, count = max(int(first), 0), max(int(count), 0)
        order = self._order  # read once: another thread may replace it
        if order and order[0] == view:
            name = order[1]
            page = f"select {KEY} from {name} where rowid >= {first} and rowid < {first + count} order by rowid"
        elif self._as_stored(view):
            end = min(first + count, self.rows())
            page = f"select {KEY} from records where {KEY} >= {first} and {KEY} < {end} order by {KEY}"
        else:
            if not self._knows(view.choice.text):
                if first == 0 and (near := self._first_page(con, view, count)) is not None:
                    return near
                self.search(con, view.choice)
            shown = self.rows_of(view.choice, view.by)
            page = f"select {KEY} from {shown} order by {view.order()} limit {count} offset {first}"
        return [key for (key,) in rows(con, page)]

    def _knows(self, text: str | None) -> bool:
        return text is None or (self._text is not None and self._text.text == text)

    def _first_page(self, con: duckdb.DuckDBPyConnection, view: View, count: int) -> list[int] | None:
        """Return the keys of the first page, if it needs only the first rows; else None."""
        if view.order() != KEY:
            return None
        for near, following in itertools.pairwise((*_NEAR, self._end)):
            asked = f"select {KEY} from records where {KEY} < {near} and {both(self.scope, matching(view.choice))}"
            found = rows(con, f"{asked} order by {KEY} limit {count}")
            if len(found) == count or near >= self._end:
                return [key for (key,) in found]
            if len(found) * following < count * near:
                return None  # too rare to fill the page from the following rows
        return None

    def _evict(self, con: duckdb.DuckDBPyConnection, *before: str) -> None:
        """Drop unused tables except the last ones, which a running query may still read."""
        self._old += [before] if before else []
        while len(self._old) > _OLD_TABLES:
            for table in self._old.pop(0):
                run(con, f"drop table if exists {table}")

    def rows_of(self, choice: Filter, column: str | None) -> str:
        """Return the SQL of a filter's rows, with a column of the records."""
        source, condition = self.source(choice)
        if source == "records" or column is None or column in self._store.faceted:
            return f"{source} where {condition}"
        return f"records where {KEY} in (select {KEY} from {source} where {condition})"


def _continues(text: str, before: str) -> bool:
    """Return whether each word of ``before`` begins a word of ``text``: only rows with the one contain the other.

    A number with separators may be in rows without them, which ``before`` did not find.
    """
    words = [word for word in search_words(text) if not bare_number(word)]
    return all(any(word.startswith(old) for word in words) for old in search_words(before))


def _about(con: duckdb.DuckDBPyConnection, text: str) -> float:
    """Estimate from the first rows how many rows contain a text."""
    first = one(con, f"select count(*) from records where {KEY} < {_SAMPLE} and {matching(Filter(text=text))}")
    return float(first * max(1.0, one(con, "select count(*) from records") / _SAMPLE))


def wide(con: duckdb.DuckDBPyConnection, keys: list[int], names: list[str]) -> dict[int, tuple[Any, ...]]:
    """Return the columns of the rows with these keys, by key."""
    if not keys:
        return {}
    columns = ", ".join([KEY, *map(ident, names)])
    # A key is the number of the row in the table. DuckDB reads only the rows that a subquery numbers, but compares a
    # list with every row.
    found = rows(con, f"select {columns} from records where rowid in (select unnest({list(map(int, keys))}))")
    return {row[0]: row[1:] for row in found}
