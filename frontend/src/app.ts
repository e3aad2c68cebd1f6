/** The page: a header, the tabs, and one screen in each; the screens run in the server's process. */

import "../styles/app.css";
import { type Child, fill, formatNumber, h, put } from "./dom.ts";
import { render as renderExplorer } from "./explorer.ts";
import { render as renderExport } from "./export_panel.ts";
import type { Listener, Model } from "./kernel.ts";
import { nextTab } from "./keyboard.ts";
import { render as renderPicker } from "./picker.ts";
import type {
  LoadProgress,
  PageProblem,
  PageRequest,
  PageResponse,
  PageState,
  Trouble,
  UnknownColumn,
  Word,
} from "./protocol.ts";

const SCREENS = { pick: renderPicker, explore: renderExplorer, export: renderExport };
type Tab = keyof typeof SCREENS;
const TABS = Object.keys(SCREENS) as Tab[];
/** Milliseconds until a lost connection is tried again. */
const RETRY_AFTER = [300, 1000, 2000, 5000];

const byId = (id: string) => document.getElementById(id) as HTMLElement;

/** What a screen gets in place of a notebook's model: the same messages, over the page's socket. */
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

  on(_event: string, listener: Listener): void {
    this.listeners.add(listener);
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
}

interface Envelope {
  from: "page" | Tab;
  message: unknown;
  /** The number of binary parts that follow. */
  buffers: number;
  parts: DataView[];
}

class Page {
  socket!: WebSocket;
  private state: PageState | null = null;
  private readonly opened = new Map<Tab, Opened>();
  private tabs: HTMLElement = h("div");
  private screens: HTMLElement[] = [];
  private readonly bar = h("progress");
  private envelope: Envelope | null = null;
  private failures = 0;
  private isLost = false;
  /** The run whose notice was closed. */
  private dismissed: string | null = null;

  constructor() {
    addEventListener("hashchange", () => this.showTab());
    this.connect();
  }

  private text(word: Word, values: Record<string, unknown> = {}): string {
    return fill(this.state?.words[word] ?? word, values);
  }

  private number(number: number | undefined): string {
    return formatNumber(number, this.state?.language ?? "en");
  }

  private get tab(): Tab {
    const tab = location.hash.slice(1) as Tab;
    return TABS.includes(tab) ? tab : (TABS[0] as Tab);
  }

  // ---- the socket

