"""Figures of counts and rates: what is open, how far invitations came, why they failed, and where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from invitekit.charts.colours import ORDER, STAGES, of_code, status_order
from invitekit.charts.figure import LOOK, Figure, Look, Part, Row, Values, choice_of, hover, label_for
from invitekit.charts.labels import one_line, percent, share
from invitekit.charts.svg import Mark
from invitekit.metrics import EMPTY, OTHER
from invitekit.metrics.follow_up import FAILED
from invitekit.metrics.funnel import NOT_INVITED, OPEN
from invitekit.model.filters import Filter
from invitekit.model.vocabularies import DECISIONS_OF, LISTS, UNKNOWN

_SENT = ("associated", FAILED, "expired", "invited")
"""The statuses of an invitation that was sent."""
_STATUSES: Mapping[str, tuple[str, ...]] = {
    "all": (), "not_invited": NOT_INVITED, UNKNOWN: (UNKNOWN,),
    "invited": _SENT, "associated": ("associated",), "failed": (FAILED,), "expired": ("expired",),
}  # fmt: skip
"""The statuses of each stage; whether an invitation is open or was not used depends on its follow-up too."""
MAX_ROWS, MAX_RATES = 12, 10
"""The most rows of counts, and of rates, in a figure."""
_OF_LIST = {"again": "partner", "check": "partner", "customer": "customer", "valid": "customer",
            "support": "customer_service", "blocked": "muted"}  # fmt: skip
"""The colour of each list: that of the party that has to act."""


def to_do(sizes: Mapping[str, int], look: Look = LOOK) -> Figure:
    """Draw ``PlanSummary.by_list``: the customers who are not associated, by what is to do."""
    rows = tuple(
        _bar(list_label(code, look), n, _OF_LIST[code], Filter(decision=DECISIONS_OF[code]))
        for code, n in sizes.items()
        if n
    )
    return Figure(look.words["to_do"], look, rows=rows)


def list_label(code: str, look: Look) -> str:
    """Return the name of a list of customers, as the page has it."""
    return next(value.label(look.language) for value in LISTS if value.code == code)


def funnel(table: Any, look: Look = LOOK) -> Figure:
    """Draw ``MetricsReport.funnel``: the invitations at each stage; a label names the stage that a bar is a part of."""
    rows = {row["stage"]: row for row in table.to_dicts()}
    shown = [rows[value.code] for value in STAGES if value.code in rows and rows[value.code]["n"]]
    return Figure(look.words["funnel"], look, rows=tuple(_stage(row, look) for row in shown))


def stage_label(row: Values, look: Look) -> str:
    """Return the label of a stage, with the stage that it is a part of."""
    label = _of_stage(row["stage"], look)
    whole = look.words["wholes"].get(row["part_of"])
    return str(look.words["part_of"].format(part=label, whole=whole)) if whole else label


def _of_stage(stage: str, look: Look) -> str:
    return next(value.label(look.language) for value in STAGES if value.code == stage)


def _stage(row: Values, look: Look) -> Row:
    label, colour = stage_label(row, look), of_code(row["stage"])
    choice = Filter(status=_STATUSES[row["stage"]]) if row["stage"] in _STATUSES else None
    # No share where the count of the whole is hidden.
    if row["of"] is None or row["part_of"] is None:
        return _bar(label, row["n"], colour, choice)
    return Row(label, (Part(row["n"], colour, hover(label, row, look), choice),), _counted(row["n"], row["of"], look))


def _bar(label: str, n: int, colour: str, choice: Filter | None = None) -> Row:
    return Row(label, (Part(n, colour, f"{one_line(label, 80)}\n{n:,}", choice),), f"{n:,}")


def _counted(n: int, of: int, look: Look) -> str:
    return f"{n:,} · {share(n, of, look.words['of'])}"


def pareto(table: Any, look: Look = LOOK) -> Figure:
    """Draw ``MetricsReport.pareto``: the causes of failures, the most frequent first, coloured by who acts."""
    rows = table.to_dicts()
    causes = [row for row in rows if row["failure_code"] != OTHER]
    causes = causes[: MAX_ROWS if len(causes) == len(rows) <= MAX_ROWS else MAX_ROWS - 1]
    rest = [row for row in rows if row not in causes]
    bars = [_cause(row, look) for row in causes] + ([_other_causes(rest, look)] if rest else [])
    return Figure(look.words["pareto"], look, rows=tuple(bars))


def _cause(row: Values, look: Look) -> Row:
    who, text = label_for(row["who_acts"] or UNKNOWN, "who_acts", look), _counted(row["n"], row["of"], look)
    together = look.words["cumulative"].format(share=percent(row["cumulative"]))
    on_hover = "\n".join([one_line(row["cause"], 80), who, text, together])
    choice = Filter(cause=row["failure_code"], status=FAILED)
    return Row(row["cause"], (Part(row["n"], of_code(row["who_acts"]), on_hover, choice),), f"{text} · {who}")


def _other_causes(rows: list[Values], look: Look) -> Row:
    """Return one bar for the causes that have no bar of their own, with a part for each party that acts."""
    merged = any(row["failure_code"] == OTHER for row in rows)
    label = str(
        look.words["other_causes"] if merged else look.words["others"][len(rows) != 1].format(n=f"{len(rows):,}")
    )
    sizes = {one: sum(row["n"] for row in rows if (row["who_acts"] or UNKNOWN) == one.code) for one in ORDER}
    of = rows[0]["of"]
    parts = tuple(
        Part(n, of_code(one.code), f"{label}\n{one.label(look.language)}\n{_counted(n, of, look)}")
        for one, n in sizes.items()
        if n
    )
    return Row(label, parts, _counted(sum(sizes.values()), of, look))


def groups(table: Any, by: str, look: Look = LOOK) -> Figure:
    """Draw the failure rate of each group with its 95% interval, the largest groups first.

    Args:
        table: ``MetricsReport.by_manager`` and the like.
        by: The column to group by, such as ``account_manager``.
        look: How to draw it.
    """
    names = {"n": "followed_failed", "of": "followed", "rate": "failure_rate", "low": "failure_low",
             "high": "failure_high", "small": "small"}  # fmt: skip
    rates = [
        {new: row[old] for new, old in names.items()}
        | {"label": label_for(row["value"], by, look), "choice": choice_of(row["value"], by, status=_SENT)}
        for row in table.to_dicts()
        if row["followed"]
    ]
    return _rates(look.words["groups"].format(by=look.words["by"][by]), rates, look.words["of_followed"], look)


def repeats(table: Any, look: Look = LOOK) -> Figure:
    """Draw ``MetricsReport.repeats``: how often a resend led to an association, by the result before the resend."""
    rates = [
        row | {"n": row["associated"], "of": row["resends"], "label": _before(row, look)} for row in table.to_dicts()
    ]
    return _rates(look.words["repeats"], rates, look.words["of_resends"], look)


def _before(row: Values, look: Look) -> str:
    if row["failure_code"] == OTHER:
        return label_for(OTHER, None, look)
    method = label_for(row["method"], "invitation_method", look)
    return str(look.words["after"].format(cause=result_label(row, look).rstrip(".。"), method=method))


def result_label(row: Values, look: Look) -> str:
    """Return the label of the result of the earlier invitation in a row of ``MetricsReport.repeats``."""
    if row["failure_code"] == OTHER:
        return label_for(OTHER, None, look)
    return _of_stage("open", look) if row["failure_code"] in OPEN else str(row["cause"])


def _rates(title: str, rates: Sequence[Values], note: str, look: Look) -> Figure:
    """Return a figure of rates with their intervals, the largest groups first, and a line at the overall rate."""
    shown, words = sorted((row for row in rates if row["rate"] is not None), key=lambda row: -row["of"]), look.words
    rows = tuple(
        Row(row["label"], (Part(row["rate"], "accent", hover(row["label"], row, look), row.get("choice")),),
            share(row["n"], row["of"], words["of"], words["rate_of"]), (row["low"], row["high"]), bool(row["small"]))
        for row in shown[:MAX_RATES]
    )  # fmt: skip
    mean = None
    if rows and all(row["n"] is not None for row in rates):
        mean = float(sum(row["n"] for row in rates) / sum(row["of"] for row in rates))
    more = len(shown) - MAX_RATES
    notes = [
        note,
        *[words["overall"]] * (mean is not None),
        *[words["not_shown"][more != 1].format(n=f"{more:,}")] * (more > 0),
    ]
    return Figure(title, look, " · ".join(notes), rows, mean=mean)


def ageing(table: Any, look: Look = LOOK) -> Figure:
    """Draw ``MetricsReport.ageing``: how long open records have waited."""
    rows = [(waited_label(row, look, look.words["waiting"]), row) for row in table.to_dicts()]
    return _stacks(look.words["ageing"], rows, look)


def waited_label(row: Values, look: Look, days: str = "{bucket}") -> str:
    """Return the label of a row of ``MetricsReport.ageing``: its days, or why there are none."""
    if row["bucket"] != EMPTY:
        return days.format(bucket=row["bucket"].replace("-", "–"))
    return _of_stage("not_invited", look) if row["status"] in NOT_INVITED else str(look.words["undated"])


def snapshots(table: Any, look: Look = LOOK) -> Figure:
    """Draw ``MetricsReport.snapshots``: the records of each snapshot by status, the newest snapshot first."""
    rows = [(f"{row['snapshot_at']:%Y-%m-%d}", row) for row in table.to_dicts() if row["snapshot_at"]]
    return _stacks(look.words["snapshots"], sorted(rows, key=lambda one: one[0], reverse=True), look)


def _stacks(title: str, rows: Iterable[tuple[str, Values]], look: Look) -> Figure:
    """Return a figure with a bar for each label, in parts by status."""
    stacks: dict[str, dict[str, int]] = {}
    for label, row in rows:
        if row["n"]:
            counts = stacks.setdefault(label, {})
            counts[row["status"]] = counts.get(row["status"], 0) + row["n"]
    shown, more = dict(list(stacks.items())[:MAX_ROWS]), len(stacks) - MAX_ROWS
    order = [value for value in status_order() if any(value.code in counts for counts in shown.values())]
    bars = tuple(
        Row(label, tuple(Part(counts[value.code], of_code(value.code),
                              f"{label}\n{value.label(look.language)}: {counts[value.code]:,}")
                         for value in order if value.code in counts), f"{sum(counts.values()):,}")
        for label, counts in shown.items()
    )  # fmt: skip
    keys = tuple(Mark(value.label(look.language), of_code(value.code), symbol="square", size=11) for value in order)
    note = look.words["not_shown"][more != 1].format(n=f"{more:,}") if more > 0 else ""
    return Figure(title, look, note, bars, keys=keys)
