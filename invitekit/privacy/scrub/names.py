"""The names of all customers, looked up word by word: the time does not grow with their number."""

from __future__ import annotations

import polars as pl

from invitekit.privacy.scrub.bloom import Hashes
from invitekit.privacy.scrub.spans import NOWHERE, compared, put_marks, words_of
from invitekit.privacy.scrub.tokenise import WORD, plain, stopwords, usable, without_form

_SHORTEST = 3
"""Letters that a name has at least: anything shorter is in every remark."""
_NUMBER = 7
"""Digits that a name without letters has at least: shorter ones are counts and years."""
_TWO = 2
"""Words that are looked up at once: more than these are compared as a whole."""
_ALONE, _FIRST, _SECOND, _LASTING = 1, 2, 3, 4
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
        long = known.filter(pl.col("length") > _TWO)
        first, second = pl.col("words").list.first(), pl.col("words").list.get(1, null_on_oob=True)
        self._names = Hashes(long["name"].hash())
        self._lengths = long.select(pl.col("length").unique())
        self._begin = Hashes(long.select(_pair(first, second)).to_series())
        self._longer = Hashes(long.select(_lasting(_pair(first, second))).to_series())
        short = known.filter(pl.col("length") <= _TWO)
        turned = short.filter(_turns(first, second)).select(_pair(second, first)).to_series()
        straight = short.select(pl.coalesce(_pair(first, second), _alone(first))).to_series()
        self._short = Hashes(pl.concat([straight, turned]))

        self._known = known.height > 0

    def __bool__(self) -> bool:
        """Whether there is any name in it."""
        return self._known

    def spans(self, words: pl.DataFrame) -> pl.DataFrame:
        """Give where a name stands, of the words of some texts: row, first word, and how many words."""
        following = pl.when(pl.col("row") == pl.col("row").shift(-1)).then(pl.col("word").shift(-1))
        heads = words.select("row", "place", one=_alone(pl.col("word")), two=_pair(pl.col("word"), following))
        one, two = (
            heads.filter(self._short.hold(heads[head])).select("row", start="place", length=pl.lit(length, pl.UInt32))
            for head, length in (("one", 1), ("two", 2))
        )
        begun = heads.filter(self._begin.hold(heads["two"])).select("row", "two", start="place")
        return pl.concat([one, two, self._whole(begun, words)])

    def take_out(self, text: pl.Series) -> pl.Series:
        """Put a mark for each name in the texts."""
        return put_marks(text, self.spans(words_of(compared(text))))

    def _whole(self, begun: pl.DataFrame, words: pl.DataFrame) -> pl.DataFrame:
        """Keep those beginnings that go on as a name."""
        if begun.is_empty():
            return NOWHERE
        tried = begun.join(self._lengths, how="cross")
        tried = tried.filter(self._longer.hold(tried.select(_lasting(pl.col("two"))).to_series()))
        its = words.join(tried.select("row").unique(), on="row", how="semi", maintain_order="left")
        spoken = tried.join(its.group_by("row", maintain_order=True).agg("word"), on="row")
        said = spoken.select(pl.col("word").list.slice("start", "length").list.join(" ").hash()).to_series()
        return spoken.filter(self._names.hold(said)).select("row", "start", "length")


def _alone(word: pl.Expr) -> pl.Expr:
    return word.hash(_ALONE)


def _pair(first: pl.Expr, second: pl.Expr) -> pl.Expr:
    """One number for two words in their order; null where there is no second one."""
    return pl.when(second.is_not_null()).then(first.hash(_FIRST) ^ second.hash(_SECOND))


def _lasting(begin: pl.Expr) -> pl.Expr:
    """One number for how a name begins and how many words it has."""
    return begin ^ pl.col("length").hash(_LASTING)


def _turns(first: pl.Expr, second: pl.Expr) -> pl.Expr:
    """Whether a name is looked for in the other order: two words of letters, neither of which everybody writes."""
    common = list(stopwords())
    both = [word.str.contains(r"^[\p{L}--[\p{Han}]]{2}") & ~word.is_in(common) for word in (first, second)]
    return (pl.col("length") == _TWO) & both[0] & both[1]


def names_that_count(names: pl.Series) -> pl.DataFrame:
    """Choose the names that are looked for in everybody's remarks, as ``name``, ``words`` and ``length``.

    Three letters or more with a letter among them, or a number of seven digits or more; in scripts without
    spaces, two signs or more. Never a single word that everybody writes.
    """
    values = pl.DataFrame({"value": usable(names)})
    formless = values.select(without_form(pl.col("value"))).filter(pl.col("value") != values["value"])
    both = pl.concat([values, formless])
    cut = both.with_columns(words=pl.col("value").str.extract_all(WORD))
    known = cut.select("words", name=pl.col("words").list.join(" "), length=pl.col("words").list.len())
    letters = pl.col("name").str.replace_all(" ", "", literal=True)
    size = letters.str.len_chars()
    long = (size >= _SHORTEST) | ((pl.col("length") > 1) & ~letters.str.contains(r"[\p{Latin}\p{N}]"))
    named = letters.str.contains(r"\p{L}") | (size >= _NUMBER)
    counted = known.filter(long, named, ~letters.is_in(list(stopwords())))
    name = plain(counted["name"])
    common = plain(pl.Series(sorted(stopwords())))
    spelled = counted.with_columns(name, words=name.str.split(" "), changed=name != counted["name"])
    # As it is spelled, nobody writes it every day; without its umlauts they may.
    rare = spelled.filter(~(pl.col("changed") & pl.col("name").is_in(common.implode())))
    return rare.select("words", "name", "length")
