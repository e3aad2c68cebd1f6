"""The screen: look at records, understand them, choose whom to invite again, and hand them on."""

from __future__ import annotations

from importlib.util import find_spec

from invitekit.errors import ArgumentError

if find_spec("anywidget") is None:
    raise ArgumentError("anywidget is not installed, and the screens need it.", hint="install invitekit[lab].")

from invitekit.widgets.explorer import Explorer
from invitekit.widgets.export_panel import ExportPanel
from invitekit.widgets.grid import Grid
from invitekit.widgets.picker import ResendPicker
from invitekit.widgets.selection import Selection

__all__ = ["Explorer", "ExportPanel", "Grid", "ResendPicker", "Selection"]
