"""Counts of annotated records by effective status and by failure code."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, cast

import narwhals.stable.v2 as nw

from invitekit.engine.materialize import collect


@dataclass(frozen=True, slots=True)
class StatusCounts:
    """Records by effective status, and failed ones by failure code; each most frequent first."""

    by_status: dict[str, int]
    by_cause: dict[str, int]


def count_statuses(annotated: Any) -> StatusCounts:
    """Count annotated records in one pass.

    Args:
        annotated: A frame of any engine, as ``annotate`` returns it.

    Returns:
        The counts; ``by_cause`` adds up to the ``association_failed`` of ``by_status``.
    """
    frame: Any = nw.from_native(cast("Any", annotated))
    counts = frame.group_by("effective_status", "failure_code").agg(nw.len().alias("records"))
    status: Counter[str] = Counter()
    cause: Counter[str] = Counter()
    for name, code, records in collect(counts).rows():
        status[name] += records
        if name == "association_failed":
            cause[code] += records
    return StatusCounts(_ranked(status), _ranked(cause))


def _ranked(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
