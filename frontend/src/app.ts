/** The page: a header, the rail, and one screen at a time; the screens run in the server's process. */

import "../styles/app.css";
import { Arrivals } from "./arrivals.ts";
import { button, Dialog } from "./dialog.ts";
import { type Child, formatDay, formatNumber, h, isComplete, keepFocus, put, textOf } from "./dom.ts";
import { render as renderExplorer } from "./explorer.ts";
import { render as renderExport } from "./export_panel.ts";
import { AddFiles } from "./files.ts";
import { firstVisit } from "./first_visit.ts";
import type { Listener, Model } from "./kernel.ts";
import type { PageContext } from "./page.ts";
import { render as renderPicker } from "./picker.ts";
import type {
  LoadProgress,
  PageProblem,
  PageRequest,
  PageResponse,
  PageState,
  PickerResponse,
  Trouble,
  Word,
} from "./protocol.ts";
import { allCustomers, type Host } from "./sections.ts";
import { Answers } from "./transfer.ts";

type Tab = "pick" | "explore" | "export";
/** The places that the address can name (after "#"), and the screen of each. */
const PLACES: Record<string, Tab> = {
  customers: "pick",
  unsent: "pick",
  sent: "pick",
  explore: "explore",
  export: "export",
};
const CLOSER = ["explore", "export"] as const;
/** Milliseconds until a new date is used, as a date that is being typed changes with each part. */
const TYPING_DELAY = 800;
/** Milliseconds until the next attempt to reconnect, after 0, 1, 2 and more failures. */
const RETRY_AFTER = [300, 1000, 2000, 5000];

const byId = (id: string) => document.getElementById(id) as HTMLElement;

/** The model of a screen on the page: like a notebook's model, but over the page's socket. */
class TabModel implements Model {
  private readonly listeners = new Set<Listener>();

  constructor(
    private readonly page: Page,
    private readonly tab: Tab,
  ) {}

  get(): undefined {
    return undefined;
  }

  send(message: unknown): void {
    this.page.send(this.tab, message);
  }

  on(event: string, listener: Listener): void {
    if (event === "msg:custom") this.listeners.add(listener);
  }

  off(_event: string, listener: Listener): void {
    this.listeners.delete(listener);
  }

  deliver(message: unknown, buffers: DataView[]): void {
    for (const listener of this.listeners) listener(message, buffers);
  }
}

interface Opened {
  model: TabModel;
  close: () => void;
  wait: HTMLElement;
  screen: HTMLElement;
}

interface Envelope {
  from: "page" | Tab;
  message: unknown;
  /** The number of binary parts that follow. */
  buffers: number;
  parts: DataView[];
}

/** The state before the first message of the server. */
const INITIAL: PageState = {
  type: "state",
  language: "en",
  languages: {},
  words: {},
  status: "loading",
  run: "",
  offered: { files: [], workspaces: [] },
};

class Page implements PageContext {
  socket!: WebSocket;
  state: PageState = INITIAL;
  readonly answers = new Answers((request) => this.ask(request));
  private readonly dialog = new Dialog();
  private readonly adding = new AddFiles(this, this.dialog);
  private readonly arrivals = new Arrivals(this, this.dialog, byId("notice"));
  private readonly opened = new Map<Tab, Opened>();
  private readonly bar = h("progress");
  private envelope: Envelope | null = null;
  private failures = 0;
  private isLost = false;
  private typing: ReturnType<typeof setTimeout> | undefined;
  /** The number of customers and the day of the newest file, from the picker. */
  private facts: { customers?: number | null; newest?: string | null | undefined } = {};

  constructor() {
    addEventListener("hashchange", () => this.showPlace());
    this.connect();
  }

  text(word: Word, values: Record<string, unknown> = {}): string {
    return textOf(this.state.words, word, values);
  }

  number(number: number | undefined): string {
    return formatNumber(number, this.state.language);
  }

  /** The place that the address names, or else the list of customers. */
  private get place(): string {
    const place = location.hash.slice(1);
    return Object.hasOwn(PLACES, place) ? place : "customers";
  }

  // ---- the socket

