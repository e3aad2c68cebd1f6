"""The files of the wheel, the error for a missing extra, and how "invitekit lab" copies the notebooks."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from invitekit.cli.examples import copy_examples
from invitekit.errors import OutputError
from tests.conftest import ROOT

COMMAND = str(Path(sys.executable).with_name("invitekit"))
PARTS = (
    "invitekit", "notebooks", "data", "docs", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff",
    "CONTRIBUTING.md", "SECURITY.md", ".gitignore",
)  # fmt: skip
NO_SOURCES = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")


def build(source: Path, target: Path, *kinds: str) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(target), *kinds]
    subprocess.run(command, cwd=source, check=True, capture_output=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """A wheel built through an sdist, from a copy of the repository that holds a partner's files too."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "copy"
    copy.mkdir()
    for part in PARTS:
        origin = ROOT / part
        if origin.is_dir():
            shutil.copytree(origin, copy / part, ignore=NO_SOURCES)
        else:
            shutil.copy(origin, copy / part)
    (copy / "data" / "partner.csv").write_text("Account Name,Status\nacme,Invited\n")
    (copy / "notebooks" / "mine.ipynb").write_text("{}")
    build(copy, folder, "-t", "sdist")
    (archive,) = folder.glob("*.tar.gz")
    shutil.unpack_archive(archive, folder / "sdist", filter="data")
    (unpacked,) = (folder / "sdist").iterdir()
    sources = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert sources - {"PKG-INFO"} == {*tracked(*PARTS)}, "the sources travel whole, and nothing else"
    build(unpacked, folder, "-t", "wheel")
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as opened:
        yield opened


def test_the_wheel_contains_exactly_the_package_the_notebooks_and_the_made_up_data(wheel: zipfile.ZipFile) -> None:
    start = "invitekit/example_files/"
    own = {name for name in wheel.namelist() if ".dist-info/" not in name and not name.startswith(start)}
    assert own == {*tracked("invitekit")}
    packaged = {name.removeprefix(start): wheel.read(name) for name in wheel.namelist() if name.startswith(start)}
    assert packaged == {name: (ROOT / name).read_bytes() for name in tracked("notebooks", "data")}


def test_an_editable_install_and_the_wheel_copy_the_same_files(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path / "site")
    script = "from invitekit.cli.examples import copy_examples; from pathlib import Path; copy_examples(Path('copied'))"
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path / "site", check=True)
    copy_examples(tmp_path / "own")
    assert contents(tmp_path / "site" / "copied") == contents(tmp_path / "own")
    assert len(contents(tmp_path / "own")) == 12


def tracked(*folders: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, check=True, capture_output=True, text=True)
    return listed.stdout.splitlines()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_changed_notebook_stays_and_a_missing_one_is_copied_again(tmp_path: Path) -> None:
    written, changed = copy_examples(tmp_path / "my notebooks")
    assert (len(written), changed) == (12, [])
    name, other = "notebooks/1_explore_failures.ipynb", "notebooks/2_pick_resends.ipynb"
    (tmp_path / "my notebooks" / name).write_text("mine")
    (tmp_path / "my notebooks" / other).unlink()
    assert copy_examples(tmp_path / "my notebooks") == ([other], [name])
    assert (tmp_path / "my notebooks" / name).read_text() == "mine"


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match=r"The notebooks cannot be copied to 'taken': .+ Hint: name another folder"):
        copy_examples(tmp_path / "taken")


WITHOUT = """
import importlib.util, sys
from importlib.machinery import PathFinder
missing = set(sys.argv[1].split(","))

class Missing:
    def find_spec(name, path=None, target=None):
        if name.split(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name in missing else find_spec(name, *rest)
sys.meta_path.insert(0, Missing)
sys.argv[1:] = sys.argv[2:]
"""
"""A Python in which some libraries cannot be found, as where an extra is not installed."""
FROM_PYTHON = """
import invitekit as ik
for name in ("report", "Explorer", "ResendPicker", "ExportPanel"):
    try:
        getattr(ik, name)
    except ik.InvitekitError as error:
        print(error)
"""
REPORT = "jinja2,typst"
LAB = f"{REPORT},anywidget,ipywidgets,jupyterlab,tornado"


