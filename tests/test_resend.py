"""The plan: each rule at its border, and properties that are true for any records."""

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

import invitekit as ik
from invitekit.errors import ArgumentError, SchemaError
from invitekit.metrics.success_rates import SuccessRates, count_resends
from invitekit.model import identity, schema
from invitekit.model import resolve as model_resolve
from invitekit.model.catalogue import read_catalogue
from invitekit.model.resolve import resolve
from invitekit.model.vocabularies import DECISIONS, DECISIONS_OF, LISTS, RESENDS
from invitekit.planning import ResendRules, age_warnings, count_decisions, plan_resends, ranking, reason_texts, reasons
from invitekit.workspace import compare_snapshots
from tests.conftest import SHAPE, SOAK, Engine

pytestmark = pytest.mark.one_engine
TODAY = dt.datetime(2026, 3, 30, 9, 0)
SECOND = dt.timedelta(seconds=1)
MESSAGES = {failure.code: failure.messages[0] for failure in read_catalogue().failures}


def days(number: float) -> dt.datetime:
    """Return the time some days before today."""
    return TODAY - dt.timedelta(days=number)


def record(
    account: str | None = "acme", status: str = "invited", invited: dt.datetime | None = None, **more: Any
) -> Any:
    code = more.pop("failure", None)
    if code is not None:
        status, more["failure_message"] = "association_failed", MESSAGES.get(code, code)
    given = {"account_name": account, "status": status, "invited_at": invited, "invitation_method": "email"}
    return dict.fromkeys(SHAPE) | {"snapshot_at": TODAY} | given | more


def frame(*records: Any) -> pl.DataFrame:
    numbered = [{"source_file": "f.csv", "source_row": i + 2} | {k: v for k, v in r.items() if v is not None}
                for i, r in enumerate(records)]  # fmt: skip
    return pl.DataFrame(numbered, schema=SHAPE)


def plan(*records: Any, as_of: dt.datetime = TODAY, **how: Any) -> pl.DataFrame:
    made: pl.DataFrame = plan_resends(ik.annotate(frame(*records), as_of=as_of), as_of=as_of, **how)
    return made


@dataclass(frozen=True)
class Case:
    """Records of one customer, and the expected decision on the last one."""

    decision: str
    reason: str
    records: tuple[Any, ...]
    retry: dt.datetime | None = None
    attempts: int = 1
    rules: ResendRules = field(default_factory=ResendRules)


def case(decision: str, reason: str, *records: Any, retry: dt.datetime | None = None, attempts: int = 1) -> Case:
    return Case(decision, reason, records, retry, attempts)


def failed(code: str, decision: str, reason: str) -> Case:
    retry = days(13) if decision in RESENDS else None
    return case(decision, reason, record(invited=days(20), failure=code), retry=retry)


