// The decision procedure of /machine/register (protocol 5.3, 5.5, 5.7 and section 17), row by row.

import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { TestClient } from "../support/client/control.ts";
import { TestGateway } from "../support/gateway.ts";
import { LeapClock } from "../support/leap-clock.ts";

const hour = 3_600_000;
const clock = new LeapClock();
let gateway: TestGateway;
let ada: string;

before(async () => {
  gateway = await TestGateway.start({ clock });
  ada = await gateway.user("ada");
});
after(async () => {
  const findings = gateway.lint();
  await gateway.stop();
  assert.deepEqual(findings, []);
});

const at = (ms: number): string => new Date(clock.now() + ms).toISOString();
const nodes = (): number => gateway.tailnet.directory.nodes.size;
const used = async (id: string): Promise<boolean> => {
  const { preAuthKeys } = await gateway.ask("GET", "/api/v1/preauthkey");
  return preAuthKeys.find((key: { id: string }) => key.id === id).used;
};

suite("with an auth key", () => {
  test("a fresh key lets in and the answer names the owner", async () => {
    const client = await gateway.client();
    const { key } = await gateway.preAuthKey({ user: ada });
    const answer = await client.register({ authKey: key });
    assert.equal(answer.MachineAuthorized, true);
    assert.equal(answer.NodeKeyExpired, false);
    assert.equal(answer.AuthURL, "");
    assert.equal(answer.Login?.LoginName, "ada");
    assert.equal(answer.User?.ID, Number(ada));
    assert.ok(gateway.nodeOf(client));
  });

  const refused = [
    ["a used one-time key", /already used/, async () => spent()],
    ["an expired key", /expired/, async () => expired()],
    ["a revoked key", /expired/, async () => revoked()],
    ["a deleted key", /invalid/, async () => deleted()],
    [
      "a misspelt key",
      /invalid/,
      async () => `${(await gateway.preAuthKey({ user: ada })).key.slice(0, -1)}!`,
    ],
    [
      "a key of another server",
      /invalid/,
      () => Promise.resolve(`hskey-auth-abcdefabcdef-${"0".repeat(64)}`),
    ],
  ] as const;
  for (const [what, reason, make] of refused) {
    test(`${what} is refused with the reason in Error`, async () => {
      const client = await gateway.client();
      const key = await make();
      const before = nodes();
      const answer = await client.register({ authKey: key });
      assert.match(answer.Error ?? "", reason);
      assert.equal(answer.MachineAuthorized, false);
      assert.ok(!JSON.stringify(answer).includes(key.slice(-20)), "the answer repeats the key");
      assert.equal(nodes(), before);
    });
  }

  async function spent(): Promise<string> {
    const { key } = await gateway.preAuthKey({ user: ada });
    await (await gateway.client()).register({ authKey: key });
    return key;
  }
  async function expired(): Promise<string> {
    const { key } = await gateway.preAuthKey({ user: ada, ms: 1000 });
    await clock.leap(1500);
    return key;
  }
  async function revoked(): Promise<string> {
    const { id, key } = await gateway.preAuthKey({ user: ada });
    await gateway.ask("POST", "/api/v1/preauthkey/expire", { id });
    return key;
  }
  async function deleted(): Promise<string> {
    const { id, key } = await gateway.preAuthKey({ user: ada });
    await gateway.ask("DELETE", `/api/v1/preauthkey?id=${id}`);
    return key;
  }

  test("a reusable key lets in several machines", async () => {
    const { key } = await gateway.preAuthKey({ user: ada, reusable: true });
    const [a, b] = [await gateway.client(), await gateway.client()];
    assert.equal((await a.register({ authKey: key })).MachineAuthorized, true);
    assert.equal((await b.register({ authKey: key })).MachineAuthorized, true);
    assert.notEqual(gateway.nodeOf(a)?.id, gateway.nodeOf(b)?.id);
  });

  test("a key with tags makes a tagged node of no user that never expires", async () => {
    await gateway.ask("PUT", "/api/v1/policy", {
      policy: `{"tagOwners":{"tag:web":["ada@"]},"acls":[{"action":"accept","src":["*"],"dst":["*:*"]}]}`,
    });
    const { key } = await gateway.preAuthKey({ tags: ["tag:web"] });
    const client = await gateway.client();
    const answer = await client.register({ authKey: key, expiry: at(hour) });
    assert.equal(answer.Login?.LoginName, "tagged-devices");
    const node = gateway.nodeOf(client);
    assert.deepEqual(node?.tags, ["tag:web"]);
    assert.equal(node?.user, null);
    assert.equal(node?.expiry, null);
  });

  test("tags that the key does not carry are refused by name, and the key is not spent", async () => {
    const { id, key } = await gateway.preAuthKey({ user: ada });
    const client = await gateway.client();
    const answer = await client.register({ authKey: key, hostinfo: { RequestTags: ["tag:db"] } });
    assert.match(answer.Error ?? "", /tag:db/);
    assert.equal(await used(id), false);
  });

  test("Ephemeral in the request is honoured", async () => {
    const { key } = await gateway.preAuthKey({ user: ada });
    const client = await gateway.client();
    await client.register({ authKey: key, ephemeral: true });
    assert.equal(gateway.nodeOf(client)?.ephemeral, true);
  });

  for (const [what, spoil] of [
    ["spent by itself", () => Promise.resolve()],
    ["expired since", () => clock.leap(7000)],
    ["deleted since", (id: string) => gateway.ask("DELETE", `/api/v1/preauthkey?id=${id}`)],
  ] as const) {
    test(`a restart with a key that was ${what} succeeds and changes nothing of the node`, async () => {
      const { id, key } = await gateway.preAuthKey({ user: ada, ms: 5000 });
      const client = await gateway.client();
      await client.register({ authKey: key, expiry: at(hour) });
      const node = gateway.nodeOf(client);
      await spoil(id);
      client.restart();
      const answer = await client.register({ authKey: key, expiry: at(2 * hour) });
      assert.equal(answer.Error ?? "", "");
      assert.equal(answer.MachineAuthorized, true);
      assert.deepEqual(gateway.nodeOf(client), node);
    });
  }

  test("an old client is refused in Error before anything changes, its one-time key unspent", async () => {
    const { id, key } = await gateway.preAuthKey({ user: ada });
    const client = await gateway.client({ capver: 100 });
    const before = nodes();
    const answer = await client.register({ authKey: key });
    assert.match(answer.Error ?? "", /too old.*1\.80/);
    assert.equal(await used(id), false);
    assert.equal(nodes(), before);
  });

  test("a node key of another machine is refused, and nothing of its node is said", async () => {
    const owner = await gateway.joined(ada, { hostname: "private-name" });
    const { id, key } = await gateway.preAuthKey({ user: ada });
    const thief = await gateway.client();
    for (const authKey of [undefined, key]) {
      const answer = await thief.register({
        nodeKey: owner.node.text,
        ...(authKey === undefined ? {} : { authKey }),
      });
      assert.notEqual(answer.Error ?? "", "");
      assert.ok(!/private-name|ada/.test(JSON.stringify(answer)));
    }
    assert.equal(await used(id), false);
    assert.equal(gateway.nodeOf(owner)?.machineKey, owner.machine.text);
  });
});

