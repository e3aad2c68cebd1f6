"""Every column once: name, kind, labels, header aliases, privacy class, vocabulary.

Whoever needs a column's name, type, label, header or privacy reads it here; a column that
is not in this table is an *extra* column of the user's file and travels as text.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Literal

Kind = Literal["text", "code", "time", "integer"]
Stage = Literal["record", "annotated", "plan"]
Privacy = Literal["identifier", "quasi_identifier", "free_text", "attribute", "technical"]

UNKNOWN = "unknown"
"""The value of a code whose text is in no vocabulary: never guessed, always reported."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a closed vocabulary: its canonical code, labels, and what files call it."""

    code: str
    en: str
    zh: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it is called here, by people and by files, and what it gives away."""

    name: str
    kind: Kind
    en: str
    zh: str
    privacy: Privacy
    aliases: tuple[str, ...] = ()
    values: tuple[Value, ...] = ()
    stage: Stage = "record"


STATUSES = (
    Value("pre_registered", "Pre-registered", "已报备", ("Preregistered", "Registered", "报备成功")),
    Value("not_pre_registered", "Not pre-registered", "未报备", ("Not preregistered", "Unregistered")),
    Value(
        "pending_review",
        "Pending review",
        "待审核",
        ("Pending", "Pending approval", "Under review", "Reviewing", "审核中"),
    ),
    Value(
        "invited",
        "Invited",
        "已邀请",
        ("Invitation sent", "Sent", "To be associated", "Waiting", "邀请中", "待关联", "已发送"),
    ),
    Value("expired", "Expired", "已失效", ("Invitation expired", "Invalid", "已过期", "邀请已失效")),
    Value("associated", "Associated", "已关联", ("Association succeeded", "Successful", "关联成功")),
    Value(
        "association_failed",
        "Association failed",
        "关联失败",
        ("Failed", "Association failure", "Failed to associate"),
    ),
)
METHODS = (
    Value(
        "email",
        "Email",
        "邮件",
        ("Online", "E-mail", "Email invitation", "线上", "邮箱", "邮件邀请", "线上邀请"),
    ),
    Value(
        "link",
        "Link",
        "链接",
        ("Offline", "Hyperlink", "Invitation link", "URL", "线下", "超链接", "邀请链接", "线下邀请"),
    ),
    Value("qr_code", "QR code", "二维码", ("QR", "QR code invitation", "Scan", "二维码邀请", "扫码")),
    Value("campaign", "Campaign", "活动", ("Marketing campaign", "Event", "活动邀请", "营销活动")),
)
ASSOCIATION_TYPES = (
    Value("reseller", "Reseller", "转售", ("Resale", "Reseller model", "代售", "代售模式", "转售模式")),
    Value("referral", "Referral", "顾问销售", ("Referral model", "Advisor", "顾问销售模式", "推荐")),
)
WHO_ACTS = (
    Value("partner", "Partner", "伙伴"),
    Value("customer", "Customer", "客户"),
    Value("customer_service", "Customer service", "客服"),
    Value("nobody", "Nobody", "无需处理"),
)
RESEND_RULES = (
    Value("now", "Resend now", "可立即重发"),
    Value("as_reseller", "Invite as reseller", "改以转售模式邀请"),
    Value("after_customer_acts", "After the customer acts", "待客户处理后"),
    Value("after_support", "After customer service", "待客服处理后"),
    Value("never", "Never in this condition", "该状况下不可重发"),
    Value(UNKNOWN, "Unknown", "未知"),
)

# fmt: off
COLUMNS = (
    Column(
        "record_id", "text", "Record ID", "记录编号", "identifier",
        ("ID", "Invitation ID", "Record No.", "No.", "邀请编号", "编号", "序号"),
    ),
    Column(
        "customer_full_name", "text", "Customer Full Name", "客户全称", "identifier",
        ("Full Name", "Customer's Full Name", "Company Name", "客户全名", "公司名称"),
    ),
    Column("customer_name", "text", "Customer Name", "客户名称", "identifier", ("Customer", "客户", "客户姓名")),
    Column(
        "account_name", "text", "Account Name", "客户账号", "identifier",
        ("Account", "Customer Account", "Customer Account Name", "Account Name of Customer",
         "账号名", "账号", "账号名称", "客户账号名", "帐号", "客户帐号"),
    ),
    Column(
        "email", "text", "Email", "邮箱", "identifier",
        ("E-mail", "Email Address", "Mail", "Customer Email", "电子邮箱", "邮箱地址", "邮件地址", "客户邮箱"),
    ),
    Column(
        "mobile", "text", "Mobile Number", "手机号", "identifier",
        ("Mobile", "Mobile Phone", "Phone", "Phone Number", "Telephone",
         "移动电话", "手机", "手机号码", "联系电话"),
    ),
    Column(
        "country", "text", "Country/Region", "国家地区", "quasi_identifier",
        ("Country", "Region", "Country or Region", "国家/地区", "国家", "地区"),
    ),
    Column(
        "account_manager", "text", "Account Manager", "客户经理", "identifier",
        ("Manager", "Account Manager's Account", "Owner", "Sales Manager", "客户经理账号"),
    ),
    Column("custom_tag", "text", "Custom Tag", "自定义标签", "quasi_identifier", ("Tag", "Tags", "Label", "标签")),
    Column(
        "remarks", "text", "Remarks", "备注", "free_text",
        ("Remark", "Notes", "Note", "Comment", "Comments", "说明"),
    ),
    Column(
        "invitation_method", "code", "Invitation Method", "邀请方式", "attribute",
        ("Method", "Invite Method", "Channel", "邀请渠道"), METHODS,
    ),
    Column(
        "association_type", "code", "Association Type", "关联类型", "attribute",
        ("Model", "Association Model", "Cooperation Model", "关联模式", "合作模式"), ASSOCIATION_TYPES,
    ),
    Column(
        "status", "code", "Status", "状态", "attribute",
        ("Association Status", "Invitation Status", "State", "关联状态", "邀请状态"), STATUSES,
    ),
    Column(
        "failure_message", "text", "Failure Cause", "失败原因", "free_text",
        ("Failure Reason", "Failure Message", "Cause", "Reason", "Cause of Failure", "Error Message",
         "关联失败原因", "原因"),
    ),
    Column(
        "invited_at", "time", "Invitation Time", "邀请时间", "quasi_identifier",
        ("Invited At", "Sent At", "Invited On", "Invitation Date", "Invited", "Sent On", "发送时间", "邀请日期"),
    ),
    Column(
        "expires_at", "time", "Expires At", "失效时间", "quasi_identifier",
        ("Valid Until", "Expiration Time", "Expiry Date", "Expires", "Expires On",
         "过期时间", "有效期至", "失效日期"),
    ),
    Column(
        "associated_at", "time", "Association Time", "关联时间", "quasi_identifier",
        ("Associated At", "Associated On", "Association Date", "关联日期"),
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
)
# fmt: on

BY_NAME = {column.name: column for column in COLUMNS}
RECORD = tuple(column for column in COLUMNS if column.stage == "record")
ANNOTATED = tuple(column for column in COLUMNS if column.stage == "annotated")
DERIVED = frozenset({"source_file", "source_row", "unrecognised"})
"""Record columns that the loader makes itself; a file's own column of that name is an extra."""
NATURAL_KEY = ("account_name", "email", "customer_full_name", "mobile")
MASKABLE = ("customer_full_name", "customer_name", "account_name", "email", "mobile")
"""Columns that the portal may have masked before we see them."""


