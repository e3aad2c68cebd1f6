"""Map each header of a source to a column of the schema; a header that maps to none is an extra column."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest

from invitekit.errors import Choice, SchemaError
from invitekit.i18n import Message, _
from invitekit.ingest.header_words import heading
from invitekit.io.spreadsheet_escape import unescape_header
from invitekit.model import schema
from invitekit.model.private_text import MAY_IDENTIFY

IDENTIFYING = (
    "record_id", "portal_customer_id", "account_name", "email", "customer_full_name", "customer_name", "mobile",
)  # fmt: skip
"""Columns that identify customers: each source and each row needs one of them."""
_IDS = ("record_id", "portal_customer_id")
"""Columns of IDs: a column that only numbers the rows is not an ID."""
IN_FILE = " (in file)"
"""Added to the name of an extra column if the package uses that name."""
_INTERNAL = "_ik_"
_DUCKDB_NAMES = ("rowid",)
_DATA = re.compile(r"@|\d{5,}|[^\s*]\*{2,}|^[\d\s./:+-]*\d[\d\s./:+-]*$")
"""An address, a number, a date or a masked value, which is never a header."""
_DAY = re.compile(r"20\d\d[-/.年]\s?\d{1,2}[-/.月]|\d{1,2}[-/. ]\s?(?:\d{1,2}|[^\W\d]{3,9})[-/., ]\s?20\d\d")
"""How a cell with a date begins."""
_SURE = 2
"""A row with this many known headers or more is certainly the header; words such as a status do not count."""
_LONG_ID, _MIN_SERIES = 10, 3
"""Digits of a number that is too long for a row number, and the fewest numbers of a series."""
_MAX_SHOWN, _MAX_SUGGESTED = 24, 3
_MAX_HEADER = 200
"""The most characters of a header."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """The user's header mapping and encoding, and the required column."""

    columns: Mapping[str, str]
    encoding: str | None = None
    required: str = "status"


@dataclass(frozen=True, slots=True)
class Headers:
    """The meaning of the headers of one source, by position.

    Attributes:
        names: The headers of the source, blank ones included, then one for the second part of each joined column.
        canonical: The schema column, by position.
        extra: The name of an extra column, by position.
        zones: The time zone that a header states, by column.
        second_parts: The position of the joined column, by the position of its second part.
        notes: Sentences on headers that a user should check.
    """

    names: tuple[str, ...]
    canonical: Mapping[int, str]
    extra: Mapping[int, str]
    zones: Mapping[str, str] = field(default_factory=dict)
    second_parts: Mapping[int, int] = field(default_factory=dict)
    notes: tuple[Message, ...] = ()


def how_to_choose(name: str, header: str) -> Message:
    """Return the argument and the option that choose the header of a column."""
    return _("columns={{{name!r}: {header!r}}}, or --column '{name}={header}'", name=name, header=header)


Cells = Callable[[int], Sequence[str]]
"""Returns the first filled cells of a column by its position; they decide the meaning of ambiguous headers."""


def map_headers(
    names: Sequence[str],
    columns: Mapping[str, str] | None = None,
    cells: Cells | None = None,
    known: Callable[[str, str], bool] | None = None,
) -> Headers:
    """Map headers to schema columns; of several headers for one column, the most exact one counts.

    Args:
        names: The headers of the source, in order.
        columns: The user's mapping, canonical name to header; a header that this source lacks is ignored here.
        cells: The first cells of a column; without them, an ambiguous header is an extra column.
        known: Whether the text of a cell is a known word or message of a column.

    Raises:
        SchemaError: Two headers mean the same column equally exactly.
    """
    chosen = _chosen(names, columns or {})
    own_file = "failure_code" in names
    canonical, notes = dict(chosen), list[Message]()
    candidates: dict[str, list[tuple[int, int]]] = {}
    headings = [heading(header) for header in names]
    in_one_line = [" ".join(header.split()) for header in names]
    for position, header in enumerate(names):
        for meaning in () if position in chosen else _meanings(header, own_file=own_file):
            if meaning.name not in chosen.values() and schema.BY_NAME[meaning.name].stage == "record":
                candidates.setdefault(meaning.name, []).append((meaning.exactness, position))
    for name, headers in candidates.items():
        fits = [
            (e, p)
            for e, p in sorted(headers)
            if p not in canonical and (e <= schema.LOOSE or (e == schema.BY_VALUES and _fits(name, p, cells, known)))
        ]
        if not fits:
            notes += [_maybe_note(in_one_line[p], name) for e, p in headers if e == schema.MAYBE]
            continue
        exactness, position = fits[0]
        if len(fits) > 1 and fits[1][0] == exactness:
            raise _two_columns(in_one_line, position, fits[1][1], name)
        if name in _IDS and cells is not None and counts_rows(cells(position)):
            notes.append(_counter_note(in_one_line[position], name))
            continue
        canonical[position] = name
        notes += [_less_exact_note(in_one_line[other], in_one_line[position], name) for _, other in fits[1:]]
    notes += _time_notes(in_one_line, canonical, candidates, cells)
    all_names, second_parts = list(names), {}
    for position, read in enumerate(headings):
        if read.joined and position not in canonical and not set(read.joined) & set(canonical.values()):
            second_parts[len(all_names)] = position
            canonical |= {position: read.joined[0], len(all_names): read.joined[1]}
            all_names.append(f"{names[position]}, second part")
    canonical = dict(sorted(canonical.items()))
    times = {column.name for column in schema.RECORD if column.kind == "time"}
    zones = {n: zone for p, n in canonical.items() if n in times and p < len(names) and (zone := headings[p].zone)}
    extra = _extras(names, canonical, own_file=own_file)
    return Headers(tuple(all_names), canonical, extra, zones, second_parts, tuple(notes))


