// Requests as the clients in use really send them, and the answers that they can read.

import assert from "node:assert/strict";
import { test } from "node:test";
import { startFakeApi } from "@hydrascale/test/support/fake-api";
import type { FakeApi, Parsed } from "@hydrascale/test/support/fake-api";

const text = { "content-type": "text/plain;charset=UTF-8" };
const alice = {
  id: "1",
  name: "alice",
  createdAt: "2026-01-02T03:04:05.000Z",
  displayName: "",
  email: "alice@example.net",
  providerId: "",
  provider: "",
  profilePicUrl: "",
};

/** Lets a machine in through the API; its node id. */
async function join(api: FakeApi, name: string, n: number, user = "alice"): Promise<string> {
  const login = api.service.beginLogin(name, n);
  const { json, status } = await api.ask("POST", "/api/v1/auth/register", {
    body: { user, authId: login.id },
  });
  assert.equal(status, 200, JSON.stringify(json));
  return json.node.id;
}

test("headplane: users, with every member and ids as strings", async () => {
  await using api = await startFakeApi();
  const list = await api.ask("GET", "/api/v1/user");
  assert.equal(list.headers.get("content-type"), "application/json");
  assert.deepEqual(list.json.users[0], alice);
  const made = await api.ask("POST", "/api/v1/user", {
    body: {
      name: "carol",
      email: "c@example.net",
      displayName: "Carol",
      pictureUrl: "https://example.net/c.png",
    },
  });
  assert.deepEqual(made.json.user, {
    ...alice,
    id: "3",
    name: "carol",
    email: "c@example.net",
    displayName: "Carol",
    profilePicUrl: "https://example.net/c.png",
  });
  const renamed = await api.ask("POST", "/api/v1/user/3/rename/carla");
  assert.equal(renamed.json.user.name, "carla");
  const gone = await api.ask("DELETE", "/api/v1/user/3");
  assert.deepEqual([gone.status, gone.json], [200, {}]);
  assert.equal((await api.ask("DELETE", "/api/v1/user/3")).status, 404);
});

test("users are filtered by id, name or e-mail, and an unknown value gives none", async () => {
  await using api = await startFakeApi();
  for (const [query, count] of [
    ["id=1", 1],
    ["name=bob", 1],
    ["email=alice@example.net", 1],
    ["id=99", 0],
    ["name=nobody", 0],
    ["id=0", 2],
    ["", 2],
  ] as const)
    assert.equal((await api.ask("GET", `/api/v1/user?${query}`)).json.users.length, count, query);
  assert.equal((await api.ask("GET", "/api/v1/user?id=abc")).status, 400);
});

test("a user without a name is refused, one who exists is a conflict, one with nodes is kept", async () => {
  await using api = await startFakeApi();
  for (const body of [{}, { name: "" }, { name: null }, "", { name: "a b" }, { name: "u".repeat(10_000) }])
    assert.equal(
      (await api.ask("POST", "/api/v1/user", { body })).status,
      400,
      JSON.stringify(body).slice(0, 40),
    );
  assert.equal((await api.ask("POST", "/api/v1/user", { body: { name: "alice" } })).status, 409);
  await join(api, "laptop", 1);
  assert.equal((await api.ask("DELETE", "/api/v1/user/1")).status, 400);
});

test("browser interfaces: JSON as text/plain, {} where no body is expected, users by id or name", async () => {
  await using api = await startFakeApi();
  const user = await api.ask("POST", "/api/v1/user", { headers: text, body: '{"name":"dave"}' });
  assert.equal(user.json.user.name, "dave");
  const login = api.service.beginLogin("phone", 5);
  const node = await api.ask("POST", `/api/v1/node/register?user=2&key=${login.id}`, {
    headers: text,
    body: "{}",
  });
  assert.equal(node.json.node.user.name, "bob");
  const { id } = node.json.node;
  const renamed = await api.ask("POST", `/api/v1/node/${id}/rename/mobile`, { headers: text, body: "{}" });
  assert.equal(renamed.json.node.givenName, "mobile");
  assert.equal(renamed.json.node.name, "phone");
  assert.deepEqual((await api.ask("DELETE", `/api/v1/node/${id}`, { headers: text, body: "{}" })).json, {});
  const bob = await api.ask("GET", "/api/v1/node?user=bob");
  assert.deepEqual(bob.json, { nodes: [] });
});

