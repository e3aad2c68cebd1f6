"""The limits of a user's policy: for identifying columns, it may only be as strict as the built-in one, or stricter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import polars as pl

from invitekit.i18n import Message, _
from invitekit.model import schema
from invitekit.model.private_text import MAY_IDENTIFY
from invitekit.privacy.actions import PLAIN, PLAIN_WORDS, Rule
from invitekit.privacy.output_types import OTHER, Range, Words
from invitekit.privacy.scrub import without_patterns
from invitekit.privacy.scrub.names import stopwords
from invitekit.privacy.scrub.normalise import fold
from invitekit.privacy.scrub.patterns import FREQUENT

STRICT = {
    "identifier": ("drop", "mask", "pseudonymise", "derive filled", "derive mailbox"),
    "free_text": ("drop", "derive filled", "derive code", "keep scrubbed"),
}
"""The allowed actions on columns that identify people, and on free text."""
REVEALS_DAY = ("age_days", "days_to_associate")
"""Columns that reveal a day, in addition to the times."""
WIDEST = 10_000
MOST_WORDS, LONGEST = 50, 40
"""The widest range, and the most and the longest words: with more, each customer could have a unique value."""
_NAME = re.compile(rf"[A-Z][^\W_]+(?:[ ,.'-]+[A-Z][^\W_]*)+|[{FREQUENT}]\w{{1,2}}")
"""The pattern of a name: capitalised words, or a frequent Chinese surname and one or two characters."""
_ALWAYS = ("drop", "mask", "derive filled")
_NEVER_COUNTED = ("mask", "pseudonymise", "generalise day", "generalise top")


def violation(row: Rule, usual: Sequence[Rule], level: str) -> Message | None:
    """Return why a rule reveals too much at a level, compared with the built-in rules; None if it is strict enough."""
    if level == "aggregated" and row.words in _NEVER_COUNTED:
        return _("'{action}' has no groups to count by: keep 'values' or a 'range'", action=row.words)
    if _has_free_name(row):
        return _("its new name is not a plain word ({form})", form=PLAIN_WORDS)
    if row in usual:
        return None
    column = schema.BY_NAME.get(row.column)
    if column and row.words not in _allowed(column, usual):
        return _("this column identifies a customer or a time: its own action or a stricter one")
    if column is None and row.words == "generalise day" and level != "masked":
        return _("a day reveals more than a month")
    return _wide(row, usual)


def _allowed(column: schema.Column, usual: Sequence[Rule]) -> Sequence[str]:
    """Return the allowed actions on a column of the schema as text."""
    if column.privacy in STRICT:
        return STRICT[column.privacy]
    own = {row.words for row in usual}
    if own & {"generalise day"}:
        own.add("generalise month")
    if column.privacy == "attribute" and column.kind != "time" and column.name not in REVEALS_DAY:
        own |= {"keep", "generalise top"}
    return (*_ALWAYS, *own)


def _wide(row: Rule, usual: Sequence[Rule]) -> Message | None:
    """Return why a rule keeps too much (many or long words, a wide range, names of people); else None."""
    if row.action != "keep" or row.form in [one.form for one in usual]:
        return None
    if isinstance(row.form, Words) and (count := _people(row.form.values)):
        return _(
            "{count} of the words to keep look like a person's name or number; use 'generalise top'",
            count=count,
        )
    match row.form:
        case Range(least=least, most=most, whole=whole) if not whole or most - least > WIDEST:
            return _("a range has whole numbers, at most {widest:,} wide", widest=WIDEST)
        case Words(values=words) if len(words) > MOST_WORDS + 1 or any(len(word) > LONGEST for word in words):
            return _(
                "at most {most} words of at most {longest} characters may be kept", most=MOST_WORDS, longest=LONGEST
            )
        case _:
            return None


def _has_free_name(row: Rule) -> bool:
    """Return whether the name of a released column is neither a plain word nor a safe header of the file."""
    if row.action == "drop" or PLAIN.fullmatch(row.into):
        return False
    return row.into != row.column or bool(MAY_IDENTIFY.search(row.into))


def _people(words: Iterable[str]) -> int:
    """Count the words that look like a person's name or number, by the scrubbing patterns, capitals or surname."""
    texts = pl.Series(sorted(set(words) - {OTHER}), dtype=pl.String)
    folded = fold(texts)
    matches = without_patterns(folded).ne_missing(folded)
    return sum(bool(is_match) or _is_name(word) for word, is_match in zip(folded, matches, strict=True))


def _is_name(word: str) -> bool:
    parts = re.findall(r"\w+", word.lower())
    return bool(_NAME.fullmatch(word)) and not stopwords() & {word, *parts}
