"""The records of one screen as a stored table that answers many queries at the same time."""

from __future__ import annotations

import contextlib
import itertools
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from invitekit.engine.arrow import as_table
from invitekit.engine.duckdb import connection_of, ident, lit, one, parquet, rows, run
from invitekit.engine.memory import rows_fit
from invitekit.engine.scratch_dirs import ScratchDir, scratch_dir
from invitekit.engine.text import PLAIN
from invitekit.errors import ArgumentError
from invitekit.i18n import _
from invitekit.model.catalogue import read_catalogue
from invitekit.model.filters import BETWEEN_DIGITS, COLUMNS, SEARCHED, SENT
from invitekit.model.identity import ALONE
from invitekit.widgets.conditions import COMBINATION, DATED, DAY, GROUP, KEY, ONCE, OWN_COLUMNS, SEARCH, VARIED

LOW_CARDINALITY = ("effective_status", "invitation_method", "association_type", "failure_code", "who_acts", "decision")
"""Columns of few values: one table counts their combinations by day, and answers filters on them without the rows."""
HIGH_CARDINALITY = ("account_manager", "custom_tag", "country", "snapshot_at", "batch")
"""Filter columns of more values: each has its own tables of counts together with the columns of few values, one by day
and one without days."""
Derive = Callable[[duckdb.DuckDBPyRelation, duckdb.DuckDBPyConnection], duckdb.DuckDBPyRelation]
"""Computes the rows that a screen stores from the records, on the connection that reads them."""
Step = Callable[[Any, Callable[[pa.Table], Any]], Any]
"""Adds columns to records on either engine; the second argument converts another table to that engine."""
CUBE, COMBINATIONS = "cube", "combinations"
_MAX_COUNTS = 1_000_000
"""A larger table of counts would not be faster than the rows."""
_MAX_COMBINATIONS = 300_000
"""With more distinct combinations, their numbers are not faster than the values themselves."""
_SOURCE = "ik_source"
_NUMBERS = itertools.count(1)


