"""Read the sheets of a workbook as text: XLSX, XLS, XLSB, ODS, XML of Excel 2003, and tables of a web page."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from invitekit.engine.limited_process import run_limited
from invitekit.engine.memory import free_memory
from invitekit.engine.scratch_dirs import scratch_dir
from invitekit.errors import SourceError
from invitekit.i18n import _
from invitekit.ingest import workbook_sheets
from invitekit.ingest.containers import UNREADABLE
from invitekit.ingest.encoding import checked, encoding_of_file
from invitekit.ingest.workbook_sheets import load_sheets

_MAX_ROWS, _MAX_COLUMNS = 1 << 20, 1 << 14
"""Of a sheet in Excel."""
_MAX_CELLS, _MAX_CELLS_A_BYTE = 1 << 21, 1
"""The most cells of a sheet in XML or HTML, where one may span many others: fixed, and more for each byte."""
_BLOCK = 1 << 22
_SMALL = 1 << 25
"""The most bytes of unpacked XML of a workbook that is read in this process."""
_MEMORY, _MEMORY_A_BYTE = 3 << 29, 64
_SECONDS, _BYTES_A_SECOND = 15, 1 << 18
"""Memory and time limits of the child process that reads a workbook: fixed, and more for each byte of the file."""
_COUNT = re.compile(rb"ount\s*=\s*[\"'](\d+)")
_FAR = re.compile(rb"\sr\s*=\s*[\"'](?:[A-Z]{3}|[C-Z][A-Z]|[A-Z]*\d{6})")
"""A cell right of column BZ or below row 99,999: the library allocates all cells up to it."""
_HTML_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_SS = "{urn:schemas-microsoft-com:office:spreadsheet}"
_ODS = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_DATE_TIME = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.0+)?$")
_ROW = re.compile(rb"<(?:\w+:)?row\b[^<>]*>")
_ROW_NUMBER = re.compile(rb"\br=\"(\d+)\"")
_HIDDEN = re.compile(rb"\bhidden=\"(?:1|true)\"")
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\b[^<>]*\bref=\"([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})\"")
_FILLED = re.compile(rb"<(?:\w+:)?c\b[^<>]*\br=\"([A-Z]{1,3})\d+\"[^<>/]*>(?!</)")
_NO_RESULT = re.compile(
    rb"<(?:\w+:)?c\b(?![^<>]*\bt=\"str\")[^<>]*\br=\"([A-Z]{1,3})\d+\"[^<>]*>\s*<(?:\w+:)?f\b(?:[^<>]*/>|[^<>]*>[^<]*</(?:\w+:)?f>)"
    rb"\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
"""A formula cell without a value, from a program that does not compute. An empty text is a value (``t="str"``)."""
_STYLED = re.compile(rb"<(?:\w+:)?c\b(?![^<>]*\bt=\"(?!n\"))[^<>]*\br=\"([A-Z]{1,3})(\d+)\"[^<>]*\bs=\"(\d+)\"")
"""A number with its column, row and style."""
_ZEROS = re.compile("0{2,}")
"""A number format that shows zeros at the beginning, such as 000000."""


@dataclass(frozen=True, eq=False)
class RawSheet:
    """A sheet as it is stored: its cells by position, and the layout that a user sees on the screen.

    Attributes:
        name: Its name in the workbook.
        data: All cells as text, from the first row and column.
        hidden: Whether the sheet is hidden.
        hidden_rows: Numbers of hidden rows, from 1.
        merged: First row, column, and last row of cells that are merged downwards, from 0.
        no_result: Formula cells without a result, by column.
        padded: Row, column (from 0) and shown digits of numbers that are shown with zeros at their beginning.
        unknown_layout: Whether merged cells and hidden rows are unknown: no library reads them from XLSB.
    """

    name: str
    data: pl.DataFrame
    hidden: bool = False
    hidden_rows: Sequence[int] = ()
    merged: Sequence[tuple[int, int, int]] = ()
    no_result: Counter[int] = field(default_factory=Counter)
    padded: Sequence[tuple[int, int, int]] = ()
    unknown_layout: bool = False

    def filled_down(self) -> tuple[pl.DataFrame, int]:
        """Fill the value of each merged cell into all its rows; return the cells and the number of filled rows.

        Numbers have the zeros that they are shown with.
        """
        new: dict[int, dict[int, str]] = {}
        for row, column, digits in self.padded:
            value = self._cell(row, column)
            if value is not None and value.isdigit():
                new.setdefault(column, {})[row] = value.zfill(digits)
        rows: set[int] = set()
        for first, column, last in self.merged:
            value = new.get(column, {}).get(first, self._cell(first, column))
            if value is not None:
                below = range(first + 1, min(last + 1, self.data.height))
                new.setdefault(column, {}).update(dict.fromkeys(below, value))
                rows.update(below)
        data = self.data
        for column, values in new.items():
            cells = data.to_series(column).clone().scatter(sorted(values), [values[row] for row in sorted(values)])
            data = data.with_columns(cells)
        return data, len(rows)

    def _cell(self, row: int, column: int) -> str | None:
        is_inside = row < self.data.height and 0 <= column < self.data.width
        return self.data[row, column] if is_inside else None


def read_sheets(path: Path, kind: str, name: str, encoding: str | None) -> list[RawSheet]:
    """Read all sheets of a workbook of this format, or all tables of a web page in the encoding that the user chose.

    Raises:
        SourceError: It is damaged, protected, or a web page without a table.
    """
    if kind == "html":
        return _html_tables(path, name, encoding)
    return _xml_sheets(path, name) if kind == "xml" else _workbook_sheets(path, kind, name)


def damaged(name: str) -> SourceError:
    """Return the error for a workbook that cannot be read."""
    return SourceError(
        _("'{name}' is truncated, damaged or password-protected.", name=name),
        hint=_("open it in Excel, save it again without a password, and try again."),
    )


# ---- workbooks ----------------------------------------------------------------------------------


def _workbook_sheets(path: Path, kind: str, name: str) -> list[RawSheet]:
    import fastexcel  # noqa: PLC0415 - only for workbooks

    try:
        findings = _FINDINGS[kind](path) if kind in _FINDINGS else {}
        if kind == "xlsx" and _needs_little_memory(path):
            loaded = [RawSheet(title, data.to_polars(), hidden) for title, hidden, data in load_sheets(path, kind)]
        else:
            loaded = _load_in_child(path, kind, name)
    except (fastexcel.FastExcelError, ET.ParseError, LookupError, ValueError, *UNREADABLE):
        raise damaged(name) from None
    return [replace(sheet, unknown_layout=kind == "xlsb", **findings.get(sheet.name, {})) for sheet in loaded]


def _needs_little_memory(path: Path) -> bool:
    """Return whether an XLSX is small, without counts, far cells or long texts that need much memory."""
    with zipfile.ZipFile(path) as book:
        size = sum(part.file_size for part in book.infolist())
        if size > _SMALL:
            return False
        cells = longest = 0
        for part in book.infolist():
            content = book.read(part)
            if _FAR.search(content) or any(int(count) > size for count in set(_COUNT.findall(content))):
                return False
            cells += content.count(b"<c ")
            shared = content.split(b"si>")
            longest = max(longest, *map(len, shared)) if len(shared) > 1 else longest
        return cells * longest <= _MEMORY


def _load_in_child(path: Path, kind: str, name: str) -> list[RawSheet]:
    """Load the sheets in a child process, because the library aborts a process that runs out of memory."""
    size = path.stat().st_size
    memory = min(_MEMORY + size * _MEMORY_A_BYTE, free_memory() * 3 // 4)
    with scratch_dir() as folder:
        arguments = [str(path), kind, folder, str(memory)]
        script, seconds = Path(workbook_sheets.__file__), _SECONDS + size // _BYTES_A_SECOND
        try:
            ended = run_limited(script, arguments, memory=memory, seconds=seconds)
        except OSError:
            raise SourceError(
                _("'{name}' must be read in a separate process, which cannot be started here.", name=name),
                hint=_("save it as a small .xlsx, or as CSV."),
            ) from None
        if ended == workbook_sheets.DAMAGED:
            raise damaged(name)
        if ended:
            raise SourceError(
                _(
                    "'{name}' needs more memory or time than other workbooks of its size: it is damaged, or "
                    "has cells far from its table.",
                    name=name,
                ),
                hint=_(
                    "open it in Excel or LibreOffice, delete the rows and columns beyond the table, save it as .xlsx."
                ),
            )
        sheets = []
        names = json.loads(Path(folder, workbook_sheets.NAMES).read_text("utf-8"))
        for number, (title, hidden, merged) in enumerate(names):
            with Path(folder, str(number)).open("rb") as file:
                sheets.append(RawSheet(title, pl.read_ipc(file), hidden, merged=merged))
        return sheets


def _findings(path: Path) -> dict[str, dict[str, Any]]:
    """Return merged cells, hidden rows and formulas without a result by sheet, which the library does not read."""
    with zipfile.ZipFile(path) as book:
        parts = {part.casefold(): part for part in book.namelist()}
        digits = _shown_digits(book, parts)
        return {
            title: _scan(book, part, digits)
            for title, target in _sheet_parts(book, parts)
            if (part := parts.get(target.casefold()))
        }


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


def _shown_digits(book: zipfile.ZipFile, parts: dict[str, str]) -> dict[int, int]:
    """Return how many digits each style shows that fills numbers with zeros."""
    if "xl/styles.xml" not in parts:
        return {}
    try:
        styles = ET.fromstring(book.read(parts["xl/styles.xml"]))  # noqa: S314 - expat has limits
    except ET.ParseError:
        return {}
    formats = {one.get("numFmtId"): one.get("formatCode", "") for one in styles.iter() if one.tag.endswith("}numFmt")}
    cells = next((list(group) for group in styles if group.tag.endswith("}cellXfs")), [])
    codes = enumerate(formats.get(cell.get("numFmtId"), "") for cell in cells)
    return {number: len(code) for number, code in codes if _ZEROS.fullmatch(code)}


def _scan(book: zipfile.ZipFile, part: str, digits: dict[int, int]) -> dict[str, Any]:
    hidden: list[int] = []
    padded: list[tuple[int, int, int]] = []
    merged: list[tuple[int, int, int]] = []
    no_result: Counter[int] = Counter()
    for block in _xml_blocks(book, part):
        if b"hidden=" in block:
            rows = (row for row in _ROW.findall(block) if _HIDDEN.search(row))
            hidden += [int(number[1]) for number in map(_ROW_NUMBER.search, rows) if number]
        if b"mergeCell" in block:
            cells = [(int(r1) - 1, _column(c1), int(r2) - 1) for c1, r1, _, r2 in _MERGED.findall(block)]
            merged += [cell for cell in cells if cell[2] > cell[0]]
        if b"<f" in block or b":f" in block:
            no_result.update(map(_column, _NO_RESULT.findall(block)))
        if digits:
            styled = ((int(row) - 1, _column(letters), int(style)) for letters, row, style in _STYLED.findall(block))
            padded += [(row, column, digits[style]) for row, column, style in styled if style in digits]
    if merged or no_result or padded:
        first = _first_column(book, part)
        padded = [(row, column - first, shown) for row, column, shown in padded if column >= first]
        merged = [(row, column - first, last) for row, column, last in merged if column >= first]
        no_result = Counter({column - first: count for column, count in no_result.items()})
    return {"hidden_rows": hidden, "merged": merged, "no_result": no_result, "padded": padded}


def _first_column(book: zipfile.ZipFile, part: str) -> int:
    """Return the first column that is not empty; the library leaves out the empty columns before it."""
    letters: set[bytes] = set()
    for block in _xml_blocks(book, part):
        letters.update(_FILLED.findall(block))
    return min(map(_column, letters), default=0)


def _xml_blocks(book: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """Yield the XML of a sheet in blocks that end after a row."""
    with book.open(part) as file:
        rest = b""
        while read := file.read(_BLOCK):
            block = rest + read
            end = block.rfind(b"</row>") + 1 or block.rfind(b">") + 1
            yield block[:end]
            rest = block[end:]
        yield rest


def _ods_findings(path: Path) -> dict[str, dict[str, Any]]:
    """Return merged cells and hidden rows of an ODS workbook, by sheet."""
    findings, row, first = {}, 0, _MAX_COLUMNS
    hidden: list[int] = []
    merged: list[tuple[int, int, int]] = []
    with zipfile.ZipFile(path) as book, book.open("content.xml") as file:
        for _, element in ET.iterparse(file):  # noqa: S314 - expat limits what entities expand to
            if element.tag == f"{_ODS}table-row":
                column = 0
                for cell in element:
                    spanned = int(cell.get(f"{_ODS}number-rows-spanned", "1"))
                    merged += [(row, column, row + spanned - 1)] if spanned > 1 else []
                    first = min(first, column) if len(cell) else first
                    column += int(cell.get(f"{_ODS}number-columns-repeated", "1"))
                repeated = min(int(element.get(f"{_ODS}number-rows-repeated", "1")), _MAX_ROWS)
                if element.get(f"{_ODS}visibility") in ("collapse", "filter"):
                    hidden += range(row + 1, row + 1 + repeated)
                row += repeated
                element.clear()
            elif element.tag == f"{_ODS}table":
                # The library leaves out empty columns on the left.
                cells = [(top, column - first, last) for top, column, last in merged if column >= first]
                findings[element.get(f"{_ODS}name", "")] = {"hidden_rows": hidden, "merged": cells}
                row, first, hidden, merged = 0, _MAX_COLUMNS, [], []
    return findings


_FINDINGS: dict[str, Callable[[Path], dict[str, dict[str, Any]]]] = {"xlsx": _findings, "ods": _ods_findings}


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


# ---- XML of Excel 2003 --------------------------------------------------------------------------


def _xml_sheets(path: Path, name: str) -> list[RawSheet]:
    sheets = []
    size = path.stat().st_size
    grid, hidden = _Grid(size), list[int]()
    try:
        for _, element in ET.iterparse(path):  # noqa: S314 - expat limits what entities expand to
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
                grid, hidden = _Grid(size), []
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
    """Rows of a table with cells that span rows or columns; the value of a cell is repeated in each row it spans."""

    def __init__(self, size: int) -> None:
        self.rows: list[list[str | None]] = []
        self.open_cell: tuple[list[str], int, int] | None = None
        """The texts, columns and rows of a cell of a web page that has no end yet."""
        self._open: dict[int, tuple[int, str | None]] = {}
        self._cells, self._limit = 0, _MAX_CELLS + size * _MAX_CELLS_A_BYTE

    def start_row(self, number: int | None = None) -> None:
        while number is not None and len(self.rows) < number - 1:
            self.start_row()
        self.rows.append([])
        self._add_spanning()

    def skip_to(self, number: int | None) -> None:
        while number is not None and len(self.rows[-1]) < min(number - 1, _MAX_COLUMNS):
            self.rows[-1].append(None)
            self._count(1)

    def add(self, text: str | None, columns: int, rows: int) -> None:
        self._add_spanning()
        row = self.rows[-1]
        if rows > 1:
            self._open[len(row)] = (rows - 1, text)
        row += [text, *[None] * (min(columns, 1000) - 1)]
        self._count(min(columns, 1000))
        del row[_MAX_COLUMNS:]

    def end_cell(self) -> None:
        if self.open_cell:
            texts, columns, rows = self.open_cell
            self.add("".join(texts).strip() or None, columns, rows)
            self.open_cell = None

    def _add_spanning(self) -> None:
        row = self.rows[-1]
        while (span := self._open.pop(len(row), None)) is not None:
            left, text = span
            if left > 1:
                self._open[len(row)] = (left - 1, text)
            row.append(text)

    def _count(self, cells: int) -> None:
        self._cells += cells
        if self._cells > self._limit:
            raise ValueError(cells)

    def frame(self) -> pl.DataFrame:
        width = max(map(len, self.rows), default=0)
        self._cells = 0
        self._count(width * len(self.rows))
        rows = [[*row, *[None] * (width - len(row))] for row in self.rows]
        return pl.DataFrame(rows, schema=dict.fromkeys(map(str, range(width)), pl.String), orient="row")


# ---- web pages ----------------------------------------------------------------------------------


def _html_tables(path: Path, name: str, encoding: str | None) -> list[RawSheet]:
    text = _html_text(path, encoding)
    parser = _Tables(len(text))
    try:
        parser.feed(text)
        parser.close()
        tables = [grid.frame() for grid in parser.tables]
    except ValueError:
        raise damaged(name) from None
    if not any(table.height > 1 for table in tables):
        raise SourceError(
            _("'{name}' is a web page without a table, such as a page to log in.", name=name),
            hint=_("log in to the portal and export again."),
        )
    return [RawSheet(f"table {i}", table) for i, table in enumerate(tables, start=1)]


def _html_text(path: Path, encoding: str | None) -> str:
    content = path.read_bytes()
    charset = _HTML_CHARSET.search(content[:4096])
    if encoding is None and charset and not content.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        codec = charset[1].decode("ascii", "replace").lower()
        try:
            return content.decode("gb18030" if codec in ("gb2312", "gbk", "x-gbk") else codec)
        except (LookupError, ValueError):
            pass  # the stated charset is wrong
    return content.decode(checked(encoding) if encoding else encoding_of_file(path), "replace")


class _Tables(HTMLParser):
    """Collects the tables of a page; one inside a cell is a separate table."""

    def __init__(self, size: int) -> None:
        super().__init__(convert_charrefs=True)
        self._size, self._in_script = size, 0
        self.tables: list[_Grid] = []
        self._open: list[_Grid] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        grid = self._open[-1] if self._open else None
        if tag in ("script", "style"):
            self._in_script += 1
        elif tag == "table":
            self._open.append(_Grid(self._size))
            self.tables.append(self._open[-1])
        elif tag == "br":
            self.handle_data("\n")
        elif grid and tag == "tr":
            grid.end_cell()
            grid.start_row()
        elif grid and grid.rows and tag in ("td", "th"):
            grid.end_cell()
            spans = dict(attrs)
            grid.open_cell = ([], _span(spans.get("colspan")), _span(spans.get("rowspan")))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._in_script = max(self._in_script - 1, 0)
        elif self._open and tag in ("td", "th", "tr", "table"):
            self._open[-1].end_cell()
            if tag == "table":
                self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open and (cell := self._open[-1].open_cell) and not self._in_script:
            cell[0].append(data)


def _span(value: str | None) -> int:
    return min(max(int(value), 1), _MAX_ROWS) if value and value.strip().isascii() and value.strip().isdigit() else 1
