/** The grid of rows: only visible rows have elements. */

import { h, put, target } from "./dom.ts";
import { highlight } from "./highlight.ts";
import { commandOf } from "./keyboard.ts";
import { HEADING, Layout } from "./layout.ts";
import type { Column } from "./protocol.ts";
import { type Block, type Group, requestRows, rowAt, rowCount, searchText, shownColumns } from "./state.ts";
import { Row } from "./two_lines.ts";
import type { View } from "./view.ts";

const ROW = 30;
const TWO_LINES = 46;
const HEAD = 34;
/** Browsers limit the height of an element: in a longer list, one pixel of the scroll bar is several pixels of the list. */
const MAX_HEIGHT = 8e6;

interface Line {
  element: HTMLElement;
  cells: Block["cells"] | null;
  checkbox: HTMLInputElement;
}
type Position = ReturnType<typeof rowAt>;

export class Grid {
  active = { row: 0, column: 1 };
  anchor = 0;
  readonly scroller: HTMLElement;
  readonly box: HTMLElement;
  private readonly layer = h("div.ik-layer", { role: "presentation" });
  private readonly spacer = h("div.ik-spacer", { role: "presentation" });
  private readonly tip: HTMLElement;
  private readonly note = h("div.ik-note", { hidden: true });
  private readonly lines = new Map<number, Line>();
  private readonly headings = new Map<number, HTMLElement>();
  private layout = new Layout(0, ROW, []);
  private readonly resized: ResizeObserver;
  private top = 0;
  /** The height of the scroller: reading it makes the browser compute its layout, so it is kept until it changes. */
  private visibleHeight = 0;
  /** Pixels of the list for one pixel of the scroll bar. */
  private scale = 1;
  private tipCode = "";

  constructor(private readonly view: View) {
    this.tip = h("div.ik-tip", { role: "tooltip", id: `${view.id}-tip`, hidden: true });
    this.scroller = h(
      "div.ik-scroller",
      {
        role: "grid",
        tabIndex: 0,
        "aria-multiselectable": "true",
        onscroll: () => this.scrolled(),
        onkeydown: (event) => this.key(event),
        onfocus: () => this.draw(),
        onblur: () => this.hint(null),
        onclick: (event) => this.clicked(event),
        onpointermove: (event) => this.hint(this.rowOf(event)),
        onpointerleave: () => this.hint(null),
      },
      view.columns.head,
      this.layer,
      this.spacer,
    );
    this.scroller.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.box = h("div.ik-gridbox", {}, this.scroller, this.note, this.tip);
    this.resized = new ResizeObserver(() => {
      this.visibleHeight = this.scroller.clientHeight;
      this.draw();
    });
    this.resized.observe(this.scroller);
  }

  close(): void {
    this.resized.disconnect();
  }

  // ---- drawing

  draw(): void {
    const { view } = this;
    if (!view.state.view.columns.length) return;
    this.measure();
    const first = this.firstRow();
    const end = Math.min(rowCount(view.state), this.layout.rowAt(this.top + this.height()) + 1);
    for (const [row, line] of this.lines) {
      if (row >= first && row < end) continue;
      line.element.remove();
      this.lines.delete(row);
    }
    for (let row = first; row < end; row++) this.drawLine(row);
    this.drawHeadings(first, end);
    this.scroller.setAttribute("aria-rowcount", String(rowCount(view.state) + 1));
    const cell = this.activeCell();
    if (cell) this.scroller.setAttribute("aria-activedescendant", cell.id);
    else this.scroller.removeAttribute("aria-activedescendant");
    this.drawNote();
    view.selection.draw();
    view.ask((state) => requestRows(state, first, end));
    if (document.activeElement === this.scroller) this.hint(this.active.row);
  }

  /** Remove all lines, as they show other rows or columns now. */
  dropLines(): void {
    put(this.layer);
    this.lines.clear();
    this.headings.clear();
  }

