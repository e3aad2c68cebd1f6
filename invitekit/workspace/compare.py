"""Compare two snapshots, customer by customer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import as_utc, is_day, literal
from invitekit.engine.frames import as_narwhals, as_narwhals_like
from invitekit.engine.materialize import collect, count_rows, materialize, temp_tables
from invitekit.errors import ArgumentError, SchemaError
from invitekit.i18n import Language, Message, _
from invitekit.model.annotate import NEEDED as ANNOTATING
from invitekit.model.annotate import annotate
from invitekit.model.catalogue import Catalogue
from invitekit.model.identity import ALONE, OPTIONAL, address, used_keys
from invitekit.model.resolve import NEEDED as RESOLVING
from invitekit.model.resolve import outcome, resolve_parts, with_contradictions
from invitekit.model.schema import require
from invitekit.planning.reasons import first_of
from invitekit.planning.rejected_rows import REJECTED, with_rejected
from invitekit.planning.rules import ResendRules
from invitekit.planning.vanished import FEW

Frame = TypeVar("Frame")
When = dt.datetime | dt.date | None
Span = tuple[dt.datetime, dt.datetime]
_LISTED = 20
_LOOK_BACK = 4
"""How many earlier snapshots are compared to pass over partial ones."""
_DAY = dt.timedelta(days=1, microseconds=-1)
CHANGES = ("became_associated", "newly_failed", "cause_changed", "vanished", "appeared", "row_rejected")
"""The changes of a customer that are reported; at most one each.

``row_rejected``: one snapshot has no record of the customer, but a rejected row that may be the customer's.
"""
PARTIAL = (
    "Many customers vanished at once: the later snapshot seems to hold only a part, such as one account manager's "
    "customers. A plan uses the older state of these customers."
)
"""The remark on a later snapshot that may be partial."""
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
        before, after: The counts of the two snapshots.
        changes: A frame of the records' engine, one row per change: ``change, customer_id``, names,
            and for both sides ``record_id, status, failure_code, cause, invited_at`` with
            ``_before`` or ``_after``. It contains personal data.
        before_at, after_at: The times of the snapshots, if they are known.
        passed_over: The days of the snapshots between them, which seem to be partial.
    """

    counts: dict[str, int]
    before: Side
    after: Side
    changes: Any
    before_at: dt.datetime | None = None
    after_at: dt.datetime | None = None
    passed_over: tuple[dt.date, ...] = ()

    @property
    def may_be_partial(self) -> bool:
        """Whether so many customers vanished that the later snapshot seems to hold only a part.

        The limit is that of a plan, which does not take them for vanished either; see ``planning.vanished``.
        """
        return self.counts["vanished"] > _few(self.before.customers)

    def __repr__(self) -> str:
        span = f"{self.before_at:%Y-%m-%d} to {self.after_at:%Y-%m-%d}: " if self.before_at and self.after_at else ""
        counts = ", ".join(f"{self.counts[name]:,} {name.replace('_', ' ')}" for name in (*CHANGES, SAME))
        left = f"{self.before.unmatched:,} before and {self.after.unmatched:,} after"
        partial = f" {PARTIAL}" if self.may_be_partial else ""
        return f"{span}{counts}; could not be matched: {left}.{partial}"


_NAMES = ("customer_full_name", "customer_name", "account_name", "email")
_STATES = {
    "record_id": "record_id",
    "status": "effective_status",
    "failure_code": "failure_code",
    "cause": "cause",
    "invited_at": "invited_at",
}
"""Columns that are listed for both snapshots, and their names in annotated records."""
_SIDES = ("before", "after")
COLUMNS = ("change", "customer_id", *_NAMES, *(f"{name}_{side}" for name in _STATES for side in _SIDES))
_NEEDED = tuple(dict.fromkeys((*_STATES.values(), *_NAMES, *RESOLVING)))
_SIDE, _HERE = "_ik_side", {side: f"_ik_in_{side}" for side in _SIDES}


