"""The same verbs on the command line, each where it is made."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

import typer

from invitekit.cli import commands, exports, memory, plans, reports, screens, trends
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
app.command("trend")(trends.trend)
app.command("report")(reports.report)
app.command("compare")(memory.compare)
app.add_typer(memory.app, name="workspace")
app.command("export")(exports.export)
app.command("verify")(exports.verify)
app.add_typer(exports.key, name="key")
app.command("sample")(commands.sample)
app.command("lab")(commands.lab)
app.command("app")(screens.app)

_TRACEBACK = "INVITEKIT_TRACEBACK"
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


class _Stopped(BaseException):
    """A signal asked us to end: whatever is under way cleans up behind itself."""


def main() -> None:
    """Run the command line: exit 0 done, 1 refused or failed with one line on stderr, 2 wrong usage.

    A signal that asks us to end (Ctrl-C, SIGTERM, SIGHUP) is 128 and its number.
    """
    with _signals_raised() as caught:
        try:
            _print_any_text()
            app()
        except (_Stopped, Exception) as error:
            # DuckDB makes an error of its own of what a signal raises.
            if caught:
                name = signal.Signals(caught[0]).name
                _fail(f"stopped by {name}; nothing was left half written.", code=128 + caught[0])
            _explain(error)
            raise


@contextlib.contextmanager
def _signals_raised() -> Iterator[list[int]]:
    """Make an exception of the first signal that asks us to end, and list it; later ones change nothing.

    Signals that are ignored, as under nohup, stay ignored.
    """
    caught: list[int] = []
    before = {}

    def stop(number: int, _frame: FrameType | None) -> None:
        caught.append(number)
        if len(caught) == 1 or number == signal.SIGINT:
            raise _Stopped

    if threading.current_thread() is threading.main_thread():
        for number in (getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)):
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                before[number] = signal.signal(number, stop)
    try:
        yield caught
    finally:
        # Once stopped, cleaning up at exit is not to be cut short either.
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if caught else handler)


def _print_any_text() -> None:
    """Replace characters that the output's encoding does not have, as in a pipe on Windows, rather than fail."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")


def _explain(error: BaseException) -> None:
    """Say in one line what went wrong, and exit; only return when its traceback is asked for."""
    if isinstance(error, InvitekitError):
        _fail(str(error))
    if isinstance(error, BrokenPipeError):
        # The reader of our output (head, less) left: no message, no second error at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    if os.environ.get(_TRACEBACK):
        return
    kind = type(error).__name__
    _fail(f"a defect of invitekit ({kind}). Hint: {_TRACEBACK}=1 shows where; it may show data too.")


def _fail(message: str, code: int = 1) -> NoReturn:
    sys.stderr.write(f"invitekit: {message}\n")
    sys.exit(code)
