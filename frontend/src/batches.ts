/** The written batches as cards: their files, when they were sent, and their results. */

import { type Child, formatDay, h, put } from "./dom.ts";
import type { Batch, BatchCustomers, Outcomes, Word } from "./protocol.ts";
import type { View } from "./view.ts";

/** The columns of ``Outcomes`` that a card shows, in order. */
const RESULTS = ["associated", "failed_again", "expired", "open", "not_seen"] as const;

export interface Actions {
  /** Open a confirmation dialog. */
  ask(title: string, content: Child, button: { label: string; action: () => void; cancel: string }): void;
  /** Show that the plan is being computed again. */
  wait(): void;
  dayField(word: Word): HTMLInputElement;
  /** Download files of a batch, see ``AskDownload``; undefined in a notebook. */
  download: ((name: string, batch_id: string) => void) | undefined;
}

export class BatchCards {
  readonly element = h("div.ik-cards", { hidden: true });
  private readonly leftOut = new Map<string, Set<string>>();
  private readonly lists = new Map<string, HTMLElement>();
  private results = new Map<string, Record<string, number>>();
  private drawn = "";

  constructor(
    private readonly view: View,
    private readonly actions: Actions,
  ) {}

  draw(place: string): void {
    const { unsent_batches = [], sent_batches = [] } = this.view.state.view;
    this.element.hidden = place === "customers";
    const batches = place === "unsent" ? unsent_batches : sent_batches;
    // Redraw only if something changed, so that a text that is being typed stays.
    const drawn = JSON.stringify([place, batches, [...this.results], this.view.state.language]);
    if (this.element.hidden || drawn === this.drawn) return;
    this.drawn = drawn;
    this.lists.clear();
    const none = h("p.ik-soft", {}, this.view.text(place === "unsent" ? "no_unsent" : "no_outcomes"));
    put(this.element, batches.length ? batches.map((batch) => this.card(batch, place === "sent")) : none);
  }

  /** Add up the results of each batch over its causes. */
  showResults({ names, rows }: Outcomes): void {
    this.results = new Map();
    for (const row of rows) {
      const sums = this.results.get(String(row[0])) ?? {};
      for (const name of RESULTS) sums[name] = (sums[name] ?? 0) + Number(row[names.indexOf(name)]);
      this.results.set(String(row[0]), sums);
    }
  }

  showCustomers({ batch_id, customers, left_out }: BatchCustomers): void {
    const box = this.lists.get(batch_id);
    if (!box) return;
    const label = ([id, name, account]: BatchCustomers["customers"][number]) => [
      h("span.ik-label", { dir: "auto" }, name ?? account ?? id),
      name && account !== name && h("span.ik-soft", { dir: "auto" }, account),
    ];
    const names = customers.filter(([id]) => left_out.includes(id)).map((each) => h("div.ik-value", {}, label(each)));
    if (names.length) return void put(box, names);
    const leftOut = this.leftOut.get(batch_id) ?? new Set<string>();
    this.leftOut.set(batch_id, leftOut);
    const line = (customer: BatchCustomers["customers"][number]) => {
      const [id] = customer;
      const checkbox = h("input", {
        type: "checkbox",
        checked: !leftOut.has(id),
        onchange: () => {
          if (checkbox.checked) leftOut.delete(id);
          else leftOut.add(id);
          this.drawButton(batch_id, customers.length);
        },
      });
      return h("label.ik-value", {}, checkbox, label(customer));
    };
    put(box, customers.map(line));
  }

  private drawButton(batch_id: string, customers: number): void {
    const button = this.element.querySelector(`[data-batch="${CSS.escape(batch_id)}"] .ik-act`);
    if (button) button.textContent = this.markSent(batch_id, customers);
  }

  private markSent(batch_id: string, n: number): string {
    return this.view.text("mark_sent", { n: this.view.number(n - (this.leftOut.get(batch_id)?.size ?? 0)) });
  }

