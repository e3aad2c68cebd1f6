/** Create elements. Text only becomes text nodes: markup is never parsed. */

type Handlers = { [Kind in keyof HTMLElementEventMap as `on${Kind}`]?: (event: HTMLElementEventMap[Kind]) => void };
export type Props = Handlers & { [name: string]: unknown };
export type Child = Node | string | number | null | undefined | false | Child[];

type TagOf<Selector extends string> = Selector extends `${infer Tag}.${string}` ? Tag : Selector;
type ElementOf<Selector extends string> =
  TagOf<Selector> extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[TagOf<Selector>] : HTMLElement;

const SVG = "http://www.w3.org/2000/svg";
const ATTRIBUTES = /^(aria-|data-|role$|for$|scope$|colspan$|open$)/;

/**
 * Create an element "tag.class.class" with children.
 *
 * Props that start with "on" are listeners, "aria-", "data-" and a few others are attributes, "style" is CSS text, and
 * the rest are properties. A prop or child that is null, undefined or false is left out.
 */
export function h<Selector extends string>(
  selector: Selector,
  props: Props = {},
  ...children: Child[]
): ElementOf<Selector> {
  const [tag, ...classes] = selector.split(".");
  const element = document.createElement(tag as string);
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value as EventListener);
    else if (ATTRIBUTES.test(name)) element.setAttribute(name, value === true ? "" : String(value));
    else if (name === "style") element.style.cssText = String(value);
    else (element as unknown as Record<string, unknown>)[name] = value;
  }
  return put(element, ...children) as ElementOf<Selector>;
}

/** Create an SVG element with attributes. */
export function svg<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Record<string, string | number> = {},
  ...children: Child[]
): SVGElementTagNameMap[Tag] {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return put(element, ...children);
}

/** Replace the children of an element. */
export function put<Target extends Element>(element: Target, ...children: Child[]): Target {
  element.replaceChildren(...flat(children));
  return element;
}

function flat(children: Child[]): (Node | string)[] {
  return children.flatMap((child) => {
    if (Array.isArray(child)) return flat(child);
    if (child === null || child === undefined || child === false || child === "") return [];
    return [typeof child === "number" ? String(child) : child];
  });
}

/** Create a table; its rows are elements, such as those of textRow. */
export function table(head: string[], rows: Child): HTMLTableElement {
  const titles = head.map((text) => h("th", { scope: "col" }, text));
  return h("table", {}, h("thead", {}, h("tr", {}, titles)), h("tbody", {}, rows));
}

export function textRow(texts: (string | null)[]): HTMLTableRowElement {
  const cells = texts.map((text) => h("td", { dir: "auto" }, text));
  return h("tr", {}, cells);
}

/** Redraw the content of a box, and keep the focus on the control at the same position. */
export function keepFocus(box: Element, draw: () => void): void {
  const controls = () => [...box.querySelectorAll<HTMLElement>("button, input, summary")];
  const index = controls().indexOf(document.activeElement as HTMLElement);
  draw();
  if (index >= 0) controls()[Math.min(index, controls().length - 1)]?.focus({ preventScroll: true });
}

const keys = new WeakMap<Element, unknown>();

/** Show one child for each item. The element of an item that was shown before is reused, with its focus and scroll. */
export function keyed<Item, Shown extends HTMLElement>(
  box: Element,
  items: Item[],
  keyOf: (item: Item) => unknown,
  draw: (item: Item, existing: Shown | undefined) => Shown,
): void {
  const existing = new Map([...box.children].map((child) => [keys.get(child), child as Shown]));
  const shown = items.map((item) => {
    const child = draw(item, existing.get(keyOf(item)));
    keys.set(child, keyOf(item));
    return child;
  });
  for (const child of existing.values()) if (!shown.includes(child)) child.remove();
  shown.forEach((child, index) => {
    if (box.children[index] !== child) box.insertBefore(child, box.children[index] ?? null);
  });
}

/** Fill the placeholders of a text such as "{n} rows". */
export function fill(text: string, values: Record<string, unknown> = {}): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}

/** Return a text by its word, filled; for a count of one, the text of one if there is such. */
export function textOf(words: Record<string, string>, word: string, values: Record<string, unknown> = {}): string {
  const one = (values.n ?? values.total) === "1" ? words[`${word}_one`] : undefined;
  return fill(one ?? words[word] ?? word, values);
}

const formats = new Map<string, Intl.NumberFormat>();

/** Format a number for a language; "…" for an unknown one. */
export function formatNumber(number: number | null | undefined, language: string): string {
  if (number === null || number === undefined) return "…";
  let format = formats.get(language);
  if (!format) {
    format = new Intl.NumberFormat(language === "en" ? "en-US" : language);
    formats.set(language, format);
  }
  return format.format(number);
}

/** Format a day such as 2026-03-30 for a language. */
export function formatDay(day: string, language: string, withYear = true): string {
  const date = new Date(`${day.slice(0, 10)}T00:00:00Z`);
  const year = withYear ? "numeric" : undefined;
  const form = { day: "numeric", month: "short", year, timeZone: "UTC" } as const;
  return date.toLocaleDateString(language === "en" ? "en-GB" : language, form);
}

/** Whether a typed date is empty or complete: while 2026 is typed, the year is 2, 20 and 202. */
export function isComplete(day: string): boolean {
  return !day || day > "1";
}

/** Move a box to the left if it extends beyond the right edge of another one. */
export function keepInside(box: HTMLElement | null, outer: Element): void {
  if (!box) return;
  box.style.translate = "";
  const over = box.getBoundingClientRect().right - outer.getBoundingClientRect().right + 8;
  if (over > 0) box.style.translate = `${-over}px`;
}

/** Return the target of an event as an element. */
export function target(event: Event): HTMLElement {
  return event.target as HTMLElement;
}

let ids = 0;

/** Return an ID that is unique on this page and among the pages of the same kernel. */
export function uniqueId(prefix: string): string {
  ids += 1;
  return `${prefix}${ids}-${Math.random().toString(36).slice(2, 7)}`;
}
