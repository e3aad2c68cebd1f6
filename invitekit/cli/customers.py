"""The commands that look customers up: find some by words, and show one with its invitations and decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from invitekit.cli import options as o
from invitekit.cli import output as out
from invitekit.cli.filter_options import PlanFilterOptions, matched
from invitekit.cli.plans import make_plan
from invitekit.cli.source_options import SourcesOrWorkspace, with_option_groups
from invitekit.errors import many
from invitekit.i18n import Language, _

if TYPE_CHECKING:
    from invitekit.model.filters import Filter
    from invitekit.planning.customer_history import CustomerHistory

_MOST_ROWS = 50
"""Customers on a terminal; -o writes them all."""
_LISTED = {
    "customer_full_name": "Customer", "customer_id": "Customer key", "account_manager": "Manager",
    "effective_status": "Status today", "invited_at": "Invited", "attempts": "Attempts", "decision": "Decision",
    "retry_at": "From",
}  # fmt: skip
"""The columns of customers that are listed, and their headers."""
_JSON = (*_LISTED, "account_name", "email", "mobile", "reason_code", "reason", "next_step")
_SHOWN = ("customer_full_name", "customer_name", "account_name", "email", "mobile", "portal_customer_id", "country",
          "account_manager", "custom_tag", "remarks", "association_type", "effective_status")  # fmt: skip
"""The columns of a customer's newest record that are printed."""

Unmasked = Annotated[bool, typer.Option("--unmasked", help="Show email addresses and mobile numbers.")]


@with_option_groups
def find(
    search: Annotated[
        str,
        typer.Argument(metavar="WORDS", help="Words, all of which a record contains; '' for any.", show_default=False),
    ],
    source: SourcesOrWorkspace,
    filters: PlanFilterOptions,
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    unmasked: Unmasked = False,
    as_of: o.AsOf = None,
    rules: o.Rules = None,
    language: o.Language = "en",
    as_json: o.Json = False,
) -> None:
    """Find customers by words.

    Searches full name, customer name, account, custom tag, account manager, remarks, email, mobile
    number and portal customer ID in the whole history, without regard to case, accents and width. Lists
    each customer with a record that has all of the words and matches the filter, once, by its newest record,
    with today's decision. Email addresses and mobile numbers are hidden unless you use --unmasked. With -o,
    writes the newest records, personal data included.
    """
    from invitekit.engine.materialize import collect
    from invitekit.io.table_writers import write_table

    moment, chosen = o.parse_as_of(as_of), o.read_rules(rules)
    choice = filters.read(source.failures)
    choice = replace(choice, text=f"{search} {choice.text or ''}")
    source.check_output(output, overwrite=overwrite, inputs=[rules])
    with source.opened(language) as inputs:
        planned = make_plan(inputs, chosen, moment, language, source.failures)
        customers, filtered = matched(choice, planned, lambda final: _matching(planned, final), "customers")
        if output is not None:
            write_table(customers.to_native(), output, overwrite=overwrite)
        rows = sorted(collect(customers.select(*_JSON)).rows(named=True), key=lambda row: str(list(row.values())))
        if as_json:
            listed = [_plain(row, unmasked=unmasked) for row in rows]
            return out.json_line(inputs.json() | {"customers": listed} | out.output_json(output))
        inputs.print_summary()
    filtered.print()
    _print_customers(rows, language, unmasked=unmasked)
    return out.written(output, "Customers")


@with_option_groups
def show(
    customer: Annotated[
        str,
        typer.Argument(metavar="CUSTOMER", help="A customer key as printed by 'find', an account, an email address, "
                       "a portal customer ID or a record ID.", show_default=False),
    ],
    source: SourcesOrWorkspace,
    unmasked: Unmasked = False,
    as_of: o.AsOf = None,
    rules: o.Rules = None,
    language: o.Language = "en",
    as_json: o.Json = False,
) -> None:  # fmt: skip
    """Show a customer's invitations and today's decision.

    Lists the invitations by attempt with what each snapshot stated of them, the decision with its reason,
    next step and date, and from a workspace what was sent and marked as resolved. Email addresses and
    mobile numbers are hidden unless you use --unmasked.
    """
    from invitekit.errors import ArgumentError
    from invitekit.planning.customer_history import find_customers

    moment, chosen = o.parse_as_of(as_of), o.read_rules(rules)
    with source.opened(language) as inputs:
        events = (
            {} if inputs.workspace is None else {"sent": inputs.workspace.resends(), "marks": inputs.workspace.marks()}
        )
        planned = make_plan(inputs, chosen, moment, language, source.failures)
        customers = find_customers(planned, customer, **events)
        if len(customers) == 1 and as_json:
            return out.json_line(inputs.json() | {"customer": _plain(asdict(customers[0]), unmasked=unmasked)})
    if len(customers) > 1 and not as_json:
        _print_customers([dict(each.newest) for each in customers], language, unmasked=unmasked)
    if len(customers) != 1:
        if not customers:
            raise ArgumentError(_("No customer has that name."), hint=_("'invitekit find WORDS' lists customers."))
        hint = _("use a customer key of the list.")
        if not unmasked:
            hint = _("use a customer key of the list; --unmasked shows all of it.")
        raise ArgumentError(_("{count:,} customers have that name.", count=len(customers)), hint=hint)
    return _print_customer(customers[0], language, unmasked=unmasked)


