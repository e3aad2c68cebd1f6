"""The page without a browser: the files that its session opens and stores, and who may use its server."""

import asyncio
import codecs
import contextlib
import datetime as dt
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import zipfile
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

import invitekit as ik
from invitekit.widgets.session import Session
from invitekit.widgets.transfer import safe_name
from tests.conftest import DATA, Run, served
from tests.messages import check_response

DAY = dt.datetime(2026, 3, 30)
FIRST, SECOND = sorted(DATA.glob("*.csv"))[:2]


class Tab:
    """A browser tab without a browser: it stores its messages."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.messages: list[tuple[str, Any]] = []
        session.listen(self._receive)

    def _receive(self, name: str, message: dict[str, Any], _buffers: Sequence[bytes]) -> None:
        sender = {"pick": "ResendPicker", "explore": "Explorer", "export": "ExportPanel"}.get(name, name)
        self.messages.append((name, check_response(sender, json.loads(json.dumps(message)))))

    def until(self, name: str, kind: str, check: Callable[[Any], Any] = bool, **values: Any) -> Any:
        """Wait for a message of a kind, and return the newest one."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            for sender, message in reversed(self.messages):
                if sender == name and message["type"] == kind and values.items() <= message.items() and check(message):
                    return message
            time.sleep(0.02)
        received = [(n, m["type"], m.get("problem")) for n, m in self.messages]
        raise AssertionError(f"no {kind} of {name} arrived, only {received}")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    one = Session(tmp_path, as_of=DAY)
    yield one
    one.close()


def test_files_opened_with_a_workspace_are_added_once(session: Session, tmp_path: Path) -> None:
    memory = tmp_path / "memory.duckdb"
    assert [one.already_stored for one in session.open([str(FIRST)], memory)] == [False]
    assert [one.already_stored for one in session.open([str(FIRST), str(SECOND)], memory)] == [True, False]
    tab = Tab(session)
    session.receive("page", {"type": "connect"})
    state = tab.until("page", "state")
    assert state["added"] == [[FIRST.name, True], [SECOND.name, False]]
    assert (state["files"], state["workspace"], state["as_of"]) == (
        [FIRST.name, SECOND.name], "memory.duckdb", "2026-03-30",
    )  # fmt: skip
    session.close()
    with ik.Workspace(memory, read_only=True) as workspace:
        assert len(workspace.files()) == 2


def test_the_language_is_changed_while_rows_are_selected(session: Session, tmp_path: Path) -> None:
    session.open([str(FIRST)], tmp_path / "memory.duckdb")
    tab = Tab(session)
    session.receive("pick", {"type": "connect"})
    tab.until("pick", "counts")
    session.receive("pick", {"type": "select", "action": "add_all", "version": 0})
    chosen = tab.until("pick", "selected")["selected"]
    tab.messages.clear()
    session.receive("page", {"type": "set_language", "language": "zh"})
    state = tab.until("page", "state", language="zh")
    assert state["words"]["title"] == "邀请"
    heading = tab.until("pick", "init")["groups"][0]
    assert all(re.search("[一-鿿]", text) for text in heading)
    assert tab.until("pick", "counts")["selected"] == chosen > 0
    session.receive("explore", {"type": "connect"})
    assert tab.until("explore", "init")["language"] == "zh"


def test_another_choice_closes_the_workspace_and_its_threads(session: Session, tmp_path: Path) -> None:
    memory = tmp_path / "memory.duckdb"
    tab = Tab(session)
    before = threading.active_count()
    session.open([str(FIRST)], memory)
    for name in ("explore", "export"):
        session.receive(name, {"type": "connect"})
    tab.until("explore", "counts")
    tab.until("export", "form")
    session.receive("page", {"type": "choose_files"})
    tab.until("page", "state", status="choose")
    code = f"import invitekit as ik; print(ik.Workspace({str(memory)!r}).counts()['records'])"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert other.returncode == 0, other.stderr
    end = time.monotonic() + 20
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.05)
    assert threading.active_count() <= before


