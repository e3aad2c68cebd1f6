"""The server of the page: on this machine only, with a token in its address and a socket for each browser tab."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import html
import json
import secrets
import signal
import socket
import threading
import urllib.parse
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import msgspec
import tornado.httpserver
import tornado.ioloop
import tornado.iostream
import tornado.web
import tornado.websocket

from invitekit.engine.scratch_dirs import scratch_dir
from invitekit.errors import ArgumentError, InvitekitError
from invitekit.i18n import _
from invitekit.io.atomic_write import not_written
from invitekit.widgets.base import static
from invitekit.widgets.session import PAGE, Session
from invitekit.widgets.transfer import Incoming

HOST = "127.0.0.1"
FIRST_PORT, PORTS = 8866, 50
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_TO_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>invitekit</title>
<link rel="icon" href="data:,"><meta http-equiv="refresh" content="0; url=/"></html>"""
"""Opens the page after the cookie is set. After an HTTP redirect, browsers would not send a same-site cookie."""
_REDIRECT = """<!doctype html><meta charset="utf-8"><title>invitekit</title>
<meta http-equiv="refresh" content="0; url={address}">"""
_REFUSED = "Open the address that 'invitekit app' printed: it contains the token of this page.\n"
_MAX_MESSAGE = 10 * 2**20
"""The most bytes of one message of a browser."""
_MAX_DIGITS = 19
"""No file has a size of this many digits."""
_CALENDAR_CHECK = 5
"""Seconds between two looks at the calendar."""
_BLOCK = 1 << 18
"""Bytes of a download that are read at a time."""


class _Message(msgspec.Struct):
    """What a browser tab sends: a message for the page, or for one of its screens."""

    to: str
    message: dict[str, Any]


class _Server:
    """The page's files, its token, and the sockets that are open."""

    def __init__(self, session: Session, port: int) -> None:
        self.session, self.port = session, port
        self.token, self.cookie = secrets.token_hex(24), secrets.token_hex(24)
        self.sockets: set[_Socket] = set()
        # One at a time: the requests of a browser tab are answered in order.
        self.answers = ThreadPoolExecutor(1, thread_name_prefix="invitekit-page")
        self._loop = asyncio.get_running_loop()
        session.listen(self._send)

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}/?token={self.token}"

    @property
    def hosts(self) -> set[str]:
        """The host names of this server; any other name in a request is DNS rebinding."""
        return {f"{HOST}:{self.port}", f"localhost:{self.port}"}

    def _send(self, name: str, message: dict[str, Any], buffers: Sequence[bytes]) -> None:
        text = json.dumps({"from": name, "message": message, "buffers": len(buffers)})
        parts: list[str | bytes] = [text, *map(bytes, buffers)]
        self._loop.call_soon_threadsafe(self._deliver, parts)

    def _deliver(self, parts: list[str | bytes]) -> None:
        for browser_tab in tuple(self.sockets):
            browser_tab.deliver(parts)

    def follow_calendar(self) -> None:
        """Plan again on a new day; also after the machine has slept."""
        self.answers.submit(self.session.follow_calendar)


class _Guarded(tornado.web.RequestHandler):
    """A handler that needs the cookie of the printed address, and the right host name."""

    def initialize(self, server: _Server) -> None:
        self.server = server

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        for name, value in _HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        if self.request.host not in self.server.hosts or not self._is_authorised():
            raise tornado.web.HTTPError(403)

    def _is_authorised(self) -> bool:
        return hmac.compare_digest(self.get_cookie(_cookie(self.server), "").encode(), self.server.cookie.encode())

    def write_error(self, status_code: int, **_: Any) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(_REFUSED if status_code == 403 else f"{status_code}\n")


def _cookie(server: _Server) -> str:
    """Name the cookie after the port: browsers share cookies among all ports of a host."""
    return f"invitekit-{server.port}"


