"""The history of one customer: its invitations with the states in each snapshot, logged resends and marks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.frames import as_narwhals, as_narwhals_like
from invitekit.engine.literal_table import literal_table
from invitekit.engine.materialize import collect, temp_tables
from invitekit.errors import ArgumentError, check_type
from invitekit.i18n import _
from invitekit.model.identity import address, key
from invitekit.model.resolve import resolved
from invitekit.planning.logged_events import assign_customer

Row = Mapping[str, Any]
_CUSTOMER, _NAME, _FOLDED, _POSITION = "_ik_customer", "_ik_name", "_ik_folded", "_ik_position"


@dataclass(frozen=True, slots=True)
class InvitationState:
    """The state of an invitation in the snapshots from ``first_seen_at`` to ``last_seen_at``."""

    first_seen_at: dt.datetime | None
    last_seen_at: dt.datetime | None
    status: str | None
    failure_code: str | None
    cause: str | None
    advice: str | None


@dataclass(frozen=True, slots=True)
class Invitation:
    """One invitation, with its newest state first.

    Attributes:
        attempt_no: 1 for the customer's first invitation; 0 if none was sent yet.
        sent_at: UTC; None if it was not sent yet.
        method, effective_status: Codes of the newest record.
        states: Newest first.
    """

    attempt_no: int
    sent_at: dt.datetime | None
    method: str | None
    effective_status: str | None
    states: tuple[InvitationState, ...] = ()


@dataclass(frozen=True, slots=True)
class CustomerHistory:
    """Everything known about a customer.

    Attributes:
        customer_id: As in ``resolve``; None for an unidentified (masked) record.
        newest: The newest record by column; records of a plan have decision, reason, next step and date.
        invitations: Newest first.
        sent: Logged resends by column, newest first.
        marks: Marks of resolved failures by column, newest first.
    """

    customer_id: str | None
    newest: Row
    invitations: tuple[Invitation, ...]
    sent: tuple[Row, ...] = ()
    marks: tuple[Row, ...] = ()


def customer_history(records: Any, customer: str, *, sent: Any = None, marks: Any = None) -> CustomerHistory:
    """Return the history of one customer.

    Args:
        records: The result of ``plan_resends``, ``annotate`` or ``resolve``, of any engine: the whole history.
        customer: A ``customer_id``, account name, email address, portal customer ID or record ID.
        sent: Logged resends on the same engine: ``record_id, sent_at``, and any other columns.
        marks: Marks of resolved failures on the same engine: ``record_id, resolved_at``, and any other columns.

    Raises:
        ArgumentError: No customer has that name, or several have.
        SchemaError: A column is missing.
    """
    matches = find_customers(records, customer, sent=sent, marks=marks)
    if len(matches) != 1:
        problem = (
            _("{count:,} customers have that name.", count=len(matches)) if matches else _("No customer has that name.")
        )
        raise ArgumentError(problem, hint=_("use a customer_id, or a name that only one customer has."))
    return matches[0]


def find_customers(records: Any, name: str, *, sent: Any = None, marks: Any = None) -> tuple[CustomerHistory, ...]:
    """Return the histories of all customers that a name matches; see ``customer_history``."""
    check_type("customer", name, str, _("give a text."))
    with temp_tables():
        history = resolved(records)
        (customers,) = customers_named(history, [name])
        if not customers:
            return ()
        frame: Any = as_narwhals(history).with_columns(nw.coalesce("customer_id", "invitation_id").alias(_CUSTOMER))
        rows = collect(frame.filter(nw.col(_CUSTOMER).is_in(customers))).rows(named=True)
        logged = {"sent_at": sent, "resolved_at": marks}
        return tuple(
            _history([row for row in rows if row[_CUSTOMER] == customer], history, logged) for customer in customers
        )


def invitations_of(rows: Iterable[Row]) -> tuple[Invitation, ...]:
    """Group the records of one customer by invitation, newest first; unsent invitations come before all others.

    Args:
        rows: Records with the columns of ``resolve``; ``cause`` and ``advice`` may be absent.
    """
    newest_first = sorted(rows, key=lambda row: (row["snapshot_at"] is not None, row["snapshot_at"]), reverse=True)
    by_time = sorted(newest_first, key=lambda row: row["invitation_id"])
    by_time.sort(key=lambda row: (row["invitation_sent_at"] is None, row["invitation_sent_at"]), reverse=True)
    invitations: dict[str, Invitation] = {}
    for row in by_time:
        names = ("attempt_no", "invitation_sent_at", "invitation_method", "effective_status")
        invitation = invitations.setdefault(row["invitation_id"], Invitation(*(row[name] for name in names)))
        snapshot_at, states = row["snapshot_at"], list(invitation.states)
        if states and (states[-1].status, states[-1].failure_code) == (row["status"], row["failure_code"]):
            states[-1] = replace(states[-1], first_seen_at=snapshot_at)
        else:
            texts = row.get("cause"), row.get("advice")
            states.append(InvitationState(snapshot_at, snapshot_at, row["status"], row["failure_code"], *texts))
        invitations[row["invitation_id"]] = replace(invitation, states=tuple(states))
    return tuple(invitations.values())


def customers_named(history: Any, names: Sequence[str]) -> list[list[str]]:
    """Return the customers that each name matches: by ``customer_id``, else by a key of their records.

    Keys are account name, email address, portal customer ID and record ID; a masked one matches no customer. A record
    ID that files reuse matches the customer that has it in the newest snapshot.

    Args:
        history: The result of ``resolve``, of any engine.
        names: At least one name.

    Returns:
        For each name, the sorted values of ``customer_id``; for unidentified records, of ``invitation_id``.
    """
    frame: Any = as_narwhals(history)
    keys = {"_ik_account": key("account_name"), "_ik_address": address()}
    if "portal_customer_id" in frame.collect_schema().names():
        keys["_ik_portal"] = key("portal_customer_id")
    newest = nw.col("snapshot_at").max().over("record_id")
    is_newest = newest.is_null() | (nw.col("snapshot_at") == newest)
    frame = frame.select(
        "customer_id",
        nw.when(is_newest).then("record_id"),
        nw.coalesce("customer_id", "invitation_id").alias(_CUSTOMER),
        **keys,
    )
    positions = {_NAME: [name.strip() for name in names], _POSITION: [str(number) for number in range(len(names))]}
    table = literal_table(frame, positions)
    table = table.with_columns(key(_NAME).alias(_FOLDED))
    matches: dict[int, list[str]] = {}
    for columns in ({"customer_id": _NAME}, {"record_id": _NAME, **dict.fromkeys(keys, _FOLDED)}):
        pairs = [
            table.join(frame, left_on=by, right_on=name).select(_POSITION, _CUSTOMER) for name, by in columns.items()
        ]
        for position, customer in collect(nw.concat(pairs).unique()).iter_rows():
            matches.setdefault(int(position), []).append(customer)
        table = table.filter(~nw.col(_POSITION).is_in([str(position) for position in matches]))
    return [sorted(matches.get(number, [])) for number in range(len(names))]


def _history(rows: list[dict[str, Any]], history: Any, logged: Mapping[str, Any]) -> CustomerHistory:
    """Return the history of a customer from its records, and the logged events by the column of their time."""
    newest = next((row for row in rows if row["is_latest_of_customer"]), rows[0])
    shown = {name: value for name, value in newest.items() if name != _CUSTOMER}
    sent, marks = (_events(history, events, newest["customer_id"], at) for at, events in logged.items())
    return CustomerHistory(newest["customer_id"], shown, invitations_of(rows), sent, marks)


def _events(history: Any, events: Any, customer_id: str | None, at: str) -> tuple[Row, ...]:
    """Return the logged events of a customer, newest first."""
    if events is None or customer_id is None:
        return ()
    base = nw.from_native(history)
    assigned = assign_customer(base, as_narwhals_like(base, events, "sent or marks"))
    rows = collect(assigned.filter(nw.col("customer_id") == customer_id)).rows(named=True)
    return tuple(sorted(rows, key=lambda row: row[at], reverse=True))
