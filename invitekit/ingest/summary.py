"""The summary of a load, with its text for a terminal and a notebook."""

from __future__ import annotations

import datetime as dt
import html
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from invitekit.i18n import Message, _, ngettext, printable
from invitekit.ingest.datetimes import ASSUMED, NO_TIME, OPTIONAL_TIMES, DateReport
from invitekit.ingest.failure_messages import MessageJoinReport
from invitekit.ingest.rejection_texts import reason_message
from invitekit.model.private_text import show_text
from invitekit.model.schema import label_in_message

_SHOWN_WORDS = 10
_HOW_TO_TEACH = _("Say what they mean in a file: 'invitekit check ... --words-skeleton FILE' creates one.")
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

    def remark(self) -> Message:
        """Return the message and the suggestion in one sentence, without possible addresses and numbers."""
        if self.suggested_code is None:
            return _("{n:,} with an unknown failure message '{text}'.", n=self.count, text=show_text(self.text))
        return _(
            "{n:,} with an unknown failure message '{text}'; closest known: {code}, a suggestion only.",
            n=self.count,
            text=show_text(self.text),
            code=self.suggested_code,
        )


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
        notes: Sentences on cells or rows that were changed or should be checked, the most frequent first.
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
    notes: tuple[Message, ...]
    messages: MessageJoinReport | None = None
    ignored: tuple[str, ...] = ()
    engine: str = "polars"
    engine_reason: Message | None = None

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

    @property
    def headline(self) -> Message:
        """How many rows were read, in one sentence."""
        return ngettext(
            "{rows} = {records} + {rejects} from {n:,} source.",
            "{rows} = {records} + {rejects} from {n:,} sources.",
            len(self.files),
            rows=ngettext("{n:,} row read", "{n:,} rows read", self.rows_read),
            records=ngettext("{n:,} record", "{n:,} records", self.records),
            rejects=ngettext("{n:,} reject", "{n:,} rejects", self.rejects),
        )

    def remarks(self, *, values: bool = True) -> list[Message]:
        """Return sentences on everything that a user should check, the most important first.

        With ``values``, they quote unknown words and messages of the files, without possible addresses and numbers.
        """
        return [
            *self._rejected(), *self.on_cells(), *self._unknowns(values=values),
            *(self.messages.remarks() if self.messages else ()), *self._headers(), *self._masking(),
            *self._undecided(), *self._undated(), *self._zones(), *self._ignored(),
        ]  # fmt: skip

    def on_cells(self) -> list[Message]:
        """Return sentences on cells that were changed, left empty or may be damaged."""
        return [*self.notes, *self._swapped(), *self._left_empty()]

    def _ignored(self) -> list[Message]:
        names, more = self.ignored[:5], len(self.ignored) - 5
        if more > 0:
            return [_("Not read: {names} and {n:,} more.", names=names, n=more)]
        return [_("Not read: {names}.", names=names)] if names else []

    def _headers(self) -> list[Message]:
        """Return the notes on headers; the same note of several files once."""
        files = {note: [f.name for f in self.files if note in f.notes] for file in self.files for note in file.notes}
        return [
            _("{file} and {n:,} more: {note}", file=names[0], n=len(names) - 1, note=note)
            if len(names) > 1
            else _("{file}: {note}", file=names[0], note=note)
            for note, names in files.items()
        ]

    def _rejected(self) -> list[Message]:
        return [
            _("{n:,} rejected: {column} {why}.", n=count, column=label_in_message(column), why=reason_message(why))
            if column
            else _("{n:,} rejected: the row {why}.", n=count, why=reason_message(why))
            for (column, why), count in self.reject_reasons.items()
        ]

    def _unknowns(self, *, values: bool) -> list[Message]:
        sentences = []
        for name, texts in self.unknown_codes.items():
            ranked = [*texts.items()][:_SHOWN_WORDS]
            more, what = len(texts) - len(ranked), label_in_message(name, lower=True)
            words: Any = ngettext("{n:,} word", "{n:,} words", len(texts))
            if values:
                words = tuple(_("{word} ({n:,})", word=show_text(text) or _("(empty)"), n=n) for text, n in ranked)
                words += (ngettext("{n:,} more word", "{n:,} more words", more),) if more else ()
            remark = _("{n:,} with an unknown {column}: {words}.", n=sum(texts.values()), column=what, words=words)
            sentences.append(_("{remark} {hint}", remark=remark, hint=_HOW_TO_TEACH) if any(texts) else remark)
        if self.unknown_messages and not values:
            count = sum(one.count for one in self.unknown_messages)
            sentences.append(_("{n:,} with an unknown failure message.", n=count))
        sentences += [message.remark() for message in self.unknown_messages[:10] if values]
        if self.failed_without_message:
            sentences.append(
                _("{n:,} failed without a message: add a file with messages.", n=self.failed_without_message)
            )
        return sentences

    def _masking(self) -> list[Message]:
        return [
            _(
                "{column}: {n:,} of {of:,} values arrived masked; they are never joined or compared.",
                column=label_in_message(name),
                n=column.masked,
                of=column.filled,
            )
            for name, column in self.masked.items()
            if column.masked
        ]

    def _undecided(self) -> list[Message]:
        proven = {d.column: d for d in self.dates if d.evidence.order}
        return [
            _(
                "{file}, {column}: {what} Set day_first=True or False (--day-first or --month-first) to be sure.",
                file=d.file,
                column=label_in_message(d.column),
                what=_undecided(d, proven.get(d.column)),
            )
            for d in self.dates
            if d.evidence.undecided and d.decided_by == ASSUMED
        ]

    def _swapped(self) -> list[Message]:
        return [
            _(
                "{file}, {column}: a spreadsheet may have swapped day and month of {n:,} dates: none of them is after "
                "the 12th, and all dates that stayed text are. Export the file again, and do not open it before.",
                file=d.file,
                column=label_in_message(d.column),
                n=d.swapped,
            )
            for d in self.dates
            if d.swapped
        ]

    def _left_empty(self) -> list[Message]:
        problems: Counter[tuple[str, str]] = Counter()
        for d in (d for d in self.dates if d.column in OPTIONAL_TIMES):
            problems.update({(d.column, problem): count for problem, count in d.problems.items()})
        return [
            _(
                "{n:,} left empty: {column} {why}.",
                n=n,
                column=label_in_message(column),
                why=reason_message(f"is {NO_TIME}{why}"),
            )
            for (column, why), n in problems.most_common()
        ]

    def _undated(self) -> list[Message]:
        undated = sum(1 for file in self.files if file.snapshot_from is None)
        remark = _(
            "{n:,} of {of:,} sources have no date, so the newest records are not known: put it into their names "
            "(history_2026-03-30.csv), or date files of one day with --snapshot (snapshot_at).",
            n=undated,
            of=len(self.files),
        )
        return [remark] if undated and len(self.files) > 1 else []

    def without_zone(self) -> tuple[Counter[str], Counter[str]]:
        """Count the times without an offset by the zone in which they were read: those of a header, and the assumed."""
        stated = {(file.name, column): zone for file in self.files for column, zone in file.zones.items()}
        by_header: Counter[str] = Counter()
        assumed: Counter[str] = Counter()
        for d in (d for d in self.dates if d.without_offset):
            zone = stated.get((d.file, d.column))
            (by_header if zone else assumed)[zone or self.time_zone] += d.without_offset
        return by_header, assumed

    def _zones(self) -> list[Message]:
        by_header, assumed = self.without_zone()
        stated = [
            ngettext(
                "{n:,} time has no UTC offset and was read as {zone}, as its header says.",
                "{n:,} times have no UTC offset and were read as {zone}, as their header says.",
                count,
                zone=_zone_label(zone),
            )
            for zone, count in by_header.items()
        ]
        return stated + [
            ngettext(
                "{n:,} time has no UTC offset and was read as {zone}.",
                "{n:,} times have no UTC offset and were read as {zone}.",
                count,
                zone=_zone_label(zone),
            )
            for zone, count in assumed.items()
        ]

    def __str__(self) -> str:
        return "\n".join(map(printable, [self.headline, *self.remarks()]))

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


def _undecided(date: DateReport, other: DateReport | None) -> Message:
    """Return how dates without a proven order of day and month were read, and whether another file proves one."""
    if other is None:
        return ngettext(
            "{n:,} time can be read in two ways; read {order}.",
            "{n:,} times can be read in two ways; read {order}.",
            date.evidence.ambiguous,
            order=date.order,
        )
    return ngettext(
        "{n:,} time can be read in two ways; read {order}, though {file} has the {other}.",
        "{n:,} times can be read in two ways; read {order}, though {file} has the {other}.",
        date.evidence.ambiguous,
        order=date.order,
        file=other.file,
        other=other.order,
    )


def _zone_label(zone: str) -> str:
    """Return the usual name of a zone: Etc/GMT-8 is UTC+8."""
    return f"UTC{-int(zone.removeprefix(_FIXED)):+d}" if zone.startswith(_FIXED) else zone
