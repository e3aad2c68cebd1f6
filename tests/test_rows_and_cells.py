"""Untidy rows and cells: results, rejected rows with their reasons, and the summary."""

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import invitekit as ik
from invitekit.errors import SourceError
from invitekit.ingest import Loaded

HEADER = "Customer Full Name,Account,Email,Mobile,Status,Invitation Time,Remarks"
ANN = "Ann Example,ann,ann@example.com,+44 7700 900101,Invited,2026-03-01,called"
BEA = "Bea Example,bea,bea@example.com,+44 7700 900102,Expired,2026-03-02,"


def load(folder: Path, *lines: str, name: str = "f.csv", encoding: str = "utf-8", **options: Any) -> Loaded:
    path = folder / name
    path.write_bytes("".join(f"{line}\n" for line in lines).encode(encoding))
    return ik.load(path, **options)


def reasons(loaded: Loaded) -> list[tuple[int, str]]:
    summary = loaded.summary
    assert summary.rows_read == summary.records + summary.rejects
    return [(row, reason) for row, reason in loaded.rejects.select("source_row", "reason").rows()]


def accounts(loaded: Loaded) -> list[str]:
    return list(loaded.records["account_name"])


# ---- rows with too few or too many cells --------------------------------------------------------


def test_missing_last_cells_are_empty_and_reported(tmp_path: Path) -> None:
    loaded = load(tmp_path, HEADER, ANN, "Cem Example,cem,,,Invited", ",dot,,,Expired,2026-03-03", f"{BEA},,,")
    assert accounts(loaded) == ["ann", "cem", "dot", "bea"]
    assert (reasons(loaded), loaded.records["remarks"].to_list()) == ([], ["called", None, None, None])
    assert "2 rows have fewer cells than the header: the missing last cells were read as empty." in str(loaded.summary)


@pytest.mark.parametrize(
    ("lines", "rejected"),
    [
        (["Cem Example,cem,cem@example.com"], [(3, "has 3 of 7 cells")]),  # no status
        (["Printed on Monday"], [(3, "has 1 of 7 cells")]),
        (
            ["Cem Example,cem,,,Invited,2026-03-03", "4,he wrote back"],
            [(3, "has 6 of 7 cells: the next line seems to be the rest of it"), (4, "has 2 of 7 cells")],
        ),
        (
            ['"Cem\nExample",cem,,,Invited,2026-03-03', "4,he wrote back"],
            [(3, "has 6 of 7 cells: the next line seems to be the rest of it"), (4, "has 2 of 7 cells")],
        ),
        (["Cem Example,cem,,,Invited,2026-03-03,x,y"], [(3, "has 8 cells, not 7")]),
    ],
)
def test_a_broken_row_is_rejected(tmp_path: Path, lines: Sequence[str], rejected: list[tuple[int, str]]) -> None:
    loaded = load(tmp_path, HEADER, ANN, *lines, BEA)
    assert reasons(loaded) == rejected


