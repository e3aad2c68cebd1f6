"""The failure catalogue: exact copies of the portal's texts, which match exactly or not at all."""

import hashlib
import json
from difflib import SequenceMatcher
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invitekit.errors import CatalogueError
from invitekit.model.catalogue import (
    CLOSE_ENOUGH,
    NOT_GIVEN,
    UNKNOWN_FAILURE,
    Failure,
    normalise_message,
    read_catalogue,
)
from invitekit.model.vocabularies import RESEND_RULES, WHO_ACTS

PORTAL_FIELDS = ("message_en", "message_zh", "suggested_operation_en", "suggested_operation_zh")
# The first 12 hex digits of the SHA-256 of the four texts of the portal, the absent ones empty.
PORTAL_DIGESTS = {
    "system_busy": "2285681a0c96", "link_not_exist": "6bbdd9765257", "link_expired": "ecf108cb2438",
    "code_used": "38032cdfb778", "link_used": "fba9af5f589c", "prepaid_partner": "2693112a536d",
    "registered_by_other_partner": "926e889be93f", "customer_is_partner": "e165bbfa0968",
    "associated_with_other_partner": "1163fe13786b", "special_contract": "2938544dde1d",
    "huawei_internal_account": "8ea8b23c88fd", "enterprise_master_account": "8e8c966050e5",
    "enterprise_member_account": "5e7ea76b43b8", "referral_not_in_contract": "acc09ff9ad96",
    "referral_not_in_country": "1bab6767dae9", "consumption_record": "04bdcbd2105f",
    "balance_and_unpaid_invoice": "817b1497e68f", "registration_time_limit": "00e7494a78a2",
    "overdue_payment": "9e4687d1fcbd", "credit_bill_overdue": "a9310ee14034", "support_plan": "95b8c85d2b8b",
    "member_support_plan": "b2983df8afe0", "credit_account": "94ca6f0cc23a", "consumer_cloud_user": "de5cdfab6cee",
    "registered_by_huawei": "053c0a95971d", "reward_promotion_plan": "07b7bffb1f59",
}  # fmt: skip
RULES = {
    ("customer_service", "after_support"): {"system_busy"},
    ("partner", "now"): {"link_not_exist", "link_expired", "code_used", "link_used", "prepaid_partner"},
    ("nobody", "never"): {
        "registered_by_other_partner", "customer_is_partner", "associated_with_other_partner", "special_contract",
        "huawei_internal_account", "enterprise_master_account", "enterprise_member_account", "credit_account",
        "consumer_cloud_user", "registered_by_huawei", "reward_promotion_plan",
    },
    ("partner", "as_reseller"): {"referral_not_in_contract", "referral_not_in_country"},
    ("customer", "after_customer_acts"): {
        "consumption_record", "balance_and_unpaid_invoice", "registration_time_limit", "overdue_payment",
        "credit_bill_overdue", "support_plan", "member_support_plan",
    },
}  # fmt: skip
CAUTIONS = {
    "prepaid_partner": ("prepaid", "fail again", "预付费", "再次失败"),
    "special_contract": ("once it has ended", "合同失效后"), "reward_promotion_plan": ("another account", "更换账号"),
    "enterprise_master_account": ("reseller", "转售"), "enterprise_member_account": ("reseller", "转售"),
    "credit_account": ("reseller", "转售"), "referral_not_in_contract": ("reseller", "转售"),
    "referral_not_in_country": ("reseller", "转售"),
}  # fmt: skip
BUILT_IN = read_catalogue()
MESSAGES = [(message, failure.code) for failure in BUILT_IN.failures for message in failure.messages]
EXPIRED = "The invitation link has expired."
OWN: dict[str, Any] = {
    "code": "account_frozen", "message_en": "The customer account is frozen.", "cause_en": "The account is frozen.",
    "advice_en": "Ask the customer to unfreeze it.", "who_acts": "customer", "resend_rule": "after_customer_acts",
}  # fmt: skip


def digests() -> dict[str, str]:
    texts = {f.code: "\x1f".join(getattr(f, name) or "" for name in PORTAL_FIELDS) for f in read_catalogue().failures}
    return {code: hashlib.sha256(text.encode()).hexdigest()[:12] for code, text in texts.items()}


def toml_row(**changes: object) -> str:
    fields = {name: value for name, value in (OWN | changes).items() if value is not None}
    lines = (f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items())
    return "\n".join(["[[failure]]", *lines, ""])


def own_file(folder: Path, *rows: str) -> Path:
    path = folder / "mine.toml"
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


# Texts of the portal


def test_every_text_is_the_portals_letter_for_letter_in_the_manuals_order() -> None:
    assert list(digests().items()) == list(PORTAL_DIGESTS.items())
    positions = [failure.position for failure in BUILT_IN.failures if failure.position is not None]
    assert positions == [*range(1, 1 + len(positions))]


