/** The notice about files that were read or could not be read, and the forms that choose how they are read. */

import { button, type Dialog } from "./dialog.ts";
import { type Child, formatDay, h, put, table, textRow } from "./dom.ts";
import type { PageContext } from "./page.ts";
import type { Answer, ChangeCounts, HowRead, PageState, Question, UnknownColumn, Unread, Word } from "./protocol.ts";

/** The fields of a question, and a function that returns the chosen answer. */
interface Form {
  fields: Child;
  answer: () => Omit<Answer, "type" | "kind" | "file"> | null;
}

export class Arrivals {
  /** The run whose notice was closed. */
  private dismissed: string | null = null;
  /** The question that was opened last. */
  private asked = "";

  constructor(
    private readonly page: PageContext,
    private readonly dialog: Dialog,
    private readonly notice: HTMLElement,
  ) {}

  draw(): void {
    const { state } = this.page;
    const isShown = state.status === "open" && this.dismissed !== state.run;
    const lines = isShown ? this.lines(state).filter(Boolean) : [];
    const close = () => {
      this.dismissed = state.run;
      this.draw();
    };
    put(this.notice, lines.length > 0 && [h("div", {}, lines), button(this.page.text("close"), close)]);
    this.drawQuestion(state);
  }

  private lines(state: PageState): Child[] {
    const { added = [], same_name = [], same_content = [], failed = [], changes, unknown, reading, workspace } = state;
    const { page } = this;
    const files = (word: Word, stored: boolean) => {
      const names = added.filter(([, already]) => already === stored).map(([name]) => name);
      const text = page.text(word, { n: page.number(names.length) });
      return names.length > 0 && h("span", { title: names.join("\n") }, text, " ");
    };
    const records = unknown?.records ?? 0;
    return [
      // How files are read can only be changed while they are open; a workspace may be open without its files.
      (added.length > 0 || !workspace) &&
        h(
          "p",
          {},
          files("files_added", false),
          files("files_known", true),
          this.takeOut(state),
          reading && this.howRead(reading),
        ),
      reading &&
        reading.notes.length > 0 &&
        h(
          "ul",
          {},
          reading.notes.map((note) => h("li", { dir: "auto" }, note)),
        ),
      ...failed.map((file) => this.failed(file)),
      ...same_name.map((file) => this.sameName(file)),
      ...same_content.map(([file, day]) =>
        h("p.warning", {}, page.text("same_content", { file, day: formatDay(day, page.state.language) })),
      ),
      changes && this.changes(changes),
      records > 0 &&
        h(
          "p.warning",
          {},
          page.text("words_unknown", { n: page.number(records) }),
          " ",
          button(page.text("words_say"), () => this.teach(unknown?.columns ?? [])),
        ),
    ];
  }

  private link(text: string, onclick: () => void): HTMLElement {
    return h("button.link", { type: "button", onclick }, text);
  }

  /** Offer to remove the files that were added last, such as those of another partner. */
  private takeOut({ new: n = 0 }: PageState): Child {
    const { page } = this;
    const takeOut = () => page.ask({ type: "take_out" });
    return n > 0 && [this.link(page.text("take_out", { n: page.number(n) }), takeOut), " "];
  }

  /** Offer to replace a stored file by one of its name and day, which may correct it. */
  private sameName(file: string): HTMLElement {
    const { page } = this;
    const replace = () => page.ask({ type: "replace_older", file });
    return h("p.warning", {}, page.text("same_name", { file }), " ", button(page.text("replace_older"), replace));
  }

  // ---- unreadable files

  private failed(unread: Unread): HTMLElement {
    const { problem, hint, question } = unread;
    const help = question ? button(this.page.text("choose_how"), () => this.ask(unread, question)) : hint;
    return h("p.warning", {}, problem, " ", help);
  }

  /** Open a new question once without a click; after that it is opened from the notice. */
  private drawQuestion({ failed = [], status, run }: PageState): void {
    const first = failed.find(({ question }) => question);
    const asked = first ? JSON.stringify([run, first]) : "";
    if (first?.question && asked !== this.asked && status !== "loading") this.ask(first, first.question);
    this.asked = asked;
  }

