"""The aggregated export: counts of invitations and customers; small cells are suppressed, the others rounded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from invitekit.errors import OutputError
from invitekit.export.customer_numbers import CUSTOMER_NUMBER
from invitekit.export.transform import release
from invitekit.i18n import _
from invitekit.privacy import Range, Rule, Secrets
from invitekit.privacy.disclosure import STEP, round_count, rounded

_MAX_COUNT = 1e12
_CELL = "_ik_cell"
_MAX_UNIDENTIFIED = 0.5
"""The largest share of invitations without a known customer."""
COUNTS = ("invitations", "customers")
"""The counts of each cell. An invitation counts once, by its newest record."""


def counted_rows(rows: Sequence[Rule], fewest: int) -> tuple[Rule, ...]:
    """Return the rules of a table of counts: its grouping columns and ``COUNTS``."""
    form = Range(round_count(fewest) or STEP, _MAX_COUNT, step=STEP)
    return (*rows, *(Rule("", "count", name, name, form) for name in COUNTS))


def count_cells(batches: Iterable[pl.DataFrame], rows: Sequence[Rule], secrets: Secrets, fewest: int) -> pl.DataFrame:
    """Count invitations and customers for each combination of released values, rounded to the nearest ten.

    Cells with fewer customers than ``fewest`` are left out. Each row of the batches is an invitation with its customer
    number (``newest_invitations``); the rules are those of the grouping columns.

    Raises:
        OutputError: Most invitations have no known customer, or no cell is large enough.
    """
    names = [row.into for row in rows]
    counts = _counted(batches, rows, secrets)
    _check_identified(int(counts["invitations"].sum()), int(counts["identified"].sum()))
    shown = counts.filter(pl.col("customers") >= fewest)
    if shown.is_empty():
        raise OutputError(
            _("No combination of {columns} has {fewest} customers.", columns=tuple(names), fewest=fewest),
            hint=_("drop columns in a policy file, or export more records."),
        )
    numbers = [rounded(pl.col(name)).alias(name) for name in COUNTS]
    return shown.select(*names, *numbers).sort(names, nulls_last=True)


def _check_identified(invitations: int, identified: int) -> None:
    if invitations - identified > invitations * _MAX_UNIDENTIFIED:
        raise OutputError(
            _(
                "{unknown:,} of {invitations:,} invitations have no known customer, so customers cannot be counted.",
                unknown=invitations - identified,
                invitations=invitations,
            ),
            hint=_("export records with account names or email addresses that are not masked, or another level."),
        )


def _counted(batches: Iterable[pl.DataFrame], rows: Sequence[Rule], secrets: Secrets) -> pl.DataFrame:
    """Return the cells with their ``invitations``, the ``identified`` ones of these, and ``customers``.

    Of each invitation, only the numbers of its cell and its customer are stored.
    """
    names = [row.into for row in rows]
    cells, invitations, people = pl.DataFrame(), [], []
    for batch in batches:
        released = release(batch, rows, secrets)
        new = released.unique()
        new = new if cells.is_empty() else new.join(cells, on=names, how="anti", nulls_equal=True)
        numbered = new.with_row_index(_CELL, offset=cells.height)
        cells = numbered if cells.is_empty() else pl.concat([cells, numbered])
        joined = released.with_columns(batch[CUSTOMER_NUMBER]).join(cells, on=names, how="left", nulls_equal=True)
        counted = joined.group_by(_CELL).agg(invitations=pl.len(), identified=pl.col(CUSTOMER_NUMBER).count())
        invitations.append(counted)
        people.append(joined.select(_CELL, CUSTOMER_NUMBER).drop_nulls().unique())
    total = pl.concat(invitations).group_by(_CELL).agg(pl.col("invitations", "identified").sum().cast(pl.Int64))
    customers = pl.concat(people).unique().group_by(_CELL).agg(pl.len().cast(pl.Int64).alias("customers"))
    joined = cells.join(total, on=_CELL, how="left").join(customers, on=_CELL, how="left")
    return joined.with_columns(pl.col("customers").fill_null(0))
