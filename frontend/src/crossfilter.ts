/** Counts of any range of days, from prefix sums that Python sent before. */

import type { Crossfilter, Facet } from "./protocol.ts";

export type FacetValue = string | number | null;
export type Filter = Record<string, string | FacetValue[]>;

export interface Sums {
  /** The key of the undated filter that the sums belong to. */
  key: string;
  days?: string[];
  facets?: Facet[];
  matched?: number;
  numbers?: Uint32Array;
}

/** Return a key that is equal for filters that differ only in their dates. */
export function undatedKey(filter: Filter): string {
  const { invited_from: _from, invited_to: _to, ...rest } = filter;
  const names = Object.keys(rest).sort();
  return JSON.stringify(names.map((name) => [name, Array.isArray(rest[name]) ? [...rest[name]].sort() : rest[name]]));
}

/** Read the message; the buffer is copied, as it may start at a byte where an array of numbers cannot start. */
export function readSums({ filter, days, facets, matched }: Crossfilter, buffer?: DataView): Sums {
  if (!days || !facets || matched === undefined || !buffer) return { key: undatedKey(filter) };
  const { byteOffset, byteLength } = buffer;
  const bytes = buffer.buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
  return { key: undatedKey(filter), days, facets, matched, numbers: new Uint32Array(bytes) };
}

/** Return the counts from one day to another, both included; null without sums for this filter. */
export function countDays(
  sums: Sums | null,
  filter: Filter,
  from?: string,
  to?: string,
): { matched: number; facets: Facet[] } | null {
  const { key, days, facets, matched, numbers } = sums ?? {};
  if (!days || !facets || !numbers || key !== undatedKey(filter)) return null;
  const lastUntil = (isUntil: (day: string) => boolean) => days.filter(isUntil).length - 1;
  const low = lastUntil((day) => day < (from ?? "1"));
  const high = lastUntil((day) => day <= (to ?? "~"));
  let offset = 0;
  const next = (ofAllDays: number) => {
    const start = offset;
    offset += days.length;
    return from || to ? (numbers[start + high] as number) - (numbers[start + low] as number) : ofAllDays;
  };
  const total = next(matched as number);
  const counted = facets.map((facet) => ({
    ...facet,
    values: facet.values.map(([value, label, n]): Facet["values"][number] => [value, label, next(n)]),
  }));
  return { matched: total, facets: counted };
}

/** Sort values as Python does, the most frequent first; values without rows are left out unless they are chosen. */
export function listed(facet: Facet, chosen: FacetValue[]): Facet {
  const order = (a: Facet["values"][number], b: Facet["values"][number]) =>
    b[2] - a[2] ||
    Number(a[0] === null) - Number(b[0] === null) ||
    ((a[0] as string | number) < (b[0] as string | number) ? -1 : 1);
  return { ...facet, values: facet.values.filter(([value, , n]) => n || chosen.includes(value)).sort(order) };
}
