"""One file, one lock: a workspace's database is opened once in a process, and shared by all who ask for it."""

from __future__ import annotations

import contextlib
import os
import weakref
from dataclasses import dataclass
from pathlib import Path

import duckdb

from invitekit.engine.scratch_dirs import ScratchDir, scratch_dir
from invitekit.errors import WorkspaceError
from invitekit.io.atomic_write import make_private
from invitekit.load.sql import lit, run
from invitekit.workspace import exports, migrations
from invitekit.workspace.creation import create
from invitekit.workspace.open_errors import check_path, not_opened, resolve
from invitekit.workspace.transactions import ONE_AT_A_TIME, private_files, transaction

_QUIET: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
"""DuckDB would fetch an extension from the network for a file that looks like another database."""


@dataclass(eq=False)
class Shared:
    """An open database; every workspace of this process on the same file has a cursor of it."""

    con: duckdb.DuckDBPyConnection
    path: Path
    read_only: bool
    place: tuple[int, int]


_OPEN: weakref.WeakValueDictionary[str, Shared] = weakref.WeakValueDictionary()


def share(given: str | os.PathLike[str], *, read_only: bool, make: bool = True) -> Shared:
    """Open a workspace's database, make it if it is missing, or give the one that this process has open.

    Nobody but DuckDB opens the file: whoever closes it gives up this process's lock on it.

    Raises:
        InvitekitError: It cannot be opened, made, or brought to this version.
    """
    path = resolve(given)
    with ONE_AT_A_TIME:
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
        raise WorkspaceError(f"'{name}' is open for reading in this process.", hint="close that workspace first.")
    if not shared.path.exists() or _place(shared.path) != shared.place:
        raise WorkspaceError(
            f"'{name}' was moved or replaced while this process had it open.", hint="close that workspace first."
        )
    return shared


def _open_under_another_name(path: Path) -> Shared | None:
    """Return what is open of the same file, such as in another letter case: the system's lock does not notice it."""
    place = _place(path) if path.is_file() else None
    return next((shared for shared in _OPEN.values() if shared.place == place), None)


def _place(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _opened(path: Path, *, read_only: bool) -> Shared:
    with contextlib.ExitStack() as undo:
        try:
            con = undo.enter_context(_connect(path, read_only=read_only))
            _prepare(con, path, read_only=read_only)
        except duckdb.Error as error:
            raise not_opened(path.name, error, read_only=read_only) from None
        undo.pop_all()
    shared = Shared(con, path, read_only, _place(path))
    weakref.finalize(shared, _end, con, _spill(con))
    return shared


def _connect(path: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    with private_files():
        return duckdb.connect(str(path), read_only=read_only, config=_QUIET)


def _prepare(con: duckdb.DuckDBPyConnection, path: Path, *, read_only: bool) -> None:
    """Make the file private, bring its tables to this version, and note which exports did not live to their end."""
    name = path.name
    version = migrations.found_version(con, name)  # first: a file that is no workspace stays as it is
    if not read_only:
        for file in (path, Path(f"{path}.wal")):
            with contextlib.suppress(FileNotFoundError):
                make_private(file)
        with transaction(con):
            migrations.migrate(con, version)
            exports.note_interrupted(con)
    elif version < migrations.SCHEMA_VERSION:
        raise WorkspaceError(
            f"'{name}' was written by an older invitekit (tables of version {version}).",
            hint="open it once for writing, such as by adding files: that brings it up to date.",
        )


def _spill(con: duckdb.DuckDBPyConnection) -> ScratchDir:
    """Let what does not fit into memory go to a private folder, not beside the workspace."""
    folder = scratch_dir()
    with contextlib.suppress(duckdb.Error):  # a relation of an earlier workspace may use its folder still
        run(con, f"set temp_directory = {lit(folder.name)}")
    return folder


def _end(con: duckdb.DuckDBPyConnection, folder: ScratchDir) -> None:
    with private_files():
        con.close()
    folder.cleanup()
