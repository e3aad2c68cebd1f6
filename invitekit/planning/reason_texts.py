"""The reasons of a plan with their decisions and texts, from ``reasons.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from invitekit.i18n import Language, read_texts
from invitekit.model.portal import with_portal_names
from invitekit.planning.rules import ResendRules

BY_CAUSE = ("failed", "as_reseller", "customer_must_act", "contact_support", "blocked")
"""Reasons with the cause of the failure as their text."""
DETAILS = ("row", "day", "word", "mark")
"""Placeholders that differ by customer; a text has at most one of them."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason for a decision.

    Attributes:
        code: Its value in ``reason_code``.
        decision: One of ``schema.DECISIONS``.
        reason, step: Texts with placeholders: ``{cause}``, ``{advice}``, one of ``DETAILS`` or a rule.
        many: The reason as a heading of several records, whose causes may differ; empty if it is ``reason``.
    """

    code: str
    decision: str
    reason: str
    step: str
    many: str = ""

    def summary(self, rules: ResendRules) -> str:
        """Return the reason as a heading of several records, whose causes may differ."""
        if not self.many:
            return self.words(rules)[0]
        return self.many.format(**_numbers(rules))

    def words(self, rules: ResendRules) -> tuple[str, str]:
        """Return reason and next step with the numbers of the rules; placeholders that depend on the record stay."""
        unchanged = {name: f"{{{name}}}" for name in ("cause", "advice", *DETAILS)}
        numbers = _numbers(rules)
        return self.reason.format(**numbers, **unchanged), self.step.format(**numbers, **unchanged)


def _numbers(rules: ResendRules) -> dict[str, str]:
    return {name: str(value) for name, value in asdict(rules).items()}


def _read(language: Language) -> dict[str, Any]:
    return read_texts(__package__, "reasons.toml", language, codes=("code", "decision"))


def read_warnings(language: Language) -> Mapping[str, str]:
    """Return every warning about a whole plan by its code."""
    warnings: Mapping[str, str] = _read(language)["warning"]
    return warnings


@cache
def read_reasons(language: Language = "en") -> Mapping[str, Reason]:
    """Return every reason by its code."""
    rows = [
        {name: with_portal_names(text, language) for name, text in row.items()} for row in _read(language)["reason"]
    ]
    return {row["code"]: Reason(**row) for row in rows}