  /** Scroll to the first row. */
  reset(): void {
    this.active.row = this.anchor = 0;
    if (this.top) this.top = this.scroller.scrollTop = 0;
  }

  /** The rows that have elements. */
  visibleRows(): number[] {
    return [...this.lines.keys()];
  }

  private drawLine(row: number): void {
    const position = rowAt(this.view.state, row);
    const cells = position?.block.cells ?? null;
    let line = this.lines.get(row);
    if (!line || line.cells !== cells) {
      const next = this.newLine(row, position);
      if (line) line.element.replaceWith(next.element);
      else this.layer.append(next.element);
      line = next;
      this.lines.set(row, line);
    }
    line.element.style.transform = `translateY(${this.layout.topOf(row) - this.top}px)`;
    this.flag(line, row, position);
  }

  /** Draw the headings of the groups that begin among some rows. */
  private drawHeadings(first: number, end: number): void {
    const groups = this.view.state.groups.filter((group) => group.first >= first && group.first < end);
    for (const element of this.headings.values()) element.remove();
    this.headings.clear();
    for (const group of groups) {
      const element = this.heading(group);
      element.style.transform = `translateY(${this.layout.topOf(group.first) - HEADING - this.top}px)`;
      this.headings.set(group.first, element);
      this.layer.append(element);
    }
  }

  private heading({ place, n }: Group): HTMLElement {
    const { view } = this;
    const [title = "", step = ""] = view.state.headings[place] ?? [];
    const count = n === null ? "" : view.text("all_customers", { total: view.number(n) });
    const cell = { role: "gridcell", "aria-colspan": view.columns.count + 1, title: `${title} ${step}` };
    const lines = [h("div.ik-first", {}, h("strong", {}, title), count && ` · ${count}`), h("div.ik-second", {}, step)];
    return h("div.ik-heading", { role: "row" }, h("div", cell, lines));
  }

  private newLine(row: number, position: Position): Line {
    const checkbox = h("input", {
      type: "checkbox",
      tabIndex: -1,
      "aria-label": this.view.text("of_rows", { n: this.view.number(row + 1) }),
    });
    const check = h(
      "div.ik-cell.ik-check",
      { role: "gridcell", id: this.cellId(row, 0), "aria-colindex": 1 },
      checkbox,
    );
    const cells = this.view.state.view.two_lines
      ? this.twoLines(row, position)
      : shownColumns(this.view.state).map((column, index) => this.cell(column, index + 1, row, position));
    const props = { role: "row", "aria-rowindex": row + 2, "data-row": row };
    const element = h(position ? "div.ik-line" : "div.ik-line.ik-wait", props, check, cells);
    return { element, cells: position?.block.cells ?? null, checkbox };
  }

  private twoLines(row: number, position: Position): HTMLElement[] {
    const texts = position && new Row(this.view, position.block, position.index);
    return this.view.columns.twoLines.map((column, index) => {
      const props = { role: "gridcell", id: this.cellId(row, index + 1), "aria-colindex": index + 2 };
      return h("div", { className: `ik-cell ik-two-${column.name}`, ...props }, texts && column.cell(texts));
    });
  }

  private cell({ name, kind }: Column, column: number, row: number, position: Position): HTMLElement {
    const text = position?.block.cells[name]?.[position.index];
    const code = position?.block.codes[name]?.[position.index];
    let content: HTMLElement | string = text ?? "";
    if (name === "failure_code" && code) content = this.view.state.hints[code]?.[0] ?? content;
    else if (position && name in position.block.codes && name !== "failure_code" && typeof text === "string") {
      content = h("span", { className: `ik-badge ik-is-${code}` }, text);
    }
    const title = typeof content === "string" ? content : "";
    const props = { role: "gridcell", id: this.cellId(row, column), "aria-colindex": column + 1, dir: "auto", title };
    const marked = typeof content === "string" ? highlight(content, searchText(this.view.state)) : content;
    return h("div", { className: `ik-cell ik-${kind}`, ...props }, marked);
  }

