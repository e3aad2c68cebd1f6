/** The export panel: choose what is exported, and see the result; the records stay in Python. */

import "../styles/export_panel.css";
import { type Child, fill, h, type Props, put, target, uniqueId } from "./dom.ts";
import { Kernel, type Model } from "./kernel.ts";
import { keepKeys } from "./keyboard.ts";
import type {
  ExportColumn,
  ExportInit,
  ExportProgress,
  ExportRequest,
  ExportResponse,
  ExportResult,
  ExportWord,
  Form,
  FormState,
  History,
  LevelText,
  PastExport,
  Trouble,
  Verified,
} from "./protocol.ts";

const FORMATS = { parquet: "Parquet", csv: "CSV", xlsx: "XLSX" };
const COLUMN_TITLES = ["column", "becomes", "made_up"] as const;
const HISTORY_TITLES = ["when", "status", "level_head", "rows_head", "size", "file_head", "verify"] as const;

const button = (label: string, onclick: (event: Event) => void, more: Props = {}, kind = ""): HTMLButtonElement =>
  h("button", { type: "button", className: `ikx-button ${kind}`.trim(), onclick, ...more }, label);

/** The format of a file, from its name; empty without one. */
export function formatOf(file: string): string {
  return file.includes(".") ? (file.split(".").pop() as string).toLowerCase() : "";
}

/** The address of a file on a Jupyter server; null if the server does not serve it. */
export function addressOf(
  paths: string[],
  home: string,
  config: { baseUrl?: string; serverRoot?: string },
): string | null {
  const { baseUrl, serverRoot } = config;
  if (!baseUrl || !serverRoot) return null;
  const folder = serverRoot.replace(/\\/g, "/").replace(/^~(?=\/|$)/, home);
  const root = `${folder.replace(/\/+$/, "")}/`;
  const path = paths.find((each) => each.startsWith(root));
  const parts = path?.slice(root.length).split("/");
  // The server does not serve hidden files.
  if (!parts || parts.some((part) => part.startsWith("."))) return null;
  return `${baseUrl}files/${parts.map(encodeURIComponent).join("/")}`;
}

/** Downloads an export that the panel shows; undefined in a notebook. */
export type Download = (file: string) => void;

class Panel {
  private readonly id = uniqueId("ikx");
  private readonly root = h("div.ikx", { role: "region", "aria-label": "invitekit" });
  private readonly kernel: Kernel<ExportRequest, ExportResponse>;
  private init: ExportInit | null = null;
  private total: number | null = null;
  private past: History = { type: "history", rows: null, note: "no_history" };
  private readonly verified = new Map<number, Verified>();
  /** Whether the form has a problem; null until it is known. */
  private isRejected: boolean | null = null;
  /** Whether the focus follows the export that is running. */
  private isFollowed = false;
  private announced: string | null = null;

  // The form.
  private readonly count = h("span.ikx-soft");
  private readonly columns = h("tbody");
  private readonly name = this.input("name", () => this.set({ file: this.fileAs(this.format) }));
  private readonly extension = h("span.ikx-soft");
  private readonly purpose = this.input("purpose", () => this.set({ purpose: this.purpose.value.trim() }), {
    pattern: "[a-z0-9_\\-]{1,64}",
    "aria-describedby": `${this.id}-note`,
  });
  private readonly scrubNote = h("p.ikx-soft");
  private readonly key = h("p");
  private remarks: HTMLElement = h("div");
  private format = "";

  // The export.
  private readonly start = button("", () => this.export(false), { disabled: true }, "ikx-main");
  private readonly bar = h("progress");
  private readonly step = h("span");
  private readonly stop = button("", () => this.cancel());
  private readonly running = h("div.ikx-run", { hidden: true }, this.bar, this.step, this.stop);
  private readonly question = h("div.ikx-note.ikx-warn", {
    role: "alertdialog",
    hidden: true,
    onkeydown: (event) => {
      if (event.key === "Escape") this.answer(false);
    },
  });
  private readonly problem = h("div.ikx-note.ikx-bad", { role: "alert", hidden: true });
  private readonly result = h("section.ikx-note.ikx-good", { hidden: true, tabIndex: -1 });
  private readonly history = h("div");
  private readonly live = h("div.ikx-live", { role: "status", "aria-live": "polite" });

  constructor(
    model: Model,
    element: HTMLElement,
    private readonly download: Download | undefined,
  ) {
    keepKeys(this.root);
    element.append(this.root);
    this.kernel = new Kernel<ExportRequest, ExportResponse>(model, element, (message) => this.receive(message));
    this.kernel.send({ type: "connect" });
  }

  close(): void {
    this.kernel.close();
  }

