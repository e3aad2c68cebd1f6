"""A report as one web page that needs no network: styles, scripts and figures are inside it."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2

from invitekit.charts import CONFIG, plotly_script
from invitekit.report.page import Page, Section


def as_html(page: Page) -> bytes:
    """Give the page as UTF-8.

    Every text is escaped; the content-security policy allows the two scripts inside by their
    hashes, and nothing from anywhere else.
    """
    charts = {section.key: _figures(section) for section in page.sections if section.chart is not None}
    # Inside a script element only "<" could end it; JSON may write it otherwise.
    data = json.dumps({"charts": charts, "config": CONFIG}, ensure_ascii=False, separators=(",", ":"))
    scripts = {"plotly": plotly_script(), "ours": _text("page.js")}
    told = {
        "page": page,
        "words": page.words,
        "style": _text("page.css"),
        "data": data.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"),
        "scripts": scripts,
        "hashes": " ".join(f"'{_hash(script)}'" for script in scripts.values()),
        "heights": {key: found["light"]["layout"]["height"] for key, found in charts.items()},
    }
    return _template().render(told).encode()


def _figures(section: Section) -> dict[str, Any]:
    return {
        "light": section.chart.plain() if section.chart else {},
        "dark": section.dark.plain() if section.dark else {},
    }


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@cache
def _template() -> jinja2.Template:
    surroundings = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return surroundings.from_string(_text("page.html.jinja"))


def _text(name: str) -> str:
    return files("invitekit.report").joinpath(name).read_text("utf-8")
