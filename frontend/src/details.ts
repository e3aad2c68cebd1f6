/** The panel of one record: why, what to do, and the invitations of its customer. */

import { h, put } from "./dom.ts";
import type { Invitation } from "./protocol.ts";
import { rowAt } from "./state.ts";
import type { View } from "./view.ts";

const EXPLAINED = ["cause", "advice", "reason", "next_step"];

export class DetailsPanel {
  readonly element = h("aside.ik-panel", { hidden: true, tabIndex: -1 });

  constructor(private readonly view: View) {}

  /** Ask for the details of a row. */
  open(row: number | null): void {
    const found = row === null ? null : rowAt(this.view.state, row);
    const key = found?.block.keys[found.index];
    if (typeof key === "number") this.view.send({ type: "get_details", key });
  }

  close(): void {
    this.view.update((state) => ({ ...state, details: null }));
    this.view.grid.focus();
    this.view.grid.draw();
  }

  hide(): void {
    this.element.hidden = true;
  }

  draw(): void {
    const { view } = this;
    const { details } = view.state;
    if (!details) return;
    const text = (name: string) => details.fields.find((field) => field.name === name)?.text;
    const reason =
      text("reason") &&
      h("div.ik-why", {}, h("strong", {}, text("decision")), h("p", {}, text("reason")), h("p", {}, text("next_step")));
    const causes = (["cause", "advice"] as const).filter((name) => text(name));
    const cause =
      causes.length > 0 &&
      h(
        "div.ik-why",
        {},
        causes.map((name) => h("p", {}, h("strong", {}, `${view.text(name)}: `), text(name))),
      );
    const { invitations } = details;
    const history = invitations.length > 0 && [
      h("h4", {}, `${view.text("history")} (${view.number(invitations.length)})`),
      invitations.map((invitation) => this.invitation(invitation)),
    ];
    const fields = details.fields
      .filter(({ name }) => !EXPLAINED.includes(name))
      .map((field) => [h("dt", {}, field.label), h("dd", { dir: "auto" }, field.text)]);
    const title = text("customer_full_name") ?? text("account_name") ?? text("record_id");
    const close = h("button.ik-button", { "aria-label": view.text("close"), onclick: () => this.close() }, "×");
    put(
      this.element,
      h("header", {}, h("h3", { dir: "auto" }, title), close),
      reason,
      cause,
      view.extension.detailActions(details),
      history,
      h("dl", {}, fields),
    );
    this.element.scrollTop = 0;
    this.element.setAttribute("aria-label", view.text("details"));
    this.element.hidden = false;
  }

  /** One invitation of a customer, and what the files said of it, the newest first. */
  private invitation({ attempt, sent_at, method, state, states }: Invitation): HTMLElement {
    const { view } = this;
    const sent = attempt
      ? view.text("attempt", { n: view.number(attempt), day: sent_at })
      : view.text("attempt_not_sent");
    const rows = states.map(([first, last, ...words]) =>
      h(
        "tr",
        {},
        h("td", {}, h("span", {}, first), first !== last && [" – ", h("span", {}, last)]),
        h("td", { dir: "auto" }, words.filter(Boolean).join(": ")),
      ),
    );
    const head = h("tr", {}, h("th", {}, view.text("in_files")), h("th", {}, view.text("said_there")));
    return h(
      "section.ik-attempt",
      {},
      h("h5", {}, [sent, method, state].filter(Boolean).join(" · ")),
      h("table", {}, h("thead", {}, head), h("tbody", {}, rows)),
    );
  }
}
