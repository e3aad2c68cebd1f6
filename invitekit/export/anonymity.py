"""The k-anonymity of an export: how many records are unique by their released values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from invitekit.engine.duckdb import ident
from invitekit.i18n import Language, _, ngettext, translate
from invitekit.model import schema
from invitekit.privacy import Rule, Text, Token

SMALL = 5
"""Groups of fewer records are small."""
QUASI_IDENTIFIERS = ("invited_at", "account_manager", "status")
"""Quasi-identifiers: the values of an invitation that an outsider probably knows."""
OF_FAILURE = ("cause", "advice", "suggested_operation", "who_acts", "resend_rule")
"""Columns that the failure code determines."""
_WORDS = {"account_manager": _("manager"), "status": _("status")}
_DATED = {"month": _("month"), "day": _("day")}


@dataclass(frozen=True, slots=True)
class UniquenessReport:
    """How many records are unique by some released columns.

    Attributes:
        by: The released columns.
        words: These columns as text, with a note on remarks, which are ignored.
        records: All records.
        unique: Records with a unique combination of values.
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
        """Return these counts as a sentence."""
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


def report(released: duckdb.DuckDBPyRelation, rows: Sequence[Rule]) -> tuple[UniquenessReport, ...]:
    """Count unique records by the quasi-identifiers, and by all released columns that may identify a customer.

    Tokens of an extra column are included, unless they are different in every row.
    """
    identifying = [row for row in rows if not _adds_nothing(row) or _is_shared(released, row)]
    texts = any(isinstance(row.form, Text) for row in rows)
    quasi_identifiers = [row for name in QUASI_IDENTIFIERS for row in identifying if row.column == name]
    sets = {tuple(row.into for row in some): some for some in (quasi_identifiers, identifying) if some}
    return tuple(_counted(released, some, _named(some, texts=texts)) for some in sets.values())


def _is_shared(released: duckdb.DuckDBPyRelation, row: Rule) -> bool:
    """Return whether a token of an extra column is in several rows."""
    if row.column in schema.BY_NAME or not isinstance(row.form, Token):
        return False
    cell = ident(row.into)
    filled, distinct = released.aggregate(f"count({cell}), count(distinct {cell})").fetchall()[0]
    return bool(distinct < filled)


def _adds_nothing(row: Rule) -> bool:
    """Return whether an outsider cannot know a column: a mask, a token of a customer, free text or a derived column."""
    customer = isinstance(row.form, Token) and row.column != "account_manager"
    return customer or isinstance(row.form, Text) or row.action == "mask" or row.column in OF_FAILURE


def _counted(released: duckdb.DuckDBPyRelation, rows: Sequence[Rule], words: str) -> UniquenessReport:
    by = tuple(row.into for row in rows)
    # Grouping by a 64-bit hash takes a third of the time. With ten million groups, the probability of a collision is
    # three in a million.
    groups = released.aggregate("count(*) as n", f"hash({', '.join(map(ident, by))})")
    counts = groups.aggregate(
        f"coalesce(sum(n), 0)::bigint, count(*) filter (n = 1), "
        f"coalesce(sum(n) filter (n < {SMALL}), 0)::bigint, coalesce(min(n), 0)"
    )
    return UniquenessReport(by, words, *counts.fetchall()[0])


def _named(rows: Sequence[Rule], *, texts: bool) -> str:
    """Return the counted columns as text: quasi-identifiers as a phrase, others by their names."""
    if len(rows) > len(QUASI_IDENTIFIERS):
        names = tuple(row.into for row in rows)
        if texts:
            return _("{n} columns (remarks, which may tell more, are not counted): {names}", n=len(rows), names=names)
        return _("{n} columns: {names}", n=len(rows), names=names)
    words = [_DATED.get(row.how) or _WORDS.get(row.column) or row.into for row in rows]
    return _("{names} and {last}", names=tuple(words[:-1]), last=words[-1]) if len(words) > 1 else words[0]
