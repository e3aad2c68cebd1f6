"""The command that writes a report: one file that may be handed on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from invitekit.cli import options as o
from invitekit.cli.reading import Known, Remembering, reads

if TYPE_CHECKING:
    from invitekit.workspace import Comparison


@reads
def report(
    reading: Remembering,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="Write here; .html, .pdf or .md.", show_default=False),
    ],
    overwrite: o.Overwrite = False,
    period: Annotated[str, typer.Option("--period", help="Of the trends: day, week or month.")] = "week",
    as_of: o.AsOf = None,
    language: o.Language = "en",
    as_json: o.Json = False,
) -> None:  # fmt: skip
    """Write a report that may be handed on: words first, then figures and tables, in one file.

    It needs no network and names nobody: only counts, none below ten; account managers and tags
    are numbers. Give the whole history: all weekly files together, or the workspace that remembers
    them. Prints the words.
    """
    from invitekit.annotate import annotate
    from invitekit.cli import say
    from invitekit.moments import as_utc
    from invitekit.progress import PERIODS, progress
    from invitekit.report import KINDS, TRENDS, Look, page, write_page

    moment, words = as_utc(o.parse_time(as_of, "--as-of")), o.parse_language(language)
    span = next((one for one in PERIODS if one == period), None)
    if span is None:
        raise typer.BadParameter(f"'{period}' is none of {', '.join(PERIODS)}.", param_hint="--period")
    reading.check_output(output, overwrite=overwrite, kinds=KINDS)
    with reading.opened() as known:
        annotated = annotate(known.records, as_of=moment, catalogue=reading.known, language=words)
        found = progress(annotated, as_of=moment, period=span, by=TRENDS, catalogue=reading.known, language=words)
        look, change = Look(language=words, catalogue=reading.known), _change(known)
        made = page(found, look, summary=known.summary, change=change)
        write_page(made, output, overwrite=overwrite)
        if as_json:
            return say.json_line(known.told() | {"said": list(made.summary)} | say.output_json(output))
        known.say()
    for sentence in made.summary:
        say.line(sentence)
    return say.line(f"The report is in {output}. It holds counts only, and may be handed on.")


def _change(known: Known) -> Comparison | None:
    """Compare the two newest snapshots, where there are two."""
    days = known.records.aggregate("count(distinct snapshot_at::date)").fetchall()[0][0]
    if days < 2:
        return None
    if known.workspace is not None:
        return known.workspace.compare()
    from invitekit.workspace import compare_snapshots

    return compare_snapshots(known.records)
