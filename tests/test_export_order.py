"""The random order of exported rows, and prefetching."""

import contextlib
import importlib
import threading
from collections.abc import Iterator

import duckdb
import polars as pl
import pytest

from invitekit.errors import SchemaError
from invitekit.export import source
from invitekit.export.prefetch import prefetch
from invitekit.export.source import open_source
from invitekit.i18n import _

order = importlib.import_module("invitekit.export.shuffle")
ROWS, BATCH = 30_000, 8_192
FRAME = pl.DataFrame(
    {"n": range(ROWS), "kind": pl.Series(["a", "b", None, "c"] * (ROWS // 4), dtype=pl.Enum(["a", "b", "c"]))}
)


class Shuffle:
    """Shuffles a frame or a relation, which fits into memory or not, and lists the rows of each release."""

    def __init__(self, con: duckdb.DuckDBPyConnection | None) -> None:
        self.con, self.released = con, list[int]()

    def __call__(self, frame: pl.DataFrame = FRAME) -> list[pl.DataFrame]:
        with contextlib.closing(
            open_source(self.con.from_arrow(frame.to_arrow()) if self.con else frame, None)
        ) as opened:
            return list(order.shuffled(opened, ["kind", "n"], self.release))

    def release(self, batch: pl.DataFrame) -> pl.DataFrame:
        self.released.append(batch.height)
        return batch


@pytest.fixture(params=["frame", "relation"])
def drawn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shuffle]:
    for module in (order, source):
        monkeypatch.setattr(module, "BATCH_ROWS", BATCH)
    with duckdb.connect() as con:
        yield Shuffle(con if request.param == "relation" else None)


@pytest.fixture(params=[2**30, 0], ids=["fits", "does not fit"])
def room(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(order, "IN_MEMORY", request.param)
    return int(request.param)


def test_every_row_is_released_once_in_a_new_order_each_time(drawn: Shuffle, room: int) -> None:
    first, second = drawn(), drawn()
    assert (max(drawn.released) == ROWS) == (room > 0), "what does not fit is released in small frames"
    assert len(first) > 2
    one, two = (pl.concat([part.cast({"kind": pl.String}) for part in parts]) for parts in (first, second))
    plain = FRAME.select(pl.col("kind").cast(pl.String), "n")
    assert one.sort("n").equals(plain)
    assert two.sort("n").equals(plain)
    numbers = (FRAME["n"], one["n"], two["n"])
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert int((numbers[a] == numbers[b]).sum()) < 20  # one on average
        assert abs(pl.select(pl.corr(numbers[a], numbers[b])).item()) < 0.05


@pytest.mark.usefixtures("room")
def test_no_rows_are_one_empty_frame(drawn: Shuffle) -> None:
    (empty,) = drawn(FRAME.head(0))
    assert (empty.height, empty.columns) == (0, ["kind", "n"])


def test_every_order_of_four_rows_occurs() -> None:
    with contextlib.closing(open_source(FRAME.head(4), None)) as opened:
        seen = {tuple(next(order.shuffled(opened, ["n"], lambda batch: batch))["n"]) for _ in range(400)}
    assert len(seen) == 24


@pytest.mark.usefixtures("room")
def test_an_error_of_a_lazy_frame_is_reported_without_values() -> None:
    with duckdb.connect() as con:
        bad = con.sql(
            "select range as n, case when range > 150000 then error('acme') else 'a' end as kind from range(200000)"
        )
        with pytest.raises(SchemaError) as caught:
            list(order.shuffled(open_source(bad.set_alias("r"), None), ["kind", "n"], lambda batch: batch))
    assert "acme" not in str(caught.value)


def test_exactly_one_item_is_prefetched() -> None:
    made: list[int] = []
    second = threading.Event()

    def items() -> Iterator[int]:
        for number in range(5):
            made.append(number)
            if number == 1:
                second.set()
            yield number

    frames = prefetch(items())
    assert next(frames) == 0
    assert second.wait(10)
    assert made == [0, 1]
    assert list(frames) == [1, 2, 3, 4]


def test_an_error_is_raised_in_place_of_its_item() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise SchemaError(_("It is wrong."), hint=_("correct it."))

    frames = prefetch(items())
    assert next(frames) == 1
    with pytest.raises(SchemaError):
        next(frames)


def test_stopping_early_closes_the_source() -> None:
    closed: list[int] = []

    def items() -> Iterator[int]:
        try:
            yield from range(9)
        finally:
            closed.append(threading.active_count())

    before, made = threading.active_count(), items()
    frames = prefetch(made)
    next(frames)
    frames.close()
    assert closed
    assert threading.active_count() == before