def _meanings(header: str, *, own_file: bool) -> Sequence[schema.Meaning]:
    # "Cause" and "reason" mean the failure message, but are separate columns in files that invitekit wrote.
    if header in schema.BY_NAME and schema.BY_NAME[header].stage != "record" and not own_file:
        header = header.upper()
    return heading(header).meanings


def _time_notes(
    names: Sequence[str], canonical: Mapping[int, str], candidates: Collection[str], cells: Cells | None
) -> list[Message]:
    """Suggest extra columns that hold nothing but days if no header means the invitation time."""
    if cells is None or "invited_at" in (*canonical.values(), *candidates):
        return []
    texts = {header: cells(p) for p, header in enumerate(names) if p not in canonical}
    of_days = [header for header, days in texts.items() if days and all(map(_DAY.match, days))]
    return [_maybe_note(header, "invited_at") for header in of_days[:_MAX_SUGGESTED]]


def _fits(name: str, position: int, cells: Cells | None, known: Callable[[str, str], bool] | None) -> bool:
    """Return whether the cells of a column confirm a meaning of its header."""
    texts = cells(position) if cells is not None else ()
    if name == "email":
        return any("@" in text for text in texts)
    if name == "mobile":
        return any(re.search(r"\d{3}", text) for text in texts) and not any("@" in text for text in texts)
    if schema.BY_NAME[name].kind == "time":
        return any(re.search(r"\d[-/.年]\s*\d", text) for text in texts)
    return known is not None and any(known(name, text) for text in set(texts))


def counts_rows(texts: Sequence[str]) -> bool:
    """Return whether cells only number the rows: small whole numbers, or each one higher than the one before."""
    if not texts or not all(text.isdecimal() and len(text) < _LONG_ID for text in texts):
        return False
    numbers = [*map(int, texts)]
    if max(numbers) <= 2 * len(numbers) + 1:
        return True
    steps = {second - first for first, second in pairwise(numbers) if second > 1}
    return len(numbers) >= _MIN_SERIES and steps in ({1}, {-1})


def _counter_note(header: str, name: str) -> Message:
    return _(
        "'{header}' counts rows (1, 2, 3), which identifies no customer: it is kept as an extra column. "
        "If it is an ID: {how}.",
        header=header,
        how=how_to_choose(name, header),
    )


def _maybe_note(header: str, name: str) -> Message:
    return _(
        "no column holds the {what}. If '{header}' does: {how}.",
        what=schema.label_in_message(name, lower=True),
        header=header,
        how=how_to_choose(name, header),
    )


def _less_exact_note(header: str, exact: str, name: str) -> Message:
    what = schema.label_in_message(name, lower=True)
    return _("'{header}' is kept as an extra column: '{exact}' is the {what}.", header=header, exact=exact, what=what)


def _chosen(names: Sequence[str], columns: Mapping[str, str]) -> dict[int, str]:
    keys = [schema.header_key(header) for header in names] if columns else []
    chosen: dict[int, str] = {}
    for name, header in columns.items():
        if header in names:
            chosen[list(names).index(header)] = name
        elif (key := schema.header_key(header)) in keys:
            chosen[keys.index(key)] = name
    return chosen


