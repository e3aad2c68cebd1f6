/** The keys of the grid. */

export interface Position {
  row: number;
  column: number;
  lastRow: number;
  lastColumn: number;
  /** Rows of a page. */
  page: number;
}

export type Command =
  | { do: "go"; row: number; extend: boolean }
  | { do: "column"; column: number }
  | { do: "toggle" | "open" | "select_all" | "undo" };

type Key = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey">;

/** Return the command of a key at a position; null if it has none. */
export function commandOf({ key, ctrlKey, metaKey, shiftKey }: Key, at: Position): Command | null {
  const isCommand = ctrlKey || metaKey;
  const row = { ArrowDown: at.row + 1, ArrowUp: at.row - 1, PageDown: at.row + at.page, PageUp: at.row - at.page }[key];
  if (row !== undefined) return { do: "go", row: clamp(row, at.lastRow), extend: shiftKey };
  switch (key) {
    case "Home":
      return isCommand ? { do: "go", row: 0, extend: false } : { do: "column", column: 0 };
    case "End":
      return isCommand ? { do: "go", row: at.lastRow, extend: false } : { do: "column", column: at.lastColumn };
    case "ArrowLeft":
      return { do: "column", column: clamp(at.column - 1, at.lastColumn) };
    case "ArrowRight":
      return { do: "column", column: clamp(at.column + 1, at.lastColumn) };
    case " ":
      return { do: "toggle" };
    case "Enter":
      return { do: "open" };
  }
  if (isCommand && key.toLowerCase() === "a") return { do: "select_all" };
  if (isCommand && key.toLowerCase() === "z") return { do: "undo" };
  return null;
}

function clamp(index: number, last: number): number {
  return Math.max(0, Math.min(index, last));
}

/** Stop keyboard events at an element: a notebook would run its own commands. */
export function keepKeys(root: HTMLElement): void {
  for (const kind of ["keydown", "keypress", "keyup"]) root.addEventListener(kind, (event) => event.stopPropagation());
}
