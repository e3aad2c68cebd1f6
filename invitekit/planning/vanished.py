"""Find customers who are missing in the newest export although they should be in it.

An export may be partial: filtered, of one account manager, of one month, or of a window that excludes old invitations.
So a customer counts as vanished only if all of these are true [assumed]:

- An earlier export has the customer, and no export of the newest day has it (as in ``compare``).
- The newest day has customers of the same account manager, and at least one of them is known for as long or longer.
- Few of the manager's comparable customers are missing (``vanished_percent`` of the rules, or ``FEW``), and few of
  those of all managers together.
"""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import as_utc, day_number, day_of, literal
from invitekit.engine.materialize import collect
from invitekit.planning.rules import ResendRules

FEW = 3
"""The number of customers that is always few, whatever the percentage [assumed]."""
VANISHED = "_ik_vanished_from"
_MANAGER, _SINCE, _DAY, _FROM = "_ik_manager", "_ik_since", "_ik_day", "_ik_from"


def with_vanished(newest: Any, rules: ResendRules) -> Any:
    """Add ``_ik_vanished_from``: the day of the export that a customer vanished from, as text; else null.

    Args:
        newest: One row per customer: ``customer_id, account_manager, _ik_seen_at`` (its last snapshot),
            ``first_seen_at, invitation_sent_at`` and ``pre_registered_at``.
        rules: The rules of the plan.
    """
    frame = newest.with_columns(
        day_number(nw.col("_ik_seen_at"), newest.implementation).alias(_DAY),
        nw.col("account_manager").fill_null("").alias(_MANAGER),
        # A customer has been in the portal at least since its first snapshot.
        nw.coalesce("invitation_sent_at", "pre_registered_at", "first_seen_at").alias(_SINCE),
    )
    known = frame.filter(~nw.col("customer_id").is_null() & ~nw.col(_DAY).is_null())
    days = sorted(collect(known.group_by(_DAY).agg().select(_DAY))[_DAY].to_list())
    never = newest.with_columns(nw.lit(None, nw.String).alias(VANISHED))
    if len(days) < 2:
        return never
    day, before = days[-1], days[-2]
    starts = known.filter(nw.col(_DAY) == day).group_by(_MANAGER).agg(nw.col(_SINCE).min().alias(_FROM))
    managers = _with_few_vanished(known.join(starts, on=_MANAGER), day, before, rules)
    if not managers:
        return never
    starts = starts.filter(nw.col(_MANAGER).is_in(managers))
    is_missing = (nw.col(_DAY) < day) & (nw.col(_SINCE) >= nw.col(_FROM)) & ~nw.col("customer_id").is_null()
    frame = frame.join(starts, on=_MANAGER, how="left")
    vanished = frame.with_columns(nw.when(is_missing).then(nw.lit(f"{day_of(day)}")).alias(VANISHED))
    return vanished.drop(_DAY, _MANAGER, _SINCE, _FROM)


def _with_few_vanished(covered: Any, day: int, before: int, rules: ResendRules) -> list[str]:
    """Return the account managers with few vanished customers; none if many vanished in total."""
    was_there = nw.col("first_seen_at") < literal(as_utc(day_of(before + 1)))
    groups = {"lost": nw.col(_DAY) == before, "still": (nw.col(_DAY) == day) & was_there}
    ones = {name: nw.when(group).then(nw.lit(1)).otherwise(nw.lit(0)) for name, group in groups.items()}
    counted = covered.filter(nw.col(_SINCE) >= nw.col(_FROM)).with_columns(**ones).group_by(_MANAGER)
    rows = collect(counted.agg(nw.col(*ones).sum())).rows(named=True)
    lost, still = (sum(int(row[name]) for row in rows) for name in ones)
    if not _are_few(lost, still, rules):
        return []
    return [row[_MANAGER] for row in rows if _are_few(int(row["lost"]), int(row["still"]), rules)]


def _are_few(lost: int, still: int, rules: ResendRules) -> bool:
    return still > 0 and lost <= max(FEW, (lost + still) * rules.vanished_percent / 100)
