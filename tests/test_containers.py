"""Workbooks of every kind, packed files, web tables, and JSON documents, as programs write them."""

import csv
import datetime as dt
import gzip
import html
import io
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pandas as pd
import polars as pl
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from hypothesis import strategies as st

import invitekit as ik
from invitekit.engine import limited_process
from invitekit.errors import InvitekitError, SourceError
from invitekit.ingest import Loaded, containers, delimited, readers, sheets

Table = list[list[Any]]
Draw = Callable[[st.SearchStrategy[Any]], Any]
HEADER = ["Customer Full Name", "Account", "Email", "Status", "Invitation Time"]
ANN = ["Ann Example", "ann", "ann@example.com", "Invited", "2026-03-01 09:00:00"]
BEA = ["Bea Example", "bea", "bea@example.com", "Associated", "2026-03-02 10:00:00"]
ROWS = [HEADER, ANN, BEA]
READ = [
    ("Ann Example", "ann", "invited", dt.datetime(2026, 3, 1, 9)),
    ("Bea Example", "bea", "associated", dt.datetime(2026, 3, 2, 10)),
]


def read(loaded: Loaded) -> list[tuple[Any, ...]]:
    records = loaded.records.sort("account_name")
    return list(records.select("customer_full_name", "account_name", "status", "invited_at").rows())


def as_csv(rows: Sequence[Sequence[str]] = ROWS) -> bytes:
    return "".join(",".join(row) + "\n" for row in rows).encode()


def as_html(rows: Sequence[Sequence[str]] = ROWS, charset: str = "utf-8") -> bytes:
    body = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    page = f"<html><head><meta charset={charset}><style>td{{}}</style></head><body><table>{body}</table></body></html>"
    return page.encode(charset)


def as_xml() -> bytes:
    def cell(text: str) -> str:
        if text[:4] == "2026":
            return f'<Cell><Data ss:Type="DateTime">{text.replace(" ", "T")}.000</Data></Cell>'
        return f'<Cell><Data ss:Type="String">{text}</Data></Cell>'

    rows = "".join(f"<Row>{''.join(map(cell, row))}</Row>" for row in ROWS)
    name = "urn:schemas-microsoft-com:office:spreadsheet"
    sheet = f'<Worksheet ss:Name="S"><Table>{rows}</Table></Worksheet>'
    return f'<?xml version="1.0"?>\n<Workbook xmlns="{name}" xmlns:ss="{name}">{sheet}</Workbook>'.encode()


def as_ods() -> bytes:
    office = "urn:oasis:names:tc:opendocument:xmlns:"
    cells = "".join(
        "<table:table-row>"
        + "".join(
            f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>' for cell in row
        )
        + "</table:table-row>"
        for row in ROWS
    )
    spaces = " ".join(f'xmlns:{one}="{office}{one}:1.0"' for one in ("office", "table", "text"))
    table = f'<office:spreadsheet><table:table table:name="S">{cells}</table:table></office:spreadsheet>'
    content = f"<office:document-content {spaces}><office:body>{table}</office:body></office:document-content>"
    manifest = f'<m:manifest xmlns:m="{office}manifest:1.0"/>'
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    return as_zip(mimetype=kind, **{"content.xml": content, "META-INF/manifest.xml": manifest})


def as_zip(**files: str | bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def as_xlsx(fill: Callable[[Any, Any], None] | None = None, rows: Sequence[Sequence[str]] = ROWS) -> bytes:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target) as book:
        sheet = book.add_worksheet("Records")
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
        if fill:
            fill(book, sheet)
    return target.getvalue()


BOOKS = Path(__file__).with_name("workbooks")
XLS, MERGED_XLS, XLSB = ((BOOKS / name).read_bytes() for name in ("book.xls", "merged.xls", "book.xlsb"))
"""The rows in formats that no installed library writes; in the merged one both customers share a cell for the name."""


