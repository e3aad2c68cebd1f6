"""Batches: every customer to invite is in one batch, in files that are safe, whole and private."""

import datetime as dt
import gc
import itertools
import os
import re
import resource
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from icalendar import Calendar

import invitekit as ik
from invitekit.batches import (
    Written,
    by_manager,
    columns,
    message_templates,
    output_folder,
    sheets,
    worklists,
    write_batches,
)
from invitekit.errors import ArgumentError, InvitekitError, OutputError, SchemaError
from invitekit.io.spreadsheet_escape import FORMULA_STARTS
from invitekit.model import schema
from invitekit.model.catalogue import Catalogue, read_catalogue
from invitekit.model.vocabularies import RESENDS
from invitekit.planning import ResendRules, count_decisions, plan_resends
from invitekit.planning.reason_texts import read_reasons
from invitekit.widgets import payloads
from tests.conftest import DATA, SHAPE, Engine

pytestmark = pytest.mark.slow  # each writes and reads back a set of files

DAY = dt.date(2026, 3, 30)
LONG_AGO = dt.datetime(2026, 2, 1, 9, 0)
MESSAGES = {failure.code: failure.messages[0] for failure in read_catalogue().failures}
PAGE = output_folder.PAGE
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", "\n=1+1", "＝1+1", "＋1", "－1", "＠SUM(A1)")
TEXTS = ("account_name", "customer_full_name", "customer_name", "email", "custom_tag", "account_manager", "country")


def records(*rows: dict[str, Any]) -> pl.DataFrame:
    usual = {"status": "expired", "invitation_method": "email", "invited_at": LONG_AGO, "source_file": "f.csv"}
    return pl.DataFrame([usual | {"source_row": n + 2} | row for n, row in enumerate(rows)], schema=SHAPE)


def expired(count: int, **more: Any) -> pl.DataFrame:
    return records(*({"account_name": f"a{n:04}"} | more for n in range(count)))


def failed(code: str, **more: Any) -> dict[str, Any]:
    given = {"account_name": code, "status": "association_failed", "failure_message": MESSAGES.get(code, code)}
    return given | more


def plan(frame: Any, rules: ResendRules | None = None, **how: Any) -> Any:
    language, known = how.get("language", "en"), how.get("catalogue")
    annotated = ik.annotate(frame, as_of=DAY, language=language, catalogue=known)
    return plan_resends(annotated, rules, as_of=DAY, language=language)


def write(frame: Any, folder: Path, **how: Any) -> Written:
    return write_batches(plan(frame, how.get("rules")), folder, **how)


@cache
def planned(count: int, batch_size: int = 100) -> pl.DataFrame:
    """Return the plan of some expired invitations, which many tests write."""
    made: pl.DataFrame = plan(expired(count), ResendRules(batch_size=batch_size))
    return made


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def page_of(frame: Any, folder: Path, **how: Any) -> str:
    """Write the batches of some records; return the page to read first."""
    write(frame, folder / "set", **how)
    return (folder / "set" / PAGE).read_text("utf-8-sig")


def csv(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False)


def xlsx(path: Path) -> pl.DataFrame:
    return pl.read_excel(path, infer_schema_length=0)


@pytest.fixture(scope="module")
def sample_plan() -> pl.DataFrame:
    made: pl.DataFrame = plan(ik.load(DATA).records)
    return made


