"""The policy: the rule for each column at each level; a column without a rule stops the export."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from invitekit.errors import PolicyError, check_choice
from invitekit.i18n import Message, _
from invitekit.model import schema
from invitekit.model.catalogue import NOT_GIVEN, RESERVED_CODES, UNKNOWN_FAILURE, read_catalogue
from invitekit.model.private_text import MAY_IDENTIFY
from invitekit.model.vocabularies import UNKNOWN
from invitekit.privacy.actions import BANDS, MAILBOXES, MASK, MASKS, Rule, country_names
from invitekit.privacy.output_types import OTHER, FirstOf, Flag, Form, Range, Text, Token, Words
from invitekit.privacy.policy_limits import violation

Level = Literal["masked", "pseudonymised", "aggregated"]
LEVELS: tuple[Level, ...] = ("masked", "pseudonymised", "aggregated")
FEWEST = 10
"""k: the fewest customers of a cell of counts, and of a frequent word that is released."""
MOST_WORDS = 20
"""The most frequent words of a column that are released."""

# fmt: off
TABLE = (
    # column, and its action at the levels masked, pseudonymised and aggregated
    ("record_id",           "drop",               "pseudonymise",       "drop"),
    ("customer_full_name",  "mask",               "pseudonymise",       "drop"),
    ("customer_name",       "mask",               "pseudonymise",       "drop"),
    ("account_name",        "mask",               "pseudonymise",       "drop"),
    ("email",               "mask",               "pseudonymise",       "drop"),
    ("email",               "drop",               "derive mailbox",     "drop"),
    ("mobile",              "mask",               "pseudonymise",       "drop"),
    ("portal_customer_id",  "drop",               "pseudonymise",       "drop"),
    ("country",             "generalise country", "generalise country", "drop"),
    ("account_manager",     "mask",               "pseudonymise",       "drop"),
    ("custom_tag",          "generalise top",     "generalise top",     "drop"),
    ("remarks",             "derive filled",      "derive filled",      "drop"),
    ("invitation_method",   "keep",               "keep",               "keep"),
    ("association_type",    "keep",               "keep",               "drop"),
    ("status",              "keep",               "keep",               "drop"),
    ("failure_message",     "derive code",        "derive code",        "derive code"),
    ("invited_at",          "generalise day",     "generalise month",   "generalise month"),
    ("pre_registered_at",   "generalise day",     "drop",               "drop"),
    ("expires_at",          "generalise day",     "drop",               "drop"),
    ("associated_at",       "generalise day",     "drop",               "drop"),
    ("snapshot_at",         "generalise day",     "generalise month",   "drop"),
    ("source_file",         "drop",               "drop",               "drop"),
    ("source_row",          "drop",               "drop",               "drop"),
    ("unrecognised",        "drop",               "drop",               "drop"),
    ("failure_code",        "keep",               "keep",               "keep"),
    ("cause",               "keep",               "keep",               "drop"),
    ("advice",              "keep",               "keep",               "drop"),
    ("suggested_operation", "keep",               "keep",               "drop"),
    ("who_acts",            "keep",               "keep",               "drop"),
    ("resend_rule",         "keep",               "keep",               "drop"),
    ("effective_status",    "keep",               "keep",               "keep"),
    ("age_days",            "generalise days",    "drop",               "drop"),
    ("days_to_associate",   "keep",               "generalise days",    "drop"),
    ("customer_id",         "drop",               "pseudonymise",       "drop"),
    ("invitation_id",       "drop",               "drop",               "drop"),
    ("invitation_sent_at",  "drop",               "drop",               "drop"),
    ("is_latest_of_invitation", "drop",           "drop",               "drop"),
    ("is_latest_of_customer", "drop",             "drop",               "drop"),
    ("attempt_no",          "keep",               "keep",               "drop"),
    ("previous_outcome",    "keep",               "keep",               "drop"),
    ("first_seen_at",       "drop",               "drop",               "drop"),
    ("last_seen_at",        "drop",               "drop",               "drop"),
    ("in_newest_snapshot",  "drop",               "drop",               "drop"),
    ("decision",            "keep",               "keep",               "drop"),
    ("reason_code",         "keep",               "keep",               "drop"),
    ("reason",              "drop",               "drop",               "drop"),
    ("next_step",           "drop",               "drop",               "drop"),
    ("retry_at",            "generalise day",     "drop",               "drop"),
    ("attempts",            "keep",               "keep",               "drop"),
    ("rank",                "drop",               "drop",               "drop"),
    ("batch",               "keep",               "keep",               "drop"),
    ("chance",              "keep",               "keep",               "drop"),
    ("chance_low",          "keep",               "keep",               "drop"),
    ("chance_high",         "keep",               "keep",               "drop"),
    ("chance_from",         "drop",               "drop",               "drop"),
    ("planned_at",          "drop",               "drop",               "drop"),
    ("plan_rules",          "drop",               "drop",               "drop"),
)
# fmt: on
"""Pseudonymised exports have two months and a band as times, because more would reveal the day.

