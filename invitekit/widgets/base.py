"""The base of all widgets: messages in, messages out, and nothing in a saved notebook."""

from __future__ import annotations

import html
import threading
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import anywidget
import duckdb
import traitlets

from invitekit.model.catalogue import Language
from invitekit.widgets.worker import Worker, error_payload

Handler = Callable[[dict[str, Any]], None]
Listener = Callable[[dict[str, Any], Sequence[bytes]], None]
"""Receives a message and its binary parts; called on any thread."""


def static(name: str) -> str:
    """Read a script or a style sheet that ``make frontend`` built."""
    return files(__package__).joinpath("static", name).read_text("utf-8")


class MessageWidget(anywidget.AnyWidget):
    """A widget that answers the messages of ``invitekit.widgets.protocol`` on threads of its own.

    Nothing of the rows, nor of what is typed, is a synchronised trait: a notebook that is saved with its
    widgets' state holds none of it.
    """

    _language: Language = "en"
    height = traitlets.Int(560, help="In pixels.").tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        self._listeners: list[Listener] = []
        super().__init__(**traits)
        self._lock = threading.RLock()
        self._worker = Worker(self._connect, self._fail)
        self.on_msg(self._take)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until every request is answered; return whether it is."""
        return self._worker.wait(timeout)

    def listen(self, listener: Listener) -> None:
        """Pass every message to a function too: a page has no kernel that would deliver it."""
        self._listeners.append(listener)

    def receive(self, message: dict[str, Any]) -> None:
        """Answer a message of a view, as if the kernel had delivered it."""
        self._take(self, message, None)

    def send(self, content: dict[str, Any], buffers: Sequence[bytes] | None = None) -> None:
        """Send a message to every view, in a notebook and on a page."""
        super().send(content, buffers)
        for listener in self._listeners:
            listener(content, buffers or ())

    def stop(self) -> None:
        """End what is being answered, and send nothing more."""
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
        """Return what a saved notebook keeps of this widget: words, and no data."""
        return type(self).__name__

    def _take(self, _widget: Any, message: dict[str, Any], _buffers: Any) -> None:
        """Answer one message; called on whatever thread the kernel likes."""
        try:
            self._handlers()[message["type"]](message)
        except Exception as error:  # noqa: BLE001 - an exception in a handler is seen by nobody: it is shown
            self._fail(error)

    def _send_message(self, kind: str, **content: Any) -> None:
        self.send({"type": kind, **content})

    def _fail(self, error: BaseException) -> None:
        self._send_message("error", **error_payload(error, self._language))

    def _repr_mimebundle_(self, **options: Any) -> Any:
        result = super()._repr_mimebundle_(**options)
        bundle = result[0] if isinstance(result, tuple) else result
        if bundle:
            text = f"{self._description()} Run the cell to see it."
            bundle |= {"text/plain": text, "text/html": f"<p>{html.escape(text)}</p>"}
        return result
