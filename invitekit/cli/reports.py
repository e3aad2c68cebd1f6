"""The command that writes a report: one file, for internal use or for the public."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from invitekit.cli import options as o
from invitekit.cli import output as out
from invitekit.cli.filter_options import FilterOptions, matched
from invitekit.cli.plans import make_plan
from invitekit.cli.run import recordable
from invitekit.cli.source_options import Inputs, SourcesOrWorkspace, with_option_groups
from invitekit.i18n import _, ngettext, translate

if TYPE_CHECKING:
    from invitekit.model.catalogue import Catalogue
    from invitekit.workspace import Comparison


@recordable
@with_option_groups
def report(
    source: SourcesOrWorkspace,
    chosen: FilterOptions,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FILE", help="Write the report to this .html, .pdf or .md file, "
                     "or with --by to this folder."),
    ],
    by: Annotated[
        o.ManagerName | None,
        typer.Option(metavar="account_manager", help="Write a .html file for each of them into the folder of -o."),
    ] = None,
    audience: Annotated[
        Literal["internal", "public"],
        typer.Option(help="Who reads it: internal shows managers, tags and all counts; public rounds and hides."),
    ] = "internal",
    overwrite: o.Overwrite = False,
    period: o.Period = "week",
    as_of: o.AsOf = None,
    follow_up_days: o.FollowUpDays = None,
    language: o.Language = "en",
    as_json: o.Json = False,
) -> None:  # fmt: skip
    """Write a report: what is open, and why invitations fail.

    One offline file with findings, figures and tables; it names no customer. The internal report shows account
    managers, tags and all counts. With --audience public, counts below ten are hidden, all others are rounded
    to the nearest ten, and managers and tags are numbered. Give the whole history: all weekly files together, or the
    workspace that stores them. Prints the summary. A filter keeps the invitations whose newest state matches; the
    report states it, without words that its audience may not see.
    """
    from dataclasses import replace

    from invitekit.metrics import FOLLOW_UP_DAYS, progress
    from invitekit.model.annotate import annotate
    from invitekit.model.filters import Filter, where, where_newest
    from invitekit.model.resolve import latest, resolve
    from invitekit.planning import ResendRules, count_decisions
    from invitekit.planning.plan import used_by_plan
    from invitekit.report import KINDS, TRENDS, Look, Page, page, write_page
    from invitekit.report.by_manager import manager_files

    moment, failures = o.parse_as_of(as_of), source.failures
    choice = chosen.read(failures)
    if by is None:
        source.check_output(output, overwrite=overwrite, extensions=KINDS)
    elif audience == "public":
        raise typer.BadParameter("a file for each manager is for internal use only.", param_hint="--by")
    with source.opened(language) as inputs:
        annotated = annotate(inputs.records, as_of=moment, catalogue=failures, language=language)
        history = resolve(annotated)
        records, filtered = matched(choice, history, lambda final: where_newest(history, final), "invitations")
        planned_from = history if choice or by else used_by_plan(history)
        plan = make_plan(inputs, ResendRules(), moment, language, failures, planned_from)
        moments = sorted(at for at in _distinct(inputs.records, "snapshot_at") if at is not None)

        def content(records: Any, stated: Filter) -> Page:
            metrics = progress(
                records, as_of=moment, period=period, by=TRENDS, catalogue=failures, language=language,
                follow_up_days=follow_up_days or FOLLOW_UP_DAYS, history=history if stated else None,
            )  # fmt: skip
            change = _change(inputs, moments, failures, _of_same_customers(history, records) if stated else None)
            look = Look(stated, language, catalogue=failures)
            decided = count_decisions(where(plan, stated), plan) if stated else count_decisions(plan)
            return page(metrics, look, decided, audience=audience, summary=inputs.summary, change=change)

        whole = content(records, filtered.choice)
        if by is None:
            write_page(whole, output, overwrite=overwrite)
        else:
            files = manager_files(_distinct(latest(records), "account_manager"), output, overwrite=overwrite)
            for spellings, path in files.items():
                own = where_newest(records, Filter(manager=spellings))
                write_page(content(own, replace(filtered.choice, manager=spellings)), path, overwrite=overwrite)
        if as_json:
            stated_json = {"audience": audience, "summary": list(whole.summary)}
            names = {"files": [path.name for path in files.values()]} if by else {}
            return out.json_line(inputs.json() | filtered.json() | stated_json | names | out.output_json(output))
        inputs.print_summary()
        filtered.print()
    for sentence in whole.summary:
        out.line(sentence)
    written = _("The report is in {output}.", output=str(output))
    if by:
        written = ngettext(
            "{n:,} report, one for each account manager, is in {output}.",
            "{n:,} reports, one for each account manager, are in {output}.",
            len(files),
            output=str(output),
        )
    return out.line(f"{translate(written, language)} {whole.audience}")


def _distinct(records: Any, column: str) -> list[Any]:
    import narwhals.stable.v2 as nw

    from invitekit.engine.materialize import collect

    values: list[Any] = collect(nw.from_native(records).select(column).unique())[column].to_list()
    return values


def _of_same_customers(history: Any, records: Any) -> Any:
    """Return all records of the history that belong to the customers of the given records."""
    import narwhals.stable.v2 as nw

    customers = nw.from_native(records).group_by("customer_id").agg().select("customer_id")
    return nw.from_native(history).join(customers, on="customer_id", how="semi").to_native()


def _change(
    inputs: Inputs, moments: Sequence[dt.datetime], failures: Catalogue, chosen: Any = None
) -> Comparison | None:
    """Compare the two newest snapshots of all or the chosen records, if there are two; undated records are left out."""
    if len({at.date() for at in moments}) < 2:
        return None
    if inputs.workspace is not None and chosen is None:
        return inputs.workspace.compare(catalogue=failures)
    import narwhals.stable.v2 as nw

    from invitekit.workspace import compare_snapshots

    records = nw.from_native(inputs.records if chosen is None else chosen)
    dated = records.filter(~nw.col("snapshot_at").is_null()).to_native()
    rejected = inputs.rejected if inputs.workspace is None else inputs.workspace.rejects()
    return compare_snapshots(dated, moments=moments, rejected=rejected, catalogue=failures)
