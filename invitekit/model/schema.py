"""The table of all columns: name, kind, labels, header aliases, privacy class, vocabulary.

A column that is not in this table is an *extra* column of the user's file, and is kept as text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

from invitekit.errors import SchemaError
from invitekit.i18n import Label, _
from invitekit.model.vocabularies import ASSOCIATION_TYPES, DECISIONS, METHODS, RESEND_RULES, STATUSES, WHO_ACTS, Value

Kind = Literal["text", "code", "time", "integer", "number", "boolean"]
Stage = Literal["record", "annotated", "resolved", "plan"]
Privacy = Literal["identifier", "quasi_identifier", "free_text", "attribute", "technical"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its labels, its headers in files, and its privacy class.

    Attributes:
        aliases: Headers that always mean this column.
        loose: Less exact headers, which mean this column if no other header of the file does.
        by_values: Ambiguous headers; the values of the column decide.
        maybe: Headers that may mean this column; only the user can decide.
    """

    name: str
    kind: Kind
    en: str
    zh: str
    privacy: Privacy
    aliases: tuple[str, ...] = ()
    values: tuple[Value, ...] = ()
    stage: Stage = "record"
    loose: tuple[str, ...] = ()
    by_values: tuple[str, ...] = ()
    maybe: tuple[str, ...] = ()


CONTACT = ("Contact", "Contact Information", "联系方式")
"""Headers of a column with email addresses or mobile numbers: its values decide which."""
JOINED = (
    ("customer_full_name", "account_name"), ("customer_name", "account_name"), ("custom_tag", "account_manager"),
)  # fmt: skip
"""Columns that the portal shows as one, such as "Customer Name/Account Name"."""

