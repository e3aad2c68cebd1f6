"""Records are unchanged on each engine, which other tests rely on."""

import datetime as dt
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import invitekit as ik
from invitekit.model.resolve import resolve
from invitekit.planning import count_decisions
from tests.conftest import DATA, Engine

pytestmark = pytest.mark.every_engine
RECORDS = pl.DataFrame(
    {
        "customer_full_name": ["Ann's Ltd.", "深圳市某某有限公司", None, "", 'İ\t"quoted"\n🙂'],
        "source_row": [1, None, -3, 2**53 + 1, 0],
        "invited_at": [
            dt.datetime(2026, 3, 29, 2, 30), None, dt.datetime(1969, 12, 31, 23, 59, 59),
            dt.datetime(2026, 10, 25, 1, 30, 0, 1), dt.datetime(2026, 3, 29, 23, 59, 59, 999_999),
        ],
    },
    schema={"customer_full_name": pl.String, "source_row": pl.Int64, "invited_at": pl.Datetime("us")},
)  # fmt: skip


def test_text_integers_nulls_and_times_are_unchanged(engine: Engine) -> None:
    assert_frame_equal(engine.to_polars(engine(RECORDS)), RECORDS, check_row_order=False)


def test_a_column_of_nulls_keeps_the_type_of_the_schema(engine: Engine) -> None:
    kinds = {"status": pl.String(), "invited_at": pl.Datetime("us"), "source_row": pl.Int64(), "an extra": pl.String()}
    assert engine.to_polars(engine({name: [None, None] for name in kinds})).schema == kinds


TODAY = dt.datetime(2026, 3, 30, 9)
ORDER = ["source_file", "source_row"]


def assert_same(engine: Engine, found: Any, expected: Any) -> None:
    assert_frame_equal(engine.to_polars(found).sort(ORDER), expected.sort(ORDER), check_exact=False)
    assert expected.height > 3


@pytest.mark.parametrize("engine", ["duckdb", pytest.param("spark", marks=pytest.mark.spark)], indirect=True)
def test_every_step_from_records_to_a_plan_is_the_same_on_every_engine(engine: Engine) -> None:
    """Other tests check the rules on Polars and DuckDB; this one runs all steps on Spark too."""
    from tests.test_resend import CUSTOMERS, TABLE, frame, rows_of  # noqa: PLC0415 - only this test needs it

    loaded = ik.load(str(DATA))
    few = loaded.records["account_name"].unique().sort().gather_every(8)
    records = pl.concat(
        [
            loaded.records.filter(pl.col("account_name").is_in(few.to_list())),
            ik.load(str(DATA / "masked")).records.head(20).with_columns(source_file=pl.lit("masked.csv")),
            frame(*(row for number, name in enumerate(TABLE) for row in rows_of(name, number))),
            frame(*(row for rows, _ in CUSTOMERS.values() for row in rows)).with_columns(source_file=pl.lit("c.csv")),
        ],
        how="diagonal_relaxed",
    )
    rejects = loaded.rejects.with_columns(content=pl.lit(f'{{"account_name": "{few[0]}"}}'))
    annotated, found = ik.annotate(records, as_of=TODAY), ik.annotate(engine(records), as_of=TODAY)
    assert_same(engine, found, annotated)
    expired = ik.Filter(status="expired", text="A", invited_from=dt.date(2026, 2, 1))
    assert_same(engine, ik.where(found, expired), ik.where(annotated, expired))

    resolved, history = resolve(annotated), resolve(found)
    assert_same(engine, history, resolved)
    failed = resolved.filter(pl.col("failure_code").is_not_null(), "is_latest_of_customer").head(9)
    sent = failed.select("record_id", "customer_id", sent_at=pl.lit(TODAY - dt.timedelta(days=2)))
    done = failed.select("record_id", "customer_id", "failure_code", resolved_at=pl.lit(TODAY - dt.timedelta(days=1)))
    sent, done = sent.head(6), done.tail(6)
    known = resolved.filter("is_latest_of_customer", pl.col("effective_status").is_in(["associated", "expired"]))
    since = {"associated_at": pl.lit(TODAY - dt.timedelta(days=9)), "snapshot_at": pl.lit(TODAY)}
    listed = (
        known.sort("customer_id").filter(pl.row_index() % 4 > 0).with_columns(**since, source_file=pl.lit("list.csv"))
    )
    plan = ik.plan_resends(resolved, as_of=TODAY, sent=sent, resolved=done, rejected=rejects, customer_list=listed)
    events = {"sent": engine(sent), "resolved": engine(done), "customer_list": engine(listed)}
    found = ik.plan_resends(history, as_of=TODAY, rejected=rejects, **events)
    assert_same(engine, found, plan)
    assert count_decisions(found) == count_decisions(plan)
    assert len(set(plan["reason_code"])) > 20
    assert {"ours_already", "left_us", "row_rejected"} < set(plan["reason_code"])

    ours, theirs = ik.progress(annotated, as_of=TODAY), ik.progress(history, as_of=TODAY)
    for name in ours.__slots__:
        one, other = getattr(ours, name), getattr(theirs, name)
        if isinstance(one, pl.DataFrame):
            assert_frame_equal(other, one, check_exact=False)
        elif name != "trends":
            assert other == one, name
    for by, one in ours.trends.items():
        assert_frame_equal(theirs.trends[by], one, check_exact=False)
