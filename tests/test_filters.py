"""A filter: one value, that says itself and chooses what it says."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import invitekit as ik
from invitekit.errors import ArgumentError, SchemaError
from invitekit.model.filters import COLUMNS, SEARCHED, Filter, where

if TYPE_CHECKING:
    from tests.conftest import Engine

ROWS = [
    {"account_name": "Acme", "effective_status": "expired", "account_manager": "lena",
     "invited_at": dt.datetime(2026, 3, 1)},
    {"account_name": "Bolt", "effective_status": "invited", "custom_tag": "50% off_",
     "invited_at": dt.datetime(2026, 3, 2, 23, 59, 59)},
    {"account_name": "Čep", "effective_status": "expired", "custom_tag": "fair", "remarks": "likes ACME", "batch": 2},
]  # fmt: skip
SHAPE: dict[str, Any] = {
    **dict.fromkeys([*SEARCHED, *COLUMNS.values()], pl.String),
    "invited_at": pl.Datetime("us"), "snapshot_at": pl.Datetime("us"), "batch": pl.Int64,
}  # fmt: skip
CHOICES: dict[str, tuple[dict[str, Any], list[str], str]] = {
    "nothing": ({}, ["Acme", "Bolt", "Čep"], "Every record"),
    "one value": ({"status": "expired"}, ["Acme", "Čep"], "Effective Status is Expired"),
    "any of several": ({"status": ["invited", "expired"]}, ["Acme", "Bolt", "Čep"],
                       "Effective Status is Expired or Invited"),
    "all together": ({"status": "expired", "manager": "lena"}, ["Acme"],
                     "Effective Status is Expired, and Account Manager is lena"),
    "empty": ({"tag": [None]}, ["Acme"], "Custom Tag is empty"),
    "empty or a value": ({"tag": [None, "fair"]}, ["Acme", "Čep"], "Custom Tag is fair or empty"),
    "text in any field, any case": ({"text": " acme "}, ["Acme", "Čep"], "Text holds 'acme'"),
    "text beyond ASCII": ({"text": "čE"}, ["Čep"], "Text holds 'čE'"),
    "text is no pattern": ({"text": "0% off_"}, ["Bolt"], "Text holds '0% off_'"),
    "a number": ({"batch": 2}, ["Čep"], "Batch is 2"),
    "from a day on": ({"invited_from": dt.date(2026, 3, 2)}, ["Bolt"], "invited from 2026-03-02 on"),
    "until a day, all of it": ({"invited_to": dt.date(2026, 3, 2)}, ["Acme", "Bolt"], "invited until 2026-03-02"),
    "nobody": ({"manager": "nobody"}, [], "Account Manager is nobody"),
}  # fmt: skip


@pytest.mark.every_engine
def test_a_filter_chooses_what_it_says(engine: Engine) -> None:
    frame = engine(pl.DataFrame(ROWS, schema=SHAPE))
    for how, chosen, _ in CHOICES.values():
        found = engine.to_polars(ik.where(frame, ik.Filter(**how)))["account_name"].sort().to_list()
        assert found == chosen, how


def test_days_are_those_of_the_invitation_where_the_records_are_resolved(engine: Engine) -> None:
    """A record without a time of its own belongs to an invitation that has one."""
    sent = pl.lit(dt.datetime(2026, 3, 2, 8)).alias("invitation_sent_at")
    frame = engine(pl.DataFrame(ROWS, schema=SHAPE).with_columns(sent))
    assert engine.to_polars(ik.where(frame, Filter(invited_from=dt.date(2026, 3, 2)))).height == len(ROWS)
    assert engine.to_polars(ik.where(frame, Filter(invited_to=dt.date(2026, 3, 1)))).height == 0


@pytest.mark.parametrize(("how", "_chosen", "words"), CHOICES.values(), ids=CHOICES)
def test_a_filter_says_itself(how: dict[str, Any], _chosen: list[str], words: str) -> None:
    assert str(Filter(**how)) == words
    assert bool(Filter(**how)) == bool(how)


def test_equal_choices_are_equal_values() -> None:
    one, two = (
        Filter(status=["invited", "expired", "invited"], text=" a"),
        Filter(status=("expired", "invited"), text="a"),
    )
    assert one == two
    assert hash(one) == hash(two)
    assert one.without("text") == Filter(status=["expired", "invited"])


@given(st.sampled_from(list(CHOICES)))
@settings(deadline=None)
def test_a_filter_comes_back_from_its_plain_values(name: str) -> None:
    choice = Filter(**CHOICES[name][0])
    kept: dict[str, Any] = dict(choice.to_dict())
    kept.update({name: dt.date.fromisoformat(kept[name]) for name in kept if name.startswith("invited_")})
    assert Filter(**kept) == choice


def test_a_code_that_is_none_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"status has no value 'gone'.*expired"):
        Filter(status="gone")


def test_days_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ArgumentError, match="is after"):
        Filter(invited_from=dt.date(2026, 3, 2), invited_to=dt.date(2026, 3, 1))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(SchemaError, match="decision"):
        where(pl.DataFrame({"status": ["invited"]}), Filter(decision="review"))
