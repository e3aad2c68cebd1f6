"""The source argument and the reading options that many commands share."""

from __future__ import annotations

import contextlib
import functools
import gc
import inspect
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
from typer.models import ArgumentInfo

from invitekit.cli import options as o
from invitekit.cli import output as out
from invitekit.errors import OutputError
from invitekit.i18n import Language, _, translate

if TYPE_CHECKING:
    from invitekit.ingest import Loaded, Summary
    from invitekit.model.catalogue import Catalogue
    from invitekit.workspace import Workspace


@dataclass(frozen=True)
class SourceOptions:
    """Sources and reading options, as given on the command line."""

    sources: o.Sources
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column", metavar="NAME=HEADER", help="Read a column from this header: status=State. Repeatable."
        ),
    ] = None
    snapshot: Annotated[
        str | None,
        typer.Option(
            "--snapshot", metavar="DATE", help="When the files were exported. Default: the date in their names."
        ),
    ] = None
    time_zone: Annotated[
        str, typer.Option("--time-zone", metavar="ZONE", help="Time zone of times that have no UTC offset.")
    ] = "UTC"
    day_first: Annotated[
        bool | None,
        typer.Option("--day-first/--month-first", help="How to read 03/04/2025. Default: detected for each column."),
    ] = None
    encoding: Annotated[
        str | None,
        typer.Option(
            "--encoding", metavar="NAME", help="Encoding of text files. Default: detected (UTF-8, UTF-16, GB18030)."
        ),
    ] = None
    messages: Annotated[
        Path | None,
        typer.Option(
            "--messages", metavar="FILE", help="A second file with failure messages, matched by a key column."
        ),
    ] = None
    messages_key: Annotated[
        str | None, typer.Option("--messages-key", metavar="COLUMN", help="The column to match --messages on.")
    ] = None
    catalogue: o.Catalogues = None
    words: Annotated[
        Path | None,
        typer.Option("--words", metavar="FILE", help="A TOML file that says what your files' own status words mean."),
    ] = None

    @functools.cached_property
    def failures(self) -> Catalogue:
        """The known failure messages, the user's own included."""
        from invitekit.model.catalogue import read_catalogue

        return read_catalogue(*(self.catalogue or []))

    def load_arguments(self) -> dict[str, Any]:
        """Return the options as ``load`` takes them."""
        return {
            "columns": o.parse_columns(self.column),
            "snapshot_at": o.parse_time(self.snapshot, "--snapshot"),
            "time_zone": self.time_zone,
            "day_first": self.day_first,
            "encoding": self.encoding,
            "messages": self.messages,
            "messages_key": self.messages_key,
            "catalogue": self.failures,
            "words": self.words,
        }

    def load(self, language: Language) -> Loaded:
        """Load the sources, with a progress bar on a terminal; sources too large for memory are loaded by DuckDB."""
        how = self.load_arguments()
        from invitekit.ingest import load

        _freeze_imports()
        with out.progress() as tick:
            loaded = load(self.sources, progress=tick, engine="auto", **how)
        if loaded.summary.engine_reason is not None:
            out.note(translate(loaded.summary.engine_reason, language))
        return loaded

    def check_output(
        self,
        output: Path | None,
        *,
        overwrite: bool,
        inputs: Iterable[Path | None] = (),
        extensions: Collection[str] | None = None,
    ) -> list[Path]:
        """Check that the output can be written and is not an input, and return every input file.

        Args:
            output: Where to write; None if nothing is written.
            overwrite: Whether a file of that name may be replaced.
            inputs: Files that the command reads besides the sources, messages, words and catalogues.
            extensions: The allowed extensions; default: those of tables.
        """
        if output is None:
            return []
        from invitekit.ingest.discover import list_files
        from invitekit.io.atomic_write import check_target
        from invitekit.io.table_writers import WRITERS

        others = [path for path in (self.messages, self.words, *(self.catalogue or []), *inputs) if path is not None]
        read = [*list_files(self.sources or []).paths, *others]
        check_target(output, extensions=extensions or WRITERS, overwrite=overwrite, sources=read)
        self.check_not_read(output)
        return read

    def check_not_read(self, output: Path) -> None:
        """Check that a new file is not in a folder of sources, where the next run would read it."""
        from invitekit.ingest.discover import would_read

        if would_read(self.sources or [], output):
            problem = _("'{name}' would be read by the next run, as an export.", name=output.name)
            raise OutputError(problem, hint=_("write it to another folder."))


