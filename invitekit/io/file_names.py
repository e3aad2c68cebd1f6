"""Make valid file names from any values."""

from __future__ import annotations

import re
from collections.abc import Iterable

_MAX_LENGTH = 60


def file_names(values: Iterable[str], prefix: str) -> list[str]:
    """Return a file name for each value, without extension, with characters that are valid on every disk.

    Names that differ only in case, or not at all, get a number.

    >>> file_names(["Lena", "lena", "a/../b"], "report_")
    ['report_Lena', 'report_lena_2', 'report_a_.._b']
    """
    names: list[str] = []
    taken: set[str] = set()
    for value in values:
        name = re.sub(r"[^\w.-]+", "_", value.strip())[:_MAX_LENGTH].strip("._") or "other"
        number, unique = 1, f"{prefix}{name}"
        while unique.casefold() in taken:
            number += 1
            unique = f"{prefix}{name}_{number}"
        names.append(unique)
        taken.add(unique.casefold())
    return names
