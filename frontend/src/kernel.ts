/** The connection to Python, in a notebook's kernel or on the page's server. */

/** What anywidget gives a screen; the page has one of its own. */
export interface Model {
  get(name: string): unknown;
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
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly model: Model,
    private readonly receive: (message: Response, buffers: DataView[]) => void,
  ) {
    model.on("msg:custom", this.deliver);
  }

  private deliver = (message: Response, buffers: DataView[] = []): void => {
    // Buffers are only counted with later, so they need not wait.
    if (this.held && !buffers.length) this.waiting.push(message);
    else this.receive(message, buffers);
  };

  send(message: Request): void {
    this.model.send(message);
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
  }
}
