"""The commands: each reads its options, calls one function, and says what came of it."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from invitekit.cli import options as o
from invitekit.errors import ArgumentError

if TYPE_CHECKING:
    from invitekit.catalogue import Catalogue
    from invitekit.load import Loaded


def check(
    sources: o.Sources,
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 when any row was refused.")] = False,
    column: o.Columns = None,
    snapshot: o.Snapshot = None,
    time_zone: o.Zone = "UTC",
    day_first: o.DayFirst = None,
    encoding: o.Encoding = None,
    messages: o.Messages = None,
    messages_key: o.MessagesKey = None,
    catalogue: o.Catalogues = None,
    as_json: o.Json = False,
) -> None:
    """Say what was understood of new files: headers, dates, refused rows, unknown words, masks.

    With -o, the refused rows are written with file, row, column and reason. They hold personal data.
    """
    from invitekit.catalogue import read_catalogue
    from invitekit.cli import say
    from invitekit.write import write

    _check_output(output, sources, overwrite=overwrite)
    known = read_catalogue(*(catalogue or []))
    loaded = _load(sources, column, snapshot, time_zone, day_first, encoding, messages, messages_key, known)
    if output is not None:
        write(loaded.rejects, output, overwrite=overwrite)
    if as_json:
        say.json_line(say.summary_json(loaded.summary) | _written(output))
    else:
        say.summary(loaded.summary)
        _say_written(output, "The refused rows")
    if strict and loaded.summary.rejects:
        raise typer.Exit(1)


def annotate(
    sources: o.Sources,
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    as_of: o.AsOf = None,
    language: o.Language = "en",
    column: o.Columns = None,
    snapshot: o.Snapshot = None,
    time_zone: o.Zone = "UTC",
    day_first: o.DayFirst = None,
    encoding: o.Encoding = None,
    messages: o.Messages = None,
    messages_key: o.MessagesKey = None,
    catalogue: o.Catalogues = None,
    as_json: o.Json = False,
) -> None:
    """Add cause, advice, who acts, effective status and ages to every record.

    Prints the records by status and the failures by cause; with -o, writes all annotated
    records, personal data included, to a file that only you can read.
    """
    from invitekit.annotate import annotate as annotate_records
    from invitekit.catalogue import read_catalogue
    from invitekit.cli import say
    from invitekit.progress import tally
    from invitekit.write import write

    moment = o.parse_time(as_of, "--as-of")
    _check_output(output, sources, overwrite=overwrite)
    known = read_catalogue(*(catalogue or []))
    loaded = _load(sources, column, snapshot, time_zone, day_first, encoding, messages, messages_key, known)
    annotated = annotate_records(loaded.records, as_of=moment, catalogue=known, language=_language(language))
    if output is not None:
        write(annotated, output, overwrite=overwrite)
    found = tally(annotated)
    if as_json:
        say.json_line(say.summary_json(loaded.summary) | asdict(found) | _written(output))
        return
    say.headline(loaded.summary)
    say.tables(found, known, _language(language))
    say.snapshots(loaded.summary)
    _say_written(output, "The annotated records")


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
    with say.progress(" rows") as tick:
        written = write_sample(
            output, rows=rows, seed=seed, format=format, weeks=weeks, language=_language(language), masked=masked,
            dirty=dirty, encoding=encoding, as_of=last.date() if last else AS_OF, overwrite=overwrite, progress=tick,
        )  # fmt: skip
    names = [str(path) for path in written.paths]
    if as_json:
        rows, refused = written.rows, written.unreadable_rows
        say.json_line({"rows_read": rows, "records": rows - refused, "rejects": refused, "files": names})
        return
    say.line(f"{written.rows:,} synthetic rows, {written.unreadable_rows} of them unreadable on purpose:")
    for name in names:
        say.line(f"  {name}")


def app(folder: o.Notebooks = Path("notebooks")) -> None:
    """Open the notebooks as a page: one at a time, without side bars."""
    _open_lab(folder, "/doc/tree/1_explore_failures.ipynb")


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


def _load(
    sources: list[str], column: list[str] | None, snapshot: str | None, time_zone: str, day_first: bool | None,
    encoding: str | None, messages: Path | None, messages_key: str | None, known: Catalogue,
) -> Loaded:  # fmt: skip
    columns, at = o.parse_columns(column), o.parse_time(snapshot, "--snapshot")
    from invitekit.cli import say
    from invitekit.load import load

    with say.progress() as tick:
        return load(
            sources, columns=columns, snapshot_at=at, time_zone=time_zone, day_first=day_first, encoding=encoding,
            messages=messages, messages_key=messages_key, catalogue=known, progress=tick,
        )  # fmt: skip


def _check_output(output: Path | None, sources: list[str], *, overwrite: bool) -> None:
    from invitekit.load.source import find_sources
    from invitekit.write import check_target

    if output is not None:
        check_target(output, overwrite=overwrite, sources=[s.path for s in find_sources(sources)])


def _language(language: str) -> Any:
    if language not in ("en", "zh"):
        raise typer.BadParameter(f"'{language}' is no language here; use en or zh.", param_hint="--language")
    return language


def _written(output: Path | None) -> dict[str, Any]:
    return {} if output is None else {"output": str(output)}


def _say_written(output: Path | None, what: str) -> None:
    from invitekit.cli import say

    if output is not None:
        say.line(f"{what} are in {output}. They hold personal data; only you can read the file.")