@pytest.fixture(scope="module")
def sample_written(sample_plan: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write_batches(sample_plan, tmp_path_factory.mktemp("sample") / "set")


@pytest.fixture(scope="module")
def sample_set(sample_written: Written) -> Path:
    return sample_written.paths[0].parent


# Who is in which file


def test_every_candidate_is_in_one_batch_and_nobody_else(sample_plan: pl.DataFrame, sample_set: Path) -> None:
    files = sorted(sample_set.glob("batch_*.csv"))
    assert [path.name for path in files] == [
        "batch_01_invite.csv", "batch_02_resend_now.csv", "batch_03_resend_as_reseller.csv",
    ]  # fmt: skip
    written = [name for path in files for name in csv(path)["Account Name"]]
    chosen = sample_plan.filter(pl.col("decision").is_in(RESENDS)).sort("rank")
    assert written == chosen["account_name"].to_list()
    assert len(set(written)) == len(written) == 115


def test_a_work_list_is_sorted_by_reason_and_oldest_first(sample_set: Path) -> None:
    found = csv(sample_set / "worklist_customer.csv").select("Why", pl.col("Age (days)").cast(pl.Int64))
    groups = [key for key, _ in itertools.groupby(found["Why"])]
    assert len(groups) == len(set(groups)) > 1
    for (_,), group in found.group_by("Why"):
        assert group["Age (days)"].is_sorted(descending=True)


def test_both_formats_have_the_same_content_and_no_column_about_the_whole_plan(sample_set: Path) -> None:
    for path in sample_set.glob("*.csv"):
        assert path.read_bytes().startswith('\ufeff"'.encode()), "Excel then reads UTF-8"
        rows, other = csv(path), xlsx(path.with_suffix(".xlsx"))
        assert other.columns == rows.columns
        assert other["Account Name"].to_list() == rows["Account Name"].to_list()
        assert not {"Mobile Number", "Remarks", "Customer Key"} & set(rows.columns)


def test_written_files_are_counted(sample_plan: pl.DataFrame, sample_written: Written, sample_set: Path) -> None:
    assert (sample_written.customers, sample_written.batches) == (115, 3)
    assert sample_written.worklists == {"customer": 127, "customer_service": 20, "review": 54}
    counts = dict(sample_plan.group_by("decision").len().iter_rows())
    for who, n in sample_written.worklists.items():
        assert csv(sample_set / f"worklist_{who}.csv").height == n == counts[worklists.WORKLISTS[who]]
    assert sample_written.rows["batch_03_resend_as_reseller.xlsx"] == 2
    assert sorted(path.name for path in sample_written.paths) == names(sample_set)
    assert sample_written.paths[0].name == PAGE


@pytest.mark.parametrize("language", ["en", "zh"])
def test_first_invitations_come_first_in_separate_batches_with_their_button(tmp_path: Path, language: Any) -> None:
    new = ({"account_name": f"new{n}", "status": "pre_registered", "invited_at": None} for n in range(3))
    frame = records({"account_name": "late"}, failed("referral_not_in_contract"), *new)
    write(frame, tmp_path / "set", rules=ResendRules(batch_size=2), formats=["csv"], language=language)
    files = sorted((tmp_path / "set").glob("batch_*.csv"))
    assert [path.name.removesuffix(".csv") for path in files] == [
        "batch_01_invite", "batch_02_invite", "batch_03_resend_now", "batch_04_resend_as_reseller",
    ]  # fmt: skip
    rows = csv(files[0])
    assert rows[columns.header("decision", language)].unique().to_list() == [{"en": "Invite", "zh": "邀请"}[language]]
    page = (tmp_path / "set" / PAGE).read_text("utf-8-sig")
    path, button = {
        "en": ("Sales > Leads and Opportunities > Customer Development and click Invite.", "Click Resend Invitation,"),
        "zh": ("销售 > 拓新 > 客户拓展；第 5 步请点击“邀请”。", "点击“重新发送邀请”"),
    }[language]
    assert path in page
    assert button in page
    write_batches(planned(1), tmp_path / "resends", formats=["csv"], language=language)
    assert path not in (tmp_path / "resends" / PAGE).read_text("utf-8-sig")


def warnings(*rows: dict[str, Any]) -> list[str]:
    return count_decisions(plan(records(*rows))).warnings()


OLD, NEW = (dt.datetime(2026, 3, day) for day in (23, 30))
LAST_WEEK: list[dict[str, Any]] = [{"account_name": f"a{n}", "snapshot_at": OLD} for n in range(6)]


def test_a_plan_warns_of_an_old_and_of_a_later_export() -> None:
    for days, warning in {-7: None, -8: "is of 2026-03-22, 8 days before 2026-03-30", 0: None,
                          1: "is of 2026-03-31, after 2026-03-30"}.items():  # fmt: skip
        found = warnings({"account_name": "a", "snapshot_at": NEW + dt.timedelta(days=days, hours=9)})
        assert [warning in text for text in found if warning] == [True] * (warning is not None) == [True] * len(found)


def test_the_page_says_that_the_plan_was_filtered(tmp_path: Path) -> None:
    whole = plan(records({"account_name": "a"}, failed("overdue_payment")))
    for folder, part, more in (("all", whole, None), ("some", whole.filter(decision="resend_now"), whole)):
        write_batches(part, tmp_path / folder, formats=["csv"], whole=more)
        page = (tmp_path / folder / PAGE).read_text("utf-8-sig")
        assert ("its other customers are in none of them" in page) is (folder == "some")
        assert f"Customer has to act: {int(folder == 'all')}\n" in page
        assert "All records" not in page


def test_a_plan_and_its_page_warn_of_a_partial_newest_export(tmp_path: Path) -> None:
    page = page_of(records(*LAST_WEEK, LAST_WEEK[0] | {"snapshot_at": NEW}), tmp_path)
    assert "WARNING: Customers who are not in the newest export (2026-03-30): 5." in page
    assert warnings(*LAST_WEEK, *(row | {"snapshot_at": NEW} for row in LAST_WEEK[:5])) == [], "one vanished"


def test_a_plan_warns_of_a_newest_export_that_is_masked() -> None:
    """It holds everybody, and nothing says who: the older state of a customer may be wrong by now."""
    masked = {"account_name": "a***1", "status": "associated", "snapshot_at": NEW}
    hidden = "The newest export (2026-03-30) has masked rows, which may be 6 customers of older exports."
    for portal_id in (None, "id1"):
        (warning,) = warnings(*LAST_WEEK, masked | {"portal_customer_id": portal_id})
        assert warning.startswith(hidden)
    known = [row | {"portal_customer_id": f"id{n}"} for n, row in enumerate(LAST_WEEK)]
    (warning,) = warnings(*known, masked | {"portal_customer_id": "id1"})
    assert warning.startswith("Customers who are not in the newest export (2026-03-30): 5.")


def test_batch_numbers_sort_by_name(tmp_path: Path) -> None:
    written = write_batches(planned(100, batch_size=1), tmp_path / "set", formats=["csv"])
    assert next(iter(written.rows)) == "batch_001_resend_now.csv"
    assert list(written.rows) == sorted(written.rows)
    assert written.batches == 100


def test_the_three_engines_give_the_same_files(engine: Engine, tmp_path: Path) -> None:
    others = map(failed, ("overdue_payment", "system_busy", "referral_not_in_contract"))
    frame = records({"account_name": "late"}, *others, {"account_name": "other", "status": "not_pre_registered"})
    write_batches(engine(plan(frame)), tmp_path / "set", formats=["csv"])
    assert [csv(path)["Account Name"].to_list() for path in sorted((tmp_path / "set").glob("*.csv"))] == [
        ["late"], ["referral_not_in_contract"], ["overdue_payment"], ["system_busy"], ["other"],
    ]  # fmt: skip
    batch = csv(tmp_path / "set" / "batch_01_resend_now.csv")
    assert (batch["Rank"].to_list(), batch["Invitation Time"].to_list()) == (["1"], ["2026-02-01 09:00:00"])


def test_without_candidates_there_is_no_batch_and_the_page_explains_why(tmp_path: Path) -> None:
    written = write(records(failed("overdue_payment")), tmp_path / "set")
    assert names(tmp_path / "set") == [PAGE, "worklist_customer.csv", "worklist_customer.xlsx"]
    assert (written.customers, written.batches) == (0, 0)
    page = (tmp_path / "set" / PAGE).read_text("utf-8-sig")
    assert "there is no batch file" in page
    assert "Customer has to act: 1\n    - 1 - The association failed; the customer has to act first." in page


# The columns of a row


def test_a_batch_has_the_columns_needed_in_the_portal(sample_set: Path) -> None:
    assert csv(sample_set / "batch_02_resend_now.csv").columns == [
        "Rank", "Account Name", "Customer Full Name", "Customer Name", "Email", "Custom Tag", "Account Manager",
        "Country/Region", "Invitation Method", "Association Type", "Status", "Attempts", "Invitation Time", "Decision",
        "Why", "Next Step", "Chance", "Record ID",
    ]  # fmt: skip


def test_customers_with_masked_names_have_their_customer_id_in_every_list(tmp_path: Path) -> None:
    """Only the portal's own ID tells two masked customers apart: without it the wrong one is invited."""
    masked = {"account_name": "a***e", "email": "p***@k.example"}
    expired, waiting = ({**masked, "portal_customer_id": f"id{n}"} for n in range(2))
    write(records(expired, failed("overdue_payment", **waiting)), tmp_path / "set", formats=["csv", "xlsx"])
    for read, kind in ((csv, "csv"), (xlsx, "xlsx")):
        assert read(tmp_path / "set" / f"batch_01_resend_now.{kind}")["Portal Customer ID"].to_list() == ["id0"]
        assert read(tmp_path / "set" / f"worklist_customer.{kind}")["Portal Customer ID"].to_list() == ["id1"]
    loaded = ik.load(tmp_path / "set" / "batch_01_resend_now.csv")
    assert loaded.records["portal_customer_id"].to_list() == ["id0"]


def test_every_header_is_read_back_as_its_column() -> None:
    for name, language in itertools.product((*columns.NEEDED, columns.OPTIONAL), ("en", "zh")):
        header: Any = columns.header(name, language)
        assert schema.canonical_name(header) in (name, None), (name, language)


def test_headers_and_values_are_in_the_chosen_language(tmp_path: Path) -> None:
    write(expired(1, country="China"), tmp_path / "set", language="zh", formats=["csv"])
    batch = csv(tmp_path / "set" / "batch_01_resend_now.csv")
    assert batch.columns[:2] == ["排序", "客户账号"]
    values = batch.select("国家地区", "邀请方式", "状态", "决定", "成功率").row(0)
    assert values == ("中国", "邮件", "已失效", "立即重发", "无历史数据")


def test_a_chance_is_a_percentage(sample_set: Path) -> None:
    told = csv(sample_set / "batch_02_resend_now.csv")["Chance"]
    assert told.str.contains(r"^\d{1,3}%$").all()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_list_can_be_loaded(sample_plan: pl.DataFrame, sample_set: Path, tmp_path: Path, language: Any) -> None:
    folder = sample_set if language == "en" else tmp_path / "set"
    if language == "zh":
        write_batches(sample_plan, folder, language=language)
    chosen = sample_plan.filter(batch=2).sort("rank")
    same = ["account_name", "customer_full_name", "email", "custom_tag", "country", "invitation_method",
            "association_type", "status", "invited_at"]  # fmt: skip
    for kind in ("csv", "xlsx"):
        loaded = ik.load(folder / f"batch_02_resend_now.{kind}")
        assert loaded.summary.rejects == 0
        assert loaded.records.sort("source_row").select(same).equals(chosen.select(same))
        assert not loaded.summary.unknown_messages
    for path in folder.glob("worklist_*.csv"):
        assert ik.load(path).summary.rejects == 0


# Cells that a spreadsheet might run


OWN = ("account_name", "email")


def written_texts(folder: Path, kind: str, payloads: tuple[str, ...]) -> dict[str, Path]:
    """Write customers with formulas as names, in several work lists; return the files by name."""
    rows, odd = [], []
    for n, payload in enumerate(payloads):  # accounts and addresses of their own: NFKC makes some payloads one
        own = dict.fromkeys(OWN, f"{payload}{n}")
        rows.append(dict.fromkeys(TEXTS, payload) | own)
        odd.append(failed(f"{payload}!", **dict.fromkeys(TEXTS, payload) | own | {"account_name": f"{payload}x{n}"}))
    write(records(*rows, *odd), folder / "set", formats=[kind])
    return {path.name: path for path in (folder / "set").glob(f"*.{kind}")}


def test_csv_formulas_are_escaped_and_unescaped_when_loaded(tmp_path: Path) -> None:
    files = written_texts(tmp_path, "csv", FORMULAS)
    assert {"batch_01_resend_now.csv", "worklist_review.csv"} <= files.keys()
    for path in files.values():
        cells = [cell for column in csv(path).iter_columns() for cell in column.drop_nulls()]
        assert [cell for cell in cells if cell.startswith(FORMULA_STARTS)] == []
        assert [payload for payload in FORMULAS if f"'{payload}" not in path.read_text("utf-8-sig")] == []
    back = ik.load(files["batch_01_resend_now.csv"]).records
    kept = {payload for payload in FORMULAS if payload[0] not in "\t\n"}
    assert all(kept <= {*back[name]} for name in TEXTS if name not in OWN)


PLAIN = (*FORMULAS, "{=1+1}", "https://example.com", "mailto:a@example.com", "007", "1e5")


def test_an_xlsx_stores_texts_as_texts(tmp_path: Path) -> None:
    path = written_texts(tmp_path, "xlsx", PLAIN)["batch_01_resend_now.xlsx"]
    found = pl.read_excel(path)
    for name in TEXTS:
        cells = (text + str(n) if name in OWN else text for n, text in enumerate(PLAIN))
        assert sorted(found[schema.label(name)]) == sorted(cells)
    assert not re.search("<f>|<hyperlink", sheet_xml(path))


def test_an_xlsx_stores_numbers_and_times_as_numbers(sample_set: Path) -> None:
    found = pl.read_excel(sample_set / "batch_02_resend_now.xlsx")
    assert [str(found[name].dtype) for name in ("Rank", "Attempts")] == ["Int64", "Int64"]
    assert isinstance(found["Invitation Time"].dtype, pl.Datetime)
    first = found["Rank"][0]
    assert first > 1
    assert found["Rank"].to_list() == list(range(first, first + found.height))


def sheet_xml(path: Path) -> str:
    with zipfile.ZipFile(path) as book:
        return book.read("xl/worksheets/sheet1.xml").decode()


def test_an_xlsx_has_a_frozen_header_and_a_filter(sample_set: Path) -> None:
    sheet = sheet_xml(sample_set / "batch_02_resend_now.xlsx")
    assert '<pane xSplit="2" ySplit="1"' in sheet
    rows = pl.read_excel(sample_set / "batch_02_resend_now.xlsx").height
    assert f'<autoFilter ref="A1:R{rows + 1}"/>' in sheet
    assert 'numberStoredAsText="1"' in sheet
    widths = [float(width) for width in re.findall(r'<col [^>]*width="([\d.]+)"', sheet)]
    assert 8 < min(widths) < max(widths) < 46
    with zipfile.ZipFile(sample_set / "batch_02_resend_now.xlsx") as book:
        assert 'wrapText="1"' in book.read("xl/styles.xml").decode()


def test_a_row_is_as_high_as_its_longest_text_needs(tmp_path: Path) -> None:
    names = ["GmbH", "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft mbH",
             "有限公司" * 30]  # fmt: skip
    frame = records(*({"account_name": f"a{n}", "customer_full_name": name} for n, name in enumerate(names)))
    write(frame, tmp_path / "set", formats=["xlsx"])
    path = tmp_path / "set" / "batch_01_resend_now.xlsx"
    heights = dict(re.findall(r'<row r="(\d+)"[^>]*? ht="([\d.]+)"', sheet_xml(path)))
    assert heights == {"1": "33", "3": "30", "4": "90"}
    assert xlsx(path)["Customer Full Name"].to_list() == names


@pytest.mark.parametrize("small", [2, 3])
def test_a_long_list_is_written_like_a_short_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: int) -> None:
    monkeypatch.setattr(sheets, "_SMALL", small)
    write(records(*(failed("overdue_payment", account_name=f"a{n}") for n in range(3))), tmp_path / "set")
    found = xlsx(tmp_path / "set" / "worklist_customer.xlsx")
    assert sorted(found["Account Name"]) == ["a0", "a1", "a2"]
    assert found["Reminder, English"].str.starts_with("Subject: ").all()


