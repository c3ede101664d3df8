import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApiKeyId, LoginId, MachineKey, NodeId, NodeKey, PreAuthKeyId, UserId } from "../ids.ts";
import { NamesOfLog, describeEvent, describePrincipal } from "./describe.ts";
import type { DirectoryEvent } from "./events.ts";

const alice = 1 as UserId;
const node = 7 as NodeId;
const registered: DirectoryEvent = {
  kind: "NodeRegistered",
  node,
  machineKey: "mkey:00" as MachineKey,
  nodeKey: "nodekey:00" as NodeKey,
  user: alice,
  tags: [],
  name: "laptop",
  addresses: { v4: "100.64.0.1", v6: "fd7a:115c:a1e0::1" },
  expiry: null,
  ephemeral: false,
  method: "auth-key",
  preAuthKey: 3 as PreAuthKeyId,
  host: {},
  routes: [],
  requestTags: [],
  capver: 113,
};

/** The sentences for a log, in order. */
function story(events: readonly DirectoryEvent[]): string[] {
  const names = new NamesOfLog();
  return events.map((event) => {
    const sentence = describeEvent(event, names);
    names.learn(event);
    return sentence;
  });
}

const aliceCreated: DirectoryEvent = {
  kind: "UserCreated",
  user: alice,
  name: "alice",
  displayName: "",
  email: "",
  profilePicUrl: "",
  provider: "",
  providerId: "",
};

test("a log reads as a story that calls things by the names they had at the time", () => {
  assert.deepEqual(
    story([
      aliceCreated,
      registered,
      { kind: "NodeRenamed", node, name: "desk" },
      { kind: "UserRenamed", user: alice, name: "al" },
      { kind: "NodeTagged", node, tags: ["tag:web", "tag:db"] },
      { kind: "NodeExpirySet", node, expiry: Date.UTC(2026, 0, 2) },
      { kind: "NodeDeleted", node, reason: "ephemeral" },
    ]),
    [
      "user alice (1) was created",
      "node laptop (7) joined for user alice by pre-auth key 3, addresses 100.64.0.1, fd7a:115c:a1e0::1, never expires",
      "node laptop (7) was renamed to desk",
      "user alice is now called al",
      "node desk (7) now has tags tag:web, tag:db",
      "key of node desk (7) now expires 2026-01-02T00:00:00Z",
      "node desk (7) was deleted because it is ephemeral and was away too long",
    ],
  );
});

test("things never heard of are called by their ids", () => {
  assert.deepEqual(
    story([
      { kind: "UserDeleted", user: alice },
      { kind: "NodeLoggedOut", node, expiry: 0 },
    ]),
    ["user 1 was deleted", "node 7 logged out"],
  );
});

test("no sentence holds a hash, a policy's text or a whole login id", () => {
  const secret = "feedface".repeat(8);
  const told = story([
    {
      kind: "ApiKeyCreated",
      key: 1 as ApiKeyId,
      hash: secret,
      prefix: "hskey-api-0123456789ab",
      expiry: null,
    },
    {
      kind: "PreAuthKeyCreated",
      key: 1 as PreAuthKeyId,
      hash: secret,
      prefix: "hskey-auth-0123456789ab",
      user: null,
      tags: ["tag:web"],
      reusable: true,
      ephemeral: true,
      expiry: null,
    },
    { kind: "PolicyUpdated", text: `// ${secret}`, source: "api" },
    { kind: "LoginDenied", login: `hskey-authreq-${secret}` as LoginId },
  ]);
  assert.equal(told.filter((sentence) => sentence.includes(secret)).length, 0);
  assert.match(told[1] ?? "", /^reusable ephemeral pre-auth key 1 .* with tag:web, never expires$/);
});

test("whoever did it is named without more of a key than is needed to recognise it", () => {
  assert.equal(
    describePrincipal({ kind: "api-key", prefix: "hskey-api-0123456789ab" }),
    "api key hskey-api-0123456789ab",
  );
  assert.equal(describePrincipal({ kind: "system", name: "deadlines" }), "hydrascale deadlines");
  assert.equal(
    describePrincipal({ kind: "node", machineKey: `mkey:${"ab".repeat(32)}` }),
    "client mkey:abababab…",
  );
});
