"""Why a file cannot be opened as a workspace, in our own words."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb

from invitekit.errors import ArgumentError, InvitekitError, WorkspaceError
from invitekit.load.source import FORMATS

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


def check_path(path: Path, *, read_only: bool) -> None:
    """Refuse a path that can hold no workspace, before anything is opened or made.

    Raises:
        InvitekitError: It is a source's name or a folder, or what it needs is missing.
    """
    name, log = path.name, Path(f"{path}.wal")
    there = path.exists()
    rules: list[tuple[bool, type[InvitekitError], str, str]] = [
        (path.suffix.lower() in FORMATS, ArgumentError, f"'{name}' has the name of a source file.",
         "name it, say, invitekit.duckdb."),
        (path.is_dir(), WorkspaceError, f"'{name}' is a folder.", "name a file in it."),
        (not path.parent.is_dir(), WorkspaceError, f"The folder of '{name}' does not exist.", "create it first."),
        (read_only and not there, WorkspaceError, f"'{name}' does not exist.",
         "check the path, or leave out read_only to make it."),
        (log.exists() and not there, WorkspaceError, f"'{log.name}' is left of a file that is gone.",
         f"bring '{name}' back, or move the rest away."),
    ]  # fmt: skip
    for wrong, kind, problem, hint in rules:
        if wrong:
            raise kind(problem, hint=hint)


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
    close = "close it there (ws.close(), or end that notebook's kernel)"
    if read_only:
        return WorkspaceError(
            f"'{name}' is open for writing in {who}.", hint=f"{close}; until then nobody can read it."
        )
    return WorkspaceError(
        f"'{name}' is open in {who}.", hint=f"{close}; read_only=True helps only if that process opened it so, too."
    )
