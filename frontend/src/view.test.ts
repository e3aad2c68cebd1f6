// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { render as renderPicker } from "./picker.ts";
import { counts, days, FakeModel, facet, page, state, sumsOf, VIEW } from "./testing.ts";
import { bins } from "./timeline.ts";
import { View } from "./view.ts";

const init = (words: Record<string, string> = {}) =>
  ({ type: "init", version: 0, words, hints: {}, groups: [], language: "en" }) as const;
const preview = { ...page(), type: "preview" as const, keys: [null] };

let model: FakeModel;
let close: () => void;
const all = (selector: string) => [...document.querySelectorAll<HTMLElement>(selector)];
const one = (selector: string) => {
  const [element] = all(selector);
  if (!element) throw new Error(`There is no ${selector}.`);
  return element;
};
const texts = (selector: string) => all(selector).map((element) => element.textContent);

function mount(words: Record<string, string> = {}): void {
  model = new FakeModel();
  const view = new View(model, document.body);
  close = () => view.close();
  for (const message of [init(words), state({ ready: false, total: null }), preview, state()]) model.say(message);
}

/** Press or release a button, as a browser tells it. */
function pointer(kind: string, element: Element, clientX = 0): void {
  element.dispatchEvent(new PointerEvent(kind, { bubbles: true, button: 0, pointerId: 1, clientX }));
}

/** Let what waits for a release happen. */
const released = () => vi.advanceTimersByTime(1);

beforeEach(() => {
  vi.useFakeTimers();
  // No layout here: the chart is ten pixels long, and there is no pointer to capture.
  Element.prototype.setPointerCapture = () => {};
  Element.prototype.getBoundingClientRect = () => new DOMRect(0, 0, 10, 10);
});
afterEach(() => {
  vi.restoreAllMocks();
  close();
  document.body.replaceChildren();
  vi.useRealTimers();
});

describe("while a button is down", () => {
  beforeEach(() => {
    mount();
    model.say(page());
    model.say(counts({ facets: [facet("status", { expired: 3 })] }));
  });

  test.each([
    ["the same row", page(["acme, renamed"])],
    ["another row", page(["beta"], { keys: [8] })],
    ["a row of another view", page(["beta"], { version: 1, state: VIEW })],
  ])("a click means the row that was seen, though %s comes", (_, message) => {
    const box = one(".ik-line input");
    pointer("pointerdown", box);
    model.say(message);
    pointer("pointerup", box);
    box.click();
    expect(model.asked("select")).toEqual([{ type: "select", version: 0, action: "add", keys: [7] }]);
    released();
    expect(texts(".ik-line .ik-text")).toEqual(message.cells.account_name);
  });

  test("a click opens the row that was shown", () => {
    const line = one(".ik-line .ik-text");
    pointer("pointerdown", line);
    model.say(page(["beta"], { keys: [8] }));
    expect(line.isConnected).toBe(true);
    pointer("pointerup", line);
    line.click();
    expect(model.asked("get_details")).toEqual([{ type: "get_details", key: 7 }]);
    released();
    expect(line.isConnected).toBe(false);
  });

  test("a value of a facet keeps its position, and is applied once the button is released", () => {
    const box = one(".ik-value input");
    pointer("pointerdown", box);
    model.say(counts({ facets: [facet("status", { failed: 9, expired: 2 })] }));
    expect(texts(".ik-value .ik-n")).toEqual(["3"]);
    pointer("pointerup", box);
    box.click();
    expect(model.asked("set_filter")[0]).toMatchObject({ filter: { status: ["expired"] }, request: 1 });
    released();
    expect(texts(".ik-value .ik-n")).toEqual(["9", "2"]);
  });
});

test.each([
  [0, "no_rowsno_records"],
  [3, "no_rows"],
])("without rows, a view of %i rows in all says what is missing", (total, note) => {
  mount();
  model.say(state({ total }));
  for (const message of [page([]), counts({ matched: 0, total })]) model.say(message);
  expect(texts(".ik-note")).toEqual([note]);
});

test("a closed panel stays closed when a late answer arrives", () => {
  mount();
  const details = {
    key: 7,
    fields: [],
    codes: {},
    invitations: [],
    selectable: true,
    selected: false,
    messages: [],
    sent: [],
  };
  const answer = { type: "details", version: 0, unmasked: false, details } as const;
  const panel = () => one(".ik-panel");
  model.say(page(["acme"]));
  one(".ik-line .ik-text").click();
  model.say(answer);
  expect(panel().hidden).toBe(false);
  one(".ik-panel .ik-close").click();
  model.say(answer);
  expect(panel().hidden).toBe(true);
});

