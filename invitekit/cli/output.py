"""What the command line prints: tables for people, one JSON object for programs, progress on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from invitekit.errors import many
from invitekit.i18n import Language, _, printable, translate
from invitekit.io.atomic_write import POSIX_MODES
from invitekit.model import schema, vocabularies
from invitekit.model.private_text import show_text

if TYPE_CHECKING:
    from invitekit.batches import Written
    from invitekit.export import Exported
    from invitekit.ingest.datetimes import DateReport
    from invitekit.ingest.summary import FileSummary, Summary
    from invitekit.metrics import StatusCounts
    from invitekit.model.catalogue import Catalogue
    from invitekit.planning import PlanSummary, ResendRules
    from invitekit.workspace import Comparison, Reconciliation
    from invitekit.workspace.outcomes import BatchOutcome

# A pipe has no width: use a fixed one, so that tables are not wrapped.
_OUT = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 140)
_MAX_CAUSES = 12
_READERS = "only you can" if POSIX_MODES else "everyone who can open the folder can"
_COUNTED = ("Records", "Invitations", "Customers", "Share")
_NUMBERS = (
    *_COUNTED, "Rows", "Rejects", "No offset", "Unreadable", "Sent", "Associated", "Open", "Not seen", "Not used",
    "Not resent", "Associated all the same", "Failed", "Of", "Rate", "95% interval", "By chance",
)  # fmt: skip
"""Headers of number columns: aligned to the right."""
_NAMES = (
    "Source", "Time column", "Column", "Snapshot", "Batch", "Written", "Sent on", "Day from", "Week from", "Month from",
)  # fmt: skip
"""Headers of columns that are not wrapped."""
_CHANGES = {
    "became_associated": "Became associated",
    "newly_failed": "Newly failed",
    "cause_changed": "Failed for another cause",
    "vanished": "Vanished",
    "appeared": "Appeared",
    "row_rejected": "Row rejected in one of the two",
    "same": "None of these",
}
_FINDINGS = {
    "associated": "Associated, as their records say",
    "ours_already": "Yours already, though their records do not say so",
    "vanished_is_ours": "Vanished from the exports: yours",
    "vanished": "Vanished from the exports: not yours",
    "left_us": "Left: were associated, and are not on the list",
    "not_invited": "On the list only: in no export of invitations",
}
Rows = Sequence[dict[str, Any]]


def line(text: str) -> None:
    """Print one line."""
    _OUT.print(printable(text), soft_wrap=True)


def show(table: Table) -> None:
    """Print a table."""
    _OUT.print(table)


def note(text: str) -> None:
    """Print one line to stderr."""
    sys.stderr.write(f"{printable(text)}\n")


def json_line(content: dict[str, Any]) -> None:
    """Print one JSON object; in ASCII if the output's encoding is not Unicode, so that nothing is lost."""
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    text = json.dumps(content, ensure_ascii=not unicode, default=str)
    sys.stdout.write("".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text) + "\n")


@contextlib.contextmanager
def progress(unit: Literal["bytes", "rows"] = "bytes") -> Iterator[Callable[[str, int, int], None]]:
    """Show a progress bar on stderr when that is a terminal; the block gets the callback that moves it."""
    if not sys.stderr.isatty():
        yield lambda _name, _done, _total: None
        return
    from rich.progress import (  # noqa: PLC0415 - only on a terminal
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    amount = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), amount, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def tick(name: str, done: int, total: int) -> None:
            bar.update(task, description=printable(name[:40]), completed=done, total=total)

        yield tick


def headline(loaded: Summary, language: Language) -> None:
    """Print how many rows were read and rejected, and remarks."""
    line(translate(loaded.headline, language))
    for remark in loaded.remarks():
        line(f"  - {translate(remark, language)}")


def snapshots(loaded: Summary) -> None:
    """Print what is counted if several snapshots were read together."""
    days = {file.snapshot_at for file in loaded.files}
    if len(days) > 1:
        line(f"Records: of {len(days)} snapshots together. Invitations, customers and shares: by the newest record.")


def summary(loaded: Summary, language: Language) -> None:
    """Print files, headers and date formats of the sources."""
    headline(loaded, language)
    texts = (_("Source"), _("Read as"), _("Rows"), _("Records"), _("Rejects"), _("Snapshot"))
    files = new_table(*texts, language=language)
    for file in loaded.files:
        how, when = how_read(file, language)
        files.add_row(file.name, how, f"{file.rows_read:,}", f"{file.records:,}", f"{file.rejects:,}", when)
    show(files)
    _print_headers(loaded, language)
    _print_dates(loaded, language)


