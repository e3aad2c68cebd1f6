"""Explorer, picker, plan, progress, trend and report count the same invitations and customers."""

import datetime as dt
import re
from pathlib import Path
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import invitekit as ik
from invitekit.model.vocabularies import LISTS
from invitekit.planning.summary import count_decisions
from tests.conftest import DATA, SOAK
from tests.test_widgets import FakeBrowser

DAY = dt.date(2026, 3, 30)
STAGES = {"associated": "associated", "failed": "association_failed", "expired": "expired", "open": "invited",
          "pre_registered": "pre_registered", "pending_review": "pending_review", "unknown": "unknown",
          "not_pre_registered": "not_pre_registered"}  # fmt: skip
"""Each stage of the funnel that is one status."""
IN_REPORT = {"All invitations": "all", "Associated": "associated", "Association failed": "failed", "Expired": "expired",
             "Still open": "open"}  # fmt: skip

REPORTED = 10
"""Drawing the report of every small history would take minutes."""


def as_polars(records: Any) -> pl.DataFrame:
    frame: pl.DataFrame = nw.from_native(records).lazy().collect("polars").to_native()
    return frame


def counted(told: dict[str, Any], name: str) -> dict[Any, int]:
    """Return a choice of a screen with its counts."""
    return {value: n for facet in told["counts"]["facets"] if facet["name"] == name for value, _, n in facet["values"]}


def check(records: pl.DataFrame, folder: Path) -> dict[str, int]:
    """Check that all tell the same of some records, and give the counts."""
    annotated = ik.annotate(records, as_of=DAY)
    progress, plan = ik.progress(annotated, as_of=DAY), ik.plan_resends(annotated, as_of=DAY)
    explorer, picker = FakeBrowser(ik.Explorer(records, as_of=DAY)), FakeBrowser(ik.ResendPicker(records, as_of=DAY))
    for screen in (explorer, picker):
        assert screen.widget.wait(60)
    explored, picked = explorer.request(type="connect"), picker.request(type="connect")
    stages = dict(progress.funnel.select("stage", "n").iter_rows())

    assert explored["counts"]["matched"] == explorer.widget.count == progress.counts["invitations"] == stages["all"]
    status = counted(explored, "status")
    by_status = stages | {"open": stages["open"] + stages["not_used"]}  # a link that was not used is still invited
    assert {stage: status.get(code, 0) for stage, code in STAGES.items()} == {name: by_status[name] for name in STAGES}

    failed_by_week: dict[dt.date, int] = {}
    for day, _, failed, _ in explored["counts"].get("days", []):
        date = dt.date.fromisoformat(day)
        week = date - dt.timedelta(date.weekday())
        failed_by_week[week] = failed_by_week.get(week, 0) + failed
    trend = dict(ik.failure_trend(annotated, as_of=DAY).select("period_start", "n").iter_rows())
    assert {week: n for week, n in failed_by_week.items() if n} == {week: n for week, n in trend.items() if n}

    decided = count_decisions(plan)
    customers = explored["customers"]["customers"]
    assert customers == decided.customers == picked["counts"]["total"] == sum(n for *_, n in picked["state"]["tabs"])
    assert picker.widget.count == picked["counts"]["matched"] == decided.candidates
    rows = {code: n for code, n in decided.by_decision.items() if n}
    tabs = {code: n for code, _, n in picked["state"]["tabs"] if n}
    assert tabs == {code: n for code, n in rows.items() if code != "superseded"}
    batches = plan.filter(pl.col("batch").is_not_null()).group_by("batch").len()
    assert counted(picked, "batch") == dict(batches.iter_rows())
    for screen in (explorer, picker):
        screen.widget.every_row = True
        told = screen.request(type="connect")
        assert told["counts"]["total"] == records.height == progress.counts["rows"]
        screen.widget.stop()
    assert {code: n for code, _, n in told["state"]["tabs"] if n} == rows

    if stages["all"] >= REPORTED:
        _check_report(annotated, stages, decided.by_list, folder / "report.md")
    return {
        "invitations": progress.counts["invitations"], "customers": customers, "failed": stages["failed"],
        "associated": stages["associated"], "expired": stages["expired"], "resend": decided.candidates,
    }  # fmt: skip


def _check_report(annotated: pl.DataFrame, stages: dict[str, int], lists: dict[str, int], path: Path) -> None:
    ik.report(annotated, path, as_of=DAY, overwrite=True)
    text = path.read_text("utf-8")
    assert f"· {stages['all']:,} invitations ·" in text
    funnel = text.partition("## Where invitations stand")[2].partition("\n## ")[0]
    for label, stage in IN_REPORT.items():
        shown = re.search(rf"^\| {label} .*?\| +([\d,]+) \|", funnel, re.MULTILINE)
        assert (int(shown[1].replace(",", "")) if shown else 0) == stages[stage], label
    for one in LISTS:
        sizes = re.findall(rf"^\| {one.en} +\| .*? \| +([\d,]+) \|$", text, re.MULTILINE)
        assert sum(int(size.replace(",", "")) for size in sizes) == lists[one.code], one.code


def test_all_counts_of_the_sample_agree(tmp_path: Path) -> None:
    assert check(as_polars(ik.load(str(DATA)).records), tmp_path) == {
        "invitations": 705, "customers": 569, "failed": 263, "associated": 191, "expired": 74, "resend": 115,
    }  # fmt: skip


def test_all_counts_of_masked_files_without_ids_agree(tmp_path: Path) -> None:
    ik.write_sample(tmp_path / "files", rows=300, seed=5, masked=True)
    records = as_polars(ik.load(str(tmp_path / "files")).records)
    check(records.with_columns(account_name=pl.lit(None, pl.String)), tmp_path)


KEYS = st.sampled_from([None, "anna", "ben", "carl", "T***m"])
TIMES = st.sampled_from([None, "2026-03-02 10:07", "2026-03-02", "2026-03-10 09:31", "2026-03-19 16:02"])
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "Account Name": KEYS, "Email": st.sampled_from([None, "a@x.example", "b@x.example", "t***@x.example"]),
            "Customer Full Name": KEYS,
            "Status": st.sampled_from(["Invited", "Association failed", "Associated", "Expired", "Pre-registered",
                                       "Pending review"]),
            "Failure Cause": st.sampled_from([None, "The invitation link has been used."]),
            "Invitation Method": st.sampled_from(["Email", "Link", None]), "Invitation Time": TIMES,
            "Snapshot Time": st.sampled_from(["2026-03-09", "2026-03-16", "2026-03-23"]),
        },
    ),
    min_size=1, max_size=12,
)  # fmt: skip
ONE: dict[str, Any] = {"Account Name": "anna", "Email": None, "Customer Full Name": None, "Status": "Expired",
                       "Failure Cause": None, "Invitation Method": "Email", "Invitation Time": "2026-03-02 10:07",
                       "Snapshot Time": "2026-03-09"}  # fmt: skip


@settings(max_examples=12 if SOAK else 1, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
@example(rows=[ONE, ONE])  # twice in one file
@example(rows=[ONE | {"Account Name": "T***m", "Snapshot Time": day} for day in ("2026-03-09", "2026-03-16")])
@example(rows=[ONE, ONE | {"Status": "Pre-registered", "Invitation Time": None, "Snapshot Time": "2026-03-16"}])
def test_all_counts_of_any_history_agree(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    frame = pl.DataFrame(rows, schema=dict.fromkeys(rows[0], pl.String))
    check(as_polars(ik.load(frame).records), tmp_path)
