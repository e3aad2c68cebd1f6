"""The commands check, annotate, sample, lab and app: each reads its options, calls one function, prints the result."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from invitekit.cli import options as o
from invitekit.cli import output as out
from invitekit.cli.examples import copy_examples
from invitekit.cli.filter_options import FilterOptions, matched
from invitekit.cli.run import recordable
from invitekit.cli.source_options import SourceOptions, SourcesOrWorkspace, with_option_groups
from invitekit.errors import many
from invitekit.extras import require_extra
from invitekit.i18n import _

_PAGE = ".html"
"""The extension that makes ``check`` write a page."""
_CHECKS = (".parquet", ".csv", ".xlsx", _PAGE)
_Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Where the notebooks are, or are copied to.")]


@recordable
@with_option_groups
def check(
    source: SourceOptions,
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with code 1 if any row was rejected.")] = False,
    values: Annotated[
        bool, typer.Option("--values/--no-values", help="Quote rejected rows and unknown words in an .html page.")
    ] = True,
    words_skeleton: Annotated[
        Path | None,
        typer.Option("--words-skeleton", metavar="FILE", help="Write unknown words to this .toml file, for --words."),
    ] = None,
    language: Annotated[o.LanguageCode, typer.Option("--language", help="Language of what was understood.")] = "en",
    as_json: o.Json = False,
) -> None:
    """Check new files and print what was understood.

    Prints headers, date formats, rejected rows, unknown values and masked columns. With -o, writes the
    rejected rows with file, row, column and reason: as a table, or with .html as a page that says all of
    this. They contain personal data; with --no-values the page quotes no cell, and may be sent to the people who
    made the files. With --words-skeleton, writes the unknown words with their counts: fill in what they
    mean, and use the file with --words.
    """
    page = output is not None and output.suffix.lower() == _PAGE
    source.check_output(output, overwrite=overwrite, extensions=_CHECKS)
    source.check_output(words_skeleton, overwrite=overwrite, extensions=(".toml",))
    loaded = source.load(language)
    if words_skeleton is not None:
        from invitekit.ingest.words import write_skeleton

        write_skeleton(loaded.summary.unknown_codes, words_skeleton, language, known=source.words, overwrite=overwrite)
    if output is not None and page:
        from invitekit.cli.check_page import write_check_page

        write_check_page(loaded, output, language, values=values, overwrite=overwrite)
    elif output is not None:
        from invitekit.io.table_writers import write_table

        write_table(loaded.rejects, output, overwrite=overwrite)
    if as_json:
        skeleton = {} if words_skeleton is None else {"words_skeleton": str(words_skeleton)}
        out.json_line(out.summary_json(loaded.summary) | out.output_json(output) | skeleton)
    else:
        out.summary(loaded.summary, language)
        out.written(output, "Page" if page else "Rejected rows", personal=values or not page)
        if words_skeleton is not None:
            out.line(f"The unknown words are in {words_skeleton}. Write what they mean, then use it: --words FILE.")
    if strict and loaded.summary.rejects:
        raise typer.Exit(1)


@recordable
@with_option_groups
def annotate(
    source: SourceOptions,
    chosen: FilterOptions,
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    as_of: o.AsOf = None,
    language: o.Language = "en",
    as_json: o.Json = False,
) -> None:
    """Add cause, advice and effective status to every record.

    Prints records, invitations and customers by status and by cause of failure. With -o, writes all annotated
    records, personal data included, to a file that only you can read. A filter restricts both.
    """
    import narwhals.stable.v2 as nw

    from invitekit.metrics import count_statuses
    from invitekit.model.annotate import annotate as annotate_records
    from invitekit.model.filters import where
    from invitekit.model.resolve import NEEDED, resolve, used_columns

    moment, choice = o.parse_time(as_of, "--as-of"), chosen.read(source.failures)
    source.check_output(output, overwrite=overwrite)
    loaded = source.load(language)
    annotated = annotate_records(loaded, as_of=moment, catalogue=source.failures, language=language)
    names = nw.from_native(annotated).collect_schema().names()
    # All records are needed to know which ones are the newest, but all their columns only for a filter.
    history = resolve(
        annotated if choice else nw.from_native(annotated).select(used_columns(NEEDED, names)).to_native()
    )
    chosen_records, filtered = matched(choice, history, lambda final: where(history, final))
    if output is not None:
        from invitekit.io.table_writers import write_table

        written = nw.from_native(chosen_records).select(names).to_native() if choice else annotated
        write_table(written, output, overwrite=overwrite)
    counts = count_statuses(chosen_records)
    if as_json:
        out.json_line(out.summary_json(loaded.summary) | asdict(counts) | filtered.json() | out.output_json(output))
        return
    out.headline(loaded.summary, language)
    filtered.print()
    out.tables(counts, source.failures, language)
    out.snapshots(loaded.summary)
    out.written(output, "Annotated records")


def sample(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="The folder to write to.")],
    rows: Annotated[int, typer.Option("--rows", metavar="N", help="Rows in all files together.")] = 2000,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The same seed gives the same files.")] = 1,
    format: Annotated[o.FormatName, typer.Option("--format", help="File format.")] = "csv",  # noqa: A002 - the option's name
    weeks: Annotated[int, typer.Option("--weeks", metavar="N", help="Weekly snapshots, one a file.")] = 4,
    language: Annotated[o.LanguageCode, typer.Option("--language", help="Language of headers and values.")] = "en",
    masked: Annotated[
        bool, typer.Option("--masked", help="Mask names, mobiles and emails as the portal does.")
    ] = False,
    dirty: Annotated[
        float | None, typer.Option("--dirty", metavar="SHARE", help="Share of untidy rows, 0 to 1. Default: as usual.")
    ] = None,
    encoding: Annotated[o.SampleEncoding, typer.Option("--encoding", help="Encoding of CSV files.")] = "utf-8",
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="Date of the last snapshot. Default: 2026-03-30.")
    ] = None,
    overwrite: o.Overwrite = False,
    as_json: o.Json = False,
) -> None:  # fmt: skip
    """Write synthetic snapshots for trying things out."""
    from invitekit.sample import AS_OF, write_sample

    last = o.parse_time(as_of, "--as-of")
    with out.progress("rows") as tick:
        written = write_sample(
            output, rows=rows, seed=seed, format=format, weeks=weeks, masked=masked, dirty=dirty, overwrite=overwrite,
            language=language, encoding=encoding, as_of=last.date() if last else AS_OF, progress=tick,
        )  # fmt: skip
    names = [str(path) for path in written.paths]
    if as_json:
        rows, rejects = written.rows, written.unreadable_rows
        out.json_line({"rows_read": rows, "records": rows - rejects, "rejects": rejects, "files": names})
        return
    out.line(f"{many(written.rows, 'synthetic row')}, {written.unreadable_rows} of them unreadable on purpose:")
    for name in names:
        out.line(f"  {name}")


def lab(folder: _Folder = Path("invitekit-notebooks"), *, port: o.Port = None, browser: o.Browser = True) -> None:
    """Open the notebooks in JupyterLab.

    The notebooks and sample data are copied into a folder first; a file that exists there stays as it is.
    """
    require_extra("lab", _("The notebooks need more libraries."), "jupyterlab", "anywidget")
    written, changed = copy_examples(folder)
    if written:
        out.line(f"Copied {many(len(written), 'file')} to {folder}.")
    if changed:
        out.line(f"Kept your own version of {', '.join(changed)}.")
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    command = [sys.executable, "-m", "jupyterlab", *as_root, "--ServerApp.answer_yes=True"]
    command += [f"--ServerApp.root_dir={folder.resolve()}", "--LabApp.default_url=/lab/tree/notebooks"]
    command += [f"--port={port}"] if port else []
    command += [] if browser else ["--no-browser"]
    with subprocess.Popen(command) as server:  # noqa: S603 - this very Python
        try:
            code = server.wait()
        finally:
            _stop(server)
    raise typer.Exit(code)


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End a server that still runs after a signal ended the wait; on Windows, Ctrl-C reaches the server itself."""
    if os.name != "nt":
        server.terminate()
    try:
        server.wait(timeout=20)
    except subprocess.TimeoutExpired:
        server.kill()


