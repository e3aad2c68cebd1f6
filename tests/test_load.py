import csv
import datetime as dt
import gc
import io
import json
import subprocess
import sys
import tempfile
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import duckdb
import pandas as pd
import polars as pl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import invitekit as ik
from invitekit.engine import memory
from invitekit.errors import ArgumentError, InvitekitError, OutputError, SchemaError, SourceError
from invitekit.ingest import Loaded, delimited, stores
from invitekit.ingest.cells import TRIM_CHARS
from invitekit.ingest.csv_dialect import Dialect
from invitekit.ingest.encoding import looks_like_utf16
from invitekit.model import schema
from tests.conftest import often

HEADER = ["Customer Full Name", "Account", "Email", "Mobile", "Status", "Invitation Time", "Remarks"]
ROW = ["Ann Example", "ann", "ann@example.com", "007", "Invited", "2026-03-01 09:00:00", "called"]


def text_of(*rows: list[str], delimiter: str = ",", header: list[str] | None = None) -> str:
    target = io.StringIO()
    csv.writer(target, delimiter=delimiter, lineterminator="\n").writerows([header or HEADER, *rows])
    return target.getvalue()


def write(folder: Path, content: str | bytes, name: str = "history.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def records(loaded: Loaded) -> pl.DataFrame:
    return cast("pl.DataFrame", loaded.records)


def adds_up(loaded: Loaded) -> bool:
    s = loaded.summary
    kept, refused = records(loaded).height, loaded.rejects.height
    return s.rows_read == s.records + s.rejects and (s.records, s.rejects) == (kept, refused)


@pytest.mark.parametrize("delimiter", ["   ", "，"])
def test_lines_with_an_unknown_delimiter_are_rejected(tmp_path: Path, delimiter: str) -> None:
    with pytest.raises(SchemaError, match="cannot be split into cells"):
        ik.load(write(tmp_path, "邮箱#状态\nx#y\n".replace("#", delimiter)))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^", "~", "\x01"])
def test_the_delimiter_is_detected(tmp_path: Path, delimiter: str) -> None:
    row = [*ROW[:-1], "a, b; c | d"]
    loaded = ik.load(write(tmp_path, text_of(row, delimiter=delimiter)))
    assert records(loaded).select("account_name", "remarks").row(0) == ("ann", "a, b; c | d")
    assert loaded.summary.files[0].delimiter == delimiter


@pytest.mark.parametrize("column", [c for c in schema.RECORD if c.aliases], ids=lambda c: c.name)
def test_every_header_is_understood_in_any_case_and_spacing(column: schema.Column) -> None:
    for text in (column.name, column.en, column.zh, *column.aliases):
        for spelt in (text, text.upper(), text.lower(), f"  {text} ", text.replace(" ", "_")):
            assert schema.canonical_name(spelt) in (column.name, "cause", "reason"), spelt


def test_a_column_named_like_one_of_a_later_step_is_an_extra_column() -> None:
    given = pl.DataFrame({"Account": ["a"], "Status": ["Failed"], "Advice": ["mine"], "rank": ["7"], "BATCH": ["x"]})
    loaded = records(ik.load(given))
    assert loaded.select("Advice (in file)", "rank (in file)", "BATCH (in file)").row(0) == ("mine", "7", "x")


def test_cause_means_the_message_except_in_our_own_files() -> None:
    plain = ik.load(
        pl.DataFrame({"Account": ["a"], "Status": ["Failed"], "cause": ["The invitation link has expired."]})
    )
    assert records(plain)["failure_message"].to_list() == ["The invitation link has expired."]
    own = ik.annotate(plain.records, as_of=dt.date(2026, 1, 1))
    again = ik.load(own)
    assert records(again)["failure_message"].to_list() == ["The invitation link has expired."]


def test_extra_columns_have_unique_names(tmp_path: Path) -> None:
    kept = {
        "Revenue": "Revenue", "source_row": "source_row (in file)", "": "column 10", "revenue": "revenue (2)",
        "_IK_row": "_IK_row (in file)", "rowid": "rowid (in file)", "extra\0": "extra", "'=SUM(A1)": "=SUM(A1)",
    }  # fmt: skip
    cells = [str(i) for i in range(len(kept))]
    found = records(ik.load(write(tmp_path, text_of([*ROW, *cells], header=[*HEADER, *kept]))))
    assert found.select(*kept.values()).row(0) == tuple(cells)
    assert found["source_row"].to_list() == [2]


def test_the_user_chooses_the_header_of_a_column(tmp_path: Path) -> None:
    path = write(tmp_path, text_of(["a", "Associated", "x"], header=["Login", "Stand", "Status"]))
    found = records(ik.load(path, columns={"status": "Stand", "account_name": "Login"}))
    assert found.select("account_name", "status", "Status (in file)").row(0) == ("a", "associated", "x")


@pytest.mark.parametrize(
    ("header", "columns", "problem"),
    [
        (["Sent\nAt", "Sent\nAt", "Status"], {}, "Two columns mean invited_at: 'Sent At' (column 1) and 'Sent At'"),
        (["Email", "State"], {"status": "State", "custom_tag": "state"}, "maps status, custom_tag to 'State'"),
        (["Email", "Status"], {"mail": "Email"}, "choice of columns names 'mail'"),
        (["Email", "Status", "Sent (UTC+8)"], {"mail": "Sent (UTC+8)"}, "choice of columns names 'mail'"),
        (["Email", "Status"], {"mobile": "Cell"}, "to 'Cell', which no file has"),
    ],
)
def test_unfit_columns_are_named(tmp_path: Path, header: list[str], columns: dict[str, str], problem: str) -> None:
    with pytest.raises(SchemaError) as caught:
        ik.load(write(tmp_path, text_of(["x"] * len(header), header=header)), columns=columns)
    assert problem in str(caught.value)


def test_placeholders_are_null(tmp_path: Path) -> None:
    rows = [[ROW[0], "ann", text, text, "Invited", text, f" {text} "] for text in schema.NULL_LIKE if text]
    found = records(ik.load(write(tmp_path, text_of(*rows)))).select("email", "mobile", "invited_at", "remarks")
    assert found.rows() == [(None, None, None, None)] * len(rows)


@pytest.mark.parametrize(("raw", "meant"), [("x,", "x"), ("y" * 3_000_000, "y" * 3_000_000)], ids=["comma", "long"])
def test_an_unusual_cell_is_read_correctly(tmp_path: Path, raw: str, meant: str) -> None:
    line = ",".join([*ROW[:-1], raw])
    loaded = ik.load(write(tmp_path, ",".join(HEADER) + "\n" + line + "\n" + ",".join(ROW) + "\n"))
    assert records(loaded).sort("source_row")["remarks"].to_list() == [meant, "called"]
    assert records(loaded)["source_row"].sort().to_list() == [2, 3]
    assert (loaded.summary.rejects, adds_up(loaded)) == (0, True)


def test_quoted_rows_are_split_all_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited._Block, "_read_row", None)
    remarks = ['two, "quoted"', "one\ntwo\n\nfour", "last\nline"]
    path = write(tmp_path, text_of(*([*ROW[:-1], remark] for remark in remarks), [f"  {cell} " for cell in ROW]))
    assert records(ik.load(path)).select("source_row", "remarks").rows() == [
        *zip((2, 3, 4), remarks, strict=True), (5, "called")
    ]  # fmt: skip


