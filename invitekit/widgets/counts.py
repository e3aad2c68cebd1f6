"""How many rows each choice would leave: beside every choice, the counts under all others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import duckdb

from invitekit.engine.duckdb import ident, lit, one, rows
from invitekit.model import schema
from invitekit.model.filters import COLUMNS, Filter
from invitekit.model.identity import ALONE
from invitekit.widgets.conditions import (
    DATED,
    DAY,
    GROUP,
    ONCE,
    among,
    both,
    chosen,
    clauses,
    column_contains,
    matching,
)
from invitekit.widgets.selection import Selection
from invitekit.widgets.store import cube
from invitekit.widgets.view import QueryCache

MOST = 100
"""Most values of a facet, the most frequent first; the chosen ones are always included."""
Facet = list[tuple[Any, int]]


def matched(con: duckdb.DuckDBPyConnection, found: QueryCache, choice: Filter) -> int:
    """Count the rows of a filter."""
    table, condition, n = source(found, choice, set(clauses(choice)))
    return one(con, f"select {n} from {table} where {condition}")


def customers(con: duckdb.DuckDBPyConnection, found: QueryCache, choice: Filter) -> int | None:
    """Count the customers of a filter's rows.

    A masked row of the newest snapshot counts as one customer; one of an earlier snapshot may be any of these.

    Returns:
        The number, or None where the records do not say which customer they belong to.
    """
    if "customer_id" not in found.names:
        return None
    rows_ = found.rows_of(choice, "customer_id")
    known = f"not starts_with(coalesce(customer_id, {lit(ALONE)}), {lit(ALONE)})"
    several, single = f"count(distinct hash(customer_id)) filter ({known})", f"count(*) filter (not {known} and {ONCE})"
    return one(con, f"select {several} + {single} from {rows_}")


def choosable(con: duckdb.DuckDBPyConnection, found: QueryCache, choice: Filter, can: str) -> int:
    """Count the rows of a filter that can be chosen; ``can`` looks at small columns only."""
    table, condition, n = source(found, choice, set(clauses(choice)))
    return one(con, f"select {n} from {table} where {condition} and ({can})")


def groups(con: duckdb.DuckDBPyConnection, found: QueryCache, choice: Filter) -> list[tuple[int, int]]:
    """Count the rows of a filter by group, in the order of the groups."""
    table, condition, n = source(found, choice, set(clauses(choice)))
    asked = f"select {GROUP}, {n}::bigint from {table} where {condition} group by 1 order by 1"
    return [(int(place), int(count)) for place, count in rows(con, asked)]


def facets(
    con: duckdb.DuckDBPyConnection, found: QueryCache, choice: Filter, names: list[str]
) -> Iterator[tuple[str, Facet]]:
    """Count each choice's values among the rows that all other restrictions leave.

    Returns:
        A pair a choice of ``names`` (as in ``Filter``): its name, and its values with their counts, the most frequent
        first, at most ``MOST`` of them; a chosen value is always among them.
    """
    counted: dict[str, Facet] = {name: [] for name in names}
    # One query: these tables are so small that parsing takes most of the time.
    asked = " union all ".join(_values(found, choice, name) for name in names)
    for name, value, n in rows(con, asked):
        counted[name].append((_value(name, value), int(n)))
    for name, values in counted.items():
        told = {each for each, _ in values}
        yield name, values + [(each, 0) for each in getattr(choice, name) if each not in told]


def facet_values(
    con: duckdb.DuckDBPyConnection, found: QueryCache, choice: Filter, name: str, text: str
) -> list[tuple[Any, int]]:
    """Count those values of one choice that contain a text, as ``facets`` does; so any of its values can be found."""
    found_values = rows(con, _values(found, choice, name, column_contains(COLUMNS[name], text)))
    return [(_value(name, value), int(n)) for _, value, n in found_values]


def _value(name: str, text: str | None) -> str | int | None:
    """Return a value of a choice as its filter has it."""
    return text if text is None or schema.BY_NAME[COLUMNS[name]].kind != "integer" else int(text)


def _values(found: QueryCache, choice: Filter, name: str, only: str = "true") -> str:
    """The SQL of a choice's most frequent values as texts, and their counts."""
    table, condition, n = source(found, choice, {*clauses(choice), name} - {"text"}, but=(name,))
    condition, value = both(condition, only), ident(COLUMNS[name])
    best = f"group by {value} order by {n} desc, {value} nulls last limit {MOST}"
    return f"(select {lit(name)}, cast({value} as varchar), {n} from {table} where {condition} {best})"


def trend(con: duckdb.DuckDBPyConnection, found: QueryCache, choice: Filter) -> list[tuple[dt.date, int, int, int]]:
    """Count invitations, failures and associations by day, among the rows that all but the dates leave."""
    table, condition, n = source(found, choice, {*clauses(choice), *DATED}, but=DATED)
    by_status = [f"{n} filter (effective_status = '{code}')" for code in ("association_failed", "associated")]
    dated = f"{table} where {condition} and {DAY} is not null"
    found_days = rows(con, f"select {DAY}, {n}, {', '.join(by_status)} from {dated} group by 1 order by 1")
    return [(day, int(n), int(failed or 0), int(associated or 0)) for day, n, failed, associated in found_days]


def selected(
    con: duckdb.DuckDBPyConnection, found: QueryCache, selection: Selection, choice: Filter, can: str
) -> tuple[int, int]:
    """Count the rows that are chosen and can be, and those of them that are not shown.

    Where the counts answer the filters of the steps, only the rows of named keys are looked at.
    """
    if not selection:
        return 0, 0
    shown = both(found.scope, matching(choice))
    names = {name for each in (choice, *selection.filters) for name in clauses(each)}
    counted = cube(names) if found.only is None else None
    if counted is None:
        return _held(con, "records", "1", f"{chosen(selection)} and ({can})", shown)
    by_filters = selection.by_filters()
    parts = [_held(con, counted, "n", f"{chosen(by_filters)} and ({can})", shown)]
    if selection.keys:
        named = f"(select * from records where {among(selection.keys)})"
        for sign, each in ((1, selection), (-1, by_filters)):
            total, hidden = _held(con, named, "1", f"{chosen(each)} and ({can})", shown)
            parts.append((sign * total, sign * hidden))
    return sum(total for total, _ in parts), sum(hidden for _, hidden in parts)


def _held(con: duckdb.DuckDBPyConnection, table: str, n: str, condition: str, shown: str) -> tuple[int, int]:
    """Count the rows that match a condition, and those of them that are not shown."""
    hidden = f"not coalesce({shown}, false)"
    asked = f"select sum({n}), sum({n}) filter ({hidden}) from {table} where {condition}"
    ((total, out),) = rows(con, asked)
    return int(total or 0), int(out or 0)


def source(found: QueryCache, choice: Filter, names: set[str], *, but: tuple[str, ...] = ()) -> tuple[str, str, str]:
    """Return the table that answers with the least work, the condition on it, and the SQL of a number of rows.

    Args:
        found: What was found for the view.
        choice: The filter.
        names: What is looked at: the restrictions, and the choices that are counted by.
        but: Restrictions that are left out.
    """
    if choice.text is None and found.only is None and (counted := cube(names)):
        return counted, both(found.scope, matching(choice, but=but)), "sum(n)"
    if choice.text is not None and not names & {*DATED} and (mixed := found.counted(choice)):
        return mixed, both(found.scope, matching(choice, but=(*but, "text"))), "sum(n)"
    table, _ = found.source(choice)
    left = (*but, "text") if table != "records" else but
    return table, both(found.scope, matching(choice, but=left)), "count(*)"
