"""What a workspace holds, each as a relation on its connection."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from invitekit.workspace import finding, identities, relations
from invitekit.workspace.opening import Opened


class Holding(Opened):
    """An open workspace file that shows what is in it."""

    def counts(self) -> dict[str, int]:
        """Count ``files, rows_read, records, rejects, batches, resends, marks, exports``; batches that were sent."""
        return relations.counts(self._con)

    def files(self) -> duckdb.DuckDBPyRelation:
        """One row a file: ``source_file, snapshot_at, rows_read, records, rejects, added_at, sha256``."""
        return self._con.sql(relations.FILES)

    def snapshots(self) -> duckdb.DuckDBPyRelation:
        """One row a snapshot date and file: ``snapshot_at, source_file, records, added_at, sha256``."""
        return self._con.sql(relations.SNAPSHOTS)

    def history(self) -> duckdb.DuckDBPyRelation:
        """Every stored row, with the columns of ``schema.RECORD``: what ``plan_resends`` wants, annotated."""
        return self._con.sql(relations.HISTORY)

    def records(self) -> duckdb.DuckDBPyRelation:
        """The newest state of each invitation: one row a customer and ``record_id``, from its newest snapshot."""
        return identities.newest_states(self._con)

    def find(self, names: str | Iterable[str]) -> tuple[str, ...]:
        """Give the newest ``record_id`` of each customer named by account, email address or record ID.

        Raises:
            ArgumentError: A name leads to no customer, or to several.
        """
        return tuple(found.record_id for found in finding.find(self._con, names))

    def rejects(self) -> duckdb.DuckDBPyRelation:
        """Every refused row: ``source_file, source_row, column, reason, content``."""
        return self._con.sql(relations.REJECTS)

    def resends(self) -> duckdb.DuckDBPyRelation:
        """Every logged resend, one row a customer.

        ``batch_id, batch, sent_at, sent_by, note, record_id, customer_id, decision, cause,
        failure_code, invitation_method, account_name, email``.
        """
        return self._con.sql(relations.RESENDS)

    def batches(self) -> duckdb.DuckDBPyRelation:
        """Every batch that was written, one row each: what was sent of it, and what is still to do.

        ``batch_id, batch, written_at, folder, decision, customers``, and where it was logged as
        sent ``sent_at, sent_by, sent`` (customers).
        """
        return self._con.sql(relations.BATCHES)

    def waiting(self) -> duckdb.DuckDBPyRelation:
        """``customer_id`` of everybody in a batch that was written and neither logged as sent nor discarded."""
        return self._con.sql(relations.WAITING)

    def sent(self) -> duckdb.DuckDBPyRelation:
        """``record_id, sent_at, customer_id`` of every logged resend, for ``plan_resends(sent=...)``."""
        return self._con.sql(relations.SENT)

    def marks(self) -> duckdb.DuckDBPyRelation:
        """Every mark, whose it is, and the failure that was settled.

        ``mark_id, record_id, done_at, marked_at, marked_by, note, undone_at, undone_by, customer_id, failure_code``.
        """
        return self._con.sql(relations.MARKS)

    def done(self) -> duckdb.DuckDBPyRelation:
        """``record_id, done_at, customer_id, failure_code`` of the marks that stand, for ``plan_resends(done=...)``."""
        return self._con.sql(relations.DONE)

    def exports(self) -> duckdb.DuckDBPyRelation:
        """Every export: ``id, started_at, finished_at, status, level, rows, sha256, key_id, purpose, file_name``.

        ``status`` is ``running``, ``completed``, ``failed``, or ``interrupted``: its process died.
        """
        return self._con.sql(relations.EXPORTS)
