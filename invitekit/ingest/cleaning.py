"""Clean a batch of rows: headers to columns, trimmed texts, nulls, codes, times, record IDs, and rejected rows."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import polars as pl
from xxhash import xxh3_128_hexdigest

from invitekit.errors import SourceError
from invitekit.i18n import Message, _, ngettext
from invitekit.ingest.batches import ROW, Batch, Table, mark_rows
from invitekit.ingest.cells import KEYS, SHORTENED, Notes, clean_texts, without_text_marks
from invitekit.ingest.datetimes import NO_TIME, OPTIONAL_TIMES, DateReport, TimeColumn, is_null_like, time_text
from invitekit.ingest.header_words import word_code
from invitekit.ingest.headers import IDENTIFYING, Headers
from invitekit.ingest.non_customers import OTHER_HEADER, why_not_customer
from invitekit.ingest.time_forms import Order
from invitekit.ingest.words import Words
from invitekit.model import schema
from invitekit.model.countries import english_names
from invitekit.model.vocabularies import UNKNOWN

READ = tuple(c for c in schema.RECORD if c.name not in schema.DERIVED)
TIMES = tuple(c.name for c in READ if c.kind == "time")
CODES = tuple(c.name for c in READ if c.kind == "code")
REJECTED_COLUMNS = {
    "source_file": pl.String(),
    "source_row": pl.Int64(),
    "column": pl.String(),
    "reason": pl.String(),
    "content": pl.String(),
    "snapshot_at": pl.Datetime("us"),
}
_TYPES: Mapping[str, pl.DataType] = {
    "text": pl.String(),
    "code": pl.String(),
    "time": pl.Datetime("us"),
    "integer": pl.Int64(),
}
_ACCOUNTS = ("account_name", "account_manager")
"""Columns of account names, which have no space, line break or slash: this is how a column of two is split."""
_NOT_TEXT = "holds bytes that are not text"
_LOST_KEY = "is a number that a spreadsheet shortened, and only a name is left: export again with the column as text"
_OF_NO_FAILURE = ngettext(
    "{n:,} record has a failure message, but not the status of a failure: the message does not count.",
    "{n:,} records have a failure message, but not the status of a failure: their messages do not count.",
    0,
)
_UNIDENTIFIED = "has no name, account, email, mobile or ID: it identifies no customer"


@dataclass
class Counts:
    """Counts of the batches of one source, added up for the summary."""

    rows: int = 0
    records: int = 0
    rejected: int = 0
    reasons: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    unknown_codes: dict[str, Counter[str]] = field(default_factory=dict)
    masked: Counter[str] = field(default_factory=Counter)
    filled: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    failed_without_message: int = 0
    notes: Notes = field(default_factory=Counter)

    def __iadd__(self, other: Counts) -> Self:
        self.rows += other.rows
        self.records += other.records
        self.rejected += other.rejected
        self.failed_without_message += other.failed_without_message
        for mine, theirs in ((self.masked, other.masked), (self.filled, other.filled), (self.messages, other.messages)):
            mine.update(theirs)
        self.reasons.update(other.reasons)
        self.notes.update(other.notes)
        for name, texts in other.unknown_codes.items():
            self.unknown_codes.setdefault(name, Counter()).update(texts)
        return self


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A clean batch: records with the columns of all sources, and the rejected rows."""

    records: pl.DataFrame
    rejected: pl.DataFrame


def record_types(extras: Iterable[str]) -> dict[str, pl.DataType]:
    """Return the columns of records and their types: those of the schema, then extra columns as text."""
    return {c.name: _TYPES[c.kind] for c in schema.RECORD} | dict.fromkeys(extras, pl.String())


