"""Rank candidates by kind of batch, success rate and date of a resend, and divide them into batches.

Pre-registered customers without an invitation come first: they count towards the portal's cap, and their
pre-registration ends after 15 days.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, TypeVar, cast

import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import day_number, literal
from invitekit.engine.frames import as_narwhals
from invitekit.engine.literal_table import literal_table
from invitekit.metrics.success_rates import DELAYS, SuccessRate, SuccessRates, delay
from invitekit.model.resolve import outcome
from invitekit.model.schema import require
from invitekit.model.vocabularies import BATCH_KINDS, RESENDS
from invitekit.planning.reasons import first_of
from invitekit.planning.rules import ResendRules

Frame = TypeVar("Frame")
COLUMNS = ("rank", "batch", "chance", "chance_low", "chance_high", "chance_from")
NO_HISTORY = "none"
_NEVER = dt.datetime(1, 1, 1)  # noqa: DTZ001 - naive UTC, like every time here
_CELL = "_ik_cell"
_ESTIMATES = {"chance": "rate", "chance_low": "low", "chance_high": "high"}
_NEEDED = ("customer_id", "decision", "reason_code", "rank", "batch")


def rank_candidates(candidates: Any, success_rates: SuccessRates, rules: ResendRules, moment: dt.datetime) -> Any:
    """Return ``_ik_customer`` and ``COLUMNS`` of each candidate; of those with one email address, only of the best.

    The candidates are their newest records, with ``_ik_customer``, ``reason_code``, ``retry_at``, ``_ik_last_at``,
    ``_ik_seen_at`` and ``_ik_address``.
    """
    passed = delay(nw.col("_ik_last_at"), literal(moment), candidates.implementation).cast(nw.String)
    method = nw.col("invitation_method").fill_null("")
    frame = candidates.select(
        "_ik_customer",
        nw.concat_str([outcome(), method, passed], separator="|", ignore_nulls=True).alias(_CELL),
        _ik_email=nw.coalesce("_ik_address", "_ik_customer"),
        _ik_kind=_kind_number(),
        _ik_since=nw.col("retry_at").fill_null(literal(_NEVER)),
        # Of customers with one address, the one in the newest export: the account may have been renamed.
        _ik_unseen=-day_number(nw.col("_ik_seen_at"), candidates.implementation).fill_null(0),
    )
    frame = _with_chances(frame, success_rates, rules).with_columns(
        _ik_one=nw.lit(1), _ik_unlikely=1 - nw.col("chance").fill_null(0.0).round(6)
    )
    order = ["_ik_kind", "_ik_unlikely", "_ik_since", "_ik_customer"]
    place = nw.col("_ik_one").cum_sum().over("_ik_email", order_by=["_ik_unseen", *order])
    best = frame.with_columns(_ik_place=place).filter(nw.col("_ik_place") == 1)
    return _number(best, order, rules).select("_ik_customer", *COLUMNS)


def select_customers(plan: Frame, customers: Frame, rules: ResendRules | None = None) -> Frame:
    """Limit the resends of a plan to chosen customers, in the order of the plan and in new batches.

    Records with any other decision stay, because work lists need them.

    Args:
        plan: The result of ``plan_resends``.
        customers: A frame of the same engine with the ``customer_id`` of the chosen customers. Customers that the plan
            does not invite again are ignored.
        rules: The rules of the plan; else ``ResendRules()``.

    Returns:
        The plan's columns; ``rank`` and ``batch`` count from 1 among the chosen.

    Raises:
        SchemaError: The plan lacks a column.
    """
    frame: Any = as_narwhals(plan)
    names = frame.collect_schema().names()
    require(names, _NEEDED)
    chosen: Any = nw.from_native(cast("Any", customers)).select("customer_id")
    is_candidate = nw.col("decision").is_in(list(RESENDS))
    selected = frame.filter(is_candidate).join(chosen, on="customer_id", how="semi")
    numbered = selected.select("customer_id", _ik_rank="rank", _ik_kind=_kind_number(), _ik_one=nw.lit(1))
    numbered = _number(numbered, ["_ik_rank"], rules or ResendRules()).select("customer_id", "rank", "batch")
    again = selected.drop("rank", "batch").join(numbered, on="customer_id")
    return cast("Frame", nw.concat([frame.filter(~is_candidate), again.select(*names)]).to_native())


def kind() -> Any:
    """Build the expression of a candidate's kind of batch, one of ``BATCH_KINDS``, from its reason."""
    code = nw.col("reason_code")
    rows = [(code == "not_invited_yet", nw.lit("invite")), (code == "as_reseller", nw.lit("resend_as_reseller"))]
    return first_of(rows, nw.lit("resend_now"))


