"""The connection of a relation is found without a query on it."""

import duckdb

from invitekit.engine.duckdb import connection_of
from invitekit.engine.materialize import materialize


def test_the_connection_of_a_relation_and_of_what_is_derived_from_it_is_found() -> None:
    with duckdb.connect() as con, duckdb.connect() as other:
        assert connection_of(con.sql("select 1 as n").filter("n = 1").project("n + 1 as m")) is con
        assert connection_of(materialize(other.sql("select 1 as n"))) is other


def test_a_cursor_is_another_connection() -> None:
    with duckdb.connect() as con, con.cursor() as cursor:
        assert connection_of(cursor.sql("select 1 as n")) is cursor


def test_finding_the_connection_does_not_disturb_a_pending_result() -> None:
    with duckdb.connect() as con:
        relation = con.sql("select 1 as n")
        reading = con.execute("from range(3)")
        assert connection_of(relation) is con
        assert reading.fetchall() == [(0,), (1,), (2,)]