TABLE = {
    # An email invitation is valid for 7 days; one second later it has expired.
    "email, a second before its 7 days": case(
        "wait_for_expiry", "invitation_open", record(invited=days(7) + SECOND), retry=TODAY + SECOND),
    "email, its 7 days are over": case("resend_now", "expired", record(invited=days(7)), retry=TODAY),
    "email, a second after its 7 days": case(
        "resend_now", "expired", record(invited=days(7) - SECOND), retry=TODAY - SECOND),
    "email with a date of its own, not reached": case(
        "wait_for_expiry", "invitation_open", record(invited=days(20), expires_at=TODAY + SECOND),
        retry=TODAY + SECOND),
    "email with a date of its own, reached": case(
        "resend_now", "expired", record(invited=days(20), expires_at=TODAY), retry=TODAY),
    "email with a date of its own, inside the pause": case(
        "wait_for_cooldown", "cooling_down", record(invited=days(3), expires_at=days(1)),
        retry=TODAY + dt.timedelta(days=4)),
    "labelled expired": case("resend_now", "expired", record(status="expired", invited=days(30)), retry=days(23)),
    "invited without a date": case("review", "no_date", record(), attempts=0),
    "labelled expired, with a date to come": case(
        "wait_for_expiry", "expires_later", record(status="expired", invited=days(20), expires_at=TODAY + SECOND),
        retry=TODAY + SECOND),
    "labelled expired, with a date that has come": case(
        "resend_now", "expired", record(status="expired", invited=days(20), expires_at=TODAY), retry=TODAY),
    "invited within the day to come, by another clock": case(
        "wait_for_cooldown", "cooling_down", record(status="expired", invited=days(-1)),
        retry=TODAY + dt.timedelta(days=8)),
    **{f"{name}, dated later than that": case("review", "future_date", record(invited=days(-1) + SECOND, **more))
       for name, more in {"invited": {}, "expired": {"status": "expired"}, "a link": {"invitation_method": "link"},
                          "failed": {"failure": "customer_is_partner"}, "pre-registered": {"status": "pre_registered"}
                          }.items()},
    "an open email, dated within the day to come": case(
        "wait_for_expiry", "invitation_open", record(invited=days(-1)), retry=TODAY + dt.timedelta(days=8)),
    "expired, but with an association time": case(
        "review", "association_unclear", record(status="expired", invited=days(20), associated_at=days(19))),
    "an earlier record with an association time only": case(
        "review", "association_unclear", record(status="expired", invited=days(40), associated_at=days(39)),
        record(status="expired", invited=days(20)), attempts=2),
    # How long an unknown method is valid is unknown.
    **{f"method {method}": case("review", "unknown_method", record(invited=days(30), invitation_method=method))
       for method in ("unknown", None)},
    # Links and QR codes have no limit.
    **{f"{method}, a year old": case(
        "wait_for_customer", "link_open", record(invited=days(365), invitation_method=method))
        for method in ("link", "qr_code", "campaign")},
    **{f"{method}, {later} after its own date": case(
        "resend_now", "expired", record(invited=days(20), expires_at=TODAY - later, invitation_method=method),
        retry=TODAY - later)
        for method in ("link", "campaign") for later in (SECOND * 0, SECOND)},
    "a campaign, a second before its own date": case(
        "wait_for_expiry", "link_open_until",
        record(invited=days(20), expires_at=TODAY + SECOND, invitation_method="campaign"), retry=TODAY + SECOND),
    # The pause is 7 days.
    "failed, a second inside the pause": case(
        "wait_for_cooldown", "cooling_down", record(invited=days(7) + SECOND, failure="link_used"),
        retry=TODAY + SECOND),
    "failed, the pause is over": case(
        "resend_now", "failed", record(invited=days(7), failure="link_used"), retry=TODAY),
    "failed, a second after the pause": case(
        "resend_now", "failed", record(invited=days(7) - SECOND, failure="link_used"), retry=TODAY - SECOND),
    "failed without a date": case("review", "no_date", record(failure="link_used"), attempts=0),
    "failed without a date, and nobody resolved it": case(
        "contact_support", "contact_support", record(failure="system_busy"), attempts=0),
    # Three attempts at most; snapshots repeat an invitation, they do not add one.
    "two attempts": case("resend_now", "expired", record(status="expired", invited=days(40)),
                         record(status="expired", invited=days(20)), retry=days(13), attempts=2),
    "three attempts": case("blocked", "most_attempts", record(status="expired", invited=days(60)),
                           record(status="expired", invited=days(40)), record(status="expired", invited=days(20)),
                           attempts=3),
    "one invitation in three snapshots": case(
        "resend_now", "expired", *(record(status="expired", invited=days(40), snapshot_at=days(d)) for d in (14, 7, 0)),
        retry=days(33)),
    # The failure's own rule, by position in the manual.
    "1 system busy": failed("system_busy", "contact_support", "contact_support"),
    **{f"2-5 {code}": failed(code, "resend_now", "failed")
       for code in ("link_not_exist", "link_expired", "code_used", "link_used")},
    "6 prepaid partner": failed("prepaid_partner", "contact_support", "own_account"),
    **{f"7-13 {code}": failed(code, "blocked", "blocked")
       for code in ("registered_by_other_partner", "customer_is_partner", "associated_with_other_partner",
                    "special_contract", "huawei_internal_account", "enterprise_master_account",
                    "enterprise_member_account")},
    **{f"14-15 {code}": failed(code, "resend_as_reseller", "as_reseller")
       for code in ("referral_not_in_contract", "referral_not_in_country")},
    **{f"16-22 {code}": failed(code, "wait_for_customer", "customer_must_act")
       for code in ("consumption_record", "balance_and_unpaid_invoice", "registration_time_limit", "overdue_payment",
                    "credit_bill_overdue", "support_plan", "member_support_plan")},
    **{f"Chinese only {code}": failed(code, "blocked", "blocked")
       for code in ("credit_account", "consumer_cloud_user", "registered_by_huawei", "reward_promotion_plan")},
    "a message of nobody's": failed("Mercury is in retrograde.", "review", "unknown_failure"),
    "failed without a message": case(
        "review", "no_message", record(status="association_failed", invited=days(20))),
    # The other statuses.
    "associated": case("associated", "associated", record(status="associated", invited=days(20))),
    "pre-registered, not invited yet": case(
        "resend_now", "not_invited_yet", record(status="pre_registered"), attempts=0),
    **{f"pre-registered by {method}": case(
        "resend_now", "not_invited_yet", record(status="pre_registered", invitation_method=method), attempts=0)
        for method in ("link", None)},
    "pre-registered, inside the pause": case(
        "wait_for_cooldown", "cooling_down", record(status="pre_registered", invited=days(2)),
        retry=TODAY + dt.timedelta(days=5)),
    "pre-registered, after the pause": case(
        "resend_now", "pre_registered", record(status="pre_registered", invited=days(8)), retry=days(1)),
    "not pre-registered": case("review", "not_pre_registered", record(status="not_pre_registered", invited=days(20))),
    # A pre-registration and its review are valid for 15 days, whether the customer was invited or not.
    "pending review": case("wait_for_expiry", "pending_review", record(status="pending_review", invited=days(2)),
                           retry=TODAY + dt.timedelta(days=13)),
    **{f"{status} by {name}, {later} after its 15 days": case(
        "review", reason, record(status=status) | {name: days(15) - later}, attempts=int(name == "invited_at"))
        for status, reason in (("pre_registered", "pre_registration_lapsed"), ("pending_review", "review_overdue"))
        for name in ("pre_registered_at", "invited_at")
        for later in (SECOND * 0, SECOND)},
    "pending review, a second before its 15 days": case(
        "wait_for_expiry", "pending_review", record(status="pending_review", pre_registered_at=days(15) + SECOND),
        retry=TODAY + SECOND, attempts=0),
    "pre-registered, a second before its 15 days": case(
        "resend_now", "not_invited_yet", record(status="pre_registered", pre_registered_at=days(15) + SECOND),
        attempts=0),
    "pre-registered and invited, a second before its 15 days": case(
        "resend_now", "pre_registered", record(status="pre_registered", invited=days(15) + SECOND),
        retry=days(8) + SECOND),
    "pre-registered again after it was invited": case(
        "resend_now", "pre_registered", record(status="pre_registered", invited=days(20), pre_registered_at=days(1)),
        retry=days(13)),
    "pre-registered without a time, and 15 days ago already": case(
        "review", "pre_registration_lapsed", record(status="pre_registered", snapshot_at=days(15)),
        record(status="pre_registered"), attempts=0),
    "pre-registered without a time, and later than 15 days ago": case(
        "resend_now", "not_invited_yet", record(status="pre_registered", snapshot_at=days(15) + SECOND),
        record(status="pre_registered"), attempts=0),
    "an unknown status without its word": case("review", "no_status", record(status="unknown", invited=days(20))),
    "no status": case("review", "no_status", record() | {"status": None}, attempts=0),
    # The whole history of a customer counts.
    **{f"associated once, a newer invitation {status}": case(
        "review", "associated_then_failed", record(status="associated", invited=days(90), associated_at=days(89)),
        record(status=status, invited=days(20)), attempts=2) for status in ("expired", "association_failed")},
    "associated once without its time, a newer invitation failed": case(
        "review", "associated_then_failed", record(status="associated", invited=days(90)),
        record(invited=days(20), failure="customer_is_partner"), attempts=2),
    "associated once without any time, a newer invitation failed": case(
        "review", "associated_then_failed", record(status="associated"),
        record(invited=days(20), failure="link_used")),
    "associated once, a newer invitation is open": case(
        "review", "associated_then_open", record(status="associated", invited=days(90)), record(invited=days(2)),
        attempts=2),
    "associated once, pre-registered again": case(
        "review", "associated_then_open", record(status="associated", invited=days(90), snapshot_at=days(7)),
        record(status="pre_registered")),
    "associated a second before the newer invitation": case(
        "review", "associated_then_failed",
        record(status="associated", invited=days(90), associated_at=days(20) - SECOND),
        record(status="expired", invited=days(20)), attempts=2),
    **{f"associated by an older invitation, {after} after the newer one": case(
        "associated", "associated_before",
        record(status="associated", invited=days(90), associated_at=days(20) + after),
        record(status="expired", invited=days(20)), attempts=2) for after in (SECOND * 0, SECOND)},
    "associated on the day of the newer invitation": case(
        "associated", "associated_before",
        record(status="associated", invited=days(90), associated_at=dt.datetime(2026, 3, 10)),
        record(status="expired", invited=dt.datetime(2026, 3, 10, 9)), attempts=2),
    "associated on the day before the newer invitation": case(
        "review", "associated_then_failed",
        record(status="associated", invited=days(90), associated_at=dt.datetime(2026, 3, 9)),
        record(status="expired", invited=dt.datetime(2026, 3, 10, 9)), attempts=2),
    "one invitation, associated and failed in one snapshot": case(
        "associated", "associated_before", record(status="associated", invited=days(20)),
        record(invited=days(20), failure="link_used")),
    "one invitation, associated and later not": case(
        "review", "associated_then_failed", record(status="associated", invited=days(20), snapshot_at=days(7)),
        record(invited=days(20), failure="link_used")),
    # A vanished customer is for review, unless it is associated or has a rejected row.
    "vanished": case("review", "vanished", record(status="expired", invited=days(20), snapshot_at=days(7))),
    "vanished long ago": case("review", "vanished", record(status="expired", invited=days(30), snapshot_at=days(21))),
    "vanished without an invitation": case(
        "review", "vanished", record(status="pre_registered", snapshot_at=days(7)), attempts=0),
    "associated and vanished": case(
        "associated", "associated", record(status="associated", invited=days(20), snapshot_at=days(14))),
    "known for longer than anybody in the newest export": case(
        "resend_now", "expired", record(status="expired", invited=days(366), snapshot_at=days(7)), retry=days(359)),
    "of an account manager whom the newest export does not have": case(
        "resend_now", "expired", record(status="expired", invited=days(20), snapshot_at=days(7), account_manager="mo"),
        retry=days(13)),
    "the newest record speaks, wherever it stands": case(
        "wait_for_expiry", "invitation_open", record(status="expired", invited=days(40)), record(invited=days(1)),
        retry=TODAY + dt.timedelta(days=6), attempts=2),
    "the newest snapshot speaks, though it gives no time": case(
        "wait_for_expiry", "pending_review", record(status="expired", invited=days(20), snapshot_at=days(7)),
        record(status="pending_review")),
    "blocked in the newest snapshot, without a time": case(
        "blocked", "blocked", record(status="expired", invited=days(20), snapshot_at=days(7)),
        record(failure="customer_is_partner")),
    "failed in the newest snapshot, without a time": case(
        "review", "no_date", record(status="expired", invited=days(20), snapshot_at=days(7)),
        record(failure="link_used")),
    "a record with a time speaks before one without, of one snapshot": case(
        "resend_now", "expired", record(status="association_failed"), record(status="expired", invited=days(20)),
        retry=days(13)),
    "the newest snapshot speaks, though it gives the day only": case(
        "blocked", "blocked", record(status="expired", invited=dt.datetime(2026, 3, 1, 9, 31), snapshot_at=days(7)),
        record(invited=dt.datetime(2026, 3, 1), failure="customer_is_partner")),
    "the newest snapshot speaks, though it gives the day only, of a calendar at +8": case(
        "blocked", "blocked", record(status="expired", invited=dt.datetime(2026, 3, 1, 9, 31), snapshot_at=days(7)),
        record(invited=dt.datetime(2026, 2, 28, 16), failure="customer_is_partner", source_file="days.csv")),
    # Fixed bug: it was another invitation, and the older state decided.
    "the newest snapshot speaks, though it gives no seconds": case(
        "blocked", "blocked",
        record(status="expired", invited=dt.datetime(2026, 3, 1, 9, 31, 15), snapshot_at=days(7)),
        record(invited=dt.datetime(2026, 3, 1, 9, 31), failure="customer_is_partner")),
    "of three snapshots, one gives the day, one the minute, one the second": case(
        "blocked", "blocked", record(status="expired", invited=dt.datetime(2026, 3, 1), snapshot_at=days(7)),
        record(invited=dt.datetime(2026, 3, 1, 9, 31), snapshot_at=days(3)),
        record(invited=dt.datetime(2026, 3, 1, 9, 31, 15), failure="customer_is_partner")),
    # Fixed bug: a time of a full quarter of an hour counted as a day, so both were one invitation.
    "two invitations within a day, the first at half past nine": case(
        "blocked", "blocked", record(invited=dt.datetime(2026, 3, 1, 9, 30), failure="link_used"),
        record(invited=dt.datetime(2026, 3, 1, 18, 22), failure="customer_is_partner"), attempts=2),
    # Fixed bug: a file in UTC and one in local time made two invitations, and the older state decided.
    "one invitation in two time zones": case(
        "review", "times_differ",
        record(status="expired", invited=dt.datetime(2026, 3, 1, 9, 31, 15), snapshot_at=days(7)),
        record(invited=dt.datetime(2026, 3, 1, 1, 31, 15), failure="customer_is_partner"), attempts=2),
    "one invitation, in another time zone in the file between two others": case(
        "review", "times_differ",
        record(status="expired", invited=dt.datetime(2026, 3, 1, 1, 31, 15), snapshot_at=days(14)),
        record(status="expired", invited=dt.datetime(2026, 3, 1, 1, 31, 15), snapshot_at=TODAY),
        record(status="expired", invited=dt.datetime(2026, 3, 1, 9, 31, 15), snapshot_at=days(7)), attempts=2),
    "two invitations some hours apart, in one snapshot": case(
        "resend_now", "expired", record(status="expired", invited=dt.datetime(2026, 3, 1, 9, 31, 15)),
        record(invited=dt.datetime(2026, 3, 1, 1, 31, 15), failure="link_used"),
        retry=dt.datetime(2026, 3, 8, 9, 31, 15), attempts=2),
    "two invitations some hours and minutes apart": case(
        "resend_now", "expired", record(status="expired", invited=dt.datetime(2026, 3, 1, 9, 31, 15)),
        record(invited=dt.datetime(2026, 3, 1, 1, 32, 15), failure="link_used", snapshot_at=days(7)),
        retry=dt.datetime(2026, 3, 8, 9, 31, 15), attempts=2),
    "two invitations some hours and seconds apart": case(
        "resend_now", "expired", record(status="expired", invited=dt.datetime(2026, 3, 1, 9, 31, 15)),
        record(invited=dt.datetime(2026, 3, 1, 1, 31, 16), failure="link_used", snapshot_at=days(7)),
        retry=dt.datetime(2026, 3, 8, 9, 31, 15), attempts=2),
    "two invitations further apart than zones are": case(
        "resend_now", "expired", record(status="expired", invited=dt.datetime(2026, 3, 1, 16, 31, 15)),
        record(invited=dt.datetime(2026, 3, 1, 1, 31, 15), failure="link_used", snapshot_at=days(7)),
        retry=dt.datetime(2026, 3, 8, 16, 31, 15), attempts=2),
    "the day before is another invitation": case(
        "resend_now", "expired", record(invited=dt.datetime(2026, 2, 28, 9), failure="customer_is_partner"),
        record(status="expired", invited=dt.datetime(2026, 3, 1, 9, 31), snapshot_at=days(7)),
        retry=dt.datetime(2026, 3, 8, 9, 31), attempts=2),
    # A customer who is pre-registered again can be invited again, whatever the outcome of its earlier invitations in
    # that snapshot. Fixed bugs: the dated invitation decided, or the missing date of one that was never sent.
    "pre-registered again after a block, in one snapshot": case(
        "resend_now", "pre_registered", record(invited=days(20), failure="customer_is_partner"),
        record(status="pre_registered"), retry=days(13)),
    "pre-registered again, in a later snapshot": case(
        "resend_now", "pre_registered", record(status="expired", invited=days(20), snapshot_at=days(7)),
        record(status="pre_registered"), retry=days(13)),
    "pre-registered again, inside the pause": case(
        "wait_for_cooldown", "cooling_down", record(invited=days(2), failure="link_used"),
        record(status="pre_registered"), retry=TODAY + dt.timedelta(days=5)),
    "pre-registered again, after three attempts": case(
        "blocked", "most_attempts", *(record(status="expired", invited=days(d)) for d in (60, 40, 20)),
        record(status="pre_registered"), attempts=3),
    "a pre-registration that lapsed, beside an open link": case(
        "review", "not_pre_registered", record(invited=days(20), invitation_method="link"),
        record(status="not_pre_registered")),
    "in review again, beside a failure": case(
        "wait_for_expiry", "pending_review", record(invited=days(20), failure="link_used"),
        record(status="pending_review")),
    "the newest snapshot of an invitation speaks": case(
        "resend_now", "failed", record(status="invited", invited=days(10), snapshot_at=days(7)),
        record(invited=days(10), failure="link_used"), retry=days(3)),
}  # fmt: skip


