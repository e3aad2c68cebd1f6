"""The export panel in a real JupyterLab: by keyboard only, cancelled in the middle, and nothing personal outside."""

import json
from pathlib import Path

import pytest

from invitekit.export import verify
from tests.browser.lab import Lab, Tab

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PANEL = """
import polars as pl
import invitekit as ik
count = {count}
texts = [f"secretacct{{n}}" for n in range(count)]
records = pl.DataFrame({{"account_name": texts, "remarks": texts}}).with_columns(
    status=pl.lit("expired"), effective_status=pl.lit("expired"))
workspace = ik.Workspace("history.duckdb")
panel = ik.ExportPanel(records, workspace)
panel
"""


def press_until(tab: Tab, key: str, words: str) -> None:
    """Press a key until what has the focus is called by these words."""
    for _ in range(40):
        tab.page.keyboard.press(key)
        if tab.page.evaluate("document.activeElement.ariaLabel || document.activeElement.textContent") == words:
            return
    raise AssertionError(words)


def test_an_export_by_keyboard_only_is_checked_and_downloaded(lab: Lab) -> None:
    with lab.cells(PANEL.format(count=300)) as tab:
        page = tab.page
        page.locator(".ikx input:checked").first.focus()
        page.keyboard.press("ArrowLeft")
        tab.until("panel.level", "'masked'")
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.value") == "for_the_analyst":
                break
        page.keyboard.type("by_keyboard")
        press_until(tab, "Tab", "Export")
        page.keyboard.press("Enter")
        page.locator(".ikx-download").wait_for()
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Exported"
        file = lab.folder / "by_keyboard.parquet"
        assert (verify(file).level, verify(file).rows) == ("masked", 300)
        press_until(tab, "Tab", "Download by_keyboard.parquet")
        with page.expect_download() as download:
            page.keyboard.press("Enter")
        assert Path(download.value.path()).read_bytes() == file.read_bytes()


def test_cancelling_by_the_button_leaves_no_file(lab: Lab) -> None:
    with lab.cells(PANEL.format(count=600_000).replace("history", "cancelled")) as tab:
        before = {path.name for path in lab.folder.iterdir()}
        tab.page.locator(".ikx-main").click()
        press = tab.page.get_by_role("button", name="Cancel")
        press.press("Enter")
        tab.page.get_by_text("Cancelled. Nothing was written.").wait_for()
        assert tab.page.evaluate("document.activeElement.textContent") == "Export"
        tab.until("panel.result, 'completed' in str(workspace.exports().fetchall())", "(None, False)")
        assert {path.name for path in lab.folder.iterdir()} - before <= {"cancelled.duckdb.wal"}


def test_nothing_is_sent_and_a_saved_notebook_names_nobody(lab: Lab) -> None:
    with lab.cells(PANEL.format(count=300).replace("history", "saved")) as tab:
        page = tab.page
        page.locator(".ikx-main").click()
        page.locator(".ikx-download").wait_for()
        page.evaluate("window.jupyterapp.commands.execute('@jupyter-widgets/jupyterlab-manager:saveWidgetState')")
        page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
        saved = lab.folder / Path(page.url).name.split("?")[0]
        page.wait_for_function("!window.jupyterapp.shell.currentWidget.context.model.dirty")
        notebook = json.loads(saved.read_text())
        assert "ExportPanel: pseudonymised" in json.dumps(notebook["cells"][0]["outputs"])
        assert notebook["metadata"]["widgets"]
        kept = json.dumps([notebook["cells"][0]["outputs"], notebook["metadata"]])
        assert not [word for word in ("secretacct", "for_the_analyst", str(lab.folder)) if word in kept]
        assert (tab.outside, tab.problems) == ([], [])
