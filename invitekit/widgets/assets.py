"""The scripts and style sheets of the screens: plain files, no network."""

from __future__ import annotations

from importlib.resources import files


def joined(*names: str) -> str:
    """Return files of this folder as one text: a screen's script is one module."""
    return "".join(files(__package__).joinpath(name).read_text("utf-8") for name in names)