  private text(word: ExportWord, values: Record<string, unknown> = {}): string {
    const text = this.init?.words[word];
    return fill(typeof text === "string" ? text : word, values);
  }

  // ---- the layout, built once the texts are known

  private build(init: ExportInit): void {
    this.init = init;
    this.root.lang = init.language;
    this.scrubNote.textContent = this.text("scrub_note");
    this.start.textContent = this.text("export");
    this.stop.textContent = this.text("cancel");
    this.bar.setAttribute("aria-label", this.text("export"));
    this.result.setAttribute("aria-label", this.text("done"));
    const formats = this.radios("format", FORMATS, (format) => this.set({ file: this.fileAs(format) }));
    const remarks = this.radios("remarks", { drop: this.text("drop"), scrub: this.text("scrub") }, (chosen) =>
      this.set({ remarks: chosen }),
    );
    this.remarks = this.line("remarks", remarks, this.scrubNote);
    put(
      this.root,
      h("header", {}, h("h3", {}, this.text("title")), this.count),
      this.group(
        "level",
        h(
          "div.ikx-cards",
          {},
          init.levels.map((level) => this.card(level)),
        ),
      ),
      h(
        "details",
        { open: true },
        h("summary", {}, this.text("columns")),
        h("p.ikx-soft", {}, this.text("made_up_note")),
        this.table("columns", COLUMN_TITLES, this.columns),
      ),
      this.group(
        "file",
        this.line("format", formats),
        this.line("name", h("div.ikx-joined", {}, this.name, this.extension)),
        this.line("purpose", this.purpose, h("p.ikx-soft", { id: `${this.id}-note` }, this.text("purpose_note"))),
        this.remarks,
        this.line("key", this.key),
      ),
      h("div.ikx-act", {}, this.start, this.running),
      this.question,
      this.problem,
      this.result,
      h("section", {}, h("h4", {}, this.text("history")), this.history),
      this.live,
    );
  }

  private group(legend: ExportWord, ...content: Child[]): HTMLElement {
    return h("fieldset", {}, h("legend", {}, this.text(legend)), content);
  }

  private line(name: ExportWord, ...content: Child[]): HTMLElement {
    const label = h("label.ikx-name", { for: `${this.id}-${name}` }, this.text(name));
    return h("div.ikx-line", {}, label, h("div.ikx-field", {}, content));
  }

  private input(name: string, onchange: () => void, more: Props = {}): HTMLInputElement {
    const id = `${this.id}-${name}`;
    return h("input", { type: "text", id, spellcheck: false, autocomplete: "off", onchange, ...more });
  }

  private radio(group: string, value: string, choose: (value: string) => void, more: Props = {}): HTMLInputElement {
    return h("input", { type: "radio", name: `${this.id}-${group}`, value, onchange: () => choose(value), ...more });
  }

  private radios(group: ExportWord, options: Record<string, string>, choose: (value: string) => void): HTMLElement {
    return h(
      "div.ikx-options",
      { id: `${this.id}-${group}`, role: "radiogroup", "aria-label": this.text(group) },
      Object.entries(options).map(([value, label]) =>
        h("label.ikx-option", {}, this.radio(group, value, choose), label),
      ),
    );
  }

  private card({ level, name, mark, says }: LevelText): HTMLElement {
    const id = `${this.id}-${level}`;
    const radio = this.radio("level", level, () => this.set({ level }), {
      "aria-labelledby": `${id}-name`,
      "aria-describedby": `${id}-mark ${id}-says`,
    });
    const markKind = level === "aggregated" ? "ikx-mark ikx-free" : "ikx-mark";
    return h(
      "label.ikx-card",
      {},
      radio,
      h("span.ikx-card-name", { id: `${id}-name` }, name),
      h("span", { className: markKind, id: `${id}-mark` }, mark),
      h("span.ikx-says", { id: `${id}-says` }, says),
    );
  }

  /** A table that scrolls on its own, also by keyboard. */
  private table(name: "columns" | "history", titles: readonly ExportWord[], body: HTMLElement): HTMLElement {
    const head = titles.map((title) => h("th", { scope: "col" }, this.text(title)));
    return h(
      "div.ikx-scroll",
      { tabIndex: 0, role: "group", "aria-label": this.text(name) },
      h("table", { className: `ikx-${name}` }, h("thead", {}, h("tr", {}, head)), body),
    );
  }

  // ---- the form

  private fileAs(format: string): string {
    return `${this.name.value.trim()}.${format}`;
  }

  private set(change: Form): void {
    this.kernel.send({ type: "set_form", ...change });
  }

