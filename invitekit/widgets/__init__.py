"""The screen: look at records, understand them, choose whom to invite again, and hand them on."""

from __future__ import annotations

from invitekit.extras import require_extra

require_extra("lab", "The screens need", "anywidget", "ipywidgets")

from invitekit.widgets.explorer import Explorer
from invitekit.widgets.export_panel import ExportPanel
from invitekit.widgets.grid import Grid
from invitekit.widgets.picker import ResendPicker
from invitekit.widgets.selection import Selection

__all__ = ["Explorer", "ExportPanel", "Grid", "ResendPicker", "Selection"]
