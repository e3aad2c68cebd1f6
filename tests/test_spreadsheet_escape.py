import codecs
import csv
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pytest

import invitekit as ik
from invitekit.export import writers
from invitekit.io import table_writers
from invitekit.io.spreadsheet_escape import escape, escape_frame, escape_headers, unescape, unescape_header
from invitekit.io.table_writers import write_table

SIGNS = "=+-@\t\r\n＝＋－＠"
# The characters of OWASP, their full-width forms, and texts that look escaped already.
CELLS = [f"{before}{sign}1+1" for sign in SIGNS for before in ("", "'", "''")] + ["'", "'x", "''", "x=1", "＝"]
KEPT = [cell for cell in CELLS if cell.strip() == cell and not cell.lstrip("'").startswith(("\t", "\r", "\n"))]
"""Cells that ``load`` does not trim."""


def raw(path: Path, column: int) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [row[column] for row in csv.reader(file)][1:]


TABLE = pl.DataFrame(
    {"Custom Tag": CELLS, "Status": ["Invited"] * len(CELLS), "Account Name": [f"a{n}" for n in range(len(CELLS))]}
)


def through_write(path: Path) -> None:
    write_table(TABLE, path)


def through_export(path: Path) -> None:
    writers.write_csv([TABLE], path, safe=True)


@pytest.mark.parametrize("make", [through_write, through_export])
def test_no_cell_runs_and_each_is_read_back_to_the_letter(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "out.csv")
    assert not [cell for cell in raw(tmp_path / "out.csv", 0) if cell.startswith(tuple(SIGNS))]
    back = ik.load(tmp_path / "out.csv").records["custom_tag"]
    assert [found for found, cell in zip(back, CELLS, strict=True) if cell in KEPT] == KEPT


@pytest.mark.parametrize("make", [through_write, through_export])
def test_a_csv_for_spreadsheets_starts_with_a_byte_order_mark(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "out.csv")
    content = (tmp_path / "out.csv").read_bytes()
    assert content.startswith(codecs.BOM_UTF8), "Excel garbles Müller and 李伟 without it"
    assert content.count(codecs.BOM_UTF8) == 1


@pytest.mark.parametrize("block", [1, 2, 3, 7, 1 << 20])
def test_a_mark_moves_each_byte_of_a_file_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(table_writers, "_BLOCK", block)
    for rows in (0, 1, 9):
        frame = pl.DataFrame({"a": ["李伟"] * rows})
        write_table(frame, tmp_path / "out.csv", overwrite=True)
        write_table(frame, tmp_path / "raw.csv", overwrite=True, spreadsheet_safe=False)
        assert (tmp_path / "out.csv").read_bytes() == codecs.BOM_UTF8 + (tmp_path / "raw.csv").read_bytes()


def test_engines_escape_and_unescape_in_the_same_way() -> None:
    con = duckdb.connect()
    con.execute("set enable_progress_bar = false").fetchall()
    cells = con.from_arrow(pl.DataFrame({"x": CELLS}).with_row_index("n").to_arrow())
    safe = cells.project(f"n, {escape('x')} as x")
    rows = safe.project(f"n, x, {unescape('x')} as back").order("n").fetchall()
    assert [back for _, _, back in rows] == CELLS
    shown = escape_frame(pl.DataFrame({"x": CELLS}))["x"].to_list()
    assert [x for _, x, _ in rows] == shown


def test_headers_are_escaped_and_read_back_and_stay_different() -> None:
    names = ["=tier", "'=tier", "''=tier", "＝x", "'x", "plain"]
    safe = escape_headers(names)
    assert not [name for name in safe if name.startswith(tuple(SIGNS))]
    assert len({name.casefold() for name in escape_headers(["=A", "=a"])}) == 2
    assert [unescape_header(name) for name in safe] == names
