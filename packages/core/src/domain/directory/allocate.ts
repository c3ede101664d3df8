// Addresses for nodes. Sequential: the next free one behind the one given out last, round the range, so that a deleted
// node's address comes up again only when everything behind was used. Cost follows the density, not the number of nodes.

import {
  addr4,
  addr6,
  contains,
  firstValue,
  formatAddr,
  lastValue,
  masked,
  parseAddr,
  parsePrefix,
} from "../../lib/ip.ts";
import type { Addr, Family, Prefix } from "../../lib/ip.ts";
import { problem } from "../../lib/errors.ts";
import type { Problem } from "../../lib/errors.ts";
import { err, ok } from "../../lib/result.ts";
import type { Result } from "../../lib/result.ts";
import type { NodeAddresses } from "./events.ts";
import { countersOf } from "./evolve/row.ts";
import type { Settings } from "./settings.ts";
import type { DirectoryState } from "./state.ts";

/** Used by clients themselves: the service address, quad100's block and ChromeOS's; and their IPv6 counterparts. */
const reserved: readonly [first: bigint, last: bigint, family: Family][] = [
  range("100.100.0.0/24"),
  range("100.100.100.100/32"),
  range("100.115.92.0/23"),
  range("fd7a:115c:a1e0::53/128"),
  range("fd7a:115c:a1e0:b1a::/64"),
];

function range(text: string): [bigint, bigint, Family] {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new Error(`not a prefix: ${text}`);
  return [firstValue(prefix), lastValue(prefix), prefix.addr.family];
}

/** Random places that are tried before the search goes on in order. */
const randomTries = 16;

/** Gives out addresses against a state; remembers what it gave, so that one decision can give many. */
export class Allocator {
  private readonly state: DirectoryState;
  private readonly prefixes: Settings["prefixes"];
  private readonly random: (bytes: number) => Uint8Array;
  private readonly given = new Set<string>();
  private readonly last: Partial<Record<Family, string>> = {};

  constructor(state: DirectoryState, prefixes: Settings["prefixes"], random: (bytes: number) => Uint8Array) {
    this.state = state;
    this.prefixes = prefixes;
    this.random = random;
    const { lastV4, lastV6 } = countersOf(state);
    if (lastV4 !== undefined) this.last[4] = lastV4;
    if (lastV6 !== undefined) this.last[6] = lastV6;
  }

  /** One address of each family that the tailnet has. */
  both(): Result<NodeAddresses, Problem> {
    const v4 = this.next(4);
    if (!v4.ok) return v4;
    const v6 = this.next(6);
    if (!v6.ok) return v6;
    return ok({
      ...(v4.value === undefined ? {} : { v4: v4.value }),
      ...(v6.value === undefined ? {} : { v6: v6.value }),
    });
  }

  /** undefined: the tailnet has no such family. */
  next(family: Family): Result<string | undefined, Problem> {
    const text = family === 4 ? this.prefixes.v4 : this.prefixes.v6;
    if (text === null) return ok(undefined);
    const prefix = parsePrefix(text);
    if (prefix === undefined || prefix.addr.family !== family) {
      return err(problem("setup", `prefixes.v${family}: ${text} is not an IPv${family} prefix`));
    }
    const found = this.search(masked(prefix), family);
    if (found === undefined) {
      const hint = `widen prefixes.v${family} or delete nodes that are no longer used`;
      return err(problem("exhausted", `address range ${text}: no address is left`, hint));
    }
    this.given.add(found);
    this.last[family] = found;
    return ok(found);
  }

  private search(prefix: Prefix, family: Family): string | undefined {
    const [first, last] = usable(prefix, family);
    const size = last - first + 1n;
    if (size <= 0n) return undefined;
    const take = (value: bigint): string | undefined =>
      this.ifFree(family === 4 ? addr4(Number(value)) : addr6(value));
    let from = this.behindLast(prefix, family, first, last);
    if (this.prefixes.allocation === "random") {
      for (let i = 0; i < randomTries; i++) {
        from = first + (this.randomValue() % size);
        const found = reservedEnd(from, family) === undefined ? take(from) : undefined;
        if (found !== undefined) return found;
      }
    }
    // Once round. Reserved blocks are stepped over; each other step meets an address in use, of which there are as
    // many as nodes.
    let value = from;
    for (let seen = 0n; seen < size;) {
      const end = reservedEnd(value, family);
      const found = end === undefined ? take(value) : undefined;
      if (found !== undefined) return found;
      const next = (end === undefined ? value : end < last ? end : last) + 1n;
      seen += next - value;
      value = next > last ? first : next;
    }
    return undefined;
  }

  private behindLast(prefix: Prefix, family: Family, first: bigint, last: bigint): bigint {
    const text = this.last[family];
    const mark = text === undefined ? undefined : parseAddr(text);
    if (mark === undefined || !contains(prefix, mark)) return first;
    return mark.value < first || mark.value >= last ? first : mark.value + 1n;
  }

  private ifFree(addr: Addr): string | undefined {
    const text = formatAddr(addr);
    return this.given.has(text) || this.state.index.nodeByAddress(text) !== undefined ? undefined : text;
  }

  private randomValue(): bigint {
    let value = 0n;
    for (const byte of this.random(16)) value = (value << 8n) | BigInt(byte);
    return value;
  }
}

/** Without the network's own address and, in IPv4, the broadcast address. */
function usable(prefix: Prefix, family: Family): [bigint, bigint] {
  const first = firstValue(prefix);
  const last = lastValue(prefix);
  if (first === last) return [first, last];
  return [first + 1n, family === 4 ? last - 1n : last];
}

/** End of the reserved block that `value` lies in. */
function reservedEnd(value: bigint, family: Family): bigint | undefined {
  for (const [first, last, of] of reserved) {
    if (of === family && value >= first && value <= last) return last;
  }
  return undefined;
}
