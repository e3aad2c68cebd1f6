/** A grid with everything around it: it draws the state, and sends the requests of a person. */

import { Columns } from "./columns.ts";
import type { Filter } from "./crossfilter.ts";
import { DetailsPanel } from "./details.ts";
import { type Child, formatNumber, h, put, target, textOf, uniqueId } from "./dom.ts";
import { Facets } from "./facets.ts";
import { Grid } from "./grid.ts";
import { Kernel, type Model } from "./kernel.ts";
import { keepKeys } from "./keyboard.ts";
import type { Details, ExplorerRequest, PickerRequest, PickerResponse, Word } from "./protocol.ts";
import { SelectionBar } from "./selection.ts";
import { initialState, isConnecting, isCurrent, reconnect, reduce, type State, setFilter, unitOf } from "./state.ts";
import { Timeline } from "./timeline.ts";
import { Toolbar } from "./toolbar.ts";

type Request = ExplorerRequest | PickerRequest;

/** The parts of a screen around the grid. */
export interface Extension {
  /** The status text while rows are being prepared. */
  preparing: Word;
  /** More about the selected rows, beside their number. */
  selectionFacts(): HTMLElement[];
  /** The buttons for the selected rows. */
  actions(): HTMLElement[];
  /** The buttons for the details of a record. */
  detailActions(details: Details): Child;
  draw(): void;
  sent(request: Request): void;
  received(message: PickerResponse, isCurrent: boolean): void;
  close(): void;
}

export const GRID_ONLY: Extension = {
  preparing: "preparing",
  selectionFacts: () => [],
  actions: () => [],
  detailActions: () => null,
  draw: () => {},
  sent: () => {},
  received: () => {},
  close: () => {},
};

export class View {
  readonly id = uniqueId("ik");
  state: State = initialState(this.id);
  readonly root: HTMLElement;
  readonly extra = h("div.ik-extra");
  readonly columns = new Columns(this);
  readonly facets = new Facets(this);
  readonly timeline = new Timeline(this);
  readonly selection = new SelectionBar(this);
  readonly details = new DetailsPanel(this);
  readonly toolbar = new Toolbar(this);
  readonly grid = new Grid(this);
  readonly extension: Extension;
  private readonly banner = h("div.ik-banner", { role: "alert", hidden: true });
  private readonly kernel: Kernel<Request, PickerResponse>;
  private releasing: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param hasMenus Whether filters are menus beside the search; otherwise they are beside the rows, and the days above.
   */
  constructor(
    model: Model,
    element: HTMLElement,
    extend: (view: View) => Extension = () => GRID_ONLY,
    readonly hasMenus = false,
    /** Downloads a list such as "shown.xlsx"; undefined in a notebook. */
    readonly download?: (list: string) => void,
  ) {
    const { toolbar, grid, facets } = this;
    const height = model.get("height");
    this.root = h(
      "div.ik",
      {
        role: "region",
        "aria-label": "invitekit",
        style: height ? `height:${height}px` : "",
        onkeydown: (event) => this.key(event),
        onpointerdown: (event) => this.press(event),
      },
      this.banner,
      h(
        "div.ik-columns",
        {},
        h(
          "div.ik-list",
          {},
          this.extra,
          toolbar.build(),
          toolbar.facts,
          toolbar.hits,
          !hasMenus && [toolbar.chips, this.timeline.element],
          this.selection.preparing,
          h("div.ik-main", {}, !hasMenus && facets.element, grid.box),
        ),
        this.details.element,
      ),
      this.selection.element,
      toolbar.live,
    );
    element.append(this.root);
    keepKeys(this.root);
    this.extension = extend(this);
    this.kernel = new Kernel<Request, PickerResponse>(model, element, (message, buffers) =>
      this.receive(message, buffers[0]),
    );
    this.kernel.sendUntil(() => !isConnecting(this.state), { type: "connect" });
  }

  close(): void {
    this.kernel.close();
    this.grid.close();
    this.toolbar.close();
    this.facets.close();
    this.extension.close();
  }

  text(word: Word, values: Record<string, unknown> = {}): string {
    return textOf(this.state.words, word, values);
  }

  number(number: number | null | undefined): string {
    return formatNumber(number, this.state.language);
  }

  preparing(): string {
    return this.text(this.extension.preparing);
  }

  get isPressed(): boolean {
    return this.kernel.holds;
  }

  // ---- requests

  send(request: Request): void {
    this.extension.sent(request);
    this.kernel.send(request);
  }

  /** Change the state, and send the resulting request, if any. */
  ask<Asked extends Request | null>(change: (state: State) => [State, Asked]): void {
    const [state, request] = change(this.state);
    this.update(() => state);
    if (request) this.send(request);
  }