@dataclass(frozen=True)
class SourcesOrWorkspace(SourceOptions):
    """Sources, or a workspace that stores records, resends and marks."""

    sources: Annotated[
        list[str] | None, typer.Argument(metavar="SOURCES", help="Files, folders or globs. Or use --workspace.")
    ] = None  # type: ignore[assignment]  # a workspace may replace them
    workspace: Annotated[
        Path | None, typer.Option("-w", "--workspace", metavar="FILE", help="Use the records stored in this workspace.")
    ] = None

    @contextlib.contextmanager
    def opened(self, language: Language, *, to_write: bool = False, both: bool = False) -> Iterator[Inputs]:
        """Load the sources or open the workspace, which stays open inside the block.

        Args:
            language: Of what is printed about the sources.
            to_write: Open the workspace for writing.
            both: Allow sources together with a workspace, which then only records the export.

        Raises:
            typer.BadParameter: Both are named and only one is allowed, or neither is named.
        """
        if bool(self.sources) == bool(self.workspace) and not (both and self.sources):
            problem = "Name sources or a --workspace" + (", not both: add files with 'invitekit workspace add'."
                                                         if self.sources else ".")  # fmt: skip
            raise typer.BadParameter(problem, param_hint="SOURCES")
        if not self.sources:
            self.reject_reading_options()
        loaded = self.load(language) if self.sources else None
        summary = loaded.summary if loaded is not None else None
        if self.workspace is None:
            records = loaded.records if loaded is not None else None
            yield Inputs(language, records, summary, rejected=loaded and loaded.rejects)
            return
        _freeze_imports()
        from invitekit.workspace import Workspace

        # A misspelt name must not create a new file, unless the workspace only records the export.
        with Workspace(self.workspace, read_only=not to_write, make=both) as workspace:
            records = workspace.history() if loaded is None else loaded.records
            yield Inputs(language, records, summary, workspace)

    def reject_reading_options(self) -> None:
        """Reject options for reading files where no file is read: they would have no effect."""
        names = [field.name for field in fields(SourceOptions) if field.name not in ("sources", "catalogue")]
        unused = [name for name in names if getattr(self, name) != getattr(SourceOptions, name)]
        if unused:
            options = {"day_first": "--day-first/--month-first"}
            listed = ", ".join(options.get(name, f"--{name.replace('_', '-')}") for name in unused)
            problem = (
                "no effect without SOURCES. For a workspace, use it when you add files: 'invitekit workspace add'."
            )
            raise typer.BadParameter(problem, param_hint=listed)


@dataclass(frozen=True)
class Inputs:
    """The records of a command, with the summary of the loaded files or the workspace that stores them."""

    language: Language
    records: Any
    summary: Summary | None = None
    workspace: Workspace | None = None
    rejected: Any = None

    def json(self) -> dict[str, Any]:
        """Return the counts as plain JSON values."""
        if self.summary is not None:
            return out.summary_json(self.summary)
        return workspace_json(self.workspace) if self.workspace else {}

    def print_summary(self) -> None:
        """Print what was loaded, or what is in the workspace."""
        if self.summary is not None:
            out.headline(self.summary, self.language)
        elif self.workspace is not None:
            out.line(repr(self.workspace))


def _freeze_imports() -> None:
    """Do not search imported objects for reference cycles again: they live until the process ends."""
    if "duckdb" not in sys.modules:  # if DuckDB is imported before the freeze, it reports leaks at exit
        gc.freeze()


def workspace_json(workspace: Workspace) -> dict[str, Any]:
    """Return the counts of a workspace as plain JSON values."""
    counts = workspace.counts()
    shared = {name: counts.pop(name) for name in ("rows_read", "records", "rejects")}
    listed = workspace.customer_list_at
    return {**shared, "workspace": {"file": str(workspace.path), **counts, "customer_list_at": listed}}


def with_option_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Replace each parameter that is a dataclass of options by these options in the command's signature.

    Arguments come first, then the command's own options, then those of the groups.
    """
    own = list(inspect.signature(command, eval_str=True).parameters.values())
    groups: dict[str, Any] = {p.name: p.annotation for p in own if is_dataclass(p.annotation)}
    expanded = [
        (each, p.name in groups) for p in own for each in (_parameters(groups[p.name]) if p.name in groups else [p])
    ]
    ranks = {each.name: 0 if _is_argument(each) else 1 + of_group for each, of_group in expanded}
    signature = sorted((each for each, _ in expanded), key=lambda each: ranks[each.name])
    signature = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in signature]

    @functools.wraps(command)
    def run(**values: Any) -> None:
        options = {name: kind(**{f.name: values.pop(f.name) for f in fields(kind)}) for name, kind in groups.items()}
        command(**options, **values)

    run.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in signature}
    return run


def _parameters(kind: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(kind)
    ]


def _is_argument(parameter: inspect.Parameter) -> bool:
    return any(isinstance(each, ArgumentInfo) for each in getattr(parameter.annotation, "__metadata__", ()))
