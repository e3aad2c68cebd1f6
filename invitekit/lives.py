"""Which process left something: folders that carry its mark are swept once it is dead."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path

_MARK = re.compile(r"\.(?P<number>[0-9]+)-(?P<began>[0-9]*)-(?P<among>[0-9]*)\.[^.]*$")
_OURS = "invitekit"
PrivateFolder = tempfile.TemporaryDirectory[str]


def mark() -> str:
    """Give what tells this process from every other, for the name of a folder: ``.number-began-among.``."""
    return f".{os.getpid()}-{_began(os.getpid())}-{_among()}."


def private_folder() -> PrivateFolder:
    """Make a folder that only its owner can read, for what does not fit into memory: records in plain text.

    What a killed process left of its own, a notebook's kernel say, is removed first.
    """
    sweep(Path(tempfile.gettempdir()), _OURS)
    return PrivateFolder(prefix=f"{_OURS}{mark()}", ignore_cleanup_errors=True)


def sweep(folder: Path, start: str, end: str = "") -> None:
    """Remove the folders in a folder that a dead process of this machine marked as its own.

    Args:
        folder: Where to look.
        start: How their names begin.
        end: How they end, behind the mark and whatever makes them different.
    """
    for found in folder.iterdir():
        marked = _MARK.search(found.name.removesuffix(end))
        ours = found.name.startswith(start) and found.name.endswith(end)
        if not (ours and marked and marked["among"] == _among() and found.is_dir()):
            continue
        if not _lives(int(marked["number"]), marked["began"]):
            shutil.rmtree(found, ignore_errors=True)


def _lives(number: int, began: str) -> bool:
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # alive, and somebody else's
    return _began(number) == began


def _began(number: int) -> str:
    """Say when a process began, where the system tells: its number may be another's later."""
    try:
        # The name in brackets may hold anything; the 20th field behind it is the start.
        return Path(f"/proc/{number}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[19]
    except OSError:
        return ""


@cache
def _among() -> str:
    """Say among which processes a number is this process's: a container counts its own, and may share a folder."""
    try:
        return "".join(filter(str.isdigit, str(Path("/proc/self/ns/pid").readlink())))
    except OSError:
        return ""
