"""Filters: their values, texts and matching records."""

import datetime as dt
import re
from typing import Any

import polars as pl
import pytest

import invitekit as ik
from invitekit.engine.duckdb import rows
from invitekit.engine.text import PLAIN, other_letters, plain_spellings, search_words, word_pattern
from invitekit.errors import ArgumentError, SchemaError
from invitekit.model.filters import COLUMNS, LONGEST_TEXT, SEARCHED, Filter, where, where_newest
from invitekit.widgets.conditions import matching
from invitekit.widgets.store import Store
from tests.conftest import SHAPE as RECORDS
from tests.conftest import Engine

ROWS = [
    {"account_name": "Acme", "effective_status": "expired", "account_manager": "lena",
     "invited_at": dt.datetime(2026, 3, 1)},
    {"account_name": "Bolt", "effective_status": "invited", "custom_tag": "50% off_",
     "invited_at": dt.datetime(2026, 3, 2, 23, 59, 59)},
    {"account_name": "Čep", "effective_status": "expired", "custom_tag": "fair", "remarks": "likes ACME", "batch": 2},
]  # fmt: skip
SHAPE: dict[str, Any] = {
    **dict.fromkeys([*SEARCHED, *COLUMNS.values()], pl.String),
    "invited_at": pl.Datetime("us"), "snapshot_at": pl.Datetime("us"), "batch": pl.Int64,
}  # fmt: skip
CHOICES: dict[str, tuple[dict[str, Any], list[str], str]] = {
    "nothing": ({}, ["Acme", "Bolt", "Čep"], "Every record"),
    "one value": ({"status": "expired"}, ["Acme", "Čep"], "Effective Status is Expired"),
    "any of several": ({"status": ["invited", "expired"]}, ["Acme", "Bolt", "Čep"],
                       "Effective Status is Expired or Invited"),
    "all together": ({"status": "expired", "manager": "lena"}, ["Acme"],
                     "Effective Status is Expired, and Account Manager is lena"),
    "empty": ({"tag": [None]}, ["Acme"], "Custom Tag is empty"),
    "a blank text": ({"tag": ""}, ["Acme"], "Custom Tag is empty"),
    "a blank text among others": ({"tag": ["fair", " "]}, ["Acme", "Čep"], "Custom Tag is fair or empty"),
    "a code that is empty": ({"decision": ""}, ["Acme", "Bolt", "Čep"], "Decision is empty"),
    "empty or a value": ({"tag": [None, "fair"]}, ["Acme", "Čep"], "Custom Tag is fair or empty"),
    "text in any field, any case": ({"text": " acme "}, ["Acme", "Čep"], "Text holds 'acme'"),
    "text beyond ASCII": ({"text": "čE"}, ["Čep"], "Text holds 'čE'"),
    "text is no pattern": ({"text": "0% off_"}, ["Bolt"], "Text holds '0% off_'"),
    "a number": ({"batch": 2}, ["Čep"], "Batch is 2"),
    "from a day on": ({"invited_from": dt.date(2026, 3, 2)}, ["Bolt"], "invited from 2026-03-02 on"),
    "until a day, all of it": ({"invited_to": dt.date(2026, 3, 2)}, ["Acme", "Bolt"], "invited until 2026-03-02"),
    "nobody": ({"manager": "nobody"}, [], "Account Manager is nobody"),
}  # fmt: skip


def test_a_filter_selects_its_records(engine: Engine) -> None:
    frame = engine(pl.DataFrame(ROWS, schema=SHAPE))
    for how, chosen, _ in CHOICES.values():
        found = engine.to_polars(ik.where(frame, ik.Filter(**how)))["account_name"].sort().to_list()
        assert found == chosen, how