suite("a node that is known", () => {
  test("a restart without a key gives the present state and keeps expiry and owner", async () => {
    const client = await gateway.joined(ada);
    const node = gateway.nodeOf(client);
    client.restart();
    const answer = await client.register();
    assert.equal(answer.MachineAuthorized, true);
    assert.equal(answer.Login?.LoginName, "ada");
    assert.deepEqual(gateway.nodeOf(client), node);
  });

  test("an earlier expiry in the future shortens, a later one does not lengthen", async () => {
    const { key } = await gateway.preAuthKey({ user: ada });
    const client = await gateway.client();
    await client.register({ authKey: key, expiry: at(10 * hour) });
    const before = gateway.nodeOf(client)?.expiry ?? 0;
    await client.register({ expiry: at(20 * hour) });
    assert.equal(gateway.nodeOf(client)?.expiry, before);
    await client.register({ expiry: at(hour) });
    const after = gateway.nodeOf(client)?.expiry ?? 0;
    assert.ok(after < before && after > clock.now());
  });

  test("an expired node without a key is told to take a new node key, and comes back as the same node by a key", async () => {
    const { key } = await gateway.preAuthKey({ user: ada, reusable: true });
    const client = await gateway.client();
    await client.register({ authKey: key, expiry: at(1000) });
    const before = gateway.nodeOf(client);
    await clock.leap(2000);
    assert.equal((await client.register()).NodeKeyExpired, true);
    client.rotateKey();
    const answer = await client.register({ authKey: key });
    assert.equal(answer.NodeKeyExpired, false);
    assert.equal(answer.MachineAuthorized, true);
    const node = gateway.nodeOf(client);
    assert.equal(node?.id, before?.id);
    assert.deepEqual(node?.addresses, before?.addresses);
  });

  test("rotation: a new node key with OldNodeKey and a key keeps id, addresses and name; the old key is gone", async () => {
    const { key } = await gateway.preAuthKey({ user: ada, reusable: true });
    const client = await gateway.client();
    await client.register({ authKey: key });
    const before = gateway.nodeOf(client);
    const oldKey = client.node.text;
    client.rotateKey();
    await client.register({ authKey: key });
    const node = gateway.nodeOf(client);
    assert.equal(node?.id, before?.id);
    assert.equal(node?.name, before?.name);
    assert.equal((await client.mapAnswer({ nodeKey: oldKey })).status, 404);
  });

  test("a machine that joins for a second user is a second node", async () => {
    const bob = await gateway.user(`bob-${nodes()}`);
    const client = await gateway.joined(ada);
    const first = gateway.nodeOf(client);
    const other = client.sibling();
    await other.register({ authKey: (await gateway.preAuthKey({ user: bob })).key });
    assert.notEqual(gateway.nodeOf(other)?.id, first?.id);
    assert.equal(gateway.nodeOf(client)?.id, first?.id);
    other.close();
  });

  test("one node key registered by two machines at once belongs to one of them", async () => {
    const { key } = await gateway.preAuthKey({ user: ada, reusable: true });
    const a = await gateway.client();
    const b = await gateway.client({ nodeKey: a.node });
    const answers = await Promise.all([a.register({ authKey: key }), b.register({ authKey: key })]);
    assert.equal(answers.filter((answer) => answer.MachineAuthorized === true).length, 1);
    assert.equal(answers.filter((answer) => (answer.Error ?? "") !== "").length, 1);
  });
});

