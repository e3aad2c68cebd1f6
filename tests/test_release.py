"""A release: the checks that stop it, and a whole release up to the upload."""

import datetime as dt
import re
import shutil
import subprocess
import sys
from pathlib import Path
from runpy import run_path

import pytest

from tests.conftest import ROOT

TODAY = f"{dt.datetime.now(tz=dt.UTC).date()}"  # of the import: a suite may end on the next day
VERSION = "0.1.0"


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=n", "-c", "user.email=n@example.com", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with the current files of this one, ready for release."""
    git(tmp_path, "init", "--quiet")
    for name in git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    replace(tmp_path / "CHANGELOG.md", r"## \[Unreleased\]", f"## [{VERSION}] - {TODAY}")
    commit(tmp_path)
    git(tmp_path, "config", "user.name", "n")
    git(tmp_path, "config", "user.email", "n@example.com")
    return tmp_path


def replace(file: Path, old: str, new: str) -> None:
    file.write_text(re.sub(old, new, file.read_text("utf-8"), count=1), "utf-8")


def commit(clone: Path) -> None:
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--no-verify", "--message", "Release")


def release(clone: Path, version: str = VERSION) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "tools/release.py", version]
    return subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)


def test_an_unready_checkout_is_not_released_and_every_reason_is_named(clone: Path) -> None:
    (clone / "new.txt").touch()
    assert release(clone).stderr == "Files are changed or new: commit them, or remove them.\n"
    replace(clone / "CHANGELOG.md", f"{TODAY}", "2026-01-01")
    commit(clone)
    git(clone, "tag", "v0.2.0")
    assert release(clone, "0.2.0").stderr.splitlines() == [
        "pyproject.toml has the version 0.1.0, not 0.2.0.",
        "CITATION.cff has the version 0.1.0, not 0.2.0.",
        "CHANGELOG.md begins with '[0.1.0] - 2026-01-01', not with '[0.2.0]' and today's date.",
        "The tag v0.2.0 exists.",
    ]
    assert not (clone / "dist").exists()


@pytest.mark.parametrize(("hour", "days"), [(0, (29, 30)), (11, (29, 30, 31)), (23, (30, 31))])
def test_a_changelog_may_have_the_date_of_any_time_zone(hour: int, days: tuple[int, ...]) -> None:
    found = run_path(str(ROOT / "tools" / "release.py"))["todays"](dt.datetime(2026, 10, 30, hour, tzinfo=dt.UTC))
    assert found == {dt.date(2026, 10, day) for day in days}


@pytest.mark.slow
def test_a_release_is_built_tested_and_tagged_but_not_uploaded(clone: Path) -> None:
    done = release(clone)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2,400 rows read = 2,397 records + 3 rejects from 4 sources.\n")
    assert f"git push origin v{VERSION}" in done.stdout
    assert {path.name for path in (clone / "dist").iterdir()} == {
        f"invitekit-{VERSION}.tar.gz", f"invitekit-{VERSION}-py3-none-any.whl",
    }  # fmt: skip
    assert git(clone, "cat-file", "-t", f"v{VERSION}") == "tag"
    assert git(clone, "status", "--porcelain") == ""
