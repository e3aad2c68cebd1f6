"""The command that plans: whom to invite again today, whom not, and why."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from invitekit.cli import options as o
from invitekit.cli import output as out
from invitekit.cli.filter_options import PlanFilterOptions, matched
from invitekit.cli.run import recordable
from invitekit.cli.source_options import Inputs, SourcesOrWorkspace, with_option_groups

if TYPE_CHECKING:
    from invitekit.batches import Written
    from invitekit.model.catalogue import Catalogue
    from invitekit.model.filters import Filter
    from invitekit.planning import PlanSummary, ResendRules

_COUNTS = ("named_by_rejected_rows", "with_history", "newest_export", "not_in_newest", "may_be_masked")


@recordable
@with_option_groups
def plan(
    source: SourcesOrWorkspace,
    filters: PlanFilterOptions,
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    as_of: o.AsOf = None,
    rules: o.Rules = None,
    batch_dir: Annotated[
        Path | None,
        typer.Option(
            "--batch-dir", metavar="DIR", help="Write batches and work lists to this folder; they name customers."
        ),
    ] = None,
    by: Annotated[
        o.ManagerName | None,
        typer.Option(
            "--by", metavar="account_manager", help="With --batch-dir: a workbook for each account manager too."
        ),
    ] = None,
    reminders: Annotated[
        bool, typer.Option("--reminders", help="With --batch-dir: a draft (.eml) for each customer who has to act.")
    ] = False,
    templates: Annotated[
        Path | None,
        typer.Option("--templates", metavar="FILE", help="A TOML file with reminders and tickets of your own."),
    ] = None,
    calendar: Annotated[
        o.CalendarName | None,
        typer.Option("--calendar", help="With --batch-dir: dates.ics, with counts of customers or their names."),
    ] = None,
    language: o.Language = "en",
    as_json: o.Json = False,
) -> None:
    """Decide whom to invite again, and why.

    Every record gets one decision. Give the whole history: all weekly files together, or the workspace
    that stores them, which also knows what was sent and resolved. Prints the records by decision and
    reason. With -o, writes every record with its decision, personal data included. With --batch-dir,
    writes the batches for the person who clicks in the portal: they name customers. A workspace stores
    each batch under an ID. A filter is applied to the finished plan: the batches are then of matching
    customers only.
    """
    from invitekit.io.table_writers import write_table
    from invitekit.planning import count_decisions

    moment = o.parse_as_of(as_of)
    chosen = o.read_rules(rules)
    choice = filters.read(source.failures)
    extras = {"by": by, "reminders": reminders, "templates": templates, "calendar": calendar}
    if batch_dir is None and (needless := [name for name, value in extras.items() if value]):
        raise typer.BadParameter("it is written with the batches; add --batch-dir DIR.", param_hint=f"--{needless[0]}")
    source.check_output(output, overwrite=overwrite, inputs=[rules, templates])
    if batch_dir is not None:
        from invitekit.batches.output_folder import PAGE
        from invitekit.batches.output_folder import check as check_folder

        check_folder(batch_dir, overwrite=overwrite)
        source.check_not_read(batch_dir / PAGE)
    with source.opened(language, to_write=batch_dir is not None) as inputs:
        if not as_json:
            out.personal(batch_dir)
            inputs.print_summary()
            if inputs.workspace is not None and (unsent := len(inputs.workspace.batches().filter("sent is null"))):
                out.line(f"  - Batches written and not marked as sent: {unsent:,}. If they were sent, mark them first.")
        whole = make_plan(inputs, chosen, moment, language, source.failures)
        planned, filtered = matched(choice, whole, lambda final: _matching(whole, final, chosen))
        if output is not None:
            write_table(planned, output, overwrite=overwrite)
        how: dict[str, Any] = {"language": language, "overwrite": overwrite, **extras}
        chosen_from = whole if choice else None
        batches = _write_batches(inputs, planned, batch_dir, how | {"whole": chosen_from}) if batch_dir else None
        summary = count_decisions(planned, chosen_from)
        if as_json:
            files = {"batch_files": batches.rows, "batch_ids": batches.batch_ids} if batches else {}
            content = inputs.json() | _json(summary, chosen, language) | filtered.json()
            return out.json_line(content | out.output_json(output) | files)
    filtered.print()
    out.decisions(summary, chosen, language)
    out.batches(batches, source.workspace, has_calendar=calendar is not None)
    return out.written(output, "Decisions")


def make_plan(
    inputs: Inputs,
    rules: ResendRules,
    as_of: dt.datetime,
    language: str,
    failures: Catalogue,
    history: Any = None,
) -> Any:
    """Plan for the workspace, with what was sent and resolved, or for the loaded files alone.

    ``history`` has the records as ``annotate`` or ``resolve`` returns them, if the caller has them already.
    """
    from invitekit.engine.materialize import materialize
    from invitekit.model.annotate import annotate
    from invitekit.planning import plan_resends

    if inputs.workspace is not None:
        return inputs.workspace.plan(rules, as_of, language, failures)
    if history is None:
        history = annotate(inputs.records, as_of=as_of, catalogue=failures, language=language)
    return materialize(plan_resends(history, rules, as_of=as_of, rejected=inputs.rejected, language=language))


def _matching(planned: Any, choice: Filter, rules: ResendRules) -> Any:
    """Return the rows of a plan that match a filter, divided into batches of these customers only."""
    from invitekit.engine.materialize import materialize
    from invitekit.model.filters import where
    from invitekit.planning import select_customers

    if not choice:
        return planned
    rows = materialize(where(planned, choice))
    return materialize(select_customers(rows, rows, rules))


def _write_batches(inputs: Inputs, planned: Any, folder: Path, how: dict[str, Any]) -> Written:
    """Write the batches; a workspace records them first, and discards them if they cannot be written."""
    from invitekit.batches import write_batches

    if inputs.workspace is None:
        return write_batches(planned, folder, **how)
    before = {row[0] for row in inputs.workspace.batches().select("batch_id").fetchall()}
    recorded = inputs.workspace.record_batches(planned, folder=folder.name)
    try:
        return write_batches(planned, folder, batch_ids=recorded, **how)
    except BaseException:
        new = [batch_id for batch_id in recorded.values() if batch_id not in before]
        if new:
            inputs.workspace.discard_batches(new)
        raise


def _json(summary: PlanSummary, rules: ResendRules, language: str) -> dict[str, Any]:
    reasons = [{"decision": d, "reason_code": r, "records": n} for (d, r), n in summary.by_reason.items()]
    return {
        "decisions": summary.by_decision,
        "reasons": reasons,
        **{name: getattr(summary, name) for name in ("customers", "candidates", "batches", "open_customers")},
        "portal_cap": rules.portal_cap,
        **{name: getattr(summary, name) for name in _COUNTS},
        "warnings": summary.warnings(language),
        "rules": str(rules),
    }