@pytest.mark.parametrize("size", [8, 1 << 20])
@pytest.mark.parametrize("lines", ["\udcff\ntwo\nthree", "one\n\udcff\nthree"])
def test_a_row_with_bytes_that_do_not_decode_is_rejected_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, lines: str
) -> None:
    monkeypatch.setattr(delimited, "BLOCK_SIZE", size)
    content = f'Bea,bea,,,Invited,,"{lines}"\n'
    loaded = ik.load(write(tmp_path, (text_of(ROW) + content).encode("utf-8", "surrogateescape")), encoding="utf-8")
    shown = content.rstrip("\n").encode("utf-8", "backslashreplace").decode()
    assert loaded.rejects.select("reason", "content").rows() == [("holds bytes that do not decode", shown)]


def test_a_cell_of_too_many_lines_has_an_unclosed_quote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "MAX_RECORD_LINES", 3)
    loaded = ik.load(write(tmp_path, text_of([*ROW[:-1], "1\n2\n3"], [*ROW[:-1], "1\n2\n3\n4"])))
    assert records(loaded).select("source_row", "remarks").rows() == [(2, "1\n2\n3")]
    assert loaded.rejects["source_row"].to_list() == [3, 4, 5, 6]


def test_a_ragged_row_with_a_line_break_in_quotes_is_one_rejected_row(tmp_path: Path) -> None:
    content = text_of(ROW) + 'Bea,"two\nlines",x\n' + text_of(["Cem", "cem", *ROW[2:]]).split("\n", 1)[1]
    loaded = ik.load(write(tmp_path, content))
    assert loaded.rejects.select("source_row", "reason", "content").rows() == [
        (3, "has 3 of 7 cells", 'Bea,"two\nlines",x')
    ]
    assert records(loaded).select("account_name", "source_row").rows() == [("ann", 2), ("cem", 4)]
    assert adds_up(loaded)


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.mark.slow
@settings(max_examples=often(150, 25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(ANY_TEXT, ANY_TEXT), min_size=1, max_size=8), quoting=st.sampled_from([0, 1]))
def test_any_text_in_any_cell_is_never_lost(tmp_path: Path, rows: list[tuple[str, str]], quoting: int) -> None:
    target = io.StringIO()
    writer = csv.writer(target, quoting=csv.QUOTE_ALL if quoting else csv.QUOTE_MINIMAL, lineterminator="\n")
    writer.writerow(["Account", "Remarks", "Extra", "Status"])
    writer.writerows([f"a{i}", remark, extra, "Invited"] for i, (remark, extra) in enumerate(rows))
    loaded = ik.load(write(tmp_path, target.getvalue()))
    assert adds_up(loaded)
    if not quoting and any("\r" in text for row in rows for text in row):
        return  # the writer leaves a lone carriage return unquoted: its row is refused, not lost
    found = records(loaded).sort(pl.col("account_name").str.slice(1).cast(pl.Int64))
    assert loaded.summary.rejects == 0
    for remark, extra, row in zip(found["remarks"], found["Extra"], rows, strict=True):
        assert (remark or "") in row[0]
        assert (extra or "") in row[1]


PIECES = ("a", "b", ",", ",", '"', '""', '"a"', "\n", "\r\n", "\r", " ", "é", "\0", ";", '"x,y"', '"l\nm"', "\udcff")