For example, an invitation in March and an association in April one day later reveal 31 March; so do an age with the day
on which it was counted, and an invitation in April with a snapshot of 1 April. Only the month of the invitation, the
month of the snapshot and the duration in bands are released. With these, at least ``LEAST_DAYS`` days of the month are
possible for each row: 13 in a snapshot of February with a duration of 15 to 30 days, else at least 15.
"""
LEAST_DAYS = 13
"""The fewest possible days of the invitation of a row; a test counts all pairs of days."""
PREFIXES = {
    "record_id": "i", "portal_customer_id": "d", "customer_full_name": "n", "customer_name": "p", "account_name": "a",
    "email": "e", "mobile": "m", "account_manager": "s", "customer_id": "c",
}  # fmt: skip
"""The first letter of each column's tokens; that of an extra column is ``EXTRA_PREFIX``."""
EXTRA_PREFIX = "x"
_RANGES = {
    "days_to_associate": Range(0, 3_650),
    **dict.fromkeys(("attempts", "attempt_no"), Range(0, 1_000)),
    "batch": Range(0, 1_000_000),
    **dict.fromkeys(("chance", "chance_low", "chance_high"), Range(0, 1, whole=False)),
}
_NAMES = {"mailbox": "email_kind", "filled": "has_remarks", "code": "failure_code"}
_NAMES_OF = {"age_days": "age"}
_TEXTS = ("cause", "advice", "suggested_operation")
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules for all columns; equal policies are equal values.

    Attributes:
        level: ``masked``, ``pseudonymised`` or ``aggregated``.
        rows: One or more rules for each column.
        fewest: The fewest customers of a cell or a frequent word.

    Example:
        >>> standard("pseudonymised").actions("email")
        ('pseudonymise', 'derive mailbox')
    """

    level: Level
    rows: tuple[Rule, ...]
    fewest: int = FEWEST

    def __post_init__(self) -> None:
        """Raise if the policy releases more than the built-in one."""
        if self.level == "aggregated" and self.fewest < FEWEST:
            raise PolicyError(
                _("fewest is less than {fewest}.", fewest=FEWEST),
                hint=_("for counts, write {fewest} or more.", fewest=FEWEST),
            )
        for position, row in enumerate(self.rows, 1):
            if reason := violation(row, _usual(row.column, self.level), self.level):
                raise PolicyError(
                    _("The policy loosens {column}: {reason}.", column=shown(row.column, position), reason=reason),
                    hint=_("give a stricter row, or drop it."),
                )

    def actions(self, column: str) -> tuple[str, ...]:
        """Return the actions on a column as text; none for a column without a rule."""
        return tuple(row.words for row in self.rows if row.column == column)

    def with_rows(self, rows: Iterable[Rule]) -> Policy:
        """Return the policy with these rules, which replace its rules for the same columns."""
        new = tuple(rows)
        replaced = {row.column for row in new}
        return replace(self, rows=(*(row for row in self.rows if row.column not in replaced), *new))

    def applied(self, columns: Iterable[str]) -> tuple[Rule, ...]:
        """Return the rules that release these columns, in order.

        Raises:
            PolicyError: A column has no rule, or no column is left to release.
        """
        present = list(columns)
        known = {row.column for row in self.rows}
        if unknown := tuple(shown(name, number) for number, name in enumerate(present, 1) if name not in known):
            raise PolicyError(
                _("The policy does not say what happens to {columns}.", columns=unknown),
                hint=_('add a [[column]] row for each to a policy file: name = "...", action = "drop".'),
            )
        rows = [row for column in present for row in self.rows if row.column == column and row.action != "drop"]
        # The failure code is derived from the message only if the records are not annotated.
        duplicate = ("failure_message", "failure_code") if "failure_code" in present else ()
        released = tuple(row for row in rows if (row.column, row.into) != duplicate)
        names = [row.into.casefold() for row in released]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise PolicyError(
                _("The policy releases two columns as '{name}'.", name=repr(repeated[0])[1:-1]),
                hint=_("give one of them another name: into."),
            )
        if not released:
            raise PolicyError(
                _("The policy leaves no column to release."), hint=_("annotate the records, or change the policy.")
            )
        return released


@cache
def standard(level: str = "pseudonymised") -> Policy:
    """Return the policy of a level, for all columns of the schema.

    Raises:
        ArgumentError: There is no such level.
    """
    check_choice("level", level, LEVELS)
    at = LEVELS.index(level)
    return Policy(LEVELS[at], tuple(_standard_row(column, actions[at]) for column, *actions in TABLE))


def _usual(column: str, level: Level) -> tuple[Rule, ...]:
    """Return the built-in rules of a column; for counts also those of pseudonymised records, which a cell groups."""
    at = LEVELS.index(level)
    levels = {at, 1} if level == "aggregated" else {at}
    return tuple(_standard_row(name, actions[n]) for name, *actions in TABLE if name == column for n in levels)


def _standard_row(column: str, words: str) -> Rule:
    action, _, how = words.partition(" ")
    return make_row(column, action, how)


def make_row(column: str, action: str, how: str = "", form: Form | None = None, into: str | None = None) -> Rule:
    """Create a rule; by default, the action determines the type and the name of the released column."""
    if action == "drop":
        return Rule(column, action)
    form = form or _FORMS[f"{action} {how}".strip()](column)
    return Rule(column, action, how, into or _released_name(column, how), form)


def scrubbed_remarks() -> Rule:
    """Return the rule that releases scrubbed remarks: opt-in, best effort."""
    return Rule("remarks", "keep", "scrubbed", "remarks", Text())


def shown(column: str, position: int) -> Message:
    """Return a column for a message: its name, or its position if the name may be personal data."""
    name = quotable(column)
    return _("'{name}'", name=name) if name else _("column {position}", position=position)


def quotable(column: str) -> str:
    """Return a column's name for a message; empty if it may be personal data."""
    name = column.encode("unicode_escape").decode()
    return "" if MAY_IDENTIFY.search(name) else name[:_SHOWN]


