"""Ready-to-send texts: to the customer who has to act, and to customer service."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import polars as pl

from invitekit.model import schema
from invitekit.model.catalogue import read_catalogue

FILE = "message_templates.toml"
OTHER = "other"
"""The text for a cause that has none of its own."""
PLACEHOLDERS = {"customer": ("customer", "manager"), OTHER: ("customer", "manager", "reason", "advice")}
"""What a text may name: any text the first, the text for other causes the second."""
_BY_FAILURE = ("customer_must_act", "contact_support")
"""Reasons whose text is their failure's; any other reason is looked up by its own code."""
_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Letter:
    """One text in one language: a subject and a body, with slots such as ``{customer}``."""

    subject: str
    body: str


def columns(who: str, language: str) -> dict[str, pl.Expr]:
    """Give the columns of ready-to-send texts by their header; none for whom nobody writes to.

    Args:
        who: Has to act, such as ``customer``.
        language: Of the headers; the texts are in English and in Chinese.
    """
    told = words()
    if who not in told["header"]:
        return {}
    return {told["header"][who][f"{each}_{language}"]: _text(who, each) for each in ("en", "zh")}


@cache
def words() -> Mapping[str, Any]:
    """Give everything that the file beside this module says."""
    return tomllib.loads(files("invitekit.batches").joinpath(FILE).read_text("utf-8"))


@cache
def read_letters(who: str, language: str) -> Mapping[str, Letter]:
    """Give the texts to one hand by failure or reason code, ``other`` among them."""
    return {
        row["code"]: Letter(row[f"subject_{language}"], row[f"body_{language}"].strip())
        for row in words()["letter"]
        if row["to"] == who
    }


def _text(who: str, language: str) -> pl.Expr:
    """The expression of a whole text: each row gets the one of its cause, with its own names in the slots."""
    known, told = read_letters(who, language), words()["subject"][language]
    values = _values(who, language)
    texts = {code: f"{told}{one.subject}\n\n{one.body}" for code, one in known.items()}
    chosen = _filled(texts.pop(OTHER), values)
    for code, text in texts.items():
        chosen = pl.when(_code() == code).then(_filled(text, values)).otherwise(chosen)
    return chosen


def _code() -> pl.Expr:
    """The expression of which text fits: a failure that the user's own catalogue advises otherwise has none."""
    ours = [f"{f.code}|{f.advice(each)}" for f in read_catalogue().failures for each in ("en", "zh")]
    known = pl.concat_str("failure_code", "advice", separator="|").is_in(ours)
    of_failure = pl.when(known).then(pl.col("failure_code"))
    reason = pl.col("reason_code")
    return pl.when(reason.is_in(_BY_FAILURE)).then(of_failure).otherwise(reason).fill_null(OTHER)


def _values(who: str, language: str) -> dict[str, pl.Expr]:
    """The expressions of what stands in the slots; masked and empty names are left unsaid."""
    said = {name: told[language] for name, told in words()["unnamed"][who].items()}
    person = [_shown("customer_name"), _shown("customer_full_name")]
    if who == "customer":
        customer = pl.coalesce(person)
    else:
        full = pl.coalesce(reversed(person))
        both = pl.concat_str(full, _shown("account_name"), separator=" / ", ignore_nulls=True)
        customer = pl.when(both != "").then(both)
    manager = _filled(words()["manager"][who][language], {"manager": _shown("account_manager")})
    return {
        "customer": customer.fill_null(pl.lit(said["customer"])),
        "manager": manager.fill_null(pl.lit(said["manager"])),
        "reason": pl.col("reason").fill_null(""),
        "advice": pl.col("next_step").fill_null(""),
    }


def _shown(name: str) -> pl.Expr:
    """The expression of a name that a person can be called by: null where it is empty or masked."""
    hidden = pl.any_horizontal(pl.col(name).str.contains(mark, literal=True) for mark in schema.MASK_MARKS)
    return pl.when(~hidden & (pl.col(name).str.strip_chars() != "")).then(pl.col(name))


def _filled(text: str, values: Mapping[str, pl.Expr]) -> pl.Expr:
    """The expression of a text with values in its slots: joined, never formatted, so data stays data."""
    parts = _SLOT.split(text)
    return pl.concat_str([values[part] if place % 2 else pl.lit(part) for place, part in enumerate(parts)])
