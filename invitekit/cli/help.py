"""How the command line shows help: ``-h`` everywhere, and no Python types."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand

from invitekit.i18n import printable


class Command(TyperCommand):
    """A command with help that leaves out Python types and lists each panel of options under its own title."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a usage error quotes what was typed with control characters escaped."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = printable(error.message)
            raise

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


def new_app(text: str) -> typer.Typer:
    """Create a group of commands, with the text that its help shows."""
    return typer.Typer(
        help=text,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
