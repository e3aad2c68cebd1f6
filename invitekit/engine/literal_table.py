"""Build a small table of constants on the engine of the records, to join it to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw

_CELL = "_ik_cell"
_PRIVATE_USE = range(0xE000, 0xF900)
"""Private characters of Unicode: two that are in no text separate rows and cells."""


def literal_table(frame: Any, columns: Mapping[str, Sequence[str]]) -> Any:
    """Return texts as a table on the engine of a frame.

    A lazy engine gets one text, which it splits: a union would be planned row by row, and a list would be searched from
    its start for each record.

    Args:
        frame: A Narwhals frame of any engine; if a lazy one is empty, so is the table.
        columns: The texts of each column, all of one length and with at least one row.
    """
    if isinstance(frame, nw.DataFrame):
        return nw.from_dict({name: list(texts) for name, texts in columns.items()}, backend=frame.implementation)
    rows = list(zip(*columns.values(), strict=True))
    used = {character for row in rows for text in row for character in text}
    row_end, cell_end = [chr(code) for code in _PRIVATE_USE if chr(code) not in used][:2]
    text = row_end.join(cell_end.join(row) for row in rows)
    split = frame.head(1).select(nw.lit(text).str.split(row_end).alias(_CELL)).explode(_CELL)
    split = split.with_columns(nw.col(_CELL).str.split(cell_end))
    return split.select(**{name: nw.col(_CELL).list.get(position) for position, name in enumerate(columns)})
