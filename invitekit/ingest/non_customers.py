"""Find rows of a table that are not customers: repeated headers, totals, legends, titles and notes."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from invitekit.ingest.cells import TRIM_CHARS
from invitekit.ingest.header_words import heading
from invitekit.model import schema

REPEATED_HEADER = "repeats the header"
OTHER_HEADER = "is the header of a table with other columns"
TOTAL = "is a total, not a customer"
LEGEND = "is a legend that explains a word, not a customer"
ONE_CELL = "has one filled cell only: it is a title, a note or a footer, not a customer"
_NAMES = ("customer_full_name", "customer_name", "account_name")
_FEW_HEADERS, _MAX_HEADER = 3, 200
"""The fewest headers in a header row, and the most characters of one."""
_FEW_COLUMNS = 4
"""In a table with this many known columns, a customer has more than a name."""
_FEW_CELLS = 6
"""The most filled cells of a total, a legend or a note."""
_UNITS = "(?:rows?|records?|items?|entries|customers?|[条條项項行个個人户戶位笔筆])"
_COUNTED = "(?:记录|記錄|数据|數據|客户|客戶)?"
_TOTAL = (
    rf"(?i)^(?:(?:grand|sub|overall)[ -]?)?(?:totals?|sum|count|records|rows)\b[^\p{{L}}]*{_UNITS}?[^\p{{L}}]*$"
    rf"|^(?:合计|总计|小计|共计|总数|汇总|合計|總計|小計)[^\p{{L}}]*{_UNITS}?{_COUNTED}[^\p{{L}}]*$"
    rf"|^[^\p{{L}}]*共?[^\p{{L}}]*\d[^\p{{L}}]*{_UNITS}{_COUNTED}[^\p{{L}}]*$"
    r"|^.{1,60}\b(?:sub-?)?total$"
)
"""The whole text of a total, a subtotal or a count."""
_NUMBER = r"^[\d.,\s%()/-]+$"
_ACCOUNT = r"^[\w.@+-]{2,}$"


def why_not_customer(rows: pl.DataFrame, headers: Mapping[str, str]) -> pl.Series:
    """Return why each row is not a customer; null for rows that may be one.

    The whole row decides: a total has a number beside it, but no status, date or contact.

    Args:
        rows: Rows without a known status: the cells of all columns as text.
        headers: The header of each schema column.
    """
    column, cell = pl.col("column"), pl.col("cell")
    filled = rows.select(pl.sum_horizontal(pl.all().is_not_null())).to_series()
    as_header = rows.select(
        pl.sum_horizontal((pl.col(n) == h.strip()).fill_null(value=False) for n, h in headers.items())
    )
    few = (filled <= _FEW_CELLS) | (as_header.to_series() >= 2)
    found = _header_rows(rows, headers)
    if not few.any():
        return found
    cells = rows.with_row_index("row").filter(few).unpivot(index="row", variable_name="column", value_name="cell")
    cells = cells.with_columns(cell.str.strip_chars(TRIM_CHARS)).filter(cell != "")
    is_total = cell.str.contains(_TOTAL)
    known = {name: header.strip() for name, header in headers.items()}
    facts = cells.group_by("row").agg(
        filled=pl.len(),
        headers=(cell == column.replace_strict(known, default=None, return_dtype=pl.String)).sum(),
        total=(is_total & ~column.is_in(["email", "mobile", "status"])).any(),
        other=(~is_total & ~cell.str.contains(_NUMBER)).any(),
        named_only=column.is_in(_NAMES).all(),
        word=cell.is_in(_status_words(cells)).any(),
        # An account name, which has no spaces, may be the only cell.
        key=(
            column.is_in(["record_id", "email", "mobile"]) | (column == "account_name") & cell.str.contains(_ACCOUNT)
        ).any(),
    )
    wide = pl.lit(len(headers) >= _FEW_COLUMNS)
    reason = (
        pl.when((pl.col("headers") >= 2) & (pl.col("headers") == pl.col("filled")))
        .then(pl.lit(REPEATED_HEADER))
        .when(pl.col("total") & ~pl.col("other"))
        .then(pl.lit(TOTAL))
        .when(pl.col("word") & pl.col("named_only") & (pl.col("filled") == 2))
        .then(pl.lit(LEGEND))
        .when((pl.col("filled") == 1) & ~pl.col("key") & wide)
        .then(pl.lit(ONE_CELL))
    )
    reasons = facts.select("row", reason=reason).filter(pl.col("reason").is_not_null()).sort("row")
    return found.scatter(reasons["row"], reasons["reason"])


def _header_rows(rows: pl.DataFrame, headers: Mapping[str, str]) -> pl.Series:
    """Return which rows are headers, in any language, of this table or of one with other columns."""
    reasons = pl.Series([None], dtype=pl.String).new_from_index(0, rows.height)
    texts = rows["status"].drop_nulls().unique()
    statuses = [text for text in texts if len(text) <= _MAX_HEADER and heading(text).meanings]
    for at in rows["status"].is_in(statuses).arg_true() if statuses else ():
        cells = {name: cell for name, cell in rows.select(*headers).row(at, named=True).items() if cell}
        own = {name for name, cell in cells.items() if cell.strip() == headers[name].strip()}
        means = {name: {m.name for m in heading(cell).meanings if m.exactness < schema.MAYBE}
                 for name, cell in cells.items() if name not in own and len(cell) <= _MAX_HEADER}  # fmt: skip
        known = [name in columns for name, columns in means.items() if columns]
        if len(own) + len(known) >= _FEW_HEADERS:
            reasons[at] = REPEATED_HEADER if all(known) else OTHER_HEADER
    return reasons


def _status_words(cells: pl.DataFrame) -> list[str]:
    """Return the customer names that are also status words."""
    statuses = schema.vocabulary("status")
    texts = cells.filter(pl.col("column").is_in(_NAMES))["cell"].unique()
    return [text for text in texts if schema.header_key(text) in statuses]
