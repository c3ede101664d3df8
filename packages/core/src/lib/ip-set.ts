// A set of addresses, kept as sorted ranges that neither overlap nor touch: one form for one set, so that equality is
// comparison. Immutable; every operation is linear in the ranges, `contains` logarithmic.

import { familyBits, firstValue, formatAddr, formatPrefix, lastValue } from "./ip.ts";
import type { Addr, Family, Prefix } from "./ip.ts";

/** First and last value, both in it. */
export type Range = readonly [bigint, bigint];

const normal = (ranges: readonly Range[]): readonly Range[] => {
  const sorted = [...ranges].sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
  const out: [bigint, bigint][] = [];
  for (const [from, to] of sorted) {
    const last = out.at(-1);
    if (last === undefined || from > last[1] + 1n) out.push([from, to]);
    else if (to > last[1]) last[1] = to;
  }
  return out;
};

const without = (ranges: readonly Range[], cuts: readonly Range[]): Range[] => {
  const out: Range[] = [];
  let next = 0;
  for (const [start, to] of ranges) {
    let from = start;
    while ((cuts[next]?.[1] ?? to) < from) next++;
    for (let i = next; from <= to; i++) {
      const cut = cuts[i];
      if (cut === undefined || cut[0] > to) break;
      if (cut[0] > from) out.push([from, cut[0] - 1n]);
      if (cut[1] >= from) from = cut[1] + 1n;
    }
    if (from <= to) out.push([from, to]);
  }
  return out;
};

/** The fewest prefixes that make up the range. */
const cover = (family: Family, [first, last]: Range, out: Prefix[]): void => {
  const width = familyBits(family);
  for (let from = first; from <= last;) {
    let host = 0n;
    // Grow while the start stays aligned and the end stays inside.
    while (host < BigInt(width)) {
      const size = 1n << (host + 1n);
      if ((from & (size - 1n)) !== 0n || from + size - 1n > last) break;
      host++;
    }
    out.push({ addr: { family, value: from }, bits: width - Number(host) });
    from += 1n << host;
  }
};

const textOf = (family: Family, [from, to]: Range, prefix: Prefix | undefined): string => {
  const address = (value: bigint) => formatAddr({ family, value });
  if (from === to) return address(from);
  return prefix === undefined ? `${address(from)}-${address(to)}` : formatPrefix(prefix);
};

export class IpSet {
  static readonly empty = new IpSet([], []);

  private readonly four: readonly Range[];
  private readonly six: readonly Range[];

  private constructor(four: readonly Range[], six: readonly Range[]) {
    this.four = four;
    this.six = six;
  }

  /** Host bits do not matter. */
  static ofPrefixes(prefixes: Iterable<Prefix>): IpSet {
    const ranges: Record<Family, Range[]> = { 4: [], 6: [] };
    for (const prefix of prefixes) ranges[prefix.addr.family].push([firstValue(prefix), lastValue(prefix)]);
    return new IpSet(normal(ranges[4]), normal(ranges[6]));
  }

  static ofAddrs(addrs: Iterable<Addr>): IpSet {
    const ranges: Record<Family, Range[]> = { 4: [], 6: [] };
    for (const addr of addrs) if (addr.zone === undefined) ranges[addr.family].push([addr.value, addr.value]);
    return new IpSet(normal(ranges[4]), normal(ranges[6]));
  }

  /** undefined unless both are of one family and in order. */
  static ofRange(from: Addr, to: Addr): IpSet | undefined {
    if (from.family !== to.family || from.value > to.value) return undefined;
    const ranges: readonly Range[] = [[from.value, to.value]];
    return from.family === 4 ? new IpSet(ranges, []) : new IpSet([], ranges);
  }

  get isEmpty(): boolean {
    return this.four.length === 0 && this.six.length === 0;
  }

  ranges(family: Family): readonly Range[] {
    return family === 4 ? this.four : this.six;
  }

  union(other: IpSet): IpSet {
    if (other.isEmpty) return this;
    if (this.isEmpty) return other;
    return new IpSet(normal([...this.four, ...other.four]), normal([...this.six, ...other.six]));
  }

  subtract(other: IpSet): IpSet {
    if (other.isEmpty || this.isEmpty) return this;
    return new IpSet(without(this.four, other.four), without(this.six, other.six));
  }

  intersect(other: IpSet): IpSet {
    return this.subtract(this.subtract(other));
  }

  contains(addr: Addr): boolean {
    return addr.zone === undefined && this.holds(addr.family, addr.value, addr.value);
  }

  containsPrefix(prefix: Prefix): boolean {
    return this.holds(prefix.addr.family, firstValue(prefix), lastValue(prefix));
  }

  overlapsPrefix(prefix: Prefix): boolean {
    const [first, last] = [firstValue(prefix), lastValue(prefix)];
    const range = this.ranges(prefix.addr.family)[this.findEnd(prefix.addr.family, first)];
    return range !== undefined && range[0] <= last;
  }

  overlaps(other: IpSet): boolean {
    return !this.intersect(other).isEmpty;
  }

  equals(other: IpSet): boolean {
    const same = (a: readonly Range[], b: readonly Range[]): boolean =>
      a.length === b.length && a.every((range, i) => range[0] === b[i]?.[0] && range[1] === b[i][1]);
    return same(this.four, other.four) && same(this.six, other.six);
  }

  /** The fewest prefixes, IPv4 first, ascending. */
  prefixes(): Prefix[] {
    const out: Prefix[] = [];
    for (const range of this.four) cover(4, range, out);
    for (const range of this.six) cover(6, range, out);
    return out;
  }

  /** The fewest texts as filters write them: an address, a CIDR, or `a-b` where no single CIDR does. */
  texts(): string[] {
    const out: string[] = [];
    for (const family of [4, 6] as const)
      for (const range of this.ranges(family)) {
        const prefixes: Prefix[] = [];
        cover(family, range, prefixes);
        out.push(textOf(family, range, prefixes.length === 1 ? prefixes[0] : undefined));
      }
    return out;
  }

  private holds(family: Family, first: bigint, last: bigint): boolean {
    const range = this.ranges(family)[this.findEnd(family, first)];
    return range !== undefined && range[0] <= first && last <= range[1];
  }

  /** Index of the first range that ends at or after `value`. */
  private findEnd(family: Family, value: bigint): number {
    const ranges = this.ranges(family);
    let [low, high] = [0, ranges.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const end = ranges[middle]?.[1];
      if (end !== undefined && end < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
