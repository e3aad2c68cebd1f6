"""The record's own names: each row's in its own remark only, however short."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from invitekit.privacy.scrub.candidate_filter import near, tidy
from invitekit.privacy.scrub.normalise import fold
from invitekit.privacy.scrub.spans import NOWHERE
from invitekit.privacy.scrub.table import MARKS
from invitekit.privacy.scrub.tokenise import MASKED, WORD, plain, stopwords, without_form

_NUMBER = 7
"""Digits from which on a value may be a phone number."""
_LAST = 8
"""Digits at the end of a phone number that stay the same at home and from abroad."""


def take_out_numbers(text: pl.Series, own: Sequence[pl.Series]) -> pl.Series:
    """Put a mark for each of the record's own numbers.

    Args:
        text: Folded texts.
        own: Columns as long as the texts.
    """
    # Patterns went first: few texts still hold so long a number, and only those are looked at.
    at = text.str.contains(rf"[0-9]{{{_NUMBER}}}").arg_true()
    left = text.gather(at)
    for column in own if len(at) else ():
        left = _without_number(left, column.gather(at))
    return text.scatter(at, left)


def own_spans(said: pl.Series, words: pl.DataFrame, own: Sequence[pl.Series]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give where the record's own names stand, each as a whole, and where single words of them do.

    Args:
        said: Texts that are ``compared``.
        words: Their words.
        own: Columns as long as the texts.

    Returns:
        Each as row, first word, and how many words.
    """
    if not own:
        return NOWHERE, NOWHERE
    values = near(said, words, own).filter(~pl.col("value").str.contains(MASKED))
    values = values.with_columns(tidy(values["value"]))
    spoken = words.join(values.select("row").unique(), on="row", how="semi", maintain_order="left")
    return _whole_spans(spoken, _whole(values)), _single_spans(spoken, _parts(values))


def _without_number(text: pl.Series, column: pl.Series) -> pl.Series:
    """Put a mark for a number of the record's own, whatever stands beside it."""
    rows = pl.DataFrame({"text": text, "number": column}).with_row_index("row")
    left = rows.filter(~pl.col("number").str.contains(r"[@\p{L}]"))
    number = fold(left["number"]).str.replace_all("[^0-9]", "")
    long = left.with_columns(number).filter(pl.col("number").str.len_chars() >= _NUMBER)
    cut = long.select("row", text=_cut(_cut(pl.col("text"), pl.col("number")), pl.col("number").str.tail(_LAST)))
    return text.scatter(cut["row"], cut["text"])


def _cut(text: pl.Expr, number: pl.Expr) -> pl.Expr:
    return text.str.split(number).list.join(MARKS["mobile"])


def _whole(values: pl.DataFrame) -> pl.DataFrame:
    """Give what to look for in each row: the value whole, without its legal form, a Chinese given name."""
    value = pl.col("value")
    formless = values.with_columns(without_form(value))
    given = values.filter(value.str.contains(r"^\p{Han}{3}$")).with_columns(value.str.tail(2))
    return _compared(pl.concat([values, _rare(pl.concat([formless, given]))]))


def _parts(values: pl.DataFrame) -> pl.DataFrame:
    """Give the words of each row's values that tell somebody."""
    part = pl.col("value")
    parts = values.with_columns(part.str.extract_all(WORD)).explode("value")
    return _compared(_rare(parts.filter((part.str.len_chars() >= 3) & part.str.contains(r"\p{L}"))))


def _rare(names: pl.DataFrame) -> pl.DataFrame:
    return names.filter(~pl.col("value").is_in(list(stopwords())))


def _compared(names: pl.DataFrame) -> pl.DataFrame:
    return names.with_columns(plain(names["value"])).unique()


def _single_spans(words: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    found = words.join(parts.rename({"value": "word"}), on=["row", "word"], how="semi")
    return found.select("row", start="place", length=pl.lit(1, pl.UInt32))


def _whole_spans(words: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """Find where a row's names stand, word for word."""
    cut = names.select("row", name=pl.col("value").str.extract_all(WORD)).filter(pl.col("name").list.len() > 0)
    begun = words.join(cut.with_columns(word=pl.col("name").list.first()), on=["row", "word"])
    length = pl.col("name").list.len()
    one = begun.filter(length == 1)
    more = begun.filter(length > 1)
    lists = words.join(more.select("row").unique(), on="row", how="semi", maintain_order="left")
    spoken = lists.group_by("row", maintain_order=True).agg(said="word")
    named = more.join(spoken, on="row").filter(pl.col("said").list.slice("place", length) == pl.col("name"))
    return pl.concat([some.select("row", start="place", length=length) for some in (one, named)])