def _matching(planned: Any, choice: Filter) -> Any:
    """Return the newest record of each customer with a record that matches."""
    import narwhals.stable.v2 as nw

    from invitekit.engine.materialize import materialize
    from invitekit.model.filters import where

    frame, matching = nw.from_native(planned), nw.from_native(where(planned, choice))
    customers = matching.filter(~nw.col("customer_id").is_null()).group_by("customer_id").agg().select("customer_id")
    newest = frame.filter(nw.col("decision") != "superseded").join(customers, on="customer_id", how="semi")
    # A masked record cannot be followed: it counts by itself.
    masked = matching.filter(nw.col("customer_id").is_null() & (nw.col("decision") != "superseded"))
    return materialize(nw.concat([newest, masked]))


def _plain(value: Any, name: str = "", *, unmasked: bool) -> Any:
    """Return rows and texts as JSON has them, with addresses and numbers hidden unless they may be shown."""
    from invitekit.model import display

    if isinstance(value, Mapping):
        return {key: _plain(each, key, unmasked=unmasked) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, unmasked=unmasked) for each in value]
    return value if unmasked or not isinstance(value, str) else display.hidden_value(name, value)


def _print_customers(rows: Sequence[dict[str, Any]], language: Language, *, unmasked: bool) -> None:
    from invitekit.model.display import shown

    if not rows:
        return out.line("No customer matches.")
    table = out.new_table(*_LISTED.values())
    for row in rows[:_MOST_ROWS]:
        days = {name: row[name].date() for name in ("invited_at", "retry_at") if row[name] is not None}
        cells = {name: (row | days)[name] for name in _LISTED}
        table.add_row(*(shown(name, cell, language=language, unmasked=unmasked) or "" for name, cell in cells.items()))
    out.show(table)
    more = f" The first {_MOST_ROWS} are shown; -o writes them all." if len(rows) > _MOST_ROWS else ""
    return out.line(f"{many(len(rows), 'customer')}.{more} For one of them: invitekit show CUSTOMER_KEY.")


def _print_customer(customer: CustomerHistory, language: Language, *, unmasked: bool) -> None:
    from invitekit.model.catalogue import DO_NOT_INVITE
    from invitekit.model.display import shown
    from invitekit.model.schema import label

    def text(name: str, value: Any) -> str:
        return shown(name, value, language=language, unmasked=unmasked, whole=True) or ""

    newest = customer.newest
    for name in _SHOWN:
        if value := text(name, newest.get(name)):
            out.line(f"{label(name, language)}: {value}")
    out.line(
        f"{label('decision', language)}: {text('decision', newest['decision'])}. {text('reason', newest['reason'])}"
    )
    out.line(f"{label('next_step', language)}: {text('next_step', newest['next_step'])}")
    if newest["retry_at"] is not None:
        out.line(f"{label('retry_at', language)}: {text('retry_at', newest['retry_at'])}")
    table = out.new_table("Attempt", "Sent", "Method", "Status today", "Snapshots", "Stated", "Why, and what to do")
    for each in customer.invitations:
        first = [str(each.attempt_no or ""), text("invited_at", each.sent_at), text("invitation_method", each.method),
                 text("effective_status", each.effective_status)]  # fmt: skip
        for state in each.states:
            days = dict.fromkeys(text("snapshot_at", at) for at in (state.first_seen_at, state.last_seen_at))
            why = " ".join(filter(None, [text("cause", state.cause), text("advice", state.advice)]))
            table.add_row(*first, " to ".join(days), text("status", state.status), why)
            first = [""] * len(first)
    out.show(table)
    for row in customer.sent:
        out.line(f"Invited again on {text('sent_at', row['sent_at'])} by {row['sent_by']}, batch {row['batch_id']}.")
    for row in customer.marks:
        undone = f"; taken back by {row['unmarked_by']}" if row["unmarked_at"] else ""
        kind = "not to be invited" if row["failure_code"] == DO_NOT_INVITE else "resolved"
        out.line(f"Marked as {kind} on {text('resolved_at', row['resolved_at'])} by {row['marked_by']}{undone}.")
