"""Untidy files: the expected result of each file under dirty/."""

import datetime as dt
import re
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from polars.testing import assert_frame_equal

import invitekit as ik
from invitekit.errors import InvitekitError, SchemaError, SourceError
from invitekit.i18n import translate
from invitekit.ingest import Loaded, cleaning, delimited, non_customers
from invitekit.ingest.rejection_texts import reason_message

FOLDER = Path(__file__).with_name("dirty")
ABOUT = FOLDER / "README.md"
FILES = sorted(path.name for path in FOLDER.iterdir() if path != ABOUT)
PERSON = re.compile(r"example\.com|Example|Beispiel|示例|样本|7700900")
"""A part of every name, address and number in these files, and of no file name."""

CSV = ("csv", "utf-8", ",")
XLSX = ("xlsx", None, None)
PARQUET = ("parquet", None, None)
JSON = ("json", None, None)
JSON_LINES = ("json_lines", None, None)


@dataclass(frozen=True)
class Read:
    """The expected result of a readable file; every field is compared, and those that are not given must be empty.

    Attributes:
        counts: Rows read, records, rejects.
        headers: The file's header to the column it means, in the file's order.
        rows: By source row, the values under these headers and then the extra columns; times as text.
        how: Format, encoding, delimiter.
        extras: Names of the columns that are kept as they are.
        rejects: Source row, column, reason.
        orders: Per time column that needs one, the order of day and month, and what decided it.
        unknown: Texts in no vocabulary; None where a refused row has some too, which is left open.
        unrecognised: By source row, what is kept of them.
        masked: Values that arrived masked, by column.
        messages: Failure messages in no catalogue, with the code suggested.
    """

    counts: tuple[int, int, int]
    headers: Mapping[str, str]
    rows: Mapping[int, Sequence[str | None]]
    how: tuple[str, str | None, str | None] = CSV
    extras: tuple[str, ...] = ()
    rejects: Sequence[tuple[int, str | None, str]] = ()
    orders: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    unknown: Mapping[str, Mapping[str, int]] | None = field(default_factory=dict)
    unrecognised: Mapping[int, str] = field(default_factory=dict)
    masked: Mapping[str, int] = field(default_factory=dict)
    messages: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """The expected error of a rejected file: its class, and its text before the hint."""

    kind: type[InvitekitError]
    problem: str


PEOPLE = {
    "Customer Full Name": "customer_full_name", "Account": "account_name", "Email": "email", "Mobile": "mobile",
    "Status": "status", "Invitation Time": "invited_at", "Remarks": "remarks",
}  # fmt: skip
PLAIN = {"Account": "account_name", "Status": "status"}
NOTED = {"Account": "account_name", "Status": "status", "Remarks": "remarks"}
TIMED = {"Account": "account_name", "Status": "status", "Sent At": "invited_at"}
NAMED = {"Customer Full Name": "customer_full_name", "Account": "account_name", "Status": "status"}
ANN = ("Ann Example", "ann", "ann@example.com", "007", "invited", "2026-03-01 09:00:00", "called")
BEA = ("Béa Example", "bea", "bea@example.com", "+447700900102", "associated", "2026-03-02 10:30:00", None)
CEM = ("Cem Example", "cem", "cem@example.com", "447700900103", "expired", "2026-03-03 11:00:00", None)
NO_TIME = "is not a valid date or time: unknown format"
NO_SUCH_DATE = "is not a valid date or time: no such day or time of day"
TWO_DIGITS = "with a two-digit year, day, month or year could come first"
NOBODY = "has no name, account, email, mobile or ID: it identifies no customer"
BYTES = "holds bytes that do not decode"
QUOTE = "has a quote that is not closed, or text after a closing one"
NO_JSON = "is not JSON"
NO_OBJECT = "is JSON, but not an object"

