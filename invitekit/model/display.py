"""Format values for display: labels of codes, short times, and hidden phone numbers and addresses."""

from __future__ import annotations

import datetime as dt
import re
from functools import cache
from typing import Any

from invitekit.i18n import Language, _, translate
from invitekit.model import schema
from invitekit.model.catalogue import NOT_GIVEN, UNKNOWN_FAILURE, read_catalogue
from invitekit.model.countries import chinese_names
from invitekit.model.vocabularies import UNKNOWN

HIDDEN = "•••"
_CHANCE_FROM = {
    "none": _("Too few earlier resends"),
    "all": _("All earlier resends"),
    "cause": _("Resends after the same cause"),
    "cause_method_delay": _("Resends after the same cause, by the same method, after a similar delay"),
}
_ADDRESS = re.compile(r"[^\s@<>,;:\"'(（【]+[@＠]([^\s@<>,;:\"')）】]+)")
_NUMBER = re.compile(
    r"(?:(?<![\dA-Za-z.-])|(?<=\btel[.-])|(?<=\bmob[.-])|(?<=\bfax[.-]))"
    r"[+＋]?\d(?:[\s()（）./·‐-―−－-]{0,3}\d){6,}(?![\dA-Za-z])",
    re.IGNORECASE,
)
"""Seven digits or more, of any width. After a letter with a stop or a hyphen they are an account or a version."""
_MAX_LENGTH = 300
"""The most characters of a cell on the page; the details show all."""


def shown(
    name: str, value: Any, *, language: Language = "en", unmasked: bool = False, whole: bool = False
) -> str | None:
    """Return a value as text for the screen; None for an empty cell.

    ``unmasked`` shows mobile numbers and addresses, which are hidden otherwise, and ``whole`` the whole of a long text.
    """
    if value is None:
        return None
    if isinstance(value, dt.date):
        has_time = isinstance(value, dt.datetime) and (value.hour or value.minute)
        return f"{value:%Y-%m-%d %H:%M}" if has_time else f"{value:%Y-%m-%d}"
    if isinstance(value, float):
        return f"{value:.0%}" if name.startswith("chance") else f"{value:,.2f}"
    if name == "attempt_no" and not value:
        return None
    if isinstance(value, bool):
        return translate(_("Yes") if value else _("No"), language)
    text = labels(name, language).get(value, str(value)) if isinstance(value, str) else str(value)
    if not unmasked:
        text = hidden_value(name, text)
    return text if whole or len(text) <= _MAX_LENGTH else text[: _MAX_LENGTH - 1] + "…"


@cache
def labels(name: str, language: Language = "en") -> dict[str, str]:
    """Return the labels of a column's codes; the label of a failure is its cause, that of a country its name."""
    if name == "country":
        return chinese_names() if language == "zh" else {}
    if name == "chance_from":
        return {code: translate(text, language) for code, text in _CHANCE_FROM.items()}
    if name in ("failure_code", "previous_outcome"):
        known = (UNKNOWN_FAILURE, NOT_GIVEN, *read_catalogue().failures)
        causes = {failure.code: failure.cause(language) for failure in known}
        return causes | (labels("effective_status", language) if name == "previous_outcome" else {})
    column = schema.BY_NAME.get(name)
    unknown = {UNKNOWN: translate(_("Unknown"), language)}
    return unknown | {value.code: value.label(language) for value in column.values} if column and column.values else {}


def hidden_value(name: str, text: str) -> str:
    """Return a cell's text without mobile numbers and addresses, which also free text and extra columns may contain."""
    column = schema.BY_NAME.get(name)
    if column is not None and column.privacy not in ("identifier", "free_text", "quasi_identifier"):
        return text
    return HIDDEN if name == "mobile" else hidden(name, text)


def hidden(name: str, text: str) -> str:
    """Hide numbers and addresses anywhere in a text."""
    text = _ADDRESS.sub(rf"{HIDDEN}@\1", text)
    if name == "email" and HIDDEN not in text:
        return HIDDEN
    return text if name == "record_id" else _NUMBER.sub(HIDDEN, text)
