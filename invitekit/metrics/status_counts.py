"""Counts of annotated records by effective status and by failure code."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, cast

import narwhals.stable.v2 as nw

from invitekit.engine.materialize import collect
from invitekit.metrics.follow_up import FAILED
from invitekit.model.resolve import resolved

Counts = dict[str, int]
_UNITS = {"invitations": "is_latest_of_invitation", "customers": "is_latest_of_customer"}


@dataclass(frozen=True, slots=True)
class StatusCounts:
    """Records, invitations and customers by effective status, and failed ones by failure code; most frequent first.

    Attributes:
        by_status, by_cause: Counts of records: an invitation counts once in each snapshot.
        invitations, customers: The same (``by_status``, ``by_cause``) by newest record, each counted once.
    """

    by_status: Counts
    by_cause: Counts
    invitations: dict[str, Counts]
    customers: dict[str, Counts]


def count_statuses(annotated: Any) -> StatusCounts:
    """Count the records of ``annotate`` or ``resolve``, of any engine, in one pass.

    Each ``by_cause`` adds up to the ``association_failed`` of its ``by_status``.
    """
    frame: Any = nw.from_native(cast("Any", resolved(annotated)))
    ones = {unit: nw.when(nw.col(flag)).then(nw.lit(1)).otherwise(nw.lit(0)) for unit, flag in _UNITS.items()}
    groups = frame.with_columns(**ones).group_by("effective_status", "failure_code")
    rows = collect(groups.agg(nw.col(*_UNITS).sum(), records=nw.len())).rows(named=True)
    failed = [row for row in rows if row["effective_status"] == FAILED]
    records, invitations, customers = (
        {"by_status": _ranked(rows, "effective_status", unit), "by_cause": _ranked(failed, "failure_code", unit)}
        for unit in ("records", *_UNITS)
    )
    return StatusCounts(**records, invitations=invitations, customers=customers)


def _ranked(rows: list[dict[str, Any]], column: str, unit: str) -> Counts:
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row[column]] += int(row[unit])
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