def how_read(file: FileSummary, language: Language) -> tuple[str, str]:
    """Return how a source was read, such as ``csv utf-8``, and the day of its snapshot."""
    delimiter = repr(file.delimiter) if file.delimiter not in (None, ",") else None
    unknown = _("its column") if file.snapshot_from else _("not known")
    when = f"{file.snapshot_at:%Y-%m-%d}" if file.snapshot_at else translate(unknown, language)
    return " ".join(filter(None, [file.format, file.encoding, delimiter])), when


def date_forms(forms: Mapping[str, int], language: Language) -> str:
    """Return the forms of the times of a column, with their counts."""
    listed = tuple(_("{word} ({n:,})", word=form, n=count) for form, count in forms.items())
    return translate(_("{names}", names=listed) if listed else _("empty"), language)


def day_and_month(report: DateReport, language: Language) -> str:
    """Return which of day and month comes first, and what decided it."""
    decided = _("{order}, by {decided_by}", order=report.order, decided_by=report.decided_by)
    return translate(decided if report.order else _("no question"), language)


def _print_headers(loaded: Summary, language: Language) -> None:
    table = new_table(_("Column"), _("Header in the file"), language=language)
    headers: dict[str, dict[str, None]] = {}
    extras: dict[str, None] = {}
    for file in loaded.files:
        extras |= dict.fromkeys(file.extras)
        for header, name in file.headers.items():
            headers.setdefault(name, {})[header] = None
    for name in (c.name for c in schema.RECORD if c.name in headers):
        table.add_row(name, ", ".join(headers[name]))
    show(table)
    missing = [c.name for c in schema.RECORD if c.name not in headers and c.name not in schema.DERIVED]
    missing_names, extra_names = tuple(missing) or _("nothing"), tuple(extras) or _("none")
    line(translate(_("Not in the files: {names}.", names=missing_names), language))
    line(translate(_("Extra columns, kept as they are: {names}.", names=extra_names), language))


def _print_dates(loaded: Summary, language: Language) -> None:
    """Print one row for each time column, over all sources; if sources differ in order, each is named."""
    texts = (_("Time column"), _("Forms (cells)"), _("Day and month"), _("No offset"), _("Unreadable"))
    table = new_table(*texts, language=language)
    for name in dict.fromkeys(d.column for d in loaded.dates):
        same = [d for d in loaded.dates if d.column == name]
        counts: Counter[str] = sum((Counter(d.forms) for d in same), Counter())
        orders = {day_and_month(d, language): d.file for d in same if d.order}
        listed = [f"{order} ({file})" if len(same) > 1 else order for order, file in orders.items()]
        order = "; ".join(listed) or day_and_month(same[0], language)
        without, unreadable = sum(d.without_offset for d in same), sum(d.unreadable for d in same)
        forms = date_forms(dict(counts.most_common()), language)
        table.add_row(name, forms, order, f"{without:,}", f"{unreadable:,}")
    show(table)


def summary_json(loaded: Summary) -> dict[str, Any]:
    """Return the summary as plain JSON values, free texts without addresses and numbers."""
    return {
        "rows_read": loaded.rows_read,
        "records": loaded.records,
        "rejects": loaded.rejects,
        "files": [asdict(file) for file in loaded.files],
        "dates": [asdict(d) for d in loaded.dates],
        "time_zone": loaded.time_zone,
        "reject_reasons": [
            {"column": column, "reason": reason, "count": count}
            for (column, reason), count in loaded.reject_reasons.items()
        ],
        "unknown_codes": {n: {show_text(t): c for t, c in texts.items()} for n, texts in loaded.unknown_codes.items()},
        "unknown_messages": [asdict(m) | {"text": show_text(m.text)} for m in loaded.unknown_messages],
        "masked": {name: asdict(column) for name, column in loaded.masked.items()},
        "failed_without_message": loaded.failed_without_message,
        "messages": asdict(loaded.messages) if loaded.messages else None,
        "engine": loaded.engine,
    }


def output_json(output: Path | None) -> dict[str, Any]:
    """Return where a result was written, as plain JSON values."""
    return {} if output is None else {"output": str(output)}


def written(output: Path | None, what: str, *, personal: bool = True) -> None:
    """Print where a result was written, if it was, and whether it contains personal data."""
    if output is not None:
        note = f"It contains personal data; {_READERS} read it." if personal else "It quotes no cell of the files."
        line(f"{what}: {output}. {note}")