def test_only_files_that_the_page_offered_are_opened(session: Session, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    secret = tmp_path / "folder" / "history.csv"
    shutil.copy(FIRST, secret)
    tab = Tab(session)
    choose(session, "folder/history.csv", str(secret))
    assert tab.until("page", "problem")["problem"] == "Nothing was chosen."


@pytest.mark.parametrize("content", [b"", b"\0\1\2PK garbage"])
def test_an_unreadable_file_returns_to_the_choice(session: Session, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "empty.csv").write_bytes(content)
    shutil.copy(FIRST, tmp_path / "good.csv")
    tab = Tab(session)
    choose(session, "empty.csv")
    problem = tab.until("page", "problem")
    assert "empty.csv" in problem["problem"]
    assert "--" not in problem["hint"], "an option of the command line"
    assert tab.until("page", "state")["status"] == "choose"
    assert tab.until("page", "state")["offered"]["files"] == ["empty.csv", "good.csv"]
    choose(session, "good.csv")
    tab.until("page", "state", status="open")


def choose(session: Session, *files: str, workspace: str = "", uploads: Sequence[list[str | None]] = ()) -> None:
    """Open files that the page offered, or that were sent to it."""
    chosen = {"type": "open", "files": [*files], "uploads": [*uploads], "workspace": workspace}
    session.receive("page", chosen)


def upload(session: Session, path: Path) -> str:
    """Receive a file as the page's server does; return its ID."""
    content = path.read_bytes()
    incoming = session.transfers.begin(path.name, len(content))
    incoming.write(content)
    return session.transfers.finish(incoming).id


def opened(session: Session, *paths: Path, workspace: str = "", day: str | None = None) -> Tab:
    """Upload and open files; return a tab that gets the answer."""
    tab = Tab(session)
    choose(session, workspace=workspace, uploads=[[upload(session, path), day] for path in paths])
    return tab


def test_uploads_go_into_a_new_workspace_even_if_one_is_unreadable(session: Session, tmp_path: Path) -> None:
    bad = tmp_path / "away" / "history_2026-03-01.csv"
    bad.parent.mkdir()
    bad.write_text("Account,Colour\nacme,red\n")
    state = opened(session, FIRST, bad, SECOND, workspace="week").until("page", "state", status="open")
    assert [name for name, _ in state["added"]] == [FIRST.name, SECOND.name]
    ((unread, asked),) = [(one["file"], one["question"]) for one in state["failed"]]
    assert (unread, asked["kind"], asked["columns"], asked["options"]) == (
        bad.name, "column", [["status", "Status"]], ["Account", "Colour"],
    )  # fmt: skip
    assert (state["workspace"], state["offered"]["workspaces"]) == ("week.duckdb", ["week.duckdb"])
    tab = Tab(session)
    session.receive("page", {"type": "dismiss", "file": bad.name})
    assert tab.until("page", "state")["failed"] == []


@pytest.mark.parametrize("name", ["../week", "a/b", "con.duckdb\0", ".hidden"])
def test_a_new_workspace_has_a_plain_name_in_the_folder(session: Session, tmp_path: Path, name: str) -> None:
    tab, upload_id = Tab(session), upload(session, FIRST)
    choose(session, workspace=name, uploads=[[upload_id, None]])
    assert tab.until("page", "problem")["problem"] == "A workspace cannot have this name."
    assert [*tmp_path.iterdir()] == []
    assert session.transfers.take(upload_id).name == FIRST.name, "it need not be sent again"


def is_only(name: str) -> Callable[[Any], bool]:
    """Return whether a page is the first of a view and its rows have names."""
    return lambda page: "state" in page and page["state"]["only"] == name


def test_masked_files_are_not_said_to_be_unchanged(session: Session, tmp_path: Path) -> None:
    files = [tmp_path / f"history_2026-03-{day}.csv" for day in (23, 30)]
    for path, status in zip(files, ("Invited", "Association failed"), strict=True):
        path.write_text(f"Account,Status\na***e,{status}\n")
    tab = opened(session, *files, workspace="week")
    state = tab.until("page", "state", status="open", check=lambda state: state.get("changes"))
    assert (sum(n for _, n in state["changes"]["counts"]), state["changes"]["unmatched"]) == (0, 2)


def test_changes_since_the_last_file_are_counted_shown_and_downloaded(session: Session) -> None:
    tab = opened(session, FIRST, SECOND, workspace="week")
    state = tab.until("page", "state", status="open", check=lambda state: state.get("changes"))
    counts = dict(state["changes"]["counts"])
    with ik.Workspace(session._folder / "week.duckdb") as workspace:
        assert counts == {name: n for name, n in workspace.compare().counts.items() if name != "same"}
    session.receive("pick", {"type": "connect"})
    tab.until("pick", "counts")
    for change in (name for name, n in counts.items() if n):
        session.receive("page", {"type": "show_changed", "change": change})
        shown = tab.until("pick", "page", check=is_only(change))
        tab.until("pick", "counts", version=shown["version"], matched=counts[change])
        assert shown["state"]["total"] > counts[change], "the header says how many customers there are"
    path = fetched(session, tab, "list", "shown.csv")
    assert path.read_bytes().startswith(codecs.BOM_UTF8), "Excel garbles other alphabets without the mark"
    assert pl.read_csv(path).height == counts[change]
    session.receive("pick", {"type": "set_only_selected", "on": False})
    assert tab.until("pick", "page", check=is_only(""))["version"] > shown["version"]


def test_changes_are_counted_since_the_last_whole_export(session: Session, tmp_path: Path) -> None:
    def export(day: str, accounts: Iterable[int], associated: Collection[int] = ()) -> Path:
        rows = [f"acct_{n},{'Associated' if n in associated else 'Expired'},Email,2026-01-10" for n in accounts]
        name = f"history_{day}.csv"
        return exported(tmp_path, name, "\n".join([ROWS.partition("\n")[0], *rows, ""]))

    parts = [export(f"2026-03-{day}", range(10)) for day in ("16", "23")]
    first, last = export("2026-03-09", range(40)), export("2026-03-30", range(41), associated={5, 39})
    opened(session, first, *parts, last, workspace="week").until("page", "state", status="open")
    session.receive("page", {"type": "choose_files"})
    choose(session, workspace="week.duckdb")
    tab = Tab(session)
    changes = tab.until("page", "state", status="open", check=lambda state: state.get("changes"))["changes"]
    assert (changes["before"], changes["after"]) == ("2026-03-09", "2026-03-30")
    assert {name: n for name, n in changes["counts"] if n} == {"became_associated": 2, "appeared": 1}


def test_the_day_of_the_plan_is_chosen_on_the_page(session: Session) -> None:
    tab = opened(session, FIRST, workspace="week")
    session.receive("pick", {"type": "connect"})
    tab.until("pick", "state", day="2026-03-30", ready=True)
    today = f"{dt.datetime.now().astimezone():%Y-%m-%d}"
    for day, shown, fixed in (("2026-06-01",) * 3, (today, today, None), ("2026-06-02",) * 3, ("", today, None)):
        session.receive("page", {"type": "set_day", "day": day})
        tab.until("page", "state", as_of=shown)
        tab.until("pick", "state", day=fixed, ready=True)
    session.receive("page", {"type": "set_day", "day": "31.12."})
    assert tab.until("page", "problem")["problem"] == "The date is missing."


def download_request(request: str, what: str, name: str, **more: str) -> dict[str, str]:
    """Return the message with which the page asks for a download."""
    return {"type": "download", "request": request, "what": what, "name": name, "tab": "pick", "batch_id": "", **more}


def fetched(session: Session, browser_tab: Tab, what: str, name: str, **more: str) -> Path:
    """Ask for a download as the page does, and return its file."""
    request = f"{what} {name} {more}"
    session.receive("page", download_request(request, what, name, **more))
    download_id = browser_tab.until("page", "download", request=request)["id"]
    path = session.transfers.fetch(download_id)
    assert session.transfers.fetch(download_id) is None, "only once"
    assert path is not None
    return path


def test_shown_and_selected_rows_are_downloaded_as_shown(session: Session) -> None:
    session.open([str(FIRST)])
    tab = Tab(session)
    session.receive("pick", {"type": "connect"})
    shown = tab.until("pick", "counts")["matched"]
    session.receive("pick", {"type": "set_columns", "columns": ["account_name", "email", "decision"], "first": 0})
    keys = tab.until("pick", "page", first=0)["keys"][:2]
    session.receive("pick", {"type": "select", "action": "add", "keys": keys, "version": 0})
    tab.until("pick", "selected", selected=2)
    path = fetched(session, tab, "list", "shown.csv")
    assert path.name == "customers.csv"
    whole = pl.read_csv(path)
    assert (whole.height, whole.columns) == (shown, ["Account Name", "Email", "Decision"])
    assert set(whole["Decision"]) <= {"Invite now", "Invite as reseller"}
    assert "•••" in whole["Email"].drop_nulls()[0]
    session.receive("pick", {"type": "set_masking", "unmasked": True, "first": 0})
    path = fetched(session, tab, "list", "selected.xlsx")
    assert path.name == "selected_customers.xlsx"
    chosen = pl.read_excel(path)
    assert chosen.height == 2
    assert "•••" not in "".join(chosen["Email"])
    session.receive("pick", {"type": "set_filter", "filter": {"text": "nobody"}, "screen": "a", "request": 1})
    tab.until("pick", "counts", matched=0)
    for name, problem in [("shown.csv", "The list is empty."), ("shown.exe", "There is no such list.")]:
        session.receive("page", download_request("e", "list", name))
        tab.until("page", "problem", problem=problem)


def test_rejected_rows_are_downloaded_in_the_words_of_the_page(session: Session, tmp_path: Path) -> None:
    bad = exported(tmp_path, "bad_2026-04-06.csv", "Account Name,Status,Invitation Time\na,Expired,x\n,,?\n")
    session.open([str(bad)])
    tab = Tab(session)
    session.receive("page", {"type": "set_language", "language": "zh"})
    tab.until("page", "state", language="zh")
    path = fetched(session, tab, "rejected", "")
    assert path.read_bytes().startswith(codecs.BOM_UTF8), "Excel needs it for Chinese"
    rows = pl.read_csv(path)
    assert rows.columns == ["文件", "行", "列", "原因", "内容"]
    assert rows.select(rows.columns[:4]).rows()[0] == (bad.name, 2, "邀请时间", "不是可读的时间：格式未知")
    assert not re.search("[A-Za-z]{3}", "".join(rows["原因"]))
    assert rows["内容"].to_list() == ["客户账号: a; 状态: Expired; 邀请时间: x", "邀请时间: ?"]


def test_a_batch_and_an_export_are_downloaded_with_all_their_files(session: Session) -> None:
    tab = Tab(session)
    session.receive("page", {"type": "try_sample"})
    tab.until("pick", "counts")
    session.receive("pick", {"type": "select", "action": "add_all", "version": 0})
    tab.until("pick", "selected")
    session.receive("pick", {"type": "confirm"})
    session.receive("pick", {"type": "write_batches", "digest": tab.until("pick", "confirmation")["digest"]})
    written = tab.until("pick", "batches_written")
    batch_id = written["batch_ids"][0]
    (Path(written["folder"]) / "batch_01_invite.csv.gz").touch()  # a file of the user's own
    workbook = fetched(session, tab, "batch", "", batch_id=batch_id)
    session.transfers.fetched(workbook)
    assert (workbook.name[:9], workbook.suffix, workbook.exists()) == ("batch_01_", ".xlsx", True)
    with zipfile.ZipFile(fetched(session, tab, "batch", "all", batch_id=batch_id)) as packed:
        assert sorted(packed.namelist()) == sorted(name for name, _ in written["files"])
    for wrong in ("../../week.duckdb", "batch_01_invite.csv.gz"):
        session.receive("page", download_request("w", "batch", wrong, batch_id=batch_id))
        assert "gone" in tab.until("page", "problem")["problem"]
        tab.messages.clear()
    session.receive("export", {"type": "connect"})
    tab.until("export", "count")  # the screen lets nobody export before
    session.receive("export", {"type": "export", "overwrite": False})
    name = tab.until("export", "result")["file"]
    with zipfile.ZipFile(fetched(session, tab, "export", name, tab="export")) as packed:
        assert packed.namelist() == [name, f"{name}.manifest.json"]


ROWS = "Account Name,Status,Invitation Method,Invitation Time\nacme,Expired,Email,03/04/2026 09:00\n"


def exported(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / "downloads" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


CYRILLIC = ROWS.replace("acme", "Общество Ромашка Северная").encode("cp1251")


@pytest.mark.parametrize(
    ("content", "kind", "answer"),
    [(ROWS.replace("Account Name", "Konto"), "column", {"columns": {"account_name": "Konto"}}),
     (CYRILLIC, "encoding", {"encoding": "cp1251"})],
)  # fmt: skip
def test_answers_for_a_file_are_reused_next_week(
    session: Session, tmp_path: Path, content: str | bytes, kind: str, answer: Any
) -> None:
    tab = opened(session, exported(tmp_path, "a_2026-04-06.csv", content), workspace="week")
    assert tab.until("page", "problem")["hint"] == "Choose how it is read, or leave it out."
    state = tab.until("page", "state", status="choose")
    (unread,) = state["failed"]
    assert (unread["question"]["kind"], state["offered"]["workspaces"]) == (kind, [])
    assert kind != "encoding" or any("Ромашка" in line for lines in unread["question"]["previews"] for line in lines)
    session.receive("page", {"type": "answer", "file": unread["file"], "kind": kind, **answer})
    assert tab.until("page", "state", status="open")["records"] == 1
    later = Session(tmp_path, as_of=DAY)
    next_week = exported(tmp_path, "b_2026-04-13.csv", content)
    assert opened(later, next_week, workspace="week.duckdb").until("page", "state", status="open")["records"] == 2
    # A file with the usual header and encoding is read as usual.
    usual = exported(tmp_path, "c_2026-04-20.csv", ROWS)
    assert opened(later, usual, workspace="week.duckdb").until("page", "state", status="open", records=3)
    later.close()


def test_the_page_asks_for_the_date_of_a_file_without_one(session: Session, tmp_path: Path) -> None:
    tab = opened(session, exported(tmp_path, "export.csv", ROWS), workspace="week")
    state = tab.until("page", "state", status="choose", check=lambda state: state.get("failed"))
    assert state["failed"][0]["question"]["kind"] == "snapshot"
    session.receive("page", {"type": "answer", "file": "export.csv", "kind": "snapshot", "day": "2026-04-06"})
    assert tab.until("page", "state", status="open")["files"] == ["export_2026-04-06.csv"]
    known = opened(session, exported(tmp_path, "later.csv", ROWS), workspace="week.duckdb", day="2026-04-13")
    assert known.until("page", "state", status="open", added=[["later_2026-04-13.csv", False]])


def test_a_time_zone_and_a_date_order_are_saved_and_files_are_read_again(session: Session, tmp_path: Path) -> None:
    rows = ROWS.replace("Status", "Farbe,Status").replace("acme", "acme,rot")
    tab = opened(session, exported(tmp_path, "a_2026-04-06.csv", rows), workspace="week")
    before = tab.until("page", "state", status="open")
    reading = before["reading"]
    assert (reading["without_offset"], reading["undecided"], reading["headers"]) == (1, 1, ["Farbe"])
    change = {"time_zone": "Asia/Shanghai", "day_first": False, "columns": {"remarks": "Farbe"}}
    session.receive("page", {"type": "set_reading", **change})
    again = tab.until("page", "state", status="open", check=lambda state: state["run"] != before["run"])
    assert (again["reading"]["time_zone"], again["reading"]["undecided"], again["reading"]["headers"]) == (
        "Asia/Shanghai", 0, [],
    )  # fmt: skip
    assert [one for one in reading["columns"] if one not in again["reading"]["columns"]] == [["remarks", "Remarks"]]
    assert again["records"] == 1
    session.receive("page", {"type": "choose_files"})
    with ik.Workspace(tmp_path / "week.duckdb") as workspace:
        row = workspace.history().select("invited_at::varchar, remarks").fetchall()
    assert row == [("2026-03-04 01:00:00", "rot")]


def test_a_word_is_taught_for_all_weeks_of_a_workspace(session: Session, tmp_path: Path) -> None:
    weeks = [exported(tmp_path, f"a_2026-04-{day}.csv", ROWS.replace("Expired", "On ice")) for day in ("06", "13")]
    opened(session, *weeks, workspace="week").until("page", "state", status="open")
    session.receive("page", {"type": "choose_files"})
    choose(session, workspace="week.duckdb")
    tab = Tab(session)
    before = tab.until("page", "state", status="open", check=lambda state: state["unknown"]["records"] == 2)
    session.receive("page", {"type": "teach_words", "words": {"status": {"On ice": "expired"}}})
    state = tab.until("page", "state", status="open", check=lambda state: state["run"] != before["run"])
    assert state["unknown"] == {"records": 0, "columns": []}
    session.receive("page", {"type": "choose_files"})
    with ik.Workspace(tmp_path / "week.duckdb") as workspace:
        assert workspace.history().select("status, unrecognised").distinct().fetchall() == [("expired", None)]


def test_rules_that_were_changed_on_the_page_hold_for_what_is_opened_next(session: Session, tmp_path: Path) -> None:
    def held_back() -> str:
        session.receive("pick", {"type": "connect"})
        return str(tab.until("pick", "state", ready=True)["rules_text"])

    week = exported(tmp_path, "a_2026-04-06.csv", ROWS.replace("Expired", "On ice"))
    tab = opened(session, week, workspace="week")
    assert "after 7 days" in held_back()
    rules = {"cool_down_days": 30, "max_attempts": 3, "batch_size": 100, "link_life_days": None}
    session.receive("pick", {"type": "preview_rules", "rules": rules, "screen": "a", "request": 1})
    tab.until("pick", "rules_effect")
    session.receive("pick", {"type": "apply_rules", "screen": "a", "request": 2})
    tab.until("pick", "state", check=lambda state: "after 30 days" in state["rules_text"])
    session.receive("page", {"type": "teach_words", "words": {"status": {"On ice": "expired"}}})
    tab.until("page", "state", status="open", unknown={"records": 0, "columns": []})
    tab.messages.clear()
    assert "after 30 days" in held_back(), "files were read again"
    session.receive("page", {"type": "choose_files"})
    session.receive("page", {"type": "open", "files": [], "uploads": [], "workspace": "week.duckdb"})
    tab.until("page", "state", status="open")
    tab.messages.clear()
    assert "after 30 days" in held_back(), "files were closed, and opened"


def test_selected_customers_stay_selected_when_files_are_read_again_or_added(session: Session, tmp_path: Path) -> None:
    week = ROWS.replace("03/04/2026 09:00", "2026-01-10")
    tab = opened(session, exported(tmp_path, "a_2026-03-23.csv", week), workspace="week")
    session.receive("pick", {"type": "connect"})
    tab.until("pick", "state", ready=True)
    session.receive("pick", {"type": "select", "action": "add_all", "version": 0, "screen": "a", "request": 1})
    tab.until("pick", "selected", selected=1)
    run = tab.until("page", "state", status="open")["run"]
    session.receive("page", {"type": "set_reading", "time_zone": "UTC", "day_first": True, "columns": {}})
    tab.until("page", "state", status="open", check=lambda state: state["run"] != run)
    more = week + "beta,Expired,Email,2026-01-11\n"
    tab = opened(session, exported(tmp_path, "b_2026-03-30.csv", more), workspace="week.duckdb")
    tab.until("page", "state", status="open", records=3)
    tab.until("pick", "selected", selected=1)
    session.receive("pick", {"type": "connect"})
    assert tab.until("pick", "counts", selected=1)["selectable"] == 2
    associated = week.replace("Expired", "Associated")
    tab = opened(session, exported(tmp_path, "c_2026-03-30.csv", associated), workspace="week.duckdb")
    tab.until("page", "state", status="open", records=4)
    session.receive("pick", {"type": "connect"})
    tab.until("pick", "counts", selected=0, selectable=1)


def test_a_file_that_should_not_have_been_added_is_taken_out_again(session: Session, tmp_path: Path) -> None:
    week = exported(tmp_path, "a_2026-04-06.csv", ROWS)
    first = opened(session, week, workspace="week").until("page", "state", status="open")
    assert (first["new"], first["same_content"]) == (1, [])
    wrong = exported(tmp_path, "a_2026-04-13.csv", ROWS)
    tab = opened(session, wrong, workspace="week.duckdb")
    both = tab.until("page", "state", status="open", files=[week.name, wrong.name])
    assert (both["new"], both["same_content"]) == (1, [[wrong.name, "2026-04-06"]])
    session.receive("page", {"type": "set_reading", "time_zone": "UTC", "day_first": True, "columns": {}})
    again = tab.until("page", "state", status="open", check=lambda one: one["run"] != both["run"])
    assert again["new"] == 0, "files that were read again were there before"
    session.receive("page", {"type": "take_out"})
    opened(session, exported(tmp_path, "b_2026-04-20.csv", ROWS), workspace="week.duckdb")
    tab.until("page", "state", status="open", check=lambda one: len(one["files"]) == 3 and one["new"] == 1)
    session.receive("page", {"type": "take_out"})
    tab.messages.clear()
    tab.until("page", "state", status="open", files=[week.name, wrong.name], new=0)
    session.receive("page", {"type": "choose_files"})
    with ik.Workspace(tmp_path / "week.duckdb") as workspace:
        assert workspace.files().select("source_file").fetchall() == [(week.name,), (wrong.name,)]


def test_the_only_file_of_a_workspace_is_taken_out(session: Session, tmp_path: Path) -> None:
    tab = opened(session, exported(tmp_path, "a_2026-04-06.csv", ROWS), workspace="week")
    tab.until("page", "state", status="open", new=1)
    session.receive("page", {"type": "take_out"})
    state = tab.until("page", "state", status="open", files=[])
    assert (state["records"], state["workspace"]) == (0, "week.duckdb")
    session.receive("pick", {"type": "connect"})
    tab.until("pick", "state", ready=True, total=0)


def test_a_corrected_file_of_the_same_name_and_day_replaces_the_older_one(session: Session, tmp_path: Path) -> None:
    bad, good = ROWS + "beta,Expired,Email,31.02.2026\n", ROWS + "beta,Expired,Email,28/02/2026\n"
    first = opened(session, exported(tmp_path, "a_2026-04-06.csv", bad), workspace="week")
    assert first.until("page", "state", status="open")["same_name"] == []
    tab = opened(session, exported(tmp_path, "a_2026-04-06.csv", good), workspace="week.duckdb")
    both = tab.until("page", "state", status="open", rejected=1, records=3)
    assert both["same_name"] == ["a_2026-04-06.csv"]
    session.receive("page", {"type": "replace_older", "file": "a_2026-04-06.csv"})
    state = tab.until("page", "state", status="open", rejected=0, records=2)
    assert (state["same_name"], state["files"]) == ([], ["a_2026-04-06.csv"])
    session.receive("page", {"type": "set_reading", "time_zone": "UTC", "day_first": True, "columns": {}})
    runs = {both["run"], state["run"]}
    again = tab.until("page", "state", status="open", check=lambda one: one["run"] not in runs)
    assert (again["rejected"], again["records"]) == (0, 2), "the older one is not read again"


def test_the_page_names_the_time_zone_that_an_option_set(session: Session, tmp_path: Path) -> None:
    session.open([str(exported(tmp_path, "a_2026-04-06.csv", ROWS))], time_zone="Asia/Shanghai", day_first=True)
    tab = Tab(session)
    session.receive("page", {"type": "connect"})
    reading = tab.until("page", "state", status="open")["reading"]
    assert (reading["time_zone"], reading["day_first"], reading["without_offset"]) == ("Asia/Shanghai", True, 1)


def test_a_zone_that_a_header_states_is_not_said_to_be_assumed(session: Session, tmp_path: Path) -> None:
    path = exported(tmp_path, "a_2026-04-06.csv", ROWS.replace("Invitation Time", "邀请时间（北京时间）"))
    session.open([str(path)])
    tab = Tab(session)
    session.receive("page", {"type": "connect"})
    assert tab.until("page", "state", status="open")["reading"]["without_offset"] == 0


DAMAGED = "Account Name,Mobile Number,Status\nacme,1.38E+10,Expired\nbeta,13800001111,Expired\n"


def test_damaged_and_filled_cells_are_told_in_the_words_of_check(session: Session, tmp_path: Path) -> None:
    merged = tmp_path / "merged_2026-04-06.xlsx"
    with xlsxwriter.Workbook(merged) as book:
        sheet = book.add_worksheet()
        for row, cells in enumerate([("Account Name", "Status"), ("acme", "Expired"), ("", "Invited")]):
            sheet.write_row(row, 0, cells)
        sheet.merge_range(1, 0, 2, 0, "acme")
    damaged = exported(tmp_path, "damaged_2026-04-06.csv", DAMAGED)
    tab = opened(session, damaged, merged)
    notes = tab.until("page", "state", status="open")["reading"]["notes"]
    assert notes == [str(note) for note in ik.load([damaged, merged]).summary.notes]
    assert any(note.startswith("Mobile Number: 1 cell holds a number that a spreadsheet shortened") for note in notes)
    assert "1 row is in merged cells and got the value of the first of these rows." in notes
    session.receive("page", {"type": "set_language", "language": "zh"})
    said = tab.until("page", "state", status="open", language="zh")["reading"]["notes"]
    assert "1 行位于合并单元格中，已填入其中第一行的值。" in said


def test_notes_on_several_files_of_a_workspace_name_the_file(session: Session, tmp_path: Path) -> None:
    files = [exported(tmp_path, f"{name}.csv", DAMAGED) for name in ("a_2026-04-06", "b_2026-04-13")]
    notes = opened(session, *files, workspace="week").until("page", "state", status="open")["reading"]["notes"]
    assert [note.partition(": Mobile Number: 1 cell holds")[0] for note in notes] == [path.name for path in files]


def test_open_files_stay_open_if_another_is_unreadable(session: Session, tmp_path: Path) -> None:
    run = opened(session, FIRST, workspace="week").until("page", "state", status="open")["run"]
    (tmp_path / "empty.csv").write_text("")
    tab = Tab(session)
    choose(session, "empty.csv")
    tab.until("page", "problem")
    assert tab.until("page", "state")["run"] == run
    session.receive("pick", {"type": "connect"})
    assert tab.until("pick", "state", ready=True)


def test_the_sample_is_made_in_a_private_folder_only(session: Session, tmp_path: Path) -> None:
    tab = Tab(session)
    session.receive("page", {"type": "try_sample"})
    state = tab.until("page", "state", status="open")
    assert (len(state["files"]), state["workspace"], state["sample"]) == (4, "sample.duckdb", True)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("history_2026-03-30.csv", "history_2026-03-30.csv"), ("../../etc/pass\x00wd.csv", "pass_wd.csv"),
        ("C:\\Users\\ann\\a.csv", "a.csv"), (".hidden.csv", "hidden.csv"), ("con.csv", "_con.csv"),
        ("客户.xlsx", "客户.xlsx"), ("a\u202evsc.csv", "a_vsc.csv"), ("x" * 5000 + ".csv", "x" * 100 + ".csv"),
        ("..", "file"),
    ],
)  # fmt: skip
def test_an_upload_gets_a_plain_file_name(name: str, expected: str) -> None:
    assert safe_name(name) == expected


