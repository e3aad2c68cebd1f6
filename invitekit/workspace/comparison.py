"""Compare two snapshots, customer by customer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import duckdb
import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import as_utc
from invitekit.engine.materialize import materialize, temp_tables
from invitekit.errors import ArgumentError, SchemaError
from invitekit.load.sql import rows
from invitekit.model import schema
from invitekit.model.annotate import Language, annotate
from invitekit.model.catalogue import Catalogue
from invitekit.model.identity import ALONE, identify, require
from invitekit.planning.reasons import first_of

Frame = TypeVar("Frame")
When = dt.datetime | dt.date | None
Span = tuple[dt.datetime, dt.datetime]
_LISTED = 20
_DAY = dt.timedelta(days=1, microseconds=-1)
CHANGES = ("became_associated", "newly_failed", "cause_changed", "vanished", "appeared")
"""The changes of a customer that are reported; at most one each."""
SAME = "same"
"""The customer is in both snapshots without such a change."""


@dataclass(frozen=True, slots=True)
class Side:
    """The counts of one snapshot in a comparison.

    Attributes:
        rows: Records in the snapshot.
        customers: Customers that can be identified, ``conflicting`` ones included.
        unidentified: Records without a known customer: masked, and without an ID.
        conflicting: Customers whose newest records contradict each other in either snapshot.
    """

    rows: int
    customers: int
    unidentified: int
    conflicting: int

    @property
    def unmatched(self) -> int:
        """How many could not be compared: unidentified records and conflicting customers."""
        return self.unidentified + self.conflicting


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Comparison:
    """The changes between two snapshots; prints counts only.

    Attributes:
        counts: Customers by change: each of ``CHANGES``, and ``same``.
        before, after: The two snapshots, each with what could not be matched.
        changes: A frame of the records' engine, one row a change: ``change, customer_id``, names,
            and for both sides ``record_id, status, failure_code, cause, invited_at`` with
            ``_before`` or ``_after``. It holds personal data.
        before_at, after_at: The snapshots, where a workspace compared them.
    """

    counts: dict[str, int]
    before: Side
    after: Side
    changes: Any
    before_at: dt.datetime | None = None
    after_at: dt.datetime | None = None

    @property
    def became_associated(self) -> Any:
        """Customers associated now and not before."""
        return self._of("became_associated")

    @property
    def newly_failed(self) -> Any:
        """Customers whose association failed, and had not before."""
        return self._of("newly_failed")

    @property
    def cause_changed(self) -> Any:
        """Customers who failed before and now, for another cause."""
        return self._of("cause_changed")

    @property
    def vanished(self) -> Any:
        """Customers of the earlier snapshot that the later one does not have."""
        return self._of("vanished")

    @property
    def appeared(self) -> Any:
        """Customers of the later snapshot that the earlier one does not have."""
        return self._of("appeared")

    def _of(self, change: str) -> Any:
        return nw.from_native(self.changes).filter(nw.col("change") == change).to_native()

    def __repr__(self) -> str:
        span = f"{self.before_at:%Y-%m-%d} to {self.after_at:%Y-%m-%d}: " if self.before_at and self.after_at else ""
        counts = ", ".join(f"{self.counts[name]:,} {name.replace('_', ' ')}" for name in (*CHANGES, SAME))
        left = f"{self.before.unmatched:,} before and {self.after.unmatched:,} after"
        return f"{span}{counts}; could not be matched: {left}."


_NAMES = ("customer_full_name", "customer_name", "account_name", "email")
_STATES = {
    "record_id": "record_id",
    "status": "effective_status",
    "failure_code": "failure_code",
    "cause": "cause",
    "invited_at": "invited_at",
}
"""Columns that are listed for both snapshots, and their names in annotated records."""
COLUMNS = ("change", "customer_id", *_NAMES, *(f"{name}_{side}" for name in _STATES for side in ("before", "after")))
_POSITION = ("source_file", "source_row", "snapshot_at")
_NEEDED = tuple(dict.fromkeys((*_STATES.values(), *_NAMES, *schema.NATURAL_KEY, *_POSITION)))
_SIDE, _AT, _ORDER, _STATE, _CONFLICTING = "_ik_side", "_ik_at", "_ik_order", "_ik_state", "_ik_conflicting"
_STATE_COLUMNS = ("customer_id", _SIDE, "effective_status", "failure_code", "invited_at", *_POSITION)
"""Columns that decide which record counts for a customer, and its state."""
_COUNTED = ("customers_before", "customers_after", "rows_before", "rows_after")
_HERE = {"before": nw.col(_SIDE) == 0, "after": nw.col(_SIDE) == 1}
_WIDE = 10**12


def compare(before: Frame, after: Frame) -> Comparison:
    """Compare two snapshots of annotated records, customer by customer.

    Customers are identified over both snapshots together (``customers.identify``). In each, the
    newest invitation of a customer counts (by ``invited_at``, then ``snapshot_at``; an unknown time
    is the oldest). Unidentified records, and customers whose newest records contradict each other
    in status or cause, are not matched, but counted.

    Args:
        before: The earlier snapshot: what ``annotate`` gives as of its own date.
        after: The later one, on the same engine; for DuckDB on the same connection.

    Raises:
        SchemaError: A column that is needed is missing.
    """
    both = nw.concat([_side(before, 0), _side(after, 1)])
    with temp_tables() as persist:
        known: Any = nw.from_native(identify(both.to_native()))
        # Changes are computed in a few columns; names and states are looked up only for customers with one.
        story: Any = nw.from_native(materialize(_changes(_newest_records(known.select(*_STATE_COLUMNS))).to_native()))
        found = story.lazy().group_by("change").agg(nw.len().alias("n"), *(nw.col(name).sum() for name in _COUNTED))
        by_change = {row["change"]: row for row in found.collect("pyarrow").rows(named=True)}
        moved = story.filter(nw.col("change").is_in(list(CHANGES))).select("customer_id", "change")
        changes = persist(materialize(_listed(_newest_records(known.join(moved, on="customer_id"))).to_native()))
    counts = {name: int(by_change[name]["n"]) if name in by_change else 0 for name in (*CHANGES, SAME)}
    return Comparison(counts, _side_counts(by_change, "before"), _side_counts(by_change, "after"), changes)


def _side_counts(by_change: dict[str, Any], side: str) -> Side:
    def total(name: str, *changes: str) -> int:
        return sum(int(by_change[change][f"{name}_{side}"]) for change in changes if change in by_change)

    identified = [change for change in by_change if change != "unidentified"]
    return Side(total("rows", *by_change), total("customers", *identified), total("rows", "unidentified"),
                total("customers", "conflicting"))  # fmt: skip


def _side(annotated: Any, number: int) -> Any:
    frame: Any = nw.from_native(annotated)
    require(frame.collect_schema().names(), _NEEDED)
    return frame.select(*_NEEDED).with_columns(nw.lit(number).alias(_SIDE))


def _newest_records(frame: Any) -> Any:
    """Keep the record that counts for each customer in each snapshot, and mark those that others contradict."""
    # Each engine formats times in its own way, and each format sorts.
    times = [nw.col(name).cast(nw.String).fill_null("0") for name in ("invited_at", "snapshot_at")]
    row = (nw.col("source_row").cast(nw.Int64) + _WIDE).cast(nw.String).fill_null("")
    state = [nw.col(name).fill_null("") for name in ("effective_status", "failure_code")]
    group = ["customer_id", _SIDE]
    frame = frame.with_columns(
        nw.concat_str(times, separator="|").alias(_AT), nw.concat_str(state, separator="|").alias(_STATE)
    ).with_columns(nw.concat_str([nw.col(_AT), nw.col("source_file").fill_null(""), row], separator="|").alias(_ORDER))
    ranked = frame.with_columns(
        _ik_rank=nw.col(_ORDER).rank("ordinal", descending=True).over(*group),
        _ik_rows=nw.col("customer_id").count().over(*group),
        _ik_low=nw.col(_STATE).min().over(*group, _AT),
        _ik_high=nw.col(_STATE).max().over(*group, _AT),
    )
    differ = nw.when(nw.col("_ik_low") != nw.col("_ik_high")).then(nw.lit(1)).otherwise(nw.lit(0))
    return ranked.filter(nw.col("_ik_rank") == 1).with_columns(differ.alias(_CONFLICTING))


def _changes(spoken: Any) -> Any:
    """One row a customer: its change, and the counts of both snapshots."""
    sides = _both_sides({"status": "effective_status", "failure_code": "failure_code", "rows": "_ik_rows"})
    counted = {f"customers_{side}": nw.when(here).then(nw.lit(1)).otherwise(nw.lit(0)) for side, here in _HERE.items()}
    rows = spoken.select("customer_id", _CONFLICTING, **sides, **counted)
    joined = rows.group_by("customer_id").agg(nw.col(_CONFLICTING, *sides, *counted).max())
    filled = {name: nw.col(name).fill_null(0) for name in ("rows_before", "rows_after")}
    return joined.with_columns(change=_change(), **filled).select("customer_id", "change", *_COUNTED)


def _listed(spoken: Any) -> Any:
    """One row a customer: its change, its names, and its states in both snapshots."""
    sides = _both_sides(_STATES | {name: name for name in _NAMES})
    joined = spoken.select("customer_id", "change", **sides).group_by("customer_id", "change").agg(nw.col(*sides).max())
    return joined.with_columns(**{name: nw.coalesce(f"{name}_after", f"{name}_before") for name in _NAMES}).select(
        *COLUMNS
    )


def _both_sides(columns: dict[str, str]) -> dict[str, Any]:
    """Build the columns of both snapshots, null on the rows of the other."""
    return {
        f"{name}_{side}": nw.when(here).then(nw.col(column))
        for side, here in _HERE.items()
        for name, column in columns.items()
    }


def _change() -> Any:
    def status(side: str, code: str) -> Any:
        return (nw.col(f"status_{side}") == code).fill_null(value=False)

    failed = [status(side, "association_failed") for side in ("before", "after")]
    causes = [nw.col(f"failure_code_{side}").fill_null("") for side in ("before", "after")]
    rows = [
        (nw.col("customer_id").str.starts_with(ALONE), "unidentified"),
        (nw.col(_CONFLICTING) == 1, "conflicting"),
        (nw.col("customers_after") == 0, "vanished"),
        (nw.col("customers_before") == 0, "appeared"),
        (status("after", "associated") & ~status("before", "associated"), "became_associated"),
        (failed[1] & ~failed[0], "newly_failed"),
        (failed[0] & failed[1] & (causes[0] != causes[1]), "cause_changed"),
    ]
    return first_of([(condition, nw.lit(name)) for condition, name in rows], nw.lit(SAME))


def compare_snapshots(
    history: duckdb.DuckDBPyRelation,
    before: When = None,
    after: When = None,
    *,
    moments: Sequence[dt.datetime] | None = None,
    catalogue: Catalogue | None = None,
    language: Language = "en",
) -> Comparison:
    """Compare two snapshots of one history, each annotated as of its own moment; see ``compare``.

    Args:
        history: Records of several snapshots, as ``load`` gives them.
        before: The earlier snapshot's date (all snapshots of that day together) or exact time; else the
            last one before ``after``.
        after: The later one's; else the newest.
        moments: When there were snapshots, in order; else those that the history has.
        catalogue: The failure messages known; else the built-in ones.
        language: Of the causes.

    Raises:
        ArgumentError: There is no such snapshot, or no second one; the message lists those that exist.
    """
    undated, total = history.aggregate("count(*) - count(snapshot_at), count(*)").fetchall()[0]
    if undated:
        raise SchemaError(
            f"{undated:,} of {total:,} records belong to no snapshot: nothing says when they were exported.",
            hint="put the date into their file's name (history_2026-03-30.csv), or leave that file out.",
        )
    if moments is None:
        dated = history.select("snapshot_at").distinct().fetchall()
        moments = sorted(at for (at,) in dated)
    spans = find_two(moments, before, after)
    sides = [
        annotate(
            history.filter(f"snapshot_at between timestamp '{first}' and timestamp '{last}'"),
            as_of=last, catalogue=catalogue, language=language,
        )
        for first, last in spans
    ]  # fmt: skip
    return replace(compare(*sides), before_at=spans[0][1], after_at=spans[1][1])


def moments_of(con: duckdb.DuckDBPyConnection, snapshots: str) -> list[dt.datetime]:
    """Return the times of a query's snapshots, in order."""
    return [row[0] for row in rows(con, f"select distinct snapshot_at from ({snapshots}) order by 1")]


