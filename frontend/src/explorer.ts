import "../styles/grid.css";
import type { Model } from "./kernel.ts";
import { View } from "./view.ts";

/** Show the explorer; returns the function that closes it. */
export function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const view = new View(model, el);
  return () => view.close();
}

export default { render };
