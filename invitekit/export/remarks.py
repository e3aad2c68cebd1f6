"""Scrub the remarks of an export, batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import narwhals.stable.v2 as nw
import polars as pl

from invitekit.export.source import Source
from invitekit.privacy import Rule, Text
from invitekit.privacy.scrub import KnownNames, scrub_remarks

NAMES = ("customer_full_name", "customer_name", "account_name")
"""Columns with names that are removed from the remarks of all records."""


@dataclass(frozen=True, slots=True)
class Scrubber:
    """Removes personal data from remarks, best effort; does nothing without remarks."""

    names: KnownNames | None
    secret: tuple[str, ...]

    @classmethod
    def of(cls, source: Source, rows: Sequence[Rule], secret: Sequence[str]) -> Self:
        """Create a scrubber; if remarks are exported, with the names of all customers."""
        if not any(isinstance(row.form, Text) for row in rows):
            return cls(None, ())

        def distinct(frame: Any, name: str) -> Any:
            return frame.select(nw.col(name).cast(nw.String)).drop_nulls().unique()

        columns = (name for name in NAMES if name in source.columns)
        names = [text for name in columns for (text,) in source.ask(partial(distinct, name=name))]
        return cls(KnownNames(pl.Series("names", names, dtype=pl.String)), tuple(secret))

    def __call__(self, batch: pl.DataFrame) -> pl.DataFrame:
        """Scrub the remarks of a batch; a remark that is only an identifier becomes null."""
        if self.names is None:
            return batch
        own = [batch[name].cast(pl.String) for name in self.secret]
        scrubbed = scrub_remarks(batch["remarks"].cast(pl.String), own, self.names)
        whole = pl.any_horizontal(
            [scrubbed.eq(values).fill_null(value=False) for values in own] or [pl.lit(value=False)]
        )
        return batch.with_columns(pl.select(pl.when(~whole).then(scrubbed).alias("remarks")).to_series())
