"""Write a report of annotated records: a summary, then figures and tables, without the name of any customer."""

from __future__ import annotations

from invitekit.extras import require_extra
from invitekit.i18n import Language, _

require_extra("report", _("The report needs more libraries."), "jinja2", "typst")

import datetime as dt
import os
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invitekit.charts import Look
from invitekit.errors import check_choice, check_type
from invitekit.ingest import Summary
from invitekit.io.atomic_write import check_target
from invitekit.io.table_writers import write_bytes
from invitekit.metrics import FOLLOW_UP_DAYS, MetricsReport, progress
from invitekit.metrics.aggregate import Period
from invitekit.model.catalogue import Catalogue, known_failures
from invitekit.model.filters import IDENTIFYING, Filter
from invitekit.model.resolve import resolved
from invitekit.planning import PlanSummary, ResendRules, age_warnings, count_decisions, plan_resends
from invitekit.planning.plan import used_by_plan
from invitekit.privacy.disclosure import STEP
from invitekit.report.audience import AUDIENCES, TRENDS, Audience, for_audience, plan_for_audience
from invitekit.report.html import as_html
from invitekit.report.markdown import as_markdown
from invitekit.report.page import Page, words
from invitekit.report.pdf import as_pdf
from invitekit.report.sections import sections
from invitekit.report.sources_section import count, read, sources
from invitekit.report.summary import summarise

if TYPE_CHECKING:
    from invitekit.workspace import Comparison

__all__ = [
    "AUDIENCES", "KINDS", "TRENDS", "Audience", "Look", "Page", "for_audience", "page", "report", "summarise",
    "write_page",
]  # fmt: skip

KINDS: dict[str, Callable[[Page], bytes]] = {".html": as_html, ".pdf": as_pdf, ".md": as_markdown}
"""The function that renders a page, by the extension of the file."""


def report(
    records: Any,
    path: str | os.PathLike[str],
    *,
    audience: Audience = "internal",
    as_of: dt.datetime | dt.date | None = None,
    period: Period = "week",
    choice: Filter | None = None,
    summary: Summary | None = None,
    plan: Any = None,
    change: Comparison | None = None,
    catalogue: Catalogue | None = None,
    language: Language = "en",
    follow_up_days: int = FOLLOW_UP_DAYS,
    overwrite: bool = False,
) -> Path:
    """Write a report as one file that needs no network; its size does not depend on the number of records.

    It contains no name of a customer and no free text of a record. The internal report, for the partner's own people,
    shows account managers, custom tags and every count. The public one hides counts below ten and rounds all others to
    the nearest ten, computes rates and curves from the rounded counts, merges groups below ten, and numbers account
    managers and tags. Two public reports of nearly the same records can differ where a count is rounded differently.

    Args:
        records: What ``annotate`` returns, of any engine; the whole history.
        path: The file; it ends in ``.html``, ``.pdf`` or ``.md``.
        audience: ``internal`` or ``public``.
        as_of: The moment that the records were annotated at; default: now.
        period: Of the trends: ``day``, ``week`` or ``month``.
        choice: The filter that selected the records; the report states it, but does not apply it.
        summary: What ``load`` returns about the sources, to state what was read and rejected.
        plan: What ``plan_resends`` returns for the records, or its rows that ``choice`` selects. Without it, the report
            plans the records alone: without logged resends, resolved failures, rejected rows and the customer list.
        change: What ``compare`` returns for the two newest snapshots.
        catalogue: The known failures; default: the built-in ones.
        language: ``en`` or ``zh``.
        follow_up_days: Days after which an unused invitation without an expiry counts as not used.
        overwrite: Replace a file of that name.

    Returns:
        The path of the file.

    Raises:
        OutputError: The file cannot be written.
        SchemaError: A column that is needed is missing.
        ArgumentError: ``audience``, ``period``, ``as_of`` or ``follow_up_days`` is not valid.
    """
    check_target(path, extensions=KINDS, overwrite=overwrite)
    check_choice("audience", audience, AUDIENCES)
    summary = getattr(summary, "summary", summary)  # of a whole result of load
    check_type("choice", choice, (Filter, type(None)), _("pass {what}.", what="Filter(...)"))
    check_type("summary", summary, (Summary, type(None)), _("pass {what}.", what="loaded.summary"))
    failures = known_failures(catalogue)
    if plan is None:
        records = resolved(records)  # once, for the plan and the metrics
        plan = plan_resends(used_by_plan(records), as_of=as_of)
    metrics = progress(
        records, as_of=as_of, period=period, by=TRENDS, catalogue=failures, language=language,
        follow_up_days=follow_up_days,
    )  # fmt: skip
    look = Look(choice or Filter(), language, catalogue=failures)
    content = page(metrics, look, count_decisions(plan), audience=audience, summary=summary, change=change)
    return write_page(content, path, overwrite=overwrite)


