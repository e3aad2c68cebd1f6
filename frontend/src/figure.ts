/** A figure above a screen: a click on a bar or a point shows its records on the screen. */

import { target } from "./dom.ts";
import type { Model } from "./kernel.ts";

/** Draw the figure, which Python sends as XHTML without a script. */
export function render({ model, el }: { model: Model; el: HTMLElement }): void {
  const drawn = new DOMParser().parseFromString(model.get("figure") as string, "application/xhtml+xml");
  const figure = document.importNode(drawn.documentElement, true);
  const open = (event: Event): void => {
    const button = target(event).closest("[data-choice]");
    if (!button) return;
    const isOpen = button.getAttribute("aria-pressed") === "true";
    for (const other of figure.querySelectorAll("[aria-pressed]")) other.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-pressed", String(!isOpen));
    model.send({ type: "open", choice: isOpen ? null : Number(button.getAttribute("data-choice")) });
  };
  figure.addEventListener("click", open);
  figure.addEventListener("keydown", (event) => {
    const { key } = event as KeyboardEvent;
    if (key !== "Enter" && key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    open(event);
  });
  el.append(figure);
}

export default { render };
