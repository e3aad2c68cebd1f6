"""Open each kind of source as a table: delimited text, workbooks, Parquet, JSON and frames."""

from __future__ import annotations

import datetime as dt
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from itertools import chain
from json import JSONDecodeError
from pathlib import Path
from typing import Any

import polars as pl

from invitekit.errors import SchemaError, SourceError
from invitekit.i18n import Message, _, ngettext
from invitekit.ingest.batches import ROW, Batch, RejectedRow, Table, column_names, text_frame
from invitekit.ingest.csv_dialect import find_dialect
from invitekit.ingest.datetimes import EPOCH_1900, EPOCH_1904
from invitekit.ingest.delimited import BROKEN, open_text, read_delimited
from invitekit.ingest.discover import Source
from invitekit.ingest.encoding import HEADER_WITHIN, encoding_of_file
from invitekit.ingest.headers import (
    IDENTIFYING,
    ReadOptions,
    has_column,
    header_rows,
    header_score,
    missing_column,
    require_column,
)
from invitekit.ingest.json_shapes import RecordList, Repeated, find_records, flat, json_object
from invitekit.ingest.sheets import RawSheet, read_sheets

BATCH_ROWS = 200_000
"""Rows in a batch of a typed source."""
_BATCH_CELLS = 5_000_000
"""Cells in a batch of JSON objects, absent ones included."""
_MAX_COLUMNS = 1 << 14
"""The most columns of a table, as in Excel."""
_MAX_ROWS, _MAX_ROWS_A_BYTE = 1 << 20, 64
"""The most rows of a Parquet file: a fixed number, and more for each byte, because equal rows take almost no space."""
_MAX_INTEGER = 10**18
"""A number with a decimal point from here on keeps its text."""


def open_tables(source: Source, options: ReadOptions) -> list[Table]:
    """Open a file, each sheet of a workbook as a separate table. Rows are read later, by ``Table.read``.

    Raises:
        SourceError, SchemaError: The file is damaged or not of its format, or lacks the required column.
    """
    tables = _OPEN[source.format](source, options)
    for table in tables:
        if len(table.headers) > _MAX_COLUMNS:
            raise SchemaError(
                _(
                    "'{name}' has {count:,} columns; at most {most:,} are read.",
                    name=table.name,
                    count=len(table.headers),
                    most=_MAX_COLUMNS,
                ),
                hint=_("keep the columns that hold customers."),
            )
    return tables


def _open_delimited(source: Source, options: ReadOptions) -> list[Table]:
    dialect = find_dialect(source.content, options)
    read = partial(read_delimited, source.content, dialect)
    return [Table(source.name, dialect.headers, read, encoding=dialect.encoding, delimiter=dialect.delimiter)]


# ---- workbooks ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Sheet:
    """A sheet that is not empty, with the position of its header row and the number of known headers in it."""

    full_name: str
    raw: RawSheet
    data: pl.DataFrame
    score: int
    row: int
    headers: tuple[str, ...]
    notes: dict[Message, int]

    def read(self) -> Iterator[Batch]:
        """Yield the rows below the header that are not empty."""
        body = self.data.slice(self.row + 1)
        body.columns = column_names(body.width)
        numbers = pl.int_range(self.row + 2, self.row + 2 + body.height, eager=True, dtype=pl.Int64).alias(ROW)
        filled = pl.any_horizontal(pl.exclude(ROW).is_not_null())
        rows = body.insert_column(0, numbers).filter(filled)
        for start in range(0, rows.height, BATCH_ROWS):
            yield Batch(rows.slice(start, BATCH_ROWS), notes={} if start else self.notes)


def _open_workbook(source: Source, options: ReadOptions) -> list[Table]:
    """Open every sheet that has the required column and a column that identifies customers.

    A hidden sheet, such as a backup, is opened only if no other sheet has records.
    """
    raw = read_sheets(source.content, source.format, source.name, options.encoding)
    sheets = [sheet for one in raw if (sheet := _sheet(one, source.name, options)) is not None]
    with_header = [sheet for sheet in sheets if sheet.score]
    if not with_header:
        names, *below = _texts(sheets[0].data) if sheets else [[]]
        raise missing_column(options.required, source.name, names, below)
    with_column = [s for s in with_header if has_column(options.required, s.headers, options.columns)]
    # A table of counts by status has a status column, too.
    with_identity = [s for s in with_column if any(has_column(n, s.headers, options.columns) for n in IDENTIFYING)]
    chosen = with_identity or with_column or [max(with_header, key=lambda sheet: sheet.score)]
    chosen = [sheet for sheet in chosen if not sheet.raw.hidden] or chosen
    others = [sheet for sheet in sheets if sheet not in chosen]
    ignored = [_("{sheet} (hidden)", sheet=s.full_name) if s.raw.hidden else s.full_name for s in others]
    epoch = _epoch(source.content) if source.format == "xlsx" else EPOCH_1900
    tables: list[Table] = []
    for sheet in chosen:
        name = source.name if len(chosen) == 1 else sheet.full_name
        require_column(options, sheet.headers, name, _texts(sheet.data, sheet.row + 1))
        tables.append(Table(name, sheet.headers, sheet.read, epoch=epoch, ignored=[] if tables else ignored))
    return tables


