"""The screen without a browser: what a message changes, its answer, and the files written."""

import contextlib
import datetime as dt
import gc
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import invitekit as ik
from invitekit import charts
from invitekit.batches import Written
from invitekit.errors import ArgumentError, WorkspaceError
from invitekit.i18n import Language
from invitekit.model import display, schema
from invitekit.model.catalogue import NOT_GIVEN
from invitekit.model.filters import COLUMNS, Filter, where
from invitekit.model.vocabularies import LISTS
from invitekit.widgets import base, counts, crossfilter, payloads, planning, unknown_words
from invitekit.widgets.conditions import KEY, chosen
from invitekit.widgets.counts import matched, selected
from invitekit.widgets.figures import ClickableFigure
from invitekit.widgets.grid import Grid
from invitekit.widgets.picker import undo_marks
from invitekit.widgets.selection import Selection, Step
from invitekit.widgets.store import Store
from invitekit.widgets.view import QueryCache, View
from invitekit.widgets.worker import Worker, error_payload
from tests.conftest import DATA, SOAK, busy, often
from tests.messages import check_response

DAY = dt.date(2026, 3, 30)


@pytest.fixture(scope="module")
def history() -> pl.DataFrame:
    """Every row of every file, in the order of the screen: the newest state of each invitation before all others."""
    found: pl.DataFrame = ik.resolve(ik.annotate(ik.load(str(DATA)).records, as_of=DAY))
    return found.sort(~pl.col("is_latest_of_invitation"), "source_file", "source_row")


@pytest.fixture(scope="module")
def newest(history: pl.DataFrame) -> pl.DataFrame:
    return history.filter("is_latest_of_invitation")


class FakeBrowser:
    """The messages of a widget to its views, in order."""

    def __init__(self, widget: Any) -> None:
        self.widget = widget
        self.messages: list[dict[str, Any]] = []
        widget.send = self.receive

    def receive(self, content: dict[str, Any], buffers: Any = None) -> None:
        """Store a message as the browser gets it."""
        message = check_response(type(self.widget).__name__, json.loads(json.dumps(content)))
        self.messages.append(message | ({"buffers": buffers} if buffers else {}))

    def ask(self, message: dict[str, Any]) -> None:
        """Send a message with the fields that a view adds to its kind."""
        version = {"version": getattr(self.widget, "_version", 0)}
        added: dict[str, dict[str, Any]] = {
            "set_filter": {"screen": "", "request": 0}, "set_masking": {"first": 0}, "set_columns": {"first": 0},
            "select": version, "mark_resolved": version | {"note": ""}, "unmark": version,
            "mark_do_not_invite": version | {"note": ""},
        }  # fmt: skip
        self.widget._handle_custom_msg(added.get(message.get("type", ""), {}) | message, [])

    def request(self, **message: Any) -> dict[str, dict[str, Any]]:
        """Send a message as a view does; return the last answer of each kind."""
        self.messages.clear()
        self.ask(message)
        assert self.widget.wait(60)
        return {one["type"]: one for one in self.messages}


def _connected(widget: Any) -> FakeBrowser:
    """Wait until a widget has read its rows, and connect a browser to it."""
    assert widget.wait(60)
    return FakeBrowser(widget)


@pytest.fixture
def explorer(history: pl.DataFrame, tmp_path: Path) -> FakeBrowser:
    return _connected(ik.Explorer(history, views=tmp_path / "views.json"))


# ---- selections

KEYS, OLDER = range(12), ("r9", "r10", "r11")
CHOICES = [Filter(), Filter(status="expired"), Filter(status=["invited", "expired"]), Filter(method="link")]
ROWS = pl.DataFrame({"record_id": [f"r{key}" for key in KEYS],
                     "effective_status": [("expired", "invited", "associated")[key % 3] for key in KEYS],
                     "invitation_method": [("email", "link", None, "email", "link")[key % 5] for key in KEYS],
                     })  # fmt: skip
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["add", "remove"]), st.frozensets(st.sampled_from(KEYS), max_size=5)),
        st.tuples(st.sampled_from(["add_all", "remove_all"]), st.tuples(st.sampled_from(CHOICES), st.booleans())),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def store() -> Store:
    made = Store(ROWS, once=f"record_id not in {OLDER}")
    with made.cursor() as con:
        made.build(con)
    return made


@settings(max_examples=often(60), deadline=None)
@given(operations=OPERATIONS)
def test_a_selection_behaves_like_a_set(store: Store, operations: list[tuple[str, Any]]) -> None:
    selection, expected = Selection(), set[int]()
    for name, what in operations:
        if isinstance(what, frozenset):
            selection, held = getattr(selection, name)(what), what
        else:
            selection, held = getattr(selection, name)(what[0], every_row=what[1]), _matching(*what)
        expected = expected | held if name.startswith("add") else expected - held
    with store.cursor() as con:
        found = {key for (key,) in con.sql(f"select {KEY} from records where {chosen(selection)}").fetchall()}
        for choice, every_row in product(CHOICES, [False, True]):
            hidden, rows = len(expected - _matching(choice, every_row)), QueryCache(store, View(every_row=every_row))
            assert selected(con, rows, selection, choice, "true") == (len(expected), hidden)
        can = len({key for key in expected if ROWS["effective_status"][key] == "expired"})
        assert selected(con, rows, selection, Filter(), "effective_status = 'expired'") == (can, 0)
    assert found == expected
    assert bool(selection) >= bool(expected)


def _matching(choice: Filter, every_row: bool) -> frozenset[int]:
    rows = where(ROWS.with_row_index("key"), choice)
    return frozenset(rows.filter(every_row | ~pl.col("record_id").is_in(OLDER))["key"].to_list())


def test_a_selection_has_few_steps_whatever_its_size() -> None:
    one_by_one = Selection()
    for key in range(500):
        one_by_one = one_by_one.add([key])
    assert len(one_by_one.steps) == 1
    assert one_by_one == Selection().add(range(500))
    assert len(Selection().add_all(Filter(status="expired")).remove([3, 4]).add([7]).steps) == 3
    assert not Selection().remove([1]).steps
    everything = Selection().add_all(Filter(), every_row=True)
    assert everything.steps == (Step(add=True, what=Filter(), every_row=True),)
    assert Selection().add([1]).add_all(Filter(), every_row=True) == everything
    assert Selection().add_all(Filter(status="expired")).remove_all(Filter(), every_row=True) == Selection()


# ---- filters

FILTERS = [
    Filter(text="GmbH"), Filter(text="ACCT_2"), Filter(text="' or true --"), Filter(status=["expired", "invited"]),
    Filter(cause=[None, "link_expired"]), Filter(cause=[None]), Filter(manager="mgr.chen", method="email"),
    Filter(tag=[None]), Filter(invited_from=dt.date(2026, 2, 1), invited_to=dt.date(2026, 2, 28)),
    Filter(manager="mgr.chen", tag=[None], invited_from=dt.date(2026, 2, 1)),
    Filter(country="Germany", invited_from=dt.date(2026, 2, 1)),
    Filter(text="mgr", who_acts="customer", invited_to=dt.date(2026, 3, 1)),
    Filter(text="gmbh", status=["expired", "association_failed"], country=[None, "Germany"]),
    Filter(snapshot=[dt.datetime(2026, 3, 30)]), Filter(text="no such text anywhere"),
]  # fmt: skip


def test_rows_and_counts_are_those_of_where(explorer: FakeBrowser, history: pl.DataFrame, newest: pl.DataFrame) -> None:
    for every_row, records, step in ((False, newest, 1), (True, history, 1 if SOAK else 3)):
        explorer.widget.every_row = every_row
        for choice in FILTERS[::step]:
            _answers(explorer, records, choice)


@pytest.mark.parametrize(("combinations", "many", "days"), [(0, 300_000, 0), (300_000, -1, 0), (0, -1, 1_000_000)])
def test_counts_are_the_same_in_every_way_of_counting(
    history: pl.DataFrame, monkeypatch: pytest.MonkeyPatch, combinations: int, many: int, days: int
) -> None:
    monkeypatch.setattr("invitekit.widgets.store._MAX_COUNTS", days)
    monkeypatch.setattr("invitekit.widgets.store._MAX_COMBINATIONS", combinations)
    monkeypatch.setattr("invitekit.widgets.view._MANY", many)
    widget = ik.Explorer(history)
    assert widget.wait(60)
    assert widget._store.has_combinations == bool(combinations)
    browser = FakeBrowser(widget)
    for choice in [*FILTERS[:: 1 if SOAK else 3], *map(Filter, ("g", "gm", "gmb", "xmb"))]:
        _answers(browser, history.filter("is_latest_of_invitation"), choice)
        assert widget._cache._text is None or widget._cache._text.searched == (many > 0), choice


def test_a_text_is_not_counted_among_the_rows_of_another(explorer: FakeBrowser, newest: pl.DataFrame) -> None:
    cache, choice = explorer.widget._cache, Filter(text="gmbh")
    with explorer.widget._store.cursor() as con:
        for text in ("acct", "gmbh"):  # another thread may have searched another text meanwhile
            cache.search(con, Filter(text=text))
            assert matched(con, cache, choice) == where(newest, choice).height


def test_a_number_is_found_with_other_separators_while_it_is_typed() -> None:
    explorer = _screen([{"Account": "acme", "Mobile": "+49 171 3920111", "Status": "Expired"}])
    for typed, found in (("+49-1", 0), ("+49-17", 0), ("+49-171", 1), ("+49-171-3920111", 1), ("+49-171-4", 0)):
        explorer.request(type="set_filter", filter={"text": typed})
        assert explorer.widget.count == found, typed


def test_combinations_that_share_a_hash_are_not_used() -> None:
    own = Store(ROWS)
    with own.cursor() as con:
        own.build(con)
    assert own.has_combinations
    with own.cursor() as con:
        con.execute("update records set ik_combination = 7")
        assert not own._count_combinations(con)


