"""Create a workspace file, whole and private or not at all."""

from __future__ import annotations

import contextlib
from pathlib import Path

import duckdb

from invitekit.errors import WorkspaceError
from invitekit.io.atomic_write import os_reason, private_dir, publish_new
from invitekit.load.sql import run
from invitekit.workspace.migrations import migrate
from invitekit.workspace.transactions import private_files, transaction


def create(path: Path) -> None:
    """Create a workspace in a private folder beside its path, then give it its name: it is never seen half made.

    Raises:
        WorkspaceError: The folder or the disk does not allow it.
    """
    try:
        with private_dir(path.parent, path.name) as folder:
            part = folder / path.name
            with private_files(), duckdb.connect(str(part)) as con:
                with transaction(con):
                    migrate(con, 0)
                run(con, "checkpoint")  # what is only in the log would stay behind with the folder
            with contextlib.suppress(FileExistsError):  # another process was first: its file is as good
                publish_new(part, path)
    except (OSError, duckdb.Error) as error:
        problem = f"'{path.name}' cannot be made: {os_reason(error)}."
        raise WorkspaceError(problem, hint="check space and rights.") from None
