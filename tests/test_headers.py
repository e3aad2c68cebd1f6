"""The meaning of headers and words, in the spellings that people use."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter

import invitekit as ik
from invitekit.errors import ArgumentError, SchemaError
from invitekit.i18n import translate
from invitekit.ingest import Loaded
from invitekit.ingest.headers import counts_rows
from invitekit.ingest.words import read_words, skeleton
from invitekit.model import schema
from invitekit.model.identity import identify
from tests.conftest import Run

CUSTOMER = {"Account": "ann", "Status": "Invited"}


def load(cells: dict[str, Any], **how: Any) -> Loaded:
    """Load one row, or columns of several."""
    return ik.load(
        pl.DataFrame({name: cell if isinstance(cell, list) else [cell] for name, cell in cells.items()}), **how
    )


def meant(*tables: dict[str, Any]) -> list[dict[str, str]]:
    """Return the column that each header means, of several tables of one row."""
    frames = [pl.DataFrame({name: [cell] for name, cell in cells.items()}) for cells in tables]
    return [dict(file.headers) for file in ik.load(frames).summary.files]


def words(folder: Path, text: str) -> Path:
    path = folder / "words.toml"
    path.write_text(text, encoding="utf-8")
    return path


SPELT = {
    "status": ["状态(Status)", "状态（Status）", "状态 Status", "状态Status", "Status/状态", "状态\nStatus", "* Status",
               "＊状态", "Status (required)", "状态（必填）", "状态（Status）*必填", "Status ▲", "狀態"],
    "account_name": ["客戶帳號（Account Name）"], "mobile": ["電話號碼", "Mobile No."],
    "failure_message": ["Association Failure Cause"], "invited_at": ["Invitation Time (YYYY-MM-DD)", "inviteTime"],
    "portal_customer_id": ["Customer ID", "客户ID"],
    "record_id": ["ID", "Record ID", "Invitation ID", "邀请编号", "记录编号"],
}  # fmt: skip


def test_a_header_in_two_languages_or_with_a_mark_is_understood() -> None:
    spelt = [(header, column) for column, headers in SPELT.items() for header in headers]
    others = {"status": {"Account": "ann"}, "account_name": {"Status": "Invited"}}
    cells = {"status": "Invited", "invited_at": "2026-03-01"}
    tables = [{**others.get(column, CUSTOMER), header: cells.get(column, "x77")} for header, column in spelt]
    found = zip(spelt, meant(*tables), strict=True)
    assert [(header, headers.get(header)) for (header, _), headers in found] == spelt


@pytest.mark.parametrize(
    "header",
    ["Status (old)", "Status/Mobile", "状态 Mobile", "Account (parent)", "Email (private)",
     "No.", "Record No.", "序号", "编号"],
)  # fmt: skip
def test_a_header_with_another_word_is_an_extra_column(header: str) -> None:
    assert load({**CUSTOMER, header: "x"}).summary.files[0].extras == (header,)


def test_a_column_of_an_object_means_what_its_last_part_means() -> None:
    meanings = {"customer.email": "email", "client.phone": "mobile", "properties.customer.name": "customer_name",
                "fields.Invitation Time (UTC+8)": "invited_at", "客户.手机号": "mobile"}  # fmt: skip
    cells = {name: "2026-03-01" if column == "invited_at" else "x77" for name, column in meanings.items()}
    found = meant(*({**CUSTOMER, name: cell} for name, cell in cells.items()))
    assert {name: headers.get(name) for name, headers in zip(meanings, found, strict=True)} == meanings


def test_the_email_of_another_person_is_suggested_only() -> None:
    loaded = load({**CUSTOMER, "manager.email": "boss@example.com"})
    assert loaded.records["email"].to_list() == [None]
    assert "no column holds the email. If 'manager.email' does" in str(loaded.summary)


def test_a_header_with_an_unknown_text_in_brackets_is_suggested_only() -> None:
    summary = load({**CUSTOMER, "Mobile (private)": "x", "Email (private)": "x", "Email": "y"}).summary
    how = "columns={'mobile': 'Mobile (private)'}, or --column 'mobile=Mobile (private)'"
    (note,) = summary.files[0].notes
    assert note == f"no column holds the mobile number. If 'Mobile (private)' does: {how}."
    assert translate(note, "zh") == f"没有手机号列。如果“Mobile (private)”就是该列：{how.replace(', or', '，或')}。"
    (remark,) = [remark for remark in summary.remarks() if note in remark]
    assert translate(remark, "zh") == f"frame：{translate(note, 'zh')}"


@pytest.mark.parametrize("day", ["2026-03-01 09:00", "2026年3月1日", "1.3.2026", "05-Mar-2026", "5 März 2026"])
def test_an_unknown_header_above_days_is_suggested_for_the_invitation_time(day: str) -> None:
    loaded = load({"Account": ["ann", "bea"], "Status": ["Invited"] * 2, "Fecha": [day] * 2, "Plan": [day, "2026"]})
    assert [str(note).split(": columns")[0] for note in loaded.summary.files[0].notes] == [
        "no column holds the invitation time. If 'Fecha' does"
    ]
    assert not load({**CUSTOMER, "Fecha": day, "Invited At": day}).summary.files[0].notes


def test_the_zone_of_a_header_that_the_user_chose_counts_too() -> None:
    loaded = load({**CUSTOMER, "Went out (UTC+8)": "2026-03-01 09:00"}, columns={"invited_at": "Went out (UTC+8)"})
    assert loaded.records["invited_at"].to_list() == [dt.datetime(2026, 3, 1, 1)]


def test_less_exact_headers_mean_a_column_where_no_other_does() -> None:
    loose = [(header, column) for column in schema.RECORD for header in column.loose]
    full = {"Email": "a@example.com", "Status": "Invited", "Account Name": "ann"}
    cells = {"status": "Invited", "failure_message": "Link"}
    tables = [{name: cell for name, cell in full.items() if name != column.en}
              | {header: cells.get(column.name, "2026-03-01" if column.kind == "time" else "Link")}
              for header, column in loose]  # fmt: skip
    found = zip(loose, meant(*tables), strict=True)
    assert [(header, headers.get(header)) for (header, _), headers in found] == [(h, c.name) for h, c in loose]


@pytest.mark.parametrize(
    ("exact", "loose"),
    [
        ("Mobile", "Phone"), ("Country", "Region"), ("Account Manager", "Owner"), ("Failure Cause", "Reason"),
        ("Customer Full Name", "Company Name"), ("手机号", "联系电话"), ("Email", "Contact Email"),
    ],
)  # fmt: skip
def test_of_two_headers_the_more_exact_one_counts_and_the_other_is_an_extra_column(exact: str, loose: str) -> None:
    summary = load({**CUSTOMER, loose: "x", exact: "y"}).summary
    assert exact in summary.files[0].headers
    assert f"'{loose}' is kept as an extra column: '{exact}' is the" in str(summary)


@pytest.mark.parametrize(("one", "other"), [("Mobile", "Mobile Number"), ("Phone", "Telephone"), ("邮箱", "Email")])
def test_two_equally_exact_headers_are_rejected_with_both_names(one: str, other: str) -> None:
    with pytest.raises(SchemaError, match=f"'{one}' .* and '{other}'"):
        load({**CUSTOMER, one: "x", other: "y"})


def test_a_header_of_two_meanings_is_decided_by_the_values_of_its_column() -> None:
    state = load({"Account": ["a", "b"], "State": ["Nonsense", "Invited"]})
    assert state.records["status"].to_list() == ["unknown", "invited"]
    cells = {"Details": ["The invitation link has expired.", "called twice"],
             "联系方式": ["138 0000 1111", "a@example.com", "WeChat"]}  # fmt: skip
    found = {name: meant(*({**CUSTOMER, name: cell} for cell in some)) for name, some in cells.items()}
    assert [headers.get("Details") for headers in found["Details"]] == ["failure_message", None]
    assert [headers.get("联系方式") for headers in found["联系方式"]] == ["mobile", "email", None]
    with pytest.raises(SchemaError, match=r"Found: 'Account', 'State'"):
        load({"Account": "a", "State": "Texas"})
    forced = load({"Account": "a", "State": "Texas"}, columns={"status": "State"})
    assert forced.summary.unknown_codes == {"status": {"Texas": 1}}


def test_a_file_of_messages_is_matched_by_the_portals_id_and_needs_a_header_that_says_message(tmp_path: Path) -> None:
    cells = {"Customer ID": ["hw1a", "hw2b"], "Status": ["Failed", "Failed"]}
    path = tmp_path / "messages.csv"
    path.write_text("客户ID,失败原因\nHW1A,The invitation link has expired.\n")
    found = load(cells, messages=path)
    assert found.records["failure_message"].to_list() == ["The invitation link has expired.", None]
    path.write_text("Customer ID,Details\nhw1a,The invitation link has expired.\n")
    with pytest.raises(SchemaError, match=r"holds the failure cause. Found: 'Customer ID', 'Details'"):
        load(cells, messages=path)


def test_an_ambiguous_date_header_is_only_suggested() -> None:
    summary = load({**CUSTOMER, "Created At": "2026-03-01"}).summary
    assert summary.files[0].extras == ("Created At",)
    assert "If 'Created At' does: columns={'invited_at': 'Created At'}" in str(summary)
    assert "Created At" not in str(load({**CUSTOMER, "Created At": "x", "Invited At": "2026-03-01"}).summary)


@pytest.mark.parametrize(
    ("header", "hour", "zone"),
    [
        ("Invitation Time (UTC+8)", 1, "UTC+8"), ("Invitation Time (GMT+08:00)", 1, "UTC+8"),
        ("邀请时间（北京时间）", 1, "Asia/Shanghai"), ("Invited At UTC-3", 12, "UTC-3"),
        ("Invited At (Asia/Shanghai)", 1, "Asia/Shanghai"), ("Invited At UTC", 9, "UTC"), ("invited_at_utc", 9, "UTC"),
        ("Invited At (UTC+5:30)", 3, "Asia/Kolkata"),
    ],
)  # fmt: skip
def test_a_time_zone_in_a_header_counts_for_its_column_before_the_option(header: str, hour: int, zone: str) -> None:
    cells = {**CUSTOMER, header: "2026-03-01 09:00", "Expires At": "2026-03-08 09:00"}
    loaded = load(cells, time_zone="Europe/Berlin")
    assert loaded.records.select("invited_at", "expires_at").row(0) == (
        dt.datetime(2026, 3, 1, hour, 30 * ("5:30" in header)),
        dt.datetime(2026, 3, 8, 8),
    )
    assert f"1 time has no UTC offset and was read as {zone}, as its header says." in str(loaded.summary)
    assert "1 time has no UTC offset and was read as Europe/Berlin." in str(loaded.summary)


def test_an_offset_in_a_cell_counts_before_the_zone_in_its_header_and_an_ambiguous_zone_is_not_guessed() -> None:
    for cells in ({"Invited At (UTC+8)": "2026-03-01T09:00:00Z"}, {"Invited At (CST)": "2026-03-01 09:00"}):
        loaded = load(CUSTOMER | cells)
        assert loaded.records["invited_at"].to_list() == [dt.datetime(2026, 3, 1, 9)]
        assert ("1 time has no UTC offset and was read as UTC." in str(loaded.summary)) == ("Invited At (CST)" in cells)


def test_a_column_of_names_and_accounts_is_split() -> None:
    cells = ["Acme Ltd/acme01", "Nord A/S/nord", "Nord A/S", "Cem\ncem1", None]
    loaded = load({"Customer Name/Account Name": cells, "Email": ["e@example.com"] * 5, "Status": ["Invited"] * 5})
    assert loaded.records.select("customer_name", "account_name").rows() == [
        ("Acme Ltd", "acme01"), ("Nord A/S", "nord"), ("Nord A/S", None), ("Cem", "cem1"), (None, None),
    ]  # fmt: skip
    assert "1 cell of 'Customer Name/Account Name' holds one part only" in str(loaded.summary)
    reverse = load({"Account Name/Customer Name": "nord/Nord A/S", "Status": "Invited"}).records
    assert reverse.select("account_name", "customer_name").row(0) == ("nord", "Nord A/S")
    tags = load({**CUSTOMER, "Custom Tag/Account Manager's Account Name": "spring fair/li01"}).records
    assert tags.select("custom_tag", "account_manager").row(0) == ("spring fair", "li01")


def test_a_missing_part_of_a_joined_cell_leaves_no_mark_in_the_other() -> None:
    cells = ["李某某/-", "Acme Ltd/ --", "Bea/", "-/cem1", "-"]
    loaded = load({"Customer Name/Account Name": cells, "Email": ["e@example.com"] * 5, "Status": ["Invited"] * 5})
    names = [("李某某", None), ("Acme Ltd", None), ("Bea", None), (None, "cem1"), (None, None)]
    assert loaded.records.select("customer_name", "account_name").rows() == names
    assert "holds one part only" not in str(loaded.summary)
    cells = ["-/李某某", "/Bea", "cem1/-"]
    reverse = {"Account Name/Customer Name": cells, "Email": ["e@example.com"] * 3, "Status": ["Invited"] * 3}
    names = [(None, "李某某"), (None, "Bea"), ("cem1", None)]
    assert load(reverse).records.select("account_name", "customer_name").rows() == names


def test_a_joined_column_is_extra_if_the_file_has_one_of_its_parts() -> None:
    found = load({**CUSTOMER, "Customer Name/Account Name": "Acme/other"})
    assert found.records.select("account_name", "Customer Name/Account Name").row(0) == ("ann", "Acme/other")


@pytest.mark.parametrize("header", ["ID", "Record ID", "Customer ID", "客户ID"])
def test_row_numbers_are_not_an_id_under_any_header(header: str) -> None:
    counts = ("1 2 3", "3 1 2", "51 52 53", "1 2 1 2")
    ids = ("4711 4807 4999", "INV-1 INV-2 INV-3", "0a1b 0a1c 0a1d")
    frames = [pl.DataFrame({"Account": "x", "Status": "Invited", header: text.split()}) for text in (*counts, *ids)]
    summary = ik.load(frames).summary
    assert [header in file.headers for file in summary.files] == [False] * len(counts) + [True] * len(ids)
    assert f"frame 1 and {len(counts) - 1} more: '{header}' counts rows" in str(summary)


def test_row_numbers_do_not_join_customers_of_two_masked_files(tmp_path: Path) -> None:
    for day, status in (("23", "Associated"), ("30", "Expired")):
        rows = [f"{i},T***{day}{i},138****0000,Email,{status},2026-03-10\n" for i in (1, 2, 3)]
        header = "ID,Customer Full Name,Mobile,Invitation Method,Status,Invited At\n"
        (tmp_path / f"history_2026-03-{day}.csv").write_text(header + "".join(rows))
    loaded = ik.load(tmp_path)
    found = ik.plan_resends(ik.annotate(loaded, as_of=dt.date(2026, 3, 31)), as_of=dt.date(2026, 3, 31))
    assert identify(loaded.records)["customer_id"].n_unique() == 6
    assert found.filter(pl.col("source_file").str.contains("30"))["decision"].eq("associated").sum() == 0


def test_the_user_may_choose_row_numbers_as_ids() -> None:
    found = load({"Account": ["a", "b"], "Status": ["Invited"] * 2, "ID": ["1", "2"]}, columns={"record_id": "ID"})
    assert found.records["record_id"].to_list() == ["1", "2"]


def test_numbers_with_a_gap_or_letters_are_not_row_numbers() -> None:
    assert counts_rows([str(i) for i in range(500)])
    assert counts_rows([str(i) for i in range(900, 600, -1)])
    assert not counts_rows(["100000001234", "100000001235", "100000001236"])
    assert not counts_rows([])


def test_the_portals_customer_id_takes_precedence_over_other_keys() -> None:
    rows = {
        "Customer ID": ["c7f", "C7F", "d8a", None, None, None],
        "Account": ["old", "new", "twin", "old", "twin", "other"],
        "Status": ["Invited"] * 6,
    }
    assert identify(load(rows).records)["customer_id"].to_list() == [
        "customer:c7f", "customer:c7f", "customer:d8a", "customer:c7f", "customer:d8a", "account:other",
    ]  # fmt: skip


def test_an_account_of_two_portal_ids_leads_to_neither() -> None:
    rows = {"Customer ID": ["c1f", "c2f", None], "Account": ["shared"] * 3, "Status": ["Invited"] * 3}
    assert identify(load(rows).records)["customer_id"].to_list() == ["customer:c1f", "customer:c2f", "account:shared"]


def test_masked_files_are_followed_by_the_portals_customer_id(tmp_path: Path) -> None:
    for day, status in (("23", "Expired"), ("30", "Associated")):
        invited = {"hw0a": "2026-03-10", "hwx": "2026-03-12" if day == "23" else "2026-03-20"}
        rows = [f"{customer},T***m,邮件,{status},{at}\n" for customer, at in invited.items()]
        text = "".join(["客户ID,客户全称,邀请方式,状态,邀请时间\n", *rows])
        (tmp_path / f"history_2026-03-{day}.csv").write_text(text, encoding="utf-8")
    loaded = ik.load(tmp_path)
    assert identify(loaded.records)["customer_id"].to_list() == ["customer:hw0a", "customer:hwx"] * 2
    assert loaded.records["record_id"].n_unique() == 3
    annotated = ik.annotate(loaded, as_of=dt.date(2026, 3, 31))
    assert ik.progress(annotated, as_of=dt.date(2026, 3, 31)).repeats["resends"].sum() == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Konto,E-Mail,Zustand\nacme,a@example.com,offen\n", "'Konto', 'E-Mail', 'Zustand'"),
        ("Клиент,Статус\nАнна,138 0000 1111\n", "'Клиент', 'Статус'"),
        ("客户全称,客户账号,邮箱,结局\n甲,acme,a@example.com,开\n", "'客户全称', '客户账号', '邮箱', '结局'"),
        ("Account,Email,Mobile,Campaign,URL\nx,y,z,c,u\n", "'Account', 'Email', 'Mobile', 'Campaign', 'URL'"),
        ("Ann Smith,acme,Email,open\nBob Jones,beta,Link,open\n", "4 columns, 1 with a known header"),
        ("Customer Name,Ann Smith\nEmail,ann@x.example\nState,open\n", "2 columns, 1 with a known header"),
        ("Ann Smith,138 0000 1111,x\nBob Jones,139 0000 1111,y\n", "3 columns, none with a known header"),
    ],
)
def test_the_error_lists_headers_in_any_language_but_no_data(tmp_path: Path, text: str, shown: str) -> None:
    path = tmp_path / "s.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SchemaError) as refused:
        ik.load(path)
    assert f"Found: {shown}." in refused.value.problem


@pytest.mark.parametrize(
    "rows",
    [
        [["Customer", "", "", "Status", "Invitation"], ["Full Name", "Account", "Email", "", "Time"]],
        [
            ["客户全称", "客户账号", "邮箱", "状态", "邀请时间"],
            ["Full Name", "Account", "Email", "Status", "Invited At"],
        ],
        [["Export of today", "", "", "", ""], ["Full Name", "Account", "Email", "Status", "Invited At"]],
    ],
    ids=["merged", "two languages", "title"],
)
def test_a_header_of_two_rows_is_read_as_one(tmp_path: Path, rows: list[list[str]]) -> None:
    rows = [*rows, ["Acme", "acme", "a@example.com", "Invited", "2026-03-01"], ["", "beta", "", "Invited", ""]]
    (tmp_path / "a.csv").write_text("".join(",".join(row) + "\n" for row in rows), encoding="utf-8")
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, [cell or None for cell in row])
    for name in ("a.csv", "a.xlsx"):
        loaded = ik.load(tmp_path / name)
        assert loaded.summary.rejects == 0
        columns = ["customer_full_name", "account_name", "email", "status", "invited_at", "source_row"]
        assert loaded.records.select(columns).rows() == [
            ("Acme", "acme", "a@example.com", "invited", dt.datetime(2026, 3, 1), 3),
            (None, "beta", None, "invited", None, 4),
        ]


def test_the_first_row_of_data_is_not_part_of_the_header(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Account,,Status\n,Email,Invited\nacme,Link,Invited\n")
    loaded = ik.load(tmp_path / "a.csv")
    assert (loaded.summary.rows_read, loaded.records["account_name"].to_list()) == (2, ["acme"])


def test_a_status_word_of_one_meaning_is_known_and_others_are_reported() -> None:
    known = {
        "Not associated": "invited", "未关联": "invited", "未關聯": "invited", "Delivered": "invited",
        "Link expired": "expired", "Expired (7 days)": "expired",
        "Association Failed (see cause)": "association_failed", "已关联（代售）": "associated",
        "已关联 Associated": "associated", "Associated/已关联": "associated", "待报备": "not_pre_registered",
        "Pending for review": "pending_review",
    }  # fmt: skip
    others = ("Registered", "Pending", "Successful", "Accepted", "Approved", "已注册", "TRUE", "Invalid",
              "Associated (failed)", "Associated (revoked)", "Associated/Failed")  # fmt: skip
    words = [*known, *others]
    loaded = load({"Account": words, "Status": words})
    assert dict(zip(words, loaded.records["status"], strict=True)) == known | dict.fromkeys(others, "unknown")
    assert loaded.summary.unknown_codes == {"status": dict.fromkeys(others, 1)}


def test_words_can_be_taught(tmp_path: Path) -> None:
    path = words(
        tmp_path,
        '[status]\n"in Bearbeitung" = "invited"\n"Failed" = "expired"\n'
        '[method]\n"Post" = "link"\n[type]\n"VAR" = "reseller"\n',
    )
    cells = {"Account": ["a", "b"], "Status": ["IN  BEARBEITUNG", "failed"], "Method": ["post", "Email"],
             "Association Type": ["VAR", "?!x"]}  # fmt: skip
    loaded = load(cells, words=path)
    assert loaded.records.select("status", "invitation_method", "association_type").rows() == [
        ("invited", "link", "reseller"), ("expired", "email", "unknown"),
    ]  # fmt: skip
    assert loaded.summary.unknown_codes == {"association_type": {"?!x": 1}}
    state = load({"Account": "a", "State": "in Bearbeitung"}, words=path)
    assert state.records["status"].to_list() == ["invited"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[status]\n"a" = "open"\n', "'a' has a value that does not exist. Hint: use one of pre_registered, not_pre_"),
        ('[status]\n"a" = ""\n', "'a' has a value that does not exist"),
        ('[status]\n"A b" = "invited"\n"a-B" = "expired"\n', "'A b' and 'a-B' are one word with two values"),
        ('[state]\n"a" = "invited"\n', "contains 'state', which is not a table of words"),
        ('status = "invited"\n', "contains 'status', which is not a table of words"),
        ('[status]\n"!" = "invited"\n', "a word has no letters or digits"),
    ],
)
def test_an_invalid_file_of_words_is_rejected(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ArgumentError) as refused:
        load(CUSTOMER, words=words(tmp_path, text))
    assert problem in str(refused.value)
    assert "words.toml" in str(refused.value)


def test_a_summary_counts_the_unknown_words_that_it_does_not_list() -> None:
    found = [f"word{i:02}" for i in range(13)]
    text = str(load({"Account": found, "Status": found}).summary)
    assert "word09 (1), 3 more words. Say what they mean in a file" in text


def test_a_skeleton_lists_unknown_words_but_none_that_may_be_personal(tmp_path: Path) -> None:
    unknown = {"status": {"Expird": 2, 'a "b"': 1, "write to ann@example.com": 1, "": 3}}
    text = skeleton(unknown, read_words(None), "en")
    assert '# "Expird" = ""  # 2 records; closest known word: Expired' in text
    assert r'# "a \"b\"" = ""  # 1 record' in text
    assert "ann@" not in text
    assert "Left out, as they may be personal data: 1" in text
    filled = text.replace('# "Expird" = ""', '"Expird" = "expired"').replace(
        r'# "a \"b\"" = ""', r'"a \"b\"" = "invited"'
    )
    taught = read_words(words(tmp_path, filled))
    assert taught.taught["status"] == {"expird": "expired", "ab": "invited"}


def test_check_writes_a_skeleton_that_commands_take(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source, taught = "history_2026-03-30.csv", ("--words", "w.toml")
    Path(source).write_text("Account,Status\nann,Open now\n")
    assert run("check", source, "--words-skeleton", "w.toml").returncode == 0
    again = run("check", source, "--words-skeleton", "w.toml")
    assert (again.returncode, "exists already" in again.stderr) == (1, True)
    text = Path("w.toml").read_text(encoding="utf-8")
    Path("w.toml").write_text(text.replace('# "Open now" = ""', '"Open now" = "invited"'), encoding="utf-8")
    assert json.loads(run("check", source, *taught, "--json").stdout)["unknown_codes"] == {}
    assert run("annotate", source, *taught, "-o", "w.toml", "--overwrite").returncode == 1
    assert run("workspace", "add", source, *taught).returncode == 0
    with ik.Workspace("invitekit.duckdb") as workspace:
        assert workspace.history().pl()["status"].to_list() == ["invited"]
