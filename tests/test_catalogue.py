"""The failure catalogue: the portal's words letter for letter, found exactly or not at all."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
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

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PORTAL_FIELDS = ("message_en", "message_zh", "suggested_operation_en", "suggested_operation_zh")
# The first 12 hex digits of the SHA-256 of the portal's text; "" where the portal has none.
PORTAL_DIGESTS = {
    "system_busy": ("d2f3b6ef7a83", "81185ccaad47", "ff7eb7704285", "19d177d9d0aa"),
    "link_not_exist": ("dabfbfa1fad2", "d859fdfd7580", "dbdd2bfcc2e2", "ac228c4a68c2"),
    "link_expired": ("0dc581a88f38", "46d1b5f2ff03", "dbdd2bfcc2e2", "ac228c4a68c2"),
    "code_used": ("531692163e93", "b2a30c143298", "dbdd2bfcc2e2", "ac228c4a68c2"),
    "link_used": ("0d63d00094f1", "79a2b05c0cbf", "dbdd2bfcc2e2", "ac228c4a68c2"),
    "prepaid_partner": ("a2c367f633f2", "", "dbdd2bfcc2e2", ""),
    "registered_by_other_partner": ("954d951bdc39", "9e248ebb4ca5", "0d7533c1dcf1", "672d7ba4a568"),
    "customer_is_partner": ("65d20c891ee3", "0b5b0e69a58a", "0d7533c1dcf1", "672d7ba4a568"),
    "associated_with_other_partner": ("24d325697034", "bebba763f6b5", "0d7533c1dcf1", "672d7ba4a568"),
    "special_contract": ("6e14341de2c0", "c3d21b1fba52", "0d7533c1dcf1", "3718667122da"),
    "huawei_internal_account": ("2ef773e8527d", "0699edc48435", "0d7533c1dcf1", "672d7ba4a568"),
    "enterprise_master_account": ("92d8e8676e4a", "f7130fb092a7", "98b7ecb8a7c0", "31e97d31f203"),
    "enterprise_member_account": ("362ad820d71f", "e5cbea3ec0c5", "6981b31f8daa", "31e97d31f203"),
    "referral_not_in_contract": ("acd9af2560cb", "", "65b9dcb35625", ""),
    "referral_not_in_country": ("10950d1bfcd6", "", "65b9dcb35625", ""),
    "consumption_record": ("09bd1e94b4d3", "2a53d110256c", "71e66e392ece", "d2a8e4a593c2"),
    "balance_and_unpaid_invoice": ("feb8dc20a433", "d3256fcb10b8", "71e66e392ece", "d2a8e4a593c2"),
    "registration_time_limit": ("1ad9422d9383", "d902fc83f439", "71e66e392ece", "d2a8e4a593c2"),
    "overdue_payment": ("ca7251423945", "b195bafa0cd2", "efbb6abf111a", "1a3f3082e647"),
    "credit_bill_overdue": ("72a9ec63a6fe", "", "30ffa8d69736", ""),
    "support_plan": ("39a28546edd1", "", "6c9c4e139cca", ""),
    "member_support_plan": ("482fe1393ec4", "", "c46614a1ba17", ""),
    "credit_account": ("", "120a468450cd", "", "31e97d31f203"),
    "consumer_cloud_user": ("", "112f4f015af9", "", "672d7ba4a568"),
    "registered_by_huawei": ("", "14068f2db0d1", "", "672d7ba4a568"),
    "reward_promotion_plan": ("", "ed44b3b77dc6", "", "f963c9b2ccdf"),
}
RULES = {
    "system_busy": ("customer_service", "after_support"),
    "link_not_exist": ("partner", "now"),
    "link_expired": ("partner", "now"),
    "code_used": ("partner", "now"),
    "link_used": ("partner", "now"),
    "prepaid_partner": ("partner", "now"),
    "registered_by_other_partner": ("nobody", "never"),
    "customer_is_partner": ("nobody", "never"),
    "associated_with_other_partner": ("nobody", "never"),
    "special_contract": ("nobody", "never"),
    "huawei_internal_account": ("nobody", "never"),
    "enterprise_master_account": ("nobody", "never"),
    "enterprise_member_account": ("nobody", "never"),
    "referral_not_in_contract": ("partner", "as_reseller"),
    "referral_not_in_country": ("partner", "as_reseller"),
    "consumption_record": ("customer", "after_customer_acts"),
    "balance_and_unpaid_invoice": ("customer", "after_customer_acts"),
    "registration_time_limit": ("customer", "after_customer_acts"),
    "overdue_payment": ("customer", "after_customer_acts"),
    "credit_bill_overdue": ("customer", "after_customer_acts"),
    "support_plan": ("customer", "after_customer_acts"),
    "member_support_plan": ("customer", "after_customer_acts"),
    "credit_account": ("nobody", "never"),
    "consumer_cloud_user": ("nobody", "never"),
    "registered_by_huawei": ("nobody", "never"),
    "reward_promotion_plan": ("nobody", "never"),
}
CAUTIONS = {
    "prepaid_partner": ("prepaid", "fail again", "预付费", "再次失败"),
    "special_contract": ("once it has ended", "合同失效后"),
    "reward_promotion_plan": ("another account", "更换账号"),
    "enterprise_master_account": ("reseller", "转售"),
    "enterprise_member_account": ("reseller", "转售"),
    "credit_account": ("reseller", "转售"),
    "referral_not_in_contract": ("reseller", "转售"),
    "referral_not_in_country": ("reseller", "转售"),
}
BUILT_IN = read_catalogue()
MESSAGES = [(message, failure.code) for failure in BUILT_IN.failures for message in failure.messages]
EXPIRED = "The invitation link has expired."
OWN: dict[str, Any] = {
    "code": "account_frozen",
    "message_en": "The customer account is frozen.",
    "cause_en": "The account is frozen.",
    "advice_en": "Ask the customer to unfreeze it.",
    "who_acts": "customer",
    "resend_rule": "after_customer_acts",
}


def portal_differences(failures: Iterable[Failure]) -> list[str]:
    """Name every text that is not the portal's, as code and field."""
    texts = ((f.code, field, getattr(f, field) or "") for f in failures for field in PORTAL_FIELDS)
    return [
        f"{code}: {field}"
        for code, field, text in texts
        if (text and hashlib.sha256(text.encode()).hexdigest()[:12]) != PORTAL_DIGESTS[code][PORTAL_FIELDS.index(field)]
    ]


