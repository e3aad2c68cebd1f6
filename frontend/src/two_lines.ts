/** The two-line layout: the most important fields of a customer in six columns. */

import { type Child, formatDay, h } from "./dom.ts";
import { highlight } from "./highlight.ts";
import { LISTS, type Word } from "./protocol.ts";
import { type Block, chosenValues, searchText } from "./state.ts";
import type { View } from "./view.ts";

const DAY = 864e5;

export interface TwoLineColumn {
  /** The column to sort by. */
  name: string;
  label: Word;
  width: string;
  cell(row: Row): Child;
}

/** The texts and codes of one row. */
export class Row {
  constructor(
    readonly view: View,
    private readonly block: Block,
    private readonly index: number,
  ) {}

  text(name: string): string {
    return this.block.cells[name]?.[this.index] ?? "";
  }

  code(name: string): string {
    return this.block.codes[name]?.[this.index] ?? "";
  }

  /** A text with the words of the search marked. */
  marked(text: string): Child {
    return highlight(text, searchText(this.view.state));
  }

  /** A code as a badge, with its text or a shorter word. */
  badge(name: string, word?: Word): Child {
    const text = word ? this.view.text(word) : this.text(name);
    return text && h("span", { className: `ik-badge ik-is-${this.code(name)}` }, text);
  }
}

const line = (first: Child, second: Child): Child => [h("div.ik-first", {}, first), h("div.ik-second", {}, second)];
const joined = (...texts: string[]): string => texts.filter(Boolean).join(" · ");
const chance: TwoLineColumn = {
  name: "chance",
  label: "chance",
  width: "112px",
  cell: (row) => {
    const text = row.text("chance");
    if (!text) return "–";
    return [h("span.ik-part-of", {}, h("i", { style: `width:${Number.parseFloat(text)}%` })), text];
  },
};
const againFrom: TwoLineColumn = {
  name: "retry_at",
  label: "again_from",
  width: "112px",
  cell: (row) => day(row, "retry_at") || "–",
};

const COLUMNS: TwoLineColumn[] = [
  {
    name: "customer_full_name",
    label: "customer",
    width: "minmax(150px, 2fr)",
    cell: (row) => {
      const account = row.text("account_name");
      const name = row.text("customer_full_name") || row.text("customer_name") || account;
      const second = joined(account === name ? "" : account, row.text("country"));
      return [
        h("div.ik-first", { dir: "auto", title: name }, row.marked(name)),
        h("div.ik-second", { dir: "auto" }, row.marked(second)),
      ];
    },
  },
  {
    name: "effective_status",
    label: "last_outcome",
    width: "minmax(150px, 1.3fr)",
    cell: (row) => {
      const cause = row.view.state.hints[row.code("failure_code")]?.[0] ?? "";
      const kind = joined(row.text("invitation_method"), row.text("association_type"));
      const failed = row.code("effective_status") === "association_failed";
      return line(
        [
          row.badge("effective_status", failed ? "failed_badge" : undefined),
          failed && h("span", { title: cause }, ` ${cause}`),
        ],
        kind,
      );
    },
  },
  {
    name: "invited_at",
    label: "last_invited",
    width: "96px",
    cell: (row) => {
      const at = day(row, "invited_at");
      return at ? line(at, age(row)) : "–";
    },
  },
  {
    name: "attempts",
    label: "invitations",
    width: "84px",
    cell: (row) => {
      const n = row.text("attempts");
      return n ? row.view.text("n_of", { n, of: row.view.state.view.rules?.max_attempts ?? "" }) : "–";
    },
  },
  chance,
  {
    name: "account_manager",
    label: "manager",
    width: "108px",
    cell: (row) => {
      const manager = row.text("account_manager");
      return h("span", { dir: "auto", title: manager }, row.marked(manager));
    },
  },
];

/** The columns of the open list: customers to invite again have a chance, those who wait have a day. */
export function twoLineColumns(view: View): TwoLineColumn[] {
  const decisions = chosenValues(view.state, "decision").map(String);
  const waits = decisions.includes("wait_for_expiry");
  const hasChance = !decisions.length || decisions.some((code) => LISTS.again.includes(code));
  return COLUMNS.flatMap((column) => (column !== chance ? column : hasChance ? chance : waits ? againFrom : []));
}

/** The day of a time, without the year if it is the year of the plan. */
function day(row: Row, name: string): string {
  const text = row.text(name);
  if (!text) return "";
  const { language } = row.view.state;
  return formatDay(text, language, text.slice(0, 4) !== today(row).slice(0, 4));
}

/** How many days before the day of the plan the last invitation was sent. */
function age(row: Row): string {
  const days = Math.round((Date.parse(today(row)) - Date.parse(row.text("invited_at").slice(0, 10))) / DAY);
  return days < 0 ? "" : row.view.text("days_ago", { n: row.view.number(days) });
}

function today({ view }: Row): string {
  return view.state.view.day ?? new Date().toISOString().slice(0, 10);
}
