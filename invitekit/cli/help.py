"""How the command line builds its commands and shows help: ``-h`` everywhere, and no Python types."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator, Mapping
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_group

from invitekit.i18n import printable


class Command(TyperCommand):
    """A command with help that leaves out Python types and lists each panel of options under its own title."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the options; see ``_readable_errors``."""
        with _readable_errors():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; see ``_readable_errors``."""
        with _readable_errors():
            return super().invoke(ctx)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and the options, each with its help text."""
        rows: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for param in self.get_params(ctx):
            if record := param.get_help_record(ctx):
                is_argument = param.param_type_name == "argument"
                name = record[0].partition(" <")[0] if is_argument else record[0]
                panel = getattr(param, "rich_help_panel", None) or ("Arguments" if is_argument else "Options")
                rows.setdefault(panel, []).append((name, record[1]))
        for title, records in rows.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


@contextlib.contextmanager
def _readable_errors() -> Iterator[None]:
    """Escape control characters in usage errors, which quote what was typed, and drop the prefix that Pydantic adds."""
    try:
        yield
    except typer.BadParameter as error:
        error.message = printable(error.message.removeprefix("Value error, "))
        raise


def new_app(text: str) -> typer.Typer:
    """Create a group of commands, with the text that its help shows."""
    return typer.Typer(
        help=text,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


class Commands(Mapping[str, Any]):
    """The commands of a group; each is imported and built when it is asked for, so that no other one costs time.

    Args:
        places: Names of commands, and where their function or group of commands is: ``module:name``.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places

    def __getitem__(self, name: str) -> Any:
        module, _, attribute = self._places[name].partition(":")
        found = getattr(importlib.import_module(module), attribute)  # noqa: TID251 - a module of this package
        app = new_app("")
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name, cls=Command)(found)
        return get_group(app).commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
