"""HKDF-SHA256 (RFC 5869) for one key, and HMAC-SHA256 (RFC 2104) for many values at once."""

from __future__ import annotations

import hmac
from hashlib import sha256

import polars as pl

_BLOCK = 64
_DIGEST = 32


def hkdf_sha256(key: bytes, info: bytes, length: int = _DIGEST, salt: bytes = b"") -> bytes:
    """Derive a key from a key: HKDF with SHA-256.

    Args:
        key: The input keying material.
        info: The use of the derived key; different texts give unrelated keys.
        length: Bytes of the derived key, 8,160 at most.
        salt: Optional; the default is one zero for each byte of a digest.
    """
    extracted = hmac.digest(salt or bytes(_DIGEST), key, "sha256")
    block, derived = b"", b""
    for counter in range(1, -(-length // _DIGEST) + 1):
        block = hmac.digest(extracted, block + info + bytes([counter]), "sha256")
        derived += block
    return derived[:length]


def hmac_sha256(values: pl.Series, key: bytes) -> pl.Series:
    """Compute the HMAC-SHA256 of each text, as 64 hexadecimal digits; null stays null."""
    block = (sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    # Each pad is hashed once: copying its state is faster than DuckDB, or Python's hmac for each text.
    inner, outer = (sha256(bytes(byte ^ pad for byte in block)) for pad in (0x36, 0x5C))

    def digest(text: bytes) -> bytes:
        inside, outside = inner.copy(), outer.copy()
        inside.update(text)
        outside.update(inside.digest())
        return outside.digest()

    texts = values.cast(pl.Binary).to_list()
    digests = [None if text is None else digest(text) for text in texts]
    return pl.Series(values.name, digests, dtype=pl.Binary).bin.encode("hex")
