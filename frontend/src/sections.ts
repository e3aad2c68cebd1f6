/** The rail: the decisions of the plan as sections with their customers, and the batches that were written. */

import { type Child, h, keepFocus, put } from "./dom.ts";
import type { Word } from "./protocol.ts";
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

export interface Section {
  name: string;
  /** The decisions of its customers; none are all. */
  decisions: string[];
}

export const AGAIN: Section = { name: "again", decisions: ["resend_now", "resend_as_reseller"] };
const GROUPS: { name: string; sections: Section[] }[] = [
  {
    name: "todo",
    sections: [
      AGAIN,
      { name: "customer", decisions: ["wait_for_customer"] },
      { name: "support", decisions: ["contact_support"] },
      { name: "check", decisions: ["review"] },
    ],
  },
  {
    name: "nothing",
    sections: [
      { name: "valid", decisions: ["wait_for_expiry", "wait_for_cooldown"] },
      { name: "blocked", decisions: ["blocked"] },
      { name: "associated", decisions: ["associated"] },
      { name: "all", decisions: [] },
    ],
  },
];
const SECTIONS = GROUPS.flatMap(({ sections }) => sections);
const sorted = (codes: readonly unknown[]) => JSON.stringify([...codes].sort());

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
    const chosen = sorted((this.view.state.filter.decision as string[] | undefined) ?? []);
    return SECTIONS.find(({ decisions }) => sorted(decisions) === chosen) ?? null;
  }

  /** How many customers a section has; before the plan is there, none is known. */
  count({ decisions }: Section): number | null {
    const { tabs = [], total } = this.view.state.view;
    if (!decisions.length) return total;
    if (!tabs.length) return null;
    return tabs.reduce((sum, [code, , n]) => sum + (decisions.includes(code) ? n : 0), 0);
  }

  /** The sections with those numbers of customers that a count by decision has. */
  found(counts: Map<unknown, number>): [Section, number][] {
    return SECTIONS.filter(({ decisions }) => decisions.length).map((section) => [
      section,
      section.decisions.reduce((sum, code) => sum + (counts.get(code) ?? 0), 0),
    ]);
  }

  draw(): void {
    const { view, host } = this;
    const { workspace, unsent_batches = [], sent_batches = [] } = view.state.view;
    const place = host.place();
    const isList = place === "customers";
    const { current } = this;
    const section = (one: Section) =>
      this.item(`section_${one.name}`, this.count(one), isList && one === current, () => this.show(one));
    const batches = (name: Place, n: number) =>
      this.item(`section_${name}`, n, place === name, () => host.go(name), name === "unsent" && n > 0);
    keepFocus(this.element, () =>
      put(
        this.element,
        GROUPS.map(({ name, sections }) => this.group(name, sections.map(section))),
        workspace &&
          this.group("batches", [batches("unsent", unsent_batches.length), batches("sent", sent_batches.length)]),
      ),
    );
  }

  show({ decisions }: Section): void {
    this.host.go("customers");
    this.view.refine({ decision: decisions });
  }

  private group(name: string, items: Child[]): HTMLElement {
    const title = this.view.text(`rail_${name}` as Word);
    return h("div.ik-rail-group", { role: "group", "aria-label": title }, h("h2", {}, title), items);
  }

  private item(word: string, n: number | null, isCurrent: boolean, onclick: () => void, isOpen = false): HTMLElement {
    const { view } = this;
    return h(
      "button.ik-rail-item",
      { type: "button", "aria-current": isCurrent && "page", onclick },
      view.text(word as Word),
      h(isOpen ? "span.ik-n.ik-due" : "span.ik-n", {}, view.number(n)),
    );
  }
}
