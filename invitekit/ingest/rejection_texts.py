"""Translate why a row was rejected: the table of rejected rows has its reasons in English."""

from __future__ import annotations

import re
from functools import cache

from invitekit.i18n import Language, read_texts


def translate_reason(reason: str, language: Language) -> str:
    """Return why a row was rejected in a language; an unknown reason stays English."""
    for pattern, text in _translations(language) if language != "en" else ():
        if match := pattern.fullmatch(reason):
            return text.format(**match.groupdict())
    return reason


@cache
def _translations(language: Language) -> list[tuple[re.Pattern[str], str]]:
    """Return the pattern of each English reason, with a group for each number, and its translation."""
    known, translated = (read_texts(__package__, "rejection_words.toml", each)["why"] for each in ("en", language))
    return [
        (re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>\\d+)", re.escape(english))), text)
        for english, text in zip(known, translated, strict=True)
    ]
