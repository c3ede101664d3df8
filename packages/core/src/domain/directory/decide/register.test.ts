import assert from "node:assert/strict";
import { test } from "node:test";
import {
  authKey,
  configured,
  given,
  hour,
  key,
  login,
  machine,
  node,
  nodeId,
  nodeKey,
  now,
  registering,
  tagged,
  user,
  userId,
  vouched,
} from "../../../../../../test/support/given.ts";
import type { DirectoryEvent } from "../events.ts";

const may = (...tags: string[]) => ({
  policy: { version: 0, tagExists: () => true, mayTag: (_: unknown, tag: string) => tags.includes(tag) },
});
const byKey = (id: number) => ({ auth: { kind: "pre-auth-key", hash: `key${id}` } }) as const;

test("a one-time key makes one node and is spent in the same decision", () => {
  const then = given(key(1)).when(registering(1));
  assert.deepEqual(then.kinds, ["NodeRegistered", "PreAuthKeyUsed"]);
  const event = then.event("NodeRegistered");
  assert.deepEqual(event.addresses, { v4: "100.64.0.1", v6: "fd7a:115c:a1e0::1" });
  assert.equal(event.user, 1);
  assert.equal(event.expiry, null);
  assert.deepEqual(then.result, { kind: "node", node: 1 });
  assert.match(then.when(registering(2)).problem?.message ?? "", /^authkey already used$/);
});

test("a reusable key is never spent", () => {
  const then = given(key(1, { reusable: true })).when(registering(1));
  assert.deepEqual(then.kinds, ["NodeRegistered"]);
  assert.deepEqual(then.when(registering(2)).kinds, ["NodeRegistered"]);
});

test("bad keys are refused in the words that client users know", () => {
  const refusal = (...events: DirectoryEvent[]) => given(...events).when(registering(1)).problem?.message;
  assert.equal(refusal(), "invalid auth key");
  assert.equal(refusal(key(1, { expiry: now })), "authkey expired");
  assert.equal(
    refusal(key(1), { kind: "PreAuthKeyUsed", key: authKey(1), node: nodeId(9) }),
    "authkey already used",
  );
  assert.equal(refusal(key(1), { kind: "PreAuthKeyDeleted", key: authKey(1) }), "invalid auth key");
});

test("[15.8] the same key after a restart consumes nothing, also when it was used, has expired or is gone", () => {
  const first = given(key(1, { expiry: now + hour })).when(registering(1));
  assert.deepEqual(first.when(registering(1)).kinds, []);
  assert.deepEqual(first.when(registering(1), { now: now + 2 * hour }).kinds, []);
  const gone = first.when({ kind: "DeletePreAuthKey", key: authKey(1) });
  assert.deepEqual(gone.when(registering(1)).kinds, []);
  assert.deepEqual(gone.when(registering(1)).result, { kind: "node", node: 1 });
});

test("[15.10] a restart moves no expiry, but refreshes facts and takes an earlier one", () => {
  const first = given(configured({ nodeExpiry: hour }), key(1)).when(registering(1));
  assert.equal(first.event("NodeRegistered").expiry, now + hour);
  const later = { now: now + 60_000 };
  assert.deepEqual(first.when(registering(1), later).kinds, []);
  assert.deepEqual(first.when(registering(1, { capver: 121 }), later).kinds, ["NodeHostChanged"]);
  assert.deepEqual(first.when(registering(1, { capver: 121, expiry: now + 2 * hour }), later).kinds, []);
  const sooner = first.when(registering(1, { capver: 121, expiry: now + hour / 2 }), later);
  assert.equal(sooner.event("NodeExpirySet").expiry, now + hour / 2);
});

test("an expired node does not come back with the key that it spent", () => {
  const then = given(key(1))
    .when(registering(1))
    .when({ kind: "SetNodeExpiry", node: nodeId(1), expiry: now });
  assert.equal(then.when(registering(1)).problem?.message, "authkey already used");
  const rotated = then.when(registering(1, { nodeKey: nodeKey(11), oldNodeKey: nodeKey(1) }));
  assert.equal(rotated.problem?.message, "authkey already used");
});

test("a spent key lets its unexpired node take another node key, with its expiry as it was", () => {
  const first = given(configured({ nodeExpiry: hour }), key(1)).when(registering(1));
  const again = first.when(registering(1, { nodeKey: nodeKey(11) }), { now: now + 60_000 });
  assert.deepEqual(again.kinds, ["NodeReauthenticated"]);
  assert.equal(again.event("NodeReauthenticated").expiry, now + hour);
  assert.equal(again.when(registering(2)).problem?.message, "authkey already used");
});

