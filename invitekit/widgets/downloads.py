"""Lists and files for a download: shown, selected or rejected rows, batches and exports."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import narwhals.stable.v2 as nw
import polars as pl

from invitekit.engine.arrow import as_table
from invitekit.errors import ArgumentError
from invitekit.i18n import Label, Language, _, translate
from invitekit.ingest.rejection_texts import cells_in_words, reason_message
from invitekit.io.table_writers import write_table
from invitekit.model import display
from invitekit.model.catalogue import Catalogue
from invitekit.widgets import payloads
from invitekit.widgets.grid import Grid
from invitekit.workspace import CHANGES, Workspace

LISTED = 500
"""Rows of a list that the page shows; its download has all."""
LISTS = ("shown.xlsx", "shown.csv", "selected.xlsx")
"""The lists of a screen's rows that can be downloaded; the file is named after what they hold: ``customers.xlsx``."""
_WHY = ("source_file", "source_row", "column", "reason")
_CONTENT = Label("Content", "内容")
NewFile = Callable[[str], Path]
"""Returns a path for a file name, in a new private folder."""
Rows = list[list[str | None]]


def changes(workspace: Workspace, catalogue: Catalogue | None) -> tuple[dict[str, Any], dict[str, list[str]]] | None:
    """Compare the newest snapshot of a workspace with the one before it.

    Returns:
        The two days with the number of customers of each change, and the records of the customers of each change; None
        if there are no two snapshots.
    """
    if len({at.date() for (at,) in workspace.files().select("snapshot_at").fetchall()}) < 2:
        return None
    comparison = workspace.compare(catalogue=catalogue)
    rows = _frame(comparison.changes).select("change", record_id=pl.coalesce("record_id_after", "record_id_before"))
    span = {"before": f"{comparison.before_at:%Y-%m-%d}", "after": f"{comparison.after_at:%Y-%m-%d}"}
    unmatched = comparison.before.unmatched + comparison.after.unmatched
    counts = span | {"counts": [[name, comparison.counts[name]] for name in CHANGES], "unmatched": unmatched}
    return counts, {name: rows.filter(change=name)["record_id"].to_list() for name in CHANGES}


def in_words(rows: pl.DataFrame, language: Language, *, unmasked: bool = True) -> pl.DataFrame:
    """Return rows with labels for codes, and without numbers and addresses if they are hidden on the screen."""

    def texts_of(name: str) -> pl.Series:
        cells = rows[name].unique()
        how: dict[str, Any] = {"language": language, "unmasked": unmasked, "whole": True}
        texts = [display.shown(name, cell, **how) for cell in cells]
        return rows[name].replace_strict(cells, pl.Series(texts, dtype=pl.String), return_dtype=pl.String)

    return rows.with_columns(texts_of(name) for name, kind in rows.schema.items() if kind == pl.String)


def write_list(screen: Grid, name: str, new_file: NewFile, language: Language) -> Path:
    """Write the rows that a screen shows, or those that are selected, with its columns; ``name`` is one of ``LISTS``.

    Raises:
        ArgumentError: There is no such list, or it is empty.
        OutputError: The rows do not fit into a sheet, or the disk does not allow it.
    """
    if name not in LISTS:
        raise ArgumentError(_("There is no such list."), hint=_("load this page again."))
    rows, unmasked = screen.rows(selected=name.startswith("selected"))
    if not rows.height:
        raise ArgumentError(_("The list is empty."), hint=_("remove a filter, or select rows."))
    unit = "records" if screen.every_row else screen.unit
    path = new_file(name.replace("shown", unit).replace("selected", f"selected_{unit}"))
    headers: dict[str, str] = {}
    for column in rows.columns:
        label = payloads.label(column, language)
        headers[column] = column if label in headers.values() else label
    return write_table(in_words(rows, language, unmasked=unmasked).rename(headers), path)


def why_rejected(rejected: Any, language: Language) -> Rows:
    """Return file, row, column and reason of each rejected row, without its content."""
    rows = _frame(rejected).select(_WHY).rows()
    return [
        [file, str(row), column and payloads.label(column, language), translate(reason_message(why), language)]
        for file, row, column, why in rows
    ]


def write_rejected(rejected: Any, new_file: NewFile, language: Language) -> Path:
    """Write the rejected rows as the page lists them, and with their content: to correct them in their source."""
    words, rows = payloads.words(language), _frame(rejected)
    headers = [words[name] for name in ("c_file", "c_row", "c_column", "c_reason")]
    listed = pl.DataFrame(why_rejected(rows, language), dict.fromkeys(headers, pl.String), orient="row")
    contents = pl.Series(translate(_CONTENT, language), [cells_in_words(cells, language) for cells in rows["content"]])
    return write_table(listed.with_columns(contents), new_file("rejected_rows.csv"))


def together(paths: Sequence[Path], name: str, new_file: NewFile) -> Path:
    """Return a single file as it is, or several in one ZIP archive."""
    if len(paths) == 1:
        return paths[0]
    archive = new_file(f"{name}.zip")
    with zipfile.ZipFile(archive, "x", zipfile.ZIP_DEFLATED) as packed:
        for path in paths:
            packed.write(path, path.name)
    return archive


def _frame(rows: Any) -> pl.DataFrame:
    return cast("pl.DataFrame", pl.from_arrow(as_table(nw.from_native(rows).to_native())))
