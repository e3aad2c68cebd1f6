"""The output folder of the batches: check that it can be written, and find the files of earlier runs."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from invitekit.batches.worklists import WORKLISTS
from invitekit.errors import OutputError
from invitekit.i18n import _, ngettext
from invitekit.io.atomic_write import NOT_WRITTEN_HINT, SHOWN_NAME, name_problem, os_reason, private_dir
from invitekit.io.lock import exclusive_lock
from invitekit.model.vocabularies import BATCH_KINDS

PAGE = "00_read_me_first.txt"
"""The first file by name. It is written last: if it exists, the set is complete."""
_KINDS = "|".join(kind.code for kind in BATCH_KINDS)
OURS = re.compile(
    rf"manager_[^/\\]+\.xlsx|mail_merge\.xlsx|reminder_\d{{4,}}\.eml|dates\.ics|batch_\d{{2,}}_({_KINDS})\.(csv|xlsx)"
    rf"|worklist_({'|'.join(WORKLISTS)})\.(csv|xlsx)|{re.escape(PAGE)}"
)
"""The names of files that a run writes; other files are never changed."""


def check(target: Path, *, overwrite: bool) -> Path:
    """Check that a folder can be written, before any work is done for it.

    Raises:
        OutputError: It is a file, its parent is missing, it may not be written to, or it contains an earlier run.
    """
    if problem := name_problem(target):
        shown = target.name[:SHOWN_NAME]
        raise OutputError(
            _("'{folder}' cannot be written: {reason}.", folder=shown, reason=problem), hint=_("name another folder.")
        )
    if os.path.lexists(target) and not target.is_dir():
        raise OutputError(
            _("'{folder}' is not a folder.", folder=target.name), hint=_("name a folder; it is made if it is missing.")
        )
    if not target.exists() and not target.parent.is_dir():
        problem = _("The parent folder of '{folder}' does not exist.", folder=target.name)
        raise OutputError(problem, hint=_("create it first."))
    if not os.access(target if target.exists() else target.parent, os.W_OK | os.X_OK):
        raise OutputError(
            _("'{folder}' cannot be written to.", folder=target.name), hint=_("check its permissions, or name another.")
        )
    earlier_files(target, overwrite=overwrite)
    return target


def written_files(folder: Path) -> list[Path]:
    """Return the files in a folder that earlier runs have written."""
    return sorted(path for path in folder.iterdir() if OURS.fullmatch(path.name)) if folder.is_dir() else []


def files_of_batch(paths: Iterable[Path], number: int) -> list[Path]:
    """Return the files of the batch with a number."""
    return [path for path in paths if path.name.startswith(f"batch_{number:02d}_")]


def kind_of_batch(paths: Sequence[Path]) -> str | None:
    """Return the kind of a batch from the names of its files; None without files."""
    return paths[0].stem.split("_", 2)[2] if paths else None


def earlier_files(target: Path, *, overwrite: bool) -> list[Path]:
    """Return the files of an earlier run.

    Raises:
        OutputError: There are some, and they may not or cannot be replaced.
    """
    earlier = written_files(target)
    if earlier and not overwrite:
        problem = ngettext(
            "'{folder}' has {n:,} file of an earlier run: '{example}'.",
            "'{folder}' has {n:,} files of an earlier run, such as '{example}'.",
            len(earlier),
            folder=target.name,
            example=earlier[0].name,
        )
        raise OutputError(problem, hint=_("name another folder, or use --overwrite (overwrite=True) to replace them."))
    folders = [path.name for path in earlier if path.is_dir() and not path.is_symlink()]
    if folders:
        raise OutputError(
            _("'{name}' in '{folder}' is a folder.", name=folders[0], folder=target.name), hint=_("move it away.")
        )
    return earlier


@contextlib.contextmanager
def private_set(target: Path) -> Iterator[Path]:
    """Create a private folder on the target's disk, in which the whole set is written; it is removed afterwards.

    Raises:
        OutputError: The disk does not allow it, or another process writes to the same folder.
    """
    from xlsxwriter.exceptions import XlsxWriterException  # noqa: PLC0415 - slow to import

    locked, parent = (target / PAGE, target) if target.exists() else (target, target.parent)
    try:
        with private_dir(parent, "invitekit_batches") as folder, exclusive_lock(locked):
            yield folder
    except (OSError, XlsxWriterException) as error:
        raise not_written(target, error) from None


def not_written(target: Path, error: BaseException) -> OutputError:
    """Return the error for batches that cannot be written."""
    problem = _("The batches cannot be written to '{folder}': {reason}.", folder=target.name, reason=os_reason(error))
    return OutputError(problem, hint=NOT_WRITTEN_HINT)
