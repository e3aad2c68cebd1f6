/** What the parts of the page share: its state, its texts, and the connection to the server. */

import type { PageRequest, PageState, Trouble, Word } from "./protocol.ts";
import type { Answers } from "./transfer.ts";

export interface PageContext {
  readonly state: PageState;
  readonly answers: Answers;
  text(word: Word, values?: Record<string, unknown>): string;
  number(number: number | undefined): string;
  ask(request: PageRequest): void;
  showProblem(problem: Trouble | null): void;
}
