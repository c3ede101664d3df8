import assert from "node:assert/strict";
import { test } from "node:test";
import {
  given,
  hour,
  machine,
  node,
  nodeId,
  nodeKey,
  now,
  tagged,
} from "../../../../../../test/support/given.ts";
import type { Command } from "../commands.ts";

const update = (change: Partial<Extract<Command, { readonly kind: "UpdateHost" }>>): Command => ({
  kind: "UpdateHost",
  node: nodeId(1),
  nodeKey: nodeKey(1),
  host: { Hostname: "host1" },
  routes: [],
  requestTags: [],
  capver: 120,
  ...change,
});
const may = {
  policy: { version: 0, tagExists: () => true, mayTag: (_: unknown, tag: string) => tag !== "tag:no" },
};

test("[17 on 6.2] an update that differs only in order is silent", () => {
  const host = { OS: "linux", Hostname: "host1", Location: { a: 1, b: "x" } };
  const state = given(
    node(1, { host, routes: ["10.0.0.0/8", "fd00::/64"], requestTags: ["tag:a", "tag:b"] }),
  );
  const again = update({
    host: { Location: { b: "x", a: 1 }, Hostname: "host1", OS: "linux" },
    routes: ["fd00::7/64", "10.0.0.0/8", "10.0.0.0/8"],
    requestTags: ["tag:b", "tag:a"],
  });
  assert.deepEqual(state.when(again).kinds, []);
});

test("news of the host is one event with all facts", () => {
  const then = given(node(1)).when(
    update({ host: { Hostname: "host1", OS: "linux" }, routes: ["10.0.0.0/8"] }),
  );
  const event = then.event("NodeHostChanged");
  assert.deepEqual([event.host.OS, event.routes, event.name], ["linux", ["10.0.0.0/8"], "host1"]);
});

test("a key that is not the node's present one changes nothing", () => {
  const state = given(node(1));
  assert.equal(state.when(update({ nodeKey: nodeKey(2), capver: 130 })).problem?.code, "forbidden");
  assert.equal(state.when(update({ node: nodeId(7) })).problem?.code, "not-found");
});

test("[5.8] a user's node gets the tags that it newly asks for, if its user may give all of them", () => {
  const state = given(node(1));
  const then = state.when(update({ requestTags: ["tag:a"] }), may);
  assert.deepEqual(then.kinds, ["NodeHostChanged", "NodeTagged"]);
  assert.equal(then.state.nodes.get(nodeId(1))?.user, null);
  const wish = given(node(1)).when(update({ requestTags: ["tag:a", "tag:no"] }), may);
  assert.deepEqual(wish.kinds, ["NodeHostChanged"]);
  assert.equal(wish.state.nodes.get(nodeId(1))?.user, 1);
  assert.deepEqual(wish.when(update({ requestTags: ["tag:no", "tag:a"] }), may).kinds, []);
  const admin = given(node(1, tagged("tag:x"))).when(update({ requestTags: ["tag:a"] }), may);
  assert.deepEqual(admin.kinds, ["NodeHostChanged"]);
});

const resume = (expiry: number | null): Command => ({
  ...(update({}) as Extract<Command, { readonly kind: "UpdateHost" }>),
  kind: "ResumeNode",
  machineKey: machine(1),
  expiry,
});

test("[5.3.5] a restart shortens an expiry, never lengthens it, and gives none to a tagged node", () => {
  const expiring = given(node(1, { expiry: now + hour }));
  assert.deepEqual(expiring.when(resume(null)).kinds, []);
  assert.deepEqual(expiring.when(resume(now + 2 * hour)).kinds, []);
  assert.deepEqual(expiring.when(resume(now - 1)).kinds, []);
  assert.equal(expiring.when(resume(now + 1)).event("NodeExpirySet").expiry, now + 1);
  assert.equal(
    given(node(1))
      .when(resume(now + 1))
      .event("NodeExpirySet").expiry,
    now + 1,
  );
  assert.deepEqual(given(node(1, tagged("tag:x"))).when(resume(now + 1)).kinds, []);
  assert.equal(given(node(1, { expiry: now })).when(resume(null)).problem?.code, "precondition");
});

const logout = (n = 1): Command => ({
  kind: "LogoutNode",
  node: nodeId(n),
  machineKey: machine(1),
  nodeKey: nodeKey(1),
});

test("a logout ends the key now and once; an ephemeral node goes; of an unknown node nothing is left to do", () => {
  const out = given(node(1)).when(logout());
  assert.equal(out.event("NodeLoggedOut").expiry, now);
  assert.deepEqual(out.when(logout(), { now: now + 5 }).kinds, []);
  assert.equal(
    given(node(1, { ephemeral: true }))
      .when(logout())
      .event("NodeDeleted").reason,
    "logout",
  );
  assert.deepEqual(given().when(logout()).kinds, []);
  assert.equal(given(node(1, { machineKey: machine(2) })).when(logout()).problem?.code, "forbidden");
});

test("only an ephemeral node that still has the key that was seen to be away is swept", () => {
  const sweep: Command = { kind: "SweepEphemeral", node: nodeId(1), nodeKey: nodeKey(1) };
  assert.deepEqual(given(node(1, { ephemeral: true })).when(sweep).kinds, ["NodeDeleted"]);
  assert.deepEqual(given(node(1)).when(sweep).kinds, []);
  assert.deepEqual(given(node(1, { ephemeral: true, nodeKey: nodeKey(9) })).when(sweep).kinds, []);
  assert.deepEqual(given().when(sweep).kinds, []);
});

test("[17 on 5.7] a deleted node is remembered by its last key until that key registers again", () => {
  const gone = given(node(1)).when({ kind: "DeleteNode", node: nodeId(1) });
  assert.equal(gone.state.departed.get(nodeKey(1))?.node.id, 1);
  const back = gone.when({
    ...(update({}) as Extract<Command, { readonly kind: "UpdateHost" }>),
    kind: "RegisterNode",
    machineKey: machine(1),
    oldNodeKey: null,
    auth: { kind: "user", user: 1 as never, login: "l" as never, method: "cli" },
    expiry: null,
    ephemeral: false,
  });
  assert.equal(back.event("NodeRegistered").node, 2);
  assert.equal(back.state.departed.has(nodeKey(1)), false);
});
