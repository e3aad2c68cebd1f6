"""The plan behind the picker: compute it, preview other rules, and build a confirmation."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import narwhals.stable.v2 as nw
import pyarrow as pa

from invitekit.batches import Written, message_templates
from invitekit.batches.output_folder import not_written
from invitekit.batches.worklists import WORKLISTS
from invitekit.engine.duckdb import ident, rows
from invitekit.engine.materialize import materialize
from invitekit.errors import OutputError
from invitekit.i18n import Language, _
from invitekit.model import display, schema
from invitekit.model.annotate import annotate
from invitekit.model.catalogue import Catalogue, read_catalogue
from invitekit.model.resolve import resolve
from invitekit.model.vocabularies import DECISIONS, RESENDS
from invitekit.planning import ResendRules, plan_resends, select_customers
from invitekit.planning.logged_events import assign_customer
from invitekit.planning.reason_texts import BY_CAUSE, read_reasons
from invitekit.widgets import payloads
from invitekit.widgets.conditions import KEY, ONCE, OWN_COLUMNS, chosen
from invitekit.widgets.selection import Selection
from invitekit.widgets.store import Derive, Step, in_steps

ONE_A_CUSTOMER = "decision <> 'superseded'"
"""The SQL condition of the newest record of each customer."""
CAN = f"decision in ({', '.join(repr(decision) for decision in RESENDS)})"
"""The SQL condition of a record that may be invited again."""
TWO_LINES = (
    "customer_full_name", "customer_name", "account_name", "country", "effective_status", "failure_code",
    "invitation_method", "association_type", "invited_at", "retry_at", "attempts", "chance", "account_manager",
)  # fmt: skip
"""The columns of the two-line layout."""
_CAUSE = f"case when reason_code in ({', '.join(repr(code) for code in BY_CAUSE)}) then failure_code end"
GROUP_OF = f"coalesce({_CAUSE}, reason_code)"
"""The SQL of a row's group: its cause, or else its reason."""
_MAX_CONFIRMED = 1_000
_LANGUAGES = ("English", "中文")
_NAMES = ("customer_full_name", "account_name")
_CAUSE_AND_METHOD = ("failure_code", "invitation_method")


@dataclass(frozen=True, slots=True)
class Frozen:
    """The customers of a confirmation and the rules of their plan; later filters and selections do not change it.

    ``customers`` has one sorted column, ``customer_id``; the request to write has to repeat its ``digest``.
    """

    customers: pa.Table
    digest: str
    rules: ResendRules

    @property
    def count(self) -> int:
        """How many customers."""
        return int(self.customers.num_rows)


def planner(
    rules: ResendRules,
    moment: dt.datetime,
    inputs: dict[str, pa.Table],
    catalogue: Catalogue | None,
    language: Language,
    *,
    on_step: Callable[[str, int, int], None],
) -> Derive:
    """Return the function that plans records on the connection that reads them.

    ``inputs`` are the tables besides the records, ``sent``, ``resolved`` and ``rejected``, as ``plan_resends`` takes
    them; for ``on_step`` see ``in_steps``.
    """

    def plan(records: Any, on_engine: Callable[[pa.Table], Any]) -> Any:
        tables: dict[str, Any] = {name: on_engine(table) for name, table in inputs.items()}
        return materialize(plan_resends(records, rules, as_of=moment, language=language, **tables))

    steps: dict[str, Step] = {
        "annotate": lambda some, _: annotate(some, as_of=moment, catalogue=catalogue, language=language),
        "resolve": lambda some, _: resolve(materialize(some)),
        "plan": plan,
    }
    return in_steps(steps, on_step)


def tabs(con: duckdb.DuckDBPyConnection, language: Language, scope: str = ONCE) -> list[list[Any]]:
    """Count the customers, or the rows of another scope, by decision: code, label and number, in their order."""
    counts = dict(rows(con, f"select decision, sum(n)::bigint from cube where {scope} group by 1"))
    return [[value.code, value.label(language), int(counts.get(value.code, 0))] for value in DECISIONS]


def group_text(code: str, rules: ResendRules, causes: Mapping[str, list[str]], language: Language) -> list[str]:
    """Return the heading and the next step of a group, which is a cause or a reason."""
    if code in causes:
        return causes[code]
    if failure := read_catalogue().by_code(code):
        return [failure.cause(language), failure.advice(language)]
    reason = read_reasons(language)[code]
    return [reason.summary(rules), reason.words(rules)[1]]