test("headscale-ui: keys by ?user=, and the older expire form with user and key, whole or masked", async () => {
  await using api = await startFakeApi();
  const body = { user: 1, expiration: "2026-02-02T03:04:05.000Z", reusable: true, ephemeral: false };
  const first = (await api.ask("POST", "/api/v1/preauthkey", { headers: text, body: JSON.stringify(body) }))
    .json.preAuthKey;
  const second = (await api.ask("POST", "/api/v1/preauthkey", { body })).json.preAuthKey;
  const listed = (await api.ask("GET", "/api/v1/preauthkey?user=1")).json.preAuthKeys;
  assert.equal((await api.ask("GET", "/api/v1/preauthkey?user=bob")).json.preAuthKeys.length, 0);
  assert.match(listed[0].key, /^hskey-auth-[0-9a-f]{12}-\*\*\*$/);
  for (const [key, id] of [
    [first.key, first.id],
    [listed[1].key, second.id],
  ] as const) {
    const done = await api.ask("POST", "/api/v1/preauthkey/expire", { body: { user: "1", key } });
    assert.deepEqual(done.json, {});
    const now = (await api.ask("GET", "/api/v1/preauthkey")).json.preAuthKeys.find(
      (k: Parsed) => k.id === id,
    );
    assert.equal(now.expiration, "2026-01-02T03:04:05.000Z");
  }
  const foreign = await api.ask("POST", "/api/v1/preauthkey/expire", {
    body: { user: "bob", key: first.key },
  });
  assert.equal(foreign.status, 404);
});

test("Go clients: empty strings, null lists and the zero time mean not set", async () => {
  await using api = await startFakeApi();
  const made = await api.ask("POST", "/api/v1/preauthkey", {
    headers: { "content-type": "" },
    body: {
      user: "",
      reusable: false,
      ephemeral: false,
      expiration: "0001-01-01T00:00:00Z",
      aclTags: ["tag:web"],
    },
  });
  assert.deepEqual(
    { ...made.json.preAuthKey, key: "" },
    {
      user: null,
      id: "1",
      key: "",
      reusable: false,
      ephemeral: false,
      used: false,
      expiration: "0001-01-01T00:00:00Z",
      createdAt: "2026-01-02T03:04:05.000Z",
      aclTags: ["tag:web"],
    },
  );
  const mine = await api.ask("POST", "/api/v1/preauthkey", {
    body: { user: "1", aclTags: null, expiration: null },
  });
  assert.deepEqual(mine.json.preAuthKey.user, alice);
});

test("a pre-auth key needs a user or tags, an existing user, and times that are times", async () => {
  await using api = await startFakeApi();
  for (const [body, status] of [
    [{}, 400],
    [{ user: "987654" }, 404],
    [{ user: "nobody" }, 400],
    [{ user: "1", aclTags: ["web"] }, 400],
    [{ user: "1", expiration: "tomorrow" }, 400],
    [{ user: "1", reusable: "yes" }, 400],
  ] as const)
    assert.equal(
      (await api.ask("POST", "/api/v1/preauthkey", { body })).status,
      status,
      JSON.stringify(body),
    );
  assert.equal((await api.ask("POST", "/api/v1/preauthkey/expire", { body: {} })).status, 400);
  assert.equal((await api.ask("POST", "/api/v1/preauthkey/expire", { body: { id: "77" } })).status, 404);
  assert.equal((await api.ask("DELETE", "/api/v1/preauthkey")).status, 400);
  assert.equal((await api.ask("DELETE", "/api/v1/preauthkey?id=77")).status, 404);
});

