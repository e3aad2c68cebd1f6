from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import invitekit as ik
from invitekit import schema
from invitekit.catalogue import read_catalogue
from invitekit.errors import ArgumentError, SchemaError
from invitekit.moments import _calendar_days, as_utc

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


def test_spelling_habits_do_not_matter_and_other_words_do(engine: Any) -> None:
    texts = [
        "THE INVITATION  LINK has expired",
        "邀请链接已失效。",
        "The invitation link has expired!!",
        "Something else",
    ]
    found = annotated(engine, *[record(status="association_failed", failure_message=text) for text in texts])
    assert [row["failure_code"] for row in found] == ["link_expired", "link_expired", "unknown", "unknown"]


def test_a_failure_without_a_message_says_so(engine: Any) -> None:
    found = annotated(engine, record(status="association_failed"), record(status="invited"))
    assert [row["failure_code"] for row in found] == ["not_given", None]


def test_a_message_of_an_associated_record_is_history(engine: Any) -> None:
    (found,) = annotated(engine, record(status="associated", failure_message=EXPIRED_LINK))
    assert all(found[name] is None for name in ("failure_code", "cause", "advice", "who_acts", "resend_rule"))


def test_the_meaning_comes_in_chinese(engine: Any) -> None:
    (found,) = annotated(engine, record(status="association_failed", failure_message=EXPIRED_LINK), language="zh")
    assert found["suggested_operation"] == "建议重新发送邀请邮件。"


def test_a_failure_of_ones_own_is_known(engine: Any, tmp_path: Path) -> None:
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
    "a QR code with a date": (record(invitation_method="qr_code", expires_at=AS_OF - WEEK), "invited"),
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
    dt.datetime(2026, 3, 30, 12): 0,
    dt.datetime(2026, 3, 29, 12, 0, 1): 0,
    dt.datetime(2026, 3, 29, 12): 1,
    dt.datetime(2026, 3, 31, 12): -1,
    dt.datetime(2026, 3, 30, 12, 0, 1): -1,
    dt.datetime(2025, 12, 31, 23): 88,
    dt.datetime(2024, 2, 29): 760,
}


def test_ages_are_whole_days_rounded_towards_the_past(engine: Any) -> None:
    found = annotated(engine, *[record(invited_at=at) for at in AGES])
    assert [row["age_days"] for row in found] == list(AGES.values())


def test_days_to_associate_need_both_times(engine: Any) -> None:
    done = record(status="associated", associated_at=dt.datetime(2026, 3, 23, 11))
    found = annotated(engine, done, record(status="associated"))
    assert [row["days_to_associate"] for row in found] == [2, None]


TIMES = st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2099, 12, 31)).map(lambda at: at.replace(microsecond=0))


@settings(max_examples=100, deadline=None)
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


def test_no_records_are_no_error(engine: Any) -> None:
    assert annotated(engine) == []


def test_a_missing_column_is_named() -> None:
    with pytest.raises(SchemaError, match="lack expires_at"):
        ik.annotate(records(record()).drop("expires_at"))


def test_a_language_that_is_none_is_refused() -> None:
    with pytest.raises(ArgumentError, match="'de'"):
        ik.annotate(records(record()), language="de")  # type: ignore[arg-type]  # the mistake is the test


def test_a_moment_is_utc_whatever_it_is_given_as() -> None:
    east = dt.timezone(dt.timedelta(hours=8))
    assert as_utc(dt.date(2026, 3, 30)) == dt.datetime(2026, 3, 30)
    assert as_utc(dt.datetime(2026, 3, 30, 8, tzinfo=east)) == dt.datetime(2026, 3, 30)
    assert abs(as_utc(None) - dt.datetime.now(dt.UTC).replace(tzinfo=None)) < dt.timedelta(minutes=1)
