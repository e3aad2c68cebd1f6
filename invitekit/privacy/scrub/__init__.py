"""Remove personal data from remarks by patterns and names: best effort, without a guarantee.

All matches of ``patterns.py`` and all known names are replaced. Nicknames, misspelt names, postal addresses and details
of a single customer stay. To be certain, drop the remarks.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from invitekit.errors import ArgumentError
from invitekit.i18n import _
from invitekit.privacy.scrub.names import KnownNames, replace_names, replace_numbers
from invitekit.privacy.scrub.normalise import fold
from invitekit.privacy.scrub.patterns import MARKS, PATTERNS, final_replacements

__all__ = ["KnownNames", "scrub_remarks"]

CHUNK = 50_000
"""Remarks that are scrubbed at a time, to limit the memory."""


def scrub_remarks(remarks: pl.Series, own: Sequence[pl.Series], names: KnownNames) -> pl.Series:
    """Replace names, addresses and numbers of people in remarks by placeholders, best effort.

    Emails, mobiles, IDs, handles and links are found by patterns (``patterns.py``), which work best for English and
    Chinese. Then the record's own names are replaced: each value as a whole and without its legal form, ignoring case,
    as whole words, in Chinese anywhere; then the names of all customers, see ``KnownNames``; last, single words of the
    record's own names with three letters or more, except stop words (``stopwords.txt``). Amounts, versions, dates,
    times, percentages and counts stay.

    Placeholders are ``[email] [mobile] [id] [handle] [link] [name]``. A remark without matches is returned unchanged,
    any other in NFKC; null stays null. Scrubbing a result again changes nothing.

    Raises:
        ArgumentError: A column of ``own``, the record's own identifying columns, is not as long as ``remarks``.

    Example:
        >>> remarks = pl.Series(["Call Ms Lee, +44 7700 900123, about USD 5 000.00", "王伟的微信：wei_88"])
        >>> own = [pl.Series(["Ada Lee", "王伟"])]
        >>> scrub_remarks(remarks, own, KnownNames(pl.Series([], dtype=pl.String))).to_list()
        ['Call Ms [name], [mobile], about USD 5 000.00', '[name]的微信:[handle]']
    """
    if lengths := [len(column) for column in own if len(column) != len(remarks)]:
        raise ArgumentError(
            _(
                "There are {remarks:,} remarks, and a column of their records has {values:,} values.",
                remarks=len(remarks),
                values=lengths[0],
            ),
            hint=_("pass columns of the same rows."),
        )
    columns = {f"own{n}": column.cast(pl.String) for n, column in enumerate(own)}
    texts = pl.DataFrame({"remark": remarks.cast(pl.String), **columns})
    with_words = texts.with_row_index("at").filter(pl.col("remark").str.contains(r"\w"))
    scrubbed = texts["remark"].clone()
    for part in with_words.iter_slices(CHUNK):
        changed = part
        # After a replacement, the rest of a word may match too: "+492026-03-30account:Ada".
        while (changed := _scrubbed(changed, names)).height:
            scrubbed = scrubbed.scatter(changed["at"], changed["remark"])
    return scrubbed.alias(remarks.name)


def _scrubbed(remarks: pl.DataFrame, names: KnownNames) -> pl.DataFrame:
    folded = fold(remarks["remark"])
    own = remarks.select(pl.col("^own[0-9]+$")).get_columns()
    # A placeholder is one private character meanwhile, so that no name matches its word.
    hidden = folded.str.replace_many({f"[{label}]": mark for label, mark in MARKS.items()})
    text = replace_names(replace_numbers(without_patterns(hidden), own), own, names)
    text = text.str.replace_many({mark: f"[{label}]" for label, mark in MARKS.items()})
    return remarks.with_columns(remark=text).filter(text != folded)


def without_patterns(text: pl.Series) -> pl.Series:
    """Replace the matches of all patterns by marks."""
    text = text.clone()  # scatter changes its series
    for pattern in PATTERNS:
        at = text.str.contains(pattern.holds).arg_true()
        if at.is_empty():
            continue  # compiling the pattern takes longer than searching a few texts
        text = text.scatter(at, text.gather(at).str.replace_all(pattern.regex, pattern.replacement))
    replacements = final_replacements()
    at = text.str.contains(f"[{''.join(set(''.join(replacements)))}]").arg_true()
    return text.scatter(at, text.gather(at).str.replace_many(replacements, leftmost=True))