  private card(batch: Batch, isSent: boolean): HTMLElement {
    const { view } = this;
    const name = view.text("batch_title", { n: batch.batch, kind: batch.kind });
    const folder = batch.files[0]?.replace(/\/.*/, "");
    const files = batch.files.map((file) => file.replace(/.*\//, ""));
    const written = view.text("written_on", { day: formatDay(batch.written_at, view.state.language) });
    return h(
      "section.ik-batch",
      { "data-batch": batch.batch_id, "aria-label": name },
      h("h3", {}, name, h("span.ik-n", {}, view.text("all_customers", { total: view.number(batch.customers) }))),
      h("p.ik-soft", {}, `${written} · ${batch.batch_id}`),
      folder && h("p.ik-soft.ik-files", {}, `${folder}: ${files.join(", ")}`),
      this.downloads(batch),
      isSent ? this.sent(batch) : this.unsent(batch),
    );
  }

  private downloads({ batch_id }: Batch): Child {
    const { download } = this.actions;
    if (!download) return null;
    const link = (name: string, word: Word) =>
      h("button.ik-button", { onclick: () => download(name, batch_id) }, this.view.text(word));
    return h("div.ik-acts", {}, link("", "download"), link("all", "download_all"));
  }

  private unsent({ batch_id, customers, off_list }: Batch): Child {
    const { view, actions } = this;
    const by = h("input", { type: "text", value: view.state.view.user, "aria-label": view.text("by") });
    const day = actions.dayField("sent_on");
    const send = () => {
      actions.wait();
      const left_out = [...(this.leftOut.get(batch_id) ?? [])];
      view.send({ type: "mark_sent", batch_id, user: by.value.trim(), day: day.value, left_out });
    };
    const discard = () =>
      actions.ask(view.text("discard_title"), h("p", {}, view.text("discard_why")), {
        label: view.text("discard"),
        action: () => view.send({ type: "discard_batch", batch_id }),
        cancel: view.text("cancel"),
      });
    return [
      off_list > 0 && h("p.ik-warn", {}, view.text("off_list", { n: view.number(off_list) })),
      this.customers(batch_id, view.text("leave_out_some")),
      h(
        "div.ik-acts",
        {},
        h("label", {}, view.text("sent_on"), " ", day),
        h("label", {}, view.text("by"), " ", by),
        h("button.ik-button.ik-act", { onclick: send }, this.markSent(batch_id, customers)),
        h("button.ik-link", { onclick: discard }, view.text("discard")),
      ),
    ];
  }

  /** A list of customers, which is requested when it is opened. */
  private customers(batch_id: string, title: string): HTMLElement {
    const list = h("div.ik-values");
    this.lists.set(batch_id, list);
    const open = (event: Event) => {
      const isOpen = (event.target as HTMLDetailsElement).open;
      if (isOpen && !list.firstChild) this.view.send({ type: "get_batch", batch_id });
    };
    return h("details", { ontoggle: open }, h("summary", {}, title), list);
  }

  private sent({ batch_id, customers, sent, sent_at, sent_by }: Batch): Child {
    const { view, actions } = this;
    const results = this.results.get(batch_id);
    const undo = () => {
      actions.wait();
      view.send({ type: "unmark_sent", batch_id });
    };
    const values = {
      day: sent_at && formatDay(sent_at, view.state.language),
      user: sent_by,
      n: view.number(sent),
    };
    const leftOut = customers - (sent ?? customers);
    const counted = RESULTS.filter((name) => results?.[name]);
    return [
      h("p", {}, view.text("sent_by", values)),
      leftOut > 0 && this.customers(batch_id, view.text("were_left_out", { n: view.number(leftOut) })),
      results &&
        h(
          "p.ik-results",
          {},
          counted.map((name) =>
            h(
              "span",
              { className: `ik-result ik-is-${name}` },
              `${view.text(`o_${name}`)} ${view.number(results[name])}`,
            ),
          ),
        ),
      h("div.ik-acts", {}, h("button.ik-link", { onclick: undo }, view.text("unmark_sent"))),
    ];
  }
}