class Cleaner:
    """Cleans the batches of one source, in two passes: the second one needs the counts of the first.

    Args:
        table: The source.
        headers: What its headers mean.
        extras: The extra columns of all sources.
        zone: The zone of times without an offset, an IANA name.
        snapshot_at: When the source was exported; None if a column states it, or if it is unknown.
        add_messages: Fills empty failure messages of failed records.
        words: The known words of code columns.
    """

    def __init__(
        self,
        table: Table,
        headers: Headers,
        *,
        extras: Sequence[str],
        zone: str,
        snapshot_at: dt.datetime | None,
        add_messages: Callable[[pl.DataFrame], pl.DataFrame] | None,
        words: Words,
    ) -> None:
        self.counts, self._words = Counts(), words
        self._table, self._headers, self._types = table, headers, record_types(extras)
        self._snapshot_at, self._add_messages = snapshot_at, add_messages
        spellings = {name.casefold(): name for name in extras}
        self._extra = {position: spellings[name.casefold()] for position, name in headers.extra.items()}
        self._position = {name: position for position, name in headers.canonical.items()}
        self._times = {
            n: TimeColumn(table.name, n, headers.zones.get(n, zone), table.epoch, snapshot_at)
            for n in TIMES
            if n in self._position
        }

    def read_times(self, batch: Batch) -> Batch:
        """First pass: read the times of a batch, except those that need an order of day and month."""
        self.counts.notes.update({(None, note): count for note, count in batch.notes.items()})
        batch = self._with_second_parts(batch)
        added = []
        written = {name: batch.rows[f"c{self._position[name]}"] for name in self._times}
        typed = {name for name, cells in written.items() if isinstance(cells.dtype, pl.Date | pl.Datetime)}
        texts = without_text_marks(pl.DataFrame([_as_text(written[n])[0].alias(n) for n in written if n not in typed]))
        for name, column in self._times.items():
            cells = written[name] if name in typed else texts[name]
            times, left = column.read(cells)
            added += [times.alias(f"t{self._position[name]}"), left.alias(f"c{self._position[name]}")]
        return Batch(batch.rows.with_columns(added), batch.rejected)

    def _with_second_parts(self, batch: Batch) -> Batch:
        """Split each column that contains two, such as "Customer Name/Account Name"."""
        rows = batch.rows
        for position, source in self._headers.second_parts.items():
            both = clean_texts(pl.DataFrame([_as_text(rows[f"c{source}"])[0].alias("both")]))[0]
            account_first = self._headers.canonical[source] in _ACCOUNTS
            first, second = split_joined(pl.col("both"), account_first=account_first)
            split = both.select(first.alias(f"c{source}"), second.alias(f"c{position}"))
            one_part = int((split[f"c{source}"].is_not_null() & split[f"c{position}"].is_null()).sum())
            note = ngettext(
                "{n:,} cell of '{header}' holds one part only and was read as its first column.",
                "{n:,} cells of '{header}' hold one part only and were read as its first column.",
                0,
                header=" ".join(self._headers.names[source].split()),
            )
            self.counts.notes[None, note] += one_part
            rows = rows.with_columns(split)
        return Batch(rows, batch.rejected)

    def evidence(self) -> dict[str, Any]:
        """Return how many cells of each time column prove an order of day and month."""
        return {name: column.evidence for name, column in self._times.items()}

    def clean(self, batch: Batch, orders: Mapping[str, tuple[Order, Message]]) -> Cleaned:
        """Second pass: clean a batch that the first pass returned."""
        rows = batch.rows
        cells: dict[str, pl.Series] = {}
        rejects: list[tuple[pl.Series, str | None, str | pl.Series]] = []
        notes: list[pl.Series] = []
        raw: dict[str, pl.Series] = {}
        unread: dict[str, pl.Series] = {}
        texts: list[pl.Series] = []
        for position, name in self._headers.canonical.items():
            if name not in TIMES:
                column, undecodable = _as_text(rows[f"c{position}"])
                if name in CODES:
                    cells[name] = column
                else:
                    texts.append(column.alias(name))
                if undecodable is not None:
                    rejects.append((undecodable, name, _NOT_TEXT))
        texts += [_as_text(rows[f"c{position}"])[0].alias(name) for position, name in self._extra.items()]
        cleaned, cell_notes = clean_texts(pl.DataFrame(texts))
        self.counts.notes.update(cell_notes)
        if shortened := [name for name, note in cell_notes if name and note == SHORTENED]:
            rejects.append((_without_key(pl.DataFrame(texts), cleaned, shortened), shortened[0], _LOST_KEY))
        cells |= {column.name: column for column in cleaned}
        for name, times in self._times.items():
            position = self._position[name]
            read = times.read_ordered(rows[f"t{position}"], rows[f"c{position}"], *orders[name])
            cells[name], raw[name], problems = read
            if problems is None:
                continue
            unread[name] = problems
            if name in OPTIONAL_TIMES:
                notes.append(_note(name, raw[name]))
            else:
                rejects.append((raw[name].is_not_null(), name, f"is {NO_TIME}" + problems))
        as_written = {name: cells[name] for name in CODES if name in cells}
        unknown = self._read_codes(cells, notes)
        if "status" in unknown:
            candidates = unknown["status"].is_not_null()
            rejects[:0] = self._non_customers(candidates, cells, as_written, raw, rows[ROW])
        cells |= {"source_row": rows[ROW]}
        frame = pl.DataFrame([column.alias(name) for name, column in cells.items()])
        frame = _with_reasons(frame, rejects)
        accepted = frame["_ik_reason"].is_null()
        rejected_rows = frame.filter(~accepted).with_columns(
            texts_of.filter(~accepted).alias(name) for name, texts_of in as_written.items()
        )
        originals = pl.DataFrame([raw[n].filter(~accepted).alias(n) for n in self._times]) if self._times else None
        self._count_unknown(unknown, accepted)
        self._count_problems(unread, frame)
        records = self._complete(frame.filter(accepted) if rejected_rows.height else frame)
        return Cleaned(records, self._rejected(batch, rejected_rows, originals))

    def date_reports(self, orders: Mapping[str, tuple[Order, Message]]) -> list[DateReport]:
        """Return how each time column was read."""
        return [column.report(*orders[name]) for name, column in self._times.items()]

    def _non_customers(
        self,
        candidates: pl.Series,
        cells: Mapping[str, pl.Series],
        codes: Mapping[str, pl.Series],
        times: Mapping[str, pl.Series],
        numbers: pl.Series,
    ) -> list[tuple[pl.Series, str | None, str | pl.Series]]:
        """Return which rows without a known status are not customers, and why.

        Raises:
            SourceError: A row is the header of another table: the rows below it would be read under wrong columns.
        """
        for name in times:
            candidates &= cells[name].is_null()
        at = candidates.arg_true()
        if "email" in cells:
            at = at.filter(~cells["email"].gather(at).str.contains("@", literal=True).fill_null(value=False))
        if at.is_empty():
            return []
        texts = {name: cell.gather(at) for name, cell in {**cells, **codes, **times}.items() if name != "unrecognised"}
        texts |= {name: texts[name].fill_null(time_text(cells[name].gather(at))) for name in times}
        rows = pl.DataFrame([text.alias(name) for name, text in texts.items()])
        names = self._headers.names
        headers = {name: names[position] for name, position in self._position.items() if position < len(names)}
        reasons = why_not_customer(rows, headers)
        if not (others := at.filter(reasons == OTHER_HEADER)).is_empty():
            raise self._second_table(numbers[int(others[0])])
        return [
            (mark_rows(len(candidates), at.filter(reasons == reason)), None, reason)
            for reason in reasons.unique().drop_nulls().sort()
        ]

    def _second_table(self, row: int) -> SourceError:
        return SourceError(
            _("Row {row:,} of '{name}' is the header of a second table with other columns.", row=row,
              name=self._table.name),
            hint=_("put each table in a file or a sheet of its own."),
        )  # fmt: skip

    def _read_codes(self, cells: dict[str, pl.Series], notes: list[pl.Series]) -> dict[str, pl.Series]:
        """Replace the texts of code columns by codes; return, by column, the texts that no vocabulary has.

        Args:
            cells: The columns; a column of unrecognised texts is added.
            notes: Unrecognised texts of other columns.
        """
        unknown: dict[str, pl.Series] = {}
        for name in (n for n in CODES if n in cells):
            texts = cells[name]
            cells[name], unrecognised = read_codes(name, texts, self._words)
            if unrecognised is not None:
                unknown[name] = unrecognised
                notes.append(_note(name, unrecognised))
        if notes:
            joined = pl.DataFrame(notes).select(pl.concat_str(pl.all(), separator="; ", ignore_nulls=True)).to_series()
            cells["unrecognised"] = joined.replace("", None)
        if "status" in cells:
            empty = cells["status"].is_null()
            if empty.any():
                texts = unknown.get("status", pl.Series([None], dtype=pl.String).new_from_index(0, len(empty)))
                unknown["status"] = texts.set(empty, "")
                cells["status"] = cells["status"].fill_null(UNKNOWN)
        return unknown

    def _count_problems(self, unread: Mapping[str, pl.Series], frame: pl.DataFrame) -> None:
        """Count the times that are not valid, except those of rows that are rejected for another reason: of a total."""
        for name, problems in unread.items():
            counts = frame["_ik_reason"].is_null() | (frame["_ik_column"] == name).fill_null(value=False)
            self._times[name].count_problems(problems.filter(counts))

    def _count_unknown(self, unknown: Mapping[str, pl.Series], accepted: pl.Series) -> None:
        for name, texts in unknown.items():
            counts = dict(texts.filter(accepted).drop_nulls().value_counts().rows())
            if counts:
                self.counts.unknown_codes.setdefault(name, Counter()).update(counts)

    def _complete(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add the columns that the loader computes, count the records, and order the columns as in all sources."""
        self.counts.records += frame.height
        absent = {n: pl.lit(None, t) for n, t in self._types.items() if n not in frame.columns}
        frame = frame.with_columns(**absent).with_columns(source_file=pl.lit(self._table.name))
        if self._add_messages is not None:
            frame = self._add_messages(frame)
        if self._snapshot_at is not None:
            frame = frame.with_columns(snapshot_at=pl.lit(self._snapshot_at, pl.Datetime("us")))
        if "country" in self._position:
            frame = frame.with_columns(english_names(frame["country"]))
        names = [name for name in schema.MASKABLE if name in self._position]
        masked = frame.select(is_masked(pl.col(name)) for name in names)
        if names:
            self.counts.masked.update(dict(zip(names, masked.sum().row(0), strict=True)))
            self.counts.filled.update(dict(zip(names, frame.select(names).count().row(0), strict=True)))
        has_message, has_failed = pl.col("failure_message").is_not_null(), pl.col("status") == "association_failed"
        unclear = has_message & ~has_failed & (pl.col("status") != UNKNOWN)
        without, of_no_failure = frame.select((has_failed & ~has_message).sum(), unclear=unclear.sum()).row(0)
        self.counts.failed_without_message += without
        self.counts.notes[None, _OF_NO_FAILURE] += of_no_failure
        messages = frame["failure_message"].drop_nulls()
        self.counts.messages.update(dict(messages.value_counts().rows()))
        ids = _record_ids(frame, masked)
        return frame.with_columns(record_id=pl.col("record_id").fill_null(ids)).select(*self._types)

    def _rejected(self, batch: Batch, rejected_rows: pl.DataFrame, originals: pl.DataFrame | None) -> pl.DataFrame:
        self.counts.rows += batch.rows.height + len(batch.rejected)
        self.counts.rejected += rejected_rows.height + len(batch.rejected)
        names = [name for name in self._types if name in rejected_rows.columns and name not in schema.DERIVED]
        snapshot = pl.lit(self._snapshot_at, pl.Datetime("us"))
        if self._snapshot_at is None and "snapshot_at" in names:
            snapshot = pl.col("snapshot_at")
        unread = [
            (r.number, None, r.reason, r.content.encode("utf-8", "backslashreplace").decode(), self._snapshot_at)
            for r in batch.rejected
        ]
        types = {name: kind for name, kind in REJECTED_COLUMNS.items() if name != "source_file"}
        rejected = pl.concat([
            pl.DataFrame(unread, schema=types, orient="row"),
            rejected_rows.select("source_row", column="_ik_column", reason="_ik_reason",
                                 content=_contents(rejected_rows.select(names), originals), snapshot_at=snapshot),
        ])  # fmt: skip
        for column, reason, count in rejected.group_by("column", "reason", maintain_order=True).len().rows():
            self.counts.reasons[column, reason] += count
        return rejected.select(source_file=pl.lit(self._table.name), **{name: pl.col(name) for name in types})


def split_joined(both: pl.Expr, *, account_first: bool) -> tuple[pl.Expr, pl.Expr]:
    """Return the two parts of a cell such as ``Acme Ltd/acme01``.

    An account name has three characters or more, and no space, line break or slash: "Nord A/S" is not split. Without
    an account name at its end, or at its beginning if ``account_first``, the whole cell is the first part. A dash, or
    nothing, in place of the account name means that there is none: "Acme Ltd/-".
    """
    account = r"([^\s/|]{3,}|[-–—]*)"
    parts = both.str.extract_groups(rf"(?s)^{account}\s*[/|\n]\s*(.*\S)$" if account_first else
                                    rf"(?s)^(.*\S)\s*[/|\n]\s*{account}$")  # fmt: skip
    first, second = parts.struct[0], parts.struct[1]
    return pl.when(second.is_null()).then(both).otherwise(first), second


def _without_key(written: pl.DataFrame, cleaned: pl.DataFrame, shortened: Sequence[str]) -> pl.Series:
    """Return the rows whose only key is a number that a spreadsheet shortened."""
    keys = [name for name in KEYS if name in cleaned.columns]
    lost = written.select(pl.any_horizontal(pl.col(shortened).str.contains(r"[Ee]\+"))).to_series()
    return lost.fill_null(value=False) & cleaned.select(pl.all_horizontal(pl.col(keys).is_null())).to_series()


def text_columns(rows: pl.DataFrame, positions: Mapping[str, int]) -> pl.DataFrame:
    """Return columns of a batch as clean text, under their names."""
    return clean_texts(pl.DataFrame([_as_text(rows[f"c{i}"])[0].alias(name) for name, i in positions.items()]))[0]


def read_codes(name: str, texts: pl.Series, words: Words) -> tuple[pl.Series, pl.Series | None]:
    """Return the code of each text, and the unknown texts, or None if there are none.

    A placeholder for an empty cell is null.
    """
    known = words.of(name)
    codes: dict[str, str | None] = {}
    unknown = []
    for text in texts.unique().drop_nulls():
        if (code := word_code(text, known)) is not None:
            codes[text] = code
        elif is_null_like(text):
            codes[text] = None
        else:
            codes[text] = UNKNOWN
            unknown.append(text)
    read = texts.replace_strict([*codes], [*codes.values()], default=None, return_dtype=pl.String)
    if not unknown:
        return read, None
    return read, texts.set(~texts.is_in(unknown), None)


def is_masked(cell: pl.Expr) -> pl.Expr:
    """Build the condition that a cell is masked; null is not."""
    return cell.str.contains(schema.MASKED).fill_null(value=False)


def _as_text(cells: pl.Series) -> tuple[pl.Series, pl.Series | None]:
    """Return cells of any type as text, and flags of the cells with bytes that are not text, if there are any."""
    kind = cells.dtype
    if kind == pl.String:
        return cells, None
    if kind == pl.Binary:
        return _decoded(cells)
    if kind.is_nested() or kind == pl.Object:
        return pl.Series(cells.name, [_shown(cell) for cell in cells.to_list()], dtype=pl.String), None
    if isinstance(kind, pl.Date | pl.Datetime):
        return time_text(cells), None
    if kind.is_float() or kind.is_decimal():
        return _number_text(cells), None
    return cells.dt.to_string("polars") if kind == pl.Duration else cells.cast(pl.String), None


def _decoded(cells: pl.Series) -> tuple[pl.Series, pl.Series | None]:
    texts: list[str | None] = []
    undecodable = []
    for position, cell in enumerate(cells):
        try:
            texts.append(None if cell is None else cell.decode())
        except UnicodeDecodeError:
            texts.append("".join(chr(byte) if 32 <= byte < 127 else f"\\x{byte:02X}" for byte in cell))
            undecodable.append(position)
    return pl.Series(cells.name, texts, dtype=pl.String), mark_rows(len(cells), undecodable) if undecodable else None


def _number_text(cells: pl.Series) -> pl.Series:
    """Return numbers as text, whole ones without decimals: pandas makes a mobile number 13800001111.0."""
    if cells.dtype.is_float():
        cells = cells.fill_nan(None)
    number = pl.col(cells.name)
    whole = (number == number.floor()) & (number.abs() < 10**18)
    integer = pl.when(whole).then(number).cast(pl.Int64, strict=False).cast(pl.String)
    return cells.to_frame().select(pl.coalesce(integer, number.cast(pl.String))).to_series()


def _shown(cell: Any) -> str | None:
    """Return a nested value as text: ``[a, b]``, ``{'x': 1}``."""
    if cell is None:
        return None
    if isinstance(cell, list):
        return f"[{', '.join(_shown(item) or 'NULL' for item in cell)}]"
    if isinstance(cell, dict):
        return "{" + ", ".join(f"'{key}': {_shown(value) or 'NULL'}" for key, value in cell.items()) + "}"
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


def _note(name: str, texts: pl.Series) -> pl.Series:
    """Return unrecognised texts with the name of their column."""
    return pl.select(pl.lit(f"{name}: ") + texts).to_series().alias(name)


def _with_reasons(
    frame: pl.DataFrame, rejects: Sequence[tuple[pl.Series, str | None, str | pl.Series]]
) -> pl.DataFrame:
    """Add the column and the reason for which each row is rejected; the first true condition counts."""
    column = reason = pl.lit(None, pl.String)
    identifying = [pl.col(name).is_null() for name in IDENTIFYING if name in frame.columns]
    unidentified = frame.select(pl.all_horizontal(identifying)).to_series()
    if not unidentified.any() and not any(where.any() for where, _, _ in rejects):
        return frame.with_columns(_ik_column=column, _ik_reason=reason)
    reason = pl.when(unidentified).then(pl.lit(_UNIDENTIFIED))
    for where, name, why in reversed(rejects):
        column = pl.when(where).then(pl.lit(name, pl.String)).otherwise(column)
        reason = pl.when(where).then(pl.lit(why)).otherwise(reason)
    return frame.with_columns(_ik_column=column, _ik_reason=reason)


def _contents(rejected_rows: pl.DataFrame, originals: pl.DataFrame | None) -> pl.Series:
    """Return the filled cells of rejected rows as JSON; codes and times that were not read are as in the file."""
    times = [n for n in rejected_rows.columns if isinstance(rejected_rows[n].dtype, pl.Datetime)]
    texts = rejected_rows.with_columns(time_text(rejected_rows[n]).alias(n) for n in times)
    if originals is not None:
        texts = texts.with_columns(originals[n].fill_null(texts[n]) for n in originals.columns)
    pairs = [
        pl.when(pl.col(name).is_not_null()).then(pl.struct(name).struct.json_encode().str.slice(1).str.head(-1))
        for name in texts.columns
    ]
    filled = pl.concat_str(pairs, separator=", ", ignore_nulls=True)
    return texts.select(pl.lit("{") + filled + "}").to_series()


def _record_ids(frame: pl.DataFrame, masked: pl.DataFrame) -> pl.Series:
    """Derive an ID from the natural key or the portal's ID, else from the position of the row.

    Masked values are not used, because many customers share them. An ID from the position begins with r and identifies
    nothing in another file.
    """
    account, email, name, mobile = (
        pl.when(~masked[n]).then(n) if n in masked.columns and masked[n].any() else pl.col(n)
        for n in schema.NATURAL_KEY
    )
    portal = pl.lit("customer ") + pl.col("portal_customer_id")
    person = frame.select(pl.coalesce(account, email, pl.concat_str([name, mobile], separator="|"), portal)).to_series()
    parts = [_lower(person), pl.col("invitation_method"), pl.col("invited_at").cast(pl.Int64)]
    key = pl.concat_str(parts, separator="|", ignore_nulls=True)
    position = pl.concat_str(["source_file", "source_row"], separator="|")
    unknown = person.is_null()
    keys = frame.select(pl.when(unknown).then(position).otherwise(key)).to_series().cast(pl.Binary)
    digests = pl.Series(list(map(xxh3_128_hexdigest, keys)), dtype=pl.String)
    return pl.select(pl.when(unknown).then(pl.lit("r")).otherwise(pl.lit("k")) + digests).to_series()


def _lower(texts: pl.Series) -> pl.Series:
    # Rust converts these two by context, or to two letters.
    if texts.str.contains_any(["Σ", "İ"]).any():
        texts = texts.str.replace_many(["Σ", "İ"], ["σ", "i"])
    return texts.str.to_lowercase()