EXPECTED: dict[str, Read | Refused] = {
    # delimiters
    "comma.csv": Read((2, 2, 0), PEOPLE, {2: ANN, 3: BEA}),
    "semicolon.csv": Read(
        (2, 2, 0),
        {
            "Status": "status", "E-MAIL": "email", "phone_number": "mobile", "Sent On": "invited_at",
            "Account": "account_name",
        },
        {
            2: ("invited", "ann@example.com", "007", "2025-11-28 09:30:00", "ann", "1.234,50"),
            3: ("associated", "bea@example.com", "0", "2025-12-01 00:00:00", "bea", "3;5"),
        },
        how=("csv", "utf-8", ";"), extras=("Revenue",),
    ),
    "tab.tsv": Read(
        (2, 2, 0), {"Account": "account_name", "Status": "status", "Remarks": "remarks", "Valid Until": "expires_at"},
        {
            2: ("0042", "invited", "red, green; blue | grey", "2026-03-08 09:05:00"),
            3: ("bea", "invited", "tab\there", None),
        },
        how=("csv", "utf-8", "\t"),
    ),
    "sep_line.csv": Read(
        (2, 2, 0), {"Account": "account_name", "Status": "status", "Mobile": "mobile"},
        {3: ("ann", "invited", "007"), 4: ("bea", "expired", None)}, how=("csv", "utf-8", ";"),
    ),
    # encodings
    "utf8_bom.csv": Read((2, 2, 0), PEOPLE, {2: ANN, 3: BEA}, how=("csv", "utf-8-sig", ",")),
    "utf16_le_bom.txt": Read(
        (2, 2, 0), {"客户账号": "account_name", "Status": "status", "备注": "remarks"},
        {2: ("0042", "associated", "下周回复"), 3: ("bea", "invited", "café ☕")}, how=("csv", "utf-16", "\t"),
    ),
    "utf16_be_no_mark.csv": Read(
        (2, 2, 0), NOTED, {2: ("0042", "associated", "naïve"), 3: ("bea", "invited", "下周")},
        how=("csv", "utf-16-be", ","),
    ),
    "gb18030_chinese.csv": Read(
        (2, 2, 0),
        {
            "客户全称": "customer_full_name", "客户账号": "account_name", "邮箱": "email", "手机号": "mobile",
            "邀请方式": "invitation_method", "关联状态": "status", "邀请时间": "invited_at",
            "失败原因": "failure_message", "备注": "remarks",
        },
        {
            2: (
                "示例科技有限公司", "shili", "li@example.com", "007", "email", "association_failed",
                "2026-03-01 09:30:00", "邀请链接已失效。", "下周回复，要求报价",
            ),
            3: (
                "样本贸易公司", "yangben", "wang@example.com", "012", "qr_code", "invited", "2026-03-02 00:00:00", None,
                None,
            ),
        },
        how=("csv", "gb18030", ","),
    ),
    "gb18030_mixed.csv": Read(
        (3, 3, 0), NAMED,
        {
            2: ("Jürgen Äpfel Beispiel GmbH", "juergen", "invited"), 3: ("شركة المثال", "mithal", "associated"),
            4: ("Straße Ößler Beispiel", "oessler", "expired"),
        },
        how=("csv", "gb18030", ","),
    ),
    "cp1252.csv": Refused(SourceError, "'cp1252.csv' is written neither in UTF-8 nor in UTF-16 nor in GB18030."),
    "utf8_one_foreign_row.csv": Read(
        (4, 3, 1), {"Full Name": "customer_full_name", "Account": "account_name", "Status": "status"},
        {
            2: ("Zoë Example", "zoe", "invited"), 3: ("Åsa Example", "asa", "invited"),
            5: ("Ida Example", "ida", "expired"),
        },
        rejects=[(4, None, BYTES)],
    ),
    "utf8_cut_off.csv": Read((2, 1, 1), NOTED, {2: ("ann", "invited", "好的")}, rejects=[(3, None, BYTES)]),
    "nul.csv": Read(
        (2, 2, 0),
        {
            "Account": "account_name", "Mobile": "mobile", "Status": "status", "Sent At": "invited_at",
            "Remarks": "remarks",
        },
        {
            2: ("ann", "007", "invited", "2026-03-01 00:00:00", "in\x00side"),
            3: ("bea", None, "expired", "2026-03-02 00:00:00", None),
        },
    ),
    # line ends
    "title_above.csv": Read(
        (2, 2, 0), {"Account": "account_name", "Mobile": "mobile", "Status": "status", "Sent At": "invited_at"},
        {5: ("007", "0", "invited", "2026-03-01 00:00:00"), 7: ("bea", None, "expired", "2026-03-02 00:00:00")},
    ),
    "cr_only.csv": Read((3, 3, 0), PEOPLE, {2: ANN, 3: BEA, 4: CEM}),
    "crlf.csv": Read((3, 3, 0), PEOPLE, {2: ANN, 3: BEA, 4: CEM}),
    "line_ends_mixed.csv": Read((3, 3, 0), PEOPLE, {2: ANN, 3: BEA, 4: CEM}),
    "ragged.csv": Read(
        (6, 4, 2), {"Account": "account_name", "Mobile": "mobile", "Status": "status", "Remarks": "remarks"},
        {
            2: ("ann", "007", "invited", "x"), 4: ("cem", "2", "invited", "y"), 6: ("eve", "4", "invited", None),
            7: ("fay", "5", "expired", None),
        },
        rejects=[(3, None, "has 2 of 4 cells"), (5, None, "has 5 cells, not 4")],
    ),
    "only_delimiters.csv": Read(
        (2, 1, 1), {"Account": "account_name", "Email": "email", "Status": "status", "Remarks": "remarks"},
        {3: ("ann", None, "invited", None)}, rejects=[(5, None, NOBODY)], unknown=None,
    ),
    "repeated_header.csv": Read(
        (3, 2, 1), TIMED, {2: ("ann", "invited", "2026-03-01 00:00:00"), 4: ("bea", "expired", "2026-03-02 00:00:00")},
        rejects=[(3, None, "repeats the header")], unknown=None,
    ),
    "unclosed_quote_at_the_end.csv": Read(
        (3, 2, 1), NOTED, {2: ("ann", "invited", "fine"), 4: ("cem", "expired", "x")}, rejects=[(3, None, QUOTE)],
    ),
    "unclosed_quote_last_line.csv": Read((2, 1, 1), NOTED, {2: ("ann", "invited", "fine")}, rejects=[(3, None, QUOTE)]),
    "stray_quotes.csv": Read(
        (5, 3, 2), NOTED,
        {2: ("ann", "invited", '5" pipe'), 5: ("dot", "invited", 'say "hi"'), 6: ("eve", "expired", '"late"')},
        rejects=[(3, None, QUOTE), (4, None, "has 4 cells, not 3")],
    ),
    "line_breaks_in_cells.csv": Read(
        (3, 3, 0),
        {"Account": "account_name", "Status": "status", "Remarks": "remarks", "Invitation\nTime": "invited_at"},
        {
            2: ("ann", "invited", "one\ntwo\r\n\nfour", "2026-03-01 00:00:00"),
            3: ("bea", "associated", "x", "2026-03-02 00:00:00"), 4: ("cem", "expired", None, "2026-03-03 00:00:00"),
        },
    ),
    # headers
    "header_twice.csv": Refused(SchemaError, "Two columns mean email: 'Email' (column 1) and 'Email' (column 3)."),
    "headers_of_one_meaning.csv": Refused(
        SchemaError, "Two columns mean customer_full_name: 'Full Name' (column 1) and '客户全称' (column 3).",
    ),
    "no_status.csv": Refused(
        SchemaError, "No column of 'no_status.csv' holds the status. Found: 'Customer Full Name', 'Email', 'Mobile'.",
    ),
    "no_status.parquet": Refused(
        SchemaError, "No column of 'no_status.parquet' holds the status. Found: 'Customer Full Name', 'Email'.",
    ),
    "no_identity.csv": Refused(
        SchemaError, "No column of 'no_identity.csv' identifies the customers. Found: 'Status', 'Remarks'.",
    ),
    "no_header.csv": Refused(
        SchemaError, "No column of 'no_header.csv' holds the status. Found: 5 columns, 1 with a known header.",
    ),
    "header_only.csv": Read((0, 0, 0), PEOPLE, {}),
    "odd_headers.csv": Read(
        (1, 1, 0),
        {
            "ACCOUNT_name": "account_name", "e-Mail:": "email", "“Status”": "status",
            "\u200bMobile\xa0Number": "mobile", "ＲＥＭＡＲＫＳ": "remarks",
        },
        {2: ("ann", "ann@example.com", "invited", "007", "５", "1", "2", "3", "4")},
        extras=("column 5", "Tier", "tier (2)", "record"),
    ),
    "extra_headers_twice.csv": Read(
        (1, 1, 0), PLAIN, {2: ("ann", "invited", "1", "2", "3", "9", "x")},
        extras=("Revenue", "Revenue (2)", "REVENUE (3)", "source_row (in file)", "Status (in file)"),
    ),
    # no table at all
    "empty.csv": Refused(SourceError, "'empty.csv' is empty."),
    "blank.csv": Refused(SourceError, "'blank.csv' is empty."),
    "binary_junk.csv": Refused(SourceError, "'binary_junk.csv' is binary, not text."),
    "picture.csv": Refused(
        SourceError, "The content of 'picture.csv' does not match its extension: it is picture, not csv."
    ),
    "web_page.csv": Refused(SourceError, "'web_page.csv' is a web page without a table, such as a page to log in."),
    "text.xlsx": Refused(
        SourceError,
        "The content of 'text.xlsx' does not match its extension: it is text or unknown content, not xlsx.",
    ),
    "old_workbook.xlsx": Refused(SourceError, "'old_workbook.xlsx' is password-protected or an old .xls workbook."),
    "zip_of_text.xlsx": Refused(SourceError, "'zip_of_text.xlsx' is truncated, damaged or password-protected."),
    "truncated.xlsx": Refused(SourceError, "'truncated.xlsx' is truncated, damaged or password-protected."),
    "workbook_without_table.xlsx": Refused(
        SchemaError,
        "No column of 'workbook_without_table.xlsx' holds the status. Found: 2 columns, none with a known header.",
    ),
    "truncated.parquet": Refused(
        SourceError, "'truncated.parquet' is truncated or damaged: no Parquet footer can be read.",
    ),
    "damaged_inside.parquet": Refused(SourceError, "'damaged_inside.parquet' cannot be read to its end."),
    "truncated.json": Refused(SourceError, "'truncated.json' is truncated or not valid JSON from line 1, column 83."),
    "scalar.json": Refused(SourceError, "'scalar.json' holds no list of records."),
    # cells
    "full_width.csv": Read(
        (2, 2, 0),
        {
            "Ａｃｃｏｕｎｔ": "account_name", "手机号": "mobile", "邮箱": "email", "状态：": "status",
            "邀请时间": "invited_at", "备注": "remarks",
        },
        {
            2: ("ann,x", "007", "ann@example.com", "associated", "2026-03-01 09:30:00", "好，（下周）！"),
            3: ("bea", "+447700900102", "bea@example.com", "invited", "2026-03-02 00:00:00", "５％"),
        },
    ),
    "invisible.csv": Read(
        (2, 2, 0),
        {
            "Account": "account_name", "Mobile": "mobile", "Status": "status", "Remarks": "remarks",
            "Sent At": "invited_at",
        },
        {
            2: ("ann", "007", "invited", "called\xa0back", "2026-03-01 00:00:00"),
            3: ("bea", None, "invited", None, None),
        },
    ),
    "null_likes.csv": Read(
        (5, 4, 1),
        {
            "Account": "account_name", "Full Name": "customer_full_name", "Email": "email", "Mobile": "mobile",
            "Status": "status", "Sent At": "invited_at", "Remarks": "remarks",
        },
        {
            2: ("ann", None, None, None, "invited", None, None), 3: ("bea", None, None, None, "expired", None, None),
            4: ("cem", None, None, None, "unknown", None, None),
            5: ("dot", "Null Example", "nan@example.com", "0", "unknown", None, "none given"),
        },
        rejects=[(6, None, NOBODY)], unknown={"status": {"": 2}},
    ),
    "formulas.csv": Read(
        (2, 2, 0),
        {
            "Account": "account_name", "Full Name": "customer_full_name", "Mobile": "mobile", "Status": "status",
            "Remarks": "remarks", "Custom Tag": "custom_tag",
        },
        {
            2: (
                "=1+1", '=HYPERLINK("http://example.com","Ann Example")', "+447700900101", "invited", "@SUM(A1:A9)",
                "-2+3",
            ),
            3: ("=1+1", "@bea", "+447700900102", "associated", "'tis", "=cmd"),
        },
    ),
    "error_values.csv": Read(
        (2, 1, 1),
        {
            "Account": "account_name", "Email": "email", "Status": "status", "Sent At": "invited_at",
            "Remarks": "remarks",
        },
        {3: ("bea", None, "expired", None, "#NAME?")}, rejects=[(2, "invited_at", NO_TIME)],
    ),
    "long_cell.csv": Read((2, 2, 0), NOTED, {2: ("ann", "invited", "abé" * 700), 3: ("bea", "expired", "y," * 600)}),
    "masked_export.csv": Read(
        (4, 4, 0),
        {
            "Customer Full Name": "customer_full_name", "Account Name": "account_name", "Email": "email",
            "Mobile Number": "mobile", "Status": "status", "Invitation Time": "invited_at",
        },
        {
            2: ("E***e", "T***m", "t***@example.com", "4477****0101", "invited", "2026-03-01 09:00:00"),
            3: ("E***e", "T***m", "t***@example.com", "4477****0101", "expired", "2026-03-01 09:00:00"),
            4: ("示＊＊例", "bea", "•••@example.com", "4477●●●●0102", "associated", "2026-03-02 09:00:00"),
            5: ("Ann Example", "ann", "ann@example.com", "447700900103", "associated", "2026-03-03 09:00:00"),
        },
        masked={"customer_full_name": 3, "account_name": 2, "email": 3, "mobile": 3},
    ),
    "unknown_words.csv": Read(
        (5, 5, 0),
        {
            "Account": "account_name", "Status": "status", "Invitation Method": "invitation_method",
            "Association Type": "association_type", "Failure Cause": "failure_message",
        },
        {
            2: ("ann", "unknown", "unknown", "reseller", None),
            3: ("bea", "association_failed", "email", "unknown", "The moon was full; write to ann@example.com."),
            4: ("cem", "association_failed", "qr_code", "reseller", "the invitation link  has expired"),
            5: ("dot", "association_failed", None, None, None), 6: ("eve", "unknown", "campaign", "referral", None),
        },
        unknown={"invitation_method": {"Pigeon": 1}, "association_type": {"Barter": 1}, "status": {"Frozen": 1, "": 1}},
        unrecognised={2: "invitation_method: Pigeon; status: Frozen", 3: "association_type: Barter"},
        messages={"The moon was full; write to ann@example.com.": None},
    ),
    # times
    "day_or_month_unknown.csv": Read(
        (2, 2, 0), TIMED, {2: ("ann", "invited", "2025-04-03 00:00:00"), 3: ("bea", "invited", "2025-06-05 10:00:00")},
        orders={"invited_at": ("day first", "nothing: assumed")},
    ),
    "month_first.csv": Read(
        (2, 2, 0),
        {"Account": "account_name", "Status": "status", "Sent At": "invited_at", "Valid Until": "expires_at"},
        {
            2: ("ann", "invited", "2025-03-04 09:30:00", "2025-03-11 00:00:00"),
            3: ("bea", "invited", "2025-04-28 00:05:00", "2025-05-05 00:00:00"),
        },
        orders={
            "invited_at": ("month first", "its own cells"),
            "expires_at": ("month first", "the column Invitation Time of the same file"),
        },
    ),
    "day_and_month_at_odds.csv": Read(
        (4, 3, 1), TIMED,
        {
            2: ("ann", "invited", "2025-04-03 00:00:00"), 3: ("bea", "invited", "2025-04-28 00:00:00"),
            4: ("cem", "invited", "2025-04-29 00:00:00"),
        },
        rejects=[(5, "invited_at", NO_SUCH_DATE + " (day first)")],
        orders={"invited_at": ("day first", "its own cells")},
    ),
    "impossible_dates.csv": Read(
        (16, 8, 8), TIMED,
        {
            4: ("p2", "invited", "2024-02-29 00:00:00"), 6: ("p4", "invited", None), 7: ("p5", "invited", None),
            8: ("p6", "invited", None), 9: ("p7", "invited", "2026-03-02 00:00:00"),
            14: ("p12", "invited", "2026-03-01 12:00:00"), 15: ("p13", "invited", "2026-03-01 00:00:00"),
            17: ("p15", "invited", "2026-03-01 00:00:00"),
        },
        rejects=[
            *((row, "invited_at", NO_SUCH_DATE) for row in (2, 3, 5, 10, 11)), (12, "invited_at", NO_TIME),
            (13, "invited_at", "is not a valid date or time: the number is neither a date nor a Unix time"),
            (16, "invited_at", "is not a valid date or time: day, month or year is missing"),
        ],
    ),
    "impossible_clocks.csv": Read(
        (9, 4, 5), TIMED,
        {
            2: ("p0", "invited", "2026-03-01 09:00:00"), 4: ("p2", "invited", "2026-03-02 00:00:00"),
            7: ("p5", "invited", "2026-03-01 09:05:07"), 10: ("p8", "invited", "2026-03-01 00:00:00"),
        },
        rejects=[
            *((row, "invited_at", NO_SUCH_DATE) for row in (3, 5, 6)),
            (8, "invited_at", "is not a valid date or time: " + TWO_DIGITS),
            (9, "invited_at", NO_SUCH_DATE),
        ],
    ),
    "mixed_offsets.csv": Read(
        (8, 8, 0), TIMED,
        {
            2: ("p0", "invited", "2026-03-01 09:00:00"), 3: ("p1", "invited", "2026-03-01 09:00:00"),
            4: ("p2", "invited", "2026-03-01 01:00:00"), 5: ("p3", "invited", "2026-03-01 03:30:00"),
            6: ("p4", "invited", "2026-03-01 05:30:00"), 7: ("p5", "invited", "2026-03-01 01:00:00"),
            8: ("p6", "invited", "2026-03-01 12:00:00.250000"), 9: ("p7", "invited", "2025-12-31 10:00:00"),
        },
    ),
    # typed files
    "workbook.xlsx": Read(
        (7, 6, 1),
        {
            "客户账号": "account_name", "Mobile\nNumber": "mobile", "Status": "status", "Invitation Time": "invited_at",
            "Remarks": "remarks",
        },
        {
            4: ("007", "447700900101", "invited", "2026-03-01 09:30:00", "styled serial"),
            5: ("42", "0077", "associated", "2026-03-02 00:00:00", "styled day"),
            6: ("cem", "447700900103", "expired", "2026-03-03 12:00:00", "bare serial"),
            7: ("dot", "0", "invited", "2026-03-05 10:00:00", "text date"),
            9: ("eve", "1.5", "invited", "2026-03-05 00:00:00", "true"),
            11: ("gus", None, "association_failed", None, "0.1"),
        },
        how=XLSX, rejects=[(10, "invited_at", NO_TIME)],
    ),
    "typed.parquet": Read(
        (4, 4, 0),
        {
            "Account": "account_name", "Mobile": "mobile", "Status": "status", "Sent At": "invited_at",
            "Valid Until": "expires_at", "Tags": "custom_tag",
        },
        {
            1: ("007", "447700900101", "invited", "2026-03-01 01:00:00", "2026-03-08 00:00:00", "[a, b]"),
            2: ("bea", None, "associated", None, None, "[]"), 3: ("cem", "7.5", "expired", None, None, None),
            4: (None, "1", "invited", "2026-03-01 16:00:00", None, None),
        },
        how=PARQUET,
    ),
    "array.json": Read(
        (6, 3, 3),
        {
            "客户账号": "account_name", "状态": "status", "手机号": "mobile", "标签": "custom_tag", "备注": "remarks",
            "邀请时间": "invited_at", "邮箱": "email",
        },
        {
            1: ("007", "associated", "447700900101", '["a", "b"]', None, None, None, None, "1.5", None),
            2: ("bea", "unknown", None, None, "line\nbreak", None, None, None, None, "true"),
            6: (None, "invited", "0", None, None, "2026-03-01 12:00:00", "cem@example.com", None, None, None),
        },
        how=JSON, extras=("更多.x", "更多.y", "更多"),
        rejects=[(3, None, NO_OBJECT), (4, None, NO_OBJECT), (5, None, NOBODY)],
        unknown=None,
    ),
    "wrapped.json": Read(
        (1, 1, 0), {"Account": "account_name", "Status": "status", "Mobile": "mobile"}, {1: ("ann", "invited", "007")},
        how=JSON,
    ),
    "lines.jsonl": Read(
        (6, 2, 4), {"Account": "account_name", "Status": "status", "Mobile": "mobile", "Sent At": "invited_at"},
        {
            1: ("ann", "invited", "7", None, '["x", "y"]', "1"),
            5: ("cem", "expired", "007", "2026-03-01 09:00:00", None, None),
        },
        how=JSON_LINES, extras=("Profile.tags", "Profile.n"),
        rejects=[(2, None, NO_JSON), (4, None, NO_OBJECT), (6, None, "holds half a character"), (7, None, NOBODY)],
    ),
    "lines_bom.ndjson": Read((2, 2, 0), PLAIN, {1: ("ann", "associated"), 2: ("bea", "expired")}, how=JSON_LINES),
    "deep.jsonl": Read(
        (3, 2, 1), PLAIN, {1: ("ann", "invited"), 3: ("bea", "expired")}, how=JSON_LINES, rejects=[(2, None, NO_JSON)],
    ),
}  # fmt: skip