def compare(before: Frame, after: Frame, *, rejected: Sequence[Any] = (None, None)) -> Comparison:
    """Compare two snapshots of annotated records, customer by customer.

    Customers are identified in both snapshots together, and in each snapshot the newest record of a customer
    counts: see ``resolve``. Unidentified records, and customers whose newest records contradict each other
    in status or cause, are counted, but not compared.

    Args:
        before: The earlier snapshot: what ``annotate`` returns as of its own date.
        after: The later snapshot, on the same engine; for DuckDB on the same connection.
        rejected: The rejected rows of the earlier and of the later snapshot, as ``plan_resends`` takes them. A customer
            whom a snapshot has in such a row only did neither vanish nor appear.

    Raises:
        SchemaError: A column that is needed is missing.
    """
    both, same = _both(before, after), 0

    def only(identified: Any, side: str) -> Any:
        nonlocal same
        records, same = _may_have_changed(identified, side)
        return records

    with temp_tables() as persist:
        records: Any = nw.from_native(resolve_parts(both.to_native(), _SIDE, only))
        unidentified = nw.when(nw.col("customer_id").is_null()).then(nw.lit(1)).otherwise(nw.lit(0))
        resolved = records.group_by(_SIDE).agg(unidentified=unidentified.sum())
        counts = {row[_SIDE]: row for row in collect(resolved).rows(named=True)}
        rows = {side: int(n) for side, n in collect(both.group_by(_SIDE).agg(n=nw.len())).rows()}
        customers = materialize(_with_rejected(_with_changes(records), records, rejected))
        totals = {f"in_{side}": nw.col(here).sum() for side, here in _HERE.items()}
        by_change = collect(customers.group_by("change").agg(customers=nw.len(), **totals))
        changed = customers.filter(nw.col("change").is_in(list(CHANGES))).select(*COLUMNS)
        changes = persist(materialize(changed.to_native()))
    totals_of = {row["change"]: row for row in by_change.rows(named=True)}
    before_side, after_side = (
        Side(
            rows=rows.get(side, 0),
            customers=same + sum(int(row[f"in_{side}"]) for row in totals_of.values()),
            unidentified=int(counts.get(side, {}).get("unidentified", 0)),
            conflicting=int(totals_of.get("conflicting", {}).get(f"in_{side}", 0)),
        )
        for side in _SIDES
    )
    by_name = {name: int(totals_of.get(name, {}).get("customers", 0)) for name in (*CHANGES, SAME)}
    by_name[SAME] += same
    return Comparison(by_name, before_side, after_side, changes)


def _may_have_changed(identified: Any, side: str) -> tuple[Any, int]:
    """Return the records of customers who may have changed, and how many customers are the same in both snapshots.

    Invitations are matched by their time. If a customer has several, and one has no time or only a day, it may match
    any of them: the customer may have changed.
    """
    one, zero = nw.lit(1), nw.lit(0)
    named = identified.select(
        "customer_id",
        "invited_at",
        _ik_before=nw.when(nw.col(side) == "before").then(one).otherwise(zero),
        _ik_outcome=outcome().fill_null(""),
    )
    sent = named.group_by("customer_id", "invited_at").agg(
        nw.col("_ik_before").sum(),
        _ik_n=nw.len(),
        _ik_low=nw.col("_ik_outcome").min(),
        _ik_high=nw.col("_ik_outcome").max(),
    )
    is_pair = (nw.col("_ik_n") == 2) & (nw.col("_ik_before") == 1) & (nw.col("_ik_low") == nw.col("_ik_high"))
    is_vague = nw.col("invited_at").is_null() | is_day("invited_at").fill_null(value=False)
    customers = sent.with_columns(
        _ik_differs=nw.when(is_pair).then(zero).otherwise(one), _ik_vague=nw.when(is_vague).then(one).otherwise(zero)
    )
    customers = customers.group_by("customer_id").agg(nw.col("_ik_differs", "_ik_vague").max(), _ik_sent=nw.len())
    may_differ = (nw.col("_ik_differs") == 1) | ((nw.col("_ik_vague") == 1) & (nw.col("_ik_sent") > 1))
    # Records without an identified customer: nothing shows that two of them are the same one.
    may_differ = may_differ | nw.col("customer_id").str.starts_with(ALONE)
    changed = materialize(customers.filter(may_differ).select("customer_id"))
    same = count_rows(customers) - count_rows(changed)
    return identified.join(changed, on="customer_id", how="semi"), same


def _both(before: Any, after: Any) -> Any:
    """Return both snapshots in one frame: the needed columns, and the keys that both have."""
    first: Any = as_narwhals(before)
    frames: list[Any] = [first, as_narwhals_like(first, after, "after")]
    names = [set(frame.collect_schema().names()) for frame in frames]
    for columns in names:
        require(list(columns), _NEEDED)
    used = used_keys(_NEEDED, names[0] & names[1])
    sides = zip(frames, _SIDES, strict=True)
    return nw.concat([frame.select(*used).with_columns(nw.lit(side).alias(_SIDE)) for frame, side in sides])


