"""Which rows are chosen: a value by stable keys and by filters, never by position."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from invitekit.model.filters import Filter


@dataclass(frozen=True, slots=True)
class Step:
    """One decision about rows: take them in, or leave them out.

    Attributes:
        add: Whether they are chosen from now on.
        what: Keys, or a filter that means all its matches.
        every_row: Whether a filter means every row of every file; else only what is shown by default: each
            invitation, or customer, once.
    """

    add: bool
    what: frozenset[int] | Filter
    every_row: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows that were chosen, as the steps that chose them; of the steps that mean a row, the last one counts.

    A filter that is changed later, a sort and a scroll change nothing: "all matching" stays the filter
    that it was said under. Equal steps are equal selections; each operation gives a new value, so undo is the value
    before.
    """

    steps: tuple[Step, ...] = ()

    def __bool__(self) -> bool:
        return any(step.add for step in self.steps)

    @property
    def filters(self) -> tuple[Filter, ...]:
        """The filters that steps mean."""
        return tuple(step.what for step in self.steps if isinstance(step.what, Filter))

    @property
    def keys(self) -> frozenset[int]:
        """The keys that steps name, to choose them or to leave them out."""
        return frozenset[int]().union(*(step.what for step in self.steps if isinstance(step.what, frozenset)))

    def by_filters(self) -> Selection:
        """Return the selection as it would be if no step had named a key."""
        return Selection(tuple(step for step in self.steps if isinstance(step.what, Filter)))

    def add(self, keys: Iterable[int]) -> Selection:
        """Choose these rows too."""
        return self._with_keys(add=True, keys=frozenset(keys))

    def remove(self, keys: Iterable[int]) -> Selection:
        """Deselect these rows."""
        return self._with_keys(add=False, keys=frozenset(keys))

    def add_all(self, choice: Filter, *, every_row: bool = False) -> Selection:
        """Select all matches of a filter; with ``every_row`` earlier states too."""
        return self._with_filter(Step(add=True, what=choice, every_row=every_row))

    def remove_all(self, choice: Filter, *, every_row: bool = False) -> Selection:
        """Deselect all matches of a filter; with ``every_row`` earlier states too."""
        return self._with_filter(Step(add=False, what=choice, every_row=every_row))

    def to_dict(self) -> dict[str, Any]:
        """Return the selection as small JSON: its mode, and its steps; long lists of keys are counted only."""
        told = [
            {
                "add": step.add,
                **({"filter": step.what.to_dict()} if isinstance(step.what, Filter) else {"keys": len(step.what)}),
                **({"every_row": True} if step.every_row else {}),
            }
            for step in self.steps
        ]
        by_filter = any(isinstance(step.what, Filter) for step in self.steps)
        return {"mode": "all_matching" if by_filter else "ids", "steps": told}

    def _with_keys(self, *, add: bool, keys: frozenset[int]) -> Selection:
        """Put keys last: those of the last two steps that are keys too are merged with them."""
        if not keys:
            return self
        before, held = list(self.steps), {True: frozenset[int](), False: frozenset[int]()}
        while before and isinstance(before[-1].what, frozenset):
            step = before.pop()
            held[step.add] |= step.what  # type: ignore[operator]
        held[add] |= keys
        held[not add] -= keys
        # Without a filter below, nothing is chosen that could be left out.
        kinds = (True, False) if any(step.add for step in before) else (True,)
        return Selection((*before, *(Step(kind, held[kind]) for kind in kinds if held[kind])))

    def _with_filter(self, step: Step) -> Selection:
        if not step.what and step.every_row:  # all rows: earlier steps do not count any more
            return Selection((step,)) if step.add else Selection()
        if not step.add and not self:
            return self
        return self if self.steps and self.steps[-1] == step else Selection((*self.steps, step))