def tables(statuses: StatusCounts, known: Catalogue, language: Language) -> None:
    """Print how many records, invitations and customers have each status, and why associations failed."""
    labels = {value.code: value.label(language) for value in vocabularies.STATUSES}
    status = new_table("Status today", *_COUNTED)
    for code in statuses.by_status:
        status.add_row(labels.get(code, "Unknown"), *_counted(statuses, "by_status", [code]))
    status.add_row("All", *_counted(statuses, "by_status", list(statuses.by_status)))
    show(status)
    if statuses.by_cause:
        show(_causes(statuses, known, language))


def _causes(statuses: StatusCounts, known: Catalogue, language: Language) -> Table:
    acts = {value.code: value.label(language) for value in vocabularies.WHO_ACTS}
    table = new_table("Why the association failed", "Who acts", *_COUNTED)
    codes = list(statuses.by_cause)
    for code in codes[:_MAX_CAUSES]:
        failure = known.by_code(code)
        text, who = (failure.cause(language), acts[failure.who_acts]) if failure else (code, "")
        table.add_row(text, who, *_counted(statuses, "by_cause", [code]))
    if rest := codes[_MAX_CAUSES:]:
        table.add_row(f"{len(rest)} other causes", "", *_counted(statuses, "by_cause", rest))
    return table


def _counted(statuses: StatusCounts, by: str, codes: list[str]) -> list[str]:
    """Return the cells of ``_COUNTED`` for some codes."""
    units: list[dict[str, int]] = [getattr(statuses, by), statuses.invitations[by], statuses.customers[by]]
    sums = [sum(counts[code] for code in codes) for counts in units]
    share = sums[1] / sum(units[1].values()) if any(units[1].values()) else 0.0
    return [*(f"{n:,}" for n in sums), f"{share:.1%}"]


def decisions(summary: PlanSummary, rules: ResendRules, language: Language) -> None:
    """Print records by decision and reason, and the rules of the plan."""
    from invitekit.planning.reason_texts import read_reasons  # noqa: PLC0415 - not loaded by other commands

    labels = {value.code: value.label(language) for value in vocabularies.DECISIONS}
    reasons = read_reasons(language)
    table = new_table("Decision", "Why", "Records")
    last = None
    for (decision, code), n in summary.by_reason.items():
        why = reasons[code].summary(rules)
        table.add_row(labels[decision] if decision != last else "", why, f"{n:,}")
        last = decision
    show(table)
    line(rules.words(language))
    batches = many(summary.batches, "batch", "batches")
    line(f"{summary.candidates:,} of {many(summary.customers, 'customer')} to invite again, in {batches}.")
    if summary.named_by_rejected_rows:
        named = many(summary.named_by_rejected_rows, "customer")
        line(f"Needs review because a row that may be newer was rejected: {named}. 'check' lists the rejected rows.")
    for warning in summary.warnings(language):
        line(f"WARNING: {warning}")
    line(f"Pending review or pre-registered: {summary.open_customers:,}; the portal allows {rules.portal_cap}.")
    if summary.candidates:
        line(
            "Ranked by the success rate of earlier resends after the same cause."
            if summary.with_history
            else "Ranked by how long a resend has been allowed: there are too few earlier resends for success rates."
        )


def personal(folder: Path | None) -> None:
    """Print a personal data warning if files that name customers are written to a folder."""
    if folder is not None:
        who = _READERS.capitalize()
        line(f"PERSONAL DATA: the files in {folder} name customers. {who} read them; delete them after use.")


def batches(written: Written | None, workspace: Path | None, *, has_calendar: bool = False) -> None:
    """Print which batch files were written, if any, and how to mark them as sent."""
    if written is None:
        return
    from invitekit.batches.calendar_file import FILE  # noqa: PLC0415 - not loaded by other commands

    table = new_table("File", "Rows")
    table.add_row(written.paths[0].name, "")
    for name, rows in written.rows.items():
        table.add_row(name, f"{rows:,}")
    show(table)
    if has_calendar and FILE not in written.rows:
        line(f"No {FILE}: the plan has no date after today.")
    line(f"In {written.paths[0].parent}; read {written.paths[0].name} first.")
    file = shell_quoted(str(workspace))
    for number, batch_id in written.batch_ids.items():
        line(f"When batch {number} is sent: invitekit workspace mark-sent {batch_id} --by YOUR_NAME -w {file}")


