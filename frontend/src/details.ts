/** The panel of one record: the decision, the invitations of its customer, and all fields. */

import { type Child, formatDay, h, put } from "./dom.ts";
import { type Details, type Invitation, LISTS } from "./protocol.ts";
import { rowAt } from "./state.ts";
import { menu } from "./toolbar.ts";
import type { View } from "./view.ts";

/** Fields that are always visible. */
const ABOUT = ["account_manager", "custom_tag", "remarks", "chance", "country", "attempts", "retry_at"];

export class DetailsPanel {
  readonly element = h("aside.ik-panel", { hidden: true, tabIndex: -1 });

  /** The record whose details were requested, unless the panel was closed since. */
  private wanted: number | null = null;

  /** The row of a view whose details are requested as soon as the row arrives. */
  private waiting: { row: number; version: number } | null = null;

  constructor(private readonly view: View) {}

  /** Request the details of a row, at once or when it has arrived. */
  open(row: number): void {
    const { state } = this.view;
    const position = rowAt(state, row);
    const key = position?.block.keys[position.index];
    this.waiting = typeof key === "number" ? null : { row, version: state.version };
    if (typeof key !== "number") return;
    this.wanted = key;
    this.view.send({ type: "get_details", key });
  }

  /** Request the details of the row that was waited for, if it is among the rows that arrived. */
  openWaiting(): void {
    if (this.waiting && this.waiting.version === this.view.state.version) this.open(this.waiting.row);
  }

  /** Whether an answer is still wanted; a late one would open a closed panel again. */
  wants(details: Details | null): boolean {
    return details !== null && details.key === this.wanted;
  }

  close(): void {
    this.wanted = this.waiting = null;
    this.view.update((state) => ({ ...state, details: null }));
    this.view.grid.focus();
    this.view.grid.draw();
  }

  /** Move the focus into the panel. */
  focus(): void {
    this.element.querySelector<HTMLElement>(".ik-acts button, button")?.focus();
  }

  hide(): void {
    this.element.hidden = true;
  }

  draw(): void {
    const { view } = this;
    const { details } = view.state;
    if (!details) return;
    const { invitations, sent } = details;
    const happened = [this.markedAsSent(sent), ...invitations.map((each) => this.timeline(each))];
    const isSame = this.element.dataset.key === String(details.key) && !this.element.hidden;
    const { scrollTop } = this.element;
    put(
      this.element,
      this.head(details),
      this.decision(details),
      h("div.ik-acts", {}, view.extension.detailActions(details), this.copyMessage(details)),
      (sent.length > 0 || invitations.length > 0) && [h("h4", {}, view.text("history")), happened],
      this.about(details),
      this.allFields(details),
    );
    this.element.dataset.key = String(details.key);
    this.element.scrollTop = isSame ? scrollTop : 0;
    this.element.setAttribute("aria-label", view.text("details"));
    this.element.hidden = false;
  }

  private field({ fields }: Details, name: string): string | undefined {
    return fields.find((field) => field.name === name)?.text;
  }

  private head(details: Details): Child {
    const { view } = this;
    const account = this.field(details, "account_name");
    const name = this.field(details, "customer_full_name") ?? this.field(details, "customer_name") ?? account;
    const close = h("button.ik-close", { "aria-label": view.text("close"), onclick: () => this.close() }, "×");
    const contacts = ["customer_name", "email", "mobile"].map((each) => this.field(details, each));
    const others = contacts.filter((text) => text && text !== name).map((text) => [" · ", h("bdi", {}, text)]);
    return [
      h("header", {}, h("h3", { dir: "auto" }, name ?? this.field(details, "record_id")), close),
      h(
        "p.ik-who",
        {},
        account && [h("bdi", {}, account), " ", this.copyButton(account)],
        others,
        " ",
        h(
          "button.ik-link",
          { onclick: () => this.toggleMasking() },
          view.text(view.state.view.unmasked ? "hide" : "show"),
        ),
      ),
    ];
  }

