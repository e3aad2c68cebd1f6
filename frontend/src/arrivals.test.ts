// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test } from "vitest";
import { Arrivals } from "./arrivals.ts";
import { Dialog } from "./dialog.ts";
import { h } from "./dom.ts";
import type { PageContext } from "./page.ts";
import type { PageRequest, PageState, Unread } from "./protocol.ts";
import { Answers } from "./transfer.ts";

const unread = (question: Unread["question"]): Unread => ({
  file: "a.csv",
  problem: "No status.",
  hint: "h",
  question,
});

let asked: PageRequest[];
let arrivals: Arrivals;
let page: PageContext & { state: PageState };
const one = <Kind extends HTMLElement>(selector: string) => document.querySelector(selector) as Kind;
const press = (text: string) =>
  [...document.querySelectorAll("button")].find((button) => button.textContent === text)?.click();

function say(more: Partial<PageState>): void {
  page.state = { ...page.state, ...more };
  arrivals.draw();
}

beforeEach(() => {
  asked = [];
  const ask = (request: PageRequest) => asked.push(request);
  const offered = { files: [], workspaces: [] };
  page = {
    state: { type: "state", language: "en", languages: {}, words: {}, status: "open", run: "a", offered },
    answers: new Answers(ask),
    text: (word) => word,
    number: String,
    ask,
    showProblem: () => {},
  };
  const notice = h("div");
  document.body.append(notice);
  arrivals = new Arrivals(page, new Dialog(), notice);
});
afterEach(() => document.body.replaceChildren());

test.each([
  [0, "changed_since nothing_changed"],
  [154, "changed_since not_compared"],
])("%i rows that cannot be compared are never said to be unchanged", (unmatched, text) => {
  say({ changes: { before: "2026-03-23", after: "2026-03-30", counts: [["vanished", 0]], unmatched } });
  expect(document.body.textContent).toContain(text);
});

test("a file that lacks a header is asked about once, and again when the notice is pressed", () => {
  say({ failed: [unread({ kind: "column", columns: [["status", "Status"]], options: ["Zustand"], previews: [] })] });
  expect(one<HTMLDialogElement>("dialog").open).toBe(true);
  press("words_save");
  expect(asked).toEqual([]); // nothing is chosen yet
  one<HTMLSelectElement>("dialog select").value = "Zustand";
  press("words_save");
  expect(asked).toEqual([{ type: "answer", file: "a.csv", kind: "column", columns: { status: "Zustand" } }]);
  say({});
  expect(one<HTMLDialogElement>("dialog").open).toBe(false);
  press("choose_how");
  expect(one<HTMLDialogElement>("dialog").open).toBe(true);
});

test("an unreadable file is named with what to do, and no question is asked", () => {
  say({ failed: [unread(null)] });
  expect([one("p.warning").textContent, one<HTMLDialogElement>("dialog").open]).toEqual(["No status. h", false]);
});

test("without a message there is no notice", () => {
  say({ workspace: "memory.duckdb", failed: [] });
  expect(document.querySelectorAll("button")).toHaveLength(0);
});

test("a closed notice stays closed until another file is opened", () => {
  say({ added: [["a.csv", false]] });
  press("close");
  expect(document.querySelectorAll("p")).toHaveLength(0);
  say({ changes: { before: "2026-03-23", after: "2026-03-30", counts: [["appeared", 2]], unmatched: 0 } });
  expect(document.querySelectorAll("p")).toHaveLength(0);
  say({ run: "b" });
  expect(one("button.link").textContent).toBe("ch_appeared");
});

test("what was changed or damaged in the cells is listed", () => {
  const reading = { time_zone: "UTC", day_first: null, without_offset: 0, undecided: 0, headers: [], columns: [] };
  say({ reading: { ...reading, chosen: {}, notes: ["1 row is in merged cells."] } });
  expect(one("li").textContent).toBe("1 row is in merged cells.");
});

test("a file that was just added can be taken out, and one with the content of another day is named", () => {
  say({ added: [["a.csv", true]], new: 0 });
  expect(document.body.textContent).not.toContain("take_out");
  say({ added: [["a.csv", false]], new: 1, same_content: [["a.csv", "2026-03-23"]] });
  expect(one("p.warning").textContent).toBe("same_content");
  press("take_out");
  expect(asked).toEqual([{ type: "take_out" }]);
});
