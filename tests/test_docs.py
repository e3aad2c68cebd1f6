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


def examples(module: str) -> list[doctest.DocTest]:
    return [test for test in doctest.DocTestFinder().find(import_module(module)) if test.examples]


@pytest.mark.parametrize("module", MODULES)
def test_every_example_in_a_docstring_gives_what_it_says(module: str) -> None:
    for test in examples(module):
        said: list[str] = []
        doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=said.append)
        assert said == [], test.name


def test_there_are_examples() -> None:
    assert sum(len(examples(module)) for module in MODULES) >= 5


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
