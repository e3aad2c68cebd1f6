"""What the command line prints of a workspace, and of two snapshots: counts and names of batches, no customer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from invitekit.catalogue import Catalogue
from invitekit.cli import say
from invitekit.vocabularies import STATUSES
from invitekit.workspace import CHANGES, Comparison

Rows = Sequence[dict[str, Any]]
_WORDS = {
    "became_associated": "Became associated",
    "newly_failed": "Newly failed",
    "cause_changed": "Failed for another cause",
    "vanished": "Vanished",
    "appeared": "Appeared",
    "same": "None of these",
}


def fetched(found: Any) -> list[dict[str, Any]]:
    """Give a small relation as rows."""
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def files(rows: Rows) -> None:
    """Print the files that are remembered."""
    table = say.new_table("Source", "Snapshot", "Rows", "Records", "Rejects")
    for row in rows:
        counts = [f"{row[name]:,}" for name in ("rows_read", "records", "rejects")]
        table.add_row(row["source_file"], f"{row['snapshot_at']:%Y-%m-%d}", *counts)
    if rows:
        say.show(table)


def batches(rows: Rows) -> None:
    """Print the batches that were written, and which of them are still to be sent."""
    if not rows:
        return say.line("No batch was written from it yet: plan --batch-dir DIR --workspace FILE.")
    table = say.new_table("Batch", "Written", "Customers", "Sent")
    for row in rows:
        sent = f"{row['sent']:,} on {row['sent_at']:%Y-%m-%d} by {row['sent_by']}" if row["sent"] else "not yet"
        table.add_row(row["batch_id"], f"{row['written_at']:%Y-%m-%d}", f"{row['customers']:,}", sent)
    return say.show(table)


def outcomes(rows: Rows, known: Catalogue) -> None:
    """Print what became of each batch."""
    if not rows:
        return say.line("No batch was logged as sent yet: workspace log BATCH_ID --by YOUR_NAME.")
    statuses = {value.code: value.en for value in STATUSES}
    table = say.new_table(
        "Batch", "Cause when it was sent", "Resent", "Associated", "Failed again", "Open", "Not seen",
        "Not resent", "Associated all the same",
    )  # fmt: skip
    for row in rows:
        failure = known.by_code(row["cause"])
        cause = failure.cause("en") if failure else statuses.get(row["cause"], row["cause"])
        not_yet = row["open"] + row["expired"]
        table.add_row(
            row["batch_id"], cause, f"{row['resent']:,}", _share(row["associated"], row["resent"]),
            f"{row['failed_again']:,}", f"{not_yet:,}", f"{row['not_seen'] + row['already_associated']:,}",
            f"{row['not_resent']:,}", _share(row["not_resent_associated"], row["not_resent"]),
        )  # fmt: skip
    say.show(table)
    return say.line(
        "Not resent: customers who stood where these stood when the batch was sent, and were not invited again within "
        "30 days. They were not chosen by lot: the difference is a hint, no proof."
    )


def _share(part: int, of: int) -> str:
    return f"{part:,} ({part / of:.0%})" if of else f"{part:,}"


def comparison(found: Comparison) -> None:
    """Print what happened between two snapshots."""
    if found.before_at and found.after_at:
        say.line(f"From {found.before_at:%Y-%m-%d} to {found.after_at:%Y-%m-%d}:")
    table = say.new_table("What happened", "Customers")
    for name in (*CHANGES, "same"):
        table.add_row(_WORDS[name], f"{found.counts[name]:,}")
    say.show(table)
    for side, words in ((found.before, "earlier"), (found.after, "later")):
        if side.unmatched:
            say.line(
                f"Not matched in the {words} snapshot: {side.alone:,} records that cannot be told to be anybody's "
                f"(masked, without an ID), {side.unclear:,} customers whose records contradict each other."
            )


def comparison_json(found: Comparison) -> dict[str, Any]:
    """Give a comparison as plain JSON values."""
    sides = {
        name: {"rows": side.rows, "customers": side.customers, "alone": side.alone, "unclear": side.unclear}
        for name, side in (("before", found.before), ("after", found.after))
    }
    return {"counts": found.counts, **sides, "before_at": found.before_at, "after_at": found.after_at}
