"""Why did the invitation fail, and whom to invite again: records of invited customers, explained."""

import sys
from typing import TYPE_CHECKING

from invitekit.names import Package

if TYPE_CHECKING:
    from invitekit.annotate import annotate
    from invitekit.batch import write_batches
    from invitekit.catalogue import read_catalogue
    from invitekit.errors import InvitekitError, LeakError
    from invitekit.export import export
    from invitekit.filters import Filter, where
    from invitekit.load import Loaded, load
    from invitekit.progress import failure_trend, progress
    from invitekit.report import report
    from invitekit.resend import ResendRules, plan_resends
    from invitekit.sample import write_sample
    from invitekit.widgets import Explorer, ExportPanel, ResendPicker
    from invitekit.workspace import Workspace, compare

__all__ = [
    "Explorer",
    "ExportPanel",
    "Filter",
    "InvitekitError",
    "LeakError",
    "Loaded",
    "ResendPicker",
    "ResendRules",
    "Workspace",
    "annotate",
    "compare",
    "export",
    "failure_trend",
    "load",
    "plan_resends",
    "progress",
    "read_catalogue",
    "report",
    "where",
    "write_batches",
    "write_sample",
]

sys.modules[__name__].__class__ = Package
