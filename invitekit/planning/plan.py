"""Plan resends: add a decision to every record, from the resolved columns and the logged events."""

from __future__ import annotations

import datetime as dt
from typing import Any, TypeVar, cast

import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import as_utc, end_of_day, literal
from invitekit.engine.frames import as_narwhals, as_narwhals_like
from invitekit.engine.literal_table import literal_table
from invitekit.engine.materialize import count_rows, materialize, temp_tables, with_next
from invitekit.errors import check_language
from invitekit.i18n import Language
from invitekit.metrics.success_rates import SuccessRates, count_resends
from invitekit.model import schema
from invitekit.model.identity import address
from invitekit.model.resolve import NEEDED as RESOLVING
from invitekit.model.resolve import resolved as with_resolved
from invitekit.model.resolve import used_columns, with_contradictions
from invitekit.model.schema import require
from invitekit.model.vocabularies import RESENDS
from invitekit.planning import ranking, reason_texts, reasons
from invitekit.planning.addresses import addresses_of, taken_addresses, with_older_addresses, with_sharing
from invitekit.planning.customer_list import with_customer_list
from invitekit.planning.logged_events import resolve_logged, with_barred, with_resolutions, with_sent
from invitekit.planning.reasons import first_of
from invitekit.planning.rejected_rows import REJECTED, with_rejected
from invitekit.planning.rules import ResendRules, chosen_rules
from invitekit.planning.unknown_words import with_words
from invitekit.planning.vanished import with_vanished

Frame = TypeVar("Frame")
_PLAN = [column.name for column in schema.PLAN]

_OF_RECORDS = (
    "_ik_customer", "is_latest_of_customer", "email", "customer_id", "invitation_id", "snapshot_at", "first_seen_at",
    "status", "effective_status", "failure_code", "cause", "advice", "resend_rule", "invitation_method", "invited_at",
    "invitation_sent_at", "expires_at", "customer_full_name", "mobile",
)  # fmt: skip
"""The columns of a customer's newest record that its decision depends on."""
_OPTIONAL: dict[str, Any] = {
    "pre_registered_at": nw.Datetime("us"),
    "account_manager": nw.String,
    "unrecognised": nw.String,
}
"""The optional ones of these columns."""
_ZONES = "14h"
"""The furthest that the times of two files can be apart if they are in different zones: usually UTC and a local one."""
_OF_CUSTOMER = ("decision", "reason_code", "reason", "next_step", "retry_at", "attempts", *ranking.COLUMNS)
_DETAIL = "_ik_detail"
_SLOTS = {"cause": "cause", "advice": "advice"} | dict.fromkeys(reason_texts.DETAILS, _DETAIL)
"""The placeholders of the texts of reasons, and the columns that fill them."""
NEEDED = (*RESOLVING, *(c.name for c in schema.ANNOTATED[:6]), "status", "invitation_method", "expires_at",
          "associated_at")  # fmt: skip


def used_by_plan(records: Frame) -> Frame:
    """Return the columns of resolved records that ``plan_resends`` reads: enough to count a plan."""
    frame: Any = nw.from_native(records)
    names = frame.collect_schema().names()
    used = {"record_id", *used_columns((*NEEDED, *_OF_RECORDS, *_OPTIONAL), names)}
    return cast("Frame", frame.select(*(name for name in names if name in used)).to_native())


