import copy
import datetime as dt
import hmac
import json
import logging
import pickle
import random
import re
import tomllib
import traceback
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from itertools import product
from pathlib import Path
from string import Template
from typing import Any

import polars as pl
import pytest
from babel import Locale
from hypothesis import given, settings
from hypothesis import strategies as st

from invitekit.errors import ArgumentError, PolicyError
from invitekit.model import schema
from invitekit.privacy import (
    LEVELS,
    OTHER,
    Key,
    Policy,
    Range,
    Secrets,
    Text,
    Token,
    Words,
    normalise,
    read_policy,
    standard,
)
from invitekit.privacy.actions import ACTIONS, Rule, country_names
from invitekit.privacy.output_types import LETTERS, Form
from invitekit.privacy.policy import LEAST_DAYS, PREFIXES, TABLE, make_row
from invitekit.privacy.tokens import Secret, hmac_sha256, tokens
from tests.conftest import often

KEY = Key(bytes(range(32)))


def done(values: list, column: str, action: str, how: str = "", kind: pl.DataType | None = None) -> list:
    row = make_row(column, action, how)
    return ACTIONS[action](pl.Series(column, values, dtype=kind or pl.String()), row, Secrets(KEY)).to_list()


def test_the_policy_has_a_rule_for_every_column_at_every_level() -> None:
    for level in LEVELS:
        assert {row.column for row in standard(level).rows} == set(schema.BY_NAME)
    assert {column for column, *_ in TABLE} == set(schema.BY_NAME)


@pytest.mark.parametrize("column", [c for c in schema.COLUMNS if c.privacy in ("identifier", "free_text")])
def test_an_identifying_column_is_never_exported_unchanged(column: schema.Column) -> None:
    for level in LEVELS:
        for words in standard(level).actions(column.name):
            assert words in ("drop", "mask", "pseudonymise", "derive mailbox", "derive filled", "derive code")


def test_every_tokenised_column_has_a_unique_prefix_that_load_does_not_use() -> None:
    tokenised = {row.column for row in standard().rows if row.action == "pseudonymise"}
    assert tokenised == set(PREFIXES)
    assert len(set(PREFIXES.values())) == len(PREFIXES)
    assert set(PREFIXES.values()) <= set(LETTERS)
    assert not set("kr") & set(LETTERS)


def test_columns_without_a_rule_stop_the_export_and_are_named_by_position_if_they_may_be_personal() -> None:
    with pytest.raises(PolicyError, match=r"what happens to 'Deal size', column 3\.") as refused:
        standard().applied(["status", "Deal size", "ann@example.com"])
    assert "ann" not in str(refused.value)


