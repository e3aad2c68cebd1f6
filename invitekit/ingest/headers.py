"""Map each header of a source to a column of the schema; a header that maps to none is an extra column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from invitekit.errors import SchemaError
from invitekit.io.spreadsheet_escape import unescape_header
from invitekit.model import schema

IDENTIFYING = ("record_id", "account_name", "email", "customer_full_name", "customer_name", "mobile")
"""Columns that tell customers apart: a source needs one of them, and so does each row."""
IN_FILE = " (in file)"
"""Added to the name of an extra column that the package uses itself."""
_INTERNAL = "_ik_"
_DUCKDB_NAMES = ("rowid",)
_PRIVATE = re.compile(r"@|\d{5,}")
_ALSO_HEADERS = frozenset({"email"})
"""Words of a vocabulary that are headers first."""
_MAX_SHOWN = 24
_MAX_HEADER = 200
"""Characters; a longer cell is no header."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """The user's header mapping and encoding, and the column that a source must have."""

    columns: Mapping[str, str]
    encoding: str | None = None
    required: str = "status"


@dataclass(frozen=True, slots=True)
class Headers:
    """The meaning of the headers of one source, by position.

    Attributes:
        names: The headers as the source has them, blank ones included.
        canonical: The schema column of a position.
        extra: The name that an extra column is kept under, by position.
    """

    names: tuple[str, ...]
    canonical: Mapping[int, str]
    extra: Mapping[int, str]

    def position_of(self, name: str) -> int:
        """Return the position of a schema column that this source has."""
        return next(i for i, column in self.canonical.items() if column == name)


def how_to_choose(name: str, header: str) -> str:
    """Return how to choose the header of a column, in Python and on the command line."""
    return f"columns={{{name!r}: {header!r}}}, or --column '{name}={header}'"


def map_headers(names: Sequence[str], columns: Mapping[str, str] | None = None) -> Headers:
    """Map headers to schema columns.

    Args:
        names: The headers as the source has them, in order.
        columns: The user's choice, canonical name to header; a header that this source lacks is ignored here.

    Raises:
        SchemaError: Two headers mean the same column.
    """
    chosen = _chosen(names, columns or {})
    own_file = "failure_code" in names
    canonical: dict[int, str] = dict(chosen)
    position_of = {name: position for position, name in chosen.items()}
    for position, header in enumerate(names):
        name = _meaning(header, own_file=own_file)
        if position in chosen or name is None or name in chosen.values() or schema.BY_NAME[name].stage != "record":
            continue
        if name in position_of:
            raise _two_columns(names, position_of[name], position, name)
        canonical[position] = name
        position_of[name] = position
    return Headers(tuple(names), canonical, _extras(names, canonical, own_file=own_file))


def _meaning(header: str, *, own_file: bool) -> str | None:
    # "Cause" and "reason" are words for the message, and in our own files columns of their own.
    if header in schema.BY_NAME and schema.BY_NAME[header].stage != "record" and not own_file:
        header = header.upper()
    return schema.canonical_name(header)


def _chosen(names: Sequence[str], columns: Mapping[str, str]) -> dict[int, str]:
    keys = [schema.header_key(header) for header in names] if columns else []
    chosen: dict[int, str] = {}
    for name, header in columns.items():
        if header in names:
            chosen[list(names).index(header)] = name
        elif (key := schema.header_key(header)) in keys:
            chosen[keys.index(key)] = name
    return chosen


def check_choice(columns: Mapping[str, str], sources: Iterable[Headers]) -> None:
    """Check that the user's mapping names columns of the schema and headers of the sources.

    Raises:
        SchemaError: With the name that is unknown.
    """
    known = [c.name for c in schema.RECORD if c.name not in schema.DERIVED]
    every = list(sources)
    keys = {schema.header_key(header) for headers in every for header in headers.names} if columns else set()
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
        if schema.header_key(header) not in keys:
            shown = show_headers(every[0].names) if every else "nothing"
            raise SchemaError(
                f"Your choice of columns maps {name} to '{header}', which no file has. Found: {shown}.",
                hint="use a header as the file spells it.",
            )


