"""The portal's names of its pages and buttons, for all texts that mention them."""

from __future__ import annotations

from invitekit.i18n import Language

_NAMES = {
    "{records_page}": {
        "en": "Sales > Leads and Opportunities > Customer Development > History Records",
        "zh": "销售 > 拓新 > 客户拓展 > 拓展记录",
    },
    "{invite_page}": {"en": "Sales > Leads and Opportunities > Customer Development", "zh": "销售 > 拓新 > 客户拓展"},
    "{resend_button}": {"en": "Resend Invitation", "zh": "重新发送邀请"},
    "{invite_button}": {"en": "Invite", "zh": "邀请"},
}


def with_portal_names(text: str, language: Language) -> str:
    """Fill the portal's names into placeholders such as ``{records_page}``; other placeholders stay."""
    for slot, names in _NAMES.items():
        text = text.replace(slot, names.get(language, names["en"]))
    return text
