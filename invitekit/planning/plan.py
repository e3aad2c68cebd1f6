"""Records to records with a decision: the steps of the plan in their order."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal, TypeVar, cast

import narwhals.stable.v2 as nw

from invitekit.engine import literal_table
from invitekit.engine.datetimes import as_utc, literal
from invitekit.errors import ArgumentError
from invitekit.metrics.success_rates import Chances, count_resends
from invitekit.model import identity, schema
from invitekit.model.vocabularies import RESENDS
from invitekit.planning import history, logged_events, ranking, reason_texts, reasons
from invitekit.planning.rules import ResendRules

Frame = TypeVar("Frame")
Language = Literal["en", "zh"]
_OURS = [column.name for column in schema.PLAN]

NEEDED = (*identity.NEEDED, *(c.name for c in schema.ANNOTATED[:7]), "status", "invitation_method", "invited_at",
          "expires_at", "associated_at", "snapshot_at")  # fmt: skip


def plan_resends(
    records: Frame,
    rules: ResendRules | None = None,
    *,
    as_of: dt.datetime | dt.date | None = None,
    sent: Frame | None = None,
    resolved: Frame | None = None,
    chances: Chances | None = None,
    language: Language = "en",
) -> Frame:
    """Give every record one decision with its reason, next step and date; nothing is left out.

    Pass the whole history, and filter afterwards: whether a customer was reached is a question to
    all of its records. The newest record of a customer speaks for it, every older one is
    ``superseded``; an association at any time settles the customer.

    Args:
        records: What ``annotate`` gives, of any engine.
        rules: Pause, attempts, batch size and lives; else ``ResendRules()``.
        as_of: The moment to plan for; a date means its midnight UTC. Now, when it is left out.
        sent: Resends that were logged, on the same engine: ``record_id, sent_at`` (UTC), and
            ``customer_id`` where it is known: it says whose they are whatever the IDs of a later file.
        resolved: What a customer or customer service resolved, on the same engine: ``record_id,
            resolved_at`` (UTC), and where they are known ``customer_id`` and ``failure_code``. It counts
            for that failure, if it is not older than the day of the customer's last invitation.
        chances: What resends led to; else counted in these records.
        language: Of ``reason`` and ``next_step``: ``en`` or ``zh``.

    Returns:
        The same rows on the same engine (order as in ``annotate``), with the columns of
        ``schema.PLAN``: ``decision`` (one of ``schema.DECISIONS``), ``reason_code, reason,
        next_step``; ``retry_at`` (UTC: from when a resend is allowed, null where no date brings
        it); ``attempts`` (invitations so far, logged ones included); and for those to invite again
        ``rank`` and ``batch`` (from 1), ``chance, chance_low, chance_high`` (0 to 1, 90 % interval)
        and ``chance_from`` (the group they come from; ``none`` without enough history); and on every
        row ``planned_at`` (``as_of``, to the second) and ``plan_rules`` (the rules as JSON): a plan
        that is filtered or stored still tells how it was made.

    Raises:
        SchemaError: A column that is needed is missing.
        ArgumentError: ``as_of`` or ``language`` means nothing.
    """
    if language not in ("en", "zh"):
        raise ArgumentError(f"language is '{language}'.", hint="use 'en' or 'zh'.")
    rules, moment = rules or ResendRules(), as_utc(as_of)
    base: Any = nw.from_native(cast("Any", records))
    identity.require(base.collect_schema().names(), NEEDED)
    frame = base.drop(_OURS, strict=False)
    frame = nw.from_native(identity.identify(frame.to_native()))
    noted = [None if e is None else nw.from_native(cast("Any", e)) for e in (sent, resolved)]
    if chances is None:
        chances = count_resends(frame.to_native())
    frame = _reasoned(frame, rules, moment, *noted)
    ranked = ranking.ranked(frame.filter(nw.col("reason_code").is_in(list(reasons.CANDIDATE))), chances, rules, moment)
    planned = frame.join(ranked, on="customer_id", how="left")
    planned = _decided(planned, _words(base, rules, language))
    planned = planned.with_columns(planned_at=literal(moment), plan_rules=nw.lit(rules.to_json()))
    given = [name for name in base.collect_schema().names() if name not in _OURS]
    return cast("Frame", planned.select(*given, *_OURS).to_native())


def _reasoned(frame: Any, rules: ResendRules, moment: dt.datetime, sent: Any | None, resolved: Any | None) -> Any:
    """Add each record's reason, with the limits of the rules, and when a resend is allowed."""
    newest = frame.select(nw.col("snapshot_at").max().alias("_ik_last_snapshot")).lazy().collect("pyarrow")
    last_snapshot = newest["_ik_last_snapshot"].to_list()[0]
    frame = history.with_times(frame)
    sent = history.logged(frame, sent)
    frame = history.with_addresses(frame, sent, reasons.resting(rules, moment))
    frame = history.with_history(frame, sent)
    frame = logged_events.with_resolutions(frame, resolved, moment)
    frame = frame.with_columns(
        _ik_alone=history.alone(),
        _ik_ends_at=reasons.ends_at(rules),
        _ik_outdated=history.alone() & _before(last_snapshot),
    )
    frame = frame.with_columns(reason_code=reasons.reason(rules, moment))
    frame = frame.with_columns(retry_at=reasons.retry_at(rules))
    return frame.with_columns(reason_code=reasons.held_back(rules, moment))


