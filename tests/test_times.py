"""Dates and times in every form: each one is read correctly, or rejected with its form."""

import datetime as dt
import re
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any, cast

import polars as pl
import pytest
import xlsxwriter
from babel import Locale

import invitekit as ik
from invitekit.i18n import translate
from invitekit.ingest import Loaded, time_forms
from invitekit.ingest.datetimes import ASSUMED, NEVER, TimeColumn
from invitekit.ingest.discover import snapshot_dates
from invitekit.ingest.rejection_texts import reason_message

DAY = dt.datetime(2026, 3, 5)
HALF_PAST_NINE = dt.datetime(2026, 3, 5, 9, 30)


def of_column(*cells: Any, column: str = "Sent At", **options: Any) -> Loaded:
    frame = pl.DataFrame({"Account": [f"a{i}" for i in range(len(cells))], "Status": ["Invited"] * len(cells)})
    return ik.load(frame.with_columns(pl.Series(column, cells)), **options)


def times(*cells: Any, name: str = "invited_at", **options: Any) -> list[dt.datetime | None]:
    loaded = of_column(*cells, **options)
    assert loaded.summary.rejects == 0, loaded.summary.reject_reasons
    return cast("pl.DataFrame", loaded.records)[name].to_list()


def alone(*cells: Any, column: str = "Sent At", name: str = "invited_at", **options: Any) -> dict[Any, Any]:
    """Read each cell as the only one of its file; return its time, or why it is rejected."""
    frames = [pl.DataFrame({"Account": ["a"], "Status": ["Invited"], column: [cell]}) for cell in cells]
    loaded = ik.load(frames, **options)
    found = dict(cast("pl.DataFrame", loaded.records).select("source_file", name).rows())
    found |= dict(loaded.rejects.select("source_file", "reason").rows())
    return {cell: found[f"frame {number}"] for number, cell in enumerate(cells, 1)}


def reason(*cells: Any, **options: Any) -> str:
    """Return why all cells are rejected."""
    ((_, why),) = of_column(*cells, **options).summary.reject_reasons
    return why


READ: dict[dt.datetime, list[Any]] = {
    DAY: [
        "Mar 5, 2026", "5 mars 2026", "5. März 2026", "5 de marzo de 2026", "05-Mar-2026", "05-MAR-26",
        "Thu 5 March 2026",
        "5 d’març de 2026", "5 tháng 3, 2026", "ngày 5 tháng 3 năm 2026", "5 มีนาคม 2026", "५ मार्च २०२६",
        "٥ مارس ٢٠٢٦",
        "2026 m. kovo 5 d.", "5. maaliskuuta 2026", "Πέμπτη 5 Μαρτίου 2026", "mar 5 mar 2026", "March 5th, 2026",
        "26/3/5", "5.3.26",
        "2026年三月5日", "26年3月5日", "2026年3月5日星期四", "2026/3/5(木)", "2026년 3월 5일 목요일", "2026. 3. 5.",
        "20260305", "2026-03-05\u200b", "\ufeff2026-03-05", "2026-03-05\0", "\u20602026-03-05 ", "2026-03-05\xad",
        "\u200e2026\u200e/03\u200e/05\u200f", "2026-03-05\u200d",
        "2026-03-04 24:00", "2026-03-04T24:00:00", "4.3.2026 24:00 Uhr", "2026年3月4日24时00分",
        "2026-03-04T24:00Z",
    ],
    HALF_PAST_NINE: [
        "March 5, 2026 9:30 AM", "Mar 5, 2026, 9:30:00 AM", "5 Mar 2026 09:30", "05-MAR-26 09.30.00.000000 AM",
        "Thu Mar  5 09:30:00 UTC 2026", "Thu Mar  5 09:30:00 2026", "2026-03-05 9h30", "05.03.2026 à 9h30",
        "2026-03-05 09.30",
        "2026年3月5日 上午9时30分", "2026/3/5 午前9:30", "2026. 3. 5. 오전 9:30", "5 Μαρτίου 2026 9:30 π.μ.",
        "5/Mar/2026:09:30:00 +0000",
        "2026-03-05-09.30.00.000000", "202603050930", "20260305093000", "20260305T093000Z", "2026. márc. 5. 9:30",
        "5 марта 2026 г., 9:30",
        "Thu, 05 Mar 2026 09:30:00 GMT", "5. maaliskuuta 2026 klo 9.30", "2026-03-05 10:30 CET",
        "2026-03-05T09:30:00,000",
        "５ Mar ２０２６ ０９：３０", "Thu Mar 05 2026 17:30:00 GMT+0800 (China Standard Time)",
        "Thu, 05 Mar 2026 17:30:00 +0800",
        "9:30 5 Mar 2026", "09:30 ngày 5/3/2026", "9:30:00 AM 2026-03-05", "2026-03-05 17:30:00 +0800 CST",
        "2026-03-05, 09:30", "05.03.2026 Do 09:30", "Do, 05.03.2026, 9:30 Uhr", "05MAR2026:09:30:00",
        "2026-03-05 17:30 UTC+8", "2026-03-05 17:30 (GMT+08:00)", "2026-03-05T17:30+08:00[Asia/Shanghai]",
        "2026-03-05 15:00 UTC+5:30",
        "1772703000", "1772703000.0", "1772703000000", "46086.395833333", "46086,395833333", "１７７２７０３０００",
        1772703000000, 1772703000.0,
    ],
}  # fmt: skip


