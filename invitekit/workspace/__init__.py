"""One file that remembers: snapshots, resends, marks and exports, and what became of them."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterable
from typing import Any

import duckdb

from invitekit.annotate import Language
from invitekit.catalogue import Catalogue
from invitekit.workspace import adding, exports, marks, outcomes, relations
from invitekit.workspace.adding import Added
from invitekit.workspace.between import compare_snapshots, moments_of
from invitekit.workspace.comparing import compare
from invitekit.workspace.comparison import CHANGES, Comparison, Side
from invitekit.workspace.sending import Sending
from invitekit.workspace.versions import SCHEMA_VERSION

__all__ = ["CHANGES", "SCHEMA_VERSION", "Added", "Comparison", "Side", "Workspace", "compare", "compare_snapshots"]


class Workspace(Sending):
    r"""The toolkit's memory: one DuckDB file, readable by its owner only, made if it is missing.

    One process at a time writes it; several may read it together, each with ``read_only=True``.
    What it gives are DuckDB relations on its own connection, computed when they are looked at; they
    hold personal data, and end with ``close()``. Times are UTC without an offset. Every write is one
    transaction: a crash leaves what was committed.

    Args:
        path: The file. Do not open it yourself meanwhile: that could give up its lock.
        read_only: Write nothing; the file has to be there.
        make: Make the file if it is missing.

    Raises:
        WorkspaceError: Another process holds the file, it is no workspace, damaged or too new.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> folder = Path(tempfile.mkdtemp())
        >>> file = folder / "history_2026-03-30.csv"
        >>> _ = file.write_text("Account,Status\nacme,Invited\n", encoding="utf-8")
        >>> with Workspace(folder / "invitekit.duckdb") as workspace:
        ...     print(*workspace.add(file), *workspace.add(file), sep="\n")
        history_2026-03-30.csv: 1 rows read = 1 records + 0 rejects, snapshot of 2026-03-30.
        history_2026-03-30.csv: 1 rows read = 1 records + 0 rejects, snapshot of 2026-03-30, already there: skipped.
    """

    def add(
        self,
        sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        snapshot_at: dt.datetime | dt.date | None = None,
        progress: Callable[[str, int, int], None] | None = None,
        replace: bool = False,
        correct: bool = False,
        **how: Any,
    ) -> tuple[Added, ...]:
        """Store files, each in one transaction; a content that is known for its date is skipped, whatever its name.

        Args:
            sources: Paths, folders or globs.
            snapshot_at: When they were exported; else a column of theirs, else the date in the file's name.
            progress: Called before each file with its name, the bytes read so far and in all.
            replace: Read a known file anew, such as with other settings.
            correct: Let these files take the place of others of the same name and snapshot date.
            how: Passed on to ``load``: ``columns, time_zone, day_first, encoding, messages,
                messages_key, catalogue``.

        Returns:
            One ``Added`` a file. When a file is refused, those before it are stored: add all again.

        Raises:
            SchemaError: Nothing says when a file was exported; or what ``load`` raises.
        """
        con = self._to_write()
        found = adding.find(sources, self.path, how.get("messages"))
        tell = progress or (lambda _name, _done, _total: None)
        return adding.add(con, found, how | {"snapshot_at": snapshot_at}, tell, replace=replace, correct=correct)

    def compare(
        self,
        before: dt.datetime | dt.date | None = None,
        after: dt.datetime | dt.date | None = None,
        *,
        catalogue: Catalogue | None = None,
        language: Language = "en",
    ) -> Comparison:
        """Say what happened between two snapshots, customer by customer; see ``compare``.

        Each is annotated as of its own moment.

        Args:
            before: The earlier one's date (all snapshots of that day together) or exact time; else the
                last one before ``after``.
            after: The later one's; else the newest.
            catalogue: The failure messages known; else the built-in ones.
            language: Of the causes: ``en`` or ``zh``.

        Raises:
            ArgumentError: There is no such snapshot, or no second one; the message lists those that exist.
        """
        con = self._con
        return compare_snapshots(
            con.sql(relations.HISTORY), before, after, moments=moments_of(con, relations.SNAPSHOTS),
            catalogue=catalogue, language=language,
        )  # fmt: skip

    def mark_done(
        self,
        record_ids: str | Iterable[str] = (),
        *,
        on: dt.datetime | dt.date,
        by: str,
        note: str | None = None,
        customers: str | Iterable[str] = (),
        catalogue: Catalogue | None = None,
    ) -> tuple[int, ...]:
        """Note that what a customer or customer service had to do is done; gives the marks' IDs.

        A mark is the customer's, and settles the failure that its record has now: another failure
        later is not settled by it.

        Args:
            record_ids: Whose; where files use an ID again, it means the customer of the newest one.
            on: When it was done.
            by: Who says so.
            note: What else to remember.
            customers: Whose, by account name, email address or record ID; see ``find``.
            catalogue: The failure messages known; else the built-in ones.

        Raises:
            ArgumentError: ``on`` is in the future, ``by`` is empty, or a record ID or name leads to no one customer.
        """
        con = self._to_write()
        return marks.mark(con, record_ids, customers, on=on, by=by, note=note, catalogue=catalogue)

    def unmark(self, mark_ids: int | Iterable[int], *, by: str) -> None:
        """Take marks back; they stay in ``marks()`` with who took them back and when.

        Raises:
            ArgumentError: One is unknown or was taken back already; then none is taken back.
        """
        marks.unmark(self._to_write(), mark_ids, by=by)

    def outcomes(self, *, catalogue: Catalogue | None = None) -> duckdb.DuckDBPyRelation:
        """Say what became of each batch, by cause, beside those not invited again.

        Counted for each customer from the resend until its next one, in the snapshots after it.

        Returns:
            One row a batch and cause: ``batch_id, sent_at, cause`` (failure code, else effective
            status, when it was logged); ``resent`` = ``associated`` (dated since the day before
            the resend, or undated and not associated before) + ``already_associated`` + ``failed_again`` +
            ``expired`` + ``open`` + ``not_seen`` (no snapshot shows anything new);
            ``not_resent``, ``not_resent_associated``: customers whose newest record then had
            the same cause and was failed or expired, without a resend within 30 days before or after.
        """
        return outcomes.outcomes(self._con, catalogue)

    def start_export(
        self,
        *,
        level: str,
        purpose: str | None = None,
        file_name: str | None = None,
        key_id: str | None = None,
        at: dt.datetime | None = None,
    ) -> int:
        """Note that an export began in this process; gives its ID."""
        with self._writing() as con:
            return exports.start(con, level=level, purpose=purpose, file_name=file_name, key_id=key_id, at=at)

    def finish_export(
        self,
        export_id: int,
        status: exports.End = "completed",
        *,
        rows: int | None = None,
        sha256: str | None = None,
        at: dt.datetime | None = None,
    ) -> None:
        """Note how an export ended.

        Raises:
            WorkspaceError: No such export is running.
        """
        with self._writing() as con:
            exports.finish(con, export_id, status, rows=rows, sha256=sha256, at=at)
