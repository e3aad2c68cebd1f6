"""Find the records in a JSON document: a list, a response that contains one, or a table that pandas wrote.

An object in a record, such as its customer, becomes columns of the record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from invitekit.errors import SourceError
from invitekit.i18n import _
from invitekit.ingest.headers import ReadOptions, has_column, header_score
from invitekit.model.private_text import show_text

_DEPTH = 4
"""The most levels of objects around a list, and inside a record."""
_INDEX = "index"
_MAX_SHOWN = 10
"""The most lists that a message names."""


class Repeated(dict[str, Any]):
    """A JSON object with a key that has two values: the second key gets a number."""


def json_object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return keys and values as an object, ``Repeated`` if a key has two values."""
    merged = dict(pairs)
    if len(merged) == len(pairs):
        return merged
    numbered, count = Repeated(), Counter[str]()
    for key, value in pairs:
        count[key] += 1
        numbered[key if count[key] == 1 else f"{key} ({count[key]})"] = value
    return merged if all(merged[key] == value for key, value in pairs) else numbered


def flat(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with a key for each value inside its objects, such as ``customer.email``."""
    if not any(isinstance(value, dict) for value in record.values()):
        return record
    pairs = [*_leaves(record, ())]
    is_repeated = isinstance(record, Repeated) or any(isinstance(value, Repeated) for _key, value in pairs)
    return Repeated(pairs) if is_repeated else json_object(pairs)


def _leaves(record: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for key, value in record.items():
        if isinstance(value, dict) and value and not isinstance(value, Repeated) and len(path) < _DEPTH:
            yield from _leaves(value, (*path, key))
        else:
            yield ".".join((*path, key)), value


class RecordList(NamedTuple):
    """The records, and their total number if the document states it."""

    records: list[Any]
    total: int | None = None


def find_records(document: object, name: str, options: ReadOptions) -> RecordList:
    """Return the records of a parsed document; raise a ``SourceError`` if it has several lists of records, or none."""
    lists = [one for one in _candidates(document, ()) if _have_column(one[1].records, options)]
    if len(lists) > 1:
        paths = ", ".join(show_text(".".join(path)) for path, _records in lists[:_MAX_SHOWN]) + ", ..." * (
            len(lists) > _MAX_SHOWN
        )
        raise SourceError(
            _("'{name}' holds {count} lists of records: {names}.", name=name, count=len(lists), names=paths),
            hint=_("keep the one that is to be read."),
        )
    if lists:
        return lists[0][1]
    if isinstance(document, list):
        return RecordList(document)
    if not isinstance(document, dict):
        raise SourceError(_("'{name}' holds no list of records.", name=name), hint=_("give a JSON array of objects."))
    values = [value for value in document.values() if isinstance(value, list)]
    return RecordList(values[0] if len(values) == 1 else [document])


def _candidates(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], RecordList]]:
    """Yield the lists of records in a value, with their paths of keys."""
    if isinstance(value, list):
        is_table = len(value) > 1 and all(isinstance(row, list) for row in value)
        has_header = is_table and all(isinstance(name, str) for name in value[0])
        yield path, RecordList(_named(value[0], value[1:]) if has_header else value)
    elif isinstance(value, dict):
        if (table := _table(value)) is not None:
            yield path, RecordList(table)
        elif len(path) < _DEPTH:
            for key, inner in value.items():
                for inner_path, candidate in _candidates(inner, (*path, key)):
                    total = _stated_total(value) if candidate.total is None else candidate.total
                    yield inner_path, RecordList(candidate.records, total)


def _table(value: Mapping[str, Any]) -> list[Any] | None:
    """Return the records of a table that was written by columns, by rows, or by its index."""
    columns, rows = value.get("columns"), value.get("data", value.get("rows"))
    if isinstance(columns, list) and isinstance(rows, list) and all(isinstance(row, list) for row in rows):
        names = [str(column.get("name", column) if isinstance(column, dict) else column) for column in columns]
        records = _named(names, rows)
        labels = value.get("index")
        return _with_index(labels, records) if isinstance(labels, list) and len(labels) == len(rows) else records
    inner = list(value.values())
    if len(inner) < 2:
        return None
    if all(isinstance(one, list) for one in inner):
        is_table = len({len(one) for one in inner}) == 1 and not _holds(inner, dict)
        return [dict(zip(value, cells, strict=True)) for cells in zip(*inner, strict=True)] if is_table else None
    if not all(isinstance(one, dict) for one in inner):
        return None
    if len({tuple(one) for one in inner}) == 1 and not _holds([one.values() for one in inner], dict | list):
        labels = list(inner[0])
        by_label = [{column: cells[label] for column, cells in value.items()} for label in labels]
        # The inner keys are row labels in a table by columns, and headers in a table by rows.
        is_by_rows = header_score(labels, {}) > header_score(list(value), {})
        return _with_index(list(value), inner) if is_by_rows else _with_index(labels, by_label)
    return None


def _holds(rows: Sequence[Any], kind: Any) -> bool:
    return any(isinstance(cell, kind) for row in rows for cell in row)


def _with_index(labels: Sequence[Any], records: list[Any]) -> list[Any]:
    """Add the row labels as a column, unless they only number the rows."""
    if [str(label) for label in labels] == [str(i) for i in range(len(labels))]:
        return records
    return [
        {_INDEX: label, **row} if isinstance(row, dict) else row for label, row in zip(labels, records, strict=True)
    ]


def _named(names: Sequence[str], rows: Sequence[Any]) -> list[Any]:
    """Return lists of cells as objects; one of another length stays as it is."""
    return [dict(zip(names, row, strict=True)) if len(row) == len(names) else row for row in rows]


def _have_column(records: list[Any], options: ReadOptions) -> bool:
    names = {str(name) for record in records[:100] if isinstance(record, dict) for name in flat(record)}
    return has_column(options.required, tuple(names), options.columns)


def _stated_total(value: Mapping[str, Any]) -> int | None:
    keys = ("total", "totalcount", "total_count", "totalsize", "total_size")
    return next((int(n) for key, n in value.items() if key.casefold() in keys and str(n).isdigit()), None)
