"""Cross-filter: counts by day beside every choice, which the browser adds up while a person drags over days.

The method is Falcon's (Moritz, Howe and Heer, 2019): what may be brushed next is counted ahead, as sums from the
first day on, so that the counts of any days are one subtraction each, and no message is waited for.
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

MOST = 2_000_000
"""So many sums are sent at most, of four bytes each; where there would be more, counts come after each brush."""
_BEFORE = "date '0001-01-01'"
"""Before every day: here nothing is counted yet."""


def payload(
    con: duckdb.DuckDBPyConnection, found: QueryCache, choice: Filter, choices: list[dict[str, Any]]
) -> tuple[dict[str, Any], list[bytes]]:
    """Return the message about an undated filter and its facets before days are brushed, and the sums, if any.

    A choice of more values than are listed is left out: others may be its most frequent ones on some days.
    """
    content: dict[str, Any] = {"type": "crossfilter", "filter": choice.to_dict()}
    whole = [one for one in choices if not one["full"]]
    added = prefix_sums(con, found, choice, {one["name"]: [value for value, *_ in one["values"]] for one in whole})
    if added is None:
        return content, []
    days = [day.isoformat() for day in added[0]]
    return content | {"days": days, "facets": whole, "matched": matched(con, found, choice)}, [added[1]]


def prefix_sums(
    con: duckdb.DuckDBPyConnection, found: QueryCache, choice: Filter, values: dict[str, list[Any]]
) -> tuple[list[dt.date], bytes] | None:
    """Add the rows up from the first day on, all together and by each value of some choices.

    Args:
        con: Asks the store.
        found: What was found for the view.
        choice: The filter; its dates are left out, and beside each choice what is chosen there.
        values: Of each choice (as in ``Filter``) the values to count.

    Returns:
        Days in their order, the first of them before all; and for all rows together, then for each value in the order
        of ``values``, the number of its rows up to each day, as unsigned numbers of four bytes in the machine's order.
        None where that were too many.
    """
    places = [("''", "null"), *((lit(name), _text(each)) for name, listed in values.items() for each in listed)]
    listed = ", ".join(f"({name}, {value}, {at})" for at, (name, value) in enumerate(places))
    counted = " union all ".join(_by_day(found, choice, name) for name in ("", *values))
    asked = f"""
        with counted as materialized ({counted}), places(name, value, place) as (values {listed}),
        days as (select distinct day from counted union select {_BEFORE})
        select days.day, sum(coalesce(n, 0)) over (partition by place order by days.day)::uinteger as n
        from places cross join days left join counted
        on counted.name = places.name and counted.value is not distinct from places.value and counted.day = days.day
        where (select count(*) from days) * {len(places)} <= {MOST}
        order by place, days.day"""
    table: Any = con.sql(asked).to_arrow_table().combine_chunks()
    if not table.num_rows:
        return None
    days = table.column("day").slice(0, table.num_rows // len(places))
    return days.to_pylist(), table.column("n").to_numpy().tobytes()


def _text(value: Any) -> str:
    return "null" if value is None else lit(str(value))


def _by_day(found: QueryCache, choice: Filter, name: str) -> str:
    """The SQL of a choice's values as texts, by day, with their counts; without a name that of all rows."""
    names = {*clauses(choice), *DATED, *([name] if name else [])} - {"text"}
    table, condition, n = source(found, choice, names, but=(*DATED, name))
    value = f"cast({ident(COLUMNS[name])} as varchar)" if name else "null::varchar"
    by = f"select {lit(name)} as name, {value} as value, {DAY} as day, {n} as n"
    return f"({by} from {table} where {condition} and {DAY} is not null group by all)"
