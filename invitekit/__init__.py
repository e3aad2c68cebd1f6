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
    from invitekit.resend import ResendRules, plan_resends
    from invitekit.sample import write_sample
    from invitekit.workspace import Workspace, compare

__all__ = [
    "Filter",
    "InvitekitError",
    "LeakError",
    "Loaded",
    "ResendRules",
    "Workspace",
    "annotate",
    "compare",
    "export",
    "load",
    "plan_resends",
    "read_catalogue",
    "where",
    "write_batches",
    "write_sample",
]

sys.modules[__name__].__class__ = Package
