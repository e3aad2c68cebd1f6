"""The life of an invitation, as one SQL query: who, when, how it went, and what a snapshot shows of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from itertools import pairwise

from invitekit import schema
from invitekit.catalogue import read_catalogue
from invitekit.sample.people import CAUSE_WEIGHTS, CULTURES, DOMAINS, JUMP, MANAGERS, TAGS, Culture

REPEATED = 20
"""Of 100 invitations, those that go to a customer who was invited before without success."""
STALE = 30
"""Of 100 expired invitations, those whose label still says invited: labels go stale."""
BEFORE = 60
"""Days before the first snapshot in which its invitations were sent."""
NOBODY, NO_DAY = 202, 101
"""Places in the last file of the row that names nobody, and of the one with an impossible day."""
UNREADABLE = ("customer_full_name", "customer_name", "account_name", "email", "mobile")
COLUMNS = tuple(c.name for c in schema.RECORD if c.name not in schema.DERIVED | {"record_id", "snapshot_at"})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One weekly file: its day, the invitations it shows, and how it is written."""

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


def query(s: Snapshot) -> str:
    """Give the SQL of one snapshot's rows, in the order of invitation, columns under their labels."""
    labels = {name: schema.label(name, s.language) for name in COLUMNS}
    shown = ", ".join(f'{_shown(name, s)} as "{labels[name]}"' for name in COLUMNS)
    return f"select {shown} from ({_dirty(s)})"


def _roll(what: str, below: int, s: Snapshot, key: str = "k") -> str:
    """A number from 0 that depends on the invitation, the question and the seed only."""
    return f"(hash({key}, '{what}', {s.seed}) % {below})::bigint"


def _uniform(what: str, s: Snapshot) -> str:
    return f"(({_roll(what, 1_000_000, s)} + 0.5) / 1000000)"


def _pick(items: tuple[str, ...], roll: str) -> str:
    return f"{_list(items)}[1 + {roll} % {len(items)}]"


def _list(items: tuple[str, ...]) -> str:
    return "[" + ", ".join(_text(item) for item in items) + "]"


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _invitations(s: Snapshot) -> str:
    """Number, customer, time, method and fate of every invitation that this snapshot shows."""
    edges = [0, *s.previous, s.rows]
    start = f"timestamp '{s.first_day}'"
    # The first file's invitations spread over the time before it, each later file adds one week's.
    spans = [(start, edges[0], edges[1], -BEFORE, BEFORE)]
    spans += [(start, a, b, 7 * i, 7) for i, (a, b) in enumerate(pairwise(edges[1:]))]
    cases = " ".join(
        f"when k < {b} then {day} + to_microseconds((({lead} + {days} * (k - {a} + 0.5) / {max(b - a, 1)}) "
        f"* 86400000000)::bigint)"
        for day, a, b, lead, days in spans
    )
    twice = f"case when k > 0 and {_roll('twice', 1000, s)} < {round(s.dirty * 400)} then k - 1 else k end"
    numbers = f"select k as place, {twice} as k from range({s.rows}) r(k)"
    parent = f"(k * {_roll('parent', 900, s)} // 1000)"
    repeated = f"k > 20 and {_roll('repeat', 100, s)} < {REPEATED} * 100 // 68 and {_fate(parent, s)} <> 'associated'"
    return (
        f"select place, k, case when {repeated} then {parent} else k end as customer, "
        f"date_trunc('second', case {cases} end) as invited_at, {_fate('k', s)} as fate, "
        f"{_roll('method', 100, s)} as method_roll, {_delay(s)} as delay, "
        f"{_roll('cause', 1000, s)} as cause_roll from ({numbers})"
    )


def _fate(key: str, s: Snapshot) -> str:
    roll = _roll("fate", 100, s, key)
    fates = {36: "associated", 66: "failed", 76: "registered", 79: "pending", 80: "unregistered"}
    cases = " ".join(f"when {roll} < {bound} then '{fate}'" for bound, fate in fates.items())
    return f"case {cases} else 'silent' end"


def _delay(s: Snapshot) -> str:
    """Microseconds until the customer answers: log-normal, half of them within three days."""
    normal = f"(sqrt(-2 * ln({_uniform('u1', s)})) * cos(2 * pi() * {_uniform('u2', s)}))"
    return f"(3 * exp(0.9 * {normal}) * 86400000000)::bigint"


