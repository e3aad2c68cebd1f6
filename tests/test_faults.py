"""Faults: bytes that change in a workspace, and processes that are killed or asked to end at any moment."""

import contextlib
import gc
import hashlib
import io
import itertools
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import duckdb
import psutil
import pytest

import invitekit as ik
from invitekit import ingest
from invitekit.batches.output_folder import PAGE
from invitekit.cli import main
from invitekit.cli.recipes import read_recipe
from invitekit.errors import OutputError, WorkspaceError, own_error
from invitekit.export import verify
from invitekit.export.manifest import path_of
from invitekit.i18n import _ as message
from invitekit.ingest.stores import EngineChoice, choose_engine
from tests.conftest import DATA, SOAK, Run, often
from tests.test_batch import disk_of

pytestmark = pytest.mark.slow
CLEAR = ("damaged", "is not a DuckDB database", "another version of DuckDB")


def test_a_changed_bit_of_a_workspace_is_one_clear_error_and_never_another_answer(run: Run, memory: Path) -> None:
    whole, dice, refused = memory.read_bytes(), random.Random(20260330), set[str]()
    commands = [("plan", "--as-of", "2026-03-30"), ("workspace", "show"), ("compare",)]
    answers = {words: run(*words, "-w", memory, "--json").stdout for words in commands}
    for _, (words, answer) in zip(range(often(80, 12)), itertools.cycle(answers.items()), strict=False):
        content, place = bytearray(whole), dice.randrange(len(whole))
        content[place] ^= 1 << dice.randrange(8)
        memory.write_bytes(content)
        done = run(*words, "-w", memory, "--json")
        assert (done.returncode, done.stdout) in {(0, answer), (1, "")}, (place, words)
        assert any(word in done.stderr for word in CLEAR) == bool(done.returncode), (place, done.stderr)
        refused |= {done.stderr[:30]} - {""}
    assert len(refused) > 1, "damage is noticed both when the file is opened and when it is read"


# Kills

KILLS = often(8, 6)
ERAS = 125 if SOAK else 1
"""How often the kills begin anew, in an empty folder: a long history takes long to work on."""
ROWS = 6
MEMORY, RECIPE, EXPORT, BATCHES = "memory.duckdb", "recipe.toml", "shared.csv", "batches"
HEADER = "Account,Email,Status,Method,Failure Cause,Invited At\n"


def command(*words: str) -> str:
    """Run a command in this process, and return its output: empty if it fails."""
    sys.argv, printed = ["invitekit", *words, "--json"], io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        main()
    return printed.getvalue()


def week(folder: Path, name: str) -> Path:
    """Write an export of customers to invite again, with one row that is rejected."""
    cause = "The invitation link has expired."
    rows = [f"{name}_{n},{name}_{n}@x.example,Failed,Email,{cause},2026-03-02" for n in range(ROWS - 1)]
    path = folder / f"{name}_2026-03-16.csv"
    path.write_text(HEADER + "\n".join([*rows, ",,Failed,Email,,2026-03-02\n"]), encoding="utf-8")
    return path


def work(folder: Path, life: int, reports: Connection) -> None:
    """Add, plan, mark as sent and export in an endless loop, and report each commit, until the parent kills it."""
    os.chdir(folder)
    os.umask(0o022)
    day = ("-w", MEMORY, "--as-of", "2026-03-20", "--overwrite", "--save-recipe", RECIPE)
    for number in itertools.count(life):  # each process begins with another command
        match number % 3:
            case 0:
                path = week(folder, f"a{life}_{number}")
                if command("workspace", "add", path.name, "-w", MEMORY, "--save-recipe", RECIPE):
                    reports.send(("file", hashlib.sha256(path.read_bytes()).hexdigest()))
            case 1:
                planned = command("plan", *day, "--batch-dir", BATCHES)
                for batch_id in json.loads(planned)["batch_ids"].values() if planned else ():
                    if command("workspace", "mark-sent", batch_id, "--by", "anna", "--at", "2026-03-20", "-w", MEMORY):
                        reports.send(("batch", batch_id))
            case _:
                command("export", *day, "-o", EXPORT)