def rows_of(name: str, number: int) -> list[Any]:
    """Return the records of a case, with a customer of its own."""
    return [r | {"account_name": f"{number}", "remarks": name} for r in TABLE[name].records]


def test_every_rule_at_its_border(engine: Engine) -> None:
    records = [row for number, name in enumerate(TABLE) for row in rows_of(name, number)]
    planned = engine.to_polars(plan_resends(engine(ik.annotate(frame(*records), as_of=TODAY)), as_of=TODAY))
    columns = ("remarks", "decision", "reason_code", "retry_at", "attempts")
    speaking = planned.filter(pl.col("decision") != "superseded").select(columns)
    assert len(speaking) == len(TABLE)
    found = {row[0]: row[1:] for row in speaking.rows()}
    expected = {name: (c.decision, c.reason, c.retry, c.attempts) for name, c in TABLE.items()}
    assert found == expected


def test_a_time_with_an_offset_is_utc_and_a_date_its_midnight_in_utc() -> None:
    east = dt.timezone(dt.timedelta(hours=8))
    times = [dt.datetime(2026, 3, 30, hour, tzinfo=east) for hour in (8, 9, 10)]
    dates = [dt.date(2026, 3, day) for day in (29, 30, 31)]
    for invited, days_of in ((dt.datetime(2026, 3, 23, 1), times), (dt.datetime(2026, 3, 23), dates)):
        annotated = ik.annotate(frame(record(invited=invited)), as_of=TODAY)
        decisions = [plan_resends(annotated, as_of=day)["decision"][0] for day in days_of]
        assert decisions == ["wait_for_expiry", "resend_now", "resend_now"]


# ---- logged events ---------------------------------------------------------------------------------


def sent(*pairs: tuple[str, dt.datetime]) -> pl.DataFrame:
    return pl.DataFrame(pairs, schema={"record_id": pl.String, "sent_at": pl.Datetime("us")}, orient="row")


def done(*pairs: tuple[str, dt.datetime]) -> pl.DataFrame:
    return sent(*pairs).rename({"sent_at": "resolved_at"})


WAITING = record(invited=days(30), failure="overdue_payment", record_id="k1")


def test_a_failure_waits_until_the_customers_action_is_recorded() -> None:
    resolved = {
        days(30) - SECOND: "wait_for_customer",  # before the invitation: it cannot be about its failure
        days(30): "resend_now", TODAY: "resend_now", TODAY + SECOND: "wait_for_customer",  # not yet
        dt.datetime(2026, 2, 28): "resend_now",  # the day of the invitation at 09:00: a day has no hour
        dt.datetime(2026, 2, 27): "wait_for_customer",
        dt.datetime(2026, 2, 27, 16): "resend_now",  # the same day, of a calendar at +8
    }  # fmt: skip
    rows = [WAITING | {"account_name": f"a{n}", "record_id": f"k{n}"} for n in range(len(resolved))]
    made = plan(*rows, resolved=done(*((f"k{n}", at) for n, at in enumerate(resolved))))
    assert dict(zip(resolved, made["decision"], strict=True)) == resolved


def test_a_mark_counts_from_its_own_day_for_its_own_invitation() -> None:
    assert plan(WAITING, resolved=done(("k1", days(3)), ("k1", TODAY + SECOND)))["retry_at"].to_list() == [days(3)]
    again = record(invited=days(10), failure="overdue_payment", record_id="k2")
    made = plan(WAITING, again, resolved=done(("k1", days(20))))
    assert made["reason_code"].to_list() == ["superseded", "customer_must_act"]


