"""Which candidate comes first, and in which batch: by its chance, then the longest allowed."""

from __future__ import annotations

import datetime as dt
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine import literal_table
from invitekit.engine.datetimes import literal
from invitekit.metrics.success_rates import DELAYS, Chance, Chances, cause, delay
from invitekit.planning.rules import ResendRules

COLUMNS = ("rank", "batch", "chance", "chance_low", "chance_high", "chance_from")
NO_HISTORY = "none"
_CELL = "_ik_cell"
_ESTIMATES = {"chance": "rate", "chance_low": "low", "chance_high": "high"}


def ranked(candidates: Any, chances: Chances, rules: ResendRules, moment: dt.datetime) -> Any:
    """Give each candidate its chance, rank and batch.

    Args:
        candidates: Records that may be invited again, with ``customer_id``, ``retry_at``,
            ``_ik_last_at`` and ``_ik_address``.
        chances: What resends led to.
        rules: Batch size, and how much history is enough.
        moment: When they would be sent.

    Returns:
        One row a customer: ``customer_id``, ``COLUMNS``, ``_ik_email_rank`` (more than 1 where a
        better candidate has the same address) and ``_ik_twins`` (rows that claim to be that record).
    """
    narrow = candidates.select(
        "customer_id", "retry_at", **_features(moment, candidates.implementation), _ik_email=nw.col("_ik_address"),
        _ik_group=nw.when(nw.col("reason_code") == "as_reseller").then(nw.lit(1)).otherwise(nw.lit(0)),
    )  # fmt: skip
    features = [nw.col(name).max() for name in ("retry_at", _CELL, "_ik_email", "_ik_group")]
    narrow = narrow.group_by("customer_id").agg(*features, _ik_twins=nw.len())
    narrow = _with_chances(narrow, chances, rules)
    # The better chance first, then who has been allowed for longest; the ID makes it one order.
    unlikely = (1_000_000 - (nw.col("chance").fill_null(0.0) * 1_000_000).round(0)).cast(nw.Int64).cast(nw.String)
    since = nw.col("retry_at").dt.to_string("%Y%m%d%H%M%S").fill_null("")
    order = nw.concat_str([nw.col("_ik_group").cast(nw.String), unlikely.str.zfill(7), since, nw.col("customer_id")],
                          separator="|")  # fmt: skip
    narrow = narrow.with_columns(_ik_order=order, _ik_email=nw.coalesce("_ik_email", "customer_id"))
    narrow = narrow.with_columns(_ik_email_rank=nw.col("_ik_order").rank("ordinal").over("_ik_email"))
    stays = (nw.col("_ik_email_rank") == 1) & (nw.col("_ik_twins") == 1)
    narrow = narrow.with_columns(_ik_out=nw.when(stays).then(nw.lit(0)).otherwise(nw.lit(1)))
    return batched(narrow, rules).select("customer_id", *COLUMNS, "_ik_email_rank", "_ik_twins")


def batched(narrow: Any, rules: ResendRules | None = None) -> Any:
    """Number customers and their batches; a batch never mixes resends with resends as reseller.

    Args:
        narrow: One row a customer: ``_ik_order`` sorts them, ``_ik_group`` is 1 for resends as reseller, and those
            with ``_ik_out`` 1 are numbered apart.
        rules: How large a batch may be; else ``ResendRules()``.

    Returns:
        The same rows with ``rank`` and ``batch``, from 1.
    """
    narrow = narrow.with_columns(_ik_in_group=nw.col("_ik_order").rank("ordinal").over("_ik_out", "_ik_group"))
    reseller, place = nw.col("_ik_group") == 1, nw.col("_ik_in_group").cast(nw.Int64)
    narrow = narrow.with_columns(_ik_plain=nw.when(~reseller).then(place).otherwise(nw.lit(0)))
    narrow = narrow.with_columns(_ik_first=nw.col("_ik_plain").max().over("_ik_out"))
    first = nw.when(reseller).then(nw.col("_ik_first")).otherwise(nw.lit(0))
    size = (rules or ResendRules()).batch_size
    batches = -((-first) // size)
    return narrow.with_columns(rank=place + first, batch=(place - 1) // size + 1 + batches)


def _features(moment: dt.datetime, backend: Any) -> dict[str, Any]:
    method = nw.col("invitation_method").fill_null("")
    passed = delay(nw.col("_ik_last_at"), literal(moment), backend).cast(nw.String)
    return {_CELL: nw.concat_str([cause(), method, passed], separator="|", ignore_nulls=True)}


def _with_chances(narrow: Any, chances: Chances, rules: ResendRules) -> Any:
    """Add the chance of each candidate's group where it was seen often enough, else the wider one's."""
    if chances.resends < rules.min_history:
        empty = {name: nw.lit(None, nw.Float64) for name in _ESTIMATES}
        return narrow.with_columns(**empty, chance_from=nw.lit(NO_HISTORY))
    other = chances.of("", "", -1)
    known = _known(chances)
    if known:
        cells = {name: [repr(getattr(each, of)) for each in known.values()] for name, of in _ESTIMATES.items()}
        basis = [each.basis for each in known.values()]
        of_cells = literal_table.table(narrow, {_CELL: list(known), **cells, "chance_from": basis})
        narrow = narrow.join(of_cells, on=_CELL, how="left")
    else:
        narrow = narrow.with_columns(**{name: nw.lit(None, nw.String) for name in (*_ESTIMATES, "chance_from")})
    filled = {n: nw.col(n).cast(nw.Float64).fill_null(getattr(other, of)) for n, of in _ESTIMATES.items()}
    return narrow.with_columns(**filled, chance_from=nw.col("chance_from").fill_null(other.basis))


def _known(chances: Chances) -> dict[str, Chance]:
    """Estimate every group of which more is known than of all together."""
    seen = {
        f"{cause}|{method}|{delay}": chances.of(cause, method, delay)
        for cause in {c for c, _, _ in chances.cells}
        for method in {m for _, m, _ in chances.cells}
        for delay in range(len(DELAYS) + 1)
    }
    return {cell: chance for cell, chance in seen.items() if chance.basis != "all"}
