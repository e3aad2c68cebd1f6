"""The notebooks as somebody opens them: in a real JupyterLab, from top to bottom, with their figures drawn."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.browser.lab import Lab

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
DRAWN = "[...document.querySelectorAll('.js-plotly-plot')].filter((one) => one.querySelector('.main-svg')).length"


@pytest.mark.parametrize(
    ("name", "figures", "widget"),
    [
        ("1_explore_failures", 12, ".ik [role=gridcell]"),
        ("2_pick_resends", 0, ".ik [role=gridcell]"),
        ("3_share_results", 1, ".ikx"),
    ],
)
def test_a_notebook_runs_from_top_to_bottom(lab: Lab, name: str, figures: int, widget: str) -> None:
    shutil.copytree(ROOT / "data", lab.folder / "data", dirs_exist_ok=True)
    (lab.folder / "notebooks").mkdir(exist_ok=True)
    shutil.copy(ROOT / "notebooks" / f"{name}.ipynb", lab.folder / "notebooks")
    with lab.run(f"notebooks/{name}.ipynb") as tab:
        tab.page.locator(widget).first.wait_for()
        tab.page.wait_for_function(f"{DRAWN} === {figures}")
        assert tab.outside == []
        assert tab.problems == []
        assert tab.page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
