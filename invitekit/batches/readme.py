"""Write the read-me of the batches: what the files are, what to click, and what the plan decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from invitekit.batches.worklists import WorkList
from invitekit.i18n import Language, read_texts
from invitekit.model.portal import with_portal_names
from invitekit.model.vocabularies import DECISIONS
from invitekit.planning import PlanSettings, PlanSummary, ResendRules
from invitekit.planning.reason_texts import read_reasons


@dataclass(frozen=True, slots=True)
class Extra:
    """Files that were written besides batches and work lists.

    Attributes:
        kind: ``managers``, ``reminders`` or ``calendar``.
        rows: Rows by file name.
        count: Workbooks, reminders or dates.
        without: Customers who have to act and get no reminder.
    """

    kind: str
    rows: Mapping[str, int]
    count: int
    without: int = 0


def text(
    summary: PlanSummary,
    settings: PlanSettings,
    lists: Sequence[WorkList],
    kinds: Sequence[str],
    *,
    language: Language,
    batch_ids: Mapping[int, str] | None = None,
    extras: Sequence[Extra] = (),
    is_filtered: bool = False,
) -> str:
    """Return the text of the read-me, which names no customer; ``is_filtered``: of a part of the plan."""
    page = read_texts(__package__, "words.toml", language)["page"]
    batches = [each for each in lists if each.batch is not None]
    parts = [
        page["whose"],
        _today(page, summary, settings, len(batches), language),
        *[page["filtered"]] * is_filtered,
        page["steps"] if summary.candidates else page["none"],
    ]
    if batch_ids:
        parts.append("\n".join([page["log"].strip(), *(page["log_one"].format(number=n, id=i)
                                                       for n, i in batch_ids.items())]))  # fmt: skip
    kinds_of_batches = {each.name.split("_", 2)[2] for each in batches}
    parts += [instruction for kind, instruction in page["kind"].items() if kind in kinds_of_batches]
    parts += ["\n".join(_files(page, lists, kinds, extras)), page["notes"]]
    parts += ["\n".join(_decisions(page, summary, settings.rules, language)), page["delete"]]
    return with_portal_names("\n\n".join(part.strip() for part in parts), language) + "\n"


def _today(page: dict[str, Any], summary: PlanSummary, settings: PlanSettings, batches: int, language: Language) -> str:
    rules = settings.rules
    numbers = {
        "moment": f"{settings.as_of:%Y-%m-%d %H:%M}",
        "customers": f"{summary.candidates:,}",
        "batches": f"{batches:,}",
        "rules": rules.words(language),
        "open": f"{summary.open_customers:,}",
        "cap": f"{rules.portal_cap:,}",
        "rejected": f"{summary.named_by_rejected_rows:,}",
    }
    lines = [page["today"].strip().format(**numbers)]
    lines += [page["full"]] * (summary.open_customers >= rules.portal_cap)
    lines += [page["rejected"].format(**numbers)] * bool(summary.named_by_rejected_rows)
    lines += [page["warning"] + warning for warning in summary.warnings(language)]
    if summary.candidates:
        lines.append(page["ranked"] if summary.with_history else page["unranked"])
    return "\n".join(lines)


def _files(
    page: dict[str, Any], lists: Sequence[WorkList], kinds: Sequence[str], extras: Sequence[Extra]
) -> Iterator[str]:
    drafts = sum(extra.count for extra in extras if extra.kind == "reminders")
    yield page["files"].format(count=len(lists) * len(kinds) + sum(len(extra.rows) for extra in extras) + drafts)
    endings = " ".join(f".{kind}" for kind in kinds)
    for each in lists:
        meaning = page["list"]["invite" if each.name.endswith("_invite") else each.who]
        yield f"  {each.name} ({endings}): {each.rows.height:,}{page['is']}{meaning}"
    for extra in extras:
        yield f"  {page['extra'][extra.kind].format(count=f'{extra.count:,}')}"
        if extra.without:
            yield f"  {page['extra']['without'].format(count=f'{extra.without:,}')}"


def _decisions(page: dict[str, Any], summary: PlanSummary, rules: ResendRules, language: Language) -> Iterator[str]:
    """Return every decision with its number of records, and under it the reasons."""
    reasons = read_reasons(language)
    yield page["decided"]
    for value in DECISIONS:
        yield f"  {value.label(language)}: {summary.by_decision[value.code]:,}"
        for (decision, code), count in summary.by_reason.items():
            if decision == value.code:
                yield f"    - {count:,}{page['is']}{reasons[code].summary(rules)}"
