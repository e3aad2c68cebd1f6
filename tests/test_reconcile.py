"""Customer lists from files, and from a local server with the portal's documented API."""

import datetime as dt
import json
import logging
import shutil
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

import invitekit as ik
from invitekit.errors import ArgumentError, SchemaError, SourceError, WorkspaceError
from invitekit.planning.summary import count_decisions
from invitekit.workspace import huawei_api
from tests.conftest import Run

DAY = dt.date(2026, 3, 31)
HISTORY = """\
Account,Email,Mobile,Full Name,Customer ID,Status,Invitation Time,Association Time
stays,,,,,Associated,2026-01-01,2026-01-05
gone,,,,,Associated,2026-01-01,2026-01-05
by_id,,,,P7,Expired,2026-01-01,
,mail@x.example,,,,Expired,2026-02-01,
,,139 0000 1111,Li Wei,,Expired,2026-02-01,
late,,,,,Expired,2026-03-20,
other,,,,,Expired,2026-02-01,
"""
LIST = """\
Account Name,Email Address,Mobile Number,Customer Name,Customer ID,Association Time
stays,,,,,2026-01-05
renamed,,,,p7,2026-02-02
anna,MAIL@x.example,,,,2026-02-11
wei,w@x.example,+86 139-0000-1111,Li Wei,,2026-02-12
late,,,,,2026-03-01
new,,,,P9,2026-02-11
"""


def filled(folder: Path, **exports: str) -> ik.Workspace:
    """Return a workspace with exports of days of March 2026, such as ``m30``."""
    workspace = ik.Workspace(folder / "w.duckdb")
    for day, text in exports.items():
        (path := folder / f"history_2026-03-{day[1:]}.csv").write_text(text, encoding="utf-8")
        workspace.add(path)
    return workspace


@pytest.fixture(scope="module")
def _filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with filled(tmp_path_factory.mktemp("filled"), m30=HISTORY) as workspace:
        return workspace.path


@pytest.fixture
def workspace(_filled: Path, tmp_path: Path) -> Iterator[ik.Workspace]:
    with ik.Workspace(shutil.copy(_filled, tmp_path)) as opened:
        yield opened


def write_list(folder: Path, text: str = LIST, day: str = "2026-03-15") -> Path:
    path = folder / f"customers_{day}.csv"
    path.write_text(text, encoding="utf-8")
    return path


def reasons(workspace: ik.Workspace) -> dict[str, str]:
    names = "coalesce(account_name, email, mobile), reason_code"
    return dict(workspace.plan(as_of=DAY).filter("decision <> 'superseded'").project(names).fetchall())


def test_a_customer_list_shows_who_is_associated_and_who_left(workspace: ik.Workspace, tmp_path: Path) -> None:
    result = workspace.reconcile(write_list(tmp_path), as_of=DAY)
    assert repr(workspace).endswith(", customer list of 2026-03-15")
    with pytest.raises(SchemaError, match="list of Customer Management is for 'invitekit reconcile'; else say"):
        workspace.add(write_list(tmp_path))
    assert result.counts == {
        "associated": 1, "ours_already": 4, "vanished_is_ours": 0, "vanished": 0, "left_us": 1, "not_invited": 1,
    }  # fmt: skip
    assert (result.listed, result.withheld) == (6, 4)
    since = dict(result.customers.project("customer_id, associated_since::date").fetchall())
    assert since["customer:p7"] == dt.date(2026, 2, 2)
    assert "late" not in repr(result)
    assert reasons(workspace) == {
        "stays": "associated", "gone": "left_us", "by_id": "ours_already", "mail@x.example": "ours_already",
        "139 0000 1111": "ours_already", "late": "associated_then_failed", "other": "expired",
    }  # fmt: skip


@pytest.mark.parametrize("listed", ["renamed,ANNA@x.example", ",anna@x.example"])
def test_no_customer_with_the_address_of_an_associated_one_is_invited(tmp_path: Path, listed: str) -> None:
    # The list has the address with an account that no record has, or without an account, while two records have it.
    rows = ["acme,anna@x.example,Expired,2026-02-01", "beta,Anna@x.example,Expired,2026-02-01"]
    rows += ["gamma,g@x.example,Expired,2026-02-01"]
    with filled(tmp_path, m30="\n".join(["Account,Email,Status,Invitation Time", *rows])) as workspace:
        workspace.reconcile(write_list(tmp_path, f"Account,Email,Association Time\n{listed},2026-02-11\n"), as_of=DAY)
        assert reasons(workspace) == {"acme": "same_email", "beta": "same_email", "gamma": "expired"}


