import assert from "node:assert/strict";
import { test } from "node:test";
import {
  authKey,
  configured,
  given,
  hour,
  key,
  login,
  node,
  nodeId,
  now,
  settings,
  tagged,
  user,
  userId,
} from "../../../../../../test/support/given.ts";
import type { Command } from "../commands.ts";

const policy = (version: number, ...tags: string[]) => ({
  policy: { version, tagExists: (tag: string) => tags.includes(tag), mayTag: () => false },
});
const stored = { kind: "PolicyUpdated", text: "{}", source: "api" } as const;

test("user names that no policy can name are refused with the rule", () => {
  const state = given();
  for (const name of [
    "",
    "k",
    "kim@",
    "@kim",
    "1kim",
    "kim@@x",
    "kim@a@b",
    "-kim",
    "kim-",
    "a b",
    "kï",
    "x".repeat(64),
  ]) {
    const { problem } = state.when({ kind: "CreateUser", name });
    assert.equal(problem?.code, "invalid", name);
    assert.match(problem?.hint ?? "", /2 to 63 characters/);
  }
  for (const name of ["kim", "Kim2", "kim.lee@corp.example", "a_b-c", "x".repeat(63)]) {
    assert.deepEqual(given().when({ kind: "CreateUser", name }).kinds, ["UserCreated"], name);
  }
});

test("user names are unique whatever their case, and free again after a rename", () => {
  const state = given(user(2, "kim"));
  assert.equal(state.when({ kind: "CreateUser", name: "KIM" }).problem?.code, "conflict");
  assert.equal(state.when({ kind: "RenameUser", user: userId(2), name: "Ada" }).problem?.code, "conflict");
  assert.deepEqual(state.when({ kind: "RenameUser", user: userId(2), name: "Kim" }).kinds, ["UserRenamed"]);
  const then = state.when({ kind: "RenameUser", user: userId(2), name: "kim.lee@corp.example" });
  assert.deepEqual(then.when({ kind: "CreateUser", name: "kim" }).result, { kind: "user", user: 3 });
});

test("a user with nodes stays; one without goes with its keys", () => {
  assert.equal(given(node(1)).when({ kind: "DeleteUser", user: userId(1) }).problem?.code, "precondition");
  const then = given(key(1), key(2, tagged("tag:x")), key(3)).when({ kind: "DeleteUser", user: userId(1) });
  assert.deepEqual(then.kinds, ["PreAuthKeyDeleted", "PreAuthKeyDeleted", "UserDeleted"]);
  assert.ok(then.state.preAuthKeys.has(authKey(2)));
  assert.equal(then.when({ kind: "DeleteUser", user: userId(1) }).problem?.code, "not-found");
});

const create = (change: Partial<Extract<Command, { readonly kind: "CreatePreAuthKey" }>>): Command => ({
  kind: "CreatePreAuthKey",
  hash: "h",
  prefix: "hskey-auth-h",
  user: userId(1),
  tags: [],
  reusable: false,
  ephemeral: false,
  expiry: null,
  ...change,
});

test("a pre-auth key needs a user or well-formed tags that the policy knows, if there is one", () => {
  assert.equal(given().when(create({})).event("PreAuthKeyCreated").expiry, null);
  assert.equal(given().when(create({ user: null })).problem?.code, "invalid");
  assert.equal(given().when(create({ user: userId(9) })).problem?.code, "not-found");
  assert.equal(given().when(create({ tags: ["web"] })).problem?.code, "invalid");
  assert.equal(given().when(create({ tags: ["tag:"] })).problem?.code, "invalid");
  assert.equal(given().when(create({ expiry: now })).problem?.code, "invalid");
  assert.equal(given(key(1, { hash: "h" })).when(create({})).problem?.code, "conflict");
  const tagsOnly = given().when(create({ user: null, tags: ["tag:b", "tag:a", "tag:b"] }));
  assert.deepEqual(tagsOnly.event("PreAuthKeyCreated").tags, ["tag:a", "tag:b"]);
  const strict = given(stored);
  assert.match(
    strict.when(create({ tags: ["tag:a"] }), policy(1)).problem?.message ?? "",
    /policy does not know/,
  );
  assert.deepEqual(strict.when(create({ tags: ["tag:a"] }), policy(1, "tag:a")).kinds, ["PreAuthKeyCreated"]);
  assert.equal(strict.when(create({ tags: ["tag:a"] }), policy(0, "tag:a")).problem?.code, "precondition");
});

test("keys are expired once and deleted once", () => {
  const expired = given(key(1)).when({ kind: "ExpirePreAuthKey", key: authKey(1) });
  assert.equal(expired.event("PreAuthKeyExpired").expiry, now);
  assert.deepEqual(expired.when({ kind: "ExpirePreAuthKey", key: authKey(1) }).kinds, []);
  const deleted = expired.when({ kind: "DeletePreAuthKey", key: authKey(1) });
  assert.equal(deleted.when({ kind: "DeletePreAuthKey", key: authKey(1) }).problem?.code, "not-found");
  const api = given().when({ kind: "CreateApiKey", hash: "h", prefix: "p", expiry: null });
  assert.deepEqual(api.when({ kind: "ExpireApiKey", key: 1 as never }).kinds, ["ApiKeyExpired"]);
  assert.deepEqual(api.when({ kind: "DeleteApiKey", key: 1 as never }).kinds, ["ApiKeyDeleted"]);
});

