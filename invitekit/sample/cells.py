"""The cells of a snapshot: columns and their labels, masks, and untidy values."""

from __future__ import annotations

from invitekit.engine.duckdb import lit
from invitekit.model import schema
from invitekit.sample.lifecycle import PERSONAS, Snapshot, pick, roll, states

UNREADABLE = ("customer_full_name", "customer_name", "account_name", "email", "mobile")
COLUMNS = (
    "customer_full_name", "customer_name", "account_name", "email", "mobile", "country", "account_manager", "custom_tag",
    "remarks", "invitation_method", "association_type", "status", "failure_message", "invited_at", "expires_at",
    "associated_at",
)  # fmt: skip
"""The columns of a file of the portal's History Records."""
DIRT = (
    "spaces", "no-break space", "upper case", "space after", "full width", "n/a", "dash", "无", "unknown status",
    "no message", "unknown message", "zulu", "offset", "slashes", "serial",
)  # fmt: skip
"""Kinds of untidy cells; other forms of times only in files whose times are texts."""
MASKED = {
    "customer_full_name": "left(company, 1) || '***' || right(company, 1)",
    "customer_name": "left(person, 1) || '***' || case when length(person) > 2 then right(person, 1) else '' end",
    "email": "left(email, 1) || '***@' || split_part(email, '@', 2)",
    "mobile": "regexp_replace(replace(mobile, ' ', ''), '....(....)$', '****\\1')",
}
"""Masks like those of the portal, whose exact pattern is not documented [assumed]. Account names stay."""


def query(s: Snapshot) -> str:
    """Return the SQL of a snapshot's rows, in the order of registration, with labels as column names."""
    shown = ", ".join(f'{_shown(name, s)} as "{schema.label(name, s.language)}"' for name in COLUMNS)
    share = round(s.dirty * 1_000_000)
    untidy = f"{roll('dirt', 1_000_000, s.seed)} < {share} then {roll('which', len(DIRT), s.seed)}"
    return f"select {shown} from (select *, case when {untidy} else -1 end as dirt from ({states(s)}))"


def _shown(name: str, s: Snapshot) -> str:
    """Return the SQL of a cell, with an unreadable row without any key and, if times are texts, an impossible day."""
    cell = MASKED[name] if s.masked and name in MASKED else _cell(name, s)
    if s.unreadable and name in UNREADABLE:
        return f"case when place <> {s.rows // 3} then {cell} end"
    if s.unreadable and name == "invited_at" and not s.typed_times:
        return f"case when place = {s.rows * 2 // 3} then '2026-02-30 09:00:00' else {cell} end"
    return cell


def _cell(name: str, s: Snapshot) -> str:
    tag = f"case when method in ('link', 'qr_code') then {pick(PERSONAS['tags'], roll('tag', 97, s.seed))} end"
    remark = f"case when {roll('has', 100, s.seed)} < 34 then remark end"
    message = _soil("cause", {"no message": "null", "unknown message": "'The customer asked us to wait.'"})
    expires = "case when invited and method = 'email' then invited_at + interval 7 day end"
    return {
        "customer_full_name": _soil("company", {"spaces": "'  ' || company || ' '", "no-break space": "company || chr(160)"}),
        "customer_name": "person",
        "account_name": "account_name",
        "email": _soil("email", {"upper case": "upper(email)", "space after": "email || ' '"}),
        "mobile": _soil("mobile", {"full width": "translate(mobile, '0123456789', '０１２３４５６７８９')"}),
        "country": "country",
        "account_manager": "account_manager",
        "custom_tag": _soil(tag, {"n/a": "'N/A'", "无": "'无'"}),
        "remarks": _soil(remark, {"dash": "'-'"}),
        "invitation_method": _worded("method", "invitation_method", s),
        "association_type": _worded("type", "association_type", s),
        "status": _soil(_worded("status", "status", s), {"unknown status": "'Frozen'"}),
        "failure_message": f"case when status = 'association_failed' then {message} end",
        "invited_at": _time("case when invited then invited_at end", s, untidy=True),
        "expires_at": _time(expires, s),
        "associated_at": _time("case when status = 'associated' then answered_at end", s),
    }[name]  # fmt: skip


def _soil(cell: str, forms: dict[str, str]) -> str:
    """Return the SQL of a cell with another form in rows with one of these kinds of untidiness."""
    cases = " ".join(f"when {DIRT.index(kind)} then {form}" for kind, form in forms.items())
    return f"case dirt {cases} else {cell} end"


def _worded(code: str, column: str, s: Snapshot) -> str:
    cases = " ".join(
        f"when {lit(v.code)} then {lit(v.zh if s.language == 'zh' else v.en)}" for v in schema.BY_NAME[column].values
    )
    return f"case {code} {cases} end"


def _time(at: str, s: Snapshot, *, untidy: bool = False) -> str:
    """Return the SQL of a time: typed if the file format has times, else as text in one form, apart from untidy rows."""
    if s.typed_times:
        return at
    usual = f"strftime({at}, '%Y-%m-%d %H:%M:%S')"
    if not untidy:
        return usual
    days = f"round(epoch(({at}) - timestamp '1899-12-30') / 86400, 5)::varchar"
    return _soil(
        usual,
        {
            "zulu": f"strftime({at}, '%Y-%m-%dT%H:%M:%SZ')",
            "offset": f"strftime({at} + interval 8 hour, '%Y-%m-%dT%H:%M:%S+08:00')",
            "slashes": f"strftime({at}, '%Y/%m/%d %H:%M')",
            "serial": days,
        },
    )