  /** Open a question about an unreadable file. */
  private ask({ file }: Unread, question: Question): void {
    const { page } = this;
    const { kind } = question;
    const forms = {
      column: () => this.columnForm(question),
      encoding: () => this.encodingForm(question),
      snapshot: () => this.dayForm(),
    };
    const { fields, answer } = forms[kind]();
    const leave = () => {
      this.dialog.close();
      page.ask({ type: "dismiss", file });
    };
    const save = () => {
      const chosen = answer();
      if (!chosen) return;
      this.dialog.close();
      page.ask({ type: "answer", file, kind, ...chosen });
    };
    const why = h("p", {}, page.text(`q_${kind}_why`));
    const buttons = [button(page.text("words_save"), save, "button.main"), button(page.text("leave_out"), leave)];
    this.dialog.open(page.text(`q_${kind}`, { file }), [why, fields], buttons, leave);
  }

  private columnForm({ columns, options }: Question): Form {
    const none = () => h("option", { value: "" }, this.page.text("not_there"));
    const selects = columns.map(([name, label]) => {
      const header = h(
        "select",
        { name },
        none(),
        options.map((option) => h("option", { value: option }, option)),
      );
      return { label: h("label", {}, h("b", {}, label), header), header };
    });
    return {
      fields: h(
        "div.fields",
        {},
        selects.map(({ label }) => label),
      ),
      answer: () => {
        const chosen = selects.filter(({ header }) => header.value).map(({ header }) => [header.name, header.value]);
        return chosen.length ? { columns: Object.fromEntries(chosen) } : null;
      },
    };
  }

  private encodingForm({ options, previews }: Question): Form {
    const radios = options.map((value, index) =>
      h("input", { type: "radio", name: "encoding", value, checked: !index }),
    );
    return {
      fields: radios.map((radio, index) =>
        h("label.preview", {}, radio, " ", radio.value, h("pre", { dir: "auto" }, (previews[index] ?? []).join("\n"))),
      ),
      answer: () => ({ encoding: radios.find(({ checked }) => checked)?.value ?? "" }),
    };
  }

  private dayForm(): Form {
    const day = h("input", { type: "date", "aria-label": this.page.text("exported_on") });
    return {
      fields: h("label", {}, this.page.text("exported_on"), " ", day),
      answer: () => (day.value ? { day: day.value } : null),
    };
  }

  /** Open a list of the rejected rows with their reasons. */
  showRejected(): void {
    const { page } = this;
    page.answers.list({ type: "get_rejected" }, ({ rows, total }) => {
      const head = (["file", "row", "column", "reason"] as const).map((name) => page.text(`c_${name}`));
      const download = button(page.text("download_csv"), () => page.answers.download("rejected"), "button.main");
      this.list(
        page.text("n_rejected", { n: page.number(total) }),
        page.text("rejected_why"),
        head,
        rows,
        total,
        download,
      );
    });
  }

  private list(
    title: string,
    why: string,
    head: string[],
    rows: (string | null)[][],
    total: number,
    download: Child,
  ): void {
    const { page } = this;
    const content = [
      h("p", {}, why),
      h("div.listed", { tabIndex: 0 }, table(head, rows.map(textRow))),
      rows.length < total &&
        h("p.soft", {}, page.text("listed", { n: page.number(rows.length), total: page.number(total) })),
    ];
    this.dialog.open(title, content, [download, button(page.text("close"), () => this.dialog.close())]);
  }

  // ---- changes since the snapshot before

  private changes({ before, counts, unmatched }: ChangeCounts): HTMLElement {
    const { page } = this;
    const present = counts.filter(([, n]) => n > 0);
    const link = ([change, n]: [string, number]) =>
      this.link(page.text(`ch_${change}` as Word, { n: page.number(n) }), () => {
        location.hash = "customers";
        page.ask({ type: "show_changed", change });
      });
    const parts: Child[] = present.map(link);
    if (unmatched) parts.push(page.text("not_compared", { n: page.number(unmatched) }));
    if (!parts.length) parts.push(page.text("nothing_changed"));
    const separated = parts.flatMap((part, index) => [index > 0 && " · ", part]);
    const day = formatDay(before, page.state.language);
    return h("p", {}, page.text("changed_since", { day }), " ", separated);
  }

  // ---- how files are read