@with_option_groups
def app(
    source: SourcesOrWorkspace,
    rules: o.Rules = None,
    as_of: o.AsOf = None,
    language: o.Language = "en",
    port: o.Port = None,
    browser: o.Browser = True,
) -> None:
    """Open the sales-ops page in the browser.

    Choose whom to invite again, see why, and write the batch. With files and a workspace, the files are
    added to the workspace. Without either, the page offers the files of this folder. It is served to
    this machine only, and only to the printed address.
    """
    require_extra("lab", _("The page needs more libraries."), "tornado", "anywidget")
    from invitekit.widgets.server import serve
    from invitekit.widgets.session import Session

    moment = o.parse_time(as_of, "--as-of")
    chosen = o.read_rules(rules)
    session = Session(Path.cwd(), rules=chosen, as_of=moment, language=language, catalogue=source.failures)
    if not source.sources:
        source.reject_reading_options()
    if source.sources or source.workspace:
        with out.progress() as tick:
            added = session.open(source.sources or (), source.workspace, progress=tick, **source.load_arguments())
        for file in added:
            out.line(str(file))

    def ready(address: str) -> None:
        out.line(f"The page is open at {address}")
        out.line("Keep this address private. Ctrl-C ends the page.")

    serve(session, port=port, browser=browser, ready=ready)
    out.line("The page is closed.")
