"""Choose frequent values that may be exported: enough customers share them, and they identify no person."""

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
from invitekit.privacy.scrub.names import WORD, replace_names
from invitekit.privacy.scrub.normalise import fold
from invitekit.privacy.tokens import distinct, is_ascii

MAX_BYTES = 1_000
"""The most bytes of an exported value."""
_FOLDS = r"[^\x00-\x7f\x{df}-\x{f6}\x{f8}-\x{ff}\x{3400}-\x{4dbf}\x{4e00}-\x{9fff}]"
"""A character that normalisation may change: all except ASCII, Western European lower-case letters, and Chinese."""


def choose_words(source: Source, rows: Sequence[Rule], secret: Sequence[str], fewest: int) -> tuple[Rule, ...]:
    """Choose the values of ``generalise top``: enough customers share them, and they identify no person."""
    return tuple(_with_words(source, row, secret, fewest) if row.how == "top" else row for row in rows)


class IdentifierScanner:
    """Searches a few short texts for values that must not be exported."""

    def __init__(self, words: Collection[str]) -> None:
        self._texts = pl.Series("word", sorted(words), dtype=pl.String)
        self._plain, self._folded = normalise(self._texts), fold(self._texts)
        self._whole = self._plain.drop_nulls().unique().implode()
        self._parts = _parts(self._folded).implode()
        self._needles = pl.concat([self._whole.explode(), self._parts.explode()]).unique().implode()
        self._matches = [self._plain.head(0)]

    def search(self, columns: Sequence[pl.Series]) -> None:
        """Search the words for these values, in any spelling."""
        with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
            self._matches += pool.map(self._matching, columns)

    def identifying_words(self) -> frozenset[str]:
        """Return the words that match a pattern of personal data, or contain a searched value."""
        values = pl.concat(self._matches).unique()
        scrubbed = replace_names(without_patterns(self._folded), [], KnownNames(values))
        is_value = self._plain.is_null() | self._plain.is_in(values.implode())
        return frozenset(self._texts.filter(is_value | scrubbed.ne_missing(self._folded)))

    def _matching(self, values: pl.Series) -> pl.Series:
        once = distinct(values.alias("word"))
        known = normalise(once.filter(self._may_match(once)))
        return known.filter(known.is_in(self._whole) | known.str.contains_any(self._parts)).unique()

    def _may_match(self, values: pl.Series) -> pl.Series:
        """Return flags of the values that may be in a word: a quick test before the slow normalisation."""
        contains = values.str.contains_any(self._needles, ascii_case_insensitive=True)
        return contains if is_ascii(values) else values.str.contains(_FOLDS) | contains


def _parts(folded: pl.Series) -> pl.Series:
    """Return the parts of the words: a name in them contains at least one."""
    return folded.str.to_lowercase().str.extract_all(WORD).explode().drop_nulls().unique()


def _with_words(source: Source, row: Rule, secret: Sequence[str], fewest: int) -> Rule:
    words = _shared(source, row.column, fewest)
    if words:
        scanner = IdentifierScanner(words)
        with contextlib.closing(prefetch(_texts(source, secret))) as batches:
            for batch in batches:
                scanner.search(batch.get_columns())
        words -= scanner.identifying_words()
    return replace(row, form=Words(words | {OTHER}, open=True))


def _texts(source: Source, names: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield columns as text in batches; a frame in memory is one batch, so that each value is searched once."""
    texts = [nw.col(name).cast(nw.String) for name in names]
    native = computed(lambda: nw.from_native(source.native).select(*texts).to_native())
    if isinstance(native, pl.DataFrame):
        yield native
    elif names:
        yield from replace(source, native=native).batches(names)


def _shared(source: Source, column: str, fewest: int) -> frozenset[str]:
    """Return the most frequent values that enough customers share."""
    # A long text is not a category, and would need much memory.
    text = nw.col(column).cast(nw.String)
    word = nw.when(text.str.len_chars() <= MAX_BYTES).then(text).alias("word")

    def frequent(frame: Any) -> Any:
        counted = frame.select(word).drop_nulls().group_by("word").agg(n=nw.len())
        return counted.filter(nw.col("n") >= fewest).select("word").head(1)

    def shared(frame: Any) -> Any:
        people = frame.select(word, CUSTOMER_NUMBER).drop_nulls().unique().group_by("word").agg(people=nw.len())
        return people.filter(nw.col("people") >= fewest).sort("people", "word", descending=[True, False])

    if not source.ask(frequent):
        return frozenset()
    with contextlib.closing(with_customer_numbers(source, [column])) as known:
        words = (text for text, _ in known.ask(shared) if len(text.encode()) <= MAX_BYTES)
        return frozenset(islice(words, MOST_WORDS))
