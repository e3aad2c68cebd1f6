"""Believable synthetic snapshots of invited customers: nobody in them exists."""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from invitekit.errors import ArgumentError, OutputError
from invitekit.sample.story import Snapshot, query
from invitekit.write import write

FORMATS = ("csv", "xlsx", "parquet")
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "gb18030")
LAST_DAY = dt.date(2026, 3, 30)
FIRST_SHARE = 0.7
"""The first file's size relative to the last one's: a partner's list grows week by week."""
WITH_UNREADABLE = 1000
"""Rows from which a sample that is not clean holds rows that cannot be read."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was written: the files, their rows in all, and how many rows were made unreadable on purpose."""

    paths: tuple[Path, ...]
    rows: int
    unreadable_rows: int


def write_sample(
    folder: str | os.PathLike[str],
    *,
    rows: int = 2000,
    seed: int = 1,
    format: str = "csv",  # noqa: A002 - the command line's word
    language: str = "en",
    weeks: int = 4,
    masked: bool = False,
    dirty: float = 0.005,
    encoding: str = "utf-8",
    last_day: dt.date = LAST_DAY,
    overwrite: bool = False,
) -> Sample:
    """Write weekly snapshots ``history_records_YYYY-MM-DD``, each with every invitation sent until then.

    The same invitation stands in every later file with its newer state; one in five goes to a
    customer invited before. The same arguments give the same files, byte for byte.

    Args:
        folder: Made if it is missing.
        rows: Over all files, exactly; the first file has 0.7 times the rows of the last.
        seed: Another number gives another set of people.
        format: ``csv``, ``xlsx`` or ``parquet``; the last two hold typed times.
        language: Of headers, words and messages: ``en`` or ``zh``.
        weeks: Files, one a week, the last on ``last_day``.
        masked: Mask names, mobiles and emails as the portal does; account names stay.
        dirty: Share of rows with an untidy cell: stray spaces, full-width digits, other forms of
            times, unknown words. From 1,000 rows on, the last file then also has rows that cannot
            be read: one that names nobody, in CSV one with an impossible day and one with too few cells.
        encoding: Of CSV: utf-8, utf-8-sig, utf-16 or gb18030.
        last_day: The day of the last snapshot.
        overwrite: Replace files of those names.

    Raises:
        ArgumentError: A number, format, language or encoding that means nothing.
        OutputError: A file exists already or cannot be written.
    """
    _check(rows, format, language, weeks, dirty, encoding)
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise OutputError(f"The folder '{place.name}' cannot be made: {reason}.", hint="name another.") from None
    unreadable = dirty > 0 and rows >= WITH_UNREADABLE
    sizes = _sizes(rows - (unreadable and format == "csv"), weeks)
    days = [last_day - dt.timedelta(weeks=weeks - 1 - i) for i in range(weeks)]
    paths = [place / f"history_records_{day}.{format}" for day in days]
    _refuse_existing(paths, overwrite=overwrite)
    for number, (day, path) in enumerate(zip(days, paths, strict=True)):
        last = number == weeks - 1
        snapshot = Snapshot(
            day=day, first_day=days[0], previous=tuple(sizes[:number]), rows=sizes[number],
            jump_from=days[-1] - dt.timedelta(weeks=2), unreadable=unreadable and last, seed=seed,
            language=language, masked=masked, dirty=dirty, typed_times=format != "csv",
        )  # fmt: skip
        _write(snapshot, path, encoding, overwrite=overwrite)
    planted = (3 if format == "csv" else 1) if unreadable else 0
    return Sample(tuple(paths), rows, planted)


def _check(rows: int, kind: str, language: str, weeks: int, dirty: float, encoding: str) -> None:
    rules: list[tuple[bool, str, str]] = [
        (rows >= 0, f"rows is {rows}.", "use 0 or more."),
        (weeks >= 1, f"weeks is {weeks}.", "use 1 or more."),
        (0 <= dirty <= 1, f"dirty is {dirty}.", "use a share from 0 to 1."),
        (kind in FORMATS, f"'{kind}' is no format of a sample.", f"use one of {', '.join(FORMATS)}."),
        (language in ("en", "zh"), f"'{language}' is no language of a sample.", "use en or zh."),
        (encoding in ENCODINGS, f"'{encoding}' is no encoding of a sample.", f"use one of {', '.join(ENCODINGS)}."),
    ]
    for holds, problem, hint in rules:
        if not holds:
            raise ArgumentError(problem, hint=hint)


def _sizes(rows: int, weeks: int) -> list[int]:
    """Split rows over weeks, growing evenly from 0.7 to 1, rounding so that the sum is exact."""
    shares = [FIRST_SHARE + (1 - FIRST_SHARE) * (i / max(weeks - 1, 1)) for i in range(weeks)]
    sizes = [int(rows * share / sum(shares)) for share in shares]
    sizes[-1] += rows - sum(sizes)
    return sizes


def _refuse_existing(paths: list[Path], *, overwrite: bool) -> None:
    there = [path.name for path in paths if path.exists()]
    if there and not overwrite:
        raise OutputError(f"'{there[0]}' exists already.", hint="say --overwrite (overwrite=True) to replace it.")


def _write(snapshot: Snapshot, path: Path, encoding: str, *, overwrite: bool) -> None:
    with duckdb.connect() as con, tempfile.TemporaryDirectory(prefix="invitekit-") as spill:
        con.execute(f"set temp_directory = '{spill}'")
        con.execute("set enable_progress_bar = false")
        finish: Callable[[Path], None] = lambda part: _finish(part, snapshot, encoding)  # noqa: E731 - one line
        write(con.sql(query(snapshot)), path, overwrite=overwrite, spreadsheet_safe=False, finish=finish)


def _finish(part: Path, snapshot: Snapshot, encoding: str) -> None:
    """Add what DuckDB does not write: a ragged row, another encoding."""
    if part.suffix != ".csv":
        return
    if snapshot.unreadable:
        with part.open("a", encoding="utf-8") as file:
            file.write("Ragged Example,ragged\n")
    if encoding != "utf-8":
        other = part.with_suffix(".other")
        with (
            part.open(encoding="utf-8", newline="") as source,
            other.open("w", encoding=encoding, newline="") as target,
        ):
            while chunk := source.read(1 << 20):
                target.write(chunk)
        other.replace(part)
