"""Compute all small tables of a report in a few passes over the records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import as_utc
from invitekit.engine.frames import as_narwhals
from invitekit.engine.materialize import materialize, temp_tables
from invitekit.i18n import Language
from invitekit.metrics import aggregate
from invitekit.metrics.aggregate import BY, By, Period
from invitekit.metrics.causes import pareto, repeats
from invitekit.metrics.deadlines import count_deadlines, deadlines
from invitekit.metrics.evidence import find_changes, find_differences
from invitekit.metrics.follow_up import FOLLOW_UP_DAYS, OUTCOMES, check_follow_up, status, with_outcomes
from invitekit.metrics.follow_up import NEEDED as FOLLOWED
from invitekit.metrics.funnel import funnel, parts
from invitekit.metrics.survival import NEEDED as TIMES
from invitekit.metrics.survival import ageing, count_without_duration, durations, survival
from invitekit.metrics.trend import trend
from invitekit.model import identity
from invitekit.model.catalogue import Catalogue, known_failures
from invitekit.model.resolve import count_untrackable, resolved, used_columns
from invitekit.model.schema import require

PARTS_BY = {
    "by_method": "invitation_method", "by_type": "association_type", "by_country": "country",
    "by_manager": "account_manager", "by_tag": "custom_tag",
}  # fmt: skip
_NEEDED = tuple(dict.fromkeys((*TIMES, *aggregate.NEEDED, *FOLLOWED, *identity.NEEDED)))


@dataclass(frozen=True, slots=True, eq=False)
class MetricsReport:
    """The small tables of one set of annotated records: Polars frames of counts and rates.

    They contain no customers, but account managers, custom tags, and counts of any size.

    Attributes:
        funnel: So far: ``stage, part_of, n, of, rate, low, high, small``; the parts of a stage add up to it.
            ``not_used`` counts the invitations without an end date that were not used within the follow-up.
        deadlines: ``day, deadline, n``: customers whose invitation (``invitation_expires``) or pre-registration
            (``pre_registration_lapses``) ends within 7 days after ``as_of``.
        trend: As ``failure_trend`` returns it, without groups.
        trends: The same by each chosen column of ``BY``.
        association_trend: As ``trend``; ``n`` counts the associated.
        survival: Kaplan-Meier estimates of the time to association, one row per method (null for all) and day with an
            association in any of them, and day 0: ``group, days, at_risk, associated, share, low, high`` (95%, log-log;
            null if undefined), ``median_days`` (null if fewer than half are associated), ``size`` and ``small`` (fewer
            than 10 associated).
        ageing: ``bucket, status, n`` of open and not invited customers, by days since the invitation.
        pareto: ``failure_code, cause, who_acts, resend_rule, n, of, share, low, high, cumulative, small``.
        by_method, by_type, by_manager, by_country, by_tag: ``value``; so far: ``invited, open, associated,
            failed, expired, not_used``; within the follow-up: ``followed``, the invitations whose follow-up is
            over, ``followed_associated`` and ``followed_failed`` of them, failure and association
            ``_rate, _low, _high``; ``small``: whether the failure rate has a count below 10.
        repeats: ``failure_code, cause, method`` of the invitation before; ``resends`` whose follow-up is
            over, and within it ``associated, failed_same, failed_other, expired, not_used``;
            ``rate, low, high`` of the associated; ``small``.
        snapshots: ``snapshot_at, status, n``: every row of each snapshot.
        counts: All ``rows``; distinct ``invitations``; ``older_states`` of these; ``untrackable``, unidentified rows of
            earlier snapshots; ``without_invited_at``, invitations with an outcome but without a time, which are in no
            rate; ``without_duration``, associated ones without a known duration.
        as_of, period, follow_up_days: The arguments of ``progress``.
    """

    funnel: Any
    deadlines: Any
    trend: Any
    trends: Mapping[str, Any]
    association_trend: Any
    survival: Any
    ageing: Any
    pareto: Any
    by_method: Any
    by_type: Any
    by_manager: Any
    by_country: Any
    by_tag: Any
    repeats: Any
    snapshots: Any
    counts: Mapping[str, Any]
    as_of: dt.datetime
    period: Period
    follow_up_days: int

    @property
    def changes(self) -> Any:
        """Lasting changes of the failure rate and the association rate, as ``find_changes`` returns them."""
        return find_changes({None: self.trend} | dict(self.trends), {None: self.association_trend})

    @property
    def differences(self) -> Any:
        """Groups that differ from all others, and causes that were frequent in one period; see ``find_differences``."""
        groups = {column: getattr(self, name) for name, column in PARTS_BY.items()}
        return find_differences(groups, self.trends.get("cause"), self.period, self.as_of)


def progress(
    records: Any,
    *,
    as_of: dt.datetime | dt.date | None = None,
    period: Period = "week",
    by: By | Sequence[By] = BY,
    catalogue: Catalogue | None = None,
    language: Language = "en",
    follow_up_days: int = FOLLOW_UP_DAYS,
    history: Any = None,
) -> MetricsReport:
    """Compute all small tables of a report at once.

    Args:
        records: The result of ``annotate``, of any engine; the whole history, or a part of it from ``where_newest``.
        as_of: The time that they were annotated at; a date means its midnight UTC. Default: now.
        period: The period of trends: ``day``, ``week`` or ``month``.
        by: The columns to group trends by, or one column.
        catalogue: The known failures; else the built-in ones.
        language: The language of causes: ``en`` or ``zh``.
        follow_up_days: Days after which an unused invitation without an end date counts as not used.
        history: The whole history on the same engine, if ``records`` is a part of it: resends need earlier invitations.

    Raises:
        SchemaError: A required column is missing.
        ArgumentError: ``period``, ``by`` or ``as_of`` is not valid.
    """
    by = (by,) if isinstance(by, str) else tuple(by)
    aggregate.check(period, by)
    check_follow_up(follow_up_days)
    moment, known = as_utc(as_of), known_failures(catalogue)
    frame: Any = as_narwhals(records)
    names = frame.collect_schema().names()
    require(names, _NEEDED)
    states = _snapshots(frame)
    with temp_tables():
        wanted = (*_NEEDED, "pre_registered_at") if "pre_registered_at" in names else _NEEDED
        resolved_records = materialize(resolved(frame.select(*used_columns(wanted, names)).to_native()))
        untrackable = count_untrackable(resolved_records)
        is_newest = nw.col("is_latest_of_invitation") | nw.col("is_latest_of_customer")
        with_results = with_outcomes(nw.from_native(resolved_records), moment, follow_up_days, is_newest)
        invitations = materialize(with_results.filter(nw.col("is_latest_of_invitation")))
        newest = with_results.filter(nw.col("is_latest_of_customer"))
        due_soon = count_deadlines(newest.with_columns(**deadlines(names, moment, newest.implementation)))
        cells = aggregate.count_cells(invitations, BY, period)
        times = durations(invitations)
        again = repeats(resolved_records, known, language, moment, follow_up_days, history=history)
    return MetricsReport(
        funnel=funnel(cells),
        deadlines=due_soon,
        trend=trend(cells, None, period, moment),
        trends={name: trend(cells, name, period, moment) for name in by},
        association_trend=trend(cells, None, period, moment, "associated"),
        survival=survival(times),
        ageing=ageing(times),
        pareto=pareto(cells, known, language),
        **{name: parts(cells, column) for name, column in PARTS_BY.items()},
        repeats=again,
        snapshots=states,
        counts=_count_rows(int(states["n"].sum()), untrackable, cells, times),
        as_of=moment,
        period=period,
        follow_up_days=follow_up_days,
    )


def _count_rows(rows: int, untrackable: int, cells: Any, times: Any) -> dict[str, int]:
    """Count the rows that are in the tables, and the others by reason."""
    invitations = int(cells["n"].sum())
    undated = cells.filter(nw.col("period").is_null() & nw.col("outcome").is_in(list(OUTCOMES)))
    return {
        "rows": rows,
        "invitations": invitations,
        "older_states": rows - invitations - untrackable,
        "untrackable": untrackable,
        "without_invited_at": int(undated["n"].sum()),
        "without_duration": count_without_duration(times),
    }


def _snapshots(frame: Any) -> Any:
    """Count the rows of each snapshot by status."""
    counted = frame.select("snapshot_at", status=status()).group_by("snapshot_at", "status")
    return counted.agg(n=nw.len().cast(nw.Int64)).lazy().collect("polars").sort("snapshot_at", "status").to_native()