  private connect(): void {
    const socket = new WebSocket(`ws://${location.host}/socket`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.failures = 0;
      if (this.isLost) this.showProblem(null);
      this.isLost = false;
      if (this.state?.status === "open") this.open();
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

  private ask(request: PageRequest): void {
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
    else this.showProblem(message);
  }

  // ---- what is open

  private showState(state: PageState): void {
    const before = this.state;
    this.state = state;
    document.documentElement.lang = state.language;
    // The same again, as another browser tab was opened.
    if (state.run === before?.run && state.status === before.status) return;
    this.closeScreens();
    if (state.status !== "loading") this.showProblem(null);
    this.drawHeader(state);
    this.drawNotice(state);
    if (state.status === "choose") this.choose(state);
    else if (state.status === "loading") this.wait();
    else this.open();
  }

  /** Close the screens here: they are drawn again from what the server knows. */
  private closeScreens(): void {
    for (const { close } of this.opened.values()) close();
    this.opened.clear();
  }

  private drawHeader({ status, files = [], records, rejected, as_of, workspace }: PageState): void {
    const isOpen = status === "open";
    const name = files.length > 1 ? this.text("n_files", { n: this.number(files.length) }) : files[0];
    const facts = isOpen && [
      h("span", { title: files.join("\n") }, name ?? this.text("no_files")),
      h("span", {}, this.text("all_rows", { total: this.number(records) })),
      rejected ? h("span.warning", {}, this.text("n_rejected", { n: this.number(rejected) })) : null,
      as_of && h("span", {}, this.text("plan_day", { day: as_of })),
      workspace && h("span", {}, this.text("in_workspace", { name: workspace })),
    ];
    const other = { type: "button", onclick: () => this.ask({ type: "choose_files" }) };
    document.title = isOpen ? `${workspace ?? name ?? ""} · invitekit` : "invitekit";
    put(
      byId("header"),
      h("h1", {}, "invitekit"),
      h("div.facts", {}, facts),
      isOpen && h("button", other, this.text("open_other")),
    );
  }

  private drawNotice({ added = [], run, unknown, status }: PageState): void {
    const line = (word: Word, names: string[]) =>
      names.length > 0 && h("p", { title: names.join("\n") }, this.text(word, { n: this.number(names.length) }));
    const close = () => {
      this.dismissed = run;
      put(byId("notice"));
    };
    const records = unknown?.records ?? 0;
    const question =
      records > 0 &&
      h(
        "p.warning",
        {},
        this.text("words_unknown", { n: this.number(records) }),
        " ",
        h("button", { type: "button", onclick: () => this.teach(unknown?.columns ?? []) }, this.text("words_say")),
      );
    const isShown = this.dismissed !== run && (added.length > 0 || question) && status === "open";
    const names = (stored: boolean) => added.filter(([, already]) => already === stored).map(([name]) => name);
    put(
      byId("notice"),
      isShown && [
        h("div", {}, line("files_added", names(false)), line("files_known", names(true)), question),
        h("button", { type: "button", onclick: close }, this.text("close")),
      ],
    );
  }

  private showProblem(problem: Trouble | PageProblem | null): void {
    byId("problem").hidden = !problem;
    put(byId("problem"), problem && [h("strong", {}, problem.problem), ` ${problem.hint}`]);
    if (problem && "tab" in problem) this.opened.get(problem.tab as Tab)?.wait.remove();
  }

  // ---- choosing files, words and waiting

  private section(title: Word, why: Word, ...content: Child[]): void {
    put(byId("main"), h("section.choose", {}, h("h2", {}, this.text(title)), h("p", {}, this.text(why)), content));
  }

  private choose({ offered }: PageState): void {
    const { files, workspaces } = offered ?? { files: [], workspaces: [] };
    const option = (value: string, text = value) => h("option", { value }, text);
    const size = Math.min(Math.max(files.length, 3), 12);
    const list = h(
      "select",
      { multiple: true, size },
      files.map((name) => option(name)),
    );
    const workspace = h(
      "select",
      {},
      option("", this.text("no_workspace")),
      workspaces.map((name) => option(name)),
    );
    const open = () => {
      const chosen = [...list.selectedOptions].map(({ value }) => value);
      this.ask({ type: "open", files: chosen, workspace: workspace.value });
    };
    this.section(
      "open_what",
      "open_why",
      files.length ? h("label", {}, this.text("files"), list) : h("p", {}, this.text("nothing_here")),
      h("label", {}, this.text("workspace"), workspace),
      h("button.main", { type: "button", onclick: open }, this.text("open_files")),
    );
  }

  /** Ask what unknown words mean; what is not chosen stays unknown. */
  private teach(columns: UnknownColumn[]): void {
    const fields = columns.map((column): [string, HTMLElement] => [column.column, this.wordFields(column)]);
    const save = () => {
      const words = fields.map(([column, field]) => {
        const chosen = [...field.querySelectorAll("select")].filter(({ value }) => value);
        return [column, Object.fromEntries(chosen.map(({ name, value }) => [name, value]))];
      });
      this.ask({ type: "teach_words", words: Object.fromEntries(words) });
    };
    const cancel = () => {
      this.showProblem(null);
      if (this.state) this.drawNotice(this.state);
      this.open();
    };
    this.closeScreens();
    put(byId("notice"));
    this.section(
      "words_title",
      "words_why",
      fields.map(([, field]) => field),
      h(
        "div",
        {},
        h("button.main", { type: "button", onclick: save }, this.text("words_save")),
        " ",
        h("button", { type: "button", onclick: cancel }, this.text("cancel")),
      ),
    );
    byId("main").querySelector("select")?.focus();
  }

  private wordFields({ label, values, words }: UnknownColumn): HTMLElement {
    const fields = words.map(([word, n, likely]) => {
      const likeliest = values.find(([code]) => code === likely)?.[1];
      const options = values.map(([code, text]) => h("option", { value: code }, text));
      return h(
        "label",
        {},
        h(
          "span",
          {},
          h("b", {}, word),
          ` ${this.text("words_rows", { n: this.number(n) })}`,
          likeliest && ` ${this.text("words_likely", { value: likeliest })}`,
        ),
        h("select", { name: word }, h("option", { value: "" }, this.text("words_leave")), options),
      );
    });
    return h("fieldset", {}, h("legend", {}, label), fields);
  }

  private wait(): void {
    this.bar.removeAttribute("value");
    put(byId("main"), h("div.wait", { role: "status" }, h("p", {}, this.text("loading")), this.bar));
  }

  private showProgress({ done, total }: LoadProgress): void {
    if (total) Object.assign(this.bar, { max: total, value: done });
  }

  // ---- the tabs

  private open(): void {
    this.closeScreens();
    const onkeydown = (event: KeyboardEvent) => {
      const next = nextTab(event.key, TABS.indexOf(this.tab), TABS.length);
      if (next !== null) location.hash = TABS[next] as Tab;
    };
    const button = (tab: Tab) =>
      h(
        "button",
        {
          type: "button",
          role: "tab",
          id: `tab-${tab}`,
          "aria-controls": `screen-${tab}`,
          onclick: () => {
            location.hash = tab;
          },
        },
        this.text(`tab_${tab}`),
      );
    this.tabs = h("div.tabs", { role: "tablist", onkeydown }, TABS.map(button));
    this.screens = TABS.map((tab) =>
      h("section.screen", { role: "tabpanel", id: `screen-${tab}`, "aria-labelledby": `tab-${tab}`, hidden: true }),
    );
    put(byId("main"), this.tabs, this.screens);
    this.showTab();
  }

  private showTab(): void {
    if (this.state?.status !== "open") return;
    const current = this.tab;
    const hadFocus = this.tabs.contains(document.activeElement);
    TABS.forEach((tab, index) => {
      const button = this.tabs.children[index] as HTMLElement;
      button.setAttribute("aria-selected", String(tab === current));
      button.tabIndex = tab === current ? 0 : -1;
      (this.screens[index] as HTMLElement).hidden = tab !== current;
      if (tab === current && hadFocus) button.focus();
    });
    if (!this.opened.has(current)) this.openScreen(current);
  }

  private openScreen(tab: Tab): void {
    const el = this.screens[TABS.indexOf(tab)] as HTMLElement;
    const model = new TabModel(this, tab);
    const wait = h("p.wait", { role: "status" }, this.text("loading"));
    const opened: Opened = { model, wait, close: () => {} };
    this.opened.set(tab, opened);
    put(el, wait);
    model.on("msg:custom", () => wait.remove());
    opened.close = SCREENS[tab]({ model, el });
  }
}

declare global {
  interface Window {
    invitekit: Page;
  }
}

window.invitekit = new Page();
