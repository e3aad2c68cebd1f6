"""One export of a target at a time: whoever comes second is told so, and nothing is left of a dead one."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from invitekit.errors import OutputError

try:
    import fcntl
except ModuleNotFoundError:
    raise OutputError(
        "This system has no locks that an export could hold.", hint="export on Linux or macOS; on Windows, in WSL."
    ) from None


@contextlib.contextmanager
def alone(target: Path) -> Iterator[None]:
    """Hold the one lock of a target, a file beside it that is gone afterwards; the system lets go of a dead one's.

    Raises:
        OutputError: Another export of that target is running.
    """
    path = target.with_name(f".{hashlib.sha256(target.name.encode()).hexdigest()[:16]}.lock")
    held = _held(path, target)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(held)


def _held(path: Path, target: Path) -> int:
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _stands(path, file):
                return file
        except BlockingIOError:
            os.close(file)
            raise OutputError(
                f"Another export of '{target.name}' is running.", hint="wait until it has ended, or name another file."
            ) from None
        os.close(file)  # whoever held it took it away meanwhile: it is nobody's lock


def _stands(path: Path, file: int) -> bool:
    """Whether an open file still has its name: who held it may take it away at any moment."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False