def toml_row(**changes: object) -> str:
    fields = {name: value for name, value in (OWN | changes).items() if value is not None}
    lines = (f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items())
    return "\n".join(["[[failure]]", *lines, ""])


def own_file(folder: Path, *rows: str) -> Path:
    path = folder / "mine.toml"
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


# What the portal says


def test_every_text_is_the_portals_letter_for_letter() -> None:
    assert portal_differences(BUILT_IN.failures) == []


@pytest.mark.parametrize("field", PORTAL_FIELDS)
@pytest.mark.parametrize("failure", BUILT_IN.failures, ids=lambda failure: failure.code)
def test_one_changed_letter_is_reported_with_code_and_field(failure: Failure, field: str) -> None:
    text = getattr(failure, field) or ""
    change: dict[str, Any] = {field: text[:-2] + "x" + text[-1:]}
    assert portal_differences([replace(failure, **change)]) == [f"{failure.code}: {field}"]


def test_a_left_out_text_is_reported() -> None:
    failure = replace(BUILT_IN.failures[0], message_zh=None)
    assert portal_differences([failure]) == ["system_busy: message_zh"]


def test_the_rows_stand_in_the_manuals_order_and_the_chinese_only_ones_last() -> None:
    assert [failure.code for failure in BUILT_IN.failures] == list(PORTAL_DIGESTS)
    positions = [failure.position for failure in BUILT_IN.failures]
    assert positions == [*range(1, 23), *[None] * (len(positions) - 22)]


# What follows from it


