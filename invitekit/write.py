"""How records become a file: the whole file under its name, or no file at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import xlsxwriter

from invitekit.errors import OutputError
from invitekit.formulas import disarmed, safe_headers
from invitekit.lives import mark, sweep

XLSX_ROWS = 1_048_575
"""Rows that an Excel sheet holds below its header."""
_SHOWN_WIDTH = 60
PRIVATE = ".part"
"""How a private folder beside a target ends."""
SHOWN_NAME = 40
"""Letters of a target's name that its private folder and messages show."""
_CELL = 32_767
"""UTF-16 units that an Excel cell holds."""


def write(
    records: Any,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    spreadsheet_safe: bool = True,
    finish: Callable[[Path], None] | None = None,
) -> Path:
    """Write a table to a file by its extension, readable by its owner only.

    Everything is written into a private folder beside the target, synced, and only then given
    its name; whatever goes wrong on the way leaves nothing behind.

    Args:
        records: A DuckDB relation of plain columns, or a small table in memory (Polars, pandas, Arrow).
        path: Ends in ``.parquet``, ``.csv`` or ``.xlsx``.
        overwrite: Replace a file of that name.
        spreadsheet_safe: In CSV, give a text that a spreadsheet would run as a formula a leading
            apostrophe, which ``load`` takes off again. Headers get one in CSV and XLSX.
        finish: Called with the finished file before it gets its name.

    Returns:
        The path written.

    Raises:
        OutputError: The name, the folder or the disk does not allow it.
    """
    target = check_target(path, overwrite=overwrite)
    with contextlib.ExitStack() as held:
        if not isinstance(records, duckdb.DuckDBPyRelation):
            records = held.enter_context(duckdb.connect()).from_arrow(records)

        def make(part: Path) -> None:
            kind = target.suffix.lower()
            WRITERS[kind](_safe(records) if kind == ".csv" and spreadsheet_safe else records, part)
            if finish is not None:
                finish(part)

        return _whole(target, make, overwrite=overwrite)


def write_bytes(content: bytes, path: str | os.PathLike[str], *, kinds: Collection[str], overwrite: bool) -> Path:
    """Write a finished file as ``write`` does: the whole of it, or nothing, readable by its owner only.

    Args:
        content: The file.
        path: Ends in one of ``kinds``.
        kinds: Extensions that this content may have.
        overwrite: Replace a file of that name.

    Returns:
        The path written.

    Raises:
        OutputError: The name, the folder or the disk does not allow it.
    """
    target = check_target(path, overwrite=overwrite, kinds=kinds)

    def make(part: Path) -> None:
        part.write_bytes(content)

    return _whole(target, make, overwrite=overwrite)


def _whole(target: Path, make: Callable[[Path], None], *, overwrite: bool) -> Path:
    try:
        with beside(target) as part:
            make(part)
            publish(part, target, overwrite=overwrite)
    except (OSError, duckdb.IOException) as error:
        reason = getattr(error, "strerror", None) or "the disk refused it"
        raise OutputError(
            f"'{target.name}' cannot be written: {reason.lower()}.",
            hint="nothing was left behind; check space and rights.",
        ) from None
    return target


def check_target(
    path: str | os.PathLike[str],
    *,
    overwrite: bool,
    sources: Iterable[Path] = (),
    kinds: Collection[str] | None = None,
) -> Path:
    """Refuse a target that could not be written, before any work is done for it.

    Args:
        path: The target.
        overwrite: Whether a file of that name may be replaced.
        sources: Files that are read; none of them is ever written over.
        kinds: Extensions that can be written; else those of records.

    Raises:
        OutputError: Unknown extension, missing folder, an existing file, no right to write, or a source.
    """
    target = Path(path)
    if target.suffix.lower() not in (kinds or WRITERS):
        raise OutputError(
            f"'{target.name}' has no extension that can be written here.",
            hint=f"use one of {' '.join(kinds or WRITERS)}.",
        )
    _refuse_impossible(target)
    if any(_is_same(target, source) for source in sources):
        raise OutputError(f"'{target.name}' is a source of this very run.", hint="name another file.")
    if not target.parent.is_dir():
        raise OutputError(f"The folder of '{target.name}' does not exist.", hint="create it first.")
    if target.is_dir():
        raise OutputError(f"'{target.name}' is a folder.", hint="name a file in it.")
    if os.path.lexists(target) and not overwrite:
        raise OutputError(f"'{target.name}' exists already.", hint="say --overwrite (overwrite=True) to replace it.")
    if not os.access(target.parent, os.W_OK):
        raise OutputError(f"The folder of '{target.name}' cannot be written to.", hint="check its permissions.")
    return target