  private radiosOf(group: string): HTMLInputElement[] {
    return [...this.root.querySelectorAll<HTMLInputElement>(`input[name="${this.id}-${group}"]`)];
  }

  /** The whole form, including texts that are still being typed. */
  private form(): Form {
    const chosen = (group: string) => this.radiosOf(group).find((radio) => radio.checked)?.value;
    const form = {
      level: chosen("level"),
      file: this.fileAs(chosen("format") ?? this.format),
      purpose: this.purpose.value.trim(),
      remarks: chosen("remarks"),
    };
    return Object.fromEntries(Object.entries(form).filter(([, value]) => value !== undefined));
  }

  private drawForm({ level, file, purpose, remarks, columns, key, problem }: FormState): void {
    this.format = formatOf(file);
    const chosen = { level, format: this.format, remarks };
    for (const [group, value] of Object.entries(chosen)) {
      for (const radio of this.radiosOf(group)) radio.checked = radio.value === value;
    }
    const write = (input: HTMLInputElement, text: string) => {
      if (document.activeElement !== input) input.value = text;
    };
    write(this.name, this.format ? file.slice(0, -this.format.length - 1) : file);
    write(this.purpose, purpose);
    this.extension.textContent = `.${this.format}`;
    this.scrubNote.hidden = remarks !== "scrub";
    this.remarks.hidden = level === "aggregated";
    this.key.textContent = key;
    put(
      this.columns,
      columns.map((column) => this.columnLine(column)),
    );
    if (problem) this.showProblem(problem);
    else if (this.isRejected) this.problem.hidden = true;
    this.isRejected = problem !== null;
    this.enable();
  }

  private columnLine({ label, action, into, made_up, example, kind }: ExportColumn): HTMLElement {
    const shown = made_up !== null && [
      h("span.ikx-soft", { title: made_up }, made_up),
      " → ",
      h("code", { title: example ?? "" }, example ?? this.text("empty")),
    ];
    return h(
      "tr",
      { className: `ikx-${kind}` },
      h("th", { scope: "row" }, label),
      h("td", {}, action, into && h("code", { title: into }, into)),
      h("td", {}, shown),
    );
  }

  private enable(): void {
    this.start.disabled = this.isRejected !== false || this.total === 0;
  }

  // ---- exporting

  private hide(...elements: HTMLElement[]): void {
    for (const element of elements) element.hidden = true;
  }

  private export(overwrite: boolean): void {
    this.hide(this.question, this.problem, this.result);
    this.kernel.send({ type: "export", ...this.form(), overwrite });
  }

  private cancel(): void {
    this.stop.disabled = this.isFollowed = true;
    this.step.textContent = this.text("cancelling");
    this.kernel.send({ type: "cancel" });
  }

  /** Ask before a file is replaced. */
  private askToReplace(file: string): void {
    const text = h("p", { id: `${this.id}-ask` }, this.text("exists", { file }));
    const keep = button(this.text("keep"), () => this.answer(false));
    const replace = button(this.text("replace"), () => this.answer(true), {}, "ikx-danger");
    this.question.setAttribute("aria-labelledby", text.id);
    put(this.question, text, keep, replace);
    this.question.hidden = false;
    keep.focus();
  }

  private answer(replace: boolean): void {
    this.question.hidden = true;
    if (replace) this.export(true);
    else this.name.focus();
  }

  private drawProgress({ step, done, total, text, left }: ExportProgress): void {
    const hadFocus = this.running.hidden && this.root.contains(document.activeElement);
    this.hide(this.question, this.problem, this.result, this.start);
    this.running.hidden = false;
    const isFinal = step === "proving";
    // The focused button is about to be hidden.
    this.isFollowed ||= isFinal && document.activeElement === this.stop;
    this.stop.hidden = isFinal;
    if (step === "preparing") this.stop.disabled = false;
    if (step === "writing" && total) {
      this.bar.max = total;
      this.bar.value = done;
    } else this.bar.removeAttribute("value");
    if (!this.stop.disabled) this.step.textContent = text + left;
    // Announce only each quarter.
    const quarter = `${step}${total ? Math.floor((4 * done) / total) : ""}`;
    if (quarter !== this.announced) this.live.textContent = text;
    this.announced = quarter;
    if (hadFocus) this.stop.focus();
  }

  /** Show how the export ended, and move the focus there if it was on the progress. */
  private end(note: HTMLElement): void {
    const hadFocus = this.isFollowed || this.running.contains(document.activeElement);
    this.running.hidden = true;
    this.start.hidden = this.stop.disabled = this.isFollowed = false;
    this.announced = null;
    note.hidden = false;
    if (hadFocus) (note === this.result ? note : this.start).focus({ preventScroll: true });
  }

