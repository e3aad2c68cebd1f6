"""What the portal calls its pages and buttons: every text that sends a person there takes them from here."""

from __future__ import annotations

from invitekit.i18n import Language

_NAMES = {
    "{records_page}": {
        "en": "Sales > Leads and Opportunities > Customer Development > History Records",
        "zh": "销售 > 拓新 > 客户拓展 > 拓展记录",
    },
    "{invite_page}": {
        "en": "Sales > Leads and Opportunities > Customer Development",
        "zh": "销售 > 拓新 > 客户拓展",
    },
    "{resend_button}": {"en": "Resend Invitation", "zh": "重新发送邀请"},
    "{invite_button}": {"en": "Invite", "zh": "邀请"},
}


def with_portal_names(text: str, language: Language) -> str:
    """Return a text with the portal's names in place of ``{records_page}`` and the like; other slots stay."""
    for slot, names in _NAMES.items():
        text = text.replace(slot, names.get(language, names["en"]))
    return text