def test_a_listed_account_is_associated_whatever_portal_id_the_list_has(tmp_path: Path) -> None:
    head = "Account,Customer ID,Status,Invitation Time"
    old, new = ([f"a{n},9{one},Expired,2026-02-01" for n, one in enumerate(ids)] for ids in ((123, 124), (100, 100)))
    with filled(tmp_path, m23="\n".join([head, *old]), m30="\n".join([head, *new])) as workspace:
        assert reasons(workspace) == {"a0": "expired", "a1": "expired"}
        listed = write_list(tmp_path, "Account,Customer ID,Association Time\na0,9777,2026-02-11\n")
        workspace.reconcile(listed, as_of=DAY)
        assert reasons(workspace) == {"a0": "ours_already", "a1": "expired"}


def test_the_status_of_a_listed_account_is_no_status_of_an_invitation(workspace: ik.Workspace, tmp_path: Path) -> None:
    listed = "Account Name,Status,Associated On\nstays,Normal,2026-01-05\nother,Frozen,2026-02-11\n"
    result = workspace.reconcile(write_list(tmp_path, listed), as_of=DAY)
    assert (result.listed, result.counts["associated"], result.counts["ours_already"]) == (2, 1, 1)
    with pytest.raises(SchemaError, match="1 of 2 rows have another status"):
        workspace.reconcile(write_list(tmp_path, listed.replace("2026-02-11", "")), as_of=DAY)


@pytest.mark.parametrize("missing", ["a6,2026-02-06", "a1,2026-02-01"])
def test_an_export_is_not_called_partial_because_customers_vanished_who_are_yours(tmp_path: Path, missing: str) -> None:
    rows = ["a1,2026-02-01", *(f"a{n},2026-02-0{n}" for n in range(2, 8)), "old,2026-01-01"]
    states = [f"{row},{'Associated' if row[:2] == 'a1' else 'Expired'}" for row in rows]
    old, new = (["Account,Invitation Time,Status", *(s for s in states if not s.startswith(gone))]
                for gone in ("none", missing))  # fmt: skip
    with filled(tmp_path, m23="\n".join(old), m30="\n".join(new)) as workspace:
        assert count_decisions(workspace.plan(as_of=DAY)).not_in_newest == 0
        listed = "Account Name,Association Time\na1,2026-02-03\na6,2026-03-25\n"
        workspace.reconcile(write_list(tmp_path, listed, "2026-03-30"), as_of=DAY)
        assert count_decisions(workspace.plan(as_of=DAY)).not_in_newest == 0


def test_a_listed_customer_counts_once_and_a_masked_one_is_not_new(
    workspace: ik.Workspace, tmp_path: Path, run: Run
) -> None:
    rows = ["stays,,a,2026-01-05", "STAYS ,,b,2026-01-06", "n***w,n***@x.example,c,2026-01-07", "new,,d,2026-01-08"]
    listed = write_list(tmp_path, "\n".join(["Account Name,Email,Name,Associated On", *rows]) + "\n")
    result = workspace.reconcile(listed, as_of=DAY)
    found = (result.listed, result.counts["associated"], result.counts["not_invited"], result.unidentified)
    assert found == (3, 1, 1, 1)
    workspace.close()
    printed = run("reconcile", listed, "-w", tmp_path / "w.duckdb", "--as-of", str(DAY)).stdout
    assert "masked, or have a name only, and match no record: 1. Their customers may seem to have left." in printed


def test_accounts_that_lost_their_zeros_in_the_list_are_reported(tmp_path: Path, run: Run) -> None:
    filled(tmp_path, m30="Account,Status\n007,Associated\n").close()
    for account, is_reported in (("7", True), ("007", False)):
        listed = write_list(tmp_path, f"Account,Association Time\n{account},2026-01-05\n")
        printed = run("reconcile", listed, "-w", tmp_path / "w.duckdb").stdout
        assert ("Account Name: 1 number is written with and without zeros" in printed) == is_reported


