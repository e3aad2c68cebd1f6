"""The counts of a plan: records by decision and reason, batches, and customers under the portal's cap."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import AHEAD, day_number, day_of
from invitekit.engine.frames import as_narwhals
from invitekit.engine.materialize import collect
from invitekit.errors import SchemaError
from invitekit.i18n import Language, _
from invitekit.model import schema
from invitekit.model.identity import PORTAL
from invitekit.model.vocabularies import DECISIONS, DECISIONS_OF, RESENDS
from invitekit.planning.ranking import NO_HISTORY
from invitekit.planning.reason_texts import read_warnings
from invitekit.planning.rules import SETTINGS, PlanSettings, ResendRules, settings_of

_OPEN = ("pending_review", "pre_registered")
_NOT_OPEN = ("pre_registration_lapsed", "vanished")
"""Reasons of pre-registered customers whose pre-registration has ended, who do not count towards the cap."""
_NOT_IN_OLDER = ("vanished", "row_rejected", "do_not_invite", "left_us")
"""Reasons of customers about whom no older export decides: a rejected row may be that of the newest export."""
_NO_QUESTION = ("superseded", "associated")
"""Decisions that stay the same whatever the newest export has."""
_OF_ALL = ("open_customers", "newest_export", "not_in_newest", "may_be_masked")
"""The counts that are always of the whole plan."""
_NEEDED = ("customer_id", "account_name", "status", "snapshot_at", "decision", "reason_code", "batch", "chance_from",
           *SETTINGS)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """The counts of a plan, and its settings.

    Attributes:
        by_decision: Records by decision, for all ``vocabularies.DECISIONS`` in their order.
        by_reason: Records by decision and reason code, most frequent first within a decision.
        customers: Customers; each unidentified record counts as one.
        batches: The number of batches.
        open_customers: Customers pending review or pre-registered, whom the portal's cap limits.
        with_history: Whether candidates were ranked by the results of resends.
        newest_export: The day of the newest snapshot; None if no record has one.
        not_in_newest: Customers whose newest record is from an older snapshot, without those who vanished or whom a
            rejected row names.
        may_be_masked: Those of ``not_in_newest`` without a portal ID, if the newest export has masked rows: they may be
            among these.
        held_for_own_account: Customers on hold until the partner's own account is changed.
        settings: The rules and the time of the plan; None if it has no rows.
    """

    by_decision: dict[str, int]
    by_reason: dict[tuple[str, str], int]
    customers: int
    batches: int
    open_customers: int
    with_history: bool
    newest_export: dt.date | None
    not_in_newest: int
    may_be_masked: int
    held_for_own_account: int
    settings: PlanSettings | None

    @property
    def candidates(self) -> int:
        """Customers to invite again today."""
        return sum(self.by_decision[decision] for decision in RESENDS)

    @property
    def by_list(self) -> dict[str, int]:
        """Customers who are not associated, by the codes of ``vocabularies.LISTS``."""
        return {name: sum(self.by_decision[one] for one in decisions) for name, decisions in DECISIONS_OF.items()}

    @property
    def named_by_rejected_rows(self) -> int:
        """Customers for review because of a rejected row that may be newer."""
        return self.by_reason.get(("review", "row_rejected"), 0)

    def warnings(self, language: Language = "en", *, own_account: bool = True) -> list[str]:
        """Return warnings as sentences: the newest export is old, from a later day, masked or partial.

        Args:
            language: ``en`` or ``zh``.
            own_account: Include the number of customers on hold because of the partner's own account.
        """
        if self.settings is None:
            return []
        texts, on_hold = read_warnings(language), self.held_for_own_account
        masked = self.may_be_masked
        conditions = {
            "masked": masked, "partial": self.not_in_newest and not masked, "own_account": own_account and on_hold
        }  # fmt: skip
        values = {"newest": self.newest_export, "count": f"{masked or self.not_in_newest:,}", "held": f"{on_hold:,}"}
        return [
            *age_warnings(self.newest_export, self.settings.as_of, self.settings.rules, language),
            *(texts[code].format(**values) for code, is_true in conditions.items() if is_true),
        ]


def _settings(plan: Any) -> list[tuple[Any, ...]]:
    """Return the distinct settings of a plan: one if the lowest values are the highest ones."""
    low, high = (collect(plan.select(getattr(nw.col(*SETTINGS), end)())).rows()[0] for end in ("min", "max"))
    return [low] if low == high else collect(plan.select(*SETTINGS).unique()).rows()


def age_warnings(
    newest_export: dt.date | None, as_of: dt.datetime, rules: ResendRules, language: Language = "en"
) -> list[str]:
    """Return a warning if the newest export is much older than ``as_of``, or from a day that began nowhere yet."""
    day = as_of.date()
    age = (day - (newest_export or day)).days
    is_ahead = newest_export is not None and newest_export > (as_of + AHEAD).date()
    code = "ahead" if is_ahead else "stale" if age >= rules.stale_after_days else None
    return [] if code is None else [read_warnings(language)[code].format(newest=newest_export, day=day, age=age)]


def count_decisions(plan: Any, whole: Any = None) -> PlanSummary:
    """Count a plan in one pass.

    Args:
        plan: The result of ``plan_resends``, of any engine, or a part of its rows.
        whole: The whole plan, if ``plan`` is a part of it: the portal's cap and the warnings are for all customers.

    Raises:
        SchemaError: The plan lacks a column.
        ArgumentError: Several plans are mixed.
    """
    frame: Any = as_narwhals(plan)
    names = frame.collect_schema().names()
    if missing := [name for name in _NEEDED if name not in names]:
        raise SchemaError(
            _("The plan lacks {columns}.", columns=tuple(missing)), hint=_("pass what plan_resends(...) returns.")
        )
    seen_at = nw.col("snapshot_at")
    if frame.collect_schema()["snapshot_at"] == nw.String:  # a plan that was read back from CSV
        seen_at = seen_at.str.slice(0, 10).str.to_datetime(format="%Y-%m-%d")
    is_open = nw.col("status").is_in(list(_OPEN)) & ~nw.col("reason_code").is_in(list(_NOT_OPEN))
    is_newest = nw.col("decision") != "superseded"
    is_masked = nw.col("customer_id").is_null() | nw.col("account_name").str.contains(schema.MASKED).fill_null(
        value=False
    )
    has_portal_id = nw.col("customer_id").str.starts_with(PORTAL).fill_null(value=False)
    flags = {
        "_ik_open": is_open & is_newest,
        "_ik_known": nw.col("chance_from") != NO_HISTORY,
        "_ik_masked": is_newest & is_masked,
        "_ik_unlinked": is_newest & ~has_portal_id,
    }
    ones = {name: nw.when(condition).then(nw.lit(1)) for name, condition in flags.items()}
    flagged = frame.with_columns(**ones, _ik_day=day_number(seen_at, frame.implementation))
    # Polars groups by two keys at a tenth of the cost of three.
    groups = flagged.group_by("reason_code", "_ik_day")
    counts = groups.agg(nw.col("decision").min(), nw.col(*flags).sum(), n=nw.len(), batches=nw.col("batch").max())
    ranks = {value.code: position for position, value in enumerate(DECISIONS)}
    rows = collect(counts).rows(named=True)
    by_decision, by_reason = Counter(dict.fromkeys(ranks, 0)), Counter[tuple[str, str]]()
    for row in rows:
        by_decision[row["decision"]] += row["n"]
        by_reason[row["decision"], row["reason_code"]] += row["n"]
    ordered = sorted(by_reason.items(), key=lambda item: (ranks[item[0][0]], -item[1], item[0][1]))
    days = [row["_ik_day"] for row in rows if row["_ik_day"] is not None]
    newest = max(days, default=None)
    older = [row for row in rows if row["decision"] not in _NO_QUESTION and row["reason_code"] not in _NOT_IN_OLDER
             and newest is not None and row["_ik_day"] is not None and row["_ik_day"] < newest]  # fmt: skip
    is_newest_masked = any(row["_ik_masked"] for row in rows if row["_ik_day"] == newest)
    counts = PlanSummary(
        by_decision=dict(by_decision),
        by_reason=dict(ordered),
        customers=sum(by_decision.values()) - by_decision["superseded"],
        batches=max((int(row["batches"] or 0) for row in rows), default=0),
        open_customers=sum(int(row["_ik_open"] or 0) for row in rows),
        with_history=any(row["_ik_known"] for row in rows),
        newest_export=None if newest is None else day_of(newest),
        not_in_newest=sum(row["n"] for row in older),
        may_be_masked=sum(int(row["_ik_unlinked"] or 0) for row in older) if is_newest_masked else 0,
        held_for_own_account=by_reason["contact_support", "own_account"],
        settings=settings_of(_settings(frame)),
    )
    if whole is None:
        return counts
    of_all = count_decisions(whole)
    return replace(counts, **{name: getattr(of_all, name) for name in _OF_ALL})
