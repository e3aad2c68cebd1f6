"""The page in a real browser: what is open and selected survives a reload, a second tab, and a lost connection."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal
from urllib.request import urlopen

import polars as pl
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

import invitekit as ik
from tests.browser.lab import check_accessibility
from tests.conftest import DATA, served

pytestmark = [pytest.mark.browser, pytest.mark.slow]
FIRST = min(DATA.glob("*.csv"))


@contextmanager
def opened(browser: Browser, url: str, width: int = 1400, *, dark: bool = False, lax: bool = False) -> Iterator[Page]:
    """Open an address in Chromium; unless lax, check at the end that nothing went wrong or left the machine."""
    wrong: list[str] = []
    base = url.partition("/?")[0]
    own = (base, base.replace("http", "ws"), "data:", "blob:")
    scheme: Literal["dark", "light"] = "dark" if dark else "light"
    context = browser.new_context(viewport={"width": width, "height": 850}, color_scheme=scheme)
    context.on("request", lambda r: None if r.url.startswith(own) else wrong.append(r.url))
    context.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda e: wrong.append(str(e)))
    page.goto(url)
    yield page
    assert lax or wrong == []
    context.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page on the sample, with a workspace that it was added to."""
    with served(tmp_path_factory.mktemp("app"), str(DATA), "-w", "memory.duckdb") as one:
        yield one


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page on the sample, without a workspace."""
    with served(tmp_path_factory.mktemp("bare"), str(DATA)) as one:
        yield one


def _rows(page: Page, tab: str) -> None:
    page.locator(f"#screen-{tab} .ik-line .ik-badge").first.wait_for()


def _section(page: Page, name: str) -> Locator:
    return page.locator("#rail").get_by_role("button", name=re.compile(f"^{name}"))


def _selected(page: Page, tab: str, count: int) -> None:
    expect(page.locator(f"#screen-{tab} .ik-choice strong")).to_have_text(f"{count:,} selected")


def test_files_become_a_page_with_picker_explorer_and_export(browser: Browser, bare: str) -> None:
    with opened(browser, bare) as page:
        _rows(page, "pick")
        expect(_section(page, "Invite again")).to_contain_text("115")
        expect(page.locator(".ik-warn", has_text="nothing is remembered")).to_be_visible()
        expect(page.locator("#header")).to_contain_text("4 files · 569 customers · newest 30 Mar 2026")
        expect(page.locator("#header")).to_contain_text("3 rows rejected")
        page.get_by_role("link", name="Trends and causes").click()
        expect(page.locator(".ik-count", has_text=re.compile("^705 invitations of 569 customers"))).to_be_visible()
        page.get_by_role("link", name="Export without names").click()
        expect(page.get_by_role("radio")).not_to_have_count(0)
        page.go_back()
        _rows(page, "explore")


def test_without_files_the_page_asks_what_to_open_also_after_a_bad_file(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "good.csv").write_bytes(FIRST.read_bytes())
    with served(tmp_path) as address, opened(browser, address) as page:
        for name in ("empty.csv", "good.csv"):
            page.get_by_label(name).check()
            page.get_by_label("Keep in").select_option(label="no workspace: only look")
            page.get_by_role("button", name="Open", exact=True).click()
            if name == "empty.csv":
                expect(page.locator("#problem strong", has_text="empty.csv")).to_be_visible()
        _rows(page, "pick")
        page.get_by_role("button", name="Open files").click()
        expect(page.get_by_role("dialog").get_by_label("good.csv")).to_be_visible()


def test_a_file_chosen_in_the_dialog_closes_it_and_counts_of_other_files_are_gone(
    browser: Browser, tmp_path: Path
) -> None:
    first, second = sorted(DATA.glob("*.csv"))[:2]
    for file in (first, second):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with served(tmp_path, first.name, "-w", "week.duckdb") as address, opened(browser, address) as page:
        _rows(page, "pick")
        expect(page.locator("#header")).to_contain_text("416 customers")
        page.evaluate(WATCH_HEADER)
        page.get_by_role("button", name="Open files").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label(second.name).check()
        dialog.get_by_role("button", name="Open", exact=True).click()
        expect(dialog).to_be_hidden()
        expect(page.locator("#header")).to_contain_text("2 files · 465 customers · newest 16 Mar 2026")
        assert [text for text in page.evaluate("window.headers") if "2 files" in text and "416" in text] == []


WATCH_HEADER = """() => {
  const header = document.getElementById("header");
  window.headers = [];
  new MutationObserver(() => window.headers.push(header.innerText)).observe(header, { childList: true });
}"""


def test_the_list_of_each_screen_and_its_selected_rows_are_downloaded(browser: Browser, address: str) -> None:
    def downloaded(name: str) -> Path:
        with page.expect_download() as download:
            screen.get_by_role("button", name=name).click()
        return Path(download.value.path())

    with opened(browser, address) as page:
        for tab, menu in (("pick", "Options"), ("explore", "Download")):
            if tab == "explore":
                page.get_by_role("link", name="Trends and causes").click()
            screen = page.locator(f"#screen-{tab}")
            _rows(page, tab)
            screen.locator(".ik-line .ik-check input").first.click()
            _selected(page, tab, 1)
            assert pl.read_excel(downloaded("Download list")).height == 1
            screen.locator(".ik-bar summary", has_text=menu).click()
            rows = pl.read_csv(downloaded("Download this list (CSV)")).height
            assert pl.read_excel(downloaded("Download this list (Excel)")).height == rows > 1
            screen.get_by_role("button", name="Clear").click()
            _selected(page, tab, 0)


def test_the_page_counts_customers_also_while_every_row_of_every_file_is_shown(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        _rows(page, "pick")
        page.locator("#screen-pick .ik-bar summary", has_text="Options").click()
        page.get_by_label("Every row of every file").check()
        _section(page, "All customers").click()
        expect(page.locator("#screen-pick .ik-count")).to_contain_text("2,397")
        page.reload()
        expect(page.locator("#screen-pick h2")).to_have_text("569 customers in all")
        expect(page.locator("#header")).to_contain_text("569 customers · newest 30 Mar 2026")
        page.locator("#screen-pick .ik-bar summary", has_text="Options").click()
        page.get_by_label("Every row of every file").uncheck()
        _section(page, "Invite again").click()
        expect(page.locator("#screen-pick .ik-count")).to_contain_text("115")


def test_a_filter_and_a_selection_survive_reload_close_and_a_second_tab(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        page.get_by_role("link", name="Trends and causes").click()
        _rows(page, "explore")
        page.locator("#screen-explore .ik-facets label", has_text="Expired").click()
        chip = page.locator("#screen-explore .ik-chip")
        expect(chip).to_contain_text("Expired")
        page.locator("#screen-explore .ik-line .ik-check input").nth(1).click()
        _selected(page, "explore", 1)
        page.reload()
        _rows(page, "explore")
        expect(chip).to_contain_text("Expired")
        _selected(page, "explore", 1)
        other = page.context.new_page()
        other.goto(page.url)
        _rows(other, "explore")
        _selected(other, "explore", 1)
        other.locator("#screen-explore .ik-line .ik-check input").nth(2).click()
        _selected(page, "explore", 2)
        other.close()
        page.locator("#screen-explore .ik-line .ik-check input").nth(3).click()
        _selected(page, "explore", 3)
    with opened(browser, address) as page:
        page.get_by_role("link", name="Trends and causes").click()
        _selected(page, "explore", 3)
        expect(page.locator("#screen-explore .ik-chip")).to_contain_text("Expired")


@pytest.mark.parametrize(("width", "dark", "axe"), [(1400, True, True), (933, False, False), (390, False, True)])
def test_axe_finds_no_problem_and_everything_is_reachable(
    browser: Browser, address: str, width: int, *, dark: bool, axe: bool
) -> None:
    """Look at each state in light and dark, at 150% of a window of 1400 pixels, and as wide as a telephone."""

    def check(part: str | None = None) -> None:
        expect(page.locator(".ik-busy:visible")).to_have_count(0)  # rows that are about to be replaced are faded
        if axe:
            check_accessibility(page, part)
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    with opened(browser, address, width, dark=dark) as page:
        _rows(page, "pick")
        page.get_by_role("checkbox", name="Select all").click()
        page.get_by_role("button", name="Review and write batches").wait_for()
        page.locator("#screen-pick .ik-line").nth(1).hover()
        page.locator("#screen-pick .ik-line .ik-cell").nth(1).click()
        page.locator(".ik-panel h3").wait_for()
        check()
        page.locator(".ik-panel").get_by_role("button", name="Close").click()
        page.get_by_role("button", name="Clear").click()
        expect(page.locator("#screen-pick .ik-choice strong")).to_have_text("0 selected")
        for menu in ("Status", "Sent", "Options"):
            page.locator("#screen-pick .ik-bar summary", has_text=menu).first.click()
            check("#screen-pick .ik-bar")  # the rest is as it was
            page.locator("#screen-pick .ik-bar summary", has_text=menu).first.click()
        page.locator("#notice").get_by_role("button", name="newly failed").click()
        expect(page.locator("#screen-pick h2")).to_contain_text("newly failed")
        check()
        page.locator("#screen-pick").get_by_role("button", name="Show all").click()
        page.evaluate("location.hash = 'sent'")
        expect(_section(page, "Sent, results")).to_be_in_viewport(ratio=1)
        check()
        _section(page, "Invite again").click()
        check("#rail")
        for link, shown in (("Trends and causes", "#screen-explore .ik-badge"), ("Export without names", ".ikx input")):
            page.get_by_role("link", name=link).click()
            page.locator(shown).first.wait_for()
            check()
        page.get_by_role("button", name="Open files").click()
        check()


def test_a_lost_connection_is_reported_and_restored(browser: Browser, address: str) -> None:
    with opened(browser, address, lax=True) as page:
        _rows(page, "pick")
        selected = page.locator("#screen-pick .ik-choice strong")
        page.locator("#screen-pick .ik-line .ik-check input").first.click()
        expect(selected).to_have_text(re.compile("^[1-9]"))
        before = selected.inner_text()  # not always one: what an earlier test has selected stays so
        page.evaluate(UNPLUG)
        expect(page.locator("#problem")).to_contain_text("connection to invitekit was lost")
        page.evaluate("() => { window.WebSocket = window.plugged; }")
        expect(page.locator("#problem")).to_be_hidden()
        _rows(page, "pick")
        expect(selected).to_have_text(before)


UNPLUG = """() => {
  window.plugged = window.WebSocket;
  window.WebSocket = class { constructor() { setTimeout(() => this.onclose(), 10); } };
  window.invitekit.socket.close();
}"""
"""Lets no new connection through, and drops the one there is, as a laptop that sleeps does."""


def test_a_sorted_column_of_the_plan_keeps_its_direction(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        _rows(page, "pick")
        header = page.locator("#screen-pick [role=columnheader]", has_text="Manager")
        for expected in ("ascending", "descending", "none", "ascending"):
            header.locator("button").click()
            expect(header).to_have_attribute("aria-sort", expected)
        page.reload()
        expect(header).to_have_attribute("aria-sort", "ascending")


def test_a_customer_is_marked_as_resolved_and_as_not_to_be_invited(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, str(DATA), "-w", "memory.duckdb") as address, opened(browser, address) as page:
        _section(page, "Customer has to act").click()
        expect(page.locator("#screen-pick h2")).to_have_text("127 customers have to act first")
        page.locator(".ik-menus summary", has_text="Status").click()
        page.locator(".ik-menus label", has_text="Association failed").click()
        page.locator(".ik-search").click()
        page.locator("#screen-pick .ik-line", has_text="Failed").first.click()
        page.locator(".ik-panel summary", has_text="Mark done").click()
        panel, box = (page.locator(name).bounding_box() for name in (".ik-panel", ".ik-panel [open] .ik-menubox"))
        assert panel is not None
        assert box is not None
        assert panel["x"] <= box["x"] <= box["x"] + box["width"] <= panel["x"] + panel["width"], "it is not cut off"
        expect(page.get_by_label("Done on")).to_have_value("2026-03-30")
        page.locator(".ik-panel").get_by_role("button", name="Save").click()
        expect(page.locator(".ik-said")).to_be_hidden()
        other = page.locator("#screen-pick .ik-line", has_text="Failed").first
        account = other.locator(".ik-second").first.inner_text().split(" · ")[0]
        other.click()
        page.locator(".ik-panel summary", has_text="Do not invite any more").click()
        page.get_by_label("Asked for on").fill("2026-03-28")
        page.get_by_label("Note").fill("by phone")
        page.locator(".ik-panel").get_by_role("button", name="Save").click()
        expect(page.locator(".ik-said")).to_be_hidden()
        _section(page, "Cannot be invited").click()
        page.locator(".ik-search").fill(account)
        page.locator("#screen-pick .ik-line", has_text=account).first.click()
        expect(page.locator(".ik-panel")).to_contain_text("Marked on 2026-03-28: do not invite this customer any more.")
        expect(page.locator(".ik-panel").get_by_role("button", name="Take the mark back")).to_be_visible()
    with ik.Workspace(tmp_path / "memory.duckdb") as workspace:
        marked = workspace.marks().select("failure_code = 'do_not_invite', resolved_at::date::varchar, note").fetchall()
    assert marked == [(False, "2026-03-30", None), (True, "2026-03-28", "by phone")]


HEADERS = "Account Name,Status,Invitation Method,Invitation Time,Association Time\n"
MONDAY = "acme,Expired,Email,2026-01-10,\nbeta,Expired,Email,2026-01-10,\ncora,Expired,Link,2026-01-10,\n"
NEXT_MONDAY = (
    "acme,Associated,Email,2026-03-30,2026-04-02\nbeta,Invited,Email,2026-03-30,\ncora,Expired,Link,2026-01-10,\n"
)
DROP = """([name, text]) => {
  const files = new DataTransfer();
  files.items.add(new File([text], name));
  document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, dataTransfer: files }));
}"""


def test_a_weekly_run_takes_twelve_clicks(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "downloads").mkdir()
    (export := tmp_path / "downloads" / "history_2026-03-30.csv").write_text(HEADERS + MONDAY)
    clicks, began = 0, time.monotonic()

    def click(what: Locator) -> None:
        nonlocal clicks
        clicks += 1
        what.click()

    def button(name: str) -> Locator:
        return page.get_by_role("button", name=name)

    with served(tmp_path) as address, opened(browser, address) as page:
        with page.expect_file_chooser() as chooser:
            click(button("Choose files"))
        chooser.value.set_files(export)
        click(page.get_by_role("dialog").get_by_role("button", name="Open", exact=True))
        expect(page.locator("#screen-pick h2")).to_have_text("3 customers can be invited again on 30 Mar 2026")
        click(page.locator("#screen-pick .ik-head .ik-check input"))
        click(button("Review and write batches"))
        click(button("Write batches of 3 customers"))
        click(button("Go to the batches"))
        card = page.locator(".ik-batch")
        with page.expect_download() as download:
            click(card.get_by_role("button", name="Download", exact=True))
        click(card.get_by_text("Untick customers who were not invited"))
        click(card.get_by_role("checkbox", name="cora"))
        expect(card.get_by_label("Sent on")).to_have_value("2026-03-30")
        click(card.get_by_role("button", name="Mark 2 as sent"))
        expect(_section(page, "Written, not sent yet")).to_contain_text("0")
        page.evaluate(DROP, ["history_2026-04-06.csv", HEADERS + NEXT_MONDAY])
        click(page.get_by_role("dialog").get_by_role("button", name="Open", exact=True))
        expect(page.locator("#notice")).to_contain_text("Since 30 Mar 2026: 1 now associated")
        click(_section(page, "Sent, results"))
        for text in ("Sent on 30 Mar 2026", "to 2 customers", "Associated 1", "Expired 1"):
            expect(card).to_contain_text(text)
        card.get_by_text("Left out: 1").click()
        expect(card.locator(".ik-values")).to_have_text("cora")
        _section(page, "Associated").click()
        page.locator("#screen-pick .ik-line", has_text="acme").click()
        expect(page.locator(".ik-panel .ik-happened").first).to_contain_text("30 Mar 2026 marked as sent by")
        assert clicks <= 12
        assert time.monotonic() - began < 120
        batch = ik.load(download.value.path().rename(tmp_path / "batch_2026-03-30.xlsx"))
    assert sorted(batch.records["account_name"]) == ["acme", "beta", "cora"]


def test_a_dropped_file_without_a_date_in_its_name_asks_for_its_day(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path) as address, opened(browser, address) as page:
        expect(page.get_by_role("button", name="Choose files")).to_be_visible()
        page.evaluate(DROP, ["customers.csv", HEADERS + MONDAY])
        dialog, why = page.get_by_role("dialog"), page.get_by_text("Choose the day on which each file was exported")
        expect(why).to_be_visible()
        expect(dialog.get_by_role("button", name="Open", exact=True)).to_be_disabled()
        dialog.get_by_label("Exported on").fill("2026-03-30")
        expect(why).to_be_hidden()
        dialog.get_by_role("button", name="Open", exact=True).click()
        expect(page.locator("#screen-pick h2")).to_contain_text("3 customers can be invited again")


def test_the_day_of_the_plan_is_typed_and_stays_in_focus(browser: Browser, bare: str) -> None:
    with opened(browser, bare) as page:
        _rows(page, "pick")
        day = page.get_by_label("Plan for")
        day.focus()
        page.keyboard.type("06012026", delay=300)
        expect(page.locator("#screen-pick h2")).to_contain_text("1 Jun 2026")
        expect(day).to_have_value("2026-06-01")
        expect(day).to_be_focused()


def test_an_unknown_word_is_taught_on_the_page(browser: Browser, tmp_path: Path) -> None:
    rows = ["Account Name,Status,Invitation Method,Invitation Time", "acme,In Bearbeitung,Email,2026-01-10 09:00:00"]
    rows += ["beta,Expired,Email,2026-01-10 09:00:00", "cora,On ice,Email,2026-01-10 09:00:00"]
    (tmp_path / "history_2026-03-30.csv").write_text("\n".join(rows) + "\n", "utf-8")
    words = ("history_2026-03-30.csv", "-w", "w.duckdb")
    with served(tmp_path, *words) as address, opened(browser, address) as page:
        expect(page.locator("#notice")).to_contain_text("2 records have words that are not known")
        expect(_section(page, "Invite again")).to_contain_text("1")
        page.get_by_role("button", name="Say what they mean").click()
        page.get_by_role("button", name="Save, and read the files again").click()
        page.get_by_label("In Bearbeitung").select_option("expired")
        page.get_by_role("button", name="Save, and read the files again").click()
        expect(page.locator("#notice")).to_contain_text("1 record has a word that is not known")
        expect(_section(page, "Invite again")).to_contain_text("2")
        assert "On ice" not in (tmp_path / "invitekit-words.toml").read_text("utf-8")
        page.reload()
        expect(_section(page, "Invite again")).to_contain_text("2")
    with served(tmp_path, "history_2026-03-30.csv") as address, opened(browser, address) as page:
        expect(_section(page, "Invite again")).to_contain_text("2")


ATTACK = """async base => {
  const tried = {}, ask = async (what, call) => {
    try { const found = await call(); tried[what] = found.type === "opaque" ? "opaque" : await found.text() }
    catch { tried[what] = "refused" }
  }
  const file = { method: "POST", body: "Account,Status\\nx,Invited\\n", credentials: "include" }
  await ask("read", () => fetch(base + "/", { credentials: "include" }))
  await ask("read a script", () => fetch(base + "/app.js", { credentials: "include" }))
  await ask("read without asking", () => fetch(base + "/", { credentials: "include", mode: "no-cors" }))
  await ask("upload", () => fetch(base + "/upload?name=a.csv", { ...file, headers: { "X-Invitekit": "1" } }))
  await ask("upload without asking", () => fetch(base + "/upload?name=a.csv", { ...file, mode: "no-cors" }))
  const load = (tag, url) => new Promise(done => {
    const one = document.createElement(tag); one.onload = () => done("loaded"); one.onerror = () => done("refused")
    one.src = url; document.body.append(one) })
  tried.script = await load("script", base + "/app.js")
  tried.image = await load("img", base + "/app.css")
  tried.socket = await new Promise(done => {
    const one = new WebSocket(base.replace("http", "ws") + "/socket")
    one.onopen = () => done("open"); one.onerror = () => done("refused") })
  const frame = document.createElement("iframe"); frame.src = base + "/"; document.body.append(frame)
  await new Promise(done => frame.onload = done)
  try { tried.frame = frame.contentDocument.body.innerText } catch { tried.frame = "refused" }
  return tried
}"""


def test_a_page_of_another_site_reads_sends_and_changes_nothing(browser: Browser, address: str, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html><title>attacker</title><body>", encoding="utf-8")
    site = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    base = address.partition("/?")[0]
    with ThreadingHTTPServer(("127.0.0.1", 0), site) as server, opened(browser, address, lax=True) as page:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        _rows(page, "pick")
        files = page.locator("#header").inner_text()
        attacker = page.context.new_page()
        # "localhost" is another site than "127.0.0.1"; another port of the latter is the same site, and another origin.
        for host in ("localhost", "127.0.0.1"):
            attacker.goto(f"http://{host}:{server.server_port}/")
            tried = attacker.evaluate(ATTACK, base)
            without_asking = {tried.pop("read without asking"), tried.pop("upload without asking")}
            assert without_asking <= {"opaque", "refused"}, host
            assert tried == dict.fromkeys(tried, "refused"), host
        attacker.set_content(f'<form method=post action="{base}/upload?name=a.csv"><input name=a value=b></form>')
        with attacker.expect_navigation() as sent:
            attacker.evaluate("document.forms[0].submit()")
        assert sent.value is not None
        assert sent.value.status == 403
        rebound = attacker.goto(address.replace("127.0.0.1", "rebound.localhost"))
        assert rebound is not None
        assert rebound.status == 403, "another name of this machine, as after DNS rebinding, even with the token"
        page.reload()
        _rows(page, "pick")
        assert page.locator("#header").inner_text() == files
        server.shutdown()


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads the list of processes of Linux")
def test_another_user_of_the_machine_finds_the_token_in_no_process_no_log_and_no_file(tmp_path: Path) -> None:
    printed = list[str]()
    with served(tmp_path, str(FIRST), "-w", "memory.duckdb", said=printed) as address:
        assert urlopen(address, timeout=30).status == 200
        token = address.rpartition("=")[2].encode()
        lines = list[bytes]()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended
                lines.append((process / "cmdline").read_bytes())
        assert any(b"app" in line for line in lines)
        assert [line for line in lines if token in line] == []
        mine = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert {path.stat().st_mode & 0o077 for path in mine} == {0}
    assert len([line for line in printed if token.decode() in line]) == 1, "the address, and no request"
