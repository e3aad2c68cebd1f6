"""Why a file cannot be opened as a workspace, in our own words."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

import duckdb

from invitekit.errors import ArgumentError, InvitekitError, WorkspaceError
from invitekit.load.source import FORMATS
from invitekit.workspace.validation import are_texts

_SHOWN_NAME = 40
_LOCKED = "Could not set lock"
_HOLDER = re.compile(r"\(PID (\d+)\)")
_OTHER = ("is no DuckDB database, so no workspace", "name another file.")
_SIGNS = {
    "different configuration": ("is open in this process already", "close that connection and let its results go."),
    "Permission denied": ("may not be opened", "check its permissions."),
    "version number": ("was written by another version of DuckDB", "install a newer DuckDB."),
    "not a valid DuckDB": _OTHER,
    "Extension": _OTHER,
}
"""What DuckDB's message holds, and what we say instead."""


def resolve(given: str | os.PathLike[str]) -> Path:
    """Give the one path of a file, whatever links lead to it.

    Raises:
        WorkspaceError: No file can have that name.
    """
    name = os.fspath(given)
    if "\0" in name or not are_texts([name]):
        raise _impossible(Path(name), "it is no name of a file")
    return Path(os.path.realpath(name))


def check_path(path: Path, *, make: bool) -> None:
    """Refuse a path that can hold no workspace, before anything is opened or made.

    Args:
        path: The file.
        make: Whether it may be missing.

    Raises:
        InvitekitError: It is a source's name or a folder, or what it needs is missing.
    """
    name, log = path.name, Path(f"{path}.wal")
    _refuse_impossible(path)
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


def _refuse_impossible(path: Path) -> None:
    """Refuse a name that no file can have here, or that cannot be looked at."""
    try:
        for file in (path, Path(f"{path}.wal")):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                file.stat()
    except (OSError, ValueError) as error:
        raise _impossible(path, getattr(error, "strerror", None) or "it is no name of a file") from None


def _impossible(path: Path, reason: str) -> WorkspaceError:
    shown = ascii(path.name[:_SHOWN_NAME])
    return WorkspaceError(f"{shown} cannot be opened: {reason.lower()}.", hint="check the path and its rights.")


def not_opened(name: str, error: duckdb.Error, *, read_only: bool) -> WorkspaceError:
    """Say why DuckDB did not open a file."""
    said = str(error)
    if _LOCKED in said:
        return _held(name, _HOLDER.search(said), read_only=read_only)
    for sign, (problem, hint) in _SIGNS.items():
        if sign in said:
            return WorkspaceError(f"'{name}' {problem}.", hint=hint)
    kind = type(error).__name__.removesuffix("Exception")
    return WorkspaceError(f"'{name}' is damaged: DuckDB cannot open it ({kind}).", hint="restore it from a copy.")


def _held(name: str, holder: re.Match[str] | None, *, read_only: bool) -> WorkspaceError:
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