def header_key(text: str) -> str:
    """Fold a header or a code's text so that spelling habits do not matter.

    NFKC, case, white space, and the punctuation between words are folded:
    ``"E-Mail address"`` and ``"email_address"`` give the same key.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isalnum())


@cache
def _headers() -> dict[str, str]:
    table: dict[str, str] = {}
    for column in COLUMNS:
        for text in (column.name, column.en, column.zh, *column.aliases):
            if column.name not in DERIVED:
                table.setdefault(header_key(text), column.name)
    return table


def canonical_name(header: str) -> str | None:
    """Name the column that a file's header means, or None for an extra column.

    A header that is letter for letter a canonical name is that column, whatever else it may mean.
    """
    if header in BY_NAME:
        return None if header in DERIVED else header
    return _headers().get(header_key(header))


@cache
def vocabulary(name: str) -> dict[str, str]:
    """Map every folded text that files use for a code column to its canonical value."""
    return {
        header_key(text): value.code
        for value in BY_NAME[name].values
        for text in (value.code, value.en, value.zh, *value.aliases)
    }


def label(name: str, language: str = "en") -> str:
    """Give a column's label for people; an extra column is its own label."""
    column = BY_NAME.get(name)
    if column is None:
        return name
    return column.zh if language == "zh" else column.en
