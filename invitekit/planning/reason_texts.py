"""Every reason with its decision and its texts, read from the table beside this file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from invitekit.i18n import Language, read_texts
from invitekit.model.portal import with_portal_names
from invitekit.planning.rules import ResendRules

BY_CAUSE = ("failed", "as_reseller", "customer_must_act", "contact_support", "blocked")
"""Reasons whose text is the cause of the failure."""
DETAILS = ("row", "day", "word", "mark")
"""Placeholders that differ by customer; a text has at most one of them."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a record gets its decision.

    Attributes:
        code: Its name in ``reason_code``.
        decision: One of ``schema.DECISIONS``.
        reason, step: Texts with placeholders: ``{cause}``, ``{advice}``, one of ``DETAILS`` or a rule.
        many: The reason as a heading over several records, whose causes may differ; empty where it is ``reason``.
    """

    code: str
    decision: str
    reason: str
    step: str
    many: str = ""

    def summary(self, rules: ResendRules) -> str:
        """Return the reason as a heading over several records, whose causes may differ."""
        return self.many or self.words(rules)[0]

    def words(self, rules: ResendRules) -> tuple[str, str]:
        """Return reason and next step with the numbers of the rules; placeholders that differ by record stay."""
        left = {name: f"{{{name}}}" for name in ("cause", "advice", *DETAILS)}
        numbers = {name: str(value) for name, value in asdict(rules).items()}
        return self.reason.format(**numbers, **left), self.step.format(**numbers, **left)


@cache
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
