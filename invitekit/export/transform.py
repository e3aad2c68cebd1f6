"""Transform a small frame of records to its released values, and collect statistics for the checks."""

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
from invitekit.export.source import converted
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
        nulls: Expected nulls by released column: those of the records, and nulled values.
        nulled: Masked values and placeholders that are exported as null, by released column.
        like_tokens: Raw values that look like a token, such as those of an earlier export.
        clashes: Values that equal a customer's identifier, by released column of free text.
        scanners: The scanner for identifiers in the frequent words of a released column.
    """

    rows: int = 0
    nulls: Counter[str] = field(default_factory=Counter)
    nulled: Counter[str] = field(default_factory=Counter)
    like_tokens: list[pl.Series] = field(default_factory=list)
    clashes: Counter[str] = field(default_factory=Counter)
    scanners: dict[str, IdentifierScanner] = field(default_factory=dict)


def release(batch: pl.DataFrame, rows: Sequence[Rule], secrets: Secrets) -> pl.DataFrame:
    """Apply the rule of each column; columns without a rule are left out.

    Raises:
        SchemaError: A column has values that its rule cannot handle.
    """
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        return pl.DataFrame(list(pool.map(lambda row: _released(batch[row.column], row, secrets), rows)))


def collect_stats(
    stats: ExpectedStats, batch: pl.DataFrame, released: pl.DataFrame, rows: Sequence[Rule], secret: Sequence[str]
) -> None:
    """Collect the statistics of a batch; ``secret`` names the columns whose values must not be exported."""
    stats.rows += batch.height
    for row in rows:
        before, after = batch[row.column].null_count(), released[row.into].null_count()
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
            stats.clashes[row.into] += sum(int((released[row.into] == values).sum()) for values in texts)
        if isinstance(row.form, Words) and row.form.open and (words := row.form.values - {OTHER}):
            if row.into not in stats.scanners:
                stats.scanners[row.into] = IdentifierScanner(words)
            stats.scanners[row.into].search(texts)


def identifying(columns: Iterable[str], rows: Sequence[Rule]) -> list[str]:
    """Return the columns whose values must not be exported: identifiers, and masked or tokenised columns."""
    hidden = {row.column for row in rows if row.action in ("mask", "pseudonymise")}
    known = {c.name for c in schema.COLUMNS if c.privacy == "identifier" and c.name not in ("record_id", "customer_id")}
    return [name for name in columns if name in hidden | known]


def _text(values: pl.Series) -> pl.Series:
    # Raised outside of the handler, as in _released.
    with contextlib.suppress(pl.exceptions.PolarsError):
        return values.cast(pl.String)
    raise SchemaError(
        _("{column} has values that are not text.", column=values.name), hint=_("pass what load(...) returns.")
    )


def _released(values: pl.Series, row: Rule, secrets: Secrets) -> pl.Series:
    # Raised outside of the handler: an error of Polars quotes values, and would be its cause.
    released = None
    with contextlib.suppress(pl.exceptions.PolarsError, OverflowError, ValueError):
        released = ACTIONS[row.action](_typed(values, row), row, secrets).alias(row.into)
    if released is not None:
        return _in_calendar(released, row)
    raise SchemaError(
        _("{column} has values that '{words}' cannot handle.", column=row.column, words=row.words),
        hint=_("pass what load(...) returns, or change its rule in the policy."),
    )


def _in_calendar(dates: pl.Series, row: Rule) -> pl.Series:
    """Check that years have four digits, because others would be read back differently."""
    if isinstance(row.form, FirstOf) and (count := int((~dates.dt.year().is_between(1, _LAST_YEAR)).sum())):
        raise SchemaError(
            _(
                "{column} has {count:,} times before the year 1 or after {year}.",
                column=row.column,
                count=count,
                year=_LAST_YEAR,
            ),
            hint=_("correct them, or leave these records out with a filter."),
        )
    return dates


def _typed(values: pl.Series, row: Rule) -> pl.Series:
    """Cast a column to the type that its action expects."""
    column = schema.BY_NAME.get(row.column)
    kind: Any = _TYPES.get(column.kind, pl.String) if column else pl.String
    if isinstance(row.form, Range) or row.how == "days":
        kind = pl.Float64
    elif isinstance(row.form, FirstOf):
        kind = pl.Datetime("us")
    elif isinstance(row.form, Text) or row.how in ("top", "country", "code", "mailbox") or row.action == "pseudonymise":
        kind = pl.String
    return converted(values, kind)
