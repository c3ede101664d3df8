import assert from "node:assert/strict";
import { BlockList, isIPv4, isIPv6 } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import {
  addr4,
  addr6,
  compareAddr,
  comparePrefix,
  contains,
  formatAddr,
  formatAddrPort,
  formatPrefix,
  hostPrefix,
  isMasked,
  masked,
  overlaps,
  parseAddr,
  parseAddrPort,
  parsePrefix,
} from "./ip.ts";
import type { Addr } from "./ip.ts";

const v4 = fc.integer({ min: 0, max: 0xffffffff }).map((value) => addr4(value));
// Groups of zeros are what printing is about.
const v6 = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })
  .map((groups) => addr6(groups.reduce((sum, bits) => (sum << 16n) | BigInt(bits), 0n)));
const addr = fc.oneof(v4, v6);
const canon = (text: string): string | undefined => {
  const parsed = parseAddr(text);
  return parsed && formatAddr(parsed);
};

test("addresses print as RFC 5952 wants", () => {
  const cases: [string, string][] = [
    ["1.2.3.4", "1.2.3.4"],
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["::", "::"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["1::", "1::"],
    ["FD7A:115C:A1E0::0001", "fd7a:115c:a1e0::1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["::ffff:1.2.3.4", "::ffff:1.2.3.4"],
    ["::ffff:102:304", "::ffff:1.2.3.4"],
    ["64:ff9b::1.2.3.4", "64:ff9b::102:304"],
    ["1:2:3:4:5:6:7.8.9.10", "1:2:3:4:5:6:708:90a"],
    ["fe80::1%eth0", "fe80::1%eth0"],
  ];
  for (const [text, want] of cases) assert.equal(canon(text), want, text);
});

test("what Go's parser refuses is refused", () => {
  const bad = (
    "|.|1|1.2.3|1.2.3.4.5|01.2.3.4|1.2.3.04|1.2.3.00|256.1.1.1|1.2.3.4 |+1.2.3.4|0x1.2.3.4" +
    "|1.2.3.4%eth0|1..2.3|1.2.3.|.1.2.3|:|:::|1:|:1|1::2::3|1:2:3:4:5:6:7|1:2:3:4:5:6:7:8:9" +
    "|12345::|::g|1:2:3:4:5:6:7::8|1::2:3:4:5:6:7:8|::1.2.3|::1.2.3.04|1.2.3.4::|::1.2.3.4:5" +
    "|1:2:3:4:5:6:7:1.2.3.4|[::1]|fe80::1%|::1/64|%eth0"
  ).split("|");
  for (const text of bad) assert.equal(parseAddr(text), undefined, JSON.stringify(text));
});

test("parsing agrees with node:net on anything that looks like an address", () => {
  const like = fc.oneof(
    fc.string({
      unit: fc.constantFrom("0", "1", "9", "a", "F", ":", "::", ".", "255", "ffff"),
      maxLength: 12,
    }),
    addr.map(formatAddr),
    fc
      .tuple(addr.map(formatAddr), fc.nat({ max: 30 }), fc.constantFrom("", ":", "0", "."))
      .map(([text, at, piece]) => text.slice(0, at) + piece + text.slice(at + 1)),
  );
  fc.assert(
    fc.property(like, (text) => {
      assert.equal(parseAddr(text) !== undefined, isIPv4(text) || isIPv6(text), text);
    }),
    { numRuns: 200 },
  );
});

test("printing and parsing are each other's inverse", () => {
  fc.assert(
    fc.property(addr, fc.nat({ max: 128 }), fc.nat({ max: 65_535 }), (a, bits, port) => {
      assert.deepEqual(parseAddr(formatAddr(a)), a);
      const prefix = { addr: a, bits: a.family === 4 ? bits % 33 : bits };
      assert.deepEqual(parsePrefix(formatPrefix(prefix)), prefix);
      assert.deepEqual(parseAddrPort(formatAddrPort({ addr: a, port })), { addr: a, port });
    }),
    { numRuns: 200 },
  );
});

test("prefixes and address-port pairs are read as strictly as Go reads them", () => {
  for (const text of [
    "1.2.3.4",
    "1.2.3.4/",
    "1.2.3.4/33",
    "1.2.3.4/-1",
    "1.2.3.4/+1",
    "1.2.3.4/01",
    "1.2.3.4/00",
  ])
    assert.equal(parsePrefix(text), undefined, text);
  for (const text of ["::/129", "fe80::1%eth0/64", "1.2.3/8", "/8", "1.2.3.4/8/8", "1.2.3.4/ 8", "::1/1000"])
    assert.equal(parsePrefix(text), undefined, text);
  for (const text of [
    "1.2.3.4",
    "1.2.3.4:",
    ":5",
    "1.2.3.4:65536",
    "1.2.3.4:-1",
    "[1.2.3.4]:5",
    "::1:5",
    "[::1]",
  ])
    assert.equal(parseAddrPort(text), undefined, text);
  for (const text of ["[::1:5", "::1]:5", "[]:5", "host:5", "1.2.3.4:5 ", ""])
    assert.equal(parseAddrPort(text), undefined, text);
  assert.equal(formatAddrPort(parseAddrPort("[fe80::1%eth0]:41641")!), "[fe80::1%eth0]:41641");
  assert.equal(parseAddrPort("1.2.3.4:080")?.port, 80);
});

test("masking removes host bits and nothing else", () => {
  const mask = (text: string): string => formatPrefix(masked(parsePrefix(text)!));
  assert.equal(mask("10.1.2.3/8"), "10.0.0.0/8");
  assert.equal(mask("fd7a:115c:a1e0::1/48"), "fd7a:115c:a1e0::/48");
  assert.equal(mask("1.2.3.4/0"), "0.0.0.0/0");
  assert.ok(isMasked(parsePrefix("10.0.0.0/8")!) && !isMasked(parsePrefix("10.0.0.1/8")!));
});

test("membership agrees with node:net's BlockList", () => {
  fc.assert(
    fc.property(addr, fc.nat({ max: 128 }), fc.nat({ max: 127 }), addr, (a, n, flip, other) => {
      const bits = a.family === 4 ? n % 33 : n;
      const width = a.family === 4 ? 32 : 128;
      const near: Addr = { family: a.family, value: a.value ^ (1n << BigInt(flip % width)) };
      const list = new BlockList();
      list.addSubnet(formatAddr(a), bits, a.family === 4 ? "ipv4" : "ipv6");
      const prefix = { addr: a, bits };
      // BlockList takes IPv4-mapped addresses for IPv4, netip does not; they are left out.
      for (const b of [a, near, other]) {
        if (formatAddr(b).startsWith("::ffff:") || formatAddr(a).startsWith("::ffff:")) continue;
        if (a.family === 6 && b.family === 4) continue;
        const want = list.check(formatAddr(b), b.family === 4 ? "ipv4" : "ipv6");
        assert.equal(contains(prefix, b), want, `${formatPrefix(prefix)} ${formatAddr(b)}`);
        assert.equal(overlaps(prefix, hostPrefix(b)), want);
        assert.equal(overlaps(hostPrefix(b), prefix), want);
      }
    }),
    { numRuns: 200 },
  );
});

test("an address with a zone is in no prefix", () => {
  assert.ok(!contains(parsePrefix("::/0")!, parseAddr("fe80::1%eth0")!));
  assert.ok(contains(parsePrefix("fe80::/10")!, parseAddr("fe80::1")!));
  assert.ok(!contains(parsePrefix("0.0.0.0/0")!, parseAddr("::ffff:1.2.3.4")!));
});

test("order is by family, then value, and shorter prefixes come first", () => {
  const sorted = ["1.2.3.4", "100.64.0.1", "255.0.0.0", "::", "::1", "fe80::1", "fe80::1%a", "fe80::1%b"];
  const addrs = sorted.toReversed().map((text) => parseAddr(text)!);
  assert.deepEqual(addrs.sort(compareAddr).map(formatAddr), sorted);
  const prefixes = ["10.0.0.0/16", "10.0.0.0/8", "::/0", "9.0.0.0/8"].map((text) => parsePrefix(text)!);
  assert.deepEqual(prefixes.sort(comparePrefix).map(formatPrefix), [
    "9.0.0.0/8",
    "10.0.0.0/8",
    "10.0.0.0/16",
    "::/0",
  ]);
});
