"""Clean the texts of cells: white space, text marks of spreadsheets, wrapped addresses, and placeholders for empty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import polars as pl

from invitekit.i18n import Message, ngettext
from invitekit.io.spreadsheet_escape import unescape_text
from invitekit.model import schema

TRIM_CHARS = "".join(map(chr, (*range(33), 0x7F, 0x85, 0x00A0, 0x200B, 0x200E, 0x200F, 0x2060, 0x3000, 0xFEFF)))
"""White, control and invisible characters that are trimmed from the ends of a cell."""
Notes = Counter[tuple[str | None, Message]]
"""Counts of cells by column and message; the summary puts the count into the message."""
SHORTENED = ngettext(
    "{n:,} cell holds a number that a spreadsheet shortened, such as 1.38E+10: its last digits are lost, so it was "
    "read as empty; export again with the column as text.",
    "{n:,} cells hold a number that a spreadsheet shortened, such as 1.38E+10: its last digits are lost, so they were "
    "read as empty; export again with the column as text.",
    0,
)
POINT_ZERO = ngettext(
    "{n:,} cell holds a whole number written as 13800138000.0: the .0 was left out.",
    "{n:,} cells hold a whole number written as 13800138000.0: the .0 was left out.",
    0,
)
SEVERAL_ADDRESSES = ngettext(
    "{n:,} cell holds several addresses: the first one was used.",
    "{n:,} cells hold several addresses: the first one was used.",
    0,
)
BROKEN_ADDRESS = ngettext(
    "{n:,} cell holds an address beside a word that may be a part of it: it was left as it is.",
    "{n:,} cells hold an address beside a word that may be a part of it: they were left as they are.",
    0,
)
GARBLED = ngettext(
    "{n:,} cell seems garbled by a wrong encoding, such as Ã¤ or ????: export again as UTF-8, and do not edit the "
    "file in between.",
    "{n:,} cells seem garbled by a wrong encoding, such as Ã¤ or ????: export again as UTF-8, and do not edit the "
    "file in between.",
    0,
)
KEYS = ("record_id", "portal_customer_id", "account_name", "email", "mobile")
"""Columns in which full-width characters become half-width and invisible ones are removed, because their values are
compared letter by letter, searched for and written to."""
_MARKED = (*KEYS, *(column.name for column in schema.RECORD if column.kind == "time"))
"""Columns where a quotation mark or backtick at the beginning only marks the cell as text."""
_OWN_RULES = (*_MARKED, "remarks")
"""Columns that are not cleaned like all others."""
_MANY = 10_000
"""Cells from which on a column with few distinct texts is cleaned by these: below, this costs more than it saves."""
_SAMPLE = 2000
"""Cells that are looked at to decide how to clean a column, and for garbled text."""
_FULL_WIDTH = [*map(chr, range(0xFF01, 0xFF5F)), "\u3000"]
_HALF_WIDTH = [*map(chr, range(0x21, 0x7F)), " "]
_FORMULA_TEXT = '(?s)^="{1,2}(.*?)"{1,2}$'
"""A text written as a formula, so that a spreadsheet keeps its leading zeros."""
_PAIRS = ('(?s)^"([^"]+)"$', "(?s)^'([^']+)'$")
_HAS_MARK = "^[\\s\x1f]*[=\"'`]"
_TEXT_MARK = "^[`']+"
"""Marks that people type before a number or a date to keep it as text."""
_AROUND_ADDRESS = "[ <>;,:(\\[|、\t\n\"/]|[.']$"
_ADDRESS = r"""[^\s<>;,:()\[\]|、"'/][^\s<>;,:()\[\]|、"/]*@[^\s<>;,:()\[\]|、"'/]*[^\s<>;,:()\[\]|、"'/.]"""
_PART = "A-Za-z0-9_.%+'-"
_BESIDE_ADDRESS = (
    rf"(?:^|[^{_PART}@])[{_PART}]+(?: +|[,;/]){_ADDRESS}|"
    rf"{_ADDRESS}\.?(?: +|[,;/])[{_PART}]+(?:$|[^{_PART}@])"
)
"""Matches a word of ASCII beside an address, with a space or a sign where a dot may be meant:
``anna schmidt@a.example`` may be another person than ``schmidt@a.example``."""
_SHORTENED = r"^\d(?:[.,]\d+)?[Ee]\+\d\d$"
_POINT_ZERO = r"^(\d+)\.0$"
_GARBLED = (
    r"^\?{2}|"
    # UTF-8 that was read as Windows-1252 or Latin-1, and the replacement character.
    "[\u00c2-\u00f4][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013\u2014\u2018-\u201a"
    "\u201c-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122]|\ufffd"
)


def clean_texts(cells: pl.DataFrame) -> tuple[pl.DataFrame, Notes]:
    """Trim cells, remove the marks that spreadsheets and people put around them, and replace placeholders by null.

    Args:
        cells: Columns of text by name; in contact data full-width characters become half-width.

    Returns:
        The cells, and the counts that the summary reports.
    """
    few = {name: cells[name].unique() for name in cells.columns if name not in _OWN_RULES and _has_few(cells[name])}
    others, notes = _clean(cells.drop(few))
    texts = others.get_columns()
    if few:
        # Each distinct text is cleaned once.
        distinct = pl.concat([column.alias("text") for column in few.values()]).unique()
        clean = _clean(distinct.to_frame())[0]["text"]
        changes = distinct.ne_missing(clean)
        written, read = distinct.filter(changes), clean.filter(changes)
        for name, known in few.items():
            has_changes = known.is_in(written.implode()).any()
            texts.append(cells[name].replace(written, read) if has_changes else cells[name])
    cells = pl.DataFrame(texts).select(cells.columns)
    cells = cells.with_columns(pl.when(~pl.all().is_in(schema.NULL_LIKE)).then(pl.all()))
    notes.update(_garbled(cells))
    return cells, notes


def _has_few(cells: pl.Series) -> bool:
    """Return whether a long column seems to have few distinct texts."""
    if len(cells) < _MANY:
        return False
    sample = cells.gather_every(len(cells) // _SAMPLE)
    return sample.n_unique() < len(sample) / 2


def _clean(cells: pl.DataFrame) -> tuple[pl.DataFrame, Notes]:
    contacts = [name for name in cells.columns if name in KEYS]
    for name in _columns_where(cells, contacts, _is_wide):
        column = cells[name]
        at = cells.select(_is_wide(pl.col(name)).arg_true()).to_series()
        half = column.gather(at).str.replace_many(_FULL_WIDTH, _HALF_WIDTH).str.replace_all(schema.UNSEEN, "")
        cells = cells.with_columns(column.scatter(at, half))
    cells = without_text_marks(cells.with_columns(pl.all().str.strip_chars(TRIM_CHARS)))
    return _readable_contacts(cells)


def without_text_marks(cells: pl.DataFrame) -> pl.DataFrame:
    """Remove the formulas, quotes and text marks around cells; quotes around remarks stay."""
    texts = {}
    for name in _columns_where(cells, cells.columns, lambda cell: cell.str.contains(_HAS_MARK)):
        text = unescape_text(pl.col(name).str.strip_chars(TRIM_CHARS)).str.strip_chars(TRIM_CHARS)
        for pattern in (_FORMULA_TEXT, *(_PAIRS if name != "remarks" else ())):
            text = text.str.replace(pattern, "$1")
        text = text.str.replace(_TEXT_MARK, "") if name in _MARKED else text
        texts[name] = text.str.strip_chars(TRIM_CHARS)
    return cells.with_columns(**texts) if texts else cells


def _readable_contacts(cells: pl.DataFrame) -> tuple[pl.DataFrame, Notes]:
    """Extract email addresses from the text around them, replace shortened numbers by null, and remove .0."""
    notes = Notes()
    email = pl.col("email")
    wrapped = email.str.contains(_AROUND_ADDRESS)
    if "email" in cells.columns and cells.select(wrapped.any()).item():
        joined = email.str.replace_all(r"[ \t]*@[ \t]*", "@")
        addresses = joined.str.to_lowercase().str.extract_all(_ADDRESS).list.n_unique()
        is_broken = joined.str.contains(_BESIDE_ADDRESS)
        for note, is_noted in ((SEVERAL_ADDRESSES, (addresses > 1) & ~is_broken), (BROKEN_ADDRESS, is_broken)):
            notes["email", note] = int(cells.select(is_noted.sum()).item() or 0)
        first = pl.coalesce(joined.str.extract(f"({_ADDRESS})"), email)
        cells = cells.with_columns(email=pl.when(wrapped & ~is_broken).then(first).otherwise(email))
    keys = [name for name in ("record_id", "portal_customer_id", "account_name", "mobile") if name in cells.columns]
    for name in _columns_where(cells, keys, lambda cell: (cell >= "0") & (cell < ":")):  # begins with a digit
        shortened = pl.col(name).str.contains(_SHORTENED)
        if count := int(cells.select(shortened.sum()).item() or 0):
            notes[name, SHORTENED] = count
            cells = cells.with_columns(pl.when(~shortened).then(name))
        if count := int(cells.select(pl.col(name).str.contains(_POINT_ZERO).sum()).item() or 0):
            notes[name, POINT_ZERO] = count
            cells = cells.with_columns(pl.col(name).str.replace(_POINT_ZERO, "$1"))
    return cells, notes


def _garbled(cells: pl.DataFrame) -> Notes:
    """Count the garbled names; one column is enough, because a wrong encoding garbles all of them."""
    name = next((name for name in ("customer_full_name", "customer_name", "remarks") if name in cells.columns), None)
    if name is None:
        return Notes()
    names = cells[name]
    if not names.head(_SAMPLE).str.contains(_GARBLED).any():
        return Notes()
    return Notes({(name, GARBLED): int(names.str.contains(_GARBLED).sum())})


def _is_wide(cell: pl.Expr) -> pl.Expr:
    """Build the condition that a cell has characters outside of ASCII."""
    return cell.str.len_bytes() != cell.str.len_chars()


def _columns_where(cells: pl.DataFrame, names: Sequence[str], condition: Callable[[pl.Expr], pl.Expr]) -> list[str]:
    """Return the columns that have a cell for which a condition is true."""
    if not names:
        return []
    any_cell = cells.select(condition(pl.col(name)).any().alias(name) for name in names)
    return [name for name in names if any_cell[name].item()]
