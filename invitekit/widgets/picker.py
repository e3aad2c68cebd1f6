"""The sales-ops person's screen: whom to invite again, why not the others, and what became of it."""

from __future__ import annotations

import datetime as dt
import getpass
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar

import duckdb

from invitekit.batch import Written, write_batches
from invitekit.catalogue import Catalogue, Language
from invitekit.errors import ArgumentError, OutputError
from invitekit.filters import Filter
from invitekit.load.sql import rows
from invitekit.moments import as_utc
from invitekit.resend import ResendRules
from invitekit.vocabularies import RESENDS
from invitekit.widgets import answers, cells, planning
from invitekit.widgets.assets import script
from invitekit.widgets.grid import Grid
from invitekit.widgets.screen import Does
from invitekit.widgets.store import Store
from invitekit.widgets.view import Found, View
from invitekit.workspace import Workspace

ADJUSTABLE = ("cool_down_days", "max_attempts", "batch_size", "link_life_days")
"""Rules that can be changed on the screen."""
COLUMNS = (
    "customer_full_name", "account_name", "reason", "effective_status", "invitation_method", "invited_at", "retry_at",
    "attempts", "chance", "account_manager", "custom_tag", "email", "mobile", "next_step", "decision",
)  # fmt: skip
"""Columns that are shown at first: who, and why."""
_OUTCOMES = ("batch_id", "sent_at", "cause", "resent", "associated", "failed_again", "expired", "open", "not_seen")


