/** The toolbar above the rows: search, counts, menus, and the restrictions of the filter. */

import { type Child, formatDay, h, keepFocus, keepInside, put, target } from "./dom.ts";
import type { Word } from "./protocol.ts";
import { searchText, unitOf } from "./state.ts";
import type { View } from "./view.ts";

const SEARCH_DELAY = 180;
const refill = new WeakMap<Element, () => void>();

/** A button that opens a menu, whose content is created when it opens. */
export function menu(label: string, items: () => Child[]): HTMLDetailsElement {
  const box = h("div.ik-menubox");
  const summary = h("summary.ik-button", {}, label);
  const fill = () => put(box, items());
  const element: HTMLDetailsElement = h(
    "details.ik-menu",
    {
      ontoggle: () => {
        if (element.open && !box.firstChild) fill();
        if (element.open) keepInside(box, element.closest(".ik-panel, .ik") ?? document.body);
        if (!element.open) put(box);
      },
      onkeydown: (event) => {
        if (event.key !== "Escape") return;
        element.open = false;
        summary.focus();
        event.stopPropagation();
      },
      onfocusout: ({ relatedTarget }) => {
        if (relatedTarget && !element.contains(relatedTarget as Node)) element.open = false;
      },
    },
    summary,
    box,
  );
  refill.set(element, fill);
  return element;
}

