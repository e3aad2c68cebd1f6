/** Uploads, downloads, and lists that the page requests. */

import { h } from "./dom.ts";
import type { AskDownload, Download, GetRejected, Listing, PageRequest } from "./protocol.ts";

/** A complete upload; `day` is the date in its name. */
export interface Arrived {
  id: string;
  name: string;
  day: string | null;
}

export interface Sending {
  arrived: Promise<Arrived>;
  stop(): void;
}

/** Upload a file; the promise is rejected with the server's error, or with null. */
export function send(file: File, progress: (share: number) => void): Sending {
  const request = new XMLHttpRequest();
  const arrived = new Promise<Arrived>((resolve, reject) => {
    request.open("POST", `/upload?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("X-Invitekit", "1");
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => progress(total ? loaded / total : 0);
    request.onload = () => (request.status === 200 ? resolve(request.response) : reject(request.response));
    request.onerror = () => reject(null);
    request.onabort = () => reject(null);
    request.send(file);
  });
  return { arrived, stop: () => request.abort() };
}

type Asked = Omit<AskDownload, "request"> | Omit<GetRejected, "request">;

/** Requests whose answer only this browser tab shows, although the server sends it to every tab. */
export class Answers {
  private readonly waiting = new Map<string, (listing: Listing) => void>();

  constructor(private readonly ask: (request: PageRequest) => void) {}

  list(asked: Omit<GetRejected, "request">, show: (listing: Listing) => void): void {
    this.question(asked, show);
  }

  download(what: AskDownload["what"], name = "", more: Partial<Pick<AskDownload, "tab" | "batch_id">> = {}): void {
    this.question({ type: "download", what, name, tab: "pick", batch_id: "", ...more }, () => {});
  }

  private question(asked: Asked, show: (listing: Listing) => void): void {
    const request = crypto.randomUUID();
    this.waiting.set(request, show);
    this.ask({ ...asked, request } as PageRequest);
  }

  received(message: Listing | Download): void {
    const show = this.waiting.get(message.request);
    if (!show) return;
    this.waiting.delete(message.request);
    if (message.type === "listing") show(message);
    else h("a", { href: `/download/${message.id}`, download: message.name }).click();
  }
}