def _is_same(target: Path, source: Path) -> bool:
    try:
        return target.samefile(source)
    except (OSError, ValueError):
        return False  # one of them does not exist; who reads it will say so


def _refuse_impossible(target: Path) -> None:
    """Refuse a name that no file can have here: too long, say."""
    try:
        target.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "it is no name of a file").lower()
        shown = target.name if len(target.name) <= SHOWN_NAME else f"{target.name[:SHOWN_NAME]}..."
        raise OutputError(f"'{shown}' cannot be written: {reason}.", hint="name another file.") from None


@contextlib.contextmanager
def beside(target: Path) -> Iterator[Path]:
    """Give a name in a private folder beside the target, on its own disk; the folder is gone afterwards."""
    sweep(target.parent, ".", PRIVATE)
    # Cut, for a name may be as long as names can be already.
    folder = tempfile.mkdtemp(prefix=f".{target.name[:SHOWN_NAME]}{mark()}", suffix=PRIVATE, dir=target.parent)
    try:
        yield Path(folder) / target.name
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(part: Path, target: Path, *, overwrite: bool) -> None:
    """Sync a finished file, readable by its owner only, and give it its name; sync the folder too.

    Raises:
        OutputError: A file of that name appeared meanwhile.
    """
    part.chmod(0o600)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    if overwrite or not _named(part, target):
        part.replace(target)
    sync_folder(target.parent)


def _named(part: Path, target: Path) -> bool:
    """Give a file a name that nothing has, in one step; False where a disk knows no second names."""
    try:
        os.link(part, target)
    except (OSError, NotImplementedError):
        if os.path.lexists(target):
            raise OutputError(
                f"'{target.name}' appeared meanwhile.", hint="say --overwrite, or name another."
            ) from None
        return False
    part.unlink()
    return True


def sync_folder(path: Path) -> None:
    """Sync a folder: a name in it outlives a crash from then on."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_parquet(records: duckdb.DuckDBPyRelation, part: Path) -> None:
    records.to_parquet(str(part), compression="zstd", use_tmp_file=False)


def _write_csv(records: duckdb.DuckDBPyRelation, part: Path) -> None:
    records.to_csv(str(part), header=True, use_tmp_file=False)


def _safe(records: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Put an apostrophe before every text that a spreadsheet would run, headers included."""
    names = safe_headers(records.columns)
    columns = []
    for name, header, kind in zip(records.columns, names, records.types, strict=True):
        cell = disarmed(_quoted(name)) if str(kind) == "VARCHAR" else _quoted(name)
        columns.append(f"{cell} as {_quoted(header)}")
    return records.project(", ".join(columns))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _write_xlsx(records: duckdb.DuckDBPyRelation, part: Path) -> None:
    count = records.aggregate("count(*)").fetchall()[0][0]
    if count > XLSX_ROWS:
        raise OutputError(
            f"{count:,} rows do not fit into one Excel sheet ({XLSX_ROWS:,}).",
            hint="write .parquet or .csv, or filter.",
        )
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "default_date_format": "yyyy-mm-dd hh:mm:ss",
        "tmpdir": str(part.parent),
    }
    # Asked before the rows are: DuckDB answers nothing else while it hands out rows.
    names = list(records.columns)
    with xlsxwriter.Workbook(str(part), options) as book:
        sheet = book.add_worksheet("records")
        sheet.freeze_panes(1, 0)
        for position, name in enumerate(names):
            sheet.set_column(position, position, min(max(len(name) + 2, 12), _SHOWN_WIDTH))
        # A cell is marked as text, but a header is what people copy: other programs may run it.
        sheet.write_row(0, 0, safe_headers(names), book.add_format({"bold": True}))
        for number, cells in enumerate(_rows(records), start=1):
            for position, cell in enumerate(cells):
                if is_too_long(cell):
                    raise OutputError(
                        f"A {names[position]} is longer than an Excel cell holds (32,767 characters).",
                        hint="write .parquet or .csv.",
                    )
                if cell is not None:
                    sheet.write(number, position, cell)


def is_too_long(cell: Any) -> bool:
    """Return whether a value is a text that no Excel cell holds: xlsxwriter before 3.3.1 counts an emoji as one."""
    return isinstance(cell, str) and len(cell) > _CELL // 2 and len(cell.encode("utf-16-le")) > 2 * _CELL


def _rows(records: duckdb.DuckDBPyRelation) -> Iterator[tuple[Any, ...]]:
    for batch in records.to_arrow_reader(20_000):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


WRITERS: dict[str, Callable[[duckdb.DuckDBPyRelation, Path], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".xlsx": _write_xlsx,
}