test("a new key of the same user rotates the node key and keeps the node", () => {
  const then = given(key(1), key(2))
    .when(registering(1))
    .when(registering(1, { nodeKey: nodeKey(11), oldNodeKey: nodeKey(1), ...byKey(2) }));
  assert.deepEqual(then.kinds, ["NodeReauthenticated", "PreAuthKeyUsed"]);
  const row = then.state.nodes.get(nodeId(1));
  assert.equal(row?.nodeKey, nodeKey(11));
  assert.deepEqual(row?.addresses, { v4: "100.64.0.1", v6: "fd7a:115c:a1e0::1" });
  assert.equal(then.state.nodes.size, 1);
});

test("[15.14] a node key of another machine is refused, valid key or not, and nothing is said of its owner", () => {
  const state = given(node(1, { name: "secret-host" }), key(1));
  for (const command of [
    registering(1, { machineKey: machine(2) }),
    registering(1, { machineKey: machine(2), ...byKey(9) }),
    registering(1, { machineKey: machine(2), auth: vouched(1, 1) }),
  ]) {
    const { problem } = state.when(command);
    assert.equal(problem?.code, "forbidden");
    assert.doesNotMatch(JSON.stringify(problem), /secret|ada|mkey|100\.64/);
  }
  assert.equal(state.state.preAuthKeys.get(authKey(1))?.used, false);
});

test("another user on the same machine is another node; the first one stays, and is found again", () => {
  const both = given(user(2, "otto"), key(1), key(2, { user: userId(2) }), key(3))
    .when(registering(1))
    .when(registering(1, { nodeKey: nodeKey(11), oldNodeKey: nodeKey(1), ...byKey(2) }));
  const second = both.event("NodeRegistered");
  assert.equal(second.node, 2);
  assert.equal(second.addresses.v4, "100.64.0.2");
  assert.equal(both.state.nodes.get(nodeId(1))?.user, 1);
  const back = both.when(registering(1, { nodeKey: nodeKey(12), oldNodeKey: nodeKey(11), ...byKey(3) }));
  assert.equal(back.event("NodeReauthenticated").node, 1);
});

test("a node key that is live for one user is not handed to another", () => {
  const then = given(user(2, "otto"), key(2, { user: userId(2) }), node(1)).when(registering(1, byKey(2)));
  assert.equal(then.problem?.code, "conflict");
  assert.equal(then.state.preAuthKeys.get(authKey(2))?.used, false);
});

test("[S01a] a tagged node takes the tags of the next tagged key", () => {
  const red = given(key(1, tagged("tag:red")), key(2, tagged("tag:blue"))).when(registering(1));
  assert.deepEqual(red.state.nodes.get(nodeId(1))?.tags, ["tag:red"]);
  const blue = red.when(registering(1, { nodeKey: nodeKey(11), oldNodeKey: nodeKey(1), ...byKey(2) }));
  assert.deepEqual(blue.event("NodeReauthenticated").tags, ["tag:blue"]);
  assert.equal(blue.event("PreAuthKeyUsed").node, 1);
});

test("[S01b] a tagged node gets more tags when a user who owns them vouches for it", () => {
  const red = given(key(1, tagged("tag:red"))).when(registering(1));
  const command = registering(1, {
    nodeKey: nodeKey(11),
    oldNodeKey: nodeKey(1),
    requestTags: ["tag:red", "tag:blue"],
    auth: vouched(1, 1, "oidc"),
  });
  const both = red.when(command, may("tag:red", "tag:blue"));
  assert.deepEqual(both.kinds, ["NodeReauthenticated", "LoginCompleted"]);
  assert.deepEqual(both.event("NodeReauthenticated").tags, ["tag:blue", "tag:red"]);
  assert.equal(both.event("NodeReauthenticated").user, null);
  const again = { ...command, nodeKey: nodeKey(12), auth: vouched(1, 2, "oidc") } as typeof command;
  const { problem } = red.when(again, may("tag:red"));
  assert.match(problem?.message ?? "", /^requested tags \[tag:blue\] are invalid or not permitted$/);
});

test("a login without tags returns a tagged node to the user, if the client names it", () => {
  const red = given(key(1, tagged("tag:red"))).when(registering(1));
  const named = registering(1, { nodeKey: nodeKey(11), oldNodeKey: nodeKey(1), auth: vouched(1, 1) });
  assert.equal(red.when(named).event("NodeReauthenticated").user, 1);
  const profile = registering(1, { nodeKey: nodeKey(12), auth: vouched(1, 2) });
  assert.equal(
    given(node(1, tagged("tag:red")))
      .when(profile)
      .event("NodeRegistered").node,
    2,
  );
});

