"""How far records can be told apart by what was released of them, in words that a person understands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from invitekit.engine.duckdb import ident
from invitekit.i18n import Language, _, ngettext, translate
from invitekit.model import schema
from invitekit.privacy import Row, Text, Token

SMALL = 5
"""Records of a group that is small."""
WATCHED = ("invited_at", "account_manager", "status")
"""What an outsider is likely to know of an invitation: when, by whom, and how it ended."""
OF_FAILURE = ("cause", "advice", "suggested_operation", "who_acts", "resend_rule")
"""What says no more than the failure's code."""
_WORDS = {"account_manager": _("manager"), "status": _("status")}
_DATED = {"month": _("month"), "day": _("day")}


@dataclass(frozen=True, slots=True)
class Unique:
    """How many records share what an outsider may know.

    Attributes:
        by: The released columns.
        words: What they are, as a message or the name of one; remarks, which are not counted, are named.
        records: All records.
        unique: Records that no other is like.
        small: Records in groups of fewer than ``SMALL``, the unique ones included.
        smallest: Records in the smallest group.
    """

    by: tuple[str, ...]
    words: str
    records: int
    unique: int
    small: int
    smallest: int

    def sentence(self, language: Language = "en") -> str:
        """Return it as a sentence."""
        sentence = ngettext(
            "{n:,} record is unique by {words}{share}; {small:,} share these values with fewer than {others} others.",
            "{n:,} records are unique by {words}{share}; {small:,} share these values with fewer than {others} others.",
            self.unique,
            words=self.words,
            share=f" ({self.unique / self.records:.1%})" if self.unique else "",
            small=self.small,
            others=SMALL - 1,
        )
        return translate(sentence, language)


def report(released: duckdb.DuckDBPyRelation, rows: Sequence[Row]) -> tuple[Unique, ...]:
    """Count who is alike by what an outsider is likely to know, and by all that may tell one apart.

    A token of a column of the user's own is counted unless it differs in every row: what many share tells who they are.
    """
    telling = [row for row in rows if not _says_nothing(row) or _is_shared(released, row)]
    texts = any(isinstance(row.form, Text) for row in rows)
    watched = [row for name in WATCHED for row in telling if row.column == name]
    sets = {tuple(row.into for row in some): some for some in (watched, telling) if some}
    return tuple(_counted(released, some, _named(some, texts=texts)) for some in sets.values())


def _is_shared(released: duckdb.DuckDBPyRelation, row: Row) -> bool:
    """Whether a token of an extra column is in several rows."""
    if row.column in schema.BY_NAME or not isinstance(row.form, Token):
        return False
    cell = ident(row.into)
    held, different = released.aggregate(f"count({cell}), count(distinct {cell})").fetchall()[0]
    return bool(different < held)


def _says_nothing(row: Row) -> bool:
    """Whether a column tells an outsider nothing more: a mask, a customer's token; no count is for free text."""
    customer = isinstance(row.form, Token) and row.column != "account_manager"
    return customer or isinstance(row.form, Text) or row.action == "mask" or row.column in OF_FAILURE


def _counted(released: duckdb.DuckDBPyRelation, rows: Sequence[Row], words: str) -> Unique:
    by = tuple(row.into for row in rows)
    # Grouped by a number of 64 bits, in a third of the time: two of ten million groups would share one in three of a
    # million exports.
    groups = released.aggregate("count(*) as n", f"hash({', '.join(map(ident, by))})")
    counts = groups.aggregate(
        f"coalesce(sum(n), 0)::bigint, count(*) filter (n = 1), "
        f"coalesce(sum(n) filter (n < {SMALL}), 0)::bigint, coalesce(min(n), 0)"
    )
    return Unique(by, words, *counts.fetchall()[0])


def _named(rows: Sequence[Row], *, texts: bool) -> str:
    """Return the counted columns in words: those that are watched as a phrase, others by their names."""
    if len(rows) > len(WATCHED):
        names = tuple(row.into for row in rows)
        if texts:
            return _("{n} columns (remarks, which may tell more, are not counted): {names}", n=len(rows), names=names)
        return _("{n} columns: {names}", n=len(rows), names=names)
    words = [_DATED.get(row.how) or _WORDS.get(row.column) or row.into for row in rows]
    return _("{names} and {last}", names=tuple(words[:-1]), last=words[-1]) if len(words) > 1 else words[0]
