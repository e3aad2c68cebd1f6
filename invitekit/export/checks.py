"""Verify a written file: read it back with another engine and check it against the policy.

A column of categories is checked against the set that was declared before any record was read, so a customer called
``PENDING`` neither stops an export nor hides a leak. Tokens are checked against their pattern, and raw values with that
pattern are searched among the tokens. Categories that were chosen from the records (frequent tags) are compared with
every raw name, account, address and number.
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
    "metadata": _("its footer has no metadata of other tools"),
    "rows": _("no row is missing or added"),
    "nulls": _("the number of empty cells is as expected"),
    "declared": _("every value is in the set, pattern or range of its column"),
    "values": _("no raw name, account, address or number is among the values"),
    "formulas": _("no cell of the CSV would run in a spreadsheet"),
    "cells": _("every count has enough customers, and is rounded"),
}
"""Every check as text."""

_SAMPLE = 20_000
"""Rows that are read to detect columns with repeated values."""
_REPEATS = 0.5
"""The share of distinct cells up to which a column has repeated values."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The expected content of a file: the rules of its columns, with the chosen words, and its statistics.

    ``safe``: whether CSV was escaped for spreadsheets; ``fewest``: the fewest customers of each cell of counts.
    """

    rows: tuple[Rule, ...]
    stats: ExpectedStats
    safe: bool = True
    fewest: int | None = None


def verify_file(path: Path, expected: Expected, folder: Path) -> tuple[tuple[str, ...], tuple[UniquenessReport, ...]]:
    """Check a written file, and return the checks that it passed and how many of its records are unique.

    Raises:
        LeakError: A check failed; the error has column, check and count, never a value.
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
    return tuple(name for name, is_made in passed.items() if is_made), uniqueness


def _check_counts(written: Written, expected: Expected) -> None:
    """Check the number of rows, of invalid cells, and of nulls."""
    total, counts = _cells(written, expected)
    if total != expected.stats.rows:
        raise LeakError("file", "rows", abs(total - expected.stats.rows))
    untyped = _untyped(written)
    for position, row in enumerate(expected.rows):
        filled, invalid = counts[row.into]
        if wrong := invalid + untyped[position] - filled if untyped else invalid:
            check = "cells" if expected.fewest and isinstance(row.form, Range) else "declared"
            raise LeakError(row.into, check, wrong)
        if wrong := abs(total - filled - expected.stats.nulls[row.into]):
            raise LeakError(row.into, "nulls", wrong)


def _cells(written: Written, expected: Expected) -> tuple[int, dict[str, tuple[int, int]]]:
    """Count all rows, and the filled and the invalid cells of each column."""
    rows = expected.rows
    many = [row.into for row in rows if isinstance(row.form, Token)] if expected.stats.rows > _SAMPLE else []
    repeating = _repeating(written.typed, many)
    cells: dict[str, tuple[int, int]] = {}
    aggregates = ["count(*)"]
    others = [row for row in rows if not isinstance(row.form, Words) and row.into not in repeating]
    for row in others:
        cell = ident(row.into)
        aggregates += [f"count({cell})", f"count(*) filter ({outside(row.form, cell)})"]
    total, *counts = written.typed.aggregate(", ".join(aggregates)).fetchall()[0]
    for position, row in enumerate(others):
        cells[row.into] = (counts[2 * position], counts[2 * position + 1])
    for name in repeating:
        cells[name] = _each_once(written.typed, next(row for row in rows if row.into == name))
    return total, cells | _count_words(written.typed, [row for row in rows if isinstance(row.form, Words)])


def _count_words(typed: duckdb.DuckDBPyRelation, rows: Sequence[Rule]) -> dict[str, tuple[int, int]]:
    """Check each distinct word of each column once, in one query for all columns."""
    counts = {row.into: [0, 0] for row in rows}
    cells = [ident(name) for name in counts]
    each = f"select {', '.join(cells)}, count(*) from ik_typed group by grouping sets (({'), ('.join(cells)}))"
    result: Any = typed.query("ik_typed", each) if rows else None
    for *words, n in result.fetchall() if result else ():
        # Each row has the word of one column and null for all others; a row of nulls counts empty cells.
        for row, word in zip(rows, words, strict=True):
            if word is not None and isinstance(row.form, Words):
                counts[row.into][0] += n
                counts[row.into][1] += 0 if word in row.form.values else n
    return {name: (filled, invalid) for name, (filled, invalid) in counts.items()}


def _repeating(typed: duckdb.DuckDBPyRelation, names: Sequence[str]) -> set[str]:
    """Return the columns with repeated values in the first rows; the order of rows is random."""
    if not names:
        return set()
    counts = ", ".join(f"count(distinct {ident(name)})" for name in names)
    total, *distinct = typed.limit(_SAMPLE).aggregate(f"count(*), {counts}").fetchall()[0]
    return {name for name, n in zip(names, distinct, strict=True) if n <= total * _REPEATS}


def _each_once(typed: duckdb.DuckDBPyRelation, row: Rule) -> tuple[int, int]:
    """Check each distinct cell once: checking a pattern in every cell takes five times as long."""
    cell = ident(row.into)
    each = typed.aggregate(f"{cell}, count(*) as ik_n").filter(f"{cell} is not null")
    invalid = f"coalesce(sum(ik_n) filter ({outside(row.form, cell)}), 0)::bigint"
    filled, wrong = each.aggregate(f"coalesce(sum(ik_n), 0)::bigint, {invalid}").fetchall()[0]
    return filled, wrong


def outside(form: Form | None, cell: str) -> str:
    """Return the SQL condition that a cell is invalid for the type of its column; null for a null cell."""
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
            inside = f"{cell} <> {cell}"  # every released column needs a type
    return f"not ({inside})"


def _untyped(written: Written) -> tuple[int, ...]:
    """Count the filled cells of each column before typing: cells of a CSV file that are not valid become null."""
    if written.texts.types == written.typed.types and written.texts.columns == written.typed.columns:
        return ()
    filled = ", ".join(f"count({ident(name)})" for name in written.texts.columns)
    counts: tuple[int, ...] = written.texts.aggregate(filled).fetchall()[0]
    return counts


def _check_values(written: Written, expected: Expected) -> None:
    """Search for raw values among the tokens, and in words that were chosen from the records."""
    stats = expected.stats
    for column, count in (
        *stats.clashes.items(),
        *((name, len(scanner.identifying_words())) for name, scanner in stats.scanners.items()),
    ):
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
    # Numbers are checked against their range; a minus sign does not make them formulas.
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
