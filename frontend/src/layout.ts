/** The positions of rows in a list, in pixels: all have the same height, and some have a group heading above them. */

export const HEADING = 46;

export class Layout {
  /**
   * @param rows How many rows there are.
   * @param height Pixels of a row.
   * @param firsts The rows that have a heading above them, in order.
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

  /** The top of a row, below its heading. */
  topOf(row: number): number {
    return row * this.height + this.headingsUntil((index) => (this.firsts[index] as number) <= row) * HEADING;
  }

  /** The row at a distance from the top; at a heading, the row below it. */
  rowAt(top: number): number {
    const headings = this.headingsUntil((index) => this.topOfHeading(index) <= top);
    const first = this.firsts[headings - 1] ?? 0;
    const row = Math.floor((top - headings * HEADING) / this.height);
    return Math.max(Math.min(row, this.rows - 1), first, 0);
  }

  private topOfHeading(index: number): number {
    return (this.firsts[index] as number) * this.height + index * HEADING;
  }

  /** The number of headings that meet a condition, which only the first ones meet: a binary search. */
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
