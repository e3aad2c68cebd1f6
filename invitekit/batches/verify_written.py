"""Read the written files back and compare them with the plan, before they get their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl

from invitekit.batches.by_manager import manager_keys
from invitekit.batches.worklists import WorkList
from invitekit.errors import ArgumentError, OutputError
from invitekit.i18n import _
from invitekit.model.vocabularies import BATCH_KINDS
from invitekit.planning import ResendRules

_HINT = _("nothing was left behind; try again, and report it if it happens twice.")
_KIND_LABELS = {label for value in BATCH_KINDS for label in (value.en, value.zh)}


def verify_lists(
    lists: Sequence[WorkList], folder: Path, kinds: Sequence[str], rules: ResendRules, candidates: int
) -> None:
    """Read every file back, and check the batches against the rules of the plan and its number of candidates.

    Raises:
        ArgumentError: The plan was made with larger batches, or invites a customer twice.
        OutputError: A file lacks rows, or the batches do not have every customer exactly once.
    """
    for kind in kinds:
        customers: list[str] = []
        for worklist in lists:
            rows = _read_back(worklist, folder / worklist.file_name(kind), READERS[kind])
            if worklist.batch is not None:
                customers += _customers(worklist, rows, rules)
        if len(set(customers)) < len(customers):
            raise ArgumentError(
                _("A customer is in two rows to invite again."), hint=_("pass what plan_resends(...) returns.")
            )
        if len(customers) != candidates:
            problem = _(
                "The batches have {customers:,} customers, the plan has {candidates:,} to invite again.",
                customers=len(customers),
                candidates=candidates,
            )
            raise OutputError(problem, hint=_HINT)


def verify_workbooks(workbooks: Mapping[str, Sequence[WorkList]], lists: Sequence[WorkList], folder: Path) -> None:
    """Read the workbooks of account managers back: each has its manager's rows only, and together they have every row.

    Raises:
        OutputError: A row is missing, or in the workbook of another manager.
    """
    count = 0
    for name, parts in workbooks.items():
        managers = []
        for part in parts:
            index = part.rows.columns.index("account_manager")
            managers.append(_read_xlsx(folder / name, [index], part.name[:31]).to_series().cast(pl.String))
        keys = manager_keys(pl.concat([each.rename("account_manager") for each in managers]))
        count += keys.len()
        if keys.n_unique() != 1:
            raise OutputError(_("'{name}' does not have the expected rows.", name=name), hint=_HINT)
    if count != sum(each.rows.height for each in lists):
        raise OutputError(_("The workbooks of account managers do not have every row."), hint=_HINT)


def _read_back(worklist: WorkList, path: Path, read: Callable[[Path, list[int]], pl.DataFrame]) -> pl.DataFrame:
    """Read the columns to compare: of a batch, order and decision; of a work list, one that is never empty."""
    names = ["reason"] if worklist.batch is None else ["rank", "decision"]
    expected = worklist.rows.select(names).cast(pl.String)
    actual = read(path, [worklist.rows.columns.index(name) for name in names])
    actual.columns = names
    if actual.height != expected.height or (worklist.batch is not None and not actual.equals(expected)):
        raise OutputError(_("'{name}' does not have the expected rows.", name=path.name), hint=_HINT)
    return actual


def _customers(worklist: WorkList, rows: pl.DataFrame, rules: ResendRules) -> list[str]:
    """Check a batch that was read back, and return its customers."""
    if rows.height > rules.batch_size:
        problem = _(
            "Batch {batch} has {customers:,} customers, more than the {most:,} of the rules.",
            batch=worklist.batch,
            customers=rows.height,
            most=rules.batch_size,
        )
        raise ArgumentError(problem, hint=_("give the rules that the plan was made with."))
    if set(rows["decision"]) - _KIND_LABELS:
        raise OutputError(_("Batch {batch} has a decision other than to resend.", batch=worklist.batch), hint=_HINT)
    customers = dict(zip(worklist.rows["rank"].cast(pl.String), worklist.records["customer_id"], strict=True))
    return [customers[rank] for rank in rows["rank"]]


def _read_csv(path: Path, indexes: list[int]) -> pl.DataFrame:
    return pl.read_csv(path, columns=indexes, infer_schema=False)


def _read_xlsx(path: Path, indexes: list[int], sheet: str | None = None) -> pl.DataFrame:
    return pl.read_excel(path, sheet_name=sheet, columns=indexes, infer_schema_length=0, drop_empty_rows=False)


READERS: dict[str, Callable[[Path, list[int]], pl.DataFrame]] = {"csv": _read_csv, "xlsx": _read_xlsx}
