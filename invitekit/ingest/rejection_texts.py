"""Why a row was rejected, in the reader's language: the table of rejected rows says it in English."""

from __future__ import annotations

import re

from invitekit.i18n import read_texts


def translate_reason(reason: str, language: str) -> str:
    """Return why a row was rejected in a language; a reason that is not known stays English."""
    if language == "en":
        return reason
    known, translated = (read_texts(__package__, "rejection_words.toml", each)["why"] for each in ("en", language))
    for english, text in zip(known, translated, strict=True):
        numbers = re.sub(r"\\{(\w+)\\}", r"(?P<\1>\\d+)", re.escape(english))
        if found := re.fullmatch(numbers, reason):
            return str(text).format(**found.groupdict())
    return reason
