"""The names of the report files, one for each account manager."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from invitekit.engine.text import fold
from invitekit.io.atomic_write import check_target, not_written
from invitekit.io.file_names import file_names

Spellings = tuple[str | None, ...]


def manager_files(managers: Iterable[str | None], folder: Path, *, overwrite: bool) -> dict[Spellings, Path]:
    """Return the file of each spelling of an account manager's name; create the folder if it is missing.

    Names that differ only in case, width or surrounding white space are one manager; None is no manager.

    Raises:
        OutputError: The folder cannot be created, or a file exists or cannot be written.
    """
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise not_written(folder, error) from None
    people: dict[str, list[str | None]] = {}
    for name in sorted(managers, key=lambda name: name or ""):
        people.setdefault(fold(name or ""), []).append(name)
    names = file_names((spellings[0] or "none" for spellings in people.values()), "report_")
    paths = [check_target(folder / f"{name}.html", extensions=[".html"], overwrite=overwrite) for name in names]
    return {tuple(spellings): path for spellings, path in zip(people.values(), paths, strict=True)}