def test_two_columns_cannot_be_released_under_one_name(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text('[[column]]\nname = "Deal"\naction = "keep"\nrange = [0, 9]\ninto = "status"\n')
    with pytest.raises(PolicyError, match="two columns"):
        read_policy(path).applied(["status", "Deal"])


CODE = '[[column]]\nname = "Second message"\naction = "derive"\nhow = "code"\n'


def test_the_code_of_an_extra_column_is_released_beside_that_of_annotate(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(CODE + 'into = "second_code"\n')
    rows = read_policy(path).applied(["failure_message", "failure_code", "Second message"])
    assert [(row.column, row.into) for row in rows] == [
        ("failure_code", "failure_code"),
        ("Second message", "second_code"),
    ]


def test_a_second_code_without_its_own_name_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(CODE)
    with pytest.raises(PolicyError, match=r"two columns as 'failure_code'.*into"):
        read_policy(path).applied(["failure_code", "Second message"])


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ArgumentError, match="masked, pseudonymised, aggregated"):
        standard("anonymous")


def test_the_hash_keeps_the_order_of_many_values_and_nulls() -> None:
    values = pl.Series("v", [None if n % 7 == 0 else f"customer {n}" for n in range(300_000)])
    digests = hmac_sha256(values, b"key")
    assert digests.name == "v"
    assert digests.is_null().equals(values.is_null())
    for n in (1, 122_881, 200_003, 299_998):
        assert digests[n] == hmac.new(b"key", str(values[n]).encode(), sha256).hexdigest()


def expected_token(text: str, column: str, purpose: str = "") -> str:
    """Compute a token with Python's own functions."""
    parts = (b"invitekit token v2", column.encode(), purpose.encode())
    info = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    extracted = hmac.digest(bytes(32), bytes(range(32)), "sha256")
    subkey = hmac.digest(extracted, info + b"\x01", "sha256")
    return PREFIXES[column] + hmac.new(subkey.hex().encode(), text.encode(), sha256).hexdigest()[:32]


@given(st.lists(st.text(), min_size=1, max_size=30))
@settings(deadline=None, max_examples=often(200))
def test_a_token_equals_pythons_hmac_of_the_normalised_value(texts: list[str]) -> None:
    values = pl.Series("email", texts, dtype=pl.String)
    found = tokens(values, KEY.subkey("email"), "e").to_list()
    normal = normalise(values).to_list()
    assert found == [None if text is None else expected_token(text, "email") for text in normal]


def test_repeated_values_get_the_same_tokens() -> None:
    dice = random.Random(1)
    texts = ["".join(dice.choices("aAbB ", k=dice.randrange(5))) for _ in range(1500)]
    values = pl.Series("email", texts, dtype=pl.String)
    one_by_one = [tokens(pl.Series("email", [text]), KEY.subkey("email"), "e").item() for text in texts[:50]]
    assert tokens(values, KEY.subkey("email"), "e").to_list()[:50] == one_by_one


def plainly(text: str) -> str:
    """Normalise a value with Python's own functions, apart from the list of invisible characters."""
    signs = pl.Series(list(text), dtype=pl.String)
    seen = "".join(signs.filter(~signs.str.contains(schema.UNSEEN)))
    return unicodedata.normalize("NFKC", seen).strip().lower()


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=12))  # Polars' Unicode is newer
@settings(deadline=None)
def test_normalised_values_are_nfkc_stripped_lower_case_without_invisible_characters(text: str) -> None:
    normal, plain = normalise(pl.Series("v", [text])).item(), plainly(text)
    if normal is None:
        assert plain in schema.SAYS_NOTHING or re.search(r"[^\w\s]|[x_\u3007\u67d0]", plain)
    else:
        assert normal == plain
        assert plain not in schema.SAYS_NOTHING
        assert not any(mark in plain for mark in schema.MASK_MARKS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Acme", " ACME "), ("ＡＣＭＥ", "acme"), ("é", "e\u0301"), ("Acme\u200b", "acme"), ("Ac\u200bme", "acme"),
        ("\u202eAcme\u202c", "acme"), ("Ac\u00adme", "acme"), ("Ac\0me", "acme"), ("王\u2060伟", "王伟"),
    ],
)  # fmt: skip
def test_spellings_of_one_value_have_one_token(one: str, other: str) -> None:
    first, second = done([one, other], "account_name", "pseudonymise")
    assert first == second


def test_two_columns_two_purposes_and_two_keys_never_share_a_token() -> None:
    made = {
        done(["ann"], "account_name", "pseudonymise")[0][1:],
        done(["ann"], "account_manager", "pseudonymise")[0][1:],
        tokens(pl.Series(["ann"]), KEY.subkey("account_name", "sales"), "a").item()[1:],
        tokens(pl.Series(["ann"]), Key.new().subkey("account_name"), "a").item()[1:],
    }
    assert len(made) == 4


NOTHING = (
    "none", "None", "NONE", "n/A", "ＮＡ", "Ｎ／Ａ", "無", "不详", "不詳", "未知", "Unknown", " null\u200b", "n.a.",
    "\u200b", "nUlL", "?",
)  # fmt: skip
MASKED = (
    "T***m", "138****1234", "张＊", "●●", "###", "138XXXX1234", "138xxxx1234", "138####1234", "138＃＃＃＃1234",
    "138____1234", "李某某", "李某", "欧阳某某", "李○○", "李○", "李〇〇", "李○华", "×××", "李××", "ann…", "ann...",
    "xxx", "+86 138 xxxx 1234", "xxxx@example.com", "***", "⁎⁎⁎", "✱✱", "██████", "138----1234", "a???", "⋯",
)  # fmt: skip
NAMES = (
    "XXXL Möbel", "Roxx", "Exxon", "A × B", "二〇〇八科技", "hw1xx2", "x2", "Anna-Lena", "None Such Ltd", "无锡贸易",
    "C#", "Na Li", "某科技", "何无", "ann..lee",
)  # fmt: skip


