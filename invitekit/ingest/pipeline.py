"""The steps of loading: open all sources, clean each of them batch by batch, and build the summary."""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

from invitekit.errors import InvitekitError
from invitekit.i18n import _
from invitekit.ingest.batches import Batch, Table
from invitekit.ingest.cleaning import Cleaner, Counts, text_columns
from invitekit.ingest.datetimes import DateReport
from invitekit.ingest.discover import Source, find_sources, snapshot_dates
from invitekit.ingest.failure_messages import Messages
from invitekit.ingest.header_words import word_code
from invitekit.ingest.headers import Headers, ReadOptions, check_choice, map_headers, missing_column, require_identity
from invitekit.ingest.readers import open_frame, open_tables
from invitekit.ingest.stores import Store
from invitekit.ingest.summary import FileSummary, Masked, Summary, UnknownMessage
from invitekit.ingest.words import Words
from invitekit.model import schema
from invitekit.model.catalogue import Catalogue

_MAX_SUGGESTIONS = 100
"""The most unknown messages with a suggestion."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """The options of ``load``, apart from those of ``ReadOptions``."""

    zone: str
    day_first: bool | None
    snapshot_at: dt.datetime | None
    messages: str | os.PathLike[str] | None
    messages_key: str | None
    catalogue: Catalogue
    words: Words
    progress: Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class SourceState:
    """An opened source: its table, the meaning of its headers, and its file if it has one."""

    table: Table
    headers: Headers
    source: Source | None

    @property
    def size(self) -> int:
        """Bytes of its file."""
        return self.source.size if self.source else 0

    def snapshot(self, chosen: dt.datetime | None) -> tuple[dt.datetime | None, str | None]:
        """Return when the source was exported, None if its rows state it, and where the time comes from."""
        if chosen is not None:
            return chosen, "argument"
        if "snapshot_at" in self.headers.canonical.values():
            return None, "column"
        at = self.source.snapshot_at if self.source else None
        return at, "file name" if at else None


def as_paths(sources: Any) -> list[str | os.PathLike[str]]:
    """Return the sources as paths; an empty list if they are frames."""
    paths = [sources] if isinstance(sources, str | os.PathLike) else sources
    if isinstance(paths, list | tuple | set) and all(isinstance(path, str | os.PathLike) for path in paths):
        return list(paths)
    return []


def open_all(sources: Any, options: ReadOptions, known: LoadOptions) -> list[SourceState]:
    """Open all sources before reading any, so that an invalid one fails early.

    Raises:
        SourceError, SchemaError, ArgumentError: As ``load`` does.
    """
    opened: list[tuple[Table, Source | None]] = []
    paths = as_paths(sources)
    if paths or (isinstance(sources, list | tuple) and not sources):
        for source in find_sources(paths, options.encoding):
            opened += _dated(open_tables(source, options), source)
    else:
        frames = sources if isinstance(sources, list | tuple) else [sources]
        names = ["frame"] if len(frames) == 1 else [f"frame {i}" for i in range(1, len(frames) + 1)]
        opened = [(open_frame(f, name, options), None) for f, name in zip(frames, names, strict=True)]
    states = [_with_headers(table, source, options, known) for table, source in opened]
    check_choice(options.columns, [state.headers for state in states])
    for state in states:
        # The values of a column may contradict its header.
        if options.required not in state.headers.canonical.values():
            raise missing_column(options.required, state.table.name, state.headers.names)
        require_identity(state.headers, state.table.name)
    return states


def _with_headers(table: Table, source: Source | None, options: ReadOptions, known: LoadOptions) -> SourceState:
    """Map the headers of a table; its first rows decide the meaning of ambiguous headers."""
    batches, first = table.read(), list[Batch]()

    def cells(position: int) -> list[str]:
        first.extend(islice(batches, 1 - len(first)))
        return text_columns(first[0].rows, {"cell": position})["cell"].drop_nulls().to_list() if first else []

    def is_known(name: str, text: str) -> bool:
        if name == "failure_message":
            return known.catalogue.find(text) is not None
        return word_code(text, known.words.of(name)) is not None

    headers = map_headers(table.headers, options.columns, cells, is_known)
    # A file is read again from its beginning; a frame is an iterator, so its first batch is put back.
    if source is None:
        all_batches = chain(first, batches)
        table = replace(table, read=lambda: all_batches)
    return SourceState(table, headers, source)


def read_all(states: Sequence[SourceState], extras: Sequence[str], store: Store, options: LoadOptions) -> Summary:
    """Read opened sources with these extra columns into a store, and return the summary."""
    columns = {name for state in states for name in state.headers.canonical.values()}
    messages = Messages(options.messages, options.messages_key, columns) if options.messages else None
    total = Counts()
    files: list[FileSummary] = []
    dates: list[DateReport] = []
    size, done = sum(state.size for state in states), 0
    for state in states:
        options.progress(state.table.name, done, size)
        cleaner = Cleaner(
            state.table,
            state.headers,
            extras=extras,
            zone=options.zone,
            snapshot_at=state.snapshot(options.snapshot_at)[0],
            add_messages=messages.fill if messages else None,
            words=options.words,
        )
        dates += store.read(cleaner, state.table.read(), day_first=options.day_first)
        files.append(_file_summary(state, cleaner.counts, options.snapshot_at))
        total += cleaner.counts
        done += state.size
    noted = [(column, text.with_number(n)) for (column, text), n in total.notes.most_common() if n]
    return Summary(
        files=tuple(files),
        dates=tuple(dates),
        time_zone=options.zone,
        unknown_codes={name: _most_frequent(texts) for name, texts in total.unknown_codes.items()},
        unknown_messages=_unknown_messages(total.messages, options.catalogue),
        masked={n: Masked(total.masked[n], total.filled[n]) for n in schema.MASKABLE if total.filled[n]},
        reject_reasons=dict(sorted(total.reasons.items(), key=lambda item: (-item[1], item[0][1]))),
        failed_without_message=total.failed_without_message,
        notes=tuple(
            _("{column}: {note}", column=schema.label_in_message(column), note=note) if column else note
            for column, note in noted
        ),
        messages=messages.report() if messages else None,
        ignored=tuple(name for state in states for name in state.table.ignored),
    )


def _dated(tables: list[Table], source: Source) -> list[tuple[Table, Source | None]]:
    """Pair tables with their source; sheets with different dates in their names, such as one a week, have their own."""
    dates = snapshot_dates([table.name.removeprefix(source.name) for table in tables])
    own = [at if len({*dates}) > 1 else None for at in dates]
    return [
        (table, replace(source, snapshot_at=at or source.snapshot_at)) for table, at in zip(tables, own, strict=True)
    ]


def extra_names(states: Iterable[SourceState]) -> list[str]:
    """Return the extra columns of all sources; names that differ only in case are one column."""
    names: dict[str, str] = {}
    for state in states:
        for name in state.headers.extra.values():
            names.setdefault(name.casefold(), name)
    return list(names.values())


def nameless_columns(states: Iterable[SourceState]) -> set[str]:
    """Return the extra columns without a header in any source, such as that of a comma at the end of each line."""
    headers = [(name, state.headers.names[p].strip()) for state in states for p, name in state.headers.extra.items()]
    named = {name.casefold() for name, header in headers if header}
    return {name for name, _header in headers if name.casefold() not in named}


def _file_summary(state: SourceState, counts: Counts, chosen: dt.datetime | None) -> FileSummary:
    table, headers = state.table, state.headers
    at, known_from = state.snapshot(chosen)
    if counts.rows != counts.records + counts.rejected:
        raise InvitekitError(
            _(
                "'{name}': {rows} rows read are not {records} records and {rejected} rejects.",
                name=table.name,
                rows=counts.rows,
                records=counts.records,
                rejected=counts.rejected,
            ),
            hint=_("this is a defect of invitekit: nothing was written; please report it."),
        )
    return FileSummary(
        name=table.name,
        format=state.source.format if state.source else "frame",
        encoding=table.encoding,
        delimiter=table.delimiter,
        rows_read=counts.rows,
        records=counts.records,
        rejects=counts.rejected,
        snapshot_at=at,
        snapshot_from=known_from,
        headers={headers.names[p]: n for p, n in headers.canonical.items()},
        extras=tuple(headers.extra.values()),
        zones=headers.zones,
        notes=headers.notes,
    )


def _most_frequent(texts: Counter[str]) -> dict[str, int]:
    """Return texts by count; of equal counts, the empty text comes last."""
    return dict(sorted(texts.items(), key=lambda item: (-item[1], not item[0], item[0])))


def _unknown_messages(texts: Counter[str], catalogue: Catalogue) -> tuple[UnknownMessage, ...]:
    """Return the failure messages that are not in the catalogue, most frequent first."""
    unknown: list[UnknownMessage] = []
    for text, count in _most_frequent(texts).items():
        if catalogue.find(text) is None:
            near = catalogue.closest(text) if len(unknown) < _MAX_SUGGESTIONS else None
            code, similarity = (near.failure.code, near.similarity) if near else (None, None)
            unknown.append(UnknownMessage(text, count, code, similarity))
    return tuple(unknown)
