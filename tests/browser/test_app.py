"""The page of one command in a real browser: served to whoever has its token, with no code and no other host."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import DATA

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PROGRAM = str(Path(sys.executable).with_name("invitekit"))


@contextmanager
def served(folder: Path, *words: str) -> Iterator[str]:
    """Start the command in a folder, and give the address that it prints."""
    command = [PROGRAM, "app", *words, "--no-browser", "--as-of", "2026-03-30"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            assert server.stdout is not None
            said = ""
            for line in server.stdout:
                said += line
                if found := re.search(r"http://127\.0\.0\.1:\d+/\?token=\w+", line):
                    yield found[0]
                    break
            else:
                raise AssertionError(said)
        finally:
            server.terminate()
            server.communicate(timeout=30)


@contextmanager
def opened(browser: Browser, address: str) -> Iterator[tuple[Page, list[str]]]:
    """Open an address in Chromium; gives the page, and every request that went elsewhere."""
    outside: list[str] = []
    base = address.partition("/?")[0]
    own = (base, base.replace("http", "ws"), "data:", "blob:")
    context = browser.new_context(viewport={"width": 1400, "height": 850})
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.on("request", lambda r: None if r.url.startswith(own) else outside.append(r.url))
    page.goto(address)
    yield page, outside
    context.close()


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page that was given nothing to open."""
    with served(tmp_path_factory.mktemp("app")) as address:
        yield address


def test_files_become_a_page_to_pick_from_and_to_explore(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, str(DATA)) as address, opened(browser, address) as (page, outside):
        page.locator(".ik-line .ik-badge").first.wait_for()
        expect(page.get_by_role("tab", name="Invite again")).to_contain_text("118")
        expect(page.locator(".ik-warn", has_text="nothing is remembered")).to_be_visible()
        page.get_by_role("tab", name="Explore").click()
        expect(page.locator(".ik-count", has_text=re.compile("^2,397 records$"))).to_be_visible()
        page.get_by_role("tab", name="Export without people").click()
        expect(page.get_by_role("radio")).not_to_have_count(0)
        assert page.locator(".jp-CodeMirrorEditor, .cm-editor, pre").count() == 0, "no code on the page"
        assert outside == []


def test_without_anything_the_page_asks_what_to_open_and_names_a_bad_file(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    with served(tmp_path) as address, opened(browser, address) as (page, _):
        page.get_by_role("listbox").select_option("empty.csv")
        page.get_by_role("button", name="Open").click()
        expect(page.locator("strong", has_text="empty.csv")).to_be_visible()


@pytest.mark.parametrize("path", ["", "api/kernels", "voila/files/invitekit.ipynb"])
def test_a_token_is_needed(asking: str, path: str) -> None:
    found = _answer(asking.partition("?")[0] + path)
    assert "/login" in found or found in {"403", "404"}


def _answer(address: str) -> str:
    """Give where an address leads without the token, or how it is refused."""
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            return str(answer.url)
    except urllib.error.HTTPError as refused:
        return str(refused.code)
