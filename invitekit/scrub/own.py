"""The record's own names: each row's in its own remark only, however short."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from invitekit.scrub.fold import fold
from invitekit.scrub.spans import NOWHERE, put_marks, words_of
from invitekit.scrub.table import MARKS
from invitekit.scrub.words import MASKED, WORD, everyday, plain, without_form

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
    for column in own:
        text = _without_number(text, column)
    return text


def own_spans(text: pl.Series, own: Sequence[pl.Series]) -> pl.DataFrame:
    """Give where the record's own names stand, each as a whole: row, first word, and how many words."""
    return _spans(text, [_whole(column) for column in own])


def take_out_words(text: pl.Series, own: Sequence[pl.Series]) -> pl.Series:
    """Put a mark for each single word of the record's own names; others' whole names go before, or half would stay."""
    return put_marks(text, _spans(text, [_parts(column) for column in own]))


def _spans(text: pl.Series, wanted: Sequence[pl.DataFrame]) -> pl.DataFrame:
    if not wanted:
        return NOWHERE
    lower = plain(text.str.to_lowercase().str.replace_all(r"\s+", " "))
    found = [_found(lower, names.with_columns(plain(names["value"]))) for names in wanted]
    return _places(text, pl.concat(found).unique())


def _without_number(text: pl.Series, column: pl.Series) -> pl.Series:
    """Put a mark for a number of the record's own, whatever stands beside it."""
    rows = pl.DataFrame({"text": text, "number": column}).with_row_index("row")
    # Patterns went first: few texts still hold so long a number, and only those are looked at.
    left = rows.filter(
        pl.col("text").str.contains(rf"[0-9]{{{_NUMBER}}}") & ~pl.col("number").str.contains(r"[@\p{L}]")
    )
    number = fold(left["number"]).str.replace_all("[^0-9]", "")
    long = left.with_columns(number).filter(pl.col("number").str.len_chars() >= _NUMBER)
    cut = long.select("row", text=_cut(_cut(pl.col("text"), pl.col("number")), pl.col("number").str.tail(_LAST)))
    return text.scatter(cut["row"], cut["text"])


def _cut(text: pl.Expr, number: pl.Expr) -> pl.Expr:
    return text.str.split(number).list.join(MARKS["mobile"])


def _values(column: pl.Series) -> pl.DataFrame:
    """Give each row's value as it is compared; masked ones are nobody's."""
    rows = pl.DataFrame({"value": fold(column).str.to_lowercase()}).with_row_index("row")
    shown = rows.filter(~pl.col("value").str.contains(MASKED))
    return shown.with_columns(pl.col("value").str.replace_all(r"\s+", " ").str.strip_chars())


def _whole(column: pl.Series) -> pl.DataFrame:
    """Give what to look for in each row: the value whole, without its legal form, a Chinese given name."""
    whole = _values(column)
    formless = whole.with_columns(without_form(pl.col("value")))
    given = whole.filter(pl.col("value").str.contains(r"^\p{Han}{3}$")).with_columns(pl.col("value").str.tail(2))
    return pl.concat([whole, _rare(pl.concat([formless, given]))])


def _parts(column: pl.Series) -> pl.DataFrame:
    """Give the words of each row's value that tell somebody."""
    part = pl.col("value")
    parts = _values(column).with_columns(part.str.extract_all(WORD)).explode("value")
    return _rare(parts.filter((part.str.len_chars() >= 3) & part.str.contains(r"\p{L}")))


def _rare(names: pl.DataFrame) -> pl.DataFrame:
    return names.filter(~pl.col("value").is_in(list(everyday())))


def _found(lower: pl.Series, wanted: pl.DataFrame) -> pl.DataFrame:
    """Keep what stands in its row's text at all: a quick look, before words are compared."""
    said = wanted.with_columns(text=lower.gather(wanted["row"]))
    return said.filter(pl.col("value") != "", pl.col("text").str.contains(pl.col("value"), literal=True)).select(
        "row", "value"
    )


def _places(text: pl.Series, names: pl.DataFrame) -> pl.DataFrame:
    """Find where a row's names stand as whole words."""
    rows = names["row"].unique().sort()
    words = words_of(text.gather(rows))
    words = words.with_columns(row=rows.gather(words["row"]))
    cut = names.select("row", name=pl.col("value").str.extract_all(WORD)).filter(pl.col("name").list.len() > 0)
    begun = words.join(cut.with_columns(word=pl.col("name").list.first()), on=["row", "word"])
    lists = words.group_by("row", maintain_order=True).agg(said="word")
    length = pl.col("name").list.len()
    named = begun.join(lists, on="row").filter(pl.col("said").list.slice("place", length) == pl.col("name"))
    return named.select("row", start="place", length=length)