# Rules


def test_who_acts_and_when_to_resend_is_the_domains_rule() -> None:
    found: dict[tuple[str, str], set[str]] = {}
    for failure in BUILT_IN.failures:
        found.setdefault((failure.who_acts, failure.resend_rule), set()).add(failure.code)
    assert found == RULES


@pytest.mark.parametrize(("code", "words"), CAUTIONS.items(), ids=CAUTIONS)
def test_the_advice_has_its_warning_in_both_languages(code: str, words: tuple[str, ...]) -> None:
    failure = BUILT_IN.by_code(code)
    assert failure is not None
    advice = failure.advice("en") + failure.advice("zh")
    assert [word for word in words if word not in advice] == []


def test_cause_and_advice_are_short_and_available_in_both_languages() -> None:
    for failure in (*BUILT_IN.failures, UNKNOWN_FAILURE, NOT_GIVEN):
        assert all(0 < len(failure.cause(language)) <= 70 for language in ("en", "zh")), failure.code
        assert all(0 < len(failure.advice(language)) <= 180 for language in ("en", "zh")), failure.code
        assert failure.who_acts in {value.code for value in WHO_ACTS}
        assert failure.resend_rule in {value.code for value in RESEND_RULES}


def test_a_text_is_returned_in_the_chosen_language_or_else_in_the_other() -> None:
    def texts(failure: Failure, language: str) -> list[str | None]:
        return [failure.cause(language), failure.advice(language), failure.suggested_operation(language)]

    en: dict[str, Any] = {"cause_en": "cause", "advice_en": "advice", "suggested_operation_en": "operation"}
    zh: dict[str, Any] = {"cause_zh": "原因", "advice_zh": "建议", "suggested_operation_zh": "操作"}
    for written, shown in ((en | zh, (en, zh)), (en, (en, en)), (zh, (zh, zh))):
        failure = Failure(code="c", who_acts="nobody", resend_rule="never", **written)
        assert [texts(failure, language) for language in ("en", "zh")] == [list(some.values()) for some in shown]


@pytest.mark.parametrize("failure", [UNKNOWN_FAILURE, NOT_GIVEN], ids=lambda f: f.code)
def test_an_unknown_failure_has_a_code_no_message_and_no_resend(failure: Failure) -> None:
    assert BUILT_IN.by_code(failure.code) is failure
    assert failure.messages == ()
    assert (failure.who_acts, failure.resend_rule) == ("partner", "unknown")
    assert (failure.suggested_operation(), BUILT_IN.by_code("no_such_code")) == (None, None)


# Finding a message


SPELT = (
    "THE INVITATION LINK HAS EXPIRED.", "  The invitation\t link\n has  expired. ", "The invitation link has expired",
    "The\u00a0invitation\u00a0link\u00a0has\u00a0expired.", "\ufeffThe invi\u200btation link has expired.",
    "The invitation link has expired .", "The invitation link has expired...", "The invitation link has expired。",
    "Ｔｈｅ　ｉｎｖｉｔａｔｉｏｎ　ｌｉｎｋ　ｈａｓ　ｅｘｐｉｒｅｄ．", "邀请链接已失效", "邀请链接已失效.",
    "邀请链接已失效｡", " 邀请链接 已失效 。", "邀请链接\n已失效。",
)  # fmt: skip


def test_a_spelling_variant_of_a_message_is_found() -> None:
    assert [text for text in SPELT if BUILT_IN.find(text) is not BUILT_IN.by_code("link_expired")] == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("系统繁忙,请稍后重试!", "系统繁忙，请稍后重试！"), ("系统繁忙,请稍后重试!", "系统繁忙、请稍后重试 !"),
        ("客户已欠费,无法关联伙伴。", "客户已欠费, 无法关联伙伴"), ("a partner's customer", "a partner’s customer"),
        ("a partner's customer", "a partner´s customer"), ("a partner's customer", "a partner＇s customer"),
        ('a "prepaid" partner', "a “prepaid” partner"), ("plans; see (1)", "plans；see （1）"),
    ],
)  # fmt: skip
def test_equivalent_punctuation_is_equal(one: str, other: str) -> None:
    assert normalise_message(one) == normalise_message(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The link expired", "The links expired"),
        ("Try later!", "Try later."),
        ("Not supported. Try later.", "Not supported, try later."),
        ("in a case", "in acase"),
        ("客户已欠费", "客户未欠费"),
    ],
)
def test_words_and_inner_punctuation_are_kept(one: str, other: str) -> None:
    assert normalise_message(one) != normalise_message(other)


def test_no_two_messages_share_a_normalised_form() -> None:
    assert len({normalise_message(message) for message, _ in MESSAGES}) == len(MESSAGES)


