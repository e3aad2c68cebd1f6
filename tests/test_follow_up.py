"""The follow-up of invitations: metrics of simulated histories agree with the simulated truth."""

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

import invitekit as ik
from invitekit.errors import ArgumentError
from tests.conftest import SHAPE, SOAK, Engine

AS_OF = dt.datetime(2026, 3, 30)
DAY = dt.timedelta(days=1)
BUSY = "The system is busy. Try later."
LINK, EMAIL = 0.117, 0.41
"""The true association rates of links and emails."""
FAILING = {"link": 0.22, "email": 0.14}
MARKS = 0.0047
"""The share of periods with a signal by chance: 0.27% beyond the limits, and long runs."""
Columns = dict[str, Any]


def annotated(columns: Columns, as_of: dt.datetime = AS_OF) -> pl.DataFrame:
    """Build annotated records from the needed columns; by default each row is another account."""
    rows = len(columns["status"])
    plain = {"account_name": [f"a{row}" for row in range(rows)], "source_file": ["a.csv"] * rows,
             "source_row": list(range(rows)), "record_id": [f"r{row}" for row in range(rows)]}  # fmt: skip
    full = {name: [None] * rows for name in SHAPE} | {"snapshot_at": [as_of] * rows} | plain | columns
    return ik.annotate(pl.DataFrame(full, schema_overrides=SHAPE), as_of=as_of)


def simulate(seed: int, n: int, *, weeks: int = 20, links: float = 0.5, mean_days: float = 2.0, dirty: bool = False,
             shift: dict[int, float] | None = None) -> Columns:  # fmt: skip
    """Simulate invitations sent at random over some weeks, and their state at the last snapshot.

    An answer comes after an exponential time; an email's within its seven days. ``shift`` adds to the share that
    fails from a week on. Dirty: a third of the associations has no time, some links end by their own date, and some
    methods are not given.
    """
    dice = np.random.default_rng(seed)
    is_link = dice.random(n) < links
    sent = dice.uniform(0, 7 * weeks, n)
    share = np.where(is_link, LINK, EMAIL)
    failing = np.where(is_link, FAILING["link"], FAILING["email"])
    for week, by in (shift or {}).items():
        failing = failing + by * (sent >= 7 * week)
    draw = dice.random(n)
    fate = np.where(draw < share, "associated", np.where(draw < share + failing, "association_failed", "silent"))
    # By inverse transform sampling, truncated at the end of the invitation.
    own_end = np.where(is_link & dirty & (dice.random(n) < 0.3), dice.choice([20.0, 60.0], n), np.inf)
    most = np.where(is_link, own_end, 7.0)
    answer = -mean_days * np.log1p(-dice.random(n) * -np.expm1(-most / mean_days))
    answered = (fate != "silent") & (sent + answer <= 7 * weeks)
    status = np.where(answered, fate, "invited")
    start = AS_OF - 7 * weeks * DAY
    unknown = is_link & dirty & (dice.random(n) < 0.2)

    def times(days: Any, where: Any) -> list[dt.datetime | None]:
        return [start + float(day) * DAY if ok else None for day, ok in zip(days, where, strict=True)]

    no_time = dirty & (dice.random(n) < 0.33)
    return {
        "status": status.tolist(),
        "invitation_method": [None if odd else "link" if link else "email"
                              for link, odd in zip(is_link, unknown, strict=True)],
        "invited_at": times(sent, np.full(n, fill_value=True)),
        "associated_at": times(sent + answer, (status == "associated") & ~no_time),
        "expires_at": times(sent + own_end, np.isfinite(own_end)),
        "failure_message": [BUSY if one == "association_failed" else None for one in status],
        "country": dice.choice(["Spain", "China", "Germany"], n).tolist(),
        "account_manager": dice.choice(["m1", "m2", "m3", "m4"], n).tolist(),
    }  # fmt: skip


def by_value(table: pl.DataFrame) -> dict[str, dict[str, Any]]:
    return {row["value"]: row for row in table.to_dicts()}


