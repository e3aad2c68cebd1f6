"""Curves of a report: what they tell is shown elsewhere, and no step of them is of fewer than ten."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invitekit.metrics import Progress
from invitekit.report import protect
from invitekit.report.curves import curves
from invitekit.report.suppression import LEAST
from tests.test_ledger import Part, told

LINK = {"invitation_method": "link"}


def came(n: int, days: int, **more: Any) -> Part:
    return n, {"effective_status": "associated", "days_to_associate": days, **more}


def waits(n: int, **more: Any) -> Part:
    return n, {"effective_status": "invited", **more}


def curve(found: Progress, group: str | None = None) -> dict[int, float]:
    mine = found.survival.filter(pl.col("group").eq_missing(group))
    return dict(mine.select("days", "share").rows())


def test_no_curve_tells_a_count_that_the_funnel_hides() -> None:
    found = told((50, {}), came(46, 2), waits(20), (4, {"effective_status": "expired"}))
    shown = protect(found)
    assert {row["stage"]: row["n"] for row in shown.funnel.to_dicts()}["associated"] is None
    assert shown.survival.is_empty()
    open_ones = told((50, {}), came(46, 2), waits(20), (14, {"effective_status": "expired"}))
    assert curve(protect(open_ones)).keys() == {0, 2}


def test_no_curve_of_a_group_tells_a_count_that_its_table_hides() -> None:
    few = [(4, {"effective_status": "expired", **LINK}), (60, LINK), came(40, 2, **LINK)]
    shown = protect(told((50, {}), came(40, 2), (30, {"effective_status": "expired"}), *few))
    assert shown.by_method.filter(value="link")["associated"].to_list() == [None]
    assert curve(shown)
    assert not curve(shown, "link")


def test_a_few_open_ones_of_a_group_are_told_by_no_curve_of_it_or_of_the_others() -> None:
    both = [(50, {}), came(40, 2), waits(20), (50, LINK), came(40, 2, **LINK)]
    assert set(protect(told(*both)).survival["group"]) == {None, "email", "link"}
    assert set(protect(told(*both, waits(4, **LINK))).survival["group"]) == {None}


def test_groups_rise_on_days_on_which_no_difference_tells_a_few() -> None:
    found = protect(told((50, {}), came(20, 1), came(20, 5), (50, LINK), came(4, 1, **LINK), came(26, 5, **LINK)))
    assert curve(found).keys() == {0, 1, 5}
    assert curve(found, "email").keys() == {0, 5}
    assert curve(found, "link").keys() == {0, 5}


def test_those_whose_time_is_not_known_are_told_by_no_difference() -> None:
    untimed = (4, {"effective_status": "associated"})
    assert curve(protect(told((50, {}), came(20, 1), came(20, 5), untimed))).keys() == {0, 1}
    assert curve(protect(told((50, {}), came(20, 1), came(20, 5)))).keys() == {0, 1, 5}


def test_shares_are_as_coarse_as_ten_invitations() -> None:
    found = protect(told((61, {}), came(20, 2), came(12, 4)))
    assert curve(found) == {0: 0.0, 2: 0.22, 4: 0.33}
    assert set(found.survival["size"]) == {90}
    many = protect(told((1000, {}), came(333, 2)))
    assert curve(many) == {0: 0.0, 2: 0.25}


def test_the_half_is_reached_on_a_day_of_the_curve_or_there_is_none() -> None:
    found = protect(told((20, {}), came(20, 1), came(25, 3), came(8, 4), came(30, 6)))
    assert set(found.survival["median_days"]) == {6}
    cut = protect(told((46, {}), came(20, 1), came(25, 3), came(11, 6), came(3, 9)))
    assert cut.survival.is_empty()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["email", "link", "qr_code"]), st.integers(1, 25), st.integers(0, 6)),
        min_size=4,
        max_size=12,
    )
)
def test_each_step_and_what_is_left_is_nothing_or_ten_of_each_group(some: list[tuple[str, int, int]]) -> None:
    parts = [came(n, days, invitation_method=method) for method, n, days in some]
    found = told((40, {}), (40, LINK), *parts)
    shown = protect(found)
    groups = [name for name in ("email", "link", "qr_code") if curve(shown, name)]
    rise = {name: {day: sum(n for one, n, at in some if one == name and at <= day) for day in range(8)}
            for name in ("email", "link", "qr_code")}  # fmt: skip
    days = [sorted({day for name in names for day, share in curve(shown, name).items() if share})
            for names in ([None], groups)]  # fmt: skip
    rest = [name for name in rise if name not in groups]
    for at, apart in zip(days, ([[*rise]], [*([name] for name in groups), rest]), strict=True):
        for names in apart if at else ():
            counts = [0, *(sum(rise[name][day] for name in names) for day in [*at, 7])]
            assert not [(early, late) for early, late in pairwise(counts) if 0 < late - early < LEAST]
    assert set(days[1]) <= set(days[0])


@pytest.mark.parametrize("stage", ["invited", "open", "settled", "associated"])
def test_a_hidden_stage_leaves_no_curve(stage: str) -> None:
    found = told((50, {}), came(40, 2), waits(20))
    folded = found.by_method.to_dicts()
    assert curves(found, folded, set())
    assert curves(found, folded, {("funnel", stage)}) == []


def test_groups_rise_only_when_all_together_do() -> None:
    parts = [came(12, 1), came(2, 2), came(20, 5), came(6, 1, **LINK), came(5, 2, **LINK), came(20, 5, **LINK)]
    shown = protect(told((50, {}), (50, LINK), *parts))
    assert curve(shown).keys() == {0, 1, 5}
    assert curve(shown, "email").keys() == curve(shown, "link").keys() == {0, 5}


def test_a_group_without_a_curve_is_told_by_no_difference() -> None:
    code = {"invitation_method": "qr_code"}
    parts = [part for more in ({}, LINK) for part in (came(20, 1, **more), came(20, 5, **more), (50, more))]
    found = told(*parts, came(4, 1, **code), came(8, 5, **code), (30, code))
    made = curves(found, found.by_method.to_dicts(), {("by_method", "qr_code", "associated")})
    assert {(row["group"], row["days"]) for row in made if row["days"]} == {
        (None, 1), (None, 5), ("email", 5), ("link", 5),
    }  # fmt: skip