@pytest.mark.parametrize("nothing", [None, *schema.NULL_LIKE, *NOTHING, *MASKED])
def test_placeholders_and_masked_values_have_no_token(nothing: str | None) -> None:
    assert done([nothing, "ann"], "customer_name", "pseudonymise")[0] is None
    assert done([nothing, "王"], "customer_name", "pseudonymise")[0] is None


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_resembles_a_placeholder_has_a_token(name: str) -> None:
    assert done([name], "customer_name", "pseudonymise") != [None]


def test_a_mobile_has_one_token_however_it_is_spaced_and_another_without_its_country() -> None:
    spelled = ["+49 170 1000001", "+49-170-1000001", "+491701000001", "(+49) 170\u20101000001", "＋４９ １７０ 1000001"]
    spelled.append("491701000001")  # a spreadsheet saves the number without its plus sign
    assert len(set(done(spelled, "mobile", "pseudonymise"))) == 1
    home = done(["0170 1000001", "0170-1000001", "+49 170 1000001", "-", "( )"], "mobile", "pseudonymise")
    assert home[0] == home[1] != home[2]
    assert home[3:] == [None, None]


def test_separators_are_ignored_in_mobile_numbers_only() -> None:
    assert len(set(done(["a-b", "ab", "a b", "(ab)"], "account_name", "pseudonymise"))) == 4


def test_each_column_and_purpose_derives_its_own_key() -> None:
    asked = [("a\0b", ""), ("a", "b\0"), ("a", "b"), ("ab", ""), ("a", "")]
    assert len({KEY.subkey(column, purpose).text() for column, purpose in asked}) == len(asked)
    assert len({KEY.subkey("a", purpose).text() for purpose in (None, "", " ")}) == 1
    assert KEY.subkey("a", "q1").text() == KEY.subkey("a", " q1\n").text()


def test_a_key_is_never_shown() -> None:
    key = Key.new()
    assert key.text() not in repr(key) + str(key) + repr([key]) + f"{key!r:>80}"
    with pytest.raises(TypeError):
        pickle.dumps(key)


SHOWN: dict[str, Callable[[Secret], str]] = {
    "repr": repr,
    "str": str,
    "format": format,
    "an f-string": lambda secret: f"{secret}",
    "a percent sign": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - what is tested
    "a template": lambda secret: Template("$key").substitute(key=secret),
    "a log line": lambda secret: logging.LogRecord("", 0, "", 0, "%s", (secret,), None).getMessage(),
    "a list": lambda secret: str([secret]),
    "a value that holds it": lambda secret: str(Holder(secret)),
}
WRITTEN: tuple[Any, ...] = (json.dumps, pickle.dumps, copy.deepcopy, bytes, list, "".join, "".__add__, sha256)


@dataclass
class Holder:
    secret: Secret


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize("secret", [KEY.subkey("email"), KEY._material], ids=["subkey", "material"])
def test_only_one_method_of_a_secret_returns_its_text(show: Callable[[Secret], str], secret: Secret) -> None:
    assert "Secret()" in show(secret)
    assert not any(secret.text()[n : n + 8] in show(secret) for n in range(56))


@pytest.mark.parametrize("write", WRITTEN)
def test_a_secret_cannot_be_pickled_or_serialised(write: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError) as refused:
        write(KEY.subkey("email"))
    assert KEY.subkey("email").text() not in str(refused.value)


def test_a_key_of_one_byte_or_of_another_length_is_refused() -> None:
    for material in (bytes(32), b"\xff" * 32, bytes(range(31)), bytes(range(33)), b""):
        with pytest.raises(ArgumentError, match="Hint: make one with"):
            Key(material)
    with pytest.raises(ArgumentError, match="single byte"):
        Key.from_text("0" * 64)


def traced(key: Key, values: pl.Series) -> str:
    """Return a traceback with variables for an error while tokens are computed."""
    try:
        tokens(values, key.subkey("email"), "e")
    except Exception as error:  # noqa: BLE001 - whatever it is
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    return ""


def test_a_key_is_in_no_traceback_even_one_that_prints_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    key = Key.new()
    told = [traced(key, pl.Series("email", [1, 2]))]
    monkeypatch.setattr("invitekit.privacy.tokens.BITS", -1)
    told.append(traced(key, pl.Series("email", ["canary"])))
    assert all("tokens(" in text for text in told)
    assert not any(secret in text for text in told for secret in (key.text(), key.subkey("email").text()))


