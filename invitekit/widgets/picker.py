"""The sales-ops person's screen: whom to invite again, why not the others, and the results."""

from __future__ import annotations

import contextlib
import datetime as dt
import getpass
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from weakref import WeakKeyDictionary

import duckdb
import pyarrow as pa

from invitekit.batches import Written, write_batches
from invitekit.batches.output_folder import files_of_batch, kind_of_batch, written_files
from invitekit.engine.arrow import as_table
from invitekit.engine.datetimes import as_utc
from invitekit.engine.duckdb import apart, lit, rows
from invitekit.engine.frames import HasRecords, as_frame
from invitekit.errors import ArgumentError, check_path_type
from invitekit.i18n import Language, _
from invitekit.model import display
from invitekit.model.catalogue import DO_NOT_INVITE, Catalogue
from invitekit.model.filters import Filter
from invitekit.model.vocabularies import BATCH_KINDS, RESENDS
from invitekit.planning import PlanSummary, ResendRules, count_decisions
from invitekit.planning.rules import chosen_rules
from invitekit.widgets import planning
from invitekit.widgets.base import Handler, static
from invitekit.widgets.conditions import ONCE
from invitekit.widgets.grid import Grid
from invitekit.widgets.protocol import PickerRequest
from invitekit.widgets.selection import Selection
from invitekit.widgets.store import Store
from invitekit.widgets.view import QueryCache, View
from invitekit.workspace import Workspace

ADJUSTABLE = ("cool_down_days", "max_attempts", "batch_size", "link_life_days")
"""Rules that can be changed on the screen."""
COLUMNS = (
    "customer_full_name", "account_name", "reason", "effective_status", "invitation_method", "invited_at", "retry_at",
    "attempts", "chance", "account_manager", "custom_tag", "email", "mobile", "next_step", "decision",
)  # fmt: skip
"""Columns that are shown at first: who, and why."""
OUTCOMES = ("batch_id", "sent_at", "cause", "resent", "associated", "failed_again", "expired", "open", "not_seen")
Answer = TypeVar("Answer")


