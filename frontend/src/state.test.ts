import { describe, expect, test } from "vitest";
import type { PickerResponse } from "./protocol.ts";
import {
  initialState,
  isConnecting,
  reconnect,
  reduce,
  requestRows,
  requestSums,
  rowAt,
  rowCount,
  type State,
  setFilter,
  toggleRow,
} from "./state.ts";
import { counts, days, facet, page, state, sumsOf, VIEW } from "./testing.ts";

const applied = (messages: PickerResponse[], start = initialState("s")): State =>
  messages.reduce((current, message) => reduce(current, message), start);
const preview = { ...page(), type: "preview" as const, keys: [null] };
const connected = [state({ ready: false, total: null }), preview, state()];
const shown = applied([...connected, page(), counts()]);
const INIT: PickerResponse = { type: "init", version: 0, words: {}, hints: {}, groups: [], language: "en" };
const nameAt = (current: State, row: number) => {
  const found = rowAt(current, row);
  return found?.block.cells.account_name?.[found.index];
};
const permutations = <Item>(items: Item[]): Item[][] =>
  items.length < 2
    ? [items]
    : items.flatMap((item, at) => permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest]));

describe("answers in any order", () => {
  test.each(permutations([page(), counts(), { type: "customers", version: 0, customers: 1 } as const]))(
    "rows are shown, and never asked for as none: %#",
    (...messages) => {
      let current = applied(connected);
      for (const message of messages) {
        current = reduce(current, message);
        const [, request] = requestRows(current, 0, rowCount(current));
        expect(request?.count).not.toBe(0);
      }
      expect(nameAt(current, 0)).toBe("acme");
      expect(rowCount(current)).toBe(1);
      expect(isConnecting(current)).toBe(false);
    },
  );

  test("a view without rows requests none: the answer would replace the first page", () => {
    const selected = { type: "selected", version: 0, selected: 0, hidden: 0, can_undo: true } as const;
    const empty = applied([page([]), counts({ matched: 0 }), selected], shown);
    expect([empty.stale, requestRows(empty, 0, rowCount(empty))[1]]).toEqual([true, null]);
  });

  test("answers to an older view are dropped", () => {
    const newer = applied([state({ version: 2 }), page(["new"], { version: 2 })], shown);
    const older = [page(["old"], { version: 1 }), counts({ version: 1, matched: 9 }), state({ version: 1 })];
    for (const message of older) expect(reduce(newer, message)).toBe(newer);
  });

  test("counts, customers and a selection of a view wait for its state", () => {
    const early = [
      counts({ version: 1, matched: 9 }),
      { type: "customers", version: 1, customers: 9 } as const,
      { type: "selected", version: 1, selected: 9, hidden: 0, can_undo: true } as const,
    ];
    for (const message of early) expect(reduce(shown, message)).toBe(shown);
  });

  test("counts that arrive before their page are shown, and take effect with it", () => {
    const filter = { invited_from: "2026-03-02" };
    const early = applied([counts({ version: 1, matched: 2, selectable: 2, filter, acked: {} })], shown);
    expect([early.early?.matched, early.filter, rowCount(early)]).toEqual([2, filter, 1]);
    const selected = { type: "selected", version: 1, selected: 1, hidden: 0, can_undo: true } as const;
    const both = page(["acme", "beta"], { version: 1, state: { ...VIEW, filter } });
    const paged = applied([selected, both], early);
    expect([paged.early, rowCount(paged), paged.counts.selected]).toEqual([null, 2, 1]);
  });

  test("rows that were read before they were masked are dropped", () => {
    const unmasked = reduce(shown, state({ unmasked: true }));
    expect(rowAt(unmasked, 0)).toBeNull();
    expect(nameAt(reduce(unmasked, page(["a***"])), 0)).toBeUndefined();
    expect(nameAt(reduce(unmasked, page(["acme"], { unmasked: true })), 0)).toBe("acme");
  });

  test("a selection makes the rows stale, and they stay until new ones arrive", () => {
    const selected = reduce(shown, { type: "selected", version: 0, selected: 1, hidden: 0, can_undo: true });
    expect(nameAt(selected, 0)).toBe("acme");
    const [asked, request] = requestRows(selected, 0, 1);
    expect(request).toEqual({ type: "get_page", first: 0, count: 100 });
    expect(requestRows(asked, 0, 1)[1]).toBeNull();
    expect(rowAt(reduce(asked, page(["acme"], { selected: [1] })), 0)?.block.selected).toEqual([1]);
  });

  test("a new view starts without rows, details and counts of what can be selected", () => {
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
    const opened = reduce(shown, { type: "details", version: 0, unmasked: false, details });
    const next = reduce(opened, state({ version: 1 }));
    expect([next.blocks.size, next.details, next.counts.selectable]).toEqual([0, null, null]);
    expect(next.lines).toBeGreaterThan(opened.lines);
    expect(requestRows(next, 0, 1)[1]).toBeNull(); // the first page comes by itself
  });

  test("an error ends the waiting, and the next state removes it", () => {
    const [waiting] = setFilter(shown, { text: "x" });
    const failed = reduce(waiting, { type: "error", version: -5, problem: "It failed.", hint: "Wait." });
    expect([waiting.busy, failed.busy, failed.error?.problem]).toEqual([true, false, "It failed."]);
    expect(reduce(failed, state()).error).toBeNull();
    expect(reduce(reconnect(applied([state({ version: 9 })], failed)), state({ version: 0 })).version).toBe(0);
  });

  test("only the rows of the newest forty blocks are kept", () => {
    const names = Array.from({ length: 100 }, (_, index) => `row ${index}`);
    let current = applied([counts({ matched: 5000 })], shown);
    for (let first = 0; first < 5000; first += 100) current = reduce(current, page(names, { first }));
    expect(current.blocks.size).toBe(40);
    expect([rowAt(current, 900), nameAt(current, 4999)]).toEqual([null, "row 99"]);
  });

  test("until rows are counted, only the received ones are drawn", () => {
    const uncounted = applied([state({ version: 1 }), page(["a", "b", "c"], { version: 1 })], shown);
    expect(rowCount(uncounted)).toBe(3);
    expect(rowCount(reduce(uncounted, counts({ version: 1, matched: 2 })))).toBe(2);
  });
});

