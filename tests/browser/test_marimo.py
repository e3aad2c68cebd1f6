"""The explorer in a real marimo: cells that depend on it run again when a person filters or selects."""

from __future__ import annotations

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
NOTEBOOK = f"""import marimo

app = marimo.App()


@app.cell
def _():
    import datetime as dt
    import marimo as mo
    import invitekit as ik
    explorer = mo.ui.anywidget(ik.Explorer(ik.load({str(DATA)!r}).records, as_of=dt.date(2026, 3, 30)))
    explorer
    return explorer, mo


@app.cell
def _(explorer, mo):
    mo.md(f"{{sorted(explorer.value)}}: {{explorer.widget.count}} found, {{explorer.widget.selected.height}} selected")
"""


def test_a_cell_that_depends_on_the_explorer_follows_its_filter_and_its_selection(
    browser: Browser, tmp_path: Path
) -> None:
    (tmp_path / "explore.py").write_text(NOTEBOOK)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "marimo", "run", "explore.py", "--headless", "--no-token", "--host", "127.0.0.1"]
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
            says = page.get_by_text("found,")
            expect(says).to_have_text("['changes', 'height', 'lost']: 705 found, 0 selected")
            page.locator(".ik-facets label", has_text="Expired").first.locator("input").check()
            expect(page.locator(".ik-count")).to_contain_text(" of 705 invitations")
            n = re.sub(r"\D.*", "", page.locator(".ik-count").inner_text())
            expect(says).to_contain_text(f": {n} found, 0 selected")
            page.locator(".ik-line:not(.ik-wait) input").first.check()
            expect(says).to_contain_text(f": {n} found, 1 selected")
            assert [url for url in outside if not url.startswith(("data:", "blob:", "ws://127.0.0.1"))] == []
            page.close()
        finally:
            server.terminate()
