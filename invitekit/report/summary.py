"""The summary of a report in sentences, no more precise than the counts allow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from invitekit.charts.figure import LOOK, Look, label_for
from invitekit.charts.labels import FEW, percent
from invitekit.metrics import EMPTY, OTHER, MetricsReport, find_changes, find_differences, one_in
from invitekit.metrics.deadlines import KINDS
from invitekit.metrics.overview import PARTS_BY
from invitekit.planning import PlanSummary
from invitekit.privacy.disclosure import STEP, round_count
from invitekit.report.audience import Row
from invitekit.report.page import words

if TYPE_CHECKING:
    from invitekit.workspace import Comparison

WORTH = 0.05
"""The smallest difference that is stated [assumed]: with many records, even a tiny one is significant."""
ROUGH = 200
"""Below this count, a share is rounded to five percent."""
_RECENT = 8
"""The summary is about this many newest periods; the figure shows older ones too."""
_NAMED = 3


def summarise(
    tables: MetricsReport,
    plan: PlanSummary,
    look: Look = LOOK,
    change: Comparison | None = None,
    *,
    rounded: bool = False,
) -> tuple[str, ...]:
    """Return the findings in sentences, what to do first; a finding from hidden or too small counts is left out.

    Args:
        tables: The tables, for the audience.
        plan: The counts of the plan, for the audience.
        look: The language, and the known causes.
        change: The comparison of the two newest snapshots.
        rounded: Whether counts are rounded; a difference that rounding may have made is then not stated.
    """
    texts, margin = words(look.language), STEP // 2 if rounded else 0
    news = _news(change, texts, rounded=rounded) if change is not None else iter(())
    series = {None: tables.trend} | dict(tables.trends)
    found = find_changes(series, {None: tables.association_trend}, margin=margin).to_dicts()
    due, groups = partial(_due, rounded=rounded), partial(_groups, margin=margin)
    changes, trend = partial(_changes, found=found), partial(_trend, found=found)
    parts = (_again, due, _outcome, changes, trend, _cause, _causes, groups, _time)
    return (*news, *_to_do(plan, texts), *(sentence for part in parts for sentence in part(tables, texts, look)))


def _news(change: Comparison, texts: Mapping[str, Any], *, rounded: bool) -> Iterator[str]:
    counts = {name: round_count(n) if rounded else n for name, n in change.counts.items()}
    parts = _listed("news", {name: counts.get(name) for name in texts["news"]}, texts)
    if parts and change.before_at:
        yield texts["says"]["news"].format(date=f"{change.before_at:%Y-%m-%d}", parts=parts)


def _listed(kind: str, sizes: Mapping[str, int | None], texts: Mapping[str, Any]) -> str:
    """Return the counts that are not zero as text, in the singular or the plural."""
    parts = []
    for name, n in sizes.items():
        if n and name in texts[kind]:
            form = texts[kind][name]
            parts.append((form if isinstance(form, str) else form[n != 1]).format(n=f"{n:,}"))
    return str(texts["and"].join(parts))


def _to_do(plan: PlanSummary, texts: Mapping[str, Any]) -> Iterator[str]:
    """State what the partner has to do, and who has to act for the other customers."""
    for who in ("todo", "waits"):
        if parts := _listed(who, plan.by_list, texts):
            yield texts["says"][who].format(parts=parts)


def _due(tables: MetricsReport, texts: Mapping[str, Any], _: Look, *, rounded: bool) -> Iterator[str]:
    """State how many deadlines are in the coming week; nothing for rounded counts, as their sum may be wrong."""
    sizes = {kind: sum(row["n"] for row in tables.deadlines.to_dicts() if row["deadline"] == kind) for kind in KINDS}
    if not rounded and (parts := _listed("due", sizes, texts)):
        yield texts["says"]["due"].format(parts=parts)


def share_in_words(n: int, of: int, texts: Mapping[str, Any]) -> str:
    r"""Return a share as precisely as its counts allow: as both counts, rounded to five percent, or in whole percent.

    >>> share_in_words(7, 12, words("en")), share_in_words(31, 100, words("en")), share_in_words(310, 1000, words("en"))
    ('7 of 12', 'about 30%', '31%')
    """
    if of < FEW:
        return str(texts["of"].format(n=f"{n:,}", of=f"{of:,}"))
    near = round(20 * n / of) / 20
    if of < ROUGH and 0 < near < 1:
        return str(texts["about_share"].format(share=percent(near)))
    return percent(n / of)


def _of_whole(sentence: str, n: int, of: int, texts: Mapping[str, Any], **values: Any) -> str:
    """Return a sentence about a share; with few cases it states both counts."""
    form = texts["says"][f"{sentence}_few" if of < FEW else sentence]
    form = form if isinstance(form, str) else form[values.get("days", of) != 1]
    return str(form.format(n=f"{n:,}", of=f"{of:,}", share=share_in_words(n, of, texts), **values))


def _outcome(tables: MetricsReport, texts: Mapping[str, Any], _: Look) -> Iterator[str]:
    rows = tables.by_method.to_dicts()
    names = ("followed", "followed_associated", "followed_failed")
    if rows and all(row[name] is not None for row in rows for name in names):
        of, associated, failed = (sum(row[name] for row in rows) for name in names)
        parts = {"associated": associated, "failed": failed}
        parts = {name: share_in_words(n, of, texts) if of >= FEW else f"{n:,}" for name, n in parts.items()}
        forms = texts["says"]["outcome" if associated + failed < of else "outcome_all"]
        yield from [forms[of != 1].format(followed=f"{of:,}", **parts)] if of else []


def _cause(tables: MetricsReport, texts: Mapping[str, Any], _: Look) -> Iterator[str]:
    """State the most frequent cause; nothing if another one is as frequent, as far as the counts say."""
    causes = [row for row in tables.pareto.to_dicts() if row["failure_code"] != OTHER]
    for row in causes[:1]:
        if all(other["n"] < row["n"] for other in causes[1:]):
            yield _of_whole("cause", row["n"], row["of"], texts, cause=row["cause"])


def _trend(tables: MetricsReport, texts: Mapping[str, Any], _: Look, found: list[Row]) -> Iterator[str]:
    """State which periods differ from the usual rate; that none does only if there is no lasting change either."""
    rows = tables.trend.to_dicts()
    compared = [row for row in rows if row["lower_limit"] is not None and row["n"] is not None]
    marked = list(_marked(compared, tables.period, texts, ("high", "low")))
    yield from marked
    has_changed = any(row["by"] is None for row in found)
    if compared and not has_changed and not any(row["signal"] for row in compared):
        hidden = any(row["n"] is None and not row["incomplete"] for row in rows)
        yield texts["says"]["calm_shown" if hidden else "calm"].format(period=texts[tables.period])


def _causes(tables: MetricsReport, texts: Mapping[str, Any], look: Look) -> Iterator[str]:
    """State which causes were recently more or less frequent than chance explains."""
    rows = tables.trends["cause"].to_dicts() if "cause" in tables.trends else []
    causes, sentences = {row["failure_code"]: row["cause"] for row in tables.pareto.to_dicts()}, list[str]()
    for code in dict.fromkeys(row["group"] for row in rows):
        recent = [row for row in rows if row["group"] == code and row["n"] is not None][-_RECENT:]
        failure = look.catalogue.by_code(str(code))
        cause = causes.get(code) or (failure.cause(look.language) if failure else None)
        if cause and code not in (OTHER, EMPTY):
            forms = _marked(recent, tables.period, texts, ("cause_high", "cause_low"))
            sentences += [sentence.format(cause=cause) for sentence in forms]
    yield from sentences[:_NAMED]
    if len(sentences) > _NAMED:
        more = len(sentences) - _NAMED
        yield texts["says"]["more_causes"][more != 1].format(n=more)


def _marked(rows: list[Row], period: str, texts: Mapping[str, Any], forms: tuple[str, str]) -> Iterator[str]:
    for signal, form in zip(("high", "low"), forms, strict=True):
        days = [row["period_start"] for row in rows if row["signal"] == signal][::-1]
        if days:
            shown = [_period(day, period, texts) for day in days[:_NAMED]]
            more = [texts["says"]["more_periods"].format(n=len(days) - _NAMED)] if len(days) > _NAMED else []
            yield texts["says"][form].format(periods=texts["and"].join([*shown, *more]), cause="{cause}")


def _changes(tables: MetricsReport, texts: Mapping[str, Any], look: Look, found: list[Row]) -> Iterator[str]:
    """State since when failure and association rates changed, overall and by group, the most certain first."""
    for row in found[:_NAMED]:
        before, after = (share_in_words(row[f"n_{name}"], row[f"of_{name}"], texts) for name in ("before", "after"))
        forms = {"failure_rate": ("fall", "rise"), "association_rate": ("fewer_associate", "more_associate")}
        form = forms[row["measure"]][row["rate_after"] > row["rate_before"]]
        period = _period(row["since"], tables.period, texts)
        sentence = texts["says"][form].format(period=period, before=before, after=after, chance=f"{one_in(row['p']):,}")
        name = label_for(row["group"], row["by"], look)
        name = name.rstrip(".。") if row["by"] == "cause" else name
        yield texts["says"]["in_group"].format(group=name, sentence=sentence) if row["by"] else sentence


def _groups(tables: MetricsReport, texts: Mapping[str, Any], look: Look, margin: int) -> Iterator[str]:
    """State which groups differ from all others of their column, and which causes were frequent in one period."""
    columns = {column: getattr(tables, name) for name, column in PARTS_BY.items()}
    rows = find_differences(columns, tables.trends.get("cause"), tables.period, tables.as_of, margin=margin).to_dicts()
    for by, measure in dict.fromkeys((row["by"], row["measure"]) for row in rows):
        differing = [row for row in rows if (row["by"], row["measure"]) == (by, measure) and _distance(row) >= WORTH]
        for row in sorted(differing, key=_distance, reverse=True)[:_NAMED]:
            yield _difference(row, tables, texts, look)


def _distance(row: Row) -> float:
    return float(abs(row["rate"] - row["rest_rate"]))


def _difference(row: Row, tables: MetricsReport, texts: Mapping[str, Any], look: Look) -> str:
    share, rest = share_in_words(row["n"], row["of"], texts), share_in_words(row["rest_n"], row["rest_of"], texts)
    if row["measure"] == "cause_share":
        cause = label_for(row["value"], "cause", look)
        period = _period(row["period_start"], tables.period, texts)
        return str(texts["says"]["week_cause"].format(period=period, share=share, rest=rest, cause=cause))
    forms = {"failure_rate": ("worse", "better"), "association_rate": ("more_used", "fewer_used")}[row["measure"]]
    form, column = forms[row["rate"] < row["rest_rate"]], look.words["by"][row["by"]].capitalize()
    group, chance = label_for(row["value"], row["by"], look), f"{one_in(row['p']):,}"
    if row["of"] >= FEW:
        share = texts["share_of"].format(share=share, of=f"{row['of']:,}")
    sentence = texts["says"][form].format(by=column, group=group, share=share, rest=rest)
    return f"{sentence[:-1]}{texts['says']['chance'].format(chance=chance)}"


def _period(start: dt.date, period: str, texts: Mapping[str, Any]) -> str:
    return str(texts["says"][f"period_{period}"].format(date=f"{start:{'%Y-%m' if period == 'month' else '%Y-%m-%d'}}"))


def _time(tables: MetricsReport, texts: Mapping[str, Any], _: Look) -> Iterator[str]:
    every = [row for row in tables.survival.to_dicts() if row["group"] is None and row["days"] > 0]
    if not every:
        return
    if every[0]["median_days"] is not None:
        days = every[0]["median_days"]
        yield texts["says"]["median"][days != 1].format(days=days)
        return
    last = [row for row in every if row["days"] <= 7][-1:] or every[:1]
    for row in last:
        yield _of_whole("within", round(row["share"] * row["size"]), row["size"], texts, days=row["days"])


def _again(tables: MetricsReport, texts: Mapping[str, Any], _: Look) -> Iterator[str]:
    """State how often a resend led to an association, if there are enough and no count is hidden."""
    rows = [row for row in tables.repeats.to_dicts() if row["associated"] is not None]
    resends, associated = (sum(row[name] for row in rows) for name in ("resends", "associated"))
    if resends >= FEW and len(rows) == len(tables.repeats):
        yield texts["says"]["repeats"].format(resends=f"{resends:,}", share=share_in_words(associated, resends, texts))