def _people(s: Snapshot) -> str:
    """Give each customer a country, names, an account, an address and a mobile."""
    bounds, total = [], 0
    for position, culture in enumerate(CULTURES):
        total += culture.share
        bounds.append(f"when c < {total} then {position}")
    inner = f"select *, {_roll('country', 100, s, 'customer')} as c from ({_invitations(s)})"
    where = f"select *, case {' '.join(bounds)} end as culture from ({inner})"
    by = {
        "person": [_person(c, s) for c in CULTURES],
        "company": [_company(c, s) for c in CULTURES],
        "country": [_text(c.country_zh if s.language == "zh" else c.country) for c in CULTURES],
        "mobile": [f"{_text(c.mobile)} || lpad({_roll('mobile', 10**c.digits, s, 'customer')}::varchar, {c.digits}, '0')" for c in CULTURES],
        "remark": [_pick(c.remarks, _roll("remark", 97, s)) for c in CULTURES],
    }  # fmt: skip
    cases = ", ".join(
        f"case culture {' '.join(f'when {i} then {v}' for i, v in enumerate(values))} end as {name}"
        for name, values in by.items()
    )
    return f"select *, {cases} from ({where})"


def _person(c: Culture, s: Snapshot) -> str:
    given = _pick(c.given, _roll("given", 9973, s, "customer"))
    family = _pick(c.family, _roll("family", 9973, s, "customer"))
    return f"{family} || {given}" if c.order == "family first" else f"{given} || ' ' || {family}"


def _company(c: Culture, s: Snapshot) -> str:
    name = _pick(c.company, _roll("company", 9973, s, "customer"))
    suffix = _pick(c.suffix, _roll("suffix", 9973, s, "customer"))
    return f"{name} || {suffix}" if c.order == "family first" else f"{name} || ' ' || {suffix}"


def _records(s: Snapshot) -> str:
    """What the portal shows of each invitation at the end of the snapshot's day."""
    day = f"(timestamp '{s.day}' + interval 23 hour)"
    manager = _pick(MANAGERS, f"(c + {_roll('manager', 3, s, 'customer')})")
    # The eighth manager's customers fail more often, and so do resellers' big accounts.
    return (
        "select *, "
        f"'acct_' || {_roll('account', 900, s, 'customer')} || '_' || customer as account_name, "
        f"'user' || customer || '@' || {_pick(DOMAINS, _roll('domain', 9973, s, 'customer'))} as email, "
        f"{manager} as account_manager, "
        "case when method_roll < 62 then 'email' when method_roll < 80 then 'link' when method_roll < 92 then 'qr_code' "
        "else 'campaign' end as method, "
        f"case when {_roll('type', 100, s, 'customer')} < 85 then 'reseller' else 'referral' end as type, "
        f"case when fate = 'associated' and {manager} = 'mgr.novak' and cause_roll < 300 then 'failed' else fate end as ends, "
        f"invited_at + to_microseconds(delay) <= {day} as answered, {day} as day_end from ({_people(s)})"
    )


def _states(s: Snapshot) -> str:
    over = "method = 'email' and invited_at + interval 7 day <= day_end"
    stale = f"{_roll('stale', 100, s)} < {STALE}"
    status = (
        "case when ends = 'registered' then 'pre_registered' when ends = 'pending' then 'pending_review' "
        "when ends = 'unregistered' then 'not_pre_registered' "
        "when answered and ends = 'associated' then 'associated' when answered and ends = 'failed' then 'association_failed' "
        f"when {over} and not {stale} then 'expired' else 'invited' end"
    )
    return f"select *, {status} as status, {_cause(s)} as cause from ({_records(s)})"


