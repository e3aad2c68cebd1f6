"""Open files, a workspace, or both; files that cannot be read are returned with the error and the possible choices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from invitekit.errors import InvitekitError
from invitekit.i18n import Language, _, translate
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
    """The files, folders or globs and the workspace to open, with options of ``load``.

    ``folder`` is where batches and exports are written. With paths, a missing workspace is created.
    """

    folder: Path
    paths: tuple[Path, ...] = ()
    workspace: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def with_file(self, old: Path, new: Path) -> Sources:
        """Return the same sources with one file replaced."""
        return replace(self, paths=tuple(new if path == old else path for path in self.paths))


@dataclass(frozen=True, slots=True)
class Opened:
    """Records that were read, and the texts of the page about them.

    Attributes:
        planned: The records for the picker; None for those of the workspace.
        records: The same records as a relation or a frame.
        reading: How files were read: the answers on the page, or options.
        failed: Files that were not added, with the error; the others were added.
        summaries: The summaries of the files; none for files that the workspace had already.
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

    def close(self) -> None:
        """Close the workspace, if there is one."""
        if self.workspace is not None:
            self.workspace.close()


def open_sources(
    sources: Sources,
    reading: Reading,
    transfers: Transfers,
    progress: Progress | None = None,
    *,
    one_by_one: bool = False,
    again: bool = False,
    supersede: bool = False,
) -> Opened:
    """Read files or a workspace.

    Args:
        sources: What to open.
        reading: How files are read, unless an option says it.
        transfers: Where copies of files are written to.
        progress: Called while files are read with their name, the bytes read and the bytes in all.
        one_by_one: Add the files that can be read, and return the others; otherwise one failure is an error.
        again: Read files that the workspace has already again, since another choice was made.
        supersede: Replace the stored files that have the name and the day of these.

    Raises:
        InvitekitError: No file could be read.
    """
    options, reading = sources.options, reading.with_options(sources.options)
    if sources.workspace is None:

        def read(paths: Sequence[Path], how: dict[str, Any]) -> Any:
            return load(paths, progress=progress, engine="auto", **how)

        loaded = reading.apply(sources.paths, options, transfers, read)
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
    is_new = not sources.workspace.exists()
    workspace = Workspace(sources.workspace, make=bool(sources.paths))

    def add(paths: Sequence[Path], how: dict[str, Any]) -> tuple[Added, ...]:
        return workspace.add(paths, progress=progress, replace=again, supersede=supersede, **how)

    groups = [(path,) for path in sources.paths] if one_by_one else [sources.paths] if sources.paths else []
    added, failed = list[Added](), list[tuple[Path, InvitekitError]]()
    try:
        if (words := options.get("words")) is not None:
            workspace.teach(words)
        for paths in groups:
            try:
                added += reading.apply(paths, options, transfers, add)
            except InvitekitError as error:
                failed.append((paths[0], error))
        if failed and not added and (is_new or not one_by_one):
            raise failed[0][1]  # noqa: TRY301 - like an error of the workspace, it closes it
        counts = workspace.counts()
        return Opened(
            planned=None,
            records=workspace.history(),
            rejects=workspace.rejects(),
            workspace=workspace,
            files=[name for (name,) in workspace.files().select("source_file").fetchall()],
            counts=(counts["records"], counts["rejects"]),
            reading=reading,
            added=tuple(added),
            failed=tuple(failed),
            summaries=tuple(file.summary for file in added if file.summary is not None),
        )
    except BaseException:
        workspace.close()
        if is_new:  # nothing was stored in it
            sources.workspace.unlink(missing_ok=True)
        raise


def question(path: Path, error: InvitekitError, language: Language) -> dict[str, Any] | None:
    """Return the question whose answer makes a file readable; None if there is no choice."""
    choice = error.choice
    if choice is None or (choice.kind == "encoding" and choice.source != path.name):  # for example, a file in a ZIP
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
    """Return how files were read: settings, how many cells depend on them, unknown headers, and notes on cells."""
    reading = opened.reading
    dates = [report for summary in opened.summaries for report in summary.dates]
    files = [file for summary in opened.summaries for file in summary.files]
    taken = {name for file in files for name in file.headers.values()}
    notes = [
        _("{file}: {note}", file=summary.files[0].name, note=note) if len(opened.summaries) > 1 else note
        for summary in opened.summaries
        for note in summary.on_cells()
    ]
    free = [column.name for column in schema.RECORD if column.name not in (taken | set(schema.DERIVED))]
    return {
        "time_zone": reading.time_zone,
        "day_first": reading.day_first,
        "without_offset": sum(summary.without_zone()[1].total() for summary in opened.summaries),
        "undecided": sum(report.evidence.ambiguous for report in dates if report.decided_by == ASSUMED),
        "headers": list(dict.fromkeys(extra for file in files for extra in file.extras)),
        "columns": [[name, label(name, language)] for name in free],
        "chosen": dict(reading.columns),
        "notes": [translate(note, language) for note in notes],
    }
