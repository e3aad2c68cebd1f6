"""The names of countries and territories: English and Chinese, other spellings, and ISO codes."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

import polars as pl

from invitekit.model import schema

_SPELLINGS = {
    "CN": ("Mainland China", "Chinese Mainland", "PRC", "中国大陆", "中国内地"),
    "HK": ("Hong Kong", "Hong Kong, China", "Hong Kong (China)", "香港", "中国香港"),
    "MO": ("Macao", "Macau", "Macao, China", "Macao (China)", "澳门", "中国澳门"),
    "TW": ("Taiwan, China", "Taiwan (China)", "中国台湾", "台湾"),
    "US": ("USA", "United States of America"),
    "GB": ("UK", "Great Britain", "England"),
    "AE": ("UAE",),
    "KR": ("Korea", "Republic of Korea"),
    "RU": ("Russian Federation",),
    "VN": ("Viet Nam",),
    "TR": ("Turkey",),
    "CZ": ("Czech Republic",),
    "CI": ("Ivory Coast",),
    "SA": ("Kingdom of Saudi Arabia", "KSA"),
}
"""Spellings that are not in Unicode's CLDR."""


@cache
def _table() -> dict[str, tuple[str, str]]:
    """Return the English and the Chinese name of each country, by its ISO code."""
    table = tomllib.loads(files("invitekit.model").joinpath("countries.toml").read_text(encoding="utf-8"))
    return {code: (english, chinese) for code, (english, chinese) in table.items()}


@cache
def _spellings() -> dict[str, str]:
    """Return the English name of each country by all its folded spellings, the ISO code included."""
    known: dict[str, str] = {}
    for code, (english, chinese) in _table().items():
        for text in (code, english, chinese, *_SPELLINGS.get(code, ())):
            known.setdefault(schema.header_key(text), english)
    return known


@cache
def chinese_names() -> dict[str, str]:
    """Return the Chinese name of each country by its English name."""
    return dict(_table().values())


def english_name(text: str) -> str | None:
    """Return the English name of a country in any known spelling; None for other and for masked text.

    >>> english_name("中国"), english_name("uk"), english_name("C***a"), english_name("Atlantis")
    ('China', 'United Kingdom', None, None)
    """
    name = _spellings().get(schema.header_key(text))
    # Punctuation is folded: without the marks of the mask, "C***a" would be the code of Canada.
    return None if name and any(mark in text for mark in schema.MASK_MARKS) else name


def english_names(texts: pl.Series) -> pl.Series:
    """Return the English name of each country; text that names no known country stays as it is."""
    names = {text: english_name(text) or text for text in texts.drop_nulls().unique()}
    changed = {text: name for text, name in names.items() if name != text}
    return texts.replace(changed) if changed else texts