def _answers(explorer: FakeBrowser, records: pl.DataFrame, choice: Filter) -> None:
    """Check that the screen's rows and counts are those of where."""
    expected = where(records, choice)
    answers = explorer.request(type="set_filter", filter=choice.to_dict())
    assert "error" not in answers, choice
    assert explorer.widget.filter == choice
    assert answers["counts"]["matched"] == expected.height == explorer.widget.count
    assert explorer.widget.df.equals(expected)
    # If only the dates differ, the days are not sent again.
    days = answers["counts"].get("days") or explorer.request(type="connect")["counts"]["days"]
    assert sum(n for _, *ns in days for n in ns[:1]) == _dated(records, choice)
    assert answers["customers"]["customers"] == expected["customer_id"].n_unique()
    for facet in answers["counts"]["facets"]:
        rest = choice.without(facet["name"])
        others = expected if rest == choice else where(records, rest)
        column = COLUMNS[facet["name"]]
        counted = dict(others.group_by(column).len().iter_rows())
        assert {value: n for value, _, n in facet["values"] if n} == counted, facet["name"]


def _dated(records: pl.DataFrame, choice: Filter) -> int:
    undated = choice.without("invited_from").without("invited_to")
    return where(records, undated)["invitation_sent_at"].count()


def test_pages_are_in_the_requested_order(explorer: FakeBrowser, newest: pl.DataFrame) -> None:
    for by, down in (("customer_full_name", False), ("invited_at", True), ("age_days", True)):
        assert "error" not in explorer.request(type="sort", by=by, descending=down)
        keys: list[int] = []
        for first in range(0, newest.height, 400):
            keys += explorer.request(type="get_page", first=first, count=400)["page"]["keys"]
        assert sorted(keys) == list(range(newest.height))
        order = newest.with_row_index("key").sort(by, descending=down, nulls_last=True, maintain_order=True)
        assert keys == order["key"].to_list(), by


@pytest.mark.parametrize("few", [0, 100_000])
def test_a_distant_page_is_sorted(
    history: pl.DataFrame, newest: pl.DataFrame, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr("invitekit.widgets.view._FEW_VALUES", few)
    monkeypatch.setattr("invitekit.widgets.grid._DEEP", 100)
    browser = _connected(ik.Explorer(history))
    for by, down in (("customer_full_name", True), ("age_days", False)):
        browser.ask({"type": "sort", "by": by, "descending": down})
        # Asked while the order is being made:
        keys = browser.request(type="get_page", first=500, count=100)["page"]["keys"]
        order = newest.with_row_index("key").sort(by, descending=down, nulls_last=True, maintain_order=True)
        assert keys == order["key"].to_list()[500:600]
        assert not [one for one in browser.messages if one["type"] == "error"]


@pytest.mark.parametrize("near", [(1,), (50, 700), (50_000, 1_000_000)])
def test_the_first_page_of_a_search_does_not_depend_on_the_range_searched(
    history: pl.DataFrame, newest: pl.DataFrame, monkeypatch: pytest.MonkeyPatch, near: tuple[int, ...]
) -> None:
    monkeypatch.setattr("invitekit.widgets.view._NEAR", near)
    widget = ik.Explorer(history)
    assert widget.wait(60)
    for text in ("gmbh", "a", "zzzz", "acct"):
        rows = newest.with_row_index("key").filter(pl.col("record_id").is_in(
            where(newest, Filter(text=text))["record_id"].implode()
        ))  # fmt: skip
        page = FakeBrowser(widget).request(type="set_filter", filter={"text": text})["page"]
        assert page["keys"] == rows["key"].to_list()[:100], text


def test_a_custom_failure_and_one_without_a_known_message_have_words(newest: pl.DataFrame) -> None:
    code, own = pl.col("failure_code"), {"failure_code": "holiday", "cause": "Away.", "advice": "Wait."}
    known = newest.with_columns(code.replace("link_used", "not_given"))
    browser = _connected(ik.Explorer(known.with_columns(
        pl.when(code == "system_busy").then(pl.lit(said)).otherwise(pl.col(name)).alias(name)
        for name, said in own.items()
    )))  # fmt: skip
    answers = browser.request(type="connect")
    assert answers["init"]["hints"]["holiday"] == ["Away.", "Wait."]
    assert answers["init"]["hints"]["link_expired"][0] == display.labels("failure_code")["link_expired"]
    (causes,) = [one["values"] for one in answers["counts"]["facets"] if one["name"] == "cause"]
    assert ["holiday", "Away.", newest.filter(failure_code="system_busy").height] in causes
    assert [text for code, text, _n in causes if code == "not_given"] == [NOT_GIVEN.cause_en]


def test_a_request_for_the_current_view_is_answered(explorer: FakeBrowser) -> None:
    first = explorer.request(type="set_filter", filter={"status": ["expired"]})["page"]
    again = explorer.request(type="set_filter", filter={"status": ["expired"]})["page"]
    assert (again["version"], again["keys"]) == (first["version"], first["keys"])


def test_all_matching_but_two_survives_another_filter(explorer: FakeBrowser, newest: pl.DataFrame) -> None:
    expired = where(newest, Filter(status="expired")).height
    page = explorer.request(type="set_filter", filter={"status": ["expired"]})["page"]
    assert explorer.request(type="select", action="add_all")["selected"]["selected"] == expired
    answers = explorer.request(type="select", action="remove", keys=page["keys"][:2])["selected"]
    assert (answers["selected"], answers["hidden"]) == (expired - 2, 0)
    assert len(json.dumps(answers)) < 1_000
    counts = explorer.request(type="set_filter", filter={"status": ["associated"]})["counts"]
    assert (counts["selected"], counts["hidden"]) == (expired - 2, expired - 2)
    assert explorer.widget.selected.height == expired - 2
    assert explorer.request(type="select", action="undo")["selected"]["selected"] == expired
    assert explorer.request(type="select", action="undo")["selected"]["selected"] == 0
    assert not explorer.widget.selection


def test_only_rows_that_were_shown_are_selected_and_a_key_is_valid_across_filters(explorer: FakeBrowser) -> None:
    seen = explorer.request(type="set_filter", filter={"status": ["expired"]})["page"]
    explorer.request(type="set_filter", filter={"status": ["associated"]})
    for action in ("add_all", "add_range", "remove_range"):
        answers = explorer.request(type="select", version=seen["version"], action=action, start=0, end=3)
        assert "changed" in answers["error"]["problem"]
    assert explorer.widget.selected.height == 0
    assert "error" not in explorer.request(type="select", version=seen["version"], action="add", keys=seen["keys"][:2])
    assert explorer.widget.selected.height == 2


def test_a_range_is_selected_in_the_order_shown(explorer: FakeBrowser, newest: pl.DataFrame) -> None:
    explorer.request(type="sort", by="account_name", descending=True)
    answers = explorer.request(type="select", action="add_range", start=9, end=4)
    assert answers["selected"]["selected"] == 6
    order = newest.with_row_index("key").sort("account_name", descending=True, nulls_last=True, maintain_order=True)
    page = explorer.request(type="get_page", first=0, count=100)["page"]
    assert page["selected"][:12] == [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0]
    assert page["keys"][4:10] == order["key"].to_list()[4:10]


@pytest.mark.parametrize("where_from", [payloads, counts])
def test_what_a_click_outdates_is_sent_again(
    explorer: FakeBrowser, monkeypatch: pytest.MonkeyPatch, where_from: Any
) -> None:
    query, keys = where_from.selected, explorer.request(type="get_page", first=0, count=2)["page"]["keys"]

    def interrupted(*words: Any) -> Any:
        monkeypatch.undo()
        found = query(*words)
        explorer.ask({"type": "select", "action": "add", "keys": keys[:1]})
        deadline = time.monotonic() + 60
        while "selected" not in {one["type"] for one in explorer.messages} and time.monotonic() < deadline:
            time.sleep(0.01)
        return found

    monkeypatch.setattr(where_from, "selected", interrupted)
    explorer.request(type="connect")
    assert [one["selected"] for one in explorer.messages if one["type"] in ("selected", "counts")] == [1, 1]
    flags = [one["selected"][:2] for one in explorer.messages if one["type"] == "page"]
    assert flags == [[int(where_from is payloads), 0]], "a page that is sent after the click shows it"


def test_no_click_waits_for_the_workspace(picker: FakeBrowser) -> None:
    state, is_free = picker.widget._state, list[bool]()

    def looked_at() -> dict[str, Any]:
        def take() -> None:
            is_free.append(picker.widget._lock.acquire(timeout=5))
            picker.widget._lock.release()

        thread = threading.Thread(target=take)
        thread.start()
        thread.join()
        return dict(state())

    picker.widget._state = looked_at
    picker.request(type="connect")
    answers = picker.request(type="set_filter", filter={"status": ["expired"]})
    picker.request(type="set_masking", unmasked=True)
    assert is_free == [True] * 3
    assert answers["page"]["state"]["can_undo"] is False


def test_a_count_of_selected_rows_names_its_view(explorer: FakeBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = explorer.request(type="get_page", first=0, count=1)["page"]["keys"]

    def interrupted(*words: Any) -> tuple[int, int]:
        monkeypatch.undo()
        explorer.ask({"type": "set_filter", "filter": {"status": ["expired"]}})
        return selected(*words)

    monkeypatch.setattr("invitekit.widgets.counts.selected", interrupted)
    answers = explorer.request(type="select", action="add", keys=keys)
    assert answers["selected"]["version"] == answers["counts"]["version"] - 1
    assert answers["counts"]["selected"] == 1


def test_a_brush_gets_its_counts_first(explorer: FakeBrowser, newest: pl.DataFrame) -> None:
    explorer.request(type="set_filter", filter={"status": ["expired"]}, screen="one", request=3)
    assert [one["type"] for one in explorer.messages] == ["page", "counts", "customers"]
    brushed = {"status": ["expired"], "invited_from": "2026-02-01"}
    answers = explorer.request(type="set_filter", filter=brushed, screen="one", request=4)
    assert [one["type"] for one in explorer.messages] == ["counts", "page", "customers"]
    assert answers["counts"]["filter"] == answers["page"]["state"]["filter"] == brushed
    assert answers["counts"]["acked"] == {"one": 4}
    kept = where(newest, Filter.from_dict(brushed))
    assert (answers["counts"]["matched"], answers["counts"]["version"]) == (kept.height, answers["page"]["version"])
    answers = explorer.request(type="set_filter", filter={"status": ["expired"]}, screen="two", request=1)
    assert answers["page"]["state"]["acked"] == {"one": 4, "two": 1}
    answers = explorer.request(type="sort", by="account_name", descending=False)
    assert [one["type"] for one in explorer.messages] == ["page", "counts", "customers"], "another order is no brush"
    assert "days" not in answers["counts"], "and leaves the days as they are"
    answers = explorer.request(type="set_filter", filter={**brushed, "text": "gmbh"})
    assert [one["type"] for one in explorer.messages] == ["page", "counts", "customers"]
    assert "days" in answers["counts"]
    explorer.request(type="set_filter", filter={"text": "gmbh"})
    answers = explorer.request(type="set_filter", filter={"text": "gmbh", "invited_to": "2026-02-01"})
    assert [one["type"] for one in explorer.messages] == ["page", "counts", "customers"], "a text's page comes first"
    assert "days" not in answers["counts"]


def at_the_first_counts(explorer: FakeBrowser, act: Callable[[], Any]) -> None:
    """Act once, when the counts of a filter are sent."""
    acted: list[Any] = []

    def send(content: dict[str, Any], buffers: Any = None) -> None:
        explorer.receive(content, buffers)
        if content["type"] == "counts" and not acted:
            acted.append("once")
            act()

    explorer.widget.send = send


def test_days_are_sent_again_to_a_screen_that_may_lack_them(explorer: FakeBrowser) -> None:
    explorer.request(type="set_filter", filter={"status": ["expired"]})
    at_the_first_counts(explorer, lambda: explorer.ask({"type": "connect"}))  # another view
    explorer.request(type="set_filter", filter={"status": ["expired"], "invited_from": "2026-02-01"})
    assert ["days" in one for one in explorer.messages if one["type"] == "counts"] == [False, True]
    explorer.request(type="set_filter", filter={})
    # A newer view, while the days of this filter are sent: the screen may drop them.
    brushed = Filter(status="expired", invited_from=dt.date(2026, 2, 1))
    at_the_first_counts(explorer, lambda: setattr(explorer.widget, "filter", brushed))
    explorer.request(type="set_filter", filter={"status": ["expired"]})
    assert ["days" in one for one in explorer.messages if one["type"] == "counts"] == [True, True]


def test_the_sums_of_all_days_are_sent_before_a_brush(explorer: FakeBrowser, newest: pl.DataFrame) -> None:
    explorer.request(type="set_filter", filter={"status": ["expired"], "invited_from": "2026-02-01"})
    answers = explorer.request(type="get_crossfilter")
    assert answers.keys() == {"crossfilter"}
    assert answers["crossfilter"]["filter"] == {"status": ["expired"]}
    assert answers["crossfilter"]["matched"] == where(newest, Filter(status="expired")).height
    (sums,), facets = answers["crossfilter"]["buffers"], answers["crossfilter"]["facets"]
    assert len(sums) == 4 * (1 + sum(len(one["values"]) for one in facets)) * len(answers["crossfilter"]["days"])
    explorer.widget._store.total = None
    assert explorer.request(type="get_crossfilter") == {}, "nothing is counted yet"


def test_sums_of_replaced_rows_are_not_sent(explorer: FakeBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
    added = crossfilter.payload

    def answers(*given: Any) -> Any:
        explorer.widget._cache = QueryCache(explorer.widget._store)  # as where a plan is made anew meanwhile
        return added(*given)

    monkeypatch.setattr(crossfilter, "payload", answers)
    assert explorer.request(type="get_crossfilter") == {}


def test_days_belong_to_the_filter_even_if_it_was_brushed_before(explorer: FakeBrowser, newest: pl.DataFrame) -> None:
    status = {"status": ["expired"]}
    explorer.messages.clear()
    for filter_ in (status, {**status, "invited_from": "2026-02-01"}):
        explorer.ask({"type": "set_filter", "filter": filter_})
    assert explorer.widget.wait(60)
    *_, days = [one["days"] for one in explorer.messages if one["type"] == "counts" and "days" in one]
    assert sum(n for _, n, *_ in days) == _dated(newest, Filter.from_dict(status))
    answers = explorer.request(type="set_filter", filter={**status, "invited_from": "2026-02-02"})
    assert "days" not in answers["counts"]
    explorer.ask({"type": "connect"})  # another view, which knows none yet
    assert "days" in explorer.request(type="set_filter", filter={**status, "invited_from": "2026-02-03"})["counts"]


def test_properties_change_the_screen_and_clicks_change_properties(explorer: FakeBrowser) -> None:
    widget = explorer.widget
    widget.value = {"status": ["expired"], "invited_from": "2026-02-01"}
    assert widget.filter == Filter(status="expired", invited_from=dt.date(2026, 2, 1))
    assert widget.wait(60)
    assert [one["state"]["filter"] for one in explorer.messages if one["type"] == "page"] == [widget.value]
    seen: list[Any] = []
    widget.observe(lambda change: seen.append(change["new"]), "value")
    explorer.request(type="set_filter", filter={"method": ["link"]})
    assert seen == [{"method": ["link"]}]
    assert widget.data().height == widget.count


FILTERED = {"status": ["expired"], "invited_from": "2026-02-01", "text": "o'connor \\"}
AGAIN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"type": "set_filter", "filter": FILTERED}, {}),
    ({"type": "sort", "by": "account_name", "descending": True},
     {"language": "zh", "as_of": dt.datetime(2026, 3, 30, 12, tzinfo=dt.timezone(dt.timedelta(hours=8)))}),
    ({"type": "set_columns", "columns": ["account_name", "email"]}, {"as_of": DAY, "columns": ["email"]}),
    ({"type": "set_every_row", "every_row": True}, {"catalogue": ik.read_catalogue()}),
    ({"type": "set_filter", "filter": FILTERED}, {"every_row": True}),
]  # fmt: skip


