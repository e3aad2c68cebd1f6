"""Show free texts of files without what could be a person's address or number."""

from __future__ import annotations

import re

_PRIVATE = re.compile(r"\S*@\S*|\+?\d[\d\s()-]{4,}\d|\d{5,}")


def show_text(text: str) -> str:
    """Return a free text without what could be a person's address or number."""
    shown = _PRIVATE.sub("…", text)
    return shown if len(shown) <= 120 else shown[:119] + "…"
