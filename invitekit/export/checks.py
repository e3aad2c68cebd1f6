"""Verify a written file: read it back with another engine and check it against what may be exported.

A customer called ``PENDING`` neither stops an export nor hides a leak: a column of categories is checked against the
set that was declared before any record was read, so its words reveal no name. Tokens are checked against their pattern;
a raw value with the pattern of a token is searched among the tokens. Categories that the records chose (frequent tags)
are compared with every raw name, account, address and number, letter by letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from invitekit.engine.duckdb import ident, lit
from invitekit.errors import LeakError
from invitekit.export.anonymity import UniquenessReport, report
from invitekit.export.read_written import Written, read_back
from invitekit.export.transform import ExpectedStats
from invitekit.i18n import _
from invitekit.io.spreadsheet_escape import is_formula
from invitekit.privacy import FirstOf, Flag, Form, Range, Rule, Text, Token, Words

CHECKS = {
    "readable": _("another engine reads the file"),
    "columns": _("it has the released columns, in order, and no other"),
    "types": _("their types are plain"),
    "metadata": _("its footer holds nothing of another tool"),
    "rows": _("no row is missing or added"),
    "nulls": _("as many cells are empty as had to be"),
    "declared": _("every value is of its column's set, pattern or range"),
    "values": _("no raw name, account, address or number is among the values"),
    "formulas": _("no cell of the CSV would run in a spreadsheet"),
    "cells": _("every count is of enough customers, and rounded"),
}
"""Every check as text."""

_SAMPLE = 20_000
"""Rows that are read to find columns with repeated values."""
_REPEATS = 0.5
"""The share of distinct cells up to which a column is one of repeated values."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a file has to contain.

    Attributes:
        rows: The rules of the policy that release something, with the chosen words.
        stats: The statistics of the exported records.
        safe: Whether CSV was written for spreadsheets.
        fewest: Fewest customers of each cell of counts.
    """

    rows: tuple[Rule, ...]
    stats: ExpectedStats
    safe: bool = True
    fewest: int | None = None


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """The checks that a file passed, and how many of its records are unique."""

    checks: tuple[str, ...]
    uniqueness: tuple[UniquenessReport, ...]


def verify_file(path: Path, expected: Expected, folder: Path) -> VerificationResult:
    """Check a written file, and return the checks that it passed and how many of its records are unique.

    Raises:
        LeakError: A check fails; the error has column, check and count, never a value.
    """
    kind = path.suffix.lower()
    with read_back(path, expected.rows, folder, safe=expected.safe) as written:
        _check_counts(written, expected)
        _check_values(written, expected)
        if kind == ".csv" and expected.safe:
            _check_formulas(written, expected)
        uniqueness = () if expected.fewest else report(written.typed, expected.rows)
    passed = dict.fromkeys(CHECKS, True) | {"types": kind == ".parquet", "metadata": kind == ".parquet"}
    passed |= {"formulas": kind == ".csv" and expected.safe, "cells": expected.fewest is not None}
    return VerificationResult(tuple(name for name, is_made in passed.items() if is_made), uniqueness)


def _check_counts(written: Written, expected: Expected) -> None:
    """Check the number of rows, of cells outside of their form, and of nulls."""
    total, found = _cells(written, expected)
    if total != expected.stats.rows:
        raise LeakError("file", "rows", abs(total - expected.stats.rows))
    lost = _untyped(written)
    for place, row in enumerate(expected.rows):
        filled, strange = found[row.into]
        if wrong := strange + lost[place] - filled if lost else strange:
            check = "cells" if expected.fewest and isinstance(row.form, Range) else "declared"
            raise LeakError(row.into, check, wrong)
        if wrong := abs(total - filled - expected.stats.nulls[row.into]):
            raise LeakError(row.into, "nulls", wrong)


def _cells(written: Written, expected: Expected) -> tuple[int, dict[str, tuple[int, int]]]:
    """Count all rows, and in each column the cells with a value and the cells outside of the form."""
    rows = expected.rows
    many = [row.into for row in rows if isinstance(row.form, Token)] if expected.stats.rows > _SAMPLE else []
    repeating = _repeating(written.typed, many)
    found: dict[str, tuple[int, int]] = {}
    asked = ["count(*)"]
    others = [row for row in rows if not isinstance(row.form, Words) and row.into not in repeating]
    for row in others:
        cell = ident(row.into)
        asked += [f"count({cell})", f"count(*) filter ({outside(row.form, cell)})"]
    total, *counts = written.typed.aggregate(", ".join(asked)).fetchall()[0]
    for place, row in enumerate(others):
        found[row.into] = (counts[2 * place], counts[2 * place + 1])
    for name in repeating:
        found[name] = _each_once(written.typed, next(row for row in rows if row.into == name))
    return total, found | _count_words(written.typed, [row for row in rows if isinstance(row.form, Words)])


def _count_words(typed: duckdb.DuckDBPyRelation, rows: Sequence[Rule]) -> dict[str, tuple[int, int]]:
    """Check each distinct word of each column once, all columns in one query."""
    counts = {row.into: [0, 0] for row in rows}
    cells = [ident(name) for name in counts]
    each = f"select {', '.join(cells)}, count(*) from ik_typed group by grouping sets (({'), ('.join(cells)}))"
    found: Any = typed.query("ik_typed", each) if rows else None
    for *words, n in found.fetchall() if found else ():
        # Each row has the word of one column and null for all others; an all-null row counts the empty cells of a
        # column.
        for row, word in zip(rows, words, strict=True):
            if word is not None and isinstance(row.form, Words):
                counts[row.into][0] += n
                counts[row.into][1] += 0 if word in row.form.values else n
    return {name: (filled, strange) for name, (filled, strange) in counts.items()}


def _repeating(typed: duckdb.DuckDBPyRelation, names: Sequence[str]) -> set[str]:
    """Return the columns whose first cells repeat; the order of rows is random."""
    if not names:
        return set()
    counts = ", ".join(f"count(distinct {ident(name)})" for name in names)
    different = typed.limit(_SAMPLE).aggregate(f"count(*), {counts}").fetchall()[0]
    return {name for name, n in zip(names, different[1:], strict=True) if n <= different[0] * _REPEATS}


def _each_once(typed: duckdb.DuckDBPyRelation, row: Rule) -> tuple[int, int]:
    """Check each distinct cell once: checking a pattern in every cell takes five times as long."""
    cell = ident(row.into)
    each = typed.aggregate(f"{cell}, count(*) as ik_n").filter(f"{cell} is not null")
    strange = f"coalesce(sum(ik_n) filter ({outside(row.form, cell)}), 0)::bigint"
    filled, wrong = each.aggregate(f"coalesce(sum(ik_n), 0)::bigint, {strange}").fetchall()[0]
    return filled, wrong


def outside(form: Form | None, cell: str) -> str:
    """Return the SQL condition that a cell is not of its form; null for a null cell."""
    match form:
        case Token(pattern=pattern):
            inside = f"regexp_matches({cell}, {lit(f'^{pattern}$')})"
        case Range(least=least, most=most, step=step):
            inside = f"{cell} between {float(least)} and {float(most)}" + (f" and {cell} % {step} = 0" * (step > 1))
        case FirstOf(unit="month"):
            inside = f"day({cell}) = 1"
        case FirstOf() | Flag() | Text():
            inside = f"{cell} = {cell}"
        case _:
            inside = f"{cell} <> {cell}"  # every exported column needs a form
    return f"not ({inside})"


def _untyped(written: Written) -> tuple[int, ...]:
    """Count the cells of a CSV file that are not valid in the type of their column: they are null once typed."""
    if written.texts.types == written.typed.types and written.texts.columns == written.typed.columns:
        return ()
    held = ", ".join(f"count({ident(name)})" for name in written.texts.columns)
    found: tuple[int, ...] = written.texts.aggregate(held).fetchall()[0]
    return found


def _check_values(written: Written, expected: Expected) -> None:
    """Search for raw values in tokens and in words that the records chose."""
    stats = expected.stats
    for column, count in (*stats.clashes.items(), *((name, len(out.told())) for name, out in stats.scanners.items())):
        if count:
            raise LeakError(column, "values", count)
    if not stats.like_tokens:
        return
    raw = pl.concat(stats.like_tokens).unique().to_frame()
    written.con.register("ik_raw", raw.to_arrow(compat_level=pl.CompatLevel.oldest()))
    for row in expected.rows:
        if isinstance(row.form, Token):
            among = f"{ident(row.into)} in (select value from ik_raw)"
            count = written.typed.filter(among).aggregate("count(*)").fetchall()[0][0]
            if count:
                raise LeakError(row.into, "values", count)


def _check_formulas(written: Written, expected: Expected) -> None:
    # Numbers were checked against their range already: a minus sign does not make them formulas.
    texts = zip(written.texts.columns, expected.rows, strict=True)
    names = [name for name, row in texts if not isinstance(row.form, Range)]
    if not names:
        return
    counts = written.texts.aggregate(
        ", ".join(f"count(*) filter ({is_formula(ident(name))})" for name in names)
    ).fetchall()[0]
    for name, count in zip(names, counts, strict=True):
        if count:
            raise LeakError(name, "formulas", count)
