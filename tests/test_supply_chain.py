"""What is installed: locked by hash, under compatible licences; and no command opens a network connection."""

import subprocess
import sys
from importlib.metadata import Distribution, version
from pathlib import Path

import pytest

from tests import audit
from tests.conftest import DATA

LOCK = audit.LOCK.read_text("utf-8")


def test_every_package_is_locked_by_hash_and_has_a_compatible_licence() -> None:
    assert len(audit.locked(LOCK)) > 100
    assert audit.problems(LOCK, files=False) == []
    assert "://" not in LOCK, "a lock names no host"


def test_the_audit_finds_a_missing_hash_another_version_and_a_licence() -> None:
    lock = "typer==0.0.1 ; x\nrich==0.0.2 \\\n    --hash=sha256:00\n"
    found = audit.problems(lock, files=False)
    assert [text.split(":")[0] for text in found] == ["typer", "typer", "rich"]
    assert [audit.is_allowed(text) for text in ("MIT AND GPL-3.0-only", "Proprietary", "", "MIT OR ISC")] == [
        False, False, False, True,
    ]  # fmt: skip


def test_the_audit_finds_a_package_under_another_licence_one_changed_file_and_one_version_without_a_hash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(audit.OTHERS, "rich", "GPL-3.0-only")
    monkeypatch.setattr(audit, "changed_files", lambda _: ["x.py"])
    locked = f"rich=={version('rich')}"
    lock = f"{locked} ; x\n{locked} \\\n    --hash=sha256:00\n"
    assert audit.problems(lock, files=True) == [
        "rich: no hash", "rich: licence 'GPL-3.0-only'", "rich: x.py was changed",
    ]  # fmt: skip


def test_the_audit_finds_a_file_that_is_not_that_of_the_wheel(tmp_path: Path) -> None:
    info = tmp_path / "x-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: x\nVersion: 1\n")
    (info / "RECORD").write_text("x.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\nx-1.dist-info/RECORD,,\n")
    (tmp_path / "x.py").touch()
    assert audit.changed_files(Distribution.at(info)) == []
    (tmp_path / "x.py").write_text("import os")
    assert audit.changed_files(Distribution.at(info)) == ["x.py"]
    (tmp_path / "x.py").unlink()
    assert audit.changed_files(Distribution.at(info)) == ["x.py"]


OFFLINE = """
import contextlib, os, sys
from invitekit.cli import main

def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        address = args[1] if event in ("socket.connect", "socket.sendto") else args[0]
        print("NETWORK", event, address, flush=True)
        raise ConnectionRefusedError(event)

sys.addaudithook(refuse)
with contextlib.suppress(AttributeError, OSError):  # cuts off native libraries too, if allowed
    os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET)
for words in COMMANDS:
    sys.argv = ["invitekit", *words]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, (words, ended.code)
"""
COMMANDS = [
    ["check", "DATA"], ["annotate", "DATA", "-o", "a.xlsx"], ["workspace", "add", "DATA", "-w", "w.duckdb"],
    ["plan", "-w", "w.duckdb", "--batch-dir", "batches", "--reminders", "--calendar", "counts"],
    ["trend", "-w", "w.duckdb"], ["report", "-w", "w.duckdb", "-o", "r.pdf"], ["report", "DATA", "-o", "r.html"],
    ["export", "-w", "w.duckdb", "-o", "e.parquet"], ["verify", "e.parquet"], ["find", "a", "DATA"],
]  # fmt: skip


@pytest.mark.slow
def test_no_command_opens_a_network_connection(tmp_path: Path) -> None:
    few = str(min(DATA.glob("*.csv")))
    commands = [[few if word == "DATA" else word for word in words] for words in COMMANDS]
    code = f"COMMANDS = {commands!r}\n{OFFLINE}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
    )
    assert (done.returncode, [line for line in done.stdout.splitlines() if "NETWORK" in line]) == (0, []), done.stderr
    assert "NETWORK socket.getaddrinfo" in _attempt()


def _attempt() -> str:
    """Return what the audit hook prints when code looks up a host."""
    code = OFFLINE.partition("for words")[0] + "import socket; socket.getaddrinfo('x.example', 80)"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60).stdout
