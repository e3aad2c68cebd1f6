"""One JupyterLab and one Chromium for all tests of the screen."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

import invitekit as ik
from tests.browser.lab import Lab, chromium, started

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Lab]:
    with started(tmp_path_factory.mktemp("lab"), browser) as one:
        yield one


@pytest.fixture(scope="session")
def _remembered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("workspace") / "memory.duckdb"
    with ik.Workspace(path) as workspace:
        workspace.add(str(DATA))
    return path


@pytest.fixture
def memory(_remembered: Path, tmp_path: Path) -> Path:
    """A workspace of its own that holds the sample."""
    return Path(shutil.copy(_remembered, tmp_path))
