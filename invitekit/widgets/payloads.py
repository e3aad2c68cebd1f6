"""The content of messages to the screen: small JSON of texts, built from the rows of a store."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import duckdb

from invitekit.engine.duckdb import rows
from invitekit.i18n import Language, read_texts
from invitekit.model import display, schema
from invitekit.model.filters import COLUMNS, Filter, restrictions
from invitekit.model.identity import ALONE
from invitekit.model.portal import with_portal_names
from invitekit.model.vocabularies import LISTS, UNKNOWN
from invitekit.planning.customer_history import invitations_of
from invitekit.planning.rules import SETTINGS
from invitekit.widgets import counts
from invitekit.widgets.conditions import DATED, GROUP, KEY, chosen
from invitekit.widgets.selection import Selection
from invitekit.widgets.store import Store
from invitekit.widgets.view import QueryCache, View, wide

FACETS = ("decision", "status", "cause", "who_acts", "method", "association_type", "manager", "tag", "country", "batch")
"""The choices beside the rows, in the order of the screen; those whose column is missing are left out."""
FIRST = (
    "effective_status", "decision", "customer_full_name", "account_name", "failure_code", "reason", "invitation_method",
    "association_type", "invited_at", "attempt_no", "account_manager", "custom_tag", "email", "mobile", "country",
    "attempts", "retry_at",
)  # fmt: skip
"""Columns that are shown at first, in their order."""
BADGES = ("effective_status", "decision", "failure_code")
"""Columns that the screen shows as text and colour, and always needs."""
_NEVER_MASKED = ("text", "snapshot", *DATED)
_TECHNICAL = frozenset({"invitation_id", "is_latest_of_invitation", "is_latest_of_customer"})
"""Columns that only connect rows; the screen does not show them."""
_NOT_IN_DETAILS = _TECHNICAL | {"reason_code", *SETTINGS}
"""Columns that the details do not show: the reason is shown as a sentence."""
_OF_INVITATIONS = ("invitation_id", "attempt_no", "invitation_sent_at", "invitation_method", "effective_status",
                   "snapshot_at", "status", "failure_code")  # fmt: skip
_SAVED = ("customer_full_name", "account_name", "effective_status", "decision", "failure_code", "invitation_method",
          "invited_at")  # fmt: skip
"""Columns of a saved notebook's table; the names are hidden there."""
_SAVED_ROWS = 10
_MAX_RECORDS = 200
"""The most records of a customer that are sent."""


@cache
def words(language: Language) -> dict[str, str]:
    """Return the texts of the screen in a language, with the names of the lists that a report has too."""
    texts: dict[str, str] = read_texts(__package__, "words.toml", language)
    lists = {f"section_{value.code}": value.label(language) for value in LISTS}
    return lists | {name: with_portal_names(text, language) for name, text in texts.items()}


def columns(names: list[str], language: Language) -> list[dict[str, Any]]:
    """Return each column with its label and kind, those shown at first before the others."""
    order = [name for name in FIRST if name in names]
    order += [name for name in names if name not in FIRST and name not in _TECHNICAL]
    kinds = {name: column.kind for name, column in schema.BY_NAME.items()}
    return [
        {"name": name, "label": label(name, language), "kind": kinds.get(name, "text"), "shown": name in FIRST}
        for name in order
    ]


def label(name: str, language: Language) -> str:
    """Return a column's label on the screen, which shows a failure code as its cause."""
    return words(language).get(f"column_{name}") or schema.label(name, language)


def chips(choice: Filter, language: Language, *, unmasked: bool) -> list[dict[str, str]]:
    """Return each restriction of a filter in words, with its name, so that it can be removed alone."""
    names = [name for name in ("text", *COLUMNS, "invited_from", "invited_to") if getattr(choice, name)]
    texts = [text for text, _ in restrictions(choice)]
    if language != "en":
        texts = [_chip(choice, name, language) for name in names]
    return [
        # A typed text is shown as it was typed, and days are not hidden; values of records are hidden as in the rows.
        {"name": name, "words": text if unmasked or name in _NEVER_MASKED else display.hidden(name, text)}
        for name, text in zip(names, texts, strict=True)
    ]


def _chip(choice: Filter, name: str, language: Language) -> str:
    """Return one restriction in words, unmasked."""
    texts, value = words(language), getattr(choice, name)
    if name == "text":
        return f"“{value}”"
    if name not in COLUMNS:
        return f"{texts['from' if name == 'invited_from' else 'to']} {value}"
    shown = [display.shown(COLUMNS[name], each, language=language, unmasked=True) or texts["empty"] for each in value]
    return f"{label(COLUMNS[name], language)}：{'、'.join(shown)}"


def page(
    con: duckdb.DuckDBPyConnection,
    cache: QueryCache,
    view: View,
    names: list[str],
    *,
    first: int,
    count: int,
    **how: Any,
) -> dict[str, Any]:
    """Return a page: keys in order, the texts of each column, and the codes of badges."""
    keys = cache.keys(con, view, first, count)
    by_key = wide(con, keys, [*names, *[GROUP] * view.grouped])
    ordered = [by_key[key] for key in keys]
    cells = {name: [display.shown(name, row[at], **how) for row in ordered] for at, name in enumerate(names)}
    codes = {name: [row[names.index(name)] for row in ordered] for name in BADGES if name in names}
    groups = {"groups": [row[-1] for row in ordered]} if view.grouped else {}
    return {"first": first, "keys": keys, "cells": cells, "codes": codes, **groups}


