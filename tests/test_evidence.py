"""Real changes and differences are found with their p-values, and random ones are not."""

import datetime as dt
import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

import invitekit as ik
from invitekit.charts import Look
from invitekit.metrics.evidence import SURE, change_point, find_changes, find_differences, one_in
from invitekit.planning import count_decisions
from invitekit.report.summary import summarise
from tests.conftest import DATA, Run, often
from tests.test_follow_up import AS_OF, annotated, simulate

START = dt.date(2026, 1, 5)


def rolled(seed: int, of: list[int], rates: list[float]) -> list[int]:
    return [int(n) for n in np.random.default_rng(seed).binomial(of, rates)]


@pytest.mark.parametrize(("weeks", "size"), [(8, 40), (20, 60), (40, 400)])
def test_false_changes_are_as_rare_as_documented(weeks: int, size: int) -> None:
    rounds = often(800, 100)
    dice = np.random.default_rng(1)
    found = 0
    for seed in range(rounds):
        of = [int(n) for n in dice.poisson(size, weeks) + 1]
        point = change_point(rolled(seed, of, [0.3] * weeks), of)
        assert point is not None
        found += point.p < SURE
    assert found <= stats.binom.ppf(0.9999, rounds, SURE)


def test_overdispersed_weeks_are_not_a_change() -> None:
    found, rounds = 0, often(200)
    for seed in range(rounds):
        rates = np.random.default_rng(1000 + seed).normal(0.4, 0.05, 24).tolist()
        point = change_point(rolled(seed, [2000] * 24, rates), [2000] * 24)
        assert point is not None
        found += point.p < SURE
    assert found / rounds < 0.05


@pytest.mark.parametrize(("start", "after"), [(12, 0.45), (4, 0.12), (17, 0.6)])
def test_a_real_change_is_found_at_its_week(start: int, after: float) -> None:
    rounds, near = often(100), 0
    for seed in range(rounds):
        n = rolled(seed, [100] * 20, [0.3] * start + [after] * (20 - start))
        point = change_point(n, [100] * 20)
        assert point is not None
        near += point.p < SURE and abs(point.start - start) <= 2
    assert near / rounds > 0.85


def test_one_outlier_week_is_not_a_lasting_change() -> None:
    for week in (0, 7, 14):
        n = [30] * 15
        n[week] = 90
        point = change_point(n, [100] * 15)
        assert point is not None
        assert point.p == 1.0
    assert change_point([1, 2, 3, 4], [10] * 4) is None


def trend(n: list[int], *, group: str | None = None, incomplete: int = 0) -> pl.DataFrame:
    weeks = len(n)
    return pl.DataFrame(
        {"period_start": [START + dt.timedelta(weeks=week) for week in range(weeks)], "group": [group] * weeks, "n": n,
         "of": [100] * weeks, "incomplete": [week >= weeks - incomplete for week in range(weeks)]},
        schema_overrides={"group": pl.String},
    )  # fmt: skip


def test_a_change_has_its_date_its_rates_and_a_corrected_p_value() -> None:
    raised = trend([30] * 8 + [50] * 6 + [99], incomplete=1)
    changes = find_changes({None: raised, "country": trend([30] * 15, group="Spain")})
    assert changes.drop("p").rows() == [
        ("failure_rate", None, None, START + dt.timedelta(weeks=8), 240, 800, 0.3, 300, 600, 0.5),
    ]  # fmt: skip
    both = find_changes({None: trend([30] * 15)}, {None: raised})
    assert both["measure"].to_list() == ["association_rate"]
    alone = find_changes({None: raised})
    assert changes["p"][0] == pytest.approx(2 * alone["p"][0])
    assert find_changes({None: trend([30] * 8 + [50] * 6)}, margin=5).height == 1
    assert find_changes({None: trend([30] * 8 + [38] * 6)}, margin=5).is_empty()
    assert find_changes({"country": raised.with_columns(group=pl.lit("(other)"))}).is_empty()


def groups(**counts: tuple[int, int]) -> pl.DataFrame:
    return pl.DataFrame(
        {"value": list(counts), "followed": [of for _, of in counts.values()],
         "followed_failed": [n for n, _ in counts.values()], "followed_associated": [0] * len(counts)}
    )  # fmt: skip