def check_choice(columns: Mapping[str, str], sources: Sequence[Headers]) -> None:
    """Check the user's mapping: each name is a column of the schema, each header is in a source and chosen once.

    Raises:
        SchemaError: One of them is not.
    """
    known = [c.name for c in schema.RECORD if c.name not in schema.DERIVED]
    keys = {schema.header_key(header) for headers in sources for header in headers.names} if columns else set()
    for name, header in columns.items():
        same = [other for other in columns if schema.header_key(columns[other]) == schema.header_key(header)]
        if len(same) > 1:
            raise SchemaError(
                _("Your choice of columns maps {columns} to '{header}'.", columns=tuple(same), header=header),
                hint=_("map one header to one column: {how}.", how=how_to_choose(same[0], header)),
            )
        if name not in known:
            raise SchemaError(
                _("Your choice of columns names '{column}', which is not a column.", column=name),
                hint=_("known: {columns}.", columns=tuple(known)),
            )
        if schema.header_key(header) not in keys:
            names, found = (sources[0].names, show_headers(sources[0].names)) if sources else ((), _("nothing"))
            raise SchemaError(
                _(
                    "Your choice of columns maps {column} to '{header}', which no file has. Found: {found}.",
                    column=name,
                    header=header,
                    found=found,
                ),
                hint=_("use a header as the file spells it."),
                choice=Choice("column", "", names, (name,)),
            )


def _two_columns(names: Sequence[str], first: int, second: int, name: str) -> SchemaError:
    return SchemaError(
        _(
            "Two columns mean {column}: '{header}' (column {position}) and '{other}' (column {other_position}).",
            column=name,
            header=names[first],
            position=first + 1,
            other=names[second],
            other_position=second + 1,
        ),
        hint=_("remove one, or say which one counts: {how}.", how=how_to_choose(name, names[first])),
        choice=Choice("column", "", (names[first], names[second]), (name,)),
    )


def _extras(names: Sequence[str], canonical: Mapping[int, str], *, own_file: bool) -> dict[int, str]:
    # In a file that invitekit wrote, the columns of later steps are dropped, because they are computed again.
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
    return sum(1 for c in short if _is_known(c) or schema.header_key(c) in wanted)


def header_rows(rows: Sequence[Sequence[str]], position: int, columns: Mapping[str, str]) -> tuple[Sequence[str], int]:
    """Return the header of one or two rows, and the position of its last row.

    A header of two rows has merged cells: vertically, with an empty cell in one of the rows, or horizontally, where a
    word above belongs to several cells below. Or its second row repeats the first in another language. ``position`` is
    that of the row with the most known headers.
    """
    best, last, most = rows[position], position, header_score(rows[position], columns)
    for upper in (position - 1, position):
        if upper < 0 or upper + 1 >= len(rows) or (upper == position and _looks_like_data(rows[upper + 1])):
            continue
        cells = _merged(rows[upper], rows[upper + 1])
        if header_score(cells, columns) > most or (upper == position and _is_translation(rows[upper], rows[upper + 1])):
            best, last, most = cells, upper + 1, header_score(cells, columns)
    return best, last


def _merged(upper: Sequence[str], lower: Sequence[str]) -> list[str]:
    """Merge two rows to one header: the lower cell, with the word above it if only both together are known."""
    cells, group = [], ""
    for above, below in zip_longest(upper, lower, fillvalue=""):
        group = above.strip() or group
        both = f"{group} {below}".strip()
        if not any(map(str.isalnum, below)):
            cells.append(above)
        else:
            cells.append(both if not _is_known(below) and _is_known(both) else below)
    return cells


def _is_translation(upper: Sequence[str], lower: Sequence[str]) -> bool:
    """Return whether the second row is the first one in another language."""
    pairs = [pair for pair in zip_longest(upper, lower, fillvalue="") if pair[1].strip()]
    same = [_is_known(above) and heading(above) == heading(below) and above != below for above, below in pairs]
    return len(same) >= _SURE and all(same)


def _columns_of(header: str) -> list[str]:
    """Return the columns that a header means without the user's choice."""
    return [meaning.name for meaning in heading(header).meanings if meaning.exactness < schema.MAYBE]


def _is_known(header: str) -> bool:
    return bool(heading(header).joined or _columns_of(header))


