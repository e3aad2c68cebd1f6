"""Every reason with its decision and its texts, read from the table beside this file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from invitekit.model.portal import with_portal_names
from invitekit.planning.rules import ResendRules

Language = Literal["en", "zh"]
BY_CAUSE = ("failed", "as_reseller", "customer_must_act", "contact_support", "blocked")
"""For these reasons, the text that is shown is the cause of the failure."""
DETAILS = ("row", "day", "word", "mark")
"""What a reason's text may name that differs by customer; a text names one of them."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a record gets its decision.

    Attributes:
        code: Our name for it.
        decision: One of ``schema.DECISIONS``.
        reason, step: Words by language; they may name ``{cause}``, ``{advice}``, one of ``DETAILS`` or a rule.
        many: The reason as a heading over several records, whose causes may differ; empty where ``reason`` will do.
    """

    code: str
    decision: str
    reason: Mapping[str, str]
    step: Mapping[str, str]
    many: Mapping[str, str]

    def summary(self, rules: ResendRules, language: Language) -> str:
        """Return the reason as a heading over several records, whose causes may differ."""
        return self.many.get(language) or self.words(rules, language)[0]

    def words(self, rules: ResendRules, language: Language) -> tuple[str, str]:
        """Return reason and next step with the rules' numbers filled in; what differs by record is left as it is."""
        left = {name: f"{{{name}}}" for name in ("cause", "advice", *DETAILS)}
        numbers = {name: str(value) for name, value in asdict(rules).items()}
        reason, step = (with_portal_names(texts[language], language) for texts in (self.reason, self.step))
        return reason.format(**numbers, **left), step.format(**numbers, **left)


def _read_tables() -> dict[str, Any]:
    return tomllib.loads(files("invitekit.planning").joinpath("reasons.toml").read_text("utf-8"))


@cache
def read_warnings() -> Mapping[str, Mapping[str, str]]:
    """Return every warning about a whole plan by its code, in both languages."""
    return {row["code"]: {"en": row["en"], "zh": row["zh"]} for row in _read_tables()["warning"]}


@cache
def read_reasons() -> Mapping[str, Reason]:
    """Return every reason by its code."""
    rows = _read_tables()["reason"]
    return {
        row["code"]: Reason(
            row["code"],
            row["decision"],
            {"en": row["reason_en"], "zh": row["reason_zh"]},
            {"en": row["step_en"], "zh": row["step_zh"]},
            {language: row[f"many_{language}"] for language in ("en", "zh") if f"many_{language}" in row},
        )
        for row in rows
    }