def shell_quoted(text: str, *, windows: bool = os.name == "nt") -> str:
    """Quote a path so that it can be pasted into a shell: on Windows into cmd and PowerShell alike."""
    if not windows:
        return shlex.quote(text)
    return text if re.fullmatch(r"[\w\\/:.-]+", text) else f'"{text}"'


def exported(done: Exported) -> None:
    """Print what was exported, which checks it passed, and how far its records can be distinguished."""
    counted = f" from {many(done.records, 'invitation')}" if done.level == "aggregated" else ""
    rows = f"{many(done.rows, 'row')}, {done.level}{counted}"
    line(f"{rows}, in {done.path}; its manifest is {done.manifest.name}.")
    if done.nulled:
        counts = ", ".join(f"{name} {count:,}" for name, count in done.nulled.items())
        line(f"Values that were masked already, or mean nothing, are empty: {counts}.")
    for one in done.uniqueness:
        line(one.sentence(done.language))
    from invitekit.export import CHECKS  # noqa: PLC0415 - not loaded by other commands

    line(f"Checked before it was published: {', '.join(CHECKS[name] for name in done.checks)}.")
    if done.level == "aggregated":
        line("Exports of nearly the same records differ where a count is rounded differently: publish only one.")
    else:
        key = f"Key {done.key_id}" if done.key_id else "The key was thrown away: tokens join inside this file only"
        line(f"{key}. It is still personal data: share it only with people who may have that.")


def history(rows: Iterable[dict[str, Any]]) -> None:
    """Print earlier exports of a workspace."""
    table = new_table("Export", "Started", "Status", "Level", "Rows", "Purpose", "File")
    for row in rows:
        rows_written = "" if row["rows"] is None else f"{row['rows']:,}"
        when = f"{row['started_at']:%Y-%m-%d %H:%M}"
        cells = (str(row["id"]), when, row["status"], row["level"], rows_written, row["purpose"], row["file_name"])
        table.add_row(*(cell or "" for cell in cells))
    show(table)


