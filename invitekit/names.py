"""The public names, each loaded with its room at first use: "import invitekit" stays quick."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any


class _Name:
    """A public name that loads its room at first use, and stays when Python binds the room over it.

    Importing the room ``invitekit.load`` makes Python set the package's attribute ``load`` to the
    module; ``ik.load`` must stay the function.
    """

    def __init__(self, room: str) -> None:
        self.room = room

    def __set_name__(self, _owner: type, name: str) -> None:
        self.name = name

    def __get__(self, _package: ModuleType, _owner: type) -> Any:
        return getattr(import_module(f"invitekit.{self.room}"), self.name)

    def __set__(self, _package: ModuleType, _value: Any) -> None:
        """Leave the name as it is."""


class Package(ModuleType):
    """The package ``invitekit`` with its public names."""

    Explorer = _Name("widgets")
    ExportPanel = _Name("widgets")
    Filter = _Name("filters")
    InvitekitError = _Name("errors")
    LeakError = _Name("errors")
    Loaded = _Name("load")
    ResendPicker = _Name("widgets")
    ResendRules = _Name("resend")
    Workspace = _Name("workspace")
    annotate = _Name("annotate")
    compare = _Name("workspace")
    export = _Name("export")
    failure_trend = _Name("progress")
    load = _Name("load")
    plan_resends = _Name("resend")
    progress = _Name("progress")
    read_catalogue = _Name("catalogue")
    report = _Name("report")
    where = _Name("filters")
    write_batches = _Name("batch")
    write_sample = _Name("sample")
