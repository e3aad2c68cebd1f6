"""Which counts are too small to be handed on: hidden, with another one where a total would give them away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from invitekit.progress.intervals import rated

Cell = tuple[Any, Any]
Row = dict[str, Any]

LEAST = 10
"""A count below this could tell who is meant; none is handed on [k of k-anonymity]."""


def hidden(cells: Mapping[Cell, int]) -> frozenset[Cell]:
    """Give the cells of a table that have to be hidden, if every sum of a row and a column is known.

    A count from 1 to 9 is hidden. Where what is hidden in a row or column is one cell only, or
    fewer than ten together, its next smallest one is hidden too; nought tells nothing.

    >>> sorted(hidden({("a", "x"): 3, ("a", "y"): 12, ("a", "z"): 40}))
    [('a', 'x'), ('a', 'y')]
    """
    found = {cell for cell, n in cells.items() if 0 < n < LEAST}
    lines: dict[tuple[int, Any], list[Cell]] = {}
    for cell in cells:
        for side in (0, 1):
            lines.setdefault((side, cell[side]), []).append(cell)
    todo = True
    while todo:
        more = {cell for line in lines.values() for cell in _one_more(line, cells, found)}
        todo = bool(more)
        found |= more
    return frozenset(found)


def _one_more(line: list[Cell], cells: Mapping[Cell, int], found: set[Cell]) -> list[Cell]:
    """Give the next cell that a row or column has to hide, if any."""
    inside = [cell for cell in line if cell in found]
    if not inside or (len(inside) > 1 and sum(cells[cell] for cell in inside) >= LEAST):
        return []
    left = sorted((cells[cell], str(cell), cell) for cell in line if cell not in found and cells[cell])
    return [left[0][2]] if left else []


def fold(
    rows: Iterable[Row],
    size: str,
    merge: Callable[[list[Row]], Row],
    is_rest: Callable[[Row], bool] = lambda _: False,
) -> list[Row]:
    """Merge the rows that are too small into one, with the smallest of the others where they are still too few.

    Args:
        rows: The rows of a table.
        size: The column that counts.
        merge: Makes one row of several.
        is_rest: Tells a row that was merged before.

    Returns:
        The other rows in their order, then the merged one, if there is any; none at all where all
        together are too few.
    """
    every = sorted(rows, key=lambda row: -row[size])
    kept = [row for row in every if row[size] >= LEAST and not is_rest(row)]
    small = [row for row in every if row not in kept]
    while small and sum(row[size] for row in small) < LEAST and kept:
        small.append(kept.pop())
    return [*kept, merge(small)] if sum(row[size] for row in small) >= LEAST else kept


def rate(n: int | None, of: int | None, prefix: str = "") -> Row:
    """Give a rate with its interval under the names of a table, all null where a count is hidden."""
    found = rated(n, of) if n is not None and of is not None else {}
    return {f"{prefix}{name}": found.get(name) for name in ("rate", "low", "high")}
