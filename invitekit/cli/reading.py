"""How commands read their sources: the same argument and options for each, said once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from invitekit.cli import options as o

if TYPE_CHECKING:
    from invitekit.catalogue import Catalogue
    from invitekit.load import Loaded


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

    def check_output(self, output: Path | None, *, overwrite: bool, inputs: Iterable[Path | None] = ()) -> list[Path]:
        """Give every file that is read; refuse an output that cannot be written, or that is one of them.

        Args:
            output: Where to write, if anywhere.
            overwrite: Whether a file of that name may be replaced.
            inputs: Files that the command reads besides the sources, messages and catalogues.
        """
        from invitekit.load.source import find_sources
        from invitekit.write import check_target

        if output is None:
            return []
        others = [path for path in (self.messages, *(self.catalogue or []), *inputs) if path is not None]
        read = [*(source.path for source in find_sources(self.sources)), *others]
        check_target(output, overwrite=overwrite, sources=read)
        return read


def reads(command: Callable[..., None], *, always: bool = True) -> Callable[..., None]:
    """Give a command that takes a ``Reading`` first the argument and options that make one.

    Args:
        command: The command.
        always: Whether it cannot do anything without sources.
    """
    hints = get_type_hints(Reading, include_extras=True)
    mine = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(Reading)
    ]
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    sources, options = mine[0] if always else mine[0].replace(default=()), mine[1:]
    given = [sources, *(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own), *options]

    @functools.wraps(command)
    def run(**values: Any) -> None:
        command(Reading(**{field.name: values.pop(field.name) for field in fields(Reading)}), **values)

    run.__signature__ = inspect.Signature(given)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in given}
    return run
