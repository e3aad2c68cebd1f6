"""Divide a plan into the lists that are written: who is in which list, and in which order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from invitekit.batches import columns, message_templates
from invitekit.batches.columns import BATCH, NEEDED, OPTIONAL, WORK
from invitekit.batches.message_templates import Templates
from invitekit.engine.frames import as_narwhals
from invitekit.errors import ArgumentError, SchemaError
from invitekit.i18n import Language, _
from invitekit.model.vocabularies import RESENDS
from invitekit.planning.ranking import kind
from invitekit.planning.reasons import CANDIDATE

WORKLISTS = {"customer": "wait_for_customer", "customer_service": "contact_support", "review": "review"}
"""The decision of the records in each work list, by who has to act."""
_NAME = "_name"


@dataclass(frozen=True, slots=True, eq=False)
class WorkList:
    """One list to write.

    Attributes:
        name: The name of its files, without extension.
        who: Who has to act: ``partner`` for a batch, else a key of ``WORKLISTS``.
        rows: The columns that are written, in order.
        headers: A header for each column.
        widths: How many characters of each column to show.
        lines: How many lines each row needs; not written.
        records: The plan's columns of each row; not written.
        batch: The number of a batch; None for a work list.
        messages: How many of the last columns are ready-to-send messages.
    """

    name: str
    who: str
    rows: pl.DataFrame
    headers: tuple[str, ...]
    widths: tuple[int, ...]
    lines: pl.Series
    records: pl.DataFrame
    batch: int | None = None
    messages: int = 0

    def file_name(self, kind: str) -> str:
        """Return the name of the file in a format."""
        return f"{self.name}.{kind}"


def lay_out(
    name: str, who: str, rows: pl.DataFrame, headers: tuple[str, ...], records: pl.DataFrame, *, messages: int = 0
) -> WorkList:
    """Return a list with the widths of its columns and the lines of its rows."""
    widths = columns.widths(rows, headers, messages)
    lines = columns.lines(rows, widths, messages)
    return WorkList(name, who, rows, headers, widths, lines, records, messages=messages)


def make(plan: Any, language: Language, templates: Templates | None = None) -> list[WorkList]:
    """Build every list that has a row: batches by number, then work lists; only the rows needed are collected, once.

    Raises:
        SchemaError: The plan lacks a column.
        ArgumentError: A customer to invite again has no batch or no rank.
    """
    rows = _collect(plan)
    batches = _batches(rows.filter(pl.col("decision").is_in(RESENDS)), language)
    parts = {who: rows.filter(pl.col("decision") == decision) for who, decision in WORKLISTS.items()}
    known = message_templates.built_in() if templates is None else templates
    return batches + [_worklist(part, who, language, known) for who, part in parts.items() if part.height]


def _collect(plan: Any) -> pl.DataFrame:
    frame: Any = as_narwhals(plan)
    names = frame.collect_schema().names()
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise SchemaError(
            _("The plan lacks {columns}.", columns=tuple(missing)), hint=_("pass what plan_resends(...) returns.")
        )
    if OPTIONAL not in names:
        frame = frame.with_columns(nw.lit(None, nw.String).alias(OPTIONAL))
    listed = frame.filter(nw.col("decision").is_in([*RESENDS, *WORKLISTS.values()])).select(*NEEDED, OPTIONAL)
    return columns.typed(listed.lazy().collect("polars").to_native())


def _batches(rows: pl.DataFrame, language: Language) -> list[WorkList]:
    """Divide the candidates into their batches, which have the same columns and widths."""
    if rows.select(pl.any_horizontal(pl.col("batch", "rank").is_null().any())).item():
        raise ArgumentError(
            _("A customer to invite again has no batch."), hint=_("pass what plan_resends(...) returns.")
        )
    digits = max(2, len(str(rows["batch"].max() or 0)))
    number = pl.col("batch").cast(pl.String).str.zfill(digits)
    # The kind, not the decision: a customer who was never invited is invited, not invited again.
    is_candidate = nw.col("reason_code").is_in(list(CANDIDATE))
    decision = nw.when(is_candidate).then(kind()).otherwise(nw.col("decision"))
    rows = nw.from_native(rows).with_columns(decision=decision).to_native()
    name = pl.concat_str(pl.lit("batch_"), number, pl.lit("_"), "decision").alias(_NAME)
    records = rows.sort("batch", "rank").with_columns(name)
    rows = columns.labelled(
        records.with_columns(columns.chance(language)).select(columns.written(BATCH, records)), language
    )
    headers = tuple(columns.header(name, language) for name in rows.columns)
    whole, lists, start = lay_out("batches", "partner", rows, headers, records), [], 0
    for part in records.partition_by(_NAME, maintain_order=True):
        own, lines = whole.rows.slice(start, part.height), whole.lines.slice(start, part.height)
        code, number, plan = part[_NAME][0], part["batch"][0], part.drop(_NAME)
        lists.append(replace(whole, name=code, rows=own, lines=lines, records=plan, batch=number))
        start += part.height
    return lists


def _worklist(part: pl.DataFrame, who: str, language: Language, templates: Templates) -> WorkList:
    """Sort the records that wait for the same people: by reason, then the oldest first."""
    order, descending = ("reason_code", "reason", "age_days", "account_name"), (False, False, True, False)
    part = part.sort(order, descending=descending, nulls_last=True)
    messages = message_templates.columns(who, language, templates)
    rows = columns.labelled(part.select(*columns.written(WORK[who], part), **messages), language)
    headers = tuple(columns.header(name, language) for name in rows.columns)
    return lay_out(f"worklist_{who}", who, rows, headers, part, messages=len(messages))
