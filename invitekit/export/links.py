"""Which keys are of one customer: as ``customers.identify`` has it, and chains of people followed to their end."""

from __future__ import annotations

import duckdb

from invitekit.load.sql import one, run

KEYS = ("account", "email", "name", "person")
"""The keys of a record, each a number: account name, address, full name, full name with mobile."""
EARLIER = "own_"
"""How a key begins that is as the record has it."""
_LED = (("person", "email"), ("email", "account"), ("person", "account"))


def link(con: duckdb.DuckDBPyConnection) -> None:
    """Make ``ik_links``: for each combination of keys in ``ik_records`` whose it is, null for nobody's.

    A key that is missing is the one that another key of the record leads to, if that is one only. People of
    several names who share an address without an account are each a customer. All that one person's full name
    and mobile stand with is the same customer, as long as no account tells otherwise.
    """
    own = ", ".join(f"{name} as {EARLIER}{name}" for name in KEYS)
    run(con, f"create table ik_links as select distinct {', '.join(KEYS)}, {own} from ik_records")
    for by, to in _LED:
        _lead(con, by, to)
    several = "select email from ik_links where account is null and email is not null group by email"
    run(con, f"create table ik_shared as {several} having min(name) <> max(name)")
    parted = "case when s.email is not null and l.name is not null then hash(l.email, l.name) else l.email end"
    _again(con, f"select l.* replace ({parted} as email) from ik_links l left join ik_shared s on l.email = s.email")
    _again(con, "select *, coalesce(account, email, person) as who from ik_links")
    _merge(con)


def _again(con: duckdb.DuckDBPyConnection, query: str) -> None:
    """Make the links anew from themselves."""
    run(con, f"create table ik_new as {query}")
    run(con, "drop table ik_links")
    run(con, "alter table ik_new rename to ik_links")


def _lead(con: duckdb.DuckDBPyConnection, by: str, to: str) -> None:
    """Fill a key where another leads to exactly one value of it."""
    both = f"{by} is not null and {to} is not null"
    ends = f"select {by} as led, min({to}) as one from ik_links where {both} group by {by} having min({to}) = max({to})"
    filled = f"l.* replace (coalesce(l.{to}, e.one) as {to})"
    _again(con, f"select {filled} from ik_links l left join ({ends}) e on l.{by} = e.led")


def _merge(con: duckdb.DuckDBPyConnection) -> None:
    """Put the lowest number in the place of all that people link, round after round until nothing moves."""
    edges = "select distinct who, person from ik_links where account is null and person is not null"
    run(con, f"create table ik_edges as {edges}")
    run(con, "create table ik_low as select distinct who, who as low from ik_edges")
    lowest = (
        "with p as (select e.person, min(l.low) as low from ik_edges e join ik_low l using (who) group by e.person), "
        "w as (select e.who, min(p.low) as low from ik_edges e join p using (person) group by e.who) "
        # What the lowest one itself is led to: half of a chain is skipped in each round.
        "select w.who, least(w.low, coalesce(l.low, w.low)) as low from w left join ik_low l on w.low = l.who"
    )
    while True:
        run(con, f"create table ik_lower as {lowest}")
        moved = one(con, "select count(*) from ik_lower n join ik_low l using (who) where n.low <> l.low")
        run(con, "drop table ik_low")
        run(con, "alter table ik_lower rename to ik_low")
        if not moved:
            break
    _again(
        con, "select l.* replace (coalesce(g.low, l.who) as who) from ik_links l left join ik_low g on l.who = g.who"
    )
