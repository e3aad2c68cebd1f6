// @vitest-environment happy-dom
import { expect, test, vi } from "vitest";
import { fill, formatNumber, h, isComplete, keepFocus, keyed, put, textOf } from "./dom.ts";

test("text is never markup", () => {
  const script = "<img src=x onerror=alert(1)>";
  const element = h("div", { title: script, "aria-label": script, dir: "auto" }, script, [h("b", {}, script)]);
  expect(element.querySelector("img")).toBeNull();
  expect([element.textContent, element.title]).toEqual([script + script, script]);
});

test("classes, listeners, attributes and properties each come from their props", () => {
  const onclick = vi.fn();
  const button = h(
    "button.ik-button.ik-act",
    { onclick, "aria-pressed": "true", disabled: false, tabIndex: -1 },
    0,
    null,
    false,
    "",
  );
  button.click();
  expect(button.outerHTML).toBe('<button class="ik-button ik-act" aria-pressed="true" tabindex="-1">0</button>');
  expect(onclick).toHaveBeenCalledOnce();
});

test("remaining items keep their elements and their focus, in the new order", () => {
  const box = h("div");
  document.body.append(box);
  const draw = (names: string[]) =>
    keyed<string, HTMLElement>(
      box,
      names,
      (name) => name,
      (name, existing) => existing ?? h("button", {}, name),
    );
  draw(["a", "b", "c"]);
  const [, second] = box.children as unknown as HTMLElement[];
  second?.focus();
  draw(["c", "b", "d"]);
  expect([...box.children].map((child) => child.textContent)).toEqual(["c", "b", "d"]);
  expect([box.children[1], document.activeElement]).toEqual([second, second]);
});

test("a redraw leaves the focus at its position", () => {
  const box = h("div");
  document.body.append(box);
  const draw = (names: string[]) =>
    keepFocus(box, () =>
      put(
        box,
        names.map((name) => h("button", {}, name)),
      ),
    );
  draw(["a", "b", "c"]);
  (box.children[2] as HTMLElement).focus();
  draw(["x", "y"]);
  expect(document.activeElement?.textContent).toBe("y");
});

test("texts and numbers are formatted as in the language", () => {
  expect(fill("{n} of {total}{gone}", { n: 0, total: "9" })).toBe("0 of 9");
  expect([formatNumber(1234, "en"), formatNumber(undefined, "en")]).toEqual(["1,234", "…"]);
});

test("a date counts once its year is typed", () => {
  expect(["", "0002-03-05", "0202-03-05", "2026-03-05"].map(isComplete)).toEqual([true, false, false, true]);
});

test("one of something has a text of its own, where there is such a text", () => {
  const words = { all: "{total} customers", all_one: "1 customer", write: "Write {n}" };
  expect(["1", "2", "1,001"].map((total) => textOf(words, "all", { total }))).toEqual([
    "1 customer",
    "2 customers",
    "1,001 customers",
  ]);
  expect([textOf(words, "write", { n: "1" }), textOf(words, "unknown")]).toEqual(["Write 1", "unknown"]);
});