class _Root(_Guarded):
    """The page; with the token in the address, it sets the cookie first."""

    def _is_authorised(self) -> bool:
        token = self.get_query_argument("token", None)
        if token is None:
            return super()._is_authorised()
        return hmac.compare_digest(token.encode(), self.server.token.encode())

    def get(self) -> None:
        if self.get_query_argument("token", None) is None:
            self.finish(files(__package__).joinpath("page.html").read_text("utf-8"))
            return
        self.set_cookie(_cookie(self.server), self.server.cookie, expires_days=None, httponly=True, samesite="Strict")
        self.finish(_TO_PAGE)


class _Asset(_Guarded):
    """A script or a style sheet of the page."""

    def get(self, name: str) -> None:
        kind = "text/javascript" if name.endswith(".js") else "text/css"
        self.set_header("Content-Type", f"{kind}; charset=utf-8")
        self.finish(static(name))


@tornado.web.stream_request_body
class _Upload(_Guarded):
    """A file that a browser sends: stored in a private folder, and never run."""

    incoming: Incoming | None = None

    def _is_authorised(self) -> bool:
        # A page of another site cannot add this header: it needs a CORS preflight, which is not answered.
        headers = self.request.headers
        own = headers.get("Origin", "").removeprefix("http://") in self.server.hosts
        return own and "X-Invitekit" in headers and super()._is_authorised()

    def prepare(self) -> None:
        super().prepare()
        with self._answering_errors():
            length = self.request.headers.get("Content-Length", "")
            size = int(length) if length.isdecimal() and len(length) < _MAX_DIGITS else 0
            cast("Any", self.request.connection).set_max_body_size(size)
            self.incoming = self.server.session.transfers.begin(self.get_query_argument("name", ""), size)

    def data_received(self, chunk: bytes) -> None:
        if self.incoming is not None:
            with self._answering_errors():
                self.incoming.write(chunk)

    def post(self) -> None:
        if self.incoming is None:
            return
        incoming, self.incoming = self.incoming, None
        with self._answering_errors():
            upload = self.server.session.transfers.finish(incoming)
            self.finish({"id": upload.id, "name": upload.path.name, "day": upload.day})

    def on_connection_close(self) -> None:
        self._abandon()

    def _abandon(self) -> None:
        if self.incoming is not None:
            self.incoming.abandon()
            self.incoming = None

    @contextlib.contextmanager
    def _answering_errors(self) -> Iterator[None]:
        """Answer an error in the language of the page; the rest of the file is not read."""
        try:
            yield
        except (InvitekitError, OSError) as error:
            self._abandon()
            shown = error if isinstance(error, InvitekitError) else not_written(Path("upload"), error)
            self.set_status(400)
            self.set_header("Connection", "close")
            self.finish(self.server.session.error_payload(shown))


class _Download(_Guarded):
    """A file that the session created for this page; it can be fetched once."""

    async def get(self, download_id: str) -> None:
        transfers = self.server.session.transfers
        path = transfers.fetch(download_id)
        if path is None or not path.is_file():
            raise tornado.web.HTTPError(404)
        name = urllib.parse.quote(path.name, safe="")
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{name}")
        self.set_header("Content-Length", path.stat().st_size)
        try:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    self.write(block)
                    await self.flush()
        except tornado.iostream.StreamClosedError:
            return
        finally:
            transfers.fetched(path)


class _Missing(_Guarded):
    """Every other address."""

    def get(self) -> None:
        raise tornado.web.HTTPError(404)


