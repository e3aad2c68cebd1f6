"""Write synthetic snapshots of invited customers, who do not exist."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from invitekit.engine.datetimes import YEARS
from invitekit.engine.scratch_dirs import scratch_dir
from invitekit.errors import ArgumentError, OutputError, check_path_type, check_type
from invitekit.i18n import Message, _
from invitekit.io.atomic_write import check_target, os_reason
from invitekit.io.table_writers import write_table
from invitekit.sample.cells import COLUMNS, query
from invitekit.sample.lifecycle import BEFORE, Snapshot

FORMATS = {"csv": 0.005, "xlsx": 0.005, "parquet": 0.0}
"""The formats, and the default share of untidy rows of each."""
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "gb18030")
AS_OF = dt.date(2026, 3, 30)
FIRST_DAY = dt.date(YEARS.start, 1, 1) + dt.timedelta(days=BEFORE)
LAST_DAY = dt.date(YEARS.stop, 1, 1) - dt.timedelta(days=8)
"""The first and last day of a snapshot: earlier invitations and later expiries are still in the valid years."""
FIRST_SHARE = 0.7
"""The size of the first file relative to the last one: a partner's list grows week by week."""
WITH_UNREADABLE = 1000
"""The fewest rows of a sample that has unreadable rows, in its last file."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The written files, their number of rows, and how many of these are unreadable on purpose."""

    paths: tuple[Path, ...]
    rows: int
    unreadable_rows: int


