"""The options that filter records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer

from invitekit.cli import options as o
from invitekit.cli import output as out

if TYPE_CHECKING:
    from invitekit.model.catalogue import Catalogue
    from invitekit.model.filters import Filter

PANEL = "Filter"
_FREE_TEXT = ("manager", "tag", "country")
"""Restrictions with values from the records, not from a list of codes."""
_MAX_SUGGESTIONS = 3
"""Suggestions for a value that does not exist."""


def _codes(column: str) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        return [code for code in dict.fromkeys(_known(column, None).values()) if code.startswith(incomplete)]

    return complete


def _option(*names: str, metavar: str, text: str, column: str = "") -> Any:
    completion = _codes(column) if column else None
    return typer.Option(*names, metavar=metavar, help=text, rich_help_panel=PANEL, autocompletion=completion)


Values = list[str] | None
Status = Annotated[
    Values, _option("--status", metavar="STATUS", column="effective_status",
                    text="Effective status, such as failed, expired or 已关联. Repeatable: any of them matches."),
]  # fmt: skip
Method = Annotated[
    Values, _option("--method", metavar="METHOD", column="invitation_method", text="email, link, qr_code or campaign.")
]
Type = Annotated[Values, _option("--type", metavar="TYPE", column="association_type", text="reseller or referral.")]
Cause = Annotated[
    Values, _option("--cause", "--failure", metavar="CAUSE", column="failure_code",
                    text="Why it failed: a failure code, a short cause, or the portal's message."),
]  # fmt: skip
WhoActs = Annotated[
    Values, _option("--who-acts", metavar="WHO", column="who_acts",
                    text="Who has to act: partner, customer, customer_service or nobody."),
]  # fmt: skip
Decision = Annotated[
    Values,
    _option("--decision", metavar="DECISION", column="decision", text="The plan's decision, such as resend_now."),
]
Manager = Annotated[
    Values, _option("--manager", metavar="NAME", text="Account manager; '' matches records without one.")
]
Tag = Annotated[Values, _option("--tag", metavar="TAG", text="Custom tag; '' matches records without one.")]
Country = Annotated[
    Values, _option("--country", metavar="COUNTRY", text="Country or region; '' matches records without one.")
]
Text = Annotated[
    str | None, _option("--text", metavar="WORDS", text="Words in names, accounts, tags, remarks, emails or numbers.")
]
Since = Annotated[str | None, _option("--since", metavar="DATE", text="Invited on this UTC day or later.")]
Until = Annotated[str | None, _option("--until", metavar="DATE", text="Invited on this UTC day or earlier.")]


@dataclass(frozen=True)
class FilterOptions:
    """Restrictions of records, as given on the command line: any value of an option, and all options together."""

    status: Status = None
    method: Method = None
    type: Type = None
    cause: Cause = None
    who_acts: WhoActs = None
    manager: Manager = None
    tag: Tag = None
    country: Country = None
    text: Text = None
    since: Since = None
    until: Until = None

    def read(self, failures: Catalogue) -> Filter:
        """Return the filter that the options mean.

        Raises:
            typer.BadParameter: A value is unknown, with the nearest known ones; or a date is invalid.
            ArgumentError: The dates are in the wrong order, or the text is too long.
        """
        from invitekit.model.filters import COLUMNS, Filter

        options = {"association_type": "type"}
        restrictions: dict[str, Any] = {}
        for name, column in COLUMNS.items():
            option = options.get(name, name)
            values: list[str] = getattr(self, option, None) or []
            if name in _FREE_TEXT:
                restrictions[name] = [value.strip() for value in values]
            elif values:
                restrictions[name] = [_code(value, column, option, failures) for value in values]
        since, until = (o.parse_time(value, f"--{n}") for n, value in (("since", self.since), ("until", self.until)))
        days = {"invited_from": since and since.date(), "invited_to": until and until.date()}
        return Filter(text=self.text, **restrictions, **days)


@dataclass(frozen=True)
class PlanFilterOptions(FilterOptions):
    """The filter of a plan: its records also have a decision."""

    decision: Decision = None


@dataclass(frozen=True)
class Matched:
    """A filter with its values as the records spell them, and how many records it matches.

    Attributes:
        choice: The filter.
        matched, of: Records, invitations or customers that match it, of all.
        unit: What is counted.
        unused: The values that no record has, each in a sentence.
    """

    choice: Filter
    matched: int
    of: int
    unit: str
    unused: tuple[str, ...]

    def json(self) -> dict[str, Any]:
        """Return the filter and its counts as plain JSON values; nothing where there is no filter."""
        if not self.choice:
            return {}
        counts = {"unit": self.unit, "matched": self.matched, "of": self.of}
        return {"filter": {"words": str(self.choice), **counts, "unused": list(self.unused)}}

    def print(self) -> None:
        """Print the filter in words, and how many it matches."""
        if self.choice:
            out.line(f"Filter: {self.choice}. Matches {self.matched:,} of {self.of:,} {self.unit}.")
            for sentence in self.unused:
                out.line(f"  - {sentence}")


def matched(
    choice: Filter, records: Any, matching: Callable[[Filter], Any], unit: str = "records"
) -> tuple[Any, Matched]:
    """Return the records that match a filter, and their count.

    Managers, tags and countries are compared without case and width: the filter gets the spelling of the records.
    """
    import narwhals.stable.v2 as nw

    choice, unused = _as_written(choice, records)
    matches = matching(choice)
    n, of = (_count(nw.from_native(frame), unit) if choice else 0 for frame in (matches, records))
    return matches, Matched(choice, n, of, unit, unused)


def _count(frame: Any, unit: str) -> int:
    import narwhals.stable.v2 as nw

    from invitekit.engine.materialize import count_rows

    counted = {"invitations": nw.col("is_latest_of_invitation"), "customers": nw.col("decision") != "superseded"}
    return count_rows(frame.filter(counted[unit]) if unit in counted else frame)


def _as_written(choice: Filter, records: Any) -> tuple[Filter, tuple[str, ...]]:
    import narwhals.stable.v2 as nw

    from invitekit.engine.materialize import collect
    from invitekit.engine.text import fold
    from invitekit.model.filters import COLUMNS
    from invitekit.model.schema import label

    frame, unused = nw.from_native(records), []
    written: dict[str, Any] = {}
    for name in _FREE_TEXT:
        wanted = [value for value in getattr(choice, name) if value is not None]
        if wanted:
            column = COLUMNS[name]
            distinct = collect(frame.group_by(column).agg().select(column))[column].to_list()
            spellings: dict[str, list[str]] = defaultdict(list)
            for value in filter(None, distinct):
                spellings[fold(value)].append(value)
            known = {value: spellings.get(fold(value), []) for value in wanted}
            unused += [f"No record has {label(column)} '{value}'." for value, some in known.items() if not some]
            values = [spelling for value, some in known.items() for spelling in some or [value]]
            written[name] = [*values, *([None] if None in getattr(choice, name) else [])]
    return replace(choice, **written), tuple(unused)


def _known(column: str, failures: Catalogue | None) -> dict[str, str]:
    """Return the code of each known word of a column, folded."""
    from invitekit.model.schema import header_key, vocabulary
    from invitekit.model.vocabularies import UNKNOWN

    if column != "failure_code":
        return vocabulary(column) | {UNKNOWN: UNKNOWN}
    from invitekit.model.catalogue import NOT_GIVEN, UNKNOWN_FAILURE, read_catalogue

    known = (failures or read_catalogue()).failures
    return {
        header_key(text): failure.code
        for failure in (*known, UNKNOWN_FAILURE, NOT_GIVEN)
        for text in (failure.code, failure.cause("en"), failure.cause("zh"), *failure.messages)
        if header_key(text)
    }


def _code(value: str, column: str, option: str, failures: Catalogue) -> str:
    """Return the code that a value means.

    Raises:
        typer.BadParameter: It is unknown; the nearest known codes are listed, else all.
    """
    from invitekit.model.schema import header_key

    known = _known(column, failures)
    code = known.get(header_key(value))
    if code is None:
        words = get_close_matches(header_key(value), known, n=_MAX_SUGGESTIONS)
        listed = ", ".join(dict.fromkeys(known[word] for word in words))
        hint = f"Did you mean {listed}?" if listed else f"Use one of {', '.join(dict.fromkeys(known.values()))}."
        raise typer.BadParameter(f"'{value}' is unknown. {hint}", param_hint=f"--{option.replace('_', '-')}")
    return code
