"""The actions on a column, by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from invitekit.errors import ArgumentError
from invitekit.i18n import _
from invitekit.model.catalogue import read_catalogue
from invitekit.model.countries import chinese_names, english_name
from invitekit.privacy.output_types import OTHER, Form, Range, Text, Token, Words
from invitekit.privacy.tokens import Key, tokens

PLAIN = re.compile("[a-z0-9_-]{1,64}")
PLAIN_WORDS = _("at most 64 of the characters a-z, 0-9, _ and -")
"""The pattern of names that a user chooses and that are in the exported file, in words."""
MASKS = {"email": "***@***"}
"""The constant mask of a column; of any other column it is ``MASK``."""
MASK = "***"
_BANDS = {
    0: "same day", 2: "1 to 2", 7: "3 to 7", 14: "8 to 14", 30: "15 to 30", 61: "31 to 61", 91: "62 to 91",
    183: "92 to 183", 365: "184 to 365",
}  # fmt: skip
_BELOW, _ABOVE = "under 0", "over 365"
BANDS = frozenset({*_BANDS.values(), _BELOW, _ABOVE})
"""Bands of durations in days. The long bands begin after the longest one, two, three, six or twelve months: a band that
began a day earlier could reveal the day of the invitation in some snapshots."""
FREE_MAIL = (
    "163.com", "126.com", "139.com", "189.cn", "21cn.com", "aliyun.com", "aol.com", "foxmail.com", "gmail.com",
    "gmx.com", "gmx.de", "gmx.net", "googlemail.com", "hotmail.com", "icloud.com", "live.com", "mail.com", "mail.ru",
    "me.com", "msn.com", "outlook.com", "proton.me", "protonmail.com", "qq.com", "sina.cn", "sina.com", "sohu.com",
    "vip.qq.com", "web.de", "yahoo.co.jp", "yahoo.com", "yandex.com", "yandex.ru", "yeah.net",
)  # fmt: skip
MAILBOXES = ("free", "education", "government", "company", OTHER)
"""The kinds of mailbox, by domain."""
_DOMAIN = re.compile(r"(?:[^@\s.*]+\.)+[^@\s.*]+")
_PUBLIC = {
    "education": re.compile(r"\.(?:edu|edu\.[a-z]{2}|ac\.[a-z]{2})$"),
    "government": re.compile(r"\.(?:gov|(?:gov|gob|gouv)\.[a-z]{2})$"),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule for one column at one level.

    Attributes:
        column: The column of the records.
        action: A key of ``ACTIONS``, or ``drop``.
        how: Its variant, such as ``month``.
        into: The name of the released column.
        form: The type of the released column; None for a dropped one.
    """

    column: str
    action: str
    how: str = ""
    into: str = ""
    form: Form | None = None

    @property
    def words(self) -> str:
        """The action as text, such as ``generalise month``."""
        return f"{self.action} {self.how}".strip()


def mask(values: pl.Series, row: Rule, _secret: Secrets) -> pl.Series:
    """Replace every value by one constant mask, whatever its length."""
    shape = pl.lit(MASKS.get(row.column, MASK))
    return pl.select(pl.when(values.is_not_null()).then(shape)).to_series()


def pseudonymise(values: pl.Series, row: Rule, secret: Secrets) -> pl.Series:
    """Replace every value by a keyed token; null for values that were masked already or mean nothing."""
    if not isinstance(row.form, Token):
        raise TypeError(row.column)
    subkey = secret.key.subkey(row.column, secret.purpose)
    return tokens(values, subkey, row.form.prefix, mobile=row.column == "mobile")


def generalise(values: pl.Series, row: Rule, _secret: Secrets) -> pl.Series:
    """Replace every value by a more general one: its month, its country, a frequent word or ``other``."""
    return GENERAL[row.how](values, row)


def keep(values: pl.Series, row: Rule, _secret: Secrets) -> pl.Series:
    """Keep words of a finite set and replace others by ``other``; clip numbers to a range."""
    if isinstance(row.form, Words):
        return _known(values, row)
    if isinstance(row.form, Text):
        return values  # scrubbed before, when the other columns of the record were available
    if not isinstance(row.form, Range):
        raise TypeError(row.column)
    numbers = values.cast(pl.Float64).fill_nan(None).clip(row.form.least, row.form.most)
    return numbers.cast(pl.Int64) if row.form.whole else numbers


