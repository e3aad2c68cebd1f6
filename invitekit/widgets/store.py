"""The records of one screen as a stored table for many queries at the same time."""

from __future__ import annotations

import contextlib
import itertools
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from invitekit.engine.arrow import as_table
from invitekit.engine.duckdb import connection_of, ident, lit, one, rows, run
from invitekit.engine.scratch_dirs import ScratchDir, scratch_dir
from invitekit.engine.text import PLAIN
from invitekit.errors import ArgumentError
from invitekit.i18n import _
from invitekit.model.catalogue import read_catalogue
from invitekit.model.filters import BETWEEN_DIGITS, COLUMNS, SEARCHED, SENT
from invitekit.model.identity import ALONE
from invitekit.widgets.conditions import DATED, DAY, GROUP, KEY, MIX, ONCE, OURS, SEARCH, VARIED

SMALL = ("effective_status", "invitation_method", "association_type", "failure_code", "who_acts", "decision")
"""Columns of few values: their counts by day answer every choice among them without a look at the rows."""
ALSO = ("account_manager", "custom_tag", "country", "snapshot_at", "batch")
"""Columns of more values that a filter looks at: counted beside the small ones, each for itself, by day and without."""
Derive = Callable[[duckdb.DuckDBPyRelation, duckdb.DuckDBPyConnection], duckdb.DuckDBPyRelation]
"""Makes of the records, on the connection that reads them, what a screen stores."""
CUBE, MIXES = "cube", "mixes"
_COUNTS = 1_000_000
"""So many counts are read in a moment."""
_MIXES = 300_000
"""With more distinct combinations, their numbers are not faster than the values themselves."""
_GIVEN = "ik_given"
_NUMBERS = itertools.count(1)


