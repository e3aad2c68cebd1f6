/** Upload files from the drop zone or the file chooser, and choose the workspace that stores them. */

import "../styles/files.css";
import { button, type Dialog } from "./dialog.ts";
import { type Child, formatDay, h, put } from "./dom.ts";
import type { PageContext } from "./page.ts";
import { FILE_TYPES, type Trouble } from "./protocol.ts";
import { type Arrived, type Sending, send } from "./transfer.ts";

const DEFAULT_WORKSPACE = "invitekit.duckdb";
const NO_WORKSPACE = "";
const NEW = "\n";
const PLAIN_NAME = String.raw`[^.\s\\\/:*?"<>\|][^\\\/:*?"<>\|]*`;

/** The choice of a workspace: the open one, another one of the folder, a new one, or none. */
export class Target {
  private readonly select: HTMLSelectElement;
  private readonly name: HTMLInputElement;
  readonly element: HTMLElement;

  constructor(
    page: PageContext,
    private readonly changed: () => void = () => {},
  ) {
    const { offered, workspace, sample, status } = page.state;
    const text = page.text.bind(page);
    const open = status === "open" && workspace && !sample ? [workspace] : [];
    const names = [...new Set([...open, ...offered.workspaces])];
    const option = (value: string, label: string) => h("option", { value }, label);
    const isNew = names.length === 0;
    this.select = h(
      "select",
      { "aria-label": text("keep_in"), onchange: () => this.draw() },
      names.map((name) => option(name, name)),
      option(NEW, text("new_workspace")),
      option(NO_WORKSPACE, text("only_look")),
    );
    this.name = h("input", {
      type: "text",
      pattern: PLAIN_NAME,
      value: isNew ? DEFAULT_WORKSPACE : "",
      "aria-label": text("workspace_name"),
    });
    this.element = h("label.target", {}, text("keep_in"), " ", this.select, this.name);
    this.draw();
  }

  private draw(): void {
    this.name.hidden = this.select.value !== NEW;
    this.changed();
  }

  /** Return whether the name is a valid file name; the browser shows an invalid one. */
  check(): boolean {
    return this.name.hidden !== false || this.name.reportValidity();
  }

  /** The name of the workspace; empty for none. */
  get value(): string {
    return this.select.value === NEW ? this.name.value.trim() || DEFAULT_WORKSPACE : this.select.value;
  }
}

interface Row {
  element: HTMLElement;
  sending: Sending;
  arrived: Arrived | null;
  hasEnded: boolean;
  day: HTMLInputElement;
}

/** The dialog of uploads: progress, the day of each export, and the workspace. */
export class AddFiles {
  private rows: Row[] = [];
  private target: Target | null = null;
  private readonly list = h("ul.uploads");
  private readonly open: HTMLButtonElement;
  private readonly needsDay = h("p.soft", { role: "status", hidden: true });

  constructor(
    private readonly page: PageContext,
    private readonly dialog: Dialog,
  ) {
    this.open = h("button.main", { type: "button", onclick: () => this.confirm() });
    document.addEventListener("dragover", (event) => this.dragged(event, true));
    document.addEventListener("dragleave", (event) => event.relatedTarget || this.dragged(event, false));
    document.addEventListener("drop", (event) => {
      this.dragged(event, false);
      this.add([...(event.dataTransfer?.files ?? [])]);
    });
  }

  private dragged(event: DragEvent, isOver: boolean): void {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.toggle("dropping", isOver);
  }

  /** A button that opens the file chooser. */
  chooser(): HTMLElement {
    const input = h("input", {
      type: "file",
      multiple: true,
      accept: FILE_TYPES.join(","),
      hidden: true,
      onchange: () => {
        this.add([...(input.files ?? [])]);
        input.value = "";
      },
    });
    return h(
      "span",
      {},
      button(this.page.text("choose_files"), () => input.click(), "button.main"),
      input,
    );
  }

  private add(files: File[]): void {
    if (!files.length || this.page.state.status === "loading") return;
    if (!this.rows.length) {
      this.target = new Target(this.page, () => this.drawButton());
      this.page.showProblem(null);
    }
    this.rows.push(...files.map((file) => this.row(file)));
    this.draw();
  }

  private row(file: File): Row {
    const { page } = this;
    const bar = h("progress", { max: 1, value: 0, "aria-label": file.name });
    const state = h("span.upload-state", {}, bar);
    const day = h("input", { type: "date", "aria-label": page.text("exported_on"), onchange: () => this.drawButton() });
    const sending = send(file, (share) => {
      bar.value = share;
    });
    const remove = button("×", () => this.remove(row));
    remove.setAttribute("aria-label", page.text("leave_out_file", { name: file.name }));
    const row: Row = {
      element: h("li", {}, h("b", {}, file.name), state, remove),
      sending,
      arrived: null,
      hasEnded: false,
      day,
    };
    const ended = (content: Child) => {
      row.hasEnded = true;
      put(state, content);
      this.drawButton();
    };
    sending.arrived.then(
      (arrived) => {
        row.arrived = arrived;
        ended(
          arrived.day
            ? page.text("exported", { day: formatDay(arrived.day, page.state.language) })
            : h("label", {}, page.text("exported_on"), " ", day),
        );
      },
      (problem: Trouble | null) =>
        ended(h("span.warning", {}, problem ? `${problem.problem} ${problem.hint}` : page.text("upload_failed"))),
    );
    return row;
  }

  private remove(row: Row): void {
    row.sending.stop();
    if (row.arrived) this.page.ask({ type: "discard_upload", id: row.arrived.id });
    this.rows = this.rows.filter((other) => other !== row);
    row.element.remove();
    if (this.rows.length) this.drawButton();
    else this.dialog.close();
  }

  private cancel(): void {
    for (const row of [...this.rows]) this.remove(row);
    this.dialog.close();
  }

  private draw(): void {
    const { page } = this;
    put(
      this.list,
      this.rows.map(({ element }) => element),
    );
    const content = [this.list, this.needsDay, this.target?.element, h("p.soft", {}, page.text("keep_why"))];
    const cancel = button(page.text("cancel"), () => this.cancel());
    this.dialog.open(page.text("add_title"), content, [this.open, cancel], () => this.cancel());
    this.drawButton();
  }

  private drawButton(): void {
    const ready = this.rows.filter(({ arrived }) => arrived);
    put(this.open, this.page.text("open_files"));
    const isUndated = ready.some(({ arrived, day }) => !arrived?.day && !day.value);
    const isUploading = this.rows.some(({ hasEnded }) => !hasEnded);
    // Only a file in a workspace needs a day.
    const needsDay = isUndated && this.target?.value !== NO_WORKSPACE;
    put(this.needsDay, this.page.text("needs_day"));
    this.needsDay.hidden = !needsDay;
    this.open.disabled = isUploading || !ready.length || needsDay;
  }

  private confirm(): void {
    if (!this.target?.check()) return;
    const uploads = this.rows.flatMap(({ arrived, day }): [string, string | null][] =>
      arrived ? [[arrived.id, day.value || null]] : [],
    );
    this.rows = [];
    this.dialog.close();
    this.page.ask({ type: "open", files: [], uploads, workspace: this.target?.value ?? NO_WORKSPACE });
  }
}