test("[15.12] tagging takes user and expiry away, and all tags cannot be taken", () => {
  const state = given(node(1, { expiry: now + hour }));
  const then = state.when({ kind: "TagNode", node: nodeId(1), tags: ["tag:b", "tag:a"] });
  const row = then.state.nodes.get(nodeId(1));
  assert.deepEqual([row?.tags, row?.user, row?.expiry], [["tag:a", "tag:b"], null, null]);
  assert.deepEqual(then.state.index.nodesByUser(userId(1)), []);
  assert.deepEqual(then.when({ kind: "TagNode", node: nodeId(1), tags: ["tag:b", "tag:a"] }).kinds, []);
  assert.equal(then.when({ kind: "TagNode", node: nodeId(1), tags: [] }).problem?.code, "invalid");
});

test("[15.27] either exit route approves both, and routes are masked", () => {
  const then = given(node(1)).when({
    kind: "ApproveRoutes",
    node: nodeId(1),
    routes: ["::/0", "10.1.2.3/8"],
  });
  assert.deepEqual(then.event("NodeRoutesApproved").routes, ["0.0.0.0/0", "10.0.0.0/8", "::/0"]);
  const same = then.when({ kind: "ApproveRoutes", node: nodeId(1), routes: ["10.0.0.0/8", "0.0.0.0/0"] });
  assert.deepEqual(same.kinds, []);
  assert.equal(
    then.when({ kind: "ApproveRoutes", node: nodeId(1), routes: ["10.0.0.0/33"] }).problem?.code,
    "invalid",
  );
});

test("an expiry is set, moved and taken away; a tagged node too can be expired", () => {
  const set = (expiry: number | null): Command => ({ kind: "SetNodeExpiry", node: nodeId(1), expiry });
  const then = given(node(1, tagged("tag:x"))).when(set(now));
  assert.equal(then.event("NodeExpirySet").expiry, now);
  assert.deepEqual(then.when(set(now)).kinds, []);
  assert.equal(then.when(set(null)).event("NodeExpirySet").expiry, null);
});

test("logins end once, and the same end again is no error", () => {
  const denied = given().when({ kind: "DenyLogin", login: login(1) });
  assert.deepEqual(denied.when({ kind: "DenyLogin", login: login(1) }).kinds, []);
  assert.equal(denied.when({ kind: "ApproveLogin", login: login(1) }).problem?.code, "precondition");
});

test("a policy is stored once, and only over the one that was read", () => {
  const set = (text: string, ifMatch: number | null): Command => ({
    kind: "SetPolicy",
    text,
    source: "api",
    ifMatch,
  });
  const first = given().when(set("{}", 0));
  assert.deepEqual(first.kinds, ["PolicyUpdated"]);
  assert.deepEqual(first.when(set("{}", null)).kinds, []);
  assert.equal(first.when(set("{ }", 0)).problem?.code, "precondition");
  const version = first.state.policy.get("policy")?.version ?? 0;
  assert.deepEqual(first.when(set("{ }", version)).kinds, ["PolicyUpdated"]);
  assert.equal(first.when(set("ä".repeat(600_000), null)).problem?.code, "too-large");
});

test("settings with a known hash are no news; a prefix of the wrong family is refused", () => {
  const change = (hash: string, v4: string): Command => ({
    kind: "ChangeSettings",
    source: "file",
    hash,
    settings: { ...settings, prefixes: { ...settings.prefixes, v4 } },
  });
  const then = given().when(change("h", "100.64.0.0/10"));
  assert.deepEqual(then.kinds, ["SettingsChanged"]);
  assert.deepEqual(then.when(change("h", "100.64.0.0/10")).kinds, []);
  assert.equal(then.when(change("i", "fd00::/8")).problem?.code, "invalid");
});

test("a backfill gives the new family, drops the gone one, and leaves a changed range alone but says so", () => {
  const v4 = { addresses: { v4: "100.64.0.1" } };
  const added = given(node(1, v4)).when({ kind: "BackfillAddresses" });
  assert.deepEqual(added.event("NodeAddressesSet").addresses, { v4: "100.64.0.1", v6: "fd7a:115c:a1e0::1" });
  assert.deepEqual(added.when({ kind: "BackfillAddresses" }).kinds, []);
  const ranges = (v: string | null, w: string | null) =>
    configured({ prefixes: { v4: v, v6: w, allocation: "sequential" } });
  const dropped = given(node(1), ranges(null, "fd7a:115c:a1e0::/48")).when({ kind: "BackfillAddresses" });
  assert.deepEqual(dropped.event("NodeAddressesSet").addresses, { v6: "fd7a:115c:a1e0::1" });
  const moved = given(node(1), ranges("10.0.0.0/24", "fd7a:115c:a1e0::/48")).when({
    kind: "BackfillAddresses",
  });
  assert.deepEqual(moved.kinds, []);
  assert.match(JSON.stringify(moved.result), /1 node\(s\) keep an address outside 10\.0\.0\.0\/24/);
});