@pytest.mark.slow
@settings(max_examples=often(300, 30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=40))
def test_splitting_in_blocks_equals_splitting_line_by_line(tmp_path: Path, pieces: list[str]) -> None:
    path = write(tmp_path, b"h1,h2,h3\n" + "".join(pieces).encode("utf-8", "surrogateescape"))
    dialect = Dialect("utf-8", ",", ("h1", "h2", "h3"), skip=1, first_row=2, min_cells=2)
    classify = delimited._Block._classify

    def all_odd(block: Any, text: pl.Series) -> tuple[pl.Series, pl.Series, pl.Series]:
        regular, blank, cells = classify(block, text)
        return regular & ~regular, blank, cells.set(cells.is_not_null(), None)

    def split(block_size: int, *, one_by_one: bool) -> list[Any]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(delimited, "BLOCK_SIZE", block_size)
            if one_by_one:
                patch.setattr(delimited._Block, "_classify", all_odd)
            batches = list(delimited.read_delimited(path, dialect))
        rows = [tuple(cell or None for cell in row) for batch in batches for row in batch.rows.rows()]
        return [rows, sorted((row.number, row.reason, row.content) for batch in batches for row in batch.rejected)]

    expected = split(1 << 20, one_by_one=True)
    assert split(1 << 20, one_by_one=False) == split(7, one_by_one=False) == expected


PLAIN = pl.DataFrame(
    {"Account": ["a", "b"], "Mobile": [13800001111, None], "Status": ["Invited", "已失效"],
     "Invited At": [dt.datetime(2026, 3, 1, 9), None]}
)  # fmt: skip


def make_frame(kind: str, folder: Path) -> Any:
    if kind == "parquet":
        PLAIN.write_parquet(folder / "x.parquet")
        return folder / "x.parquet"
    makers: dict[str, Callable[[], Any]] = {
        "polars": lambda: PLAIN,
        "lazy polars": PLAIN.lazy,
        "arrow": PLAIN.to_arrow,
        "pandas": lambda: pd.DataFrame(PLAIN.to_dict(as_series=False)),
    }
    return makers[kind]()


@pytest.mark.parametrize("kind", ["polars", "lazy polars", "arrow", "pandas", "parquet"])
def test_frames_of_every_engine_give_the_same_records(kind: str, tmp_path: Path) -> None:
    found = records(ik.load(make_frame(kind, tmp_path))).sort("account_name")
    assert found.select("account_name", "mobile", "status", "invited_at").rows() == [
        ("a", "13800001111", "invited", dt.datetime(2026, 3, 1, 9)),
        ("b", None, "expired", None),
    ]


def test_a_duckdb_relation_of_another_connection_is_read() -> None:
    with duckdb.connect() as con:
        relation = con.sql(
            "select 'a' as Account, 'Invited' as Status, timestamptz '2026-03-01 09:00:00+08' as \"Sent At\""
        )
        assert records(ik.load(relation))["invited_at"].to_list() == [dt.datetime(2026, 3, 1, 1)]


@pytest.mark.spark
def test_a_spark_frame_is_read(spark: Any) -> None:
    frame = spark.createDataFrame([("a", "Invited"), ("b", "Expired")], ["Account", "Status"])
    assert records(ik.load(frame))["status"].sort().to_list() == ["expired", "invited"]


def test_mixed_pandas_columns_are_read_as_text() -> None:
    frame = pd.DataFrame({"Account": ["a", 7, None], "Email": ["x", "y", "z"], "Status": ["Invited"] * 3})
    assert records(ik.load(frame))["account_name"].to_list() == ["a", "7", None]


def test_many_sources_are_one_set_of_records(tmp_path: Path) -> None:
    write(tmp_path, text_of(ROW), "a_2026-03-02.csv")
    write(tmp_path, text_of(["a", "Expired", "7"], header=["账号", "状态", "Score"]), "b_20260309.csv")
    write(tmp_path, "not ours", "notes.md")
    found = ik.load([tmp_path, tmp_path / "*.csv"])
    assert found.summary.rows_read == 2
    rows = records(found).sort("source_file").select("source_file", "snapshot_at", "Score").rows()
    assert rows == [
        ("a_2026-03-02.csv", dt.datetime(2026, 3, 2), None),
        ("b_20260309.csv", dt.datetime(2026, 3, 9), "7"),
    ]


def test_a_name_with_signs_of_a_pattern_is_one_file(tmp_path: Path) -> None:
    write(tmp_path, text_of(ROW, ROW), "export 1 ab.csv")
    assert ik.load(write(tmp_path, text_of(ROW), "export [1] *?.csv")).summary.records == 1
    for name in ("h*.parquet", "hx.parquet"):
        PLAIN.write_parquet(tmp_path / name)
    assert ik.load(tmp_path / "h*.parquet").summary.records == PLAIN.height


def test_the_snapshot_is_dated_by_argument_then_column_then_name(tmp_path: Path) -> None:
    path = write(tmp_path, text_of([*ROW, "2026-01-05"], header=[*HEADER, "Export Time"]), "h_2026-03-02.csv")
    assert records(ik.load(path))["snapshot_at"].to_list() == [dt.datetime(2026, 1, 5)]
    told = ik.load(path, snapshot_at=dt.date(2026, 2, 1))
    assert records(told)["snapshot_at"].to_list() == [dt.datetime(2026, 2, 1)]


def test_an_invitation_keeps_its_id_and_a_resend_gets_a_new_one() -> None:
    frame = pl.DataFrame(
        {"Account": ["Ann", "ann", "ann"], "Status": ["Invited", "Associated", "Invited"],
         "Sent At": ["2026-03-01 09:00", "2026-03-01T09:00:00Z", "2026-03-08 09:00"]}
    )  # fmt: skip
    first, again, resent = records(ik.load(frame)).sort("source_row")["record_id"]
    assert first == again != resent


