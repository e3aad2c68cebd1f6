"""What may leave in a released column: declared before any record is looked at, proved on the written bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OTHER = "other"
"""What stands for every value that may not leave under its own name."""
LETTERS = "acdeimnpstuvwxyz"
"""Letters that a token may begin with: never k nor r, which the loader's own record IDs begin with."""


@dataclass(frozen=True, slots=True)
class Words:
    """One of these texts; ``open`` where the records themselves chose them: those are held against every raw value."""

    values: frozenset[str]
    open: bool = False
    says = "a word of a finite set"


@dataclass(frozen=True, slots=True)
class Token:
    """A letter and 32 hexadecimal digits."""

    prefix: str
    says = "a keyed token"

    @property
    def pattern(self) -> str:
        """The regular expression that the whole of a released text matches."""
        return f"{self.prefix}[0-9a-f]{{32}}"


@dataclass(frozen=True, slots=True)
class Range:
    """A number between two others, both included; what lies outside leaves as the nearer one.

    A rounded count is a multiple of ``step``.
    """

    least: float
    most: float
    whole: bool = True
    step: int = 1
    says = "a number of a range"


@dataclass(frozen=True, slots=True)
class FirstOf:
    """A date: the first of its month, or the day itself."""

    unit: Literal["day", "month"]
    says = "a date"


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    says = "true or false"


@dataclass(frozen=True, slots=True)
class Text:
    """Free text that was scrubbed: best effort, and the only form that proves nothing of what is inside."""

    says = "scrubbed text, best effort"


Form = Words | Token | Range | FirstOf | Flag | Text
