"""The names of all customers, looked up word by word: the time does not grow with their number."""

from __future__ import annotations

import polars as pl

from invitekit.scrub.spans import put_marks, words_of
from invitekit.scrub.words import WORD, everyday, usable, without_form

_SHORTEST = 3
"""Letters that a name has at least: anything shorter is in every remark."""
_NUMBER = 7
"""Digits that a name without letters has at least: shorter ones are counts and years."""


class Directory:
    """Every customer's names, by their hashes.

    A name is found by its first two words, then as a whole: no search through millions of patterns.
    What is too short or too common to be one is left out (``names_that_count``).

    Args:
        names: Names and accounts; nulls, masked ones and repeats are left out.
    """

    def __init__(self, names: pl.Series) -> None:
        known = names_that_count(names)
        self._names = known.select(pl.col("name").hash()).unique()
        self._heads = known.select(_head(pl.col("words")).hash().alias("head"), length="length").unique()

    def take_out(self, text: pl.Series) -> pl.Series:
        """Put a mark for each name in the texts."""
        if self._names.is_empty():
            return text
        words = words_of(text)
        following = pl.when(pl.col("row") == pl.col("row").shift(-1)).then(pl.col("word").shift(-1))
        pairs = words.select("row", "place", head=pl.concat_str("word", following, separator=" ").hash())
        alone = words.select("row", "place", head=pl.col("word").hash())
        begun = pl.concat([pairs, alone]).join(self._heads, on="head").drop("head")
        return put_marks(text, self._whole(begun, words))

    def _whole(self, begun: pl.DataFrame, words: pl.DataFrame) -> pl.DataFrame:
        """Keep those beginnings that go on as a name."""
        lists = words.group_by("row").agg("word").join(begun.select("row").unique(), on="row")
        named = begun.join(lists, on="row").select(
            "row",
            "length",
            start="place",
            name=pl.col("word").list.slice("place", "length").list.join(" ").hash(),
        )
        return named.join(self._names, on="name", how="semi").drop("name")


def names_that_count(names: pl.Series) -> pl.DataFrame:
    """Choose the names that are looked for in everybody's remarks, as ``name``, ``words`` and ``length``.

    Three letters or more with a letter among them, or a number of seven digits or more; in scripts without
    spaces, two signs or more. Never a single word that everybody writes.
    """
    values = pl.DataFrame({"value": usable(names)})
    both = pl.concat([values, values.select(without_form(pl.col("value")))]).unique()
    cut = both.with_columns(words=pl.col("value").str.extract_all(WORD))
    known = cut.select("words", name=pl.col("words").list.join(" "), length=pl.col("words").list.len())
    letters = pl.col("name").str.replace_all(" ", "", literal=True)
    size = letters.str.len_chars()
    long = (size >= _SHORTEST) | ((pl.col("length") > 1) & ~letters.str.contains(r"[\p{Latin}\p{N}]"))
    named = letters.str.contains(r"\p{L}") | (size >= _NUMBER)
    return known.filter(long, named, ~letters.is_in(list(everyday()))).unique("name")


def _head(words: pl.Expr) -> pl.Expr:
    """The first two words of a name, or its only one."""
    return words.list.head(2).list.join(" ")
