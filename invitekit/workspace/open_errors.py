"""Errors of opening a workspace file; DuckDB's own messages may quote data."""

from __future__ import annotations

import os
import re
from pathlib import Path

import duckdb

from invitekit.errors import ArgumentError, InvitekitError, WorkspaceError
from invitekit.ingest.discover import FORMATS
from invitekit.io.atomic_write import SHOWN_NAME, name_problem
from invitekit.workspace.validation import are_texts

_LOCKED = ("Could not set lock", "used by another process", "already open in")
"""What DuckDB says of a file that another process holds: the first on Linux and macOS, the others on Windows."""
_HOLDER = re.compile(r"\(PID (\d+)\)")
_OTHER = ("is no DuckDB database, so no workspace", "name another file.")
_SIGNS = {
    "different configuration": ("is open in this process already", "close that connection and let its results go."),
    "Permission denied": ("may not be opened", "check its permissions."),
    "version number": ("was written by another version of DuckDB", "install a newer DuckDB."),
    "not a valid DuckDB": _OTHER,
    "Extension": _OTHER,
}
"""Parts of DuckDB's messages, and the problem and hint of our error."""


def resolve(given: str | os.PathLike[str]) -> Path:
    """Return the real path of a file, with links resolved.

    Raises:
        WorkspaceError: The name is not a valid file name.
    """
    name = os.fspath(given)
    if "\0" in name or not are_texts([name]):
        raise _invalid_path(Path(name), "it is not a valid name")
    return Path(os.path.realpath(name))


def check_path(path: Path, *, make: bool) -> None:
    """Check that a path can hold a workspace, before anything is opened or created.

    Args:
        path: The file.
        make: Whether it may be missing.

    Raises:
        InvitekitError: It has a source file's extension, is a folder, or does not exist.
    """
    name, log = path.name, Path(f"{path}.wal")
    _check_accessible(path)
    there = path.exists()
    rules: list[tuple[bool, type[InvitekitError], str, str]] = [
        (path.suffix.lower() in FORMATS, ArgumentError, f"'{name}' has the name of a source file.",
         "name it, say, invitekit.duckdb."),
        (path.is_dir(), WorkspaceError, f"'{name}' is a folder.", "name a file in it."),
        (not path.parent.is_dir(), WorkspaceError, f"The folder of '{name}' does not exist.", "create it first."),
        (not make and not there, WorkspaceError, f"'{name}' does not exist.",
         "check the path; adding files to it makes it."),
        (log.exists() and not there, WorkspaceError, f"'{log.name}' is left of a file that is gone.",
         f"bring '{name}' back, or move the rest away."),
    ]  # fmt: skip
    for wrong, kind, problem, hint in rules:
        if wrong:
            raise kind(problem, hint=hint)


def _check_accessible(path: Path) -> None:
    """Reject a name that no file can have here, or that cannot be looked up."""
    for file in (path, Path(f"{path}.wal")):
        if problem := name_problem(file):
            raise _invalid_path(path, problem)


def _invalid_path(path: Path, reason: str) -> WorkspaceError:
    shown = ascii(path.name[:SHOWN_NAME])
    return WorkspaceError(f"{shown} cannot be opened: {reason}.", hint="check the path and its rights.")


def not_opened(name: str, error: duckdb.Error, *, read_only: bool) -> WorkspaceError:
    """Build the error for a file that DuckDB did not open."""
    message = str(error)
    if any(sign in message for sign in _LOCKED):
        return _locked(name, _HOLDER.search(message), read_only=read_only)
    for sign, (problem, hint) in _SIGNS.items():
        if sign in message:
            return WorkspaceError(f"'{name}' {problem}.", hint=hint)
    kind = type(error).__name__.removesuffix("Exception")
    return WorkspaceError(
        f"'{name}' may be damaged: DuckDB cannot open it ({kind}).",
        hint="try again; if that does not help, restore it from a copy.",
    )


def _locked(name: str, holder: re.Match[str] | None, *, read_only: bool) -> WorkspaceError:
    who = f"process {holder[1]}" if holder else "another process"
    close = "close it there (in a notebook: close the workspace, or end its kernel)"
    if read_only:
        return WorkspaceError(
            f"'{name}' is open for writing in {who}.", hint=f"{close}; until then nobody can read it."
        )
    return WorkspaceError(
        f"'{name}' is open in {who}.",
        hint=f"{close}; to read it meanwhile helps only if it was opened for reading there.",
    )
