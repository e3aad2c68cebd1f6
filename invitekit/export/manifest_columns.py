"""Convert a rule to the description of a column in a manifest, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Literal, cast

from msgspec import Struct, field

from invitekit.export.counts import COUNTS
from invitekit.model import schema
from invitekit.privacy import FirstOf, Flag, Form, Range, Rule, Text, Token, Words
from invitekit.privacy.disclosure import STEP
from invitekit.privacy.policy import make_row
from invitekit.privacy.policy_file import HOWS

_FORMS: Mapping[type[Form], Literal["words", "token", "range", "date", "flag", "text"]] = {
    Words: "words", Token: "token", Range: "range", FirstOf: "date", Flag: "flag", Text: "text",
}  # fmt: skip
_EXPORT_ONLY = (("remarks", "keep", "scrubbed"), *(("", "count", name) for name in COUNTS))
"""Rules of an export that a policy file cannot have."""


class Column(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The action on a column, and its type.

    Attributes:
        source: The column of the records; ``from`` in the file.
        action, how: The action and its variant.
        form: The kind of its type.
        values: The words from a policy file; None for built-in sets, and for words that were chosen from the records.
        prefix, least, most, whole, step, unit: The attributes of ``Token``, ``Range`` and ``FirstOf``.
    """

    source: str = field(name="from")
    action: str
    how: str
    form: Literal["words", "token", "range", "date", "flag", "text"]
    values: tuple[str, ...] | None = None
    prefix: str | None = None
    least: int | float | None = None
    most: int | float | None = None
    whole: bool | None = None
    step: int | None = None
    unit: str | None = None


def describe(row: Rule) -> Column:
    """Describe a rule; with its words only if they are from a policy file."""
    own = make_row(row.column, row.action, row.how).form if row.column in schema.BY_NAME else None
    form = cast("Form", row.form)  # only a dropped column has no form
    details = asdict(form)
    if isinstance(form, Words):
        is_listed = not form.open and form != own
        details = {"values": tuple(sorted(form.values))} if is_listed else {}
    return Column(source=row.column, action=row.action, how=row.how, form=_FORMS[type(form)], **details)


def row_of(name: str, column: Column) -> Rule:
    """Return the rule of a description; words that were chosen from the records are not checked again.

    Raises:
        ValueError: The description is invalid.
        LookupError: There is no such column or action.
        TypeError: A range lacks a number.
    """
    row = Rule(column.source, column.action, column.how, name, _form(column))
    is_known = (row.column, row.action, row.how) in _EXPORT_ONLY or row.how in (HOWS[row.action] or ("",))
    if not is_known or describe(row) != column:
        raise ValueError(name)
    return replace(row, form=Text()) if row.how == "top" else row


def _form(column: Column) -> Form | None:
    """Return the type of a column: from the description for kept and counted ones, else from the policy."""
    if column.how == "scrubbed":
        return Text()
    if column.action == "keep" and column.values is not None:
        return Words(frozenset(column.values))
    if column.action in ("keep", "count") and column.form == "range":
        span = Range(column.least, column.most, whole=column.whole, step=column.step)  # type: ignore[arg-type]
        # Counts are always rounded.
        step = STEP if column.action == "count" else 1
        if span.step != step or (step > 1 and span.least < step) or span.least > span.most:
            raise ValueError(column.source)
        return span
    return make_row(column.source, column.action, column.how).form
