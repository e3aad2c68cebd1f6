"""What the command line prints: tables for people, one JSON object for programs, progress on stderr."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import narwhals.stable.v2 as nw
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from invitekit import schema
from invitekit.catalogue import Catalogue, Language
from invitekit.load import Summary
from invitekit.load.summary import show_text

_OUT = Console(highlight=False, soft_wrap=False, markup=False)
_MOST = 12


@dataclass(frozen=True, slots=True)
class Tallies:
    """Records by effective status, and failures by cause: (label, count) pairs, most frequent first."""

    by_status: tuple[tuple[str, str, int], ...]
    by_cause: tuple[tuple[str, str, str, int], ...]


def line(text: str) -> None:
    """Print one line."""
    _OUT.print(text)


def json_line(found: dict[str, Any]) -> None:
    """Print one JSON object."""
    sys.stdout.write(json.dumps(found, ensure_ascii=False, default=str) + "\n")


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show bytes read on stderr when that is a terminal."""
    with tqdm(disable=None, unit="B", unit_scale=True, leave=False, file=sys.stderr) as bar:

        def tick(name: str, done: int, total: int) -> None:
            bar.total = total
            bar.set_description(name[:40], refresh=False)
            bar.update(done - bar.n)
            bar.refresh()

        yield tick


def headline(found: Summary) -> None:
    """Print what was read, and how much of it was refused."""
    line(str(found).splitlines()[0])
    for remark in found.remarks():
        line(f"  - {remark}")


def summary(found: Summary) -> None:
    """Print all that was understood of the sources."""
    headline(found)
    files = _table("Source", "Read as", "Rows read", "Records", "Rejects", "Snapshot")
    for f in found.files:
        how = " ".join(filter(None, [f.format, f.encoding, f"'{f.delimiter}'" if f.delimiter else None]))
        when = f"{f.snapshot_at:%Y-%m-%d} ({f.snapshot_from})" if f.snapshot_at else f.snapshot_from or "not known"
        files.add_row(f.name, how, f"{f.rows_read:,}", f"{f.records:,}", f"{f.rejects:,}", when)
    _OUT.print(files)
    _print_headers(found)
    _print_dates(found)


def _print_headers(found: Summary) -> None:
    table = _table("Column", "Header in the file")
    seen: dict[str, dict[str, None]] = {}
    extras: dict[str, None] = {}
    for file in found.files:
        extras |= dict.fromkeys(file.extras)
        for header, name in file.headers.items():
            seen.setdefault(name, {})[header] = None
    for name in (c.name for c in schema.RECORD if c.name in seen):
        table.add_row(name, ", ".join(seen[name]))
    _OUT.print(table)
    missing = [c.name for c in schema.RECORD if c.name not in seen and c.name not in schema.DERIVED]
    line(f"Not in the files: {', '.join(missing) or 'nothing'}.")
    line(f"Extra columns, kept as they are: {', '.join(extras) or 'none'}.")


def _print_dates(found: Summary) -> None:
    table = _table("Time column", "Source", "Forms (cells)", "Day and month", "No offset", "Unreadable")
    for d in found.dates:
        forms = ", ".join(f"{form} ({count:,})" for form, count in sorted(d.forms.items(), key=lambda f: -f[1]))
        order = f"{d.order}, by {d.decided_by}" if d.order else "no question"
        table.add_row(d.column, d.file, forms or "empty", order, f"{d.without_offset:,}", f"{d.unreadable:,}")
    _OUT.print(table)


def summary_json(found: Summary) -> dict[str, Any]:
    """Give the summary as plain JSON values, free texts without addresses and numbers."""
    return {
        "rows_read": found.rows_read,
        "records": found.records,
        "rejects": found.rejects,
        "files": [asdict(file) for file in found.files],
        "dates": [asdict(d) for d in found.dates],
        "time_zone": found.time_zone,
        "reject_reasons": [
            {"column": column, "reason": reason, "count": count}
            for (column, reason), count in found.reject_reasons.items()
        ],
        "unknown_codes": {n: {show_text(t): c for t, c in texts.items()} for n, texts in found.unknown_codes.items()},
        "unknown_messages": [asdict(m) | {"text": show_text(m.text)} for m in found.unknown_messages],
        "masked": {name: asdict(column) for name, column in found.masked.items()},
        "failed_without_message": found.failed_without_message,
        "messages": asdict(found.messages) if found.messages else None,
    }


def tallies(annotated: Any, known: Catalogue, language: Language) -> Tallies:
    """Count annotated records by effective status, and the failed ones by cause."""
    keys = ["effective_status", "failure_code"]
    frame = nw.from_native(annotated).lazy().group_by(*keys).agg(nw.len().alias("n"))
    rows = frame.collect("pyarrow").rows()
    status: dict[str, int] = {}
    cause: dict[str, int] = {}
    for name, code, count in rows:
        status[name] = status.get(name, 0) + count
        if name == "association_failed":
            cause[code] = cause.get(code, 0) + count
    labels = {value.code: value.zh if language == "zh" else value.en for value in schema.STATUSES}
    acts = {value.code: value.zh if language == "zh" else value.en for value in schema.WHO_ACTS}
    failures = {code: known.by_code(code) for code in cause}
    return Tallies(
        tuple((code, labels.get(code, "Unknown"), n) for code, n in _ranked(status)),
        tuple(
            (code, f.cause(language) if (f := failures[code]) else code, acts[f.who_acts] if f else "", n)
            for code, n in _ranked(cause)
        ),
    )


def _ranked(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def tallies_json(found: Tallies) -> dict[str, Any]:
    """Give the tallies as plain JSON values."""
    return {
        "by_status": {code: n for code, _, n in found.by_status},
        "by_cause": {code: n for code, _, _, n in found.by_cause},
    }


def tables(found: Tallies) -> None:
    """Print records by status and failures by cause, with their shares."""
    total = sum(n for _, _, n in found.by_status)
    status = _table("Status today", "Records", "Share")
    for _, label, n in found.by_status:
        status.add_row(label, f"{n:,}", f"{n / total:.1%}")
    _OUT.print(status)
    failed = sum(n for *_, n in found.by_cause)
    cause = _table("Why the association failed", "Who acts", "Records", "Share")
    for _, text, acts, n in found.by_cause[:_MOST]:
        cause.add_row(text, acts, f"{n:,}", f"{n / failed:.1%}")
    rest = found.by_cause[_MOST:]
    if rest:
        n = sum(count for *_, count in rest)
        cause.add_row(f"{len(rest)} other causes", "", f"{n:,}", f"{n / failed:.1%}")
    _OUT.print(cause)


def _table(*headers: str) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for header in headers:
        numeric = header in ("Rows read", "Records", "Rejects", "Share", "No offset", "Unreadable")
        table.add_column(header, justify="right" if numeric else "left", overflow="fold")
    return table
