import re
import unicodedata

import polars as pl
import pytest

from invitekit.export import frequent_values

WORD = "Münster gala"


def identifying_words(*portions: list[str | None]) -> frozenset[str]:
    scanner = frequent_values.IdentifierScanner([WORD])
    for values in portions:
        scanner.search([pl.Series(values, dtype=pl.String), pl.Series([None], dtype=pl.String)])
    return scanner.identifying_words()


@pytest.mark.parametrize(
    "value",
    [
        "münster", "MÜNSTER", "Mu\u0308nster", "ｍünster", "GALA", "ｇａｌａ", "\u200bgala\u200b",
        "Münster Gala", "𝐠𝐚𝐥𝐚",
    ],
)  # fmt: skip
def test_a_value_in_a_word_is_found_in_any_spelling(value: str) -> None:
    assert identifying_words([value], ["somebody else"]) == {WORD}


def test_a_value_that_is_not_in_a_word_is_not_found() -> None:
    assert identifying_words(["ann", "李伟", "müller", None, "+49 170 1"]) == frozenset()


def test_characters_without_folding_are_the_same_in_every_form() -> None:
    signs = "".join(chr(n) for n in range(0x80, 0x110000) if not 0xD800 <= n < 0xE000)
    passed = re.sub(_python(), "", signs)
    assert len(passed) > 20_000
    assert [sign for sign in passed if unicodedata.normalize("NFKC", sign.lower()) != sign] == []


def _python() -> str:
    """Return the character class in Python's syntax."""
    return re.sub(r"\\x\{([0-9a-f]+)\}", lambda found: f"\\u{int(found[1], 16):04x}", frequent_values._FOLDS)
