import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { IpSet } from "./ip-set.ts";
import { formatPrefix, parseAddr, parsePrefix } from "./ip.ts";
import type { Addr, Prefix } from "./ip.ts";

// A universe of 256 IPv4 and 256 IPv6 addresses at the very end of each space, small enough for a naive oracle and
// placed where a bound could run over.
const base = { 4: 0xffffff00n, 6: (1n << 128n) - 256n } as const;
const families = [4, 6] as const;
const universe: Addr[] = families.flatMap((family) =>
  Array.from({ length: 256 }, (_, i) => ({ family, value: base[family] + BigInt(i) })),
);

const prefixArb: fc.Arbitrary<Prefix> = fc
  .tuple(fc.constantFrom(...families), fc.nat({ max: 255 }), fc.nat({ max: 8 }))
  .map(([family, low, host]) => ({
    addr: { family, value: base[family] + BigInt(low) },
    bits: (family === 4 ? 32 : 128) - host,
  }));
const setArb = fc.array(prefixArb, { maxLength: 12 });

const naive = (prefixes: readonly Prefix[]): Set<number> => {
  const members = new Set<number>();
  for (const [i, addr] of universe.entries())
    for (const { addr: at, bits } of prefixes) {
      const host = BigInt((at.family === 4 ? 32 : 128) - bits);
      if (at.family === addr.family && at.value >> host === addr.value >> host) members.add(i);
    }
  return members;
};
const members = (set: IpSet): Set<number> =>
  new Set(universe.flatMap((addr, i) => (set.contains(addr) ? [i] : [])));

test("sets agree with a naive oracle, and equal sets have one form", () => {
  fc.assert(
    fc.property(setArb, setArb, prefixArb, (a, b, probe) => {
      const [left, right] = [IpSet.ofPrefixes(a), IpSet.ofPrefixes(b)];
      const [inA, inB] = [naive(a), naive(b)];
      const pick = (want: (i: number) => boolean) => new Set([...universe.keys()].filter(want));
      assert.deepEqual(members(left), inA);
      assert.deepEqual(
        members(left.union(right)),
        pick((i) => inA.has(i) || inB.has(i)),
      );
      assert.deepEqual(
        members(left.subtract(right)),
        pick((i) => inA.has(i) && !inB.has(i)),
      );
      assert.deepEqual(
        members(left.intersect(right)),
        pick((i) => inA.has(i) && inB.has(i)),
      );
      const inProbe = [...naive([probe])];
      assert.equal(
        left.containsPrefix(probe),
        inProbe.every((i) => inA.has(i)),
      );
      assert.equal(
        left.overlapsPrefix(probe),
        inProbe.some((i) => inA.has(i)),
      );
      assert.equal(
        left.overlaps(right),
        [...inA].some((i) => inB.has(i)),
      );
      assert.ok(IpSet.ofPrefixes(left.union(right).prefixes()).equals(right.union(left)));
      assert.ok(left.subtract(right).union(left.intersect(right)).equals(left));
    }),
    { numRuns: 40 },
  );
});

test("the prefix list is minimal: no two of it make one, none is in another", () => {
  fc.assert(
    fc.property(setArb, (list) => {
      const prefixes = IpSet.ofPrefixes(list).prefixes();
      const texts = new Set(prefixes.map(formatPrefix));
      for (const { addr, bits } of prefixes) {
        const host = BigInt((addr.family === 4 ? 32 : 128) - bits);
        if (bits === 0) continue;
        const sibling = { addr: { family: addr.family, value: addr.value ^ (1n << host) }, bits };
        assert.ok(!texts.has(formatPrefix(sibling)), formatPrefix(sibling));
      }
    }),
    { numRuns: 100 },
  );
});

test("whole spaces, single addresses and odd ranges have the texts that filters use", () => {
  const set = (...texts: string[]) => IpSet.ofPrefixes(texts.map((text) => parsePrefix(text)!));
  assert.deepEqual(set("0.0.0.0/0", "::/0").texts(), ["0.0.0.0/0", "::/0"]);
  assert.deepEqual(set("10.0.0.0/9", "10.128.0.0/9", "1.1.1.1/32").texts(), ["1.1.1.1", "10.0.0.0/8"]);
  const holes = set("10.0.0.0/30").subtract(set("10.0.0.0/32"));
  assert.deepEqual(holes.texts(), ["10.0.0.1-10.0.0.3"]);
  assert.deepEqual(holes.prefixes().map(formatPrefix), ["10.0.0.1/32", "10.0.0.2/31"]);
  const internet = set("0.0.0.0/0").subtract(set("10.0.0.0/8", "100.64.0.0/10"));
  assert.ok(internet.contains(parseAddr("100.63.255.255")!) && !internet.contains(parseAddr("100.64.0.0")!));
  assert.equal(IpSet.ofRange(parseAddr("1.2.3.4")!, parseAddr("1.2.3.3")!), undefined);
  assert.equal(IpSet.ofRange(parseAddr("1.2.3.4")!, parseAddr("::1")!), undefined);
  assert.deepEqual(IpSet.ofRange(parseAddr("1.2.3.4")!, parseAddr("1.2.3.5")!)?.texts(), ["1.2.3.4/31"]);
  assert.deepEqual(IpSet.empty.prefixes(), []);
});
