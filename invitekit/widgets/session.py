"""The session of the page: the open files or workspace, and one screen for each tab of the page."""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from msgspec import structs

from invitekit.engine.duckdb import apart
from invitekit.engine.materialize import materialize
from invitekit.errors import ArgumentError, InvitekitError, check_language
from invitekit.i18n import Language, _, languages, translate
from invitekit.ingest.datetimes import check_time_zone
from invitekit.model.annotate import annotate
from invitekit.model.catalogue import Catalogue
from invitekit.planning import ResendRules
from invitekit.sample import write_sample
from invitekit.widgets import downloads, unknown_words
from invitekit.widgets.base import Handler, MessageWidget, answer
from invitekit.widgets.explorer import Explorer
from invitekit.widgets.export_panel import ExportPanel
from invitekit.widgets.grid import Grid
from invitekit.widgets.opening import Opened, Progress, Sources, how_read, open_sources, question
from invitekit.widgets.payloads import words
from invitekit.widgets.picker import ResendPicker, read_day
from invitekit.widgets.protocol import PageRequest
from invitekit.widgets.reading import Reading, as_utf8
from invitekit.widgets.transfer import Transfers, dated, safe_name
from invitekit.widgets.worker import error_payload, sentence
from invitekit.workspace import Added, Workspace

PAGE = "page"
"""The name in messages about the page itself; all others have the name of a tab."""
TABS = ("pick", "explore", "export")
FILES = (".csv", ".tsv", ".xlsx", ".parquet", ".json", ".jsonl")
WORKSPACE = ".duckdb"
Listener = Callable[[str, dict[str, Any], Sequence[bytes]], None]
"""Receives the tab's name, a message, and its binary parts; called on any thread."""


