"""Why did the invitation fail, and whom to invite again: records of invited customers, explained."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from invitekit.annotate import annotate
    from invitekit.catalogue import read_catalogue
    from invitekit.errors import InvitekitError
    from invitekit.load import Loaded, load
    from invitekit.sample import write_sample

__all__ = ["InvitekitError", "Loaded", "annotate", "load", "read_catalogue", "write_sample"]

# Heavy libraries load with the room that uses them, so that "import invitekit" stays quick.
_ROOMS = {
    "InvitekitError": "errors",
    "Loaded": "load",
    "annotate": "annotate",
    "load": "load",
    "read_catalogue": "catalogue",
    "write_sample": "sample",
}


def __getattr__(name: str) -> Any:
    room = _ROOMS.get(name)
    if room is None:
        raise AttributeError(f"module 'invitekit' has no attribute '{name}'")
    return getattr(import_module(f"invitekit.{room}"), name)