@pytest.mark.parametrize("text", [None, "", "  ", ".", "\u3000。", "The customer account is frozen."])
def test_no_message_or_an_unknown_one_is_neither_found_nor_suggested(text: str | None) -> None:
    assert BUILT_IN.find(text) is None
    assert BUILT_IN.closest(text) is None


def test_a_message_with_one_letter_missing_is_not_found_but_suggested() -> None:
    for message, code in MESSAGES:
        itself = BUILT_IN.closest(message.upper())
        assert itself is not None
        assert (itself.failure.code, itself.similarity) == (code, 1)
        middle = len(message) // 2
        typo = message[: middle - 1] + message[middle:]
        suggestion = BUILT_IN.closest(typo)
        assert BUILT_IN.find(typo) is None
        assert suggestion is not None
        assert (suggestion.failure.code, CLOSE_ENOUGH <= suggestion.similarity < 1) == (code, True), typo


def test_known_messages_of_different_failures_are_not_close_enough_to_each_other() -> None:
    known = [(normalise_message(message), code) for message, code in MESSAGES]
    pairs = [(a, b) for (a, one), (b, other) in combinations(known, 2) if one != other]
    assert max(SequenceMatcher(None, a, b, autojunk=False).ratio() for a, b in pairs) < CLOSE_ENOUGH


def test_a_long_message_of_few_letters_is_still_suggested(tmp_path: Path) -> None:
    message = "please wait " * 20
    catalogue = read_catalogue(own_file(tmp_path, toml_row(message_en=message)))
    suggestion = catalogue.closest(message.replace("wait", "wat", 1))
    assert suggestion is not None
    assert suggestion.failure.code == "account_frozen"


@settings(deadline=None)
@given(st.data())
def test_any_case_white_space_and_final_stop_of_a_message_finds_its_failure(data: st.DataObject) -> None:
    message, code = data.draw(st.sampled_from(MESSAGES))
    space = st.text(" \t\n\r\u00a0\u2003\u3000", min_size=1, max_size=3)
    upper = data.draw(st.lists(st.booleans(), min_size=len(message), max_size=len(message)))
    letters = (c.upper() if up else c.lower() for c, up in zip(message.rstrip(".。"), upper, strict=False))
    body = "".join(data.draw(space) if c == " " else c for c in letters)
    stop = data.draw(st.sampled_from(["", ".", "。", "．", "｡", " 。"]))
    found = BUILT_IN.find(data.draw(space) + body + stop + data.draw(space))
    assert found is not None
    assert found.code == code


@settings(deadline=None)
@given(st.text())
def test_any_text_can_be_looked_up_and_compared(text: str) -> None:
    found, suggestion = BUILT_IN.find(text), BUILT_IN.closest(text)
    assert found is None or found in BUILT_IN.failures
    assert suggestion is None or suggestion.similarity >= CLOSE_ENOUGH


# The user's own catalogue file


def test_a_row_with_a_new_code_is_added_at_the_end(tmp_path: Path) -> None:
    catalogue = read_catalogue(own_file(tmp_path, toml_row()))
    assert [failure.code for failure in catalogue.failures] == [*PORTAL_DIGESTS, "account_frozen"]
    assert catalogue.find("the customer account is frozen") == Failure(**OWN)


def test_a_row_with_a_known_code_replaces_that_row_in_its_place_and_the_old_messages_lead_to_it(tmp_path: Path) -> None:
    catalogue = read_catalogue(own_file(tmp_path, toml_row(code="link_expired")))
    failure = catalogue.failures[2]
    assert (failure.code, failure.cause("zh")) == ("link_expired", "The account is frozen.")
    assert failure.suggested_operation() is None
    assert [known.code for known in catalogue.failures] == list(PORTAL_DIGESTS)
    assert [catalogue.find(text) for text in (OWN["message_en"], EXPIRED, "邀请链接已失效。")] == [failure] * 3
    assert read_catalogue().find(OWN["message_en"]) is None, "the built-in catalogue is as it was"
    again = read_catalogue(own_file(tmp_path, toml_row(code="link_expired", message_en=EXPIRED)))
    assert again.failures[2].messages == (EXPIRED, "邀请链接已失效。")


