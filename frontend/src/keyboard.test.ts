import { expect, test } from "vitest";
import { type Command, commandOf } from "./keyboard.ts";

const at = { row: 5, column: 2, lastRow: 99, lastColumn: 4, page: 10 };
const pressed = (key: string, more: Partial<KeyboardEvent> = {}) =>
  commandOf({ key, ctrlKey: false, metaKey: false, shiftKey: false, ...more }, at);

test.each<[string, Partial<KeyboardEvent>, Command | null]>([
  ["ArrowDown", {}, { do: "go", row: 6, extend: false }],
  ["ArrowUp", { shiftKey: true }, { do: "go", row: 4, extend: true }],
  ["PageDown", {}, { do: "go", row: 15, extend: false }],
  ["PageUp", {}, { do: "go", row: 0, extend: false }],
  ["Home", {}, { do: "column", column: 0 }],
  ["End", {}, { do: "column", column: 4 }],
  ["Home", { ctrlKey: true }, { do: "go", row: 0, extend: false }],
  ["End", { metaKey: true }, { do: "go", row: 99, extend: false }],
  ["ArrowLeft", {}, { do: "column", column: 1 }],
  ["ArrowRight", {}, { do: "column", column: 3 }],
  [" ", {}, { do: "toggle" }],
  ["Enter", {}, { do: "open" }],
  ["a", { ctrlKey: true }, { do: "select_all" }],
  ["Z", { metaKey: true }, { do: "undo" }],
  ["a", {}, null],
  ["x", { ctrlKey: true }, null],
])("%s %o", (key, more, expected) => {
  expect(pressed(key, more)).toEqual(expected);
});
