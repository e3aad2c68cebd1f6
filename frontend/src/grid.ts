/** The rows: only those that are visible are elements, whatever their number. */

import { h, put, target } from "./dom.ts";
import { commandOf } from "./keyboard.ts";
import type { Column } from "./protocol.ts";
import { type Block, requestRows, rowAt, rowCount, shownColumns } from "./state.ts";
import type { View } from "./view.ts";

const ROW = 30;
const HEAD = 34;
/** Browsers draw nothing beyond some height: in a longer list a pixel of the scroll bar is several rows. */
const MAX_HEIGHT = 8e6;

interface Line {
  element: HTMLElement;
  cells: Block["cells"] | null;
  checkbox: HTMLInputElement;
}
type Found = ReturnType<typeof rowAt>;

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
  private readonly resized: ResizeObserver;
  private top = 0;
  /** Pixels of the list for one of the scroll bar. */
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
    this.layer.addEventListener("dblclick", (event) => view.details.open(this.rowOf(event)));
    this.box = h("div.ik-gridbox", {}, this.scroller, this.note, this.tip);
    this.resized = new ResizeObserver(() => this.draw());
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
    const end = Math.min(rowCount(view.state), Math.ceil((this.top + this.height()) / ROW) + 1);
    for (const [row, line] of this.lines) {
      if (row >= first && row < end) continue;
      line.element.remove();
      this.lines.delete(row);
    }
    for (let row = first; row < end; row++) this.drawLine(row);
    this.scroller.setAttribute("aria-rowcount", String(rowCount(view.state) + 1));
    const cell = this.activeCell();
    if (cell) this.scroller.setAttribute("aria-activedescendant", cell.id);
    else this.scroller.removeAttribute("aria-activedescendant");
    this.drawNote();
    view.selection.draw();
    view.ask((state) => requestRows(state, first, end));
    if (document.activeElement === this.scroller) this.hint(this.active.row);
  }

  /** Remove lines that mean other rows, or show other columns. */
  dropLines(): void {
    for (const { element } of this.lines.values()) element.remove();
    this.lines.clear();
  }

  /** Go back to the first row. */
  reset(): void {
    this.top = this.scroller.scrollTop = this.active.row = this.anchor = 0;
  }

  /** The rows that are elements now. */
  visibleRows(): number[] {
    return [...this.lines.keys()];
  }

  private drawLine(row: number): void {
    const found = rowAt(this.view.state, row);
    const cells = found?.block.cells ?? null;
    let line = this.lines.get(row);
    if (!line || line.cells !== cells) {
      const next = this.newLine(row, found);
      if (line) line.element.replaceWith(next.element);
      else this.layer.append(next.element);
      line = next;
      this.lines.set(row, line);
    }
    line.element.style.transform = `translateY(${row * ROW - this.top}px)`;
    this.flag(line, row, found);
  }

  private newLine(row: number, found: Found): Line {
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
    const cells = shownColumns(this.view.state).map((column, index) => this.cell(column, index + 1, row, found));
    const props = { role: "row", "aria-rowindex": row + 2, "data-row": row };
    const element = h(found ? "div.ik-line" : "div.ik-line.ik-wait", props, check, cells);
    return { element, cells: found?.block.cells ?? null, checkbox };
  }

  private cell({ name, kind }: Column, column: number, row: number, found: Found): HTMLElement {
    const text = found?.block.cells[name]?.[found.index];
    const code = found?.block.codes[name]?.[found.index];
    let content: HTMLElement | string = text ?? "";
    if (name === "failure_code" && code) content = this.view.state.hints[code]?.[0] ?? content;
    else if (found && name in found.block.codes && name !== "failure_code" && typeof text === "string") {
      content = h("span", { className: `ik-badge ik-is-${code}` }, text);
    }
    const title = typeof content === "string" ? content : "";
    const props = { role: "gridcell", id: this.cellId(row, column), "aria-colindex": column + 1, dir: "auto", title };
    return h("div", { className: `ik-cell ik-${kind}`, ...props }, content);
  }

  private cellId(row: number, column: number): string {
    return `${this.view.id}-${row}-${column}`;
  }

  private activeCell(): HTMLElement | null {
    return document.getElementById(this.cellId(this.active.row, this.active.column));
  }

  private flag({ element, checkbox }: Line, row: number, found: Found): void {
    const isSelected = Boolean(found?.block.selected?.[found.index]);
    checkbox.checked = isSelected;
    checkbox.disabled = !found?.block.selectable?.[found.index];
    element.setAttribute("aria-selected", String(isSelected));
    element.classList.toggle("ik-chosen", isSelected);
    for (const cell of element.querySelectorAll(".ik-active")) cell.classList.remove("ik-active");
    if (row === this.active.row) element.children[this.active.column]?.classList.add("ik-active");
  }

  private drawNote(): void {
    const { view } = this;
    const { state } = view;
    const isFirst = !state.view.ready && !state.blocks.size;
    this.note.hidden = rowCount(state) > 0 && !isFirst;
    if (this.note.hidden) return;
    if (isFirst || (state.view.ready && state.counts.matched === null)) {
      put(this.note, h("span.ik-spin"), view.text("loading"));
    } else if (state.view.chips.length) {
      const reset = h("button.ik-button", { onclick: () => view.refine(null) }, view.text("reset"));
      put(this.note, h("strong", {}, view.text("none")), h("span", {}, view.text("none_filter")), reset);
    } else put(this.note, h("strong", {}, view.text("no_rows")));
  }

  // ---- scrolling

  firstRow(): number {
    return Math.floor(this.top / ROW);
  }

  private height(): number {
    return Math.max(this.scroller.clientHeight - HEAD, ROW);
  }

  private measure(): void {
    const all = rowCount(this.view.state) * ROW;
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
    // The scroll bar would skip rows; the wheel does not.
    this.moveTo(this.top + (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * ROW : event.deltaY));
    event.preventDefault();
  }

  private moveTo(top: number): void {
    this.top = Math.max(0, Math.min(top, rowCount(this.view.state) * ROW - this.height()));
    this.scroller.scrollTop = this.top / this.scale;
    this.draw();
  }

  goTo(row: number): void {
    row = Math.max(0, Math.min(row, rowCount(this.view.state) - 1));
    const height = this.height();
    if (row * ROW < this.top) this.moveTo(row * ROW);
    else if ((row + 1) * ROW > this.top + height) this.moveTo((row + 1) * ROW - height);
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
    const top = this.scroller.getBoundingClientRect().top + HEAD - this.top;
    const row = Math.floor((event.clientY - top) / ROW);
    return event.target === this.layer && row < rowCount(this.view.state) ? row : null;
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
    if (column !== 0 && this.view.state.details) details.open(row);
  }

  private key(event: KeyboardEvent): void {
    if (event.target !== this.scroller) return;
    const { row, column } = this.active;
    const command = commandOf(event, {
      row,
      column,
      lastRow: rowCount(this.view.state) - 1,
      lastColumn: shownColumns(this.view.state).length,
      page: Math.max(1, Math.floor(this.height() / ROW) - 1),
    });
    if (!command) return;
    event.preventDefault();
    const { selection, details } = this.view;
    switch (command.do) {
      case "go":
        if (command.extend) selection.selectRange(this.anchor, command.row, true);
        else this.anchor = command.row;
        this.goTo(command.row);
        break;
      case "column":
        this.active.column = command.column;
        this.reveal();
        break;
      case "toggle":
        selection.toggle(row);
        break;
      case "open":
        details.open(row);
        break;
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
    if (this.tipCode !== code) put(this.tip, h("strong", {}, hint[0]), h("span", {}, hint[1]));
    this.tipCode = code;
    this.tip.hidden = false;
    this.scroller.setAttribute("aria-describedby", this.tip.id);
    const below = HEAD + (row + 1) * ROW - this.top + 2;
    const above = Math.max(HEAD, below - ROW - 4 - this.tip.offsetHeight);
    this.tip.style.top = `${below + this.tip.offsetHeight > this.scroller.clientHeight ? above : below}px`;
  }
}
