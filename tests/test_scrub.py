"""Scrubbing of remarks: a corpus with expected results."""

import random
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from invitekit.errors import ArgumentError
from invitekit.privacy.scrub import KnownNames, scrub_remarks
from invitekit.privacy.scrub.names import stopwords, usable_names
from invitekit.privacy.scrub.patterns import LABELS
from invitekit.sample.lifecycle import CULTURES
from tests.conftest import often

PLACEHOLDER = re.compile(rf"\[(?:{'|'.join(LABELS)})\]")
NOBODY = KnownNames(pl.Series([], dtype=pl.String))


def scrub(remark: str | None, *own: str | None, others: tuple[str, ...] = ()) -> str | None:
    columns = [pl.Series([value], dtype=pl.String) for value in own]
    return scrubbed([remark], columns, others)[0]


def scrubbed(remarks: Sequence[str | None], own: Sequence[pl.Series], others: Sequence[str]) -> list[str | None]:
    known = KnownNames(pl.Series(others, dtype=pl.String))
    return scrub_remarks(pl.Series(remarks, dtype=pl.String), own, known).to_list()


# --- The corpus: templates with slots for personal and for harmless text --------------------------------------

OWN = ("Anna Müller", "王思远", "Siobhán O'Connor", "María José Fernández", "محمد الغامدي", "Ng", "Björn Weiß")
OTHERS = (
    "Lucía Echeverría", "张伟", "欧阳子涵", "Kestrel Robotics Ltd", "博远网络科技（深圳）有限公司", "خالد القحطاني",
          "Zoë Köhler", "acme-labs", "Arjun Krishnan", "Nordlicht Logistik GmbH",
)  # fmt: skip
DIGITS = {"#": "0123456789", "%": "123456789"}
FORMS: dict[str, tuple[str, ...]] = {
    "email": (
        "anna.m##@example.com", "LI.WEI+t##@MAIL.EXAMPLE", "jürgen@müller-##.example", "w##@shop.example.net",
        "sales_##＠example．com",
        "anna.m## (at) example.com", "li##[at]example[dot]org", "ana.p## at example dot com",
    ),
    "mobile": (
        "1990000####", "199 0000 ####", "199-0000-####", "+86 1990000####", "+86 199 0000 ####", "0086-1990000####",
        "861990000####", "(+86) 199-0000-####", "１９９００００####", "１９９－００００－####",
        "199.0000.####",
        "+44 7700 900%##", "0044 7700 900###", "07700 900%##", "+49 171 39200%#", "+49 (0)171 39200##", "0171/39200##",
        "+34 600 0000%#", "600 000 0%#", "+966 50 0000 %##", "050 0000 %##", "+65 8000 0%##", "8000 0###",
        "+1 (555) 010-01##", "(555) 010-01##", "0755-8888####", "+٩٦٦ ٥٠ ٠٠٠٠ %##", "+49.171.39200##", "01 00 00 00 ##",
    ),
    "id": (
        "11010119900307###X", "110101 19850612 ####", "4403001978112#00##", "91440300MA5F%K7W##", "91110108MA0##FAKE8",
        "6222 0200 0000 0000 ###", "6222020000000000###", "6228-4800-0000-####", "DE00 0000 0000 0000 00## ##",
        "ES0000000000000000####", "0a1b2c3d-0000-4000-8000-00000000####", "0a1b2c3d00004000800000000000####",
        "E0000####", "20000000####",
    ),
    "link": (
        "https://bob:secret##@host.example/x", "https://www.linkedin.com/in/anna-m-##", "t.me/li_wei##",
        "https://portal.example.com/users/anna##", "http://crm.example/?account=hw##",
    ),
    "handle": ("wei_%##", "Anna.M%#", "li-wei%##", "zhang%##x"),
    "at": ("@wei_%##", "@Anna.M%#", "@李伟", "@zhang%##x"),
    "number": ("%####7###",),
    "account": ("hw_acme%##", "hwc%####%##", "lena.b%#", "cloud-user%##"),
    "own": OWN,
    "other": OTHERS,
    "amount": (
        "¥1%,000", "￥8%,500.00", "USD 5 000.00", "USD 12%00", "1%万元", "3.5万元", "EUR 12.5%0,00",
        "12.5%0,00 €", "$1,2%0.50",
        "人民币 %0000 元", "1%000元", "2.%亿", "%00k USD", "SGD 1,%00",
        "%,000,000", "CHF 1'%00", "RMB %00,000", "1 %00 000 EUR",
    ),
    "when": (
        "2026-0%-1#", "2026/%/3", "2026-0%-1# 1#:30", "2026-0%-1#T08:00:00Z", "1#.0%.2026", "1#/0%/2026", "1#.0%.26",
        "2026年%月1#日", "%月1#日", "1# March 2026", "March 1#, 2026", "20260%1#", "20260%1#143000", "14:0%", "9:1# am",
        "1#. Juli 2026", "1# de enero de 2026", "2026Q1", "2026Q4", "2026-0%", "0%/2026",
    ),
    "version": ("v2.14.%", "v%", "2.1%.0", "V10.%.3.1", "v3.0-rc%"),
    "count": ("1%.5％", "%0 ％", "3%0单", "1,%00 orders", "2%0 users", "%00台", "1% licences", "%0 GB",
              "12%00 Bestellungen"),
}  # fmt: skip
LABEL = {"own": "name", "other": "name", "account": "id", "number": "handle", "at": "handle"}
STAYS = ("amount", "when", "version", "count")
TEMPLATES = (
    "Call {own} at {mobile} before {when}, budget {amount}", "{own} asked for {count}; mail {email}",
    "Offer {amount} sent on {when} to {email}, cc {other}.", "{mobile} is busy, try again {when}",
    "see {link} and {version}", "WeChat ID: {handle}, WhatsApp {mobile}", "Telegram {at} answered at {when}",
    "QQ {number}, {count}", "account {account} is frozen since {when}", "Account name: {account}; {amount} overdue",
    "passport and card: {id}, paid {amount}", "upgrade to {version} for {other} from {when} ({count})", "ID {id}",
    "已联系{own}，电话{mobile}，报价{amount}", "客户{other}要求{when}前回复，邮箱：{email}",
    "手机号：{mobile}（{when}之后再打）", "微信{handle}，{count}", "微信号：{handle}，QQ号{number}",
    "账号{account}已冻结，欠费{amount}", "华为账号：{account}，{version}已升级", "身份证{id}，{when}到期",
    "统一社会信用代码：{id}；合同{amount}", "银行卡号 {id}，到账{amount}", "{at} 请在{when}跟进{own}",
    "{own}说{other}也要{count}，{amount}", "请发邮件到{email}或致电{mobile}谢谢",
    "Rückruf bei {own} unter {mobile} am {when}", "Angebot über {amount} an {email}, {other} wartet",
    "Benutzername: {account}, Version {version}, {count}", "Frist {when}; Kopie an {other}; Telefon {mobile}",
    "Llamar a {own} al {mobile} el {when}", "Factura de {amount} para {other}, correo {email}",
    "{other}, {mobile}, {email}, {when}", "الاتصال مع {own} على {mobile} يوم {when}",
    "بانتظار {other} {amount} {email}", "renewal {when}, {amount}, {version}, {count}",
    "nothing personal here: {amount} by {when}", "续签{when}，{amount}，{count}，{version}",
)  # fmt: skip
SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Labelled:
    """A remark, the values of its record, and the expected result."""

    text: str
    own: str
    slots: tuple[tuple[str, str], ...]
    expected: str


