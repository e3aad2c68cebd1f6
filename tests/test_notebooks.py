"""A notebook in the repository holds questions, not answers: an answer names customers."""

from __future__ import annotations

import ast
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
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


def definitions(notebook: Path) -> list[str]:
    """Report each function or class: a notebook has the order of the steps, the package has the steps."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [
        f"{notebook.name}, cell {number}: defines {node.name}"
        for number, cell in enumerate(cells, 1)
        if cell["cell_type"] == "code"
        for node in ast.walk(ast.parse(_without_magic("".join(cell["source"]))))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]


def _without_magic(source: str) -> str:
    return "\n".join(line for line in source.splitlines() if not line.startswith(("%", "!")))


def test_no_notebook_stores_outputs_counts_or_widget_state() -> None:
    assert [answer for notebook in NOTEBOOKS for answer in stored_answers(notebook)] == []


def test_no_notebook_defines_anything() -> None:
    assert [definition for notebook in NOTEBOOKS for definition in definitions(notebook)] == []


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


def test_each_stored_answer_is_reported(tmp_path: Path) -> None:
    dirty = _written(tmp_path / "n.ipynb", _code(outputs=[ANSWER]), _code(execution_count=3), widgets=STATE)
    assert stored_answers(dirty) == [
        "n.ipynb, cell 1: outputs",
        "n.ipynb, cell 2: execution_count",
        "n.ipynb: metadata.widgets",
    ]


def test_a_definition_is_reported(tmp_path: Path) -> None:
    notebook = _written(tmp_path / "n.ipynb", _code(source="%config x\nif 1:\n  def f(): ..."))
    assert definitions(notebook) == ["n.ipynb, cell 1: defines f"]


def test_the_hook_before_a_commit_takes_every_answer_away(tmp_path: Path) -> None:
    dirty = _written(tmp_path / "n.ipynb", _code(outputs=[ANSWER], execution_count=3), widgets=STATE)
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    (entry,) = (line for line in hooks.splitlines() if "bin/nbstripout" in line)
    options = shlex.split(entry.split("bin/nbstripout")[1])
    subprocess.run([sys.executable, "-m", "nbstripout", *options, str(dirty)], check=True)
    assert stored_answers(dirty) == []
