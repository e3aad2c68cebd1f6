"""The errors that invitekit raises.

Every message states what is wrong and what to do, in one line. It never quotes a person's data: it names files,
columns, counts and row numbers only.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, NoReturn

from invitekit.i18n import Message, _, languages, ngettext


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice that makes an unreadable file readable: the content of a form.

    Attributes:
        kind: ``column`` (which header is it), ``encoding``, or ``snapshot`` (the day of the export).
        source: The file's name.
        options: The headers or encodings to choose from; empty for a day, and if no row looks like headers.
        columns: The missing columns; one of them is needed.
    """

    kind: Literal["column", "encoding", "snapshot"]
    source: str
    options: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


class InvitekitError(Exception):
    """The base of all errors of invitekit; the message ends with what to do.

    Args:
        problem: What is wrong, in one sentence.
        hint: What the reader can do about it, in one sentence.
        choice: The choice that a form can offer, if there is one.
    """

    def __init__(self, problem: Message, *, hint: Message, choice: Choice | None = None) -> None:
        self.problem = problem
        self.hint = hint
        self.choice = choice
        super().__init__(f"{problem} Hint: {hint}")


class SourceError(InvitekitError):
    """A source file cannot be read: missing, empty, binary, truncated, protected or unknown."""


class SchemaError(InvitekitError):
    """The columns do not fit: no status, two columns of one name, or a mapping to a missing header."""


class CatalogueError(InvitekitError):
    """A row of a failure catalogue is wrong; the message names the file and the row."""


class ArgumentError(InvitekitError):
    """An argument has a value that is not valid."""


class OutputError(InvitekitError):
    """The result cannot be written; nothing is left half written."""


class WorkspaceError(InvitekitError):
    """A workspace cannot be used: locked by another process, not a workspace, too new, read-only or closed."""


class PolicyError(InvitekitError):
    """A privacy policy is wrong, or does not say what happens to a column; the message names the column."""


class LeakError(InvitekitError):
    """An export failed a privacy check; no file is left, and the message quotes no value.

    Args:
        column: The released column, or ``file`` for the whole file.
        check: The check that failed, such as ``values``.
        count: How many cells or rows failed it.
    """

    advice = _("no file was written; correct the records or the policy, and report it if neither is at fault.")

    def __init__(self, column: str, check: str, count: int) -> None:
        self.column = column
        self.check = check
        self.count = count
        cells = ngettext(
            "{place}, {check}, {n:,} cell",
            "{place}, {check}, {n:,} cells",
            count,
            place=_NO_COLUMNS.get(column) or _("{column}", column=column),
            check=_CHECKS[check],
        )
        super().__init__(self._problem(cells), hint=self.advice)

    def _problem(self, cells: Message) -> Message:
        return _("The export was refused: {cells}.", cells=cells)


class ChangedError(LeakError):
    """A file does not match its manifest: its bytes differ, or it fails the checks of an export."""

    advice = _("do not pass it on; export again.")

    def _problem(self, cells: Message) -> Message:
        return _("The file does not match its manifest: {cells}.", cells=cells)


_REFUSED = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS, errno.EIO)
_NO_COLUMNS = {"file": _("file"), "manifest": _("manifest")}
"""What was checked, if not a column."""
_CHECKS = {str(check).split("'")[1]: check for check in (
    _("check 'readable'"), _("check 'columns'"), _("check 'types'"), _("check 'metadata'"), _("check 'rows'"),
    _("check 'nulls'"), _("check 'declared'"), _("check 'values'"), _("check 'formulas'"), _("check 'cells'"),
    _("check 'sha256'"), _("check 'signature'"),
)}  # fmt: skip
"""The checks of an exported file, by their names."""


def many(number: int, noun: str, more: str = "") -> str:
    """Return a number with its noun: "1 customer", "2,000 customers".

    Args:
        number: The number.
        noun: The singular of the noun.
        more: Its plural, unless that is the singular with an "s".
    """
    return f"{number:,} {noun if number == 1 else more or noun + 's'}"


def own_error(error: BaseException) -> InvitekitError | None:
    """Return the error to show: the raised one, or the error of invitekit for what a library raised.

    Args:
        error: What was raised.

    Returns:
        The error; None for any other, whose text may quote data.
    """
    if isinstance(error, InvitekitError):
        return error
    return database_error(error) or _out_of_memory(error) or _disk_error(error)


def _disk_error(error: BaseException) -> InvitekitError | None:
    """Return the error for a disk that is full or read-only, for which no output is named."""
    is_refused = getattr(error, "errno", None) in _REFUSED or type(error).__name__ == "IOException"
    return disk_refused() if is_refused or re.search(r"\(os error \d+\)", str(error)) else None


def disk_refused() -> OutputError:
    """Return the error for a disk that refuses a file other than an output."""
    return OutputError(
        _("The disk refused a file."), hint=_("check space and rights, in the folder of temporary files too.")
    )


def _out_of_memory(error: BaseException) -> InvitekitError | None:
    """Return the error for exhausted memory, which Python, DuckDB and the system report in different ways."""
    is_out = isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM
    # The second is the text for threads that cannot be started.
    texts = ("Cannot allocate memory", "Resource temporarily unavailable")
    if is_out or type(error).__name__ == "OutOfMemoryException" or any(text in str(error) for text in texts):
        return InvitekitError(
            _("There is not enough memory for this."),
            hint=_("close other programs, raise the limit of this one, or read fewer files."),
        )
    return None


def database_error(error: BaseException) -> WorkspaceError | None:
    """Return the error for what only DuckDB detects: a wrong checksum, and a closed connection.

    Args:
        error: What was raised.

    Returns:
        The error, or None for any other.
    """
    if "Corrupt database file" in str(error):
        return WorkspaceError(
            _("The workspace is damaged: a checksum in its file does not match its content."),
            hint=_("restore it from a copy, or add the files to a new one."),
        )
    if re.search("Connection (has )?already (been )?closed", str(error)):
        return WorkspaceError(
            _("The workspace or DuckDB connection of these records is closed."),
            hint=_("open it again, and read the records again."),
        )
    return None


def raise_alone(error: InvitekitError) -> NoReturn:
    """Raise an error without its cause: the error of an engine may quote cells."""
    try:
        raise error from None
    finally:
        error.__context__ = None


def check_type(name: str, value: object, kinds: type | tuple[type, ...], hint: Message) -> None:
    """Check that an argument has one of the types that it may have.

    Raises:
        ArgumentError: It has another one; the message does not quote the value.
    """
    if not isinstance(value, kinds):
        raise ArgumentError(_("{name} has the type {kind}.", name=name, kind=type(value).__name__), hint=hint)


def check_path_type(path: object, name: str = "path") -> None:
    """Check that an argument can be a path.

    Raises:
        ArgumentError: It is something else.
    """
    check_type(name, path, (str, os.PathLike), _("give a path."))


def check_language(language: str) -> None:
    """Check that a language has a catalogue.

    Raises:
        ArgumentError: It has none.
    """
    if language != "en":
        check_choice("language", language, languages())


def check_choice(name: str, value: object, known: Collection[str]) -> None:
    """Check that an argument has one of the known values.

    Raises:
        ArgumentError: It has another one; the message lists the known ones.
    """
    if value not in known:
        raise ArgumentError(
            _("{name} is '{value}'.", name=name, value=value), hint=_("use one of {known}.", known=tuple(known))
        )