test.each([
  ["once it has arrived", page(), [{ type: "get_details", key: 7 }]],
  ["not if another view is shown by then", page(["beta"], { version: 1, state: VIEW }), []],
])("a row that is opened before it has arrived opens %s", (_, message, expected) => {
  mount();
  one(".ik-scroller").dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
  expect(model.asked("get_details")).toEqual([]);
  model.say(message);
  model.say(message);
  expect(model.asked("get_details")).toEqual(expected);
});

test("a tick of a value stays when the answer to the previous one arrives", () => {
  mount();
  model.say(counts({ facets: [facet("status", { expired: 3, failed: 2, invited: 1 })] }));
  const boxes = () => all(".ik-value input") as HTMLInputElement[];
  boxes()[0]?.click();
  boxes()[1]?.click();
  const [first] = model.asked("set_filter");
  model.say(state({ version: 1, filter: { status: ["expired"] }, acked: { [String(first?.screen)]: 1 } }));
  model.say(counts({ version: 1, facets: [facet("status", { failed: 2, expired: 3, invited: 1 })] }));
  expect(boxes().map((box) => [box.dataset.facet, box.checked])).toEqual([
    ["status:failed", true],
    ["status:expired", true],
    ["status:invited", false],
  ]);
});

test("a long list of values keeps its elements, its search and its focus", () => {
  const many = [facet("country", Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`land_${n + 10}`, 99 - n])))];
  mount();
  model.say(counts({ facets: many }));
  const list = one(".ik-values");
  const search = one(".ik-part") as HTMLInputElement;
  search.focus();
  search.value = "LAND_57";
  search.dispatchEvent(new Event("input"));
  model.say(counts({ facets: many }));
  expect([one(".ik-values"), document.activeElement]).toEqual([list, search]);
  expect(texts(".ik-value")).toEqual(["land_5752"]);
});

test("counts that arrive before their page are shown; the old rows stay until new ones arrive", () => {
  mount({
    some_rows: "{n} of {total}",
    all_rows: "all {total}",
    selected: "{n} chosen",
    only_selected: "only these",
    clear: "none",
  });
  model.say(page());
  model.say(counts({ total: 9, days: days(4, 5) }));
  const filter = { invited_from: "2026-03-02" };
  const { days: _, ...early } = counts({ version: 1, total: 9, matched: 2, selectable: 2, filter, acked: {} });
  model.say({ ...early, facets: [facet("status", { expired: 4 })] });
  expect([one(".ik-count").textContent, texts(".ik-value .ik-n"), texts(".ik-line .ik-text")]).toEqual([
    "2 of 9",
    ["4"],
    ["acme"],
  ]);
  expect(one(".ik-brush").getAttribute("width")).toBe("300"); // the second of two days
  model.say({ type: "selected", version: 1, selected: 1, hidden: 0, can_undo: true });
  model.say(page(["acme", "beta"], { version: 1, state: { ...VIEW, filter } }));
  expect([one(".ik-count").textContent, texts(".ik-line .ik-text")]).toEqual(["2 of 9", ["acme", "beta"]]);
  expect(texts(".ik-choice strong, .ik-choice button")).toEqual(["1 chosen", "only these", "none"]);
});

