"""The README and the pages of docs/: their examples run, they name every public name, and the site can be built."""

import doctest
import pkgutil
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import invitekit
from tests.conftest import DATA, ROOT, Run

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
MODULES = [module.name for module in pkgutil.walk_packages([str(ROOT / "invitekit")], "invitekit.")]
EXAMPLES = [test for module in MODULES for test in doctest.DocTestFinder().find(import_module(module)) if test.examples]
BLOCK = re.compile(r"^( *)```(\w+)?(?: title=\"([^\"]+)\")?\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
OPENS = {"app", "lab"}
"""Commands that run until they are stopped: of these, only the help is run."""


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_every_docstring_example_is_correct(example: doctest.DocTest) -> None:
    said: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=said.append, clear_globs=False)
    assert said == []


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The working folder of a reader: the made-up data as data/, its CSV files as exports/ too, and no key."""
    (tmp_path / "data").symlink_to(DATA)
    (tmp_path / "exports").mkdir()
    for path in DATA.glob("*.csv"):
        (tmp_path / "exports" / path.name).symlink_to(path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("INVITEKIT_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=name_of)
def test_a_page_names_only_methods_that_a_workspace_has(page: Path) -> None:
    named = set(re.findall(r"\b[wW]orkspace\.([a-z_]+)(?=[(`])", page.read_text("utf-8")))
    assert not {name for name in named if not hasattr(invitekit.Workspace, name)}


def examples(page: Path) -> list[tuple[str, str, str]]:
    """Return language, title and text of each code block that names a language."""
    found = BLOCK.finditer(page.read_text("utf-8"))
    return [(m[2], m[3] or "", re.sub(rf"(?m)^{m[1]}", "", m[4])) for m in found if m[2]]


def runs(page: Path) -> set[str]:
    """Return the blocks of a page that run, without comments."""
    return {re.sub(r"(?m) +# .*$", "", text) for kind, _, text in examples(page) if kind in {"python", "console"}}


def shown_in_english(page: Path) -> set[str]:
    """Return the blocks of a Chinese page that run on its English page."""
    english = ROOT / "docs" / page.name
    return runs(english) if page.parent.name == "zh" and english.exists() else set()


WITH_EXAMPLES = [page for page in PAGES if runs(page) - shown_in_english(page)]
SPARK = "SparkSession"


def marks(page: Path) -> list[pytest.MarkDecorator]:
    """Return the marks of a page: Spark needs Java, and fast tests run without marimo."""
    text = page.read_text("utf-8")
    return [pytest.mark.spark] * (SPARK in text) + [pytest.mark.slow] * ("import marimo" in text)


@pytest.mark.parametrize("page", [pytest.param(page, id=name_of(page), marks=marks(page)) for page in WITH_EXAMPLES])
def test_the_examples_of_every_page_run(page: Path, folder: Path, run: Run, request: pytest.FixtureRequest) -> None:
    """Run the blocks from top to bottom; a block with a title is a file that the reader writes."""
    if SPARK in page.read_text("utf-8"):
        request.getfixturevalue("spark")
    names: dict[str, object] = {"__name__": "docs"}
    for language, title, text in examples(page):
        if title:
            (folder / title).write_text(text, "utf-8")
        elif language == "python":
            exec(compile(text, name_of(page), "exec"), names)
        elif language == "console":
            for command, shown in commands(text):
                check_command(command, shown, folder, run)


def commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of a console block with the output lines that the block shows."""
    for part in re.split(r"(?m)^\$ ", block.replace("\\\n", " "))[1:]:
        first, *rest = part.splitlines()
        yield first, [line for line in rest if line.strip() not in {"", "..."}]


def check_command(command: str, shown: list[str], folder: Path, run: Run) -> None:
    first, *words = shlex.split(command, comments=True)
    if first == "invitekit":
        known = {"BATCH_ID": batch_id(folder) if "BATCH_ID" in words else ""}
        done = run(*(known.get(word, word) for word in words), *["-h"] * (words[0] in OPENS))
        refused = any(line.startswith("invitekit: ") for line in shown)
        assert done.returncode == refused, f"{command}\n{done.stderr}"
        lines = iter((done.stdout + done.stderr).splitlines())
        assert [line for line in shown if line.rstrip() not in (one.rstrip() for one in lines)] == [], command
    elif first == "python":
        runpy.run_path(words[0], run_name="__main__")
    elif first == "marimo":
        assert (folder / words[-1]).is_file(), command
    elif first == "make":
        assert re.search(rf"(?m)^{re.escape(words[0])}:", (ROOT / "Makefile").read_text("utf-8")), command
    elif first in {"pip", "uvx"}:
        assert set(re.findall(r"\[(\w+)\]", command)) <= extras(), command
    else:
        pytest.fail(f"{command}: nothing checks this command")