class Store:
    """The stored rows of a screen, numbered in their default order, with one column of all searched text.

    Rows that are shown by default come before all others: sorted by group and rank if there are groups, else in the
    order of the records.

    The rows are in a file in a private folder, which is removed with the store: in memory, ten million rows would take
    ten times the space. A relation is read on a cursor of its connection, so a cell may use the connection at the same
    time. A relation that reads a temporary table, which no cursor sees, is read at once.

    Args:
        records: A frame of any engine.
        derive: Computes the stored rows on the connection that reads the records; may take long.
        once: The SQL condition of the stored rows that are shown by default.
        group: The SQL of the group of a stored row; needs a column ``rank``, which orders the groups.

    Attributes:
        groups: The groups in order: by the best rank, then by their number of rows.
        once: How many rows are shown by default.
        facts: The counts of the headline besides the shown rows: see ``_facts``.
        causes: The cause and the advice of each code that the built-in failures lack, as the records have them.
        has_combinations: Whether the table ``combinations`` has the values of ``faceted`` for the number of each row.
    """

    def __init__(
        self, records: Any, derive: Derive | None = None, *, once: str = "true", group: str | None = None
    ) -> None:
        folder = scratch_dir()
        self._schema = f"ik_screen_{next(_NUMBERS)}"
        self._con, self._source, owner, self._source_table = _open(records, folder.name)
        self.close = weakref.finalize(self, _detach, self._con, self._schema, folder)
        self._derive = derive
        self.kinds = _kinds(self._con.sql(f"select * from ({self._source}) limit 0"))
        self.total: int | None = None
        self.once, self._once = 0, once
        self.groups, self._group = list[str](), group
        self.has_combinations = False
        self.causes: dict[str, list[str]] = {}
        self.facts: dict[str, int] = {}
        run(self._con, f"attach {lit(str(Path(folder.name) / 'rows.duckdb'))} as {self._schema}")
        run(self._con, f"attach ':memory:' as {self.scratch_schema}")
        if owner is not None:
            self._store(derive(records, owner) if derive else records, self._con)

    @property
    def scratch_schema(self) -> str:
        """The schema of temporary tables of a view, in memory and beyond that on disk."""
        return f"{self._schema}_scratch"

    @property
    def names(self) -> list[str]:
        """The columns that the records have."""
        return list(self.kinds)

    @property
    def faceted(self) -> list[str]:
        """The columns of facets and filters."""
        names = [name for name in (*LOW_CARDINALITY, *HIGH_CARDINALITY) if name in self.kinds]
        return [ONCE, *[GROUP] * (self._group is not None), *names]

    @property
    def ready(self) -> bool:
        """Whether the rows are stored; before that only ``preview`` answers."""
        return self.total is not None

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Open a connection for one query; once the rows are stored, it sees the tables ``records`` and ``cube``."""
        con = self._con.cursor()
        if self.ready:
            run(con, f"set search_path = '{self._schema},{self.scratch_schema}'")
        elif self._source_table is not None:
            con.register(_SOURCE, self._source_table)  # a connection sees only the objects registered with it
        return con

    def build(self, con: duckdb.DuckDBPyConnection) -> None:
        """Store the rows, and count them; can be interrupted and repeated."""
        if not self.ready:
            records = con.sql(self._source)
            self._store(self._derive(records, con) if self._derive else records, con)

    def preview(self, con: duckdb.DuckDBPyConnection, first: int) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return the columns and the first rows as the source has them, while all are being stored."""
        query = f"select * from ({self._source})"
        if self.ready:
            query = f"select * exclude ({', '.join(OWN_COLUMNS)}) from {self._schema}.records order by {KEY}"
        relation = con.sql(f"{query} limit {int(first)}")
        return relation.columns, relation.fetchall()

    def _store(self, relation: duckdb.DuckDBPyRelation, con: duckdb.DuckDBPyConnection) -> None:
        self.kinds = _kinds(relation)
        if self._group is not None:
            groups = f"select {self._group} from ik_screen group by 1 order by min(rank) nulls last, count(*) desc, 1"
            ordered: Any = relation.query("ik_screen", groups)
            self.groups = [group for (group,) in ordered.fetchall()]
        run(con, f"create or replace table {self._schema}.records ({self._declared()})")
        for shown in (True, False):
            relation.query("ik_screen", f"insert into {self._schema}.records {self._rows('ik_screen', shown=shown)}")
            self.once = self.once if not shown else one(con, f"select count(*) from {self._schema}.records")
            if self._once == "true":
                break
        self._count_all(con)

    def _declared(self) -> str:
        """Return the SQL of the stored columns; the searched text is uncompressed, which makes a search faster."""
        own = [f"{ident(name)} {kind}" for name, kind in self.kinds.items()]
        search = f"{SEARCH} varchar using compression uncompressed, {VARIED} varchar"
        return ", ".join(
            [f"{KEY} bigint", *own, search, f"{DAY} date", f"{ONCE} boolean", f"{GROUP} usmallint",
             f"{COMBINATION} ubigint"]
        )  # fmt: skip

    def _rows(self, source: str, *, shown: bool) -> str:
        """Return the SQL of the rows that are shown by default, or of all others, which are numbered after them."""
        searched = [ident(name) for name in SEARCHED if name in self.kinds]
        searched += [f"translate(mobile::varchar, '{BETWEEN_DIGITS}', '')"] * ("mobile" in self.kinds)
        search = f"lower(concat_ws('\n', {', '.join(searched)}))" if searched else "''"
        sent = next((name for name in SENT if name in self.kinds), None)
        day = f"{ident(sent)}::date" if sent else "null::date"
        values = ", ".join([str(shown), *map(ident, self.faceted[1:])])
        group = self._group_number()
        own = f"{search} as {SEARCH}, {day} as {DAY}, {shown} as {ONCE}, {group} as {GROUP}"
        own += f", hash({values}) as {COMBINATION}"
        number = f"row_number() over () - 1 + {0 if shown else self.once}"
        source = f"{source} where coalesce({self._once}, false) = {shown}"
        if self.groups and shown:
            numbered = f"(select *, row_number() over () as ik_original from {source})"
            source = f"{numbered} order by {group}, rank nulls last, ik_original"
        # ASCII text has as many bytes as letters, and no letters of several spellings.
        has_others = f"strlen({SEARCH}) <> length({SEARCH}) and regexp_matches({SEARCH}, {lit(f'[^{PLAIN}]')})"
        others = f"regexp_replace({SEARCH}, {lit(f'[{PLAIN}]+')}, '', 'g')"
        varied = f"case when {has_others} then {others} end as {VARIED}"
        columns = [KEY, *map(ident, self.kinds), SEARCH, varied, DAY, ONCE, GROUP, COMBINATION]
        return f"select {', '.join(columns)} from (select {number} as {KEY}, *, {own} from (from {source}))"

    def _group_number(self) -> str:
        """Return the SQL of the position of a row's group."""
        return f"list_position([{', '.join(map(lit, self.groups))}], {self._group}) - 1" if self.groups else "0"

    def _count_all(self, con: duckdb.DuckDBPyConnection) -> None:
        """Build the tables of counts: see ``LOW_CARDINALITY`` and ``HIGH_CARDINALITY``."""
        group = [GROUP] * (self._group is not None)
        low = [ONCE, *group, *(name for name in (*LOW_CARDINALITY, "batch") if name in self.kinds)]
        self._count(con, CUBE, [DAY, *low])
        self.has_combinations = self._count_combinations(con)
        for name in HIGH_CARDINALITY:
            if name in self.kinds:
                by = list(dict.fromkeys([name, *low]))
                self._count(con, f"{CUBE}_{name}", by, from_combinations=self.has_combinations)
                self._count_days(con, f"{CUBE}_{name}_days", [DAY, *by])
        self.causes, self.facts = self._causes(con), self._facts(con)
        self.total = one(con, f"select count(*) from {self._schema}.records")

    def _facts(self, con: duckdb.DuckDBPyConnection) -> dict[str, int]:
        """Count the facts of the headline; empty if the records are not resolved.

        Returns:
            ``rows`` of all files; among those shown by default ``not_sent`` (customers who are not invited yet) and
            ``masked`` (each counts as a customer); ``masked_before``: masked rows of earlier snapshots, which are not
            shown as they may be the same customers.
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
        codes = rows(
            con, f"select distinct failure_code from {self.scratch_schema}.{CUBE} where failure_code is not null"
        )
        own = ", ".join(lit(code) for (code,) in codes if read_catalogue().by_code(code) is None)
        if not own:
            return {}
        texts = "failure_code, coalesce(any_value(cause), failure_code), coalesce(any_value(advice), '')"
        query = f"select {texts} from {self._schema}.records where failure_code in ({own}) group by failure_code"
        return {code: words for code, *words in rows(con, query)}

    def _count_combinations(self, con: duckdb.DuckDBPyConnection) -> bool:
        """Store the combinations of facet values, and return whether each has a hash of its own."""
        if one(con, f"select approx_count_distinct({COMBINATION}) from {self._schema}.records") > _MAX_COMBINATIONS:
            return False
        self._count(con, COMBINATIONS, [COMBINATION, *self.faceted])
        return bool(
            one(con, f"select count(*) = count(distinct {COMBINATION}) from {self.scratch_schema}.{COMBINATIONS}")
        )

    def _count_days(self, con: duckdb.DuckDBPyConnection, table: str, names: list[str]) -> None:
        """Count the rows by day too; if there are nearly as many counts as rows, use a view of the rows."""
        by, of = ", ".join(map(ident, names)), f"{self._schema}.records"
        if one(con, f"select approx_count_distinct(hash({by})) from {of}") > _MAX_COUNTS:
            run(con, f"create or replace view {self.scratch_schema}.{table} as select {by}, 1 as n from {of}")
            return
        self._count(con, table, names)

    def _count(
        self, con: duckdb.DuckDBPyConnection, table: str, names: list[str], *, from_combinations: bool = False
    ) -> None:
        """Create a table of counts in the scratch schema, so that the file of the rows is not written again."""
        n, among = "count(*)", f"{self._schema}.records"
        if from_combinations:
            n, among = "sum(n)::bigint", f"{self.scratch_schema}.{COMBINATIONS}"
        counted = f"select {', '.join(map(ident, names))}, {n} as n from {among} group by all"
        run(con, f"create or replace table {self.scratch_schema}.{table} as {counted}")


def in_steps(steps: Mapping[str, Step], on_step: Callable[[str, int, int], None]) -> Derive:
    """Return a function that computes the rows of a screen as a Polars frame, or in DuckDB if they do not fit.

    Args:
        steps: The steps in order, by the names that the screen's texts have for them.
        on_step: Called when a step begins with its name, its number and the number of steps; the last step, ``store``,
            is done by the caller.
    """

    def work(records: Any, on_engine: Callable[[pa.Table], Any]) -> Any:
        for at, (name, step) in enumerate(steps.items(), start=1):
            on_step(name, at, len(steps) + 1)
            records = step(records, on_engine)
        on_step("store", len(steps) + 1, len(steps) + 1)
        return records

    def derive(records: duckdb.DuckDBPyRelation, con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        if not rows_fit(records.aggregate("count(*)").fetchall()[0][0]):
            result: duckdb.DuckDBPyRelation = work(records, con.from_arrow)
            return result
        return con.from_arrow(work(records.pl(), pl.from_arrow).to_arrow())

    return derive


def cube(names: set[str]) -> str | None:
    """Return the table of counts that answers restrictions of these names, if there is one."""
    columns = {COLUMNS.get(name) for name in names - {*DATED}} - {*LOW_CARDINALITY, "batch"}
    if not columns:
        return CUBE
    (column, *more), days = columns, "_days" if names & {*DATED} else ""
    return f"{CUBE}_{column}{days}" if not more and column in HIGH_CARDINALITY else None


def _open(
    records: Any, folder: str
) -> tuple[duckdb.DuckDBPyConnection, str, duckdb.DuckDBPyConnection | None, pa.Table | None]:
    """Return a connection for the store, the SQL of the records, the only connection that can read them, and a table.

    The last two may be None: any connection can read them; they are a relation, and no table has to be registered.
    """
    if isinstance(records, duckdb.DuckDBPyRelation):
        owner = connection_of(records)
        if owner is None:
            copy = Path(folder) / "source.parquet"
            records.to_parquet(str(copy))
            return _connect(folder), f"select * from {parquet(copy)}", None, None
        own = owner.cursor()
        with contextlib.suppress(duckdb.Error):
            query = records.sql_query()
            own.sql(f"select * from ({query}) limit 0")
            return own, query, None, None
        return own, _typed(records), owner, None
    con = _connect(folder)
    table = as_table(records)
    con.register(_SOURCE, table)
    return con, f"select * from {_SOURCE}", None, table


def _connect(folder: str) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(config={"temp_directory": folder})
    run(con, "set enable_progress_bar = false")
    run(con, "set TimeZone = 'UTC'")
    return con


def _detach(con: duckdb.DuckDBPyConnection, schema: str, folder: ScratchDir) -> None:
    """Detach the databases of a store, and remove its folder: attached databases keep their space on disk."""
    with contextlib.suppress(duckdb.Error):  # the connection may be closed, and its databases with it
        run(con, f"detach database if exists {schema}")
        run(con, f"detach database if exists {schema}_scratch")
    folder.cleanup()


def _kinds(relation: duckdb.DuckDBPyRelation) -> dict[str, str]:
    """Return the columns and their types; a name of ``OWN_COLUMNS`` is an error."""
    for name in relation.columns:
        if name.lower() in OWN_COLUMNS:
            raise ArgumentError(
                _("A column is named {column}, as one of the screen's own.", column=name), hint=_("rename the column.")
            )
    return dict(zip(relation.columns, map(str, relation.types), strict=True))


def _typed(relation: duckdb.DuckDBPyRelation) -> str:
    """Return the SQL of an empty table with a relation's columns, for a connection that cannot read the relation."""
    pairs = zip(relation.columns, relation.types, strict=True)
    return f"select {', '.join(f'null::{kind} as {ident(name)}' for name, kind in pairs)} limit 0"