  private cellId(row: number, column: number): string {
    return `${this.view.id}-${row}-${column}`;
  }

  private activeCell(): HTMLElement | null {
    return document.getElementById(this.cellId(this.active.row, this.active.column));
  }

  private flag({ element, checkbox }: Line, row: number, position: Position): void {
    const isSelected = Boolean(position?.block.selected?.[position.index]);
    checkbox.checked = isSelected;
    checkbox.disabled = !position?.block.selectable?.[position.index];
    element.setAttribute("aria-selected", String(isSelected));
    element.classList.toggle("ik-chosen", isSelected);
    const { details } = this.view.state;
    element.classList.toggle("ik-opened", details !== null && position?.block.keys[position.index] === details.key);
    for (const cell of element.querySelectorAll(".ik-active")) cell.classList.remove("ik-active");
    if (row === this.active.row) element.children[this.active.column]?.classList.add("ik-active");
  }

  private drawNote(): void {
    const { view } = this;
    const { state } = view;
    const isFirst = !state.view.ready && !state.blocks.size;
    this.note.hidden = rowCount(state) > 0 && !isFirst;
    if (this.note.hidden) return;
    if (!state.view.ready || state.counts.matched === null) {
      put(this.note, h("span.ik-spin"), view.text("loading"));
    } else if (view.toolbar.isFiltered) {
      const reset = h("button.ik-button", { onclick: () => view.toolbar.resetFilters() }, view.text("reset"));
      put(this.note, h("strong", {}, view.text("none")), h("span", {}, view.text("none_filter")), reset);
    } else {
      const isEmpty = state.view.total === 0;
      put(this.note, h("strong", {}, view.text("no_rows")), isEmpty && h("span", {}, view.text("no_records")));
    }
  }

  // ---- scrolling

  firstRow(): number {
    return this.layout.rowAt(this.top);
  }

  private height(): number {
    this.visibleHeight ||= this.scroller.clientHeight;
    return Math.max(this.visibleHeight - HEAD, this.layout.height);
  }

  private measure(): void {
    const { groups, view } = this.view.state;
    const firsts = groups.map((group) => group.first);
    this.layout = new Layout(rowCount(this.view.state), view.two_lines ? TWO_LINES : ROW, firsts);
    const all = this.layout.total;
    const shown = Math.min(all, MAX_HEIGHT);
    const height = this.height();
    this.scale = all > shown ? (all - height) / (shown - height) : 1;
    this.spacer.style.height = `${shown}px`;
    this.top = Math.min(this.top, Math.max(0, all - height));
  }

  private scrolled(): void {
    const { scrollTop } = this.scroller;
    if (Math.abs(scrollTop - this.top / this.scale) > 1) this.top = scrollTop * this.scale;
    this.draw();
  }

  private wheel(event: WheelEvent): void {
    if (this.scale === 1 || event.ctrlKey || !event.deltaY) return;
    // Scroll by pixels of the list: by pixels of the scroll bar, the wheel would skip rows.
    this.moveTo(this.top + (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * ROW : event.deltaY));
    event.preventDefault();
  }

  private moveTo(top: number): void {
    this.top = Math.max(0, Math.min(top, this.layout.total - this.height()));
    this.scroller.scrollTop = this.top / this.scale;
    this.draw();
  }

  goTo(row: number): void {
    row = Math.max(0, Math.min(row, rowCount(this.view.state) - 1));
    const height = this.height();
    const top = this.layout.topOf(row);
    const bottom = top + this.layout.height;
    const hasHeading = this.view.state.groups.some((group) => group.first === row);
    if (top < this.top) this.moveTo(hasHeading ? top - HEADING : top);
    else if (bottom > this.top + height) this.moveTo(bottom - height);
    this.active.row = row;
    this.draw();
  }