def test_a_text_too_long_for_excel_is_refused_whole(tmp_path: Path) -> None:
    frame = records({"account_name": "a", "customer_full_name": "Secret" * 6000})
    with pytest.raises(OutputError, match="A Customer Full Name in 'batch_01_resend_now' is longer") as caught:
        write(frame, tmp_path / "set")
    assert "Secret" not in str(caught.value)
    assert caught.value.hint == "correct the cell in its file, or leave out the customer."
    assert names(tmp_path) == []
    write(frame, tmp_path / "set", formats=["csv"])


def test_more_rows_than_a_sheet_can_have_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "XLSX_ROWS", 4)
    with pytest.raises(OutputError, match="has 5 rows; an Excel sheet has at most 4"):
        write(expired(5), tmp_path / "set")
    assert names(tmp_path) == []


# Messages


def built_in(who: str, language: str) -> dict[str, message_templates.Template]:
    messages = message_templates.built_in().items()
    return {code: each for (to, code, other), each in messages if (to, other) == (who, language)}


LETTERS = [(who, language, code, letter) for who in ("customer", "customer_service") for language in ("en", "zh")
           for code, letter in built_in(who, language).items()]  # fmt: skip


def test_every_failure_that_somebody_must_solve_has_a_message() -> None:
    by_rule = {"after_customer_acts": "customer", "after_support": "customer_service"}
    needed = {(by_rule[f.resend_rule], f.code) for f in read_catalogue().failures if f.resend_rule in by_rule}
    by_decision = {"wait_for_customer": "customer", "contact_support": "customer_service"}
    reasons = {(by_decision[r.decision], code) for code, r in read_reasons().items() if r.decision in by_decision}
    of_failures = {("customer", "customer_must_act"), ("customer_service", "contact_support")}
    needed |= (reasons - of_failures) | {(who, "other") for who in by_rule.values()}
    for language in ("en", "zh"):
        there = [(row["to"], row["code"]) for row in message_templates.texts()["message"]]
        assert len(there) == len(set(there))
        assert set(there) == needed == {(who, code) for who, told, code, _ in LETTERS if told == language}


