/** Messages from Python and a model, for tests. */

import type { Model } from "./kernel.ts";
import type { Counts, Facet, GridState, Page, State as StateMessage } from "./protocol.ts";
import { EMPTY_VIEW } from "./state.ts";

export const VIEW: GridState = {
  ...EMPTY_VIEW,
  columns: [{ name: "account_name", label: "Account name", kind: "text", shown: true }],
  column_order: ["account_name"],
  total: 1,
  ready: true,
};

export const state = (more: Partial<StateMessage> = {}): StateMessage => ({
  type: "state",
  version: 0,
  ...VIEW,
  ...more,
});

/** A page of accounts; their keys are 7, 8 and so on. */
export const page = (names: string[] = ["acme"], more: Partial<Page> = {}): Page => ({
  type: "page",
  version: 0,
  unmasked: false,
  first: 0,
  keys: names.map((_, index) => 7 + index),
  cells: { account_name: names },
  codes: {},
  selected: names.map(() => 0),
  selectable: names.map(() => 1),
  ...more,
});

export const counts = (more: Partial<Counts> = {}): Counts => ({
  type: "counts",
  version: 0,
  total: 1,
  matched: 1,
  selectable: 1,
  selected: 0,
  hidden: 0,
  facets: [],
  days: [],
  ...more,
});

export const facet = (name: string, values: Record<string, number>): Facet => ({
  name,
  label: name,
  values: Object.entries(values).map(([value, n]) => [value, value, n]),
  full: false,
});

export const days = (...numbers: number[]): [string, number, number, number][] =>
  numbers.map((n, index) => [`2026-03-0${index + 1}`, n, 0, 0]);

/** Prefix sums as Python sends them: for all rows, then for each value, the number of rows up to each day. */
export function sumsOf(numbers: number[]): DataView {
  // The buffer of a message may start at any byte.
  const bytes = new Uint8Array(1 + 4 * numbers.length);
  bytes.set(new Uint8Array(new Uint32Array(numbers).buffer), 1);
  return new DataView(bytes.buffer, 1);
}

type Request = { type: string; [name: string]: unknown };

/** A kernel that records the messages it receives. */
export class FakeModel implements Model {
  readonly sent: Request[] = [];
  private listener: ((message: unknown, buffers?: DataView[]) => void) | null = null;

  get(): number {
    return 400;
  }

  send(message: Request): void {
    this.sent.push(message);
  }

  on(event: string, listener: (message: unknown, buffers?: DataView[]) => void): void {
    if (event === "msg:custom") this.listener = listener;
  }

  off(): void {
    this.listener = null;
  }

  say(message: object, ...buffers: DataView[]): void {
    this.listener?.(message, buffers);
  }

  asked(type: string): Request[] {
    return this.sent.filter((message) => message.type === type);
  }
}
