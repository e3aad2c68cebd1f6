"""Values for display: labels of codes, short times, and hidden phone numbers unless unmasked."""

from __future__ import annotations

import datetime as dt
import re
from functools import cache
from typing import Any

from invitekit.i18n import Language, _, translate
from invitekit.model import schema
from invitekit.model.catalogue import read_catalogue
from invitekit.model.vocabularies import UNKNOWN

HIDDEN = "•••"
_ADDRESS = re.compile(r"[^\s@<>,;:\"'(（【]+[@＠]([^\s@<>,;:\"')）】]+)")
_NUMBER = re.compile(r"(?<![0-9A-Za-z.-])\+?[0-9](?:[\s().-]{0,2}[0-9]){6,}(?![0-9A-Za-z])")
_LONGEST = 300
"""Signs of a cell that a page carries; the details show all."""


def shown(
    name: str, value: Any, *, language: Language = "en", unmasked: bool = False, whole: bool = False
) -> str | None:
    """Return a value as text for the screen; None where the cell is empty.

    Args:
        name: Its column.
        value: A value of the records.
        language: Of labels: ``en`` or ``zh``.
        unmasked: Whether mobile numbers and addresses are shown; else they are hidden everywhere.
        whole: Whether a long text is not shortened.
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
    return text if whole or len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


@cache
def labels(name: str, language: Language = "en") -> dict[str, str]:
    """Return the labels of a column's codes; those of a failure are its causes in short."""
    if name in ("failure_code", "previous_outcome"):
        causes = {failure.code: failure.cause(language) for failure in read_catalogue().failures}
        return causes | (labels("effective_status", language) if name == "previous_outcome" else {})
    column = schema.BY_NAME.get(name)
    unknown = {UNKNOWN: translate(_("Unknown"), language)}
    return unknown | {value.code: value.label(language) for value in column.values} if column and column.values else {}


def hidden_value(name: str, text: str) -> str:
    """Return a cell's text without mobile numbers and addresses, if its column may have any."""
    if not _may_tell(name):
        return text
    return HIDDEN if name == "mobile" else hidden(name, text)


def _may_tell(name: str) -> bool:
    """Return whether a column may have an address or a number: all free text, extra columns too."""
    column = schema.BY_NAME.get(name)
    return column is None or column.privacy in ("identifier", "free_text", "quasi_identifier")


def hidden(name: str, text: str) -> str:
    """Hide numbers and addresses anywhere in a text."""
    text = _ADDRESS.sub(rf"{HIDDEN}@\1", text)
    if name == "email" and HIDDEN not in text:
        return HIDDEN
    return text if name == "record_id" else _NUMBER.sub(HIDDEN, text)
