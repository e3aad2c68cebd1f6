"""A rejected row may have the newest state of a customer, so an older record does not decide."""

import datetime as dt
import json
from pathlib import Path

import polars as pl
import pytest

import invitekit as ik
from tests.conftest import Run

DAY = dt.date(2026, 3, 31)
HEADER = "Customer Full Name,Account Name,Email,Mobile,Invitation Method,Status,Invited At"
EXPIRED = "Acme Ltd,acme,Anna@acme.example,+44 7700 900100,Email,Expired,2026-02-20 09:00:00"
OTHER = "Beta Ltd,beta,bob@beta.example,+44 7700 900101,Email,Expired,2026-02-20 09:00:00"
NEWEST = "history_2026-03-30.csv"


def write(folder: Path, date: str, *rows: str, header: str = HEADER) -> Path:
    path = folder / f"history_{date}.csv"
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return path


def decisions(folder: Path) -> dict[str, tuple[str, str]]:
    """Plan the files of a folder; return decision and reason of each customer by account."""
    loaded = ik.load(folder)
    planned = ik.plan_resends(ik.annotate(loaded.records, as_of=DAY), as_of=DAY, rejected=loaded.rejects)
    newest = planned.filter(pl.col("decision") != "superseded").select("account_name", "decision", "reason")
    return {account: (decision, reason) for account, decision, reason in newest.rows()}


def test_a_customer_whose_newest_row_was_rejected_is_for_review_with_its_row(tmp_path: Path) -> None:
    write(tmp_path, "2026-03-02", EXPIRED, OTHER)
    write(tmp_path, "2026-03-30", OTHER, "Acme Ltd,acme,anna@acme.example,,Email,Associated,the other day")
    found = decisions(tmp_path)
    assert found["acme"][0] == "review"
    assert f"{NEWEST}, row 3 (Invitation Time)." in found["acme"][1]
    assert found["beta"][0] == "resend_now"


def test_of_several_rejected_rows_the_last_one_is_named(tmp_path: Path) -> None:
    write(tmp_path, "2026-03-02", EXPIRED)
    rejected = "Acme Ltd,acme,anna@acme.example,,Email,Associated,the other day"
    write(tmp_path, "2026-03-30", *[OTHER] * 7, rejected, rejected)
    assert f"{NEWEST}, row 10 (Invitation Time)." in decisions(tmp_path)["acme"][1]


@pytest.mark.parametrize(
    "row",
    [
        "?,ACME ,,,Email,Associated,the other day", ",,<anna@ACME.example>,,Email,Associated,the other day",
        "Acme  Ltd,,,7700900100,Email,Associated,the other day", 'Acme Ltd,acme,x,,Email,"Associated" or so,2026-03-12',
        "Acme, Ltd,2,acme,,,Email,Associated,2026-03-12", "a,b,c,d,e,f,g,h,mailto:anna@acme.example,Associated",
        "a,b,c,d,e,f,g,h,Acme Ltd,0044 7700 900100,Associated",
    ],
)  # fmt: skip
def test_any_key_in_a_rejected_row_identifies_its_customer(tmp_path: Path, row: str) -> None:
    write(tmp_path, "2026-03-02", EXPIRED, OTHER)
    write(tmp_path, "2026-03-30", OTHER, row)
    found = decisions(tmp_path)
    assert (found["acme"][0], found["beta"][0]) == ("review", "resend_now")


@pytest.mark.parametrize(
    "row",
    [
        "Acme Ltd,other,,,Email,Associated,the other day", "Acme Ltd,,,7700 900199,Email,Associated,the other day",
        "Acme Ltd,ac***me,a***@acme.example,****00100,Email,Associated,the other day", "Total,,,,,,5 rows",
    ],
)  # fmt: skip
def test_a_rejected_row_of_another_customer_changes_nothing(tmp_path: Path, row: str) -> None:
    write(tmp_path, "2026-03-30", EXPIRED, row)
    assert decisions(tmp_path)["acme"][0] == "resend_now"


@pytest.mark.parametrize(("rejected", "read", "decision"), [("02", "30", "resend_now"), ("30", "30", "review")])
def test_only_a_row_that_may_be_newer_counts(tmp_path: Path, rejected: str, read: str, decision: str) -> None:
    bad = EXPIRED.replace("2026-02-20 09:00:00", "the other day")
    for date in {rejected, read}:
        rows = [bad] * (date == rejected) + [EXPIRED] * (date == read) + [OTHER]
        write(tmp_path, f"2026-03-{date}", *rows)
    assert decisions(tmp_path)["acme"][0] == decision


