"""Escape cells that a spreadsheet would run as formulas (CSV injection), and undo that exactly."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from invitekit.engine.duckdb import lit

if TYPE_CHECKING:
    import polars as pl

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""Characters that start a formula (OWASP); Excel reads full-width signs as plain ones."""
PREFIX = "'"
"""The prefix of an escaped cell. A cell that already looks escaped gets another one, so that unescaping is exact."""
_SIGNS = "".join(f"\\x{{{ord(sign):x}}}" for sign in FORMULA_STARTS)
_NEEDS_PREFIX = f"^{PREFIX}*[{_SIGNS}]"
_ESCAPED = f"^{PREFIX}({PREFIX}*[{_SIGNS}])"
_ESCAPED_HEADER = re.compile(f"^{PREFIX}(?={PREFIX}*[{''.join(map(re.escape, FORMULA_STARTS))}])")


def is_formula(cell: str) -> str:
    """Return the SQL condition that a spreadsheet would run a cell."""
    # A regular expression: with a list of texts, DuckDB plans one join per column, and 200 of them need all memory.
    return f"regexp_matches({cell}, '^[{_SIGNS}]')"


def escape(cell: str) -> str:
    """Return the SQL of an escaped cell."""
    return f"case when regexp_matches({cell}, {lit(_NEEDS_PREFIX)}) then {lit(PREFIX)} || {cell} else {cell} end"


def unescape(cell: str) -> str:
    """Return the SQL of a cell as it was before ``escape``."""
    return f"regexp_replace({cell}, {lit(_ESCAPED)}, '\\1')"


def unescape_text(cell: pl.Expr) -> pl.Expr:
    """Return the Polars expression of a cell as it was before ``escape``."""
    return cell.str.replace(_ESCAPED, "$1")


def escape_frame(frame: pl.DataFrame) -> pl.DataFrame:
    """Escape every text of a frame, as ``escape`` does."""
    import polars as pl  # noqa: PLC0415 - not needed for the SQL

    text = pl.col(pl.String)
    prefix = pl.when(text.str.contains(_NEEDS_PREFIX)).then(pl.lit(PREFIX)).otherwise(pl.lit(""))
    return frame.with_columns((prefix + text).name.keep())


def escape_headers(names: Iterable[str]) -> list[str]:
    """Return the escaped headers; all of them stay different."""
    headers = list(names)
    needs_prefix = [name.lstrip(PREFIX).startswith(FORMULA_STARTS) for name in headers]
    taken = {name.casefold() for name, escaped in zip(headers, needs_prefix, strict=True) if not escaped}
    for position in (position for position, escaped in enumerate(needs_prefix) if escaped):
        safe = f"{PREFIX}{headers[position]}"
        while safe.casefold() in taken:
            safe = f"{PREFIX}{safe}"
        taken.add(safe.casefold())
        headers[position] = safe
    return headers


def unescape_header(header: str) -> str:
    """Return a header as it was before ``escape_headers``."""
    return _ESCAPED_HEADER.sub("", header)