def plan_resends(
    records: Frame,
    rules: ResendRules | None = None,
    *,
    as_of: dt.datetime | dt.date | None = None,
    sent: Frame | None = None,
    resolved: Frame | None = None,
    rejected: Any = None,
    customer_list: Frame | None = None,
    success_rates: SuccessRates | None = None,
    language: Language = "en",
) -> Frame:
    """Return every record with one decision, its reason, next step and date; nothing is left out.

    Pass the whole history, and filter afterwards: whether a customer was reached depends on all its records. A customer
    has one decision, on its newest record (``is_latest_of_customer``); every other record is ``superseded``. A customer
    who was associated once is never invited again automatically.

    Args:
        records: The result of ``annotate`` or ``resolve``, of any engine.
        rules: The rules of the plan; else ``ResendRules()``.
        as_of: The time to plan for; a date means its midnight UTC. Default: now.
        sent: Logged resends, on the same engine: ``record_id, sent_at`` (UTC), and if known ``customer_id``, because a
            later file may reuse a record ID. Without it, the event belongs to the only customer with that record ID.
            With ``email``, no other customer with that address is invited within the pause.
        resolved: Resolved failures, on the same engine: ``record_id, resolved_at`` (UTC), and if known ``customer_id``
            and ``failure_code, email``. A mark counts for that failure, if it is not older than the day of the
            customer's last invitation. A mark without record and customer means that the partner's own account was
            changed: it counts for every customer whose association failed because of it. With the failure code
            ``do_not_invite``, the customer must not be invited any more, nor any other one with its email address.
        rejected: The rejected rows of ``load``, of any engine, or its result. A customer in one of them is for review,
            because the row may have a newer state, unless the customer's newest record is from a later snapshot.
        customer_list: The newest export of Customer Management, on the same engine: the records of
            ``load(..., required="associated_at")``. A customer on the list is not invited again. A customer who was
            associated before the list and is not on it has left, and is for review.
        success_rates: The success rates of resends; else they are counted in these records.
        language: The language of ``reason`` and ``next_step``: ``en`` or ``zh``.

    Returns:
        The same rows on the same engine (order as in ``annotate``), with the columns of
        ``schema.PLAN``: ``customer_id`` as in ``resolve``; ``decision`` (one of ``schema.DECISIONS``),
        ``reason_code, reason, next_step``; ``retry_at`` (UTC: when a resend is allowed, null if that does not depend on
        a date); ``attempts`` (invitations so far, logged ones included). Customers to invite again have ``rank`` and
        ``batch`` (from 1), ``chance, chance_low, chance_high`` (0 to 1, 90% interval) and ``chance_from`` (the group
        of resends that they are counted in; ``none`` without enough history). Every row has ``planned_at`` (``as_of``,
        to the second) and ``plan_rules`` (the rules as JSON), also when the plan is filtered or stored.

    Raises:
        SchemaError: A required column is missing.
        ArgumentError: ``as_of`` or ``language`` is not valid, or a frame is on another engine.
    """
    check_language(language)
    rules, moment = chosen_rules(rules), as_utc(as_of)
    base: Any = as_narwhals(records)
    names = base.collect_schema().names()
    require(names, NEEDED)
    with temp_tables() as persist:
        frame: Any = nw.from_native(cast("Any", with_resolved(base.to_native())))
        frame = frame.drop([name for name in _PLAN if name != "customer_id"], strict=False)
        rejected = getattr(rejected, "rejects", rejected)  # of a whole result of load
        events = {"sent": sent, "resolved": resolved, "customer_list": customer_list}
        known = {name: as_narwhals_like(base, one, name) for name, one in events.items() if one is not None}
        if rejected is not None:
            known["rejected"] = as_narwhals(rejected)
        if success_rates is None:
            success_rates = count_resends(frame.to_native(), as_of=moment, follow_up_days=rules.follow_up_days)
        frame = frame.with_columns(_ik_customer=nw.coalesce("customer_id", "invitation_id"))
        decided = _decided(frame, rules, moment, language, **known)
        candidates = decided.filter(nw.col("reason_code").is_in(list(reasons.CANDIDATE)))
        ranked = ranking.rank_candidates(candidates, success_rates, rules, moment)
        decided = decided.select("_ik_customer", "reason_code", "retry_at", "attempts", *dict.fromkeys(_SLOTS.values()))
        decided = decided.join(ranked, on="_ik_customer", how="left")
        decided = _with_decisions(decided, rules, moment, language).select("_ik_customer", *_OF_CUSTOMER)
        planned = _superseded(frame.join(decided, on="_ik_customer", how="left"), language)
        planned = planned.with_columns(planned_at=literal(moment), plan_rules=nw.lit(rules.to_json()))
        planned = planned.select(*(name for name in names if name not in _PLAN), *_PLAN)
        return persist(materialize(cast("Frame", planned.to_native())))