def test_a_mark_releases_a_blocked_customer_and_its_reason_says_so() -> None:
    blocked = record(invited=days(30), failure="special_contract", record_id="k1")
    made = plan(blocked, resolved=done(("k1", days(1))))
    row = made.select("decision", "reason_code", "reason", "retry_at").row(0)
    cause = read_catalogue().by_code("special_contract").cause("en")  # type: ignore[union-attr]
    assert row == ("resend_now", "marked_resolved", f"Marked as resolved on 2026-03-29: {cause}", days(1))
    for again in (done(("k1", days(30) - SECOND - dt.timedelta(days=1))), done(("k1", TODAY + SECOND)), done()):
        assert plan(blocked, resolved=again)["decision"].to_list() == ["blocked"]


MARK = {"record_id": pl.String, "customer_id": pl.String, "failure_code": pl.String, "resolved_at": pl.Datetime}


def own_account(at: dt.datetime) -> pl.DataFrame:
    return pl.DataFrame([(None, None, "prepaid_partner", at)], schema=MARK, orient="row")


def test_one_mark_of_the_own_account_releases_all_customers_that_it_blocks(engine: Engine) -> None:
    held = [
        record(n, invited=days(d), failure="prepaid_partner", record_id=n) for n, d in (("a", 30), ("b", 9), ("c", 8))
    ]
    other = record("d", invited=days(30), failure="overdue_payment", record_id="d")
    annotated = engine(ik.annotate(frame(*held, other), as_of=TODAY))
    by_mark = {}
    for name, at in {"none": TODAY + SECOND, "between": days(8) - SECOND, "all": days(8)}.items():
        made = plan_resends(annotated, as_of=TODAY, resolved=engine(own_account(at)))
        by_mark[name] = engine.to_polars(made).sort("account_name")["reason_code"].to_list()
    waits = "customer_must_act"
    assert by_mark == {
        "none": ["own_account"] * 3 + [waits],
        # A mark at 08:59:59 does not count for an invitation at 09:00.
        "between": ["marked_resolved"] * 2 + ["own_account", waits],
        "all": ["marked_resolved"] * 3 + [waits],
    }


def test_a_customer_marked_not_to_be_invited_is_never_invited_nor_anyone_with_its_address(engine: Engine) -> None:
    rows = [
        record(f"{status} {name}", status, days(9), email=f"{status}.{name}@x.example", **more)
        for name in ("marked", "other")
        for status, more in {"expired": {}, "associated": {}, "failed": {"failure": "overdue_payment"}}.items()
    ]
    rows.append(record("second account", "expired", days(9), email="expired.marked@x.example"))
    annotated = engine(ik.annotate(frame(*rows), as_of=TODAY))
    ids = dict(ik.resolve(ik.annotate(frame(*rows), as_of=TODAY)).select("account_name", "customer_id").rows())
    marks = [
        (None, ids[name], code, at)
        for name in ids
        if name.endswith("marked")
        for code, at in (("do_not_invite", days(2)), ("do_not_invite", days(1)), ("overdue_payment", days(1)))
    ]
    marks.append((None, ids["expired other"], "do_not_invite", TODAY + SECOND))
    resolved = engine(pl.DataFrame(marks, schema=MARK, orient="row"))
    made = engine.to_polars(plan_resends(annotated, as_of=TODAY, resolved=resolved))
    assert dict(made.select("account_name", "reason_code").rows()) == {
        "expired marked": "do_not_invite", "failed marked": "do_not_invite", "associated marked": "associated",
        "expired other": "expired", "failed other": "customer_must_act", "associated other": "associated",
        "second account": "same_email",
    }  # fmt: skip
    barred = made.filter(reason_code="do_not_invite")
    assert set(barred["decision"]) == {"blocked"}
    assert set(barred["reason"]) == {f"Marked on {days(1):%Y-%m-%d}: do not invite this customer any more."}


def test_an_unknown_status_is_quoted_unless_it_may_be_personal_data_or_is_empty() -> None:
    words = {"status: Frozen": "Frozen", "invitation_method: Fax; status: 待处理; expires_at: soon": "待处理",
             "status: " + "x" * 30: "x" * 30, "status: " + "x" * 31: "…", "status: li.na@example.com": "…",
             "status: 13800138000": "…", "invitation_method: Fax": None, None: None}  # fmt: skip
    rows = [record(f"a{n}", "unknown", days(9), unrecognised=cell) for n, cell in enumerate(words)]
    for word, found in zip(words.values(), plan(*rows).rows(named=True), strict=True):
        known = f'The status "{word}" is not known, or could mean two things.'
        assert found["reason"] == (known if word else "The record has no status.")
        assert (found["decision"], "--words" in found["next_step"]) == ("review", word is not None)


def weeks(stay: int, vanish: int, **more: Any) -> list[Any]:
    """Return customers of an export a week ago, some of whom are also in the newest one."""
    name = more.get("account_manager") or ""
    old = [record(f"{name}{i}", "expired", days(30), snapshot_at=days(7), **more) for i in range(stay + vanish)]
    return [*old, *(r | {"snapshot_at": TODAY} for r in old[:stay])]


def count_vanished(*records: Any, **rules: Any) -> int:
    return plan(*records, rules=ResendRules(**rules))["reason_code"].to_list().count("vanished")


@pytest.mark.parametrize(
    ("stay", "vanish", "counted"),
    [
        (0, 2, 0),  # the newest export has other customers only
        (1, 3, 3),  # up to three are few
        (1, 4, 0),  # four of five are many: the export holds only part
        (27, 3, 3), (36, 4, 4), (35, 4, 0),  # one of ten is still few
    ],
)  # fmt: skip
def test_few_vanished_customers_are_for_review(stay: int, vanish: int, counted: int) -> None:
    new = record("new", "expired", days(31))
    assert count_vanished(*weeks(stay, vanish), new) == counted


def test_customers_outside_the_newest_export_have_not_vanished() -> None:
    assert count_vanished(*weeks(9, 3)) == 3
    assert count_vanished(*weeks(9, 4), vanished_percent=50) == 4
    assert count_vanished(*weeks(0, 3)) == 0, "one export only"
    # Several exports of the newest day count as one.
    morning = record("x", "expired", days(30), snapshot_at=TODAY.replace(hour=1))
    assert count_vanished(*weeks(9, 0), morning) == 0
    # The file of one account manager is missing or filtered, that of another one is complete.
    assert count_vanished(*weeks(9, 1, account_manager="li"), *weeks(0, 3, account_manager="mo")) == 1
    assert count_vanished(*weeks(90, 1, account_manager="li"), *weeks(2, 4, account_manager="mo")) == 1
    # Few customers of each manager vanished, but many in total: the export is filtered.
    assert count_vanished(*(r for name in "abcd" for r in weeks(1, 2, account_manager=name))) == 0
    # The newest export begins after the invitation: it is of one month, or excludes old invitations.
    later = [r | {"invited_at": days(29)} for r in weeks(9, 0)]
    for invited, counted in ((days(29) - SECOND, 0), (days(29), 1), (days(29) + SECOND, 1)):
        assert count_vanished(*later, record("x", "expired", invited, snapshot_at=days(7))) == counted
    # A masked row of an older export cannot be followed.
    masked = record("a**e", "expired", days(29), snapshot_at=days(7))
    assert count_vanished(*later, masked) == 0


def test_a_partial_export_after_a_complete_one_brings_nobody_back() -> None:
    """A week ago three vanished; today's export is of another manager, of one customer, or filtered."""
    of_mo = [record(f"m{i}", "expired", days(30), snapshot_at=days(7), account_manager="mo") for i in range(9)]
    weekly = [r | {"snapshot_at": days(7 if r["snapshot_at"] == TODAY else 14)} for r in weeks(9, 3)]
    stay = [r for r in weekly if r["snapshot_at"] == days(7)]
    assert count_vanished(*weekly) == 3
    assert count_vanished(*weekly, *of_mo, *(r | {"snapshot_at": TODAY} for r in of_mo)) == 3
    assert count_vanished(*weekly, stay[0] | {"snapshot_at": TODAY}) == 3
    made = plan(*weekly, stay[0] | {"snapshot_at": TODAY}).filter(pl.col("reason_code") == "vanished")
    assert f"the export of {days(7):%Y-%m-%d}" in made["reason"][0], "not the one that holds only part"
    # A customer invited again since still counts as one who was there.
    of_40 = weeks(36, 4)
    assert count_vanished(*of_40[:41], *(r | {"invited_at": days(1)} for r in of_40[41:])) == 4


