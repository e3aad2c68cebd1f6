/** The heading of a list: a sentence, a line of counts by status, and the rules of the plan. */

import { type Child, formatDay, h, put } from "./dom.ts";
import type { Word } from "./protocol.ts";
import type { Sections } from "./sections.ts";
import type { View } from "./view.ts";

/** The sections that depend on the rules. */
const RULED = ["again", "valid", "blocked", "all"];

export class Heading {
  readonly element = h("header.ik-top");

  constructor(
    private readonly view: View,
    private readonly sections: Sections,
  ) {}

  /** Draw the heading of a place; `rules` is the menu that changes the rules. */
  draw(place: string, rules: Child): void {
    put(this.element, place === "customers" ? this.list(rules) : this.batches(place as "unsent" | "sent"));
  }

  private list(rules: Child): Child {
    const { view, sections } = this;
    const { day, ready, rules_text, workspace, only } = view.state.view;
    const section = sections.current;
    const n = section && !only ? sections.count(section) : view.state.counts.matched;
    const all = () => view.send({ type: "set_only_selected", on: false });
    const change = only && only !== "selected";
    const word = change ? `ch_${only}` : only ? "list_selected" : `list_${section?.name ?? "some"}`;
    const when = day ? view.text("on_day", { day: formatDay(day, view.state.language) }) : view.text("today");
    return [
      h("h2", {}, ready ? this.sentence(word, n, { day: when }) : view.preparing()),
      h(
        "p",
        {},
        change &&
          h("span", {}, view.text(`ch_${only}_why` as Word), " ", this.link(view.text("not_only_selected"), all)),
        h("span", {}, this.breakdown(n)),
        !change && RULED.includes(section?.name ?? "all") && h("span", {}, rules_text, " ", rules),
        ready && !workspace && h("span.ik-warn", {}, view.text("no_memory")),
      ),
    ];
  }

  private batches(place: "unsent" | "sent"): Child {
    const { unsent_batches = [], sent_batches = [] } = this.view.state.view;
    const n = (place === "unsent" ? unsent_batches : sent_batches).length;
    return [h("h2", {}, this.sentence(`list_${place}`, n)), h("p", {}, this.view.text(`${place}_why`))];
  }

  private link(text: string, onclick: () => void): HTMLElement {
    return h("button.ik-link", { onclick }, text);
  }

  /** A sentence about `n` customers. */
  private sentence(word: string, n: number | null, values: Record<string, string> = {}): string {
    return this.view.text(word as Word, { ...values, n: this.view.number(n) });
  }

  /** The counts by status; none while a filter leaves others than the `n` customers of the sentence above them. */
  private breakdown(n: number | null): string {
    const { view } = this;
    const statuses = view.state.facets.find(({ name }) => name === "status")?.values.filter(([, , n]) => n) ?? [];
    const counted = statuses.reduce((sum, [, , count]) => sum + count, 0);
    if (statuses.length < 2 || counted !== n) return "";
    const isAgain = this.sections.current?.name === "again";
    const texts = statuses.map(([code, label, n]) => {
      const text = isAgain && code === "association_failed" ? view.text("fixable") : (label ?? "").toLowerCase();
      return view.text("n_with_status", { n: view.number(n), text });
    });
    return view.text("breakdown", { counts: texts.join(" · ") });
  }
}