  private connect(): void {
    const socket = new WebSocket(`ws://${location.host}/socket`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.failures = 0;
      if (this.isLost) this.showProblem(null);
      this.isLost = false;
      if (this.state.status === "open") this.open();
    };
    socket.onmessage = ({ data }) => this.receive(data);
    socket.onclose = () => {
      this.isLost = true;
      if (this.failures > 1) this.showProblem({ problem: this.text("lost"), hint: this.text("lost_hint") });
      setTimeout(() => this.connect(), RETRY_AFTER[Math.min(this.failures, RETRY_AFTER.length - 1)]);
      this.failures += 1;
    };
    this.socket = socket;
    this.envelope = null;
  }

  send(to: "page" | Tab, message: unknown): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ to, message }));
  }

  ask(request: PageRequest): void {
    this.send("page", request);
  }

  /** Read a message, and then its binary parts. */
  private receive(data: string | ArrayBuffer): void {
    if (typeof data === "string") this.envelope = { ...JSON.parse(data), parts: [] };
    else this.envelope?.parts.push(new DataView(data));
    const { envelope } = this;
    if (!envelope || envelope.parts.length < envelope.buffers) return;
    if (envelope.from !== "page") {
      this.opened.get(envelope.from)?.model.deliver(envelope.message, envelope.parts);
      return;
    }
    const message = envelope.message as PageResponse;
    if (message.type === "state") this.showState(message);
    else if (message.type === "progress") this.showProgress(message);
    else if (message.type === "problem") this.showProblem(message);
    else this.answers.received(message);
  }

  // ---- what is open

  private showState(state: PageState): void {
    const before = this.state;
    this.state = state;
    document.documentElement.lang = state.language;
    // Otherwise the same state is sent again, for another browser tab or with more details.
    if (
      state.run !== before.run ||
      state.status !== before.status ||
      state.language !== before.language ||
      state.as_of !== before.as_of
    ) {
      this.closeScreens();
      if (state.status !== "loading") this.showProblem(null);
      this.drawHeader(state);
      if (state.status === "choose") this.showChoices();
      else if (state.status === "loading") this.wait();
      else this.open();
    }
    this.arrivals.draw();
  }

  /** Close the screens of this tab; the server keeps their state. */
  private closeScreens(): void {
    for (const { close } of this.opened.values()) close();
    this.opened.clear();
    this.facts = {};
  }

  private drawHeader(state: PageState): void {
    const { files = [], rejected, as_of, workspace, sample } = state;
    const { customers, newest } = this.facts;
    const isOpen = state.status === "open";
    const name = files.length > 1 ? this.text("n_files", { n: this.number(files.length) }) : files[0];
    const loaded = [
      name ?? this.text("no_files"),
      customers && this.text("all_customers", { total: this.number(customers) }),
      newest && this.text("newest", { day: formatDay(newest, state.language) }),
    ];
    document.title = isOpen ? `${workspace ?? name ?? ""} · invitekit` : "invitekit";
    const header = byId("header");
    keepFocus(header, () =>
      put(
        header,
        h("h1", {}, this.text("title")),
        isOpen && h("span.pill", { title: files.join("\n") }, loaded.filter(Boolean).join(" · ")),
        isOpen && rejected ? this.rejectedPill(rejected) : null,
        h("span.grow"),
        isOpen && this.dayPill(as_of ?? ""),
        isOpen &&
          workspace &&
          h("span.pill", {}, this.text(sample ? "sample_data" : "in_workspace", { name: workspace })),
        isOpen && this.pill(this.text("open_other"), () => this.openOthers()),
        this.languagePills(state),
      ),
    );
  }

  private pill(text: string, onclick: () => void, selector: `button.pill${string}` = "button.pill"): HTMLElement {
    return h(selector, { type: "button", onclick }, text);
  }

  /** The field for the day of the plan; with today, or emptied, the plan follows the calendar. */
  private dayPill(value: string): HTMLElement {
    const plan = () => isComplete(day.value) && this.ask({ type: "set_day", day: day.value });
    const onchange = () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(plan, TYPING_DELAY);
    };
    const day = h("input", { type: "date", value, onchange });
    return h("label.pill", {}, this.text("plan_for"), day);
  }

  /** A button for each other language, with the language's own name. */
  private languagePills({ language, languages }: PageState): HTMLElement[] {
    return Object.entries(languages)
      .filter(([code]) => code !== language)
      .map(([code, name]) => {
        const button = this.pill(name, () => this.ask({ type: "set_language", language: code }));
        button.lang = code;
        return button;
      });
  }

  private rejectedPill(rejected: number): HTMLElement {
    const text = this.text("n_rejected", { n: this.number(rejected) });
    return this.pill(text, () => this.arrivals.showRejected(), "button.pill.warning");
  }

  /** Open a dialog to choose other files. */
  private openOthers(): void {
    const cancel = button(this.text("cancel"), () => this.dialog.close());
    const ask = (request: PageRequest) => {
      this.dialog.close();
      this.ask(request);
    };
    const closeOpen = button(this.text("close_open"), () => ask({ type: "choose_files" }));
    const choices = h("div.choose", {}, firstVisit(this, this.adding, ask));
    this.dialog.open(this.text("add_title"), choices, [cancel, closeOpen]);
  }

  showProblem(problem: Trouble | PageProblem | null): void {
    byId("problem").hidden = !problem;
    put(byId("problem"), problem && [h("strong", {}, problem.problem), ` ${problem.hint}`]);
    if (problem && "tab" in problem) this.opened.get(problem.tab as Tab)?.wait.remove();
  }

  // ---- waiting

  /** Replace the rail and the screens. */
  private show(...content: Child[]): void {
    put(byId("rail"));
    put(byId("main"), content);
  }

  private showChoices(): void {
    this.show(
      h(
        "section.choose",
        {},
        firstVisit(this, this.adding, (request) => this.ask(request)),
      ),
    );
  }

  private wait(): void {
    this.bar.removeAttribute("value");
    this.show(h("div.wait", { role: "status" }, h("p", {}, this.text("reading_files")), this.bar));
  }

  private showProgress({ done, total }: LoadProgress): void {
    if (total) Object.assign(this.bar, { max: total, value: done });
  }

  // ---- the rail and the screens

  /** Show the screens; the picker is always open, as the rail shows its counts. */
  private open(): void {
    this.closeScreens();
    this.show();
    this.openScreen("pick");
    this.showPlace();
  }

  private showPlace(): void {
    if (this.state.status !== "open") return;
    const tab = PLACES[this.place] as Tab;
    if (!this.opened.has(tab)) this.openScreen(tab);
    for (const [name, { screen }] of this.opened) screen.hidden = name !== tab;
    for (const link of byId("rail").querySelectorAll("a")) {
      if (link.hash.slice(1) === this.place) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  private openScreen(tab: Tab): void {
    const model = new TabModel(this, tab);
    const wait = h("p.wait", { role: "status" }, this.text("loading"));
    const screen = h("section.screen", { id: `screen-${tab}` }, wait);
    const opened: Opened = { model, wait, screen, close: () => {} };
    this.opened.set(tab, opened);
    byId("main").append(screen);
    model.on("msg:custom", () => wait.remove());
    if (tab === "pick") opened.close = this.openPicker(model, screen);
    else if (tab === "explore") {
      const download = (list: string) => this.answers.download("list", list, { tab });
      opened.close = renderExplorer({ model, el: screen, download });
    } else {
      const download = (file: string) => this.answers.download("export", file, { tab });
      opened.close = renderExport({ model, el: screen, download });
    }
  }

  private openPicker(model: TabModel, el: HTMLElement): () => void {
    model.on("msg:custom", (message: PickerResponse) => this.showFacts(message));
    const rail = byId("rail");
    const title = this.text("rail_closer");
    const link = (place: (typeof CLOSER)[number]) =>
      h("a.ik-rail-item", { href: `#${place}` }, this.text(`tab_${place}`));
    put(rail, h("div.ik-rail-group", { role: "group", "aria-label": title }, h("h2", {}, title), CLOSER.map(link)));
    rail.setAttribute("aria-label", this.text("sections"));
    const page: Host = {
      rail,
      place: () => this.place,
      go: (place) => {
        location.hash = place;
      },
      listen: (listener) => {
        addEventListener("hashchange", listener);
        return () => removeEventListener("hashchange", listener);
      },
      download: (what, name, batch_id = "") => this.answers.download(what, name, { batch_id }),
    };
    return renderPicker({ model, el, page });
  }

  /** Show the picker's counts in the header. */
  private showFacts(message: PickerResponse): void {
    const view = message.type === "state" ? message : message.type === "page" ? message.state : undefined;
    if (!view?.ready) return;
    const facts = { customers: allCustomers(view), newest: view.newest };
    if (JSON.stringify(facts) === JSON.stringify(this.facts)) return;
    this.facts = facts;
    this.drawHeader(this.state);
  }
}

declare global {
  interface Window {
    invitekit: Page;
  }
}

window.invitekit = new Page();