def _decided(
    frame: Any,
    rules: ResendRules,
    moment: dt.datetime,
    language: Language,
    *,
    sent: Any = None,
    resolved: Any = None,
    rejected: Any = None,
    customer_list: Any = None,
) -> Any:
    """Return the newest record of each customer with its reason, and when a resend is allowed."""
    histories = with_customer_list(_histories(frame, sent), frame, customer_list)
    histories = materialize(with_barred(histories, frame, resolved, moment))
    present = frame.collect_schema().names()
    optional = [nw.col(n) if n in present else nw.lit(None, kind).alias(n) for n, kind in _OPTIONAL.items()]
    # Select the needed columns before filtering, because an eager frame copies all its columns.
    newest = frame.select(*_OF_RECORDS, *optional).filter(nw.col("is_latest_of_customer"))
    newest = newest.with_columns(_ik_address=address()).drop("is_latest_of_customer", "email")
    newest = with_contradictions(newest, frame).join(histories, on="_ik_customer")
    addresses = addresses_of(frame)
    events = {"sent": sent, "resolved": resolved, "customer_list": customer_list}
    taken = taken_addresses(addresses, histories, rules, moment, **events)
    newest = with_sharing(with_older_addresses(newest, frame), addresses, taken)
    newest = with_vanished(materialize(_with_differing_times(newest, frame)), rules)
    newest = _with_associations(with_words(newest), frame)
    if rejected is None:
        newest = newest.with_columns(nw.lit(None, nw.String).alias(REJECTED))
    else:
        newest = with_rejected(newest, frame, addresses, rejected, language)
    newest = with_resolutions(newest, frame, resolved, moment).with_columns(_ik_ends_at=reasons.ends_at(rules))
    newest = newest.with_columns(reason_code=reasons.reason(rules, moment))
    newest = newest.with_columns(retry_at=reasons.retry_at(rules))
    newest = newest.with_columns(reason_code=reasons.limited(rules, moment))
    return materialize(newest.with_columns(reasons.detail().alias(_DETAIL)))


def _association() -> Any:
    """Build the expression of a record's association: 2 by its status, 1 by its time only, else 0."""
    dated = nw.when(nw.col("associated_at").is_null()).then(nw.lit(0)).otherwise(nw.lit(1))
    return nw.when(nw.col("effective_status") == "associated").then(nw.lit(2)).otherwise(dated).cast(nw.Int64)


def _histories(frame: Any, sent: Any | None) -> Any:
    """Sum up each customer's records and logged resends: association, last time, snapshots, attempts."""
    histories = frame.with_columns(_ik_association=_association()).group_by("_ik_customer").agg(
        nw.col("_ik_association").max(),
        _ik_last_at=nw.col("invitation_sent_at").max(),
        _ik_known_at=nw.col("snapshot_at").min(),
        _ik_seen_at=nw.col("snapshot_at").max(),
        attempts=nw.col("attempt_no").max(),
    )  # fmt: skip
    return histories if sent is None else with_sent(histories, frame, resolve_logged(frame, sent, "sent_at"))


def _with_associations(newest: Any, frame: Any) -> Any:
    """Add time and snapshot of an earlier association, for customers whose newest record is not associated.

    ``_ik_associated_by`` is the last second of its time (a date means the end of its day), else its invitation's time.
    """
    was_associated = (nw.col("_ik_association") == 2) & (nw.col("effective_status") != "associated")
    customers = newest.filter(was_associated).select("_ik_customer")
    records = frame.select("_ik_customer", "effective_status", "snapshot_at", "associated_at", "invited_at",
                           "invitation_sent_at")  # fmt: skip
    records = records.filter(nw.col("effective_status") == "associated").join(customers, on="_ik_customer", how="semi")
    at, sent_at = nw.col("associated_at"), nw.col("invitation_sent_at")
    by = nw.coalesce(end_of_day("associated_at"), nw.when(~nw.col("invited_at").is_null()).then(sent_at))
    known = records.with_columns(_ik_at=at, _ik_by=by).group_by("_ik_customer").agg(
        _ik_associated_at=nw.col("_ik_at").max(),
        _ik_associated_by=nw.col("_ik_by").max(),
        _ik_associated_seen=nw.col("snapshot_at").max(),
        _ik_associated_sent=nw.col("invitation_sent_at").max(),
    )  # fmt: skip
    return newest.join(known, on="_ik_customer", how="left")