@pytest.mark.parametrize(("change", "how"), AGAIN)
def test_the_code_of_an_explorer_recreates_it(newest: pl.DataFrame, change: Any, how: Any) -> None:
    scope: dict[str, Any] = {"weekly": newest.head(20), "known": how.get("catalogue")}
    shown = scope["shown"] = ik.Explorer(scope["weekly"], **how)
    browser = _connected(shown)
    before = browser.request(**change)["page"] if change else {}
    exec("code = shown.to_code()", scope)
    scope["shown"] = None
    exec(scope["code"], scope)
    again = scope["shown"]
    other = _connected(again)
    states = [{name: value for name, value in one._state().items() if name != "acked"} for one in (again, shown)]
    assert states[0] == states[1], scope["code"]
    assert again.df.equals(shown.df)
    assert (again._language, again._options) == (shown._language, shown._options)
    assert not before or before["keys"] == other.request(type="connect")["page"]["keys"]


def test_records_without_a_name_have_no_code(newest: pl.DataFrame) -> None:
    unnamed = ik.Explorer(newest.head(1))
    with pytest.raises(ArgumentError, match="No variable holds the records"):
        unnamed.to_code()


def test_an_invalid_message_is_an_error_and_changes_nothing(explorer: FakeBrowser) -> None:
    messages: list[dict[str, Any]] = [
        {"type": "set_filter", "filter": {"nothing": 1}}, {"type": "dance"}, {"type": "get_page"},
        {"type": "get_details", "key": "1"}, {},
    ]  # fmt: skip
    for message in (*messages, {"type": "set_filter", "filter": {"status": ["a secret name"]}}):
        assert set(explorer.request(**message)) == {"error"}, message
        assert explorer.widget.filter == Filter()
        assert explorer.request(type="get_page", first=0, count=10)["page"]["keys"] == list(range(10))


@pytest.mark.parametrize("widget", [ik.Explorer, ik.ResendPicker])
def test_an_empty_frame_is_shown_as_empty(newest: pl.DataFrame, widget: Any) -> None:
    answers = _connected(widget(newest.clear(), as_of=DAY)).request(type="connect")
    assert (answers["counts"]["matched"], answers["page"]["keys"], answers["counts"].get("days", [])) == (0, [], [])


def test_records_without_a_cause_are_annotated_first() -> None:
    loaded = ik.load(min(DATA.glob("*.csv")))
    widget = ik.Explorer(loaded.records, as_of=DAY)
    assert "effective_status" in widget.df.columns
    widget.every_row = True
    assert widget.count == loaded.summary.records


def test_every_engine_and_a_relation_of_a_temporary_table_are_accepted(newest: pl.DataFrame) -> None:
    con = duckdb.connect()
    con.register("given", newest.head(50))
    con.execute("create temp table held as from given").fetchall()
    arrow = newest.head(50).to_arrow()
    for frame in (newest.head(50), newest.head(50).lazy(), arrow, arrow.to_reader(), con.table("held")):
        assert ik.Explorer(frame).count == 50


