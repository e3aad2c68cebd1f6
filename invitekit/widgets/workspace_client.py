"""Thread-safe access of the picker to a workspace: one call at a time."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from invitekit.errors import ArgumentError
from invitekit.i18n import _
from invitekit.model.catalogue import Catalogue
from invitekit.workspace import Workspace

OUTCOMES = ("batch_id", "sent_at", "cause", "resent", "associated", "failed_again", "expired", "open", "not_seen")


class WorkspaceClient:
    """A workspace, or none: then nothing is known, and recording anything is an error.

    It has its own connection, so that a cell may use the workspace meanwhile. A connection refuses two calls at
    a time: the threads of a screen take turns here.

    Attributes:
        noted: How often something was noted that a plan made before does not know.
    """

    def __init__(self, workspace: Workspace | None) -> None:
        self._workspace = workspace and workspace.cursor()
        self._lock = threading.RLock()
        self.noted = 0

    def close(self) -> None:
        """Let go of the workspace's file."""
        if self._workspace is not None:
            with self._lock:
                self._workspace.close()

    @contextlib.contextmanager
    def lend(self, records: Any) -> Iterator[Any]:
        """Yield records, or else every stored row, to a caller that opens its own connection from them."""
        with self._lock:
            yield self._known().history() if records is None else records

    def for_plan(self) -> dict[str, pa.Table]:
        """Return what the workspace knows besides the records, as ``plan_resends`` takes it."""
        if self._workspace is None:
            return {}
        with self._lock:
            return {name: one.to_arrow_table() for name, one in self._workspace.plan_inputs().items()}

    def batches(self) -> list[dict[str, Any]]:
        """Return every batch that was written, the newest first, with the columns of ``Workspace.batches``."""
        if self._workspace is None:
            return []
        with self._lock:
            found = self._workspace.batches().order("written_at desc, batch")
            return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]

    def waiting(self) -> pa.Table | None:
        """Return the customers in batches that were not marked as sent: ``customer_id``."""
        if self._workspace is None:
            return None
        with self._lock:
            return self._workspace.unsent_customers().to_arrow_table()

    def note(self, plan: Any, folder: str) -> dict[int, str]:
        """Note the batches of a plan, and give their IDs by number."""
        if self._workspace is None:
            return {}
        with self._lock:
            return self._workspace.record_batches(plan.to_arrow_table(), folder=folder)

    def forget(self, batch_ids: list[str]) -> None:
        """Forget batches that were not sent."""
        with self._lock:
            self._known().discard_batches(batch_ids)

    def log(self, batch_id: str, by: str, *, at: dt.date, exclude: list[str]) -> None:
        """Record the day on which a batch was sent, but for the records to exclude."""
        with self._lock:
            self._known().mark_batch_sent(batch_id, by=by, at=at, exclude=exclude)
            self.noted += 1

    def unlog(self, batch_id: str) -> None:
        """Take back that a batch was sent."""
        with self._lock:
            self._known().unmark_batch_sent(batch_id)
            self.noted += 1

    def batch_records(self, batch_id: str) -> list[str]:
        """Return the record IDs of a batch, in its order."""
        with self._lock:
            return self._known().batch_records(batch_id)

    def mark(self, record_id: str, *, on: dt.date, by: str, note: str | None, catalogue: Catalogue | None) -> None:
        """Note that a customer, or customer service, has done what a record waits for."""
        with self._lock:
            self._known().mark_resolved([record_id], on=on, by=by, note=note, catalogue=catalogue)
            self.noted += 1

    def mark_own(self, *, on: dt.date, by: str) -> None:
        """Note that the partner's own account was changed."""
        with self._lock:
            self._known().mark_own_account_changed(on, by=by)
            self.noted += 1

    def marks_of(self, customer_id: str) -> list[int]:
        """Return the valid marks of a customer."""
        with self._lock:
            marks = self._known().marks().filter("unmarked_at is null").select("mark_id, customer_id").fetchall()
        return [mark_id for mark_id, customer in marks if customer == customer_id]

    def own_marks(self) -> list[int]:
        """Return the valid marks of the partner's own account."""
        if self._workspace is None:
            return []
        with self._lock:
            marks = self._workspace.marks().filter("unmarked_at is null and customer_id is null").select("mark_id")
            return [mark_id for (mark_id,) in marks.fetchall()]

    def unmark(self, mark_ids: list[int], *, by: str) -> None:
        """Take marks back.

        Raises:
            ArgumentError: There are none, such as of a customer whom the own account's mark released.
        """
        if not mark_ids:
            raise ArgumentError(
                _("This customer has no mark of its own."),
                hint=_("take the mark of your own account back, above the list."),
            )
        with self._lock:
            self._known().unmark(mark_ids, by=by)
            self.noted += 1

    def outcomes(self, catalogue: Catalogue | None) -> list[tuple[Any, ...]]:
        """Return the results of each batch, by cause: the columns of ``OUTCOMES``."""
        with self._lock:
            return self._known().outcomes(catalogue=catalogue).select(*OUTCOMES).fetchall()

    def _known(self) -> Workspace:
        if self._workspace is None:
            raise ArgumentError(_("There is no workspace to note it in."), hint=_("open the picker with one."))
        return self._workspace
