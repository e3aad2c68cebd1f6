"""SQL expressions that turn one raw cell into a clean one; what a cell means is decided here once."""

from __future__ import annotations

import re

from invitekit.io.spreadsheet_escape import unescape
from invitekit.load.sql import lit
from invitekit.load.text import WHITE
from invitekit.load.times import EARLIEST, LATEST, OFFSET
from invitekit.model import schema
from invitekit.model.schema import NULL_LIKE

_FIRSTS = sorted({text[0] for text in NULL_LIKE if text > "0"})
_LONGEST = 1 + max(len(text.encode()) for text in NULL_LIKE)
MARK = "chr(1114111)"
"""The SQL for a sign that no text has, put before what is not settled: DuckDB finds it by each block's largest text."""
CONTACTS = ("record_id", "account_name", "email", "mobile")
"""Columns that are compared letter by letter: full-width signs become half-width."""
_FULL_WIDTH = "".join(chr(c) for c in range(0xFF01, 0xFF5F)) + "　"
_HALF_WIDTH = "".join(chr(c) for c in range(0x21, 0x7F)) + " "


def macros(white: frozenset[str]) -> list[str]:
    """Define the cell functions that the reading query of one source uses.

    Looking at both ends of a cell is cheap and nearly always enough; trimming costs thirty times
    as much. Each costly call stands once: DuckDB would compute what stands twice for every row.

    Args:
        white: Characters besides the space that the source may hold at the end of a cell.
    """
    # Not "x in (...)" nor list_contains: DuckDB makes a join of a long list, and the rows lose their order.
    nulls = f"regexp_full_match({{}}, {lit('|'.join(map(re.escape, NULL_LIKE)))})"
    unquoted = f"case when starts_with(x,'''') then {unescape('x')} else x end"
    every = "||".join(map(_sign, WHITE))
    # Comparing with a range is the cheapest look at a first letter; ik_trim then decides.
    first = " or ".join(f"(x >= {_sign(c)} and x < {_sign(chr(ord(c) + 1))})" for c in _FIRSTS)
    nothing = f"case when strlen(x) < {_LONGEST} then x < '0' or {first} else false end"
    odd = f"x < '(' or {nothing} or ends_with(x,' ')"
    odd += "".join(f" or ends_with(x,{_sign(c)})" for c in sorted(white) if c.isascii())
    wide = frozenset(c for c in white if not c.isascii())
    wide_first = f"when strlen(x) <> length(x) and ({has_ends('x', wide)}) then ik_trim(x)" if wide else ""
    return [
        f"create or replace macro ik_trim(x) as list_transform([trim({unquoted}, {every})], "
        f"lambda y: case when {nulls.format('y')} then null else y end)[1]",
        f"create or replace macro ik_clean(x) as case {wide_first} when {odd} then ik_trim(x) else x end",
        f"create or replace macro ik_contact(x) as case when strlen(x) <> length(x) then "
        f"ik_trim(translate(x, {lit(_FULL_WIDTH)}, {lit(_HALF_WIDTH)})) when {odd} then ik_trim(x) else x end",
        f"create or replace macro ik_masked(x) as contains(x,'*') or case when strlen(x) <> length(x) then "
        f"{' or '.join(f'contains(x,{lit(m)})' for m in schema.MASK_MARKS if not m.isascii())} else false end",
        f"create or replace macro ik_in_range(t) as case when t >= timestamp '{EARLIEST}-01-01' "
        f"and t < timestamp '{LATEST}-01-01' then t end",
    ]


def has_ends(text: str, white: frozenset[str]) -> str:
    """The SQL for whether a text begins or ends with one of some characters."""
    return " or ".join(f"{end}_with({text},{_sign(c)})" for c in sorted(white) for end in ("starts", "ends"))


def half_width(sign: str) -> str:
    """Give what a sign becomes in contact data."""
    return sign.translate(str.maketrans(_FULL_WIDTH, _HALF_WIDTH))


def _sign(character: str) -> str:
    return f"chr({ord(character)})"


def text(column: str, raw: str) -> str:
    """Clean a text cell: ends trimmed, null-likes to null; contact data also to half-width."""
    return f"ik_contact({raw})" if column in CONTACTS else f"ik_clean({raw})"


def code(known: dict[str, str], raw: str) -> str:
    """Map the texts of a code column that are already known; others get the mark for now."""
    if not known:
        return f"{MARK} || {raw}"
    cases = " ".join(f"when {lit(spelt)} then {lit(meant)}" for spelt, meant in known.items())
    return f"case {raw} {cases} else {MARK} || {raw} end"


def time(form: str | None, zone: str, raw: str) -> str:
    """Parse a cell of the column's main form to UTC; any other form gives null and is read later."""
    if form is None:
        return "null::timestamp"
    parsed = f"try_strptime({raw}, {lit(form)})"
    if form.endswith("%z"):
        return f"case when regexp_matches({raw}, {lit(f'{OFFSET}$')}) then ik_in_range({parsed}::timestamp) end"
    if form.endswith("Z") or zone == "UTC":
        return f"ik_in_range({parsed})"
    return f"ik_in_range(timezone({lit(zone)}, {parsed})::timestamp)"


def is_nothing(text: str) -> bool:
    """Whether a cell's text stands for nothing."""
    return text.strip().strip(schema.INVISIBLE) in NULL_LIKE


def known_texts(column: str, seen: list[str]) -> dict[str, str]:
    """Map the texts of a code column that were seen to their canonical values; unknown ones are left out."""
    words = schema.vocabulary(column)
    return {text: words[key] for text in seen if (key := schema.header_key(text)) in words}
