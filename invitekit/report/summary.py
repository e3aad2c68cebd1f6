"""The sentences of a report, from its small tables, and no more precise than their counts allow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from invitekit.charts.chart import LOOK, Look, named
from invitekit.charts.labels import FEW, percent
from invitekit.metrics import EMPTY, OTHER, MetricsReport, find_changes, find_differences, one_in
from invitekit.metrics.overview import PARTS_BY
from invitekit.privacy.disclosure import STEP
from invitekit.report.audience import Row
from invitekit.report.page import words

WORTH = 0.05
"""Of many records the smallest difference is sure; a sentence is worth one of five points or more [assumed]."""
ROUGH = 200
"""Below so many, a share is said to the nearest five percent."""
_RECENT = 8
"""Periods of which the summary speaks; older ones stand in the figure."""
_NAMED = 3


def summarise(found: MetricsReport, look: Look = LOOK, *, rounded: bool = False) -> tuple[str, ...]:
    """Return in sentences what the tables show; each is left out where its counts are hidden or too few.

    Args:
        found: The tables, for the audience.
        look: In which language, and which causes have words.
        rounded: Whether counts are rounded; then a difference that rounding may have made is not stated.
    """
    told = words(look.language)

    margin = STEP // 2 if rounded else 0
    changes, groups = partial(_changes, margin=margin), partial(_groups, margin=margin)
    parts = (_outcome, _unused, _who, _cause, changes, _trend, _causes, groups, _time, _again)
    return tuple(sentence for part in parts for sentence in part(found, told, look))


def said(n: int, of: int, told: Mapping[str, Any]) -> str:
    r"""Give a share as precisely as its counts allow: both counts, about so many percent, or whole percent.

    >>> said(7, 12, words("en")), said(31, 100, words("en")), said(310, 1000, words("en"))
    ('7 of 12', 'about 30\xa0%', '31\xa0%')
    """
    if of < FEW:
        return str(told["of"].format(n=f"{n:,}", of=f"{of:,}"))
    near = round(20 * n / of) / 20
    if of < ROUGH and 0 < near < 1:
        return str(told["about_share"].format(share=percent(near)))
    return percent(n / of)


def _outcome(found: MetricsReport, told: Mapping[str, Any], _: Look) -> Iterator[str]:
    rows = found.by_method.to_dicts()
    names = ("followed", "followed_associated", "followed_failed")
    if rows and all(row[name] is not None for row in rows for name in names):
        of, associated, failed = (sum(row[name] for row in rows) for name in names)
        shares = {"associated": associated, "failed": failed} if of else {}
        parts = {name: said(n, of, told) for name, n in shares.items()}
        yield from [told["says"]["outcome"].format(followed=f"{of:,}", **parts)] if parts else []
    still_open = next((row["n"] for row in found.funnel.to_dicts() if row["stage"] == "open"), None)
    if still_open:
        yield told["says"]["open"].format(open=f"{still_open:,}")


def _who(found: MetricsReport, told: Mapping[str, Any], _: Look) -> Iterator[str]:
    """Say for whom the failures wait, the most first."""
    sizes: dict[str, int] = {}
    for row in found.pareto.to_dicts():
        sizes[row["who_acts"]] = sizes.get(row["who_acts"], 0) + row["n"]
    total = found.pareto["of"][0] if len(found.pareto) else 0
    # What nobody can mend is said last: the sentence is about waiting.
    ranked = sorted((who for who in sizes if f"who_{who}" in told["says"]), key=lambda w: (w == "nobody", -sizes[w]))
    forms = ["who_{}" if place else "who_{}_first" for place in range(len(ranked))]
    parts = [
        told["says"][form.format(who)].format(share=said(sizes[who], total, told))
        for form, who in zip(forms, ranked, strict=True)
    ]
    if parts:
        yield told["says"]["who"].format(parts=told["and"].join(parts))


def _cause(found: MetricsReport, told: Mapping[str, Any], _: Look) -> Iterator[str]:
    for row in found.pareto.to_dicts()[:1]:
        if row["failure_code"] != OTHER:
            yield told["says"]["cause"].format(share=said(row["n"], row["of"], told), cause=row["cause"])


def _trend(found: MetricsReport, told: Mapping[str, Any], _: Look) -> Iterator[str]:
    rows = found.trend.to_dicts()
    compared = [row for row in rows if row["lower_limit"] is not None and row["n"] is not None]
    marked = list(_marked(compared, found.period, told, ("high", "low")))
    yield from marked
    if compared and not any(row["signal"] for row in compared):
        hidden = any(row["n"] is None and not row["incomplete"] for row in rows)
        yield told["says"]["calm_shown" if hidden else "calm"].format(period=told[found.period])


def _causes(found: MetricsReport, told: Mapping[str, Any], look: Look) -> Iterator[str]:
    """Say which causes came more or less often than chance explains, lately."""
    rows = found.trends["cause"].to_dicts() if "cause" in found.trends else []
    texts, said = {row["failure_code"]: row["cause"] for row in found.pareto.to_dicts()}, []
    for code in dict.fromkeys(row["group"] for row in rows):
        mine = [row for row in rows if row["group"] == code and row["n"] is not None][-_RECENT:]
        failure = look.catalogue.by_code(str(code))
        cause = texts.get(code) or (failure.cause(look.language) if failure else None)
        if cause and code not in (OTHER, EMPTY):
            forms = _marked(mine, found.period, told, ("cause_high", "cause_low"))
            said += [sentence.format(cause=cause) for sentence in forms]
    yield from said[:_NAMED]
    if len(said) > _NAMED:
        yield told["says"]["more_causes"].format(n=len(said) - _NAMED)


def _marked(rows: list[Row], period: str, told: Mapping[str, Any], forms: tuple[str, str]) -> Iterator[str]:
    for signal, form in zip(("high", "low"), forms, strict=True):
        days = [row["period_start"] for row in rows if row["signal"] == signal][::-1]
        if days:
            shown = [_period(day, period, told) for day in days[:_NAMED]]
            more = [told["says"]["more_periods"].format(n=len(days) - _NAMED)] if len(days) > _NAMED else []
            yield told["says"][form].format(periods=told["and"].join([*shown, *more]), cause="{cause}")


def _changes(found: MetricsReport, told: Mapping[str, Any], look: Look, margin: int) -> Iterator[str]:
    """Return since when more or fewer fail, over all and by group, the surest first."""
    changes = find_changes({None: found.trend} | dict(found.trends), margin=margin)
    for row in changes.to_dicts()[:_NAMED]:
        before, after = (said(row[f"n_{name}"], row[f"of_{name}"], told) for name in ("before", "after"))
        form = "rise" if row["rate_after"] > row["rate_before"] else "fall"
        period = _period(row["since"], found.period, told)
        sentence = told["says"][form].format(period=period, before=before, after=after, chance=f"{one_in(row['p']):,}")
        group = look.catalogue.by_code(str(row["group"])) if row["by"] == "cause" else None
        name = group.cause(look.language).rstrip(".。") if group else named(row["group"], row["by"], look)
        yield told["says"]["in_group"].format(group=name, sentence=sentence) if row["by"] else sentence


def _groups(found: MetricsReport, told: Mapping[str, Any], look: Look, margin: int) -> Iterator[str]:
    """Return which groups differ from all others in their column, and which causes were frequent in one period."""
    tables = {column: getattr(found, name) for name, column in PARTS_BY.items()}
    rows = find_differences(tables, found.trends.get("cause"), found.period, found.as_of, margin=margin).to_dicts()
    for by, measure in dict.fromkeys((row["by"], row["measure"]) for row in rows):
        mine = [row for row in rows if (row["by"], row["measure"]) == (by, measure) and _apart(row) >= WORTH]
        for row in sorted(mine, key=_apart, reverse=True)[:_NAMED]:
            yield _difference(row, found, told, look)


def _apart(row: Row) -> float:
    """Return how far the rate of a group is from that of all others."""
    return float(abs(row["rate"] - row["rest_rate"]))


def _difference(row: Row, found: MetricsReport, told: Mapping[str, Any], look: Look) -> str:
    share, rest = said(row["n"], row["of"], told), said(row["rest_n"], row["rest_of"], told)
    if row["measure"] == "cause_share":
        failure = look.catalogue.by_code(row["value"])
        cause = failure.cause(look.language) if failure else row["value"]
        period = _period(row["period_start"], found.period, told)
        return str(told["says"]["week_cause"].format(period=period, share=share, rest=rest, cause=cause))
    forms = {"failure_rate": ("worse", "better"), "association_rate": ("more_used", "fewer_used")}[row["measure"]]
    form, column = forms[row["rate"] < row["rest_rate"]], look.words["by"][row["by"]].capitalize()
    group, chance = named(row["value"], row["by"], look), f"{one_in(row['p']):,}"
    sentence = told["says"][form].format(by=column, group=group, of=f"{row['of']:,}", share=share, rest=rest)
    return f"{sentence[:-1]}{told['says']['chance'].format(chance=chance)}"


def _period(start: dt.date, period: str, told: Mapping[str, Any]) -> str:
    return str(told["says"][f"period_{period}"].format(date=f"{start:{'%Y-%m' if period == 'month' else '%Y-%m-%d'}}"))


def _time(found: MetricsReport, told: Mapping[str, Any], _: Look) -> Iterator[str]:
    every = [row for row in found.survival.to_dicts() if row["group"] is None and row["days"] > 0]
    if not every:
        return
    if every[0]["median_days"] is not None:
        yield told["says"]["median"].format(days=every[0]["median_days"])
        return
    last = [row for row in every if row["days"] <= 7][-1:] or every[:1]
    for row in last:
        share = said(round(row["share"] * row["size"]), row["size"], told)
        yield told["says"]["within"].format(days=row["days"], share=share)


def _unused(found: MetricsReport, told: Mapping[str, Any], _: Look) -> Iterator[str]:
    unused = next((row["n"] for row in found.funnel.to_dicts() if row["stage"] == "not_used"), None)
    if unused:
        yield told["says"]["old"].format(n=f"{unused:,}", days=f"{found.follow_up_days:,}")


def _again(found: MetricsReport, told: Mapping[str, Any], _: Look) -> Iterator[str]:
    """Say how often a resend led to an association, over all that can be told."""
    rows = [row for row in found.repeats.to_dicts() if row["associated"] is not None]
    resends, associated = (sum(row[name] for row in rows) for name in ("resends", "associated"))
    if resends >= FEW and len(rows) == len(found.repeats):
        yield told["says"]["repeats"].format(resends=f"{resends:,}", share=said(associated, resends, told))
