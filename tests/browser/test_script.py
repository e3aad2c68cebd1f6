"""The screen's real script in a real Chromium, without a kernel: what it makes of any order of messages and clicks."""

from __future__ import annotations

import datetime as dt
import random
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import permutations
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

import invitekit as ik
from invitekit.widgets.assets import joined
from tests.conftest import DATA

pytestmark = pytest.mark.browser


MOUNT = """async (module) => {
  const { default: screen } = await import(URL.createObjectURL(new Blob([module], { type: 'text/javascript' })));
  window.sent = [];
  const on = (_, take) => { window.receive = take; };
  const model = { get: () => 400, on, off() {}, send: (m) => window.sent.push(m) };
  window.leave = screen.render({ model, el: document.body }); }"""


SAID: dict[str, Any] = {"v": 0, "bare": False}
COLUMN = {"name": "account_name", "label": "Account name", "kind": "text", "shown": True}
SHOWN = {"columns": [COLUMN], "order": ["account_name"]}
STATE = {"kind": "state", **SAID, **SHOWN, "filter": {}, "chips": [], "heard": {}}
KEYS = {"first": 0, "keys": [7], "cells": {"account_name": ["acme"]}, "codes": {}, "picked": [0], "can": [1]}
COUNTED = {"kind": "counts", "total": 1, "selected": 0, "hidden": 0, "facets": [], "days": []}
ANSWERS = {"page": {"kind": "page", **SAID, **KEYS}, "counts": {**COUNTED, "v": 0, "matched": 1, "can": 1}}


@contextmanager
def mounted(browser: Browser, run: str = "", mode: str = "explore", **more: Any) -> Iterator[tuple[Page, partial[Any]]]:
    """Run the real script in a page of its own, and give what plays the kernel's answers to it."""
    page = browser.new_page()
    page.evaluate(MOUNT, run or joined("screen.js", "explore.js"))
    page.add_style_tag(content=joined("screen.css"))
    tell = partial(page.evaluate, "(message) => window.receive(message)")
    tell({"kind": "hello", "v": 0, "words": {}, "hints": {}, "language": "en", "mode": mode})
    tell({**STATE, **more, "total": None, "ready": False})
    tell({"kind": "preview", **SAID, **KEYS})
    tell({**STATE, **more, "total": 1, "ready": True})
    yield page, tell
    page.evaluate("window.leave()")
    page.close()


def test_rows_are_shown_in_whatever_order_answers_come(browser: Browser) -> None:
    for order in permutations(ANSWERS):
        with mounted(browser) as (page, tell):
            for name in order:
                tell(ANSWERS[name])
            assert page.locator(".ik-line .ik-text").all_inner_texts() == ["acme"], order
            asked = [one for one in page.evaluate("window.sent") if one["do"] == "page"]
            assert [one for one in asked if not one["count"]] == [], order  # its answer would take the rows' place


def pressed(page: Page, tell: partial[Any]) -> None:
    """Show the row, and press the mouse on its box."""
    for answer in ANSWERS.values():
        tell(answer)
    box = page.locator(".ik-line input").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 6, box["y"] + 6)
    page.mouse.down()


@pytest.mark.parametrize("then", [7, 8])
def test_a_tick_takes_for_who_was_seen_though_the_line_is_drawn_anew(browser: Browser, then: int) -> None:
    with mounted(browser) as (page, tell):
        pressed(page, tell)
        tell({**ANSWERS["page"], "keys": [then], "cells": {"account_name": ["acme, renamed"]}})
        page.mouse.up()
        expect(page.locator(".ik-line .ik-text")).to_have_text("acme, renamed")
        assert [one["keys"] for one in page.evaluate("window.sent") if one["do"] == "choose"] == [[7]]