def test_a_message_is_short_uses_allowed_placeholders_and_announces_another_invitation() -> None:
    for who, language, code, letter in LETTERS:
        place = f"{who}, {language}, {code}"
        assert letter.subject, place
        assert not re.search(r"[{}\n]", letter.subject), place
        slots = set(re.findall(r"\{(.*?)\}", letter.body))
        allowed = message_templates.PLACEHOLDERS if code == "other" else ("customer", "manager")
        assert {"customer", "manager"} <= slots <= set(allowed), place
        assert len(re.findall(r"[{}]", letter.body)) == 2 * len(re.findall(r"\{\w+\}", letter.body)), place
        said = re.sub(r'"[^"]*"|“[^”]*”', "", letter.body.split("\n\n")[1])
        said = said.replace("{reason}", "。").replace("{advice}", "。")
        sentences = re.findall(r"[.](?:\s|$)|[。！]|\.$", said) if language == "en" else re.findall("。", said)
        assert 3 <= len(sentences) <= 6, (place, sentences)
        assert re.search(r"invite you again|new invitation|再次向您发送邀请|重新发送邀请", letter.body), place


OPERATIONS = {
    "submit a service ticket": "service ticket", "contact the customer service": "customer service", "top up": "top up",
    "settle": "settle", "unsubscribe": "unsubscribe", "member account": "member account",
    "submit a request for association": "request for the association",
}  # fmt: skip


def test_a_reminder_asks_for_all_that_the_portal_suggests() -> None:
    for failure in (one for one in read_catalogue().failures if one.resend_rule == "after_customer_acts"):
        suggested = (failure.suggested_operation("en") or "").lower()
        body = built_in("customer", "en")[failure.code].body.lower()
        asked = [words for said, words in OPERATIONS.items() if said in suggested]
        assert asked, failure.code
        assert [words for words in asked if words not in body] == [], failure.code


def message_of(folder: Path, row: dict[str, Any], who: str = "customer", **how: Any) -> tuple[str, str]:
    made = plan(records(row), **how)
    write_batches(made, folder, formats=["csv"])
    english, chinese = csv(folder / f"worklist_{who}.csv").select(pl.nth(-2, -1)).row(0)
    return english, chinese


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_reminder_is_ready_to_send_in_both_languages_whatever_the_plans(tmp_path: Path, language: Any) -> None:
    row = failed("overdue_payment", customer_name="Ann Lee", account_manager="mgr.li")
    english, chinese = message_of(tmp_path / "set", row, language=language)
    subject, *letter = english.split("\n\n")
    assert subject == "Subject: Your Huawei Cloud invitation: please settle a payment first"
    assert letter[0] == "Dear Ann Lee,"
    assert "has an overdue payment" in english
    assert "Please tell your account manager (mgr.li) when this is done" in english
    assert chinese.startswith("主题：关于您的华为云邀请：请先结清欠款\n\n尊敬的Ann Lee：\n\n")
    assert "存在欠费" in chinese
    assert "请联系您的客户经理（mgr.li）。" in chinese


def test_a_message_without_a_name_has_a_neutral_salutation(tmp_path: Path) -> None:
    names = (None, "", " ", "L***e", "李＊", "•••", "●")
    rows = [failed("support_plan", account_name=f"a{n}", customer_name=name, account_manager=name)
            for n, name in enumerate(names)]  # fmt: skip
    company = failed("support_plan", account_name="z", customer_name="L***e", customer_full_name="Acme GmbH")
    write(records(*rows, company), tmp_path / "set", formats=["csv"])
    table = csv(tmp_path / "set" / "worklist_customer.csv").sort("Account Name")
    *letters, (to_company, _) = table.select(pl.nth(-2, -1)).rows()
    assert "\nDear Acme GmbH,\n" in to_company, "a company, if no person is known"
    assert len(letters) == len(names)
    for english, chinese in letters:
        assert "\nDear customer,\n" in english
        assert "Please tell your account manager when" in english
        assert "\n尊敬的客户：\n" in chinese
        assert "请联系您的客户经理。" in chinese


NAMES = ("{manager}", "{0}", "{{x}}", "%s $1 \\1", 'An"n', "O'Neill", "Ann\nLee", "Ann\r\nLee", "عبد الله",
         "\u202eAnn\u202c", "<script>alert(1)</script>", "=1+1", "İ🙂")  # fmt: skip