def _with_changes(records: Any) -> Any:
    """Return one row per customer: its change, its names, and its states in both snapshots."""
    newest = records.filter(nw.col("is_latest_of_customer") & ~nw.col("customer_id").is_null())
    newest = with_contradictions(newest, records)
    columns = _STATES | {name: name for name in _NAMES}
    sides = {
        f"{name}_{side}": nw.when(nw.col(_SIDE) == side).then(nw.col(column))
        for side in _SIDES
        for name, column in columns.items()
    }
    flags = {here: nw.col(_SIDE) == side for side, here in _HERE.items()} | {"_ik_differs": nw.col("is_contradicted")}
    flags = {name: nw.when(flag).then(nw.lit(1)).otherwise(nw.lit(0)) for name, flag in flags.items()}
    one_row = newest.select("customer_id", **sides, **flags).group_by("customer_id").agg(nw.col(*sides, *flags).max())
    names = {name: nw.coalesce(f"{name}_after", f"{name}_before") for name in _NAMES}
    return one_row.with_columns(**names, change=_change())


def _change() -> Any:
    def has(side: str, status: str) -> Any:
        return (nw.col(f"status_{side}") == status).fill_null(value=False)

    failed = [has(side, "association_failed") for side in _SIDES]
    causes = [nw.col(f"failure_code_{side}").fill_null("") for side in _SIDES]
    rows = [
        (nw.col("_ik_differs") == 1, "conflicting"),
        (nw.col(_HERE["after"]) == 0, "vanished"),
        (nw.col(_HERE["before"]) == 0, "appeared"),
        (has("after", "associated") & ~has("before", "associated"), "became_associated"),
        (failed[1] & ~failed[0], "newly_failed"),
        (failed[0] & failed[1] & (causes[0] != causes[1]), "cause_changed"),
    ]
    return first_of([(condition, nw.lit(name)) for condition, name in rows], nw.lit(SAME))


def _with_rejected(customers: Any, records: Any, rejected: Sequence[Any]) -> Any:
    """Change ``appeared`` and ``vanished`` to ``row_rejected`` where a rejected row names the customer."""
    for change, rows in zip(("appeared", "vanished"), rejected, strict=True):
        if rows is None or not count_rows(rows):
            continue
        customers = materialize(customers)
        concerned = customers.filter(nw.col("change") == change).select("customer_id")
        own = records.join(concerned, on="customer_id", how="semi").with_columns(_ik_customer=nw.col("customer_id"))
        own = materialize(own)
        addresses = own.select("_ik_customer", _ik_address=address()).unique()
        # The rows are of the other snapshot, whether it is older or newer.
        newest = own.filter(nw.col("is_latest_of_customer")).with_columns(snapshot_at=nw.lit(None, nw.Datetime("us")))
        named = with_rejected(newest, own, addresses, rows, "en").filter(~nw.col(REJECTED).is_null())
        customers = customers.join(named.select("customer_id", REJECTED), on="customer_id", how="left")
        is_rejected = ~nw.col(REJECTED).is_null()
        customers = customers.with_columns(change=first_of([(is_rejected, nw.lit("row_rejected"))], nw.col("change")))
        customers = customers.drop(REJECTED)
    return customers


