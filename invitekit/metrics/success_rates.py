"""Success rates of resends by the previous invitation, from the user's own records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Literal, TypeVar, cast

import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import as_utc, days_between
from invitekit.engine.materialize import collect
from invitekit.metrics.distributions import beta_quantile
from invitekit.metrics.follow_up import FOLLOW_UP_DAYS, check_follow_up, outcomes, with_known_until
from invitekit.metrics.follow_up import NEEDED as FOLLOWED
from invitekit.model.resolve import resolved, used_columns
from invitekit.model.schema import require

Frame = TypeVar("Frame")
Basis = Literal["cause_method_delay", "cause", "all"]

DELAYS = (7, 14, 30, 90)
"""Limits of the groups of delay in days [assumed]: up to 7, 14, 30, 90, and more."""
WEIGHT = 20
"""The weight of the wider group in the rate of a narrower one, in resends (strength of shrinkage) [assumed]."""
MIN_RESENDS = 10
"""The fewest resends of a group; the wider group is used for a smaller one [assumed]."""
COVERAGE = 0.9
"""The level of the interval of a rate."""
NEEDED = ("customer_id", "failure_code", *FOLLOWED)


@dataclass(frozen=True, slots=True)
class SuccessRate:
    """The estimated share of resends that lead to an association.

    Attributes:
        rate: The estimate with shrinkage, 0 to 1.
        low, high: Its 90% interval.
        basis: What the resends of the group have in common: ``cause_method_delay``, ``cause``, or nothing (``all``).
        resends, associated: The counts of that group.
    """

    rate: float
    low: float
    high: float
    basis: Basis
    resends: int
    associated: int


@dataclass(frozen=True)
class SuccessRates:
    """The results of resends: counts by cause and method of the previous invitation, and delay.

    Attributes:
        cells: ``(cause, method, delay) -> (resends, associated)``; ``delay`` is the index of the group in
            ``DELAYS``. A cause is a failure code, else an effective status.
    """

    cells: Mapping[tuple[str, str, int], tuple[int, int]] = field(default_factory=dict)

    @cached_property
    def _by_cause(self) -> dict[str, tuple[int, int]]:
        totals: dict[str, tuple[int, int]] = {}
        for (cause, _, _), (resends, associated) in self.cells.items():
            before = totals.get(cause, (0, 0))
            totals[cause] = (before[0] + resends, before[1] + associated)
        return totals

    @cached_property
    def resends(self) -> int:
        """All resends whose follow-up is over."""
        return sum(n for n, _ in self.cells.values())

    @cached_property
    def associated(self) -> int:
        """Resends that led to an association within the follow-up."""
        return sum(s for _, s in self.cells.values())

    def estimate(self, cause: str, method: str, delay: int) -> SuccessRate:
        """Estimate the success rate of a resend from the narrowest group with enough resends.

        The rate of a group is shrunk towards that of the next wider one (Beta prior with the weight of ``WEIGHT``
        resends); the interval is the equal-tailed interval of the posterior.
        """
        groups: list[tuple[Basis, tuple[int, int]]] = [
            ("cause", self._by_cause.get(cause, (0, 0))),
            ("cause_method_delay", self.cells.get((cause, method, delay), (0, 0))),
        ]
        estimate = _posterior("all", (self.resends, self.associated), 0.5, weight=2)
        for basis, counts in groups:
            if counts[0] >= MIN_RESENDS:
                estimate = _posterior(basis, counts, estimate.rate, weight=WEIGHT)
        return estimate


def count_resends(
    records: Any, *, as_of: dt.datetime | dt.date | None = None, follow_up_days: int = FOLLOW_UP_DAYS
) -> SuccessRates:
    """Count the resends in these records, and those that led to an association.

    An invitation of a customer after an earlier one is a resend; its cause is the outcome of the earlier one, its delay
    the days in between. It counts once, by its newest state, and only after its follow-up: a link that was not used by
    then led to no association.

    Args:
        records: The result of ``annotate`` or ``resolve``, of any engine: the whole history.
        as_of: The time that they were annotated at; a date means its midnight UTC. Default: now.
        follow_up_days: The follow-up of an invitation without an end date, in days.

    Raises:
        SchemaError: A required column is missing.
        ArgumentError: ``as_of`` or ``follow_up_days`` is not valid.
    """
    frame: Any = nw.from_native(resends(records, as_utc(as_of), follow_up_days))
    is_success = nw.when(nw.col("followed_outcome") == "associated").then(nw.lit(1)).otherwise(nw.lit(0))
    followed = frame.filter(~nw.col("followed_outcome").is_null()).with_columns(_ik_success=is_success)
    counts = followed.group_by("cause_before", "method_before", "delay").agg(n=nw.len(), s=nw.col("_ik_success").sum())
    rows = collect(counts).rows(named=True)
    cells = {(r["cause_before"], r["method_before"], int(r["delay"])): (int(r["n"]), int(r["s"])) for r in rows}
    return SuccessRates(cells)


def resends(records: Frame, as_of: dt.datetime, follow_up_days: int, history: Any = None) -> Frame:
    """Return each resend once, in its newest state, with the outcome of the previous invitation.

    An invitation that led to an association stays a success, whatever its later status. The previous invitations are in
    ``history``, if the records are a part of it.

    Returns:
        A frame of the same engine with ``followed_outcome`` (see ``with_outcomes``), ``failure_code``,
        ``cause_before`` and ``method_before`` (text, empty if unknown) and ``delay``, the number of limits of
        ``DELAYS`` between the two invitations.
    """
    check_follow_up(follow_up_days)
    frame: Any = nw.from_native(resolved(records))
    names = frame.collect_schema().names()
    require(names, NEEDED)
    frame = frame.select(*used_columns(NEEDED, names))  # an eager frame copies all columns that it filters
    is_sent = nw.col("is_latest_of_invitation") & (nw.col("attempt_no") > 0) & ~nw.col("customer_id").is_null()
    repeated = with_known_until(frame, as_of).filter(nw.col("attempt_no") > 1)
    once = nw.when(nw.col("effective_status") == "associated").then(nw.lit(1)).otherwise(nw.lit(0))
    associated = once.max().over("invitation_id") == 1
    status = nw.when(associated).then(nw.lit("associated")).otherwise(nw.col("effective_status"))
    sent = outcomes(repeated.with_columns(effective_status=status).filter(is_sent), follow_up_days)
    earlier: Any = frame if history is None else nw.from_native(resolved(history))
    before = earlier.filter(is_sent).select(
        "customer_id", attempt_no=nw.col("attempt_no") + 1, method_before="invitation_method",
        _ik_before_at="invitation_sent_at",
    )  # fmt: skip
    paired = sent.join(before, on=["customer_id", "attempt_no"]).with_columns(
        nw.col("method_before").fill_null(""),
        cause_before=nw.col("previous_outcome").fill_null(""),
        delay=delay(nw.col("_ik_before_at"), nw.col("invitation_sent_at"), frame.implementation),
    )
    columns = ("followed_outcome", "failure_code", "cause_before", "method_before", "delay")
    return cast("Frame", paired.select(*columns).to_native())


def delay(start: Any, end: Any, backend: Any) -> Any:
    """Build the expression of the number of limits of ``DELAYS`` between two times."""
    days = days_between(start, end, backend)
    passed = [nw.when(days > limit).then(nw.lit(1)).otherwise(nw.lit(0)) for limit in DELAYS]
    return nw.sum_horizontal(*passed)


@lru_cache(maxsize=10_000)
def _posterior(basis: Basis, counts: tuple[int, int], prior: float, *, weight: float) -> SuccessRate:
    resends, associated = counts
    a, b = prior * weight + associated, (1 - prior) * weight + resends - associated
    tail = (1 - COVERAGE) / 2
    low, high = beta_quantile(tail, a, b), beta_quantile(1 - tail, a, b)
    return SuccessRate(a / (a + b), low, high, basis, resends, associated)