test("[15.13] a user has one node on a machine, also when the client names a tagged one", () => {
  const state = given(node(1), node(2, { machineKey: machine(1), ...tagged("tag:red") }));
  const then = state.when(
    registering(1, { nodeKey: nodeKey(11), oldNodeKey: nodeKey(2), auth: vouched(1, 1) }),
  );
  assert.equal(then.event("NodeReauthenticated").node, 1);
});

test("tags come from a key, not from the request", () => {
  const asks = registering(1, { requestTags: ["tag:x"] });
  assert.match(given(key(1)).when(asks).problem?.message ?? "", /^requested tags \[tag:x\] are invalid/);
  const then = given(key(1, tagged("tag:x", "tag:y"))).when(asks);
  assert.deepEqual(then.event("NodeRegistered").tags, ["tag:x", "tag:y"]);
});

test("[15.11] tagged nodes do not expire, whatever the default and the client say", () => {
  const then = given(configured({ nodeExpiry: hour }), key(1, tagged("tag:x"))).when(
    registering(1, { expiry: now + 60_000 }),
  );
  assert.equal(then.event("NodeRegistered").expiry, null);
  assert.equal(then.event("NodeRegistered").user, null);
});

test("an expiry that the client asks for counts before the default", () => {
  const then = given(configured({ nodeExpiry: hour }), key(1)).when(
    registering(1, { expiry: now + 5 * hour }),
  );
  assert.equal(then.event("NodeRegistered").expiry, now + 5 * hour);
});

test("a login completes once", () => {
  const then = given().when(registering(1, { auth: vouched(1, 1) }));
  assert.deepEqual(then.kinds, ["NodeRegistered", "LoginCompleted"]);
  const again = then.when(registering(1, { nodeKey: nodeKey(11), auth: vouched(1, 1) }));
  assert.equal(again.problem?.code, "precondition");
  const denied = given()
    .when({ kind: "DenyLogin", login: login(2) })
    .when(registering(1, { auth: vouched(1, 2) }));
  assert.match(denied.problem?.message ?? "", /already denied/);
});

test("a policy that moved while the request was checked is not guessed about", () => {
  const then = given({ kind: "PolicyUpdated", text: "{}", source: "api" }).when(
    registering(1, { requestTags: ["tag:x"], auth: vouched(1, 1) }),
    may("tag:x"),
  );
  assert.equal(then.problem?.code, "precondition");
});

test("an ephemeral node is so by its key or by its own wish", () => {
  const by = (k: boolean, wish: boolean) =>
    given(key(1, { ephemeral: k }))
      .when(registering(1, { ephemeral: wish }))
      .event("NodeRegistered").ephemeral;
  assert.deepEqual([by(false, false), by(true, false), by(false, true)], [false, true, true]);
});

test("a full address range refuses and leaves the key unspent; addresses of deleted nodes come again only then", () => {
  const prefixes = { v4: "100.64.0.0/29", v6: null, allocation: "sequential" } as const;
  let then = given(configured({ prefixes }), key(1, { reusable: true }), key(2)).when(registering(1));
  for (let n = 2; n <= 5; n++) then = then.when(registering(n));
  then = then.when({ kind: "DeleteNode", node: nodeId(2) }).when(registering(6));
  assert.deepEqual(then.event("NodeRegistered").addresses, { v4: "100.64.0.6" });
  then = then.when(registering(7));
  assert.deepEqual(then.event("NodeRegistered").addresses, { v4: "100.64.0.2" });
  const full = then.when(registering(8, byKey(2)));
  assert.equal(full.problem?.code, "exhausted");
  assert.match(full.problem?.message ?? "", /100\.64\.0\.0\/29/);
  assert.equal(full.state.preAuthKeys.get(authKey(2))?.used, false);
  assert.equal(full.state.nodes.has(nodeId(9)), false);
});

test("without settings nobody gets in, and the text says why", () => {
  const then = given(key(1));
  then.state.settings.delete("settings");
  assert.equal(then.when(registering(1)).problem?.code, "setup");
});

test("advertised routes are masked, each once, in one order; what is no prefix is left out", () => {
  const routes = ["10.1.2.3/8", "fd00::1/64", "10.0.0.0/8", "nonsense", "0.0.0.0/0"];
  const then = given(key(1)).when(registering(1, { routes }));
  assert.deepEqual(then.event("NodeRegistered").routes, ["0.0.0.0/0", "10.0.0.0/8", "fd00::/64"]);
});