def derive(values: pl.Series, row: Rule, _secret: Secrets) -> pl.Series:
    """Replace each value by a fact about it: whether it is filled, its failure code, or its kind of mailbox."""
    return DERIVED[row.how](values)


@dataclass(frozen=True, slots=True)
class Secrets:
    """The key and the purpose of tokens.

    Raises:
        ArgumentError: The purpose is not a plain word. It is in the manifest, so it must not name a person.
    """

    key: Key
    purpose: str | None = None

    def __post_init__(self) -> None:
        """Check the purpose; an empty one is None."""
        purpose = (self.purpose or "").strip() or None
        if purpose and not PLAIN.fullmatch(purpose):
            raise ArgumentError(
                _("purpose is not a plain word."), hint=_("use {form}: spring-report.", form=PLAIN_WORDS)
            )
        object.__setattr__(self, "purpose", purpose)


def _known(values: pl.Series, row: Rule) -> pl.Series:
    if not isinstance(row.form, Words):
        raise TypeError(row.column)
    name = pl.col(values.name)
    among = pl.when(name.is_null() | name.is_in(list(row.form.values))).then(name)
    return values.to_frame().select(among.otherwise(pl.lit(OTHER))).to_series()


def _band(values: pl.Series, _row: Rule) -> pl.Series:
    days = pl.col(values.name).fill_nan(None) if values.dtype.is_float() else pl.col(values.name)
    band: Any = pl.when(days < 0).then(pl.lit(_BELOW))
    for most, text in _BANDS.items():
        band = band.when(days <= most).then(pl.lit(text))
    return values.to_frame().select(band.when(days.is_not_null()).then(pl.lit(_ABOVE)).alias("band")).to_series()


def _failure_code(values: pl.Series) -> pl.Series:
    known = read_catalogue()
    return _each(values, lambda text: failure.code if (failure := known.find(text)) else OTHER)


def _each(values: pl.Series, convert: Callable[[str], str]) -> pl.Series:
    """Convert each distinct text once; null stays null."""
    converted = {text: convert(text) for text in values.drop_nulls().unique()}
    return values.replace_strict(converted, return_dtype=pl.String) if converted else values


def country_names() -> frozenset[str]:
    """Return all values that ``country`` returns: the English name of every country, and ``other``."""
    return frozenset({*chinese_names(), OTHER})


def country(values: pl.Series) -> pl.Series:
    """Return the English name of each country that is named in English, in Chinese or by its code; else ``other``."""
    return _each(values, lambda text: english_name(text) or OTHER)


def mailbox(values: pl.Series) -> pl.Series:
    """Return the kind of each email address by its domain; ``other`` for a masked or invalid address."""
    parts = values.to_frame("email").select(pl.col("email").str.strip_chars().str.splitn("@", 2)).unnest("email")
    kind = _each(parts["field_1"].fill_null(""), _kind)
    named = parts["field_0"].fill_null("") != ""
    return pl.select(pl.when(values.is_not_null()).then(pl.when(named).then(kind).otherwise(pl.lit(OTHER)))).to_series()


def _kind(domain: str) -> str:
    domain = domain.lower()
    if not _DOMAIN.fullmatch(domain):
        return OTHER
    if domain in FREE_MAIL:
        return "free"
    return next((kind for kind, ends in _PUBLIC.items() if ends.search(domain)), "company")


GENERAL: Mapping[str, Callable[[pl.Series, Rule], pl.Series]] = {
    "month": lambda values, _row: values.dt.month_start().dt.date(),
    "day": lambda values, _row: values.dt.date(),
    "days": _band,
    "country": lambda values, _row: country(values),
    "top": _known,
}
DERIVED: Mapping[str, Callable[[pl.Series], pl.Series]] = {
    "filled": lambda values: values.is_not_null(),
    "code": _failure_code,
    "mailbox": mailbox,
}
ACTIONS: dict[str, Callable[[pl.Series, Rule, Secrets], pl.Series]] = {
    "mask": mask,
    "pseudonymise": pseudonymise,
    "generalise": generalise,
    "keep": keep,
    "derive": derive,
}
"""All actions except ``drop``: a dropped column is not read."""