describe("the brush", () => {
  const facets = [facet("status", { expired: 3 })];
  const sums = { type: "crossfilter" as const, days: ["0001-01-01", "2026-03-01", "2026-03-02"], matched: 3, facets };
  const numbers = sumsOf([0, 1, 3, 0, 1, 3]);
  const shown = () => texts(".ik-value .ik-n")[0];
  const bars = () => one(".ik-bars");

  beforeEach(() => {
    mount();
    model.say(page());
    model.say(counts({ days: days(1, 2), facets }));
  });

  test("counts at once with sums that arrive while the button is down, and requests them once", () => {
    const aloud = one(".ik-live").textContent;
    pointer("pointerenter", bars());
    pointer("pointerdown", bars(), 1);
    expect(model.asked("get_crossfilter")).toHaveLength(1);
    model.say({ ...sums, filter: {} }, numbers);
    pointer("pointermove", bars(), 4);
    expect(shown()).toBe("1"); // the first of two days
    pointer("pointermove", bars(), 8);
    expect([shown(), one(".ik-live").textContent]).toEqual(["3", aloud]);
    pointer("pointerup", bars(), 8);
    pointer("lostpointercapture", bars());
    expect(model.asked("set_filter")[0]?.filter).toEqual({ invited_from: "2026-03-01", invited_to: "2026-03-02" });
    pointer("pointermove", bars(), 1);
    expect(shown()).toBe("3");
  });

  test("does not count with sums of other rows", () => {
    model.say({ ...sums, filter: {} }, numbers);
    model.say(state({ version: 1, filter: { method: ["link"] } }));
    pointer("pointerdown", bars(), 1);
    expect(model.asked("get_crossfilter")).toHaveLength(1);
    model.say({ ...sums, filter: {} }, numbers); // late
    pointer("pointermove", bars(), 4);
    expect(shown()).toBe("3");
    model.say({ ...sums, filter: { method: ["link"] } }, numbers);
    pointer("pointermove", bars(), 4);
    expect(shown()).toBe("1");
    for (const kind of ["pointercancel", "lostpointercapture"]) pointer(kind, bars());
    released();
    model.say({ ...init(), version: 1 }); // after a new connection they may be of other rows
    pointer("pointerdown", bars(), 1);
    pointer("pointermove", bars(), 4);
    expect(shown()).toBe("3");
  });

  test("changes nothing when the pointer is cancelled", () => {
    model.say({ ...sums, filter: {} }, numbers);
    pointer("pointerdown", bars(), 1);
    pointer("pointermove", bars(), 4);
    expect(shown()).toBe("1");
    pointer("pointercancel", bars());
    pointer("lostpointercapture", bars());
    expect([shown(), one(".ik-brush").getAttribute("width"), model.asked("set_filter")]).toEqual(["3", "0", []]);
  });

  test("keeps its bars until the button is released", () => {
    pointer("pointerdown", bars(), 1);
    pointer("pointermove", bars(), 4);
    const held = bars();
    model.say(counts({ days: days(1, 2, 3), facets }));
    expect(bars()).toBe(held);
    pointer("pointerup", held, 4);
    pointer("lostpointercapture", held);
    released();
    expect(model.asked("set_filter")[0]?.filter).toEqual({ invited_from: "2026-03-01", invited_to: "2026-03-01" });
    expect(texts("figcaption > span").at(-1)).toBe("2026-03-03");
  });

  test("a click removes the dates", () => {
    pointer("pointerdown", bars(), 4);
    pointer("pointerup", bars(), 4);
    expect(model.asked("set_filter")[0]?.filter).toEqual({});
  });
});

test("a bar covers as many days as needed", () => {
  expect(
    bins([
      ["2026-03-01", 5, 2, 1],
      ["2026-03-03", 1, 0, 0],
    ]),
  ).toEqual([
    [2, 1, 2],
    [0, 0, 0],
    [0, 0, 1],
  ]);
  const long = bins([
    ["2020-01-01", 1, 0, 0],
    ["2026-01-01", 2, 0, 2],
  ]);
  expect([long.length <= 150, long.at(-1)]).toEqual([true, [0, 2, 0]]);
});

test("the connect message is repeated until rows are counted", () => {
  model = new FakeModel();
  const view = new View(model, document.body);
  close = () => view.close();
  vi.advanceTimersByTime(3000);
  expect(model.asked("connect")).toHaveLength(2);
  for (const message of [init(), state(), page()]) model.say(message);
  vi.advanceTimersByTime(3000);
  expect(model.asked("connect")).toHaveLength(3);
  model.say(counts());
  vi.advanceTimersByTime(9000);
  expect(model.asked("connect")).toHaveLength(3);
});

test("keys do not reach the notebook, and a slash focuses the search", () => {
  mount();
  const keys = vi.fn();
  document.body.addEventListener("keydown", keys);
  one(".ik-scroller").dispatchEvent(new KeyboardEvent("keydown", { key: "/", bubbles: true, cancelable: true }));
  expect([keys.mock.calls.length, document.activeElement]).toEqual([0, one(".ik-search")]);
});

