"""Transactions: write everything or nothing, into files that only their owner can read."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

import duckdb

from invitekit.errors import WorkspaceError
from invitekit.io.atomic_write import POSIX_MODES
from invitekit.load.sql import run

ONE_AT_A_TIME = threading.RLock()
"""Held while a workspace is opened or written: the mask of new files belongs to the whole process."""


@contextlib.contextmanager
def private_files() -> Iterator[None]:
    """Let files that DuckDB creates meanwhile, such as its log, be readable by their owner only."""
    with ONE_AT_A_TIME:
        before = os.umask(0o077) if POSIX_MODES else 0
        try:
            yield
        finally:
            if POSIX_MODES:
                os.umask(before)


@contextlib.contextmanager
def transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Keep what is written inside whole: all of it, or nothing if anything is raised.

    Raises:
        WorkspaceError: The database refused it; its own message would quote values.
    """
    with private_files():
        try:
            run(con, "begin transaction")
            yield
            run(con, "commit")
        except BaseException as error:
            with contextlib.suppress(duckdb.Error):
                run(con, "rollback")
            if isinstance(error, duckdb.Error):
                raise _refused(error) from None
            raise


def _refused(error: duckdb.Error) -> WorkspaceError:
    kind = type(error).__name__.removesuffix("Exception")
    return WorkspaceError(
        f"The workspace could not be written ({kind}).", hint="nothing was changed; check space and rights, try again."
    )
