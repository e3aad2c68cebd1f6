"""One page for people without a notebook: pick, explore, hand on; or first, what to open."""

from __future__ import annotations

import datetime as dt
import html
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets

from invitekit.annotate import annotate
from invitekit.catalogue import Language
from invitekit.engine.materialize import materialize
from invitekit.load import load
from invitekit.resend import ResendRules
from invitekit.widgets.answers import words
from invitekit.widgets.explorer import Explorer
from invitekit.widgets.export_panel import ExportPanel
from invitekit.widgets.jobs import told
from invitekit.widgets.picker import ResendPicker
from invitekit.workspace import Workspace

ASKED = "INVITEKIT_PAGE"
"""The variable of the environment that says what a page shows: JSON with the arguments of ``page``."""
_FILES = (".csv", ".tsv", ".xlsx", ".parquet", ".json", ".jsonl")
_MEMORY = ".duckdb"


def asked() -> ipywidgets.Widget:
    """Make the page that the environment asks for."""
    given: dict[str, Any] = json.loads(os.environ.get(ASKED, "{}"))
    return page(**given)


def page(
    sources: list[str] | None = None,
    workspace: str | None = None,
    *,
    folder: str = ".",
    rules: str | None = None,
    as_of: str | None = None,
    language: Language = "en",
) -> ipywidgets.Widget:
    """Make the page of some files or of a workspace; of neither, one that asks what to open.

    Args:
        sources: Files, folders or globs.
        workspace: The path of a workspace; with sources too, it only remembers.
        folder: Where batches are written, in a folder ``batches``, and where the files lie that can be opened.
        rules: A TOML file with ``ResendRules``.
        as_of: The day to plan for, as 2026-03-30; now, if it is left out.
        language: Of labels and words: ``en`` or ``zh``.
    """
    said = words(language)
    how: dict[str, Any] = {"folder": folder, "rules": rules, "as_of": as_of, "language": language}
    if not sources and not workspace:
        return _opening(Path(folder), said, lambda chosen, memory: page(chosen, memory, **how))
    return _meanwhile(said["loading"], lambda: _tabs(sources or [], workspace, said, **how), language)


def _meanwhile(said: str, make: Callable[[], ipywidgets.Widget], language: Language) -> ipywidgets.Widget:
    """Say what is being done until a widget is made: ten million rows take a minute to read."""
    box = ipywidgets.VBox([ipywidgets.HTML(f"<p role='status'>{html.escape(said)}</p>")])

    def fill() -> None:
        try:
            box.children = (make(),)
        except Exception as error:  # noqa: BLE001 - a thread has no caller: it is shown on the page
            shown = {name: html.escape(text) for name, text in told(error, language).items()}
            alert = "<p role='alert'><strong>{problem}</strong> {hint}</p>".format(**shown)
            box.children = (ipywidgets.HTML(alert),)

    threading.Thread(target=fill, name="invitekit-page").start()
    return box


def _tabs(
    sources: list[str], workspace: str | None, said: dict[str, str], *, folder: str, rules: str | None,
    as_of: str | None, language: Language,
) -> ipywidgets.Widget:  # fmt: skip
    """Open what is asked for, and show the picker; the other tabs are made when they are first looked at."""
    moment = dt.datetime.fromisoformat(as_of) if as_of else None
    memory = Workspace(workspace) if workspace else None
    records: Any = load(sources).records if sources else memory and memory.history()
    chosen = ResendRules.from_toml(rules) if rules else ResendRules()
    picker = ResendPicker(records, chosen, memory, as_of=moment, folder=Path(folder) / "batches", language=language)
    beside: dict[str, Any] = {"as_of": moment, "language": language}
    unseen: dict[int, Callable[[], ipywidgets.Widget]] = {
        1: lambda: Explorer(materialize(annotate(records, as_of=moment, language=language)), language=language),
        2: lambda: ExportPanel(records, memory, folder=folder, **beside),
    }
    titles = [said[name] for name in ("tab_pick", "tab_explore", "tab_export")]
    tabs = ipywidgets.Tab([picker, *(ipywidgets.VBox() for _ in unseen)], titles=titles)

    def look(change: dict[str, Any]) -> None:
        make = unseen.pop(change["new"], None)
        if make:
            shown = _meanwhile(said["loading"], make, language)
            tabs.children = tuple(shown if at == change["new"] else one for at, one in enumerate(tabs.children))

    tabs.observe(look, "selected_index")
    tabs.add_class("ik-page")
    return tabs


def _opening(
    folder: Path, said: dict[str, str], opened: Callable[[list[str], str | None], ipywidgets.Widget]
) -> ipywidgets.Widget:
    """Ask which files of a folder to open, and which workspace remembers."""
    there = sorted(one for one in folder.iterdir() if one.is_file() and not one.name.startswith("."))
    files = ipywidgets.SelectMultiple(
        options=[(one.name, str(one)) for one in there if one.suffix.lower() in _FILES], rows=12,
        layout={"width": "min(640px, 95%)"},
    )  # fmt: skip
    memories = [(said["no_workspace"], None), *((one.name, str(one)) for one in there if one.suffix == _MEMORY)]
    memory = ipywidgets.Dropdown(options=memories, layout={"width": "min(640px, 95%)"})
    go = ipywidgets.Button(description=said["open_files"], button_style="primary")
    box = ipywidgets.VBox(
        [ipywidgets.HTML(f"<h2>{html.escape(said['open_what'])}</h2><p>{html.escape(said['open_why'])}</p>"),
         files, memory, go]
    )  # fmt: skip

    def show(_button: Any) -> None:
        if files.value or memory.value:
            box.children = (opened(list(files.value), memory.value),)

    go.on_click(show)
    return box