test("API keys: shown once, never expiring unless asked to, expired and deleted by any form of prefix", async () => {
  await using api = await startFakeApi();
  const key: string = (await api.ask("POST", "/api/v1/apikey", { headers: text, body: "{}" })).json.apiKey;
  assert.match(key, /^hskey-api-[0-9a-f]{12}-[0-9a-f]{64}$/);
  const list = await api.ask("GET", "/api/v1/apikey", { key });
  assert.equal(list.text.includes(key), false);
  const row = list.json.apiKeys[1];
  assert.deepEqual(
    { ...row, prefix: "" },
    {
      id: "2",
      prefix: "",
      expiration: null,
      createdAt: "2026-01-02T03:04:05.000Z",
      lastSeen: null,
    },
  );
  // a client finds its own key among the list this way
  assert.ok(key.startsWith(row.prefix.replace(/\*+$/, "")));
  const short = key.split("-")[2];
  assert.equal(
    (await api.ask("POST", "/api/v1/apikey/expire", { body: { id: "2", prefix: short } })).status,
    400,
  );
  assert.equal((await api.ask("POST", "/api/v1/apikey/expire", { body: {} })).status, 400);
  assert.equal((await api.ask("POST", "/api/v1/apikey/expire", { body: { id: "77" } })).status, 404);
  assert.deepEqual((await api.ask("POST", "/api/v1/apikey/expire", { body: { prefix: short } })).json, {});
  assert.equal((await api.ask("GET", "/api/v1/user", { key })).status, 401);
  assert.deepEqual((await api.ask("DELETE", `/api/v1/apikey/${row.prefix}`)).json, {});
  assert.equal((await api.ask("DELETE", `/api/v1/apikey/${short}`)).status, 404);
});

test("the use of an API key shows in the list, and is told with its id", async () => {
  await using api = await startFakeApi();
  await api.ask("GET", "/api/v1/user");
  assert.deepEqual([...new Set(api.keysUsed)], [1]);
  api.service.activity({ kind: "ApiKeyUsed", key: 1 as never, at: api.service.now });
  assert.equal((await api.ask("GET", "/api/v1/apikey")).json.apiKeys[0].lastSeen, "2026-01-02T03:04:05.000Z");
});

test("a node has every member, from the directory and from what it does now", async () => {
  await using api = await startFakeApi();
  const id = await join(api, "laptop", 1);
  const hex = "1".padStart(64, "0");
  const quiet = {
    id,
    machineKey: `mkey:${hex}`,
    nodeKey: `nodekey:${hex}`,
    discoKey: "",
    ipAddresses: ["100.64.0.1", "fd7a:115c:a1e0::1"],
    name: "laptop",
    user: alice,
    lastSeen: null,
    expiry: null,
    preAuthKey: null,
    createdAt: "2026-01-02T03:04:05.000Z",
    registerMethod: "REGISTER_METHOD_CLI",
    givenName: "laptop",
    online: false,
    approvedRoutes: [],
    availableRoutes: ["0.0.0.0/0", "10.1.0.0/24", "::/0"],
    subnetRoutes: [],
    tags: [],
  };
  assert.deepEqual((await api.ask("GET", `/api/v1/node/${id}`)).json, { node: quiet });
  const discoKey = `discokey:${hex}`;
  const at = api.service.now + 1000;
  api.service.activity({
    kind: "NodeConnected",
    node: Number(id) as never,
    session: "fakeboot.1" as never,
    replaces: null,
    at,
    reach: { discoKey: discoKey as never },
  });
  const { nodes } = (await api.ask("GET", "/api/v1/node")).json;
  assert.deepEqual(nodes, [{ ...quiet, discoKey, online: true, lastSeen: new Date(at).toISOString() }]);
});

