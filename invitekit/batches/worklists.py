"""A plan to the lists that are written: who stands in which, and in which order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import narwhals.stable.v2 as nw
import polars as pl

from invitekit.batches import columns, message_templates
from invitekit.batches.columns import BATCH, NEEDED, WORK, Language
from invitekit.errors import ArgumentError, SchemaError
from invitekit.model.vocabularies import RESENDS

WORKLISTS = {"customer": "wait_for_customer", "customer_service": "contact_support", "review": "review"}
"""Each work-list by who has to act, and the decision whose records stand in it."""
_NAME, _LINES = "_name", "_lines"


@dataclass(frozen=True, slots=True, eq=False)
class List:
    """One list to write.

    Attributes:
        name: Of its files, without extension.
        who: Has to act: ``partner`` for a batch, else a key of ``WORKLISTS``.
        rows: Its rows in order, and nothing but what is written.
        headers: A header for each column.
        widths: How many letters of each column should show.
        lines: How many lines each row needs; not written.
        customers: Whose row each one is; not written.
        batch: Its number, or None.
        letters: How many of its last columns hold whole letters.
    """

    name: str
    who: str
    rows: pl.DataFrame
    headers: tuple[str, ...]
    widths: tuple[int, ...]
    lines: pl.Series
    customers: pl.Series
    batch: int | None = None
    letters: int = 0

    def file(self, kind: str) -> str:
        """Give its file name of a format."""
        return f"{self.name}.{kind}"


def make(plan: Any, language: Language) -> list[List]:
    """Give every list that has a row: batches by number, then work-lists.

    Args:
        plan: What ``plan_resends`` gives, of any engine; only the rows needed are brought here, once.
        language: Of headers and values.

    Raises:
        SchemaError: The plan lacks a column.
        ArgumentError: A customer to invite again has no batch or no rank.
    """
    rows = _collect(plan)
    batches = _batches(rows.filter(pl.col("decision").is_in(RESENDS)), language)
    parts = {who: rows.filter(pl.col("decision") == decision) for who, decision in WORKLISTS.items()}
    return batches + [_worklist(part, who, language) for who, part in parts.items() if part.height]


def _collect(plan: Any) -> pl.DataFrame:
    """Bring the rows that stand in some list onto this machine."""
    frame: Any = nw.from_native(cast("Any", plan))
    names = frame.collect_schema().names()
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise SchemaError(f"The plan lacks {', '.join(missing)}.", hint="pass what plan_resends(...) gives.")
    chosen = frame.filter(nw.col("decision").is_in([*RESENDS, *WORKLISTS.values()])).select(*NEEDED)
    return columns.typed(chosen.lazy().collect("polars").to_native())


def _batches(rows: pl.DataFrame, language: Language) -> list[List]:
    """Cut the candidates into their batches, which all look alike."""
    if rows.select(pl.any_horizontal(pl.col("batch", "rank").is_null().any())).item():
        raise ArgumentError("A customer to invite again has no batch.", hint="pass what plan_resends(...) gives.")
    digits = max(2, len(str(rows["batch"].max() or 0)))
    number = pl.col("batch").cast(pl.String).str.zfill(digits)
    name = pl.concat_str(pl.lit("batch_"), number, pl.lit("_"), "decision").alias(_NAME)
    rows = columns.labelled(rows.sort("batch", "rank").with_columns(columns.chance(language), name), language)
    headers = tuple(columns.header(name, language) for name in BATCH)
    widths = columns.widths(rows.select(BATCH), headers, 0)
    rows = rows.with_columns(columns.lines(rows.select(BATCH), widths, 0).alias(_LINES))
    return [
        List(
            name=part[_NAME][0],
            who="partner",
            rows=part.select(BATCH),
            headers=headers,
            widths=widths,
            lines=part[_LINES],
            customers=part["customer_id"],
            batch=part["batch"][0],
        )
        for part in rows.partition_by(_NAME, maintain_order=True)
    ]


def _worklist(part: pl.DataFrame, who: str, language: Language) -> List:
    """Put the records that wait for one hand in order: by reason, then the oldest first."""
    order, down = ("reason_code", "reason", "age_days", "account_name"), (False, False, True, False)
    part = part.sort(order, descending=down, nulls_last=True)
    texts = message_templates.columns(who, language)
    rows = columns.labelled(part.select(*WORK[who], **texts), language)
    headers = tuple(columns.header(name, language) for name in rows.columns)
    widths = columns.widths(rows, headers, len(texts))
    return List(
        name=f"worklist_{who}",
        who=who,
        rows=rows,
        headers=headers,
        widths=widths,
        lines=columns.lines(rows, widths, len(texts)),
        customers=part["customer_id"],
        letters=len(texts),
    )
