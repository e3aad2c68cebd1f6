"""The reason for each decision: the conditions of the plan, in order of priority."""

from __future__ import annotations

import datetime as dt
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import literal
from invitekit.model.vocabularies import METHODS
from invitekit.planning.customer_list import HAS_LEFT, LISTED_AT, LISTED_BY, SINCE
from invitekit.planning.logged_events import BARRED_AT, OWN_ACCOUNT
from invitekit.planning.rejected_rows import REJECTED
from invitekit.planning.rules import ResendRules
from invitekit.planning.unknown_words import EMPTY, WORD
from invitekit.planning.vanished import VANISHED

CANDIDATE = ("as_reseller", "marked_resolved", "failed", "expired", "not_invited_yet", "pre_registered")
"""Reasons that make a record a candidate, before the limits on attempts and pauses."""
_BY_RULE = {
    "never": "blocked",
    "after_support": "contact_support",
    "after_customer_acts": "customer_must_act",
    "as_reseller": "as_reseller",
    "now": "failed",
}
_RESOLVABLE = ("contact_support", "customer_must_act", "blocked")


def first_of(rows: list[tuple[Any, Any]], otherwise: Any) -> Any:
    """Build the expression of the first value with a true condition."""
    for condition, value in reversed(rows):
        otherwise = nw.when(condition).then(value).otherwise(otherwise)
    return otherwise


def reason(rules: ResendRules, moment: dt.datetime) -> Any:
    """Build the expression of the reason code of a customer's newest record, from its columns and the history."""
    as_of = literal(moment)
    was_associated = nw.col("_ik_association") == 2
    is_listed = ~nw.col(LISTED_AT).is_null()
    is_newer = (nw.col("_ik_last_at") > nw.col(LISTED_BY)).fill_null(value=False)
    has_ended = nw.col("effective_status").is_in(["association_failed", "expired"])
    rows = [
        (~nw.col(BARRED_AT).is_null() & (nw.col("effective_status") != "associated"), nw.lit("do_not_invite")),
        (~nw.col(REJECTED).is_null(), nw.lit("row_rejected")),
        (nw.col(HAS_LEFT), nw.lit("left_us")),
        (nw.col("effective_status") == "associated", nw.lit("associated")),
        (is_listed & ~is_newer, nw.lit("ours_already")),
        (was_associated & _is_association_newer(), nw.lit("associated_before")),
        (was_associated & has_ended, nw.lit("associated_then_failed")),
        (was_associated, nw.lit("associated_then_open")),
        (nw.col("_ik_association") == 1, nw.lit("association_unclear")),
        (~nw.col(VANISHED).is_null(), nw.lit("vanished")),
        (nw.col("is_contradicted"), nw.lit("contradicted")),
        (nw.col("_ik_times_differ"), nw.lit("times_differ")),
        # A difference of up to a day may be due to a time zone.
        (nw.col("_ik_last_at").dt.offset_by("-1d") > as_of, nw.lit("future_date")),
    ]
    return first_of(rows, _by_status(rules, as_of))


def _is_association_newer() -> Any:
    """Build the condition that a customer's association is not older than its newest record's invitation."""
    sent_at = nw.col("invitation_sent_at")
    # A later snapshot may show that the same invitation is not, or no longer, associated.
    is_withdrawn = (nw.col("_ik_associated_seen") < nw.col("snapshot_at")) & (sent_at <= nw.col("_ik_associated_sent"))
    newer = (nw.col("_ik_associated_by") >= sent_at) & ~is_withdrawn.fill_null(value=False)
    return newer.fill_null(value=False)


def _by_status(rules: ResendRules, as_of: Any) -> Any:
    status = nw.col("status")
    invited, is_pre_registered = status == "invited", status == "pre_registered"
    is_email = nw.col("invitation_method") == "email"
    known = nw.col("invitation_method").is_in([method.code for method in METHODS])
    unlimited = nw.lit(rules.link_life_days is None)
    ends = nw.col("_ik_ends_at")
    # A pre-registration without a time is at least as old as the first snapshot with it.
    since = nw.coalesce(_pre_registered_at(), "first_seen_at")
    has_lapsed = _after(since, rules.pre_registration_days) <= as_of
    rows = [
        (status == "association_failed", _by_failure()),
        ((status == "pending_review") & has_lapsed, nw.lit("review_overdue")),
        (status == "pending_review", nw.lit("pending_review")),
        (status == "not_pre_registered", nw.lit("not_pre_registered")),
        (status == "expired", nw.lit("expired")),
        (invited & (nw.col("invitation_method").is_null() | ~known), nw.lit("unknown_method")),
        (invited & ~is_email & unlimited & ends.is_null(), nw.lit("link_open")),
        (invited & ends.is_null(), nw.lit("no_date")),
        (invited & (ends <= as_of), nw.lit("expired")),
        (invited & is_email, nw.lit("invitation_open")),
        (invited, nw.lit("link_open_until")),
        (is_pre_registered & has_lapsed, nw.lit("pre_registration_lapsed")),
        (is_pre_registered & nw.col("_ik_last_at").is_null(), nw.lit("not_invited_yet")),
        (is_pre_registered, nw.lit("pre_registered")),
    ]
    is_empty = nw.col(WORD) == EMPTY
    return first_of(rows, nw.when(is_empty).then(nw.lit("no_status")).otherwise(nw.lit("unknown_status")))


