import { expect, test } from "vitest";
import { HEADING, Layout } from "./layout.ts";

test.each([[[]], [[0]], [[0, 3, 4]], [[2]]])(
  "each pixel belongs to the row or heading that is drawn there: %j",
  (firsts) => {
    const layout = new Layout(6, 10, firsts);
    let top = 0;
    for (let row = 0; row < 6; row++) {
      if (firsts.includes(row)) top += HEADING;
      expect(layout.topOf(row)).toBe(top);
      expect([layout.rowAt(top), layout.rowAt(top + 9)]).toEqual([row, row]);
      if (firsts.includes(row)) expect(layout.rowAt(top - 1)).toBe(row);
      top += 10;
    }
    expect(layout.total).toBe(top);
    expect([layout.rowAt(-5), layout.rowAt(top + 99)]).toEqual([0, 5]);
  },
);

test("a list without rows has no height", () => {
  const none = new Layout(0, 46, []);
  expect([none.total, none.rowAt(10), none.topOf(0)]).toEqual([0, 0, 0]);
});
