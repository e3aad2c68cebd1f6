"""What a policy of the user's own may not loosen: whoever writes one may only tell less of somebody than ours does."""

from __future__ import annotations

from collections.abc import Sequence

from invitekit import schema
from invitekit.privacy.actions import Row
from invitekit.privacy.forms import Range, Words

STRICT = {
    "identifier": ("drop", "mask", "pseudonymise", "derive filled", "derive mailbox"),
    "free_text": ("drop", "derive filled", "derive code", "keep scrubbed"),
}
"""What may happen to a column that names people, or where people write what they like."""
TELLS_WHEN = ("age_days",)
"""Attributes that tell a day, besides the times."""
WIDEST = 10_000
MOST_WORDS, LONGEST = 50, 40
"""Of a range, and of a finite set: more could be everybody's own."""
_ALWAYS = ("drop", "mask", "derive filled")
_NEVER_COUNTED = ("mask", "pseudonymise", "generalise day")


def problem(row: Row, usual: Sequence[Row], level: str) -> str | None:
    """Say what a row tells that it may not at a level; nothing if it is strict enough.

    Args:
        row: Of a policy.
        usual: The rows that ours has for that column at that level, and for counts at the one before.
        level: Of the policy.
    """
    if level == "aggregated" and row.words in _NEVER_COUNTED:
        return f"'{row.words}' is nothing to count by"
    if row in usual:
        return None
    column = schema.BY_NAME.get(row.column)
    if column and row.words not in _allowed(column, usual):
        return "this column tells who somebody is, or when: its own action or a stricter one"
    if column is None and row.words == "generalise day" and level != "masked":
        return "a day tells more than a month may"
    return _wide(row, usual)


def _allowed(column: schema.Column, usual: Sequence[Row]) -> Sequence[str]:
    """Give what may happen to a column of ours, in words."""
    if column.privacy in STRICT:
        return STRICT[column.privacy]
    own = {row.words for row in usual}
    if own & {"generalise day"}:
        own.add("generalise month")
    if column.privacy == "attribute" and column.kind != "time" and column.name not in TELLS_WHEN:
        own |= {"keep", "generalise top"}
    return (*_ALWAYS, *own)


def _wide(row: Row, usual: Sequence[Row]) -> str | None:
    """Say whether what is kept is more than few words or a small range."""
    if row.action != "keep" or row.form in [one.form for one in usual]:
        return None
    match row.form:
        case Range(least=least, most=most, whole=whole) if not whole or most - least > WIDEST:
            return f"a range has whole numbers, at most {WIDEST:,} wide"
        case Words(values=words) if len(words) > MOST_WORDS + 1 or any(len(word) > LONGEST for word in words):
            return f"a set has at most {MOST_WORDS} words of at most {LONGEST} signs"
        case _:
            return None