READABLE = {name: expected for name, expected in EXPECTED.items() if isinstance(expected, Read)}
UNREADABLE = {name: expected for name, expected in EXPECTED.items() if isinstance(expected, Refused)}


@cache
def load(name: str) -> Loaded:
    """Load a file in memory, once for all tests."""
    return ik.load(FOLDER / name)


def as_text(value: Any) -> str | None:
    return str(value) if isinstance(value, dt.datetime) else value


def what_was_read(loaded: Loaded, rejects: Sequence[Mapping[str, Any]], expected: Read) -> dict[str, Any]:
    found = loaded.summary
    (file,) = found.files
    rows = sorted(loaded.records.rows(named=True), key=lambda row: row["source_row"])
    columns = [*file.headers.values(), *file.extras]
    unknown = {name: dict(texts) for name, texts in found.unknown_codes.items()}
    return {
        "counts": (found.rows_read, found.records, found.rejects),
        "headers": dict(file.headers),
        "rows": {row["source_row"]: tuple(as_text(row[name]) for name in columns) for row in rows},
        "how": (file.format, file.encoding, file.delimiter),
        "extras": file.extras,
        "rejects": [(row["source_row"], row["column"], row["reason"]) for row in rejects],
        "orders": {d.column: (d.order, d.decided_by) for d in found.dates if d.order},
        "unknown": None if expected.unknown is None else unknown,
        "unrecognised": {row["source_row"]: row["unrecognised"] for row in rows if row["unrecognised"]},
        "masked": {name: column.masked for name, column in found.masked.items() if column.masked},
        "messages": {message.text: message.suggested_code for message in found.unknown_messages},
    }


