"""Counts to causes: which matter most, and what came of inviting again after each."""

from __future__ import annotations

from typing import Any, Literal

import narwhals.stable.v2 as nw

from invitekit.metrics.aggregate import FAILED
from invitekit.metrics.funnel import small_table
from invitekit.metrics.intervals import rated
from invitekit.metrics.success_rates import resends
from invitekit.model.catalogue import Catalogue, read_catalogue
from invitekit.model.vocabularies import STATUSES, UNKNOWN

Language = Literal["en", "zh"]

PARETO = {
    "failure_code": nw.String(), "cause": nw.String(), "who_acts": nw.String(), "resend_rule": nw.String(),
    "n": nw.Int64(), "of": nw.Int64(), "share": nw.Float64(), "low": nw.Float64(), "high": nw.Float64(),
    "cumulative": nw.Float64(), "small": nw.Boolean(),
}  # fmt: skip
REPEATS = {
    "failure_code": nw.String(), "cause": nw.String(), "method": nw.String(), "resends": nw.Int64(),
    "associated": nw.Int64(), "failed_same": nw.Int64(), "failed_other": nw.Int64(), "expired": nw.Int64(),
    "rate": nw.Float64(), "low": nw.Float64(), "high": nw.Float64(), "small": nw.Boolean(),
}  # fmt: skip
_OUTCOMES = ("associated", "failed_same", "failed_other", "expired")


def pareto(counts: Any, known: Catalogue, language: Language) -> Any:
    """Give the causes of failure, the most frequent first, with their shares of all failures."""
    failed = counts.filter(nw.col("status") == FAILED).group_by("cause", "who_acts").agg(nw.col("n").sum())
    ranked = sorted(failed.iter_rows(), key=lambda row: (-row[2], str(row[0])))
    total, so_far, rows = sum(n for _, _, n in ranked), 0, []
    for code, who_acts, n in ranked:
        so_far += n
        failure = known.by_code(code or UNKNOWN)
        rule = failure.resend_rule if failure else UNKNOWN
        told = {"failure_code": code, "cause": words(code, known, language), "who_acts": who_acts, "resend_rule": rule}
        rate = rated(n, total)
        rows.append(told | rate | {"share": rate["rate"], "cumulative": so_far / total})
    return small_table(rows, PARETO)


def words(code: str | None, known: Catalogue | None, language: Language) -> str:
    """Give the words for a failure code or a status; a code that nobody knows is its own word."""
    failure = (known or read_catalogue()).by_code(code or UNKNOWN)
    if failure is not None:
        return failure.cause(language)
    statuses = {value.code: value.label(language) for value in STATUSES}
    return statuses.get(str(code), str(code))


def repeats(records: Any, known: Catalogue, language: Language) -> Any:
    """Give what came of inviting a customer again, by what had become of the invitation before and by its method."""
    pairs: Any = nw.from_native(resends(records))
    same = (nw.col("effective_status") == FAILED) & (nw.col("failure_code") == nw.col("cause_before"))
    outcome = (
        nw.when(same)
        .then(nw.lit("failed_same"))
        .otherwise(
            nw.when(nw.col("effective_status") == FAILED)
            .then(nw.lit("failed_other"))
            .otherwise(nw.col("effective_status"))
        )
    )
    settled = pairs.select("cause_before", "method_before", outcome=outcome)
    settled = settled.filter(nw.col("outcome").is_in(list(_OUTCOMES)))
    counted = settled.group_by("cause_before", "method_before", "outcome").agg(n=nw.len().cast(nw.Int64))
    found: dict[tuple[str, str], dict[str, int]] = {}
    for cause, method, name, n in counted.lazy().collect("polars").iter_rows():
        found.setdefault((cause, method), dict.fromkeys(_OUTCOMES, 0))[name] = n
    ranked = sorted(found, key=lambda cell: (-sum(found[cell].values()), cell))
    return small_table([_repeat(cell, found[cell], known, language) for cell in ranked], REPEATS)


def _repeat(cell: tuple[str, str], found: dict[str, int], known: Catalogue, language: Language) -> dict[str, Any]:
    code, method = cell
    all_of_them = sum(found.values())
    rate = rated(found["associated"], all_of_them)
    named = {"failure_code": code, "cause": words(code, known, language), "method": method, "resends": all_of_them}
    return named | found | {name: rate[name] for name in ("rate", "low", "high", "small")}