def find_two(moments: Sequence[dt.datetime], before: When, after: When) -> tuple[Span, Span]:
    """Return the first and last time of both snapshots."""
    given = None if before is None else _find(moments, before)
    late = _newest(moments, None) if after is None else _find(moments, after)
    early = given or _newest(moments, late[0])
    if early[1] >= late[0]:
        raise ArgumentError("The first snapshot is not older than the second.", hint="give the older one first.")
    return early, late


def _newest(moments: Sequence[dt.datetime], earlier_than: dt.datetime | None) -> Span:
    found = [at for at in moments if earlier_than is None or at.date() < earlier_than.date()]
    if not found:
        raise ArgumentError("There is no earlier snapshot to compare with.", hint=_hint(moments))
    return _find(moments, found[-1].date())


def _find(moments: Sequence[dt.datetime], at: dt.datetime | dt.date) -> Span:
    if not isinstance(at, dt.date):
        raise ArgumentError(f"A snapshot is named by a {type(at).__name__}.", hint="give a date or a datetime.")
    start = as_utc(at)
    end = start if isinstance(at, dt.datetime) else start + _DAY
    found = [moment for moment in moments if start <= moment <= end]
    if not found:
        raise ArgumentError(f"There is no snapshot of {_shown(start)}.", hint=_hint(moments))
    return found[0], found[-1]


def _hint(moments: Sequence[dt.datetime]) -> str:
    shown = ", ".join(_shown(moment) for moment in moments[-_LISTED:]) or "none; add files first"
    newest = f"the newest {_LISTED} of {len(moments)}" if len(moments) > _LISTED else "there are"
    return f"{newest}: {shown}."


def _shown(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%d}" if moment.time() == dt.time() else f"{moment:%Y-%m-%d %H:%M:%S}"
