"""Figures of counts and rates: how far invitations came, why they failed, where, and what still waits."""

from __future__ import annotations

from typing import Any

from invitekit.charts.bars import MOST, Bar, Dot, Part, bars, dots
from invitekit.charts.chart import LOOK, Chart, Look, Row, axis, draw, empty, named, rows
from invitekit.charts.colours import ORDER, STAGES, status_order
from invitekit.charts.labels import interval, keys_height, one_line, percent, share, share_of, shown
from invitekit.metrics import EMPTY, OTHER
from invitekit.model.vocabularies import UNKNOWN

FEWER = 12
"""Rows of a figure whose small groups tell little."""


def funnel(table: Any, look: Look = LOOK) -> Chart:
    """Draw how many invitations came how far; each bar says what it is a part of.

    Args:
        table: ``MetricsReport.funnel``: ``stage, part_of, n, of, rate, low, high, small``.
        look: How to draw it.
    """
    title, every = look.words["funnel"], {row["stage"]: row for row in rows(table)}
    found = [every[value.code] for value in STAGES if value.code in every and every[value.code]["n"]]
    if not found:
        return empty(title, look)
    return bars(title, look, [_stage(row, look) for row in found])


def _stage(row: Row, look: Look) -> Bar:
    names = {value.code: value.label(look.language) for value in STAGES}
    label, whole = names[row["stage"]], look.words["wholes"].get(row["part_of"])
    # Where the whole may not be told, a part stands alone.
    hover = _hover(look, label, row) if row["of"] is not None else shown([label, f"{row['n']:,}"])
    part = Part(row["n"], look.theme.of_status(row["stage"]), hover)
    if whole is None or row["of"] is None:
        return Bar(look.words["part_of"].format(part=label, whole=whole) if whole else label, (part,), f"{row['n']:,}")
    text = f"{row['n']:,} · {share(row['n'], row['of'], look.words['of'])}"
    return Bar(look.words["part_of"].format(part=label, whole=whole), (part,), text)


def pareto(table: Any, look: Look = LOOK) -> Chart:
    """Draw the causes of failures, the most frequent first, in the colour of who acts.

    Args:
        table: ``MetricsReport.pareto``: ``failure_code, cause, who_acts, n, of, share, cumulative``.
        look: How to draw it.
    """
    title, found = look.words["pareto"], rows(table)
    if not found:
        return empty(title, look)
    named_ones = [row for row in found if row["failure_code"] != OTHER][:MOST]
    rest = [row for row in found if row not in named_ones]
    made = [_cause(row, look) for row in named_ones] + ([_other_causes(rest, look)] if rest else [])
    present = {row["who_acts"] or UNKNOWN for row in found}
    legend = [(v.label(look.language), look.theme.of_who(v.code)) for v in ORDER if v.code in present]
    return bars(title, look, made, legend)


def _cause(row: Row, look: Look) -> Bar:
    who = {value.code: value.label(look.language) for value in ORDER}
    said = f"{row['n']:,} · {share(row['n'], row['of'], look.words['of'])}"
    together = look.words["cumulative"].format(share=percent(row["cumulative"]))
    hover = shown([one_line(row["cause"], 80), who.get(row["who_acts"], ""), said, together])
    return Bar(row["cause"], (Part(row["n"], look.theme.of_who(row["who_acts"]), hover),), said)


def _other_causes(found: list[Row], look: Look) -> Bar:
    """Draw the causes that have no bar of their own as one, a piece for each who acts."""
    merged = any(row["failure_code"] == OTHER for row in found)
    label = str(look.words["other_causes"] if merged else look.words["others"].format(n=f"{len(found):,}"))
    parts, of = [], found[0]["of"]
    for value in ORDER:
        n = sum(row["n"] for row in found if (row["who_acts"] or UNKNOWN) == value.code)
        said = f"{n:,} · {share(n, of, look.words['of'])}"
        hover = shown([label, value.label(look.language), said])
        parts += [Part(n, look.theme.of_who(value.code), hover)] * bool(n)
    total = sum(row["n"] for row in found)
    return Bar(label, tuple(parts), f"{total:,} · {share(total, of, look.words['of'])}")


def groups(table: Any, by: str, look: Look = LOOK, *, overall: float | None = None) -> Chart:
    """Draw the share that failed in each group with its 95 % interval, the largest groups first.

    Args:
        table: ``MetricsReport.by_manager`` and the like: ``value, followed, followed_failed, failure_rate,
            failure_low, failure_high, small``.
        by: The column that makes the groups, ``account_manager`` say.
        look: How to draw it.
        overall: The rate of all together; else that of the table, where it holds every count.
    """
    title = look.words["groups"].format(by=look.words["by"][by])
    every = [row for row in rows(table) if row["followed"]]
    found = sorted((row for row in every if row["failure_rate"] is not None), key=lambda row: -row["followed"])
    if not found:
        return empty(title, look)
    made = []
    for row in found[:MOST]:
        told = {"n": row["followed_failed"], "of": row["followed"], "rate": row["failure_rate"], "small": row["small"]}
        told |= {"low": row["failure_low"], "high": row["failure_high"]}
        made.append(_dot(named(row["value"], by, look), told, look))
    mean = overall if overall is not None else _mean(every, "followed_failed", "followed")
    return dots(title, look, made, mean, _noted(mean, len(found) - MOST, look))