def _kind_number() -> Any:
    rows = [(kind() == value.code, nw.lit(number)) for number, value in enumerate(BATCH_KINDS)]
    return first_of(rows, nw.lit(len(BATCH_KINDS)))


def _number(frame: Any, order: list[str], rules: ResendRules) -> Any:
    """Add ``rank`` and ``batch``, both from 1; a batch has candidates of one kind only."""
    frame = frame.with_columns(_ik_position=nw.col("_ik_one").cum_sum().over("_ik_kind", order_by=order))
    position = nw.col("_ik_position").cast(nw.Int64)
    sizes = {f"_ik_size_{n}": nw.when(nw.col("_ik_kind") == n).then(position) for n in range(len(BATCH_KINDS) - 1)}
    frame = frame.with_columns(**sizes)
    frame = frame.with_columns(nw.col(*sizes).max().over("_ik_one").fill_null(0))
    rank = batch = nw.lit(0)
    for number, size in enumerate(map(nw.col, sizes)):
        is_later = nw.col("_ik_kind") > number
        rank = rank + nw.when(is_later).then(size).otherwise(nw.lit(0))
        batch = batch + nw.when(is_later).then(-((-size) // rules.batch_size)).otherwise(nw.lit(0))
    return frame.with_columns(rank=rank + position, batch=batch + (position - 1) // rules.batch_size + 1)


def _with_chances(frame: Any, success_rates: SuccessRates, rules: ResendRules) -> Any:
    """Add the success rate of each candidate's group, or of a wider group if that is too small."""
    if success_rates.resends < rules.min_history:
        empty = {name: nw.lit(None, nw.Float64) for name in _ESTIMATES}
        return frame.with_columns(**empty, chance_from=nw.lit(NO_HISTORY))
    other = success_rates.estimate("", "", -1)
    known = _known(success_rates)
    if known:
        cells = {name: [repr(getattr(each, of)) for each in known.values()] for name, of in _ESTIMATES.items()}
        basis = [each.basis for each in known.values()]
        of_cells = literal_table(frame, {_CELL: list(known), **cells, "chance_from": basis})
        frame = frame.join(of_cells, on=_CELL, how="left")
    else:
        frame = frame.with_columns(**{name: nw.lit(None, nw.String) for name in (*_ESTIMATES, "chance_from")})
    filled = {n: nw.col(n).cast(nw.Float64).fill_null(getattr(other, of)) for n, of in _ESTIMATES.items()}
    return frame.with_columns(**filled, chance_from=nw.col("chance_from").fill_null(other.basis))


def _known(success_rates: SuccessRates) -> dict[str, SuccessRate]:
    """Estimate the success rate of every group that has enough history."""
    estimates = {
        f"{cause}|{method}|{delay}": success_rates.estimate(cause, method, delay)
        for cause in {c for c, _, _ in success_rates.cells}
        for method in {m for _, m, _ in success_rates.cells}
        for delay in range(len(DELAYS) + 1)
    }
    return {cell: estimate for cell, estimate in estimates.items() if estimate.basis != "all"}