def test_every_form_of_a_time_is_read() -> None:
    meant = {cell: time for time, cells in READ.items() for cell in cells}
    assert alone(*meant) == meant


CLOCKS = [(12, "AM", 0), (0, "a.m.", 0), (1, "上午", 1), (12, "PM", 12), (0, "午後", 12), (11, "p. m.", 23)]


def test_a_fraction_of_a_unix_time_is_exact() -> None:
    assert times("1772703000.290000", "1772703000290") == [HALF_PAST_NINE.replace(microsecond=290_000)] * 2


def test_a_clock_of_twelve_hours_begins_at_twelve() -> None:
    forms = [f"{day} {clock}" for day in ("2026-03-05", "5 Mar 2026")
             for clock in ("{}:{:02}:00 {}", "{2} {0}:{1:02}", "{}.{:02} {}", "{2}{0}时{1}分")]  # fmt: skip
    meant = {form.format(hour, 5, half): dt.datetime(2026, 3, 5, at, 5) for form in forms for hour, half, at in CLOCKS}
    assert alone(*meant) == meant


REFUSED = {
    time_forms.SEVERAL_ZONES: ["Thu Mar  5 09:30:00 CST 2026", "2026-03-05 09:30 IST", "5 Mar 2026 9:30 AM EST"],
    time_forms.SEVERAL_MONTHS: ["5 listopada 2026", "lip 5, 2026"],
    time_forms.UNKNOWN_WORD: ["5 Foo 2026", "before 2026-03-05", "made 5 Mar 2026", "bis 5.3.2026"],
    time_forms.SHORT_YEAR: ["15.03.26", "26/3/15", "03/05/26 9:30"],
    time_forms.NO_SUCH_DATE: [
        "30 Feb 2026", "5 Mar 2026 25:00", "2026-03-05 24:01", "5 Mar 2026 13:00 PM", "2026年13月1日", "3.15.26",
    ],
    time_forms.NO_SUCH_OFFSET: ["5 Mar 2026 09:30 +15:00", "2026-03-05 09:30 UTC-13"],
    time_forms.NO_SUCH_YEAR: ["5 Mar 1999", "31.12.1999 23:59", "2100-01-01", "01 Jan 2100"],
    time_forms.NUMBER: ["12345", "13800001111", "2072703000", "1.772703E+12", "7"],
    time_forms.INCOMPLETE: ["2026-03", "March 2026", "5-Mar", "09:30", "Mar 5 10:20:30"],
    time_forms.NOTHING_KNOWN: [
        "tomorrow", "2026-03-05 9", "2026-03-05 / 2026-04-05", "5 Mar 2026 12:30 SA", "x" * 9999,
    ],
}  # fmt: skip


def test_an_invalid_time_is_rejected_with_its_form_but_not_its_value() -> None:
    meant = {cell: f"is not a valid date or time: {why}" for why, cells in REFUSED.items() for cell in cells}
    assert alone(*meant) == meant


@pytest.mark.parametrize(
    ("several", "other", "month"),
    [
        ("5 listopada 2026", "5 rujna 2026", 10), ("5 listopada 2026", "5 września 2026", 11),
        ("5. lip 2026", "1. sij 2026", 6), ("5 lip 2026", "1 sty 2026", 7), ("5. srp 2026", "1. led 2026", 8),
    ],
)  # fmt: skip
def test_other_months_of_a_column_show_the_language_of_an_ambiguous_one(several: str, other: str, month: int) -> None:
    assert times(several, other)[0] == dt.datetime(2026, month, 5)
    assert time_forms.SEVERAL_MONTHS in reason(several, other, "1 rujna 2026", "1 września 2026")