def _released_name(column: str, how: str) -> str:
    if how == "month":
        return column.removesuffix("_at") + "_month"
    return _NAMES.get(how) or _NAMES_OF.get(column, column)


def _words(column: str) -> Iterable[str]:
    """Return all possible words of a column, from its vocabulary, the catalogue or the reasons of a plan."""
    if column == "reason_code":
        from invitekit.planning.reason_texts import read_reasons  # noqa: PLC0415 - only for plans

        return read_reasons()
    if column == "failure_code":
        return _codes()
    if column == "previous_outcome":
        return [*_codes(), *_words("effective_status")]
    if column in _TEXTS:
        failures = (UNKNOWN_FAILURE, NOT_GIVEN, *read_catalogue().failures)
        texts = [getattr(failure, f"{column}_{language}") for failure in failures for language in ("en", "zh")]
        return [text for text in texts if text]
    return [*(value.code for value in schema.BY_NAME[column].values), UNKNOWN]


def _codes() -> list[str]:
    return [*(failure.code for failure in read_catalogue().failures), *RESERVED_CODES]


_FORMS: Mapping[str, Callable[[str], Form]] = {
    "mask": lambda column: Words(frozenset({MASKS.get(column, MASK)})),
    "pseudonymise": lambda column: Token(PREFIXES.get(column, EXTRA_PREFIX)),
    "generalise month": lambda _column: FirstOf("month"),
    "generalise day": lambda _column: FirstOf("day"),
    "generalise days": lambda _column: Words(BANDS),
    "generalise country": lambda _column: Words(country_names()),
    "generalise top": lambda _column: Words(frozenset({OTHER}), open=True),
    "keep": lambda column: _RANGES.get(column) or Words(frozenset(_words(column)) | {OTHER}),
    "derive filled": lambda _column: Flag(),
    "derive mailbox": lambda _column: Words(frozenset(MAILBOXES)),
    "derive code": lambda _column: Words(frozenset(_codes())),
}
"""The type that an action makes of a column; the words of "generalise top" are chosen from the records."""
