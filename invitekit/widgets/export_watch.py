"""How far an export is, and whether it goes on."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from invitekit.errors import InvitekitError, SchemaError
from invitekit.i18n import _

PACE = 0.1
"""Seconds between two words on how far an export is."""


class CancelledError(InvitekitError):
    """The export was cancelled; nothing was left."""


class Watch:
    """What an export calls on its way: it tells the screen how far it is, and ends the export when asked to.

    Args:
        tell: Is told the step, the rows done, all rows, and the seconds left, if that can be said.
    """

    def __init__(self, tell: Callable[[str, int, int, float | None], None]) -> None:
        self._tell, self._stop = tell, threading.Event()
        self._began = self._told = time.monotonic()
        self._interrupt: Callable[[], None] | None = None

    def stop(self) -> None:
        """End the export at its next step, and the question that it asks just now; from any thread."""
        self._stop.set()
        if self._interrupt is not None:
            self._interrupt()

    def stoppable(self, interrupt: Callable[[], None]) -> None:
        """Take what interrupts the questions of an export.

        Raises:
            CancelledError: It is to stop already.
        """
        self._interrupt = interrupt
        if self._stop.is_set():
            raise _cancelled()

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Raise the cancellation of an export in place of the interrupted query that it caused.

        Raises:
            CancelledError: In place of the error that the records cannot be computed.
        """
        try:
            yield
        except SchemaError:
            if not self._stop.is_set():
                raise
        else:
            return
        raise _cancelled()

    def __call__(self, step: str, done: int, total: int) -> None:
        """Report the progress, not too often.

        Raises:
            CancelledError: It is to stop.
        """
        if self._stop.is_set():
            raise _cancelled()
        now = time.monotonic()
        if done in (0, total) or now - self._told >= PACE:
            self._told = now
            left = (now - self._began) / done * (total - done) if 0 < done < total else None
            self._tell(step, done, total, left)


def _cancelled() -> CancelledError:
    return CancelledError(_("The export was cancelled."), hint=_("nothing was written; export again."))
