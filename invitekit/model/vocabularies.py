"""All closed vocabularies: the canonical codes, their labels, and their words in files."""

from __future__ import annotations

from dataclasses import dataclass

UNKNOWN = "unknown"
"""The code of an unknown word: it is never guessed, always reported."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a closed vocabulary: its canonical code, labels, and its words in files."""

    code: str
    en: str
    zh: str
    aliases: tuple[str, ...] = ()

    def label(self, language: str = "en") -> str:
        """Return its label."""
        return self.zh if language == "zh" else self.en


# fmt: off
# Ambiguous words are left out: "Registered", "Pending", "Accepted", "Successful", "Approved",
# "Invalid", "Cancelled". They are unknown until the user teaches them.
STATUSES = (
    Value("pre_registered", "Pre-registered", "已报备",
          ("Preregistered", "Pre-registration successful", "Pre-registration succeeded", "报备成功")),
    Value("not_pre_registered", "Not pre-registered", "未报备",
          ("Not preregistered", "To be pre-registered", "待报备")),
    Value("pending_review", "Pending review", "待审核",
          ("Pending approval", "Pending for review", "Under review", "Reviewing", "审核中")),
    Value("invited", "Invited", "已邀请",
          ("Not associated", "Unassociated", "Invitation sent", "Sent", "Delivered", "To be associated",
           "To be accepted", "Pending acceptance", "Waiting", "邀请中", "未关联", "待关联", "待接受", "待客户确认",
           "已发送")),
    Value("expired", "Expired", "已失效",
          ("Invitation expired", "Invite expired", "Link expired", "已过期", "过期", "已过期失效", "邀请已失效")),
    Value("associated", "Associated", "已关联", ("Association succeeded", "Association successful", "关联成功")),
    Value("association_failed", "Association failed", "关联失败",
          ("Failed", "Failure", "Association failure", "Failed to associate", "失败")),
)
METHODS = (
    Value("email", "Email", "邮件",
          ("Online", "E-mail", "Email invitation", "线上", "线上拓展", "邮箱", "电子邮件", "邮件邀请", "线上邀请")),
    Value("link", "Link", "链接",
          ("Offline", "Hyperlink", "Invitation link", "General link", "Custom link", "URL", "线下", "线下拓展",
           "超链接", "邀请链接", "通用邀请链接", "自定义邀请链接", "线下邀请", "連結", "邀請連結")),
    Value("qr_code", "QR code", "二维码", ("QR", "QR code invitation", "Scan", "二维码邀请", "扫码")),
    Value("campaign", "Campaign", "活动",
          ("Marketing campaign", "Campaign link", "Event", "活动邀请", "活动链接", "营销活动")),
)
# fmt: on
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
DECISIONS = (
    Value("resend_now", "Invite now", "立即邀请"),
    Value("resend_as_reseller", "Invite as reseller", "改以转售模式邀请"),
    Value("wait_for_customer", "Customer has to act", "需客户处理"),
    Value("wait_for_cooldown", "Wait for the pause", "等待间隔期满"),
    Value("wait_for_expiry", "Wait for expiry", "等待失效"),
    Value("contact_support", "Ask Huawei support", "需华为客服协助"),
    Value("blocked", "Cannot be invited", "不可邀请"),
    Value("review", "Needs review", "需人工核对"),
    Value("associated", "Associated", "已关联"),
    Value("superseded", "Older record", "较早的记录"),
)
"""The decision on a record: every record has one."""
RESENDS = ("resend_now", "resend_as_reseller")
DECISIONS_OF = {
    "again": RESENDS,
    "customer": ("wait_for_customer",),
    "support": ("contact_support",),
    "check": ("review",),
    "valid": ("wait_for_expiry", "wait_for_cooldown"),
    "blocked": ("blocked",),
}
"""The decisions of each list of customers who are not associated."""
_NAMES = {"again": ("Invite again", "可再次邀请"), "valid": ("Too early to invite again", "尚未到可再邀请的时间")}
_LABELS = {value.code: (value.en, value.zh) for value in DECISIONS}
LISTS = tuple(Value(code, *_NAMES.get(code, _LABELS[first])) for code, (first, *_) in DECISIONS_OF.items())
"""These lists, in the order of the page and the report; a list of one decision has its label."""
BATCH_KINDS = (
    Value("invite", "Invite", "邀请"),
    Value("resend_now", "Resend now", "立即重发"),
    Value("resend_as_reseller", *_LABELS["resend_as_reseller"]),
)
"""Kinds of batches, in their order: a first invitation is not a resend."""
