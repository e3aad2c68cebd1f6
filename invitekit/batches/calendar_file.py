"""Write the dates of a plan as a calendar: when customers may be invited again, when pre-registrations lapse."""

from __future__ import annotations

import datetime as dt
import uuid
from pathlib import Path
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from invitekit.engine.frames import as_narwhals
from invitekit.i18n import Language, read_texts
from invitekit.model.vocabularies import RESENDS
from invitekit.planning import PlanSettings, ResendRules

FILE = "dates.ics"
_NAMESPACE = uuid.UUID("7f0b7a5e-3a4e-4f0e-9a51-6f1a5f6b3c1d")
_MOST_NAMES = 100
"""Customers named in one event; the others are counted."""


def dates(plan: Any, rules: ResendRules) -> pl.DataFrame:
    """Return the coming dates of a plan.

    Returns:
        ``kind`` (``retry``: a resend is allowed from then; ``lapse``: a pre-registration ends), ``day`` (UTC; of a
        retry, the first whole day on which it is allowed), ``customers`` (a count), ``names`` (their account names,
        else full names).
    """
    frame: Any = as_narwhals(plan)
    frame = frame.filter(nw.col("decision") != "superseded")
    since = [name for name in ("pre_registered_at", "invited_at") if name in frame.collect_schema().names()]
    ends = nw.coalesce(*since).dt.offset_by(f"{rules.pre_registration_days}d")
    # The date of a pending review is the day on which to ask for it, and the last attempt is not repeated.
    is_waiting = ~nw.col("decision").is_in(list(RESENDS)) & (nw.col("reason_code") != "pending_review")
    is_waiting = is_waiting & (nw.col("attempts") < rules.max_attempts)
    parts = [
        ("retry", frame.filter(is_waiting), nw.col("retry_at")),
        ("lapse", frame.filter(nw.col("status") == "pre_registered"), ends),
    ]
    rows = [
        part.filter(at > nw.col("planned_at")).select(
            kind=nw.lit(kind), _at=at, _name=nw.coalesce("account_name", "customer_full_name")
        )
        for kind, part, at in parts
    ]
    table: pl.DataFrame = nw.concat([part.lazy().collect("polars") for part in rows]).to_native()
    midnight = pl.col("_at").dt.truncate("1d")
    is_later = (pl.col("kind") == "retry") & (pl.col("_at") > midnight)
    day = pl.when(is_later).then(midnight.dt.offset_by("1d")).otherwise(midnight).dt.date()
    grouped = table.group_by("kind", day.alias("day"))
    names = pl.col("_name").drop_nulls().unique().sort()
    return grouped.agg(customers=pl.len(), names=names).sort("kind", "day")


def write(plan: Any, path: Path, settings: PlanSettings, *, language: Language, names: bool) -> int:
    """Write an all-day event for each date, and return how many there are; write no file if there are none.

    Events name customers, or contain counts only. A later plan's events replace those of the same day in a calendar,
    as their UIDs are the same.
    """
    import icalendar  # noqa: PLC0415 - slow to import, and only written last

    words = read_texts(__package__, "words.toml", language)["calendar"]
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//invitekit//plan//EN")
    calendar.add("version", "2.0")
    table, as_of = dates(plan, settings.rules), settings.as_of
    if table.is_empty():  # some calendars refuse a file without events
        return 0
    for row in table.iter_rows(named=True):
        event = icalendar.Event()
        event.add("uid", str(uuid.uuid5(_NAMESPACE, f"{row['kind']} {row['day']}")))
        event.add("dtstamp", as_of.replace(tzinfo=dt.UTC))
        event.add("dtstart", row["day"])
        event.add("dtend", row["day"] + dt.timedelta(days=1))
        event.add("transp", "TRANSPARENT")
        event.add("summary", words[row["kind"]].format(count=f"{row['customers']:,}"))
        lines = [words["description"].format(moment=f"{as_of:%Y-%m-%d %H:%M}")]
        if names:
            lines += row["names"][:_MOST_NAMES]
            others = row["customers"] - min(len(row["names"]), _MOST_NAMES)
            lines += [words["others"].format(count=f"{others:,}")] if others else []
        event.add("description", "\n".join(lines))
        calendar.add_component(event)
    path.write_bytes(calendar.to_ical())
    return table.height