TEXTS = {
    "an umlaut, with or without e": ("müller",
                                     ["Müller", "MUELLER AG", "Muller", "Mu\u0308ller", "ｍｕｌｌｅｒ",
                                      "Mül\u00adler"]),
    "an umlaut written as two letters": ("mueller", ["Müller", "MUELLER AG", "Mu\u0308ller", "Mül\u00adler"]),
    "no umlaut": ("muller", ["Müller", "Muller", "Mu\u0308ller", "ｍｕｌｌｅｒ", "Mül\u00adler"]),
    "every word, in any order": ("ag mueller", ["MUELLER AG"]),
    "words in different fields": ("4711 acme", ["Acme"]),
    "a dotted capital i": ("istanbul", ["İSTANBUL", "ıstanbul"]),
    "a sharp s": ("STRASSE", ["Große Straße"]),
    "a sharp s, half typed": ("gros", ["Große Straße"]),
    "ligatures": ("office", ["oﬃce"]),
    "a typed ligature": ("o\ufb03c", ["oﬃce"]),
    "Chinese without blanks": ("华为", ["深圳华为技术有限公司", "华为（中国）"]),
    "no simplified for traditional letters": ("華為", []),
    "full-width brackets": ("(中国)", ["华为（中国）"]),
    "half-width kana": ("ガス", ["ｶﾞｽ"]),
    "a percent sign": ("50%", ["50% off_"]),
    "an underscore": ("f_", ["50% off_"]),
    "a quote": ("o'n", ['O’Neil "x"']),
    "double quotes": ('"x"', ['O’Neil "x"']),
    "a backslash": ("\\d", ["back\\d"]),
    "a pattern": (".*", []),
    "a class": ("[a-z]", []),
    "Greek, with either last sigma": ("ΣΑΣ", ["σας"]),
    "Cyrillic": ("иван", ["Иван"]),
    "a mobile number, however written": ("+491713920", ["Acme"]),
    "a mobile number as written": ("171-3920", ["Acme"]),
    "a mobile number with other separators": ("+49-(171)/39.20", ["Acme"]),
    "no word across two fields": ("acme4711", []),
    "invisible signs only": ("\u200b \u0301", None),
}  # fmt: skip
NAMES = [
    "Müller", "MUELLER AG", "Muller", "Mu\u0308ller", "ｍｕｌｌｅｒ", "Mül\u00adler", "Miller", "İSTANBUL", "ıstanbul",
    "Große Straße", "oﬃce", "深圳华为技术有限公司", "华为（中国）", "ｶﾞｽ", "カス", "50% off_", "50x offx",
    'O’Neil "x"', "back\\d", "σας", "Иван", "Acme",
]  # fmt: skip


@pytest.mark.every_engine
def test_a_text_finds_the_same_records_on_every_engine_and_on_the_screen(engine: Engine) -> None:
    acme = {"mobile": ["+49 171-3920"], "portal_customer_id": ["c4711"]}
    columns = {"account_name": NAMES} | {name: [None] * (len(NAMES) - 1) + value for name, value in acme.items()}
    records = pl.DataFrame(columns, schema_overrides=dict.fromkeys(acme, pl.String))
    frame, store = engine(records), Store(records)
    store.build(store.cursor())
    for text, matched in TEXTS.values():
        choice, expected = Filter(text=text), sorted(NAMES if matched is None else matched)
        assert sorted(engine.to_polars(where(frame, choice))["account_name"]) == expected, text
        shown = f"select account_name from records where {matching(choice)}"
        assert sorted(name for (name,) in rows(store.cursor(), shown)) == expected, text
    assert str(Filter(text=TEXTS["invisible signs only"][0])) == "Every record"


def test_letters_that_the_screen_compares_without_a_pattern_have_one_spelling() -> None:
    plain = [chr(c) for c in range(0x10000) if not 0xD800 <= c < 0xE000 and re.match(f"[{PLAIN}]", chr(c))]
    for letter in plain:
        for word in search_words(letter):
            assert (plain_spellings(word), word) == ([letter.lower()], letter.lower())
    text = "".join(plain)
    for letter in map(chr, (*range(0x21, 0x7F), 0x4E00, 0xAC00)):
        pattern = word_pattern(letter.lower())
        assert set("".join(re.findall(pattern, text))) == {letter.lower(), letter.upper()}, letter
        other = other_letters(letter.lower())
        assert not re.search(other, text)
        assert all(re.fullmatch(other, c) for c in map(chr, range(0x80, 0x2E80)) if re.fullmatch(pattern, c)), letter


