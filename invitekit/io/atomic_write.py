"""Write a file or a folder whole or not at all: fill a private folder beside the target, sync it, then rename."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

from invitekit.engine.scratch_dirs import owner_tag, remove_abandoned
from invitekit.errors import OutputError, check_path_type
from invitekit.i18n import _

POSIX_MODES = os.name == "posix"
"""Whether files have POSIX modes; on Windows a file inherits the rights of its folder."""
PART = ".part"
"""The ending of the name of a private folder beside a target."""
SHOWN_NAME = 40
"""Characters of a name that its private folder and messages show."""
NOT_WRITTEN_HINT = _("nothing was left behind; check space and rights, and close it in other programs.")
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)
_NO_MODES = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)
_NOT_ON_WINDOWS = re.compile(
    r'[<>:"/\\|?*\x00-\x1f]|[. ]$|^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])\s*(?:\.|$)', re.IGNORECASE
)


_REASONS = {str(reason): reason for reason in (
    _("no space left on device"), _("disk quota exceeded"), _("permission denied"), _("operation not permitted"),
    _("read-only file system"), _("file name too long"), _("file too large"), _("is a directory"),
    _("not a directory"), _("no such file or directory"), _("file exists"), _("input/output error"),
    _("device or resource busy"), _("too many open files"), _("too many levels of symbolic links"),
)}  # fmt: skip
"""Error texts of operating systems, for translation."""


def os_reason(error: BaseException) -> str:
    """Return the text of an operating system error, which DuckDB quotes; Windows has it in the user's language."""
    if number := getattr(error, "errno", None):
        reason = os.strerror(number).lower()
        return _REASONS.get(reason, reason)
    quoted = str(error).lower()
    return next((reason for text, reason in _REASONS.items() if quoted.endswith(text)), _("the disk refused it"))


def name_problem(path: Path) -> str | None:
    """Return why a file cannot have this name (too long, reserved by Windows); None if it can."""
    if not POSIX_MODES and not windows_allows(path.name):
        return _("Windows does not allow this name")
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return os_reason(error)
    except ValueError:
        return _("it is not a valid name")
    return None


def windows_allows(name: str) -> bool:
    """Return whether Windows allows a file name: not a device (CON), without colons, and no dot or space at its end."""
    return _NOT_ON_WINDOWS.search(name) is None


def check_target(
    path: str | os.PathLike[str], *, extensions: Collection[str], overwrite: bool, sources: Iterable[Path] = ()
) -> Path:
    """Check that a file can be written before its content is computed; it must not be one of the ``sources`` to read.

    Raises:
        OutputError: The extension is unknown, the folder is missing or read-only, or the file exists or is a source.
    """
    check_path_type(path)
    target = Path(path)
    if target.suffix.lower() not in extensions:
        raise OutputError(
            _("'{name}' has no extension that can be written here.", name=target.name),
            hint=_("use one of {known}.", known=" ".join(extensions)),
        )
    if problem := name_problem(target):
        shown = target.name if len(target.name) <= SHOWN_NAME else f"{target.name[:SHOWN_NAME]}..."
        raise OutputError(
            _("'{name}' cannot be written: {reason}.", name=shown, reason=problem), hint=_("name another file.")
        )
    if any(_is_same(target, source) for source in sources):
        raise OutputError(_("'{name}' is a source of this very run.", name=target.name), hint=_("name another file."))
    if not target.parent.is_dir():
        raise OutputError(_("The folder of '{name}' does not exist.", name=target.name), hint=_("create it first."))
    if target.is_dir():
        raise OutputError(_("'{name}' is a folder.", name=target.name), hint=_("name a file in it."))
    if os.path.lexists(target) and not overwrite:
        raise OutputError(
            _("'{name}' exists already.", name=target.name), hint=_("use --overwrite (overwrite=True) to replace it.")
        )
    if not os.access(target.parent, os.W_OK):
        raise OutputError(
            _("The folder of '{name}' cannot be written to.", name=target.name), hint=_("check its permissions.")
        )
    return target


def _is_same(target: Path, source: Path) -> bool:
    try:
        return target.samefile(source)
    except (OSError, ValueError):
        return False  # one of them does not exist; reading it will report that


