"""Say what each header of a file means: a column of ours, or an extra one that is kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from invitekit.errors import SchemaError
from invitekit.io.spreadsheet_escape import unescape_header
from invitekit.model import schema

IN_FILE = " (in file)"
_INTERNAL = "_ik_"
"""What a spreadsheet-safe file puts before a header that would run as a formula."""
_DUCKDBS = ("rowid",)
"""Names that DuckDB gives a meaning of its own."""
_PRIVATE = re.compile(r"@|\d{5,}")
_ALSO_HEADERS = frozenset({"email"})
"""Words of a vocabulary that are headers first."""
_SHOWN = 24


@dataclass(frozen=True, slots=True)
class Headers:
    """What the headers of one file mean, by position.

    ``canonical`` maps the position to a schema column, ``extra`` to the name it is kept under.
    """

    found: tuple[str, ...]
    canonical: Mapping[int, str]
    extra: Mapping[int, str]

    def position_of(self, name: str) -> int:
        """The position of a schema column that this file has."""
        return next(i for i, column in self.canonical.items() if column == name)


def how_to_choose(name: str, header: str) -> str:
    """Say how to choose the header of a column, in Python and on the command line."""
    return f"columns={{{name!r}: {header!r}}}, or --column '{name}={header}'"


def map_headers(found: Sequence[str], columns: Mapping[str, str] | None = None) -> Headers:
    """Map a file's headers to schema columns; what means nothing to us is an extra column.

    Args:
        found: The headers as the file has them, in order; blank ones are allowed.
        columns: The user's own choice, canonical name to header; a header that this file
            does not have is left to the aliases.

    Raises:
        SchemaError: Two headers mean the same column.
    """
    chosen = _chosen(found, columns or {})
    own_file = "failure_code" in found
    canonical: dict[int, str] = dict(chosen)
    for position, header in enumerate(found):
        name = _meaning(header, own_file=own_file)
        if position in chosen or name is None or name in chosen.values():
            continue
        if schema.BY_NAME[name].stage == "record":
            _refuse_second(found, canonical, position, name)
            canonical[position] = name
    return Headers(tuple(found), canonical, _extras(found, canonical, own_file=own_file))


def _meaning(header: str, *, own_file: bool) -> str | None:
    # "Cause" and "reason" are words for the message, and our own words for what it means.
    if header in schema.BY_NAME and schema.BY_NAME[header].stage != "record" and not own_file:
        header = header.upper()
    return schema.canonical_name(header)


def _chosen(found: Sequence[str], columns: Mapping[str, str]) -> dict[int, str]:
    keys = [schema.header_key(header) for header in found]
    chosen: dict[int, str] = {}
    for name, header in columns.items():
        if header in found:
            chosen[list(found).index(header)] = name
        elif (key := schema.header_key(header)) in keys:
            chosen[keys.index(key)] = name
    return chosen


def check_choice(columns: Mapping[str, str], files: Iterable[Headers]) -> None:
    """Refuse a user's mapping that names no column of ours, or no header of any file.

    Raises:
        SchemaError: With the name that means nothing.
    """
    known = [c.name for c in schema.RECORD if c.name not in schema.DERIVED]
    every = list(files)
    for name, header in columns.items():
        same = [other for other in columns if schema.header_key(columns[other]) == schema.header_key(header)]
        if len(same) > 1:
            raise SchemaError(
                f"Your choice of columns maps {' and '.join(same)} to '{header}'.",
                hint=f"map one header to one column: {how_to_choose(same[0], header)}.",
            )
        if name not in known:
            raise SchemaError(
                f"Your choice of columns names '{name}', which is no column.", hint=f"known: {', '.join(known)}."
            )
        if not any(schema.header_key(header) in map(schema.header_key, h.found) for h in every):
            shown = show_headers(every[0].found) if every else "nothing"
            raise SchemaError(
                f"Your choice of columns maps {name} to '{header}', which no file has. Found: {shown}.",
                hint="use a header as the file spells it.",
            )


def _refuse_second(found: Sequence[str], canonical: Mapping[int, str], position: int, name: str) -> None:
    first = next((i for i, column in canonical.items() if column == name), None)
    if first is not None:
        raise SchemaError(
            f"Two columns mean {name}: '{found[first]}' (column {first + 1}) and "
            f"'{found[position]}' (column {position + 1}).",
            hint=f"remove one, or say which one counts: {how_to_choose(name, found[first])}.",
        )


def _extras(found: Sequence[str], canonical: Mapping[int, str], *, own_file: bool) -> dict[int, str]:
    # What later steps add is theirs to name; a file that they wrote gets it anew.
    anew = {c.name for c in schema.COLUMNS if c.stage != "record" and own_file and c.name in found}
    taken = {name.casefold() for name in canonical.values()} | (set(schema.BY_NAME) - anew)
    extra: dict[int, str] = {}
    for position, header in enumerate(found):
        if position in canonical:
            continue
        base = unescape_header(header.replace("\0", "").strip()) or f"column {position + 1}"
        folded = base.casefold()
        if (folded in taken and folded in schema.BY_NAME) or folded.startswith(_INTERNAL) or folded in _DUCKDBS:
            base += IN_FILE
        name, number = base, 2
        while name.casefold() in taken:
            name, number = f"{base} ({number})", number + 1
        taken.add(name.casefold())
        extra[position] = name
    return extra


def looks_like_data(found: Sequence[str]) -> bool:
    """Whether a row of would-be headers is a customer's: a contact, a number or a status is no header."""
    words = {key for column in schema.RECORD for key in schema.vocabulary(column.name)} - {""}
    return any(_PRIVATE.search(h) or schema.header_key(h) in words - _ALSO_HEADERS for h in found)


def show_headers(found: Sequence[str]) -> str:
    """List headers for a message; whatever could be a person's data is left out."""
    names = [h for h in found if h.strip() and not _PRIVATE.search(h) and len(h) < 60]
    shown = names[:_SHOWN] + ["..."] * (len(names) > _SHOWN)
    return str(shown)
