"""One small frame of records to what leaves of it, and what was seen on the way that the proof needs."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from invitekit.errors import SchemaError
from invitekit.export.frequent_values import Lookout
from invitekit.i18n import _
from invitekit.model import schema
from invitekit.privacy import ACTIONS, OTHER, FirstOf, Range, Row, Secrets, Text, Words
from invitekit.privacy.output_types import LETTERS

_TYPES: dict[str, Any] = {"time": pl.Datetime("us"), "integer": pl.Int64, "number": pl.Float64}
_TOKEN = f"^[{LETTERS}][0-9a-f]{{32}}$"
_TOKEN_BYTES = 33
_LAST_YEAR = 9999


@dataclass
class Seen:
    """What the records held, counted apart from the actions that change them.

    Attributes:
        rows: Records so far.
        nulls: By released column, nulls that had to be released: those of the records, and values emptied.
        emptied: By released column, values that leave as null since they came masked or stand for nothing.
        like_tokens: Raw values that look like a token, such as those of an earlier export.
        clashes: By released column of free text, values that as a whole are a customer's identifier.
        lookouts: By released column, its open words, and which values may stand in them.
    """

    rows: int = 0
    nulls: Counter[str] = field(default_factory=Counter)
    emptied: Counter[str] = field(default_factory=Counter)
    like_tokens: list[pl.Series] = field(default_factory=list)
    clashes: Counter[str] = field(default_factory=Counter)
    lookouts: dict[str, Lookout] = field(default_factory=dict)


def release(batch: pl.DataFrame, rows: Sequence[Row], secrets: Secrets) -> pl.DataFrame:
    """Do to each column what its row says; the rest does not leave.

    Raises:
        SchemaError: A column holds something else than its row is for.
    """
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        return pl.DataFrame(list(pool.map(lambda row: _released(batch[row.column], row, secrets), rows)))


def watch(seen: Seen, batch: pl.DataFrame, made: pl.DataFrame, rows: Sequence[Row], secret: Sequence[str]) -> None:
    """Count what the proof will be held against; ``secret`` names the columns whose values may never leave."""
    seen.rows += batch.height
    for row in rows:
        before, after = batch[row.column].null_count(), made[row.into].null_count()
        if row.how != "filled":
            seen.nulls[row.into] += max(before, after)
            seen.emptied[row.into] += max(after - before, 0)
    texts = [_text(batch[name]) for name in secret]
    for values in texts:
        if (values.str.len_bytes() == _TOKEN_BYTES).any():
            like = values.filter(values.str.contains(_TOKEN)).unique()
            seen.like_tokens += [like.alias("value")] if len(like) else []
    for row in rows:
        if isinstance(row.form, Text):
            seen.clashes[row.into] += sum(int((made[row.into] == values).sum()) for values in texts)
        if isinstance(row.form, Words) and row.form.open and (words := row.form.values - {OTHER}):
            if row.into not in seen.lookouts:
                seen.lookouts[row.into] = Lookout(words)
            seen.lookouts[row.into].look(texts)


def identifying(columns: Iterable[str], rows: Sequence[Row]) -> list[str]:
    """Name the columns whose values may never leave: identifiers, and what the policy masks or tokenises."""
    hidden = {row.column for row in rows if row.action in ("mask", "pseudonymise")}
    known = {c.name for c in schema.COLUMNS if c.privacy == "identifier" and c.name not in ("record_id", "customer_id")}
    return [name for name in columns if name in hidden | known]


def _text(values: pl.Series) -> pl.Series:
    # Raised outside of the handler, as below.
    with contextlib.suppress(pl.exceptions.PolarsError):
        return values.cast(pl.String)
    raise SchemaError(
        _("{column} holds something that is not text.", column=values.name), hint=_("pass what load(...) gives.")
    )


def _released(values: pl.Series, row: Row, secrets: Secrets) -> pl.Series:
    # Raised outside of the handler: an error of Polars holds the values, and would travel with ours.
    made = None
    with contextlib.suppress(pl.exceptions.PolarsError, OverflowError, ValueError):
        made = ACTIONS[row.action](_typed(values, row), row, secrets).alias(row.into)
    if made is not None:
        return _in_calendar(made, row)
    raise SchemaError(
        _("{column} holds something that '{words}' is not for.", column=row.column, words=row.words),
        hint=_("pass what load(...) gives, or change its row in the policy."),
    )


def _in_calendar(made: pl.Series, row: Row) -> pl.Series:
    """Refuse years that text cannot show as four digits: they would be read back as something else."""
    if isinstance(row.form, FirstOf) and (strange := int((~made.dt.year().is_between(1, _LAST_YEAR)).sum())):
        raise SchemaError(
            _(
                "{column} holds {count:,} times before the year 1 or after {year}.",
                column=row.column,
                count=strange,
                year=_LAST_YEAR,
            ),
            hint=_("correct them, or leave these records out with a filter."),
        )
    return made


def _typed(values: pl.Series, row: Row) -> pl.Series:
    """Cast a column to the plain type that its action takes: engines differ in theirs."""
    column = schema.BY_NAME.get(row.column)
    kind: Any = _TYPES.get(column.kind, pl.String) if column else pl.String
    if isinstance(row.form, Range) or row.how == "days":
        kind = pl.Float64
    elif isinstance(row.form, FirstOf):
        kind = pl.Datetime("us")
    elif isinstance(row.form, Text) or row.how in ("top", "country", "code", "mailbox") or row.action == "pseudonymise":
        kind = pl.String
    zone = getattr(values.dtype, "time_zone", None)
    plain = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zone else values
    if kind == pl.Datetime("us") and plain.dtype == pl.String:
        return plain.str.to_datetime(time_unit="us")
    return plain.cast(kind)
