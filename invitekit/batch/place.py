"""A folder that gets a whole set of files, or none: made in private, and named together at the end."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from xlsxwriter.exceptions import XlsxWriterException

from invitekit.batch.lists import WORKLISTS
from invitekit.errors import OutputError
from invitekit.vocabularies import RESENDS
from invitekit.write import sync_folder

PAGE = "00_read_me_first.txt"
"""The last file to get its name, and the first to lose it: where it stands, the set is whole."""
OURS = re.compile(
    rf"batch_\d{{2,}}_({'|'.join(RESENDS)})\.(csv|xlsx)|worklist_({'|'.join(WORKLISTS)})\.(csv|xlsx)|{re.escape(PAGE)}"
)
"""Names that only a run of ours gives; no other file is ever touched."""
_SHOWN_NAME = 40


def check(target: Path, *, overwrite: bool) -> Path:
    """Refuse a folder that could not be written, before any work is done for it.

    Raises:
        OutputError: It is a file, its parent is missing, it may not be written to, or it holds an earlier run.
    """
    _refuse_impossible(target)
    if os.path.lexists(target) and not target.is_dir():
        raise OutputError(f"'{target.name}' is no folder.", hint="name a folder; it is made if it is missing.")
    if not target.exists() and not target.parent.is_dir():
        raise OutputError(f"The folder that '{target.name}' should stand in does not exist.", hint="create it first.")
    if not os.access(target if target.exists() else target.parent, os.W_OK | os.X_OK):
        raise OutputError(f"'{target.name}' cannot be written to.", hint="check its permissions, or name another.")
    _refuse_earlier(target, overwrite=overwrite)
    return target


def _refuse_impossible(target: Path) -> None:
    """Refuse a name that no folder can have here: too long, say."""
    try:
        target.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "it is no name of a folder").lower()
        problem = f"'{target.name[:_SHOWN_NAME]}' cannot be written: {reason}."
        raise OutputError(problem, hint="name another folder.") from None


def _refuse_earlier(target: Path, *, overwrite: bool) -> list[Path]:
    """Give the files of an earlier run, if they may be replaced."""
    earlier = sorted(path for path in target.iterdir() if OURS.fullmatch(path.name)) if target.exists() else []
    if earlier and not overwrite:
        raise OutputError(
            f"'{target.name}' holds {len(earlier):,} files of an earlier run, such as '{earlier[0].name}'.",
            hint="name another folder, or say --overwrite (overwrite=True) to replace them.",
        )
    folders = [path.name for path in earlier if path.is_dir() and not path.is_symlink()]
    if folders:
        raise OutputError(f"'{folders[0]}' in '{target.name}' is a folder.", hint="move it away.")
    return earlier


@contextlib.contextmanager
def private(target: Path) -> Iterator[Path]:
    """Give a folder that only its owner can look into, on the target's own disk; it is gone afterwards.

    Raises:
        OutputError: The disk refused something meanwhile.
    """
    try:
        beside = target if target.exists() else target.parent
        folder = Path(tempfile.mkdtemp(prefix=".invitekit_batches.", suffix=".part", dir=beside))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except (OSError, XlsxWriterException) as error:
        raise refused(target, error) from None


def refused(target: Path, error: Exception) -> OutputError:
    """Say that the disk took no batches, and why."""
    reason = (getattr(error, "strerror", None) or "the disk refused it").lower()
    return OutputError(
        f"The batches cannot be written to '{target.name}': {reason}.",
        hint="nothing was left behind; check space and rights.",
    )


def publish(folder: Path, target: Path, *, overwrite: bool) -> list[str]:
    """Give the files their names, all of them; files of an earlier run go.

    A folder that is not there yet gets its name with everything in it. In one that is there, an
    error puts everything back as it was; a crash between two names leaves files of one run only,
    and without the page, which comes last.

    Returns:
        The names, the page's first.
    """
    names = sorted(path.name for path in folder.iterdir())
    for name in names:
        _sync(folder / name)
    if not target.exists():
        sync_folder(folder)
        folder.rename(target)
        sync_folder(target.parent)
        return names
    with contextlib.ExitStack() as undo:
        aside = folder / "earlier"
        aside.mkdir()
        for old in _refuse_earlier(target, overwrite=overwrite):
            _move(old, aside / old.name, undo)
        for name in reversed(names):
            _move(folder / name, target / name, undo)
        sync_folder(target)
        undo.pop_all()
    return names


def _move(path: Path, to: Path, undo: contextlib.ExitStack) -> None:
    path.rename(to)
    undo.callback(to.rename, path)


def _sync(path: Path) -> None:
    path.chmod(0o600)
    with path.open("rb") as file:
        os.fsync(file.fileno())
