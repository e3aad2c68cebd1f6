"""How far an export is, and whether it goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from invitekit.errors import InvitekitError

PACE = 0.1
"""Seconds between two words on how far an export is."""


class CancelledError(InvitekitError):
    """The export was cancelled; nothing was left."""


class Watch:
    """What an export calls on its way: it tells the screen how far it is, and stops the export when asked to.

    Args:
        tell: Is told the step, the rows done, all rows, and the seconds left, if that can be said.
        stop: Set by whoever wants the export to end.
    """

    def __init__(self, tell: Callable[[str, int, int, float | None], None], stop: threading.Event) -> None:
        self._tell, self._stop = tell, stop
        self._began = self._told = time.monotonic()

    def __call__(self, step: str, done: int, total: int) -> None:
        """Say how far it is, not too often.

        Raises:
            CancelledError: It is to stop.
        """
        if self._stop.is_set():
            raise CancelledError("The export was cancelled.", hint="nothing was written; export again.")
        now = time.monotonic()
        if done in (0, total) or now - self._told >= PACE:
            self._told = now
            left = (now - self._began) / done * (total - done) if 0 < done < total else None
            self._tell(step, done, total, left)