@pytest.mark.parametrize(("code", "rules"), RULES.items(), ids=RULES)
def test_who_acts_and_when_to_resend_is_the_domains_rule(code: str, rules: tuple[str, str]) -> None:
    failure = BUILT_IN.by_code(code)
    assert failure is not None
    assert (failure.who_acts, failure.resend_rule) == rules


def test_every_failure_has_a_rule_in_the_table() -> None:
    assert list(RULES) == [failure.code for failure in BUILT_IN.failures]


@pytest.mark.parametrize(("code", "words"), CAUTIONS.items(), ids=CAUTIONS)
def test_the_advice_carries_its_caution_in_both_languages(code: str, words: tuple[str, ...]) -> None:
    failure = BUILT_IN.by_code(code)
    assert failure is not None
    advice = failure.advice("en") + failure.advice("zh")
    assert [word for word in words if word not in advice] == []


@pytest.mark.parametrize("failure", [*BUILT_IN.failures, UNKNOWN_FAILURE, NOT_GIVEN], ids=lambda f: f.code)
def test_cause_and_advice_are_short_and_given_in_both_languages(failure: Failure) -> None:
    assert failure.cause_en
    assert failure.cause_zh
    assert failure.advice_en
    assert failure.advice_zh
    assert max(len(failure.cause_en), len(failure.cause_zh)) <= 70
    assert max(len(failure.advice_en), len(failure.advice_zh)) <= 180
    assert failure.who_acts in {value.code for value in WHO_ACTS}
    assert failure.resend_rule in {value.code for value in RESEND_RULES}


def test_a_text_that_is_absent_is_given_in_the_other_language() -> None:
    chinese_only = BUILT_IN.by_code("credit_account")
    english_only = BUILT_IN.by_code("support_plan")
    assert chinese_only is not None
    assert english_only is not None
    assert chinese_only.suggested_operation("en") == "该状况客户无法以代售模式关联伙伴。"
    assert str(english_only.suggested_operation("zh")).startswith("Remind the customer to unsubscribe")


def test_a_text_is_given_in_the_language_asked_for() -> None:
    failure = Failure(
        code="c",
        who_acts="nobody",
        resend_rule="never",
        suggested_operation_en="operation",
        suggested_operation_zh="操作",
        cause_en="cause",
        cause_zh="原因",
        advice_en="advice",
        advice_zh="建议",
    )
    assert (failure.cause(), failure.advice(), failure.suggested_operation()) == (
        "cause",
        "advice",
        "operation",
    )
    assert (failure.cause("zh"), failure.advice("zh"), failure.suggested_operation("zh")) == (
        "原因",
        "建议",
        "操作",
    )


def test_an_operation_that_nobody_suggests_is_none() -> None:
    assert UNKNOWN_FAILURE.suggested_operation() is None


@pytest.mark.parametrize("failure", [UNKNOWN_FAILURE, NOT_GIVEN], ids=lambda f: f.code)
def test_what_we_do_not_know_has_a_code_no_message_and_no_resend(failure: Failure) -> None:
    assert BUILT_IN.by_code(failure.code) is failure
    assert failure.messages == ()
    assert (failure.who_acts, failure.resend_rule) == ("partner", "unknown")


def test_a_code_that_no_row_has_is_none() -> None:
    assert BUILT_IN.by_code("no_such_code") is None


# Finding a message


