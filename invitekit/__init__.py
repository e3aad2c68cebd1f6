"""Why did the invitation fail, and whom to invite again: reads exports of invited customers."""

import importlib as _importlib
import sys as _sys
import types as _types
import typing as _typing

if _typing.TYPE_CHECKING:
    from invitekit.batches import write_batches as write_batches
    from invitekit.errors import InvitekitError as InvitekitError
    from invitekit.errors import LeakError as LeakError
    from invitekit.export import export as export
    from invitekit.ingest import Loaded as Loaded
    from invitekit.ingest import load as load
    from invitekit.metrics import failure_trend as failure_trend
    from invitekit.metrics import progress as progress
    from invitekit.model.annotate import annotate as annotate
    from invitekit.model.catalogue import read_catalogue as read_catalogue
    from invitekit.model.filters import Filter as Filter
    from invitekit.model.filters import where as where
    from invitekit.model.resolve import latest as latest
    from invitekit.model.resolve import resolve as resolve
    from invitekit.planning import ResendRules as ResendRules
    from invitekit.planning import plan_resends as plan_resends
    from invitekit.planning.customer_history import customer_history as customer_history
    from invitekit.report import report as report
    from invitekit.sample import write_sample as write_sample
    from invitekit.widgets.explorer import Explorer as Explorer
    from invitekit.widgets.export_panel import ExportPanel as ExportPanel
    from invitekit.widgets.picker import ResendPicker as ResendPicker
    from invitekit.workspace import Workspace as Workspace
    from invitekit.workspace import compare as compare

    __version__: str
else:

    def __getattr__(name):  # noqa: ANN001, ANN202 - hidden from type checkers, which would allow any name
        if name == "__version__":
            return _importlib.import_module("importlib.metadata").version("invitekit")
        if name not in _MODULES:
            raise AttributeError(f"module 'invitekit' has no attribute '{name}'")
        return getattr(_importlib.import_module(f"invitekit.{_MODULES[name]}"), name)


_MODULES = {
    "Explorer": "widgets.explorer",
    "ExportPanel": "widgets.export_panel",
    "Filter": "model.filters",
    "InvitekitError": "errors",
    "LeakError": "errors",
    "Loaded": "ingest",
    "ResendPicker": "widgets.picker",
    "ResendRules": "planning",
    "Workspace": "workspace",
    "annotate": "model.annotate",
    "compare": "workspace",
    "customer_history": "planning.customer_history",
    "export": "export",
    "failure_trend": "metrics",
    "latest": "model.resolve",
    "load": "ingest",
    "plan_resends": "planning",
    "progress": "metrics",
    "read_catalogue": "model.catalogue",
    "report": "report",
    "resolve": "model.resolve",
    "where": "model.filters",
    "write_batches": "batches",
    "write_sample": "sample",
}
"""The module of each public name, imported at the first use of the name, so that "import invitekit" is quick."""
__all__ = [*_MODULES]  # noqa: PLE0604 - the table's names


def __dir__() -> list[str]:
    return [*_MODULES, "__version__"]


class _Package(_types.ModuleType):
    def __setattr__(self, name: str, value: object) -> None:
        """Keep the function ``ik.export`` when Python imports the sub-package ``invitekit.export`` of the same name."""
        if name not in _MODULES or not isinstance(value, _types.ModuleType):
            super().__setattr__(name, value)


_sys.modules[__name__].__class__ = _Package