def test_a_view_is_saved_for_its_owner_and_opened_again(explorer: FakeBrowser, tmp_path: Path) -> None:
    explorer.request(type="set_filter", filter={"text": "gmbh", "status": ["expired"]})
    explorer.request(type="sort", by="account_name", descending=True)
    explorer.request(type="set_columns", columns=["account_name", "email"])
    keys = explorer.request(type="get_page", first=0, count=20)["page"]["keys"]
    assert explorer.request(type="save_view", name="mine")["state"]["views"] == ["mine"]
    assert (tmp_path / "views.json").stat().st_mode & 0o777 == 0o600
    explorer.request(type="set_filter", filter={})
    answers = explorer.request(type="open_view", name="mine")
    assert answers["page"]["keys"][:20] == keys
    assert answers["state"]["column_order"] == ["account_name", "email"]
    assert "no saved view" in explorer.request(type="open_view", name="other")["error"]["problem"]
    assert "is empty" in explorer.request(type="save_view", name=" ")["error"]["problem"]
    assert Grid(ROWS, views=tmp_path / "views.json")._state()["views"] == [], "they are another screen's"
    (tmp_path / "views.json").write_text("[]")
    assert "holds no saved views" in explorer.request(type="save_view", name="x")["error"]["problem"]


def test_a_view_of_the_picker_keeps_its_layout(newest: pl.DataFrame, tmp_path: Path) -> None:
    browser = _connected(ik.ResendPicker(newest.head(20), as_of=DAY, views=tmp_path / "views.json"))
    browser.request(type="set_layout", two_lines=False, grouped=False)
    browser.request(type="set_filter", filter={"decision": ["associated"]})
    browser.request(type="save_view", name="plain")
    browser.request(type="set_layout", two_lines=True, grouped=True)
    state = browser.request(type="open_view", name="plain")["page"]["state"]
    assert (state["two_lines"], state["grouped"], state["filter"]) == (False, False, {"decision": ["associated"]})
    browser.widget.stop()


# ---- invitations and customers, not rows of files


def test_the_switch_for_every_row_is_saved(history: pl.DataFrame, newest: pl.DataFrame, tmp_path: Path) -> None:
    browser = FakeBrowser(ik.Explorer(history, every_row=True, views=tmp_path / "views.json"))
    assert browser.request(type="connect")["counts"]["total"] == browser.widget.count == history.height
    assert browser.widget.df.equals(history)
    assert browser.widget.data().height == history.height
    browser.request(type="save_view", name="all")
    answers = browser.request(type="set_every_row", every_row=False)
    assert answers["page"]["state"]["every_row"] is browser.widget.every_row is False
    assert browser.widget.df.equals(newest)
    assert browser.widget.data().height == newest.height
    assert browser.request(type="open_view", name="all")["page"]["state"]["every_row"] is True


def test_a_selection_keeps_the_rows_that_were_shown_when_it_was_made(explorer: FakeBrowser) -> None:
    explorer.request(type="set_filter", filter={"status": ["association_failed"]})
    assert explorer.request(type="select", action="add_all")["selected"]["selected"] == 263
    assert explorer.request(type="set_every_row", every_row=True)["counts"]["selected"] == 263
    assert explorer.request(type="select", action="add_all")["selected"]["selected"] == 884
    assert explorer.widget.selected.height == 884
    counts = explorer.request(type="set_every_row", every_row=False)["counts"]
    assert (counts["selected"], counts["hidden"]) == (884, 884 - 263)
    explorer.widget.selection = explorer.widget.selection.remove_all(explorer.widget.filter)
    assert explorer.request(type="connect")["counts"]["selected"] == 884 - 263


def test_the_history_of_a_customer_is_grouped_by_invitation(explorer: FakeBrowser, newest: pl.DataFrame) -> None:
    place = newest["attempt_no"].to_list().index(4)
    sent = newest.filter(customer_id=newest["customer_id"][place]).sort("attempt_no", descending=True)
    answers = explorer.request(type="get_details", key=place)["details"]["details"]["invitations"]
    assert [one["attempt"] for one in answers] == sent["attempt_no"].to_list() == [4, 3, 2, 1]
    assert [one["sent_at"] for one in answers] == [f"{at:%Y-%m-%d %H:%M}" for at in sent["invitation_sent_at"]]
    days = [(one["states"][-1][0], one["states"][0][1]) for one in answers]
    seen = [(f"{a:%Y-%m-%d}", f"{b:%Y-%m-%d}") for a, b in sent.select("first_seen_at", "last_seen_at").iter_rows()]
    assert days == seen


def _screen(rows: list[dict[str, str | None]]) -> FakeBrowser:
    return _connected(ik.Explorer(ik.load(pl.DataFrame(rows)).records, as_of=DAY))


def test_details_show_no_code_of_the_plan() -> None:
    rows = pl.DataFrame({"Account": ["acme"], "Invitation Method": ["Email"], "Invitation Time": ["2026-03-05"],
                         "Status": ["Expired"]})  # fmt: skip
    browser = _connected(ik.ResendPicker(ik.load(rows).records, as_of=DAY, language="zh"))
    details = browser.request(type="get_details", key=0)["details"]["details"]
    fields = {field["name"]: field["text"] for field in details["fields"]}
    assert (fields["reason"], fields["chance_from"]) == ("邀请已失效。", "此前的重发太少")
    assert "reason_code" not in fields, "it is in words above"
    assert details["codes"]["reason_code"] == "expired"


def test_details_show_the_stated_and_the_effective_status() -> None:
    said = ("2026-03-09", "Invited"), ("2026-03-16", "Invited"), ("2026-03-23", "Expired")
    sent = {"Account": "acme", "Invitation Method": "Email", "Invitation Time": "2026-03-05 10:07"}
    rows: list[dict[str, str | None]] = [{**sent, "Status": status, "Snapshot Time": day} for day, status in said[:2]]
    (one,) = _screen(rows).request(type="get_details", key=0)["details"]["details"]["invitations"]
    assert one["state"] == "Expired", "by its date"
    assert one["states"] == [["2026-03-09", "2026-03-16", "Invited", None]]
    rows.append({**sent, "Status": said[2][1], "Snapshot Time": said[2][0]})
    (one,) = _screen(rows).request(type="get_details", key=0)["details"]["details"]["invitations"]
    states = [["2026-03-23", "2026-03-23", "Expired"], ["2026-03-09", "2026-03-16", "Invited"]]
    assert [state[:3] for state in one["states"]] == states


def test_masked_and_not_yet_invited_customers_are_counted_in_words() -> None:
    masked = {"Account": "T***m", "Status": "Expired", "Invitation Time": "2026-03-02 10:07"}
    waiting = {"Account": "acme", "Status": "Pre-registered", "Invitation Time": None}
    rows = [{**one, "Snapshot Time": day} for day in ("2026-03-09", "2026-03-16") for one in (masked, masked, waiting)]
    browser = _screen(rows)
    answers = browser.request(type="connect")
    assert answers["state"]["facts"] == {"rows": 6, "not_sent": 1, "masked": 2, "masked_before": 2}
    assert (answers["counts"]["total"], answers["customers"]["customers"]) == (3, 3)
    by_status = dict(zip(answers["page"]["codes"]["effective_status"], answers["page"]["keys"], strict=True))
    (own,) = browser.request(type="get_details", key=by_status["expired"])["details"]["details"]["invitations"]
    assert own["states"][0][:2] == ["2026-03-16", "2026-03-16"], "nobody knows which of the earlier rows is the same"
    (waits,) = browser.request(type="get_details", key=by_status["pre_registered"])["details"]["details"]["invitations"]
    assert (waits["attempt"], waits["sent_at"]) == (0, None)
    answers = browser.request(type="set_every_row", every_row=True)
    assert (answers["counts"]["total"], answers["customers"]["customers"]) == (6, 3)


