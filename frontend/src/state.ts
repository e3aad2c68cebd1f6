/**
 * The state of a grid as a pure function of the messages, in whatever order they arrive.
 *
 * Each answer has the version of the view that it belongs to. Answers to an older version are dropped. Counts that come
 * before their page are shown at once, and applied together with the page.
 */

import { type FacetValue, type Filter, readSums, type Sums, undatedKey } from "./crossfilter.ts";
import type {
  Column,
  Counts,
  Details,
  Facet,
  FacetValues,
  GetCrossfilter,
  GetPage,
  GridState,
  Page,
  PickerResponse,
  Preview,
  Progress,
  Select,
  SetFilter,
  Trouble,
} from "./protocol.ts";

/** Rows in one block of the cache. */
export const BLOCK = 100;
const MAX_BLOCKS = 40;

export interface Block {
  keys: (number | null)[];
  cells: Record<string, (string | null)[]>;
  codes: Record<string, (string | null)[]>;
  selected?: number[];
  selectable?: number[];
}

/** A group of rows; `n` is null until they are counted. */
export interface Group {
  /** The position of its heading in `headings`. */
  place: number;
  first: number;
  n: number | null;
}

export interface State {
  /** The version of the view that is shown; -1 before the first. */
  version: number;
  view: GridState;
  words: Record<string, string>;
  hints: Record<string, string[]>;
  /** The heading and the next step of each group. */
  headings: [string, string][];
  language: string;
  /** The filter as chosen here; Python may not have answered yet. */
  filter: Filter;
  /** The ID of this screen, and how many filters it has sent. */
  screen: string;
  requests: number;
  counts: {
    matched: number | null;
    total: number | null;
    selected: number;
    hidden: number;
    selectable: number | null;
    customers?: number;
    /** The number of batches of the selected customers. */
    batches?: number | undefined;
  };
  /** How many rows are known to exist, until all are counted. */
  length: number | null;
  blocks: ReadonlyMap<number, Block>;
  /** The groups of the rows, in order; empty if rows are not grouped. */
  groups: Group[];
  /** The rows that were requested and have not arrived yet. */
  pending: { version: number; first: number; end: number } | null;
  /** Whether the blocks have to be requested again. */
  stale: boolean;
  /** Whether other rows are expected. */
  busy: boolean;
  /** Counts that came before their page. */
  early: Counts | null;
  facets: Facet[];
  /** The values of a facet that contain the text of its search field. */
  found: FacetValues | null;
  days: [string, number, number, number][];
  sums: Sums | null;
  progress: Progress | null;
  details: Details | null;
  error: Trouble | null;
  /** Changes when drawn lines have to show other rows or columns. */
  lines: number;
}

/** The view before the first message. */
export const EMPTY_VIEW: GridState = {
  columns: [],
  column_order: [],
  total: null,
  facts: {},
  every_row: false,
  two_lines: false,
  grouped: false,
  only: "",
  views: [],
  unit: "rows",
  ready: false,
  filter: {},
  acked: {},
  chips: [],
  sort_by: null,
  descending: false,
  unmasked: false,
  can_undo: false,
};

export function initialState(screen: string): State {
  return {
    version: -1,
    view: EMPTY_VIEW,
    words: {},
    hints: {},
    headings: [],
    language: "en",
    filter: {},
    screen,
    requests: 0,
    counts: { matched: null, total: null, selected: 0, hidden: 0, selectable: null },
    length: null,
    blocks: new Map(),
    groups: [],
    pending: null,
    stale: false,
    busy: false,
    early: null,
    facets: [],
    found: null,
    days: [],
    sums: null,
    progress: null,
    details: null,
    error: null,
    lines: 0,
  };
}

/** Whether a message belongs to the current view, not to an earlier or later one. */
export function isCurrent(state: State, message: PickerResponse): boolean {
  if (message.type === "error" || message.type === "crossfilter") return true;
  if (message.version < state.version) return false;
  const needsState = ["preview", "counts", "customers", "selected", "facet_values"].includes(message.type);
  const isEarly = message.type === "counts" && message.filter !== undefined;
  if (message.version > state.version && needsState && !isEarly) return false;
  // Drop rows that were requested before numbers and addresses were hidden or shown.
  return !("unmasked" in message) || message.type === "state" || message.unmasked === state.view.unmasked;
}

