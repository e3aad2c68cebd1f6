"""Write a list to a file: CSV that is safe in a spreadsheet, XLSX that is ready to work in."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from invitekit.batches.worklists import WorkList
from invitekit.errors import OutputError
from invitekit.i18n import _
from invitekit.io.spreadsheet_escape import escape_frame
from invitekit.io.table_writers import XLSX_ROWS, is_too_long
from invitekit.model.schema import label_in_message

_FORMATS: dict[Any, dict[str, Any]] = {
    pl.String: {"num_format": "@", "text_wrap": True, "align": "left"},
    pl.Datetime: {"num_format": "yyyy-mm-dd hh:mm:ss", "align": "left"},
    pl.Int64: {"align": "center"},
}
TIME = "%Y-%m-%d %H:%M:%S"
_LINE, _MESSAGE_LINES = 15, 5
_HIGHEST = 409
"""The largest height of an Excel row, in points."""
_SMALL = 5_000
"""A sheet with up to this many rows is built in memory, which is faster."""


def write_csv(worklist: WorkList, path: Path, _moment: dt.datetime) -> None:
    """Write UTF-8 with a byte order mark, every text quoted, and formulas escaped."""
    safe = escape_frame(worklist.rows)
    with path.open("wb") as file:
        safe.rename(dict(zip(safe.columns, worklist.headers, strict=True))).write_csv(
            file, include_bom=True, line_terminator="\r\n", datetime_format=TIME, quote_style="non_numeric"
        )


def write_xlsx(worklist: WorkList, path: Path, moment: dt.datetime) -> None:
    """Write a workbook with one sheet."""
    write_workbook([worklist], path, moment)


def write_workbook(lists: Sequence[WorkList], path: Path, moment: dt.datetime) -> None:
    """Write a sheet for each list, with its header frozen, filters, widths that fit, and texts that stay texts.

    Raises:
        OutputError: There are more rows, or a longer text, than Excel allows.
    """
    for worklist in lists:
        if worklist.rows.height > XLSX_ROWS:
            problem = _(
                "'{name}' has {rows:,} rows; an Excel sheet has at most {most:,}.",
                name=worklist.name,
                rows=worklist.rows.height,
                most=XLSX_ROWS,
            )
            raise OutputError(problem, hint=_("write formats=['csv']."))
    small = max(worklist.rows.height for worklist in lists) <= _SMALL
    options = {"in_memory": small, "constant_memory": not small, "tmpdir": str(path.parent)}
    import xlsxwriter  # noqa: PLC0415 - slow to import, and not for CSV

    # Zip in memory: a zip file that a full disk interrupts raises again when it is garbage-collected.
    zipped = io.BytesIO()
    with xlsxwriter.Workbook(zipped, options) as book:
        book.set_properties({"created": moment})
        for worklist in lists:
            sheet = book.add_worksheet(worklist.name[:31])
            _lay_out(book, sheet, worklist)
            _fill(sheet, worklist)
    path.write_bytes(zipped.getbuffer())


def _lay_out(book: Any, sheet: Any, worklist: WorkList) -> None:
    """Set widths and formats of the columns; in a large sheet this must precede the rows."""
    last, rows = worklist.rows.width - 1, worklist.rows.height
    for index, kind in enumerate(worklist.rows.dtypes):
        style = book.add_format({"valign": "top"} | _FORMATS.get(kind.base_type(), {}))
        sheet.set_column(index, index, worklist.widths[index], style)
    if worklist.messages:
        sheet.set_default_row(_LINE * _MESSAGE_LINES)
    sheet.set_row(0, 33)
    head = book.add_format({"bold": True, "text_wrap": True, "valign": "vcenter", "bg_color": "#E7EDF5", "bottom": 1})
    for index, text in enumerate(worklist.headers):
        sheet.write_string(0, index, text, head)
    sheet.freeze_panes(1, 2 if worklist.batch is not None else 1)
    sheet.autofilter(0, 0, rows, last)
    line = book.add_format({"bottom": 1, "bottom_color": "#C8CED6"})
    sheet.conditional_format(1, 0, rows, last, {"type": "no_errors", "format": line})
    sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{rows + 1}"})
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)


def _fill(sheet: Any, worklist: WorkList) -> None:
    """Write the rows, each cell by the type of its column: no type is guessed from a text."""
    writers = {pl.String: sheet.write_string, pl.Datetime: sheet.write_datetime}
    kinds = [kind.base_type() for kind in worklist.rows.dtypes]
    write: list[Callable[..., int]] = [writers.get(kind, sheet.write_number) for kind in kinds]
    usual = _MESSAGE_LINES if worklist.messages else 1
    rows = worklist.rows.iter_rows(buffer_size=_SMALL)
    for number, (cells, lines) in enumerate(zip(rows, worklist.lines, strict=True), start=1):
        if lines > usual:
            sheet.set_row(number, min(_LINE * lines, _HIGHEST))
        for index, cell in enumerate(cells):
            if is_too_long(cell):
                problem = _(
                    "A {column} in '{name}' is longer than an Excel cell allows.",
                    column=label_in_message(worklist.rows.columns[index]),
                    name=worklist.name,
                )
                raise OutputError(problem, hint=_("correct the cell in its file, or leave out the customer."))
            if cell is not None:
                write[index](number, index, cell)


WRITERS: dict[str, Callable[[WorkList, Path, dt.datetime], None]] = {"csv": write_csv, "xlsx": write_xlsx}