CONTAINERS: dict[str, Callable[[], bytes]] = {
    "biff.xls": lambda: XLS, "web.xls": as_html, "web_gbk.xls": lambda: as_html(charset="gb2312"), "web.xlsx": as_html,
    "web.csv": as_html, "xml.xls": as_xml, "text.xls": as_csv,
    "utf16.xls": lambda: as_csv().decode().replace(",", "\t").encode("utf-16"), "renamed.xls": as_xlsx,
    "book.ods": as_ods, "book.xlsb": lambda: XLSB, "book.zip": as_xlsx, "table.csv.gz": lambda: gzip.compress(as_csv()),
    "book.xlsx.gz": lambda: gzip.compress(as_xlsx()),
    "table.zip": lambda: as_zip(**{"in/table.csv": as_csv(), "__MACOSX/in/._table.csv": b"x", "readme.md": b"x"}),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_table_is_read_from_every_kind_of_container(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(CONTAINERS[name]())
    loaded = ik.load(tmp_path / name)
    assert read(loaded) == READ
    assert loaded.summary.files[0].name == name


def with_part(book: bytes, part: str, old: bytes, new: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old in parts[part]
    return as_zip(**parts | {part: parts[part].replace(old, new)})


REFUSED: dict[str, tuple[bytes, str]] = {
    "two.zip": (as_zip(**{"a.csv": "x", "b.csv": "x"}), "'two.zip' holds 2 tables: a.csv, b.csv."),
    "none.zip": (as_zip(**{"a.doc": "x"}), "'none.zip' holds no table."),
    "cut.csv.gz": (gzip.compress(as_csv())[:-9], "'cut.csv.gz' cannot be unpacked"),
    "cut.zip": (as_zip(**{"a.csv": as_csv()})[:-30], "'cut.zip' cannot be unpacked"),
    "cut.xls": (as_xml()[:-40], "'cut.xls' is truncated, damaged or password-protected."),
    "login.csv": (
        b"<!doctype html><html><body><p>Log in</p></body></html>",
        "'login.csv' is a web page without a table",
    ),
    "packed.csv": (as_zip(**{"a.csv": as_csv()}), "does not match its extension: it is zip, not csv"),
    "wide.xls": (
        as_xml().replace(b"<Row><Cell>", b'<Row ss:Index="1000000"><Cell ss:Index="16000">', 1),
        "'wide.xls' is truncated, damaged or password-protected.",
    ),
    "spans.xls": (
        b"<table>" + b"<tr><td colspan=1000>x" * 2200 + b"</table>",
        "'spans.xls' is truncated, damaged or password-protected.",
    ),
    "archive.xls": (
        b"MIME-Version: 1.0\nContent-Type: multipart/related\n",
        "does not match its extension: it is mht, not xls",
    ),
    "table.tar.gz": (gzip.compress(b"x" * 600), "'table.tar' is an archive of a kind that is not unpacked here."),
    "table.7z": (b"7z\xbc\xaf" * 9, "'table.7z' is an archive of a kind that is not unpacked here."),
    "packed.xlsx": (b"Rar!" * 9, "does not match its extension: it is rar, not xlsx"),
    "codec.xlsx": (
        with_part(as_xlsx(), "xl/workbook.xml", b"UTF-8", b"UTF-x"),
        "'codec.xlsx' is truncated, damaged or password-protected.",
    ),
    "letter.doc": (b"x", "'letter.doc' is of an unknown type ('.doc')."),
    "table.gz": (gzip.compress(as_csv()), "'table' is of an unknown type"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_unreadable_file_is_rejected_by_name(tmp_path: Path, name: str) -> None:
    content, problem = REFUSED[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError) as refused:
        ik.load(tmp_path / name)
    assert problem in refused.value.problem


@pytest.mark.parametrize("name", ["bomb.csv.gz", "bomb.csv.zip", "bomb.xlsx"])
def test_a_small_file_may_not_unpack_to_far_more_than_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(containers, "_ALWAYS", 1 << 16)
    text = b"a" * (1 << 21)
    packed = {"bomb.csv.gz": gzip.compress(text), "bomb.csv.zip": as_zip(**{"bomb.csv": text})}
    (tmp_path / name).write_bytes(packed.get(name) or as_zip(**{"xl/workbook.xml": text}))
    with pytest.raises(SourceError, match=r"holds more than [\d,]+ bytes when it is unpacked, far more"):
        ik.load(tmp_path / name)


def as_parquet(count: int = 3) -> bytes:
    target = io.BytesIO()
    pl.DataFrame({"Account": ["a", "b", "c"], "Status": ["Invited"] * 3}).write_parquet(
        target, compression="uncompressed", statistics=False
    )
    # The header of a page has its number of values in zigzag encoding.
    return target.getvalue().replace(b"\x2c\x15\x06", bytes([0x2C, 0x15, 2 * count if count >= 0 else -2 * count - 1]))


HUNGRY: dict[str, Callable[[], tuple[bytes, str]]] = {
    # The sector chain of the directory is a cycle.
    "loop.xls": lambda: (
        XLS.replace(struct.pack("<II", 0xFFFFFFFD, 0xFFFFFFFE), struct.pack("<II", 0xFFFFFFFD, 1), 1),
        "needs more memory or time",
    ),
    "far.xlsx": lambda: (as_xlsx(lambda _, sheet: sheet.write(1_048_575, 16_383, "x")), "needs more memory or time"),
    "count.xlsx": lambda: (
        with_part(as_xlsx(), "xl/sharedStrings.xml", b'uniqueCount="', b'uniqueCount="99999999999'),
        "needs more memory or time",
    ),
    "page.parquet": lambda: (as_parquet(-3), "cannot be read to its end"),
}


@pytest.mark.parametrize("name", HUNGRY)
def test_a_file_that_needs_too_much_memory_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(sheets, "_MEMORY", 1 << 28)
    content, problem = HUNGRY[name]()
    (tmp_path / name).write_bytes(content)
    before = psutil.Process().children()
    with pytest.raises(SourceError, match=problem):
        ik.load(tmp_path / name)
    assert psutil.Process().children() == before


def test_a_line_that_is_too_long_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "_MAX_LINE", 1 << 10)
    monkeypatch.setattr(delimited, "BLOCK_SIZE", 1 << 9)
    (tmp_path / "f.csv").write_bytes(as_csv() + b"x," * 500)
    assert ik.load(tmp_path / "f.csv").summary.rows_read == 3
    (tmp_path / "f.csv").write_bytes(as_csv() + b"x," * 2500)
    with pytest.raises(SourceError, match=r"'f.csv' has a line of more than 1,024 bytes\."):
        ik.load(tmp_path / "f.csv")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
def test_an_endless_file_is_rejected(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "f.csv")
    (tmp_path / "g.csv").symlink_to("/dev/zero")
    for name in ("f.csv", "g.csv"):
        with pytest.raises(SourceError, match="is a device or a pipe, not a file"):
            ik.load(tmp_path / name)
    with pytest.raises(SourceError, match="holds no file"):
        ik.load(tmp_path)


def test_a_small_valid_workbook_needs_no_child_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")
    assert read(load_xlsx(tmp_path, rows=[*ROWS, *[ANN] * 50])) == [READ[0]] * 51 + READ[1:]
    monkeypatch.setattr(sheets, "_SMALL", 0)
    with pytest.raises(SourceError, match="cannot be started here"):
        load_xlsx(tmp_path)


def test_a_process_is_monitored_if_the_system_enforces_no_limits() -> None:
    # A process without children, because children of this one may be browsers of other tests.
    works = [sys.executable, "-c", "sum(range(10**7)); print(flush=True); input()"]
    with subprocess.Popen(works, stdin=PIPE, stdout=PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        used = psutil.Process(process.pid).memory_info().rss
        assert limited_process._is_within(process.pid, 4 * used, 10**6)
        assert not limited_process._is_within(process.pid, used // 4, 10**6)
        assert not limited_process._is_within(process.pid, 4 * used, 0)
        process.kill()


def test_a_process_that_takes_too_long_is_stopped_and_leaves_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "_SECONDS", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    path = tmp_path / "book.xls"
    path.write_bytes(XLS)
    before = psutil.Process().children()
    with pytest.raises(SourceError, match="needs more memory or time"):
        ik.load(path)
    assert (psutil.Process().children(), [*tmp_path.iterdir()]) == (before, [path])


def test_an_old_workbook_is_rejected_if_no_process_can_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "book.xls").write_bytes(XLS)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(SourceError, match="cannot be started here"):
        ik.load(tmp_path / "book.xls")


def test_a_script_inherits_the_import_path_without_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(7)")
    (tmp_path / "book.xls").write_bytes(XLS)
    monkeypatch.chdir(tmp_path)
    assert read(ik.load("book.xls")) == READ


@pytest.mark.parametrize(
    ("limit", "value", "problem"),
    [("_MAX_ROWS", -99_999, "states 3 rows"), ("_MAX_COLUMNS", 1, "has 2 columns; at most 1")],
)
def test_a_table_with_an_impossible_size_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, problem: str
) -> None:
    monkeypatch.setattr(readers, limit, value)
    (tmp_path / "f.parquet").write_bytes(as_parquet())
    with pytest.raises(InvitekitError, match=problem):
        ik.load(tmp_path / "f.parquet")


ODD: dict[str, tuple[pa.Array, str]] = {
    "duration": (pa.array([90], pa.duration("s")), "1m 30s"),
    "decimal": (pa.array(["1.5"]).cast(pa.decimal256(50, 2)), "1.50"),
    "json": (pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}"])), "{}"),
    "zone": (pa.array([0], pa.timestamp("us", "Mars/Base")), "1970-01-01 00:00:00+00"),
    "day": (pa.array([2**31 - 1], pa.date32()), "2147483647"),
    "moment": (pa.array([2**62], pa.timestamp("us")), "4611686018427387904"),
    "words": (pa.array(["word"]).dictionary_encode(), "word"),
}


def test_parquet_columns_of_any_type_are_read_as_text(tmp_path: Path) -> None:
    columns = {"Account": ["a"], "Status": ["Invited"]} | {name: column for name, (column, _) in ODD.items()}
    pq.write_table(pa.table(columns), tmp_path / "f.parquet")
    records = ik.load(tmp_path / "f.parquet").records
    assert records.select(*ODD).row(0) == tuple(text for _, text in ODD.values())


@pytest.mark.parametrize(("outer", "inner"), [("e_2026-03-30.zip", "e.csv"), ("e.zip", "e_2026-03-30.csv")])
def test_the_date_of_a_packed_export_is_in_either_name(tmp_path: Path, outer: str, inner: str) -> None:
    (tmp_path / outer).write_bytes(as_zip(**{inner: as_csv()}))
    assert ik.load(tmp_path / outer).summary.files[0].snapshot_at == dt.datetime(2026, 3, 30)


def test_a_packed_file_in_a_folder_is_read_unless_its_table_is_beside_it(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(as_csv())
    (tmp_path / "export.zip").write_bytes(as_zip(**{"table.csv": as_csv()}))
    (tmp_path / "table.csv.gz").write_bytes(gzip.compress(as_csv()))
    (tmp_path / "pictures.zip").write_bytes(as_zip(**{"a.png": "x"}))
    loaded = ik.load(tmp_path)
    ignored = ("export.zip", "pictures.zip", "table.csv.gz")
    assert (loaded.summary.records, loaded.summary.ignored) == (2, ignored)
    (tmp_path / "table.csv").unlink()
    loaded = ik.load(tmp_path)
    assert (loaded.summary.records, loaded.summary.ignored) == (4, ("pictures.zip",))


def test_a_damaged_packed_file_in_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(as_csv())
    (tmp_path / "export.zip").write_bytes(as_zip(**{"a.csv": as_csv()})[:-30])
    with pytest.raises(SourceError, match=r"'export\.zip' cannot be unpacked"):
        ik.load(tmp_path)


# ---- the layout of a workbook -----------------------------------------------------------


def load_xlsx(tmp_path: Path, fill: Callable[[Any, Any], None] | None = None, **how: Any) -> Loaded:
    path = tmp_path / "book.xlsx"
    path.write_bytes(as_xlsx(fill, **how))
    return ik.load(path)


@pytest.mark.parametrize("shift", [0, 2])
def test_merged_cells_have_their_value_in_each_row(tmp_path: Path, shift: int) -> None:
    def merge(_: Any, sheet: Any) -> None:
        sheet.merge_range(shift + 1, shift, shift + 2, shift, "Ann Example")
        sheet.merge_range(shift + 1, shift + 1, shift + 2, shift + 1, "ann")

    loaded = load_xlsx(tmp_path, merge, rows=[*[[]] * shift, *([""] * shift + row for row in ROWS)])
    assert loaded.records["email"].to_list() == ["ann@example.com", "bea@example.com"]
    assert loaded.records.select("customer_full_name", "account_name").rows() == [("Ann Example", "ann")] * 2
    assert "1 row is in merged cells and got the value of the first of these rows." in str(loaded.summary)


@pytest.mark.parametrize("shift", [0, 2])
def test_a_number_has_the_zeros_that_it_is_shown_with(tmp_path: Path, shift: int) -> None:
    def fill(book: Any, sheet: Any) -> None:
        zeros, dates = book.add_format({"num_format": "000000"}), book.add_format({"num_format": "dd.mm.yyyy"})
        sheet.write_number(1, shift + 1, 123, zeros)
        sheet.write_string(2, shift + 1, "124", zeros)
        sheet.write_number(2, shift + 6, 46082, dates)
        sheet.merge_range(1, shift + 5, 2, shift + 5, 7, zeros)

    loaded = load_xlsx(
        tmp_path, fill, rows=[[""] * shift + [*HEADER, "Account Manager"], *([""] * shift + row for row in ROWS[1:])]
    )
    assert loaded.records.select("account_name", "account_manager").rows() == [("000123", "000007"), ("124", "000007")]


def test_a_hidden_sheet_is_read_only_if_no_other_has_records(tmp_path: Path) -> None:
    def back_up(book: Any, _: Any) -> None:
        old = book.add_worksheet("Backup")
        old.write_row(0, 0, HEADER)
        old.write_row(1, 0, ["Old Example", "old", "", "Invited", "2025-01-01"])
        old.very_hidden()

    loaded = load_xlsx(tmp_path, back_up)
    assert (read(loaded), loaded.summary.ignored) == (READ, ("book.xlsx [Backup] (hidden)",))
    alone = load_xlsx(tmp_path, back_up, rows=[["Notes"], ["none"]])
    assert alone.records["account_name"].to_list() == ["old"]
    assert "1 row comes from the hidden sheet 'book.xlsx [Backup]': no other sheet holds records." in str(alone.summary)


def test_a_chart_sheet_causes_no_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def plot(book: Any, _: Any) -> None:
        chart = book.add_chart({"type": "column"})
        chart.add_series({"values": "=Records!$A$1:$A$2"})
        book.add_chartsheet("Plot").set_chart(chart)

    assert (read(load_xlsx(tmp_path, plot)), caplog.records) == (READ, [])


def test_hidden_rows_are_read_and_reported(tmp_path: Path) -> None:
    loaded = load_xlsx(tmp_path, lambda _, sheet: sheet.set_row(2, None, None, {"hidden": True}))
    assert read(loaded) == READ
    assert "1 row of 'book.xlsx [Records]' is hidden there, perhaps by a filter, and was read" in str(loaded.summary)


@pytest.mark.parametrize("shift", [b"", b"<table:table-cell/>"])
def test_merged_cells_and_hidden_rows_of_ods_are_as_in_xlsx(tmp_path: Path, shift: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(as_ods())) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    content = parts["content.xml"].replace(b"<table:table-row>", b"<table:table-row>" + shift)
    cell = b'office:value-type="string"><text:p>%s</text:p>'
    ann, bea = cell % b"Ann Example", cell % b"Bea Example"
    content = content.replace(ann, b'table:number-rows-spanned="2" ' + ann).replace(bea, b">")
    before, row, last = content.rpartition(b"<table:table-row")
    content = before + row + b' table:visibility="filter"' + last
    (tmp_path / "book.ods").write_bytes(as_zip(**parts | {"content.xml": content}))
    loaded = ik.load(tmp_path / "book.ods")
    assert loaded.records["customer_full_name"].to_list() == ["Ann Example"] * 2
    assert "1 row is in merged cells" in str(loaded.summary)
    assert "1 row of 'book.ods [S]' is hidden there" in str(loaded.summary)


def test_merged_cells_of_an_old_workbook_have_their_value_in_each_row(tmp_path: Path) -> None:
    (tmp_path / "book.xls").write_bytes(MERGED_XLS)
    loaded = ik.load(tmp_path / "book.xls")
    assert loaded.records["customer_full_name"].to_list() == [ANN[0]] * 2
    assert "1 row is in merged cells" in str(loaded.summary)


@pytest.mark.parametrize(
    ("name", "content", "cell", "spanning"),
    [
        ("web.xls", as_html(), b"<td>%s</td>", b"<td rowspan=2>%s</td>"),
        ("xml.xls", as_xml(), b'<Cell><Data ss:Type="String">%s</Data></Cell>',
         b'<Cell ss:MergeDown="1"><Data>%s</Data></Cell>'),
    ],
)  # fmt: skip
def test_a_spanning_cell_is_repeated(tmp_path: Path, name: str, content: bytes, cell: bytes, spanning: bytes) -> None:
    ann, bea = ANN[0].encode(), BEA[0].encode()
    content = content.replace(cell % ann, spanning % ann).replace(cell % bea, b"")
    (tmp_path / name).write_bytes(content.replace(b"<Row><Cell ss:", b'<Row ss:Hidden="1"><Cell ss:'))
    loaded = ik.load(tmp_path / name)
    assert loaded.records.select("customer_full_name", "account_name").rows() == [(ANN[0], "ann"), (ANN[0], "bea")]
    assert ("1 row of 'xml.xls [S]' is hidden there" in str(loaded.summary)) == (name == "xml.xls")


def test_rows_of_a_binary_workbook_are_reported_as_perhaps_merged_or_hidden(tmp_path: Path) -> None:
    (tmp_path / "book.xlsb").write_bytes(XLSB)
    note = "2 rows of 'book.xlsb [S]' may be merged or hidden: this cannot be read from an .xlsb; if they are, save it"
    assert note in str(ik.load(tmp_path / "book.xlsb").summary)


def test_formulas_without_a_result_are_reported_by_column(tmp_path: Path) -> None:
    content = as_xlsx(lambda _, sheet: sheet.write_formula("C2", '=B2&"@example.com"'))
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as book, zipfile.ZipFile(target, "w") as changed:
        for name in book.namelist():
            # Programs that do not compute write no result.
            changed.writestr(name, book.read(name).replace(b"</f><v>0</v>", b"</f><v></v>"))
    (tmp_path / "book.xlsx").write_bytes(target.getvalue())
    summary = str(ik.load(tmp_path / "book.xlsx").summary)
    assert "1 formula cell of 'Email' has no result and was read as empty" in summary
    assert "formula" not in str(load_xlsx(tmp_path).summary)


# ---- JSON around records ------------------------------------------------------------------------

RECORDS = [dict(zip(HEADER, row, strict=True)) for row in (ANN, BEA)]
FRAME = pd.DataFrame(RECORDS)
SHAPES: dict[str, str] = {
    "answer.json": json.dumps({"code": 0, "data": {"list": RECORDS, "total": 2}, "errors": []}),
    "records.json": json.dumps({"result": {"records": RECORDS}, "links": [{"href": "x"}]}),
    "rows.json": json.dumps(ROWS), "lists.json": json.dumps(FRAME.to_dict("list")),
    "split.json": FRAME.to_json(orient="split"), "index.json": FRAME.to_json(orient="index"),
    "columns.json": FRAME.to_json(orient="columns"), "table.json": FRAME.to_json(orient="table"),
    "lines.json": FRAME.to_json(orient="records", lines=True), "array.jsonl": json.dumps(RECORDS),
    "commas.jsonl": ",\n".join(map(json.dumps, RECORDS)) + ",\n",
    "marked.jsonl": "".join(f"\x1e{json.dumps(record)}\n" for record in RECORDS),
    "pretty.jsonl": "\n".join(json.dumps(record, indent=1) for record in RECORDS),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_records_are_found_in_a_json_document(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(SHAPES[name], "utf-8")
    assert read(ik.load(tmp_path / name)) == READ


@pytest.mark.parametrize("orient", ["split", "index", "columns", "table"])
def test_an_index_of_accounts_is_a_column(tmp_path: Path, orient: Any) -> None:
    FRAME.set_index("Account").to_json(tmp_path / "f.json", orient=orient)
    name = "Account" if orient == "table" else "index"
    loaded = ik.load(tmp_path / "f.json", columns={"account_name": name})
    assert loaded.records["account_name"].to_list() == ["ann", "bea"]


def test_keys_of_lists_that_may_be_personal_are_not_shown(tmp_path: Path) -> None:
    path, rows = tmp_path / "history.json", [{"Account": "ann", "Status": "Invited"}]
    path.write_text(json.dumps({"ann@example.com": rows, "+44 7700 900101": rows}))
    with pytest.raises(SourceError) as caught:
        ik.load(path)
    assert not re.search("ann@|7700", str(caught.value))


@pytest.mark.parametrize(
    ("form", "named"),
    [('{"now": %s, "old": {"list": [%s]}}', r"now, old\.list"), ('{"now": %s, "now": [%s]}', r"now, now \(2\)")],
)
def test_several_lists_of_records_are_rejected_by_name(tmp_path: Path, form: str, named: str) -> None:
    (tmp_path / "f.json").write_text(form % (json.dumps(RECORDS), json.dumps(RECORDS[0])))
    with pytest.raises(SourceError, match=f"holds 2 lists of records: {named}"):
        ik.load(tmp_path / "f.json")


@pytest.mark.parametrize("form", ["[%s]", "%s"])
def test_an_object_with_a_key_twice_is_rejected_if_the_values_differ(tmp_path: Path, form: str) -> None:
    same = '{"Account": "ann", "Status": "Invited", "Status": "Invited"}'
    objects = [same, same.replace("Invited", "Associated", 1)]
    path = tmp_path / ("f.json" if form[0] == "[" else "f.jsonl")
    path.write_text(form % (", " if form[0] == "[" else "\n").join(objects))
    loaded = ik.load(path)
    assert loaded.records["status"].to_list() == ["invited"]
    content = '{"Account": "ann", "Status": "Associated", "Status (2)": "Invited"}'
    assert loaded.rejects.select("reason", "content").rows() == [("has a key twice, with two values", content)]


NESTED = [
    {"customer": {"fullName": name, "accountName": account, "contact": {"email": email}}, "state": {"status": status},
     "invitation": {"time": time}}
    for name, account, email, status, time in (ANN, BEA)
]  # fmt: skip
AS_NESTED: dict[str, Callable[[Path], Any]] = {
    "list": lambda path: (path.with_suffix(".json").write_text(json.dumps(NESTED)), path.with_suffix(".json"))[1],
    "answer": lambda path: (
        path.with_suffix(".json").write_text(json.dumps({"data": {"items": NESTED}})), path.with_suffix(".json")
    )[1],
    "parquet": lambda path: (pq.write_table(pa.Table.from_pylist(NESTED), path), path)[1],
    "polars": lambda _: pl.DataFrame(NESTED),
    "arrow": lambda _: pa.Table.from_pylist(NESTED),
    "pandas": lambda _: pd.DataFrame(NESTED),
    "normalized": lambda _: pd.json_normalize(NESTED),
}  # fmt: skip


@pytest.mark.parametrize("form", AS_NESTED)
def test_an_object_in_a_record_becomes_columns(tmp_path: Path, form: str) -> None:
    source = AS_NESTED[form](tmp_path / "nested.parquet")
    loaded = ik.load(source, columns={"status": "state.status", "email": "customer.contact.email"})
    assert read(loaded) == READ
    assert loaded.records["email"].to_list() == ["ann@example.com", "bea@example.com"]


def test_a_key_twice_in_an_object_of_a_record_rejects_it(tmp_path: Path) -> None:
    record = '{"Status": "Invited", "customer": {"account": "ann", "account": "bea"}}'
    same = '{"Status": "Invited", "customer": {"account": "ann"}, "customer.account": "bea"}'
    (tmp_path / "f.json").write_text(f"[{record}, {same}, {json.dumps(RECORDS[0])}]")
    assert ik.load(tmp_path / "f.json").rejects["reason"].to_list() == ["has a key twice, with two values"] * 2


def test_one_page_of_an_answer_is_reported(tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text(json.dumps({"data": {"list": RECORDS, "total": 40}}))
    assert "38 records are missing: 'f.json' states a larger total" in str(ik.load(tmp_path / "f.json").summary)


# ---- damage -------------------------------------------------------------------------------------

CANARY = "canary@example.com"
SOME_HEADERS = st.sampled_from(
    ["Account", "Status", "状态(Status)", "Email *", "Mobile No.", "Invitation Time (UTC+8)", "Customer Full Name",
     "Memo", "", " ", "Expires\nAt", '"quoted"', "Account", "ID"]
)  # fmt: skip
SOME_CELLS = st.text(max_size=5) | st.sampled_from(
    [None, "", " ", CANARY, "Ann Ltd", "+44 7700 900199", 'say "hi"', "a\nb\r\nc", "x,y;z\t|", "示例公司", "Müller",
     "\0", "Invited", "已关联", "Frozen", "2026-03-01", "03/04/26", "next week", "=1+1", '="007"', "1.38E+10", "Total",
     7, 1.5, True]
)  # fmt: skip
BITS = st.sampled_from(
    [b"", b'"', b"\0", b"\n", b",", b"\xff\xfe", b"9" * 12, b"{", b"<c ", b"</row>", b"Status,Account\n"]
)


def as_delimited(table: Table, draw: Draw) -> bytes:
    target, delimiter = io.StringIO(), draw(st.sampled_from(",;\t|"))
    writer = csv.writer(target, delimiter=delimiter, lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r"])))
    writer.writerows(table)
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "cp1252", "big5"]))
    return target.getvalue().encode(encoding, "replace")


def as_objects(table: Table, draw: Draw) -> bytes:
    """Write rows as JSON objects; duplicate headers become duplicate keys."""
    keys = list(map(json.dumps, table[0]))
    items = ["{" + ", ".join(map("{}: {}".format, keys, map(json.dumps, row))) + "}" for row in table[1:]]
    forms = ["[{}]", '{{"code": 0, "data": {{"list": [{}], "total": 99}}}}', '{{"data": [{0}], "data": [{0}]}}', "{}"]
    return str(draw(st.sampled_from(forms))).format(", ".join(items)).encode()


def as_workbook(table: Table, draw: Draw) -> bytes:
    hidden = draw(st.integers(0, 3))

    def fill(_: Any, sheet: Any) -> None:
        if len(table) > 2:
            sheet.merge_range(1, 0, 2, 0, str(table[1][0]) if table[1] else "")
        sheet.set_row(hidden, None, None, {"hidden": True})

    return as_xlsx(fill, [["" if c is None else str(c) for c in row] for row in table])


def as_typed(table: Table, _: Draw) -> bytes:
    target = io.BytesIO()
    texts = [[None if c is None else str(c) for c in row] for row in table[1:]]
    columns = {
        f"{name}{i or ''}": [row[i] if i < len(row) else None for row in texts] for i, name in enumerate(table[0])
    }
    pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)).write_parquet(target)
    return target.getvalue()


KINDS: dict[str, Callable[[Table, Draw], bytes]] = {
    "f.csv": as_delimited, "f.tsv": as_delimited, "f.txt": as_delimited, "f.csv.gz": as_delimited,
    "f.zip": as_delimited, "f.json": as_objects, "f.jsonl": as_objects, "f.xlsx": as_workbook, "f.parquet": as_typed,
    "f.xls": lambda table, _: as_html([[str(cell) for cell in row] for row in table]),
    "book.ods": lambda _, __: as_ods(), "book.xlsb": lambda _, __: XLSB, "biff.xls": lambda _, __: XLS,
    "xml.xls": lambda _, __: as_xml(),
}  # fmt: skip


def damage(content: bytes, draw: Draw) -> bytes:
    """Change, cut or duplicate some bytes, of the content of a packed file or of the file itself."""
    if content.startswith(b"PK") and draw(st.booleans()):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        name = draw(st.sampled_from(sorted(parts)))
        return as_zip(**parts | {name: damage(parts[name], draw)})
    for _ in range(draw(st.integers(0, 3))):
        start, length = draw(st.integers(0, len(content))), draw(st.sampled_from([0, 1, 2, 50, len(content)]))
        bits = draw(BITS | st.binary(max_size=3)) * draw(st.integers(1, 2))
        content = content[:start] + bits + content[start + length :]
    return bytes(content * draw(st.sampled_from([1, 1, 1, 2])))


def check_it_adds_up(path: Path) -> None:
    """Check that a file gives consistent counts, or one error that quotes no cell."""
    try:
        loaded = ik.load(path)
    except InvitekitError as error:
        said = str(error)
        # One line; the error for rows that do not add up contains "defect".
        assert re.fullmatch("(?!.*(defect|canary|7700)).*Hint: .*", said)
    else:
        summary = loaded.summary
        assert summary.rows_read == summary.records + summary.rejects
        assert (loaded.records.height, loaded.rejects.height) == (summary.records, summary.rejects)
        assert CANARY not in str(summary)


@st.composite
def bad_files(draw: Draw) -> tuple[str, bytes]:
    """Build a file of any kind with any header and rows, damaged or not: its name and content."""
    name = draw(st.sampled_from(sorted(KINDS)))
    header = [*draw(st.sampled_from([[], ["Account", "Status"]])), *draw(st.lists(SOME_HEADERS, max_size=5))]
    rows = draw(st.lists(st.lists(SOME_CELLS, max_size=7), max_size=5))
    content = damage(KINDS[name]([header, *rows], draw), draw)
    packed = {".gz": lambda: gzip.compress(content), ".zip": lambda: as_zip(**{"in.csv": content})}
    return name, packed[Path(name).suffix]() if Path(name).suffix in packed else content


def test_an_offset_beyond_any_file_is_damage(tmp_path: Path) -> None:
    content = bytearray(XLS)
    content[30], content[48:52] = 12, b"\xff" * 4
    (tmp_path / "f.xls").write_bytes(content)
    with pytest.raises(SourceError):
        ik.load(tmp_path / "f.xls")
