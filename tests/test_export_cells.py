import datetime as dt
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

import invitekit as ik
from invitekit.errors import OutputError, SchemaError
from invitekit.export import verify, writers
from invitekit.export.frequent_values import MAX_BYTES
from invitekit.io import table_writers
from invitekit.privacy import Level


def records(tag: str = "sale", at: object = dt.datetime(2026, 3, 2, 9, 30)) -> pl.DataFrame:
    frame = pl.DataFrame({"account_name": [f"acct {n}" for n in range(20)], "status": ["expired"] * 20})
    return frame.with_columns(pl.lit(tag).alias("custom_tag"), pl.lit(at).alias("invited_at"))


@pytest.mark.parametrize("kind", ["csv", "xlsx", "parquet"])
def test_an_unusual_tag_is_exported_unchanged_or_as_other(tmp_path: Path, kind: str) -> None:
    tags = ("", "  ", "'=x", "'", "=x", "x" * 3_000_000)
    done = ik.export(pl.concat(map(records, tags)), tmp_path / f"out.{kind}")
    if kind == "csv":
        found = ik.load(done.path).records
    else:
        found = pl.read_excel(done.path) if kind == "xlsx" else pl.read_parquet(done.path)
    assert Counter(found["custom_tag"]) == {"'=x": 20, "'": 20, "=x": 20, "other": 60}
    assert verify(done.path).rows == 120


BORDERS = {"before": -62_135_596_800_000_001, "first": -62_135_596_800_000_000}
"""Microseconds of the last time before year 1, the first of year 1, the last of 9999, and the first after it."""
BORDERS |= {"last": 253_402_300_799_999_999, "after": 253_402_300_800_000_000}


@pytest.mark.parametrize(("kind", "level"), [("csv", "masked"), ("xlsx", "masked"), ("parquet", "pseudonymised")])
@pytest.mark.parametrize(
    ("border", "leaves"), [("before", 0), ("first", "0001-01-01"), ("last", "9999-12"), ("after", 0)]
)
def test_the_years_1_to_9999_are_exported(tmp_path: Path, kind: str, level: Level, border: str, leaves: str) -> None:
    moments = pl.Series("invited_at", [BORDERS[border], *[BORDERS["first"]] * 19]).cast(pl.Datetime("us"))
    frame = records().with_columns(moments)
    if not leaves:
        with pytest.raises(SchemaError, match=r"invited_at has 1 times before the year 1 or after 9999"):
            ik.export(frame, tmp_path / f"out.{kind}", level=level)
        assert list(tmp_path.iterdir()) == []
        return
    done = ik.export(frame, tmp_path / f"out.{kind}", level=level)
    assert verify(done.path).rows == 20
    if kind != "xlsx":  # whose days begin in 1900: fastexcel reads earlier ones as it likes, the proof as they are
        found = pl.read_csv(done.path, infer_schema=False) if kind == "csv" else pl.read_parquet(done.path)
        times = found["invited_month" if level == "pseudonymised" else "invited_at"].cast(pl.String)
        assert times.str.starts_with(leaves).sum() == (20 if border == "first" else 1)


def test_a_tag_is_exported_up_to_the_limit_in_bytes(tmp_path: Path) -> None:
    fitting = "sale-" * (MAX_BYTES // 5), "ü" * (MAX_BYTES // 2)
    too_long = *(f"{tag}x" for tag in fitting), "春" * (MAX_BYTES // 3 + 1)
    done = ik.export(pl.concat(map(records, (*fitting, *too_long))), tmp_path / "out.xlsx")
    assert Counter(pl.read_excel(done.path)["custom_tag"]) == dict.fromkeys(fitting, 20) | {"other": 60}


LONG = (("x" * 32_767, True), ("x" * 32_768, False), ("😀" * 16_383, True), ("😀" * 16_384, False))


@pytest.mark.parametrize(("text", "fits"), LONG, ids=["at", "over", "at in pairs", "over in pairs"])
def test_a_text_is_complete_in_excel_or_the_export_fails(tmp_path: Path, text: str, *, fits: bool) -> None:
    frame = records().with_columns(remarks=pl.Series([text, *["paid"] * 19]))
    for kind in ("csv", "parquet"):
        assert ik.export(frame, tmp_path / f"out.{kind}", remarks="scrub").rows == 20
    before = sorted(tmp_path.iterdir())
    if not fits:
        with pytest.raises(OutputError, match=r"longer than an Excel cell.*\.parquet or \.csv"):
            ik.export(frame, tmp_path / "out.xlsx", remarks="scrub")
        with pytest.raises(OutputError, match=r"A remarks is longer than an Excel cell"):
            table_writers.write_table(frame, tmp_path / "out.xlsx")
        assert sorted(tmp_path.iterdir()) == before
        return
    done = ik.export(frame, tmp_path / "out.xlsx", remarks="scrub")
    assert set(pl.read_excel(done.path)["remarks"]) == {text, "paid"}
    table_writers.write_table(frame, tmp_path / "own.xlsx")
    assert set(pl.read_excel(tmp_path / "own.xlsx")["remarks"]) == {text, "paid"}


@pytest.fixture
def short_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit sheets to twenty rows, because a million take a minute."""
    for room in (writers, table_writers):
        monkeypatch.setattr(room, "XLSX_ROWS", 20)


@pytest.mark.usefixtures("short_sheet")
def test_more_rows_than_a_sheet_has_are_rejected_with_a_hint(tmp_path: Path) -> None:
    one_more = pl.concat([records(), records().head(1)])
    assert ik.export(records(), tmp_path / "full.xlsx").rows == 20
    with pytest.raises(OutputError, match=r"More than 20 rows do not fit .*\.parquet or \.csv"):
        ik.export(one_more, tmp_path / "out.xlsx")
    with pytest.raises(OutputError, match=r"21 rows do not fit .*\(20\).*\.parquet or \.csv"):
        table_writers.write_table(one_more, tmp_path / "out.xlsx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full.xlsx", "full.xlsx.manifest.json"]
    assert ik.export(one_more, tmp_path / "out.csv").rows == 21


@pytest.mark.usefixtures("short_sheet")
def test_rows_of_several_small_frames_are_counted_together(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="More than 20 rows"):
        writers.write_xlsx([records().head(n) for n in (15, 0, 6)], tmp_path / "out.xlsx", safe=True)
    writers.write_xlsx([records().head(n) for n in (15, 0, 5)], tmp_path / "out.xlsx", safe=True)
    assert pl.read_excel(tmp_path / "out.xlsx")["account_name"].to_list() == [
        f"acct {n}" for n in (*range(15), *range(5))
    ]
