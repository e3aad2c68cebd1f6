"""Some of those to invite again: a plan without the others, its batches numbered anew."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import narwhals.stable.v2 as nw

from invitekit.model.identity import require
from invitekit.model.vocabularies import RESENDS
from invitekit.planning.ranking import batched
from invitekit.planning.rules import ResendRules

Frame = TypeVar("Frame")
_NEEDED = ("customer_id", "decision", "rank", "batch")


def only(plan: Frame, customers: Frame, rules: ResendRules | None = None) -> Frame:
    """Keep the chosen ones of those to invite again, in the plan's order and in batches of their own.

    Every record with another decision stays: work-lists are made of them.

    Args:
        plan: What ``plan_resends`` gives.
        customers: A frame of the same engine with ``customer_id``: who is chosen. Whoever the plan does not
            invite again is not invited by being named here.
        rules: Those that the plan was made with; else ``ResendRules()``.

    Returns:
        The plan's columns; ``rank`` and ``batch`` count from 1 among the chosen.

    Raises:
        SchemaError: The plan lacks a column.
    """
    frame: Any = nw.from_native(cast("Any", plan))
    names = frame.collect_schema().names()
    require(names, _NEEDED)
    chosen: Any = nw.from_native(cast("Any", customers)).select("customer_id")
    candidate = nw.col("decision").is_in(list(RESENDS))
    picked = frame.filter(candidate).join(chosen, on="customer_id", how="semi")
    reseller = nw.when(nw.col("decision") == "resend_as_reseller").then(nw.lit(1)).otherwise(nw.lit(0))
    numbered = batched(
        picked.select("customer_id", _ik_order=nw.col("rank"), _ik_group=reseller, _ik_out=nw.lit(0)), rules
    )
    again = picked.drop("rank", "batch").join(numbered.select("customer_id", "rank", "batch"), on="customer_id")
    return cast("Frame", nw.concat([frame.filter(~candidate), again.select(*names)]).to_native())
