import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import narwhals.stable.v2 as nw
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import invitekit as ik
from invitekit.engine.datetimes import _calendar_days, as_utc
from invitekit.errors import ArgumentError, SchemaError
from invitekit.model import schema
from invitekit.model.catalogue import read_catalogue
from tests.conftest import DATA, often

AS_OF = dt.datetime(2026, 3, 30, 12)
EXPIRED_LINK = "The invitation link has expired."


def record(**changes: Any) -> dict[str, Any]:
    plain = {
        "record_id": "k1", "status": "invited", "failure_message": None, "invitation_method": "email",
        "invited_at": dt.datetime(2026, 3, 20, 12), "expires_at": None, "associated_at": None,
    }  # fmt: skip
    return plain | changes


def records(*rows: dict[str, Any]) -> pl.DataFrame:
    times = dict.fromkeys(("invited_at", "expires_at", "associated_at"), pl.Datetime("us"))
    texts = dict.fromkeys(("record_id", "status", "failure_message", "invitation_method"), pl.String)
    return pl.DataFrame(list(rows), schema={**texts, **times})


def annotated(engine: Any, *rows: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    frame = records(*[row | {"record_id": f"k{i}"} for i, row in enumerate(rows)])
    found = engine.to_polars(ik.annotate(engine(frame), **{"as_of": AS_OF, **options}))
    return list(found.sort("record_id").to_dicts())


def test_a_known_message_gets_its_meaning(engine: Any) -> None:
    (found,) = annotated(engine, record(status="association_failed", failure_message=EXPIRED_LINK))
    failure = read_catalogue().by_code("link_expired")
    assert failure is not None
    assert found["failure_code"] == "link_expired"
    assert found["cause"] == failure.cause("en")
    assert found["advice"] == failure.advice("en")
    assert found["suggested_operation"] == "Send the invitation email again."
    assert (found["who_acts"], found["resend_rule"]) == ("partner", "now")


def test_spelling_variants_match_and_other_words_do_not(engine: Any) -> None:
    texts = [
        "THE INVITATION  LINK has expired", "邀请链接已失效。", "The invitation link has expired!!", "Something else",
    ]  # fmt: skip
    found = annotated(engine, *[record(status="association_failed", failure_message=text) for text in texts])
    assert [row["failure_code"] for row in found] == ["link_expired", "link_expired", "unknown", "unknown"]


@pytest.mark.parametrize(("status", "code"), [("association_failed", "not_given"), ("invited", None)])
def test_a_failure_without_message_or_with_an_empty_one_has_a_code(engine: Any, status: str, code: str | None) -> None:
    messages = [None, "", "   ", "\t\n", "\u00a0\u3000", "\ufeff"]
    found = annotated(engine, *[record(status=status, failure_message=message) for message in messages])
    assert [(row["failure_code"], row["failure_message"]) for row in found] == [(code, one) for one in messages]


def test_a_message_of_an_associated_record_is_history(engine: Any) -> None:
    (found,) = annotated(engine, record(status="associated", failure_message=EXPIRED_LINK))
    assert all(found[name] is None for name in ("failure_code", "cause", "advice", "who_acts", "resend_rule"))


def test_cause_and_advice_are_available_in_chinese(engine: Any) -> None:
    (found,) = annotated(engine, record(status="association_failed", failure_message=EXPIRED_LINK), language="zh")
    assert found["suggested_operation"] == "建议重新发送邀请邮件。"


def test_a_failure_of_the_users_own_catalogue_is_known(engine: Any, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        '[[failure]]\ncode = "holiday"\nmessage_en = "On holiday."\ncause_en = "Away."\nadvice_en = "Wait."\n'
        'who_acts = "customer"\nresend_rule = "after_customer_acts"\n'
    )
    row = record(status="association_failed", failure_message="on holiday")
    (found,) = annotated(engine, row, catalogue=read_catalogue(mine))
    assert found["failure_code"] == "holiday"


SECOND = dt.timedelta(seconds=1)
WEEK = dt.timedelta(days=7)
EXPIRY = {
    "a second before seven days": (record(invited_at=AS_OF - WEEK + SECOND), "invited"),
    "at seven days": (record(invited_at=AS_OF - WEEK), "expired"),
    "a second after seven days": (record(invited_at=AS_OF - WEEK - SECOND), "expired"),
    "before its own expiry": (record(expires_at=AS_OF + SECOND), "invited"),
    "at its own expiry": (record(expires_at=AS_OF), "expired"),
    "a link": (record(invitation_method="link"), "invited"),
    "a QR code at its own expiry": (record(invitation_method="qr_code", expires_at=AS_OF), "expired"),
    "a link before its own expiry": (record(invitation_method="link", expires_at=AS_OF + SECOND), "invited"),
    "an unknown method": (record(invitation_method=None), "invited"),
    "no time at all": (record(invited_at=None), "invited"),
    "an associated one": (record(status="associated"), "associated"),
    "one that the portal calls expired": (record(status="expired", invited_at=AS_OF), "expired"),
}


def test_the_effective_status_at_every_border(engine: Any) -> None:
    found = annotated(engine, *[row for row, _ in EXPIRY.values()])
    told = dict(zip(sorted(f"k{i}" for i in range(len(EXPIRY))), found, strict=True))
    meant = {f"k{i}": status for i, (_, status) in enumerate(EXPIRY.values())}
    assert {key: row["effective_status"] for key, row in told.items()} == meant


AGES = {
    dt.datetime(2026, 3, 30, 12): 0, dt.datetime(2026, 3, 29, 12, 0, 1): 0, dt.datetime(2026, 3, 29, 12): 1,
    dt.datetime(2026, 3, 31, 12): -1, dt.datetime(2026, 3, 30, 12, 0, 1): -1, dt.datetime(2025, 12, 31, 23): 88,
    dt.datetime(2024, 2, 29): 760,
}  # fmt: skip


def test_ages_are_whole_days_rounded_down(engine: Any) -> None:
    found = annotated(engine, *[record(invited_at=at) for at in AGES])
    assert [row["age_days"] for row in found] == list(AGES.values())


def test_days_to_associate_need_both_times(engine: Any) -> None:
    done = record(status="associated", associated_at=dt.datetime(2026, 3, 23, 11))
    found = annotated(engine, done, record(status="associated"))
    assert [row["days_to_associate"] for row in found] == [2, None]


TIMES = st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2099, 12, 31)).map(lambda at: at.replace(microsecond=0))


