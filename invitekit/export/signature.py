"""The signature of a manifest, by the stored key."""

from __future__ import annotations

import hashlib
import hmac

import msgspec
from msgspec.structs import replace

from invitekit.errors import ChangedError
from invitekit.export.manifest import Manifest
from invitekit.i18n import Message, _
from invitekit.privacy import Key

_PURPOSE = "signature of a manifest"


def signed(manifest: Manifest, key: Key) -> Manifest:
    """Return a manifest with its signature; a key that is not stored adds none."""
    return replace(manifest, signature=_signature(manifest, key)) if key.id else manifest


def describe_signature(manifest: Manifest, key: Key | None) -> Message:
    """Check the signature of a manifest, and describe it in a sentence.

    Args:
        manifest: The result of ``verify``.
        key: The stored key, if any.

    Raises:
        ChangedError: The signature by this key is wrong.
    """
    if manifest.signature is None:
        return _("It is not signed: the bytes are those of the manifest, but anyone could have written both.")
    if key is None or key.id is None or key.id != manifest.key_id:
        return _("It names key {id}, which is not stored here: its signature was not checked.", id=manifest.key_id)
    if not hmac.compare_digest(manifest.signature, _signature(manifest, key)):
        raise ChangedError("manifest", "signature", 1)
    return _("It is signed by key {id}.", id=key.id)


def _signature(manifest: Manifest, key: Key) -> str:
    content = msgspec.json.encode(replace(manifest, signature=None), order="sorted", enc_hook=str)
    # Derived with an empty column name, which no column has.
    secret = bytes.fromhex(key.subkey("", _PURPOSE).text())
    return hmac.new(secret, content, hashlib.sha256).hexdigest()