def _two_columns(names: Sequence[str], first: int, second: int, name: str) -> SchemaError:
    return SchemaError(
        f"Two columns mean {name}: '{names[first]}' (column {first + 1}) and '{names[second]}' (column {second + 1}).",
        hint=f"remove one, or say which one counts: {how_to_choose(name, names[first])}.",
    )


def _extras(names: Sequence[str], canonical: Mapping[int, str], *, own_file: bool) -> dict[int, str]:
    # Columns that later steps add are dropped from our own files: they are computed again.
    recomputed = {c.name for c in schema.COLUMNS if c.stage != "record" and own_file and c.name in names}
    taken = {name.casefold() for name in canonical.values()} | (set(schema.BY_NAME) - recomputed)
    extra: dict[int, str] = {}
    last_number: dict[str, int] = {}
    for position, header in enumerate(names):
        if position in canonical:
            continue
        base = unescape_header(header.replace("\0", "").strip()) or f"column {position + 1}"
        folded = base.casefold()
        if (folded in taken and folded in schema.BY_NAME) or folded.startswith(_INTERNAL) or folded in _DUCKDB_NAMES:
            base += IN_FILE
        name, number = base, last_number.get(base.casefold(), 1)
        while name.casefold() in taken:
            number += 1
            name = f"{base} ({number})"
        last_number[base.casefold()] = number
        taken.add(name.casefold())
        extra[position] = name
    return extra


def header_score(cells: Sequence[str], columns: Mapping[str, str]) -> int:
    """Count the cells that name a column of the schema or of the user's mapping."""
    wanted = set(map(schema.header_key, columns.values()))
    short = (cell for cell in cells if cell and len(cell) <= _MAX_HEADER)
    return sum(1 for c in short if schema.canonical_name(c) or (wanted and schema.header_key(c) in wanted))


def has_column(required: str, names: Sequence[str], columns: Mapping[str, str]) -> bool:
    """Return whether one of the headers names a column."""
    wanted = schema.header_key(columns.get(required, required))
    return any(schema.canonical_name(h) == required or schema.header_key(h) == wanted for h in names)


def require_column(required: str, names: Sequence[str], columns: Mapping[str, str], source: str) -> None:
    """Check that one of the headers names the required column.

    Raises:
        SchemaError: None does; it shows the headers.
    """
    if not has_column(required, names, columns):
        raise missing_column(required, source, names)


def require_identity(headers: Headers, source: str) -> None:
    """Check that a source has a column that tells customers apart.

    Raises:
        SchemaError: It has none.
    """
    if not set(IDENTIFYING) & set(headers.canonical.values()):
        raise SchemaError(
            f"No column of '{source}' tells records apart.",
            hint="give one of these: " + ", ".join(schema.label(n) for n in IDENTIFYING) + ".",
        )


def missing_column(required: str, source: str, names: Sequence[str]) -> SchemaError:
    """Return the error for a source without a column; it shows the headers unless they may be a person's data."""
    known = sum(schema.canonical_name(h) is not None for h in names)
    shown = f"{len(names)} columns, {known or 'none'} with a known header"
    # A row of data may hold one word that is a header, too: its other words may be names.
    if names and 2 * known >= len(names) and not _looks_like_data(names):
        shown = show_headers(names)
    what = schema.label(required).lower()
    return SchemaError(
        f"No column of '{source}' holds the {what}. Found: {shown}.",
        hint=f"say which one does: {how_to_choose(required, 'Its header')}.",
    )


def _looks_like_data(names: Sequence[str]) -> bool:
    """Return whether a header row is a customer's row: an address, a number or a status is no header."""
    words = {key for column in schema.RECORD for key in schema.vocabulary(column.name)} - {""}
    return any(_PRIVATE.search(h) or schema.header_key(h) in words - _ALSO_HEADERS for h in names)


def show_headers(names: Sequence[str]) -> str:
    """List headers for a message, without those that could be a person's data."""
    safe = [h for h in names if h.strip() and not _PRIVATE.search(h) and len(h) < 60]
    return str(safe[:_MAX_SHOWN] + ["..."] * (len(safe) > _MAX_SHOWN))
