"""The types of released columns: declared before any record is read, and checked in the written file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OTHER = "other"
"""The value that replaces all values that must not be released."""
LETTERS = "acdeimnpstuvwxyz"
"""Letters that a token may begin with: without k and r, with which record IDs of ``load`` begin."""


@dataclass(frozen=True, slots=True)
class Words:
    """One of these texts; ``open`` if they were chosen from the records, and so are compared with every raw value."""

    values: frozenset[str]
    open: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """A letter and 32 hexadecimal digits."""

    prefix: str

    @property
    def pattern(self) -> str:
        """The regular expression of a whole token."""
        return f"{self.prefix}[0-9a-f]{{32}}"


@dataclass(frozen=True, slots=True)
class Range:
    """A number between two others, both included; other numbers are clipped to them.

    A rounded count is a multiple of ``step``.
    """

    least: float
    most: float
    whole: bool = True
    step: int = 1


@dataclass(frozen=True, slots=True)
class FirstOf:
    """A date: the first day of its month, or the day itself."""

    unit: Literal["day", "month"]


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Text:
    """Scrubbed free text: best effort, and the only type whose content cannot be checked."""


Form = Words | Token | Range | FirstOf | Flag | Text
