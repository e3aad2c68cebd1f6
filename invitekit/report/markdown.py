"""A report as Markdown: its sentences and tables, for a mail or a wiki."""

from __future__ import annotations

import html
import re

from invitekit.charts.labels import width
from invitekit.report.page import Page, Table

_SIGNS = re.compile(r"([\\`*_\[\]|~$])")
_START = re.compile(r"^(\s*)([-+=#]|\d+[.)])")


def as_markdown(page: Page) -> bytes:
    """Return the page as Markdown in UTF-8; no text in it can become markup."""
    texts = page.words
    parts = [
        f"# {_plain(page.title)}",
        _plain(" · ".join(page.facts)),
        *map(_plain, page.warnings),
        _plain(page.audience),
        f"## {_plain(texts['summary'])}",
    ]
    parts.append(_list(page.summary) or _plain(texts["no_summary"]))
    for section in page.sections:
        head = [f"## {_plain(section.title)}", _plain(section.how)]
        parts += [*head, *([_plain(section.note)] if section.note else []), _table(section.table)]
    parts += [f"## {_plain(texts['read'])}", _list(page.read)]
    parts += [_table(page.sources)] if page.sources is not None else []
    parts += [f"## {_plain(texts['rules'])}", _list(page.rules), _plain(page.privacy)]
    return ("\n\n".join(parts) + "\n").encode()


def _plain(text: str) -> str:
    """Escape a text, so that Markdown and the HTML inside it show it as it is."""
    line = html.escape(" ".join(text.split(" ")), quote=False)
    return _START.sub(r"\1\\\2", _SIGNS.sub(r"\\\1", line.replace("\n", " ")))


def _list(sentences: tuple[str, ...]) -> str:
    return "\n".join(f"- {_plain(sentence)}" for sentence in sentences)


def _table(table: Table) -> str:
    cells = [[_plain(cell) for cell in row] for row in (table.headers, *table.rows)]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    lines = [_line(row, widths, table) for row in cells]
    rule = [f"{'-' * (size - 1)}:" if index in table.numbers else "-" * size for index, size in enumerate(widths)]
    note = ["", _plain(table.note)] if table.note else []
    return "\n".join([lines[0], f"| {' | '.join(rule)} |", *lines[1:], *note])


def _line(row: list[str], widths: list[int], table: Table) -> str:
    filled = [
        " " * (size - width(cell)) + cell if index in table.numbers else cell + " " * (size - width(cell))
        for index, (cell, size) in enumerate(zip(row, widths, strict=True))
    ]
    return f"| {' | '.join(filled)} |"
