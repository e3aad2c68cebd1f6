"""Rank candidates by chance, then by the date from which a resend is allowed, and divide them into batches."""

from __future__ import annotations

import datetime as dt
from typing import Any, TypeVar, cast

import narwhals.stable.v2 as nw

from invitekit.engine import literal_table
from invitekit.engine.datetimes import literal
from invitekit.metrics.success_rates import DELAYS, SuccessRate, SuccessRates, delay
from invitekit.model.identity import require
from invitekit.model.resolve import outcome
from invitekit.model.vocabularies import RESENDS
from invitekit.planning.rules import ResendRules

Frame = TypeVar("Frame")
COLUMNS = ("rank", "batch", "chance", "chance_low", "chance_high", "chance_from")
NO_HISTORY = "none"
_NEVER = dt.datetime(1, 1, 1)  # noqa: DTZ001 - naive UTC, like every time here
_CELL = "_ik_cell"
_ESTIMATES = {"chance": "rate", "chance_low": "low", "chance_high": "high"}
_NEEDED = ("customer_id", "decision", "rank", "batch")


def rank_candidates(candidates: Any, success_rates: SuccessRates, rules: ResendRules, moment: dt.datetime) -> Any:
    """Return each candidate's chance, rank and batch; of those with one email address, of the best only.

    Args:
        candidates: Records that may be invited again, one a customer, with ``_ik_customer``, ``reason_code``,
            ``retry_at``, ``_ik_last_at`` and ``_ik_address``.
        success_rates: The success rates of resends.
        rules: Batch size, and how much history is enough.
        moment: When they would be sent.

    Returns:
        One row a customer: ``_ik_customer`` and ``COLUMNS``.
    """
    passed = delay(nw.col("_ik_last_at"), literal(moment), candidates.implementation).cast(nw.String)
    method = nw.col("invitation_method").fill_null("")
    frame = candidates.select(
        "_ik_customer",
        nw.concat_str([outcome(), method, passed], separator="|", ignore_nulls=True).alias(_CELL),
        _ik_email=nw.coalesce("_ik_address", "_ik_customer"),
        _ik_is_reseller=nw.when(nw.col("reason_code") == "as_reseller").then(nw.lit(1)).otherwise(nw.lit(0)),
        _ik_since=nw.col("retry_at").fill_null(literal(_NEVER)),
    )
    frame = _with_chances(frame, success_rates, rules).with_columns(
        _ik_one=nw.lit(1), _ik_unlikely=1 - nw.col("chance").fill_null(0.0).round(6)
    )
    order = ["_ik_is_reseller", "_ik_unlikely", "_ik_since", "_ik_customer"]
    frame = frame.with_columns(_ik_email_rank=nw.col("_ik_one").cum_sum().over("_ik_email", order_by=order))
    best = frame.filter(nw.col("_ik_email_rank") == 1)
    return _number(best, order, rules).select("_ik_customer", *COLUMNS)


def select_customers(plan: Frame, customers: Frame, rules: ResendRules | None = None) -> Frame:
    """Keep the chosen ones of those to invite again, in the plan's order and in batches of their own.

    Every record with another decision stays: work lists are made of them.

    Args:
        plan: What ``plan_resends`` returns.
        customers: A frame of the same engine with ``customer_id``: the chosen customers. A customer whom the plan
            does not invite again is not invited by being named here.
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
    is_candidate = nw.col("decision").is_in(list(RESENDS))
    selected = frame.filter(is_candidate).join(chosen, on="customer_id", how="semi")
    is_reseller = nw.when(nw.col("decision") == "resend_as_reseller").then(nw.lit(1)).otherwise(nw.lit(0))
    numbered = selected.select("customer_id", _ik_rank="rank", _ik_is_reseller=is_reseller, _ik_one=nw.lit(1))
    numbered = _number(numbered, ["_ik_rank"], rules or ResendRules()).select("customer_id", "rank", "batch")
    again = selected.drop("rank", "batch").join(numbered, on="customer_id")
    return cast("Frame", nw.concat([frame.filter(~is_candidate), again.select(*names)]).to_native())


def _number(frame: Any, order: list[str], rules: ResendRules) -> Any:
    """Add ``rank`` and ``batch``, from 1; a batch never mixes resends with resends as reseller, which come last."""
    frame = frame.with_columns(_ik_position=nw.col("_ik_one").cum_sum().over("_ik_is_reseller", order_by=order))
    is_reseller, position = nw.col("_ik_is_reseller") == 1, nw.col("_ik_position").cast(nw.Int64)
    frame = frame.with_columns(_ik_plain=nw.when(~is_reseller).then(position).otherwise(nw.lit(0)))
    frame = frame.with_columns(_ik_before=nw.col("_ik_plain").max().over("_ik_one"))
    before = nw.when(is_reseller).then(nw.col("_ik_before")).otherwise(nw.lit(0))
    size = rules.batch_size
    batches_before = -((-before) // size)
    return frame.with_columns(rank=position + before, batch=(position - 1) // size + 1 + batches_before)


def _with_chances(frame: Any, success_rates: SuccessRates, rules: ResendRules) -> Any:
    """Add the chance of each candidate's group where it was seen often enough, else the wider one's."""
    if success_rates.resends < rules.min_history:
        empty = {name: nw.lit(None, nw.Float64) for name in _ESTIMATES}
        return frame.with_columns(**empty, chance_from=nw.lit(NO_HISTORY))
    other = success_rates.estimate("", "", -1)
    known = _known(success_rates)
    if known:
        cells = {name: [repr(getattr(each, of)) for each in known.values()] for name, of in _ESTIMATES.items()}
        basis = [each.basis for each in known.values()]
        of_cells = literal_table.table(frame, {_CELL: list(known), **cells, "chance_from": basis})
        frame = frame.join(of_cells, on=_CELL, how="left")
    else:
        frame = frame.with_columns(**{name: nw.lit(None, nw.String) for name in (*_ESTIMATES, "chance_from")})
    filled = {n: nw.col(n).cast(nw.Float64).fill_null(getattr(other, of)) for n, of in _ESTIMATES.items()}
    return frame.with_columns(**filled, chance_from=nw.col("chance_from").fill_null(other.basis))


def _known(success_rates: SuccessRates) -> dict[str, SuccessRate]:
    """Estimate every group of which more is known than of all together."""
    estimates = {
        f"{cause}|{method}|{delay}": success_rates.estimate(cause, method, delay)
        for cause in {c for c, _, _ in success_rates.cells}
        for method in {m for _, m, _ in success_rates.cells}
        for delay in range(len(DELAYS) + 1)
    }
    return {cell: estimate for cell, estimate in estimates.items() if estimate.basis != "all"}