def has_column(required: str, names: Sequence[str], columns: Mapping[str, str]) -> bool:
    """Return whether one of the headers means the required column."""
    wanted = schema.header_key(columns.get(required, required))
    return any(schema.header_key(header) == wanted or required in _columns_of(header) for header in names)


def require_column(
    options: ReadOptions, names: Sequence[str], source: str, below: Sequence[Sequence[str]] | None = None
) -> None:
    """Check that one of the headers means the required column; raise ``missing_column`` if none does."""
    if not has_column(options.required, names, options.columns):
        raise missing_column(options.required, source, names, below)


def require_identity(headers: Headers, source: str) -> None:
    """Check that a source has a column that identifies customers; raise a ``SchemaError`` if not."""
    if not set(IDENTIFYING) & set(headers.canonical.values()):
        raise SchemaError(
            _(
                "No column of '{name}' identifies the customers. Found: {found}.",
                name=source,
                found=show_headers(headers.names),
            ),
            hint=_("give one of these: {columns}.", columns=tuple(map(schema.label_in_message, IDENTIFYING))),
            choice=Choice("column", source, tuple(headers.names), IDENTIFYING),
        )


def missing_column(
    required: str, source: str, names: Sequence[str], below: Sequence[Sequence[str]] | None = None
) -> SchemaError:
    """Return the error for a source without a column; it lists the headers unless they may be personal data.

    ``names`` are the headers, or the row that is most like a header, and ``below`` the rows after it: None for a source
    whose headers are certain, such as Parquet.
    """
    known, are_headers = sum(map(_is_known, names)), _are_headers(names, below)
    found = _("{count} columns, none with a known header", count=len(names))
    if known:
        found = _("{count} columns, {columns} with a known header", count=len(names), columns=known)
    if are_headers:
        found = show_headers(names)
    what, example = schema.label_in_message(required, lower=True), _("Its header")
    hint = _("say which one is the {what}: {how}.", what=what, how=how_to_choose(required, example))
    columns = {column for name in names for column in _columns_of(name)}
    if required == "status" and "associated_at" in columns and "invited_at" not in columns:
        hint = _("a customer list of Customer Management is for 'invitekit reconcile'; else {hint}", hint=hint)
    return SchemaError(
        _("No column of '{name}' holds the {what}. Found: {found}.", name=source, what=what, found=found),
        hint=hint,
        choice=Choice("column", source, tuple(names) if are_headers else (), (required,)),
    )


def _are_headers(names: Sequence[str], below: Sequence[Sequence[str]] | None) -> bool:
    """Return whether a row is a header, in any language, and not a row of data."""
    if not any(name.strip() for name in names) or _looks_like_data(names):
        return False
    # A transposed table has its headers in the first column.
    first = [names[0], *(row[0] for row in below or () if row)]
    if sum(_is_known(name) and not _is_word(name) for name in first) >= _SURE:
        return False
    # A row of data may contain words that are also headers, beside names.
    known = sum(_is_known(name) and not _is_word(name) for name in names)
    sure = known >= _SURE or 2 * sum(map(_is_known, names)) >= len(names)
    return (
        sure
        or below is None
        or any(name.strip() and _DATA.search(cell) for row in below for name, cell in zip(names, row, strict=False))
    )


def _is_word(cell: str) -> bool:
    """Return whether a cell is a word of a code column, such as a status."""
    return any(schema.header_key(cell) in schema.vocabulary(column.name) for column in schema.RECORD if column.values)


def _looks_like_data(cells: Sequence[str]) -> bool:
    """Return whether a row is a row of data: an address, a number or a status is not a header."""
    if any(_DATA.search(cell) for cell in cells):
        return True
    known = sum(_is_known(cell) and not _is_word(cell) for cell in cells)
    words = [cell for cell in cells if _is_word(cell)]
    return known < _SURE and (len(words) >= _SURE or any(not _is_known(word) for word in words))


def show_headers(names: Sequence[str]) -> Message:
    """List headers for a message, without those that may be personal data."""
    safe = [h for h in names if h.strip() and not MAY_IDENTIFY.search(h) and len(h) < 60]
    shown = safe[:_MAX_SHOWN] + ["..."] * (len(safe) > _MAX_SHOWN)
    quoted = tuple(_("'{name}'", name=repr(name)[1:-1]) for name in shown)
    return _("{names}", names=quoted)
