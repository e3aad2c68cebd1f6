"""Apply words that were taught later to the stored records."""

from __future__ import annotations

import duckdb

from invitekit.engine.duckdb import ident, rows, run
from invitekit.ingest.header_words import word_code
from invitekit.ingest.words import TABLES, Words
from invitekit.model.unrecognised import unrecognised_texts
from invitekit.workspace.database import transaction


def teach(con: duckdb.DuckDBPyConnection, words: Words) -> int:
    """Replace the unknown words of stored records by their codes; record IDs stay as they are.

    Returns:
        How many records had one.
    """
    known = {name: words.of(name) for name in TABLES.values()}
    taught = 0
    with transaction(con):
        for (cell,) in rows(con, "select distinct unrecognised from records where unrecognised is not null"):
            codes: dict[str, str] = {}
            left = []
            for name, text in unrecognised_texts(cell):
                code = word_code(text, known[name]) if name in known else None
                if code is None:
                    left.append(f"{name}: {text}")
                else:
                    codes[name] = code
            if codes:
                changes = ", ".join(f"{ident(name)} = ?" for name in (*codes, "unrecognised"))
                values = [*codes.values(), "; ".join(left) or None, cell]
                taught += run(con, f"update records set {changes} where unrecognised = ?", values)
    return taught
