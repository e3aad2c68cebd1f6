"""Windows, macOS and shared folders, simulated on this machine, each in a process of its own.

What another system does differently is code that runs before the package is imported. Then the real command line runs
all commands, one after the other, in a folder whose path holds blanks and letters beyond ASCII.
"""

import getpass
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PureWindowsPath

import duckdb
import pytest

from invitekit import Workspace
from invitekit.cli import output
from invitekit.engine.scratch_dirs import pid_namespace
from invitekit.ingest.discover import _names
from invitekit.widgets import picker
from invitekit.workspace.open_errors import not_opened
from invitekit.workspace.validation import require_name

HOME = Path("Jörg Müller 王") / "My Documents"
COMMANDS = """
annotate data -o annotated.xlsx --language zh
workspace add data -w memory.duckdb
plan -w memory.duckdb --as-of 2026-03-30 --batch-dir batches
key new --key-file key
key rotate --key-file key
export -w memory.duckdb --as-of 2026-03-30 -o export.csv --key-file key
verify export.csv --key-file key
app data -w memory.duckdb --as-of 2026-03-30
"""
MORE = """
annotate data -o annotated.xlsx --overwrite
plan -w memory.duckdb --as-of 2026-03-30 --batch-dir batches --overwrite
export -w memory.duckdb --as-of 2026-03-30 -o export.csv --key-file key --overwrite
verify export.csv --key-file key
check data -o rejected.csv
workspace show -w memory.duckdb
report -w memory.duckdb --as-of 2026-03-30 -o report.md --language zh
annotate data -o annotated.parquet
report data --as-of 2026-03-30 -o report.pdf
export data --as-of 2026-03-30 -o export.parquet
export data --as-of 2026-03-30 -o export.xlsx --level masked
"""
WRITTEN = {"annotated.xlsx", "batches", "data", "export.csv", "export.csv.manifest.json", "key", "memory.duckdb"}
MORE_WRITTEN = {"rejected.csv", "report.md", "annotated.parquet", "report.pdf", "export.parquet", "export.xlsx",
                "export.parquet.manifest.json", "export.xlsx.manifest.json"}  # fmt: skip


DRIVER = """
import json, re, signal, sys, threading, urllib.request, webbrowser
from invitekit.cli import main

ended = {}

def look(address):
    \'\'\'Open the page and its script as a browser does, then end it as Ctrl-C does.\'\'\'
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with urllib.request.urlopen(address) as file:  # the browser is given a private file that leads on
        address = re.search(r'url=([^"]+)"', file.read().decode())[1]
    for path in (address, address.partition("?")[0], address.partition("?")[0] + "app.js"):
        ended[f"page {len(ended)}"] = browser.open(path, timeout=60).status
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

webbrowser.open = lambda address: threading.Thread(target=look, args=[address]).start()
for command in json.loads(sys.argv[1]):
    sys.argv = ["invitekit", *command.split()]
    sys.stderr.write(f"{command}:\\n")
    try:
        main()
    except SystemExit as end:
        ended[command] = end.code
    sys.stdout.flush()
with open("ended.json", "w", encoding="ascii") as file:
    json.dump(ended, file)
"""

REFUSE = """
import errno, os, shutil, stat, sys

shutil._use_fd_functions = False  # as on Windows: folders are not opened

def refuse(number):
    raise OSError(number, os.strerror(number))

def refuses(number):
    return lambda *_given, **_how: refuse(number)

def replace(module, name, check):
    true = getattr(module, name)
    def checked(*given, **how):
        check(*given, **how)
        return true(*given, **how)
    setattr(module, name, checked)
"""


