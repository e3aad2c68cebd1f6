"""Exports for analysts: records without personal identifiers, checked before the file gets its final name."""

from invitekit.export.anonymity import Unique
from invitekit.export.api import export
from invitekit.export.checks import GATES
from invitekit.export.keys import find_key, kept_key, new_key, overruled, rotate_key
from invitekit.export.manifest import Manifest, verify
from invitekit.export.pipeline import Exported
from invitekit.export.signature import signer

__all__ = [
    "GATES",
    "Exported",
    "Manifest",
    "Unique",
    "export",
    "find_key",
    "kept_key",
    "new_key",
    "overruled",
    "rotate_key",
    "signer",
    "verify",
]
