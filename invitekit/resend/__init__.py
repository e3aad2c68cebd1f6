"""Records to a plan: one explained decision for every record, and batches of those to invite again."""

from invitekit.resend.plan import open_customers, plan_resends
from invitekit.resend.rules import ResendRules

__all__ = ["ResendRules", "open_customers", "plan_resends"]
