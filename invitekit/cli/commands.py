"""The commands: each reads its options, calls one function, and says what came of it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from invitekit.cli import options as o
from invitekit.cli.reading import Reading, reads
from invitekit.errors import many
from invitekit.examples import copy_examples
from invitekit.extras import require_extra


@reads
def check(
    reading: Reading,
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if any row was refused.")] = False,
    as_json: o.Json = False,
) -> None:
    """Say what was understood of new files: headers, dates, refused rows, unknown words, masks.

    With -o, the refused rows are written with file, row, column and reason. They hold personal data.
    """
    from invitekit.cli import say
    from invitekit.write import write

    reading.check_output(output, overwrite=overwrite)
    loaded = reading.load()
    if output is not None:
        write(loaded.rejects, output, overwrite=overwrite)
    if as_json:
        say.json_line(say.summary_json(loaded.summary) | say.output_json(output))
    else:
        say.summary(loaded.summary)
        say.written(output, "The refused rows")
    if strict and loaded.summary.rejects:
        raise typer.Exit(1)


@reads
def annotate(
    reading: Reading,
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    as_of: o.AsOf = None,
    language: o.Language = "en",
    as_json: o.Json = False,
) -> None:
    """Add cause, advice, who acts, effective status and ages to every record.

    Prints the records by status and the failures by cause; with -o, writes all annotated
    records, personal data included, to a file that only you can read.
    """
    from invitekit.annotate import annotate as annotate_records
    from invitekit.cli import say
    from invitekit.progress import tally
    from invitekit.write import write

    moment, words = o.parse_time(as_of, "--as-of"), o.parse_language(language)
    reading.check_output(output, overwrite=overwrite)
    loaded = reading.load()
    annotated = annotate_records(loaded.records, as_of=moment, catalogue=reading.known, language=words)
    if output is not None:
        write(annotated, output, overwrite=overwrite)
    found = tally(annotated)
    if as_json:
        say.json_line(say.summary_json(loaded.summary) | asdict(found) | say.output_json(output))
        return
    say.headline(loaded.summary)
    say.tables(found, reading.known, words)
    say.snapshots(loaded.summary)
    say.written(output, "The annotated records")


def sample(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="The folder to write into.")],
    rows: Annotated[int, typer.Option("--rows", help="Rows over all files.")] = 2000,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same files.")] = 1,
    format: Annotated[str, typer.Option("--format", help="csv, xlsx or parquet.")] = "csv",  # noqa: A002 - the option's name
    weeks: Annotated[int, typer.Option("--weeks", help="Weekly snapshots, one a file.")] = 4,
    language: Annotated[str, typer.Option("--language", help="Of headers and words: en or zh.")] = "en",
    masked: Annotated[
        bool, typer.Option("--masked", help="Mask names, mobiles and emails as the portal does.")
    ] = False,
    dirty: Annotated[
        float | None, typer.Option("--dirty", metavar="SHARE", help="Untidy rows, 0 to 1; else as is usual.")
    ] = None,
    encoding: Annotated[
        str, typer.Option("--encoding", help="Of CSV: utf-8, utf-8-sig, utf-16 or gb18030.")
    ] = "utf-8",
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="The last snapshot's day; else 2026-03-30.")
    ] = None,
    overwrite: o.Overwrite = False,
    as_json: o.Json = False,
) -> None:  # fmt: skip
    """Write believable synthetic snapshots: no customer in them exists."""
    from invitekit.cli import say
    from invitekit.sample import AS_OF, write_sample

    last = o.parse_time(as_of, "--as-of")
    with say.progress("rows") as tick:
        written = write_sample(
            output, rows=rows, seed=seed, format=format, weeks=weeks, masked=masked, dirty=dirty, overwrite=overwrite,
            language=o.parse_language(language), encoding=encoding, as_of=last.date() if last else AS_OF, progress=tick,
        )  # fmt: skip
    names = [str(path) for path in written.paths]
    if as_json:
        rows, refused = written.rows, written.unreadable_rows
        say.json_line({"rows_read": rows, "records": rows - refused, "rejects": refused, "files": names})
        return
    say.line(f"{written.rows:,} synthetic rows, {written.unreadable_rows} of them unreadable on purpose:")
    for name in names:
        say.line(f"  {name}")


def lab(folder: o.Notebooks = Path("invitekit-notebooks"), *, port: o.Port = None, browser: o.Browser = True) -> None:
    """Copy the notebooks and made-up data into a folder, and open them in JupyterLab.

    A file that is there already stays as it is.
    """
    from invitekit.cli import say

    require_extra("lab", "The notebooks need", "jupyterlab", "anywidget", "plotly")
    copied = copy_examples(folder)
    if copied.written:
        say.line(f"Copied {many(len(copied.written), 'file')} to {folder}.")
    if copied.changed:
        say.line(f"Kept your own version of {', '.join(copied.changed)}.")
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    words = [sys.executable, "-m", "jupyterlab", *as_root, "--ServerApp.answer_yes=True"]
    words += [f"--ServerApp.root_dir={folder.resolve()}", "--LabApp.default_url=/lab/tree/notebooks"]
    words += [f"--port={port}"] if port else []
    words += [] if browser else ["--no-browser"]
    with subprocess.Popen(words) as server:  # noqa: S603 - this very Python
        try:
            code = server.wait()
        finally:
            _stop(server)
    raise typer.Exit(code)


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End a server that still runs because a signal ended our waiting: on Windows, Ctrl-C has reached it already."""
    if os.name != "nt":
        server.terminate()
    try:
        server.wait(timeout=20)
    except subprocess.TimeoutExpired:
        server.kill()
