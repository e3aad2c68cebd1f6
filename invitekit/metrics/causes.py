"""The most frequent causes of failure, and the results of resends after each."""

from __future__ import annotations

import datetime as dt
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.i18n import Language
from invitekit.metrics.follow_up import FAILED
from invitekit.metrics.funnel import small_table
from invitekit.metrics.intervals import rated
from invitekit.metrics.success_rates import resends
from invitekit.model.catalogue import Catalogue, read_catalogue
from invitekit.model.vocabularies import STATUSES, UNKNOWN

PARETO = {
    "failure_code": nw.String(), "cause": nw.String(), "who_acts": nw.String(), "resend_rule": nw.String(),
    "n": nw.Int64(), "of": nw.Int64(), "share": nw.Float64(), "low": nw.Float64(), "high": nw.Float64(),
    "cumulative": nw.Float64(), "small": nw.Boolean(),
}  # fmt: skip
REPEATS = {
    "failure_code": nw.String(), "cause": nw.String(), "method": nw.String(), "resends": nw.Int64(),
    "associated": nw.Int64(), "failed_same": nw.Int64(), "failed_other": nw.Int64(), "expired": nw.Int64(),
    "not_used": nw.Int64(), "rate": nw.Float64(), "low": nw.Float64(), "high": nw.Float64(), "small": nw.Boolean(),
}  # fmt: skip
_RESULTS = ("associated", "failed_same", "failed_other", "expired", "not_used")


def pareto(cells: Any, known: Catalogue, language: Language) -> Any:
    """Return the causes of failure, the most frequent first, with their shares of all failures."""
    failed = cells.filter(nw.col("outcome") == FAILED).group_by("cause", "who_acts").agg(nw.col("n").sum())
    ranked = sorted(failed.iter_rows(), key=lambda row: (-row[2], str(row[0])))
    total, cumulative, rows = sum(n for _, _, n in ranked), 0, []
    for code, who_acts, n in ranked:
        cumulative += n
        failure = known.by_code(code or UNKNOWN)
        rule = failure.resend_rule if failure else UNKNOWN
        labels = {"failure_code": code, "cause": words(code, known, language), "who_acts": who_acts}
        rate = rated(n, total)
        rows.append(labels | {"resend_rule": rule} | rate | {"share": rate["rate"], "cumulative": cumulative / total})
    return small_table(rows, PARETO)


def words(code: str | None, known: Catalogue | None, language: Language) -> str:
    """Return the label of a failure code or a status; the label of an unknown code is the code."""
    failure = (known or read_catalogue()).by_code(code or UNKNOWN)
    if failure is not None:
        return failure.cause(language)
    statuses = {value.code: value.label(language) for value in STATUSES}
    return statuses.get(str(code), str(code))


def repeats(
    records: Any,
    known: Catalogue,
    language: Language,
    as_of: dt.datetime,
    follow_up_days: int,
    *,
    history: Any = None,
) -> Any:
    """Return the results of resends, by outcome and method of the previous invitation; see ``resends``."""
    pairs: Any = nw.from_native(resends(records, as_of, follow_up_days, history))
    is_same = nw.col("failure_code") == nw.col("cause_before")
    failed = nw.when(is_same).then(nw.lit("failed_same")).otherwise(nw.lit("failed_other"))
    outcome = nw.col("followed_outcome")
    result = nw.when(outcome == FAILED).then(failed).otherwise(outcome)
    followed = pairs.filter(~outcome.is_null()).select("cause_before", "method_before", result=result)
    counts = followed.group_by("cause_before", "method_before", "result").agg(n=nw.len().cast(nw.Int64))
    groups: dict[tuple[str, str], dict[str, int]] = {}
    for cause, method, name, n in counts.lazy().collect("polars").iter_rows():
        groups.setdefault((cause, method), dict.fromkeys(_RESULTS, 0))[name] = n
    ranked = sorted(groups, key=lambda group: (-sum(groups[group].values()), group))
    return small_table([_repeat(group, groups[group], known, language) for group in ranked], REPEATS)


def _repeat(group: tuple[str, str], counts: dict[str, int], known: Catalogue, language: Language) -> dict[str, Any]:
    code, method = group
    total = sum(counts.values())
    rate = rated(counts["associated"], total)
    labels = {"failure_code": code, "cause": words(code, known, language), "method": method, "resends": total}
    return labels | counts | {name: rate[name] for name in ("rate", "low", "high", "small")}