# fmt: off
COLUMNS = (
    Column(
        "record_id", "text", "Record ID", "记录编号", "identifier",
        # Without "No." and "序号", which number the rows of one file and have no meaning in the next.
        ("Invitation ID", "邀请编号"), loose=("ID",),
    ),
    Column(
        "customer_full_name", "text", "Customer Full Name", "客户全称", "identifier",
        ("Full Name", "Customer's Full Name", "客户全名"),
        loose=("Company Name", "Company", "Organization", "Organisation", "Organization Name", "Enterprise Name",
               "公司名称", "公司全称", "客户公司", "企业名称", "企业全称", "单位名称"),
    ),
    Column(
        "customer_name", "text", "Customer Name", "客户名称", "identifier", ("客户姓名",), loose=("Customer", "客户"),
    ),
    Column(
        "account_name", "text", "Account Name", "客户账号", "identifier",
        ("Account", "Customer Account", "Customer Account Name", "Account Name of Customer", "HUAWEI CLOUD Account",
         "HUAWEI CLOUD Account Name", "账号名", "账号", "账号名称", "客户账号名", "帐号", "客户帐号", "客户账户",
         "账户名", "华为云账号", "华为云账号名", "华为云账户"),
        loose=("Login Name", "Username", "登录名", "用户名"),
    ),
    Column(
        "email", "text", "Email", "邮箱", "identifier",
        ("E-mail", "Email Address", "Customer Email", "Customer Email Address", "Email ID", "Invitee Email",
         "Invited Email", "电子邮箱", "邮箱地址", "邮件地址", "客户邮箱", "邀请邮箱", "Email地址", "E-mail地址"),
        loose=("Mail", "Contact Email", "联系邮箱", "邮件", "电子邮件"), by_values=CONTACT,
    ),
    Column(
        "mobile", "text", "Mobile Number", "手机号", "identifier",
        ("Mobile", "Mobile No.", "Mobile Phone", "Mobile Phone Number", "Cell Phone", "Cellphone", "移动电话", "手机",
         "手机号码", "联系手机", "客户手机", "客户手机号"),
        loose=("Phone", "Phone Number", "Phone No.", "Telephone", "Contact Number", "Contact Phone", "电话",
               "电话号码", "联系电话"),
        by_values=CONTACT,
    ),
    Column(
        "portal_customer_id", "text", "Portal Customer ID", "客户ID", "identifier",
        ("Customer ID", "Customer's ID", "Customer Account ID", "Account ID", "客户编号", "账号ID", "客户账号ID"),
    ),
    Column(
        "country", "text", "Country/Region", "国家地区", "quasi_identifier",
        ("Country", "Country or Region", "国家/地区", "国家"), loose=("Region", "地区"),
    ),
    Column(
        "account_manager", "text", "Account Manager", "客户经理", "identifier",
        loose=("Manager", "Account Manager's Account", "Account Manager's Account Name", "Account Owner", "Owner",
               "Sales Manager", "Invited By", "客户经理账号", "客户经理账号名", "销售经理", "负责人", "邀请人"),
    ),
    Column(
        "custom_tag", "text", "Custom Tag", "自定义标签", "quasi_identifier", ("Tag", "Tags", "标签"), loose=("Label",),
    ),
    Column(
        "remarks", "text", "Remarks", "备注", "free_text", ("Remark",),
        loose=("Notes", "Note", "Comment", "Comments", "说明"),
    ),
    Column(
        "invitation_method", "code", "Invitation Method", "邀请方式", "attribute",
        ("Method", "Invite Method", "Invitation Channel", "邀请渠道"), METHODS,
        loose=("Channel",), by_values=("Invitation Type", "方式", "渠道", "邀请类型"),
    ),
    Column(
        "association_type", "code", "Association Type", "关联类型", "attribute",
        ("Association Model", "Cooperation Model", "关联模式", "合作模式"), ASSOCIATION_TYPES, loose=("Model",),
    ),
    Column(
        "status", "code", "Status", "状态", "attribute",
        ("Association Status", "Invitation Status", "Invite Status", "关联状态", "邀请状态"), STATUSES,
        loose=("Current Status", "Customer Status", "Invitation Result", "Association Result", "当前状态", "客户状态",
               "邀请结果", "关联结果"),
        by_values=("State", "Result", "Registration Status", "结果"),
    ),
    Column(
        "failure_message", "text", "Failure Cause", "失败原因", "free_text",
        ("Failure Reason", "Failure Message", "Cause", "Cause of Failure", "Reason for Failure", "Fail Reason",
         "Association Failure Cause", "Association Failure Reason", "Cause of Association Failure",
         "关联失败原因", "关联失败原因说明", "失败描述", "失败说明", "失败信息"),
        loose=("Reason", "Error Message", "原因"), by_values=("Details", "Message", "详情"),
    ),
    Column(
        "invited_at", "time", "Invitation Time", "邀请时间", "quasi_identifier",
        ("Invited At", "Sent At", "Invited On", "Invitation Date", "Invite Date", "Invite Time", "Date Invited",
         "Sent On", "Sent Time", "Sending Time", "Invitation Sent At", "发送时间", "邀请日期", "邀请发送时间",
         "邀请发出时间"),
        loose=("Invited",), by_values=("Invitation Sent",),
        maybe=("Created At", "Created", "Created On", "Created Date", "Creation Time", "Create Time", "Date",
               "创建时间", "日期"),
    ),
    Column(
        "pre_registered_at", "time", "Pre-registration Time", "报备时间", "quasi_identifier",
        ("Pre-registered At", "Pre-registered On", "Pre-registration Date", "Preregistration Time",
         "报备日期", "报备成功时间"),
    ),
    Column(
        "expires_at", "time", "Expires At", "失效时间", "quasi_identifier",
        ("Valid Until", "Expiration Time", "Expiration Date", "Expiry Date", "Expiry Time", "Expires On",
         "过期时间", "有效期至", "失效日期", "到期时间"),
        loose=("Expires",),
    ),
    Column(
        "associated_at", "time", "Association Time", "关联时间", "quasi_identifier",
        ("Associated At", "Associated On", "Association Date", "Date Associated", "关联日期"),
    ),
    Column(
        "snapshot_at", "time", "Snapshot Time", "快照时间", "technical",
        ("Snapshot Date", "Export Time", "Exported At", "Export Date", "导出时间", "快照日期", "导出日期"),
    ),
    Column("source_file", "text", "Source File", "来源文件", "technical"),
    Column("source_row", "integer", "Source Row", "来源行号", "technical"),
    Column("unrecognised", "text", "Unrecognised Text", "未识别内容", "free_text"),
    Column("failure_code", "code", "Failure Code", "失败代码", "attribute", stage="annotated"),
    Column("cause", "text", "Cause in short", "失败原因简述", "attribute", stage="annotated"),
    Column("advice", "text", "Advice", "处理建议", "attribute", stage="annotated"),
    Column(
        "suggested_operation", "text", "Suggested Operation", "门户建议操作", "attribute", stage="annotated"
    ),
    Column("who_acts", "code", "Who Acts", "处理方", "attribute", values=WHO_ACTS, stage="annotated"),
    Column(
        "resend_rule", "code", "Resend Rule", "重发规则", "attribute", values=RESEND_RULES, stage="annotated"
    ),
    Column(
        "effective_status", "code", "Effective Status", "实际状态", "attribute", values=STATUSES, stage="annotated"
    ),
    Column("age_days", "integer", "Age (days)", "邀请天数", "attribute", stage="annotated"),
    Column(
        "days_to_associate", "integer", "Days to Associate", "关联用时（天）", "attribute", stage="annotated"
    ),
    Column("customer_id", "text", "Customer Key", "客户标识", "identifier", stage="plan"),
    Column("invitation_id", "text", "Invitation Key", "邀请标识", "identifier", stage="resolved"),
    Column("invitation_sent_at", "time", "Invitation Sent", "邀请发出时间", "quasi_identifier", stage="resolved"),
    Column(
        "is_latest_of_invitation", "boolean", "Newest of Invitation", "该邀请最新记录", "technical", stage="resolved"
    ),
    Column("is_latest_of_customer", "boolean", "Newest of Customer", "该客户最新记录", "technical", stage="resolved"),
    Column("attempt_no", "integer", "Attempt", "第几次", "attribute", stage="resolved"),
    Column("previous_outcome", "code", "Attempt Before", "上一次结果", "attribute", stage="resolved"),
    Column("first_seen_at", "time", "First Seen", "首次出现", "quasi_identifier", stage="resolved"),
    Column("last_seen_at", "time", "Last Seen", "最近出现", "quasi_identifier", stage="resolved"),
    Column("in_newest_snapshot", "boolean", "In Newest File", "在最新文件中", "technical", stage="resolved"),
    Column("decision", "code", "Decision", "决定", "attribute", values=DECISIONS, stage="plan"),
    Column("reason_code", "code", "Reason Code", "理由代码", "attribute", stage="plan"),
    Column("reason", "text", "Reason", "理由", "attribute", stage="plan"),
    Column("next_step", "text", "Next Step", "下一步", "attribute", stage="plan"),
    Column("retry_at", "time", "Retry From", "可重发时间", "quasi_identifier", stage="plan"),
    Column("attempts", "integer", "Attempts", "已邀请次数", "attribute", stage="plan"),
    Column("rank", "integer", "Rank", "排序", "attribute", stage="plan"),
    Column("batch", "integer", "Batch", "批次", "attribute", stage="plan"),
    Column("chance", "number", "Chance", "成功率", "attribute", stage="plan"),
    Column("chance_low", "number", "Chance, Low", "成功率下限", "attribute", stage="plan"),
    Column("chance_high", "number", "Chance, High", "成功率上限", "attribute", stage="plan"),
    Column("chance_from", "text", "Chance From", "成功率依据", "attribute", stage="plan"),
    Column("planned_at", "time", "Planned At", "计划时间", "technical", stage="plan"),
    Column("plan_rules", "text", "Plan Rules", "计划规则", "technical", stage="plan"),
)
# fmt: on

