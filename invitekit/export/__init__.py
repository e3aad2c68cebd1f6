"""Export records without personal identifiers; the file is checked before it gets its final name."""

from invitekit.export.anonymity import UniquenessReport
from invitekit.export.api import export
from invitekit.export.checks import CHECKS
from invitekit.export.keys import key_override, new_key, resolve_key, rotate_key, stored_key
from invitekit.export.manifest import Manifest, describe_signature, verify
from invitekit.export.pipeline import Exported

__all__ = [
    "CHECKS", "Exported", "Manifest", "UniquenessReport", "describe_signature", "export", "key_override", "new_key",
    "resolve_key", "rotate_key", "stored_key", "verify",
]  # fmt: skip
