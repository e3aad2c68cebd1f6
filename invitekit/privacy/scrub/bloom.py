"""A set of hashes that is asked for millions of others: nearly all of them are not in it, which one bit tells."""

from __future__ import annotations

import polars as pl

_BITS = 16
"""Bits for each hash: one in sixteen of those that are not in it are looked for in vain."""
_LEAST = 10
_MOST = 30
"""Twice as many bits, and so on: 128 MB."""


class Hashes:
    """Hashes of 64 bits, each once: sorted, and one bit for the last digits of each.

    Args:
        hashes: In any order; nulls are left out.
    """

    def __init__(self, hashes: pl.Series) -> None:
        self._sorted = hashes.drop_nulls().sort()
        power = min(max((len(self._sorted) * _BITS).bit_length(), _LEAST), _MOST)
        self._mask = (1 << power) - 1
        empty = pl.repeat(value=False, n=1 << power, dtype=pl.Boolean, eager=True)
        self._bits = empty.scatter(self._places(self._sorted).unique().sort(), values=True)  # Polars 1.36 needs that

    def hold(self, hashes: pl.Series) -> pl.Series:
        """Say of each hash whether it is in; a null is not."""
        near = self._bits.gather(self._places(hashes)).fill_null(value=False).arg_true()
        asked = hashes.gather(near)
        at = self._sorted.search_sorted(asked, side="left")
        there = self._sorted.gather(at.clip(upper_bound=max(len(self._sorted) - 1, 0))) == asked if len(near) else asked
        found = pl.repeat(value=False, n=len(hashes), dtype=pl.Boolean, eager=True)
        return found.scatter(near.filter(there), values=True) if len(near) else found

    def _places(self, hashes: pl.Series) -> pl.Series:
        return (hashes & self._mask).cast(pl.UInt32)