def messages(con: duckdb.DuckDBPyConnection, key: int) -> list[tuple[str, str]]:
    """Return the ready-to-send messages for one record, each with the name of its language."""
    row = con.sql(f"select * from records where {KEY} = {key}").pl()
    who = next((who for who, decision in WORKLISTS.items() if [decision] == row["decision"].to_list()), "")
    # Without columns, Polars would select no row.
    columns = message_templates.columns(who, "en", message_templates.built_in()) if who else {}
    texts = row.select(**columns).row(0) if columns else ()
    return list(zip(_LANGUAGES, texts, strict=False))


def sent_to(con: duckdb.DuckDBPyConnection, key: int, resends: pa.Table | None) -> list[tuple[str, str, int]]:
    """Return day, person and batch of each mark as sent that belongs to the customer of a record, the newest first."""
    if resends is None or not resends.num_rows:
        return []
    con.register("ik_resends", resends)
    own = f"select customer_id from records where {KEY} = {key}"
    # Few of all marks can be of this customer, and few records decide which of them are.
    con.execute(f"""
        create or replace temp table ik_of_customer as from ik_resends where customer_id = ({own})
        or record_id in (select record_id from records where customer_id = ({own}))""")
    near = con.sql("""
        select record_id, customer_id from records where record_id in (select record_id from ik_of_customer)
        or customer_id in (select customer_id from ik_of_customer)""")
    known: Any = assign_customer(nw.from_native(near), nw.from_native(con.table("ik_of_customer"))).to_native()
    sent = known.filter(f"customer_id = ({own})").order("sent_at desc, batch")
    return [(f"{at:%Y-%m-%d}", by, batch) for at, by, batch in sent.select("sent_at, sent_by, batch").fetchall()]


def with_names(con: duckdb.DuckDBPyConnection, record_ids: list[str], language: Language) -> list[list[str | None]]:
    """Return the records of a batch with the customer's name and account, in their order; masked ones with their ID."""
    query = f"select record_id, {_name_and_account(con)} from records where record_id in (select unnest(?))"
    names = {record_id: values for record_id, *values in con.execute(query, [record_ids]).fetchall()}
    unknown = [None, None]
    return [[each, *_shown(_NAMES, names.get(each, unknown), language)] for each in record_ids]


def _name_and_account(con: duckdb.DuckDBPyConnection) -> str:
    """Return the SQL of a customer's name and account, to which a masked one has the portal's ID added."""
    account = "account_name"
    if "portal_customer_id" in con.table("records").columns:
        both = "concat_ws(' · ', account_name, portal_customer_id)"
        account = f"if(regexp_matches(account_name, '{schema.MASKED}'), {both}, account_name)"
    return f"coalesce(customer_full_name, customer_name), {account}"


def _shown(names: Sequence[str], values: Sequence[Any], language: Language) -> list[str | None]:
    """Return values as the screen shows them, with numbers and addresses hidden."""
    return [display.shown(name, value, language=language) for name, value in zip(names, values, strict=True)]


def freeze(con: duckdb.DuckDBPyConnection, selection: Selection, rules: ResendRules) -> Frozen:
    """Return the customers who are chosen now and may be invited again."""
    query = f"select customer_id from records where {_candidates(selection)} order by customer_id"
    customers: pa.Table = con.sql(query).to_arrow_table()
    digest = hashlib.sha256("\n".join(customers["customer_id"].to_pylist()).encode()).hexdigest()
    return Frozen(customers, digest, rules)


def confirmation(con: duckdb.DuckDBPyConnection, selection: Selection, size: int, language: Language) -> dict[str, Any]:
    """Return the content of the confirmation dialog, which a person reads before batches are written.

    Returns:
        ``batches`` (their number; each has one kind and at most ``size`` customers), ``groups`` (counts by decision,
        cause and method: label, and pairs of text and number), ``labels`` and ``rows`` (the first ones, by rank), and
        ``left_out`` (decision, number, and whether they could have been chosen; these first).
    """
    condition = _candidates(selection)
    groups: list[Any] = []
    for name in ("decision", *_CAUSE_AND_METHOD):
        counted = rows(con, f"select {name}, count(*) from records where {condition} group by 1 order by 2 desc, 1")
        groups.append([name, [[display.shown(name, value, language=language), n] for value, n in counted]])
    columns = ", ".join((_name_and_account(con), *map(ident, _CAUSE_AND_METHOD)))
    shown = (*_NAMES, *_CAUSE_AND_METHOD)
    first = rows(con, f"select {columns} from records where {condition} order by rank limit {_MAX_CONFIRMED}")
    left = rows(
        con,
        f"select decision, count(*) from records where not coalesce({condition}, false) and decision <> 'superseded' "
        f"group by 1 order by {CAN} desc, 2 desc",
    )
    return {
        "batches": count_batches(con, selection, size),
        "groups": groups,
        "labels": [payloads.words(language)["customer"], *(payloads.label(name, language) for name in shown[1:])],
        "rows": [_shown(shown, row, language) for row in first],
        "left_out": [[display.shown("decision", value, language=language), n, value in RESENDS] for value, n in left],
    }


