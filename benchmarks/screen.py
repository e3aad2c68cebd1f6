"""Response times of the screen in a real JupyterLab and a real browser, with millions of rows."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.commands import AS_OF, INVITEKIT, cost, sample

ROUNDS = 9
PAUSE = 400
"""Milliseconds between two actions, as a person does not click the moment an answer is drawn."""
GOALS = {
    "filter to first page": (120, 250),
    "filter to all counts": (250, 500),
    "text to first page": (250, 700),
    "text to all counts": (600, 1_000),
    "sort to first page": (300, 600),
    "jump to any row": (120, 250),
    "select all matching": (150, 350),
    "brush to the other counts": (80, 150),
}
"""Milliseconds, p50 and p95, at ten million rows."""
WITHOUT_GOAL = ("hover to sums of all days", "released to the kernel's counts")
"""Further times; a person does not wait for them, as the browser counts while days are brushed."""
LOOK = """const look = (is, then) => is() ? requestAnimationFrame(() => then(performance.now() - window.t0))
    : performance.now() - window.t0 > 60000 ? then(NaN) : setTimeout(() => look(is, then), 2);
  const all = (what) => [...document.querySelectorAll(what)];
  const enter = (field, text) => { field.value = text; window.t0 = performance.now();
    field.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true})); };
  const click = (what, text) => { const one = all(what).find(e => e.textContent.includes(text));
    window.t0 = performance.now(); (one.querySelector('input') ?? one).click(); };"""
WAIT = f"""([name, v]) => {{ {LOOK}
  return new Promise(done => look(() => Number(document.querySelector('.ik').dataset[name] ?? -1) >= v, done)); }}"""
CLICK = f"(label) => {{ {LOOK} click('.ik-facets label', label); }}"
TYPE = f"(text) => {{ {LOOK} enter(all('.ik-search')[0], text); }}"
SORT = f"(name) => {{ {LOOK} click('.ik-sort', name); }}"
JUMP = f"""(row) => {{ {LOOK} enter(all('.ik-jump')[0], row);
  const there = `.ik-line[aria-rowindex="${{row + 1}}"]:not(.ik-wait)`;
  return new Promise(done => look(() => all(there).length, done)); }}"""
HOVER = f"""() => {{ {LOOK} const had = all('.ik')[0].dataset.sums; window.t0 = performance.now();
  all('.ik-bars')[0].dispatchEvent(new PointerEvent('pointerenter'));
  return new Promise(done => look(() => all('.ik')[0].dataset.sums !== had, done)); }}"""
DRAG = """([kind, part]) => { const svg = document.querySelector('.ik-bars'), box = svg.getBoundingClientRect();
  svg.setPointerCapture = () => {};  // a simulated pointer cannot be captured
  const shown = () => document.querySelector('.ik-count').textContent, was = shown();
  window.t0 = performance.now();
  svg.dispatchEvent(new PointerEvent(kind, { bubbles: true, pointerId: 1, clientX: box.left + part * box.width,
    clientY: box.top + 9 }));
  // The second frame begins when the first one is painted.
  return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() =>
    done(kind !== 'pointermove' || shown() !== was ? performance.now() - window.t0 : NaN)))); }"""
CHOOSE = f"""() => {{ {LOOK} const shown = () => all('.ik-choice strong')[0].textContent, was = shown();
  window.t0 = performance.now(); all('.ik-head input')[0].click();
  return new Promise(done => look(() => shown() !== was, done)); }}"""


def screen(folder: Path, rows: int | None = None) -> None:
    """Use the grid on annotated records, and print how long each answer took."""
    from tests.browser.lab import chromium, started  # noqa: PLC0415 - only this benchmark needs a browser

    stored = folder / "annotated.parquet"
    cost(
        [INVITEKIT, "annotate", *sample(folder, rows or 1_000_000), "--as-of", AS_OF, "-o", str(stored), "--overwrite"]
    )
    cell = f"""import duckdb, invitekit as ik
