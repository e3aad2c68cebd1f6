"""Return why a row was rejected as a message: the table of rejected rows has its reasons in English."""

from __future__ import annotations

import re
from functools import cache

from invitekit.i18n import Message, read_texts


def reason_message(reason: str) -> str:
    """Return why a row was rejected as a message; an unknown reason is returned unchanged."""
    for pattern, template in _templates():
        if match := pattern.fullmatch(reason):
            return Message(template, match.groupdict())
    return reason


@cache
def _templates() -> list[tuple[re.Pattern[str], str]]:
    """Return the pattern of each reason, with a group for each number, and its template."""
    return [
        (re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>\\d+)", re.escape(template))), template)
        for template in read_texts(__package__, "rejection_words.toml", "en")["why"]
    ]
