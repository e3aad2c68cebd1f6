"""The workspace: one file that stores snapshots, batches, resends, marks and exports."""

from __future__ import annotations

import datetime as dt
import html
import os
import weakref
from collections.abc import Callable, Iterable, Sequence, Sized
from dataclasses import replace
from types import TracebackType
from typing import Any, Literal, Self

import duckdb

from invitekit.engine.datetimes import as_utc
from invitekit.engine.duckdb import one, rows, run
from invitekit.engine.materialize import materialize, temp_tables
from invitekit.engine.scratch_dirs import process_start_time
from invitekit.errors import ArgumentError, WorkspaceError, many
from invitekit.i18n import Language, _, printable
from invitekit.ingest.words import read_words
from invitekit.model.annotate import annotate
from invitekit.model.catalogue import DO_NOT_INVITE, Catalogue
from invitekit.planning import ResendRules, plan_resends
from invitekit.planning.customer_history import CustomerHistory, customer_history
from invitekit.planning.logged_events import OWN_ACCOUNT
from invitekit.workspace import (
    batches,
    customer_lists,
    customers,
    huawei_api,
    import_files,
    outcomes,
    queries,
    resolutions,
)
from invitekit.workspace.compare import CHANGES, Comparison, Side, compare, compare_snapshots
from invitekit.workspace.customer_lists import FINDINGS, Reconciliation
from invitekit.workspace.database import Shared, close_connection, private_files, share, transaction
from invitekit.workspace.import_files import Added, Removed
from invitekit.workspace.migrations import SCHEMA_VERSION
from invitekit.workspace.validation import past_datetime

__all__ = [
    "CHANGES", "FINDINGS", "SCHEMA_VERSION", "Added", "Comparison", "Reconciliation", "Removed", "Side", "Workspace",
    "compare", "compare_snapshots",
]  # fmt: skip


