"""Transform a small frame of records to its released values, and collect the statistics for the checks."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from invitekit.errors import SchemaError
from invitekit.export.frequent_values import IdentifierScanner
from invitekit.i18n import _
from invitekit.model import schema
from invitekit.privacy import ACTIONS, OTHER, FirstOf, Range, Rule, Secrets, Text, Words
from invitekit.privacy.output_types import LETTERS

_TYPES: dict[str, Any] = {"time": pl.Datetime("us"), "integer": pl.Int64, "number": pl.Float64}
_TOKEN = f"^[{LETTERS}][0-9a-f]{{32}}$"
_TOKEN_BYTES = 33
_LAST_YEAR = 9999


@dataclass
class ExpectedStats:
    """Statistics of the records, computed independently of the transformations.

    Attributes:
        rows: Records so far.
        nulls: By released column, expected nulls: those of the records, and nulled values.
        nulled: By released column, values exported as null, as they were masked already or mean nothing.
        like_tokens: Raw values that look like a token, such as those of an earlier export.
        clashes: By released column of free text, values that are a customer's identifier as a whole.
        scanners: By released column, the scanner for identifiers in its frequent words.
    """

    rows: int = 0
    nulls: Counter[str] = field(default_factory=Counter)
    nulled: Counter[str] = field(default_factory=Counter)
    like_tokens: list[pl.Series] = field(default_factory=list)
    clashes: Counter[str] = field(default_factory=Counter)
    scanners: dict[str, IdentifierScanner] = field(default_factory=dict)


def release(batch: pl.DataFrame, rows: Sequence[Rule], secrets: Secrets) -> pl.DataFrame:
    """Apply its rule to each column; columns without a rule are left out.

    Raises:
        SchemaError: A column has values that its rule cannot handle.
    """
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        return pl.DataFrame(list(pool.map(lambda row: _released(batch[row.column], row, secrets), rows)))


def collect_stats(
    stats: ExpectedStats, batch: pl.DataFrame, made: pl.DataFrame, rows: Sequence[Rule], secret: Sequence[str]
) -> None:
    """Collect the statistics of a batch; ``secret`` names the columns whose values must not be exported."""
    stats.rows += batch.height
    for row in rows:
        before, after = batch[row.column].null_count(), made[row.into].null_count()
        if row.how != "filled":
            stats.nulls[row.into] += max(before, after)
            stats.nulled[row.into] += max(after - before, 0)
    texts = [_text(batch[name]) for name in secret]
    for values in texts:
        if (values.str.len_bytes() == _TOKEN_BYTES).any():
            like = values.filter(values.str.contains(_TOKEN)).unique()
            stats.like_tokens += [like.alias("value")] if len(like) else []
    for row in rows:
        if isinstance(row.form, Text):
            stats.clashes[row.into] += sum(int((made[row.into] == values).sum()) for values in texts)
        if isinstance(row.form, Words) and row.form.open and (words := row.form.values - {OTHER}):
            if row.into not in stats.scanners:
                stats.scanners[row.into] = IdentifierScanner(words)
            stats.scanners[row.into].look(texts)


def identifying(columns: Iterable[str], rows: Sequence[Rule]) -> list[str]:
    """Return the columns whose values must not be exported: identifiers, and masked or tokenised columns."""
    hidden = {row.column for row in rows if row.action in ("mask", "pseudonymise")}
    known = {c.name for c in schema.COLUMNS if c.privacy == "identifier" and c.name not in ("record_id", "customer_id")}
    return [name for name in columns if name in hidden | known]


def _text(values: pl.Series) -> pl.Series:
    # Raised outside of the handler, as below.
    with contextlib.suppress(pl.exceptions.PolarsError):
        return values.cast(pl.String)
    raise SchemaError(
        _("{column} has values that are not text.", column=values.name), hint=_("pass what load(...) returns.")
    )


def _released(values: pl.Series, row: Rule, secrets: Secrets) -> pl.Series:
    # Raised outside of the handler: an error of Polars quotes values, and would be its cause.
    made = None
    with contextlib.suppress(pl.exceptions.PolarsError, OverflowError, ValueError):
        made = ACTIONS[row.action](_typed(values, row), row, secrets).alias(row.into)
    if made is not None:
        return _in_calendar(made, row)
    raise SchemaError(
        _("{column} has values that '{words}' cannot handle.", column=row.column, words=row.words),
        hint=_("pass what load(...) returns, or change its rule in the policy."),
    )


def _in_calendar(made: pl.Series, row: Rule) -> pl.Series:
    """Check that years have four digits: others would be read back differently."""
    if isinstance(row.form, FirstOf) and (strange := int((~made.dt.year().is_between(1, _LAST_YEAR)).sum())):
        raise SchemaError(
            _(
                "{column} has {count:,} times before the year 1 or after {year}.",
                column=row.column,
                count=strange,
                year=_LAST_YEAR,
            ),
            hint=_("correct them, or leave these records out with a filter."),
        )
    return made


def _typed(values: pl.Series, row: Rule) -> pl.Series:
    """Cast a column to the plain type that its action expects: engines differ."""
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
