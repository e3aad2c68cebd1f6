"""What is believed of a manifest that is read: a file like any other, whose words end in the proof's questions."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from invitekit.export.checks import GATES
from invitekit.privacy import LEVELS, FirstOf, Flag, Form, Range, Row, Text, Token, Words
from invitekit.privacy.disclosure import STEP
from invitekit.privacy.policy import make_row
from invitekit.privacy.policy_file import HOWS

KINDS: Mapping[str, type[Form]] = {
    "words": Words, "token": Token, "range": Range, "date": FirstOf, "flag": Flag, "text": Text,
}  # fmt: skip
_SHA256 = re.compile(r"[0-9a-f]{64}")
_OWN = (("remarks", "keep", "scrubbed"), ("", "count", "records"), ("", "count", "customers"))
"""What an export does besides what a policy file may say."""


def check(told: Mapping[str, Any], name: str) -> None:
    """Refuse a manifest that says something else than an export writes.

    Args:
        told: The manifest as JSON has it.
        name: The name of the file beside it.

    Raises:
        ValueError: Something is not as an export writes it.
        KeyError: Something is missing.
    """
    for field, right in _RIGHT.items():
        if not right(told[field]):
            raise ValueError(field)
    if told["file"] != name:
        raise ValueError(name)
    if told["fewest"] is not None and not (told["level"] == "aggregated" and _count(told["fewest"])):
        raise ValueError(name)
    if told["signature"] is not None and told["key_id"] is None:
        raise ValueError(name)
    dt.datetime.fromisoformat(told["created_at"])
    for column, described in told["columns"].items():
        row_of(column, described)


def row_of(name: str, told: Mapping[str, Any]) -> Row:
    """Give the row of the policy that a description is of; words that the records chose are not looked at again.

    Raises:
        ValueError: It is none that an export writes.
        KeyError: Something is missing, or of no kind that there is.
    """
    column, action, how = told["from"], told["action"], told["how"]
    if not (_text(column) and _text(action) and _text(how)):
        raise ValueError(name)
    if (column, action, how) not in _OWN and how not in (HOWS[action] or ("",)):
        raise ValueError(how)
    return Row(column, action, how, name, _form(KINDS[told["form"]], Row(column, action, how), told))


def _form(kind: type[Form], row: Row, told: Mapping[str, Any]) -> Form:
    """Give the form of a column of ours as the policy has it, that of another one as it is told."""
    if row.how in ("top", "scrubbed"):
        return Text()
    if kind is Words and "values" in told:
        if not _list_of(_text)(told["values"]):
            raise ValueError(row.column)
        return Words(frozenset(told["values"]))
    if kind is Range and row.action in ("keep", "count"):
        return _range(told, STEP if row.action == "count" else 1)
    own = make_row(row.column, row.action, row.how).form
    if not isinstance(own, kind):
        raise ValueError(row.column)  # noqa: TRY004 - what a manifest says is no argument
    return own


def _range(told: Mapping[str, Any], step: int) -> Range:
    """Return a range; counts are rounded, whatever the manifest says."""
    least, most, whole = told["least"], told["most"], told["whole"]
    right = _number(least) and _number(most) and type(whole) is bool and least <= most
    if not (right and told["step"] == step and least >= (step if step > 1 else least)):
        raise ValueError(least)
    return Range(least, most, whole=whole, step=step)


def _text(value: object) -> bool:
    return isinstance(value, str)


def _count(value: object) -> bool:
    return type(value) is int and value >= 0


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _maybe_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def _list_of(right: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and all(map(right, value))


def _counts(value: object) -> bool:
    return isinstance(value, dict) and all(map(_count, value.values()))


_RIGHT: Mapping[str, Callable[[Any], bool]] = {
    "file": _text,
    "sha256": lambda value: _text(value) and bool(_SHA256.fullmatch(value)),
    "rows": _count,
    "level": lambda value: value in LEVELS,
    "key_id": _maybe_text,
    "purpose": _maybe_text,
    "filter": _maybe_text,
    "columns": lambda value: (
        isinstance(value, dict) and bool(value) and all(isinstance(v, dict) for v in value.values())
    ),
    "gates": _list_of(lambda gate: gate in GATES),
    "nulls": _counts,
    "emptied": _counts,
    "alike": _list_of(lambda one: isinstance(one, dict)),
    "remarks": lambda value: value in ("drop", "scrub"),
    "spreadsheet_safe": lambda value: type(value) is bool,
    "fewest": lambda value: value is None or _count(value),
    "signature": lambda value: value is None or (_text(value) and bool(_SHA256.fullmatch(value))),
    "created_at": _text,
    "invitekit": _text,
    "format": _count,
}
