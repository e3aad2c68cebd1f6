"""How far records can be told apart by what was released of them, in words that a person understands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb

from invitekit.load.sql import ident
from invitekit.privacy import Row, Text, Token

Language = Literal["en", "zh"]

SMALL = 5
"""Records of a group that is small."""
WATCHED = ("invited_at", "account_manager", "status")
"""What an outsider is likely to know of an invitation: when, by whom, and how it ended."""
OF_FAILURE = ("cause", "advice", "suggested_operation", "who_acts", "resend_rule")
"""What says no more than the failure's code."""
_WORDS = {"account_manager": ("manager", "客户经理"), "status": ("status", "状态")}
_DATED = {"month": ("month", "月份"), "day": ("day", "日期")}


@dataclass(frozen=True, slots=True)
class Unique:
    """How many records share what an outsider may know.

    Attributes:
        by: The released columns.
        words: What they are, in English and in Chinese.
        records: All records.
        unique: Records that no other is like.
        small: Records in groups of fewer than ``SMALL``, the unique ones included.
        smallest: Records in the smallest group.
    """

    by: tuple[str, ...]
    words: tuple[str, str]
    records: int
    unique: int
    small: int
    smallest: int

    def sentence(self, language: Language = "en") -> str:
        """Say it in one sentence."""
        english, chinese = self.words
        if language == "zh":
            return f"按{chinese}，{self.unique:,} 条记录是唯一的，{self.small:,} 条所在的组少于 {SMALL} 条。"
        are = "record is" if self.unique == 1 else "records are"
        share = f" ({self.unique / self.records:.1%})" if self.unique else ""
        return (
            f"{self.unique:,} {are} unique by {english}{share}; "
            f"{self.small:,} share these values with fewer than {SMALL - 1} others."
        )


def report(released: duckdb.DuckDBPyRelation, rows: Sequence[Row]) -> tuple[Unique, ...]:
    """Count who is alike by what an outsider is likely to know, and by all that is no token of a customer."""
    telling = [row for row in rows if not _says_nothing(row)]
    watched = [row for name in WATCHED for row in telling if row.column == name]
    sets = {tuple(row.into for row in some): some for some in (watched, telling) if some}
    return tuple(_counted(released, some) for some in sets.values())


def _says_nothing(row: Row) -> bool:
    """Whether a column tells an outsider nothing more: a mask, a customer's token; no count is for free text."""
    customer = isinstance(row.form, Token) and row.column != "account_manager"
    return customer or isinstance(row.form, Text) or row.action == "mask" or row.column in OF_FAILURE


def _counted(released: duckdb.DuckDBPyRelation, rows: Sequence[Row]) -> Unique:
    by = tuple(row.into for row in rows)
    groups = released.aggregate("count(*) as n", ", ".join(map(ident, by)))
    counts = groups.aggregate(
        f"coalesce(sum(n), 0)::bigint, count(*) filter (n = 1), "
        f"coalesce(sum(n) filter (n < {SMALL}), 0)::bigint, coalesce(min(n), 0)"
    )
    return Unique(by, _named(rows), *counts.fetchall()[0])


def _named(rows: Sequence[Row]) -> tuple[str, str]:
    if len(rows) > len(WATCHED):
        return f"all {len(rows)} columns that are no tokens of customers", f"全部 {len(rows)} 个非客户令牌列"
    words = [_DATED.get(row.how) or _WORDS.get(row.column) or (row.into, row.into) for row in rows]
    english = [en for en, _ in words]
    listed = ", ".join(english[:-1]) + " and " + english[-1] if len(english) > 1 else english[0]
    return listed, "、".join(zh for _, zh in words)
