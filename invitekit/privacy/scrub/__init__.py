"""Remove personal data from remarks by patterns and names: best effort, without a guarantee.

The patterns of ``patterns.py`` and every name that is passed in are replaced. A nickname, a misspelt name, an address
in words or a story of a single customer stays. To be certain, drop the remarks.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from invitekit.errors import ArgumentError
from invitekit.i18n import _
from invitekit.privacy.scrub.names import KnownNames, take_out_names, take_out_numbers
from invitekit.privacy.scrub.normalise import fold, hide_placeholders, show_placeholders
from invitekit.privacy.scrub.patterns import PATTERNS, settled

__all__ = ["KnownNames", "scrub_remarks"]

CHUNK = 50_000
"""Remarks that are scrubbed at one time, to limit the memory."""


def scrub_remarks(remarks: pl.Series, own: Sequence[pl.Series], names: KnownNames) -> pl.Series:
    """Replace names, addresses and numbers of people in remarks by placeholders, best effort.

    Emails, mobiles, IDs, handles and links are found by their patterns (``patterns.py``), which are best for English
    and Chinese. Then come the record's own names: each value whole and without its legal form, in upper or lower case,
    as whole words, in Chinese anywhere; then all other customers' names, see ``KnownNames``. Last come single words of
    the record's own names, of three letters or more, except everyday ones (``stopwords.txt``). Amounts, versions,
    dates, times, percentages and counts stay.

    Placeholders are ``[email] [mobile] [id] [handle] [link] [name]``, whatever they replace. A remark in which nothing
    is found is returned as it was, any other in NFKC. To scrub twice is to scrub once.

    Args:
        remarks: Texts, null where there is none.
        own: The record's own identifying columns, each as long as ``remarks``.
        names: Names and accounts of all customers.

    Returns:
        As many texts in the same order, null where the remark is null.

    Raises:
        ArgumentError: A column of ``own`` is not as long as ``remarks``.

    Example:
        >>> said = pl.Series(["Call Ms Lee, +44 7700 900123, about USD 5 000.00", "王伟的微信：wei_88"])
        >>> own = [pl.Series(["Ada Lee", "王伟"])]
        >>> scrub_remarks(said, own, KnownNames(pl.Series([], dtype=pl.String))).to_list()
        ['Call Ms [name], [mobile], about USD 5 000.00', '[name]的微信:[handle]']
    """
    if wrong := [len(column) for column in own if len(column) != len(remarks)]:
        raise ArgumentError(
            _(
                "There are {remarks:,} remarks, and a column of their records has {values:,} values.",
                remarks=len(remarks),
                values=wrong[0],
            ),
            hint=_("pass columns of the same rows."),
        )
    columns = {f"own{n}": column.cast(pl.String) for n, column in enumerate(own)}
    texts = pl.DataFrame({"remark": remarks.cast(pl.String), **columns})
    said = texts.with_row_index("at").filter(pl.col("remark").str.contains(r"\w"))
    scrubbed = texts["remark"].clone()
    for part in said.iter_slices(CHUNK):
        changed = part
        # A placeholder may end a word whose other half is found only then: "+492026-03-30account:Ada".
        while (changed := _scrubbed(changed, names)).height:
            scrubbed = scrubbed.scatter(changed["at"], changed["remark"])
    return scrubbed.alias(remarks.name)


def _scrubbed(said: pl.DataFrame, names: KnownNames) -> pl.DataFrame:
    folded = fold(said["remark"])
    own = said.select(pl.col("^own[0-9]+$")).get_columns()
    text = take_out_numbers(without_patterns(hide_placeholders(folded)), own)
    text = show_placeholders(take_out_names(text, own, names))
    return said.with_columns(remark=text).filter(text != folded)


def without_patterns(text: pl.Series) -> pl.Series:
    """Replace what the patterns find by marks."""
    text = text.clone()  # scatter changes what it is called on
    for pattern in PATTERNS:
        at = text.str.contains(pattern.holds).arg_true()
        text = text.scatter(at, text.gather(at).str.replace_all(pattern.regex, pattern.replacement))
    signs = settled()
    at = text.str.contains(f"[{''.join(set(''.join(signs)))}]").arg_true()
    return text.scatter(at, text.gather(at).str.replace_many(list(signs), list(signs.values()), leftmost=True))
