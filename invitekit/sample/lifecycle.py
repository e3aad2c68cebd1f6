"""The life cycle of invitations as one SQL query: customer, times, outcome, and status on a day.

A customer is pre-registered, perhaps reviewed, invited, and then associates, fails, or never answers. All values depend
on the number of the invitation only, so later snapshots are consistent with earlier ones. A customer is invited again
only after an invitation that was sent and led to no association.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise

from invitekit.engine.duckdb import lit
from invitekit.model.catalogue import Failure, read_catalogue

AGAIN = 55
"""Percentage of sent invitations without association that are sent again: one customer in five is repeated."""
STALE = 30
"""Percentage of expired invitations whose status is still invited: statuses may be stale."""
BEFORE = 60
"""Days before the first snapshot over which its invitations are spread."""
FATES = (("associated", 40), ("failed", 30), ("never", 14), ("silent", 16))
METHODS = (("email", 62), ("link", 18), ("qr_code", 12), ("campaign", 8))
STRICT_MANAGER = "mgr.novak"
"""The manager with more failed invitations."""
STRICT_SHARE = 50
"""The additional percentage of failed invitations of this manager."""
CAUSE_WEIGHTS = {
    "consumption_record": 210, "registered_by_other_partner": 170, "overdue_payment": 95,
    "associated_with_other_partner": 85, "registration_time_limit": 65, "link_used": 50, "code_used": 40, "system_busy": 30,
    "enterprise_member_account": 30, "referral_not_in_contract": 160, "referral_not_in_country": 60,
}  # fmt: skip
RARE = 10
"""The weight of any other cause, except an expired link, which late answers have."""
ONLY_TYPE = {
    "prepaid_partner": "reseller", "enterprise_master_account": "reseller", "enterprise_member_account": "reseller",
    "credit_bill_overdue": "reseller", "credit_account": "reseller",
    "referral_not_in_contract": "referral", "referral_not_in_country": "referral",
}  # fmt: skip
"""Causes that only one association type can have."""
JUMP = "system_busy"
"""The cause that is frequent in the second last week, so that a trend shows it."""


@dataclass(frozen=True, slots=True)
class Culture:
    """Typical names, companies and contacts of a country."""

    country: str
    country_zh: str
    share: int
    failing: int
    family_first: bool
    given: list[str]
    family: list[str]
    company: list[str]
    suffix: list[str]
    mobile: str
    digits: int
    remarks: list[str]


PERSONAS = tomllib.loads(files(__package__).joinpath("personas.toml").read_text("utf-8"))
"""The parts of made-up people and companies; the file explains its fields."""
CULTURES = [Culture(**culture) for culture in PERSONAS["cultures"]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One weekly file: its day, its invitations, and its format.

    ``previous`` has the sizes of all files before this one.
    """

    day: dt.date
    first_day: dt.date
    previous: tuple[int, ...]
    rows: int
    jump_from: dt.date
    unreadable: bool
    seed: int
    language: str
    masked: bool
    dirty: float
    typed_times: bool

    @property
    def first_rows(self) -> int:
        """The size of the first file, which determines the distance of a repeated invitation."""
        return (*self.previous, self.rows)[0]


def states(s: Snapshot) -> str:
    """Return the SQL of all invitations of a snapshot, with their status and cause on that day."""
    over = "method = 'email' and invited_at + interval 7 day <= day_end"
    waiting = (
        "case when slow and registered_at + interval 2 day > day_end then 'pending_review' else 'pre_registered' end"
    )
    status = (
        "case when fate = 'never' and registered_at + interval 15 day <= day_end then 'not_pre_registered' "
        f"when not invited then {waiting} when answered and ends = 'associated' then 'associated' "
        "when answered and ends = 'failed' then 'association_failed' "
        f"when {over} and {roll('stale', 100, s.seed)} >= {STALE} then 'expired' else 'invited' end"
    )
    return f"select *, {status} as status, {_cause(s)} as cause from ({_outcomes(s)})"


