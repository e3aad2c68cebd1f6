"""Disclosure control by rounding, for published tables of counts.

A count below ten is hidden and every other count is rounded to the nearest ten, each from its own exact
value: no number depends on another cell, so a total reveals no more of its parts than their rounding does.
Rates and curves are computed again, from the rounded counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import polars as pl

from invitekit.metrics import OTHER

STEP = 10
"""Counts below it are hidden, all others rounded to it [k of k-anonymity]."""
Role = Literal["key", "group", "size", "count", "whole", "derived"]
"""What a column of a table is for.

``key`` says which row it is, in words that do not come from the data (a stage, a date); ``group`` is a value of
the data, merged with others where it is small; ``size`` is the count that decides what is small; ``count`` is any
other count of the row; ``whole`` is a count that several rows share; ``derived`` follows from the counts.
"""
Roles = Mapping[str, Role]


def round_count(n: int) -> int | None:
    """Return a count rounded to the nearest ten, ties upwards; None below ten.

    >>> [round_count(n) for n in (0, 9, 10, 14, 15, 234)]
    [None, None, 10, 10, 20, 230]
    """
    return (n + STEP // 2) // STEP * STEP if n >= STEP else None


def rounded(count: pl.Expr) -> pl.Expr:
    """Return a column of counts, each as ``round_count`` returns it."""
    return pl.when(count >= STEP).then((count + STEP // 2) // STEP * STEP)


def round_table(table: pl.DataFrame, roles: Roles, *, small_rows: bool = False) -> pl.DataFrame:
    """Return a table as it may be published: small groups merged, counts rounded, derived columns null.

    Args:
        table: Exact counts.
        roles: The role of every column.
        small_rows: Whether rows below ten stay, with a null count. A group whose rows are below ten all together
            is merged with the other such groups; what is below ten even then is left out.

    Returns:
        The rows in their order; of groups, the largest first by their rounded size, then by name, the merged one last.

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
    """Return a table with the rows of some groups added up under one name; derived columns are null.

    Args:
        table: Exact counts.
        roles: The role of every column.
        small: Which rows are of groups to merge.
    """
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
    return [name for name, its in roles.items() if its == role]
