"""Options that several commands share, each defined once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from invitekit.i18n import languages

if TYPE_CHECKING:
    from invitekit.planning import ResendRules

LevelName = Literal["masked", "pseudonymised", "aggregated"]
PeriodName = Literal["day", "week", "month"]
GroupName = Literal[
    "cause", "who_acts", "invitation_method", "association_type", "account_manager", "custom_tag", "country"
]
ManagerName = Literal["account_manager"]
CalendarName = Literal["counts", "names"]
RemarksName = Literal["drop", "scrub"]
FormatName = Literal["csv", "xlsx", "parquet"]
SampleEncoding = Literal["utf-8", "utf-8-sig", "utf-16", "gb18030"]
"""The choices are repeated here, because the modules that define them load slowly: ``--help`` stays quick."""
if TYPE_CHECKING:
    LanguageCode = str
else:
    LanguageCode = Literal[languages()]
"""One of the available languages, which a type checker cannot know."""

Sources = Annotated[list[str], typer.Argument(metavar="SOURCES", help="Files, folders or globs.", show_default=False)]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Write the result to this .parquet, .csv or .xlsx file."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="DATE", help="Compute ages and expiry at this UTC date or time. Default: now."),
]
FollowUpDays = Annotated[
    int | None,
    typer.Option(
        "--follow-up-days",
        metavar="DAYS",
        min=1,
        max=100_000,
        help="Count a link as not used once it is older than this. Default: 30.",
        show_default=False,
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="NAME=HEADER", help="Read a column from this header: status=State. Repeatable."),
]
Snapshot = Annotated[
    str | None,
    typer.Option("--snapshot", metavar="DATE", help="When the files were exported. Default: the date in their names."),
]
Zone = Annotated[str, typer.Option("--time-zone", metavar="ZONE", help="Time zone of times that have no UTC offset.")]
DayFirst = Annotated[
    bool | None,
    typer.Option("--day-first/--month-first", help="How to read 03/04/2025. Default: detected for each column."),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        "--encoding", metavar="NAME", help="Encoding of text files. Default: detected (UTF-8, UTF-16, GB18030)."
    ),
]
Messages = Annotated[
    Path | None,
    typer.Option("--messages", metavar="FILE", help="A second file with failure messages, matched by a key column."),
]
MessagesKey = Annotated[
    str | None, typer.Option("--messages-key", metavar="COLUMN", help="The column to match --messages on.")
]
Catalogues = Annotated[
    list[Path] | None,
    typer.Option("--catalogue", metavar="FILE", help="A TOML file with failure messages of your own. Repeatable."),
]
Words = Annotated[
    Path | None,
    typer.Option("--words", metavar="FILE", help="A TOML file that says what your files' own status words mean."),
]
Language = Annotated[LanguageCode, typer.Option("--language", help="Language of causes, advice and reasons.")]
SummaryLanguage = Annotated[LanguageCode, typer.Option("--language", help="Language of what was understood.")]
LabelLanguage = Annotated[LanguageCode, typer.Option("--language", help="Language of headers and values.")]
Rules = Annotated[
    Path | None, typer.Option("--rules", metavar="FILE", help="A TOML file with resend rules of your own.")
]
Period = Annotated[PeriodName, typer.Option("--period", help="Length of a period.")]

Level = Annotated[LevelName | None, typer.Option("--level", help="Export level. Default: pseudonymised.")]
Policy = Annotated[
    Path | None, typer.Option("--policy", metavar="FILE", help="A TOML file with actions for extra columns.")
]
Purpose = Annotated[
    str | None,
    typer.Option("--purpose", metavar="WORD", help="What the export is for. Tokens of two purposes do not join."),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file", metavar="FILE", help="A file with the key. Default: INVITEKIT_KEY, else the stored key."
    ),
]
Remarks = Annotated[
    RemarksName,
    typer.Option("--remarks", help="Drop remarks, or remove recognised personal data from them (best effort)."),
]
RawCsv = Annotated[bool, typer.Option("--raw-csv", help="Write CSV without spreadsheet escaping and byte order mark.")]
History = Annotated[bool, typer.Option("--history", help="List earlier exports of the workspace, and write nothing.")]

BatchDir = Annotated[
    Path | None,
    typer.Option(
        "--batch-dir", metavar="DIR", help="Write batches and work lists to this folder; they name customers."
    ),
]

ManagerBy = Annotated[
    ManagerName | None,
    typer.Option("--by", metavar="account_manager", help="With --batch-dir: a workbook for each account manager too."),
]
Reminders = Annotated[
    bool, typer.Option("--reminders", help="With --batch-dir: a draft (.eml) for each customer who has to act.")
]
Templates = Annotated[
    Path | None, typer.Option("--templates", metavar="FILE", help="A TOML file with reminders and tickets of your own.")
]
Calendar = Annotated[
    CalendarName | None,
    typer.Option("--calendar", help="With --batch-dir: dates.ics, with counts of customers or their names."),
]

MaybeSources = Annotated[
    list[str] | None, typer.Argument(metavar="SOURCES", help="Files, folders or globs. Or use --workspace.")
]
WorkspaceFile = Annotated[
    Path | None, typer.Option("-w", "--workspace", metavar="FILE", help="Use the records stored in this workspace.")
]
Workspace = Annotated[Path, typer.Option("-w", "--workspace", metavar="FILE", help="The workspace file.")]
WORKSPACE = Path("invitekit.duckdb")
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who did it.", show_default=False)]
Note = Annotated[str | None, typer.Option("--note", metavar="NOTE", help="A remark to store.")]
BatchIds = Annotated[list[str], typer.Argument(metavar="BATCH_ID", help="Batch IDs, as printed by 'plan --batch-dir'.")]

Notebooks = Annotated[Path, typer.Argument(metavar="DIR", help="Where the notebooks are, or are copied to.")]
Port = Annotated[
    int | None, typer.Option("--port", metavar="PORT", min=1, max=65535, help="The server's port. Default: a free one.")
]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", help="Open it in a browser.")]


def read_rules(path: Path | None) -> ResendRules:
    """Read the resend rules of an option; without a file, return the default rules."""
    from invitekit.planning import ResendRules  # noqa: PLC0415 - only commands with rules load it

    return ResendRules.from_toml(path) if path else ResendRules()


def parse_time(text: str | None, option: str) -> dt.datetime | None:
    """Read an option's date or time; without an offset it is UTC.

    Raises:
        typer.BadParameter: It is not an ISO date, or is outside of the years 1 to 9999 in UTC.
    """
    if text is None:
        return None
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not a date; write it as 2026-03-30.", param_hint=option) from None
    try:
        return at.astimezone(dt.UTC).replace(tzinfo=None) if at.tzinfo else at
    except OverflowError:
        raise typer.BadParameter(f"'{text}' is outside of the years 1 to 9999 UTC.", param_hint=option) from None


def parse_day(text: str | None, option: str) -> dt.datetime | dt.date | None:
    """Read an option's date or time; a date without a time is returned as a date.

    Raises:
        typer.BadParameter: As for ``parse_time``.
    """
    at = parse_time(text, option)
    try:
        return dt.date.fromisoformat(text or "")
    except ValueError:
        return at


def parse_columns(pairs: list[str] | None) -> Mapping[str, str]:
    """Read ``NAME=HEADER`` pairs.

    Raises:
        typer.BadParameter: A pair has no equals sign, or a column or header is named twice.
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