@pytest.mark.parametrize(
    "text",
    [
        "THE INVITATION LINK HAS EXPIRED.",
        "  The invitation\t link\n has  expired. ",
        "The\u00a0invitation\u00a0link\u00a0has\u00a0expired.",
        "\ufeffThe invi\u200btation link has expired.",
        "The invitation link has expired",
        "The invitation link has expired .",
        "The invitation link has expired...",
        "The invitation link has expired。",
        "Ｔｈｅ　ｉｎｖｉｔａｔｉｏｎ　ｌｉｎｋ　ｈａｓ　ｅｘｐｉｒｅｄ．",
        "邀请链接已失效",
        "邀请链接已失效.",
        "邀请链接已失效｡",
        " 邀请链接 已失效 。",
        "邀请链接\n已失效。",
    ],
)
def test_a_copy_that_differs_in_habits_of_spelling_is_found(text: str) -> None:
    assert BUILT_IN.find(text) is BUILT_IN.by_code("link_expired")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("系统繁忙,请稍后重试!", "系统繁忙，请稍后重试！"),
        ("系统繁忙,请稍后重试!", "系统繁忙、请稍后重试 !"),
        ("客户已欠费,无法关联伙伴。", "客户已欠费, 无法关联伙伴"),
        ("a partner's customer", "a partner’s customer"),
        ("a partner's customer", "a partner´s customer"),
        ("a partner's customer", "a partner＇s customer"),
        ('a "prepaid" partner', "a “prepaid” partner"),
        ("plans; see (1)", "plans；see （1）"),
    ],
)
def test_punctuation_that_reads_the_same_is_the_same(one: str, other: str) -> None:
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


@pytest.mark.parametrize("text", [None, "", "  ", ".", "\u3000。"])
def test_no_message_is_no_failure(text: str | None) -> None:
    assert BUILT_IN.find(text) is None
    assert BUILT_IN.closest(text) is None


def test_an_unknown_message_is_neither_found_nor_suggested() -> None:
    assert BUILT_IN.find("The customer account is frozen.") is None
    assert BUILT_IN.closest("The customer account is frozen.") is None


@pytest.mark.parametrize(("message", "code"), MESSAGES)
def test_a_message_with_one_letter_missing_is_not_found_but_suggested(message: str, code: str) -> None:
    middle = len(message) // 2
    typo = message[: middle - 1] + message[middle:]
    suggestion = BUILT_IN.closest(typo)
    assert BUILT_IN.find(typo) is None
    assert suggestion is not None
    assert suggestion.failure.code == code
    assert CLOSE_ENOUGH <= suggestion.similarity < 1


def test_a_known_message_is_its_own_closest() -> None:
    suggestion = BUILT_IN.closest("the invitation link has EXPIRED")
    assert suggestion is not None
    assert (suggestion.failure.code, suggestion.similarity) == ("link_expired", 1)


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


@given(st.text())
def test_any_text_can_be_looked_up(text: str) -> None:
    found = BUILT_IN.find(text)
    assert found is None or found in BUILT_IN.failures


@given(st.text())
def test_any_text_can_be_compared(text: str) -> None:
    suggestion = BUILT_IN.closest(text)
    assert suggestion is None or suggestion.similarity >= CLOSE_ENOUGH


# A catalogue file of one's own


def test_the_built_in_catalogue_is_read_once() -> None:
    assert read_catalogue() is read_catalogue()


def test_a_row_with_a_new_code_is_added_at_the_end(tmp_path: Path) -> None:
    catalogue = read_catalogue(own_file(tmp_path, toml_row()))
    assert [failure.code for failure in catalogue.failures] == [*PORTAL_DIGESTS, "account_frozen"]
    assert catalogue.find("the customer account is frozen") == Failure(**OWN)


def test_a_row_with_a_known_code_replaces_that_row_in_its_place(tmp_path: Path) -> None:
    catalogue = read_catalogue(own_file(tmp_path, toml_row(code="link_expired")))
    failure = catalogue.failures[2]
    assert (failure.code, failure.cause("zh")) == ("link_expired", "The account is frozen.")
    assert failure.suggested_operation() is None
    assert len(catalogue.failures) == len(BUILT_IN.failures)


def test_the_messages_of_a_replaced_row_still_lead_to_it(tmp_path: Path) -> None:
    catalogue = read_catalogue(own_file(tmp_path, toml_row(code="link_expired")))
    found = [catalogue.find(text) for text in (OWN["message_en"], EXPIRED, "邀请链接已失效。")]
    assert found == [catalogue.failures[2]] * 3


def test_a_replacement_may_repeat_the_message_it_replaces(tmp_path: Path) -> None:
    catalogue = read_catalogue(own_file(tmp_path, toml_row(code="link_expired", message_en=EXPIRED)))
    assert catalogue.failures[2].messages == (EXPIRED, "邀请链接已失效。")