def test_a_second_file_adds_messages_by_key(tmp_path: Path) -> None:
    rows = [[n, s, None] for n, s in [("Ann", "Failed"), ("bea", "Failed"), ("cem", "Associated"), ("d***", "Failed")]]
    frame = pl.DataFrame(rows, schema=["Account", "Status", "Failure Cause"], orient="row")
    second = [["ann", "one"], ["bea", "one"], ["bea", "two"], ["cem", "one"], ["d***", "one"], ["eve", "one"]]
    ragged = "ann,The system is busy, try later\n"
    loaded = ik.load(frame, messages=write(tmp_path, text_of(*second, header=["Account", "Reason"]) + ragged))
    assert dict(records(loaded).select("account_name", "failure_message").rows())["Ann"] == "one"
    assert records(loaded)["failure_message"].count() == 1
    found = loaded.summary.messages
    assert found is not None
    assert (found.key, found.rows, found.rejected) == ("account_name", 7, 1)
    assert (found.added, found.ambiguous, found.unmatched) == (1, 1, 2)
    assert "1 row of the second file could not be read" in str(loaded.summary)


CANARY = "canary.person@example.com"


@pytest.mark.parametrize(
    ("name", "problem"),
    [("", "holds no file"), ("*.csv", "matches no file"), ("x" * 300 + ".csv", "Hint: "), ("\0.csv", "Hint: ")],
)
def test_a_source_that_is_no_file_is_one_clear_error(tmp_path: Path, name: str, problem: str) -> None:
    with pytest.raises(SourceError, match=problem):
        ik.load(tmp_path / name)


def test_an_object_that_is_no_frame_and_an_engine_that_does_not_exist_are_rejected() -> None:
    with pytest.raises(ArgumentError, match="type int"):
        ik.load(7)
    with pytest.raises(ArgumentError, match="engine is 'spark'"):
        ik.load(PLAIN, engine=cast("Any", "spark"))


def test_the_summary_escapes_and_hides_addresses() -> None:
    message = f"<script>alert(1)</script> write to {CANARY} or 13800001111"
    frame = pl.DataFrame({"Account": ["a"], "Status": ["Failed"], "Cause": [message]})
    summary = ik.load(frame).summary
    for shown in (str(summary), summary._repr_html_()):
        assert CANARY not in shown
        assert "13800001111" not in shown
    assert CANARY not in repr(summary.unknown_messages)
    assert "<script>" not in summary._repr_html_()
    assert summary.unknown_messages[0].text == message


def test_temporary_files_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    loaded = ik.load(write(tmp_path, text_of(ROW)), engine="duckdb")
    (folder,) = place.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert loaded.records.fetchall()[0][3] == "ann"
    del loaded
    gc.collect()
    assert list(place.iterdir()) == []


def test_an_error_removes_temporary_files_although_a_debugger_may_use_its_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))

    def interrupt(*_: object) -> None:
        assert len(list(place.iterdir())) == 1
        raise KeyboardInterrupt

    path = write(tmp_path, text_of(ROW))
    with pytest.raises(KeyboardInterrupt) as interrupted:
        ik.load(path, engine="duckdb", progress=interrupt)
    assert interrupted.traceback
    assert list(place.iterdir()) == []


def test_a_full_disk_is_one_clear_error(tmp_path: Path) -> None:
    path = write(tmp_path, "Account,Status\n" + "".join(f"{uuid.uuid4()},Invited\n" for _ in range(9000)))
    code = "import invitekit as ik, sys; ik.load(sys.argv[1]); ik.load(sys.argv[1], engine='duckdb')"
    limited = ["sh", "-c", 'ulimit -f 200; exec "$0" "$@"', sys.executable, "-c", code, str(path)]
    done = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].startswith("invitekit.errors.OutputError: The disk refused a file. Hint: ")


def test_files_are_read_without_a_folder_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, text_of(ROW))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    assert ik.load(path).records.height == 1
    with pytest.raises(OutputError, match="The disk refused a file"):
        ik.load(path, engine="duckdb")


# ---- fixed bugs ----------------------------------------------------------------------


def of_one_column(folder: Path, *cells: str, name: str = "history.csv", column: str = "Sent At") -> Loaded:
    rows = "".join(f"a{i},Invited,{cell}\n" for i, cell in enumerate(cells))
    return ik.load(write(folder, f"Account,Status,{column}\n{rows}", name))


def test_a_folder_named_like_a_partition_changes_no_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "status=x" / "user=anna"
    folder.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    rows = pl.DataFrame({"Account": ["a1"], "Status": ["Invited"]})
    assert ik.load(rows, engine="duckdb").records.pl().equals(ik.load(rows).records)


def test_a_space_before_a_date_does_not_hide_evidence(tmp_path: Path) -> None:
    loaded = of_one_column(tmp_path, " 03/04/2025", " 04/28/2025")
    assert records(loaded)["invited_at"].to_list() == [dt.datetime(2025, 3, 4), dt.datetime(2025, 4, 28)]


def test_a_repeated_hour_means_the_later_one_in_every_form(tmp_path: Path) -> None:
    path = write(tmp_path, "Account,Status,Sent At\na,Invited,2026-10-25 02:30:00\nb,Invited,2026-10-25T02:30:00\n")
    found = records(ik.load(path, time_zone="Europe/Berlin"))["invited_at"]
    assert found.to_list() == [dt.datetime(2026, 10, 25, 1, 30)] * 2


