"""Temporary folders tagged with their owner's PID; folders of dead processes are removed."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import tempfile
import uuid
from functools import cache
from pathlib import Path

_TAG = re.compile(r"\.(?P<pid>[0-9]+)-(?P<start>[0-9]*)-(?P<place>[0-9]*)\.[^.]*$")
_PREFIX = "invitekit"
ScratchDir = tempfile.TemporaryDirectory[str]


def owner_tag() -> str:
    """Return a tag for folder names that identifies this process: ``.pid-start-place.``."""
    return f".{os.getpid()}-{process_start_time(os.getpid()) or ''}-{where_processes_are()}."


def scratch_dir() -> ScratchDir:
    """Create a private folder for data that does not fit into memory: records in plain text.

    Folders that killed processes left, such as a notebook's kernel, are removed first.
    """
    remove_abandoned_scratch_dirs()
    return ScratchDir(prefix=f"{_PREFIX}{owner_tag()}", ignore_cleanup_errors=True)


def remove_abandoned_scratch_dirs() -> None:
    """Remove the folders of killed processes: they contain records."""
    remove_abandoned(Path(tempfile.gettempdir()), _PREFIX)


def remove_abandoned(folder: Path, prefix: str, suffix: str = "") -> int:
    """Remove the subfolders that a dead process of this machine tagged as its own, and return how many there were.

    Args:
        folder: Where to look.
        prefix: How their names begin.
        suffix: How their names end, after the tag and the random part.
    """
    count = 0
    for path in folder.iterdir():
        if not (path.name.startswith(prefix) and path.name.endswith(suffix)):
            continue
        tag = _TAG.search(path.name.removesuffix(suffix))
        if not (tag and tag["place"] == where_processes_are() and path.is_dir()):
            continue
        if not is_alive(int(tag["pid"]), tag["start"]):
            shutil.rmtree(path, ignore_errors=True)
            count += 1
    return count


def is_alive(pid: int, start_time: str) -> bool:
    """Return whether a process still runs; in doubt it does.

    Args:
        pid: Its number, which a later process may have now.
        start_time: Its ``process_start_time``; empty if that was not known.
    """
    current = process_start_time(pid)
    return current is not None and (current == start_time or not (current and start_time))


def process_start_time(pid: int) -> str | None:
    """Return when a process started, in hundredths of a second, or None if there is no such process.

    The text is empty where the system does not tell. It never changes while the process runs: psutil adds
    the boot time on Linux, which moves with the clock, so it is taken off again.
    """
    import psutil  # noqa: PLC0415 - not loaded where nothing is written

    try:
        created = psutil.Process(pid).create_time()
        return str(round(100 * (created - psutil.boot_time() if psutil.LINUX else created)))
    except psutil.NoSuchProcess:
        # Without /proc, as in a hardened container, a process does not even see itself: nothing is known of others.
        return "" if pid == os.getpid() or process_start_time(os.getpid()) == "" else None
    except (psutil.AccessDenied, OSError):
        return ""


@cache
def where_processes_are() -> str:
    """Return digits that differ by machine and PID namespace: a folder may be shared with processes of others.

    Machines number their own processes, and so do containers.
    """
    host = hashlib.sha256(f"{platform.node()} {uuid.getnode()}".encode()).hexdigest()[:8]
    try:
        namespace = "".join(filter(str.isdigit, str(Path("/proc/self/ns/pid").readlink())))
    except OSError:
        namespace = ""
    return f"{namespace}{int(host, 16):010d}"