def test_two_tabs_that_open_together_are_computed_once_each(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.open([str(FIRST)])
    tab, make, made = Tab(session), session._make, list[str]()

    def counted(name: str) -> Any:
        made.append(name)
        return make(name)

    monkeypatch.setattr(session, "_make", counted)
    for name in ("explore", "export", "explore"):
        session.receive(name, {"type": "connect"})
    tab.until("explore", "counts")
    tab.until("export", "count")
    assert sorted(made) == ["explore", "export"]
    assert [message for _, message in tab.messages if message["type"] in {"problem", "error"}] == []


def test_rows_are_deleted_from_disk_when_other_files_are_chosen(session: Session) -> None:
    mine = f"invitekit.{os.getpid()}-*"  # other tests run beside this one
    before = {*Path(tempfile.gettempdir()).glob(mine)}
    session.open([str(FIRST)])
    tab = Tab(session)
    session.receive("explore", {"type": "connect"})
    tab.until("explore", "counts")
    assert len({*Path(tempfile.gettempdir()).glob(mine)} - before) >= 2
    session.receive("page", {"type": "choose_files"})
    tab.until("page", "state", status="choose")
    left = {*Path(tempfile.gettempdir()).glob(mine)} - before
    assert [path for path in left if (path / "rows.duckdb").exists()] == []


def test_a_deleted_folder_offers_nothing(tmp_path: Path) -> None:
    one = Session(tmp_path / "gone")
    tab = Tab(one)
    one.receive("page", {"type": "connect"})
    one.close()
    assert tab.until("page", "state")["offered"] == {"files": [], "workspaces": []}


def test_an_error_of_a_tab_quotes_no_data(session: Session) -> None:
    session.open([str(FIRST)])
    tab = Tab(session)

    def fail() -> None:
        raise KeyError("13800138000")

    session._in_background("explore", fail)
    message = tab.until("page", "problem", tab="explore")
    assert "KeyError" in message["problem"]
    assert "138" not in json.dumps(message)


# ---- the command and its server


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[str]]]:
    """The address of a page on two files that its workspace has already, and what was printed."""
    folder, said = tmp_path_factory.mktemp("app"), list[str]()
    with ik.Workspace(folder / "memory.duckdb") as workspace:
        workspace.add([FIRST, SECOND])
    with served(folder, str(FIRST), str(SECOND), "-w", "memory.duckdb", said=said) as address:
        yield address, said


