"""What a workspace's tables are, version by version: a new file goes through all of them, an old one through the rest.

A version that was released never changes: add a new one, and keep the old file's test.
"""

from __future__ import annotations

import re

import duckdb

from invitekit.errors import WorkspaceError
from invitekit.load.sql import one, rows, run

KIND = "invitekit workspace"
"""What stands in ``meta``, so that no other database is taken for a workspace."""

VERSIONS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (
        1,
        (
            "create table meta (name varchar not null, value varchar not null)",
            f"insert into meta values ('kind', '{KIND}'), ('schema_version', '0')",
            """create table files (
                file_id integer not null, sha256 varchar not null, source_file varchar not null,
                snapshot_at timestamp not null, rows_read bigint not null, records bigint not null,
                rejects bigint not null, added_at timestamp not null, check (rows_read = records + rejects))""",
            """create table records (
                file_id integer not null, record_id varchar not null, customer_full_name varchar,
                customer_name varchar, account_name varchar, email varchar, mobile varchar, country varchar,
                account_manager varchar, custom_tag varchar, remarks varchar, invitation_method varchar,
                association_type varchar, status varchar, failure_message varchar, invited_at timestamp,
                expires_at timestamp, associated_at timestamp, snapshot_at timestamp not null,
                source_file varchar not null, source_row bigint not null, unrecognised varchar, extra varchar)""",
            """create table rejects (
                file_id integer not null, source_file varchar not null, source_row bigint, "column" varchar,
                reason varchar, content varchar)""",
            """create table resends (
                batch_id varchar not null, sent_at timestamp not null, sent_by varchar not null, note varchar,
                record_id varchar not null, customer_id varchar not null, batch bigint, decision varchar not null,
                cause varchar, failure_code varchar, invitation_method varchar, account_name varchar, email varchar)""",
            """create table marks (
                mark_id integer not null, record_id varchar not null, done_at timestamp not null,
                marked_at timestamp not null, marked_by varchar not null, note varchar,
                undone_at timestamp, undone_by varchar)""",
        ),
    ),
    (
        2,
        (
            """create table exports (
                export_id integer not null, started_at timestamp not null, finished_at timestamp,
                status varchar not null, level varchar not null, rows bigint, sha256 varchar, key_id varchar,
                purpose varchar, file_name varchar, pid integer not null, process varchar not null,
                check (status in ('running', 'completed', 'failed', 'interrupted')))""",
        ),
    ),
    (
        3,
        (
            """create table batches (
                batch_id varchar not null, written_at timestamp not null, folder varchar, record_id varchar not null,
                customer_id varchar not null, batch bigint not null, decision varchar not null,
                effective_status varchar, failure_code varchar, invitation_method varchar, account_name varchar,
                email varchar)""",
        ),
    ),
    (
        4,
        (
            "alter table marks add column customer_id varchar",
            "alter table marks add column failure_code varchar",
            "alter table resends add column logged_at timestamp",
        ),
    ),
)
SCHEMA_VERSION = VERSIONS[-1][0]
_TABLE = re.compile(r"create table (\w+)")


def found_version(con: duckdb.DuckDBPyConnection, name: str) -> int:
    """Give the version of an open database's tables.

    Raises:
        WorkspaceError: It is no workspace, or newer than this code.
    """
    tables = one(con, "select count(*) from duckdb_tables() where table_name = 'meta' and not temporary")
    columns = "select count(*) from duckdb_columns() where table_name = 'meta' and column_name in ('name', 'value')"
    meta = dict(rows(con, "select name, value from meta")) if tables and one(con, columns) == 2 else {}
    if meta.get("kind") != KIND:
        raise WorkspaceError(f"'{name}' is a DuckDB database, but no workspace.", hint="name another file.")
    said = str(meta.get("schema_version"))
    version = int(said) if said.isdecimal() else 0
    if version > VERSIONS[-1][0]:
        raise WorkspaceError(
            f"'{name}' was written by a newer invitekit (tables of version {version}, known: {VERSIONS[-1][0]}).",
            hint="update invitekit.",
        )
    there = {table for (table,) in rows(con, "select table_name from duckdb_tables() where not temporary")}
    missing = _tables(version) - there
    if missing or not version:
        what = f"it lacks {', '.join(sorted(missing))}" if missing else "it does not say which version it is"
        raise WorkspaceError(f"'{name}' is damaged: {what}.", hint="restore it from a copy.")
    return version


def _tables(version: int) -> set[str]:
    """Give the tables that a file of a version has."""
    made = "".join(statement for number, statements in VERSIONS if number <= version for statement in statements)
    return set(_TABLE.findall(made))


def migrate(con: duckdb.DuckDBPyConnection, version: int) -> None:
    """Apply every version after the given one; the caller holds the transaction."""
    for number, statements in VERSIONS:
        if number > version:
            for statement in statements:
                run(con, statement)
            run(con, "update meta set value = ? where name = 'schema_version'", [str(number)])