def test_every_sheet_with_a_status_is_read_under_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "two.xlsx"
    with xlsxwriter.Workbook(path) as book:
        for name, account in (("March", "a"), ("April", "b")):
            sheet = book.add_worksheet(name)
            sheet.write_row(2, 0, ["Account", "Status"])
            sheet.write_row(4, 0, [account, "Invited"])
        book.add_worksheet("Notes").write_row(0, 0, ["Account", "of what was done"])
    found = records(ik.load(path)).sort("account_name")
    assert found.select("account_name", "source_file", "source_row").rows() == [
        ("a", "two.xlsx [March]", 5),
        ("b", "two.xlsx [April]", 5),
    ]


@pytest.mark.parametrize(
    ("sheets", "days"),
    [(("2026-03-23", "30.3.2026"), (23, 30)), (("23 Mar 2026", "Notes"), (23, 31)), (("2026-03-23",), (31,))],
)
def test_sheets_are_dated_by_their_names(tmp_path: Path, sheets: tuple[str, ...], days: tuple[int, ...]) -> None:
    path = tmp_path / "weeks 2026-03-31.xlsx"
    with xlsxwriter.Workbook(path) as book:
        for name in sheets:
            book.add_worksheet(name).write_row(0, 0, ["Account", "Status"])
    assert [file.snapshot_at for file in ik.load(path).summary.files] == [dt.datetime(2026, 3, day) for day in days]


@pytest.mark.parametrize("since_1904", [False, True])
def test_a_workbooks_serials_count_from_its_own_day_to_the_second(tmp_path: Path, since_1904: bool) -> None:
    path = tmp_path / "serial.xlsx"
    with xlsxwriter.Workbook(path, {"date_1904": since_1904}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["Account", "Status", "Sent At"])
        serial = 46082.39583 - 1462 * since_1904
        sheet.write_row(1, 0, ["a", "Invited", serial])
        sheet.write_row(2, 0, ["b", "Invited"])
        sheet.write_number(2, 2, serial, book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}))
    assert records(ik.load(path))["invited_at"].to_list() == [dt.datetime(2026, 3, 1, 9, 30)] * 2


def test_a_rejected_row_keeps_its_words_and_is_not_counted_among_records(tmp_path: Path) -> None:
    header = "Account,Status,Sent At,Remarks\n"
    loaded = ik.load(write(tmp_path, header + 'a,Frozen,soon,\nb,Lost,2026-03-01,"say ""hi"""\nc,,soon,\n'))
    contents = [
        {"account_name": "a", "status": "Frozen", "invited_at": "soon"},
        {"account_name": "c", "invited_at": "soon"},
    ]
    assert [json.loads(content) for content in loaded.rejects["content"]] == contents
    assert loaded.summary.unknown_codes == {"status": {"Lost": 1}}


def test_one_broken_byte_of_gb18030_costs_one_row(tmp_path: Path) -> None:
    broken = "客户全称,客户账号,状态\n示例公司甲,jia,已关联\n示例".encode("gb18030") + b"\x81\x20,yi,\xd2\xd1\n"
    loaded = ik.load(write(tmp_path, broken + "示例公司丙,bing,已失效\n".encode("gb18030")))
    assert (loaded.summary.records, loaded.summary.rejects) == (2, 1)


@pytest.mark.parametrize("name", ["lines.jsonl", "array.json"])
def test_json_is_read_in_the_encoding_that_is_named(tmp_path: Path, name: str) -> None:
    rows = ['{"Account": "Jörg", "Status": "Invited"}', '{"Account": "Björn", "Status": "Invited"}']
    content = "\n".join(rows) if name.endswith("l") else f"[{', '.join(rows)}]"
    loaded = ik.load(write(tmp_path, content.encode("cp1252"), name), encoding="cp1252")
    assert records(loaded)["account_name"].to_list() == ["Jörg", "Björn"]


def test_nan_identifies_no_customer(tmp_path: Path) -> None:
    loaded = ik.load(write(tmp_path, "Account,Mobile,Status\nnan,NaT,Invited\n<NA>,nan,Invited\nb,1,Invited\n"))
    assert records(loaded)["account_name"].to_list() == ["b"]
    frame = pl.DataFrame({"Account": ["a"], "Status": ["Invited"], "Mobile": [float("nan")]})
    assert records(ik.load(frame))["mobile"].to_list() == [None]


def test_files_of_one_name_in_folders_of_one_name_keep_their_rejects(tmp_path: Path) -> None:
    for folder in ("a/x", "b/x"):
        (tmp_path / folder).mkdir(parents=True)
        write(tmp_path / folder, "Account,Status\nann,Invited\nbea,Invited,more\n", "f.csv")
    summary = ik.load([tmp_path / "a/x/f.csv", tmp_path / "b/x/f.csv"]).summary
    assert [(file.name, file.records, file.rejects) for file in summary.files] == [
        ("a/x/f.csv", 1, 1),
        ("b/x/f.csv", 1, 1),
    ]


def test_ignored_files_of_a_folder_are_reported(tmp_path: Path) -> None:
    write(tmp_path, text_of(ROW))
    for name in ("old.doc", "packed.doc.gz", "README.md", ".hidden.csv"):
        write(tmp_path, "x", name)
    (tmp_path / "sub").mkdir()
    summary = ik.load(tmp_path).summary
    assert summary.ignored == ("old.doc", "packed.doc.gz", "sub/")
    assert "Not read: old.doc, packed.doc.gz, sub/." in str(summary)
    assert ik.load(tmp_path / "history.csv").summary.ignored == ()


