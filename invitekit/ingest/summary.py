"""The summary of a load, with its text for a terminal and a notebook."""

from __future__ import annotations

import datetime as dt
import html
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from invitekit.errors import many
from invitekit.i18n import Message, _, printable
from invitekit.ingest.datetimes import ASSUMED, NO_TIME, OPTIONAL_TIMES, DateReport
from invitekit.ingest.failure_messages import MessageJoinReport
from invitekit.model import schema
from invitekit.model.private_text import show_text

_SHOWN_WORDS = 10
_HOW_TO_TEACH = " Say what they mean in a file: 'invitekit check ... --words-skeleton FILE' creates one."
_FIXED = "Etc/GMT"


@dataclass(frozen=True, slots=True)
class FileSummary:
    """One source: how it was read and how many of its rows became records.

    ``rows_read`` is always ``records + rejects``. ``headers`` maps each header of the file to its schema column,
    ``extras`` lists the other columns. ``zones`` has the time zone that a header states, by column; ``notes`` are
    sentences on headers that a user should check.
    """

    name: str
    format: str
    encoding: str | None
    delimiter: str | None
    rows_read: int
    records: int
    rejects: int
    snapshot_at: dt.datetime | None
    snapshot_from: str | None
    headers: Mapping[str, str]
    extras: tuple[str, ...]
    zones: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class UnknownMessage:
    """An unknown failure message, with the closest known one as a suggestion."""

    text: str = field(repr=False)
    count: int
    suggested_code: str | None = None
    similarity: float | None = None


@dataclass(frozen=True, slots=True)
class Masked:
    """How many of a column's filled values are masked."""

    masked: int
    filled: int


