import datetime as dt
import random
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import invitekit as ik
from invitekit.errors import LeakError, OutputError, SourceError
from invitekit.export import counts, source, verify
from invitekit.export.anonymity import SMALL
from invitekit.export.counts import count_cells
from invitekit.export.customer_numbers import CUSTOMER_NUMBER
from invitekit.privacy import Key, Secrets, standard
from invitekit.privacy.disclosure import round_count

BY_STATUS = [row for row in standard("aggregated").rows if row.into == "effective_status"]
STATUSES = ("associated", "expired", "invited", "pending_review", "pre_registered")
SECRETS = Secrets(Key.new(stored=False))
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


def plainly(rows: Collection[tuple[str, int | None]]) -> dict[str, tuple[int | None, int | None]]:
    """Count in a simple way, with all records in memory."""
    people: dict[str, set[int]] = {status: {who for s, who in rows if s == status and who} for status, _ in rows}
    return {
        status: (round_count(sum(s == status for s, _ in rows)), round_count(len(some)))
        for status, some in people.items()
        if len(some) >= FEWEST
    }


@pytest.mark.parametrize("seed", range(20))
def test_counts_of_many_small_frames_are_those_of_all_records_at_once(seed: int) -> None:
    dice = random.Random(seed)
    most = {status: dice.choice([2, 6, 9, 11, 25]) for status in STATUSES}
    rows = [
        (status, dice.choice([None, *range(1, 40)]) if dice.random() < 0.1 else dice.randrange(1, most[status] + 1))
        for status in dice.choices(STATUSES, weights=[9, 9, 5, 5, 1], k=300)
    ]
    frame = pl.DataFrame(rows, schema={"effective_status": pl.String(), CUSTOMER_NUMBER: pl.UInt64()}, orient="row")
    try:
        made = count_cells(frame.iter_slices(dice.randrange(1, 60)), BY_STATUS, SECRETS, FEWEST)
    except OutputError:
        assert plainly(rows) == {}
    else:
        assert {row[0]: row[1:] for row in made.rows()} == plainly(rows)


def test_a_customer_of_two_row_groups_is_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "BATCH_ROWS", 2_048)
    rows = 2_048 + 20
    frame = pl.DataFrame(
        {"account_name": [f"account {n % 20}" for n in range(rows)], "effective_status": ["expired"] * rows}
    )
    done = ik.export(frame, tmp_path / "out.parquet", level="aggregated")
    assert counted(done.path) == {"expired": (round_count(rows), 20)}


@pytest.mark.parametrize("mutant", [lambda count: count, lambda count: count + 1])
def test_a_count_that_is_not_rounded_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mutant: Any) -> None:
    monkeypatch.setattr(counts, "rounded", mutant)
    with pytest.raises(LeakError) as refused:
        published(tmp_path, {"associated": some(0, 34), "expired": some(40, 61)})
    assert (refused.value.column, refused.value.check, refused.value.count) == ("invitations", "cells", 2)
    assert list(tmp_path.iterdir()) == []


def test_no_manifest_allows_counts_that_are_not_rounded(tmp_path: Path) -> None:
    frame = pl.DataFrame({"account_name": some(0, 30), "effective_status": ["expired"] * 30})
    path = ik.export(frame, tmp_path / "out.parquet", level="aggregated").path
    page = path.with_name(path.name + ".manifest.json")
    for old, new in (('"step": 10', '"step": 1'), ('"least": 10', '"least": 0')):
        page.write_text(page.read_text("utf-8").replace(old, new), encoding="utf-8")
        with pytest.raises(SourceError, match="not a readable manifest"):
            verify(path)
        page.write_text(page.read_text("utf-8").replace(new, old), encoding="utf-8")
    assert verify(path).rows == 1


@pytest.mark.parametrize(("group", "small"), [(SMALL - 1, SMALL - 1), (SMALL, 0), (SMALL + 1, 0)])
def test_a_group_is_small_below_its_size_and_not_at_it(tmp_path: Path, group: int, small: int) -> None:
    statuses = ["expired"] * 20 + ["invited"] * group
    frame = pl.DataFrame({"account_name": some(0, 20 + group), "status": statuses})
    told = ik.export(frame, tmp_path / "out.parquet").uniqueness[0]
    assert (told.by, told.records, told.unique, told.small, told.smallest) == (
        ("status",), 20 + group, 0, small, group,
    )  # fmt: skip


@cache
def two_weeks() -> pl.DataFrame:
    """Return 30 invitations in two weekly files: open in the first one, associated in the second."""
    weeks = []
    for day, status in ((dt.datetime(2026, 3, 16), "Not associated"), (dt.datetime(2026, 3, 30), "Associated")):
        table = pl.DataFrame(
            {"Account Name": some(0, 30), "Invited On": ["2026-03-10"] * 30, "Invitation Method": ["Email"] * 30,
             "Status": [status] * 30}
        )  # fmt: skip
        weeks.append(ik.load(table, snapshot_at=day).records)
    records: pl.DataFrame = ik.annotate(pl.concat(weeks), as_of=dt.date(2026, 3, 30))
    return records


def test_an_invitation_of_two_weekly_files_counts_once_by_its_newest_state(tmp_path: Path) -> None:
    history = two_weeks()
    for name, records in {
        "frame": history, "relation": duckdb.from_arrow(history.to_arrow()), "resolved": ik.resolve(history),
        "a part": ik.latest(history), "text": history.with_columns(pl.col("invited_at").dt.to_string()),
    }.items():  # fmt: skip
        done = ik.export(records, tmp_path / f"{name}.parquet", level="aggregated")
        found = pl.read_parquet(done.path).select("effective_status", "invitations", "customers").rows()
        assert (name, found) == (name, [("associated", 30, 30)])
        assert (done.records, done.rows, verify(done.path).rows) == (30, 1, 1)


def test_a_filter_of_counts_is_for_the_newest_state_of_each_invitation(tmp_path: Path) -> None:
    history = two_weeks()
    for number, records in enumerate((history, duckdb.from_arrow(history.to_arrow()))):
        path = tmp_path / f"{number}.parquet"
        with pytest.raises(OutputError, match="10 customers"):
            ik.export(records, path, level="aggregated", filter=ik.Filter(status="expired"))
        done = ik.export(records, path, level="aggregated", filter=ik.Filter(status="associated"))
        assert (done.records, pl.read_parquet(path)["invitations"].to_list()) == (30, [30])


def test_records_without_places_in_files_are_resolved_too(tmp_path: Path) -> None:
    names = ("record_id", "source_file", "source_row", "email", "failure_code")
    done = ik.export(two_weeks().drop(*names), tmp_path / "out.parquet", level="aggregated")
    assert pl.read_parquet(done.path).select("effective_status", "invitations").rows() == [("associated", 30)]


def test_unidentified_records_of_the_newest_week_count_one_by_one(tmp_path: Path) -> None:
    masked = pl.when(pl.int_range(pl.len()) % 30 < 5).then(pl.lit("a***")).otherwise("account_name")
    records = two_weeks().with_columns(account_name=masked).drop("record_id", "source_file", "source_row")
    done = ik.export(records, tmp_path / "out.parquet", level="aggregated")
    assert (done.records, pl.read_parquet(done.path).select("invitations", "customers").rows()) == (30, [(30, 30)])