def killed(folder: Path, life: int, seconds: float, *, at_work: bool) -> set[tuple[str, str]]:
    """Start a process, kill it after some seconds, and return what it reported as committed.

    Args:
        folder: Its working folder.
        life: The number of the process, for the names of its files.
        seconds: How long it runs.
        at_work: Whether to count the seconds from its first report: a slow machine may not reach it in time.
    """
    starter = multiprocessing.get_context("forkserver")
    starter.set_forkserver_preload([work.__module__])
    listen, reports = starter.Pipe(duplex=False)
    child = starter.Process(target=work, args=(folder, life, reports))
    child.start()
    reports.close()
    if at_work:
        listen.poll(60)
    time.sleep(seconds)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert child.exitcode == -signal.SIGKILL, "it died before it was killed"
    reported = set()
    with contextlib.suppress(EOFError):
        while True:
            reported.add(listen.recv())
    return reported


def check_whole(folder: Path, promised: set[tuple[str, str]]) -> None:
    """Check that everything reported is stored, every file is whole, and all are private; add what else is stored."""
    seen = [*folder.iterdir(), *(folder / BATCHES).glob("*")]
    own = [path for path in seen if path.is_file() and not path.name.startswith("a")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in own} <= {0o600}
    if (folder / MEMORY).exists():
        with ik.Workspace(folder / MEMORY) as workspace:
            files = workspace.files().select("sha256, rows_read, records, rejects").fetchall()
            held = workspace.history().aggregate("source_file, count(*)").fetchall()
            sent = workspace.resends().aggregate("batch_id, count(*)").fetchall()
        assert {row[1:] for row in files} <= {(ROWS, ROWS - 1, 1)}
        assert len(held) == len(files)
        assert {rows for _, rows in held} <= {ROWS - 1}
        stored = {("file", row[0]) for row in files} | {("batch", batch_id) for batch_id, _ in sent}
        assert promised <= stored
        assert len(stored - promised) <= 1, "only the last commit may lack its report"
        promised |= stored
    assert promised == set() or (folder / MEMORY).exists()
    if (folder / RECIPE).exists():
        assert read_recipe(folder / RECIPE).step
    if (folder / EXPORT).exists() and path_of(folder / EXPORT).exists():
        verify(folder / EXPORT)
    if (folder / BATCHES / PAGE).exists():
        page = (folder / BATCHES / PAGE).read_text("utf-8-sig")
        written = [path for path in (folder / BATCHES).glob("[!.]*") if path.name != PAGE]
        assert re.findall(r"The files \((\d+) besides this one", page) == [f"{len(written)}"]
        assert [book.name for book in written if book.suffix == ".xlsx" and zipfile.ZipFile(book).testzip()] == []


def test_kills_at_any_moment_damage_nothing_and_lose_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    dice, worked = random.Random(20260330), 0
    for era in range(ERAS):
        folder = tmp_path / f"work {era}"
        folder.mkdir()
        promised: set[tuple[str, str]] = set()
        for life in range(KILLS):
            reported = killed(folder, life, dice.uniform(0, 1.5), at_work=life % 2 > 0)
            worked += bool(reported)
            promised |= reported
            check_whole(folder, promised)
        day = ("-w", MEMORY, "--as-of", "2026-03-20", "--overwrite")
        left, said = any(folder.rglob("*.part")), ""
        for words in (("plan", *day, "--batch-dir", BATCHES), ("export", *day, "-o", EXPORT)):
            line = [sys.executable, "-m", "invitekit", *words]
            said += subprocess.run(line, cwd=folder, check=True, capture_output=True, text=True).stderr
        assert ("An earlier run was killed" in said) == left
        folders = {path for path in tmp_path.rglob("*") if path.is_dir()}
        assert folders == {tmp_path / "temporary", folder, folder / BATCHES}, "the next start removes what was left"
        shutil.rmtree(folder)
    assert worked > ERAS * KILLS / 4, "most were killed before they committed anything: that proves little"


