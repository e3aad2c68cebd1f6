"""The notebooks in a real JupyterLab, from top to bottom, with their figures drawn."""

import json
import shutil
from pathlib import Path

import pytest

from tests.browser.lab import Lab

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
ANSWERS = """() => window.jupyterapp.shell.currentWidget.content.widgets.map((cell) => cell.model)
  .filter((model) => model.type === 'code').map((model) => model.outputs.toJSON())"""
DRAWN = "document.querySelectorAll('.jp-RenderedHTML .chart svg').length"


NOTEBOOKS = {
    "1_explore_failures": (14, ".ik [role=gridcell]"),
    "2_pick_resends": (0, ".ik [role=gridcell]"),
    "3_share_results": (1, ".ikx"),
    "4_read_messy_files": (1, ".chart"),
}
"""How many figures each draws, and what shows that its last cell has run."""


def test_each_notebook_runs_from_top_to_bottom(lab: Lab) -> None:
    shutil.copytree(ROOT / "data", lab.folder / "data", dirs_exist_ok=True)
    shutil.copytree(ROOT / "notebooks", lab.folder / "notebooks", dirs_exist_ok=True)
    with lab.cells("None") as tab:  # one page for all: to load JupyterLab costs more than to run a notebook
        for name, (figures, widget) in NOTEBOOKS.items():
            tab.switch(f"notebooks/{name}.ipynb")
            tab.problems.clear()
            tab.run()
            tab.page.locator(widget).first.wait_for()
            tab.page.wait_for_function(f"{DRAWN} === {figures}")
            answers = tab.page.evaluate(ANSWERS)
            assert all(answers[1:]), f"{name}: a cell after the parameters shows nothing"
            assert "@" not in json.dumps(answers), f"{name} shows an address"
            assert "&hellip;" not in json.dumps(answers), f"{name} cuts a table"
            assert tab.page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
            assert (tab.outside, tab.problems) == ([], []), name
        tab.switch(tab.name)
