/** The bar of selected rows and its actions, visible while something is selected. */

import { type Child, h, put } from "./dom.ts";
import type { Select } from "./protocol.ts";
import { toggleRow } from "./state.ts";
import type { View } from "./view.ts";

export class SelectionBar {
  readonly element = h("div.ik-choice", { role: "region", hidden: true });
  /** The status while rows are being prepared. */
  readonly preparing = h("div.ik-preparing", { role: "status", hidden: true });
  private drawn = "";
  /** The version of the last view with a selection. */
  private lastSelected = -1;

  constructor(private readonly view: View) {}

  select(action: Select["action"], more: Partial<Select> = {}): void {
    this.view.send({ type: "select", version: this.view.state.version, action, ...more });
  }

  toggle(row: number): void {
    this.view.ask((state) => toggleRow(state, row));
    this.view.grid.draw();
  }

  selectRange(start: number, end: number, add: boolean): void {
    this.select(add ? "add_range" : "remove_range", { start, end });
  }

  draw(): void {
    const { view } = this;
    const { counts, view: shown } = view.state;
    const onlySelected = shown.only === "selected";
    this.preparing.hidden = shown.ready;
    if (!shown.ready) put(this.preparing, h("span.ik-spin"), view.preparing(), this.step());
    view.columns.drawSelected();
    if (counts.selected) this.lastSelected = view.state.version;
    // A selection that was cleared by mistake can be undone while the same rows are shown.
    const isCleared = shown.can_undo && this.lastSelected === view.state.version;
    this.element.hidden = !shown.ready || !(counts.selected || onlySelected || isCleared);
    this.element.setAttribute("aria-label", view.text("selection"));
    const parts: (Child & Element)[] = [h("strong", {}, view.text("selected", { n: view.number(counts.selected) }))];
    if (counts.hidden) parts.push(h("span.ik-warn", {}, view.text("hidden", { n: view.number(counts.hidden) })));
    parts.push(...view.extension.selectionFacts());
    if (counts.selected || onlySelected) {
      const on = !onlySelected;
      const onclick = () => view.send({ type: "set_only_selected", on });
      parts.push(h("button.ik-link", { onclick }, view.text(on ? "only_selected" : "not_only_selected")));
    }
    if (counts.selected) parts.push(this.link(view.text("clear"), "clear"));
    if (shown.can_undo) parts.push(this.link(view.text("undo"), "undo"));
    parts.push(h("span.ik-grow"));
    if (view.download && counts.selected) {
      const onclick = () => view.download?.("selected.xlsx");
      parts.push(h("button.ik-button", { onclick }, view.text("selected_xlsx")));
    }
    parts.push(...view.extension.actions());
    const drawn = parts.map((part) => `${part.textContent}${(part as HTMLButtonElement).disabled}`).join("|");
    // Redraw only if something changed, so that a button is not replaced while it is clicked.
    if (this.drawn !== drawn) put(this.element, parts);
    this.drawn = drawn;
  }

  /** The current step of the preparation. */
  private step(): Child {
    const { view } = this;
    const { progress } = view.state;
    if (!progress) return null;
    const name = view.text(`step_${progress.step}` as `step_${"annotate" | "resolve" | "plan" | "store"}`);
    return ` ${view.text("step", { text: name, at: view.number(progress.number), of: view.number(progress.steps) })}`;
  }

  private link(label: string, action: Select["action"]): HTMLElement {
    return h("button.ik-link", { onclick: () => this.select(action) }, label);
  }
}