# The log of a workspace


def stored(path: Path, *, read_only: bool = False) -> int:
    with ik.Workspace(path, read_only=read_only) as workspace:
        return workspace.history().count("*").fetchall()[0][0]  # type: ignore[no-any-return]


def test_existing_bytes_of_a_workspace_are_not_overwritten(tmp_path: Path, memory: Path) -> None:
    (old := tmp_path / "old.duckdb").hardlink_to(memory)
    before, content = stored(memory, read_only=True), memory.read_bytes()
    with ik.Workspace(memory) as workspace:
        for name in ("a", "b"):
            workspace.add(week(tmp_path, name))
        assert old.read_bytes()[: len(content)] == content
    assert old.read_bytes()[: len(content)] == content
    assert (stored(memory), stored(old)) == (before + 2 * (ROWS - 1), before)
    assert not memory.samefile(old)


@pytest.mark.parametrize("read_only", [True, False])
def test_a_log_already_applied_to_the_file_is_removed(tmp_path: Path, memory: Path, *, read_only: bool) -> None:
    before, log = stored(memory), Path(f"{memory}.wal")
    with ik.Workspace(memory) as workspace:
        workspace.add(week(tmp_path, "a"))
        content = log.read_bytes()
    assert not log.exists()
    log.write_bytes(content)  # what a process leaves that is killed before it removes it
    assert stored(memory, read_only=read_only) == before + ROWS - 1
    assert not log.exists()