FAILED = "Account,Status\nann,Association failed\nbea,Association failed\n"


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        ("Email,Reason\nann@example.com,x\n", "m.csv", "share no key"),
        ("PAR1 no parquet", "m.parquet", "Parquet footer"),
        (None, "folder", "holds 2 files"),
    ],
)
def test_a_useless_second_file_is_one_clear_error(tmp_path: Path, content: str | None, name: str, said: str) -> None:
    if content is None:
        (tmp_path / name).mkdir()
        for each in ("1.csv", "2.csv"):
            write(tmp_path / name, "Account,Reason\nann,x\n", each)
    else:
        write(tmp_path, content, name)
    with pytest.raises(InvitekitError, match=said):
        ik.load(write(tmp_path, FAILED), messages=tmp_path / name)


@pytest.mark.parametrize("encoding", ["hex", "rot13", "idna", "undefined", "nonsense"])
def test_a_codec_that_is_not_for_text_is_rejected(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(ArgumentError, match="is not a text encoding"):
        ik.load(write(tmp_path, text_of(ROW)), encoding=encoding)


# ---- more fixed bugs ---------------------------------------------------------------------


@pytest.mark.parametrize("form", ["2026-03-01T09:00:00{}", "2026/3/1 9:00 {}"])
def test_offsets_end_at_12_hours_west_and_14_east(tmp_path: Path, form: str) -> None:
    offsets = ("+14:00", "-12:00", "+14:01", "-12:30", "+08:75", "+99:00")
    loaded = of_one_column(tmp_path, *map(form.format, offsets))
    found = records(loaded).sort("source_row")["invited_at"].to_list()
    assert found == [dt.datetime(2026, 2, 28, 19), dt.datetime(2026, 3, 1, 21)]
    assert loaded.rejects["source_row"].to_list() == [4, 5, 6, 7]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/New_York"])
def test_a_time_at_the_end_of_the_calendar_is_refused(tmp_path: Path, zone: str) -> None:
    cells_in = ("0001-01-02T00:00+08:00", "9999-12-30 23:00-08:00", "9999-12-30 23:00", "0001-01-02")
    loaded = ik.load(write(tmp_path, text_of(*([*ROW[:5], cell, ""] for cell in cells_in))), time_zone=zone)
    assert loaded.rejects["column"].to_list() == ["invited_at"] * len(cells_in)


def book_of(path: Path, **sheets: list[list[str]]) -> Path:
    with xlsxwriter.Workbook(path) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, cells_in in enumerate(rows):
                sheet.write_row(number, 0, cells_in)
    return path


def test_an_ignored_sheet_is_reported(tmp_path: Path) -> None:
    people = [["Account", "Status"], ["a", "Invited"]]
    path = book_of(
        tmp_path / "b.xlsx", Pivot=[["Status", "Count"], ["Invited", "1"]], People=people,
        Contacts=[["Account", "Email"], ["a", "a@example.com"]], Blank=[],
    )  # fmt: skip
    loaded = ik.load(path)
    assert records(loaded).select("account_name", "source_file").rows() == [("a", "b.xlsx")]
    assert loaded.summary.ignored == ("b.xlsx [Pivot]", "b.xlsx [Contacts]")
    assert "Not read: b.xlsx [Pivot], b.xlsx [Contacts]." in str(loaded.summary)
    assert ik.load(book_of(tmp_path / "c.xlsx", People=people)).summary.ignored == ()


@pytest.mark.parametrize("settings_", ["date1904='1'", 'date1904="on"'])
def test_the_1904_setting_of_a_workbook_is_read_in_every_spelling(tmp_path: Path, settings_: str) -> None:
    plain = book_of(tmp_path / "p.xlsx", A=[["Account", "Status", "Sent At"], ["a", "Invited", "44620.5"]])
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(tmp_path / "q.xlsx", "w") as new:
        for item in old.namelist():
            content = old.read(item).replace(b"<workbookPr ", f"<workbookPr {settings_} ".encode())
            new.writestr(item, content)
    assert records(ik.load(tmp_path / "q.xlsx"))["invited_at"].to_list() == [dt.datetime(2026, 3, 1, 12)]


@pytest.mark.parametrize("header", ["Account,状态", "账号,Status", "Account,Status,备注", '"账号","Status"'])
def test_even_a_short_header_in_gb18030_decides(tmp_path: Path, header: str) -> None:
    width = header.count(",") + 1
    rows = "".join(f"p{i},Associated,x"[: None if width == 3 else -2] + "\n" for i in range(50))
    summary = ik.load(write(tmp_path, f"{header}\n{rows}".encode("gb18030"))).summary
    assert (summary.records, summary.files[0].encoding) == (50, "gb18030")


CHINESE = "客户账号,状态,客户全称\n示例,已关联,示例科技有限公司\n一一,已邀请,样本开需最贸易公司\n"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_detected_by_its_separators(tmp_path: Path, encoding: str) -> None:
    head, body = CHINESE.split("\n", 1)
    loaded = ik.load(write(tmp_path, f"{head}\n{body * 9000}".encode(encoding)))
    assert (loaded.summary.records, loaded.summary.files[0].encoding) == (18000, encoding)
    assert set(records(loaded)["status"]) == {"associated", "invited"}


@pytest.mark.parametrize("text", ["a", "Ü", "GRÜSSE,ÄÖÜ\n" * 9, "账号,状态\n一,二\n"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_very_short_utf16_is_detected(text: str, encoding: str) -> None:
    assert looks_like_utf16(text.encode(encoding)) == encoding


@pytest.mark.parametrize(
    "text", [CHINESE, CHINESE[:8] + "一,二,三\n" * 9, text_of(ROW, ROW), text_of(["Müller Straße", *ROW[1:]])]
)
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "cp1252"])
@pytest.mark.parametrize("shift", [0, 1])
def test_cells_padded_with_nul_are_not_utf16(text: str, encoding: str, shift: int) -> None:
    padded = text.replace(",", "\0,").replace("\n", "\0\n")
    assert looks_like_utf16(b"x" * shift + padded.encode(encoding, errors="replace")) is None


@pytest.mark.parametrize("written", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_can_be_named_with_or_without_a_mark(tmp_path: Path, written: str) -> None:
    for name, content in (("a.csv", CHINESE), ("b.json", '[{"账号": "a", "状态": "已关联"}]')):
        loaded = ik.load(write(tmp_path, content.encode(written), name), encoding="utf-16")
        assert records(loaded)["status"][0] == "associated"


def test_utf32_with_a_mark_is_read(tmp_path: Path) -> None:
    summary = ik.load(write(tmp_path, CHINESE.encode("utf-32"))).summary
    assert (summary.records, summary.rejects, summary.files[0].encoding) == (2, 0, "utf-32")


def test_a_chosen_encoding_does_not_make_binary_content_text(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is binary"):
        ik.load(write(tmp_path, bytes(range(256)) * 40), encoding="gb18030")


def test_the_encoding_of_json_is_detected_from_the_whole_file(tmp_path: Path) -> None:
    plain = '{"Account": "a", "Status": "Invited"}\n'
    late = (plain * 3000 + '{"Account": "示例公司", "Status": "Invited"}\n' * 1000).encode("gb18030")
    assert ik.load(write(tmp_path, late, "late.jsonl")).summary.rejects == 0
    for shift in range(3):
        long = json.dumps([{"Account": "é" * (40 + shift) + "示例", "Status": "Invited"}] * 2000, ensure_ascii=False)
        summary = ik.load(write(tmp_path, long, "long.json")).summary
        assert (summary.records, summary.files[0].encoding) == (2000, None)


def test_json_lines_may_begin_with_a_mark_that_the_named_encoding_keeps(tmp_path: Path) -> None:
    content = "\ufeff" + '{"Account": "a", "Status": "Invited"}\n' * 2
    assert ik.load(write(tmp_path, content, "a.jsonl"), encoding="utf-8").summary.rejects == 0


def test_a_number_is_read_the_same_from_json_as_from_a_column_of_floats(tmp_path: Path) -> None:
    shown = {
        "447700900101.0": "447700900101", "4.47700900101e11": "447700900101", "-0.0": "0", "1e3": "1000", "0.5": "0.5",
    }  # fmt: skip
    rows = [f'{{"Account": "a{i}", "Status": "Invited", "Mobile": {text}}}' for i, text in enumerate(shown)]
    lines = records(ik.load(write(tmp_path, "\n".join(rows), "a.jsonl"))).sort("source_row")["mobile"].to_list()
    frame = pl.DataFrame({"Account": ["a"] * 5, "Status": ["Invited"] * 5, "Mobile": list(map(float, shown))})
    column = records(ik.load(frame)).sort("source_row")["mobile"].to_list()
    assert lines == column == list(shown.values())
    decimal = frame.head(1).with_columns(pl.col("Mobile").cast(pl.Decimal(18, 2)))
    assert records(ik.load(decimal))["mobile"].to_list() == ["447700900101"]
    assert ik.load(write(tmp_path, rows[0].replace("447700900101.0", "1e999999999"), "b.jsonl")).summary.records == 1


def test_bytes_that_are_not_text_are_rejected_but_kept_in_an_extra_column() -> None:
    frame = pl.DataFrame(
        {"Account": [b"a", b"\xff\x00", b"c"], "Status": [b"Invited", b"Invited", "谜".encode()],
         "Remarks": [b"\xfe", "é".encode(), None],
         "Hash": [b"\xff", b"\xc3\xa9", None]}
    )  # fmt: skip
    loaded = ik.load(frame)
    assert records(loaded).select("account_name", "status", "remarks", "Hash").rows() == [("c", "unknown", None, None)]
    assert loaded.summary.unknown_codes == {"status": {"谜": 1}}
    refused = loaded.rejects
    assert refused.select("source_row", "column", "reason").rows() == [
        (1, "remarks", "holds bytes that are not text"),
        (2, "account_name", "holds bytes that are not text"),
    ]
    assert json.loads(refused["content"][0]) == {
        "account_name": "a", "status": "Invited", "remarks": "\\xFE", "Hash": "\\xFF"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("header", "columns"),
    [("Account,Stand", {}), ("Email,E-mail,Status", {}), ("Account,Status", {"status": "Status", "remarks": "status"})],
)
def test_a_hint_fits_python_and_the_command_line(tmp_path: Path, header: str, columns: dict[str, str]) -> None:
    with pytest.raises(SchemaError) as caught:
        ik.load(write(tmp_path, f"{header}\nx,y,z\n"), columns=columns)
    problem, hint = str(caught.value).split("Hint: ")
    assert "columns={'" in hint
    assert "--column '" in hint
    assert "columns=" not in problem


def test_white_space_is_trimmed_everywhere_in_a_file(tmp_path: Path) -> None:
    cells_in = [(f"{white}Ann", f"late{white}", f"{white}NULL{white}") for white in TRIM_CHARS]
    late = "".join('"{}","{}",,,Invited,,"{}"\n'.format(*texts) for texts in cells_in)
    loaded = ik.load(write(tmp_path, text_of(*[ROW] * 300) + late))
    last = records(loaded).tail(len(TRIM_CHARS)).select("customer_full_name", "account_name", "remarks")
    assert last.rows() == [("Ann", "late", None)] * len(TRIM_CHARS)


# ---- wide sources -----------------------------------------------------------------------------------


def test_formatted_empty_cells_are_not_columns(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "wide.xlsx") as book:
        sheet, grey = book.add_worksheet(), book.add_format({"bg_color": "gray"})
        sheet.write_row(0, 0, ["Account", "Status", "", "", "Memo"])
        for row in range(1, 40):
            sheet.write_row(row, 0, [f"a{row}", "Invited", None, "x", "y"])
            sheet.write_blank(row, 16_383, None, grey)
    loaded = ik.load(tmp_path / "wide.xlsx")
    assert loaded.summary.files[0].extras == ("column 4", "Memo")
    assert loaded.summary.records == 39


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_an_empty_column_without_a_header_is_no_column(tmp_path: Path, engine: Any) -> None:
    rows = [["a", "Invited", "", "x", "", ""], ["b", "Expired", "", "", "", ""]]
    path = write(tmp_path, text_of(*rows, header=["Account", "Status", "", "", "Memo", ""]))
    loaded = ik.load(path, engine=engine)
    assert loaded.summary.files[0].extras == ("column 4", "Memo")
    assert loaded.records.columns[-2:] == ["column 4", "Memo"]
    kept = loaded.records if engine == "polars" else loaded.records.pl()
    assert kept["column 4"].to_list() == ["x", None]


@pytest.mark.parametrize("name", ["wide.csv", "wide.xlsx", "wide.jsonl"])
def test_hundreds_of_columns_are_read(tmp_path: Path, name: str) -> None:
    names = [f"x{i}" for i in range(300)]
    rows = [["a", "Invited", *map(str, range(300))], ["b", "Expired", *map(str, range(300))]]
    if name.endswith("csv"):
        write(tmp_path, text_of(*rows, header=["Account", "Status", *names]), name)
    elif name.endswith("xlsx"):
        book_of(tmp_path / name, A=[["Account", "Status", *names], *rows])
    else:
        objects = [dict(zip(["Account", "Status", *names], row, strict=True)) for row in rows]
        write(tmp_path, "\n".join(map(json.dumps, objects)), name)
    found = records(ik.load(tmp_path / name))
    assert found.select(names).row(1) == tuple(map(str, range(300)))


def test_headers_of_one_name_are_numbered(tmp_path: Path) -> None:
    header = ["Account", "Status", *["x"] * 300]
    loaded = ik.load(write(tmp_path, text_of(["a", "Invited", *["1"] * 300], header=header)))
    assert loaded.summary.files[0].extras == ("x", *(f"x ({number})" for number in range(2, 301)))


# ---- engines ----------------------------------------------------------------------------------------


def test_sources_that_do_not_fit_into_memory_go_to_duckdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, text_of(ROW))
    summaries = [ik.load(path, engine="auto").summary]
    monkeypatch.setattr(stores, "ALWAYS_FITS", 0)
    summaries.append(ik.load(path, engine="auto").summary)
    monkeypatch.setattr(stores, "free_memory", lambda: 100)
    summaries.append(ik.load(path, engine="auto").summary)
    assert [summary.engine for summary in summaries] == ["polars", "polars", "duckdb"]
    assert summaries[0].engine_reason is None
    assert str(summaries[2].engine_reason).startswith("Engine: DuckDB, on disk; for Polars, in memory, about ")


def test_a_stored_history_is_computed_in_memory_if_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 4_000_000_000)
    assert [memory.rows_fit(rows) for rows in (500_000, 500_001)] == [True, False]
    monkeypatch.setattr(memory, "free_memory", lambda: 0)
    assert [memory.rows_fit(rows) for rows in (200_000, 200_001)] == [True, False]


def test_both_engines_add_messages_and_extra_columns_in_the_same_way(tmp_path: Path) -> None:
    messages = write(tmp_path, "Account,Reason\nann,one\n", "m.csv")
    first = write(tmp_path, "Account,Status,Score\nann,Failed,7\n", "a.csv")
    second = write(tmp_path, "Account,Status,SCORE,Sent At\nbea,Invited,8,03/04/2026\nx,Invited,1,soon\n", "b.csv")
    polars, stored = (ik.load([first, second], messages=messages, engine=e) for e in ("polars", "duckdb"))
    assert polars.records.equals(stored.records.pl())
    assert polars.rejects.equals(stored.rejects.pl())
    assert polars.records.select("failure_message", "Score").rows() == [("one", "7"), (None, "8")]


def test_a_country_has_one_name_however_it_is_spelt_and_a_rejected_row_quotes_the_file(tmp_path: Path) -> None:
    header = [*HEADER[:-1], "Country"]
    spellings = ["China", "中国", "cn", "Chinese Mainland", "香港", "Hong Kong (China)", "UK", "Atlantis", "C***a", ""]
    path = write(tmp_path, text_of(*([*ROW[:-1], spelling] for spelling in spellings), header=header))
    polars, stored = (ik.load(path, engine=engine).records for engine in ("polars", "duckdb"))
    hong_kong = "Hong Kong SAR China"
    expected = [*["China"] * 4, hong_kong, hong_kong, "United Kingdom", "Atlantis", "C***a", None]
    assert polars["country"].to_list() == stored.pl()["country"].to_list() == expected
    nobody = ["", "", "", "", "Invited", "2026-03-01", "中国"]
    assert "中国" in ik.load(write(tmp_path, text_of(ROW, nobody, header=header))).rejects["content"][0]
