"""What the page shows: the files or the workspace that are open, and one screen for each of its tabs."""

from __future__ import annotations

import datetime as dt
import secrets
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from invitekit.engine.duckdb import apart
from invitekit.engine.materialize import materialize
from invitekit.errors import ArgumentError
from invitekit.ingest import load
from invitekit.ingest.discover import find_sources
from invitekit.ingest.engine_choice import choose_engine
from invitekit.model.annotate import annotate
from invitekit.model.catalogue import Catalogue, Language
from invitekit.planning import ResendRules
from invitekit.widgets import unknown_words
from invitekit.widgets.base import Handler, MessageWidget
from invitekit.widgets.explorer import Explorer
from invitekit.widgets.export_panel import ExportPanel
from invitekit.widgets.payloads import words
from invitekit.widgets.picker import ResendPicker
from invitekit.widgets.worker import error_payload
from invitekit.workspace import Added, Workspace

PAGE = "page"
"""The name that messages about the page itself carry; all others carry the name of a tab."""
TABS = ("pick", "explore", "export")
FILES = (".csv", ".tsv", ".xlsx", ".parquet", ".json", ".jsonl")
WORKSPACE = ".duckdb"
Listener = Callable[[str, dict[str, Any], Sequence[bytes]], None]
"""Receives the tab's name, a message, and its binary parts; called on any thread."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class _Opened:
    """Files or a workspace that were read, and what the page's header says of them."""

    records: Any
    workspace: Workspace | None
    picker: ResendPicker
    files: list[str]
    counts: tuple[int, int]
    added: tuple[Added, ...]
    unknown: dict[str, Any]


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
        self._lock, self._building, self._closed = threading.RLock(), threading.Lock(), False
        self._listeners: list[Listener] = []
        self._records: Any = None
        self._workspaces: list[Workspace] = []
        self._screens: dict[str, MessageWidget] = {}
        self._opening: tuple[list[str], str | Path | None, dict[str, Any]] = ([], None, {})
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
            One ``Added`` for each file that was to be added to the workspace; empty without a workspace.

        Raises:
            InvitekitError: As ``load`` or ``Workspace`` raise it; what was open before stays open.
        """
        self._show(opened := self._read(list(sources), workspace, progress, options))
        return opened.added

    def receive(self, to: str, message: dict[str, Any]) -> None:
        """Answer a message of the browser, for the page or one of its tabs."""
        if to == PAGE:
            try:
                self._handlers()[message["type"]](message)
            except Exception as error:  # noqa: BLE001 - a message has no other caller: it is shown on the page
                self._send_problem(PAGE, error)
            return
        screen = self._screens.get(to)
        if screen is not None:
            screen.receive(message)
        elif to in TABS and self._state["status"] == "open":
            self._in_background(to, lambda: self._first_look(to, message))

    def close(self) -> None:
        """Close the workspace, forget what was open, and open nothing more."""
        with self._lock:
            self._closed = True
            self._listeners.clear()
            self._reset()

    # What is open.

    def _read(
        self, paths: list[str], workspace: str | Path | None, progress: Progress | None, options: dict[str, Any]
    ) -> _Opened:
        """Read files or a workspace, and make the picker; what was open before stays open."""
        self._opening = paths, workspace, options
        if options.get("words") is None and (words_file := self._folder / unknown_words.FILE).is_file():
            options = options | {"words": words_file}
        again = options.pop("replace", False)
        memory = Workspace(workspace, make=bool(paths)) if workspace else None
        try:
            if memory is None:
                engine = choose_engine(find_sources(paths, options.get("encoding"))).engine
                loaded = load(paths, progress=progress, engine=engine, **options)
                names, summary = [file.name for file in loaded.summary.files], loaded.summary
                counts, records, added = (summary.records, summary.rejects), loaded.records, tuple[Added, ...]()
                planned: Any = loaded
            else:
                added = memory.add(paths, progress=progress, replace=again, **options) if paths else ()
                stored, planned, records = memory.counts(), None, memory.history()
                counts = stored["records"], stored["rejects"]
                names = [row[0] for row in memory.files().select("source_file").fetchall()]
            picker = ResendPicker(
                planned, self._rules, memory, as_of=self._as_of, folder=self._folder / "batches",
                catalogue=self._catalogue, language=self._language,
            )  # fmt: skip
        except BaseException:
            if memory is not None:
                memory.close()
            raise
        unknown = unknown_words.questions(records, self._language)
        return _Opened(records, memory, picker, names, counts, added, unknown)

    def _show(self, opened: _Opened, run: str | None = None) -> None:
        """Show what was read, unless the page was closed or something else was chosen meanwhile."""
        with self._lock:
            if self._closed or run not in (None, self._state["run"]):
                opened.picker.stop()
                if opened.workspace is not None:
                    opened.workspace.close()
                return
            self._reset(opened.workspace)
            self._records = opened.records
            self._state |= {
                "status": "open",
                "files": opened.files,
                "records": opened.counts[0],
                "rejected": opened.counts[1],
                "unknown": opened.unknown,
                "added": [[one.name, one.already_stored] for one in opened.added],
                "workspace": opened.workspace.path.name if opened.workspace is not None else None,
                "as_of": f"{self._as_of:%Y-%m-%d}" if self._as_of else None,
            }
            self._add("pick", opened.picker)
        self._send_state()

    # Messages about the page itself.

    def _handlers(self) -> dict[str, Handler]:
        """Return the handler of each message of the page, by its type."""
        return {
            "connect": lambda _m: self._send_state(),
            "choose_files": lambda _m: self._choose_files(),
            "open": lambda m: self._in_background(PAGE, lambda: self._open_chosen(m)),
            "teach_words": lambda m: self._teach(m["words"]),
        }

    def _choose_files(self) -> None:
        with self._lock:
            self._reset()
        self._send_state()

    def _open_chosen(self, message: dict[str, Any]) -> None:
        """Open what was chosen on the page; only files that it offered."""
        offered = self._offered()
        files = [offered["files"][name] for name in message["files"] if name in offered["files"]]
        workspace = offered["workspaces"].get(message.get("workspace") or "")
        if not files and not workspace:
            raise ArgumentError("Nothing was chosen.", hint="choose files, a workspace, or both.")
        with self._lock:
            if self._state["status"] != "choose":
                return  # another browser tab was quicker
            self._state["status"], run = "loading", self._state["run"]
        self._send_state()
        self._show(self._read(list(map(str, files)), workspace, self._send_progress, {}), run)

    def _teach(self, said: dict[str, dict[str, str]]) -> None:
        """Keep what words mean, and read the files that are open again."""
        paths, workspace, options = self._opening
        if not paths:
            raise ArgumentError(
                "The workspace was opened without its files.", hint="open the files again together with the workspace."
            )
        unknown_words.teach(Path(options.get("words") or self._folder / unknown_words.FILE), said)
        with self._lock:
            self._reset()
            self._state["status"], run = "loading", self._state["run"]
        self._send_state()
        again = options | {"replace": True}
        self._in_background(PAGE, lambda: self._show(self._read(paths, workspace, self._send_progress, again), run))

    def _offered(self) -> dict[str, dict[str, Path]]:
        try:
            there = sorted(one for one in self._folder.iterdir() if one.is_file() and not one.name.startswith("."))
        except OSError:  # the folder is gone, or may not be looked into
            there = []
        return {
            "files": {one.name: one for one in there if one.suffix.lower() in FILES},
            "workspaces": {one.name: one for one in there if one.suffix.lower() == WORKSPACE},
        }

    def _send_progress(self, name: str, done: int, total: int) -> None:
        self._send(PAGE, {"type": "progress", "file": name, "done": done, "total": total})

    def _send_state(self) -> None:
        with self._lock:
            state = dict(self._state)
        if state["status"] != "open":
            state["offered"] = {kind: list(names) for kind, names in self._offered().items()}
        self._send(PAGE, {"type": "state", "language": self._language, "words": words(self._language), **state})

    def _send(self, name: str, message: dict[str, Any], buffers: Sequence[bytes] = ()) -> None:
        for listener in tuple(self._listeners):
            listener(name, message, buffers)

    def _send_problem(self, tab: str, error: Exception) -> None:
        self._send(PAGE, {"type": "problem", "tab": tab, **error_payload(error, self._language)})

    # Screens: the first one at once, the others when somebody looks at them.

    def _make(self, tab: str) -> MessageWidget:
        moment, language = self._as_of, self._language
        own = self._another_workspace()
        records = own.history() if own is not None else apart(self._records)[0]
        if tab == "explore":
            return Explorer(records, as_of=moment, catalogue=self._catalogue, language=language)
        annotated = materialize(annotate(records, as_of=moment, catalogue=self._catalogue, language=language))
        return ExportPanel(annotated, own, folder=self._folder, as_of=moment, language=language)

    def _first_look(self, tab: str, message: dict[str, Any]) -> None:
        """Make a screen, unless another message did so meanwhile, and let it answer."""
        with self._building:
            with self._lock:
                run, screen = self._state["run"], self._screens.get(tab)
            if screen is None:
                screen = self._make(tab)
                with self._lock:
                    if self._state["run"] != run:  # something else was chosen meanwhile
                        screen.stop()
                        return
                    self._add(tab, screen)
        screen.receive(message)

    def _add(self, tab: str, screen: MessageWidget) -> None:
        screen.listen(lambda message, buffers: self._send(tab, message, buffers))
        self._screens[tab] = screen

    def _another_workspace(self) -> Workspace | None:
        with self._lock:
            if not self._workspaces:
                return None
            self._workspaces.append(self._workspaces[0].cursor())
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

    def _in_background(self, tab: str, work: Callable[[], None]) -> None:
        with self._lock:
            run = self._state["run"]

        def work_and_tell() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - a thread has no caller: it is shown on the page
                with self._lock:
                    if self._state["run"] != run:
                        return  # of what was open before
                    if self._state["status"] == "loading":
                        self._state["status"] = "choose"
                self._send_state()
                self._send_problem(tab, error)

        threading.Thread(target=work_and_tell, name=f"invitekit-{tab}", daemon=True).start()