WINDOWS = """
import fcntl, signal

# What is open for reading only cannot be synced, and a folder cannot be opened.
def sync(file):
    if fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        refuse(errno.EBADF)

replace(os, 'fsync', sync)
replace(os, 'open', lambda path, *_, **__: os.path.isdir(path) and refuse(errno.EACCES))

# There is no fcntl, no zone database and no hang-up; signal zero ends a process, and none replaces another.
sys.modules['fcntl'] = sys.modules['tzdata'] = None
del signal.SIGHUP
os.kill = refuses(errno.EINVAL)
for name in dir(os):
    if name.startswith('exec'):
        setattr(os, name, refuses(errno.EPERM))

# Files have no modes.
import invitekit.io.atomic_write
invitekit.io.atomic_write.POSIX_MODES = False
os.chmod = os.umask = refuses(errno.ENOTSUP)

# A name that is taken is not renamed over, and what is open here cannot be renamed or removed.
replace(os, 'rename', lambda _from, to, **_: os.path.lexists(to) and refuse(errno.EEXIST))

def opened():
    for number in os.listdir('/proc/self/fd'):
        try:
            yield os.readlink(f'/proc/self/fd/{number}')
        except OSError:
            continue
    with open('/proc/self/maps', 'rb') as maps:
        yield from (line.split(None, 5)[5].decode().strip() for line in maps if line.count(b'/'))

def shut(*paths, dir_fd=None, **_):
    for path in map(os.path.realpath, paths):
        if any(one == path or one.startswith(path + '/') for one in opened()):
            refuse(errno.EACCES)

for name in ('rename', 'replace', 'unlink', 'remove', 'rmdir'):
    replace(os, name, shut)
"""
SHARED_FOLDER = """
import builtins, io, itertools

# There is no /proc, as on macOS.
def proc(path, *_, **__):
    if isinstance(path, (str, bytes, os.PathLike)) and os.fsdecode(path).startswith('/proc'):
        refuse(errno.ENOENT)

for module, names in ((os, ('open', 'stat', 'lstat', 'readlink', 'listdir')), (io, ['open'])):
    for name in names:
        replace(module, name, proc)
builtins.open = io.open

# There are no hard links, and folders cannot be synced.
os.link = refuses(errno.EPERM)
replace(os, 'fsync', lambda file: stat.S_ISDIR(os.fstat(file).st_mode) and refuse(errno.EINVAL))

# To change a mode is refused, or changes nothing: in turns, as shares do either.
turns = itertools.count()
os.chmod = os.fchmod = lambda *_given, **_how: next(turns) % 2 and refuse(errno.EPERM)
"""
WESTERN = {"PYTHONIOENCODING": "cp1252", "PYTHONTZPATH": ""}
"""A pipe takes the letters of Windows' western code page only, and the system has no time zones."""


HEADER = "Account,Email,Mobile,Status,Failure Cause,Invitation Time,Invitation Method,Custom Tag"
STATES = ("Expired,", "Failed,The customer has overdue payments.")
RECORDS = "\n".join(
    [HEADER]
    + [
        f"acct_{n},a{n}@shop.example,+65 8000 {n:04},{STATES[n % 2]},2026-01-{n % 27 + 1:02},Email,王≤"
        for n in range(40)
    ]
    + ["a,ragged,row\n"]
)


@dataclass(frozen=True)
class Ended:
    """The result of a child process: the exit code of each command, its output, and its remaining files."""

    codes: dict[str, int | None]
    out: str
    err: str
    left: set[str]
    scratch: list[str]

    @property
    def locks(self) -> set[str]:
        """Lock files: where nothing open can be removed filelock removes them, but on Windows only."""
        return {name for name in self.left if name.endswith(".lock")}