def test_compare_calls_the_same_customers_vanished() -> None:
    records = weeks(9, 2)
    compared = compare_snapshots(frame(*records))
    names = plan(*records).filter(pl.col("reason_code") == "vanished")["customer_id"].to_list()
    assert sorted(names) == sorted(compared.changes.filter(change="vanished")["customer_id"])


def test_a_logged_resend_counts_before_any_snapshot_shows_it() -> None:
    expired = record(status="expired", invited=days(30), record_id="k1")
    made = plan(expired, sent=sent(("k1", days(2)), ("k1", days(16))))
    row = made.select("decision", "attempts", "retry_at").row(0)
    assert row == ("blocked", 3, None)
    assert plan(expired, sent=sent(("k1", days(2))))["decision"].to_list() == ["wait_for_cooldown"]


def test_a_mark_counts_for_its_own_failure_only(engine: Engine) -> None:
    failures = {"a": "overdue_payment", "b": "member_support_plan", "c": "support_plan"}
    rows = [record(name, invited=days(30), failure=code, record_id=name) for name, code in failures.items()]
    codes = {"a": "overdue_payment", "b": "overdue_payment", "c": None}
    marks = done(*((name, days(9)) for name in codes)).with_columns(
        customer_id="account:" + pl.col("record_id"), failure_code=pl.Series(list(codes.values()), dtype=pl.String)
    )
    made = plan_resends(engine(ik.annotate(frame(*rows), as_of=TODAY)), as_of=TODAY, resolved=engine(marks))
    found = dict(engine.to_polars(made).select("record_id", "decision").rows())
    assert found == {"a": "resend_now", "b": "wait_for_customer", "c": "resend_now"}


def test_an_event_of_a_customer_without_an_id_follows_its_key_when_the_customer_has_one(engine: Engine) -> None:
    known = [record(name, "expired", days(30), portal_customer_id=f"{name}1") for name in ("acme", "beta")]
    address = record(None, "expired", days(30), email="Anna@x.example", portal_customer_id="anna1")
    names = ["account:acme", "email:anna@x.example", "account:nobody", None]
    told = pl.DataFrame({"record_id": "gone", "sent_at": days(1), "customer_id": names})
    made = plan_resends(engine(ik.annotate(frame(*known, address), as_of=TODAY)), as_of=TODAY, sent=engine(told))
    assert dict(engine.to_polars(made).select("customer_id", "reason_code").rows()) == {
        "customer:acme1": "cooling_down", "customer:beta1": "expired", "customer:anna1": "cooling_down",
    }  # fmt: skip


def test_an_event_stays_with_its_customer_if_a_later_file_reuses_the_record_id(engine: Engine) -> None:
    old = [record(a, "expired", days(40), record_id=i, snapshot_at=days(7)) for a, i in (("acme", "1"), ("beta", "2"))]
    new = [row | {"record_id": i, "snapshot_at": TODAY} for row, i in zip(old, "21", strict=True)]
    lost = record("gamma", "expired", days(40), record_id="k9")
    told = sent(("1", days(1)), ("k9", days(1)), ("1", days(2)), ("k0", days(1))).with_columns(
        customer_id=pl.Series(["account:acme", "email:gone@example.com", "email:gone@example.com", "account:none"])
    )
    made = plan_resends(engine(ik.annotate(frame(*old, *new, lost), as_of=TODAY)), as_of=TODAY, sent=engine(told))
    found = engine.to_polars(made).filter(pl.col("decision") != "superseded").sort("account_name")
    # Record 1 belongs to two customers by now, so the third event belongs to neither.
    assert found["attempts"].to_list() == [2, 1, 2]
    assert found["decision"].to_list() == ["wait_for_cooldown", "resend_now", "wait_for_cooldown"]


def test_a_record_id_of_two_customers_identifies_neither() -> None:
    # Fixed bug: without a customer, an event counted for all customers with its ID; with one, for none.
    rows = [record(name, "expired", days(30), record_id="1") for name in ("a", "b")]
    assert plan(*rows, sent=sent(("1", days(1))))["attempts"].to_list() == [1, 1]


def test_a_logged_resend_matches_the_invitation_of_its_time() -> None:
    cases = [
        ((20, 12), (30, 12), 3),  # the newest file shows the second one only
        ((17,), (30, 20), 2),  # written down three days later
        ((16,), (30, 20), 3),  # four days later: a resend of its own
        ((21,), (30, 20), 2),  # the day before, by another clock
        ((22,), (30, 20), 3),  # two days before: a resend of its own
        ((20, 19), (30, 20), 3),  # an invitation shows one of them
        ((9,), (30, 30), 2),  # two records of one invitation are not two resends
    ]
    rows = [record(f"a{n}", "expired", days(d), record_id=f"k{n}") for n, one in enumerate(cases) for d in one[1]]
    logged = [(f"k{n}", days(d)) for n, one in enumerate(cases) for d in one[0]]
    made = plan(*rows, sent=sent(*logged), rules=ResendRules(max_attempts=9))
    found = {(row["account_name"], row["attempts"]) for row in made.rows(named=True)}
    assert found == {(f"a{n}", attempts) for n, (_, _, attempts) in enumerate(cases)}


# ---- identity of customers -------------------------------------------------------------------------


NBSP, ZWSP, HYPHEN = chr(0xA0), chr(0x200B), chr(0xAD)
SPELT = ["mailto:A@example.com", "<a@example.com>", "a@example.com.", "<mailto:a@example.com>"]
LI_NA: Any = {"customer_full_name": "Li Na", "mobile": "138"}
X: Any = {"email": "x@example.com"}
CUSTOMERS: dict[str, tuple[list[Any], list[str]]] = {
    "an account in any case": ([record("Acme"), record("ACME")], ["account:acme"] * 2),
    "two accounts with one address": ([record("a", **X), record("b", **X)], ["account:a", "account:b"]),
    "what cannot be seen in a name": ([record(name) for name in ("Acme Corp", "acme  corp", f"acme{NBSP}corp",
        f"acme{ZWSP} corp", "acme\ncorp", f"ac{HYPHEN}me corp", f"acme corp{NBSP}", "acme\u3000corp")],
        ["account:acme corp"] * 8),
    "a mobile by its last ten digits": ([record(None, customer_full_name="Li Na",
        mobile=mobile) for mobile in ("13800138000", "138 0013 8000", "+86 138-0013-8000", "0086 13800138000",
        "(138)00138000", "0713800138000", "+49 (0)7 138 0013 8000", "+49 713800138000")],
        ["person:li na|3800138000"] * 8),
    "what stands around an address": ([record(None, email=email) for email in ("a@example.com", *SPELT)],
        ["email:a@example.com"] * 5),
    "an address leads to its one account": ([record("a", email="X@example.com"), record(None, **X)], ["account:a"] * 2),
    "an address of two accounts leads to neither": ([record("a", **X), record(None, **X), record("b", **X)],
        ["account:a", "email:x@example.com", "account:b"]),
    "name and mobile lead to the address": ([record(None, **LI_NA), record(None, **X, **LI_NA)],
        ["email:x@example.com"] * 2),
    "name and mobile lead by the address to the account": ([record(None, **X, **LI_NA), record(None, **LI_NA),
        record("a", **X)], ["account:a"] * 3),
    "name and mobile alone": ([record(None, **LI_NA)], ["person:li na|138"]),
    "a name alone": ([record(None, customer_full_name="Li Na")], ["row:f.csv|2"]),
    **{f"masked by {mark}": (
        [record(f"a{mark}e", email=f"{mark}@example.com", customer_full_name=f"L{mark}", mobile=mark, record_id=i)
         for i in (None, "INV-7", "r" + "0" * 32)],
        ["row:f.csv|2", "id:INV-7", "row:r" + "0" * 32],
    ) for mark in (*schema.MASK_MARKS, "xxxx", "...", "…", "###")},
    "a mobile masked by letters": ([record(None, customer_full_name="李某某", mobile="138xxx1234")], ["row:f.csv|2"]),
    "letters x in a name": ([record("maxx"), record("12xx")], ["account:maxx", "account:12xx"]),
}  # fmt: skip


def test_records_with_the_same_keys_belong_to_one_customer() -> None:
    for case, (records, customers) in CUSTOMERS.items():
        assert identity.identify(frame(*records))["customer_id"].to_list() == customers, case


def test_an_associated_address_matches_in_any_spelling() -> None:
    others = [record(f"b{n}", "expired", days(30), email=spelt) for n, spelt in enumerate(SPELT)]
    made = plan(record("a", "associated", email="a@example.com"), *others)
    assert made["reason_code"].to_list() == ["associated", *["same_email"] * len(SPELT)]