def _folded(text: str) -> str:
    digits = str.maketrans("٠١٢٣٤٥٦٧٨٩", "0123456789")
    return unicodedata.normalize("NFKC", text).translate(digits)


def _filled(form: str, dice: random.Random) -> str:
    return "".join(dice.choice(DIGITS[sign]) if sign in DIGITS else sign for sign in form)


def _labelled(template: str, dice: random.Random) -> Labelled:
    slots = []
    for name in SLOT.findall(template):
        form = dice.choice(FORMS[name])
        slots.append((name, _filled(form, dice)))
    whole, expected = iter(slots), iter(slots)
    text = SLOT.sub(lambda _: next(whole)[1], template)
    told = SLOT.sub(lambda _: _told(*next(expected)), template)
    changed = any(name not in STAYS for name, _ in slots)
    own = next((value for name, value in slots if name == "own"), "Nobody Else")
    return Labelled(text, own, tuple(slots), _folded(told) if changed else text)


def _told(name: str, value: str) -> str:
    return value if name in STAYS else f"[{LABEL.get(name, name)}]"


@cache
def corpus(seed: int = 20260330) -> tuple[Labelled, ...]:
    dice = random.Random(seed)
    return tuple(_labelled(template, dice) for template in TEMPLATES for _ in range(30))


