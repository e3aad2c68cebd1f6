"""Write a plan as batches and work lists for the person who clicks in the portal, with a read-me."""

from invitekit.batches.write import Written, write_batches

__all__ = ["Written", "write_batches"]