def test_a_line_of_another_view_is_never_ticked_for_one_of_this(browser: Browser) -> None:
    with mounted(browser) as (page, tell):
        pressed(page, tell)
        new = {**STATE, "v": 1, "total": 1, "ready": True}  # of a new plan, in which 7 is somebody else
        tell({**ANSWERS["page"], "v": 1, "state": new})
        page.mouse.up()
        expect(page.locator(".ik-line:not(.ik-wait)")).to_have_count(1)
        chosen = [one for one in page.evaluate("window.sent") if one["do"] == "choose"]
        assert [(one["v"], one["keys"]) for one in chosen] == [(0, [7])], "the kernel refuses keys of an older plan"


def test_a_double_click_opens_the_details_though_rows_come_meanwhile(browser: Browser) -> None:
    for at in range(4):  # before the first release, between the clicks, before the second release, after it
        with mounted(browser) as (page, tell):
            pressed(page, tell)
            page.mouse.up()
            page.mouse.move(*middle(page, ".ik-line .ik-text"))
            for step in range(4):
                clicks = 1 + step // 2
                page.mouse.up(click_count=clicks) if step % 2 else page.mouse.down(click_count=clicks)
                if step == at:
                    tell(ANSWERS["page"])
            assert [one["key"] for one in page.evaluate("window.sent") if one["do"] == "details"] == [7], at


QUICK = """async (message) => { const line = document.querySelector('.ik-line .ik-text'), seen = [];
  const wait = () => new Promise((go) => setTimeout(() => { seen.push(line.isConnected); go(); }, 20));
  const button = (kind) => line.dispatchEvent(new PointerEvent(kind, { bubbles: true, button: 0 }));
  button('pointerdown'); button('pointerup'); button('pointerdown');
  window.receive(message); await wait();
  button('pointerup'); await wait();
  return seen; }"""


def test_the_second_press_of_two_holds_what_comes_as_the_first_did(browser: Browser) -> None:
    with mounted(browser) as (page, tell):
        tell(ANSWERS["page"])
        assert page.evaluate(QUICK, ANSWERS["page"]) == [True, False], "drawn anew once the button is up, not before"


def days(*counted: int) -> list[list[Any]]:
    return [[f"2026-03-{day:02}", n, 0, 0] for day, n in enumerate(counted, start=1)]


def choice(name: str, **counted: int) -> dict[str, Any]:
    return {"name": name, "label": name, "values": [[value, value, n] for value, n in counted.items()], "full": False}


def counted(**more: Any) -> dict[str, Any]:
    return {**ANSWERS["counts"], **more}


def wishes(page: Page) -> list[Any]:
    return [one["filter"] for one in page.evaluate("window.sent") if one["do"] == "filter"]


def middle(page: Page, what: str) -> tuple[float, float]:
    box = page.locator(what).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_what_is_drawn_anew_under_the_hand_still_takes_what_the_hand_does(browser: Browser) -> None:
    first = counted(days=days(1, 2, 3), facets=[choice("status", expired=3)])
    later = counted(days=days(3, 2, 1), facets=[choice("status", expired=2)], matched=6)
    brushed = {"invited_from": "2026-03-02", "invited_to": "2026-03-03"}
    for what, along, wish in ((".ik-bars", 300, brushed), (".ik-value input", 0, {"status": ["expired"]})):
        with mounted(browser) as (page, tell):
            tell(first)
            at = middle(page, what)
            page.mouse.move(*at)
            page.mouse.down()
            tell(later)
            assert page.locator(".ik-value .ik-n").inner_text() == "3", "what is under the hand stays"
            page.mouse.move(at[0] + along, at[1])
            page.mouse.up()
            expect(page.locator(".ik-value .ik-n")).to_have_text("2")
            assert wishes(page) == [wish], what


def test_choosing_faster_than_the_kernel_answers_loses_no_choice(browser: Browser) -> None:
    with mounted(browser) as (page, tell):
        tell(counted(facets=[choice("status", expired=3, failed=2, invited=1)]))
        box = page.locator(".ik-value input")
        box.nth(0).check()
        box.nth(1).check()
        view, heard = page.evaluate("window.sent.at(-1).view"), page.evaluate("window.sent.at(-1).n")
        ready = {**STATE, "total": 1, "ready": True}
        tell({**ready, "v": 1, "filter": {"status": ["expired"]}, "heard": {view: heard - 1}})
        tell(counted(v=1, facets=[choice("status", failed=2, expired=3, invited=1)]))
        assert box.evaluate_all("all => all.map((e) => e.checked)") == [True, True, False]
        box.nth(2).check()
        assert wishes(page)[-1] == {"status": ["expired", "failed", "invited"]}
        tell({**ready, "v": 2, "filter": {}, "heard": {view: heard + 1}})
        tell(counted(v=2, facets=[choice("status", failed=2, expired=3, invited=1)]))
        assert page.locator(".ik-value input:checked").count() == 0, "another view took all off, after all of ours"