class _Table(Table):
    """A table that escapes control characters in its cells."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        """Add a row of cells."""
        super().add_row(*map(printable, cells), **options)


def new_table(*headers: str, language: Language = "en") -> Table:
    """Create a table to print: numbers aligned to the right, names not wrapped."""
    table = _Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for header in headers:
        numeric = header in _NUMBERS
        whole = numeric or header in _NAMES
        shown = translate(header, language)
        table.add_column(shown, justify="right" if numeric else "left", overflow="fold", no_wrap=whole)
    return table


def fetch(relation: Any) -> list[dict[str, Any]]:
    """Return the rows of a small relation."""
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def workspace_files(rows: Rows) -> None:
    """Print the files that a workspace stores."""
    table = new_table("Source", "Snapshot", "Rows", "Records", "Rejects")
    for row in rows:
        counts = [f"{row[name]:,}" for name in ("rows_read", "records", "rejects")]
        table.add_row(row["source_file"], f"{row['snapshot_at']:%Y-%m-%d}", *counts)
    if rows:
        show(table)


def workspace_batches(rows: Rows) -> None:
    """Print the batches that were written, and which of them were sent."""
    if not rows:
        return line("No batches yet. Write some: invitekit plan --workspace FILE --batch-dir DIR.")
    table = new_table("Batch", "Written", "Customers", "Marked as sent")
    for row in rows:
        sent = f"{row['sent']:,} on {row['sent_at']:%Y-%m-%d} by {row['sent_by']}" if row["sent"] else "not yet"
        table.add_row(row["batch_id"], f"{row['written_at']:%Y-%m-%d}", f"{row['customers']:,}", sent)
    return show(table)


def workspace_marks(rows: Rows) -> None:
    """Print the marks of failures and of customers not to be invited, with the numbers that 'unmark' takes."""
    if not rows:
        return None
    table = new_table("Mark", "On", "By", "For", "Taken back")
    for row in rows:
        undone = f"{row['unmarked_at']:%Y-%m-%d} by {row['unmarked_by']}" if row["unmarked_at"] else ""
        failure = row["failure_code"] or "any"
        table.add_row(f"{row['mark_id']}", f"{row['resolved_at']:%Y-%m-%d}", row["marked_by"], failure, undone)
    return show(table)


def outcomes(batches: Sequence[BatchOutcome], causes: Rows, known: Catalogue) -> None:
    """Print the results of each batch, and below them the results by cause."""
    if not batches:
        return line("No batch was marked as sent yet: invitekit workspace mark-sent BATCH_ID --by YOUR_NAME.")
    table = new_table(
        "Batch", "Sent on", "Sent", "Associated", "Open", "Failed", "Not used", "Not seen", "Rate", "Not resent",
        "Difference",
    )  # fmt: skip
    for one in batches:
        rate = f"{one.rate:.0%} ({one.low:.0%} to {one.high:.0%})" if one.rate is not None else ""
        counts = (f"{n:,}" for n in (one.sent, one.associated, one.open, one.failed, one.not_used, one.not_seen))
        table.add_row(one.batch_id, f"{one.sent_at:%Y-%m-%d}", *counts, rate, *_compared(one))
    show(table)
    statuses = {value.code: value.en for value in vocabularies.STATUSES}
    table = new_table("Batch", "Cause when it was sent", "Sent", "Associated", "Not resent", "Associated all the same")
    for row in causes:
        failure = known.by_code(row["cause"])
        cause = failure.cause("en") if failure else statuses.get(row["cause"], row["cause"])
        table.add_row(
            row["batch_id"], cause, f"{row['resent']:,}", _share(row["associated"], row["resent"]),
            f"{row['not_resent']:,}", _share(row["not_resent_associated"], row["not_resent"]),
        )  # fmt: skip
    show(table)
    return line(
        "Not resent: customers in the same state when the batch was sent who were not invited again within 30 days; "
        "for a batch, their rate as if they had its causes. They were not chosen at random: the difference, with its "
        "95% interval, is a hint, not proof."
    )


def _compared(one: BatchOutcome) -> tuple[str, str]:
    """Return the rate of comparable customers, and by how much the rate of the batch is higher."""
    values = one.compared_rate, one.others_rate, one.difference_low, one.difference_high
    if None in values:
        return "too few", ""
    rate, others, low, high = (float(value or 0) for value in values)
    part = f" ({one.compared:,} compared)" if one.compared < one.sent else ""
    return f"{others:.0%} of {one.others:,}", f"{rate - others:+.0%} ({low:+.0%} to {high:+.0%}){part}"


def _share(part: int, of: int) -> str:
    return f"{part:,} ({part / of:.0%})" if of else f"{part:,}"


def reconciliation(result: Reconciliation) -> None:
    """Print what a customer list says about the customers in a workspace."""
    line(f"Customer list of {result.listed_at:%Y-%m-%d}: {many(result.listed, 'customer')}.")
    table = new_table("What the list says", "Customers")
    for name, words in _FINDINGS.items():
        table.add_row(words, f"{result.counts[name]:,}")
    show(table)
    if result.rejected:
        line(f"Rejected rows of the list: {result.rejected:,}. Their customers may seem to have left.")
    if result.unidentified:
        line(
            f"Rows of the list that are masked, or have a name only, and match no record: {result.unidentified:,}. "
            "Their customers may seem to have left."
        )
    for text in result.notes:
        line(translate(text, "en"))
    line(f"Not invited again because they are yours already: {many(result.withheld, 'customer')}.")
    if result.unlisted:
        line(
            f"Associated by their records, and not on the list: {many(result.unlisted, 'customer')}, more than are on "
            "it. The list seems to hold only a part, so nobody is counted as having left."
        )


def comparison(result: Comparison) -> None:
    """Print the counts of a comparison."""
    if result.before_at and result.after_at:
        line(f"From {result.before_at:%Y-%m-%d} to {result.after_at:%Y-%m-%d}:")
    if result.passed_over:
        days = ", ".join(f"{day:%Y-%m-%d}" for day in result.passed_over)
        line(f"Passed over, because many customers are missing there: {days}. To compare with it: --before DATE.")
    table = new_table("Change", "Customers")
    for name, words in _CHANGES.items():
        table.add_row(words, f"{result.counts[name]:,}")
    show(table)
    for side, which in ((result.before, "earlier"), (result.after, "later")):
        if side.unmatched:
            line(
                f"Not compared, of the {which} snapshot: {many(side.unidentified, 'record')} without a customer "
                f"(masked), {many(side.conflicting, 'customer')} whose records contradict each other in one of the two."
            )
    if result.may_be_partial:
        from invitekit.workspace.compare import PARTIAL  # noqa: PLC0415 - not loaded by other commands

        line(PARTIAL)


def comparison_json(result: Comparison) -> dict[str, Any]:
    """Return a comparison as plain JSON values."""
    return {
        "counts": result.counts,
        "before": asdict(result.before),
        "after": asdict(result.after),
        "before_at": result.before_at,
        "after_at": result.after_at,
        "passed_over": [f"{day:%Y-%m-%d}" for day in result.passed_over],
        "may_be_partial": result.may_be_partial,
    }
