"""The tables of a workspace, version by version: a new file gets all versions, an older file the missing ones.

A released version never changes: add a new one with its statements, and a test that migrates an older file.
"""

from __future__ import annotations

import re

import duckdb

from invitekit.engine.duckdb import one, rows, run
from invitekit.errors import WorkspaceError
from invitekit.i18n import _

KIND = "invitekit workspace"
"""The text in ``meta`` that marks a database as a workspace."""

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
                file_id integer not null, record_id varchar not null, portal_customer_id varchar,
                customer_full_name varchar,
                customer_name varchar, account_name varchar, email varchar, mobile varchar, country varchar,
                account_manager varchar, custom_tag varchar, remarks varchar, invitation_method varchar,
                association_type varchar, status varchar, failure_message varchar, invited_at timestamp,
                pre_registered_at timestamp, expires_at timestamp, associated_at timestamp,
                snapshot_at timestamp not null,
                source_file varchar not null, source_row bigint not null, unrecognised varchar, extra varchar)""",
            """create table rejects (
                file_id integer not null, source_file varchar not null, source_row bigint, "column" varchar,
                reason varchar, content varchar, snapshot_at timestamp)""",
            """create table batches (
                batch_id varchar not null, written_at timestamp not null, folder varchar,
                planned_at timestamp not null, plan_rules varchar not null, record_id varchar not null,
                customer_id varchar not null, batch bigint not null, decision varchar not null,
                effective_status varchar, failure_code varchar, invitation_method varchar, account_name varchar,
                email varchar)""",
            """create table resends (
                batch_id varchar not null, sent_at timestamp not null, sent_by varchar not null, note varchar,
                marked_at timestamp not null, record_id varchar not null, customer_id varchar not null, batch bigint,
                decision varchar not null, cause varchar, failure_code varchar, invitation_method varchar,
                account_name varchar, email varchar)""",
            """create table marks (
                mark_id integer not null, record_id varchar, customer_id varchar, email varchar,
                failure_code varchar, resolved_at timestamp not null, marked_at timestamp not null,
                marked_by varchar not null, note varchar, unmarked_at timestamp, unmarked_by varchar)""",
            """create table exports (
                export_id integer not null, started_at timestamp not null, finished_at timestamp,
                status varchar not null, level varchar not null, rows bigint, sha256 varchar, key_id varchar,
                purpose varchar, file_name varchar, pid integer not null, process varchar not null,
                check (status in ('running', 'completed', 'failed', 'interrupted')))""",
        ),
    ),
    (
        2,
        (
            """create table customer_lists (
                list_id integer not null, listed_at timestamp not null, source varchar not null,
                next_offset bigint not null, is_complete boolean not null)""",
            """create table listed_customers (
                list_id integer not null, portal_customer_id varchar, account_name varchar, customer_full_name varchar,
                email varchar, mobile varchar, association_type varchar, associated_at timestamp)""",
            """create table listed_rejects (
                list_id integer not null, source_file varchar not null, source_row bigint, "column" varchar,
                reason varchar, content varchar, snapshot_at timestamp)""",
        ),
    ),
)
SCHEMA_VERSION = VERSIONS[-1][0]
_TABLE = re.compile(r"create table (\w+)")


def stored_version(con: duckdb.DuckDBPyConnection, name: str) -> int:
    """Return the version of an open database's tables.

    Raises:
        WorkspaceError: It is not a workspace, or newer than this code.
    """
    tables = one(con, "select count(*) from duckdb_tables() where table_name = 'meta' and not temporary")
    columns = "select count(*) from duckdb_columns() where table_name = 'meta' and column_name in ('name', 'value')"
    meta = dict(rows(con, "select name, value from meta")) if tables and one(con, columns) == 2 else {}
    if meta.get("kind") != KIND:
        raise WorkspaceError(
            _("'{name}' is a DuckDB database, but not a workspace.", name=name), hint=_("name another file.")
        )
    stored = str(meta.get("schema_version"))
    version = int(stored) if stored.isdecimal() else 0
    if version > VERSIONS[-1][0]:
        problem = _(
            "'{name}' was written by a newer invitekit (tables of version {version}, known: {known}).",
            name=name,
            version=version,
            known=VERSIONS[-1][0],
        )
        raise WorkspaceError(problem, hint=_("update invitekit."))
    existing = {table for (table,) in rows(con, "select table_name from duckdb_tables() where not temporary")}
    missing = _tables(version) - existing
    if missing or not version:
        what = _("it does not say which version it is")
        if missing:
            what = _("it lacks {tables}", tables=tuple(sorted(missing)))
        raise WorkspaceError(_("'{name}' is damaged: {what}.", name=name, what=what), hint=_("restore it from a copy."))
    return version


def _tables(version: int) -> set[str]:
    sql = "".join(statement for number, statements in VERSIONS if number <= version for statement in statements)
    return set(_TABLE.findall(sql))


def migrate(con: duckdb.DuckDBPyConnection, version: int) -> None:
    """Apply every version after the given one, inside the transaction of the caller."""
    for number, statements in VERSIONS:
        if number > version:
            for statement in statements:
                run(con, statement)
            run(con, "update meta set value = ? where name = 'schema_version'", [str(number)])
