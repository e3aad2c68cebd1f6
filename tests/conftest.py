"""Shared fixtures: optional parts of the machine, and three engines behind one fixture."""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import narwhals.stable.v2 as nw
import polars as pl
import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

import invitekit as ik
from invitekit.cli import main
from invitekit.model import schema

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from pyspark.sql import DataFrame, SparkSession

# A library that takes a naive time for the machine's own would go unseen on a machine in UTC.
os.environ["TZ"] = "Asia/Shanghai"
if hasattr(time, "tzset"):  # not on Windows
    time.tzset()

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OLDEST_JAVA = 17
ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"
KINDS: dict[str, pl.DataType] = {"time": pl.Datetime("us"), "integer": pl.Int64(), "number": pl.Float64()}
SHAPE = {column.name: KINDS.get(column.kind, pl.String()) for column in schema.RECORD}
"""The types of the columns of records in Polars."""
SOAK = os.environ.get("INVITEKIT_SOAK") == "true"
"""Whether tests take hours and not minutes: see "make soak"."""


def often(times: int, ordinarily: int | None = None) -> int:
    """How often a test repeats itself: so many times in a soak run, a quarter of it or a given number else."""
    return times if SOAK else ordinarily or max(times // 4, 1)


@cache
def find_chromium() -> str | None:
    return next(filter(None, map(shutil.which, CHROMIUMS)), None)


@cache
def find_java() -> str | None:
    """Return the Java that Spark would start, where it is new enough."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if java is None or shutil.which(java) is None:
        return None
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=60).stderr
    version = re.search(r'version "(\d+)', said)
    return java if version and int(version[1]) >= OLDEST_JAVA else None


def pytest_configure() -> None:
    """Use an empty settings folder: the saved views of the user stay as they are. Pip keeps its settings."""
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    if (settings / "pip" / "pip.conf").exists():
        os.environ.setdefault("PIP_CONFIG_FILE", str(settings / "pip" / "pip.conf"))
    os.environ["XDG_CONFIG_HOME"] = tempfile.mkdtemp(prefix="settings-of-tests-")
    atexit.register(shutil.rmtree, os.environ["XDG_CONFIG_HOME"], ignore_errors=True)


@dataclass(frozen=True)
class Part:
    """A part of the machine that tests of one marker cannot run without."""

    name: str
    find: Callable[[], str | None]
    remedy: str

    @property
    def absence(self) -> str:
        return f"{self.name} is missing ({self.remedy})"


PARTS = {
    "paper": Part("pdftotext", lambda: shutil.which("pdftotext"), "apt install poppler-utils"),
    "browser": Part("Chromium", find_chromium, "apt install chromium"),
    "spark": Part(f"Java {OLDEST_JAVA} or newer", find_java, "apt install default-jre-headless"),
}


LONG = ("browser", "spark", "test_widgets.py", "test_workspace.py", "test_page.py", "test_docs.py", "test_faults.py",
        "test_resend.py", "test_batch.py", "test_export.py", "test_report.py", "test_cli_memory.py", "test_recipes.py",
        "test_reconcile.py", "test_hostile_texts.py", "test_platforms.py", "test_progress.py", "test_cli_questions.py",
        "test_sample.py", "test_cli.py", "test_containers.py", "test_load.py")  # fmt: skip
"""Groups of tests that take long, the longest first: begun last, one worker would wait for the other."""


def group(nodeid: str) -> str:
    """Return what a test is run with by one worker: one Spark and one JupyterLab serve all who need such a thing."""
    path, _, name = nodeid.partition("::")
    return "browser" if "browser/" in path else "spark" if "spark" in name else path.rsplit("/", 1)[-1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long groups first; each keeps its own order."""
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(group(item.nodeid), len(LONG)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Hand out whole groups, where whole scopes are asked for."""
    if config.getoption("dist") != "loadscope":
        return None
    scheduling = LoadScopeScheduling(config, log)
    scheduling._split_scope = group
    return scheduling


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose part of the machine is missing; in CI nothing may be missing, so it fails."""
    for marker, part in PARTS.items():
        if item.get_closest_marker(marker) and part.find() is None:
            if os.environ.get("CI") == "true":
                pytest.fail(part.absence, pytrace=False)
            pytest.skip(part.absence)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print in one line each which part was missing."""
    stats = terminalreporter.stats
    for part in PARTS.values():
        left = [
            r for kind in ("skipped", "failed", "error") for r in stats.get(kind, []) if part.absence in str(r.longrepr)
        ]
        if left:
            terminalreporter.write_line(f"NOT RUN: {len(left)} tests, because {part.absence}.", yellow=True)


@contextlib.contextmanager
def served(folder: Path, *words: str, said: list[str] | None = None) -> Iterator[str]:
    """Start the page in a folder as a person does, and give the address that it prints.

    Args:
        folder: Where the command is started.
        words: What follows ``invitekit app``.
        said: Receives the lines that are printed, those after the address at the end.
    """
    command = [str(Path(sys.executable).with_name("invitekit")), "app", *words, "--no-browser", "--as-of", "2026-03-30"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        lines = [] if said is None else said
        try:
            assert server.stdout is not None
            for line in server.stdout:
                lines.append(line)
                if found := re.search(r"http://127\.0\.0\.1:\d+/\?token=\w+", line):
                    yield found[0]
                    break
            else:
                raise AssertionError("".join(lines))
        finally:
            server.terminate()
            lines += server.communicate(timeout=30)[0].splitlines()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all of a process, which takes no second; a test that asks for it carries the marker."""
    from tests.browser.lab import chromium  # noqa: PLC0415 - half a second, and it looks for Chromium here

    with chromium() as one:
        yield one


@dataclass(frozen=True)
class Engine:
    """One engine: call it with columns or a Polars frame to get a native frame of its own.

    Times are UTC without an offset. A column of nulls only takes its type from the schema, else text.
    """

    name: str
    from_polars: Callable[[pl.DataFrame], Any]

    def __call__(self, data: Mapping[str, Any] | pl.DataFrame) -> Any:
        frame = pl.DataFrame(data)
        nulls = [pl.col(name).cast(_type_of(name)) for name, kind in frame.schema.items() if kind == pl.Null]
        return self.from_polars(frame.with_columns(nulls))

    def to_polars(self, native: Any) -> pl.DataFrame:
        """Bring a result back; no engine promises the order of its rows."""
        frame: pl.DataFrame = nw.from_native(native).lazy().collect("polars").to_native()
        return frame


def _type_of(name: str) -> pl.DataType:
    column = schema.BY_NAME.get(name)
    return KINDS.get(column.kind, pl.String()) if column else pl.String()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for ``engine`` on Polars and DuckDB; on Spark too where it is marked ``every_engine``.

    One that is marked ``one_engine`` runs on Polars alone: test_engines.py walks the same way on all of them.
    """
    own = any("engine" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if "engine" in metafunc.fixturenames and not own:
        on_spark = SOAK or metafunc.definition.get_closest_marker("every_engine") is not None
        spark = [pytest.param("spark", marks=pytest.mark.spark)] if on_spark else []
        alone = not SOAK and metafunc.definition.get_closest_marker("one_engine") is not None
        metafunc.parametrize("engine", ["polars"] if alone else ["polars", "duckdb", *spark], indirect=True)


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Each engine in turn: ``frame = engine({...})``, then ``engine.to_polars(result)``."""
    name = request.param
    if name == "polars":
        yield Engine(name, lambda frame: frame)
    elif name == "duckdb":
        with duckdb.connect() as connection:
            yield Engine(name, lambda frame: connection.from_arrow(frame.to_arrow()))
    else:
        spark = request.getfixturevalue("spark")
        yield Engine(name, lambda frame: _without_zone(spark.createDataFrame(frame.to_arrow())))


def _without_zone(frame: DataFrame) -> DataFrame:
    """Make Spark's times naive: as it is set up by default, it reads Arrow's naive times as instants."""
    times = [name for name, kind in frame.dtypes if kind == "timestamp"]
    return frame.withColumns({name: frame[name].cast("timestamp_ntz") for name in times})


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """One local Spark for all tests; who asks for it carries the marker ``spark``."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - costs a second, and most runs need no Spark

    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    settings: dict[str, bool | float | int | str | None] = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.constraintPropagation.enabled": "false",  # nor do so few rows repay a better plan
        "spark.sql.adaptive.enabled": "false",
        "spark.log.level": "ERROR",
        # Not UTC: whoever reads a time in the session's zone is found out.
        "spark.sql.session.timeZone": "Asia/Shanghai",
        "spark.sql.codegen.wholeStage": "false",  # compiling costs more than these few rows
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.shuffle.partitions": "1",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    session = SparkSession.builder.master("local[1]").appName("invitekit tests").config(map=settings).getOrCreate()
    yield session
    session.stop()


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]
"""What the fixture of that name gives: call it with the words of a command."""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process: a start of Python for each would take a minute."""

    def call(*words: str | Path, cwd: Path | None = None) -> Done:
        monkeypatch.setattr(sys, "argv", ["invitekit", *map(str, words)])
        if cwd is not None:
            monkeypatch.chdir(cwd)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        out, err = capsys.readouterr()
        return Done(code if isinstance(code, int) else int(code is not None), out, err)

    return call


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


@contextlib.contextmanager
def busy(workspace: ik.Workspace) -> Iterator[None]:
    """Keep the workspace's connection at work, as a long cell does."""
    con, files, over = workspace._con, workspace.files(), threading.Event()

    def cell() -> None:
        while not over.is_set():
            with contextlib.suppress(duckdb.Error):  # it was interrupted, or met the look below
                con.execute("select count(*) from range(10_000_000) a join range(10_000_000) b on a.range < b.range")

    with ThreadPoolExecutor(1) as cells:
        cells.submit(cell)
        try:
            with contextlib.suppress(duckdb.Error):  # it refuses, since the cell is at work
                while True:
                    files.limit(1).columns  # noqa: B018
            yield
        finally:
            over.set()
            con.interrupt()
