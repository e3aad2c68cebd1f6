import "../styles/grid.css";
import type { Model } from "./kernel.ts";
import { View } from "./view.ts";

interface Place {
  model: Model;
  el: HTMLElement;
  download?: (list: string) => void;
}

/** Show the explorer; returns the function that closes it. */
export function render({ model, el, download }: Place): () => void {
  const view = new View(model, el, undefined, false, download);
  return () => view.close();
}

export default { render };
