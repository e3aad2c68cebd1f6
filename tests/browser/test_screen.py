"""The screen in a real JupyterLab: what a person does, by mouse and by keyboard, and what comes of it."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Page, expect

from tests.browser.lab import Lab, Tab, check_accessibility
from tests.conftest import DATA
from tests.test_hostile_texts import HOSTILE

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EXPLORE = f"""import datetime as dt
import invitekit as ik
x = ik.Explorer(ik.load({str(DATA)!r}).records, as_of=dt.date(2026, 3, 30))
x"""


ALL = "705 invitations of 569 customers, 71 not sent yet"


def pick(memory: Path) -> str:
    folder = memory.parent / "batches"
    return f"""import datetime as dt
import invitekit as ik
p = ik.ResendPicker(workspace={str(memory)!r}, as_of=dt.date(2026, 3, 30), folder={str(folder)!r})
p"""


@contextmanager
def shown(lab: Lab, *cells: str, **how: int | bool) -> Iterator[tuple[Tab, Page]]:
    """Run cells, wait for rows and counts, and check at the end that nothing went wrong or left the machine."""
    with lab.cells(*cells, **how) as tab:  # type: ignore[arg-type]
        tab.page.locator(".ik").first.wait_for()
        expect(tab.page.locator(".ik:not([data-settled])")).to_have_count(0)  # rows of all, and counts
        tab.page.locator(".ik-line:not(.ik-wait) .ik-badge").first.wait_for()
        try:
            yield tab, tab.page
        except Exception as error:
            told = tab.page.locator(".ik-banner, .ik-count").all_inner_texts()
            error.add_note(f"The screens say {told}; the browser, {tab.problems}.")
            raise
        assert tab.outside == []
        assert tab.problems == []


def matched(page: Page) -> int:
    return int(re.sub(r"\D.*", "", page.locator(".ik-count").inner_text().replace(",", "")))


def test_type_click_brush_sort_and_scroll_to_the_end(lab: Lab) -> None:
    with shown(lab, EXPLORE) as (tab, page):
        search = page.get_by_role("searchbox", name="Search customer")
        search.press_sequentially("gmbh", delay=30)
        expect(page.locator(".ik-count")).not_to_have_text(ALL)
        tab.until("x.filter.text", "'gmbh'")
        expect(page.locator(".ik-count")).to_contain_text(f"{int(tab.value('x.count')):,} of 705 invitations, ")
        search.press("Escape")
        expect(page.locator(".ik-count")).to_have_text(ALL)

        page.locator(".ik-facets label", has_text="Association failed").locator("input").check()
        tab.until("x.value", "{'status': ['association_failed']}")
        expect(page.locator(".ik-chip")).to_have_text("Effective Status is Association failed×")
        # The bars are drawn anew with the counts.
        expect(page.locator(".ik-count")).to_contain_text(f"{int(tab.value('x.count')):,} of 705 invitations, ")
        total = page.locator(".ik-facets label", has_text="Associated").first.locator(".ik-n").inner_text()
        assert int(total) > 0, "the counts of a choice follow all filters but its own"

        box = page.locator(".ik-bars").bounding_box()
        assert box is not None
        sums = page.locator(".ik").get_attribute("data-sums") or "0"
        page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 20)
        page.wait_for_function("sums => Number(document.querySelector('.ik').dataset.sums) > sums", arg=int(sums))
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 20, steps=4)
        brushed = page.locator(".ik-count").inner_text()
        page.mouse.up()
        expect(page.locator(".ik-chip")).to_have_count(3)
        tab.until("x.filter.invited_to is not None", "True")
        expect(page.locator(".ik-count")).to_have_text(re.compile(f"^{brushed}, "))  # Python counts the same
        expect(page.locator(".ik-count")).to_contain_text(f"{int(tab.value('x.count')):,} of 705 invitations, ")

        page.get_by_role("button", name="Reset filters").click()
        expect(page.locator(".ik-count")).to_have_text(ALL)
        page.get_by_role("columnheader", name="Account Name").get_by_role("button").click()
        expect(page.get_by_role("columnheader", name="Account Name")).to_have_attribute("aria-sort", "ascending")
        first = page.locator('.ik-line[aria-rowindex="2"]').locator(".ik-cell").nth(3)
        expect(first).to_have_text(tab.value("x.df['account_name'][0]").strip("'"))

        page.locator(".ik-scroller").evaluate("e => { e.scrollTop = e.scrollHeight }")
        expect(page.locator('.ik-line[aria-rowindex="706"]:not(.ik-wait)')).to_be_visible()


def test_by_keyboard_alone(lab: Lab) -> None:
    with shown(lab, EXPLORE) as (tab, page):
        grid = page.get_by_role("grid")
        grid.focus()
        for key in ("ArrowDown", "ArrowDown", "Space", "ArrowDown", "Space"):
            page.keyboard.press(key)
        tab.until("x.selected['record_id'].to_list() == x.df['record_id'].to_list()[2:4]", "True")
        page.keyboard.press("Shift+ArrowDown")
        tab.until("x.selected.height", "3")
        page.keyboard.press("Control+z")
        tab.until("x.selected.height", "2")
        page.keyboard.press("Control+End")
        expect(page.locator('.ik-line[aria-rowindex="706"]')).to_be_visible()
        page.keyboard.press("Home")
        page.keyboard.press("End")
        page.keyboard.press("Control+Home")
        expect(grid).to_have_attribute("aria-activedescendant", re.compile(r"-0-\d+$"))
        page.keyboard.press("Enter")
        expect(page.locator(".ik-panel")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator(".ik-panel")).to_be_hidden()
        page.keyboard.press("Control+a")
        tab.until("x.selected.height", "705")
        page.keyboard.press("/")
        page.keyboard.type("acct_26")
        page.keyboard.press("Enter")
        tab.until("x.filter.text", "'acct_26'")
        for key in ("x", "d", "d", "a", "b"):
            page.keyboard.press("ArrowDown")
            page.keyboard.press(key)
        assert page.locator(".jp-Notebook .jp-Cell").count() == 1, "no key of the grid reached the notebook"


def test_two_views_show_the_same_and_a_restart_shows_a_note(lab: Lab) -> None:
    with shown(lab, EXPLORE, "x") as (tab, page):
        one, two = page.locator(".ik").nth(0), page.locator(".ik").nth(1)
        one.locator(".ik-facets label", has_text="Expired").first.locator("input").check()
        expect(two.locator(".ik-chip")).to_have_count(1)
        expect(one.locator(".ik-count")).to_have_text(re.compile("customers$"))  # which are counted last
        expect(two.locator(".ik-count")).to_have_text(one.locator(".ik-count").inner_text())
        two.get_by_role("checkbox", name="Select all").click()
        expect(two.locator(".ik-choice strong")).not_to_have_text("0 selected")
        expect(one.locator(".ik-choice strong")).to_have_text(two.locator(".ik-choice strong").inner_text())
        expect(one.locator(".ik-line.ik-chosen")).not_to_have_count(0)
        page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
        for view in (one, two):
            expect(view.locator("xpath=..").get_by_role("alert")).to_contain_text("Run the cell again")
            view.locator(".ik-facets label").first.click()  # which is not sent
        page.wait_for_timeout(1500)
        tab.run()
        page.locator(".ik-line .ik-badge").first.wait_for()
        expect(page.locator(".ik-count").first).to_have_text(ALL)


FIGURE = """from invitekit import charts
x.under(charts.pareto(ik.progress(x.data(), as_of=dt.date(2026, 3, 30)).pareto))"""


@pytest.mark.parametrize(("dark", "ink"), [(False, "rgb(27, 31, 36)"), (True, "rgb(232, 234, 237)")])
def test_a_bar_of_a_figure_opens_its_records_in_the_colours_of_the_theme(lab: Lab, ink: str, *, dark: bool) -> None:
    with shown(lab, EXPLORE.removesuffix("\nx"), FIGURE, dark=dark) as (tab, page):
        bar = page.locator(".chart [data-choice]").first
        n = (bar.locator("title").text_content() or "").split("\n")[2].split(" ·")[0]
        page.locator(".chart text").first.wait_for()
        assert page.locator(".chart text").first.evaluate("text => getComputedStyle(text).fill") == ink
        bar.click()
        expect(page.locator(".ik-count")).to_contain_text(f"{n} of 705 invitations")
        tab.until("x.count", n)
        check_accessibility(page, ".chart")
        bar.press("Enter")
        expect(page.locator(".ik-count")).to_contain_text(ALL)


SCRIPT = f"""import polars as pl
names = ['<script>window.bad = 1</script>', '<img src=x onerror="window.bad=1">', *{HOSTILE!r}]
held = ['Customer Full Name', 'Failure Cause', 'Remarks', 'Account Manager']
columns = {{name: names for name in held}} | {{'Custom Tag': names[:2] + [None] * len(names[2:])}}
columns['Account'] = [f'{{n}} {{name}}' for n, name in enumerate(names)]
rows = pl.DataFrame({{'Status': ['Association failed'] * len(names)}} | columns)
import invitekit as ik
x = ik.Explorer(ik.load(rows).records)
x"""


SCROLL = """(scroller, top) => new Promise(done => {
  scroller.scrollTop = top;
  // A scroll is heard in the next frame, and its lines are drawn in that frame or in the one after.
  requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done)));
})"""


def test_a_script_as_a_name_is_shown_as_text(lab: Lab) -> None:
    with shown(lab, SCRIPT) as (tab, page):
        page.on("dialog", lambda dialog: tab.problems.append(dialog.message))
        expect(page.locator(".ik-line").first).to_contain_text("<script>")
        scroller, seen = page.locator(".ik-scroller"), set[str]()
        page_height = scroller.evaluate("e => e.clientHeight") // 2  # the head covers lines
        for top in range(0, scroller.evaluate("e => e.scrollHeight"), page_height):
            scroller.evaluate(SCROLL, top)
            expect(page.locator(".ik-line.ik-wait")).to_have_count(0)
            seen |= set(page.locator(".ik-line").evaluate_all("all => all.map(e => e.getAttribute('aria-rowindex'))"))
            markup = page.locator(".ik-line :is(script, img, a, b, i, u, iframe, svg, title, body, plaintext)")
            assert markup.count() == 0
        assert len(seen) == len(HOSTILE) + 2
        scroller.evaluate("e => { e.scrollTop = 0 }")
        page.locator(".ik-line").first.click()
        expect(page.locator(".ik-panel h3")).to_contain_text("<script>")
        tags = page.locator(".ik-facet", has_text="Custom Tag")
        tags.locator("summary").click()
        tags.locator("label", has_text="<img").locator("input").check()
        expect(page.locator(".ik-chip")).to_contain_text("<img")
        tab.until("x.count", "1")
        assert page.evaluate("window.bad") is None


def test_all_matching_but_two_are_confirmed_and_written(lab: Lab, memory: Path) -> None:
    with shown(lab, pick(memory)) as (tab, page):
        page.locator("summary", has_text="Change").click()
        page.get_by_label("Days between invitations").fill("30")
        page.get_by_role("button", name="Show the effect").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Invite again after 30 days")
        dialog.get_by_role("button", name="Keep the rules").click()
        assert tab.value("p.rules.cool_down_days") == "7"
        page.get_by_role("checkbox", name="Select all 115").click()
        expect(page.locator(".ik-choice strong")).to_have_text("115 selected")
        for row in (0, 1):
            box = page.locator(f'.ik-line[aria-rowindex="{row + 2}"] input')
            expect(box).to_be_checked()  # before its rows came, a click would tick what is not ticked yet
            box.click()
            expect(page.locator(".ik-choice strong")).to_have_text(f"{114 - row} selected")
        page.get_by_role("button", name="Customer has to act").click()
        expect(page.locator(".ik-warn", has_text="113 of them not in this list")).to_be_visible()
        page.get_by_role("button", name="Review and write batches").click()
        expect(dialog.get_by_role("heading", level=3)).to_contain_text("Invite 113 customers again")
        expect(dialog.locator(".ik-everyone tbody tr")).to_have_count(113)
        dialog.get_by_role("button", name="Write batches of 113 customers").click()
        expect(dialog.get_by_role("heading", level=3)).to_have_text("Batches of 113 customers are written")
        files = sorted((memory.parent / "batches").glob("*/batch_*.csv"))
        assert pl.concat([pl.read_csv(file, infer_schema=False) for file in files]).height == 113
        tab.until("p.workspace.batches().aggregate('sum(customers)').fetchall()[0][0]", "113")


def test_nothing_personal_is_in_a_saved_notebook(lab: Lab, memory: Path) -> None:
    files = [pl.read_csv(path, infer_schema=False, truncate_ragged_lines=True) for path in DATA.glob("*.csv")]
    frame = pl.concat(files, how="diagonal")
    held = {text for name in frame.columns if re.search("mail|mobile|full name|account name", name, re.IGNORECASE)
            for text in frame[name].drop_nulls() if len(text) > 5}  # fmt: skip
    assert len(held) > 500
    typed = next(text for text in sorted(held) if "@" in text)
    with shown(lab, EXPLORE, pick(memory)) as (tab, page):
        page.get_by_role("searchbox").first.fill(typed)
        tab.until("x.filter.text", repr(typed))
        page.get_by_role("button", name="Show numbers and addresses").first.click()
        page.wait_for_timeout(600)
        page.evaluate(
            """async () => { const app = window.jupyterapp;
            const on = 'notebook:save-widget-state'; if (app.commands.hasCommand(on)) await app.commands.execute(on);
            await app.commands.execute('docmanager:save'); }"""
        )
        page.wait_for_timeout(800)
        saved = (lab.folder / tab.name).read_text("utf-8")
        assert "Explorer: " in saved
        outputs = json.dumps([cell["outputs"] for cell in json.loads(saved)["cells"]] + [json.loads(saved)["metadata"]])
        found = [text for text in held if text in outputs or json.dumps(text)[1:-1] in outputs]
        assert not found, f"{len(found)} values of customers"
        expect(page.locator(".ik-saved").first).to_be_hidden()
    (lab.folder / "saved.ipynb").write_text(saved, "utf-8")
    with lab.opened("saved.ipynb") as tab:  # by a kernel that has none of its models
        for table in (tab.page.locator(".ik-saved table").first, tab.page.locator(".ik-saved table").last):
            expect(table).to_contain_text("•••")
        for gone in tab.page.get_by_text("model not found").all():
            expect(gone).to_be_hidden()


def test_axe_finds_no_problem(lab: Lab, memory: Path) -> None:
    with shown(lab, EXPLORE, pick(memory), dark=True) as (_, page):
        page.get_by_role("grid").first.press("Enter")
        page.locator(".ik-panel").first.wait_for()
        page.get_by_role("checkbox", name="Select all 115").click()
        page.get_by_role("button", name="Review and write batches").click()
        page.get_by_role("dialog").wait_for()
        check_accessibility(page, ".ik")


def test_a_narrow_window_keeps_rows_and_buttons_reachable(lab: Lab) -> None:
    with shown(lab, EXPLORE, width=620, height=900) as (_, page):
        outside = page.evaluate(
            """() => { const root = document.querySelector('.ik').getBoundingClientRect();
            return [...document.querySelectorAll('.ik-bar *, .ik-choice *')].filter(e => {
              if (!e.checkVisibility() || e.closest('.ik-menubox')) return false;
              const b = e.getBoundingClientRect();
              return b.width && (b.right > root.right + 1 || b.left < root.left - 1) })
              .map(e => e.className + ': ' + e.textContent.slice(0, 40)); }"""
        )
        assert outside == []
        assert page.locator(".ik-line").count() >= 3


BUSY = """(code) => { const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  window.over = false;
  kernel.requestExecute({ code }).done.then(() => { window.over = true; }); }"""


def test_a_long_running_cell_does_not_block_the_screen(lab: Lab) -> None:
    with shown(lab, EXPLORE) as (_, page):
        page.evaluate(BUSY, "import time; time.sleep(60)")
        page.locator(".ik-facets label", has_text="Expired").first.locator("input").check()
        expect(page.locator(".ik-count")).to_have_text(re.compile(r"^\d+ of 705 invitations"), timeout=50_000)
        page.locator(".ik-line:not(.ik-wait) input").first.check()
        expect(page.locator(".ik-choice strong")).to_have_text("1 selected", timeout=50_000)
        assert page.evaluate("window.over") is False
        page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()")
        page.wait_for_function("window.over")


def use_subshells(tab: Tab, which: str) -> None:
    """Do what a change of JupyterLab's setting does to the kernel of the notebook that is open."""
    kernel = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
    tab.page.evaluate(f"(which) => {{ {kernel}.commsOverSubshells = which; }}", which)


def test_the_screen_works_without_subshells(lab: Lab) -> None:
    with lab.cells("None") as tab:
        use_subshells(tab, "disabled")
    with shown(lab, EXPLORE) as (tab, page):
        page.locator(".ik-facets label", has_text="Expired").first.locator("input").check()
        tab.until("x.value", "{'status': ['expired']}")
        expect(page.locator(".ik-count")).to_have_text(re.compile(rf"^{int(tab.value('x.count')):,} "))

        before = page.locator(".ik-count").inner_text()
        page.evaluate(BUSY, "import time; time.sleep(3)")
        page.locator(".ik-facets label", has_text="Associated").first.locator("input").check()
        expect(page.locator(".ik-count")).not_to_have_text(before)
        assert page.evaluate("window.over"), "what is clicked meanwhile is answered after it"
        tab.until("x.value", "{'status': ['associated', 'expired']}")
        expect(page.locator(".ik-count")).to_have_text(re.compile(rf"^{int(tab.value('x.count')):,} "))
        use_subshells(tab, "perCommTarget")
