"""Notebooks in the repository have no outputs: an output may name customers."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from IPython.core.interactiveshell import InteractiveShell

from invitekit.batches.calendar_file import dates
from tests.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def stored_answers(notebook: Path) -> list[str]:
    """Report each place where a notebook holds what a run left behind."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    cells = enumerate(content["cells"], 1)
    found = [
        f"{notebook.name}, cell {number}: {field}"
        for number, cell in cells
        for field in ("outputs", "execution_count")
        if cell.get(field)
    ]
    return found + [f"{notebook.name}: metadata.widgets"] * ("widgets" in content["metadata"])


def test_no_notebook_stores_outputs_counts_or_widget_state() -> None:
    assert [answer for notebook in NOTEBOOKS for answer in stored_answers(notebook)] == []


def _code(**changes: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "cell_type": "code", "id": "a", "metadata": {}, "source": "1", "outputs": [], "execution_count": None,
    }  # fmt: skip
    return empty | changes


def _written(path: Path, *cells: dict[str, Any], **metadata: Any) -> Path:
    content = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


ANSWER = {"output_type": "stream", "name": "stdout", "text": "a customer"}
STATE = {"application/vnd.jupyter.widget-state+json": {"state": {}, "version_major": 2, "version_minor": 0}}


def test_the_commit_hook_removes_every_output(tmp_path: Path) -> None:
    dirty = _written(tmp_path / "n.ipynb", _code(outputs=[ANSWER]), _code(execution_count=3), widgets=STATE)
    reported = ["n.ipynb, cell 1: outputs", "n.ipynb, cell 2: execution_count", "n.ipynb: metadata.widgets"]
    assert stored_answers(dirty) == reported
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    (entry,) = (line for line in hooks.splitlines() if "bin/nbstripout" in line)
    options = shlex.split(entry.split("bin/nbstripout")[1])
    subprocess.run([sys.executable, "-m", "nbstripout", *options, str(dirty)], check=True)
    assert stored_answers(dirty) == []


HEADER = "Account Name,Email,Country/Region,Status,Failure Cause,Invitation Time"
EXPORTS = {
    "one customer": "acme,a@example.com,China,Association Failed,The invitation link has expired.,2026-03-10 10:00",
    "masked rows only": "a***e,***@example.com,China,Expired,,2026-03-10 10:00\n" * 2,
    "no row": "",
}


def run_cells(notebook: Path) -> dict[str, Any]:
    """Run a notebook, and return its variables."""
    shell: Any = InteractiveShell()  # type: ignore[no-untyped-call]
    with pl.Config():  # notebooks change it
        for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                shell.run_cell("".join(cell["source"])).raise_error()
    variables: dict[str, Any] = shell.user_ns
    return variables


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize("notebook", NOTEBOOKS[:3], ids=lambda path: path.stem)
def test_a_notebook_reads_a_first_export_to_its_end(
    notebook: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("data", "notebooks", "out"):
        (tmp_path / folder).mkdir()
    (tmp_path / "data" / "history_2026-03-30.csv").write_text(f"{HEADER}\n{EXPORTS[name]}", encoding="utf-8")
    monkeypatch.chdir(tmp_path / "notebooks")
    run_cells(notebook)
    assert capsys.readouterr().out


@pytest.mark.slow
def test_what_becomes_free_soon_is_what_the_calendar_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("data", "notebooks", "out"):
        (tmp_path / folder).mkdir()
    rows = ["free,,,Invited,,2026-03-25 10:00", "in review,,,Pending Review,,2026-03-28 10:00"]
    rows += [f"third try,,,Invited,,2026-03-{day} 10:00" for day in ("01", "10", "25")]
    header = HEADER + ",Invitation Method"
    text = "\n".join([header, *(f"{row},Email" for row in rows)])
    (tmp_path / "data" / "history_2026-03-30.csv").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path / "notebooks")
    variables = run_cells(NOTEBOOKS[1])
    assert variables["soon"]["account_name"].to_list() == ["free"]
    coming = dates(variables["plan"], variables["rules"]).filter(kind="retry")
    assert coming["names"].to_list() == [["free"]]
