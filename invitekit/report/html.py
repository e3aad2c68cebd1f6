"""A report as one web page that contains its styles and figures and no script, so that a mail client can show it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import jinja2

from invitekit.charts.colours import dark_styles
from invitekit.report.page import PARTS, Page


def as_html(page: Page) -> bytes:
    """Return the page as UTF-8; every text is escaped, and its content-security policy allows styles only."""
    parts = {part: [section for section in page.sections if section.part == part] for part in PARTS}
    style = _text("page.css") + f"@media screen and (prefers-color-scheme: dark) {{ {dark_styles()} }}"
    return _template().render(page=page, words=page.words, parts=parts, style=style).encode()


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_text("page.html.jinja"))


def _text(name: str) -> str:
    return files("invitekit.report").joinpath(name).read_text("utf-8")
