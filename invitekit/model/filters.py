"""A filter of records as one value: each of its restrictions has a text and a condition."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar, cast

import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import ALL_YEARS, as_utc
from invitekit.engine.frames import as_narwhals
from invitekit.engine.text import search_words, word_pattern
from invitekit.errors import ArgumentError, check_type
from invitekit.i18n import _
from invitekit.model import schema
from invitekit.model.countries import english_name
from invitekit.model.resolve import resolved
from invitekit.model.schema import require

Frame = TypeVar("Frame")

SEARCHED = (
    "customer_full_name", "customer_name", "account_name", "custom_tag", "account_manager", "remarks", "email",
    "mobile", "portal_customer_id",
)  # fmt: skip
"""The columns that a text is searched in: those of the portal's search, mobile number and portal ID."""
IDENTIFYING = ("text", "manager", "tag", "country")
"""Restrictions whose values may identify people, or groups of few."""
BETWEEN_DIGITS = " ()./-"
"""Separators between the digits of a mobile number, which is searched with and without them."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN = 40
"""The most characters of a wrong name in a message."""
_TOO_LARGE = 2**63
"""The first number that does not fit into a column."""
_HINTS = {str: _("give a text."), int: _("give a whole number."), dt.date: _("give a date or a time.")}
LONGEST_TEXT = 500
"""The most characters of a search text; the regular expression of a longer one would be too large."""
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
"""The column of each restriction to some values."""
SENT = ("invitation_sent_at", "invited_at")
"""Columns with the time of an invitation; the first one in the records is used."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter of records; equal filters are equal values.

    A restriction has one value or several, any of which may match. A blank text, or None among several values, matches
    an empty cell. None alone, like no value, is no restriction. A record must match all restrictions; ``Filter()``
    matches every record.

    Attributes:
        text: Words that a record must contain, each in any of ``SEARCHED``; case, accents and width do not matter
            (see ``engine.text``).
        status, method, association_type, cause, who_acts, decision: Codes, as in the vocabularies.
        batch: Numbers of batches.
        manager, tag: Exact texts.
        country: Names in English or Chinese, or ISO codes, which become the English names that ``load`` returns; any
            other text exactly.
        snapshot: Times of snapshots, UTC.
        invited_from, invited_to: First and last day of the invitation, UTC, both included. Resolved records have the
            time of their invitation; other records their own.

    Raises:
        ArgumentError: A value has another type or is not in its vocabulary, the days are in the wrong order, or the
            text is too long.

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
        text = "" if self.text is None else _typed("text", self.text, str)
        if len(text) > LONGEST_TEXT:
            raise ArgumentError(
                _("The text has {count:,} letters.", count=len(text)),
                hint=_("search for {most} at most.", most=LONGEST_TEXT),
            )
        object.__setattr__(self, "text", " ".join(text.split()) if search_words(text) else None)
        for name, column in COLUMNS.items():
            values = _several(name, getattr(self, name))
            if name == "country":
                values = _several(name, [value and (english_name(value) or value) for value in values])
            _check_codes(name, column, values)
            object.__setattr__(self, name, values)
        for name in ("invited_from", "invited_to"):
            if getattr(self, name) is not None:
                day = as_utc(_typed(name, getattr(self, name), dt.date), name, ALL_YEARS).date()
                object.__setattr__(self, name, day)
        if self.invited_from and self.invited_to and self.invited_from > self.invited_to:
            raise ArgumentError(
                _(
                    "The first day, {invited_from}, is after the last, {invited_to}.",
                    invited_from=self.invited_from,
                    invited_to=self.invited_to,
                ),
                hint=_("exchange them."),
            )

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    def __str__(self) -> str:
        return ", and ".join(words for words, _ in restrictions(self)) or "Every record"

    def public_words(self) -> str:
        """Return the filter as text for shared files, without values that may identify people or small groups."""
        names = [name for name in IDENTIFYING if getattr(self, name)]
        shown = self.without(*names)
        hidden = [f"{schema.label(COLUMNS[name]) if name in COLUMNS else 'Text'} is not shown here" for name in names]
        return ", and ".join([*([str(shown)] if shown else []), *hidden]) or str(self)

    def without(self, *names: str) -> Filter:
        """Return the same filter without some of its restrictions."""
        return Filter(**{field.name: getattr(self, field.name) for field in fields(self) if field.name not in names})

    def to_dict(self) -> dict[str, Any]:
        """Return the restrictions as small JSON that ``from_dict`` reads."""
        restricted = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: _plain(value) for name, value in restricted.items() if value}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Filter:
        """Read the result of ``to_dict``, also from JSON.

        Raises:
            ArgumentError: A name is not a restriction, or a date or time is invalid.
        """
        known = {field.name for field in fields(cls)}
        if unknown := [name for name in value if name not in known]:
            raise ArgumentError(
                _("A filter has no '{value}'.", value=str(unknown[0])[:_SHOWN]),
                hint=_("use {known}.", known=tuple(sorted(known))),
            )
        return cls(**{name: _read(name, plain) for name, plain in value.items()})


