"""Records to a plan: one explained decision for every record, and batches of those to invite again."""

from invitekit.resend.choosing import only
from invitekit.resend.plan import plan_resends
from invitekit.resend.rules import ResendRules
from invitekit.resend.settings import PlanSettings, agreed_settings
from invitekit.resend.summary import PlanSummary, count_decisions

__all__ = [
    "PlanSettings", "PlanSummary", "ResendRules", "agreed_settings", "count_decisions", "only", "plan_resends",
]  # fmt: skip
