"""The commands: each reads its options, calls one function, and says what came of it."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from invitekit.cli import options as o
from invitekit.cli.reading import Reading, reads
from invitekit.errors import ArgumentError


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


def lab(folder: o.Notebooks = Path("notebooks")) -> None:
    """Open the notebooks in JupyterLab."""
    _open_lab(folder, "/lab")


def _open_lab(folder: Path, url: str) -> None:
    beside = Path(sys.executable).with_name("jupyter-lab")
    program = str(beside) if beside.exists() else shutil.which("jupyter-lab")
    if program is None:
        raise ArgumentError("JupyterLab is not installed.", hint="install invitekit[lab], or run 'make setup'.")
    if not folder.is_dir():
        raise ArgumentError(f"There is no folder '{folder}'.", hint="name the folder with the notebooks.")
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    words = [program, *as_root, f"--ServerApp.root_dir={folder.resolve()}", f"--LabApp.default_url={url}"]
    os.execv(program, words)  # noqa: S606 - a program found beside us
