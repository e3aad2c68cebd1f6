"""Counts by day for the brush in the browser, added up from the first day on."""

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import invitekit as ik
from invitekit.model.filters import Filter
from invitekit.widgets import counts, crossfilter
from invitekit.widgets.store import Store
from invitekit.widgets.view import QueryCache
from tests.conftest import DATA, often

Answers = tuple[duckdb.DuckDBPyConnection, QueryCache]
NAMES = ["status", "cause", "manager", "tag", "country"]
FIRST = dt.date(2026, 1, 1)
CHOICES = st.builds(
    Filter,
    text=st.sampled_from([None, "gmbh", "acct", "nowhere"]),
    status=st.sampled_from([(), ("association_failed",), ("expired", "invited")]),
    method=st.sampled_from([(), ("email",), ("link",)]),
    manager=st.sampled_from([(), (None,), ("mgr.chen",)]),
    country=st.sampled_from([(), ("DE", "CN")]),
)


@pytest.fixture(scope="module")
def answers() -> Iterator[Answers]:
    annotated = ik.annotate(ik.load(str(DATA)).records, as_of=dt.date(2026, 3, 30))
    undated = pl.when(pl.int_range(pl.len()) % 9 > 0).then("invited_at").alias("invited_at")
    store = Store(annotated.with_columns(undated))
    with store.cursor() as con:
        store.build(con)
    with store.cursor() as con:
        yield con, QueryCache(store)


def added(answers: Answers, choice: Filter, names: list[str]) -> tuple[list[dt.date], Any, dict[str, list[Any]]]:
    con, found = answers
    found.search(con, choice)
    values = {name: [value for value, _ in listed] for name, listed in counts.facets(con, found, choice, names)}
    told = crossfilter.prefix_sums(con, found, choice, values)
    assert told is not None
    days, sums = told
    return days, np.frombuffer(sums, "uint32").reshape(-1, len(days)), values


@settings(max_examples=often(40), deadline=None)
@given(choice=CHOICES, start=st.integers(-30, 120), long=st.integers(0, 90))
def test_the_counts_of_any_days_are_one_subtraction(answers: Answers, choice: Filter, start: int, long: int) -> None:
    days, up, values = added(answers, choice, NAMES)
    begin = FIRST + dt.timedelta(start)
    end = begin + dt.timedelta(long)
    before, last = bisect_right(days, begin - dt.timedelta(1)) - 1, bisect_right(days, end) - 1
    n = iter((up[:, last] - up[:, before]).tolist())
    dated = Filter.from_dict(choice.to_dict() | {"invited_from": begin.isoformat(), "invited_to": end.isoformat()})
    con, found = answers
    assert next(n) == counts.matched(con, found, dated)
    for name, listed in counts.facets(con, found, dated, NAMES):
        mine = {value: next(n) for value in values[name]}
        assert {value: each for value, each in mine.items() if each} == {value: n for value, n in listed if n}, name


def test_a_choice_beyond_the_listed_values_waits_for_the_kernel(answers: Answers) -> None:
    con, found = answers
    choices = [{"name": "status", "full": False, "values": [["expired", "", 1]]}, {"name": "tag", "full": True}]
    told, (sums,) = crossfilter.payload(con, found, Filter(method="email"), choices)
    assert [one["name"] for one in told["facets"]] == ["status"]
    assert told["filter"] == {"method": ["email"]}
    assert told["matched"] == counts.matched(con, found, Filter(method="email"))
    assert told["days"][0] == "0001-01-01"
    assert len(sums) == 4 * 2 * len(told["days"])


def test_too_many_sums_are_not_sent(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    con, found = answers
    days, _, _ = added(answers, Filter(), ["status"])
    monkeypatch.setattr(crossfilter, "MAX_SUMS", len(days))
    assert crossfilter.prefix_sums(con, found, Filter(), {}) is not None
    assert crossfilter.prefix_sums(con, found, Filter(), {"status": ["expired"]}) is None
    choices = [{"name": "status", "full": False, "values": [["expired", "", 1]]}]
    assert crossfilter.payload(con, found, Filter(), choices) == ({"type": "crossfilter", "filter": {}}, [])
