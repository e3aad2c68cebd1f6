"""The names of all customers, looked up word by word: the time does not grow with their number."""

from __future__ import annotations

import polars as pl

from invitekit.scrub.spans import NOWHERE, put_marks, words_of
from invitekit.scrub.words import WORD, everyday, plain, usable, without_form

_SHORTEST = 3
"""Letters that a name has at least: anything shorter is in every remark."""
_NUMBER = 7
"""Digits that a name without letters has at least: shorter ones are counts and years."""
_TWO = 2
"""Words that are looked up at once: more than these are compared as a whole."""
_ALONE, _FIRST, _SECOND = 1, 2, 3
"""Seeds of hashes: the same word has another one in each place."""


class Directory:
    """Every customer's names, by their hashes.

    A name of one or two words is found by them, a longer one by its first two and then as a whole: no search
    through millions of patterns. One of two words is found in the other order too ("Lee, Ada"), however its
    umlauts are written. What is too short or too common to be one is left out (``names_that_count``).

    Args:
        names: Names and accounts; nulls, masked ones and repeats are left out.
    """

    def __init__(self, names: pl.Series) -> None:
        known = names_that_count(names)
        self._names = known.filter(pl.col("length") > _TWO).select(pl.col("name").hash()).unique()
        first, second = pl.col("words").list.first(), pl.col("words").list.get(1, null_on_oob=True)
        heads = known.select(pl.coalesce(_pair(first, second), _alone(first)).alias("head"), length="length")
        turned = known.filter(_turns(first, second)).select(_pair(second, first).alias("head"), length="length")
        self._heads = pl.concat([heads, turned]).unique()

    def spans(self, text: pl.Series) -> pl.DataFrame:
        """Give where a name stands in the texts: row, first word, and how many words."""
        if self._heads.is_empty():
            return NOWHERE
        words = words_of(text).with_columns(pl.col("row").set_sorted())
        following = pl.when(pl.col("row") == pl.col("row").shift(-1)).then(pl.col("word").shift(-1))
        pairs = words.select("row", "place", head=_pair(pl.col("word"), following)).drop_nulls("head")
        alone = words.select("row", "place", head=_alone(pl.col("word")))
        begun = pl.concat([pairs, alone]).join(self._heads, on="head").drop("head").rename({"place": "start"})
        short = begun.filter(pl.col("length") <= _TWO)
        return pl.concat([short, self._whole(begun.filter(pl.col("length") > _TWO), words)])

    def take_out(self, text: pl.Series) -> pl.Series:
        """Put a mark for each name in the texts."""
        return put_marks(text, self.spans(text))

    def _whole(self, begun: pl.DataFrame, words: pl.DataFrame) -> pl.DataFrame:
        """Keep those beginnings that go on as a name."""
        rows = begun.select("row").unique()
        lists = words.join(rows, on="row", how="semi").group_by("row", maintain_order=True).agg("word")
        said = pl.col("word").list.slice("start", "length").list.join(" ").hash()
        named = begun.join(lists, on="row").select("row", "start", "length", name=said)
        return named.join(self._names, on="name", how="semi").drop("name")


def _alone(word: pl.Expr) -> pl.Expr:
    return word.hash(_ALONE)


def _pair(first: pl.Expr, second: pl.Expr) -> pl.Expr:
    """One number for two words in their order; null where there is no second one."""
    return pl.when(second.is_not_null()).then(first.hash(_FIRST) ^ second.hash(_SECOND))


def _turns(first: pl.Expr, second: pl.Expr) -> pl.Expr:
    """Whether a name is looked for in the other order: two words of letters, neither of which everybody writes."""
    common = list(everyday())
    both = [word.str.contains(r"^[\p{L}--[\p{Han}]]{2}") & ~word.is_in(common) for word in (first, second)]
    return (pl.col("length") == _TWO) & both[0] & both[1]


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
    counted = known.filter(long, named, ~letters.is_in(list(everyday())))
    name = plain(counted["name"])
    common = plain(pl.Series(sorted(everyday())))
    spelled = counted.with_columns(name, words=name.str.split(" "), changed=name != counted["name"])
    # As it is spelled, nobody writes it every day; without its umlauts they may.
    rare = spelled.filter(~(pl.col("changed") & pl.col("name").is_in(common.implode())))
    return rare.select("words", "name", "length").unique("name")