def test_a_later_file_replaces_a_row_of_an_earlier_one(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    first = own_file(tmp_path, toml_row())
    second = own_file(tmp_path / "b", toml_row(message_en="Frozen.", advice_en="Wait."))
    found = read_catalogue(str(first), second).find(OWN["message_en"])
    assert found is not None
    assert (found.message_en, found.advice()) == ("Frozen.", "Wait.")


def test_reading_a_file_leaves_the_built_in_catalogue_as_it_was(tmp_path: Path) -> None:
    read_catalogue(own_file(tmp_path, toml_row(code="link_expired")))
    assert read_catalogue().find(OWN["message_en"]) is None
    assert portal_differences(read_catalogue().failures) == []


def test_one_language_is_enough_and_an_empty_text_is_an_absent_one(tmp_path: Path) -> None:
    row = toml_row(message_en=".", message_zh="账号已冻结。", suggested_operation_en=" ", position=23)
    catalogue = read_catalogue(own_file(tmp_path, row))
    found = catalogue.find("账号已冻结")
    assert found is not None
    assert (found.message_en, found.suggested_operation(), found.position) == (None, None, 23)
    assert catalogue.find("") is None


def test_a_file_that_an_editor_began_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(toml_row(), encoding="utf-8-sig")
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
    "unknown actor": (
        toml_row(who_acts="me"),
        "field 'who_acts' is 'me', an unknown value. Hint: Use one of partner,",
    ),
    "unknown rule": (
        toml_row(resend_rule="soon"),
        "field 'resend_rule' is 'soon', an unknown value. Hint: Use one of now,",
    ),
    "spaces in the code": (
        toml_row(code="link gone"),
        "row 2 (link gone): field 'code' is not lower_snake_case",
    ),
    "capitals in the code": (toml_row(code="Link"), "row 2 (Link): field 'code' is not lower_snake_case"),
    "line end in the code": (toml_row(code="link\n"), "field 'code' is not lower_snake_case"),
    "code unknown": (toml_row(code="unknown"), "row 2 (unknown): field 'code' is a reserved code"),
    "code not_given": (toml_row(code="not_given"), "row 2 (not_given): field 'code' is a reserved code"),
    "code other": (toml_row(code="other"), "row 2 (other): field 'code' is a reserved code"),
    "code twice": (toml_row(code="first"), "row 2 (first): field 'code' was given in row 1 already"),
    "message of the row above": (
        toml_row(message_zh="FIRST"),
        "row 2 (account_frozen): field 'message_zh' is the message of first already",
    ),
    "message of a built-in row": (
        toml_row(message_en="the invitation link has  EXPIRED"),
        "row 2 (account_frozen): field 'message_en' is the message of link_expired already",
    ),
}


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
    "empty": ("", "mine.toml must hold [[failure]] tables only; found: nothing."),
    "no rows": ("failure = []", "mine.toml must hold [[failure]] tables only; found: failure."),
    "a number": ("failure = 1", "mine.toml must hold [[failure]] tables only"),
    "one table, not a row": ("[failure]\ncode = 'a'", "mine.toml must hold [[failure]] tables only"),
    "not only tables": ("failure = [{}, 1]", "mine.toml must hold [[failure]] tables only"),
    "misspelt table": (
        f"{toml_row()}\n[[failures]]\ncode = 'a'",
        "mine.toml must hold [[failure]] tables only; found: failure, failures.",
    ),
}


@pytest.mark.parametrize(("text", "problem"), FILE_ERRORS.values(), ids=FILE_ERRORS)
def test_a_file_that_holds_no_rows_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        read_catalogue(own_file(tmp_path, text))
    assert str(caught.value).startswith(problem)
    assert caught.value.hint


def test_the_message_text_of_a_wrong_row_is_not_quoted(tmp_path: Path) -> None:
    path = own_file(tmp_path, toml_row(message_en="Failed for jane@example.com.", who_acts="me"))
    with pytest.raises(CatalogueError) as caught:
        read_catalogue(path)
    assert "jane" not in str(caught.value)
