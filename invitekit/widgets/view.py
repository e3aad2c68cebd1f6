"""A view is a filter and an order; a query cache answers its pages."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field, replace
from typing import Any

import duckdb

from invitekit.engine.duckdb import ident, one, rows, run
from invitekit.engine.text import search_words
from invitekit.model.filters import Filter
from invitekit.widgets.conditions import DAY, GROUP, KEY, MIX, ONCE, SEARCH, VARIED, both, chosen, matching
from invitekit.widgets.selection import Selection
from invitekit.widgets.store import MIXES, Store

_NUMBERS = itertools.count(1)
_STILL_READ = 2
_FEW = 100_000
"""So many different values are worth to be put in order before the rows are: that compares numbers, not texts."""
_NEAR = 1_000_000
"""Rows that are searched for the first page of a text before all others."""
_PROBED = 100_000
"""Rows of the sample that estimates how many rows contain a text."""
_MANY = 300_000
"""If a text is in more rows than this, a longer text is searched in all rows."""


@dataclass(frozen=True, slots=True)
class View:
    """A filter and an order: equal views show the same rows in the same order.

    Attributes:
        choice: Which rows.
        by: The column that they are sorted by; None is the order in which they are stored.
        down: Whether the largest comes first; what is empty always comes last.
        every_row: Whether earlier states are shown too: every row of every file.
        grouped: Whether the rows of a group are together, whatever they are sorted by.
        only: Show only rows of this selection; None shows all.
        only_name: What these rows are: ``selected``, or a change since the snapshot before.
    """

    choice: Filter = field(default_factory=Filter)
    by: str | None = None
    down: bool = False
    every_row: bool = False
    grouped: bool = False
    only: Selection | None = None
    only_name: str = ""

    def undated(self) -> View:
        """Return the view of all days."""
        return replace(self, choice=self.choice.without("invited_from").without("invited_to"))

    def order(self) -> str:
        """Return the SQL of the order; the key makes it one order, and has those shown by default in their groups."""
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
        """The table of these rows' mixtures of values, with their numbers."""
        return f"{self.table}_n"


