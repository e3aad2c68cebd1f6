"""What binds the tables of a report to each other: each sum by itself, on tables of a few rows."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from invitekit.metrics import OTHER, Progress, progress
from invitekit.report.disclosure import TRENDS, _folded, protect
from invitekit.report.linked_tables import PERIODS, ledger
from invitekit.report.suppression import LEAST, Ledger, fold

AS_OF = dt.date(2026, 3, 30)
LAST, BEFORE = dt.datetime(2026, 3, 30), dt.datetime(2026, 3, 23)
LATE = dt.datetime(2026, 3, 26)
"""An invitation whose email still lives."""
WEEKS = [dt.datetime(2026, 1, 5) + dt.timedelta(weeks=week) for week in range(6)]
Part = tuple[int, dict[str, Any]]


def records(*parts: Part) -> pl.DataFrame:
    """Make annotated records: so many alike, for each part."""
    plain: dict[str, Any] = {
        "effective_status": "association_failed", "failure_code": "link_expired", "who_acts": "partner",
        "invited_at": WEEKS[0], "age_days": 84, "snapshot_at": LAST, "source_file": "a.csv", "days_to_associate": None,
        "invitation_method": "email", "association_type": "reseller", "account_manager": "mgr", "custom_tag": None,
        "country": "China", "account_name": None, "email": None, "customer_full_name": None, "mobile": None,
    }  # fmt: skip
    made = [plain | more for count, more in parts for _ in range(count)]
    made = [{"record_id": f"id{number}", "source_row": number} | row for number, row in enumerate(made)]
    kinds = dict.fromkeys(("failure_code", "who_acts", *(n for n, value in plain.items() if not value)), pl.String)
    return pl.DataFrame(made, schema_overrides=kinds | {"days_to_associate": pl.Int64, "invited_at": pl.Datetime("us")})


def told(*parts: Part, period: Any = "week") -> Progress:
    return progress(records(*parts), as_of=AS_OF, period=period, by=TRENDS)


def entered(found: Progress) -> Ledger:
    return ledger(found, _folded(found))


def parts_of(made: Ledger, whole: Any) -> list[tuple[Any, ...]]:
    return [parts for one, parts in made.sums if one == whole]


def lacking(made: Ledger, parts: tuple[Any, ...]) -> list[int]:
    return [made.counts[part] for part in parts if part[0] == "lacking"]


# The arithmetic of hiding


def test_what_a_table_leaves_out_is_one_more_part_and_is_guarded() -> None:
    made = Ledger()
    shown = [made.put(name, n) for name, n in {"x": 40, "y": 55}.items()]
    made.add_up(made.put("all", 100, made.fixed), shown)
    assert lacking(made, made.sums[0][1]) == [5]
    assert made.hidden() & {"all", "x", "y"}


def test_a_small_count_that_no_table_shows_is_guarded_and_a_large_one_is_not() -> None:
    for n, gone in ((5, {"x"}), (10, set())):
        made = Ledger()
        made.add_up(made.put("all", 40 + n, made.fixed), [made.put("x", 40), made.put("rest", n, made.silent)])
        assert made.hidden() - {"rest"} == gone


def test_what_is_shown_in_any_case_is_shown_whatever_that_costs() -> None:
    made = Ledger()
    made.add_up(made.put("all", 15, made.fixed), [made.put("x", 3), made.put("y", 12, made.last)])
    assert made.hidden() == {"x", "y"}


def test_of_two_counts_that_tell_each_other_a_small_one_hides_both() -> None:
    for mine, other in ((9, 12), (12, 9), (0, 5), (5, 0)):
        made = Ledger()
        made.put("mine", mine)
        made.put("other", other)
        made.sums.append(("mine", ("other",)))
        assert made.hidden() == {"mine", "other"}


def test_a_row_merged_before_is_merged_again_with_what_is_too_small() -> None:
    given = [{"name": "a", "n": 50}, {"name": OTHER, "n": 30}, {"name": "b", "n": 8}, {"name": "c", "n": 4}]
    folded = fold(
        given,
        "n",
        lambda some: {"name": OTHER, "n": sum(row["n"] for row in some)},
        lambda row: bool(row["name"] == OTHER),
    )
    assert folded == [{"name": "a", "n": 50}, {"name": OTHER, "n": 42}]


def test_what_is_too_small_takes_the_smallest_of_the_others_with_it() -> None:
    given = [{"n": 50}, {"n": 12}, {"n": 4}]
    assert fold(given, "n", lambda some: {"n": sum(row["n"] for row in some)}) == [{"n": 50}, {"n": 16}]


# The sums of a report


def test_the_newest_snapshot_and_no_other_moves_with_the_funnel() -> None:
    found = told((60, {}), (40, {"effective_status": "expired"}), (30, {"snapshot_at": BEFORE}))
    sums: Any = entered(found).sums
    bound = [(whole, parts) for whole, parts in sums if parts[0][0] == "snapshots" and whole[0] == "funnel"]
    assert bound == [
        (("funnel", "failed"), (("snapshots", LAST, "association_failed"),)),
        (("funnel", "expired"), (("snapshots", LAST, "expired"),)),
    ]


def test_a_count_of_the_funnel_that_only_a_difference_guards_is_hidden_in_the_newest_snapshot_too() -> None:
    shown = protect(told((60, {}), (4, {"effective_status": "expired"}), (90, {"effective_status": "associated"})))
    funnel = {row["stage"]: row["n"] for row in shown.funnel.to_dicts()}
    states = {row["status"]: row["n"] for row in shown.snapshots.to_dicts()}
    both = [(funnel[stage], states[status]) for stage, status in
            (("failed", "association_failed"), ("expired", "expired"), ("associated", "associated"))]  # fmt: skip
    assert both[1] == (None, None)
    assert all((one is None) == (other is None) for one, other in both)
    assert sum(one is None for one, _ in both) == 2


def test_a_small_count_of_the_funnel_stays_hidden_where_a_snapshot_holds_a_row_twice() -> None:
    frame = records((60, {}), (9, {"effective_status": "expired"}), (40, {"effective_status": "associated"}))
    again = frame.filter(pl.col("effective_status") == "expired").head(3).with_columns(source_file=pl.lit("b.csv"))
    found = progress(pl.concat([frame, again]), as_of=AS_OF, by=TRENDS)
    counts = {row["stage"]: row["n"] for row in found.funnel.to_dicts()}
    assert (counts["expired"], found.snapshots.filter(pl.col("status") == "expired")["n"].to_list()) == (9, [12])
    shown = {row["stage"]: row["n"] for row in protect(found).funnel.to_dicts()}
    assert shown["expired"] is None


def by_week(n: int, **more: Any) -> list[Part]:
    return [(n, {"invited_at": week, **more}) for week in WEEKS]


def test_the_centre_is_the_sum_of_the_periods_that_are_over() -> None:
    made = entered(told(*by_week(20), (7, {"invited_at": LATE})))
    centre = ("centre", None, None)
    assert made.counts[centre] == 120
    assert parts_of(made, centre) == [tuple(("n", None, None, week.date()) for week in WEEKS)]


def test_the_centre_and_the_periods_still_open_are_all_that_failed() -> None:
    made = entered(told(*by_week(20), (7, {"invited_at": LATE}), (3, {"invited_at": None})))
    (parts,) = [parts for parts in parts_of(made, ("funnel", "failed")) if ("centre", None, None) in parts]
    assert parts[:2] == (("n", None, None, dt.date(2026, 3, 23)), ("centre", None, None))
    assert lacking(made, parts) == [3]


def test_the_centre_holds_the_periods_that_are_no_longer_shown() -> None:
    days = [(1, {"invited_at": dt.datetime(2025, 10, 1) + dt.timedelta(days=day)}) for day in range(PERIODS + 4)]
    made = entered(told(*days, period="day"))
    (parts,) = parts_of(made, ("centre", None, None))
    assert lacking(made, parts) == [4]


def test_a_level_of_few_periods_is_the_sum_of_them() -> None:
    made = entered(told(*by_week(20)[:3], (7, {"invited_at": LATE})))
    assert ("centre", None, None) not in made.counts
    weeks = [dt.date(2026, 3, 23), *(week.date() for week in WEEKS[:3])]
    assert tuple(("n", None, None, week) for week in weeks) in parts_of(made, ("funnel", "failed"))


def test_the_centre_of_one_who_acts_and_of_a_cause_is_bound_to_all_their_failures() -> None:
    mine = {"failure_code": "overdue_payment", "who_acts": "customer"}
    made = entered(told(*by_week(20), *by_week(15, **mine)))
    assert (("centre", "who_acts", "customer"),) in parts_of(made, ("who", "customer"))
    assert (("centre", "cause", "overdue_payment"),) in parts_of(made, ("cause", "overdue_payment", "customer"))


CAUSES = ({"failure_code": "overdue_payment", "who_acts": "customer"},
          {"failure_code": "consumption_record", "who_acts": "customer"})  # fmt: skip


def test_the_causes_for_which_one_acts_add_up_to_his_failures_week_by_week() -> None:
    made = entered(told(*by_week(20), *(part for one in CAUSES for part in by_week(15, **one))))
    for week in (one.date() for one in WEEKS):
        (parts,) = parts_of(made, ("n", "who_acts", "customer", week))
        assert set(parts) == {("n", "cause", one["failure_code"], week) for one in CAUSES}


def test_a_cause_for_which_two_act_is_what_the_others_lack() -> None:
    odd = {"failure_code": "overdue_payment", "who_acts": "partner"}
    found = told(*by_week(20), *(part for one in CAUSES for part in by_week(15, **one)), *by_week(4, **odd))
    made = entered(found)
    (parts,) = parts_of(made, ("n", "who_acts", "partner", WEEKS[0].date()))
    assert parts[0] == ("n", "cause", "link_expired", WEEKS[0].date())
    assert lacking(made, parts) == [4]
    # Four are the difference of two counts: both are not shown.
    shown = protect(found)
    of = {"cause": "link_expired", "who_acts": "partner"}
    both = [shown.trends[by].filter((pl.col("group") == of[by]) & (pl.col("period_start") == WEEKS[0].date()))["n"]
            for by in of]  # fmt: skip
    assert [None in one.to_list() for one in both] != [False, False]


def test_causes_are_not_bound_where_a_trend_of_them_is_missing() -> None:
    found = told(*by_week(20))
    counts: Any = entered(replace(found, trends={"cause": found.trends["cause"]})).counts
    assert not [cell for cell in counts if cell[:2] == ("n", "who_acts")]


@pytest.mark.parametrize("n", [LEAST - 1, LEAST])
def test_a_row_of_a_group_tells_no_part_of_less_than_ten(n: int) -> None:
    shown = protect(told((60, {}), (n, {"effective_status": "expired"}), (40, {"effective_status": "associated"})))
    (row,) = shown.by_method.to_dicts()
    assert (row["expired"] is None) == (n < LEAST)
