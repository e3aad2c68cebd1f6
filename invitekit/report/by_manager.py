"""The files of a report for each account manager."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from invitekit.io.atomic_write import check_target, not_written

_ODD = re.compile(r"[^\w.-]+")
_LONGEST = 60
_EXTENSION = ".html"


def manager_files(managers: Iterable[str | None], folder: Path, *, overwrite: bool) -> dict[str | None, Path]:
    """Return the file of each account manager, in a folder that is made if it is missing.

    Args:
        managers: Their names; None for invitations without one.
        folder: Where the files go.
        overwrite: Replace files of these names.

    Raises:
        OutputError: The folder or the disk does not allow it, or there is such a file.
    """
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise not_written(folder, error) from None
    files: dict[str | None, Path] = {}
    taken: set[str] = set()
    for manager in sorted(managers, key=lambda name: (name is None, name)):
        name = stem = f"report_{_ODD.sub('_', manager or 'no_manager')[:_LONGEST]}"
        number = 1
        while name.casefold() in taken:  # some disks do not tell cases apart
            number += 1
            name = f"{stem}_{number}"
        taken.add(name.casefold())
        files[manager] = check_target(folder / f"{name}{_EXTENSION}", extensions=[_EXTENSION], overwrite=overwrite)
    return files