@pytest.mark.parametrize("dirty", [False, True])
def test_rates_and_curves_of_methods_agree_with_the_truth(dirty: bool) -> None:
    truth = {"email": (EMAIL, FAILING["email"]), "link": (LINK, FAILING["link"])}
    truth |= {"(empty)": truth["link"]} if dirty else {}
    inside, totals = [], {method: np.zeros(3, dtype=int) for method in truth}
    for seed in range(40 if SOAK else 5):
        records = annotated(simulate(seed, 4000, dirty=dirty))
        metrics = ik.progress(records, as_of=AS_OF, by=())
        rows = by_value(metrics.by_method)
        for method, (associating, failing) in truth.items():
            row = rows[method]
            inside += [row["association_low"] <= associating <= row["association_high"],
                       row["failure_low"] <= failing <= row["failure_high"]]  # fmt: skip
            totals[method] += [row["followed"], row["followed_associated"], row["followed_failed"]]
            curve = metrics.survival.filter(pl.col("group") == method, pl.col("days") <= 30)
            if not dirty:
                inside.append(curve["low"][-1] <= associating <= curve["high"][-1])
    assert np.mean(inside) > 0.9
    for method, expected in truth.items():
        followed, *counts = totals[method].tolist()
        for n, rate in zip(counts, expected, strict=True):
            assert stats.binomtest(n, followed, rate).pvalue > 1e-4


@pytest.mark.parametrize("dirty", [False, True])
def test_a_series_of_links_without_a_change_raises_no_more_alarms_than_chance(dirty: bool) -> None:
    marked = weeks = changed = rounds = 0
    for seed in range(80 if SOAK else 10):
        records = annotated(simulate(seed, 1500, weeks=26, links=1.0, mean_days=6, dirty=dirty))
        metrics = ik.progress(records, as_of=AS_OF, by=())
        complete = metrics.trend.filter(~pl.col("incomplete"))
        weeks += complete.height
        marked += complete["signal"].is_not_null().sum()
        changed += metrics.changes.height + metrics.differences.height
        rounds += 1
        assert metrics.trend.filter(pl.col("incomplete"))["signal"].null_count() == metrics.trend["incomplete"].sum()
        rest = metrics.trend.height - complete.height
        assert rest >= 4
        assert metrics.trend["incomplete"].to_list() == [False] * complete.height + [True] * rest
    assert weeks >= 20 * rounds
    assert marked <= stats.binom.ppf(0.9999, weeks, MARKS)
    assert changed <= stats.binom.ppf(0.9999, rounds, 2 * 0.01)


def test_resends_are_ranked_by_their_true_success_rates() -> None:
    """Customers with an expired email get another email, those with an expired link another link."""
    first, again = simulate(1, 4000), simulate(2, 4000)
    gap = 40 * DAY
    ended = {"email": "expired", "link": "expired"}
    first |= {
        "invitation_method": again["invitation_method"], "status": [ended[m] for m in again["invitation_method"]],
        "associated_at": [None] * 4000, "failure_message": [None] * 4000,
        "invited_at": [at - gap for at in again["invited_at"]],
    }  # fmt: skip
    names = [f"a{row}" for row in range(4000)]
    waiting: Columns = {"status": ["expired"] * 40, "invitation_method": ["link", "email"] * 20,
               "invited_at": [AS_OF - gap] * 40, "account_name": [f"waiting{row}" for row in range(40)]}  # fmt: skip
    both: Columns = {name: [*first[name], *again[name], *waiting.get(name, [None] * 40)] for name in first}
    both["account_name"] = [*names, *names, *waiting["account_name"]]
    records = annotated(both)
    plan = ik.plan_resends(records, as_of=AS_OF).filter(pl.col("account_name").str.starts_with("waiting")).sort("rank")
    assert plan["invitation_method"].to_list() == ["email"] * 20 + ["link"] * 20
    for method, truth in (("email", EMAIL), ("link", LINK)):
        row = plan.filter(invitation_method=method).row(0, named=True)
        assert row["chance_from"] == "cause_method_delay"
        assert row["chance_low"] - 0.01 <= truth <= row["chance_high"] + 0.01


