"""Counts of records in place of records: what may be published, cells of few customers left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from invitekit.errors import OutputError
from invitekit.export.release import release
from invitekit.privacy import Range, Row, Secrets, normalise

PEOPLE = ("account_name", "email", "customer_full_name", "mobile", "record_id")
"""What tells customers apart, the first that a record has."""
MOST = 1e12
_CELL, _WHO = "_ik_cell", "_ik_who"


def counted_rows(rows: Sequence[Row], fewest: int) -> tuple[Row, ...]:
    """Give the rows of a table of counts: what it counts by, and how many records and customers there are."""
    form = Range(fewest, MOST)
    return (*rows, *(Row("", "count", name, name, form) for name in ("records", "customers")))


def count_cells(batches: Iterable[pl.DataFrame], rows: Sequence[Row], secrets: Secrets, fewest: int) -> pl.DataFrame:
    """Count records and customers for each combination of what is released.

    A cell of fewer customers than ``fewest`` is left out. What the left out cells hold together can be
    told by whoever knows the whole, so further cells, the smallest first, go with them until that sum
    is of as many customers, and of two cells.

    Raises:
        OutputError: No cell is large enough.
    """
    names = [row.into for row in rows]
    counts = _counted(batches, rows, secrets).sort("customers", *names, nulls_last=True)
    small = counts["customers"] < fewest
    few = int(small.sum())
    while 0 < few < len(counts) and (few < 2 or counts["customers"].head(few).sum() < fewest):
        few += 1
    if few == len(counts):
        raise OutputError(
            f"No combination of {', '.join(names)} is of {fewest} customers.",
            hint="drop columns in a policy file, or export more records.",
        )
    return counts.slice(few).sort(names, nulls_last=True)


def _counted(batches: Iterable[pl.DataFrame], rows: Sequence[Row], secrets: Secrets) -> pl.DataFrame:
    """Count batch by batch: what is kept of a record is the number of its cell and who it is, hashed."""
    names = [row.into for row in rows]
    cells, records, people = pl.DataFrame(), [], []
    for batch in batches:
        made = release(batch, rows, secrets)
        new = made.unique() if cells.is_empty() else made.unique().join(cells, on=names, how="anti", nulls_equal=True)
        numbered = new.with_row_index(_CELL, offset=cells.height)
        cells = numbered if cells.is_empty() else pl.concat([cells, numbered])
        found = made.with_columns(_who(batch)).join(cells, on=names, how="left", nulls_equal=True)
        records.append(found.group_by(_CELL).len("records"))
        people.append(found.select(_CELL, _WHO).drop_nulls().unique())
    total = pl.concat(records).group_by(_CELL).agg(pl.col("records").sum().cast(pl.Int64))
    whose = pl.concat(people).unique().group_by(_CELL).agg(pl.len().cast(pl.Int64).alias("customers"))
    joined = cells.join(total, on=_CELL, how="left").join(whose, on=_CELL, how="left")
    return joined.select(*names, "records", pl.col("customers").fill_null(0))


def _who(batch: pl.DataFrame) -> pl.Series:
    """Give a number for each record's customer; null where nothing tells who it is."""
    keys = [normalise(batch[name].cast(pl.String)) for name in PEOPLE if name in batch.columns]
    if not keys:
        return pl.Series(_WHO, [None] * batch.height, dtype=pl.UInt64)
    who = pl.DataFrame(keys).select(pl.coalesce(pl.all())).to_series()
    return pl.select(pl.when(who.is_not_null()).then(who.hash())).to_series().alias(_WHO)