def _cause(s: Snapshot) -> str:
    """Pick a cause by weight; in the week before the last one of them jumps."""
    # The failures without a position are the Chinese site's own.
    failures = [f for f in read_catalogue().failures if f.position is not None or s.language == "zh"]
    rest = [f for f in failures if f.code not in CAUSE_WEIGHTS]
    left = 1000 - sum(CAUSE_WEIGHTS.values())
    words: list[str] = []
    for f in failures:
        weight = CAUSE_WEIGHTS.get(f.code, left // len(rest))
        message = f.message_zh if s.language == "zh" else f.message_en
        words += [message or f.message_en or f.message_zh or ""] * weight
    jump = next(f for f in failures if f.code == JUMP)
    jumped = _text((jump.message_zh if s.language == "zh" else jump.message_en) or "")
    usual = f"{_list(tuple(words))}[1 + cause_roll % {len(words)}]"
    late = (
        f"invited_at >= timestamp '{s.jump_from}' and invited_at < timestamp '{s.jump_from}' + interval 7 day "
        f"and {_roll('jump', 100, s)} < 45"
    )
    return f"case when {late} then {jumped} else {usual} end"


def _dirty(s: Snapshot) -> str:
    """Add a roll that decides which cells of a row are untidy; -1 leaves a row clean."""
    share = round(s.dirty * 1_000_000)
    roll = f"case when {_roll('dirt', 1_000_000, s)} < {share} then {_roll('which', 12, s)} else -1 end"
    return f"select *, {roll} as dirt from ({_states(s)})"


def _shown(name: str, s: Snapshot) -> str:
    if s.unreadable and (name in UNREADABLE or name == "invited_at"):
        return _unreadable(name, s)
    return _readable(name, s)


def _unreadable(name: str, s: Snapshot) -> str:
    """Plant a row that names nobody and, where times are texts, one with a day that never was."""
    if name != "invited_at":
        return f"case when place <> {NOBODY} then {_readable(name, s)} end"
    if s.typed_times:
        return _readable(name, s)
    return f"case when place = {NO_DAY} then '2026-02-30 09:00:00' else {_readable(name, s)} end"


def _readable(name: str, s: Snapshot) -> str:
    masked = {
        "customer_full_name": "left(person, 1) || '***'",
        "customer_name": "left(company, 1) || '***' || right(company, 1)",
        "email": "left(email, 1) || '***@' || split_part(email, '@', 2)",
        "mobile": "left(replace(mobile, ' ', ''), 6) || '****' || right(mobile, 2)",
    }
    if s.masked and name in masked:
        return masked[name]
    return {
        "customer_full_name": "case dirt when 0 then '  ' || company || ' ' when 1 then company || chr(160) else company end",
        "customer_name": "person",
        "account_name": "account_name",
        "email": "case dirt when 2 then upper(email) when 3 then email || ' ' else email end",
        "mobile": "case dirt when 4 then translate(mobile, '0123456789', '０１２３４５６７８９') else mobile end",
        "country": "country",
        "account_manager": "account_manager",
        "custom_tag": f"case when dirt = 5 then 'N/A' when method in ('link', 'qr_code') then {_pick(TAGS, _roll('tag', 97, s))} end",
        "remarks": f"case when dirt = 6 then '-' when {_roll('has', 100, s)} < 34 then remark end",
        "invitation_method": _worded("method", "invitation_method", s),
        "association_type": _worded("type", "association_type", s),
        "status": f"case when dirt = 7 then 'Frozen' else {_worded('status', 'status', s)} end",
        "failure_message": "case when status = 'association_failed' and dirt = 8 then null "
        "when status = 'association_failed' and dirt = 9 then 'The customer asked us to wait.' "
        "when status = 'association_failed' then cause end",
        "invited_at": _time("case when ends not in ('registered', 'pending', 'unregistered') then invited_at end", s),
        "expires_at": _time(
            "case when ends not in ('registered', 'pending', 'unregistered') and method = 'email' "
            "then invited_at + interval 7 day end", s, plain=True),
        "associated_at": _time(
            "case when status = 'associated' then date_trunc('second', invited_at + to_microseconds(delay)) end", s, plain=True),
    }[name]  # fmt: skip


def _worded(code: str, column: str, s: Snapshot) -> str:
    cases = " ".join(
        f"when {_text(v.code)} then {_text(v.zh if s.language == 'zh' else v.en)}"
        for v in schema.BY_NAME[column].values
    )
    return f"case {code} {cases} end"


def _time(at: str, s: Snapshot, *, plain: bool = False) -> str:
    if s.typed_times:
        return at
    usual = f"strftime({at}, '%Y-%m-%d %H:%M:%S')"
    if plain:
        return usual
    return (
        f"case dirt when 10 then strftime({at}, '%Y-%m-%dT%H:%M:%SZ') "
        f"when 11 then strftime({at}, '%Y/%m/%d %H:%M') else {usual} end"
    )
