"""Write small frames to one Parquet, CSV or XLSX file, in plain types and without metadata."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from invitekit.errors import OutputError
from invitekit.i18n import _
from invitekit.io.spreadsheet_escape import escape_frame, escape_headers
from invitekit.io.table_writers import XLSX_ROWS, is_too_long

_REPEATS = 0.5
_SAMPLE = 30_000
_WIDTH = 18


def write_parquet(frames: Iterable[pl.DataFrame], part: Path, *, safe: bool) -> None:
    """Write row group by row group, without the schema of Arrow; ``safe`` has no effect."""
    del safe
    writer = None
    try:
        for frame in frames:
            table = frame.to_arrow(compat_level=pl.CompatLevel.newest())
            if writer is None:
                writer = pq.ParquetWriter(
                    part, table.schema.remove_metadata(), compression="zstd", store_schema=False,
                    use_dictionary=[name for name in frame.columns if _repeats(frame[name])],
                    write_statistics=False,  # rows are in random order: no query could use them
                )  # fmt: skip
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


def _repeats(values: pl.Series) -> bool:
    """Return whether a dictionary saves space, by the first rows: their order is random."""
    some = values.head(_SAMPLE)
    return some.n_unique() <= _REPEATS * max(len(some), 2)


def write_csv(frames: Iterable[pl.DataFrame], part: Path, *, safe: bool) -> None:
    """Write UTF-8 CSV; ``safe`` adds a byte order mark, and escapes cells that would run as a formula."""
    with part.open("wb") as file:
        for number, frame in enumerate(frames):
            names = escape_headers(frame.columns) if safe else frame.columns
            shown = (escape_frame(frame) if safe else frame).rename(dict(zip(frame.columns, names, strict=True)))
            shown.write_csv(
                file,
                include_bom=safe and number == 0,
                include_header=number == 0,
                line_terminator="\r\n" if safe else "\n",
            )


def write_xlsx(frames: Iterable[pl.DataFrame], part: Path, *, safe: bool) -> None:
    """Write one sheet with texts, and no formula or link; ``safe`` has no effect.

    Raises:
        OSError: The disk is full.
        OutputError: There are more rows than fit into a sheet of Excel.
    """
    del safe
    import xlsxwriter  # noqa: PLC0415 - only for workbooks
    from xlsxwriter.exceptions import XlsxWriterException  # noqa: PLC0415 - as above

    # Zip in memory: a zip file on a full disk raises a second error when it is garbage-collected.
    zipped, number = io.BytesIO(), 0
    options = {"constant_memory": True, "tmpdir": str(part.parent), "default_date_format": "yyyy-mm-dd"}
    with _as_os_error(XlsxWriterException), xlsxwriter.Workbook(zipped, options) as book:
        sheet = book.add_worksheet("records")
        sheet.freeze_panes(1, 0)
        bold = book.add_format({"bold": True})
        kinds: dict[Any, Callable[..., int]] = {
            pl.String: sheet.write_string, pl.Boolean: sheet.write_boolean,
            pl.Date: sheet.write_datetime, pl.Datetime: sheet.write_datetime,
        }  # fmt: skip
        for frame in frames:
            if number == 0:
                sheet.set_column(0, frame.width - 1, _WIDTH)
                for position, name in enumerate(escape_headers(frame.columns)):
                    sheet.write_string(0, position, name, bold)
            if number + frame.height > XLSX_ROWS:
                raise OutputError(
                    _("More than {most:,} rows do not fit into one Excel sheet.", most=XLSX_ROWS),
                    hint=_("export to .parquet or .csv, or give a filter."),
                )
            writers = [kinds.get(kind.base_type(), sheet.write_number) for kind in frame.dtypes]
            for number, cells in enumerate(frame.iter_rows(), number + 1):  # noqa: B020 - continues the count
                _write_row(writers, number, cells)
    part.write_bytes(zipped.getbuffer())


@contextlib.contextmanager
def _as_os_error(kind: type[Exception]) -> Iterator[None]:
    try:
        yield
    except kind as error:
        raise OSError(str(error)) from None


def _write_row(writers: list[Callable[..., int]], number: int, cells: tuple[Any, ...]) -> None:
    for position, cell in enumerate(cells):
        if is_too_long(cell):
            raise OutputError(_("A text is longer than an Excel cell allows."), hint=_("export to .parquet or .csv."))
        if cell is not None:
            writers[position](number, position, cell)


SINKS: dict[str, Callable[..., None]] = {".parquet": write_parquet, ".csv": write_csv, ".xlsx": write_xlsx}
