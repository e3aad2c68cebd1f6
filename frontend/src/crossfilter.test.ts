import { describe, expect, test } from "vitest";
import { countDays, type Filter, listed, readSums, undatedKey } from "./crossfilter.ts";
import { facet, sumsOf } from "./testing.ts";

/** A generator of equal numbers on every run. */
function random(seed: number): (below: number) => number {
  let last = seed;
  return (below) => {
    last = (last * 48271) % 2147483647;
    return last % below;
  };
}

const DAYS = Array.from({ length: 40 }, (_, index) =>
  new Date(Date.UTC(2026, 0, 1 + index * 3)).toISOString().slice(0, 10),
);
const VALUES = ["expired", "failed", null];

/** Add rows up as Python does: the first day is before all. */
function sums(rows: { day: string; value: string | null }[], filter: Filter = {}) {
  const upTo = (list: typeof rows) => ["0001-01-01", ...DAYS].map((day) => list.filter((row) => row.day <= day).length);
  const parts = [rows, ...VALUES.map((value) => rows.filter((row) => row.value === value))];
  const status = { name: "status", label: "Status", full: false };
  const values = VALUES.map((value, at): [string | null, string | null, number] => [
    value,
    value,
    (parts[at + 1] as unknown[]).length,
  ]);
  const days = ["0001-01-01", ...DAYS];
  const message = { type: "crossfilter" as const, filter, days, facets: [{ ...status, values }], matched: rows.length };
  return readSums(message, sumsOf(parts.flatMap(upTo)));
}

test("the counts of any days are those of their rows", () => {
  const pick = random(7);
  const rows = Array.from({ length: 500 }, () => ({
    day: DAYS[pick(DAYS.length)] as string,
    value: VALUES[pick(3)] as string | null,
  }));
  const added = sums(rows);
  for (let run = 0; run < 200; run++) {
    const [from, to] = [pick(130), pick(130)]
      .sort((a, b) => a - b)
      .map((day) => new Date(Date.UTC(2025, 11, 28 + day)).toISOString().slice(0, 10));
    const inside = rows.filter(({ day }) => day >= (from as string) && day <= (to as string));
    const counted = countDays(added, {}, from, to);
    expect(counted?.matched).toBe(inside.length);
    for (const [value, , n] of counted?.facets[0]?.values ?? []) {
      expect(n).toBe(inside.filter((row) => row.value === value).length);
    }
  }
  // Without dates rows that have none count too, which sums do not.
  expect(countDays({ ...added, matched: 777 }, {})?.matched).toBe(777);
});

describe("sums of another filter", () => {
  const added = sums([{ day: "2026-01-01", value: null }], { status: ["expired", "failed"], text: "x" });

  test("are not used", () => {
    expect(countDays(added, { status: ["expired"] })).toBeNull();
    expect(countDays(null, {})).toBeNull();
    expect(countDays(readSums({ type: "crossfilter", filter: {} }), {})).toBeNull();
  });

  test("are those of the same one with other dates, and in another order", () => {
    const same: Filter = { text: "x", invited_to: "2026-02-01", status: ["failed", "expired"] };
    expect(undatedKey(same)).toBe(added.key);
    expect(countDays(added, same, "2026-01-01", "2026-01-02")?.matched).toBe(1);
  });
});

test("values are listed as Python lists them", () => {
  const { values } = listed({ ...facet("cause", { b: 2, a: 2, gone: 0, chosen: 0 }), full: false }, ["chosen"]);
  expect(values.map(([value]) => value)).toEqual(["a", "b", "chosen"]);
  const empty = listed(
    {
      ...facet("tag", { a: 1 }),
      values: [
        [null, null, 1],
        ["a", "a", 1],
      ],
    },
    [],
  );
  expect(empty.values.map(([value]) => value)).toEqual(["a", null]);
});
