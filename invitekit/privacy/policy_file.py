"""A user's policy from a TOML file: rules for extra columns, and stricter rules for built-in ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from invitekit.errors import PolicyError
from invitekit.i18n import Message, _
from invitekit.io.toml_file import read_toml
from invitekit.model import schema
from invitekit.privacy.output_types import OTHER, Form, Range, Words
from invitekit.privacy.policy import FEWEST, LEVELS, Level, Policy, make_row, quotable, standard
from invitekit.privacy.policy_limits import STRICT

HOWS = {
    "drop": (),
    "mask": (),
    "pseudonymise": (),
    "generalise": ("month", "day", "days", "country", "top"),
    "keep": (),
    "derive": ("filled", "mailbox", "code"),
}
"""The actions of a policy file, and their variants."""
_FIELDS = {"name": str, "action": str, "how": str, "into": str, "values": list, "range": list}
_TOP = ("level", "fewest", "column")
_LEAST_FEWEST = 3


def read_policy(path: str | os.PathLike[str], level: str | None = None) -> Policy:
    """Read a policy file: the policy of the level, with the file's rules for its columns.

    All fields are optional: ``level``, ``fewest`` (customers of a cell or a frequent word, 10), and ``[[column]]``
    rows with ``name``, ``action`` (drop, mask, pseudonymise, generalise, keep, derive),
    ``how`` (generalise: month, day, days, country, top; derive: filled, mailbox, code), ``values`` or
    ``range`` for ``keep``, and ``into``, the name of the released column, of a-z, 0-9, _ and -.

    Columns that name people, and free text, are never kept. Of another column, up to fifty words of at most forty
    characters may be kept if none looks like a person's name or number. For values that many records share, use
    ``generalise top``, which requires enough customers for each word. Counts group by listed words only.

    Args:
        path: The file.
        level: The level. Default: that of the file, else ``pseudonymised``.

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
        raise PolicyError(
            _("{name}: fewest is not a number of at least {fewest}.", name=path.name, fewest=_LEAST_FEWEST),
            hint=_("write fewest = 10."),
        )
    rows, names = [], set[tuple[str, str]]()
    for number, row in enumerate(data.get("column", []), 1):
        for problem, hint in _problems(row):
            raise PolicyError(_in_row(path, row, number, problem), hint=hint)
        rule = make_row(row["name"], row["action"], row.get("how", ""), _form(row), row.get("into"))
        if (rule.column, rule.into) in names:
            raise PolicyError(_in_row(path, row, number, _("it is there twice")), hint=_("keep one."))
        names.add((rule.column, rule.into))
        rows.append(rule)
    try:
        return Policy(base.level, base.with_rows(rows).rows, fewest)
    except PolicyError as error:
        raise PolicyError(_("{name}: {reason}", name=path.name, reason=error.problem), hint=error.hint) from None


def _read(path: Path) -> dict[str, Any]:
    data = read_toml(path, '[[column]], name = "Deal"')
    strange = sorted(set(data) - set(_TOP))
    if strange:
        raise PolicyError(
            _("'{name}' sets {names}.", name=path.name, names=tuple(strange)),
            hint=_("use {known}.", known=_TOP),
        )
    rows = data.get("column", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PolicyError(
            _("{name} has a column that is not a table.", name=path.name), hint=_('begin every row with "[[column]]".')
        )
    return data


def _checked_level(level: object, path: Path) -> Level:
    for known in LEVELS:
        if level == known:
            return known
    raise PolicyError(_("{name}: there is no such level.", name=path.name), hint=_("use one of {known}.", known=LEVELS))


def _in_row(path: Path, row: dict[str, Any], number: int, problem: Message) -> Message:
    """Return what is wrong with a row; the column is named unless its name may be personal data."""
    column = row.get("name")
    shown = quotable(column) if isinstance(column, str) else ""
    if shown:
        return _(
            "{name}, row {number} ('{column}'): {problem}.",
            name=path.name, number=number, column=shown, problem=problem,
        )  # fmt: skip
    return _("{name}, row {number}: {problem}.", name=path.name, number=number, problem=problem)


def _problems(row: dict[str, Any]) -> Iterator[tuple[Message, Message]]:
    """Yield what is wrong and what to do; each check relies on the previous ones."""
    for field, value in row.items():
        if field not in _FIELDS:
            near = get_close_matches(field, _FIELDS, n=1, cutoff=0)[0]
            yield _("unknown field '{field}'", field=field), _("did you mean '{name}'?", name=near)
        elif type(value) is not _FIELDS[field]:
            hint = _("write a text in quotation marks.") if _FIELDS[field] is str else _("give a list.")
            yield _("field '{field}' has a wrong type", field=field), hint
    for field in ("name", "action"):
        if not row.get(field):
            yield _("field '{field}' is missing", field=field), _("add it.")
    if row["action"] not in HOWS:
        yield _("there is no action '{action}'", action=row["action"]), _("use one of {known}.", known=tuple(HOWS))
    ways = HOWS[row["action"]]
    if row.get("how", "") not in (ways or ("",)):
        hint = _("use one of {known}.", known=tuple(ways)) if ways else _("use none.")
        yield _("field 'how' does not fit the action"), hint
    yield from _kept(row)
    yield from _loosened(row)


def _kept(row: dict[str, Any]) -> Iterator[tuple[Message, Message]]:
    """Yield what is wrong with the values or the range of the action ``keep``."""
    both = [field for field in ("values", "range") if field in row]
    if row["action"] != "keep" and both:
        yield _("field '{field}' is for the action keep only", field=both[0]), _("leave it out.")
    if row["action"] == "keep" and len(both) != 1 and (row["name"] not in schema.BY_NAME or both):
        yield _("the action keep needs either values or a range"), _("give values = [...] or range = [least, most].")
    values = row.get("values", ["-"])
    if not values or not all(isinstance(value, str) and value.strip() for value in values):
        yield _("field 'values' is not a list of texts"), _('write values = ["gold", "silver"].')
    ends = row.get("range", [0, 1])
    if len(ends) != 2 or any(type(end) not in (int, float) for end in ends) or not ends[0] <= ends[1]:
        yield _("field 'range' is not a pair of numbers"), _("write range = [0, 100].")


def _loosened(row: dict[str, Any]) -> Iterator[tuple[Message, Message]]:
    column = schema.BY_NAME.get(row["name"])
    allowed = STRICT.get(column.privacy, ()) if column else ()
    words = f"{row['action']} {row.get('how', '')}".strip()
    if allowed and words not in allowed:
        yield _("this column identifies a customer"), _("it may be: {known}.", known=tuple(allowed))
    if column and not allowed and row["action"] == "keep" and "values" not in row and "range" not in row:
        known = standard("pseudonymised").actions(row["name"])
        if "keep" not in known:
            yield (
                _("this column has no finite set or range of its own"),
                _("give values = [...] or range = [least, most]."),
            )


def _form(row: dict[str, Any]) -> Form | None:
    if "values" in row:
        return Words(frozenset(row["values"]) | {OTHER})
    if "range" in row:
        least, most = row["range"]
        return Range(least, most, whole=isinstance(least, int) and isinstance(most, int))
    return None