def _sheet(raw: RawSheet, file: str, options: ReadOptions) -> _Sheet | None:
    """Find the header of a sheet, and the notes on its cells; None if it is empty."""
    data, filled_down = raw.filled_down()
    positions = [i for i, column in enumerate(data) if column.null_count() < len(column)]
    if not positions:
        return None
    data = data.select(pl.nth(positions))
    texts = _texts(data)
    scores = [header_score(cells, options.columns) for cells in texts[:HEADER_WITHIN]]
    score = max(scores, default=0)
    cells, row = header_rows(texts, scores.index(score), options.columns)
    headers = tuple(cell.strip() or f"column {i + 1}" for cell, i in zip(cells, positions, strict=True))
    name = f"{file} [{raw.name}]"
    hidden = sum(1 for number in raw.hidden_rows if row + 1 < number <= data.height)
    below = data.height - row - 1
    notes = {
        ngettext(
            "{n:,} row is in merged cells and got the value of the first of these rows.",
            "{n:,} rows are in merged cells and got the value of the first of these rows.",
            0,
        ): filled_down,
        ngettext(
            "{n:,} row of '{sheet}' is hidden there, perhaps by a filter, and was read like all others.",
            "{n:,} rows of '{sheet}' are hidden there, perhaps by a filter, and were read like all others.",
            0,
            sheet=name,
        ): hidden,
        ngettext(
            "{n:,} row comes from the hidden sheet '{sheet}': no other sheet holds records.",
            "{n:,} rows come from the hidden sheet '{sheet}': no other sheet holds records.",
            0,
            sheet=name,
        ): below * raw.hidden,
        ngettext(
            "{n:,} row of '{sheet}' may be merged or hidden: this cannot be read from an .xlsb; if it is, save it as "
            ".xlsx.",
            "{n:,} rows of '{sheet}' may be merged or hidden: this cannot be read from an .xlsb; if they are, save it "
            "as .xlsx.",
            0,
            sheet=name,
        ): below * raw.unknown_layout,
    }
    notes |= {_no_result(headers[i]): raw.no_result[p] for i, p in enumerate(positions) if p in raw.no_result}
    return _Sheet(name, raw, data, score, row, headers, notes)


def _no_result(header: str) -> Message:
    return ngettext(
        "{n:,} formula cell of '{header}' has no result and was read as empty: open the file in Excel, save it, load "
        "it again.",
        "{n:,} formula cells of '{header}' have no result and were read as empty: open the file in Excel, save it, "
        "load it again.",
        0,
        header=" ".join(header.split()),
    )


def _epoch(path: Path) -> dt.datetime:
    """Return day 0 of a workbook's serial dates; fastexcel converts only cells with a date format."""
    with zipfile.ZipFile(path) as book:
        names = [name for name in book.namelist() if name == "xl/workbook.xml"]
        settings = book.read(names[0]) if names else b""
    return EPOCH_1904 if re.search(rb"date1904=[\"'](1|true|on)[\"']", settings) else EPOCH_1900


def _texts(sheet: pl.DataFrame, start: int = 0) -> list[list[str]]:
    """Return some rows of a sheet as text."""
    return [[cell or "" for cell in row] for row in sheet.slice(start, HEADER_WITHIN + 1).rows()]


# ---- Parquet and frames -------------------------------------------------------------------------


def _open_parquet(source: Source, options: ReadOptions) -> list[Table]:
    # Not Polars, which allocates as much memory as a damaged page requests, and aborts the process.
    import pyarrow as pa  # noqa: PLC0415 - loaded where a file needs it
    import pyarrow.parquet as pq  # noqa: PLC0415

    from invitekit.engine.arrow import leaf_names, to_polars  # noqa: PLC0415

    try:
        with pq.ParquetFile(source.content) as file:
            headers, count = leaf_names(file.schema_arrow), file.metadata.num_rows
            first = file.metadata.row_group(0) if file.metadata.num_row_groups else None
            chunks = [first.column(i) for i in range(first.num_columns)] if first else []
            texts = [c for c in chunks if c.physical_type == "BYTE_ARRAY" and "." not in c.path_in_schema]
            repeating = [c.path_in_schema for c in texts if c.total_uncompressed_size < 2 * c.num_values]
    except (pa.ArrowException, OSError, ValueError):
        raise SourceError(
            _("'{name}' is truncated or damaged: no Parquet footer can be read.", name=source.name),
            hint=_("export it again."),
        ) from None
    if count > _MAX_ROWS + source.size * _MAX_ROWS_A_BYTE:
        raise SourceError(
            _(
                "'{name}' states {count:,} rows, more than a file of its size can contain: it is damaged.",
                name=source.name,
                count=count,
            ),
            hint=_("export it again."),
        )
    require_column(options, headers, source.name)

    def read() -> Iterator[Batch]:
        start = 0
        try:
            # Columns with few distinct texts are read much faster as dictionaries.
            with pq.ParquetFile(source.content, read_dictionary=repeating) as file:
                for batch in file.iter_batches(BATCH_ROWS):
                    yield _numbered(to_polars(batch), start)
                    start += batch.num_rows
        except (pa.ArrowException, pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError):
            # The message of the library is left out, because it may quote a cell.
            raise SourceError(
                _("'{name}' cannot be read to its end.", name=source.name),
                hint=_("it may be truncated or damaged: export it again."),
            ) from None

    return [Table(source.name, headers, read)]


