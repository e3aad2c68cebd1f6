"""The command that opens the sales-ops page in a browser."""

from __future__ import annotations

from pathlib import Path

from invitekit.cli import options as o
from invitekit.cli.source_options import SourcesOrWorkspace, with_option_groups
from invitekit.extras import require_extra
from invitekit.i18n import _


@with_option_groups
def app(
    source: SourcesOrWorkspace,
    rules: o.Rules = None,
    as_of: o.AsOf = None,
    language: o.Language = "en",
    port: o.Port = None,
    browser: o.Browser = True,
) -> None:
    """Open the sales-ops page in the browser.

    Choose whom to invite again, see why, and write the batch. With files and a workspace, the files are
    added to the workspace. Without either, the page offers the files of this folder. It is served to
    this machine only, and only to the printed address.
    """
    require_extra("lab", _("The page needs more libraries."), "tornado", "anywidget")
    from invitekit.cli import output as out
    from invitekit.widgets.server import serve
    from invitekit.widgets.session import Session

    moment = o.parse_time(as_of, "--as-of")
    chosen = o.read_rules(rules)
    session = Session(Path.cwd(), rules=chosen, as_of=moment, language=language, catalogue=source.failures)
    if not source.sources:
        source.reject_reading_options()
    if source.sources or source.workspace:
        with out.progress() as tick:
            added = session.open(source.sources or (), source.workspace, progress=tick, **source.load_arguments())
        for file in added:
            out.line(str(file))

    def ready(address: str) -> None:
        out.line(f"The page is open at {address}")
        out.line("Keep this address private. Ctrl-C ends the page.")

    serve(session, port=port, browser=browser, ready=ready)
    out.line("The page is closed.")