@cache
def scrubbed_corpus() -> tuple[str, ...]:
    said = corpus()
    # Every other row's own name is among the names of all customers, as in an export.
    own = pl.Series([one.own for one in said])
    return tuple(scrub_remarks(pl.Series([one.text for one in said]), [own], KnownNames(pl.Series(OTHERS))).to_list())


def test_harmless_text_is_never_removed() -> None:
    lost = [
        (value, after)
        for one, after in zip(corpus(), scrubbed_corpus(), strict=True)
        for name, value in one.slots
        if name in STAYS and _folded(value) not in _folded(after)
    ]
    assert lost == []


def test_of_each_class_more_than_99_in_100_are_found() -> None:
    seen, left = Counter[str](), Counter[str]()
    for one, after in zip(corpus(), scrubbed_corpus(), strict=True):
        for name, value in one.slots:
            if name not in STAYS:
                seen[name] += 1
                left[name] += _leaks(value, after)
    recall = {name: 1 - left[name] / seen[name] for name in seen}
    print({name: (seen[name], round(recall[name], 4)) for name in seen})  # noqa: T201 - the figures are what is asked for
    assert min(recall.values()) > 0.99, recall


def _leaks(value: str, after: str) -> bool:
    """Return whether a value, or an identifying part of it, is still there."""
    rest = _folded(PLACEHOLDER.sub("|", after)).lower()
    parts = re.findall(r"[a-zà-ÿ]{4,}|[0-9]{5,}|[\u0600-\u06ff]{3,}|[\u4e00-\u9fff]{2,}", _folded(value).lower())
    told = [_folded(value).lower(), *(part for part in parts if part not in {"mail", "example", "account"})]
    return any(re.search(rf"(?<![a-z]){re.escape(one)}(?![a-z])", rest) for one in told)


def test_99_in_100_remarks_become_exactly_what_they_should() -> None:
    wrong = [
        (one.text, one.expected, after)
        for one, after in zip(corpus(), scrubbed_corpus(), strict=True)
        if one.expected != after
    ]
    assert len(wrong) < len(corpus()) / 100, wrong[:20]


# --- One rule a test ---------------------------------------------------------------------------------------------

GOES = {
    "a Chinese mobile in letters": ("tel13800000001ok", "tel[mobile]ok"),
    "a Chinese mobile before New Year's Day": ("电话13800000001元旦后联系", "电话[mobile]元旦后联系"),
    "a Chinese mobile cut by a hidden sign": ("138\u200b0000\u200b0001", "[mobile]"),
    "a mobile before a date": ("+49 171 3920012 2026-03-30", "[mobile] 2026-03-30"),
    "a landline after its cue": ("Tel. 6234 5678, Büro", "Tel. [mobile], Büro"),
    "a long number beside a letter": ("ref x123456789012y", "ref x[id]y"),
    "a digit or two before a card": ("卡 16222020000000000123", "卡 [id]"),
    "an email in Chinese text": ("发到anna@example.com谢谢", "发到[email]谢谢"),
    "an email in brackets": ("Anna <anna@example.com>;", "Anna <[email]>;"),
    "half an email": ("anna@localhost", "[handle]"),
    "a surname with its title": ("王总已同意，李经理未接", "[name]已同意,[name]经理未接".replace("经理", "")),
    "a name after its title": ("Frau Weiß fragen", "Frau [name] fragen"),
    "a paper's number": ("护照号：E1234567", "护照号:[id]"),
    "a whole Chinese name with its title": ("李四先生来电，欧阳子涵女士", "[name]来电,[name]"),
    "a surname as friends say it": ("联系小王，老张也要", "联系[name],[name]也要"),
    "a mobile in threes and fours": ("138 0013 8000 or 138.0013.8000", "[mobile] or [mobile]"),
    "a mobile in pairs": ("138 12 34 56 78, 138-1234-56-78", "[mobile], [mobile]"),
    "a mobile with two spaces": ("138  0013  8000", "[mobile]"),
    "a mobile with a slash between spaces": ("+49 170 / 100 00 01", "[mobile]"),
    "a short number from abroad": ("call +247 40123, +298 211234", "call [mobile], [mobile]"),
    "a user in a link": ("ftp://li:pw@host.example/a b", "[link] b"),
}  # fmt: skip
STAYS_WHOLE = (
    "prefers WhatsApp, no calls", "WeChat: no", "account is frozen", "account manager asked",
    "账号已冻结，微信联系",
    "5 pcs @ 12.50 EUR", "WhatsApp v2.14.1", "account 12000 USD overdue", "手机 15000元 2台",
    "（2026年3月）报价：￥12,000", "谢谢老师，许多老师", "最小许可数，大小许可", "小程序，小马达，老黄历", "养老何时",
    "13 800 138 000 EUR", "138 000 000", "150 20 10",
    "2024 2025 2026",
    "20260330143000", "order 12345678", "07:30 (2 people)",
    "https://www.example.com/pricing?plan=pro", "10.0.0.12", "周总结", "2024 2025 2026",
    "1 234 567 EUR, 3.000.000 €, 12万元, 50％", "room 0812, floor 3", "Q3/2026", "v10", "08:30-17:30", "", " ", "—",
)  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), GOES.values(), ids=GOES)
def test_personal_data_is_replaced(text: str, expected: str) -> None:
    assert scrub(text) == expected


