"""Disclosure control by rounding, for published tables of counts.

Counts below ten are hidden, and all others are rounded to the nearest ten independently. So no number depends on
another cell, and a total reveals nothing more about its parts. Rates and curves are computed again from the rounded
counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import polars as pl

from invitekit.metrics import OTHER

STEP = 10
"""Counts below it are hidden, all others are rounded to a multiple of it [k of k-anonymity]."""
Role = Literal["key", "group", "size", "count", "whole", "derived"]
"""The role of a column in a table.

``key`` identifies a row by a value that is not from the data (a stage, a date); ``group`` is a value of the data, which
is merged with others if it is small; ``size`` is the count that decides this; ``count`` is any other count of the row;
``whole`` is a count that several rows share; ``derived`` is computed from the counts.
"""
Roles = Mapping[str, Role]


def round_count(n: int) -> int | None:
    """Return a count rounded to the nearest ten, ties upwards; None below ten.

    >>> [round_count(n) for n in (0, 9, 10, 14, 15, 234)]
    [None, None, 10, 10, 20, 230]
    """
    return (n + STEP // 2) // STEP * STEP if n >= STEP else None


def rounded(count: pl.Expr) -> pl.Expr:
    """Build the expression of rounded counts, as ``round_count``."""
    return pl.when(count >= STEP).then((count + STEP // 2) // STEP * STEP)


def round_table(table: pl.DataFrame, roles: Roles, *, small_rows: bool = False) -> pl.DataFrame:
    """Return a table that may be published: small groups merged, counts rounded, derived columns null.

    Args:
        table: Exact counts.
        roles: The role of every column.
        small_rows: Whether rows below ten stay, with a null count. Groups with a total below ten are merged; a merged
            group with a total below ten is left out.

    Returns:
        The rows in their order; groups by rounded size, the largest first, then by name, and the merged group last.

    Raises:
        LookupError: A column has no role, or a role no column.
    """
    if unknown := table.columns ^ roles.keys():
        raise LookupError(f"column and role do not match: {', '.join(sorted(unknown))}")
    groups, keys, (size,) = (_names(roles, role) for role in ("group", "key", "size"))
    if groups:
        table = merge_groups(table, roles, pl.col(size).sum().over(groups) < STEP)
        total = pl.col(size).sum().over(groups)
        order = [(pl.col(groups[0]) == OTHER).fill_null(value=False), -rounded(total), *groups, *keys]
        table = table.filter(total >= STEP).sort(order, maintain_order=True)
    counts = [name for name, role in roles.items() if role in ("size", "count", "whole")]
    table = table.with_columns(
        *(rounded(pl.col(name)).alias(name) for name in counts),
        *(pl.lit(None, table.schema[name]).alias(name) for name in _names(roles, "derived")),
    )
    return table if small_rows else table.filter(pl.col(size).is_not_null())


def merge_groups(table: pl.DataFrame, roles: Roles, small: pl.Expr) -> pl.DataFrame:
    """Merge the rows of groups with the condition ``small`` under one name; derived columns become null."""
    groups, keys = _names(roles, "group"), _names(roles, "key")
    counts = [*_names(roles, "size"), *_names(roles, "count")]
    named = table.with_columns(pl.when(small).then(pl.lit(OTHER)).otherwise(name).alias(name) for name in groups)
    merged = named.group_by(*keys, *groups, maintain_order=True).agg(
        pl.col(counts).sum(), pl.col(_names(roles, "whole")).first()
    )
    return merged.select(
        pl.col(name) if name in merged.columns else pl.lit(None, kind).alias(name)
        for name, kind in table.schema.items()
    )


def _names(roles: Roles, role: Role) -> list[str]:
    return [name for name, own in roles.items() if own == role]
