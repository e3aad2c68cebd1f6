/** The connection to Python, in a notebook's kernel or on the page's server. */

import { h } from "./dom.ts";

/** What anywidget gives a screen; the page has one of its own. */
export interface Model {
  get(name: string): unknown;
  set?(name: string, value: unknown): void;
  save_changes?(): void;
  send(message: unknown): void;
  on(event: string, listener: Listener): void;
  off(event: string, listener: Listener): void;
}
// biome-ignore lint/suspicious/noExplicitAny: messages are typed where they are received
export type Listener = (message: any, buffers?: DataView[]) => void;

const RECONNECT_AFTER = 3000;

export class Kernel<Request, Response> {
  private held = false;
  private waiting: Response[] = [];
  private readonly notice = h("p", { role: "alert" });
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly model: Model,
    private readonly element: HTMLElement,
    private readonly receive: (message: Response, buffers: DataView[]) => void,
  ) {
    model.on("msg:custom", this.deliver);
    model.on("comm_live_update", this.lost);
  }

  /** Say that no kernel answers any more: JupyterLab leaves the screen as it is when it restarts one. */
  private lost = (): void => {
    if (this.notice.isConnected) return;
    this.notice.textContent = this.model.get("lost") as string;
    this.element.prepend(this.notice);
  };

  /** Count what a person has changed, where Python has such a number: a marimo notebook then runs what depends on it. */
  count(): void {
    const changes = this.model.get("changes");
    if (typeof changes !== "number") return;
    this.model.set?.("changes", changes + 1);
    this.model.save_changes?.();
  }

  private deliver = (message: Response, buffers: DataView[] = []): void => {
    this.notice.remove();
    // Buffers are only counted with later, so they need not wait.
    if (this.held && !buffers.length) this.waiting.push(message);
    else this.receive(message, buffers);
  };

  send(message: Request): void {
    if (!this.notice.isConnected) this.model.send(message);
  }

  /** Send a message until it is answered: what is sent before a kernel listens is lost. */
  sendUntil(answered: () => boolean, message: Request): void {
    this.send(message);
    this.timer = setTimeout(() => answered() || this.sendUntil(answered, message), RECONNECT_AFTER);
  }

  /** Keep messages back while a mouse button is down: a redraw would move what is about to be clicked. */
  hold(): void {
    this.held = true;
  }

  release(): void {
    this.held = false;
    for (const message of this.waiting.splice(0)) this.receive(message, []);
  }

  get holds(): boolean {
    return this.held;
  }

  close(): void {
    clearTimeout(this.timer);
    this.model.off("msg:custom", this.deliver);
    this.model.off("comm_live_update", this.lost);
  }
}
