"""Read the sheets of a workbook as text: XLSX, XLS, XLSB, ODS, XML of Excel 2003, and tables of a web page."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from invitekit.errors import SourceError
from invitekit.ingest.containers import UNREADABLE
from invitekit.ingest.encoding import checked, encoding_of_file

_MAX_ROWS, _MAX_COLUMNS = 1 << 20, 1 << 14
"""Of a sheet in Excel."""
_MAX_CELLS = 1 << 26
"""Cells of a sheet in XML or HTML, where one cell may span or skip any number of others."""
_BLOCK = 1 << 22
_HTML_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_SS = "{urn:schemas-microsoft-com:office:spreadsheet}"
_DATE_TIME = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.0+)?$")
_ROW = re.compile(rb"<(?:\w+:)?row\b[^>]*>")
_ROW_NUMBER = re.compile(rb"\br=\"(\d+)\"")
_HIDDEN = re.compile(rb"\bhidden=\"(?:1|true)\"")
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\b[^>]*\bref=\"([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})\"")
_FILLED = re.compile(rb"<(?:\w+:)?c\b[^>]*\br=\"([A-Z]{1,3})\d+\"[^>/]*>(?!</)")
_NO_RESULT = re.compile(
    rb"<(?:\w+:)?c\b(?![^>]*\bt=\"str\")[^>]*\br=\"([A-Z]{1,3})\d+\"[^>]*>\s*<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)"
    rb"\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
"""A formula cell without a value: a program wrote it that does not compute. An empty text is a value (``t="str"``)."""


@dataclass(frozen=True, eq=False)
class RawSheet:
    """A sheet as it is: its cells by position, and what a reader of the screen sees otherwise.

    Attributes:
        name: Its name in the workbook.
        data: All cells as text, from the first row and column.
        hidden: Whether the sheet is hidden.
        hidden_rows: Numbers of hidden rows, from 1.
        merged: First row, column, and last row of cells that are merged downwards, from 0.
        no_result: Formula cells without a result, by column.
    """

    name: str
    data: pl.DataFrame
    hidden: bool = False
    hidden_rows: Sequence[int] = ()
    merged: Sequence[tuple[int, int, int]] = ()
    no_result: Counter[int] = field(default_factory=Counter)

    def filled_down(self) -> tuple[pl.DataFrame, int]:
        """Return the cells with the value of each merged cell in all its rows, and the number of rows filled."""
        data, rows = self.data, set[int]()
        by_column: dict[int, dict[int, str]] = {}
        for first, column, last in self.merged:
            value = data[first, column] if first < data.height and column < data.width else None
            if value is not None:
                below = range(first + 1, min(last + 1, data.height))
                by_column.setdefault(column, {}).update(dict.fromkeys(below, value))
                rows.update(below)
        for column, values in by_column.items():
            filled = data.to_series(column).clone().scatter(sorted(values), [values[row] for row in sorted(values)])
            data = data.with_columns(filled)
        return data, len(rows)


def read_sheets(path: Path, kind: str, name: str, encoding: str | None) -> list[RawSheet]:
    """Read all sheets of a workbook, or all tables of a web page.

    Args:
        path: The file.
        kind: Its format.
        name: The file's name in a message.
        encoding: The user's choice for a web page.

    Raises:
        SourceError: It is damaged, protected, or a web page without a table.
    """
    if kind == "html":
        return _html_tables(path, name, encoding)
    return _xml_sheets(path, name) if kind == "xml" else _workbook_sheets(path, kind, name)


def damaged(name: str) -> SourceError:
    """Return the error for a workbook that cannot be read."""
    return SourceError(
        f"'{name}' is truncated, damaged or password-protected.",
        hint="open it in Excel, save it again without a password, and try again.",
    )


# ---- workbooks ----------------------------------------------------------------------------------


def _workbook_sheets(path: Path, kind: str, name: str) -> list[RawSheet]:
    import fastexcel  # noqa: PLC0415 - only for workbooks

    try:
        # The library goes by the extension of a path, and by the content of bytes.
        is_named = path.suffix.lower() in (f".{kind}", ".xlsm")
        book = fastexcel.read_excel(path if is_named else path.read_bytes())
        findings = _findings(path) if kind == "xlsx" else {}
        sheets = []
        for title in book.sheet_names:
            # skip_rows=0 keeps empty rows at the top, which count in row numbers.
            sheet = book.load_sheet(title, header_row=None, skip_rows=0, dtypes="string")
            hidden = sheet.visible != "visible"
            sheets.append(RawSheet(title, sheet.to_polars(), hidden, **findings.get(title, {})))
    except (fastexcel.FastExcelError, *UNREADABLE):
        raise damaged(name) from None
    return sheets


def _findings(path: Path) -> dict[str, dict[str, Any]]:
    """Return what the library does not tell, by sheet: merged cells, hidden rows, formulas without a result."""
    with zipfile.ZipFile(path) as book:
        parts = {part.casefold(): part for part in book.namelist()}
        found = {}
        for title, target in _sheet_parts(book, parts):
            if part := parts.get(target.casefold()):
                found[title] = _scan(book, part)
        return found


def _sheet_parts(book: zipfile.ZipFile, parts: dict[str, str]) -> Iterator[tuple[str, str]]:
    names = ("xl/workbook.xml", "xl/_rels/workbook.xml.rels")
    if not all(name in parts for name in names):
        return
    try:
        workbook, relations = (ET.fromstring(book.read(parts[name])) for name in names)  # noqa: S314 - expat has limits
    except ET.ParseError:
        return
    targets = {one.get("Id"): one.get("Target", "") for one in relations}
    for sheet in workbook.iter():
        if sheet.tag.endswith("}sheet"):
            relation = next((value for key, value in sheet.attrib.items() if key.endswith("}id")), None)
            target = targets.get(relation, "")
            yield sheet.get("name", ""), target.lstrip("/") if target.startswith("/") else f"xl/{PurePosixPath(target)}"


def _scan(book: zipfile.ZipFile, part: str) -> dict[str, Any]:
    hidden: list[int] = []
    merged: list[tuple[int, int, int]] = []
    no_result: Counter[int] = Counter()
    for block in _xml_blocks(book, part):
        if b"hidden=" in block:
            rows = (row for row in _ROW.findall(block) if _HIDDEN.search(row))
            hidden += [int(found[1]) for found in map(_ROW_NUMBER.search, rows) if found]
        if b"mergeCell" in block:
            cells = [(int(r1) - 1, _column(c1), int(r2) - 1) for c1, r1, _, r2 in _MERGED.findall(block)]
            merged += [cell for cell in cells if cell[2] > cell[0]]
        if b"<f" in block or b":f" in block:
            no_result.update(map(_column, _NO_RESULT.findall(block)))
    if merged or no_result:
        first = _first_column(book, part)
        merged = [(row, column - first, last) for row, column, last in merged if column >= first]
        no_result = Counter({column - first: count for column, count in no_result.items()})
    return {"hidden_rows": hidden, "merged": merged, "no_result": no_result}


def _first_column(book: zipfile.ZipFile, part: str) -> int:
    """Return the first column that is not empty: the library leaves out those before it."""
    letters: set[bytes] = set()
    for block in _xml_blocks(book, part):
        letters.update(_FILLED.findall(block))
    return min(map(_column, letters), default=0)


def _xml_blocks(book: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """Yield the XML of a sheet in blocks that end with a row."""
    with book.open(part) as file:
        rest = b""
        while read := file.read(_BLOCK):
            block = rest + read
            end = block.rfind(b"</row>") + 1 or block.rfind(b">") + 1
            yield block[:end]
            rest = block[end:]
        yield rest


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


# ---- XML of Excel 2003 --------------------------------------------------------------------------


def _xml_sheets(path: Path, name: str) -> list[RawSheet]:
    sheets = []
    grid, hidden = _Grid(), list[int]()
    try:
        for event, element in ET.iterparse(path, ("start", "end")):  # noqa: S314 - expat limits what entities expand to
            if event == "start":
                if element.tag == f"{_SS}Worksheet":
                    grid, hidden = _Grid(), []
                continue
            if element.tag == f"{_SS}Row":
                grid.start_row(_number(element, "Index"))
                for cell in element.iter(f"{_SS}Cell"):
                    grid.skip_to(_number(cell, "Index"))
                    across, down = _number(cell, "MergeAcross") or 0, _number(cell, "MergeDown") or 0
                    grid.add(_cell_text(cell), across + 1, down + 1)
                if element.get(f"{_SS}Hidden") == "1":
                    hidden.append(len(grid.rows))
                element.clear()
            elif element.tag == f"{_SS}Worksheet":
                is_hidden = any(e.tag.endswith("}Visible") and "Hidden" in (e.text or "") for e in element.iter())
                sheets.append(RawSheet(element.get(f"{_SS}Name", ""), grid.frame(), is_hidden, hidden))
    except (ET.ParseError, ValueError, LookupError):
        raise damaged(name) from None
    return sheets


def _number(element: ET.Element, name: str) -> int | None:
    value = element.get(f"{_SS}{name}")
    number = int(value) if value else None
    if number is not None and not 0 <= number <= _MAX_ROWS:
        raise ValueError(name)
    return number


def _cell_text(cell: ET.Element) -> str | None:
    data = cell.find(f"{_SS}Data")
    if data is None:
        return None
    text = "".join(data.itertext())
    return _DATE_TIME.sub(r"\1 \2", text) if data.get(f"{_SS}Type") == "DateTime" else text


class _Grid:
    """Rows of cells that span several rows or columns: a cell that spans rows has its value in each of them."""

    def __init__(self) -> None:
        self.rows: list[list[str | None]] = []
        self._open: dict[int, tuple[int, str | None]] = {}
        self._cells = 0

    def start_row(self, number: int | None = None) -> None:
        while number is not None and len(self.rows) < number - 1:
            self.start_row()
        self.rows.append([])
        self._take_open()

    def skip_to(self, number: int | None) -> None:
        while number is not None and len(self.rows[-1]) < min(number - 1, _MAX_COLUMNS):
            self.rows[-1].append(None)
            self._count(1)

    def add(self, text: str | None, columns: int, rows: int) -> None:
        self._take_open()
        row = self.rows[-1]
        if rows > 1:
            self._open[len(row)] = (rows - 1, text)
        row += [text, *[None] * (min(columns, 1000) - 1)]
        self._count(min(columns, 1000))
        del row[_MAX_COLUMNS:]

    def _take_open(self) -> None:
        row = self.rows[-1]
        while (span := self._open.pop(len(row), None)) is not None:
            left, text = span
            if left > 1:
                self._open[len(row)] = (left - 1, text)
            row.append(text)

    def _count(self, cells: int) -> None:
        self._cells += cells
        if self._cells > _MAX_CELLS:
            raise ValueError(cells)

    def frame(self) -> pl.DataFrame:
        width = max(map(len, self.rows), default=0)
        self._cells = 0
        self._count(width * len(self.rows))
        rows = [[*row, *[None] * (width - len(row))] for row in self.rows]
        return pl.DataFrame(rows, schema=dict.fromkeys(map(str, range(width)), pl.String), orient="row")


# ---- web pages ----------------------------------------------------------------------------------


def _html_tables(path: Path, name: str, encoding: str | None) -> list[RawSheet]:
    parser = _Tables()
    try:
        parser.feed(_html_text(path, encoding))
        parser.close()
        tables = [grid.frame() for grid in parser.tables]
    except ValueError:
        raise damaged(name) from None
    if not any(table.height > 1 for table in tables):
        raise SourceError(
            f"'{name}' is a web page without a table, such as a page to log in.",
            hint="log in to the portal and export again.",
        )
    return [RawSheet(f"table {i}", table) for i, table in enumerate(tables, start=1)]


def _html_text(path: Path, encoding: str | None) -> str:
    content = path.read_bytes()
    said = _HTML_CHARSET.search(content[:4096])
    if encoding is None and said and not content.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        codec = said[1].decode("ascii", "replace").lower()
        try:
            return content.decode("gb18030" if codec in ("gb2312", "gbk", "x-gbk") else codec)
        except (LookupError, ValueError):
            pass  # it is not written so
    return content.decode(checked(encoding) if encoding else encoding_of_file(path), "replace")


class _Tables(HTMLParser):
    """Collects the tables of a page; one inside a cell is a table of its own."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[_Grid] = []
        self._stack: list[_Grid] = []
        self._cells: list[tuple[list[str], int, int] | None] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style"):
            self._silent += 1
        elif tag == "table":
            self._stack.append(_Grid())
            self.tables.append(self._stack[-1])
            self._cells.append(None)
        elif tag == "br" and self._stack and self._cells[-1]:
            self._cells[-1][0].append("\n")
        elif tag == "tr" and self._stack:
            self._end_cell()
            self._stack[-1].start_row()
        elif tag in ("td", "th") and self._stack and self._stack[-1].rows:
            self._end_cell()
            spans = dict(attrs)
            self._cells[-1] = ([], _span(spans.get("colspan")), _span(spans.get("rowspan")))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._silent = max(self._silent - 1, 0)
        elif tag in ("td", "th", "tr") and self._stack:
            self._end_cell()
        elif tag == "table" and self._stack:
            self._end_cell()
            self._stack.pop()
            self._cells.pop()

    def handle_data(self, data: str) -> None:
        if self._stack and self._cells[-1] and not self._silent:
            self._cells[-1][0].append(data)

    def _end_cell(self) -> None:
        if cell := self._cells[-1]:
            text = "".join(cell[0]).strip()
            self._stack[-1].add(text or None, cell[1], cell[2])
            self._cells[-1] = None


def _span(value: str | None) -> int:
    return min(max(int(value), 1), _MAX_ROWS) if value and value.strip().isascii() and value.strip().isdigit() else 1