/** Apply a message from Python. */
export function reduce(state: State, message: PickerResponse, buffer?: DataView): State {
  if (message.type === "selected" && state.early?.version === message.version) {
    const { selected, hidden, batches = state.early.batches } = message;
    const early = { ...state.early, selected, hidden };
    state = { ...state, early: batches === undefined ? early : { ...early, batches } };
  }
  if (!isCurrent(state, message)) return state;
  switch (message.type) {
    case "init": {
      const { words, hints, groups: headings, language } = message;
      return { ...state, words, hints, headings, language, sums: null };
    }
    case "state": {
      const { type: _type, version, ...view } = message;
      return showView(state, version, view);
    }
    case "preview":
      return { ...state, blocks: new Map([...state.blocks, [0, block(message, 0)]]) };
    case "page":
      return addPage(message.state ? showView(state, message.version, message.state) : state, message);
    case "counts": {
      const { facets, days = state.days } = message;
      const shown = { ...state, facets, days };
      if (!message.filter || !message.acked) return applyCounts(shown, message);
      return { ...shown, early: message, filter: newestFilter(state, message.filter, message.acked) };
    }
    case "customers":
      return { ...state, counts: { ...state.counts, customers: message.customers } };
    case "selected": {
      const { selected, hidden, can_undo, batches } = message;
      const counts = { ...state.counts, selected, hidden, batches };
      const changed = { ...state, counts, view: { ...state.view, can_undo } };
      return { ...changed, stale: true, pending: null };
    }
    case "progress":
      return { ...state, progress: message };
    case "details":
      return message.details ? { ...state, details: message.details } : state;
    case "facet_values":
      return { ...state, found: message };
    case "crossfilter":
      return { ...state, sums: readSums(message, buffer) };
    case "error":
      return { ...state, busy: false, error: { problem: message.problem, hint: message.hint } };
    default:
      return state;
  }
}

function showView(state: State, version: number, view: GridState): State {
  const { view: before, counts } = state;
  const isNew = version !== state.version;
  const isFresh = isNew || view.ready !== before.ready;
  const columns = ({ two_lines, column_order }: GridState) => JSON.stringify([two_lines, column_order]);
  const sameColumns = columns(view) === columns(before);
  const sameMasking = view.unmasked === before.unmasked;
  const next: State = {
    ...state,
    version,
    view,
    filter: newestFilter(state, view.filter, view.acked),
    error: null,
    // Sums are valid for the same rows only.
    sums: view.every_row === before.every_row ? state.sums : null,
  };
  if (isNew) {
    const matched = state.version < 0 ? null : counts.matched;
    const selectable = null;
    const nothing = { blocks: new Map(), groups: [], found: null, details: null };
    Object.assign(next, { ...nothing, counts: { ...counts, matched, selectable } });
  }
  if (isFresh) next.length = next.counts.matched ?? 0;
  if (!sameMasking) Object.assign(next, { blocks: new Map(), details: null });
  const needsReading = !sameColumns || !sameMasking || view.ready !== before.ready;
  if (needsReading) Object.assign(next, { stale: true, pending: null });
  if (needsReading || isNew) next.lines += 1;
  // Python sends the first page without a request.
  if (isFresh) next.pending = { version, first: 0, end: BLOCK };
  return next;
}

/** Return the filter of Python, unless a later one of this screen is on its way. */
function newestFilter(state: State, filter: Filter, acked: Record<string, number>): Filter {
  return (acked[state.screen] ?? 0) >= state.requests ? filter : state.filter;
}

function addPage(state: State, page: Page): State {
  if (page.version !== state.version) return state;
  const n = page.keys.length;
  const blocks = new Map(state.stale ? [] : state.blocks);
  for (let from = 0; from < Math.max(n, 1); from += BLOCK) {
    blocks.delete(page.first + from);
    blocks.set(page.first + from, block(page, from));
  }
  for (const oldest of blocks.keys()) {
    if (blocks.size <= MAX_BLOCKS) break;
    blocks.delete(oldest);
  }
  let { length } = state;
  // Until all rows are counted, draw only as many as are known to exist.
  if (page.first === 0 && length !== null) length = n < BLOCK ? n : Math.max(length, BLOCK);
  // Until groups are counted, use those of the first page.
  const groups = state.groups.length || page.first ? state.groups : groupsOf(page.groups ?? []);
  const next = { ...state, blocks, length, groups, stale: false, pending: null, busy: false };
  return state.early?.version === page.version ? applyCounts(next, state.early) : next;
}

/** The groups of the first rows, from the group of each row. */
function groupsOf(places: number[]): Group[] {
  return places.flatMap((place, first) => (place === places[first - 1] ? [] : [{ place, first, n: null }]));
}

