/** The parts of the picker around the grid: the lists of the plan, rules with their effect, batches and results. */

import "../styles/grid.css";
import "../styles/picker.css";
import "../styles/sections.css";
import { BatchCards } from "./batches.ts";
import { type Child, h, keepFocus, put, table, target, textRow } from "./dom.ts";
import { Heading } from "./heading.ts";
import type { Model } from "./kernel.ts";
import type { BatchesWritten, Confirmation, Details, PickerResponse, RulesEffect, Unmark, Word } from "./protocol.ts";
import { AGAIN, cellHost, type Host, Sections } from "./sections.ts";
import { chosenValues, searchText } from "./state.ts";
import { menu } from "./toolbar.ts";
import { type Extension, View } from "./view.ts";

/** Reasons after which a customer can be marked as done. */
const WAITING = ["customer_must_act", "contact_support", "blocked"];
/** Reasons of records that are not the newest of an identified customer, or whose customer is associated. */
const NO_CUSTOMER = ["superseded", "older_snapshot", "unidentified", "associated", "ours_already"];
/** The type of the answer to each request; only the view that sent the request shows the answer. */
const ANSWERS: Record<string, string> = {
  preview_rules: "rules_effect",
  confirm: "confirmation",
  write_batches: "batches_written",
  get_outcomes: "outcomes",
  get_batch: "batch_customers",
};
const STEPS = ["step_open", "step_search", "step_send", "step_log", "step_delete"] as const;

class Picker implements Extension {
  readonly preparing = "planning";
  private readonly sections: Sections;
  private readonly heading: Heading;
  private readonly cards: BatchCards;
  private rules: HTMLDetailsElement | null = null;
  private readonly warnings = h("div.ik-warn", { role: "status", hidden: true });
  private readonly status = h("div.ik-said", { hidden: true, role: "status" });
  private readonly dialog = h("dialog.ik-dialog");
  private readonly awaited = new Set<string>();

  readonly close: () => void;

  constructor(
    private readonly view: View,
    private readonly host: Host = cellHost(view.extra),
  ) {
    this.sections = new Sections(view, host);
    this.heading = new Heading(view, this.sections);
    this.cards = new BatchCards(view, {
      ask: (title, content, button) => this.ask(title, content, button),
      wait: () => this.wait("effect_wait"),
      dayField: (word) => this.dayField(word),
      download: host.download && ((name, batch_id) => host.download?.("batch", name, batch_id)),
    });
    this.close = host.listen(() => this.showPlace());
    view.extra.append(this.heading.element, this.warnings, this.status, this.cards.element);
    view.root.append(this.dialog);
  }

  private showPlace(): void {
    if (this.host.place() === "sent") this.view.send({ type: "get_outcomes" });
    this.draw();
  }

  draw(): void {
    const { view } = this;
    const place = this.host.place();
    if (place === "customers" || place === "unsent" || place === "sent") {
      view.root.classList.toggle("ik-shows-batches", place !== "customers");
      this.heading.draw(place, this.rulesMenu());
      this.cards.draw(place);
    }
    this.sections.draw();
    this.drawWarnings();
    this.drawHits();
  }

  /** Show in which other lists the search has hits. */
  private drawHits(): void {
    const { view } = this;
    const { facets } = view.state;
    const counts = facets.find(({ name }) => name === "decision")?.values ?? [];
    const { current } = this.sections;
    const others = this.sections.countEach(counts).filter(([section, n]) => n && section !== current);
    const isShown =
      searchText(view.state) !== "" && chosenValues(view.state, "decision").length > 0 && others.length > 0;
    const link = ([section, n]: (typeof others)[number]) =>
      h(
        "button.ik-link",
        { onclick: () => this.sections.show(section) },
        view.text("hits_in", { n: view.number(n), list: view.text(`section_${section.name}`) }),
      );
    view.toolbar.hits.hidden = !isShown;
    if (isShown) keepFocus(view.toolbar.hits, () => put(view.toolbar.hits, view.text("hits"), " ", others.map(link)));
  }

  // ---- rules, and their effect before they apply

  /** The menu that changes the rules; an open menu is not replaced. */
  private rulesMenu(): Child {
    const { rules } = this.view.state.view;
    if (!rules || this.rules?.open) return this.rules;
    this.rules = menu(this.view.text("change_rules"), () => this.ruleFields(this.view.state.view.rules ?? {}));
    this.rules.classList.add("ik-left", "ik-as-link");
    return this.rules;
  }