def test_years_begin_with_2000_and_end_with_2099() -> None:
    first, last = ("2000-01-01", "1 Jan 2000", "01.01.2000", "36526"), ("2099-12-31", "31 Dec 2099", "31.12.2099")
    outside = ("1999-12-31", "2100-01-01", "31.12.1999", "01/01/2100")
    found = alone(*first, *last, *outside)
    assert {found[cell] for cell in first} == {dt.datetime(2000, 1, 1)}
    assert {found[cell] for cell in last} == {dt.datetime(2099, 12, 31)}
    assert all(time_forms.NO_SUCH_YEAR in found[cell] for cell in outside)


@pytest.mark.parametrize(
    ("cells", "meant"),
    [
        (["3/15/26 9:30", "3/5/26 9:30"], [(2026, 3, 15, 9, 30), (2026, 3, 5, 9, 30)]),
        (["15.03.26", "05.03.26"], [(2026, 3, 15), (2026, 3, 5)]),
        (["26-03-15", "26-03-05"], [(2026, 3, 15), (2026, 3, 5)]),
        # Dates with four-digit years prove the order of those with two digits.
        (["05/03/26", "15/03/2026"], [(2026, 3, 5), (2026, 3, 15)]),
    ],
)
def test_the_column_decides_what_a_two_digit_year_is(cells: list[str], meant: list[tuple[Any, ...]]) -> None:
    assert times(*cells) == [dt.datetime(*numbers) for numbers in meant]


def test_the_user_decides_where_a_column_leaves_the_two_digit_year_open() -> None:
    assert times("05/03/26", day_first=True) == times("03/05/26", day_first=False) == [DAY]


def test_with_equal_evidence_the_day_comes_first() -> None:
    for proofs in (("04/28/2025", "28/04/2025"), ("28/04/2025", "04/28/2025")):
        loaded = of_column("03/04/2025", *proofs)
        assert loaded.summary.dates[0].order == "day first"
        assert cast("pl.DataFrame", loaded.records)["invited_at"][0] == dt.datetime(2025, 4, 3)
    assert reason("28/04/2025", "04/28/2025").endswith(f"{time_forms.NO_SUCH_DATE} (day first)")


def test_the_twelfth_is_ambiguous_and_the_thirteenth_is_not() -> None:
    assert of_column("12/12/2025").summary.dates[0].evidence.undecided
    assert of_column("12/13/2025").summary.dates[0].order == "month first"
    assert of_column("13/12/2025").summary.dates[0].order == "day first"


def test_a_date_after_the_export_proves_the_other_order() -> None:
    how: dict[str, Any] = {"snapshot_at": dt.date(2026, 3, 12)}
    for cell, day, decided in (
        ("3/10/2026", dt.datetime(2026, 3, 10), True),
        ("10/3/2026", dt.datetime(2026, 3, 10), True),
        ("3/13/2026", dt.datetime(2026, 3, 13), True),
        ("3/2/2026", dt.datetime(2026, 2, 3), False),  # both are in the past
        ("4/5/2026", dt.datetime(2026, 5, 4), False),  # neither is
    ):
        loaded = of_column(cell, **how)
        assert cast("pl.DataFrame", loaded.records)["invited_at"].to_list() == [day], cell
        assert loaded.summary.dates[0].evidence.undecided != decided, cell
    assert times("3/10/2026", column="Expires At", name="expires_at", **how) == [dt.datetime(2026, 10, 3)]


def test_another_file_that_proves_the_order_is_reported(tmp_path: Path) -> None:
    for name, day in (("a", "03/04/2026"), ("b", "04/13/2026")):
        (tmp_path / f"{name}.csv").write_text(f"Account,Status,Sent At\nx,Invited,{day}\n")
    told = str(ik.load(tmp_path).summary)
    assert "a.csv, Invitation Time: 1 time can be read in two ways; read day first, though b.csv has the month" in told


GAP = dt.datetime(2026, 3, 29, 1, 30)
"""02:30 in Berlin in the night when 02:00 to 03:00 is skipped, with the offset before the change."""

SKIPPED = [
    "2026-03-29 02:30:00", "2026-03-29T02:30:00", "29.03.2026 02:30", "29/03/2026 02:30", "29 Mar 2026 2:30 AM",
    "2026年3月29日2时30分", dt.datetime(2026, 3, 29, 2, 30),
]  # fmt: skip


