"""The columns of each list: their headers, values and widths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from invitekit.i18n import Language, _, translate
from invitekit.model import schema
from invitekit.model.display import labels
from invitekit.model.vocabularies import BATCH_KINDS
from invitekit.planning.ranking import NO_HISTORY

FIND = (
    "portal_customer_id", "account_name", "customer_full_name", "customer_name", "email", "custom_tag",
    "account_manager", "country", "invitation_method", "association_type", "status",
)  # fmt: skip
"""Columns to find a customer in the portal; with the status, ``load`` can read a list."""
OPTIONAL = "portal_customer_id"
"""A column that lists have where it is filled: in masked files nothing else tells two customers apart."""
BATCH = ("rank", *FIND, "attempts", "invited_at", "decision", "reason", "next_step", "chance",
         "record_id")  # fmt: skip
_WORK = (*FIND, "attempts", "invited_at", "age_days", "reason", "next_step")
WORK = {
    "customer": _WORK,
    "customer_service": (*_WORK, "failure_message"),
    "review": (*_WORK, "failure_message", "source_file", "source_row"),
}
"""The columns of each work list by who has to act; messages come after them."""
_NOT_WRITTEN = ("customer_id", "batch", "reason_code", "failure_code", "advice", "chance_from")
NEEDED = tuple(name for name in dict.fromkeys((*BATCH, *WORK["review"], *_NOT_WRITTEN)) if name != OPTIONAL)
"""The columns of a plan that lists need."""

_OWN_HEADERS = {"reason": {"en": "Why"}}
"""Headers that differ from the label: ``load`` reads a column "Reason" as the failure message, for example."""
_TYPES: dict[str, Any] = {"time": pl.Datetime("us"), "integer": pl.Int64, "number": pl.Float64}
_NARROWEST, _WIDEST, _TIME, _MESSAGE = 8, 45, 20, 80


def written(names: Sequence[str], rows: pl.DataFrame) -> list[str]:
    """Return those of some columns that a list of these rows has."""
    return [name for name in names if name != OPTIONAL or rows[name].count()]


def typed(rows: pl.DataFrame) -> pl.DataFrame:
    """Cast every column to the type of the schema, whatever engine it came from."""
    return rows.with_columns(pl.col(n).cast(_TYPES.get(schema.BY_NAME[n].kind, pl.String)) for n in rows.columns)


def header(name: str, language: Language) -> str:
    """Return a column's label, or another header where ``load`` would read the label as another column."""
    return _OWN_HEADERS.get(name, {}).get(language) or schema.label(name, language)


def labelled(rows: pl.DataFrame, language: Language) -> pl.DataFrame:
    """Replace codes and countries by their labels; any other value stays as it is."""
    known = {name: labels(name, language) for name in rows.columns}
    if "decision" in known:
        known["decision"] = known["decision"] | {kind.code: kind.label(language) for kind in BATCH_KINDS}
    return rows.with_columns(pl.col(name).replace(texts) for name, texts in known.items() if texts)


def chance(language: Language) -> pl.Expr:
    """Build the expression of a chance as text: a percentage, or ``no history``."""
    percent = (pl.col("chance") * 100).round(0).cast(pl.Int64).cast(pl.String) + "%"
    none = pl.col("chance").is_null() | (pl.col("chance_from") == NO_HISTORY)
    return pl.when(none).then(pl.lit(translate(_("no history"), language))).otherwise(percent).alias("chance")


def widths(rows: pl.DataFrame, headers: tuple[str, ...], messages: int) -> tuple[int, ...]:
    """Return the width of each column's longest text, within limits; the last columns, messages, have a fixed width."""
    fitted = [_width(column, title) for column, title in zip(rows.iter_columns(), headers, strict=True)]
    return (*fitted[: len(fitted) - messages], *[_MESSAGE] * messages)


def lines(rows: pl.DataFrame, widths: tuple[int, ...], messages: int) -> pl.Series:
    """Return how many lines each row needs to show its texts whole, without its messages."""
    shown = list(zip(rows.columns, widths, strict=True))[: rows.width - messages]
    texts = [(pl.col(name), width) for name, width in shown if rows.schema[name] == pl.String]
    needed = [(_cells_wide(text) / width).ceil() + text.str.count_matches("\n") for text, width in texts]
    return rows.select(pl.max_horizontal(needed).fill_null(1).cast(pl.Int64)).to_series()


def _cells_wide(text: Any) -> Any:
    """Build the expression of a text's display width: a Chinese character has three bytes and takes two."""
    return (text.str.len_bytes() + text.str.len_chars()) / 2


def _width(column: pl.Series, title: str) -> int:
    if column.dtype == pl.Datetime:
        return _TIME
    longest = _cells_wide(column.cast(pl.String)).max()
    word = max((len(word.encode()) + len(word)) // 2 for word in title.split())
    wanted = max(longest if isinstance(longest, float) else 0, word + 3)
    return round(min(max(wanted + 1, _NARROWEST), _WIDEST))