  private howRead(reading: HowRead): Child[] {
    const { page } = this;
    const { without_offset, undecided, headers, time_zone } = reading;
    return [
      without_offset > 0 && page.text("read_zone", { n: page.number(without_offset), zone: time_zone }),
      " ",
      undecided > 0 && page.text("read_order", { n: page.number(undecided) }),
      " ",
      headers.length > 0 && page.text("read_headers", { n: page.number(headers.length) }),
      " ",
      this.link(page.text("how_read"), () => this.setReading(reading)),
    ];
  }

  private setReading({ time_zone, day_first, headers, columns, chosen }: HowRead): void {
    const { page } = this;
    const zones = ["UTC", ...Intl.supportedValuesOf("timeZone")].map((value) => h("option", { value }));
    const zone = h("input", { type: "text", value: time_zone, "aria-label": page.text("time_zone") });
    zone.setAttribute("list", "time-zones");
    const order = h(
      "select",
      {},
      [
        ["", "order_auto"],
        ["true", "order_day"],
        ["false", "order_month"],
      ].map(([value, word]) =>
        h("option", { value, selected: value === String(day_first ?? "") }, page.text(word as Word)),
      ),
    );
    const names = () => [
      h("option", { value: "" }, page.text("keep_extra")),
      ...columns.map(([name, label]) => h("option", { value: name }, label)),
    ];
    const taken = Object.entries(chosen).map(([name, header]) => ({
      name,
      box: h("input", { type: "checkbox", checked: true }),
      header,
    }));
    const selects = headers.map((header) => ({ header, select: h("select", {}, names()) }));
    const save = () => {
      const mapped = selects.filter(({ select }) => select.value).map(({ header, select }) => [select.value, header]);
      const removed = taken.filter(({ box }) => !box.checked).map(({ name }) => [name, ""]);
      page.ask({
        type: "set_reading",
        time_zone: zone.value.trim() || "UTC",
        day_first: order.value ? order.value === "true" : null,
        columns: Object.fromEntries([...removed, ...mapped]),
      });
      return true;
    };
    const content = [
      h("p", {}, page.text("how_read_why")),
      h(
        "div.fields",
        {},
        h("label", {}, page.text("time_zone"), zone, h("datalist", { id: "time-zones" }, zones)),
        h("label", {}, page.text("day_order"), order),
      ),
      (selects.length > 0 || taken.length > 0) && h("h3", {}, page.text("headers_title")),
      h(
        "div.fields",
        {},
        selects.map(({ header, select }) => h("label", {}, h("b", { dir: "auto" }, header), select)),
        taken.map(({ name, header, box }) =>
          h("label.taken", {}, box, h("span", {}, page.text("header_is", { header, name }))),
        ),
      ),
    ];
    this.openForm(page.text("how_read").replace(/\s*…$/, ""), content, save);
  }

  /** Open a dialog that closes when its answer is sent; `save` returns whether there was an answer. */
  private openForm(title: string, content: Child, save: () => boolean): void {
    const { page, dialog } = this;
    const buttons = [
      button(page.text("words_save"), () => save() && dialog.close(), "button.main"),
      button(page.text("cancel"), () => dialog.close()),
    ];
    dialog.open(title, content, buttons);
  }

  /** Ask what unknown words mean; words without an answer stay unknown. */
  private teach(columns: UnknownColumn[]): void {
    const { page } = this;
    const fields = columns.map((column): [string, HTMLElement] => [column.column, this.wordFields(column)]);
    const save = () => {
      const words = fields.map(([column, field]) => {
        const chosen = [...field.querySelectorAll("select")].filter(({ value }) => value);
        return [column, Object.fromEntries(chosen.map(({ name, value }) => [name, value]))];
      });
      if (!words.some(([, chosen]) => Object.keys(chosen as object).length)) return false;
      page.ask({ type: "teach_words", words: Object.fromEntries(words) });
      return true;
    };
    const content = [h("p", {}, page.text("words_why")), fields.map(([, field]) => field)];
    this.openForm(page.text("words_title"), content, save);
  }

  private wordFields({ label, values, words }: UnknownColumn): HTMLElement {
    const { page } = this;
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
          ` ${page.text("words_rows", { n: page.number(n) })}`,
          likeliest && ` ${page.text("words_likely", { value: likeliest })}`,
        ),
        h("select", { name: word }, h("option", { value: "" }, page.text("words_leave")), options),
      );
    });
    return h("fieldset.fields", {}, h("legend", {}, label), fields);
  }
}
