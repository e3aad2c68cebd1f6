/** A dialog of the page: one at a time, with its buttons below. */

import "../styles/dialog.css";
import { type Child, h, put, uniqueId } from "./dom.ts";

export class Dialog {
  private readonly element = h("dialog.sheet");
  /** Called when Escape closes the dialog. */
  private cancelled: () => void = () => {};

  constructor() {
    document.body.append(this.element);
    this.element.addEventListener("cancel", () => this.cancelled());
    // Remove the content of a closed dialog, as it may name customers.
    this.element.addEventListener("close", () => this.element.open || put(this.element));
  }

  get isOpen(): boolean {
    return this.element.open;
  }

  open(title: string, content: Child, buttons: Child, cancelled: () => void = () => {}): void {
    const id = uniqueId("sheet");
    const { element } = this;
    this.cancelled = cancelled;
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
