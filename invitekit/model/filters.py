"""A choice of records as one value: the same restriction says itself in words and as a condition."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar, cast

import narwhals.stable.v2 as nw

from invitekit.errors import ArgumentError, SchemaError
from invitekit.model import schema

Frame = TypeVar("Frame")

SEARCHED = ("customer_full_name", "customer_name", "account_name", "custom_tag", "account_manager", "remarks", "email")
"""What a text is looked for in: the fields that the portal searches."""
COLUMNS: Mapping[str, str] = {
    "status": "effective_status",
    "method": "invitation_method",
    "association_type": "association_type",
    "cause": "failure_code",
    "who_acts": "who_acts",
    "decision": "decision",
    "batch": "batch",
    "manager": "account_manager",
    "tag": "custom_tag",
    "country": "country",
    "snapshot": "snapshot_at",
}
"""Each choice among values, and the column it looks at."""
SENT = ("invitation_sent_at", "invited_at")
"""Where the time of an invitation stands: the first of these columns that the records have."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records are meant; equal choices are equal values.

    Each choice takes one value or several, of which any may hold; None among them means empty.
    All that is given has to hold together; ``Filter()`` means every record.

    Attributes:
        text: Stands somewhere in a name, account, tag, manager, remark or email, in any case.
        status, method, association_type, cause, who_acts, decision: Codes, as in the vocabularies.
        batch: Numbers of batches.
        manager, tag, country: Texts, letter for letter.
        snapshot: Moments of snapshots, UTC.
        invited_from, invited_to: First and last day of the invitation, UTC, both included: of resolved records the
            day that any record of the invitation tells, else the record's own.

    Raises:
        ArgumentError: A code is in no vocabulary, or the days are in the wrong order.

    Example:
        >>> print(Filter(status=["expired", "invited"], manager="lena"))
        Effective Status is Expired or Invited, and Account Manager is lena
    """

    text: str | None = None
    status: Any = ()
    method: Any = ()
    association_type: Any = ()
    cause: Any = ()
    who_acts: Any = ()
    decision: Any = ()
    batch: Any = ()
    manager: Any = ()
    tag: Any = ()
    country: Any = ()
    snapshot: Any = ()
    invited_from: dt.date | None = None
    invited_to: dt.date | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", (self.text or "").strip() or None)
        for name, column in COLUMNS.items():
            values = _several(getattr(self, name))
            _check_codes(name, column, values)
            object.__setattr__(self, name, values)
        if self.invited_from and self.invited_to and self.invited_from > self.invited_to:
            raise ArgumentError(
                f"invited_from, {self.invited_from}, is after invited_to, {self.invited_to}.", hint="exchange them."
            )

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    def __str__(self) -> str:
        return ", and ".join(words for words, _ in restrictions(self)) or "Every record"

    def without(self, name: str) -> Filter:
        """Give the same filter without one of its restrictions."""
        return Filter(**{field.name: getattr(self, field.name) for field in fields(self) if field.name != name})

    def to_dict(self) -> dict[str, Any]:
        """Give what is restricted as plain values: small JSON that ``from_dict`` reads."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: _plain(value) for name, value in given.items() if value}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Filter:
        """Read what ``to_dict`` gives, after a way through JSON too.

        Raises:
            ArgumentError: A name is no restriction, or a day or moment cannot be read; the text is not quoted.
        """
        known = {field.name for field in fields(cls)}
        if strange := [name for name in value if name not in known]:
            raise ArgumentError(f"A filter has no '{strange[0]}'.", hint=f"use {', '.join(sorted(known))}.")
        return cls(**{name: _read(name, given) for name, given in value.items()})


def where(records: Frame, choice: Filter) -> Frame:
    """Give the records that a filter means, on the same engine.

    Filter after ``plan_resends``, never before: a plan asks the whole history.

    Args:
        records: A frame of any engine with the columns that the filter looks at.
        choice: The filter; an empty one gives all records.

    Raises:
        SchemaError: A column that the filter looks at is missing.
    """
    frame: Any = nw.from_native(cast("Any", records))
    names = frame.collect_schema().names()
    sent = next((name for name in SENT if name in names), SENT[-1])
    missing = [name for name in _looked_at(choice, sent) if name not in names]
    if missing:
        raise SchemaError(f"Records lack {', '.join(missing)}.", hint="annotate or plan them first, then filter.")
    conditions = [condition for _, condition in restrictions(choice, sent)]
    return cast("Frame", frame.filter(*conditions).to_native() if conditions else records)


def restrictions(choice: Filter, sent: str = SENT[-1]) -> Iterator[tuple[str, Any]]:
    """Yield each restriction of a filter as words and as a condition; ``sent`` is the column of invitation times."""
    if choice.text is not None:
        yield f"Text holds '{choice.text}'", _holds(choice.text)
    for name, column in COLUMNS.items():
        if values := getattr(choice, name):
            yield f"{schema.label(column)} is {_or(column, values)}", _any_of(column, values)
    invited = nw.col(sent)
    if choice.invited_from is not None:
        yield f"invited from {choice.invited_from} on", invited.dt.date() >= choice.invited_from
    if choice.invited_to is not None:
        yield f"invited until {choice.invited_to}", invited.dt.date() <= choice.invited_to


def _looked_at(choice: Filter, sent: str) -> list[str]:
    columns = [column for name, column in COLUMNS.items() if getattr(choice, name)]
    searched = list(SEARCHED) if choice.text is not None else []
    dated = [sent] if choice.invited_from or choice.invited_to else []
    return [*searched, *columns, *dated]


def _several(given: Any) -> tuple[Any, ...]:
    """Bring one value or several into one order, each once, the empty one last."""
    many = isinstance(given, Iterable) and not isinstance(given, str)
    values = dict.fromkeys(given if many else (given,) if given is not None else ())
    return tuple(sorted(values, key=lambda value: (value is None, str(value))))


def _check_codes(name: str, column: str, values: tuple[Any, ...]) -> None:
    known = [value.code for value in schema.BY_NAME[column].values]
    strange = [value for value in values if known and value is not None and value not in (*known, "unknown")]
    if strange:
        raise ArgumentError(f"{name} has no value '{strange[0]}'.", hint=f"use one of {', '.join(known)}.")


def _holds(text: str) -> Any:
    small = text.lower()
    held = [nw.col(name).str.to_lowercase().str.contains(small, literal=True) for name in SEARCHED]
    return nw.any_horizontal(*held, ignore_nulls=True)


def _any_of(column: str, values: tuple[Any, ...]) -> Any:
    named = [value for value in values if value is not None]
    among = nw.col(column).is_in(named)
    if None not in values:
        return among
    return nw.col(column).is_null() | among if named else nw.col(column).is_null()


def _or(column: str, values: tuple[Any, ...]) -> str:
    labels = {value.code: value.en for value in schema.BY_NAME[column].values}
    return " or ".join("empty" if value is None else labels.get(value, str(value)) for value in values)


def _read(name: str, given: Any) -> Any:
    """Read a day or moments from their text; all else is what it is."""
    try:
        if name in ("invited_from", "invited_to"):
            return dt.date.fromisoformat(given) if isinstance(given, str) else given
        if name == "snapshot" and not isinstance(given, dt.date):
            values = [given] if isinstance(given, str) or given is None else given
            return [dt.datetime.fromisoformat(one) if isinstance(one, str) else one for one in values]
    except ValueError:
        raise ArgumentError(f"{name} cannot be read.", hint="write it as 2026-03-30.") from None
    return given


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value.isoformat() if isinstance(value, dt.date) else value
