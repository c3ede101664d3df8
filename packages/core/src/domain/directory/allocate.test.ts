import assert from "node:assert/strict";
import { test } from "node:test";
import { given, node } from "../../../../../test/support/given.ts";
import { contains, parseAddr, parsePrefix } from "../../lib/ip.ts";
import { Allocator } from "./allocate.ts";
import type { Settings } from "./settings.ts";

const counting = () => {
  let n = 0;
  return (bytes: number) => Uint8Array.from({ length: bytes }, () => (n = (n * 73 + 41) % 251));
};

/** All addresses that a range gives before it is exhausted. */
function drain(
  v4: string | null,
  v6: string | null,
  allocation: Settings["prefixes"]["allocation"],
  most = 70_000,
) {
  const allocator = new Allocator(given().state, { v4, v6, allocation }, counting());
  const got: string[] = [];
  while (got.length < most) {
    const next = allocator.next(v4 === null ? 6 : 4);
    if (!next.ok || next.value === undefined) break;
    got.push(next.value);
  }
  return got;
}

test("a small range gives every usable address once, in either order", () => {
  const all = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"];
  assert.deepEqual(drain("10.0.0.0/29", null, "sequential"), all);
  assert.deepEqual(drain("10.0.0.0/29", null, "random").sort(), all);
  assert.deepEqual(drain(null, "fd00::/126", "sequential"), ["fd00::1", "fd00::2", "fd00::3"]);
  assert.deepEqual(drain("10.0.0.9/32", null, "sequential"), ["10.0.0.9"]);
});

test("addresses that clients keep for themselves are never given", () => {
  const kept = ["100.100.0.0/24", "100.100.100.100/32", "100.115.92.0/23"].map((text) => parsePrefix(text));
  for (const allocation of ["sequential", "random"] as const) {
    for (const range of ["100.100.0.0/23", "100.100.100.0/24", "100.115.92.0/22"]) {
      const got = drain(range, null, allocation);
      for (const text of got) {
        const address = parseAddr(text);
        assert.ok(address !== undefined && kept.every((p) => p !== undefined && !contains(p, address)), text);
      }
      const size = { "100.100.0.0/23": 255, "100.100.100.0/24": 253, "100.115.92.0/22": 511 }[range];
      assert.equal(got.length, size, `${range} ${allocation}`);
    }
  }
  assert.ok(!drain(null, "fd7a:115c:a1e0::40/122", "sequential").includes("fd7a:115c:a1e0::53"));
  assert.deepEqual(drain(null, "fd7a:115c:a1e0:b1a::/64", "sequential", 5), []);
});

test("allocation goes on behind the address given out last, past a deleted node", () => {
  const state = given(node(1), node(2), { kind: "NodeDeleted", node: 2 as never, reason: "admin" }).state;
  const allocator = new Allocator(
    state,
    { v4: "100.64.0.0/10", v6: null, allocation: "sequential" },
    counting(),
  );
  const next = allocator.both();
  assert.deepEqual(next.ok && next.value, { v4: "100.64.0.3" });
});

test("a mark outside the range starts at its beginning", () => {
  const state = given(node(1)).state;
  const allocator = new Allocator(
    state,
    { v4: "10.0.0.0/24", v6: null, allocation: "sequential" },
    counting(),
  );
  assert.deepEqual(allocator.next(4), { ok: true, value: "10.0.0.1" });
});