con = duckdb.connect()
x = ik.Explorer(con.sql("from '{stored}'"), columns=['effective_status', 'customer_full_name', 'account_name'])
x"""
    home = Path(tempfile.mkdtemp(prefix="invitekit-lab-"))
    with chromium() as browser, started(home, browser) as lab, lab.cells(cell, wait=900) as tab:
        page = tab.page
        page.locator(".ik-facet").first.wait_for(timeout=900_000)
        by_action, ordered = _measure(page, tab)
    print(f"{rows or 1_000_000:,} rows, {ROUNDS} rounds, {PAUSE} ms between two actions; milliseconds")
    for name, times in by_action.items():
        ranked = sorted(times)
        goal = f"goal {GOALS[name][0]} / {GOALS[name][1]}" if name in GOALS else ""
        print(f"{name:31} p50 {ranked[len(ranked) // 2]:6.0f}   p95 {ranked[-1]:6.0f}   {goal}")
    print(f"{'whole order ready':31} {min(ordered):6.0f} to {max(ordered):.0f}")


def _until_ordered(page: Any, tab: Any) -> float:
    """Return the milliseconds until the whole order is stored; a jump to a row far down waits for it."""
    tab.until("x.wait(0)", "True", timeout=120)
    return float(page.evaluate("performance.now() - window.t0"))


def _measure(page: Any, tab: Any) -> tuple[dict[str, list[float]], list[float]]:
    """Return the times of each action, and those until the whole order is stored."""
    times: dict[str, list[float]] = {name: [] for name in (*GOALS, *WITHOUT_GOAL)}
    ordered: list[float] = []

    def version() -> int:
        return int(page.evaluate("Number(document.querySelector('.ik').dataset.settled ?? 0)"))

    def shown(script: str, argument: Any, first: str | None, all_: str | None = None) -> None:
        page.wait_for_timeout(PAUSE)
        v = version() + 1
        page.evaluate(script, argument)
        # Wait in the order of the answers: after a brush, the counts come before the page.
        for what, name in (("page", first), ("settled", all_)) if first else (("settled", all_), ("page", first)):
            took = page.evaluate(WAIT, [what, v])
            if name:
                times[name].append(took)

    labels, texts = ["Association failed", "Expired", "Associated"], ["gmbh", "acct_77", "云", "mgr.chen", "zzzz"]
    for round_ in range(ROUNDS):
        label = labels[round_ % 3]
        shown(CLICK, label, "filter to first page", "filter to all counts")
        page.wait_for_timeout(PAUSE)
        times["select all matching"].append(page.evaluate(CHOOSE))
        page.evaluate(CHOOSE)
        page.wait_for_timeout(PAUSE)
        times["hover to sums of all days"].append(page.evaluate(HOVER))
        start = 0.2 + round_ / 50
        page.evaluate(DRAG, ["pointerdown", start])
        for step in (0.1, 0.2, 0.3):
            page.wait_for_timeout(PAUSE)
            times["brush to the other counts"].append(page.evaluate(DRAG, ["pointermove", start + step]))
        shown(DRAG, ["pointerup", start + 0.3], None, "released to the kernel's counts")
        page.evaluate(DRAG, ["pointerdown", 0.5])
        shown(DRAG, ["pointerup", 0.5], None)  # a click removes the dates
        shown(CLICK, label, "filter to first page", "filter to all counts")
        shown(TYPE, texts[round_ % 5], "text to first page", "text to all counts")
        shown(TYPE, "", "text to first page", "text to all counts")
        by = ["Customer Full Name", "Account Name"][round_ % 2]
        shown(SORT, by, "sort to first page")
        ordered.append(_until_ordered(page, tab))
        total = int(page.evaluate("Number(document.querySelector('.ik-scroller').getAttribute('aria-rowcount')) - 1"))
        for part in (0.31, 0.87):
            page.wait_for_timeout(PAUSE)
            times["jump to any row"].append(page.evaluate(JUMP, int(total * part) + round_))
        shown(SORT, by, "sort to first page")  # descending
        shown(SORT, by, "sort to first page")  # the original order
    return times, ordered