def batch_id(folder: Path) -> str:
    with invitekit.Workspace(folder / "invitekit.duckdb", read_only=True) as workspace:
        return str(workspace.batches().select("batch_id").fetchall()[0][0])


def extras() -> set[str]:
    return {*tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]}


def test_the_readme_fits_on_two_screens_and_names_both_commands_on_the_first() -> None:
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert len(lines) <= 120
    assert {"$ make demo", "$ make test"} <= {line.partition("  ")[0] for line in lines[:30]}


def test_every_public_name_and_every_extra_is_in_a_table() -> None:
    table, install = ((ROOT / "docs" / name).read_text("utf-8") for name in ("python.md", "install.md"))
    assert [name for name in invitekit.__all__ if f"`ik.{name}" not in table] == []
    assert [extra for extra in extras() if f"[{extra}]" not in install] == []


def test_every_page_is_in_the_contents_and_every_picture_on_a_page() -> None:
    docs = ROOT / "docs"
    for folder in (docs, docs / "zh"):
        contents = (folder / "zensical.toml").read_text("utf-8")
        assert [page.name for page in folder.glob("*.md") if f'"{page.name}"' not in contents] == []
    text = "".join(page.read_text("utf-8") for page in PAGES)
    pictures = list((docs / "assets").iterdir())
    assert [one.name for one in pictures if f"assets/{one.name})" not in text] == []
    assert [one.name for one in pictures if one.stat().st_size > 300_000] == []


def test_every_protection_of_the_threat_model_has_a_test() -> None:
    rows = re.findall(r"^\| .* \| .* \| (.*) \|$", (ROOT / "docs/threat-model.md").read_text("utf-8"), re.MULTILINE)
    tests = [row.strip("`").split("::") for row in rows if row != "test"]
    assert len(tests) > 40
    missing = [name for file, name in tests if f"def {name}(" not in (ROOT / file).read_text("utf-8")]
    assert missing == []


def test_links_of_the_readme_lead_to_files() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"):
        links = re.findall(r"\]\(([^)#]+)", page.read_text("utf-8"))
        assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_files_named_for_contributors_exist() -> None:
    to_write = {"docs/NAME.md", "invitekit/locale/fr/LC_MESSAGES/invitekit.po"}
    paths = {*re.findall(r"`([\w./]+/[\w.]+\.\w+)`", (ROOT / "CONTRIBUTING.md").read_text("utf-8"))} - to_write
    assert len(paths) > 20
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built documentation; the build fails at a dead link or a file of another host."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, str(ROOT / "docs" / "build_site.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_the_reference_names_every_public_name_command_column_and_failure(site: Path) -> None:
    from invitekit.model import schema  # noqa: PLC0415
    from invitekit.model.catalogue import read_catalogue  # noqa: PLC0415
    from tests.test_cli_help import COMMANDS  # noqa: PLC0415

    def ids(name: str) -> str:
        return (site / "reference" / f"{name}.html").read_text("utf-8")

    assert [name for name in invitekit.__all__ if f'id="ik{name.lower()}"' not in ids("python")] == []
    assert [words for words in COMMANDS if f'id="{"-".join(("invitekit", *words))}"' not in ids("commands")] == []
    assert [
        one.name for one in schema.COLUMNS if f"<code>{one.name}</code></td>\n<td>{one.kind}" not in ids("columns")
    ] == []
    assert [one.code for one in read_catalogue().failures if f'id="{one.code}"' not in ids("failures")] == []


def test_the_citation_names_the_version_of_the_package() -> None:
    assert f"\nversion: {invitekit.__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")


def test_dead_links_and_files_of_other_hosts_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    dead_links = import_module("build_site").dead_links
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "index.html").touch()
    (tmp_path / "a.html").write_text(
        '<h2 id="here"></h2><a href="#here"></a><a href="#gone"></a><a href="b.html"></a><a href="folder/"></a>'
        '<a href="https://x.example"></a><link rel="canonical" href="https://x.example"><img src="data:image/gif,x">'
        '<script src="https://unpkg.com/x"></script><link rel="stylesheet" href="https://fonts.example/y">'
    )
    assert dead_links(tmp_path) == [
        "a.html: #gone", "a.html: b.html", "a.html: loads https://fonts.example/y", "a.html: loads https://unpkg.com/x",
    ]  # fmt: skip
