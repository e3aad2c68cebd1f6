"""Write the definitions that Python and the browser share as TypeScript: ``write_protocol.py FILE``.

These are the messages of ``invitekit.widgets.protocol``, the names of all texts, the decisions of each list of
customers, and the file types that are read.
"""

from __future__ import annotations

import builtins
import json
import sys
import types
import typing
from pathlib import Path
from typing import Any, Literal, NotRequired

from invitekit.ingest.containers import PACKED
from invitekit.ingest.discover import FORMATS
from invitekit.model.vocabularies import DECISIONS_OF
from invitekit.widgets import protocol
from invitekit.widgets.export_payloads import words as export_words
from invitekit.widgets.payloads import words

PLAIN = {str: "string", int: "number", bool: "boolean", None: "null", type(None): "null", Any: "unknown"}
WORDS = {"Word": words("en"), "ExportWord": export_words("en")}


def typescript() -> str:
    """Return all definitions as TypeScript."""
    parts = ["// Written by frontend/write_protocol.py from invitekit/widgets/protocol.py: change it there."]
    messages = {id(value): name for name, value in vars(protocol).items() if typing.is_typeddict(value)}
    for name, value in vars(protocol).items():
        if typing.is_typeddict(value):
            parts.append(_interface(name, value, messages))
        elif name.endswith(("Request", "Response")):
            parts.append(f"export type {name} = {_written(value, messages)};")
    for name, texts in WORDS.items():
        known = sorted(word for word, text in texts.items() if isinstance(text, str))
        parts.append(f"export type {name} = {' | '.join(map(_quoted, known))};")
    parts.append(f"/** The decisions of each list of customers. */\nexport const LISTS = {json.dumps(DECISIONS_OF)};")
    parts.append(f"/** The files that can be opened. */\nexport const FILE_TYPES = {json.dumps([*FORMATS, *PACKED])};")
    return "\n\n".join(parts) + "\n"


def _interface(name: str, message: Any, messages: dict[int, str]) -> str:
    fields = typing.get_type_hints(message, include_extras=True)
    lines = []
    for field, kind in sorted(fields.items(), key=lambda item: item[0] != "type"):
        optional = typing.get_origin(kind) is NotRequired
        value = typing.get_args(kind)[0] if optional else kind
        lines.append(f"  {field}{'?' * optional}: {_written(value, messages)};")
    return "\n".join([f"/** {message.__doc__} */", f"export interface {name} {{", *lines, "}"])


def _written(kind: Any, messages: dict[int, str]) -> str:
    if id(kind) in messages:
        return messages[id(kind)]
    if kind in PLAIN:
        return PLAIN[kind]
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    parts = args if origin is Literal else [_written(arg, messages) for arg in args]
    match origin:
        case types.UnionType | typing.Union:
            text = " | ".join(parts)
        case typing.Literal:
            text = " | ".join(map(_quoted, parts))
        case builtins.list:
            text = f"({parts[0]})[]" if " | " in parts[0] else f"{parts[0]}[]"
        case builtins.tuple:
            text = f"[{', '.join(parts)}]"
        case builtins.dict:
            text = f"Record<{parts[0]}, {parts[1]}>"
        case _:
            raise TypeError(kind)
    return text


def _quoted(text: str) -> str:
    return f'"{text}"'


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(typescript(), "utf-8")
