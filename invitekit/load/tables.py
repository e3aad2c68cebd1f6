"""Open each kind of source as a table: workbooks, Parquet, frames, JSON; delimited text has its own room."""

from __future__ import annotations

import datetime as dt
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import fastexcel
import pyarrow as pa
import pyarrow.parquet as pq

from invitekit.errors import SourceError
from invitekit.load import text, times
from invitekit.load.delimited import open_delimited
from invitekit.load.encoding import HEAD, HEADER_WITHIN, choose_encoding
from invitekit.load.intake import IDENTIFYING
from invitekit.load.rows import Number, Refused, Row, as_object, read_json_lines
from invitekit.load.source import Source
from invitekit.load.sql import ident, lit_path
from invitekit.load.table import ROW, Table, stream
from invitekit.load.text import Wishes


def open_tables(source: Source, wishes: Wishes) -> list[Table]:
    """Look at a file and say how it will be read, each sheet of a workbook as a table of its own.

    Its rows are read later, by the scan.

    Raises:
        SourceError: The file is damaged or not what its name says.
        SchemaError: It has no status column.
    """
    if source.format == "xlsx":
        return open_workbook(source, wishes)
    return [READERS[source.format](source, wishes)]


# ---- workbooks ----------------------------------------------------------------------------------


def open_workbook(source: Source, wishes: Wishes) -> list[Table]:
    """Open every sheet of a workbook that has the required column and tells records apart."""
    sheets = _sheets(source, wishes)
    found = [sheet for sheet in sheets if sheet.score]
    if not found:
        raise text.missing(wishes.required, source.name, [])
    records = [sheet for sheet in found if text.has(wishes.required, sheet.headers, wishes.columns)]
    # A count by status has the status, too.
    named = [s for s in records if any(text.has(name, s.headers, wishes.columns) for name in IDENTIFYING)]
    chosen = named or records or [max(found, key=lambda sheet: sheet.score)]
    epoch = _epoch(source.path)
    single = len(chosen) == 1
    tables = [_sheet_table(source.name if single else s.full_name, s, wishes, epoch) for s in chosen]
    tables[0].beside = [sheet.full_name for sheet in sheets if sheet not in chosen]
    return tables


@dataclass(frozen=True, eq=False)
class _Sheet:
    """A sheet with something in it, and the row with the most known headers: how many, which row, all of it."""

    full_name: str
    data: pa.Table
    score: int
    row: int
    headers: tuple[str, ...]


