"""Arguments of a wrong type: an error in one line that names the argument, not one from inside a library."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest

import invitekit
from invitekit.errors import ArgumentError

ik: Any = invitekit  # without types, because these are wrong on purpose
DAY = dt.date(2026, 3, 30)
ROWS = pl.DataFrame({"Account": ["acme", "beta"], "Status": ["Invited"] * 2, "Invitation Time": ["2026-03-02"] * 2})
LOADED = ik.load(ROWS)
RECORDS = ik.annotate(LOADED, as_of=DAY)
PLAN = ik.plan_resends(RECORDS, as_of=DAY)
EVENTS = RECORDS.select("record_id", sent_at=pl.lit(dt.datetime(2026, 3, 20)), resolved_at=dt.datetime(2026, 3, 20))
WRONG: dict[str, Callable[[Any], object]] = {
    "as_of has the type str": lambda _: ik.annotate(LOADED, as_of="2026-03-30"),
    "as_of has the type NaTType": lambda _: ik.progress(RECORDS, as_of=pd.NaT),
    "snapshot_at has the type str": lambda _: ik.load(ROWS, snapshot_at="2026-03-30"),
    "columns has the type str": lambda _: ik.load(ROWS, columns="status=State"),
    "columns has the type list": lambda _: ik.load(ROWS, columns=["status"]),
    "time_zone has the type int": lambda _: ik.load(ROWS, time_zone=8),
    "day_first has the type str": lambda _: ik.load(ROWS, day_first="no"),
    "path has the type dict": lambda _: ik.load(ROWS, words={"status": {}}),
    "path has the type list": lambda _: ik.read_catalogue(["own.toml"]),
    "catalogue has the type str": lambda _: ik.annotate(LOADED, as_of=DAY, catalogue="own.toml"),
    "rules has the type str": lambda _: ik.plan_resends(RECORDS, "rules.toml", as_of=DAY),
    "rules has the type dict": lambda _: ik.ResendPicker(RECORDS, {"max_attempts": 2}, as_of=DAY),
    "choice has the type str": lambda _: ik.where(RECORDS, "invited"),
    "choice has the type NoneType": lambda _: ik.where(RECORDS, None),
    "customer has the type list": lambda _: ik.customer_history(PLAN, ["acme"]),
    "directory has the type NoneType": lambda _: ik.write_batches(PLAN, None),
    "batch_ids has the type str": lambda to: ik.write_batches(PLAN, to / "b", batch_ids="x"),
    "summary has the type str": lambda to: ik.report(RECORDS, to / "r.md", as_of=DAY, summary="x"),
    "path has the type NoneType": lambda _: ik.export(RECORDS, None),
    "path has the type int": lambda _: ik.Workspace(3),
    "purpose has the type int": lambda to: ik.export(RECORDS, to / "e.csv", purpose=3),
    "rows has the type str": lambda to: ik.write_sample(to, rows="10"),
    "seed has the type str": lambda to: ik.write_sample(to, rows=10, seed="x"),
    "choice has the type dict": lambda to: ik.report(RECORDS, to / "r.md", as_of=DAY, choice={"country": "China"}),
    "path has the type tuple": lambda to: ik.write_batches(PLAN, to / "b", templates=("own.toml",)),
    "as_of has the type datetime": lambda to: ik.write_sample(to, rows=10, as_of=dt.datetime(2026, 3, 30)),
    "dirty has the type str": lambda to: ik.write_sample(to, rows=10, dirty="0.1"),
    "folder has the type int": lambda _: ik.ResendPicker(RECORDS, as_of=DAY, folder=5),
    "workspace has the type str": lambda to: ik.export(RECORDS, to / "e.csv", workspace="w.duckdb"),
    "as_of is outside of the years 2000 to 2099 UTC": lambda _: ik.plan_resends(RECORDS, as_of=dt.date(2206, 3, 30)),
    "snapshot_at is outside of the years 2000 to 2099 UTC": lambda _: ik.load(
        RECORDS, snapshot_at=dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=8)))
    ),
    "language is 'de'": lambda _: ik.Explorer(RECORDS, as_of=DAY, language="de"),
    "batch_ids has the type list": lambda to: ik.Workspace(to / "w.duckdb").mark_batch_sent(["a", "b"], by="anna"),
    "customers has the type int": lambda to: ik.Workspace(to / "w.duckdb").mark_do_not_invite(
        customers=5, on=DAY, by="anna"
    ),
}


@pytest.mark.parametrize("problem", WRONG)
def test_a_wrong_argument_is_named(tmp_path: Path, problem: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        WRONG[problem](tmp_path)
    assert str(caught.value).startswith(f"{problem}. Hint: ")


def test_the_result_of_load_is_taken_for_its_rejected_rows_and_its_summary(tmp_path: Path) -> None:
    rejected = pl.concat([ROWS, pl.DataFrame({"Account": ["acme"], "Status": ["Invited"], "Invitation Time": ["?"]})])
    loaded = ik.load(rejected)
    plan = ik.plan_resends(RECORDS, as_of=DAY, rejected=loaded)
    assert set(plan["reason_code"]) == {"row_rejected", "unknown_method"}
    pages = [ik.report(RECORDS, tmp_path / f"{n}.md", as_of=DAY, summary=summary).read_text("utf-8")
             for n, summary in enumerate((loaded, loaded.summary))]  # fmt: skip
    assert pages[0] == pages[1]


def test_trends_can_be_grouped_by_one_column() -> None:
    assert list(ik.progress(RECORDS, as_of=DAY, by="cause").trends) == ["cause"]


def test_one_batch_id_is_a_text(tmp_path: Path) -> None:
    (tmp_path / "history_2026-03-30.csv").write_text(
        "Account,Status,Invitation Method,Invitation Time\nacme,Expired,Email,2026-03-02\n", encoding="utf-8"
    )
    with ik.Workspace(tmp_path / "w.duckdb") as workspace:
        workspace.add(tmp_path / "history_2026-03-30.csv")
        (batch_id,) = workspace.record_batches(workspace.plan(as_of=DAY)).values()
        assert workspace.mark_batches_sent(batch_id, by="anna", at=DAY) == {batch_id: 1}
        workspace.unmark_batches_sent(batch_id)
        workspace.discard_batches(batch_id)
        assert len(workspace.batches()) == 0


def test_a_customer_list_may_be_a_frame(tmp_path: Path) -> None:
    listed = pl.DataFrame({"Account": ["acme"], "Association Time": ["2026-03-05"]})
    with ik.Workspace(tmp_path / "w.duckdb") as workspace:
        assert workspace.reconcile(listed, snapshot_at=DAY, as_of=DAY).listed == 1
        with pytest.raises(ArgumentError, match="Name files, or the portal"):
            workspace.reconcile([])


def relation(frame: pl.DataFrame) -> Any:
    return duckdb.connect().from_arrow(frame.to_arrow())


UNLIKE: dict[str, Callable[[], object]] = {
    "sent": lambda: ik.plan_resends(RECORDS, as_of=DAY, sent=relation(EVENTS)),
    "resolved": lambda: ik.plan_resends(relation(RECORDS), as_of=DAY, resolved=EVENTS),
    "customer_list": lambda: ik.plan_resends(relation(RECORDS), as_of=DAY, customer_list=relation(RECORDS)),
    "after": lambda: ik.compare(RECORDS, relation(RECORDS)),
    "sent or marks": lambda: ik.customer_history(RECORDS, "acme", sent=relation(EVENTS)),
}


@pytest.mark.parametrize("name", UNLIKE)
def test_frames_that_cannot_be_joined_are_one_clear_error(name: str) -> None:
    with pytest.raises(ArgumentError, match=rf"^{name} cannot be joined to the records\. Hint: pass both on the same"):
        UNLIKE[name]()