export class Toolbar {
  readonly search: HTMLInputElement;
  readonly bar = h("div.ik-bar");
  readonly facts = h("div.ik-facts", { role: "note", hidden: true });
  readonly chips = h("div.ik-chips", { role: "list" });
  readonly live = h("div.ik-live", { role: "status", "aria-live": "polite" });
  /** Hits of the search in other lists. */
  readonly hits = h("div.ik-hits", { hidden: true });
  private readonly count = h("span.ik-count");
  private readonly tools = h("div.ik-bar.ik-tools");
  private readonly sent = h("summary");
  private readonly others = h("summary");
  private readonly reset = h("button.ik-link", { hidden: true, onclick: () => this.resetFilters() });
  private announced = "";
  private searching: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly view: View) {
    this.search = h("input.ik-search", {
      type: "search",
      spellcheck: false,
      autocomplete: "off",
      oninput: () => {
        clearTimeout(this.searching);
        this.searching = setTimeout(() => this.searchNow(), SEARCH_DELAY);
      },
      onkeydown: (event) => this.searchKey(event),
    });
  }

  /** Build the bar; the view calls this once it knows whether filters are menus. */
  build(): HTMLElement {
    return put(this.bar, this.search, this.menus(), this.count, this.tools);
  }

  close(): void {
    clearTimeout(this.searching);
  }

  /** The facets and the days as menus beside the search. */
  private menus(): Child {
    const { hasMenus, facets, timeline, id } = this.view;
    if (!hasMenus) return null;
    const box = (kind: "ik-of-days" | "ik-of-others", summary: HTMLElement, content: HTMLElement) => {
      const pop = h("div.ik-pop", {}, content);
      const ontoggle = () => keepInside(pop, this.view.root);
      return h(`details.ik-facet.${kind}`, { name: `${id}-menus`, ontoggle }, summary, pop);
    };
    facets.element.classList.add("ik-menus");
    const boxes = [box("ik-of-days", this.sent, timeline.element), box("ik-of-others", this.others, facets.others)];
    return [facets.element, h("div.ik-menus", {}, boxes), this.reset];
  }

  /** Show which menus restrict the rows. */
  drawFilters(): void {
    const { view } = this;
    const { filter } = view.state;
    const isSet = (names: string[]) => names.some((name) => (filter[name] ?? "").length > 0);
    const others = [...view.facets.others.children].map((box) => (box as HTMLElement).dataset.name ?? "");
    const days = [filter.invited_from, filter.invited_to].map((day) =>
      day ? formatDay(day as string, view.state.language, false) : "",
    );
    const hasDays = isSet(["invited_from", "invited_to"]);
    this.sent.textContent = hasDays ? `${view.text("sent")}: ${days.join(" – ")}` : view.text("sent");
    this.others.textContent = view.text("more_filters");
    this.sent.parentElement?.classList.toggle("ik-filtered", hasDays);
    this.others.parentElement?.classList.toggle("ik-filtered", isSet(others));
    this.reset.textContent = view.text("reset");
    this.reset.hidden = !isSet(Object.keys(filter).filter((name) => name !== "decision"));
  }

  /** Remove all restrictions except the open list. */
  resetFilters(): void {
    const names = Object.keys(this.view.state.filter).filter((name) => !this.view.hasMenus || name !== "decision");
    this.view.refine(Object.fromEntries(names.map((name) => [name, undefined])));
  }

  draw(): void {
    this.drawSearch();
    this.drawFilters();
    this.drawTools();
    this.drawCount();
    this.drawFacts();
    this.drawChips();
  }

  // ---- search

  private drawSearch(): void {
    const { state } = this.view;
    this.search.placeholder = this.view.text("search");
    this.search.setAttribute("aria-label", this.view.text("search"));
    if (document.activeElement !== this.search) this.showText();
    this.search.disabled = !state.view.ready;
  }

  /** Show the text of the filter. */
  showText(): void {
    this.search.value = searchText(this.view.state);
  }

  private searchNow(): void {
    clearTimeout(this.searching);
    const text = this.search.value.trim();
    if (text !== searchText(this.view.state)) this.view.refine({ text });
  }

  private searchKey(event: KeyboardEvent): void {
    if (event.key === "Escape") this.search.value = "";
    if (event.key === "Enter" || event.key === "Escape") this.searchNow();
    if (event.key !== "ArrowDown") return;
    this.view.grid.scroller.focus();
    event.preventDefault();
  }

  // ---- menus and switches

  private drawTools(): void {
    const { view, tools } = this;
    const menus = () => [...tools.querySelectorAll("details")];
    const open = menus().findIndex((menu) => menu.open);
    keepFocus(tools, () => {
      if (view.hasMenus)
        put(
          tools,
          menu(view.text("more"), () => this.moreItems()),
        );
      else
        put(
          tools,
          this.everyRow(),
          this.jump(),
          this.filters(),
          menu(view.text("columns"), () => this.columnItems()),
          menu(view.text("views"), () => this.viewItems()),
          view.download && menu(view.text("download"), () => [this.downloads()]),
          this.masking(),
        );
      const reopened = menus()[open];
      if (!reopened) return;
      reopened.open = true;
      refill.get(reopened)?.();
    });
  }

  /** The items of the menu of options. */
  private moreItems(): Child[] {
    const { view } = this;
    const { two_lines, grouped, ready } = view.state.view;
    const box = (label: Word, checked: boolean, onchange: () => void) =>
      h("label", {}, h("input", { type: "checkbox", checked, disabled: !ready, onchange }), view.text(label));
    const layout = (change: object) => () => view.send({ type: "set_layout", two_lines, grouped, ...change });
    return [
      box("group_by_reason", grouped, layout({ grouped: !grouped })),
      box("all_columns", !two_lines, layout({ two_lines: !two_lines })),
      this.everyRow(),
      this.masking(),
      this.jump(),
      !two_lines && h("fieldset.ik-columns-list", {}, h("legend", {}, view.text("columns")), this.columnItems()),
      h("fieldset.ik-columns-list", {}, h("legend", {}, view.text("views")), this.viewItems()),
      this.downloads(),
    ];
  }

  /** Buttons that download the shown rows; none in a notebook. */
  private downloads(): Child {
    const { download, state } = this.view;
    const item = (kind: string, word: Word) =>
      h(
        "button.ik-item",
        { disabled: !state.counts.matched, onclick: () => download?.(`shown.${kind}`) },
        this.view.text(word),
      );
    return download && [item("xlsx", "shown_xlsx"), item("csv", "shown_csv")];
  }

  private everyRow(): Child {
    const { unit, every_row, ready } = this.view.state.view;
    if (unit === "rows") return null;
    const hint = this.view.text("every_row_hint");
    const box = h("input", {
      type: "checkbox",
      role: "switch",
      "aria-description": hint,
      checked: every_row,
      disabled: !ready,
      onchange: () => this.view.send({ type: "set_every_row", every_row: box.checked }),
    });
    return h("label.ik-switch", { title: hint }, box, this.view.text("every_row"));
  }

  private jump(): Child {
    const { grid } = this.view;
    return h("input.ik-jump", {
      type: "number",
      min: 1,
      placeholder: this.view.text("go"),
      "aria-label": this.view.text("go"),
      onkeydown: (event) => {
        const { value } = target(event) as HTMLInputElement;
        if (event.key !== "Enter" || !value) return;
        grid.goTo(Number(value) - 1);
        grid.anchor = grid.active.row;
        grid.scroller.focus();
      },
    });
  }

  private filters(): Child {
    const { facets, grid } = this.view;
    const onclick = () => {
      facets.element.hidden = !facets.element.hidden;
      this.drawTools();
      grid.draw();
    };
    const pressed = String(!facets.element.hidden);
    return h("button.ik-button", { "aria-pressed": pressed, onclick }, this.view.text("filters"));
  }

  private masking(): Child {
    const { unmasked } = this.view.state.view;
    const onclick = () => this.view.toggleMasking();
    const label = this.view.text(unmasked ? "eye_open" : "eye_closed");
    return h("button.ik-button", { "aria-pressed": String(unmasked), onclick }, label);
  }

  private columnItems(): Child[] {
    return this.view.state.view.columns.map(({ name, label, shown }) => {
      const onchange = (event: Event) => this.showColumn(name, (target(event) as HTMLInputElement).checked);
      return h("label", {}, h("input", { type: "checkbox", checked: shown, onchange }), label);
    });
  }

  private showColumn(name: string, shown: boolean): void {
    const { column_order } = this.view.state.view;
    const columns = shown ? [...column_order, name] : column_order.filter((other) => other !== name);
    if (columns.length) this.view.send({ type: "set_columns", columns, first: this.view.grid.firstRow() });
  }

  private viewItems(): Child[] {
    const { view } = this;
    const { views } = view.state.view;
    const name = h("input", { type: "text", placeholder: view.text("name"), "aria-label": view.text("name") });
    const save = () => name.value.trim() && view.send({ type: "save_view", name: name.value.trim() });
    const open = (saved: string) => () => view.send({ type: "open_view", name: saved });
    return [
      views.map((saved) => h("button.ik-item", { onclick: open(saved) }, saved)),
      h("div.ik-row2", {}, name, h("button.ik-button", { onclick: save }, view.text("save"))),
    ];
  }

  /** Whether the rows are restricted by more than the open list. */
  get isFiltered(): boolean {
    return this.view.hasMenus ? !this.reset.hidden : this.view.state.view.chips.length > 0;
  }

  // ---- counts

  /** Show how many rows match; `brushed` is the number while days are brushed, before customers are counted. */
  drawCount(brushed?: number): void {
    const { view } = this;
    const { counts, early } = view.state;
    const { facts, ready } = view.state.view;
    const unit = unitOf(view.state);
    const matched = brushed ?? early?.matched ?? counts.matched;
    const customers = brushed === undefined && !early ? counts.customers : undefined;
    const isAll = counts.total === null || matched === null || matched === counts.total;
    const values = { n: view.number(matched), total: view.number(counts.total), customers: view.number(customers) };
    let text = view.text(`${isAll ? "all" : "some"}_${unit}`, values);
    if (unit !== "customers" && customers !== undefined) {
      text += view.text(isAll ? "of_customers" : "among_customers", values);
    }
    if (unit === "invitations" && isAll && facts.not_sent) {
      text += view.text("not_sent", { n: view.number(facts.not_sent) });
    }
    this.count.textContent = ready ? (view.hasMenus ? view.text("n_shown", values) : text) : "";
    // Without a restriction the heading shows the number.
    this.count.hidden = view.hasMenus && this.reset.hidden && brushed === undefined;
    // Announce the count once per view, not at each step of a drag.
    if (customers === undefined || view.isPressed || this.announced === text) return;
    this.announced = this.live.textContent = text;
  }

  /** Show how many masked rows are not matched to a customer, and how many are not counted. */
  private drawFacts(): void {
    const { every_row, facts } = this.view.state.view;
    const shown = (["masked", "masked_before"] as const).filter((name) => facts[name] && !every_row);
    const lines = shown.map((name) => h("span", {}, this.view.text(name, { n: this.view.number(facts[name]) })));
    put(this.facts, lines);
    this.facts.hidden = !shown.length;
  }

  private drawChips(): void {
    const { view } = this;
    const { chips } = view.state.view;
    const items = chips.map(({ name, words }) => {
      const label = view.text("remove", { text: words });
      const remove = () => view.refine({ [name]: undefined });
      const button = h("button", { "aria-label": label, title: words, onclick: remove }, "×");
      return h("span.ik-chip", { role: "listitem" }, h("span", { dir: "auto" }, words), button);
    });
    const reset = h("button.ik-link", { onclick: () => this.resetFilters() }, view.text("reset"));
    if (chips.length > 1) items.push(h("span", { role: "listitem" }, reset));
    keepFocus(this.chips, () => put(this.chips, items));
    this.chips.hidden = !chips.length;
  }
}