def _sheets(source: Source, wishes: Wishes) -> list[_Sheet]:
    sheets = []
    try:
        book = fastexcel.read_excel(source.path)
        for name in book.sheet_names:
            # Rows are skipped only when told so: else empty ones on top would shift the numbers.
            data = pa.table(book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string").to_arrow())
            if any(column.null_count < len(column) for column in data.columns):
                score, row = _header_row(data, wishes.columns)
                sheets.append(_Sheet(f"{source.name} [{name}]", data, score, row, _headers(data, row)))
    except fastexcel.FastExcelError:
        raise SourceError(
            f"'{source.name}' is truncated, damaged or password-protected.",
            hint="open it in Excel, save it again without a password, and try again.",
        ) from None
    return sheets


def _epoch(path: Path) -> dt.datetime:
    """Say from which day a workbook counts: fastexcel tells it of styled cells only."""
    with zipfile.ZipFile(path) as book:
        names = [name for name in book.namelist() if name == "xl/workbook.xml"]
        settings = book.read(names[0]) if names else b""
    return times.EPOCH_1904 if re.search(rb"date1904=[\"'](1|true|on)[\"']", settings) else times.EPOCH_1900


def _headers(sheet: pa.Table, header: int) -> tuple[str, ...]:
    return tuple((column[header].as_py() or "").strip() for column in sheet.columns)


def _header_row(sheet: pa.Table, columns: Mapping[str, str]) -> tuple[int, int]:
    """Find the row with the most known headers: how many, and its position."""
    top = sheet.slice(0, HEADER_WITHIN).to_pylist()
    scores = [(text.header_score([v or "" for v in row.values()], columns), -i) for i, row in enumerate(top)]
    score, position = max(scores, default=(0, 0))
    return score, -position


def _sheet_table(name: str, sheet: _Sheet, wishes: Wishes, epoch: dt.datetime) -> Table:
    text.require(wishes.required, sheet.headers, wishes.columns, name)
    body = sheet.data.slice(sheet.row + 1)
    numbers = pa.array(range(sheet.row + 2, sheet.row + 2 + body.num_rows), pa.int64())
    names = [f"c{i}" for i in range(len(sheet.headers))]
    frame = pa.table([numbers, *body.columns], names=[ROW, *names])
    filled = f"coalesce({', '.join(names)}) is not null"
    return Table(name, sheet.headers, f"(from _ik_source where {filled})", numbered=True, frame=frame, epoch=epoch)


# ---- Parquet and frames -------------------------------------------------------------------------


def _open_parquet(source: Source, wishes: Wishes) -> Table:
    scan = f"read_parquet({lit_path(source.path)})"
    try:
        described = duckdb.connect().execute(f"describe from {scan}").fetchall()
    except duckdb.Error:
        raise SourceError(
            f"'{source.name}' is truncated or damaged: no Parquet footer can be read.",
            hint="export it again.",
        ) from None
    # DuckDB renames a header that differs from another in case only.
    headers = tuple(pq.read_schema(source.path).names)
    text.require(wishes.required, headers, wishes.columns, source.name)
    named = ", ".join(f"{ident(row[0])} as c{i}" for i, row in enumerate(described))
    scan = f"(select {named} from {scan})"
    return Table(source.name, headers, scan, first_row=1, types=[row[1] for row in described])


def frame_table(frame: pa.Table | pa.RecordBatchReader, name: str, wishes: Wishes) -> Table:
    """Take Arrow data as a table.

    Raises:
        SchemaError: It has no status column.
    """
    headers = tuple(frame.schema.names)
    text.require(wishes.required, headers, wishes.columns, name)
    renamed = pa.schema([f.with_name(f"c{i}") for i, f in enumerate(frame.schema)])
    if isinstance(frame, pa.Table):
        frame = frame.rename_columns(renamed.names)
    else:
        batches = (pa.RecordBatch.from_arrays(b.columns, schema=renamed) for b in frame)
        frame = pa.RecordBatchReader.from_batches(renamed, batches)
    connection = duckdb.connect()
    connection.register("_ik_source", renamed.empty_table())
    types = [row[1] for row in connection.execute("describe from _ik_source").fetchall()]
    return Table(name, headers, "_ik_source", first_row=1, types=types, frame=frame)


# ---- JSON ---------------------------------------------------------------------------------------


def _open_json_lines(source: Source, wishes: Wishes) -> Table:
    with text.open_text(source.path, _json_encoding(source.path, wishes)) as file:
        found = list(read_json_lines(file))
    return _objects_table(source, found, wishes)


def _open_json(source: Source, wishes: Wishes) -> Table:
    try:
        with text.open_text(source.path, _json_encoding(source.path, wishes)) as file:
            values = json.loads(file.read().lstrip("\ufeff"), parse_int=str, parse_float=Number)
    except (ValueError, RecursionError):
        raise SourceError(
            f"'{source.name}' is truncated or no valid JSON.",
            hint="export it again; one object a line belongs into a .jsonl file.",
        ) from None
    if isinstance(values, dict):
        lists = [value for value in values.values() if isinstance(value, list)]
        values = lists[0] if len(lists) == 1 else [values]
    if not isinstance(values, list):
        raise SourceError(f"'{source.name}' holds no list of records.", hint="give a JSON array of objects.")
    return _objects_table(source, [as_object(i, v) for i, v in enumerate(values, start=1)], wishes)


def _json_encoding(path: Path, wishes: Wishes) -> str:
    with path.open("rb") as file:
        head = file.read(HEAD)
        file.seek(0)
        return choose_encoding(wishes.encoding, head, path.name, file)


def _objects_table(source: Source, found: Sequence[Any], wishes: Wishes) -> Table:
    keys: dict[str, int] = {}
    for item in found:
        if not isinstance(item, Refused):
            for key in item[1]:
                keys.setdefault(key, len(keys))
    headers = tuple(keys)
    text.require(wishes.required, headers, wishes.columns, source.name)
    table = Table(source.name, headers, "_ik_source", numbered=True)

    def rows() -> Iterator[Row | Refused]:
        for item in found:
            yield item if isinstance(item, Refused) else Row(item[0], [item[1].get(key) for key in headers])

    table.frame = stream(rows(), len(headers), table.refused)
    return table


READERS: dict[str, Callable[[Source, Wishes], Table]] = {
    "csv": open_delimited,
    "parquet": _open_parquet,
    "json": _open_json,
    "json_lines": _open_json_lines,
}