def write_sample(
    directory: str | os.PathLike[str],
    *,
    rows: int = 2000,
    seed: int = 1,
    format: str = "csv",  # noqa: A002 - the command line's word
    language: str = "en",
    weeks: int = 4,
    masked: bool = False,
    dirty: float | None = None,
    encoding: str = "utf-8",
    as_of: dt.date = AS_OF,
    overwrite: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> Sample:
    """Write weekly snapshots ``history_records_YYYY-MM-DD``, each with every invitation sent until then.

    The same invitation is in every later file with its newer state; one customer in five is
    invited more than once. The same arguments and versions give the same files, byte for byte
    (XLSX but for its creation time).

    Args:
        directory: The folder; created if it is missing.
        rows: The number of rows in all files together, unreadable ones included. File sizes grow evenly, from 0.7
            times the size of the last file.
        seed: Another number gives other people.
        format: ``csv``, ``xlsx`` or ``parquet``; the last two have typed times.
        language: The language of headers, words and messages: ``en`` or ``zh``.
        weeks: The number of files, one a week, the last on ``as_of``; all between 2000-03-01 and 2099-12-24.
        masked: Mask names, mobiles and emails as the portal does; account names stay.
        dirty: The share of rows with an untidy cell: stray spaces, full-width digits, other forms of times, unknown
            words. 0.4 times that share of rows are duplicates. Default: 0.005, and 0 in Parquet. Unless it is 0, a sample of
            1,000 rows or more also has unreadable rows in its last file: one without any name, and in CSV one with an
            impossible day and one with too many cells.
        encoding: The encoding of CSV: utf-8, utf-8-sig, utf-16 or gb18030.
        as_of: The day of the last snapshot.
        overwrite: Replace files of those names.
        progress: Called before each file with its name, the rows written so far and in all.

    Returns:
        ``Sample(paths, rows, unreadable_rows)``.

    Raises:
        ArgumentError: A number, format, language or encoding is not valid, or a day is out of range.
        OutputError: A file exists already or cannot be written.
    """
    for name, number in {"rows": rows, "seed": seed, "weeks": weeks}.items():
        check_type(name, number, int, _("give a whole number."))
    check_type("dirty", dirty, (int, float, type(None)), _("use a share from 0 to 1."))
    check_type("as_of", as_of, () if isinstance(as_of, dt.datetime) else dt.date, _("give a date."))
    check_path_type(directory, "directory")
    _check(rows, format, language, weeks, dirty, encoding, as_of)
    share = FORMATS[format] if dirty is None else dirty
    folder = _create_folder(Path(directory))
    days = [as_of - dt.timedelta(weeks=weeks - 1 - i) for i in range(weeks)]
    paths = [folder / f"history_records_{day}.{format}" for day in days]
    for path in paths:
        check_target(path, extensions=(path.suffix,), overwrite=overwrite)
    unreadable = share > 0 and rows >= WITH_UNREADABLE
    has_ragged_row = unreadable and format == "csv"
    sizes = _sizes(rows - has_ragged_row, weeks)
    for number, (day, path) in enumerate(zip(days, paths, strict=True)):
        snapshot = Snapshot(
            day=day, first_day=days[0], previous=tuple(sizes[:number]), rows=sizes[number],
            jump_from=as_of - dt.timedelta(weeks=2), unreadable=unreadable and number == weeks - 1, seed=seed,
            language=language, masked=masked, dirty=share, typed_times=format != "csv",
        )  # fmt: skip
        if progress is not None:
            progress(path.name, sum(sizes[:number]), rows)
        _write(snapshot, path, encoding, overwrite=overwrite)
    # In CSV, there is also a row with an impossible day.
    return Sample(tuple(paths), rows, unreadable + 2 * has_ragged_row)


def _create_folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = _("The folder '{name}' cannot be created: {reason}.", name=folder.name, reason=os_reason(error))
        raise OutputError(problem, hint=_("name another.")) from None
    return folder


def _check(rows: int, kind: str, language: str, weeks: int, dirty: float | None, encoding: str, as_of: dt.date) -> None:
    most = (as_of - FIRST_DAY).days // 7 + 1
    rules: list[tuple[str, Any, bool, Message]] = [
        ("rows", rows, rows >= 0, _("use 0 or more.")),
        ("weeks", weeks, weeks >= 1, _("use 1 or more.")),
        ("dirty", dirty, dirty is None or 0 <= dirty <= 1, _("use a share from 0 to 1.")),
        ("format", kind, kind in FORMATS, _("use one of {known}.", known=tuple(FORMATS))),
        ("language", language, language in ("en", "zh"), _("use 'en' or 'zh'.")),
        ("encoding", encoding, encoding in ENCODINGS, _("use one of {known}.", known=ENCODINGS)),
        # All times of the snapshots are in the valid years.
        ("as_of", as_of, FIRST_DAY <= as_of <= LAST_DAY, _("use a day from {first} to {last}.", first=FIRST_DAY, last=LAST_DAY)),
        ("weeks", weeks, weeks <= most, _("use 1 to {most}: the first one is {first} or later.", most=most, first=FIRST_DAY)),
    ]  # fmt: skip
    for name, value, is_valid, hint in rules:
        if not is_valid:
            quoted = isinstance(value, str)
            problem = (
                _("{name} is '{value}'.", name=name, value=value)
                if quoted
                else _("{name} is {value}.", name=name, value=value)
            )
            raise ArgumentError(problem, hint=hint)


def _sizes(rows: int, weeks: int) -> list[int]:
    """Divide the rows between the weeks, growing evenly from 0.7 to 1, with an exact sum."""
    shares = [FIRST_SHARE + (1 - FIRST_SHARE) * (i / max(weeks - 1, 1)) for i in range(weeks)]
    sizes = [int(rows * share / sum(shares)) for share in shares]
    sizes[-1] += rows - sum(sizes)
    return sizes


def _write(snapshot: Snapshot, path: Path, encoding: str, *, overwrite: bool) -> None:
    with duckdb.connect() as con, scratch_dir() as spill:
        con.execute(f"set temp_directory = '{spill}'; set enable_progress_bar = false")

        def finish(part: Path) -> None:
            """Apply what DuckDB cannot write: a ragged row, and another encoding."""
            if snapshot.unreadable:
                with part.open("a", encoding="utf-8", newline="") as file:
                    file.write(",".join(["Ragged Example", *["ragged"] * len(COLUMNS)]) + "\n")
            if encoding != "utf-8":
                recoded = part.with_suffix(".other")
                with (
                    part.open(encoding="utf-8", newline="") as file,
                    recoded.open("w", encoding=encoding, newline="") as to,
                ):
                    shutil.copyfileobj(file, to)
                recoded.replace(part)

        is_text = path.suffix == ".csv"
        rows = con.sql(query(snapshot))
        write_table(rows, path, overwrite=overwrite, spreadsheet_safe=False, finish=finish if is_text else None)
