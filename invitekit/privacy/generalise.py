"""Generalise a country to its English name, and a mailbox to its kind."""

from __future__ import annotations

import re

import polars as pl

from invitekit.model.countries import chinese_names, english_name
from invitekit.privacy.output_types import OTHER

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


def country_names() -> frozenset[str]:
    """Return all values that ``country`` returns: the English name of every country, and ``other``."""
    return frozenset({*chinese_names(), OTHER})


def country(values: pl.Series) -> pl.Series:
    """Return the English name of each country that is named in English, in Chinese or by its code; else ``other``."""
    names = {text: english_name(text) or OTHER for text in values.drop_nulls().unique()}
    return values.replace_strict(list(names), list(names.values()), return_dtype=pl.String) if names else values


def mailbox(values: pl.Series) -> pl.Series:
    """Return the kind of each email address by its domain; ``other`` for a masked or invalid address."""
    parts = values.to_frame("email").select(pl.col("email").str.strip_chars().str.splitn("@", 2)).unnest("email")
    domains = parts["field_1"].fill_null("")
    kinds = {domain: _kind(domain.lower()) for domain in domains.unique()}
    kind = domains.replace_strict(list(kinds), list(kinds.values()), return_dtype=pl.String) if kinds else domains
    named = parts["field_0"].fill_null("") != ""
    return pl.select(pl.when(values.is_not_null()).then(pl.when(named).then(kind).otherwise(pl.lit(OTHER)))).to_series()


def _kind(domain: str) -> str:
    if not _DOMAIN.fullmatch(domain):
        return OTHER
    if domain in FREE_MAIL:
        return "free"
    return next((kind for kind, ends in _PUBLIC.items() if ends.search(domain)), "company")
