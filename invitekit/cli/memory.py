"""The commands of the workspace: what is added to it, logged in it, and asked of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from invitekit.cli import options as o
from invitekit.cli.reading import Reading, Remembering, reads, remembered
from invitekit.errors import many

app = typer.Typer(
    name="workspace",
    help="Remember snapshots, resends and what became of them, in one private file.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
@reads
def add(
    reading: Reading,
    workspace: o.Memory = o.MEMORY,
    replace: Annotated[bool, typer.Option("--replace", help="Read known files anew.")] = False,
    correct: Annotated[
        bool, typer.Option("--correct", help="Let them take the place of others of the same name and date.")
    ] = False,
    as_json: o.Json = False,
) -> None:
    """Store files as snapshots; a content that is known for its date is skipped."""
    from invitekit.cli import say
    from invitekit.workspace import Workspace

    how = reading.how()
    with Workspace(workspace) as memory:
        with say.progress() as tick:
            added = memory.add(reading.sources, progress=tick, replace=replace, correct=correct, **how)
        if as_json:
            files = [{name: getattr(file, name) for name in file.__slots__} for file in added]
            return say.json_line(remembered(memory) | {"added": files})
        for file in added:
            say.line(str(file))
        return say.line(repr(memory))


@app.command()
def log(
    batch_ids: Annotated[list[str], typer.Argument(help="Batches, by the ID that plan --batch-dir gave.")],
    by: o.By,
    workspace: o.Memory = o.MEMORY,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="When they were sent (UTC); a date is its end; else now.")
    ] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option("--leave-out", metavar="CUSTOMER", help="Who was not invited after all: account, email or ID."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Log it although some of its customers were logged since it was written.")
    ] = False,
    note: o.Note = None,
    as_json: o.Json = False,
) -> None:
    """Note that batches were sent, all or none: pause and attempts of their customers count from then."""
    from invitekit.cli import say

    if leave_out and len(batch_ids) > 1:
        raise typer.BadParameter("Name one batch at a time with --leave-out.", param_hint="BATCH_IDS")
    when = o.parse_day(at, "--at")
    with _there(workspace) as memory:
        sent = memory.log_batches(batch_ids, by=by, at=when, note=note, leave_out=leave_out or (), again=again)
        if as_json:
            return say.json_line(remembered(memory) | {"logged": sent})
    for batch_id, customers in sent.items():
        say.line(f"Logged batch {batch_id}: {many(customers, 'customer')} invited again.")
    return None


@app.command()
def discard(
    batch_ids: Annotated[list[str], typer.Argument(help="Batches that were never sent, by their ID.")],
    workspace: o.Memory = o.MEMORY,
    as_json: o.Json = False,
) -> None:
    """Forget batches that were written and never sent: nobody asks for them any more."""
    from invitekit.cli import say

    with _there(workspace) as memory:
        memory.discard_batches(batch_ids)
        if as_json:
            return say.json_line(remembered(memory) | {"discarded": batch_ids})
    return say.line(f"Discarded: {', '.join(batch_ids)}.")


@app.command()
def done(
    customers: Annotated[list[str], typer.Argument(help="Customers, by account name, email address or record ID.")],
    by: o.By,
    on: Annotated[str, typer.Option("--on", metavar="DATE", help="When it was done (UTC).", show_default=False)],
    workspace: o.Memory = o.MEMORY,
    note: o.Note = None,
    catalogue: o.Catalogues = None,
    as_json: o.Json = False,
) -> None:
    """Note that a customer or customer service did what had to be done: they may be invited again.

    It settles the failure that the customer's newest record has; another one later is not settled by it.
    """
    from invitekit.catalogue import read_catalogue
    from invitekit.cli import say

    known = read_catalogue(*(catalogue or []))
    day = o.parse_day(on, "--on")
    with _there(workspace) as memory:
        marks = memory.mark_done(customers=customers, on=day, by=by, note=note, catalogue=known)
        if as_json:
            return say.json_line(remembered(memory) | {"marks": list(marks)})
    return say.line(f"Marked as done, by number: {', '.join(map(str, marks))}. To take one back: workspace undo.")


@app.command()
def undo(
    marks: Annotated[list[int], typer.Argument(help="Marks, by the numbers that 'done' gave.")],
    by: o.By,
    workspace: o.Memory = o.MEMORY,
    as_json: o.Json = False,
) -> None:
    """Take marks back; they stay in the history."""
    from invitekit.cli import say

    with _there(workspace) as memory:
        memory.unmark(marks, by=by)
        if as_json:
            return say.json_line(remembered(memory) | {"undone": marks})
    return say.line(f"Taken back: {', '.join(map(str, dict.fromkeys(marks)))}.")


@app.command()
def show(workspace: o.Memory = o.MEMORY, as_json: o.Json = False) -> None:
    """Say what is remembered: files, batches and whether they were sent, marks, exports. No customer is named."""
    from invitekit.cli import recall, say
    from invitekit.workspace import Workspace

    with Workspace(workspace, read_only=True) as memory:
        files, batches = recall.fetched(memory.files()), recall.fetched(memory.batches())
        if as_json:
            return say.json_line(remembered(memory) | {"files": files, "batches": batches})
        say.line(repr(memory))
        recall.files(files)
        return recall.batches(batches)


@app.command()
def outcomes(
    workspace: o.Memory = o.MEMORY,
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    catalogue: o.Catalogues = None,
    as_json: o.Json = False,
) -> None:
    """Say what became of each batch, cause by cause, beside those who were not invited again."""
    from invitekit.catalogue import read_catalogue
    from invitekit.cli import recall, say
    from invitekit.io.atomic_write import check_target
    from invitekit.io.table_writers import WRITERS, write_table
    from invitekit.workspace import Workspace

    if output is not None:
        check_target(output, extensions=WRITERS, overwrite=overwrite, sources=[workspace])
    known = read_catalogue(*(catalogue or []))
    with Workspace(workspace, read_only=True) as memory:
        found = memory.outcomes(catalogue=known)
        rows = recall.fetched(found)
        if output is not None:
            write_table(found, output, overwrite=overwrite)
        if as_json:
            return say.json_line(remembered(memory) | {"outcomes": rows} | say.output_json(output))
    recall.outcomes(rows, known)
    return say.line(f"The table is in {output}; it holds counts only.") if output else None


@reads
def compare(
    reading: Remembering,
    before: Annotated[str | None, typer.Option("--before", metavar="DATE", help="The earlier snapshot.")] = None,
    after: Annotated[
        str | None, typer.Option("--after", metavar="DATE", help="The later one; else the newest.")
    ] = None,
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    language: o.Language = "en",
    as_json: o.Json = False,
) -> None:
    """Say what happened between two snapshots: associated, newly failed, another cause, vanished, appeared.

    Takes the newest snapshot and the one before it, unless others are named. With -o, writes one row
    a change; they name customers.
    """
    from invitekit.cli import recall, say
    from invitekit.io.table_writers import write_table
    from invitekit.workspace import compare_snapshots

    words = o.parse_language(language)
    days = o.parse_day(before, "--before"), o.parse_day(after, "--after")
    reading.check_output(output, overwrite=overwrite)
    how: dict[str, Any] = {"catalogue": reading.known, "language": words}
    with reading.opened() as known:
        memory = known.workspace
        found = memory.compare(*days, **how) if memory else compare_snapshots(known.records, *days, **how)
        if output is not None:
            write_table(found.changes, output, overwrite=overwrite)
        if as_json:
            return say.json_line(known.told() | recall.comparison_json(found) | say.output_json(output))
        known.say()
        recall.comparison(found)
    return say.written(output, "The changes")


def _there(path: Path) -> Any:
    """Open a workspace that exists: a misspelt name is not to make a new one."""
    from invitekit.workspace import Workspace

    return Workspace(path, make=False)
