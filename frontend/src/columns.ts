/** The header of the grid: which columns are shown, how wide, and how they sort. */

import { h, put, target } from "./dom.ts";
import type { Column } from "./protocol.ts";
import { shownColumns } from "./state.ts";
import type { View } from "./view.ts";

const CHECKBOX_WIDTH = 34;
const MIN_WIDTH = 48;
const WIDTHS: Record<string, number> = {
  effective_status: 164,
  decision: 190,
  customer_full_name: 230,
  failure_code: 250,
  reason: 300,
  email: 190,
  country: 130,
};
const WIDTHS_OF_KINDS: Record<string, number> = { time: 150, integer: 84, number: 84, code: 124 };

export class Columns {
  readonly head = h("div.ik-head", { role: "row", "aria-rowindex": 1 });
  private readonly widths: Record<string, number> = {};
  private all: HTMLInputElement | null = null;

  constructor(private readonly view: View) {}

  draw(): void {
    const { view } = this;
    this.layout();
    this.all = h("input", {
      type: "checkbox",
      tabIndex: -1,
      "aria-label": view.text("select_page"),
      disabled: !view.state.view.ready,
      onclick: (event) => view.selection.selectVisible((target(event) as HTMLInputElement).checked),
    });
    const columns = shownColumns(view.state);
    put(
      this.head,
      h("div.ik-cell.ik-check", { role: "columnheader", "aria-colindex": 1 }, this.all),
      columns.map((column, index) => this.header(column, index)),
    );
    view.grid.scroller.setAttribute("aria-colcount", String(columns.length + 1));
  }

  private header(column: Column, index: number): HTMLElement {
    const { ready, sort_by, descending } = this.view.state.view;
    const isSorted = sort_by === column.name;
    const sort = isSorted ? (descending ? "descending" : "ascending") : "none";
    const button = h(
      "button.ik-sort",
      {
        tabIndex: -1,
        title: this.view.text("sort", { name: column.label }),
        disabled: !ready,
        onclick: () => this.view.sortBy(column.name),
      },
      column.label,
      isSorted && (descending ? " ▾" : " ▴"),
    );
    const grip = h("span.ik-grip", {
      "aria-hidden": "true",
      onpointerdown: (event) => this.resize(event, column),
    });
    return h("div.ik-cell", { role: "columnheader", "aria-sort": sort, "aria-colindex": index + 2 }, button, grip);
  }

  /** Check the box in the header as the visible rows are. */
  drawSelected(selectable: number, selected: number): void {
    if (!this.all) return;
    this.all.checked = selectable > 0 && selected === selectable;
    this.all.indeterminate = selected > 0 && selected < selectable;
  }

  private width({ name, kind }: Column): number {
    return this.widths[name] ?? WIDTHS[name] ?? WIDTHS_OF_KINDS[kind] ?? 160;
  }

  private layout(): void {
    const widths = shownColumns(this.view.state).map((column) => this.width(column));
    const { style } = this.view.root;
    style.setProperty("--cols", `${CHECKBOX_WIDTH}px ${widths.map((width) => `${width}px`).join(" ")}`);
    style.setProperty("--wide", `${CHECKBOX_WIDTH + widths.reduce((a, b) => a + b, 0)}px`);
  }

  private resize(event: PointerEvent, column: Column): void {
    const start = event.clientX;
    const width = this.width(column);
    const grip = target(event);
    grip.setPointerCapture(event.pointerId);
    grip.onpointermove = (move) => {
      this.widths[column.name] = Math.max(MIN_WIDTH, width + move.clientX - start);
      this.layout();
    };
    grip.onpointerup = () => {
      grip.onpointermove = grip.onpointerup = null;
    };
    event.preventDefault();
  }
}
