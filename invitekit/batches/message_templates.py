"""Build ready-to-send messages: reminders to the customer who has to act, and tickets to customer service."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

from invitekit.errors import ArgumentError
from invitekit.i18n import Message, _, read_texts
from invitekit.io.toml_file import read_toml
from invitekit.model import schema
from invitekit.model.catalogue import read_catalogue

FILE = "message_templates.toml"
LANGUAGES = ("en", "zh")
OTHER = "other"
"""The code of the message for all causes without a message of their own."""
PLACEHOLDERS = ("customer", "manager", "reason", "advice")
"""The placeholders that a message may use."""
_BY_FAILURE = ("customer_must_act", "contact_support")
"""For these reasons the message is looked up by the failure code, for all others by the reason code."""
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Template:
    """A message in one language: a subject and a body, with placeholders such as ``{customer}``."""

    subject: str
    body: str


Templates = Mapping[tuple[str, str, str], Template]
"""Messages by recipient (``customer``, ``customer_service``), failure or reason code, and language (``en``, ``zh``)."""


@cache
def texts() -> Mapping[str, Any]:
    """Read the texts of ``message_templates.toml``."""
    return tomllib.loads(files("invitekit.batches").joinpath(FILE).read_text("utf-8"))


@cache
def built_in() -> Templates:
    """Return the messages of this package."""
    return _templates(texts()["message"])


def read_templates(path: str | os.PathLike[str] | None) -> Templates:
    """Read the user's messages, which replace built-in ones of the same recipient, code and language.

    Args:
        path: A TOML file of ``[[message]]`` tables with ``to, code`` and ``subject_en, body_en, subject_zh, body_zh``,
            or one of the languages. ``code`` is a failure or reason code, or ``other``. None returns the built-in ones.

    Raises:
        SourceError: The file cannot be read.
        ArgumentError: A message lacks something, or has a recipient or placeholder that does not exist.
    """
    if path is None:
        return built_in()
    rows = read_toml(path, '[[message]], to = "customer", code = "other", subject_en = "...", body_en = "..."')
    name = Path(path).name
    messages = rows.get("message", [])
    is_listed = isinstance(messages, list) and all(isinstance(row, dict) for row in messages)
    if set(rows) != {"message"} or not is_listed:
        raise ArgumentError(
            _("'{name}' is not a list of messages.", name=name), hint=_("write [[message]] above each of them.")
        )
    for number, row in enumerate(messages, start=1):
        if problem := _problem(row):
            raise ArgumentError(
                _("Message {number} of '{name}' {problem}.", number=number, name=name, problem=problem), hint=_FORM
            )
    return {**built_in(), **_templates(messages)}


_FORM = _(
    'write to = "customer" or "customer_service", a code, and a subject and body in en, zh or both; they may use '
    "{known}.",
    known=tuple(f"{{{name}}}" for name in PLACEHOLDERS),
)


def _problem(row: Mapping[str, Any]) -> Message | None:
    """Return what is wrong with a message of the user, or None."""
    languages = [language for language in LANGUAGES if {f"subject_{language}", f"body_{language}"} <= row.keys()]
    written = {"to", "code", *(f"{part}_{language}" for language in languages for part in ("subject", "body"))}
    if not languages or row.keys() != written:
        return _("lacks a field, or has one that does not exist")
    if not all(isinstance(value, str) and value.strip() for value in row.values()):
        return _("has a field that is empty or not a text")
    if row["to"] not in texts()["unnamed"]:
        return _("has a recipient that does not exist")
    used = {name for field in row.keys() - {"to", "code"} for name in _PLACEHOLDER.findall(row[field])}
    unknown = sorted(used - set(PLACEHOLDERS))
    return _("uses {{{name}}}, which is not a placeholder", name=unknown[0]) if unknown else None


def _templates(rows: Sequence[Mapping[str, str]]) -> Templates:
    return {
        (row["to"], row["code"], language): Template(row[f"subject_{language}"], row[f"body_{language}"].strip())
        for row in rows
        for language in LANGUAGES
        if f"subject_{language}" in row
    }


def columns(who: str, language: str, templates: Templates) -> dict[str, pl.Expr]:
    """Return the columns of ready-to-send messages, in English and Chinese, by their header in a language."""
    headers = read_texts(__package__, "words.toml", language)["header"].get(who, {})
    return {header: _message(who, each, templates) for each, header in headers.items()}


def _message(who: str, language: str, templates: Templates) -> pl.Expr:
    prefix, parts = texts()["subject"][language], (who, language, templates)
    return pl.concat_str(pl.lit(prefix), subject(*parts), pl.lit("\n\n"), body(*parts))


def subject(who: str, language: str, templates: Templates) -> pl.Expr:
    """Build the expression of a message's subject, in one line."""
    return _of_cause(who, language, templates, "subject").str.replace_all(r"\s+", " ")


def body(who: str, language: str, templates: Templates) -> pl.Expr:
    """Build the expression of a message's body."""
    return _of_cause(who, language, templates, "body")


def _of_cause(who: str, language: str, templates: Templates, part: str) -> pl.Expr:
    """Build the expression of a text: each row gets the text of its cause, with its own names filled in."""
    values = _values(who, language)
    texts_of = {
        code: getattr(each, part) for (to, code, its), each in templates.items() if (to, its) == (who, language)
    }
    filled, code = _filled(texts_of.pop(OTHER), values), _code(templates)
    for each, text in texts_of.items():
        filled = pl.when(code == each).then(_filled(text, values)).otherwise(filled)
    return filled


def _code(templates: Templates) -> pl.Expr:
    """Build the expression of the message's code; ``other`` if the user's catalogue has different advice."""
    advised = [f"{f.code}|{f.advice(each)}" for f in read_catalogue().failures for each in LANGUAGES]
    own = [code for (_, code, _), template in templates.items() if template not in built_in().values()]
    known = pl.concat_str("failure_code", "advice", separator="|").is_in(advised) | pl.col("failure_code").is_in(own)
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
    """Build the expression of a name for a salutation: null where it is empty or masked."""
    hidden = pl.any_horizontal(pl.col(name).str.contains(mark, literal=True) for mark in schema.MASK_MARKS)
    return pl.when(~hidden & (pl.col(name).str.strip_chars() != "")).then(pl.col(name))


def _filled(text: str, values: Mapping[str, pl.Expr]) -> pl.Expr:
    """Build the expression of a text with its placeholders filled; braces in the values are not placeholders."""
    parts = _PLACEHOLDER.split(text)
    return pl.concat_str([values[part] if index % 2 else pl.lit(part) for index, part in enumerate(parts)])