def test_damaged_cells_of_a_list_are_reported(workspace: ik.Workspace, tmp_path: Path, run: Run) -> None:
    workspace.close()
    listed = write_list(tmp_path, "Account,Customer ID,Association Time\nstays,1.38E+10,2026-01-05\n")
    printed = run("reconcile", listed, "-w", tmp_path / "w.duckdb", "--as-of", str(DAY)).stdout
    assert printed.count("1.38E+10") == 1, printed


def test_the_page_invites_nobody_of_the_list(workspace: ik.Workspace, tmp_path: Path) -> None:
    workspace.reconcile(write_list(tmp_path), as_of=DAY)
    picker = ik.ResendPicker(workspace=workspace, as_of=DAY)
    assert picker.wait(60)
    assert picker.count == 1  # of five, four are on the list
    picker.stop()


def test_a_customer_who_vanished_from_the_exports_is_looked_up_in_the_list(tmp_path: Path) -> None:
    rows = "".join(f"a{n},Expired,2026-02-0{n}\n" for n in range(1, 8))
    old = f"Account,Status,Invitation Time\n{rows}"
    with filled(tmp_path, m23=old, m30=old.replace("a6", "b6").replace("a7", "b7")) as workspace:
        result = workspace.reconcile(write_list(tmp_path, "Account Name,Association Time\na6,2026-03-25\n"), as_of=DAY)
        assert {name: n for name, n in result.counts.items() if n} == {"vanished_is_ours": 1, "vanished": 1}


def test_a_rejected_row_of_a_list_holds_its_customer_until_the_next(workspace: ik.Workspace, tmp_path: Path) -> None:
    assert reasons(workspace)["other"] == "expired"
    result = workspace.reconcile(write_list(tmp_path, LIST + "other,,,,,2026-02-12,too,many\n"), as_of=DAY)
    assert (result.rejected, reasons(workspace)["other"]) == (1, "row_rejected")
    workspace.reconcile(write_list(tmp_path, day="2026-03-16"), as_of=DAY)
    assert reasons(workspace)["other"] == "expired"


@pytest.mark.parametrize(("since", "has_left"), [("2026-03-14 23:59", True), ("2026-03-14", True),
                                                  ("2026-03-15 08:30", False), ("2026-03-15", False)])  # fmt: skip
def test_who_was_associated_on_the_day_of_the_list_has_not_left(tmp_path: Path, since: str, *, has_left: bool) -> None:
    rows = f"stays,Associated,2026-01-01,2026-01-05\nnew,Associated,2026-03-10,{since}\n"
    with filled(tmp_path, m15=f"Account,Status,Invitation Time,Association Time\n{rows}") as workspace:
        result = workspace.reconcile(write_list(tmp_path, "Account,Association Time\nstays,2026-01-05\n"), as_of=DAY)
        assert (result.counts["left_us"], result.unlisted) == (int(has_left), 0)


def test_no_customer_has_left_if_the_list_is_partial(workspace: ik.Workspace, tmp_path: Path) -> None:
    result = workspace.reconcile(write_list(tmp_path, "Account,Association Time\nnew,2026-02-11\n"), as_of=DAY)
    assert (result.counts["left_us"], reasons(workspace)["gone"]) == (0, "associated")
    assert result.unlisted == 2, "stays and gone"


def test_the_command_says_that_a_list_seems_partial(workspace: ik.Workspace, tmp_path: Path, run: Run) -> None:
    workspace.close()
    part, whole = "Account,Association Time\nnew,2026-02-11\n", LIST
    for text, day, unlisted in ((part, "2026-03-15", 2), (whole, "2026-03-16", 0)):
        words = ("reconcile", write_list(tmp_path, text, day), "-w", tmp_path / "w.duckdb", "--as-of", str(DAY))
        notice = "Associated by their records, and not on the list: 2 customers" in run(*words).stdout
        assert (notice, json.loads(run(*words, "--json").stdout)["unlisted"]) == (unlisted > 0, unlisted)


