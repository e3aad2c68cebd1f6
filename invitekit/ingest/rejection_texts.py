"""Return why a row was rejected, and its cells, as texts to read: the table of rejected rows is in English and JSON."""

from __future__ import annotations

import json
import re
from functools import cache

from invitekit.i18n import Language, Message, read_texts
from invitekit.model import schema


def reason_message(reason: str) -> str:
    """Return why a row was rejected as a message; an unknown reason is returned unchanged."""
    for pattern, template in _templates():
        if match := pattern.fullmatch(reason):
            return Message(template, match.groupdict())
    return reason


def cells_in_words(content: str | None, language: Language) -> str:
    """Return the cells of a rejected row by the labels of their columns; a row that was not split stays as it is."""
    try:
        cells = json.loads(content or "")
    except ValueError:
        cells = None
    if not isinstance(cells, dict):
        return content or ""
    return "; ".join(f"{schema.label(name, language)}: {cell}" for name, cell in cells.items())


@cache
def _templates() -> list[tuple[re.Pattern[str], str]]:
    """Return the pattern of each reason, with a group for each number, and its template."""
    return [
        (re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>\\d+)", re.escape(template))), template)
        for template in read_texts(__package__, "rejection_words.toml", "en")["why"]
    ]
