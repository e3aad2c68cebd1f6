/** The rail: the decisions of the plan as sections with their customers, and the batches that were written. */

import { type Child, h, keepFocus, put } from "./dom.ts";
import { type Facet, LISTS, type Word } from "./protocol.ts";
import { chosenValues } from "./state.ts";
import type { View } from "./view.ts";

/** What is open beside the rail: a list of customers, or batches. */
export type Place = "customers" | "unsent" | "sent";

/** Where the rail is drawn, and which place is open: on the page its address says so. */
export interface Host {
  rail: HTMLElement;
  place(): string;
  go(place: Place): void;
  /** Call a function when another place is opened; returns the function that stops it. */
  listen(listener: () => void): () => void;
  /** Download a list such as "shown.xlsx", or files of a batch: see ``AskDownload``; a cell of a notebook cannot. */
  download?(what: "list" | "batch", name: string, batch_id?: string): void;
}

/** The decisions of the customers of each section; none are all. */
const DECISIONS = { ...LISTS, associated: ["associated"], all: [] as string[] };

export interface Section {
  name: keyof typeof DECISIONS;
  decisions: string[];
}

const section = (name: Section["name"]): Section => ({ name, decisions: DECISIONS[name] });
export const AGAIN = section("again");
const GROUPS = [
  { name: "todo", sections: [AGAIN, section("customer"), section("support"), section("check")] },
  { name: "nothing", sections: [section("valid"), section("blocked"), section("associated"), section("all")] },
] as const;
const SECTIONS: Section[] = GROUPS.flatMap(({ sections }) => sections);
const sorted = (codes: readonly unknown[]) => JSON.stringify([...codes].sort());
/** Add up the counts of some decisions. */
const sumOf = (counts: readonly (readonly [unknown, unknown, number])[], decisions: string[]) =>
  counts.reduce((sum, [code, , n]) => sum + (decisions.includes(code as string) ? n : 0), 0);

/** Where a notebook's cell draws the rail: above the list. */
export function cellHost(rail: HTMLElement): Host {
  let place: Place = "customers";
  const listeners = new Set<() => void>();
  return {
    rail,
    place: () => place,
    go(next) {
      place = next;
      for (const listener of listeners) listener();
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export class Sections {
  readonly element = h("div.ik-sections");

  constructor(
    private readonly view: View,
    private readonly host: Host,
  ) {
    host.rail.prepend(this.element);
  }

  /** The section that the filter shows; null where it shows decisions of several. */
  get current(): Section | null {
    const chosen = sorted(chosenValues(this.view.state, "decision"));
    return SECTIONS.find(({ decisions }) => sorted(decisions) === chosen) ?? null;
  }

  /** How many customers a section has; before the plan is there, none is known. */
  count({ decisions }: Section): number | null {
    const { tabs = [], total } = this.view.state.view;
    if (!decisions.length) return total;
    return tabs.length ? sumOf(tabs, decisions) : null;
  }

  /** How many customers each section has, but for that of all, by a count of their decisions. */
  countEach(counts: Facet["values"]): [Section, number][] {
    return SECTIONS.filter(({ decisions }) => decisions.length).map((one) => [one, sumOf(counts, one.decisions)]);
  }

  draw(): void {
    const { view, host } = this;
    const { workspace, unsent_batches = [], sent_batches = [] } = view.state.view;
    const place = host.place();
    const isList = place === "customers" && !view.state.view.only;
    const { current } = this;
    const list = (one: Section) =>
      this.item(`section_${one.name}`, this.count(one), isList && one === current, () => this.show(one));
    const batches = (name: "unsent" | "sent", n: number) =>
      this.item(`section_${name}`, n, place === name, () => host.go(name), name === "unsent" && n > 0);
    keepFocus(this.element, () =>
      put(
        this.element,
        GROUPS.map(({ name, sections }) => this.group(`rail_${name}`, sections.map(list))),
        workspace &&
          this.group("rail_batches", [batches("unsent", unsent_batches.length), batches("sent", sent_batches.length)]),
      ),
    );
    this.reveal();
  }

  /** Scroll a rail that is one row, so that the open list can be seen in it; the page around it stays. */
  private reveal(): void {
    const { rail } = this.host;
    const item = this.element.querySelector('[aria-current="page"]')?.getBoundingClientRect();
    if (!item) return;
    const { left, right } = rail.getBoundingClientRect();
    rail.scrollLeft += Math.max(item.right - right, 0) - Math.max(left - item.left, 0);
  }

  show({ decisions }: Section): void {
    const { view } = this;
    this.host.go("customers");
    if (view.state.view.only) view.send({ type: "set_only_selected", on: false });
    view.refine({ decision: decisions });
  }

  private group(word: Word, items: Child[]): HTMLElement {
    const title = this.view.text(word);
    return h("div.ik-rail-group", { role: "group", "aria-label": title }, h("h2", {}, title), items);
  }

  private item(word: Word, n: number | null, isCurrent: boolean, onclick: () => void, isOpen = false): HTMLElement {
    const { view } = this;
    return h(
      "button.ik-rail-item",
      { type: "button", "aria-current": isCurrent && "page", onclick },
      view.text(word),
      h(isOpen ? "span.ik-n.ik-due" : "span.ik-n", {}, view.number(n)),
    );
  }
}
