import contextlib
import random
from collections.abc import Sequence

import duckdb
import polars as pl
import pytest

from invitekit.export import source
from invitekit.export.customer_numbers import CUSTOMER_NUMBER, with_customer_numbers
from invitekit.export.source import open_source
from invitekit.model import identity
from invitekit.model.identity import ALONE, NEEDED
from tests.conftest import Engine, often

Row = tuple[str | None, str | None, str | None, str | None]
"""Account, address, full name, mobile."""


def records(rows: Sequence[Row]) -> pl.DataFrame:
    kinds = dict.fromkeys(("account_name", "email", "customer_full_name", "mobile"), pl.String())
    made = pl.DataFrame(rows, schema=kinds, orient="row").with_row_index("place")
    return made.with_columns(
        pl.format("r{}", pl.col("place").cast(pl.String).str.pad_start(32, "0")).alias("record_id"),
        pl.lit("f.csv").alias("source_file"),
        pl.col("place").cast(pl.Int64).alias("source_row"),
    )


def customer_numbers(frame: pl.DataFrame) -> list[int | None]:
    """Identify customers in memory and in DuckDB, and check that both agree."""
    (in_memory,) = with_customer_numbers(open_source(frame, None), ["place"]).batches(["place", CUSTOMER_NUMBER])
    with duckdb.connect() as con, contextlib.ExitStack() as ends:
        opened = with_customer_numbers(open_source(con.from_arrow(frame.to_arrow()), None), ["place"])
        ends.callback(opened.close)
        (stored,) = opened.batches(["place", CUSTOMER_NUMBER])
    numbers: list[int | None] = in_memory[CUSTOMER_NUMBER].to_list()
    assert groups(numbers) == groups(stored.sort("place")[CUSTOMER_NUMBER].to_list())
    return numbers


def groups(keys: Sequence[object]) -> set[frozenset[int]]:
    """Return the groups of positions with the same number; null is in no group."""
    found: dict[object, set[int]] = {}
    for place, key in enumerate(keys):
        if key is not None:
            found.setdefault(key, set()).add(place)
    return {frozenset(places) for places in found.values()}


def merged(frame: pl.DataFrame) -> set[frozenset[int]]:
    """Merge the addresses of each person in a simple way."""
    with pytest.MonkeyPatch.context() as plain:
        plain.setattr(identity, "_merge_addresses", lambda links: links)
        named = identity.identify(frame.select(*NEEDED))
    ids = [None if text.startswith(ALONE) else text for text in named["customer_id"]]
    people = [
        (name, mobile) if name and mobile and not (own or "account:").startswith("account:") else None
        for name, mobile, own in zip(frame["customer_full_name"], frame["mobile"], ids, strict=True)
    ]
    moved = True
    while moved:
        moved = False
        for n, person in enumerate(people):
            for m, other in enumerate(people[:n]):
                if person and person == other and ids[n] != ids[m]:
                    old, new = ids[n], ids[m]
                    ids, moved = [new if text == old else text for text in ids], True
    return groups(ids)


@pytest.mark.parametrize("seed", range(often(12, 2)))
def test_people_link_addresses_without_an_account(seed: int, engine: Engine) -> None:
    dice = random.Random(seed)
    few = [None, "acme", "beta", "T***m"]
    rows: list[Row] = [
        (
            dice.choice([None, None, *few]),
            dice.choice([None, "a@x.example", "b@x.example", "c@x.example", "d@x.example", "e***@x.example"]),
            dice.choice([None, "ann", "bob", "cy"]),
            dice.choice([None, "1701111111", "1702222222"]),
        )
        for _ in range(25)
    ]
    frame = records(rows)
    expected = merged(frame)
    known = engine.to_polars(identity.identify(engine(frame))).sort("place")["customer_id"]
    assert groups([None if one.startswith(ALONE) else one for one in known]) == expected
    assert groups(customer_numbers(frame)) == expected


def test_a_chain_of_addresses_and_people_is_one_customer_however_long() -> None:
    """Each address shares a mobile number with the next one only."""
    rows: list[Row] = []
    for n in range(40):
        rows += [
            (None, f"m{n}@x.example", "Solo GmbH", f"170{n:07}"),
            (None, f"m{n}@x.example", "Solo GmbH", f"170{n + 1:07}"),
        ]
    dice = random.Random(3)
    dice.shuffle(rows)
    assert len(groups(customer_numbers(records(rows)))) == 1


def test_full_accounts_are_compared_as_tokens_are() -> None:
    rows: list[Row] = [
        (name, None, None, None) for name in ("Solo Ltd", "ｓolo ltd", " SOLO  ltd", "other ltd", "ＯTHER LTD")
    ]
    assert groups(customer_numbers(records(rows))) == {frozenset({0, 1, 2}), frozenset({3, 4})}


def test_enums_and_rows_of_many_small_frames_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "BATCH_ROWS", 2_048)
    rows: list[Row] = [(f"account {n % 100}", None, None, None) for n in range(10_000)]
    tags = pl.Series(
        "custom_tag", [f"t{n // 2_000}" for n in range(10_000)], dtype=pl.Enum([f"t{n}" for n in range(5)])
    )
    with duckdb.connect() as con:
        frame = con.from_arrow(records(rows).with_columns(tags).to_arrow())
        with contextlib.closing(with_customer_numbers(open_source(frame, None), ["custom_tag"])) as opened:
            kept = pl.concat(opened.batches(["custom_tag", CUSTOMER_NUMBER]))
    counted = kept.group_by("custom_tag").agg(pl.len(), pl.col(CUSTOMER_NUMBER).n_unique()).sort("custom_tag")
    assert counted.rows() == [(f"t{n}", 2_000, 100) for n in range(5)]
