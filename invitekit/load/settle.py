"""Settle what one pass could not: rare time forms, unknown codes, messages from a second file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

from invitekit.load import cells, times
from invitekit.load.intake import CODES, TIMES, Intake, raw_column
from invitekit.load.sql import lit, one, rows, run
from invitekit.load.staging import ensure, kept, present, refuse
from invitekit.load.times import Evidence, Order
from invitekit.model.vocabularies import UNKNOWN

BATCH = 100_000
ASSUMED = "nothing: assumed"


@dataclass(frozen=True, slots=True)
class DateFinding:
    """How one time column of one file was read.

    Attributes:
        file, column: Where.
        forms: Example of each form with its count of cells.
        order: What ``03/04/2025`` was taken to mean, or None when no cell needed an order.
        decided_by: What settled the order: the column's own cells, another column of the file,
            the argument, or nothing (assumed).
        evidence: The cells that speak for either order.
        without_offset: Cells read in the default time zone because they name no offset.
        unreadable: Cells that are no time; their rows are among the rejects.
    """

    file: str
    column: str
    forms: dict[str, int]
    order: Order | None = None
    decided_by: str | None = None
    evidence: Evidence = field(default_factory=Evidence)
    without_offset: int = 0
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class _Column:
    """One time column of one source in the staging table, and where its times were written."""

    con: duckdb.DuckDBPyConnection
    intake: Intake
    name: str
    zone: str

    @property
    def raw(self) -> str:
        return raw_column(self.name)

    @property
    def left(self) -> str:
        return f"from ik_staging where _ik_file = {self.intake.number} and {self.raw} is not null"

    def rows(self, query: str) -> list[Any]:
        return rows(self.con, query)


def settle_times(
    con: duckdb.DuckDBPyConnection, intake: Intake, zone: str, *, day_first: bool | None
) -> list[DateFinding]:
    """Read the times that the main form of their column left over; refuse rows with unreadable ones."""
    columns = [_Column(con, intake, n, zone) for n in TIMES if n in intake.headers.canonical.values()]
    evidence = {column.name: _evidence(column) for column in columns}
    orders = decide_orders(evidence, day_first=day_first)
    return [_settle_column(c, evidence[c.name], *orders[c.name]) for c in columns]


def decide_orders(evidence: dict[str, Evidence], *, day_first: bool | None) -> dict[str, tuple[Order, str]]:
    """Decide per column whether the day or the month comes first, and say by what."""
    proven = {name: e.order for name, e in evidence.items() if e.order is not None}
    decided: dict[str, tuple[Order, str]] = {}
    for name in evidence:
        if day_first is not None:
            decided[name] = ("day first" if day_first else "month first", "the argument day_first")
        elif name in proven:
            decided[name] = (proven[name], "its own cells")
        elif proven:
            other, order = next(iter(proven.items()))
            decided[name] = (order, f"the column {other} of the same file")
        else:
            decided[name] = ("day first", ASSUMED)
    return decided


def _evidence(column: _Column) -> Evidence:
    # The clock does not matter for the order: without it few distinct texts are left.
    date = f"regexp_extract(coalesce(ik_trim({column.raw}), ''), '^[^ ]*')"
    return times.weigh(column.rows(f"select {date}, count(*) {column.left} group by 1"))


def _settle_column(column: _Column, evidence: Evidence, order: Order, decided_by: str) -> DateFinding:
    forms: Counter[str] = Counter()
    without = _count_main(column, forms)
    if column.rows(f"select 1 {column.left} limit 1"):
        without += _slashed(column, order, forms) + _one_by_one(column, order, forms)
    reason = "is no time that can be read" + (f" ({order})" if evidence.order else "")
    condition = f"{column.raw} is not null and {column.name} is null"
    unreadable = refuse(column.con, column.intake, condition, column.name, reason)
    asked = evidence.day_first + evidence.month_first + evidence.either > 0
    return DateFinding(
        file=column.intake.table.name,
        column=column.name,
        forms=dict(forms),
        order=order if asked else None,
        decided_by=decided_by if asked else None,
        evidence=evidence,
        without_offset=without,
        unreadable=unreadable,
    )


def _count_main(column: _Column, forms: Counter[str]) -> int:
    """Count the cells that the reading pass parsed already; give those without an offset."""
    intake = column.intake
    count = one(column.con, f"select count({column.name}) from ik_staging where _ik_file = {intake.number}")
    if not count:
        return 0
    form = intake.forms.get(column.name)
    if form is None:
        kind = intake.table.column_type(intake.headers.position_of(column.name))
        forms[f"typed {kind.lower()}"] = count
        return 0 if "TIME ZONE" in kind else count
    forms[next(example for example, f in times.FORMS.items() if f == form)] = count
    return 0 if form.endswith(("%z", "Z")) else count


def _slashed(column: _Column, order: Order, forms: Counter[str]) -> int:
    """Read the cells written with slashes all at once, now that the order is decided."""
    raw, total = column.raw, 0
    for example, form in times.SLASHED[order].items():
        parsed = cells.time(form, column.zone, raw)
        where = f"_ik_file = {column.intake.number} and {raw} is not null and {parsed} is not null"
        done = run(column.con, f"update ik_staging set {column.name} = {parsed}, {raw} = null where {where}")
        if done:
            forms[example] += done
            total += done
    return total


def _one_by_one(column: _Column, order: Order, forms: Counter[str]) -> int:
    """Read every other distinct text in Python: the few there are, or the many of a rare form."""
    without, zone, raw, epoch = 0, times.time_zone(column.zone), column.raw, column.intake.table.epoch
    for batch in _distinct(column):
        read = {text: time for text, _ in batch if (time := times.read_time(text, order, zone, epoch))}
        nothing = [text for text, _ in batch if cells.is_nothing(text)]
        for text, count in batch:
            if text in read:
                forms[read[text].form] += count
                without += 0 if read[text].has_offset else count
        at = [*(time.value for time in read.values()), *(None for _ in nothing)]
        texts = pa.array([*read, *nothing], pa.string())
        column.con.register("ik_read", pa.table({"text": texts, "at": pa.array(at, pa.timestamp("us"))}))
        run(
            column.con,
            f"update ik_staging set {column.name} = ik_read.at, {raw} = null from ik_read "
            f"where _ik_file = {column.intake.number} and {raw} = ik_read.text",
        )
        column.con.unregister("ik_read")
    return without


def _distinct(column: _Column) -> Iterator[list[tuple[str, int]]]:
    run(
        column.con,
        f"create or replace temp table ik_left as select {column.raw} as text, count(*) as n {column.left} group by 1",
    )
    for start in range(0, one(column.con, "select count(*) from ik_left"), BATCH):
        yield column.rows(f"select text, n from ik_left where rowid >= {start} and rowid < {start + BATCH}")


def settle_codes(con: duckdb.DuckDBPyConnection, intake: Intake) -> dict[str, dict[str, int]]:
    """Map code texts that the look ahead did not see; what no vocabulary knows becomes unknown.

    The raw text of an unknown code is kept in ``unrecognised``. A record whose status is empty
    is unknown too, and counted under an empty text.

    Returns:
        Per code column, each unknown text with its count.
    """
    mine = f"_ik_file = {intake.number}"
    unknown: dict[str, dict[str, int]] = {}
    for name in [code for code in CODES if code in present(con)]:
        left = rows(
            con,
            f"select substr({name}, 2), count(*) filter ({kept(con)}) from ik_staging "
            f"where {mine} and {name} >= {cells.MARK} group by 1",
        )
        if left:
            unknown[name] = _recode(con, intake, name, left)
    empty = one(con, f"select count(*) from ik_staging where {mine} and status is null and {kept(con)}")
    run(con, f"update ik_staging set status = '{UNKNOWN}' where {mine} and status is null")
    if empty:
        unknown.setdefault("status", {})[""] = empty
    return {name: texts for name, texts in unknown.items() if texts}


def _recode(con: duckdb.DuckDBPyConnection, intake: Intake, name: str, left: list[tuple[str, int]]) -> dict[str, int]:
    texts = [text for text, _ in left]
    known: dict[str, str | None] = {**cells.known_texts(name, texts)}
    known |= {text: None for text in texts if cells.is_nothing(text)}
    codes = [known.get(text, UNKNOWN) for text in texts]
    if UNKNOWN in codes:
        ensure(con, "unrecognised")
    # Not through Arrow: making its arrays would import pandas where that is installed, half a second.
    given = "unnest(?::varchar[]) as text, unnest(?::varchar[]) as code"
    run(con, f"create or replace temp table ik_meant as select {given}", [texts, codes])
    words = f"concat_ws('; ', unrecognised, {lit(f'{name}: ')} || m.text)"
    noted = f", unrecognised = case when m.code = '{UNKNOWN}' then {words} else unrecognised end"
    changed = f"{name} = m.code" + (noted if "unrecognised" in present(con) else "")
    where = f"_ik_file = {intake.number} and {name} >= {cells.MARK} and {name} = {cells.MARK} || m.text"
    run(con, f"update ik_staging set {changed} from ik_meant m where {where}")
    return {text: count for text, count in left if text not in known and count}
