"""Read the sheets of a workbook with fastexcel: in this process, or as the script of a child process.

This module imports nothing of the package, so that the child starts quickly.
"""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DAMAGED = 1
"""The exit code of the script if the workbook cannot be read."""
NAMES = "sheets.json"
"""The file with the name of each sheet, whether it is hidden, and its merged cells."""


def load_sheets(path: Path, kind: str) -> Iterator[tuple[str, bool, Any]]:
    """Yield the name of each sheet of a workbook, whether it is hidden, and its cells as text."""
    import fastexcel  # noqa: PLC0415 - only for workbooks

    # It logs a warning for each chart sheet, which Python would print.
    logging.getLogger("calamine").setLevel(logging.CRITICAL)
    # The library detects the kind of a path by its extension, and that of bytes by their content.
    is_named = path.suffix.lower() in (f".{kind}", ".xlsm")
    book = fastexcel.read_excel(path if is_named else path.read_bytes())
    for name in book.sheet_names:
        # skip_rows=0 keeps empty rows at the top, which count in row numbers.
        sheet = book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
        yield name, sheet.visible != "visible", sheet


def merged_cells(path: Path) -> dict[str, list[tuple[int, int, int]]]:
    """Return the vertically merged cells of an .xls workbook by sheet: first row, column, and last row."""
    import python_calamine  # noqa: PLC0415 - only for .xls: fastexcel does not read its merged cells

    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(path.read_bytes()))
    merged = {}
    for name in book.sheet_names:
        sheet = book.get_sheet_by_name(name)
        # fastexcel leaves out the columns before the first filled one.
        first = sheet.start[1] if sheet.start else 0
        ranges = sheet.merged_cell_ranges or []
        merged[name] = [(top, left - first, bottom) for (top, left), (bottom, _) in ranges if bottom > top]
    return merged


def _write_sheets(path: str, kind: str, folder: str, limit: str) -> None:
    """Write each sheet as an Arrow file, named by its position, and the file ``NAMES``."""
    import pyarrow.ipc  # noqa: PLC0415 - only in the child process

    names, left = [], int(limit)
    merged = merged_cells(Path(path)) if kind == "xls" else {}
    for number, (name, is_hidden, sheet) in enumerate(load_sheets(Path(path), kind)):
        cells = sheet.to_arrow()
        left -= cells.nbytes
        if left < 0:
            raise MemoryError
        with pyarrow.ipc.new_file(str(Path(folder, str(number))), cells.schema) as file:
            file.write_batch(cells)
        names.append((name, is_hidden, merged.get(name, [])))
    Path(folder, NAMES).write_text(json.dumps(names), "utf-8")


if __name__ == "__main__":
    try:
        _write_sheets(*sys.argv[1:])
    except MemoryError:
        sys.exit(DAMAGED + 1)