@settings(max_examples=often(100), deadline=None)
@given(start=TIMES, end=TIMES)
def test_both_ways_to_count_days_agree_with_python(start: dt.datetime, end: dt.datetime) -> None:
    frame = pl.DataFrame({"start": [start], "end": [end]}, schema=dict.fromkeys(("start", "end"), pl.Datetime("us")))
    calendar = nw.from_native(frame).select(_calendar_days(nw.col("start"), nw.col("end"))).to_native().item()
    (row,) = ik.annotate(records(record(invited_at=start)), as_of=end).to_dicts()
    assert calendar == row["age_days"] == (end - start).days


def test_annotating_twice_is_the_same_as_once(engine: Any) -> None:
    frame = records(record(status="association_failed", failure_message=EXPIRED_LINK))
    once = ik.annotate(engine(frame), as_of=AS_OF)
    assert engine.to_polars(ik.annotate(once, as_of=AS_OF)).equals(engine.to_polars(once))


def test_nothing_else_changes_and_no_row_is_lost(engine: Any) -> None:
    rows = [record(record_id=f"k{i}", failure_message=None if i % 2 else EXPIRED_LINK) for i in range(30)]
    found = engine.to_polars(ik.annotate(engine(records(*rows)), as_of=AS_OF)).sort("record_id")
    assert found.select(records().columns).equals(records(*rows).sort("record_id"))
    assert found.columns == [*records().columns, *(c.name for c in schema.ANNOTATED)]


def test_the_first_and_the_last_day_that_a_time_can_have_are_valid(engine: Any) -> None:
    for day, status in ((dt.date(2000, 1, 1), "invited"), (dt.date(2099, 12, 31), "expired")):
        assert annotated(engine, record(), as_of=day)[0]["effective_status"] == status


