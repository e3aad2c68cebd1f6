"""Labels of figures: wrapped to fit, with numbers no more precise than their counts."""

from __future__ import annotations

import unicodedata

CELLS = 64
"""Columns of a line of a label: a Chinese character fills two."""
MAX_LINES = 2
FEW = 30
"""Below this count, a share is written as "7 of 12": a percentage would look too exact."""
_CLOSING, _OPENING = " 。，、；：！？）》」』”", "（《「『“"
"""Characters that do not begin a line, and characters that do not end one."""


def width(text: str) -> int:
    """Count the columns that a text fills; a Chinese character fills two."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def wrap(text: str, cells: int = CELLS, lines: int = MAX_LINES) -> list[str]:
    """Break a text into lines that fit: between words, else between characters; an ellipsis marks a cut.

    Invisible characters, and those that change the direction of writing, are left out.

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
    """Return the text on one line, cut where it does not fit."""
    return wrap(text, cells, 1)[0]


def visible(text: str) -> str:
    """Return a text without control characters, and without those that change the direction of writing."""
    return "".join(sign for sign in text if unicodedata.category(sign) not in ("Cf", "Cc"))


def percent(rate: float | None) -> str:
    """Return a rate in whole percent; only a rate of exactly 0 is shown as 0, and of exactly 1 as 100."""
    if rate is None:
        return "–"
    if 0 < rate < 0.005:
        return "<1%"
    if 0.995 < rate < 1:
        return ">99%"
    return f"{100 * rate:.0f}%"


def interval(low: float | None, high: float | None) -> str:
    """Return an interval in whole percent, empty where there is none."""
    return "" if low is None or high is None else f"{100 * low:.0f}–{100 * high:.0f}%"


def share(n: int, of: int, few: str, many: str = "{rate}") -> str:
    """Fill ``{n}``, ``{of}`` and ``{rate}`` into the text ``many``, or into ``few`` if the count is below ``FEW``."""
    return (few if of < FEW else many).format(n=f"{n:,}", of=f"{of:,}", rate=percent(n / of))


def _words(text: str, cells: int) -> list[str]:
    """Split a text where a line may end: after a word and its space, and after a Chinese character."""
    words: list[str] = []
    room = 0
    for sign in visible(" ".join(text.split())):
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
