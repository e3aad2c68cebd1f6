// @vitest-environment happy-dom
import { expect, test } from "vitest";
import { h } from "./dom.ts";
import { highlight } from "./highlight.ts";

test.each([
  ["Grünwald GmbH", "grunwald", "[Grünwald] GmbH"],
  ["Ｇｒｕｎ 星海网络", "grun 海网", "[Ｇｒｕｎ] 星[海网]络"],
  ["Straße", "strasse", "[Straße]"],
  ["aaa", "aa", "[aaa]"],
  ["ﬁrst", "fi", "[ﬁ]rst"],
  ["<b>", "b", "<[b]>"],
  ["acme", " ", "acme"],
  ["🙂 acme", "acme", "🙂 [acme]"],
])("%s, searched for %s", (text, search, expected) => {
  const box = h("p", {}, highlight(text, search));
  for (const mark of box.querySelectorAll("mark")) mark.replaceWith(`[${mark.textContent}]`);
  expect(box.textContent).toBe(expected);
});
