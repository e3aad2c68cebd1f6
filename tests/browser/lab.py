"""A real JupyterLab in a real Chromium: open a notebook, run it, click, and read Python values back."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import find_chromium

ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
# Not async on purpose: wait_for_function takes a promise for true.
READY = """() => {
  const app = window.jupyterapp; if (!app) return false;
  const p = app.shell.currentWidget; if (!p || !p.context) return false;
  if (!p.context.isReady || !p.sessionContext.isReady) return false;
  const k = p.sessionContext.session && p.sessionContext.session.kernel;
  return !!k && k.connectionStatus === 'connected' && k.status === 'idle'; }"""
RUN = """() => { window.__run = 'pending'; window.jupyterapp.commands.execute('notebook:run-all-cells')
  .then(ok => window.__run = ok ? 'ok' : 'failed', e => window.__run = 'error ' + e); }"""
SWITCH = """async (path) => { const app = window.jupyterapp, old = app.shell.currentWidget;
  await old.sessionContext.shutdown();
  await app.commands.execute('docmanager:open', { path });
  old.context.model.dirty = false;
  old.close(); }"""
FILL = """(cells) => { const nb = window.jupyterapp.shell.currentWidget.content.model.sharedModel;
  nb.deleteCellRange(0, nb.cells.length);
  nb.insertCells(0, cells); }"""
FAILURES = """() => {
  const p = window.jupyterapp.shell.currentWidget, k = p.sessionContext.session?.kernel;
  const cells = p.content.widgets.filter(c => c.model.type === 'code').map(c => c.model);
  return {kernel: k && [k.connectionStatus, k.status], counts: cells.map(m => m.executionCount),
    errors: cells.flatMap(m => m.outputs.toJSON().filter(o => o.output_type === 'error'))}; }"""
EVAL = """async (expr) => {
  const k = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const r = await k.requestExecute({code: '', silent: true, store_history: false, user_expressions: {v: expr}}).done;
  const v = r.content.user_expressions.v;
  return v.status === 'ok' ? v.data['text/plain'] : v.ename + ': ' + v.evalue; }"""


def check_accessibility(page: Page, context: str | None = None) -> None:
    """Check a page, or what a selector finds in it, by the rules of WCAG 2.1 AA."""
    found = Axe().run(page, context=context, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa"]})
    told = [f"{one['id']}: {node['html'][:120]}" for one in found.response["violations"] for node in one["nodes"]]
    assert not told, "\n".join(told[:12])


class Tab:
    """One notebook in one browser tab, with everything that left the machine or went wrong."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base
        self.name = ""
        self.outside: list[str] = []
        self.problems: list[str] = []
        page.on("request", lambda r: self._asked(r.url))
        page.on("console", lambda m: self.problems.append(m.text[:300]) if m.type == "error" else None)
        page.on("pageerror", lambda e: self.problems.append(str(e)[:300]))

    def _asked(self, url: str) -> None:
        if not url.startswith((self.base, self.base.replace("http", "ws"), "data:", "blob:")):
            self.outside.append(url)

    def open(self, name: str) -> None:
        """Open a notebook, and wait for a kernel that is connected and idle."""
        self.name = name
        self.page.goto(f"{self.base}/lab/tree/{name}?reset")
        self.page.wait_for_function(READY, polling=100)

    def switch(self, name: str) -> None:
        """Open a notebook in place of the one that is open, without loading JupyterLab again."""
        self.page.evaluate(SWITCH, name)
        self.page.wait_for_function(READY, polling=100)

    def fill(self, *cells: str) -> None:
        """Replace all cells, and with them what they show."""
        self.page.evaluate(FILL, [_cell(cell) for cell in cells])
        expect(self.page.locator(".jp-OutputArea-output")).to_have_count(0)

    def show(self, *, width: int, height: int, dark: bool) -> None:
        """Set the size of the window, and its colours in the browser and in JupyterLab, which keeps them."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.emulate_media(color_scheme="dark" if dark else "light")
        theme = "JupyterLab Dark" if dark else "JupyterLab Light"
        self.page.evaluate("(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)

    def run(self, timeout: float = 120) -> None:
        """Run all cells."""
        self.page.evaluate(RUN)
        self.page.wait_for_function("window.__run !== 'pending'", timeout=timeout * 1000)
        if (found := self.page.evaluate("window.__run")) != "ok":
            raise AssertionError(f"The notebook {found}: {self.page.evaluate(FAILURES)}; {self.problems}")

    def shut_down(self) -> None:
        """End the kernel of the notebook that is open."""
        self.page.evaluate("window.jupyterapp.shell.currentWidget?.sessionContext.shutdown()")

    def value(self, expression: str) -> str:
        """Evaluate an expression in the kernel, and give its repr."""
        return str(self.page.evaluate(EVAL, expression))

    def until(self, expression: str, expected: str, timeout: float = 10) -> None:
        """Wait until an expression in the kernel has a value."""
        end, found = time.monotonic() + timeout, None
        while time.monotonic() < end:
            if (found := self.value(expression)) == expected:
                return
            self.page.wait_for_timeout(60)
        raise AssertionError(f"{expression} is {found}, not {expected}")


class Lab:
    """A JupyterLab server with folders of its own, and a browser."""

    def __init__(self, folder: Path, browser: Browser, base: str) -> None:
        self.folder = folder
        self._browser = browser
        self._base = base
        self._number = 0
        self._opened = contextlib.ExitStack()
        self._tab: Tab | None = None

    @contextlib.contextmanager
    def cells(
        self, *cells: str, width: int = 1400, height: int = 1000, dark: bool = False, wait: float = 120
    ) -> Iterator[Tab]:
        """Run cells in a tab and a kernel that stay open for the next test, unless this one fails."""
        with contextlib.ExitStack() as failed:
            failed.callback(self.close)
            tab = self._tab = self._tab or self._empty()
            tab.outside.clear()
            tab.problems.clear()
            tab.show(width=width, height=height, dark=dark)
            tab.fill(*cells)
            tab.run(wait)
            yield tab
            failed.pop_all()

    def _empty(self) -> Tab:
        """Open a notebook without cells in a fresh tab, which stays open."""
        self._number += 1
        name = f"n{self._number}.ipynb"
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
        written = {"cells": [], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
        (self.folder / name).write_text(json.dumps(written))
        return self._opened.enter_context(self.opened(name))

    def close(self) -> None:
        """Close the tab that tests share."""
        self._tab = None
        self._opened.close()

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[Tab]:
        """Open a notebook of the folder in a fresh tab, as it was saved."""
        context = self._browser.new_context()
        page = context.new_page()
        page.set_default_timeout(120_000)  # for a machine that is busy with something else
        tab = Tab(page, self._base)
        try:
            tab.open(name)
            yield tab
        finally:
            tab.shut_down()
            context.close()


def _cell(source: str) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None}


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium; one at a time in a process."""
    expect.set_options(timeout=60_000)  # on two busy cores a plan takes longer than Playwright's five seconds
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGS)
        yield browser
        browser.close()


