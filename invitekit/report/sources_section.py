"""What was read to sentences and a table: counts of rows, and why some were rejected; no name of a file."""

from __future__ import annotations

from collections.abc import Mapping

from invitekit.charts import Look
from invitekit.errors import translated
from invitekit.ingest import Summary
from invitekit.metrics import Progress
from invitekit.model import schema
from invitekit.report.page import Table, words
from invitekit.report.sections import table
from invitekit.report.suppression import LEAST

_LOST = ("unfollowed", "undated", "untimed")


def read(found: Progress, summary: Summary | None, look: Look) -> tuple[str, ...]:
    """Say what was read, what was rejected and why, and what could not be counted.

    A file's name may be a customer's, so sources have numbers. Rejected rows are counted as they
    are: they tell of files, not of customers.

    Args:
        found: The tables.
        summary: What ``load`` says of the sources; without it, only of the records.
        look: Gives the language.
    """
    told = words(look.language)
    says, counts = told["reads"], found.counts
    said = []
    if summary is not None:
        rows = {name: f"{getattr(summary, attribute):,}" for name, attribute in
                (("rows", "rows_read"), ("records", "records"), ("rejects", "rejects"))}  # fmt: skip
        said.append(says["rows"].format(**rows))
    shown = {name: _many(n, says) for name, n in counts.items()}
    said.append(says["invitations"].format(rows=shown["rows"], invitations=shown["invitations"]))
    said += [says[name].format(n=shown[name]) for name in _LOST if counts[name]]
    return (*said, *(_of_sources(summary, says, look) if summary is not None else ()))


def _of_sources(summary: Summary, says: Mapping[str, str], look: Look) -> list[str]:
    known = {name: schema.label(name, look.language) for name in schema.BY_NAME}
    said = [
        says["rejected"].format(
            n=f"{n:,}", why=f"{known.get(column or '', says['row'])} {translated(why, words(look.language)['why'])}"
        )
        for (column, why), n in sorted(summary.reject_reasons.items(), key=lambda item: -item[1])
    ]
    unknown = sum(message.count for message in summary.unknown_messages)
    said += [says["unknown"].format(n=_many(unknown, says))] * bool(unknown)
    lacking = summary.failed_without_message
    said += [says["no_message"].format(n=_many(lacking, says))] * bool(lacking)
    return said + [
        says["arrived_masked"].format(column=known[name], n=_many(one.masked, says), of=_many(one.filled, says))
        for name, one in summary.masked.items()
        if one.masked and name in known
    ]


def sources(summary: Summary | None, look: Look) -> Table | None:
    """Give one row a source: its form, its snapshot, how many of its rows became records; no name."""
    if summary is None:
        return None
    cells = [
        [str(number), file.format, f"{file.snapshot_at:%Y-%m-%d}" if file.snapshot_at else "–", file.rows_read,
         file.records, file.rejects]
        for number, file in enumerate(summary.files, 1)
    ]  # fmt: skip
    return table(look, ["source", "format", "snapshot", "rows_read", "records", "rejects"], cells, left=3)


def _many(n: int, says: Mapping[str, str]) -> str:
    """Give a count of records; one that is too small only as that."""
    return says["fewer"].format(least=LEAST) if 0 < n < LEAST else f"{n:,}"
