"""Atomic writes, file locks, file names, and owners of temporary folders, on every system."""

import errno
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from invitekit.batches.message_templates import read_templates
from invitekit.engine import scratch_dirs
from invitekit.errors import OutputError, SourceError
from invitekit.ingest.words import read_words
from invitekit.io import atomic_write
from invitekit.io.lock import exclusive_lock
from invitekit.io.toml_file import MAX_BYTES
from invitekit.model.catalogue import read_catalogue
from invitekit.planning import ResendRules
from invitekit.privacy.policy_file import read_policy

LOCKED = """
import os, sys
sys.modules["fcntl"] = None
from pathlib import Path
from invitekit.errors import OutputError
from invitekit.io.lock import exclusive_lock

with exclusive_lock(Path("out.csv")):
    try:
        with exclusive_lock(Path("out.csv")):
            sys.exit("held twice")
    except OutputError:
        print("held once")
lock = exclusive_lock(Path("out.csv"))
lock.__enter__()
os._exit(0)
"""


def test_without_fcntl_a_lock_is_exclusive_and_a_dead_process_does_not_block(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", LOCKED]
    for _ in range(2):
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert ended.stdout == "held once\n", ended.stderr


def test_threads_of_one_process_hold_a_lock_one_at_a_time(tmp_path: Path) -> None:
    refused: list[str] = []

    def second() -> None:
        try:
            with exclusive_lock(tmp_path / "out.csv"):
                refused.append("no")
        except OutputError as error:
            refused.append(error.problem)

    with exclusive_lock(tmp_path / "out.csv"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert refused == ["Another process is writing 'out.csv'."]
    assert list(tmp_path.iterdir()) == []


def fsync_refused(number: int, kind: Callable[[int], bool]) -> Callable[[int], None]:
    def fsync(file: int) -> None:
        if kind(os.fstat(file).st_mode):
            raise OSError(number, "said in another language")

    return fsync


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EACCES, errno.EPERM, errno.EBADF, errno.EIO])
def test_a_folder_that_does_not_sync_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(os, "fsync", fsync_refused(number, stat.S_ISDIR))
    target = atomic_write.write_file(tmp_path / "a.txt", lambda part: part.write_text("whole"), overwrite=False)
    assert (target.read_text(), len(list(tmp_path.iterdir()))) == ("whole", 1)


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_scanner_stops_no_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, overwrite: bool) -> None:
    name, looks = "replace" if overwrite else "rename", [1, 2]
    rename = getattr(os, name)

    def looked_at(*paths: Path) -> None:
        if looks:
            looks.pop()
            raise PermissionError(errno.EACCES, "used by another program")
        rename(*paths)

    monkeypatch.setattr(atomic_write, "POSIX_MODES", False)
    monkeypatch.setattr(os, "link", _raises(PermissionError()))
    monkeypatch.setattr(os, name, looked_at)
    target = atomic_write.write_file(tmp_path / "a.txt", lambda part: part.write_text("whole"), overwrite=overwrite)
    assert target.read_text() == "whole"


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP])
def test_a_file_is_written_where_modes_cannot_be_changed_and_files_cannot_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "chmod", _raises(OSError(number, "no modes")))
    monkeypatch.setattr(os, "fsync", _raises(OSError(errno.EINVAL, "no syncing")))
    target = atomic_write.write_file(tmp_path / "a.txt", lambda part: part.write_text("whole"), overwrite=False)
    assert target.read_text() == "whole"


def test_a_disk_error_is_reported_in_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", fsync_refused(errno.EIO, stat.S_ISREG))
    with pytest.raises(OutputError, match=r"'a\.txt' cannot be written: input/output error"):
        atomic_write.write_file(tmp_path / "a.txt", lambda part: part.write_text("whole"), overwrite=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["con", "CON.csv", "nul .txt", "com1.csv", "lpt².csv", "a:b.csv", "a?.csv", "a.", "a ", "a\tb", 'a".csv']
)
def test_names_that_windows_does_not_allow(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not atomic_write.windows_allows(name)
    assert atomic_write.name_problem(tmp_path / name) is None
    monkeypatch.setattr(atomic_write, "POSIX_MODES", False)
    assert atomic_write.name_problem(tmp_path / name) == "Windows does not allow this name"


@pytest.mark.parametrize("name", ["console.csv", "com10.csv", ".key", "王 ü.csv", "a.b.csv", "icon", "a'b.csv"])
def test_names_that_windows_allows(name: str) -> None:
    assert atomic_write.windows_allows(name)


def test_a_process_without_information_counts_as_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    started = scratch_dirs.process_start_time(os.getpid())
    assert started
    assert scratch_dirs.is_alive(os.getpid(), started)
    assert not scratch_dirs.is_alive(os.getpid(), "1")
    assert not scratch_dirs.is_alive(2**31 - 1, "")
    for error in (psutil.AccessDenied(), PermissionError(), psutil.NoSuchProcess(1)):
        with monkeypatch.context() as system:
            system.setattr(psutil.Process, "create_time", _raises(error))
            assert scratch_dirs.is_alive(os.getpid(), started)
            assert scratch_dirs.is_alive(os.getppid(), started)


def test_a_start_time_does_not_move_with_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    started, booted = scratch_dirs.process_start_time(os.getpid()), psutil.boot_time()
    for module in (psutil, psutil._psplatform):
        monkeypatch.setattr(module, "boot_time", lambda: booted + 3600)
    assert scratch_dirs.process_start_time(os.getpid()) == started


def _raises(error: BaseException) -> Callable[..., None]:
    def call(*_given: object, **_how: object) -> None:
        raise error

    return call


READERS: dict[str, Callable[[Path], object]] = {
    "rules": ResendRules.from_toml, "words": read_words, "policy": read_policy, "catalogue": read_catalogue,
    "messages": read_templates,
}  # fmt: skip


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.skipif(os.name != "posix", reason="a file that never ends is one of POSIX")
def test_an_invalid_toml_file_is_a_clear_error(tmp_path: Path, read: Callable[[Path], object]) -> None:
    path = tmp_path / "mine.toml"
    for content, problem in {
        None: r"'mine.toml' cannot be read: .+ Hint: check its path and mode",
        b"a =": r"'mine.toml' is not a TOML file \(Invalid value \(at end of document\)\)\. Hint: write lines such as",
        "a = '账号'".encode("gb18030"): r"'mine.toml' is not a TOML file \(it is not UTF-8 text\)",
        b"a = " + b"[" * 100_000: r"'mine.toml' is not a TOML file \(it is too large, or too deep\)",
        b"a." * 20_000 + b"a = 1": "it is too large, or too deep",
        b"a = " + b"9" * 5_000: "it is too large, or too deep",
        b"#" * (MAX_BYTES + 1): "it is too large, or too deep",
    }.items():
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(SourceError, match=problem):
            read(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(SourceError, match=r"'mine.toml' cannot be read: "):
        read(path)