test("subnetRoutes: what is served in lists, without exit routes after approval, empty elsewhere", async () => {
  await using api = await startFakeApi();
  const id = await join(api, "router", 1);
  const approve = await api.ask("POST", `/api/v1/node/${id}/approve_routes`, {
    body: { routes: ["10.1.0.0/24", "::/0"] },
  });
  const all = ["0.0.0.0/0", "10.1.0.0/24", "::/0"];
  assert.deepEqual(approve.json.node.approvedRoutes.toSorted(), all);
  assert.deepEqual(approve.json.node.subnetRoutes, ["10.1.0.0/24"]);
  assert.deepEqual((await api.ask("GET", `/api/v1/node/${id}`)).json.node.subnetRoutes, []);
  assert.deepEqual((await api.ask("GET", "/api/v1/node")).json.nodes[0].subnetRoutes.toSorted(), all);
  const junk = await api.ask("POST", `/api/v1/node/${id}/approve_routes`, {
    body: { routes: ["not a route"] },
  });
  assert.equal(junk.status, 400);
  const cleared = await api.ask("POST", `/api/v1/node/${id}/approve_routes`, { body: { routes: [] } });
  assert.deepEqual(cleared.json.node.approvedRoutes, []);
});

test("tags: those of the policy, never all taken away; a tagged node hangs below tagged-devices in lists only", async () => {
  await using api = await startFakeApi();
  await api.ask("PUT", "/api/v1/policy", { body: { policy: "{}" } });
  const id = await join(api, "server", 1);
  const set = (tags: unknown, node = id) => api.ask("POST", `/api/v1/node/${node}/tags`, { body: { tags } });
  for (const bad of [[], ["tag:nope"], ["web"], "tag:web", [5]])
    assert.equal((await set(bad)).status, 400, JSON.stringify(bad));
  assert.equal((await set(["tag:web"], "99")).status, 404);
  const tagged = await set(["tag:web"]);
  assert.deepEqual([tagged.json.node.tags, tagged.json.node.user], [["tag:web"], null]);
  const [listed] = (await api.ask("GET", "/api/v1/node")).json.nodes;
  assert.deepEqual([listed.user.id, listed.user.name], ["2147455555", "tagged-devices"]);
});

test("expiry: now, then, never; in body or query; not both", async () => {
  await using api = await startFakeApi();
  const id = await join(api, "laptop", 1);
  const expire = async (body?: object, query = ""): Promise<unknown> => {
    const { status, json } = await api.ask(
      "POST",
      `/api/v1/node/${id}/expire${query}`,
      body === undefined ? {} : { body },
    );
    return status === 200 ? json.node.expiry : status;
  };
  assert.equal(await expire(), "2026-01-02T03:04:05.000Z");
  assert.equal(await expire({}), "2026-01-02T03:04:05.000Z");
  assert.equal(await expire({ expiry: "2026-03-01T01:00:00+01:00" }), "2026-03-01T00:00:00.000Z");
  assert.equal(await expire({ disableExpiry: true }), null);
  assert.equal(await expire(undefined, "?expiry=2026-03-02T00:00:00.5Z"), "2026-03-02T00:00:00.500Z");
  assert.equal(await expire({ disableExpiry: true, expiry: "2026-03-01T00:00:00Z" }), 400);
  assert.equal(await expire({ expiry: "soon" }), 400);
});

