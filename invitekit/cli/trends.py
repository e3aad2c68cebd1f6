"""The command that shows how the share of failures moves: over time, and by whatever tells failures apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from invitekit.cli import options as o
from invitekit.cli.reading import Remembering, reads

if TYPE_CHECKING:
    from invitekit.catalogue import Catalogue, Language
    from invitekit.progress import By, Period

_MOST_ROWS = 120
"""Rows on a terminal [assumed]; each group keeps its newest periods, and -o writes them all."""
_SIGNALS = {"high": "above", "low": "below", "run": "long run"}


@reads
def trend(
    reading: Remembering,
    by: Annotated[
        str | None,
        typer.Option("--by", help="cause, who_acts, invitation_method, association_type, account_manager, custom_tag "
                     "or country; else all together."),
    ] = None,
    period: Annotated[str, typer.Option("--period", help="day, week or month.")] = "week",
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    as_of: o.AsOf = None,
    language: o.Language = "en",
    as_json: o.Json = False,
) -> None:  # fmt: skip
    """Say how the share of failed invitations moves, and which periods really differ.

    Each invitation counts once, by its newest state, in the period in which it was sent; the share
    is of those whose outcome is known. A period is marked where chance does not explain it. With
    -o, writes the table; it holds counts only, and names account managers where --by asks for them.
    """
    from invitekit.annotate import annotate
    from invitekit.cli import say
    from invitekit.io.table_writers import write_table
    from invitekit.moments import as_utc
    from invitekit.progress import failure_trend, unfollowed

    moment, words = as_utc(o.parse_time(as_of, "--as-of")), o.parse_language(language)
    reading.check_output(output, overwrite=overwrite)
    chosen, span = _checked(by, period)
    with reading.opened() as known:
        annotated = annotate(known.records, as_of=moment, catalogue=reading.known, language=words)
        found = failure_trend(annotated, as_of=moment, period=span, by=chosen)
        rows: list[dict[str, Any]] = found.to_dicts()
        lost = unfollowed(annotated)
        if output is not None:
            write_table(found, output, overwrite=overwrite)
        if as_json:
            told = {"as_of": moment, "by": by, "period": period, "unfollowed": lost, "trend": rows}
            return say.json_line(known.told() | told | say.output_json(output))
        known.say()
    if lost:
        say.line(f"  - Not counted: {lost:,} earlier rows that cannot be followed: masked, or not yet invited.")
    _print(rows, by, period, reading.known, words)
    return say.line(f"The table is in {output}; it holds counts and rates only.") if output else None


def _checked(by: str | None, period: str) -> tuple[By | None, Period]:
    """Refuse what there is not as wrong usage, before anything is read."""
    from invitekit.progress import BY, PERIODS

    for option, given, known in (("--by", by, BY), ("--period", period, PERIODS)):
        if given is not None and given not in known:
            raise typer.BadParameter(f"'{given}' is none of {', '.join(known)}.", param_hint=option)
    return cast("By | None", by), cast("Period", period)


def _print(rows: list[dict[str, Any]], by: str | None, period: str, known: Catalogue, language: Language) -> None:
    """Print the table, small counts marked, and what the marks mean."""
    from invitekit.cli import say
    from invitekit.schema import label

    if not rows:
        return say.line("No invitation with a date has a known outcome yet: there is no trend to show.")
    headers = [f"{period.capitalize()} from", *([label(by, language)] if by else []), "Failed", "Of", "Rate",
               "95 % interval", "By chance", ""]  # fmt: skip
    table, (shown, older) = say.new_table(*headers), _newest(rows)
    for row in shown:
        group = [_named(row["group"], by, known, language)] if by else []
        limits = _span(row["lower_limit"], row["upper_limit"])
        rate = "" if row["rate"] is None else f"{row['rate']:.1%}"
        counts = f"{row['n']:,}", f"{row['of']:,}", rate, _span(row["low"], row["high"]), limits
        table.add_row(f"{row['period_start']}", *group, *counts, ", ".join(_remarks(row)))
    say.show(table)
    if older:
        say.line(f"Not shown: {older:,} earlier {period}s of the {len({row['period_start'] for row in rows}):,}. "
                 "With -o every one is written.")  # fmt: skip
    say.line("Of: invitations of that period whose outcome is known. Small: fewer than 10. By chance: where a rate of "
             "this level lies in all but 0.27 % of periods; above and below it, a period really differs.")  # fmt: skip
    return say.line("Open: emails of that period may still be answered, so it is not compared.")


def _newest(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """Give the rows of the newest periods, so many as a terminal holds, and how many periods are older."""
    periods = sorted({row["period_start"] for row in rows})
    kept = set(periods[-max(_MOST_ROWS // len({row["group"] for row in rows}), 1) :])
    return [row for row in rows if row["period_start"] in kept], len(periods) - len(kept)


def _named(group: str, by: str, known: Catalogue, language: Language) -> str:
    from invitekit.progress import words
    from invitekit.schema import BY_NAME

    if by == "cause":
        return words(group, known, language)
    values = {value.code: value.label(language) for value in BY_NAME[by].values}
    return values.get(group, group)


def _span(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.1%} to {high:.1%}"


def _remarks(row: dict[str, Any]) -> list[str]:
    marks = [_SIGNALS[row["signal"]]] if row["signal"] else []
    return marks + ["open"] * row["incomplete"] + ["small"] * row["small"]