@pytest.fixture
def page(started: tuple[str, list[str]]) -> str:
    return started[0]


def answer(address: str, **headers: str) -> tuple[int, str, dict[str, str]]:
    parts = urllib.parse.urlsplit(address)
    with contextlib.closing(http.client.HTTPConnection(parts.netloc, timeout=30)) as connection:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", f"{parts.path}?{parts.query}", headers=named)
        found = connection.getresponse()
        # A WebSocket connection has no end.
        return found.status, "" if found.status == 101 else found.read().decode(), dict(found.headers)


def test_the_printed_address_leads_to_the_page_with_a_cookie_of_this_site_only(page: str) -> None:
    base = page.partition("?")[0]
    status, _, headers = answer(page)
    assert status == 200
    assert {"HttpOnly", "SameSite=Strict"} <= set(headers["Set-Cookie"].split("; "))
    cookie = headers["Set-Cookie"].split(";")[0]
    token = page.rpartition("=")[2]
    assert token not in cookie
    status, text, headers = answer(base, Cookie=cookie)
    assert status == 200
    assert "<main" in text
    assert token not in text
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]


def test_without_the_token_or_under_another_host_name_nothing_is_served(page: str) -> None:
    for path in ("", "?token=", "?token=0123456789abcdef", "app.js", "app.css", "socket", "api/kernels"):
        status, text, _ = answer(page.partition("?")[0] + path)
        assert (status in {403, 404}, "script" in text) == (True, False), path
    assert answer(page, Host="attacker.example:8866")[0] == 403


