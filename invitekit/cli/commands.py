"""The commands check, annotate, sample and lab: each reads its options, calls one function, prints the result."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from invitekit.cli import options as o
from invitekit.cli.source_options import SourceOptions, with_source_options
from invitekit.errors import ArgumentError


@with_source_options
def check(
    source: SourceOptions,
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with code 1 if any row was rejected.")] = False,
    as_json: o.Json = False,
) -> None:
    """Check new files and print what was understood.

    Prints headers, date formats, rejected rows, unknown values and masked columns. With -o, writes the
    rejected rows with file, row, column and reason. They hold personal data.
    """
    from invitekit.cli import output as out
    from invitekit.io.table_writers import write_table

    source.check_output(output, overwrite=overwrite)
    loaded = source.load()
    if output is not None:
        write_table(loaded.rejects, output, overwrite=overwrite)
    if as_json:
        out.json_line(out.summary_json(loaded.summary) | out.output_json(output))
    else:
        out.summary(loaded.summary)
        out.written(output, "The rejected rows")
    if strict and loaded.summary.rejects:
        raise typer.Exit(1)


@with_source_options
def annotate(
    source: SourceOptions,
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    as_of: o.AsOf = None,
    language: o.Language = "en",
    as_json: o.Json = False,
) -> None:
    """Add cause, advice and effective status to every record.

    Prints the records by status and the failures by cause. With -o, writes all annotated
    records, personal data included, to a file that only you can read.
    """
    from invitekit.annotate import annotate as annotate_records
    from invitekit.cli import output as out
    from invitekit.io.table_writers import write_table
    from invitekit.progress import tally

    moment = o.parse_time(as_of, "--as-of")
    source.check_output(output, overwrite=overwrite)
    loaded = source.load()
    annotated = annotate_records(loaded, as_of=moment, catalogue=source.failures, language=language)
    if output is not None:
        write_table(annotated, output, overwrite=overwrite)
    counts = tally(annotated)
    if as_json:
        out.json_line(out.summary_json(loaded.summary) | asdict(counts) | out.output_json(output))
        return
    out.headline(loaded.summary)
    out.tables(counts, source.failures, language)
    out.snapshots(loaded.summary)
    out.written(output, "The annotated records")


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
    from invitekit.cli import output as out
    from invitekit.sample import AS_OF, write_sample

    last = o.parse_time(as_of, "--as-of")
    with out.progress(" rows") as tick:
        written = write_sample(
            output, rows=rows, seed=seed, format=format, weeks=weeks, masked=masked, dirty=dirty, overwrite=overwrite,
            language=language, encoding=encoding, as_of=last.date() if last else AS_OF, progress=tick,
        )  # fmt: skip
    names = [str(path) for path in written.paths]
    if as_json:
        rows, refused = written.rows, written.unreadable_rows
        out.json_line({"rows_read": rows, "records": rows - refused, "rejects": refused, "files": names})
        return
    out.line(f"{written.rows:,} synthetic rows, {written.unreadable_rows} of them unreadable on purpose:")
    for name in names:
        out.line(f"  {name}")


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