class _Socket(_Guarded, tornado.websocket.WebSocketHandler):
    """The connection of one browser tab."""

    def _is_authorised(self) -> bool:
        # Browsers always send an origin; tornado would accept a socket without one.
        return "Origin" in self.request.headers and super()._is_authorised()

    def check_origin(self, origin: str) -> bool:
        return origin.removeprefix("http://") in self.server.hosts

    def open(self, *_args: str, **_kwargs: str) -> None:
        self.set_nodelay(True)
        self.server.sockets.add(self)
        self._ask(PAGE, {"type": "connect"})

    def on_message(self, text: str | bytes) -> None:
        try:
            message = msgspec.json.decode(text, type=_Message)
        except (ValueError, RecursionError):
            self.close(1003, "not a message of this page")
            return
        self._ask(message.to, message.message)

    def on_close(self) -> None:
        self.server.sockets.discard(self)

    def _ask(self, to: str, message: dict[str, Any]) -> None:
        self.server.answers.submit(self.server.session.receive, to, message)

    def deliver(self, parts: Sequence[str | bytes]) -> None:
        """Send a message and its binary parts, one after the other."""
        for part in parts:
            if self.ws_connection is not None and not self.ws_connection.is_closing():
                self.write_message(part, binary=isinstance(part, bytes))


def serve(
    session: Session, *, port: int | None = None, browser: bool = True, ready: Callable[[str], None] = print
) -> None:
    """Serve the page on this machine until the process is stopped.

    Args:
        session: The session that the page shows.
        port: The port; default: the first free one from 8866 on.
        browser: Open the page in the user's browser.
        ready: Called with the address, which contains the token, once the page can be opened.

    Raises:
        ArgumentError: The port is taken.
    """
    asyncio.run(_serve(session, port, browser=browser, ready=ready))


async def _serve(session: Session, port: int | None, *, browser: bool, ready: Callable[[str], None]) -> None:
    listening = _listen(port)
    server = _Server(session, listening.getsockname()[1])
    arguments = {"server": server}
    app = tornado.web.Application(
        [
            ("/", _Root, arguments),
            ("/socket", _Socket, arguments),
            (r"/(app\.(?:js|css))", _Asset, arguments),
            ("/upload", _Upload, arguments),
            (r"/download/([\w-]{32})", _Download, arguments),
        ],
        log_function=lambda _handler: None,  # addresses contain the token
        websocket_max_message_size=_MAX_MESSAGE,
        websocket_ping_interval=30,
        compress_response=True,
        default_handler_class=_Missing,
        default_handler_args=arguments,
    )
    http = tornado.httpserver.HTTPServer(app)
    http.add_sockets([listening])
    ready(server.address)
    tornado.ioloop.PeriodicCallback(server.follow_calendar, _CALENDAR_CHECK * 1000).start()
    with scratch_dir() as folder:
        if browser:
            _open_browser(server.address, Path(folder))
        try:
            with _signalled() as stopped:
                await stopped.wait()
        finally:
            session.close()  # first, so that nothing more is sent to a loop that is about to end
            http.stop()
            server.answers.shutdown(wait=False, cancel_futures=True)


def _open_browser(address: str, folder: Path) -> None:
    """Open a private file that leads to the page: other users can see the arguments of a browser's process."""
    file = folder / "invitekit.html"
    file.write_text(_REDIRECT.format(address=html.escape(address)), encoding="utf-8")
    # On a thread, as some browsers block until they are closed.
    threading.Thread(target=webbrowser.open, args=[file.as_uri()], daemon=True).start()


@contextlib.contextmanager
def _signalled() -> Iterator[asyncio.Event]:
    """Set an event at the first signal that asks the process to end.

    An exception raised by a signal handler would only end one request.
    """
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # Signals that are ignored, as under nohup, stay ignored.
    before = {number: signal.getsignal(number) for number in numbers}
    before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, lambda _number, _frame: loop.call_soon_threadsafe(stopped.set))
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(port: int | None) -> socket.socket:
    for candidate in [port] if port else [*range(FIRST_PORT, FIRST_PORT + PORTS), 0]:
        with contextlib.suppress(OSError):
            listening = socket.create_server((HOST, candidate))
            listening.setblocking(False)  # noqa: FBT003 - as the library has it
            return listening
    raise ArgumentError(
        _("Port {port} cannot be used.", port=port), hint=_("name another with --port, or leave it out.")
    )
