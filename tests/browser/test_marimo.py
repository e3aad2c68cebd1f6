"""The marimo notebook in a real marimo: cells that depend on the explorer follow its filter and its selection."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.lab import wait_for
from tests.conftest import DATA

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NOTEBOOK = DATA.parent / "notebooks" / "1_explore_failures_marimo.py"
FIGURES = 4


def test_the_marimo_notebook_shows_its_findings_and_follows_the_explorer(browser: Browser, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "marimo", "run", str(NOTEBOOK), "--headless", "--no-token", "--host", "127.0.0.1"]
    (tmp_path / ".marimo.toml").write_text('[display]\ntheme = "dark"\n', encoding="utf-8")
    env = os.environ | {"HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [*command, "--port", port], cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            wait_for(f"http://127.0.0.1:{port}/health")
            page = browser.new_page()
            outside: list[str] = []
            page.on("request", lambda one: None if f"//127.0.0.1:{port}/" in one.url else outside.append(one.url))
            page.goto(f"http://127.0.0.1:{port}/")
            page.locator(".ik-line .ik-badge").first.wait_for()
            expect(page.locator(".ik")).to_have_css("background-color", "rgb(22, 25, 29)")
            says = page.get_by_text(" invitations shown,")
            expect(says).to_contain_text("705 invitations shown, 0 selected")
            expect(page.locator(".chart svg")).to_have_count(FIGURES)
            assert page.get_by_text("Account manager mgr.novak: more failed").count() == 1, "the findings in words"
            page.locator(".ik-facets label", has_text="Expired").first.locator("input").check()
            expect(page.locator(".ik-count")).to_contain_text(" of 705 invitations")
            n = re.sub(r"\D.*", "", page.locator(".ik-count").inner_text())
            expect(says).to_have_text(f"{n} invitations shown, 0 selected. Effective Status is Expired")
            page.locator(".ik-line:not(.ik-wait) input").first.check()
            expect(says).to_contain_text(f"{n} invitations shown, 1 selected")
            assert [url for url in outside if not url.startswith(("data:", "blob:", "ws://127.0.0.1"))] == []
            page.close()
        finally:
            server.terminate()
