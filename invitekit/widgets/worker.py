"""Queries on background threads: a newer query of a channel interrupts the older one."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import duckdb

from invitekit.errors import own_error
from invitekit.i18n import _, translate

Work = Callable[[duckdb.DuckDBPyConnection], None]
Connect = Callable[[], duckdb.DuckDBPyConnection]
_THREADS = 4


class Worker:
    """A few threads that answer a screen, as a message handler must return at once.

    Work that newer work of its channel supersedes is interrupted, or never started. Each piece of work has its own
    connection, since DuckDB allows one use of a connection at a time.

    Args:
        connect: Opens a connection for one piece of work.
        failed: Called with an error, which would otherwise be lost.
    """

    def __init__(self, connect: Connect, failed: Callable[[BaseException], None]) -> None:
        self._connect, self._failed = connect, failed
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="invitekit")
        self._lock = threading.Lock()
        self._newest: dict[str, int] = {}
        self._running: dict[str, duckdb.DuckDBPyConnection] = {}
        self._waiting: set[Future[None]] = set()
        self.close = weakref.finalize(self, self._pool.shutdown, wait=False, cancel_futures=True)

    def submit(self, channel: str, *steps: Work, connect: Connect | None = None) -> None:
        """Run steps one after the other on a thread, and interrupt the channel's older work."""
        with self._lock:
            number = self._supersede(channel)
            future = self._pool.submit(self._run, channel, number, steps, connect or self._connect)
            self._waiting = {each for each in self._waiting if not each.done()} | {future}

    def cancel(self, *channels: str) -> None:
        """Cancel the work of these channels."""
        with self._lock:
            for channel in channels:
                self._supersede(channel)

    def stop(self) -> None:
        """Interrupt all work, wait for what cannot be interrupted, and take no more."""
        with self._lock:
            for channel in tuple(self._running):
                self._supersede(channel)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all work is done, including work that it submits; return whether it is."""
        while True:
            with self._lock:
                waiting = set(self._waiting)
            if not (left := {future for future in waiting if not future.done()}):
                return True
            if wait(left, timeout).not_done:
                return False

    def _supersede(self, channel: str) -> int:
        number = self._newest[channel] = self._newest.get(channel, 0) + 1
        if older := self._running.get(channel):
            older.interrupt()
        return number

    def _run(self, channel: str, number: int, steps: tuple[Work, ...], connect: Connect) -> None:
        for step in steps:
            con: duckdb.DuckDBPyConnection | None = None
            try:
                with self._lock:
                    if self._newest[channel] != number:
                        return
                    con = self._running[channel] = connect()
                with contextlib.suppress(duckdb.InterruptException):
                    step(con)
            except Exception as error:  # noqa: BLE001 - shown on the screen: a message's handler has no other caller
                with self._lock:
                    superseded = self._newest[channel] != number
                if not superseded:  # else its tables may be gone, and no screen waits for it
                    self._failed(error)
                return
            finally:
                with self._lock:
                    if con is not None and self._running.get(channel) is con:
                        del self._running[channel]
                if con is not None:
                    con.close()


def error_payload(error: BaseException, language: str = "en") -> dict[str, Any]:
    """Return problem and hint of an error; of an unexpected error only its type, since its message may quote data."""
    if (known := own_error(error)) is not None:
        problem, hint = known.problem, known.hint
    else:
        problem = _("This cannot be shown ({kind}).", kind=type(error).__name__)
        hint = _("try again; if that does not help, load this page or run the cell again.")
    return {"problem": translate(problem, language), "hint": sentence(translate(hint, language))}


def sentence(hint: str) -> str:
    """Return a hint with a capital letter, because it stands alone on a screen; elsewhere it follows ``Hint:``."""
    return hint[:1].upper() + hint[1:]
