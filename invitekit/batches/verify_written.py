"""What was written is read back and compared with what had to be, before it gets its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from invitekit.batches.worklists import List
from invitekit.errors import ArgumentError, OutputError
from invitekit.model import schema
from invitekit.model.vocabularies import RESENDS
from invitekit.planning import ResendRules

_HINT = "nothing was left behind; try again, and report it if it happens twice."
_RESEND_LABELS = {
    label for value in schema.BY_NAME["decision"].values if value.code in RESENDS for label in (value.en, value.zh)
}


def prove(made: Sequence[List], folder: Path, kinds: Sequence[str], rules: ResendRules, candidates: int) -> None:
    """Read every file back, and hold the batches against what was asked for.

    Args:
        made: What had to be written.
        folder: Where it lies.
        kinds: The formats; each of them holds everything.
        rules: How large a batch may be.
        candidates: How many customers the whole plan invites again.

    Raises:
        ArgumentError: The plan was made with larger batches, or invites a customer twice.
        OutputError: A file does not hold its rows, or the batches together not every customer once.
    """
    for kind in kinds:
        seen: list[str] = []
        for one in made:
            rows = _read_back(one, folder / one.file(kind), READERS[kind])
            if one.batch is not None:
                seen += _customers(one, rows, rules)
        if len(set(seen)) < len(seen):
            raise ArgumentError("A customer stands in two rows to invite again.", hint="pass what plan_resends gives.")
        if len(seen) != candidates:
            problem = f"The batches hold {len(seen):,} customers, the plan has {candidates:,} to invite again."
            raise OutputError(problem, hint=_HINT)


def _read_back(one: List, path: Path, read: Callable[[Path, list[int]], pl.DataFrame]) -> pl.DataFrame:
    """Give the columns that prove a list: of a batch, who stands where and why; of a work-list, a full one."""
    names = ["reason"] if one.batch is None else ["rank", "decision"]
    expected = one.rows.select(names).cast(pl.String)
    found = read(path, [one.rows.columns.index(name) for name in names])
    found.columns = names
    if found.height != expected.height or (one.batch is not None and not found.equals(expected)):
        raise OutputError(f"'{path.name}' does not hold the rows that it had to.", hint=_HINT)
    return found


def _customers(one: List, rows: pl.DataFrame, rules: ResendRules) -> list[str]:
    """Give whose rows a batch holds."""
    if rows.height > rules.batch_size:
        raise ArgumentError(
            f"Batch {one.batch} holds {rows.height:,} customers, more than the {rules.batch_size:,} of the rules.",
            hint="give the rules that the plan was made with.",
        )
    if set(rows["decision"]) - _RESEND_LABELS:
        raise OutputError(f"Batch {one.batch} holds another decision than to resend.", hint=_HINT)
    whose = dict(zip(one.rows["rank"].cast(pl.String), one.customers, strict=True))
    return [whose[rank] for rank in rows["rank"]]


def _read_csv(path: Path, places: list[int]) -> pl.DataFrame:
    return pl.read_csv(path, columns=places, infer_schema=False)


def _read_xlsx(path: Path, places: list[int]) -> pl.DataFrame:
    return pl.read_excel(path, columns=places, infer_schema_length=0, drop_empty_rows=False)


READERS: dict[str, Callable[[Path, list[int]], pl.DataFrame]] = {"csv": _read_csv, "xlsx": _read_xlsx}