def repeats(table: Any, look: Look = LOOK) -> Chart:
    """Draw how often a resend led to an association, by what had gone wrong before.

    Args:
        table: ``MetricsReport.repeats``: ``cause, resends, associated, rate, low, high``.
        look: How to draw it.
    """
    title, every = look.words["repeats"], rows(table)
    found = [row for row in every if row["rate"] is not None]
    if not found:
        return empty(title, look)
    found.sort(key=lambda row: -row["resends"])
    made = [
        _dot(_before(row, look), {"n": row["associated"], "of": row["resends"]} | row, look) for row in found[:FEWER]
    ]
    mean = _mean(every, "associated", "resends")
    return dots(title, look, made, mean, _noted(mean, len(found) - FEWER, look))


def _before(row: Row, look: Look) -> str:
    method = named(row["method"], "invitation_method", look)
    if row["failure_code"] == OTHER:
        return named(OTHER, None, look)
    return str(look.words["after"].format(cause=row["cause"].rstrip(".。"), method=method))


def ageing(table: Any, look: Look = LOOK) -> Chart:
    """Draw how long the records that are still open have waited.

    Args:
        table: ``MetricsReport.ageing``: ``bucket, status, n``.
        look: How to draw it.
    """
    title, found = look.words["ageing"], [row for row in rows(table) if row["n"]]
    if not found:
        return empty(title, look)
    buckets = list(dict.fromkeys(row["bucket"] for row in found))
    label = look.words["waiting"]
    told = {bucket: label.format(bucket=bucket.replace("-", "–")) for bucket in buckets}
    told |= {EMPTY: look.words["undated"]}
    made = [_stack(told[bucket], [row for row in found if row["bucket"] == bucket], look) for bucket in buckets]
    return bars(title, look, made, _status_keys(found, look))


def snapshots(table: Any, look: Look = LOOK) -> Chart:
    """Draw how many records stood where at each snapshot.

    Args:
        table: ``MetricsReport.snapshots``: ``snapshot_at, status, n``.
        look: How to draw it.
    """
    title, found = look.words["snapshots"], [row for row in rows(table) if row["n"] and row["snapshot_at"]]
    found.sort(key=lambda row: row["snapshot_at"])
    if not found:
        return empty(title, look)
    theme = look.theme
    days = list(dict.fromkeys(f"{row['snapshot_at']:%m-%d<br>%Y}" for row in found))
    traces: list[Row] = []
    for value in status_order():
        mine = [row for row in found if row["status"] == value.code]
        label = value.label(look.language)
        traces.append(
            {"type": "bar", "name": label, "x": [f"{row['snapshot_at']:%m-%d<br>%Y}" for row in mine],
             "y": [row["n"] for row in mine], "marker": {"color": theme.of_status(value.code)},
             "hovertext": [shown([f"{row['snapshot_at']:%Y-%m-%d}", f"{label}: {row['n']:,}"]) for row in mine],
             "hoverinfo": "text", "visible": bool(mine)}
        )  # fmt: skip
    top = 8 + keys_height([trace["name"] for trace in traces if trace["visible"]])
    layout = {"barmode": "stack", "xaxis": axis(theme, type="category", nticks=12, tickangle=0,
                              categoryorder="array", categoryarray=days),
              "yaxis": axis(theme, tickformat=",d", rangemode="tozero"), "bargap": 0.45, "height": 360,
              "margin": {"l": 52, "r": 12, "t": top, "b": 40}}  # fmt: skip
    return draw(title, look, [trace for trace in traces if trace.pop("visible")], layout)


def _stack(label: str, found: list[Row], look: Look) -> Bar:
    parts = []
    for value in status_order():
        n = sum(row["n"] for row in found if row["status"] == value.code)
        name = value.label(look.language)
        parts.append(Part(n, look.theme.of_status(value.code), shown([label, f"{name}: {n:,}"])))
    return Bar(label, tuple(parts), f"{sum(row['n'] for row in found):,}")


def _status_keys(found: list[Row], look: Look) -> list[tuple[str, str]]:
    present = {row["status"] for row in found}
    return [(v.label(look.language), look.theme.of_status(v.code)) for v in status_order() if v.code in present]


def _dot(label: str, row: Row, look: Look) -> Dot:
    small = bool(row.get("small"))
    text = share_of(row["n"], row["of"], look.words)
    return Dot(label, row["rate"], row["low"], row["high"], text, _hover(look, label, row), look.theme.accent, small)


def _hover(look: Look, label: str, row: Row) -> str:
    said = look.words["of"].format(n=f"{row['n']:,}", of=f"{row['of']:,}")
    lines = [one_line(label, 80), f"{said} = {percent(row['rate'])}"]
    lines += [f"{look.words['interval']}: {interval(row['low'], row['high'])}"] * (row["low"] is not None)
    return shown(lines + [look.words["small"]] * bool(row.get("small")))


def _mean(every: list[Row], part: str, whole: str) -> float | None:
    """Give the rate of all rows together, where every count is there."""
    if any(row[part] is None for row in every):
        return None
    return float(sum(row[part] for row in every) / sum(row[whole] for row in every))


def _noted(mean: float | None, more: int, look: Look) -> str:
    """Say what the line is, and how many rows are not shown."""
    words = look.words
    notes = [words["interval"], *([words["overall"].format(rate=percent(mean))] if mean is not None else [])]
    return " · ".join(notes + [words["not_shown"].format(n=f"{more:,}")] * (more > 0))