  private drawWarnings(): void {
    const { warnings = [], held_for_own_account: held } = this.view.state.view;
    const button = this.ownAccountButton();
    this.warnings.hidden = this.host.place() !== "customers" || !(warnings.length || held || button);
    const lines = warnings.map((text) => h("div", {}, text));
    const own = held ? h("span", {}, this.view.text("own_account_held", { n: this.view.number(held) })) : null;
    keepFocus(this.warnings, () => put(this.warnings, lines, h("div", {}, own, " ", button)));
  }

  private ownAccountButton(): Child {
    const { workspace, held_for_own_account: held, own_account_marked } = this.view.state.view;
    // Taking the mark back is offered in the list that would have these customers.
    const isHere = held || (own_account_marked && this.sections.current?.name === "support");
    if (!workspace || !isHere) return null;
    const onclick = () => this.markOwnAccount(held ?? 0);
    return h("button.ik-link", { onclick }, this.ownAccountText(held ?? 0));
  }

  private ownAccountText(held: number): string {
    return this.view.text(held ? "own_account" : "own_account_undo", { n: this.view.number(held) });
  }

  private ruleFields(rules: Record<string, number | null>): Child[] {
    const fields = Object.entries(rules).map(([name, value]) =>
      h("input", {
        type: "number",
        min: name === "cool_down_days" ? 0 : 1,
        max: name === "batch_size" ? 100 : 3650,
        value: value ?? "",
        placeholder: "∞",
        name,
      }),
    );
    const preview = (event: Event) => {
      const open = target(event).closest("details");
      if (open) open.open = false;
      this.wait("effect_wait");
      const values = fields.map(({ name, value }) => [name, value === "" ? null : Number(value)]);
      this.view.send({ type: "preview_rules", rules: Object.fromEntries(values) });
    };
    return [
      fields.map((field) => h("label.ik-rule", {}, this.view.text(field.name as Word), field)),
      h("button.ik-button.ik-act", { onclick: preview }, this.view.text("effect")),
    ];
  }

  /** Show that Python is working. */
  private wait(word: Word): void {
    put(this.status, h("span.ik-spin"), this.view.text(word));
    this.status.hidden = false;
  }

  private showEffect({ rows, rules_text }: RulesEffect): void {
    const { view } = this;
    const number = (n: number) => h("td.ik-number", {}, view.number(n));
    const lines = rows.map(([label, before, after]) => {
      const change = after === before ? "=" : `${after > before ? "+" : "−"}${view.number(Math.abs(after - before))}`;
      const changed = h(after === before ? "td.ik-number" : "td.ik-number.ik-changed", {}, change);
      return h("tr", {}, h("td", {}, label), number(before), number(after), changed);
    });
    const head = [view.text("decisions"), view.text("now"), view.text("then"), ""];
    const apply = () => {
      this.wait("effect_wait");
      view.send({ type: "apply_rules" });
    };
    this.status.hidden = true;
    this.ask(view.text("effect_title"), [h("p", {}, rules_text), h("div.ik-effect", {}, table(head, lines))], {
      label: view.text("apply"),
      action: apply,
      cancel: view.text("keep"),
    });
  }

  private scrollable(content: Child): HTMLElement {
    return h("div.ik-past", { tabIndex: 0 }, content);
  }

  // ---- confirm and write

  selectionFacts(): HTMLElement[] {
    const { view } = this;
    const { selected, hidden, selectable, batches } = view.state.counts;
    const leftOut = (selectable ?? 0) - (selected - hidden);
    const isAgain = this.sections.current === AGAIN;
    const texts = [
      isAgain && selected && leftOut > 0 && view.text("n_left_out", { n: view.number(leftOut) }),
      selected && batches && view.text("n_batches", { n: view.number(batches) }),
    ];
    return texts.flatMap((text) => (text ? [h("span.ik-soft", {}, text)] : []));
  }

  actions(): HTMLElement[] {
    const { view } = this;
    const { selected } = view.state.counts;
    const onclick = () => view.send({ type: "confirm" });
    return [h("button.ik-button.ik-act", { disabled: !selected, onclick }, view.text("review_and_write"))];
  }

