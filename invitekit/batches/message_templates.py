"""Build ready-to-send messages: reminders to the customer who has to act, and tickets to customer service."""

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
"""The message for a cause that has none of its own."""
PLACEHOLDERS = {"customer": ("customer", "manager"), OTHER: ("customer", "manager", "reason", "advice")}
"""The placeholders that a message may use: any message the first, the one for other causes the second."""
_BY_FAILURE = ("customer_must_act", "contact_support")
"""Reasons whose message is their failure's; any other reason is looked up by its own code."""
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Template:
    """A message in one language: a subject and a body, with placeholders such as ``{customer}``."""

    subject: str
    body: str


def columns(who: str, language: str) -> dict[str, pl.Expr]:
    """Return the columns of ready-to-send messages by their header; none where no message is sent.

    Args:
        who: Has to act, such as ``customer``.
        language: Of the headers; the messages are in English and in Chinese.
    """
    headers = texts()["header"]
    if who not in headers:
        return {}
    return {headers[who][f"{each}_{language}"]: _message(who, each) for each in ("en", "zh")}


@cache
def texts() -> Mapping[str, Any]:
    """Read the file beside this module."""
    return tomllib.loads(files("invitekit.batches").joinpath(FILE).read_text("utf-8"))


@cache
def templates(who: str, language: str) -> Mapping[str, Template]:
    """Return the messages to one recipient by failure or reason code, ``other`` among them."""
    return {
        row["code"]: Template(row[f"subject_{language}"], row[f"body_{language}"].strip())
        for row in texts()["message"]
        if row["to"] == who
    }


def _message(who: str, language: str) -> pl.Expr:
    """Build the expression of a whole message: each row gets the one of its cause, with its own names filled in."""
    prefix, values = texts()["subject"][language], _values(who, language)
    whole = {code: f"{prefix}{each.subject}\n\n{each.body}" for code, each in templates(who, language).items()}
    chosen = _filled(whole.pop(OTHER), values)
    for code, text in whole.items():
        chosen = pl.when(_code() == code).then(_filled(text, values)).otherwise(chosen)
    return chosen


def _code() -> pl.Expr:
    """Build the expression of the message's code; none where the user's own catalogue advises something else."""
    built_in = [f"{f.code}|{f.advice(each)}" for f in read_catalogue().failures for each in ("en", "zh")]
    known = pl.concat_str("failure_code", "advice", separator="|").is_in(built_in)
    of_failure = pl.when(known).then(pl.col("failure_code"))
    reason = pl.col("reason_code")
    return pl.when(reason.is_in(_BY_FAILURE)).then(of_failure).otherwise(reason).fill_null(OTHER)


def _values(who: str, language: str) -> dict[str, pl.Expr]:
    """Build the expressions of the placeholders' values; masked and empty names are left out."""
    unnamed = {name: text[language] for name, text in texts()["unnamed"][who].items()}
    person = [_shown("customer_name"), _shown("customer_full_name")]
    if who == "customer":
        customer = pl.coalesce(person)
    else:
        full = pl.coalesce(reversed(person))
        both = pl.concat_str(full, _shown("account_name"), separator=" / ", ignore_nulls=True)
        customer = pl.when(both != "").then(both)
    manager = _filled(texts()["manager"][who][language], {"manager": _shown("account_manager")})
    return {
        "customer": customer.fill_null(pl.lit(unnamed["customer"])),
        "manager": manager.fill_null(pl.lit(unnamed["manager"])),
        "reason": pl.col("reason").fill_null(""),
        "advice": pl.col("next_step").fill_null(""),
    }


def _shown(name: str) -> pl.Expr:
    """Build the expression of a name that a person can be called by: null where it is empty or masked."""
    hidden = pl.any_horizontal(pl.col(name).str.contains(mark, literal=True) for mark in schema.MASK_MARKS)
    return pl.when(~hidden & (pl.col(name).str.strip_chars() != "")).then(pl.col(name))


def _filled(text: str, values: Mapping[str, pl.Expr]) -> pl.Expr:
    """Build the expression of a text with its placeholders filled: joined, never formatted, so data stays data."""
    parts = _PLACEHOLDER.split(text)
    return pl.concat_str([values[part] if index % 2 else pl.lit(part) for index, part in enumerate(parts)])