def test_no_records_cause_no_error(engine: Any) -> None:
    assert annotated(engine) == []


def test_a_missing_column_is_named() -> None:
    with pytest.raises(SchemaError, match="lack expires_at"):
        ik.annotate(records(record()).drop("expires_at"))


NOTHING = [name for name in records().columns if name not in ("record_id", "status", "invited_at")]
FRAMES: dict[str, Callable[[pl.DataFrame], Any]] = {
    "polars": lambda frame: frame, "lazy": lambda frame: frame.lazy(), "pandas": lambda frame: frame.to_pandas(),
    "pandas that knows objects only": lambda frame: pd.DataFrame(frame.to_dicts(), columns=frame.columns),
    "pandas as it reads empty cells": lambda frame: frame.to_pandas().assign(**dict.fromkeys(NOTHING, float("nan"))),
    "arrow": lambda frame: frame.to_arrow(), "duckdb": lambda frame: duckdb.connect().from_arrow(frame.to_arrow()),
}  # fmt: skip


FORETOLD = pytest.mark.filterwarnings("ignore:In a future version, the keys of `groups`")
"""Warnings of pandas about Narwhals."""


@FORETOLD
@pytest.mark.parametrize("native", FRAMES.values(), ids=FRAMES.keys())
@pytest.mark.parametrize("kind", [pl.Null, pl.String], ids=str)
def test_missing_columns_may_be_added_as_nulls(native: Callable[[pl.DataFrame], Any], kind: Any) -> None:
    frame = records(record(status="association_failed", invited_at=AS_OF - WEEK)).drop(NOTHING)
    given = native(frame.with_columns(pl.lit(None, kind).alias(name) for name in NOTHING))
    result = nw.from_native(ik.annotate(given, as_of=AS_OF)).lazy().collect("polars")
    assert result.select("failure_code", "effective_status", "age_days").rows() == [
        ("not_given", "association_failed", 7)
    ]
    assert {result.schema[name] for name in ("expires_at", "associated_at")} == {nw.Datetime("us")}


@pytest.mark.spark
def test_spark_takes_added_nulls_too(spark: Any) -> None:
    columns = ", ".join(f"null as {name}" for name in NOTHING)
    given = spark.sql(
        f"select 'association_failed' as status, timestamp_ntz'2026-03-23 12:00:00' as invited_at, {columns}"
    )
    found = ik.annotate(given, as_of=AS_OF).select("failure_code", "age_days", "days_to_associate").collect()
    assert [tuple(row) for row in found] == [("not_given", 7, None)]


def test_a_plan_can_be_made_of_added_nulls() -> None:
    needed = [c.name for c in schema.RECORD if c.name not in records().columns]
    frame = records(record()).with_columns(pl.lit(None).alias(name) for name in needed)
    planned = ik.plan_resends(ik.annotate(frame, as_of=AS_OF), as_of=AS_OF)
    assert planned["decision"].to_list() == ["resend_now"]


@pytest.mark.parametrize("kind", [pl.Categorical(), pl.Enum(["invited"])], ids=str)
def test_words_may_be_categories_and_times_may_be_dates(kind: Any) -> None:
    frame = records(record(invited_at=dt.datetime(2026, 3, 1))).cast({"status": kind, "invited_at": pl.Date})
    found = ik.annotate(frame, as_of=AS_OF)
    assert found.select("effective_status", "age_days", "invited_at").row(0) == ("expired", 29, dt.datetime(2026, 3, 1))


def test_a_column_of_a_wrong_type_is_named_without_its_values() -> None:
    frame = records(record()).with_columns(invited_at=pl.lit("secret@example.com"))
    with pytest.raises(SchemaError, match=r"^invited_at has type String, not time. Hint: "):
        ik.annotate(frame)


@pytest.mark.parametrize(("column", "wanted"), [("account_name", "text"), ("email", "text"), ("snapshot_at", "time")])
def test_columns_of_later_steps_have_their_types_too(column: str, wanted: str) -> None:
    frame = records(record()).with_columns(pl.lit(7).alias(column))
    with pytest.raises(SchemaError, match=rf"^{column} has type Int32, not {wanted}. Hint: "):
        ik.annotate(frame)