def test_outcomes_count_customers_of_the_list_as_associated(workspace: ik.Workspace, tmp_path: Path) -> None:
    planned = workspace.plan(as_of=dt.date(2026, 2, 25)).filter("decision = 'resend_now'")
    (batch_id,) = workspace.record_batches(planned).values()
    workspace.mark_batch_sent(batch_id, by="anna", at=dt.date(2026, 3, 30))
    assert set(workspace.outcomes().project("associated").fetchall()) == {(0,)}
    day = "2026-04-15"
    workspace.reconcile(write_list(tmp_path, f"Account,Association Time\nother,{day}\n", day), as_of=DAY)
    assert sum(n for (n,) in workspace.outcomes().project("associated").fetchall()) == 1


HEAD = "Account,Association Time\n"
INVALID = [
    (f"{HEAD}a,2026-02-11\n", f"{dt.datetime.now(dt.UTC).year + 2}-01-01", "-01-01 is in the future"),
    (HISTORY, "2026-03-15", "5 of 7 rows have another status than associated"),
    (f"{HEAD}a,2026-02-11\n", "undated", "Nothing says when the customer list was exported"),
    (HEAD, "2026-03-15", "The customer list has no customers"),
    ("Account,Since\na,2026-02-11\n", "2026-03-15", "association time"),
    ("Account,Association Time,Snapshot Time\na,2026-02-11,2026-03-01\nb,2026-02-11,2026-03-08\n", "undated",
     "lists of 2 days"),
]  # fmt: skip


def test_an_invalid_or_older_customer_list_is_rejected(workspace: ik.Workspace, tmp_path: Path) -> None:
    for text, day, problem in INVALID:
        with pytest.raises((ArgumentError, SchemaError), match=problem):
            workspace.reconcile(write_list(tmp_path, text, day))
    for day in ("2026-03-01", "2026-03-15"):
        workspace.reconcile(write_list(tmp_path, day=day))
    with pytest.raises(WorkspaceError, match="newer customer list is stored, of 2026-03-15"):
        workspace.reconcile(write_list(tmp_path, day="2026-03-01"))


