"""Which counts are too small to be handed on: hidden, with others where what is shown would give them away."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from invitekit.metrics.intervals import rated
from invitekit.report.audit_lp import Cell, Shifting, Sum

Row = dict[str, Any]

LEAST = 10
"""A count below this could tell who is meant; none is handed on [k of k-anonymity]."""
_NEVER = 1e9
"""What it costs where a count cannot be moved."""
_ROUGHLY = 1e-4
"""How exact a linear programme is."""


@dataclass(slots=True)
class Ledger:
    """All counts of a report, and what adds up to what, over all of its tables.

    Attributes:
        counts: Each count by its name.
        sums: A whole and its parts.
        silent: Counts that no table shows, but that a difference of two may tell.
        last: Counts that are hidden where nothing else helps.
        first: Counts that are hidden rather than any other.
        fixed: Counts that are shown in any case, unless they are small.
    """

    counts: dict[Cell, int] = field(default_factory=dict)
    sums: list[Sum] = field(default_factory=list)
    silent: set[Cell] = field(default_factory=set)
    last: set[Cell] = field(default_factory=set)
    first: set[Cell] = field(default_factory=set)
    fixed: set[Cell] = field(default_factory=set)

    def put(self, cell: Cell, n: int, kind: set[Cell] | None = None) -> Cell:
        """Enter a count, and give its name."""
        self.counts[cell] = n
        if kind is not None:
            kind.add(cell)
        return cell

    def add_up(self, whole: Cell, parts: Iterable[Cell]) -> None:
        """Enter that the parts are the whole; what they lack is one more part, that no table shows."""
        every = tuple(parts)
        lacking = self.counts[whole] - sum(self.counts[part] for part in every)
        if lacking:
            every = (*every, self.put(("lacking", whole, len(self.sums)), max(lacking, 0), self.silent))
        self.sums.append((whole, every))

    def hidden(self) -> frozenset[Cell]:
        """Give the counts that have to be hidden.

        A count from 1 to 9 is hidden, and others with it until no small or hidden count can be
        worked out to less than ten from all that is shown; nought alone tells nothing.

        >>> ledger = Ledger()
        >>> parts = [ledger.put(name, n) for name, n in {"x": 3, "y": 12, "z": 40}.items()]
        >>> ledger.add_up(ledger.put("all", 55, ledger.fixed), parts)
        >>> sorted(ledger.hidden())
        ['x', 'y']
        """
        one = _merged(self)
        away = one.silent | {cell for cell, n in one.counts.items() if 0 < n < LEAST}
        _make_room(one, away, [cell for cell in away if one.counts[cell] > 0 and _guarded(one, cell)])
        return frozenset(cell for cell in self.counts if one.names[cell] in away)


@dataclass(slots=True)
class _Merged(Ledger):
    """A ledger in which counts that are one and the same have one name."""

    names: dict[Cell, Cell] = field(default_factory=dict)


def _merged(given: Ledger) -> _Merged:
    names = {cell: cell for cell in given.counts}

    def name(cell: Cell) -> Cell:
        while names[cell] != cell:
            cell = names[cell]
        return cell

    for whole, parts in given.sums:
        if len(parts) == 1:
            names[name(parts[0])] = name(whole)
    names = {cell: name(cell) for cell in names}
    made = _Merged(names=names, last={names[cell] for cell in given.last}, first=set(given.first))
    # Where one of several is shown, all are.
    made.fixed = {names[cell] for cell in given.fixed}
    made.silent = set(names.values()) - {names[cell] for cell in names.keys() - given.silent}
    # Nearly the same is not the same: where one of several is small, all are.
    made.counts = dict.fromkeys(names.values(), 0)
    made.counts |= {names[cell]: n for cell, n in sorted(given.counts.items(), key=lambda one: -one[1]) if n}
    sums = [(names[whole], tuple(names[part] for part in parts)) for whole, parts in given.sums if len(parts) > 1]
    made.sums = list(dict.fromkeys(sums))
    return made


def _guarded(one: Ledger, cell: Cell) -> bool:
    """Say whether nobody may work out a count: those hidden, and small ones that no table shows."""
    return cell not in one.silent or one.counts[cell] < LEAST


@dataclass(slots=True)
class _Room:
    """Between what each count may be, as far as it is known, relative to what it is."""

    low: dict[Cell, float] = field(default_factory=dict)
    high: dict[Cell, float] = field(default_factory=dict)

    def enough(self, cell: Cell) -> bool:
        """Say whether the least and the most that a count may be are ten apart."""
        return self.high.get(cell, 0.0) - self.low.get(cell, 0.0) >= LEAST - _ROUGHLY

    def widen(self, moved: dict[Cell, float]) -> None:
        """Note that counts may as well be so far from what they are, all together."""
        for cell, by in moved.items():
            self.low[cell] = min(self.low.get(cell, 0.0), by)
            self.high[cell] = max(self.high.get(cell, 0.0), by)


def _make_room(one: Ledger, away: set[Cell], todo: list[Cell]) -> None:
    """Hide more, until the least and the most that each guarded count may be are ten apart."""
    shifting, room, grown = Shifting(one.counts, one.sums), _Room(), True
    todo.sort(key=str)
    while todo:
        if grown:
            _raise_many(shifting, room, away, todo)
        cell, grown = todo.pop(), False
        if room.enough(cell):
            continue
        costs = {other: _cost(one, other, away) for other in one.counts}
        for moved in _moves(shifting, cell, min(one.counts[cell], LEAST), costs):
            room.widen(moved)
            more = sorted(moved.keys() - away, key=str)
            grown |= bool(more)
            todo += more
            away.update(moved)


def _raise_many(shifting: Shifting, room: _Room, away: set[Cell], todo: list[Cell]) -> None:
    """Move many at once as long as that helps, among what is hidden already: one by one, a thousand take minutes."""
    chance = random.Random(0)  # noqa: S311 - which of them rise first does not matter
    while wanted := [cell for cell in dict.fromkeys(todo) if not room.enough(cell)]:
        room.widen(shifting.raised({cell: 1 + chance.random() for cell in wanted}, away, LEAST))
        if not any(map(room.enough, wanted)):
            return


def _moves(shifting: Shifting, cell: Cell, most: int, costs: dict[Cell, float | None]) -> list[dict[Cell, float]]:
    """Give moves of a count that are ten apart, up or down and up, whichever hides less."""
    best: tuple[float, list[dict[Cell, float]]] = (math.inf, [])
    for plan in ((LEAST,), (-most, LEAST - most)):
        moves = [shifting.move(cell, by, costs) for by in plan if by]
        known = [moved for moved in moves if moved is not None]
        price = sum(costs[other] or 0.0 for other in set().union(*known)) + (len(moves) - len(known)) * _NEVER
        best = min(best, (price, known), key=lambda found: found[0])
        if not best[0]:
            break
    return best[1]


def _cost(one: Ledger, cell: Cell, away: set[Cell]) -> float | None:
    """Say what it costs to hide a count: those of the funnel much, nought more than a few."""
    if cell in away:
        return 0.0
    if cell in one.fixed:
        return None
    weight = 100.0 if cell in one.last else 0.01 if cell in one.first else 1.0
    return weight * math.log(one.counts[cell] or 50)


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
