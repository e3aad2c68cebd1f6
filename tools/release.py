"""Check, build, try and tag a release: make release VERSION=0.2.0. It needs no network; you upload the files."""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import venv
from pathlib import Path
from zipfile import ZipFile

from packaging.metadata import Metadata

ROOT = Path(__file__).resolve().parent.parent


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a command and return its output; a failing command ends the release."""
    env = os.environ | environment
    return subprocess.run(command, cwd=cwd, env=env, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


def todays(now: dt.datetime) -> set[dt.date]:
    """Return the dates that are today somewhere on Earth: up to three."""
    return {(now + dt.timedelta(hours=hours)).date() for hours in (-12, 0, 14)}


def problems(root: Path, version: str) -> list[str]:
    """Return why the checkout cannot be released as this version, as sentences."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    citation = re.findall(r"(?m)^version: (.+)$", (root / "CITATION.cff").read_text("utf-8"))
    head = re.findall(r"(?m)^## (.+)$", (root / "CHANGELOG.md").read_text("utf-8"))[0]
    expected = [f"[{version}] - {day}" for day in todays(dt.datetime.now(tz=dt.UTC))]
    return [
        *["Files are changed or new: commit them, or remove them."]
        * bool(run("git", "status", "--porcelain", cwd=root)),
        *[f"pyproject.toml has the version {project}, not {version}."] * (project != version),
        *[f"CITATION.cff has the version {', '.join(citation)}, not {version}."] * (citation != [version]),
        *[f"CHANGELOG.md begins with '{head}', not with '[{version}]' and today's date."] * (head not in expected),
        *[f"The tag v{version} exists."] * bool(run("git", "tag", "--list", f"v{version}", cwd=root)),
    ]


def build(root: Path, folder: Path) -> tuple[Path, Path]:
    """Build the sdist, and the wheel from it: that proves that the published sdist is complete."""
    shutil.rmtree(folder, ignore_errors=True)
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=root)
    (sdist,) = folder.glob("*.tar.gz")
    with tempfile.TemporaryDirectory() as unpacked:
        shutil.unpack_archive(sdist, unpacked, filter="data")
        (sources,) = Path(unpacked).iterdir()
        run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=sources)
    (wheel,) = folder.glob("*.whl")
    return sdist, wheel


def try_wheel(wheel: Path, version: str) -> None:
    """Install the wheel into an empty environment, and read the packaged data with the libraries of this one."""
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        Metadata.from_email(archive.read(name), validate=True)  # as the package index does
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        run(python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=Path(folder))
        installed = run(python, "-c", "import invitekit; print(invitekit.__version__)", cwd=Path(folder))
        if installed != version:
            sys.exit(f"The installed wheel has the version {installed}.")
        libraries = {"PYTHONPATH": sysconfig.get_path("purelib")}
        examples = "from pathlib import Path; from invitekit.cli.examples import copy_examples; copy_examples(Path())"
        run(python, "-c", examples, cwd=Path(folder), **libraries)
        print(run(python, "-m", "invitekit", "check", "data", cwd=Path(folder), **libraries).splitlines()[0])


def main(version: str) -> None:
    """Release the checkout that this file is in; without a version, build it only."""
    if not version:
        print(*(path.relative_to(ROOT) for path in build(ROOT, ROOT / "dist")), sep="\n")
        return
    if sentences := problems(ROOT, version):
        sys.exit("\n".join(sentences))
    sdist, wheel = build(ROOT, ROOT / "dist")
    try_wheel(wheel, version)
    run("git", "tag", "--annotate", f"v{version}", "--message", f"invitekit {version}", cwd=ROOT)
    print(f"Built and tried: dist/{sdist.name}, dist/{wheel.name}; tagged: v{version}. Now publish:")
    print(f"  git push origin v{version}\n  uvx twine upload dist/{sdist.name} dist/{wheel.name}")


if __name__ == "__main__":
    main(*sys.argv[1:2] or [""])
