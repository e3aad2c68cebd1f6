"""The same verbs on the command line: check, annotate, plan, sample, lab, app."""

from __future__ import annotations

import os
import sys

import typer

from invitekit.cli import commands, plans
from invitekit.errors import InvitekitError

app = typer.Typer(
    name="invitekit",
    help="Why did the invitation fail, and whom to invite again.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("check")(commands.check)
app.command("annotate")(commands.annotate)
app.command("plan")(plans.plan)
app.command("sample")(commands.sample)
app.command("lab")(commands.lab)
app.command("app")(commands.app)

_TRACEBACK = "INVITEKIT_TRACEBACK"


def main() -> None:
    """Run the command line: exit 0 done, 1 refused or failed with one line on stderr, 2 wrong usage."""
    try:
        app()
    except InvitekitError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        _fail("interrupted; nothing was left half written.", code=130)
    except BrokenPipeError:
        # The reader of our output (head, less) left: no message, no second error at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if os.environ.get(_TRACEBACK):
            raise
        kind = type(error).__name__
        _fail(f"a defect of invitekit ({kind}). Hint: {_TRACEBACK}=1 shows where; it may show data too.")


def _fail(message: str, code: int = 1) -> None:
    sys.stderr.write(f"invitekit: {message}\n")
    sys.exit(code)
