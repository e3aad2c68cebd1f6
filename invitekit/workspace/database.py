"""Create, open, share and write the database of a workspace: one file, one lock, private to its owner.

A process opens the file once, and all of its workspaces share it.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import duckdb

from invitekit.engine.duckdb import lit, rows, run
from invitekit.engine.scratch_dirs import ScratchDir, is_alive, scratch_dir
from invitekit.errors import WorkspaceError, database_error
from invitekit.i18n import _
from invitekit.io.atomic_write import POSIX_MODES, make_private, os_reason, private_dir, publish_new
from invitekit.workspace import migrations
from invitekit.workspace.checkpoint import checkpoint, connect, log_of
from invitekit.workspace.open_errors import check_path, in_use_here, not_opened, resolve

_ONE_AT_A_TIME = threading.RLock()
"""Held while a workspace is opened or written, as the umask belongs to the whole process."""

_PATIENCE = 60
"""Seconds that closing waits for a thread that uses the workspace."""
_NO_EXTENSIONS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
"""Otherwise DuckDB would fetch an extension from the network for a file that looks like another database."""


@dataclass(eq=False)
class Shared:
    """An open database; every workspace of this process on the same file has a cursor of it."""

    con: duckdb.DuckDBPyConnection
    path: Path
    read_only: bool
    file_id: tuple[int, int]


_CLOSED: set[str] = set()
"""Paths of the files that this process has closed."""
_OPEN: weakref.WeakValueDictionary[str, Shared] = weakref.WeakValueDictionary()


def share(given: str | os.PathLike[str], *, read_only: bool, make: bool = True) -> Shared:
    """Return the database that this process has open, or open it; create it if it is missing.

    Only DuckDB may open the file: closing another handle of it would release the lock of this process.

    Raises:
        InvitekitError: It cannot be opened, created or migrated.
    """
    path = resolve(given)
    with _ONE_AT_A_TIME:
        if (shared := _OPEN.get(str(path))) is not None:
            return _reused(shared, read_only=read_only)
        check_path(path, make=make and not read_only)
        if (shared := _open_under_another_name(path)) is not None:
            return _reused(shared, read_only=read_only)
        if not path.exists():
            create(path)
        shared = _OPEN[str(path)] = _opened(path, read_only=read_only)
        return shared


def _reused(shared: Shared, *, read_only: bool) -> Shared:
    name = shared.path.name
    if shared.read_only and not read_only:
        raise WorkspaceError(
            _("'{name}' is open for reading in this process.", name=name), hint=_("close that workspace first.")
        )
    if not shared.path.exists() or _file_id(shared.path) != shared.file_id:
        problem = _("'{name}' was moved or replaced while this process had it open.", name=name)
        raise WorkspaceError(problem, hint=_("close that workspace first."))
    return shared


def _open_under_another_name(path: Path) -> Shared | None:
    """Return the open database of the same file under another name, such as in another case: no lock detects that."""
    file_id = _file_id(path) if path.is_file() else None
    return next((shared for shared in _OPEN.values() if shared.file_id == file_id), None)


def _file_id(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_dev, stat.st_ino


def _check_released(path: Path) -> None:
    """Reject a file that this process has closed while a result of it was not read to its end.

    DuckDB would wait for that result forever.
    """
    if str(path) in _CLOSED:
        with duckdb.connect(config=_NO_EXTENSIONS) as con:
            try:
                run(con, f"attach {lit(str(path))} as workspace (read_only)")
            except duckdb.Error as error:  # other errors are raised when the file is opened
                if "already attached" in str(error):
                    raise in_use_here(path.name) from None


def _opened(path: Path, *, read_only: bool) -> Shared:
    with contextlib.ExitStack() as undo:
        try:
            _check_released(path)
            with private_files():
                con, file = connect(path, read_only=read_only, config=_NO_EXTENSIONS)
            undo.callback(_close, con, file)
            _prepare(con, path, read_only=read_only)
        except duckdb.Error as error:
            raise not_opened(path.name, error, read_only=read_only) from None
        undo.pop_all()
    shared = Shared(con, path, read_only, _file_id(path))
    weakref.finalize(shared, _end, shared.path, con, file, _spill(con), read_only=read_only)
    return shared


def _prepare(con: duckdb.DuckDBPyConnection, path: Path, *, read_only: bool) -> None:
    """Make the file private, migrate its tables, and record which exports were interrupted."""
    name = path.name
    version = migrations.stored_version(con, name)  # first, so that a file that is not a workspace stays unchanged
    if not read_only:
        for file in (path, log_of(path)):
            with contextlib.suppress(FileNotFoundError):
                make_private(file)
        with transaction(con):
            migrations.migrate(con, version)
            running = rows(con, "select export_id, pid, process from exports where status = 'running'")
            for number, pid, process in running:
                if not is_alive(pid, process):
                    run(con, "update exports set status = 'interrupted' where export_id = ?", [number])
    elif version < migrations.SCHEMA_VERSION:
        raise WorkspaceError(
            _("'{name}' was written by an older invitekit (tables of version {version}).", name=name, version=version),
            hint=_("open it once for writing, such as by adding files: that brings it up to date."),
        )


def _spill(con: duckdb.DuckDBPyConnection) -> ScratchDir:
    """Let DuckDB spill to a private folder, not beside the workspace."""
    folder = scratch_dir()
    with contextlib.suppress(duckdb.Error):  # a relation of an earlier workspace may still use its folder
        run(con, f"set temp_directory = {lit(folder.name)}")
    return folder


def _end(
    path: Path, con: duckdb.DuckDBPyConnection, file: BinaryIO | None, folder: ScratchDir, *, read_only: bool
) -> None:
    with private_files():
        if file is not None and not read_only:
            checkpoint(con, path, file)
        _close(con, file)
    _CLOSED.add(str(path))
    folder.cleanup()


def _close(con: duckdb.DuckDBPyConnection, file: BinaryIO | None) -> None:
    con.close()
    if file is not None:
        file.close()


def create(path: Path) -> None:
    """Create a workspace in a private folder beside its path, then move it there: an incomplete file is never visible.

    Raises:
        WorkspaceError: The file cannot be written.
    """
    try:
        with private_dir(path.parent, path.name) as folder:
            part = folder / path.name
            with private_files(), duckdb.connect(str(part)) as con:
                with transaction(con):
                    migrations.migrate(con, 0)
                run(con, "checkpoint")  # only the file is moved, not its log
            with contextlib.suppress(FileExistsError):  # another process was faster: use its file
                publish_new(part, path)
    except (OSError, duckdb.Error) as error:
        problem = _("'{name}' cannot be made: {reason}.", name=path.name, reason=os_reason(error))
        raise WorkspaceError(problem, hint=_("check space and rights.")) from None


@contextlib.contextmanager
def private_files() -> Iterator[None]:
    """Make files that DuckDB creates inside the block, such as its log, readable by their owner only."""
    with _ONE_AT_A_TIME:
        before = os.umask(0o077) if POSIX_MODES else 0
        try:
            yield
        finally:
            if POSIX_MODES:
                os.umask(before)


def close_connection(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Close a connection and its cursors as soon as no thread uses one of them.

    Raises:
        WorkspaceError: A thread uses one for longer than ``_PATIENCE`` seconds.
    """
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            con.close()
        except duckdb.Error:  # a connection in use cannot be closed
            if time.monotonic() > end:
                problem = _("'{name}' is at work in another thread.", name=name)
                raise WorkspaceError(problem, hint=_("wait for the screen that uses it, then close it.")) from None
            time.sleep(0.01)
        else:
            return


@contextlib.contextmanager
def transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit the writes of the block, or roll all of them back if anything is raised.

    Raises:
        WorkspaceError: The database raised an error, whose own message might quote values.
    """
    with private_files():
        try:
            run(con, "begin transaction")
            yield
            run(con, "commit")
        except BaseException as error:
            with contextlib.suppress(duckdb.Error):
                run(con, "rollback")
            if not isinstance(error, duckdb.Error):
                raise
            problem = _(
                "The workspace could not be written ({kind}).", kind=type(error).__name__.removesuffix("Exception")
            )
            hint = _("nothing was changed; check space and rights, try again.")
            raise database_error(error) or WorkspaceError(problem, hint=hint) from None
