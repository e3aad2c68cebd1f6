"""The notebooks and the made-up data that they read: packaged in the wheel, copied to a folder of the user."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

from invitekit.errors import OutputError
from invitekit.i18n import _
from invitekit.io.atomic_write import os_reason

_PACKAGED = "example_files"


def copy_examples(folder: Path) -> tuple[list[str], list[str]]:
    """Copy the notebooks and their data into a folder; a file that is there already is never replaced.

    Returns:
        The files that were missing, and those that are there with another content, by their paths inside the folder.

    Raises:
        OutputError: The folder cannot be written.
    """
    written, changed = [], []
    try:
        for name, content in _contents().items():
            target = folder / name
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
                written.append(name)
            elif target.read_bytes() != content:
                changed.append(name)
    except OSError as error:
        reason = os_reason(error)
        problem = _("The notebooks cannot be copied to '{name}': {reason}.", name=folder.name, reason=reason)
        raise OutputError(problem, hint=_("name another folder.")) from None
    return written, changed


def _contents() -> dict[str, bytes]:
    """Return each file by its path: from the installed package, or from the repository of an editable install."""
    package = Path(str(files("invitekit")))
    packaged = package / _PACKAGED
    if packaged.is_dir():
        paths = sorted(path for path in packaged.rglob("*") if path.is_file())
        return {path.relative_to(packaged).as_posix(): path.read_bytes() for path in paths}
    project = tomllib.loads((package.parent / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    start = f"invitekit/{_PACKAGED}/"
    return {target.removeprefix(start): (package.parent / source).read_bytes() for source, target in included.items()}
