/** The values of columns with their counts, to filter by. */

import { h, keyed, target } from "./dom.ts";
import type { Facet } from "./protocol.ts";
import { chosenValues } from "./state.ts";
import type { View } from "./view.ts";

/** Longer lists have a search field. */
const SHORT = 8;

interface Parts {
  mark: HTMLElement;
  search: HTMLInputElement;
  values: HTMLElement;
  facet: Facet;
}
type FacetValue = Facet["values"][number];

export class Facets {
  readonly element = h("div.ik-facets", { role: "group" });
  private readonly open = new Set(["decision", "status", "cause"]);
  private readonly parts = new WeakMap<HTMLElement, Parts>();

  constructor(private readonly view: View) {}

  draw(facets = this.view.state.facets): void {
    const focused = (document.activeElement as HTMLElement | null)?.dataset?.facet;
    this.element.setAttribute("aria-label", this.view.text("filters"));
    const shown = facets.filter(({ values }) => values.length);
    keyed<Facet, HTMLDetailsElement>(
      this.element,
      shown,
      ({ name }) => name,
      (facet, box) => this.drawFacet(facet, box),
    );
    if (focused) this.element.querySelector<HTMLElement>(`[data-facet="${CSS.escape(focused)}"]`)?.focus();
  }

  private drawFacet(facet: Facet, existing: HTMLDetailsElement | undefined): HTMLDetailsElement {
    const box = existing ?? this.newFacet(facet);
    const parts = this.parts.get(box) as Parts;
    parts.facet = facet;
    this.drawValues(box, parts);
    return box;
  }

  private newFacet(facet: Facet): HTMLDetailsElement {
    const { name, label } = facet;
    const mark = h("span.ik-mark", { hidden: true });
    const values = h("div.ik-values");
    const search = h("input.ik-part", {
      type: "search",
      "aria-label": `${this.view.text("filters")}: ${label}`,
      placeholder: "…",
      oninput: () => this.drawValues(box, parts),
    });
    const parts: Parts = { mark, search, values, facet };
    const ontoggle = () => (box.open ? this.open.add(name) : this.open.delete(name));
    const box: HTMLDetailsElement = h(
      "details.ik-facet",
      { open: this.open.has(name), ontoggle },
      h("summary", {}, label, mark),
      search,
      values,
    );
    this.parts.set(box, parts);
    return box;
  }

  private drawValues(box: HTMLDetailsElement, { mark, search, values, facet }: Parts): void {
    const chosen = chosenValues(this.view.state, facet.name).length;
    if (chosen && mark.hidden) box.open = true;
    mark.textContent = String(chosen);
    mark.hidden = !chosen;
    const part = search.value.trim().toLowerCase();
    search.hidden = facet.values.length <= SHORT && !part;
    const max = Math.max(...facet.values.map(([, , n]) => n), 1);
    keyed<FacetValue, HTMLLabelElement>(
      values,
      facet.values.filter(([, label]) => !part || (label ?? this.view.text("empty")).toLowerCase().includes(part)),
      ([value]) => value,
      (value, label) => this.drawValue(facet.name, value, max, label),
    );
  }

  private drawValue(name: string, [value, text, n]: FacetValue, max: number, existing?: HTMLLabelElement) {
    const chosen = () => chosenValues(this.view.state, name);
    const onchange = (event: Event) => {
      const isChosen = (target(event) as HTMLInputElement).checked;
      this.view.refine({ [name]: isChosen ? [...chosen(), value] : chosen().filter((other) => other !== value) });
    };
    const label =
      existing ??
      h(
        "label",
        {},
        h("input", { type: "checkbox", "data-facet": `${name}:${value}`, onchange }),
        h("span.ik-label", { dir: "auto", title: text ?? "" }),
        h("span.ik-n"),
      );
    const [checkbox, words, count] = label.children as unknown as [HTMLInputElement, HTMLElement, HTMLElement];
    label.className = n ? "ik-value" : "ik-value ik-none";
    label.style.cssText = `--part:${((100 * n) / max).toFixed(1)}%`;
    checkbox.checked = chosen().includes(value);
    words.textContent = text ?? this.view.text("empty");
    count.textContent = this.view.number(n);
    return label;
  }
}
