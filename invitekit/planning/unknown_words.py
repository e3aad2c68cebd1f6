"""Add the unknown status word of each customer, if it can be quoted."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.literal_table import literal_table
from invitekit.engine.materialize import collect
from invitekit.model.private_text import is_plain_word
from invitekit.model.unrecognised import unrecognised_texts
from invitekit.model.vocabularies import STATUSES

WORD = "_ik_word"
HIDDEN, EMPTY = "…", "-"
"""Replacements for a word that may be personal data, and for an empty cell."""


def with_words(newest: Any) -> Any:
    """Add ``_ik_word``, the unknown status word of the file, from ``unrecognised``; null if the status is known."""
    is_unknown = ~nw.col("status").is_in([value.code for value in STATUSES]).fill_null(value=False)
    cell = nw.col("unrecognised").fill_null("")
    distinct = newest.filter(is_unknown).select(_ik_cell=cell).group_by("_ik_cell").agg().select("_ik_cell")
    words = {text: _status_word(text) for text in collect(distinct)["_ik_cell"].to_list()}
    if not words:
        return newest.with_columns(nw.lit(None, nw.String).alias(WORD))
    table = literal_table(newest, {"_ik_cell": list(words), WORD: list(words.values())})
    joined = newest.with_columns(_ik_cell=cell).join(table, on="_ik_cell", how="left").drop("_ik_cell")
    return joined.with_columns(nw.when(is_unknown).then(nw.col(WORD)).alias(WORD))


def _status_word(cell: str) -> str:
    word = dict(unrecognised_texts(cell)).get("status", "")
    return (word if is_plain_word(word) else HIDDEN) if word else EMPTY
