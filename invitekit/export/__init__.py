"""The way out for analysts: records without what tells who somebody is, proved before the file gets its name."""

from invitekit.export.anonymity import Unique
from invitekit.export.gates import GATES
from invitekit.export.keys import find_key, kept_key, new_key, overruled, rotate_key
from invitekit.export.manifest import Manifest, verify
from invitekit.export.out import export
from invitekit.export.signature import signer
from invitekit.export.steps import Exported

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