suite("logout", () => {
  const logsOut = (client: TestClient, expiry: string, authKey?: string) =>
    client.register({ expiry, ...(authKey === undefined ? {} : { authKey }) });

  for (const expiry of ["1970-01-01T00:02:03Z", "1970-01-01T09:02:03+09:00", "1969-12-31T16:02:03-08:00"]) {
    test(`an Expiry of ${expiry} logs out, and the expiry stored is now`, async () => {
      const client = await gateway.joined(ada);
      const answer = await logsOut(client, expiry);
      assert.equal(answer.NodeKeyExpired, true);
      assert.equal(answer.MachineAuthorized, false);
      const stored = gateway.nodeOf(client)?.expiry ?? 0;
      assert.ok(Math.abs(stored - clock.now()) < 5000);
    });
  }

  test("it takes precedence over Auth", async () => {
    const { key } = await gateway.preAuthKey({ user: ada, reusable: true });
    const client = await gateway.client();
    await client.register({ authKey: key });
    assert.equal((await logsOut(client, "1970-01-01T00:02:03Z", key)).NodeKeyExpired, true);
    assert.ok((gateway.nodeOf(client)?.expiry ?? Infinity) <= clock.now());
  });

  test("a node that nobody knows is answered alike", async () => {
    const client = await gateway.client();
    const answer = await logsOut(client, "1970-01-01T00:02:03Z");
    assert.equal(answer.NodeKeyExpired, true);
    assert.equal(answer.Error ?? "", "");
  });

  test("an ephemeral node is deleted, and its peers are told", async () => {
    const watcher = await gateway.joined(ada);
    const stream = await watcher.up();
    const { key } = await gateway.preAuthKey({ user: ada, ephemeral: true });
    const client = await gateway.client();
    await client.register({ authKey: key });
    const id = gateway.nodeOf(client)?.id ?? 0;
    await stream.until((netmap) => netmap.peers.has(id));
    await client.logout();
    await stream.until((netmap) => !netmap.peers.has(id));
    assert.equal(gateway.tailnet.directory.nodes.has(id as never), false);
  });

  test("the zero node key is refused", async () => {
    const client = await gateway.client();
    const answer = await client.register({ nodeKey: `nodekey:${"0".repeat(64)}` });
    assert.notEqual(answer.Error ?? "", "");
  });
});
