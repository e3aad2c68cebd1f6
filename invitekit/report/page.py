"""The content of a report, which is then written as a web page, a PDF or Markdown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from invitekit.charts import Figure
from invitekit.i18n import Language, read_texts

PARTS = ("now", "analysis")
"""The parts of a report, in order: what to do this week, and why, when and where invitations fail."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts; the columns with the indexes ``numbers`` are aligned to the right, ``note`` explains a mark."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a report: how to read it, its figure, its numbers.

    Its ``key`` is its name in the file, and its ``part`` one of ``PARTS``. The caption says what the values of the
    figure are; the note is a remark below the section.
    """

    key: str
    part: str
    title: str
    how: str
    table: Table
    figure: Figure | None = None
    caption: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """The content of a report, in order; no text in it names a customer.

    Attributes:
        title, facts: The head: the title, and date, size, version and filter.
        warnings: Why the numbers may be wrong, or why many customers are on hold.
        audience: Who the report is for.
        summary: The findings, as sentences.
        sections: The sections, those of ``now`` first.
        read, sources: What was read and rejected, in sentences and as a table.
        rules: How it was counted, in sentences.
        privacy: How disclosure is limited for the audience.
        language: The code of its language.
        as_of: The time of its numbers.
    """

    title: str
    facts: tuple[str, ...]
    warnings: tuple[str, ...]
    audience: str
    summary: tuple[str, ...]
    sections: tuple[Section, ...]
    read: tuple[str, ...]
    sources: Table | None
    rules: tuple[str, ...]
    privacy: str
    language: Language
    as_of: dt.datetime

    @property
    def words(self) -> Mapping[str, Any]:
        """The words of a report, in its language."""
        return words(self.language)


def words(language: Language) -> Mapping[str, Any]:
    """Return the words of a report."""
    return read_texts(__package__, "words.toml", language)