  private showProblem({ problem, hint }: Trouble): void {
    put(this.problem, h("strong", {}, problem), hint && h("p", {}, hint));
    this.end(this.problem);
  }

  private showResult({ file, paths, facts, still, notes, passed, checks }: ExportResult): void {
    const link = this.link(file, paths, `${this.text("download")} ${file}`, "ikx-button ikx-download");
    put(
      this.result,
      h("h4", {}, `${this.text("done")}: `, h("span", { dir: "auto" }, file)),
      h(
        "p.ikx-facts",
        {},
        facts.map((fact) => h("span", {}, fact)),
      ),
      h("p.ikx-way", {}, link, h("span.ikx-soft", {}, `${this.text("where")} `, h("code", {}, paths[0]))),
      h("p", {}, h("strong", {}, still)),
      notes.map((text) => h("p", {}, text)),
      h(
        "details",
        {},
        h("summary", {}, passed),
        h(
          "ul",
          {},
          checks.map((check) => h("li", {}, check)),
        ),
      ),
    );
    this.live.textContent = `${this.text("done")}: ${file}, ${facts[1]}`;
    this.end(this.result);
  }

  /** A link to an exported file: a download on the page, an address of Jupyter in a notebook. */
  private link(file: string, paths: string[], text: string, className = ""): Child {
    const { download } = this;
    if (download)
      return paths.length > 0 && h("button", { type: "button", className, onclick: () => download(file) }, text);
    const address = paths.length > 0 && this.address(paths);
    return address && h("a", { className, href: address, download: file, target: "_blank" }, text);
  }

  private address(paths: string[]): string | null {
    const config = document.getElementById("jupyter-config-data")?.textContent;
    return addressOf(paths, this.init?.home ?? "", config ? JSON.parse(config) : {});
  }

  // ---- the history

  private drawHistory(): void {
    const { rows, note } = this.past;
    const lines = rows?.length
      ? h(
          "tbody",
          {},
          rows.map((row) => this.pastLines(row)),
        )
      : null;
    put(
      this.history,
      !(note === "no_history" && lines) && h("p.ikx-soft", {}, this.text(note)),
      lines && this.table("history", HISTORY_TITLES, lines),
    );
  }

  private pastLines(row: PastExport): Child {
    const verify = (event: Event) => {
      target(event).textContent = this.text("verifying");
      this.kernel.send({ type: "verify", id: row.id });
    };
    const check = row.paths.length
      ? button(this.text("verify"), verify, {
          id: `${this.id}-verify-${row.id}`,
          "aria-label": `${this.text("verify")}: ${row.file}`,
        })
      : h("span.ikx-soft", {}, row.missing);
    const link = this.link(row.file, row.paths, row.file, "ikx-link");
    const verified = this.verified.get(row.id);
    const kind = verified?.good ? "completed" : "failed";
    return [
      h(
        "tr",
        {},
        h("td", {}, row.when),
        h("td", { className: `ikx-is-${row.status}` }, row.status_words),
        h("td", {}, row.level),
        h("td.ikx-number", {}, row.rows),
        h("td.ikx-number", {}, row.size),
        h("td", { dir: "auto", title: row.purpose ?? "" }, link || row.file),
        h("td", {}, check),
      ),
      verified &&
        h("tr", { className: `ikx-said ikx-is-${kind}` }, h("td", { colSpan: HISTORY_TITLES.length }, verified.words)),
    ];
  }

  private showVerified(message: Verified): void {
    this.verified.set(message.id, message);
    this.drawHistory();
    this.live.textContent = message.words;
    document.getElementById(`${this.id}-verify-${message.id}`)?.focus();
  }

  // ---- messages

  private receive(message: ExportResponse): void {
    if (!this.init && message.type !== "init") return;
    switch (message.type) {
      case "init":
        this.build(message);
        break;
      case "form":
        this.drawForm(message);
        break;
      case "count":
        this.total = message.total;
        this.count.textContent = message.words;
        this.enable();
        break;
      case "file_exists":
        this.askToReplace(message.file);
        break;
      case "progress":
        this.drawProgress(message);
        break;
      case "problem":
        this.showProblem(message);
        break;
      case "cancelled":
        this.showProblem({ problem: this.text("cancelled"), hint: "" });
        break;
      case "result":
        this.showResult(message);
        break;
      case "history":
        this.past = message;
        this.drawHistory();
        break;
      case "verified":
        this.showVerified(message);
    }
  }
}

/** Show the export panel; returns the function that closes it. */
export function render({ model, el, download }: { model: Model; el: HTMLElement; download?: Download }): () => void {
  const panel = new Panel(model, el, download);
  return () => panel.close();
}

export default { render };
