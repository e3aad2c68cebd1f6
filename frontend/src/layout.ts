/** Where rows are in a list, in pixels: they are equally high, and some have the heading of a group above them. */

export const HEADING = 46;

export class Layout {
  /**
   * @param rows How many rows there are.
   * @param height Pixels of a row.
   * @param firsts The rows that have a heading above them, in their order.
   */
  constructor(
    private readonly rows: number,
    readonly height: number,
    private readonly firsts: number[],
  ) {}

  /** Pixels of the whole list. */
  get total(): number {
    return this.rows * this.height + this.firsts.length * HEADING;
  }

  /** Where a row begins; a heading of its own ends there. */
  topOf(row: number): number {
    return row * this.height + this.headingsUntil((index) => (this.firsts[index] as number) <= row) * HEADING;
  }

  /** The row at some pixels from the top; that below, where a heading is. */
  rowAt(top: number): number {
    const headings = this.headingsUntil((index) => this.topOfHeading(index) <= top);
    const first = this.firsts[headings - 1] ?? 0;
    const row = Math.floor((top - headings * HEADING) / this.height);
    return Math.max(Math.min(row, this.rows - 1), first, 0);
  }

  private topOfHeading(index: number): number {
    return (this.firsts[index] as number) * this.height + index * HEADING;
  }

  /** The number of headings for which a condition holds: it holds for the first ones, and not for those after. */
  private headingsUntil(holds: (index: number) => boolean): number {
    let low = 0;
    let high = this.firsts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (holds(middle)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
