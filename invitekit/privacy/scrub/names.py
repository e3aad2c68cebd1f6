"""Find names in remarks: the names of a record in its own remark, and those of all customers in every remark."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files

import polars as pl

from invitekit.model import schema
from invitekit.privacy.scrub.normalise import fold
from invitekit.privacy.scrub.patterns import MARKS

_SHORTEST = 3
"""The fewest letters of a one-word name that is searched in the remarks of all records."""
_NUMBER = 7
"""The fewest digits of a number that identifies a person; shorter ones are counts and years."""
_TWO = 2
"""A name of two words is also found in reverse order, if each begins with two letters."""
_LAST = 8
"""The last digits of a phone number, which do not depend on the country prefix."""
_SINGLE = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}"
"""Scripts without spaces between words: each character is a word here, so that names are found anywhere."""
_ALONE = f"[{_SINGLE}{''.join(MARKS.values())}]"
WORD = rf"{_ALONE}|[[\p{{L}}\p{{M}}\p{{N}}]--[{_SINGLE}]]+"
_PIECE = rf"[^{_SINGLE}{''.join(MARKS.values())}\p{{L}}\p{{M}}\p{{N}}]*(?:{WORD})"
"""A word with the gap before it."""
_MASKED = f"[{''.join(schema.MASK_MARKS)}]"
"""A character of a masked value, whose other characters are not a name."""
_LETTERS = [chr(code) for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00))]
_BASES = {letter: unicodedata.normalize("NFD", letter)[0] for letter in _LETTERS}
_PLAIN = {letter: base for letter, base in _BASES.items() if letter != base and letter.islower()}
_PLAIN |= {"ae": "a", "oe": "o", "ue": "u", "æ": "a", "œ": "o", "ø": "o", "ß": "ss", "ł": "l", "đ": "d", "ı": "i"}
"""The base letter of each lower-case Latin letter with a diacritic, and of its replacement spellings."""
_LATIN_FORM = (
    "gmbh|ag|kg|kgaa|ohg|ug|ek|mbh|ltd|limited|inc|llc|llp|plc|corp|corporation|co|company|sa|sl|sas|sarl|srl|spa|bv|nv"
    r"|oy|ab|as|pte|pty|sdn|bhd|holdings?|group|verwaltungsgesellschaft|e\.? ?k|s\.? ?[al]|s\.? ?coop"
)
_FORM = rf"(?i)(?:[ ,.&+]+(?:{_LATIN_FORM})\.?)+$"
_CHINESE_FORM = r"(?:[（(][^()（）]*[)）])?(?:股份)?(?:有限|有限责任)?(?:公司|集团|企业)$"

Span = tuple[int, int]
"""The first word of a name, and the word after its last."""
Phrase = list[str]


@cache
def stopwords() -> frozenset[str]:
    """Return the everyday words of ``stopwords.txt``."""
    lines = files("invitekit.privacy.scrub").joinpath("stopwords.txt").read_text("utf-8").splitlines()
    return frozenset(word for line in lines for word in line.partition("#")[0].split())


class _Phrases:
    """Names as lists of words, with a search for their positions in a text."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self._known: set[str] = set()
        lengths: defaultdict[str, set[int]] = defaultdict(set)
        for phrase in phrases:
            self._known.add(" ".join(phrase))
            lengths[phrase[0]].add(len(phrase))
        self._lengths = dict(lengths)

    def spans(self, words: Sequence[str]) -> list[Span]:
        """Return the positions of names among the words of a text."""
        return [
            (start, start + length)
            for start, word in enumerate(words)
            for length in self._lengths.get(word, ())
            if " ".join(words[start : start + length]) in self._known
        ]


class KnownNames(_Phrases):
    """Names that are searched in every text; the time does not depend on their number.

    A name is used if it has three characters or more and at least one letter, or seven digits or more; in scripts
    without spaces, two characters or more. A single stop word is never used. Names of two Latin words are also found in
    reverse order ("Lee, Ada"), companies without their legal form, and umlauts in any spelling.

    Args:
        names: Names and accounts; nulls, masked values and duplicates are ignored.
    """

    def __init__(self, names: pl.Series) -> None:
        super().__init__(usable_names(names))


def replace_names(folded: pl.Series, own: Sequence[pl.Series], known: KnownNames) -> pl.Series:
    """Replace the record's own names (in the row of the text) and all known names by a mark, in texts of ``fold``."""
    columns = [_own_names(column) for column in own]
    cut = pl.DataFrame({"text": folded}).select(
        "text",
        pieces=pl.col("text").str.extract_all(_PIECE),
        spelled=pl.col("text").str.extract_all(WORD),
        words=_plain(pl.col("text").str.to_lowercase()).str.extract_all(WORD),
    )
    marked = []
    for row, (text, pieces, spelled, words) in enumerate(cut.iter_rows()):
        spans = _spans(words or [], [column[row] for column in columns], known)
        marked.append(_put_marks(text, pieces, spelled, spans) if spans else text)
    return pl.Series(folded.name, marked, dtype=pl.String)