@cache
def left_behind() -> str:
    """Return the name of a folder of a dead process."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    return f"invitekit.{ended.pid}-77-{pid_namespace()}.x"


def play(folder: Path, system: str, commands: list[str]) -> Ended:
    """Run commands in a child process on a simulated system."""
    place, scratch = folder / HOME, folder / "Lokale Daten ü"
    (place / "data").mkdir(parents=True)
    (scratch / left_behind()).mkdir(parents=True)
    for day in ("2026-03-23", "2026-03-30"):
        (place / "data" / f"history {day}.csv").write_text(RECORDS, encoding="utf-8")
    named = {"HOME": str(folder / HOME.parts[0]), "USER": HOME.parts[0], "TMPDIR": str(scratch)}
    quiet = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring", "POLARS_MAX_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", REFUSE + system + DRIVER, json.dumps(commands)],
        cwd=place, env=os.environ | named | quiet | WESTERN, capture_output=True, check=False, timeout=600,
    )  # fmt: skip
    out, err = ended.stdout.decode("utf-8", "replace"), ended.stderr.decode("utf-8", "replace")
    told = place / "ended.json"
    codes = json.loads(told.read_text("ascii")) if told.exists() else {}
    told.unlink(missing_ok=True)
    return Ended(codes, out, err, {path.name for path in place.iterdir()}, [path.name for path in scratch.iterdir()])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("system", "more", "written"),
    [(WINDOWS, MORE, WRITTEN | MORE_WRITTEN), (SHARED_FOLDER, "", WRITTEN)],
    ids=["Windows", "a shared folder"],
)
def test_every_command_runs_on(system: str, more: str, written: set[str], tmp_path: Path) -> None:
    commands = (COMMANDS + more.lstrip()).strip().splitlines()
    ended = play(tmp_path, system, commands)
    page = [code for command, code in ended.codes.items() if command.startswith("page")]
    assert page == [200, 200, 200], ended.err
    assert {name: ended.codes[name] for name in commands} == dict.fromkeys(commands, 0), ended.err
    assert {path for path in ended.left if not path.startswith("key.")} - ended.locks == written
    assert ended.scratch == [left_behind()] * (system == SHARED_FOLDER), (
        "where nothing is known of processes, nothing is removed"
    )


def test_without_a_zone_database_only_utc_works_and_the_error_says_what_to_install(tmp_path: Path) -> None:
    ended = play(tmp_path, WINDOWS, ["check data --time-zone Europe/Berlin"])
    assert set(ended.codes.values()) == {1}
    assert ended.err.endswith("only UTC is known. Hint: install one: pip install tzdata.\n")


def test_json_in_a_pipe_of_another_encoding_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("Account,Status,状态备注\na,王≤,x\n", encoding="utf-8")
    command = [sys.executable, "-c", "from invitekit.cli import main; main()", "check", "r.csv", "--json"]
    environment = os.environ | {"PYTHONIOENCODING": "cp1252"}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert json.loads(ended.stdout.decode("cp1252"))["files"][0]["extras"] == ["状态备注"]


def test_files_of_one_name_are_named_with_drive_and_folder() -> None:
    paths = [
        PureWindowsPath(path) for path in (r"C:\Users\Jörg Müller\x.csv", r"D:\Users\Jörg Müller\x.csv", r"C:\y.csv")
    ]
    assert list(_names(paths).values()) == ["C:/Users/Jörg Müller/x.csv", "D:/Users/Jörg Müller/x.csv", "y.csv"]


def test_a_path_in_a_printed_command_is_quoted_for_the_systems_shell() -> None:
    path = r"C:\Users\Jörg Müller\memory & co.duckdb"
    assert output.shell_quoted(path, windows=True) == f'"{path}"'
    assert output.shell_quoted(r"C:\memory.duckdb", windows=True) == r"C:\memory.duckdb"
    assert output.shell_quoted("my memory.duckdb", windows=False) == "'my memory.duckdb'"


def test_a_workspace_locked_on_windows_is_reported_as_open() -> None:
    said = (
        'IO Error: Cannot open file "c:\\memory.duckdb": The process cannot access the file because it is being used '
        "by another process.\n\nFile is already open in \nC:\\Python\\python.exe (PID 1234)"
    )
    error = not_opened("memory.duckdb", duckdb.IOException(said), read_only=False)
    assert error.problem == "'memory.duckdb' is open in process 1234."


def test_a_workspace_that_is_open_under_another_name_is_shared(tmp_path: Path) -> None:
    Workspace(tmp_path / "memory.duckdb").close()
    os.link(tmp_path / "memory.duckdb", tmp_path / "MEMORY.duckdb")  # as where letter case does not count
    with Workspace(tmp_path / "memory.duckdb") as first, Workspace(tmp_path / "MEMORY.duckdb") as second:
        assert first._shared is second._shared


@pytest.mark.parametrize("has_numbers", [True, False])
def test_a_user_unknown_to_the_system_can_mark_customers(monkeypatch: pytest.MonkeyPatch, *, has_numbers: bool) -> None:
    def unknown() -> str:
        raise KeyError

    monkeypatch.setattr(getpass, "getuser", unknown)
    if not has_numbers:
        monkeypatch.delattr(os, "getuid", raising=False)
    assert require_name(picker._user_name()).startswith("user")