def test_a_customer_with_only_an_address_is_invited_again() -> None:
    assert plan(record(None, "expired", days(30), email="a@example.com"))["reason_code"].to_list() == ["expired"]


def test_people_who_share_a_mailbox_without_accounts_are_for_review(engine: Engine) -> None:
    names, box = ["Alpha", "Beta", "BETA", "Gamma", None], "office@example.com"
    rows = [record(None, "expired", days(30 + i), email=box, customer_full_name=n) for i, n in enumerate(names)]
    made = plan_resends(engine(ik.annotate(frame(*rows), as_of=TODAY)), as_of=TODAY)
    found = engine.to_polars(made).sort("source_row")["reason_code"].to_list()
    assert found == ["same_email", "same_email", "superseded", "same_email", "same_email"]


def of(number: int, account: str | None, status: str, at: float) -> Any:
    return record(account, status, days(at), email=f"{'X' if account == 'new' else 'x'}{number}@example.com")


SHARED = {
    "associated": of(0, "a", "associated", 90), "same_email": of(0, "new", "expired", 30),
    "cooling_down": of(1, "b", "expired", 7) | {"invited_at": days(7) + SECOND},
    "same_email, pause": of(1, "c", "expired", 30),
    "same_email, later": of(2, "d", "expired", 7), "expired": of(2, "e", "expired", 30),
    "expired, best": of(3, "f", "expired", 60), "same_email, second": of(3, "g", "expired", 50),
    "same_email, nobody's": of(3, None, "expired", 30),
    "associated, masked": record("h", "associated", days(9), email="*@example.com"),
    "expired, masked": record("i", "expired", days(9), email="*@example.com"),
    # The account may have been renamed: the newest export has the other one.
    "same_email, older": of(4, "j", "expired", 40) | {"snapshot_at": days(7)},
    "expired, newer": of(4, "k", "expired", 30),
}  # fmt: skip


def test_an_address_of_another_associated_or_invited_customer_is_not_invited(engine: Engine) -> None:
    made = plan_resends(engine(ik.annotate(frame(*SHARED.values()), as_of=TODAY)), as_of=TODAY)
    found = engine.to_polars(made).sort("source_row")["reason_code"].to_list()
    assert found == [name.partition(",")[0] for name in SHARED]


@pytest.mark.parametrize("masked", ["o***@e***.example", None])
def test_an_address_counts_that_only_older_exports_show(engine: Engine, masked: str | None) -> None:
    last_week: dict[str, Any] = {"snapshot_at": days(7), "invited_at": days(30), "status": "expired"}
    known = {"a": "x@example.com", "b": "x@example.com", "marked": "y@example.com", "c": "y@example.com",
             "d": "z@example.com", "moved": "z@example.com"}  # fmt: skip
    rows = [record(name, email=email, portal_customer_id=name, **last_week) for name, email in known.items()]
    moved: dict[str, Any] = {"email": "new@example.com", "snapshot_at": days(3)}
    rows.append(record("moved", portal_customer_id="moved", **(last_week | moved)))
    newest = last_week | {"snapshot_at": TODAY}
    rows += [record("***", email=masked, portal_customer_id=name, **newest) for name in known]
    annotated = ik.annotate(frame(*rows), as_of=TODAY)
    marks = pl.DataFrame([(None, "customer:marked", "do_not_invite", days(1))], schema=MARK, orient="row")
    made = engine.to_polars(plan_resends(engine(annotated), as_of=TODAY, resolved=engine(marks)))
    decided = made.filter(pl.col("decision") != "superseded").select("portal_customer_id", "reason_code")
    assert dict(decided.rows()) == {
        "a": "expired", "b": "same_email", "marked": "do_not_invite", "c": "same_email", "d": "expired",
        "moved": "expired",
    }  # fmt: skip


def test_an_address_is_not_invited_twice_in_the_pause_under_two_customers() -> None:
    both = [record(a, "expired", days(30), email="x@example.com", record_id=a) for a in ("a", "b")]
    made = plan(*both, sent=sent(("a", days(1))))
    assert made["reason_code"].to_list() == ["cooling_down", "same_email"]


def test_a_duplicate_row_has_one_decision() -> None:
    annotated = ik.annotate(frame(record(status="expired", invited=days(30))), as_of=TODAY)
    made = plan_resends(pl.concat([annotated, annotated]), as_of=TODAY).sort("reason_code")
    assert made["reason_code"].to_list() == ["expired", "superseded"]
    of_candidates = ("rank", "batch", "retry_at", "chance_from")
    assert made.select(pl.col(of_candidates).is_null()).rows() == [(False,) * 4, (True,) * 4]


def test_records_that_are_resolved_are_not_resolved_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    annotated = ik.annotate(frame(*(row for number, name in enumerate(TABLE) for row in rows_of(name, number))))
    resolved, expected = resolve(engine(annotated)), plan_resends(engine(annotated), as_of=TODAY)
    monkeypatch.setattr(model_resolve, "resolve_parts", None)
    made = engine.to_polars(plan_resends(resolved, as_of=TODAY)).sort("source_row")
    columns = [column.name for column in schema.PLAN]
    assert made.select(columns).equals(engine.to_polars(expected).sort("source_row").select(columns))


def test_contradicting_records_of_one_invitation_and_snapshot_are_for_review(engine: Engine) -> None:
    expired, failed = (record(**more, invited=days(30), record_id="k") for more in
                       ({"status": "expired"}, {"failure": "customer_is_partner"}))  # fmt: skip
    corrected = frame(expired, failed).with_columns(source_row=pl.lit(2, pl.Int64))
    by_name = frame(*(r | {"account_name": "b"} for r in (failed, expired)))
    by_name = by_name.with_columns(source_row=pl.lit(9, pl.Int64), source_file=pl.Series(["a.csv", "b.csv"]))
    older = frame(failed | {"account_name": "c", "snapshot_at": days(7)}, expired | {"account_name": "c"})
    made = plan_resends(engine(ik.annotate(pl.concat([corrected, by_name, older]), as_of=TODAY)), as_of=TODAY)
    found = engine.to_polars(made).select("account_name", "reason_code").sort(pl.all()).rows()
    newest = {"acme": "contradicted", "b": "contradicted", "c": "expired"}
    assert found == [(name, reason) for name in newest for reason in (newest[name], "superseded")]


def test_one_invitation_that_is_associated_in_another_file_of_the_day_is_not_called_an_earlier_one() -> None:
    made = plan(record(status="associated", invited=days(20)), record(invited=days(20), failure="link_used"))
    reasons = dict(made.select("reason_code", "reason").rows())
    assert reasons["associated_before"] == "Another record of this customer shows its association."


def test_unidentified_records_are_for_review_and_those_of_older_snapshots_do_not_count() -> None:
    masked = record("a**e", status="expired", invited=days(30), email="*@example.com")
    made = plan(masked | {"snapshot_at": days(7)}, masked)
    assert made["reason_code"].to_list() == ["older_snapshot", "unidentified"]
    assert made["customer_id"].to_list() == [None, None]


# ---- order and batches ----------------------------------------------------------------------------


def test_the_higher_chance_comes_first_and_without_history_the_longest_allowed() -> None:
    made = plan(*(record(f"c{d}", status="expired", invited=days(d)) for d in (20, 50, 30))).sort("rank")
    assert made["account_name"].to_list() == ["c50", "c30", "c20"]
    assert set(made["chance_from"]) == {ranking.NO_HISTORY}
    assert made["chance"].null_count() == 3
    known = SuccessRates({("expired", "email", 2): (200, 20), ("link_used", "email", 2): (200, 120)})
    rows = record("a", "expired", days(30)), record("b", invited=days(20), failure="link_used")
    made = plan(*rows, success_rates=known).sort("rank")
    assert made["account_name"].to_list() == ["b", "a"]
    low, rate, high = made.select("chance_low", "chance", "chance_high").row(0)
    assert 0.5 < low < rate < high < 0.7
    assert made["chance_from"].to_list() == ["cause_method_delay", "cause_method_delay"]


def test_no_batch_is_larger_than_the_rules_say_and_none_is_mixed() -> None:
    expired = [record(f"e{i}", status="expired", invited=days(30)) for i in range(25)]
    resell = [record(f"r{i}", invited=days(30), failure="referral_not_in_country") for i in range(5)]
    made = plan(*resell, *expired, rules=ResendRules(batch_size=10))
    sizes = made.group_by("batch", "decision").len().sort("batch").rows()
    assert sizes == [(1, "resend_now", 10), (2, "resend_now", 10), (3, "resend_now", 5), (4, "resend_as_reseller", 5)]
    assert sorted(made["rank"]) == list(range(1, 31))


