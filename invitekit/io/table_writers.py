"""Write a table to a CSV, XLSX or Parquet file, whole or not at all."""

from __future__ import annotations

import codecs
import contextlib
import datetime as dt
import os
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invitekit.engine.duckdb import ident
from invitekit.engine.materialize import is_relation
from invitekit.errors import OutputError
from invitekit.i18n import _
from invitekit.io.atomic_write import check_target, not_written, write_file
from invitekit.io.spreadsheet_escape import escape, escape_headers

if TYPE_CHECKING:
    import duckdb

XLSX_ROWS = 1_048_575
"""The most rows of an Excel sheet below its header."""
_ROW_GROUP = 1 << 16
"""Rows of a Parquet row group: small groups stay in the CPU cache, which saves a fifth of the time."""
_BLOCK = 1 << 20
"""Bytes of a block that moves in a file."""
_SHOWN_WIDTH = 60
_CELL = 32_767
"""The most UTF-16 units of an Excel cell."""
_CREATED = dt.datetime(1980, 1, 1)  # noqa: DTZ001 - a workbook has no zone
"""The creation time of every workbook, so that equal records give equal bytes."""


def write_table(
    records: Any,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    spreadsheet_safe: bool = True,
    finish: Callable[[Path], None] | None = None,
) -> Path:
    """Write a table to a file by its extension, whole or not at all, readable by its owner only.

    Args:
        records: A DuckDB relation of plain columns, or a small table in memory (Polars, pandas, Arrow).
        path: Ends in ``.parquet``, ``.csv`` or ``.xlsx``.
        overwrite: Replace a file of that name.
        spreadsheet_safe: In CSV, write a byte order mark, without which Excel garbles ``Müller`` and ``李伟``, and
            prefix a text that a spreadsheet would run as a formula with an apostrophe, which ``load`` removes again.
            Headers are escaped in CSV and XLSX.
        finish: Called with the finished file before it is renamed to its target.

    Returns:
        The path written.

    Raises:
        OutputError: The name, the folder or the disk does not allow it.
    """
    target = check_target(path, extensions=WRITERS, overwrite=overwrite)
    extension = target.suffix.lower()
    is_safe_csv = extension == ".csv" and spreadsheet_safe

    def write(fill: Callable[[Path], None]) -> Path:
        def finished(part: Path) -> None:
            fill(part)
            if is_safe_csv:
                _mark(part)
            if finish is not None:
                finish(part)

        return write_file(target, finished, overwrite=overwrite)

    if extension == ".parquet" and _is_polars(records):
        options = {"compression": "zstd", "compression_level": 1, "statistics": False, "row_group_size": _ROW_GROUP}
        from polars.exceptions import PolarsError  # noqa: PLC0415 - loaded with the frame

        try:
            return write(lambda part: records.write_parquet(part, **options))
        except PolarsError as error:
            raise not_written(target, error) from None
    import duckdb  # noqa: PLC0415 - not for Polars frames to Parquet
    from xlsxwriter.exceptions import XlsxWriterException  # noqa: PLC0415 - as above

    with contextlib.ExitStack() as stack:
        if not is_relation(records):
            records = stack.enter_context(duckdb.connect()).from_arrow(
                records.to_arrow() if _is_polars(records) else records
            )
        safe = _escaped(records) if is_safe_csv else records
        try:
            return write(lambda part: WRITERS[extension](safe, part))
        except (duckdb.IOException, XlsxWriterException) as error:
            raise not_written(target, error) from None


def _is_polars(records: Any) -> bool:
    loaded = sys.modules.get("polars")
    return loaded is not None and isinstance(records, loaded.DataFrame)


def write_bytes(content: bytes, path: str | os.PathLike[str], *, extensions: Collection[str], overwrite: bool) -> Path:
    """Write a finished file whole or not at all, readable by its owner only, if its extension is one of these.

    Raises:
        OutputError: The name, the folder or the disk does not allow it.
    """
    target = check_target(path, extensions=extensions, overwrite=overwrite)
    return write_file(target, lambda part: part.write_bytes(content), overwrite=overwrite)


def _mark(part: Path) -> None:
    """Write a byte order mark before a file's content, which moves block by block."""
    with part.open("r+b") as file:
        at, before = 0, codecs.BOM_UTF8
        while block := file.read(_BLOCK):
            content = before + block
            file.seek(at)
            at += file.write(content[: len(block)])
            before = content[len(block) :]
            file.seek(at)
        file.write(before)


def _escaped(records: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Escape every text that a spreadsheet would run as a formula, headers included."""
    names = escape_headers(records.columns)
    columns = []
    for name, header, kind in zip(records.columns, names, records.types, strict=True):
        cell = escape(ident(name)) if str(kind) == "VARCHAR" else ident(name)
        columns.append(f"{cell} as {ident(header)}")
    return records.project(", ".join(columns))


def _write_xlsx(records: duckdb.DuckDBPyRelation, part: Path) -> None:
    count = records.aggregate("count(*)").fetchall()[0][0]
    if count > XLSX_ROWS:
        raise OutputError(
            _("{count:,} rows do not fit into one Excel sheet ({most:,}).", count=count, most=XLSX_ROWS),
            hint=_("write .parquet or .csv, or filter."),
        )
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "default_date_format": "yyyy-mm-dd hh:mm:ss",
        "tmpdir": str(part.parent),
    }
    import xlsxwriter  # noqa: PLC0415 - only for workbooks

    # Read before the rows, because DuckDB runs one query at a time.
    names = list(records.columns)
    with xlsxwriter.Workbook(str(part), options) as book:
        book.set_properties({"created": _CREATED})
        sheet = book.add_worksheet("records")
        sheet.freeze_panes(1, 0)
        for position, name in enumerate(names):
            sheet.set_column(position, position, min(max(len(name) + 2, 12), _SHOWN_WIDTH))
        # Cells are typed as text, but headers may be copied to other programs, which could run them.
        sheet.write_row(0, 0, escape_headers(names), book.add_format({"bold": True}))
        for number, cells in enumerate(_rows(records), start=1):
            for position, cell in enumerate(cells):
                if is_too_long(cell):
                    raise OutputError(
                        _("A {column} is longer than an Excel cell (32,767 characters).", column=names[position]),
                        hint=_("write .parquet or .csv."),
                    )
                if cell is not None:
                    sheet.write(number, position, cell)


def is_too_long(cell: Any) -> bool:
    """Return whether a text is too long for an Excel cell: xlsxwriter before 3.3.1 counts an emoji as one."""
    return isinstance(cell, str) and len(cell) > _CELL // 2 and len(cell.encode("utf-16-le")) > 2 * _CELL


def _rows(records: duckdb.DuckDBPyRelation) -> Iterator[tuple[Any, ...]]:
    for batch in records.to_arrow_reader(20_000):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


WRITERS: dict[str, Callable[[duckdb.DuckDBPyRelation, Path], None]] = {
    ".parquet": lambda records, part: records.to_parquet(str(part), compression="zstd", use_tmp_file=False),
    ".csv": lambda records, part: records.to_csv(str(part), header=True, use_tmp_file=False),
    ".xlsx": _write_xlsx,
}