class Store:
    """The rows of a screen: numbered in the order in which they are first shown, with what is searched in one column.

    Rows that are shown by default come before all others: group by group, the best rank first, where there are groups,
    else as they came.

    They lie in a file in a private folder, which goes with the store: ten million rows in memory would
    take ten times the room. A relation is read on a cursor of its connection, so a cell may use the connection at
    the same time; where it reads a temporary table, which no cursor sees, it is read at once.

    Args:
        records: A frame of any engine.
        derive: Computes the stored rows on the connection that reads the records; may take long.
        once: The SQL condition of the rows that are shown by default, on what is stored.
        group: The SQL of the group of a row, on what is stored; such rows have a ``rank``, by which groups are ordered.

    Attributes:
        groups: The groups in their order: by the best rank, then by their number of rows.
        once: How many rows are shown by default.
        facts: What the headline says besides the rows shown: see ``_facts``.
        causes: Of codes that the built-in failures lack, the cause and the advice that the records have for them.
        mixed: Whether the table ``mixes`` has the values of ``carried`` behind each row's number.
    """

    def __init__(
        self,
        records: Any,
        derive: Derive | None = None,
        *,
        once: str = "true",
        group: str | None = None,
    ) -> None:
        folder = scratch_dir()
        self._schema = f"ik_screen_{next(_NUMBERS)}"
        self._con, self._source, owner, self._given = _opened(records, folder.name)
        self.close = weakref.finalize(self, _leave, self._con, self._schema, folder)
        self._derive = derive
        self.kinds = _kinds(self._con.sql(f"select * from ({self._source}) limit 0"))
        self.total: int | None = None
        self.once, self._once = 0, once
        self.groups, self._group = list[str](), group
        self.mixed = False
        self.causes: dict[str, list[str]] = {}
        self.facts: dict[str, int] = {}
        run(self._con, f"attach {lit(str(Path(folder.name) / 'rows.duckdb'))} as {self._schema}")
        run(self._con, f"attach ':memory:' as {self.aside}")
        if owner is not None:
            self._store(derive(records, owner) if derive else records, self._con)

    @property
    def aside(self) -> str:
        """Where tables lie that are made for a view, and given up with it: in memory, and on disk beyond that."""
        return f"{self._schema}_aside"

    @property
    def names(self) -> list[str]:
        """The columns that the records have."""
        return list(self.kinds)

    @property
    def carried(self) -> list[str]:
        """The columns that are counted and filtered by."""
        return [ONCE, *[GROUP] * (self._group is not None), *(name for name in (*SMALL, *ALSO) if name in self.kinds)]

    @property
    def ready(self) -> bool:
        """Whether the rows are stored; before that only ``preview`` answers."""
        return self.total is not None

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Open a connection for one question: to the tables ``records`` and ``cube`` once there are such."""
        con = self._con.cursor()
        if self.ready:
            run(con, f"set search_path = '{self._schema},{self.aside}'")
        elif self._given is not None:
            con.register(_GIVEN, self._given)  # each connection sees only the objects that were registered with it
        return con

    def build(self, con: duckdb.DuckDBPyConnection) -> None:
        """Store the rows, and count them; can be interrupted and done again."""
        if not self.ready:
            given = con.sql(self._source)
            self._store(self._derive(given, con) if self._derive else given, con)

    def preview(self, con: duckdb.DuckDBPyConnection, first: int) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return the columns and the first rows as the source has them, while all are being stored."""
        asked = f"select * from ({self._source}) limit {int(first)}"
        if self.ready:
            asked = (
                f"select * exclude ({', '.join(OURS)}) from {self._schema}.records order by {KEY} limit {int(first)}"
            )
        found = con.sql(asked)
        return found.columns, found.fetchall()

    def _store(self, relation: duckdb.DuckDBPyRelation, con: duckdb.DuckDBPyConnection) -> None:
        self.kinds = _kinds(relation)
        if self._group is not None:
            groups = f"select {self._group} from ik_screen group by 1 order by min(rank) nulls last, count(*) desc, 1"
            found: Any = relation.query("ik_screen", groups)
            self.groups = [group for (group,) in found.fetchall()]
        run(con, f"create or replace table {self._schema}.records ({self._declared()})")
        for shown in (True, False):
            relation.query("ik_screen", f"insert into {self._schema}.records {self._rows('ik_screen', shown=shown)}")
            self.once = self.once if not shown else one(con, f"select count(*) from {self._schema}.records")
            if self._once == "true":
                break
        self._finish(con)

    def _declared(self) -> str:
        """The columns stored; what is searched lies unpacked, as packing takes longest, and slows a search."""
        given = [f"{ident(name)} {kind}" for name, kind in self.kinds.items()]
        search = f"{SEARCH} varchar using compression uncompressed, {VARIED} varchar"
        return ", ".join(
            [f"{KEY} bigint", *given, search, f"{DAY} date", f"{ONCE} boolean", f"{GROUP} usmallint", f"{MIX} ubigint"]
        )

    def _rows(self, source: str, *, shown: bool) -> str:
        """The SQL of the rows that are shown by default, or of all others, numbered behind these."""
        searched = [ident(name) for name in SEARCHED if name in self.kinds]
        searched += [f"translate(mobile::varchar, '{BETWEEN_DIGITS}', '')"] * ("mobile" in self.kinds)
        search = f"lower(concat_ws('\n', {', '.join(searched)}))" if searched else "''"
        sent = next((name for name in SENT if name in self.kinds), None)
        day = f"{ident(sent)}::date" if sent else "null::date"
        mix = ", ".join([str(shown), *map(ident, self.carried[1:])])
        place = self._place()
        own = f"{search} as {SEARCH}, {day} as {DAY}, {shown} as {ONCE}, {place} as {GROUP}, hash({mix}) as {MIX}"
        number = f"row_number() over () - 1 + {0 if shown else self.once}"
        source = f"{source} where coalesce({self._once}, false) = {shown}"
        if self.groups and shown:
            numbered = f"(select *, row_number() over () as ik_came from {source})"
            source = f"{numbered} order by {place}, rank nulls last, ik_came"
        # Bytes and letters are as many in ASCII, which has no other spellings.
        has_others = f"strlen({SEARCH}) <> length({SEARCH}) and regexp_matches({SEARCH}, {lit(f'[^{PLAIN}]')})"
        others = f"regexp_replace({SEARCH}, {lit(f'[{PLAIN}]+')}, '', 'g')"
        varied = f"case when {has_others} then {others} end as {VARIED}"
        columns = [KEY, *map(ident, self.kinds), SEARCH, varied, DAY, ONCE, GROUP, MIX]
        return f"select {', '.join(columns)} from (select {number} as {KEY}, *, {own} from (from {source}))"

    def _place(self) -> str:
        """The SQL of the place of a row's group."""
        return f"list_position([{', '.join(map(lit, self.groups))}], {self._group}) - 1" if self.groups else "0"

    def _finish(self, con: duckdb.DuckDBPyConnection) -> None:
        """Count the rows by day and small column, and by each column of more values and the small ones."""
        group = [GROUP] * (self._group is not None)
        small = [ONCE, *group, *(name for name in (*SMALL, "batch") if name in self.kinds)]
        self._count(con, CUBE, [DAY, *small])
        self.mixed = self._mix(con)
        for name in ALSO:
            if name in self.kinds:
                by = list(dict.fromkeys([name, *small]))
                self._count(con, f"{CUBE}_{name}", by, mixed=self.mixed)
                self._count_days(con, f"{CUBE}_{name}_days", [DAY, *by])
        self.causes, self.facts = self._causes(con), self._facts(con)
        self.total = one(con, f"select count(*) from {self._schema}.records")

    def _facts(self, con: duckdb.DuckDBPyConnection) -> dict[str, int]:
        """Count what a headline says besides the rows; empty where the records are not resolved.

        Returns:
            ``rows`` of all files; among those shown by default ``not_sent`` (customers who are not invited yet) and
            ``masked`` (not followed, so each counts by itself); ``masked_before``, of earlier snapshots, which
            may be the same ones and are not shown.
        """
        if not {"invitation_id", "attempt_no"} <= self.kinds.keys():
            return {}
        masked = f"starts_with(invitation_id, {lit(ALONE)})"
        wanted = {"rows": "true", "not_sent": f"{ONCE} and attempt_no = 0", "masked": f"{ONCE} and {masked}",
                  "masked_before": f"not {ONCE} and {masked}"}  # fmt: skip
        counted = ", ".join(f"count(*) filter ({condition})" for condition in wanted.values())
        return dict(zip(wanted, rows(con, f"select {counted} from {self._schema}.records")[0], strict=True))

    def _causes(self, con: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
        if not {"failure_code", "cause", "advice"} <= self.kinds.keys():
            return {}
        codes = rows(con, f"select distinct failure_code from {self.aside}.{CUBE} where failure_code is not null")
        own = ", ".join(lit(code) for (code,) in codes if read_catalogue().by_code(code) is None)
        if not own:
            return {}
        said = "failure_code, coalesce(any_value(cause), failure_code), coalesce(any_value(advice), '')"
        asked = f"select {said} from {self._schema}.records where failure_code in ({own}) group by failure_code"
        return {code: words for code, *words in rows(con, asked)}

    def _mix(self, con: duckdb.DuckDBPyConnection) -> bool:
        """List the mixtures of values, and say whether each has a number that no other has."""
        if one(con, f"select approx_count_distinct({MIX}) from {self._schema}.records") > _MIXES:
            return False
        self._count(con, MIXES, [MIX, *self.carried])
        return bool(one(con, f"select count(*) = count(distinct {MIX}) from {self.aside}.{MIXES}"))

    def _count_days(self, con: duckdb.DuckDBPyConnection, table: str, names: list[str]) -> None:
        """Count the rows by day too; where that are nearly as many counts as rows, the rows themselves serve."""
        by, of = ", ".join(map(ident, names)), f"{self._schema}.records"
        if one(con, f"select approx_count_distinct(hash({by})) from {of}") > _COUNTS:
            run(con, f"create or replace view {self.aside}.{table} as select {by}, 1 as n from {of}")
            return
        self._count(con, table, names)

    def _count(self, con: duckdb.DuckDBPyConnection, table: str, names: list[str], *, mixed: bool = False) -> None:
        """Make a table of counts, apart from the file of the rows: there all of it would be written again."""
        n, among = ("sum(n)::bigint", f"{self.aside}.{MIXES}") if mixed else ("count(*)", f"{self._schema}.records")
        counted = f"select {', '.join(map(ident, names))}, {n} as n from {among} group by all"
        run(con, f"create or replace table {self.aside}.{table} as {counted}")


def cube(names: set[str]) -> str | None:
    """Return the table of counts that answers restrictions of these names alone, if there is one."""
    columns = {COLUMNS.get(name) for name in names - {*DATED}} - {*SMALL, "batch"}
    if not columns:
        return CUBE
    (column, *more), days = columns, "_days" if names & {*DATED} else ""
    return f"{CUBE}_{column}{days}" if not more and column in ALSO else None


def _opened(
    records: Any, folder: str
) -> tuple[duckdb.DuckDBPyConnection, str, duckdb.DuckDBPyConnection | None, pa.Table | None]:
    """Open a connection of our own, and return it with the SQL of the records on it and what it needs besides.

    That is the connection of a relation that only its own connection can read, or the rows of any other frame,
    without a copy.
    """
    if isinstance(records, duckdb.DuckDBPyRelation):
        owner = connection_of(records)
        if owner is None:
            copy = str(Path(folder) / "source.parquet")
            records.to_parquet(copy)
            return _connect(folder), f"select * from read_parquet({lit(copy)})", None, None
        own = owner.cursor()
        with contextlib.suppress(duckdb.Error):
            query = records.sql_query()
            own.sql(f"select * from ({query}) limit 0")
            return own, query, None, None
        return own, _typed(records), owner, None
    con = _connect(folder)
    given = as_table(records)
    con.register(_GIVEN, given)
    return con, f"select * from {_GIVEN}", None, given


def _connect(folder: str) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(config={"temp_directory": folder})
    run(con, "set enable_progress_bar = false")
    run(con, "set TimeZone = 'UTC'")
    return con


def _leave(con: duckdb.DuckDBPyConnection, schema: str, folder: ScratchDir) -> None:
    """Let go of a store's file, and remove it: a database that stays attached keeps its room on disk."""
    with contextlib.suppress(duckdb.Error):  # the connection may be closed, and its databases with it
        run(con, f"detach database if exists {schema}")
        run(con, f"detach database if exists {schema}_aside")
    folder.cleanup()


def _kinds(relation: duckdb.DuckDBPyRelation) -> dict[str, str]:
    """Return the columns and their types.

    Raises:
        ArgumentError: One has a name that the screen needs for its own.
    """
    for name in relation.columns:
        if name.lower() in OURS:
            raise ArgumentError(
                _("A column is named {column}, as one of the screen's own.", column=name), hint=_("rename the column.")
            )
    return dict(zip(relation.columns, map(str, relation.types), strict=True))


def _typed(relation: duckdb.DuckDBPyRelation) -> str:
    """The SQL of no rows with a relation's columns: what a connection that does not see it can say of it."""
    pairs = zip(relation.columns, relation.types, strict=True)
    return f"select {', '.join(f'null::{kind} as {ident(name)}' for name, kind in pairs)} limit 0"
