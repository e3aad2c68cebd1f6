"""A policy of the user's own, from a TOML file: rows for extra columns, stricter rows for ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from invitekit.errors import PolicyError
from invitekit.io.toml_file import read_toml
from invitekit.model import schema
from invitekit.privacy.output_types import OTHER, Form, Range, Words
from invitekit.privacy.policy import FEWEST, LEVELS, Level, Policy, make_row, shown, standard
from invitekit.privacy.policy_limits import STRICT

HOWS = {
    "drop": (),
    "mask": (),
    "pseudonymise": (),
    "generalise": ("month", "day", "days", "country", "top"),
    "keep": (),
    "derive": ("filled", "mailbox", "code"),
}
"""Each action that a file may name, and its ways."""
_FIELDS = {"name": str, "action": str, "how": str, "into": str, "values": list, "range": list}
_TOP = ("level", "fewest", "column")
_LEAST_FEWEST = 3


def read_policy(path: str | os.PathLike[str], level: str | None = None) -> Policy:
    """Read a policy file: the level's own policy, with the file's rows for the columns that it names.

    A file holds, all optional, ``level``, ``fewest`` (customers in a cell or behind a frequent word, 10) and
    ``[[column]]`` rows with ``name``, ``action`` (drop, mask, pseudonymise, generalise, keep, derive),
    ``how`` (generalise: month, day, days, country, top; derive: filled, mailbox, code), ``values`` or
    ``range`` for what is kept, and ``into``, another name in what is released, of a-z, 0-9, _ and -.

    What names people, or where people write what they like, is never kept. Of another column, up to fifty words of
    at most forty signs are, none of which looks like somebody's name or number; what your records share is better
    let out by ``generalise top``, which asks for enough customers behind each word. Counts are by listed words only.

    Args:
        path: The file.
        level: The level that is meant; else the file's, else ``pseudonymised``.

    Raises:
        SourceError: The file cannot be read.
        PolicyError: A row is wrong; the message names file, row and column.
    """
    path = Path(path)
    data = _read(path)
    chosen = level or data.get("level") or "pseudonymised"
    base = standard(_checked_level(chosen, path))
    fewest = data.get("fewest", FEWEST)
    if type(fewest) is not int or fewest < _LEAST_FEWEST:
        raise PolicyError(f"{path.name}: fewest is no number from {_LEAST_FEWEST} on.", hint="write fewest = 10.")
    rows, names = [], set[tuple[str, str]]()
    for number, row in enumerate(data.get("column", []), 1):
        for problem, hint in _problems(row):
            raise PolicyError(f"{path.name}, row {number}{_called(row, number)}: {problem}.", hint=hint)
        made = make_row(row["name"], row["action"], row.get("how", ""), _form(row), row.get("into"))
        if (made.column, made.into) in names:
            raise PolicyError(f"{path.name}, row {number}{_called(row, number)}: it stands twice.", hint="keep one.")
        names.add((made.column, made.into))
        rows.append(made)
    try:
        return Policy(base.level, base.with_rows(rows).rows, fewest)
    except PolicyError as error:
        raise PolicyError(f"{path.name}: {error.problem}", hint=error.hint) from None


def _read(path: Path) -> dict[str, Any]:
    data = read_toml(path, '[[column]], name = "Deal"')
    strange = sorted(set(data) - set(_TOP))
    if strange:
        raise PolicyError(f"{path.name} sets {', '.join(strange)}.", hint=f"use {', '.join(_TOP)}.")
    rows = data.get("column", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PolicyError(f"{path.name} has a column that is no row.", hint='begin every row with "[[column]]".')
    return data


def _checked_level(level: object, path: Path) -> Level:
    for known in LEVELS:
        if level == known:
            return known
    raise PolicyError(f"{path.name}: there is no such level.", hint=f"use one of {', '.join(LEVELS)}.")


def _called(row: dict[str, Any], number: int) -> str:
    """Return a row's column in brackets; nothing for a name that looks like a person's data."""
    name = row.get("name")
    return shown(name, number).removeprefix(f"column {number}") if isinstance(name, str) and name else ""


def _problems(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong and what to do; each check relies on those before it."""
    for field, value in row.items():
        if field not in _FIELDS:
            yield f"unknown field '{field}'", f"did you mean '{get_close_matches(field, _FIELDS, n=1, cutoff=0)[0]}'?"
        elif type(value) is not _FIELDS[field]:
            yield f"field '{field}' has a wrong type", f"give a {_FIELDS[field].__name__}."
    for field in ("name", "action"):
        if not row.get(field):
            yield f"field '{field}' is missing", "add it."
    if row["action"] not in HOWS:
        yield f"there is no action '{row['action']}'", f"use one of {', '.join(HOWS)}."
    ways = HOWS[row["action"]]
    if row.get("how", "") not in (ways or ("",)):
        yield "field 'how' fits not the action", f"use {'one of ' + ', '.join(ways) if ways else 'none'}."
    yield from _kept(row)
    yield from _loosened(row)


def _kept(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the finite set or the range of what is kept."""
    both = [field for field in ("values", "range") if field in row]
    if row["action"] != "keep" and both:
        yield f"field '{both[0]}' is for the action keep only", "leave it out."
    if row["action"] == "keep" and len(both) != 1 and (row["name"] not in schema.BY_NAME or both):
        yield "what is kept has no finite set or range, or both", "give values = [...] or range = [least, most]."
    values = row.get("values", ["-"])
    if not values or not all(isinstance(value, str) and value.strip() for value in values):
        yield "field 'values' is no list of texts", 'write values = ["gold", "silver"].'
    ends = row.get("range", [0, 1])
    if len(ends) != 2 or any(type(end) not in (int, float) for end in ends) or not ends[0] <= ends[1]:
        yield "field 'range' is no pair of numbers", "write range = [0, 100]."


def _loosened(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    column = schema.BY_NAME.get(row["name"])
    allowed = STRICT.get(column.privacy, ()) if column else ()
    words = f"{row['action']} {row.get('how', '')}".strip()
    if allowed and words not in allowed:
        yield "this column tells who somebody is", f"it may be: {', '.join(allowed)}."
    if column and not allowed and row["action"] == "keep" and "values" not in row and "range" not in row:
        known = standard("pseudonymised").actions(row["name"])
        if "keep" not in known:
            yield "this column has no finite set or range of its own", "give values = [...] or range = [least, most]."


def _form(row: dict[str, Any]) -> Form | None:
    if "values" in row:
        return Words(frozenset(row["values"]) | {OTHER})
    if "range" in row:
        least, most = row["range"]
        return Range(least, most, whole=isinstance(least, int) and isinstance(most, int))
    return None
