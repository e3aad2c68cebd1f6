"""Patterns of personal data in a text, and of harmless text that looks like it, in the order of search.

The texts are folded first (``fold``), so all digits are ASCII and there are no full-width characters. Rust's regular
expressions have no lookaround: the group ``cue`` of a pattern stays in front of the placeholder, and a match of the
group ``keep`` is not replaced. ``_SHIELDED`` matches harmless text that a pattern without a label has marked.
"""

from __future__ import annotations

from dataclasses import dataclass

LABELS = ("email", "mobile", "id", "handle", "link", "name")
MARKS = {label: chr(0xE010 + place) for place, label in enumerate(LABELS)}
"""A private-use character for each placeholder during the search, which no pattern and no name matches."""
_OPEN = {label: chr(0xE020 + place) for place, label in enumerate(LABELS)}
_CLOSE = "\ue001"
"""Characters around kept text; with nothing between them, they replace the match."""
_SHIELD, _UNSHIELD = "\ue002", "\ue003"
_CUES = ("cue", "near", "zh")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern: its name, the label that replaces a match (None: harmless text, which is only marked), and its regex.

    ``holds`` matches every text that the regex can match: a quick test before the search.
    """

    finds: str
    label: str | None
    holds: str
    regex: str

    @property
    def replacement(self) -> str:
        """The replacement: the cue, then the placeholder or the kept text."""
        if self.label is None:
            return f"{_SHIELD}${{0}}{_UNSHIELD}"
        cue = "".join(f"${{{group}}}" for group in _CUES if f"(?P<{group}>" in self.regex)
        if "(?P<keep>" not in self.regex:
            return f"{cue}{MARKS[self.label]}"
        return f"{cue}{_OPEN[self.label]}${{keep}}{_CLOSE}"


def final_replacements() -> dict[str, str]:
    """Return the final replacements of the private characters: a mark without kept text, else an empty text."""
    marks = {sign + _CLOSE: MARKS[label] for label, sign in _OPEN.items()}
    return marks | dict.fromkeys([*_OPEN.values(), _CLOSE, _SHIELD, _UNSHIELD], "")


def _any(*parts: str) -> str:
    return f"(?:{'|'.join(parts)})"


# The boundary of an ASCII word. It is also between ASCII and Chinese, where people write no space.
_B = r"(?-u:\b)"
_SHIELDED = f"{_SHIELD}[^{_UNSHIELD}]*{_UNSHIELD}"
_DASH = "‐–—-"
_GAP = f"[ .{_DASH}]{{0,2}}"
_LETTER = r"\p{Latin}\p{Cyrillic}\p{Greek}\p{Arabic}\p{M}0-9_"
_LATIN = r"\p{Latin}\p{M}"

# --- Contacts ---------------------------------------------------------------------------------------------------
_STOP = r"\s\p{Han}<>\"'，。；、）\x{e000}-\x{e0ff}"
_PROFILES = (
    r"(?:(?:facebook|twitter|x|instagram|github|weibo|tiktok|linkedin|u\.wechat|join\.skype)\.com|weibo\.cn|xing\.com/profile"
    r"|(?:t|wa|fb|line)\.me)"
)
_LINK = _any(
    rf"{_B}[a-z][a-z0-9+.-]*://[^{_STOP}@]*@[^{_STOP}]+",
    rf"(?:{_B}https?://)?{_B}(?:www\.)?{_PROFILES}/[^{_STOP}]+",
    rf"{_B}https?://[^{_STOP}]*[/?&](?:user|users|u|profile|account|uid|name|email|mobile|phone|tel)[/=][^{_STOP}]+",
)
_LABEL = r"[\p{Latin}\p{M}\p{Arabic}\p{Cyrillic}0-9-]+"
_AT = r"(?: {0,2}@ {0,2}| ?(?:\(at\)|\[at\]|\{at\}) ?)"
_DOT = r"(?:\.| ?(?:\(dot\)|\[dot\]|\(punkt\)) ?)"
_LOCAL = rf"[{_LETTER}][{_LETTER}.%+'&*~=-]*"
_SPOKEN = rf"{_B}[a-z0-9._+-]+ at [a-z0-9-]+(?: dot [a-z0-9-]+)+{_B}"
_EMAIL = _any(rf"{_LOCAL}{_AT}(?:{_LABEL}{_DOT})+(?:[{_LATIN}]{{2,}}|xn--[a-z0-9-]+)", _SPOKEN)
_CHINESE = rf"1[3-9][0-9]{_GAP}[0-9]{{4}}{_GAP}[0-9]{{4}}"
_MOBILE = (
    rf"(?:\(?(?:\+|{_B}00) ?86\)?|{_B}86){_GAP}(?:\(0\))?{_CHINESE}[0-9]*|(?P<keep>[0-9]{{12,}})|{_CHINESE}"
    rf"|{_B}1[3-9][0-9](?:[ .{_DASH}](?:[0-9]{{4}}|[0-9]{{2}}[ .{_DASH}][0-9]{{2}})){{2}}{_B}"
    rf"|\+[0-9]{{1,3}}(?:\.[0-9]{{1,9}}){{2,5}}|{_B}0[1-9](?:[ .-][0-9]{{2}}){{4}}{_B}"
)

# --- Numbers that identify a person ---------------------------------------------------------------------------------
_DAY = "(?:0[1-9]|[12][0-9]|3[01])"
_MONTH = "(?:0[1-9]|1[0-2])"
_YEAR = "(?:19|20)[0-9]{2}"
_USCC = "0-9A-HJ-NPQRTUWXY"
_ID = _any(
    rf"[0-9]*[1-9][0-9]{{5}} ?(?:18|19|20)[0-9]{{2}} ?{_MONTH}{_DAY} ?[0-9]{{3}}[0-9x][0-9]*",
    rf"{_B}[{_USCC}]{{2}}[0-9]{{6}}[{_USCC}]{{10}}{_B}",
    rf"{_B}[A-Z]{{2}}[0-9]{{2}}(?: ?[A-Z0-9]{{4}}){{3,7}}(?: ?[A-Z0-9]{{1,3}})?{_B}",
    rf"{_B}[0-9]{{4}}(?:[ {_DASH}][0-9]{{4}}){{3}}(?:[ {_DASH}]?[0-9]{{1,7}})?{_B}",
    rf"{_B}[0-9]{{6}}[ {_DASH}][0-9]{{10,13}}{_B}",
    rf"{_B}[0-9a-f]{{8}}-?(?:[0-9a-f]{{4}}-?){{3}}[0-9a-f]{{12}}{_B}",
)

# --- Harmless text that stays: times, amounts, versions, counts -------------------------------------------------
_CLOCK = r"[0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]+)?)?(?: ?(?:[ap]m|z|utc|[+-][0-9]{2}:?[0-9]{2}))?"
_NAMED_MONTH = (
    "(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez|ene|abr|ago|dic)[a-zä]*"  # codespell:ignore
)
_TIME = _any(
    rf"{_B}{_YEAR}[-/.][0-9]{{1,2}}[-/.][0-9]{{1,2}}(?:t| {{1,2}}){_CLOCK}",
    rf"{_B}{_YEAR}[-/.][0-9]{{1,2}}(?:[-/.][0-9]{{1,2}})?{_B}",
    rf"{_B}[0-9]{{1,2}}(?:[./-][0-9]{{1,2}})?[./-]{_YEAR}{_B}",
    rf"{_B}[0-9]{{1,2}}[./][0-9]{{1,2}}[./][0-9]{{2}}{_B}",
    rf"{_B}(?:[0-9]{{4}}|[0-9]{{2}})年(?:[0-9]{{1,2}}月)?(?:[0-9]{{1,2}}[日号])?",
    rf"{_B}{_YEAR} ?[qh][1-4]{_B}",
    rf"{_B}[0-9]{{1,2}}月(?:[0-9]{{1,2}}[日号])?",
    rf"{_B}{_YEAR}{_MONTH}{_DAY}(?:[t_]?(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9])?z?)?{_B}",
    rf"{_B}[0-9]{{1,2}}(?:st|nd|rd|th|\.)? ?(?:de )?{_NAMED_MONTH}\.?(?: (?:de )?{_YEAR}{_B})?",
    rf"{_B}{_NAMED_MONTH}\.? [0-9]{{1,2}}(?:st|nd|rd|th)?(?:,? {_YEAR})?{_B}",
    rf"{_B}{_CLOCK}",
)
_VERSION = _any(rf"{_B}v ?[0-9]+(?:\.[0-9]+)*(?:-[a-z0-9.]+)?{_B}", rf"{_B}[0-9]{{1,2}}(?:\.[0-9]{{1,4}}){{2,3}}{_B}")
_NUMBER = r"(?:[0-9]{1,3}(?:[ ,.'’][0-9]{3})+|[0-9]{1,10})(?:[.,][0-9]{1,2})?"
_TIMES = r"(?:百万|千万|万|亿|千|k|m|bn|mio\.?|mrd\.?|million(?:s|en|es)?|thousand|tsd\.?|mil)"
_SIGN = (
    r"(?:[¥$€£₹₩﷼]|(?-u:\b)(?:usd|us\$|s\$|hk\$|eur|euro|cny|rmb|gbp|sgd|hkd|jpy|sar|aed|chf|rs)\.?"
    r"|人民币|美元|欧元|港币)"
)
_UNIT = _any(
    f"{_TIMES}?(?:元|块|美元|美金|欧元|港币|人民币|[¥$€£₹₩%﷼]|ريال|درهم)",
    "[万亿千]",
    "[台个单笔次套核人天年月份家条项台部]",
    rf"{_TIMES}?\s?(?:usd|eur|euros?|cny|rmb|gbp|sgd|hkd|jpy|sar|aed|chf|dollars?|yuan|percent|prozent){_B}",
    rf"(?:k|m|mio|million(?:s|en|es)?|tsd|[kmgt]b|vcpus?|cores?|h|hours?|days?|tage?|d[ií]as|weeks?|months?|years?){_B}",
    rf"(?:users?|orders?|units?|licen[cs]es?|lizenzen|nutzer|bestellungen|pedidos|usuarios|pcs|stück|instances?"
    rf"|servers?|seats?|nodes?|customers?|invoices?|tickets?){_B}",
)  # fmt: skip
_AMOUNT = _any(
    rf"{_SIGN} ?-?{_NUMBER}(?: ?{_TIMES})?{_B}(?:{_TIMES})?",
    rf"{_B}{_NUMBER} ?{_UNIT}",
    rf"{_B}[0-9]{{1,3}}(?:[,'’][0-9]{{3}})+(?:\.[0-9]+)?{_B}",
    rf"{_B}[0-9]+[.,][0-9]{{1,2}} ?%",
)

# --- Values after a cue word ---------------------------------------------------------------------------
_SURE = r"(?:号码?|id|name|no\.?|nr\.?)? ?(?:[:=]|是|为) ?"
_NEAR = r"\.? ?(?:号码?|id|no\.?|nr\.?|number|名)? ?(?:is|ist|es|[:=#]|是|为)? ?"
_PLAIN = (
    r"(?:yes|no|ok|none|n/?a|not|unknown|pending|frozen|active|inactive|closed|open|created|new|same|added|preferred"
    r"|only|call|calls|group|todo|tbd|waiting|blocked|deleted|disabled|enabled|see|the|will|has|was|is|in|on|for)(?-u:\b)"
)
_NAMED = r"(?:[a-z_][a-z0-9_.-]{2,}|[0-9][a-z0-9_-]{4,})"
_NUMBERED = r"(?:[a-z][a-z.-]*[0-9_][a-z0-9_.-]*|_[a-z0-9_.-]+|[1-9][0-9]{4,}[a-z0-9_]*)"


def _after(cue: str, *, chinese: str) -> str:
    """Return the pattern of a value after its cue word: any value after a colon, else only unusual words."""
    either = _any(f"{_B}{cue}", chinese)
    return (
        rf"(?P<keep>{_SHIELDED}|{either}{_SURE}{_PLAIN})|(?P<cue>{either}{_SURE}){_NAMED}"
        rf"|(?P<near>{either}{_NEAR}){_NUMBERED}|(?P<zh>{chinese}{_NEAR})[a-z][a-z0-9_-]{{4,}}"
    )


_CHAT_CUE = (
    "(?:wechat|we chat|weixin|wx|vx|whats ?app|telegram|tg|skype|viber|instagram|twitter|linkedin|discord|qq|dingtalk"
    "|line id)"
)
_CHAT_CHINESE = "(?:企业微信|微信|薇信|v信|钉钉|飞书|扣扣|qq号)"
_CHAT = _after(_CHAT_CUE, chinese=_CHAT_CHINESE)
_ACCOUNT_CUE = (
    r"(?:account(?: name| id| no\.?| number)?|acct|user ?(?:name|id)|login|iam user|huawei id|hwid|konto(?:name)?"
    r"|benutzer(?:name)?|usuario|cuenta)"
)
_ACCOUNT_CHINESE = "(?:账号|帐号|账户名?|帐户名?|用户名|登录名|登陆名|租户名?)"
_ACCOUNT = _after(_ACCOUNT_CUE, chinese=_ACCOUNT_CHINESE)
_HANDLE = (
    rf"(?P<keep>{_SHIELDED})|[{_LETTER}.+-]*@[0-9]*[\p{{Latin}}_][\p{{Latin}}0-9_.-]*|[{_LETTER}.+-]*@\p{{Han}}{{2,3}}"
)
_PAPER = (
    rf"(?P<cue>(?:身份证|护照|证件|驾照|社保|税号|信用代码|银行卡|卡号|{_B}(?:passport|tax id|vat|ustid"
    r"|id (?:card|number|no)|customer id|ausweis(?:nummer)?|dni|nie|nif|cif|iban|ssn))"
    rf"{_NEAR})[a-z]{{0,4}}-?[0-9][a-z0-9-]{{4,}}"
)
_SIX, _SEVEN = (rf"[0-9](?:[ ./()‐–—-]{{0,4}}[0-9]){{{more}}}" for more in (5, 6))
_LONGER = r"[0-9a-fA-F]{4}[ ‐–—-]?[0-9A-Za-z]{4}"
_DIGIT = f"(?:[ ./{_DASH}]{{0,3}}[0-9])"
_PHONE = (
    rf"(?P<keep>{_SHIELDED})"
    rf"|(?:\+ ?|{_B}00)[1-9](?:[0-9]{{0,2}} ?\([0-9]{{1,4}}\){_DIGIT}{{6,12}}|{_DIGIT}{{8,14}})"
    rf"|\+[1-9]{_DIGIT}{{6,7}}"
    rf"|(?:\(0[0-9]{{1,4}}\)|{_B}0[0-9]{{1,4}}){_DIGIT}{{6,9}}"
    rf"|(?:\([2-9][0-9]{{2}}\) ?|{_B}[2-9][0-9]{{2}}[ .-])[0-9]{{3}}[ .-][0-9]{{4}}{_B}"
    rf"|{_B}[67][0-9]{{2}}(?: ?[0-9]{{3}}){{2}}{_B}|{_B}[67][0-9]{{2}}(?: [0-9]{{2}}){{3}}{_B}"
    rf"|{_B}[89][0-9]{{3}} [0-9]{{4}}{_B}"
    rf"|(?P<cue>(?:电话|手机|座机|致电|جوال|هاتف|{_B}(?:tel|telefon|teléfono|phone|mobile|mob|cell|handy|móvil|fax))"
    rf"{_NEAR})\(?[0-9](?:[ ./){_DASH}]{{0,2}}[0-9]){{5,14}}"
)
_LONG = rf"(?P<keep>{_SHIELDED})|{_B}[A-Z][0-9]{{8}}{_B}|[0-9]{{9,}}"
FREQUENT = "王李张刘陈杨赵黄吴徐孙朱马胡郭林何郑罗梁谢宋唐许韩冯邓曹彭"
_SURNAMES = f"{FREQUENT}曾肖田董潘袁蔡蒋余杜叶程魏苏吕丁任沈姚卢傅钟姜崔谭廖范汪陆金石戴贾"
_CAPITAL = r"\p{Lu}[\p{L}\p{M}]+(?:['’-]\p{L}[\p{L}\p{M}]*)*"
_TITLED = (
    rf"(?P<keep>谢谢|许多|[大最较更缩减微中很太]小[{FREQUENT}]|[养古衰敬]老[{FREQUENT}]|小马[达力]|老黄历)"
    rf"|(?P<cue>{_B}(?:Frau|Herrn?|Mr|Mrs|Ms|Señora?|Sra?|Dr)\.? ){_CAPITAL}"
    rf"|(?:[{_SURNAMES}周高]|欧阳|司马)(?:先生|女士|小姐|经理|老师|总监|主任)|(?:[{_SURNAMES}]|欧阳|司马)总"
    rf"|(?:[{FREQUENT}]|欧阳|司马)\p{{Han}}{{1,2}}(?:先生|女士|小姐|经理|老师|总监|主任)|[小老][{FREQUENT}]"
)

PATTERNS = (
    Pattern(
        "addresses of a person's page, or with a user in them", "link", r"//|(?i:com|cn|me|profile)/", f"(?i){_LINK}"
    ),
    Pattern("email addresses", "email", r"@|(?i:at[)\]}]| at )", f"(?i){_EMAIL}"),
    Pattern("resident ids, company codes, bank accounts and cards, UUIDs", "id", _LONGER, f"(?i){_ID}"),
    Pattern("Chinese mobiles, and numbers that could be read as versions", "mobile", _SEVEN, _MOBILE),
    Pattern("times, amounts, versions and counts, which stay", None, "[0-9]", f"(?i){_any(_TIME, _AMOUNT, _VERSION)}"),
    Pattern("chat names after their cue word", "handle", f"(?i){_CHAT_CUE}|{_CHAT_CHINESE}", f"(?i){_CHAT}"),
    Pattern(
        "account and user names after their cue word", "id", f"(?i){_ACCOUNT_CUE}|{_ACCOUNT_CHINESE}", f"(?i){_ACCOUNT}"
    ),
    Pattern("names after an @", "handle", "@", _HANDLE),
    Pattern("numbers after the name of a paper", "id", "[0-9]", f"(?i){_PAPER}"),
    Pattern("phone numbers", "mobile", _SIX, f"(?i){_PHONE}"),
    Pattern("any other number of nine digits or more", "id", "[0-9]{8}", _LONG),
    Pattern(
        "a surname with its title",
        "name",
        rf"[FHMSD]\p{{L}}+\.? |先生|女士|小姐|经理|老师|总|主任|[小老][{FREQUENT}]",
        _TITLED,
    ),
)
"""All patterns in the order of search: the longer or more certain ones first."""
