/** What is selected, and what can be done with it. */

import { type Child, h, put } from "./dom.ts";
import type { Select } from "./protocol.ts";
import { rowAt, toggleRow } from "./state.ts";
import type { View } from "./view.ts";

export class SelectionBar {
  readonly element = h("div.ik-choice");
  private drawn = "";

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

  selectVisible(add: boolean): void {
    const keys = this.visible().map(({ block, index }) => block.keys[index] as number);
    if (keys.length) this.select(add ? "add" : "remove", { keys });
  }

  /** Visible rows that can be selected. */
  private visible() {
    return this.view.grid
      .visibleRows()
      .flatMap((row) => rowAt(this.view.state, row) ?? [])
      .filter(({ block, index }) => block.selectable?.[index]);
  }

  draw(): void {
    const { view } = this;
    const { counts, view: shown } = view.state;
    if (!shown.ready) {
      this.drawn = "";
      put(this.element, h("span.ik-preparing", { role: "status" }, h("span.ik-spin"), view.preparing(), this.step()));
      return;
    }
    const visible = this.visible();
    view.columns.drawSelected(visible.length, visible.filter(({ block, index }) => block.selected?.[index]).length);
    const parts: (Child & Element)[] = [h("strong", {}, view.text("selected", { n: view.number(counts.selected) }))];
    if (counts.hidden) parts.push(h("span.ik-warn", {}, view.text("hidden", { n: view.number(counts.hidden) })));
    if (counts.matched && counts.selectable) {
      parts.push(this.link(view.text("select_all", { n: view.number(counts.selectable) }), "add_all"));
    }
    if (counts.selected) parts.push(this.link(view.text("clear"), "clear"));
    if (shown.can_undo) parts.push(this.link(view.text("undo"), "undo"));
    parts.push(...view.extension.actions());
    const drawn = parts.map((part) => `${part.textContent}${(part as HTMLButtonElement).disabled}`).join("|");
    // A button that stays the same is not replaced under the mouse.
    if (this.drawn !== drawn) put(this.element, parts);
    this.drawn = drawn;
  }

  /** Which step of the preparation is running. */
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
