"""Add failure messages from a second file, by a key that identifies customers."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from invitekit.errors import SchemaError, SourceError
from invitekit.i18n import Message, _, ngettext
from invitekit.ingest.cleaning import is_masked, text_columns
from invitekit.ingest.discover import find_sources
from invitekit.ingest.headers import Headers, ReadOptions, map_headers, missing_column
from invitekit.ingest.readers import open_tables
from invitekit.model import schema

KEYS = ("record_id", "portal_customer_id", "account_name", "email", "mobile", "customer_full_name")


@dataclass(frozen=True, slots=True)
class MessageJoinReport:
    """How a second file with failure messages was joined.

    Attributes:
        key: The column that both sides were matched on, ignoring case, by unmasked values only.
        rows: Rows of the second file, rejected ones included.
        rejected: Its rows that could not be read.
        added: Records that got a message.
        ambiguous: Keys with several messages in the second file, which were not used.
        unmatched: Keys that match no failed record without a message.
    """

    key: str
    rows: int
    added: int
    ambiguous: int
    unmatched: int
    rejected: int = 0

    def remarks(self) -> list[Message]:
        """Return what happened in sentences."""
        added = ngettext(
            "{n:,} record got a message from the second file, by {column}.",
            "{n:,} records got a message from the second file, by {column}.",
            self.added,
            column=schema.label_in_message(self.key, lower=True),
        )
        problems = (
            ngettext(
                "{n:,} row of the second file could not be read.",
                "{n:,} rows of the second file could not be read.",
                self.rejected,
            ),
            ngettext(
                "{n:,} key of the second file has several messages and was not used.",
                "{n:,} keys of the second file have several messages and were not used.",
                self.ambiguous,
            ),
            ngettext(
                "{n:,} key of the second file matches no failed record.",
                "{n:,} keys of the second file match no failed record.",
                self.unmatched,
            ),
        )
        return [added, *(problem for problem in problems if problem.number)]


class Messages:
    """The messages of a second file by key, which fill the empty messages of failed records batch by batch.

    The key is the column of that name, else the first of ``KEYS`` that the file and the records' ``columns`` have.

    Raises:
        SourceError, SchemaError: The file cannot be read, or lacks the key or the message.
    """

    def __init__(self, path: str | os.PathLike[str], key: str | None, columns: Collection[str]) -> None:
        sources = find_sources([path])
        if len(sources) > 1:
            raise SourceError(
                _("'{name}' holds {count} files.", name=Path(path).name, count=len(sources)),
                hint=_("name the one with the messages."),
            )
        tables = open_tables(sources[0], ReadOptions({}, required="failure_message"))
        if len(tables) > 1:
            raise SourceError(
                _("'{name}' has messages in {count} sheets.", name=sources[0].name, count=len(tables)),
                hint=_("keep them in one."),
            )
        headers = map_headers(tables[0].headers)
        if "failure_message" not in headers.canonical.values():
            raise missing_column("failure_message", tables[0].name, tables[0].headers)
        self._key = _choose_key(headers, key, tables[0].name, columns)
        self._rows = self._rejected = self._added = 0
        self._matched: set[str] = set()
        position_of = {name: position for position, name in headers.canonical.items()}
        positions = {name: position_of[name] for name in (self._key, "failure_message")}
        read = []
        for batch in tables[0].read():
            self._rows += batch.rows.height + len(batch.rejected)
            self._rejected += len(batch.rejected)
            read.append(text_columns(batch.rows, positions))
        texts = pl.concat(read) if read else pl.DataFrame(schema=dict.fromkeys(positions, pl.String))
        texts = texts.filter(~is_masked(pl.col(self._key))).drop_nulls()
        by_key = texts.group_by(pl.col(self._key).str.to_lowercase()).agg(pl.col("failure_message").unique())
        single = pl.col("failure_message").list.len() == 1
        self._ambiguous = by_key.filter(~single).height
        self._messages = by_key.filter(single).select(
            _ik_key=self._key, _ik_message=pl.col("failure_message").list.first()
        )

    def fill(self, records: pl.DataFrame) -> pl.DataFrame:
        """Add messages to failed records without one."""
        needs_message = (pl.col("status") == "association_failed") & pl.col("failure_message").is_null()
        keys = records.select(pl.when(needs_message).then(pl.col(self._key).str.to_lowercase()).alias("_ik_key"))
        texts = keys.join(self._messages, on="_ik_key", how="left", maintain_order="left")
        added = texts.drop_nulls()
        self._added += added.height
        self._matched.update(added["_ik_key"])
        return records.with_columns(failure_message=pl.col("failure_message").fill_null(texts["_ik_message"]))

    def report(self) -> MessageJoinReport:
        """Return how the file was joined; call it after all batches."""
        unmatched = self._messages.height - len(self._matched)
        return MessageJoinReport(self._key, self._rows, self._added, self._ambiguous, unmatched, self._rejected)


def _choose_key(headers: Headers, key: str | None, name: str, columns: Collection[str]) -> str:
    """Return the first column that identifies customers and that both sides have."""
    shared = set(headers.canonical.values()) & set(columns)
    if key is not None and key not in KEYS:
        raise SchemaError(
            _("Messages cannot be matched on '{key}'.", key=key), hint=_("use one of {known}.", known=KEYS)
        )
    chosen = next((k for k in KEYS if k in shared and key in (None, k)), None)
    if chosen is None:
        problem = _("The records and '{name}' share no key.", name=name)
        if key:
            problem = _("The records and '{name}' share no key {key}.", name=name, key=key)
        raise SchemaError(problem, hint=_("add one of {known} to both.", known=KEYS))
    return chosen
