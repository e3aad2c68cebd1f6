"""What was read, in sentences and a table: counts of rows, and why some were rejected; files are not named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from invitekit.charts import Look
from invitekit.i18n import translate
from invitekit.ingest import Summary
from invitekit.ingest.rejection_texts import reason_message
from invitekit.metrics import MetricsReport
from invitekit.model import schema
from invitekit.privacy.disclosure import STEP, round_count
from invitekit.report.page import Table, words
from invitekit.report.sections import table

_LOST = ("untrackable", "without_invited_at", "without_duration", "undated")


def read(tables: MetricsReport, summary: Summary | None, look: Look, *, public: bool) -> tuple[str, ...]:
    """Return what was read, what was rejected and why, and what could not be counted, as sentences.

    No file is named, as its name may contain a customer's name. Without the summary of ``load``, only the records are
    described.
    """
    undated = sum(n for at, n in tables.snapshots.select("snapshot_at", "n").iter_rows() if at is None)
    texts, counts = words(look.language)["reads"], {**tables.counts, "undated": undated}
    sentences = []
    if summary is not None:
        if public:
            names = {"rows": "rows_read", "records": "records", "rejects": "rejects"}
            rounded = {name: count(round_count(getattr(summary, of)), look) for name, of in names.items()}
            sentences.append(texts["rows_rounded"].format(**rounded))
        else:
            rows, records = (_counted(name, getattr(summary, name), look) for name in ("rows_read", "records"))
            sentences.append(texts["rows"].format(rows=rows, records=records, rejects=count(summary.rejects, look)))
    records, invitations = (
        _counted(name, counts[total], look) for name, total in (("records", "rows"), ("invitations", "invitations"))
    )
    sentences.append(texts["states"].format(records=records, invitations=invitations))
    sentences += [_counted(name, counts[name], look) for name in _LOST if counts[name]]
    return (*sentences, *(_of_sources(summary, texts, look, public=public) if summary is not None else ()))


def _of_sources(summary: Summary, texts: Mapping[str, Any], look: Look, *, public: bool) -> list[str]:
    """Return the notes on the sources; for the public without notes on fewer than ten rows."""
    labels = {name: schema.label(name, look.language) for name in schema.BY_NAME}
    counted: dict[tuple[str, str], tuple[int, int]] = {}
    for (name, reason), n in summary.reject_reasons.items():
        what, why = labels.get(name or "", texts["row"]), translate(reason_message(reason), look.language)
        counted["rejected", texts["row_why"].format(column=what, why=why)] = (n, 0)
    counted["unknown", ""] = (sum(message.count for message in summary.unknown_messages), 0)
    counted["no_message", ""] = (summary.failed_without_message, 0)
    for column, values in summary.masked.items():
        if column in labels:
            counted["arrived_masked", labels[column]] = (values.masked, values.filled)
    shown = {key: [round_count(n) if public else n for n in both] for key, both in counted.items()}
    # Sorted by the shown count: an order by exact counts would reveal which of two rounded ones is larger.
    kinds = ("rejected", "unknown", "no_message", "arrived_masked")
    order = sorted(shown, key=lambda key: (kinds.index(key[0]), -(shown[key][0] or 0)))
    return [
        _form(texts[kind], n).format(n=f"{n:,}", of=count(of, look), why=what, column=what)
        for kind, what in order
        for n, of in [shown[kind, what]]
        if n
    ]


def sources(summary: Summary | None, look: Look, *, public: bool) -> Table | None:
    """Return one row per source, numbered instead of named: its format, its snapshot, and its counts."""
    if summary is None:
        return None
    cells = [
        [str(number), file.format, f"{file.snapshot_at:%Y-%m-%d}" if file.snapshot_at else "–",
         *(round_count(n) if public else n for n in (file.rows_read, file.records, file.rejects))]
        for number, file in enumerate(summary.files, 1)
    ]  # fmt: skip
    return table(look, ["source", "format", "snapshot", "rows_read", "records", "rejects"], cells, left=3)


def _counted(name: str, n: int | None, look: Look) -> str:
    """Return a text of ``reads`` with a count, in the singular or the plural."""
    return _form(words(look.language)["reads"][name], n).format(n=count(n, look))


def _form(forms: str | Sequence[str], n: int | None) -> str:
    return forms if isinstance(forms, str) else forms[n != 1]


def count(n: int | None, look: Look) -> str:
    """Return a count for a sentence; a hidden count as "fewer than 10"."""
    return str(words(look.language)["reads"]["fewer"].format(least=STEP)) if n is None else f"{n:,}"