  /** Show a dialog; without a label it can only be closed. */
  private ask(
    title: string,
    content: Child,
    { label, action, cancel }: { label?: string; action?: () => void; cancel: string },
  ): void {
    const { dialog } = this;
    const id = `${this.view.id}-title`;
    const opener = document.activeElement as HTMLElement | null;
    const confirm = () => {
      dialog.close();
      action?.();
    };
    dialog.setAttribute("aria-labelledby", id);
    put(
      dialog,
      h("h3", { id }, title),
      h("div.ik-body", { tabIndex: 0 }, content),
      h(
        "footer",
        {},
        label && h("button.ik-button.ik-act", { onclick: confirm }, label),
        h("button.ik-button", { onclick: () => dialog.close() }, cancel),
      ),
    );
    dialog.onclose = () => (opener?.isConnected ? opener : this.view.grid.scroller).focus({ preventScroll: true });
    if (!dialog.open) dialog.showModal();
    dialog.querySelector<HTMLElement>("footer button")?.focus();
  }

  private confirm(message: Confirmation): void {
    const { view } = this;
    const { count, batches, digest, folder, in_open_batch, groups, labels, rows, left_out } = message;
    const label = (name: string) => view.state.view.columns.find((column) => column.name === name)?.label ?? name;
    const pair = (text: string, n: number) =>
      h("div.ik-pair", {}, h("span", {}, text), h("span.ik-n", {}, view.number(n)));
    const known = h("strong", {}, view.text("known", { n: view.number(in_open_batch) }));
    const content = [
      in_open_batch > 0 && h("p.ik-warn", { role: "alert" }, known),
      h("p.ik-warn", {}, view.text("personal", { folder })),
      h(
        "div.ik-groups",
        {},
        groups.map(([name, values]) =>
          h(
            "div.ik-group",
            {},
            h("h4", {}, label(name)),
            values.map(([text, n]) => pair(text ?? view.text(name === "failure_code" ? "no_cause" : "empty"), n)),
          ),
        ),
      ),
      h("h4", {}, view.text(rows.length < count ? "first" : "all_of_them", { n: view.number(rows.length) })),
      h("div.ik-everyone", {}, this.scrollable(table(labels, rows.map(textRow)))),
      left_out.length > 0 && h("h4", {}, view.text("left_out")),
      left_out.map(([text, n, could]) => pair(could ? view.text("not_chosen", { text }) : (text ?? ""), n)),
    ];
    const write = () => {
      this.wait("writing");
      view.send({ type: "write_batches", digest });
    };
    const inBatches = view.text("n_batches", { n: view.number(batches) });
    this.ask(view.text("confirm", { n: view.number(count), batches: inBatches }), content, {
      label: count ? view.text("write", { n: view.number(count) }) : "",
      action: write,
      cancel: view.text("cancel"),
    });
  }

  private showWritten({ customers, files, folder, batch_ids }: BatchesWritten): void {
    const { view } = this;
    const steps = STEPS.filter((step) => step !== "step_log" || batch_ids.length);
    const content = [
      this.host.download &&
        h(
          "p",
          {},
          h(
            "button.ik-button",
            { onclick: () => this.host.download?.("batch", "all", batch_ids[0]) },
            view.text("download_all"),
          ),
        ),
      h("ul", {}, this.fileLines(files)),
      h("p.ik-soft.ik-path", {}, folder),
      h("h4", {}, view.text("next")),
      h(
        "ol",
        {},
        steps.map((step) => h("li", {}, view.text(step))),
      ),
    ];
    this.status.hidden = true;
    this.ask(view.text("written", { n: view.number(customers) }), content, {
      label: batch_ids.length ? view.text("to_batches") : "",
      action: () => this.host.go("unsent"),
      cancel: view.text("close"),
    });
  }

  /** List files by name with their number of customers; files that differ only in type share a line. */
  private fileLines(files: BatchesWritten["files"]): HTMLElement[] {
    const stems = new Set(files.map(([name]) => name.replace(/\.\w+$/, "")));
    return [...stems].map((stem) => {
      const same = files.filter(([name]) => name.replace(/\.\w+$/, "") === stem);
      const n = same[0]?.[1] ?? null;
      const total = n !== null && this.view.text("all_customers", { total: this.view.number(n) });
      return h("li", {}, stem, same.map(([name]) => name.slice(stem.length)).join(", "), total && ` · ${total}`);
    });
  }

  // ---- marks