def test_a_short_last_line_without_an_end_may_be_cut_off(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(f"{HEADER}\n{ANN}\nCem Example,cem,,,Invi")
    assert reasons(ik.load(tmp_path / "f.csv")) == [(3, "has 5 of 7 cells, and no line end: the file may be cut off")]


def test_blank_headers_at_the_end_need_no_cells(tmp_path: Path) -> None:
    loaded = load(tmp_path, f"{HEADER},,", ANN, BEA)
    assert (accounts(loaded), reasons(loaded)) == (["ann", "bea"], [])
    assert "fewer cells" not in str(loaded.summary)


@pytest.mark.parametrize("line", ["\f", "\x1a", "  "])
def test_a_page_break_and_an_end_mark_are_no_rows(tmp_path: Path, line: str) -> None:
    assert reasons(load(tmp_path, HEADER, ANN, line)) == []


@pytest.mark.parametrize("line", [",,,,,,", '"","","","","","",""', " , , , , , , ", ",,,,", ",,,,,,,,,"])
def test_a_row_of_empty_cells_is_no_row_but_is_counted_in_row_numbers(tmp_path: Path, line: str) -> None:
    loaded = load(tmp_path, HEADER, ANN, line, BEA, line)
    assert (accounts(loaded), reasons(loaded), loaded.records["source_row"].to_list()) == (["ann", "bea"], [], [2, 4])


def test_a_line_of_empty_cells_inside_a_cell_stays_there(tmp_path: Path) -> None:
    loaded = load(tmp_path, HEADER, '"', 'Cem",cem,,,Invited,,"first', ",,,,,,", 'last"', BEA)
    assert (accounts(loaded), reasons(loaded)) == (["cem", "bea"], [])
    assert loaded.records["remarks"][0].split() == ["first", ",,,,,,", "last"]


# ---- quotes -------------------------------------------------------------------------------------

QUOTED = {
    "whole lines": [f'"{HEADER}"', f'"{ANN}"', '"Bea ""B"" Example,bea,,,Expired,2026-03-02,"'],
    "whole rows": [HEADER, f'"{ANN}"', '"""Bea """"B"""" Example"",bea,,,Expired,2026-03-02,"'],
    "single quotes": [
        f"'{HEADER.replace(',', chr(39) + ',' + chr(39))}'",
        ANN,
        "'Bea ''B'' Example','bea',,,Expired,,",
    ],
    "spaces after quotes": [HEADER, ANN, '"Bea ""B"" Example" ,"bea","" ,"" ,"Expired" ,"2026-03-02" ,"" '],
    "backslashes": [HEADER, ANN, r'"Bea \"B\" Example","bea","","","Expired","2026-03-02",""'],
}


@pytest.mark.parametrize("kind", QUOTED)
def test_lines_are_read_however_their_quotes_are_written(tmp_path: Path, kind: str) -> None:
    loaded = load(tmp_path, *QUOTED[kind])
    assert (accounts(loaded), reasons(loaded)) == (["ann", "bea"], [])
    assert loaded.records["customer_full_name"].to_list()[1].replace('"', "'") == "Bea 'B' Example"


def test_a_quote_with_a_backslash_that_makes_no_row_is_named(tmp_path: Path) -> None:
    assert "backslash" in reasons(load(tmp_path, HEADER, r'"Bea \"B\" Example","bea"x', ANN))[0][1]


# ---- rows that are no customers -----------------------------------------------------------------

TOTAL = "is a total, not a customer"
ONE_CELL = "has one filled cell only: it is a title, a note or a footer, not a customer"
LEGEND = "is a legend that explains a word, not a customer"
NO_CUSTOMERS = {
    "Total,2,,,,,": TOTAL, "Grand Total: 2,,,,,,": TOTAL, "合计,2,,,,,": TOTAL, "共 2 条,,,,,,": TOTAL,
    ",,,,,2,Total": TOTAL, "North sub-total,1,,,,,": TOTAL, "(2 rows),,,,,,": TOTAL,
    "Confidential - do not distribute,,,,,,": ONE_CELL, "Region: North,,,,,,": ONE_CELL,
    "Expired,the link has run out,,,,,": LEGEND, HEADER: "repeats the header",
}  # fmt: skip


@pytest.mark.parametrize("line", NO_CUSTOMERS)
def test_totals_notes_and_repeated_headers_are_no_customers(tmp_path: Path, line: str) -> None:
    loaded = load(tmp_path, HEADER, ANN, line, BEA)
    assert reasons(loaded) == [(3, NO_CUSTOMERS[line])]
    assert accounts(loaded) == ["ann", "bea"]


@pytest.mark.parametrize("extra", [",Deal Size", ""])
@pytest.mark.parametrize("names", ["Account Name,Status,Email", "账号名,状态,邮箱"])
def test_a_repeated_header_is_found_in_another_language_and_with_extras(tmp_path: Path, names: str, extra: str) -> None:
    size = extra and ",large"
    header = "Account Name,Status,Email" + extra
    loaded = load(tmp_path, header, "a,Invited,a@x.example" + size, names + extra, "b,Invited,b@x.example" + size)
    assert (accounts(loaded), reasons(loaded)) == (["a", "b"], [(3, "repeats the header")])


@pytest.mark.parametrize("second", ["Email,Account Name,Status", "邮箱,账号名,状态"])
def test_a_second_table_with_other_columns_is_an_error(tmp_path: Path, second: str) -> None:
    with pytest.raises(SourceError, match=r"Row 3 of 'f\.csv' is the header of a second table with other columns\."):
        load(tmp_path, "Account Name,Status,Email", "a,Invited,a@x.example", second, "b@x.example,b,Invited")


@pytest.mark.parametrize(
    "line",
    [
        "Total Energies,,total@example.com,,,,", "Total,total,,,Invited,,", "Total,5,,,,2026-03-03,", "Total,acme,,,,,",
        ",cem_5,,,,,", "Expired Goods Ltd,goods_1,,,,,", "Cem Example,,,+44 7700 900103,,,",
    ],
)  # fmt: skip
def test_a_customer_stays_one_whatever_its_name(tmp_path: Path, line: str) -> None:
    loaded = load(tmp_path, HEADER, ANN, line)
    assert (loaded.summary.records, reasons(loaded)) == (2, [])


def test_in_a_narrow_table_a_name_alone_may_be_a_customer(tmp_path: Path) -> None:
    assert load(tmp_path, "Customer Full Name,Status", "Ann Example,", "Bea Example,Invited").summary.records == 2


# ---- cells --------------------------------------------------------------------------------------

GUARDED = [
    '" 00123 "', '="00123"', '=""00123""', "'00123", "`00123", "\x1f00123", "\t00123", '"00123"', "'00123'",
    "００１２３", '\'="00123"',
]  # fmt: skip


@pytest.mark.parametrize("column", ["account_name", "mobile", "record_id"])
def test_what_keeps_a_number_as_it_is_comes_off(column: str) -> None:
    cells = {"account_name": "ann", "status": "Invited", "mobile": "1", "record_id": "i"}
    records = ik.load([pl.DataFrame(cells | {column: [cell]}) for cell in GUARDED]).records
    assert records[column].to_list() == ["00123"] * len(GUARDED)


@pytest.mark.parametrize("unseen", ["\u00ad", "\u200b", "\u202d", "\u2066", "\ufeff"])
def test_invisible_characters_in_what_is_searched_for_or_written_to_come_off(tmp_path: Path, unseen: str) -> None:
    line = f"An{unseen}n,an{unseen}n,an{unseen}n@example.com,{unseen}+44 7700{unseen} 900101,Invited,,"
    columns = ("customer_full_name", "account_name", "email", "mobile")
    (record,) = load(tmp_path, HEADER, line).records.select(columns).rows()
    assert record == (f"An{unseen}n", "ann", "ann@example.com", "+44 7700 900101")


def test_guards_come_off_dates_names_and_bare_csv_cells_too(tmp_path: Path) -> None:
    line = '="Ann Example",="001","=""ann@example.com""",,="Invited",="2026-03-01",="x"'
    found = load(tmp_path, HEADER, line).records.row(0, named=True)
    assert [found[n] for n in ("customer_full_name", "account_name", "email", "status", "invited_at", "remarks")] == [
        "Ann Example", "001", "ann@example.com", "invited", dt.datetime(2026, 3, 1), "x",
    ]  # fmt: skip


@pytest.mark.parametrize(("column", "cell"), [("customer_full_name", "'s-Gravenhage Bakkerij"), ("remarks", '"late"')])
def test_a_mark_that_belongs_to_a_text_stays(column: str, cell: str) -> None:
    frame = pl.DataFrame({"account_name": ["ann"], "status": ["Invited"], column: [cell]})
    assert ik.load(frame).records[column].to_list() == [cell]


ADDRESSES = {
    "ann@example.com": [
        "Ann Example <ann@example.com>", "mailto:ann@example.com", "<ann@example.com>", "ann@example.com.",
        "ann@example.com <ANN@example.com>", "ann @ example.com", "Email: ann@example.com (old)",
        "李雷 ann@example.com",
    ],
    "o'neil@example.com": ["Ann <o'neil@example.com>"], "a***@example.com": ["a***@example.com"],
    "not an address": ["not an address"],
}  # fmt: skip
SEVERAL = ["ann@example.com; bea@example.com", "ann@example.com，bea@example.com", "ann@example.com\nbea@example.com",
           "ann@example.com bea@example.com"]  # fmt: skip
BROKEN = [
    "anna schmidt@example.com", "anna. schmidt@example.com", "anna,schmidt@example.com", "ann@example. com",
    "ann@mail.co m", "ann@mail.example,com", "sales/ann@example.com", "x@example.com; anna schmidt@example.com",
]  # fmt: skip


@pytest.mark.parametrize(
    ("meant", "note"),
    [
        ({cell: address for address, cells in ADDRESSES.items() for cell in cells}, None),
        (dict.fromkeys(SEVERAL, "ann@example.com"), "4 cells hold several addresses: the first one was used."),
        ({cell: cell for cell in BROKEN}, "8 cells hold an address beside a word that may be a part of it: they were"),
    ],
    ids=["one", "several", "broken"],
)  # fmt: skip
def test_the_first_address_of_a_cell_is_used_unless_it_may_be_broken(meant: dict[str, str], note: str | None) -> None:
    loaded = ik.load(pl.DataFrame({"email": [*meant], "status": "Invited"}))
    assert dict(zip(meant, loaded.records["email"], strict=True)) == meant
    assert [str(one).startswith(f"Email: {note}") for one in loaded.summary.notes] == [True] * bool(note)


def test_a_guard_far_down_a_column_comes_off() -> None:
    dates = ["2026-03-01"] * 300 + ["'2026-03-02", '="2026-03-03"', '"2026-03-04"']
    frame = pl.DataFrame({"Account": map(str, range(303)), "Status": ["Invited"] * 303, "Invitation Time": dates})
    assert ik.load(frame).records["invited_at"].dt.day().to_list()[300:] == [2, 3, 4]


def test_a_long_column_of_few_texts_is_cleaned_like_a_short_one() -> None:
    cells = [
        " Nord", "Süd\u00a0", "\u3000西部 ", '="007"', "'Ost", '"West"', "`x", "- ", "N/A", "无", "", None, "ＡＢＣ"
    ]  # fmt: skip
    short = pl.DataFrame({"Account": [f"a{i}" for i in range(len(cells))], "Status": "Invited"}).with_columns(
        pl.Series(cells).alias(name) for name in ("Customer Full Name", "Country", "Account Manager", "Remarks", "Team")
    )
    names = ["customer_full_name", "country", "account_manager", "remarks", "Team"]
    once, often = ik.load(short).records, ik.load(pl.concat([short] * 1000)).records
    assert once["customer_full_name"].to_list()[:4] == ["Nord", "Süd", "西部", "007"]
    assert often.select(names).equals(pl.concat([once.select(names)] * 1000))


def test_quotes_around_a_message_come_off_and_those_inside_a_remark_stay() -> None:
    message, remark = "The invitation link has expired.", '"as agreed"'
    columns = {"Account": ["a"], "Status": ["Failed"], "Failure Cause": [f'"{message}"'], "Remarks": [remark]}
    records = ik.load(pl.DataFrame(columns)).records
    assert records.select("failure_message", "remarks").rows() == [(message, remark)]


def test_a_failure_message_of_no_failure_is_reported() -> None:
    status = ["Failed", "Expired", "Invited", "Failed", "Strange"]
    rows = {"Account": [*"abcde"], "Status": status, "Failure Cause": [*["No."] * 3, None, "No."]}
    loaded = ik.load(pl.DataFrame(rows))
    assert loaded.summary.failed_without_message == 1
    assert [str(note) for note in loaded.summary.notes] == [
        "2 records have a failure message, but not the status of a failure: their messages do not count."
    ]


@pytest.mark.parametrize("shortened", ["1.38E+10", "1,38E+10", "1.38e+10"])
def test_a_shortened_number_is_not_a_key_and_is_reported(shortened: str) -> None:
    loaded = ik.load(
        pl.DataFrame({"account_name": ["a1", shortened], "mobile": [shortened, "13800001111"], "status": "Invited"})
    )
    assert loaded.records.select("account_name", "mobile").rows() == [("a1", None), (None, "13800001111")]
    said = str(loaded.summary)
    assert "Mobile Number: 1 cell holds a number that a spreadsheet shortened" in said
    assert "Account Name: 1 cell holds a number that a spreadsheet shortened" in said


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_numbers_that_lost_their_zeros_in_another_file_are_reported(tmp_path: Path, engine: Any) -> None:
    header = "Account Name,Customer ID,Status"
    (tmp_path / "a.csv").write_text(f"{header}\n007,101,Invited\n00x,0905,Invited\n20,33,Invited\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text(f"{header}\n7,101,Invited\n0x,905,Invited\n020,44,Invited\n", encoding="utf-8")
    said = str(ik.load(tmp_path, engine=engine).summary)
    assert "Account Name: 2 numbers are written with and without zeros at their beginning" in said
    assert "Portal Customer ID: 1 number is written" in said
    assert "zeros" not in str(ik.load(tmp_path / "b.csv", engine=engine).summary)


def test_the_point_zero_of_a_whole_number_is_left_out_and_reported(tmp_path: Path) -> None:
    header, row = "Account Name,Mobile Number,Customer ID,Remarks,Status", "123,13800138000.0,77.0,2.0,Invited"
    loaded = load(tmp_path, header, row)
    names = ("account_name", "mobile", "portal_customer_id", "remarks")
    assert loaded.records.select(names).row(0) == ("123", "13800138000", "77", "2.0")
    assert "Mobile Number: 1 cell holds a whole number written as 13800138000.0: the .0" in str(loaded.summary)


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
@pytest.mark.parametrize("shared", ["901234567890123000", "ACME-GROUP"])
def test_a_customer_id_on_several_accounts_of_a_file_is_reported(tmp_path: Path, shared: str, engine: Any) -> None:
    one = tmp_path / "one_2026-03-23.csv"
    rows = [f"a{n},a{n}@x.example,Invited,{shared}" for n in range(3)] + [
        "b,,Invited,7", "B ,,Expired,7", "c***,,Invited,7",
    ]  # fmt: skip
    one.write_text("\n".join(["Account Name,Email,Status,Customer ID", *rows]), encoding="utf-8")
    (tmp_path / "two_2026-03-30.csv").write_text(
        "Account Name,Status,Customer ID\nrenamed,Expired,7\n", encoding="utf-8"
    )
    said = str(ik.load(tmp_path, engine=engine).summary)
    assert "Portal Customer ID: 1 ID of a file is on several account names (3 rows), which count as one" in said
    one.write_text(one.read_text("utf-8").replace(shared, "8", 1).replace(shared, "9", 1), encoding="utf-8")
    assert "several account names" not in str(ik.load(tmp_path, engine=engine).summary)


@pytest.mark.parametrize("name", ["BÃ¤ckerei Example", "????????1", "B\ufffdckerei"])
def test_garbled_names_are_counted(name: str) -> None:
    frame = pl.DataFrame(
        {"customer_full_name": [name, "Bäckerei Example", "示例公司", "São Example?"], "status": "Invited"}
    )
    assert "Customer Full Name: 1 cell seems garbled" in str(ik.load(frame).summary)


# ---- encodings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "name", "problem"),
    [
        ("euc_kr", "예제상사 주식회사", "can be read in two encodings, euc_kr and gb18030."),
        ("euc_jp", "サンプル株式会社", "can be read in two encodings, euc_jp and gb18030."),
        ("cp1256", "شركة المثال", "can be read in two encodings, cp1256 and gb18030."),
        ("big5", "範例股份有限公司", "can be read in two encodings, big5 and gb18030."),
        ("cp1251", "Пример и сыновья", "is written neither in UTF-8 nor in UTF-16 nor in GB18030."),
        ("hz", "示例公司", "seems to be written in hz."),
        ("iso2022_jp", "サンプル株式会社", "seems to be written in iso2022_jp."),
    ],
)
def test_an_ambiguous_encoding_is_rejected_with_choices(tmp_path: Path, encoding: str, name: str, problem: str) -> None:
    lines = [HEADER, *(ANN.replace("Ann Example", f"{name} {i}") for i in range(12))]
    with pytest.raises(SourceError) as refused:
        load(tmp_path, *lines, encoding=encoding)
    assert problem in refused.value.problem
    assert f"--encoding {encoding}" in (refused.value.hint or "")
    assert name not in str(refused.value)
    chosen = ik.load(tmp_path / "f.csv", encoding=encoding)
    assert chosen.records["customer_full_name"].to_list()[0] == f"{name} 0"


@pytest.mark.parametrize("encoding", ["cp1252", "cp1250", "cp1254", "mac_roman"])
def test_encodings_of_the_same_bytes_are_all_named(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(SourceError, match="is written neither in UTF-8") as refused:
        load(tmp_path, HEADER, *[ANN.replace("Ann", "Bäckerei Müller")] * 3, encoding=encoding)
    assert encoding in (refused.value.hint or "")


def test_a_header_is_shown_in_both_encodings(tmp_path: Path) -> None:
    header = "고객이름,Account,Email,Mobile,Status,Invitation Time,비고"
    with pytest.raises(SourceError, match="Its header is '고객이름,Account,"):
        load(tmp_path, header, *[ANN.replace("Ann Example", "예제상사 주식회사")] * 3, encoding="euc_kr")


@pytest.mark.parametrize("begin", ["", "[", "<p>"])
def test_a_first_line_with_names_of_columns_and_values_is_not_shown(tmp_path: Path, begin: str) -> None:
    row = {"Account": "+44 7700 900199", "Email": "a@x.example", "Status": "Invited", "Name": "예제상사 주식회사"}
    line = begin + json.dumps(row, ensure_ascii=False)
    with pytest.raises(SourceError) as refused:
        load(tmp_path, *[line] * 3, name="f.jsonl", encoding="euc_kr")
    assert refused.value.problem == "'f.jsonl' can be read in two encodings, euc_kr and gb18030."


@pytest.mark.parametrize(
    "names", [["张三", "李四"], ["上海示例科技有限公司"], ["阿里示例", "王小明"], ["北京海奥", "昌隆"]]
)
def test_a_few_chinese_names_are_read_without_a_question(tmp_path: Path, names: list[str]) -> None:
    lines = [HEADER, *(ANN.replace("Ann Example", name) for name in names)]
    loaded = load(tmp_path, *lines, encoding="gb18030")
    assert loaded.records["customer_full_name"].to_list() == names


def test_a_euro_sign_of_windows_is_read_in_chinese_text(tmp_path: Path) -> None:
    content = f"{HEADER}\n{ANN}\n".replace("Ann Example", "上海示例科技有限公司").encode("gb18030")
    (tmp_path / "f.csv").write_bytes(content.replace(b"called", b"\x80 5"))
    assert ik.load(tmp_path / "f.csv").records["remarks"].to_list() == ["€ 5"]


def test_a_garbled_header_is_named(tmp_path: Path) -> None:
    text = "客户全称,客户账号,状态\n示例,ann,已关联\n".encode().decode("latin-1")
    (tmp_path / "f.csv").write_text(text, "utf-8")
    with pytest.raises(SourceError, match="is garbled: UTF-8 was read as latin-1 and saved again"):
        ik.load(tmp_path / "f.csv")


def test_notes_of_all_batches_add_up_on_disk_too(tmp_path: Path) -> None:
    lines = [
        json.dumps({"Account": f"a{i}", "Email": "x@example.com; y@example.com", "Status": "Invited"}) for i in range(3)
    ]
    for engine in ("polars", "duckdb"):
        loaded = load(tmp_path, *lines, name="f.jsonl", engine=engine)
        assert loaded.summary.notes == ("Email: 3 cells hold several addresses: the first one was used.",)
