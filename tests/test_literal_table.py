"""Tables of constants on each engine."""

from typing import Any

import narwhals.stable.v2 as nw
import polars as pl
import pytest

from invitekit.engine.literal_table import literal_table
from tests.conftest import Engine

TEXTS = ["", "plain", "a|b,c\n\x1e\x1f\x00", "'; drop table x; --", '"quoted" \\n', "\ue000 and \ue001", "深圳 🙂"]


def table(frame: Any, columns: dict[str, list[str]]) -> list[dict[str, Any]]:
    made = literal_table(nw.from_native(frame), columns)
    return list(made.lazy().collect("pyarrow").rows(named=True))


def test_texts_are_unchanged_on_every_engine(engine: Engine) -> None:
    texts = TEXTS if engine.name != "duckdb" else [text.replace("\x00", "") for text in TEXTS]
    rows = table(engine({"status": ["invited", None]}), {"place": [str(n) for n in range(len(texts))], "text": texts})
    assert {row["place"]: row["text"] for row in rows} == {str(n): text for n, text in enumerate(texts)}


def test_a_table_may_have_one_row_and_one_column(engine: Engine) -> None:
    assert table(engine({"status": ["invited"]}), {"only": ["x"]}) == [{"only": "x"}]


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        table(pl.LazyFrame({"x": [1]}), {"a": ["1", "2"], "b": ["1"]})
