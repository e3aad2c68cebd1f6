"""The query that reads a source: which expression fills which staging column."""

from __future__ import annotations

import duckdb

from invitekit.load import cells, times
from invitekit.load.intake import CODES, TIMES, Intake, raw_column
from invitekit.load.sql import ident, lit, rows, run
from invitekit.load.table import ROW, Table

SAMPLE = 2000
"""Rows that tell the usual texts and forms of a source; the others are settled afterwards."""


def look_ahead(con: duckdb.DuckDBPyConnection, intake: Intake) -> None:
    """Learn from the first rows which texts the codes have and which form the times have."""
    wanted = {p: n for p, n in intake.headers.canonical.items() if n in TIMES or n in CODES}
    if not wanted:
        return
    head = intake.table.head
    if head is None:
        picked = ", ".join(f"c{p}::varchar as c{p}" for p in wanted)
        run(con, f"create or replace temp table ik_ahead as select {picked} from {intake.table.scan} limit {SAMPLE}")
    else:
        given = ", ".join(f"unnest(?::varchar[]) as c{p}" for p in wanted)
        run(con, f"create or replace temp table ik_ahead as select {given}", [[row[p] for row in head] for p in wanted])
    for position, name in wanted.items():
        if name in CODES:
            found = rows(
                con, f"select c{position} from ik_ahead where c{position} is not null group by 1 order by count(*) desc"
            )
            intake.codes[name] = cells.known_texts(name, [row[0] for row in found])
        else:
            intake.forms[name] = _main_form(con, f"c{position}")


def _main_form(con: duckdb.DuckDBPyConnection, raw: str) -> str | None:
    counts = ", ".join(f"count(try_strptime({raw}, {lit(form)}))" for form in times.FORMS.values())
    row = rows(con, f"select {counts} from ik_ahead")[0]
    best = max(zip(row, times.FORMS.values(), strict=True), key=lambda pair: pair[0])
    return best[1] if best[0] else None


def columns(intake: Intake, zone: str) -> tuple[list[str], list[str]]:
    """Pair each staging column with the expression that fills it."""
    names, values = ["_ik_file"], [str(intake.number)]
    if intake.table.numbered:
        names.append(ROW)
        values.append(ROW)
    for position, name in intake.headers.canonical.items():
        for column, value in _cell(intake, position, name, zone):
            names.append(ident(column))
            values.append(value)
    for position, name in intake.headers.extra.items():
        names.append(ident(name))
        values.append(cells.text(name, _as_varchar(intake.table, position)))
    return names, values


def _cell(intake: Intake, position: int, name: str, zone: str) -> list[tuple[str, str]]:
    raw, kind = f"c{position}", intake.table.column_type(position)
    if name in CODES:
        return [(name, cells.code(intake.codes.get(name, {}), _as_varchar(intake.table, position, cells.MARK)))]
    if name not in TIMES:
        return [(name, cells.text(name, _as_varchar(intake.table, position, cells.MARK)))]
    if kind.startswith(("TIMESTAMP", "DATE")):
        local = "TIME ZONE" not in kind and zone != "UTC"
        typed = f"timezone({lit(zone)}, {raw}::timestamp)::timestamp" if local else f"{raw}::timestamp"
        bad = f"case when {raw} is not null and ik_in_range({typed}) is null then {raw}::varchar end"
        return [(name, f"ik_in_range({typed})"), (raw_column(name), bad)]
    text = _as_varchar(intake.table, position)
    parsed = cells.time(intake.forms.get(name), zone, text)
    return [(name, parsed), (raw_column(name), f"case when {parsed} is null then {text} end")]


def _as_varchar(table: Table, position: int, mark: str = "''") -> str:
    kind, raw = table.column_type(position), f"c{position}"
    if kind in ("DOUBLE", "FLOAT") or kind.startswith("DECIMAL"):
        # A mobile that went through a spreadsheet or pandas is a float: 13800001111.0.
        whole = f"{raw} = floor({raw}) and abs({raw}) < 1e18"
        nothing = f"isnan({raw}::double)"
        return f"case when {nothing} then null when {whole} then {raw}::bigint::varchar else {raw}::varchar end"
    if kind == "BLOB":
        return f"coalesce(try(decode({raw})), {mark} || {raw}::varchar)"
    return raw if kind == "VARCHAR" else f"{raw}::varchar"
