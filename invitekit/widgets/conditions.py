"""A filter and a selection as SQL over the stored rows of a screen."""

from __future__ import annotations

import datetime as dt
from typing import Any

from invitekit.engine.duckdb import ident, lit
from invitekit.engine.text import other_letters, plain_spellings, search_words, word_pattern
from invitekit.model.filters import COLUMNS, Filter
from invitekit.widgets.selection import Selection

KEY = "ik_key"
"""The column that identifies rows: their number in the original order."""
SEARCH = "ik_search"
"""The searched fields of a row in lower case, one a line."""
VARIED = "ik_varied"
"""The letters of the searched fields that have several spellings, such as letters with accents."""
DAY = "ik_day"
COMBINATION = "ik_combination"
"""A number for each combination of values in the columns that are counted."""
ONCE = "ik_once"
"""Whether a row is shown by default; the others are earlier states, which "Every row of every file" shows too."""
GROUP = "ik_group"
"""The position of a row's group among all groups, from 0."""
OWN_COLUMNS = (KEY, SEARCH, VARIED, DAY, COMBINATION, ONCE, GROUP)
"""The columns that the screen adds to the stored rows."""
DATED = ("invited_from", "invited_to")
_SPELLINGS = 8
"""Up to this many spellings of a word are searched one by one."""
_LISTED = 200
"""Up to this many keys are listed in a condition; more are looked up in a table."""


def clauses(choice: Filter) -> dict[str, str]:
    """Return the SQL condition of each restriction of a filter, by its name."""
    sql = {name: _any_of(column, getattr(choice, name)) for name, column in COLUMNS.items() if getattr(choice, name)}
    if choice.text is not None:
        sql["text"] = " and ".join(map(_contains, search_words(choice.text)))
    if choice.invited_from is not None:
        sql["invited_from"] = f"{DAY} >= date '{choice.invited_from}'"
    if choice.invited_to is not None:
        sql["invited_to"] = f"{DAY} <= date '{choice.invited_to}'"
    return sql


def matching(choice: Filter, *, but: tuple[str, ...] = ()) -> str:
    """Return the SQL condition of a filter without some restrictions: a facet's counts ignore the facet's own one."""
    return " and ".join(sql for name, sql in clauses(choice).items() if name not in but) or "true"


def both(*conditions: str) -> str:
    """Join SQL conditions by ``and``."""
    return " and ".join(sql for sql in conditions if sql != "true") or "true"


def chosen(selection: Selection) -> str:
    """Return the SQL condition of the rows of a selection."""
    sql = "false"
    for step in selection.steps:
        if isinstance(step.what, Filter):
            rows = both(matching(step.what), "true" if step.every_row else ONCE)
        else:
            rows = among(step.what)
        rows = f"coalesce({rows}, false)"
        sql = f"({sql} or {rows})" if step.add else f"({sql} and not {rows})"
    return sql


def among(keys: frozenset[int]) -> str:
    """Return the SQL condition of the rows with the given keys."""
    listed = ", ".join(str(int(key)) for key in sorted(keys))
    return f"{KEY} in ({listed})" if len(keys) <= _LISTED else f"{KEY} in (select unnest([{listed}]))"


def column_contains(column: str, text: str) -> str:
    """Return the SQL condition that a column contains each word of a text."""
    patterns = [f"regexp_matches(lower({ident(column)}), {lit(word_pattern(word))})" for word in search_words(text)]
    return " and ".join(patterns) or "true"


def _contains(word: str) -> str:
    """Return the SQL condition that a row contains a word; only letters of several spellings need a slow pattern."""
    matches, spellings = f"regexp_matches({SEARCH}, {lit(word_pattern(word))})", plain_spellings(word)
    if len(spellings) > _SPELLINGS:
        return matches
    plain = [f"contains({SEARCH}, {lit(spelling)})" for spelling in spellings]
    return f"({' or '.join(plain)} or (regexp_matches({VARIED}, {lit(other_letters(word))}) and {matches}))"


def _any_of(column: str, values: tuple[Any, ...]) -> str:
    name, named = ident(column), [value for value in values if value is not None]
    among = f"{name} in ({', '.join(map(_literal, named))})"
    if None not in values:
        return among
    return f"({name} is null or {among})" if named else f"{name} is null"


def _literal(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return f"timestamp '{value.isoformat(' ')}'"
    return str(value) if isinstance(value, int) else lit(str(value))