def test_a_stored_key_has_an_id_and_a_temporary_one_has_none() -> None:
    key = Key.new()
    assert key.id == Key.from_text(key.text()).id
    assert key.id not in (None, Key.new().id)
    assert key.id not in key.text()
    assert Key.new(stored=False).id is None


@pytest.mark.parametrize("text", ["", "secret-secret", "0" * 63, "g" * 64])
def test_an_invalid_key_is_rejected_and_not_quoted(text: str) -> None:
    with pytest.raises(ArgumentError) as refused:
        Key.from_text(text)
    assert text == "" or text not in str(refused.value)


@pytest.mark.parametrize("value", ["A", "Dr. Maximiliane Mustermann", "ann@example.com", "<script>", "T***m"])
def test_a_mask_is_the_same_for_every_value(value: str) -> None:
    assert done([value, None], "email", "mask") == ["***@***", None]
    assert done([value, None], "customer_name", "mask") == ["***", None]


def test_the_table_of_countries_is_that_of_babel() -> None:
    table = tomllib.loads(files("invitekit.model").joinpath("countries.toml").read_text(encoding="utf-8"))
    english, chinese = (dict[str, str](Locale(language).territories) for language in ("en", "zh"))
    codes = {code for code in english if len(code) == 2 and code.isalpha()} - {"EU", "EZ", "UN", "ZZ"}
    names = {code: texts[:2] for code, texts in table.items()}
    assert names == {code: [english[code], chinese.get(code, code)] for code in codes}


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("China", "China"), ("中国", "China"), ("CN", "China"), ("UK", "United Kingdom"), ("west", OTHER),
        ("Hong Kong (China)", "Hong Kong SAR China"), ("德国", "Germany"), ("Ann Example", OTHER), ("C***a", OTHER),
        (None, None),
    ],
)  # fmt: skip
def test_a_country_is_exported_by_its_english_name_or_as_other(text: str | None, country: str | None) -> None:
    assert done([text], "country", "generalise", "country") == [country]
    assert country is None or country in country_names()


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("a@gmail.com", "free"), (" A@QQ.COM ", "free"), ("a@acme.example", "company"), ("a@uni.edu.cn", "education"),
        ("a@cam.ac.uk", "education"), ("a@city.gov.sg", "government"), ("ann", OTHER), ("a@b", OTHER),
        ("a@b@gmail.com", OTHER), ("@gmail.com", OTHER), ("a***@acme.example", "company"), ("a@****.com", OTHER),
        ("", OTHER), (None, None),
    ],
)  # fmt: skip
def test_an_address_is_exported_as_its_kind_of_mailbox(address: str | None, kind: str | None) -> None:
    assert done([address], "email", "derive", "mailbox") == [kind]


def test_a_message_is_exported_as_its_code_and_an_unknown_one_as_other() -> None:
    messages = ["The invitation link has expired.", "ann@example.com was refused", None]
    assert done(messages, "failure_message", "derive", "code") == ["link_expired", OTHER, None]


@pytest.mark.parametrize(
    ("days", "band"),
    [
        (-1, "under 0"), (0, "same day"), (1, "1 to 2"), (2, "1 to 2"), (3, "3 to 7"), (7, "3 to 7"), (8, "8 to 14"),
        (30, "15 to 30"), (31, "31 to 61"), (61, "31 to 61"), (62, "62 to 91"), (183, "92 to 183"), (184, "184 to 365"),
        (365, "184 to 365"), (366, "over 365"), (None, None),
    ],
)  # fmt: skip
def test_a_duration_is_exported_as_a_band(days: int | None, band: str | None) -> None:
    assert done([days], "age_days", "generalise", "days", pl.Int64()) == [band]
    assert done([days], "Waited", "generalise", "days", pl.Float64()) == [band]
    assert done([float("nan")], "Waited", "generalise", "days", pl.Float64()) == [None]


def telling_when(days: pl.DataFrame) -> pl.DataFrame:
    """Release every column of times with the pseudonymised policy."""
    columns = [c.name for c in schema.COLUMNS if c.kind == "time" or c.name in ("age_days", "days_to_associate")]
    rows = [row for row in standard().rows if row.column in columns and row.action != "drop"]
    return days.select(
        ACTIONS[row.action](days[row.column], row, Secrets(KEY)).alias(row.into) for row in rows if row.column in days
    )