def test_customers_that_count_for_the_portals_cap_are_counted_once() -> None:
    made = plan(record("a", status="pre_registered", snapshot_at=days(7)), record("a", status="pre_registered"),
                record("b", status="pending_review", invited=days(3)),
                record("c", status="expired", invited=days(9)))  # fmt: skip
    found = count_decisions(made)
    assert (found.open_customers, found.customers, found.batches, found.candidates) == (2, 3, 2, 2)
    assert sum(found.by_decision.values()) == sum(found.by_reason.values()) == 4
    assert not found.with_history


# ---- chances --------------------------------------------------------------------------------------


def resent(account: str, outcome: str, *, before: str = "expired", gap: int = 10) -> list[Any]:
    first = record(account, status=before, invited=days(60))
    return [first, record(account, status=outcome, invited=days(60 - gap))]


def test_a_resend_counts_once_by_its_newest_state_and_only_when_its_follow_up_is_over(engine: Engine) -> None:
    rows = [*resent("a", "associated"), *resent("b", "expired"), *resent("c", "associated", gap=7),
            record("e", "expired", days(20)), record("e", "pre_registered")]  # fmt: skip
    again = [row | {"snapshot_at": days(7), "status": "invited", "invitation_method": "link"} for row in rows[1:2]]
    links = [*resent("open", "invited", gap=31), *resent("used", "associated", gap=31),
             *resent("not used", "invited", gap=30), *resent("used in time", "associated", gap=30),
             *resent("used late", "associated", gap=30)]  # fmt: skip
    resends = [link | {"invitation_method": "link"} for link in links[1::2]]
    resends[3] |= {"associated_at": TODAY}
    resends[4] |= {"associated_at": TODAY + dt.timedelta(minutes=1)}
    annotated = ik.annotate(frame(*rows, *again, *links[::2], *resends), as_of=TODAY)
    counts = count_resends(engine(annotated), as_of=TODAY)
    assert counts.cells == {("expired", "email", 1): (2, 1), ("expired", "email", 0): (1, 1),
                            ("expired", "email", 2): (3, 1)}  # fmt: skip
    longer = count_resends(engine(annotated), as_of=TODAY, follow_up_days=31)
    assert longer.resends == 3, "only emails are followed to their end"


def test_a_resend_that_was_once_associated_stays_a_success() -> None:
    first, second = resent("a", "associated")
    later = second | {"status": "expired", "snapshot_at": TODAY}
    rows = [first, second | {"snapshot_at": days(7)}, later]
    found = count_resends(ik.annotate(frame(*rows), as_of=TODAY), as_of=TODAY)
    assert found.cells == {("expired", "email", 1): (1, 1)}


def test_a_rate_is_shrunk_to_the_wider_group_which_replaces_a_small_one() -> None:
    known = SuccessRates({("expired", "email", 1): (100, 50), ("link_used", "email", 1): (9, 9),
                          ("code_used", "link", 0): (40, 0)})  # fmt: skip
    assert SuccessRates().estimate("expired", "email", 1).rate == 0.5
    everything, little = known.estimate("none such", "email", 0), known.estimate("link_used", "email", 1)
    assert (little.basis, little.rate) == ("all", everything.rate)
    assert known.estimate("code_used", "link", 4).basis == "cause"
    narrow = known.estimate("code_used", "link", 0)
    assert narrow.basis == "cause_method_delay"
    assert 0 < narrow.rate < known.estimate("code_used", "link", 4).rate < everything.rate


def test_an_interval_contains_the_true_rate_as_often_as_stated() -> None:
    inside = 0
    for true in (0.1, 0.3, 0.5):
        for counted in binom.rvs(400, true, size=200, random_state=7):
            chance = SuccessRates({("expired", "email", 1): (400, int(counted))}).estimate("expired", "email", 1)
            inside += chance.low <= true <= chance.high
    assert 0.86 <= inside / 600 <= 0.94


def test_a_delay_is_counted_by_the_limits_it_passed() -> None:
    passed = {7: 0, 8: 1, 14: 1, 15: 2, 30: 2, 31: 3, 90: 3, 91: 4}
    for gap, limits in passed.items():
        rows = [record("a", "expired", days(120)), record("a", "associated", days(120 - gap))]
        cells = count_resends(ik.annotate(frame(*rows), as_of=TODAY), as_of=TODAY).cells
        assert list(cells) == [("expired", "email", limits)], gap


# ---- rules and texts -------------------------------------------------------------------------------


def test_rules_are_described_in_both_languages() -> None:
    usual, others = ResendRules(), ResendRules(cool_down_days=1, max_attempts=1, batch_size=5, link_life_days=30)
    assert str(usual) == "Invite again after 7 days, 3 times at most, in batches of 100."
    limited = "Invite again after 1 day, once at most, in batches of 5. A link or QR code is valid for 30 days."
    assert str(others) == limited
    assert usual.words("zh") == "间隔 7 天后再次邀请，最多邀请 3 次，每批 100 位客户。"
    told = ResendRules(cool_down_days=0, max_attempts=1, link_life_days=30).words("zh")
    assert told == "无需间隔即可再次邀请，最多邀请 1 次，每批 100 位客户。链接或二维码有效期为 30 天。"


def test_rules_come_from_a_toml_file_and_wrong_ones_are_refused(tmp_path: Path) -> None:
    (path := tmp_path / "r.toml").write_text("cool_down_days = 3\nlink_life_days = 30\n")
    assert ResendRules.from_toml(path) == ResendRules(cool_down_days=3, link_life_days=30)
    for text, said in {
        "cooldown = 3": "sets cooldown", "batch_size = 0": "batch_size is 0",
        "batch_size = 101": "more than the portal's cap of 100", "max_attempts = 'x'": "max_attempts is 'x'",
        "max_attempts = true": "max_attempts is True",
    }.items():  # fmt: skip
        path.write_text(text)
        with pytest.raises(ArgumentError, match=said):
            ResendRules.from_toml(path)


def test_a_link_with_a_limit_in_days_expires() -> None:
    link = record(invited=days(30), invitation_method="link")
    decisions = {life: plan(link, rules=ResendRules(link_life_days=life))["reason_code"][0] for life in (29, 30, 31)}
    assert decisions == {29: "expired", 30: "expired", 31: "link_open_until"}


def test_an_expiry_date_takes_precedence_over_the_days_of_the_rules() -> None:
    for life in (None, 5):
        for ends, reason in ((TODAY, "expired"), (TODAY + SECOND, "open"), (dt.datetime(9999, 12, 31), "open")):
            methods = ("email", "link", "qr_code", "campaign")
            sent = (record(one, invited=days(10), invitation_method=one, expires_at=ends) for one in methods)
            made = plan(*sent, rules=ResendRules(link_life_days=life))
            assert all(reason in code for code in made["reason_code"]), (life, ends)
            assert made["retry_at"].to_list() == [ends] * 4


@pytest.mark.parametrize(("pause", "reason"), [(0, "failed"), (1, "no_date")])
def test_without_a_pause_no_date_is_needed(pause: int, reason: str) -> None:
    made = plan(record(failure="link_used"), rules=ResendRules(cool_down_days=pause))
    assert made["reason_code"].to_list() == [reason]


def test_every_reason_has_a_decision_and_fills_in_its_words_in_both_languages() -> None:
    for language in ("en", "zh"):
        for reason in reason_texts.read_reasons(language).values():
            assert reason.decision in {value.code for value in DECISIONS}
            assert all(text for text in reason.words(ResendRules()))
    assert {reason.decision for reason in reason_texts.read_reasons().values()} == {value.code for value in DECISIONS}
    assert {reason_texts.read_reasons()[code].decision for code in reasons.CANDIDATE} == set(RESENDS)


def test_a_decision_and_the_list_of_its_customers_have_one_label() -> None:
    labels = {value.code: (value.en, value.zh) for value in DECISIONS}
    alone = {value.code: (value.en, value.zh) for value in LISTS if len(DECISIONS_OF[value.code]) == 1}
    assert alone == {name: labels[DECISIONS_OF[name][0]] for name in ("customer", "support", "check", "blocked")}
    assert alone["check"] == ("Needs review", "需人工核对")