def open_frame(frame: Any, name: str, options: ReadOptions) -> Table:
    """Open a frame of any engine as a table; raise an ``ArgumentError`` for another value."""
    headers, frames = _polars_frames(frame)
    require_column(options, headers, name)

    def read() -> Iterator[Batch]:
        start = 0
        for part in frames:
            yield _numbered(part, start)
            start += part.height

    return Table(name, headers, read)


def _numbered(rows: pl.DataFrame, start: int) -> Batch:
    """Return rows of a typed source as a batch; they are numbered from 1."""
    numbers = pl.int_range(start + 1, start + 1 + rows.height, eager=True, dtype=pl.Int64).alias(ROW)
    rows.columns = column_names(rows.width)
    while objects := [name for name, kind in rows.schema.items() if _fields(kind)]:
        rows = rows.unnest(objects, separator=".")
        rows.columns = column_names(rows.width)
    return Batch(rows.insert_column(0, numbers))


def _fields(kind: pl.DataType) -> list[pl.Field]:
    """Return the fields of a column of objects; none for any other column."""
    return kind.fields if isinstance(kind, pl.Struct) else []


def _leaf_names(name: str, kind: pl.DataType) -> list[str]:
    """Return the name of a column, or one for each field of an object: ``customer.email``."""
    fields: Any = _fields(kind)
    return [leaf for f in fields for leaf in _leaf_names(f"{name}.{f.name}", f.dtype)] if fields else [name]


def _polars_frames(frame: Any) -> tuple[tuple[str, ...], Iterator[pl.DataFrame]]:
    """Return the headers of a frame of any engine, and its rows as Polars frames."""
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    if isinstance(frame, pl.DataFrame):
        parts = (frame.slice(start, BATCH_ROWS) for start in range(0, frame.height, BATCH_ROWS))
        return tuple(leaf for name, kind in frame.schema.items() for leaf in _leaf_names(name, kind)), parts
    from invitekit.engine.arrow import as_arrow, leaf_names, to_polars  # noqa: PLC0415 - pyarrow is loaded where a frame needs it

    data = as_arrow(frame)
    headers = leaf_names(data.schema)
    batches = data.to_batches(BATCH_ROWS) if hasattr(data, "to_batches") else data
    return headers, map(to_polars, batches)


# ---- JSON ---------------------------------------------------------------------------------------


class Number(str):
    """A JSON number with a decimal point or an exponent, as its original text."""

    __slots__ = ()


_DECODER = json.JSONDecoder(parse_int=str, parse_float=Number, object_pairs_hook=json_object)
_SPACE = re.compile(r"\s*")
_Object = tuple[int, dict[str, str | None]]


def _open_json_lines(source: Source, options: ReadOptions) -> list[Table]:
    lines = open_text(source.content, encoding_of_file(source.content, options.encoding))
    top: list[str] = []
    while not (top and _json_line(top[-1])) and (line := next(lines, None)) is not None:
        top.append(line)
    first = _parsed(_one_value, _json_line(top[-1])) if top else None
    if top and not (first and isinstance(first[0], dict)):
        # A single list, or objects that span lines.
        top += lines
        values = _parsed(_concatenated, "".join(top))
        if isinstance(values, list) and len(values) == 1 and isinstance(values[0], list):
            return _tables_of(source, find_records(values[0], source.name, options), options)
        if values:
            return _tables_of(source, RecordList(values), options)
    return [_objects_table(source, list(_read_json_lines(chain(top, lines))), options)]


def _json_line(line: str) -> str:
    """Return a line without a byte order mark, white space and the comma of a list around its object."""
    return line.strip("\ufeff\x1e \t\r\n").rstrip(", \t")


