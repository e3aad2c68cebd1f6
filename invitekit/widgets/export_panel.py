"""The export panel: choose a level, see what each column becomes, export, and see earlier exports."""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, ClassVar, cast

import duckdb
import narwhals.stable.v2 as nw
import traitlets

from invitekit.engine.duckdb import apart
from invitekit.engine.frames import as_narwhals
from invitekit.engine.materialize import count_rows
from invitekit.errors import ArgumentError, InvitekitError, SchemaError, check_language
from invitekit.export import Exported, export, resolve_key
from invitekit.export.api import DEFAULT, REMARKS
from invitekit.export.manifest import path_of
from invitekit.export.source import open_source
from invitekit.i18n import Language, _
from invitekit.model.annotate import annotate
from invitekit.privacy import LEVELS, Key, Policy, read_policy, scrubbed_remarks, standard
from invitekit.widgets import export_payloads
from invitekit.widgets.base import Handler, MessageWidget, static
from invitekit.widgets.protocol import ExportRequest

MIN_INTERVAL = 0.1
"""Seconds between two reports of progress."""
_FORM = ("level", "file", "purpose", "remarks")


class CancelledError(InvitekitError):
    """The export was cancelled; no file is left."""


class ProgressReporter:
    """Reports the progress of an export to the screen, and stops the export on request.

    Args:
        report: Receives the step, the rows done, all rows, and the seconds left, if that can be estimated.
    """

    def __init__(self, report: Callable[[str, int, int, float | None], None]) -> None:
        self._report, self._stop = report, threading.Event()
        self._started = self._reported = time.monotonic()
        self._interrupt: Callable[[], None] | None = None

    def stop(self) -> None:
        """End the export at its next step, and interrupt the running query; may be called from any thread."""
        self._stop.set()
        if self._interrupt is not None:
            self._interrupt()

    def stoppable(self, interrupt: Callable[[], None]) -> None:
        """Set the function that interrupts its queries; raise ``CancelledError`` if it was cancelled before."""
        self._interrupt = interrupt
        if self._stop.is_set():
            raise _cancelled()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Raise ``CancelledError`` instead of ``SchemaError`` if a query fails because the export was cancelled."""
        try:
            yield
        except SchemaError:
            if not self._stop.is_set():
                raise
            raise _cancelled() from None

    def __call__(self, step: str, done: int, total: int) -> None:
        """Report the progress, at most every ``MIN_INTERVAL`` seconds; raise ``CancelledError`` if it was cancelled."""
        if self._stop.is_set():
            raise _cancelled()
        now = time.monotonic()
        if done in (0, total) or now - self._reported >= MIN_INTERVAL:
            self._reported = now
            left = (now - self._started) / done * (total - done) if 0 < done < total else None
            self._report(step, done, total, left)


def _cancelled() -> CancelledError:
    return CancelledError(_("The export was cancelled."), hint=_("nothing was written; export again."))


class ExportPanel(MessageWidget):
    """Export records: choose a level, see what is exported, write and verify one file, and see the history.

    Examples on the screen are made up.

    Args:
        records: A frame of any engine: what ``annotate`` or ``plan_resends`` returns; records without causes are
            annotated first.
        workspace: An open ``Workspace`` that records the exports.
        folder: Where files are written.
        as_of: The time for statuses, if records are annotated first; default: now.
        language: Of labels and words: ``en`` or ``zh``.
        policy: The path of a TOML file with rows for extra columns.
        key: A key or the path of a key file, as ``export`` takes it.

    Raises:
        ArgumentError: ``records`` is not a frame, or there is no such language.
        SchemaError: A column that is needed is missing.

    Example:
        >>> import tempfile
        >>> import polars as pl
        >>> from invitekit import load
        >>> rows = pl.DataFrame({"Account": ["acme", "beta"], "Status": ["Invited", "Expired"]})
        >>> panel = ExportPanel(load(rows).records, folder=tempfile.mkdtemp())
        >>> panel.level, panel.file = "masked", "copy.csv"
        >>> panel.run().rows, panel.result.path.name
        (2, 'copy.csv')
    """

    requests: ClassVar[Any] = ExportRequest
    _esm = static("export_panel.js")
    _css = static("export_panel.css")
    level = traitlets.Enum(LEVELS, DEFAULT, help="The export level.")
    file = traitlets.Unicode(
        "for_the_analyst.parquet", help="The file name in the folder; its extension is the format."
    )
    purpose = traitlets.Unicode("", help="What the export is for: a plain word, or nothing.")
    remarks = traitlets.Enum(REMARKS, "drop", help="Whether remarks are left out or scrubbed.")

    def __init__(
        self,
        records: Any,
        workspace: Any = None,
        *,
        folder: str | os.PathLike[str] = ".",
        as_of: dt.datetime | dt.date | None = None,
        language: Language = "en",
        policy: str | os.PathLike[str] | None = None,
        key: Key | str | os.PathLike[str] | None = None,
        **traits: Any,
    ) -> None:
        check_language(language)
        frame = as_narwhals(records)
        if "effective_status" not in frame.collect_schema().names():
            frame = nw.from_native(annotate(records, as_of=as_of, language=language))
        self._records, self._columns = frame.to_native(), frame.collect_schema().names()
        self._workspace, self._folder = workspace, Path(folder)
        self._policy_file, self._key = policy, key
        self._result: Exported | None = None
        self._lock_export, self._reporter = threading.Lock(), cast("ProgressReporter | None", None)
        self._step: dict[str, Any] | None = None
        self._total: int | None = None
        self._history: list[dict[str, Any]] | None = None
        super().__init__(language=language, **traits)
        self.observe(lambda _change: self._send_form(), list(_FORM))

    @property
    def result(self) -> Exported | None:
        """What was exported last; None before that."""
        return self._result

    def run(self, *, overwrite: bool = False) -> Exported:
        """Export with the settings of the panel, and wait for it.

        Args:
            overwrite: Replace a file of that name.

        Raises:
            ArgumentError: An export of this panel is running, or the file name is invalid.
            InvitekitError: What ``export`` raises, or the export was cancelled on the screen.
        """
        try:
            return self._export(overwrite=overwrite)
        except BaseException as error:
            self._fail(error)
            raise

    def files(self, name: str) -> list[Path]:
        """Return the paths of an export that the panel shows, and of its manifest.

        Raises:
            ArgumentError: The panel shows no such export with a file.
        """
        known = {row["file"] for row in self._history or [] if row["paths"]}
        known |= {self._result.path.name} if self._result else set()
        if name not in known:
            raise ArgumentError(_("There is nothing to download."), hint=_("load this page again."))
        return [self._folder / name, path_of(self._folder / name)]

    def stop(self) -> None:
        """Cancel an export that is running, and send nothing more."""
        self._cancel()
        super().stop()

    # Messages of the screen.

    def _connect(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect()

    def _description(self) -> str:
        return f"ExportPanel: {self.level}."

    def _handlers(self) -> dict[str, Handler]:
        return {
            "connect": lambda _m: self._send_init(),
            "set_form": self._set,
            "export": self._begin,
            "cancel": lambda _m: self._cancel(),
            "verify": lambda m: self._worker.submit("verify", lambda _con: self._verify(m["id"])),
        }

    def _fail(self, error: BaseException) -> None:
        if isinstance(error, CancelledError):
            self._send_message("cancelled")
        else:
            self._send_message("problem", **export_payloads.error_payload(error, self._language))

    def _send_init(self) -> None:
        texts, levels = export_payloads.words(self._language), export_payloads.levels(self._language)
        self._send_message("init", words=texts, levels=levels, language=self._language, home=Path.home().as_posix())
        self._send_form()
        if self._step:
            self._send_message("progress", **self._step)
        if self._result:
            self._send_message("result", **export_payloads.result_payload(self._result, self._language))
        self._worker.submit("count", lambda _con: self._count())
        self._worker.submit("history", lambda _con: self._send_history())

    def _set(self, message: dict[str, Any]) -> None:
        with self.hold_trait_notifications():
            for name in _FORM:
                if name in message:
                    self.set_trait(name, message[name])

    def _send_form(self) -> None:
        content: dict[str, Any] = {name: getattr(self, name) for name in _FORM}
        try:
            lines = export_payloads.becomes(self._columns, self._policy(), self._language)
            key = export_payloads.key_words(resolve_key(self._key).id, self.level, self._language)
        except InvitekitError as error:
            self._send_message(
                "form", **content, columns=[], key="", problem=export_payloads.error_payload(error, self._language)
            )
        else:
            self._send_message("form", **content, columns=lines, key=key, problem=None)

    def _count(self) -> None:
        if self._total is None:
            self._total = count_rows(as_narwhals(apart(self._records)[0]))
        texts, numbers = export_payloads.words(self._language), {"n": f"{self._total:,}", "columns": len(self._columns)}
        self._send_message("count", total=self._total, words=texts["held" if self._total else "none"].format(**numbers))

    def _send_history(self) -> None:
        """Send the history; while an export runs, its last known state."""
        if self._workspace is None:
            self._send_message("history", rows=None, note="no_workspace")
            return
        try:
            if not self._lock_export.locked():
                with self._workspace.cursor() as own:
                    self._history = export_payloads.history_payload(own.exports(), self._folder, self._language)
        except (InvitekitError, duckdb.Error):
            self._send_message("history", rows=self._history, note="no_reading")
        else:
            self._send_message("history", rows=self._history or [], note="no_history")

    def _verify(self, number: int) -> None:
        (row,) = (row for row in self._history or [] if row["id"] == number)
        try:
            result = export_payloads.verification_payload(
                self._folder / row["file"], row["sha256"], resolve_key(self._key), self._language
            )
        except InvitekitError as error:
            result = {"good": False, "words": " ".join(export_payloads.error_payload(error, self._language).values())}
        self._send_message("verified", id=number, **result)

    # Exporting.

    def _begin(self, message: dict[str, Any]) -> None:
        """Export in a thread; ask first if that would overwrite a file."""
        self._set(message)
        target, overwrite = self._target(), message["overwrite"]
        if not overwrite and any(os.path.lexists(path) for path in (target, path_of(target))):
            self._send_message("file_exists", file=target.name)
        elif not self._lock_export.locked():
            self._worker.submit("export", lambda _con: cast("None", self._export(overwrite=overwrite)))

    def _export(self, *, overwrite: bool) -> Exported:
        target, reporter = self._target(), ProgressReporter(self._progress)
        with self._one_at_a_time(reporter), reporter.stopped():
            self._progress("preparing", 0, None)
            records, con = apart(self._records)
            # Opening a relation counts it, which may take long. A frame in memory needs no interruption.
            reporter.stoppable(con.interrupt if con is not None else lambda: None)
            with (
                closing(open_source(records, None)) as source,
                # A second connection, since a cell may use the first one meanwhile.
                nullcontext() if self._workspace is None else self._workspace.cursor() as own,
            ):
                self._result = done = export(
                    source.native,
                    target,
                    policy=self._policy(),
                    key=self._key,
                    purpose=self.purpose or None,
                    remarks=cast("Any", self.remarks),
                    language=self._language,
                    overwrite=overwrite,
                    workspace=own,
                    progress=reporter,
                )
        self._send_message("result", **export_payloads.result_payload(done, self._language))
        return done

    @contextmanager
    def _one_at_a_time(self, reporter: ProgressReporter) -> Iterator[None]:
        """Run one export of this panel at a time, and send the history when it ends."""
        if not self._lock_export.acquire(blocking=False):
            raise ArgumentError(
                _("An export of this panel is running."), hint=_("wait until it has ended, or cancel it.")
            )
        try:
            self._reporter = reporter
            yield
        finally:
            self._step = self._reporter = None
            self._lock_export.release()
            self._send_history()

    def _cancel(self) -> None:
        if reporter := self._reporter:
            reporter.stop()

    def _progress(self, step: str, done: int, total: int | None, left: float | None = None) -> None:
        self._step = export_payloads.progress_payload(step, done, total, left, self._language)
        self._send_message("progress", **self._step)

    def _policy(self) -> Policy:
        """Return the policy that ``export`` will apply."""
        chosen = read_policy(self._policy_file, self.level) if self._policy_file else standard(self.level)
        scrubs = self.remarks == "scrub" and "remarks" in self._columns and self.level != "aggregated"
        return chosen.with_rows([scrubbed_remarks()]) if scrubs else chosen

    def _target(self) -> Path:
        if self.file in ("", ".", "..") or Path(self.file).name != self.file or "\\" in self.file:
            raise ArgumentError(
                _("The file's name is none."), hint=_("give a name without folders, such as records.parquet.")
            )
        return self._folder / self.file