@contextlib.contextmanager
def started(folder: Path, browser: Browser) -> Iterator[Lab]:
    """Start JupyterLab on loopback with throw-away settings, and stop it at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name in ("cfg/labconfig", "nb", "ipy/profile_default"):
        (folder / name).mkdir(parents=True)
    _settings(folder)
    base = f"http://127.0.0.1:{port}"
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        "--ServerApp.port_retries=0", "--IdentityProvider.token=", "--ServerApp.password=",
        f"--ServerApp.root_dir={folder / 'nb'}", "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.extension_manager=readonly",
    ]  # fmt: skip
    env = os.environ | {
        "JUPYTER_CONFIG_DIR": str(folder / "cfg"), "JUPYTERLAB_SETTINGS_DIR": str(folder / "set"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "ws"), "IPYTHONDIR": str(folder / "ipy"),
        "JUPYTER_RUNTIME_DIR": str(folder / "rt"), "PYTHONPATH": str(Path(__file__).parents[2]),
    }  # fmt: skip
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for(f"{base}/api")
            lab = Lab(folder / "nb", browser, base)
            with contextlib.closing(lab):
                yield lab
        finally:
            server.terminate()
            server.wait(20)


def _settings(folder: Path) -> None:
    """No news, no check for updates, every cell in the page, nothing saved by itself."""
    config = folder / "cfg" / "labconfig"
    off = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (config / "page_config.json").write_text(json.dumps(off))
    overrides = {
        "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
        "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
        "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    }
    (config / "default_setting_overrides.json").write_text(json.dumps(overrides))


def wait_for(address: str) -> None:
    """Wait until a server answers."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError("The server did not start.")
