"""A lazy frame is computed once on its own engine, and its table is dropped when it is not needed any more."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import duckdb
import narwhals.stable.v2 as nw
import polars as pl
import pytest

import invitekit as ik
from invitekit.engine.duckdb import connection_of
from invitekit.engine.materialize import in_shares, materialize, temp_tables
from invitekit.model.resolve import latest
from tests.conftest import Engine

AS_OF = dt.date(2026, 3, 30)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        yield con


def tables(con: duckdb.DuckDBPyConnection) -> int:
    return len(con.sql("from duckdb_tables()"))


def test_a_materialized_frame_is_equal_and_is_not_computed_again(engine: Engine) -> None:
    frame = engine({"status": ["invited", "expired", None]})
    materialized = materialize(frame)
    assert type(materialized) is type(frame)
    assert engine.to_polars(materialized).sort("status").equals(engine.to_polars(frame).sort("status"))
    if engine.name == "duckdb":
        assert materialized.sql_query() != frame.sql_query()
        assert "ik_table" in materialized.alias


def test_an_eager_frame_stays_as_it_is() -> None:
    frame = pl.DataFrame({"x": [1]})
    assert materialize(frame) is frame
    assert isinstance(materialize(frame.lazy()), pl.LazyFrame)
    with temp_tables() as persist:
        assert persist(frame) is frame


def test_each_share_drops_its_own_tables(con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invitekit.engine.materialize.SHARE", 2)
    frame = nw.from_native(materialize(con.sql("from range(6)")))
    held = []

    def compute(rows: Any) -> Any:
        held.append(tables(con))
        return materialize(materialize(rows).filter(nw.col("range") >= 0))

    assert sorted(in_shares(frame, "range", compute).to_native().fetchall()) == [(n,) for n in range(6)]
    assert held == [2, 3, 4], "the frame, one result of each earlier share, and the rows of this one"


def test_tables_are_dropped_at_the_end_of_the_block_unless_persisted(con: duckdb.DuckDBPyConnection) -> None:
    before = materialize(con.sql("select 0 as n"))
    with temp_tables() as persist:
        first, second = (materialize(con.sql(f"select {n} as n")) for n in (1, 2))
        assert persist(second) is second
        assert tables(con) == 3
        assert first.fetchall() == [(1,)]
    assert tables(con) == 2
    assert [*before.fetchall(), *second.fetchall()] == [(0,), (2,)]


def test_a_table_persisted_in_an_inner_block_is_dropped_after_the_outer_one(con: duckdb.DuckDBPyConnection) -> None:
    with temp_tables():
        with temp_tables() as persist:
            materialized = persist(materialize(con.sql("select 1 as n")))
        assert materialized.fetchall() == [(1,)]
        after = materialize(con.sql("select 2 as n"))
        assert after.fetchall() == [(2,)]
    assert tables(con) == 0


def raise_in_a_block(con: duckdb.DuckDBPyConnection, *, closed: bool) -> None:
    with temp_tables():
        materialize(con.sql("select 1 as n"))
        if closed:
            con.close()
        raise KeyError("mine")


@pytest.mark.parametrize("closed", [False, True])
def test_an_error_is_raised_and_drops_the_tables_of_its_block(con: duckdb.DuckDBPyConnection, closed: bool) -> None:
    with pytest.raises(KeyError, match="mine"):
        raise_in_a_block(con, closed=closed)
    assert closed or tables(con) == 0


def test_metrics_leave_no_temporary_tables_behind_and_the_newest_states_are_one(tmp_path: Any) -> None:
    records = ik.annotate(ik.load(several(tmp_path), engine="duckdb").records, as_of=AS_OF)
    con = connection_of(records)
    assert con is not None
    before = tables(con)
    ik.progress(records, as_of=AS_OF)
    ik.failure_trend(records, as_of=AS_OF)
    assert tables(con) == before
    assert latest(records).fetchall()
    assert tables(con) == before + 1


def several(folder: Any) -> Any:
    """Two snapshots; one account is missing, so that customers are linked."""
    head = "Account Name,Email,Invitation Method,Status,Invitation Time\n"
    for day in ("2026-03-16", "2026-03-23"):
        rows = f"ann,a@example.com,Email,Invited,2026-03-02\n,b@example.com,Email,Invited,{day}\n"
        (folder / f"history_{day}.csv").write_text(head + rows, encoding="utf-8")
    return folder