def test_a_list_of_choices_stays_where_it_was_looked_at(browser: Browser) -> None:
    many = [choice("country", **{f"land_{n:02}": 99 - n for n in range(60)})]
    with mounted(browser) as (page, tell):
        tell(counted(facets=many))
        page.locator(".ik-facet summary").click()
        page.locator(".ik-values").evaluate("e => { e.scrollTop = 900 }")
        tell(counted(facets=many))
        assert page.locator(".ik-values").evaluate("e => e.scrollTop") == 900
        page.locator(".ik-part").press_sequentially("land_5")
        tell(counted(facets=many))
        page.keyboard.type("7")
        assert page.locator(".ik-value").all_inner_texts() == ["land_57\n42"]

        tell(counted(days=days(1, 2)))
        page.locator(".ik-dates input").first.focus()
        page.keyboard.type("03")
        tell(counted(days=days(2, 1)))
        page.keyboard.type("052026")
        assert wishes(page) == [{"invited_from": "2026-03-05"}]


def test_counts_that_go_ahead_of_their_page_are_its_counts(browser: Browser) -> None:
    more = {"total": 9, "facets": [choice("status", expired=4)], "days": None}
    ready = {**STATE, "total": 9, "ready": True}
    rows = {**KEYS, "keys": [7, 8], "cells": {"account_name": ["acme", "beta"]}, "picked": [0, 0], "can": [1, 1]}
    brush = {"invited_from": "2026-03-02"}
    with mounted(browser) as (page, tell):
        words = {"some_rows": "{n} of {total}", "selected": "{n} chosen", "select_all": "all {n}", "clear": "none"}
        tell({"kind": "hello", "v": 0, "words": words, "hints": {}, "language": "en", "mode": "explore"})
        tell(ANSWERS["page"])
        tell(counted(total=9, days=days(4, 5)))
        ahead = counted(v=1, matched=2, can=2, filter=brush, heard={}, **more)
        tell(ahead)
        assert page.locator(".ik-count").inner_text() == "2 of 9"
        assert page.locator(".ik-value .ik-n").inner_text() == "4"
        assert float(str(page.locator(".ik-brush").get_attribute("width"))) == 300, "the second of two days"
        assert page.locator(".ik-line .ik-text").all_inner_texts() == ["acme"], "rows stay until the others come"
        tell({"kind": "selection", "v": 1, "selected": 1, "hidden": 0, "undo": True})
        tell({"kind": "page", "v": 1, "bare": False, **rows, "state": {**ready, "v": 1, "filter": brush}})
        assert page.locator(".ik-line .ik-text").all_inner_texts() == ["acme", "beta"]
        assert page.locator(".ik-count").inner_text() == "2 of 9"
        assert page.locator(".ik-choice strong").inner_text() == "1 chosen", "said between the counts and their page"
        assert page.locator(".ik-choice button").all_inner_texts() == ["all 2", "none"]


SUMS = """([message, sums]) => window.receive(message,
  sums.length ? [new DataView(new Uint8Array([9, ...sums]).buffer, 1)] : [])"""
DRAG = """([from, to, kinds]) => { const svg = document.querySelector('.ik-bars'), box = svg.getBoundingClientRect();
  svg.setPointerCapture = () => {};  // there is no finger that could be followed
  for (const kind of kinds) svg.dispatchEvent(new PointerEvent(kind, { bubbles: true, pointerId: 1,
    clientY: box.top + 9, clientX: box.left + (kind === 'pointerdown' ? from : to) * box.width })); }"""
