"""A lazy result is computed once, where its records lie, and lies no longer than it is needed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pytest

import invitekit as ik
from invitekit.keep import keep, meanwhile
from invitekit.progress import newest, time_to_association

if TYPE_CHECKING:
    from tests.conftest import Engine

AS_OF = dt.date(2026, 3, 30)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        yield con


def tables(con: duckdb.DuckDBPyConnection) -> int:
    return len(con.sql("from duckdb_tables()"))


def test_what_is_kept_is_the_same_and_computed_no_more(engine: Engine) -> None:
    frame = engine({"status": ["invited", "expired", None]})
    kept = keep(frame)
    assert type(kept) is type(frame)
    assert engine.to_polars(kept).sort("status").equals(engine.to_polars(frame).sort("status"))
    if engine.name == "duckdb":
        assert kept.sql_query() != frame.sql_query()
        assert "ik_kept" in kept.alias


def test_a_frame_that_lies_ready_stays_itself() -> None:
    frame = pl.DataFrame({"x": [1]})
    assert keep(frame) is frame
    assert isinstance(keep(frame.lazy()), pl.LazyFrame)


def test_what_is_kept_meanwhile_is_given_up_and_what_stays_stays(con: duckdb.DuckDBPyConnection) -> None:
    before = keep(con.sql("select 0 as n"))
    with meanwhile() as stay:
        passing, staying = (keep(con.sql(f"select {n} as n")) for n in (1, 2))
        assert stay(staying) is staying
        assert tables(con) == 3
        assert passing.fetchall() == [(1,)]
    assert tables(con) == 2
    assert [*before.fetchall(), *staying.fetchall()] == [(0,), (2,)]


def test_what_stays_inside_is_given_up_outside(con: duckdb.DuckDBPyConnection) -> None:
    with meanwhile():
        with meanwhile() as stay:
            kept = stay(keep(con.sql("select 1 as n")))
        assert kept.fetchall() == [(1,)]
        after = keep(con.sql("select 2 as n"))
        assert after.fetchall() == [(2,)]
    assert tables(con) == 0


def break_off(con: duckdb.DuckDBPyConnection, *, closed: bool) -> None:
    with meanwhile():
        keep(con.sql("select 1 as n"))
        if closed:
            con.close()
        raise KeyError("mine")


def test_an_error_gives_up_what_was_kept(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(KeyError, match="mine"):
        break_off(con, closed=False)
    assert tables(con) == 0


def test_an_error_is_told_although_the_connection_is_gone(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(KeyError, match="mine"):
        break_off(con, closed=True)


def test_frames_of_other_engines_stay_themselves() -> None:
    with meanwhile() as stay:
        frame = pl.LazyFrame({"x": [1]})
        assert stay(frame) is frame


TELLING: dict[str, Any] = {
    "progress": lambda records: ik.progress(records, as_of=AS_OF),
    "failure_trend": lambda records: ik.failure_trend(records, as_of=AS_OF),
    "time_to_association": time_to_association,
}


@pytest.mark.parametrize("name", TELLING)
def test_small_tables_leave_none_of_their_own_behind(name: str, tmp_path: Any) -> None:
    """Ten million records would lie several times over, for as long as the records do."""
    records = ik.annotate(ik.load(several(tmp_path)).records, as_of=AS_OF)
    con = records._con
    before = tables(con)
    TELLING[name](records)
    assert tables(con) == before


def test_the_newest_states_lie_in_one_table(tmp_path: Any) -> None:
    records = ik.annotate(ik.load(several(tmp_path)).records, as_of=AS_OF)
    before = tables(records._con)
    assert newest(records).fetchall()
    assert tables(records._con) == before + 1


def several(folder: Any) -> Any:
    """Two snapshots; one account is missing, so that customers are linked."""
    head = "Account Name,Email,Invitation Method,Status,Invitation Time\n"
    for day in ("2026-03-16", "2026-03-23"):
        rows = f"ann,a@example.com,Email,Invited,2026-03-02\n,b@example.com,Email,Invited,{day}\n"
        (folder / f"history_{day}.csv").write_text(head + rows, encoding="utf-8")
    return folder
