"""Annotated records to one file that may be handed on: words first, then figures and tables, no person in it."""

from __future__ import annotations

from invitekit.extras import require_extra

require_extra("report", "The report needs", "jinja2", "plotly", "scipy", "typst")

import datetime as dt
import os
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from invitekit.charts import Look
from invitekit.ingest import Summary
from invitekit.io.atomic_write import check_target
from invitekit.io.table_writers import write_bytes
from invitekit.metrics import Progress, progress
from invitekit.metrics.aggregate import Period
from invitekit.model.catalogue import Catalogue, Language, read_catalogue
from invitekit.model.filters import Filter
from invitekit.report.disclosure import TRENDS, Names, protect
from invitekit.report.html import as_html
from invitekit.report.markdown import as_markdown
from invitekit.report.page import Page, words
from invitekit.report.pdf import as_pdf
from invitekit.report.sections import sections
from invitekit.report.sources_section import read, sources
from invitekit.report.summary import summarise
from invitekit.report.suppression import LEAST
from invitekit.workspace import Comparison

__all__ = ["KINDS", "TRENDS", "Look", "Page", "page", "protect", "report", "write_page"]

KINDS: dict[str, Callable[[Page], bytes]] = {".html": as_html, ".pdf": as_pdf, ".md": as_markdown}
"""How a report is written, by the extension of its file."""


def report(
    records: Any,
    path: str | os.PathLike[str],
    *,
    as_of: dt.datetime | dt.date | None = None,
    period: Period = "week",
    choice: Filter | None = None,
    summary: Summary | None = None,
    change: Comparison | None = None,
    catalogue: Catalogue | None = None,
    language: Language = "en",
    overwrite: bool = False,
) -> Path:
    """Write a report that may be handed on: one file, without a network, without a person's data.

    Counts below ten are hidden, and so are others from which one could be worked out in any table.
    Account managers and custom tags are numbers. The file's size does not depend on the records.

    Args:
        records: What ``annotate`` gives, of any engine; the whole history.
        path: Ends in ``.html``, ``.pdf`` or ``.md``.
        as_of: The moment that the records were annotated at; now, when it is left out.
        period: Of the trends: ``day``, ``week`` or ``month``.
        choice: The filter that the records were chosen by; it is said, not applied.
        summary: What ``load`` says of the sources, to say what was read and rejected.
        change: What ``compare`` says of the two newest snapshots.
        catalogue: The failures known; else the built-in ones.
        language: ``en`` or ``zh``.
        overwrite: Replace a file of that name.

    Returns:
        The path written.

    Raises:
        OutputError: The name, the folder or the disk does not allow it.
        SchemaError: A column that is needed is missing.
        ArgumentError: ``period`` or ``as_of`` means nothing.
    """
    check_target(path, extensions=KINDS, overwrite=overwrite)
    known = catalogue or read_catalogue()
    found = progress(records, as_of=as_of, period=period, by=TRENDS, catalogue=known, language=language)
    look = Look(choice or Filter(), language, catalogue=known)
    made = page(found, look, summary=summary, change=change)
    return write_page(made, path, overwrite=overwrite)


def write_page(made: Page, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a page by the extension of its file, whole or not at all.

    Raises:
        OutputError: The name, the folder or the disk does not allow it.
    """
    target = check_target(path, extensions=KINDS, overwrite=overwrite)
    return write_bytes(KINDS[target.suffix.lower()](made), target, extensions=KINDS, overwrite=overwrite)


def page(found: Progress, look: Look, *, summary: Summary | None = None, change: Comparison | None = None) -> Page:
    """Give a report as a value, with nothing in it that may not be handed on.

    Args:
        found: What ``progress`` gives.
        look: The filter that was chosen, the language, the failures known; figures are for light and dark.
        summary: What ``load`` says of the sources.
        change: What ``compare`` says of the two newest snapshots.
    """
    look, more = replace(look, choice=_public(look.choice)), look.choice != _public(look.choice)
    told = words(look.language)
    shown = protect(found, Names(told["manager"], told["tag"]))
    return Page(
        title=told["title"],
        facts=(*_facts(found, look), *([told["chosen_more"]] if more else [])),
        summary=summarise(shown, look),
        sections=sections(shown, look, change),
        read=read(found, summary, look),
        sources=sources(summary, look),
        rules=_rules(found, look),
        privacy=told["privacy"].format(least=LEAST),
        language=look.language,
    )


def _public(choice: Filter) -> Filter:
    """Give a filter without what may name a person: a text, managers, tags."""
    for name in ("text", "manager", "tag"):
        choice = choice.without(name)
    return choice


def _facts(found: Progress, look: Look) -> tuple[str, ...]:
    told = words(look.language)
    n = found.counts["invitations"]
    invitations = f"{n:,}" if n >= LEAST or n == 0 else told["reads"]["fewer"].format(least=LEAST)
    facts = [
        told["as_of"].format(at=f"{found.as_of:%Y-%m-%d %H:%M}".removesuffix(" 00:00")),
        told["about"].format(invitations=invitations, version=version("invitekit")),
    ]
    return (*facts, *([told["chosen"].format(what=look.chosen)] if look.choice else []))


def _rules(found: Progress, look: Look) -> tuple[str, ...]:
    told = words(look.language)
    numbers = {"period": told[found.period], "known": f"{len(look.catalogue.failures):,}"}
    return tuple(sentence.format(**numbers) for sentence in told["counts"].values())
