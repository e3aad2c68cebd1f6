"""Report the progress of an export, and cancel it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from invitekit.errors import InvitekitError, SchemaError
from invitekit.i18n import _

MIN_INTERVAL = 0.1
"""Seconds between two reports of progress."""


class CancelledError(InvitekitError):
    """The export was cancelled; no file is left."""


class ProgressReporter:
    """Reports the progress of an export to the screen, and stops the export on request.

    Args:
        report: Receives the step, the rows done, all rows, and the seconds left, if that can be estimated.
    """

    def __init__(self, report: Callable[[str, int, int, float | None], None]) -> None:
        self._report, self._stop = report, threading.Event()
        self._started = self._reported = time.monotonic()
        self._interrupt: Callable[[], None] | None = None

    def stop(self) -> None:
        """End the export at its next step, and interrupt the running query; may be called from any thread."""
        self._stop.set()
        if self._interrupt is not None:
            self._interrupt()

    def stoppable(self, interrupt: Callable[[], None]) -> None:
        """Set the function that interrupts the queries of the export.

        Raises:
            CancelledError: The export was cancelled before.
        """
        self._interrupt = interrupt
        if self._stop.is_set():
            raise _cancelled()

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Raise ``CancelledError`` if a query fails because the export was cancelled.

        Raises:
            CancelledError: Instead of the error that the records cannot be computed.
        """
        try:
            yield
        except SchemaError:
            if not self._stop.is_set():
                raise
            raise _cancelled() from None

    def __call__(self, step: str, done: int, total: int) -> None:
        """Report the progress, at most every ``MIN_INTERVAL`` seconds.

        Raises:
            CancelledError: The export was cancelled.
        """
        if self._stop.is_set():
            raise _cancelled()
        now = time.monotonic()
        if done in (0, total) or now - self._reported >= MIN_INTERVAL:
            self._reported = now
            left = (now - self._started) / done * (total - done) if 0 < done < total else None
            self._report(step, done, total, left)


def _cancelled() -> CancelledError:
    return CancelledError(_("The export was cancelled."), hint=_("nothing was written; export again."))