LINKS: list[dict[str, Any]] = [
    {"sent": 31, "status": "invited"}, {"sent": 30, "status": "invited"}, {"sent": 29, "status": "invited"},
    {"sent": 31, "status": "associated", "took": 30}, {"sent": 40, "status": "associated", "took": 31},
    {"sent": 10, "status": "associated", "took": 2}, {"sent": 40, "status": "associated", "took": None},
    {"sent": 40, "status": "invited", "ends": 50}, {"sent": 40, "status": "invited", "ends": 20},
    {"sent": 10, "status": "invited", "ends": 5}, {"sent": None, "status": "invited"},
    {"sent": 35, "status": "association_failed"}, {"sent": 10, "status": "association_failed"},
]  # fmt: skip


def links(as_of: dt.datetime = AS_OF, snapshot_at: dt.datetime = AS_OF) -> pl.DataFrame:
    sent = [None if row["sent"] is None else AS_OF - row["sent"] * DAY for row in LINKS]

    def after(name: str) -> list[dt.datetime | None]:
        return [at + row[name] * DAY if at and row.get(name) else None for at, row in zip(sent, LINKS, strict=True)]

    columns = {"status": [row["status"] for row in LINKS], "invited_at": sent, "associated_at": after("took"),
               "expires_at": after("ends"), "invitation_method": ["link"] * len(LINKS),
               "snapshot_at": [snapshot_at] * len(LINKS)}  # fmt: skip
    return annotated(columns, as_of)


def test_counts_are_so_far_and_rates_within_the_follow_up(engine: Engine) -> None:
    metrics = ik.progress(engine(links()), as_of=AS_OF)
    stages = dict(metrics.funnel.select("stage", "n").iter_rows())
    assert [stages[name] for name in ("associated", "failed", "expired", "not_used", "open")] == [4, 2, 2, 3, 2]
    row = by_value(metrics.by_method)["link"]
    # Not followed: sent 29, 10 and 10 days ago, and the one without a time.
    assert [row[name] for name in ("followed", "followed_associated", "followed_failed")] == [9, 2, 1]
    assert metrics.ageing.filter(status="invited")["n"].sum() == stages["open"]
    for days, unused in ((29, 4), (31, 2), (50, 0)):
        longer = ik.progress(links(), as_of=AS_OF, follow_up_days=days)
        assert longer.funnel.filter(stage="not_used")["n"].to_list() == [unused]


def test_events_after_the_newest_snapshot_are_unknown() -> None:
    stale = ik.progress(links(snapshot_at=AS_OF - DAY), as_of=AS_OF)
    assert stale.funnel.filter(stage="not_used")["n"].to_list() == [2]
    assert by_value(stale.by_method)["link"]["followed"] == 8


def test_a_week_is_complete_once_its_last_link_is_followed(engine: Engine) -> None:
    week = dt.datetime(2026, 2, 16)
    columns = {"status": ["expired"] * 3, "invitation_method": ["email", "email", "link"],
               "invited_at": [week, week + 7 * DAY, week + 10 * DAY]}  # fmt: skip
    for days, expected in ((17, [False, True]), (39, [False, True]), (40, [False, False])):
        as_of = week + days * DAY
        trend = ik.failure_trend(engine(annotated(columns, as_of)), as_of=as_of)
        assert trend["incomplete"].to_list() == expected
    by_method = ik.failure_trend(annotated(columns, week + 17 * DAY), as_of=week + 17 * DAY, by="invitation_method")
    assert by_method.filter(pl.col("of") > 0).select("group", "incomplete").rows() == [
        ("email", False), ("email", False), ("link", True),
    ]  # fmt: skip


@pytest.mark.parametrize("days", [0, 1.5, True, 100_001])
def test_an_invalid_follow_up_is_an_error(days: Any) -> None:
    for call in (ik.progress, ik.failure_trend):
        with pytest.raises(ArgumentError, match="follow_up_days is"):
            call(links(), as_of=AS_OF, follow_up_days=days)
    with pytest.raises(ArgumentError, match="follow_up_days is"):
        ik.ResendRules(follow_up_days=days)
