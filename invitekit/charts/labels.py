"""Texts as a figure shows them: wrapped to fit, escaped, and numbers no more precise than their counts."""

from __future__ import annotations

import html
import math
import unicodedata
from collections.abc import Mapping, Sequence

CELLS = 44
"""Columns of a line of a label: Chinese signs fill two. So much fits on a telephone."""
LINES = 2
FEW = 30
"""Below so many, a share is said as "7 of 12": a percentage would promise more than was counted."""

_LEGEND, _KEY, _SIGN, _KEY_LINE = 640, 40, 7, 20
"""In pixels: the room for a legend, a key beside its name, a column of its name, a line."""

_CLOSING, _OPENING = " 。，、；：！？）》」』”", "（《「『“"
"""Signs that never begin a line, and never end one."""


def width(text: str) -> int:
    """Count the columns that a text fills; a Chinese sign fills two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def wrap(text: str, cells: int = CELLS, lines: int = LINES) -> list[str]:
    """Break a text into lines that fit: between words, else between signs; an ellipsis ends what is left.

    Signs that show nothing or turn the direction of writing are left out.

    >>> wrap("Rechnungsverantwortlichenbestätigung fehlt", cells=20)
    ['Rechnungsverantwortl', 'ichenbestätigung…']
    """
    done: list[str] = []
    line = ""
    for word in _words(text, cells):
        if width(line + word.rstrip()) > cells and line:
            done.append(line.rstrip())
            line = ""
        line += word
    done.append(line.rstrip())
    if len(done) > lines:
        done = [*done[: lines - 1], _cut(done[lines - 1], cells)]
    return done


def one_line(text: str, cells: int = CELLS) -> str:
    """Give the text on one line, cut where it does not fit."""
    return wrap(text, cells, 1)[0]


def shown(lines: list[str]) -> str:
    """Give lines as a figure takes them: a name can be a tag, and is shown as the text it is."""
    return "<br>".join(html.escape(line, quote=False) for line in lines)


def keys_height(names: Sequence[str]) -> int:
    """Give the height of a legend in pixels: in one line where all of it fits, else in columns of one width.

    On a narrower screen than that of a notebook plotly makes the room that is lacking.
    """
    if not names:
        return 0
    wide = [_KEY + _SIGN * width(html.unescape(name)) for name in names]
    lines = 1 if sum(wide) <= _LEGEND else math.ceil(len(names) / max(1, _LEGEND // max(wide)))
    return 6 + _KEY_LINE * lines


def percent(rate: float | None) -> str:
    """Give a rate in whole percent; what is not nothing is never shown as 0, nor what is not all as 100."""
    if rate is None:
        return "–"
    if 0 < rate < 0.005:
        return "<1\u00a0%"
    if 0.995 < rate < 1:
        return ">99\u00a0%"
    return f"{100 * rate:.0f}\u00a0%"


def interval(low: float | None, high: float | None) -> str:
    """Give an interval in whole percent, with nothing where there is none."""
    return "" if low is None or high is None else f"{100 * low:.0f}–{100 * high:.0f}\u00a0%"


def share(n: int, of: int, words: str = "{n} of {of}") -> str:
    """Give a share in percent, or both counts where there are few."""
    return words.format(n=f"{n:,}", of=f"{of:,}") if of < FEW else percent(n / of)


def share_of(n: int, of: int, words: Mapping[str, str]) -> str:
    """Give a share together with what it is a share of, for rows whose wholes differ."""
    both = {"n": f"{n:,}", "of": f"{of:,}", "rate": percent(n / of)}
    return words["of" if of < FEW else "rate_of"].format(**both)


def _words(text: str, cells: int) -> list[str]:
    """Give what a line may be broken between: words with the space after them, and Chinese signs."""
    plain = "".join(sign for sign in " ".join(text.split()) if unicodedata.category(sign) not in ("Cf", "Cc"))
    words: list[str] = []
    room = 0
    for sign in plain:
        apart = width(sign) == 2 or bool(words and (words[-1].endswith(" ") or width(words[-1][-1]) == 2))
        if not words or room + 1 > cells or (apart and sign not in _CLOSING and words[-1][-1] not in _OPENING):
            words.append(sign)
            room = width(sign)
        else:
            words[-1] += sign
            room += 1
    return words


def _cut(line: str, cells: int) -> str:
    while width(line) > cells - 1:
        line = line[:-1]
    return line.rstrip() + "…"