BY_NAME = {column.name: column for column in COLUMNS}
RECORD = tuple(column for column in COLUMNS if column.stage == "record")
ANNOTATED = tuple(column for column in COLUMNS if column.stage == "annotated")
RESOLVED = tuple(column for column in COLUMNS if column.stage == "resolved")
PLAN = tuple(column for column in COLUMNS if column.stage == "plan")
DERIVED = frozenset({"source_file", "source_row", "unrecognised"})
"""Record columns that ``load`` adds; a file's own column of that name is an extra column."""
NATURAL_KEY = ("account_name", "email", "customer_full_name", "mobile")
MASK_MARKS = ("*", "＊", "•", "●")
"""Characters that only a masked value has; the portal's exact pattern is not documented [assumed]."""
MASKED = "[*＊•●⁎∗✱█▓▒░]|[.]{3}|…|⋯|#{3}|[xX]{4}|[0-9]{2}[xX]{2,}[0-9]{2}|某某"
"""Matches masked values, which identify no customer [assumed]. The pattern means the same on every engine."""
NULL_LIKE = (
    "", "-", "--", "–", "—", "/", "N/A", "n/a", "#N/A", "NULL", "null", "None", "NaN", "nan", "NaT",
    "<NA>", "\\N", "无", "暂无",
)  # fmt: skip
"""Placeholders for an empty cell. The list is short, because a customer may be called Null."""
SAYS_NOTHING = frozenset(text.casefold() for text in NULL_LIKE) | {
    "?", ".", "nil", "none", "n.a.", "na", "not available", "not applicable", "unknown", "unbekannt", "redacted",
    "無", "没有", "未知", "不详", "不詳", "不明", "保密",
}  # fmt: skip
"""Folded texts that have no token: such cells are read as written, but do not identify a customer."""
MASK_SHAPES = (
    MASKED, "[○◯×✕■□]{2}", r"^\p{Han}{1,2}[○◯×✕〇某]+$", r"^\p{Han}[○◯×✕]\p{Han}$",
    r"\?{3}", r"[0-9](?:#{2,}|_{3,}|-{3,})[0-9]", "^[0-9+() -]*x{2,}[0-9 -]*$",
)  # fmt: skip
"""Patterns of masked values after folding, which have no token: more than ``MASKED`` [assumed]."""
UNSEEN = r"[\p{Default_Ignorable_Code_Point}\x{0}]"
"""Characters that are always invisible: joiners, marks of direction, soft hyphens."""
INVISIBLE = "\0\u200b\u2060\ufeff"
"""Invisible characters at the ends of a cell that are not white space."""
MASKABLE = ("customer_full_name", "customer_name", "account_name", "email", "mobile")
"""Columns that the portal may mask in an export."""


