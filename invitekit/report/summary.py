"""The sentences of a report, from its small tables, and no more precise than their counts allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from invitekit.charts.chart import LOOK, Look, named
from invitekit.charts.labels import FEW, percent
from invitekit.metrics import EMPTY, OTHER, Progress
from invitekit.metrics.distributions import fisher_exact
from invitekit.privacy.disclosure import STEP
from invitekit.report.audience import Row
from invitekit.report.page import words

SURE = 0.01
"""How often chance may name a group in a report, over all groups together [assumed]."""
WORTH = 0.05
"""Of many records the smallest difference is sure; a sentence is worth one of five points or more [assumed]."""
ROUGH = 200
"""Below so many, a share is said to the nearest five percent."""
Differing = tuple[str, Row, tuple[int, int]]
"""A column, the row of a group, and how many failed of all others."""
_RECENT = 8
"""Periods of which the summary speaks; older ones stand in the figure."""
_NAMED = 3
_OLD = ("31-90", "91+")
_GROUPS = {
    "by_method": "invitation_method", "by_type": "association_type", "by_country": "country",
    "by_manager": "account_manager", "by_tag": "custom_tag",
}  # fmt: skip


def summarise(found: Progress, look: Look = LOOK, *, rounded: bool = False) -> tuple[str, ...]:
    """Return in sentences what the tables show; each is left out where its counts are hidden or too few.

    Args:
        found: The tables, for the audience.
        look: In which language, and which causes have words.
        rounded: Whether counts are rounded; then a difference that rounding may have made is not stated.
    """
    told = words(look.language)

    def groups(found: Progress, told: Mapping[str, Any], look: Look) -> Iterator[str]:
        return _groups(found, told, look, STEP // 2 if rounded else 0)

    parts = (_outcome, _who, _cause, _trend, _causes, groups, _time, _waiting, _again)
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


def _outcome(found: Progress, told: Mapping[str, Any], _: Look) -> Iterator[str]:
    stages = {row["stage"]: row["n"] for row in found.funnel.to_dicts()}
    settled = stages.get("settled")
    parts = {name: stages.get(name) for name in ("associated", "failed", "expired")}
    if settled and all(n is not None for n in parts.values()):
        shares = {name: said(n, settled, told) for name, n in parts.items() if n is not None}
        yield told["says"]["outcome"].format(settled=f"{settled:,}", **shares)
    if stages.get("open"):
        yield told["says"]["open"].format(open=f"{stages['open']:,}")


def _who(found: Progress, told: Mapping[str, Any], _: Look) -> Iterator[str]:
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


def _cause(found: Progress, told: Mapping[str, Any], _: Look) -> Iterator[str]:
    for row in found.pareto.to_dicts()[:1]:
        if row["failure_code"] != OTHER:
            yield told["says"]["cause"].format(share=said(row["n"], row["of"], told), cause=row["cause"])


def _trend(found: Progress, told: Mapping[str, Any], _: Look) -> Iterator[str]:
    rows = found.trend.to_dicts()
    compared = [row for row in rows if row["lower_limit"] is not None and row["n"] is not None]
    marked = list(_marked(compared, found.period, told, ("high", "low")))
    yield from marked
    if compared and not any(row["signal"] for row in compared):
        hidden = any(row["n"] is None and not row["incomplete"] for row in rows)
        yield told["says"]["calm_shown" if hidden else "calm"].format(period=told[found.period])


def _causes(found: Progress, told: Mapping[str, Any], look: Look) -> Iterator[str]:
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
            pattern = "%Y-%m" if period == "month" else "%Y-%m-%d"
            shown = [told["says"][f"period_{period}"].format(date=f"{day:{pattern}}") for day in days[:_NAMED]]
            more = [told["says"]["more_periods"].format(n=len(days) - _NAMED)] if len(days) > _NAMED else []
            yield told["says"][form].format(periods=told["and"].join([*shown, *more]), cause="{cause}")


def _groups(found: Progress, told: Mapping[str, Any], look: Look, margin: int) -> Iterator[str]:
    """Say which groups really differ from all others in their column."""
    differing = list(_differing(found, margin))
    for by in dict.fromkeys(by for by, _, _ in differing):
        mine = sorted((one for one in differing if one[0] == by), key=_apart, reverse=True)
        worth = [one for one in mine if _apart(one) >= WORTH]
        yield from (_difference(one, told, look) for one in worth[:_NAMED])


def _apart(one: Differing) -> float:
    """Give how far the share of a group is from that of all others."""
    _, row, (n, of) = one
    return float(abs(row["failed"] / row["settled"] - n / of))


def _difference(one: Differing, told: Mapping[str, Any], look: Look) -> str:
    by, row, (n, of) = one
    form = "worse" if row["failed"] / row["settled"] > n / of else "better"
    group = named(row["value"], by, look)
    shares = {"share": said(row["failed"], row["settled"], told), "rest": said(n, of, told)}
    column = look.words["by"][by].capitalize()
    return str(told["says"][form].format(by=column, group=group, of=f"{row['settled']:,}", **shares))


def _differing(found: Progress, margin: int) -> Iterator[Differing]:
    """Return the groups that differ by more than chance, even if each count of failures is off by ``margin``."""
    stages = {row["stage"]: row["n"] for row in found.funnel.to_dicts()}
    failed, settled = stages.get("failed"), stages.get("settled")
    if failed is None or settled is None:
        return
    compared = [
        (by, row)
        for table, by in _GROUPS.items()
        for row in getattr(found, table).to_dicts()
        if row["failed"] is not None and row["value"] not in (OTHER, EMPTY) and row["settled"] < settled
    ]
    for by, row in compared:
        of = settled - row["settled"]
        n = min(failed - row["failed"], of)  # of rounded counts, a part can be larger than its whole
        if row["failed"] / row["settled"] > n / of:
            group, others = max(row["failed"] - margin, 0), min(n + margin, of)
        else:
            group, others = min(row["failed"] + margin, row["settled"]), max(n - margin, 0)
        if (group / row["settled"] > others / of) != (row["failed"] / row["settled"] > n / of):
            continue
        if fisher_exact((group, row["settled"] - group), (others, of - others)) * len(compared) < SURE:
            yield by, row, (n, of)


def _time(found: Progress, told: Mapping[str, Any], _: Look) -> Iterator[str]:
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


def _waiting(found: Progress, told: Mapping[str, Any], _: Look) -> Iterator[str]:
    counts = [row["n"] for row in found.ageing.to_dicts() if row["bucket"] in _OLD and row["status"] == "invited"]
    total = sum(counts)
    if total and len(counts) == len(_OLD):  # a hidden count has no row
        yield told["says"]["old"].format(n=f"{total:,}")


def _again(found: Progress, told: Mapping[str, Any], _: Look) -> Iterator[str]:
    """Say how often a resend led to an association, over all that can be told."""
    rows = [row for row in found.repeats.to_dicts() if row["associated"] is not None]
    resends, associated = (sum(row[name] for row in rows) for name in ("resends", "associated"))
    if resends >= FEW and len(rows) == len(found.repeats):
        yield told["says"]["repeats"].format(resends=f"{resends:,}", share=said(associated, resends, told))