IN_MEMORY: dict[str, Callable[[pl.DataFrame], Any]] = {
    "pandas": lambda frame: frame.to_pandas(),
    "pandas with columns of Arrow": lambda frame: frame.to_pandas(use_pyarrow_extension_array=True),
    "arrow": lambda frame: frame.to_arrow(),
}
DAY = dt.date(2026, 3, 30)
SENT = pl.DataFrame({"record_id": ["k1"], "sent_at": [dt.datetime(2026, 3, 24)]})
FROM_HISTORY: dict[str, Callable[[pl.DataFrame, Any], Any]] = {
    "where": lambda history, native: ik.where(native(history), ik.Filter(text="acct", status=("invited",))),
    "latest": lambda history, native: ik.latest(native(history)),
    "latest of resolved records": lambda history, native: ik.latest(native(ik.resolve(history))),
    "plan_resends": lambda history, native: ik.plan_resends(native(history), as_of=DAY),
    "plan_resends of resolved records": lambda history, native: ik.plan_resends(
        native(ik.resolve(history)), as_of=DAY, sent=native(SENT), rejected=native(ik.load(DATA).rejects)
    ),
    "failure_trend": lambda history, native: ik.failure_trend(native(history), as_of=DAY, by="cause"),
    "progress": lambda history, native: ik.progress(native(history), as_of=DAY).survival,
    "compare": lambda history, native: ik.compare(native(history.head(493)), native(history.tail(705))).changes,
    "customer_history": lambda history, native: pl.DataFrame(
        ik.customer_history(
            native(ik.plan_resends(history, as_of=DAY)), history["account_name"][0], sent=native(SENT)
        ).newest
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def history() -> pl.DataFrame:
    found: pl.DataFrame = ik.annotate(ik.load(DATA), as_of=DAY)
    return found


@FORETOLD
@pytest.mark.parametrize("native", IN_MEMORY.values(), ids=IN_MEMORY.keys())
@pytest.mark.parametrize("verb", FROM_HISTORY)
def test_pandas_and_arrow_answer_like_polars(history: pl.DataFrame, verb: str, native: Callable[[Any], Any]) -> None:
    found, expected = (FROM_HISTORY[verb](history, convert) for convert in (native, lambda frame: frame))
    rows = nw.from_native(found).lazy().collect("polars").to_native()
    assert expected.height
    order = {"check_row_order": False, "check_column_order": False, "check_dtypes": False}  # pandas has floats only
    assert_frame_equal(rows, expected, **order)


TAKING_RECORDS: dict[str, Callable[[Any, Path], object]] = {
    "annotate": lambda records, _: ik.annotate(records),
    "where": lambda records, _: ik.where(records, ik.Filter(status=("association_failed",))),
    "latest": lambda records, _: ik.latest(records),
    "plan_resends": lambda records, _: ik.plan_resends(records),
    "failure_trend": lambda records, _: ik.failure_trend(records),
    "progress": lambda records, _: ik.progress(records),
    "compare": lambda records, _: ik.compare(records, records),
    "report": lambda records, folder: ik.report(records, folder / "report.html"),
}


@pytest.mark.parametrize("verb", TAKING_RECORDS)
def test_only_frames_and_results_of_load_with_all_columns_are_accepted(verb: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="have the type object, which is not a frame"):
        TAKING_RECORDS[verb](object(), tmp_path)
    loaded = ik.load(records(record()))
    if verb == "annotate":
        TAKING_RECORDS[verb](loaded, tmp_path)
    else:
        with pytest.raises(SchemaError, match=r"effective_status.*pass what annotate"):
            TAKING_RECORDS[verb](loaded, tmp_path)


def test_two_columns_of_one_name_are_refused() -> None:
    frame = records(record()).to_pandas()
    with pytest.raises(SchemaError, match="Two columns"):
        ik.annotate(pd.concat([frame, frame[["status"]]], axis=1))


# --- zones

HERE = "America/New_York"
"""The zone of a test session; its clocks go back at 2025-11-02 06:00 UTC."""
MOMENTS = [dt.datetime(2026, 1, 1), dt.datetime(2025, 11, 2, 5, 30), dt.datetime(2025, 11, 2, 6, 30, 0, 1), None]


def _duckdb_there(frame: pl.DataFrame) -> Any:
    connection = duckdb.connect()
    connection.execute(f"set TimeZone = '{HERE}'")
    return connection.from_arrow(frame.to_arrow())


THERE: dict[str, Callable[[pl.DataFrame], Any]] = FRAMES | {"duckdb": _duckdb_there}


def at_midnight() -> pl.DataFrame:
    rows = records(*[record(record_id=f"k{i}", invited_at=at) for i, at in enumerate(MOMENTS)])
    times = pl.col("invited_at", "expires_at", "associated_at").dt.replace_time_zone("UTC").dt.convert_time_zone(HERE)
    return rows.with_columns(times)


def assert_a_week(native: Any) -> None:
    result = ik.annotate(native, as_of=dt.date(2026, 1, 8))
    found = nw.from_native(result).lazy().collect("polars").sort("record_id")
    assert found["invited_at"].to_list() == MOMENTS
    assert found["age_days"].to_list() == [7, 66, 66, None]
    assert found["effective_status"].to_list() == ["expired"] * 3 + ["invited"]
    kinds = dict(nw.from_native(result).collect_schema())
    assert {kinds[name] for name in ("invited_at", "expires_at", "associated_at")} == {nw.Datetime("us")}


@FORETOLD
@pytest.mark.parametrize("name", ["polars", "lazy", "pandas", "pandas that knows objects only", "arrow", "duckdb"])
def test_times_with_a_zone_become_utc_without_one(name: str) -> None:
    assert_a_week(THERE[name](at_midnight()))


@pytest.mark.spark
def test_a_timestamp_of_spark_is_the_same_in_a_session_of_any_zone(spark: Any) -> None:
    before = spark.conf.get("spark.sql.session.timeZone")
    spark.conf.set("spark.sql.session.timeZone", HERE)
    try:
        native = spark.createDataFrame(at_midnight().with_columns(pl.lit("x").alias("an extra")).to_arrow())
        assert dict(native.dtypes)["invited_at"] == "timestamp"
        assert_a_week(native)
    finally:
        spark.conf.set("spark.sql.session.timeZone", before)


def test_an_unknown_language_is_rejected() -> None:
    with pytest.raises(ArgumentError, match="'de'"):
        ik.annotate(records(record()), language="de")


def test_as_of_is_converted_to_utc() -> None:
    east = dt.timezone(dt.timedelta(hours=8))
    assert as_utc(dt.date(2026, 3, 30)) == dt.datetime(2026, 3, 30)
    assert as_utc(dt.datetime(2026, 3, 30, 8, tzinfo=east)) == dt.datetime(2026, 3, 30)
    with pytest.raises(ArgumentError, match="years 2000 to 2099"):
        as_utc(dt.datetime(1, 1, 1, tzinfo=east))
    assert abs(as_utc(None) - dt.datetime.now(dt.UTC).replace(tzinfo=None)) < dt.timedelta(minutes=1)


def test_annotate_and_the_screens_accept_the_result_of_load(tmp_path: Path) -> None:
    loaded = ik.load(pl.DataFrame({"Account": ["a1", "a2"], "Status": ["Expired", "Associated"]}))
    day = dt.date(2026, 3, 30)
    assert ik.annotate(loaded, as_of=day).equals(ik.annotate(loaded.records, as_of=day))
    assert ik.Explorer(loaded).count == 2
    picker = ik.ResendPicker(loaded, ik.ResendRules(cool_down_days=0), as_of=day, folder=tmp_path)
    assert (picker.wait(60), picker.count) == (True, 1)
    ik.ExportPanel(loaded, folder=tmp_path, file="records.parquet").run()
    assert pl.read_parquet(tmp_path / "records.parquet").height == 2


def test_a_frame_with_a_column_called_records_stays_a_frame() -> None:
    with pytest.raises(SchemaError, match="Records lack"):
        ik.annotate(pl.DataFrame({"records": [1], "status": ["invited"]}))