def test_a_name_is_copied_exactly(tmp_path: Path) -> None:
    rows = [failed("overdue_payment", account_name=f"a{n:02}", customer_name=name, account_manager=name)
            for n, name in enumerate(NAMES)]  # fmt: skip
    for kind, read in (("csv", csv), ("xlsx", xlsx)):
        write(records(*rows), tmp_path / kind, formats=[kind])
        letters = read(tmp_path / kind / f"worklist_customer.{kind}").sort("Account Name").select(pl.nth(-2, -1)).rows()
        for name, texts in zip(NAMES, letters, strict=True):
            meant = name.replace("\r\n", "\n") if kind == "xlsx" else name
            english, chinese = (text.replace("\r\n", "\n") if kind == "xlsx" else text for text in texts)
            assert f"\nDear {meant},\n" in english
            assert f"your account manager ({meant})" in english
            assert f"\n尊敬的{meant}：\n" in chinese


def test_an_open_link_has_its_own_reminder(tmp_path: Path) -> None:
    methods = ("link", "qr_code", "campaign")
    open_links = ({"account_name": name, "status": "invited", "invitation_method": name} for name in methods)
    write(records(*open_links), tmp_path / "set", formats=["csv"])
    letters = csv(tmp_path / "set" / "worklist_customer.csv").select(pl.nth(-2, -1)).rows()
    assert ["it is still valid" in english and "目前仍然有效" in chinese for english, chinese in letters] == [True] * 3


def test_a_ticket_names_the_customer_and_the_account(tmp_path: Path) -> None:
    row = failed("system_busy", account_name="acme", customer_full_name="Acme GmbH", account_manager="mgr.li")
    english, chinese = message_of(tmp_path / "set", row, "customer_service")
    assert "invited this customer: Acme GmbH / acme." in english
    assert MESSAGES["system_busy"] in english
    assert "Please tell our account manager (mgr.li) when" in english
    failure = read_catalogue().by_code("system_busy")
    assert failure is not None
    assert failure.message_zh is not None
    assert failure.message_zh in chinese


def own_catalogue(folder: Path, codes: Sequence[str], rule: str, advice: str) -> Catalogue:
    """Return a catalogue of failures of one's own, each with the message "Own" and its code."""
    lines = []
    for code in codes:
        fields = {"code": code, "message_en": f"Own {code}", "cause_en": "A cause of our own.", "advice_en": advice,
                  "who_acts": "customer", "resend_rule": rule}  # fmt: skip
        lines += ["[[failure]]", *(f"{name} = '{text}'" for name, text in fields.items())]
    return read_catalogue(own_messages(folder, "\n".join(lines)))


@pytest.mark.parametrize(("rule", "who"), [("after_customer_acts", "customer"), ("after_support", "customer_service")])
def test_a_custom_failure_gets_its_own_advice(tmp_path: Path, rule: str, who: str) -> None:
    codes = ("our_own", "overdue_payment", "special_contract")
    known = own_catalogue(tmp_path, codes, rule, "Do {manager} this.")
    made = plan(records(*(failed(f"Own {code}") for code in codes)), catalogue=known)
    write_batches(made, tmp_path / "set", formats=["csv"])
    letters = csv(tmp_path / "set" / f"worklist_{who}.csv").select(pl.nth(-2, -1)).rows()
    assert len(letters) == len(codes)
    for text in (text for letter in letters for text in letter):
        assert "A cause of our own." in text
        assert "Do {manager} this." in text


# Work lists by account manager, drafts of reminders, dates


MANAGED = [
    *({"account_name": a, "account_manager": by} for a, by in (("a", "mgr.li"), ("b", "MGR.LI "), ("c", "李/雷"))),
    {"account_name": "d"}, failed("overdue_payment", account_name="e", account_manager="mgr.li"),
    failed("system_busy", account_name="f", account_manager="李?雷"),
]  # fmt: skip


def test_each_account_manager_gets_a_workbook_of_only_their_customers(tmp_path: Path) -> None:
    written = write_batches(plan(records(*MANAGED)), tmp_path / "set", by="account_manager")
    managers = {name: rows for name, rows in written.rows.items() if name.startswith("manager_")}
    assert managers == {
        f"manager_{name}.xlsx": 1 + 2 * (name == "mgr.li") for name in ("none", "mgr.li", "李_雷", "李_雷_2")
    }
    sheets_of = pl.read_excel(tmp_path / "set" / "manager_mgr.li.xlsx", sheet_id=0, infer_schema_length=0)
    assert list(sheets_of) == ["invite_again", "worklist_customer"]
    assert sheets_of["invite_again"]["Account Name"].to_list() == ["a", "b"]
    assert sheets_of["invite_again"]["Batch"].to_list() == ["1", "1"]
    assert sheets_of["worklist_customer"]["Account Name"].to_list() == ["e"]
    assert "manager_*.xlsx (4): a workbook for each" in (tmp_path / "set" / PAGE).read_text("utf-8-sig")


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda parts: parts | {"manager_none": [*parts["manager_none"], *parts["manager_mgr.li"]]}, "does not have"),
        (lambda parts: {name: lists for name, lists in parts.items() if name != "manager_none"}, "not have every row"),
    ],
)
def test_workbooks_that_mix_managers_or_lack_a_row_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Any, problem: str
) -> None:
    divide = by_manager.divide
    monkeypatch.setattr(by_manager, "divide", lambda *how: spoil(divide(*how)))
    rows = [MANAGED[3], MANAGED[4]]
    refused(plan(records(*rows)), tmp_path, OutputError, problem, by="account_manager", formats=["csv"])


def draft(folder: Path, number: int) -> EmailMessage:
    return message_from_bytes((folder / f"reminder_{number:04}.eml").read_bytes(), policy=policy.default)


def test_a_reminder_is_a_draft_to_the_customers_own_address(tmp_path: Path) -> None:
    who = failed("overdue_payment", account_manager="mgr.li")
    rows = [
        who | {"account_name": "a1", "email": "Ann@Example.com", "customer_name": "Ann"},
        who | {"account_name": "a2", "email": "li@example.cn", "customer_name": "李雷"},
        who | {"account_name": "a3", "email": "ma@example.com", "country": "Hong Kong"},
        who | {"account_name": "a4", "email": "müller@exämple.de", "country": "Germany"},
        # None of these gets a draft: no address, a masked one, several, and one that another customer has too.
        who | {"account_name": "a5"},
        who | {"account_name": "a6", "email": "a***@example.com"},
        who | {"account_name": "a7", "email": "x@example.com;y@example.com"},
        who | {"account_name": "a8", "email": "both@example.com"},
        {"account_name": "a9", "email": "BOTH@example.com", "status": "associated"},
    ]
    written = write_batches(plan(records(*rows)), tmp_path / "set", reminders=True, formats=["csv"])
    folder = tmp_path / "set"
    assert [name for name in names(folder) if name.endswith(".eml")] == [f"reminder_{n:04}.eml" for n in (1, 2, 3, 4)]
    assert written.rows["mail_merge.xlsx"] == 4
    mails = [draft(folder, number) for number in (1, 2, 3, 4)]
    assert [mail["To"] for mail in mails] == ["ann@example.com", "li@example.cn", "ma@example.com", "müller@exämple.de"]
    assert all(mail["X-Unsent"] == "1" and mail["From"] is None for mail in mails)
    assert mails[0]["Subject"] == "Your Huawei Cloud invitation: please settle a payment first"
    assert ["尊敬的" in mail.get_content() for mail in mails] == [False, True, True, False]
    merged = xlsx(folder / "mail_merge.xlsx")
    assert merged.columns == ["Draft", "Email", "Customer", "Account Manager", "Language", "Subject", "Body"]
    assert merged["Language"].to_list() == ["en", "zh", "zh", "en"]
    assert merged["Body"][1].strip() == mails[1].get_content().replace("\r\n", "\n").strip()
    page = (folder / PAGE).read_text("utf-8-sig")
    assert "reminder_*.eml (4): a draft of each reminder" in page
    assert "shared with another customer: 4" in page


