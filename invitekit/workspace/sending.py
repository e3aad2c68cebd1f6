"""What was written to be sent, and what was sent of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from invitekit.workspace import batches, resends
from invitekit.workspace.holding import Holding


class Sending(Holding):
    """An open workspace file that batches are noted and logged in."""

    def log_resend(
        self,
        batch: Any,
        *,
        by: str,
        at: dt.datetime | dt.date | None = None,
        batch_id: str | None = None,
        note: str | None = None,
        again: bool = False,
    ) -> str:
        """Note that the customers of a batch were invited again: one row each, all or none.

        Args:
            batch: A frame of any engine, rows of a plan: ``record_id, customer_id, batch, decision``
                (``resend_now`` or ``resend_as_reseller``), each customer once; of its other columns
                ``effective_status, failure_code, invitation_method, account_name, email`` are kept.
            by: Who did it.
            at: When; now, if it is left out. A date means its end.
            batch_id: Its name; else the day and a digest of its customers, so that the same ones
                are not logged twice on a day by mistake.
            note: What else to remember.
            again: Log it although some of its customers were logged on that day.

        Returns:
            The batch ID.

        Raises:
            ArgumentError: The batch, or a customer of it on that day, was logged already; it is empty,
                repeats a customer, or holds rows that were not to be resent.
        """
        return resends.log(self._to_write(), batch, by=by, at=at, batch_id=batch_id, note=note, again=again)

    def note_batches(
        self, plan: Any, *, folder: str | None = None, at: dt.datetime | dt.date | None = None
    ) -> dict[int, str]:
        """Keep the batches of a plan as they were written, so that each can be logged by its ID.

        Args:
            plan: What ``plan_resends`` gives, of any engine; those to invite again are kept.
            folder: Where they were written to.
            at: When; now, if it is left out.

        Returns:
            Each batch's ID by its number: the day, and a digest of its customers.

        Raises:
            ArgumentError: A customer stands in it twice, or the moment is in the future.
        """
        return batches.remember(self._to_write(), plan, folder=folder, at=at)

    def log_batch(
        self,
        batch_id: str,
        *,
        by: str,
        at: dt.datetime | dt.date | None = None,
        note: str | None = None,
        leave_out: str | Iterable[str] = (),
        again: bool = False,
    ) -> int:
        """Note that a batch that was written has been sent, and give to how many customers.

        Args:
            batch_id: Its ID, as ``note_batches`` gave it.
            by: Who did it.
            at: When; now, if it is left out. A date means its end.
            note: What else to remember.
            leave_out: Customers who were not invited again after all: account names, email
                addresses or record IDs.
            again: Log it although some of its customers were logged since it was written.

        Raises:
            ArgumentError: There is no such batch, it was logged already, a customer was invited again since
                it was written, or one to leave out is not in it; then nothing is logged.
        """
        return self.log_batches([batch_id], by=by, at=at, note=note, leave_out=leave_out, again=again)[batch_id]

    def log_batches(
        self,
        batch_ids: Sequence[str],
        *,
        by: str,
        at: dt.datetime | dt.date | None = None,
        note: str | None = None,
        leave_out: str | Iterable[str] = (),
        again: bool = False,
    ) -> dict[str, int]:
        """Note that several batches have been sent, all or none; see ``log_batch``."""
        con = self._to_write()
        return batches.log(con, batch_ids, by=by, at=at, note=note, leave_out=leave_out, again=again)

    def discard_batches(self, batch_ids: Sequence[str]) -> None:
        """Forget batches that were written and never sent, all or none.

        Raises:
            ArgumentError: One is unknown, or was logged as sent.
        """
        batches.discard(self._to_write(), batch_ids)
