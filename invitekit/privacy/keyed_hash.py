"""HKDF-SHA256 (RFC 5869) for one key, HMAC-SHA256 (RFC 2104) for many values at once."""

from __future__ import annotations

import hmac
from hashlib import sha256

import duckdb
import polars as pl

_BLOCK = 64
_DIGEST = 32
_HMAC = "select sha256(unhex(?) || unhex(sha256(unhex(?) || encode(text)))) as digest from texts"
"""The definition of HMAC, as SQL: the outer pad and the inner pad, each combined with the key, are bound as hex."""


def hkdf_sha256(key: bytes, info: bytes, length: int = _DIGEST, salt: bytes = b"") -> bytes:
    """Derive a key from a key: HKDF with SHA-256.

    Args:
        key: The input keying material.
        info: What the derived key is for; two texts give two unrelated keys.
        length: Bytes of the derived key, 8,160 at most.
        salt: Optional; none is as many zeros as a digest has bytes.
    """
    extracted = hmac.digest(salt or bytes(_DIGEST), key, "sha256")
    block, derived = b"", b""
    for counter in range(1, -(-length // _DIGEST) + 1):
        block = hmac.digest(extracted, block + info + bytes([counter]), "sha256")
        derived += block
    return derived[:length]


def hmac_sha256(values: pl.Series, key: bytes) -> pl.Series:
    """Compute the HMAC-SHA256 of each text, as 64 hexadecimal digits; null stays null.

    DuckDB is three times as fast as a loop over Python's hmac, and one thread keeps the order of the values.
    """
    block = (sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in block).hex() for pad in (0x36, 0x5C))
    with duckdb.connect(config={"threads": "1"}) as con:
        con.register("texts", values.alias("text").to_frame())
        digests = pl.from_arrow(con.sql(_HMAC, params=[outer, inner]).to_arrow_table())
    if not isinstance(digests, pl.DataFrame):
        raise TypeError
    return digests["digest"].alias(values.name)
