"""k-anonymity of an export: how many records are unique by their released values, as a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from invitekit.engine.duckdb import ident
from invitekit.i18n import Language, _, ngettext, translate
from invitekit.model import schema
from invitekit.privacy import Rule, Text, Token

SMALL = 5
"""A group of fewer records is small."""
WATCHED = ("invited_at", "account_manager", "status")
"""Quasi-identifiers: what an outsider is likely to know of an invitation, its time, manager and result."""
OF_FAILURE = ("cause", "advice", "suggested_operation", "who_acts", "resend_rule")
"""Columns that follow from the failure code."""
_WORDS = {"account_manager": _("manager"), "status": _("status")}
_DATED = {"month": _("month"), "day": _("day")}


@dataclass(frozen=True, slots=True)
class UniquenessReport:
    """How many records share the values that an outsider may know.

    Attributes:
        by: The released columns.
        words: These columns as text, with a note on remarks, which are not counted.
        records: All records.
        unique: Records with a combination of values that no other record has.
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
    """Count the records that share what an outsider is likely to know, and all released values that may identify.

    Tokens of a column of the user's own count, unless they differ in every row.
    """
    telling = [row for row in rows if not _says_nothing(row) or _is_shared(released, row)]
    texts = any(isinstance(row.form, Text) for row in rows)
    watched = [row for name in WATCHED for row in telling if row.column == name]
    sets = {tuple(row.into for row in some): some for some in (watched, telling) if some}
    return tuple(_counted(released, some, _named(some, texts=texts)) for some in sets.values())


def _is_shared(released: duckdb.DuckDBPyRelation, row: Rule) -> bool:
    """Return whether a token of an extra column is in several rows."""
    if row.column in schema.BY_NAME or not isinstance(row.form, Token):
        return False
    cell = ident(row.into)
    held, different = released.aggregate(f"count({cell}), count(distinct {cell})").fetchall()[0]
    return bool(different < held)


def _says_nothing(row: Rule) -> bool:
    """Return whether a column adds nothing that an outsider knows, as a mask or a customer's token; free text too."""
    customer = isinstance(row.form, Token) and row.column != "account_manager"
    return customer or isinstance(row.form, Text) or row.action == "mask" or row.column in OF_FAILURE


def _counted(released: duckdb.DuckDBPyRelation, rows: Sequence[Rule], words: str) -> UniquenessReport:
    by = tuple(row.into for row in rows)
    # Group by a 64-bit hash, in a third of the time: with ten million groups, two of them share one in three of a
    # million exports.
    groups = released.aggregate("count(*) as n", f"hash({', '.join(map(ident, by))})")
    counts = groups.aggregate(
        f"coalesce(sum(n), 0)::bigint, count(*) filter (n = 1), "
        f"coalesce(sum(n) filter (n < {SMALL}), 0)::bigint, coalesce(min(n), 0)"
    )
    return UniquenessReport(by, words, *counts.fetchall()[0])


def _named(rows: Sequence[Rule], *, texts: bool) -> str:
    """Return the counted columns as text: quasi-identifiers as a phrase, others by their names."""
    if len(rows) > len(WATCHED):
        names = tuple(row.into for row in rows)
        if texts:
            return _("{n} columns (remarks, which may tell more, are not counted): {names}", n=len(rows), names=names)
        return _("{n} columns: {names}", n=len(rows), names=names)
    words = [_DATED.get(row.how) or _WORDS.get(row.column) or row.into for row in rows]
    return _("{names} and {last}", names=tuple(words[:-1]), last=words[-1]) if len(words) > 1 else words[0]
