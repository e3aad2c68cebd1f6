"""Saved views: filters, orders and columns with a name, in one private file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TypedDict

import msgspec
import platformdirs

from invitekit.errors import SourceError
from invitekit.i18n import _
from invitekit.io.atomic_write import not_written, write_file
from invitekit.widgets import protocol


class SavedView(TypedDict):
    """The fields of a saved view."""

    filter: protocol.Filter
    by: str | None
    down: bool
    every_row: bool
    grouped: bool
    two_lines: bool
    columns: list[str]


class SavedViews:
    """Named views in a JSON file that only its owner can read: a filter may name a customer.

    Args:
        screen: The class name of the screen; each screen has its own views, as its columns differ.
        path: The file; default: ``views.json`` in the user's settings folder. The first save creates it.
    """

    def __init__(self, screen: str, path: str | os.PathLike[str] | None = None) -> None:
        self._screen = screen
        self.path = Path(path) if path is not None else platformdirs.user_config_path("invitekit") / "views.json"

    def read(self) -> dict[str, SavedView]:
        """Return every view of the screen by its name.

        Raises:
            SourceError: The file cannot be read, or has other content.
        """
        return self._read_all().get(self._screen, {})

    def _read_all(self) -> dict[str, dict[str, SavedView]]:
        """Return the views of all screens."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=dict[str, dict[str, SavedView]])
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError):
            raise SourceError(
                _("'{name}' holds no saved views.", name=self.path.name), hint=_("move it away; views are saved anew.")
            ) from None

    def save(self, name: str, view: SavedView) -> None:
        """Save a view under a name, and replace an older one of that name.

        Raises:
            SourceError: The existing file cannot be read.
            OutputError: The file cannot be written.
        """
        every = self._read_all()
        every[self._screen] = every.get(self._screen, {}) | {name: view}
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise not_written(self.path, error) from None
        text = json.dumps(every, ensure_ascii=False, indent=1)
        write_file(self.path, lambda part: part.write_text(text, "utf-8"), overwrite=True)
