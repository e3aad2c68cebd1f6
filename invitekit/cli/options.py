"""Options that several commands share, each once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, cast

import typer

Sources = Annotated[list[str], typer.Argument(help="Files, folders or globs.", show_default=False)]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", help="Write here; .parquet, .csv or .xlsx.", show_default=False),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="DATE", help="Measure ages and expiry at this UTC date or time; else now."),
]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="NAME=HEADER", help="Say which header holds a column: status=State. Repeatable."),
]
Snapshot = Annotated[
    str | None,
    typer.Option("--snapshot", metavar="DATE", help="When the sources were exported; else the file name says."),
]
Zone = Annotated[str, typer.Option("--time-zone", help="Where times without an offset were written.")]
DayFirst = Annotated[
    bool | None,
    typer.Option("--day-first/--month-first", help="What 03/04/2025 means; else each column's cells decide."),
]
Encoding = Annotated[
    str | None, typer.Option("--encoding", help="Of text files, when it is none of UTF-8, UTF-16, GB18030.")
]
Messages = Annotated[
    Path | None,
    typer.Option("--messages", help="A second file that adds failure messages by a key.", show_default=False),
]
MessagesKey = Annotated[str | None, typer.Option("--messages-key", help="The column to match --messages on.")]
Catalogues = Annotated[
    list[Path] | None, typer.Option("--catalogue", help="A TOML file with failures of your own. Repeatable.")
]
Language = Annotated[
    str, typer.Option("--language", help="Of cause and advice, and of an export's words on who is alike: en or zh.")
]

Rules = Annotated[
    Path | None, typer.Option("--rules", help="A TOML file with resend rules of your own.", show_default=False)
]

Level = Annotated[str | None, typer.Option("--level", help="masked, pseudonymised or aggregated; else pseudonymised.")]
Policy = Annotated[
    Path | None,
    typer.Option("--policy", help="A TOML file that says what happens to extra columns.", show_default=False),
]
Purpose = Annotated[str | None, typer.Option("--purpose", help="What it is for; tokens of two purposes do not join.")]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key-file", help="A file with the key; else INVITEKIT_KEY or the keyring.", show_default=False),
]
Remarks = Annotated[str, typer.Option("--remarks", help="drop, or scrub: take out what is recognised, best effort.")]
Machine = Annotated[bool, typer.Option("--machine", help="CSV for programs: no apostrophes, no byte order mark.")]
History = Annotated[bool, typer.Option("--history", help="Show earlier exports of the workspace, and write nothing.")]

BatchDir = Annotated[
    Path | None,
    typer.Option("--batch-dir", metavar="DIR", help="Write batches and work-lists there; they name customers."),
]

MaybeSources = Annotated[
    list[str] | None, typer.Argument(help="Files, folders or globs; or leave them out and name a --workspace.")
]
WorkspaceFile = Annotated[
    Path | None,
    typer.Option("-w", "--workspace", metavar="FILE", help="Take the records that this workspace remembers.",
                 show_default=False),
]  # fmt: skip
Memory = Annotated[Path, typer.Option("-w", "--workspace", metavar="FILE", help="The workspace's file.")]
MEMORY = Path("invitekit.duckdb")
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who did it.", show_default=False)]
Note = Annotated[str | None, typer.Option("--note", help="What else to remember.")]

Notebooks = Annotated[Path, typer.Argument(help="Where the notebooks are, or are copied to.")]
Port = Annotated[int | None, typer.Option("--port", help="The port of the server; else a free one.")]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", help="Open it in a browser.")]


def parse_time(text: str | None, option: str) -> dt.datetime | None:
    """Read an option's date or time; without an offset it is UTC.

    Raises:
        typer.BadParameter: It is no ISO date, or one that no clock shows in UTC.
    """
    if text is None:
        return None
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no date; write it as 2026-03-30.", param_hint=option) from None
    try:
        return at.astimezone(dt.UTC).replace(tzinfo=None) if at.tzinfo else at
    except OverflowError:
        raise typer.BadParameter(f"'{text}' is outside of the years 1 to 9999 UTC.", param_hint=option) from None


def parse_day(text: str | None, option: str) -> dt.datetime | dt.date | None:
    """Read an option's day, or its exact time; a day stays one, whatever the hour.

    Raises:
        typer.BadParameter: As for ``parse_time``.
    """
    at = parse_time(text, option)
    return at.date() if at is not None and len(str(text).strip()) == len("2026-03-30") else at


def parse_language(text: str) -> Literal["en", "zh"]:
    """Read the option's language.

    Raises:
        typer.BadParameter: It is none of ours.
    """
    if text not in ("en", "zh"):
        raise typer.BadParameter(f"'{text}' is no language here; use en or zh.", param_hint="--language")
    return cast("Literal['en', 'zh']", text)


def parse_columns(pairs: list[str] | None) -> Mapping[str, str]:
    """Read ``NAME=HEADER`` pairs.

    Raises:
        typer.BadParameter: A pair has no equals sign, a column or a header stands twice.
    """
    chosen: dict[str, str] = {}
    for pair in pairs or []:
        name, equals, header = pair.partition("=")
        if not equals:
            raise typer.BadParameter(f"'{pair}' has no '='; write status=State.", param_hint="--column")
        if name in chosen:
            raise typer.BadParameter(f"'{name}' is given two headers; give it one.", param_hint="--column")
        if header.strip().casefold() in (other.strip().casefold() for other in chosen.values()):
            raise typer.BadParameter(f"'{header}' is given to two columns; give it to one.", param_hint="--column")
        chosen[name] = header
    return chosen