def meanwhile(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """Change the files just after DuckDB has opened or refused them."""
    connect = duckdb.connect

    def interrupted(*words: object, **options: object) -> duckdb.DuckDBPyConnection:
        if not words:  # it is in memory
            return connect(**options)  # type: ignore[arg-type]
        monkeypatch.undo()
        try:
            return connect(*words, **options)  # type: ignore[arg-type]
        finally:
            change()

    monkeypatch.setattr(duckdb, "connect", interrupted)


def test_a_file_that_is_replaced_while_it_is_opened_is_opened_again(
    tmp_path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, newer = stored(memory), tmp_path / "newer.duckdb"
    shutil.copy(memory, newer)
    with ik.Workspace(newer) as workspace:
        workspace.add(week(tmp_path, "a"))
    meanwhile(monkeypatch, lambda: newer.replace(memory))
    assert stored(memory) == before + ROWS - 1


@pytest.mark.skipif(os.name != "posix", reason="Windows replaces no open file")
def test_a_log_that_another_process_may_write_is_not_removed(
    tmp_path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, log, logs, states = stored(memory), Path(f"{memory}.wal"), [], []
    for name in ("a", "b"):
        with ik.Workspace(memory) as workspace:
            workspace.add(week(tmp_path, name))
            logs.append(log.read_bytes())
        states.append(memory.read_bytes())
    memory.write_bytes(states[0])
    log.write_bytes(logs[0])
    meanwhile(monkeypatch, lambda: log.write_bytes(logs[1]))
    assert stored(memory) == before + 2 * (ROWS - 1)
    log.write_bytes(logs[1])
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, memory], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        ask, answer = holder.stdin, holder.stdout
        assert ask
        assert answer
        meanwhile(monkeypatch, lambda: (ask.write(b"\n"), ask.flush(), answer.readline()))
        with pytest.raises(WorkspaceError, match=f"is open in process {holder.pid}"):
            ik.Workspace(memory)
        assert log.read_bytes() == logs[1]
        ask.close()
    assert stored(memory) == before + 2 * (ROWS - 1)
    assert not log.exists()


HOLD = """
import fcntl, sys
sys.stdin.readline()
with open(sys.argv[1], "r+b") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_full_disk_keeps_the_log_and_says_so(tmp_path: Path, memory: Path, caplog: pytest.LogCaptureFixture) -> None:
    before, log = stored(memory), Path(f"{memory}.wal")
    workspace = ik.Workspace(memory)
    workspace.add(week(tmp_path, "a"))
    with disk_of(100_000):
        workspace.close()
    assert log.exists()
    assert "'memory.duckdb' keeps its newest writes in 'memory.duckdb.wal': file too large." in caplog.text
    assert [*memory.parent.glob(".*")] == []
    assert stored(memory, read_only=True) == before + ROWS - 1
    assert log.exists()
    assert stored(memory) == before + ROWS - 1
    assert not log.exists()


def test_an_unfinished_result_does_not_block_the_next_workspace(tmp_path: Path, memory: Path) -> None:
    before, workspace = stored(memory), ik.Workspace(memory)
    workspace.add(week(tmp_path, "a"))
    reader = workspace._shared.con.cursor().sql("from generate_series(1, 1_000_000)").to_arrow_reader(100)  # type: ignore[union-attr]
    reader.read_next_batch()
    workspace.close()
    with pytest.raises(WorkspaceError, match="is open in this process already"):
        ik.Workspace(memory)
    assert json.loads(subprocess.check_output([*SHOW, memory]))["records"] == before + ROWS - 1
    del reader
    gc.collect()
    assert stored(memory) == before + ROWS - 1


SHOW = [sys.executable, "-m", "invitekit", "workspace", "show", "--json", "-w"]
ADD = """
import sys, time, invitekit as ik
path, *files = sys.argv[1:]
for file in files:
    while True:
        try:
            with ik.Workspace(path) as workspace:
                workspace.add(file)
        except ik.errors.WorkspaceError as error:
            assert "is open in process" in str(error), error
            time.sleep(0.01)
        else:
            break
"""


def test_processes_that_write_in_turn_lose_nothing(tmp_path: Path, memory: Path) -> None:
    before, running = stored(memory), []
    for number in range(3):
        files = [week(tmp_path, f"a{number}_{file}") for file in range(often(10))]
        running.append(subprocess.Popen([sys.executable, "-c", ADD, memory, *files]))
    assert [process.wait() for process in running] == [0, 0, 0]
    assert stored(memory) == before + 3 * often(10) * (ROWS - 1)


# A full disk

FEW = min(DATA.glob("*.csv"))
WRITING = [
    "check DATA -o c.html", "annotate DATA -o a.csv", "annotate DATA -o a.xlsx", "annotate DATA -o a.parquet",
    "annotate DATA --time-zone Asia/Shanghai -o d.parquet", "plan DATA --batch-dir batches", "trend DATA -o t.csv",
    "report DATA -o r.html", "report DATA -o r.pdf", "workspace add DATA -w w.duckdb",
    *(f"export DATA -o e.{kind}" for kind in ("csv", "xlsx", "parquet")),
]  # fmt: skip


@pytest.mark.skipif(os.name != "posix", reason="Windows limits no files")
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # xlsxwriter drops its own open file
def test_a_full_disk_is_one_line_and_leaves_nothing(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path)
    for line in WRITING:
        if "d.parquet" in line:  # the records are on disk, too
            monkeypatch.setattr(ingest, "choose_engine", lambda _: EngineChoice("duckdb", None))
        with disk_of(400):
            done = run(*(FEW if word == "DATA" else word for word in line.split()))
        gc.collect()
        assert (done.returncode, done.stderr.count("\n"), "defect" in done.stderr) == (1, 1, False), (line, done.stderr)
        assert re.search("cannot be (written|made)|disk refused", done.stderr), line
        assert [*tmp_path.rglob("*")] == [tmp_path / "temporary"], line
        monkeypatch.setattr(ingest, "choose_engine", choose_engine)


# Memory

LIMITED = """
import mmap, os, resource, signal, sys, time
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv.pop(1)),) * 2)
from invitekit import cli
from invitekit.engine import memory
print(free := memory.free_memory(), flush=True)

def abort():
    os.write(2, b"memory allocation failed")
    os.abort()

def stand_still():
    memory.kept = mmap.mmap(-1, int(free * 0.98))
    time.sleep(60)

def hang_up():
    time.sleep(0.3)  # the parent waits by now
    os.kill(os.getppid(), signal.SIGHUP)
    time.sleep(0.3)
    sys.exit()

