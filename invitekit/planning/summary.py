"""The counts of a plan: records by decision and reason, batches, and how full the portal is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, cast

import narwhals.stable.v2 as nw

from invitekit.engine.materialize import collect
from invitekit.errors import SchemaError
from invitekit.model.vocabularies import DECISIONS, RESENDS
from invitekit.planning.ranking import NO_HISTORY
from invitekit.planning.settings import COLUMNS as SETTINGS
from invitekit.planning.settings import PlanSettings, settings_of

_OPEN = ("pending_review", "pre_registered")
_NEEDED = ("status", "decision", "reason_code", "batch", "chance_from", *SETTINGS)


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """The counts of a plan, and its settings.

    Attributes:
        by_decision: Records by decision, in the order of ``vocabularies.DECISIONS``; all of them.
        by_reason: Records by decision and reason code, most frequent first within a decision.
        customers: Customers, each by its newest record; unidentified records count as one each.
        batches: How many batches there are.
        open_customers: Customers pending review or pre-registered: what the portal's cap is for.
        with_history: Whether candidates were ranked by what resends led to.
        settings: The rules and the time that the plan was made for; None where it has no rows.
    """

    by_decision: dict[str, int]
    by_reason: dict[tuple[str, str], int]
    customers: int
    batches: int
    open_customers: int
    with_history: bool
    settings: PlanSettings | None

    @property
    def candidates(self) -> int:
        """Customers to invite again today."""
        return sum(self.by_decision[decision] for decision in RESENDS)

    @property
    def named_by_rejected_rows(self) -> int:
        """Customers for review because a row that may be newer was rejected."""
        return self.by_reason.get(("review", "row_rejected"), 0)


def count_decisions(plan: Any) -> PlanSummary:
    """Count a plan in one pass.

    Args:
        plan: What ``plan_resends`` gives, of any engine, unfiltered.

    Raises:
        SchemaError: The plan lacks a column.
        ArgumentError: Several plans are mixed.
    """
    frame: Any = nw.from_native(cast("Any", plan))
    names = frame.collect_schema().names()
    if missing := [name for name in _NEEDED if name not in names]:
        raise SchemaError(f"The plan lacks {', '.join(missing)}.", hint="pass what plan_resends(...) gives.")
    is_open = nw.when(nw.col("status").is_in(list(_OPEN)) & (nw.col("decision") != "superseded"))
    has_chance = nw.when(nw.col("chance_from") != NO_HISTORY)
    counts = (
        frame.with_columns(_ik_open=is_open.then(nw.lit(1)), _ik_known=has_chance.then(nw.lit(1)))
        .group_by("decision", "reason_code", *SETTINGS)
        .agg(n=nw.len(), batches=nw.col("batch").max(), open=nw.col("_ik_open").sum(), known=nw.col("_ik_known").sum())
    )
    ranks = {value.code: position for position, value in enumerate(DECISIONS)}
    rows = sorted(
        collect(counts).rows(named=True), key=lambda row: (ranks[row["decision"]], -row["n"], row["reason_code"])
    )
    by_decision, by_reason = Counter(dict.fromkeys(ranks, 0)), Counter[tuple[str, str]]()
    for row in rows:
        by_decision[row["decision"]] += row["n"]
        by_reason[row["decision"], row["reason_code"]] += row["n"]
    return PlanSummary(
        by_decision=dict(by_decision),
        by_reason=dict(by_reason),
        customers=sum(by_decision.values()) - by_decision["superseded"],
        batches=max((int(row["batches"] or 0) for row in rows), default=0),
        open_customers=sum(int(row["open"] or 0) for row in rows),
        with_history=any(row["known"] for row in rows),
        settings=settings_of({(row["planned_at"], row["plan_rules"]) for row in rows}),
    )