describe("the picker", () => {
  const plan = {
    tabs: [["resend_now", "Now", 1]] as [string, string, number][],
    rules: { cool_down_days: 7 },
    rules_text: "Pause 7 days.",
    workspace: false,
    unsent_batches: [],
    user: "anna",
  };
  const confirmation = {
    type: "confirmation",
    version: 0,
    count: 1,
    digest: "d",
    folder: "f",
    in_open_batch: 0,
    batches: 1,
    groups: [],
    labels: [],
    rows: [["<b>Acme</b>", null]],
    left_out: [],
  };

  beforeEach(() => {
    model = new FakeModel();
    close = renderPicker({ model, el: document.body });
    for (const message of [init(), state(plan), page(), counts()]) model.say(message);
  });

  test("a card that is drawn again still shows how many are marked as sent", () => {
    const batch = { batch_id: "b", batch: 1, kind: "Invite", files: [], customers: 2, written_at: "2026-03-30" };
    const unsent = { ...batch, sent_at: null, sent_by: null, sent: null };
    close();
    model = new FakeModel();
    close = renderPicker({
      model,
      el: document.body,
      page: { rail: document.createElement("nav"), place: () => "unsent", go: vi.fn(), listen: () => vi.fn() },
    });
    model.say(init({ mark_sent: "Mark {n} as sent", off_list: "Not any more: {n}" }));
    model.say(state({ ...plan, unsent_batches: [{ ...unsent, off_list: 0 }] }));
    const details = one(".ik-batch details");
    details.setAttribute("open", "");
    details.dispatchEvent(new Event("toggle"));
    model.say({
      type: "batch_customers",
      version: 0,
      batch_id: "b",
      customers: ["r1", "r2"].map((id) => [id, id, null]),
      left_out: [],
    });
    one(".ik-batch details input").click();
    expect(texts(".ik-batch .ik-act")).toEqual(["Mark 1 as sent"]);
    model.say(state({ ...plan, unsent_batches: [{ ...unsent, off_list: 1 }] }));
    expect(texts(".ik-batch .ik-act, .ik-batch .ik-warn")).toEqual(["Not any more: 1", "Mark 1 as sent"]);
  });

  test("breaks down by status only the customers whom the heading counts, not those that a filter leaves", () => {
    model.say(init({ list_all: "{n} customers in all", n_with_status: "{n} {text}", breakdown: "{counts}。" }));
    model.say(state({ ...plan, total: 3 }));
    model.say(counts({ total: 3, matched: 3, facets: [facet("status", { expired: 2, invited: 1 })] }));
    expect(texts(".ik-top")[0]).toContain("3 customers in all2 expired · 1 invited。");
    model.say(counts({ total: 3, matched: 2, facets: [facet("status", { expired: 1, invited: 1 })] }));
    expect(texts(".ik-top")[0]).toContain("3 customers in all");
    expect(texts(".ik-top")[0]).not.toContain("expired");
  });

  test("counts customers among all customers, also while every row of every file is shown", () => {
    model.say(init({ list_all: "{n} customers in all" }));
    const tabs: [string, string, number][] = [
      ["resend_now", "Now", 1],
      ["review", "Review", 1],
      ["superseded", "", 7],
    ];
    model.say(state({ ...plan, tabs, total: 9, every_row: true }));
    expect(texts(".ik-top")[0]).toContain("2 customers in all");
    expect(texts(".ik-rail-item").some((text) => text?.includes("9"))).toBe(false);
  });

  test("gives a customer one next step: that of the plan, not the advice on a cause that contradicts it", () => {
    vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(400);
    model.say({ ...init(), hints: { used: ["The link was used.", "Send it again."] } });
    model.say(page(["acme"], { codes: { failure_code: ["used"], decision: ["review"] } }));
    one(".ik-line .ik-cell").dispatchEvent(new PointerEvent("pointermove", { bubbles: true, clientY: 60 }));
    const values = { decision: "Review", reason: "Vanished.", cause: "The link was used.", next_step: "Look it up." };
    const fields = Object.entries({ ...values, advice: "Send it again." }).map(([name, text]) => ({
      name,
      label: name,
      text,
    }));
    expect(texts(".ik-tip")).toEqual(["The link was used."]);
    one(".ik-line .ik-text").click();
    const flags = { selectable: false, selected: false };
    const details = {
      key: 7,
      fields,
      codes: { decision: "review" },
      invitations: [],
      messages: [],
      sent: [],
      ...flags,
    };
    model.say({ type: "details", version: 0, unmasked: false, details });
    expect(texts(".ik-card")).toEqual(["ReviewVanished.The link was used.Look it up."]);
  });

  test("heads the rows of a group with what to do, and shows how many once they are counted", () => {
    vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(400);
    model.say({
      ...init({ all_customers_one: "1", all_customers: "{total}" }),
      groups: [
        ["Expired", "Send it again"],
        ["Used", "Ask"],
      ],
    });
    model.say(page(["a", "b", "c"], { version: 1, groups: [0, 0, 1], state: { ...VIEW, ...plan, grouped: true } }));
    expect(texts(".ik-heading")).toEqual(["ExpiredSend it again", "UsedAsk"]);
    model.say(
      counts({
        version: 1,
        matched: 3,
        groups: [
          [0, 2],
          [1, 1],
        ],
      }),
    );
    expect(texts(".ik-heading")).toEqual(["Expired · 2Send it again", "Used · 1Ask"]);
  });

  test("links to other lists in which a search has hits", () => {
    const filter = { decision: ["resend_now", "resend_as_reseller"], text: "acme" };
    const decisions = facet("decision", { resend_now: 1, review: 2, blocked: 0 });
    model.say(page(["acme"], { version: 1, state: { ...VIEW, ...plan, filter } }));
    model.say(counts({ version: 1, facets: [decisions] }));
    expect(texts(".ik-hits button")).toEqual(["hits_in"]);
    one(".ik-hits button").click();
    expect(model.asked("set_filter")[0]?.filter).toEqual({ decision: ["review"], text: "acme" });
  });

  test("requests values that are not listed, and shows only those of its search", () => {
    const many = {
      ...facet("manager", Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`m${n}`, 9]))),
      full: true,
    };
    model.say(counts({ facets: [many] }));
    const search = one(".ik-part") as HTMLInputElement;
    search.value = "zo";
    search.dispatchEvent(new Event("input"));
    vi.advanceTimersByTime(200);
    expect(model.asked("search_facet")).toEqual([{ type: "search_facet", name: "manager", text: "zo" }]);
    const found = { type: "facet_values" as const, version: 0, name: "manager" };
    model.say({ ...found, text: "z", values: [["zz", "zz", 3]] });
    expect(texts(".ik-value")).toEqual([]);
    model.say({ ...found, text: "zo", values: [["zoe", "zoe", 3]] });
    expect(texts(".ik-value")).toEqual(["zoe3"]);
    model.say(state({ version: 1, ...plan })); // other rows: the number may be another one
    model.say(counts({ version: 1, facets: [many] }));
    vi.advanceTimersByTime(200);
    expect(model.asked("search_facet")).toHaveLength(2);
  });

  test("requests sums too, and counts with them", () => {
    model.say(counts({ days: days(1, 2), facets: [facet("status", { expired: 3 })] }));
    const sums = {
      type: "crossfilter" as const,
      filter: {},
      days: ["0001-01-01", "2026-03-01", "2026-03-02"],
      matched: 3,
    };
    model.say({ type: "crossfilter", filter: {} }); // more than are sent
    model.say({ ...sums, facets: [facet("status", { expired: 3 })] }, sumsOf([0, 1, 3, 0, 1, 3]));
    pointer("pointerdown", one(".ik-bars"), 1);
    pointer("pointermove", one(".ik-bars"), 4);
    expect([texts(".ik-value .ik-n"), one(".ik").dataset.sums]).toEqual([["1"], "2"]);
  });

  test("shows a dialog only to the view that requested it, and no markup in it", () => {
    model.say(confirmation);
    expect(all("dialog[open]")).toEqual([]);
    model.say({ type: "selected", version: 0, selected: 1, hidden: 0, can_undo: true });
    one(".ik-choice .ik-act").click();
    model.say(confirmation);
    expect(one("dialog[open] td").textContent).toBe("<b>Acme</b>");
    expect(all("dialog td b")).toEqual([]);
    one("dialog .ik-act").click();
    expect(model.asked("write_batches")).toEqual([{ type: "write_batches", digest: "d" }]);
    expect(one(".ik-said").hidden).toBe(false);
    model.say({ type: "error", version: 0, problem: "It failed.", hint: "Wait." });
    expect([one(".ik-said").hidden, one(".ik-banner strong").textContent]).toEqual([true, "It failed."]);
  });
});
