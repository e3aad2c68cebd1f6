"""The command that shows the failure rate over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from invitekit.cli import options as o
from invitekit.cli import output as out
from invitekit.cli.filter_options import FilterOptions, matched
from invitekit.cli.run import recordable
from invitekit.cli.source_options import SourcesOrWorkspace, with_option_groups
from invitekit.errors import many
from invitekit.i18n import Language

if TYPE_CHECKING:
    from invitekit.model.catalogue import Catalogue

_MOST_ROWS = 120
"""Rows on a terminal [assumed]; each group keeps its newest periods, and -o writes them all."""
_SIGNALS = {"high": "above", "low": "below", "run": "long run"}


@recordable
@with_option_groups
def trend(
    source: SourcesOrWorkspace,
    chosen: FilterOptions,
    by: Annotated[
        o.GroupName | None, typer.Option("--by", help="One trend for each value of this column. Default: one for all.")
    ] = None,
    period: o.Period = "week",
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    as_of: o.AsOf = None,
    follow_up_days: o.FollowUpDays = None,
    language: o.Language = "en",
    as_json: o.Json = False,
) -> None:  # fmt: skip
    """Show the failure rate over time.

    Periods that differ significantly are marked. Each invitation counts once, by its newest state, in
    the period in which it was sent. The rate is the share of invitations with a known outcome: a link that
    is not used counts once it is older than --follow-up-days. A lasting change is printed with its date. With -o,
    writes the table: counts only, and names of account managers with --by account_manager. A filter keeps
    the invitations whose newest state matches.
    """
    from invitekit.io.table_writers import write_table
    from invitekit.metrics import FOLLOW_UP_DAYS, failure_and_association_trend, find_changes
    from invitekit.model.annotate import annotate
    from invitekit.model.filters import where_newest
    from invitekit.model.resolve import count_untrackable, resolve

    moment, choice = o.parse_as_of(as_of), chosen.read(source.failures)
    days = follow_up_days or FOLLOW_UP_DAYS
    source.check_output(output, overwrite=overwrite)
    with source.opened(language) as inputs:
        annotated = annotate(inputs.records, as_of=moment, catalogue=source.failures, language=language)
        history = resolve(annotated)
        records, filtered = matched(choice, history, lambda final: where_newest(history, final), "invitations")
        table, associations = failure_and_association_trend(records, moment, period, by, days)
        changes: list[dict[str, Any]] = find_changes(
            {by: table}, {} if associations is None else {by: associations}
        ).to_dicts()
        rows: list[dict[str, Any]] = table.to_dicts()
        untrackable = count_untrackable(history)
        if output is not None:
            write_table(table, output, overwrite=overwrite)
        if as_json:
            trends = {"as_of": moment, "by": by, "period": period, "follow_up_days": days, "untrackable": untrackable,
                      "trend": rows, "changes": changes}  # fmt: skip
            return out.json_line(inputs.json() | trends | filtered.json() | out.output_json(output))
        inputs.print_summary()
        filtered.print()
    if untrackable:
        out.line(f"  - Not counted: {many(untrackable, 'earlier row')} that cannot be tracked: masked.")
    _print(rows, by, period, source.failures, language, days)
    for change in changes:
        group = f"{_named(change['group'], by, source.failures, language)}: " if by else ""
        out.line(f"{group}{_change(change, period)}")
    return out.line(f"The table is in {output}; it contains counts and rates only.") if output else None


def _change(change: dict[str, Any], period: str) -> str:
    from invitekit.metrics import one_in

    before, after = (
        f"{change[f'rate_{name}']:.1%} ({change[f'n_{name}']:,} of {change[f'of_{name}']:,})"
        for name in ("before", "after")
    )
    verb = "rose" if change["rate_after"] > change["rate_before"] else "fell"
    rate, chance = change["measure"].replace("_", " "), f"1 of {one_in(change['p']):,}"
    since = f"Since the {period} from {change['since']}"
    return f"{since} the {rate} {verb} from {before} to {after}: by chance in at most {chance}."


def _print(
    rows: list[dict[str, Any]], by: str | None, period: str, known: Catalogue, language: Language, days: int
) -> None:
    """Print the table with small counts marked, and a legend."""
    from invitekit.model.schema import label

    if not rows:
        return out.line("No invitation with a date has a known outcome yet: there is no trend to show.")
    headers = [f"{period.capitalize()} from", *([label(by, language)] if by else []), "Failed", "Of", "Rate",
               "95% interval", "By chance", ""]  # fmt: skip
    table, (shown, older) = out.new_table(*headers), _newest(rows)
    for row in shown:
        group = [_named(row["group"], by, known, language)] if by else []
        limits = _span(row["lower_limit"], row["upper_limit"])
        rate = "" if row["rate"] is None else f"{row['rate']:.1%}"
        counts = f"{row['n']:,}", f"{row['of']:,}", rate, _span(row["low"], row["high"]), limits
        table.add_row(f"{row['period_start']}", *group, *counts, ", ".join(_remarks(row)))
    out.show(table)
    if older:
        periods = len({row["period_start"] for row in rows})
        out.line(f"Not shown: {many(older, f'earlier {period}')} of the {periods:,}. "
                 "With -o every one is written.")  # fmt: skip
    out.line(f"Of: invitations of that period with an outcome: associated, failed, expired, or a link not used within "
             f"{days} days. Small: fewer than 10 failed, or fewer than 10 in all. By chance: where a rate of this "
             "level lies in all but 0.27% of periods; above and below it, a period really differs.")  # fmt: skip
    return out.line(f"Open: emails (7 days) or links ({days} days) of that period may still be used, so it is not "
                    "compared.")  # fmt: skip


def _newest(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """Return the rows of the newest periods that fit a terminal, and how many periods are older."""
    periods = sorted({row["period_start"] for row in rows})
    kept = set(periods[-max(_MOST_ROWS // len({row["group"] for row in rows}), 1) :])
    return [row for row in rows if row["period_start"] in kept], len(periods) - len(kept)


def _named(group: str, by: str, known: Catalogue, language: Language) -> str:
    from invitekit.metrics import words
    from invitekit.model.display import labels

    if by == "cause":
        return words(group, known, language)
    return labels(by, language).get(group, group)


def _span(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.1%} to {high:.1%}"


def _remarks(row: dict[str, Any]) -> list[str]:
    marks = [_SIGNALS[row["signal"]]] if row["signal"] else []
    return marks + ["open"] * row["incomplete"] + ["small"] * row["small"]
