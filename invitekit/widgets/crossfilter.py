"""Cross-filter: prefix sums by day for every facet value, from which the browser counts while a person drags over days.

The method is Falcon's (Moritz, Howe and Heer, 2019): with sums from the first day on, the count of any range of days is
one subtraction, and the browser need not wait for a message.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import duckdb

from invitekit.engine.duckdb import ident, lit
from invitekit.model.filters import COLUMNS, Filter
from invitekit.widgets.conditions import DATED, DAY, clauses
from invitekit.widgets.counts import matched, source
from invitekit.widgets.view import QueryCache

MAX_SUMS = 2_000_000
"""The most sums that are sent, of four bytes each; if there are more, Python counts after each brush."""
_BEFORE = "date '0001-01-01'"
"""A day before all others, where every sum is 0."""


def payload(
    con: duckdb.DuckDBPyConnection, cache: QueryCache, choice: Filter, choices: list[dict[str, Any]]
) -> tuple[dict[str, Any], list[bytes]]:
    """Return the message about an undated filter and its facets, and the prefix sums unless there are too many.

    A facet with more values than are listed is left out: on some days, other values may be the most frequent ones.
    """
    content: dict[str, Any] = {"type": "crossfilter", "filter": choice.to_dict()}
    whole = [facet for facet in choices if not facet["full"]]
    values = {facet["name"]: [value for value, *_ in facet["values"]] for facet in whole}
    days_and_sums = prefix_sums(con, cache, choice, values)
    if days_and_sums is None:
        return content, []
    days = [day.isoformat() for day in days_and_sums[0]]
    return content | {"days": days, "facets": whole, "matched": matched(con, cache, choice)}, [days_and_sums[1]]


def prefix_sums(
    con: duckdb.DuckDBPyConnection, cache: QueryCache, choice: Filter, values: dict[str, list[Any]]
) -> tuple[list[dt.date], bytes] | None:
    """Compute the prefix sums by day of all rows, and of the rows with each of the ``values`` of some facets.

    The dates of the filter are ignored, and so is, for each facet, the facet's own restriction.

    Returns:
        The days in order, after a first one before all of them; and for all rows, then for each value in the order of
        ``values``, the number of its rows up to each day, as unsigned integers of four bytes in the machine's order.
        None if there would be more than ``MAX_SUMS``.
    """
    series = [("''", "null"), *((lit(name), _text(each)) for name, listed in values.items() for each in listed)]
    listed = ", ".join(f"({name}, {value}, {number})" for number, (name, value) in enumerate(series))
    counted = " union all ".join(_by_day(cache, choice, name) for name in ("", *values))
    query = f"""
        with counted as materialized ({counted}), series(name, value, number) as (values {listed}),
        days as (select distinct day from counted union select {_BEFORE})
        select days.day, sum(coalesce(n, 0)) over (partition by number order by days.day)::uinteger as n
        from series cross join days left join counted
        on counted.name = series.name and counted.value is not distinct from series.value and counted.day = days.day
        where (select count(*) from days) * {len(series)} <= {MAX_SUMS}
        order by number, days.day"""
    table: Any = con.sql(query).to_arrow_table().combine_chunks()
    if not table.num_rows:
        return None
    days = table.column("day").slice(0, table.num_rows // len(series))
    return days.to_pylist(), table.column("n").to_numpy().tobytes()


def _text(value: Any) -> str:
    return "null" if value is None else lit(str(value))


def _by_day(cache: QueryCache, choice: Filter, name: str) -> str:
    """Return the SQL that counts a facet's values, as texts, by day; without a name, it counts all rows."""
    names = {*clauses(choice), *DATED, *([name] if name else [])} - {"text"}
    table, condition, n = source(cache, choice, names, but=(*DATED, name))
    value = f"cast({ident(COLUMNS[name])} as varchar)" if name else "null::varchar"
    by = f"select {lit(name)} as name, {value} as value, {DAY} as day, {n} as n"
    return f"({by} from {table} where {condition} and {DAY} is not null group by all)"
