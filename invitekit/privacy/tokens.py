"""Keyed tokens: the same customer gets the same token, which cannot be reversed without the key."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable
from hashlib import sha256
from typing import NoReturn

import polars as pl

from invitekit.errors import ArgumentError
from invitekit.i18n import _
from invitekit.model import schema

BITS = 128
_KEY_BYTES = 32
_BLOCK = 64
"""Bytes of a block of SHA-256."""
_KEY_TEXT = re.compile(r"[0-9a-f]{64}")
_LABEL = b"invitekit token v2"
_LONGEST_BLANK = max(len(text.encode()) for text in schema.SAYS_NOTHING)
_MASKED = "|".join(schema.MASK_SHAPES)
_MASK_HINTS = ("*", "...", "##", "??", "xx", "__", "---")
"""One of these is in every masked ASCII value: a quick test before the full one."""
_AROUND_DIGITS = r"[\s()\[\]‐-―-]+"
"""Separators between the digits of a phone number."""
_REPEATS = 0.6
"""The share of distinct values up to which it is faster to compute each value once."""


class Secret:
    """A text that only its method ``text`` returns: it never appears in a repr, format, JSON or traceback."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def text(self) -> str:
        """Return the text, for the one call that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret()"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret cannot be formatted or pickled.")


class Key:
    """A key for tokens. It is never shown or pickled; its ID reveals nothing of it.

    Args:
        material: 32 bytes, not all the same.
        stored: Whether it is stored; a key for a single export has no ID.
    """

    __slots__ = ("_material", "_stored")

    def __init__(self, material: bytes, *, stored: bool = True) -> None:
        if len(material) != _KEY_BYTES:
            raise ArgumentError(_("A key does not have 32 bytes."), hint=_("make one with 'invitekit key new'."))
        if len(set(material)) == 1:
            raise ArgumentError(_("A key repeats a single byte."), hint=_("make one with 'invitekit key new'."))
        self._material = Secret(material.hex())
        self._stored = stored

    @classmethod
    def new(cls, *, stored: bool = True) -> Key:
        """Create a key from the system's random source."""
        return cls(secrets.token_bytes(_KEY_BYTES), stored=stored)

    @classmethod
    def from_text(cls, text: str) -> Key:
        """Read the 64 hexadecimal digits that ``text()`` returns.

        Raises:
            ArgumentError: The text is not valid; it is not quoted.
        """
        digits = text.strip().lower()
        if not _KEY_TEXT.fullmatch(digits):
            raise ArgumentError(
                _("A key is not 64 hexadecimal digits."), hint=_("make one with 'invitekit key new', or leave it out.")
            )
        return cls(bytes.fromhex(digits))

    @property
    def id(self) -> str | None:
        """Sixteen digits that identify the key; None for a key that is not stored."""
        return self._derived(b"invitekit key id").text()[:16] if self._stored else None

    def text(self) -> str:
        """Return the key itself, to store it."""
        return self._material.text()

    def subkey(self, column: str, purpose: str | None = None) -> Secret:
        """Derive the key of one column and purpose (HKDF-SHA256), as 64 hexadecimal digits.

        HKDF's info is the label, the column and the purpose, each after its length in four bytes, so that different
        values give different bytes. No purpose is the same as an empty one; surrounding white space is ignored.
        """
        parts = (_LABEL, column.encode(), (purpose or "").strip().encode())
        return self._derived(b"".join(len(part).to_bytes(4, "big") + part for part in parts))

    def _derived(self, info: bytes) -> Secret:
        """Derive a secret for a use: HKDF-SHA256 (RFC 5869) without a salt, of which 32 bytes are the first block."""
        extracted = hmac.digest(bytes(_KEY_BYTES), bytes.fromhex(self.text()), "sha256")
        return Secret(hmac.digest(extracted, info + b"\1", "sha256").hex())

    def __repr__(self) -> str:
        return f"Key({self.id or 'thrown away after use'})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key cannot be formatted or pickled.")