class QueryCache:
    """Temporary tables of a store's rows, kept for the current view: the rows that hold a text, and a whole order.

    Args:
        store: Whose rows they are; it has the numbers of mixtures, and where the tables lie.
        every_row: Whether earlier states are among the rows looked at.
        only: The selection whose rows are looked at; None looks at all.

    Attributes:
        scope: The SQL condition of the rows looked at.
        only: How many rows of a selection are looked at; None where all are.
    """

    def __init__(self, store: Store, *, every_row: bool = False, only: Selection | None = None) -> None:
        self._store, self._lock, self._every_row = store, threading.Lock(), every_row
        self.scope = "true" if every_row else ONCE
        self.only: int | None = None
        if only is not None:
            table = f"{store.aside}.selected_{next(_NUMBERS)}"
            with store.cursor() as con:
                where = both(self.scope, chosen(only))
                run(con, f"create table {table} as select {KEY} from records where {where}")
                self.only = one(con, f"select count(*) from {table}")
            self.scope = f"{KEY} in (select {KEY} from {table})"
        self._text: _Text | None = None
        self._order: tuple[View, str] | None = None
        self._old: list[tuple[str, ...]] = []

    def source(self, choice: Filter) -> tuple[str, str]:
        """Return the table that answers a filter with the least work, and the condition that is left."""
        found = self._text  # once: another thread may put another text there
        if found and found.text == choice.text:
            more = f" join {MIXES} using ({MIX})" if self._store.mixed else ""
            return f"{found.table}{more}", both(self.scope, matching(choice, but=("text",)))
        return "records", both(self.scope, matching(choice))

    def counted(self, choice: Filter) -> str | None:
        """Return the table that has the rows of a filter's text counted by all but their day, if there is one."""
        found = self._text
        is_counted = found is not None and found.text == choice.text and self._store.mixed and self.only is None
        return found.counts if found and is_counted else None

    def search(self, con: duckdb.DuckDBPyConnection, choice: Filter) -> None:
        """Look for a text once: a later search for the same text looks among the rows found.

        A longer text is looked for among the rows in which the shorter one stood, unless these are so many
        that taking over what is searched would cost more than it saves.
        """
        with self._lock:  # only one of two threads with the same text searches it
            text, before = choice.text, self._text
            if text is None or self._knows(text):
                return
            again = before if before and before.searched and _continues(text, before.text) else None
            searched = bool(again) or _about(con, text) <= _MANY
            made = _Text(text, f"{self._store.aside}.found_{next(_NUMBERS)}", searched)
            taken = [MIX] if self._store.mixed else [ident(name) for name in self._store.carried]
            columns, among = [KEY, DAY, *[SEARCH, VARIED] * searched, *taken], again.table if again else "records"
            where = both("true" if again else self.scope, matching(Filter(text=text)))
            run(con, f"create table {made.table} as select {', '.join(columns)} from {among} where {where}")
            if self._store.mixed:
                counted = f"select {MIX}, count(*) as n from {made.table} group by {MIX}"
                mixes = f"select m.* replace (c.n as n) from {MIXES} m join ({counted}) c using ({MIX})"
                run(con, f"create table {made.counts} as {mixes}")
            self._text = made
            self._evict(con, *[before.table, before.counts] if before else [])

    def ordered(self, view: View) -> bool:
        """Return whether any page of a view is as near as the first."""
        return self._as_stored(view) or (self._order is not None and self._order[0] == view)

    def _as_stored(self, view: View) -> bool:
        """Whether a view shows all rows by their keys: earlier states are stored behind all others."""
        return view.order() == KEY and not view.choice and view.every_row == self._every_row and self.only is None

    @property
    def names(self) -> list[str]:
        """The columns that the records have."""
        return self._store.names

    def rows(self) -> int:
        """Return how many rows there are to look at."""
        return (self._store.total if self._every_row else self._store.once) or 0 if self.only is None else self.only

    def sort(self, con: duckdb.DuckDBPyConnection, view: View) -> None:
        """Put a view's keys in their order once, so that any page is as near as the first."""
        if self.ordered(view):
            return
        before, name = self._order, f"{self._store.aside}.ordered_{next(_NUMBERS)}"
        run(con, f"create table {name} as {self._in_order(con, view)}")
        self._order = (view, name)
        self._evict(con, *[before[1]] if before else [])

    def _in_order(self, con: duckdb.DuckDBPyConnection, view: View) -> str:
        """The SQL of all keys in order; few different values are put in order first, and rows by their place."""
        kept = self.rows_of(view.choice, view.by)
        if view.by is None:
            return f"select {KEY} from {kept} order by {view.order()}"
        by, down, groups = ident(view.by), "desc" if view.down else "asc", [GROUP] * view.grouped
        order = ", ".join([*groups, f"ik_place {down} nulls last", KEY])
        if one(con, f"select approx_count_distinct({by}) from {kept}") > _FEW:
            return f"select {KEY} from {kept} order by {view.order()}"
        places = f"select ik_value, row_number() over (order by ik_value) as ik_place from (select distinct {by} as "
        return (
            f"with ik_places as ({places} ik_value from {kept})) "
            f"select {KEY} from (select {', '.join([KEY, by, *groups])} from {kept}) "
            f"left join ik_places on {by} = ik_value order by {order}"
        )

    def keys(self, con: duckdb.DuckDBPyConnection, view: View, first: int, count: int) -> list[int]:
        """Return the keys of a page: ``count`` rows from the place ``first`` on, from 0."""
        first, count = max(int(first), 0), max(int(count), 0)
        order = self._order  # once: another thread may put another there
        if order and order[0] == view:
            name = order[1]
            page = f"select {KEY} from {name} where rowid >= {first} and rowid < {first + count} order by rowid"
        elif self._as_stored(view):
            end = min(first + count, self.rows())
            page = f"select {KEY} from records where {KEY} >= {first} and {KEY} < {end} order by {KEY}"
        else:
            if not self._knows(view.choice.text):
                near = self._first_page(con, view, count) if first == 0 else []
                if len(near) == count:
                    return near
                self.search(con, view.choice)
            shown = self.rows_of(view.choice, view.by)
            page = f"select {KEY} from {shown} order by {view.order()} limit {count} offset {first}"
        return [key for (key,) in rows(con, page)]

    def _knows(self, text: str | None) -> bool:
        return text is None or (self._text is not None and self._text.text == text)

    def _first_page(self, con: duckdb.DuckDBPyConnection, view: View, count: int) -> list[int]:
        """Return the first keys of a view, or fewer where they are further down: most texts fill a page soon."""
        if view.order() != KEY:
            return []
        asked = f"select {KEY} from records where {KEY} < {_NEAR} and {both(self.scope, matching(view.choice))}"
        return [key for (key,) in rows(con, f"{asked} order by {KEY} limit {count}")]

    def place(self, con: duckdb.DuckDBPyConnection, view: View, key: int) -> int | None:
        """Return the place of a row in a view that ``sort`` has put in order, from 0; None if it is not in it."""
        if self._as_stored(view):
            return key if key < self.rows() else None
        self.sort(con, view)
        name = self._order[1] if self._order else "records"
        found = rows(con, f"select rowid from {name} where {KEY} = {int(key)}")
        return int(found[0][0]) if found else None

    def _evict(self, con: duckdb.DuckDBPyConnection, *before: str) -> None:
        """Drop unused tables but the last two, which a running query may still read."""
        self._old += [before] if before else []
        while len(self._old) > _STILL_READ:
            for table in self._old.pop(0):
                run(con, f"drop table if exists {table}")

    def rows_of(self, choice: Filter, column: str | None) -> str:
        """The SQL of a filter's rows, with a column of the records."""
        source, condition = self.source(choice)
        if source == "records" or column is None or column in self._store.carried:
            return f"{source} where {condition}"
        return f"records where {KEY} in (select {KEY} from {source} where {condition})"


def _continues(text: str, before: str) -> bool:
    """Return whether each word of the text before begins a word of the text: no other row contains it then."""
    return all(any(word.startswith(old) for word in search_words(text)) for old in search_words(before))


def _about(con: duckdb.DuckDBPyConnection, text: str) -> float:
    """Estimate from the first rows how many rows contain a text."""
    first = one(con, f"select count(*) from records where {KEY} < {_PROBED} and {matching(Filter(text=text))}")
    return float(first * max(1.0, one(con, "select count(*) from records") / _PROBED))


def wide(con: duckdb.DuckDBPyConnection, keys: list[int], names: list[str]) -> dict[int, tuple[Any, ...]]:
    """Return the columns of some rows by their keys; rows are fetched whole only once it is known which."""
    if not keys:
        return {}
    listed, columns = ", ".join(map(str, keys)), ", ".join([KEY, *map(ident, names)])
    # A range first: the list alone would be looked up in every row group.
    span = f"{KEY} between {min(keys)} and {max(keys)}"
    found = rows(con, f"select {columns} from records where {span} and {KEY} in ({listed})")
    return {row[0]: row[1:] for row in found}
