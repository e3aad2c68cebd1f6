"""The way out for the person who clicks in the portal: a plan to batch files, work-lists and one page to read first."""

from invitekit.batches.write import Written, write_batches

__all__ = ["Written", "write_batches"]
