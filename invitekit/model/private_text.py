"""Hide possible addresses and numbers of people in free texts."""

from __future__ import annotations

import re

MAY_IDENTIFY = re.compile(r"@|\d{5,}")
"""A part of a header or name that may be an address or a number."""
_PRIVATE = re.compile(r"\S*@\S*|\+?\d[\d\s()-]{4,}\d|\d{5,}")
_LONGEST_WORD = 30
_UNLIKE_WORD = re.compile(r"[\d@]")


def show_text(text: str) -> str:
    """Return a free text without possible addresses and numbers of people."""
    shown = _PRIVATE.sub("…", text)
    return shown if len(shown) <= 120 else shown[:119] + "…"


def is_plain_word(text: str) -> bool:
    """Return whether a text can be quoted as a word of a vocabulary: short, printable, without digits and @."""
    return 0 < len(text) <= _LONGEST_WORD and text.isprintable() and not _UNLIKE_WORD.search(text)
