from __future__ import annotations

import random
from collections.abc import Collection
from pathlib import Path

import polars as pl
import pytest

import invitekit as ik
from invitekit.errors import OutputError
from invitekit.export.anonymity import SMALL
from invitekit.export.counts import count_cells
from invitekit.export.source import BATCH_ROWS
from invitekit.export.whose import WHO
from invitekit.privacy import Key, Secrets, standard

BY_STATUS = [row for row in standard("aggregated").rows if row.into == "effective_status"]
STATUSES = ("associated", "expired", "invited", "pending_review", "pre_registered")
SECRETS = Secrets(Key.new(kept=False))
FEWEST = 10


def counted(path: Path) -> dict[str, tuple[int, int]]:
    return {status: (records, customers) for status, records, customers in pl.read_parquet(path).rows()}


def published(folder: Path, cells: dict[str, list[str]]) -> dict[str, tuple[int, int]]:
    """Export the counts of some accounts by status."""
    rows = [(account, status) for status, accounts in cells.items() for account in accounts]
    frame = pl.DataFrame(rows, schema=["account_name", "effective_status"], orient="row")
    return counted(ik.export(frame, folder / "out.parquet", level="aggregated").path)


def some(start: int, end: int) -> list[str]:
    return [f"account {n}" for n in range(start, end)]


def plainly(rows: Collection[tuple[str, int | None]]) -> dict[str, tuple[int, int]]:
    """Count the slow and plain way, all records at hand at once."""
    people: dict[str, set[int]] = {status: {who for s, who in rows if s == status and who} for status, _ in rows}
    order = sorted(people, key=lambda status: (len(people[status]), status))
    few = [status for status in order if len(people[status]) < FEWEST]
    while few and len(few) < len(order) and len(set().union(*(people[status] for status in few))) < FEWEST:
        few.append(order[len(few)])
    left = [status for status in order if status not in few]
    return {status: (sum(s == status for s, _ in rows), len(people[status])) for status in left}


@pytest.mark.parametrize("seed", range(20))
def test_counts_of_many_small_frames_are_those_of_all_records_at_once(seed: int) -> None:
    dice = random.Random(seed)
    most = {status: dice.choice([2, 6, 9, 11, 25]) for status in STATUSES}
    rows = [
        (status, dice.choice([None, *range(1, 40)]) if dice.random() < 0.1 else dice.randrange(1, most[status] + 1))
        for status in dice.choices(STATUSES, weights=[9, 9, 5, 5, 1], k=300)
    ]
    frame = pl.DataFrame(rows, schema={"effective_status": pl.String(), WHO: pl.UInt64()}, orient="row")
    try:
        made = count_cells(frame.iter_slices(dice.randrange(1, 60)), BY_STATUS, SECRETS, FEWEST)
    except OutputError:
        assert plainly(rows) == {}
    else:
        assert {row[0]: row[1:] for row in made.rows()} == plainly(rows)


def test_a_customer_of_two_row_groups_is_counted_once_and_all_records_are(tmp_path: Path) -> None:
    rows = BATCH_ROWS + 20
    frame = pl.DataFrame(
        {"account_name": [f"account {n % 20}" for n in range(rows)], "effective_status": ["expired"] * rows}
    )
    done = ik.export(frame, tmp_path / "out.parquet", level="aggregated")
    assert counted(done.path) == {"expired": (rows, 20)}


@pytest.mark.parametrize(("customers", "leave"), [(FEWEST - 1, False), (FEWEST, True)])
def test_a_cell_leaves_from_the_fewest_customers_on(tmp_path: Path, customers: int, *, leave: bool) -> None:
    cells = {"associated": some(0, 30), "expired": some(30, 40), "invited": some(50, 50 + customers)}
    found = published(tmp_path, cells | {"pre_registered": some(90, 99)})
    assert ("invited" in found) == leave


@pytest.mark.parametrize(
    ("first", "second", "leave"),
    [
        ((50, 55), (60, 64), False),  # nine together: whoever knows the whole could tell them
        ((50, 55), (60, 65), True),
        ((50, 55), (54, 59), False),  # ten, one of them twice
        ((50, 56), (55, 60), True),
    ],
)
def test_cells_left_out_hold_the_fewest_different_customers_together(
    tmp_path: Path, first: tuple[int, int], second: tuple[int, int], *, leave: bool
) -> None:
    cells = {"associated": some(0, 30), "expired": some(30, 42), "invited": some(*first)}
    found = published(tmp_path, cells | {"pre_registered": some(*second)})
    assert list(found) == (["associated", "expired"] if leave else ["associated"])


@pytest.mark.parametrize(("group", "small"), [(SMALL - 1, SMALL - 1), (SMALL, 0), (SMALL + 1, 0)])
def test_a_group_is_small_below_its_size_and_not_at_it(tmp_path: Path, group: int, small: int) -> None:
    statuses = ["expired"] * 20 + ["invited"] * group
    frame = pl.DataFrame({"account_name": some(0, 20 + group), "status": statuses})
    told = ik.export(frame, tmp_path / "out.parquet").alike[0]
    assert (told.by, told.records, told.unique, told.small, told.smallest) == (
        ("status",), 20 + group, 0, small, group,
    )  # fmt: skip
