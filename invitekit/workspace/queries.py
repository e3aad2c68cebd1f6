"""The queries behind a workspace's relations and counts."""

from __future__ import annotations

from typing import Any

import duckdb

from invitekit.engine.duckdb import one
from invitekit.engine.materialize import is_relation, materialize
from invitekit.engine.memory import rows_fit
from invitekit.model import schema

RECORD = tuple(column.name for column in schema.RECORD)

SNAPSHOTS = """
select coalesce(r.snapshot_at, f.snapshot_at) as snapshot_at, f.source_file, coalesce(r.records, 0) as records,
    f.added_at, f.sha256
from files f
left join (select file_id, snapshot_at, count(*) as records from records group by all) r using (file_id)
order by all"""
FILES = """
select source_file, snapshot_at, rows_read, records, rejects, added_at, sha256 from files
order by snapshot_at, source_file, sha256"""
HISTORY = f"select {', '.join(RECORD)} from records"
BY_AGE = HISTORY.replace("source_row", "(file_id::bigint << 32) | source_row as source_row")
"""The same, with the file number in front of the row number: of two files of one name and time, the later counts."""
REJECTS = 'select source_file, source_row, "column", reason, content, snapshot_at from rejects order by all'
ALL_REJECTS = f"({REJECTS}) union all {REJECTS.replace('from rejects', 'from listed_rejects')}"
"""The same with the rejected rows of the customer list, which may have a newer state than the records."""
RESENDS = """
select batch_id, batch, sent_at, sent_by, note, record_id, customer_id, decision, cause, failure_code,
    invitation_method, account_name, email
from resends order by sent_at, batch_id, batch, record_id"""
BATCHES = """
select b.batch_id, b.batch, b.written_at, b.folder, b.decision, b.customers, b.planned_at, s.sent_at, s.sent_by, s.sent
from (select batch_id, min(batch) as batch, min(written_at) as written_at, min(folder) as folder,
    min(decision) as decision, count(*) as customers, min(planned_at) as planned_at from batches group by batch_id) b
left join (select batch_id, min(sent_at) as sent_at, min(sent_by) as sent_by, count(*) as sent
    from resends group by batch_id) s using (batch_id)
order by b.written_at, b.batch, b.batch_id"""
UNSENT_CUSTOMERS = """
select distinct record_id, customer_id from batches where batch_id not in (select batch_id from resends)"""
SENT_EVENTS = "select record_id, sent_at, customer_id, email from resends"
MARKS = """
select mark_id, record_id, resolved_at, marked_at, marked_by, note, unmarked_at, unmarked_by, customer_id, failure_code
from marks order by mark_id"""
RESOLUTIONS = """
select distinct record_id, resolved_at, customer_id, failure_code, email from marks where unmarked_at is null"""
EXPORTS = """
select export_id as id, started_at, finished_at, status, level, rows, sha256, key_id, purpose, file_name
from exports order by export_id"""
COUNTS = """
select (select count(*) from files) as files, (select coalesce(sum(rows_read), 0)::bigint from files) as rows_read,
    (select count(*) from records) as records, (select count(*) from rejects) as rejects,
    (select count(distinct batch_id) from resends) as batches, (select count(*) from resends) as resends,
    (select count(*) from marks where unmarked_at is null) as marks, (select count(*) from exports) as exports"""


def as_stored(history: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Replace the row numbers of ``BY_AGE`` by those in the file."""
    return history.project("* replace (source_row & 4294967295 as source_row)")


def on_faster_engine(con: duckdb.DuckDBPyConnection, relation: duckdb.DuckDBPyRelation) -> Any:
    """Return a relation as a Polars frame if the history fits into memory, else as it is."""
    return relation.pl() if rows_fit(one(con, "select count(*) from records")) else relation


def as_relation(con: duckdb.DuckDBPyConnection, frame: Any) -> duckdb.DuckDBPyRelation:
    """Return a Polars frame as a temporary table of the connection, and a relation as it is."""
    return frame if is_relation(frame) else materialize(con.from_arrow(frame.to_arrow()))
