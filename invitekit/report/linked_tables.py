"""The tables of a report to one ledger: every count by its name, and all sums that bind one table to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from invitekit.metrics import OTHER, Progress
from invitekit.report.audit_lp import Cell
from invitekit.report.suppression import Ledger, Row

PARTS = ("associated", "failed", "expired")
PERIODS = 104
"""Periods that a trend shows: the newest ones. More would make the file as long as the history."""
_STAGES = {"association_failed": "failed", "invited": "open"}
"""Stages of the funnel that are called otherwise than their status."""


def ledger(found: Progress, folded: Mapping[str, Sequence[Row]]) -> Ledger:
    """Enter every count that a report may show, and whatever else a reader can take differences of.

    Args:
        found: What ``progress`` gives, with the trends that are shown.
        folded: The rows of groups, repeats and causes, those that are too small merged.
    """
    made = Ledger()
    _funnel(made, found.funnel.to_dicts())
    _waiting(made, found)
    for name in folded.keys() - {"pareto", "repeats"}:
        _groups(made, name, folded[name])
    _causes(made, found.pareto.to_dicts(), folded["pareto"])
    for row in folded["repeats"]:
        key = (row["failure_code"], row["method"])
        parts = [made.put(("repeats", *key), row["associated"]),
                 made.put(("repeats_rest", *key), row["resends"] - row["associated"], made.silent)]  # fmt: skip
        made.add_up(made.put(("resends", *key), row["resends"], made.fixed), parts)
    _trend(made, None, found.trend.to_dicts())
    for by, table in found.trends.items():
        _trend(made, by, table.to_dicts())
    _nested(made, found)
    return made


def newest(rows: Sequence[Row]) -> list[Any]:
    """Give the periods that a trend shows."""
    return sorted({row["period_start"] for row in rows})[-PERIODS:]


def _stage(status: str) -> Cell:
    return "funnel", _STAGES.get(status, status)


def _funnel(made: Ledger, rows: Sequence[Row]) -> None:
    for row in rows:
        made.put(("funnel", row["stage"]), row["n"], made.last)
    for whole in dict.fromkeys(row["part_of"] for row in rows if row["part_of"] is not None):
        made.add_up(("funnel", whole), [("funnel", row["stage"]) for row in rows if row["part_of"] == whole])


def _waiting(made: Ledger, found: Progress) -> None:
    """Enter what is open by its age, and the snapshots; the newest one moves with the funnel."""
    ages, states = found.ageing.to_dicts(), found.snapshots.to_dicts()
    for row in ages:
        made.put(("ageing", row["bucket"], row["status"]), row["n"])
    for status in dict.fromkeys(row["status"] for row in ages):
        made.add_up(_stage(status), [("ageing", row["bucket"], status) for row in ages if row["status"] == status])
    for row in states:
        made.put(("snapshots", row["snapshot_at"], row["status"]), row["n"])
    days = list(dict.fromkeys(row["snapshot_at"] for row in states))
    for day in days:
        mine = [row for row in states if row["snapshot_at"] == day]
        whole = made.put(("rows", day), sum(row["n"] for row in mine), made.fixed)
        made.add_up(whole, [("snapshots", day, row["status"]) for row in mine])
        if day == days[-1]:
            # Nearly the same invitations: who knows one count is taken to know the other.
            made.sums += [(_stage(row["status"]), (("snapshots", day, row["status"]),)) for row in mine]


def _groups(made: Ledger, table: str, rows: Sequence[Row]) -> None:
    for row in rows:
        whole = made.put((table, row["value"], "settled"), row["settled"], made.last)
        made.add_up(whole, [made.put((table, row["value"], part), row[part]) for part in PARTS])
    for part in ("settled", *PARTS) if rows else ():
        made.add_up(("funnel", part), [(table, row["value"], part) for row in rows])


def _causes(made: Ledger, rows: Sequence[Row], shown: Sequence[Row]) -> None:
    """Enter the causes: those shown, those merged into others, and the sums by who acts."""
    kept = {(row["failure_code"], row["who_acts"]) for row in shown if row["failure_code"] != OTHER}
    who: dict[Any, list[Cell]] = {}
    for row in rows:
        key = (row["failure_code"], row["who_acts"])
        cell = made.put(("cause", *key), row["n"], made.fixed if key in kept else made.silent)
        who.setdefault(row["who_acts"], []).append(cell)
    for name, parts in who.items():
        made.add_up(made.put(("who", name), sum(made.counts[part] for part in parts), made.silent), parts)
    if rows:
        made.add_up(("funnel", "failed"), [("who", name) for name in who])
    others = {row["who_acts"] for row in shown if row["failure_code"] == OTHER and row["who_acts"] is not None}
    for row in (row for row in shown if row["failure_code"] == OTHER):
        # Others of nobody in particular are of all for whom no row of theirs stands.
        mine = [(code, of) for code, of in ((one["failure_code"], one["who_acts"]) for one in rows)
                if (code, of) not in kept and (of == row["who_acts"] if row["who_acts"] is not None
                                               else of not in others)]  # fmt: skip
        whole = made.put(("others", row["who_acts"]), row["n"], made.fixed)
        made.add_up(whole, [("cause", *key) for key in mine])


def _trend(made: Ledger, by: str | None, rows: Sequence[Row]) -> None:
    """Enter failures by period, what is left of each period, and what the centre of the limits tells."""
    shown = set(newest(rows))
    mine = [row for row in rows if row["period_start"] in shown]
    for row in mine:
        day, group = row["period_start"], row["group"]
        if by is None:
            made.put(("of", day), row["of"], made.last)
        parts = [made.put(("n", by, group, day), row["n"]),
                 made.put(("left", by, group, day), row["of"] - row["n"], made.silent)]  # fmt: skip
        made.add_up(("of", day), parts)
    if by is None and mine:
        made.add_up(("funnel", "settled"), [("of", row["period_start"]) for row in mine])
    for day in shown if by is not None else ():
        today = [row["group"] for row in mine if row["period_start"] == day]
        made.add_up(("n", None, None, day), [("n", by, group, day) for group in today])
    for group in dict.fromkeys(row["group"] for row in mine):
        _group_over_time(made, by, group, [row for row in rows if row["group"] == group], shown)


def _group_over_time(made: Ledger, by: str | None, group: Any, rows: Sequence[Row], shown: set[Any]) -> None:
    whole = _whole(made, by, group)
    mine = [row for row in rows if row["period_start"] in shown]
    late, early = (
        [("n", by, group, row["period_start"]) for row in mine if row["incomplete"] is over] for over in (True, False)
    )
    every: list[Cell] = [*late, *early]
    if any(row["centre"] is not None for row in rows):
        # The centre tells of periods too that are no longer shown.
        centre = made.put(("centre", by, group), sum(row["n"] for row in rows if not row["incomplete"]), made.first)
        made.add_up(centre, early)
        every = [*late, centre]
    if whole is not None:
        made.add_up(whole, every)


def _whole(made: Ledger, by: str | None, group: Any) -> Cell | None:
    """Give the count of all failures of a group."""
    if by is None:
        return "funnel", "failed"
    if by == "who_acts":
        return ("who", group) if ("who", group) in made.counts else None
    mine = [cell for cell in made.counts if isinstance(cell, tuple) and cell[:2] == ("cause", group)]
    return mine[0] if len(mine) == 1 else None


def _nested(made: Ledger, found: Progress) -> None:
    """Enter that the causes for which one acts add up to his failures, period by period."""
    if not {"cause", "who_acts"} <= found.trends.keys():
        return
    acts: dict[Any, set[Any]] = {}
    for row in found.pareto.to_dicts():
        acts.setdefault(row["failure_code"], set()).add(row["who_acts"])
    causes, whos = ({row["group"] for row in found.trends[by].to_dicts()} for by in ("cause", "who_acts"))
    for who in whos:
        mine = [cause for cause in causes if acts.get(cause) == {who}]
        for day in newest(found.trend.to_dicts()):
            made.add_up(("n", "who_acts", who, day), [("n", "cause", cause, day) for cause in mine])