def test_the_longest_text_is_searched_for_and_a_longer_one_is_rejected() -> None:
    longest = "aß" * (LONGEST_TEXT // 2)
    records = pl.DataFrame({"account_name": [longest.upper(), longest[1:]]})
    assert where(records, Filter(text=longest)).height == 1
    with pytest.raises(ArgumentError, match="501 letters"):
        Filter(text=longest + "a")


def test_days_of_resolved_records_are_those_of_the_invitation(engine: Engine) -> None:
    """A record without a time of its own belongs to an invitation that has one."""
    sent = pl.lit(dt.datetime(2026, 3, 2, 8)).alias("invitation_sent_at")
    frame = engine(pl.DataFrame(ROWS, schema=SHAPE).with_columns(sent))
    assert engine.to_polars(ik.where(frame, Filter(invited_from=dt.date(2026, 3, 2)))).height == len(ROWS)
    assert engine.to_polars(ik.where(frame, Filter(invited_to=dt.date(2026, 3, 1)))).height == 0


def test_earlier_states_stay_if_the_newest_state_matches() -> None:
    seen = [(9, "a", "invited"), (16, "a", "associated"), (9, "b", "associated"), (16, "b", "invited")]
    rows = [
        {"account_name": account, "status": status, "invited_at": dt.datetime(2026, 3, 1), "invitation_method": "link",
         "snapshot_at": dt.datetime(2026, 3, day), "source_file": "f", "source_row": n, "record_id": f"{account}{day}"}
        for n, (day, account, status) in enumerate(seen)
    ]  # fmt: skip
    records = ik.annotate(pl.DataFrame(rows, schema=RECORDS), as_of=dt.date(2026, 3, 17))
    matching = where_newest(records, Filter(status="associated"))
    assert matching["record_id"].sort().to_list() == ["a16", "a9"]
    assert where_newest(records, Filter()).height == len(rows)


@pytest.mark.parametrize(("how", "_chosen", "words"), CHOICES.values(), ids=CHOICES)
def test_a_filter_is_described_in_words_and_read_from_its_plain_values(how: Any, _chosen: Any, words: str) -> None:
    choice = Filter(**how)
    assert (str(choice), bool(choice)) == (words, bool(how))
    kept: dict[str, Any] = dict(choice.to_dict())
    kept.update({name: dt.date.fromisoformat(kept[name]) for name in kept if name.startswith("invited_")})
    assert Filter(**kept) == choice


def test_equal_choices_are_equal_values() -> None:
    one = Filter(status=["invited", "expired", "invited"], text=" a")
    two = Filter(status=("expired", "invited"), text="a")
    assert one == two
    assert hash(one) == hash(two)
    assert one.without("text") == Filter(status=["expired", "invited"])


@pytest.mark.parametrize(
    "plain",
    [{"text": 1}, {"text": "\ud800"}, {"manager": [7]}, {"tag": [["x"]]}, {"batch": ["x"]}, {"batch": [2**63]},
     {"batch": [True]}, {"snapshot": [1]}, {"invited_to": 1}, {"invited_from": "9.3."}],
)  # fmt: skip
def test_a_value_of_the_wrong_type_is_rejected(plain: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=r"has an invalid value|cannot be read"):
        Filter.from_dict(plain)


def test_an_unknown_code_and_days_in_the_wrong_order_are_rejected() -> None:
    with pytest.raises(ArgumentError, match=r"status has no value 'gone'.*expired"):
        Filter(status="gone")
    with pytest.raises(ArgumentError, match="is after"):
        Filter(invited_from=dt.date(2026, 3, 2), invited_to=dt.date(2026, 3, 1))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(SchemaError, match="decision"):
        where(pl.DataFrame({"status": ["invited"]}), Filter(decision="review"))


def test_none_alone_is_no_restriction() -> None:
    assert Filter(tag=None, status=None) == Filter()


def test_a_country_may_be_named_in_any_known_spelling() -> None:
    assert Filter(country=["中国", "CN", "uk", "Atlantis", None]) == Filter(
        country=["Atlantis", "China", "United Kingdom", None]
    )
    assert str(Filter(country="德国")) == "Country/Region is Germany"
