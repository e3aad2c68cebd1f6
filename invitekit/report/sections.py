"""The sections of a report, one per table: how to read it, the figure, the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from invitekit import charts
from invitekit.charts import Figure, Look
from invitekit.charts.colours import STAGES
from invitekit.charts.counts import list_label, result_label, stage_label, waited_label
from invitekit.charts.figure import label_for
from invitekit.charts.labels import interval, percent
from invitekit.metrics import OTHER, MetricsReport
from invitekit.metrics.aggregate import Period
from invitekit.metrics.deadlines import KINDS
from invitekit.metrics.intervals import is_small
from invitekit.metrics.overview import PARTS_BY
from invitekit.model.vocabularies import DECISIONS_OF
from invitekit.planning import PlanSummary, ResendRules
from invitekit.planning.reason_texts import read_reasons
from invitekit.privacy.disclosure import round_count
from invitekit.report.audience import Row
from invitekit.report.page import Section, Table, words

if TYPE_CHECKING:
    from invitekit.workspace import Comparison

_MAX_ROWS = 60
"""The most rows of a table in a report."""
_MAX_PERIODS, _MAX_PANEL_PERIODS = 104, 40
"""The most periods in the overall trend, and in the trend of each group, so that the file does not grow with time."""
_DAYS = (1, 3, 7, 14, 30, 60, 90, 180, 365)
"""Days after the invitation at which a report says how many are associated."""
_NUMBERED = ("by_manager", "by_tag")
_SMALL = "*"
"""The mark of a rate with a count below ten: of the cases, or of all."""


def sections(
    tables: MetricsReport, look: Look, plan: PlanSummary, change: Comparison | None = None, *, public: bool = False
) -> tuple[Section, ...]:
    """Return the sections of a report, those about what to do first; a section without numbers is left out.

    The tables and the plan are those for the audience: for the public, account managers and tags have numbers.
    """
    texts = words(look.language)
    built = [
        *([_change(change, look, public=public)] if change is not None else []),
        _section("to_do", look, _to_do(plan, look), charts.to_do(plan.by_list, look), part="now"),
        _section("repeats", look, _repeats(tables, look), charts.repeats(tables.repeats, look), part="now"),
        _section("deadlines", look, _deadlines(tables, look, public=public), part="now"),
        _section("ageing", look, _ageing(tables, look), charts.ageing(tables.ageing, look), part="now"),
        _section("funnel", look, _funnel(tables, look), charts.funnel(tables.funnel, look)),
        *_trends(tables, look),
        _section("pareto", look, _pareto(tables, look), charts.pareto(tables.pareto, look)),
        *(_groups(tables, key, by, look) for key, by in PARTS_BY.items()),
        _section("survival", look, _survival(tables, look),
                 charts.survival(tables.survival, "invitation_method", look)),
        _section("snapshots", look, _snapshots(tables, look), charts.snapshots(tables.snapshots, look)),
    ]  # fmt: skip
    if public:
        how = texts["how"]["numbered"]
        built = [replace(section, how=how) if section.key in _NUMBERED else section for section in built]
    return tuple(section for section in built if section.table.rows)


def _section(
    key: str,
    look: Look,
    table: Table,
    figure: Figure | None = None,
    note: str = "",
    *,
    part: str = "analysis",
    **names: str,
) -> Section:
    """Return a section; its title and its explanation are filled in with ``names``."""
    texts = words(look.language)
    title, how = (texts[kind][key].format(**names) for kind in ("section", "how"))
    if figure and not (figure.rows or figure.panels):
        figure = None  # every rate is hidden: the table alone says so
    caption = figure.note if figure else ""  # the page itself states the filter
    return Section(key, part, title, how, table, figure, caption[:1].upper() + caption[1:], note)


def table(look: Look, names: Iterable[str], rows: Iterable[Iterable[Any]], left: int = 1) -> Table:
    """Build a table of texts: numbers with separators, hidden counts marked as hidden.

    ``names`` are the keys of the columns in the texts; the first ``left`` columns are aligned to the left.
    """
    texts, headers = words(look.language), list(names)
    every = [tuple(_shown(value, texts) for value in row) for row in rows]
    more = len(every) - _MAX_ROWS
    rest = [(texts["more_rows"].format(n=f"{more:,}"), *[""] * (len(headers) - 1))] if more > 0 else []
    numbers = frozenset(range(left, len(headers)))
    shown = (*every[:_MAX_ROWS], *rest)
    note = texts["small"] if any(cell.endswith(_SMALL) for row in shown for cell in row) else ""
    return Table(tuple(texts["column"].get(name, name) for name in headers), shown, numbers, note)


def _shown(value: Any, texts: Mapping[str, Any]) -> str:
    if value is None:
        return str(texts["hidden"])
    return f"{value:,}" if isinstance(value, int) else str(value)


def _rate(row: Row, prefix: str = "") -> str:
    """Return a rate with its interval, marked if it is small; a dash without a rate."""
    rate, low, high = (row[f"{prefix}{name}"] for name in ("rate", "low", "high"))
    return "–" if rate is None else f"{percent(rate)} ({interval(low, high)}){_SMALL * bool(row['small'])}"


def _to_do(plan: PlanSummary, look: Look) -> Table:
    reasons, rules = read_reasons(look.language), plan.settings.rules if plan.settings else ResendRules()
    rows = [
        [list_label(name, look), reasons[code].summary(rules), n]
        for name in plan.by_list
        for (decision, code), n in plan.by_reason.items()
        if decision in DECISIONS_OF[name]
    ]
    return table(look, ["to_do", "reason", "customers"], rows, left=2)


def _deadlines(tables: MetricsReport, look: Look, *, public: bool) -> Table:
    texts, counts = words(look.language), {(r["day"], r["deadline"]): r["n"] for r in tables.deadlines.to_dicts()}
    missing = None if public else 0  # in public, a missing count may be a hidden one
    cells = [
        [f"{texts['weekdays'][day.weekday()]} {day:%Y-%m-%d}", *(counts.get((day, kind), missing) for kind in KINDS)]
        for day in sorted({day for day, _ in counts})
    ]
    return table(look, ["day", *KINDS], cells)


def _funnel(tables: MetricsReport, look: Look) -> Table:
    known = {value.code for value in STAGES}
    rows = [row for row in tables.funnel.to_dicts() if row["stage"] in known and row["n"] != 0]
    cells = [[stage_label(row, look), row["n"], "–" if row["part_of"] is None else _rate(row)] for row in rows]
    return table(look, ["stage", "invitations", "share"], cells if any(row["n"] for row in rows) else [])


def _pareto(tables: MetricsReport, look: Look) -> Table:
    rows = tables.pareto.to_dicts()
    cells = [
        [
            look.words["other_causes"] if row["failure_code"] == OTHER else row["cause"],
            label_for(row["who_acts"], "who_acts", look) if row["who_acts"] else "–",
            row["n"],
            _rate(row | {"rate": row["share"]}),
            percent(row["cumulative"]),
        ]
        for row in rows
    ]
    return table(look, ["cause", "who_acts", "invitations", "share", "cumulative"], cells, left=2)


def _trends(tables: MetricsReport, look: Look) -> list[Section]:
    """Return the overall trend, and each trend by group if most of its counts are shown."""
    texts, period = words(look.language), tables.period
    overall, by_group, hidden = _trend(tables.trend, "trend", None, look, period), list[Section](), False
    for by, trend in tables.trends.items():
        counts = [row["n"] for row in trend.to_dicts() if row["n"] != 0]
        if counts and sum(n is not None for n in counts) * 2 > len(counts):
            by_group.append(_trend(trend, f"trend_{by}", by, look, period))
        elif counts:
            hidden = True
    if hidden:
        overall = replace(overall, note=f"{overall.note} {texts['few'].format(period=texts[period])}".strip())
    return [overall, *by_group]


def _trend(trend: Any, key: str, by: str | None, look: Look, period: Period) -> Section:
    texts = words(look.language)
    periods = sorted(set(trend["period_start"]))
    shown = periods[-(_MAX_PERIODS if by is None else _MAX_PANEL_PERIODS) :]
    older = len(periods) - len(shown)
    note = texts["older"][older != 1].format(n=f"{older:,}", period=texts[period]) if older else ""
    trend = trend.filter(trend["period_start"].is_in(shown))
    cells = [
        [
            *([label_for(row["group"], by, look)] if by else []),
            f"{row['period_start']:{'%Y-%m' if period == 'month' else '%Y-%m-%d'}}",
            row["n"],
            row["of"],
            _rate(row),
            "" if row["lower_limit"] is None else interval(row["lower_limit"], row["upper_limit"]),
            texts["signal"].get("incomplete" if row["incomplete"] else row["signal"], ""),
        ]
        for row in trend.to_dicts()
        if row["of"] != 0
    ]
    names = [*(["group"] if by else []), "period", "failed", "of", "share", texts["expected"], "signal"]
    if by is None:
        cells.reverse()
    if all(row["n"] is None for row in trend.to_dicts()):
        cells = []
    numbers = table(look, names, cells, left=2 if by else 1)
    return _section(key, look, numbers, charts.trend(trend, by, look, period=period), note, period=texts[period])


def _groups(tables: MetricsReport, key: str, by: str, look: Look) -> Section:
    groups = getattr(tables, key)
    cells = [
        [label_for(row["value"], by, look), row["followed"], row["followed_failed"], _rate(row, "failure_"),
         row["followed_associated"], _rate(row | {"small": _few_associated(row)}, "association_")]
        for row in groups.to_dicts()
        if row["followed"] != 0
    ]  # fmt: skip
    names = ["group", "followed", "failed", "failed_share", "associated", "associated_share"]
    # A single rate cannot be compared.
    numbers = table(look, names, cells if sum(cell[3] != "–" for cell in cells) > 1 else [])
    return _section(key, look, numbers, charts.groups(groups, by, look))


def _few_associated(row: Row) -> bool:
    """Return whether the association rate of a group is small; the column ``small`` is about its failure rate."""
    associated, of = row["followed_associated"], row["followed"]
    return associated is not None and of is not None and is_small(associated, of)


def _survival(tables: MetricsReport, look: Look) -> Table:
    """Return the share of associated customers after 1, 3, 7 … days, by group."""
    curves: dict[str | None, list[Row]] = {}
    for row in tables.survival.to_dicts():
        curves.setdefault(row["group"], []).append(row)
    cells = []
    for group, rows in curves.items():
        name = label_for(group, "invitation_method", look) if group else look.words["all"]
        for day in (day for day in _DAYS if day <= rows[-1]["days"]):
            row = [row for row in rows if row["days"] <= day][-1]
            share = percent(row["share"]) if row["low"] is None else _rate(row | {"rate": row["share"]})
            cells.append([name, row["size"], row["median_days"] or "–", day, share])
    return table(look, ["group", "size", "median", "days", "share"], cells)


def _ageing(tables: MetricsReport, look: Look) -> Table:
    rows = [row for row in tables.ageing.to_dicts() if row["n"] != 0]
    cells = [
        [waited_label(row, look), label_for(row["status"], "effective_status", look), row["n"]]
        for row in rows
    ]  # fmt: skip
    return table(look, ["waited", "status", "invitations"], cells if any(row["n"] for row in rows) else [], left=2)


def _repeats(tables: MetricsReport, look: Look) -> Table:
    cells = [
        [result_label(row, look),
         "–" if row["method"] == OTHER else label_for(row["method"], "invitation_method", look),
         row["resends"], row["associated"], _rate(row)]
        for row in tables.repeats.to_dicts()
    ]  # fmt: skip
    return table(look, ["before", "method", "resends", "associated", "share"], cells, left=2)


def _snapshots(tables: MetricsReport, look: Look) -> Table:
    cells = [
        [f"{row['snapshot_at']:%Y-%m-%d}", label_for(row["status"], "effective_status", look), row["n"]]
        for row in tables.snapshots.to_dicts()[::-1]
        if row["n"] != 0 and row["snapshot_at"] is not None
    ]
    several = len({cell[0] for cell in cells}) > 1
    return table(look, ["snapshot", "status", "records"], cells if several else [], left=2)


def _change(change: Comparison, look: Look, *, public: bool) -> Section:
    texts = words(look.language)
    cells = [[texts["change"][name], round_count(n) if public else n] for name, n in change.counts.items()]
    before, after = (f"{at:%Y-%m-%d}" if at else "–" for at in (change.before_at, change.after_at))
    numbers = table(look, ["change", "customers"], cells if any(n for _, n in cells) else [])
    return _section("change", look, numbers, part="now", before=before, after=after)
