"""What a word is, where names are compared: a run of letters and digits, or one sign of a script without spaces."""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib.resources import files

import polars as pl

from invitekit.model import schema
from invitekit.privacy.scrub.normalise import fold
from invitekit.privacy.scrub.table import MARKS

SINGLE = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}"
"""Scripts whose words stand together: each sign is a word here, so a name is found anywhere."""
_ALONE = f"[{SINGLE}{''.join(MARKS.values())}]"
LETTER = rf"[[\p{{L}}\p{{M}}\p{{N}}]--[{SINGLE}]]"
"""A letter or digit of the other scripts."""
WORD = f"{_ALONE}|{LETTER}+"
GAP = rf"[^{SINGLE}{''.join(MARKS.values())}\p{{L}}\p{{M}}\p{{N}}]"
"""What stands between words."""
MASKED = f"[{''.join(schema.MASK_MARKS)}]"
"""A sign that only a masked value holds: what is left of it is nobody's name."""
_LETTERS = [chr(code) for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00))]
_BASES = {letter: unicodedata.normalize("NFD", letter)[0] for letter in _LETTERS}
_PLAIN = {letter: base for letter, base in _BASES.items() if letter != base and letter.islower()}
_PLAIN |= {"ae": "a", "oe": "o", "ue": "u", "æ": "a", "œ": "o", "ø": "o", "ß": "ss", "ł": "l", "đ": "d", "ı": "i"}
"""Lower-case letters of Latin scripts without what stands on them, and what people write in their place."""
_LATIN_FORM = (
    "gmbh|ag|kg|kgaa|ohg|ug|ek|mbh|ltd|limited|inc|llc|llp|plc|corp|corporation|co|company|sa|sl|sas|sarl|srl|spa|bv|nv"
    r"|oy|ab|as|pte|pty|sdn|bhd|holdings?|group|verwaltungsgesellschaft|e\.? ?k|s\.? ?[al]|s\.? ?coop"
)
_FORM = rf"(?i)(?:[ ,.&+]+(?:{_LATIN_FORM})\.?)+$"
_CHINESE_FORM = r"(?:[（(][^()（）]*[)）])?(?:股份)?(?:有限|有限责任)?(?:公司|集团|企业)$"


@cache
def stopwords() -> frozenset[str]:
    """Give the words that everybody writes."""
    lines = files("invitekit.privacy.scrub").joinpath("stopwords.txt").read_text("utf-8").splitlines()
    return frozenset(word for line in lines for word in line.partition("#")[0].split())


def plain(words: pl.Series) -> pl.Series:
    """Give lower-case words as they are compared: "müller", "mueller" and "muller" are one."""
    return words.str.replace_many(list(_PLAIN), list(_PLAIN.values()))


def usable(values: pl.Series) -> pl.Series:
    """Give each folded, lower-cased value that can name somebody once: masked and empty ones are left out."""
    folded = fold(values.drop_nulls().unique())
    shown = pl.DataFrame({"value": folded}).filter(
        ~pl.col("value").str.contains(MASKED) & pl.col("value").str.contains(r"[\p{L}\p{N}]")
    )
    return shown["value"].str.to_lowercase().str.strip_chars()


def without_form(values: pl.Expr) -> pl.Expr:
    """Take a legal form off a company's name: people leave it out."""
    return values.str.replace(_FORM, "").str.replace(_CHINESE_FORM, "")
