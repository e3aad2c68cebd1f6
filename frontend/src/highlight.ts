/** Mark the words of a search in a text, without regard to case, accents and width, as in Python. */

import { type Child, h } from "./dom.ts";

/** Spellings that Unicode does not decompose. */
const SPELLINGS: Record<string, string> = { ß: "ss", æ: "ae", œ: "oe", ø: "o", đ: "d", ł: "l", ı: "i" };

/** The folded letters of a text, each with its position in the text. */
function folded(text: string): [string, number][] {
  return [...text.matchAll(/./gsu)].flatMap(({ 0: letter, index }) => {
    const plain = letter.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
    return [...(SPELLINGS[plain] ?? plain)].map((each): [string, number] => [each, index]);
  });
}

/** Return a text with the words of a search in "mark" elements. */
export function highlight(text: string, search: string): Child {
  const words = search
    .split(/\s+/)
    .map((word) =>
      folded(word)
        .map(([letter]) => letter)
        .join(""),
    )
    .filter(Boolean);
  if (!words.length) return text;
  const letters = folded(text);
  const plain = letters.map(([letter]) => letter).join("");
  const positions = letters.flatMap(([letter], at) => Array.from({ length: letter.length }, () => at));
  const marked = new Set<number>();
  for (const word of words) {
    for (let at = plain.indexOf(word); at >= 0; at = plain.indexOf(word, at + 1)) {
      for (let end = at; end < at + word.length; end++) marked.add(letters[positions[end] as number]?.[1] as number);
    }
  }
  if (!marked.size) return text;
  const parts: Child[] = [];
  for (const { 0: run, index } of text.matchAll(/./gsu)) {
    const isMarked = marked.has(index);
    const last = parts.at(-1);
    if (isMarked && last instanceof HTMLElement) last.append(run);
    else if (!isMarked && typeof last === "string") parts[parts.length - 1] = last + run;
    else parts.push(isMarked ? h("mark", {}, run) : run);
  }
  return parts;
}
