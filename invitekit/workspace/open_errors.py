"""Errors of opening a workspace file, in place of DuckDB's own messages, which may quote data."""

from __future__ import annotations

import os
import re
from pathlib import Path

import duckdb

from invitekit.errors import ArgumentError, InvitekitError, WorkspaceError, check_path_type
from invitekit.i18n import Message, _
from invitekit.ingest.discover import FORMATS
from invitekit.io.atomic_write import SHOWN_NAME, name_problem, os_reason
from invitekit.workspace.checkpoint import log_of
from invitekit.workspace.validation import are_texts

_LOCKED = ("Could not set lock", "used by another process", "already open in")
"""Parts of DuckDB's error for a file that is open elsewhere: the first on Linux and macOS, the others on Windows."""
_HOLDER = re.compile(r"\(PID (\d+)\)")


def resolve(given: str | os.PathLike[str]) -> Path:
    """Return the real path of a file, with links resolved.

    Raises:
        WorkspaceError: The name is not a valid file name.
    """
    check_path_type(given)
    name = os.fspath(given)
    if "\0" in name or not are_texts([name]):
        raise _invalid_path(Path(name), _("it is not a valid name"))
    return Path(os.path.realpath(name))


def check_path(path: Path, *, make: bool) -> None:
    """Check that a path can hold a workspace, before anything is opened or created; ``make``: it may be missing.

    Raises:
        InvitekitError: It has a source file's extension, is a folder, or does not exist.
    """
    name, log = path.name, log_of(path)
    for file in (path, log):
        if problem := name_problem(file):
            raise _invalid_path(path, problem)
    there = path.exists()
    rules: list[tuple[bool, type[InvitekitError], Message, Message]] = [
        (path.suffix.lower() in FORMATS, ArgumentError, _("'{name}' has the name of a source file.", name=name),
         _("name it, say, invitekit.duckdb.")),
        (path.is_dir(), WorkspaceError, _("'{name}' is a folder.", name=name), _("name a file in it.")),
        (not path.parent.is_dir(), WorkspaceError, _("The folder of '{name}' does not exist.", name=name),
         _("create it first.")),
        (not make and not there, WorkspaceError, _("'{name}' does not exist.", name=name),
         _("check the path; adding files to it makes it.")),
        (log.exists() and not there, WorkspaceError, _("'{name}' is left of a file that is gone.", name=log.name),
         _("bring '{name}' back, or move the rest away.", name=name)),
    ]  # fmt: skip
    for wrong, kind, problem, hint in rules:
        if wrong:
            raise kind(problem, hint=hint)


def _invalid_path(path: Path, reason: str) -> WorkspaceError:
    shown = ascii(path.name[:SHOWN_NAME])[1:-1]
    return WorkspaceError(
        _("'{name}' cannot be opened: {reason}.", name=shown, reason=reason), hint=_("check the path and its rights.")
    )


def not_opened(name: str, error: duckdb.Error, *, read_only: bool) -> WorkspaceError:
    """Build the error for a file that DuckDB did not open."""
    message = str(error)
    if any(sign in message for sign in _LOCKED):
        return _locked(name, _HOLDER.search(message), read_only=read_only)
    if "different configuration" in message:
        return in_use_here(name)
    if "Cannot open file" in message:  # by the system, so it is not damaged
        return _invalid_path(Path(name), os_reason(error))
    if "version number" in message:
        return WorkspaceError(
            _("'{name}' was written by another version of DuckDB.", name=name), hint=_("install a newer DuckDB.")
        )
    if "not a valid DuckDB" in message or "Extension" in message:
        return WorkspaceError(
            _("'{name}' is not a DuckDB database, so not a workspace.", name=name), hint=_("name another file.")
        )
    kind = type(error).__name__.removesuffix("Exception")
    return WorkspaceError(
        _("'{name}' may be damaged: DuckDB cannot open it ({kind}).", name=name, kind=kind),
        hint=_("try again; if that does not help, restore it from a copy."),
    )


def in_use_here(name: str) -> WorkspaceError:
    """Build the error for a file that this process has open, through a connection or an unread result."""
    return WorkspaceError(
        _("'{name}' is open in this process already.", name=name),
        hint=_("close that connection and let its results go."),
    )


def _locked(name: str, holder: re.Match[str] | None, *, read_only: bool) -> WorkspaceError:
    who = _("process {number}", number=holder[1]) if holder else _("another process")
    problem = _("'{name}' is open in {who}.", name=name, who=who)
    hint = _(
        "close it there (in a notebook: close the workspace, or end its kernel); "
        "to read it meanwhile helps only if it was opened for reading there."
    )
    if read_only:
        problem = _("'{name}' is open for writing in {who}.", name=name, who=who)
        hint = _(
            "close it there (in a notebook: close the workspace, or end its kernel); until then nobody can read it."
        )
    return WorkspaceError(problem, hint=hint)