test("logins: junk is refused, unknown ones are not found with what to do, a settled one is a conflict", async () => {
  await using api = await startFakeApi();
  const unknown = `hskey-authreq-${"0".repeat(24)}`;
  for (const op of ["register", "approve", "reject"]) {
    const post = (authId: string) =>
      api.ask("POST", `/api/v1/auth/${op}`, { body: { user: "alice", authId } });
    assert.equal((await post("junk")).status, 400);
    const reply = await post(unknown);
    assert.equal(reply.status, 404);
    assert.match(reply.json.hint, /tailscale up/);
  }
  const login = api.service.beginLogin("laptop", 9);
  const register = (user: string) => api.ask("POST", `/api/v1/node/register?user=${user}&key=${login.id}`);
  assert.equal((await register("nobody")).status, 404);
  assert.deepEqual(
    (await api.ask("GET", "/api/v1/auth")).json.logins.map((l: Parsed) => l.hostname),
    ["laptop"],
  );
  assert.equal((await register("alice")).json.node.name, "laptop");
  assert.equal((await register("alice")).status, 409);
  assert.deepEqual((await api.ask("GET", "/api/v1/auth")).json.logins, []);
  const denied = api.service.beginLogin("thief", 10);
  assert.deepEqual((await api.ask("POST", "/api/v1/auth/reject", { body: { authId: denied.id } })).json, {});
  assert.equal((await api.ask("POST", "/api/v1/auth/reject", { body: { authId: denied.id } })).status, 200);
  const late = await api.ask("POST", "/api/v1/auth/approve", { body: { authId: denied.id } });
  assert.match(late.json.message, /denied/);
});

test("a machine that was invented for debugging can be registered", async () => {
  await using api = await startFakeApi();
  const key = `hskey-authreq-${"d".repeat(24)}`;
  const body = { user: "alice", key, name: "debugnode", routes: ["10.0.0.0/24"] };
  const made = await api.ask("POST", "/api/v1/debug/node", { body });
  assert.deepEqual([made.json.node.name, made.json.node.id], ["debugnode", "0"]);
  const node = await api.ask("POST", "/api/v1/auth/register", { body: { user: "alice", authId: key } });
  assert.deepEqual([node.json.node.name, node.json.node.availableRoutes], ["debugnode", ["10.0.0.0/24"]]);
  assert.equal((await api.ask("POST", "/api/v1/debug/node", { body: { ...body, key: "junk" } })).status, 400);
  assert.equal(
    (await api.ask("POST", "/api/v1/debug/node", { body: { ...body, user: "nobody" } })).status,
    404,
  );
});

test("addresses are filled in only when confirmed, and what changed is a list", async () => {
  await using api = await startFakeApi();
  assert.equal((await api.ask("POST", "/api/v1/node/backfillips")).status, 400);
  assert.deepEqual((await api.ask("POST", "/api/v1/node/backfillips?confirmed=true")).json, { changes: [] });
});

test("policy: empty with a time before the first, then byte for byte; findings name their place", async () => {
  await using api = await startFakeApi();
  assert.deepEqual((await api.ask("GET", "/api/v1/policy")).json, {
    policy: "",
    updatedAt: "0001-01-01T00:00:00Z",
  });
  const policy = '// kept\n{ "acls": [], }\n';
  const stored = { policy, updatedAt: "2026-01-02T03:04:05.000Z" };
  assert.deepEqual(
    (await api.ask("PUT", "/api/v1/policy", { headers: text, body: JSON.stringify({ policy }) })).json,
    stored,
  );
  assert.deepEqual((await api.ask("POST", "/api/v1/policy/check", { body: { policy: "{}" } })).json, {});
  for (const [method, path] of [
    ["PUT", "/api/v1/policy"],
    ["POST", "/api/v1/policy/check"],
  ] as const) {
    const bad = await api.ask(method, path, { body: { policy: "{nope" } });
    assert.equal(bad.status, 400);
    assert.equal(
      bad.json.detail,
      "parsing policy from bytes: parsing HuJSON: policy 1:2: a property name is expected",
    );
  }
  assert.deepEqual((await api.ask("GET", "/api/v1/policy")).json, stored);
});

test("a policy from a file is read-only, and says so in the words that interfaces look for", async () => {
  await using api = await startFakeApi({ policyMode: "file" });
  const refused = await api.ask("PUT", "/api/v1/policy", { body: { policy: "{}" } });
  assert.equal(refused.status, 400);
  assert.match(refused.json.message, /update is disabled for modes other than 'database'/);
  assert.equal((await api.ask("GET", "/api/v1/policy")).json.updatedAt, null);
});