_TRADITIONAL = str.maketrans(
    "戶稱帳賬號郵機電話標籤備註國區經關聯類狀態敗請時間發過報審鏈結線動營銷顧問轉單業為雲華碼確認維記掃應說負責詳據錄帐",
    "户称账账号邮机电话标签备注国区经关联类状态败请时间发过报审链结线动营销顾问转单业为云华码确认维记扫应说负责详据录账",
)
"""Traditional characters of headers and words, and 帐 of 帐号, with their simplified form."""


def header_key(text: str) -> str:
    """Fold a header or the text of a code so that spelling variants have the same key.

    NFKC, case, white space, punctuation and traditional characters are folded: ``"E-Mail address"`` and
    ``"email_address"`` have the same key, and so have ``"狀態"`` and ``"状态"``.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isalnum()).translate(_TRADITIONAL)


def require(names: Collection[str], needed: Iterable[str]) -> None:
    """Check that records have all needed columns; raise a ``SchemaError`` that names the step that adds them."""
    missing = [name for name in dict.fromkeys(needed) if name not in names]
    if missing:
        stages = {BY_NAME[name].stage for name in missing if name in BY_NAME}
        annotated = "annotate" if "annotated" in stages else "load"
        step = "plan_resends" if "plan" in stages else annotated
        raise SchemaError(
            _("Records lack {columns}.", columns=tuple(missing)), hint=_("pass what {step}(...) returns.", step=step)
        )


class Meaning(NamedTuple):
    """A column that a header means, and how exactly: 0 is the most exact."""

    exactness: int
    name: str


ALIAS, LOOSE, BY_VALUES, MAYBE = range(4)
"""How exactly a header means a column: by an exact name, by a loose one, by its values, or only by user choice."""


@cache
def _headers() -> dict[str, tuple[Meaning, ...]]:
    table: dict[str, tuple[Meaning, ...]] = {}
    for column in COLUMNS:
        if column.name in DERIVED:
            continue
        texts = {ALIAS: (column.name, column.en, column.zh, *column.aliases), LOOSE: column.loose}
        for exactness, headers in (texts | {BY_VALUES: column.by_values, MAYBE: column.maybe}).items():
            for key in map(header_key, headers):
                own = Meaning(exactness, column.name)
                # The first column with a header wins, unless the values decide between several.
                table[key] = (*table.get(key, ()), own) if exactness == BY_VALUES else table.get(key, (own,))
    return table


def meanings(header: str) -> tuple[Meaning, ...]:
    """Return the columns that a header may mean: none for an extra column, several if its values decide.

    A header that equals a canonical name always means that column.
    """
    if header in BY_NAME:
        return () if header in DERIVED else (Meaning(ALIAS, header),)
    return _headers().get(header_key(header), ())


def canonical_name(header: str) -> str | None:
    """Return the column that a file's header means, or None for an extra column."""
    columns = meanings(header)
    return columns[0].name if columns and columns[0].exactness < MAYBE else None


@cache
def vocabulary(name: str) -> dict[str, str]:
    """Return the canonical value of every folded word of a code column."""
    return {
        header_key(text): value.code
        for value in BY_NAME[name].values
        for text in (value.code, value.en, value.zh, *value.aliases)
    }


def label_in_message(name: str, *, lower: bool = False) -> Label:
    """Return a column's label as a translatable parameter of a message."""
    return Label(label(name).lower() if lower else label(name), label(name, "zh"))


def label(name: str, language: str = "en") -> str:
    """Return a column's label; the label of an extra column is its name."""
    column = BY_NAME.get(name)
    if column is None:
        return name
    return column.zh if language == "zh" else column.en
