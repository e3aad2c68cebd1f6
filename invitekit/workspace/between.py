"""Which two snapshots are meant, and what happened between them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

import duckdb

from invitekit.annotate import Language, annotate
from invitekit.catalogue import Catalogue
from invitekit.errors import ArgumentError, SchemaError
from invitekit.load.sql import rows
from invitekit.moments import as_utc
from invitekit.workspace.comparing import compare
from invitekit.workspace.comparison import Comparison

When = dt.datetime | dt.date | None
Span = tuple[dt.datetime, dt.datetime]
_LISTED = 20
_DAY = dt.timedelta(days=1, microseconds=-1)


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
    """Give the moments of a query's snapshots, in order."""
    return [row[0] for row in rows(con, f"select distinct snapshot_at from ({snapshots}) order by 1")]


def find_two(moments: Sequence[dt.datetime], before: When, after: When) -> tuple[Span, Span]:
    """Give first and last moment of both snapshots."""
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