def replace_numbers(folded: pl.Series, own: Sequence[pl.Series]) -> pl.Series:
    """Replace the record's own phone numbers by a mark, even inside a longer number, in texts of ``fold``."""
    # After the patterns, few texts still have such a long number.
    rows = folded.str.contains(rf"[0-9]{{{_NUMBER}}}").arg_true()
    texts = folded.gather(rows).to_list()
    for column in own if texts else ():
        values = pl.DataFrame({"value": fold(column.gather(rows))})
        number = pl.when(~pl.col("value").str.contains(r"[@\p{L}]")).then(pl.col("value").str.replace_all("[^0-9]", ""))
        for place, digits in enumerate(values.select(number).to_series()):
            if digits and len(digits) >= _NUMBER:
                for form in (digits, digits[-_LAST:]):
                    texts[place] = texts[place].replace(form, MARKS["mobile"])
    return folded.clone().scatter(rows, pl.Series(texts, dtype=pl.String))


def usable_names(names: pl.Series) -> list[Phrase]:
    """Return the names to search in all remarks, as lists of words; see ``KnownNames``."""
    values = _named(names).drop_nulls().unique()
    forms = pl.concat([values, _without_form(values)]).unique()
    frame = pl.DataFrame({"value": forms, "words": forms.str.extract_all(WORD)})
    name, length = pl.col("words").list.join(""), pl.col("words").list.len()
    size = name.str.len_chars()
    is_long = (size >= _SHORTEST) | ((length > 1) & ~name.str.contains(r"[\p{Latin}\p{N}]"))
    is_named = name.str.contains(r"\p{L}") | (size >= _NUMBER)
    spelled = pl.col("words").list.join(" ")
    plain = _plain(spelled)
    # A name with umlauts may be a stop word without them.
    is_common = name.is_in(list(stopwords())) | ((plain != spelled) & plain.is_in(_plain_stopwords()))
    phrases = frame.filter(is_long, is_named, ~is_common).select(plain.str.split(" ")).to_series().to_list()
    return phrases + [phrase[::-1] for phrase in phrases if _is_reversible(phrase)]


def _own_names(column: pl.Series) -> list[tuple[list[Phrase], list[str]]]:
    """Return the search terms of each value: whole, without legal form, as a Chinese given name; and single words."""
    value, part, common = pl.col("value"), pl.element(), list(stopwords())
    formless = _without_form(_named(column))
    terms = pl.DataFrame({"value": _named(column), "formless": formless}).select(
        phrases=pl.concat_list(
            value,
            pl.when(~pl.col("formless").is_in(common)).then("formless"),
            pl.when(value.str.contains(r"^\p{Han}{3}$") & ~value.str.tail(2).is_in(common)).then(value.str.tail(2)),
        ).list.drop_nulls().list.eval(_plain(part).str.extract_all(WORD)),
        parts=value.str.extract_all(WORD).list.eval(
            _plain(part.filter((part.str.len_chars() >= _SHORTEST) & part.str.contains(r"\p{L}") & ~part.is_in(common)))
        ),
    )  # fmt: skip
    return [([phrase for phrase in phrases or () if phrase], parts or []) for phrases, parts in terms.iter_rows()]


def _spans(words: Sequence[str], own: Sequence[tuple[list[Phrase], list[str]]], known: KnownNames) -> list[Span]:
    """Return the positions of names, in order; overlapping names are one span."""
    named = known.spans(words) + _Phrases(phrase for phrases, _ in own for phrase in phrases).spans(words)
    parts = {part for _, own_parts in own for part in own_parts}
    named += [(place, place + 1) for place, word in enumerate(words) if word in parts]
    merged: list[Span] = []
    for start, end in sorted(named):
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _put_marks(text: str, pieces: Sequence[str], spelled: Sequence[str], spans: Sequence[Span]) -> str:
    """Replace each span of words by a mark; ``pieces`` are the words with the gap before each, which stays."""
    parts, done = [], 0
    for start, end in spans:
        gap = pieces[start].removesuffix(spelled[start])
        parts += [*pieces[done:start], gap, MARKS["name"]]
        done = end
    return "".join([*parts, *pieces[done:], text[sum(map(len, pieces)) :]])


def _named(values: pl.Series) -> pl.Series:
    """Normalise values for comparison, except umlauts; null for masked values and those without letters or digits."""
    folded = pl.DataFrame({"value": fold(values)})
    value = pl.col("value")
    tidy = value.str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
    can_name = ~value.str.contains(_MASKED) & value.str.contains(r"[\p{L}\p{N}]")
    return folded.select(pl.when(can_name).then(tidy)).to_series()


def _without_form(values: pl.Series) -> pl.Series:
    """Remove the legal form from company names, because people often leave it out."""
    return values.str.replace(_FORM, "").str.replace(_CHINESE_FORM, "")


def _plain(words: pl.Expr) -> pl.Expr:
    """Build the expression of lower-case words for comparison: "müller", "mueller" and "muller" are equal."""
    return words.str.replace_many(_PLAIN)


@cache
def _plain_stopwords() -> list[str]:
    words = pl.DataFrame({"word": sorted(stopwords())})
    return words.select(_plain(pl.col("word"))).to_series().to_list()


def _is_reversible(phrase: Phrase) -> bool:
    """Return whether a name is also searched in reverse order: two words of letters, neither a stop word."""
    return len(phrase) == _TWO and all(
        len(word) >= _TWO and word[:_TWO].isalpha() and word not in stopwords() for word in phrase
    )