def test_every_file_has_an_expectation_and_a_description() -> None:
    assert sorted(EXPECTED) == FILES
    assert re.findall(r"^\| `([^`]+)` \| .", ABOUT.read_text(encoding="utf-8"), re.MULTILINE) == FILES


@pytest.mark.parametrize(("name", "expected"), READABLE.items(), ids=READABLE.keys())
def test_a_file_is_read_as_expected_and_its_summary_contains_no_person(name: str, expected: Read) -> None:
    loaded = load(name)
    rejects = loaded.rejects.rows(named=True)
    found = what_was_read(loaded, rejects, expected)
    assert found == {key: list(value) if key == "rejects" else value for key, value in vars(expected).items()}
    assert list(found["headers"]) == list(expected.headers)
    assert all(row["source_file"] == name and row["content"] for row in rejects)
    assert PERSON.search(str(loaded) + loaded._repr_html_()) is None


def test_every_reason_for_a_rejected_row_has_a_chinese_form() -> None:
    cells = "has 6 of 7 cells"
    reasons = {reason for expected in READABLE.values() for _, _, reason in expected.rejects} | {
        non_customers.TOTAL, non_customers.LEGEND, non_customers.ONE_CELL, cleaning._LOST_KEY,
        f"{cells}, and no line end: the file may be cut off", f"{cells}: the next line seems to be the rest of it",
        "has a key twice, with two values", "has a quote that is not closed, or text after a closing one; its "
        "quotes are escaped with a backslash: export it again with doubled quotes",
    }  # fmt: skip
    assert len(reasons) > 20
    for reason in reasons:
        assert not re.search("[a-z]{3,}", translate(reason_message(reason), "zh").replace("Unix", "")), reason


