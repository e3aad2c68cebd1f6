"""Keyed tokens: the same customer gets the same token, and nobody without the key can tell whose it is."""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Callable
from typing import NoReturn

import polars as pl
import polars_hash
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from invitekit import schema
from invitekit.errors import ArgumentError, InvitekitError

BITS = 128
_KEY_BYTES = 32
_KEY_TEXT = re.compile(r"[0-9a-f]{64}")
_LABEL = b"invitekit token v1"
_LONGEST_BLANK = max(len(text.encode()) for text in schema.NULL_LIKE)
_ASCII_MARK = "*"
"""The only sign of a masked value that a text of ASCII can hold."""
_SAMPLE = 1_000
"""Values that are looked at to see whether a batch repeats itself."""


class Secret(str):
    """A text that does not show itself: not in a repr, nor in a traceback that prints variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret()"


class Key:
    """A key for tokens; it never shows, cannot be pickled, and is known by an ID that gives nothing away.

    Args:
        material: 32 bytes.
        kept: Whether somebody keeps it; a throw-away key has no ID, since no other export can have it.
    """

    __slots__ = ("_kept", "_material")

    def __init__(self, material: bytes, *, kept: bool = True) -> None:
        if len(material) != _KEY_BYTES:
            raise ArgumentError("A key has another length than 32 bytes.", hint="make one with 'invitekit key new'.")
        self._material = Secret(material.hex())
        self._kept = kept

    @classmethod
    def new(cls, *, kept: bool = True) -> Key:
        """Make a key by the system's own dice."""
        return cls(secrets.token_bytes(_KEY_BYTES), kept=kept)

    @classmethod
    def from_text(cls, text: str) -> Key:
        """Read the 64 hexadecimal digits that ``text()`` gives.

        Raises:
            ArgumentError: It is something else; the text is not quoted.
        """
        digits = text.strip().lower()
        if not _KEY_TEXT.fullmatch(digits):
            raise ArgumentError(
                "A key is not 64 hexadecimal digits.", hint="make one with 'invitekit key new', or leave it out."
            )
        return cls(bytes.fromhex(digits))

    @property
    def id(self) -> str | None:
        """Sixteen digits that tell keys apart; None for a throw-away key."""
        return self._derived(b"invitekit key id")[:16] if self._kept else None

    def text(self) -> str:
        """Give the key itself, for the one place where it is kept."""
        return str.__str__(self._material)

    def subkey(self, column: str, purpose: str | None = None) -> Secret:
        """Derive the key of one column and purpose (HKDF-SHA256), as 64 hexadecimal digits."""
        return self._derived(b"\0".join([_LABEL, column.encode(), (purpose or "").encode()]))

    def _derived(self, info: bytes) -> Secret:
        made = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(bytes.fromhex(self.text()))
        return Secret(made.hex())

    def __repr__(self) -> str:
        return f"Key({self.id or 'thrown away after use'})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key is not written anywhere by itself.")


def tokens(values: pl.Series, subkey: Secret, prefix: str) -> pl.Series:
    """Give a token for each value: a letter and the first 128 bits of HMAC-SHA256 under the subkey, as hex.

    The HMAC's key is the subkey's 64 digits as ASCII, which fill one block of SHA-256. Values are
    normalised first; those that stand for nothing, or came masked, have no token.
    """
    return _by_distinct(values, lambda some: _tokens(normalise(some), subkey, prefix))


def _tokens(values: pl.Series, subkey: Secret, prefix: str) -> pl.Series:
    digits = BITS // 4
    hashed = polars_hash.col(values.name).chash.hmac_sha256(key=str.__str__(subkey))
    # Raised outside of the handler: an error of Polars holds the values and the key, and would travel with ours.
    with contextlib.suppress(pl.exceptions.PolarsError):
        return values.to_frame().select((pl.lit(prefix) + hashed.str.slice(0, digits)).alias(values.name)).to_series()
    raise InvitekitError("Tokens cannot be made.", hint="this is a defect of invitekit; please report it.")


def normalise(values: pl.Series) -> pl.Series:
    """Bring texts into the one form that tokens are made of; nothing else may decide what is equal.

    NFKC, white and invisible signs at the ends off, lower case, as customers are told apart elsewhere.
    Texts that stand for nothing become null, masked ones too: many customers share them.
    """
    name = pl.col(values.name)
    if values.str.len_bytes().sum() == values.str.len_chars().sum():
        trimmed = values.str.strip_chars()  # NFKC changes nothing in ASCII, and costs more than the token
        hidden = name.str.contains(_ASCII_MARK, literal=True)
    else:
        trimmed = values.str.normalize("NFKC").str.strip_chars().str.strip_chars(schema.INVISIBLE).str.strip_chars()
        hidden = name.str.contains_any(list(schema.MASK_MARKS))
    if (trimmed.str.len_bytes() <= _LONGEST_BLANK).any():
        hidden |= name.is_in(list(schema.NULL_LIKE))
    return trimmed.to_frame().select(pl.when(~hidden).then(name.str.to_lowercase())).to_series()


def _by_distinct(values: pl.Series, make: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Make something of each value, once for each distinct one where values repeat."""
    sample = values.head(_SAMPLE)
    if sample.n_unique() * 2 > len(sample):
        return make(values)
    distinct = values.unique()
    known = pl.DataFrame({"value": distinct, "made": make(distinct)})
    found = (
        values.alias("value").to_frame().join(known, on="value", how="left", nulls_equal=True, maintain_order="left")
    )
    return found["made"].alias(values.name)