SHAKE = {
    "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}  # fmt: skip


def test_a_page_of_another_site_gets_no_socket(page: str) -> None:
    cookie = answer(page)[2]["Set-Cookie"].split(";")[0]
    socket = page.partition("?")[0] + "socket"
    assert answer(socket, **SHAKE, Cookie=cookie, Origin="http://attacker.example")[0] == 403
    assert answer(socket, **SHAKE, Cookie=cookie, Origin=page.partition("/?")[0])[0] == 101
    assert answer(socket, **SHAKE, Cookie=cookie)[0] == 403, "no origin"
    assert answer(socket, **SHAKE, Origin=page.partition("/?")[0])[0] == 403, "no cookie"


def run_in_thread(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in its own thread: a browser of another test may have an event loop here."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


@pytest.mark.parametrize("text", ["[" * 100_000, '{"to": "page"}', '{"to": 1, "message": {}}', b"\xff"])
def test_a_socket_that_sends_an_unknown_message_is_closed(page: str, text: str | bytes) -> None:
    async def talk() -> None:
        headers = {"Origin": page.partition("/?")[0], "Cookie": answer(page)[2]["Set-Cookie"].split(";")[0]}
        url = f"{page.partition('/?')[0].replace('http', 'ws')}/socket"
        socket = await websocket_connect(HTTPRequest(url, headers=headers))
        await socket.write_message(text, binary=isinstance(text, bytes))
        while await asyncio.wait_for(socket.read_message(), 60) is not None:
            pass
        assert socket.close_code == 1003
        socket.close()
        await asyncio.sleep(0.05)  # until its connection is gone

    run_in_thread(talk())


NO_ROOM = "The disk has no room for this file."


def sent(
    address: str, content: bytes, name: str, length: int | None = None, *, wait: bool = True, **headers: Any
) -> tuple[int, Any]:
    """Send a file as a page does; return the status and the answer."""
    base, url = address.partition("/?")[0], f"/upload?{urllib.parse.urlencode({'name': name})}"
    own = {"Origin": base, "X-Invitekit": "1", "Cookie": answer(address)[2]["Set-Cookie"].split(";")[0]}
    named = own | {name.replace("_", "-"): value for name, value in headers.items()}
    with contextlib.closing(http.client.HTTPConnection(base.removeprefix("http://"), timeout=30)) as connection:
        connection.putrequest("POST", url, skip_host="Host" in named)
        connection.putheader("Content-Length", str(len(content) if length is None else length))
        for key, value in named.items():
            if value:
                connection.putheader(key, value)
        connection.endheaders(content)
        if not wait:
            return 0, None  # cut off
        found = connection.getresponse()
        text = found.read().decode()
        return found.status, json.loads(text) if text.startswith("{") else text


async def _talk(address: str, *messages: dict[str, Any]) -> list[Any]:
    base = address.partition("/?")[0]
    headers = {"Origin": base, "Cookie": answer(address)[2]["Set-Cookie"].split(";")[0]}
    request = HTTPRequest(f"{base.replace('http', 'ws')}/socket", headers=headers)
    socket, answers = await websocket_connect(request), list[Any]()
    for message in messages:
        wanted = message.pop("until")
        await socket.write_message(json.dumps({"to": "page", "message": message}))
        while not answers or not wanted.items() <= answers[-1].items():
            text = await asyncio.wait_for(socket.read_message(), 60)
            if isinstance(text, str) and (response := json.loads(text))["from"] == "page":
                answers.append(response["message"])
    socket.close()
    return answers


def scratch(folder: Path) -> list[Path]:
    """Return the uploaded and downloadable files on the server."""
    return [path for path in folder.glob("invitekit*/*/*") if path.is_file()]


def test_an_upload_is_opened_and_its_rejects_are_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    content = (ROWS + ",Expired,Email,03/04/2026 09:00\n").encode()
    with served(tmp_path) as address:
        status, upload = sent(address, content, "../../history_2026-03-30.csv")
        assert (status, upload["name"], upload["day"]) == (200, "history_2026-03-30.csv", "2026-03-30")
        chosen = {"type": "open", "files": [], "uploads": [[upload["id"], None]], "workspace": "week"}
        rejected = download_request("r", "rejected", "")
        until = chosen | {"until": {"status": "open", "rejected": 1}}, rejected | {"until": {"request": "r"}}
        *_, done = run_in_thread(_talk(address, *until))
        base, cookie = address.partition("?")[0], answer(address)[2]["Set-Cookie"].split(";")[0]
        assert answer(f"{base}download/{done['id']}")[0] == 403, "no cookie"
        status, text, headers = answer(f"{base}download/{done['id']}", Cookie=cookie)
        assert (status, text.count("\n")) == (200, 2)
        assert "history_2026-03-30.csv,3," in text
        assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''rejected_rows.csv"
        assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
        assert answer(f"{base}download/{done['id']}", Cookie=cookie)[0] == 404, "only once"
        assert [path.name for path in scratch(tmp_path / "tmp")] == ["history_2026-03-30.csv"]
    assert [*(tmp_path / "tmp").iterdir()] == []


@pytest.mark.parametrize(
    ("headers", "name", "status"),
    [
        ({"Origin": "http://attacker.example"}, "a.csv", 403), ({"Origin": ""}, "a.csv", 403),
        ({"X_Invitekit": ""}, "a.csv", 403), ({"Cookie": ""}, "a.csv", 403),
        ({"Host": "attacker.example"}, "a.csv", 403), ({}, "a.exe", 400), ({}, "a", 400),
    ],
)  # fmt: skip
def test_an_upload_of_another_site_or_type_is_refused(page: str, headers: Any, name: str, status: int) -> None:
    assert sent(page, b"Account,Status\n", name, **headers)[0] == status


def test_an_empty_cut_off_or_too_large_upload_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with served(tmp_path) as address:
        assert sent(address, b"", "a.csv")[1]["problem"] == "The file is empty."
        assert sent(address, b"Account", "a.csv", length=10**6, wait=False)[0] == 0
        assert sent(address, b"Account", "a.csv", length=10**15)[1]["problem"] == NO_ROOM
        end = time.monotonic() + 20
        while scratch(tmp_path) and time.monotonic() < end:
            time.sleep(0.05)
        assert scratch(tmp_path) == []
        assert sent(address, b"Account,Status\n", "a.csv")[0] == 200


@pytest.mark.parametrize(
    ("words", "expected"),
    [(["missing.csv"], "missing.csv"), (["-w", "missing.duckdb"], "missing.duckdb"), (["empty.csv"], "empty.csv"),
     ([str(FIRST), "--rules", "missing.toml"], "missing.toml")],
)  # fmt: skip
def test_a_bad_source_starts_no_server(run: Run, tmp_path: Path, words: list[str], expected: str) -> None:
    (tmp_path / "empty.csv").write_text("")
    ended = run("app", *words, "--no-browser", cwd=tmp_path)
    assert ended.returncode == 1
    assert expected in ended.stderr
    assert "http" not in ended.stdout
    assert not (tmp_path / "missing.duckdb").exists()


def test_the_command_lists_the_files_added_to_the_workspace(started: tuple[str, list[str]]) -> None:
    assert len(re.findall("already stored: skipped", "".join(started[1]))) == 2


def test_a_taken_port_is_refused_in_one_line(page: str, run: Run, tmp_path: Path) -> None:
    port = page.split(":")[2].partition("/")[0]
    ended = run("app", "--no-browser", "--port", port, cwd=tmp_path)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert f"Port {port}" in ended.stderr


@pytest.mark.skipif(os.name != "posix", reason="only there can a test send the signal of Ctrl-C to one process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_page_even_during_a_request(tmp_path: Path, number: int) -> None:
    command = [sys.executable, "-c", ENDED_IN_A_REQUEST, str(int(number))]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith("The page is closed.\n")


ENDED_IN_A_REQUEST = """
import re, signal, sys, urllib.request, webbrowser
from invitekit.cli import main
from invitekit.widgets import server

def signalled(self):
    signal.raise_signal(int(number))
    self.finish("answered")

number = sys.argv.pop()
server._Root.get = signalled
def look(file):
    with urllib.request.urlopen(file) as page:
        urllib.request.urlopen(re.search(r'url=([^"]+)"', page.read().decode())[1])

webbrowser.open = look
sys.argv = ["invitekit", "app"]
main()
"""


def test_a_page_that_stays_open_over_night_plans_for_the_new_day(tmp_path: Path) -> None:
    (calendar := tmp_path / "calendar").write_text("2026-03-30")
    (tmp_path / "history_2026-03-30.csv").write_bytes(FIRST.read_bytes())
    with subprocess.Popen(
        [sys.executable, "-c", WITH_A_CALENDAR], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = next(found[0] for line in process.stdout if (found := re.search(r"http://127\S+", line)))

        async def stay() -> list[Any]:
            monday = {"type": "connect", "until": {"type": "state", "as_of": "2026-03-30"}}
            await _talk(address, monday)
            calendar.write_text("2026-03-31")
            return await _talk(address, {"type": "discard_upload", "id": "", "until": {"as_of": "2026-03-31"}})

        try:
            assert run_in_thread(stay())[-1]["status"] == "open"
        finally:
            process.terminate()
            process.communicate(timeout=30)


WITH_A_CALENDAR = """
import datetime as dt, sys
from pathlib import Path
from invitekit.cli import main
from invitekit.widgets import server, session

session._today = lambda: dt.date.fromisoformat(Path("calendar").read_text())
server._CALENDAR_CHECK = 0.1
sys.argv = ["invitekit", "app", "history_2026-03-30.csv", "--no-browser"]
main()
"""
