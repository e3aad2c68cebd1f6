"""From places of words back to texts: a mark where each name stood."""

from __future__ import annotations

import polars as pl

from invitekit.scrub.table import MARKS
from invitekit.scrub.words import WORD, plain

NOWHERE = pl.DataFrame(schema=dict.fromkeys(("row", "start", "length"), pl.UInt32))
"""No places at all."""
_CUT = "\ue040"


def words_of(text: pl.Series) -> pl.DataFrame:
    """Give each word of the texts as it is compared: ``row`` and ``place`` say where it stands."""
    lists = pl.DataFrame({"word": text.str.to_lowercase().str.extract_all(WORD)}).with_row_index("row")
    count = pl.col("word").list.len()
    numbered = lists.filter(count > 0).with_columns(place=pl.int_ranges(0, count, dtype=pl.UInt32))
    words = numbered.explode("word", "place")
    return words.with_columns(plain(words["word"]))


def put_marks(text: pl.Series, spans: pl.DataFrame) -> pl.Series:
    """Put one mark for each span of words; spans that overlap become one.

    Args:
        text: The texts.
        spans: ``row``, ``start`` and ``length`` of what goes, in words as ``words_of`` counts them.
    """
    if spans.is_empty():
        return text
    pieces = _pieces(text, spans["row"].unique().sort())
    inner, begins = pl.col("inner").fill_null(value=False), pl.col("inner").is_not_null()
    gap = pl.when(inner).then(pl.lit("")).otherwise("gap")
    word = pl.when(inner).then(pl.lit("")).when(begins).then(pl.lit(MARKS["name"])).otherwise("word")
    joined = (
        pieces.join(_covered(spans), on=["row", "place"], how="left", maintain_order="left")
        .with_columns(piece=gap + word)
        .group_by("row", maintain_order=True)
        .agg(pl.col("piece").str.join(""))
    )
    return text.scatter(joined["row"], joined["piece"])


def _covered(spans: pl.DataFrame) -> pl.DataFrame:
    """Give each covered place, and whether a name that covers it begins before it."""
    ends = pl.col("start") + pl.col("length")
    places = spans.with_columns(place=pl.int_ranges("start", ends, dtype=pl.UInt32)).explode("place")
    return places.group_by("row", "place").agg(inner=(pl.col("place") > pl.col("start")).any())


def _pieces(text: pl.Series, rows: pl.Series) -> pl.DataFrame:
    """Cut some texts into words, each with the gap before it; the last gap goes with an empty word."""
    some = text.gather(rows)
    cut = pl.DataFrame(
        {
            "row": rows,
            "gap": some.str.replace_all(WORD, _CUT).str.split(_CUT),
            "word": some.str.extract_all(WORD),
        }
    ).with_columns(pl.col("word").list.concat([pl.lit([""])]))
    place = pl.int_ranges(0, pl.col("gap").list.len(), dtype=pl.UInt32)
    return cut.with_columns(place=place).explode("gap", "word", "place")