def test_a_pseudonymised_row_has_a_minimum_of_possible_days() -> None:
    """Count over all pairs of days in three years (invited, associated), and snapshots of all later months."""
    day = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2026, 12, 31), "1d", eager=True).alias("invited_at")
    pairs = day.to_frame().join(day.alias("associated_at").to_frame(), how="cross")
    pairs = pairs.filter(pl.col("invited_at") <= pl.col("associated_at"))
    took = (pl.col("associated_at") - pl.col("invited_at")).dt.total_days()
    times = [pl.col("associated_at").alias(name) for name in ("snapshot_at", "expires_at", "retry_at")]
    told = telling_when(pairs.with_columns(*times, days_to_associate=took, age_days=took))
    assert told.columns == ["invited_month", "snapshot_month", "days_to_associate"]
    # A day is possible from the first snapshot that can have its association, and in all later ones.
    first = told.with_columns(pairs["invited_at"]).group_by("invited_month", "days_to_associate", "invited_at")
    later = first.agg(pl.col("snapshot_month").min()).join(
        told.select(seen=pl.col("snapshot_month").unique()), how="cross"
    )
    fits = later.filter(pl.col("snapshot_month") <= pl.col("seen"))
    assert fits.group_by("invited_month", "days_to_associate", "seen").len()["len"].min() == LEAST_DAYS


def test_a_month_is_exported_as_its_first_day() -> None:
    ends = [dt.datetime(2024, 2, 29, 23, 59), dt.datetime(2026, 12, 31), dt.datetime(2026, 3, 1), None]
    found = done(ends, "invited_at", "generalise", "month", pl.Datetime("us"))
    assert found == [dt.date(2024, 2, 1), dt.date(2026, 12, 1), dt.date(2026, 3, 1), None]


def test_kept_numbers_stay_in_their_range_and_kept_words_in_their_set() -> None:
    assert done([-5, 12, 99_999, None], "days_to_associate", "keep", "", pl.Int64()) == [0, 12, 3_650, None]
    assert done([0.5, float("nan"), 7.0], "chance", "keep", "", pl.Float64()) == [0.5, None, 1.0]
    assert done(["invited", "call Ann", None], "status", "keep") == ["invited", OTHER, None]


def policy(tmp_path: Path, text: str, level: str | None = None) -> Policy:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return read_policy(path, level)


def test_a_policy_file_has_rules_for_extra_columns_and_stricter_ones_for_others(tmp_path: Path) -> None:
    text = """
    level = "masked"
    fewest = 20
    [[column]]
    name = "Deal size"
    action = "keep"
    range = [0, 1000]
    into = "deal_size"
    [[column]]
    name = "Tier"
    action = "keep"
    values = ["gold", "silver"]
    [[column]]
    name = "Phone 2"
    action = "pseudonymise"
    [[column]]
    name = "country"
    action = "drop"
    """
    found = policy(tmp_path, text)
    assert (found.level, found.fewest) == ("masked", 20)
    rows = {row.column: row for row in found.applied(["status", "Deal size", "Tier", "Phone 2", "country"])}
    assert rows["Deal size"].form == Range(0, 1000)
    assert rows["Deal size"].into == "deal_size"
    assert rows["Tier"].form == Words(frozenset({"gold", "silver", OTHER}))
    assert rows["Phone 2"].form == Token("x")
    assert "country" not in rows


