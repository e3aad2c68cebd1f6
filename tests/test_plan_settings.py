"""A plan contains its rules and its time, so that its batches can be written from it alone."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import invitekit as ik
from invitekit.errors import ArgumentError, SchemaError
from invitekit.model import schema
from invitekit.planning import PlanSettings, count_decisions
from invitekit.privacy.policy import LEVELS, standard
from tests.conftest import Engine

DAY = dt.datetime(2026, 3, 30, 9, 30)
RULES = ik.ResendRules(cool_down_days=3, batch_size=2, link_life_days=30)
ROWS = pl.DataFrame({"Account": ["a1", "a2", "a3", "a4"], "Status": ["Expired"] * 3 + ["Associated"],
                     "Invitation Method": "Email", "Invitation Time": "2026-03-01"})  # fmt: skip


def records() -> pl.DataFrame:
    loaded: pl.DataFrame = ik.load(ROWS).records
    return loaded


def plan(rules: ik.ResendRules | None = RULES, as_of: dt.datetime = DAY) -> pl.DataFrame:
    made: pl.DataFrame = ik.plan_resends(ik.annotate(records(), as_of=as_of), rules, as_of=as_of)
    return made


def page(folder: Path) -> str:
    return (folder / "00_read_me_first.txt").read_text("utf-8-sig")


def test_every_row_of_a_plan_has_its_time_and_its_rules(engine: Engine) -> None:
    annotated = ik.annotate(engine(records()), as_of=DAY)
    made = engine.to_polars(ik.plan_resends(annotated, RULES, as_of=DAY))
    assert made.select("planned_at", "plan_rules").unique().rows() == [(DAY, RULES.to_json())]
    assert made.schema["planned_at"] == pl.Datetime("us")
    assert count_decisions(ik.plan_resends(annotated, RULES, as_of=DAY)).settings == PlanSettings(RULES, DAY)


def test_planning_a_plan_again_replaces_its_settings() -> None:
    again = ik.plan_resends(plan(), as_of=DAY + dt.timedelta(days=1))
    assert count_decisions(again).settings == PlanSettings(ik.ResendRules(), DAY + dt.timedelta(days=1))


def test_batches_are_written_from_a_plan_alone(engine: Engine, tmp_path: Path) -> None:
    made = ik.plan_resends(ik.annotate(engine(records()), as_of=DAY), RULES, as_of=DAY)
    written = ik.write_batches(made, tmp_path / "set")
    assert (written.customers, written.batches) == (3, 2), "the plan's batch size, not the usual one"
    assert "2026-03-30 09:30" in page(tmp_path / "set")
    assert "after 3 days" in page(tmp_path / "set")


def _parquet(made: pl.DataFrame, folder: Path) -> pl.DataFrame:
    made.write_parquet(folder / "plan.parquet")
    return pl.read_parquet(folder / "plan.parquet")


def _csv(made: pl.DataFrame, folder: Path) -> pl.DataFrame:
    made.write_csv(folder / "plan.csv")
    return pl.read_csv(folder / "plan.csv", infer_schema=False).cast({"batch": pl.Int64})


def _with_a_zone(made: pl.DataFrame, _folder: Path) -> pl.DataFrame:
    """Return a plan whose times have a zone, as Spark writes them."""
    return made.with_columns(pl.col("planned_at").dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Shanghai"))


@pytest.mark.parametrize("change", [_parquet, _csv, _with_a_zone, lambda made, _folder: made.to_pandas()])
def test_a_changed_or_stored_plan_keeps_its_settings(change: Any, tmp_path: Path) -> None:
    made = change(plan(), tmp_path)
    assert count_decisions(made).settings == PlanSettings(RULES, DAY)
    if change is not _csv:
        ik.write_batches(made, tmp_path / "set")
        assert "2026-03-30 09:30" in page(tmp_path / "set")


def test_null_rows_of_a_join_have_no_settings(tmp_path: Path) -> None:
    mine = pl.DataFrame({"account_name": ["a1", "zz"], "mine": [1, 2]})
    made = plan().join(mine, on="account_name", how="full")
    assert made["planned_at"].null_count() == 1
    with ik.Workspace(tmp_path / "w.duckdb") as workspace:
        (first, _second) = workspace.record_batches(made).values()
        assert workspace.batches().pl()["planned_at"].unique().to_list() == [DAY]
        assert workspace.mark_batch_sent(first, by="anna") == 2


def test_the_rules_and_time_of_the_plan_may_be_repeated(tmp_path: Path) -> None:
    zoned = DAY.replace(tzinfo=dt.UTC).astimezone(dt.timezone(dt.timedelta(hours=8)))
    assert ik.write_batches(plan(), tmp_path / "set", rules=RULES, as_of=zoned).batches == 2


@pytest.mark.parametrize(
    ("how", "problem"),
    [({"rules": ik.ResendRules()}, "rules are not those that the plan was made with"),
     ({"as_of": dt.date(2026, 3, 30)}, "as_of is 2026-03-30 00:00:00, but the plan was made for .* 09:30:00")],
)  # fmt: skip
def test_other_rules_or_another_time_than_the_plans_are_an_error(how: Any, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=problem):
        ik.write_batches(plan(), tmp_path / "set", **how)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("other", [plan(None), plan(RULES, DAY + dt.timedelta(days=1))], ids=["rules", "time"])
def test_two_plans_in_one_frame_are_an_error(other: pl.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="The plan mixes 2 plans"):
        ik.write_batches(pl.concat([plan(), other]), tmp_path / "set")
    assert list(tmp_path.iterdir()) == []


def test_a_plan_without_its_settings_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="The plan lacks planned_at, plan_rules"):
        ik.write_batches(plan().drop("planned_at", "plan_rules"), tmp_path / "set")
    for name, value in (("plan_rules", "{"), ("plan_rules", None), ("planned_at", "soon"), ("planned_at", None)):
        with pytest.raises(ArgumentError, match=r"plan_rules (of the plan cannot be read|is not the rules)"):
            ik.write_batches(plan().with_columns(pl.lit(value).alias(name)), tmp_path / "set")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_plan_takes_the_given_time_or_now(tmp_path: Path) -> None:
    empty = plan().clear()
    assert count_decisions(empty).settings is None
    ik.write_batches(empty, tmp_path / "then", as_of=dt.date(2020, 1, 2))
    assert "2020-01-02 00:00" in page(tmp_path / "then")
    days = [f"{dt.datetime.now(dt.UTC):%Y-%m-%d}"]
    ik.write_batches(empty, tmp_path / "now")
    days.append(f"{dt.datetime.now(dt.UTC):%Y-%m-%d}")
    assert any(day in page(tmp_path / "now") for day in days)


def test_rules_are_read_from_their_own_json() -> None:
    for rules in (ik.ResendRules(), RULES):
        assert ik.ResendRules.from_json(rules.to_json()) == rules
    assert json.loads(RULES.to_json())["link_life_days"] == 30
    with pytest.raises(ArgumentError, match="plan_rules is not the rules of a plan"):
        ik.ResendRules.from_json('{"pause": 3}')


def test_no_export_contains_the_settings() -> None:
    names = [column.name for column in schema.PLAN][-2:]
    assert names == ["planned_at", "plan_rules"]
    assert {standard(level).actions(name) for level in LEVELS for name in names} == {("drop",)}
