"""Run a Python script in a child process with limits on memory and processor time.

A library may allocate as much memory as a damaged file requests, and then abort the process. This file is also the main
script of the child: it imports nothing of the package, so that the child starts quickly.
"""

from __future__ import annotations

import contextlib
import os
import runpy
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_INTERPRETER = 1 << 30
"""Bytes of address space that Python and its libraries reserve."""
_POLL_SECONDS = 0.1
_HIDE_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)


def run_limited(script: Path, arguments: Sequence[str], *, memory: int, seconds: int) -> int:
    """Run a script and return its exit code, which is not 0 if it was stopped. The process always ends.

    Args:
        script: A Python file that imports no other file of its folder.
        arguments: Its ``sys.argv[1:]``.
        memory: The most bytes of memory.
        seconds: The most seconds of processor time.

    Raises:
        OSError: No process can be started: this Python is embedded in another program.
    """
    if getattr(sys, "frozen", False) or not sys.executable:
        raise FileNotFoundError("python")
    command = [sys.executable, "-P", __file__, str(memory), str(seconds), str(script), *arguments]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "RUST_BACKTRACE": "0"}
    null = subprocess.DEVNULL
    with subprocess.Popen(  # noqa: S603 - this Python and a script of ours
        command, stdin=null, stdout=null, stderr=null, env=environment, creationflags=_HIDE_WINDOW
    ) as child:
        try:
            while _is_within(child.pid, memory, seconds):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return child.wait(_POLL_SECONDS)
        finally:
            child.kill()
    return child.wait()


def _is_within(pid: int, memory: int, seconds: int) -> bool:
    """Return whether a process is within its limits, which not every system enforces."""
    import psutil  # noqa: PLC0415 - only needed to run a child

    used, time = 0, 0.0
    with contextlib.suppress(psutil.Error):  # it has ended
        child = psutil.Process(pid)
        # On Windows the interpreter of a virtual environment starts another one.
        for process in (child, *child.children(recursive=True)):
            used += process.memory_info().rss
            time += sum(process.cpu_times()[:2])
    return used <= memory and time <= seconds


def _main(memory: str, seconds: str, script: str, *arguments: str) -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows has no such limits, macOS not all
        import resource  # noqa: PLC0415

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 1))
        resource.setrlimit(resource.RLIMIT_AS, (int(memory) + _INTERPRETER,) * 2)
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    _main(*sys.argv[1:])
