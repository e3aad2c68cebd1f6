/** A dialog of the page: one at a time, with its buttons below. */

import "../styles/dialog.css";
import { type Child, h, put, uniqueId } from "./dom.ts";

export class Dialog {
  private readonly element = h("dialog.sheet");
  /** Called when the dialog goes away without one of its own buttons. */
  private left: () => void = () => {};

  constructor() {
    document.body.append(this.element);
    this.element.addEventListener("cancel", () => this.left());
    // The lists of a closed dialog name customers.
    this.element.addEventListener("close", () => this.element.open || put(this.element));
  }

  get isOpen(): boolean {
    return this.element.open;
  }

  open(title: string, content: Child, buttons: Child, left: () => void = () => {}): void {
    const id = uniqueId("sheet");
    const { element } = this;
    this.left = left;
    element.setAttribute("aria-labelledby", id);
    put(element, h("h2", { id }, title), h("div.sheet-body", {}, content), h("footer", {}, buttons));
    if (!element.open) element.showModal();
    element.querySelector<HTMLElement>("select, input, button")?.focus();
  }

  close(): void {
    this.element.close();
  }
}

export function button(text: string, onclick: () => void, selector: "button" | "button.main" = "button"): HTMLElement {
  return h(selector, { type: "button", onclick }, text);
}
