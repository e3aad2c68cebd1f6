"""Plan resends: one explained decision for every record, and batches of customers to invite again."""

from invitekit.planning.plan import plan_resends
from invitekit.planning.ranking import select_customers
from invitekit.planning.rules import PlanSettings, ResendRules, agreed_settings
from invitekit.planning.summary import PlanSummary, age_warnings, count_decisions

__all__ = [
    "PlanSettings", "PlanSummary", "ResendRules", "age_warnings", "agreed_settings", "count_decisions", "plan_resends",
    "select_customers",
]  # fmt: skip
