"""Made-up people and companies: the parts of names, addresses and remarks.

Nobody here exists. Email domains are reserved for examples (RFC 2606). Mobile numbers are in ranges that are reserved
for fiction if a country has one (UK 07700 900xxx by Ofcom, Germany 0171 39200xx by the Bundesnetzagentur), else in runs
of zeros (China 199 0000 xxxx, Spain 600 0000xx, Saudi Arabia 50 0000 xxx, Singapore 8000 0xxx): these are not reserved,
but plainly made up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Culture:
    """Typical names, companies and contacts of a country.

    ``share`` is the percentage of customers; ``digits`` is the number of digits after ``mobile``; ``failing`` is the
    additional percentage of failed invitations: high in one country, low in the others.
    """

    country: str
    country_zh: str
    share: int
    given: tuple[str, ...]
    family: tuple[str, ...]
    company: tuple[str, ...]
    suffix: tuple[str, ...]
    mobile: str
    digits: int
    failing: int
    order: Literal["family first", "given first"]
    remarks: tuple[str, ...]


CULTURES = (
    Culture(
        "China", "中国", 34,
        ("伟", "芳", "秀英", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "娜", "思远", "子涵"),
        ("王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "欧阳", "司马"),
        ("云启", "华信", "东方", "博远", "星海", "中科", "天行", "数联", "鼎新", "长江"),
        ("科技有限公司", "信息技术股份有限公司", "网络科技（深圳）有限公司", "数据服务有限公司"),
        "+86 199 0000 ", 4, 4, "family first",
        ("已电话联系，下周回复", "客户要求先看报价", "需要续签合同，等待审批", "联系人出差"),
    ),
    Culture(
        "Germany", "德国", 16,
        ("Anna", "Jürgen", "Björn", "Käthe", "Lukas", "Sophie", "Maximilian", "Ute", "Zoë", "Hans-Peter"),
        ("Müller", "Schäfer", "Weiß", "Großmann", "Schmidt-Rottluff", "Öztürk", "von der Heide", "Köhler"),
        ("Süddeutsche Maschinenbau- und Anlagentechnik", "Nordlicht Logistik", "Bäckerei Sonnenschein",
         "Hanseatische Datenverarbeitungs", "Grünwald Medizintechnik", "Werkzeugbau Oberpfalz"),
        ("GmbH", "AG", "GmbH & Co. KG", "Verwaltungsgesellschaft mbH & Co. KG", "e. K."),
        "+49 171 39200", 2, 4, "given first",
        ("Rückruf am Freitag, Frau Weiß fragen",
         'Angebot "Cloud Start" verschickt', "wartet auf Freigabe; Budget 2026"),
    ),
    Culture(
        "United Kingdom", "英国", 16,
        ("Olivia", "George", "Amelia", "Noah", "Siobhán", "Harry", "Priya", "Mohammed", "Grace", "O"),
        ("Smith", "O'Connor", "Patel", "Taylor-Jones", "Évans", "MacDonald", "Null", "Lee"),
        ("Harbour Lane Analytics", "Brightwater Foods", "Kestrel Robotics", "North Quay Freight", "Pending Systems"),
        ("Ltd", "plc", "LLP", "Holdings Limited"),
        "+44 7700 900", 3, 4, "given first",
        ("Called, will come back next week", 'asked for "pay as you go", see mail', "Two contacts:\nsales and IT"),
    ),
    Culture(
        "Spain", "西班牙", 12,
        ("María José", "Íñigo", "Lucía", "Álvaro", "Begoña", "Ramón", "Núria", "Xabier"),
        ("García Márquez", "Fernández", "Muñoz", "Peña y Ruiz", "Echeverría", "Ibáñez"),
        ("Panadería La Española", "Construcciones Peñalver", "Viñedos del Ebro", "Tecnología Açores"),
        ("S.L.", "S.A.", "S. Coop."),
        "+34 600 0000", 2, 5, "given first",
        ("Llamar mañana, después de las 10", "pendiente de firma", "el cliente ya pagó la factura"),
    ),
    Culture(
        "Saudi Arabia", "沙特阿拉伯", 12,
        ("محمد", "فاطمة", "عبد الله", "نورة", "خالد", "ريم", "سلطان", "هند"),
        ("الغامدي", "القحطاني", "آل سعيد", "الحربي", "بن صالح", "الزهراني"),
        ("شركة الأفق للتقنية", "مؤسسة النخيل التجارية", "حلول السحاب المتقدمة", "مصنع الرياض"),
        ("المحدودة", "ش.م.م", "القابضة"),
        "+966 50 0000 ", 3, 50, "given first",
        ("سيتم الاتصال يوم الأحد", "بانتظار موافقة الإدارة", "طلب عرض سعر"),
    ),
    Culture(
        "Singapore", "新加坡", 10,
        ("Wei Ling", "Arjun", "Nurul", "Jia Hao", "Mei", "Daniel", "Siti", "Kumar"),
        ("Tan", "Lim", "Ng", "Krishnan", "bin Abdullah", "Wong", "Koh"),
        ("Lion Gate Payments", "Straits Biotech", "Merlion Shipping", "Orchid Cloud"),
        ("Pte. Ltd.", "LLP", "Asia Holdings Pte. Ltd."),
        "+65 8000 0", 3, 4, "given first",
        ("prefers WhatsApp, no calls", "needs invoice in SGD", "renewal in Q3"),
    ),
)  # fmt: skip
MANAGERS = ("mgr.chen", "mgr.weber", "mgr.khalid", "mgr.garcia", "mgr.tan", "mgr.oconnor", "mgr.liu", "mgr.novak")
TAGS = (
    "Spring webinar",
    "Trade fair 2026",
    "Partner day",
    "migration-offer",
    "春季活动",
    "Messe München",
    "2026Q1",
    "001",
)
DOMAINS = ("example.com", "example.org", "example.net", "mail.example", "firma.example", "shop.example")
BOXES = ("info.", "it.", "cloud.", "purchasing.", "office.", "m.muster")
"""Beginnings of email addresses; the customer's number follows, so each address is unique."""
STRICT_MANAGER = "mgr.novak"
"""The manager with more failed invitations."""
STRICT_SHARE = 50
"""The additional percentage of failed invitations of this manager."""
CAUSE_WEIGHTS = {
    "consumption_record": 210,
    "registered_by_other_partner": 170,
    "overdue_payment": 95,
    "associated_with_other_partner": 85,
    "registration_time_limit": 65,
    "link_used": 50,
    "code_used": 40,
    "system_busy": 30,
    "enterprise_member_account": 30,
    "referral_not_in_contract": 160,
    "referral_not_in_country": 60,
}
RARE = 10
"""The weight of any other cause, except an expired link, which late answers have."""
ONLY_TYPE = {
    "prepaid_partner": "reseller",
    "enterprise_master_account": "reseller",
    "enterprise_member_account": "reseller",
    "credit_bill_overdue": "reseller",
    "credit_account": "reseller",
    "referral_not_in_contract": "referral",
    "referral_not_in_country": "referral",
}
"""Causes that only one association type can have."""
JUMP = "system_busy"
"""The cause that is frequent in the second last week, so that a trend shows it."""