ADDED = {"kind": "sums", "filter": {}, "days": ["0001-01-01", "2026-03-01", "2026-03-02"], "matched": 3}
SEEN = "() => [...document.querySelectorAll('.ik-facet, .ik-count')].map(e => e.textContent)"


def test_a_brush_shows_what_the_kernel_would_say_while_the_button_is_down(browser: Browser) -> None:
    annotated = ik.annotate(ik.load(str(DATA)).records, as_of=dt.date(2026, 3, 30))
    told, chance = list[Any](), random.Random(7)
    explorer: Any = ik.Explorer(annotated)
    assert explorer.wait(60)
    explorer.send = lambda content, buffers=None: told.append([content, list(buffers[0]) if buffers else None])

    def asked(page: Page, **message: Any) -> list[Any]:
        told.clear()
        explorer._handle_custom_msg(message, [])
        assert explorer.wait(60)
        for content, sums in told:
            page.evaluate(SUMS, [content, sums]) if sums else page.evaluate("(m) => window.receive(m)", content)
        return [content for content, _ in told]

    with mounted(browser) as (page, _):
        most = [annotated[one].drop_nulls().mode().sort()[0] for one in ("failure_code", "account_manager", "country")]
        named = dict(zip(("cause", "manager", "country"), ([one] for one in most), strict=True))
        for choice in ({}, {"status": ["association_failed"]}, {"manager": named["manager"]}, named, {"text": "gmbh"}):
            asked(page, do="filter", filter=choice)
            asked(page, do="hello")
            page.mouse.move(0, 0)
            page.mouse.move(*middle(page, ".ik-bars"))
            assert page.evaluate("window.sent.at(-1)") == {"do": "sums"}, "asked for before the button is down"
            assert asked(page, do="sums")[0]["matched"]
            for _ in range(4):
                start, end = (place / 100 for place in sorted(chance.sample(range(5, 95), 2)))
                page.evaluate(DRAG, [start, end, ["pointerdown", "pointermove"]])
                moving = page.evaluate(SEEN)
                page.evaluate(DRAG, [start, end, ["pointerup", "lostpointercapture"]])
                seen, wish = page.evaluate(SEEN), page.evaluate("window.sent.at(-1)")
                assert moving[0] == seen[0], "counted while the button is down"
                assert wish["filter"].keys() - choice.keys() == {"invited_from", "invited_to"}
                counts = next(one for one in asked(page, **wish) if one["kind"] == "counts")
                assert counts["matched"] < counts["total"]
                assert page.locator(".ik").get_attribute("data-settled") == str(counts["v"])
                told_after = page.evaluate(SEEN)  # of how many customers they are only the kernel counts
                assert told_after[0].startswith(f"{seen[0]}, ")
                assert told_after[1:] == seen[1:], "the kernel says the same"


def test_sums_that_come_while_the_button_is_down_count_at_once_and_not_for_other_rows(browser: Browser) -> None:
    facets = [choice("status", expired=3)]
    message, sums = {**ADDED, "facets": facets}, list(struct.pack("=6I", 0, 1, 3, 0, 1, 3))
    with mounted(browser) as (page, tell):
        told = page.locator(".ik-value .ik-n")
        tell(ANSWERS["page"])
        tell(counted(days=days(1, 2), facets=facets))
        x, y = middle(page, ".ik-bars")
        page.mouse.move(x - 200, y)
        page.mouse.down()
        aloud = page.locator(".ik-live").inner_text()
        assert page.evaluate("window.sent.filter((m) => m.do === 'sums').length") == 1, "one question is enough"
        page.evaluate(SUMS, [message, sums])
        page.mouse.move(x - 100, y)
        assert told.all_inner_texts() == ["1"], "the first of two days"
        page.mouse.move(x + 100, y)
        assert told.all_inner_texts() == ["3"]
        assert page.locator(".ik-live").inner_text() == aloud, "nobody is read each step of a hand"
        page.mouse.up()
        page.mouse.move(x - 100, y)
        assert told.all_inner_texts() == ["3"], "the button is up"

        # Rows of another filter: their page is there, their counts wait, as the button is down again.
        heard = {one["view"]: one["n"] for one in page.evaluate("window.sent") if one["do"] == "filter"}
        tell({**STATE, "v": 1, "total": 1, "ready": True, "filter": {"method": ["link"]}, "heard": heard})
        before = told.all_inner_texts()
        page.mouse.move(x - 200, y)
        page.mouse.down()
        assert page.evaluate("window.sent.at(-1)") == {"do": "sums"}, "asked for again"
        page.evaluate(SUMS, [message, sums])  # of the rows before, told late
        page.mouse.move(x - 100, y)
        assert told.all_inner_texts() == before, "its own sums are still to come"
        page.evaluate(SUMS, [{**message, "filter": {"method": ["link"]}}, sums])
        page.mouse.move(x - 99, y)
        assert told.all_inner_texts() == ["1"]
        page.mouse.up()


