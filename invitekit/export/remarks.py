"""Remarks that leave as scrubbed text: the seam between one small frame and the scrubber."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import narwhals.stable.v2 as nw
import polars as pl

from invitekit.export.source import Source
from invitekit.privacy import Row, Text
from invitekit.privacy.scrub import KnownNames, scrub_remarks

NAMES = ("customer_full_name", "customer_name", "account_name")
"""Columns whose values are taken out of every remark, whosesoever it is."""


@dataclass(frozen=True, slots=True)
class Scrubber:
    """Takes out of remarks what tells who somebody is, best effort; without a row for them, it does nothing."""

    names: KnownNames | None
    secret: tuple[str, ...]

    @classmethod
    def of(cls, source: Source, rows: Sequence[Row], secret: Sequence[str]) -> Self:
        """Make one that knows the names of all customers, if any remarks are to leave."""
        if not any(isinstance(row.form, Text) for row in rows):
            return cls(None, ())

        def distinct(frame: Any, name: str) -> Any:
            return frame.select(nw.col(name).cast(nw.String)).drop_nulls().unique()

        columns = (name for name in NAMES if name in source.columns)
        names = [text for name in columns for (text,) in source.ask(partial(distinct, name=name))]
        return cls(KnownNames(pl.Series("names", names, dtype=pl.String)), tuple(secret))

    def __call__(self, batch: pl.DataFrame) -> pl.DataFrame:
        """Give the frame with its remarks scrubbed; one that is an identifier as a whole is gone."""
        if self.names is None:
            return batch
        own = [batch[name].cast(pl.String) for name in self.secret]
        scrubbed = scrub_remarks(batch["remarks"].cast(pl.String), own, self.names)
        whole = pl.any_horizontal(
            [scrubbed.eq(values).fill_null(value=False) for values in own] or [pl.lit(value=False)]
        )
        return batch.with_columns(pl.select(pl.when(~whole).then(scrubbed).alias("remarks")).to_series())