class Workspace:
    r"""A private DuckDB file that stores snapshots, batches, resends, marks and exports.

    The file is created if it is missing, and only its owner can read it. One process at a time may
    write it; several may read it together, each with ``read_only=True``. Queries return DuckDB
    relations on the workspace's own connection: they are computed when you look at them, hold
    personal data, and end with ``close()``. Times are UTC without an offset. Every write is one
    transaction, so a crash leaves what was committed.

    Args:
        path: The file. Do not open it by other means at the same time: that could release its lock.
        read_only: Open for reading only; the file has to exist.
        make: Create the file if it is missing.

    Raises:
        WorkspaceError: Another process has the file open, or it is not a workspace, damaged, or too new.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> folder = Path(tempfile.mkdtemp())
        >>> file = folder / "history_2026-03-30.csv"
        >>> _ = file.write_text("Account,Status\nacme,Invited\n", encoding="utf-8")
        >>> with Workspace(folder / "invitekit.duckdb") as workspace:
        ...     print(*workspace.add(file), *workspace.add(file), sep="\n")
        history_2026-03-30.csv: 1 row read = 1 record + 0 rejects, snapshot of 2026-03-30.
        history_2026-03-30.csv: 1 row read = 1 record + 0 rejects, snapshot of 2026-03-30, already stored: skipped.
    """

    def __init__(
        self, path: str | os.PathLike[str] = "invitekit.duckdb", *, read_only: bool = False, make: bool = True
    ) -> None:
        self._shared: Shared | None = share(path, read_only=read_only, make=make)
        self._cursors: weakref.WeakSet[Workspace] = weakref.WeakSet()
        self._cursor = self._shared.con.cursor()
        run(self._cursor, "set TimeZone = 'UTC'")
        run(self._cursor, "set enable_progress_bar = false")
        self.path = self._shared.path
        self.read_only = read_only

    # Open and close.

    def close(self) -> None:
        """Close the file and release it for others; relations and cursors of this workspace stop working.

        Raises:
            WorkspaceError: Another thread uses it, such as a screen that computes a plan, and does not end.
        """
        if self._shared is not None:
            for cursor in tuple(self._cursors):
                cursor.close()
            with private_files():
                close_connection(self._con, self.path.name)
                self._shared = None

    def cursor(self) -> Workspace:
        """Open this workspace on a second connection, for another thread.

        A connection allows one call at a time. The cursor is closed with this workspace, or before.

        Raises:
            WorkspaceError: This workspace is closed.
        """
        self._con  # noqa: B018 - raises if this workspace is closed
        cursor = Workspace(self.path, read_only=self.read_only, make=False)
        self._cursors.add(cursor)
        return cursor

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _con(self) -> duckdb.DuckDBPyConnection:
        if self._shared is None:
            raise WorkspaceError(
                _("'{name}' is closed.", name=self.path.name), hint=_("open it again: Workspace(...).")
            )
        return self._cursor

    def _to_write(self) -> duckdb.DuckDBPyConnection:
        """Return the connection, unless it is read-only."""
        con = self._con
        if self.read_only:
            problem = _("'{name}' is open for reading only; nothing was written.", name=self.path.name)
            raise WorkspaceError(problem, hint=_("close it, and open it for writing."))
        return con

    def __repr__(self) -> str:
        if self._shared is None:
            return f"Workspace '{printable(self.path.name)}' (closed)"
        n = self.counts()
        mode = " (read-only)" if self.read_only else ""
        rows = f"{many(n['rows_read'], 'row')} read = {many(n['records'], 'record')} + {many(n['rejects'], 'reject')}"
        sent = f"{many(n['batches'], 'batch', 'batches')} sent ({many(n['resends'], 'resend')})"
        rest = f"{many(n['marks'], 'mark')}, {many(n['exports'], 'export')}"
        rest += f", customer list of {self.customer_list_at:%Y-%m-%d}" if self.customer_list_at else ""
        return f"Workspace '{printable(self.path.name)}'{mode}: {many(n['files'], 'file')}, {rows}; {sent}, {rest}"

    def _repr_html_(self) -> str:
        first, _, rest = repr(self).partition(": ")
        return f"<p><b>{html.escape(first)}</b><br>{html.escape(rest)}</p>"

    # Snapshots.

    def add(
        self,
        sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        snapshot_at: dt.datetime | dt.date | None = None,
        progress: Callable[[str, int, int], None] | None = None,
        replace: bool = False,
        supersede: bool = False,
        **how: Any,
    ) -> tuple[Added, ...]:
        """Store files, each in one transaction; content that is stored already for its date is skipped.

        Args:
            sources: Paths, folders or globs.
            snapshot_at: When the files were exported; default: a column, or the date in the file's name.
            progress: Called before each file with its name, the bytes read so far and in all.
            replace: Read files that are stored already again, for example with other settings.
            supersede: Replace stored files of the same name and snapshot date by these.
            how: Options of ``load``: ``columns, time_zone, day_first, encoding, messages,
                messages_key, catalogue, words``.

        Returns:
            One ``Added`` per file. If a file raises an error, the files before it stay stored: add all again.

        Raises:
            SchemaError: It is unknown when a file was exported; or what ``load`` raises.
        """
        con = self._to_write()
        files = import_files.find(sources, self.path, how.get("messages"))
        report = progress or (lambda _name, _done, _total: None)
        options = how | {"snapshot_at": snapshot_at}
        added = import_files.add(con, files, options, report, replace=replace, supersede=supersede)
        if how.get("words") is not None:
            self.teach(how["words"])
        return added

    def teach(self, words: str | os.PathLike[str]) -> int:
        """Apply taught words to stored records, in which they were unknown.

        Args:
            words: The TOML file that ``load(words=...)`` takes.

        Returns:
            How many records had such a word.
        """
        return import_files.teach(self._to_write(), read_words(words))

    def remove_file(self, name: str, *, snapshot_at: dt.date | None = None) -> Removed:
        """Remove a stored file that should not have been added, with its records and rejected rows.

        Resends and marks stay. A corrected version of a file needs no removal: add it with ``supersede``.

        Args:
            name: The file's name; see ``files``.
            snapshot_at: The day of its snapshot (UTC), if files of several days have this name.

        Raises:
            ArgumentError: No stored file has this name and day, or files of several days have it.
        """
        return import_files.remove(self._to_write(), name, snapshot_at and as_utc(snapshot_at, "snapshot_at").date())

    def counts(self) -> dict[str, int]:
        """Count ``files, rows_read, records, rejects, batches`` (sent ones), ``resends, marks, exports``."""
        counts = self._con.sql(queries.COUNTS)
        return dict(zip(counts.columns, counts.fetchall()[0], strict=True))

    @property
    def customer_list_at(self) -> dt.datetime | None:
        """The time (UTC) of the stored customer list, see ``reconcile``; None if there is none."""
        return customer_lists.listed_at(self._con)

    def files(self) -> duckdb.DuckDBPyRelation:
        """One row per file: ``source_file, snapshot_at, rows_read, records, rejects, added_at, sha256``."""
        return self._con.sql(queries.FILES)

    def snapshots(self) -> duckdb.DuckDBPyRelation:
        """One row per snapshot date and file: ``snapshot_at, source_file, records, added_at, sha256``."""
        return self._con.sql(queries.SNAPSHOTS)

    def history(self) -> duckdb.DuckDBPyRelation:
        """Every stored row, with the columns of ``schema.RECORD``; ``plan`` plans with all of it."""
        return self._con.sql(queries.HISTORY)

    def records(self) -> duckdb.DuckDBPyRelation:
        """Each invitation once, by its newest record; with the columns of ``schema.RECORD``."""
        return customers.newest_records(self._con)

    def rejects(self) -> duckdb.DuckDBPyRelation:
        """Every rejected row: ``source_file, source_row, column, reason, content, snapshot_at``."""
        return self._con.sql(queries.REJECTS)

    def find(self, names: str | Iterable[str]) -> tuple[str, ...]:
        """Return the newest ``record_id`` of each customer named by account, email address, portal or record ID.

        Raises:
            ArgumentError: A name matches no customer, or several.
        """
        return tuple(match.record_id for match in customers.find_customers(self._con, names))

    def compare(
        self,
        before: dt.datetime | dt.date | None = None,
        after: dt.datetime | dt.date | None = None,
        *,
        catalogue: Catalogue | None = None,
        language: Language = "en",
    ) -> Comparison:
        """Compare two snapshots, customer by customer; see ``compare``. Each is annotated as of its date.

        Args:
            before: The date (all snapshots of that day together) or exact time of the earlier snapshot; default: the
                last one before ``after`` that does not seem to be partial.
            after: The date or time of the later snapshot; default: the newest.
            catalogue: The known failure messages; default: the built-in ones.
            language: Of the causes: ``en`` or ``zh``.

        Raises:
            ArgumentError: There is no such snapshot, or no second one; the message lists those that exist.
        """
        con = self._con
        moments = [row[0] for row in rows(con, f"select distinct snapshot_at from ({queries.SNAPSHOTS}) order by 1")]
        history = queries.on_faster_engine(con, con.sql(queries.BY_AGE))
        result = compare_snapshots(
            history, before, after,
            moments=moments, rejected=con.sql(queries.REJECTS), catalogue=catalogue, language=language,
        )  # fmt: skip
        return replace(result, changes=queries.as_relation(con, result.changes))

    # Plan and batches.

    def plan(
        self,
        rules: ResendRules | None = None,
        as_of: dt.datetime | dt.date | None = None,
        language: Language = "en",
        catalogue: Catalogue | None = None,
    ) -> duckdb.DuckDBPyRelation:
        """Plan resends for the stored history, with what was marked as sent and as resolved, and the customer list.

        Args:
            rules: When a customer may be invited again; default: ``ResendRules()``.
            as_of: The time to plan for; a date means its midnight UTC. Default: now.
            language: Of causes, reasons and next steps: ``en`` or ``zh``.
            catalogue: The known failure messages; default: the built-in ones.

        Returns:
            What ``plan_resends`` returns: every stored row with one decision.
        """
        moment, con = as_utc(as_of), self._con
        with temp_tables() as persist:
            history = queries.on_faster_engine(con, con.sql(queries.BY_AGE))
            annotated = annotate(history, as_of=moment, catalogue=catalogue, language=language)
            known = {name: queries.on_faster_engine(con, one) for name, one in self.plan_inputs().items()}
            planned = plan_resends(annotated, rules, as_of=moment, language=language, **known)
            return persist(materialize(queries.as_stored(queries.as_relation(con, planned))))

    def plan_inputs(self) -> dict[str, duckdb.DuckDBPyRelation]:
        """Return what a plan needs besides the records, as ``plan_resends`` takes it.

        These are ``sent``, ``resolved``, ``rejected``, and ``customer_list`` if one is stored.
        """
        con = self._con
        listed = {"customer_list": con.sql(customer_lists.NEWEST)} if self.customer_list_at else {}
        rejected = con.sql(queries.ALL_REJECTS)
        return {"sent": self.sent_events(), "resolved": self.resolutions(), "rejected": rejected, **listed}

    def customer_history(
        self,
        customer: str,
        rules: ResendRules | None = None,
        as_of: dt.datetime | dt.date | None = None,
        language: Language = "en",
        catalogue: Catalogue | None = None,
    ) -> CustomerHistory:
        """Return the history of one customer: invitations, today's decision, logged resends and marks.

        ``customer`` is a ``customer_id``, account name, email address, portal customer ID or record ID; see ``plan``
        for the others.

        Raises:
            ArgumentError: No customer has that name, or several customers have it.
        """
        planned = self.plan(rules, as_of, language, catalogue)
        return customer_history(planned, customer, sent=self.resends(), marks=self.marks())

    def record_batches(
        self, plan: Any, *, folder: str | None = None, at: dt.datetime | dt.date | None = None
    ) -> dict[int, str]:
        """Store the batches of a plan when they are written, so that each can be marked as sent by its ID.

        Args:
            plan: What ``plan`` or ``plan_resends`` returns, of any engine; the customers to invite again are stored.
            folder: The folder of the written batches.
            at: When they are written; default: now.

        Returns:
            The ID of each batch by its number: the day, and a digest of its customers.

        Raises:
            ArgumentError: The plan has a customer twice, or rows of two plans; or the time is in the future.
        """
        return batches.record(self._to_write(), plan, folder=folder, at=at)

    def batches(self) -> duckdb.DuckDBPyRelation:
        """Every recorded batch, one row each.

        ``batch_id, batch, written_at, folder, decision, customers, planned_at``, and if it was marked as
        sent ``sent_at, sent_by, sent`` (customers).
        """
        return self._con.sql(queries.BATCHES)

    def unsent_customers(self) -> duckdb.DuckDBPyRelation:
        """``record_id, customer_id`` of the customers in batches that were neither marked as sent nor discarded.

        The IDs are those of the time of the batch; a later file may have changed a customer's ID.
        """
        return self._con.sql(queries.UNSENT_CUSTOMERS)

    def discard_batches(self, batch_ids: Sequence[str]) -> None:
        """Delete batches that were recorded and never sent, all or none.

        Raises:
            ArgumentError: One is unknown, or was marked as sent.
        """
        batches.discard(self._to_write(), batch_ids)

    # What was sent.

    def mark_batch_sent(
        self,
        batch_id: str,
        *,
        by: str,
        at: dt.datetime | dt.date | None = None,
        note: str | None = None,
        exclude: str | Iterable[str] = (),
        force: bool = False,
    ) -> int:
        """Mark a recorded batch as sent, and return the number of customers it was sent to.

        Args:
            batch_id: Its ID, as ``record_batches`` returned it.
            by: Who sent it.
            at: When it was sent; default: now. A date means its end.
            note: A remark to store.
            exclude: Customers of the batch who were not invited again: account names, email
                addresses, portal or record IDs.
            force: Mark it although some of its customers were marked as sent since it was recorded, or were invited
                between ``at`` and the plan.

        Raises:
            ArgumentError: The batch is unknown or was marked already, a customer was invited again since
                it was recorded, or between ``at`` and the plan, or one to exclude is not in it; then nothing is marked.
        """
        return self.mark_batches_sent([batch_id], by=by, at=at, note=note, exclude=exclude, force=force)[batch_id]

    def mark_batches_sent(
        self,
        batch_ids: Sequence[str],
        *,
        by: str,
        at: dt.datetime | dt.date | None = None,
        note: str | None = None,
        exclude: str | Iterable[str] = (),
        force: bool = False,
    ) -> dict[str, int]:
        """Mark several batches as sent, all or none; see ``mark_batch_sent``."""
        con = self._to_write()
        return batches.mark_batches_sent(con, batch_ids, by=by, at=at, note=note, exclude=exclude, force=force)

    def unmark_batch_sent(self, batch_id: str) -> None:
        """Undo the mark that a recorded batch was sent; see ``unmark_batches_sent``."""
        self.unmark_batches_sent([batch_id])

    def unmark_batches_sent(self, batch_ids: Sequence[str]) -> None:
        """Undo the marks that recorded batches were sent, all or none.

        Raises:
            ArgumentError: A batch is unknown, or was not marked as sent; then nothing is changed.
        """
        batches.unmark_sent(self._to_write(), batch_ids)

    def batch_records(self, batch_id: str) -> list[str]:
        """Return the record IDs of a recorded batch, as they were ranked.

        Raises:
            ArgumentError: The batch is unknown.
        """
        return [str(record_id) for record_id in batches.recorded(self._con, batch_id)["record_id"].to_pylist()]

    def resends(self) -> duckdb.DuckDBPyRelation:
        """Every resend that was marked as sent, one row per customer.

        ``batch_id, batch, sent_at, sent_by, note, record_id, customer_id, decision, cause,
        failure_code, invitation_method, account_name, email``.
        """
        return self._con.sql(queries.RESENDS)

    def sent_events(self) -> duckdb.DuckDBPyRelation:
        """``record_id, sent_at, customer_id, email`` of every resend, for ``plan_resends(sent=...)``."""
        return self._con.sql(queries.SENT_EVENTS)

    # What was resolved.

    def mark_resolved(
        self,
        record_ids: str | Iterable[str] = (),
        *,
        on: dt.datetime | dt.date,
        by: str,
        note: str | None = None,
        customers: str | Iterable[str] = (),
        catalogue: Catalogue | None = None,
    ) -> tuple[int, ...]:
        """Mark that a customer or customer service did what was needed, and return the IDs of the marks.

        A mark belongs to the customer, and resolves the failure of its newest record. A later failure is not resolved
        by it.

        Args:
            record_ids: The records; if files reuse an ID, it means the customer of its newest record.
            on: When it was resolved.
            by: Who reports it.
            note: A remark to store.
            customers: The customers, by account name, email address or record ID; see ``find``.
            catalogue: The known failure messages; default: the built-in ones.

        Raises:
            ArgumentError: ``on`` is in the future, ``by`` is empty, or a record ID or name does not match one customer;
                a customer has no failure, or was invited after ``on``.
        """
        con = self._to_write()
        return resolutions.mark(con, record_ids, customers, on=on, by=by, note=note, catalogue=catalogue)

    def mark_own_account_changed(self, on: dt.datetime | dt.date, *, by: str, note: str | None = None) -> int:
        """Mark that your own partner account is no longer prepaid, and return the ID of the mark; see ``unmark``.

        The mark releases every customer whose association failed for that cause and was invited before the mark.

        Args:
            on: When it was changed.
            by: Who reports it.
            note: A remark to store.

        Raises:
            ArgumentError: ``on`` is in the future, or ``by`` is empty.
        """
        return resolutions.insert(self._to_write(), [(None, None, OWN_ACCOUNT, None)], on=on, by=by, note=note)[0]

    def mark_do_not_invite(
        self,
        record_ids: str | Iterable[str] = (),
        *,
        on: dt.datetime | dt.date,
        by: str,
        note: str | None = None,
        customers: str | Iterable[str] = (),
    ) -> tuple[int, ...]:
        """Mark that customers must not be invited any more, and return the IDs of the marks; see ``unmark``.

        Later plans do not invite them, nor other customers with the same email address.

        Args:
            record_ids: As for ``mark_resolved``.
            on: When the customers asked for it, or it was decided.
            by: Who reports it.
            note: A remark to store.
            customers: As for ``mark_resolved``.

        Raises:
            ArgumentError: ``on`` is in the future, ``by`` is empty, or a record ID or name does not match one customer.
        """
        con, failure = self._to_write(), DO_NOT_INVITE
        return resolutions.mark(con, record_ids, customers, on=on, by=by, note=note, failure=failure)

    def unmark(self, mark_ids: int | Iterable[int], *, by: str) -> tuple[int, ...]:
        """Undo marks and all other marks of the same failures, and return the IDs of all of them.

        They stay in ``marks()`` with who undid them and when.

        Raises:
            ArgumentError: A mark is unknown or was undone already; then none is undone.
        """
        return resolutions.unmark(self._to_write(), mark_ids, by=by)

    def marks(self) -> duckdb.DuckDBPyRelation:
        """Every mark, those taken back included.

        ``mark_id, record_id, resolved_at, marked_at, marked_by, note, unmarked_at, unmarked_by, customer_id,
        failure_code`` (the failure that was resolved, or ``do_not_invite``). A mark of your own account names no record
        and no customer.
        """
        return self._con.sql(queries.MARKS)

    def marks_of(self, customer_id: str | None) -> dict[int, str | None]:
        """Return the failure of each valid mark of a customer by its ID; None means your own account.

        The customer may have had another ``customer_id`` when it was marked.
        """
        valid = resolutions.valid_marks(self._con)
        return {mark_id: failure for mark_id, (customer, failure) in valid.items() if customer == customer_id}

    def resolutions(self) -> duckdb.DuckDBPyRelation:
        """``record_id, resolved_at, customer_id, failure_code, email`` of valid marks, for ``plan_resends``."""
        return self._con.sql(queries.RESOLUTIONS)

    def outcomes(self, *, catalogue: Catalogue | None = None) -> duckdb.DuckDBPyRelation:
        """Count the results of each batch by cause, compared with customers who were not invited again.

        The result of a customer is what the snapshots show from the resend until its next one. An association counts
        for the last resend before its time, also if a snapshot shows it only after the next one.

        Returns:
            One row per batch and cause: ``batch_id, sent_at, cause`` (failure code, else effective
            status, when it was sent); ``resent`` = ``associated`` (dated since the day before
            the resend, or undated and not associated before) + ``already_associated`` + ``failed_again`` +
            ``expired`` + ``open`` + ``not_seen`` (no snapshot shows anything new);
            ``not_resent``, ``not_resent_associated``: customers who had failed or expired for the same cause when
            the batch was sent, and were not invited again within 30 days before or after.
        """
        return outcomes.outcomes(self._con, catalogue)

    # The customer list.

    def reconcile(
        self,
        sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
        *,
        from_huawei: bool = False,
        endpoint: str = huawei_api.ENDPOINT,
        snapshot_at: dt.datetime | dt.date | None = None,
        as_of: dt.datetime | dt.date | None = None,
        **how: Any,
    ) -> Reconciliation:
        """Store the list of your associated customers, and compare the records with it; later plans use the list.

        Args:
            sources: A customer list exported from Customer Management; its rows have an association time.
            from_huawei: Query the portal instead (``ListSubCustomers``, needs ``invitekit[huawei]``), with the keys in
                the environment: ``HUAWEICLOUD_SDK_AK``, ``HUAWEICLOUD_SDK_SK``, for temporary keys
                ``HUAWEICLOUD_SDK_SECURITY_TOKEN``. After an error, the next call continues where this one stopped.
            endpoint: The portal's address; default: the international site.
            snapshot_at: When the files were exported; default: a column, or the date in the file's name.
            as_of: The time to plan for; default: now.
            how: Options of ``load``; see ``add``.

        Raises:
            ArgumentError: Both or neither are given, a key is not set, or the list is dated in the future.
            SourceError: The portal rejects the keys, keeps throttling, or cannot be reached.
            SchemaError: It is unknown when the list was exported, or the files are lists of several days, or
                have invitations.
            WorkspaceError: A newer list is stored.
        """
        con = self._to_write()
        is_named = len(sources) > 0 if isinstance(sources, Sized) else bool(sources)  # a frame has no truth value
        if is_named == from_huawei:
            raise ArgumentError(_("Name files, or the portal."), hint=_("give sources, or from_huawei=True; not both."))
        read = None
        if from_huawei:
            client = huawei_api.HuaweiClient(endpoint)
            customer_lists.add_pages(con, client.page, client.host)
        else:
            read = customer_lists.add_files(con, sources, how | {"snapshot_at": snapshot_at})
        return customer_lists.reconcile(con, self.plan_inputs(), as_utc(as_of), read=read)

    # Exports.

    def start_export(
        self,
        *,
        level: str,
        purpose: str | None = None,
        file_name: str | None = None,
        key_id: str | None = None,
        at: dt.datetime | None = None,
    ) -> int:
        """Record that an export started in this process, and return its ID."""
        con, pid = self._to_write(), os.getpid()
        process = process_start_time(pid) or ""
        if not level:
            raise ArgumentError(_("An export has no level."), hint=_("say which, such as level='shared'."))
        with transaction(con):
            number = one(con, "select max(export_id) from exports") + 1
            run(
                con,
                "insert into exports (export_id, started_at, status, level, key_id, purpose, file_name, pid, process) "
                "values (?, ?, 'running', ?, ?, ?, ?, ?, ?)",
                [number, past_datetime(at, "at"), level, key_id, purpose, file_name, pid, process],
            )
        return number

    def finish_export(
        self,
        export_id: int,
        status: Literal["completed", "failed"] = "completed",
        *,
        rows: int | None = None,
        sha256: str | None = None,
        at: dt.datetime | None = None,
    ) -> None:
        """Record how an export ended.

        Raises:
            WorkspaceError: No such export is running.
        """
        con, known = self._to_write(), ("completed", "failed")
        if status not in known:
            problem = _("'{status}' is not a final status of an export.", status=status)
            raise ArgumentError(problem, hint=_("use one of {known}.", known=known))
        query = (
            "update exports set status = ?, finished_at = ?, rows = ?, sha256 = ? "
            "where export_id = ? and status = 'running'"
        )
        with transaction(con):
            if not run(con, query, [status, past_datetime(at, "at"), rows, sha256, export_id]):
                problem = _("No export {number} is running.", number=export_id)
                raise WorkspaceError(problem, hint=_("look at exports(): it may have been interrupted."))

    def exports(self) -> duckdb.DuckDBPyRelation:
        """Every export: ``id, started_at, finished_at, status, level, rows, sha256, key_id, purpose, file_name``.

        ``status`` is ``running``, ``completed``, ``failed``, or ``interrupted``: its process died.
        """
        return self._con.sql(queries.EXPORTS)