class ResendPicker(Grid):
    """Pick whom to invite again: every customer has a decision and the reason for it.

    Args:
        records: The whole history, a frame of any engine; default: the records of the workspace.
        rules: When a customer may be invited again; default: ``ResendRules()``.
        workspace: The workspace that stores batches, resends and marks: an open one, or the path of its file.
        as_of: The time to plan for; default: now.
        folder: Where batches are written, each run into a folder of its own.
        catalogue: The known failure messages; default: the built-in ones.
        language: Of labels, reasons and words: ``en`` or ``zh``.
        every_row: Whether every row of every file is shown, and not only the newest record of each customer.
        views: The file of saved views; default: one in the user's settings folder.

    Raises:
        ArgumentError: There are neither records nor a workspace.

    Example:
        >>> import datetime as dt
        >>> import polars as pl
        >>> from invitekit import load
        >>> rows = pl.DataFrame({"Account": ["acme", "beta"], "Status": ["Expired", "Associated"]})
        >>> picker = ResendPicker(load(rows), ResendRules(cool_down_days=0), as_of=dt.date(2026, 3, 30))
        >>> picker.wait(), picker.count
        (True, 1)
    """

    requests: ClassVar[Any] = PickerRequest
    _esm = static("picker.js")
    _css = static("picker.css")
    can: ClassVar[str] = planning.CAN
    once: ClassVar[str] = planning.ONE_A_CUSTOMER
    group: ClassVar[str | None] = planning.GROUP_OF
    unit: ClassVar[str] = "customers"
    two_line_columns: ClassVar[tuple[str, ...]] = planning.TWO_LINES

    def __init__(
        self,
        records: Any = None,
        rules: ResendRules | None = None,
        workspace: Workspace | str | os.PathLike[str] | None = None,
        *,
        as_of: dt.datetime | dt.date | None = None,
        folder: str | os.PathLike[str] = "batches",
        catalogue: Catalogue | None = None,
        language: Language = "en",
        every_row: bool = False,
        views: str | os.PathLike[str] | None = None,
        **traits: Any,
    ) -> None:
        if records is None and workspace is None:
            raise ArgumentError(_("There are no records."), hint=_("pass records, or a workspace that has some."))
        check_path_type(folder, "folder")
        self.workspace = workspace if workspace is None or isinstance(workspace, Workspace) else Workspace(workspace)
        self._records = apart(as_frame(records))[0]
        self._rejected = {"rejected": as_table(records.rejects)} if isinstance(records, HasRecords) else {}
        self._rules, self._as_of = chosen_rules(rules), as_of
        self._moment = as_utc(as_of)
        # A separate connection: a cell of the notebook may use the workspace at the same time.
        self._own_workspace = self.workspace and self.workspace.cursor()
        self._workspace_lock, self._marks_made = threading.RLock(), 0
        self._planning: Store | None = None
        self._summaries = WeakKeyDictionary[Store, PlanSummary]()
        self._off_lists = WeakKeyDictionary[Store, dict[str, int]]()
        self._folder, self._catalogue = Path(folder), catalogue
        self._frozen: planning.Frozen | None = None
        self._previewed: tuple[ResendRules, Store, int] | None = None
        self.written: Written | None = None
        self._to_select: pa.Table | None = None
        plan = self._planner(self._rules, language)
        traits.setdefault("columns", list(COLUMNS))
        with self._history() as history:
            super().__init__(history, derive=plan, language=language, every_row=every_row, views=views, **traits)
        self._view = View(self._whole(), every_row=every_row, grouped=True)
        self.set_trait("value", self._view.choice.to_dict())

    def stop(self) -> None:
        """Cancel running answers, and remove the rows of every plan from the disk."""
        super().stop()
        for store in (self._planning, self._previewed[1] if self._previewed else None):
            if store is not None:
                store.close()
        if self._own_workspace is not None:
            with self._workspace_lock:
                self._own_workspace.close()

    @property
    def rules(self) -> ResendRules:
        """When a customer may be invited again; set them to plan again."""
        return self._rules

    @rules.setter
    def rules(self, rules: ResendRules) -> None:
        self._rules = rules
        self._plan_again()

    @property
    def count(self) -> int:
        """How many customers may be invited again."""
        self._worker.wait()
        with self._store.cursor() as con:
            return int(rows(con, f"select count(*) from records where {self.can}")[0][0])

    def _new_plan(self, rules: ResendRules) -> Store:
        with self._history() as history:
            return Store(history, self._planner(rules, self._language), once=self.once, group=self.group)

    @contextlib.contextmanager
    def _locked_workspace(self) -> Iterator[Workspace]:
        """Yield the workspace to one thread at a time, as a connection allows one call at a time."""
        if self._own_workspace is None:
            raise ArgumentError(_("There is no workspace to note it in."), hint=_("open the picker with one."))
        with self._workspace_lock:
            yield self._own_workspace

    def _from_workspace(self, ask: Callable[[Workspace], Answer]) -> Answer | None:
        """Return what the workspace knows; None without a workspace."""
        if self._own_workspace is None:
            return None
        with self._locked_workspace() as own:
            return ask(own)

    @contextlib.contextmanager
    def _history(self) -> Iterator[Any]:
        """Yield the given records, or every stored row; the caller opens its own connection from them."""
        if self._records is not None:
            yield self._records
        else:
            with self._locked_workspace() as own:
                yield own.history()

    def _planner(self, rules: ResendRules, language: Language) -> Any:
        def stored(own: Workspace) -> dict[str, Any]:
            return {name: relation.to_arrow_table() for name, relation in own.plan_inputs().items()}

        inputs = (self._from_workspace(stored) or {}) | self._rejected
        self._moment = as_utc(self._as_of)  # without as_of: the current time of each plan
        return planning.planner(rules, self._moment, inputs, self._catalogue, language, on_step=self._send_progress)

    def _handlers(self) -> dict[str, Handler]:
        return super()._handlers() | {
            "preview_rules": self._preview_rules,
            "apply_rules": lambda _m: self._apply_rules(),
            "confirm": lambda _m: self._confirm(),
            "write_batches": self._write,
            "mark_sent": self._mark_sent,
            "unmark_sent": self._unmark_sent,
            "get_batch": self._send_batch,
            "discard_batch": self._discard,
            "mark_resolved": self._mark_customer,
            "mark_do_not_invite": self._mark_customer,
            "unmark": self._unmark,
            "mark_own_account": self._mark_own_account,
            "unmark_own_account": self._unmark_own_account,
            "get_outcomes": lambda _m: self._outcomes(),
        }

    def _state(self) -> dict[str, Any]:
        rules = {name: getattr(self._rules, name) for name in ADJUSTABLE}
        with_rows: dict[str, Any] = {"tabs": []}
        if self._store.ready:
            with self._store.cursor() as con:
                with_rows = {
                    "tabs": planning.tabs(con, self._language, "true" if self.every_row else ONCE),
                    "warnings": self._summary(con).warnings(self._language, own_account=False),
                    "held_for_own_account": self._summary(con).held_for_own_account,
                    "newest": iso_day(self._summary(con).newest_export),
                }
        batches = self._batches()
        stored = {
            "workspace": self.workspace is not None,
            "user": _user_name(),
            "day": f"{self._moment:%Y-%m-%d}" if self._as_of is not None else None,  # else today where the browser is
            "unsent_batches": [each for each in batches if each["sent"] is None],
            "sent_batches": [each for each in batches if each["sent"] is not None],
            "own_account_marked": self._has_own_account_mark(),
        }
        return super()._state() | with_rows | stored | {"rules": rules, "rules_text": self._rules.words(self._language)}

    def _batches(self) -> list[dict[str, Any]]:
        """Return every batch as its card shows it, with the names of its existing files."""
        batches = self._stored_batches()
        written = {folder: self._written(folder) for folder in {each["folder"] for each in batches}}
        files = [files_of_batch(written[each["folder"]], each["batch"]) for each in batches]
        kinds = {value.code: value.label(self._language) for value in BATCH_KINDS}
        return [
            {
                "batch_id": each["batch_id"],
                "batch": each["batch"],
                "kind": kinds[kind_of_batch(paths) or each["decision"]],
                "files": [f"{path.parent.name}/{path.name}" for path in paths],
                "customers": each["customers"],
                "written_at": f"{each['written_at'].replace(tzinfo=dt.UTC).astimezone():%Y-%m-%d}",
                "sent_at": iso_day(each["sent_at"]),
                "sent_by": each["sent_by"],
                "sent": each["sent"],
                "off_list": self._count_off_list(each["batch_id"]) if each["sent"] is None else 0,
            }
            for each, paths in zip(batches, files, strict=True)
        ]

    def _stored_batches(self) -> list[dict[str, Any]]:
        """Return every batch that was written, the newest first, with the columns of ``Workspace.batches``."""
        newest_first = "written_at desc, batch"
        return self._from_workspace(lambda own: own.batches().order(newest_first).pl().to_dicts()) or []

    def _count_off_list(self, batch_id: str) -> int:
        """Count the customers of a batch who are not to be invited again by the plan that is shown, once a plan."""
        if not self._store.ready:
            return 0
        counts = self._off_lists.setdefault(self._store, {})
        if batch_id not in counts:
            with self._locked_workspace() as own:
                records = own.batch_records(batch_id)
            with self._store.cursor() as con:
                counts[batch_id] = planning.count_off_list(con, records)
        return counts[batch_id]

    def batch_files(self, batch_id: str, name: str) -> list[Path]:
        """Return the path of a batch's workbook, or with the name ``all`` the paths of all files of its folder.

        Without a workspace no batch has an ID: ``all`` then means the files that were written last.

        Raises:
            ArgumentError: The files do not exist any more.
        """
        paths, own = list[Path](), list[Path]()
        if self.workspace is None and self.written is not None:
            paths = written_files(self.written.paths[0].parent)
        for each in self._stored_batches():
            if each["batch_id"] == batch_id:
                paths = self._written(each["folder"])
                own = files_of_batch(paths, each["batch"])[-1:]
        wanted = {"": own, "all": paths}.get(name)
        if not wanted:
            raise ArgumentError(
                _("The files of this batch are gone."), hint=_("discard it, and write the batch again.")
            )
        return wanted

    def _written(self, folder: str | None) -> list[Path]:
        """Return the files in a folder of batches; a batch that was recorded without a folder has no files."""
        name = Path(folder or "").name
        return written_files(self._folder / name) if name else []

    def _summary(self, con: duckdb.DuckDBPyConnection) -> PlanSummary:
        if self._store not in self._summaries:
            self._summaries[self._store] = count_decisions(con.sql("from records"))
        return self._summaries[self._store]

    def plan_for(self, as_of: dt.datetime | dt.date | None, language: Language) -> None:
        """Plan again for another day or in another language; the selection stays."""
        self._as_of, self._language = as_of, language
        self._plan_again()

    def selected_customers(self) -> pa.Table | None:
        """Return the IDs of the selected customers, also of those that are to be selected; None without any."""
        if self._to_select is not None or not self._selection or not self._store.ready:
            return self._to_select
        with self._store.cursor() as con:
            return planning.selected_customers(con, self._selection)

    def select_again(self, customers: pa.Table) -> None:
        """Select customers of an earlier plan as soon as this one is complete, where it allows it."""
        self._to_select = customers

        def work(con: duckdb.DuckDBPyConnection) -> None:
            self._choose(planning.select_again(con, customers))
            self._to_select = None

        self._stored.add_done_callback(lambda _: self._worker.submit("again", work))

    def show_only(self, record_ids: list[str], name: str) -> None:
        """Show only the customers of some records, also earlier ones; ``name`` is the text key of their change."""
        self._require_plan()

        def work(con: duckdb.DuckDBPyConnection) -> None:
            keys = planning.customers_of(con, record_ids)
            whole = replace(self._view, choice=Filter(), every_row=False)
            self._show(replace(whole, only=Selection().add(keys), only_name=name))

        self._worker.submit("range", work)

    # Rules: the effect first.

    def _plan_again(self) -> None:
        """Plan again; until the new plan is complete, nothing is confirmed or written from the old one."""
        rules, self._frozen = self._rules, None
        store = self._planning = self._new_plan(rules)

        def work(con: duckdb.DuckDBPyConnection) -> None:
            store.build(con)
            if self._planning is store:  # else a newer plan is being made
                self._swap(rules, store)

        self._worker.submit("build", work, connect=store.cursor)

    def _preview_rules(self, message: dict[str, Any]) -> None:
        self._require_plan()
        rules = replace(self._rules, **{name: value for name, value in message["rules"].items() if name in ADJUSTABLE})
        store, marks_made = self._new_plan(rules), self._marks_made

        def work(con: duckdb.DuckDBPyConnection) -> None:
            store.build(con)
            with self._store.cursor() as old, store.cursor() as new:
                before, after = (planning.tabs(con, self._language) for con in (old, new))
            effect = [[label, n, m] for (_, label, n), (_, _, m) in zip(before, after, strict=True) if n or m]
            self._previewed = (rules, store, marks_made)
            self._send_message("rules_effect", rows=effect, rules_text=rules.words(self._language))

        self._worker.submit("preview", work, connect=store.cursor)

    def _apply_rules(self) -> None:
        """Use the previewed rules; plan again if the workspace has changed since."""
        if self._previewed is None:
            return
        (self._rules, store, marks_made), self._previewed = self._previewed, None
        if marks_made == self._marks_made and self._planning is None:
            self._swap(self._rules, store)
        else:
            self._plan_again()

    def _swap(self, rules: ResendRules, store: Store) -> None:
        """Show a finished plan with the same customers; the selection stays where the plan allows it."""
        selection, only = Selection(), self._view.only
        if self._store.ready:
            with self._store.cursor() as old, store.cursor() as new:
                selection = planning.carried_over(old, new, self._selection)
                only = only and planning.carried_over(old, new, only, "true")
        with self._lock:
            self._cancel_queries()
            self._rules, self._store, self._view = rules, store, replace(self._view, only=only)
            self._cache = QueryCache(store, self._view)
            self._selection, self._before, self._frozen, self._planning = selection, [], None, None
            self._since = self._version = self._version + 1
        self._send_init()
        self._set_stored()

    def _require_plan(self) -> None:
        """Check that a plan is complete and is not being replaced."""
        if self._planning is not None or not self._store.ready:
            raise ArgumentError(_("The plan is being made."), hint=_("wait until it is there, then try again."))

    def _whole(self) -> Filter:
        return Filter(decision=RESENDS)

    def _show(self, view: View) -> None:
        """Show other rows, or another order; the default order is by rank, in groups and without."""
        is_unsorted = view.by in {None, "rank"} and not view.down
        super()._show(replace(view, by=None if view.grouped else "rank") if is_unsorted else view)

    def _group_text(self, code: str) -> list[str]:
        return planning.group_text(code, self._rules, self._store.causes, self._language)

    def _about_selection(self, con: duckdb.DuckDBPyConnection, selection: Selection) -> dict[str, int]:
        return {"batches": planning.count_batches(con, selection, self._rules.batch_size)} if selection else {}

    def _about_customer(self, con: duckdb.DuckDBPyConnection, key: int) -> dict[str, Any]:
        names = "record_id, customer_id, sent_at, sent_by, batch"
        resends = self._from_workspace(lambda own: own.resends().select(names).to_arrow_table())
        return {"messages": planning.messages(con, key), "sent": planning.sent_to(con, key, resends)}

    # Batches: confirm and write.

    def _confirm(self) -> None:
        self._require_plan()
        selection = self._selection

        def work(con: duckdb.DuckDBPyConnection) -> None:
            frozen = planning.freeze(con, selection, self._rules)
            texts = planning.confirmation(con, selection, self._rules.batch_size, self._language)
            unsent = self._from_workspace(lambda own: own.unsent_customers().to_arrow_table())
            known = planning.count_in_unsent_batches(con, frozen, unsent)
            self._frozen = frozen
            texts |= {"count": frozen.count, "digest": frozen.digest, "folder": str(self._folder)}
            self._send_message("confirmation", in_open_batch=known, **texts)

        self._worker.submit("confirm", work)

    def _write(self, message: dict[str, Any]) -> None:
        self._require_plan()
        frozen = self._frozen
        if frozen is None or message["digest"] != frozen.digest or not frozen.count:
            raise ArgumentError(_("What was confirmed is not what would be written."), hint=_("confirm again."))
        self._frozen = None

        def work(con: duckdb.DuckDBPyConnection) -> None:
            self.written = self._write_frozen(con, frozen)
            files = [[path.name, self.written.rows.get(path.name)] for path in self.written.paths]
            self._choose(Selection())  # they have their batch
            folder, ids = str(self.written.paths[0].parent.absolute()), list(self.written.batch_ids.values())
            self._send_message(
                "batches_written", customers=self.written.customers, files=files, batch_ids=ids, folder=folder
            )
            self._send_view()

        self._worker.submit("write", work)

    def _write_frozen(self, con: duckdb.DuckDBPyConnection, frozen: planning.Frozen) -> Written:
        """Write the batches; a workspace records them first, and discards them if they cannot be written."""
        plan = planning.confirmed_plan(con, frozen)
        target = planning.new_batch_folder(self._folder, frozen)
        ids = self._from_workspace(lambda own: own.record_batches(plan.to_arrow_table(), folder=target.name)) or {}
        try:
            return planning.check_confirmed(write_batches(plan, target, language=self._language, batch_ids=ids), frozen)
        except BaseException:
            if ids:
                with self._locked_workspace() as own:
                    own.discard_batches(list(ids.values()))
            raise

    # What was sent and resolved.

    @contextlib.contextmanager
    def _marking(self) -> Iterator[Workspace]:
        """Yield the workspace to store a mark, and plan again."""
        with self._locked_workspace() as own:
            yield own
            self._marks_made += 1
        self._plan_again()

    def _mark_sent(self, message: dict[str, Any]) -> None:
        at, exclude = read_day(message["day"]), message["left_out"]
        with self._marking() as own:
            own.mark_batch_sent(message["batch_id"], by=message["user"], at=at, exclude=exclude)
        self._send_view()

    def _unmark_sent(self, message: dict[str, Any]) -> None:
        with self._marking() as own:
            own.unmark_batch_sent(message["batch_id"])
        self._send_view()

    def _send_batch(self, message: dict[str, Any]) -> None:
        """Send the customers of a batch, and which of them were left out when it was marked as sent."""
        batch_id = message["batch_id"]
        with self._locked_workspace() as own:
            records = own.batch_records(batch_id)
            resent = own.resends().filter(f"batch_id = {lit(batch_id)}").select("record_id").fetchall()
        sent = {record_id for (record_id,) in resent}
        left_out = [each for each in records if each not in sent] if sent else []

        def work(con: duckdb.DuckDBPyConnection) -> None:
            customers = planning.with_names(con, records, self._language)
            self._send_message("batch_customers", batch_id=batch_id, customers=customers, left_out=left_out)

        self._worker.submit("batch", work)

    def _discard(self, message: dict[str, Any]) -> None:
        with self._locked_workspace() as own:
            own.discard_batches([message["batch_id"]])
        self._send_view()

    def _mark_customer(self, message: dict[str, Any]) -> None:
        how = {"on": read_day(message["day"]), "by": message["user"], "note": message["note"] or None}
        record_id, *_ = self._opened(message)
        with self._marking() as own:
            if message["type"] == "mark_resolved":
                own.mark_resolved([record_id], catalogue=self._catalogue, **how)
            else:
                own.mark_do_not_invite([record_id], **how)

    def _unmark(self, message: dict[str, Any]) -> None:
        _record, customer_id, reason_code = self._opened(message)
        is_barred = reason_code == DO_NOT_INVITE
        with self._marking() as own:
            marks = own.marks_of(customer_id).items()
            reasons = [mark_id for mark_id, failure in marks if (failure == DO_NOT_INVITE) == is_barred]
            undo_marks(own, reasons, by=message["user"])

    def _has_own_account_mark(self) -> bool:
        valid = "unmarked_at is null and customer_id is null"
        return bool(self._from_workspace(lambda own: own.marks().filter(valid).fetchall()))

    def _mark_own_account(self, message: dict[str, Any]) -> None:
        with self._marking() as own:
            own.mark_own_account_changed(read_day(message["day"]), by=message["user"])

    def _unmark_own_account(self, message: dict[str, Any]) -> None:
        with self._marking() as own:
            undo_marks(own, list(own.marks_of(None)), by=message["user"])

    def _opened(self, message: dict[str, Any]) -> tuple[str, str, str]:
        """Return the record and the customer that a message is about, and the reason for its decision.

        The key may be another record's by now: then the plan has changed, which is an error.
        """
        self._require_plan()
        if message["version"] != self._version:
            raise ArgumentError(_("The plan has changed since this customer was opened."), hint=_("open it again."))
        with self._store.cursor() as con:
            query = f"select record_id, customer_id, reason_code from records where ik_key = {message['key']}"
            (found,) = rows(con, query)
        return found

    def _outcomes(self) -> None:
        lines = []
        with self._locked_workspace() as own:
            outcomes = own.outcomes(catalogue=self._catalogue).select(*OUTCOMES).fetchall()
        for batch_id, sent_at, cause, *counts in outcomes:
            cause_text = display.shown("failure_code", cause, language=self._language)
            lines.append([batch_id, display.shown("sent_at", sent_at), cause_text, *counts])
        self._send_message("outcomes", names=list(OUTCOMES), rows=lines)


def undo_marks(workspace: Workspace, mark_ids: list[int], *, by: str) -> None:
    """Undo the marks of a customer, or of the own account.

    Raises:
        ArgumentError: There are none, for example because the mark of the own account released the customer.
    """
    if not mark_ids:
        raise ArgumentError(
            _("This customer has no mark of its own."),
            hint=_("in the list “Ask Huawei support”, take the mark of your own account back."),
        )
    workspace.unmark(mark_ids, by=by)


def read_day(text: str) -> dt.date:
    """Read a date of the screen.

    Raises:
        ArgumentError: It is not a date, for example because the field was emptied.
    """
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ArgumentError(_("The date is missing."), hint=_("choose the day on which it was done.")) from None


def iso_day(day: dt.date | None) -> str | None:
    """Return a date, or the date of a time, as text."""
    return None if day is None else f"{day:%Y-%m-%d}"


def _user_name() -> str:
    """Return the user's login name; a number if the system has none, as in some containers: marks need a name."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "user"