def test_the_snapshot_of_a_rejected_row_may_come_from_its_own_column(tmp_path: Path) -> None:
    header = f"{HEADER},Snapshot At"
    bad = EXPIRED.replace("2026-02-20 09:00:00", "the other day")
    rows = [f"{bad},2026-03-02", f"{EXPIRED},2026-03-09", f"{bad.replace('cme', 'dam')},2026-03-09"]
    rows.append(f"{EXPIRED.replace('cme', 'dam')},2026-03-02")
    (tmp_path / "all.csv").write_text("\n".join([header, *rows]) + "\n", "utf-8")
    found = decisions(tmp_path)
    assert (found["acme"][0], found["adam"][0]) == ("resend_now", "review")


def test_a_customer_is_identified_by_the_record_id_of_its_file(tmp_path: Path) -> None:
    header = f"Record ID,{HEADER}"
    masked = "A***e,a***e,a***@x.example,***100,Email,{},{}"
    write(tmp_path, "2026-03-30", f"P-1,{masked.format('Expired', '2026-02-20')}", header=header)
    bad = f"P-1,{masked.format('Associated', 'the other day')}"
    write(tmp_path, "2026-03-31", bad, f"P-2,{masked.format('Expired', '2026-02-20')}", header=header)
    found = ik.load(tmp_path)
    plan = ik.plan_resends(ik.annotate(found.records, as_of=DAY), as_of=DAY, rejected=found.rejects)
    assert dict(plan.select("record_id", "reason_code").rows())["P-1"] == "row_rejected"


@pytest.mark.parametrize(
    "row",
    ["hwA1,A***e,a***e,Email,Associated,the other day", ",,acme,Email,Associated,the other day", "x,hwa1,a,b,c,d,e,f"],
)
def test_a_customer_is_identified_by_the_portals_id(tmp_path: Path, row: str) -> None:
    header = "Customer ID,Customer Full Name,Account Name,Invitation Method,Status,Invited At"
    sound = ["hwA1,Acme Ltd,acme,Email,Expired,2026-02-20", "hwB2,Beta Ltd,beta,Email,Expired,2026-02-20"]
    write(tmp_path, "2026-03-30", *sound, row, header=header)
    found = decisions(tmp_path)
    assert (found["acme"][0], found["beta"][0]) == ("review", "resend_now")


def test_a_customer_is_identified_by_any_portal_id_of_its_account(tmp_path: Path) -> None:
    header = "Customer ID,Account Name,Invitation Method,Status,Invited At"
    write(tmp_path, "2026-03-23", "9012345678901000,acme,Email,Expired,2026-02-20", header=header)
    older, bad = "9012345678901234,acme,Email,Expired,2026-02-20", "9012345678901234,a***e,Email,Associated,lately"
    write(tmp_path, "2026-03-30", older, bad, header=header)
    assert decisions(tmp_path)["acme"][0] == "review"


@pytest.mark.parametrize(
    ("mobile", "account", "decision"),
    [("1.38E+10", "", "review"), ("1.38E+10", "other", "resend_now"), ("-", "", "resend_now")],
)
def test_a_name_with_a_cut_mobile_may_be_the_customer(tmp_path: Path, mobile: str, account: str, decision: str) -> None:
    older = "Acme Ltd,,,13800001000,Email,Expired,2026-02-20"
    write(tmp_path, "2026-03-30", older, OTHER, f"Acme Ltd,{account},,{mobile},Email,Associated,2026-03-12")
    loaded = ik.load(tmp_path)
    assert loaded.rejects["column"].to_list() == ["mobile"] * (decision == "review")
    plan = ik.plan_resends(ik.annotate(loaded.records, as_of=DAY), as_of=DAY, rejected=loaded.rejects)
    assert dict(plan.select("source_row", "decision").rows())[2] == decision


def test_command_workspace_and_screen_decide_the_same_and_say_how_many(tmp_path: Path, run: Run) -> None:
    files, batches, memory = tmp_path / "files", tmp_path / "batches", tmp_path / "w.duckdb"
    files.mkdir()
    write(files, "2026-03-02", EXPIRED, OTHER)
    write(files, "2026-03-30", OTHER, "Acme Ltd,acme,anna@acme.example,,Email,Associated,the other day")
    out = run("plan", files, "--as-of", "2026-03-31", "--batch-dir", batches).stdout
    assert "a row that may be newer was rejected: 1 customer." in " ".join(out.split())
    assert "not in the newest export" not in out, "a rejected row does not make its export partial"
    (page,) = batches.glob("*.txt")
    assert "a row that may be newer was rejected: 1." in page.read_text("utf-8-sig")
    with ik.Workspace(memory) as workspace:
        workspace.add(files)
        stored = workspace.plan(as_of=DAY).filter("decision = 'review'").project("account_name, reason_code")
        assert stored.fetchall() == [("acme", "row_rejected")]
        for picker in (ik.ResendPicker(ik.load(files), as_of=DAY), ik.ResendPicker(None, None, workspace, as_of=DAY)):
            assert picker.wait(60)
            assert picker.count == 1
            picker.stop()
    assert (
        json.loads(run("plan", "-w", memory, "--as-of", "2026-03-31", "--json").stdout)["named_by_rejected_rows"] == 1
    )
