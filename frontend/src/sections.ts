/** The rail: the lists of customers by decision, and the batches, with their counts. */

import { type Child, h, keepFocus, put } from "./dom.ts";
import { type Facet, type GridState, LISTS, type Word } from "./protocol.ts";
import { chosenValues } from "./state.ts";
import type { View } from "./view.ts";

/** The open place: a list of customers, or batches. */
export type Place = "customers" | "unsent" | "sent";

/** The environment of the picker: where the rail is drawn, and which place is open. */
export interface Host {
  rail: HTMLElement;
  place(): string;
  go(place: Place): void;
  /** Call a function when another place is opened; returns a function that ends this. */
  listen(listener: () => void): () => void;
  /** Download a list such as "shown.xlsx", or files of a batch, see ``AskDownload``; undefined in a notebook. */
  download?(what: "list" | "batch", name: string, batch_id?: string): void;
}

/** The decisions of each section; an empty list means all. */
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

/** The number of all customers; while every row of every file is shown, the total is that of the rows. */
export function allCustomers({ tabs = [], total, every_row }: Pick<GridState, "tabs" | "total" | "every_row">) {
  const decisions = tabs.map(([code]) => code).filter((code) => code !== "superseded");
  return every_row ? sumOf(tabs, decisions) : total;
}

/** The environment in a notebook, where the rail is above the list. */
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

  /** The section that the filter shows; null if it shows several. */
  get current(): Section | null {
    const chosen = sorted(chosenValues(this.view.state, "decision"));
    return SECTIONS.find(({ decisions }) => sorted(decisions) === chosen) ?? null;
  }

  /** How many customers a section has; null until the plan is computed. */
  count({ decisions }: Section): number | null {
    const { tabs = [] } = this.view.state.view;
    if (!decisions.length) return allCustomers(this.view.state.view);
    return tabs.length ? sumOf(tabs, decisions) : null;
  }

  /** How many customers each section has, except "all", from counts by decision. */
  countEach(counts: Facet["values"]): [Section, number][] {
    const sections = SECTIONS.filter(({ decisions }) => decisions.length);
    return sections.map((section) => [section, sumOf(counts, section.decisions)]);
  }

  draw(): void {
    const { view, host } = this;
    const { workspace, unsent_batches = [], sent_batches = [] } = view.state.view;
    const place = host.place();
    const isList = place === "customers" && !view.state.view.only;
    const { current } = this;
    const list = (section: Section) =>
      this.item(`section_${section.name}`, this.count(section), isList && section === current, () =>
        this.show(section),
      );
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

  /** On a narrow screen the rail is one row: scroll it so that the open list is visible. */
  private reveal(): void {
    const { rail } = this.host;
    const item = this.element.querySelector('[aria-current="page"]')?.getBoundingClientRect();
    if (!item) return;
    const { left, right } = rail.getBoundingClientRect();
    // Whole pixels, or a fraction of the item stays outside.
    rail.scrollLeft += Math.ceil(Math.max(item.right - right, 0)) - Math.ceil(Math.max(left - item.left, 0));
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