def write_page(content: Page, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a page in the format of its file extension, whole or not at all.

    Raises:
        OutputError: The file cannot be written.
    """
    target = check_target(path, extensions=KINDS, overwrite=overwrite)
    return write_bytes(KINDS[target.suffix.lower()](content), target, extensions=KINDS, overwrite=overwrite)


def page(
    metrics: MetricsReport,
    look: Look,
    plan: PlanSummary,
    *,
    audience: Audience = "internal",
    summary: Summary | None = None,
    change: Comparison | None = None,
) -> Page:
    """Build the content of a report, limited to what its audience may see.

    The arguments are what ``report`` computes or gets: ``look`` has the filter that selected the records, ``plan`` the
    counts of their plan.

    Raises:
        ArgumentError: There is no such audience.
    """
    texts, public = words(look.language), audience == "public"
    tables = for_audience(metrics, audience, look.language)
    stated = _without_names(look.choice, public=public)
    look, more = replace(look, choice=stated), look.choice != stated
    todo = plan_for_audience(plan, audience)
    # The other warnings of a plan contain exact counts.
    age = age_warnings(plan.newest_export, metrics.as_of, ResendRules(), look.language)
    return Page(
        title=texts["title"],
        facts=(*_facts(tables, look), *([texts["chosen_more"]] if more else [])),
        warnings=tuple(age if public else plan.warnings(look.language)),
        audience=texts["audience"][audience],
        summary=summarise(tables, todo, look, change, rounded=public),
        sections=sections(tables, look, todo, change, public=public),
        read=read(tables, summary, look, public=public),
        sources=sources(summary, look, public=public),
        rules=_rules(tables, look, public=public),
        privacy=texts["privacy"][audience].format(step=STEP),
        language=look.language,
        as_of=metrics.as_of,
    )


def _without_names(choice: Filter, *, public: bool) -> Filter:
    """Return a filter without its search text, which may name a customer; for the public without identifying parts."""
    for name in IDENTIFYING if public else ("text",):
        choice = choice.without(name)
    return choice


def _facts(tables: MetricsReport, look: Look) -> tuple[str, ...]:
    texts, n = words(look.language), tables.counts["invitations"]
    facts = [
        texts["as_of"].format(at=f"{tables.as_of:%Y-%m-%d %H:%M}".removesuffix(" 00:00")),
        texts["about"][n != 1].format(invitations=count(n, look), version=version("invitekit")),
    ]
    return (*facts, *([texts["chosen"].format(what=look.chosen)] if look.choice else []))


def _rules(tables: MetricsReport, look: Look, *, public: bool) -> tuple[str, ...]:
    texts = words(look.language)
    numbers = {
        "period": texts[tables.period],
        "days": f"{tables.follow_up_days:,}",
        "known": f"{len(look.catalogue.failures):,}",
    }
    names = [name for name in texts["counts"] if public or name != "rounded"]
    return tuple(texts["counts"][name].format(**numbers) for name in names)
