"""Read the settings of a plan from its columns: its rules and its time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from invitekit.engine.datetimes import as_utc
from invitekit.errors import ArgumentError
from invitekit.i18n import _
from invitekit.planning.rules import ResendRules

COLUMNS = ("planned_at", "plan_rules")
_HINT = _("pass what plan_resends(...) returns.")


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """The rules of a plan, and its ``as_of`` in UTC to the second."""

    rules: ResendRules
    as_of: dt.datetime


def settings_of(values: Iterable[tuple[Any, Any]]) -> PlanSettings | None:
    """Return the settings of a plan, or None if it has no rows.

    Args:
        values: The distinct values of ``COLUMNS``; null rows of a join are ignored.

    Raises:
        ArgumentError: Several plans are mixed, or the values are not those of a plan.
    """
    distinct = {_read(*pair) for pair in values if any(value is not None for value in pair)}
    if len(distinct) > 1:
        raise ArgumentError(
            _("The plan mixes {plans:,} plans: their rules or dates differ.", plans=len(distinct)),
            hint=_("pass one plan, or plan all records together."),
        )
    return next(iter(distinct), None)


def agreed_settings(
    settings: PlanSettings | None, rules: ResendRules | None, as_of: dt.datetime | dt.date | None
) -> PlanSettings:
    """Return a plan's settings, after checking that the caller's are equal; for a plan without rows, the caller's.

    Raises:
        ArgumentError: ``rules`` or ``as_of`` differ from the plan's.
    """
    moment = as_utc(as_of).replace(microsecond=0)
    if settings is None:
        return PlanSettings(rules or ResendRules(), moment)
    if rules not in (None, settings.rules):
        raise ArgumentError(
            _("rules are not those that the plan was made with."), hint=_("leave rules out, or plan again with them.")
        )
    if as_of is not None and moment != settings.as_of:
        raise ArgumentError(
            _("as_of is {moment}, but the plan was made for {as_of} UTC.", moment=moment, as_of=settings.as_of),
            hint=_("leave as_of out, or plan again for that time."),
        )
    return settings


def _read(planned_at: Any, plan_rules: Any) -> PlanSettings:
    try:
        # A plan that was read back from CSV has its times as text.
        at = dt.datetime.fromisoformat(planned_at) if isinstance(planned_at, str) else planned_at
        moment = as_utc(at.to_pydatetime() if hasattr(at, "to_pydatetime") else at)
    except ValueError:
        moment = None
    if moment is None or planned_at is None or not isinstance(plan_rules, str):
        raise ArgumentError(_("planned_at or plan_rules of the plan cannot be read."), hint=_HINT)
    return PlanSettings(ResendRules.from_json(plan_rules), moment.replace(microsecond=0))
