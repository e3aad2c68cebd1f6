"""Exports for analysts: records without personal identifiers, checked before the file gets its final name."""

from invitekit.export.anonymity import Unique
from invitekit.export.api import export
from invitekit.export.checks import GATES
from invitekit.export.keys import key_override, new_key, resolve_key, rotate_key, stored_key
from invitekit.export.manifest import Manifest, verify
from invitekit.export.pipeline import Exported
from invitekit.export.signature import signer

__all__ = [
    "GATES",
    "Exported",
    "Manifest",
    "Unique",
    "export",
    "key_override",
    "new_key",
    "resolve_key",
    "rotate_key",
    "signer",
    "stored_key",
    "verify",
]
