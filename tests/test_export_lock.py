import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import invitekit as ik
from invitekit.engine.scratch_dirs import owner_tag, remove_abandoned
from invitekit.errors import OutputError
from invitekit.export import verify
from invitekit.export.manifest import path_of
from invitekit.io.atomic_write import publish
from invitekit.io.lock import exclusive_lock
from invitekit.io.table_writers import write_table

FRAME = pl.DataFrame({"account_name": [f"acct {n}" for n in range(30)], "status": ["expired"] * 30})
SLOW = """
import sys, time
from pathlib import Path
from typing import Any
import polars as pl
from invitekit import export

def wait(name, done, total):
    if name == "writing" and done == 0:
        Path(sys.argv[2]).touch()
        while not Path(sys.argv[3]).exists():
            time.sleep(0.01)

frame = pl.DataFrame({"account_name": [f"acct {n}" for n in range(30)], "status": ["expired"] * 30})
export(frame, sys.argv[1], overwrite=True, progress=wait)
"""


@contextlib.contextmanager
def at_work(target: Path, aside: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Start an export in a process; return it, and the file that lets it continue."""
    began, on = aside / "began", aside / "on"
    command = [sys.executable, "-c", SLOW, str(target), str(began), str(on)]
    with subprocess.Popen(command, env=os.environ | {"TMPDIR": str(aside)}) as process:
        try:
            for _ in range(6000):
                if began.exists():
                    break
                time.sleep(0.01)
            assert began.exists()
            yield process, on
        finally:
            on.touch()


@pytest.fixture
def place(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("out", "aside"):
        (tmp_path / name).mkdir()
    return tmp_path / "out" / "out.csv", tmp_path / "aside"


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_second_export_of_a_target_is_rejected_while_the_first_completes(place: tuple[Path, Path]) -> None:
    target, aside = place
    with at_work(target, aside) as (process, on):
        with pytest.raises(OutputError, match=r"Another process is writing 'out\.csv'"):
            ik.export(FRAME, target, overwrite=True)
        ik.export(FRAME, target.with_name("other.csv"))
        assert [name for name in left(target.parent) if name.endswith(".part")], "a living one's folder is left alone"
        on.touch()
        assert process.wait() == 0
    assert verify(target).rows == 30
    assert left(target.parent) == ["other.csv", "other.csv.manifest.json", "out.csv", "out.csv.manifest.json"]


def test_files_of_a_killed_export_are_removed_and_reported(
    place: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    target, aside = place
    with at_work(target, aside) as (process, _):
        process.kill()
        process.wait()
        assert [name for name in left(target.parent) if name.endswith(".part")]
        assert [name for name in left(target.parent) if name.endswith(".lock")]
    monkeypatch.setattr("tempfile.tempdir", str(aside))
    ik.export(FRAME, target.with_name("other.csv"))
    ik.export(FRAME, target)
    assert [text.partition(" before")[0] for text in caplog.messages] == ["An earlier run was killed"]
    assert left(target.parent) == ["other.csv", "other.csv.manifest.json", "out.csv", "out.csv.manifest.json"]
    assert left(aside) == ["began", "on"]


def test_only_folders_tagged_by_a_dead_process_are_removed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    number, began, among = owner_tag().strip(".").split("-")
    names = {
        f".a.csv.{ended.pid}-77-{among}.x.part": False,
        f".a.csv.{number}-{int(began) + 1}-{among}.x.part": False,  # its number is another's now
        f".a.csv.{ended.pid}-77-{among}1.x.part": True,  # of another container, which counts its own
        f".a.csv{owner_tag()}x.part": True,
        f".a.csv.{ended.pid}-77-{among}.x.other": True,
        f"a.csv.{ended.pid}-77-{among}.x.part": True,
        ".a.csv.x.part": True,
    }
    for name in names:
        (tmp_path / name).mkdir()
    file = f".file.{ended.pid}-77-{among}.x.part"
    (tmp_path / file).write_text("mine")
    assert remove_abandoned(tmp_path, ".", ".part") == 2
    assert set(left(tmp_path)) == {file, *(name for name, kept in names.items() if kept)}


KERNEL = """import sys, time
import polars as pl
from invitekit.widgets.store import Store
rows = Store(pl.DataFrame({"record_id": ["r1"], "account_name": ["acme"]}))
rows.build(rows.cursor())
print("stored", flush=True)
time.sleep(600)"""


def test_folders_of_killed_kernels_only_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    told: dict[str, Any] = {"stdout": subprocess.PIPE, "env": os.environ | {"TMPDIR": str(tmp_path)}}
    with contextlib.ExitStack() as ends:
        kernels = [ends.enter_context(subprocess.Popen([sys.executable, "-c", KERNEL], **told)) for _ in range(2)]
        for kernel in kernels:
            ends.callback(kernel.kill)
            assert kernel.stdout is not None
            assert kernel.stdout.readline() == b"stored\n"
        kernels[0].kill()
        kernels[0].wait()
        assert len(list(tmp_path.glob("*/rows.duckdb"))) == 2, "nobody is left who would remove it"
        ik.load(pl.DataFrame({"Account": ["acme"], "Status": ["Expired"]}))
        (kept,) = tmp_path.glob("*/rows.duckdb")
        assert kept.parent.name.startswith(f"invitekit.{kernels[1].pid}-")


@pytest.mark.parametrize("how", ["export", "write"])
def test_a_dangling_link_counts_as_an_existing_file(tmp_path: Path, how: str) -> None:
    target = tmp_path / "out.csv"
    target.symlink_to(tmp_path / "nowhere")
    make = ik.export if how == "export" else write_table
    with pytest.raises(OutputError, match="exists already"):
        make(FRAME, target)
    assert left(tmp_path) == ["out.csv"]
    make(FRAME, target, overwrite=True)
    assert not target.is_symlink()
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("kind", ["file", "link to nowhere"])
def test_a_new_file_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, links: bool) -> None:
    part, target = tmp_path / "part", tmp_path / "out.csv"
    part.write_text("ours")
    if kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to("nowhere")
    if not links:
        monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(OutputError, match="appeared meanwhile"):
        publish(part, target, overwrite=False)
    assert target.is_symlink() or target.read_text() == "mine"
    target.unlink()
    publish(part, target, overwrite=False)
    assert (target.read_text(), part.exists(), target.stat().st_nlink) == ("ours", False, 1)


@pytest.mark.parametrize("page", [False, True])
def test_a_file_created_during_the_checks_is_not_replaced(tmp_path: Path, *, page: bool) -> None:
    target = tmp_path / "out.csv"
    taken = path_of(target) if page else target

    def appear(step: str, _done: int, _total: int) -> None:
        if step == "proving":
            taken.write_text("mine")

    with pytest.raises(OutputError, match=rf"'{taken.name}' appeared meanwhile"):
        ik.export(FRAME, target, progress=appear)
    assert left(tmp_path) == [taken.name], "neither half of an export is left without the other"
    assert taken.read_text() == "mine"


def test_the_lock_of_a_dead_process_does_not_block(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    code = "import os, sys; from pathlib import Path; from invitekit.io.lock import exclusive_lock"
    code += "; held = exclusive_lock(Path(sys.argv[1])); held.__enter__(); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", code, str(target)], check=False).returncode == 9
    assert [name.endswith(".lock") for name in left(tmp_path)] == [True]
    with exclusive_lock(target), pytest.raises(OutputError, match="is writing"), exclusive_lock(target):
        pytest.fail("two at once")
    assert left(tmp_path) == []


LET_GO = """
import sys
from pathlib import Path
from typing import Any
from invitekit.errors import OutputError
from invitekit.io.lock import exclusive_lock

def let_go(event, _arguments):
    global times
    if event == "fcntl.flock" and times:
        times -= 1
        lock, = target.parent.glob(".*.lock")
        lock.unlink()
        if sys.argv[2] == "another's":
            lock.touch()

target, times = Path(sys.argv[1]), 2
sys.addaudithook(let_go)
with exclusive_lock(target):
    print(times)
    try:
        with exclusive_lock(target):
            print("twice")
    except OutputError:
        print("once")
"""
"""Removes the lock file whenever it is open but not locked yet, as its previous owner does."""


@pytest.mark.parametrize("how", ["gone", "another's"])
def test_a_lock_released_at_the_same_moment_is_not_acquired_twice(tmp_path: Path, how: str) -> None:
    command = [sys.executable, "-c", LET_GO, str(tmp_path / "out.csv"), how]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert said.split() == ["0", "once"]
    assert left(tmp_path) == []


def refuse(*_paths: Path, **_how: bool) -> None:
    """A disk without hard links."""
    raise PermissionError