def test_the_read_me_names_the_mail_merge_only_if_it_is_written(tmp_path: Path) -> None:
    for folder, rows in (("none", expired(1)), ("one", records(failed("overdue_payment")))):
        write_batches(plan(rows), tmp_path / folder, reminders=True, formats=["csv"])
        page = (tmp_path / folder / PAGE).read_text("utf-8-sig")
        assert ("mail_merge.xlsx" in page) is ("mail_merge.xlsx" in names(tmp_path / folder)) is (folder == "one")


def own_messages(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(text, "utf-8")
    return path


def test_custom_messages_replace_the_built_in_ones(tmp_path: Path) -> None:
    message = "subject_en = 'Dear {customer}'\nbody_en = '{advice} Yours, {manager}'"
    own = own_messages(tmp_path, f"[[message]]\nto = 'customer'\ncode = 'overdue_payment'\n{message}")
    row = failed("overdue_payment", account_name="a", customer_name="Ann\r\nBcc: x", email="ann@example.com")
    write_batches(plan(records(row)), tmp_path / "set", templates=own, reminders=True, formats=["csv"])
    english, chinese = csv(tmp_path / "set" / "worklist_customer.csv").select(pl.nth(-2, -1)).row(0)
    assert english.startswith("Subject: Dear Ann Bcc: x\n\n")
    assert english.endswith("Yours, your account manager")
    assert chinese.startswith("主题：关于您的华为云邀请：请先结清欠款")
    assert draft(tmp_path / "set", 1)["Subject"] == "Dear Ann Bcc: x"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[message]]\nto = 'customer'\ncode = 'x'\nsubject_en = 'a'", "lacks a field"),
        ("[[message]]\nto = 'nobody'\ncode = 'x'\nsubject_en = 'a'\nbody_en = 'b'", "a recipient that does not exist"),
        ("[[message]]\nto = 'customer'\ncode = 'x'\nsubject_en = 'a'\nbody_en = '{phone}'", "uses {phone}"),
        ("[[message]]\nto = 'customer'\ncode = 'x'\nsubject_en = ' '\nbody_en = 'b'", "empty or not a text"),
        ("[[letter]]\nto = 'customer'", "is not a list of messages"),
    ],
)
def test_an_error_in_a_message_file_names_the_place(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InvitekitError, match=re.escape(problem)):
        message_templates.read_templates(own_messages(tmp_path, text))


def test_the_calendar_has_the_days_of_resends_and_lapsing_pre_registrations(
    tmp_path: Path,
) -> None:
    recently = [{"account_name": f"a{n}", "invited_at": dt.datetime(2026, 3, 28, 9, n)} for n in range(3)]
    registered = {"status": "pre_registered", "invited_at": None, "pre_registered_at": dt.datetime(2026, 3, 20, 9)}
    waiting = plan(records(*recently, {"account_name": "b"}, registered | {"account_name": "c"}))
    kinds: list[tuple[Any, bool]] = [("counts", False), ("names", True)]
    for calendar, named in kinds:
        write_batches(waiting, tmp_path / calendar, calendar=calendar, formats=["csv"])
        events = Calendar.from_ical((tmp_path / calendar / "dates.ics").read_bytes()).events
        # The 7 days end on 4 April at 9:00: the first whole day after them is the fifth.
        # The pre-registration lapses on 4 April: the customer has to be invited by that day.
        assert [event.DTSTART for event in events] == [dt.date(2026, 4, 4), dt.date(2026, 4, 5)]
        summaries = [str(event["SUMMARY"]) for event in events]
        assert summaries == ["Pre-registrations lapse: 1", "Customers may be invited again: 3"]
        assert ("a0\na1\na2" in str(events[1]["DESCRIPTION"])) is named
        assert events[0]["UID"] == Calendar.from_ical((tmp_path / calendar / "dates.ics").read_bytes()).events[0]["UID"]


def test_the_calendar_has_no_day_of_a_customer_who_may_not_be_invited_then(tmp_path: Path) -> None:
    in_review = {"status": "pending_review", "invited_at": None, "pre_registered_at": dt.datetime(2026, 3, 20, 9)}
    tries = [{"account_name": "b", "invited_at": dt.datetime(2026, 3, day, 9)} for day in (1, 10, 28)]
    waiting = plan(records(in_review | {"account_name": "a"}, *tries[:2], tries[2] | {"status": "invited"}))
    assert sorted(waiting["decision"].unique()) == ["superseded", "wait_for_expiry"]
    write_batches(waiting, tmp_path / "set", calendar="counts", formats=["csv"])
    assert not (tmp_path / "set" / "dates.ics").exists(), "some calendars refuse a file without events"
    assert "No dates.ics: the plan has no date after today" in (tmp_path / "set" / PAGE).read_text("utf-8-sig")


# The page to read first


def test_the_first_line_warns_of_personal_data_and_no_placeholder_is_left(tmp_path: Path) -> None:
    for language, words in {"en": ("PERSONAL DATA", "Partner Center"), "zh": ("个人数据", "伙伴中心")}.items():
        for name, made in {"one": planned(1), "none": plan(records())}.items():
            write_batches(made, tmp_path / f"{language} {name}", language=language, formats=["csv"])
            page = (tmp_path / f"{language} {name}" / PAGE).read_text("utf-8-sig")
            assert all(word in page.splitlines()[0] for word in words)
            assert not re.search(r"[{}]", page)


