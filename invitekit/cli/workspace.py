"""The commands of the workspace: add files, mark batches as sent and failures as resolved, and show results."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from invitekit.cli import options as o
from invitekit.cli import output as out
from invitekit.cli.help import Command, new_app
from invitekit.cli.run import recordable
from invitekit.cli.source_options import SourceOptions, SourcesOrWorkspace, with_option_groups, workspace_json
from invitekit.errors import many

if TYPE_CHECKING:
    from invitekit.workspace import Workspace

app = new_app("Store snapshots, batches and results in one file.")


@app.command(cls=Command)
@recordable
@with_option_groups
def add(
    source: SourceOptions,
    workspace: o.Workspace = o.WORKSPACE,
    replace: Annotated[bool, typer.Option("--replace", help="Read files that are stored already again.")] = False,
    supersede: Annotated[
        bool, typer.Option("--supersede", help="Replace stored files of the same name and date by these.")
    ] = False,
    as_json: o.Json = False,
) -> None:
    """Store files as snapshots.

    Files that are stored already are skipped.
    """
    from invitekit.workspace import Workspace

    how = source.load_arguments()
    with Workspace(workspace) as opened:
        with out.progress() as tick:
            added = opened.add(source.sources, progress=tick, replace=replace, supersede=supersede, **how)
        files = [{name: getattr(file, name) for name in file.__slots__} for file in added]
        _print_result(opened, {"added": files}, *map(str, added), repr(opened), as_json=as_json)


@app.command(cls=Command)
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of a stored file, as 'show' lists it.")],
    workspace: o.Workspace = o.WORKSPACE,
    snapshot: Annotated[
        str | None, typer.Option("--snapshot", metavar="DATE", help="Its day, if files of several days have this name.")
    ] = None,
    as_json: o.Json = False,
) -> None:
    """Remove a stored file that should not have been added.

    What was sent and marked stays. A corrected version replaces a file by 'add --supersede'.
    """
    day = o.parse_day(snapshot, "--snapshot")
    with _existing(workspace) as opened:
        removed = opened.remove_file(name, snapshot_at=day)
        _print_result(opened, {"removed": asdict(removed)}, str(removed), repr(opened), as_json=as_json)


@app.command("mark-sent", cls=Command)
def mark_sent(
    batch_ids: o.BatchIds,
    by: o.By,
    workspace: o.Workspace = o.WORKSPACE,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="When they were sent (UTC); a date means its end. Default: now."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="CUSTOMER", help="A customer who was left out: account, email or an ID."),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Mark them although customers were invited since they were written, or after --at."
        ),
    ] = False,
    note: o.Note = None,
    as_json: o.Json = False,
) -> None:
    """Mark batches as sent, all or none.

    The cool-down and the attempts of their customers count from then.
    """
    if exclude and len(batch_ids) > 1:
        raise typer.BadParameter("Name one batch at a time with --exclude.", param_hint="BATCH_ID")
    when = o.parse_day(at, "--at")
    with _existing(workspace) as opened:
        sent = opened.mark_batches_sent(batch_ids, by=by, at=when, note=note, exclude=exclude or (), force=force)
        days = dict(opened.batches().filter("sent_at is not null").select("batch_id, sent_at::date").fetchall())
        lines = [
            f"Batch {batch_id} marked as sent on {days[batch_id]:%Y-%m-%d}: {many(n, 'customer')} invited again."
            for batch_id, n in sent.items()
        ]
        _print_result(opened, {"sent": sent}, *lines, as_json=as_json)


@app.command("unmark-sent", cls=Command)
def unmark_sent(batch_ids: o.BatchIds, workspace: o.Workspace = o.WORKSPACE, as_json: o.Json = False) -> None:
    """Undo the mark that batches were sent, all or none.

    Pause and attempts of their customers no longer count from it.
    """
    with _existing(workspace) as opened:
        opened.unmark_batches_sent(batch_ids)
        line = f"No longer marked as sent: {', '.join(batch_ids)}."
        _print_result(opened, {"unmarked": batch_ids}, line, as_json=as_json)


@app.command(cls=Command)
def discard(batch_ids: o.BatchIds, workspace: o.Workspace = o.WORKSPACE, as_json: o.Json = False) -> None:
    """Delete batches that will not be sent."""
    with _existing(workspace) as opened:
        opened.discard_batches(batch_ids)
        line = f"Discarded: {', '.join(batch_ids)}."
        _print_result(opened, {"discarded": batch_ids}, line, as_json=as_json)


@app.command("mark-resolved", cls=Command)
def mark_resolved(
    by: o.By,
    on: Annotated[str, typer.Option("--on", metavar="DATE", help="When it was resolved (UTC).", show_default=False)],
    customers: Annotated[
        list[str] | None,
        typer.Argument(metavar="CUSTOMER", help="Customers, by account name, email address, portal or record ID."),
    ] = None,
    workspace: o.Workspace = o.WORKSPACE,
    own_account: Annotated[
        bool,
        typer.Option("--own-account", help="Your own account is no longer prepaid: release all it keeps on hold."),
    ] = False,
    note: o.Note = None,
    catalogue: o.Catalogues = None,
    as_json: o.Json = False,
) -> None:
    """Mark failures, or your own account, as resolved.

    The customers may then be invited again, blocked ones included. The mark counts for the failure of the
    customer's newest record. A later failure is not resolved by it.
    """
    from invitekit.model.catalogue import read_catalogue

    known = read_catalogue(*(catalogue or []))
    day = o.parse_day(on, "--on")
    if day is None:  # --on is required
        raise typer.BadParameter("Name the day.", param_hint="--on")
    if own_account == bool(customers):
        raise typer.BadParameter("Name customers, or --own-account without any.", param_hint="CUSTOMER")
    with _existing(workspace) as opened:
        if own_account:
            marks: tuple[int, ...] = (opened.mark_own_account_changed(day, by=by, note=note),)
        else:
            marks = opened.mark_resolved(customers=customers or (), on=day, by=by, note=note, catalogue=known)
        _print_marks(opened, marks, "resolved", as_json=as_json)


@app.command("do-not-invite", cls=Command)
def do_not_invite(
    by: o.By,
    customers: Annotated[
        list[str],
        typer.Argument(metavar="CUSTOMER", help="Customers, by account name, email address, portal or record ID."),
    ],
    workspace: o.Workspace = o.WORKSPACE,
    on: Annotated[
        str | None, typer.Option("--on", metavar="DATE", help="When they asked for it (UTC). Default: today.")
    ] = None,
    note: o.Note = None,
    as_json: o.Json = False,
) -> None:
    """Mark customers who must not be invited any more.

    No plan invites them, nor another customer with the same email address, until the mark is taken back.
    """
    day = o.parse_day(on, "--on") or dt.datetime.now(dt.UTC).date()
    with _existing(workspace) as opened:
        marks = opened.mark_do_not_invite(customers=customers, on=day, by=by, note=note)
        _print_marks(opened, marks, "not to be invited", as_json=as_json)


@app.command(cls=Command)
def unmark(
    marks: Annotated[
        list[int], typer.Argument(metavar="MARK", help="Numbers of marks, as printed by 'workspace show'.")
    ],
    by: o.By,
    workspace: o.Workspace = o.WORKSPACE,
    as_json: o.Json = False,
) -> None:
    """Undo marks of failures, and of customers not to be invited.

    All marks of the same failure are undone, because one of two would keep it resolved. They stay in the
    history.
    """
    with _existing(workspace) as opened:
        undone = opened.unmark(marks, by=by)
        line = f"Taken back: {', '.join(map(str, undone))}."
        _print_result(opened, {"unmarked": undone}, line, as_json=as_json)


@app.command(cls=Command)
def show(workspace: o.Workspace = o.WORKSPACE, as_json: o.Json = False) -> None:
    """List the stored files, batches and marks.

    No customer is named.
    """
    from invitekit.workspace import Workspace

    with Workspace(workspace, read_only=True) as opened:
        files, batches = out.fetch(opened.files()), out.fetch(opened.batches())
        marks = out.fetch(
            opened.marks().project("mark_id, resolved_at, marked_by, failure_code, unmarked_at, unmarked_by")
        )
        if as_json:
            return out.json_line(workspace_json(opened) | {"files": files, "batches": batches, "marks": marks})
        out.line(repr(opened))
        out.workspace_files(files)
        out.workspace_batches(batches)
        return out.workspace_marks(marks)


@app.command(cls=Command)
@recordable
def outcomes(
    workspace: o.Workspace = o.WORKSPACE,
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    catalogue: o.Catalogues = None,
    as_json: o.Json = False,
) -> None:
    """Show the results of each batch, and by cause.

    Compares them with customers in the same state who were not invited again. With -o, writes the results by cause.
    """
    from invitekit.io.atomic_write import check_target
    from invitekit.io.table_writers import WRITERS, write_table
    from invitekit.model.catalogue import read_catalogue
    from invitekit.workspace import Workspace
    from invitekit.workspace.outcomes import by_batch

    if output is not None:
        check_target(output, extensions=WRITERS, overwrite=overwrite, sources=[workspace])
    known = read_catalogue(*(catalogue or []))
    with Workspace(workspace, read_only=True) as opened:
        results = opened.outcomes(catalogue=known)
        rows = out.fetch(results)
        batches = by_batch(rows)
        if output is not None:
            write_table(results, output, overwrite=overwrite)
        if as_json:
            content = {"batches": [asdict(batch) for batch in batches], "outcomes": rows}
            return out.json_line(workspace_json(opened) | content | out.output_json(output))
    out.outcomes(batches, rows, known)
    return out.line(f"The table is in {output}; it contains counts only.") if output else None


@dataclass(frozen=True)
class ListOptions(SourceOptions):
    """The files of a customer list; no files with --from-huawei."""

    sources: Annotated[
        list[str] | None, typer.Argument(metavar="FILES", help="A customer list of Customer Management, as files.")
    ] = None  # type: ignore[assignment]  # the portal may replace them


@recordable
@with_option_groups
def reconcile(
    source: ListOptions,
    workspace: o.Workspace = o.WORKSPACE,
    from_huawei: Annotated[
        bool, typer.Option("--from-huawei", help="Ask the portal for your customers; its keys are in the environment.")
    ] = False,
    endpoint: Annotated[
        str | None,
        typer.Option("--endpoint", metavar="URL", help="The portal's address. Default: the international site."),
    ] = None,
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    as_of: o.AsOf = None,
    as_json: o.Json = False,
) -> None:
    """Compare the workspace with the list of your customers.

    Shows who is associated with you now, and since when: invited customers who are yours already, customers who
    vanished from the exports, and those who left. Later plans do not invite customers on the list. Give a file exported
    from Customer Management, or --from-huawei with HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK in the environment. With
    -o, writes one row per customer; these rows name customers.
    """
    from invitekit.io.table_writers import write_table

    if bool(source.sources) == from_huawei:
        raise typer.BadParameter("Name files, or use --from-huawei; not both.", param_hint="FILES")
    source.check_output(output, overwrite=overwrite, inputs=[workspace])
    how: dict[str, Any] = source.load_arguments() if source.sources else {}
    how |= {"endpoint": endpoint} if endpoint else {}
    with _existing(workspace) as opened:
        moment = o.parse_time(as_of, "--as-of")
        result = opened.reconcile(source.sources or (), from_huawei=from_huawei, as_of=moment, **how)
        if output is not None:
            write_table(result.customers, output, overwrite=overwrite)
        if as_json:
            names = ("listed_at", "listed", "rejected", "unidentified", "withheld", "unlisted")
            content = {name: getattr(result, name) for name in names} | {"findings": result.counts}
            return out.json_line(workspace_json(opened) | content | out.output_json(output))
    out.reconciliation(result)
    return out.written(output, "Customers")


@recordable
@with_option_groups
def compare(
    source: SourcesOrWorkspace,
    before: Annotated[
        str | None,
        typer.Option(
            "--before", metavar="DATE", help="The earlier snapshot. Default: the last whole one before --after."
        ),
    ] = None,
    after: Annotated[
        str | None, typer.Option("--after", metavar="DATE", help="The later snapshot. Default: the newest.")
    ] = None,
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    language: o.Language = "en",
    as_json: o.Json = False,
) -> None:
    """Compare two snapshots, customer by customer.

    Counts customers who associated, newly failed, failed for another cause, vanished or appeared. A customer whose
    row was rejected in one snapshot is counted apart, because nothing is known of its state there.
    Compares the newest snapshot with the one before it, unless others are named; one that seems to hold only a part
    of the customers is passed over. With -o, writes one row a change; these rows name customers.
    """
    import narwhals.stable.v2 as nw

    from invitekit.io.table_writers import write_table
    from invitekit.workspace import compare_snapshots

    days = o.parse_day(before, "--before"), o.parse_day(after, "--after")
    source.check_output(output, overwrite=overwrite)
    how: dict[str, Any] = {"catalogue": source.failures, "language": language}
    with source.opened(language) as inputs:
        opened = inputs.workspace
        if opened is None:
            comparison = compare_snapshots(inputs.records, *days, rejected=inputs.rejected, **how)
        else:
            comparison = opened.compare(*days, **how)
        if output is not None:
            changes = nw.from_native(comparison.changes).sort("change", "customer_id")
            write_table(changes.to_native(), output, overwrite=overwrite)
        if as_json:
            return out.json_line(inputs.json() | out.comparison_json(comparison) | out.output_json(output))
        inputs.print_summary()
        out.comparison(comparison)
    return out.written(output, "Changes")


def _existing(path: Path) -> Workspace:
    """Open a workspace that exists; a misspelt name is an error."""
    from invitekit.workspace import Workspace

    return Workspace(path, make=False)


def _print_result(opened: Workspace, content: dict[str, Any], *lines: str, as_json: bool) -> None:
    """Print what a command changed: lines, or with ``--json`` the content and the counts of the workspace."""
    if as_json:
        return out.json_line(workspace_json(opened) | content)
    for line in lines:
        out.line(line)
    return None


def _print_marks(opened: Workspace, marks: Sequence[int], what: str, *, as_json: bool) -> None:
    numbers = ", ".join(map(str, marks))
    line = f"Marked as {what}, by number: {numbers}. To take one back: invitekit workspace unmark."
    _print_result(opened, {"marks": marks}, line, as_json=as_json)