def test_large_tables_use_duckdb_with_the_same_results(history: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    records = history.select(column.name for column in schema.RECORD)
    asked: list[list[Any]] = []
    for fits in (True, False):
        monkeypatch.setattr("invitekit.widgets.store.rows_fit", lambda _rows, fits=fits: fits)
        shown = ik.Explorer(records, as_of=DAY).df.sort("record_id", "source_file")
        answers = _connected(ik.ResendPicker(records, as_of=DAY)).request(type="connect")
        asked.append([shown, answers["state"]["tabs"], answers["page"]["cells"]])
    assert asked[0][0].equals(asked[1][0])
    assert asked[0][1:] == asked[1][1:]


def test_rows_are_shown_while_their_plan_is_computed(newest: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at, planner = threading.Event(), planning.planner

    def delayed(*args: Any, **how: Any) -> Any:
        derive = planner(*args, **how)
        return lambda rows, con: derive(rows, con) if looked_at.wait(60) else None

    monkeypatch.setattr(planning, "planner", delayed)
    browser = FakeBrowser(ik.ResendPicker(newest.head(50), as_of=DAY))
    browser.ask({"type": "connect"})
    end = time.monotonic() + 60
    while not (shown := [one for one in browser.messages if one["type"] == "preview"]) and time.monotonic() < end:
        time.sleep(0.02)
    with pytest.raises(ArgumentError, match="plan is being made"):
        browser.widget.show_only([], "appeared")
    # A screen that was open before may still ask about its rows.
    for message in ({"type": "get_details", "key": 0}, {"type": "set_only_selected", "on": True}):
        browser.ask(message)
    looked_at.set()
    assert shown[0]["cells"]["account_name"] == newest["account_name"].head(50).to_list()
    assert set(shown[0]["keys"]) == {None}, "nothing can be selected yet"
    assert browser.widget.wait(60)
    assert [one for one in browser.messages if one["type"] == "error"] == []
    assert browser.widget.count == len(browser.request(type="connect")["page"]["keys"]) > 0
    browser.widget.stop()


def test_rows_are_previewed_by_their_source_columns(newest: pl.DataFrame) -> None:
    store = Store(newest.select("account_name", "status"), lambda some, _: some.project("status, account_name"))
    with store.cursor() as con:
        store.kinds = {"status": "VARCHAR", "account_name": "VARCHAR", "decision": "VARCHAR"}  # as while it is stored
        answers = payloads.preview(store, con, ["account_name", "decision"], count=3)
    assert answers["cells"] == {"account_name": newest["account_name"].head(3).to_list()}


def test_the_steps_of_a_plan_are_reported_while_it_is_computed(newest: pl.DataFrame) -> None:
    browser = _connected(ik.ResendPicker(newest.head(20), as_of=DAY))
    browser.widget.rules = ik.ResendRules(cool_down_days=3)
    assert browser.widget.wait(60)
    steps = [(one["step"], one["number"], one["steps"]) for one in browser.messages if one["type"] == "progress"]
    assert steps == [("annotate", 1, 4), ("resolve", 2, 4), ("plan", 3, 4), ("store", 4, 4)]
    for language in ("en", "zh"):
        assert {f"step_{name}" for name, *_ in steps} <= set(payloads.words(language))


def test_a_deleted_store_leaves_no_database_and_no_folder(newest: pl.DataFrame) -> None:
    con = duckdb.connect()
    con.register("given", newest)
    con.execute("create table held as from given").fetchall()
    store = Store(con.table("held"))
    with store.cursor() as cursor:
        store.build(cursor)
    names = "select database_name, path from duckdb_databases() where database_name like 'ik_screen%'"
    (path,) = (path for _, path in con.execute(names).fetchall() if path)  # the other one lies in memory
    store.close()
    assert con.execute(names).fetchall() == []
    assert not Path(path).parent.exists()


def test_a_relation_without_a_known_connection_is_copied(newest: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc, "get_referents", lambda _relation: [])
    with duckdb.connect() as con:
        con.register("given", newest)
        store = Store(con.sql("from given"))
    with store.cursor() as cursor:  # the user's connection is closed, and not needed
        assert store.preview(cursor, 1) == (newest.columns, [newest.row(0)])
        store.build(cursor)
    assert store.total == len(newest)


def test_a_column_with_a_name_of_the_screen_is_refused(newest: pl.DataFrame) -> None:
    with pytest.raises(ArgumentError, match="ik_key"):
        ik.Explorer(newest.with_columns(ik_key=1))


# ---- personal data


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("email", "anna.secret@acme.example", "•••@acme.example"), ("email", "no address", "•••"),
        ("mobile", "13800138000", "•••"), ("remarks", "手机13800001234张三", "手机•••张三"),
        ("remarks", "mobile_13800001234, a＠x.example", "mobile_•••, •••@x.example"), ("an extra", 13800001234, "•••"),
        ("record_id", "k7d466484eb9c7cb77e49a4f938175b32", "k7d466484eb9c7cb77e49a4f938175b32"),
        ("remarks", "call +86 138 0013 8000, or a.b@x.example!", "call •••, or •••@x.example!"),
        ("remarks", "手机：１３８００１３８０００", "手机：•••"), ("remarks", "＋86–138–0013–8000", "•••"),
        ("remarks", "Tel.13800138000, 0170/1234567", "Tel.•••, •••"), ("remarks", "+49 (0) 170 1234567", "•••"),
        ("custom_tag", "anna@acme.example", "•••@acme.example"), ("an extra", "0170-1234567", "•••"),
        ("remarks", "offer 2026-03, 1,250.00 EUR, v2.3", "offer 2026-03, 1,250.00 EUR, v2.3"),
        ("invited_at", dt.datetime(2026, 3, 30, 8, 5), "2026-03-30 08:05"), ("effective_status", "expired", "Expired"),
        ("attempts", 3, "3"), ("chance", 0.256, "26%"), ("email", None, None),
    ],
)  # fmt: skip
def test_numbers_and_addresses_are_hidden_in_every_column(name: str, value: Any, expected: str | None) -> None:
    assert display.shown(name, value) == expected
    if isinstance(value, str):
        assert display.shown(name, value, unmasked=True) in (value, expected)


def test_a_country_is_shown_in_the_language_of_the_screen() -> None:
    assert [display.shown("country", "China", language=language) for language in ("en", "zh")] == ["China", "中国"]
    assert display.shown("country", "Atlantis", language="zh") == "Atlantis"


def test_pages_contain_numbers_and_addresses_only_after_the_eye_is_clicked(newest: pl.DataFrame) -> None:
    emails = set(newest["email"].drop_nulls())
    browser = FakeBrowser(ik.Explorer(newest, columns=["email", "mobile"]))
    assert not emails & set(browser.request(type="connect")["page"]["cells"]["email"])
    assert not emails & {f["text"] for f in browser.request(type="get_details", key=0)["details"]["details"]["fields"]}
    assert emails & set(browser.request(type="set_masking", unmasked=True)["page"]["cells"]["email"])
    assert not emails & set(browser.request(type="set_masking", unmasked=False)["page"]["cells"]["email"])


def _saved(records: pl.DataFrame) -> str:
    explorer = ik.Explorer(records)
    assert explorer.wait(60)
    return explorer.saved_html()


def test_a_saved_notebook_contains_no_record_and_no_filter(newest: pl.DataFrame) -> None:
    email, manager = newest["email"].drop_nulls()[0], newest["account_manager"].drop_nulls()[0]
    widget = ik.Explorer(newest, value={"text": email, "manager": [manager]})
    widget.wait()
    saved = json.dumps(widget.get_state(), default=str) + json.dumps(widget._repr_mimebundle_(), default=str)
    saved += widget.saved_html()
    table = _saved(newest)
    assert table.count("<tr>") == 11
    names = {name for column in ("customer_full_name", "account_name", "email", "mobile", "account_manager")
             for name in newest[column].drop_nulls() if name in table}  # fmt: skip
    assert not names
    assert email not in saved
    assert manager not in saved
    assert "Explorer: 705 invitations" in saved


