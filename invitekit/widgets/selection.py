"""The selected rows as a value: by stable keys and by filters, never by position."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from invitekit.model.filters import Filter


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a selection: select or deselect rows by their keys, or all matches of a filter.

    With ``every_row`` a filter means every row of every file, else only the rows that are shown by default: each
    invitation, or customer, once.
    """

    add: bool
    what: frozenset[int] | Filter
    every_row: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """The selected rows as a list of steps; the last step that matches a row decides about it.

    Later filters, sorting and scrolling do not change a selection: "all matching" keeps the filter of its time. Each
    operation returns a new value, so undo is the previous value.
    """

    steps: tuple[Step, ...] = ()

    def __bool__(self) -> bool:
        return any(step.add for step in self.steps)

    @property
    def filters(self) -> tuple[Filter, ...]:
        """The filters of all steps."""
        return tuple(step.what for step in self.steps if isinstance(step.what, Filter))

    @property
    def keys(self) -> frozenset[int]:
        """The keys of all steps, selected and deselected ones."""
        return frozenset[int]().union(*(step.what for step in self.steps if isinstance(step.what, frozenset)))

    def by_filters(self) -> Selection:
        """Return the selection without the steps by key."""
        return Selection(tuple(step for step in self.steps if isinstance(step.what, Filter)))

    def add(self, keys: Iterable[int]) -> Selection:
        """Select these rows too."""
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

    def _with_keys(self, *, add: bool, keys: frozenset[int]) -> Selection:
        """Append keys, merged with the steps by key at the end: there is one step that adds and one that removes."""
        if not keys:
            return self
        before, merged = list(self.steps), {True: frozenset[int](), False: frozenset[int]()}
        while before and isinstance(before[-1].what, frozenset):
            step = before.pop()
            merged[step.add] |= step.what  # type: ignore[operator]
        merged[add] |= keys
        merged[not add] -= keys
        # Without an earlier step that selects rows, there is nothing to deselect.
        kinds = (True, False) if any(step.add for step in before) else (True,)
        return Selection((*before, *(Step(kind, merged[kind]) for kind in kinds if merged[kind])))

    def _with_filter(self, step: Step) -> Selection:
        if not step.what and step.every_row:  # all rows: earlier steps have no effect any more
            return Selection((step,)) if step.add else Selection()
        if not step.add and not self:
            return self
        return self if self.steps and self.steps[-1] == step else Selection((*self.steps, step))