function block(page: Page | Preview, from: number): Block {
  const cut = <Item>(list: Item[]) => list.slice(from, from + BLOCK);
  const cutAll = (lists: Record<string, (string | null)[]>) =>
    Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, cut(list)]));
  const rows = { keys: cut<number | null>(page.keys), cells: cutAll(page.cells), codes: cutAll(page.codes) };
  if (page.type === "preview") return rows;
  return { ...rows, selected: cut(page.selected), selectable: cut(page.selectable) };
}

function applyCounts(
  state: State,
  { matched, total, selected, hidden, selectable, batches, groups = [] }: Counts,
): State {
  let first = 0;
  const counted = groups.map(([place, n]) => {
    first += n;
    return { place, first: first - n, n };
  });
  const counts = { matched, total, selected, hidden, selectable, batches };
  return { ...state, counts, groups: counted, length: null, early: null };
}

// Queries.

export function rowCount({ view, length, counts, blocks }: State): number {
  return view.ready ? (length ?? counts.matched ?? 0) : (blocks.get(0)?.keys.length ?? 0);
}

/** The block of a row and its index there; null if the row has not arrived yet. */
export function rowAt(state: State, row: number): { block: Block; index: number } | null {
  const block = state.blocks.get(Math.floor(row / BLOCK) * BLOCK);
  return block && row % BLOCK < block.keys.length ? { block, index: row % BLOCK } : null;
}

export function shownColumns({ view }: State): Column[] {
  const byName = new Map(view.columns.map((column) => [column.name, column]));
  return view.column_order.flatMap((name) => byName.get(name) ?? []);
}

export function chosenValues(state: State, name: string): FacetValue[] {
  const chosen = state.filter[name];
  return Array.isArray(chosen) ? chosen : [];
}

/** The search text; empty without a search. */
export function searchText({ filter }: State): string {
  return (filter.text as string | undefined) ?? "";
}

/** What a row stands for: an invitation or a customer by its newest state, or a row of a file. */
export function unitOf({ view }: State): GridState["unit"] {
  return view.every_row ? "rows" : view.unit;
}

/** Whether the first rows and their counts have not arrived yet. */
export function isConnecting({ version, view, counts }: State): boolean {
  return version < 0 || !view.ready || counts.matched === null;
}

// Actions of a person: each returns the new state and the request to send.

/** Change some restrictions of the filter; null removes all. */
export function setFilter(state: State, change: Record<string, Filter[string] | undefined> | null): [State, SetFilter] {
  const wanted = change === null ? {} : { ...state.filter, ...change };
  const filter = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value?.length)) as Filter;
  const next = { ...state, filter, requests: state.requests + 1, busy: true };
  return [next, { type: "set_filter", filter, screen: state.screen, request: next.requests }];
}

/** Request visible rows that are missing; one request at a time, as a newer one cancels an older one. */
export function requestRows(state: State, first: number, end: number): [State, GetPage | null] {
  const from = Math.floor(first / BLOCK) * BLOCK;
  const to = Math.ceil(end / BLOCK) * BLOCK;
  // Without visible rows, an empty answer would replace the first page.
  if (!state.view.ready || to <= from) return [state, null];
  let isMissing = state.stale;
  for (let at = from; at < to; at += BLOCK) if (!state.blocks.has(at)) isMissing = true;
  const { pending } = state;
  const isPending = pending && pending.version === state.version && pending.first <= from && pending.end >= to;
  if (!isMissing || isPending) return [state, null];
  const next = { ...state, pending: { version: state.version, first: from, end: to } };
  return [next, { type: "get_page", first: from, count: to - from }];
}

/** Select or deselect a row. */
export function toggleRow(state: State, row: number): [State, Select | null] {
  const position = rowAt(state, row);
  if (!position) return [state, null];
  const { block, index } = position;
  const key = block.keys[index];
  if (!block.selectable?.[index] || typeof key !== "number") return [state, null];
  const isSelected = !block.selected?.[index];
  const selected = [...(block.selected ?? [])];
  selected[index] = Number(isSelected);
  const blocks = new Map(state.blocks).set(row - index, { ...block, selected });
  const action = isSelected ? "add" : "remove";
  return [
    { ...state, blocks },
    { type: "select", version: state.version, action, keys: [key] },
  ];
}

/** Request the sums of the filter, once. */
export function requestSums(state: State): [State, GetCrossfilter | null] {
  const key = undatedKey(state.filter);
  if (state.sums?.key === key) return [state, null];
  return [{ ...state, sums: { key } }, { type: "get_crossfilter" }];
}

/** Reset the version after an error, so that any answer is accepted. */
export function reconnect(state: State): State {
  return { ...state, version: -1, error: null };
}