describe("groups", () => {
  const rows = page(["a", "b", "c"], { groups: [4, 4, 2] });

  test("of the first page are known before they are counted, and those of an older view are not", () => {
    const paged = applied([rows], applied(connected));
    expect(paged.groups).toEqual([
      { place: 4, first: 0, n: null },
      { place: 2, first: 2, n: null },
    ]);
    const counted = applied(
      [
        counts({
          matched: 9,
          groups: [
            [4, 5],
            [2, 4],
          ],
        }),
      ],
      paged,
    );
    expect(counted.groups).toEqual([
      { place: 4, first: 0, n: 5 },
      { place: 2, first: 5, n: 4 },
    ]);
    expect(applied([rows], counted).groups).toBe(counted.groups);
    expect(reduce(counted, state({ version: 1 })).groups).toEqual([]);
  });
});

describe("the filter", () => {
  const ready = (version: number, filter: State["filter"], acked: number) =>
    state({ version, filter, acked: { s: acked } });

  test("choices are kept even if they are made faster than Python answers", () => {
    const [one] = setFilter(shown, { status: ["expired"] });
    const [two] = setFilter(one, { status: ["expired", "failed"] });
    const answered = reduce(two, ready(1, { status: ["expired"] }, 1));
    expect(answered.filter).toEqual({ status: ["expired", "failed"] });
    const [, request] = setFilter(answered, { method: ["link"] });
    expect(request).toEqual({
      type: "set_filter",
      filter: { status: ["expired", "failed"], method: ["link"] },
      screen: "s",
      request: 3,
    });
  });

  test("a filter of another screen applies once all of ours are answered", () => {
    const [one] = setFilter(shown, { status: ["expired"] });
    expect(reduce(one, ready(1, {}, 1)).filter).toEqual({});
  });

  test("a restriction without values is removed", () => {
    const [filtered] = setFilter(shown, { status: ["expired"], text: "acme" });
    expect(setFilter(filtered, { status: [], text: "" })[1].filter).toEqual({});
    expect(setFilter(filtered, { text: undefined })[1].filter).toEqual({ status: ["expired"] });
    expect(setFilter(filtered, null)[1].filter).toEqual({});
  });
});

describe("selecting a row", () => {
  test("names its key and its view, and shows at once", () => {
    const [selected, request] = toggleRow(shown, 0);
    expect(request).toEqual({ type: "select", version: 0, action: "add", keys: [7] });
    expect(rowAt(selected, 0)?.block.selected).toEqual([1]);
    expect(toggleRow(selected, 0)[1]).toMatchObject({ action: "remove", keys: [7] });
  });

  test.each([
    ["that cannot be selected", applied([page(["acme"], { selectable: [0] })], shown), 0],
    ["that is still to come", shown, 250],
    ["of the preview, which has no keys", applied(connected.slice(0, 2)), 0],
  ])("%s does nothing", (_, current, row) => {
    expect(toggleRow(current, row)).toEqual([current, null]);
  });
});

describe("sums by day", () => {
  const message = {
    type: "crossfilter" as const,
    filter: {},
    days: ["0001-01-01", "2026-03-01"],
    facets: [],
    matched: 3,
  };

  test("are asked for once per filter, whatever its dates and order", () => {
    const [asked, request] = requestSums(shown);
    expect(request).toEqual({ type: "get_crossfilter" });
    expect(requestSums(setFilter(asked, { invited_from: "2026-03-01" })[0])[1]).toBeNull();
    expect(requestSums(setFilter(asked, { status: ["expired"] })[0])[1]).not.toBeNull();
    expect(requestSums(reduce(asked, message, sumsOf([0, 3])))[1]).toBeNull();
  });

  test.each([
    ["a new connection", INIT],
    ["other rows", state({ version: 1, every_row: true })],
  ])("are forgotten after %s", (_, next) => {
    const summed = reduce(shown, message, sumsOf([0, 3]));
    expect([summed.sums?.numbers?.length, reduce(summed, next).sums]).toEqual([2, null]);
    expect(reduce(summed, state({ version: 1 })).sums).toBe(summed.sums);
  });
});

test("facets and days stay until new ones arrive", () => {
  const all = reduce(shown, counts({ facets: [facet("status", { expired: 3 })], days: days(1, 2) }));
  const { days: _, ...without } = counts({ facets: [] });
  const next = reduce(all, without);
  expect([next.facets, next.days]).toEqual([[], days(1, 2)]);
});
