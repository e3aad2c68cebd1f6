"""Cells that a spreadsheet would run: how they are disarmed, and how a reader takes that back to the letter."""

from __future__ import annotations

import re
from collections.abc import Iterable

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""A cell that starts so is run by a spreadsheet (OWASP, CSV injection); Excel reads full-width signs as plain ones."""
GUARD = "'"
"""What stands before a disarmed cell. One that begins so already gets another, so that taking it off is exact."""
_SIGNS = "".join(f"\\x{{{ord(sign):x}}}" for sign in FORMULA_STARTS)
GUARDED = f"^{GUARD}*[{_SIGNS}]"
"""The cells that get a guard, as engines write patterns."""
_DISARMED = f"^{GUARD}({GUARD}*[{_SIGNS}])"
_HEADER = re.compile(f"^{GUARD}(?={GUARD}*[{''.join(map(re.escape, FORMULA_STARTS))}])")


def runs(cell: str) -> str:
    """The SQL condition that a spreadsheet would run a cell."""
    return f"{cell}[1] in ({', '.join(f'chr({ord(sign)})' for sign in FORMULA_STARTS)})"


def disarmed(cell: str) -> str:
    """The SQL of a cell that no spreadsheet runs."""
    # Most cells are told by their first letter, which is cheap to look at.
    guarded = f"{runs(cell)} or ({cell}[1] = '''' and regexp_matches({cell}, '{_quoted(GUARDED)}'))"
    return f"case when {guarded} then '''' || {cell} else {cell} end"


def armed(cell: str) -> str:
    """The SQL of a cell as it was before ``disarmed``."""
    return f"regexp_replace({cell}, '{_quoted(_DISARMED)}', '\\1')"


def armed_header(header: str) -> str:
    """Give a header as it was before ``safe_headers``."""
    return _HEADER.sub("", header)


def safe_headers(names: Iterable[str]) -> list[str]:
    """Give headers with an apostrophe before each one that a spreadsheet would run, all of them different."""
    found = list(names)
    guarded = [name.lstrip(GUARD).startswith(FORMULA_STARTS) for name in found]
    taken = {name.casefold() for name, more in zip(found, guarded, strict=True) if not more}
    for place, more in enumerate(guarded):
        if more:
            safe = f"{GUARD}{found[place]}"
            while safe.casefold() in taken:
                safe = f"{GUARD}{safe}"
            taken.add(safe.casefold())
            found[place] = safe
    return found


def _quoted(pattern: str) -> str:
    return pattern.replace("'", "''")
