"""Find customers who are missing in later exports although they should be in them.

An export may be partial: filtered, of one account manager, of one month, or of a window that excludes old invitations.
So a customer counts as vanished only if all of these are true [assumed]:

- A later export has customers of the same account manager (by days, as in ``compare``), one of them known for as long
  or longer.
- On the day on which the customer was last seen, or on a later one, few of the manager's comparable customers were
  last seen (``vanished_percent`` of the rules, or ``FEW``), and few of those of all managers together. So a partial
  export that follows a complete one changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import day_number, day_of
from invitekit.engine.literal_table import literal_table
from invitekit.engine.materialize import collect, materialize
from invitekit.planning.rules import ResendRules

FEW = 3
"""The number of customers that is always few, whatever the percentage [assumed]."""
VANISHED = "_ik_vanished_from"
_MANAGER, _SINCE, _FIRST, _LAST = "_ik_manager", "_ik_since", "_ik_first_day", "_ik_last_day"
_FROM, _NEXT, _GONE = "_ik_from", "_ik_next", "_ik_gone"


def with_vanished(newest: Any, rules: ResendRules) -> Any:
    """Add ``_ik_vanished_from``: the day of the export that a customer vanished from, as text; else null.

    Each row is a customer, with its first and last snapshot in ``_ik_known_at`` and ``_ik_seen_at``.
    """
    known = newest.filter(~nw.col("customer_id").is_null() & ~nw.col("_ik_seen_at").is_null()).select(
        "_ik_customer",
        nw.col("account_manager").fill_null("").alias(_MANAGER),
        day_number(nw.col("_ik_known_at"), newest.implementation).alias(_FIRST),
        day_number(nw.col("_ik_seen_at"), newest.implementation).alias(_LAST),
        # A customer has been in the portal at least since its first snapshot.
        nw.coalesce("invitation_sent_at", "pre_registered_at", "_ik_known_at").alias(_SINCE),
    )
    later = _later_exports(known)
    shown = _shown_from(later, _few(known, later, rules))
    if not shown:
        return newest.with_columns(nw.lit(None, nw.String).alias(VANISHED))
    names = (_MANAGER, _GONE, _LAST, VANISHED)
    table = literal_table(newest, dict(zip(names, zip(*shown, strict=True), strict=True)))
    table = table.with_columns(nw.col(_GONE, _LAST).cast(nw.Int64)).join(later, on=[_MANAGER, _LAST])
    table = table.select(_MANAGER, _FROM, VANISHED, nw.col(_GONE).alias(_LAST))
    gone = known.join(table, on=[_MANAGER, _LAST]).filter(nw.col(_SINCE) >= nw.col(_FROM))
    return newest.join(gone.select("_ik_customer", VANISHED), on="_ik_customer", how="left")


def _later_exports(known: Any) -> Any:
    """Return each manager's days on which customers were last seen, and how far the exports after them go back.

    ``_FROM`` is the oldest customer seen later, ``_NEXT`` the next day on which any was last seen; the newest day has
    none and is left out.
    """
    days = known.group_by(_MANAGER, _LAST).agg(nw.col(_SINCE).min().alias(_FROM))
    days = days.with_columns(nw.col(_FROM).cum_min(reverse=True).over(_MANAGER, order_by=_LAST))
    days = days.with_columns(
        nw.col(_FROM).shift(-1).over(_MANAGER, order_by=_LAST),
        nw.col(_LAST).shift(-1).over(_MANAGER, order_by=_LAST).alias(_NEXT),
    )
    return materialize(days.filter(~nw.col(_NEXT).is_null()).with_columns(nw.col(_NEXT).cast(nw.Int64)))


def _shown_from(later: Any, few: Mapping[tuple[str, int], int]) -> list[tuple[str, str, str, str]]:
    """Return manager, day, and the first day from then on that is in ``few``, with the date of the export after it.

    The exports after the first such day go back the furthest: a customer that they do not cover is covered by none.
    """
    first: dict[str, int] = {}
    shown = []
    for manager, day in sorted(collect(later.select(_MANAGER, _LAST)).rows(), reverse=True):
        if (manager, day) in few:
            first[manager] = day
        if manager in first:
            date = f"{day_of(few[manager, first[manager]])}"
            shown.append((manager, str(day), str(first[manager]), date))
    return shown


def _few(known: Any, later: Any, rules: ResendRules) -> dict[tuple[str, int], int]:
    """Return the managers and days of which few customers were last seen then, and few overall, with the next day."""
    gone = known.join(later, on=[_MANAGER, _LAST]).filter(nw.col(_SINCE) >= nw.col(_FROM))
    lost = collect(gone.group_by(_MANAGER, _LAST, _NEXT).agg(n=nw.len())).select(_MANAGER, _LAST, _NEXT, "n").rows()
    first, last = (
        collect(known.group_by(_MANAGER, day).agg(n=nw.len())).select(_MANAGER, day, "n").rows()
        for day in (_FIRST, _LAST)
    )
    staying = _count_staying(first, last)
    overall = _count_staying([("", day, n) for _, day, n in first], [("", day, n) for _, day, n in last])
    lost_overall: Counter[int] = Counter()
    for _, day, _, n in lost:
        lost_overall[day] += n
    return {
        (manager, day): next_day
        for manager, day, next_day, n in lost
        if _are_few(n, staying[manager, day], rules) and _are_few(lost_overall[day], overall["", day], rules)
    }


def _count_staying(first: Any, last: Any) -> dict[tuple[str, int], int]:
    """Count the customers who were known on a day and seen later, from how many appear and disappear each day."""
    changes: Counter[tuple[str, int]] = Counter()
    for rows, sign in ((first, 1), (last, -1)):
        for manager, day, n in rows:
            changes[manager, day] += sign * n
    staying: dict[tuple[str, int], int] = {}
    now: Counter[str] = Counter()
    for manager, day in sorted(changes):
        now[manager] += changes[manager, day]
        staying[manager, day] = now[manager]
    return staying


def _are_few(lost: int, still: int, rules: ResendRules) -> bool:
    return still > 0 and lost <= max(FEW, (lost + still) * rules.vanished_percent / 100)
