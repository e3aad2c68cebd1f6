/** The connection to Python, in a notebook's kernel or on the page's server. */

import { h } from "./dom.ts";

/** The model that anywidget passes to a screen; the page has its own. */
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
  private isHeld = false;
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

  /** Show that no kernel answers: JupyterLab keeps the screen when it restarts the kernel. */
  private lost = (): void => {
    if (this.notice.isConnected) return;
    this.notice.textContent = this.model.get("lost") as string;
    this.element.prepend(this.notice);
  };

  /** In a marimo notebook, count the changes by a person, so that marimo runs the dependent cells again. */
  count(): void {
    const changes = this.model.get("changes");
    if (typeof changes !== "number") return;
    this.model.set?.("changes", changes + 1);
    this.model.save_changes?.();
  }

  private deliver = (message: Response, buffers: DataView[] = []): void => {
    this.notice.remove();
    // A message with a buffer does not redraw anything, so it need not wait.
    if (this.isHeld && !buffers.length) this.waiting.push(message);
    else this.receive(message, buffers);
  };

  send(message: Request): void {
    if (!this.notice.isConnected) this.model.send(message);
  }

  /** Send a message repeatedly until it is answered: messages are lost until a kernel listens. */
  sendUntil(answered: () => boolean, message: Request): void {
    this.send(message);
    this.timer = setTimeout(() => answered() || this.sendUntil(answered, message), RECONNECT_AFTER);
  }

  /** Delay messages while a mouse button is down: a redraw would move what is about to be clicked. */
  hold(): void {
    this.isHeld = true;
  }

  release(): void {
    this.isHeld = false;
    for (const message of this.waiting.splice(0)) this.receive(message, []);
  }

  get holds(): boolean {
    return this.isHeld;
  }

  close(): void {
    clearTimeout(this.timer);
    this.model.off("msg:custom", this.deliver);
    this.model.off("comm_live_update", this.lost);
  }
}
