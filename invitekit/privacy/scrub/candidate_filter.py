"""Which values of a record can stand in its remark at all: most cannot, and are not looked at any further.

It never says no where a name stands; what it lets through is compared word by word afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from invitekit.privacy.scrub.normalise import fold
from invitekit.privacy.scrub.spans import compared
from invitekit.privacy.scrub.tokenise import GAP, LETTER, SINGLE, without_form

_SHORT = rf"^{GAP}*(?:{LETTER}{{1,2}}|\p{{N}}+)(?:[{SINGLE}]|{GAP}|$)"
"""A value whose first word is a number, or of one letter or two: these stand in many a text."""
_LONG = 3
_UNTIDY = r"[^\S ]|\s\s|^\s|\s$"


def near(said: pl.Series, words: pl.DataFrame, own: Sequence[pl.Series]) -> pl.DataFrame:
    """Give the values that can stand in their row's text, as ``row`` and ``value``: each folded, in lower case.

    A name is found by its first word, or by any single one that is no number. So its value holds a word of the text of
    three letters or more, or of a script without spaces. If its first word is shorter or a number, the text holds it
    whole, or it has a legal form.

    Args:
        said: Texts that are ``compared``.
        words: Their words.
        own: Columns as long as the texts, at least one.
    """
    folded = [fold(column.rechunk()).str.to_lowercase() for column in own]
    plain = [compared(column) for column in folded]
    held = _holding(words, folded, plain)
    found = []
    for value, shape in zip(folded, plain, strict=True):
        rows = pl.concat([_with_a_word(held, shape), _with_a_short_one(said, shape)]).unique()
        found.append(pl.DataFrame({"row": rows, "value": value.gather(rows)}))
    return pl.concat(found).unique()


def tidy(text: pl.Series) -> pl.Series:
    """Take white space off the ends, and make it one space elsewhere."""
    at = text.str.contains(_UNTIDY).arg_true()
    return text.scatter(at, text.gather(at).str.replace_all(r"\s+", " ").str.strip_chars())


def _holding(words: pl.DataFrame, folded: Sequence[pl.Series], plain: Sequence[pl.Series]) -> pl.DataFrame:
    """Give the words, as ``row`` and ``word``, that some value of their row has in it: one look for all columns."""
    before, after = (
        pl.select(pl.concat_str(some, separator="\n", ignore_nulls=True)).to_series() for some in (folded, plain)
    )
    # "uel" is compared as "ul", which then stands for three letters.
    shortened = (before != after).gather(words["row"])
    size, word = pl.col("word").str.len_chars(), pl.col("word")
    telling = (size >= _LONG) | (shortened & (size > 1)) | word.str.contains(f"^[{SINGLE}]")
    long = words.filter(telling & ~word.str.contains(r"^\p{N}+$"))
    value = after.gather(long["row"])
    return long.filter(_inside(long["word"], value)).select("row", "word")


def _with_a_word(held: pl.DataFrame, plain: pl.Series) -> pl.Series:
    value = plain.gather(held["row"])
    return held["row"].filter(_inside(held["word"], value))


def _with_a_short_one(said: pl.Series, plain: pl.Series) -> pl.Series:
    """Give the rows whose value begins with a short word and may stand in the text."""
    rows = plain.str.contains(_SHORT).arg_true()
    text, value = tidy(said.gather(rows)), tidy(plain.gather(rows))
    formless = pl.select(without_form(pl.lit(value))).to_series()
    return rows.filter(_inside(value, text) | (formless != value))


def _inside(parts: pl.Series, texts: pl.Series) -> pl.Series:
    both = pl.DataFrame({"part": parts, "text": texts})
    return both.select(pl.col("text").str.contains(pl.col("part"), literal=True)).to_series()
