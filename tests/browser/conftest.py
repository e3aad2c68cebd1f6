"""One JupyterLab for all tests of the screen."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.lab import Lab, started


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Lab]:
    with started(tmp_path_factory.mktemp("lab"), browser) as one:
        yield one