@pytest.mark.parametrize("text", STAYS_WHOLE)
def test_harmless_text_stays_unchanged(text: str) -> None:
    assert scrub(text) == text


OWN_NAMES = {
    "in any case, whole and in parts": ("müller and ANNA MÜLLER", "Anna Müller", "[name] and [name]"),
    "at the edges of words only": ("Ring Ng, meeting", "Ng", "Ring [name], meeting"),
    "however short": ("O said so", "O", "[name] said so"),
    "an everyday word, as it is the record's own": ("Pending is pending", "Pending", "[name] is [name]"),
    "in full width": ("Ａｎｎａ calls", "Anna", "[name] calls"),
    "in Chinese anywhere": ("请王思远回电给思远", "王思远", "请[name]回电给[name]"),
    "between Chinese and Latin": ("联系Anna吧", "Anna", "联系[name]吧"),
    "a company without its legal form": ("Nordlicht Logistik zahlt", "Nordlicht Logistik GmbH & Co. KG",
                                         "[name] zahlt"),
    "a Chinese company without its legal form": ("云启科技已付款", "云启科技有限公司", "[name]已付款"),
    "an account's words": ("chen will call", "mgr.chen", "[name] will call"),
    "the box of an address": ("a.schulte wrote", "a.schulte@example.com", "a.[name] wrote"),
    "over a line's end": ("Wei\nLing Tan", "Wei Ling Tan", "[name]"),
    "in another order": ("Canary7, Ann", "Ann Canary7", "[name], [name]"),
    "with or without its umlaut": ("Mueller, Muller and MÜLLER", "Müller GmbH", "[name], [name] and [name]"),
    "with the umlaut that was written out": ("Schäfer asks", "Schaefer", "[name] asks"),
    "with signs inside that nobody sees": ("An\u200bn Can\u00adary7", "Ann Canary7", "[name]"),
    "with such a sign for the space": ("Ann\u200bCanary7", "Ann Canary7", "[name]"),
    "a mobile as it is said at home": ("ring 80000123 first", "+65 8000 0123", "ring [mobile] first"),
    "a mobile between other digits": ("x80000121", "800-0012", "x[mobile]1"),
    "nothing of a masked value": ("Ber and ber lin met", "Ber***lin", "Ber and ber lin met"),
    "nothing of an empty value": ("- and -", "-", "- and -"),
    "not the word of a placeholder": ("[name] and name", "Name", "[name] and [name]"),
    "though it begins with a number": ("ask 4711 werke", "4711 Werke", "ask [name]"),
    "though it begins with two letters": ("ask b2 metall", "B2 Metall GmbH", "ask [name]"),
    "one letter and a Chinese form": ("请B2付款", "B2有限公司", "请[name]付款"),
    "with other white space than it has": ("Li  \t Wu calls", " Li\u00a0Wu ", "[name] calls"),
    "a part that its umlaut shortens": ("Ül said", "mgr.uel", "[name] said"),
    "a Chinese one behind a Latin one": ("云启付款", "ABC云启", "云启付款"),
    "not for a number in it": ("4711 and werke", "Alte Werke 4711", "4711 and [name]"),
    "everyday parts stay": ("the cloud for Orchid", "Orchid Cloud", "the cloud for [name]"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "own", "expected"), OWN_NAMES.values(), ids=OWN_NAMES)
def test_the_records_own_name_is_replaced(text: str, own: str, expected: str) -> None:
    assert scrub(text, own) == expected


