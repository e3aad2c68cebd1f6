"""Why did the invitation fail, and whom to invite again: records of invited customers, explained."""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from invitekit.annotate import annotate
    from invitekit.catalogue import read_catalogue
    from invitekit.errors import InvitekitError
    from invitekit.load import Loaded, load
    from invitekit.sample import write_sample

__all__ = ["InvitekitError", "Loaded", "annotate", "load", "read_catalogue", "write_sample"]


class _Public:
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


class _Package(ModuleType):
    """The package with its public names; heavy libraries load with the room that uses them."""

    InvitekitError = _Public("errors")
    Loaded = _Public("load")
    annotate = _Public("annotate")
    load = _Public("load")
    read_catalogue = _Public("catalogue")
    write_sample = _Public("sample")


sys.modules[__name__].__class__ = _Package