  update(change: (state: State) => State): void {
    this.state = change(this.state);
    const { busy, details } = this.state;
    // Rows are dimmed, after a delay, while others are expected.
    this.root.classList.toggle("ik-busy", busy);
    this.grid.scroller.setAttribute("aria-busy", String(busy));
    if (!details) this.details.hide();
  }

  /** Change some restrictions of the filter; null removes all. */
  refine(change: Record<string, Filter[string] | undefined> | null): void {
    this.ask((state) => setFilter(state, change));
    if (change === null || "text" in change) this.toolbar.showText();
  }

  /** Sort by a column: ascending, then descending, then in the original order. */
  sortBy(name: string): void {
    const { sort_by, descending } = this.state.view;
    const isSame = sort_by === name;
    this.update((state) => ({ ...state, busy: true }));
    this.send({ type: "sort", by: isSame && descending ? null : name, descending: isSame && !descending });
  }

  /** Show numbers and addresses, or hide them. */
  toggleMasking(): void {
    this.send({ type: "set_masking", unmasked: !this.state.view.unmasked, first: this.grid.firstRow() });
  }

  private key(event: KeyboardEvent): void {
    const { tagName, type } = target(event) as HTMLInputElement;
    const isTyping = /^(INPUT|TEXTAREA|SELECT)$/.test(tagName) && type !== "checkbox";
    if (event.key === "/" && !isTyping) {
      this.toolbar.search.focus();
      event.preventDefault();
    } else if (event.key === "Escape" && this.state.details) this.details.close();
  }

  /** Close open menus, and delay redraws while a button is down: a click could be lost or hit another row. */
  private press(event: PointerEvent): void {
    for (const open of this.root.querySelectorAll<HTMLDetailsElement>(".ik-menus > details[open], .ik-menu[open]")) {
      if (!open.contains(target(event))) open.open = false;
    }
    if (event.button || !target(event).closest("button, label, summary, .ik-bars, .ik-line")) return;
    clearTimeout(this.releasing); // in a double click, of the first click
    this.kernel.hold();
    for (const kind of ["pointerup", "pointercancel"]) document.addEventListener(kind, this.release, { once: true });
  }

  private release = (): void => {
    this.releasing = setTimeout(() => this.kernel.release());
  };

  // ---- messages

  private receive(message: PickerResponse, buffer: DataView | undefined): void {
    if (message.type === "details" && !this.details.wants(message.details)) return;
    const before = this.state;
    const current = isCurrent(before, message);
    this.update((state) => reduce(state, message, buffer));
    this.extension.received(message, current);
    if (current) this.draw(message, before);
    const isChange = this.state.version !== before.version || (message.type === "selected" && current);
    if (isChange && before.version >= 0) this.kernel.count();
  }

  private draw(message: PickerResponse, before: State): void {
    const { root, grid, toolbar } = this;
    switch (message.type) {
      case "state":
        this.drawView(before);
        break;
      case "page":
        if (message.state) this.drawView(before);
        else grid.draw();
        if (this.state.version !== message.version) return;
        this.details.openWaiting();
        toolbar.drawCount();
        root.dataset.page = String(message.version);
        break;
      case "counts":
        toolbar.drawCount();
        if (!this.state.early) grid.draw();
        this.facets.draw();
        toolbar.drawFilters();
        this.extension.draw();
        this.timeline.draw(message.days !== undefined);
        root.dataset.settled = String(message.version);
        break;
      case "customers":
        toolbar.drawCount();
        break;
      case "selected":
        toolbar.live.textContent = this.text("selected", { n: this.number(message.selected) });
        if (this.state.details) this.send({ type: "get_details", key: this.state.details.key });
        grid.draw();
        break;
      case "progress":
        this.selection.draw();
        break;
      case "preview":
        grid.draw();
        break;
      case "details":
        this.details.draw();
        grid.draw();
        break;
      case "facet_values":
        this.facets.draw();
        break;
      case "crossfilter":
        root.dataset.sums = String(Number(root.dataset.sums ?? 0) + 1);
        break;
      case "error":
        this.drawError();
    }
  }

  private drawView(before: State): void {
    const { state, grid } = this;
    if (state.version !== before.version) grid.reset();
    if (state.lines !== before.lines) grid.dropLines();
    this.banner.hidden = true;
    grid.scroller.setAttribute(
      "aria-label",
      this.text(`all_${unitOf(state)}`, { total: this.number(state.view.total) }),
    );
    this.toolbar.draw();
    this.columns.draw();
    this.extension.draw();
    grid.draw();
  }

  private drawError(): void {
    const { error } = this.state;
    const retry = () => {
      this.banner.hidden = true;
      this.update(reconnect);
      this.send({ type: "connect" });
    };
    put(
      this.banner,
      h("strong", {}, error?.problem),
      ` ${error?.hint} `,
      h("button.ik-button", { onclick: retry }, this.text("retry")),
    );
    this.banner.hidden = false;
  }
}
