"""The customers of the stored history: their newest records, and the customer that a name means."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import duckdb
import narwhals.stable.v2 as nw

from invitekit.engine.duckdb import ident, one, rows
from invitekit.engine.materialize import materialize, temp_tables
from invitekit.errors import ArgumentError, check_type
from invitekit.i18n import _, ngettext
from invitekit.model.annotate import annotate
from invitekit.model.catalogue import Catalogue
from invitekit.model.resolve import latest, resolve
from invitekit.planning.customer_history import customers_named
from invitekit.planning.logged_events import assign_customer
from invitekit.workspace.queries import BY_AGE, RECORD, as_relation, as_stored, on_faster_engine
from invitekit.workspace.validation import are_texts

_EVENTS = "select record_id, customer_id from {} "


class Match(NamedTuple):
    """The newest record of a customer: its ID, customer, failure code if it failed, time of invitation, and address."""

    record_id: str
    customer_id: str
    failure_code: str | None
    invited_at: dt.datetime | None
    email: str | None


def newest_records(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    """Return each invitation once, by its newest record."""
    history = on_faster_engine(con, con.sql(BY_AGE))
    return as_stored(as_relation(con, latest(annotate(history)))).project(", ".join(RECORD))


def resolved_history(con: duckdb.DuckDBPyConnection, catalogue: Catalogue | None = None) -> duckdb.DuckDBPyRelation:
    """Annotate all stored rows as of now, and resolve them."""
    history = on_faster_engine(con, con.sql(BY_AGE))
    return as_relation(con, resolve(annotate(history, catalogue=catalogue)))


def events_of_customers(history: duckdb.DuckDBPyRelation, events: duckdb.DuckDBPyRelation) -> str:
    """Materialize events with their customers, or null, and return the name of the table."""
    assigned: Any = assign_customer(nw.from_native(history), nw.from_native(events))
    return ident(materialize(assigned.to_native()).alias)


def count_orphans(con: duckdb.DuckDBPyConnection) -> int:
    """Count resends and valid marks whose customer has no stored row: a plan uses only their email addresses."""
    resends = _EVENTS.format("resends")
    marks = _EVENTS.format("marks where unmarked_at is null and customer_id is not null")  # without the own account
    with temp_tables():
        events = events_of_customers(resolved_history(con), con.sql(f"{resends} union all {marks}"))
        return one(con, f"select count(*) from {events} where customer_id is null")


def as_list(names: str | Iterable[str], argument: str = "customers") -> list[str]:
    """Return names as a list; one text is one name.

    Raises:
        ArgumentError: They are not texts.
    """
    check_type(argument, names, Iterable, _("give a text."))
    listed = [names] if isinstance(names, str) else list(names)
    for name in listed:
        check_type(argument, name, str, _("give a text."))
    return listed


def find_customers(
    con: duckdb.DuckDBPyConnection, names: str | Iterable[str], catalogue: Catalogue | None = None
) -> tuple[Match, ...]:
    """Return the newest record of each customer that is named; see ``find_in``."""
    with temp_tables():
        return find_in(con, resolved_history(con, catalogue), as_list(names))


def find_in(
    con: duckdb.DuckDBPyConnection, history: duckdb.DuckDBPyRelation, names: Sequence[str]
) -> tuple[Match, ...]:
    """Return the newest record of each customer that is named in a resolved history; see ``customers_named``.

    Raises:
        ArgumentError: A name matches no customer, or several, or is masked.
    """
    wanted = [name if are_texts([name]) else "" for name in names]
    named = customers_named(history, wanted) if wanted else []
    columns = "record_id, customer_id, failure_code, invitation_sent_at, email"
    newest = f"select {columns} from {ident(history.alias)} where is_latest_of_customer"
    matches = {match.customer_id: match for match in map(Match._make, rows(con, newest))}
    unique = [matches.get(customers[0]) if len(customers) == 1 else None for customers in named]
    if wrong := [str(position) for position, match in enumerate(unique, start=1) if match is None]:
        raise ArgumentError(
            _("The name matches no customer, or several.")
            if len(wanted) == 1
            else ngettext(
                "Name {numbers} of {count:,} matches no customer, or several.",
                "Names {numbers} of {count:,} match no customer, or several.",
                len(wrong),
                count=len(wanted),
                numbers=tuple(wrong),
            ),
            hint=_(
                "name an account, an email address of one account only, a portal customer ID or a record ID, "
                "as the files have it."
            ),
        )
    return tuple(match for match in unique if match is not None)


def find_records(
    con: duckdb.DuckDBPyConnection, record_ids: Sequence[str], catalogue: Catalogue | None = None
) -> tuple[Match | None, ...]:
    """Return the newest record of the customer of each record ID; None if the ID is unknown or two customers share it.

    If files reuse an ID, it means the customer that has it in the newest snapshot.
    """
    with temp_tables():
        history = ident(resolved_history(con, catalogue).alias)
        owners = con.execute(
            "with wanted as (select unnest(?::varchar[]) as name, unnest(range(len(?::varchar[]))) as position), "
            f"newest as (from {history} qualify snapshot_at = max(snapshot_at) over (partition by record_id)), "
            "owners as (select position, any_value(customer_id) as customer_id from wanted "
            "join newest on record_id = name group by position having count(distinct customer_id) = 1) "
            "select l.record_id, l.customer_id, l.failure_code, l.invitation_sent_at, l.email "
            "from wanted left join owners using (position) "
            f"left join (from {history} where is_latest_of_customer) l using (customer_id) order by position",
            [record_ids, record_ids],
        ).fetchall()
    return tuple(Match(*row) if row[1] is not None else None for row in owners)
