"""Search for words regardless of case, accents and width: one regular expression for every engine and the screen."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import defaultdict
from functools import cache

PLAIN = "\x01-\x7f\u3400-\u9fff\uac00-\ud7a3"
"""Characters that have only one spelling in lower case, as the content of a character class."""
_ACCENTS = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_INVISIBLE = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff"
_IGNORED = f"[{_ACCENTS}{_INVISIBLE}]*"
"""Ignored characters after any letter."""
_ALSO = {"ø": "o", "đ": "d", "ł": "l", "ħ": "h", "ı": "i", "‘": "'", "’": "'", "ʼ": "'", "“": '"', "”": '"',
         "–": "-", "—": "-", "−": "-"}  # fmt: skip
"""Spellings that Unicode does not decompose."""
_JOINED = {
    "ffi": ("ﬃ", "ﬀi", "fﬁ"), "ffl": ("ﬄ", "ﬀl", "fﬂ"), "ff": ("ﬀ",), "fi": ("ﬁ",), "fl": ("ﬂ",), "st": ("ﬆ",),
    "ss": ("ß", "ẞ"), "ij": ("ĳ",), "ae": ("æ", "ä", "a\u0308"), "oe": ("œ", "ö", "o\u0308", "ø"),
    "ue": ("ü", "u\u0308"),
}  # fmt: skip
"""Letters that are also written as one character, the longest first."""
_WITH_E = "äöüø"
"""Letters that are also written as their base letter and an e."""
_LIGATURES = {one: letters for letters, ones in _JOINED.items() for one in ones if len(one) == 1 and one not in _WITH_E}
_VARIANTS = ((0x41, 0x3400), (0xA640, 0xAB70), (0xF900, 0xFB00), (0xFE10, 0x10000), (0x10400, 0x10450),
             (0x1D400, 0x1D800), (0x2F800, 0x2FA20))  # fmt: skip
"""Ranges of Unicode with other spellings of a letter."""


def fold(text: str) -> str:
    """Fold a text to compare names: without case, width and surrounding white space."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def search_words(text: str) -> tuple[str, ...]:
    """Return the distinct words of a search text in lower case, without accents and ligatures."""
    folded = unicodedata.normalize("NFC", re.sub(f"[\0{_INVISIBLE}]", "", text).lower())
    for joined, letters in _LIGATURES.items():
        folded = folded.replace(joined, letters)
    return tuple(dict.fromkeys(re.sub(f"[{_ACCENTS}]", "", folded).split()))


def bare_number(word: str) -> str | None:
    """Return a number of five digits or more without its separators; None if it has none, or is another word."""
    bare = re.sub("[()./–-]", "", unicodedata.normalize("NFKC", word))
    return bare if bare != word and re.fullmatch(r"\+?[0-9]{5,}", bare) else None


def plain_spellings(word: str) -> list[str]:
    """Return the spellings of a word of ``search_words`` with ``PLAIN`` letters only."""
    bare = bare_number(word)
    letters = [(_base(letter), _base(letter) + "e") if letter in _WITH_E else (_base(letter),) for letter in word]
    return ["".join(spelling) for spelling in itertools.product(*letters)] + ([bare] if bare else [])


def other_letters(word: str) -> str:
    """Return the class of letters that a text needs one of to contain another spelling than the plain ones."""
    letters = set(re.sub(f"[{PLAIN}]", "", word_pattern(word).replace(_IGNORED, "")))
    return f"[{_ACCENTS}{_INVISIBLE}{''.join(sorted(letters))}]"


def word_pattern(word: str) -> str:
    """Build a regular expression for a word of ``search_words`` that has the same meaning on all engines.

    Case, accents and width do not matter. An umlaut matches its base letter with or without an e, a ligature matches
    its letters, and the other way round. A number matches with its separators and without them.
    """
    bare = bare_number(word)
    return f"(?:{_pattern(word)}|{_pattern(bare)})" if bare else _pattern(word)


def _pattern(word: str) -> str:
    parts, at = [], 0
    while at < len(word):
        letters = next((some for some in _JOINED if word.startswith(some, at)), word[at])
        at += len(letters)
        own = "".join(map(_letter, letters)) + (f"(?:{_letter('e')})?" if letters in _WITH_E else "")
        # At the end of the word, a ligature of more letters than were typed also matches.
        keys = [some for some in _JOINED if some == letters or (at == len(word) and some.startswith(letters))]
        joined = [_any_case(one) for some in keys for one in _JOINED[some]]
        parts.append(f"(?:{'|'.join([own, *joined])})" if joined else own)
    return "".join(parts)


def _letter(letter: str) -> str:
    """Build the expression of a letter in all its spellings."""
    base = _base(letter)
    own = _class({letter, base, *_spellings().get(base, ())})
    parts = unicodedata.normalize("NFD", base)
    return f"(?:{own}|{''.join(map(_letter, parts))})" if len(parts) > 1 else own


def _any_case(letters: str) -> str:
    return "".join(_class({letter, *([letter.upper()] if len(letter.upper()) == 1 else [])}) for letter in letters)


def _class(letters: set[str]) -> str:
    return "[" + "".join(re.sub(r"[\\\]\[^&~-]", r"\\\g<0>", letter) for letter in sorted(letters)) + "]" + _IGNORED


def _base(letter: str) -> str:
    """Return the base letter of a letter; the letter itself if it has no single one."""
    small = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", letter).casefold())
    base = unicodedata.normalize("NFC", re.sub(f"[{_ACCENTS}]", "", _ALSO.get(small, small)))
    return _ALSO.get(base, base) if len(base) == 1 and not base.isspace() else letter


@cache
def _spellings() -> dict[str, set[str]]:
    """Return the spellings of each letter."""
    spellings: dict[str, set[str]] = defaultdict(set)
    for first, end in _VARIANTS:
        for letter in map(chr, range(first, end)):
            spellings[_base(letter)].add(letter)
    return spellings
