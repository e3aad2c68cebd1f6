"""The history of exports: when they started, and whether they were completed, failed or interrupted."""

from __future__ import annotations

import datetime as dt
import os
from typing import Literal

import duckdb

from invitekit.engine.duckdb import one, rows, run
from invitekit.engine.scratch_dirs import is_alive, process_start_time
from invitekit.errors import ArgumentError, WorkspaceError
from invitekit.i18n import _
from invitekit.workspace.validation import past_datetime

End = Literal["completed", "failed"]
ENDS = ("completed", "failed")
COLUMNS = "export_id as id, started_at, finished_at, status, level, rows, sha256, key_id, purpose, file_name"


def start(
    con: duckdb.DuckDBPyConnection,
    *,
    level: str,
    purpose: str | None,
    file_name: str | None,
    key_id: str | None,
    at: dt.datetime | None,
) -> int:
    """Record that an export has started, inside the transaction of the caller."""
    if not level:
        raise ArgumentError(_("An export has no level."), hint=_("say which, such as level='shared'."))
    number = one(con, "select max(export_id) from exports") + 1
    pid = os.getpid()
    run(
        con,
        "insert into exports (export_id, started_at, status, level, key_id, purpose, file_name, pid, process) "
        "values (?, ?, 'running', ?, ?, ?, ?, ?, ?)",
        [number, past_datetime(at, "at"), level, key_id, purpose, file_name, pid, process_start_time(pid) or ""],
    )
    return number


def finish(
    con: duckdb.DuckDBPyConnection,
    number: int,
    status: End,
    *,
    rows: int | None,
    sha256: str | None,
    at: dt.datetime | None,
) -> None:
    """Record how an export ended, inside the transaction of the caller."""
    if status not in ENDS:
        raise ArgumentError(
            _("'{status}' is not a final status of an export.", status=status),
            hint=_("use one of {known}.", known=ENDS),
        )
    ended = run(
        con,
        "update exports set status = ?, finished_at = ?, rows = ?, sha256 = ? where export_id = ? "
        "and status = 'running'",
        [status, past_datetime(at, "at"), rows, sha256, number],
    )
    if not ended:
        raise WorkspaceError(
            _("No export {number} is running.", number=number),
            hint=_("look at exports(): it may have been interrupted."),
        )


def record_interrupted(con: duckdb.DuckDBPyConnection) -> None:
    """Mark exports as interrupted if their process no longer runs, inside the transaction of the caller."""
    running = rows(con, "select export_id, pid, process from exports where status = 'running'")
    for number, pid, process in running:
        if not is_alive(pid, process):
            run(con, "update exports set status = 'interrupted' where export_id = ?", [number])