def test_a_group_that_differs_is_named_with_a_p_value_for_all_comparisons() -> None:
    tables = {"country": groups(a=(60, 100), b=(60, 200), c=(60, 200)), "custom_tag": groups(x=(90, 250), y=(90, 250))}
    found = find_differences(tables, None, "week", AS_OF)
    assert found.select("by", "value", "n", "of", "rest_n", "rest_of").rows() == [("country", "a", 60, 100, 120, 400)]
    expected = stats.fisher_exact([[60, 40], [120, 280]]).pvalue * 5
    assert found["p"].to_list() == [pytest.approx(expected)]
    hidden = groups(a=(60, 100), b=(60, 200)).with_columns(followed_failed=pl.lit(None, pl.Int64))
    assert find_differences({"country": hidden}, None, "week", AS_OF).is_empty()
    assert find_differences(tables, None, "week", AS_OF, margin=30).is_empty()


def test_false_differences_are_as_rare_as_documented() -> None:
    rounds = often(60, 6)
    named = 0
    for seed in range(rounds):
        metrics = ik.progress(annotated(simulate(seed, 1500)), as_of=AS_OF)
        named += metrics.differences.filter(pl.col("by") != "invitation_method").height > 0
        named += metrics.changes.filter(pl.col("by").ne_missing("invitation_method")).height > 0
    assert named <= stats.binom.ppf(0.9999, 2 * rounds, SURE)


def test_the_week_the_manager_and_the_country_of_the_sample_are_named_in_words() -> None:
    day = dt.date(2026, 3, 30)
    records = ik.annotate(ik.load(str(DATA)), as_of=day)
    said = " ".join(summarise(ik.progress(records, as_of=day), count_decisions(ik.plan_resends(records, as_of=day))))
    assert "Account manager mgr.novak: more failed" in said
    assert "Country or region Saudi Arabia: more failed" in said
    assert "In the week from 2026-03-16 one cause is unusually frequent" in said


def test_fewer_associations_are_reported_with_their_week() -> None:
    columns, since = simulate(3, 4000, links=0.0), AS_OF - dt.timedelta(weeks=8)
    for row, at in enumerate(columns["invited_at"]):
        if at >= since and row % 2 and columns["status"][row] == "associated":
            columns["status"][row], columns["associated_at"][row] = "invited", None
    records = annotated(columns)
    metrics = ik.progress(records, as_of=AS_OF, by=())
    assert metrics.changes.select("measure", "since").rows() == [("association_rate", since.date())]
    assert f"Since the week from {since:%Y-%m-%d} fewer are associated" in " ".join(
        summarise(metrics, count_decisions(ik.plan_resends(records, as_of=AS_OF)), Look())
    )


def test_the_command_says_since_when(run: Run, tmp_path: Any) -> None:
    columns = simulate(3, 6000, links=0.0, shift={12: 0.25})
    names = {"status": "Status", "invitation_method": "Method", "invited_at": "Invited At",
             "associated_at": "Associated At", "failure_message": "Failure Message"}  # fmt: skip
    frame = pl.DataFrame({header: columns[name] for name, header in names.items()})
    frame.with_row_index("Account Name").write_csv(tmp_path / "h.csv", datetime_format="%Y-%m-%d %H:%M:%S")
    said = run("trend", tmp_path / "h.csv", "--as-of", "2026-03-30", "--snapshot", "2026-03-30").stdout.replace(
        "\n", " "
    )
    since = (AS_OF - dt.timedelta(weeks=8)).date()
    assert f"Since the week from {since} the failure rate rose from 1" in said
    assert "by chance in at most 1 of 1,000,000" in said


def test_the_command_takes_the_follow_up(run: Run) -> None:
    words = ("trend", DATA / "history_records_2026-03-30.csv", "--as-of", "2026-03-30", "--json", "--follow-up-days")
    for days, incomplete in ((30, 5), (7, 1)):
        line = json.loads(run(*words, str(days)).stdout)
        assert (line["follow_up_days"], sum(row["incomplete"] for row in line["trend"])) == (days, incomplete)
    assert run(*words, "0").returncode == 2


@pytest.mark.parametrize(("p", "number"), [(0.0099, 100), (0.001, 1000), (0.0023, 400), (0.0, 1_000_000)])
def test_a_p_value_is_shown_as_one_in_a_round_number(p: float, number: int) -> None:
    assert one_in(p) == number