def _invitations(s: Snapshot) -> str:
    """Return the SQL of number, customer and time of all invitations of this snapshot."""
    edges = [0, *s.previous, s.rows]
    # The invitations of the first file are spread over the time before it; each later file adds a week.
    spans = [(edges[0], edges[1], -BEFORE, BEFORE)]
    spans += [(a, b, 7 * i, 7) for i, (a, b) in enumerate(pairwise(edges[1:]))]
    cases = " ".join(
        f"when k < {b} then timestamp '{s.first_day}' "
        f"+ to_microseconds((({lead} + {days} * (k - {a} + 0.5) / {max(b - a, 1)}) * 86400000000)::bigint)"
        for a, b, lead, days in spans
    )
    twice = f"case when k > 0 and {roll('twice', 1000, s.seed)} < {round(s.dirty * 400)} then k - 1 else k end"
    numbers = f"select k as place, {twice} as k from range({s.rows}) r(k)"
    once = f"select *, {_earlier('k', s)} as a1 from ({numbers})"
    chain = f"select *, {_earlier('a2', s)} as a3 from (select *, {_earlier('a1', s)} as a2 from ({once}))"
    at = f"date_trunc('second', case {cases} end)"
    return f"select place, k, coalesce(a3, a2, a1, k) as customer, {at} as registered_at from ({chain})"


def _earlier(key: str, s: Snapshot) -> str:
    """Return the SQL of the invitation that this one repeats, at least 12 days older, or null; each at most once."""
    apart, block = s.first_rows // 4, max(s.first_rows // 10, 1)
    # Mirrored within its block, so that distances differ and no two invitations repeat the same one.
    earlier = f"({key} - 2 * ({key} % {block}) - {apart} - 1)"
    again = f"{earlier} >= 0 and {roll('again', 100, s.seed, key)} < {AGAIN}"
    return f"case when {again} and {_fate(earlier, s)} in ('failed', 'silent') then {earlier} end"


def _fate(key: str, s: Snapshot) -> str:
    return weighted(FATES, roll("fate", 100, s.seed, key), 100)


def _people(s: Snapshot) -> str:
    """Return the SQL that adds country, names, account, email, mobile and manager of each customer."""
    known = (
        f"select *, {roll('country', 100, s.seed, 'customer')} as c, "
        f"{roll('lead', 100, s.seed)} as lead, {_fate('k', s)} as fate, "
        f"{weighted(METHODS, roll('method', 100, s.seed), 100)} as method from ({_invitations(s)})"
    )
    bounds, total = [], 0
    for position, culture in enumerate(CULTURES):
        total += culture.share
        bounds.append(f"when c < {total} then {position}")
    manager = pick(PERSONAS["managers"], f"(c + {roll('manager', 3, s.seed, 'customer')})")
    where = f"select *, case {' '.join(bounds)} end as culture, {manager} as account_manager from ({known})"
    by_culture = ", ".join(
        f"case culture {' '.join(f'when {i} then {_of(c, what, s)}' for i, c in enumerate(CULTURES))} end as {what}"
        for what in ("person", "company", "country", "mobile", "remark", "failing")
    )
    domain = pick(PERSONAS["domains"], roll("domain", 9973, s.seed, "customer"))
    return (
        f"select *, {by_culture}, 'acct_' || {roll('account', 900, s.seed, 'customer')} || '_' || customer as account_name, "
        f"{pick(PERSONAS['boxes'], roll('box', 9973, s.seed, 'customer'))} || customer || '@' || {domain} as email, "
        f"case when {roll('type', 100, s.seed, 'customer')} < 85 then 'reseller' else 'referral' end as type from ({where})"
    )


def _of(c: Culture, what: str, s: Snapshot) -> str:
    """Return the SQL of one field of a customer of this culture."""
    between = "" if c.family_first else " "

    def choose(items: list[str], question: str) -> str:
        return pick(items, roll(question, 9973, s.seed, "customer"))

    person = [choose(c.given, "given"), choose(c.family, "family")]
    number = f"{roll('mobile', 10**c.digits, s.seed, 'customer')}::varchar"
    return {
        "person": f" || {lit(between)} || ".join(person if between else reversed(person)),
        "company": f"{choose(c.company, 'company')} || {lit(between)} || {choose(c.suffix, 'suffix')}",
        "country": lit(c.country_zh if s.language == "zh" else c.country),
        "mobile": f"{lit(c.mobile)} || lpad({number}, {c.digits}, '0')",
        "remark": pick(c.remarks, roll("remark", 97, s.seed)),
        "failing": str(c.failing),
    }[what]


