"""From places of words back to texts: a mark where each name stood."""

from __future__ import annotations

import polars as pl

from invitekit.privacy.scrub.table import MARKS
from invitekit.privacy.scrub.tokenise import GAP, WORD, plain

NOWHERE = pl.DataFrame(schema=dict.fromkeys(("row", "start", "length"), pl.UInt32))
"""No places at all."""
_PIECE = f"{GAP}*(?:{WORD})|{GAP}+"
"""A word with the gap before it; the last gap has none."""
_ITS_WORD = f"(?:{WORD})$"


def compared(text: pl.Series) -> pl.Series:
    """Give texts as their words are compared."""
    return plain(text.str.to_lowercase())


def words_of(said: pl.Series) -> pl.DataFrame:
    """Give each word of texts that are ``compared``: ``row`` and ``place`` say where it stands."""
    lists = pl.DataFrame({"word": said.str.extract_all(WORD)}).with_row_index("row")
    count = pl.col("word").list.len()
    numbered = lists.filter(count > 0).with_columns(place=pl.int_ranges(0, count, dtype=pl.UInt32))
    return numbered.explode("word", "place").with_columns(pl.col("row").set_sorted())


def put_marks(text: pl.Series, spans: pl.DataFrame) -> pl.Series:
    """Put one mark for each span of words; spans that overlap become one.

    Args:
        text: The texts.
        spans: ``row``, ``start`` and ``length`` of what goes, in words as ``words_of`` counts them.
    """
    if spans.is_empty():
        return text
    rows = spans["row"].unique().sort()
    pieces = _pieces(text, rows).join(covered(spans), on=["row", "place"], how="left", maintain_order="left")
    inner = pl.col("inner")
    begins = pieces["inner"].eq(other=False).arg_true()
    marked = pieces["piece"].gather(begins).str.replace(_ITS_WORD, MARKS["name"])
    joined = (
        pieces.with_columns(pieces["piece"].scatter(begins, marked))
        .filter(~inner.fill_null(value=False))
        .group_by("row", maintain_order=True)
        .agg(pl.col("piece").str.join(""))
    )
    return text.scatter(joined["row"], joined["piece"])


def covered(spans: pl.DataFrame) -> pl.DataFrame:
    """Give each covered place, and whether a name that covers it begins before it."""
    ends = pl.col("start") + pl.col("length")
    places = spans.with_columns(place=pl.int_ranges("start", ends, dtype=pl.UInt32)).explode("place")
    return places.group_by("row", "place").agg(inner=(pl.col("place") > pl.col("start")).any())


def outside(spans: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """Give the spans of a single word that none of the others covers."""
    taken = covered(others).rename({"place": "start"})
    return spans.join(taken, on=["row", "start"], how="anti")


def _pieces(text: pl.Series, rows: pl.Series) -> pl.DataFrame:
    """Cut some texts into words, each with the gap before it; the last gap stands alone."""
    cut = pl.DataFrame({"row": rows, "piece": text.gather(rows).str.extract_all(_PIECE)})
    place = pl.int_ranges(0, pl.col("piece").list.len(), dtype=pl.UInt32)
    return cut.with_columns(place=place).explode("piece", "place")