def test_a_later_file_replaces_a_row_of_an_earlier_one(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    first = own_file(tmp_path, toml_row())
    second = own_file(tmp_path / "b", toml_row(message_en="Frozen.", advice_en="Wait."))
    found = read_catalogue(str(first), second).find(OWN["message_en"])
    assert found is not None
    assert (found.message_en, found.advice()) == ("Frozen.", "Wait.")


def test_one_language_is_enough_and_an_empty_text_is_an_absent_one(tmp_path: Path) -> None:
    row = toml_row(message_en=".", message_zh="账号已冻结。", suggested_operation_en=" ", position=23)
    catalogue = read_catalogue(own_file(tmp_path, row))
    found = catalogue.find("账号已冻结")
    assert found is not None
    assert (found.message_en, found.suggested_operation(), found.position) == (None, None, 23)
    assert catalogue.find("") is None


def test_a_file_that_an_editor_began_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = own_file(tmp_path, "\ufeff" + toml_row())
    assert read_catalogue(path).by_code("account_frozen") is not None


ROW_ERRORS = {
    "no code": (toml_row(code=None), "mine.toml, row 2: field code is missing"),
    "no message": (toml_row(message_en=None), "field message_en or message_zh is missing"),
    "only a stop as message": (toml_row(message_en="。"), "field message_en or message_zh is missing"),
    "no cause": (toml_row(cause_en=None), "field cause_en or cause_zh is missing"),
    "no advice": (toml_row(advice_en=None), "field advice_en or advice_zh is missing"),
    "empty advice": (toml_row(advice_en=" "), "field advice_en or advice_zh is missing"),
    "no who_acts": (toml_row(who_acts=None), "field who_acts is missing"),
    "no resend_rule": (toml_row(resend_rule=None), "field resend_rule is missing"),
    "unknown field": (toml_row(advise_en="x"), "unknown field 'advise_en'. Hint: Did you mean 'advice_en'?"),
    "field of ours": (toml_row(replaced_messages="x"), "unknown field 'replaced_messages'"),
    "text as number": (toml_row(cause_zh=1), "field 'cause_zh' has a wrong type"),
    "code as list": (toml_row(code=["a"]), "mine.toml, row 2: field 'code' has a wrong type"),
    "position as text": (toml_row(position="1"), "field 'position' has a wrong type"),
    "position as truth": (toml_row(position=True), "field 'position' has a wrong type"),
    "unknown actor": (toml_row(who_acts="me"), "field 'who_acts' is 'me', an unknown value. Hint: Use one of partner,"),
    "unknown rule": (
        toml_row(resend_rule="soon"),
        "field 'resend_rule' is 'soon', an unknown value. Hint: Use one of now,",
    ),
    "spaces in the code": (toml_row(code="link gone"), "row 2 (link gone): field 'code' is not lower_snake_case"),
    "capitals in the code": (toml_row(code="Link"), "row 2 (Link): field 'code' is not lower_snake_case"),
    "line end in the code": (toml_row(code="link\n"), "field 'code' is not lower_snake_case"),
    **{f"code {code}": (toml_row(code=code), f"row 2 ({code}): field 'code' is a reserved code")
       for code in ("unknown", "not_given", "other")},
    "code twice": (toml_row(code="first"), "row 2 (first): field 'code' was given in row 1 already"),
    "message of the row above": (
        toml_row(message_zh="FIRST"),
        "row 2 (account_frozen): field 'message_zh' is the message of first already",
    ),
    "message of a built-in row": (
        toml_row(message_en="the invitation link has  EXPIRED"),
        "row 2 (account_frozen): field 'message_en' is the message of link_expired already",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("row", "problem"), ROW_ERRORS.values(), ids=ROW_ERRORS)
def test_a_wrong_row_is_named_with_its_file_number_and_field(tmp_path: Path, row: str, problem: str) -> None:
    path = own_file(tmp_path, toml_row(code="first", message_en="First."), row)
    with pytest.raises(CatalogueError) as caught:
        read_catalogue(path)
    assert str(caught.value).startswith("mine.toml, row 2")
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.hint.endswith((".", "?"))


FILE_ERRORS = {
    "empty": ("", "mine.toml may contain [[failure]] tables only; found: nothing."),
    "no rows": ("failure = []", "mine.toml may contain [[failure]] tables only; found: failure."),
    "a number": ("failure = 1", "mine.toml may contain [[failure]] tables only"),
    "one table, not a row": ("[failure]\ncode = 'a'", "mine.toml may contain [[failure]] tables only"),
    "not only tables": ("failure = [{}, 1]", "mine.toml may contain [[failure]] tables only"),
    "misspelt table": (
        f"{toml_row()}\n[[failures]]\ncode = 'a'",
        "mine.toml may contain [[failure]] tables only; found: failure, failures.",
    ),
}


@pytest.mark.parametrize(("text", "problem"), FILE_ERRORS.values(), ids=FILE_ERRORS)
def test_a_file_without_rows_is_rejected(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        read_catalogue(own_file(tmp_path, text))
    assert str(caught.value).startswith(problem)
    assert caught.value.hint


def test_the_message_text_of_a_wrong_row_is_not_quoted(tmp_path: Path) -> None:
    path = own_file(tmp_path, toml_row(message_en="Failed for jane@example.com.", who_acts="me"))
    with pytest.raises(CatalogueError) as caught:
        read_catalogue(path)
    assert "jane" not in str(caught.value)