  /** A date field, filled with the day of the plan, or else with today in the browser's time zone. */
  private dayField(word: Word): HTMLInputElement {
    const now = new Date();
    const today = new Date(now.getTime() - 6e4 * now.getTimezoneOffset()).toISOString().slice(0, 10);
    return h("input", { type: "date", value: this.view.state.view.day ?? today, "aria-label": this.view.text(word) });
  }

  /** Mark the partner's own account as changed, or take the mark back if it holds no customer. */
  private markOwnAccount(held: number): void {
    const { view } = this;
    const by = h("input", { type: "text", value: view.state.view.user, "aria-label": view.text("by") });
    const day = this.dayField("done_on");
    const action = () => {
      this.wait("effect_wait");
      const user = by.value.trim();
      view.send(held ? { type: "mark_own_account", user, day: day.value } : { type: "unmark_own_account", user });
    };
    const content = [
      h("p", {}, view.text("own_account_why")),
      h("label.ik-rule", {}, view.text("by"), by),
      held > 0 && h("label.ik-rule", {}, view.text("done_on"), day),
    ];
    const label = view.text(held ? "mark_done" : "take_back");
    this.ask(this.ownAccountText(held), content, { label, action, cancel: view.text("cancel") });
  }

  detailActions({ key, codes, selectable, selected }: Details): Child {
    const { view } = this;
    const add = () => view.selection.select(selected ? "remove" : "add", { keys: [key] });
    const button = selected ? "button.ik-button" : "button.ik-button.ik-act";
    return [
      selectable && h(button, { onclick: add }, view.text(selected ? "remove_from_batch" : "add_to_batch")),
      view.state.view.workspace && this.marks(key, codes.reason_code ?? ""),
    ];
  }

  /** The buttons that mark that a customer has acted or must not be invited, or that take the mark back. */
  private marks(key: number, reason: string): Child {
    const { view } = this;
    const mark = { version: view.state.version, key, user: view.state.view.user ?? "" };
    const unmark = () => {
      this.wait("effect_wait");
      view.send({ type: "unmark", ...mark });
    };
    const takeBack = h("button.ik-button", { onclick: unmark }, view.text("take_back"));
    if (reason === "do_not_invite") return takeBack;
    const done = WAITING.includes(reason) && this.markMenu("mark_done", "done_on", "mark_resolved", mark);
    return [
      reason === "marked_resolved" ? takeBack : done,
      !NO_CUSTOMER.includes(reason) && this.markMenu("do_not_invite", "asked_on", "mark_do_not_invite", mark),
    ];
  }

  private markMenu(
    title: Word,
    when: Word,
    type: "mark_resolved" | "mark_do_not_invite",
    mark: Omit<Unmark, "type">,
  ): Child {
    const { view } = this;
    return menu(view.text(title), () => {
      const day = this.dayField(when);
      const note = h("input", { type: "text", "aria-label": view.text("note") });
      const save = () => {
        this.wait("effect_wait");
        view.send({ type, ...mark, day: day.value, note: note.value });
      };
      return [
        h("label.ik-rule", {}, view.text(when), day),
        h("label.ik-rule", {}, view.text("note"), note),
        h("button.ik-button.ik-act", { onclick: save }, view.text("save_done")),
      ];
    });
  }

  // ---- messages

  sent({ type }: { type: string }): void {
    const answer = ANSWERS[type];
    if (answer) this.awaited.add(answer);
  }

  /** Show an answer if this view requested it. */
  received(message: PickerResponse, isCurrent: boolean): void {
    if (message.type === "error" || message.type === "init") this.status.hidden = true;
    if (message.type === "init" && this.host.place() === "sent") this.view.send({ type: "get_outcomes" });
    if (!isCurrent || !this.awaited.delete(message.type)) return;
    if (message.type === "rules_effect") this.showEffect(message);
    else if (message.type === "confirmation") this.confirm(message);
    else if (message.type === "batches_written") this.showWritten(message);
    else if (message.type === "batch_customers") this.cards.showCustomers(message);
    else if (message.type === "outcomes") {
      this.cards.showResults(message);
      this.draw();
    }
  }
}

/** Show the picker, in a cell or on a page; returns the function that closes it. */
export function render({ model, el, page }: { model: Model; el: HTMLElement; page?: Host }): () => void {
  const download = page?.download && ((list: string) => page.download?.("list", list));
  const view = new View(model, el, (grid) => new Picker(grid, page), true, download);
  return () => view.close();
}

export default { render };
