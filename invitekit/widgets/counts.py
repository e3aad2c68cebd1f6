"""Counts of a view: its rows, customers and groups, and the values of each facet under all other restrictions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import duckdb

from invitekit.engine.duckdb import ident, lit, one, rows
from invitekit.model import schema
from invitekit.model.filters import COLUMNS, Filter
from invitekit.model.identity import ALONE
from invitekit.widgets import conditions
from invitekit.widgets.conditions import DATED, DAY, GROUP, ONCE, among, both, chosen, clauses, matching
from invitekit.widgets.selection import Selection
from invitekit.widgets.store import cube
from invitekit.widgets.view import QueryCache

MAX_VALUES = 100
"""The most values of a facet, the most frequent first; the chosen ones are always included."""
Facet = list[tuple[Any, int]]


def matched(con: duckdb.DuckDBPyConnection, cache: QueryCache, choice: Filter, can: str = "true") -> int:
    """Count the rows of a filter that can be chosen; the SQL ``can`` may use columns of few values only."""
    table, condition, n = source(cache, choice, set(clauses(choice)))
    return one(con, f"select {n} from {table} where {both(condition, f'({can})')}")


def customers(con: duckdb.DuckDBPyConnection, cache: QueryCache, choice: Filter) -> int | None:
    """Count the customers of a filter's rows.

    A masked row of the newest snapshot counts as one customer; one of an earlier snapshot may be any of these.

    Returns:
        The number, or None if the records have no customer ID.
    """
    if "customer_id" not in cache.names:
        return None
    rows_ = cache.rows_of(choice, "customer_id")
    known = f"not starts_with(coalesce(customer_id, {lit(ALONE)}), {lit(ALONE)})"
    several, single = f"count(distinct hash(customer_id)) filter ({known})", f"count(*) filter (not {known} and {ONCE})"
    return one(con, f"select {several} + {single} from {rows_}")


def groups(con: duckdb.DuckDBPyConnection, cache: QueryCache, choice: Filter) -> list[tuple[int, int]]:
    """Count the rows of a filter by group, in the order of the groups."""
    table, condition, n = source(cache, choice, set(clauses(choice)))
    query = f"select {GROUP}, {n}::bigint from {table} where {condition} group by 1 order by 1"
    return [(int(group), int(count)) for group, count in rows(con, query)]


def facets(
    con: duckdb.DuckDBPyConnection, cache: QueryCache, choice: Filter, names: list[str]
) -> Iterator[tuple[str, Facet]]:
    """Count the values of each facet among the rows that match all other restrictions.

    Returns:
        A pair for each of ``names`` (as in ``Filter``): its name, and its values with their counts, the most frequent
        first, at most ``MAX_VALUES`` of them; a chosen value is always among them.
    """
    counted: dict[str, Facet] = {name: [] for name in names}
    # One query: these tables are so small that parsing takes most of the time.
    query = " union all ".join(_values(cache, choice, name) for name in names)
    for name, value, n in rows(con, query):
        counted[name].append((_value(name, value), int(n)))
    for name, values in counted.items():
        listed = {value for value, _ in values}
        yield name, values + [(value, 0) for value in getattr(choice, name) if value not in listed]


def facet_values(
    con: duckdb.DuckDBPyConnection, cache: QueryCache, choice: Filter, name: str, text: str
) -> list[tuple[Any, int]]:
    """Count the values of one facet that contain a text, so that values beyond ``MAX_VALUES`` can be searched."""
    values = rows(con, _values(cache, choice, name, conditions.column_contains(COLUMNS[name], text)))
    return [(_value(name, value), int(n)) for _, value, n in values]


def _value(name: str, text: str | None) -> str | int | None:
    return text if text is None or schema.BY_NAME[COLUMNS[name]].kind != "integer" else int(text)


def _values(cache: QueryCache, choice: Filter, name: str, only: str = "true") -> str:
    """Return the SQL of a facet's most frequent values as texts, and their counts."""
    table, condition, n = source(cache, choice, {*clauses(choice), name} - {"text"}, but=(name,))
    condition, value = both(condition, only), ident(COLUMNS[name])
    best = f"group by {value} order by {n} desc, {value} nulls last limit {MAX_VALUES}"
    return f"(select {lit(name)}, cast({value} as varchar), {n} from {table} where {condition} {best})"


def trend(con: duckdb.DuckDBPyConnection, cache: QueryCache, choice: Filter) -> list[tuple[dt.date, int, int, int]]:
    """Count invitations, failures and associations by day, whatever dates the filter has."""
    table, condition, n = source(cache, choice, {*clauses(choice), *DATED}, but=DATED)
    by_status = [f"{n} filter (effective_status = '{code}')" for code in ("association_failed", "associated")]
    dated = f"{table} where {condition} and {DAY} is not null"
    days = rows(con, f"select {DAY}, {n}, {', '.join(by_status)} from {dated} group by 1 order by 1")
    return [(day, int(n), int(failed or 0), int(associated or 0)) for day, n, failed, associated in days]


def selected(
    con: duckdb.DuckDBPyConnection, cache: QueryCache, selection: Selection, choice: Filter, can: str
) -> tuple[int, int]:
    """Count the rows that are chosen and can be chosen, and those of them that are not shown.

    If a table of counts can answer the filters of the steps, only the rows of named keys are read.
    """
    if not selection:
        return 0, 0
    shown = both(cache.scope, matching(choice))
    names = {name for each in (choice, *selection.filters) for name in clauses(each)}
    if cache.only is not None or (counted := cube(names)) is None:
        return _total_and_hidden(con, "records", "1", f"{chosen(selection)} and ({can})", shown)
    by_filters = selection.by_filters()
    parts = [_total_and_hidden(con, counted, "n", f"{chosen(by_filters)} and ({can})", shown)]
    if selection.keys:
        named = f"(select * from records where {among(selection.keys)})"
        for sign, each in ((1, selection), (-1, by_filters)):
            total, hidden = _total_and_hidden(con, named, "1", f"{chosen(each)} and ({can})", shown)
            parts.append((sign * total, sign * hidden))
    return sum(total for total, _ in parts), sum(hidden for _, hidden in parts)


def _total_and_hidden(
    con: duckdb.DuckDBPyConnection, table: str, n: str, condition: str, shown: str
) -> tuple[int, int]:
    """Count the rows that match a condition, and those of them that are not shown."""
    is_hidden = f"not coalesce({shown}, false)"
    query = f"select sum({n}), sum({n}) filter ({is_hidden}) from {table} where {condition}"
    ((total, hidden),) = rows(con, query)
    return int(total or 0), int(hidden or 0)


def source(cache: QueryCache, choice: Filter, names: set[str], *, but: tuple[str, ...] = ()) -> tuple[str, str, str]:
    """Return the smallest table that can answer a query, the condition on it, and the SQL that counts its rows.

    ``names`` are the restrictions and facets that the query uses, ``but`` the restrictions to leave out.
    """
    if choice.text is None and cache.only is None and (counted := cube(names)):
        return counted, both(cache.scope, matching(choice, but=but)), "sum(n)"
    if choice.text is not None and not names & {*DATED} and (combinations := cache.counted(choice)):
        return combinations, both(cache.scope, matching(choice, but=(*but, "text"))), "sum(n)"
    table, _ = cache.source(choice)
    left = (*but, "text") if table != "records" else but
    return table, both(cache.scope, matching(choice, but=left)), "count(*)"
