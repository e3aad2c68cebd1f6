"""Temporary folders tagged with their owner's PID; folders of dead processes are removed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import shutil
import tempfile
import uuid
from functools import cache
from pathlib import Path

from invitekit.errors import disk_refused

_TAG = re.compile(r"\.(?P<pid>[0-9]+)-(?P<start>[0-9]*)-(?P<namespace>[0-9]*)\.[^.]*$")
_PREFIX = "invitekit"
ScratchDir = tempfile.TemporaryDirectory[str]


def owner_tag() -> str:
    """Return a tag for folder names that identifies this process: ``.pid-start-namespace.``."""
    return f".{os.getpid()}-{process_start_time(os.getpid()) or ''}-{pid_namespace()}."


def scratch_dir() -> ScratchDir:
    """Create a private folder for data that does not fit into memory: records in plain text.

    Folders of killed processes, such as the kernel of a notebook, are removed first.

    Raises:
        OutputError: There is no folder of temporary files that can be written.
    """
    remove_abandoned_scratch_dirs()
    try:
        return ScratchDir(prefix=f"{_PREFIX}{owner_tag()}", ignore_cleanup_errors=True)
    except OSError:
        raise disk_refused() from None


def remove_abandoned_scratch_dirs() -> None:
    """Remove the folders of killed processes, which contain records."""
    # Without a folder of temporary files that can be listed, there are none, or only its owner can remove them.
    with contextlib.suppress(OSError):
        remove_abandoned(Path(tempfile.gettempdir()), _PREFIX)


def remove_abandoned(folder: Path, prefix: str, suffix: str = "") -> int:
    """Remove the subfolders that are tagged with a dead process of this machine, and return their number.

    Their names begin with the prefix, and end with the suffix after the tag and the random part.
    """
    count = 0
    for path in folder.iterdir():
        if path.name.startswith(prefix) and path.name.endswith(suffix) and path.is_dir():
            tag = _TAG.search(path.name.removesuffix(suffix))
            if tag and tag["namespace"] == pid_namespace() and not is_alive(int(tag["pid"]), tag["start"]):
                shutil.rmtree(path, ignore_errors=True)
                count += 1
    return count


def is_alive(pid: int, start_time: str) -> bool:
    """Return whether the process with this PID and ``process_start_time`` (empty if unknown) runs; if unknown, True."""
    current = process_start_time(pid)
    return current is not None and (current == start_time or not (current and start_time))


def process_start_time(pid: int) -> str | None:
    """Return when a process started, in hundredths of a second, or None if there is no such process.

    The text is empty if the system does not state it. It is constant while the process runs: on Linux psutil adds the
    boot time, which changes with the clock, so it is subtracted again.
    """
    import psutil  # noqa: PLC0415 - only needed for writing

    try:
        created = psutil.Process(pid).create_time()
        return str(round(100 * (created - psutil.boot_time() if psutil.LINUX else created)))
    except psutil.NoSuchProcess:
        # Without /proc, as in a hardened container, a process cannot see any process, not even itself.
        return "" if pid == os.getpid() or process_start_time(os.getpid()) == "" else None
    except (psutil.AccessDenied, OSError):
        return ""


@cache
def pid_namespace() -> str:
    """Return digits that identify the machine and its PID namespace.

    Machines and containers may share a folder, but each numbers its own processes.
    """
    host = hashlib.sha256(f"{platform.node()} {uuid.getnode()}".encode()).hexdigest()[:8]
    try:
        namespace = "".join(filter(str.isdigit, str(Path("/proc/self/ns/pid").readlink())))
    except OSError:
        namespace = ""
    return f"{namespace}{int(host, 16):010d}"
