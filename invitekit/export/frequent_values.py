"""Frequent values that may be exported as they are: enough customers share them, and they identify no person."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from invitekit.export.customer_numbers import CUSTOMER_NUMBER, with_customer_numbers
from invitekit.export.prefetch import prefetch
from invitekit.export.source import Source, computed
from invitekit.privacy import OTHER, Rule, Words, normalise
from invitekit.privacy.policy import MOST_WORDS
from invitekit.privacy.scrub import KnownNames, without_patterns
from invitekit.privacy.scrub.names import WORD, take_out_names
from invitekit.privacy.scrub.normalise import fold
from invitekit.privacy.tokens import distinct, is_ascii

LONGEST = 1_000
"""Most bytes of a value that may be exported as it is."""
_FOLDS = r"[^\x00-\x7f\x{df}-\x{f6}\x{f8}-\x{ff}\x{3400}-\x{4dbf}\x{4e00}-\x{9fff}]"
"""A character that normalisation may change: all but ASCII, western European small letters, and Chinese ones."""


def choose_words(source: Source, rows: Sequence[Rule], secret: Sequence[str], fewest: int) -> tuple[Rule, ...]:
    """Choose the values of ``generalise top``: frequent ones that enough customers share and that identify no person.

    Raises:
        SchemaError: The records cannot be computed.
    """
    return tuple(_with_words(source, row, secret, fewest) if row.how == "top" else row for row in rows)


class IdentifierScanner:
    """Searches values that must not be exported for those that occur in one of a few words.

    Args:
        words: Short texts.
    """

    def __init__(self, words: Collection[str]) -> None:
        self._texts = pl.Series("word", sorted(words), dtype=pl.String)
        self._plain, self._folded = normalise(self._texts), fold(self._texts)
        self._whole = self._plain.drop_nulls().unique().implode()
        self._parts = _parts(self._folded).implode()
        self._needles = pl.concat([self._whole.explode(), self._parts.explode()]).unique().implode()
        self._found = [self._plain.head(0)]

    def look(self, columns: Sequence[pl.Series]) -> None:
        """Search some values, whatever the spelling of either side."""
        with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
            self._found += pool.map(self._look, columns)

    def told(self) -> frozenset[str]:
        """Return the words that identify a person: by a pattern, or because they contain a searched value as a word."""
        found = pl.concat(self._found).unique()
        left = take_out_names(without_patterns(self._folded), [], KnownNames(found))
        is_somebody = self._plain.is_null() | self._plain.is_in(found.implode())
        return frozenset(self._texts.filter(is_somebody | left.ne_missing(self._folded)))

    def _look(self, values: pl.Series) -> pl.Series:
        once = distinct(values.alias("word"))
        known = normalise(once.filter(self._near(once)))
        return known.filter(known.is_in(self._whole) | known.str.contains_any(self._parts)).unique()

    def _near(self, values: pl.Series) -> pl.Series:
        """Return the values that may be in a word, by a quick test: the others need no slow normalisation."""
        holds = values.str.contains_any(self._needles, ascii_case_insensitive=True)
        return holds if is_ascii(values) else values.str.contains(_FOLDS) | holds


def _parts(folded: pl.Series) -> pl.Series:
    """Return parts of the words: a name that occurs in them contains at least one."""
    return folded.str.to_lowercase().str.extract_all(WORD).explode().drop_nulls().unique()


def _with_words(source: Source, row: Rule, secret: Sequence[str], fewest: int) -> Rule:
    words = _shared(source, row.column, fewest)
    if words:
        out = IdentifierScanner(words)
        with contextlib.closing(prefetch(_texts(source, secret))) as batches:
            for batch in batches:
                out.look(batch.get_columns())
        words -= out.told()
    return replace(row, form=Words(words | {OTHER}, open=True))


def _texts(source: Source, names: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield columns as texts in batches; a frame in memory is one batch, so that each value is searched once.

    Raises:
        SchemaError: They cannot be computed.
    """
    texts = [nw.col(name).cast(nw.String) for name in names]
    native = computed(lambda: nw.from_native(source.native).select(*texts).to_native())
    if isinstance(native, pl.DataFrame):
        yield native
    elif names:
        yield from replace(source, native=native).batches(names)


def _shared(source: Source, column: str, fewest: int) -> frozenset[str]:
    """Return the most frequent values that enough customers share."""
    # A long text is not a tag, and would fill the memory.
    text = nw.col(column).cast(nw.String)
    word = nw.when(text.str.len_chars() <= LONGEST).then(text).alias("word")

    def often(frame: Any) -> Any:
        counted = frame.select(word).drop_nulls().group_by("word").agg(n=nw.len())
        return counted.filter(nw.col("n") >= fewest).select("word").head(1)

    def shared(frame: Any) -> Any:
        people = frame.select(word, CUSTOMER_NUMBER).drop_nulls().unique().group_by("word").agg(people=nw.len())
        return people.filter(nw.col("people") >= fewest).sort("people", "word", descending=[True, False])

    if not source.ask(often):
        return frozenset()
    with contextlib.closing(with_customer_numbers(source, [column])) as known:
        words = (text for text, _ in known.ask(shared) if len(text.encode()) <= LONGEST)
        return frozenset(islice(words, MOST_WORDS))
