"""What opens in a browser: the page for people without a notebook."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from invitekit.cli import options as o
from invitekit.cli.reading import Remembering, reads
from invitekit.errors import ArgumentError

Port = Annotated[int | None, typer.Option("--port", help="Serve here; else on the first free port from 8866 on.")]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", help="Open it in a browser.")]


@reads
def app(
    reading: Remembering,
    rules: o.Rules = None,
    as_of: o.AsOf = None,
    language: o.Language = "en",
    port: Port = None,
    browser: Browser = True,
) -> None:
    """Open the sales-ops page: choose whom to invite again, see why, write the batch.

    With files and a workspace, the files are added to the workspace. Without either, the page offers
    the files of this folder. It is served to this machine only, and only to the printed address.
    """
    if find_spec("tornado") is None or find_spec("anywidget") is None:
        raise ArgumentError("The page needs more libraries.", hint="pip install 'invitekit[lab]'.")
    from invitekit.cli import say
    from invitekit.resend import ResendRules
    from invitekit.widgets.server import serve
    from invitekit.widgets.session import Session

    moment, words = o.parse_time(as_of, "--as-of"), o.parse_language(language)
    chosen = ResendRules.from_toml(rules) if rules else ResendRules()
    session = Session(Path.cwd(), rules=chosen, as_of=moment, language=words, catalogue=reading.known)
    if not reading.sources:
        reading.refuse_ways_of_reading()
    if reading.sources or reading.workspace:
        with say.progress() as tick:
            added = session.open(reading.sources or (), reading.workspace, progress=tick, **reading.how())
        for file in added:
            say.line(str(file))

    def ready(address: str) -> None:
        say.line(f"The page is open at {address}")
        say.line("Keep this address private. Ctrl-C ends the page.")

    try:
        serve(session, port=port, browser=browser, ready=ready)
    finally:
        session.close()
