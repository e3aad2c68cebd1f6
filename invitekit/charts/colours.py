"""One visual language: what has which colour, on light and on dark, and in which order it comes."""

from __future__ import annotations

from dataclasses import dataclass

from invitekit.model.vocabularies import METHODS, STATUSES, UNKNOWN, WHO_ACTS, Value

UNKNOWN_VALUE = Value(UNKNOWN, "Unknown", "未知")
ORDER = (*WHO_ACTS, UNKNOWN_VALUE)
"""Who acts, in the order that every figure, legend and table has."""
STAGES = (
    Value("all", "All records", "全部记录"),
    Value("not_invited", "Not invited yet", "尚未邀请"),
    UNKNOWN_VALUE,
    Value("invited", "Invited", "已邀请"),
    Value("associated", "Associated", "已关联"),
    Value("failed", "Association failed", "关联失败"),
    Value("expired", "Expired", "已失效"),
    Value("not_used", "Not used within the follow-up", "跟踪期内未使用"),
    Value("open", "Still open", "等待中"),
)
"""The way of an invitation, each stage before its parts."""


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of one background.

    Attributes:
        paper, ink, muted, grid: Background, text, lesser text, lines behind the data.
        accent, alarm, relief: Data without a colour of its own; periods that are too high; too low.
        who_acts, status: By code; the colours of each can be told apart by colour-blind people.
    """

    paper: str
    ink: str
    muted: str
    grid: str
    accent: str
    alarm: str
    relief: str
    who_acts: dict[str, str]
    status: dict[str, str]

    def of_status(self, code: str) -> str:
        """Give the colour of a status or stage."""
        return self.status.get(_SAME.get(code, code), self.muted)

    def of_who(self, code: str | None) -> str:
        """Give the colour of who acts."""
        return self.who_acts.get(code or UNKNOWN, self.who_acts[UNKNOWN])

    def series(self, code: str, position: int) -> str:
        """Give a colour for one of several lines: its own where it has one, else by its place."""
        if code in self.who_acts:
            return self.who_acts[code]
        places = {value.code: place for place, value in enumerate(METHODS)}
        rows = [self.accent, self.who_acts["customer"], self.status["associated"], self.who_acts["customer_service"]]
        return rows[places.get(code, position) % len(rows)]


_SAME = {"association_failed": "failed", "not_pre_registered": "not_invited"}
LIGHT = Theme(
    paper="#ffffff", ink="#1b1f24", muted="#5b6470", grid="#e3e6ea",
    accent="#0072b2", alarm="#c8372b", relief="#00835f",
    who_acts={
        "partner": "#0072b2", "customer": "#d98200", "customer_service": "#cc4778", "nobody": "#8d959f",
        UNKNOWN: "#2f3640",
    },
    status={
        "associated": "#009e73", "failed": "#c8472b", "expired": "#e0b23c", "open": "#5aa9dc", "invited": "#5aa9dc",
        "not_used": "#8a6d3b",
        "pending_review": "#5f4fa8", "pre_registered": "#a9b4c0", "not_invited": "#d3d8de", UNKNOWN: "#2f3640",
    },
)  # fmt: skip
DARK = Theme(
    paper="#16191d", ink="#e8eaed", muted="#a4adb8", grid="#343a42",
    accent="#4da8e8", alarm="#ff7a66", relief="#3fcf9f",
    who_acts={
        "partner": "#4da8e8", "customer": "#f0a830", "customer_service": "#dd84c0", "nobody": "#7f8893",
        UNKNOWN: "#e3e6ea",
    },
    status={
        "associated": "#2bc59b", "failed": "#f0705a", "expired": "#e8c25a", "open": "#6fb8ec", "invited": "#6fb8ec",
        "not_used": "#a08550",
        "pending_review": "#7a5fd6", "pre_registered": "#9aa5b1", "not_invited": "#565f6a", UNKNOWN: "#e3e6ea",
    },
)  # fmt: skip


def status_order() -> list[Value]:
    """Give every status in the order of its way, what is unknown last."""
    way = ("associated", "association_failed", "expired", "invited", "pending_review", "pre_registered",
           "not_pre_registered")  # fmt: skip
    known = {value.code: value for value in STATUSES}
    return [*(known[code] for code in way), UNKNOWN_VALUE]
