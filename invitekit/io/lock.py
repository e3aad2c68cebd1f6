"""One writer per target at a time: an exclusive file lock beside the target."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from invitekit.errors import OutputError
from invitekit.i18n import _

_WAIT = 0.2
"""Seconds: enough for a lock file that its owner is removing."""


@contextlib.contextmanager
def exclusive_lock(target: Path) -> Iterator[None]:
    """Hold the lock of a target: a file beside it, removed afterwards. The system releases the lock of a dead process.

    Raises:
        OutputError: Another process is writing that target.
    """
    path = target.with_name(f".{hashlib.sha256(target.name.encode()).hexdigest()[:16]}.lock")
    lock = FileLock(path, timeout=_WAIT, poll_interval=_WAIT / 10, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        raise OutputError(
            _("Another process is writing '{name}'.", name=target.name),
            hint=_("wait until it has ended, or name another target."),
        ) from None
    try:
        yield
    finally:
        # Removed while locked, so that it is never the lock of another process. On Windows, filelock removes it.
        with contextlib.suppress(OSError):
            path.unlink()
        lock.release()
