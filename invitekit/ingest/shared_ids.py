"""Find IDs that a spreadsheet may have damaged, so that their rows count as one customer, or as two, by mistake."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.materialize import collect, count_rows
from invitekit.i18n import Message, _, ngettext
from invitekit.model import schema
from invitekit.model.identity import key

_FILE = ("source_file", "snapshot_at")
NUMBERS = ("portal_customer_id", "account_name")
"""Columns of IDs in which a spreadsheet may remove leading zeros."""


def notes_on_ids(records: Any, *, has_customer_ids: bool) -> list[Message]:
    """Return notes on IDs that were probably damaged.

    Args:
        records: The loaded records, of any engine. Masked values are not compared.
        has_customer_ids: Whether a source has Customer IDs.
    """
    shared = [("portal_customer_id", _on_shared_ids(records))] if has_customer_ids else []
    return [*_named(shared), *notes_on_leading_zeros(records)]


def notes_on_leading_zeros(records: Any) -> list[Message]:
    """Return a note for each column of IDs that has numbers with and without leading zeros."""
    return _named([(name, _on_leading_zeros(records, name)) for name in NUMBERS])


def _named(notes: list[tuple[str, Message | None]]) -> list[Message]:
    return [_("{column}: {note}", column=schema.label_in_message(name), note=note) for name, note in notes if note]


def _on_shared_ids(records: Any) -> Message | None:
    """Return the note on Customer IDs that are on several account names of one file; None if there are none."""
    keys = nw.from_native(records).select(*_FILE, _ik_id=key("portal_customer_id"), _ik_account=key("account_name"))
    filled = keys.filter(~nw.col("_ik_id").is_null() & ~nw.col("_ik_account").is_null())
    ids = filled.group_by(*_FILE, "_ik_id").agg(
        _ik_low=nw.col("_ik_account").min(), _ik_high=nw.col("_ik_account").max(), _ik_rows=nw.len()
    )
    shared = ids.filter(nw.col("_ik_low") != nw.col("_ik_high"))
    ((count, rows),) = collect(shared.select(_ik_ids=nw.len(), _ik_rows=nw.col("_ik_rows").sum())).rows()
    note = ngettext(
        "{n:,} ID of a file is on several account names ({rows:,} rows), which count as one customer. If these are "
        "different customers, the ID lost its last digits in a spreadsheet or is that of a group: export again with "
        "the column as text, or leave the column out.",
        "{n:,} IDs of a file are on several account names each ({rows:,} rows), which count as one customer. If these "
        "are different customers, the IDs lost their last digits in a spreadsheet or are those of groups: export again "
        "with the column as text, or leave the column out.",
        count,
        rows=rows,
    )
    return note if count else None


def _on_leading_zeros(records: Any, name: str) -> Message | None:
    """Return the note on numbers that are written with and without leading zeros; None if there are none."""
    ids = nw.from_native(records).select(_ik_id=name)
    if not count_rows(ids.filter(nw.col("_ik_id").str.starts_with("0"))):
        return None
    numbers = ids.filter(nw.col("_ik_id").str.contains("^[0-9]+$"))
    bare = numbers.with_columns(_ik_bare=nw.col("_ik_id").str.replace_all("^0+", ""))
    ends = bare.group_by("_ik_bare").agg(_ik_low=nw.col("_ik_id").min(), _ik_high=nw.col("_ik_id").max())
    count = count_rows(ends.filter(nw.col("_ik_low") != nw.col("_ik_high")))
    note = ngettext(
        "{n:,} number is written with and without zeros at its beginning, as 007 and 7, which may count as two "
        "customers. If a spreadsheet removed the zeros, export again with the column as text.",
        "{n:,} numbers are written with and without zeros at their beginning, as 007 and 7, which may count as "
        "two customers. If a spreadsheet removed the zeros, export again with the column as text.",
        count,
    )
    return note if count else None