@pytest.mark.parametrize("name", READABLE)
def test_everything_that_is_said_about_a_file_has_a_chinese_form(name: str) -> None:
    summary = load(name).summary
    names = sorted([name, *summary.files[0].headers, *summary.files[0].extras], key=len, reverse=True)
    names += ["day_first=True", "False", "--day-first", "--month-first", "Europe/Berlin", "Unix", "Excel", "[Cover]"]
    for text in [summary.headline, *summary.remarks(values=False), *(form for d in summary.dates for form in d.forms)]:
        said = translate(text, "zh")
        for part in names:
            said = said.replace(part, "")
        assert not re.search("[a-z]{3,}", re.sub("columns=.*$|“[^”]*”", "", said)), said


@pytest.mark.parametrize("name", READABLE)
def test_a_file_is_read_the_same_on_duckdb_and_in_small_blocks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load(name)
    stored = ik.load(FOLDER / name, engine="duckdb")
    assert_frame_equal(stored.records.pl(), whole.records)
    assert_frame_equal(stored.rejects.pl(), whole.rejects)
    monkeypatch.setattr(delimited, "BLOCK_SIZE", 17)
    in_blocks = ik.load(FOLDER / name)
    assert_frame_equal(in_blocks.records, whole.records)
    assert_frame_equal(in_blocks.rejects, whole.rejects)
    assert in_blocks.summary == whole.summary == replace(stored.summary, engine="polars")


@pytest.mark.parametrize(("name", "expected"), UNREADABLE.items(), ids=UNREADABLE.keys())
def test_a_rejected_file_is_one_line_without_personal_data(name: str, expected: Refused) -> None:
    with pytest.raises(expected.kind) as refused:
        ik.load(FOLDER / name)
    assert PERSON.search("".join(traceback.format_exception(refused.value))) is None
    assert str(refused.value).startswith(f"{expected.problem} Hint: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_small_and_fictitious(name: str) -> None:
    content = (FOLDER / name).read_bytes()
    assert len(content) < 4096
    letters = content.replace(b"\0", b"")
    assert set(re.findall(rb"\w@([\w.]*\w)", letters)) <= {b"example.com"}
    # Numbers as long as a phone number: the range that Ofcom reserves for fiction, and one Unix time.
    numbers = {n for n in re.findall(rb"(?<![\d.E+])\d{10,15}(?![\d.])", letters) if not n.startswith(b"4477009001")}
    assert numbers <= {b"1772323200"}
