"""The memory that a process may still use, and work in a child process if it is limited."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

from invitekit.engine.scratch_dirs import remove_abandoned_scratch_dirs

_ALWAYS_FIT = 200_000
"""Rows of a history that fit into any memory."""
_ROW_BYTES = 8_000
"""Bytes of memory for a row of a history, from stored rows to a report [measured: 5,300]."""
_CGROUP = Path("/sys/fs/cgroup")
_IDLE_SECONDS = 20
"""How long a process at its limit may be idle: threads without memory wait for each other."""
_AT_LIMIT = 0.95
"""The share of its limit from which a process is at its limit."""


def address_space() -> int:
    """Return the bytes that this process may address (``ulimit -v``); a huge number without a limit."""
    with contextlib.suppress(ImportError, OSError):  # Windows has no such limit
        import resource  # noqa: PLC0415

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        return sys.maxsize if limit == resource.RLIM_INFINITY else limit
    return sys.maxsize


def free_memory() -> int:
    """Return the free bytes of memory within the limits of the machine, the container and the process."""
    import psutil  # noqa: PLC0415 - loaded only when needed

    free = min(int(psutil.virtual_memory().available), address_space() - int(psutil.Process().memory_info().vms))
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit
        limit = int((_CGROUP / "memory.max").read_text())
        free = min(free, limit - int((_CGROUP / "memory.current").read_text()))
    return max(free, 0)


def rows_fit(rows: int) -> bool:
    """Return whether a stored history can be computed in memory: Polars is two to four times faster than DuckDB."""
    return rows <= _ALWAYS_FIT or rows * _ROW_BYTES <= free_memory()


def work_in_child() -> None:
    """Fork if the memory of this process is limited: return in the child, and exit with its code in the parent.

    At the limit, libraries abort or hang, which only another process can detect. If such a library is loaded already,
    there is no fork, because its threads would be missing in the child.

    Raises:
        MemoryError: The child was killed, or hung at its limit.
    """
    limit = address_space()
    if limit == sys.maxsize or {"polars", "duckdb"} & sys.modules.keys():
        return
    if (child := os.fork()) == 0:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # OpenBLAS fails if it may not start threads
        # Output of libraries before they abort is discarded.
        sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        return
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda *_: os.kill(child, signal.SIGTERM))
    code = os.waitstatus_to_exitcode(_watch(child, limit))
    if code < 0:
        remove_abandoned_scratch_dirs()
        raise MemoryError
    sys.exit(code)


def _watch(child: int, limit: int) -> int:
    """Wait for a child process, kill it if it hangs at its limit, and return its wait status."""
    import psutil  # noqa: PLC0415 - loaded only when needed

    process, used, since = psutil.Process(child), 0.0, time.monotonic()
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
        time.sleep(0.02)
        now = time.monotonic()
        if used != (used := sum(process.cpu_times()[:2])):
            since = now
        elif now - since > _IDLE_SECONDS and process.memory_info().vms > limit * _AT_LIMIT:
            process.kill()
    return ended[1]
