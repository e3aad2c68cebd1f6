"""Options that several commands share, each defined once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from invitekit.errors import ArgumentError
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
Catalogues = Annotated[
    list[Path] | None,
    typer.Option("--catalogue", metavar="FILE", help="A TOML file with failure messages of your own. Repeatable."),
]
Language = Annotated[LanguageCode, typer.Option("--language", help="Language of causes, advice and reasons.")]
Rules = Annotated[
    Path | None, typer.Option("--rules", metavar="FILE", help="A TOML file with resend rules of your own.")
]
Period = Annotated[PeriodName, typer.Option("--period", help="Length of a period.")]

KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file", metavar="FILE", help="A file with the key. Default: INVITEKIT_KEY, else the stored key."
    ),
]


Workspace = Annotated[Path, typer.Option("-w", "--workspace", metavar="FILE", help="The workspace file.")]
WORKSPACE = Path("invitekit.duckdb")
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who did it.", show_default=False)]
Note = Annotated[str | None, typer.Option("--note", metavar="NOTE", help="A remark to store.")]
BatchIds = Annotated[list[str], typer.Argument(metavar="BATCH_ID", help="Batch IDs, as printed by 'plan --batch-dir'.")]

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
        typer.BadParameter: It is not an ISO date, or it is in a year that no time can have.
    """
    if text is None:
        return None
    from invitekit.engine.datetimes import as_utc  # noqa: PLC0415 - loads Narwhals

    try:
        return as_utc(dt.datetime.fromisoformat(text), f"'{text}'")
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not a date; write it as 2026-03-30.", param_hint=option) from None
    except ArgumentError as error:
        raise typer.BadParameter(str(error.problem), param_hint=option) from None


def parse_as_of(text: str | None) -> dt.datetime:
    """Read ``--as-of``; without it, return the current time in UTC."""
    from invitekit.engine.datetimes import as_utc  # noqa: PLC0415 - loads Narwhals

    return as_utc(parse_time(text, "--as-of"))


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
