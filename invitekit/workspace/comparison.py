"""What happened between two snapshots, as a value that prints counts only."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw

CHANGES = ("became_associated", "newly_failed", "cause_changed", "vanished", "appeared")
"""What can have happened to a customer that is worth a look; one of them at most."""
SAME = "same"
"""The customer is on both sides, and none of these happened."""


@dataclass(frozen=True, slots=True)
class Side:
    """One snapshot's part in a comparison; ``rows`` is all of it.

    Attributes:
        rows: Records in the snapshot.
        customers: Customers that can be told from all others, ``unclear`` ones included.
        alone: Records that cannot be told to belong to any customer: masked, and without an ID.
        unclear: Customers whose newest records contradict each other in either snapshot.
    """

    rows: int
    customers: int
    alone: int
    unclear: int

    @property
    def unmatched(self) -> int:
        """What could not be compared: single records, and customers whose records contradict each other."""
        return self.alone + self.unclear


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Comparison:
    """What happened between two snapshots; prints counts only.

    Attributes:
        counts: Customers by what happened: each of ``CHANGES``, and ``same``.
        before, after: The two snapshots, each with what could not be matched.
        changes: A frame of the records' engine, one row a change: ``change, customer_id``, names,
            and for both sides ``record_id, status, failure_code, cause, invited_at`` with
            ``_before`` or ``_after``. It holds personal data.
        before_at, after_at: The snapshots, where a workspace compared them.
    """

    counts: dict[str, int]
    before: Side
    after: Side
    changes: Any
    before_at: dt.datetime | None = None
    after_at: dt.datetime | None = None

    @property
    def became_associated(self) -> Any:
        """Customers associated now and not before."""
        return self._of("became_associated")

    @property
    def newly_failed(self) -> Any:
        """Customers whose association failed, and had not before."""
        return self._of("newly_failed")

    @property
    def cause_changed(self) -> Any:
        """Customers who failed before and now, for another cause."""
        return self._of("cause_changed")

    @property
    def vanished(self) -> Any:
        """Customers of the earlier snapshot that the later one does not have."""
        return self._of("vanished")

    @property
    def appeared(self) -> Any:
        """Customers of the later snapshot that the earlier one does not have."""
        return self._of("appeared")

    def _of(self, change: str) -> Any:
        return nw.from_native(self.changes).filter(nw.col("change") == change).to_native()

    def __repr__(self) -> str:
        span = f"{self.before_at:%Y-%m-%d} to {self.after_at:%Y-%m-%d}: " if self.before_at and self.after_at else ""
        said = ", ".join(f"{self.counts[name]:,} {name.replace('_', ' ')}" for name in (*CHANGES, SAME))
        left = f"{self.before.unmatched:,} before and {self.after.unmatched:,} after"
        return f"{span}{said}; could not be matched: {left}."
