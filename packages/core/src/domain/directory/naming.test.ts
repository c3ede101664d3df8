import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { configured, given, node, nodeId, nodeKey, settings } from "../../../../../test/support/given.ts";
import type { Command } from "./commands.ts";
import { labelOf, nameFor } from "./naming.ts";

test("whatever a client calls itself becomes a label", () => {
  const cases = {
    "Ada's MacBook Pro": "adas-macbook-pro",
    "PC_01!": "pc-01",
    我的电脑: "node",
    "💻💻": "node",
    "-x-": "x",
    "a..b": "a-b",
    localhost: "node",
    "": "node",
    "---": "node",
    "web.local": "web",
    "host.example.com": "host-example-com",
    größe: "gre",
    "42": "42",
  };
  for (const [hostname, label] of Object.entries(cases)) assert.equal(labelOf(hostname), label);
  assert.equal(labelOf("x".repeat(64)), "x".repeat(63));
  assert.equal(labelOf(`${"x".repeat(62)} y`), "x".repeat(62));
  assert.equal(labelOf(undefined), "node");
});

test("any text becomes a valid label, also made unique", () => {
  const state = given(node(1, { name: "node" }), node(2, { name: "x".repeat(63) })).state;
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 260 }), (hostname) => {
      assert.match(labelOf(hostname), /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
      assert.match(nameFor(state, hostname, undefined), /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
    }),
    { numRuns: 200 },
  );
});

test("names are unique with -1, -2 and so on, within 63 characters", () => {
  const long = "x".repeat(63);
  const state = given(node(1, { name: "web" }), node(2, { name: "web-1" }), node(3, { name: long })).state;
  assert.equal(nameFor(state, "web", undefined), "web-2");
  assert.equal(nameFor(state, long, undefined), `${"x".repeat(61)}-1`);
});

test("among thousands of the same name a free one is found", () => {
  const events = Array.from({ length: 3000 }, (_, i) =>
    node(i + 1, { name: i === 0 ? "web" : `web-${i}`, addresses: {} }),
  );
  assert.equal(nameFor(given(...events).state, "web", undefined), "web-3000");
});

const rename = (hostname: string): Command => ({
  kind: "UpdateHost",
  node: nodeId(2),
  nodeKey: nodeKey(2),
  host: { Hostname: hostname },
  routes: [],
  requestTags: [],
  capver: 120,
});

test("a name is stable: no swap when another goes, and the suffix stays with the same base", () => {
  const two = given(node(1, { name: "web" }), node(2, { name: "web-1", host: { Hostname: "web" } }));
  const alone = two.when({ kind: "DeleteNode", node: nodeId(1) });
  assert.equal(alone.when(rename("web.local")).event("NodeHostChanged").name, "web-1");
  assert.equal(alone.when(rename("db")).event("NodeHostChanged").name, "db");
});

test("[15.16] a name that an administrator chose survives the hostname", () => {
  const renamed = given(node(1), node(2)).when({ kind: "RenameNode", node: nodeId(2), name: "printer" });
  assert.equal(renamed.when(rename("other")).event("NodeHostChanged").name, "printer");
  const pinned = given(node(2)).when({ kind: "RenameNode", node: nodeId(2), name: "host2" });
  assert.deepEqual(pinned.kinds, ["NodeRenamed"]);
  assert.deepEqual(pinned.when({ kind: "RenameNode", node: nodeId(2), name: "host2" }).kinds, []);
});

test("bad and taken names are refused", () => {
  const state = given(node(1), node(2));
  const refusal = (name: string) => state.when({ kind: "RenameNode", node: nodeId(2), name }).problem?.code;
  for (const name of ["", "UPPER", "-a", "a-", "a.b", "a b", "localhost", "x".repeat(64), "ä"]) {
    assert.equal(refusal(name), "invalid", name);
  }
  assert.equal(refusal("host1"), "conflict");
});

test("the full name stays within 255 bytes", () => {
  const baseDomain = `${"d".repeat(60)}.`.repeat(4).slice(0, -1);
  const state = given(configured({ dns: { ...settings.dns, baseDomain } }), node(1));
  const refusal = state.when({ kind: "RenameNode", node: nodeId(1), name: "x".repeat(11) }).problem;
  assert.match(refusal?.hint ?? "", /255 bytes/);
  assert.ok(nameFor(state.state, "x".repeat(63), undefined).length + baseDomain.length + 2 <= 255);
});
