"""Normalise texts before scrubbing: full-width characters, Arabic digits, invisible characters, placeholders."""

from __future__ import annotations

import polars as pl

_UNSEEN = r"\x{ad}\x{61c}\x{180e}\x{200b}-\x{200f}\x{202a}-\x{202e}\x{2060}-\x{206f}\x{fe00}-\x{fe0f}\x{feff}"
_HIDDEN = "[" + _UNSEEN + r"\x{e000}-\x{e0ff}]+"
"""Invisible characters, which would split a word, and the private characters that are used as marks."""
_BETWEEN = rf"([\p{{Ll}}\p{{N}}]){_HIDDEN}(\p{{Lu}})"
"""Such a character in place of the space between two words."""
_BEYOND_ASCII = r"[^\x00-\x7f]"
_DIGITS = {chr(zero + n): str(n) for zero in (0x660, 0x6F0) for n in range(10)}


def fold(text: pl.Series) -> pl.Series:
    """Return texts in NFKC, with ASCII digits and without invisible characters."""
    rows = pl.DataFrame({"text": text}).with_row_index("row").filter(pl.col("text").str.contains(_BEYOND_ASCII))
    folded = _without_hidden(rows["text"]).str.normalize("NFKC")
    return text.clone().scatter(rows["row"], folded.str.replace_many(_DIGITS))


def _without_hidden(text: pl.Series) -> pl.Series:
    # Few texts have one, and the search with its neighbours is slow.
    at = text.str.contains(_HIDDEN).arg_true()
    spaced = text.gather(at).str.replace_all(_BETWEEN, "$1 $2")
    return text.scatter(at, spaced.str.replace_all(_HIDDEN, ""))