def saved_table(
    con: duckdb.DuckDBPyConnection, cache: QueryCache, view: View, names: list[str], language: Language
) -> str:
    """Return the first rows as an HTML table of days and known codes; all other texts are hidden."""
    shown = [name for name in _SAVED if name in names]
    cells = page(con, cache, view, shown, first=0, count=_SAVED_ROWS, language=language)["cells"]
    texts = [[_saved(name, text, language) for text in cells[name]] for name in shown]

    def line(tag: str, row: Sequence[str | None]) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(text or '')}</{tag}>" for text in row) + "</tr>"

    head = line("th", [label(name, language) for name in shown])
    return f"<table>{head}{''.join(line('td', row) for row in zip(*texts, strict=True))}</table>"


def _saved(name: str, text: str | None, language: Language) -> str | None:
    """Return a cell of a saved notebook; hide what is not a known code, as a frame may have a name in such a column."""
    known = {UNKNOWN, *display.labels(name, language).values()}
    return text if text is None or name == "invited_at" or text in known else display.HIDDEN


def preview(
    store: Store, con: duckdb.DuckDBPyConnection, names: list[str], *, count: int, **how: Any
) -> dict[str, Any]:
    """Return the first rows while all are being stored: they can be viewed, but not selected."""
    existing, first_rows = store.preview(con, count)
    positions = {name: existing.index(name) for name in names if name in existing}  # others are computed later
    cells = {name: [display.shown(name, row[at], **how) for row in first_rows] for name, at in positions.items()}
    codes = {name: [row[positions[name]] for row in first_rows] for name in BADGES if name in positions}
    return {"first": 0, "keys": [None] * len(first_rows), "cells": cells, "codes": codes}


def selected(con: duckdb.DuckDBPyConnection, selection: Selection, keys: list[int], can: str) -> dict[str, Any]:
    """Return which of the rows with these keys are selected, and which can be selected."""
    if not keys:
        return {"selected": [], "selectable": []}
    if can == "true" and not selection:
        return {"selected": [0] * len(keys), "selectable": [1] * len(keys)}
    span = f"{KEY} between {min(keys)} and {max(keys)} and {KEY} in ({', '.join(map(str, keys))})"
    query = f"select {KEY}, coalesce({chosen(selection)}, false), coalesce({can}, false) from records where {span}"
    flags = {key: (is_chosen and may, may) for key, is_chosen, may in rows(con, query)}
    return {"selected": [int(flags[key][0]) for key in keys], "selectable": [int(flags[key][1]) for key in keys]}


def facets(
    con: duckdb.DuckDBPyConnection,
    cache: QueryCache,
    choice: Filter,
    causes: Mapping[str, list[str]],
    language: Language,
) -> list[dict[str, Any]]:
    """Return each facet with its values in words and their counts under all other restrictions."""
    existing = [name for name in FACETS if COLUMNS[name] in cache.names]
    return [
        {
            "name": name,
            "label": label(COLUMNS[name], language),
            "values": facet_values(name, values, causes, language),
            "full": len(values) >= counts.MAX_VALUES,
        }
        for name, values in counts.facets(con, cache, choice, existing)
    ]


def facet_values(
    name: str, values: Sequence[tuple[Any, int]], causes: Mapping[str, list[str]], language: Language
) -> list[list[Any]]:
    """Return the values of a facet with their texts and counts; ``causes`` has those of failures not built in."""
    own = {code: words[0] for code, words in causes.items()} if name == "cause" else {}
    column = COLUMNS[name]
    return [[value, own.get(value) or display.shown(column, value, language=language), n] for value, n in values]


def details(
    con: duckdb.DuckDBPyConnection, key: int, names: list[str], *, language: Language, unmasked: bool
) -> dict[str, Any] | None:
    """Return all fields of a record except the plan's settings, and the invitations of its customer, newest first."""
    row = wide(con, [key], names).get(key)
    if row is None:
        return None
    how: dict[str, Any] = {"language": language, "unmasked": unmasked, "whole": True}
    values = dict(zip(names, row, strict=True))
    fields = [
        {
            "name": name,
            "label": schema.label(name, language) if name == "failure_code" else label(name, language),
            "text": text,
        }
        for name, value in values.items()
        if (text := display.shown(name, value, **how)) is not None and name not in _NOT_IN_DETAILS
    ]
    codes = {name: values[name] for name in (*BADGES, "reason_code") if name in values}
    invitations = _invitations(con, values, how) if "invitation_id" in values else []
    return {"key": key, "fields": fields, "codes": codes, "invitations": invitations}


def _invitations(con: duckdb.DuckDBPyConnection, values: dict[str, Any], how: Any) -> list[dict[str, Any]]:
    """Return the invitations of the record's customer, or only its own if the customer is unknown, as texts."""
    by = "customer_id" if (values["customer_id"] or ALONE)[: len(ALONE)] != ALONE else "invitation_id"
    query = f"""
        select {", ".join(_OF_INVITATIONS)} from records where {by} = ?
        order by invitation_sent_at desc nulls first, invitation_id, snapshot_at desc nulls last, {KEY}
        limit {_MAX_RECORDS}"""
    records = con.sql(query, params=[values[by]]).pl().to_dicts()

    def text(name: str, value: Any) -> str | None:
        return display.shown(name, value, **how)

    return [
        {
            "attempt": each.attempt_no,
            "sent_at": text("invitation_sent_at", each.sent_at),
            "method": text("invitation_method", each.method),
            "state": text("effective_status", each.effective_status),
            "states": [
                [*(text("snapshot_at", at) for at in (state.first_seen_at, state.last_seen_at)),
                 text("status", state.status), text("failure_code", state.failure_code)]
                for state in each.states
            ],
        }
        for each in invitations_of(records)
    ]  # fmt: skip
