"""Records to a plan: one explained decision for every record, and batches of those to invite again."""

from invitekit.resend.choosing import only
from invitekit.resend.decisions import Decisions, count_decisions
from invitekit.resend.plan import plan_resends
from invitekit.resend.rules import ResendRules

__all__ = ["Decisions", "ResendRules", "count_decisions", "only", "plan_resends"]