def tokens(values: pl.Series, subkey: Secret, prefix: str, *, mobile: bool = False) -> pl.Series:
    """Return a token for each value: a letter and the first 128 bits of HMAC-SHA256 under the subkey, as hex.

    The HMAC key is the 64 digits of the subkey as ASCII, which fill one block of SHA-256. Values are normalised first
    (``normalise``); placeholders for empty and masked values have no token.
    """

    def compute(some: pl.Series) -> pl.Series:
        plain = normalise(some, mobile=mobile)  # before the key is read, so that it is in no traceback
        return prefix + hmac_sha256(plain, subkey.text().encode()).str.slice(0, BITS // 4)

    return each_once(values, compute)


def hmac_sha256(values: pl.Series, key: bytes) -> pl.Series:
    """Compute the HMAC-SHA256 (RFC 2104) of each text, as 64 hexadecimal digits; null stays null."""
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


def normalise(values: pl.Series, *, mobile: bool = False) -> pl.Series:
    """Normalise texts for tokens: values with the same normalised text have the same token.

    NFKC, without invisible characters and surrounding white space, lower case. Placeholders (``schema.SAYS_NOTHING``)
    and masked values (``schema.MASK_SHAPES``) become null, because many customers share them.

    Args:
        values: Texts.
        mobile: Whether they are phone numbers: spaces, hyphens, brackets and the plus sign, which a spreadsheet drops
            from a number, are removed. The same number with and without a country code is different, because the
            country is unknown.
    """
    name = pl.col(values.name)
    if not is_ascii(values) or values.str.contains("\0", literal=True).any():
        plain = _folded(values)
        hidden = name.str.contains(_MASKED)
    else:  # NFKC changes nothing in ASCII, and costs more than the token
        plain = values.to_frame().select(name.str.strip_chars().str.to_lowercase())
        suspect = name.str.contains_any(list(_MASK_HINTS))
        hidden = suspect & name.str.contains(_MASKED) if plain.select(suspect.any()).item() else pl.lit(value=False)
    if plain.select((name.str.len_bytes() <= _LONGEST_BLANK).any()).item():
        hidden |= name.is_in(list(schema.SAYS_NOTHING))
    shown = plain.select(pl.when(~hidden).then(name))
    if mobile:
        digits = name.str.replace_all(_AROUND_DIGITS, "").str.strip_prefix("+")
        shown = shown.select(pl.when(digits != "").then(digits))
    return shown.to_series()


def is_ascii(values: pl.Series) -> bool:
    """Return whether all texts are plain ASCII."""
    return bool(values.str.len_bytes().sum() == values.str.len_chars().sum())


def distinct(values: pl.Series) -> pl.Series:
    """Return the distinct values if many repeat, else all values, because finding them takes time."""
    # In order they are found in two thirds of the time.
    return values.unique(maintain_order=True) if _repeat(values) else values


def each_once(values: pl.Series, compute: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Apply a function to each value, once for repeated values; null stays null."""
    if not _repeat(values):
        return compute(values)
    # The codes of a new category are 0, 1, 2 …: they are the positions of its values.
    coded = values.cast(pl.Categorical(pl.Categories.random()))
    once = coded.drop_nulls().unique()
    once = once.gather(once.to_physical().arg_sort())
    return compute(once.cast(pl.String)).gather(coded.to_physical()).alias(values.name)


def _folded(values: pl.Series) -> pl.DataFrame:
    name = pl.col(values.name)
    shown = values.str.replace_all(schema.UNSEEN, "") if values.str.contains(schema.UNSEEN).any() else values
    return shown.to_frame().select(name.str.normalize("NFKC").str.strip_chars().str.to_lowercase())


def _repeat(values: pl.Series) -> bool:
    different = values.to_frame().select(pl.all().approx_n_unique()).item()
    return bool(different <= len(values) * _REPEATS)
