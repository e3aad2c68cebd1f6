"""What the tests rely on: a record goes into each engine and comes back the same."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import narwhals.stable.v2 as nw
import polars as pl
import pytest
from polars.testing import assert_frame_equal

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Engine

pytestmark = pytest.mark.every_engine
NATIVE = {"polars": "polars", "duckdb": "duckdb", "spark": "pyspark"}
RECORDS = pl.DataFrame(
    {
        "customer_full_name": ["Ann's Ltd.", "深圳市某某有限公司", None, "", 'İ\t"quoted"\n🙂'],
        "source_row": [1, None, -3, 2**53 + 1, 0],
        "invited_at": [
            dt.datetime(2026, 3, 29, 2, 30),
            None,
            dt.datetime(1969, 12, 31, 23, 59, 59),
            dt.datetime(2026, 10, 25, 1, 30, 0, 1),
            dt.datetime(2026, 3, 29, 23, 59, 59, 999_999),
        ],
    },
    schema={"customer_full_name": pl.String, "source_row": pl.Int64, "invited_at": pl.Datetime("us")},
)


def test_text_integers_nulls_and_times_come_back_as_they_went(engine: Engine) -> None:
    assert_frame_equal(engine.to_polars(engine(RECORDS)), RECORDS, check_row_order=False)


def test_columns_given_as_a_dict_become_a_frame(engine: Engine) -> None:
    frame = engine({"status": ["invited", None], "age_days": [1, None]})
    back = engine.to_polars(frame).sort("age_days", nulls_last=True)
    assert back.to_dict(as_series=False) == {"status": ["invited", None], "age_days": [1, None]}


def test_a_frame_is_the_engines_own(engine: Engine) -> None:
    assert NATIVE[engine.name] in type(engine({"status": ["invited"]})).__module__.lower()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("status", pl.String()),
        ("invited_at", pl.Datetime("us")),
        ("source_row", pl.Int64()),
        ("an extra", pl.String()),
    ],
)
def test_a_column_of_nulls_keeps_the_type_of_the_schema(engine: Engine, name: str, kind: pl.DataType) -> None:
    assert engine.to_polars(engine({name: [None, None]})).schema == {name: kind}


def test_no_rows_come_back_as_no_rows(engine: Engine) -> None:
    assert_frame_equal(engine.to_polars(engine(RECORDS.clear())), RECORDS.clear())


def test_two_frames_of_one_engine_can_be_joined(engine: Engine) -> None:
    left = nw.from_native(engine({"key": ["a", "b"], "x": [1, 2]}))
    right = nw.from_native(engine({"key": ["b"], "y": [3]}))
    joined = engine.to_polars(left.join(right, on="key", how="inner").to_native())
    assert joined.to_dict(as_series=False) == {"key": ["b"], "x": [2], "y": [3]}


def test_a_time_has_its_written_hour_on_every_engine(engine: Engine) -> None:
    hours = nw.from_native(engine(RECORDS)).select(nw.col("invited_at").dt.hour().cast(nw.Int64))
    found = engine.to_polars(hours.to_native())["invited_at"].to_list()
    assert sorted(found, key=str) == [1, 2, 23, 23, None]


def test_a_time_is_of_the_type_without_a_zone(engine: Engine) -> None:
    frame = nw.from_native(engine(RECORDS))
    assert frame.collect_schema()["invited_at"] == nw.Datetime("us", time_zone=None)


@pytest.mark.spark
def test_spark_starts_within_two_minutes(
    spark_start_seconds: float, record_property: Callable[[str, object], None]
) -> None:
    record_property("spark_start_seconds", spark_start_seconds)
    assert spark_start_seconds < 120
