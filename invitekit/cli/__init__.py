"""The command line: its commands, errors as one line, and signals."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.main import get_command

import invitekit
from invitekit.cli.help import Commands, new_app
from invitekit.engine.memory import work_in_child
from invitekit.errors import own_error
from invitekit.i18n import printable

_COMMANDS = {
    "check": "commands:check",
    "annotate": "commands:annotate",
    "plan": "plans:plan",
    "find": "customers:find",
    "show": "customers:show",
    "trend": "trends:trend",
    "report": "reports:report",
    "compare": "workspace:compare",
    "reconcile": "workspace:reconcile",
    "export": "exports:export",
    "verify": "exports:verify",
    "run": "run:run",
    "sample": "commands:sample",
    "lab": "commands:lab",
    "app": "commands:app",
    "workspace": "workspace:app",
    "key": "exports:key",
}
_TRACEBACK = "INVITEKIT_TRACEBACK"
_OBJECTS = 200_000
"""New objects after which Python searches for reference cycles: a command makes few, and ends soon."""
_ALLOCATOR, _KEEP_MEMORY = "_RJEM_MALLOC_CONF", "dirty_decay_ms:5000"
"""The setting of Polars' allocator (jemalloc), read at its import: keep freed memory for five seconds, not for half a
second. Returning memory to the system and taking it again took a tenth of a command's time."""
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


class _Stopped(BaseException):
    """A signal asked the process to end: running work cleans up after itself."""


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer passes the option's value
    if wanted:
        sys.stdout.write(f"invitekit {invitekit.__version__}\n")
        raise typer.Exit


def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Take the options that come before a command."""


def _group() -> Any:
    root = new_app("Why did the invitation fail, and whom to invite again.")
    root.callback()(_options)
    group: Any = get_command(root)
    group.commands = Commands({name: f"{__name__}.{place}" for name, place in _COMMANDS.items()})
    return group


app = _group()


def main() -> None:
    """Run the command line. Exit codes: 0 success, 1 error with one line on stderr, 2 wrong usage.

    A signal that asks the process to end (Ctrl-C, SIGTERM, SIGHUP) exits with 128 plus its number.
    """
    gc.set_threshold(_OBJECTS)
    os.environ.setdefault(_ALLOCATOR, _KEEP_MEMORY)
    with _signals_raised() as caught:
        try:
            if sys.argv[1:2] not in (["app"], ["lab"]):  # these two are servers, which run until they are stopped
                work_in_child()
            _print_any_text()
            app()
        except SystemExit:
            raise
        except BaseException as error:
            # If a signal raises an exception inside DuckDB, DuckDB raises its own error instead.
            if caught:
                name = signal.Signals(caught[0]).name
                _fail(f"stopped by {name}; nothing was left half written.", code=128 + caught[0])
            _explain(error)
            raise


@contextlib.contextmanager
def _signals_raised() -> Iterator[list[int]]:
    """Raise an exception for the first signal that asks the process to end, and yield the list of all such signals.

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
        # After a signal, a second one must not interrupt the clean-up at exit.
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if caught else handler)


def _print_any_text() -> None:
    """Replace characters that the output's encoding does not have, as in a pipe on Windows, rather than fail."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")


def _explain(error: BaseException) -> None:
    """Print the error as one line and exit; return only if a traceback was asked for."""
    if (known := own_error(error)) is not None:
        _fail(str(known))
    if isinstance(error, BrokenPipeError):
        # The reader of our output (head, less) left: no message, no second error at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    if os.environ.get(_TRACEBACK):
        return
    kind = type(error).__name__
    _fail(f"a defect of invitekit ({kind}). Hint: {_TRACEBACK}=1 shows where; it may show data too.")


def _fail(message: str, code: int = 1) -> NoReturn:
    sys.stderr.write(f"invitekit: {printable(message)}\n")
    sys.exit(code)