def test_the_page_states_what_to_click_and_the_free_slots(sample_plan: pl.DataFrame, sample_set: Path) -> None:
    page = (sample_set / PAGE).read_text("utf-8-sig")
    assert "Sales > Leads and Opportunities > Customer Development > History Records" in page
    assert str(ResendRules()) in page
    assert "As of 2026-03-30 00:00 UTC. Customers to invite: 115; batches: 3." in page
    assert f"today: {count_decisions(sample_plan).open_customers}; the portal allows 100" in page
    assert "no free places" not in page
    assert "batch_03_resend_as_reseller (.csv .xlsx): 2 - " in page
    assert re.search(r"batch_01_invite .* - to invite for the first time\n", page)
    assert re.search(r"batch_02_resend_now .* - to invite again\n", page)
    assert "association type Reseller" in page
    assert page.rstrip().endswith("Delete these files after use.")


@pytest.mark.parametrize(("count", "full"), [(99, False), (100, True)])
def test_the_page_warns_when_the_portal_is_full(tmp_path: Path, count: int, full: bool) -> None:
    page = page_of(expired(count, status="pending_review"), tmp_path, formats=["csv"])
    assert ("no free places" in page) is full


def test_the_chinese_page_states_the_rules_in_chinese(tmp_path: Path) -> None:
    rules = ResendRules(cool_down_days=0, max_attempts=2, link_life_days=30)
    page = page_of(expired(1), tmp_path, rules=rules, language="zh", formats=["csv"])
    assert f"计划所用规则：{rules.words('zh')}\n" in page
    assert "链接或二维码有效期为 30 天。" in page


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_explains_how_to_mark_a_batch_and_leave_out_a_customer(tmp_path: Path, language: Any) -> None:
    write_batches(planned(1), tmp_path / "set", language=language, formats=["csv"], batch_ids={1: "b1"})
    page = (tmp_path / "set" / PAGE).read_text("utf-8-sig")
    assert "workspace mark-sent b1" in page
    assert payloads.words(language)["section_unsent"] in page, "the list on the page of the app"
    for word in {"en": ("from the time you mark it", "Record ID"), "zh": ("登记时起", "记录编号")}[language]:
        assert word in page


def test_the_page_names_no_customer(tmp_path: Path) -> None:
    named = records(dict.fromkeys(TEXTS, "Secret"), failed("overdue_payment", account_name="Secret2"))
    assert "Secret" not in page_of(named, tmp_path, formats=["csv"])


# The folder


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_batches(planned(1), tmp_path / "set")
        (tmp_path / "there").mkdir(0o755)
        write_batches(planned(1), tmp_path / "there")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "set").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "there").stat().st_mode) == 0o755
    files = [*(tmp_path / "set").iterdir(), *(tmp_path / "there").iterdir()]
    assert len(files) == 6
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_unfinished_files_are_for_their_owner_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def spy(one: worklists.WorkList, path: Path, moment: dt.datetime) -> None:
        seen.append((stat.S_IMODE(path.parent.stat().st_mode), path.parent.parent))
        sheets.write_csv(one, path, moment)

    monkeypatch.setitem(sheets.WRITERS, "csv", spy)
    write_batches(planned(1), tmp_path / "set", formats=["csv"])
    assert seen == [(0o700, tmp_path)]


def test_an_earlier_run_is_not_overwritten_by_default(tmp_path: Path) -> None:
    (tmp_path / "batch_07_resend_now.csv").touch()  # this run would not write it
    with pytest.raises(OutputError, match=r"has 1 file of an earlier run: 'batch_07_resend_now.csv'"):
        write_batches(planned(1), tmp_path)
    assert names(tmp_path) == ["batch_07_resend_now.csv"]


OTHERS = (
    "notes.txt", "batch_1_resend_now.csv", "batch_01_resend_now.csv.bak", "my batch_01_resend_now.csv",
    "batch_01_review.csv", "worklist_mine.xlsx", "batch_01_resend_now.parquet", ".batch_01_resend_now.csv",
)  # fmt: skip


def test_overwrite_replaces_only_its_own_files(tmp_path: Path) -> None:
    write(records(*({"account_name": f"a{n}"} for n in range(101)), failed("overdue_payment")), tmp_path)
    for name in OTHERS:
        (tmp_path / name).write_text("mine", "utf-8")
    write_batches(planned(1), tmp_path, overwrite=True)
    assert names(tmp_path) == sorted([*OTHERS, PAGE, "batch_01_resend_now.csv", "batch_01_resend_now.xlsx"])
    assert {(tmp_path / name).read_text("utf-8") for name in OTHERS} == {"mine"}
    assert csv(tmp_path / "batch_01_resend_now.csv").height == 1


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "set"
    outside.write_text("mine", "utf-8")
    folder.mkdir()
    (folder / PAGE).symlink_to(outside)
    write_batches(planned(1), folder, overwrite=True)
    assert outside.read_text("utf-8") == "mine"
    assert not (folder / PAGE).is_symlink()


def test_a_folder_with_the_name_of_a_batch_is_refused(tmp_path: Path) -> None:
    (tmp_path / "batch_01_resend_now.csv").mkdir()
    with pytest.raises(OutputError, match=r"'batch_01_resend_now.csv' in .* is a folder"):
        write_batches(planned(1), tmp_path, overwrite=True)
    assert names(tmp_path) == ["batch_01_resend_now.csv"]


