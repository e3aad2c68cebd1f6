"""Divide the lists by account manager: a workbook for each of them, with a sheet for each list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from invitekit.batches import columns
from invitekit.batches.worklists import WorkList
from invitekit.engine.text import fold
from invitekit.i18n import Language
from invitekit.io.file_names import file_names

INVITE = "invite_again"
"""The sheet of an account manager's customers of all batches."""


def divide(lists: Sequence[WorkList], language: Language) -> dict[str, list[WorkList]]:
    """Return the lists of each account manager by the name of the workbook, without extension.

    Names that differ only in case, width or surrounding white space are one manager; customers without a manager are
    in ``manager_none``. The rows of all batches become one list with their batch.
    """
    whole = [*_batches_as_one([each for each in lists if each.batch is not None], language)]
    whole += [each for each in lists if each.batch is None]
    parts: dict[str, list[WorkList]] = {}
    for worklist in whole:
        managers = manager_keys(worklist.records["account_manager"])
        for key in managers.unique(maintain_order=True):
            parts.setdefault(key, []).append(_part(worklist, managers == key))
    keys = sorted(parts)
    names = (parts[key][0].records["account_manager"][0] if key else "none" for key in keys)
    return {name: parts[key] for name, key in zip(file_names(names, "manager_"), keys, strict=True)}


def _batches_as_one(batches: Sequence[WorkList], language: Language) -> list[WorkList]:
    if not batches:
        return []
    numbers = pl.concat([pl.repeat(each.batch, each.rows.height, dtype=pl.Int64, eager=True) for each in batches])
    header = columns.header("batch", language)
    rows = pl.concat([each.rows for each in batches]).select(numbers.alias("batch"), pl.all())
    headers, widths = (header, *batches[0].headers), columns.widths(rows.select("batch"), (header,), 0)
    lines, records = (pl.concat([getattr(each, name) for each in batches]) for name in ("lines", "records"))
    return [WorkList(INVITE, "partner", rows, headers, (*widths, *batches[0].widths), lines, records)]


def _part(worklist: WorkList, mask: pl.Series) -> WorkList:
    rows, records, lines = worklist.rows.filter(mask), worklist.records.filter(mask), worklist.lines.filter(mask)
    return replace(worklist, rows=rows, records=records, lines=lines)


def manager_keys(managers: pl.Series) -> pl.Series:
    """Return the name by which each account manager is compared; empty where there is none."""
    known = {name: fold(name) for name in managers.unique().drop_nulls()}
    return managers.replace_strict(known, default=None, return_dtype=pl.String).fill_null("")
