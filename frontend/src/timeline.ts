/** Invitations by day as bars; dragging over them chooses dates. */

import { countDays, listed } from "./crossfilter.ts";
import { h, isComplete, put, svg, target } from "./dom.ts";
import { chosenValues, requestSums } from "./state.ts";
import type { View } from "./view.ts";

const DAY = 864e5;
const WIDTH = 600;
const HEIGHT = 46;
const MAX_BARS = 150;
/** A shorter drag is a click, which removes the dates. */
const SHORTEST = 0.004;
const KINDS = ["failed", "associated", "others"] as const;
type Days = View["state"]["days"];
type Dates = [from?: string, to?: string];

/** The bars, each of the same number of days: failed, associated, others. */
export function bins(days: Days): [number, number, number][] {
  const first = Date.parse(days[0]?.[0] ?? "");
  const step = Math.max(1, Math.ceil(spanOf(days) / MAX_BARS));
  const bars = Array.from({ length: Math.ceil(spanOf(days) / step) }, (): [number, number, number] => [0, 0, 0]);
  for (const [day, all, failed, associated] of days) {
    const bar = bars[Math.floor((Date.parse(day) - first) / DAY / step)];
    if (!bar) continue;
    bar[0] += failed;
    bar[1] += associated;
    bar[2] += all - failed - associated;
  }
  return bars;
}

/** The number of days from the first to the last. */
function spanOf(days: Days): number {
  return (Date.parse(days.at(-1)?.[0] ?? "") - Date.parse(days[0]?.[0] ?? "")) / DAY + 1;
}

export class Timeline {
  readonly element = h("div.ik-trend");
  private readonly dates: HTMLElement[] = [];
  private figure: Element | null = null;
  private mark: (...dates: Dates) => void = () => {};

  constructor(private readonly view: View) {}

  /** Draw the dates of the filter, and the bars if the days have changed. */
  draw(hasDays: boolean): void {
    const { invited_from: from, invited_to: to } = this.view.state.filter as Record<string, string>;
    this.drawDates(from, to);
    const { days } = this.view.state;
    if (hasDays) {
      this.figure?.remove();
      this.figure = days.length > 1 ? this.bars(days) : h("span");
      this.element.prepend(this.figure);
      this.element.hidden = !days.length;
    }
    this.mark(from, to);
  }

  private drawDates(from = "", to = ""): void {
    if (!this.dates.length) {
      this.dates.push(this.dateField("from"), this.dateField("to"));
      const labelled = this.dates.map((field) => [field.getAttribute("aria-label"), field]);
      this.element.append(h("div.ik-dates", {}, labelled));
    }
    [from, to].forEach((day, index) => {
      const field = this.dates[index] as HTMLInputElement;
      if (field !== document.activeElement) field.value = day;
    });
  }

  private dateField(end: "from" | "to"): HTMLInputElement {
    const onchange = (event: Event) => {
      const day = (target(event) as HTMLInputElement).value;
      if (isComplete(day)) this.view.refine({ [`invited_${end}`]: day });
    };
    return h("input", { type: "date", "aria-label": this.view.text(end), onchange });
  }

  private bars(days: Days): HTMLElement {
    const first = Date.parse(days[0]?.[0] ?? "");
    const span = spanOf(days);
    const label = this.view.text("trend");
    const chart = svg(
      "svg",
      {
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
        preserveAspectRatio: "none",
        class: "ik-bars",
        role: "img",
        "aria-label": label,
      },
      svg("title", {}, label),
    );
    this.drawBars(chart, bins(days));
    const brush = svg("rect", { y: 0, height: HEIGHT, class: "ik-brush", x: 0, width: 0 });
    chart.append(brush);
    const position = (day: string) => (Date.parse(day) - first) / DAY / span;
    const dayAt = (part: number) => {
      const day = Math.min(Math.max(Math.floor(part * span), 0), span - 1);
      return new Date(first + day * DAY).toISOString().slice(0, 10);
    };
    const show = (start: number, end: number) => {
      brush.setAttribute("x", String(Math.min(start, end) * WIDTH));
      brush.setAttribute("width", String(Math.abs(end - start) * WIDTH));
    };
    this.mark = (from, to) =>
      show(from ? Math.max(0, position(from)) : 0, to ? Math.min(1, position(to) + 1 / span) : from ? 1 : 0);
    chart.addEventListener("pointerenter", () => this.view.ask(requestSums));
    chart.addEventListener("pointerdown", (event) => this.drag(event, chart, show, dayAt));
    const key = (kind: (typeof KINDS)[number]) => h("span", { className: `ik-key ik-${kind}` }, this.view.text(kind));
    const caption = h(
      "figcaption",
      {},
      h("span", {}, days[0]?.[0]),
      h("span.ik-legend", {}, KINDS.map(key)),
      h("span", {}, days.at(-1)?.[0]),
    );
    return put(h("figure.ik-figure"), chart, caption);
  }

  private drawBars(chart: SVGElement, bars: [number, number, number][]): void {
    const max = Math.max(...bars.map((bar) => bar[0] + bar[1] + bar[2]), 1);
    const wide = WIDTH / bars.length;
    bars.forEach((bar, index) => {
      let y = HEIGHT;
      KINDS.forEach((kind, part) => {
        const height = ((bar[part] as number) / max) * HEIGHT;
        y -= height;
        const box = { x: index * wide, y, width: Math.max(wide - 0.5, 0.5), height };
        if (height > 0) chart.append(svg("rect", { ...box, class: `ik-${kind}` }));
      });
    });
  }

  private drag(
    event: PointerEvent,
    chart: SVGElement,
    show: (start: number, end: number) => void,
    dayAt: (part: number) => string,
  ): void {
    const partOf = ({ clientX }: PointerEvent) => {
      const { left, width } = chart.getBoundingClientRect();
      return Math.min(Math.max((clientX - left) / width, 0), 0.99999);
    };
    const start = partOf(event);
    const datesTo = (end: number): Dates => {
      const [low, high] = start < end ? [start, end] : [end, start];
      return high - low < SHORTEST ? [] : [dayAt(low), dayAt(high)];
    };
    chart.setPointerCapture(event.pointerId);
    this.view.ask(requestSums);
    chart.onpointermove = (move) => {
      show(start, partOf(move));
      this.countBrushed(...datesTo(partOf(move)));
    };
    chart.onpointerup = (up) => {
      const [invited_from, invited_to] = datesTo(partOf(up));
      this.view.refine({ invited_from, invited_to });
    };
    // After a release, and if the browser ends the capture.
    chart.onlostpointercapture = () => {
      chart.onpointermove = chart.onpointerup = chart.onlostpointercapture = null;
      const { invited_from, invited_to } = this.view.state.filter as Record<string, string>;
      this.mark(invited_from, invited_to);
      this.countBrushed(invited_from, invited_to, true);
    };
  }

  /** Show the counts of the brushed days at once; Python sends the same counts later. */
  private countBrushed(from?: string, to?: string, isEnd = false): void {
    const { state } = this.view;
    const counted = countDays(state.sums, state.filter, from, to);
    if (!counted) return;
    this.view.toolbar.drawCount(counted.matched);
    const byName = new Map(counted.facets.map((facet) => [facet.name, facet]));
    this.view.facets.draw(
      state.facets.map((facet) => {
        const brushed = byName.get(facet.name);
        // Values keep their positions until the end of the drag.
        return brushed && isEnd ? listed(brushed, chosenValues(state, facet.name)) : (brushed ?? facet);
      }),
    );
  }
}
