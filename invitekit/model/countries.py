"""The names of countries and territories: English and Chinese, other spellings, and ISO codes."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

import polars as pl

from invitekit.model import schema


@cache
def _table() -> dict[str, list[str]]:
    """Return the English name, the Chinese name and other spellings of each country, by its ISO code."""
    return tomllib.loads(files("invitekit.model").joinpath("countries.toml").read_text(encoding="utf-8"))


@cache
def _spellings() -> dict[str, str]:
    """Return the English name of each country by all its folded spellings, the ISO code included."""
    known: dict[str, str] = {}
    for code, names in _table().items():
        for text in (code, *names):
            known.setdefault(schema.header_key(text), names[0])
    return known


@cache
def chinese_names() -> dict[str, str]:
    """Return the Chinese name of each country by its English name."""
    return {english: chinese for english, chinese, *_ in _table().values()}


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