def compare_snapshots(
    history: Any,
    before: When = None,
    after: When = None,
    *,
    moments: Sequence[dt.datetime] | None = None,
    rejected: Any = None,
    catalogue: Catalogue | None = None,
    language: Language = "en",
) -> Comparison:
    """Compare two snapshots of one history, each annotated as of its own moment; see ``compare``.

    Without ``before``, a snapshot that seems to be partial is passed over: a customer whom it lacks is not new later,
    and may have failed or associated since.

    Args:
        history: Records of several snapshots, as ``load`` returns them.
        before: The date (all snapshots of that day together) or exact time of the earlier snapshot; default: the
            last one before ``after`` that does not seem to be partial.
        after: The date or time of the later snapshot; default: the newest.
        moments: The times of all snapshots, in order; default: those in the history.
        rejected: The rejected rows of all snapshots, of any engine; see ``compare``.
        catalogue: The known failure messages; default: the built-in ones.
        language: Of the causes.

    Raises:
        ArgumentError: There is no such snapshot, or no second one; the message lists those that exist.
    """
    frame: Any = as_narwhals(history)
    unread: Any = None if rejected is None else as_narwhals(rejected)
    dated = collect(frame.group_by("snapshot_at").agg(n=nw.len()))
    records_of = dict(zip(dated["snapshot_at"].to_list(), dated["n"].to_list(), strict=True))
    if undated := records_of.pop(None, 0):
        raise SchemaError(
            _(
                "{undated:,} of {records:,} records belong to no snapshot: nothing says when they were exported.",
                undated=undated,
                records=undated + sum(records_of.values()),
            ),
            hint=_("put the date into their file's name (history_2026-03-30.csv), or leave that file out."),
        )
    moments = sorted(records_of) if moments is None else moments
    earlier, later = _find_two(moments, before, after)
    # Few columns: filtering an eager frame copies them all.
    used = {*ANNOTATING, *_NEEDED, *OPTIONAL}
    frame = frame.select(*(name for name in frame.collect_schema().names() if name in used))

    def within(rows: Any, span: Span) -> Any:
        first, until = literal(span[0]), literal(span[1] + dt.timedelta(seconds=1))
        return rows.filter((nw.col("snapshot_at") >= first) & (nw.col("snapshot_at") < until))

    def snapshot(span: Span) -> Any:
        return annotate(within(frame, span).to_native(), as_of=span[1], catalogue=catalogue, language=language)

    newest = snapshot(later)

    def compared(span: Span) -> Comparison:
        unreadable = [None if unread is None else within(unread, side) for side in (span, later)]
        return replace(compare(snapshot(span), newest, rejected=unreadable), before_at=span[1], after_at=later[1])

    comparison = compared(earlier)
    if before is not None:
        return comparison
    days = sorted({at.date() for at in moments if at.date() <= earlier[1].date()})
    few = _few(comparison.after.customers)
    for day in reversed(days[-1 - _LOOK_BACK : -1]):
        if comparison.counts["appeared"] <= few:
            break
        further = compared(_find(moments, day))
        if further.counts["appeared"] < comparison.counts["appeared"] - few:
            comparison = replace(further, passed_over=tuple(other for other in days if other > day))
    return comparison


def _few(customers: int) -> float:
    """Return how many customers a whole snapshot may lack, of those of another one."""
    return max(FEW, customers * ResendRules().vanished_percent / 100)


def _find_two(moments: Sequence[dt.datetime], before: When, after: When) -> tuple[Span, Span]:
    """Return the first and last time of the earlier and of the later snapshot."""
    earlier = None if before is None else _find(moments, before, "before")
    later = _newest(moments, None) if after is None else _find(moments, after, "after")
    earlier = earlier or _newest(moments, later[0])
    if earlier[1] >= later[0]:
        raise ArgumentError(_("The first snapshot is not older than the second."), hint=_("give the older one first."))
    return earlier, later


def _newest(moments: Sequence[dt.datetime], earlier_than: dt.datetime | None) -> Span:
    candidates = [at for at in moments if earlier_than is None or at.date() < earlier_than.date()]
    if not candidates:
        raise ArgumentError(_("There is no earlier snapshot to compare with."), hint=_hint(moments))
    return _find(moments, candidates[-1].date())


def _find(moments: Sequence[dt.datetime], at: dt.datetime | dt.date, name: str = "at") -> Span:
    start = as_utc(at, name)
    end = start if isinstance(at, dt.datetime) else start + _DAY
    matches = [moment for moment in moments if start <= moment <= end]
    if not matches:
        raise ArgumentError(_("There is no snapshot of {time}.", time=_shown(start)), hint=_hint(moments))
    return matches[0], matches[-1]


def _hint(moments: Sequence[dt.datetime]) -> Message:
    shown = ", ".join(_shown(moment) for moment in moments[-_LISTED:])
    if not shown:
        return _("there are none; add files first.")
    if len(moments) > _LISTED:
        return _("the newest {listed} of {count}: {times}.", listed=_LISTED, count=len(moments), times=shown)
    return _("there are: {times}.", times=shown)


def _shown(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%d}" if moment.time() == dt.time() else f"{moment:%Y-%m-%d %H:%M:%S}"