class ResendPicker(Grid):
    """Pick whom to invite again: every record has its decision and the reason for it.

    Args:
        records: The whole history, a frame of any engine; those of the workspace, if it is left out.
        rules: When a customer may be invited again; else ``ResendRules()``.
        workspace: What remembers batches, resends and marks: an open one, or the path of its file.
        as_of: The moment to plan for; now, if it is left out.
        folder: Where batches are written: one folder each in it.
        catalogue: The failure messages known; else the built-in ones.
        language: Of labels, reasons and words: ``en`` or ``zh``.

    Raises:
        ArgumentError: There are neither records nor a workspace.

    Example:
        >>> import datetime as dt
        >>> import polars as pl
        >>> from invitekit import load
        >>> rows = pl.DataFrame({"Account": ["acme", "beta"], "Status": ["Expired", "Associated"]})
        >>> picker = ResendPicker(load(rows).records, ResendRules(cool_down_days=0), as_of=dt.date(2026, 3, 30))
        >>> picker.wait(), picker.count
        (True, 1)
    """

    _esm = script("screen.js", "picker.js")
    mode: ClassVar[str] = "pick"
    can: ClassVar[str] = planning.CAN

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
        **traits: Any,
    ) -> None:
        if records is None and workspace is None:
            raise ArgumentError("There are no records.", hint="pass records, or a workspace that has some.")
        self.workspace = workspace if workspace is None or isinstance(workspace, Workspace) else Workspace(workspace)
        self._records, self._rules, self._moment = records, rules or ResendRules(), as_utc(as_of)
        self._folder, self._catalogue = Path(folder), catalogue
        self._frozen: planning.Frozen | None = None
        self._tried: tuple[ResendRules, Store] | None = None
        self.written: Written | None = None
        plan = self._planner(self._rules, language)
        traits.setdefault("columns", list(COLUMNS))
        super().__init__(self._source(), derive=plan, language=language, **traits)
        self._view = View(Filter(decision=RESENDS), "rank")
        self.set_trait("value", self._view.choice.to_dict())

    @property
    def rules(self) -> ResendRules:
        """When a customer may be invited again; set them to plan anew."""
        return self._rules

    @rules.setter
    def rules(self, rules: ResendRules) -> None:
        self._rules = rules
        self._plan_again()

    @property
    def count(self) -> int:
        """How many customers may be invited again."""
        self._jobs.wait()
        with self._store.cursor() as con:
            return int(rows(con, f"select count(*) from records where {self.can}")[0][0])

    def _source(self) -> Any:
        return self._records if self._records is not None else self.workspace and self.workspace.history()

    def _planner(self, rules: ResendRules, language: Language) -> Any:
        memory = {}
        if self.workspace is not None:
            memory = {"sent": self.workspace.sent().to_arrow_table(), "done": self.workspace.done().to_arrow_table()}
        return planning.planner(rules, self._moment, memory, self._catalogue, language)

    def _does(self) -> dict[str, Does]:
        return super()._does() | {
            "try_rules": self._try_rules,
            "use_rules": lambda _m: self._use_rules(),
            "confirm": lambda _m: self._confirm(),
            "write": self._write,
            "log": self._log,
            "discard": self._discard,
            "mark": self._mark,
            "outcomes": lambda _m: self._outcomes(),
        }

    def _state(self) -> dict[str, Any]:
        given = {name: getattr(self._rules, name) for name in ADJUSTABLE}
        found = super()._state()
        with_rows: dict[str, Any] = {"tabs": []}
        if self._store.ready:
            with self._store.cursor() as con:
                with_rows = {"tabs": planning.tabs(con, self._language)}
        memory = {"workspace": self.workspace is not None, "by": getpass.getuser(), "unlogged": self._unlogged()}
        return found | with_rows | memory | {"rules": given, "rules_said": self._rules.words(self._language)}

    def _unlogged(self) -> list[list[Any]]:
        if self.workspace is None:
            return []
        waiting = self.workspace.batches().filter("sent is null").fetchall()
        return [
            [batch_id, number, customers, f"{at:%Y-%m-%d %H:%M}"]
            for batch_id, number, at, _, _, customers, *_ in waiting
        ]

    # Rules: the effect first.

    def _plan_again(self) -> None:
        """Make the plan anew, in place of the one that is shown."""
        store = Store(self._source(), self._planner(self._rules, self._language))
        self._tried = (self._rules, store)
        self._jobs.submit("build", lambda _con: self._built(store, self._use_rules))

    def _try_rules(self, message: dict[str, Any]) -> None:
        rules = replace(self._rules, **{name: message["rules"][name] for name in ADJUSTABLE})
        store = Store(self._source(), self._planner(rules, self._language))

        def told() -> None:
            with self._store.cursor() as old, store.cursor() as new:
                before, after = (planning.tabs(con, self._language) for con in (old, new))
            rows_ = [[label, n, m] for (_, label, n), (_, _, m) in zip(before, after, strict=True) if n or m]
            self._tried = (rules, store)
            self._tell("effect", rows=rows_, said=rules.words(self._language), rules=asdict(rules))

        self._jobs.submit("build", lambda _con: self._built(store, told))

    def _built(self, store: Store, then: Callable[[], None]) -> None:
        with store.cursor() as con:
            store.build(con)
        then()

    def _use_rules(self) -> None:
        """Show the plan that was made last; who is chosen stays chosen where that is still allowed."""
        if self._tried is None:
            return
        (rules, store), self._tried = self._tried, None
        with self._store.cursor() as old, store.cursor() as new:
            selection = planning.carried_over(old, new, self._selection)
        with self._lock:
            self._rules, self._store, self._found = rules, store, Found(store.names)
            self._selection, self._before, self._frozen = selection, [], None
            self._number += 1
        self._hello()

    # Whom, written down.

    def _confirm(self) -> None:
        selection = self._selection

        def work(con: duckdb.DuckDBPyConnection) -> None:
            frozen = planning.freeze(con, selection, self._rules)
            told = planning.confirmation(con, selection, self._rules.batch_size, self._language)
            labels = [answers.label(name, self._language) for name in told.pop("labels")]
            self._frozen = frozen
            folder = str(self._folder)
            self._tell("confirm", count=frozen.count, digest=frozen.digest, labels=labels, folder=folder, **told)

        self._jobs.submit("confirm", work)

    def _write(self, message: dict[str, Any]) -> None:
        frozen = self._frozen
        if frozen is None or message["digest"] != frozen.digest or not frozen.count:
            raise ArgumentError("What was confirmed is not what would be written.", hint="confirm again.")
        self._frozen = None

        def work(con: duckdb.DuckDBPyConnection) -> None:
            self.written = self._write_frozen(con, frozen)
            files = [[path.name, self.written.rows.get(path.name)] for path in self.written.paths]
            folder, ids = str(self.written.paths[0].parent.absolute()), list(self.written.batch_ids.values())
            self._tell("written", customers=self.written.customers, files=files, ids=ids, folder=folder)
            self._tell_state()

        self._jobs.submit("write", work)

    def _write_frozen(self, con: duckdb.DuckDBPyConnection, frozen: planning.Frozen) -> Written:
        """Write the batches; a workspace knows of them before anybody sees them, and forgets them if they fail."""
        plan = planning.narrowed(con, frozen)
        target = self._folder / f"{dt.datetime.now().astimezone():%Y-%m-%d_%H%M%S}_{frozen.digest[:6]}"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        noted = {} if self.workspace is None else self.workspace.note_batches(plan.to_arrow_table(), folder=target.name)
        try:
            how: dict[str, Any] = {"rules": frozen.rules, "language": self._language, "batch_ids": noted}
            return _as_confirmed(write_batches(plan, target, as_of=self._moment, **how), frozen)
        except BaseException:
            if self.workspace is not None and noted:
                self.workspace.discard_batches(list(noted.values()))
            raise

    # What was done.

    def _known(self) -> Workspace:
        if self.workspace is None:
            raise ArgumentError("There is no workspace to note it in.", hint="open the picker with one.")
        return self.workspace

    def _log(self, message: dict[str, Any]) -> None:
        self._known().log_batch(message["batch_id"], by=message["by"])
        self._plan_again()

    def _discard(self, message: dict[str, Any]) -> None:
        self._known().discard_batches([message["batch_id"]])
        self._tell_state()

    def _mark(self, message: dict[str, Any]) -> None:
        with self._store.cursor() as con:
            held = rows(con, f"select record_id from records where ik_key = {int(message['key'])}")
        on = dt.date.fromisoformat(message["on"])
        self._known().mark_done([held[0][0]], on=on, by=message["by"], note=message.get("note") or None,
                                catalogue=self._catalogue)  # fmt: skip
        self._plan_again()

    def _outcomes(self) -> None:
        found = self._known().outcomes(catalogue=self._catalogue).select(*_OUTCOMES).fetchall()
        shown = [[row[0], cells.shown("sent_at", row[1]), cells.shown("failure_code", row[2], language=self._language),
                  *row[3:]] for row in found]  # fmt: skip
        self._tell("outcomes", names=list(_OUTCOMES), rows=shown)


def _as_confirmed(written: Written, frozen: planning.Frozen) -> Written:
    """Refuse batches of another size than a person has confirmed."""
    if written.customers != frozen.count:
        raise OutputError(
            f"{written.customers:,} customers were written, {frozen.count:,} were confirmed.",
            hint="do not use these files, and report it.",
        )
    return written