  focus(): void {
    this.scroller.focus({ preventScroll: true });
  }

  // ---- mouse and keys

  /** The row under the mouse. */
  private rowOf(event: MouseEvent): number | null {
    const line = target(event).closest<HTMLElement>(".ik-line");
    if (line) return Number(line.dataset.row);
    return null;
  }

  private clicked(event: MouseEvent): void {
    const row = this.rowOf(event);
    if (row === null) return;
    const cell = target(event).closest(".ik-cell");
    const column = cell?.parentElement
      ? [...cell.parentElement.children].indexOf(cell)
      : Math.max(1, this.active.column);
    this.active = { row, column };
    const { selection, details } = this.view;
    if (column === 0 && event.shiftKey && this.anchor !== row) {
      const found = rowAt(this.view.state, row);
      selection.selectRange(this.anchor, row, !found?.block.selected?.[found.index]);
    } else {
      if (column === 0) selection.toggle(row);
      this.anchor = row;
    }
    this.focus();
    this.draw();
    if (column !== 0) details.open(row);
  }

  private key(event: KeyboardEvent): void {
    if (event.target !== this.scroller) return;
    const { row, column } = this.active;
    const command = commandOf(event, {
      row,
      column,
      lastRow: rowCount(this.view.state) - 1,
      lastColumn: this.view.columns.count,
      page: Math.max(1, Math.floor(this.height() / this.layout.height) - 1),
    });
    if (!command) return;
    event.preventDefault();
    const { selection, details } = this.view;
    switch (command.do) {
      case "go":
        if (command.extend) selection.selectRange(this.anchor, command.row, true);
        else this.anchor = command.row;
        this.goTo(command.row);
        if (this.view.state.details) details.open(command.row);
        break;
      case "column":
        this.active.column = command.column;
        this.reveal();
        break;
      case "toggle":
        selection.toggle(row);
        break;
      case "open": {
        const found = rowAt(this.view.state, row);
        const isOpen = found && this.view.state.details?.key === found.block.keys[found.index];
        if (isOpen) details.focus();
        else details.open(row);
        break;
      }
      case "select_all":
        selection.select("add_all");
        break;
      case "undo":
        selection.select("undo");
    }
  }

  /** Scroll sideways to the active cell. */
  private reveal(): void {
    this.draw();
    const cell = this.activeCell();
    if (!cell) return;
    const { scroller } = this;
    const right = cell.offsetLeft + cell.offsetWidth;
    if (cell.offsetLeft < scroller.scrollLeft) scroller.scrollLeft = cell.offsetLeft;
    else if (right > scroller.scrollLeft + scroller.clientWidth) scroller.scrollLeft = right - scroller.clientWidth;
  }

  /** Explain the cause of the row under the mouse, or of the active one. */
  private hint(row: number | null): void {
    const { state } = this.view;
    const found = row !== null && this.lines.has(row) ? rowAt(state, row) : null;
    const code = found?.block.codes.failure_code?.[found.index];
    const hint = code && !state.details ? state.hints[code] : undefined;
    if (!hint || !code || row === null) {
      this.tip.hidden = true;
      this.scroller.removeAttribute("aria-describedby");
      return;
    }
    // The advice on a cause may contradict the next step that a plan gives.
    const advice = !found?.block.codes.decision && h("span", {}, hint[1]);
    if (this.tipCode !== code) put(this.tip, h("strong", {}, hint[0]), advice);
    this.tipCode = code;
    this.tip.hidden = false;
    this.scroller.setAttribute("aria-describedby", this.tip.id);
    const { height } = this.layout;
    const below = HEAD + this.layout.topOf(row) + height - this.top + 2;
    const above = Math.max(HEAD, below - height - 4 - this.tip.offsetHeight);
    this.tip.style.top = `${below + this.tip.offsetHeight > this.scroller.clientHeight ? above : below}px`;
  }
}