def _read_json_lines(lines: Iterable[str]) -> Iterator[_Object | RejectedRow]:
    for number, written in enumerate(lines, start=1):
        if line := _json_line(written):
            values = _parsed(_one_value, line)
            yield _as_object(number, values[0]) if values else RejectedRow(number, "is not JSON", line)


def _open_json(source: Source, options: ReadOptions) -> list[Table]:
    lines = open_text(source.content, encoding_of_file(source.content, options.encoding))
    text = "".join(lines).lstrip("\ufeff").rstrip()
    try:
        values = _one_value(text)
    except (ValueError, RecursionError) as error:
        values = _parsed(_concatenated, text) or []
        if not values:
            problem = _("'{name}' is truncated or not valid JSON.", name=source.name)
            if isinstance(error, JSONDecodeError):
                problem = _(
                    "'{name}' is truncated or not valid JSON from line {line}, column {column}.",
                    name=source.name, line=error.lineno, column=error.colno,
                )  # fmt: skip
            hint = _("export it again; one object a line belongs into a .jsonl file.")
            raise SourceError(problem, hint=hint) from None
    records = find_records(values[0], source.name, options) if len(values) == 1 else RecordList(values)
    return _tables_of(source, records, options)


def _parsed(parse: Callable[[str], list[Any]], text: str) -> list[Any] | None:
    try:
        return parse(text.lstrip("\ufeff").strip())
    except (ValueError, RecursionError):
        return None


def _one_value(text: str) -> list[Any]:
    return [_DECODER.decode(text)]


def _concatenated(text: str) -> list[Any]:
    """Parse concatenated JSON values."""
    values, position = [], 0
    while position < len(text):
        value, end = _DECODER.raw_decode(text, position)
        values.append(value)
        space = _SPACE.match(text, end)
        position = space.end() if space else end
    return values


def _tables_of(source: Source, found: RecordList, options: ReadOptions) -> list[Table]:
    items = [_as_object(i, value) for i, value in enumerate(found.records, start=1)]
    missing = max((found.total or 0) - len(items), 0)
    note = ngettext(
        "{n:,} record is missing: '{file}' states a larger total, so it is one page of several.",
        "{n:,} records are missing: '{file}' states a larger total, so it is one page of several.",
        0,
        file=source.name,
    )
    return [_objects_table(source, items, options, {note: missing})]


def _as_object(number: int, value: object) -> _Object | RejectedRow:
    """Return a JSON object as a record of texts; objects in it become columns, and lists become JSON."""
    if not isinstance(value, dict):
        return RejectedRow(number, "is JSON, but not an object", json.dumps(value, ensure_ascii=False))
    record = flat(value)
    if isinstance(record, Repeated):
        return RejectedRow(number, "has a key twice, with two values", json.dumps(value, ensure_ascii=False))
    cells = {str(key): _json_text(cell) for key, cell in record.items()}
    if any(BROKEN.search(text) for pair in cells.items() for text in pair if text):
        return RejectedRow(number, "holds half a character", json.dumps(value))
    return number, cells


def _json_text(value: object) -> str | None:
    if isinstance(value, Number):
        try:
            # A mobile number that was a float is 13800001111.0.
            number = Decimal(value)
            is_whole = number.copy_abs() < _MAX_INTEGER and number == number.to_integral_value()
        except InvalidOperation:  # an exponent of twenty digits
            return str(value)
        return str(int(number)) if is_whole else str(value)
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _objects_table(
    source: Source,
    items: Sequence[_Object | RejectedRow],
    options: ReadOptions,
    notes: Mapping[Message, int] | None = None,
) -> Table:
    keys: dict[str, int] = {}
    for item in items:
        if not isinstance(item, RejectedRow):
            for key in item[1]:
                keys.setdefault(key, len(keys))
    require_column(options, tuple(keys), source.name)
    rows = max(_BATCH_CELLS // max(len(keys), 1), 1)

    def read() -> Iterator[Batch]:
        for start in range(0, len(items), rows):
            part = items[start : start + rows]
            objects = [item for item in part if not isinstance(item, RejectedRow)]
            columns: list[list[str | None]] = [[None] * len(objects) for _ in keys]
            for position, (_number, cells) in enumerate(objects):
                for key, text in cells.items():
                    columns[keys[key]][position] = text
            rejected = [item for item in part if isinstance(item, RejectedRow)]
            part_rows = text_frame([number for number, _ in objects], columns, len(keys))
            yield Batch(part_rows, rejected, (notes or {}) if start == 0 else {})

    return Table(source.name, tuple(keys), read)


_OPEN: dict[str, Callable[[Source, ReadOptions], list[Table]]] = {
    "csv": _open_delimited,
    **dict.fromkeys(("xlsx", "xls", "xlsb", "ods", "xml", "html"), _open_workbook),
    "parquet": _open_parquet,
    "json": _open_json,
    "json_lines": _open_json_lines,
}
