/** The header of the grid: which columns are shown, how wide, and how they sort. */

import { h, put, target } from "./dom.ts";
import type { Column } from "./protocol.ts";
import { shownColumns } from "./state.ts";
import { type TwoLineColumn, twoLineColumns } from "./two_lines.ts";
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
  /** The columns of the two-line layout. */
  twoLines: TwoLineColumn[] = [];
  private all: HTMLInputElement | null = null;

  constructor(private readonly view: View) {}

  /** How many columns are shown, without the checkboxes. */
  get count(): number {
    const { state } = this.view;
    return state.view.two_lines ? this.twoLines.length : shownColumns(state).length;
  }

  draw(): void {
    const { view } = this;
    const { ready, two_lines } = view.state.view;
    this.twoLines = two_lines ? twoLineColumns(view) : [];
    view.root.classList.toggle("ik-two", two_lines);
    this.layout();
    this.all = h("input", {
      type: "checkbox",
      tabIndex: -1,
      disabled: !ready,
      onclick: (event) => view.selection.select((target(event) as HTMLInputElement).checked ? "add_all" : "remove_all"),
    });
    const headers = two_lines
      ? this.twoLines.map(({ name, label }, index) => this.header({ name, label: view.text(label) }, index))
      : shownColumns(view.state).map((column, index) => this.header(column, index, this.grip(column)));
    put(this.head, h("div.ik-cell.ik-check", { role: "columnheader", "aria-colindex": 1 }, this.all), headers);
    view.grid.scroller.setAttribute("aria-colcount", String(headers.length + 1));
  }

  private header(column: Pick<Column, "name" | "label">, index: number, grip?: HTMLElement): HTMLElement {
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
    const props = { role: "columnheader", "aria-sort": sort, "aria-colindex": index + 2 };
    return h("div", { className: `ik-cell ik-two-${column.name}`, ...props }, button, grip);
  }

  private grip(column: Column): HTMLElement {
    return h("span.ik-grip", { "aria-hidden": "true", onpointerdown: (event) => this.resize(event, column) });
  }

  /** Draw the checkbox in the header, which shows whether all matching rows are selected. */
  drawSelected(): void {
    const { selected, hidden, selectable } = this.view.state.counts;
    if (!this.all) return;
    const visible = selected - hidden;
    this.all.checked = visible > 0 && visible === selectable;
    this.all.indeterminate = visible > 0 && visible !== selectable;
    this.all.setAttribute("aria-label", this.view.text("select_all", { n: this.view.number(selectable) }));
    this.all.disabled = !selectable;
  }

  private width({ name, kind }: Column): number {
    return this.widths[name] ?? WIDTHS[name] ?? WIDTHS_OF_KINDS[kind] ?? 160;
  }

  private layout(): void {
    const { style } = this.view.root;
    if (this.twoLines.length) {
      style.setProperty("--cols", `44px ${this.twoLines.map(({ width }) => width).join(" ")}`);
      style.setProperty("--wide", "100%");
      return;
    }
    const widths = shownColumns(this.view.state).map((column) => this.width(column));
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