def _by_failure() -> Any:
    rule, resolved = nw.col("resend_rule"), nw.col("_ik_resolved_by")
    marked = ~resolved.is_null() & (nw.col("_ik_last_at").is_null() | (resolved >= nw.col("_ik_last_at")))
    is_own_account = (nw.col("failure_code") == OWN_ACCOUNT) & (rule == "now")
    can_be_resolved = [name for name, code in _BY_RULE.items() if code in _RESOLVABLE]
    rows = [
        ((rule.is_in(can_be_resolved) | is_own_account) & marked, nw.lit("marked_resolved")),
        (is_own_account, nw.lit("own_account")),
        *((rule == name, nw.lit(code)) for name, code in _BY_RULE.items()),
        (nw.col("failure_code") == "not_given", nw.lit("no_message")),
    ]
    return first_of(rows, nw.lit("unknown_failure"))


def detail() -> Any:
    """Build the expression for the placeholder of a reason: a row, a day, a status word or a mark."""
    code = nw.col("reason_code")
    is_earlier_association = code.is_in(["associated_then_failed", "associated_then_open"])
    times = [
        (code == "do_not_invite", nw.col(BARRED_AT)),
        (is_earlier_association, nw.coalesce("_ik_associated_at", "_ik_associated_seen", SINCE)),
        (code == "ours_already", nw.col(SINCE)),
        (code == "cooling_down", nw.col("_ik_last_at")),
        (code == "left_us", nw.col(LISTED_BY)),
        (code == "marked_resolved", nw.col("_ik_resolved_at")),
    ]
    # Engines compute all branches, and a time as text is slow.
    day = first_of(times, nw.lit(None, nw.Datetime("us"))).dt.to_string("%Y-%m-%d")
    rows = [
        (code == "row_rejected", nw.col(REJECTED)),
        (is_earlier_association, day.fill_null("?")),
        (code == "vanished", nw.col(VANISHED)),
        (code == "unknown_status", nw.col(WORD)),
        (code == "marked_resolved", nw.concat_str([day, nw.col("cause")], separator=": ", ignore_nulls=True)),
    ]
    return first_of(rows, day)


def _pre_registered_at() -> Any:
    """Build the expression of when a customer was pre-registered; if unknown, when it was invited."""
    return nw.coalesce("pre_registered_at", "invited_at")


def ends_at(rules: ResendRules) -> Any:
    """Build the expression of when an invitation expires: its own date, else after the days in the rules."""
    # A record without a time may belong to a later invitation than the known one.
    sent_at = nw.when(~nw.col("invited_at").is_null()).then(nw.col("invitation_sent_at"))
    email = sent_at.dt.offset_by(f"{rules.email_life_days}d")
    no_limit = nw.lit(None, nw.Datetime("us"))
    other = no_limit if rules.link_life_days is None else sent_at.dt.offset_by(f"{rules.link_life_days}d")
    life = nw.when(nw.col("invitation_method") == "email").then(email).otherwise(other)
    return nw.coalesce(nw.col("expires_at"), life)


def retry_at(rules: ResendRules) -> Any:
    """Build the expression of when a resend is (or was) first allowed; null if it does not depend on a date."""
    rested = _after(nw.col("_ik_last_at"), rules.cool_down_days)
    code = nw.col("reason_code")
    # A mark or an expiry date may be later than the end of the pause; no other condition has a date.
    own = first_of(
        [(code == "marked_resolved", nw.col("_ik_resolved_at")), (code == "expired", nw.col("_ik_ends_at"))],
        nw.lit(None, nw.Datetime("us")),
    )
    later = nw.when(own > rested).then(own).otherwise(nw.coalesce(rested, own))
    rows = [
        (code == "pending_review", _after(_pre_registered_at(), rules.pre_registration_days)),
        (code.is_in(["invitation_open", "link_open_until"]), nw.col("_ik_ends_at")),
        (code.is_in(list(CANDIDATE)), later),
    ]
    return first_of(rows, nw.lit(None, nw.Datetime("us")))


def limited(rules: ResendRules, moment: dt.datetime) -> Any:
    """Build the expression of a candidate's final reason, after the limits of the rules."""
    code, as_of = nw.col("reason_code"), literal(moment)
    is_candidate, is_unidentified = code.is_in(list(CANDIDATE)), nw.col("customer_id").is_null()
    is_undated = nw.col("_ik_last_at").is_null() & (code != "not_invited_yet") & nw.lit(rules.cool_down_days > 0)
    # A record without a time may belong to a later invitation than the known one.
    is_undated = is_undated | (nw.col("invited_at").is_null() & ~nw.col("invitation_sent_at").is_null())
    # A record without an account may belong to any of the customers who share its address.
    has_no_account = nw.col("customer_id").str.starts_with("email:")
    rows = [
        (~is_candidate, code),
        (is_unidentified, nw.lit("unidentified")),
        (nw.col("attempts") >= rules.max_attempts, nw.lit("most_attempts")),
        (is_undated, nw.lit("no_date")),
        (is_resting(rules, moment), nw.lit("cooling_down")),
        # Another customer with this address is in a pause.
        (nw.col("_ik_is_taken") | (nw.col("_ik_is_shared") & has_no_account), nw.lit("same_email")),
        (nw.col("retry_at") > as_of, nw.lit("expires_later")),
    ]
    return first_of(rows, code)


def is_resting(rules: ResendRules, moment: dt.datetime, last_at: str = "_ik_last_at") -> Any:
    """Build the condition that a customer is still in the pause after its last invitation."""
    return _after(nw.col(last_at), rules.cool_down_days) > literal(moment)


def _after(time: Any, days: int) -> Any:
    return time.dt.offset_by(f"{days}d")
