"""Unknown words of files: count them for the page, and store the meanings that a person chooses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.materialize import collect
from invitekit.errors import ArgumentError
from invitekit.i18n import Language, _
from invitekit.ingest.words import TABLES, Words, add_words
from invitekit.model import schema
from invitekit.model.unrecognised import unrecognised_texts

FILE = "invitekit-words.toml"
"""The file with the chosen meanings, in the folder of the page."""
_MAX_WORDS = 50
"""The most words of one column on the page."""


def count_unknown(records: Any) -> tuple[int, dict[str, Counter[str]]]:
    """Count the records that have an unknown word, and each word by column, from the column ``unrecognised``."""
    frame: Any = nw.from_native(records)
    cells = frame.filter(~nw.col("unrecognised").is_null()).group_by("unrecognised").agg(_ik_n=nw.len())
    counts = {name: Counter[str]() for name in TABLES.values()}
    total = 0
    for cell, n in collect(cells.select("unrecognised", "_ik_n")).rows():
        words = [(name, word) for name, word in unrecognised_texts(cell) if name in counts]
        total += n * bool(words)
        for name, word in words:
            counts[name][word] += n
    return total, {name: words for name, words in counts.items() if words}


def questions(records: Any, language: Language) -> dict[str, Any]:
    """Return a question for each column: its label, its values, and its words with counts and the likeliest value."""
    vocabulary = Words()
    total, unknown = count_unknown(records)
    columns = [
        {
            "column": name,
            "label": schema.label(name, language),
            "values": [[value.code, value.label(language)] for value in schema.BY_NAME[name].values],
            "words": [[word, n, _likely(vocabulary, name, word)] for word, n in words.most_common(_MAX_WORDS)],
        }
        for name, words in unknown.items()
    ]
    return {"records": total, "columns": columns}


def _likely(vocabulary: Words, name: str, word: str) -> str | None:
    near = vocabulary.closest(name, word)
    return vocabulary.of(name).get(schema.header_key(near)) if near else None


def teach(file: Path, meanings: Mapping[str, Mapping[str, str]]) -> None:
    """Add the chosen meanings (the canonical value of each word, by column) to the file of words, or create it.

    Raises:
        ArgumentError: Nothing was chosen, or a value does not exist.
    """
    tables = {table: dict(meanings[name]) for table, name in TABLES.items() if meanings.get(name)}
    if not tables:
        raise ArgumentError(_("No meaning was chosen."), hint=_("choose what at least one word means."))
    add_words(file, tables)