def test_a_brush_that_is_taken_away_leaves_all_as_it_was(browser: Browser) -> None:
    with mounted(browser) as (page, tell):
        tell(ANSWERS["page"])
        tell(counted(days=days(1, 2), facets=[choice("status", expired=3)]))
        message = {**ADDED, "facets": [choice("status", expired=3)]}
        page.evaluate(SUMS, [message, list(struct.pack("=6I", 0, 1, 3, 0, 1, 3))])
        page.evaluate(DRAG, [0.1, 0.4, ["pointerdown", "pointermove"]])
        assert page.locator(".ik-value .ik-n").inner_text() == "1"
        page.evaluate(DRAG, [0.1, 0.4, ["pointercancel", "lostpointercapture"]])
        assert page.locator(".ik-value .ik-n").inner_text() == "3"
        assert page.locator(".ik-brush").get_attribute("width") == "0"
        assert wishes(page) == []
        tell({"kind": "hello", "v": 0, "words": {}, "hints": {}, "language": "en", "mode": "explore"})
        page.evaluate(DRAG, [0.1, 0.4, ["pointerdown", "pointermove"]])
        assert page.locator(".ik-value .ik-n").inner_text() == "3", "after a hello it may be of other rows"


def test_counts_that_come_while_the_button_is_down_leave_the_bars_in_hand(browser: Browser) -> None:
    with mounted(browser) as (page, tell):
        tell(ANSWERS["page"])
        tell(counted(days=days(1, 2), facets=[]))
        x, y = middle(page, ".ik-bars")
        page.mouse.move(x - 200, y)
        page.mouse.down()
        page.mouse.move(x - 100, y)
        tell(counted(days=days(1, 2, 3), facets=[]))
        page.mouse.move(x - 90, y)
        page.mouse.up()
        assert wishes(page) == [{"invited_from": "2026-03-01", "invited_to": "2026-03-01"}]
        expect(page.locator(".ik-figure figcaption > span").last).to_have_text("2026-03-03")  # drawn after the release


def test_sums_come_to_a_plan_as_well(browser: Browser) -> None:
    plan = {"tabs": [], "rules": {}, "rules_said": [], "workspace": False, "unlogged": 0, "user": "anna"}
    with mounted(browser, joined("screen.js", "picker.js"), "plan", **plan) as (page, tell):
        tell(ANSWERS["page"])
        tell(counted(days=days(1, 2), facets=[choice("status", expired=3)]))
        page.evaluate(SUMS, [{"kind": "sums", "filter": {}}, []])  # more than are sent
        page.evaluate(DRAG, [0.1, 0.4, ["pointerdown", "pointermove"]])
        message = {**ADDED, "facets": [choice("status", expired=3)]}
        page.evaluate(SUMS, [message, list(struct.pack("=6I", 0, 1, 3, 0, 1, 3))])
        page.evaluate(DRAG, [0.1, 0.4, ["pointermove"]])
        assert page.locator(".ik-value .ik-n").text_content() == "1"
        assert page.locator(".ik").get_attribute("data-sums") == "2", "how often, and nothing of the filter"
