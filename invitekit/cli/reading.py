"""How commands read their sources: the same argument and options for each, said once."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import typer

from invitekit.cli import options as o

if TYPE_CHECKING:
    from invitekit.catalogue import Catalogue
    from invitekit.load import Loaded, Summary
    from invitekit.workspace import Workspace


@dataclass(frozen=True)
class Reading:
    """Sources, and how to read them, as the command line gives them."""

    sources: o.Sources
    column: o.Columns = None
    snapshot: o.Snapshot = None
    time_zone: o.Zone = "UTC"
    day_first: o.DayFirst = None
    encoding: o.Encoding = None
    messages: o.Messages = None
    messages_key: o.MessagesKey = None
    catalogue: o.Catalogues = None

    @functools.cached_property
    def known(self) -> Catalogue:
        """The failures that are known, the user's own included."""
        from invitekit.catalogue import read_catalogue

        return read_catalogue(*(self.catalogue or []))

    def how(self) -> dict[str, Any]:
        """Give the options as ``load`` takes them."""
        return {
            "columns": o.parse_columns(self.column),
            "snapshot_at": o.parse_time(self.snapshot, "--snapshot"),
            "time_zone": self.time_zone,
            "day_first": self.day_first,
            "encoding": self.encoding,
            "messages": self.messages,
            "messages_key": self.messages_key,
            "catalogue": self.known,
        }

    def load(self) -> Loaded:
        """Load the sources, with progress on a terminal."""
        how = self.how()
        from invitekit.cli import say
        from invitekit.load import load

        with say.progress() as tick:
            return load(self.sources, progress=tick, **how)

    def check_output(
        self,
        output: Path | None,
        *,
        overwrite: bool,
        inputs: Iterable[Path | None] = (),
        extensions: Collection[str] | None = None,
    ) -> list[Path]:
        """Give every file that is read; refuse an output that cannot be written, or that is one of them.

        Args:
            output: Where to write, if anywhere.
            overwrite: Whether a file of that name may be replaced.
            inputs: Files that the command reads besides the sources, messages and catalogues.
            extensions: Those that the output may have; else those of records.
        """
        from invitekit.io.atomic_write import check_target
        from invitekit.io.table_writers import WRITERS
        from invitekit.load.source import find_sources

        if output is None:
            return []
        others = [path for path in (self.messages, *(self.catalogue or []), *inputs) if path is not None]
        read = [*(source.path for source in (find_sources(self.sources) if self.sources else [])), *others]
        check_target(output, extensions=extensions or WRITERS, overwrite=overwrite, sources=read)
        return read


@dataclass(frozen=True)
class Remembering(Reading):
    """Sources, or else a workspace that remembers what was read before, and what was done since."""

    sources: o.MaybeSources = None  # type: ignore[assignment]  # a workspace stands in
    workspace: o.WorkspaceFile = None

    @contextlib.contextmanager
    def opened(self, *, to_write: bool = False, both: bool = False) -> Iterator[Known]:
        """Give the records and what is known besides; a workspace stays open meanwhile.

        Args:
            to_write: Whether the workspace is to be written.
            both: Whether sources may be read although a workspace is named: it only remembers, then.

        Raises:
            typer.BadParameter: Both are named where that means nothing, or neither is.
        """
        if bool(self.sources) == bool(self.workspace) and not (both and self.sources):
            problem = "Name sources or a --workspace" + (", not both: add files with 'invitekit workspace add'."
                                                         if self.sources else ".")  # fmt: skip
            raise typer.BadParameter(problem, param_hint="SOURCES")
        if not self.sources:
            self.refuse_ways_of_reading()
        read = self.load() if self.sources else None
        summary = read.summary if read is not None else None
        if self.workspace is None:
            yield Known(read.records if read is not None else None, summary)
            return
        from invitekit.workspace import Workspace

        # A misspelt name is not to make a new one, but who only notes something down may begin with it.
        with Workspace(self.workspace, read_only=not to_write, make=both) as workspace:
            yield Known(workspace.history() if read is None else read.records, summary, workspace)

    def refuse_ways_of_reading(self) -> None:
        """Refuse options that say how to read files where none are read: they would change nothing, unseen."""
        ways = [field.name for field in fields(Reading) if field.name not in ("sources", "catalogue")]
        given = [name for name in ways if getattr(self, name) != getattr(Reading, name)]
        if given:
            options = {"day_first": "--day-first/--month-first"}
            told = ", ".join(options.get(name, f"--{name.replace('_', '-')}") for name in given)
            problem = f"{told}: a --workspace was read already. Say it when files are added: 'invitekit workspace add'."
            raise typer.BadParameter(problem, param_hint="--workspace")


@dataclass(frozen=True)
class Known:
    """Records, and the summary of what was read now or the workspace that remembers them."""

    records: Any
    summary: Summary | None = None
    workspace: Workspace | None = None

    def told(self) -> dict[str, Any]:
        """Give the counts as plain JSON values."""
        from invitekit.cli import say

        if self.summary is not None:
            return say.summary_json(self.summary)
        return remembered(self.workspace) if self.workspace else {}

    def say(self) -> None:
        """Print what was read, or what is remembered."""
        from invitekit.cli import say

        if self.summary is not None:
            say.headline(self.summary)
        elif self.workspace is not None:
            say.line(repr(self.workspace))

    def unlogged(self) -> int:
        """Count the batches that were written and neither logged as sent nor discarded."""
        return 0 if self.workspace is None else len(self.workspace.batches().filter("sent is null"))

    def memory(self) -> dict[str, Any]:
        """What ``plan_resends`` takes of a workspace: resends that were logged, and what was settled."""
        return {} if self.workspace is None else {"sent": self.workspace.sent(), "done": self.workspace.done()}


def remembered(workspace: Workspace) -> dict[str, Any]:
    """Give what a workspace holds as plain JSON values: the counts that every command gives, and its own."""
    found = workspace.counts()
    shared = {name: found.pop(name) for name in ("rows_read", "records", "rejects")}
    return {**shared, "workspace": {"file": str(workspace.path), **found}}


def reads(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that takes a ``Reading`` of some kind first the argument and options that make one."""
    own = list(inspect.signature(command, eval_str=True).parameters.values())
    kind: type[Reading] = own[0].annotation
    hints = get_type_hints(kind, include_extras=True)
    mine = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(kind)
    ]
    sources, options = mine[0], mine[1:]
    given = [sources, *(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own[1:]), *options]

    @functools.wraps(command)
    def run(**values: Any) -> None:
        command(kind(**{field.name: values.pop(field.name) for field in fields(kind)}), **values)

    run.__signature__ = inspect.Signature(given)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in given}
    return run
