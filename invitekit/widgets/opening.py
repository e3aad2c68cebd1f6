"""Open files, a workspace, or both; files that cannot be read are returned with the reason, and what can be chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from invitekit.errors import InvitekitError
from invitekit.i18n import Language
from invitekit.ingest import Summary, load
from invitekit.ingest.datetimes import ASSUMED
from invitekit.model import schema
from invitekit.widgets.payloads import label
from invitekit.widgets.reading import Reading, previews
from invitekit.widgets.transfer import Transfers
from invitekit.workspace import Added, Workspace

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Sources:
    """What is to be opened.

    Attributes:
        folder: Where batches and exports are written.
        paths: Files, folders or globs.
        workspace: The path of a workspace; with sources it is created if it is missing.
        options: Of ``load``.
    """

    folder: Path
    paths: tuple[Path, ...] = ()
    workspace: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def with_file(self, old: Path, new: Path) -> Sources:
        """Return the same with another file in the place of one."""
        return replace(self, paths=tuple(new if path == old else path for path in self.paths))


@dataclass(frozen=True, slots=True)
class Opened:
    """Records that were read, and the texts of the page about them.

    Attributes:
        planned: What the picker plans with: None for the records of the workspace.
        records: The same as a relation or a frame.
        reading: How files were read: what was chosen on the page, or by options.
        failed: Files that were not added, with the reason; the others were.
        summaries: What reading the files has found; none for those that the workspace had already.
    """

    planned: Any
    records: Any
    rejects: Any
    workspace: Workspace | None
    files: list[str]
    counts: tuple[int, int]
    reading: Reading
    added: tuple[Added, ...] = ()
    failed: tuple[tuple[Path, InvitekitError], ...] = ()
    summaries: tuple[Summary, ...] = ()


def open_sources(
    sources: Sources,
    reading: Reading,
    transfers: Transfers,
    progress: Progress | None = None,
    *,
    one_by_one: bool = False,
    again: bool = False,
) -> Opened:
    """Read files or a workspace.

    Args:
        sources: What is opened.
        reading: How files are read where the options do not say it.
        transfers: Where copies of files are written to.
        progress: Called while files are read with their name, the bytes read and the bytes in all.
        one_by_one: Keep the files that can be added, and return the others; else it is all that go in or an error.
        again: Read files that the workspace has already once more: another choice was made.

    Raises:
        InvitekitError: Nothing could be read.
    """
    reading = reading.with_options(sources.options)
    if sources.workspace is None:
        return _look_at(sources, reading, transfers, progress)
    is_new = not sources.workspace.exists()
    memory = Workspace(sources.workspace, make=bool(sources.paths))

    def add(paths: Sequence[Path], how: dict[str, Any]) -> tuple[Added, ...]:
        return memory.add(paths, progress=progress, replace=again, **how)

    groups = [(path,) for path in sources.paths] if one_by_one else [sources.paths] if sources.paths else []
    try:
        read = partial(reading.apply, options=sources.options, transfers=transfers, read=add)
        return _add(memory, groups, reading, read, one_needed=is_new or not one_by_one)
    except BaseException:
        memory.close()
        if is_new:  # nothing was stored in it
            sources.workspace.unlink(missing_ok=True)
        raise


def _look_at(sources: Sources, reading: Reading, transfers: Transfers, progress: Progress | None) -> Opened:
    def read(paths: Sequence[Path], how: dict[str, Any]) -> Any:
        return load(paths, progress=progress, engine="auto", **how)

    loaded = reading.apply(sources.paths, sources.options, transfers, read)
    summary = loaded.summary
    return Opened(
        planned=loaded,
        records=loaded.records,
        rejects=loaded.rejects,
        workspace=None,
        files=[file.name for file in summary.files],
        counts=(summary.records, summary.rejects),
        reading=reading,
        summaries=(summary,),
    )


def _add(
    memory: Workspace,
    groups: Sequence[tuple[Path, ...]],
    reading: Reading,
    read: Callable[[Sequence[Path]], tuple[Added, ...]],
    *,
    one_needed: bool,
) -> Opened:
    """Add groups of files one by one: a group that cannot be read keeps none of the others out.

    Raises:
        InvitekitError: One is needed, and none could be read.
    """
    added: list[Added] = []
    failed: list[tuple[Path, InvitekitError]] = []
    for paths in groups:
        try:
            added += read(paths)
        except InvitekitError as error:
            failed.append((paths[0], error))
    if failed and not added and one_needed:
        raise failed[0][1]
    counts = memory.counts()
    return Opened(
        planned=None,
        records=memory.history(),
        rejects=memory.rejects(),
        workspace=memory,
        files=[name for (name,) in memory.files().select("source_file").fetchall()],
        counts=(counts["records"], counts["rejects"]),
        reading=reading,
        added=tuple(added),
        failed=tuple(failed),
        summaries=tuple(one.summary for one in added if one.summary is not None),
    )


def question(path: Path, error: InvitekitError, language: Language) -> dict[str, Any] | None:
    """Return the question of the page that lets a file be read after all; None if there is no choice."""
    choice = error.choice
    if choice is None or (choice.kind == "encoding" and choice.source != path.name):  # such as of packed text
        return None
    if choice.kind == "column" and not choice.options:
        return None
    return {
        "kind": choice.kind,
        "columns": [[name, label(name, language)] for name in choice.columns],
        "options": [option for option in dict.fromkeys(choice.options) if option.strip()],
        "previews": previews(path, choice.options) if choice.kind == "encoding" else [],
    }


def how_read(opened: Opened, language: Language) -> dict[str, Any]:
    """Return how files were read: what is chosen, how many cells it decided, and headers that no column takes."""
    reading = opened.reading
    dates = [report for summary in opened.summaries for report in summary.dates]
    files = [file for summary in opened.summaries for file in summary.files]
    taken = {name for file in files for name in file.headers.values()}
    free = [column.name for column in schema.RECORD if column.name not in (taken | set(schema.DERIVED))]
    return {
        "time_zone": reading.time_zone,
        "day_first": reading.day_first,
        "without_offset": sum(report.without_offset for report in dates),
        "undecided": sum(report.evidence.ambiguous for report in dates if report.decided_by == ASSUMED),
        "headers": list(dict.fromkeys(extra for file in files for extra in file.extras)),
        "columns": [[name, label(name, language)] for name in free],
        "chosen": dict(reading.columns),
    }
