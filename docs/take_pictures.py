"""Take the screenshots of the documentation from the running page and a report: make pictures.

This needs Chromium. The page shows the made-up data of data/ on the day of its newest snapshot.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "docs" / "assets"
AS_OF = ("--as-of", "2026-03-30")
INVITEKIT = str(Path(sys.executable).with_name("invitekit"))
LARGEST = 300_000
"""The most bytes that a picture may have."""
WIDTH, HEIGHT = 1280, 760
TRENDS = {"en": "Trends and causes", "zh": "趋势与原因"}


def main() -> None:
    """Replace all pictures in docs/assets."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("take_pictures: Chromium is missing. Hint: apt install chromium.")
    with (
        named_folder() as folder,
        sync_playwright() as playwright,
        contextlib.closing(playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])) as browser,
    ):
        for language, suffix in (("en", ""), ("zh", "-zh")):
            take_page(browser, folder / language, language, suffix)
            take_report(browser, folder / language, language, suffix)


@contextlib.contextmanager
def named_folder() -> Iterator[Path]:
    """Create a temporary folder named ``invitekit``: the pictures show its name."""
    folder = Path(tempfile.gettempdir(), "invitekit")
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def take_page(browser: Browser, folder: Path, language: str, suffix: str) -> None:
    """Take the screens of the page in the order of the tutorial: lists, details, confirmation, trends."""
    folder.mkdir()
    with served(folder, language) as address:
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=1)
        page.set_default_timeout(90_000)
        page.goto(address)
        page.locator("#screen-pick .ik-line .ik-badge").first.wait_for()
        save(page, f"page{suffix}")
        page.locator("#screen-pick .ik-line .ik-cell").nth(1).click()
        page.locator(".ik-panel h3").wait_for()
        save(page, f"details{suffix}")
        page.keyboard.press("Escape")
        page.locator("#screen-pick .ik-head .ik-check input").click()
        page.locator("#screen-pick .ik-choice .ik-act").click()
        page.get_by_role("dialog").wait_for()
        save(page, f"confirm{suffix}")
        page.keyboard.press("Escape")
        page.get_by_role("link", name=TRENDS[language]).click()
        page.locator("#screen-explore .ik-line .ik-badge").first.wait_for()
        save(page, f"trends{suffix}")
        page.close()


def take_report(browser: Browser, folder: Path, language: str, suffix: str) -> None:
    """Take the top of the report."""
    report = folder / "report.html"
    command = [INVITEKIT, "report", ROOT / "data", "-o", report, "--language", language, *AS_OF]
    subprocess.run(command, check=True, capture_output=True)
    page = browser.new_page(viewport={"width": WIDTH, "height": 900})
    page.goto(report.as_uri())
    save(page, f"report{suffix}")
    page.close()


def save(page: Page, name: str) -> None:
    """Save a screenshot of the page.

    Raises:
        SystemExit: The picture is too large for a repository.
    """
    page.mouse.move(0, 0)
    page.wait_for_timeout(600)  # until animations have ended
    path = ASSETS / f"{name}.png"
    page.screenshot(path=path, animations="disabled")
    if path.stat().st_size > LARGEST:
        sys.exit(f"take_pictures: {path.name} has more than {LARGEST:,} bytes.")
    print(f"{path.name}: {path.stat().st_size:,} bytes")


@contextlib.contextmanager
def served(folder: Path, language: str) -> Iterator[str]:
    """Serve the page with the made-up data, and yield its address."""
    command = [
        INVITEKIT,
        "app",
        ROOT / "data",
        "-w",
        "invitekit.duckdb",
        "--no-browser",
        "--language",
        language,
        *AS_OF,
    ]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            for line in server.stdout or ():
                if address := re.search(r"http://127\.0\.0\.1:\d+/\?token=\w+", line):
                    yield address[0]
                    break
            else:
                sys.exit("take_pictures: the page did not start.")
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
