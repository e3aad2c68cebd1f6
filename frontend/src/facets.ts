/** The facets: the values of columns with their counts, to filter by. */

import { h, keepInside, keyed, target } from "./dom.ts";
import type { Facet, Word } from "./protocol.ts";
import { chosenValues } from "./state.ts";
import type { View } from "./view.ts";

/** Lists of more values have a search field. */
const SHORT = 8;
/** Milliseconds after the last key until Python is asked for values that are not listed. */
const SEARCH_DELAY = 180;
/** Facets with a menu of their own beside the search; the others share one. */
const MENUS = ["status", "method", "cause", "manager"];

/** Facets that are open at first if they are beside the rows. */
const OPEN = ["decision", "status", "cause"];

interface Parts {
  mark: HTMLElement;
  search: HTMLInputElement;
  values: HTMLElement;
  facet: Facet;
  /** The last search for values that are not listed: view and text. */
  asked: string;
}
type FacetValue = Facet["values"][number];

export class Facets {
  readonly element = h("div.ik-facets", { role: "group" });
  /** The facets without a menu of their own. */
  readonly others = h("div.ik-others");
  private readonly open = new Set<string>();
  private searching: ReturnType<typeof setTimeout> | undefined;
  private readonly parts = new WeakMap<HTMLElement, Parts>();

  constructor(private readonly view: View) {}

  close(): void {
    clearTimeout(this.searching);
  }

  draw(facets = this.view.state.facets): void {
    const focused = (document.activeElement as HTMLElement | null)?.dataset?.facet;
    this.element.setAttribute("aria-label", this.view.text("filters"));
    const shown = facets.filter(({ values }) => values.length || this.view.hasMenus);
    const draw = (box: HTMLElement, some: Facet[]) =>
      keyed<Facet, HTMLDetailsElement>(
        box,
        some,
        ({ name }) => name,
        (facet, existing) => this.drawFacet(facet, existing),
      );
    if (this.view.hasMenus) {
      draw(
        this.element,
        MENUS.flatMap((name) => shown.find((facet) => facet.name === name) ?? []),
      );
      draw(
        this.others,
        shown.filter(({ name }) => name !== "decision" && !MENUS.includes(name)),
      );
    } else draw(this.element, shown);
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
      placeholder: this.view.text("find"),
      oninput: () => this.drawValues(box, parts),
    });
    const isMenu = this.view.hasMenus && MENUS.includes(name);
    if (!this.view.hasMenus && OPEN.includes(name)) this.open.add(name);
    const parts: Parts = { mark, search, values, facet, asked: "" };
    const ontoggle = () => {
      if (box.open) this.open.add(name);
      else this.open.delete(name);
      if (isMenu) keepInside(box.querySelector(".ik-pop"), this.view.root);
    };
    const box: HTMLDetailsElement = h(
      "details.ik-facet",
      { open: this.open.has(name), ontoggle, "data-name": name, name: isMenu ? `${this.view.id}-menus` : "" },
      h("summary", {}, isMenu ? this.view.text(`filter_${name}` as Word) : label, mark),
      h("div.ik-pop", {}, search, values),
    );
    this.parts.set(box, parts);
    return box;
  }

  private drawValues(box: HTMLDetailsElement, parts: Parts): void {
    const { mark, search, values, facet } = parts;
    const chosen = chosenValues(this.view.state, facet.name).length;
    if (chosen && mark.hidden && !this.view.hasMenus) box.open = true;
    box.classList.toggle("ik-filtered", chosen > 0);
    mark.textContent = String(chosen);
    mark.hidden = !chosen;
    const part = search.value.trim().toLowerCase();
    search.hidden = facet.values.length <= SHORT && !part;
    const max = Math.max(...facet.values.map(([, , n]) => n), 1);
    const isListed = ([, text]: FacetValue) => this.label(facet.name, text).toLowerCase().includes(part);
    keyed<FacetValue, HTMLLabelElement>(
      values,
      this.searched(parts, part) ?? facet.values.filter((value) => !part || isListed(value)),
      ([value]) => value,
      (value, label) => this.drawValue(facet.name, value, max, label),
    );
  }

  /** The values that contain a text, if not all are listed; null until Python has answered. */
  private searched(parts: Parts, text: string): FacetValue[] | null {
    const { name, full } = parts.facet;
    if (!full || !text) return null;
    const { found, version } = this.view.state;
    if (found?.name === name && found.text === text) return found.values;
    const asked = `${version} ${text}`;
    if (parts.asked === asked) return null;
    parts.asked = asked;
    clearTimeout(this.searching);
    this.searching = setTimeout(() => this.view.send({ type: "search_facet", name, text }), SEARCH_DELAY);
    return null;
  }

  private label(name: string, text: string | null): string {
    return text ?? this.view.text(name === "cause" ? "no_failure" : "empty");
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
    words.textContent = this.label(name, text);
    count.textContent = this.view.number(n);
    return label;
  }
}
