"""Scrub the remarks of an export, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from invitekit.export.source import Source
from invitekit.privacy import Rule, Text
from invitekit.privacy.scrub import KnownNames, scrub_remarks

NAMES = ("customer_full_name", "customer_name", "account_name")
"""Columns with names that are removed from the remarks of all records."""


def remark_scrubber(
    source: Source, rows: Sequence[Rule], secret: Sequence[str]
) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Return a function that removes personal data from the remarks of a batch, best effort, if remarks are exported.

    A remark that is only an identifier becomes null.
    """
    if not any(isinstance(row.form, Text) for row in rows):
        return lambda batch: batch

    def distinct(name: str) -> list[tuple[Any, ...]]:
        return source.ask(lambda frame: frame.select(nw.col(name).cast(nw.String)).drop_nulls().unique())

    names = [text for name in NAMES if name in source.columns for (text,) in distinct(name)]
    known = KnownNames(pl.Series("names", names, dtype=pl.String))

    def scrub(batch: pl.DataFrame) -> pl.DataFrame:
        own = [batch[name].cast(pl.String) for name in secret]
        scrubbed = scrub_remarks(batch["remarks"].cast(pl.String), own, known)
        matches = [scrubbed.eq(values).fill_null(value=False) for values in own]
        is_identifier = pl.any_horizontal(pl.lit(value=False), *matches)
        kept = pl.when(~is_identifier).then(scrubbed).alias("remarks")
        return batch.with_columns(pl.select(kept).to_series())

    return scrub
