"""A report as a PDF, typeset by typst."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

from invitekit.errors import OutputError
from invitekit.i18n import _
from invitekit.report.page import Page, Section, Table

_NO_GLYPH = "could not be displayed with"
"""The warning of typst about a character that no font has."""
_TEXTS = ("title", "facts", "warnings", "audience", "summary", "read", "rules", "privacy")
_HEIGHT = re.compile(r'height="(\d+)"')


def as_pdf(page: Page) -> bytes:
    """Return the page as a PDF.

    Texts are passed to typst as data, never as markup. It is a PDF/A-2u, a format for archives: every character can be
    searched for, and has a glyph. Chinese needs a Chinese font on the machine.

    Raises:
        OutputError: A character of the report is in no font of the machine, or typst failed.
    """
    import typst  # noqa: PLC0415 - other formats do not need it

    texts = page.words
    data = {name: getattr(page, name) for name in _TEXTS} | {
        "lang": page.language,
        "date": page.as_of.timetuple()[:3],
        "sections": [_section(section) for section in page.sections],
        "sources": _table(page.sources) if page.sources is not None else None,
        "words": {name: texts[name] for name in ("summary", "no_summary", "read", "rules")},
    }
    try:
        pdf = typst.compile(
            files("invitekit.report").joinpath("page.typ").read_bytes(),
            sys_inputs={"page": json.dumps(data, ensure_ascii=False)},
            format="pdf",
            pdf_standards="a-2u",
        )
    except typst.TypstError as error:
        # The error of typst may quote the report.
        raise _typst_error(error.message) from None
    return bytes(pdf)


def _typst_error(message: str) -> OutputError:
    if _NO_GLYPH in message:
        return OutputError(
            _("The PDF could not be written: no font of this machine has some (Chinese?) characters of the report."),
            hint=_("install a font that has them (on Debian: apt install fonts-noto-cjk), or write .html or .md."),
        )
    return OutputError(_("The PDF could not be written."), hint=_("write .html or .md instead."))


def _section(section: Section) -> dict[str, Any]:
    svg = section.figure.svg() if section.figure is not None else None
    height = _HEIGHT.search(svg) if svg else None
    return {name: getattr(section, name) for name in ("title", "how", "note", "caption")} | {
        "svg": svg,
        "size": int(height[1]) if height else 1,
        "table": _table(section.table),
    }


def _table(table: Table) -> dict[str, Any]:
    rows = [list(row) for row in table.rows]
    if 1 not in table.numbers:
        # The first of several text columns names a group: on paper, only in the first row of the group.
        for above, row in zip(table.rows[:-1], rows[1:], strict=True):
            row[0] = "" if row[0] == above[0] else row[0]
    return {"headers": table.headers, "rows": rows, "numbers": sorted(table.numbers), "note": table.note}
