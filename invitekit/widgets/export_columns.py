"""What each column becomes in an export, shown by applying the real rules to made-up values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import cache
from typing import Any

import polars as pl

from invitekit.export.counts import counted_rows
from invitekit.export.transform import release
from invitekit.model import schema
from invitekit.model.catalogue import read_catalogue
from invitekit.privacy import FirstOf, Key, Policy, Range, Rule, Secrets, Text, Words
from invitekit.privacy.scrub import KnownNames, scrub_remarks
from invitekit.widgets.export_payloads import made_up, words

_ANY = "Example 42"
_OF_FAILURE = ("cause", "advice", "suggested_operation")


def becomes(columns: Iterable[str], policy: Policy, language: str) -> list[dict[str, Any]]:
    """Return a line for each column with its exported form; columns without a rule come first, dropped ones last.

    Args:
        columns: The columns of the records.
        policy: The policy of the level, with the row for remarks.
        language: Of labels and words: ``en`` or ``zh``.

    Returns:
        Lines with ``label, action, into, made_up, example, kind``; ``kind`` is ``leaves``, ``left_out`` or ``refused``.
    """
    names = list(columns)
    named = {row.column for row in policy.rows}
    refused = [_line(name, "refused", language, policy) for name in names if name not in named]
    rows = policy.applied([name for name in names if name in named])
    leaves = [_shown(row, language, policy) for row in rows]
    if policy.level == "aggregated":
        leaves += [_counted(row, language, policy) for row in counted_rows(rows, policy.fewest)[len(rows) :]]
    dropped = named - {row.column for row in rows}
    return refused + leaves + [_line(name, "drop", language, policy) for name in names if name in dropped]


def example(row: Rule, language: str = "en") -> tuple[str | None, str | None]:
    """Return a made-up value, and its exported form with a key that is used for nothing else."""
    value = _made_up(row, language)
    exported = release(pl.DataFrame({row.column: [value]}), [row], Secrets(_key()))[row.into]
    if isinstance(row.form, Text):
        own = [pl.Series([str(made_up()["email"])])]
        exported = scrub_remarks(pl.Series([str(value)]), own, KnownNames(pl.Series([], dtype=pl.String)))
    return _text(value), _text(exported.item())


@cache
def _key() -> Key:
    return Key.new(stored=False)


def _shown(row: Rule, language: str, policy: Policy) -> dict[str, Any]:
    made_up, shown = example(row, language)
    line = _line(row.column, _action(row), language, policy)
    return line | {"into": row.into, "made_up": made_up, "example": shown, "kind": "leaves"}


def _counted(row: Rule, language: str, policy: Policy) -> dict[str, Any]:
    line = _line(row.into, row.action, language, policy)
    label = words(language)["counted"][row.into].format(fewest=policy.fewest)
    return line | {"label": label, "into": row.into, "kind": "leaves"}


def _line(column: str, action: str, language: str, policy: Policy) -> dict[str, Any]:
    return {
        "label": schema.label(column, language),
        "action": words(language)["actions"][action].format(fewest=policy.fewest),
        "into": None,
        "made_up": None,
        "example": None,
        "kind": "refused" if action == "refused" else "left_out",
    }


def _action(row: Rule) -> str:
    """Return the key of the text for the action on a column."""
    if row.action == "keep" and row.how != "scrubbed":
        return "words" if isinstance(row.form, Words) else "range"
    return row.how or row.action


def _made_up(row: Rule, language: str) -> Any:
    failure = read_catalogue().failures[0]
    known = made_up() | {name: getattr(failure, name)(language) for name in _OF_FAILURE}
    known |= {"failure_code": failure.code, "failure_message": failure.message_en}
    if row.column in known:
        return known[row.column]
    match row.form:
        case Range(least=least):
            return least
        case FirstOf():
            return dt.datetime(2026, 3, 9, 10, 24)  # noqa: DTZ001 - naive UTC, as everywhere
        case Words(values=values, open=False) if row.action == "keep":
            return min(values)
        case _:
            return 21 if row.how == "days" else _ANY


def _text(value: Any) -> str | None:
    """Return a value as text, as the exported file has it."""
    if value is None:
        return None
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value).lower() if isinstance(value, bool) else str(value)