@pytest.mark.parametrize(
    ("name", "problem"),
    [("no/set", "does not exist"), ("file", "is not a folder"), ("n" * 300, "cannot be written: "),
     ("a\0b", "cannot be written: ")],
)  # fmt: skip
def test_a_bad_target_is_refused_before_the_plan_is_read(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=problem):
        write_batches(None, tmp_path / name)
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("there", [True, False])
def test_a_target_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    # Root may write everywhere, so the system error is simulated.
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    if there:
        (tmp_path / "set").mkdir()
    with pytest.raises(OutputError, match="'set' cannot be written to"):
        write_batches(planned(1), tmp_path / "set")
    assert list(tmp_path.rglob("*.*")) == []


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a folder in which nobody can make a file")
def test_a_system_error_becomes_one_clear_error() -> None:
    with pytest.raises(OutputError, match="The batches cannot be written to 'set'"):
        write_batches(planned(1), Path("/proc/set"))


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """Limit the size of files, as on a full disk; a module that is first imported now would leave half its bytecode."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    keeps_bytecode = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        sys.dont_write_bytecode = keeps_bytecode


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # xlsxwriter drops its own open file
@pytest.mark.parametrize(("kind", "small", "there"), [("csv", 1, False), ("xlsx", 100, True), ("xlsx", 1, False)])
def test_a_full_disk_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, small: int, there: bool
) -> None:
    monkeypatch.setattr(sheets, "_SMALL", small)
    made = plan(records(*(failed("overdue_payment", account_name=f"a{n}") for n in range(100))))
    if there:
        (tmp_path / "set").mkdir()
    with disk_of(4096), pytest.raises(OutputError, match="The batches cannot be written to 'set'"):
        write_batches(made, tmp_path / "set", formats=[kind])
    gc.collect()
    assert list(tmp_path.rglob("*")) == ([tmp_path / "set"] if there else [])


def fail_at(count: int, how: Callable[[], None]) -> Callable[[Path, Path], Path]:
    rename, calls = Path.rename, itertools.count(1)

    def renamed(self: Path, target: Path) -> Path:
        if next(calls) == count:
            how()
        return rename(self, target)

    return renamed


def refuse() -> None:
    raise OSError(5, "Input/output error")


@pytest.mark.parametrize("step", [1, 4, 8])
def test_an_error_while_renaming_restores_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    write(records({"account_name": "old"}, failed("overdue_payment")), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(before) == 5
    monkeypatch.setattr(Path, "rename", fail_at(step, refuse))
    with pytest.raises(OutputError, match="input/output error"):
        write_batches(planned(1), tmp_path, overwrite=True)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


CRASH = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_batch as t
t.Path.rename = t.fail_at(int(sys.argv[2]), lambda: os._exit(9))
t.write(t.expired(1), Path(sys.argv[3]), overwrite=True, formats=["csv"])
"""


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 3, 5])
def test_a_crash_while_files_are_renamed_never_mixes_two_runs(tmp_path: Path, step: int) -> None:
    write(records({"account_name": "old"}, failed("overdue_payment")), tmp_path, formats=["csv"])
    arguments = [sys.executable, "-c", CRASH, str(Path(__file__).parent), str(step), str(tmp_path)]
    ended = subprocess.run(arguments, check=False, capture_output=True, text=True)
    assert ended.returncode == 9, ended.stderr
    there = [path for path in tmp_path.iterdir() if output_folder.OURS.fullmatch(path.name)]
    runs = {name for path in there if path.suffix == ".csv" for name in csv(path)["Account Name"]}
    assert runs in ({"old", "overdue_payment"}, {"overdue_payment"}, {"a0000"}, set(), {"old"})
    assert (tmp_path / PAGE).exists() is (runs == {"old", "overdue_payment"} and step == 1)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob(".invitekit_batches.*")} == {0o700}


@pytest.mark.parametrize("name", ["", "set"])
def test_a_folder_is_written_by_one_process_at_a_time(tmp_path: Path, name: str) -> None:
    with output_folder.private_set(tmp_path / name), pytest.raises(OutputError, match="Another process is writing"):
        write_batches(planned(1), tmp_path / name)
    write_batches(planned(1), tmp_path / name)
    assert [path.name for path in tmp_path.rglob(".*")] == []


def test_a_new_folder_appears_with_everything_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = []
    rename = Path.rename

    def spy(self: Path, target: Path) -> Path:
        moved.append((names(self), target))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", spy)
    write_batches(planned(1), tmp_path / "set")
    assert moved == [([PAGE, "batch_01_resend_now.csv", "batch_01_resend_now.xlsx"], tmp_path / "set")]
    assert names(tmp_path) == ["set"]


def test_an_interruption_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(sheets.WRITERS, "xlsx", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_batches(planned(1), tmp_path / "set")
    assert names(tmp_path) == []


# Checks before files get their names


def refused(made: Any, folder: Path, error: type[Exception], message: str, **how: Any) -> None:
    with pytest.raises(error, match=message):
        write_batches(made, folder / "set", **how)
    assert names(folder) == []


def test_a_plan_that_breaks_its_rules_is_refused(tmp_path: Path) -> None:
    smaller = pl.lit(ResendRules(batch_size=50).to_json())
    for made, problem in (
        (planned(51).with_columns(plan_rules=smaller), "Batch 1 has 51 customers, more than the 50 of the rules"),
        (planned(4, batch_size=2).with_columns(customer_id=pl.lit("account:a")), "A customer is in two rows to invite"),
        (planned(2).with_columns(batch=pl.lit(None, pl.Int64)), "has no batch"),
        (planned(2).with_columns(rank=pl.lit(None, pl.Int64)), "has no batch"),
    ):
        refused(made, tmp_path, ArgumentError, problem)


def corrupted(change: Callable[[pl.DataFrame], pl.DataFrame], kind: str) -> Callable[..., None]:
    writer = sheets.WRITERS[kind]

    def write_corrupted(one: worklists.WorkList, path: Path, moment: dt.datetime) -> None:
        rows = change(one.rows) if one.batch == 1 or one.batch is None else one.rows
        parts = {name: getattr(one, name) for name in ("name", "who", "headers", "widths", "records", "batch")}
        writer(worklists.WorkList(rows=rows, lines=pl.repeat(1, rows.height, eager=True), **parts), path, moment)

    return write_corrupted


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize(
    "change",
    [lambda rows: rows.head(-1), lambda rows: rows.vstack(rows.head(1)), lambda rows: rows.reverse(),
     lambda rows: rows.with_columns(decision=pl.lit("Review"))],
    ids=["a row less", "a row more", "another order", "another decision"],
)  # fmt: skip
def test_a_batch_with_wrong_rows_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, change: Any
) -> None:
    made = planned(4, batch_size=2)
    monkeypatch.setitem(sheets.WRITERS, kind, corrupted(change, kind))
    refused(made, tmp_path, OutputError, f"'batch_01_resend_now.{kind}' does not have the expected rows")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_work_list_that_lost_a_row_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    made = plan(records(failed("overdue_payment", account_name="a"), failed("overdue_payment", account_name="b")))
    monkeypatch.setitem(sheets.WRITERS, kind, corrupted(lambda rows: rows.head(-1), kind))
    refused(made, tmp_path, OutputError, f"'worklist_customer.{kind}' does not have the expected rows")


def test_a_batch_with_another_decision_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worklists, "RESENDS", (*RESENDS, "blocked"))
    made = plan(records({"account_name": "a"}, failed("special_contract")))
    made = made.with_columns(pl.col("batch").fill_null(2), pl.col("rank").fill_null(2))
    refused(made, tmp_path, OutputError, "Batch 2 has a decision other than to resend")


def test_batches_that_lack_a_candidate_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = worklists.make
    monkeypatch.setattr(worklists, "make", lambda made, *how: make(made.head(2), *how))
    refused(planned(3), tmp_path, OutputError, "The batches have 2 customers, the plan has 3")


def test_a_frame_without_the_columns_of_a_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"The plan lacks .*reason.*pass what plan_resends"):
        worklists.make(expired(1), "en")
    assert names(tmp_path) == []


@pytest.mark.parametrize("wrong", [{"language": "de"}, {"formats": []}, {"formats": ["pdf"]}, {"formats": "csv"}])
def test_an_invalid_argument_is_rejected(tmp_path: Path, wrong: dict[str, Any]) -> None:
    refused(planned(1), tmp_path, ArgumentError, next(iter(wrong)), **wrong)
