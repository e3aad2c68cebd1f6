// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test } from "vitest";
import { addressOf, formatOf, render } from "./export_panel.ts";
import { FakeModel } from "./testing.ts";

const init = { type: "init", words: { title: "Export" }, levels: [], language: "en", home: "/home/anna" };
const form = {
  type: "form",
  level: "masked",
  file: "a.b.csv",
  purpose: "",
  remarks: "drop",
  columns: [],
  key: "k",
  problem: null,
};
let model: FakeModel;
let close: () => void;
const one = <Kind extends HTMLElement>(selector: string) => document.querySelector(selector) as Kind;

beforeEach(() => {
  model = new FakeModel();
  close = render({ model, el: document.body });
});
afterEach(() => {
  close();
  document.body.replaceChildren();
});

test("nothing is shown before the texts arrive, and the button waits for the form and the records", () => {
  model.say(form);
  expect(document.body.textContent).toBe("");
  model.say(init);
  expect([one("h3").textContent, one<HTMLButtonElement>(".ikx-main").disabled]).toEqual(["Export", true]);
  model.say(form);
  expect(one<HTMLButtonElement>(".ikx-main").disabled).toBe(false);
  model.say({ ...form, problem: { problem: "No rule.", hint: "Write one." } });
  expect([one<HTMLButtonElement>(".ikx-main").disabled, one(".ikx-bad strong").textContent]).toEqual([
    true,
    "No rule.",
  ]);
  model.say(form);
  expect([one<HTMLButtonElement>(".ikx-main").disabled, one(".ikx-bad").hidden]).toEqual([false, true]);
  model.say({ type: "count", total: 0, words: "none" });
  expect(one<HTMLButtonElement>(".ikx-main").disabled).toBe(true);
});

test("an export sends the whole form, and asks before it replaces a file", () => {
  model.say(init);
  model.say(form);
  const name = one<HTMLInputElement>('input[id$="-name"]');
  expect(name.value).toBe("a.b");
  name.value = " typed ";
  one(".ikx-main").click();
  expect(model.asked("export")).toEqual([
    { type: "export", file: "typed.csv", purpose: "", remarks: "drop", overwrite: false },
  ]);
  model.say({ type: "file_exists", file: "typed.csv" });
  one(".ikx-danger").click();
  expect(model.asked("export")[1]).toMatchObject({ file: "typed.csv", overwrite: true });
});

test.each([
  ["/srv", ["/srv/out/a b.csv"], "/base/files/out/a%20b.csv"],
  ["~/work", ["/home/anna/work/a.csv"], "/base/files/a.csv"],
  ["C:\\work", ["C:/work/a.csv"], "/base/files/a.csv"],
  ["/srv", ["/tmp/a.csv", "/srv/a.csv"], "/base/files/a.csv"],
  ["/srv", ["/srv/.hidden/a.csv"], null],
  ["/srv", ["/srvx/a.csv"], null],
  ["", ["/srv/a.csv"], null],
])("a server in %s offers %s as %s", (serverRoot, paths, expected) => {
  expect(addressOf(paths, "/home/anna", { baseUrl: "/base/", serverRoot })).toBe(expected);
});

test("the format is what follows the last dot", () => {
  expect(["a.csv", "a.b.XLSX", "a"].map(formatOf)).toEqual(["csv", "xlsx", ""]);
});