def run_without(missing: str, script: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT + script, missing, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_name_without_its_extra_is_an_error_that_names_it() -> None:
    done = run_without(LAB, FROM_PYTHON)
    needs = (("The report needs", "report"), *[("The screens need", "lab")] * 3)
    expected = [f'{who} more libraries. Hint: pip install "invitekit[{extra}]".' for who, extra in needs]
    assert (done.stdout.splitlines(), done.stderr) == (expected, "")


MAIN = "from invitekit.cli import main; main()"


@pytest.mark.parametrize(
    ("words", "who", "extra"),
    [(["report", "x.csv", "-o", "r.html"], "The report needs", "report"), (["lab"], "The notebooks need", "lab")],
)
def test_a_command_without_its_extra_is_one_line_that_names_it(words: list[str], who: str, extra: str) -> None:
    done = run_without(LAB, MAIN, *words)
    told = f'invitekit: {who} more libraries. Hint: pip install "invitekit[{extra}]".\n'
    assert (done.returncode, done.stdout, done.stderr) == (1, "", told)


@pytest.mark.parametrize(
    ("command", "option", "missing"),
    [("plan", "--batch-dir", f"{LAB},keyring,pyspark,babel,pandas,scipy,numpy"),
     ("report", "-o", "scipy,numpy,pandas,babel")],
)  # fmt: skip
def test_plan_and_report_need_no_other_extras(tmp_path: Path, command: str, option: str, missing: str) -> None:
    target = tmp_path / ("batches" if command == "plan" else "r.html")
    done = run_without(missing, MAIN, command, str(ROOT / "data"), "--as-of", "2026-03-30", option, str(target))
    assert (done.returncode, done.stderr, target.exists()) == (0, "", True)


@pytest.mark.slow
def test_lab_opens_a_folder_with_a_space_in_its_name_and_a_signal_ends_it(tmp_path: Path) -> None:
    port = free_port()
    command = [
        str(Path(sys.executable).with_name("invitekit")), "lab", "my notebooks", "--no-browser", "--port", str(port),
    ]  # fmt: skip
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log) as process,
    ):
        try:
            address = address_of(tmp_path / "log", port)
            assert b"jupyter" in page_of(address).lower()
            with urllib.request.urlopen(address.replace("/lab/tree/notebooks", "/api/contents/notebooks")) as listed:
                assert b"1_explore_failures.ipynb" in listed.read()
        finally:
            process.terminate()
            code = process.wait(timeout=60)
    assert code == 128 + signal.SIGTERM
    assert (tmp_path / "my notebooks" / "data" / "history_records_2026-03-30.csv").is_file()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/")


def test_lab_returns_the_exit_code_of_jupyterlab(tmp_path: Path) -> None:
    (tmp_path / "jupyterlab").mkdir()
    (tmp_path / "jupyterlab" / "__init__.py").touch()
    (tmp_path / "jupyterlab" / "__main__.py").write_text("raise SystemExit(7)")  # "python -m" looks here first
    assert subprocess.run([COMMAND, "lab", "n"], cwd=tmp_path, capture_output=True, check=False).returncode == 7


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def address_of(log: Path, port: int) -> str:
    """Wait until JupyterLab says where it is served."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        found = re.search(rf"http://(?:localhost|127\.0\.0\.1):{port}/lab/tree/notebooks\?token=\w+", log.read_text())
        if found:
            return found[0]
        time.sleep(0.2)
    raise AssertionError(log.read_text())


def page_of(address: str) -> bytes:
    """Wait until JupyterLab answers: it says its address a moment before it listens there."""
    end = time.monotonic() + 90
    while True:
        try:
            with urllib.request.urlopen(address) as page:
                return bytes(page.read())
        except urllib.error.URLError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def test_the_image_is_built_from_wheel_and_lock_and_starts_a_known_command(wheel: zipfile.ZipFile) -> None:
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    (copied,) = (line.split()[1:-1] for line in lines if line.startswith("COPY "))
    rules = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert rules == ["*", *(f"!{name}" for name in copied)]
    built = f"dist/{Path(str(wheel.filename)).name}"
    assert [name for name in copied if not (ROOT / name).is_file() and not fnmatch(built, name)] == []
    program, words = (json.loads(line.partition(" ")[2]) for line in lines if line.startswith(("ENTRYPOINT", "CMD")))
    assert program == ["invitekit"]
    done = subprocess.run([COMMAND, *words, "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_environment_of_conda_installs_extras_that_exist() -> None:
    text = (ROOT / "environment.yml").read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (named,) = re.findall(r"(?m)^      - -e \.\[(.+)\]$", text)
    assert {*named.split(",")} <= {*project["optional-dependencies"]}
    assert re.findall(r"(?m)^  - (.+)$", text) == ["conda-forge", "python", "pip", "pip:"], (
        "versions are in pyproject.toml"
    )
