"""The base of all widgets: they receive and send messages, and a saved notebook contains no data of theirs."""

from __future__ import annotations

import html
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar, cast, get_args, get_type_hints

import anywidget
import duckdb
import msgspec
import traitlets

from invitekit.errors import ArgumentError, check_language
from invitekit.i18n import Language, _
from invitekit.widgets.payloads import words
from invitekit.widgets.worker import Worker, error_payload

SAVED = (
    '<div class="ik-saved"><style>.jp-OutputArea-child:has(+ .jp-OutputArea-child .ik-saved) '
    ".jupyter-widgets:not(:has(*)){{display:none}}.ik-saved table{{border-collapse:collapse}}"
    ".ik-saved :is(td,th){{padding:2px 10px 2px 0;text-align:left}}</style><p>{}</p>{}</div>"
)
"""What a saved notebook shows of a widget; the style hides the error that the widget's model is missing."""
Handler = Callable[[dict[str, Any]], None]
Listener = Callable[[dict[str, Any], Sequence[bytes]], None]
"""Receives a message and its binary parts; called on any thread."""


def static(name: str) -> str:
    """Read a script or a style sheet that ``make frontend`` built."""
    return files(__package__).joinpath("static", name).read_text("utf-8")


@cache
def by_type(union: Any) -> Mapping[str, Any]:
    """Return the messages of a union of ``invitekit.widgets.protocol`` by their type."""
    return {kind: each for each in get_args(union) for kind in get_args(get_type_hints(each)["type"])}


def answer(message: Any, requests: Any, handlers: Mapping[str, Handler]) -> None:
    """Validate an untrusted message, which has to be one of the union ``requests``, and call the handler of its type.

    Raises:
        ArgumentError: The message is not one of them.
        Exception: What the handler raises.
    """
    try:
        checked = msgspec.convert(message, by_type(requests)[message["type"]])
    except (LookupError, TypeError, msgspec.ValidationError):
        raise ArgumentError(_("The screen sent a message that is not known here."), hint=_("load it again.")) from None
    handlers[checked["type"]](checked)


class MessageWidget(anywidget.AnyWidget):
    """A widget that answers the messages of ``invitekit.widgets.protocol`` on its own threads.

    Neither rows nor typed texts are synchronised traits: a notebook that is saved with its widgets' state contains
    none of them.
    """

    requests: ClassVar[Any]
    """The union of the messages that it answers."""
    height = traitlets.Int(560, help="In pixels.").tag(sync=True)
    lost = traitlets.Unicode(help="The text to show when the kernel no longer answers.").tag(sync=True)
    changes = traitlets.Int(
        None, allow_none=True, help="In a marimo notebook: how often a person has filtered, sorted or selected."
    ).tag(sync=True)

    def __init__(self, *, language: Language = "en", **traits: Any) -> None:
        self._listeners: list[Listener] = []
        check_language(language)
        self._language = language
        super().__init__(lost=words(language)["kernel_lost"], **traits)
        self._lock = threading.RLock()
        self._worker = Worker(self._connect, self._fail)
        self.on_msg(self._receive)
        if "marimo" in sys.modules:
            self.changes = 0

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until every request is answered; return whether it is."""
        return self._worker.wait(timeout)

    def listen(self, listener: Listener) -> None:
        """Pass every message to a function too; on a page no kernel delivers messages."""
        self._listeners.append(listener)

    def receive(self, message: dict[str, Any]) -> None:
        """Answer a message of a view, as if the kernel had delivered it."""
        self._receive(self, message, None)

    def send(self, content: dict[str, Any], buffers: Sequence[bytes] | None = None) -> None:
        """Send a message to every view, in a notebook and on a page."""
        super().send(content, buffers)
        for listener in self._listeners:
            listener(content, buffers or ())

    def stop(self) -> None:
        """Cancel running answers, and send nothing more."""
        self._listeners.clear()
        self._worker.stop()
        self.close()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        """Open a connection for one question."""
        raise NotImplementedError

    def _handlers(self) -> dict[str, Handler]:
        """Return the handler of each message, by its type."""
        raise NotImplementedError

    def _description(self) -> str:
        """Return the text about this widget in a saved notebook, without data."""
        return type(self).__name__

    def _receive(self, _widget: Any, message: dict[str, Any], _buffers: Any) -> None:
        """Answer one message; called on any thread."""
        try:
            answer(message, self.requests, self._handlers())
        except Exception as error:  # noqa: BLE001 - the kernel would hide an exception of a handler: show it
            self._fail(error)

    def _send_message(self, kind: str, **content: Any) -> None:
        self.send({"type": kind, **content})

    def _fail(self, error: BaseException) -> None:
        self._send_message("error", **error_payload(error, self._language))

    def saved_html(self) -> str:
        """Return the HTML that a saved notebook shows without a kernel; it is hidden beside the live widget."""
        table = self._saved_table()
        return SAVED.format(html.escape(f"{self._description()} {words(self._language)['run_cell']}"), table)

    def _saved_table(self) -> str:
        """Return HTML that names no person."""
        return ""

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle, metadata = cast("Any", super()._repr_mimebundle_(**options))
        return {**bundle, "text/plain": self._description()}, metadata

    def when_stored(self, call: Callable[[], None]) -> None:
        """Call a function once the rows of this screen are stored, if the saved table was built without them."""

    def _ipython_display_(self) -> None:
        show(self, self._description(), self.saved_html, self)


def show(widget: Any, text: str, saved: Callable[[], str], screen: MessageWidget) -> None:
    """Show a widget in a notebook, or its text in a frontend without HTML, and after it the HTML to save.

    ``saved`` returns that HTML; it is called again when the rows of the screen, the widget or a part of it, are stored.
    """
    from IPython.display import display as untyped  # noqa: PLC0415 - the page has no IPython

    display: Any = untyped
    bundle = widget._repr_mimebundle_()
    display({**(bundle[0] if isinstance(bundle, tuple) else bundle), "text/plain": text}, raw=True)
    handle = display({"text/html": saved(), "text/plain": ""}, raw=True, display_id=True)
    screen.when_stored(lambda: handle.update({"text/html": saved(), "text/plain": ""}, raw=True))
