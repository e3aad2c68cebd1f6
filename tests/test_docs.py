"""What the docs show runs, and what is public stands in them."""

from __future__ import annotations

import doctest
import pkgutil
from importlib import import_module
from pathlib import Path

import pytest

import invitekit

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MODULES = [module.name for module in pkgutil.walk_packages([str(ROOT / "invitekit")], "invitekit.")]


EXAMPLES = [test for module in MODULES for test in doctest.DocTestFinder().find(import_module(module)) if test.examples]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_every_example_in_a_docstring_gives_what_it_says(example: doctest.DocTest) -> None:
    said: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=said.append, clear_globs=False)
    assert said == []


@pytest.mark.parametrize("name", invitekit.__all__)
def test_every_public_name_stands_in_the_readme(name: str) -> None:
    assert f"`ik.{name}" in README


def test_the_readmes_python_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It reads data/, and writes a workspace and batches beside it: not into the repository."""
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    blocks = [block.split("```")[0] for block in README.split("```python\n")[1:]]
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