def _before(last_snapshot: dt.datetime | None) -> Any:
    if last_snapshot is None:
        return nw.lit(value=False)
    return nw.col("snapshot_at").dt.to_string("%Y%m%d%H%M%S").fill_null("9") < f"{last_snapshot:%Y%m%d%H%M%S}"


def _decided(frame: Any, table: Any) -> Any:
    """Turn reasons into decisions and words, and keep rank and batch where they belong."""
    code, candidate = nw.col("reason_code"), nw.col("reason_code").is_in(list(reasons.CANDIDATE))
    twice = (candidate & (nw.col("_ik_twins") > 1), nw.lit("twice_in_file"))
    same_email = (candidate & (nw.col("_ik_email_rank") > 1), nw.lit("same_email"))
    frame = frame.with_columns(reason_code=reasons.first_of([twice, same_email], code))
    frame = frame.join(table, on="reason_code", how="left")
    dated = nw.when(~nw.col("decision").is_in(["superseded", "associated", "blocked"])).then(nw.col("retry_at"))
    chosen = nw.col("decision").is_in(list(RESENDS))
    of_candidates = [nw.when(chosen).then(nw.col(name)).alias(name) for name in ranking.COLUMNS]
    told = {"reason": _told("reason", "cause"), "next_step": _told("step", "advice")}
    return frame.with_columns(dated.alias("retry_at"), *of_candidates, **told)


def _words(base: Any, rules: ResendRules, language: Language) -> Any:
    """Make a table of every reason's decision and words on the engine of the records."""
    reasons = reason_texts.read_reasons()
    columns = {"reason_code": list(reasons), "decision": [reason.decision for reason in reasons.values()]}
    for place, name in enumerate(("reason", "step")):
        parts = [_ends(reason.words(rules, language)[place]) for reason in reasons.values()]
        columns |= {f"_ik_{name}_{end}": [part[end] for part in parts] for end in ("before", "slot", "after")}
    return literal_table.table(base, columns)


def _ends(text: str) -> dict[str, str]:
    """Split a text at the slot for the failure's own words, and say whether it has one."""
    before, slot, after = text.partition("{")
    return {"before": before, "slot": slot, "after": after.partition("}")[2]}


def _told(name: str, own: str) -> Any:
    """The expression of a reason's words, with the failure's own in their slot."""
    filled = nw.when(nw.col(f"_ik_{name}_slot") != "").then(nw.col(own).fill_null("")).otherwise(nw.lit(""))
    return nw.concat_str([nw.col(f"_ik_{name}_before"), filled, nw.col(f"_ik_{name}_after")])