def test_a_records_own_name_stays_in_another_records_remark() -> None:
    said = pl.Series(["ask Ng", "ask Ng"])
    assert scrub_remarks(said, [pl.Series(["Ng", None])], NOBODY).to_list() == ["ask [name]", "ask Ng"]


OTHER_NAMES = {
    "two letters in two words are no name": ("o k", "O K", "o k"),
    "several words": ("ask wei ling tan today", "Wei Ling Tan", "ask [name] today"),
    "one word of three letters": ("ask Tan", "Tan", "ask [name]"),
    "two letters are no name": ("Ng is ng", "Ng", "Ng is ng"),
    "an everyday word is no name": ("pending, null, cloud", "Pending", "pending, null, cloud"),
    "an everyday Chinese word is no name": ("联系客户，周一", "周一", "联系客户，周一"),
    "one Chinese character is no name": ("王府井", "王", "王府井"),
    "two Chinese characters are": ("请张伟回电", "张伟", "请[name]回电"),
    "never inside a word": ("Tango, Titan", "Tan", "Tango, Titan"),
    "a year is no account": ("by 2026", "2026", "by 2026"),
    "an account with signs": ("see acme-labs.", "acme-labs", "see [name]."),
    "a company without its legal form": ("like Kestrel Robotics", "Kestrel Robotics Ltd", "like [name]"),
    "nothing of a masked one": ("Ber and ber lin met", "Ber***lin", "Ber and ber lin met"),
    "in the other order": ("call Lee, Ada", "Ada Lee", "call [name]"),
    "an everyday word keeps its order": ("orchid cloud", "Cloud Orchid", "orchid cloud"),
    "in Chinese there is one order": ("中国", "国中", "中国"),
    "however its umlauts are written": ("Jorg Mueller or JÖRG MULLER", "Jörg Müller", "[name] or [name]"),
    "no everyday word by its umlaut": ("für uns, fuer uns", "Fuer", "für uns, fuer uns"),
    "though an everyday word without its umlaut": ("fur asks", "Fur", "[name] asks"),
    "with signs inside that nobody sees": ("An\u200bna Lee", "Anna Lee", "[name]"),
    "the longest that fits": ("Wei Ling Tan, Wei Ling", "Wei Ling", "[name] Tan, [name]"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "other", "expected"), OTHER_NAMES.values(), ids=OTHER_NAMES)
def test_another_customers_name_is_replaced(text: str, other: str, expected: str) -> None:
    assert scrub(text, others=(other,)) == expected


SEVERAL = {
    "a word of the own name does not split another": (
        "call Ann Weber and Ann", ("Ann Smith",), ("Ann Weber", "Ann Smith"), "call [name] and [name]"),
    "the own name does not split a longer one": (
        "call Ann Weber and Ann", ("Ann", "ann"), ("Ann Weber",), "call [name] and [name]"),
    "nor in Chinese": ("请张伟明回电", ("张伟",), ("张伟明",), "请[name]回电"),
    "a longer one is found as a whole only": (
        "wei ling tan, wei ling, ling wei tan, wei ling lee", (), ("Wei Ling Tan",),
        "[name], wei ling, ling wei tan, wei ling lee"),
    "overlapping ones are replaced as one": ("ask Ada Lee Tan now", (), ("Ada Lee", "Lee Tan"), "ask [name] now"),
    "a longer one of the same beginning, and a shorter one": (
        "wei ling tan bo lim; wei ling tan bo; wei ling ang", (),
        ("Wei Ling Tan", "Wei Ling Tan Bo Lim", "Wei Ling Ang Su"), "[name]; [name] bo; wei ling ang"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "own", "others", "expected"), SEVERAL.values(), ids=SEVERAL)
def test_the_longest_name_is_replaced(text: str, own: tuple[str, ...], others: tuple[str, ...], expected: str) -> None:
    assert scrub(text, *own, others=others) == expected


def test_a_name_is_found_among_very_many_names() -> None:
    known = KnownNames(pl.Series([f"customer {n}" for n in range(100_000)]))
    said = pl.Series(["customer 99999 called", "customer 100000 called"])
    assert scrub_remarks(said, [], known).to_list() == ["[name] called", "customer 100000 called"]


def test_no_stop_word_is_replaced_as_a_name() -> None:
    words = pl.Series(sorted(stopwords()))
    assert usable_names(words) == []


