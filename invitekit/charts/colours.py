"""The colours of figures on light and dark backgrounds, and the order of groups."""

from __future__ import annotations

from invitekit.model.vocabularies import METHODS, STATUSES, UNKNOWN, WHO_ACTS, Value

UNKNOWN_VALUE = Value(UNKNOWN, "Unknown", "未知")
ORDER = (*WHO_ACTS, UNKNOWN_VALUE)
"""Who acts, in the order of every figure and table."""
STAGES = (
    Value("all", "All invitations", "全部邀请"),
    Value("not_invited", "Not invited yet", "尚未邀请"),
    UNKNOWN_VALUE,
    Value("invited", "Invited", "已邀请"),
    Value("associated", "Associated", "已关联"),
    Value("failed", "Association failed", "关联失败"),
    Value("expired", "Expired", "已失效"),
    Value("not_used", "Not used within the follow-up", "跟踪期内未使用"),
    Value("open", "Still open", "等待中"),
)
"""The stages of an invitation, each before its parts."""
COLOURS: dict[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#16191d"), "ink": ("#1b1f24", "#e8eaed"), "muted": ("#5b6470", "#a4adb8"),
    "grid": ("#e3e6ea", "#343a42"), "accent": ("#0072b2", "#4da8e8"), "alarm": ("#c8372b", "#ff7a66"),
    "relief": ("#00835f", "#3fcf9f"),
    "partner": ("#0072b2", "#4da8e8"), "customer": ("#d98200", "#f0a830"), "customer_service": ("#cc4778", "#dd84c0"),
    "nobody": ("#8d959f", "#7f8893"), UNKNOWN: ("#2f3640", "#e3e6ea"),
    "associated": ("#009e73", "#2bc59b"), "failed": ("#c8472b", "#f0705a"), "expired": ("#e0b23c", "#e8c25a"),
    "invited": ("#5aa9dc", "#6fb8ec"), "not_used": ("#8a6d3b", "#a08550"), "pending_review": ("#5f4fa8", "#7a5fd6"),
    "pre_registered": ("#a9b4c0", "#9aa5b1"), "not_invited": ("#d3d8de", "#565f6a"),
}  # fmt: skip
"""Each colour by name, for a light and for a dark background. Colour-blind people can distinguish the parties that
act, and the statuses."""
_SAME = {"association_failed": "failed", "not_pre_registered": "not_invited", "open": "invited"}


def of_code(code: str | None) -> str:
    """Return the name of the colour of a status, a stage or who acts; ``muted`` for any other code."""
    name = _SAME.get(code or UNKNOWN, code or UNKNOWN)
    return name if name in COLOURS else "muted"


def of_series(code: str, position: int) -> str:
    """Return the name of the colour of a line: that of its invitation method, else one by its position."""
    positions = {value.code: position for position, value in enumerate(METHODS)}
    names = ("accent", "customer", "associated", "customer_service")
    return names[positions.get(code, position) % len(names)]


def status_order() -> list[Value]:
    """Return every status in the order of an invitation, the unknown one last."""
    order = ("associated", "association_failed", "expired", "invited", "pending_review", "pre_registered",
           "not_pre_registered")  # fmt: skip
    known = {value.code: value for value in STATUSES}
    return [*(known[code] for code in order), UNKNOWN_VALUE]


def dark_styles() -> str:
    """Return style rules that turn the light colours of an SVG figure into the dark ones."""
    return "".join(
        f'.chart [{name}="{light}"]{{{name}:{dark}}}'
        for light, dark in dict(COLOURS.values()).items()
        for name in ("fill", "stroke")
    )