class Session:
    """The session of a server: every browser tab shows the same files, filter and selection, also after a reload.

    Args:
        folder: The folder whose files the page offers, and in which batches and exports are written.
        rules: When a customer may be invited again.
        as_of: The day to plan for; default: now.
        language: Of labels and texts: ``en`` or ``zh``.
        catalogue: The known failure messages; else the built-in ones.
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
        self.transfers = Transfers()
        self._opened: Opened | None = None
        self._sources, self._unread = Sources(folder), Sources(folder)
        self._changed: dict[str, list[str]] = {}
        self._new: list[Added] = []
        self._workspaces: list[Workspace] = []
        self._screens: dict[str, MessageWidget] = {}
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
        """Open files, a workspace, or both; with both, the files are added to the workspace.

        Args:
            sources: Files, folders or globs.
            workspace: The path of a workspace; with sources it is created if it is missing.
            progress: Called while files are read with their name, the bytes read and the bytes in all.
            options: Passed on to ``load``.

        Returns:
            One ``Added`` for each file that was to be added to the workspace; empty without a workspace.

        Raises:
            InvitekitError: What ``load`` or ``Workspace`` raises; what was open before stays open.
        """
        chosen = Sources(self._folder, tuple(map(Path, sources)), Path(workspace) if workspace else None, options)
        opened, picker = self._read(chosen, progress)
        self._show(chosen, opened, picker)
        return opened.added

    def receive(self, to: str, message: dict[str, Any]) -> None:
        """Answer a message of the browser, for the page or one of its tabs."""
        if to == PAGE:
            try:
                answer(message, PageRequest, self._handlers())
            except Exception as error:  # noqa: BLE001 - a message has no other caller: it is shown on the page
                self._send_problem(PAGE, error)
            return
        screen = self._screens.get(to)
        if screen is not None:
            screen.receive(message)
        elif to in TABS and self._state["status"] == "open":
            self._in_background(to, lambda: self._open_screen(to, message))

    def close(self) -> None:
        """Close the screens and the workspace, and open nothing more."""
        with self._lock:
            self._closed = True
            self._listeners.clear()
            self._reset()
        self.transfers.close()

    def error_payload(self, error: Exception) -> dict[str, Any]:
        """Return problem and hint in the language of the page; a hint about an argument is replaced."""
        payload = error_payload(error, self._language)
        if isinstance(error, InvitekitError) and error.choice is not None:
            can_choose = error.choice.options or error.choice.kind == "snapshot"
            chosen, hint = _("choose how it is read, or leave it out."), _("export it again, or open another.")
            payload["hint"] = sentence(translate(chosen if can_choose else hint, self._language))
        return payload

    # What is open.

    def _read(self, sources: Sources, progress: Progress | None, **how: bool) -> tuple[Opened, ResendPicker]:
        """Read files or a workspace, and create the picker; what was open before stays open."""
        options = sources.options
        if options.get("words") is None and (words_file := self._folder / unknown_words.FILE).is_file():
            options = options | {"words": words_file}
        reading, sources = Reading.of(self._folder), replace(sources, options=options)
        opened = open_sources(sources, reading, self.transfers, progress, **how)
        try:
            picker = ResendPicker(
                opened.planned, self._current_rules(), opened.workspace, as_of=self._as_of,
                folder=sources.folder / "batches", catalogue=self._catalogue, language=self._language,
            )  # fmt: skip
        except BaseException:
            opened.close()
            raise
        return opened, picker

    def _current_rules(self) -> ResendRules:
        """Return the rules as they were last changed on the page."""
        picker = self._screens.get("pick")
        return picker.rules if isinstance(picker, ResendPicker) else self._rules

    def _show(
        self,
        sources: Sources,
        opened: Opened,
        picker: ResendPicker,
        run: str | None = None,
        *,
        is_reread: bool = False,
    ) -> None:
        """Show what was read, unless the page was closed or something else was opened meanwhile."""
        texts, selected = self._texts(opened), None
        shown = self._screens.get("pick")
        if isinstance(shown, ResendPicker) and (is_reread or self._sources.workspace == sources.workspace is not None):
            selected = shown.selected_customers()
        with self._lock:
            if self._closed or run not in (None, self._state["run"]):
                picker.stop()
                opened.close()
                return
            unread = [path for path, _ in opened.failed]
            read = tuple(path for path in sources.paths if path not in unread)
            before = self._sources.paths if self._sources.workspace == sources.workspace is not None else ()
            replaced = {one.name for one in opened.added if one.superseded_files}
            before = tuple(path for path in before if path.name not in replaced)
            names = [path.name for path in read]
            same = [one.name for one in opened.added if one.same_name_files and names.count(one.name) == 1]
            again = [(one.name, f"{one.same_content_on}") for one in opened.added if one.same_content_on]
            self._reset(opened)
            self._sources = replace(sources, paths=tuple(dict.fromkeys((*before, *read))))
            self._unread = replace(sources, paths=tuple(unread))
            if not is_reread:
                self._new = [
                    one for one in opened.added
                    if not (one.already_stored or one.superseded_files or one.same_name_files)
                ]  # fmt: skip
            self._state |= {
                "status": "open",
                "files": opened.files,
                "records": opened.counts[0],
                "rejected": opened.counts[1],
                "added": [[one.name, one.already_stored] for one in opened.added],
                "same_name": same,
                "same_content": again,
                "new": len(self._new),
                "workspace": opened.workspace.path.name if opened.workspace is not None else None,
                "as_of": self._day(),
                "sample": sources.folder != self._folder,
                **texts,
            }
            self._add("pick", picker)
            if selected is not None:
                picker.select_again(selected)
            run = self._state["run"]
        self._send_state()
        if opened.workspace is not None:
            self._in_background(PAGE, lambda: self._compare(run))

    def _texts(self, opened: Opened) -> dict[str, Any]:
        return {
            "unknown": unknown_words.questions(opened.records, self._language),
            "reading": how_read(opened, self._language),
            "failed": self._failed(opened.failed),
        }

    def _set_language(self, language: Language) -> None:
        check_language(language)
        self._language = language
        self._plan_again()

    def _set_day(self, day: str) -> None:
        """Plan for another day; today, or without a day, the plan follows the calendar."""
        chosen = read_day(day) if day else _today()
        self._as_of = dt.datetime.combine(chosen, dt.time()) if chosen != _today() else None
        self._plan_again()

    def _day(self) -> str:
        """Return the day that is planned for."""
        return f"{self._as_of or _today():%Y-%m-%d}"

    def follow_calendar(self) -> None:
        """Plan again if a new day has begun since the plan, unless another day was chosen."""
        with self._lock:
            is_over = self._state["status"] == "open" and self._state["as_of"] != self._day()
        if is_over:
            self._plan_again()

    def _plan_again(self) -> None:
        """Plan again, and close the other screens, which are created again when they are opened."""
        with self._lock:
            opened, run = self._opened, self._state["run"]
            for name in [name for name in self._screens if name != "pick"]:
                self._screens.pop(name).stop()
            picker = self._screens.get("pick")
        if opened is not None:
            texts = self._texts(opened)
            with self._lock:
                if self._state["run"] == run:
                    self._state |= texts | {"as_of": self._day()}
        if isinstance(picker, ResendPicker):
            picker.plan_for(self._as_of, self._language)
        self._send_state()

    def _failed(self, failed: Sequence[tuple[Path, InvitekitError]]) -> list[dict[str, Any]]:
        """Return the texts and questions about files that could not be read."""
        return [
            {"file": path.name, "question": question(path, error, self._language), **self.error_payload(error)}
            for path, error in failed
        ]

    def _compare(self, run: str) -> None:
        """Count what changed since the snapshot before the newest one."""
        with self._another_workspace() or contextlib.nullcontext() as own:
            changes = downloads.changes(own, self._catalogue) if own is not None else None
        with self._lock:
            if changes is None or self._state["run"] != run:
                return
            self._state["changes"], self._changed = changes
        self._send_state()

    # Messages about the page itself.

    def _handlers(self) -> dict[str, Handler]:
        return {
            "connect": lambda _m: self._send_state(),
            "set_language": lambda m: self._set_language(m["language"]),
            "set_day": lambda m: self._set_day(m["day"]),
            "choose_files": lambda _m: self._choose_files(),
            "open": self._open_chosen,
            "discard_upload": lambda m: self.transfers.discard(m["id"]),
            "try_sample": lambda _m: self._try_sample(),
            "answer": self._answer,
            "dismiss": lambda m: self._dismiss(m["file"]),
            "take_out": lambda _m: self._take_out(),
            "replace_older": lambda m: self._replace_older(m["file"]),
            "teach_words": lambda m: self._teach(m["words"]),
            "set_reading": self._set_reading,
            "get_rejected": lambda m: self._in_background(PAGE, lambda: self._send_rejected(m["request"])),
            "show_changed": lambda m: self._show_changed(m["change"]),
            "download": lambda m: self._in_background(PAGE, lambda: self._download(m)),
        }

    def _choose_files(self) -> None:
        with self._lock:
            self._reset()
        self._send_state()

    def _open_chosen(self, message: dict[str, Any]) -> None:
        """Open what was chosen on the page: offered or uploaded files, and a workspace of the folder."""
        offered = self._offered()
        files = [offered["files"][name] for name in message["files"] if name in offered["files"]]
        make = bool(files or message["uploads"])
        workspace = self._workspace_named(message["workspace"], offered["workspaces"], make=make)
        files += [self.transfers.take(upload_id, day) for upload_id, day in message["uploads"]]
        if not files and not workspace:
            raise ArgumentError(_("Nothing was chosen."), hint=_("choose files, a workspace, or both."))
        self._load(Sources(self._folder, tuple(files), workspace))

    def _workspace_named(self, name: str, offered: Mapping[str, Path], *, make: bool) -> Path | None:
        """Return the path of an existing workspace, or with ``make`` of a new one; None without a name."""
        current = self._sources.workspace
        if current is not None and name == current.name and self._sources.folder == self._folder:
            return current
        if name in offered or not name.strip() or not make:
            return offered.get(name)
        full = name.strip() if name.strip().endswith(WORKSPACE) else name.strip() + WORKSPACE
        if safe_name(full) != full:
            raise ArgumentError(
                _("A workspace cannot have this name."), hint=_("give a plain name, such as invitekit.duckdb.")
            )
        return offered.get(full, self._folder / full)

    def _try_sample(self) -> None:
        """Write a sample into the private folder, and open it with a workspace of its own."""
        folder = self.transfers.new_file("sample")

        def sample() -> Sources:
            newest = (self._as_of or dt.datetime.now(dt.UTC)).date()
            paths = write_sample(folder, as_of=newest, language=self._language, progress=self._send_progress).paths
            return Sources(folder, paths, folder / f"sample{WORKSPACE}")

        self._load(sample)

    def _load(self, sources: Sources | Callable[[], Sources], **how: bool) -> None:
        """Read on a thread; what is open stays open until that is done, and also if it fails."""
        with self._lock:
            if self._state["status"] == "loading":
                return  # another browser tab was quicker
            self._state = self._state | {"status": "loading", "failed": []}
            run = self._state["run"]
        self._send_state()

        def work() -> None:
            chosen = sources if isinstance(sources, Sources) else sources()
            with self._lock:
                self._unread = chosen
            opened, picker = self._read(chosen, self._send_progress, one_by_one=True, **how)
            self._show(chosen, opened, picker, run, is_reread=how.get("again", False))

        self._in_background(PAGE, work)

    def _answer(self, message: dict[str, Any]) -> None:
        """Store the answer to the question about an unreadable file, and read the file again."""
        unread, kind = self._unread, message["kind"]
        path = next((path for path in unread.paths if path.name == message["file"]), None)
        if path is None:
            return  # another browser tab was quicker
        reading = Reading.of(self._folder)
        if kind == "column":
            structs.replace(reading, columns={**reading.columns, **message["columns"]}).save(self._folder)
        elif kind == "encoding":
            copy = as_utf8(path, message["encoding"], self.transfers)
            structs.replace(reading, encoding=message["encoding"]).save(self._folder)
            unread = unread.with_file(path, copy)
        else:
            copy = self.transfers.new_file(dated(path, read_day(message["day"]).isoformat()).name)
            unread = unread.with_file(path, Path(shutil.copyfile(path, copy)))
        self._load(unread)

    def _dismiss(self, file: str) -> None:
        with self._lock:
            unread = tuple(path for path in self._unread.paths if path.name != file)
            self._unread = replace(self._unread, paths=unread)
            failed = [one for one in self._state.get("failed", ()) if one["file"] != file]
            self._state = self._state | {"failed": failed}
        self._send_state()

    def _replace_older(self, file: str) -> None:
        """Let a file replace the stored ones of its name and day, which it corrects."""
        if file in self._state.get("same_name", ()):
            newest = [path for path in self._sources.paths if path.name == file][-1:]
            self._load(replace(self._sources, paths=tuple(newest)), supersede=True)

    def _take_out(self) -> None:
        """Remove the files that were added last from the workspace, such as those of another partner."""
        with self._another_workspace() or contextlib.nullcontext() as own:
            new, self._new = self._new, []
            if own is None or not new:
                return  # another browser tab was quicker
            for file in new:
                own.remove_file(file.name, snapshot_at=file.snapshot_at.date())
        names = {file.name for file in new}
        paths = tuple(path for path in self._sources.paths if path.name not in names)
        self._load(replace(self._sources, paths=paths))

    def _teach(self, meanings: dict[str, dict[str, str]]) -> None:
        """Store the meanings of words, and read what is open again; a workspace needs no files for that."""
        if self._sources.workspace is None:
            self._require_files()
        unknown_words.teach(Path(self._sources.options.get("words") or self._folder / unknown_words.FILE), meanings)
        self._load(self._sources, again=True)

    def _set_reading(self, message: dict[str, Any]) -> None:
        """Store how files are read, and read the open files again."""
        self._require_files()
        reading = Reading.of(self._folder)
        columns = {name: header for name, header in {**reading.columns, **message["columns"]}.items() if header}
        check_time_zone(message["time_zone"])
        how = {name: message[name] for name in ("time_zone", "day_first")}
        structs.replace(reading, columns=columns, **how).save(self._folder)
        self._load(self._sources, again=True)

    def _require_files(self) -> None:
        if not self._sources.paths:
            raise ArgumentError(
                _("The workspace was opened without its files."),
                hint=_("open the files again together with the workspace."),
            )

    # Lists and downloads.

    def _show_changed(self, change: str) -> None:
        picker = self._screens.get("pick")
        if change in self._changed and isinstance(picker, ResendPicker):
            picker.show_only(self._changed[change], change)

    @contextlib.contextmanager
    def _rejected(self) -> Iterator[Any]:
        if self._opened is None:
            raise ArgumentError(_("There is nothing to download."), hint=_("load this page again."))
        with self._another_workspace() or contextlib.nullcontext() as own:
            yield own.rejects() if own is not None else self._opened.rejects

    def _send_rejected(self, request: str) -> None:
        with self._rejected() as rejected:
            rows = downloads.why_rejected(rejected, self._language)
        self._send(PAGE, {"type": "listing", "request": request, "rows": rows[: downloads.LISTED], "total": len(rows)})

    def _download(self, message: dict[str, Any]) -> None:
        """Create the requested file, and send the ID by which the page can fetch it once."""
        path = self._file(message["what"], message["name"], message)
        download_id = self.transfers.offer(path)
        self._send(PAGE, {"type": "download", "request": message["request"], "id": download_id, "name": path.name})

    def _file(self, what: str, name: str, message: dict[str, Any]) -> Path:
        new_file, screen = self.transfers.new_file, self._screens.get(message["tab"])
        if what == "rejected":
            with self._rejected() as rejected:
                return downloads.write_rejected(rejected, new_file, self._language)
        if what == "list" and isinstance(screen, Grid):
            return downloads.write_list(screen, name, new_file, self._language)
        if what == "batch" and isinstance(screen, ResendPicker):
            paths = screen.batch_files(message["batch_id"], name)
            return downloads.together(paths, paths[0].parent.name, new_file)
        if what == "export" and isinstance(screen, ExportPanel):
            return downloads.together(screen.files(name), Path(name).stem, new_file)
        raise ArgumentError(_("There is nothing to download."), hint=_("load this page again."))

    def _offered(self) -> dict[str, dict[str, Path]]:
        try:
            by_name = sorted(path for path in self._folder.iterdir() if path.is_file() and path.name[0] != ".")
            newest = sorted(by_name, key=lambda path: path.stat().st_mtime, reverse=True)
        except OSError:  # the folder is gone or not readable
            by_name = newest = []
        return {
            "files": {path.name: path for path in by_name if path.suffix.lower() in FILES},
            "workspaces": {path.name: path for path in newest if path.suffix.lower() == WORKSPACE},
        }

    def _send_progress(self, name: str, done: int, total: int) -> None:
        self._send(PAGE, {"type": "progress", "file": name, "done": done, "total": total})

    def _send_state(self) -> None:
        with self._lock:
            state = dict(self._state)
        state["offered"] = {kind: list(names) for kind, names in self._offered().items()}
        names = {code: words(code)["own_name"] for code in languages()}
        texts = {"language": self._language, "languages": names, "words": words(self._language)}
        self._send(PAGE, {"type": "state", **texts, **state})

    def _send(self, name: str, message: dict[str, Any], buffers: Sequence[bytes] = ()) -> None:
        for listener in tuple(self._listeners):
            listener(name, message, buffers)

    def _send_problem(self, tab: str, error: Exception) -> None:
        self._send(PAGE, {"type": "problem", "tab": tab, **self.error_payload(error)})

    # Screens: the picker is created at once, the others when they are opened.

    def _make(self, tab: str) -> MessageWidget:
        moment, language = self._as_of, self._language
        own = self._another_workspace()
        records = own.history() if own is not None else apart(self._opened.records)[0] if self._opened else None
        if tab == "explore":
            return Explorer(records, as_of=moment, catalogue=self._catalogue, language=language)
        annotated = materialize(annotate(records, as_of=moment, catalogue=self._catalogue, language=language))
        return ExportPanel(annotated, own, folder=self._sources.folder, as_of=moment, language=language)

    def _open_screen(self, tab: str, message: dict[str, Any]) -> None:
        """Create a screen, unless another message did so meanwhile, and pass it the message."""
        with self._building:
            with self._lock:
                run, screen = self._state["run"], self._screens.get(tab)
            if screen is None:
                screen = self._make(tab)
                with self._lock:
                    if self._state["run"] != run:  # something else was opened meanwhile
                        screen.stop()
                        return
                    self._add(tab, screen)
        screen.receive(message)

    def _add(self, tab: str, screen: MessageWidget) -> None:
        screen.listen(lambda message, buffers: self._send(tab, message, buffers))
        self._screens[tab] = screen

    def _another_workspace(self) -> Workspace | None:
        """Open the workspace on another connection, if there is a workspace."""
        with self._lock:
            if not self._workspaces:
                return None
            self._workspaces.append(self._workspaces[0].cursor())
            return self._workspaces[-1]

    def _reset(self, opened: Opened | None = None) -> None:
        """Close the screens and their workspaces, and set what is open now."""
        self._rules = self._current_rules()
        for screen in self._screens.values():
            screen.stop()
        for workspace in self._workspaces:
            workspace.close()
        self._screens, self._opened, self._changed, self._new = {}, opened, {}, []
        self._sources = self._unread = Sources(self._folder)
        self._workspaces = [opened.workspace] if opened is not None and opened.workspace is not None else []
        self._state = {"status": "choose", "run": secrets.token_hex(8)}

    def _in_background(self, tab: str, work: Callable[[], None]) -> None:
        with self._lock:
            run = self._state["run"]

        def work_and_report() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - a thread has no caller: it is shown on the page
                with self._lock:
                    if self._state["run"] != run:
                        return  # the error is about what was open before
                    if self._state["status"] == "loading":
                        self._state["status"] = "open" if self._screens else "choose"
                        self._state["failed"] = self._not_read(error)
                self._send_state()
                self._send_problem(tab, error)

        threading.Thread(target=work_and_report, name=f"invitekit-{tab}", daemon=True).start()

    def _not_read(self, error: Exception) -> list[dict[str, Any]]:
        """Return the question about the file that caused an error, if it has one."""
        paths = self._unread.paths
        if not isinstance(error, InvitekitError) or error.choice is None or not paths:
            return []
        return self._failed([(next((p for p in paths if p.name == error.choice.source), paths[0]), error)])


def _today() -> dt.date:
    """Return the current day where this machine is."""
    return dt.datetime.now().astimezone().date()
