"""A few rows of constants as a table that can be joined to records on their own engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw

_CELL = "_ik_cell"
_PRIVATE_USE = range(0xE000, 0xF900)
"""Characters without a meaning in Unicode: two that are in no text separate rows and cells."""


def table(frame: Any, columns: Mapping[str, Sequence[str]]) -> Any:
    """Return texts as a table on the engine of a frame.

    An engine without tables of its own making gets them as one text that it splits: a union of rows would
    have to be planned row by row, and a look-up in a list is read from its start for each record.

    Args:
        frame: A Narwhals frame of any engine; where it has no row, the table of a lazy one has none either.
        columns: One list of texts a column, all of one length and with at least one row.

    Returns:
        A Narwhals frame with these columns, all text.
    """
    if isinstance(frame, nw.DataFrame):
        return nw.from_dict({name: list(texts) for name, texts in columns.items()}, backend=frame.implementation)
    rows = list(zip(*columns.values(), strict=True))
    held = {sign for row in rows for text in row for sign in text}
    of_rows, of_cells = [chr(code) for code in _PRIVATE_USE if chr(code) not in held][:2]
    text = of_rows.join(of_cells.join(row) for row in rows)
    split = frame.head(1).select(nw.lit(text).str.split(of_rows).alias(_CELL)).explode(_CELL)
    split = split.with_columns(nw.col(_CELL).str.split(of_cells))
    return split.select(**{name: nw.col(_CELL).list.get(place) for place, name in enumerate(columns)})
