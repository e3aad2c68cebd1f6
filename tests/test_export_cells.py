from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

import invitekit as ik
from invitekit.errors import SchemaError
from invitekit.export import verify
from invitekit.privacy import Level


def records(tag: str = "sale", at: object = dt.datetime(2026, 3, 2, 9, 30)) -> pl.DataFrame:
    frame = pl.DataFrame({"account_name": [f"acct {n}" for n in range(20)], "status": ["expired"] * 20})
    return frame.with_columns(pl.lit(tag).alias("custom_tag"), pl.lit(at).alias("invited_at"))


@pytest.mark.parametrize("kind", ["csv", "xlsx", "parquet"])
@pytest.mark.parametrize(
    ("tag", "leaves"),
    [("", "other"), ("  ", "other"), ("'=x", "'=x"), ("'", "'"), ("=x", "=x"), ("x" * 3_000_000, "other")],
    ids=["empty", "blank", "guarded", "guard", "formula", "long"],
)
def test_an_odd_tag_leaves_as_it_is_or_as_other(tmp_path: Path, kind: str, tag: str, leaves: str) -> None:
    done = ik.export(records(tag), tmp_path / f"out.{kind}")
    if kind == "csv":
        found = ik.load(done.path).records.pl()
    else:
        found = pl.read_excel(done.path) if kind == "xlsx" else pl.read_parquet(done.path)
    assert set(found["custom_tag" if "custom_tag" in found.columns else "Custom Tag"]) == {leaves}
    assert verify(done.path).rows == 20


@pytest.mark.parametrize("kind", ["csv", "xlsx", "parquet"])
@pytest.mark.parametrize("level", ["pseudonymised", "masked"])
@pytest.mark.parametrize("micros", [-80_000_000_000_000_000, 400_000_000_000_000_000])
def test_a_year_of_no_calendar_is_refused_by_its_column(tmp_path: Path, kind: str, level: Level, micros: int) -> None:
    frame = records(at=micros).with_columns(pl.col("invited_at").cast(pl.Datetime("us")))
    with pytest.raises(SchemaError, match=r"invited_at holds 20 times before the year 1 or after 9999"):
        ik.export(frame, tmp_path / f"out.{kind}", level=level)
    assert list(tmp_path.iterdir()) == []