def _outcomes(s: Snapshot) -> str:
    """Return the SQL that adds when each customer is invited and answers, and the final outcome."""
    # One email in three is sent one to five days after the pre-registration; links need no pre-registration.
    waits = f"case when method = 'email' and lead < 33 then 1 + {roll('wait', 400, s.seed)} / 100.0 else 0 end"
    # Log-normal: half of those who associate do so within three days, a few after weeks.
    timed = (
        "select * replace (case when fate = 'never' and method <> 'email' then 'silent' else fate end as fate), "
        f"lead < 14 as slow, date_trunc('second', registered_at + to_microseconds(({waits} * 86400000000)::bigint)) "
        f"as invited_at, (3.6 * exp(0.9 * {normal(s.seed)}) * 86400000000)::bigint as delay, timestamp '{s.day}' as day_end "
        f"from ({_people(s)})"
    )
    strict = f"failing + case when account_manager = {lit(STRICT_MANAGER)} then {STRICT_SHARE} else 0 end"
    return (
        "select *, fate <> 'never' and invited_at <= day_end as invited, "
        "date_trunc('second', invited_at + to_microseconds(delay)) as answered_at, "
        "invited_at + to_microseconds(delay) <= day_end as answered, method = 'email' and delay >= 7 * 86400000000 as late, "
        f"case when fate in ('associated', 'silent') and {roll('strict', 100, s.seed)} < {strict} then 'failed' "
        f"when fate = 'associated' and method = 'email' and delay >= 7 * 86400000000 then 'silent' else fate end as ends from ({timed})"
    )


def _cause(s: Snapshot) -> str:
    """Return the SQL of a weighted failure message: late answers have an expired link, those of one week a busy portal."""
    # Failures without a position are only on the Chinese site.
    failures = {f.code: f for f in read_catalogue().failures if f.position is not None or s.language == "zh"}
    week = f"invited_at >= timestamp '{s.jump_from}' and invited_at < timestamp '{s.jump_from}' + interval 7 day"
    reseller, referral = (_usual(failures.values(), kind, s) for kind in ("reseller", "referral"))
    return (
        f"case when {week} and {roll('jump', 100, s.seed)} < 45 then {lit(_words(failures[JUMP], s))} "
        f"when late then {lit(_words(failures['link_expired'], s))} "
        f"when type = 'reseller' then {reseller} else {referral} end"
    )


def _usual(failures: Iterable[Failure], kind: str, s: Snapshot) -> str:
    """Return the SQL of a message for this association type, except an expired link, which late answers have."""
    possible = [f for f in failures if ONLY_TYPE.get(f.code, kind) == kind and f.code != "link_expired"]
    weights = [(_words(f, s), CAUSE_WEIGHTS.get(f.code, RARE)) for f in possible]
    return weighted(weights, roll("cause", 100_000, s.seed), 100_000)


def _words(failure: Failure, s: Snapshot) -> str:
    """Return the portal's message in the sample's language, or in the other one if it has none."""
    both = (failure.message_en, failure.message_zh)
    first, second = reversed(both) if s.language == "zh" else both
    return first or second or ""


# ---- random choices: the same key, question and seed give the same result ----------------------


def roll(question: str, below: int, seed: int, key: str = "k") -> str:
    """Return the SQL of a whole number from 0 to ``below - 1``, which depends on key, question and seed only."""
    return f"(hash({key}, '{question}', {seed}) % {below})::bigint"


def normal(seed: int) -> str:
    """Return the SQL of a standard normal number, from two uniform ones (Box and Muller)."""
    one, two = (f"(({roll(name, 1_000_000, seed)} + 0.5) / 1000000)" for name in ("u1", "u2"))
    return f"(sqrt(-2 * ln({one})) * cos(2 * pi() * {two}))"


def pick(items: Sequence[str], rolled: str) -> str:
    """Return the SQL of one of the texts, each equally likely."""
    return f"[{', '.join(map(lit, items))}][1 + {rolled} % {len(items)}]"


def weighted(items: Iterable[tuple[str, int]], rolled: str, below: int) -> str:
    """Return the SQL of one of the texts by weight, for a number from 0 to ``below - 1``."""
    choices = list(items)
    total, reached, cases = sum(weight for _, weight in choices), 0, []
    for item, weight in choices:
        reached += weight
        cases.append(f"when {rolled} < {reached * below // total} then {lit(item)}")
    return f"case {' '.join(cases)} end"