def count_batches(con: duckdb.DuckDBPyConnection, selection: Selection, size: int) -> int:
    """Count the batches of a selection, each of one kind and of at most ``size`` customers."""
    kinds = "group by decision, reason_code = 'not_invited_yet'"
    counts = rows(con, f"select count(*) from records where {_candidates(selection)} {kinds}")
    return sum(-(-n // size) for (n,) in counts)


def customers_of(con: duckdb.DuckDBPyConnection, record_ids: list[str]) -> list[int]:
    """Return the keys of all rows of the customers of some records."""
    query = f"""
        select {KEY} from records where customer_id in (
            select customer_id from records where record_id in (select unnest(?::varchar[])))"""
    return [key for (key,) in con.execute(query, [record_ids]).fetchall()]


def count_in_unsent_batches(con: duckdb.DuckDBPyConnection, frozen: Frozen, unsent: pa.Table | None) -> int:
    """Count the confirmed customers who are also in an earlier batch that is not marked as sent."""
    if unsent is None:
        return 0
    con.register("ik_confirmed", frozen.customers)
    con.register("ik_unsent", unsent)
    records = nw.from_native(con.table("records"))
    waiting = assign_customer(records, nw.from_native(con.table("ik_unsent"))).to_native()
    return len(waiting.project("customer_id").intersect(con.table("ik_confirmed")))


def count_off_list(con: duckdb.DuckDBPyConnection, record_ids: list[str]) -> int:
    """Count the records of a batch whose customers are not to be invited again, such as those associated meanwhile."""
    query = f"""
        select count(distinct record_id) from records where record_id in (select unnest(?::varchar[]))
        and customer_id in (select customer_id from records where {CAN})"""
    return len(record_ids) - int(con.execute(query, [record_ids]).fetchall()[0][0])


def confirmed_plan(con: duckdb.DuckDBPyConnection, frozen: Frozen) -> duckdb.DuckDBPyRelation:
    """Return the plan of a store, in which only the confirmed customers are invited again."""
    con.register("ik_confirmed", frozen.customers)
    plan = con.sql(f"select * exclude ({', '.join(OWN_COLUMNS)}) from records")
    return materialize(select_customers(plan, con.table("ik_confirmed"), frozen.rules))


def new_batch_folder(folder: Path, frozen: Frozen) -> Path:
    """Create the folder of all batches, if it is missing, and return the path of a new folder in it.

    Raises:
        OutputError: The folder cannot be created.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(folder, error) from None
    return folder / f"{dt.datetime.now().astimezone():%Y-%m-%d_%H%M%S}_{frozen.digest[:6]}"


def check_confirmed(written: Written, frozen: Frozen) -> Written:
    """Check that as many customers were written as a person has confirmed."""
    if written.customers != frozen.count:
        numbers = {"customers": written.customers, "confirmed": frozen.count}
        raise OutputError(
            _("{customers:,} customers were written, {confirmed:,} were confirmed.", **numbers),
            hint=_("do not use these files, and report it."),
        )
    return written


def carried_over(
    old: duckdb.DuckDBPyConnection, new: duckdb.DuckDBPyConnection, selection: Selection, condition: str = CAN
) -> Selection:
    """Select in a new plan the customers that were selected in the old one, if they meet a condition in both."""
    return select_again(new, selected_customers(old, selection, condition), condition) if selection else Selection()


def selected_customers(con: duckdb.DuckDBPyConnection, selection: Selection, condition: str = CAN) -> pa.Table:
    """Return the IDs of the selected customers that meet a condition."""
    query = f"select distinct customer_id from records where ({chosen(selection)}) and {condition}"
    customers: pa.Table = con.sql(query).to_arrow_table()
    return customers


def select_again(con: duckdb.DuckDBPyConnection, customers: pa.Table, condition: str = CAN) -> Selection:
    """Select the rows of these customers that meet a condition."""
    con.register("ik_selected", customers)
    keys = rows(con, f"select {KEY} from records semi join ik_selected using (customer_id) where {condition}")
    return Selection().add(key for (key,) in keys)


def _candidates(selection: Selection) -> str:
    return f"({chosen(selection)}) and {CAN}"