def where(records: Frame, choice: Filter) -> Frame:
    """Return the records that match a filter, on the same engine.

    Filter after ``plan_resends``, never before: a plan needs the whole history.

    Args:
        records: A frame of any engine with the columns of the filter's restrictions; a text is searched in the
            existing columns of ``SEARCHED``.
        choice: The filter; an empty one matches every record.

    Raises:
        SchemaError: A column is missing.
    """
    check_type("choice", choice, Filter, _("pass {what}.", what="Filter(...)"))
    frame: Any = as_narwhals(records, same_engine=True)
    names = frame.collect_schema().names()
    sent = next((name for name in SENT if name in names), SENT[-1])
    searched = tuple(name for name in SEARCHED if name in names)
    needed = [*SEARCHED] if choice.text is not None and not searched else []
    needed += [column for name, column in COLUMNS.items() if getattr(choice, name)]
    needed += [sent] if choice.invited_from or choice.invited_to else []
    require(names, needed)
    conditions = [condition for _, condition in restrictions(choice, sent, searched)]
    return cast("Frame", frame.filter(*conditions).to_native() if conditions else records)


def where_newest(records: Frame, choice: Filter) -> Frame:
    """Return all records of the invitations whose newest state matches a filter, with the columns of ``resolve``.

    Attempts and earlier states stay complete, so metrics of the result are correct.

    Args:
        records: What ``annotate`` or ``resolve`` returns, of any engine: the whole history.
        choice: The filter; an empty one matches every record.

    Raises:
        SchemaError: A column is missing.
    """
    history = resolved(records)
    if not choice:
        return history
    frame: Any = as_narwhals(history)
    newest = frame.filter(nw.col("is_latest_of_invitation")).to_native()
    matching = cast("Any", nw.from_native(where(newest, choice))).select("invitation_id")
    return cast("Frame", frame.join(matching, on="invitation_id", how="semi").to_native())


def restrictions(
    choice: Filter, sent: str = SENT[-1], searched: tuple[str, ...] = SEARCHED
) -> Iterator[tuple[str, Any]]:
    """Yield the text and the condition of each restriction.

    ``sent`` is the column of invitation times, and ``searched`` are the columns that a text is searched in.
    """
    if choice.text is not None:
        yield f"Text holds '{choice.text}'", _contains(choice.text, searched)
    for name, column in COLUMNS.items():
        if values := getattr(choice, name):
            yield f"{schema.label(column)} is {_or(column, values)}", _any_of(column, values)
    invited = nw.col(sent)
    if choice.invited_from is not None:
        yield f"invited from {choice.invited_from} on", invited.dt.date() >= choice.invited_from
    if choice.invited_to is not None:
        yield f"invited until {choice.invited_to}", invited.dt.date() <= choice.invited_to


def _several(name: str, values: Any) -> tuple[Any, ...]:
    """Return the sorted distinct values of one value or several, None for an empty cell last; check their types."""
    is_many = isinstance(values, Iterable) and not isinstance(values, str)
    kind = {"batch": int, "snapshot": dt.date}.get(name, str)
    listed = [None if value is None else _typed(name, value, kind) for value in (values if is_many else [values])]
    blank_as_none = [None if isinstance(value, str) and not value.strip() else value for value in listed]
    times = [as_utc(value, name) if isinstance(value, dt.date) else value for value in blank_as_none]
    distinct = dict.fromkeys(times if is_many or values is not None else ())
    return tuple(sorted(distinct, key=lambda value: (value is None, str(value))))


def _typed(name: str, value: Any, kind: type) -> Any:
    """Return a value if engines can compare it with those of its column: not a lone surrogate or more than 64 bits."""
    is_kind = isinstance(value, kind) and not isinstance(value, bool)
    if is_kind and isinstance(value, str):
        is_kind = not _SURROGATE.search(value)
    if is_kind and isinstance(value, int):
        is_kind = abs(value) < _TOO_LARGE
    if not is_kind:
        raise ArgumentError(_("{name} has an invalid value.", name=name), hint=_HINTS[kind])
    return value


def _check_codes(name: str, column: str, values: tuple[Any, ...]) -> None:
    known = [value.code for value in schema.BY_NAME[column].values]
    unknown = [value for value in values if known and value is not None and value not in (*known, "unknown")]
    if unknown:
        raise ArgumentError(
            _("{name} has no value '{value}'.", name=name, value=unknown[0]),
            hint=_("use one of {known}.", known=tuple(known)),
        )


def _contains(text: str, searched: tuple[str, ...]) -> Any:
    """Build the condition that each word of a text is in one of the columns."""
    fields = [nw.col(name) for name in searched]
    if "mobile" in searched:
        fields.append(nw.col("mobile").str.replace_all(f"[{BETWEEN_DIGITS}]", ""))
    record = nw.concat_str(*fields, separator="\n", ignore_nulls=True)
    return nw.all_horizontal(*(record.str.contains(word_pattern(w)) for w in search_words(text)), ignore_nulls=False)


def _any_of(column: str, values: tuple[Any, ...]) -> Any:
    known = [value for value in values if value is not None]
    among = nw.col(column).is_in(known)
    if None not in values:
        return among
    return nw.col(column).is_null() | among if known else nw.col(column).is_null()


def _or(column: str, values: tuple[Any, ...]) -> str:
    labels = {value.code: value.en for value in schema.BY_NAME[column].values}
    return " or ".join("empty" if value is None else labels.get(value, str(value)) for value in values)


def _read(name: str, plain: Any) -> Any:
    """Parse dates and times; return any other value unchanged."""
    try:
        if name in ("invited_from", "invited_to"):
            return dt.date.fromisoformat(plain) if isinstance(plain, str) else plain
        if name == "snapshot" and not isinstance(plain, dt.date):
            values = plain if isinstance(plain, (list, tuple)) else [plain]
            return [dt.datetime.fromisoformat(value) if isinstance(value, str) else value for value in values]
    except ValueError:
        raise ArgumentError(_("{name} cannot be read.", name=name), hint=_("write it as 2026-03-30.")) from None
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, dt.date) else value
