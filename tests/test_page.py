"""The page without a browser: what its session opens and keeps, and to whom its server answers."""

from __future__ import annotations

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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import invitekit as ik
from invitekit.widgets.session import Session
from tests.conftest import DATA, Run, served
from tests.messages import check_response

DAY = dt.datetime(2026, 3, 30)
FIRST, SECOND = sorted(DATA.glob("*.csv"))[:2]


class Tab:
    """A browser tab without a browser: it keeps what it hears."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.heard: list[tuple[str, Any]] = []
        session.listen(self._hear)

    def _hear(self, name: str, message: dict[str, Any], _buffers: Sequence[bytes]) -> None:
        sender = {"pick": "ResendPicker", "explore": "Explorer", "export": "ExportPanel"}.get(name, name)
        self.heard.append((name, check_response(sender, json.loads(json.dumps(message)))))

    def until(self, name: str, kind: str, **values: Any) -> Any:
        """Wait for a message of a kind, and return the newest one."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            for heard, message in reversed(self.heard):
                if heard == name and message["type"] == kind and values.items() <= message.items():
                    return message
            time.sleep(0.02)
        raise AssertionError(f"no {kind} of {name} was heard, only {[(n, m['type']) for n, m in self.heard]}")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    one = Session(tmp_path, as_of=DAY)
    yield one
    one.close()


def test_files_that_are_opened_with_a_workspace_are_added_to_it_once(session: Session, tmp_path: Path) -> None:
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


def test_a_filter_and_a_selection_are_there_for_a_tab_that_comes_later(session: Session) -> None:
    session.open([str(FIRST)])
    tab = Tab(session)
    session.receive("explore", {"type": "connect"})
    tab.until("explore", "counts", version=0)
    session.receive("explore", {"type": "set_filter", "filter": {"status": ["expired"]}, "screen": "a", "request": 1})
    tab.until("explore", "counts", version=1)
    session.receive("explore", {"type": "select", "action": "add_all", "version": 1})
    chosen = tab.until("explore", "selected")["selected"]
    assert chosen > 0
    later = Tab(session)
    session.receive("explore", {"type": "connect"})
    assert later.until("explore", "state")["filter"] == {"status": ["expired"]}
    assert later.until("explore", "counts")["selected"] == chosen


def test_another_choice_lets_go_of_the_workspace_and_of_its_threads(session: Session, tmp_path: Path) -> None:
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
    session.receive("page", {"type": "open", "files": ["folder/history.csv", str(secret)], "workspace": ""})
    assert tab.until("page", "problem")["problem"] == "Nothing was chosen."


def test_a_file_that_cannot_be_read_leads_back_to_the_choice(session: Session, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    shutil.copy(FIRST, tmp_path / "good.csv")
    tab = Tab(session)
    session.receive("page", {"type": "open", "files": ["empty.csv"], "workspace": ""})
    assert "empty.csv" in tab.until("page", "problem")["problem"]
    assert tab.until("page", "state")["status"] == "choose"
    assert tab.until("page", "state")["offered"]["files"] == ["empty.csv", "good.csv"]
    session.receive("page", {"type": "open", "files": ["good.csv"], "workspace": ""})
    tab.until("page", "state", status="open")


def test_two_tabs_that_are_looked_at_at_once_are_both_made_once(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    assert [message for _, message in tab.heard if message["type"] in {"problem", "error"}] == []


def test_rows_leave_the_disk_when_other_files_are_chosen(session: Session) -> None:
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


def test_a_folder_that_is_gone_offers_nothing(tmp_path: Path) -> None:
    one = Session(tmp_path / "gone")
    tab = Tab(one)
    one.receive("page", {"type": "connect"})
    assert tab.until("page", "state")["offered"] == {"files": [], "workspaces": []}


def test_a_problem_of_a_tab_is_told_without_quoting_data(session: Session) -> None:
    session.open([str(FIRST)])
    tab = Tab(session)

    def fail() -> None:
        raise KeyError("13800138000")

    session._in_background("explore", fail)
    told = tab.until("page", "problem", tab="explore")
    assert "KeyError" in told["problem"]
    assert "138" not in json.dumps(told)


# ---- the command and its server


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page that was given nothing to open."""
    with served(tmp_path_factory.mktemp("app")) as address:
        yield address


def answer(address: str, **headers: str) -> tuple[int, str, dict[str, str]]:
    parts = urllib.parse.urlsplit(address)
    with contextlib.closing(http.client.HTTPConnection(parts.netloc, timeout=30)) as connection:
        connection.request(
            "GET", f"{parts.path}?{parts.query}", headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        found = connection.getresponse()
        # A connection that became a socket has no end to read to.
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


@pytest.mark.parametrize(
    "path", ["", "?token=", "?token=0123456789abcdef", "app.js", "app.css", "socket", "api/kernels"]
)
def test_without_the_token_nothing_is_served(page: str, path: str) -> None:
    status, text, _ = answer(page.partition("?")[0] + path)
    assert status in {403, 404}
    assert "script" not in text


def test_another_host_name_is_refused_even_with_the_token(page: str) -> None:
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


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["missing.csv"], "missing.csv"),
        (["-w", "missing.duckdb"], "missing.duckdb"),
        (["empty.csv"], "empty.csv"),
        ([str(FIRST), "--rules", "missing.toml"], "missing.toml"),
    ],
)
def test_a_bad_source_fails_before_a_server_is_started(
    run: Any, tmp_path: Path, words: list[str], expected: str
) -> None:
    (tmp_path / "empty.csv").write_text("")
    ended: Run = run("app", *words, "--no-browser", cwd=tmp_path)
    assert ended.returncode == 1
    assert expected in ended.stderr
    assert "http" not in ended.stdout
    assert not (tmp_path / "missing.duckdb").exists()


def test_the_command_says_which_files_it_added_to_the_workspace(tmp_path: Path) -> None:
    words = [str(FIRST), str(SECOND), "-w", "memory.duckdb"]
    with served(tmp_path, *words) as _:
        pass
    said: list[str] = []
    with served(tmp_path, *words, said=said) as _:
        assert len(re.findall("already stored: skipped", "".join(said))) == 2


def test_a_taken_port_is_refused_in_one_line(page: str, tmp_path: Path) -> None:
    port = page.split(":")[2].partition("/")[0]
    command = [sys.executable, "-m", "invitekit", "app", "--no-browser", "--port", port]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert f"Port {port}" in ended.stderr


@pytest.mark.skipif(os.name != "posix", reason="only there can a test send the signal of Ctrl-C to one process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_page_ends_by_a_signal_also_in_the_middle_of_a_request(tmp_path: Path, number: int) -> None:
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
