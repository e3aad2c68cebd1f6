"""The page of ``check -o check.html``: what was understood of the files, which rows were rejected, and what to do."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

from invitekit import __version__
from invitekit.cli.output import date_forms, day_and_month, how_read
from invitekit.i18n import Label, Language, Message, _, ngettext, translate
from invitekit.ingest import FileSummary, Loaded, Summary
from invitekit.ingest.rejection_texts import cells_in_words, reason_message
from invitekit.ingest.words import Words, skeleton
from invitekit.io.table_writers import write_bytes
from invitekit.model import schema

MOST_ROWS = 1000
"""Rejected rows on the page."""
_MOST_EXTRAS = 200
_STYLE = """
.total { font-size: 19px; }
section > p:first-child { margin-top: 0; }
.warn { border-left: 5px solid #d55e00; }
td { white-space: normal; overflow-wrap: break-word; }
td:last-child { overflow-wrap: anywhere; }
pre { white-space: pre-wrap; padding: 10px; border: 1px solid var(--line); border-radius: 6px; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_PERSONAL = _(
    "<b>Personal data.</b> This page quotes rejected rows. To send it to the people who made the files, write it with "
    "<code>--no-values</code>."
)
_CORRECT = _(
    "Correct these rows in the file, or export it again. A customer who is named by a row that may be newer is not "
    "invited until it is read."
)
_TEACH = _(
    "Copy this into a file, such as <code>words.toml</code>, say what each word means, and read the files again with "
    "<code>--words words.toml</code>."
)


def write_check_page(loaded: Loaded, path: Path, language: Language, *, values: bool, overwrite: bool = False) -> Path:
    """Write the page to a private file; every text is escaped, and nothing is fetched from the network.

    Args:
        loaded: What ``load`` returned.
        path: The file, ending in ``.html``.
        language: Of the page.
        values: Quote the cells of rejected rows and unknown words: personal data.
        overwrite: Replace a file of that name.

    Raises:
        OutputError: The file exists, or cannot be written.
    """
    summary = loaded.summary
    several = ngettext("{n:,} file", "{n:,} files", len(summary.files))
    name = summary.files[0].name if len(summary.files) == 1 else several
    title = escape(translate(_("Check of {name}", name=name), language))
    style = files("invitekit").joinpath("report", "page.css").read_text("utf-8") + _STYLE
    page = f"""<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header><h1>{title}</h1><p class="facts"><span>invitekit {__version__}</span></p></header>
<main>
{"".join(_sections(loaded, summary, language, values=values))}</main>
</body>
</html>
"""
    return write_bytes(page.encode(), path, extensions=[".html"], overwrite=overwrite)


def _sections(loaded: Loaded, summary: Summary, language: Language, *, values: bool) -> Iterator[str]:
    def in_language(*texts: Message) -> list[str]:
        return [translate(text, language) for text in texts]

    if values and summary.rejects:
        yield _section("", translate(_PERSONAL, language), "warn")
    remarks = "".join(f"<li>{escape(remark)}</li>\n" for remark in in_language(*summary.remarks(values=values)))
    head = f'<span class="total">{escape(translate(summary.headline, language))}</span>'
    yield _section("", head, "summary", f"<ul>\n{remarks}</ul>" if remarks else "")
    if summary.rejects:
        headers = in_language(_("File"), _("Row"), _("Field"), _("Reason"), *([_("Content")] if values else []))
        more = summary.rejects - MOST_ROWS
        note = ngettext(
            "{n:,} more row is not shown: -o rejected.xlsx writes all of them.",
            "{n:,} more rows are not shown: -o rejected.xlsx writes all of them.",
            more,
        )
        title, *texts = in_language(_("Rejected rows"), _CORRECT, *([note] if more > 0 else []))
        rows = _rejected(loaded.rejects, language, values=values)
        yield _section(title, " ".join(texts), table=_table(headers, rows, {1}))
    if values and any(any(texts) for texts in summary.unknown_codes.values()):
        words = escape(skeleton(summary.unknown_codes, Words(), language))
        title, text = in_language(_("Unknown words"), _TEACH)
        yield _section(title, text, table=f"<pre>{words}</pre>\n")
    title, *headers = in_language(
        _("Files"), _("File"), _("Read as"), _("Snapshot"), _("Rows"), _("Records"), _("Rejected")
    )
    yield _section(title, "", table=_table(headers, (_file(file, language) for file in summary.files), {3, 4, 5}))
    missing = _("Not in the files: {names}.", names=_missing(summary) or _("nothing"))
    title, text, *headers = in_language(_("Columns"), missing, _("Header in the file"), _("Read as"))
    yield _section(title, escape(text), table=_table(headers, _columns(summary, language)))
    if summary.dates:
        title, *headers = in_language(
            _("Dates"), _("File"), _("Field"), _("Forms (cells)"), _("Day and month"), _("No UTC offset")
        )
        yield _section(title, "", table=_table(headers, _dates(summary, language), {4}))


def _section(title: str, text: str, kind: str = "", table: str = "") -> str:
    heading = f"<h2>{escape(title)}</h2>\n" if title else ""
    paragraph = f'<p class="{"how" if title else ""}">{text}</p>\n' if text else ""
    return f'<section class="{kind}">\n{heading}{paragraph}{table}</section>\n'


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]], numbers: Collection[int] = ()) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        kinds = (' class="n"' if position in numbers else "" for position in range(len(cells)))
        return "".join(f"<{tag}{kind}>{escape(cell)}</{tag}>" for kind, cell in zip(kinds, cells, strict=True))

    body = "\n".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    head = f"<thead><tr>{line(headers, 'th')}</tr></thead>"
    return f'<div class="wide"><table>\n{head}\n<tbody>\n{body}\n</tbody>\n</table></div>\n'


def _rejected(rejects: Any, language: Language, *, values: bool) -> list[list[str]]:
    """Return the first rejected rows as cells of the page."""
    first = rejects.limit(MOST_ROWS)
    rows: pl.DataFrame = first if isinstance(first, pl.DataFrame) else first.pl()
    return [
        [
            file,
            f"{row}",
            schema.label(column, language) if column else "",
            translate(reason_message(reason), language),
            *([cells_in_words(content, language)] if values else []),
        ]
        for file, row, column, reason, content in rows.select(
            "source_file", "source_row", "column", "reason", "content"
        ).rows()
    ]


def _file(file: FileSummary, language: Language) -> list[str]:
    return [file.name, *how_read(file, language), f"{file.rows_read:,}", f"{file.records:,}", f"{file.rejects:,}"]


def _columns(summary: Summary, language: Language) -> Iterator[list[str]]:
    """Yield each header with the field that it was read as, the unknown ones last."""
    known = {header: name for file in summary.files for header, name in file.headers.items()}
    yield from ([header, schema.label(name, language)] for header, name in known.items())
    extras = dict.fromkeys(name for file in summary.files for name in file.extras)
    extra = translate(_("an extra column, kept as it is"), language)
    yield from ([name, extra] for name in list(extras)[:_MOST_EXTRAS])


def _missing(summary: Summary) -> tuple[Label, ...]:
    present = {name for file in summary.files for name in file.headers.values()}
    missing = (c.name for c in schema.RECORD if c.name not in present and c.name not in schema.DERIVED)
    return tuple(map(schema.label_in_message, missing))


def _dates(summary: Summary, language: Language) -> Iterator[list[str]]:
    for report in summary.dates:
        forms, order = date_forms(report.forms, language), day_and_month(report, language)
        yield [report.file, schema.label(report.column, language), forms, order, f"{report.without_offset:,}"]