REFUSED = (
    ("levels = 1", "'mine.toml' sets levels"), ('level = "anonymous"', "no such level"), ("fewest = 1", "fewest"),
    ("column = 3", "not a table"), ('[[column]]\naction = "drop"', "row 1: field 'name' is missing"),
    ('[[column]]\nname = "Deal"', "row 1 ('Deal'): field 'action' is missing"),
    ('[[column]]\nname = "ann@example.com"\naction = "copy"', "row 1: there is no action"),
    ('[[column]]\nname = "Deal"\naction = "drop"\nnaem = "x"', "did you mean 'name'"),
    ('[[column]]\nname = "Deal"\naction = 3', "field 'action' has a wrong type"),
    ('[[column]]\nname = "Deal"\naction = "keep"', "('Deal'): the action keep needs either"),
    ('[[column]]\nname = "Deal"\naction = "keep"\nvalues = []', "not a list of texts"),
    ('[[column]]\nname = "Deal"\naction = "keep"\nrange = [3, 1]', "not a pair of numbers"),
    ('[[column]]\nname = "Deal"\naction = "drop"\nrange = [1, 3]', "for the action keep only"),
    ('[[column]]\nname = "Deal"\naction = "generalise"', "field 'how'"),
    ('[[column]]\nname = "Deal"\naction = "generalise"\nhow = "week"', "field 'how'"),
    ('[[column]]\nname = "email"\naction = "keep"\nvalues = ["a"]', "('email'): this column identifies a customer"),
    ('[[column]]\nname = "email"\naction = "generalise"\nhow = "top"', "('email'): this column identifies"),
    ('[[column]]\nname = "remarks"\naction = "pseudonymise"', "('remarks'): this column identifies"),
    ('[[column]]\nname = "country"\naction = "keep"', "('country'): this column has no finite set"),
    (
        '[[column]]\nname = "Deal"\naction = "drop"\n[[column]]\nname = "Deal"\naction = "drop"',
        "row 2 ('Deal'): it is there twice",
    ),
)  # fmt: skip


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_a_wrong_policy_file_is_refused_by_file_row_and_column(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PolicyError) as refused:
        policy(tmp_path, text)
    assert "mine.toml" in str(refused.value)
    assert message in str(refused.value)
    assert "Hint: " in str(refused.value)
    assert "ann@" not in str(refused.value)


LOOSE = (
    ("pseudonymised", make_row("invited_at", "keep", form=Range(0, 9))),
    ("pseudonymised", make_row("invited_at", "generalise", "day")),
    ("pseudonymised", make_row("age_days", "keep", form=Range(0, 9))),
    ("masked", make_row("source_row", "keep", form=Range(0, 9))),
    ("masked", make_row("source_file", "generalise", "top")), ("masked", make_row("email", "keep", form=Range(0, 9))),
    ("masked", make_row("Phone2", "keep", form=Range(0, 1, whole=False))),
    ("pseudonymised", make_row("Birthday", "generalise", "day")),
    ("aggregated", make_row("account_manager", "pseudonymise")), ("aggregated", make_row("Deal", "mask")),
    ("aggregated", make_row("custom_tag", "generalise", "top")), ("aggregated", make_row("Deal", "generalise", "top")),
    ("pseudonymised", make_row("associated_at", "generalise", "month")),
    ("pseudonymised", make_row("expires_at", "generalise", "month")),
    ("pseudonymised", make_row("retry_at", "generalise", "month")),
    ("pseudonymised", make_row("snapshot_at", "generalise", "day")),
    ("pseudonymised", make_row("days_to_associate", "keep")),
    ("aggregated", make_row("snapshot_at", "generalise", "day")),
)  # fmt: skip


PEOPLE = [column.name for column in schema.COLUMNS if column.privacy in ("identifier", "free_text")]


def test_no_policy_can_keep_an_identifying_column() -> None:
    forms: tuple[Form, ...] = Words(frozenset({"gold"})), Range(0, 1), Text()
    for column, level, form in product(PEOPLE, LEVELS, forms):
        with pytest.raises(PolicyError, match="The policy loosens"):
            standard(level).with_rows([make_row(column, "keep", form=form)])


SOMEBODY = (
    "Ann Canary0", "Müller, Anna", "Lee Tan", "ann@example.com", "+49 170 1000001", "13800000001", "李伟", "王小明",
    "王经理", "Frau Weiß", "@wei_88",
)  # fmt: skip
NOBODY = (
    "gold", "Gold", "North Region", "Key Account", "tier-1", "2026", "A", "高级", "金牌", "v2.1", "USD 5 000.00", "SMB",
)  # fmt: skip


@pytest.mark.parametrize("word", SOMEBODY)
def test_a_word_that_looks_like_a_name_is_not_kept_and_not_quoted(tmp_path: Path, word: str) -> None:
    with pytest.raises(PolicyError, match="1 of the words to keep look") as refused:
        policy(tmp_path, f'[[column]]\nname = "Tier"\naction = "keep"\nvalues = ["{word}", "gold"]')
    assert word not in str(refused.value)


