from pathlib import Path

import duckdb
import polars as pl
import pytest

import invitekit as ik
from invitekit.errors import InvitekitError
from invitekit.export import Exported
from invitekit.export.read_written import read_back
from invitekit.export.source import connection
from invitekit.privacy import standard

FRAME = pl.DataFrame(
    {"account_name": [f"acct {n}" for n in range(30)], "status": ["expired"] * 30, "custom_tag": ["sale"] * 30}
)
FORBIDDEN = (
    "select * from read_text('{other}')", "select * from read_csv('{other}')", "copy (select 1) to '{other}'",
    "attach '{other}.duckdb'", "set memory_limit = '8GB'", "set enable_external_access = true",
    "set allowed_paths = ['{other}']",
)  # fmt: skip


@pytest.fixture(scope="module", params=["csv", "parquet", "xlsx"])
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return ik.export(FRAME, tmp_path_factory.mktemp("export") / f"it's [1]*? out.{request.param}")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_folder_named_like_a_partition_changes_no_column(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "status=x" / "week=2026-03-30"
    folder.mkdir(parents=True)
    assert ik.export(FRAME, folder / f"out.{suffix}").rows == 30


@pytest.mark.parametrize("query", FORBIDDEN)
def test_the_checking_connection_reads_only_its_file(tmp_path: Path, done: Exported, query: str) -> None:
    other = tmp_path / "other.csv"
    other.write_text("mine")
    rows = tuple(row for row in standard().applied(FRAME.columns) if row.into in done.columns)
    with read_back(done.path, rows, tmp_path, safe=True) as written:
        assert written.typed.aggregate("count(*)").fetchall() == [(30,)]
        with pytest.raises((duckdb.PermissionException, duckdb.InvalidInputException)):
            written.con.execute(query.format(other=other)).fetchall()
    assert other.read_text() == "mine"


def test_running_out_of_memory_in_the_checks_is_not_a_leak(tmp_path: Path, done: Exported) -> None:
    rows = tuple(row for row in standard().applied(FRAME.columns) if row.into in done.columns)
    with pytest.raises(InvitekitError, match="not enough memory"), read_back(done.path, rows, tmp_path, safe=True):
        raise duckdb.OutOfMemoryException


def test_the_connection_with_the_records_reads_no_file(tmp_path: Path) -> None:
    con, _ = connection()
    (tmp_path / "other.csv").write_text("mine")
    with pytest.raises(duckdb.PermissionException):
        con.execute(f"select * from read_text('{tmp_path / 'other.csv'}')").fetchall()
    assert con.from_arrow(FRAME.to_arrow()).aggregate("count(*)").fetchall() == [(30,)]
