"""Privacy policies: an action for each column at three levels; a column without an action stops the export."""

from invitekit.privacy.actions import ACTIONS, Rule, Secrets
from invitekit.privacy.output_types import OTHER, FirstOf, Flag, Form, Range, Text, Token, Words
from invitekit.privacy.policy import LEVELS, Level, Policy, scrubbed_remarks, shown, standard
from invitekit.privacy.policy_file import read_policy
from invitekit.privacy.tokens import Key, normalise

__all__ = [
    "ACTIONS", "LEVELS", "OTHER", "FirstOf", "Flag", "Form", "Key", "Level", "Policy", "Range", "Rule", "Secrets",
    "Text", "Token", "Words", "normalise", "read_policy", "scrubbed_remarks", "shown", "standard",
]  # fmt: skip