def _with_differing_times(newest: Any, frame: Any) -> Any:
    """Add whether two invitations of a customer may be one, which two files give in different time zones.

    They are at most ``_ZONES`` apart, by full quarters of an hour, and no snapshot has both [assumed].
    """
    columns = ("_ik_customer", "invitation_id", "is_latest_of_invitation", "attempt_no", "snapshot_at")
    sent = frame.select(*columns, _ik_at="invitation_sent_at").filter(~nw.col("_ik_at").is_null())
    # Most customers have one invitation.
    several = sent.filter(nw.col("attempt_no") > 1).select("_ik_customer").unique()
    sent = materialize(sent.join(several, on="_ik_customer", how="semi"))
    at = nw.col("_ik_at").dt
    newest_states = sent.filter(nw.col("is_latest_of_invitation") & ~nw.col("snapshot_at").is_null())
    newest_states = newest_states.with_columns(_ik_minute=at.minute() % 15, _ik_second=at.second())
    # Only neighbours are compared: the pairs of a customer with many invitations would be too many.
    following = {"_ik_other": "invitation_id", "_ik_later": "_ik_at"}
    pairs = with_next(newest_states, ["_ik_customer", "_ik_minute", "_ik_second"], "_ik_at", following)
    pairs = pairs.filter(nw.col("_ik_later") <= at.offset_by(_ZONES))
    pairs = materialize(pairs.select("_ik_customer", "invitation_id", "_ik_other"))
    if not count_rows(pairs):
        return newest.with_columns(_ik_times_differ=nw.lit(value=False))
    shown = sent.select("invitation_id", "snapshot_at").unique()
    of_other = shown.select("snapshot_at", _ik_other="invitation_id")
    together = pairs.join(shown, on="invitation_id").join(of_other, on=["_ik_other", "snapshot_at"])
    found = pairs.join(together.select("invitation_id").unique(), on="invitation_id", how="anti")
    found = found.select("_ik_customer").unique().with_columns(_ik_times_differ=nw.lit(value=True))
    newest = newest.join(found, on="_ik_customer", how="left")
    return newest.with_columns(nw.col("_ik_times_differ").fill_null(value=False))


def _with_decisions(customers: Any, rules: ResendRules, moment: dt.datetime, language: Language) -> Any:
    """Add the decisions and texts of the reasons, and keep rank and batch where customers are invited again."""
    code = nw.col("reason_code")
    # Of candidates with one address, only the best is ranked.
    rows = [(code.is_in(list(reasons.CANDIDATE)) & nw.col("rank").is_null(), nw.lit("same_email"))]
    customers = customers.with_columns(reason_code=first_of(rows, code))
    customers = customers.join(_texts(customers, rules, language), on="reason_code", how="left")
    chosen = nw.col("decision").is_in(list(RESENDS))
    is_ahead = (nw.col("retry_at") > literal(moment)) & (nw.col("decision") != "blocked")
    dated = nw.when(chosen | is_ahead).then(nw.col("retry_at"))
    of_candidates = [nw.when(chosen).then(nw.col(name)).alias(name) for name in ranking.COLUMNS]
    texts = {"reason": _filled("reason"), "next_step": _filled("step")}
    return customers.with_columns(dated.alias("retry_at"), *of_candidates, **texts)


def _superseded(frame: Any, language: Language) -> Any:
    """Change the decisions of records that are not the newest one of their customer."""
    known = reason_texts.read_reasons(language)
    is_newest, is_masked = nw.col("is_latest_of_customer"), nw.col("customer_id").is_null()
    newer, older = known["superseded"], known["older_snapshot"]
    texts = {"reason_code": (newer.code, older.code), "decision": (newer.decision, older.decision),
             "reason": (newer.reason, older.reason), "next_step": (newer.step, older.step)}  # fmt: skip
    decided = {
        name: nw.when(is_newest).then(nw.col(name)).otherwise(first_of([(is_masked, nw.lit(old))], nw.lit(new)))
        for name, (new, old) in texts.items()
    }
    of_newest = [nw.when(is_newest).then(nw.col(name)).alias(name) for name in ("retry_at", *ranking.COLUMNS)]
    return frame.with_columns(*of_newest, **decided)


def _texts(frame: Any, rules: ResendRules, language: Language) -> Any:
    """Build a table with the decision and the texts of every reason, on the engine of the records."""
    known = reason_texts.read_reasons(language)
    columns = {"reason_code": list(known), "decision": [reason.decision for reason in known.values()]}
    for position, name in enumerate(("reason", "step")):
        parts = [_split(reason.words(rules)[position]) for reason in known.values()]
        columns |= {f"_ik_{name}_{end}": [part[end] for part in parts] for end in ("before", "slot", "after")}
    return literal_table(frame, columns)


def _split(text: str) -> dict[str, str]:
    """Split a text at its placeholder; ``slot``, the name of the placeholder, is empty without one."""
    before, _, rest = text.partition("{")
    slot, _, after = rest.partition("}")
    return {"before": before, "slot": slot, "after": after}


def _filled(name: str) -> Any:
    """Build the expression of a reason's text with its placeholder filled in."""
    slot = nw.col(f"_ik_{name}_slot")
    rows = [(slot == text, nw.col(column).fill_null("")) for text, column in _SLOTS.items()]
    return nw.concat_str([nw.col(f"_ik_{name}_before"), first_of(rows, nw.lit("")), nw.col(f"_ik_{name}_after")])