class Portal(ThreadingHTTPServer):
    """The documented ``ListSubCustomers`` with pages of at most 100; each request has one of the given faults."""

    def __init__(self, customers: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.customers = [
            {"customer_id": f"c{n}", "account_name": f"account{n}", "customer": f"Name {n}", "telephone": "138****5678",
             "associated_on": "2026-03-01T08:05:01Z", "association_type": "3", "account_managers": []}
            for n in range(customers)
        ]  # fmt: skip
        self.faults: list[str] = []
        self.offsets: list[int] = []
        self.expired = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Portal

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault = self.server.faults.pop(0) if self.server.faults else ""
        signed = all(text in self.headers["Authorization"] for text in ("Access=the-access-key", "Signature="))
        if self.path != "/v2/partners/sub-customers/query" or not signed or body["limit"] > 100:
            return self._answer(400, {"error_code": "CBC.0100", "error_msg": "Parameter error."})
        if self.headers.get("X-Security-Token") == self.server.expired:
            return self._answer(401, {"error_code": "APIGW.0301", "error_msg": "Incorrect IAM authentication."})
        if fault == "cut":
            self.connection.close()
            return None
        if fault in ("429", "500"):
            return self._answer(int(fault), {"error_code": "APIGW.0308", "error_msg": "Throttled."})
        self.server.offsets.append(body["offset"])
        start = 0 if fault == "repeat" else body["offset"]
        page = self.server.customers[start : start + body["limit"]]
        return self._answer(200, {"count": len(self.server.customers), "customer_infos": page})

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Print no request."""


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Portal]:
    keys = {"AK": "the-access-key", "SK": "the-secret-key", "SECURITY_TOKEN": "the-token", "DOMAIN_ID": "d1"}
    for name, value in keys.items():
        monkeypatch.setenv(f"HUAWEICLOUD_SDK_{name}", value)
    monkeypatch.setattr(huawei_api, "FIRST_PAUSE", 0.01)
    with Portal(250) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_every_customer_of_the_portal_is_listed_once(workspace: ik.Workspace, portal: Portal) -> None:
    for name, faults, repeated in (
        ("throttled twice", ["", "429", "429"], []), ("a repeated page", ["", "repeat"], [0, 100, 200]),
        ("a fault of the server, and a cut connection", ["500", "", "cut"], []),
    ):  # fmt: skip
        portal.faults, portal.offsets = faults, []
        began = dt.datetime.now(dt.UTC).date()
        result = workspace.reconcile(from_huawei=True, endpoint=portal.url, as_of=DAY)
        assert (result.listed, result.counts["not_invited"]) == (250, 250), name
        assert portal.offsets == [*repeated, 0, 100, 200], name
        assert began <= result.listed_at.date() <= dt.datetime.now(dt.UTC).date()


def test_the_times_of_the_portal_are_utc_wherever_the_machine_is() -> None:
    assert time.tzname[0] != "UTC", "conftest.py sets another zone"
    names = ("customer_id", "account_name", "customer", "email", "telephone", "association_type")
    for answer, expected in {
        "2026-03-01T08:05:01Z": dt.datetime(2026, 3, 1, 8, 5, 1), "soon": None, "": None, None: None,
        "2026-03-01T08:05:01+08:00": dt.datetime(2026, 3, 1, 0, 5, 1),
        "2026-03-01 08:05:01": dt.datetime(2026, 3, 1, 8, 5, 1),
    }.items():  # fmt: skip
        assert huawei_api._row(SimpleNamespace(associated_on=answer, **dict.fromkeys(names)))[-1] == expected, answer


def test_a_run_continues_with_a_new_token_after_the_old_one_expires(
    workspace: ik.Workspace, portal: Portal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(huawei_api, "RETRIES", 1)
    portal.faults = ["", "cut", "cut"]
    with pytest.raises(SourceError, match=r"The connection to 127\.0\.0\.1 failed"):
        workspace.reconcile(from_huawei=True, endpoint=portal.url)
    assert workspace.plan(as_of=DAY).filter("reason_code = 'left_us'").fetchall() == []  # half a list is none
    portal.expired = "the-token"
    with pytest.raises(SourceError, match=r"rejects the keys \(401\)") as caught:
        workspace.reconcile(from_huawei=True, endpoint=portal.url)
    monkeypatch.setenv("HUAWEICLOUD_SDK_SECURITY_TOKEN", "a-new-token")
    assert workspace.reconcile(from_huawei=True, endpoint=portal.url).listed == 250
    assert portal.offsets == [0, 100, 200]
    told = f"{caught.value}{caplog.text}"
    assert not any(secret in told for secret in ("the-secret-key", "the-token", "a-new-token", "the-access-key"))


def test_a_portal_that_keeps_throttling_is_an_error(
    workspace: ik.Workspace, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huawei_api, "RETRIES", 1)
    portal.faults = ["429"] * 2
    with pytest.raises(SourceError, match=r"goes on throttling requests \(429\)"):
        workspace.reconcile(from_huawei=True, endpoint=portal.url)


def test_keys_come_from_the_environment_and_the_connection_is_encrypted(
    workspace: ik.Workspace, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ArgumentError, match="not encrypted"):
        workspace.reconcile(from_huawei=True, endpoint="http://portal.example")
    monkeypatch.delenv("HUAWEICLOUD_SDK_SK")
    with pytest.raises(ArgumentError, match="HUAWEICLOUD_SDK_SK is not set"):
        workspace.reconcile(from_huawei=True, endpoint=portal.url)
    with pytest.raises(ArgumentError, match="Name files, or the portal"):
        workspace.reconcile()


def test_the_command_prints_counts_and_writes_the_customers(workspace: ik.Workspace, tmp_path: Path, run: Run) -> None:
    workspace.close()
    file = tmp_path / "w.duckdb"
    file_of_list = write_list(tmp_path, f"{LIST},,,,,2026-01-01\n")
    done = run("reconcile", file_of_list, "-w", file, "--as-of", DAY, "-o", tmp_path / "found.csv")
    assert done.returncode == 0, done.stderr
    assert "Yours already, though their records do not say so" in done.stdout
    assert "Rejected rows of the list: 1." in done.stdout
    assert "Not invited again because they are yours already: 4 customers." in done.stdout
    assert pl.read_csv(tmp_path / "found.csv")["finding"].to_list() == ["associated", "left_us", *["ours_already"] * 4]
    assert run("reconcile", "-w", file).returncode == 2