def test_words_name_the_cause_the_advice_and_the_rules() -> None:
    cooling = record("b", invited=days(2), failure="link_used")
    made = plan(record("a", invited=days(20), failure="overdue_payment"), cooling)
    failure = next(f for f in read_catalogue().failures if f.code == "overdue_payment")
    assert made.select("reason", "next_step").row(0) == (failure.cause("en"), failure.advice("en"))
    assert made["reason"][1] == f"The last invitation, of {days(2):%Y-%m-%d}, is less than 7 days old."
    summary = reason_texts.read_reasons("en")["cooling_down"].summary(ResendRules())
    assert summary == "The last invitation is less than 7 days old."
    chinese = plan(cooling, language="zh")
    assert chinese["reason"][0] == f"距上次邀请（{days(2):%Y-%m-%d}）不足 7 天。"


def test_records_without_a_needed_column_and_an_unknown_language_are_refused() -> None:
    annotated = ik.annotate(frame(record()), as_of=TODAY)
    for missing in ("effective_status", "account_name", "source_row"):
        with pytest.raises(SchemaError, match=missing):
            plan_resends(annotated.drop(missing), as_of=TODAY)
    with pytest.raises(ArgumentError, match="language"):
        plan(record(), language="de")


# ---- any records -----------------------------------------------------------------------------------

STATUSES = st.sampled_from([v.code for v in schema.BY_NAME["status"].values] + ["unknown"])
TIMES = st.none() | st.integers(0, 60).map(days)
RECORDS = st.builds(
    lambda account, email, status, code, invited, method, snapshot, at: record(
        account, status, invited, email=email, invitation_method=method, snapshot_at=days(snapshot), associated_at=at,
        failure_message=MESSAGES.get(code, code) if status == "association_failed" else None,
    ),
    account=st.none() | st.sampled_from(["a", "A", "b", "c", "d", "e", "f*"]),
    email=st.none() | st.sampled_from(["a@example.com", "A@example.com", "b@example.com", "*@example.com"]),
    status=STATUSES, code=st.none() | st.sampled_from([*MESSAGES, "no such message"]), invited=TIMES,
    method=st.sampled_from(["email", "link", "qr_code", "campaign", None]), snapshot=st.sampled_from([0, 7, 14]),
    at=st.none() | TIMES,
)  # fmt: skip
RULES = st.builds(
    ResendRules, cool_down_days=st.integers(0, 20), max_attempts=st.integers(1, 4), batch_size=st.integers(1, 3),
    link_life_days=st.none() | st.integers(1, 40),
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=60 if SOAK else 8, deadline=None)
@given(st.lists(RECORDS, max_size=14), RULES)
def test_every_record_gets_one_decision_and_none_breaks_a_rule(given_records: list[Any], rules: ResendRules) -> None:
    made = plan(*given_records, rules=rules)
    assert made.height == len(given_records)
    assert made["source_row"].to_list() == list(range(2, made.height + 2))
    assert made.select("decision", "reason_code", "reason", "next_step").null_count().row(0) == (0, 0, 0, 0)
    assert set(made["decision"]) <= {value.code for value in DECISIONS}
    newest = resolve(ik.annotate(frame(*given_records), as_of=TODAY))["is_latest_of_customer"]
    assert (made["decision"] != "superseded").to_list() == newest.to_list(), "one customer, one decision"
    chosen = made.filter(pl.col("decision").is_in(RESENDS))
    others = made.filter(~pl.col("decision").is_in(RESENDS))["retry_at"]
    assert (others.is_null() | (others > TODAY)).all(), "a date in the past is of those to invite only"
    assert chosen["customer_id"].is_unique().all()
    assert chosen.filter(~pl.col("email").str.contains("*", literal=True))["email"].str.to_lowercase().is_unique().all()
    assert sorted(chosen["rank"]) == list(range(1, chosen.height + 1))
    assert chosen["batch"].null_count() == 0
    assert made.filter(~pl.col("decision").is_in(RESENDS))["batch"].null_count() == made.height - chosen.height
    assert all(size <= rules.batch_size for size in chosen.group_by("batch").len()["len"])
    for row in chosen.rows(named=True):
        refuse_broken_rules(row, made.filter(pl.col("customer_id") == row["customer_id"]), rules)


@pytest.mark.slow
@settings(max_examples=20 if SOAK else 3, deadline=None)
@given(st.lists(RECORDS, min_size=1, max_size=10), st.integers(0, 40))
def test_marks_never_make_a_customer_associated(given_records: list[Any], ago: int) -> None:
    rows = [row | {"record_id": f"k{i}"} for i, row in enumerate(given_records)]
    marks = done(*((row["record_id"], days(ago)) for row in rows)).select(
        "record_id", "resolved_at", customer_id=pl.lit(None, pl.String), failure_code=pl.lit(None, pl.String)
    )
    own = own_account(days(ago)).select(marks.columns)
    before, after = plan(*rows), plan(*rows, resolved=pl.concat([marks, own.cast(marks.schema)]))
    associated = pl.col("decision") == "associated"
    assert after.filter(associated).equals(before.filter(associated))
    reached = before.filter(pl.col("effective_status") == "associated")["customer_id"].drop_nulls()
    assert not set(after.filter(pl.col("decision").is_in(RESENDS))["customer_id"]) & set(reached)


def refuse_broken_rules(row: dict[str, Any], history: pl.DataFrame, rules: ResendRules) -> None:
    """Check a candidate against the rules in plain Python, independently of the tested code."""
    times = {t for t in history["invited_at"] if t is not None}
    assert "associated" not in history["effective_status"].to_list()
    assert len(times) == row["attempts"] < rules.max_attempts
    assert not times or max(times) + dt.timedelta(days=rules.cool_down_days) <= TODAY
    assert row["invited_at"] == max(times, default=None) or row["reason_code"] == "pre_registered"
    assert row["resend_rule"] in (None, "now", "as_reseller")
    assert row["status"] in {"association_failed", "expired", "invited", "pre_registered"}
    assert row["customer_id"] is not None


def test_a_logged_resend_belongs_to_its_customer_even_if_others_share_the_address() -> None:
    cells = {
        "ID": ["42", "43", "44"], "Account": ["yan", "zoe", "xu"],
        "Email": ["s@x.example", "s@x.example", "xu@x.example"], "Status": ["Expired"] * 3,
        "Invitation Method": ["Email"] * 3, "Invitation Time": ["2026-01-05 10:00:00"] * 3,
    }  # fmt: skip
    day = dt.date(2026, 3, 30)
    records = ik.annotate(ik.load(pl.DataFrame(cells)).records, as_of=day)
    # The record ID belonged to another customer when the resend was logged.
    sent = pl.DataFrame({"record_id": ["42"], "customer_id": ["account:xu"], "sent_at": [dt.datetime(2026, 3, 28)]})
    plan = ik.plan_resends(records, as_of=day, sent=sent)
    decided = dict(plan.select("account_name", "decision").iter_rows())
    assert decided["xu"] == "wait_for_cooldown"
    assert sorted([decided["yan"], decided["zoe"]]) == ["resend_now", "review"]


def test_a_filtered_plan_counts_the_customers_on_hold_that_it_shows(tmp_path: Path) -> None:
    message = MESSAGES["prepaid_partner"]
    rows = [f"a{n},Failed,{message},2026-03-01,mgr.alpha" for n in range(4)] + ["b,Expired,,2026-03-01,mgr.beta"]
    lines = "Account,Status,Failure Cause,Invited At,Account Manager\n" + "\n".join(rows)
    (tmp_path / "history_2026-03-16.csv").write_text(lines)
    as_of = dt.date(2026, 3, 20)
    plan = ik.plan_resends(ik.annotate(ik.load(tmp_path).records, as_of=as_of), as_of=as_of)
    held = {}
    for manager in ("mgr.alpha", "mgr.beta"):
        counts = count_decisions(ik.where(plan, ik.Filter(manager=manager)), plan)
        held[manager] = (counts.held_for_own_account, any("on hold, because" in text for text in counts.warnings()))
    assert held == {"mgr.alpha": (4, True), "mgr.beta": (0, False)}


@pytest.mark.parametrize(("hour", "is_ahead"), [(0, True), (9, True), (10, False), (23, False)])
def test_an_export_of_a_day_that_began_in_some_time_zone_is_not_of_a_later_day(hour: int, is_ahead: bool) -> None:
    monday = dt.date(2026, 3, 30)  # at 07:00 in Shanghai it is 23:00 of Sunday in UTC
    warnings = age_warnings(monday, dt.datetime(2026, 3, 29, hour), ResendRules())
    assert any("check the date in its name" in text for text in warnings) == is_ahead
