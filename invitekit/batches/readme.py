"""The page to read first: what these files are, what to click, and what the plan decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from invitekit.batches.columns import Language
from invitekit.batches.message_templates import words
from invitekit.batches.worklists import List
from invitekit.model.vocabularies import DECISIONS
from invitekit.planning import PlanSettings, PlanSummary, ResendRules
from invitekit.planning.reason_texts import read_reasons


def text(
    found: PlanSummary,
    settings: PlanSettings,
    made: Sequence[List],
    kinds: Sequence[str],
    *,
    language: Language,
    batch_ids: Mapping[int, str] | None = None,
) -> str:
    """Return the text of the page. It holds numbers and our own words, and no customer.

    Args:
        found: The counts of the plan.
        settings: The rules and the time that it was made for.
        made: The lists that were written.
        kinds: In which formats.
        language: Of the page.
        batch_ids: By which ID a workspace knows each batch.
    """
    told = words()["page"][language]
    batches = [one for one in made if one.batch is not None]
    parts = [
        told["whose"],
        _today(told, found, settings, len(batches)),
        told["steps"] if found.candidates else told["none"],
    ]
    if batch_ids:
        parts.append("\n".join([told["log"].strip(), *(told["log_one"].format(number=n, id=i)
                                                       for n, i in batch_ids.items())]))  # fmt: skip
    parts += [told["reseller"]] * any(one.name.endswith("resend_as_reseller") for one in batches)
    parts += ["\n".join(_files(told, made, kinds)), told["notes"]]
    parts += ["\n".join(_decisions(told, found, settings.rules, language)), told["delete"]]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _today(told: dict[str, Any], found: PlanSummary, settings: PlanSettings, batches: int) -> str:
    rules = settings.rules
    numbers = {
        "moment": f"{settings.as_of:%Y-%m-%d %H:%M}",
        "customers": f"{found.candidates:,}",
        "batches": f"{batches:,}",
        "rules": _rules(told, rules),
        "open": f"{found.open_customers:,}",
        "cap": f"{rules.portal_cap:,}",
        "rejected": f"{found.named_by_rejected_rows:,}",
    }
    lines = [told["today"].strip()]
    lines += [told["full"]] * (found.open_customers >= rules.portal_cap)
    lines += [told["rejected"]] * bool(found.named_by_rejected_rows)
    if found.candidates:
        lines.append(told["ranked"] if found.with_history else told["unranked"])
    return "\n".join(lines).format(**numbers)


def _rules(told: dict[str, Any], rules: ResendRules) -> str:
    """Say the rules in the page's language; ``ResendRules`` itself speaks English."""
    if "rules" not in told:
        return str(rules)
    usual = ResendRules()
    said = [told["rules"]["pause" if rules.cool_down_days else "no_pause"], told["rules"]["always"]]
    said += [words for name, words in told["rules"]["changed"].items() if getattr(rules, name) != getattr(usual, name)]
    return "".join(said).format(**asdict(rules))


def _files(told: dict[str, Any], made: Sequence[List], kinds: Sequence[str]) -> Iterator[str]:
    yield told["files"].format(count=len(made) * len(kinds))
    endings = " ".join(f".{kind}" for kind in kinds)
    for one in made:
        what = told["list"][one.who]
        yield f"  {one.name} ({endings}): {one.rows.height:,}{told['is']}{what}"


def _decisions(told: dict[str, Any], found: PlanSummary, rules: ResendRules, language: Language) -> Iterator[str]:
    """Say every decision with its records, and under it why."""
    reasons = read_reasons()
    yield told["decided"]
    for value in DECISIONS:
        yield f"  {value.label(language)}: {found.by_decision[value.code]:,}"
        for (decision, code), count in found.by_reason.items():
            if decision == value.code:
                yield f"    - {count:,}{told['is']}{reasons[code].summary(rules, language)}"
