"""Edited exports with an adapted manifest: the checks use the content of the file."""

import datetime as dt
import json
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import polars as pl
import pytest

import invitekit as ik
from invitekit.errors import ChangedError
from invitekit.export import verify
from invitekit.export.manifest import path_of
from invitekit.export.writers import SINKS, write_csv
from invitekit.io.digest import digest
from invitekit.privacy import Level

KINDS = ("csv", "xlsx", "parquet")
MARK = b"\xef\xbb\xbf"
FRAME = pl.DataFrame(
    {
        "account_name": [f"acct {n}" for n in range(30)], "status": ["expired"] * 30, "who_acts": ["partner"] * 30,
        "invited_at": [dt.datetime(2026, 3, 2, 9, 30)] * 30, "remarks": ["call back", None] * 15,
        "attempts": [None, 1, 2] * 10,
    },
)  # fmt: skip


POLICY = """
[[column]]
name = "change"
action = "keep"
range = [-5, 5]

[[column]]
name = "tier"
action = "keep"
values = ["=1"]
"""


@cache
def made(kind: str, level: Level) -> tuple[bytes, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        done = ik.export(FRAME, Path(folder) / f"out.{kind}", level=level)
        return done.path.read_bytes(), done.manifest.read_bytes()


def exported(folder: Path, kind: str, level: Level = "pseudonymised") -> Path:
    """Return a copy of an export for each test."""
    path = folder / f"out.{kind}"
    for file, content in zip((path, path_of(path)), made(kind, level), strict=True):
        file.write_bytes(content)
    return path


def fit(path: Path, **told: object) -> None:
    """Write the current digest of the file, and other given fields, into the manifest."""
    page = path_of(path)
    page.write_text(json.dumps(json.loads(page.read_text("utf-8")) | {"sha256": digest(path)} | told), "utf-8")


def edited(path: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Change the content of a file, after checking that it verifies unchanged."""
    read: dict[str, Callable[[Path], pl.DataFrame]] = {
        ".csv": lambda file: pl.read_csv(file, infer_schema=False),
        ".xlsx": lambda file: pl.read_excel(file, infer_schema_length=0),
        ".parquet": pl.read_parquet,
    }
    found = read[path.suffix](path)
    SINKS[path.suffix]([found], path, safe=True)
    fit(path)
    assert verify(path).rows == len(found)
    SINKS[path.suffix]([change(found)], path, safe=True)
    fit(path)


def refusal(path: Path) -> tuple[str, str, int]:
    with pytest.raises(ChangedError) as refused:
        verify(path)
    assert refused.value.__context__ is None
    return refused.value.column, refused.value.check, refused.value.count


def put(column: str, place: int, cell: object) -> Callable[[pl.DataFrame], pl.DataFrame]:
    def change(found: pl.DataFrame) -> pl.DataFrame:
        cells = found[column].to_list()
        cells[place] = cell
        return found.with_columns(pl.Series(column, cells, dtype=found.schema[column]))

    return change


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("attempts", "acct 1"),
        ("attempts", "1.4915170100"),  # rounded, it would be a number of the range
        ("has_remarks", "acct 1"),
        ("invited_month", "acct 1"),
        ("invited_month", "2026-03-01 09:30:00"),
    ],
)
def test_an_invalid_cell_is_detected(tmp_path: Path, kind: str, column: str, cell: str) -> None:
    path = exported(tmp_path, kind)
    edited(path, put(column, 1, cell))
    assert refusal(path) == (column, "declared", 1)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_invalid_word_in_place_of_an_empty_cell_is_detected(tmp_path: Path, kind: str) -> None:
    path = exported(tmp_path, kind)

    def change(found: pl.DataFrame) -> pl.DataFrame:
        return put("attempts", found["attempts"].to_list().index(None), "acct 0")(found)

    edited(path, change)
    assert refusal(path) == ("attempts", "declared", 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("column", ["status", "account_name"])
def test_an_emptied_cell_is_detected(tmp_path: Path, kind: str, column: str) -> None:
    path = exported(tmp_path, kind)
    edited(path, put(column, 3, None))
    assert refusal(path) == (column, "nulls", 1)


@pytest.mark.parametrize("kind", KINDS)
def test_removed_or_added_rows_are_detected(tmp_path: Path, kind: str) -> None:
    (tmp_path / "more").mkdir()
    path = exported(tmp_path, kind)
    edited(path, lambda found: found.tail(-2))
    assert refusal(path) == ("file", "rows", 2)
    edited(exported(tmp_path / "more", kind), lambda found: pl.concat([found, found.head(1)]))
    assert refusal(tmp_path / "more" / path.name) == ("file", "rows", 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["places", "names", "one less", "one more"])
def test_reordered_or_missing_columns_are_detected(tmp_path: Path, kind: str, how: str) -> None:
    path = exported(tmp_path, kind)
    changes: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
        "places": lambda found: found.select(*found.columns[1:], found.columns[0]),
        "names": lambda found: found.rename({"status": "who_acts", "who_acts": "status"}),
        "one less": lambda found: found.drop("status"),
        "one more": lambda found: found.with_columns(more=pl.lit("acct 1")),
    }
    edited(path, changes[how])
    assert refusal(path)[:2] == ("file", "columns")


@pytest.mark.parametrize(
    "line",
    [b"acct 1\r\n", b"," * 20 + b"acct 1\r\n", b'"acct 1\r\n', b"\xff\xfe\r\n"],
    ids=["short", "long", "open", "no UTF-8"],
)
def test_csv_in_another_format_is_rejected(tmp_path: Path, line: bytes) -> None:
    path = exported(tmp_path, "csv")
    path.write_bytes(path.read_bytes() + line)
    fit(path, rows=31)
    assert refusal(path) == ("file", "readable", 1)


def test_a_formula_in_csv_is_detected_and_a_negative_number_is_none(tmp_path: Path) -> None:
    rules, frame = (tmp_path / "policy.toml", FRAME.with_columns(change=pl.lit(-3), tier=pl.lit("=1")))
    rules.write_text(POLICY)
    path = ik.export(frame, tmp_path / "out.csv", policy=rules).path
    assert verify(path).rows == 30
    path.write_bytes(path.read_bytes().replace(b"'=1", b"=1", 2))
    fit(path)
    assert refusal(path) == ("tier", "formulas", 2)


@pytest.mark.parametrize("kind", ["xlsx", "parquet"])
def test_a_truncated_file_is_rejected(tmp_path: Path, kind: str) -> None:
    path = exported(tmp_path, kind)
    whole = path.read_bytes()
    for length in (*(len(whole) * part // 8 for part in range(8)), len(whole) - 1):
        path.write_bytes(whole[:length])
        fit(path)
        assert refusal(path) == ("file", "readable", 1), length


@pytest.mark.parametrize("safe", [True, False])
def test_csv_has_one_byte_order_mark_and_one_header_for_all_frames(tmp_path: Path, *, safe: bool) -> None:
    path = tmp_path / "out.csv"
    write_csv([FRAME.select("account_name").head(n) for n in (2, 0, 3)], path, safe=safe)
    end = "\r\n" if safe else "\n"
    lines = ["account_name", "acct 0", "acct 1", "acct 0", "acct 1", "acct 2", ""]
    assert path.read_bytes() == (MARK if safe else b"") + end.join(lines).encode()


@pytest.mark.parametrize(
    ("kind", "column", "n"),
    [("csv", "invitations", 9), ("csv", "invitations", 11), ("csv", "customers", 0), ("csv", "customers", 25),
     ("xlsx", "invitations", 9), ("parquet", "customers", 25)],
)  # fmt: skip
def test_a_count_that_is_too_small_or_not_rounded_is_detected(tmp_path: Path, kind: str, column: str, n: int) -> None:
    path = exported(tmp_path, kind, "aggregated")
    edited(path, put(column, 0, 10 if kind == "parquet" else "10"))
    assert verify(path).rows == 1
    edited(path, put(column, 0, n if kind == "parquet" else str(n)))
    assert refusal(path) == (column, "cells", 1)
