"""Bring the log of a workspace into its file without ever writing to what the file holds.

DuckDB's own checkpoint writes parts of the new state into blocks of the old one: a process that is killed meanwhile
leaves a block of both with a wrong checksum, and a file that cannot be opened. Here a copy is checkpointed, which then
replaces the file. A process can be killed at any moment: the file is whole, with or without its log.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import duckdb

from invitekit.engine.duckdb import lit, run
from invitekit.i18n import _
from invitekit.io.atomic_write import POSIX_MODES, os_reason, private_dir, sync_folder

_NEVER = {"checkpoint_threshold": "1TB"} if POSIX_MODES else {}
"""The setting that stops DuckDB's own checkpoints. On Windows an open file can be neither read nor replaced, so DuckDB
checkpoints there; Windows completes a write whose process is killed."""
_STALE = "WAL was created for an older version of this database"
"""Part of DuckDB's error for a log that the file contains already; file and log have the number of their checkpoint."""


def log_of(path: Path) -> Path:
    """Return the path of a database's log, which DuckDB puts beside it."""
    return Path(f"{path}.wal")


def checkpoint(con: duckdb.DuckDBPyConnection, path: Path, file: BinaryIO) -> None:
    """Give the file's name to a copy that has everything in it, if there is a log; then remove the log.

    Without space or rights for that, file and log stay as they are: together they are whole, and the next process that
    writes tries again.

    Args:
        con: The only connection to the database. From here on it has the old file, and can only be closed.
        path: The file.
        file: What ``connect`` returned with it.
    """
    log = log_of(path)
    if not log.exists():
        return
    try:
        with private_dir(path.parent, path.name) as folder:
            part = folder / path.name
            with part.open("wb") as copy:
                file.seek(0)
                shutil.copyfileobj(file, copy, 1 << 20)
            shutil.copyfile(log, log_of(part))
            with _attached(con, part):  # DuckDB's lock on the copy keeps others out until the log has gone
                run(con, "checkpoint part")
                part.replace(path)
                sync_folder(path.parent)
                log.unlink()
                sync_folder(path.parent)
    except (OSError, duckdb.Error) as error:
        message = _(
            "'{name}' keeps its newest writes in '{log}': {reason}. Keep the two files together.",
            name=path.name, log=log.name, reason=os_reason(error),
        )  # fmt: skip
        logging.getLogger("invitekit").warning("%s", message)


@contextlib.contextmanager
def _attached(con: duckdb.DuckDBPyConnection, part: Path) -> Iterator[None]:
    run(con, f"attach {lit(str(part))} as part")
    try:
        yield
    finally:
        run(con, "detach part")


def connect(
    path: Path, *, read_only: bool, config: Mapping[str, str | bool | int | float | list[str]]
) -> tuple[duckdb.DuckDBPyConnection, BinaryIO | None]:
    """Connect to a database, and remove a log that a killed process had brought into the file, but not removed.

    Returns:
        The connection, and the file to copy from, which has to stay open until the connection is closed: a system of
        POSIX forgets all locks of a process on a file once the process closes one of its handles. None on Windows.
    """
    log = log_of(path)
    while True:
        before = _identity(log)
        with contextlib.ExitStack() as undo:
            file = None
            if POSIX_MODES:
                with contextlib.suppress(OSError):  # DuckDB says it
                    file = undo.enter_context(path.open("rb"))
            try:
                con = undo.enter_context(duckdb.connect(str(path), read_only=read_only, config={**config, **_NEVER}))
            except duckdb.Error as error:
                if _STALE not in str(error) or not POSIX_MODES:
                    raise
                try:
                    _remove(log, before, path)
                except OSError:
                    raise error from None
                continue
            if file is not None:
                run(con, "pragma disable_checkpoint_on_shutdown")
                if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    continue  # another process gave the name to its copy just now
            undo.pop_all()
            return con, file


def _identity(file: Path) -> tuple[int, ...] | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _remove(log: Path, before: tuple[int, ...] | None, path: Path) -> None:
    """Remove a log unless it has changed, or another process has the database open and may write it just now."""
    if sys.platform == "win32":
        return
    import fcntl  # noqa: PLC0415 - Windows has none

    with path.open("r+b") as file, contextlib.suppress(BlockingIOError):
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _identity(log) == before:
            log.unlink()