@dataclass(frozen=True, slots=True, repr=False)
class Summary:
    """How the sources were read, and what was not understood.

    Attributes:
        files: One entry for each source.
        dates: One entry for each time column of each source.
        time_zone: The assumed zone of times without an offset.
        unknown_codes: Unknown words with their counts, by code column.
        unknown_messages: Failure messages that are not in the catalogue.
        masked: Masked values, by column of names and contacts.
        reject_reasons: Counts of rejected rows, by column and reason.
        failed_without_message: Failed records without a message in their file.
        messages: How a second file with messages was joined, if there was one.
        notes: Counts of cells or rows that were changed or should be checked, by column (or None) and text.
        ignored: Sheets of the given workbooks, files and folders of the given folders that were not read.
        engine: Where the records are: ``polars`` or ``duckdb``.
        engine_reason: Why this engine was chosen; None if any engine fits.
    """

    files: tuple[FileSummary, ...]
    dates: tuple[DateReport, ...]
    time_zone: str
    unknown_codes: Mapping[str, Mapping[str, int]]
    unknown_messages: tuple[UnknownMessage, ...]
    masked: Mapping[str, Masked]
    reject_reasons: Mapping[tuple[str | None, str], int]
    failed_without_message: int
    notes: Mapping[tuple[str | None, str], int]
    messages: MessageJoinReport | None = None
    ignored: tuple[str, ...] = ()
    engine: str = "polars"
    engine_reason: str | None = None

    @property
    def rows_read(self) -> int:
        """Rows read from all sources: records and rejects."""
        return sum(file.rows_read for file in self.files)

    @property
    def records(self) -> int:
        """Rows that became records."""
        return sum(file.records for file in self.files)

    @property
    def rejects(self) -> int:
        """Rejected rows; each is kept with its reason."""
        return sum(file.rejects for file in self.files)

    @property
    def is_masked(self) -> bool:
        """Whether any name or contact is masked."""
        return any(column.masked for column in self.masked.values())

    def remarks(self, *, values: bool = True) -> list[str]:
        """Return sentences on everything that a user should check, the most important first.

        Args:
            values: Quote unknown words and messages of the files, without possible addresses and numbers.
        """
        return [
            *self._rejected(), *self._noted(), *self._unknowns(values=values),
            *([str(self.messages)] if self.messages else []), *self._headers(), *self._masking(), *self._undecided(),
            *self._swapped(), *self._left_empty(), *self._undated(), *self._zones(), *self._ignored(),
        ]  # fmt: skip

    def _ignored(self) -> list[str]:
        names, more = self.ignored[:5], len(self.ignored) - 5
        rest = f" and {more} more" if more > 0 else ""
        return [f"Not read: {', '.join(names)}{rest}."] if names else []

    def _headers(self) -> list[str]:
        """Return the notes on headers; the same note of several files once."""
        files = {note: [f.name for f in self.files if note in f.notes] for file in self.files for note in file.notes}
        return [
            _("{file} and {n:,} more: {note}", file=names[0], n=len(names) - 1, note=note)
            if len(names) > 1
            else _("{file}: {note}", file=names[0], note=note)
            for note, names in files.items()
        ]

    def _rejected(self) -> list[str]:
        ranked = sorted(self.reject_reasons.items(), key=lambda item: -item[1])
        return [
            f"{count:,} rejected: {f'{column} ' if column else 'the row '}{why}." for (column, why), count in ranked
        ]

    def _noted(self) -> list[str]:
        return [
            f"{f'{schema.label(column)}: ' if column else ''}{count:,} {text}."
            for (column, text), count in self.notes.items()
        ]

    def _unknowns(self, *, values: bool) -> list[str]:
        sentences = []
        for name, texts in self.unknown_codes.items():
            ranked = sorted(texts.items(), key=lambda item: -item[1])[:_SHOWN_WORDS]
            words = [f"{show_text(text) or '(empty)'} ({count:,})" for text, count in ranked]
            more = f", and {len(texts) - len(words):,} more words" if len(texts) > len(words) else ""
            listed = f": {', '.join(words)}{more}" if values else f": {many(len(texts), 'word')}"
            sentences.append(
                f"{sum(texts.values()):,} with an unknown {schema.label(name).lower()}{listed}."
                + _HOW_TO_TEACH * any(texts)
            )
        if self.unknown_messages and not values:
            sentences.append(f"{sum(one.count for one in self.unknown_messages):,} with an unknown failure message.")
        for message in self.unknown_messages[:10] if values else ():
            near = f"; closest known: {message.suggested_code}, a suggestion only" if message.suggested_code else ""
            sentences.append(f"{message.count:,} with an unknown failure message '{show_text(message.text)}'{near}.")
        if self.failed_without_message:
            sentences.append(f"{self.failed_without_message:,} failed without a message: add a file with messages.")
        return sentences

    def _masking(self) -> list[str]:
        return [
            f"{schema.label(name)}: {column.masked:,} of {column.filled:,} values arrived masked; "
            "they are never joined or compared."
            for name, column in self.masked.items()
            if column.masked
        ]

    def _undecided(self) -> list[str]:
        proven = {d.column: d for d in self.dates if d.evidence.order}
        return [
            f"{d.file}, {d.column}: {d.evidence.ambiguous:,} times can be read in two ways; read {d.order}"
            + (f", though {proven[d.column].file} has the {proven[d.column].order}" if d.column in proven else "")
            + ". Say day_first=True or False (--day-first or --month-first) to be sure."
            for d in self.dates
            if d.evidence.undecided and d.decided_by == ASSUMED
        ]

    def _swapped(self) -> list[str]:
        return [
            f"{d.file}, {d.column}: a spreadsheet may have swapped day and month of {d.swapped:,} dates: none of them "
            "is after the 12th, and all dates that stayed text are. Export the file again, and do not open it before."
            for d in self.dates
            if d.swapped
        ]

    def _left_empty(self) -> list[str]:
        problems: Counter[tuple[str, str]] = Counter()
        for d in (d for d in self.dates if d.column in OPTIONAL_TIMES):
            problems.update({(d.column, problem): count for problem, count in d.problems.items()})
        return [f"{count:,} left empty: {column} is {NO_TIME}{why}." for (column, why), count in problems.most_common()]

    def _undated(self) -> list[str]:
        undated = [file.name for file in self.files if file.snapshot_from is None]
        if len(self.files) == 1 or not undated:
            return []
        return [
            f"{len(undated)} of {len(self.files)} sources have no date, so the newest records are not known: put it "
            "into their names (history_2026-03-30.csv), or date files of one day with --snapshot (snapshot_at)."
        ]

    def _zones(self) -> list[str]:
        stated = {(file.name, column): zone for file in self.files for column, zone in file.zones.items()}
        without: Counter[tuple[str, str]] = Counter()
        for d in self.dates:
            zone = stated.get((d.file, d.column))
            without[zone or self.time_zone, ", as their header says" if zone else ""] += d.without_offset
        return [
            f"{count:,} times have no UTC offset and were read as {_zone_label(zone)}{why}."
            for (zone, why), count in without.items()
            if count
        ]

    def __str__(self) -> str:
        head = f"{self.rows_read:,} rows read = {self.records:,} records + {self.rejects:,} rejects"
        files = f" from {len(self.files)} source{'s' * (len(self.files) != 1)}."
        return "\n".join(map(printable, [head + files, *self.remarks()]))

    # Not the fields, which contain unfiltered texts of the files.
    __repr__ = __str__

    def _repr_html_(self) -> str:
        first, *rest = str(self).splitlines()
        items = "".join(f"<li>{html.escape(line)}</li>" for line in rest)
        rows = "".join(
            f"<tr><td>{html.escape(f.name)}</td><td>{f.rows_read:,}</td><td>{f.records:,}</td><td>{f.rejects:,}</td></tr>"
            for f in self.files
        )
        head = "<tr><th>Source</th><th>Rows read</th><th>Records</th><th>Rejects</th></tr>"
        return f"<p><b>{html.escape(first)}</b></p><table>{head}{rows}</table><ul>{items}</ul>"


def _zone_label(zone: str) -> str:
    """Return the usual name of a zone: Etc/GMT-8 is UTC+8."""
    return f"UTC{-int(zone.removeprefix(_FIXED)):+d}" if zone.startswith(_FIXED) else zone
