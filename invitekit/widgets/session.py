"""What the page shows: the files or the workspace that are open, and one screen for each of its tabs."""

from __future__ import annotations

import datetime as dt
import secrets
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from invitekit.annotate import annotate
from invitekit.catalogue import Catalogue, Language
from invitekit.engine.materialize import materialize
from invitekit.errors import ArgumentError
from invitekit.load import load
from invitekit.resend import ResendRules
from invitekit.widgets.answers import words
from invitekit.widgets.explorer import Explorer
from invitekit.widgets.export_panel import ExportPanel
from invitekit.widgets.jobs import told
from invitekit.widgets.picker import ResendPicker
from invitekit.widgets.screen import Screen
from invitekit.workspace import Added, Workspace

PAGE = "page"
"""The name that messages about the page itself carry; all others carry the name of a tab."""
TABS = ("pick", "explore", "export")
FILES = (".csv", ".tsv", ".xlsx", ".parquet", ".json", ".jsonl")
WORKSPACE = ".duckdb"
Listener = Callable[[str, dict[str, Any], Sequence[bytes]], None]
"""Receives the tab's name, a message, and its binary parts; called on any thread."""
Progress = Callable[[str, int, int], None]


class Session:
    """One session a server: every browser tab shows the same files, filter and selection.

    The screens stay in this process when a browser tab is reloaded or closed, so nothing that was
    filtered or selected is lost.

    Args:
        folder: Where batches and exports are written, and whose files the page offers to open.
        rules: When a customer may be invited again.
        as_of: The day to plan for; now, if it is left out.
        language: Of labels and texts: ``en`` or ``zh``.
        catalogue: The failure messages known; else the built-in ones.
    """

    def __init__(
        self,
        folder: Path,
        *,
        rules: ResendRules | None = None,
        as_of: dt.datetime | None = None,
        language: Language = "en",
        catalogue: Catalogue | None = None,
    ) -> None:
        self._folder, self._rules, self._as_of, self._language = folder, rules or ResendRules(), as_of, language
        self._catalogue = catalogue
        self._lock = threading.RLock()
        self._listeners: list[Listener] = []
        self._records: Any = None
        self._workspaces: list[Workspace] = []
        self._screens: dict[str, Screen] = {}
        self._state: dict[str, Any] = {}
        self._reset()

    def listen(self, listener: Listener) -> None:
        """Pass every message for the browser to a function."""
        self._listeners.append(listener)

    def open(
        self,
        sources: Iterable[str] = (),
        workspace: str | Path | None = None,
        *,
        progress: Progress | None = None,
        **options: Any,
    ) -> tuple[Added, ...]:
        """Open files, a workspace, or both: then the files are added to the workspace.

        Args:
            sources: Files, folders or globs.
            workspace: The path of a workspace; with sources it is created if it is missing.
            progress: Called while files are read with their name, the bytes read and the bytes in all.
            options: Passed on to ``load``.

        Returns:
            What became of each file that was to be added to the workspace; empty without one.

        Raises:
            InvitekitError: As ``load`` or ``Workspace`` raise it; what was open before stays open.
        """
        paths, added = list(sources), tuple[Added, ...]()
        opened = Workspace(workspace, make=bool(paths)) if workspace else None
        try:
            if opened is not None:
                added = opened.add(paths, progress=progress, **options) if paths else ()
                records, counts = opened.history(), opened.counts()
                count, rejected = counts["records"], counts["rejects"]
                names = [row[0] for row in opened.files().select("source_file").fetchall()]
            else:
                loaded = load(paths, progress=progress, **options)
                records, count, rejected = loaded.records, loaded.summary.records, loaded.summary.rejects
                names = [file.name for file in loaded.summary.files]
        except BaseException:
            if opened is not None:
                opened.close()
            raise
        with self._lock:
            self._reset(opened)
            self._records = records
            self._state |= {
                "status": "open",
                "files": names,
                "records": count,
                "rejected": rejected,
                "added": [[one.name, one.already_stored] for one in added],
                "workspace": opened.path.name if opened is not None else None,
                "as_of": f"{self._as_of:%Y-%m-%d}" if self._as_of else None,
            }
            self._add("pick", self._make("pick"))
        self._tell_state()
        return added

    def receive(self, to: str, message: dict[str, Any]) -> None:
        """Answer a message of the browser, for the page or one of its tabs."""
        if to == PAGE:
            self._answer(message)
            return
        screen = self._screens.get(to)
        if screen is not None:
            screen.receive(message)
        elif to in TABS and self._state["status"] == "open":
            self._in_background(to, lambda: self._first_look(to, message))

    def close(self) -> None:
        """Close the workspace and forget what was open."""
        with self._lock:
            self._reset()

    # Messages about the page itself.

    def _answer(self, message: dict[str, Any]) -> None:
        if message["type"] == "hello":
            self._tell_state()
        elif message["type"] == "choose":
            self.close()
            self._tell_state()
        elif message["type"] == "open":
            self._in_background(PAGE, lambda: self._open_chosen(message))

    def _open_chosen(self, message: dict[str, Any]) -> None:
        """Open what was chosen on the page; only files that it offered."""
        offered = self._offered()
        files = [offered["files"][name] for name in message["files"] if name in offered["files"]]
        workspace = offered["workspaces"].get(message.get("workspace") or "")
        if not files and not workspace:
            raise ArgumentError("Nothing was chosen.", hint="choose files, a workspace, or both.")
        with self._lock:
            self._state["status"] = "loading"
        self._tell_state()
        self.open(map(str, files), workspace, progress=self._tell_progress)

    def _offered(self) -> dict[str, dict[str, Path]]:
        there = sorted(one for one in self._folder.iterdir() if one.is_file() and not one.name.startswith("."))
        return {
            "files": {one.name: one for one in there if one.suffix.lower() in FILES},
            "workspaces": {one.name: one for one in there if one.suffix.lower() == WORKSPACE},
        }

    def _tell_progress(self, name: str, done: int, total: int) -> None:
        self._tell(PAGE, {"kind": "progress", "file": name, "done": done, "total": total})

    def _tell_state(self) -> None:
        with self._lock:
            state = dict(self._state)
        if state["status"] != "open":
            state["offered"] = {kind: list(names) for kind, names in self._offered().items()}
        self._tell(PAGE, {"kind": "state", "language": self._language, "words": words(self._language), **state})

    def _tell(self, name: str, message: dict[str, Any], buffers: Sequence[bytes] = ()) -> None:
        for listener in self._listeners:
            listener(name, message, buffers)

    # Screens: the first one at once, the others when somebody looks at them.

    def _make(self, tab: str) -> Screen:
        moment, language = self._as_of, self._language
        if tab == "pick":
            workspace = self._workspaces[0] if self._workspaces else None
            return ResendPicker(
                self._records, self._rules, workspace, as_of=moment, folder=self._folder / "batches",
                catalogue=self._catalogue, language=language,
            )  # fmt: skip
        # A connection of its own: DuckDB refuses two calls at a time on one.
        own = self._another_workspace()
        records = own.history() if own is not None else self._records
        annotated = materialize(annotate(records, as_of=moment, catalogue=self._catalogue, language=language))
        if tab == "explore":
            return Explorer(annotated, language=language)
        return ExportPanel(annotated, own, folder=self._folder, as_of=moment, language=language)

    def _first_look(self, tab: str, message: dict[str, Any]) -> None:
        with self._lock:
            run = self._state["run"]
            if tab in self._screens:
                return
        screen = self._make(tab)
        with self._lock:
            if self._state["run"] != run or tab in self._screens:  # closed meanwhile, or two tabs looked at once
                screen.stop()
                return
            self._add(tab, screen)
        screen.receive(message)

    def _add(self, tab: str, screen: Screen) -> None:
        screen.listen(lambda message, buffers: self._tell(tab, message, buffers))
        self._screens[tab] = screen

    def _another_workspace(self) -> Workspace | None:
        with self._lock:
            if not self._workspaces:
                return None
            self._workspaces.append(Workspace(self._workspaces[0].path))
            return self._workspaces[-1]

    def _reset(self, workspace: Workspace | None = None) -> None:
        """Let go of the screens and their workspace, and take another."""
        for screen in self._screens.values():
            screen.stop()
        for one in self._workspaces:
            one.close()
        self._screens, self._records = {}, None
        self._workspaces = [workspace] if workspace is not None else []
        self._state = {"status": "choose", "run": secrets.token_hex(8)}

    def _in_background(self, name: str, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - a thread has no caller: it is shown on the page
                with self._lock:
                    if self._state["status"] == "loading":
                        self._state["status"] = "choose"
                self._tell_state()
                self._tell(PAGE, {"kind": "problem", "tab": name, **told(error, self._language)})

        threading.Thread(target=run, name=f"invitekit-{name}", daemon=True).start()