def test_only_the_sample_remark_with_a_name_is_changed() -> None:
    said = pl.Series([remark for culture in CULTURES for remark in culture.remarks])
    people = pl.Series([f"{g} {f}" for c in CULTURES for g in c.given for f in c.family] + ["Null", "Pending Systems"])
    after = scrub_remarks(said, [], KnownNames(people))
    assert [(a, b) for a, b in zip(said, after, strict=True) if a != b] == [
        ("Rückruf am Freitag, Frau Weiß fragen", "Rückruf am Freitag, Frau [name] fragen")
    ]


def test_nulls_stay_null_and_every_row_keeps_its_place() -> None:
    said = pl.Series("remarks", [None, "b@example.com", None, "plain", ""])
    after = scrub_remarks(said, [pl.Series([None] * 5, dtype=pl.String)], NOBODY)
    assert after.to_list() == [None, "[email]", None, "plain", ""]
    assert (after.name, str(after.dtype)) == ("remarks", "String")


def test_more_remarks_than_one_chunk_takes_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invitekit.privacy.scrub.CHUNK", 50)
    said = pl.Series([f"row {n} {n}@example.com" for n in range(121)])
    assert scrub_remarks(said, [], NOBODY).to_list() == [f"row {n} [email]" for n in range(121)]


@pytest.mark.parametrize("said", [pl.Series([], dtype=pl.String), pl.Series([None, None]), pl.Series([None, ""])])
def test_empty_remarks_are_returned(said: pl.Series) -> None:
    assert scrub_remarks(said, [], KnownNames(pl.Series(["Ada Lee"]))).to_list() == said.to_list()


def test_columns_of_other_records_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"There are 2 remarks.*has 1 values.*Hint"):
        scrub_remarks(pl.Series(["a", "b"]), [pl.Series(["Secret Person"])], NOBODY)


# --- Whatever stands around it -----------------------------------------------------------------------------------

ANYTHING = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
EMAILS = st.from_regex(r"[a-z0-9][a-z0-9._+-]{0,12}@[a-z0-9]{1,8}(\.[a-z0-9]{1,8})?\.(com|cn|example)", fullmatch=True)
MOBILES = st.from_regex(
    r"(\+86 ?)?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}", fullmatch=True, alphabet=st.characters(codec="ascii")
)
WORDS = st.text(st.sampled_from("aZ王 ,;:¥元)(/年x"), max_size=8)


@given(ANYTHING, EMAILS, ANYTHING)
@settings(deadline=None, max_examples=often(100))
def test_no_email_survives_whatever_text_surrounds_it(before: str, email: str, after: str) -> None:
    assert email not in (scrub(before + email + after) or "")


@given(ANYTHING, MOBILES, ANYTHING)
@settings(deadline=None, max_examples=often(100))
def test_no_mobile_of_the_record_survives_whatever_text_surrounds_it(before: str, mobile: str, after: str) -> None:
    assert mobile not in (scrub(before + mobile + after, mobile) or "")


@given(WORDS, MOBILES, WORDS)
@settings(deadline=None, max_examples=often(100))
def test_no_other_mobile_survives_between_words(before: str, mobile: str, after: str) -> None:
    assert re.sub("[^0-9]", "", mobile)[-11:] not in re.sub("[^0-9]", "", scrub(before + mobile + after) or "")


SAID = st.lists(
    st.sampled_from(
        ["Ada", "Lee", "王思远", "思远", "账号", "account", "微信", ":", " ", "@", "hw_1", "13800000001", "1", "234567",
         "元", "¥",
         "-", ".", "a@b.example", "2026-03-30", "[name]", "[id]", "Frau ", "总", "王", "+49", "(0)",
         "\u200b", "１", "v2.1",
         "ﬀ"]
    ),
    max_size=12,
).map("".join)  # fmt: skip


@example(["", "+492026-03-30account:Ada"])
@given(st.lists(st.one_of(SAID, ANYTHING, st.none()), max_size=5))
@settings(deadline=None, max_examples=often(100))
def test_scrubbing_twice_equals_scrubbing_once(said: list[str | None]) -> None:
    own = [pl.Series(["Ada Lee", "王思远", "13800000001", "Name", None][: len(said)], dtype=pl.String)]
    others = KnownNames(pl.Series(["hw_1", "account lee"]))
    once = scrub_remarks(pl.Series(said, dtype=pl.String), own, others)
    assert once.is_null().to_list() == [one is None for one in said]
    assert scrub_remarks(once, own, others).to_list() == once.to_list()
