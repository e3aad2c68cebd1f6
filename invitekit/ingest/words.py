"""Words that a user teaches: the status, method or type that a word of a file means, from a TOML file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from invitekit.errors import ArgumentError
from invitekit.i18n import Language, _, ngettext, translate
from invitekit.io.atomic_write import write_file
from invitekit.io.table_writers import write_bytes
from invitekit.io.toml_file import read_toml
from invitekit.model import schema
from invitekit.model.private_text import show_text

TABLES = {"status": "status", "method": "invitation_method", "type": "association_type"}
"""The tables of a file of words, and their columns."""
_CLOSE_ENOUGH = 0.6
_EXAMPLE = _('"word" = "value" under [status], each word once')
_HEAD = _(
    "# Unknown words of your files. Write between the last quotation marks what a word means, remove the # before\n"
    "# it, and use this file: --words FILE, or load(..., words=FILE)."
)


@dataclass(frozen=True, slots=True)
class Words:
    """The words of code columns; those that the user teaches, by column and folded word, take precedence."""

    taught: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def of(self, name: str) -> dict[str, str]:
        """Return the canonical value of every folded word of a column."""
        return schema.vocabulary(name) | dict(self.taught.get(name, {}))

    def closest(self, name: str, word: str) -> str | None:
        """Return the known word that is most similar to an unknown one, as a suggestion."""
        values = schema.BY_NAME[name].values
        spelt = {schema.header_key(text): text for v in values for text in (v.code, v.en, v.zh, *v.aliases)}
        near = get_close_matches(schema.header_key(word), spelt, n=1, cutoff=_CLOSE_ENOUGH)
        return spelt[near[0]] if near else None


def read_words(path: str | os.PathLike[str] | None) -> Words:
    """Read the words that a user teaches; no file has none.

    A TOML file has the tables ``[status]``, ``[method]`` and ``[type]``. Each row is a word of the files with its
    canonical value: ``"in Bearbeitung" = "invited"``. Case, spaces and punctuation of a word do not matter.

    Raises:
        SourceError: It cannot be read.
        ArgumentError: It has an unknown table or value, or a word with two values.
    """
    if path is None:
        return Words()
    tables = read_toml(path, _EXAMPLE)
    name = Path(path).name
    strange = [table for table, rows in tables.items() if table not in TABLES or not isinstance(rows, dict)]
    if strange:
        raise ArgumentError(
            _("{name} contains '{strange}', which is not a table of words.", name=name, strange=strange[0]),
            hint=_("use the tables [status], [method] and [type]."),
        )
    return Words({TABLES[table]: _meanings(name, table, rows) for table, rows in tables.items()})


def _meanings(name: str, table: str, rows: Mapping[str, Any]) -> dict[str, str]:
    codes = [value.code for value in schema.BY_NAME[TABLES[table]].values]
    spelt: dict[str, str] = {}
    meanings: dict[str, str] = {}
    for word, code in rows.items():
        key, where = schema.header_key(word), {"name": name, "table": table}
        if not key:
            raise ArgumentError(
                _("{name}, [{table}]: a word has no letters or digits.", **where),
                hint=_("remove it: an empty cell stays unknown."),
            )
        if code not in codes:
            raise ArgumentError(
                _("{name}, [{table}]: '{word}' has a value that does not exist.", **where, word=show_text(word)),
                hint=_("use one of {known}.", known=tuple(codes)),
            )
        if meanings.get(key, code) != code:
            raise ArgumentError(
                _(
                    "{name}, [{table}]: '{word}' and '{other}' are one word with two values.",
                    **where,
                    word=show_text(spelt[key]),
                    other=show_text(word),
                ),
                hint=_("keep one of them."),
            )
        spelt[key], meanings[key] = word, code
    return meanings


def write_skeleton(
    unknown: Mapping[str, Mapping[str, int]],
    path: str | os.PathLike[str],
    language: Language,
    *,
    known: str | os.PathLike[str] | None,
    overwrite: bool,
) -> Path:
    """Write ``skeleton`` to a .toml file; ``known`` is the file of words that was used.

    Raises:
        OutputError: It cannot be written, or exists.
    """
    content = skeleton(unknown, read_words(known), language).encode()
    return write_bytes(content, path, extensions=(".toml",), overwrite=overwrite)


def add_words(path: Path, tables: Mapping[str, Mapping[str, str]]) -> None:
    """Add words with their values, by table, to a file of words, which is created if it is missing; new values count.

    Raises:
        ArgumentError: The file is not a file of words, or a value does not exist.
        OutputError: It cannot be written.
    """
    before = read_toml(path, _EXAMPLE) if path.exists() else {}
    lines = ["# The meaning of status, method and type words. Written by the page; use it elsewhere with --words FILE."]
    for table in TABLES:
        added = tables.get(table, {})
        keys = set(map(schema.header_key, added))
        rows = {word: code for word, code in before.get(table, {}).items() if schema.header_key(word) not in keys}
        rows |= added
        _meanings(path.name, table, rows)
        if rows:
            lines += ["", f"[{table}]"]
            lines += [f"{json.dumps(word, ensure_ascii=False)} = {json.dumps(code)}" for word, code in rows.items()]
    text = "\n".join(lines) + "\n"
    write_file(path, lambda part: part.write_text(text, encoding="utf-8"), overwrite=True)


def skeleton(unknown: Mapping[str, Mapping[str, int]], words: Words, language: Language) -> str:
    """Return a file for ``read_words`` with unknown words as comments, with their counts and the closest known word.

    ``unknown`` has the counts by column, from the summary. Words that may contain a person's address or number are only
    counted. ``language`` is that of the comments.
    """
    lines: list[str] = [_HEAD]
    for table, name in TABLES.items():
        codes = tuple(value.code for value in schema.BY_NAME[name].values)
        lines += ["", f"[{table}]", _("# One of: {codes}", codes=codes)]
        hidden = 0
        for word, count in unknown.get(name, {}).items():
            if word and (show_text(word) != word or not word.isprintable()):
                hidden += 1
            elif word:
                near, note = words.closest(name, word), ngettext("{n:,} record", "{n:,} records", count)
                note = _("{note}; closest known word: {word}", note=note, word=near) if near else note
                lines.append(f'# {json.dumps(word, ensure_ascii=False)} = ""  # {translate(note, language)}')
        lines += [_("# Left out, as they may be personal data: {n:,}", n=hidden)] if hidden else []
    return "\n".join(translate(line, language) for line in lines) + "\n"