def write_file(target: Path, fill: Callable[[Path], object], *, overwrite: bool) -> Path:
    """Write a file whole or not at all, readable by its owner only; ``fill`` writes it to the path that it gets.

    Raises:
        OutputError: The disk does not allow it, or another process has created the file.
    """
    try:
        with private_dir(target.parent, target.name) as folder:
            part = folder / target.name
            fill(part)
            publish(part, target, overwrite=overwrite)
    except OSError as error:
        raise not_written(target, error) from None
    return target


def not_written(target: Path, error: BaseException) -> OutputError:
    """Return the error for a file that cannot be written."""
    return OutputError(
        _("'{name}' cannot be written: {reason}.", name=target.name, reason=os_reason(error)), hint=NOT_WRITTEN_HINT
    )


@contextlib.contextmanager
def private_dir(parent: Path, name: str) -> Iterator[Path]:
    """Create a private folder in the target's folder, on the same disk; it is removed afterwards.

    Folders of dead processes are removed first, and the log reports it. The target's name begins that of the folder.
    """
    if remove_abandoned(parent, ".", PART):
        # Log messages are shown both in a terminal and in a notebook.
        message = _("An earlier run was killed before it had written its files; what it left here is removed.")
        logging.getLogger("invitekit").warning("%s", message)
    # The name is cut, because it may have the maximum length already.
    folder = tempfile.mkdtemp(prefix=f".{name[:SHOWN_NAME]}{owner_tag()}", suffix=PART, dir=parent)
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(part: Path, target: Path, *, overwrite: bool) -> None:
    """Make a finished file private, sync it and rename it to its target; sync the folder if the system can.

    Raises:
        OutputError: Another process has created a file of that name.
    """
    if overwrite:
        _finish(part)
        _rename(part.replace, target)
        sync_folder(target.parent)
        return
    try:
        publish_new(part, target)
    except FileExistsError:
        raise OutputError(
            _("'{name}' appeared meanwhile.", name=target.name), hint=_("use --overwrite, or name another.")
        ) from None


def publish_new(part: Path, target: Path) -> None:
    """Publish a finished file under a new name; raise a ``FileExistsError`` if the name exists.

    With hard links this is atomic. Without them, on POSIX, a file that is created at the same moment may be replaced.
    """
    _finish(part)
    try:
        os.link(part, target)
    except (OSError, NotImplementedError):  # the name is taken, or the disk has no hard links
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        _rename(part.rename, target)  # on Windows, it fails if the name is taken
    else:
        with contextlib.suppress(OSError):  # a scanner may have it open; the private folder is removed later anyway
            part.unlink()
    sync_folder(target.parent)


def publish_folder(folder: Path, target: Path, *, replaced: Sequence[Path] = ()) -> list[str]:
    """Move all files of a private folder into the target folder, or none of them; return their names, sorted.

    A new target is created by one rename. In an existing one, where files of an earlier run are ``replaced``, an error
    restores the old files. The first file is moved last: after a crash in between, the folder has files of one run
    only, without the first one.
    """
    names = sorted(path.name for path in folder.iterdir())
    for name in names:
        _finish(folder / name)
    if not target.exists():
        sync_folder(folder)
        _rename(folder.rename, target)
        sync_folder(target.parent)
        return names
    with contextlib.ExitStack() as undo:
        aside = folder / "earlier"
        aside.mkdir()
        for old in replaced:
            _move(old, aside / old.name, undo)
        for name in reversed(names):
            _move(folder / name, target / name, undo)
        sync_folder(target)
        undo.pop_all()
    return names


def _move(path: Path, to: Path, undo: contextlib.ExitStack) -> None:
    _rename(path.rename, to)
    undo.callback(_rename, to.rename, path)


def _rename(rename: Callable[[Path], object], to: Path) -> None:
    """Rename a file; on Windows, retry for a second while a virus scanner or an indexer has the new file open."""
    for _attempt in range(0 if POSIX_MODES else 10):
        try:
            rename(to)
        except PermissionError:
            time.sleep(0.1)
        else:
            return
    rename(to)


def _finish(part: Path) -> None:
    make_private(part)
    with part.open("r+b") as file:  # Windows syncs only what is open for writing
        try:
            os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in _NO_SYNC:
                raise


def make_private(file: Path) -> None:
    """Make a file readable by its owner only; Windows and some shared folders have no modes."""
    if POSIX_MODES:
        try:
            file.chmod(0o600)
        except OSError as error:
            if error.errno not in _NO_MODES:
                raise


def sync_folder(path: Path) -> None:
    """Sync a folder so that its names survive a crash; Windows and some shares cannot."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