memory._IDLE_SECONDS = 0.5
signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup
cli.app = {"abort": abort, "stand_still": stand_still, "hang_up": hang_up}.get(sys.argv[1], cli.app)
cli.main()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing limits the memory of a process")
@pytest.mark.parametrize(
    ("limit", "word", "code"),
    [
        (500_000_000, "check", 1), (10**9, "abort", 1), (10**9, "stand_still", 1), (10**9, "hang_up", 0),
        (4 * 10**9, "check", 0),
    ],
)  # fmt: skip
def test_a_command_with_too_little_memory_ends_with_one_line(tmp_path: Path, limit: int, word: str, code: int) -> None:
    words = [sys.executable, "-c", LIMITED, str(limit), word, str(week(tmp_path, "a"))]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr.count("\n")) == (code, code), done.stderr
    assert done.stderr.startswith("invitekit: There is not enough memory for this. Hint: close other"[: 80 * code])
    assert 0 < int(done.stdout.split("\n")[0]) < limit


def fill_duckdb() -> None:
    with duckdb.connect(config={"memory_limit": "1MB", "max_temp_directory_size": "0MB"}) as con:
        con.sql("create table t as select range, uuid() from range(1000000)")


def start_no_thread() -> None:
    raise RuntimeError("Resource temporarily unavailable")  # as a panic of Polars says it


@pytest.mark.parametrize("fill", [lambda: bytearray(sys.maxsize), fill_duckdb, start_no_thread])
def test_running_out_of_memory_is_not_reported_as_a_bug(
    fill: Callable[[], object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("invitekit.cli.app", fill)
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err.startswith("invitekit: There is not enough memory for this. Hint: close other")


# Signals

STOPPED = (
    "check SOURCE -o check.html", "annotate SOURCE -o a.xlsx", "plan SOURCE --batch-dir batches --reminders",
    "report SOURCE -o r.pdf", "export SOURCE -o e.csv",
)  # fmt: skip
IN_ONE_LINE = "invitekit: stopped by SIGTERM; nothing was left half written.\n"


def is_at_work(process: subprocess.Popen[str]) -> bool:
    """Return whether a command has used the processor time that its imports take, or has ended."""
    return process.poll() is not None or psutil.Process(process.pid).cpu_times().user > 1.2


@pytest.mark.skipif(os.name != "posix", reason="SIGTERM is a signal of POSIX")
def test_a_signal_ends_every_command_with_one_line_and_no_remaining_files(tmp_path: Path) -> None:
    source = tmp_path / "history_2026-03-16.csv"
    cause = "The invitation link has expired."
    rows = (f"ann{n},ann{n}@x.example,Failed,Email,{cause},2026-03-{n % 28 + 1:02}\n" for n in range(600_000))
    source.write_text(HEADER + "".join(rows), encoding="utf-8")
    running = {}
    for line in STOPPED:
        folder = tmp_path / (name := line.split()[0])
        (folder / "temporary").mkdir(parents=True)
        words = [str(source) if word == "SOURCE" else word for word in line.split()]
        environment = os.environ | {"TMPDIR": str(folder / "temporary")}
        running[name] = subprocess.Popen(
            [sys.executable, "-m", "invitekit", *words], cwd=folder, env=environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    waiting = set(running)
    while waiting:
        for name in {name for name in waiting if is_at_work(running[name])}:
            running[name].terminate()
            waiting.remove(name)
        time.sleep(0.01)
    for name, process in running.items():
        stderr = process.communicate(timeout=60)[1]
        assert (process.returncode, stderr) == (128 + signal.SIGTERM, IN_ONE_LINE), name
        assert [*(tmp_path / name).rglob("*")] == [tmp_path / name / "temporary"], name


def test_an_error_of_ours_keeps_its_type_whatever_its_text_quotes() -> None:
    error = OutputError(
        message("'{name}' is a folder.", name="Corrupt database file"), hint=message("name a file in it.")
    )
    assert own_error(error) is error
    assert "not enough memory" in str(own_error(MemoryError()))
    assert own_error(ValueError("Anna")) is None