def test_a_cell_does_not_wait_for_its_saved_table(newest: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    begin, build = threading.Event(), Store.build
    shown, changed = list[dict[str, str]](), list[dict[str, str]]()

    def display(bundle: dict[str, str], **_how: Any) -> SimpleNamespace:
        shown.append(bundle)
        return SimpleNamespace(update=lambda bundle, **_how: changed.append(bundle))

    def build_later(store: Store, con: duckdb.DuckDBPyConnection) -> None:
        assert begin.wait(60)
        build(store, con)

    monkeypatch.setattr("IPython.display.display", display)
    monkeypatch.setattr(Store, "build", build_later)
    explorer = ik.Explorer(newest)
    explorer._ipython_display_()
    assert ["<table>" in bundle["text/html"] for bundle in (*shown[1:], *changed)] == [False]
    begin.set()
    assert explorer.wait(60)
    assert ["<table>" in bundle["text/html"] for bundle in changed] == [True]


def test_a_saved_notebook_hides_a_name_where_a_code_should_be(newest: pl.DataFrame) -> None:
    codes = ("effective_status", "failure_code", "invitation_method")
    table = _saved(newest.head(3).with_columns(pl.lit("Acme GmbH").alias(name) for name in codes))
    assert "Acme" not in table
    assert table.count("<td>•••</td>") == 3 * 5
    plain = _saved(newest.filter(effective_status="association_failed").head(3))
    assert plain.count("<td>Association failed</td>") == 3
    assert plain.count("<td>•••</td>") == 3 * 2, "the names"


def test_no_script_uses_the_network_or_turns_text_into_markup() -> None:
    read = [path.read_text("utf-8") for path in (Path(base.__file__).parent / "static").iterdir()]
    assert len(read) == 9
    for text in read:
        assert not [one for one in ("http://", "https://", "innerHTML", "insertAdjacentHTML", "eval(")
                    if one in text.replace("http://www.w3.org/2000/svg", "")]  # fmt: skip


# ---- a figure above the screen


def behind(figure: charts.Figure, screen: Any) -> list[tuple[str, int]]:
    """Click each bar and point of a figure; yield its tooltip and how many records the screen then shows."""
    clickable = ClickableFigure(figure, screen)
    named = re.findall(r'data-choice="(\d+)"[^>]*><title>([^<]*)</title>', clickable.figure)
    found = []
    for number, hover in named[:: max(len(named) // 8, 1)]:
        clickable._handle_custom_msg({"type": "open", "choice": int(number)}, [])
        assert screen.wait(60)
        with screen._store.cursor() as con:
            found.append((hover, matched(con, screen._cache, screen.filter)))
    clickable._handle_custom_msg({"type": "open", "choice": None}, [])
    return found


def test_a_click_on_a_bar_or_a_point_shows_as_many_records_as_it_counts(history: pl.DataFrame) -> None:
    explorer, found = ik.Explorer(history), ik.progress(history, as_of=DAY)
    assert explorer.wait(60)
    look = charts.Look(Filter(country=["Germany", "China", "Spain"]))
    chosen = ik.progress(where(history, look.choice), as_of=DAY)
    figures = [charts.funnel(found.funnel), charts.pareto(found.pareto), charts.pareto(chosen.pareto, look),
               charts.trend(found.trends["cause"], "cause"), charts.trend(found.trend)]  # fmt: skip
    for figure in figures:
        bars = behind(figure, explorer)
        assert len(bars) > 5, figure
        # The number is at the start of a line, as in "51 of 226 = 23%" or "226".
        counted = [int(re.findall(r"(?m)^([\d,]+)(?: of|$| ·)", hover)[0].replace(",", "")) for hover, _ in bars]
        assert [n for _, n in bars] == counted, figure
        assert explorer.filter == figure.look.choice, "a second click shows all again"
    for hover, n in behind(charts.groups(found.by_method, "invitation_method"), explorer):
        assert n >= int(re.findall(r"(?m)^\d+ of (\d+)", hover)[0]), "those whose follow-up is not over are there too"


def test_the_to_do_figure_shows_the_customers_of_a_list(picker: FakeBrowser) -> None:
    with picker.widget._store.cursor() as con:
        sizes = picker.widget._summary(con).by_list
    figure = charts.to_do(sizes)
    assert [n for _, n in behind(figure, picker.widget)] == [n for n in sizes.values() if n]
    shown = picker.widget.under(figure)
    assert [type(child).__name__ for child in shown.children] == ["ClickableFigure", "ResendPicker"]


def test_every_text_is_in_both_languages_with_the_same_placeholders() -> None:
    english, chinese = payloads.words("en"), payloads.words("zh")
    assert english.keys() == chinese.keys()
    for name, text in english.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", chinese[name])), name


def test_a_chinese_screen_states_its_filter_and_its_errors_in_chinese(newest: pl.DataFrame) -> None:
    browser = _connected(ik.Explorer(newest.head(20), language="zh"))
    chosen_ = {"text": "云", "status": ["expired", "associated"], "manager": [None], "invited_to": "2026-02-01"}
    chips = browser.request(type="set_filter", filter=chosen_)["page"]["state"]["chips"]
    assert [one["name"] for one in chips] == ["text", "status", "manager", "invited_to"]
    assert not [one["words"] for one in chips if re.search("[A-Za-z]", one["words"])]
    answers = browser.request(type="select", version=-1, action="add_all")
    assert answers["error"]["problem"] == "这些行已发生变化。"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_chips_hide_a_number_until_the_eye_is_clicked_and_show_days(language: Language) -> None:
    choice = Filter(tag="手机13800138000", invited_from=dt.date(2026, 2, 1), invited_to=dt.date(2026, 2, 25))
    closed, opened = ([o["words"] for o in payloads.chips(choice, language, unmasked=bare)] for bare in (False, True))
    for words in (closed, opened):
        assert [text in words[n] for n, text in ((1, "2026-02-01"), (2, "2026-02-25"))] == [True, True]
    assert ("13800138000" in closed[0], "13800138000" in opened[0]) == (False, True)


# ---- the picker


@pytest.fixture
def picker(memory: Path, tmp_path: Path) -> FakeBrowser:
    workspace = ik.Workspace(memory)
    return _connected(ik.ResendPicker(workspace=workspace, as_of=DAY, folder=tmp_path / "batches"))


@pytest.mark.parametrize("use", [ik.latest, ik.plan_resends, ik.progress, ik.Explorer, ik.ExportPanel, ik.ResendPicker])
def test_records_of_a_closed_workspace_are_an_error_in_plain_words(use: Any) -> None:
    con = duckdb.connect()
    records = con.sql("select 'acme' as account_name, 'expired' as status")
    con.close()
    with pytest.raises(WorkspaceError, match="is closed"):
        use(records)


def test_a_screen_with_a_closed_connection_shows_an_error(newest: pl.DataFrame) -> None:
    with duckdb.connect() as con:
        browser = _connected(ik.Explorer(con.from_arrow(newest.to_arrow())))
    error = browser.request(type="set_filter", filter={"text": "a"})["error"]
    assert "is closed" in error["problem"]


def _plan(workspace: ik.Workspace, rules: ik.ResendRules | None = None) -> pl.DataFrame:
    planned: pl.DataFrame = workspace.plan(rules, as_of=DAY).pl()
    return planned


def test_rows_of_a_reason_are_together_by_rank_and_counted(picker: FakeBrowser) -> None:
    by_cause = pl.col("reason_code").is_in(["failed", "as_reseller"])
    group = pl.coalesce(pl.when(by_cause).then("failure_code"), "reason_code")
    plan = _plan(picker.widget.workspace).with_columns(group=group)
    ranked = plan.join(plan.group_by("group").agg(best=pl.col("rank").min()), on="group").sort("best", "rank")
    choices: list[dict[str, Any]] = [{}, {"text": "gmbh"}, {"method": ["link"], "manager": ["mgr.garcia"]}]
    for choice in choices:
        asked = Filter.from_dict({"decision": ["resend_now", "resend_as_reseller"], **choice})
        picker.request(type="set_layout", two_lines=True, grouped=True)
        picker.request(type="sort", by=None, descending=False)
        _check_groups(picker, asked, where(ranked, asked))


def _check_groups(picker: FakeBrowser, asked: Filter, rows: pl.DataFrame) -> None:
    """Check the order of the rows shown and the places and sizes of their groups."""
    picker.request(type="set_filter", filter=asked.to_dict(), screen="a", request=1)
    answers = picker.request(type="connect")
    assert answers["page"]["cells"]["account_name"] == rows["account_name"].to_list()[:100]
    sizes = rows.group_by("group", maintain_order=True).len()["len"].to_list()
    assert [n for _, n in answers["counts"]["groups"]] == sizes
    places = [place for place, n in answers["counts"]["groups"] for _ in range(n)]
    assert answers["page"]["groups"] == places[:100]
    answers = picker.request(type="sort", by="account_name", descending=True)
    by_name = rows.sort("best", "account_name", descending=[False, True])
    assert answers["page"]["cells"]["account_name"] == by_name["account_name"].to_list()[:100]
    answers = picker.request(type="set_layout", two_lines=True, grouped=False)
    by_name = rows.sort("account_name", descending=True)
    assert answers["page"]["cells"]["account_name"] == by_name["account_name"].to_list()[:100]
    assert "groups" not in answers["page"]


def test_the_only_selected_filter_keeps_the_rows_of_its_request(picker: FakeBrowser) -> None:
    first, second, third = picker.request(type="connect")["page"]["keys"][:3]
    picker.request(type="set_filter", filter={"text": "gmbh"}, screen="a", request=1)
    picker.request(type="select", action="add", keys=[first, second, third], version=picker.widget._version)
    answers = picker.request(type="set_only_selected", on=True)
    assert answers["page"]["keys"] == [first, second, third]
    assert (answers["counts"]["matched"], answers["counts"]["total"], answers["counts"]["selectable"]) == (3, 3, 3)
    assert sum(n for _, n in answers["counts"]["groups"]) == 3
    answers = picker.request(type="select", action="remove", keys=[second], version=picker.widget._version)
    assert [answers["selected"][name] for name in ("selected", "hidden", "batches")] == [2, 0, 1]
    answers = picker.request(type="get_page", first=0, count=100)
    assert (answers["page"]["keys"], answers["page"]["selected"]) == ([first, second, third], [1, 0, 1])
    picker.widget.rules = ik.ResendRules(batch_size=7)  # plans again
    assert picker.widget.wait(60)
    answers = picker.request(type="connect")
    assert (answers["state"]["only"], answers["counts"]["total"], answers["counts"]["selected"]) == ("selected", 3, 2)
    answers = picker.request(type="set_only_selected", on=False)
    assert answers["counts"]["matched"] == picker.widget.count


def test_a_search_finds_any_value_of_a_facet_with_its_count() -> None:
    managers = [f"manager {number:03}" for number in range(150)]
    rows = {"Account": [f"a{n}" for n in range(300)], "Account Manager": managers * 2, "Status": ["Expired"] * 300}
    explorer = _connected(ik.Explorer(ik.load(pl.DataFrame(rows)).records))
    (facet,) = [each for each in explorer.request(type="connect")["counts"]["facets"] if each["name"] == "manager"]
    assert (facet["full"], len(facet["values"])) == (True, 100)
    answers = explorer.request(type="search_facet", name="manager", text="MANAGER 149")
    assert answers["facet_values"]["values"] == [["manager 149", "manager 149", 2]]
    explorer.request(type="set_filter", filter={"text": "a149"}, screen="a", request=1)
    answers = explorer.request(type="search_facet", name="manager", text="149")
    assert answers["facet_values"]["values"] == [["manager 149", "manager 149", 1]]


def test_searched_and_listed_values_are_the_same(picker: FakeBrowser) -> None:
    facets = picker.request(type="connect")["counts"]["facets"]
    assert {"cause", "batch"} < {facet["name"] for facet in facets}
    for facet in facets:
        answers = picker.request(type="search_facet", name=facet["name"], text="")
        assert answers["facet_values"]["values"] == facet["values"]


def test_a_cell_may_use_the_workspace_while_the_screen_does(picker: FakeBrowser) -> None:
    with busy(picker.widget.workspace):
        picker.request(type="select", action="add_all")
        digest = picker.request(type="confirm")["confirmation"]["digest"]
        ids = picker.request(type="write_batches", digest=digest)["batches_written"]["batch_ids"]
        sent = picker.request(type="mark_sent", batch_id=ids[0], user="anna", day="2026-03-28", left_out=[])
        assert "error" not in sent
        assert "error" not in picker.request(type="get_outcomes")
        assert len(picker.request(type="connect")["state"]["unsent_batches"]) == len(ids) - 1
    assert picker.widget.workspace.counts()["batches"] == 1


def test_closing_a_workspace_waits_for_running_threads(memory: Path) -> None:
    workspace = ik.Workspace(memory)
    work = contextlib.ExitStack()
    work.enter_context(busy(workspace.cursor()))
    threading.Timer(0.3, work.close).start()
    workspace.close()
    with pytest.raises(WorkspaceError, match="is closed"):
        workspace.counts()


def test_closing_the_workspace_waits_for_the_screen_and_releases_the_file(picker: FakeBrowser) -> None:
    workspace = picker.widget.workspace
    picker.widget.rules = ik.ResendRules(batch_size=7)  # plans anew, on a thread
    workspace.close()
    command = [sys.executable, "-c", "import sys, invitekit as ik; ik.Workspace(sys.argv[1]).close()", workspace.path]
    assert subprocess.run(command, check=False, timeout=60).returncode == 0
    assert "error" in picker.request(type="get_outcomes")


def test_only_customers_to_invite_again_can_be_selected(picker: FakeBrowser) -> None:
    answers = picker.request(type="set_filter", filter={})
    answers["page"] = picker.request(type="get_page", first=0, count=400)["page"]
    assert set(answers["page"]["selectable"]) == {0, 1}
    blocked = [key for key, can in zip(answers["page"]["keys"], answers["page"]["selectable"], strict=True) if not can]
    assert picker.request(type="select", action="add", keys=blocked)["selected"]["selected"] == 0
    assert picker.request(type="select", action="add_all")["selected"]["selected"] == picker.widget.count
    assert answers["counts"]["selectable"] == picker.widget.count < answers["counts"]["matched"]


@pytest.mark.slow
def test_the_confirmed_batch_is_written_once_despite_later_clicks(picker: FakeBrowser) -> None:
    page = picker.request(type="connect")["page"]
    assert "Confirm again" in picker.request(type="write_batches", digest="0" * 64)["error"]["hint"]
    picker.request(type="select", action="add_all")
    chosen = picker.request(type="select", action="remove", keys=page["keys"][:2])["selected"]
    confirmed = picker.request(type="confirm")["confirmation"]
    count = picker.widget.count - 2
    assert confirmed["count"] == count == sum(n for _, n in confirmed["groups"][0][1])
    assert chosen["batches"] == confirmed["batches"] > 1
    assert confirmed["left_out"][0][1:] == [1, True] or sum(n for _, n, can in confirmed["left_out"] if can) == 2
    picker.request(type="select", action="clear")
    picker.request(type="set_filter", filter={"text": "nobody at all"})
    assert "error" in picker.request(type="write_batches", digest="0" * 64), "another one was confirmed"
    written = picker.request(type="write_batches", digest=confirmed["digest"])["batches_written"]
    assert "error" in picker.request(type="write_batches", digest=confirmed["digest"])
    assert picker.request(type="confirm")["confirmation"]["count"] == 0
    assert written["customers"] == count
    folder = Path(written["folder"])
    rows = pl.concat([pl.read_csv(path, infer_schema=False) for path in sorted(folder.glob("batch_*.csv"))])
    assert rows["Rank"].cast(int).to_list() == list(range(1, count + 1))
    assert len(list(folder.glob("batch_*.csv"))) == confirmed["batches"]
    assert not set(page["cells"]["account_name"][:2]) & set(rows["Account Name"])
    assert folder.stat().st_mode & 0o777 == 0o700
    assert picker.widget.workspace.batches().aggregate("sum(customers)").fetchall() == [(count,)]


def test_a_confirmation_names_each_customer_as_the_list_does(tmp_path: Path) -> None:
    cells = {"Account": ["acme", "b***a"], "Customer Name": ["ACME Ltd.", None], "Customer ID": ["id-7", "id-8"]}
    full = {"Customer Full Name": [None, "Beta GmbH"], "Status": ["Expired"] * 2}
    records = ik.load(pl.DataFrame(cells | full))
    picker = ik.ResendPicker(records, ik.ResendRules(cool_down_days=0), as_of=DAY, folder=tmp_path)
    assert picker.wait()
    browser = FakeBrowser(picker)
    browser.request(type="select", action="add_all")
    confirmed = browser.request(type="confirm")["confirmation"]
    assert confirmed["labels"][:2] == ["Customer", "Account Name"]
    assert sorted(row[:2] for row in confirmed["rows"]) == [["ACME Ltd.", "acme"], ["Beta GmbH", "b***a · id-8"]]


@pytest.mark.slow
def test_rules_show_their_effect_before_they_apply_and_keep_the_selection(picker: FakeBrowser) -> None:
    rules = ik.ResendRules(cool_down_days=30, max_attempts=2, batch_size=20)
    picker.request(type="select", action="add_all")
    before = picker.widget.count
    asked = {"cool_down_days": 30, "max_attempts": 2, "batch_size": 20, "link_life_days": None}
    effect = picker.request(type="preview_rules", rules=asked)["rules_effect"]
    assert picker.widget.rules == ik.ResendRules()
    assert picker.widget.count == before
    expected = _plan(picker.widget.workspace, rules)
    after = sum(m for label, _, m in effect["rows"] if label.startswith("Invite"))
    assert after == expected.filter(pl.col("decision").str.starts_with("resend")).height < before
    answers = picker.request(type="apply_rules")
    assert picker.widget.rules == rules
    assert answers["counts"]["selected"] == answers["counts"]["selectable"] == after
    seen, (key, *_) = answers["page"]["version"] - 1, answers["page"]["keys"]
    picker.request(type="select", action="clear")
    for act in ("add", "remove"):  # a tick on its way while the plan was made anew: its key is another record's by now
        assert "changed" in picker.request(type="select", version=seen, action=act, keys=[key])["error"]["problem"]
    assert not picker.widget.selection
    picker.request(type="select", version=answers["page"]["version"], action="add", keys=[key])
    assert picker.widget.selection
    assert "whole number" in picker.request(type="preview_rules", rules=asked | {"batch_size": -1})["error"]["hint"]


@pytest.mark.slow
def test_a_sent_batch_counts_in_the_plan_and_a_discarded_one_does_not(picker: FakeBrowser) -> None:
    picker.request(type="select", action="add_all")
    digest = picker.request(type="confirm")["confirmation"]["digest"]
    ids = picker.request(type="write_batches", digest=digest)["batches_written"]["batch_ids"]
    assert [one["batch_id"] for one in picker.request(type="connect")["state"]["unsent_batches"]] == ids
    before = picker.widget.count
    answers = picker.request(type="mark_sent", batch_id=ids[0], user="anna", day="2026-03-28", left_out=[])
    assert "error" not in answers
    assert all(one["off_list"] == 0 for one in answers["state"]["unsent_batches"])
    sent, day = picker.widget.workspace.resends().aggregate("count(*), any_value(sent_at)::date").fetchall()[0]
    assert (picker.widget.count, day) == (before - sent, dt.date(2026, 3, 28))
    answers = picker.request(type="discard_batch", batch_id=ids[-1])
    assert ids[-1] not in [one["batch_id"] for one in answers["state"]["unsent_batches"]]
    outcomes = picker.request(type="get_outcomes")["outcomes"]
    assert sum(row[outcomes["names"].index("resent")] for row in outcomes["rows"]) == sent
    answers = picker.request(type="unmark_sent", batch_id=ids[0])
    assert (picker.widget.count, answers["state"]["sent_batches"]) == (before, [])
    batch = picker.request(type="get_batch", batch_id=ids[0])["batch_customers"]
    customers = batch["customers"]
    assert (len(customers), batch["left_out"]) == (sent, [])
    assert all(name and account for _, name, account in customers)
    left_out = [customers[0][0], customers[2][0]]
    answers = picker.request(type="mark_sent", batch_id=ids[0], user="anna", day="2026-03-28", left_out=left_out)
    (card,) = answers["state"]["sent_batches"]
    assert (card["customers"], card["sent"], card["sent_at"], card["sent_by"]) == (sent, sent - 2, "2026-03-28", "anna")
    assert card["files"]
    assert picker.request(type="get_batch", batch_id=ids[0])["batch_customers"]["left_out"] == left_out

    def marks(record_id: str) -> list[Any]:
        with picker.widget._store.cursor() as con:
            query = "select ik_key from records where record_id = ? order by decision = 'superseded' limit 1"
            ((key,),) = con.execute(query, [record_id]).fetchall()
        sent_to: list[Any] = picker.request(type="get_details", key=key)["details"]["details"]["sent"]
        return sent_to

    assert [marks(customers[place][0]) for place in (0, 1)] == [[], [["2026-03-28", "anna", card["batch"]]]]


def week(workspace: ik.Workspace, day: str, *lines: str) -> ik.Workspace:
    """Add an export of some lines to a workspace."""
    (path := workspace.path.parent / f"history_{day}.csv").write_text("\n".join(lines) + "\n")
    workspace.add(path)
    return workspace


@pytest.fixture
def own(tmp_path: Path) -> ik.Workspace:
    return ik.Workspace(tmp_path / "own.duckdb")


def test_the_card_of_a_batch_counts_customers_who_are_not_to_be_invited_any_more(own: ik.Workspace) -> None:
    head, acme = "Account,Status,Invitation Time", "acme,Expired,2026-03-01"
    own.record_batches(_plan(week(own, "2026-03-23", head, "beta,Expired,2026-03-01", acme)))
    week(own, "2026-03-30", head, "beta,Associated,2026-03-01", acme)
    (batch,) = _connected(ik.ResendPicker(workspace=own, as_of=DAY)).request(type="connect")["state"]["unsent_batches"]
    assert (batch["customers"], batch["off_list"]) == (2, 1)


def test_the_confirmation_counts_customers_of_an_unsent_batch_whose_id_changed(own: ik.Workspace) -> None:
    lines = [f"{name},Expired,2026-03-01" for name in ("acme", "beta")]
    own.record_batches(_plan(week(own, "2026-03-23", "Account,Status,Invitation Time", *lines)))
    lines = [f"{name},0f{n},Expired,2026-03-01" for n, name in enumerate(("acme", "beta", "gamma"))]
    week(own, "2026-03-30", "Account,Customer ID,Status,Invitation Time", *lines)
    browser = _connected(ik.ResendPicker(workspace=own, as_of=DAY))
    browser.request(type="select", action="add_all")
    confirmed = browser.request(type="confirm")["confirmation"]
    assert (confirmed["count"], confirmed["in_open_batch"]) == (3, 2)


def test_whom_to_leave_out_is_told_by_the_customer_id_where_names_are_masked(own: ik.Workspace) -> None:
    lines = [f"a***e,L***H,0f{n}e,Expired,2026-03-01" for n in (1, 2)]
    week(own, "2026-03-30", "Account,Full Name,Customer ID,Status,Invitation Time", *lines)
    (batch_id,) = own.record_batches(_plan(own)).values()
    browser = _connected(ik.ResendPicker(workspace=own, as_of=DAY))
    customers = browser.request(type="get_batch", batch_id=batch_id)["batch_customers"]["customers"]
    assert sorted(account for _, _, account in customers) == ["a***e · 0f1e", "a***e · 0f2e"]


def test_a_mark_of_the_own_account_is_taken_back_in_the_list_that_the_error_names(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="no mark of its own") as found:
        undo_marks(ik.Workspace(tmp_path / "own.duckdb"), [], by="anna")
    shown = error_payload(found.value)
    support = next(value.label("en") for value in LISTS if value.code == "support")
    assert shown["hint"] == f"In the list “{support}”, take the mark of your own account back."
    assert error_payload(ValueError("secret"))["hint"].startswith("Try again; ")


def test_a_customer_of_every_decision_opens_with_the_messages_that_its_work_list_has(picker: FakeBrowser) -> None:
    decisions = set(_plan(picker.widget.workspace)["decision"]) - {"superseded"}
    assert decisions >= {"resend_now", "wait_for_customer", "contact_support", "review", "blocked", "associated"}
    for decision in sorted(decisions):
        picker.request(type="set_filter", filter={"decision": [decision]})
        key = picker.request(type="get_page", first=0, count=1)["page"]["keys"][0]
        details = picker.request(type="get_details", key=key)["details"]["details"]
        assert details["codes"]["decision"] == decision
        languages = [language for language, _ in details["messages"]]
        has_messages = decision in {"wait_for_customer", "contact_support"}
        assert languages == (["English", "中文"] if has_messages else []), decision


def test_files_of_a_batch_are_read_from_its_own_folder_only(newest: pl.DataFrame, tmp_path: Path) -> None:
    picker = ik.ResendPicker(newest.head(5), as_of=DAY, folder=tmp_path / "batches")
    for folder in ("batches/own", "batches", "elsewhere"):
        (tmp_path / folder).mkdir(exist_ok=True, parents=True)
        (tmp_path / folder / "batch_01_invite.csv").touch()
    assert picker._written("own") == [tmp_path / "batches" / "own" / "batch_01_invite.csv"]
    assert [picker._written(folder) for folder in (None, "", "../elsewhere", str(tmp_path / "elsewhere"))] == [[]] * 4
    picker.stop()


@pytest.mark.slow
def test_marks_change_the_plan_and_each_is_taken_back_alone(picker: FakeBrowser) -> None:
    def reasons() -> list[str]:
        with picker.widget._store.cursor() as con:
            return [code for (code,) in con.sql("select reason_code from records order by 1").fetchall()]

    def answer(about: str, **message: Any) -> dict[str, Any]:
        """Send a message about the first customer of a condition."""
        with picker.widget._store.cursor() as con:
            ((key,),) = con.sql(f"select ik_key from records where {about} order by 1 limit 1").fetchall()
        return picker.request(**message, version=picker.widget._version, key=int(key), user="anna")

    before, day = reasons(), "2026-03-29"
    state = picker.request(type="connect")["state"]
    assert state["held_for_own_account"] == before.count("own_account") > 0
    assert state["warnings"] == [], "the screen says it by itself, beside the button that releases them"

    assert "error" not in answer("reason_code = 'blocked'", type="mark_resolved", day=day)
    resolved = reasons()
    assert resolved.count("blocked") == before.count("blocked") - 1
    assert "error" not in answer("reason_code = 'marked_resolved'", type="mark_do_not_invite", day=day)
    assert reasons().count("do_not_invite") == 1
    assert "error" not in answer("reason_code = 'do_not_invite'", type="unmark")
    assert reasons() == resolved, "the other mark of this customer stays"

    assert "error" not in picker.request(type="mark_own_account", day=day, user="anna")
    state = picker.request(type="connect")["state"]
    assert (state["held_for_own_account"], state["own_account_marked"], state["warnings"]) == (0, True, [])
    assert "own_account" not in reasons()
    assert reasons() == sorted(_plan(picker.widget.workspace)["reason_code"])
    released = "reason_code = 'marked_resolved' and failure_code = 'prepaid_partner'"
    assert answer(released, type="unmark")["error"]["problem"] == "This customer has no mark of its own."
    assert "error" not in picker.request(type="unmark_own_account", user="anna")
    assert reasons() == resolved, "the mark of the other customer stays"
    assert "error" not in answer("reason_code = 'marked_resolved'", type="unmark")
    assert reasons() == before


@pytest.mark.slow
def test_batches_marked_together_all_count_in_the_new_plan(picker: FakeBrowser) -> None:
    before = picker.widget.count
    picker.request(type="select", action="add_all")
    digest = picker.request(type="confirm")["confirmation"]["digest"]
    ids = picker.request(type="write_batches", digest=digest)["batches_written"]["batch_ids"]
    assert not picker.widget.selection, "they have their batch"
    picker.request(type="select", action="add_all")
    confirmed = picker.request(type="confirm")["confirmation"]
    assert confirmed["in_open_batch"] == confirmed["count"] == before, "all of them are in a batch that is not logged"
    picker.messages.clear()
    for batch_id in ids[:2]:
        sent = {"type": "mark_sent", "batch_id": batch_id, "user": "anna", "day": str(DAY), "left_out": []}
        picker.ask(sent)
    picker.ask({"type": "write_batches", "digest": confirmed["digest"]})
    picker.ask({"type": "confirm"})
    assert picker.widget.wait(120)
    kinds = [one["type"] for one in picker.messages]
    assert kinds.count("error") == 2
    assert "batches_written" not in kinds
    sent = picker.widget.workspace.resends().aggregate("count(*)").fetchall()[0][0]
    assert picker.widget.count == before - sent
    assert "init" in kinds


def test_entered_dates_begin_at_the_day_of_the_plan(picker: FakeBrowser, newest: pl.DataFrame) -> None:
    assert picker.request(type="connect")["state"]["day"] == "2026-03-30"
    answers = picker.request(type="mark_sent", batch_id="x", user="anna", day="", left_out=[])
    assert "date is missing" in answers["error"]["problem"]
    now = _connected(ik.ResendPicker(newest.head(5)))
    assert now.request(type="connect")["state"]["day"] is None, "today, in the time zone of the browser"


def test_without_a_workspace_nothing_is_stored_and_a_note_explains_it(newest: pl.DataFrame, tmp_path: Path) -> None:
    browser = _connected(ik.ResendPicker(newest.head(5), as_of=DAY, folder=tmp_path))
    state = browser.request(type="connect")["state"]
    assert (state["workspace"], state["unsent_batches"]) == (False, [])
    assert "no workspace" in browser.request(type="get_outcomes")["error"]["problem"]
    with pytest.raises(ik.InvitekitError, match="no records"):
        ik.ResendPicker()


# ---- two requests at once


def test_outdated_work_is_cancelled_and_its_next_steps_do_not_start() -> None:
    con, answered, failed = duckdb.connect(), list[str](), list[BaseException]()
    own = Worker(con.cursor, failed.append)
    begun = threading.Event()

    def slow(cursor: duckdb.DuckDBPyConnection) -> None:
        begun.set()
        cursor.execute("select sum(a.range * b.range) from range(10_000_000) a, range(1_000_000) b").fetchall()
        answered.append("slow")

    begin = time.monotonic()
    own.submit("page", slow, lambda _: answered.append("after slow"))
    assert begun.wait(10)
    time.sleep(0.3)
    own.submit("page", lambda _: answered.append("new"))
    assert own.wait(20)
    assert answered == ["new"]
    assert time.monotonic() - begin < 15

    def overtaken(_: duckdb.DuckDBPyConnection) -> None:
        own.submit("page", lambda _: answered.append("newest"))
        raise ValueError("of tables that are gone")

    own.submit("page", overtaken, lambda _: answered.append("after overtaken"))
    assert own.wait(20)
    assert answered == ["new", "newest"]
    assert failed == [], "nobody waits for what was overtaken"
    own.submit("page", lambda _: json.loads("{"))
    assert own.wait(20)
    assert len(failed) == 1


def test_each_answer_names_its_view(explorer: FakeBrowser, newest: pl.DataFrame) -> None:
    texts = ["a", "ac", "acct_1", "gmbh", "mgr"]
    explorer.messages.clear()
    for text in texts:
        explorer.ask({"type": "set_filter", "filter": {"text": text}})
    explorer.widget.wait(60)
    views = {one["version"]: one["state"]["filter"]["text"] for one in explorer.messages if one["type"] == "page"}
    assert list(views.values()) == texts[-len(views) :]
    counted = {one["version"]: one["matched"] for one in explorer.messages if one["type"] == "counts"}
    assert max(counted) == max(views)
    for v, found in counted.items():
        assert found == where(newest, Filter(text=views[v])).height


def test_a_number_that_differs_from_the_confirmed_one_is_refused() -> None:
    frozen = planning.Frozen(pl.DataFrame({"customer_id": ["a", "b"]}).to_arrow(), "digest", ik.ResendRules())
    written = Written((), customers=3, batches=1, worklists={}, rows={}, batch_ids={})
    with pytest.raises(ik.InvitekitError, match="3 customers were written, 2 were confirmed"):
        planning.check_confirmed(written, frozen)


# ---- errors in the language of the screen


def test_unknown_words_are_counted_by_column_with_the_likeliest_value() -> None:
    rows = [("a1", "On ice", "Pigeon", ""), ("a2", "On ice", "Email", "soon"), ("a3", "Asociated", "Email", "")]
    rows += [("a4", "Expired", "Email", "soon")]
    frame = pl.DataFrame(rows, schema=["Account", "Status", "Method", "Valid Until"], orient="row")
    asked = unknown_words.questions(ik.load(frame).records, "en")
    found = {one["column"]: {(word, n, likely) for word, n, likely in one["words"]} for one in asked["columns"]}
    assert asked["records"] == 3
    assert found == {
        "status": {("On ice", 2, None), ("Asociated", 1, "associated")},
        "invitation_method": {("Pigeon", 1, None)},
    }
