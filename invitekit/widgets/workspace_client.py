"""Thread-safe access of the picker to a workspace: one call at a time."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from invitekit.engine.duckdb import lit
from invitekit.errors import ArgumentError
from invitekit.i18n import _
from invitekit.model.catalogue import DO_NOT_INVITE, Catalogue
from invitekit.workspace import Workspace

OUTCOMES = ("batch_id", "sent_at", "cause", "resent", "associated", "failed_again", "expired", "open", "not_seen")


class WorkspaceClient:
    """A workspace, or none: without a workspace nothing is known, and recording anything is an error.

    It has its own connection, so that a cell may use the workspace at the same time. A connection allows one call at a
    time, so the threads of a screen take turns.

    Attributes:
        changes: How often the workspace was changed in a way that makes earlier plans outdated.
    """

    def __init__(self, workspace: Workspace | None) -> None:
        self._workspace = workspace and workspace.cursor()
        self._lock = threading.RLock()
        self.changes = 0

    def close(self) -> None:
        """Close the connection to the workspace."""
        if self._workspace is not None:
            with self._lock:
                self._workspace.close()

    @contextlib.contextmanager
    def records_or_history(self, records: Any) -> Iterator[Any]:
        """Yield the given records, or every stored row; the caller opens its own connection from them."""
        with self._lock:
            yield self._require_workspace().history() if records is None else records

    def plan_inputs(self) -> dict[str, pa.Table]:
        """Return what the workspace stores besides the records, as ``plan_resends`` takes it."""
        if self._workspace is None:
            return {}
        with self._lock:
            return {name: relation.to_arrow_table() for name, relation in self._workspace.plan_inputs().items()}

    def batches(self) -> list[dict[str, Any]]:
        """Return every batch that was written, the newest first, with the columns of ``Workspace.batches``."""
        if self._workspace is None:
            return []
        with self._lock:
            batches = self._workspace.batches().order("written_at desc, batch")
            return [dict(zip(batches.columns, row, strict=True)) for row in batches.fetchall()]

    def unsent_customers(self) -> pa.Table | None:
        """Return the customers in batches that were not marked as sent: ``record_id, customer_id``."""
        if self._workspace is None:
            return None
        with self._lock:
            return self._workspace.unsent_customers().to_arrow_table()

    def record_batches(self, plan: Any, folder: str) -> dict[int, str]:
        """Record the batches of a plan, and return their IDs by number."""
        if self._workspace is None:
            return {}
        with self._lock:
            return self._workspace.record_batches(plan.to_arrow_table(), folder=folder)

    def discard_batches(self, batch_ids: list[str]) -> None:
        """Delete batches that were not sent."""
        with self._lock:
            self._require_workspace().discard_batches(batch_ids)

    def mark_sent(self, batch_id: str, by: str, *, at: dt.date, exclude: list[str]) -> None:
        """Mark a batch as sent on a day, without the records to exclude."""
        with self._lock:
            self._require_workspace().mark_batch_sent(batch_id, by=by, at=at, exclude=exclude)
            self.changes += 1

    def unmark_sent(self, batch_id: str) -> None:
        """Undo the mark that a batch was sent."""
        with self._lock:
            self._require_workspace().unmark_batch_sent(batch_id)
            self.changes += 1

    def batch_records(self, batch_id: str) -> list[str]:
        """Return the record IDs of a batch, in its order."""
        with self._lock:
            return self._require_workspace().batch_records(batch_id)

    def sent_records(self, batch_id: str) -> set[str]:
        """Return the record IDs of a batch that were marked as sent."""
        with self._lock:
            sent = self._require_workspace().resends().filter(f"batch_id = {lit(batch_id)}")
            return {record_id for (record_id,) in sent.select("record_id").fetchall()}

    def resends(self) -> pa.Table | None:
        """Return what was marked as sent: ``record_id, customer_id, sent_at, sent_by, batch``."""
        if self._workspace is None:
            return None
        with self._lock:
            return self._workspace.resends().select("record_id, customer_id, sent_at, sent_by, batch").to_arrow_table()

    def mark_resolved(
        self, record_id: str, *, on: dt.date, by: str, note: str | None, catalogue: Catalogue | None
    ) -> None:
        """Mark that a customer, or customer service, has done what a record waits for."""
        with self._lock:
            self._require_workspace().mark_resolved([record_id], on=on, by=by, note=note, catalogue=catalogue)
            self.changes += 1

    def mark_do_not_invite(self, record_id: str, *, on: dt.date, by: str, note: str | None) -> None:
        """Mark that a customer must not be invited any more."""
        with self._lock:
            self._require_workspace().mark_do_not_invite([record_id], on=on, by=by, note=note)
            self.changes += 1

    def mark_own_account(self, *, on: dt.date, by: str) -> None:
        """Mark that the partner's own account was changed."""
        with self._lock:
            self._require_workspace().mark_own_account_changed(on, by=by)
            self.changes += 1

    def marks_of(self, customer_id: str, reason_code: str) -> list[int]:
        """Return the valid marks of a customer that are the reason for its decision."""
        with self._lock:
            marks = self._require_workspace().marks_of(customer_id)
        is_barred = reason_code == DO_NOT_INVITE
        return [mark_id for mark_id, failure in marks.items() if (failure == DO_NOT_INVITE) == is_barred]

    def own_account_marks(self) -> list[int]:
        """Return the valid marks of the partner's own account."""
        if self._workspace is None:
            return []
        with self._lock:
            marks = self._workspace.marks().filter("unmarked_at is null and customer_id is null").select("mark_id")
            return [mark_id for (mark_id,) in marks.fetchall()]

    def unmark(self, mark_ids: list[int], *, by: str) -> None:
        """Undo marks.

        Raises:
            ArgumentError: There are none, for example because the mark of the own account released the customer.
        """
        if not mark_ids:
            raise ArgumentError(
                _("This customer has no mark of its own."),
                hint=_("in the list “Ask Huawei support”, take the mark of your own account back."),
            )
        with self._lock:
            self._require_workspace().unmark(mark_ids, by=by)
            self.changes += 1

    def outcomes(self, catalogue: Catalogue | None) -> list[tuple[Any, ...]]:
        """Return the results of each batch, by cause: the columns of ``OUTCOMES``."""
        with self._lock:
            return self._require_workspace().outcomes(catalogue=catalogue).select(*OUTCOMES).fetchall()

    def _require_workspace(self) -> Workspace:
        if self._workspace is None:
            raise ArgumentError(_("There is no workspace to note it in."), hint=_("open the picker with one."))
        return self._workspace
