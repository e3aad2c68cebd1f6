"""A new workspace: whole and private, or not there."""

from __future__ import annotations

import errno
import shutil
import tempfile
from pathlib import Path

import duckdb

from invitekit.errors import WorkspaceError
from invitekit.load.sql import run
from invitekit.workspace.migrations import migrate
from invitekit.workspace.transactions import private_files, transaction

_NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)


def create(path: Path) -> None:
    """Make a workspace beside its place, then give it its name: no moment shows half of it.

    Raises:
        WorkspaceError: The folder or the disk does not allow it.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
        try:
            part = folder / path.name
            with private_files(), duckdb.connect(str(part)) as con:
                with transaction(con):
                    migrate(con, 0)
                run(con, "checkpoint")  # what stands in the log only would stay behind with the folder
            part.chmod(0o600)
            _publish(part, path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except (OSError, duckdb.Error) as error:
        reason = (getattr(error, "strerror", None) or "the disk refused it").lower()
        raise WorkspaceError(f"'{path.name}' cannot be made: {reason}.", hint="check space and rights.") from None


def _publish(part: Path, path: Path) -> None:
    try:
        path.hardlink_to(part)
    except FileExistsError:
        return  # another process was first: its file is as good
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        part.rename(path)
