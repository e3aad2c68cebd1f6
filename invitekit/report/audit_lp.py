"""How far hidden counts may be from what they are, when every sum they stand in is known: linear programmes."""

from __future__ import annotations

from collections.abc import Container, Hashable, Mapping, Sequence

Cell = Hashable
Sum = tuple[Cell, tuple[Cell, ...]]
"""A whole and the parts that add up to it."""

_FAR = 1000.0
"""No count is moved further: far enough to make room, and the numbers stay small whatever the records."""


class Shifting:
    """Moves counts so that every sum stays true, and shown ones only at a cost.

    >>> counts = Shifting({"all": 55, "x": 3, "y": 12, "z": 40}, [("all", ("x", "y", "z"))])
    >>> counts.move("x", 10, {"all": None, "x": 0, "y": 12, "z": 40})
    {'x': 10.0, 'y': -10.0}
    """

    def __init__(self, counts: Mapping[Cell, int], sums: Sequence[Sum]) -> None:
        """Lay out the sums once; each count may rise or fall, but not below nought."""
        from scipy.sparse import csr_array, hstack  # noqa: PLC0415 - half a second, for those who report

        self._places = {cell: place for place, cell in enumerate(counts)}
        self._falls = [min(float(n), _FAR) for n in counts.values()]
        signs = [
            (-1.0 if cell == whole else 1.0, row, self._places[cell])
            for row, (whole, parts) in enumerate(sums)
            for cell in (whole, *parts)
        ]
        values, rows, places = zip(*signs, strict=True) if signs else ((), (), ())
        table = csr_array((values, (rows, places)), shape=(len(sums), len(counts)), dtype=float)
        self._table, self._nought = hstack([table, -table], format="csr"), [0.0] * len(sums)

    def move(self, cell: Cell, by: float, costs: Mapping[Cell, float | None]) -> dict[Cell, float] | None:
        """Give how far counts move where one moves so far, at the least cost.

        Args:
            cell: The count that moves.
            by: How far; below nought where it falls.
            costs: What it costs to move each count by one; None where it cannot be moved.

        Returns:
            The counts that move and how far, or None where they cannot.
        """
        free = [costs[one] is not None for one in self._places]
        prices = [costs[one] or 0.0 for one in self._places]
        rises = [(0.0, _FAR if able else 0.0) for able in free]
        falls = [(0.0, most if able else 0.0) for most, able in zip(self._falls, free, strict=True)]
        place = self._places[cell]
        rises[place], falls[place] = (max(by, 0.0), max(by, 0.0)), (max(-by, 0.0), max(-by, 0.0))
        return self._cheapest(prices + prices, rises + falls)

    def raised(self, weights: Mapping[Cell, float], free: Container[Cell], most: float) -> dict[Cell, float]:
        """Give how far counts move where as many as can be rise at once, those of the greatest weight first.

        Args:
            weights: Which counts are to rise, and how much each unit of it is worth.
            free: Which counts may move at all.
            most: How far those with a weight may rise.

        Returns:
            The counts that move and how far; none, where none can.
        """
        prices = [weights.get(one, 0.0) for one in self._places]
        able = [one in free for one in self._places]
        rises = [
            (0.0, (most if one in weights else _FAR) if may else 0.0)
            for one, may in zip(self._places, able, strict=True)
        ]
        falls = [(0.0, fall if may else 0.0) for fall, may in zip(self._falls, able, strict=True)]
        return self._cheapest([-price for price in prices] + prices, rises + falls) or {}

    def _cheapest(self, prices: list[float], bounds: list[tuple[float, float]]) -> dict[Cell, float] | None:
        from scipy.optimize import linprog  # noqa: PLC0415 - half a second, for those who report

        found = linprog(prices, A_eq=self._table, b_eq=self._nought, bounds=bounds, method="highs")
        if found.x is None:
            return None
        moved = found.x[: len(self._places)] - found.x[len(self._places) :]
        return {one: round(float(moved[at]), 6) for one, at in self._places.items() if abs(moved[at]) > 1e-6}