def test_a_skipped_hour_has_the_same_value_in_every_form() -> None:
    assert alone(*SKIPPED, time_zone="Europe/Berlin") == dict.fromkeys(SKIPPED, GAP)


def test_a_day_without_midnight_is_read() -> None:
    assert times("2018-11-04", "4 Nov 2018", time_zone="America/Sao_Paulo") == [dt.datetime(2018, 11, 4, 3)] * 2


def test_each_column_may_have_its_own_zone() -> None:
    column = TimeColumn("f.csv", "invited_at", "Asia/Shanghai")
    found, left = column.read(pl.Series(["2026-03-05 17:30:00", "5 Mar 2026 5:30 PM", "2026-03-05 09:30 UTC"]))
    assert (found.to_list(), left.null_count()) == ([HALF_PAST_NINE] * 3, 3)
    assert column.report("day first", ASSUMED).without_offset == 2


NOTHING = [
    "0000-00-00", "0000-00-00 00:00:00", "1970-01-01", "1970-01-01T08:00:00+08:00", "1900-01-00", "9999-12-31", "0",
    dt.date(1970, 1, 1),
]  # fmt: skip


def test_a_placeholder_date_is_empty() -> None:
    assert alone(*NOTHING) == dict.fromkeys(NOTHING)
    assert alone(*NOTHING, column="Associated At", name="associated_at") == dict.fromkeys(NOTHING)


FOR_EVER = [
    "Permanent", "NEVER", " never expires.", "Unlimited", "长期有效", "永久", "不限", "unbefristet", "∞", "infinity",
    "9999-12-31 23:59:59", "2999-12-31", "31.12.9999", dt.date(9999, 12, 31),
]  # fmt: skip


def test_a_number_of_a_total_row_is_no_time_that_was_left_empty(tmp_path: Path) -> None:
    path = tmp_path / "h.csv"
    path.write_text("Account,Status,Sent At,Associated At\na,Associated,2026-03-05,2026-03-06\nTotal,,,1\n")
    loaded = ik.load(path)
    assert loaded.rejects["reason"].to_list() == ["is a total, not a customer"]
    assert not any("left empty" in remark for remark in loaded.summary.remarks())
    assert {d.column: d.unreadable for d in loaded.summary.dates} == {"invited_at": 0, "associated_at": 0}


def test_never_expires_is_later_than_every_date() -> None:
    assert alone(*FOR_EVER, column="Expires At", name="expires_at") == dict.fromkeys(FOR_EVER, NEVER)
    columns = {"Account": ["a"], "Method": ["Email"], "Status": ["Invited"], "Sent At": ["2026-03-05"]}
    records = ik.load(pl.DataFrame(columns | {"Expires At": ["Never"]})).records
    as_of = dt.datetime(2026, 6, 1)
    assert ik.annotate(records, as_of=as_of)["effective_status"].to_list() == ["invited"]
    assert ik.annotate(records.with_columns(expires_at=None), as_of=as_of)["effective_status"].to_list() == ["expired"]


def test_an_invalid_optional_time_is_null(tmp_path: Path) -> None:
    path = tmp_path / "h.csv"
    head = "Account,Status,Sent At,Expires At,Associated At\n"
    path.write_text(head + "a,Associated,2026-03-05,soon,5 Foo 2026\nb,Associated,soon,2026-03-12,2026-03-06\n")
    loaded = ik.load(path)
    kept = cast("pl.DataFrame", loaded.records).select(
        "account_name", "invited_at", "expires_at", "associated_at", "unrecognised"
    )
    assert kept.rows() == [("a", DAY, None, None, "expires_at: soon; associated_at: 5 Foo 2026")]
    assert loaded.rejects["column"].to_list() == ["invited_at"]
    told = loaded.summary.remarks()
    assert f"1 left empty: Expires At is not a valid date or time: {time_forms.NOTHING_KNOWN}." in told
    assert f"1 left empty: Association Time is not a valid date or time: {time_forms.UNKNOWN_WORD}." in told
    assert {d.column: d.unreadable for d in loaded.summary.dates} == {
        "invited_at": 1, "expires_at": 1, "associated_at": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "swapped"),
    [(["13/03/2026", "14/03/2026", "28/03/2026"], 3), (["03/03/2026"] * 3, 0), (["13/03/2026"], 0)],
)
def test_dates_that_a_spreadsheet_may_have_swapped_are_reported(tmp_path: Path, texts: list[str], swapped: int) -> None:
    path = tmp_path / "opened.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet, style = book.add_worksheet(), book.add_format({"num_format": "dd/mm/yyyy"})
        sheet.write_row(0, 0, ["Account", "Status", "Sent At"])
        typed = [dt.date(2026, month, 3) for month in (1, 2, 12)]
        for row, cell in enumerate([*typed, *texts], 1):
            sheet.write_row(row, 0, [f"a{row}", "Invited"])
            sheet.write(row, 2, cell, style)
    summary = ik.load(path).summary
    assert summary.dates[0].swapped == swapped
    assert ("may have swapped day and month of 3 dates" in str(summary)) == bool(swapped)


