"""Checks messages against the classes of ``invitekit.widgets.protocol``, which the browser's types are written from."""

import types
import typing
from typing import Any, Literal, NotRequired, Union

from invitekit.widgets import protocol
from invitekit.widgets.base import by_type

RESPONSES = {
    "Explorer": by_type(protocol.ExplorerResponse),
    "ResendPicker": by_type(protocol.PickerResponse),
    "ExportPanel": by_type(protocol.ExportResponse),
    "page": by_type(protocol.PageResponse),
}


def check_response(sender: str, message: dict[str, Any]) -> dict[str, Any]:
    """Check a message that a widget or the page sends; returns it."""
    check(message, RESPONSES[sender][message["type"]], f"{sender}.{message['type']}")
    return message


def check(value: Any, kind: Any, place: str) -> None:
    """Check that a value of a message is what its class says, with all of its fields and no other."""
    origin, args = typing.get_origin(kind) or kind, typing.get_args(kind)
    if typing.is_typeddict(kind):
        _check_fields(value, kind, place)
    elif origin is Literal:
        assert value in args, place
    elif origin in {Union, types.UnionType}:
        fits = [arg for arg in args if isinstance(value, _plain(arg))]
        assert fits, place
        check(value, fits[0], place)
    elif origin is not Any:
        assert isinstance(value, _plain(kind)), (place, type(value).__name__)
        assert origin is not tuple or len(value) == len(args), place
        each = value.values() if origin is dict else value if origin in {list, tuple} else ()
        for at, one in enumerate(each):
            check(one, args[at] if origin is tuple else args[-1], f"{place}[]")


def _check_fields(value: dict[str, Any], kind: Any, place: str) -> None:
    fields = typing.get_type_hints(kind, include_extras=True)
    required = {name for name, field in fields.items() if typing.get_origin(field) is not NotRequired}
    assert required <= value.keys() <= fields.keys(), (place, required ^ value.keys())
    hints = typing.get_type_hints(kind)
    for name, one in value.items():
        check(one, hints[name], f"{place}.{name}")


def _plain(kind: Any) -> Any:
    """Return the class of a type in JSON, where a tuple is a list."""
    if kind is None:
        return types.NoneType
    origin = typing.get_origin(kind) or kind
    return (list, tuple) if origin in {list, tuple} else dict if typing.is_typeddict(kind) else origin