  private copyButton(text: string): HTMLElement {
    const label = this.view.text("copy");
    return h("button.ik-link", { "aria-label": `${label}: ${text}`, onclick: () => this.copy(text) }, label);
  }

  /** Copy a text, and announce it to a screen reader. */
  private copy(text: string): void {
    navigator.clipboard?.writeText(text).then(() => {
      this.view.toolbar.live.textContent = this.view.text("copied");
    });
  }

  private toggleMasking(): void {
    const { view } = this;
    const key = view.state.details?.key;
    view.toggleMasking();
    if (key !== undefined) view.send({ type: "get_details", key });
  }

  /** The decision, its reason, the cause, and the next step; the advice on a cause may contradict the step of a plan. */
  private decision(details: Details): Child {
    const { codes } = details;
    const [decision, reason, step] = ["decision", "reason", "next_step"].map((name) => this.field(details, name));
    const [cause, advice] = ["cause", "advice"].map((name) => this.field(details, name));
    const lines = [...new Set([reason, cause, step ?? advice])].filter((text) => text !== undefined);
    if (!decision && !lines.length) return null;
    const isAgain = LISTS.again.includes(codes.decision ?? "");
    return h(
      isAgain ? "div.ik-card.ik-again" : "div.ik-card",
      {},
      h("strong", {}, decision ?? this.field(details, "effective_status")),
      lines.map((text) => h("p", {}, text)),
    );
  }

  private copyMessage({ messages }: Details): Child {
    if (!messages.length) return null;
    const items = () =>
      messages.map(([language, text]) => h("button.ik-item", { onclick: () => this.copy(text) }, language));
    return menu(this.view.text("copy_message"), items);
  }

  /** When the customer was marked as invited again, whether or not a file shows that invitation yet. */
  private markedAsSent(sent: Details["sent"]): Child {
    const { view } = this;
    const items = sent.map(([at, user, batch]) => {
      const text = view.text("marked_sent", { user, n: batch });
      return h("li.ik-sent-at", {}, h("b", {}, formatDay(at, view.state.language)), ` ${text}`);
    });
    return items.length > 0 && h("ol.ik-happened", {}, items);
  }

  /** One invitation: its states in the files, the newest first, and when it was sent. */
  private timeline({ attempt, sent_at, method, states }: Invitation): HTMLElement {
    const { view } = this;
    const { language } = view.state;
    const day = (text: string | null | undefined) => (text ? formatDay(text, language) : "");
    const items = states.map(([first, last, status, cause]) => {
      const days = first === last ? day(last) : `${day(first)} – ${day(last)}`;
      return h(
        cause ? "li.ik-bad" : "li",
        {},
        h("b", {}, days),
        ` ${view.text("in_file")} `,
        h("span", { dir: "auto" }, status),
        cause && `: ${cause}`,
      );
    });
    const sent = attempt
      ? [h("b", {}, day(sent_at)), ` ${view.text("attempt", { n: view.number(attempt) })}`, method && ` · ${method}`]
      : view.text("attempt_not_sent");
    return h("ol.ik-happened", {}, items, h("li.ik-sent-at", {}, sent));
  }

  private about(details: Details): Child {
    const { view } = this;
    const chance = (text: string) => {
      const [low, high] = ["chance_low", "chance_high"].map((name) => this.field(details, name));
      return low && high ? `${text} (${low}–${high})` : text;
    };
    const shown = ABOUT.flatMap((name) => details.fields.find((field) => field.name === name) ?? []);
    if (!shown.length) return null;
    return [
      h("h4", {}, view.text("about")),
      h(
        "dl",
        {},
        shown.map(({ name, label, text }) => [
          h("dt", {}, label),
          h("dd", { dir: "auto" }, name === "chance" ? chance(text) : text),
        ]),
      ),
    ];
  }

  private allFields({ fields }: Details): HTMLElement {
    const rows = fields.map(({ label, text }) => [h("dt", {}, label), h("dd", { dir: "auto" }, text)]);
    const title = this.view.text("all_fields", { n: this.view.number(fields.length) });
    return h("details.ik-fields", {}, h("summary", {}, title), h("dl", {}, rows));
  }
}