def test_words_that_do_not_look_like_names_are_kept(tmp_path: Path) -> None:
    found = policy(tmp_path, f'[[column]]\nname = "Tier"\naction = "keep"\nvalues = {json.dumps(NOBODY)}')
    assert found.actions("Tier") == ("keep",)


INTO = ("Anna Lee", "Anna", "", " deal", "deal\n", "a" * 65, "张伟", "anna@example")


@pytest.mark.parametrize("name", INTO)
def test_the_name_of_a_released_column_is_a_plain_word(name: str) -> None:
    with pytest.raises(PolicyError, match="not a plain word") as refused:
        standard().with_rows([Rule("Deal", "keep", "", name, Range(0, 9))])
    assert not name.strip() or name not in str(refused.value)
    assert standard().with_rows([make_row("Deal size", "keep", form=Range(0, 9))]).actions("Deal size")
    assert standard().with_rows([make_row("Deal", "keep", form=Range(0, 9), into="a" * 64)]).actions("Deal")
    with pytest.raises(PolicyError, match="not a plain word"):
        standard().with_rows([make_row("ann@example.com", "keep", form=Range(0, 9))])


@pytest.mark.parametrize("purpose", ["for Anna Lee", "Anna", "张伟", "a@b", "a" * 65, "a\nb"])
def test_a_purpose_is_a_plain_word_and_is_not_quoted(purpose: str) -> None:
    with pytest.raises(ArgumentError, match="purpose is not a plain word") as refused:
        Secrets(KEY, purpose)
    assert purpose not in str(refused.value)
    assert Secrets(KEY, " q1\n").purpose == "q1"
    assert Secrets(KEY, " ").purpose is Secrets(KEY, "").purpose is None


@pytest.mark.parametrize(("level", "row"), LOOSE)
def test_a_policy_reveals_no_more_than_the_built_in_one(level: str, row: Rule) -> None:
    with pytest.raises(PolicyError, match="The policy loosens"):
        standard(level).with_rows([row])


def test_kept_values_are_limited_in_number_and_length() -> None:
    few, many = ([f"tier {n}" for n in range(count)] for count in (50, 51))
    for form in (Words(frozenset({*few, OTHER})), Words(frozenset({"x" * 40})), Range(5, 10_005)):
        assert standard().with_rows([make_row("Deal", "keep", form=form)]).actions("Deal")
    for form in (Words(frozenset({*many, OTHER})), Words(frozenset({"x" * 41})), Range(5, 10_006)):
        with pytest.raises(PolicyError, match=r"The policy loosens.*at most"):
            standard().with_rows([make_row("Deal", "keep", form=form)])


def test_a_policy_that_leaves_no_column_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"leaves no column.*Hint"):
        standard().applied(["source_file", "expires_at"])
    with pytest.raises(PolicyError, match="leaves no column"):
        standard().applied([])


def test_a_policy_file_that_loosens_a_rule_is_rejected_with_the_column(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"mine.toml: The policy loosens 'invited_at': .*Hint"):
        policy(tmp_path, '[[column]]\nname = "invited_at"\naction = "generalise"\nhow = "day"')


@pytest.mark.parametrize("text", ["{}x", "x{}", "{}\n", " {}", "{}{}"])
def test_only_a_whole_token_has_the_pattern_of_a_token(text: str) -> None:
    token, form = done(["ann"], "email", "pseudonymise")[0], standard_form("email", Token)
    assert re.fullmatch(form.pattern, token)
    assert not re.fullmatch(form.pattern, text.format(token, token))
    assert not re.fullmatch(form.pattern, token[:-1])
    assert not re.fullmatch(form.pattern, token.upper())


def standard_form(column: str, kind: type) -> Any:
    return next(row.form for row in standard().rows if row.column == column and isinstance(row.form, kind))


def test_counts_never_have_fewer_customers_than_the_built_in_minimum() -> None:
    with pytest.raises(PolicyError, match="fewest"):
        Policy("aggregated", standard("aggregated").rows, 9)


def test_a_policy_may_be_stricter_and_count_by_country() -> None:
    stricter = standard("masked").with_rows([make_row("invited_at", "generalise", "month"), make_row("status", "drop")])
    assert stricter.actions("invited_at") == ("generalise month",)
    assert standard("aggregated").with_rows([make_row("country", "generalise", "country")]).actions("country")