def test_a_typed_date_after_the_twelfth_clears_the_others() -> None:
    typed = ["2026-01-03", "2026-02-03", "2026-03-13"]
    assert of_column(*typed, "13/03/2026", "14/03/2026", "28/03/2026").summary.dates[0].swapped == 0


DATED = {
    dt.datetime(2026, 3, 30): [
        "history_20260101-20260330", "history_20260101_20260330", "2026-01-01 to 2026-03-30", "导出_2026年3月30日",
        "h 30-03-2026", "h 30.03.2026",
        "history_2026-3-30", "history_2026.03.30 (1)", "20260330T0915_history", "history_20260330093015",
        "e_202603300930", "history_20260330_1",
        "h 30 Mar 2026", "Export Mar 30, 2026 at 9.30", "30_mars_2026", "2026-03-30T09-15", "e_２０２６０３３０",
    ],
    None: [
        "13820260330", "order20260330123", "inv_1774862115", "history-2026-03", "history_20261330", "h 02-03-2026",
        "history", "30-2026",
    ],
}  # fmt: skip


def test_a_file_is_dated_by_the_latest_date_in_its_name() -> None:
    meant = {stem: at for at, stems in DATED.items() for stem in stems}
    assert {stem: snapshot_dates([stem])[0] for stem in meant} == meant


@pytest.mark.parametrize(
    ("other", "at"), [("h 30-03-2026", dt.datetime(2026, 3, 2)), ("h 03-30-2026", dt.datetime(2026, 2, 3)), ("h", None)]
)
def test_other_names_decide_the_order_of_day_and_month(other: str, at: dt.datetime | None) -> None:
    assert snapshot_dates(["h 02-03-2026", other])[0] == at
    assert snapshot_dates(["h 03-03-2026", other])[0] == dt.datetime(2026, 3, 3)


def test_names_with_contradicting_orders_have_no_date() -> None:
    assert snapshot_dates(["h 02-03-2026", "h 30-03-2026", "h 03-30-2026"]) == [None] * 3


def test_several_files_without_a_date_get_a_hint(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("Account,Status\nx,Invited\n")
    assert "2 of 2 sources have no date" in str(ik.load(tmp_path).summary)
    assert "--snapshot" in str(ik.load(tmp_path).summary)
    assert "no date" not in str(ik.load(tmp_path / "a.csv").summary)
    assert "no date" not in str(ik.load(tmp_path, snapshot_at=DAY).summary)


def test_every_month_name_of_babel_is_read_or_ambiguous() -> None:
    text = files("invitekit.ingest").joinpath("time_words.toml").read_text(encoding="utf-8")
    languages = re.findall(r"\w+", text[text.index("# Languages:") + 12 : text.index("month_1")])
    assert len(languages) > 80
    several = set()
    for language, kind, width in product(languages, ("format", "stand-alone"), ("wide", "abbreviated")):
        for number, name in Locale.parse(language).months[kind][width].items():
            if re.search(r"\d", name):
                continue
            found = time_forms.parse(f"5 {name} 2026")
            if found == time_forms.SEVERAL_MONTHS:
                several.add(language)
            else:
                assert isinstance(found, time_forms.Written), (language, name, found)
                assert found.numbers == (2026, number, 5), (language, name)
    assert several == {"cs", "hr", "pl"}


def test_reasons_for_invalid_times_are_translated_to_chinese() -> None:
    for problem in (*REFUSED, f"{time_forms.NO_SUCH_DATE} (day first)"):
        told = translate(reason_message(f"is not a valid date or time: {problem}"), "zh")
        assert told.startswith("不是可读的时间：")
        assert re.search(r"[a-z]{3,}", told.replace("Unix", "")) is None
