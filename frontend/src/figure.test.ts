// @vitest-environment happy-dom
import { expect, test } from "vitest";
import { render } from "./figure.ts";
import { FakeModel } from "./testing.ts";

const FIGURE = `<figure xmlns="http://www.w3.org/1999/xhtml"><svg xmlns="http://www.w3.org/2000/svg">
  <g data-choice="0" aria-pressed="false"><rect/></g><g data-choice="1" aria-pressed="false"><rect/></g><rect/>
</svg></figure>`;

test("a click or a key on a bar opens its records, a second one shows all, and a click elsewhere does nothing", () => {
  const model = Object.assign(new FakeModel(), { get: () => FIGURE });
  const el = document.createElement("div");
  render({ model, el });
  const [first, second, other] = el.querySelectorAll("rect");
  const click = (rect: Element | undefined) => rect?.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  click(first);
  second?.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  const pressed = [...el.querySelectorAll("g")].map((bar) => bar.getAttribute("aria-pressed"));
  expect(pressed).toEqual(["false", "true"]);
  click(second);
  click(other);
  expect(model.sent).toEqual([0, 1, null].map((choice) => ({ type: "open", choice })));
});
